//! Signing in at Entra: client credentials, by secret or by another issuer's token.
//!
//! Source: reference intune-graph section 7; there is no refresh token in this flow.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use url::Url;

use super::{GraphSettings, Operation, ServiceError, SignIn};
use crate::http::redact::Redactor;
use crate::http::{self, Answer};
use crate::model::Secret;
use crate::model::clock;
use crate::model::live::Cause;

/// The same for every app that calls Graph with application permissions.
const SCOPE: &str = "https://graph.microsoft.com/.default";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A bearer is renewed this long before its end, so that none ends on its way.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A bearer and the instant from which it is not used any more.
#[derive(Clone, Debug)]
pub(super) struct Bearer {
    pub secret: Secret,
    pub renew_at: Timestamp,
    /// Counts sign-ins, so that of several calls that met 401 together only one signs in anew.
    pub generation: u64,
}

/// The form of one sign-in request, with its credential.
///
/// # Errors
/// When the credential cannot be had (a file that is not there, no credential for real hosts), or
/// would travel in the clear.
pub(super) async fn form(
    settings: &GraphSettings,
    redactor: &Redactor,
) -> Result<Vec<(&'static str, Secret)>, ServiceError> {
    for host in [&settings.login, &settings.graph] {
        if host.scheme() != "https" && !http::is_loopback(host) {
            let message = format!("{} is not encrypted", host.origin().ascii_serialization());
            return Err(refused(message, "use an https address in `endpoints`"));
        }
    }
    let plain = |text: &str| Secret::new(text.to_owned());
    let mut form = vec![
        ("grant_type", plain("client_credentials")),
        ("client_id", plain(&settings.client_id)),
        ("scope", plain(SCOPE)),
    ];
    match &settings.sign_in {
        SignIn::ClientSecret(secret) => form.push(("client_secret", secret.clone())),
        SignIn::FederatedTokenFile(path) => {
            let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                let message = format!("the federated token file {} cannot be read: {error}", path.display());
                refused(message, "let the runner write the file, or correct `federatedTokenFile`")
            })?;
            let assertion = Secret::new(text.trim().to_owned());
            redactor.learn(&assertion);
            form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
            form.push(("client_assertion", assertion));
        }
        SignIn::Simulated => {
            if !http::is_loopback(&settings.graph) || !http::is_loopback(&settings.login) {
                let message = "a simulated sign-in works with hosts of this machine only".to_owned();
                return Err(refused(message, "give the connection a credential"));
            }
            form.push(("client_secret", plain("simulated")));
        }
    }
    Ok(form)
}

/// The token endpoint of the tenant; `None` if the host cannot carry a path.
pub(super) fn endpoint(settings: &GraphSettings) -> Option<Url> {
    let mut url = settings.login.clone();
    url.path_segments_mut().ok()?.pop_if_empty().extend([
        settings.tenant_id.as_str(),
        "oauth2",
        "v2.0",
        "token",
    ]);
    Some(url)
}

/// Reads a bearer out of a 200 answer.
pub(super) fn bearer(answer: &Answer, now: Timestamp, generation: u64) -> Result<Bearer, String> {
    #[derive(Deserialize)]
    struct Token {
        access_token: Secret,
        expires_in: Seconds,
    }
    // Numbers as texts: Entra's older endpoint writes them so, and gateways mix both.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(u64),
        Text(String),
    }
    // The parser's words may quote the answer, which holds the bearer; only its place is kept.
    let token: Token = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("no token at line {} column {}", error.line(), error.column()))?;
    let lifetime = match token.expires_in {
        Seconds::Number(seconds) => seconds,
        Seconds::Text(text) => text.parse().map_err(|_| "`expires_in` is no number".to_owned())?,
    };
    let lifetime = Duration::from_secs(lifetime);
    // A bearer that lives less than the margin is used for half its life, not signed in for anew
    // before every call.
    let use_for = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
    Ok(Bearer { secret: token.access_token, renew_at: clock::after(now, use_for), generation })
}

