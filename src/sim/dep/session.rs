//! Sessions, and what signing in is judged by: OAuth 1.0a as RFC 5849 has it, with HMAC-SHA1.
//!
//! The words of refusals beyond `token_rejected`, `token_expired` and `signature_invalid`, which
//! were seen, are those of the OAuth problem reporting extension: Apple's are not documented.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;

use super::reply::Refusal;
use crate::sim::fault::Ways;
use crate::sim::world::{World, derive_id};

/// How far a timestamp may be from the service's clock, in seconds. Apple's own measure is not
/// documented.
const SKEW: i64 = 300;
/// How long a session lasts, in seconds of the world. Apple's own measure is not documented.
const LIFE: i64 = 3600;
/// Every so many answers a session is replaced by a new one.
const ROTATES_AFTER: u32 = 32;

/// What every session begins with. Whoever prints or keeps a text with this in it has leaked one.
const PREFIX: &str = "sim-dep-session-";

/// A session that was opened.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The service's UUID.
    pub service: String,
    /// The access token that it was opened with.
    pub access_token: String,
    opened: i64,
    answers: u32,
    over: bool,
}

/// The sessions, and the nonces that were seen.
#[derive(Debug, Default)]
pub(in crate::sim) struct Sessions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    opened: HashMap<String, Session>,
    made: u64,
    nonces: BTreeMap<(String, String), i64>,
}

impl Sessions {
    /// Opens a session.
    pub(super) fn open(&self, seed: u64, service: &str, access_token: &str, now: i64) -> String {
        let session = Session {
            service: service.to_owned(),
            access_token: access_token.to_owned(),
            opened: now,
            answers: 0,
            over: false,
        };
        let mut state = self.state();
        state.opened.retain(|_, session| session.opened + 24 * LIFE > now);
        state.put(seed, session)
    }

    /// The session of this text that is good at `now`.
    pub(super) fn good(&self, text: &str, now: i64) -> Option<Session> {
        let state = self.state();
        state.opened.get(text).filter(|session| !session.over && session.opened + LIFE > now).cloned()
    }

    /// The service that a session is or was of, good or not.
    pub(super) fn service(&self, text: &str) -> Option<String> {
        self.state().opened.get(text).map(|session| session.service.clone())
    }

    /// Ends a session.
    pub(super) fn end(&self, text: &str) {
        if let Some(session) = self.state().opened.get_mut(text) {
            session.over = true;
        }
    }

    /// Counts an answer. Returns the session that replaces this one: where it is `forced`, and every
    /// so many answers.
    pub(super) fn answered(&self, seed: u64, text: &str, forced: bool) -> Option<String> {
        let mut state = self.state();
        let session = state.opened.get_mut(text).filter(|session| !session.over)?;
        session.answers += 1;
        if !forced && session.answers < ROTATES_AFTER {
            return None;
        }
        session.over = true;
        let next = Session { answers: 0, over: false, ..session.clone() };
        Some(state.put(seed, next))
    }

    /// Whether the nonce is new; it is not any more from then on.
    fn take_nonce(&self, key: &str, nonce: &str, timestamp: i64, now: i64) -> bool {
        let mut state = self.state();
        state.nonces.retain(|_, seen| *seen + 2 * SKEW > now);
        state.nonces.insert((key.to_owned(), nonce.to_owned()), timestamp).is_none()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, seed: u64, session: Session) -> String {
        self.made += 1;
        let text = format!("{PREFIX}{}", derive_id(seed, &format!("session/{}", self.made)).simple());
        self.opened.insert(text.clone(), session);
        text
    }
}

/// A request to sign in.
pub(super) struct SignIn<'a> {
    pub method: &'a str,
    /// Scheme, host and path, as the client signed them.
    pub url: &'a str,
    pub query: &'a str,
    pub authorization: Option<&'a str>,
}

