//! The `.p7m` file: what form it comes in, whom it is for, and its content. PURE but for OpenSSL.
//!
//! ```text
//! bytes ─ MIME, PEM, bare base64, DER or BER ─> octets ─ ber ─> recipients, cipher
//!                                                 └─ OpenSSL's CMS with key and certificate ─> content
//! ```
//!
//! Apple sends BER with indefinite lengths in S/MIME text (reference apple-enrollment-api, 1.3); the
//! other forms are what mail programs, editors and scripts make of it.

use std::fmt;

use base64::Engine as _;
use openssl::cms::CmsContentInfo;
use openssl::x509::{X509Name, X509NameRef, X509Ref};

use super::ber::{CONTEXT_0, CONTEXT_0_PRIMITIVE, Fault, INTEGER, OID, Reader, SEQUENCE, SET, Value};
use super::content;
use super::error::TokenFileError;
use super::pair::KeyPair;
use super::text::{self, Part};
use crate::model::ServerToken;

/// The longest file that is read, in bytes: a token's has about 4,000.
pub const LONGEST: usize = 1 << 20;

/// Less base64 than any message has whose header announces one, in bytes.
const SHORTEST: usize = 300;

/// The header fields of the portal's files (reference apple-enrollment-api, 1.3), and a blank line.
const HEADER: [&str; 6] = [
    "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data",
    "Content-Transfer-Encoding: base64",
    "Content-Disposition: attachment; filename=\"smime.p7m\"",
    "Content-Description: S/MIME Encrypted Message",
    "",
    "",
];

/// More recipients than anybody encrypts a token for.
const MOST_RECIPIENTS: usize = 64;

/// `1.2.840.113549.1.7.3`, enveloped-data.
const ENVELOPED: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x03];
/// `1.2.840.113549.1.9.16.1.23`, authenticated-enveloped-data: what GCM comes in.
const AUTH_ENVELOPED: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01, 0x17];

/// The ciphers that are opened: AES in CBC and GCM, and DES-EDE3-CBC. Apple's own sample has the first.
const CIPHERS: [&str; 7] = [
    "2.16.840.1.101.3.4.1.2",
    "2.16.840.1.101.3.4.1.22",
    "2.16.840.1.101.3.4.1.42",
    "2.16.840.1.101.3.4.1.6",
    "2.16.840.1.101.3.4.1.26",
    "2.16.840.1.101.3.4.1.46",
    "1.2.840.113549.3.7",
];

/// Whom a file is encrypted for, or whom a certificate is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// By issuer and serial number of the certificate, as Apple does.
    Certificate {
        /// The issuer's name in one line, `CN=school`.
        issuer: String,
        /// The serial number, hexadecimal without leading zeros.
        serial: String,
    },
    /// By the certificate's key identifier, hexadecimal.
    KeyId(String),
    /// In a way that needs no certificate, like a password.
    Other,
}

impl Recipient {
    /// The certificate's own name among recipients.
    pub fn of(certificate: &X509Ref) -> Self {
        let serial = certificate.serial_number().to_bn().map(|number| number.to_vec()).unwrap_or_default();
        Self::Certificate { issuer: one_line(certificate.issuer_name()), serial: hex(&serial) }
    }

    /// Whether a file for this recipient is one for the certificate.
    pub fn means(&self, certificate: &X509Ref) -> bool {
        match self {
            Self::Certificate { .. } => *self == Self::of(certificate),
            Self::KeyId(id) => certificate.subject_key_id().is_some_and(|own| hex(own.as_slice()) == *id),
            Self::Other => false,
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { issuer, serial } => write!(f, "issuer {issuer}, serial {serial}"),
            Self::KeyId(id) => write!(f, "key id {id}"),
            Self::Other => f.write_str("no certificate"),
        }
    }
}

