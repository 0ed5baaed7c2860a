//! What Entra asks of a client assertion: signature, header and claims of a JWT, either signed with
//! the application's own certificate or given by an issuer that the application trusts.
//!
//! Sources: reference section 7; for the numbers of refusals Microsoft's reference of AADSTS codes.
//! That the same `jti` is refused a second time, and how, is unverified.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::rsa::Padding;
use openssl::sha::sha256;
use openssl::sign::{RsaPssSaltlen, Verifier};
use openssl::x509::X509;
use serde_json::Value;

use super::Refused;
use crate::sim::directory::{Client, FederatedCredential};
use crate::sim::shared::Shared;

/// How far clocks may differ, in seconds.
const SKEW: i64 = 300;

/// An assertion that was shown.
pub(super) struct Shown<'a> {
    pub text: &'a str,
    /// Whom the request says to be.
    pub client_id: &'a str,
    /// To whom it may be made out.
    pub audiences: &'a [String],
}

/// The ids of assertions that were taken, with their ends: each is good once.
#[derive(Debug, Default)]
pub(in crate::sim) struct Assertions(Mutex<BTreeMap<String, i64>>);

impl Assertions {
    /// Whether the id is new; it is not any more from then on. Those that have ended are forgotten.
    fn take(&self, id: String, ends: i64, now: i64) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.retain(|_, ends| *ends + SKEW > now);
        taken.insert(id, ends).is_none()
    }
}

/// A JWT, taken apart.
struct Jwt<'a> {
    header: Value,
    claims: Value,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
        Some(Self {
            header: json(header)?,
            claims: json(claims)?,
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
        })
    }

    fn claim(&self, name: &str) -> &str {
        self.claims.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn headed(&self, name: &str) -> &str {
        self.header.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The one audience, which may stand in a list of one.
    fn audience(&self) -> &str {
        match self.claims.get("aud") {
            Some(Value::Array(list)) if list.len() == 1 => list[0].as_str().unwrap_or_default(),
            _ => self.claim("aud"),
        }
    }

    fn judge_time(&self, now: i64) -> Result<(), Refused> {
        let at = |name: &str| self.claims.get(name).and_then(Value::as_i64);
        let begun = at("nbf").is_none_or(|begin| begin <= now + SKEW);
        match at("exp") {
            Some(end) if begun && end + SKEW > now => Ok(()),
            _ => Err(Refused::client(700_024, "Client assertion is not within its valid time range.")),
        }
    }
}

/// Judges an assertion for a client.
pub(super) fn judge(shared: &Shared, client: &Client, shown: &Shown<'_>) -> Result<(), Refused> {
    let malformed = || Refused::new(400, "invalid_request", 50_027, "JWT token is invalid or malformed.");
    let jwt = Jwt::read(shown.text).ok_or_else(malformed)?;
    let now = shared.world().now.as_second();
    // What an application says of itself is signed with its own key; the rest is another issuer's.
    let names_itself = [jwt.claim("iss"), jwt.claim("sub")].contains(&shown.client_id);
    if !names_itself && jwt.headed("x5t#S256").is_empty() {
        return judge_federated(shared, client, &jwt, now);
    }
    judge_certificate(client, &jwt, now)?;
    let same = [jwt.claim("iss"), jwt.claim("sub")].iter().all(|id| *id == shown.client_id);
    if !same {
        let text = "Client assertion application identifier doesn't match 'client_id' parameter.";
        return Err(Refused::client(700_021, text));
    }
    if !shown.audiences.iter().any(|audience| audience == jwt.audience()) {
        let text = "Client assertion audience claim does not match Realm issuer.";
        return Err(Refused::client(700_023, text));
    }
    jwt.judge_time(now)?;
    let id = jwt.claim("jti");
    if id.is_empty() {
        return Err(malformed());
    }
    let ends = jwt.claims.get("exp").and_then(Value::as_i64).unwrap_or(now);
    match shared.assertions().take(format!("{} {id}", shown.client_id), ends, now) {
        true => Ok(()),
        false => Err(Refused::client(50_013, "Assertion was used before; its 'jti' is not new.")),
    }
}

/// Key, algorithm and signature of an assertion that the application made itself.
fn judge_certificate(client: &Client, jwt: &Jwt<'_>, now: i64) -> Result<(), Refused> {
    let failed = |reason: &str| {
        let text = format!("Client assertion failed signature validation. [Reason - {reason}]");
        Refused::client(700_027, text)
    };
    let thumbprint = jwt.headed("x5t#S256");
    let ders = client.certificates.iter().filter_map(|text| STANDARD.decode(text).ok());
    let der = ders.into_iter().find(|der| URL_SAFE_NO_PAD.encode(sha256(der)) == thumbprint);
    let Some(der) = der else {
        let text = format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. \
             [Reason - The key was not found., Thumbprint of key used by client: '{thumbprint}']"
        );
        return Err(Refused::client(700_027, text));
    };
    let certificate = X509::from_der(&der).map_err(|_| failed("The key cannot be read."))?;
    let clock = openssl::asn1::Asn1Time::from_unix(now).map_err(|_| failed("There is no such time."))?;
    if certificate.not_after() <= clock {
        return Err(failed("The key used is expired."));
    }
    if certificate.not_before() > clock {
        return Err(failed("The key used is not valid yet."));
    }
    if jwt.headed("alg") != "PS256" || jwt.headed("typ") != "JWT" {
        return Err(failed("The algorithm is not PS256, or the type not JWT."));
    }
    let key = certificate.public_key().map_err(|_| failed("The key cannot be read."))?;
    match verifies(&key, jwt, true) {
        true => Ok(()),
        false => Err(failed("The signature does not match.")),
    }
}

