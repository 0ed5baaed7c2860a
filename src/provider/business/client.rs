//! One connection to the API: one call with all its attempts, its place in the budget, and the header
//! fields that every request has. What answers mean stands in [`super::refusal`].

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, PoisonError};

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use tokio::sync::Mutex;
use url::Url;

use super::account::Session;
use super::bearer::Bearer;
use super::budget::{CallBudget, Spent};
use super::error::{BusinessError, Fault, Operation};
use super::refusal::{self, Known};
use super::wire::Paging;
use super::{BusinessSettings, PAGE_LIMIT};
use crate::http::meter::Meter;
use crate::http::redact::Redactor;
use crate::http::retry::{Attempts, Effect, Next, Repeat, Trouble};
use crate::http::{self, Answer, NoAnswer, call};

/// The longest answers that are read, in bytes: a page, and any other.
pub(super) const LONGEST_PAGE: usize = 32 << 20;
pub(super) const LONGEST_OTHER: usize = 4 << 20;
const JSON: &str = "application/json";

/// A connection to one organisation. Cloning is cheap; clones share bearer and budget.
#[derive(Clone)]
pub struct BusinessClient(Arc<Connection>);

struct Connection {
    settings: BusinessSettings,
    http: reqwest::Client,
    redactor: Redactor,
    session: Mutex<Session>,
    budget: std::sync::Mutex<CallBudget>,
    /// Held while a request is on its way: streams of this service break when there are several
    /// (reference section 15).
    line: Mutex<()>,
    meter: Meter,
}

/// One request to the API.
pub(super) type Call = call::Call<Operation>;

/// A call that was given up.
pub(super) type Failure = call::Failure<BusinessError>;

impl BusinessClient {
    /// Makes a client. Nothing is sent before the first call.
    ///
    /// `http` should come from [`crate::http::client`]: it must not follow redirects.
    pub fn new(settings: BusinessSettings, http: reqwest::Client) -> Self {
        let budget = std::sync::Mutex::new(settings.budget.clone());
        let (redactor, session, line, meter) = Default::default();
        Self(Arc::new(Connection { settings, http, redactor, session, budget, line, meter }))
    }

    /// What was called so far, signing in included, and what the service asked for.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }

