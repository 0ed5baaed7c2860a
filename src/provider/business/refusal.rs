//! The tables of refusals: what an answer without success means. PURE: the clock is an argument.
//!
//! Sources: reference apple-business-api sections 2.3, 5.2, 8, 11 and 14. Codes of the API are
//! hierarchies and are matched by their beginnings; bodies may be no JSON at all.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::error::{BusinessError, Fault, Operation};
use crate::http::Answer;
use crate::http::redact::Redactor;
use crate::http::retry::{self, Trouble};
use crate::model::clock::{Timestamp, after};

/// A difference of the clocks that explains why an assertion is refused.
const SKEW: Duration = Duration::from_secs(120);
/// How much of a body that is no JSON is told, in characters, and how much of it is looked at, in bytes.
const FIRST_SIGNS: usize = 160;
const LOOKED_AT: usize = 8 << 10;
/// Of a list of errors these are told; the first one decides.
const MOST_TOLD: usize = 3;

/// What this side knows when an answer comes.
pub(super) struct Known<'a> {
    pub now: Timestamp,
    pub redactor: &'a Redactor,
}

/// One of `errors[]`, every member of which may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OneError {
    id: Option<String>,
    code: Option<String>,
    title: Option<String>,
    detail: Option<String>,
    source: Option<Value>,
}

/// `None` for a body that is no such document.
fn read_errors(body: &[u8]) -> Option<Vec<OneError>> {
    #[derive(Deserialize)]
    struct Document {
        errors: Vec<OneError>,
    }
    serde_json::from_slice::<Document>(body).ok().map(|read| read.errors).filter(|errors| !errors.is_empty())
}

/// What an error points at: a pointer or a parameter, bare or in an object of its own.
fn pointed_at(source: &Value) -> Option<&str> {
    ["pointer", "parameter", "jsonPointer"].into_iter().find_map(|name| match source.get(name)? {
        Value::String(text) => Some(text.as_str()),
        inner => pointed_at(inner),
    })
}

/// What an answer of the API without success means: whether to send again, and what to say if not.
pub(super) fn judge(operation: Operation, answer: &Answer, known: &Known<'_>) -> (Trouble, BusinessError) {
    let errors = read_errors(&answer.body);
    let first = errors.as_ref().and_then(|errors| errors.first());
    let code = first.and_then(|error| error.code.as_deref()).unwrap_or_default();
    let words = words(errors.as_deref().unwrap_or_default());
    let fault = fault(answer, first.is_some(), code, &words);
    let message = match (fault, words.is_empty()) {
        (Fault::RoleLacks, true) => {
            format!("its role does not let the API account {}", operation.permission())
        }
        (Fault::RoleLacks, false) => {
            format!("its role does not let the API account {}: {words}", operation.permission())
        }
        (_, true) if first.is_none() => without_errors(fault, &answer.body, known.redactor),
        (fault, true) => in_words(fault).to_owned(),
        (fault, false) => format!("{}: {words}", in_words(fault)),
    };
    let mut error = BusinessError::own(operation, fault, known.redactor.clean(&message));
    error.status = Some(answer.status);
    error.service_code = shown(code).map(|code| known.redactor.clean(code));
    error.request_id = request_id(answer, first).map(|id| known.redactor.clean(&id).into());
    let pause = retry::retry_after(answer.header("retry-after"), known.now);
    error.not_before = pause.map(|pause| after(known.now, pause));
    let trouble = match answer.status {
        401 => Trouble::Unauthorized,
        429 => Trouble::Throttled(pause),
        408 | 500.. => Trouble::Broken(pause),
        _ => Trouble::Refused,
    };
    (trouble, error)
}

/// What an answer of the API without success means; nothing of what `hidden` knows is told.
pub fn read_refusal(
    operation: Operation,
    answer: &Answer,
    now: Timestamp,
    hidden: &Redactor,
) -> BusinessError {
    judge(operation, answer, &Known { now, redactor: hidden }).1
}

