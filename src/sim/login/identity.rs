//! Azure's answers for managed identities: the metadata service of machines, and the endpoint that
//! App Service, Functions and Container Apps give to an app.
//!
//! Source: reference section 7, from general knowledge there; numbers in the answers are texts.

use serde_json::{Value, json};

use super::frame::{Answer, Asking, Desk};
use super::{LIFETIME_SECS, give_bearer, is_graph};
use crate::sim::shared::Shared;

/// The metadata service (169.254.169.254).
pub(super) const METADATA: Desk = Desk {
    service: "imds",
    operation: "identityToken",
    answer: metadata,
    down: |_, status| no(status, "server_error", "Down."),
};

/// The endpoint of an app (`IDENTITY_ENDPOINT`).
pub(super) const APP: Desk = Desk {
    service: "identity",
    operation: "identityToken",
    answer: app,
    down: |_, status| no(status, "server_error", "Down."),
};

fn metadata(shared: &Shared, asking: &Asking<'_>) -> Answer {
    if asking.method != "GET" || asking.path != "/metadata/identity/oauth2/token" {
        return no(404, "not_found", "There is no such resource.");
    }
    // A request that came through a proxy could be anybody's.
    let direct = asking.header("x-forwarded-for").is_none();
    if !direct || asking.header("metadata") != Some("true") {
        return no(400, "invalid_request", "Required metadata header not specified");
    }
    let mut body = match token(shared, asking, "2018-02-01") {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    body["expires_in"] = json!(LIFETIME_SECS.to_string());
    Answer::new(200, body)
}

fn app(shared: &Shared, asking: &Asking<'_>) -> Answer {
    if asking.method != "GET" {
        return no(405, "invalid_request", "Only GET is served.");
    }
    let header = shared.world().machine.identity_header.clone();
    if header.is_none() || asking.header("x-identity-header") != header.as_deref() {
        return Answer::new(
            401,
            json!({ "statusCode": 401, "message": "The identity header is not valid." }),
        );
    }
    match token(shared, asking, "2019-08-01") {
        Ok(body) => Answer::new(200, body),
        Err(refused) => refused,
    }
}

/// What both forms answer: they differ in how they say when it ends.
fn token(shared: &Shared, asking: &Asking<'_>, version: &str) -> Result<Value, Answer> {
    let invalid = |text: &str| no(400, "invalid_request", text);
    if asking.queried("api-version") != Some(version) {
        return Err(invalid("The api-version is missing or not supported."));
    }
    let Some(resource) = asking.queried("resource") else {
        return Err(invalid("The query must hold 'resource'."));
    };
    if !is_graph(shared, resource) {
        let text = "AADSTS500011: The resource principal was not found in the tenant.";
        return Err(no(400, "invalid_resource", text));
    }
    let (identity, now) = {
        let world = shared.world();
        (world.machine.identity(asking.queried("client_id")).cloned(), world.now.as_second())
    };
    let Some(identity) = identity else {
        return Err(invalid("Identity not found"));
    };
    let tenant = shared.world().tenant(&identity.tenant).map(|tenant| tenant.id.clone());
    let Some(tenant) = tenant else { return Err(invalid("Identity not found")) };
    Ok(json!({
        "access_token": give_bearer(shared, &tenant), "token_type": "Bearer", "resource": resource,
        "client_id": identity.client_id, "expires_on": (now + LIFETIME_SECS).to_string(),
    }))
}

fn no(status: u16, error: &str, text: &str) -> Answer {
    Answer::new(status, json!({ "error": error, "error_description": text }))
}
