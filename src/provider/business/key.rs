//! The private key of an API account, and the assertion that it signs.
//!
//! The assertion is a JWT of its own making, ECDSA over P-256 with SHA-256 (`ES256`), since one call
//! needs no library. Facts: reference apple-business-api sections 2.1 and 2.2.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ecdsa::EcdsaSig;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, Private};
use openssl::sha::sha256;
use serde_json::{Map, json};

use crate::model::Secret;
use crate::model::clock::{Timestamp, after};
use crate::provider::pem::blocks;

/// How long an assertion is good. Apple takes up to 180 days; one is made for each sign-in, and none is
/// kept.
const LIFETIME: Duration = Duration::from_secs(20 * 60);

/// Whom an assertion is made out to, whichever address of the token endpoint is called.
pub const AUDIENCE: &str = "https://account.apple.com/auth/oauth2/v2/token";

/// The halves of a signature, in bytes: JOSE wants them side by side and not as ASN.1.
const HALF: i32 = 32;

/// The private key of an API account. Its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct ApiKey(PKey<Private>);

/// Why a PEM text is no key of an API account. No error holds any part of the text.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// Not a single block.
    #[error("it is no PEM text: it has no line `-----BEGIN …-----` (a variable must keep the line breaks)")]
    NotPem,
    /// A block that does not end, or whose content is none.
    #[error("its block `{0}` is damaged")]
    Damaged(&'static str),
    /// No private key.
    #[error("it has no private key; the portal gives it once, when the key is made")]
    NoKey,
    /// Several private keys.
    #[error("it has several private keys; keep the one of `keyId`")]
    SeveralKeys,
    /// The key is encrypted.
    #[error(
        "its private key is encrypted, and nobody is there to give the passphrase; keep it unencrypted where secrets are kept (`openssl pkey -in FILE` decrypts it)"
    )]
    Encrypted,
    /// The key is of another kind.
    #[error("its private key is {0}; Apple's keys are EC keys on the curve P-256")]
    NotP256(&'static str),
}

const SEC1: &str = "EC PRIVATE KEY";
const PKCS8: &str = "PRIVATE KEY";

impl ApiKey {
    /// Reads a PEM text with one EC key on P-256, as SEC1 or PKCS#8. Curve parameters before the key
    /// and certificates beside it do no harm.
    ///
    /// # Errors
    /// See [`ApiKeyError`].
    pub fn from_pem(pem: &Secret) -> Result<Self, ApiKeyError> {
        let blocks = blocks(pem.reveal());
        if blocks.is_empty() {
            return Err(ApiKeyError::NotPem);
        }
        let mut key = None;
        for (label, block) in blocks {
            let label = match label {
                "ENCRYPTED PRIVATE KEY" => return Err(ApiKeyError::Encrypted),
                "RSA PRIVATE KEY" => return Err(ApiKeyError::NotP256("an RSA key")),
                "DSA PRIVATE KEY" => return Err(ApiKeyError::NotP256("a DSA key")),
                "OPENSSH PRIVATE KEY" => return Err(ApiKeyError::NotP256("in OpenSSH's own form")),
                // Headers before the content, in the older form: OpenSSL would ask the terminal.
                SEC1 | PKCS8 if block.contains("ENCRYPTED") => return Err(ApiKeyError::Encrypted),
                SEC1 => SEC1,
                PKCS8 => PKCS8,
                _ => continue,
            };
            let read = PKey::private_key_from_pem_callback(block.as_bytes(), |_| Ok(0))
                .map_err(|_| ApiKeyError::Damaged(label))?;
            if key.replace((label, read)).is_some() {
                return Err(ApiKeyError::SeveralKeys);
            }
        }
        let (label, key) = key.ok_or(ApiKeyError::NoKey)?;
        match key.id() {
            Id::EC => {}
            Id::RSA => return Err(ApiKeyError::NotP256("an RSA key")),
            Id::ED25519 | Id::ED448 => return Err(ApiKeyError::NotP256("an Edwards key")),
            _ => return Err(ApiKeyError::NotP256("of another kind")),
        }
        let ec = key.ec_key().map_err(|_| ApiKeyError::Damaged(label))?;
        match ec.group().curve_name() {
            Some(Nid::X9_62_PRIME256V1) => {}
            Some(Nid::SECP384R1) => return Err(ApiKeyError::NotP256("an EC key on P-384")),
            Some(Nid::SECP521R1) => return Err(ApiKeyError::NotP256("an EC key on P-521")),
            Some(Nid::SECP256K1) => return Err(ApiKeyError::NotP256("an EC key on secp256k1")),
            _ => return Err(ApiKeyError::NotP256("an EC key on another curve")),
        }
        ec.check_key().map_err(|_| ApiKeyError::Damaged(label))?;
        Ok(Self(key))
    }