    /// The budget as it stands: what may be called, and what to keep for the next run.
    pub fn budget(&self) -> CallBudget {
        self.0.budget.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn settings(&self) -> &BusinessSettings {
        &self.0.settings
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.0.redactor
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    pub(super) fn session(&self) -> &Mutex<Session> {
        &self.0.session
    }

    /// The URL of a path below the version; every part of it is escaped.
    pub(super) fn url(&self, segments: &[&str]) -> Url {
        let mut url = self.0.settings.api.clone();
        // An address without a path (`mailto:`) is refused before anything is sent.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(segments);
        }
        url.set_query(None);
        url
    }

    /// Reads one URL.
    pub(super) async fn get(&self, operation: Operation, url: Url) -> Result<Bytes, BusinessError> {
        let call = Call::get(operation, url).at_most(LONGEST_PAGE);
        self.call(&call).await.map_err(|failure| failure.error)
    }

    /// Reads a list to its last page, one page after the other; `read` takes each and tells what
    /// follows. After an error the list is not known, whatever `read` got.
    pub(super) async fn pages(
        &self,
        operation: Operation,
        segments: &[&str],
        mut read: impl FnMut(&[u8]) -> Result<Paging, serde_json::Error> + Send,
    ) -> Result<(), BusinessError> {
        let first = with(self.url(segments), "limit", &PAGE_LIMIT.to_string());
        let mut asked = HashSet::from([first.to_string()]);
        let mut url = first.clone();
        loop {
            let body = self.get(operation, url).await?;
            let paging = read(&body).map_err(|error| BusinessError::unreadable(operation, &error))?;
            drop(body);
            url = match (paging.next, paging.cursor) {
                (Some(link), _) => self.next_link(operation, &link)?,
                (None, Some(cursor)) => with(first.clone(), "cursor", &cursor),
                (None, None) => return Ok(()),
            };
            if !asked.insert(url.to_string()) {
                let message = "the pages of the list lead back to one that was read already";
                return Err(BusinessError::own(operation, Fault::PagesRepeat, message));
            }
        }
    }

    /// A next link: followed to the configured origin only, since the bearer goes with it, and with the
    /// largest page.
    fn next_link(&self, operation: Operation, link: &str) -> Result<Url, BusinessError> {
        let base = &self.0.settings.api;
        // Some services write it relative to the page.
        let url = base.join(link).map_err(|error| {
            let message = format!("the link to the next page is no URL: {error}");
            BusinessError::own(operation, Fault::AnswerUnreadable, message)
        })?;
        if url.origin() != base.origin() {
            let message = format!(
                "the next page lies at another origin: {} instead of {}",
                self.0.redactor.clean(&url.origin().ascii_serialization()),
                base.origin().ascii_serialization()
            );
            return Err(BusinessError::own(operation, Fault::ForeignPage, message));
        }
        let limit = PAGE_LIMIT.to_string();
        let mut limits = url.query_pairs().filter(|(name, _)| name == "limit");
        let is_set = limits.next().is_some_and(|(_, value)| value == limit) && limits.next().is_none();
        drop(limits);
        Ok(if is_set { url } else { with(url, "limit", &limit) })
    }

    /// Sends a call, with all attempts that it may have.
    pub(super) async fn call(&self, call: &Call) -> Result<Bytes, Failure> {
        let mut attempts = Attempts::default();
        loop {
            let (bearer, sent) = self.attempt(call, &attempts, None).await?;
            let (trouble, error) = match sent {
                Ok(answer) if answer.is_success() => return Ok(answer.body),
                Ok(answer) => self.judge(call.operation, &answer),
                Err(failure) => {
                    let error = BusinessError::no_answer(call.operation, &failure, &self.0.redactor);
                    (Trouble::from(&failure), error)
                }
            };
            match self.decide(&mut attempts, trouble, call.repeat) {
                Next::Pause(pause) => self.0.settings.clock.sleep(pause).await,
                Next::Renew => self.0.session.lock().await.forget(&bearer),
                Next::GiveUp(effect) => return Err(Failure { error, effect }),
            }
        }
    }

    /// Sends a call that must never be sent twice: once, whatever becomes of it, and not from `until` on.
    pub(super) async fn call_once(&self, call: &Call, until: Timestamp) -> Result<Bytes, Failure> {
        let (bearer, sent) = self.attempt(call, &Attempts::default(), Some(until)).await?;
        let (error, effect) = match sent {
            Ok(answer) if answer.is_success() => return Ok(answer.body),
            Ok(answer) => {
                let (trouble, error) = self.judge(call.operation, &answer);
                if trouble == Trouble::Unauthorized {
                    self.0.session.lock().await.forget(&bearer);
                }
                // A timeout, and what proxies say of a caller that went away, prove nothing.
                let is_clear = matches!(answer.status, 400..=407 | 409..=498);
                (error, if is_clear { Effect::Refused } else { Effect::Unknown })
            }
            Err(failure) => {
                let error = BusinessError::no_answer(call.operation, &failure, &self.0.redactor);
                let unsent = matches!(failure, NoAnswer::NotConnected(_));
                (error, if unsent { Effect::NotSent } else { Effect::Unknown })
            }
        };
        Err(Failure { error, effect })
    }

    /// Sends a call once, when its turn has come; not from `until` on.
    async fn attempt(
        &self,
        call: &Call,
        attempts: &Attempts,
        until: Option<Timestamp>,
    ) -> Result<(Bearer, Result<Answer, NoAnswer>), Failure> {
        // A call whose earlier attempt is in doubt stays in doubt when the next cannot be made.
        let effect = if attempts.doubted { Effect::Unknown } else { Effect::NotSent };
        let failed = |error| Failure { error, effect };
        let base = &self.0.settings.api;
        let is_safe = base.scheme() == "https" || http::is_loopback(base);
        if call.url.cannot_be_a_base() || !is_safe || call.url.origin() != base.origin() {
            let message = "the address of the API is not https";
            return Err(failed(BusinessError::own(call.operation, Fault::NotSendable, message)));
        }
        let _line = self.0.line.lock().await;
        self.has_hour(call).map_err(failed)?;
        let bearer = self.bearer().await.map_err(failed)?;
        let now = self.0.settings.clock.now();
        if until.is_some_and(|until| now >= until) {
            let message = format!("its turn came at {now}, and it was to be sent before");
            return Err(failed(BusinessError::own(call.operation, Fault::NotSendable, message)));
        }
        self.keep_to_budget(call).await.map_err(failed)?;
        self.0.meter.count(call.repeat);
        let mut request = self
            .0
            .http
            .request(call.method.clone(), call.url.clone())
            .header(AUTHORIZATION, authorization(&bearer))
            .header(ACCEPT, JSON)
            .header(USER_AGENT, &self.0.settings.user_agent);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, JSON).body(body.clone());
        }
        Ok((bearer, http::send_bounded(request, call.longest).await))
    }

    /// Whether the hour has room for a call, if it is one of the hour: nothing is signed in for it else.
    fn has_hour(&self, call: &Call) -> Result<(), BusinessError> {
        let now = self.0.settings.clock.now();
        let budget = self.0.budget.lock().unwrap_or_else(PoisonError::into_inner);
        match spent_by(call) {
            Spent::Hour if budget.free(Spent::Hour, now) == 0 => {
                Err(spent_hour(call.operation, budget.next_free(Spent::Hour, now)))
            }
            _ => Ok(()),
        }
    }

    /// Waits for a turn within the minute. An hour is not waited for: the call is not sent.
    async fn keep_to_budget(&self, call: &Call) -> Result<(), BusinessError> {
        let clock = &self.0.settings.clock;
        let spent = spent_by(call);
        loop {
            let now = clock.now();
            let tried = {
                let mut budget = self.0.budget.lock().unwrap_or_else(PoisonError::into_inner);
                budget.spend(spent, now).map_err(|wait| (wait, budget.next_free(spent, now)))
            };
            match (tried, spent) {
                (Ok(()), _) => return Ok(()),
                (Err((wait, _)), Spent::Minute) => clock.sleep(wait).await,
                (Err((_, at)), Spent::Hour) => return Err(spent_hour(call.operation, at)),
            }
        }
    }

    /// The policy's decision after one attempt.
    pub(super) fn decide(&self, attempts: &mut Attempts, trouble: Trouble, repeat: Repeat) -> Next {
        let salt = self.0.settings.clock.now().as_nanosecond() as u64;
        attempts.after(trouble, repeat, self.0.settings.patience, salt)
    }

    fn judge(&self, operation: Operation, answer: &Answer) -> (Trouble, BusinessError) {
        let known = Known { now: self.0.settings.clock.now(), redactor: &self.0.redactor };
        let (trouble, error) = refusal::judge(operation, answer, &known);
        if let Some(until) = error.not_before {
            self.0.meter.asked(until);
        }
        (trouble, error)
    }
}

fn spent_by(call: &Call) -> Spent {
    if call.method == reqwest::Method::POST { Spent::Hour } else { Spent::Minute }
}

/// The calls of the hour are used up until `at`.
fn spent_hour(operation: Operation, at: Timestamp) -> BusinessError {
    let message = format!("the calls of this hour are used up; the next is free at {at}");
    let mut error = BusinessError::own(operation, Fault::BudgetSpent, message);
    error.not_before = Some(at);
    error
}

/// The URL with a parameter set to one value: a repeated one is refused.
fn with(mut url: Url, name: &str, value: &str) -> Url {
    let others: Vec<(String, String)> = url
        .query_pairs()
        .filter(|(other, _)| other != name)
        .map(|(other, value)| (other.into(), value.into()))
        .collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(name, value);
    url
}

/// Marked so that no layer of the transport shows it. Checked before, it always is a field's value.
fn authorization(bearer: &Bearer) -> HeaderValue {
    let mut value = HeaderValue::from_str(&format!("Bearer {}", bearer.secret.reveal()))
        .unwrap_or_else(|_| HeaderValue::from_static("unusable"));
    value.set_sensitive(true);
    value
}

impl fmt::Debug for BusinessClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BusinessClient").field(&self.0.settings).finish()
    }
}
