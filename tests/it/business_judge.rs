//! The judge of Apple Business and Apple School judged: what it must refuse, and what it must let pass.

use serde_json::{Value, json};

use crate::support::contract::Exchange;
use crate::support::contract::business::{BusinessJudge, Headers};
use crate::support::contract::dep::Side;

const ID: &str = "1F97349736CF4614A94F624E705841AD";
const ROOT: &str = "https://api-business.apple.com";

fn asked(method: &str, path: &str, query: &str, body: Value) -> Exchange {
    Exchange {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        request_body: (!body.is_null()).then_some(body),
        ..Exchange::default()
    }
}

fn answered(exchange: Exchange, status: u16, answer: Value) -> Exchange {
    Exchange { status: Some(status), response_body: (!answer.is_null()).then_some(answer), ..exchange }
}

fn get(path: &str, query: &str, answer: Value) -> Exchange {
    answered(asked("GET", path, query, Value::Null), 200, answer)
}

fn changed(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer}"));
    match value {
        Value::Null => drop(parent.as_object_mut().expect("an object").remove(name)),
        value => parent[name] = value,
    }
    body
}

fn device() -> Value {
    json!({
        "type": "orgDevices", "id": "XABC123X0ABC123X0",
        "attributes": {
            "serialNumber": "XABC123X0ABC123X0", "addedToOrgDateTime": "2025-04-30T22:05:14.192Z",
            "deviceModel": "iPad Pro", "productFamily": "iPad", "orderNumber": null, "status": "ASSIGNED",
            "imei": ["123456789012345"], "wifiMacAddress": "AA", "isMdmMigrationCapable": true,
            "mdmMigrationStatus": "REQUESTED", "mdmMigrationDeadlineDateTime": "2026-12-01T09:00:00.000Z",
        },
        "relationships": {
            "assignedServer": { "links": { "self": format!("{ROOT}/v1/orgDevices/X/relationships/assignedServer") } },
            "appleCareCoverage": { "links": { "related": format!("{ROOT}/v1/orgDevices/X/appleCareCoverage") } },
        },
        "links": { "self": format!("{ROOT}/v1/orgDevices/X") },
    })
}

/// A page with one device, and one that follows.
fn page() -> Value {
    json!({
        "data": [device()],
        "links": { "self": format!("{ROOT}/v1/orgDevices?limit=1"),
                   "next": format!("{ROOT}/v1/orgDevices?limit=1&cursor=MD") },
        "meta": { "paging": { "limit": 1, "nextCursor": "MD" } },
    })
}

fn devices(answer: Value) -> Exchange {
    get("/v1/orgDevices", "limit=1", answer)
}

fn server() -> Value {
    json!({ "type": "mdmServers", "id": ID, "attributes": {
        "serverName": "Lab", "serverType": "MDM", "status": "ACTIVE", "deviceCount": 0,
        "enableMdmDisownFlag": false, "createdDateTime": "2025-05-01T03:21:44.685Z",
    }})
}

fn single(data: Value) -> Value {
    json!({ "data": data, "links": { "self": format!("{ROOT}/v1/x") } })
}

fn activity(kind: &str) -> Value {
    json!({ "data": {
        "type": "orgDeviceActivities", "attributes": { "activityType": kind },
        "relationships": {
            "mdmServer": { "data": { "type": "mdmServers", "id": ID } },
            "devices": { "data": [{ "type": "orgDevices", "id": "A" }, { "type": "orgDevices", "id": "B" }] },
        },
    }})
}

/// With a deadline, or without a service.
fn moving(kind: &str, with_service: bool, with_deadline: bool) -> Value {
    let mut body = activity(kind);
    if with_deadline {
        body["data"]["attributes"]["activityTypeMetadata"] =
            json!({ "mdmMigrationDeadlineDateTime": "2026-12-01T09:00:00Z" });
    }
    match with_service {
        true => body,
        false => changed(body, "/data/relationships/mdmServer", Value::Null),
    }
}

