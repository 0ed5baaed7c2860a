//! A certificate as proof: the PEM with key and certificate, and the assertion that it signs.
//!
//! The assertion is a JWT of its own making, RSASSA-PSS with SHA-256 (`PS256`), since one call needs
//! no library. Source: reference intune-graph section 7.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{Id, PKey, Private};
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};
use openssl::x509::X509;
use serde_json::json;

use crate::model::{Secret, clock};
use crate::provider::pem::blocks;

/// How long an assertion is good: Entra advises 5 to 10 minutes.
const LIFETIME: Duration = Duration::from_secs(8 * 60);

/// Entra takes no shorter keys, in bits.
const SHORTEST_KEY: u32 = 2048;

/// A private RSA key and its certificate. Its `Debug` shows the certificate only.
#[derive(Clone)]
pub struct SigningCertificate {
    key: PKey<Private>,
    thumbprint: String,
    subject: String,
    not_before: Timestamp,
    not_after: Timestamp,
}

/// Why a PEM text is no proof. No error holds any part of the text.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// Not a single block.
    #[error(
        "it is no PEM text: it has no line `-----BEGIN …-----` (a variable must keep the line breaks, and a .pfx is converted by `openssl pkcs12 -nodes`)"
    )]
    NotPem,
    /// A block that does not end, or whose content is none.
    #[error("its block `{0}` is damaged")]
    Damaged(&'static str),
    /// No private key.
    #[error("it has no private key; put the key's PEM beside the certificate's")]
    NoKey,
    /// Several private keys.
    #[error("it has several private keys; keep the one of the certificate")]
    SeveralKeys,
    /// No certificate.
    #[error("it has no certificate; put the certificate's PEM beside the key's")]
    NoCertificate,
    /// The key is encrypted.
    #[error(
        "its private key is encrypted, and nobody is there to give the passphrase; keep it unencrypted where secrets are kept (`openssl pkey -in FILE` decrypts it)"
    )]
    Encrypted,
    /// The key is of another kind.
    #[error("its private key is {0}; Entra's PS256 needs an RSA key")]
    NotRsa(&'static str),
    /// The key is too short.
    #[error("its RSA key has {0} bits; Entra needs 2048 or more")]
    TooShort(u32),
    /// The key is of none of the certificates.
    #[error("its private key and its certificate ({0}) do not belong together")]
    Mismatch(String),
}

/// What a PEM block is called when it holds something that counts.
const KEY: &str = "PRIVATE KEY";
const RSA_KEY: &str = "RSA PRIVATE KEY";
const CERTIFICATE: &str = "CERTIFICATE";

