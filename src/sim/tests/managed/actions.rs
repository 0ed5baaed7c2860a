//! Requests, their bodies, and what the device does about each.

use super::*;

#[tokio::test]
async fn an_action_takes_place_at_the_next_check_in() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(PHONE, "remoteLock", None).await;
    let result = desk.result(&id, "remoteLock").await;
    assert_eq!((&result["actionState"], &result["unlockPin"]), (&json!("pending"), &Value::Null));
    assert_eq!(desk.past(PHONE).count(DeedKind::Locked), 0);
    assert_eq!(desk.past(PHONE).requests.len(), 1);
    desk.advance(60);
    let result = desk.result(&id, "remoteLock").await;
    assert_eq!((&result["actionState"], &result["unlockPin"]), (&json!("done"), &Value::Null));
    assert_eq!(result["@odata.type"], "#microsoft.graph.remoteLockActionResult");
    let past = desk.past(PHONE);
    assert_eq!(past.count(DeedKind::Locked), 1);
    let (request, deed) = (&past.requests[0], &past.deeds[0]);
    assert_eq!(deed.request, Some(request.number));
    assert!(
        deed.at > request.at && deed.at <= result["lastUpdatedDateTime"].as_str().unwrap().parse().unwrap()
    );
    assert_eq!(past.count_in(DeedKind::Locked, &id, request.enrolled), 1);
    assert_eq!(past.count_in(DeedKind::Locked, &id, desk.instant()), 0);
}

#[tokio::test]
async fn slow_devices_take_hours_and_offline_ones_wait_until_they_are_back() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!([
        {"do": "changeDevice", "serial": PHONE, "reach": "offline"},
        {"do": "changeDevice", "serial": PAD, "reach": "slow"},
    ]))
    .await;
    desk.acted(PHONE, "wipe", None).await;
    desk.acted(PAD, "remoteLock", None).await;
    desk.advance(300);
    assert_eq!(desk.past(PAD).deeds.len(), 0);
    desk.advance(3 * 3600);
    assert_eq!(desk.past(PAD).deeds.len(), 1);
    desk.advance(20 * 86_400);
    assert_eq!(desk.past(PHONE).deeds.len(), 0);
    assert_eq!(desk.rows(PHONE).await[0]["managementState"], "wipePending");
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "reach": "online"})).await;
    desk.advance(21);
    assert_eq!(desk.past(PHONE).count(DeedKind::Wiped), 1);
}

#[tokio::test]
async fn bodies_are_read_strictly() {
    let desk = Desk::of_fleet().await;
    for (device, action, body) in [
        (PHONE, "wipe", json!({"unheardOf": true})),
        (PHONE, "wipe", json!({"keepUserData": false})),
        (PHONE, "wipe", json!({"keepEnrollmentData": true})),
        (PHONE, "wipe", json!({"macOsUnlockCode": ""})),
        (PHONE, "wipe", json!({"persistEsimDataPlan": "yes"})),
        (PHONE, "wipe", json!({"useProtectedWipe": false})),
        (MAC, "wipe", json!({"persistEsimDataPlan": true})),
        (MAC, "wipe", json!({"macOsUnlockCode": "12345"})),
        (MAC, "wipe", json!({"obliterationBehavior": "perhaps"})),
        (SCREEN, "wipe", json!({"persistEsimDataPlan": true})),
        (PHONE, "enableLostMode", json!({"footer": "x"})),
        (PHONE, "enableLostMode", json!({"message": 1})),
        (PHONE, "enableLostMode", json!({"message": "x", "footnote": "y"})),
        (PHONE, "playLostModeSound", json!({"durationInMinutes": 5})),
        (PHONE, "playLostModeSound", json!({"durationInMinutes": "long"})),
        (PHONE, "setDeviceName", json!({"deviceName": "12345"})),
        (PHONE, "setDeviceName", json!({"deviceName": "Ada's phone"})),
        (PHONE, "setDeviceName", json!({})),
        (PHONE, "deleteUserFromSharedAppleDevice", json!({})),
        (PHONE, "remoteLock", json!({"message": "x"})),
        (PHONE, "retire", json!([])),
    ] {
        let (status, answer) = desk.act(device, action, Some(body.clone())).await;
        assert_eq!(status, 400, "{action} {body}: {answer}");
    }
    assert!(desk.sim.with_world(|world| world.history.devices.is_empty()));
    for (device, action, body) in [
        (PHONE, "enableLostMode", json!({"message": "Lost", "phoneNumber": "1", "footer": null})),
        (MAC, "wipe", json!({"macOsUnlockCode": "123456", "obliterationBehavior": "default"})),
        (PHONE, "wipe", json!({"persistEsimDataPlan": true, "keepUserData": null})),
    ] {
        desk.acted(device, action, Some(body)).await;
    }
    let id = desk.record(PAD).await;
    assert_eq!(desk.ask("POST", &format!("{BASE}/{id}/explode"), None).await.0, 400);
    assert_eq!(desk.ask("POST", &format!("{BASE}/nobody/wipe"), None).await.0, 404);
    let text = String::from_utf8(desk.sim.with_world(|world| world.to_json())).unwrap();
    assert!(!text.contains("123456"), "a PIN is not kept");
}

