//! What the services that sign programs in have in common: counting, faults, the record, and an
//! answer in JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::model::clock::Timestamp;
use crate::sim::calls::CallKind;
use crate::sim::fault::{Asked, Ways};
use crate::sim::line::Line;
use crate::sim::record::{self, Exchange, Headers};
use crate::sim::shared::{Cut, Left, Shared};

const LARGEST_BODY: usize = 1 << 20;
/// As Apple's token endpoint is called.
const APPLE: &str = "account";
/// Members of a form that are no secrets.
const OPEN: [&str; 4] = ["client_id", "scope", "grant_type", "client_assertion_type"];
/// Members of an answer that are secrets.
const CLOSED: [&str; 2] = ["access_token", "value"];

/// A service that signs programs in.
pub(in crate::sim) struct Desk {
    /// As calls and the record name it.
    pub service: &'static str,
    /// Its one operation.
    pub operation: &'static str,
    /// What it answers.
    pub answer: fn(&Shared, &Asking<'_>) -> Answer,
    /// What it answers when it is down with this status.
    pub down: fn(&Shared, u16) -> Answer,
}

/// A request.
pub(in crate::sim) struct Asking<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: BTreeMap<String, String>,
    pub headers: &'a HeaderMap,
    /// The members of the form that is the body; `None` for any other body.
    pub form: Option<BTreeMap<String, String>>,
    /// How the answer shall differ.
    pub ways: Ways,
}

impl Asking<'_> {
    /// A header field as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A member of the query that is not empty.
    pub fn queried(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }
}

/// An answer.
pub(in crate::sim) struct Answer {
    pub status: u16,
    pub retry_after: Option<u32>,
    pub body: Value,
}

impl Answer {
    /// An answer without advice on when to come again.
    pub fn new(status: u16, body: Value) -> Self {
        Self { status, retry_after: None, body }
    }
}

impl Desk {
    /// Serves every path of the desk's port.
    pub async fn serve(&self, shared: Arc<Shared>, line: Line, request: Request) -> Response {
        let (parts, body) = request.into_parts();
        let body = to_bytes(body, LARGEST_BODY).await;
        let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let answer = match body {
            Ok(body) if !shared.is_stopped() => {
                shared.calls().count(self.service, self.operation, CallKind::Read);
                let query = parts.uri.query().unwrap_or_default();
                let mut asking = Asking {
                    method: parts.method.as_str(),
                    path: parts.uri.path(),
                    query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
                    headers: &parts.headers,
                    form: form_of(content_type, &body),
                    ways: Ways::default(),
                };
                let answer = self.suffer_and_answer(&shared, &mut asking).await;
                shared.record(|| self.exchange(&asking, query, content_type, answer.as_ref().ok()));
                answer
            }
            _ => Err(Cut),
        };
        match answer {
            Ok((answer, garbled)) if !shared.is_stopped() => respond(&answer, garbled, shared.world().now),
            _ => {
                line.cut();
                Response::new(Body::empty())
            }
        }
    }

    async fn suffer_and_answer(
        &self,
        shared: &Shared,
        asking: &mut Asking<'_>,
    ) -> Result<(Answer, bool), Cut> {
        // Entra's tenant is in the path; at Apple only the client says whom it is about.
        let client = asking.form.as_ref().and_then(|form| form.get("client_id"));
        let about: Vec<String> = client.filter(|_| self.service == APPLE).cloned().into_iter().collect();
        let suffering = shared.strike(Asked {
            service: self.service,
            about: &about,
            operation: self.operation,
            kind: CallKind::Read,
            path: asking.path,
            in_batch: false,
            page: None,
        });
        asking.ways = suffering.ways;
        let down = |status: u16, retry_after| {
            let answer = (self.down)(shared, status);
            (Answer { retry_after, ..answer }, false)
        };
        match shared.suffer(suffering.before.as_ref()).await? {
            Left::Status { status, retry_after } => return Ok(down(status, retry_after)),
            Left::Told { status, .. } => return Ok(down(status, None)),
            Left::ExpireBearer | Left::Nothing | Left::Garbage => {}
        }
        let answer = (self.answer)(shared, asking);
        match shared.suffer(suffering.after.as_ref()).await? {
            Left::Status { status, retry_after } => Ok(down(status, retry_after)),
            Left::Told { status, .. } => Ok(down(status, None)),
            Left::Garbage => Ok((answer, true)),
            Left::ExpireBearer | Left::Nothing => Ok((answer, false)),
        }
    }

    fn exchange<'a>(
        &self,
        asking: &'a Asking<'_>,
        query: &'a str,
        content_type: Option<&'a str>,
        answer: Option<&(Answer, bool)>,
    ) -> Exchange<'a> {
        Exchange {
            service: self.service,
            operation: self.operation,
            method: asking.method,
            path: asking.path.into(),
            query,
            request_headers: match self.service {
                APPLE => Headers::of_api(asking.headers),
                _ => Headers { content_type, ..Headers::default() },
            },
            request_body: asking.form.as_ref().and_then(|form| record::body(&self.without_secrets(form))),
            status: answer.map(|(answer, _)| answer.status),
            response_body: answer.and_then(|(answer, _)| {
                let mut body = answer.body.clone();
                for name in CLOSED {
                    if let Some(secret) = body.get_mut(name) {
                        *secret = json!("[secret]");
                    }
                }
                record::body(body.to_string().as_bytes())
            }),
            batch: false,
        }
    }
}

impl Desk {
    fn without_secrets(&self, form: &BTreeMap<String, String>) -> Vec<u8> {
        let shown = |name: &str, value: &str| match name {
            open if OPEN.contains(&open) => json!(value),
            "client_assertion" if self.service == APPLE => assertion(value),
            _ => json!("[secret]"),
        };
        let members: BTreeMap<&str, Value> =
            form.iter().map(|(name, value)| (name.as_str(), shown(name, value))).collect();
        serde_json::to_vec(&members).unwrap_or_default()
    }
}

fn form_of(content_type: Option<&str>, body: &Bytes) -> Option<BTreeMap<String, String>> {
    content_type
        .is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"))
        .then(|| form_urlencoded::parse(body).into_owned().collect())
}

/// What an assertion says of itself, and how long its signature is: who has no signature cannot use it.
fn assertion(text: &str) -> Value {
    let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let json = |part: &str| bytes(part).and_then(|part| serde_json::from_slice::<Value>(&part).ok());
    let mut parts = text.split('.');
    let mut next = || parts.next().unwrap_or_default();
    let (header, claims, signature) = (next(), next(), next());
    json!({
        "header": json(header), "claims": json(claims),
        "signatureBytes": bytes(signature).map(|signature| signature.len()),
    })
}

fn respond(answer: &Answer, garbled: bool, now: Timestamp) -> Response {
    let mut text = answer.body.to_string();
    if garbled {
        text.truncate(text.len() / 2);
    }
    let mut response = Response::new(Body::from(text));
    if let Ok(status) = StatusCode::from_u16(answer.status) {
        *response.status_mut() = status;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    // Otherwise the machine's clock would be told.
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    if let Ok(value) = HeaderValue::from_str(&date) {
        headers.insert(header::DATE, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