/// The error of a sign-in that Entra refused.
pub(super) fn refusal(answer: &Answer, redactor: &Redactor) -> ServiceError {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Refusal {
        error: String,
        error_description: String,
        trace_id: Option<String>,
    }
    let body: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = aadsts(&body.error_description);
    // Trace and correlation ids follow on lines of their own; the trace id is kept apart.
    let words = body.error_description.lines().next().unwrap_or_default();
    let words = words.split(" Trace ID:").next().unwrap_or(words);
    let words = if words.trim().is_empty() { body.error.as_str() } else { words };
    let message = match redactor.clean(words) {
        empty if empty.trim().is_empty() => "the token service gave no reason".to_owned(),
        message => message,
    };
    ServiceError {
        operation: Operation::SignIn,
        status: Some(answer.status),
        code: Some(code.unwrap_or(body.error)).filter(|c| !c.is_empty()).map(|c| redactor.clean(&c)),
        next: match answer.status {
            429 | 500.. => "the sign-in service is busy or down: run again later".to_owned(),
            _ => advice(aadsts(&body.error_description).as_deref()),
        },
        message,
        request_id: body.trace_id.map(|id| redactor.clean(&id)),
        cause: match answer.status {
            429 => Cause::Throttled,
            400..500 => Cause::Credentials,
            _ => Cause::Unavailable,
        },
    }
}

/// The `AADSTS…` number at the head of a description.
fn aadsts(description: &str) -> Option<String> {
    let start = description.find("AADSTS")?;
    let digits = description[start + 6..].bytes().take_while(u8::is_ascii_digit).count();
    (digits > 0).then(|| description[start..start + 6 + digits].to_owned())
}

fn advice(code: Option<&str>) -> String {
    match code {
        Some("AADSTS7000215") => "the client secret is wrong: use the secret's value, not its id",
        Some("AADSTS7000222") => "the client secret has expired: make a new one and replace it",
        Some("AADSTS90002") => "the tenant is not known: check `tenantId` and the cloud's host",
        Some("AADSTS700016") => "the app is not in this tenant: check `clientId` and `tenantId`",
        Some("AADSTS70021") | Some("AADSTS700213") => {
            "no federated credential matches the token: compare issuer, subject and audience; a new one takes some minutes to work"
        }
        Some("AADSTS700024") => "the federated token has expired: let the runner write a fresh one",
        _ => "check `tenantId`, `clientId` and the credential of the connection",
    }
    .to_owned()
}

fn refused(message: String, next: &str) -> ServiceError {
    ServiceError::own(Operation::SignIn, Cause::Credentials, message, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, headers: Default::default(), body: body.to_owned().into() }
    }

    #[test]
    fn a_bearer_ends_five_minutes_early() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let bearer = bearer(&answer(200, r#"{"access_token":"x","expires_in":"3600"}"#), now, 1).unwrap();
        assert_eq!(bearer.renew_at, "2026-01-01T00:55:00Z".parse().unwrap());
    }

    #[test]
    fn a_short_lived_bearer_is_still_used() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let bearer = bearer(&answer(200, r#"{"access_token":"x","expires_in":60}"#), now, 1).unwrap();
        assert_eq!(bearer.renew_at, "2026-01-01T00:00:30Z".parse().unwrap());
    }

    #[test]
    fn an_unreadable_token_answer_is_not_quoted() {
        let now = Timestamp::UNIX_EPOCH;
        let error = bearer(&answer(200, r#"{"access_token":["planted"]}"#), now, 1).unwrap_err();
        assert!(!error.contains("planted"), "{error}");
    }

    #[test]
    fn refusals_are_explained_by_their_number() {
        for (code, word) in [
            ("7000215", "wrong"),
            ("7000222", "expired"),
            ("90002", "tenant"),
            ("700016", "clientId"),
            ("70021", "federated"),
            ("1", "credential"),
        ] {
            let body = format!(
                r#"{{"error":"invalid_client","error_description":"AADSTS{code}: words. Trace ID: t Correlation ID: c","trace_id":"t"}}"#
            );
            let error = refusal(&answer(401, &body), &Redactor::default());
            assert_eq!(error.code, Some(format!("AADSTS{code}")));
            assert_eq!(error.message, format!("AADSTS{code}: words."));
            assert!(error.next.contains(word), "{code}: {}", error.next);
            assert_eq!(error.cause, Cause::Credentials);
        }
    }
}
