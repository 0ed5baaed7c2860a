//! The request for a bearer: its form, and what the assertion in it says (reference sections 2.2 and
//! 2.3). The record has the assertion's header, its claims and the length of its signature.

use serde_json::Value;

use super::super::dep::Side;
use super::{Headers, bearer_fault};

const PATHS: [&str; 2] = ["/auth/oauth2/token", "/auth/oauth2/v2/token"];
/// Whichever of them is called.
const AUDIENCE: &str = "https://account.apple.com/auth/oauth2/v2/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// Seconds that an assertion is good at the longest.
const LONGEST: i64 = 180 * 86_400;
/// R and S side by side.
const SIGNATURE: u64 = 64;

/// What is wrong with a recorded request for a bearer, and with its answer.
pub fn faults(record: &Value, headers: &Headers, side: Side) -> Vec<String> {
    let mut faults = Vec::new();
    if side != Side::Answers {
        faults.extend(bearer_fault(headers));
        faults.extend(request_faults(record));
    }
    faults.extend(answer_faults(record, side));
    faults
}

fn request_faults(record: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |holds: bool, fault: String| {
        if !holds {
            faults.push(fault);
        }
    };
    let path = record["path"].as_str().unwrap_or_default();
    hold(PATHS.contains(&path), format!("no bearers are given at {path}"));
    hold(record["method"] == "POST", format!("bearers are not asked for with {}", record["method"]));
    let query = record["query"].as_str().unwrap_or_default();
    hold(query.is_empty(), "what belongs into the form stands in the query".to_owned());
    let kind = record["requestHeaders"]["content-type"].as_str().unwrap_or_default();
    hold(kind.starts_with("application/x-www-form-urlencoded"), format!("the body is {kind:?} and no form"));
    let form = &record["requestBody"];
    let client = form["client_id"].as_str().unwrap_or_default();
    let scope = match client.split_once('.') {
        Some(("BUSINESSAPI", _)) => "business.api",
        Some(("SCHOOLAPI", _)) => "school.api",
        _ => "",
    };
    hold(!scope.is_empty(), format!("client_id is {client:?}"));
    for (name, right) in
        [("grant_type", "client_credentials"), ("client_assertion_type", ASSERTION_TYPE), ("scope", scope)]
    {
        hold(form[name] == right, format!("{name} is {} and not {right:?}", form[name]));
    }
    let known = ["grant_type", "client_id", "client_assertion_type", "client_assertion", "scope"];
    for name in form.as_object().into_iter().flatten().map(|(name, _)| name) {
        hold(known.contains(&name.as_str()), format!("the form has a member {name:?} that is not known"));
    }
    let assertion = &form["client_assertion"];
    hold(assertion.is_object(), "there is no assertion".to_owned());
    faults.extend(assertion_faults(assertion, client));
    faults
}

fn assertion_faults(assertion: &Value, client: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let mut hold = |holds: bool, fault: String| {
        if !holds {
            faults.push(format!("assertion: {fault}"));
        }
    };
    let (header, claims) = (&assertion["header"], &assertion["claims"]);
    hold(header["alg"] == "ES256", format!("alg is {}", header["alg"]));
    hold(header.get("typ").is_none_or(|typ| typ == "JWT"), format!("typ is {}", header["typ"]));
    // One project saw it refused, and leaves it out; empty it is of no use to anybody.
    let kid = header.get("kid");
    hold(kid.is_none_or(|kid| kid.as_str().is_some_and(|kid| !kid.is_empty())), "kid is no text".to_owned());
    for (object, known) in
        [(header, &["alg", "kid", "typ"][..]), (claims, &["iss", "sub", "aud", "iat", "exp", "jti"])]
    {
        for name in object.as_object().into_iter().flatten().map(|(name, _)| name) {
            hold(known.contains(&name.as_str()), format!("{name:?} is not known"));
        }
    }
    for name in ["iss", "sub"] {
        hold(claims[name] == client, format!("{name} is {} and not the client", claims[name]));
    }
    hold(claims["aud"] == AUDIENCE, format!("aud is {}", claims["aud"]));
    hold(claims["jti"].as_str().is_some_and(|jti| !jti.is_empty()), "jti is missing".to_owned());
    match (claims["iat"].as_i64(), claims["exp"].as_i64()) {
        (Some(from), Some(to)) => {
            let life = to - from;
            hold(
                (1..=LONGEST).contains(&life),
                format!("it is good for {life} s, and 180 days are the most"),
            );
        }
        _ => hold(false, "iat or exp is no number of seconds".to_owned()),
    }
    let length = assertion["signatureBytes"].as_u64();
    hold(length == Some(SIGNATURE), format!("the signature has {length:?} bytes and not {SIGNATURE}"));
    faults
}

/// An answer is a bearer for an hour, or an error in the form of RFC 6749.
fn answer_faults(record: &Value, side: Side) -> Vec<String> {
    let body = &record["responseBody"];
    let told: Vec<&str> = body.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    let (needed, known): (&[&str], &[&str]) = match record["status"].as_u64() {
        None => return Vec::new(),
        Some(200) => (
            &["access_token", "token_type", "expires_in"],
            &["access_token", "token_type", "expires_in", "scope"],
        ),
        Some(400 | 429) => (&["error"], &["error", "error_description", "error_uri"]),
        Some(500..) => return Vec::new(),
        Some(404 | 405) if side == Side::Answers => return Vec::new(),
        Some(status) => return vec![format!("the endpoint does not answer {status}")],
    };
    let missing =
        needed.iter().filter(|name| !told.contains(name)).map(|name| format!("the answer lacks {name}"));
    let mut faults: Vec<String> = missing.collect();
    // A fault that was asked for cuts answers in the middle, and only those of others.
    if side != Side::Own && body.is_string() {
        return Vec::new();
    }
    if side == Side::Own {
        let unknown = told.iter().filter(|name| !known.contains(name));
        faults.extend(unknown.map(|name| format!("nobody described {name:?} of the answer")));
    }
    if record["status"] == 200 && (body["token_type"] != "Bearer" || body["expires_in"] != 3600) {
        faults.push(format!("the bearer is a {} for {} s", body["token_type"], body["expires_in"]));
    }
    if record["status"] == 200 && body["access_token"] != "[secret]" {
        faults.push("the record has the bearer itself".to_owned());
    }
    faults
}
