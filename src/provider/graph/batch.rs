//! `$batch`: up to 20 requests in one, each with its own answer, its own throttling and its own fate.
//!
//! Source: reference intune-graph section 8.2. A request that is alone is sent plainly.

use std::collections::HashMap;

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::client::{Call, Failure, GraphClient, Once, Success};
use super::{Operation, ServiceError};
use crate::http::Answer;
use crate::http::retry::{Attempts, Effect, Next, Repeat};
use crate::model::live::Cause;

/// The most requests in one `$batch`.
pub(super) const MOST: usize = 20;

#[derive(Serialize)]
struct Envelope<'a> {
    requests: Vec<Request<'a>>,
}

#[derive(Serialize)]
struct Request<'a> {
    id: String,
    method: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<RequestHeaders>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

#[derive(Serialize)]
struct RequestHeaders {
    #[serde(rename = "Content-Type")]
    content_type: &'static str,
}

#[derive(Deserialize)]
struct Responses<'a> {
    #[serde(borrow)]
    responses: Vec<Response<'a>>,
}

#[derive(Deserialize)]
struct Response<'a> {
    id: String,
    status: u16,
    #[serde(default)]
    headers: HashMap<String, serde_json::Value>,
    #[serde(borrow)]
    body: Option<&'a RawValue>,
}

impl Response<'_> {
    /// The answer of one request; its body is a slice of the whole answer, not a copy.
    fn answer(&self, whole: &Bytes) -> Answer {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::try_from(text)) {
                headers.insert(name, value);
            }
        }
        let body = self.body.map(|raw| whole.slice_ref(raw.get().as_bytes())).unwrap_or_default();
        Answer { status: self.status, headers, body }
    }
}

/// Where each request of a batch stands.
struct Item<'a> {
    call: &'a Call,
    attempts: Attempts,
    end: Option<Result<Success, Failure>>,
}

impl GraphClient {
    /// Sends up to [`MOST`] calls of one kind in one request; one result per call, in their order.
    ///
    /// Throttled items are sent again without the others, after the longest pause that any of them
    /// was asked for. An item that the answer does not mention may have been carried out.
    pub(super) async fn batch(&self, calls: &[Call]) -> Vec<Result<Success, Failure>> {
        let mut items: Vec<_> =
            calls.iter().map(|call| Item { call, attempts: Attempts::default(), end: None }).collect();
        loop {
            let mut open: Vec<&mut Item<'_>> = items.iter_mut().filter(|item| item.end.is_none()).collect();
            match open.as_mut_slice() {
                [] => break,
                [item] => item.end = Some(self.call_after(item.call, &mut item.attempts).await),
                _ => self.round(&mut open).await,
            }
        }
        items.into_iter().filter_map(|item| item.end).collect()
    }

    /// Sends the open items once and settles those whose answer is final.
    async fn round(&self, open: &mut [&mut Item<'_>]) {
        let Some(envelope) = self.envelope(open) else { return };
        let sent = match self.call(&envelope).await {
            Ok(sent) => sent,
            Err(failure) => {
                for item in open.iter_mut() {
                    let effect = if item.attempts.doubted { Effect::Unknown } else { failure.effect };
                    item.end = Some(Err(Failure { error: failure.error.clone(), effect }));
                }
                return;
            }
        };
        let whole = &sent.answer.body;
        let answers = match serde_json::from_slice::<Responses<'_>>(whole) {
            Ok(read) => read.responses,
            Err(error) => {
                let error = ServiceError::unreadable(envelope.operation, &place(&error), self.redactor());
                for item in open.iter_mut() {
                    item.end = Some(Err(Failure { error: error.clone(), effect: Effect::Unknown }));
                }
                return;
            }
        };
        let mut pause = None;
        let mut renew = false;
        for (at, item) in open.iter_mut().enumerate() {
            item.attempts.doubted |= sent.doubted;
            let Some(response) = answers.iter().find(|answer| answer.id == at.to_string()) else {
                item.end = Some(Err(self.unmentioned(item.call.operation)));
                continue;
            };
            let answer = response.answer(whole);
            if answer.is_success() {
                let bearer = sent.bearer.clone();
                item.end = Some(Ok(Success { answer, doubted: item.attempts.doubted, bearer }));
                continue;
            }
            let (trouble, error) = self.judge(item.call.operation, &answer);
            match self.decide(&mut item.attempts, trouble, item.call.repeat) {
                Next::Pause(longer) => pause = pause.max(Some(longer)),
                Next::Renew => renew = true,
                Next::GiveUp(effect) => item.end = Some(Err(Failure { error, effect })),
            }
        }
        if renew {
            self.forget(&sent.bearer).await;
        }
        if let Some(pause) = pause {
            self.settings().clock.sleep(pause).await;
        }
    }

