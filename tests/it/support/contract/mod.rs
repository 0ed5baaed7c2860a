//! The contract judges: hold HTTP exchanges to descriptions by another hand; here Microsoft Graph,
//! in [`dep`] Apple's enrollment service, in [`business`] Apple Business and Apple School.
//!
//! The description (`graph-beta-intune-subset.yaml`) lies outside the repository, in the folder
//! that `ESPALIER_CONTRACTS` names. Client and simulator come from one project; this judge is what
//! keeps them from agreeing on a mistake.
//!
//! Requests are closed: an unknown path, query parameter or member is a failure. Answers are open:
//! unknown members pass; wrong types, wrong enum values and missing required members do not.

pub mod business;
pub mod dep;
mod paths;
mod schema;

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::Value;

use paths::{Paths, percent_decoded, query_parameters, query_value_fault};
use schema::{Components, Members};

/// The environment variable that names the folder of contracts.
pub const CONTRACTS: &str = "ESPALIER_CONTRACTS";
/// With `1`, a judge that would be skipped for want of contracts fails instead.
pub const REQUIRE_REAL: &str = "ESPALIER_REQUIRE_REAL";

const DESCRIPTION: &str = "graph-beta-intune-subset.yaml";
const SERVICE_ROOT: &str = "/beta";

/// One request and what was answered.
#[derive(Clone, Debug, Default)]
pub struct Exchange {
    /// `GET`, `POST`, …
    pub method: String,
    /// As sent, from the service root on: `/beta/deviceManagement/…`, without the query.
    pub path: String,
    /// As sent, without the question mark; empty without a query.
    pub query: String,
    /// `None` without a body.
    pub request_body: Option<Value>,
    /// `None` where no answer came.
    pub status: Option<u16>,
    /// `None` without a body; text that is no JSON is a JSON string.
    pub response_body: Option<Value>,
}

/// Which body of which operation a validator is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Body {
    Request,
    Answer,
    Error,
}

/// Judges exchanges with Microsoft Graph.
#[derive(Debug)]
pub struct Judge {
    openapi: Value,
    paths: Paths,
    validators: Mutex<HashMap<(String, String, Body), Arc<Validator>>>,
}

/// The folder of contracts, or `None` and a word on stderr.
///
/// # Panics
///
/// Where the variable is unset although `ESPALIER_REQUIRE_REAL=1` demands it.
pub fn contracts_folder() -> Option<PathBuf> {
    let folder = std::env::var_os(CONTRACTS).filter(|folder| !folder.is_empty());
    if folder.is_none() {
        let required = std::env::var(REQUIRE_REAL).is_ok_and(|value| value == "1");
        assert!(!required, "{REQUIRE_REAL}=1, and {CONTRACTS} is not set: the contract judges cannot run");
        say_skipped();
    }
    folder.map(Into::into)
}

/// Says once per run that judges are skipped, past the test runner's capture: a check that did not
/// happen has to be seen in the log of a run that passes.
fn say_skipped() {
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        let line = format!("skipped: {CONTRACTS} is not set, so nothing is held to contracts by others\n");
        // A closed stderr is no reason to fail a test.
        let _ = std::io::stderr().write_all(line.as_bytes());
    });
}

