//! Signing in: one request to Entra with a proof, or one to Azure that asks for a managed identity.
//!
//! ```text
//! clientSecret ───────────────────────────┐
//! certificate ─── signs an assertion ─────┤
//! federatedTokenFile ─── is read ─────────┼─▶ Entra's token endpoint ─▶ bearer
//! githubOidc ─▶ GitHub's id token ────────┘
//! managedIdentity ─▶ metadata service, or the app's endpoint ─▶ bearer
//! ```
//!
//! Key invariants: every proof is made or fetched anew for a sign-in and is kept nowhere; it goes to
//! its own issuer and to Entra only; the bearer is in memory alone.
//!
//! Source: reference intune-graph section 7; there is no refresh token in these flows.

pub mod certificate;
pub mod github;
pub mod identity;
mod refusal;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::header::USER_AGENT;
use serde::Deserialize;
use url::Url;

use super::{GraphClient, GraphSettings, Operation, ServiceError, SignIn, cloud};
use crate::http::redact::Redactor;
use crate::http::retry::{self, Attempts, Next, Repeat, Trouble};
use crate::http::{self, Answer, NoAnswer, Reach};
use crate::model::Secret;
use crate::model::clock;
use crate::model::live::Cause;
use github::GithubRunner;
use identity::ManagedIdentity;

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

/// The secrets that a sign-in holds from its beginning.
pub(super) fn secrets(sign_in: &SignIn) -> Option<&Secret> {
    match sign_in {
        SignIn::ClientSecret(secret) => Some(secret),
        SignIn::GithubOidc(runner) => Some(runner.token()),
        SignIn::ManagedIdentity(identity) => identity.header(),
        SignIn::Certificate(_) | SignIn::FederatedTokenFile(_) | SignIn::Simulated => None,
    }
}

/// One request of a sign-in, as often as it has to be sent.
enum Ask<'a> {
    /// Entra's token endpoint; with GitHub's id token where that is the proof.
    Entra(&'a Url, Option<&'a Secret>),
    /// GitHub, for an id token.
    Github(&'a GithubRunner),
    /// Azure, for the bearer of a managed identity; by a client that asks no proxy.
    Identity(&'a ManagedIdentity, &'a reqwest::Client),
}

impl GraphClient {
    /// Signs in; the bearer gets this number.
    pub(super) async fn sign_in(&self, generation: u64) -> Result<Bearer, ServiceError> {
        let settings = self.settings();
        check_hosts(settings)?;
        let answer = match &settings.sign_in {
            SignIn::ManagedIdentity(identity) => {
                let near = http::client(Reach::Loopback).map_err(|error| {
                    let next = "see the runner's TLS set-up";
                    ServiceError::own(Operation::SignIn, Cause::Unavailable, error.to_string(), next)
                })?;
                self.ask(&Ask::Identity(identity, &near)).await?
            }
            other => {
                let url = endpoint(settings).ok_or_else(|| {
                    refused("the login host cannot carry a path".to_owned(), "correct `endpoints.login`")
                })?;
                let id_token = match other {
                    SignIn::GithubOidc(runner) => {
                        let answer = self.ask(&Ask::Github(runner)).await?;
                        let token = github::id_token(&answer).map_err(|detail| self.unreadable(&detail))?;
                        self.redactor().learn(&token);
                        Some(token)
                    }
                    _ => None,
                };
                self.ask(&Ask::Entra(&url, id_token.as_ref())).await?
            }
        };
        let bearer =
            bearer(&answer, settings.clock.now(), generation).map_err(|detail| self.unreadable(&detail))?;
        // Entra is asked for a tenant by name; Azure is not.
        if let SignIn::ManagedIdentity(_) = &settings.sign_in {
            check_tenant(settings, &bearer)?;
        }
        Ok(bearer)
    }

    fn unreadable(&self, detail: &str) -> ServiceError {
        ServiceError::unreadable(Operation::SignIn, detail, self.redactor())
    }

    /// Sends a request until it is answered with success or given up.
    async fn ask(&self, ask: &Ask<'_>) -> Result<Answer, ServiceError> {
        let settings = self.settings();
        let mut attempts = Attempts::default();
        loop {
            let request = self.request(ask).await?.header(USER_AGENT, &settings.user_agent);
            self.meter().read();
            let (trouble, error) = match http::send(request).await {
                Ok(answer) if answer.is_success() => return Ok(answer),
                Ok(answer) => {
                    let pause = retry::retry_after(answer.header("retry-after"), settings.clock.now());
                    (ask.trouble(&answer, pause), ask.refusal(&answer, self.redactor()))
                }
                Err(failure) => ask.silence(&failure, self.redactor()),
            };
            match self.decide(&mut attempts, trouble, Repeat::Read) {
                Next::Pause(pause) => settings.clock.sleep(pause).await,
                Next::Renew | Next::GiveUp(_) => return Err(error),
            }
        }
    }

