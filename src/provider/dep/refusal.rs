//! The table of refusals: what an answer without success means. PURE: the clock is an argument.
//!
//! Sources: reference apple-enrollment-api sections 1.5, 2.1, 2.4, 2.5 and the error lists of section 3.
//! A body is a bare code, a code in quotes, or JSON with `code` or `error`.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::error::{DepError, Fault, Operation};
use crate::http::Answer;
use crate::http::redact::Redactor;
use crate::http::retry::{self, Trouble};

/// Apple refuses timestamps that are too far off; how far is not documented. Less than this is in no
/// peer's experience a reason.
const SKEW: Duration = Duration::from_secs(120);
/// Codes are short; whatever is longer is a page of something else.
const LONGEST_BODY: usize = 512;

/// The codes that mean the same wherever they come from; an earlier one goes before a later one.
const CODES: &[(&str, Fault)] = &[
    ("T_C_NOT_SIGNED", Fault::TermsNotSigned),
    ("TOKEN_EXPIRED", Fault::TokenExpired),
    ("EXPIRED_TOKEN", Fault::TokenExpired),
    ("TIMESTAMP_REFUSED", Fault::ClockSkew),
    ("TOKEN_REJECTED", Fault::TokenRejected),
    ("SIGNATURE_INVALID", Fault::SignatureInvalid),
    ("ACCESS_DENIED", Fault::AccessDenied),
    ("USER_AGENT_MISSING", Fault::UserAgentRefused),
    ("USER_AGENT_INVALID", Fault::UserAgentRefused),
    ("EXPIRED_CURSOR", Fault::CursorExpired),
    ("INVALID_CURSOR", Fault::CursorInvalid),
    ("EXHAUSTED_CURSOR", Fault::CursorExhausted),
    ("CURSOR_REQUIRED", Fault::RequestMalformed),
    ("MALFORMED_REQUEST_BODY", Fault::RequestMalformed),
    ("DEVICE_ID_REQUIRED", Fault::RequestMalformed),
    ("PROFILE_UUID_REQUIRED", Fault::RequestMalformed),
    ("MDM_SERVICE_DISCOVERY_URL_REQUIRED", Fault::AccountDrivenUrlRefused),
    ("MDM_SERVICE_DISCOVERY_URL_NOT_VALID", Fault::AccountDrivenUrlRefused),
    ("ORG_NOT_SUPPORTED", Fault::OrgNotSupported),
    ("DEVICE_NOT_FOUND", Fault::NotFound),
    ("NOT_FOUND", Fault::NotFound),
];

/// What Apple refuses about a profile: its code, the field of the document, Apple's member, and what
/// the field has to be (reference section 3.8).
const PROFILE: &[(&str, &str, &str, &str)] = &[
    ("CONFIG_NAME_REQUIRED", "displayName", "profile_name", "has to be there"),
    ("CONFIG_NAME_INVALID", "displayName", "profile_name", "has to have 1 to 125 characters"),
    ("CONFIG_URL_REQUIRED", "ade.url", "url", "has to be there"),
    ("CONFIG_URL_INVALID", "ade.url", "url", "has to be a URL of at most 2000 characters once encoded"),
    ("DEPARTMENT_INVALID", "department", "department", "has to have 1 to 125 characters"),
    ("SUPPORT_PHONE_INVALID", "departmentPhone", "support_phone_number", "has to have 1 to 50 characters"),
    ("SUPPORT_EMAIL_INVALID", "ade.supportEmail", "support_email_address", "has to have 1 to 250 characters"),
    ("MAGIC_INVALID", "ade.orgMagic", "org_magic", "has to have 1 to 256 characters"),
    (
        "FLAGS_INVALID",
        "lockedEnrollment",
        "is_mdm_removable",
        "can be locked on supervised devices only: set `supervised` too",
    ),
    (
        "LOCALE_INVALID",
        "ade.language` or `ade.region",
        "language, region",
        "have to be a language and a region that Apple knows together",
    ),
];

/// What this side knows when an answer comes.
pub(super) struct Known<'a> {
    pub now: Timestamp,
    /// When the token expires, as its file states.
    pub expires: Option<Timestamp>,
    pub redactor: &'a Redactor,
}

