//! The contract judge of Apple's enrollment service: holds exchanges to the JSON Schemas that
//! others typed from Apple's pages, in `apple-device-services/dep/schemas` below the folder that
//! `ESPALIER_CONTRACTS` names, and to the refusals that the reference lists.
//!
//! Requests are closed, answers open, as with Graph. Beyond the bodies it holds to account: the
//! page's size, the serials of an answer, the code of a refusal, and, where the recording has the
//! protocol version of the request, members that this version does not know yet.

mod operations;
mod schemas;
mod versions;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::paths::query_names;
use super::schema::Members;
use super::{Exchange, contracts_folder, recorded_exchange, short};
use operations::{Answer, Operation};
use schemas::Use;

const SCHEMAS: &str = "apple-device-services/dep/schemas";
/// As the record calls the service.
const SERVICE: &str = "dep";
/// What the record has in a secret's place.
const WITHHELD: &str = "[secret]";
/// More devices the service never puts on a page (reference section 3.3).
const LONGEST_PAGE: u64 = 1000;

/// Which half of an exchange is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Both, for recordings of a client.
    Both,
    /// Only what the service says, for recordings of requests that are wrong on purpose.
    Answers,
    /// Both, and no answer has a member that nobody described: for a simulator that was told to add
    /// none.
    Own,
}

/// Judges exchanges with Apple's enrollment service.
#[derive(Debug)]
pub struct DepJudge {
    requests: Map<String, Value>,
    answers: Map<String, Value>,
    own: Map<String, Value>,
    validators: Mutex<HashMap<(&'static str, Use), Arc<Validator>>>,
}

impl DepJudge {
    /// The judge of this process, read once. `None` where there are no contracts, said on stderr.
    ///
    /// # Panics
    ///
    /// As [`contracts_folder`], and where the schemas cannot be read.
    pub fn from_env() -> Option<&'static Self> {
        static JUDGE: OnceLock<DepJudge> = OnceLock::new();
        let folder = contracts_folder()?.join(SCHEMAS);
        Some(JUDGE.get_or_init(|| Self {
            requests: schemas::read(&folder, Use::Requests),
            answers: schemas::read(&folder, Use::Answers),
            own: schemas::read(&folder, Use::Own),
            validators: Mutex::default(),
        }))
    }

    /// Holds one exchange to the descriptions. `version` is the protocol version that the request
    /// named; `None` where nobody knows it, which judges no member by its version.
    ///
    /// # Errors
    ///
    /// Every violation, as a sentence that names the request.
    pub fn exchange(&self, exchange: &Exchange, version: Option<u32>, side: Side) -> Result<(), Vec<String>> {
        let faults = self.faults(exchange, version, side);
        if faults.is_empty() {
            return Ok(());
        }
        let request = format!("{} {}", exchange.method, exchange.path);
        Err(faults.into_iter().map(|fault| format!("{request}: {fault}")).collect())
    }

