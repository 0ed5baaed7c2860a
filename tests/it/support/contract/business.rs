//! The contract judge of Apple Business and Apple School: holds exchanges to the JSON Schemas that
//! others typed from Apple's pages, in `apple-device-services/abm/schemas` below the folder that
//! `ESPALIER_CONTRACTS` names, to what the reference says that came since, and to the statuses, codes
//! and parameters that it lists.
//!
//! Requests are closed, answers open, as with Graph. Beyond the bodies it holds to account: that JSON is
//! said to be welcome, where bearers go and where they must not, the request for a bearer with the claims
//! of its assertion ([`sign_in`]), what each kind of activity names, pages and the links to the next, and
//! the log on its storage host.

mod operations;
mod schemas;
pub mod sign_in;

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use jsonschema::Validator;
use serde_json::{Map, Value};

use super::dep::Side;
use super::paths::percent_decoded;
use super::{Exchange, contracts_folder, recorded_exchange, short};
use operations::Operation;

const SCHEMAS: &str = "apple-device-services/abm/schemas";
/// As the record calls the two APIs.
const APIS: [&str; 2] = ["business", "school"];
/// Rows of a page at most, and where none are asked for (reference section 3).
const LONGEST_PAGE: u64 = 1000;
const USUAL_PAGE: u64 = 100;

/// Which bodies schemas are to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Use {
    Requests,
    Answers,
    /// Answers of ours: closed, since nothing is added here that nobody described.
    Own,
}

/// What the headers of a request tell.
#[derive(Clone, Debug, Default)]
pub struct Headers {
    /// `Accept`; `None`: none.
    pub accept: Option<String>,
    /// The scheme of `Authorization`; `None`: none.
    pub authorization: Option<String>,
}

impl Headers {
    /// As every request to the API has to have them.
    pub fn of_api() -> Self {
        Self { accept: Some("application/json".to_owned()), authorization: Some("Bearer".to_owned()) }
    }

    fn of(record: &Value) -> Self {
        let text = |name: &str| record["requestHeaders"][name].as_str().map(str::to_owned);
        Self { accept: text("accept"), authorization: text("authorization") }
    }
}

/// Judges exchanges with the two APIs, their token endpoint and their storage.
#[derive(Debug)]
pub struct BusinessJudge {
    requests: Map<String, Value>,
    answers: Map<String, Value>,
    own: Map<String, Value>,
    validators: Mutex<HashMap<(&'static str, Use), Arc<Validator>>>,
}

impl BusinessJudge {
    /// The judge of this process, read once. `None` where there are no contracts, said on stderr.
    ///
    /// # Panics
    ///
    /// As [`contracts_folder`], and where the schemas cannot be read.
    pub fn from_env() -> Option<&'static Self> {
        static JUDGE: OnceLock<BusinessJudge> = OnceLock::new();
        let folder = contracts_folder()?.join(SCHEMAS);
        Some(JUDGE.get_or_init(|| Self {
            requests: schemas::read(&folder, Use::Requests),
            answers: schemas::read(&folder, Use::Answers),
            own: schemas::read(&folder, Use::Own),
            validators: Mutex::default(),
        }))
    }

    /// Holds one exchange with an API (`service`: `business` or `school`) to the descriptions.
    ///
    /// # Errors
    ///
    /// Every violation, as a sentence that names the request.
    pub fn exchange(
        &self,
        service: &str,
        exchange: &Exchange,
        headers: &Headers,
        side: Side,
    ) -> Result<(), Vec<String>> {
        let faults = self.faults(service == APIS[1], exchange, headers, side);
        if faults.is_empty() {
            return Ok(());
        }
        let request = format!("{service}: {} {}", exchange.method, exchange.path);
        Err(faults.into_iter().map(|fault| format!("{request}: {fault}")).collect())
    }

