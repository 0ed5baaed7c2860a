use serde_json::json;

use super::*;
use crate::model::live::Cause;

const NOW: &str = "2026-11-06T08:49:37Z";
const DATE: &str = "Fri, 06 Nov 2026 08:49:37 GMT";

fn answer(status: u16, fields: &[(&'static str, &str)], body: &str) -> Answer {
    let mut headers = reqwest::header::HeaderMap::new();
    for (name, value) in fields {
        headers.insert(*name, value.parse().unwrap());
    }
    Answer { status, headers, body: body.to_owned().into() }
}

fn judged(operation: Operation, answer: &Answer) -> (Trouble, BusinessError) {
    judge(operation, answer, &Known { now: NOW.parse().unwrap(), redactor: &Redactor::default() })
}

fn refused(answer: &Answer) -> (Trouble, BusinessError) {
    judge_sign_in(answer, &Known { now: NOW.parse().unwrap(), redactor: &Redactor::default() })
}

fn document(code: &str, detail: &str) -> String {
    json!({ "errors": [{ "id": "0f3b5c00-1111", "status": "409", "code": code, "title": "T", "detail": detail,
                         "source": { "pointer": "/data/attributes/x" } }] })
    .to_string()
}

#[test]
fn every_documented_refusal_has_its_code_cause_and_next_step() {
    use Operation::*;
    let role = "The API key in use does not allow this request";
    let unsupported =
        "The resource 'mdmServers' does not allow 'GET_INSTANCE'. Allowed operations are: GET_COLLECTION";
    for (operation, status, code, detail, expected, cause) in [
        (ReadDevices, 400, "PARAMETER_ERROR.INVALID", "d", "api-parameter-refused", Cause::Refused),
        (ReadDevices, 400, "PARAMETER_ERROR", "d", "api-parameter-refused", Cause::Refused),
        (ReadDevices, 400, "PARAMETER_ERRORS", "d", "api-request-malformed", Cause::Refused),
        (ReadDevices, 401, "UNAUTHORIZED", "d", "bearer-refused", Cause::Credentials),
        (ReadDevices, 403, "FORBIDDEN_ERROR", role, "api-role-lacks", Cause::Credentials),
        (ReadService, 403, "FORBIDDEN_ERROR", unsupported, "api-operation-not-supported", Cause::Refused),
        (
            ReadService,
            403,
            "FORBIDDEN_ERROR",
            "resource does not allow GET_INSTANCE",
            "api-operation-not-supported",
            Cause::Refused,
        ),
        (
            ChangeService,
            403,
            "FORBIDDEN_ERROR.INCLUDED_MDM_NOT_ENABLED",
            "d",
            "built-in-management-off",
            Cause::Credentials,
        ),
        (ReadDevices, 403, "T_C_NOT_SIGNED", "d", "organisation-terms-not-accepted", Cause::Credentials),
        (
            ReadDevices,
            403,
            "FORBIDDEN_ERROR",
            "Accept the Terms and Conditions",
            "organisation-terms-not-accepted",
            Cause::Credentials,
        ),
        (ReadDevice, 404, "NOT_FOUND", "d", "not-in-organisation", Cause::Unavailable),
        (ReadDevice, 404, "RESOURCE_NOT_FOUND", "d", "not-in-organisation", Cause::Unavailable),
        (ReadDevice, 404, "PATH_ERROR.NOT_FOUND", "d", "api-answer-unexpected", Cause::Unavailable),
        (ReadDevices, 406, "NOT_ACCEPTABLE", "d", "answer-not-acceptable", Cause::Refused),
        (CreateService, 409, "ENTITY_ERROR.ATTRIBUTE.INVALID", "d", "api-attribute-refused", Cause::Manifest),
        (
            CreateService,
            422,
            "ENTITY_ERROR.ATTRIBUTE.REQUIRED",
            "d",
            "api-attribute-refused",
            Cause::Manifest,
        ),
        (
            BeginActivity,
            409,
            "ENTITY_ERROR.RELATIONSHIP.INVALID",
            "d",
            "api-relationship-refused",
            Cause::Refused,
        ),
        (DeleteService, 409, "FAILED_PRECONDITION", "d", "api-precondition-failed", Cause::Manifest),
        (ChangeService, 409, "SOMETHING_NEW", "d", "api-conflict", Cause::Manifest),
        (BeginActivity, 422, "SOMETHING_NEW", "d", "api-request-malformed", Cause::Refused),
        (ReadDevices, 429, "RATE_LIMIT_EXCEEDED", "d", "api-throttled", Cause::Throttled),
        (ReadDevices, 500, "UNEXPECTED_ERROR", "d", "api-unavailable", Cause::Unavailable),
        (ReadDevices, 503, "SERVICE_UNAVAILABLE", "d", "api-unavailable", Cause::Unavailable),
        (ReadDevices, 302, "", "d", "api-answer-unexpected", Cause::Unavailable),
    ] {
        let (_, error) = judged(operation, &answer(status, &[], &document(code, detail)));
        assert_eq!((error.code(), error.cause), (expected, cause), "{status} {code} {detail}");
        assert!(!error.next.is_empty() && error.to_string().contains(&status.to_string()), "{error}");
        assert_eq!(error.service_code.as_deref().unwrap_or_default(), code, "{error}");
    }
}

#[test]
fn a_refusal_tells_apples_words_the_place_and_the_request() {
    let id = [("x-apple-request-uuid", "1d0a2f6e-0000-4000-8000-000000000001")];
    let body = document("ENTITY_ERROR.ATTRIBUTE.INVALID", "The name is taken.");
    let (_, error) = judged(Operation::CreateService, &answer(409, &id, &body));
    assert_eq!(
        error.to_string(),
        "making a device management service failed with status 409 (ENTITY_ERROR.ATTRIBUTE.INVALID): Apple refuses a value: The name is taken (/data/attributes/x) (request id 1d0a2f6e-0000-4000-8000-000000000001)"
    );
    // Without the header, the id of the error itself.
    let (_, error) = judged(Operation::CreateService, &answer(409, &[], &body));
    assert_eq!(error.request_id.as_deref(), Some("0f3b5c00-1111"));
    for source in [
        json!({ "parameter": "limit" }),
        json!({ "parameter": { "parameter": "limit" } }),
        json!({ "jsonPointer": { "pointer": "limit" } }),
    ] {
        let body = json!({ "errors": [{ "code": "PARAMETER_ERROR", "title": "T", "source": source }] });
        let (_, error) = judged(Operation::ReadDevices, &answer(400, &[], &body.to_string()));
        assert_eq!(error.message, "Apple refuses a parameter: T (limit)");
    }
    let many: Vec<_> = (0..9).map(|at| json!({ "code": "A", "detail": format!("d{at}.") })).collect();
    let (_, error) =
        judged(Operation::BeginActivity, &answer(409, &[], &json!({ "errors": many }).to_string()));
    assert_eq!(error.message, "it stands against what is there: d0; d1; d2; and 6 more");
    let (_, error) = judged(Operation::BeginActivity, &answer(403, &[], ""));
    assert_eq!(
        error.message,
        "its role does not let the API account assign devices to device management services"
    );
}

#[test]
fn a_body_that_is_no_json_is_told_by_its_beginning() {
    let page = format!("<html>\n  <h1>Too many\trequests</h1>{}", "x".repeat(5_000));
    let (trouble, error) = judged(Operation::ReadDevices, &answer(429, &[("retry-after", "17")], &page));
    let seventeen = Some(Duration::from_secs(17));
    assert_eq!(trouble, Trouble::Throttled(seventeen));
    assert_eq!(error.not_before, Some("2026-11-06T08:49:54Z".parse().unwrap()));
    assert!(error.message.contains("<html> <h1>Too many requests</h1>xx"), "{error}");
    assert!(error.message.len() < 300, "{error}");
    // A 404 of a front end is no answer about the object.
    for body in ["", "<html>", "{}", r#"{"errors":[]}"#, r#"{"errors":7}"#] {
        let (_, error) = judged(Operation::ReadDevice, &answer(404, &[], body));
        assert_eq!(error.code(), "api-answer-unexpected", "{body}");
    }
    let cut = "ä".repeat(8_000).into_bytes()[1..].to_vec();
    judged(Operation::ReadDevices, &Answer { body: cut.into(), ..answer(500, &[], "") });
    judged(Operation::ReadDevices, &Answer { body: vec![0xff; 400].into(), ..answer(500, &[], "") });
}

#[test]
fn what_may_be_sent_again_is_decided_by_the_status() {
    for (status, trouble) in [
        (401, Trouble::Unauthorized),
        (429, Trouble::Throttled(None)),
        (408, Trouble::Broken(None)),
        (500, Trouble::Broken(None)),
        (503, Trouble::Broken(None)),
        (403, Trouble::Refused),
        (409, Trouble::Refused),
        (302, Trouble::Refused),
    ] {
        assert_eq!(judged(Operation::BeginActivity, &answer(status, &[], "")).0, trouble, "{status}");
    }
}

#[test]
fn a_refused_sign_in_is_told_by_its_word() {
    for (status, body, expected, cause) in [
        (400, r#"{"error":"invalid_client"}"#, "api-account-refused", Cause::Credentials),
        (
            401,
            r#"{"error":"invalid_client","error_description":"why"}"#,
            "api-account-refused",
            Cause::Credentials,
        ),
        (400, r#"{"error":"invalid_scope"}"#, "api-scope-refused", Cause::Credentials),
        (400, r#"{"error":"invalid_request"}"#, "api-assertion-refused", Cause::Credentials),
        (400, r#"{"error":"unsupported_grant_type"}"#, "api-assertion-refused", Cause::Credentials),
        (400, "", "account-throttled", Cause::Throttled),
        (400, "<html>", "account-throttled", Cause::Throttled),
        (429, "", "account-throttled", Cause::Throttled),
        (403, "", "api-account-refused", Cause::Credentials),
        (404, "", "api-answer-unexpected", Cause::Unavailable),
        (302, "", "api-answer-unexpected", Cause::Unavailable),
        (503, "", "api-unavailable", Cause::Unavailable),
    ] {
        let (trouble, error) = refused(&answer(status, &[("date", DATE)], body));
        assert_eq!((error.code(), error.cause), (expected, cause), "{status} {body}");
        assert_eq!(trouble == Trouble::Refused, !matches!(status, 429 | 503), "{status} {body}");
        assert_eq!(error.operation, Operation::SignIn);
    }
    let (_, error) = refused(&answer(400, &[], r#"{"error":"invalid_client"}"#));
    for word in ["revoked", "keyId", "clientId", "sendKeyId: false"] {
        assert!(error.next.contains(word), "{word}: {}", error.next);
    }
    let (_, error) = refused(&answer(400, &[], r#"{"error":"invalid_scope"}"#));
    assert!(error.next.contains("appleSchool"), "{}", error.next);
}

#[test]
fn a_clock_that_is_off_is_told_from_a_key_that_is_bad() {
    let body = r#"{"error":"invalid_client"}"#;
    for (date, code) in [
        (DATE, "api-account-refused"),
        ("Fri, 06 Nov 2026 08:51:37 GMT", "api-account-refused"),
        ("Fri, 06 Nov 2026 08:51:38 GMT", "clock-skew"),
        ("Fri, 06 Nov 2026 08:40:00 GMT", "clock-skew"),
        ("no date", "api-account-refused"),
    ] {
        let (_, error) = refused(&answer(400, &[("date", date)], body));
        assert_eq!(error.code(), code, "{date}");
    }
    // The clock matters where an assertion was refused, and nowhere else.
    let late = answer(503, &[("date", "Fri, 06 Nov 2026 01:00:00 GMT")], "");
    assert_eq!(refused(&late).1.code(), "api-unavailable");
}

#[test]
fn a_secret_is_taken_out_before_the_text_is_cut() {
    let redactor = Redactor::default();
    redactor.learn_passing(&crate::model::Secret::new("0123456789".repeat(30)));
    let known = Known { now: NOW.parse().unwrap(), redactor: &redactor };
    let body = format!("<html>{} {}", "x".repeat(100), "0123456789".repeat(30));
    let (_, error) = judge(Operation::ReadDevices, &answer(500, &[], &body), &known);
    assert!(error.message.contains("xx [secret]") && !error.message.contains("0123"), "{error}");
}
