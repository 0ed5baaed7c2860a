//! Every fault of the enrollment service does what its name says.

use super::*;

const ASSIGN: &str = "profile.devices.post";

fn assignments(desk: &Desk) -> u64 {
    desk.sim.with_world(|world| world.history.apple.assignments.values().sum())
}

#[tokio::test]
async fn an_answer_is_lost_before_or_after_the_effect() {
    let mut desk = Desk::new().await;
    let uuid = desk.define("iPads").await;
    let body = || Some(json!({"profile_uuid": uuid.clone(), "devices": ["DMPA1"]}));
    for (number, when) in [(0, "before"), (1, "after")] {
        for status in ["500", "502", "503", "504", "429", "401"] {
            desk.fault(json!({"fault": status, "operation": ASSIGN, "when": when}));
            let told = desk.ask("POST", "/profile/devices", body()).await;
            assert_eq!(told.status.to_string(), status, "{told:?}");
            assert_eq!(assignments(&desk), number, "{status} {when}");
            desk.sim.with_world(|world| world.history.apple.assignments.clear());
            desk.advance(86_400);
            desk.sign_in().await;
        }
        desk.fault(json!({"fault": "cut", "operation": ASSIGN, "when": when}));
        assert!(desk.try_ask("POST", "/profile/devices", body()).await.is_err());
        assert_eq!(assignments(&desk), number, "cut {when}");
        desk.sim.with_world(|world| world.history.apple.assignments.clear());
    }
    desk.fault(json!({"fault": "429", "retryAfter": 7}));
    let told = desk.ask("GET", "/account", None).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (429, Some("7")));
    desk.fault(json!({"fault": "503", "retryAfter": 9}));
    assert_eq!(desk.ask("GET", "/account", None).await.retry_after.as_deref(), Some("9"));
    desk.fault(json!({"fault": "503"}));
    assert_eq!(desk.ask("GET", "/account", None).await.retry_after, None);
    desk.fault(json!({"fault": "garbage"}));
    let told = desk.ask("GET", "/account", None).await;
    assert!(told.status == 200 && serde_json::from_str::<Value>(&told.text).is_err(), "{told:?}");
    desk.fault(json!({"fault": "slow", "seconds": 40}));
    desk.get("/account").await;
}

#[tokio::test]
async fn codes_that_last_until_a_person_acts() {
    let mut desk = Desk::new().await;
    for (name, status, code) in [
        ("terms", 403, "T_C_NOT_SIGNED"),
        ("access-denied", 403, "ACCESS_DENIED"),
        ("token-rejected", 403, "token_rejected"),
        ("signature-invalid", 403, "signature_invalid"),
        ("token-expired", 401, "token_expired"),
        ("user-agent", 400, "USER_AGENT_INVALID"),
        ("403", 403, "ACCESS_DENIED"),
    ] {
        let id = desk.fault(json!({"fault": name}));
        for _ in 0..2 {
            assert_eq!(desk.refused("GET", "/account", None).await, (status, code.to_owned()), "{name}");
        }
        let told = desk.try_sign_in(&desk.token).await;
        assert_eq!((told.status, told.text.as_str()), (status, code), "{name}");
        assert_eq!(desk.sim.fault_hits(&id), Some(3), "{name}");
        desk.sim.clear_faults();
        desk.get("/account").await;
    }
    desk.fault(json!({"fault": "clock-skew"}));
    desk.get("/account").await;
    let told = desk.try_sign_in(&desk.token).await;
    assert_eq!((told.status, told.text.as_str()), (401, "timestamp_refused"));
    desk.sim.clear_faults();
    desk.fault(json!({"fault": "seed-off"}));
    let told = desk.refused("GET", "/os-beta-enrollment/tokens", None).await;
    assert_eq!(told, (403, "APPLE_SEED_FOR_IT_TURNED_OFF".to_owned()));
}

#[tokio::test]
async fn answers_are_dated_by_the_clock_of_the_service() {
    let mut desk = Desk::new().await;
    let dated = |told: &Told, date: &str| assert_eq!(told.date.as_deref(), Some(date), "{told:?}");
    dated(&desk.ask("GET", "/account", None).await, "Mon, 02 Nov 2026 08:00:00 GMT");
    desk.advance(90_061);
    let bad = desk.header(&desk.token, &desk.nonce(), 0, "HMAC-SHA1");
    let told = desk.sign_in_by(&bad).await;
    assert_eq!((told.status, told.text.as_str()), (401, "timestamp_refused"));
    dated(&told, "Tue, 03 Nov 2026 09:01:01 GMT");
    // A refusal that a fault demands is no exception.
    desk.fault(json!({"fault": "terms", "times": 1}));
    dated(&desk.try_sign_in(&desk.token).await, "Tue, 03 Nov 2026 09:01:01 GMT");

    for (fault, ahead, date) in [
        (json!({"fault": "clock-skew"}), 600, "Tue, 03 Nov 2026 09:11:01 GMT"),
        (json!({"fault": "clock-skew", "seconds": 3600}), 3600, "Tue, 03 Nov 2026 10:01:01 GMT"),
    ] {
        let id = desk.fault(fault);
        let told = desk.try_sign_in(&desk.token).await;
        assert_eq!((told.status, told.text.as_str()), (401, "timestamp_refused"));
        dated(&told, date);
        // Who signs by the clock of the service gets in.
        let good = desk.header(&desk.token, &desk.nonce(), desk.now() + ahead, "HMAC-SHA1");
        assert_eq!(desk.sign_in_by(&good).await.status, 200);
        assert_eq!(desk.sim.fault_hits(&id), Some(2));
        desk.sim.clear_faults();
    }
    dated(&desk.try_sign_in(&desk.token).await, "Tue, 03 Nov 2026 09:01:01 GMT");
}

