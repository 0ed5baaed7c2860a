//! Signing in: one request to Apple's account service with an assertion, unless a bearer is at hand.
//!
//! ```text
//! in memory, good ─▶ kept by another run, good ─▶ this process's turn ─▶ kept meanwhile? ─▶ asked for
//! ```
//!
//! Source: reference apple-business-api section 2.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, USER_AGENT};
use serde::Deserialize;
use url::Url;

use super::bearer::{Bearer, BearerKey, Turn, is_bearer};
use super::client::BusinessClient;
use super::error::{BusinessError, Fault, Operation};
use super::refusal::{self, Known};
use super::{SignIn, scope};
use crate::http::retry::{Attempts, Next, Repeat, Trouble};
use crate::http::{self, Answer};
use crate::model::live::Cause;
use crate::model::{Secret, clock};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A refused sign-in is not repeated for this long: every call would meet the same refusal.
const REFUSED_FOR: Duration = Duration::from_secs(60);
/// The longest answer of the account service that is read, in bytes.
const LONGEST: usize = 256 << 10;
/// How often another process is looked after while it is asking for a bearer, and how long it is given.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOKS: u32 = 100;

/// The sign-in of one connection.
#[derive(Debug, Default)]
pub(super) struct Session {
    bearer: Option<Bearer>,
    /// The last one that the API refused: it is not taken from the store again.
    spent: Option<Bearer>,
    refused: Option<(Timestamp, BusinessError)>,
}

impl Session {
    /// Drops a bearer that the API refused, unless another call has already replaced it.
    pub(super) fn forget(&mut self, refused: &Bearer) {
        if self.bearer.as_ref().is_some_and(|bearer| bearer.is(refused)) {
            self.bearer = None;
        }
        self.spent = Some(refused.clone());
    }
}

impl BusinessClient {
    /// A good bearer. Of several calls that need one, one signs in and the others wait.
    pub(super) async fn bearer(&self) -> Result<Bearer, BusinessError> {
        let mut session = self.session().lock().await;
        let now = self.settings().clock.now();
        if let Some(bearer) = session.bearer.as_ref().filter(|bearer| bearer.is_good(now)) {
            return Ok(bearer.clone());
        }
        if let Some((_, error)) = session.refused.as_ref().filter(|(until, _)| now < *until) {
            return Err(error.clone());
        }
        match self.find_bearer(session.spent.as_ref()).await {
            Ok(bearer) => {
                session.bearer = Some(bearer.clone());
                session.refused = None;
                Ok(bearer)
            }
            Err(error) => {
                if matches!(error.cause, Cause::Credentials | Cause::Throttled) {
                    let until = clock::after(self.settings().clock.now(), REFUSED_FOR);
                    session.refused = Some((until, error.clone()));
                }
                Err(error)
            }
        }
    }

    /// A bearer that another run keeps, or a new one.
    async fn find_bearer(&self, spent: Option<&Bearer>) -> Result<Bearer, BusinessError> {
        let settings = self.settings();
        // Before anything is kept or sent under a wrong address.
        let url = self.token_endpoint()?;
        let key = BearerKey {
            client_id: settings.client_id.clone(),
            key_id: settings.key_id.clone(),
            account: match &settings.account_name {
                Some(name) => name.clone(),
                None => settings.account.origin().ascii_serialization(),
            },
            scope: scope(settings.edition).to_owned(),
        };
        let kept = || {
            let bearer = settings.bearers.load(&key)?;
            let is_spent = spent.is_some_and(|spent| bearer.is(spent));
            (bearer.is_good(settings.clock.now()) && !is_spent).then(|| {
                self.redactor().learn_passing(&bearer.secret);
                bearer
            })
        };
        let mut turn = settings.bearers.turn(&key);
        for _ in 0..LOOKS {
            if let Some(bearer) = kept() {
                return Ok(bearer);
            }
            if let Turn::Mine(_) = turn {
                break;
            }
            // Another process works in the time of this machine, whatever clock is played.
            tokio::time::sleep(LOOK_EVERY).await;
            turn = settings.bearers.turn(&key);
        }
        let bearer = self.ask_for_bearer(&url).await?;
        settings.bearers.save(&key, &bearer);
        drop(turn);
        Ok(bearer)
    }

    fn token_endpoint(&self) -> Result<Url, BusinessError> {
        let settings = self.settings();
        let refuse = |message: &str| BusinessError::own(Operation::SignIn, Fault::NotSendable, message);
        let mut url = settings.account.clone();
        if url.scheme() != "https" && !http::is_loopback(&url) {
            return Err(refuse("the address of the account service is not https"));
        }
        if matches!(settings.sign_in, SignIn::Simulated)
            && !(http::is_loopback(&url) && http::is_loopback(&settings.api))
        {
            return Err(refuse("a simulated sign-in works with hosts of this machine only"));
        }
        match url.path_segments_mut() {
            Ok(mut path) => {
                path.pop_if_empty().extend(["auth", "oauth2", "token"]);
            }
            Err(()) => return Err(refuse("the address of the account service cannot carry a path")),
        }
        url.set_query(None);
        Ok(url)
    }

