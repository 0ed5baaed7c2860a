//! Entra's token endpoint: client credentials by secret or by assertion.
//!
//! A bearer says its tenant, its end and a check word that follows from the world's seed, so that
//! none has to be kept and a world that goes on in another process still knows it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::calls::CallKind;
use super::fault::Asked;
use super::line::Line;
use super::record::{self, Exchange, Headers};
use super::shared::{Cut, Left, Shared};
use super::world::World;
use crate::model::clock::Timestamp;

/// How long a bearer is good, in seconds.
const LIFETIME_SECS: i64 = 3600;
const LARGEST_BODY: usize = 1 << 20;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The Graph hosts of the clouds (reference section 1), accepted as scope beside the simulator's.
const GRAPH_HOSTS: [&str; 4] = [
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
];

struct Answer {
    status: u16,
    retry_after: Option<u32>,
    body: Value,
}

/// Serves every path of the login port.
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LARGEST_BODY).await;
    let content_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let answer = match body {
        Ok(body) if !shared.is_stopped() => {
            shared.calls().count("login", "token", CallKind::Read);
            let form: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
            let path = parts.uri.path();
            let form = is_form(content_type).then_some(form);
            let answer = answer(&shared, parts.method.as_str(), path, form.as_ref()).await;
            shared.record(|| Exchange {
                service: "login",
                operation: "token",
                method: parts.method.as_str(),
                path: path.into(),
                query: parts.uri.query().unwrap_or_default(),
                request_headers: Headers { content_type },
                request_body: record::body(&without_secrets(form.as_ref())),
                status: answer.as_ref().ok().map(|(answer, _)| answer.status),
                response_body: answer.as_ref().ok().and_then(|(answer, _)| {
                    let mut body = answer.body.clone();
                    if let Some(bearer) = body.get_mut("access_token") {
                        *bearer = json!("[secret]");
                    }
                    record::body(body.to_string().as_bytes())
                }),
                batch: false,
            });
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

fn is_form(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|text| text.starts_with("application/x-www-form-urlencoded"))
}

fn without_secrets(form: Option<&BTreeMap<String, String>>) -> Vec<u8> {
    let members: BTreeMap<&str, &str> = form
        .into_iter()
        .flatten()
        .map(|(name, value)| {
            let open = ["client_id", "scope", "grant_type", "client_assertion_type"].contains(&name.as_str());
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

async fn answer(
    shared: &Shared,
    method: &str,
    path: &str,
    form: Option<&BTreeMap<String, String>>,
) -> Result<(Answer, bool), Cut> {
    let suffering =
        shared.strike(Asked { operation: "token", kind: CallKind::Read, path, in_batch: false, page: None });
    let by_fault = |status: u16, retry_after| {
        let text = "The service is temporarily unavailable. Please retry later.";
        let mut refused = refuse(shared, status, "temporarily_unavailable", 90_033, text);
        refused.retry_after = retry_after;
        (refused, false)
    };
    match shared.suffer(suffering.before.as_ref()).await? {
        Left::Status { status, retry_after } => return Ok(by_fault(status, retry_after)),
        Left::ExpireBearer | Left::Nothing | Left::Garbage => {}
    }
    let answer = sign_in(shared, method, path, form).unwrap_or_else(|refused| refused);
    match shared.suffer(suffering.after.as_ref()).await? {
        Left::Status { status, retry_after } => Ok(by_fault(status, retry_after)),
        Left::Garbage => Ok((answer, true)),
        Left::ExpireBearer | Left::Nothing => Ok((answer, false)),
    }
}

/// Signs a client in, or refuses as Entra does.
fn sign_in(
    shared: &Shared,
    method: &str,
    path: &str,
    form: Option<&BTreeMap<String, String>>,
) -> Result<Answer, Answer> {
    let no = |status, error, code, text: &str| refuse(shared, status, error, code, text);
    let tenant = path.strip_prefix('/').and_then(|path| path.strip_suffix("/oauth2/v2.0/token"));
    let Some(tenant) = tenant.filter(|_| method == "POST") else {
        return Err(no(404, "invalid_request", 90_014, "There is no such endpoint."));
    };
    let Some(form) = form else {
        return Err(no(400, "invalid_request", 900_144, "The body must be a form with 'grant_type'."));
    };
    let given = |name: &str| form.get(name).map(String::as_str).filter(|text| !text.is_empty());
    match given("grant_type") {
        Some("client_credentials") => {}
        Some(_) => return Err(no(400, "unsupported_grant_type", 70_003, "The grant type is not supported.")),
        None => {
            let text = "The request body must contain the following parameter: 'grant_type'.";
            return Err(no(400, "invalid_request", 900_144, text));
        }
    }
    let found = shared.world().tenant(tenant).map(|tenant| (tenant.id.clone(), tenant.clients.clone()));
    let Some((tenant, clients)) = found else {
        return Err(no(400, "invalid_request", 90_002, "Tenant not found. Check the tenant ID."));
    };
    let Some(client_id) = given("client_id") else {
        let text = "The request body must contain the following parameter: 'client_id'.";
        return Err(no(400, "invalid_request", 900_144, text));
    };
    let client = clients.iter().find(|client| client.client_id.eq_ignore_ascii_case(client_id));
    if client.is_none() && !clients.is_empty() {
        let text = "Application with this identifier was not found in the directory.";
        return Err(no(400, "unauthorized_client", 700_016, text));
    }
    let scope = given("scope").and_then(|scope| scope.strip_suffix("/.default")).unwrap_or_default();
    if !GRAPH_HOSTS.contains(&scope) && scope != shared.addresses().graph {
        let text = "The provided value for scope is not valid; it must be a resource followed by /.default.";
        return Err(no(400, "invalid_scope", 1_002_012, text));
    }
    let proof = match (given("client_secret"), given("client_assertion")) {
        (Some(secret), None) => secret,
        (None, Some(assertion)) if given("client_assertion_type") == Some(ASSERTION_TYPE) => assertion,
        (None, Some(_)) => {
            return Err(no(
                400,
                "invalid_request",
                900_144,
                "'client_assertion_type' is missing or unknown.",
            ));
        }
        _ => {
            let text = "'client_assertion' or 'client_secret' is required for this grant type.";
            return Err(no(401, "invalid_client", 7_000_218, text));
        }
    };
    if client.and_then(|client| client.secret.as_deref()).is_some_and(|secret| secret != proof) {
        return Err(no(401, "invalid_client", 7_000_215, "Invalid client secret provided."));
    }
    let number = shared.next_number();
    let world = shared.world();
    let bearer = write_bearer(&world, &tenant, world.now.as_second().saturating_add(LIFETIME_SECS), number);
    let body = json!({
        "token_type": "Bearer", "expires_in": LIFETIME_SECS, "ext_expires_in": LIFETIME_SECS,
        "access_token": bearer,
    });
    Ok(Answer { status: 200, retry_after: None, body })
}

fn refuse(shared: &Shared, status: u16, error: &str, code: u32, text: &str) -> Answer {
    let number = shared.next_number();
    let world = shared.world();
    let trace = world.derive_id(&format!("trace/{number}"));
    let timestamp = world.now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
    let description =
        format!("AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {trace} Timestamp: {timestamp}");
    let body = json!({
        "error": error, "error_description": description, "error_codes": [code],
        "timestamp": timestamp, "trace_id": trace, "correlation_id": trace,
    });
    Answer { status, retry_after: None, body }
}

fn write_bearer(world: &World, tenant: &str, expires: i64, number: u64) -> String {
    let claims = format!("{tenant}.{expires}.{number}");
    format!("{claims}.{}", world.derive_id(&format!("bearer/{claims}")))
}

/// The position of the bearer's tenant and its end; `None` for what this world did not give out.
pub(super) fn read_bearer(world: &World, bearer: &str) -> Option<(usize, Timestamp)> {
    let (claims, check) = bearer.rsplit_once('.')?;
    if world.derive_id(&format!("bearer/{claims}")).to_string() != check {
        return None;
    }
    let (rest, _) = claims.rsplit_once('.')?;
    let (tenant, expires) = rest.rsplit_once('.')?;
    let at = world.tenants.iter().position(|known| known.id == tenant)?;
    Some((at, Timestamp::from_second(expires.parse().ok()?).ok()?))
}
