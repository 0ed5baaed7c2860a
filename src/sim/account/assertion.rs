//! What the token endpoint asks of a client assertion: an ES256 signature of 64 bytes, and claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::Refused;
use crate::model::clock::Timestamp;
use crate::sim::apple::organization::ApiAccount;
use crate::sim::fault::Ways;

/// How far clocks may differ, in seconds. Apple does not say.
const SKEW: i64 = 300;
/// The longest life of an assertion, in seconds.
const LONGEST: i64 = 180 * 86_400;

/// An assertion that was shown. The same one may be shown again until it ends.
pub(super) struct Assertion<'a> {
    pub text: &'a str,
    /// Whom the request says to be.
    pub client_id: &'a str,
    /// To whom it may be made out.
    pub audiences: &'a [&'a str],
}

impl Assertion<'_> {
    /// Judges it for an account.
    pub(super) fn judge(
        &self,
        seed: u64,
        now: Timestamp,
        account: &ApiAccount,
        ways: Ways,
    ) -> Result<(), Refused> {
        let malformed = || Refused::client("The client assertion is no JWT.");
        let (signed, signature) = self.text.rsplit_once('.').ok_or_else(malformed)?;
        let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
        let json = |part: &str| -> Option<Value> {
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
        };
        let header = json(header).ok_or_else(malformed)?;
        let claims = json(claims).ok_or_else(malformed)?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        if header["alg"] != "ES256" {
            return Err(Refused::client("The client assertion has to be signed with ES256."));
        }
        if header.get("typ").is_some_and(|typ| typ != "JWT") {
            return Err(malformed());
        }
        // One project saw every `kid` refused, all others send one and Apple asks for it.
        match header.get("kid") {
            Some(_) if ways.kid_refused => return Err(Refused::client("The kid is not accepted.")),
            None if ways.kid_refused => {}
            kid if kid.and_then(Value::as_str) != Some(&account.key_id) => {
                return Err(Refused::client("The kid is not a key of the client."));
            }
            _ => {}
        }
        if !account.verifies(seed, signed.as_bytes(), &signature) {
            return Err(Refused::client("The signature of the client assertion is not valid."));
        }
        for name in ["iss", "sub"] {
            if claims[name] != self.client_id {
                let text = format!("The claim {name} of the client assertion is not the client.");
                return Err(Refused::client(text));
            }
        }
        if !self.is_made_out(&claims["aud"]) {
            return Err(Refused::client("The claim aud of the client assertion is not the token endpoint."));
        }
        if claims["jti"].as_str().is_none_or(str::is_empty) {
            return Err(Refused::client("The claim jti of the client assertion is missing."));
        }
        let at = |name: &str| {
            let text = format!("The claim {name} of the client assertion is missing.");
            claims[name].as_i64().ok_or_else(|| Refused::client(text))
        };
        let (begin, end, now) = (at("iat")?, at("exp")?, now.as_second());
        if begin > now + SKEW {
            return Err(Refused::client("The client assertion is issued in the future."));
        }
        if end <= now {
            return Err(Refused::client("The client assertion has expired."));
        }
        if end - begin > LONGEST {
            return Err(Refused::client("The client assertion is good for more than 180 days."));
        }
        Ok(())
    }

    /// Whether it has the one audience, which may stand in a list of one.
    fn is_made_out(&self, audience: &Value) -> bool {
        match audience {
            Value::Array(list) if list.len() == 1 => self.is_made_out(&list[0]),
            one => one.as_str().is_some_and(|one| self.audiences.contains(&one)),
        }
    }
}