#[tokio::test]
async fn what_a_platform_cannot_it_says() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!({"do": "changeDevice", "serial": PAD, "supervised": false})).await;
    for (device, action, name) in [
        (SCREEN, "remoteLock", "remoteLock"),
        (SCREEN, "resetPasscode", "resetPasscode"),
        (SCREEN, "bypassActivationLock", "bypassActivationLock"),
        (SCREEN, "shutDown", "shutDown"),
        (SCREEN, "locateDevice", "locateDevice"),
        (MAC, "resetPasscode", "resetPasscode"),
        (MAC, "locateDevice", "locateDevice"),
        (PAD, "rebootNow", "rebootNow"),
        (PAD, "bypassActivationLock", "bypassActivationLock"),
        (PAD, "logoutSharedAppleDeviceActiveUser", "logoutSharedAppleDeviceActiveUser"),
    ] {
        let id = desk.acted(device, action, None).await;
        desk.advance(60);
        assert_eq!(desk.result(&id, name).await["actionState"], "notSupported", "{action} of {device}");
        assert!(desk.past(device).deeds.is_empty());
    }
    let name = Some(json!({"deviceName": "x1"}));
    let id = desk.acted(PAD, "setDeviceName", name).await;
    desk.advance(60);
    assert_eq!(desk.result(&id, "setDeviceName").await["actionState"], "notSupported");
}

#[tokio::test]
async fn r1_without_a_passcode_nothing_locks() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(PHONE, "resetPasscode", None).await;
    desk.advance(60);
    let result = desk.result(&id, "resetPasscode").await;
    assert_eq!((&result["actionState"], &result["passcode"]), (&json!("done"), &Value::Null));
    desk.acted(PHONE, "remoteLock", None).await;
    desk.advance(60);
    assert_eq!(desk.result(&id, "remoteLock").await["actionState"], "failed");
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "passcode": true,
        "habits": {"unlockTokenBroken": true}}))
        .await;
    desk.acted(PHONE, "resetPasscode", None).await;
    desk.acted(PHONE, "remoteLock", None).await;
    desk.advance(60);
    assert_eq!(desk.result(&id, "resetPasscode").await["actionState"], "failed");
    assert_eq!(desk.result(&id, "remoteLock").await["actionState"], "done");
    assert_eq!(desk.past(PHONE).count(DeedKind::PasscodeCleared), 1);
}

#[tokio::test]
async fn a_mac_locks_by_a_pin_and_not_again_before_it_is_used() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(MAC, "remoteLock", None).await;
    desk.advance(60);
    let result = desk.result(&id, "remoteLock").await;
    let pin = result["unlockPin"].as_str().unwrap().to_owned();
    let number = desk.past(MAC).requests[0].number;
    assert_eq!((pin.len(), &pin), (6, &desk.sim.with_world(|world| world.unlock_pin(&serial(MAC), number))));
    // The list has it too.
    let listed = &desk.rows(MAC).await[0];
    assert_eq!(listed["deviceActionResults"][0]["unlockPin"], pin);
    desk.acted(MAC, "remoteLock", None).await;
    desk.advance(60);
    let result = desk.result(&id, "remoteLock").await;
    assert_eq!((&result["actionState"], &result["unlockPin"]), (&json!("failed"), &Value::Null));
    desk.by_hand(json!({"do": "changeDevice", "serial": MAC, "locked": false})).await;
    desk.acted(MAC, "remoteLock", None).await;
    desk.advance(60);
    assert_ne!(desk.result(&id, "remoteLock").await["unlockPin"], Value::Null);
    desk.acted(MAC, "syncDevice", None).await;
    assert_eq!(desk.result(&id, "remoteLock").await["unlockPin"], Value::Null, "until the next action");
    assert_eq!(desk.past(MAC).count(DeedKind::Locked), 2);
    desk.by_hand(json!({"do": "changeDevice", "serial": MAC, "locked": false})).await;
    desk.acted(MAC, "remoteLock", None).await;
    desk.advance(31 * 86_400);
    assert_eq!(desk.result(&id, "remoteLock").await["unlockPin"], Value::Null, "for 30 days");
}

