//! Erased, retired, deleted, and set up again.

use super::*;

/// The identity of a device at its token.
async fn identity(desk: &Desk, serial: &str) -> Value {
    let page = desk.get(&desk.below("/importedAppleDeviceIdentities")).await;
    let rows = page["value"].as_array().unwrap();
    rows.iter().find(|row| row["serialNumber"] == serial).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_wiped_device_comes_back_as_a_new_epoch() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    let code = desk.code(&id).await;
    desk.acted(PHONE, "wipe", Some(json!({}))).await;
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["managementState"], "wipePending");
    desk.advance(25);
    let between = desk.get(&format!("{BASE}/{id}")).await;
    assert_eq!(
        (&between["managementState"], &between["deviceActionResults"][0]["actionState"]),
        (&json!("wipeIssued"), &json!("active"))
    );
    assert_eq!(desk.code(&id).await, Value::Null, "the code is gone with the device's data");
    assert_eq!(identity(&desk, PHONE).await["enrollmentState"], "notContacted");
    desk.advance(60);
    assert_eq!(desk.result(&id, "factoryReset").await["actionState"], "done");
    desk.advance(30);
    assert_eq!(desk.ask("GET", &format!("{BASE}/{id}"), None).await.0, 404);
    assert!(desk.rows(PHONE).await.is_empty());
    assert_eq!(desk.act(PAD, "syncDevice", None).await.0, 204);
    desk.advance(7200);
    let back = &desk.rows(PHONE).await[0];
    assert_ne!(back["id"], id.as_str());
    assert_eq!(
        (&back["userPrincipalName"], &back["enrollmentProfileName"]),
        (&json!("ada@sim.example"), &json!("Phones"))
    );
    assert_eq!(back["deviceActionResults"], json!([]));
    assert_eq!(identity(&desk, PHONE).await["enrollmentState"], "enrolled");
    let new = desk.code(back["id"].as_str().unwrap()).await;
    assert!(new.is_string() && new != code);
    let past = desk.past(PHONE);
    let deed = past.of(DeedKind::Wiped).next().unwrap();
    assert_eq!((deed.record.as_deref(), deed.life, deed.code_read), (Some(id.as_str()), 0, true));
    assert_eq!(past.code_reads.iter().map(|read| read.life).collect::<Vec<_>>(), [0, 1]);
    // What was asked stays to be seen, also of what is gone.
    let audits = desk.get("/deviceManagement/remoteActionAudits").await;
    assert_eq!(
        (&audits["value"][0]["action"], &audits["value"][0]["managedDeviceId"]),
        (&json!("factoryReset"), &json!(id))
    );
    let one = audits["value"][0]["id"].as_str().unwrap();
    assert_eq!(desk.get(&format!("/deviceManagement/remoteActionAudits/{one}")).await["actionState"], "done");
}

#[tokio::test]
async fn the_same_record_may_be_another_epoch() {
    let desk = Desk::of_fleet().await;
    desk.behave(DeviceBehaviour { same_record: true, set_up_after: 0, ..DeviceBehaviour::default() });
    let before = desk.rows(PHONE).await.remove(0);
    let id = desk.acted(PHONE, "wipe", None).await;
    desk.advance(30 * 86_400);
    assert!(desk.rows(PHONE).await.is_empty(), "nobody sets it up");
    desk.by_hand(json!({"do": "setUpDevice", "serial": PHONE, "user": "new@sim.example"})).await;
    let after = desk.rows(PHONE).await.remove(0);
    assert_eq!(after["id"], before["id"]);
    assert_ne!(after["enrolledDateTime"], before["enrolledDateTime"]);
    assert_eq!(after["userPrincipalName"], "new@sim.example");
    assert_eq!(after["deviceActionResults"], json!([]));
    // The service may mix lives up.
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "habits": {"results": "stale"}})).await;
    desk.acted(PHONE, "wipe", None).await;
    let stale = desk.result(&id, "factoryReset").await;
    assert_eq!(stale["actionState"], "done", "of the life before");
    desk.advance(60);
    let epochs: Vec<Timestamp> =
        desk.past(PHONE).of(DeedKind::Wiped).map(|deed| deed.enrolled.unwrap()).collect();
    assert_eq!(epochs.len(), 2);
    for epoch in epochs {
        assert_eq!(desk.past(PHONE).count_in(DeedKind::Wiped, &id, epoch), 1);
    }
}

