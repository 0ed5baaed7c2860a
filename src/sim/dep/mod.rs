//! Apple's enrollment service (Device Assignment Services), rooted as at its real host.
//!
//! One request runs: faults before the effect, user agent, session, operation on the locked world,
//! faults after the effect, record. Source: the reference of the service, sections 1 to 3 and 9; what
//! it marks as unverified is marked where it is played.

mod account;
mod cursor;
mod devices;
mod profiles;
mod reply;
mod route;
pub(super) mod rows;
mod session;
#[cfg(test)]
pub(super) mod tests;
mod validate;

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::de::DeserializeOwned;

use super::calls::CallKind;
use super::fault::{Asked, DeviceHarm, Suffering, Ways};
use super::line::Line;
use super::record::{self, Exchange, Headers};
use super::shared::{Cut, Left, Shared};
use super::world::World;
use crate::model::clock::{Timestamp, after};
use reply::{Refusal, Reply};
use route::{Operation, Route};
pub(super) use session::Sessions;
use session::SignIn;

/// The largest request body.
const LARGEST_BODY: usize = 16 << 20;
/// Rows of a page where none are asked for, and at most.
const DEFAULT_LIMIT: usize = 100;
const MOST: usize = 1000;

const SESSION: &str = "x-adm-auth-session";
/// The only content type that the vendor's own simulator takes.
const JSON: &str = "application/json;charset=UTF8";

/// What an operation is given beside the world.
struct Ask<'a> {
    /// `X-Server-Protocol-Version`; 1 without one.
    version: u32,
    query: &'a str,
    body: &'a [u8],
    ways: Ways,
    devices: &'a [DeviceHarm],
    default_limit: usize,
    most: usize,
}

impl Ask<'_> {
    /// The body.
    fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(self.body).map_err(|_| Refusal::malformed())
    }
}

/// A request.
struct Front<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
    route: Route,
}

/// An answer that is ready to leave.
struct Answer {
    reply: Reply,
    garbled: bool,
    /// What the service's clock says: `Date`.
    at: Timestamp,
}

/// Serves every path of the port.
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        line.cut();
        return Response::new(Body::empty());
    };
    let front = Front {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        route: route::find(parts.method.as_str(), parts.uri.path()),
    };
    let answer = if shared.is_stopped() { Err(Cut) } else { front.run(&shared).await };
    match answer {
        Ok(answer) if !shared.is_stopped() => answer.into_response(),
        _ => {
            line.cut();
            Response::new(Body::empty())
        }
    }
}

