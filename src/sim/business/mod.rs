//! The APIs of Apple Business and Apple School, each rooted as at its real host, and the storage of
//! their activity logs.
//!
//! One request runs: faults before the effect, bearer, `Accept`, limits, operation on the locked
//! world, faults after the effect, record. Source: the reference of the API; what it marks as
//! unverified or leaves open is marked where it is played, as are the codes and texts that are made up.

mod activities;
mod built_in;
mod devices;
pub(super) mod limit;
mod query;
mod reply;
mod route;
mod services;
pub(super) mod storage;
#[cfg(test)]
pub(super) mod tests;

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;
use serde_json::{Map, Value};

use super::account::read_bearer;
use super::apple::organization::{Behaviour, Edition};
use super::calls::CallKind;
use super::fault::{Asked, DeviceHarm, Suffering, Ways};
use super::line::Line;
use super::record::{self, Exchange, Headers};
use super::shared::{Cut, Left, Shared};
use super::world::World;
use crate::model::clock::Timestamp;
use reply::{Refusal, Reply};
use route::{Operation, Route};

/// The largest request body.
const LARGEST_BODY: usize = 16 << 20;

/// What an operation is given beside the world.
struct Ask<'a> {
    path: &'a str,
    query: &'a str,
    body: &'a [u8],
    /// Scheme, host and port of the API.
    base: &'a str,
    /// Scheme, host and port of the storage.
    storage: &'a str,
    seed: u64,
    now: Timestamp,
    ways: Ways,
    devices: &'a [DeviceHarm],
    /// Rows of a page at most.
    most: usize,
}

impl Ask<'_> {
    /// The address of a path.
    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// `data` of the body, which has to be of this type.
    fn data(&self, kind: &str) -> Result<Map<String, Value>, Refusal> {
        let body: Value = serde_json::from_slice(self.body)
            .map_err(|_| Refusal::malformed("The request body is not valid JSON"))?;
        match body {
            Value::Object(mut body) => match body.remove("data") {
                Some(Value::Object(data)) if data.get("type").is_some_and(|known| known == kind) => Ok(data),
                Some(Value::Object(_)) => {
                    Err(Refusal::shape("/data/type", format!("The type has to be '{kind}'")))
                }
                _ => Err(Refusal::shape("/data", "The resource is missing")),
            },
            _ => Err(Refusal::shape("", "The request body has to be an object")),
        }
    }
}

/// A request.
struct Front<'a> {
    edition: Edition,
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: &'a HeaderMap,
    body: &'a [u8],
    route: Route<'a>,
}

type Served = State<Arc<Shared>>;

/// Serves every path of Business' port.
pub(super) async fn serve_business(
    State(shared): Served,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    serve(Edition::Business, shared, line, request).await
}

/// Serves every path of School's port.
pub(super) async fn serve_school(
    State(shared): Served,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    serve(Edition::School, shared, line, request).await
}

async fn serve(edition: Edition, shared: Arc<Shared>, line: Line, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        line.cut();
        return Response::new(Body::empty());
    };
    let front = Front {
        edition,
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &parts.headers,
        body: &body,
        route: route::find(edition, parts.method.as_str(), parts.uri.path()),
    };
    let answer = if shared.is_stopped() { Err(Cut) } else { front.run(&shared).await };
    match answer {
        Ok(reply) if !shared.is_stopped() => respond(reply, &shared),
        _ => {
            line.cut();
            Response::new(Body::empty())
        }
    }
}