impl Judge {
    /// The judge of this process, read once. `None` where there are no contracts, said on stderr.
    ///
    /// # Panics
    ///
    /// As [`contracts_folder`], and where the description cannot be read.
    pub fn from_env() -> Option<&'static Self> {
        static JUDGE: OnceLock<Judge> = OnceLock::new();
        let folder = contracts_folder()?;
        Some(JUDGE.get_or_init(|| Self::read(&folder.join(DESCRIPTION))))
    }

    fn read(description: &Path) -> Self {
        let text = std::fs::read_to_string(description)
            .unwrap_or_else(|error| panic!("{} cannot be read: {error}", description.display()));
        let options = serde_saphyr::options! { strict_booleans: true };
        let openapi: Value = serde_saphyr::from_str_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{} is no YAML: {error}", description.display()));
        let paths = Paths::of(&openapi);
        Self { openapi, paths, validators: Mutex::default() }
    }

    /// Holds one exchange to the description.
    ///
    /// # Errors
    ///
    /// Every violation, as a sentence that names the request.
    pub fn exchange(&self, exchange: &Exchange) -> Result<(), Vec<String>> {
        let faults = self.faults(exchange);
        if faults.is_empty() {
            return Ok(());
        }
        let request = format!("{} {}", exchange.method, exchange.path);
        Err(faults.into_iter().map(|fault| format!("{request}: {fault}")).collect())
    }

    /// Judges a recording: one JSON object per line, `{service, method, path, query?, requestBody?,
    /// status?, responseBody?, requestHeaders?, batch?}`. Only lines of service `graph` are judged, and of those not
    /// the `$batch` envelopes; their parts are lines of their own (`batch: true`, where the path may
    /// be as it stands in the envelope: without the version, with the query). Empty: all is well.
    pub fn file(&self, recording: &Path) -> Vec<String> {
        let text = match std::fs::read_to_string(recording) {
            Ok(text) => text,
            Err(error) => return vec![format!("{} cannot be read: {error}", recording.display())],
        };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        lines
            .flat_map(|(index, line)| {
                let faults = match serde_json::from_str::<Value>(line) {
                    Ok(record) => recorded_exchange(&record, "graph").map_or_else(
                        |fault| vec![fault],
                        |exchange| {
                            exchange.and_then(|exchange| self.exchange(&exchange).err()).unwrap_or_default()
                        },
                    ),
                    Err(error) => vec![format!("not JSON: {error}")],
                };
                faults.into_iter().map(move |fault| format!("line {}: {fault}", index + 1))
            })
            .collect()
    }

    fn faults(&self, exchange: &Exchange) -> Vec<String> {
        let below = exchange.path.strip_prefix(SERVICE_ROOT);
        let Some(template) = below.and_then(|path| self.paths.find(path)) else {
            return vec!["the description has no such path".to_owned()];
        };
        let item = &self.openapi["paths"][template];
        let method = exchange.method.to_ascii_lowercase();
        let operation = &item[method.as_str()];
        if !operation.is_object() {
            return vec![format!("{template} has no such method")];
        }
        let target = Target { judge: self, template, method: &method, operation };
        let mut faults = query_faults(item, operation, &exchange.query);
        faults.extend(target.request_faults(exchange.request_body.as_ref()));
        if let Some(status) = exchange.status {
            faults.extend(target.answer_faults(status, exchange.response_body.as_ref()));
        }
        faults
    }

    /// The validator of a body, compiled at its first use.
    fn validator(&self, template: &str, method: &str, body: Body, schema: &Value) -> Arc<Validator> {
        // Every operation answers errors in the same form.
        let key = match body {
            Body::Error => (String::new(), String::new(), body),
            _ => (template.to_owned(), method.to_owned(), body),
        };
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(&key) {
            return Arc::clone(validator);
        }
        let members = if key.2 == Body::Request { Members::Closed } else { Members::Open };
        let schema = Components::of(&self.openapi, members).body_schema(schema);
        let validator = jsonschema::draft202012::new(&schema)
            .unwrap_or_else(|error| panic!("{method} {template}: the translated schema is wrong: {error}"));
        Arc::clone(validators.entry(key).or_insert_with(|| Arc::new(validator)))
    }
}

/// The operation that an exchange belongs to.
struct Target<'a> {
    judge: &'a Judge,
    template: &'a str,
    method: &'a str,
    operation: &'a Value,
}

impl Target<'_> {
    fn request_faults(&self, body: Option<&Value>) -> Vec<String> {
        let described = &self.operation["requestBody"];
        let schema = described.get("content").map(|content| &content["application/json"]["schema"]);
        match (schema, body) {
            (Some(schema), Some(body)) => self.body_faults(Body::Request, schema, body),
            (Some(_), None) if described["required"] == true => vec!["the request lacks its body".to_owned()],
            (None, Some(_)) => vec!["the request has a body, and the description knows none".to_owned()],
            _ => Vec::new(),
        }
    }

    fn answer_faults(&self, status: u16, body: Option<&Value>) -> Vec<String> {
        let response = &self.operation["responses"][format!("{}XX", status / 100)];
        let response = match response["$ref"].as_str() {
            Some(target) => {
                &self.judge.openapi["components"]["responses"][target.rsplit('/').next().unwrap_or("")]
            }
            None => response,
        };
        if !response.is_object() {
            return vec![format!("status {status} is not described")];
        }
        if status >= 400 {
            return self.error_faults(status, response, body);
        }
        self.success_faults(status, response, body)
    }

    fn success_faults(&self, status: u16, response: &Value, body: Option<&Value>) -> Vec<String> {
        let content = response.get("content");
        match (content, body) {
            (_, Some(_)) if status == 204 => vec!["status 204 came with a body".to_owned()],
            (None, Some(_)) => vec!["the answer has a body, and the description knows none".to_owned()],
            // Seen at the real service for PATCH only (`x-observed` of the description).
            (Some(_), None) if status == 204 && self.method == "patch" => Vec::new(),
            (Some(_), None) => vec![format!("status {status} came without the body that is described")],
            (Some(content), Some(body)) => match (content.get("application/json"), content.get("text/plain"))
            {
                (Some(json), _) => {
                    let mut faults = self.body_faults(Body::Answer, &json["schema"], body);
                    faults.extend(next_link_fault(body));
                    faults
                }
                (None, Some(_)) if is_integer(body) => Vec::new(),
                _ => vec!["the answer is not the plain number that is described".to_owned()],
            },
            (None, None) => Vec::new(),
        }
    }

    fn error_faults(&self, status: u16, response: &Value, body: Option<&Value>) -> Vec<String> {
        match body {
            Some(body) => {
                self.body_faults(Body::Error, &response["content"]["application/json"]["schema"], body)
            }
            // Gateways before the service throttle and fail without its words.
            None if status == 429 || status >= 500 => Vec::new(),
            None => vec![format!("status {status} came without an error body")],
        }
    }

    fn body_faults(&self, body: Body, schema: &Value, value: &Value) -> Vec<String> {
        let side = match body {
            Body::Request => "request",
            Body::Answer => "answer",
            Body::Error => "error answer",
        };
        let validator = self.judge.validator(self.template, self.method, body, schema);
        if validator.is_valid(value) {
            return Vec::new();
        }
        validator
            .iter_errors(value)
            .map(|error| {
                format!("{side} at {:?}: {}", error.instance_path().as_str(), short(&error.to_string()))
            })
            .collect()
    }
}

