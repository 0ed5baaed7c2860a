//! The judge of Apple's enrollment service judged: what it must refuse, and what it must let pass.

use serde_json::{Value, json};

use crate::support::contract::dep::{DepJudge, Side};
use crate::support::contract::{Exchange, contracts_folder};

const UUID: &str = "C1F123098EB5074580041E69883004C3";

fn asked(method: &str, path: &str, body: Value) -> Exchange {
    Exchange {
        method: method.into(),
        path: path.into(),
        request_body: (!body.is_null()).then_some(body),
        ..Exchange::default()
    }
}

fn answered(method: &str, path: &str, body: Value, status: u16, answer: Value) -> Exchange {
    Exchange {
        status: Some(status),
        response_body: (!answer.is_null()).then_some(answer),
        ..asked(method, path, body)
    }
}

fn profile() -> Value {
    json!({
        "profile_name": "Standard", "url": "https://mdm.example.org/enroll", "org_magic": "6ab8",
        "is_mdm_removable": false, "is_supervised": true, "allow_pairing": true,
        "skip_setup_items": ["AppleID"], "anchor_certs": ["MIIB"], "devices": ["C02T0HL0GGC0"],
    })
}

fn define(body: Value) -> Exchange {
    let answer = json!({ "profile_uuid": UUID, "devices": { "C02T0HL0GGC0": "SUCCESS" } });
    answered("POST", "/profile", body, 200, answer)
}

fn changed(mut body: Value, member: &str, value: Value) -> Value {
    body[member] = value;
    body
}

/// A page with one device.
fn page(device: Value) -> Exchange {
    let answer = json!({
        "cursor": "MDow", "fetched_until": "2018-09-08T17:28:18Z", "more_to_follow": false, "devices": [device],
    });
    answered("POST", "/devices/sync", json!({ "cursor": "MDo", "limit": 1 }), 200, answer)
}

fn device() -> Value {
    json!({
        "serial_number": "C02T0HL0GGC0", "model": "MacBook Pro", "os": "OSX", "device_family": "Mac",
        "profile_status": "assigned", "profile_uuid": UUID, "profile_assign_time": "2018-09-08T16:49:09Z",
        "op_type": "modified", "op_date": "2018-09-08T16:49:09Z",
    })
}

fn assign(result: Value) -> Exchange {
    let body = json!({ "profile_uuid": UUID, "devices": ["C02T0HL0GGC0"] });
    answered("PUT", "/profile/devices", body, 200, result)
}

#[track_caller]
fn passes(judge: &DepJudge, exchange: &Exchange, version: u32) {
    assert_eq!(judge.exchange(exchange, Some(version), Side::Both), Ok(()));
}

/// The violations, which must exist and speak of `word`.
#[track_caller]
fn refused(judge: &DepJudge, exchange: &Exchange, version: u32, word: &str) {
    let found = judge.exchange(exchange, Some(version), Side::Both);
    let faults = found.expect_err("the exchange breaks the contract");
    assert!(faults.iter().any(|fault| fault.contains(word)), "no word of {word:?} in {faults:#?}");
}

#[test]
fn what_fits_passes() {
    let Some(judge) = DepJudge::from_env() else { return };
    passes(judge, &define(profile()), 10);
    passes(judge, &page(device()), 10);
    passes(judge, &assign(json!({ "profile_uuid": UUID, "devices": { "C02T0HL0GGC0": "SUCCESS" } })), 1);
    let gone = json!({ "devices": { "X": { "response_status": "NOT_ACCESSIBLE" } } });
    passes(judge, &answered("POST", "/devices", json!({ "devices": ["X"] }), 200, gone), 10);
    passes(judge, &answered("GET", "/session", Value::Null, 200, json!({ "auth_session_token": "1" })), 10);
    passes(judge, &answered("GET", "/account", Value::Null, 401, Value::Null), 10);
    passes(judge, &answered("GET", "/account", Value::Null, 403, json!("T_C_NOT_SIGNED")), 10);
    passes(judge, &asked("DELETE", "/account-driven-enrollment/profile", Value::Null), 10);
}