    /// A new assertion that the API account `client_id` is who it says. `key_id` is left out where it
    /// is `None`.
    ///
    /// # Errors
    /// What OpenSSL says when it cannot sign.
    pub fn assertion(
        &self,
        client_id: &str,
        key_id: Option<&str>,
        now: Timestamp,
    ) -> Result<Secret, ErrorStack> {
        let mut header = Map::new();
        header.insert("alg".into(), json!("ES256"));
        header.insert("typ".into(), json!("JWT"));
        if let Some(key_id) = key_id {
            header.insert("kid".into(), json!(key_id));
        }
        let claims = json!({
            // Apple's page calls it the team's id; what every client sends is the account's.
            "iss": client_id, "sub": client_id, "aud": AUDIENCE, "iat": now.as_second(),
            "exp": after(now, LIFETIME).as_second(), "jti": uuid::Uuid::new_v4(),
        });
        let mut jwt = [header.into(), claims]
            .map(|part: serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string()))
            .join(".");
        let ec = self.0.ec_key()?;
        let signature = EcdsaSig::sign(&sha256(jwt.as_bytes()), &ec)?;
        let mut halves = signature.r().to_vec_padded(HALF)?;
        halves.extend(signature.s().to_vec_padded(HALF)?);
        jwt.push('.');
        jwt.push_str(&URL_SAFE_NO_PAD.encode(halves));
        Ok(Secret::new(jwt))
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use openssl::bn::BigNum;
    use openssl::ec::{EcGroup, EcKey};
    use openssl::rsa::Rsa;
    use serde_json::Value as Json;

    use super::*;

    fn group(curve: Nid) -> EcGroup {
        EcGroup::from_curve_name(curve).unwrap()
    }

    fn generated(curve: Nid) -> EcKey<Private> {
        EcKey::generate(&group(curve)).unwrap()
    }

    fn read(pem: impl AsRef<[u8]>) -> Result<ApiKey, ApiKeyError> {
        ApiKey::from_pem(&Secret::new(String::from_utf8(pem.as_ref().to_vec()).unwrap()))
    }

    const PARAMETERS: &str = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n";

    #[test]
    fn both_forms_are_read_with_parameters_before_them_or_without() {
        let ec = generated(Nid::X9_62_PRIME256V1);
        let sec1 = String::from_utf8(ec.private_key_to_pem().unwrap()).unwrap();
        let pkcs8 = PKey::from_ec_key(ec).unwrap().private_key_to_pem_pkcs8().unwrap();
        let pkcs8 = String::from_utf8(pkcs8).unwrap();
        assert!(sec1.contains("BEGIN EC PRIVATE KEY") && pkcs8.contains("BEGIN PRIVATE KEY"));
        for pem in [
            sec1.clone(),
            pkcs8.clone(),
            format!("{PARAMETERS}{sec1}"),
            format!("notes\r\n{PARAMETERS}{pkcs8}\n"),
            sec1.replace('\n', "\r\n"),
        ] {
            let key = read(&pem).unwrap();
            assert_eq!(format!("{key:?}"), "ApiKey([secret])");
        }
        assert_eq!(read(format!("{sec1}{pkcs8}")).unwrap_err(), ApiKeyError::SeveralKeys);
    }