    /// The request, with its proof made anew: an assertion is good for one request.
    async fn request(&self, ask: &Ask<'_>) -> Result<reqwest::RequestBuilder, ServiceError> {
        let settings = self.settings();
        Ok(match ask {
            Ask::Entra(url, id_token) => {
                let form = form(settings, *id_token, self.redactor()).await?;
                let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.reveal())).collect();
                self.http().post((*url).clone()).form(&form)
            }
            Ask::Github(runner) => runner.request(self.http()),
            Ask::Identity(identity, http) => identity.request(http, settings.cloud),
        })
    }
}

impl Ask<'_> {
    fn trouble(&self, answer: &Answer, pause: Option<Duration>) -> Trouble {
        match (self, answer.status) {
            (_, 429) => Trouble::Throttled(pause),
            (_, 408 | 500..) => Trouble::Broken(pause),
            // The metadata service answers so for some seconds while it is being updated.
            (Ask::Identity(..), 404 | 410) => Trouble::Throttled(pause),
            // 401 is a final word about a credential, not a bearer to be renewed.
            _ => Trouble::Refused,
        }
    }

    fn refusal(&self, answer: &Answer, redactor: &Redactor) -> ServiceError {
        match self {
            Ask::Entra(..) => refusal::by_entra(answer, redactor),
            Ask::Github(_) => refusal::by_github(answer, redactor),
            Ask::Identity(identity, _) => refusal::by_identity(answer, identity.whom(), redactor),
        }
    }

    fn silence(&self, failure: &NoAnswer, redactor: &Redactor) -> (Trouble, ServiceError) {
        let mut error = ServiceError::no_answer(Operation::SignIn, failure, redactor);
        let mut trouble = Trouble::from(failure);
        if let (Ask::Identity(identity, _), NoAnswer::NotConnected(_)) = (self, failure) {
            // Where there is no such service, asking again only makes people wait.
            trouble = Trouble::Refused;
            error.cause = Cause::Credentials;
            error.message = format!("{} does not answer: {}", identity.whom(), error.message);
            error.next = identity.next_when_silent().to_owned();
        }
        (trouble, error)
    }
}

/// Refuses the bearer of another tenant: a managed identity belongs to its machine's tenant, whatever
/// the document says. A bearer that does not tell its tenant is taken, for its form is Entra's business.
fn check_tenant(settings: &GraphSettings, bearer: &Bearer) -> Result<(), ServiceError> {
    #[derive(Deserialize)]
    struct Claims {
        tid: uuid::Uuid,
    }
    let claims = bearer.secret.reveal().split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
    match (claims, uuid::Uuid::try_parse(&settings.tenant_id)) {
        (Some(Claims { tid }), Ok(named)) if tid != named => {
            let message = format!("the managed identity signs in to the tenant {tid}, not to {named}");
            Err(refused(message, "correct `tenantId`, or run espalier on a machine of that tenant"))
        }
        _ => Ok(()),
    }
}

/// Refuses hosts to which a credential or a bearer would travel in the clear.
fn check_hosts(settings: &GraphSettings) -> Result<(), ServiceError> {
    for host in [&settings.login, &settings.graph] {
        if host.scheme() != "https" && !http::is_loopback(host) {
            let message = format!("{} is not encrypted", host.origin().ascii_serialization());
            return Err(refused(message, "use an https address in `endpoints`"));
        }
    }
    Ok(())
}

/// The form of one sign-in request, with its credential.
///
/// # Errors
/// When the credential cannot be had: a file that is not there, an expired certificate, no credential
/// for real hosts.
async fn form(
    settings: &GraphSettings,
    id_token: Option<&Secret>,
    redactor: &Redactor,
) -> Result<Vec<(&'static str, Secret)>, ServiceError> {
    let plain = |text: &str| Secret::new(text.to_owned());
    let mut form = vec![
        ("grant_type", plain("client_credentials")),
        ("client_id", plain(&settings.client_id)),
        ("scope", plain(&cloud::scope(settings.cloud))),
    ];
    let assertion = match &settings.sign_in {
        SignIn::ClientSecret(secret) => {
            form.push(("client_secret", secret.clone()));
            return Ok(form);
        }
        SignIn::Simulated => {
            if !http::is_loopback(&settings.graph) || !http::is_loopback(&settings.login) {
                let message = "a simulated sign-in works with hosts of this machine only".to_owned();
                return Err(refused(message, "give the connection a credential"));
            }
            form.push(("client_secret", plain("simulated")));
            return Ok(form);
        }
        SignIn::Certificate(certificate) => {
            let now = settings.clock.now();
            if let Some(why) = certificate.out_of_date(now) {
                let next = "make a new certificate, upload it to the app registration, and replace the PEM; where the date is wrong, set the machine's clock";
                return Err(refused(why, next));
            }
            let audience = cloud::token_endpoint(settings.cloud, &settings.tenant_id);
            certificate.assertion(&settings.client_id, &audience, now).map_err(|error| {
                let reason = error.errors().first().and_then(|error| error.reason()).unwrap_or("no reason");
                let message = format!("the certificate's key cannot sign: {reason}");
                refused(message, "see whether the PEM holds a sound RSA key")
            })?
        }
        SignIn::FederatedTokenFile(path) => {
            let text = tokio::fs::read_to_string(path).await.map_err(|error| {
                let message = format!("the federated token file {} cannot be read: {error}", path.display());
                refused(message, "let the runner write the file, or correct `federatedTokenFile`")
            })?;
            Secret::new(text.trim().to_owned())
        }
        SignIn::GithubOidc(_) | SignIn::ManagedIdentity(_) => match id_token {
            Some(token) => token.clone(),
            None => return Err(refused("there is no id token to show".to_owned(), "run again")),
        },
    };
    redactor.learn(&assertion);
    form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
    form.push(("client_assertion", assertion));
    Ok(form)
}

