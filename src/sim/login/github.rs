//! The simulated GitHub that gives id tokens to a workflow.
//!
//! Its RSA key is made when it is first needed and is gone with the simulator: an id token is good
//! with the simulator that gave it.

use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::Rsa;
use openssl::sign::Signer;
use serde_json::{Value, json};

use super::frame::{Answer, Asking, Desk};
use crate::sim::shared::Shared;

/// How long an id token is good, in seconds.
const LIFETIME_SECS: i64 = 300;

/// GitHub's token service.
pub(super) const DESK: Desk = Desk {
    service: "github",
    operation: "idToken",
    answer,
    down: |_, status| no(status, "Service unavailable"),
};

/// The key of the id tokens.
#[derive(Debug, Default)]
pub(in crate::sim) struct Issuer(OnceLock<Option<PKey<Private>>>);

impl Issuer {
    fn key(&self) -> Option<&PKey<Private>> {
        self.0.get_or_init(|| Rsa::generate(2048).and_then(PKey::from_rsa).ok()).as_ref()
    }

    /// The public half; `None` where OpenSSL can make no keys.
    pub(in crate::sim) fn public_key(&self) -> Option<PKey<Public>> {
        PKey::public_key_from_der(&self.key()?.public_key_to_der().ok()?).ok()
    }

    fn sign(&self, claims: &Value) -> Option<String> {
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": "sim" });
        let signed = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join(".");
        let key = self.key()?;
        let sign = || -> Result<Vec<u8>, ErrorStack> {
            Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(signed.as_bytes())
        };
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(sign().ok()?)))
    }
}

fn answer(shared: &Shared, asking: &Asking<'_>) -> Answer {
    // The real path leads over numbers of runs and jobs to a segment of this name.
    if asking.method != "GET" || !asking.path.split('/').any(|segment| segment == "idtoken") {
        return no(404, "Not Found");
    }
    let bearer = asking.header("authorization").and_then(|field| field.split_once(' '));
    let bearer = bearer.filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer")).map(|(_, token)| token);
    let (workflow, now) = {
        let world = shared.world();
        (world.workflow.clone(), world.now.as_second())
    };
    let Some(workflow) = workflow.filter(|workflow| bearer == Some(workflow.request_token.as_str())) else {
        return no(401, "The request token is not valid.");
    };
    let number = shared.next_number();
    let claims = json!({
        "jti": shared.world().derive_id(&format!("id-token/{number}")), "iss": workflow.issuer,
        "sub": workflow.subject, "aud": asking.queried("audience").unwrap_or("https://github.com/sim"),
        "iat": now, "nbf": now - 60, "exp": now + LIFETIME_SECS,
    });
    match shared.issuer().sign(&claims) {
        Some(token) => Answer::new(200, json!({ "count": token.len(), "value": token })),
        None => no(500, "No key can be made."),
    }
}

fn no(status: u16, message: &str) -> Answer {
    Answer::new(status, json!({ "message": message }))
}
