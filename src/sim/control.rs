//! The control port: for people and harnesses, not for clients of the services.
//!
//! Its bodies are fixed in `schemas/sim-control.json`, which follows from the types here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::{get, post};
use jiff::{Span, SpanRelativeTo};
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use url::form_urlencoded;

use super::Addresses;
use super::apple::{ApiKey, ServerToken, TokenFile};
use super::calls::Call;
use super::fault::{Fault, FaultState};
use super::portal::{self, Change};
use super::seed::Seed;
use super::shared::Shared;
use crate::model::clock::Timestamp;

/// The answer of `GET` and `POST /clock`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(super) struct ClockNow {
    /// The world's present instant.
    pub now: Timestamp,
}

/// The body of `POST /clock`: exactly one member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum ClockStep {
    /// By this much: `15m`, `12h`, `2d`, `PT15M`.
    Advance(String),
    /// To this instant, if it is not past.
    AdvanceTo(Timestamp),
}

/// One or several of something.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OneOrMany<T> {
    /// Several.
    Many(Vec<T>),
    /// One.
    One(T),
}

// By hand: what is derived for untagged enums does not say what is wrong with the one.
impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let read = if value.is_array() {
            serde_json::from_value(value).map(OneOrMany::Many)
        } else {
            serde_json::from_value(value).map(OneOrMany::One)
        };
        read.map_err(D::Error::custom)
    }
}

impl<T> OneOrMany<T> {
    fn into_vec(self) -> Vec<T> {
        match self {
            OneOrMany::Many(items) => items,
            OneOrMany::One(item) => vec![item],
        }
    }
}

/// The answer of `POST /faults`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct FaultIds {
    /// The ids, in the order of the faults.
    ids: Vec<String>,
}

/// What `GET /credentials` lists, so that a rehearsal signs in without a secret of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum AnyCredentials {
    /// Of one of Apple's services.
    Service(Credentials),
    /// Of an account of the API of Apple Business or Apple School whose key was not given from outside.
    Account(ApiKey),
}

/// The server token of one of Apple's services that was issued last, good or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Credentials {
    /// `server_name`.
    pub service: String,
    /// `server_uuid`.
    pub server_uuid: String,
    /// Every name under which a seed named it.
    pub known_as: Vec<String>,
    /// The token, as the decrypted file states it.
    pub token: ServerToken,
}

/// The answer of `POST /portal` where server tokens were downloaded; 204 where none was.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Downloaded {
    /// The files, in the order of the changes.
    files: Vec<TokenFile>,
}

/// The body of `POST /faults/release`; it may be left out.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Release {
    /// The fault whose held answers are let go; absent: all.
    #[serde(default)]
    id: Option<String>,
}

/// The answer of `GET /faults/wait?id=…&hits=…`, which comes when the fault has struck so often
/// (absent: once).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct FaultHits {
    /// The fault.
    id: String,
    /// How often it has struck.
    hits: u64,
}

/// The answer to what cannot be done.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct ControlError {
    /// Why, and what to do.
    error: String,
}

/// All bodies of the control port, as one JSON Schema with a definition per endpoint and
/// direction. The text of `schemas/sim-control.json`.
pub fn schema() -> serde_json::Value {
    use schemars::generate::SchemaSettings;
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let mut endpoints = BTreeMap::new();
    {
        let mut add =
            |name: &str, schema: schemars::Schema| endpoints.insert(name.to_owned(), schema.to_value());
        add("GET /services", generator.subschema_for::<Addresses>());
        add("GET /credentials", generator.subschema_for::<Vec<AnyCredentials>>());
        add("GET /calls", generator.subschema_for::<Vec<Call>>());
        add(
            "GET /world",
            schemars::json_schema!({
                "type": "object", "required": ["format", "seed", "now", "tenants", "births", "history"],
                "description": "The whole world; its form belongs to the version and is read by --sim=WORLD.json."
            }),
        );
        add("POST /world", generator.subschema_for::<Seed>());
        add("GET /clock", generator.subschema_for::<ClockNow>());
        add("POST /clock", generator.subschema_for::<ClockStep>());
        add("POST /clock answer", generator.subschema_for::<ClockNow>());
        add("GET /faults", generator.subschema_for::<Vec<FaultState>>());
        add("POST /faults", generator.subschema_for::<OneOrMany<Fault>>());
        add("POST /faults answer", generator.subschema_for::<FaultIds>());
        add("POST /faults/release", generator.subschema_for::<Release>());
        add("GET /faults/wait", generator.subschema_for::<FaultHits>());
        add("POST /portal", generator.subschema_for::<OneOrMany<Change>>());
        add("POST /portal answer", generator.subschema_for::<Downloaded>());
        add("error", generator.subschema_for::<ControlError>());
    }
    let mut definitions = generator.take_definitions(true);
    definitions.extend(endpoints);
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The control port of espalier's simulator",
        "description": "One definition per endpoint: `METHOD /path` is the body of a POST and the answer of a GET; \
                        `… answer` is the answer of a POST. DELETE and POST without an answer here give 204.",
        "$defs": definitions,
    })
}

/// What is said about a path that there is not.
const PATHS: &str = "the control port has no such path; it has GET /services, GET /credentials, GET and DELETE /calls, \
    GET and POST /world, GET and POST /clock, GET, POST and DELETE /faults, GET /faults/wait, \
    POST /faults/release, and POST /portal; `espalier schema sim-control` describes their bodies";