/// An assertion of another issuer, matched letter by letter.
fn judge_federated(shared: &Shared, client: &Client, jwt: &Jwt<'_>, now: i64) -> Result<(), Refused> {
    let (issuer, subject, audience) = (jwt.claim("iss"), jwt.claim("sub"), jwt.audience());
    let known: Vec<&FederatedCredential> =
        client.federated.iter().filter(|trust| trust.works_from.as_second() <= now).collect();
    let none = |code, part: &str| {
        let text = format!(
            "No matching federated identity record found for presented assertion{part}. \
             Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
        );
        Refused::client(code, text)
    };
    if known.is_empty() {
        let text = format!(
            "No matching federated identity record found for presented assertion. Assertion Issuer: '{issuer}'. \
             Assertion Subject: '{subject}'. Assertion Audience: '{audience}'."
        );
        return Err(Refused::new(400, "invalid_request", 70_021, text));
    }
    let by_issuer: Vec<_> = known.into_iter().filter(|trust| trust.issuer == issuer).collect();
    if by_issuer.is_empty() {
        return Err(none(700_211, &format!(" issuer '{issuer}'")));
    }
    let by_subject: Vec<_> = by_issuer.into_iter().filter(|trust| trust.subject == subject).collect();
    if by_subject.is_empty() {
        return Err(none(700_213, &format!(" subject '{subject}'")));
    }
    let Some(trust) = by_subject.into_iter().find(|trust| trust.audience == audience) else {
        return Err(none(700_212, &format!(" audience '{audience}'")));
    };
    let unsigned = || Refused::client(50_013, "Assertion failed signature validation.");
    let key = match &trust.public_key {
        Some(text) => STANDARD.decode(text).ok().and_then(|der| PKey::public_key_from_der(&der).ok()),
        None => shared.issuer().public_key(),
    };
    if jwt.headed("alg") != "RS256" || !key.is_some_and(|key| verifies(&key, jwt, false)) {
        return Err(unsigned());
    }
    jwt.judge_time(now)
}

/// Whether the signature is of this key: RSASSA-PSS with a salt as long as the digest, or PKCS#1 1.5.
fn verifies(key: &PKey<Public>, jwt: &Jwt<'_>, pss: bool) -> bool {
    let verify = || {
        let mut verifier = Verifier::new(MessageDigest::sha256(), key)?;
        if pss {
            verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
            verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
        }
        verifier.verify_oneshot(&jwt.signature, jwt.signed.as_bytes())
    };
    // A signature of the wrong length is an error to OpenSSL, and no signature to us.
    verify().unwrap_or(false)
}