/// What an answer without success means: whether to send again, and what to say if not.
pub(super) fn judge(operation: Operation, answer: &Answer, known: &Known<'_>) -> (Trouble, DepError) {
    let text = code_text(&answer.body);
    let retry_after = retry::retry_after(answer.header("retry-after"), known.now);
    let (fault, message) = fault(operation, answer, &text, known);
    let mut error = DepError::own(operation, fault, known.redactor.clean(&message));
    error.status = Some(answer.status);
    error.service_code = shown(&text).map(|code| known.redactor.clean(code));
    error.retry_after = retry_after;
    let trouble = match answer.status {
        // At sign-in there is no session that could be renewed.
        401 if operation != Operation::SignIn => Trouble::Unauthorized,
        403 if operation != Operation::SignIn && is_forbidden(&text) => Trouble::Unauthorized,
        429 => Trouble::Throttled(retry_after),
        408 | 500.. => Trouble::Broken(retry_after),
        _ => Trouble::Refused,
    };
    (trouble, error)
}

/// What an answer without success means; nothing of what `hidden` knows is told. `expires`: when the
/// token does, as its file states.
pub fn read_refusal(
    operation: Operation,
    answer: &Answer,
    now: Timestamp,
    expires: Option<Timestamp>,
    hidden: &Redactor,
) -> DepError {
    judge(operation, answer, &Known { now, expires, redactor: hidden }).1
}

/// Only the bare word: an unknown session. Other bodies of 403 need a person (section 2.4).
fn is_forbidden(text: &str) -> bool {
    text == "FORBIDDEN"
}

fn fault(operation: Operation, answer: &Answer, text: &str, known: &Known<'_>) -> (Fault, String) {
    let status = answer.status;
    if status == 401 && operation == Operation::SignIn {
        return refused_sign_in(answer, text, known);
    }
    let upper = text.to_ascii_uppercase();
    if (400..500).contains(&status) && status != 429 {
        if let Some((_, field, member, rule)) = PROFILE.iter().find(|(code, ..)| holds(&upper, code)) {
            let message = format!("`{field}` (Apple's `{member}`) {rule}");
            return (Fault::ProfileRefused, message);
        }
        if let Some((_, fault)) = CODES.iter().find(|(code, _)| holds(&upper, code)) {
            return (*fault, in_words(*fault).to_owned());
        }
    }
    let fault = match status {
        401 => Fault::SessionRefused,
        403 if is_forbidden(text) && operation != Operation::SignIn => Fault::SessionRefused,
        403 if operation == Operation::SignIn => Fault::TokenRejected,
        403 => Fault::AccessDenied,
        404 => Fault::NotFound,
        400 => Fault::RequestMalformed,
        429 => Fault::Throttled,
        503 if answer.header("retry-after").is_some() => Fault::Throttled,
        408 | 500.. => Fault::ServiceUnavailable,
        _ => Fault::AnswerUnexpected,
    };
    (fault, in_words(fault).to_owned())
}

/// 401 at `/session`: "consumer key, token, signature or nonce wrong, or token expired" (section 2.5),
/// and the bodies are hardly documented. What the body states outright goes first; then the clock,
/// since a wrong one makes every signature wrong, and setting it right costs nothing; then what the
/// file says of its own end.
fn refused_sign_in(answer: &Answer, text: &str, known: &Known<'_>) -> (Fault, String) {
    let upper = text.to_ascii_uppercase();
    let stated = CODES.iter().find(|(code, _)| holds(&upper, code)).map(|(_, fault)| *fault);
    let is_over = known.expires.is_some_and(|end| end <= known.now);
    let fault = match (stated, skew(answer, known.now)) {
        (Some(Fault::TokenExpired), _) => Fault::TokenExpired,
        (_, Some((ours, theirs))) => {
            let message = format!(
                "this machine's clock says {ours} and Apple's {theirs}: signatures with a wrong time are refused"
            );
            return (Fault::ClockSkew, message);
        }
        (Some(fault), None) => fault,
        (None, None) if is_over => Fault::TokenExpired,
        (None, None) => Fault::TokenRejected,
    };
    let mut message = in_words(fault).to_owned();
    if let (Fault::TokenExpired, Some(end)) = (fault, known.expires) {
        message.push_str(&format!(" (its file says {end})"));
    }
    (fault, message)
}

/// Our time and that of the answer, where they differ by more than two minutes.
fn skew(answer: &Answer, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
    let theirs = jiff::fmt::rfc2822::parse(answer.header("date")?).ok()?.timestamp();
    (now.duration_since(theirs).unsigned_abs() > SKEW).then_some((now, theirs))
}