impl SignIn<'_> {
    /// The consumer key that it names, for faults that concern one service only.
    pub(super) fn consumer_key(&self) -> Option<String> {
        let parameters = parameters(self.authorization?).ok()?;
        parameters.into_iter().find(|(name, _)| name == "oauth_consumer_key").map(|(_, value)| value)
    }

    /// Judges the request. Returns the position of the service and its access token.
    ///
    /// # Errors
    /// 400 for what is no request of this kind; 401 for credentials that are not good, a nonce that
    /// was used, a timestamp far from the service's clock unless any will do; 403 for a token that was
    /// replaced or revoked.
    pub(super) fn judge(
        &self,
        sessions: &Sessions,
        world: &World,
        ways: Ways,
    ) -> Result<(usize, String), Refusal> {
        let absent = Refusal::bad("parameter_absent");
        let shown = parameters(self.authorization.ok_or(absent)?)?;
        let one = |name: &str| -> Result<&str, Refusal> {
            let mut found = shown.iter().filter(|(known, _)| known == name);
            match (found.next(), found.next()) {
                (Some((_, value)), None) => Ok(value),
                (None, _) => Err(absent),
                _ => Err(Refusal::bad("parameter_rejected")),
            }
        };
        let (key, token, nonce) = (one("oauth_consumer_key")?, one("oauth_token")?, one("oauth_nonce")?);
        let (timestamp, signature) = (one("oauth_timestamp")?, one("oauth_signature")?);
        if one("oauth_signature_method")? != "HMAC-SHA1" {
            return Err(Refusal::bad("signature_method_rejected"));
        }
        if shown.iter().any(|(name, value)| name == "oauth_version" && value != "1.0") {
            return Err(Refusal::bad("version_rejected"));
        }
        let timestamp: i64 = timestamp.parse().map_err(|_| Refusal::bad("parameter_rejected"))?;
        let now = world.now.as_second();
        let unauthorized = |code| Refusal::new(401, code);
        let of_key = || {
            world.services.iter().enumerate().filter(|(_, s)| s.issued.iter().any(|i| i.consumer_key == key))
        };
        if of_key().next().is_none() {
            return Err(unauthorized("consumer_key_unknown"));
        }
        let found = of_key().find_map(|(at, service)| {
            let of_token = |issued: &&crate::sim::apple::Issued| {
                issued.consumer_key == key && issued.access_token == token
            };
            service.issued.iter().rfind(of_token).map(|issued| (at, service, issued))
        });
        let (at, service, issued) = found.ok_or(unauthorized("token_rejected"))?;
        let (consumer_secret, access_secret) = issued.secrets(world.seed);
        let expected = sign(&consumer_secret, &access_secret, &self.base_text(&shown));
        if !expected.is_some_and(|expected| is_same(&expected, signature)) {
            return Err(unauthorized("signature_invalid"));
        }
        let clock = now + i64::from(ways.clock_ahead);
        if !ways.any_timestamp && timestamp.abs_diff(clock) > SKEW.unsigned_abs() {
            return Err(unauthorized("timestamp_refused"));
        }
        if !sessions.take_nonce(key, nonce, timestamp, now) {
            return Err(unauthorized("nonce_used"));
        }
        service.check_token(&issued.access_token, world.now)?;
        Ok((at, issued.access_token.clone()))
    }

    /// The signature base string (RFC 5849, section 3.4.1).
    fn base_text(&self, shown: &[(String, String)]) -> String {
        let of_header = shown.iter().filter(|(name, _)| name != "realm" && name != "oauth_signature");
        let of_query = url::form_urlencoded::parse(self.query.as_bytes());
        let mut pairs: Vec<(String, String)> = of_header
            .map(|(name, value)| (encode(name), encode(value)))
            .chain(of_query.map(|(name, value)| (encode(&name), encode(&value))))
            .collect();
        pairs.sort();
        let joined: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
        format!("{}&{}&{}", self.method.to_uppercase(), encode(self.url), encode(&joined.join("&")))
    }
}