    /// Judges a recording as [`super::Judge::file`] does; only lines of service `dep`.
    pub fn file(&self, recording: &Path, side: Side) -> Vec<String> {
        let text = match std::fs::read_to_string(recording) {
            Ok(text) => text,
            Err(error) => return vec![format!("{} cannot be read: {error}", recording.display())],
        };
        let mut faults = Vec::new();
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let found = match serde_json::from_str::<Value>(line) {
                Ok(record) => self.record(&record, side),
                Err(error) => vec![format!("not JSON: {error}")],
            };
            faults.extend(found.into_iter().map(|fault| format!("line {}: {fault}", index + 1)));
        }
        faults
    }

    fn record(&self, record: &Value, side: Side) -> Vec<String> {
        let version = record["requestHeaders"]["x-server-protocol-version"].as_str();
        let version = version.and_then(|version| version.parse().ok());
        match recorded_exchange(record, SERVICE) {
            Ok(None) => Vec::new(),
            Ok(Some(exchange)) => self.exchange(&exchange, version, side).err().unwrap_or_default(),
            Err(_) if side == Side::Answers => Vec::new(),
            Err(fault) => vec![fault],
        }
    }

    fn faults(&self, exchange: &Exchange, version: Option<u32>, side: Side) -> Vec<String> {
        let operation = match Operation::find(&exchange.method, &exchange.path) {
            Ok(operation) => operation,
            Err(_) if side == Side::Answers && matches!(exchange.status, Some(404 | 405)) => {
                return Vec::new();
            }
            Err(fault) => return vec![fault],
        };
        let mut faults = Vec::new();
        if side != Side::Answers {
            faults.extend(query_faults(operation, &exchange.query));
            faults.extend(self.request_faults(operation, exchange.request_body.as_ref()));
        }
        match exchange.status {
            None => {}
            Some(200) => faults.extend(self.answer_faults(operation, exchange, version, side)),
            Some(status) if status >= 400 => {
                faults.extend(refusal_fault(operation, status, exchange.response_body.as_ref()));
            }
            Some(status) => faults.push(format!("the service never answers {status}")),
        }
        faults
    }

    fn request_faults(&self, operation: &Operation, body: Option<&Value>) -> Vec<String> {
        match (operation.request, body) {
            (Some(schema), Some(body)) => self.body_faults(schema, Use::Requests, &without_secrets(body)),
            (Some(_), None) => vec!["the request lacks its body".to_owned()],
            (None, Some(_)) => vec!["the request has a body, and the service expects none".to_owned()],
            (None, None) => Vec::new(),
        }
    }

    fn answer_faults(
        &self,
        operation: &Operation,
        exchange: &Exchange,
        version: Option<u32>,
        side: Side,
    ) -> Vec<String> {
        let Answer::Fits(schema) = operation.answer else { return Vec::new() };
        let Some(body) = &exchange.response_body else {
            return vec!["the answer lacks the body that is described".to_owned()];
        };
        let of = if side == Side::Own { Use::Own } else { Use::Answers };
        let mut faults = self.body_faults(schema, of, body);
        let asked = exchange.request_body.as_ref().unwrap_or(&Value::Null);
        faults.extend(page_fault(asked, body));
        faults.extend(stranger_faults(operation, asked, body));
        if let Some(version) = version {
            faults.extend(versions::faults(operation.path, version, body));
        }
        faults
    }

    fn body_faults(&self, schema: &'static str, of: Use, value: &Value) -> Vec<String> {
        let validator = self.validator(schema, of);
        let side = if of == Use::Requests { "request" } else { "answer" };
        let faults = validator.iter_errors(value);
        faults
            .map(|error| {
                format!("{side} at {:?}: {}", error.instance_path().as_str(), short(&error.to_string()))
            })
            .collect()
    }

    /// The validator of a body, compiled at its first use.
    fn validator(&self, schema: &'static str, of: Use) -> Arc<Validator> {
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        let made = validators.entry((schema, of)).or_insert_with(|| {
            let all = match of {
                Use::Requests => &self.requests,
                Use::Answers => &self.answers,
                Use::Own => &self.own,
            };
            let validator = jsonschema::draft202012::options()
                .should_validate_formats(true)
                // The account's list of addresses has paths alone, and e-mail addresses are whatever
                // an administrator wrote (recorded answers): their form is nobody's rule.
                .with_format("email", |_| true)
                .with_format("uri", move |text| of != Use::Requests || url::Url::parse(text).is_ok())
                .build(&schemas::document(all, schema));
            Arc::new(validator.unwrap_or_else(|error| panic!("{schema}: the schema is wrong: {error}")))
        });
        Arc::clone(made)
    }
}

/// Secrets are not recorded, and what stands in their place is no fault.
fn without_secrets(body: &Value) -> Value {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, value| *value != WITHHELD);
    }
    body
}

fn query_faults(operation: &Operation, query: &str) -> Vec<String> {
    let there = query_names(query);
    let missing = operation.query.iter().filter(|name| !there.iter().any(|there| there == *name));
    let unknown = there.iter().filter(|there| !operation.query.contains(&there.as_str()));
    let missing = missing.map(|name| format!("the query lacks {name}"));
    missing.chain(unknown.map(|name| format!("the service has no query parameter {name:?} here"))).collect()
}

/// An error body is a bare code, never an object (reference section 2.5).
fn refusal_fault(operation: &Operation, status: u16, body: Option<&Value>) -> Option<String> {
    let code = match body {
        None => "",
        Some(Value::String(code)) => code.trim().trim_matches('"'),
        Some(_) if status == 429 || status >= 500 => return None,
        Some(other) => {
            return Some(format!("status {status} came with {}, not a bare code", short(&other.to_string())));
        }
    };
    (!operation.refuses(status, code))
        .then(|| format!("the service does not refuse this with status {status} and code {code:?}"))
}

/// A page has no more devices than were asked for.
fn page_fault(asked: &Value, body: &Value) -> Option<String> {
    let devices = body["devices"].as_array()?.len() as u64;
    let limit = asked["limit"].as_u64().unwrap_or(LONGEST_PAGE).min(LONGEST_PAGE);
    (devices > limit).then(|| format!("the page has {devices} devices, and {limit} was the limit"))
}

/// An answer by serial speaks of no device that was not asked about.
fn stranger_faults(operation: &Operation, asked: &Value, body: &Value) -> Vec<String> {
    let (Some(answered), Some(_)) = (body["devices"].as_object(), operation.request) else {
        return Vec::new();
    };
    let asked: Vec<&str> =
        asked["devices"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let strangers = answered.keys().filter(|serial| !asked.contains(&serial.as_str()));
    strangers.map(|serial| format!("the answer speaks of {serial}, which was not asked about")).collect()
}
