//! Microsoft Graph for Intune's Apple enrollment, below `/beta`.
//!
//! One request runs: faults before the effect, bearer, operation on the locked world, faults after
//! the effect, record. A `$batch` runs its requests through the same steps.

mod batch;
mod devices;
mod keys;
mod managed;
pub(super) mod members;
mod profiles;
mod push;
mod query;
pub(super) mod reply;
mod route;
mod shape;
mod tokens;
mod validate;
mod vpp;

use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;

use super::calls::CallKind;
use super::device::ManagedAction;
use super::fault::{Asked, Ways};
use super::line::Line;
use super::login;
use super::record::{self, Exchange, Headers};
use super::shared::{Cut, Left, Shared};
use super::world::World;
use query::Query;
use reply::{Refusal, Reply};
use route::{Operation, Route};

/// The header with the reason for what needs a second person, in base64.
const JUSTIFICATION: &str = "x-msft-approval-justification";
/// The header with the code of a request for approval.
const APPROVAL_CODE: &str = "x-msft-approval-code";

/// The largest request body; Graph's own limit is 4 MB.
const LARGEST_BODY: usize = 4 << 20;

/// What an operation is given beside the world.
pub(super) struct Ask<'a> {
    /// Scheme, host and version, for links.
    base: &'a str,
    /// The path below the version.
    path: &'a str,
    query: Query,
    method: &'a str,
    body: &'a [u8],
    justification: Option<&'a str>,
    approval_code: Option<&'a str>,
    ways: Ways,
    page_size: usize,
}

impl Ask<'_> {
    /// The address without the query.
    fn url(&self) -> String {
        format!("{}{}", self.base, self.path)
    }
}

/// What all requests of one exchange share.
struct Front {
    bearer: Option<String>,
    base: String,
    client_request_id: Option<String>,
}

/// One request: an exchange of its own, or a part of a `$batch`.
struct Single<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    content_type: Option<&'a str>,
    justification: Option<&'a str>,
    approval_code: Option<&'a str>,
    body: &'a [u8],
    in_batch: bool,
}

/// An answer that is ready to leave.
struct Answer {
    reply: Reply,
    request_id: String,
    client_request_id: String,
    garbled: bool,
}

/// Serves every path of the Graph port.
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
    let text = |name: header::HeaderName| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let host = text(header::HOST).unwrap_or_default();
    let named = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let (version, path) = split_version(parts.uri.path());
    let front = Front {
        bearer: bearer(&parts.headers),
        base: format!("http://{host}/{version}"),
        client_request_id: parts
            .headers
            .get("client-request-id")
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned),
    };
    let single = Single {
        method: parts.method.as_str(),
        path,
        query: parts.uri.query().unwrap_or_default(),
        content_type: text(header::CONTENT_TYPE),
        justification: named(JUSTIFICATION),
        approval_code: named(APPROVAL_CODE),
        body: &body,
        in_batch: false,
    };
    let answer = if shared.is_stopped() {
        Err(Cut)
    } else if version != "beta" {
        Ok(front.answer(&shared, Err(Refusal::not_in_version())))
    } else if ["/$batch", "/%24batch"].contains(&path) && single.method == "POST" {
        batch::serve(&shared, &front, &single).await
    } else {
        let route = route::route(single.method, path);
        shared.calls().count("graph", route.operation.name(), route.kind);
        front.run(&shared, &single, &route).await
    };
    match answer {
        Ok(answer) if !shared.is_stopped() => answer.into_response(),
        _ => {
            line.cut();
            Response::new(Body::empty())
        }
    }
}

/// `/beta/deviceManagement` to `beta` and `/deviceManagement`.
fn split_version(path: &str) -> (&str, &str) {
    let below = path.strip_prefix('/').unwrap_or(path);
    match below.find('/') {
        Some(at) => below.split_at(at),
        None => (below, ""),
    }
}

fn bearer(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, bearer) = text.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| bearer.trim().to_owned())
}

impl Front {
    /// Runs one request with the faults that strike it.
    async fn run(&self, shared: &Shared, single: &Single<'_>, route: &Route) -> Result<Answer, Cut> {
        let query = Query::read(single.query);
        let page = query.as_ref().ok().filter(|_| route.operation.is_list()).map(Query::page);
        let suffering = shared.strike(Asked {
            service: "graph",
            about: &[],
            operation: route.operation.name(),
            kind: route.kind,
            path: single.path,
            in_batch: single.in_batch,
            page,
        });
        let result = self.under_faults(shared, single, route, query, suffering).await;
        shared.record(|| Exchange {
            service: "graph",
            operation: route.operation.name(),
            method: single.method,
            path: format!("/beta{}", single.path).into(),
            query: single.query,
            request_headers: Headers { content_type: single.content_type, ..Headers::default() },
            request_body: record::body(single.body),
            status: result.as_ref().ok().map(|answer| answer.reply.status),
            response_body: result.as_ref().ok().and_then(|answer| record::body(&answer.reply.body)),
            batch: single.in_batch,
        });
        result
    }

