//! Apple's token endpoint (`account.apple.com`) for API accounts of Apple Business and Apple School.
//!
//! A bearer says its account, its end and a check word that follows from the world's seed, so that
//! none has to be kept and a world that goes on in another process still knows it. Source: the
//! reference of the API, sections 2 and 16. Which of RFC 6749's errors goes with which mistake, and
//! the texts, are made up but for `invalid_client` and `invalid_scope`.

mod assertion;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use serde_json::json;

use super::apple::organization::{Edition, Organization};
use super::fault::Ways;
use super::line::Line;
use super::login::frame::{Answer, Asking, Desk};
use super::shared::Shared;
use super::world::World;
use crate::model::clock::Timestamp;
use assertion::Assertion;

/// How long a bearer is good, in seconds.
const LIFETIME_SECS: i64 = 3600;
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Both are in use; assertions are made out to the second one in either case.
const PATHS: [&str; 2] = ["/auth/oauth2/token", "/auth/oauth2/v2/token"];
/// To whom assertions are made out; the simulator's own addresses will do as well.
const AUDIENCE: &str = "https://account.apple.com/auth/oauth2/v2/token";

const DESK: Desk = Desk {
    service: "account",
    operation: "token",
    answer: |shared, asking| {
        sign_in(shared, asking).unwrap_or_else(|refused| Answer {
            retry_after: refused.retry_after,
            ..Answer::new(refused.status, refused.body())
        })
    },
    down: |_, status| {
        let error = if status == 429 { "slow_down" } else { "temporarily_unavailable" };
        Answer::new(status, json!({"error": error, "error_description": "Try again later."}))
    },
};

/// Serves every path of the port.
pub(super) async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
) -> Response {
    DESK.serve(shared, line, request).await
}

/// Why no bearer is given.
#[derive(Clone, Debug)]
struct Refused {
    status: u16,
    error: &'static str,
    text: String,
    retry_after: Option<u32>,
}

impl Refused {
    fn new(error: &'static str, text: impl Into<String>) -> Self {
        Self { status: 400, error, text: text.into(), retry_after: None }
    }

    fn client(text: impl Into<String>) -> Self {
        Self::new("invalid_client", text)
    }

    fn too_often(status: u16, retry_after: Option<u32>) -> Self {
        let error = if status == 429 { "slow_down" } else { "invalid_request" };
        Self { status, retry_after, ..Self::new(error, "Too many tokens were requested.") }
    }

    fn body(&self) -> serde_json::Value {
        json!({"error": self.error, "error_description": self.text})
    }
}

/// Gives a bearer for an assertion.
fn sign_in(shared: &Shared, asking: &Asking<'_>) -> Result<Answer, Refused> {
    if !PATHS.contains(&asking.path) {
        return Err(Refused { status: 404, ..Refused::new("invalid_request", "There is no such endpoint.") });
    }
    if asking.method != "POST" {
        return Err(Refused { status: 405, ..Refused::new("invalid_request", "Only POST is allowed.") });
    }
    if let Some((status, retry_after)) = asking.ways.limit {
        return Err(Refused::too_often(status, retry_after));
    }
    let Some(form) = &asking.form else {
        return Err(Refused::new("invalid_request", "The body has to be a form."));
    };
    let given = |name: &str| form.get(name).map(String::as_str).filter(|text| !text.is_empty());
    let needed = |name: &'static str| {
        given(name)
            .ok_or_else(|| Refused::new("invalid_request", format!("The parameter {name} is missing.")))
    };
    if needed("grant_type")? != "client_credentials" {
        return Err(Refused::new("unsupported_grant_type", "Only client_credentials is supported."));
    }
    let client_id = needed("client_id")?;
    if needed("client_assertion_type")? != ASSERTION_TYPE {
        return Err(Refused::new("invalid_request", "The client_assertion_type is not supported."));
    }
    let assertion = needed("client_assertion")?;
    let scope = needed("scope")?;

    let number = shared.next_number();
    let world = &mut *shared.world();
    let (seed, now) = (world.seed, world.now);
    let unknown = || Refused::client("The client is not known.");
    let at = world.organization_at(client_id).ok_or_else(unknown)?;
    let organization = &world.organizations[at];
    let account = organization.account(client_id).ok_or_else(unknown)?;
    if account.revoked {
        return Err(Refused::client("The key of the client was revoked."));
    }
    let own = PATHS.map(|path| format!("{}{path}", shared.addresses().account));
    let audiences = [AUDIENCE, &own[0], &own[1]];
    Assertion { text: assertion, client_id, audiences: &audiences }.judge(seed, now, account, asking.ways)?;
    let edition = organization.edition;
    if scope != edition.scope() || !client_id.starts_with(edition.prefix()) {
        return Err(Refused::new("invalid_scope", "The scope is not one of this client."));
    }
    count(&mut world.organizations[at], client_id, now, asking.ways)?;
    let bearer = write_bearer(world, client_id, now.as_second().saturating_add(LIFETIME_SECS), number);
    let body = json!({
        "access_token": bearer, "token_type": "Bearer", "expires_in": LIFETIME_SECS, "scope": scope,
    });
    Ok(Answer::new(200, body))
}

/// Counts a bearer, or refuses it.
fn count(
    organization: &mut Organization,
    client_id: &str,
    now: Timestamp,
    ways: Ways,
) -> Result<(), Refused> {
    let behaviour = organization.behaviour.clone();
    let account = organization.accounts.iter_mut().find(|account| account.client_id == client_id);
    let Some(account) = account.filter(|_| !ways.lift_limits) else { return Ok(()) };
    super::business::limit::take(&mut account.sign_ins, behaviour.bearers_per_minute, 60, now).map_err(
        |seconds| Refused::too_often(behaviour.bearer_limit_status, behaviour.retry_after.then_some(seconds)),
    )
}

fn write_bearer(world: &World, client_id: &str, expires: i64, number: u64) -> String {
    let claims = format!("{client_id}.{expires}.{number}");
    format!("{claims}.{}", world.derive_id(&format!("api-bearer/{claims}")).simple())
}

/// The position of the organization whose account a bearer is of, the account's client id, and the
/// bearer's end; `None` for what this world did not give out, for another edition, and for an
/// account whose key was revoked. That a bearer ends with its key nobody has confirmed.
pub(super) fn read_bearer(
    world: &World,
    edition: Edition,
    bearer: &str,
) -> Option<(usize, String, Timestamp)> {
    let (claims, check) = bearer.rsplit_once('.')?;
    if world.derive_id(&format!("api-bearer/{claims}")).simple().to_string() != check {
        return None;
    }
    let (rest, _) = claims.rsplit_once('.')?;
    let (client_id, expires) = rest.rsplit_once('.')?;
    let at = world.organization_at(client_id)?;
    let organization = &world.organizations[at];
    let account = organization.account(client_id)?;
    let end = Timestamp::from_second(expires.parse().ok()?).ok()?;
    (organization.edition == edition && !account.revoked).then(|| (at, client_id.to_owned(), end))
}