#[tokio::test]
async fn lost_mode_comes_before_sound_and_place() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(PHONE, "locateDevice", None).await;
    desk.acted(PHONE, "disableLostMode", None).await;
    desk.advance(60);
    for name in ["locateDevice", "disableLostMode"] {
        assert_eq!(desk.result(&id, name).await["actionState"], "failed");
    }
    desk.acted(PHONE, "enableLostMode", Some(json!({"message": "Please call"}))).await;
    desk.acted(PHONE, "playLostModeSound", Some(json!({"durationInMinutes": "5"}))).await;
    desk.acted(PHONE, "locateDevice", None).await;
    desk.advance(60);
    let result = desk.result(&id, "locateDevice").await;
    assert!(result["deviceLocation"]["latitude"].as_f64().unwrap() >= 50.0, "{result}");
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["lostModeState"], "enabled");
    desk.acted(PHONE, "disableLostMode", None).await;
    desk.advance(60);
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["lostModeState"], "disabled");
    let kinds: Vec<DeedKind> = desk.past(PHONE).deeds.iter().map(|deed| deed.what).collect();
    use DeedKind::{Located, LostModeOff, LostModeOn, SoundPlayed};
    assert_eq!(kinds, [LostModeOn, SoundPlayed, Located, LostModeOff]);
}

#[tokio::test]
async fn a_name_is_reverted_where_the_profile_has_a_template() {
    let desk = Desk::of_fleet().await;
    let name = |text: &str| Some(json!({"deviceName": text}));
    let id = desk.acted(PHONE, "setDeviceName", name("Reception-1")).await;
    desk.advance(86_400);
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["deviceName"], "Reception-1");
    let members = json!({"deviceNameTemplate": "P-{{SERIAL}}"});
    desk.by_hand(json!({"do": "patchProfile", "token": "School", "profile": "Phones", "members": members}))
        .await;
    desk.acted(PHONE, "setDeviceName", name("Reception-2")).await;
    desk.advance(60);
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["deviceName"], "Reception-2");
    desk.advance(9 * 3600);
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["deviceName"], "P-PHONE001");
}

#[tokio::test]
async fn a_locked_phone_does_not_come_back_from_a_restart() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(PHONE, "rebootNow", None).await;
    desk.advance(120);
    desk.acted(PHONE, "syncDevice", None).await;
    desk.advance(120);
    assert_eq!(desk.result(&id, "syncDevice").await["actionState"], "done", "it was not locked");
    desk.acted(PHONE, "remoteLock", None).await;
    desk.acted(PHONE, "rebootNow", None).await;
    desk.advance(120);
    desk.acted(PHONE, "syncDevice", None).await;
    desk.advance(86_400);
    assert_eq!(desk.result(&id, "rebootNow").await["actionState"], "done");
    assert_eq!(desk.result(&id, "syncDevice").await["actionState"], "pending");
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "locked": false})).await;
    desk.advance(60);
    assert_eq!(desk.result(&id, "syncDevice").await["actionState"], "done");
    desk.acted(PHONE, "shutDown", None).await;
    desk.advance(60);
    desk.acted(PHONE, "syncDevice", None).await;
    desk.advance(86_400);
    assert_eq!(desk.result(&id, "syncDevice").await["actionState"], "pending");
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "off": false})).await;
    desk.advance(60);
    assert_eq!(desk.result(&id, "syncDevice").await["actionState"], "done");
}

#[tokio::test]
async fn users_of_a_shared_ipad() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!([
        {"do": "changeDevice", "serial": PAD, "shared": true, "activeUser": "ida@sim.example"},
        {"do": "changeDevice", "serial": PAD, "activeUser": "leo@sim.example"},
    ]))
    .await;
    let user = |name: &str| Some(json!({"userPrincipalName": format!("{name}@sim.example")}));
    let name = "deleteUserFromSharedAppleDevice";
    let id = desk.acted(PAD, name, user("leo")).await;
    desk.advance(60);
    let result = desk.result(&id, name).await;
    assert_eq!(
        (&result["actionState"], &result["userPrincipalName"]),
        (&json!("failed"), &json!("leo@sim.example"))
    );
    desk.acted(PAD, "logoutSharedAppleDeviceActiveUser", None).await;
    desk.advance(60);
    desk.acted(PAD, name, user("leo")).await;
    desk.advance(60);
    assert_eq!(desk.result(&id, name).await["actionState"], "done");
    let left = desk.sim.with_world(|world| world.handset(&serial(PAD)).unwrap().users.clone());
    assert_eq!(Vec::from_iter(left), ["ida@sim.example"]);
}