    async fn under_faults(
        &self,
        shared: &Shared,
        single: &Single<'_>,
        route: &Route,
        query: Result<Query, Refusal>,
        suffering: super::fault::Suffering,
    ) -> Result<Answer, Cut> {
        match shared.suffer(suffering.before.as_ref()).await? {
            Left::Status { status, retry_after } => {
                return Ok(self.answer(shared, Err(harmed(route, status, retry_after))));
            }
            Left::Told { status, .. } => return Ok(self.answer(shared, Err(harmed(route, status, None)))),
            Left::ExpireBearer => shared.revoke(self.bearer.as_deref().unwrap_or_default()),
            Left::Nothing | Left::Garbage => {}
        }
        let result = query.and_then(|query| self.perform(shared, single, route, query, suffering.ways));
        let mut answer = self.answer(shared, result);
        if suffering.ways.unknown_members && answer.reply.status < 300 {
            add_unknown_members(&mut answer.reply);
        }
        match shared.suffer(suffering.after.as_ref()).await? {
            Left::Status { status, retry_after } => {
                return Ok(self.answer(shared, Err(harmed(route, status, retry_after))));
            }
            Left::Told { status, .. } => return Ok(self.answer(shared, Err(harmed(route, status, None)))),
            Left::Garbage => answer.garbled = true,
            Left::Nothing | Left::ExpireBearer => {}
        }
        if let Some((serial, record)) = answer.reply.reveals {
            shared.world().note_code_read(&serial, record);
        }
        Ok(answer)
    }

    /// Does what is asked, with the world locked from the check of the bearer to the end.
    fn perform(
        &self,
        shared: &Shared,
        single: &Single<'_>,
        route: &Route,
        query: Query,
        ways: Ways,
    ) -> Result<Reply, Refusal> {
        let world = &mut *shared.world();
        let tenant = self.tenant(shared, world)?;
        if !single.body.is_empty() && !is_json(single.content_type) {
            return Err(Refusal::bad_request("A 'Content-Type' of 'application/json' is required."));
        }
        let ask = Ask {
            base: &self.base,
            path: single.path,
            query,
            method: single.method,
            body: single.body,
            justification: single.justification,
            approval_code: single.approval_code,
            ways,
            page_size: shared.page_size(),
        };
        let reply = operate(world, tenant, route, &ask);
        // A refusal may have asked for a second person, which is kept too.
        if route.kind == CallKind::Write && (reply.is_ok() || ask.justification.is_some()) {
            shared.keep_after_write(world);
        }
        reply
    }

    /// The tenant that the bearer is for.
    fn tenant(&self, shared: &Shared, world: &World) -> Result<usize, Refusal> {
        let bearer = self.bearer.as_deref();
        let bearer = bearer.ok_or_else(|| Refusal::unauthorized("Access token is empty."))?;
        let refused = |text: &str| Err(Refusal::unauthorized(text));
        match login::read_bearer(world, bearer) {
            None => refused("CompactToken parsing failed with error code: 80049217"),
            Some((_, expires)) if expires <= world.now || shared.is_revoked(bearer) => {
                refused("Lifetime validation failed, the token is expired.")
            }
            Some((tenant, _)) => Ok(tenant),
        }
    }

    /// Gives an outcome its ids and, for a refusal, its body.
    fn answer(&self, shared: &Shared, result: Result<Reply, Refusal>) -> Answer {
        let number = shared.next_number();
        let world = shared.world();
        let request_id = world.derive_id(&format!("request/{number}")).to_string();
        let client_request_id = self.client_request_id.clone().unwrap_or_else(|| request_id.clone());
        let reply = result.unwrap_or_else(|refusal| refusal.reply(&world, &request_id, &client_request_id));
        Answer { reply, request_id, client_request_id, garbled: false }
    }
}

/// The refusal of a fault's status.
fn harmed(route: &Route, status: u16, retry_after: Option<u32>) -> Refusal {
    match status {
        400 => Refusal::no_segment(route.operation.collection()),
        403 => Refusal::forbidden(route.operation.permission(route.kind)),
        _ => Refusal::of_status(status, retry_after),
    }
}

fn is_json(content_type: Option<&str>) -> bool {
    content_type.is_some_and(|text| text.trim_start().to_ascii_lowercase().starts_with("application/json"))
}