impl Front<'_> {
    async fn run(&self, shared: &Shared) -> Result<Reply, Cut> {
        let service = self.edition.service();
        shared.calls().count(service, self.route.name, self.route.kind);
        let (about, page) = self.about(shared);
        let suffering = shared.strike(Asked {
            service,
            operation: self.route.name,
            kind: self.route.kind,
            path: self.path,
            about: &about,
            in_batch: false,
            page,
        });
        let result = self.under_faults(shared, suffering).await;
        shared.record(|| Exchange {
            service,
            operation: self.route.name,
            method: self.method,
            path: self.path.into(),
            query: self.query,
            request_headers: Headers::of_api(self.headers),
            request_body: record::body(self.body),
            status: result.as_ref().ok().map(|reply| reply.status),
            response_body: result.as_ref().ok().and_then(|reply| record::body(&reply.body)),
            batch: false,
        });
        result
    }

    /// Organization and account that the request is of, and the page of a list, as far as can be told
    /// before anything was judged.
    fn about(&self, shared: &Shared) -> (Vec<String>, Option<u32>) {
        let world = shared.world();
        let known = self.bearer().and_then(|bearer| read_bearer(&world, self.edition, bearer));
        let about = known
            .map_or(Vec::new(), |(at, client_id, _)| vec![world.organizations[at].name.clone(), client_id]);
        let is_list = matches!(
            self.route.operation,
            Operation::ListDevices
                | Operation::ListServices
                | Operation::ListLinkages
                | Operation::ListBuiltIn
        );
        (about, is_list.then(|| query::page_of(world.seed, self.path, self.query)))
    }

    async fn under_faults(&self, shared: &Shared, suffering: Suffering) -> Result<Reply, Cut> {
        let number = shared.next_number();
        let id = shared.world().derive_id(&format!("request/{number}")).to_string();
        let refused = |refusal: Refusal| refusal.reply(&id);
        match shared.suffer(suffering.before.as_ref()).await? {
            Left::Status { status, retry_after } => {
                return Ok(refused(Refusal::of_status(status, retry_after)));
            }
            Left::Told { status, code } => return Ok(refused(told(status, code))),
            Left::ExpireBearer => shared.revoke(self.bearer().unwrap_or_default()),
            Left::Nothing | Left::Garbage => {}
        }
        let mut reply = match suffering.ways.limit {
            Some((status, retry_after)) => {
                refused(Refusal { html: true, ..Refusal::of_status(status, retry_after) })
            }
            None => self.perform(shared, &suffering).unwrap_or_else(refused),
        };
        match shared.suffer(suffering.after.as_ref()).await? {
            Left::Status { status, retry_after } => Ok(refused(Refusal::of_status(status, retry_after))),
            Left::Told { status, code } => Ok(refused(told(status, code))),
            Left::Garbage => {
                reply.body.truncate(reply.body.len() / 2);
                Ok(reply)
            }
            Left::Nothing | Left::ExpireBearer => Ok(Reply { cut: suffering.ways.cut_body, ..reply }),
        }
    }

    /// Does what is asked, with the world locked from the check of the bearer to the end.
    fn perform(&self, shared: &Shared, suffering: &Suffering) -> Result<Reply, Refusal> {
        let world = &mut *shared.world();
        let bearer = self.bearer().ok_or_else(Refusal::unauthorized)?;
        let known = read_bearer(world, self.edition, bearer).filter(|_| !shared.is_revoked(bearer));
        let (at, account, end) = known.ok_or_else(Refusal::unauthorized)?;
        if end <= world.now {
            return Err(Refusal::unauthorized());
        }
        if !self.accepts_json() {
            return Err(Refusal::not_acceptable());
        }
        if !suffering.ways.lift_limits {
            self.count(world, at, &account)?;
        }
        let is_json = self.header("content-type").is_some_and(|text| text.starts_with("application/json"));
        if matches!(self.method, "POST" | "PATCH") && self.route.kind == CallKind::Write && !is_json {
            return Err(Refusal::media_type());
        }
        let base = match self.edition {
            Edition::Business => &shared.addresses().business,
            Edition::School => &shared.addresses().school,
        };
        let ask = Ask {
            path: self.path,
            query: self.query,
            body: self.body,
            base,
            storage: &shared.addresses().storage,
            seed: world.seed,
            now: world.now,
            ways: suffering.ways,
            devices: &suffering.devices,
            most: shared.page_size(),
        };
        let reply = operate(world, at, &account, self.route, &ask)?;
        if self.route.kind == CallKind::Write {
            shared.keep_after_write(world);
        }
        Ok(reply)
    }

    /// Counts the request against the limits of its account. That every write counts as a POST does
    /// is made up.
    fn count(&self, world: &mut World, at: usize, client_id: &str) -> Result<(), Refusal> {
        let now = world.now;
        let here = &mut world.organizations[at];
        let Behaviour { get_per_minute, post_per_hour, retry_after, html_limit, .. } = here.behaviour;
        let account = here.accounts.iter_mut().find(|account| account.client_id == client_id);
        let Some(account) = account else { return Ok(()) };
        let taken = match self.method {
            "GET" | "HEAD" => limit::take(&mut account.reads, get_per_minute, 60, now),
            _ => limit::take(&mut account.writes, post_per_hour, 3600, now),
        };
        taken.map_err(|seconds| Refusal {
            html: html_limit,
            ..Refusal::of_status(429, retry_after.then_some(seconds))
        })
    }

    /// Whether the answer may be JSON: no `Accept` at all will not do.
    fn accepts_json(&self) -> bool {
        let types = self.header("accept").unwrap_or_default().split(',');
        let mut names = types.map(|one| one.split(';').next().unwrap_or_default().trim());
        names.any(|name| matches!(name, "application/json" | "application/*" | "*/*"))
    }

    fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ").map(str::trim)
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// The refusal with a code that a fault demands.
fn told(status: u16, code: &'static str) -> Refusal {
    match code {
        // How this API says so is not known.
        "T_C_NOT_SIGNED" => Refusal {
            detail: "The terms and conditions have been updated and must be accepted".to_owned(),
            ..Refusal::of_status(403, None)
        },
        _ => Refusal::of_status(status, None),
    }
}