#[test]
fn a_misspelled_request_member_is_refused() {
    let Some(judge) = DepJudge::from_env() else { return };
    let body = changed(profile(), "is_mdm_removeable", json!(false));
    refused(judge, &define(body), 10, "is_mdm_removeable");
    let mut assigned = assign(json!({}));
    assigned.request_body = Some(json!({ "profile_uuid": UUID, "device": ["A"] }));
    refused(judge, &assigned, 10, "device");
    // The service gives the id.
    refused(judge, &define(changed(profile(), "profile_uuid", json!(UUID))), 10, "profile_uuid");
}

#[test]
fn a_wrong_type_is_refused_in_request_and_answer() {
    let Some(judge) = DepJudge::from_env() else { return };
    refused(
        judge,
        &define(changed(profile(), "is_supervised", json!("true"))),
        10,
        "request at \"/is_supervised\"",
    );
    refused(judge, &define(changed(profile(), "department", json!(null))), 10, "/department");
    refused(judge, &define(changed(profile(), "devices", json!(["A", 1]))), 10, "/devices/1");
    refused(
        judge,
        &page(changed(device(), "profile_uuid", json!(1))),
        10,
        "answer at \"/devices/0/profile_uuid\"",
    );
    refused(judge, &page(changed(device(), "imei", json!("35"))), 10, "answer at \"/devices/0/imei\"");
    refused(judge, &page(changed(device(), "op_date", json!("yesterday"))), 10, "/op_date");
    let address = changed(profile(), "url", json!("mdm.example.org/enroll"));
    refused(judge, &define(address), 10, "request at \"/url\"");
}

#[test]
fn a_wrong_enum_value_is_refused() {
    let Some(judge) = DepJudge::from_env() else { return };
    refused(judge, &page(changed(device(), "profile_status", json!("pending"))), 10, "/profile_status");
    refused(judge, &page(changed(device(), "op_type", json!("ADDED"))), 10, "/op_type");
    refused(judge, &assign(json!({ "devices": { "C02T0HL0GGC0": "OK" } })), 10, "/devices/C02T0HL0GGC0");
    let body = json!({ "devices": ["A"] });
    let throttled = json!({ "devices": { "A": "THROTTLED" } });
    refused(judge, &answered("DELETE", "/profile/devices", body, 200, throttled), 10, "/devices/A");
}

#[test]
fn a_missing_member_is_refused_in_request_and_answer() {
    let Some(judge) = DepJudge::from_env() else { return };
    let mut body = profile();
    body.as_object_mut().expect("an object").remove("is_mdm_removable");
    refused(judge, &define(body), 10, "is_mdm_removable");
    refused(judge, &asked("POST", "/devices/sync", json!({ "limit": 100 })), 10, "cursor");
    let answer = json!({ "cursor": "MDow", "more_to_follow": false, "devices": [] });
    refused(judge, &answered("POST", "/server/devices", json!({}), 200, answer), 10, "fetched_until");
    let listed = json!({ "devices": { "X": { "serial_number": "X" } } });
    refused(
        judge,
        &answered("POST", "/devices", json!({ "devices": ["X"] }), 200, listed),
        10,
        "response_status",
    );
    let listed = json!({ "devices": { "X": { "serial_number": "X", "response_status": "SUCCESS" } } });
    refused(judge, &answered("POST", "/devices", json!({ "devices": ["X"] }), 200, listed), 10, "model");
    refused(judge, &asked("POST", "/profile", Value::Null), 10, "body");
    refused(judge, &asked("GET", "/profile", Value::Null), 10, "profile_uuid");
    refused(
        judge,
        &answered("GET", "/session", Value::Null, 200, json!({ "auth_session_token": "" })),
        10,
        "auth_",
    );
}

