//! Telling that a code is the one that was sealed before, without opening anything.

use openssl::sha::Sha256;

use crate::model::sealed::SealedKind;
use crate::model::{Secret, Serial};

/// The fewest letters and digits of a code of which a digest is made. Apple's bypass codes have 26, five
/// bits each (reference apple-enrollment-api: 16 random bytes): nobody finds 128 bits by trying.
const FEWEST: usize = 26;

/// What the digest is made for; no other digest of the same code is the same.
const PURPOSE: &[u8] = b"espalier bypass code v1\0";

/// The fingerprint of a bypass code: 64 hexadecimal digits. Two that are equal are of one code of one
/// device; the code cannot be found from it, and of one device's it says nothing about another's.
///
/// `None` for every other kind: whoever holds the digest of a PIN tries all million of them in a moment.
/// `None` too for a code that is shorter or more uniform than Apple's and could be guessed: whether it is
/// the same as before is then not known.
pub fn fingerprint(kind: SealedKind, serial: Serial, value: &Secret) -> Option<String> {
    if kind != SealedKind::BypassCode || !is_random(value.reveal()) {
        return None;
    }
    let mut hash = Sha256::new();
    hash.update(PURPOSE);
    hash.update(serial.as_str().as_bytes());
    hash.update(&[0]);
    hash.update(value.reveal().as_bytes());
    Some(hash.finish().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a code looks like 128 random bits: long enough, and not one character over and over. A random
/// code has fewer than eight kinds of characters less than once in a billion.
fn is_random(code: &str) -> bool {
    let mut letters: Vec<char> = code.chars().filter(char::is_ascii_alphanumeric).collect();
    let length = letters.len();
    letters.sort_unstable();
    letters.dedup();
    length >= FEWEST && letters.len() >= 8
}