fn begun() -> Value {
    single(
        json!({ "type": "orgDeviceActivities", "id": "b1481656-b267-480d-b284-a809eed8b041", "attributes": {
            "status": "IN_PROGRESS", "subStatus": "SUBMITTED", "createdDateTime": "2025-05-01T03:21:44.685Z",
        }}),
    )
}

fn ended() -> Value {
    let mut ended = begun();
    ended["data"]["attributes"] = json!({
        "status": "COMPLETED", "subStatus": "COMPLETED_WITH_ERROR", "createdDateTime": "2025-05-01T03:21:44.685Z",
        "completedDateTime": "2025-05-01T03:21:56.500Z", "downloadUrl": "https://storage.example/log.csv?sig=1",
    });
    ended
}

fn begin(body: Value) -> Exchange {
    answered(asked("POST", "/v1/orgDeviceActivities", "", body), 201, begun())
}

fn create() -> Value {
    json!({ "data": { "type": "mdmServers", "attributes": {
        "serverName": "Lab", "serverCertificate": { "name": "lab.pem", "data": "MIIB" }, "enableMdmDisownFlag": true,
    }}})
}

fn refusal(status: u16, code: &str) -> Value {
    json!({ "errors": [{ "id": "1", "status": status.to_string(), "code": code, "title": "t", "detail": "d" }] })
}

fn judged(service: &str, exchange: &Exchange, side: Side) -> Result<(), Vec<String>> {
    let judge = BusinessJudge::from_env().expect("the caller looked for it");
    judge.exchange(service, exchange, &Headers::of_api(), side)
}

#[track_caller]
fn passes(exchange: &Exchange) {
    assert_eq!(judged("business", exchange, Side::Own), Ok(()));
}

/// The violations, which must exist and speak of `word`.
#[track_caller]
fn refused_at(service: &str, exchange: &Exchange, side: Side, word: &str) {
    let faults = judged(service, exchange, side).expect_err("the exchange breaks the contract");
    assert!(faults.iter().any(|fault| fault.contains(word)), "no word of {word:?} in {faults:#?}");
}

#[track_caller]
fn refused(exchange: &Exchange, word: &str) {
    refused_at("business", exchange, Side::Both, word);
}

fn is_here() -> bool {
    BusinessJudge::from_env().is_some()
}

#[test]
fn what_fits_passes() {
    if !is_here() {
        return;
    }
    passes(&devices(page()));
    passes(&get("/v1/orgDevices/X", "fields%5BorgDevices%5D=status,imei", single(device())));
    passes(&get("/v1/mdmServers", "limit=1000", {
        let mut list = page();
        list["data"] = json!([server()]);
        list["meta"] = json!({ "paging": { "limit": 1000 } });
        changed(list, "/links/next", Value::Null)
    }));
    let families = changed(server(), "/attributes/defaultProductFamilies", json!(["IPAD", "APPLE_TV"]));
    passes(&get(&format!("/v1/mdmServers/{ID}"), "", single(families)));
    for kind in ["ASSIGN_DEVICES", "UNASSIGN_DEVICES"] {
        passes(&begin(activity(kind)));
    }
    passes(&begin(moving("ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", true, true)));
    passes(&begin(moving("UPDATE_MDM_MIGRATION_DEADLINE", false, true)));
    passes(&begin(moving("CANCEL_MDM_MIGRATION", false, false)));
    passes(&begin(moving("RELEASE_DEVICES", false, false)));
    passes(&get("/v1/orgDeviceActivities/b1", "", ended()));
    passes(&answered(asked("POST", "/v1/mdmServers", "", create()), 201, single(server())));
    passes(&answered(asked("DELETE", &format!("/v1/mdmServers/{ID}"), "", Value::Null), 204, Value::Null));
    let nothing = json!({ "data": null, "links": { "self": format!("{ROOT}/v1/x") } });
    passes(&get("/v1/orgDevices/X/relationships/assignedServer", "", nothing));
    passes(&answered(asked("GET", "/v1/orgDevices", "", Value::Null), 429, json!("<html></html>")));
    passes(&answered(
        asked("GET", "/v1/orgDevices", "", Value::Null),
        400,
        refusal(400, "PARAMETER_ERROR.INVALID"),
    ));
    passes(&asked("GET", "/v1/orgDevices", "limit=1000&cursor=a%2Bb", Value::Null));
}

