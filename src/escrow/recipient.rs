//! One recipient: a certificate, and whether its key is one that secrets may be sealed to.

use std::fmt;
use std::path::{Path, PathBuf};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Public};
use openssl::x509::{X509, X509KeyUsage, X509NameRef};

use super::error::RecipientError;
use crate::model::clock::Timestamp;

/// The shortest RSA key, in bits.
const SHORTEST_RSA: u32 = 2048;

/// The longest subject that is shown, in characters.
const LONGEST_NAME: usize = 200;

/// A certificate that secrets can be sealed to: RSA of at least 2048 bits, or on P-256, P-384 or P-521.
#[derive(Clone)]
pub struct Recipient {
    file: PathBuf,
    name: String,
    fingerprint: String,
    not_before: Timestamp,
    not_after: Timestamp,
    pub(super) certificate: X509,
    pub(super) key: PKey<Public>,
}

impl Recipient {
    /// Reads one certificate, PEM or DER. `file` is shown to people and not opened. Whether its time has
    /// come or is over is asked by [`Recipient::check`].
    ///
    /// # Errors
    /// See [`RecipientError`]: no certificate, several, a private key beside it, a key that is too weak or
    /// of another kind, a key usage that leaves sealing out.
    pub fn parse(file: &Path, bytes: &[u8]) -> Result<Self, RecipientError> {
        let certificate = certificate(file, bytes)?;
        let name = one_line(certificate.subject_name());
        let at = || (file.to_owned(), name.clone());
        let unusable = |what: String| {
            let (file, name) = at();
            RecipientError::Key { file, name, what }
        };
        let key =
            certificate.public_key().map_err(|_| unusable("one that this program cannot read".to_owned()))?;
        let needed = judge(&key).map_err(unusable)?;
        if let Some(usage) = certificate.key_usage()
            && !usage.contains(needed.0)
        {
            let (file, name) = at();
            return Err(RecipientError::Usage { file, name, missing: needed.1 });
        }
        let validity = || {
            let (file, name) = at();
            RecipientError::Validity { file, name }
        };
        let not_before = instant(certificate.not_before()).ok_or_else(validity)?;
        let not_after = instant(certificate.not_after()).ok_or_else(validity)?;
        let digest = certificate.digest(MessageDigest::sha256()).map_err(|_| validity())?;
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        Ok(Self { file: file.to_owned(), name, fingerprint, not_before, not_after, certificate, key })
    }

    /// The file that it came from, as it was named.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The certificate's subject in one line: `CN=Escrow of Example`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The certificate's fingerprint: SHA-256 of its DER in 64 lower-case hexadecimal digits.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The certificate alone, as PEM; `None` where the library fails.
    pub fn to_pem(&self) -> Option<String> {
        String::from_utf8(self.certificate.to_pem().ok()?).ok()
    }

    /// The last moment of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it may be sealed to at this instant.
    ///
    /// # Errors
    /// [`RecipientError::Expired`], [`RecipientError::NotYetValid`]
    pub fn check(&self, now: Timestamp) -> Result<(), RecipientError> {
        let (file, name) = (|| self.file.clone(), || self.name.clone());
        if now > self.not_after {
            return Err(RecipientError::Expired { file: file(), name: name(), at: self.not_after });
        }
        if now < self.not_before {
            return Err(RecipientError::NotYetValid { file: file(), name: name(), at: self.not_before });
        }
        Ok(())
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipient")
            .field("file", &self.file)
            .field("name", &self.name)
            .field("fingerprint", &self.fingerprint)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Recipient {
    /// Equal where the certificate is, whatever file it came from.
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}

impl Eq for Recipient {}

fn certificate(file: &Path, bytes: &[u8]) -> Result<X509, RecipientError> {
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let file = || file.to_owned();
    let none = |_| RecipientError::NoCertificate { file: file() };
    if !has(b"-----BEGIN ") {
        return X509::from_der(bytes).map_err(none);
    }
    if has(b"PRIVATE KEY") {
        return Err(RecipientError::PrivateKey { file: file() });
    }
    let mut all = X509::stack_from_pem(bytes).map_err(none)?;
    match (all.pop(), all.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => Err(RecipientError::Several { file: file() }),
        (None, _) => Err(RecipientError::NoCertificate { file: file() }),
    }
}

/// The usage that sealing to a key needs, with its name; else what the key is.
fn judge(key: &PKeyRef<Public>) -> Result<(X509KeyUsage, &'static str), String> {
    match key.id() {
        Id::RSA if key.bits() < SHORTEST_RSA => Err(format!("an RSA key of {} bits", key.bits())),
        Id::RSA => Ok((X509KeyUsage::KEY_ENCIPHERMENT, "keyEncipherment")),
        Id::EC => {
            let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
            match curve {
                Some(Nid::X9_62_PRIME256V1 | Nid::SECP384R1 | Nid::SECP521R1) => {
                    Ok((X509KeyUsage::KEY_AGREEMENT, "keyAgreement"))
                }
                Some(other) => {
                    Err(format!("on the elliptic curve {}", other.short_name().unwrap_or("without a name")))
                }
                None => Err("on an elliptic curve without a name".to_owned()),
            }
        }
        Id::RSA_PSS => Err("an RSA key that may only sign".to_owned()),
        Id::ED25519 | Id::ED448 | Id::DSA => Err("one that can only sign".to_owned()),
        _ => Err("of a kind that is not sealed to".to_owned()),
    }
}

/// A name as `CN=escrow, O=Example`.
fn one_line(name: &X509NameRef) -> String {
    let parts: Vec<String> = name
        .entries()
        .map(|entry| {
            let key = entry.object().nid().short_name().unwrap_or("?");
            format!("{key}={}", entry.data().to_string().unwrap_or_default())
        })
        .collect();
    // A name may hold anything; it is shown to people.
    let line = parts.join(", ");
    let line: String =
        line.chars().map(|char| if char.is_control() { '?' } else { char }).take(LONGEST_NAME).collect();
    if line.is_empty() { "a subject without a name".to_owned() } else { line }
}

fn instant(time: &Asn1TimeRef) -> Option<Timestamp> {
    let epoch = Asn1Time::from_unix(0).ok()?;
    let span = epoch.diff(time).ok()?;
    Timestamp::from_second(i64::from(span.days) * 86_400 + i64::from(span.secs)).ok()
}