fn query_faults(item: &Value, operation: &Value, query: &str) -> Vec<String> {
    let described = query_parameters(item, operation);
    let pairs = query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
    pairs
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (percent_decoded(name), percent_decoded(&value.replace('+', " ")));
            match described.get(name.as_str()) {
                Some(schema) => {
                    query_value_fault(schema, &value).map(|fault| format!("query {name}: {fault}"))
                }
                // A next link is followed as it came, and what it carries is the service's business.
                None if name == "$skiptoken" && operation.get("x-ms-pageable").is_some() => None,
                None => Some(format!("the description has no query parameter {name:?} here")),
            }
        })
        .collect()
}

fn next_link_fault(body: &Value) -> Option<String> {
    let link = body.get("@odata.nextLink").filter(|link| !link.is_null())?;
    let fits = link.as_str().and_then(|text| url::Url::parse(text).ok()).is_some_and(|url| url.has_host());
    (!fits).then(|| format!("answer: @odata.nextLink is no URL: {}", short(&link.to_string())))
}

fn is_integer(body: &Value) -> bool {
    body.is_i64() || body.as_str().is_some_and(|text| text.trim().parse::<i64>().is_ok())
}

/// Enough of a message to see what is meant: a whole profile in it helps nobody.
fn short(message: &str) -> String {
    const LONGEST: usize = 400;
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// The exchange of a line of a recording; `None` where it is not of this service.
fn recorded_exchange(record: &Value, service: &str) -> Result<Option<Exchange>, String> {
    let text = |name: &str| record[name].as_str().ok_or_else(|| format!("the recording lacks {name:?}"));
    if text("service")? != service {
        return Ok(None);
    }
    let (path, query_in_path) = match text("path")?.split_once('?') {
        Some((path, query)) => (path, query),
        None => (text("path")?, ""),
    };
    let part = record["batch"] == true;
    if path.ends_with("/$batch") {
        return Ok(None);
    }
    let path = match path.starts_with(SERVICE_ROOT) || !part {
        true => path.to_owned(),
        false => format!("{SERVICE_ROOT}/{}", path.trim_start_matches('/')),
    };
    let query = match &record["query"] {
        Value::Null => query_in_path.to_owned(),
        Value::String(query) if query.is_empty() => query_in_path.to_owned(),
        Value::String(query) => query.clone(),
        other => return Err(format!("the recording's query is {other}, not text")),
    };
    let status = match &record["status"] {
        Value::Null => None,
        status => Some(
            status
                .as_u64()
                .and_then(|status| u16::try_from(status).ok())
                .ok_or_else(|| format!("status {status}"))?,
        ),
    };
    let body = |name: &str| record.get(name).filter(|body| !body.is_null()).cloned();
    let content_type =
        record.get("requestHeaders").map(|headers| headers["content-type"].as_str().unwrap_or(""));
    if body("requestBody").is_some() && content_type.is_some_and(|kind| !kind.starts_with("application/json"))
    {
        return Err(format!(
            "{} {path}: the request's body is not declared as application/json",
            text("method")?
        ));
    }
    Ok(Some(Exchange {
        method: text("method")?.to_owned(),
        path,
        query,
        request_body: body("requestBody"),
        status: status.filter(|status| *status != 0),
        response_body: body("responseBody"),
    }))
}