#[test]
fn what_the_service_does_not_have_is_refused() {
    let Some(judge) = DepJudge::from_env() else { return };
    refused(judge, &asked("GET", "/profiles", Value::Null), 10, "no such path");
    refused(judge, &asked("PATCH", "/profile", profile()), 10, "no such method");
    refused(judge, &asked("GET", "/account", json!({})), 10, "body");
    let query = Exchange { query: "expand=urls".into(), ..asked("GET", "/account", Value::Null) };
    refused(judge, &query, 10, "expand");
    refused(judge, &asked("POST", "/server/devices", json!({ "limit": 1001 })), 10, "/limit");
    refused(
        judge,
        &asked("POST", "/device/activationlock", json!({ "device": "A", "escrow_key": "AB" })),
        10,
        "/escrow_key",
    );
}

#[test]
fn a_refusal_is_a_bare_code_that_the_operation_knows() {
    let Some(judge) = DepJudge::from_env() else { return };
    let sync = |status, code| answered("POST", "/devices/sync", json!({ "cursor": "a" }), status, code);
    passes(judge, &sync(400, json!("EXPIRED_CURSOR")), 10);
    refused(judge, &sync(400, json!("CURSOR_EXPIRED")), 10, "CURSOR_EXPIRED");
    refused(judge, &sync(409, json!("EXPIRED_CURSOR")), 10, "409");
    refused(judge, &sync(400, json!({ "code": "EXPIRED_CURSOR" })), 10, "bare code");
    refused(judge, &sync(302, Value::Null), 10, "302");
    let fetch = answered("POST", "/server/devices", json!({}), 400, json!("CURSOR_REQUIRED"));
    refused(judge, &fetch, 10, "CURSOR_REQUIRED");
}

#[test]
fn a_page_has_no_more_devices_than_asked_for() {
    let Some(judge) = DepJudge::from_env() else { return };
    let mut exchange = page(device());
    exchange.response_body.as_mut().expect("an answer")["devices"] = json!([device(), device()]);
    refused(judge, &exchange, 10, "limit");
}

#[test]
fn an_answer_speaks_only_of_what_was_asked_about() {
    let Some(judge) = DepJudge::from_env() else { return };
    let answer = json!({ "devices": { "C02T0HL0GGC0": "SUCCESS", "DMPX": "SUCCESS" } });
    refused(judge, &assign(answer), 10, "DMPX");
}

#[test]
fn a_version_does_not_say_what_came_later() {
    let Some(judge) = DepJudge::from_env() else { return };
    passes(judge, &page(changed(device(), "eid", json!("8904"))), 10);
    refused(judge, &page(changed(device(), "eid", json!("8904"))), 9, "eid");
    refused(judge, &page(device()), 1, "device_family");
    passes(judge, &page(changed(device(), "os", json!("iPadOS"))), 7);
    refused(judge, &page(changed(device(), "os", json!("iPadOS"))), 6, "iPadOS");
    let throttled = json!({ "devices": { "C02T0HL0GGC0": "THROTTLED" } });
    passes(judge, &assign(throttled.clone()), 9);
    refused(judge, &assign(throttled.clone()), 8, "THROTTLED");
    refused(judge, &assign(changed(throttled, "retry_after_seconds", json!(60))), 9, "retry_after_seconds");
    let old = json!({
        "profile_uuid": UUID, "profile_name": "Standard", "url": "https://mdm.example.org/enroll",
        "allow_pairing": true, "is_supervised": true, "is_mandatory": false, "is_mdm_removable": false,
    });
    let query = format!("profile_uuid={UUID}");
    let read =
        |answer| Exchange { query: query.clone(), ..answered("GET", "/profile", Value::Null, 200, answer) };
    passes(judge, &read(old.clone()), 1);
    refused(judge, &read(old.clone()), 2, "is_multi_user");
    refused(judge, &read(changed(old, "is_multi_user", json!(false))), 1, "is_multi_user");
    let account = answered("GET", "/account", Value::Null, 200, json!({ "urls": [{ "uri": "/session" }] }));
    passes(judge, &account, 3);
    refused(judge, &account, 2, "urls");
}

