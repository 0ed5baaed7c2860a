//! Signing programs in: Entra's token endpoint, the simulated GitHub that gives id tokens to
//! workflows, and the two addresses at which Azure answers for managed identities.
//!
//! A bearer says its tenant, its end and a check word that follows from the world's seed, so that
//! none has to be kept and a world that goes on in another process still knows it.

mod assertion;
pub(super) mod frame;
mod github;
mod identity;

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use serde_json::json;

use super::directory::Client;
use super::line::Line;
use super::shared::Shared;
use super::world::World;
use crate::model::clock::Timestamp;
use assertion::Shown;
use frame::{Answer, Asking, Desk};

pub(super) use assertion::Assertions;
pub(super) use github::Issuer;

/// How long a bearer is good, in seconds.
const LIFETIME_SECS: i64 = 3600;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A Graph host, accepted as scope beside the simulator's, and the authorities of its cloud
/// (reference section 1).
const CLOUDS: [(&str, &[&str]); 4] = [
    ("https://graph.microsoft.com", &["https://login.microsoftonline.com"]),
    ("https://graph.microsoft.us", &["https://login.microsoftonline.us"]),
    ("https://dod-graph.microsoft.us", &["https://login.microsoftonline.us"]),
    (
        "https://microsoftgraph.chinacloudapi.cn",
        &["https://login.partner.microsoftonline.cn", "https://login.chinacloudapi.cn"],
    ),
];

const ENTRA: Desk = Desk {
    service: "login",
    operation: "token",
    answer: |shared, asking| sign_in(shared, asking).unwrap_or_else(|refused| refuse(shared, &refused)),
    down: |shared, status| {
        let text = "The service is temporarily unavailable. Please retry later.";
        refuse(shared, &Refused::new(status, "temporarily_unavailable", 90_033, text))
    },
};

type Served = State<Arc<Shared>>;

/// Serves every path of Entra's port.
pub(super) async fn serve(
    State(shared): Served,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    ENTRA.serve(shared, line, request).await
}

/// Serves every path of the port of GitHub's token service.
pub(super) async fn serve_github(
    State(shared): Served,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    github::DESK.serve(shared, line, request).await
}

/// Serves every path of the port of Azure's metadata service.
pub(super) async fn serve_metadata(
    State(shared): Served,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    identity::METADATA.serve(shared, line, request).await
}

/// Serves every path of the port at which an app asks for its identity.
pub(super) async fn serve_identity(
    State(shared): Served,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    identity::APP.serve(shared, line, request).await
}

/// Why Entra refuses.
#[derive(Debug)]
struct Refused {
    status: u16,
    error: &'static str,
    /// The number behind `AADSTS`.
    code: u32,
    text: String,
}

impl Refused {
    fn new(status: u16, error: &'static str, code: u32, text: impl Into<String>) -> Self {
        Self { status, error, code, text: text.into() }
    }

    /// As most refusals of a credential are told.
    fn client(code: u32, text: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, text)
    }
}

