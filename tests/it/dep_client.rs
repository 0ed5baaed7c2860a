//! The client of Apple's enrollment service held to Apple's own schemas and to recorded answers: every
//! request that it can send is closed, and what was seen in the world is read whole.
//!
//! Disowning is not here: nothing can ask for it. Its body is that of the details.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use espalier::http::{Reach, client};
use espalier::model::clock::SystemClock;
use espalier::model::{Family, Serial, ServerToken};
use espalier::provider::dep::{
    Cursor, DepActuator, DepClient, DepObserver, DepSettings, DeviceOs, Ended, PAGE_LIMIT, ProfileStatus,
    Synced, read_details, read_page,
};
use espalier::sim::{Options, Sim};
use serde_json::{Value, json};
use url::Url;

use crate::direct::stand;
use crate::support::contract::contracts_folder;
use crate::support::http::{Request, Server};

fn document(folder: &Path, path: &str) -> Value {
    let text = std::fs::read_to_string(folder.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The faults of a request's body under Apple's schema of that name, closed.
fn faults(folder: &Path, schema: &str, body: &Value) -> Vec<String> {
    let mut schema = document(folder, &format!("apple-device-services/dep/schemas/{schema}.json"));
    schema["additionalProperties"] = json!(false);
    let validator = jsonschema::options().should_validate_formats(true).build(&schema).expect("a schema");
    validator.iter_errors(body).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Which schema the body of a request has to satisfy; `None`: it must have none.
fn schema_for(line: &str) -> Option<&'static str> {
    match line {
        "GET /session" | "GET /account" => None,
        "POST /server/devices" => Some("FetchDeviceRequest"),
        "POST /devices/sync" => Some("SyncDeviceRequest"),
        "POST /devices" => Some("DeviceListRequest"),
        "POST /profile" => Some("Profile"),
        "POST /profile/devices" => Some("ProfileServiceRequest"),
        "DELETE /profile/devices" => Some("ClearProfileRequest"),
        "POST /account-driven-enrollment/profile" => Some("AccountDrivenEnrollmentProfileRequest"),
        "GET /account-driven-enrollment/profile" | "DELETE /account-driven-enrollment/profile" => None,
        "GET /profile?profile_uuid=P1" | "GET /device/replacementDetails?device=B" => None,
        other => panic!("Apple knows no {other}"),
    }
}

fn answer(line: &str, body: &str) -> Value {
    let page = |cursor: &str, more: bool| json!({ "devices": [], "fetched_until": "2026-01-01T00:00:00Z", "more_to_follow": more, "cursor": cursor });
    match line {
        "GET /session" => json!({ "auth_session_token": "s" }),
        "POST /server/devices" => page("c2", !body.contains("cursor")),
        "POST /devices/sync" => page("c4", !body.contains("c4")),
        "POST /profile" => json!({ "profile_uuid": "P1", "devices": {} }),
        "GET /profile?profile_uuid=P1" => json!({ "profile_uuid": "P1" }),
        _ => json!({ "devices": {} }),
    }
}

fn token() -> ServerToken {
    let text = json!({
        "consumer_key": "CK_1", "consumer_secret": "CS_1", "access_token": "AT_1", "access_secret": "AS_1",
        "access_token_expiry": "2099-01-01T00:00:00Z",
    });
    ServerToken::from_json(&text.to_string()).expect("a server token")
}

fn done<T>(end: Ended<T>) -> T {
    match end {
        Ended::Done(done) => done,
        Ended::Refused(error) | Ended::NotSent(error) | Ended::Lost(error) => panic!("{error}"),
    }
}

/// Everything that the client can send, once or more.
async fn everything(client: DepClient) {
    let observer = DepObserver::new(client.clone());
    let actuator = DepActuator::new(client);
    let serials = ["A", "B"].map(|text| Serial::new(text).expect("a serial"));
    observer.account().await.expect("an account");
    let cursor = observer.fetch(&mut |_| {}, &mut |_| {}).await.expect("all devices");
    assert_eq!(cursor.as_str(), "c2");
    let Synced::Done { .. } =
        observer.sync(&Cursor::new("c3".into()).expect("a cursor"), &mut |_| {}).await.expect("the changes")
    else {
        panic!("the cursor is good")
    };
    observer.details(&serials, &mut |_| {}).await.expect("details");
    observer.profile("P1").await.expect("a profile");
    observer.account_driven_url().await.expect("a URL or none");
    observer.replacement(&serials[1]).await.expect("a replacement");
    let profile = json!({ "profile_name": "n", "url": "https://mdm.example.com/x", "org_magic": "m",
                          "is_mdm_removable": false, "is_supervised": true });
    done(actuator.define(profile.as_object().expect("an object")).await);
    done(actuator.assign("P1", &serials).await);
    done(actuator.remove(&serials).await);
    let url = Url::parse("https://mdm.example.com/d").expect("a URL");
    done(actuator.set_account_driven_url(Some(&url)).await);
    done(actuator.set_account_driven_url(None).await);
}

#[test]
fn every_request_satisfies_apples_schemas() {
    let Some(folder) = contracts_folder() else { return };
    let seen: Arc<Mutex<Vec<(String, String, String)>>> = Arc::default();
    let notes = Arc::clone(&seen);
    let server = Server::start(move |request: &Request| {
        let line: Vec<&str> = request.head.split_whitespace().take(2).collect();
        let line = line.join(" ");
        let answer = answer(&line, &request.body);
        notes.lock().expect("the notes").push((line, request.head.clone(), request.body.clone()));
        (200, answer.to_string())
    });
    let settings = DepSettings {
        base: Url::parse(server.url()).expect("its address"),
        token: token(),
        clock: Arc::new(SystemClock),
        user_agent: "espalier-test/1".into(),
        patience: Duration::ZERO,
        page_limit: PAGE_LIMIT,
    };
    let client = DepClient::new(settings, client(Reach::Loopback).expect("a client"));
    tokio::runtime::Runtime::new().expect("a runtime").block_on(everything(client));
    let seen = seen.lock().expect("the notes");
    assert_eq!(seen.len(), 15, "{seen:#?}");
    for (line, head, body) in seen.iter() {
        let head = head.to_ascii_lowercase();
        for field in [
            "x-server-protocol-version: 10",
            "content-type: application/json;charset=utf8",
            "user-agent: espalier-test/1",
        ] {
            assert!(head.contains(field), "{line} has no {field}");
        }
        match schema_for(line) {
            None => assert!(body.is_empty(), "{line} has a body: {body}"),
            Some(schema) => {
                let body = serde_json::from_str(body).unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(faults(&folder, schema, &body), Vec::<String>::new(), "{line}");
            }
        }
    }
}

/// The judge above judged: a member that Apple does not know, and a limit that it does not grant.
#[test]
fn a_request_that_apple_does_not_know_is_refused() {
    let Some(folder) = contracts_folder() else { return };
    for (schema, body) in [
        ("FetchDeviceRequest", json!({ "limit": 1000, "page": 1 })),
        ("FetchDeviceRequest", json!({ "limit": 1001 })),
        ("SyncDeviceRequest", json!({ "limit": 1000 })),
        ("ProfileServiceRequest", json!({ "devices": ["A"], "uuid": "P" })),
        ("DeviceListRequest", json!({ "devices": [1] })),
    ] {
        assert!(!faults(&folder, schema, &body).is_empty(), "{schema} lets {body} pass");
    }
}

#[test]
fn recorded_answers_are_read() {
    let Some(folder) = contracts_folder() else { return };
    let recorded = |name: &str| {
        std::fs::read(folder.join(format!("recorded/dep/{name}.json"))).expect("a recorded answer")
    };
    let time = |text: &str| Some(text.parse().expect("a time"));
    let mut rows = 0;
    let mut check = |row: espalier::provider::dep::DeviceRow<'_>| {
        rows += 1;
        assert_eq!(row.serial(), Serial::new("C02T0HL0GGC0"));
        assert_eq!((row.device_family, row.os), (Some(Family::Mac), Some(DeviceOs::Osx)));
        assert_eq!(row.profile_status, Some(ProfileStatus::Assigned));
        assert_eq!(row.profile(), Some("C1F123098EB5074580041E69883004C3"));
        assert_eq!(row.profile_assign_time, time("2018-09-08T16:49:09Z"));
        assert_eq!(row.device_assigned_date, time("2017-10-16T01:55:30Z"));
        assert_eq!(row.device_assigned_by.as_deref(), Some("apple-dep@acme.co"));
        assert!(row.is_accessible());
    };
    let page = read_page(&recorded("device_response"), &mut check).expect("a page");
    assert!(page.rows == 1 && !page.more_to_follow && page.cursor.starts_with("MDowOjE1MzY0Mjc2"));
    assert_eq!(read_details(&recorded("device_details_response"), &mut check).expect("details"), 1);
    assert_eq!(rows, 2);
    let empty = read_page(&recorded("empty_sync_response"), &mut |_| panic!("no row")).expect("a page");
    assert!(empty.rows == 0 && empty.cursor.starts_with("MDowOjE1MzY0Mjg0"));

    let account = recorded("account_response");
    let profile = recorded("fetch_profile_response");
    let server = Server::start(move |request: &Request| {
        let body = match request.head.split_whitespace().nth(1) {
            Some("/session") => b"{\"auth_session_token\":\"s\"}".to_vec(),
            Some("/account") => account.clone(),
            _ => profile.clone(),
        };
        (200, String::from_utf8(body).expect("text"))
    });
    let settings = DepSettings {
        base: Url::parse(server.url()).expect("its address"),
        token: token(),
        clock: Arc::new(SystemClock),
        user_agent: "espalier-test/1".into(),
        patience: Duration::ZERO,
        page_limit: PAGE_LIMIT,
    };
    let observer = DepObserver::new(DepClient::new(settings, client(Reach::Loopback).expect("a client")));
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let account = observer.account().await.expect("an account");
        assert_eq!(account.server_uuid.as_deref(), Some("6666ED66666666666666666666666666"));
        assert_eq!(account.administrator(), Some("apple-dep@acme.co"));
        let pages = account.urls.iter().find(|url| url.uri.as_deref() == Some("/server/devices"));
        assert_eq!(pages.and_then(|url| url.limit).and_then(|limit| limit.default), Some(1000));
        let record = observer.profile("x").await.expect("an answer").expect("a profile");
        assert_eq!(record.profile_uuid, "C1F123098EB5074580041E69883004C3");
        let stands = document(&folder, "recorded/dep/fetch_profile_response.json");
        assert_eq!(Value::Object(record.members), stands);
    });
}

