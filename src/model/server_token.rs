//! The credentials of a direct token: what Apple's `.p7m` file holds once it is decrypted. PURE.
//!
//! Source: reference apple-enrollment-api section 1.4. The values are opaque; the prefixes that real
//! ones have are only a hint.

use std::fmt;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::Secret;

/// The text members, each with the prefix that Apple's own values have.
const MEMBERS: [(&str, &str); 4] =
    [("consumer_key", "CK_"), ("consumer_secret", "CS_"), ("access_token", "AT_"), ("access_secret", "AS_")];
const EXPIRY: &str = "access_token_expiry";

/// What a key pair of the OAuth 1.0a kind and its validity look like in espalier. It can be neither
/// printed nor written: its `Debug` shows the fingerprint and the expiry alone.
#[derive(Clone)]
pub struct ServerToken {
    /// `consumer_key`: names the server at Apple. It normally stays when the token is renewed.
    pub consumer_key: Secret,
    /// `consumer_secret`
    pub consumer_secret: Secret,
    /// `access_token`: new with every renewal.
    pub access_token: Secret,
    /// `access_secret`
    pub access_secret: Secret,
    /// `access_token_expiry`: from then on Apple refuses the token (T-6). `None`: not known, because
    /// the credentials came without it; a decrypted file always states it.
    pub expires: Option<Timestamp>,
}

/// Why a text is no server token. No text here quotes a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerTokenError {
    /// No JSON.
    #[error("the decrypted text is no JSON (line {line}, column {column})")]
    NotJson {
        /// From 1; 0 for an empty text.
        line: usize,
        /// From 1; 0 at the beginning of a line.
        column: usize,
    },
    /// JSON, but no object.
    #[error("the decrypted text is JSON, but no object")]
    NotAnObject,
    /// A member is missing, null or empty.
    #[error("the decrypted text has no `{0}`")]
    Missing(&'static str),
    /// A member is no text.
    #[error("`{0}` in the decrypted text is no string")]
    NotText(&'static str),
    /// The expiry is no time.
    #[error("`access_token_expiry` in the decrypted text is no time like 2027-07-01T22:18:53Z")]
    NotATime,
}

impl ServerToken {
    /// Reads the decrypted JSON: five strings, none of them empty; other members are ignored.
    ///
    /// # Errors
    /// See [`ServerTokenError`].
    pub fn from_json(text: &str) -> Result<Self, ServerTokenError> {
        let mut members: Map<String, Value> = match serde_json::from_str(text) {
            Ok(Value::Object(members)) => members,
            Ok(_) => return Err(ServerTokenError::NotAnObject),
            Err(error) => {
                return Err(ServerTokenError::NotJson { line: error.line(), column: error.column() });
            }
        };
        let mut take = |member: &'static str| match members.remove(member) {
            None | Some(Value::Null) => Err(ServerTokenError::Missing(member)),
            Some(Value::String(text)) if text.trim().is_empty() => Err(ServerTokenError::Missing(member)),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(ServerTokenError::NotText(member)),
        };
        let [consumer_key, consumer_secret, access_token, access_secret] =
            MEMBERS.map(|(member, _)| take(member).map(Secret::new));
        let expires = take(EXPIRY);
        Ok(Self {
            consumer_key: consumer_key?,
            consumer_secret: consumer_secret?,
            access_token: access_token?,
            access_secret: access_secret?,
            expires: Some(expires?.trim().parse().map_err(|_| ServerTokenError::NotATime)?),
        })
    }

    /// The members whose values do not begin as Apple's own do. That refuses nothing: a simulator's
    /// may begin otherwise, and Apple documents no shape.
    pub fn oddities(&self) -> Vec<&'static str> {
        let secrets = self.secrets();
        let odd = MEMBERS.iter().zip(secrets);
        odd.filter(|((_, prefix), secret)| !secret.reveal().starts_with(prefix))
            .map(|((member, _), _)| *member)
            .collect()
    }

    /// The four secrets, to be kept out of every text.
    pub fn secrets(&self) -> [&Secret; 4] {
        [&self.consumer_key, &self.consumer_secret, &self.access_token, &self.access_secret]
    }

    /// A name for the server that these credentials act for, which gives nothing away: 32 hexadecimal
    /// digits of a hash of the consumer key. Renewals normally keep it.
    pub fn fingerprint(&self) -> String {
        digest("espalier server token", &[&self.consumer_key])
    }

    /// A name for these very credentials, which gives nothing away: 32 hexadecimal digits of a hash of
    /// consumer key and access token. A renewal changes it.
    pub fn credentials_fingerprint(&self) -> String {
        digest("espalier server token credentials", &[&self.consumer_key, &self.access_token])
    }
}