#[test]
fn requests_that_are_wrong_on_purpose_leave_the_answers_to_be_judged() {
    let Some(judge) = DepJudge::from_env() else { return };
    let wrong = |status, code| answered("POST", "/profile", json!({ "is_mdm_removable": 1 }), status, code);
    assert!(judge.exchange(&wrong(400, json!("CONFIG_NAME_REQUIRED")), None, Side::Answers).is_ok());
    assert!(judge.exchange(&wrong(400, json!("NAME_MISSING")), None, Side::Answers).is_err());
    assert!(judge.exchange(&wrong(400, json!("CONFIG_NAME_REQUIRED")), None, Side::Both).is_err());
    assert!(
        judge
            .exchange(&answered("GET", "/devices", Value::Null, 405, Value::Null), None, Side::Answers)
            .is_ok()
    );
}

#[test]
fn our_own_answers_have_no_member_that_nobody_described() {
    let Some(judge) = DepJudge::from_env() else { return };
    let own = |exchange: &Exchange| judge.exchange(exchange, Some(10), Side::Own);
    assert_eq!(own(&page(device())), Ok(()));
    assert_eq!(own(&define(profile())), Ok(()));
    let added = page(changed(device(), "profile_state", json!("assigned")));
    passes(judge, &added, 10);
    assert!(own(&added).is_err());
    let session = json!({ "auth_session_token": "1", "expires": 1 });
    assert!(own(&answered("GET", "/session", Value::Null, 200, session)).is_err());
    let gone = json!({ "devices": { "X": { "response_status": "NOT_ACCESSIBLE", "model": "iPad" } } });
    assert!(own(&answered("POST", "/devices", json!({ "devices": ["X"] }), 200, gone)).is_err());
}

#[test]
fn recorded_answers_of_the_real_service_pass() {
    let (Some(judge), Some(folder)) = (DepJudge::from_env(), contracts_folder()) else { return };
    for (file, mut exchange, version) in [
        ("account_response", asked("GET", "/account", Value::Null), 3),
        ("device_details_response", asked("POST", "/devices", json!({ "devices": ["C02T0HL0GGC0"] })), 3),
        ("device_response", asked("POST", "/server/devices", json!({ "limit": 100 })), 3),
        ("empty_sync_response", asked("POST", "/devices/sync", json!({ "cursor": "MDow" })), 3),
        ("fetch_profile_response", asked("GET", "/profile", Value::Null), 3),
    ] {
        let file = folder.join("recorded/dep").join(file).with_extension("json");
        let text =
            std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        exchange.status = Some(200);
        exchange.response_body = Some(serde_json::from_str(&text).expect("JSON"));
        if exchange.path == "/profile" {
            exchange.query = format!("profile_uuid={UUID}");
        }
        passes(judge, &exchange, version);
    }
}

#[test]
fn lines_of_other_services_are_left_to_others() {
    let Some(judge) = DepJudge::from_env() else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("exchanges.jsonl");
    let line = |service: &str, version: &str| {
        json!({
            "service": service, "operation": "getAccount", "method": "GET", "path": "/account", "query": "",
            "requestHeaders": { "x-server-protocol-version": version }, "requestBody": null, "status": 200,
            "responseBody": { "org_id": "1" },
        })
    };
    let lines = [line("graph", "10"), line("dep", "10"), line("dep", "2")];
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&file, text.join("\n")).expect("a file in a fresh folder");
    let faults = judge.file(&file, Side::Both);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].starts_with("line 3: GET /account: answer at \"/org_id\""), "{faults:?}");
}