/// The token endpoint of the tenant; `None` if the host cannot carry a path.
fn endpoint(settings: &GraphSettings) -> Option<Url> {
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
fn bearer(answer: &Answer, now: Timestamp, generation: u64) -> Result<Bearer, String> {
    #[derive(Deserialize)]
    struct Token {
        access_token: Secret,
        expires_in: Option<Seconds>,
        // App Service gives the end alone.
        expires_on: Option<Seconds>,
    }
    // Numbers as texts: the metadata service and Entra's older endpoint write them so.
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Seconds {
        Number(u64),
        Text(String),
    }
    impl Seconds {
        fn number(self, member: &str) -> Result<u64, String> {
            match self {
                Seconds::Number(seconds) => Ok(seconds),
                Seconds::Text(text) => text.parse().map_err(|_| format!("`{member}` is no number")),
            }
        }
    }
    // The parser's words may quote the answer, which holds the bearer; only its place is kept.
    let token: Token = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("no token at line {} column {}", error.line(), error.column()))?;
    let shown = token.access_token.reveal();
    // Sent as it is in a header; anything else would look like a network that fails.
    if shown.is_empty() || !shown.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("`access_token` is empty or no bearer".to_owned());
    }
    let lifetime = match (token.expires_in, token.expires_on) {
        (Some(seconds), _) => Duration::from_secs(seconds.number("expires_in")?),
        (None, Some(end)) => {
            let end = i64::try_from(end.number("expires_on")?).ok();
            let end = end.and_then(|end| Timestamp::from_second(end).ok());
            clock::between(now, end.ok_or("`expires_on` is no time")?)
        }
        (None, None) => return Err("neither `expires_in` nor `expires_on`".to_owned()),
    };
    // A bearer that lives less than the margin is used for half its life, not signed in for anew
    // before every call.
    let use_for = lifetime.saturating_sub(MARGIN).max(lifetime / 2);
    Ok(Bearer { secret: token.access_token, renew_at: clock::after(now, use_for), generation })
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
        let end = now.as_second() + 3600;
        for body in [
            r#"{"access_token":"x","expires_in":"3600"}"#.to_owned(),
            format!(r#"{{"access_token":"x","expires_on":"{end}"}}"#),
            format!(r#"{{"access_token":"x","expires_on":{end}}}"#),
            r#"{"access_token":"x","expires_in":3600,"expires_on":"7"}"#.to_owned(),
        ] {
            let bearer = bearer(&answer(200, &body), now, 1).unwrap();
            assert_eq!(bearer.renew_at, "2026-01-01T00:55:00Z".parse().unwrap(), "{body}");
        }
    }

    #[test]
    fn a_short_lived_bearer_is_still_used() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let bearer = bearer(&answer(200, r#"{"access_token":"x","expires_in":60}"#), now, 1).unwrap();
        assert_eq!(bearer.renew_at, "2026-01-01T00:00:30Z".parse().unwrap());
    }

    #[test]
    fn an_unreadable_token_answer_is_not_quoted() {
        for body in [
            r#"{"access_token":["planted"]}"#,
            r#"{"access_token":"planted"}"#,
            r#"{"access_token":"x","expires_in":"planted"}"#,
            r#"{"access_token":"","expires_in":3600}"#,
            r#"{"access_token":"planted\r\nX-Other: 1","expires_in":3600}"#,
            r#"{"access_token":"x","expires_on":"planted"}"#,
        ] {
            let error = bearer(&answer(200, body), Timestamp::UNIX_EPOCH, 1).unwrap_err();
            assert!(!error.contains("planted"), "{error}");
        }
    }
}