#[test]
fn a_misspelled_request_member_is_refused() {
    if !is_here() {
        return;
    }
    refused(&begin(changed(activity("ASSIGN_DEVICES"), "/data/relationships/server", json!({}))), "server");
    refused(&begin(changed(activity("ASSIGN_DEVICES"), "/data/attributes/deadline", json!("x"))), "deadline");
    let mut deadline = moving("UPDATE_MDM_MIGRATION_DEADLINE", false, true);
    deadline["data"]["attributes"]["activityTypeMetadata"]["deadline"] = json!(1);
    refused(&begin(deadline), "deadline");
    let exchange = |body| answered(asked("POST", "/v1/mdmServers", "", body), 201, single(server()));
    refused(&exchange(changed(create(), "/data/attributes/name", json!("x"))), "name");
    refused(
        &exchange(changed(create(), "/data/attributes/defaultProductFamilies", json!([]))),
        "defaultProduct",
    );
    refused(
        &exchange(changed(create(), "/data/attributes/serverCertificate", Value::Null)),
        "serverCertificate",
    );
}

#[test]
fn a_wrong_type_or_word_is_refused_in_request_and_answer() {
    if !is_here() {
        return;
    }
    refused(&begin(changed(activity("ASSIGN_DEVICES"), "/data/type", json!("orgDevices"))), "/data/type");
    refused(&begin(activity("WIPE_DEVICES")), "activityType");
    let mut linked = activity("ASSIGN_DEVICES");
    linked["data"]["relationships"]["devices"]["data"][1]["type"] = json!("devices");
    refused(&begin(linked), "/data/relationships/devices/data/1/type");
    for (name, value) in [
        ("status", json!("RELEASED")),
        ("productFamily", json!("IPAD")),
        ("imei", json!([1])),
        ("addedToOrgDateTime", json!("yesterday")),
        ("isMdmMigrationCapable", json!("true")),
        ("mdmMigrationStatus", json!("DONE")),
    ] {
        let mut answer = page();
        answer["data"][0]["attributes"][name] = value;
        refused(&devices(answer), &format!("/data/0/attributes/{name}"));
    }
    let families = changed(server(), "/attributes/defaultProductFamilies", json!(["iPad"]));
    refused(&get(&format!("/v1/mdmServers/{ID}"), "", single(families)), "defaultProductFamilies");
    let patch = json!({ "data": { "type": "mdmServers", "id": ID, "attributes": { "defaultProductFamilies": null } } });
    refused(&asked("PATCH", &format!("/v1/mdmServers/{ID}"), "", patch), "defaultProductFamilies");
    let locked = |lock: Value| {
        get(
            "/v1/orgDevices/X/activationLockStatus",
            "",
            single(json!({ "type": "x", "id": "X", "attributes": lock })),
        )
    };
    passes(&locked(json!({ "isLocked": true, "lockType": "USER" })));
    refused(&locked(json!({ "isLocked": true, "lockType": "OWNER" })), "lockType");
}

