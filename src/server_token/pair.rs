//! The key pair whose certificate goes to the portal (T-1). PURE but for OpenSSL's chance.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use openssl::asn1::Asn1Time;
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, PKeyRef, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectKeyIdentifier};
use openssl::x509::{X509, X509Name, X509Ref};

use super::error::TokenFileError;
use super::p7m::Recipient;
use crate::model::{Name, Secret, clock};

/// The size of the key, in bits: what everybody uploads (reference apple-enrollment-api, 1.2).
const BITS: u32 = 2048;

/// The portal's clock may be behind ours.
const BACK_DATED: Duration = Duration::from_secs(10 * 60);

/// The certificate only carries the key: its end does not matter to the token, and must not come
/// while the key is in use.
const VALIDITY: Duration = Duration::from_secs(3650 * 86_400);

/// A private key with its certificate. Its `Debug` shows the certificate only.
#[derive(Clone)]
pub struct KeyPair {
    key: PKey<Private>,
    certificate: X509,
}

/// Why there is no key pair. No error holds any part of a key.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The text has no private key, or a damaged one.
    #[error("the private key is no PEM text of one")]
    NoKey,
    /// The key is encrypted.
    #[error("the private key is encrypted, and nobody is there to give the passphrase")]
    Encrypted,
    /// The key is of another kind.
    #[error("the private key is no RSA key; server tokens are encrypted for RSA")]
    NotRsa,
    /// The text has no certificate, or a damaged one.
    #[error("the certificate is no PEM text of one (`-----BEGIN CERTIFICATE-----`), nor DER")]
    NoCertificate,
    /// OpenSSL could not make one.
    #[error("no key pair could be made")]
    Make(#[source] ErrorStack),
}

impl PairError {
    /// Its stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKey | Self::Encrypted | Self::NotRsa => "token-key-unusable",
            Self::NoCertificate => "token-certificate-unusable",
            Self::Make(_) => "system",
        }
    }

    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            Self::NoKey | Self::NotRsa => "name the private key that `espalier token keygen` made",
            Self::Encrypted => {
                "keep it unencrypted where secrets are kept (`openssl pkey -in FILE` decrypts it)"
            }
            Self::NoCertificate => "name the certificate that was uploaded to the portal",
            Self::Make(_) => "see whether the machine's OpenSSL works",
        }
    }
}

impl KeyPair {
    /// Makes a pair: RSA of 2048 bits and a self-signed certificate with a random serial number, whose
    /// name is the token's.
    ///
    /// # Errors
    /// [`PairError::Make`]
    pub fn generate(token: &Name, now: Timestamp) -> Result<Self, PairError> {
        make(token, now).map_err(PairError::Make)
    }

    /// Reads a pair from the key's PEM and the certificate's PEM or DER. Whether they belong together
    /// is asked by [`KeyPair::check`].
    ///
    /// # Errors
    /// See [`PairError`].
    pub fn read(key: &Secret, certificate: &[u8]) -> Result<Self, PairError> {
        // OpenSSL would ask the terminal for the passphrase of the older encrypted form.
        if key.reveal().contains("ENCRYPTED") {
            return Err(PairError::Encrypted);
        }
        let key = PKey::private_key_from_pem_callback(key.reveal().as_bytes(), |_| Ok(0))
            .map_err(|_| PairError::NoKey)?;
        if key.id() != Id::RSA {
            return Err(PairError::NotRsa);
        }
        let certificate = certificate_of(certificate)?;
        Ok(Self { key, certificate })
    }

    /// Whether key and certificate belong together.
    ///
    /// # Errors
    /// [`TokenFileError::KeyMismatch`]
    pub fn check(&self) -> Result<(), TokenFileError> {
        match self.certificate.public_key() {
            Ok(public) if public.public_eq(&self.key) => Ok(()),
            _ => Err(TokenFileError::KeyMismatch(self.recipient())),
        }
    }

    /// The certificate.
    pub fn certificate(&self) -> &X509Ref {
        &self.certificate
    }

    pub(super) fn key(&self) -> &PKeyRef<Private> {
        &self.key
    }

    /// The certificate's name among a file's recipients.
    pub fn recipient(&self) -> Recipient {
        Recipient::of(&self.certificate)
    }

    /// SHA-256 over the certificate, 64 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let digest = self.certificate.digest(MessageDigest::sha256());
        digest.map(|digest| digest.iter().map(|byte| format!("{byte:02x}")).collect()).unwrap_or_default()
    }

    /// The certificate as PEM, for the portal.
    ///
    /// # Errors
    /// [`PairError::Make`]
    pub fn certificate_pem(&self) -> Result<Vec<u8>, PairError> {
        self.certificate.to_pem().map_err(PairError::Make)
    }

    /// The private key as PEM (PKCS#8, not encrypted).
    ///
    /// # Errors
    /// [`PairError::Make`]
    pub fn key_pem(&self) -> Result<Secret, PairError> {
        let pem = self.key.private_key_to_pem_pkcs8().map_err(PairError::Make)?;
        Ok(Secret::new(String::from_utf8(pem).map_err(|_| PairError::NoKey)?))
    }
}

impl fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("certificate", &self.recipient()).finish_non_exhaustive()
    }
}

/// The certificate in a text: PEM, or the base64 of its DER without the lines around it.
///
/// # Errors
/// [`PairError::NoCertificate`]
pub fn certificate_text(text: &str) -> Result<X509, PairError> {
    if text.contains("-----BEGIN") {
        return certificate_of(text.trim_start().as_bytes());
    }
    let octets = super::text::base64(text.as_bytes()).ok_or(PairError::NoCertificate)?;
    X509::from_der(&octets).map_err(|_| PairError::NoCertificate)
}

/// A certificate from PEM or DER.
pub(super) fn certificate_of(bytes: &[u8]) -> Result<X509, PairError> {
    let read = if bytes.first() == Some(&0x30) { X509::from_der(bytes) } else { X509::from_pem(bytes) };
    read.map_err(|_| PairError::NoCertificate)
}

fn make(token: &Name, now: Timestamp) -> Result<KeyPair, ErrorStack> {
    let key = PKey::from_rsa(Rsa::generate(BITS)?)?;
    let mut name = X509Name::builder()?;
    // No longer than a name may be: 63 letters, of which the standard's bound of 64 takes all.
    name.append_entry_by_text("CN", token.as_str())?;
    let name = name.build();
    let mut serial = BigNum::new()?;
    // Positive, and never as short as another one's by chance.
    serial.rand(127, MsbOption::ONE, false)?;
    let begins =
        now.checked_sub(jiff::SignedDuration::try_from(BACK_DATED).unwrap_or_default()).unwrap_or(now);
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let serial = serial.to_asn1_integer()?;
    let begin = Asn1Time::from_unix(begins.as_second())?;
    let end = Asn1Time::from_unix(clock::after(begins, VALIDITY).as_second())?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(&begin)?;
    builder.set_not_after(&end)?;
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().key_encipherment().build()?)?;
    let key_id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(key_id)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok(KeyPair { key, certificate: builder.build() })
}