const fn in_words(fault: Fault) -> &'static str {
    match fault {
        Fault::TokenExpired => "the server token has expired",
        Fault::TokenRejected => {
            "Apple rejects the server token: it was replaced by a newer download, revoked, or its server was deleted"
        }
        Fault::SignatureInvalid => {
            "Apple finds the signature wrong: the secrets do not fit the token, or it was replaced by a newer download"
        }
        Fault::TermsNotSigned => "the organization has not accepted Apple's current terms and conditions",
        Fault::AccessDenied => "Apple does not let this server do that",
        Fault::ClockSkew => "Apple refuses the time of the signature: this machine's clock is wrong",
        Fault::SessionRefused => "Apple refused a session that it had just given",
        Fault::UserAgentRefused => "Apple refuses this program's name (`User-Agent`)",
        Fault::RequestMalformed => "Apple finds the request malformed",
        Fault::CursorExpired => "the cursor is older than seven days",
        Fault::CursorInvalid => "the cursor is none of this server's",
        Fault::CursorExhausted => "the cursor has given everything already",
        Fault::NotFound => "Apple does not know what the request names",
        Fault::AccountDrivenUrlRefused => "Apple refuses the URL of account-driven enrollment",
        Fault::OrgNotSupported => "this organization cannot have a URL of account-driven enrollment",
        Fault::Throttled => "Apple asks for patience",
        Fault::ServiceUnavailable => "Apple's service failed and gave no reason",
        Fault::AnswerUnexpected => "the enrollment service never answers so",
        // The rest is not told by a status.
        _ => "the request failed",
    }
}

/// Whether a text holds a code as a word of its own; `NOT_FOUND` is not in `DEVICE_NOT_FOUND_HERE`.
fn holds(upper: &str, code: &str) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    upper.match_indices(code).any(|(at, _)| {
        let bytes = upper.as_bytes();
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        // What follows may belong to it: `token_expired…` was seen.
        let starts = !is_part(before);
        let ends = !is_part(bytes.get(at + code.len()));
        starts && (ends || code == "TOKEN_EXPIRED")
    })
}