/// Signs a client in, or refuses as Entra does.
fn sign_in(shared: &Shared, asking: &Asking<'_>) -> Result<Answer, Refused> {
    let invalid = |code, text: &str| Refused::new(400, "invalid_request", code, text);
    let tenant = asking.path.strip_prefix('/').and_then(|path| path.strip_suffix("/oauth2/v2.0/token"));
    let Some(named) = tenant.filter(|_| asking.method == "POST") else {
        return Err(Refused::new(404, "invalid_request", 90_014, "There is no such endpoint."));
    };
    let Some(form) = &asking.form else {
        return Err(invalid(900_144, "The body must be a form with 'grant_type'."));
    };
    let given = |name: &str| form.get(name).map(String::as_str).filter(|text| !text.is_empty());
    match given("grant_type") {
        Some("client_credentials") => {}
        Some(_) => {
            let text = "The grant type is not supported.";
            return Err(Refused::new(400, "unsupported_grant_type", 70_003, text));
        }
        None => {
            let text = "The request body must contain the following parameter: 'grant_type'.";
            return Err(invalid(900_144, text));
        }
    }
    let found = shared.world().tenant(named).map(|tenant| (tenant.id.clone(), tenant.clients.clone()));
    let Some((tenant, clients)) = found else {
        return Err(invalid(90_002, "Tenant not found. Check the tenant ID."));
    };
    let Some(client_id) = given("client_id") else {
        let text = "The request body must contain the following parameter: 'client_id'.";
        return Err(invalid(900_144, text));
    };
    let client = clients.iter().find(|client| client.client_id.eq_ignore_ascii_case(client_id));
    if client.is_none() && !clients.is_empty() {
        let text = "Application with this identifier was not found in the directory.";
        return Err(Refused::new(400, "unauthorized_client", 700_016, text));
    }
    let scope = given("scope").and_then(|scope| scope.strip_suffix("/.default")).unwrap_or_default();
    if !is_graph(shared, scope) {
        let text = "The provided value for scope is not valid; it must be a resource followed by /.default.";
        return Err(Refused::new(400, "invalid_scope", 1_002_012, text));
    }
    let client = client.filter(|client| !client.takes_any());
    match (given("client_secret"), given("client_assertion")) {
        (Some(secret), None) => {
            if let Some(client) = client {
                judge_secret(shared, client, secret)?;
            }
        }
        (None, Some(text)) if given("client_assertion_type") == Some(ASSERTION_TYPE) => {
            if let Some(client) = client {
                let audiences = audiences(shared, scope, named);
                assertion::judge(shared, client, &Shown { text, client_id, audiences: &audiences })?;
            }
        }
        (None, Some(_)) => {
            return Err(invalid(900_144, "'client_assertion_type' is missing or unknown."));
        }
        _ => {
            let text = "'client_assertion' or 'client_secret' is required for this grant type.";
            return Err(Refused::client(7_000_218, text));
        }
    }
    let bearer = give_bearer(shared, &tenant);
    let body = json!({
        "token_type": "Bearer", "expires_in": LIFETIME_SECS, "ext_expires_in": LIFETIME_SECS,
        "access_token": bearer,
    });
    Ok(Answer::new(200, body))
}

/// Whether a resource is a Graph that can be asked for.
fn is_graph(shared: &Shared, resource: &str) -> bool {
    CLOUDS.iter().any(|(graph, _)| *graph == resource) || resource == shared.addresses().graph
}

/// To whom an assertion may be made out: the tenant's endpoint at an authority of the scope's cloud,
/// or at the simulator's own address.
fn audiences(shared: &Shared, scope: &str, tenant: &str) -> Vec<String> {
    let authorities = CLOUDS.iter().filter(|(graph, _)| *graph == scope).flat_map(|(_, hosts)| *hosts);
    authorities
        .copied()
        .chain([shared.addresses().login.as_str()])
        .map(|host| format!("{host}/{tenant}/oauth2/v2.0/token"))
        .collect()
}

fn judge_secret(shared: &Shared, client: &Client, secret: &str) -> Result<(), Refused> {
    if client.secret.as_deref() != Some(secret) {
        return Err(Refused::client(7_000_215, "Invalid client secret provided."));
    }
    let now = shared.world().now;
    match client.secret_expires.is_some_and(|end| end <= now) {
        true => Err(Refused::client(7_000_222, "The provided client secret keys are expired.")),
        false => Ok(()),
    }
}

fn refuse(shared: &Shared, refused: &Refused) -> Answer {
    let Refused { status, error, code, text } = refused;
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
    Answer::new(*status, body)
}

/// A new bearer for a tenant.
fn give_bearer(shared: &Shared, tenant: &str) -> String {
    let number = shared.next_number();
    let world = shared.world();
    write_bearer(&world, tenant, world.now.as_second().saturating_add(LIFETIME_SECS), number)
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
