//! RSA keys with their certificates, and tokens that they sign: made with OpenSSL, by nothing of the
//! product's.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use openssl::x509::{X509, X509NameBuilder};
use serde_json::{Value, json};

/// A key and its certificate.
pub struct KeyPair {
    key: PKey<Private>,
    certificate: X509,
}

impl KeyPair {
    /// Good from a day before `now` to `days` after it.
    pub fn new(now: Timestamp, days: i64) -> Self {
        let at = |days: i64| Asn1Time::from_unix(now.as_second() + days * 86_400).expect("a time");
        let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
        let mut name = X509NameBuilder::new().expect("a name");
        name.append_entry_by_text("CN", "espalier test").expect("a name");
        let make = || {
            let mut builder = X509::builder()?;
            builder.set_subject_name(&name.build())?;
            builder.set_not_before(&at(-1))?;
            builder.set_not_after(&at(days))?;
            builder.set_pubkey(&key)?;
            builder.sign(&key, MessageDigest::sha256())?;
            Ok::<_, openssl::error::ErrorStack>(builder.build())
        };
        let certificate = make().expect("a certificate");
        Self { key, certificate }
    }

    /// The certificate in PEM.
    pub fn certificate(&self) -> String {
        text(self.certificate.to_pem())
    }

    /// The private key in PEM.
    pub fn private_key(&self) -> String {
        text(self.key.private_key_to_pem_pkcs8())
    }

    /// The public key in PEM.
    pub fn public_key(&self) -> String {
        text(self.key.public_key_to_pem())
    }

    /// What a `Connection` refers to: both in one text.
    pub fn pem(&self) -> String {
        self.certificate() + &self.private_key()
    }

    /// A JWT with these claims, signed as other issuers sign (RS256).
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "test" });
        let signed = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key).expect("a signer");
        let signature = signer.sign_oneshot_to_vec(signed.as_bytes()).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn text(pem: Result<Vec<u8>, openssl::error::ErrorStack>) -> String {
    String::from_utf8(pem.expect("PEM")).expect("PEM is text")
}