/// A token file that was read and not yet decrypted.
#[derive(Clone)]
pub struct Envelope {
    octets: Vec<u8>,
    recipients: Vec<Recipient>,
    cipher: String,
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { octets, recipients, cipher } = self;
        f.debug_struct("Envelope")
            .field("octets", &octets.len())
            .field("recipients", recipients)
            .field("cipher", cipher)
            .finish()
    }
}

impl Envelope {
    /// Reads a file in any of its forms. It never panics, whatever the bytes are.
    ///
    /// # Errors
    /// Everything that can be told without a key: another file, a cut one, a damaged one.
    pub fn read(bytes: &[u8]) -> Result<Self, TokenFileError> {
        let octets = octets(bytes)?;
        let mut outer = Reader::new(&octets);
        let info = match outer.next() {
            Ok(Some(value)) if value.tag == SEQUENCE => value,
            Err(Fault::Short) if begins_as_cms(&octets) => return Err(TokenFileError::Truncated),
            _ => return Err(TokenFileError::Other(like(&octets))),
        };
        let (recipients, cipher) = match walk(info) {
            Ok(Walked::Envelope(recipients, cipher)) => (recipients, cipher),
            Ok(Walked::OtherContent) => {
                return Err(TokenFileError::Other("a CMS message that is not encrypted for anybody"));
            }
            Err(_) if begins_as_cms(&octets) => return Err(TokenFileError::Damaged),
            Err(_) => return Err(TokenFileError::Other(like(&octets))),
        };
        Ok(Self { recipients, cipher, octets: info.whole.to_vec() })
    }

    /// Whom it is for.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// The cipher of its content, as an object identifier.
    pub fn cipher(&self) -> &str {
        &self.cipher
    }

    /// The file as the portal writes it: S/MIME text, whatever form it was read from.
    pub fn to_text(&self) -> String {
        let digits = base64::engine::general_purpose::STANDARD.encode(&self.octets);
        let mut text = HEADER.join("\r\n");
        for line in digits.as_bytes().chunks(76) {
            text.extend(line.iter().map(|digit| char::from(*digit)));
            text += "\r\n";
        }
        text
    }

    /// Whether it is for this pair.
    pub fn is_for(&self, pair: &KeyPair) -> bool {
        self.recipients.iter().any(|recipient| recipient.means(pair.certificate()))
    }

    /// Decrypts it and reads the token.
    ///
    /// # Errors
    /// The pair is another one, its halves do not belong together, the cipher is unknown, or what
    /// comes out is no token.
    pub fn open(&self, pair: &KeyPair) -> Result<ServerToken, TokenFileError> {
        pair.check()?;
        if !self.is_for(pair) {
            let held = vec![pair.recipient()];
            return Err(TokenFileError::OtherCertificate { file: self.recipients.clone(), held });
        }
        if !CIPHERS.contains(&self.cipher.as_str()) {
            return Err(TokenFileError::Cipher(self.cipher.clone()));
        }
        // OpenSSL's own list of errors may be empty here, and says nothing that helps.
        let failed = |_| TokenFileError::Undecryptable(pair.recipient());
        let message = CmsContentInfo::from_der(&self.octets).map_err(|_| TokenFileError::Damaged)?;
        let plain = message.decrypt(pair.key(), &pair.certificate().to_owned()).map_err(failed)?;
        let plain = zeroing(plain);
        content::token(&plain)
    }
}

/// Bytes that are wiped when they go.
fn zeroing(plain: Vec<u8>) -> secrecy::SecretSlice<u8> {
    plain.into()
}