impl SigningCertificate {
    /// Reads a PEM text with one private key (PKCS#8 or PKCS#1) and its certificate, in any order.
    /// Further certificates, as of a chain, do no harm.
    ///
    /// # Errors
    /// See [`CertificateError`].
    pub fn from_pem(pem: &Secret) -> Result<Self, CertificateError> {
        let (mut key, mut certificates) = (None, Vec::new());
        let blocks = blocks(pem.reveal());
        if blocks.is_empty() {
            return Err(CertificateError::NotPem);
        }
        for (label, block) in blocks {
            match label {
                "ENCRYPTED PRIVATE KEY" => return Err(CertificateError::Encrypted),
                "EC PRIVATE KEY" => return Err(CertificateError::NotRsa("an EC key")),
                "DSA PRIVATE KEY" => return Err(CertificateError::NotRsa("a DSA key")),
                "OPENSSH PRIVATE KEY" => return Err(CertificateError::NotRsa("in OpenSSH's own form")),
                // Headers before the content, in the older form: OpenSSL would ask the terminal.
                KEY | RSA_KEY if block.contains("ENCRYPTED") => return Err(CertificateError::Encrypted),
                KEY | RSA_KEY => {
                    let label = if label == KEY { KEY } else { RSA_KEY };
                    let read = PKey::private_key_from_pem_callback(block.as_bytes(), |_| Ok(0))
                        .map_err(|_| CertificateError::Damaged(label))?;
                    if key.replace(read).is_some() {
                        return Err(CertificateError::SeveralKeys);
                    }
                }
                CERTIFICATE => certificates.push(
                    X509::from_pem(block.as_bytes()).map_err(|_| CertificateError::Damaged(CERTIFICATE))?,
                ),
                _ => {}
            }
        }
        let key = key.ok_or(CertificateError::NoKey)?;
        match key.id() {
            Id::RSA => {}
            Id::EC => return Err(CertificateError::NotRsa("an EC key")),
            Id::ED25519 | Id::ED448 => return Err(CertificateError::NotRsa("an Edwards key")),
            _ => return Err(CertificateError::NotRsa("of another kind")),
        }
        if key.bits() < SHORTEST_KEY {
            return Err(CertificateError::TooShort(key.bits()));
        }
        let is_its =
            |certificate: &&X509| certificate.public_key().is_ok_and(|public| public.public_eq(&key));
        let Some(certificate) = certificates.iter().find(is_its) else {
            return Err(match certificates.first() {
                Some(other) => CertificateError::Mismatch(subject(other)),
                None => CertificateError::NoCertificate,
            });
        };
        let damaged = CertificateError::Damaged(CERTIFICATE);
        let (Ok(digest), Some(not_before), Some(not_after)) = (
            certificate.digest(MessageDigest::sha256()),
            instant(certificate.not_before()),
            instant(certificate.not_after()),
        ) else {
            return Err(damaged);
        };
        let thumbprint = URL_SAFE_NO_PAD.encode(digest);
        Ok(Self { thumbprint, subject: subject(certificate), not_before, not_after, key })
    }

    /// The subject, for messages.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The end of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Why Entra will refuse it at `now`; `None` where its validity is no reason.
    pub fn out_of_date(&self, now: Timestamp) -> Option<String> {
        let Self { subject, not_before, not_after, .. } = self;
        if now >= *not_after {
            return Some(format!("the certificate {subject} expired on {not_after}"));
        }
        (now < *not_before).then(|| format!("the certificate {subject} is not valid before {not_before}"))
    }

    /// A new assertion that `client` is who it says, made out to a token endpoint. Each has an id
    /// of its own, so it is made anew for every request.
    ///
    /// # Errors
    /// What OpenSSL says when it cannot sign.
    pub fn assertion(&self, client: &str, endpoint: &str, now: Timestamp) -> Result<Secret, ErrorStack> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": endpoint, "iss": client, "sub": client, "jti": uuid::Uuid::new_v4(),
            "nbf": now.as_second(), "iat": now.as_second(),
            "exp": clock::after(now, LIFETIME).as_second(),
        });
        let mut jwt = [header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        signer.set_rsa_padding(Padding::PKCS1_PSS)?;
        signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
        signer.set_rsa_mgf1_md(MessageDigest::sha256())?;
        let signature = signer.sign_oneshot_to_vec(jwt.as_bytes())?;
        jwt.push('.');
        jwt.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(Secret::new(jwt))
    }
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key: _, thumbprint, subject, not_before, not_after } = self;
        f.debug_struct("SigningCertificate")
            .field("thumbprint", thumbprint)
            .field("subject", subject)
            .field("not_before", not_before)
            .field("not_after", not_after)
            .finish_non_exhaustive()
    }
}

fn subject(certificate: &X509) -> String {
    let part = |entry: &openssl::x509::X509NameEntryRef| {
        let name = entry.object().nid().short_name().unwrap_or("?");
        entry.data().to_string().map(|text| format!("{name}={text}")).ok()
    };
    let parts: Vec<String> = certificate.subject_name().entries().filter_map(part).collect();
    if parts.is_empty() { "without a subject".to_owned() } else { parts.join(", ") }
}

fn instant(time: &Asn1TimeRef) -> Option<Timestamp> {
    let span = Asn1Time::from_unix(0).ok()?.diff(time).ok()?;
    Timestamp::from_second(i64::from(span.days) * 86_400 + i64::from(span.secs)).ok()
}

#[cfg(test)]
mod tests;
