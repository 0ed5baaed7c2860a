//! A signer of our own, for what `ssh-keygen` does not make: keys in hardware, weak keys, odd messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::{EcGroup, EcKey, PointConversionForm};
use openssl::ecdsa::EcdsaSig;
use openssl::hash::{MessageDigest, hash};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sha::sha256;
use openssl::sign::Signer;

use super::super::NAMESPACE;
use super::super::wire::put_string;

/// A private key with its public half in SSH's octets.
pub(crate) struct Forger {
    key: PKey<Private>,
    pub(crate) kind: &'static str,
    blob: Vec<u8>,
}

fn strings(parts: &[&[u8]]) -> Vec<u8> {
    let mut octets = Vec::new();
    for part in parts {
        put_string(&mut octets, part);
    }
    octets
}

fn number(number: &BigNum) -> Vec<u8> {
    let digits = number.to_vec();
    if digits.first().is_some_and(|first| first & 0x80 != 0) { [&[0][..], &digits].concat() } else { digits }
}

const APPLICATION: &[u8] = b"ssh:";

impl Forger {
    pub(crate) fn ed25519() -> Self {
        let key = PKey::generate_ed25519().unwrap();
        let blob = strings(&[b"ssh-ed25519", &key.raw_public_key().unwrap()]);
        Self { key, kind: "ssh-ed25519", blob }
    }

    pub(crate) fn hardware_ed25519() -> Self {
        let key = PKey::generate_ed25519().unwrap();
        let kind = "sk-ssh-ed25519@openssh.com";
        let blob = strings(&[kind.as_bytes(), &key.raw_public_key().unwrap(), APPLICATION]);
        Self { key, kind, blob }
    }

    pub(crate) fn hardware_ecdsa() -> Self {
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let key = EcKey::generate(&group).unwrap();
        let form = PointConversionForm::UNCOMPRESSED;
        let mut context = BigNumContext::new().unwrap();
        let point = key.public_key().to_bytes(&group, form, &mut context).unwrap();
        let kind = "sk-ecdsa-sha2-nistp256@openssh.com";
        let blob = strings(&[kind.as_bytes(), b"nistp256", &point, APPLICATION]);
        Self { key: PKey::from_ec_key(key).unwrap(), kind, blob }
    }

    pub(crate) fn rsa(bits: u32) -> Self {
        let key = Rsa::generate(bits).unwrap();
        let modulus = number(&key.n().to_owned().unwrap());
        let blob = strings(&[b"ssh-rsa", &number(&key.e().to_owned().unwrap()), &modulus]);
        Self { key: PKey::from_rsa(key).unwrap(), kind: "ssh-rsa", blob }
    }

    /// The key as a line of allowed signers ends.
    pub(crate) fn public(&self) -> String {
        format!("{} {}", self.kind, STANDARD.encode(&self.blob))
    }

    /// SSH's octets of the signature over `signed`.
    fn value(&self, signed: &[u8], odd: &Odd) -> Vec<u8> {
        match self.kind {
            "ssh-ed25519" => strings(&[self.kind.as_bytes(), &self.plain(signed)]),
            "ssh-rsa" => {
                let digest = match odd.rsa {
                    "ssh-rsa" => MessageDigest::sha1(),
                    "rsa-sha2-256" => MessageDigest::sha256(),
                    _ => MessageDigest::sha512(),
                };
                let mut signer = Signer::new(digest, &self.key).unwrap();
                let value = signer.sign_oneshot_to_vec(signed).unwrap();
                strings(&[odd.rsa.as_bytes(), &value])
            }
            hardware => {
                let flags = odd.flags;
                let counter = 7u32.to_be_bytes();
                let signed = [&sha256(APPLICATION)[..], &[flags], &counter, &sha256(signed)].concat();
                let value = match hardware {
                    "sk-ssh-ed25519@openssh.com" => self.plain(&signed),
                    _ => {
                        let ec = self.key.ec_key().unwrap();
                        let digest = hash(MessageDigest::sha256(), &signed).unwrap();
                        let signature = EcdsaSig::sign(&digest, &ec).unwrap();
                        let (r, s) = (signature.r().to_owned().unwrap(), signature.s().to_owned().unwrap());
                        strings(&[&number(&r), &number(&s)])
                    }
                };
                [&strings(&[hardware.as_bytes(), &value])[..], &[flags], &counter].concat()
            }
        }
    }

    fn plain(&self, signed: &[u8]) -> Vec<u8> {
        Signer::new_without_digest(&self.key).unwrap().sign_oneshot_to_vec(signed).unwrap()
    }

    /// A signature file over a message, with what is odd about it.
    pub(crate) fn sign(&self, message: &[u8], odd: &Odd) -> String {
        let digest = match odd.hash {
            "sha256" => MessageDigest::sha256(),
            "sha1" => MessageDigest::sha1(),
            _ => MessageDigest::sha512(),
        };
        let digest = hash(digest, message).unwrap();
        let to_sign = strings(&[NAMESPACE.as_bytes(), odd.signed_reserved, odd.hash.as_bytes(), &digest]);
        let value = self.value(&[b"SSHSIG", &to_sign[..]].concat(), odd);
        let body = strings(&[&self.blob, NAMESPACE.as_bytes(), odd.reserved, odd.hash.as_bytes(), &value]);
        let blob = [odd.magic, &odd.version.to_be_bytes(), &body, odd.after].concat();
        let digits = STANDARD.encode(blob);
        let lines: Vec<&str> =
            digits.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
    }
}

/// What differs from what `ssh-keygen` writes.
pub(crate) struct Odd {
    pub(crate) magic: &'static [u8],
    pub(crate) version: u32,
    pub(crate) reserved: &'static [u8],
    pub(crate) signed_reserved: &'static [u8],
    pub(crate) hash: &'static str,
    pub(crate) rsa: &'static str,
    pub(crate) flags: u8,
    pub(crate) after: &'static [u8],
}

impl Default for Odd {
    fn default() -> Self {
        Self {
            magic: b"SSHSIG",
            version: 1,
            reserved: b"",
            signed_reserved: b"",
            hash: "sha512",
            rsa: "rsa-sha2-512",
            flags: 1,
            after: b"",
        }
    }
}