/// The octets of the CMS message, out of whatever is around them.
fn octets(bytes: &[u8]) -> Result<Vec<u8>, TokenFileError> {
    if bytes.len() > LONGEST {
        return Err(TokenFileError::TooLarge(bytes.len()));
    }
    if is_binary(bytes) {
        return Ok(bytes.to_vec());
    }
    let text = text::plain(bytes);
    if is_binary(&text) {
        return Ok(text.into_owned());
    }
    let part = Part::of(&text);
    let other = |what| Err(TokenFileError::Other(what));
    if let Some(kind) = part.field("content-type")
        && !["application/pkcs7-mime", "application/x-pkcs7-mime", "application/octet-stream"]
            .contains(&kind.as_str())
    {
        return other(if looks_decrypted(&text) { DECRYPTED } else { "a message of another type" });
    }
    let body = part.body.trim_ascii_start();
    if part.field("content-type").is_some() && !body.contains(&b'\n') && body.len() < SHORTEST {
        // Cut within the header, or right after it.
        return Err(TokenFileError::Truncated);
    }
    if is_binary(body) {
        return Ok(body.to_vec());
    }
    let body = match body.strip_prefix(b"-----BEGIN ") {
        Some(label) if label.starts_with(b"PKCS7-----") || label.starts_with(b"CMS-----") => {
            text::first_line(body).map_or(&[][..], |(_, rest)| rest)
        }
        Some(label) if label.starts_with(b"MESSAGE-----") => return other(DECRYPTED),
        Some(label) if label.starts_with(b"CERTIFICATE") => return other("a certificate"),
        Some(_) => return other("a PEM file of another kind, perhaps a key"),
        None => body,
    };
    match text::base64(body) {
        // Nothing is left where every line reads as one of a header.
        Some(octets) if octets.is_empty() => other(like(&text)),
        Some(octets) => Ok(octets),
        None => other(like(&text)),
    }
}

const DECRYPTED: &str = "a token that is decrypted already";

fn looks_decrypted(text: &[u8]) -> bool {
    text.windows(b"consumer_key".len()).take(4096).any(|window| window == b"consumer_key")
}

/// What something else looks like.
fn like(bytes: &[u8]) -> &'static str {
    match bytes.first() {
        None => "an empty file",
        Some(b'{') if looks_decrypted(bytes) => DECRYPTED,
        Some(b'{' | b'[') => "a JSON text",
        Some(b'<') => "a web page",
        _ => "something else",
    }
}

/// A `SEQUENCE` with a length that no text has in its place.
fn is_binary(bytes: &[u8]) -> bool {
    matches!(bytes, [SEQUENCE, 0x80..=0x84, ..])
}

/// Whether octets begin as a message that is encrypted for somebody, as far as they go. The first
/// three say too little.
fn begins_as_cms(octets: &[u8]) -> bool {
    let [SEQUENCE, length, ..] = octets else { return false };
    let head = match length {
        0x80 => 2,
        0x81..=0x84 => 2 + usize::from(length & 0x7f),
        _ => return false,
    };
    let Some(rest) = octets.get(head..) else { return true };
    [ENVELOPED, AUTH_ENVELOPED].iter().any(|oid| {
        let begin = [&[OID, oid.len() as u8][..], oid].concat();
        rest.iter().zip(&begin).all(|(found, known)| found == known)
    })
}

enum Walked {
    /// Recipients and the cipher's object identifier.
    Envelope(Vec<Recipient>, String),
    /// CMS of another content.
    OtherContent,
}

/// Walks the structure (RFC 5652 section 6.1, RFC 5083 section 2.1) as far as the cipher, and sees that
/// there is a content.
fn walk(info: Value<'_>) -> Result<Walked, Fault> {
    let mut info = info.values();
    let kind = info.expect(OID)?.body;
    if kind != ENVELOPED && kind != AUTH_ENVELOPED {
        return Ok(Walked::OtherContent);
    }
    let mut envelope = info.expect(CONTEXT_0)?.values().expect(SEQUENCE)?.values();
    envelope.expect(INTEGER)?;
    let mut recipients = envelope.next()?.ok_or(Fault::Malformed)?;
    if recipients.tag == CONTEXT_0 {
        // Certificates of the sender.
        recipients = envelope.next()?.ok_or(Fault::Malformed)?;
    }
    if recipients.tag != SET {
        return Err(Fault::Malformed);
    }
    let mut found = Vec::new();
    let mut each = recipients.values();
    while let Some(one) = each.next()? {
        if found.len() == MOST_RECIPIENTS {
            return Err(Fault::Malformed);
        }
        found.push(recipient(one)?);
    }
    let mut content = envelope.expect(SEQUENCE)?.values();
    content.expect(OID)?;
    let cipher = content.expect(SEQUENCE)?.values().expect(OID)?.body;
    let encrypted = content.next()?.ok_or(Fault::Malformed)?;
    if ![CONTEXT_0, CONTEXT_0_PRIMITIVE].contains(&encrypted.tag) {
        return Err(Fault::Malformed);
    }
    Ok(Walked::Envelope(found, dotted(cipher).ok_or(Fault::Malformed)?))
}

