//! Public keys in SSH's format, and what they verify.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use openssl::bn::BigNumContext;
use openssl::ec::{EcGroup, EcKey, EcPoint};
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Public};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Verifier;
use serde::{Deserialize, Serialize};

use super::wire::{Malformed, Reader, is_odd};

/// The shortest RSA key, in bits.
const SHORTEST_RSA: i32 = 2048;

/// The longest RSA key, in bits: what OpenSSH takes; longer ones take long to verify.
const LONGEST_RSA: i32 = 16_384;

/// The flag of a hardware key that says that somebody touched it.
const USER_PRESENT: u8 = 1;

/// A key's fingerprint as `ssh-keygen -l` shows it: `SHA256:` and base64 without padding.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct KeyFingerprint(String);

impl KeyFingerprint {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a key is none that approvals can be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyFault {
    /// Cut, or contradicting itself.
    Malformed,
    /// A certificate in the place of a key.
    Certificate,
    /// Another kind, by its name.
    Kind(String),
    /// RSA of so many bits.
    Rsa(i32),
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the key cannot be read"),
            Self::Certificate => {
                f.write_str("the key is a certificate's, and SSH certificates are not in this version")
            }
            Self::Kind(name) => {
                let name: String = name.chars().filter(|char| !char.is_control()).take(60).collect();
                write!(f, "keys of the kind `{name}` are not taken")
            }
            Self::Rsa(bits) => write!(f, "an RSA key of {bits} bits is not taken, only 2048 to 16384"),
        }
    }
}