    /// Judges a recording as [`super::Judge::file`] does; only lines of services `business`, `school`,
    /// `account` and `storage`.
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
        let headers = Headers::of(record);
        match record["service"].as_str() {
            Some("account") => {
                let faults = sign_in::faults(record, &headers, side);
                faults.into_iter().map(|fault| format!("account: {fault}")).collect()
            }
            Some("storage") => {
                let faults = storage_faults(record, &headers, side);
                faults.into_iter().map(|fault| format!("storage: {fault}")).collect()
            }
            Some(service) if APIS.contains(&service) => match recorded_exchange(record, service) {
                Ok(None) => Vec::new(),
                Ok(Some(exchange)) => {
                    self.exchange(service, &exchange, &headers, side).err().unwrap_or_default()
                }
                Err(_) if side == Side::Answers => Vec::new(),
                Err(fault) => vec![fault],
            },
            _ => Vec::new(),
        }
    }

    fn faults(&self, is_school: bool, exchange: &Exchange, headers: &Headers, side: Side) -> Vec<String> {
        let operation = match Operation::find(is_school, &exchange.method, &exchange.path) {
            Ok(operation) => operation,
            Err(_) if side == Side::Answers => return self.refusal_faults(exchange, side),
            Err(fault) => return vec![fault],
        };
        let mut faults = Vec::new();
        if side != Side::Answers {
            faults.extend(header_faults(headers));
            faults.extend(query_faults(operation, &exchange.query));
            faults.extend(self.request_faults(operation, exchange.request_body.as_ref()));
            faults.extend(activity_faults(is_school, operation, exchange.request_body.as_ref()));
        }
        match exchange.status {
            None => {}
            Some(status) if !operation.ends_with(status) => {
                faults.push(format!("it never ends with status {status}"));
            }
            Some(status) if status >= 400 => faults.extend(self.refusal_faults(exchange, side)),
            Some(_) => faults.extend(self.answer_faults(operation, exchange, side)),
        }
        faults
    }

    fn request_faults(&self, operation: &Operation, body: Option<&Value>) -> Vec<String> {
        match (operation.request, body) {
            (Some(schema), Some(body)) => self.body_faults(schema, Use::Requests, body),
            (Some(_), None) => vec!["the request lacks its body".to_owned()],
            (None, Some(_)) => vec!["the request has a body, and the API expects none".to_owned()],
            (None, None) => Vec::new(),
        }
    }

    fn answer_faults(&self, operation: &Operation, exchange: &Exchange, side: Side) -> Vec<String> {
        let (schema, body) = match (operation.answer, &exchange.response_body) {
            (Some(schema), Some(body)) => (schema, body),
            (None, None) => return Vec::new(),
            (Some(_), None) => return vec!["the answer lacks the body that is described".to_owned()],
            (None, Some(_)) => return vec!["the answer has a body, and none is described".to_owned()],
        };
        // A fault that was asked for cuts answers in the middle, and only those of others.
        if side != Side::Own && body.as_str().is_some_and(|text| text.starts_with('{')) {
            return Vec::new();
        }
        let of = if side == Side::Own { Use::Own } else { Use::Answers };
        let mut faults = self.body_faults(schema, of, body);
        if operation.is_list {
            faults.extend(page_faults(exchange, body));
        }
        faults.extend(only_of_single_reads(operation, body));
        faults.extend(link_faults(body));
        faults.extend(state_faults(operation, body));
        faults
    }

    /// Refusals are documents of errors, or the words of whatever stands in front (section 14).
    fn refusal_faults(&self, exchange: &Exchange, side: Side) -> Vec<String> {
        let Some(status) = exchange.status.filter(|status| *status >= 400) else { return Vec::new() };
        match &exchange.response_body {
            None | Some(Value::String(_)) if status == 429 || status >= 500 => Vec::new(),
            None | Some(Value::String(_)) => {
                vec![format!("status {status} came without a document of errors")]
            }
            Some(body) => {
                let of = if side == Side::Own { Use::Own } else { Use::Answers };
                let mut faults = self.body_faults("ErrorResponse.json", of, body);
                let code = body["errors"][0]["code"].as_str().unwrap_or_default();
                if status < 500 && !operations::code_fits(status, code) {
                    faults.push(format!("status {status} does not go with the code {code:?}"));
                }
                faults
            }
        }
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
                .with_format("url", |text: &str| url::Url::parse(text).is_ok_and(|url| url.has_host()))
                .build(&schemas::document(all, schema));
            Arc::new(validator.unwrap_or_else(|error| panic!("{schema}: the schema is wrong: {error}")))
        });
        Arc::clone(made)
    }
}

/// Without an acceptable `Accept` the API answers 406, and without a bearer 401 (section 2.4).
fn header_faults(headers: &Headers) -> Vec<String> {
    let mut faults = Vec::new();
    let accept = headers.accept.as_deref().unwrap_or_default();
    if !accept.split(',').any(|kind| kind.split(';').next().unwrap_or_default().trim() == "application/json")
    {
        faults.push(format!("the request does not say that JSON is welcome: Accept is {accept:?}"));
    }
    if headers.authorization.as_deref() != Some("Bearer") {
        faults.push("the request has no bearer".to_owned());
    }
    faults
}

/// A host that is not the API's gets no bearer.
fn bearer_fault(headers: &Headers) -> Option<String> {
    let scheme = headers.authorization.as_deref()?;
    Some(format!("a host that is not the API's is given an authorization ({scheme})"))
}

/// The parameters of a query, decoded.
fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.trim_start_matches('?').split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name), percent_decoded(&value.replace('+', " ")))
        })
        .collect()
}

