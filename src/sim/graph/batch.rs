//! `$batch` (reference section 8.2): at most 20 requests, answered in any order.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::reply::{Refusal, Reply};
use super::route::{self, Route};
use super::{Answer, Front, Single};
use crate::sim::calls::CallKind;
use crate::sim::fault::Asked;
use crate::sim::record::{self, Exchange, Headers};
use crate::sim::shared::{Cut, Left, Shared};
use crate::sim::world::mix;

/// The most requests of one batch.
const MOST_REQUESTS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    requests: Vec<Item>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Item {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Box<RawValue>>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// Serves the envelope.
pub(super) async fn serve(shared: &Shared, front: &Front, single: &Single<'_>) -> Result<Answer, Cut> {
    let read = read(single.body);
    let parts: Vec<(&'static str, CallKind)> = match &read {
        Ok(items) => items.iter().map(|(_, route)| (route.operation.name(), route.kind)).collect(),
        Err(_) => Vec::new(),
    };
    let writes = parts.iter().any(|(_, kind)| *kind == CallKind::Write);
    let kind = if writes { CallKind::Write } else { CallKind::Read };
    shared.calls().count_batch(kind, &parts);
    let asked = Asked {
        service: "graph",
        operation: "$batch",
        kind,
        path: single.path,
        about: &[],
        in_batch: false,
        page: None,
    };
    let suffering = shared.strike(asked);
    let result = under_faults(shared, front, read, suffering).await;
    shared.record(|| Exchange {
        service: "graph",
        operation: "$batch",
        method: single.method,
        path: "/beta/$batch".into(),
        query: single.query,
        request_headers: Headers { content_type: single.content_type, ..Headers::default() },
        request_body: record::body(single.body),
        status: result.as_ref().ok().map(|answer| answer.reply.status),
        response_body: result.as_ref().ok().and_then(|answer| record::body(&answer.reply.body)),
        batch: false,
    });
    result
}

async fn under_faults(
    shared: &Shared,
    front: &Front,
    read: Result<Vec<(Item, Route)>, Refusal>,
    suffering: crate::sim::fault::Suffering,
) -> Result<Answer, Cut> {
    let refuse = |status, retry_after| Err(Refusal::of_status(status, retry_after));
    match shared.suffer(suffering.before.as_ref()).await? {
        Left::Status { status, retry_after } => {
            return Ok(front.answer(shared, refuse(status, retry_after)));
        }
        Left::Told { status, .. } => return Ok(front.answer(shared, refuse(status, None))),
        Left::ExpireBearer => shared.revoke(front.bearer.as_deref().unwrap_or_default()),
        Left::Nothing | Left::Garbage => {}
    }
    let allowed = front.tenant(shared, &shared.world()).map(|_| ());
    let items = match allowed.and(read) {
        Ok(items) => items,
        Err(refusal) => return Ok(front.answer(shared, Err(refusal))),
    };
    let answers = run_all(shared, front, &items).await?;
    let garbled = answers.iter().any(|(_, answer)| answer.garbled);
    let body = envelope(answers, shared.next_number());
    let mut answer = front.answer(shared, Ok(Reply { status: 200, body, ..Reply::default() }));
    answer.garbled = garbled;
    match shared.suffer(suffering.after.as_ref()).await? {
        Left::Status { status, retry_after } => Ok(front.answer(shared, refuse(status, retry_after))),
        Left::Told { status, .. } => Ok(front.answer(shared, refuse(status, None))),
        Left::Garbage => {
            answer.garbled = true;
            Ok(answer)
        }
        Left::Nothing | Left::ExpireBearer => Ok(answer),
    }
}

/// Reads the envelope and finds the routes of its requests.
fn read(body: &[u8]) -> Result<Vec<(Item, Route)>, Refusal> {
    let envelope: Envelope = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("Invalid batch payload format: {error}.")))?;
    let items = envelope.requests;
    if items.is_empty() || items.len() > MOST_REQUESTS {
        return Err(Refusal::bad_request(format!(
            "Number of batch request steps must be between 1 and {MOST_REQUESTS}."
        )));
    }
    let mut ids = HashSet::new();
    for item in &items {
        if item.id.is_empty() || !ids.insert(item.id.to_ascii_lowercase()) {
            return Err(Refusal::bad_request(format!("The request id '{}' is not unique.", item.id)));
        }
        if item.url.contains("://") {
            return Err(Refusal::bad_request("The url of a request must be relative."));
        }
    }
    if let Some(item) =
        items.iter().find(|item| item.depends_on.iter().any(|id| !ids.contains(&id.to_ascii_lowercase())))
    {
        return Err(Refusal::bad_request(format!("Request '{}' depends on one that is not there.", item.id)));
    }
    Ok(items
        .into_iter()
        .map(|item| {
            let (path, _) = split(&item.url);
            let route = route::route(&item.method, path);
            (item, route)
        })
        .collect())
}

