//! One connection to Graph: the bearer, one call with all its attempts, and what an attempt's answer
//! means. Lists and batches build on [`GraphClient::call`].

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, USER_AGENT};
use tokio::sync::{Mutex, Semaphore};
use url::Url;

use super::auth::{self, Bearer};
use super::convert::VppNames;
use super::{GraphSettings, Operation, ServiceError};
use crate::http::meter::Meter;
use crate::http::pace::Pace;
use crate::http::redact::Redactor;
use crate::http::retry::{self, Attempts, Effect, Next, Repeat, Trouble};
use crate::http::{self, Answer, NoAnswer, call};
use crate::model::clock;
use crate::model::live::Cause;

/// Requests that one connection has on their way at once. More gains nothing against the service's
/// own limits, and each holds a page in memory.
pub(super) const LANES: usize = 8;

/// A refused sign-in is not repeated for this long: every call would meet the same refusal.
const SIGN_IN_REFUSED_FOR: std::time::Duration = std::time::Duration::from_secs(60);

/// A connection to one tenant. Cloning is cheap; clones share the bearer.
#[derive(Clone)]
pub struct GraphClient(Arc<Connection>);

struct Connection {
    settings: GraphSettings,
    http: reqwest::Client,
    redactor: Redactor,
    session: Mutex<Session>,
    lanes: Semaphore,
    paces: std::sync::Mutex<Paces>,
    /// As read last; profiles that are read from then on say the names.
    vpp_names: std::sync::Mutex<Arc<VppNames>>,
    meter: Meter,
}

/// What may be sent in a window of 20 seconds by one app to one tenant, per group of resources
/// (reference intune-graph section 8.1).
struct Paces {
    /// 100 writes, 1,000 requests of any kind: the groups that enrollment is taken to belong to.
    enrollment: GroupPace,
    /// 200 and 2,000: managed devices and what is done to them.
    devices: GroupPace,
}

struct GroupPace {
    writes: Pace,
    all: Pace,
}

impl GroupPace {
    fn new(writes: u32, all: u32) -> Self {
        let window = std::time::Duration::from_secs(20);
        Self { writes: Pace::new(writes, window), all: Pace::new(all, window) }
    }
}

impl Default for Paces {
    fn default() -> Self {
        Self { enrollment: GroupPace::new(100, 1_000), devices: GroupPace::new(200, 2_000) }
    }
}

#[derive(Default)]
struct Session {
    bearer: Option<Bearer>,
    sign_ins: u64,
    refused: Option<(jiff::Timestamp, ServiceError)>,
}

/// One request to Graph.
pub(super) type Call = call::Call<Operation>;

/// A call that was given up.
pub(super) type Failure = call::Failure<ServiceError>;

/// A successful answer, and whether an earlier attempt may have been carried out too.
#[derive(Debug)]
pub(super) struct Success {
    pub answer: Answer,
    pub doubted: bool,
    /// The bearer that it was sent with.
    pub bearer: Bearer,
}

/// What became of a request that is sent at most once.
#[derive(Debug)]
pub(super) enum Once {
    /// The service answered.
    Answered(Answer),
    /// It was not put on the wire: the service has seen nothing.
    Unsent(ServiceError),
    /// It may have reached the service, and there is no answer that can be read.
    Silent(ServiceError),
}

impl GraphClient {
    /// Makes a client. Nothing is sent before the first call.
    ///
    /// `http` should come from [`crate::http::client`]: it must not follow redirects.
    pub fn new(settings: GraphSettings, http: reqwest::Client) -> Self {
        let redactor = Redactor::default();
        if let Some(secret) = auth::secrets(&settings.sign_in) {
            redactor.learn(secret);
        }
        let lanes = Semaphore::new(LANES);
        let (session, paces, vpp_names, meter) = Default::default();
        Self(Arc::new(Connection { settings, http, redactor, session, lanes, paces, vpp_names, meter }))
    }

    /// What was called so far, and what the service asked for.
    pub fn meter(&self) -> &Meter {
        &self.0.meter
    }

    pub(super) fn settings(&self) -> &GraphSettings {
        &self.0.settings
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.0.redactor
    }