/// The code in a body without its quotes; empty for whatever is no code.
fn code_text(body: &[u8]) -> String {
    if body.len() > LONGEST_BODY {
        return String::new();
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim_start_matches('\u{feff}').trim();
    let inner = match serde_json::from_str::<Value>(text) {
        Ok(Value::String(code)) => code,
        Ok(Value::Object(members)) => {
            let code = |name| members.get(name).and_then(Value::as_str);
            let nested = || members.get("error")?.get("code")?.as_str();
            code("code").or_else(|| code("error")).or_else(nested).unwrap_or_default().to_owned()
        }
        _ => text.trim_matches('"').to_owned(),
    };
    let inner = inner.trim();
    if inner.starts_with('<') { String::new() } else { inner.to_owned() }
}

/// The code, if it may be shown: letters and underscores alone, since anything else may be a secret
/// that somebody quotes.
fn shown(text: &str) -> Option<&str> {
    let upper = text.to_ascii_uppercase();
    let known = CODES.iter().map(|(code, _)| *code).chain(PROFILE.iter().map(|(code, ..)| *code));
    if let Some(code) = known.into_iter().find(|code| holds(&upper, code)) {
        return Some(code);
    }
    let is_code = text.len() <= 48 && text.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    (is_code && !text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::live::Cause;

    const NOW: &str = "2026-11-06T08:49:37Z";

    fn answer(status: u16, fields: &[(&'static str, &str)], body: &str) -> Answer {
        let mut headers = reqwest::header::HeaderMap::new();
        for (name, value) in fields {
            headers.insert(*name, value.parse().unwrap());
        }
        Answer { status, headers, body: body.to_owned().into() }
    }

    fn judged(operation: Operation, answer: &Answer, expires: Option<&str>) -> (Trouble, DepError) {
        let known = Known {
            now: NOW.parse().unwrap(),
            expires: expires.map(|end| end.parse().unwrap()),
            redactor: &Redactor::default(),
        };
        judge(operation, answer, &known)
    }

    #[test]
    fn t8_every_documented_refusal_has_its_code_cause_and_next_step() {
        use Operation::*;
        for (operation, status, body, code, cause) in [
            (ReadAccount, 403, "T_C_NOT_SIGNED", "terms-not-signed", Cause::Credentials),
            (SignIn, 403, "T_C_NOT_SIGNED", "terms-not-signed", Cause::Credentials),
            (SignIn, 401, "token_expired", "token-expired", Cause::Credentials),
            (SignIn, 401, "token_expired: 2026-01-01", "token-expired", Cause::Credentials),
            (SignIn, 401, "EXPIRED_TOKEN", "token-expired", Cause::Credentials),
            (SignIn, 401, "token_rejected", "token-rejected", Cause::Credentials),
            (SignIn, 403, "token_rejected", "token-rejected", Cause::Credentials),
            (SignIn, 403, "signature_invalid", "signature-invalid", Cause::Credentials),
            (SignIn, 401, "timestamp_refused", "clock-skew", Cause::Credentials),
            (SignIn, 401, "oauth_problem", "token-rejected", Cause::Credentials),
            (SignIn, 401, "", "token-rejected", Cause::Credentials),
            (SignIn, 403, "FORBIDDEN", "token-rejected", Cause::Credentials),
            (SignIn, 400, "", "request-malformed", Cause::Refused),
            (ReadDevices, 403, "ACCESS_DENIED", "access-denied", Cause::Credentials),
            (ReadDevices, 403, "FORBIDDEN", "session-refused", Cause::Credentials),
            (ReadDevices, 403, "something", "access-denied", Cause::Credentials),
            (ReadDevices, 401, "UNAUTHORIZED", "session-refused", Cause::Credentials),
            (ReadDevices, 403, "token_rejected", "token-rejected", Cause::Credentials),
            (ReadDevices, 400, "USER_AGENT_MISSING", "user-agent-refused", Cause::Refused),
            (ReadDevices, 400, "USER_AGENT_INVALID", "user-agent-refused", Cause::Refused),
            (ReadDevices, 400, "MALFORMED_REQUEST_BODY", "request-malformed", Cause::Refused),
            (ReadChanges, 400, "EXPIRED_CURSOR", "cursor-expired", Cause::Unavailable),
            (ReadChanges, 400, "INVALID_CURSOR", "cursor-invalid", Cause::Unavailable),
            (ReadChanges, 400, "EXHAUSTED_CURSOR", "cursor-exhausted", Cause::Unavailable),
            (ReadChanges, 400, "CURSOR_REQUIRED", "request-malformed", Cause::Refused),
            (ReadProfile, 400, "NOT_FOUND", "not-found-at-apple", Cause::Unavailable),
            (Assign, 404, "", "not-found-at-apple", Cause::Unavailable),
            (ReadReplacement, 404, "DEVICE_NOT_FOUND", "not-found-at-apple", Cause::Unavailable),
            (Assign, 400, "DEVICE_ID_REQUIRED", "request-malformed", Cause::Refused),
            (Assign, 400, "PROFILE_UUID_REQUIRED", "request-malformed", Cause::Refused),
            (
                SetAccountDrivenUrl,
                400,
                "MDM_SERVICE_DISCOVERY_URL_NOT_VALID",
                "account-driven-url-refused",
                Cause::Manifest,
            ),
            (SetAccountDrivenUrl, 400, "ORG_NOT_SUPPORTED", "organization-not-supported", Cause::Manifest),
            (ReadDevices, 429, "", "apple-throttled", Cause::Throttled),
            (ReadDevices, 503, "", "apple-unavailable", Cause::Unavailable),
            (ReadDevices, 500, "T_C_NOT_SIGNED", "apple-unavailable", Cause::Unavailable),
            (ReadDevices, 302, "", "answer-unexpected", Cause::Unavailable),
            (ReadDevices, 405, "", "answer-unexpected", Cause::Unavailable),
            (ReadDevices, 403, "<html>ACCESS_DENIED</html>", "access-denied", Cause::Credentials),
        ] {
            let wrapped = [
                body.to_owned(),
                format!("\"{body}\""),
                format!(" \"{body}\"\r\n"),
                format!("{{\"code\":\"{body}\"}}"),
                format!("{{\"error\":\"{body}\"}}"),
                format!("{{\"error\":{{\"code\":\"{body}\"}}}}"),
            ];
            for text in wrapped {
                let (_, error) = judged(operation, &answer(status, &[], &text), None);
                assert_eq!((error.code(), error.cause), (code, cause), "{operation:?} {status} {text}");
                assert!(!error.next.is_empty() && error.to_string().contains(&status.to_string()), "{error}");
            }
        }
    }

    #[test]
    fn every_refused_member_is_named_as_the_document_and_as_apple_say_it() {
        for (code, field, member, _) in PROFILE {
            let (trouble, error) = judged(Operation::DefineProfile, &answer(400, &[], code), None);
            assert_eq!((trouble, error.code()), (Trouble::Refused, "profile-refused"));
            assert_eq!((error.cause, error.service_code.as_deref()), (Cause::Manifest, Some(*code)));
            assert!(error.message.contains(field) && error.message.contains(member), "{error}");
        }
    }

    #[test]
    fn a_clock_that_is_off_is_told_from_a_token_that_is_bad() {
        for (body, date, expires, code) in [
            ("", "Fri, 06 Nov 2026 08:49:37 GMT", None, "token-rejected"),
            ("", "Fri, 06 Nov 2026 08:51:37 GMT", None, "token-rejected"),
            ("", "Fri, 06 Nov 2026 08:51:38 GMT", None, "clock-skew"),
            ("", "Fri, 06 Nov 2026 08:40:00 GMT", None, "clock-skew"),
            ("signature_invalid", "Fri, 06 Nov 2026 08:40:00 GMT", None, "clock-skew"),
            ("signature_invalid", "Fri, 06 Nov 2026 08:49:00 GMT", None, "signature-invalid"),
            ("token_expired", "Fri, 06 Nov 2026 08:40:00 GMT", None, "token-expired"),
            ("", "no date", None, "token-rejected"),
            ("", "Fri, 06 Nov 2026 08:49:37 GMT", Some(NOW), "token-expired"),
            ("", "Fri, 06 Nov 2026 08:49:37 GMT", Some("2026-11-06T08:49:38Z"), "token-rejected"),
            ("token_rejected", "Fri, 06 Nov 2026 08:49:37 GMT", Some(NOW), "token-rejected"),
        ] {
            let (trouble, error) = judged(Operation::SignIn, &answer(401, &[("date", date)], body), expires);
            assert_eq!((trouble, error.code()), (Trouble::Refused, code), "{body} {date} {expires:?}");
        }
        // The clock matters where something is signed, and nowhere else.
        let late = answer(403, &[("date", "Fri, 06 Nov 2026 01:00:00 GMT")], "token_rejected");
        assert_eq!(judged(Operation::ReadAccount, &late, None).1.code(), "token-rejected");
    }

    #[test]
    fn a_session_is_renewed_for_401_and_for_the_bare_word_alone() {
        for (status, body, renewed) in [
            (401, "", true),
            (401, "token_expired", true),
            (403, "FORBIDDEN", true),
            (403, "\"FORBIDDEN\"", true),
            (403, "<html>403 FORBIDDEN</html>", false),
            (403, "FORBIDDEN_FRUIT", false),
            (403, "", false),
            (403, "T_C_NOT_SIGNED", false),
            (403, "ACCESS_DENIED", false),
            (403, "signature_invalid", false),
        ] {
            let (trouble, _) = judged(Operation::ReadDevices, &answer(status, &[], body), None);
            let expected = if renewed { Trouble::Unauthorized } else { Trouble::Refused };
            assert_eq!(trouble, expected, "{status} {body}");
            let (trouble, _) = judged(Operation::SignIn, &answer(status, &[], body), None);
            assert_eq!(trouble, Trouble::Refused, "{status} {body}");
        }
    }

    #[test]
    fn a_wish_for_patience_is_read() {
        let field = [("retry-after", "17")];
        let seventeen = Some(Duration::from_secs(17));
        let (trouble, error) = judged(Operation::Assign, &answer(429, &field, ""), None);
        assert_eq!((trouble, error.retry_after), (Trouble::Throttled(seventeen), seventeen));
        // 503 does not prove that nothing was carried out.
        let (trouble, error) = judged(Operation::Assign, &answer(503, &field, ""), None);
        assert_eq!((trouble, error.code()), (Trouble::Broken(seventeen), "apple-throttled"));
    }

    #[test]
    fn a_body_is_shown_only_as_far_as_it_is_a_code() {
        for (body, shown) in [
            ("SOME_NEW_CODE", Some("SOME_NEW_CODE")),
            ("AT_0f3b5c", None),
            ("token_expired AT_0f3b5c", Some("TOKEN_EXPIRED")),
            ("words with blanks", None),
            ("<html></html>", None),
            ("", None),
            ("{}", None),
            ("[\"X\"]", None),
        ] {
            let (_, error) = judged(Operation::ReadDevices, &answer(400, &[], body), None);
            assert_eq!(error.service_code.as_deref(), shown, "{body}");
            assert!(!error.to_string().contains("0f3b5c"), "{error}");
        }
    }
}
