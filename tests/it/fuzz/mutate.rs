//! Inputs that nobody would write: seeded changes of a few that somebody did.

use std::ops::Range;

/// No input gets longer.
pub const LONGEST: usize = 1 << 16;
/// How often one input is changed, at most.
const CHANGES: usize = 8;

/// Numbers at which counting goes wrong, as texts.
const NUMBERS: [&str; 14] = [
    "0",
    "-1",
    "1e999",
    "-0",
    "1.5",
    "255",
    "65536",
    "2147483648",
    "4294967296",
    "9007199254740993",
    "9223372036854775808",
    "18446744073709551616",
    "-9223372036854775809",
    "99999999999999999999999999999999999999999999999999999999999999999999",
];

/// Words of the formats that are read.
const WORDS: [&str; 26] = [
    "null",
    "true",
    "{}",
    "[]",
    "\"\"",
    "\"\\ud800\"",
    "\"\\u0000\"",
    "\"9999-12-31T23:59:60Z\"",
    "\"-009999-01-01T00:00:00Z\"",
    "\"2024-02-30T24:00:00+99:99\"",
    ",",
    ":",
    "\r\n",
    "\n\n",
    "\r",
    "\u{feff}",
    "=",
    "====",
    "-----BEGIN MESSAGE-----",
    "-----END MESSAGE-----",
    "-----BEGIN PKCS7-----",
    "-----END PKCS7-----",
    "Content-Type: text/plain;charset=UTF8\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Transfer-Encoding: 8bit\r\n",
    "\"more_to_follow\":true,",
];

/// Bytes that are no UTF-8: alone, overlong, a surrogate, beyond the last character, cut.
const NO_UTF8: [&[u8]; 6] =
    [b"\xff", b"\x80", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82"];

/// Lengths as ASN.1 writes them: short, indefinite, long, longer than anything, leading zeros.
const LENGTHS: [&[u8]; 12] = [
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\x81\x00",
    b"\x81\xff",
    b"\x82\xff\xff",
    b"\x84\xff\xff\xff\xff",
    b"\x84\x7f\xff\xff\xff",
    b"\x88\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x88\x00\x00\x00\x00\x00\x00\x00\x01",
    b"\xff",
];

/// What opens one level of nesting, and what closes it.
const LEVELS: [(&[u8], &[u8]); 7] = [
    (b"[", b"]"),
    (b"{\"a\":", b"}"),
    (b"\x30\x80", b"\x00\x00"),
    (b"\x24\x80", b"\x00\x00"),
    (b"\xa0\x80", b"\x00\x00"),
    (b"\x30\x84\x00\x00\xff\xff", b""),
    (b"Content-Type: multipart/mixed\r\n\r\n", b""),
];

/// Numbers by chance, the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`; 0 for a bound of 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    /// One of them.
    ///
    /// # Panics
    ///
    /// Where there are none.
    pub fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// A part of something of that length; small parts more often.
    fn range(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        let longest = (length - start).min(1 << self.below(12));
        start..start + self.below(longest + 1)
    }
}

/// One of `bases`, changed once or several times, with parts of those in `pool`.
pub fn mutated(chance: &mut Chance, bases: &[Vec<u8>], pool: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = bases[chance.below(bases.len())].clone();
    // One change mostly: what is broken in many places is refused at the first.
    for _ in 0..=chance.below(CHANGES).saturating_sub(CHANGES / 2) {
        change(chance, &mut bytes, pool);
        bytes.truncate(LONGEST);
    }
    bytes
}

fn change(chance: &mut Chance, bytes: &mut Vec<u8>, pool: &[Vec<u8>]) {
    let at = chance.below(bytes.len() + 1);
    match chance.below(14) {
        0 | 1 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        2 if at < bytes.len() => bytes[at] = chance.next() as u8,
        3 => bytes.truncate(at),
        4 => {
            bytes.drain(chance.range(bytes.len()));
        }
        5 => {
            let part = bytes[chance.range(bytes.len())].to_vec();
            insert(bytes, at, &part);
        }
        6 => {
            let other = &pool[chance.below(pool.len())];
            let part = other[chance.range(other.len())].to_vec();
            insert(bytes, at, &part);
        }
        7 => {
            // The beginning of this one, the end of another.
            let other = &pool[chance.below(pool.len())];
            let from = chance.below(other.len() + 1);
            bytes.truncate(at);
            bytes.extend_from_slice(&other[from..]);
        }
        8 => replace(bytes, at, chance.of(&LENGTHS)),
        9 => nest(chance, bytes, at),
        10 => number(chance, bytes),
        11 => insert(bytes, at, chance.of(&NO_UTF8)),
        12 => insert(bytes, at, chance.of(&WORDS).as_bytes()),
        _ => value(chance, bytes),
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    bytes.splice(at..at, part.iter().copied());
}

fn replace(bytes: &mut Vec<u8>, at: usize, part: &[u8]) {
    let end = bytes.len().min(at + part.len());
    bytes.splice(at..end, part.iter().copied());
}

/// Wraps a part of it in many levels.
fn nest(chance: &mut Chance, bytes: &mut Vec<u8>, at: usize) {
    let (open, close) = chance.of(&LEVELS);
    // A deep one is a large input: seldom.
    let depth = 1 << if chance.below(8) == 0 { chance.below(14) } else { chance.below(6) };
    let rest = bytes.split_off(at);
    for _ in 0..depth {
        bytes.extend_from_slice(open);
    }
    bytes.extend(rest);
    for _ in 0..depth {
        bytes.extend_from_slice(close);
    }
}

/// Puts a number at the place of another.
fn number(chance: &mut Chance, bytes: &mut Vec<u8>) {
    let starts: Vec<usize> = (0..bytes.len())
        .filter(|at| bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[at - 1].is_ascii_digit()))
        .collect();
    if let Some(start) = starts.get(chance.below(starts.len())) {
        let length = bytes[*start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        bytes.splice(*start..start + length, chance.of(&NUMBERS).bytes());
    }
}

/// Puts another JSON value, or nothing, at the place of one.
fn value(chance: &mut Chance, bytes: &mut Vec<u8>) {
    let starts: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b':').map(|at| at + 1).collect();
    if let Some(start) = starts.get(chance.below(starts.len())) {
        let length = bytes[*start..].iter().take_while(|byte| !b",}\n".contains(byte)).count();
        let new = if chance.below(2) == 0 { chance.of(&NUMBERS) } else { chance.of(&WORDS) };
        bytes.splice(*start..start + length, new.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_inputs() {
        let pool = [br#"{"a": 12, "b": "text"}"#.to_vec(), b"\x30\x03\x02\x01\x05".to_vec()];
        let made = |seed| -> Vec<Vec<u8>> {
            let mut chance = Chance::new(seed);
            (0..200).map(|_| mutated(&mut chance, &pool, &pool)).collect()
        };
        assert_eq!(made(7), made(7));
        assert_ne!(made(7), made(8));
        assert!(made(7).iter().all(|input| input.len() <= LONGEST));
        // Every change is one that is made.
        assert!(made(7).iter().any(|input| std::str::from_utf8(input).is_err()));
        assert!(made(7).iter().any(|input| input.len() > 1000));
        assert!(made(7).iter().any(Vec::is_empty) || made(9).iter().any(|input| input.len() < 3));
    }
}