fn query_faults(operation: &Operation, query: &str) -> Vec<String> {
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::new());
    for (name, value) in pairs(query) {
        if !seen.insert(name.clone()) {
            faults.push(format!("query {name}: it is there twice, which the API refuses"));
        }
        match name.as_str() {
            "limit" if operation.is_list => {
                if !value.parse().is_ok_and(|limit: u64| (1..=LONGEST_PAGE).contains(&limit)) {
                    faults.push(format!("query limit: {value:?} is none of 1 to {LONGEST_PAGE}"));
                }
            }
            "cursor" if operation.is_list => {
                if value.is_empty() {
                    faults.push("query cursor: it is empty".to_owned());
                }
            }
            other => {
                let resource = other.strip_prefix("fields[").and_then(|rest| rest.strip_suffix(']'));
                match resource.filter(|resource| operation.fields == Some(*resource)) {
                    Some(resource) => faults.extend(field_faults(resource, &value)),
                    None => faults.push(format!("the API has no query parameter {other:?} here")),
                }
            }
        }
    }
    faults
}

/// Members of migrations are not among those that can be asked for: who needs them asks for none
/// (section 4.2).
fn field_faults(resource: &str, value: &str) -> Vec<String> {
    let known = operations::fields(resource);
    let unknown = value.split(',').filter(|name| !known.contains(&name.trim()));
    unknown.map(|name| format!("query fields[{resource}]: {name:?} cannot be asked for")).collect()
}

/// What each kind of activity names (section 6.2).
fn activity_faults(is_school: bool, operation: &Operation, body: Option<&Value>) -> Vec<String> {
    let Some(body) = body.filter(|_| operation.path == "/v1/orgDeviceActivities") else { return Vec::new() };
    let data = &body["data"];
    let kind = data["attributes"]["activityType"].as_str().unwrap_or_default();
    let names_service = data["relationships"]["mdmServer"].is_object();
    let metadata = &data["attributes"]["activityTypeMetadata"];
    let names_deadline = metadata["mdmMigrationDeadlineDateTime"].is_string();
    // Whether a service may be left out when devices are taken off it is not known: it is named.
    let needs_service =
        ["ASSIGN_DEVICES", "UNASSIGN_DEVICES", "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE"].contains(&kind);
    let needs_deadline = kind.ends_with("_MDM_MIGRATION_DEADLINE");
    let mut faults = Vec::new();
    let has = |is: bool| if is { "needs" } else { "has no" };
    if names_service != needs_service {
        faults.push(format!("{kind} {} mdmServer", has(needs_service)));
    }
    if names_deadline != needs_deadline || metadata.is_object() != needs_deadline {
        faults.push(format!("{kind} {} deadline", has(needs_deadline)));
    }
    if kind == "RELEASE_DEVICES" && is_school {
        faults.push("School does not release devices".to_owned());
    }
    let devices = data["relationships"]["devices"]["data"].as_array().map_or(&[][..], Vec::as_slice);
    if devices.is_empty() {
        faults.push("an activity without devices".to_owned());
    }
    let mut seen = BTreeSet::new();
    let twice = devices.iter().filter_map(|device| device["id"].as_str()).find(|id| !seen.insert(*id));
    faults.extend(twice.map(|id| format!("the activity names {id} twice")));
    faults
}

/// A page has no more rows than were asked for, says the limit, and leads on in the same list.
fn page_faults(exchange: &Exchange, body: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let asked = pairs(&exchange.query).into_iter().find(|(name, _)| name == "limit");
    let limit = asked.and_then(|(_, value)| value.parse().ok()).unwrap_or(USUAL_PAGE);
    let rows = body["data"].as_array().map_or(0, Vec::len) as u64;
    if rows > limit {
        faults.push(format!("the page has {rows} rows, and {limit} was the limit"));
    }
    let paging = &body["meta"]["paging"];
    if paging["limit"].as_u64().is_some_and(|told| told > limit) {
        faults.push(format!("the page says a limit of {}, and {limit} was asked for", paging["limit"]));
    }
    let next = body["links"]["next"].as_str().filter(|link| !link.is_empty());
    let cursor = paging["nextCursor"].as_str().filter(|cursor| !cursor.is_empty());
    if let (Some(link), Some(cursor)) = (next, cursor) {
        let url = url::Url::parse(link).ok();
        let leads_on = url.is_some_and(|url| {
            url.path() == exchange.path
                && url.query_pairs().any(|(name, value)| name == "cursor" && value == cursor)
        });
        if !leads_on {
            faults.push(format!("the next link does not lead on in the list: {}", short(link)));
        }
    }
    if next.is_some() && cursor.is_none() {
        faults.push("the page has a next link and no cursor".to_owned());
    }
    faults
}