#[test]
fn a_missing_member_is_refused() {
    if !is_here() {
        return;
    }
    refused(&devices(changed(page(), "/meta/paging/limit", Value::Null)), "limit");
    refused(&devices(changed(page(), "/links", Value::Null)), "links");
    refused(
        &begin(changed(activity("ASSIGN_DEVICES"), "/data/relationships/devices", Value::Null)),
        "devices",
    );
    refused(&asked("POST", "/v1/orgDeviceActivities", "", Value::Null), "body");
    let empty = json!({ "data": { "type": "mdmServers", "id": ID, "attributes": {} } });
    refused(&asked("PATCH", &format!("/v1/mdmServers/{ID}"), "", empty), "attributes");
    let bad = json!({ "errors": [{ "status": "400", "title": "t", "detail": "d" }] });
    refused(&answered(asked("GET", "/v1/orgDevices", "", Value::Null), 400, bad), "code");
    refused(
        &answered(asked("GET", "/v1/orgDevices", "", Value::Null), 400, json!({ "errors": [] })),
        "errors",
    );
    refused(
        &answered(asked("GET", "/v1/orgDevices", "", Value::Null), 401, json!("no")),
        "document of errors",
    );
}

#[test]
fn what_an_activity_names_follows_from_its_kind() {
    if !is_here() {
        return;
    }
    refused(&begin(moving("ASSIGN_DEVICES", false, false)), "needs mdmServer");
    refused(&begin(moving("UNASSIGN_DEVICES", false, false)), "needs mdmServer");
    refused(&begin(moving("ASSIGN_DEVICES", true, true)), "has no deadline");
    refused(&begin(moving("ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", true, false)), "needs deadline");
    refused(&begin(moving("UPDATE_MDM_MIGRATION_DEADLINE", true, true)), "has no mdmServer");
    refused(&begin(moving("CANCEL_MDM_MIGRATION", true, false)), "has no mdmServer");
    refused_at("school", &begin(moving("RELEASE_DEVICES", false, false)), Side::Both, "School");
    let mut body = activity("ASSIGN_DEVICES");
    body["data"]["relationships"]["devices"]["data"] = json!([]);
    refused(&begin(body.clone()), "without devices");
    let one = json!({ "type": "orgDevices", "id": "A" });
    body["data"]["relationships"]["devices"]["data"] = json!([one, one]);
    refused(&begin(body), "names A twice");
}

#[test]
fn what_the_api_does_not_have_is_refused() {
    if !is_here() {
        return;
    }
    refused(&asked("GET", "/v1/orgDeviceActivities", "", Value::Null), "no such method");
    refused(&asked("GET", &format!("/v1/mdmServers/{ID}/devices"), "", Value::Null), "no such path");
    refused(&asked("GET", "/v2/orgDevices", "", Value::Null), "no such path");
    refused(&asked("GET", "/v1/orgDevices", "", json!({})), "body");
    for (method, path) in [
        ("POST", "/v1/mdmServers".to_owned()),
        ("PATCH", format!("/v1/mdmServers/{ID}")),
        ("DELETE", format!("/v1/mdmServers/{ID}")),
        ("GET", "/v1/orgDevices/X/activationLockStatus".to_owned()),
    ] {
        refused_at("school", &asked(method, &path, "", Value::Null), Side::Both, "School does not have this");
    }
}

#[test]
fn parameters_are_known_once_and_within_bounds() {
    if !is_here() {
        return;
    }
    let query = |query: &str| asked("GET", "/v1/orgDevices", query, Value::Null);
    refused(&query("limit=1000&limit=1000"), "twice");
    refused(&query("limit=0"), "1 to 1000");
    refused(&query("limit=1001"), "1 to 1000");
    refused(&query("cursor="), "empty");
    refused(&query("filter[status]=ASSIGNED"), "filter[status]");
    refused(&query("fields[orgDevices]=status,isMdmMigrationCapable"), "isMdmMigrationCapable");
    refused(&query("fields[mdmServers]=status"), "fields[mdmServers]");
    refused(&asked("GET", "/v1/orgDevices/X", "limit=1", Value::Null), "limit");
    refused(&asked("POST", "/v1/orgDeviceActivities", "limit=1", activity("ASSIGN_DEVICES")), "limit");
}

