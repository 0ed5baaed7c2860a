//! Server tokens: what a person downloads in the portal, and what of it Apple keeps.
//!
//! Secrets are not kept: they follow from the seed and the public half, but for those that a seed
//! fixed. A download replaces the token in force; the consumer key changes with the person.

use std::fmt;
use std::time::Duration;

use openssl::sha::sha512;
use serde::{Deserialize, Serialize};

use super::Service;
use crate::model::clock::{Timestamp, after};
use crate::sim::world::World;

/// What every derived `consumer_secret` and `access_secret` has in it. Whoever prints or keeps a
/// text with this in it has leaked a secret.
pub const TOKEN_SECRET: &str = "5ec2e75ec2e75ec2e7";

/// How long a server token is good.
const GOOD_FOR: Duration = Duration::from_secs(365 * 86_400);

/// A server token as the decrypted file states it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerToken {
    /// `CK_…`
    pub consumer_key: String,
    /// `CS_…`
    pub consumer_secret: String,
    /// `AT_…`
    pub access_token: String,
    /// `AS_…`
    pub access_secret: String,
    /// When it ends: RFC 3339, UTC, seconds.
    pub access_token_expiry: Timestamp,
}

impl fmt::Debug for ServerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerToken")
            .field("consumer_key", &self.consumer_key)
            .field("access_token_expiry", &self.access_token_expiry)
            .finish_non_exhaustive()
    }
}

/// A server token that was downloaded.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Issued {
    /// `consumer_key`
    pub consumer_key: String,
    /// `access_token`
    pub access_token: String,
    /// The Apple Account of who downloaded it.
    pub person: String,
    /// `access_token_expiry`
    pub expires: Timestamp,
    /// Whether it was revoked.
    #[serde(default)]
    pub revoked: bool,
    /// Consumer secret and access secret, where a seed fixed them; `None`: derived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<(String, String)>,
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("consumer_key", &self.consumer_key)
            .field("person", &self.person)
            .field("expires", &self.expires)
            .field("revoked", &self.revoked)
            .finish_non_exhaustive()
    }
}

impl Issued {
    /// The consumer secret and the access secret.
    pub fn secrets(&self, seed: u64) -> (String, String) {
        self.secrets.clone().unwrap_or_else(|| {
            (secret(seed, "CS", &self.consumer_key), secret(seed, "AS", &self.access_token))
        })
    }

    /// The token as the file states it.
    pub fn token(&self, seed: u64) -> ServerToken {
        let (consumer_secret, access_secret) = self.secrets(seed);
        ServerToken {
            consumer_key: self.consumer_key.clone(),
            consumer_secret,
            access_token: self.access_token.clone(),
            access_secret,
            access_token_expiry: self.expires,
        }
    }
}

impl Service {
    /// Issues a new server token, which replaces the one in force.
    pub fn issue(&mut self, seed: u64, now: Timestamp, person: &str, expires: Option<Timestamp>) -> &Issued {
        let number = self.issued.len() + 1;
        let derive = |kind: &str, path: &str| {
            format!("{kind}_{}", hex(seed, &format!("{}/{kind}/{path}", self.uuid), 96))
        };
        // The consumer is the person's, and the same in every token.
        let known = self.issued.iter().rfind(|issued| issued.person == person);
        let access_token = derive("AT", &number.to_string());
        let fixed = known.and_then(|known| known.secrets.as_ref());
        let issued = Issued {
            consumer_key: known.map_or_else(|| derive("CK", person), |known| known.consumer_key.clone()),
            secrets: fixed.map(|(consumer, _)| (consumer.clone(), secret(seed, "AS", &access_token))),
            access_token,
            person: person.to_owned(),
            expires: whole_seconds(expires.unwrap_or_else(|| after(now, GOOD_FOR))),
            revoked: false,
        };
        self.issued.push(issued);
        &self.issued[number - 1]
    }

    /// Puts a token in force whose texts are given.
    pub fn issue_as(&mut self, person: &str, token: &ServerToken) {
        self.issued.push(Issued {
            consumer_key: token.consumer_key.clone(),
            access_token: token.access_token.clone(),
            person: person.to_owned(),
            expires: whole_seconds(token.access_token_expiry),
            revoked: false,
            secrets: Some((token.consumer_secret.clone(), token.access_secret.clone())),
        });
    }
}

impl World {
    /// The server token that was issued last for a service, good or not; `None` where there is no
    /// such service, or none was.
    pub fn server_token(&self, service: &str) -> Option<ServerToken> {
        self.service(service)?.issued.last().map(|issued| issued.token(self.seed))
    }
}

/// A secret that follows from the seed and its public half.
fn secret(seed: u64, kind: &str, of: &str) -> String {
    let digits = 96 - TOKEN_SECRET.len();
    format!("{kind}_{TOKEN_SECRET}{}", hex(seed, &format!("{kind}/{of}"), digits))
}

/// That many hex digits which follow from the seed and a path of words; at most 128.
pub(super) fn hex(seed: u64, path: &str, digits: usize) -> String {
    let hash = sha512(format!("espalier-sim/{seed}/{path}").as_bytes());
    let mut text: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(digits);
    text
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
