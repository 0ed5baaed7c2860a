//! The ways in which the service misleads.

use super::*;

#[tokio::test]
async fn an_answer_is_lost_though_everything_happened() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    let operation = "deviceManagement.managedDevices.item.wipe.post";
    desk.fault(json!({"fault": "cut", "when": "after", "operation": operation}));
    assert!(desk.send("POST", &format!("{BASE}/{id}/wipe"), None).await.is_err());
    assert_eq!(desk.past(PHONE).requests.len(), 1);
    desk.advance(60);
    assert_eq!(desk.past(PHONE).count(DeedKind::Wiped), 1);
    desk.sim.clear_faults();
    let id = desk.record(PAD).await;
    for (fault, when, left) in [("500", "before", 0), ("429", "before", 0), ("500", "after", 1)] {
        desk.fault(json!({"fault": fault, "when": when, "operation": operation}));
        let status = desk.ask("POST", &format!("{BASE}/{id}/wipe"), None).await.0;
        assert_eq!(status.to_string(), fault);
        assert_eq!(desk.past(PAD).requests.len(), left);
    }
}

#[tokio::test]
async fn results_are_empty_stale_or_without_secrets() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(MAC, "remoteLock", None).await;
    desk.advance(60);
    let results = async || desk.get(&format!("{BASE}/{id}")).await["deviceActionResults"].clone();
    let fault = |name: &str| {
        desk.sim.clear_faults();
        desk.fault(json!({"fault": name}))
    };
    let hit = fault("empty-results");
    assert_eq!(results().await, json!([]));
    assert_eq!(desk.sim.fault_hits(&hit), Some(1));
    fault("no-result-secrets");
    let seen = results().await;
    assert_eq!((&seen[0]["actionState"], &seen[0]["unlockPin"]), (&json!("done"), &Value::Null));
    fault("stale-results");
    assert_eq!(results().await, json!([]), "there was none before");
    desk.sim.clear_faults();
    let first = results().await[0].clone();
    desk.advance(60);
    desk.acted(MAC, "remoteLock", None).await;
    desk.advance(60);
    fault("stale-results");
    let seen = results().await;
    assert_eq!(seen[0]["startDateTime"], first["startDateTime"]);
    desk.sim.clear_faults();
    assert_eq!(results().await[0]["actionState"], "failed");
    for (habit, count) in [("empty", 0), ("withoutSecrets", 1), ("stale", 1)] {
        desk.by_hand(json!({"do": "changeDevice", "serial": MAC, "habits": {"results": habit}})).await;
        assert_eq!(results().await.as_array().unwrap().len(), count);
    }
}

#[tokio::test]
async fn names_of_actions_may_be_those_of_routes() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(PHONE, "retire", None).await;
    assert_eq!(desk.result(&id, "removeCompanyData").await["actionState"], "pending");
    let action_names = crate::sim::device::desk::ActionNames::Route;
    desk.behave(DeviceBehaviour { action_names, ..DeviceBehaviour::default() });
    assert_eq!(desk.result(&id, "retire").await["actionState"], "pending");
}

#[tokio::test]
async fn a_device_reports_failure_and_may_have_done_it_all_the_same() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!([
        {"do": "changeDevice", "serial": PHONE, "habits": {"fails": {"wipe": "after"}, "keepsOldRecord": true}},
        {"do": "changeDevice", "serial": PAD, "habits": {"fails": {"wipe": "before"}}},
    ]))
    .await;
    for device in [PHONE, PAD] {
        let id = desk.acted(device, "wipe", None).await;
        desk.advance(120);
        assert_eq!(desk.result(&id, "factoryReset").await["actionState"], "failed");
        assert_eq!(desk.get(&format!("{BASE}/{id}")).await["managementState"], "wipeFailed");
    }
    assert_eq!((desk.past(PHONE).count(DeedKind::Wiped), desk.past(PAD).count(DeedKind::Wiped)), (1, 0));
    desk.advance(3 * 3600);
    let rows = desk.rows(PHONE).await;
    assert_eq!(rows.len(), 2, "the old record stands beside the new one");
    assert_ne!(rows[0]["id"], rows[1]["id"]);
    assert_eq!(desk.rows(PAD).await.len(), 1);
}