#[tokio::test]
async fn without_a_profile_nothing_comes_back() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!({"do": "assign", "token": "School", "serials": [PHONE]})).await;
    desk.acted(PHONE, "wipe", None).await;
    desk.advance(86_400);
    assert!(desk.rows(PHONE).await.is_empty());
    let (status, body) =
        desk.control("POST", "/portal", Some(json!({"do": "setUpDevice", "serial": PHONE}))).await;
    assert!(status == 409 && body["error"].as_str().unwrap().contains("no token"), "{body}");
    desk.by_hand(json!({"do": "assign", "token": "School", "profile": "Phones", "serials": [PHONE]})).await;
    desk.advance(7 * 3600);
    assert_eq!(desk.rows(PHONE).await.len(), 1);
}

#[tokio::test]
async fn a_retired_device_is_not_erased_and_does_not_come_back_by_itself() {
    let desk = Desk::of_fleet().await;
    let id = desk.acted(PHONE, "retire", None).await;
    desk.advance(45);
    assert_eq!(desk.result(&id, "removeCompanyData").await["actionState"], "done");
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["managementState"], "retireIssued");
    desk.advance(86_400);
    assert_eq!(desk.ask("GET", &format!("{BASE}/{id}"), None).await.0, 404);
    assert_eq!(identity(&desk, PHONE).await["enrollmentState"], "pendingReset");
    let device = desk.sim.with_world(|world| world.handset(&serial(PHONE)).unwrap().into_owned());
    assert!(!device.erased && device.managed.is_none() && device.life == 0 && device.passcode);
    // D-1: a factory reset on the device, then Setup Assistant.
    desk.by_hand(json!({"do": "setUpDevice", "serial": PHONE})).await;
    assert_ne!(desk.record(PHONE).await, id);
    let device = desk.sim.with_world(|world| world.handset(&serial(PHONE)).unwrap().into_owned());
    assert_eq!(device.life, 1);
    let past = desk.past(PHONE);
    assert_eq!(
        (past.count(DeedKind::Retired), past.count(DeedKind::Wiped)),
        (1, 0),
        "by hand is not counted"
    );
}

#[tokio::test]
async fn s5_a_deleted_record_hides_at_once_and_the_device_comes_back_at_the_full_sync() {
    let desk = Desk::of_fleet().await;
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "reach": "offline"})).await;
    let id = desk.record(PHONE).await;
    let path = format!("{BASE}/{id}");
    assert_eq!(desk.ask("DELETE", &path, None).await.0, 204);
    assert_eq!(desk.ask("GET", &path, None).await.0, 404);
    assert_eq!(desk.ask("DELETE", &path, None).await.0, 404);
    assert!(desk.rows(PHONE).await.is_empty());
    let past = desk.past(PHONE);
    assert_eq!((past.count(DeedKind::Deleted), past.count(DeedKind::Retired)), (1, 0));
    let audits = desk.get("/deviceManagement/remoteActionAudits").await;
    assert_eq!(audits["value"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&audits["value"][0]["action"], &audits["value"][0]["actionState"]),
        (&json!("delete"), &json!("done"))
    );
    assert_eq!(identity(&desk, PHONE).await["enrollmentState"], "enrolled", "it does not know yet");
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "reach": "online"})).await;
    desk.advance(60);
    assert_eq!(desk.past(PHONE).count(DeedKind::Retired), 1);
    assert_eq!(identity(&desk, PHONE).await["enrollmentState"], "pendingReset");
    desk.advance(2 * 86_400);
    assert_eq!(identity(&desk, PHONE).await["enrollmentState"], "pendingReset", "deltas do not tell");
    desk.advance(6 * 86_400);
    assert_eq!(identity(&desk, PHONE).await["enrollmentState"], "notContacted");
}