#[test]
fn json_has_to_be_welcome_and_a_bearer_there() {
    let Some(judge) = BusinessJudge::from_env() else { return };
    let with = |accept: Option<&str>, authorization: Option<&str>| {
        let own = |text: &str| text.to_owned();
        let headers = Headers { accept: accept.map(own), authorization: authorization.map(own) };
        judge.exchange("business", &asked("GET", "/v1/orgDevices", "", Value::Null), &headers, Side::Both)
    };
    assert_eq!(with(Some("text/html, application/json;q=0.9"), Some("Bearer")), Ok(()));
    assert!(with(None, Some("Bearer")).is_err());
    assert!(with(Some("*/*"), Some("Bearer")).is_err());
    assert!(with(Some("application/json"), None).is_err());
    assert!(with(Some("application/json"), Some("Basic")).is_err());
}

#[test]
fn a_status_belongs_to_its_operation_and_a_code_to_its_status() {
    if !is_here() {
        return;
    }
    let list = |status, body| answered(asked("GET", "/v1/mdmServers", "", Value::Null), status, body);
    refused(&list(404, refusal(404, "NOT_FOUND")), "never ends with status 404");
    refused(&list(409, refusal(409, "FAILED_PRECONDITION")), "409");
    refused(&list(201, single(server())), "201");
    refused(&list(403, refusal(403, "NOT_FOUND")), "does not go with");
    passes(&list(403, refusal(403, "FORBIDDEN_ERROR")));
    refused(
        &answered(asked("POST", "/v1/orgDeviceActivities", "", activity("ASSIGN_DEVICES")), 200, begun()),
        "200",
    );
    let wrong = answered(
        asked("POST", "/v1/orgDeviceActivities", "", activity("ASSIGN_DEVICES")),
        409,
        refusal(409, "ENTITY_ERRORS"),
    );
    refused(&wrong, "ENTITY_ERRORS");
}

#[test]
fn pages_keep_to_their_limit_and_lead_on() {
    if !is_here() {
        return;
    }
    refused(&devices(changed(page(), "/data", json!([device(), device()]))), "1 was the limit");
    refused(&devices(changed(page(), "/meta/paging/limit", json!(100))), "limit of 100");
    let elsewhere = format!("{ROOT}/v1/mdmServers?cursor=MD");
    refused(&devices(changed(page(), "/links/next", json!(elsewhere))), "does not lead on");
    refused(
        &devices(changed(page(), "/links/next", json!(format!("{ROOT}/v1/orgDevices?cursor=ME")))),
        "lead on",
    );
    refused(&devices(changed(page(), "/links/next", json!("/v1/orgDevices?cursor=MD"))), "no URL");
    refused(&devices(changed(page(), "/meta/paging/nextCursor", Value::Null)), "no cursor");
    let mut told = page();
    told["data"][0]["attributes"]["releasedFromOrgDateTime"] = json!("2025-05-01T03:21:44.685Z");
    refused(&devices(told), "a list does not tell");
}

#[test]
fn states_of_activities_and_new_services_are_consistent() {
    if !is_here() {
        return;
    }
    let read = |answer| get("/v1/orgDeviceActivities/b1", "", answer);
    refused(&read(changed(ended(), "/data/attributes/status", json!("STOPPED"))), "downloadUrl");
    refused(&read(changed(ended(), "/data/attributes/status", json!("DONE"))), "/data/attributes/status");
    refused(&read(changed(ended(), "/data/attributes/subStatus", json!("PROCESSING"))), "PROCESSING");
    refused(&read(changed(ended(), "/data/attributes/downloadUrl", json!("log.csv"))), "downloadUrl");
    let done =
        answered(asked("POST", "/v1/orgDeviceActivities", "", activity("ASSIGN_DEVICES")), 201, ended());
    refused(&done, "a new activity");
    let made = |answer| answered(asked("POST", "/v1/mdmServers", "", create()), 201, single(answer));
    refused(&made(changed(server(), "/attributes/enableMdmDisownFlag", json!(true))), "enableMdmDisownFlag");
    refused(&made(changed(server(), "/attributes/deviceCount", json!(1))), "no devices");
}

