//! What tests read: key pairs, made once, and token files in all forms.

use std::sync::OnceLock;

use base64::Engine as _;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::stack::Stack;
use openssl::symm::Cipher;

use crate::model::Name;
use crate::server_token::KeyPair;

pub(super) const SECRETS: [&str; 4] =
    ["CK_planted11aa22bb", "CS_planted33cc44dd", "AT_planted55ee66ff", "AS_planted778899aa"];

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn now() -> jiff::Timestamp {
    "2026-11-01T08:00:00Z".parse().unwrap()
}

/// A pair of this binary; each takes a second to make.
pub(super) fn pair() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| KeyPair::generate(&name("school"), now()).unwrap())
}

/// Another one.
pub(super) fn other() -> &'static KeyPair {
    static PAIR: OnceLock<KeyPair> = OnceLock::new();
    PAIR.get_or_init(|| KeyPair::generate(&name("school"), now()).unwrap())
}

/// The token's JSON on one line.
pub(super) fn json() -> String {
    let [ck, cs, at, as_] = SECRETS;
    format!(
        r#"{{"consumer_key":"{ck}","consumer_secret":"{cs}","access_token":"{at}","access_secret":"{as_}","access_token_expiry":"2027-11-01T08:00:00Z"}}"#
    )
}

/// The decrypted text as it comes.
pub(super) fn message() -> String {
    format!(
        "Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n-----BEGIN MESSAGE-----\r\n{}\r\n-----END MESSAGE-----\r\n",
        json()
    )
}

/// Encrypts for a pair; DER.
pub(super) fn der(pair: &KeyPair, cipher: Cipher, text: &str, options: CMSOptions) -> Vec<u8> {
    let mut to = Stack::new().unwrap();
    to.push(pair.certificate().to_owned()).unwrap();
    let made = CmsContentInfo::encrypt(&to, text.as_bytes(), cipher, options | CMSOptions::BINARY);
    made.unwrap().to_der().unwrap()
}

/// The usual one.
pub(super) fn usual(text: &str) -> Vec<u8> {
    der(pair(), Cipher::aes_128_cbc(), text, CMSOptions::empty())
}

/// The same octets with indefinite lengths for every constructed value and the content in chunks, as
/// Apple sends it.
pub(super) fn indefinite(der: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = der;
    while !rest.is_empty() {
        let (head, length) = match rest[1] {
            short @ 0..0x80 => (2, usize::from(short)),
            long => {
                let octets = usize::from(long & 0x7f);
                (2 + octets, rest[2..2 + octets].iter().fold(0, |sum, octet| sum << 8 | usize::from(*octet)))
            }
        };
        let (tag, body) = (rest[0], &rest[head..head + length]);
        match tag {
            0x80 => {
                out.extend([0xA0, 0x80]);
                for chunk in body.chunks(100) {
                    out.extend([0x04, chunk.len() as u8]);
                    out.extend(chunk);
                }
                out.extend([0, 0]);
            }
            // The issuer's name and its serial number stay as the certificate has them.
            _ if tag & 0x20 != 0 && tag != 0x31 => {
                out.extend([tag, 0x80]);
                out.extend(indefinite(body));
                out.extend([0, 0]);
            }
            _ => out.extend(&rest[..head + length]),
        }
        rest = &rest[head + length..];
    }
    out
}

pub(super) fn base64(octets: &[u8], width: usize, end: &str) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(octets);
    let lines: Vec<&str> =
        text.as_bytes().chunks(width).map(|line| std::str::from_utf8(line).unwrap()).collect();
    lines.join(end) + end
}

/// A file as the portal gives it.
pub(super) fn smime(octets: &[u8], end: &str) -> String {
    let header = [
        "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data",
        "Content-Transfer-Encoding: base64",
        "Content-Disposition: attachment; filename=\"smime.p7m\"",
        "Content-Description: S/MIME Encrypted Message",
        "",
        "",
    ];
    header.join(end) + &base64(octets, 76, end)
}