    #[test]
    fn what_is_no_key_on_p_256_is_refused_with_words() {
        let pem = |curve| PKey::from_ec_key(generated(curve)).unwrap().private_key_to_pem_pkcs8().unwrap();
        let rsa = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let ed = PKey::generate_ed25519().unwrap();
        let p256 = PKey::from_ec_key(generated(Nid::X9_62_PRIME256V1)).unwrap();
        let cipher = openssl::symm::Cipher::aes_128_cbc();
        let encrypted = p256.private_key_to_pem_pkcs8_passphrase(cipher, b"planted").unwrap();
        let older =
            generated(Nid::X9_62_PRIME256V1).private_key_to_pem_passphrase(cipher, b"planted").unwrap();
        for (pem, word) in [
            (pem(Nid::SECP384R1), "P-384"),
            (pem(Nid::SECP521R1), "P-521"),
            (pem(Nid::SECP256K1), "secp256k1"),
            (rsa.private_key_to_pem_pkcs8().unwrap(), "an RSA key"),
            (rsa.rsa().unwrap().private_key_to_pem().unwrap(), "an RSA key"),
            (ed.private_key_to_pem_pkcs8().unwrap(), "Edwards"),
            (encrypted, "encrypted"),
            (older, "encrypted"),
            (p256.public_key_to_pem().unwrap(), "no private key"),
            (PARAMETERS.as_bytes().to_vec(), "no private key"),
            (b"planted".to_vec(), "no PEM text"),
            (b"-----BEGIN EC PRIVATE KEY-----\nplanted\n-----END EC PRIVATE KEY-----".to_vec(), "damaged"),
            (b"-----BEGIN PRIVATE KEY-----\nplanted".to_vec(), "damaged"),
        ] {
            let error = read(pem).unwrap_err().to_string();
            assert!(error.contains(word) && !error.contains("planted"), "{word}: {error}");
        }
    }

    #[test]
    fn an_assertion_is_signed_as_jose_wants_it() {
        let ec = generated(Nid::X9_62_PRIME256V1);
        let key = read(ec.private_key_to_pem().unwrap()).unwrap();
        let now = Timestamp::from_second(1_790_000_000).unwrap();
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let json = |text: &str| serde_json::from_slice::<Json>(&part(text)).unwrap();
        // Often enough to meet halves that begin with zero bytes.
        for _ in 0..600 {
            let jwt = key.assertion("BUSINESSAPI.1", Some("K"), now).unwrap();
            let (signed, signature) = jwt.reveal().rsplit_once('.').unwrap();
            let signature = part(signature);
            assert_eq!(signature.len(), 64);
            let half = |bytes| BigNum::from_slice(bytes).unwrap();
            let signature =
                EcdsaSig::from_private_components(half(&signature[..32]), half(&signature[32..])).unwrap();
            assert!(signature.verify(&sha256(signed.as_bytes()), &ec).unwrap());
        }
        let jwt = key.assertion("BUSINESSAPI.1", Some("K"), now).unwrap();
        let parts: Vec<&str> = jwt.reveal().split('.').collect();
        assert_eq!(json(parts[0]), json!({ "alg": "ES256", "typ": "JWT", "kid": "K" }));
        let claims = json(parts[1]);
        assert_eq!(claims["iss"], "BUSINESSAPI.1");
        assert_eq!(claims["sub"], "BUSINESSAPI.1");
        assert_eq!(claims["aud"], "https://account.apple.com/auth/oauth2/v2/token");
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(1_790_000_000), &json!(1_790_001_200)));
        assert!(uuid::Uuid::parse_str(claims["jti"].as_str().unwrap()).is_ok());
        let without = key.assertion("BUSINESSAPI.1", None, now).unwrap();
        let parts: Vec<&str> = without.reveal().split('.').collect();
        assert_eq!(json(parts[0]), json!({ "alg": "ES256", "typ": "JWT" }));
        assert_ne!(json(parts[1])["jti"], claims["jti"], "each assertion has an id of its own");
    }
}
