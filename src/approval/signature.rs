//! The signature file: its armour, and what is in it (PROTOCOL.sshsig).

use base64::Engine as _;
use openssl::hash::{MessageDigest, hash};

use super::key::{KeyFault, PublicKey};
use super::wire::{Malformed, Reader, put_string};

const BEGIN: &str = "-----BEGIN SSH SIGNATURE-----";
const END: &str = "-----END SSH SIGNATURE-----";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// The longest signature file that is read, in bytes: RSA with 16384 bits takes about 6,000.
pub(super) const LONGEST: usize = 16 << 10;

/// Why a file is no signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SignatureFault {
    /// No armour, or more than it.
    Armor,
    /// Cut, or contradicting itself.
    Malformed,
    /// A later version of the format.
    Version(u32),
    /// A hash that is not taken, by its name.
    Hash(String),
    /// A key that is not taken.
    Key(KeyFault),
}

impl From<Malformed> for SignatureFault {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

/// A signature that was read and not yet verified.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) key: PublicKey,
    pub(super) namespace: String,
    hash: Hash,
    value: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

impl Signature {
    /// Reads a signature file. Nothing may stand before or after the armour but white space.
    pub(super) fn parse(armor: &[u8]) -> Result<Self, SignatureFault> {
        if armor.len() > LONGEST {
            return Err(SignatureFault::Armor);
        }
        let blob = dearmored(armor).ok_or(SignatureFault::Armor)?;
        let mut reader = Reader::new(&blob);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err(SignatureFault::Malformed);
        }
        let version = reader.u32()?;
        if version != VERSION {
            return Err(SignatureFault::Version(version));
        }
        let key = reader.string()?;
        let namespace = reader.text()?.to_owned();
        let reserved = reader.string()?;
        let hash = match reader.text()? {
            "sha256" => Hash::Sha256,
            "sha512" => Hash::Sha512,
            other => return Err(SignatureFault::Hash(other.chars().take(40).collect())),
        };
        let value = reader.string()?.to_vec();
        reader.end()?;
        // It is not covered by the signature, and nobody writes anything there.
        if !reserved.is_empty() {
            return Err(SignatureFault::Malformed);
        }
        let key = PublicKey::parse(key).map_err(SignatureFault::Key)?;
        Ok(Self { key, namespace, hash, value })
    }

    /// Whether it is its key's signature over the message, in its namespace.
    pub(super) fn verifies(&self, message: &[u8]) -> bool {
        let digest = match self.hash {
            Hash::Sha256 => MessageDigest::sha256(),
            Hash::Sha512 => MessageDigest::sha512(),
        };
        let Ok(digest) = hash(digest, message) else { return false };
        let mut signed = MAGIC.to_vec();
        put_string(&mut signed, self.namespace.as_bytes());
        put_string(&mut signed, b"");
        put_string(&mut signed, self.hash.name().as_bytes());
        put_string(&mut signed, &digest);
        self.key.verifies(&self.value, &signed).unwrap_or(false)
    }
}

fn dearmored(armor: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(armor).ok()?;
    let body = text.trim_ascii().strip_prefix(BEGIN)?.strip_suffix(END)?;
    if !body.starts_with(['\n', '\r']) || !body.ends_with('\n') {
        return None;
    }
    let digits: String = body.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(digits).ok()
}
