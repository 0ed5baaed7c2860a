//! One connection to Apple's enrollment service: the session, one call with all its attempts, and the
//! header fields that every request has. What answers mean stands in [`super::refusal`].

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{Method, RequestBuilder};
use tokio::sync::{Mutex, Semaphore};
use url::Url;

use super::error::{DepError, Fault, Operation};
use super::refusal::{self, Known};
use super::session::{Session, Ticket};
use super::{DepSettings, oauth, wire};
use crate::http::meter::Meter;
use crate::http::redact::Redactor;
use crate::http::retry::{Attempts, Effect, Next, Repeat, Trouble};
use crate::http::{self, Answer, NoAnswer, call};
use crate::model::clock;
use crate::model::live::Cause;
use crate::model::{Secret, Serial};

/// Requests that one connection has on their way at once: a page and the next, and a few besides.
const LANES: usize = 4;
/// A refused sign-in is not repeated for this long: every call would meet the same refusal.
const SIGN_IN_REFUSED_FOR: std::time::Duration = std::time::Duration::from_secs(60);
/// The version of the protocol that is spoken: it decides which members devices have (reference
/// apple-enrollment-api section 2.3).
pub const PROTOCOL_VERSION: &str = "10";
/// Apple's own spelling; its simulator insists on it (reference section 2.2).
const JSON: &str = "application/json;charset=UTF8";
const SESSION: &str = "x-adm-auth-session";
/// The longest answers that are read, in bytes: pages and details, and all others.
pub(super) const LONGEST_PAGE: usize = 32 << 20;
pub(super) const LONGEST_OTHER: usize = 4 << 20;

/// A connection for one server token. Cloning is cheap; clones share the session.
#[derive(Clone)]
pub struct DepClient(Arc<Connection>);

struct Connection {
    settings: DepSettings,
    http: reqwest::Client,
    redactor: Redactor,
    session: Session,
    /// Held by the one call that signs in.
    sign_in: Mutex<SignIn>,
    lanes: Semaphore,
    meter: Meter,
}

#[derive(Default)]
struct SignIn {
    refused: Option<(jiff::Timestamp, DepError)>,
}

/// One request to the service.
pub(super) type Call = call::Call<Operation>;

/// A call that was given up.
pub(super) type Failure = call::Failure<DepError>;

/// A successful answer, and whether an earlier attempt may have been carried out too.
#[derive(Debug)]
pub(super) struct Success {
    pub body: Bytes,
    pub doubted: bool,
}

impl DepClient {
    /// Makes a client. Nothing is sent before the first call.
    ///
    /// `http` should come from [`crate::http::client`]: it must not follow redirects.
    pub fn new(settings: DepSettings, http: reqwest::Client) -> Self {
        let redactor = Redactor::default();
        settings.token.secrets().into_iter().for_each(|secret| redactor.learn(secret));
        let lanes = Semaphore::new(LANES);
        let (session, sign_in, meter) = Default::default();
        Self(Arc::new(Connection { settings, http, redactor, session, sign_in, lanes, meter }))
    }

    /// What was called so far, signing in included, and what the service asked for.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }

    pub(super) fn settings(&self) -> &DepSettings {
        &self.0.settings
    }

    /// The URL of a path; every part of it and of the query is escaped.
    pub(super) fn url(&self, segments: &[&str], query: Option<(&str, &str)>) -> Url {
        let mut url = self.0.settings.base.clone();
        // An address without a path (`mailto:`) is refused before anything is sent.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url.set_query(None);
        if let Some((name, value)) = query {
            url.query_pairs_mut().append_pair(name, value);
        }
        url
    }

    /// Reads one URL.
    pub(super) async fn get(&self, operation: Operation, url: Url) -> Result<Bytes, DepError> {
        let call = Call::get(operation, url).at_most(LONGEST_OTHER);
        self.call(&call).await.map(|success| success.body).map_err(|failure| failure.error)
    }

