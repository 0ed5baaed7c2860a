//! The tenant's keys for tokens: `getEncryptionPublicKey`, `generateEncryptionPublicKey` and
//! `uploadDepToken` (reference section 2.2 and 2.3).
//!
//! What the key's text is, is not published: a PEM certificate, as the portal gives it to download, is
//! taken. When an older key stops working is not published either: at once is taken, as with the
//! portal's own wizard. The upload is really decrypted.
//!
//! The keys are two that stand in this program, since a world follows from its seed; certificates
//! differ by their numbers.

use base64::Engine as _;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::cms::CmsContentInfo;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::KeyUsage;
use openssl::x509::{X509, X509Name};
use serde_json::{Value, json};

use super::Ask;
use super::query::context_url;
use super::reply::{Refusal, Reply};
use crate::model::clock::Timestamp;
use crate::sim::world::{Token, World};

const PEMS: [&str; 2] = [include_str!("keys/1.pem"), include_str!("keys/2.pem")];

/// A certificate's validity, in seconds.
const A_YEAR: i64 = 365 * 86_400;

/// GET the key that is in force.
pub(super) fn get(world: &World, token: &Token) -> Result<Reply, Refusal> {
    answer(world, token)
}

/// POST for a new key: from now on nothing that was encrypted for the old one is taken.
pub(super) fn generate(world: &mut World, tenant: usize, token: usize) -> Result<Reply, Refusal> {
    let now = world.now;
    let here = &mut world.tenants[tenant].tokens[token];
    here.key.number += 1;
    here.key.made = Some(now);
    let id = here.id.clone();
    *world.history.keys_made.entry(id).or_default() += 1;
    answer(world, &world.tenants[tenant].tokens[token])
}

fn answer(world: &World, token: &Token) -> Result<Reply, Refusal> {
    let pem = pair(world, token)
        .and_then(|(_, certificate)| certificate.to_pem())
        .map_err(|_| Refusal::of_status(500, None))?;
    let value = String::from_utf8_lossy(&pem).into_owned();
    Ok(Reply::json(200, &json!({"@odata.context": context_url("Edm.String"), "value": value})))
}

/// POST a token file.
pub(super) fn upload(
    world: &mut World,
    tenant: usize,
    token: usize,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let Ok(Value::Object(written)) = serde_json::from_slice::<Value>(ask.body) else {
        return Err(Refusal::bad_request("Unable to read JSON request payload."));
    };
    if let Some(other) = written.keys().find(|name| !["appleId", "depToken"].contains(&name.as_str())) {
        return Err(Refusal::bad_request(format!(
            "The parameter '{other}' in the request payload is not a valid parameter for the operation 'uploadDepToken'."
        )));
    }
    let text = |name: &str| match written.get(name) {
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.as_str()),
        _ => Err(Refusal::told(format!("{name} must be given."))),
    };
    let (apple_id, file) = (text("appleId")?, text("depToken")?);
    let here = &world.tenants[tenant].tokens[token];
    let wrong = || Refusal::told("The token could not be decrypted with the key of this token.");
    let plain = decrypt(world, here, file).ok_or_else(wrong)?;
    let expires = expiry(&plain).ok_or_else(|| Refusal::told("The token's content is not valid."))?;
    let now = world.now;
    if expires <= now {
        return Err(Refusal::told("The token has expired."));
    }
    let here = &mut world.tenants[tenant].tokens[token];
    here.expires = expires;
    here.apple_identifier = apple_id.to_owned();
    here.modified = now;
    let id = here.id.clone();
    *world.history.tokens_uploaded.entry(id).or_default() += 1;
    Ok(Reply::no_content())
}

fn pair(world: &World, token: &Token) -> Result<(PKey<Private>, X509), ErrorStack> {
    let number = token.key.number;
    let key = PKey::private_key_from_pem(PEMS[number as usize % PEMS.len()].as_bytes())?;
    let mut name = X509Name::builder()?;
    name.append_entry_by_text("CN", "Intune DEP Encryption")?;
    let name = name.build();
    let id = world.derive_id(&format!("key/{}/{number}", token.id));
    let made = token.key.made.unwrap_or(token.modified).as_second();
    let serial = BigNum::from_slice(id.as_bytes())?.to_asn1_integer()?;
    let (begin, end) = (Asn1Time::from_unix(made)?, Asn1Time::from_unix(made.saturating_add(A_YEAR))?);
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(&key)?;
    builder.set_not_before(&begin)?;
    builder.set_not_after(&end)?;
    builder.append_extension(KeyUsage::new().key_encipherment().digital_signature().build()?)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok((key, builder.build()))
}

/// What is in a file for the key in force: S/MIME, or base64 alone.
fn decrypt(world: &World, token: &Token, file: &str) -> Option<Vec<u8>> {
    let (key, certificate) = pair(world, token).ok()?;
    let message = CmsContentInfo::smime_read_cms(file.as_bytes()).or_else(|refused| {
        let digits: String = file.split_whitespace().collect();
        let octets = base64::engine::general_purpose::STANDARD.decode(digits).map_err(|_| refused)?;
        CmsContentInfo::from_der(&octets)
    });
    message.ok()?.decrypt(&key, &certificate).ok()
}

/// The expiry of a token with all its members.
fn expiry(plain: &[u8]) -> Option<Timestamp> {
    let text = std::str::from_utf8(plain).ok()?;
    let json: String = text.get(text.find('{')?..=text.rfind('}')?)?.lines().collect();
    let token: Value = serde_json::from_str(&json).ok()?;
    let member = |name: &str| token.get(name)?.as_str().filter(|text| !text.is_empty());
    for name in ["consumer_key", "consumer_secret", "access_token", "access_secret"] {
        member(name)?;
    }
    member("access_token_expiry")?.parse().ok()
}