#[tokio::test]
async fn wipe_retire_and_delete_drop_what_waits() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(PHONE, "resetPasscode", None).await;
    desk.acted(PHONE, "remoteLock", None).await;
    desk.acted(PHONE, "wipe", None).await;
    desk.acted(PHONE, "wipe", None).await;
    assert_eq!(desk.result(&id, "remoteLock").await["actionState"], "canceled");
    desk.advance(3600);
    let past = desk.past(PHONE);
    assert_eq!((past.deeds.len(), past.count(DeedKind::Wiped)), (1, 1));
    assert_eq!(past.accepted(crate::sim::device::ManagedAction::Wipe), 2);
    let audits =
        desk.get(&format!("/deviceManagement/remoteActionAudits?$filter=managedDeviceId eq '{id}'")).await;
    let seen: Vec<(&str, &str)> = audits["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["action"].as_str().unwrap(), row["actionState"].as_str().unwrap()))
        .collect();
    let wanted = [
        ("resetPasscode", "canceled"),
        ("remoteLock", "canceled"),
        ("factoryReset", "canceled"),
        ("factoryReset", "done"),
    ];
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn batches_carry_actions() {
    let desk = Desk::of_fleet().await;
    let (phone, mac) = (desk.record(PHONE).await, desk.record(MAC).await);
    let post = |id: &str, device: &str, action: &str| json!({"id": id, "method": "POST", "url": format!("{BASE}/{device}/{action}")});
    let requests = json!([
        post("1", &phone, "remoteLock"),
        post("2", &mac, "remoteLock"),
        {"id": "3", "method": "DELETE", "url": format!("{BASE}/{mac}"), "dependsOn": ["2"]},
        post("4", "nobody", "wipe"),
        {"id": "5", "method": "POST", "url": format!("{BASE}/{phone}/wipe"), "body": {"x": 1},
         "headers": {"Content-Type": "application/json"}},
    ]);
    desk.sim.forget_calls();
    let (_, answer) = desk.ask("POST", "/$batch", Some(json!({"requests": requests}))).await;
    let mut statuses: Vec<(&str, u64)> = answer["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["id"].as_str().unwrap(), one["status"].as_u64().unwrap()))
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [("1", 204), ("2", 204), ("3", 204), ("4", 404), ("5", 400)]);
    let calls = desk.sim.calls();
    let parts: Vec<(&str, CallKind)> =
        calls[0].parts.iter().map(|part| (part.operation.as_str(), part.kind)).collect();
    assert!(parts.contains(&("deviceManagement.managedDevices.item.wipe.post", CallKind::Write)));
    assert!(parts.contains(&("deviceManagement.managedDevices.item.delete", CallKind::Write)));
    desk.advance(60);
    assert_eq!(desk.past(PHONE).count(DeedKind::Locked), 1);
    assert_eq!((desk.past(MAC).count(DeedKind::Deleted), desk.past(MAC).count(DeedKind::Retired)), (1, 1));
}

#[tokio::test]
async fn quotas_are_counted_over_a_day() {
    let desk = Desk::of_fleet().await;
    desk.behave(DeviceBehaviour { wipes_per_day: 2, deletes_per_day: 0, ..DeviceBehaviour::default() });
    desk.acted(PHONE, "wipe", None).await;
    desk.by_hand(json!({"do": "requestAction", "device": PAD, "action": "wipe"})).await;
    let (status, body) = desk.act(MAC, "wipe", None).await;
    assert_eq!(status, 429);
    assert!(told(&body).contains("limit of 2 'wipe'"), "{body}");
    let id = desk.record(MAC).await;
    assert_eq!(desk.ask("DELETE", &format!("{BASE}/{id}"), None).await.0, 429);
    desk.acted(MAC, "retire", None).await;
    desk.behave(DeviceBehaviour { wipes_per_day: 2, quota_status: 400, ..DeviceBehaviour::default() });
    assert_eq!(desk.act(SCREEN, "wipe", None).await.0, 400);
    desk.advance(86_400);
    desk.acted(SCREEN, "wipe", None).await;
}