#[tokio::test]
async fn sessions_are_replaced_ended_and_empty_on_demand() {
    let mut desk = Desk::new().await;
    let old = desk.session.clone();
    desk.fault(json!({"fault": "rotate-session"}));
    desk.get("/account").await;
    assert_ne!(desk.session, old);
    let new = std::mem::replace(&mut desk.session, old);
    assert_eq!(desk.refused("GET", "/account", None).await.0, 401);
    desk.session = new;
    desk.get("/account").await;
    for fault in ["expire-session", "expired-bearer"] {
        desk.fault(json!({"fault": fault}));
        for _ in 0..2 {
            assert_eq!(desk.refused("GET", "/account", None).await, (401, "UNAUTHORIZED".to_owned()));
        }
        desk.sign_in().await;
    }
    desk.fault(json!({"fault": "forbidden"}));
    assert_eq!(desk.refused("GET", "/account", None).await, (403, "FORBIDDEN".to_owned()));
    desk.get("/account").await;
    desk.fault(json!({"fault": "empty-session"}));
    assert_eq!(desk.try_sign_in(&desk.token).await.json(), json!({"auth_session_token": ""}));
}

#[tokio::test]
async fn a_fault_may_concern_one_service_only() {
    let mut desk = Desk::new().await;
    for within in [SOUTH.to_owned(), desk.uuid(SOUTH)] {
        desk.fault(json!({"fault": "terms", "within": within}));
        desk.get("/account").await;
        assert_eq!(desk.try_sign_in(&desk.token).await.status, 200);
        let south = desk.sim.server_token(SOUTH).unwrap();
        assert_eq!(desk.try_sign_in(&south).await.text, "T_C_NOT_SIGNED");
        desk.sim.clear_faults();
    }
    desk.fault(json!({"fault": "500", "within": "/account"}));
    desk.read_all(100).await;
    assert_eq!(desk.ask("GET", "/account", None).await.status, 500);
}

#[tokio::test]
async fn lists_that_mislead() {
    let mut desk = Desk::new().await;
    let (_, cursor) = desk.read_all(1000).await;
    let list = "/server/devices";
    desk.fault(json!({"fault": "same-cursor", "times": 1}));
    let first = desk.post(list, json!({"limit": 2})).await;
    assert_eq!(first["more_to_follow"], true, "the first page has none to repeat");
    desk.sim.clear_faults();
    desk.fault(json!({"fault": "same-cursor"}));
    let again = desk.post(list, json!({"limit": 9, "cursor": first["cursor"]})).await;
    assert_eq!((&again["cursor"], &again["more_to_follow"]), (&first["cursor"], &json!(true)));
    let again = desk.post("/devices/sync", json!({"cursor": cursor})).await;
    assert_eq!((&again["cursor"], &again["more_to_follow"]), (&json!(cursor), &json!(true)));
    desk.sim.clear_faults();
    for (fault, code) in [
        ("expired-cursor", "EXPIRED_CURSOR"),
        ("invalid-cursor", "INVALID_CURSOR"),
        ("exhausted-cursor", "EXHAUSTED_CURSOR"),
    ] {
        desk.fault(json!({"fault": fault}));
        let told = desk.refused("POST", "/devices/sync", Some(json!({"cursor": cursor}))).await;
        assert_eq!(told, (400, code.to_owned()));
        desk.delta(&cursor).await;
    }
    desk.fault(json!({"fault": "duplicate-rows"}));
    let (rows, _) = desk.read_all(2).await;
    assert_eq!(serials(&rows), ["DMPA1", "DMPA2", "DMPA2", "C02MAC", "FCHPHONE", "FCHPHONE", "TVTV"]);
    desk.sim.clear_faults();
    desk.fault(json!({"fault": "page-error", "page": 2}));
    let first = desk.post(list, json!({"limit": 2})).await;
    let second = json!({"limit": 2, "cursor": first["cursor"]});
    assert_eq!(desk.refused("POST", list, Some(second.clone())).await.0, 500);
    desk.post(list, second).await;
    desk.by_hand(json!({"do": "moveDevices", "serials": ["TVTV"]})).await;
    desk.fault(json!({"fault": "deleted-rows"}));
    let (rows, _) = desk.read_all(2).await;
    assert_eq!((rows.len(), &rows[4]["op_type"]), (5, &json!("deleted")));
    desk.fault(json!({"fault": "unknown-members"}));
    desk.fault(json!({"fault": "empty-times"}));
    let row = desk.device("DMPA1").await;
    assert_eq!((&row["added_next_year"], &row["profile_push_time"]), (&json!(true), &json!("")));
}

