//! Small hand-written services on loopback, for the tests of clients.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::Response;
use jiff::Timestamp;
use serde_json::Value as Json;
use url::Url;

use crate::http;
use crate::model::clock::{self, Clock};

/// Building one reads the certificate store, so all tests share it. Each service has its own port, so
/// no connection is shared.
pub(super) static HTTP: LazyLock<reqwest::Client> =
    LazyLock::new(|| http::client(http::Reach::Loopback).expect("the TLS library works"));

/// A clock that moves only when somebody waits on it.
pub(super) struct StepClock(Mutex<(Timestamp, Vec<Duration>)>);

impl StepClock {
    pub(super) fn new() -> Arc<Self> {
        let start = Timestamp::from_second(1_790_000_000).unwrap();
        Arc::new(Self(Mutex::new((start, Vec::new()))))
    }

    pub(super) fn pauses(&self) -> Vec<Duration> {
        self.0.lock().unwrap().1.clone()
    }

    pub(super) fn step(&self, span: Duration) {
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
    /// `POST /server/devices`
    pub(super) line: String,
    pub(super) fields: HashMap<String, String>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn json(&self) -> Json {
        serde_json::from_str(&self.body).unwrap_or(Json::Null)
    }

    pub(super) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("-", String::as_str)
    }
}

/// What a service answers.
pub(super) enum Reply {
    Answer(u16, Vec<(&'static str, String)>, String),
    /// The line is cut in the midst of the answer.
    Cut,
    /// What the fixture answers by itself: a session.
    Usual,
}

pub(super) fn ok(body: Json) -> Reply {
    Reply::Answer(200, Vec::new(), body.to_string())
}

pub(super) fn bare(status: u16, body: &str) -> Reply {
    Reply::Answer(status, Vec::new(), body.to_owned())
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

/// As the `Date` field has it.
pub(super) fn date(at: Timestamp) -> String {
    jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()
}

pub(super) async fn read(request: Request) -> Seen {
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let line = format!("{} {path}", request.method());
    let fields = request.headers().iter();
    let fields =
        fields.map(|(name, value)| (name.as_str().to_owned(), value.to_str().unwrap().to_owned())).collect();
    let body = to_bytes(request.into_body(), usize::MAX).await.unwrap();
    Seen { line, fields, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// Starts a service that answers each request by `answer`, with the `Date` of `clock`; returns its
/// address and what it sees.
pub(super) async fn serve(
    clock: Arc<StepClock>,
    mut answer: impl FnMut(&Seen) -> Reply + Send + 'static,
) -> (Url, Arc<Mutex<Vec<Seen>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let notes = seen.clone();
    let answer = move |request: Seen| {
        notes.lock().unwrap_or_else(PoisonError::into_inner).push(request.clone());
        answer(&request)
    };
    let answer = Arc::new(Mutex::new(answer));
    let service = axum::Router::new().fallback(move |request: Request| {
        let (answer, clock) = (answer.clone(), clock.clone());
        async move {
            let seen = read(request).await;
            let mut answer = answer.lock().unwrap_or_else(PoisonError::into_inner);
            let mut response = Response::from(answer(seen));
            let date = date(clock.now()).parse().unwrap();
            response.headers_mut().entry("date").or_insert(date);
            response
        }
    });
    tokio::spawn(async move { axum::serve(listener, service).await });
    (base, seen)
}