    /// Asks for a bearer, with an assertion made anew for each attempt.
    async fn ask_for_bearer(&self, url: &Url) -> Result<Bearer, BusinessError> {
        let settings = self.settings();
        let mut attempts = Attempts::default();
        loop {
            let form = self.form()?;
            let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.reveal())).collect();
            let request = self.http().post(url.clone()).form(&form);
            let request = request.header(ACCEPT, "application/json").header(USER_AGENT, &settings.user_agent);
            self.meter().read();
            let sent = http::send_bounded(request, LONGEST).await;
            let now = settings.clock.now();
            let (trouble, error) = match sent {
                Ok(answer) if answer.is_success() => {
                    let bearer = read_bearer(&answer, now)
                        .map_err(|why| BusinessError::own(Operation::SignIn, Fault::AnswerUnreadable, why))?;
                    self.redactor().learn_passing(&bearer.secret);
                    return Ok(bearer);
                }
                Ok(answer) => refusal::judge_sign_in(&answer, &Known { now, redactor: self.redactor() }),
                Err(failure) => (
                    Trouble::from(&failure),
                    BusinessError::no_answer(Operation::SignIn, &failure, self.redactor()),
                ),
            };
            if let Some(until) = error.not_before {
                self.meter().asked(until);
            }
            match self.decide(&mut attempts, trouble, Repeat::Read) {
                Next::Pause(pause) => settings.clock.sleep(pause).await,
                Next::Renew | Next::GiveUp(_) => return Err(error),
            }
        }
    }

    fn form(&self) -> Result<Vec<(&'static str, Secret)>, BusinessError> {
        let settings = self.settings();
        let plain = |text: &str| Secret::new(text.to_owned());
        let mut form = vec![
            ("grant_type", plain("client_credentials")),
            ("client_id", plain(&settings.client_id)),
            ("scope", plain(scope(settings.edition))),
        ];
        match &settings.sign_in {
            SignIn::Simulated => form.push(("client_secret", plain("simulated"))),
            SignIn::Key(key) => {
                let key_id = settings.send_key_id.then_some(settings.key_id.as_str());
                let now = settings.clock.now();
                // What OpenSSL says is about its own state, never about the key.
                let assertion = key.assertion(&settings.client_id, key_id, now).map_err(|error| {
                    let message = format!("OpenSSL cannot sign with ES256: {error}");
                    let message = self.redactor().clean(&message);
                    BusinessError::own(Operation::SignIn, Fault::NotSendable, message)
                })?;
                self.redactor().learn_passing(&assertion);
                form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
                form.push(("client_assertion", assertion));
            }
        }
        Ok(form)
    }
}

/// Reads the answer with a bearer; what is said of an unreadable one quotes nothing of it.
fn read_bearer(answer: &Answer, now: Timestamp) -> Result<Bearer, String> {
    #[derive(Deserialize)]
    struct Token {
        access_token: Secret,
        #[serde(default)]
        token_type: Option<String>,
        expires_in: u64,
    }
    let token: Token = serde_json::from_slice(&answer.body)
        .map_err(|error| format!("no bearer at line {} column {}", error.line(), error.column()))?;
    if !is_bearer(token.access_token.reveal()) {
        return Err("`access_token` is empty or no bearer".to_owned());
    }
    if token.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("`token_type` is not Bearer".to_owned());
    }
    let expires = clock::after(now, Duration::from_secs(token.expires_in));
    Ok(Bearer { secret: token.access_token, given: now, expires })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_bearer_is_not_quoted() {
        let now = Timestamp::UNIX_EPOCH;
        let answer =
            |body: &str| Answer { status: 200, headers: Default::default(), body: body.to_owned().into() };
        for body in [
            r#"{"access_token":["planted"],"expires_in":3600}"#,
            r#"{"access_token":"planted"}"#,
            r#"{"access_token":"planted","expires_in":"planted"}"#,
            r#"{"access_token":"","expires_in":3600}"#,
            r#"{"access_token":"planted\r\nX-Other: 1","expires_in":3600}"#,
            r#"{"access_token":"planted","expires_in":3600,"token_type":"planted"}"#,
            "planted",
        ] {
            let error = read_bearer(&answer(body), now).unwrap_err();
            assert!(!error.contains("planted"), "{error}");
        }
        let good = r#"{"access_token":"x","token_type":"Bearer","expires_in":3600,"scope":"business.api"}"#;
        let bearer = read_bearer(&answer(good), now).unwrap();
        assert_eq!(clock::between(bearer.given, bearer.expires), Duration::from_secs(3_600));
    }
}