    /// Asks for something that takes a body and changes nothing.
    pub(super) async fn ask(
        &self,
        operation: Operation,
        segments: &[&str],
        body: Bytes,
    ) -> Result<Bytes, DepError> {
        let url = self.url(segments, None);
        let call = Call::new(operation, Method::POST, url, Some(body), Repeat::Read).at_most(LONGEST_PAGE);
        self.call(&call).await.map(|success| success.body).map_err(|failure| failure.error)
    }

    /// Sends a call, with all attempts that it may have.
    pub(super) async fn call(&self, call: &Call) -> Result<Success, Failure> {
        let mut attempts = Attempts::default();
        loop {
            let (ticket, sent) = self.attempt(call, &attempts).await?;
            let (trouble, error) = match sent {
                Ok(answer) if answer.is_success() => {
                    return Ok(Success { body: answer.body, doubted: attempts.doubted });
                }
                Ok(answer) => self.judge(call.operation, &answer),
                Err(failure) => self.judge_silence(call.operation, &failure),
            };
            match self.decide(&mut attempts, trouble, call.repeat) {
                Next::Pause(pause) => self.0.settings.clock.sleep(pause).await,
                Next::Renew => self.0.session.forget(&ticket),
                Next::GiveUp(effect) => return Err(Failure { error, effect }),
            }
        }
    }

    /// Sends a call once, with a session of now, and takes the session that the answer brings.
    async fn attempt(
        &self,
        call: &Call,
        attempts: &Attempts,
    ) -> Result<(Ticket, Result<Answer, NoAnswer>), Failure> {
        // The semaphore is never closed; were it, calling without a lane would do no harm.
        let _lane = self.0.lanes.acquire().await.ok();
        // A call whose earlier attempt is in doubt stays in doubt when the next cannot be made.
        let effect = if attempts.doubted { Effect::Unknown } else { Effect::NotSent };
        let ticket = self.ticket().await.map_err(|error| Failure { error, effect })?;
        self.0.meter.count(call.repeat);
        let mut request = self.request(&call.method, &call.url).header(SESSION, sensitive(&ticket.session));
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        let sent = http::send_bounded(request, call.longest).await;
        if let Ok(answer) = &sent {
            self.switch(&ticket, answer);
        }
        Ok((ticket, sent))
    }

    /// Any answer may bring a new session (reference section 2.2).
    fn switch(&self, ticket: &Ticket, answer: &Answer) {
        let Some(brought) = answer.header(SESSION).map(str::trim).filter(|text| wire::is_session(text))
        else {
            return;
        };
        let brought = Secret::new(brought.to_owned());
        self.0.redactor.learn_passing(&brought);
        self.0.session.switch(ticket, brought);
    }

    fn request(&self, method: &Method, url: &Url) -> RequestBuilder {
        self.0
            .http
            .request(method.clone(), url.clone())
            .header("x-server-protocol-version", PROTOCOL_VERSION)
            .header(USER_AGENT, &self.0.settings.user_agent)
            .header(CONTENT_TYPE, JSON)
            .header(ACCEPT, JSON)
    }

    /// The policy's decision after one attempt.
    fn decide(&self, attempts: &mut Attempts, trouble: Trouble, repeat: Repeat) -> Next {
        let salt = self.0.settings.clock.now().as_nanosecond() as u64;
        attempts.after(trouble, repeat, self.0.settings.patience, salt)
    }

    fn judge(&self, operation: Operation, answer: &Answer) -> (Trouble, DepError) {
        let now = self.0.settings.clock.now();
        let known = Known { now, expires: self.0.settings.token.expires, redactor: &self.0.redactor };
        let (trouble, error) = refusal::judge(operation, answer, &known);
        if let Some(pause) = error.retry_after {
            self.0.meter.asked(clock::after(now, pause));
        }
        (trouble, error)
    }

    fn judge_silence(&self, operation: Operation, failure: &NoAnswer) -> (Trouble, DepError) {
        (Trouble::from(failure), DepError::no_answer(operation, failure, &self.0.redactor))
    }

