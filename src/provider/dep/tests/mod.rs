//! The client against small hand-written services on loopback, and against documents by others.

mod actuate;
mod convert;
mod device;
mod observe;
mod secrets;
mod sign_in;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::*;
use crate::http;
use crate::model::{Serial, clock};

/// Building one reads the certificate store, so all tests share it. Each service has its own port, so
/// no connection is shared.
static HTTP: LazyLock<reqwest::Client> =
    LazyLock::new(|| http::client(http::Reach::Loopback).expect("the TLS library works"));

/// A clock that moves only when somebody waits on it.
struct StepClock(Mutex<(Timestamp, Vec<Duration>)>);

impl StepClock {
    fn new() -> Arc<Self> {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        Arc::new(Self(Mutex::new((start, Vec::new()))))
    }

    fn pauses(&self) -> Vec<Duration> {
        self.0.lock().unwrap().1.clone()
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
struct Seen {
    /// `POST /server/devices`
    line: String,
    fields: HashMap<String, String>,
    body: String,
}

impl Seen {
    fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or(Json::Null)
    }

    fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("-", String::as_str)
    }

    fn session(&self) -> &str {
        self.field("x-adm-auth-session")
    }

    fn is_sign_in(&self) -> bool {
        self.line == "GET /session"
    }
}

/// What a service answers.
enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The line is cut in the midst of the answer.
    Cut,
    /// What the fixture answers by itself: a session.
    Usual,
}

fn ok(body: Json) -> Reply {
    Reply::Answer(200, Vec::new(), body.to_string())
}

fn bare(status: u16, body: &str) -> Reply {
    Reply::Answer(status, Vec::new(), body.to_owned())
}

fn rotating(body: Json, session: &str) -> Reply {
    Reply::Answer(200, vec![("X-ADM-Auth-Session", session.to_owned())], body.to_string())
}

impl From<Reply> for Response {
    fn from(reply: Reply) -> Self {
        match reply {
            Reply::Answer(status, fields, body) => {
                let mut response = Response::builder().status(status);
                for (name, value) in fields {
                    response = response.header(name, value);
                }
                response.body(Body::from(body)).unwrap()
            }
            Reply::Cut | Reply::Usual => {
                let cut = futures_util::stream::once(async { Err::<&str, _>(std::io::Error::other("cut")) });
                Response::builder().status(200).body(Body::from_stream(cut)).unwrap()
            }
        }
    }
}

/// A service on loopback and a client for it.
struct Fixture {
    clock: Arc<StepClock>,
    seen: Arc<Mutex<Vec<Seen>>>,
    client: DepClient,
}

fn server_token() -> ServerToken {
    let text = json!({
        "consumer_key": "CK_planted0a1", "consumer_secret": "CS_planted0a2",
        "access_token": "AT_planted0a3", "access_secret": "AS_planted0a4",
        "access_token_expiry": "2027-07-01T22:18:53Z",
    });
    ServerToken::from_json(&text.to_string()).unwrap()
}

fn settings(base: Url, clock: Arc<StepClock>) -> DepSettings {
    DepSettings {
        base,
        token: server_token(),
        clock,
        user_agent: "espalier-test/1".into(),
        patience: Duration::from_secs(120),
        page_limit: PAGE_LIMIT,
    }
}

impl Fixture {
    /// Starts a service that answers by `script`, and gives a session where that says [`Reply::Usual`].
    async fn start(mut script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (notes, mut sign_ins) = (seen.clone(), 0);
        let answer = move |request: Seen| {
            notes.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
            match script(&request) {
                Reply::Usual if request.is_sign_in() => {
                    sign_ins += 1;
                    ok(json!({ "auth_session_token": format!("planted-session-{sign_ins}") }))
                }
                reply => reply,
            }
        };
        let answer = Arc::new(Mutex::new(answer));
        let clock = StepClock::new();
        let time = clock.clone();
        let service = axum::Router::new().fallback(move |request: Request| {
            let (answer, time) = (answer.clone(), time.clone());
            async move {
                let seen = read(request).await;
                let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
                let mut response = Response::from(answer(seen));
                let date = date(time.now()).parse().unwrap();
                response.headers_mut().entry("date").or_insert(date);
                response
            }
        });
        tokio::spawn(async move { axum::serve(listener, service).await });
        let client = DepClient::new(settings(base, clock.clone()), HTTP.clone());
        Self { clock, seen, client }
    }

    fn observer(&self) -> DepObserver {
        DepObserver::new(self.client.clone())
    }

    fn actuator(&self) -> DepActuator {
        DepActuator::new(self.client.clone())
    }

    fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// All requests but sign-ins.
    fn calls(&self) -> Vec<Seen> {
        self.all().into_iter().filter(|seen| !seen.is_sign_in()).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|seen| seen.line).collect()
    }

    fn sign_ins(&self) -> usize {
        self.all().iter().filter(|seen| seen.is_sign_in()).count()
    }
}

/// As the `Date` field has it.
fn date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()
}

async fn read(request: Request) -> Seen {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let line = format!("{} {path}", request.method());
    let fields = request.headers().iter();
    let fields =
        fields.map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned())).collect();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    Seen { line, fields, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// Answers that go by, one per call; sign-ins are answered by the fixture. Afterwards 418.
fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Seen) -> Reply + Send + 'static {
    let mut replies = replies.into_iter();
    move |seen| match seen.is_sign_in() {
        true => Reply::Usual,
        false => replies.next().unwrap_or(bare(418, "")),
    }
}

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

fn serials(count: usize) -> Vec<Serial> {
    (0..count).map(|number| serial(&format!("SN{number:06}"))).collect()
}

/// A page as Apple orders its members: the cursor comes last.
fn page(devices: &[&str], cursor: &str, more: bool) -> Reply {
    let devices: Vec<Json> =
        devices.iter().map(|serial| json!({ "serial_number": serial, "model": "iPad" })).collect();
    let devices = Json::Array(devices);
    bare(
        200,
        &format!(
            r#"{{"devices":{devices},"fetched_until":"2018-09-08T17:28:18Z","more_to_follow":{more},"cursor":"{cursor}"}}"#
        ),
    )
}