    /// The `$batch` request of these items; ends them all if their bodies are no JSON.
    fn envelope(&self, open: &mut [&mut Item<'_>]) -> Option<Call> {
        let calls: Vec<&Call> = open.iter().map(|item| item.call).collect();
        match self.enveloped(&calls) {
            Ok(envelope) => envelope,
            Err(error) => {
                for item in open.iter_mut() {
                    item.end = Some(Err(Failure { error: error.clone(), effect: Effect::NotSent }));
                }
                None
            }
        }
    }

    /// The `$batch` request of these calls, whose ids are their places; `None` for no calls.
    fn enveloped(&self, calls: &[&Call]) -> Result<Option<Call>, ServiceError> {
        let Some(first) = calls.first() else { return Ok(None) };
        let requests: Result<Vec<_>, serde_json::Error> = calls
            .iter()
            .enumerate()
            .map(|(at, call)| {
                let body: Option<&RawValue> = match &call.body {
                    Some(body) => Some(serde_json::from_slice(body)?),
                    None => None,
                };
                Ok(Request {
                    id: at.to_string(),
                    method: call.method.as_str(),
                    url: self.relative(&call.url),
                    headers: body.map(|_| RequestHeaders { content_type: "application/json" }),
                    body,
                })
            })
            .collect();
        let repeat = if calls.iter().all(|call| call.repeat == Repeat::Read) {
            Repeat::Read
        } else if calls.iter().any(|call| call.repeat == Repeat::Never) {
            Repeat::Never
        } else {
            Repeat::Idempotent
        };
        let body = requests.and_then(|requests| serde_json::to_vec(&Envelope { requests }));
        let body =
            body.map_err(|error| ServiceError::unreadable(first.operation, &place(&error), self.redactor()))?;
        let url = self.url(&["$batch"], None);
        let call = Call::new(first.operation, Method::POST, url, Some(body.into()), repeat);
        Ok(Some(call.weighing(calls.len() as u32)))
    }

    /// Sends up to [`MOST`] calls in one request, once, whatever becomes of it; what became of each, in
    /// their order. One that the answer does not mention exactly once may have been carried out.
    pub(super) async fn batch_once(&self, calls: &[Call], until: Timestamp) -> Vec<Once> {
        let all = |end: fn(ServiceError) -> Once, error: &ServiceError| -> Vec<Once> {
            calls.iter().map(|_| end(error.clone())).collect()
        };
        let envelope = match self.enveloped(&calls.iter().collect::<Vec<_>>()) {
            Ok(Some(envelope)) => envelope,
            Ok(None) => return Vec::new(),
            Err(error) => return all(Once::Unsent, &error),
        };
        let answer = match self.once(&envelope, HeaderMap::new(), until).await {
            Once::Answered(answer) if answer.is_success() => answer,
            // A refusal of the whole is one of each.
            Once::Answered(answer) => return calls.iter().map(|_| Once::Answered(answer.clone())).collect(),
            Once::Unsent(error) => return all(Once::Unsent, &error),
            Once::Silent(error) => return all(Once::Silent, &error),
        };
        let whole = &answer.body;
        match serde_json::from_slice::<Responses<'_>>(whole) {
            Ok(read) => calls
                .iter()
                .enumerate()
                .map(|(at, call)| {
                    let id = at.to_string();
                    let mut of_it = read.responses.iter().filter(|response| response.id == id);
                    match (of_it.next(), of_it.next()) {
                        (Some(response), None) => Once::Answered(response.answer(whole)),
                        _ => Once::Silent(self.unmentioned(call.operation).error),
                    }
                })
                .collect(),
            Err(error) => {
                let error = ServiceError::unreadable(envelope.operation, &place(&error), self.redactor());
                all(Once::Silent, &error)
            }
        }
    }

    fn unmentioned(&self, operation: Operation) -> Failure {
        let message = "the service did not mention this request in its batch answer".to_owned();
        let next = "run again; what the request did shows when it is read back";
        let error = ServiceError::own(operation, Cause::Unavailable, message, next);
        Failure { error, effect: Effect::Unknown }
    }
}

/// Where an answer could not be read. The reader's own words may quote it, and it may hold secrets.
pub(super) fn place(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let at = format!("line {}, column {}", error.line(), error.column());
    match words.split_once(" at line ") {
        Some((missing, _)) if missing.starts_with("missing field `") => format!("{missing}, {at}"),
        _ => at,
    }
}