#[test]
fn our_own_answers_have_no_member_that_nobody_described() {
    if !is_here() {
        return;
    }
    let mut added = page();
    added["data"][0]["attributes"]["addedNextYear"] = json!(1);
    assert_eq!(judged("business", &devices(added.clone()), Side::Both), Ok(()));
    refused_at("business", &devices(added), Side::Own, "addedNextYear");
    refused_at("business", &devices(json!("{\"data\":[")), Side::Own, "answer at");
    assert_eq!(
        judged("business", &devices(json!("{\"data\":[")), Side::Both),
        Ok(()),
        "it was cut on purpose"
    );
    refused(&devices(json!("not JSON at all")), "answer at");
}

#[test]
fn requests_that_are_wrong_on_purpose_leave_the_answers_to_be_judged() {
    let Some(judge) = BusinessJudge::from_env() else { return };
    let wrong =
        |code| answered(asked("GET", "/v1/orgDevices", "limit=0", Value::Null), 400, refusal(400, code));
    let none = Headers::default();
    assert_eq!(judge.exchange("business", &wrong("PARAMETER_ERROR.INVALID"), &none, Side::Answers), Ok(()));
    assert!(judge.exchange("business", &wrong("LIMIT"), &none, Side::Answers).is_err());
    let path =
        answered(asked("GET", "/v1/nothing", "", Value::Null), 404, refusal(404, "PATH_ERROR.NOT_FOUND"));
    assert_eq!(judge.exchange("business", &path, &none, Side::Answers), Ok(()));
}

/// A line of a recording of the token endpoint.
fn sign_in() -> Value {
    let client = "BUSINESSAPI.11111111-2222-4333-8444-555555555555";
    json!({
        "service": "account", "operation": "token", "method": "POST", "path": "/auth/oauth2/token", "query": "",
        "requestHeaders": { "content-type": "application/x-www-form-urlencoded" },
        "requestBody": {
            "grant_type": "client_credentials", "client_id": client, "scope": "business.api",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": {
                "header": { "alg": "ES256", "kid": "k", "typ": "JWT" },
                "claims": { "iss": client, "sub": client, "aud": "https://account.apple.com/auth/oauth2/v2/token",
                            "iat": 1_700_000_000, "exp": 1_700_001_200, "jti": "1" },
                "signatureBytes": 64,
            },
        },
        "status": 200,
        "responseBody": { "access_token": "[secret]", "token_type": "Bearer", "expires_in": 3600 },
    })
}

/// A line of a recording of the storage.
fn download() -> Value {
    let log = "OPERATION,ASSIGN_DEVICES\r\nACTIVITY_ID,1\r\nSTARTED AT,x\r\nENDED AT,x\r\nSTATUS,COMPLETED\r\n\
               SUB_STATUS,COMPLETED_WITH_SUCCESS\r\n\r\nserial_number,operation_status,operation_substatus\r\n";
    json!({
        "service": "storage", "operation": "download log", "method": "GET", "path": "/activity-logs/1/a.csv",
        "query": "[secret]", "requestHeaders": {}, "requestBody": null, "status": 200, "responseBody": log,
    })
}

fn of_lines(lines: &[Value], side: Side) -> Option<Vec<String>> {
    let judge = BusinessJudge::from_env()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("exchanges.jsonl");
    let text: Vec<String> = lines.iter().map(Value::to_string).collect();
    std::fs::write(&file, text.join("\n")).expect("a file in a fresh folder");
    Some(judge.file(&file, side))
}

#[track_caller]
fn line_refused(line: Value, word: &str) {
    let Some(faults) = of_lines(&[line], Side::Own) else { return };
    assert!(faults.iter().any(|fault| fault.contains(word)), "no word of {word:?} in {faults:#?}");
}