    /// The display names of the tenant's VPP tokens; none before they were read.
    pub(super) fn vpp_names(&self) -> Arc<VppNames> {
        Arc::clone(&self.0.vpp_names.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Keeps the display names of the tenant's VPP tokens for the profiles that are read later.
    pub(super) fn learn_vpp_names(&self, names: VppNames) {
        *self.0.vpp_names.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(names);
    }

    pub(super) fn http(&self) -> &reqwest::Client {
        &self.0.http
    }

    /// The URL of a path below the version; each segment is escaped.
    pub(super) fn url(&self, segments: &[&str], query: Option<&str>) -> Url {
        let mut url = self.0.settings.graph.clone();
        // A host without a path (`mailto:`) cannot be a Graph host; the origin check refuses it.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("beta").extend(segments);
        }
        url.set_query(query);
        url
    }

    /// The URL relative to the version, as `$batch` wants it.
    pub(super) fn relative<'a>(&self, url: &'a Url) -> &'a str {
        let root = self.url(&[], None);
        let whole = &url[url::Position::BeforePath..];
        whole.strip_prefix(root.path()).unwrap_or(whole)
    }

    /// Reads a next link: followed verbatim, but to Graph's own origin only, since the bearer goes
    /// with it.
    pub(super) fn next_link(&self, operation: Operation, link: &str) -> Result<Url, ServiceError> {
        let origin = self.0.settings.graph.origin();
        match Url::parse(link) {
            Ok(url) if url.origin() == origin => Ok(url),
            Ok(url) => {
                let message = format!(
                    "the next page lies at another origin: {} instead of {}",
                    self.0.redactor.clean(&url.origin().ascii_serialization()),
                    origin.ascii_serialization()
                );
                let next = "credentials are not sent there; report this to Microsoft's support";
                Err(ServiceError::own(operation, Cause::Unavailable, message, next))
            }
            Err(error) => {
                let detail = format!("the link to the next page is no URL: {error}");
                Err(ServiceError::unreadable(operation, &detail, &self.0.redactor))
            }
        }
    }

    /// Sends a call, with all attempts that it may have.
    pub(super) async fn call(&self, call: &Call) -> Result<Success, Failure> {
        self.call_after(call, &mut Attempts::default()).await
    }

    /// As [`Self::call`], when earlier attempts were made in a batch.
    pub(super) async fn call_after(&self, call: &Call, attempts: &mut Attempts) -> Result<Success, Failure> {
        loop {
            let bearer = self.bearer(attempts).await?;
            let (trouble, error) = match self.send(call, &bearer).await {
                Ok(answer) if answer.is_success() => {
                    return Ok(Success { answer, doubted: attempts.doubted, bearer });
                }
                Ok(answer) => self.judge(call.operation, &answer),
                Err(failure) => self.judge_silence(call.operation, &failure),
            };
            match self.decide(attempts, trouble, call.repeat) {
                Next::Pause(pause) => self.0.settings.clock.sleep(pause).await,
                Next::Renew => self.forget(&bearer).await,
                Next::GiveUp(effect) => return Err(Failure { error, effect }),
            }
        }
    }

    /// The policy's decision after one attempt.
    pub(super) fn decide(&self, attempts: &mut Attempts, trouble: Trouble, repeat: Repeat) -> Next {
        let salt = self.0.settings.clock.now().as_nanosecond() as u64;
        attempts.after(trouble, repeat, self.0.settings.patience, salt)
    }

    /// What an answer without success means.
    pub(super) fn judge(&self, operation: Operation, answer: &Answer) -> (Trouble, ServiceError) {
        let now = self.0.settings.clock.now();
        let pause = retry::retry_after(answer.header("retry-after"), now);
        if let Some(pause) = pause {
            self.0.meter.asked(clock::after(now, pause));
        }
        let error = ServiceError::from_answer(operation, answer, &self.0.redactor);
        let trouble = match answer.status {
            401 => Trouble::Unauthorized,
            429 => Trouble::Throttled(pause),
            408 | 500.. => Trouble::Broken(pause),
            _ => Trouble::Refused,
        };
        (trouble, error)
    }

    fn judge_silence(&self, operation: Operation, failure: &NoAnswer) -> (Trouble, ServiceError) {
        let error = ServiceError::no_answer(operation, failure, &self.0.redactor);
        (Trouble::from(failure), error)
    }

    async fn send(&self, call: &Call, bearer: &Bearer) -> Result<Answer, NoAnswer> {
        // The semaphore is never closed; were it, calling without a lane would do no harm.
        let _lane = self.0.lanes.acquire().await.ok();
        self.keep_pace(call).await;
        self.put(call, bearer, HeaderMap::new()).await
    }

    /// Puts a request on the wire, with further header fields, when its turn has come.
    async fn put(&self, call: &Call, bearer: &Bearer, fields: HeaderMap) -> Result<Answer, NoAnswer> {
        if call.url.origin() != self.0.settings.graph.origin() {
            return Err(NoAnswer::NotConnected("the address is not at Graph's origin".to_owned()));
        }
        self.0.meter.count(call.repeat);
        let mut request = self
            .0
            .http
            .request(call.method.clone(), call.url.clone())
            .bearer_auth(bearer.secret.reveal())
            .header(USER_AGENT, &self.0.settings.user_agent)
            .header(ACCEPT, "application/json")
            .headers(fields);
        if let Some(body) = &call.body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        http::send(request).await
    }

    /// Sends a request that must never be sent twice: once, whatever becomes of it. A bearer is got
    /// before; a place on the line and room within the limits are waited for, but not beyond `until`.
    pub(super) async fn once(&self, call: &Call, fields: HeaderMap, until: Timestamp) -> Once {
        let bearer = match self.sign_in_once().await {
            Ok(bearer) => bearer,
            Err(error) => return Once::Unsent(error),
        };
        let _lane = self.0.lanes.acquire().await.ok();
        self.keep_pace(call).await;
        let now = self.0.settings.clock.now();
        if now >= until {
            let message = format!("its turn came at {now}, and it was to be sent before {until}");
            let next = "run again: what was checked for it is checked anew";
            return Once::Unsent(ServiceError::own(call.operation, Cause::Unavailable, message, next));
        }
        match self.put(call, &bearer, fields).await {
            Ok(answer) => {
                if answer.status == 401 {
                    self.forget(&bearer).await;
                }
                Once::Answered(answer)
            }
            Err(failure) => {
                let error = ServiceError::no_answer(call.operation, &failure, &self.0.redactor);
                match failure {
                    NoAnswer::NotConnected(_) => Once::Unsent(error),
                    NoAnswer::TimedOut | NoAnswer::Cut(_) | NoAnswer::TooLong(_) => Once::Silent(error),
                }
            }
        }
    }

    /// Waits until the published limits have room for a call.
    async fn keep_pace(&self, call: &Call) {
        loop {
            let now = self.0.settings.clock.now();
            let wait = {
                let mut paces = self.0.paces.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let group = match call.operation.is_of_devices() {
                    true => &mut paces.devices,
                    false => &mut paces.enrollment,
                };
                let GroupPace { writes, all } = group;
                let mut kinds = match call.repeat {
                    Repeat::Read => vec![all],
                    Repeat::Idempotent | Repeat::Never => vec![all, writes],
                };
                let wait = kinds.iter_mut().filter_map(|pace| pace.wait_for(now, call.weight)).max();
                if wait.is_none() {
                    kinds.into_iter().for_each(|pace| pace.enter(now, call.weight));
                }
                wait
            };
            match wait {
                None => return,
                Some(wait) => self.0.settings.clock.sleep(wait).await,
            }
        }
    }

    /// The bearer of this connection; signs in if there is none that is good for long enough.
    pub(super) async fn bearer(&self, attempts: &Attempts) -> Result<Bearer, Failure> {
        // A call whose earlier attempt is in doubt stays in doubt when the next cannot be made.
        let effect = if attempts.doubted { Effect::Unknown } else { Effect::NotSent };
        self.sign_in_once().await.map_err(|error| Failure { error, effect })
    }

    async fn sign_in_once(&self) -> Result<Bearer, ServiceError> {
        let mut session = self.0.session.lock().await;
        let now = self.0.settings.clock.now();
        if let Some(bearer) = session.bearer.as_ref().filter(|bearer| now < bearer.renew_at) {
            return Ok(bearer.clone());
        }
        if let Some((_, error)) = session.refused.as_ref().filter(|(until, _)| now < *until) {
            return Err(error.clone());
        }
        session.sign_ins += 1;
        match self.sign_in(session.sign_ins).await {
            Ok(bearer) => {
                self.0.redactor.learn(&bearer.secret);
                session.bearer = Some(bearer.clone());
                session.refused = None;
                Ok(bearer)
            }
            Err(error) => {
                if error.cause == Cause::Credentials {
                    let until = clock::after(self.0.settings.clock.now(), SIGN_IN_REFUSED_FOR);
                    session.refused = Some((until, error.clone()));
                }
                Err(error)
            }
        }
    }

    /// Drops a bearer that the service refused, unless another call has already replaced it.
    pub(super) async fn forget(&self, refused: &Bearer) {
        let mut session = self.0.session.lock().await;
        if session.bearer.as_ref().is_some_and(|bearer| bearer.generation == refused.generation) {
            session.bearer = None;
        }
    }
}

impl fmt::Debug for GraphClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("GraphClient").field(&self.0.settings).finish()
    }
}