impl crate::sim::apple::Service {
    /// Whether the access token is the one in force, and good.
    pub(super) fn check_token(
        &self,
        access_token: &str,
        now: crate::model::clock::Timestamp,
    ) -> Result<(), Refusal> {
        let Some(issued) = self.issued.iter().rfind(|issued| issued.access_token == access_token) else {
            return Err(Refusal::new(401, "token_rejected"));
        };
        let in_force = self.issued.last().is_some_and(|last| last.access_token == access_token);
        if issued.revoked {
            return Err(Refusal::new(403, "token_rejected"));
        }
        if !in_force {
            // Another person's download takes the consumer's secret along.
            let same_consumer =
                self.issued.last().is_some_and(|last| last.consumer_key == issued.consumer_key);
            return Err(Refusal::new(
                403,
                if same_consumer { "token_rejected" } else { "signature_invalid" },
            ));
        }
        if issued.expires <= now {
            return Err(Refusal::new(401, "token_expired"));
        }
        if self.terms_pending {
            return Err(Refusal::new(403, "T_C_NOT_SIGNED"));
        }
        Ok(())
    }
}

/// The parameters of an `Authorization: OAuth …` header (RFC 5849, section 3.5.1), decoded.
fn parameters(header: &str) -> Result<Vec<(String, String)>, Refusal> {
    let rejected = Refusal::bad("parameter_rejected");
    let (scheme, rest) = header.trim().split_once(char::is_whitespace).ok_or(rejected)?;
    if !scheme.eq_ignore_ascii_case("OAuth") {
        return Err(rejected);
    }
    let pairs = rest.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').ok_or(rejected)?;
            let value = value.trim().strip_prefix('"').and_then(|value| value.strip_suffix('"'));
            let decoded = |text: &str| decode(text).ok_or(rejected);
            Ok((decoded(name.trim())?, decoded(value.ok_or(rejected)?)?))
        })
        .collect()
}

/// RFC 5849, section 3.6: everything but letters, digits, `-`, `.`, `_` and `~`.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let (high, low) = (digit(bytes.next()?)?, digit(bytes.next()?)?);
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}

/// The signature of a text, in base64.
fn sign(consumer_secret: &str, access_secret: &str, text: &str) -> Option<String> {
    let key = format!("{}&{}", encode(consumer_secret), encode(access_secret));
    let key = PKey::hmac(key.as_bytes()).ok()?;
    let mut signer = Signer::new(MessageDigest::sha1(), &key).ok()?;
    Some(STANDARD.encode(signer.sign_oneshot_to_vec(text.as_bytes()).ok()?))
}

fn is_same(one: &str, other: &str) -> bool {
    one.len() == other.len() && memcmp::eq(one.as_bytes(), other.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 5849, section 1.2, with its secrets.
    #[test]
    fn the_signature_of_the_rfc_is_found() {
        let header = "OAuth realm=\"Photos\", oauth_consumer_key=\"dpf43f3p2l4k3l03\", \
            oauth_token=\"nnch734d00sl2jdk\", oauth_signature_method=\"HMAC-SHA1\", \
            oauth_timestamp=\"137131202\", oauth_nonce=\"chapoH\", \
            oauth_signature=\"MdpQcU8iPSUjWoN%2FUDMsK2sui9I%3D\"";
        let request = SignIn {
            method: "GET",
            url: "http://photos.example.net/photos",
            query: "file=vacation.jpg&size=original",
            authorization: Some(header),
        };
        let shown = parameters(header).unwrap();
        let signature = sign("kd94hf93k423kf44", "pfkkdhi9sl3r4s00", &request.base_text(&shown)).unwrap();
        assert_eq!(signature, "MdpQcU8iPSUjWoN/UDMsK2sui9I=");
        assert_eq!(shown.iter().find(|(name, _)| name == "oauth_signature").unwrap().1, signature);
        assert_eq!(request.consumer_key().as_deref(), Some("dpf43f3p2l4k3l03"));
    }
}