#[test]
fn a_bearer_is_asked_for_in_the_one_way() {
    assert!(of_lines(&[sign_in(), download()], Side::Own).is_none_or(|faults| faults.is_empty()));
    let assertion = "/requestBody/client_assertion";
    for (place, value, word) in [
        ("/path".to_owned(), json!("/oauth2/token"), "no bearers are given"),
        ("/method".to_owned(), json!("GET"), "not asked for with"),
        ("/requestHeaders/content-type".to_owned(), json!("application/json"), "no form"),
        ("/requestHeaders/authorization".to_owned(), json!("Bearer"), "is given an authorization"),
        ("/requestBody/grant_type".to_owned(), json!("password"), "grant_type"),
        ("/requestBody/scope".to_owned(), json!("school.api"), "scope"),
        ("/requestBody/client_id".to_owned(), json!("1"), "client_id"),
        ("/requestBody/client_assertion_type".to_owned(), Value::Null, "client_assertion_type"),
        ("/requestBody/client_secret".to_owned(), json!("[secret]"), "client_secret"),
        ("/requestBody/client_assertion".to_owned(), Value::Null, "no assertion"),
        (format!("{assertion}/header/alg"), json!("RS256"), "alg"),
        (format!("{assertion}/header/typ"), json!("jwt"), "typ"),
        (format!("{assertion}/header/kid"), json!(""), "kid"),
        (format!("{assertion}/claims/iss"), json!("x"), "iss"),
        (format!("{assertion}/claims/sub"), Value::Null, "sub"),
        (format!("{assertion}/claims/aud"), json!("https://account.apple.com/auth/oauth2/token"), "aud"),
        (format!("{assertion}/claims/jti"), json!(""), "jti"),
        (format!("{assertion}/claims/iat"), json!("now"), "iat or exp"),
        (format!("{assertion}/claims/exp"), json!(1_700_000_000 + 180 * 86_400 + 1), "180 days"),
        (format!("{assertion}/claims/exp"), json!(1_700_000_000), "180 days"),
        (format!("{assertion}/claims/scope"), json!("x"), "not known"),
        (format!("{assertion}/signatureBytes"), json!(71), "64"),
        ("/status".to_owned(), json!(401), "does not answer 401"),
        ("/responseBody/access_token".to_owned(), json!("abc"), "the bearer itself"),
        ("/responseBody/expires_in".to_owned(), json!(60), "60"),
        ("/responseBody/refresh_token".to_owned(), json!("x"), "refresh_token"),
        ("/responseBody/token_type".to_owned(), Value::Null, "token_type"),
    ] {
        line_refused(changed(sign_in(), &place, value), word);
    }
}

#[test]
fn a_log_is_read_without_the_bearer_and_is_a_log() {
    let log = download()["responseBody"].as_str().expect("a text").to_owned();
    for (place, value, word) in [
        ("/requestHeaders/authorization", json!("Bearer"), "is given an authorization"),
        ("/method", json!("PUT"), "only read"),
        ("/query", json!(""), "signed"),
        ("/responseBody", json!(log.replace("operation_status", "result")), "operation_status"),
        ("/responseBody", json!(log.replace("SUB_STATUS,", "DETAIL,")), "SUB_STATUS"),
        ("/responseBody", json!("<html></html>"), "no table"),
    ] {
        line_refused(changed(download(), place, value), word);
    }
}

#[test]
fn lines_of_other_services_are_left_to_others() {
    let line = |service: &str, authorization: &str| {
        json!({
            "service": service, "operation": "list devices", "method": "GET", "path": "/v1/orgDevices",
            "query": "limit=1", "requestHeaders": { "accept": "application/json", "authorization": authorization },
            "requestBody": null, "status": 200, "responseBody": page(),
        })
    };
    let lines = [line("graph", "Basic"), line("business", "Bearer"), line("school", "Basic")];
    let Some(faults) = of_lines(&lines, Side::Both) else { return };
    assert_eq!(faults, ["line 3: school: GET /v1/orgDevices: the request has no bearer"]);
}