fn fault(answer: &Answer, has_errors: bool, code: &str, words: &str) -> Fault {
    let is = |prefix: &str| begins(code, prefix);
    let words = words.to_ascii_lowercase();
    match answer.status {
        401 => Fault::BearerRefused,
        403 if code.contains("INCLUDED_MDM_NOT_ENABLED") => Fault::BuiltInOff,
        403 if code.contains("T_C_NOT_SIGNED") || code.contains("TERMS") => Fault::TermsNotAccepted,
        // "The resource … does not allow 'CREATE'. Allowed operations are: …", and not "the API key …".
        403 if words.contains("allowed operation")
            || (words.contains("resource") && words.contains("does not allow")) =>
        {
            Fault::NotSupported
        }
        403 if words.contains("terms") && words.contains("condition") => Fault::TermsNotAccepted,
        403 => Fault::RoleLacks,
        // A bare 404, or one about the path, may come from a wrong address: it proves nothing.
        404 if has_errors && !is("PATH_ERROR") => Fault::NotFound,
        405 => Fault::NotSupported,
        406 => Fault::NotAcceptable,
        400 if is("PARAMETER_ERROR") => Fault::ParameterRefused,
        400 | 409 | 422 if is("ENTITY_ERROR.RELATIONSHIP") => Fault::RelationshipRefused,
        400 | 409 | 422 if is("ENTITY_ERROR") => Fault::AttributeRefused,
        409 if is("FAILED_PRECONDITION") => Fault::PreconditionFailed,
        409 => Fault::Conflict,
        400 | 422 => Fault::RequestMalformed,
        429 => Fault::Throttled,
        503 if answer.header("retry-after").is_some() => Fault::Throttled,
        408 | 500.. => Fault::ServiceUnavailable,
        _ => Fault::AnswerUnexpected,
    }
}

/// Whether a code is `prefix` or lies below it.
fn begins(code: &str, prefix: &str) -> bool {
    code.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

const fn in_words(fault: Fault) -> &'static str {
    match fault {
        Fault::BearerRefused => "Apple refused a bearer that it had just given",
        Fault::RoleLacks => "its role does not let the API account do that",
        Fault::NotSupported => "the API does not offer that here",
        Fault::TermsNotAccepted => "the organisation has not accepted Apple's current terms and conditions",
        Fault::BuiltInOff => "the built-in device management is switched off",
        Fault::NotFound => "the organisation does not have what the request names",
        Fault::NotAcceptable => "the request did not ask for JSON, or something on the way took that out",
        Fault::ParameterRefused => "Apple refuses a parameter",
        Fault::AttributeRefused => "Apple refuses a value",
        Fault::RelationshipRefused => "Apple refuses a service or a device that the request names",
        Fault::PreconditionFailed => "something has to be done first",
        Fault::Conflict => "it stands against what is there",
        Fault::RequestMalformed => "Apple finds the request malformed",
        Fault::Throttled => "Apple asks for patience",
        Fault::ServiceUnavailable => "Apple's service failed",
        Fault::AnswerUnexpected => "the API never answers so",
        // The rest is not told by a status.
        _ => "the request failed",
    }
}

/// Apple's words: of each error its detail or title, and what it points at.
fn words(errors: &[OneError]) -> String {
    let one = |error: &OneError| {
        let words = [&error.detail, &error.title].into_iter().flatten();
        let words = words.map(|text| text.trim()).find(|text| !text.is_empty())?;
        let words = words.trim_end_matches('.');
        Some(match error.source.as_ref().and_then(pointed_at) {
            Some(place) => format!("{words} ({place})"),
            None => words.to_owned(),
        })
    };
    let told: Vec<String> = errors.iter().filter_map(one).take(MOST_TOLD).collect();
    match errors.len().checked_sub(MOST_TOLD) {
        Some(more @ 1..) if told.len() == MOST_TOLD => format!("{}; and {more} more", told.join("; ")),
        _ => told.join("; "),
    }
}

/// A body that is no list of errors, such as a front end's page: its beginning, cut only after it is
/// clean, since half a secret would not be known as one.
fn without_errors(fault: Fault, body: &[u8], redactor: &Redactor) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(LOOKED_AT)]);
    let text = redactor.clean(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    // JSON that is no list of errors may be any object of the organisation.
    match text.is_empty() || text.starts_with(['{', '[', '"']) {
        true => format!("{}, and gave no reason", in_words(fault)),
        false => {
            let first: String = text.chars().take(FIRST_SIGNS).collect();
            format!("{}; the answer begins with: {first}", in_words(fault))
        }
    }
}