#[tokio::test]
async fn devices_fail_one_by_one() {
    let mut desk = Desk::new().await;
    let uuid = desk.define("iPads").await;
    for (fault, result) in [
        ("throttle-devices", json!("THROTTLED")),
        ("fail-devices", json!("FAILED")),
        ("missing-serials", Value::Null),
    ] {
        for (when, expected) in [("before", 1), ("after", 2)] {
            desk.sim.with_world(|world| world.history.apple.assignments.clear());
            let id =
                desk.fault(json!({"fault": fault, "serials": ["DMPA1"], "when": when, "retryAfter": 60}));
            let told = desk.assign(&uuid, &["DMPA1", "DMPA2"]).await;
            assert_eq!((&told["devices"]["DMPA1"], &told["devices"]["DMPA2"]), (&result, &json!("SUCCESS")));
            let wait = if fault == "throttle-devices" { json!(60) } else { Value::Null };
            assert_eq!(told["retry_after_seconds"], wait);
            assert_eq!(assignments(&desk), expected, "{fault} {when}");
            assert_eq!(desk.sim.fault_hits(&id), Some(1));
            desk.advance(86_400);
            desk.sign_in().await;
        }
    }
    for (when, status) in [("before", "assigned"), ("after", "removed")] {
        desk.fault(json!({"fault": "fail-devices", "serials": ["DMPA1", "DMPB1"], "when": when}));
        let body = json!({"devices": ["DMPA1", "DMPB1"]});
        let told = desk.ask("DELETE", "/profile/devices", Some(body)).await.json();
        assert_eq!(told["devices"], json!({"DMPA1": "FAILED", "DMPB1": "NOT_ACCESSIBLE"}));
        assert_eq!(desk.device("DMPA1").await["profile_status"], status);
    }
    desk.fault(json!({"fault": "missing-serials", "operation": "devices.post", "serials": ["DMPA1"]}));
    let told = desk.post("/devices", json!({"devices": ["DMPA1", "DMPA2"]})).await;
    assert_eq!(told["devices"].as_object().unwrap().len(), 1);
    desk.version = "8";
    desk.fault(json!({"fault": "throttle-devices"}));
    let told = desk.assign(&uuid, &["DMPA1", "DMPA2"]).await;
    assert_eq!(told["devices"], json!({"DMPA1": "FAILED", "DMPA2": "FAILED"}));
    desk.fault(json!({"fault": "remove-profile", "serials": ["C02MAC"]}));
    assert_eq!(desk.assign(&uuid, &["C02MAC"]).await["devices"]["C02MAC"], "SUCCESS");
    assert_eq!(desk.device("C02MAC").await["profile_status"], "removed");
    let (_, cursor) = desk.read_all(1000).await;
    desk.assign(&uuid, &["C02MAC", "TVTV"]).await;
    desk.fault(json!({"fault": "delta-drops", "serials": ["TVTV"]}));
    let (rows, next) = desk.delta(&cursor).await;
    assert_eq!(serials(&rows), ["C02MAC"]);
    assert_eq!(desk.delta(&next).await.0.len(), 0, "it never comes");
}

#[tokio::test]
async fn the_vendors_own_simulator_answers_in_quotation_marks() {
    let mut desk = Desk::new().await;
    desk.fault(json!({"fault": "depsim"}));
    let told = desk.refused("GET", "/profile?profile_uuid=ABC", None).await;
    assert_eq!(told, (400, "\"NOT_FOUND\"".to_owned()));
    let told = desk.ask("POST", "/profile/devices", Some(json!({}))).await;
    assert_eq!(told.status, 405);
    desk.session = "nobody".to_owned();
    assert_eq!(desk.refused("GET", "/account", None).await, (403, "\"FORBIDDEN\"".to_owned()));
    assert_eq!(desk.try_sign_in(&desk.token).await.status, 400, "it wants its content type even here");
}

#[tokio::test]
async fn faults_of_one_vendor_do_not_strike_the_other() {
    let mut desk = Desk::new().await;
    for fault in ["no-segment", "ecv2", "late-visibility", "batch-item-500"] {
        let id = desk.fault(json!({"fault": fault}));
        desk.get("/account").await;
        assert_eq!(desk.sim.fault_hits(&id), Some(0), "{fault}");
    }
    let id = desk.fault(json!({"fault": "terms", "operation": "session.get"}));
    desk.get("/account").await;
    assert_eq!(desk.sim.fault_hits(&id), Some(0));
}
