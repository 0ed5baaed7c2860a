//! The client against small hand-written services on loopback, and against documents by others.

mod accounts;
mod actuate;
mod bodies;
mod fields;
mod managed;
mod neighbours;
mod observe;
mod recorded;
mod secrets;
mod sign_in;

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::*;
use crate::http;
use crate::model::{ProfileId, TokenId, clock};

/// Building one reads the certificate store, so all tests share it. Each service has its own port, so
/// no connection is shared.
static HTTP: LazyLock<reqwest::Client> =
    LazyLock::new(|| http::client(http::Reach::Loopback).expect("the TLS library works"));

/// A clock that moves only when somebody waits on it.
pub(super) struct StepClock(Mutex<(Timestamp, Vec<Duration>)>);

impl StepClock {
    fn new() -> Arc<Self> {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        Arc::new(Self(Mutex::new((start, Vec::new()))))
    }

    /// The pauses so far, in seconds.
    fn pauses(&self) -> Vec<f64> {
        self.0.lock().unwrap().1.iter().map(Duration::as_secs_f64).collect()
    }

    fn step(&self, span: Duration) {
        let mut state = self.0.lock().unwrap();
        state.0 = clock::after(state.0, span);
    }
}

impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().0
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        self.step(span);
        self.0.lock().unwrap().1.push(span);
        Box::pin(async {})
    }
}

/// A request that a service saw.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// `GET /beta/…?…`
    line: String,
    authorization: Option<String>,
    fields: axum::http::HeaderMap,
    body: String,
}

impl Seen {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or(Json::Null)
    }

    fn field(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What a service answers.
pub(super) enum Reply {
    Json(u16, Json),
    With(u16, &'static str, String, Json),
    Empty(u16),
    /// The line is cut in the midst of the answer.
    Cut,
}

fn ok(body: Json) -> Reply {
    Reply::Json(200, body)
}

fn refusal(status: u16) -> Reply {
    Reply::Json(
        status,
        json!({ "error": { "code": "Code", "message": "words", "innerError": { "request-id": "r-1" } } }),
    )
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        let (status, field, body) = match reply {
            Reply::Json(status, body) => (status, None, Body::from(body.to_string())),
            Reply::With(status, name, value, body) => {
                (status, Some((name, value)), Body::from(body.to_string()))
            }
            Reply::Empty(status) => (status, None, Body::empty()),
            Reply::Cut => {
                let cut = futures_util::stream::once(async { Err::<&str, _>(std::io::Error::other("cut")) });
                (200, None, Body::from_stream(cut))
            }
        };
        let mut response = Response::builder().status(status);
        if let Some((name, value)) = field {
            response = response.header(name, value);
        }
        response.body(body).unwrap()
    }
}

/// A service on loopback and a client for it.
pub(super) struct Fixture {
    base: Url,
    clock: Arc<StepClock>,
    seen: Arc<Mutex<Vec<Seen>>>,
    client: GraphClient,
}

impl Fixture {
    /// Starts a service that signs everybody in and answers the rest by `script`, which gets its own
    /// base address.
    async fn start(script: impl FnMut(&Url, &Seen) -> Reply + Send + 'static) -> Self {
        Self::start_with(SignIn::Simulated, |_| {}, script).await
    }

    async fn start_with(
        sign_in: SignIn,
        adjust: impl FnOnce(&mut GraphSettings),
        mut script: impl FnMut(&Url, &Seen) -> Reply + Send + 'static,
    ) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (notes, own, mut sign_ins) = (seen.clone(), base.clone(), 0);
        let answer = move |request: Seen| {
            notes.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
            match script(&own, &request) {
                Reply::Empty(404) if request.line.ends_with("/oauth2/v2.0/token") => {
                    sign_ins += 1;
                    let bearer = format!("planted-bearer-{sign_ins}");
                    ok(json!({ "token_type": "Bearer", "access_token": bearer, "expires_in": 3600 }))
                }
                reply => reply,
            }
        };
        let answer = Arc::new(Mutex::new(answer));
        let service = axum::Router::new().fallback(move |request: Request| {
            let answer = answer.clone();
            async move {
                let seen = read(request).await;
                let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
                Response::from(answer(seen))
            }
        });
        tokio::spawn(async move { axum::serve(listener, service).await });
        let clock = StepClock::new();
        let mut settings = GraphSettings {
            tenant_id: "tenant".into(),
            client_id: "app".into(),
            sign_in,
            cloud: Cloud::Global,
            graph: base.clone(),
            login: base.clone(),
            assign_batch: 2,
            clock: clock.clone(),
            user_agent: "espalier-test".into(),
            patience: Duration::from_secs(120),
        };
        adjust(&mut settings);
        let client = GraphClient::new(settings, HTTP.clone());
        Self { base, clock, seen, client }
    }

    fn observer(&self) -> GraphObserver {
        GraphObserver::new(self.client.clone())
    }

    fn actuator(&self) -> GraphActuator {
        GraphActuator::new(self.client.clone())
    }

    /// All requests but sign-ins.
    fn calls(&self) -> Vec<Seen> {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|seen| !seen.line.ends_with("/oauth2/v2.0/token")).cloned().collect()
    }

    fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|seen| seen.line).collect()
    }

    fn sign_ins(&self) -> usize {
        let all = self.seen.lock().unwrap().len();
        all - self.calls().len()
    }
}

async fn read(request: Request) -> Seen {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let line = format!("{} {path}", request.method());
    let authorization =
        request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    let fields = request.headers().clone();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    Seen { line, authorization, fields, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// Answers that go by, one per call; sign-ins are answered by the fixture. The last one stays.
fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Url, &Seen) -> Reply + Send + 'static {
    let mut replies = replies.into_iter();
    move |_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => replies.next().unwrap_or(Reply::Empty(418)),
    }
}

/// `$batch` out of answers for single requests: `answer(relative url)`.
fn batch_of(seen: &Seen, mut answer: impl FnMut(&Json) -> Option<(u16, Json, Json)>) -> Reply {
    let requests = seen.json()["requests"].as_array().cloned().unwrap_or_default();
    let mut responses: Vec<Json> = requests
        .iter()
        .filter_map(|request| {
            let (status, headers, body) = answer(request)?;
            Some(json!({ "id": request["id"], "status": status, "headers": headers, "body": body }))
        })
        .collect();
    // Answers come in any order.
    responses.reverse();
    ok(json!({ "responses": responses }))
}

fn token(id: &str) -> TokenId {
    TokenId(id.into())
}

fn profile(id: &str) -> ProfileId {
    ProfileId(id.into())
}

fn ios_profile(id: &str) -> Json {
    json!({
        "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "id": id, "displayName": "iPads",
        "requiresUserAuthentication": false, "supervisedModeEnabled": true, "iTunesPairingMode": "allow",
        "isDefault": false, "futureMember": { "kept": true }
    })
}

/// The folder of documents by others, if the caller has them.
fn contracts() -> Option<PathBuf> {
    let folder = std::env::var_os("ESPALIER_CONTRACTS").filter(|folder| !folder.is_empty());
    if folder.is_none() {
        let required = std::env::var("ESPALIER_REQUIRE_REAL").is_ok_and(|value| value == "1");
        assert!(!required, "ESPALIER_REQUIRE_REAL=1, but ESPALIER_CONTRACTS names no folder");
        eprintln!("skipped: ESPALIER_CONTRACTS is not set");
    }
    folder.map(PathBuf::from)
}