/// The routes.
pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/services", get(services))
        .route("/credentials", get(credentials))
        .route("/calls", get(calls).delete(forget_calls))
        .route("/world", get(world).post(add_to_world))
        .route("/clock", get(clock).post(step_clock))
        .route("/faults", get(faults).post(add_faults).delete(clear_faults))
        .route("/faults/release", post(release))
        .route("/faults/wait", get(wait_for_fault))
        .route("/portal", post(change_by_hand))
        .fallback(|| async { refuse(StatusCode::NOT_FOUND, PATHS) })
        .with_state(shared)
}

type Served = State<Arc<Shared>>;

async fn services(State(shared): Served) -> Response {
    json(shared.addresses())
}

async fn credentials(State(shared): Served) -> Response {
    let world = shared.world();
    let all = world.services.iter().filter_map(|service| {
        Some(AnyCredentials::Service(Credentials {
            service: service.name.clone(),
            server_uuid: service.uuid.clone(),
            known_as: service.known_as.iter().cloned().collect(),
            token: service.issued.last()?.token(world.seed),
        }))
    });
    let accounts = world.organizations.iter().flat_map(|organization| &organization.accounts);
    let keys = accounts.filter_map(|account| world.api_key(&account.client_id));
    json(&all.chain(keys.map(AnyCredentials::Account)).collect::<Vec<_>>())
}

async fn calls(State(shared): Served) -> Response {
    json(&shared.calls().list())
}

async fn forget_calls(State(shared): Served) -> Response {
    shared.calls().clear();
    no_content()
}

async fn world(State(shared): Served) -> Response {
    let text = shared.world().to_json();
    with_body(StatusCode::OK, text)
}

async fn add_to_world(State(shared): Served, body: Bytes) -> Response {
    let seed: Seed = match read(&body) {
        Ok(seed) => seed,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let mut world = shared.world();
    world.add(&seed);
    shared.keep_after_write(&world);
    no_content()
}

async fn clock(State(shared): Served) -> Response {
    json(&ClockNow { now: shared.world().now })
}

async fn step_clock(State(shared): Served, body: Bytes) -> Response {
    let step: ClockStep = match read(&body) {
        Ok(step) => step,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let mut world = shared.world();
    match step {
        ClockStep::AdvanceTo(to) => world.advance_to(to),
        ClockStep::Advance(text) => match read_span(&text) {
            Some(span) => world.advance(span),
            None => {
                let text = format!("`{text}` is not a span of time; write 15m, 12h, 2d");
                return refuse(StatusCode::BAD_REQUEST, &text);
            }
        },
    }
    shared.keep_after_write(&world);
    json(&ClockNow { now: world.now })
}

/// Reads `15m`, `1h 30m`, `2d`, `PT15M`; days have 24 hours. `None` for other texts and for
/// negative spans.
fn read_span(text: &str) -> Option<Duration> {
    let span: Span = text.parse().ok()?;
    let span = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(span).ok()
}

async fn faults(State(shared): Served) -> Response {
    json(&shared.faults().list())
}

async fn add_faults(State(shared): Served, body: Bytes) -> Response {
    let faults: OneOrMany<Fault> = match read(&body) {
        Ok(faults) => faults,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let faults = faults.into_vec();
    if let Some(why) = faults.iter().find_map(Fault::impossible) {
        return refuse(StatusCode::BAD_REQUEST, why);
    }
    let ids = {
        let mut armed = shared.faults();
        faults.into_iter().map(|fault| armed.add(fault)).collect()
    };
    json(&FaultIds { ids })
}

/// Switches all faults off and lets held answers go.
async fn clear_faults(State(shared): Served) -> Response {
    shared.faults().clear();
    shared.release(None);
    shared.faults_changed();
    no_content()
}

async fn release(State(shared): Served, body: Bytes) -> Response {
    let wish: Release = if body.is_empty() {
        Release::default()
    } else {
        match read(&body) {
            Ok(wish) => wish,
            Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
        }
    };
    shared.release(wish.id.as_deref());
    no_content()
}

async fn wait_for_fault(State(shared): Served, RawQuery(query): RawQuery) -> Response {
    let query: BTreeMap<String, String> =
        form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect();
    let Some(id) = query.get("id") else {
        return refuse(StatusCode::BAD_REQUEST, "name the fault: /faults/wait?id=…");
    };
    let Ok(hits) = query.get("hits").map_or(Ok(1), |text| text.parse()) else {
        return refuse(StatusCode::BAD_REQUEST, "`hits` is a number");
    };
    match shared.wait_for_hits(id, hits).await {
        Some(hits) => json(&FaultHits { id: id.clone(), hits }),
        None => refuse(StatusCode::NOT_FOUND, "there is no fault with this id"),
    }
}

async fn change_by_hand(State(shared): Served, body: Bytes) -> Response {
    let changes: OneOrMany<Change> = match read(&body) {
        Ok(changes) => changes,
        Err(why) => return refuse(StatusCode::BAD_REQUEST, &why),
    };
    let mut world = shared.world();
    let mut files = Vec::new();
    for change in changes.into_vec() {
        match portal::perform(&mut world, change) {
            Ok(file) => files.extend(file),
            Err(error) => return refuse(StatusCode::CONFLICT, &error.to_string()),
        }
    }
    shared.keep_after_write(&world);
    if files.is_empty() { no_content() } else { json(&Downloaded { files }) }
}

/// Reads a body, or says why it is none, to be refused with 400.
fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body)
        .map_err(|error| format!("{error}; `espalier schema sim-control` describes the bodies"))
}

fn json(body: &impl Serialize) -> Response {
    // What is answered here are plain structs: they cannot fail to become JSON.
    with_body(StatusCode::OK, serde_json::to_vec(body).unwrap_or_default())
}

fn refuse(status: StatusCode, error: &str) -> Response {
    let body = ControlError { error: error.to_owned() };
    with_body(status, serde_json::to_vec(&body).unwrap_or_default())
}

fn with_body(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn no_content() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