#[tokio::test]
async fn two_records_of_one_serial() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    desk.by_hand(json!({"do": "duplicateRecord", "serial": PHONE, "id": "0000-ghost"})).await;
    let rows = desk.rows(PHONE).await;
    assert_eq!(rows.len(), 2);
    let path = format!("{BASE}/0000-ghost/wipe");
    assert_eq!(desk.ask("POST", &path, None).await.0, 204);
    desk.advance(86_400);
    let past = desk.past(PHONE);
    assert_eq!((past.requests.len(), past.deeds.len()), (1, 0), "there is no device behind it");
    assert_eq!(past.requests[0].record, "0000-ghost");
    assert_eq!(desk.ask("DELETE", &format!("{BASE}/0000-ghost"), None).await.0, 204);
    assert_eq!(desk.record(PHONE).await, id);
    desk.advance(86_400);
    assert_eq!(desk.past(PHONE).count(DeedKind::Retired), 0);
    // The same by fault, of all devices, in lists and by id.
    desk.fault(json!({"fault": "ghost-records"}));
    let rows = desk.rows(PAD).await;
    assert_eq!(rows.len(), 2);
    let ghost = rows[1]["id"].as_str().unwrap();
    assert_eq!(desk.get(&format!("{BASE}/{ghost}")).await["serialNumber"], PAD);
    assert_eq!(desk.ask("POST", &format!("{BASE}/{ghost}/wipe"), None).await.0, 204);
    desk.advance(86_400);
    let past = desk.past(PAD);
    assert_eq!((past.requests.len(), past.deeds.len()), (1, 0));
    let all = desk.get(BASE).await["value"].as_array().unwrap().len();
    assert_eq!(all, 10);
    desk.sim.clear_faults();
    assert_eq!(desk.ask("GET", &format!("{BASE}/{ghost}"), None).await.0, 404);
}

#[tokio::test]
async fn a_record_shows_another_serial() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    desk.fault(json!({"fault": "other-serial"}));
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["serialNumber"], "PHONE00X");
    assert_eq!(desk.rows(PHONE).await[0]["serialNumber"], PHONE);
    desk.sim.clear_faults();
    desk.by_hand(json!({"do": "changeRecord", "record": id, "serialNumber": "SWAPPED1", "notes": "board"}))
        .await;
    assert!(desk.rows(PHONE).await.is_empty());
    assert_eq!(desk.record("SWAPPED1").await, id);
    let notes = desk.get(&format!("{BASE}/{id}?$select=notes,serialNumber")).await;
    assert_eq!((&notes["notes"], &notes["serialNumber"]), (&json!("board"), &json!("SWAPPED1")));
    desk.by_hand(json!({"do": "changeRecord", "record": id})).await;
    assert_eq!(desk.record(PHONE).await, id);
}

#[tokio::test]
async fn people_change_what_a_request_relied_on() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "user": "eve@sim.example", "userDisplayName": "Eve",
        "model": "iPhone 17", "name": "Eves", "supervised": false, "osVersion": "27.0", "ownership": "personal"}))
    .await;
    let row = desk.get(&format!("{BASE}/{id}")).await;
    for (name, value) in [
        ("userPrincipalName", json!("eve@sim.example")),
        ("userDisplayName", json!("Eve")),
        ("model", json!("iPhone 17")),
        ("deviceName", json!("Eves")),
        ("isSupervised", json!(false)),
        ("osVersion", json!("27.0")),
        ("managedDeviceOwnerType", json!("personal")),
    ] {
        assert_eq!(row[name], value, "{name}");
    }
    desk.by_hand(json!({"do": "requestAction", "device": id, "action": "setDeviceName", "name": "By-hand"}))
        .await;
    desk.by_hand(json!({"do": "requestAction", "device": PAD, "action": "delete"})).await;
    desk.advance(60);
    assert!(desk.rows(PAD).await.is_empty());
    assert!(desk.past(PAD).deeds.iter().all(|deed| deed.by_person));
    assert_eq!(desk.past(PAD).accepted(crate::sim::device::ManagedAction::Delete), 0);
    let audits = desk.get("/deviceManagement/remoteActionAudits").await;
    assert_eq!(audits["value"][0]["initiatedByUserPrincipalName"], "admin@sim.example");
    for wrong in [
        json!({"do": "changeDevice", "serial": "NOBODY"}),
        json!({"do": "requestAction", "device": "NOBODY", "action": "wipe"}),
        json!({"do": "duplicateRecord", "serial": "C02AAA"}),
        json!({"do": "moveToToken", "serials": ["NOBODY"], "token": "School"}),
        json!({"do": "changeDeviceBehaviour", "tenant": "nobody", "behaviour": {}}),
    ] {
        assert_eq!(desk.control("POST", "/portal", Some(wrong)).await.0, 409);
    }
}