fn split(url: &str) -> (&str, &str) {
    url.split_once('?').unwrap_or((url, ""))
}

/// Runs the requests, each after those it depends on. Where the line is cut, the rest does not
/// take place.
async fn run_all(
    shared: &Shared,
    front: &Front,
    items: &[(Item, Route)],
) -> Result<Vec<(String, Answer)>, Cut> {
    let mut done: Vec<(String, Answer)> = Vec::with_capacity(items.len());
    let mut waiting: Vec<&(Item, Route)> = items.iter().collect();
    while !waiting.is_empty() {
        let status_of = |id: &String| {
            done.iter().find(|(name, _)| name.eq_ignore_ascii_case(id)).map(|(_, answer)| answer.reply.status)
        };
        let ready = waiting
            .iter()
            .position(|(item, _)| item.depends_on.iter().all(|id| status_of(id).is_some()))
            // A circle: nobody is ready, and whoever is first fails with its dependency.
            .unwrap_or(0);
        let (item, route) = waiting.remove(ready);
        let failed = item.depends_on.iter().any(|id| status_of(id).is_none_or(|status| status >= 400));
        let answer = if failed {
            front.answer(shared, Err(Refusal::failed_dependency()))
        } else {
            run(shared, front, item, route).await?
        };
        done.push((item.id.clone(), answer));
    }
    Ok(done)
}

async fn run(shared: &Shared, front: &Front, item: &Item, route: &Route) -> Result<Answer, Cut> {
    let (path, query) = split(&item.url);
    let path = format!("/{}", path.trim_start_matches('/'));
    let header = |wanted: &str| {
        let found = item.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| value.as_str())
    };
    let single = Single {
        method: &item.method,
        path: &path,
        query,
        content_type: header("content-type"),
        justification: header(super::JUSTIFICATION),
        approval_code: header(super::APPROVAL_CODE),
        body: item.body.as_deref().map_or(&[], |body| body.get().as_bytes()),
        in_batch: true,
    };
    front.run(shared, &single, route).await
}

/// The answer's JSON, its parts in an order that follows from `chance`.
fn envelope(mut answers: Vec<(String, Answer)>, chance: u64) -> Vec<u8> {
    for at in (1..answers.len()).rev() {
        let other = mix(chance.wrapping_mul(31).wrapping_add(at as u64)) as usize % (at + 1);
        answers.swap(at, other);
    }
    let mut body = b"{\"responses\":[".to_vec();
    for (at, (id, answer)) in answers.iter().enumerate() {
        if at > 0 {
            body.push(b',');
        }
        let mut headers = BTreeMap::from([("request-id", answer.request_id.clone())]);
        if !answer.reply.body.is_empty() {
            let kind = if answer.reply.plain { "text/plain" } else { "application/json" };
            headers.insert("Content-Type", kind.to_owned());
        }
        if let Some(seconds) = answer.reply.retry_after {
            headers.insert("Retry-After", seconds.to_string());
        }
        if let Some(code) = &answer.reply.approval_code {
            headers.insert("x-msft-approval-code", code.clone());
        }
        let head = serde_json::json!({"id": id, "status": answer.reply.status, "headers": headers});
        let head = head.to_string();
        body.extend_from_slice(head.strip_suffix('}').unwrap_or(&head).as_bytes());
        if answer.reply.plain {
            let text = String::from_utf8_lossy(&answer.reply.body);
            body.extend_from_slice(format!(",\"body\":{}", serde_json::Value::from(text)).as_bytes());
        } else if !answer.reply.body.is_empty() {
            body.extend_from_slice(b",\"body\":");
            body.extend_from_slice(&answer.reply.body);
        }
        body.push(b'}');
    }
    body.extend_from_slice(b"]}");
    body
}