impl fmt::Debug for ServerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerToken")
            .field("fingerprint", &self.fingerprint())
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// The domain word keeps one kind of hash from ever being taken for another; the zero byte, which no
/// JSON key of Apple's holds, keeps the parts apart.
fn digest(domain: &str, parts: &[&Secret]) -> String {
    let mut hash = openssl::sha::Sha256::new();
    hash.update(domain.as_bytes());
    for part in parts {
        hash.update(&[0]);
        hash.update(part.reveal().as_bytes());
    }
    hash.finish()[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "consumer_key": "CK_planted1", "consumer_secret": "CS_planted2",
            "access_token": "AT_planted3", "access_secret": "AS_planted4",
            "access_token_expiry": "2027-07-01T22:18:53Z",
        })
    }

    #[test]
    fn a_token_is_read() {
        let mut document = document();
        document["added_next_year"] = json!([1]);
        let token = ServerToken::from_json(&document.to_string()).unwrap();
        assert_eq!(
            token.secrets().map(Secret::reveal),
            ["CK_planted1", "CS_planted2", "AT_planted3", "AS_planted4"]
        );
        assert_eq!(token.expires, Some("2027-07-01T22:18:53Z".parse().unwrap()));
        assert!(token.oddities().is_empty());
    }

    #[test]
    fn every_member_is_demanded_and_none_is_quoted() {
        for member in ["consumer_key", "consumer_secret", "access_token", "access_secret", EXPIRY] {
            for (wrong, word) in [
                (json!(null), "has no"),
                (json!(""), "has no"),
                (json!(" \n"), "has no"),
                (json!(["planted"]), "no string"),
                (json!(7), "no string"),
            ] {
                let mut document = document();
                document[member] = wrong;
                let error = ServerToken::from_json(&document.to_string()).unwrap_err();
                let text = format!("{error} {error:?}");
                assert!(text.contains(member) && text.contains(word), "{text}");
                assert!(!text.contains("planted"), "{text}");
            }
            let mut document = document();
            document.as_object_mut().unwrap().remove(member);
            let error = ServerToken::from_json(&document.to_string()).unwrap_err();
            assert!(error.to_string().contains(member), "{error}");
        }
        let mut document = document();
        document[EXPIRY] = json!("planted");
        let error = ServerToken::from_json(&document.to_string()).unwrap_err();
        assert_eq!(error, ServerTokenError::NotATime);
    }

    #[test]
    fn a_text_that_is_no_token_is_not_quoted() {
        for text in
            ["", "planted", "{\"consumer_key\":\"planted", "[\"planted\"]", "\"planted\"", "{} planted"]
        {
            let error = ServerToken::from_json(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("planted"), "{error:?}");
        }
    }

    #[test]
    fn unusual_prefixes_are_named_and_refuse_nothing() {
        let mut document = document();
        document["access_token"] = json!("planted");
        let token = ServerToken::from_json(&document.to_string()).unwrap();
        assert_eq!(token.oddities(), ["access_token"]);
    }

    #[test]
    fn a_renewal_keeps_one_fingerprint_and_changes_the_other() {
        let old = ServerToken::from_json(&document().to_string()).unwrap();
        let mut renewed = old.clone();
        renewed.access_token = Secret::new("AT_other".into());
        assert_eq!(old.fingerprint(), renewed.fingerprint());
        assert_ne!(old.credentials_fingerprint(), renewed.credentials_fingerprint());
        assert_ne!(old.fingerprint(), old.credentials_fingerprint());
        let mut other = old.clone();
        other.consumer_key = Secret::new("CK_other".into());
        assert_ne!(old.fingerprint(), other.fingerprint());
        assert_ne!(old.credentials_fingerprint(), other.credentials_fingerprint());
        assert_eq!(old.fingerprint().len(), 32);
        assert!(old.fingerprint().bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = ServerToken::from_json(&document().to_string()).unwrap();
        assert!(!format!("{token:?} {token:#?}").contains("planted"));
    }
}