impl From<Malformed> for KeyFault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// The curves of ECDSA keys: SSH's name, OpenSSL's, and the hash that goes with it (RFC 5656).
type Curve = (&'static str, Nid, fn() -> MessageDigest);
const CURVES: [Curve; 3] = [
    ("nistp256", Nid::X9_62_PRIME256V1, MessageDigest::sha256),
    ("nistp384", Nid::SECP384R1, MessageDigest::sha384),
    ("nistp521", Nid::SECP521R1, MessageDigest::sha512),
];

/// What verifies.
#[derive(Clone)]
enum Verifying {
    Ed25519(PKey<Public>),
    Ecdsa(EcKey<Public>, fn() -> MessageDigest),
    Rsa(PKey<Public>),
}

/// A public key: Ed25519, ECDSA on a NIST curve, RSA, or one of the first two in hardware.
#[derive(Clone)]
pub(super) struct PublicKey {
    blob: Vec<u8>,
    kind: String,
    verifying: Verifying,
    /// Of a key in hardware: the application that it was made for.
    application: Option<Vec<u8>>,
}

impl PublicKey {
    /// Reads a key from SSH's octets.
    pub(super) fn parse(blob: &[u8]) -> Result<Self, KeyFault> {
        let mut reader = Reader::new(blob);
        let kind = reader.text()?.to_owned();
        let in_hardware = kind.starts_with("sk-");
        let verifying = match kind.as_str() {
            "ssh-ed25519" | "sk-ssh-ed25519@openssh.com" => {
                let raw = reader.string()?;
                let key = PKey::public_key_from_raw_bytes(raw, Id::ED25519);
                Verifying::Ed25519(key.map_err(|_| KeyFault::Malformed)?)
            }
            "ecdsa-sha2-nistp256"
            | "ecdsa-sha2-nistp384"
            | "ecdsa-sha2-nistp521"
            | "sk-ecdsa-sha2-nistp256@openssh.com" => {
                let name = reader.text()?;
                if !kind.contains(&format!("-sha2-{name}")) {
                    return Err(KeyFault::Malformed);
                }
                ecdsa(name, reader.string()?)?
            }
            "ssh-rsa" => rsa(&mut reader)?,
            other if other.contains("-cert-v0") => return Err(KeyFault::Certificate),
            other => return Err(KeyFault::Kind(other.to_owned())),
        };
        let application = if in_hardware { Some(reader.string()?.to_vec()) } else { None };
        reader.end()?;
        Ok(Self { blob: blob.to_vec(), kind, verifying, application })
    }

    /// SSH's octets of it.
    pub(super) fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// SSH's name of its kind: `ssh-ed25519`.
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    pub(super) fn fingerprint(&self) -> KeyFingerprint {
        KeyFingerprint(format!("SHA256:{}", STANDARD_NO_PAD.encode(sha256(&self.blob))))
    }

    /// Whether `signature`, in SSH's octets, is this key's over `message`.
    ///
    /// # Errors
    /// `Malformed` where the signature is not of a form that this key makes.
    pub(super) fn verifies(&self, signature: &[u8], message: &[u8]) -> Result<bool, Malformed> {
        let mut reader = Reader::new(signature);
        let algorithm = reader.text()?;
        let value = reader.string()?;
        let Some(application) = &self.application else {
            reader.end()?;
            return self.verifies_value(algorithm, value, message);
        };
        let flags = reader.byte()?;
        let counter = reader.take(4)?;
        reader.end()?;
        // Of hardware it is said that somebody was there, and only then a person agreed.
        if flags & USER_PRESENT == 0 {
            return Ok(false);
        }
        let message = [&sha256(application)[..], &[flags], counter, &sha256(message)].concat();
        self.verifies_value(algorithm, value, &message)
    }

    fn verifies_value(&self, algorithm: &str, value: &[u8], message: &[u8]) -> Result<bool, Malformed> {
        match &self.verifying {
            Verifying::Ed25519(key) => {
                if algorithm != self.kind || value.len() != 64 {
                    return Err(Malformed);
                }
                let verified = Verifier::new_without_digest(key)
                    .and_then(|mut verifier| verifier.verify_oneshot(value, message));
                Ok(verified.unwrap_or(false))
            }
            Verifying::Ecdsa(key, digest) => {
                if algorithm != self.kind {
                    return Err(Malformed);
                }
                let mut numbers = Reader::new(value);
                let (r, s) = (numbers.positive()?, numbers.positive()?);
                numbers.end()?;
                let verified = EcdsaSig::from_private_components(r, s)
                    .and_then(|signature| signature.verify(&hash(digest(), message)?, key));
                Ok(verified.unwrap_or(false))
            }
            Verifying::Rsa(key) => {
                // Never `ssh-rsa`, which is SHA-1.
                let digest = match algorithm {
                    "rsa-sha2-256" => MessageDigest::sha256(),
                    "rsa-sha2-512" => MessageDigest::sha512(),
                    _ => return Err(Malformed),
                };
                // A number that happens to be small is written shorter.
                let missing = key.size().checked_sub(value.len()).ok_or(Malformed)?;
                let value = [&vec![0; missing], value].concat();
                let verified = Verifier::new(digest, key)
                    .and_then(|mut verifier| verifier.verify_oneshot(&value, message));
                Ok(verified.unwrap_or(false))
            }
        }
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.blob == other.blob
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.fingerprint())
    }
}

fn ecdsa(name: &str, point: &[u8]) -> Result<Verifying, KeyFault> {
    let (_, nid, digest) =
        CURVES.into_iter().find(|(curve, ..)| *curve == name).ok_or(KeyFault::Malformed)?;
    let key = || -> Result<EcKey<Public>, ErrorStack> {
        let group = EcGroup::from_curve_name(nid)?;
        let point = EcPoint::from_bytes(&group, point, &mut *BigNumContext::new()?)?;
        let key = EcKey::from_public_key(&group, &point)?;
        key.check_key()?;
        Ok(key)
    };
    Ok(Verifying::Ecdsa(key().map_err(|_| KeyFault::Malformed)?, digest))
}

fn rsa(reader: &mut Reader<'_>) -> Result<Verifying, KeyFault> {
    let (exponent, modulus) = (reader.positive()?, reader.positive()?);
    let bits = modulus.num_bits();
    if !(SHORTEST_RSA..=LONGEST_RSA).contains(&bits) {
        return Err(KeyFault::Rsa(bits));
    }
    if !is_odd(&exponent) || exponent.num_bits() < 2 || exponent.num_bits() > 64 || !is_odd(&modulus) {
        return Err(KeyFault::Malformed);
    }
    let key = Rsa::from_public_components(modulus, exponent).and_then(PKey::from_rsa);
    Ok(Verifying::Rsa(key.map_err(|_| KeyFault::Malformed)?))
}