fn recipient(value: Value<'_>) -> Result<Recipient, Fault> {
    if value.tag != SEQUENCE {
        return Ok(Recipient::Other);
    }
    let mut fields = value.values();
    fields.expect(INTEGER)?;
    let id = fields.next()?.ok_or(Fault::Malformed)?;
    match id.tag {
        SEQUENCE => {
            let mut id = id.values();
            let issuer = id.expect(SEQUENCE)?;
            let serial = id.expect(INTEGER)?;
            let issuer = X509Name::from_der(issuer.whole).map_err(|_| Fault::Malformed)?;
            Ok(Recipient::Certificate { issuer: one_line(&issuer), serial: hex(serial.body) })
        }
        CONTEXT_0_PRIMITIVE => Ok(Recipient::KeyId(hex(id.body))),
        _ => Err(Fault::Malformed),
    }
}

/// A name as `CN=school, O=Example`.
fn one_line(name: &X509NameRef) -> String {
    let parts: Vec<String> = name
        .entries()
        .map(|entry| {
            let key = entry.object().nid().short_name().unwrap_or("?");
            let text = entry.data().to_string().unwrap_or_default();
            format!("{key}={text}")
        })
        .collect();
    let line = parts.join(", ");
    // A name may hold anything; it is shown to people.
    let line: String =
        line.chars().map(|char| if char.is_control() { '?' } else { char }).take(200).collect();
    if line.is_empty() { "without a name".to_owned() } else { line }
}

/// Without leading zeros; `0` for nothing.
fn hex(bytes: &[u8]) -> String {
    let begin = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let text: String = bytes[begin..].iter().take(64).map(|byte| format!("{byte:02x}")).collect();
    match text.trim_start_matches('0') {
        "" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// An object identifier as numbers; `None` for none, or one of absurd size.
fn dotted(body: &[u8]) -> Option<String> {
    if body.is_empty() || body.len() > 32 {
        return None;
    }
    let mut numbers: Vec<u64> = Vec::new();
    let mut number = 0u64;
    for byte in body {
        number = number.checked_mul(128)?.checked_add(u64::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            numbers.push(number);
            number = 0;
        }
    }
    let first = *numbers.first()?;
    let root = (first / 40).min(2);
    let rest = numbers.iter().skip(1).map(u64::to_string);
    let all: Vec<String> =
        [root.to_string(), (first - root * 40).to_string()].into_iter().chain(rest).collect();
    (body.last()? & 0x80 == 0).then(|| all.join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_identifiers_are_read() {
        assert_eq!(dotted(ENVELOPED).as_deref(), Some("1.2.840.113549.1.7.3"));
        assert_eq!(
            dotted(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 0x2A]).as_deref(),
            Some("2.16.840.1.101.3.4.1.42")
        );
        assert_eq!(dotted(&[0x86]), None);
        assert_eq!(dotted(&[0xff; 32]), None);
    }

    #[test]
    fn serial_numbers_have_no_leading_zeros() {
        assert_eq!(hex(&[0, 0x0a, 0xbc]), "abc");
        assert_eq!(hex(&[0]), "0");
        assert_eq!(hex(&[]), "0");
    }
}