/// A wrong clock makes every signature wrong; the date of the refusal tells it from a wrong secret.
#[tokio::test]
async fn t6_a_wrong_clock_is_told_from_a_wrong_secret() {
    let sim = Sim::start(Options::new(stand::world(vec![stand::service("alpha", 0, 1)])));
    let sim = sim.await.expect("ports on loopback");
    let issued = sim.server_token("alpha").expect("a service");
    let refused = async |secret: &str| {
        let text = json!({
            "consumer_key": issued.consumer_key, "consumer_secret": issued.consumer_secret,
            "access_token": issued.access_token, "access_secret": secret,
            "access_token_expiry": "2099-01-01T00:00:00Z",
        });
        let settings = DepSettings {
            base: Url::parse(&sim.addresses().dep).expect("its address"),
            token: ServerToken::from_json(&text.to_string()).expect("a server token"),
            clock: sim.clock(),
            user_agent: "espalier-test/1".into(),
            patience: Duration::ZERO,
            page_limit: PAGE_LIMIT,
        };
        let observer = DepObserver::new(DepClient::new(settings, client(Reach::Loopback).expect("a client")));
        observer.account().await.err().map(|error| (error.code(), error.to_string()))
    };
    assert_eq!(refused(&issued.access_secret).await, None);
    let (code, _) = refused("AS_1").await.expect("a refusal");
    assert_eq!(code, "signature-invalid", "the clock is right");
    sim.add_fault(serde_json::from_value(json!({"fault": "clock-skew"})).expect("a fault"));
    for secret in [&issued.access_secret, "AS_1"] {
        let (code, message) = refused(secret).await.expect("a refusal");
        assert_eq!(code, "clock-skew");
        for time in ["2026-11-02T08:00:00Z", "2026-11-02T08:10:00Z"] {
            assert!(message.contains(time), "{message}");
        }
    }
}