/// The operation itself.
fn operate(
    world: &mut World,
    at: usize,
    account: &str,
    route: Route<'_>,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    use Operation as O;
    let id = route.id;
    let here = &world.organizations[at];
    match route.operation {
        O::ListDevices => devices::list(here, ask),
        O::ReadDevice => devices::get(here, id, ask),
        O::ReadLinkage => devices::linkage(here, id, ask),
        O::ReadAssigned => devices::assigned(here, id, ask),
        O::ReadCoverage => devices::coverage(here, id, ask),
        O::ReadLock => devices::lock(here, world, id, ask),
        O::ListServices => services::list(here, ask),
        O::ReadService => services::get(here, id, ask),
        O::ListLinkages => services::linkages(here, id, ask),
        O::ListBuiltIn => built_in::list(here, ask),
        O::ReadBuiltIn => built_in::get(here, id, ask),
        O::CreateService => services::create(world, at, ask),
        O::UpdateService => services::update(world, at, id, ask),
        O::DeleteService => services::delete(world, at, id, ask),
        O::CreateActivity => activities::create(world, at, account, ask),
        O::ReadActivity => activities::get(world, at, id, ask),
        O::Refused(resource, operation) => {
            Err(Refusal::not_allowed(resource.name, operation, resource.allowed))
        }
        O::Unknown => Err(Refusal::no_path()),
    }
}

/// The answer as it leaves.
fn respond(reply: Reply, shared: &Shared) -> Response {
    let is_empty = reply.body.is_empty();
    let body = match reply.cut {
        true => {
            let half = Bytes::copy_from_slice(&reply.body[..reply.body.len() / 2]);
            let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
            Body::from_stream(stream::iter([Ok(half), Err(broken)]))
        }
        false => Body::from(Bytes::from(reply.body)),
    };
    let mut response = Response::new(body);
    if let Ok(status) = StatusCode::from_u16(reply.status) {
        *response.status_mut() = status;
    }
    let world = shared.world();
    let id = world.derive_id(&format!("answer/{}", shared.next_number())).to_string();
    let headers = response.headers_mut();
    headers.insert(header::SERVER, HeaderValue::from_static("Apple"));
    // Otherwise the machine's clock would be told.
    let date = world.now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    for (name, text) in [("date", date.as_str()), ("x-apple-request-uuid", &id)] {
        if let Ok(value) = HeaderValue::from_str(text) {
            headers.insert(name, value);
        }
    }
    if !is_empty {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(reply.form.content_type()));
    }
    if let Some(file) = reply.file
        && let Ok(value) = HeaderValue::from_str(&format!("attachment; filename=\"{file}\""))
    {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Some(seconds) = reply.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}