impl Front<'_> {
    async fn run(&self, shared: &Shared) -> Result<Answer, Cut> {
        shared.calls().count("dep", self.route.name, self.route.kind);
        let (about, page) = self.about(shared);
        let suffering = shared.strike(Asked {
            service: "dep",
            operation: self.route.name,
            kind: self.route.kind,
            path: self.path,
            about: &about,
            in_batch: false,
            page,
        });
        let result = self.under_faults(shared, suffering).await;
        shared.record(|| Exchange {
            service: "dep",
            operation: self.route.name,
            method: self.method,
            path: self.path.into(),
            query: self.query,
            request_headers: Headers {
                content_type: self.header("content-type"),
                protocol_version: self.header("x-server-protocol-version"),
                ..Headers::default()
            },
            request_body: record::body(self.body),
            status: result.as_ref().ok().map(|answer| answer.reply.status),
            response_body: result.as_ref().ok().and_then(|answer| record::body(&answer.reply.body)),
            batch: false,
        });
        result
    }

    /// UUID and name of the service that the request is about, and the page of a list, as far as can
    /// be told before anything was judged.
    fn about(&self, shared: &Shared) -> (Vec<String>, Option<u32>) {
        let uuid = self.header(SESSION).and_then(|text| shared.sessions().service(text));
        let world = shared.world();
        let service = match uuid {
            Some(uuid) => world.services.iter().find(|service| service.uuid == uuid),
            None => {
                let key = self.sign_in("").consumer_key();
                world.services.iter().find(|service| {
                    service.issued.iter().any(|issued| Some(&issued.consumer_key) == key.as_ref())
                })
            }
        };
        let Some(service) = service else { return (Vec::new(), None) };
        let is_list = matches!(self.route.operation, Operation::Fetch | Operation::Sync);
        let page = is_list.then(|| devices::page(world.seed, service, self.body));
        (vec![service.uuid.clone(), service.name.clone()], page)
    }

    async fn under_faults(&self, shared: &Shared, suffering: Suffering) -> Result<Answer, Cut> {
        let quoted = suffering.ways.depsim;
        let ahead = Duration::from_secs(u64::from(suffering.ways.clock_ahead));
        let ready = |reply, garbled| Answer { reply, garbled, at: after(shared.world().now, ahead) };
        let refused = |refusal: Refusal| ready(refusal.reply(quoted), false);
        match shared.suffer(suffering.before.as_ref()).await? {
            Left::Status { status, retry_after } => {
                return Ok(refused(Refusal::of_status(status, retry_after)));
            }
            Left::Told { status, code } => return Ok(refused(Refusal::new(status, code))),
            Left::ExpireBearer => shared.sessions().end(self.header(SESSION).unwrap_or_default()),
            Left::Nothing | Left::Garbage => {}
        }
        let result = self.perform(shared, &suffering);
        let mut reply = result.unwrap_or_else(|refusal| refusal.reply(quoted));
        if self.route.operation != Operation::Session
            && let Some(text) = self.header(SESSION)
        {
            let seed = shared.world().seed;
            reply.session = shared.sessions().answered(seed, text, suffering.ways.rotate_session);
        }
        if suffering.ways.unknown_members && reply.status == 200 {
            add_unknown_members(&mut reply);
        }
        match shared.suffer(suffering.after.as_ref()).await? {
            Left::Status { status, retry_after } => Ok(refused(Refusal::of_status(status, retry_after))),
            Left::Told { status, code } => Ok(refused(Refusal::new(status, code))),
            Left::Garbage => Ok(ready(reply, true)),
            Left::Nothing | Left::ExpireBearer => Ok(ready(reply, false)),
        }
    }

    /// Does what is asked, with the world locked from the check of the session to the end.
    fn perform(&self, shared: &Shared, suffering: &Suffering) -> Result<Reply, Refusal> {
        let ways = suffering.ways;
        let version = self.header("x-server-protocol-version").and_then(|text| text.trim().parse().ok());
        let version: u32 = version.unwrap_or(1);
        self.check_user_agent(version)?;
        if ways.depsim && self.header("content-type") != Some(JSON) {
            return Err(Refusal::malformed());
        }
        let world = &mut *shared.world();
        if self.route.operation == Operation::Session {
            return self.open_session(shared, world, ways);
        }
        let at = self.service(shared, world, ways.depsim)?;
        let ask = Ask {
            version,
            query: self.query,
            body: self.body,
            ways,
            devices: &suffering.devices,
            default_limit: DEFAULT_LIMIT.min(shared.page_size()),
            most: MOST.min(shared.page_size()),
        };
        if ways.depsim && self.route.operation == Operation::Assign && self.method != "PUT" {
            return Err(Refusal::new(405, "METHOD_NOT_ALLOWED"));
        }
        let disowned = world.history.apple.disowned.len();
        let reply = operate(world, at, self.route.operation, &ask)?;
        let left = world.history.apple.disowned.get(disowned..).unwrap_or_default().to_vec();
        if !left.is_empty() {
            let service = world.services[at].uuid.clone();
            world.follow_release(&service, &left, "MDM");
        }
        if self.route.kind == CallKind::Write {
            shared.keep_after_write(world);
        }
        Ok(reply)
    }

    /// A user agent has to be named; that of a well-known library is not taken any more with newer
    /// protocol versions.
    fn check_user_agent(&self, version: u32) -> Result<(), Refusal> {
        let agent = self.headers.get(header::USER_AGENT).filter(|agent| !agent.is_empty());
        let agent = agent.ok_or(Refusal::bad("USER_AGENT_MISSING"))?;
        match agent.to_str() {
            Ok(text) if version >= 8 && text.starts_with("Go-http-client/") => {
                Err(Refusal::bad("USER_AGENT_INVALID"))
            }
            Ok(text) if text.trim().is_empty() => Err(Refusal::bad("USER_AGENT_MISSING")),
            Ok(_) => Ok(()),
            Err(_) => Err(Refusal::bad("USER_AGENT_INVALID")),
        }
    }

    fn open_session(&self, shared: &Shared, world: &World, ways: Ways) -> Result<Reply, Refusal> {
        let url = format!("http://{}{}", self.header("host").unwrap_or_default().to_lowercase(), self.path);
        let (at, access_token) = self.sign_in(&url).judge(shared.sessions(), world, ways)?;
        let uuid = &world.services[at].uuid;
        let opened = shared.sessions().open(world.seed, uuid, &access_token, world.now.as_second());
        let text = if ways.empty_session { String::new() } else { opened };
        Ok(Reply::json(&serde_json::json!({"auth_session_token": text})))
    }

    fn sign_in<'a>(&'a self, url: &'a str) -> SignIn<'a> {
        let authorization = self.header("authorization");
        SignIn { method: self.method, url, query: self.query, authorization }
    }

    /// The position of the service that the session is for.
    fn service(&self, shared: &Shared, world: &World, depsim: bool) -> Result<usize, Refusal> {
        let unknown = if depsim { Refusal::new(403, "FORBIDDEN") } else { Refusal::new(401, "UNAUTHORIZED") };
        let text = self.header(SESSION).ok_or(unknown)?;
        let session = shared.sessions().good(text, world.now.as_second()).ok_or(unknown)?;
        let at = world.services.iter().position(|service| service.uuid == session.service);
        let at = at.ok_or(unknown)?;
        // A session ends with its token: who holds the new one has to get in with the session that it
        // still has, which peers try anew on 401 alone.
        if world.services[at].issued.last().is_none_or(|last| last.access_token != session.access_token) {
            return Err(unknown);
        }
        world.services[at].check_token(&session.access_token, world.now)?;
        Ok(at)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The operation itself.
fn operate(world: &mut World, at: usize, operation: Operation, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    use Operation as O;
    let (seed, now) = (world.seed, world.now.as_second());
    match operation {
        O::Define => return profiles::define(world, at, ask),
        O::SetDiscovery => return account::set_discovery(world, at, ask),
        _ => {}
    }
    let service = &mut world.services[at];
    let history = &mut world.history.apple;
    match operation {
        O::Account => Ok(account::get(service, ask)),
        O::Fetch => devices::fetch(seed, now, service, ask),
        O::Sync => devices::sync(seed, now, service, ask),
        O::Details => devices::details(service, ask),
        O::Disown => devices::disown(now, service, history, ask),
        O::Profile => profiles::get(service, ask),
        O::Assign => profiles::assign(now, service, history, ask),
        O::Remove => profiles::remove(now, service, history, ask),
        O::Lock => account::lock(service, history, ask),
        O::Replacement => account::replacement(service, ask),
        O::BetaTokens => account::beta_tokens(seed, service),
        O::Discovery => account::discovery(service),
        O::ClearDiscovery => account::clear_discovery(service, history),
        O::WrongMethod => Err(Refusal::new(405, "METHOD_NOT_ALLOWED")),
        // All others are answered above.
        O::Session | O::Define | O::SetDiscovery | O::Unknown => Err(Refusal::new(404, "NOT_FOUND")),
    }
}

/// Puts members into an answer that no description has.
fn add_unknown_members(reply: &mut Reply) {
    use serde_json::{Value, json};
    let Ok(Value::Object(mut top)) = serde_json::from_slice(&reply.body) else { return };
    let add = |members: &mut serde_json::Map<String, Value>| {
        members.insert("added_next_year".to_owned(), json!(true));
        members.insert("added_setting".to_owned(), json!({"values": [1, null, "text"]}));
    };
    match top.get_mut("devices") {
        Some(Value::Array(rows)) => rows.iter_mut().filter_map(Value::as_object_mut).for_each(add),
        Some(Value::Object(rows)) => rows.values_mut().filter_map(Value::as_object_mut).for_each(add),
        _ => {}
    }
    add(&mut top);
    reply.body = serde_json::to_vec(&top).unwrap_or_default();
}

impl Answer {
    fn into_response(mut self) -> Response {
        if self.garbled {
            self.reply.body.truncate(self.reply.body.len() / 2);
        }
        let is_empty = self.reply.body.is_empty();
        let mut response = Response::new(Body::from(Bytes::from(self.reply.body)));
        if let Ok(status) = StatusCode::from_u16(self.reply.status) {
            *response.status_mut() = status;
        }
        let headers = response.headers_mut();
        // Otherwise the machine's clock would be told.
        let date = self.at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        if let Ok(value) = HeaderValue::from_str(&date) {
            headers.insert(header::DATE, value);
        }
        if !is_empty {
            let kind = if self.reply.status == 200 { JSON } else { "text/plain;charset=UTF-8" };
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(seconds) = self.reply.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(session) = self.reply.session
            && let Ok(value) = HeaderValue::from_str(&session)
        {
            headers.insert(SESSION, value);
        }
        response
    }
}