/// Default families and releases are told by the single read alone (sections 4.2 and 5.1).
fn only_of_single_reads(operation: &Operation, body: &Value) -> Vec<String> {
    if !operation.is_list {
        return Vec::new();
    }
    let rows = body["data"].as_array().into_iter().flatten().enumerate();
    rows.flat_map(|(at, row)| {
        let there = ["defaultProductFamilies", "releasedFromOrgDateTime"].into_iter();
        let there = there.filter(|name| row["attributes"].get(name).is_some());
        there
            .map(move |name| format!("answer at \"/data/{at}\": a list does not tell {name}"))
            .collect::<Vec<_>>()
    })
    .collect()
}

/// Links are whole addresses (section 2.4).
fn link_faults(body: &Value) -> Vec<String> {
    let all = body["links"].as_object().into_iter().flatten();
    let bad = all.filter(|(_, link)| {
        link.as_str().is_some_and(|text| !url::Url::parse(text).is_ok_and(|url| url.has_host()))
    });
    bad.map(|(name, link)| format!("answer: the link {name} is no URL: {}", short(&link.to_string())))
        .collect()
}

/// When an activity is over, and where its log is, is told of completed ones alone (section 6.3). A
/// new one has begun, and a new service has no devices (sections 5.3 and 6.1).
fn state_faults(operation: &Operation, body: &Value) -> Vec<String> {
    let attributes = &body["data"]["attributes"];
    let mut faults = Vec::new();
    if operation.path.starts_with("/v1/orgDeviceActivities") {
        let status = attributes["status"].as_str();
        let early = ["completedDateTime", "downloadUrl"].into_iter();
        let early = early
            .filter(|name| status.is_some_and(|word| word != "COMPLETED") && attributes[*name].is_string());
        faults.extend(early.map(|name| format!("an activity that is {status:?} has {name}")));
        let sub_status = attributes["subStatus"].as_str().unwrap_or("COMPLETED");
        if status == Some("COMPLETED") && !sub_status.starts_with("COMPLETED") {
            faults.push(format!("an activity that is COMPLETED is {sub_status}"));
        }
        if operation.method == "POST" && status != Some("IN_PROGRESS") {
            faults.push(format!("a new activity is {status:?}"));
        }
    }
    if operation.method == "POST" && operation.path == "/v1/mdmServers" {
        let is_new = attributes["deviceCount"].as_u64().unwrap_or(0) == 0 && attributes["status"] == "ACTIVE";
        if !is_new {
            faults.push("a new service has no devices and is ACTIVE".to_owned());
        }
        if attributes["enableMdmDisownFlag"] == true {
            faults.push("the answer about a new service says false of enableMdmDisownFlag".to_owned());
        }
    }
    faults
}

/// The host of the logs: read alone, without the bearer, and what is read is a CSV (section 6.4).
fn storage_faults(record: &Value, headers: &Headers, side: Side) -> Vec<String> {
    let mut faults = Vec::new();
    if side != Side::Answers {
        faults.extend(bearer_fault(headers));
        if record["method"] != "GET" {
            faults.push(format!("the storage is only read, not asked for {}", record["method"]));
        }
        if record["query"].as_str().is_none_or(str::is_empty) {
            faults.push("the address is not the signed one".to_owned());
        }
    }
    if record["status"] == 200 && headers.authorization.is_some() {
        faults.push("the storage takes a bearer".to_owned());
    }
    if record["status"] == 200 && (side == Side::Own || record["responseBody"].is_string()) {
        faults.extend(log_faults(record["responseBody"].as_str().unwrap_or_default(), side));
    }
    faults
}

fn log_faults(text: &str, side: Side) -> Vec<String> {
    let lines: Vec<&str> = text.lines().map(|line| line.trim_end_matches('\r')).collect();
    let is_header = |line: &&str| line.split(',').any(|cell| cell == "serial_number");
    let header = lines.iter().position(is_header);
    let mut faults = Vec::new();
    match header {
        Some(at) => {
            let columns: Vec<&str> = lines[at].split(',').collect();
            for name in ["operation_status", "operation_substatus"] {
                if !columns.contains(&name) {
                    faults.push(format!("the log has no column {name}"));
                }
            }
            for key in ["OPERATION", "ACTIVITY_ID", "STARTED AT", "ENDED AT", "STATUS", "SUB_STATUS"] {
                let is_there = lines[..at].iter().any(|line| line.split(',').next() == Some(key));
                if !is_there {
                    faults.push(format!("the log says nothing of {key}"));
                }
            }
        }
        // One that was cut on purpose has no table.
        None if side != Side::Own => {}
        None => faults.push("the log has no table of devices".to_owned()),
    }
    faults
}