#[tokio::test]
async fn a_device_keeps_its_record_wherever_apple_points_it() {
    let mut seed = fleet();
    seed.tenants.push(SeedTenant {
        tenant_id: "7a4d3c1e-0000-4000-8000-000000000002".to_owned(),
        tokens: vec![SeedToken {
            name: "Other".to_owned(),
            profiles: vec![
                json!({"@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": "There",
                       "isDefault": true})
                .as_object()
                .unwrap()
                .clone(),
            ],
            ..SeedToken::default()
        }],
        ..SeedTenant::default()
    });
    let desk = Desk::lasting(Options::new(World::from_seed(&seed))).await;
    let known = desk.record("C02EEE").await;
    desk.by_hand(json!({"do": "moveToToken", "serials": ["C02EEE", PHONE], "token": "Other"})).await;
    // Apple points it there, and nobody there knows it yet.
    let set_up = Some(json!({"do": "setUpDevice", "serial": PHONE}));
    assert_eq!(desk.control("POST", "/portal", set_up).await.0, 409);
    desk.advance(86_400);
    assert_eq!(identity(&desk, "C02EEE").await, Value::Null, "the identity left");
    assert_eq!(desk.record("C02EEE").await, known, "the device did not");
    let wiped = desk.acted("C02EEE", "wipe", None).await;
    assert_eq!(wiped, known);
    desk.advance(3 * 3600);
    assert!(desk.rows("C02EEE").await.is_empty());
    let there = desk.sim.with_world(|world| {
        let handset = world.handset(&serial("C02EEE")).unwrap();
        handset.managing().map(|record| (record.tenant.clone(), record.profile.clone()))
    });
    assert_eq!(there, Some(("7a4d3c1e-0000-4000-8000-000000000002".to_owned(), "There".to_owned())));
}

#[tokio::test]
async fn people_erase_and_enroll_by_hand() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    desk.by_hand(json!({"do": "wipe", "token": "School", "serials": [PHONE]})).await;
    assert_eq!(desk.record(PHONE).await, id, "the service did not hear of it");
    assert_eq!(desk.code(&id).await, Value::Null);
    desk.acted(PHONE, "wipe", None).await;
    desk.advance(30 * 86_400);
    assert_eq!(desk.result(&id, "factoryReset").await["actionState"], "pending");
    desk.by_hand(json!({"do": "enroll", "token": "School", "serials": [PHONE, "C02AAA"]})).await;
    assert_ne!(desk.record(PHONE).await, id);
    desk.advance(86_400);
    let past = desk.past(PHONE);
    assert_eq!(past.count(DeedKind::Wiped), 0, "what waited for the life before never comes");
    assert_eq!(desk.rows("C02AAA").await.len(), 1, "without a profile, because a person says so");
}

#[tokio::test]
async fn what_falls_due_happens_in_order_however_far_the_clock_steps() {
    let (one, many) = (Desk::of_fleet().await, Desk::of_fleet().await);
    for desk in [&one, &many] {
        desk.by_hand(json!([
            {"do": "changeDevice", "serial": PAD, "reach": "slow"},
            {"do": "changeDevice", "serial": MAC, "habits": {"setUpAfter": 60}},
        ]))
        .await;
        for device in [PHONE, PAD, MAC] {
            desk.acted(device, "wipe", None).await;
        }
        desk.acted(SCREEN, "retire", None).await;
    }
    one.advance(10 * 86_400);
    (0..240).for_each(|_| many.advance(3600));
    let world = |desk: &Desk| {
        let text = desk.sim.with_world(|world| world.to_json());
        let world: Value = serde_json::from_slice(&text).unwrap();
        (world["history"].clone(), world["handsets"].clone())
    };
    let (left, right) = (world(&one), world(&many));
    assert_eq!(left, right);
    let retry = one.sim.with_world(|world| world.history.deeds(&serial(PAD), DeedKind::Wiped));
    assert_eq!(retry, 1);
}

#[tokio::test]
async fn a_device_that_is_set_up_at_once_is_not_erased_again() {
    let desk = Desk::of_fleet().await;
    for (device, action) in [(PHONE, "wipe"), (PAD, "retire")] {
        desk.acted(device, action, None).await;
        desk.advance(21);
        desk.by_hand(json!({"do": "setUpDevice", "serial": device})).await;
        let id = desk.record(device).await;
        desk.advance(2 * 86_400);
        assert_eq!(desk.record(device).await, id);
        assert_eq!(identity(&desk, device).await["enrollmentState"], "enrolled");
        let life = desk.sim.with_world(|world| world.handset(&serial(device)).unwrap().life);
        assert_eq!(life, 1);
    }
}