    /// A session and a number for a request; signs in if there is no session. Of several calls that
    /// need one, one signs in and the others wait.
    async fn ticket(&self) -> Result<Ticket, DepError> {
        if let Some(ticket) = self.0.session.ticket() {
            return Ok(ticket);
        }
        let mut sign_in = self.0.sign_in.lock().await;
        loop {
            if let Some(ticket) = self.0.session.ticket() {
                return Ok(ticket);
            }
            let now = self.0.settings.clock.now();
            if let Some((_, error)) = sign_in.refused.as_ref().filter(|(until, _)| now < *until) {
                return Err(error.clone());
            }
            match self.sign_in().await {
                Ok(session) => {
                    sign_in.refused = None;
                    self.0.redactor.learn_passing(&session);
                    self.0.session.begin(session);
                }
                Err(error) => {
                    if error.cause == Cause::Credentials {
                        let until = clock::after(self.0.settings.clock.now(), SIGN_IN_REFUSED_FOR);
                        sign_in.refused = Some((until, error.clone()));
                    }
                    return Err(error);
                }
            }
        }
    }

    /// `GET /session`, signed anew for each attempt: a nonce serves once.
    async fn sign_in(&self) -> Result<Secret, DepError> {
        let operation = Operation::SignIn;
        let url = self.url(&["session"], None);
        if url.cannot_be_a_base() || (url.scheme() != "https" && !http::is_loopback(&url)) {
            let message = "the address of the enrollment service is not https";
            return Err(DepError::own(operation, Fault::NotSendable, message));
        }
        let mut attempts = Attempts::default();
        loop {
            let field = self.proof(&url)?;
            self.0.meter.read();
            let request = self.request(&Method::GET, &url).header(AUTHORIZATION, sensitive(&field));
            let (trouble, error) = match http::send_bounded(request, LONGEST_OTHER).await {
                Ok(answer) if answer.is_success() => {
                    return wire::read_session(&answer.body)
                        .map_err(|error| DepError::unreadable(operation, &error));
                }
                Ok(answer) => self.judge(operation, &answer),
                Err(failure) => self.judge_silence(operation, &failure),
            };
            match self.decide(&mut attempts, trouble, Repeat::Read) {
                Next::Pause(pause) => self.0.settings.clock.sleep(pause).await,
                Next::Renew | Next::GiveUp(_) => return Err(error),
            }
        }
    }

    /// The `Authorization` field of a sign-in.
    fn proof(&self, url: &Url) -> Result<Secret, DepError> {
        let timestamp = self.0.settings.clock.now().as_second();
        let signed = oauth::nonce().and_then(|nonce| {
            let proof = oauth::Proof { token: &self.0.settings.token, timestamp, nonce: &nonce };
            oauth::authorization("GET", url, "ADM", &proof)
        });
        // What OpenSSL says is about its own state, never about the key.
        signed.map_err(|error| {
            let message = format!("OpenSSL cannot sign with HMAC-SHA1: {error}");
            DepError::own(Operation::SignIn, Fault::NotSendable, self.0.redactor.clean(&message))
        })
    }
}

/// Marked so that no layer of the transport shows it. Escaped or checked before, it always is one.
fn sensitive(text: &Secret) -> HeaderValue {
    let mut value =
        HeaderValue::from_str(text.reveal()).unwrap_or_else(|_| HeaderValue::from_static("unusable"));
    value.set_sensitive(true);
    value
}

/// `{"devices": […]}` with what else the request says.
pub(super) fn body_for(serials: &[Serial], profile_uuid: Option<&str>) -> Bytes {
    #[derive(serde::Serialize)]
    struct Body<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        profile_uuid: Option<&'a str>,
        devices: &'a [Serial],
    }
    json(&Body { profile_uuid, devices: serials })
}

/// JSON of a value whose writing cannot fail: texts, numbers and lists of them.
pub(super) fn json(value: &impl serde::Serialize) -> Bytes {
    Bytes::from(serde_json::to_vec(value).unwrap_or_default())
}

impl fmt::Debug for DepClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DepClient").field(&self.0.settings).finish()
    }
}