/// The operation itself.
fn operate(world: &mut World, tenant: usize, route: &Route, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    use Operation as O;
    if !matches!(route.operation, O::Managed | O::Audits | O::Approvals) {
        ask.query.check_no_filter()?;
    }
    match route.operation {
        O::Managed => return managed::list(world, tenant, ask),
        O::ManagedCount => return Ok(Reply::number(managed::count(world, tenant))),
        O::ManagedDevice => return managed::get(world, tenant, &route.parent, ask),
        O::DeleteManaged => return managed::act(world, tenant, &route.parent, ManagedAction::Delete, ask),
        O::Act(action) => return managed::act(world, tenant, &route.parent, action, ask),
        O::Audits => return managed::audits(world, tenant, ask),
        O::Audit => return managed::audit(world, tenant, &route.parent, ask),
        O::Approvals => return managed::approvals(world, tenant, ask),
        O::Approval => return managed::approval(world, tenant, &route.parent, ask),
        O::Unknown => return Err(Refusal::no_segment(&route.parent)),
        O::Tokens => return tokens::list(&world.tenants[tenant], ask),
        O::TokenCount => return Ok(Reply::number(world.tenants[tenant].tokens.len())),
        O::ScopeTags => return tokens::scope_tags(&world.tenants[tenant], ask),
        O::ScopeTagCount => return Ok(Reply::number(world.tenants[tenant].scope_tags.len())),
        O::ScopeTag => return tokens::scope_tag(&world.tenants[tenant], &route.parent, ask),
        O::VppTokens => return vpp::list(&world.tenants[tenant], world.now, ask),
        O::VppTokenCount => return Ok(Reply::number(world.tenants[tenant].vpp_tokens.len())),
        O::VppToken => return vpp::get(&world.tenants[tenant], world.now, &route.parent, ask),
        O::VppLicenses => return vpp::licenses(&world.tenants[tenant], &route.parent, ask),
        O::ExpiringVppTokens => return vpp::expiring(&world.tenants[tenant], &route.parent),
        O::PushCertificate => return push::get(&world.tenants[tenant], ask),
        _ => {}
    }
    let found =
        world.tenants[tenant].tokens.iter().position(|token| token.id.eq_ignore_ascii_case(&route.parent));
    let at = found.ok_or_else(|| Refusal::not_found("The enrollment program token was not found."))?;
    let token = &world.tenants[tenant].tokens[at];
    let child = route.child.as_str();
    match route.operation {
        O::Token => tokens::get(token, ask),
        O::Default(platform) => tokens::default(token, platform, ask),
        O::PatchToken => tokens::patch(world, tenant, at, ask),
        O::DeleteToken => tokens::delete(world, tenant, at),
        O::Sync => tokens::sync(world, tenant, at),
        O::EncryptionKey => keys::get(world, token),
        O::GenerateEncryptionKey => keys::generate(world, tenant, at),
        O::UploadToken => keys::upload(world, tenant, at, ask),
        O::Profiles => profiles::list(world, token, ask),
        O::ProfileCount => Ok(Reply::number(token.profiles.len())),
        O::CreateProfile => profiles::create(world, tenant, at, ask),
        O::Profile => profiles::get(world, token, child, ask),
        O::PatchProfile => profiles::patch(world, tenant, at, child, ask),
        O::DeleteProfile => profiles::delete(world, tenant, at, child),
        O::SetDefault => profiles::set_default(world, tenant, at, child, ask),
        O::Assign => profiles::assign(world, tenant, at, child, ask),
        O::Devices => devices::list(world, token, ask),
        O::DeviceCount => Ok(Reply::number(token.devices.len())),
        O::Device => devices::get(world, token, child, ask),
        // All others are answered above.
        _ => Err(Refusal::no_segment(&route.parent)),
    }
}

/// Puts members into an answer that no description has.
fn add_unknown_members(reply: &mut Reply) {
    use serde_json::{Value, json};
    let Ok(Value::Object(mut top)) = serde_json::from_slice(&reply.body) else { return };
    let add = |members: &mut serde_json::Map<String, Value>| {
        members.insert("addedNextYear".to_owned(), json!(true));
        members.insert("addedSetting".to_owned(), json!({"values": [1, null, "text"]}));
    };
    if let Some(Value::Array(rows)) = top.get_mut("value") {
        rows.iter_mut().filter_map(Value::as_object_mut).for_each(add);
    }
    add(&mut top);
    reply.body = serde_json::to_vec(&top).unwrap_or_default();
}

impl Answer {
    fn into_response(mut self) -> Response {
        if self.garbled {
            self.reply.body.truncate(self.reply.body.len() / 2);
        }
        let mut response = Response::new(Body::from(Bytes::from(self.reply.body)));
        if let Ok(status) = axum::http::StatusCode::from_u16(self.reply.status) {
            *response.status_mut() = status;
        }
        let headers = response.headers_mut();
        if self.reply.status != 204 {
            let json = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8";
            let kind = if self.reply.plain { "text/plain" } else { json };
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        if let Some(code) = self.reply.approval_code.as_deref().and_then(|code| code.parse().ok()) {
            headers.insert(APPROVAL_CODE, code);
        }
        if let Some(seconds) = self.reply.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        for (name, value) in
            [("request-id", &self.request_id), ("client-request-id", &self.client_request_id)]
        {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        }
        response
    }
}