/// A code of the API, if it is one: words in capitals with dots between.
fn shown(code: &str) -> Option<&str> {
    let is_sign =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.');
    (!code.is_empty() && code.len() <= 96 && code.bytes().all(is_sign)).then_some(code)
}

fn request_id(answer: &Answer, first: Option<&OneError>) -> Option<String> {
    let is_id = |id: &&str| {
        (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
    };
    let header = answer.header("x-apple-request-uuid").map(str::trim);
    let body = || first.and_then(|error| error.id.as_deref());
    header.filter(is_id).or_else(|| body().filter(is_id)).map(str::to_owned)
}

/// What a refused sign-in means: errors are those of RFC 6749, and the endpoint is known to answer a
/// plain 400 when bearers are asked for too often.
pub(super) fn judge_sign_in(answer: &Answer, known: &Known<'_>) -> (Trouble, BusinessError) {
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Refusal {
        error: Option<String>,
        error_description: Option<String>,
    }
    let refusal: Refusal = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = refusal.error.as_deref().unwrap_or_default();
    let is_refusal = (400..500).contains(&answer.status) && !matches!(answer.status, 408 | 429);
    let skewed = skew(answer, known.now).filter(|_| is_refusal);
    let fault = match answer.status {
        429 => Fault::AccountThrottled,
        408 | 500.. => Fault::ServiceUnavailable,
        _ if skewed.is_some() => Fault::ClockSkew,
        400..500 => match code {
            "invalid_client" => Fault::ClientRefused,
            "invalid_scope" => Fault::ScopeRefused,
            "slow_down" | "temporarily_unavailable" => Fault::AccountThrottled,
            "" if answer.status == 400 => Fault::AccountThrottled,
            "" if answer.status == 401 || answer.status == 403 => Fault::ClientRefused,
            "" => Fault::AnswerUnexpected,
            _ => Fault::AssertionRefused,
        },
        _ => Fault::AnswerUnexpected,
    };
    let what = match (fault, skewed) {
        (Fault::ClockSkew, Some((ours, theirs))) => {
            format!("this machine's clock says {ours} and Apple's {theirs}: assertions with a wrong time are refused")
        }
        (Fault::ClientRefused, _) => {
            "Apple does not take the API account's key: it was revoked, or `keyId` or `clientId` is not its own".to_owned()
        }
        (Fault::ScopeRefused, _) => "the API account is not of this edition".to_owned(),
        (Fault::AssertionRefused, _) => "Apple refuses the assertion".to_owned(),
        (Fault::AccountThrottled, _) if answer.status == 400 => {
            "Apple gave no reason, as it does when bearers are asked for too often".to_owned()
        }
        (Fault::AccountThrottled, _) => "Apple asks for patience with bearers".to_owned(),
        (Fault::ServiceUnavailable, _) => "Apple's account service failed".to_owned(),
        _ => "the account service never answers so".to_owned(),
    };
    let words = refusal.error_description.unwrap_or_default();
    let message = match words.trim() {
        "" => what,
        words => format!("{what}: {words}"),
    };
    let mut error = BusinessError::own(Operation::SignIn, fault, known.redactor.clean(&message));
    error.status = Some(answer.status);
    let is_code = |code: &&str| {
        !code.is_empty()
            && code.len() <= 48
            && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    error.service_code = Some(code).filter(is_code).map(|code| known.redactor.clean(code));
    error.request_id = request_id(answer, None).map(|id| known.redactor.clean(&id).into());
    let pause = retry::retry_after(answer.header("retry-after"), known.now);
    error.not_before = pause.map(|pause| after(known.now, pause));
    let trouble = match answer.status {
        429 => Trouble::Throttled(pause),
        408 | 500.. => Trouble::Broken(pause),
        // Asking again at once is what a plain 400 asks not to do.
        _ => Trouble::Refused,
    };
    (trouble, error)
}

/// Our time and that of the answer, where they differ by more than two minutes.
fn skew(answer: &Answer, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let theirs = jiff::fmt::rfc2822::parse(answer.header("date")?).ok()?.timestamp();
    (now.duration_since(theirs).unsigned_abs() > SKEW).then_some((now, theirs))
}

#[cfg(test)]
#[path = "refusal/tests.rs"]
mod tests;
