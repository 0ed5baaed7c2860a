//! What the services that sign programs in have in common: counting, faults, the record, and an
//! answer in JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::sim::calls::CallKind;
use crate::sim::fault::Asked;
use crate::sim::line::Line;
use crate::sim::record::{self, Exchange, Headers};
use crate::sim::shared::{Cut, Left, Shared};

const LARGEST_BODY: usize = 1 << 20;
/// Members of a form that are no secrets.
const OPEN: [&str; 4] = ["client_id", "scope", "grant_type", "client_assertion_type"];
/// Members of an answer that are secrets.
const CLOSED: [&str; 2] = ["access_token", "value"];

/// A service that signs programs in.
pub(super) struct Desk {
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
pub(super) struct Asking<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub query: BTreeMap<String, String>,
    pub headers: &'a HeaderMap,
    /// The members of the form that is the body; `None` for any other body.
    pub form: Option<BTreeMap<String, String>>,
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
pub(super) struct Answer {
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
                let asking = Asking {
                    method: parts.method.as_str(),
                    path: parts.uri.path(),
                    query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
                    headers: &parts.headers,
                    form: form_of(content_type, &body),
                };
                let answer = self.suffer_and_answer(&shared, &asking).await;
                shared.record(|| self.exchange(&asking, query, content_type, answer.as_ref().ok()));
                answer
            }
            _ => Err(Cut),
        };
        match answer {
            Ok((answer, garbled)) if !shared.is_stopped() => respond(&answer, garbled),
            _ => {
                line.cut();
                Response::new(Body::empty())
            }
        }
    }

    async fn suffer_and_answer(&self, shared: &Shared, asking: &Asking<'_>) -> Result<(Answer, bool), Cut> {
        let suffering = shared.strike(Asked {
            service: self.service,
            about: &[],
            operation: self.operation,
            kind: CallKind::Read,
            path: asking.path,
            in_batch: false,
            page: None,
        });
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
            request_headers: Headers { content_type, ..Headers::default() },
            request_body: asking.form.as_ref().and_then(|form| record::body(&without_secrets(form))),
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

fn form_of(content_type: Option<&str>, body: &Bytes) -> Option<BTreeMap<String, String>> {
    content_type
        .is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"))
        .then(|| form_urlencoded::parse(body).into_owned().collect())
}

fn without_secrets(form: &BTreeMap<String, String>) -> Vec<u8> {
    let members: BTreeMap<&str, &str> = form
        .iter()
        .map(|(name, value)| {
            let open = OPEN.contains(&name.as_str());
            (name.as_str(), if open { value.as_str() } else { "[secret]" })
        })
        .collect();
    serde_json::to_vec(&members).unwrap_or_default()
}

fn respond(answer: &Answer, garbled: bool) -> Response {
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
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
