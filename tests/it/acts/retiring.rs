//! Devices that leave management, and what lifts locks: from the document to the end, once.

use std::time::Duration;

use espalier::acts::ActState;
use espalier::apply::ActResult;
use espalier::sim::device::Standing;
use serde_json::{Value, json};

use super::departments::two_departments;
use super::ends::ends;
use super::ground::{Ground, IPAD, IPHONE, MAC, SHARED, of};

const DELETE: &str = "deviceManagement.managedDevices.item.delete";

/// The ids of the records that the service would show of a device.
pub fn records(ground: &Ground, serial: &str) -> Vec<String> {
    let serial = espalier::model::Serial::new(serial).expect("a serial");
    ground.sim.with_world(|world| {
        let handset = world.handset(&serial).expect("a device");
        let live = handset.records.iter().filter(|record| record.standing == Standing::Live);
        live.map(|record| record.id.clone()).collect()
    })
}

/// A device of which the seed says more.
async fn with_device(place: usize, members: Value) -> Ground {
    Ground::with(|tenant| {
        let mut device = serde_json::to_value(&tenant.devices[place]).expect("a device is JSON");
        for (name, value) in members.as_object().expect("members") {
            device[name] = value.clone();
        }
        tenant.devices[place] = serde_json::from_value(device).expect("a device");
    })
    .await
}

/// One apply whose act fails, and more that send nothing.
async fn fails(ground: &Ground, name: &str, serial: &str, request: &str, state: ActState) -> ActResult {
    let report = ground.apply().await;
    let result = of(&report, name, serial).clone();
    assert_eq!((result.state, result.sent), (state, true), "{result:#?}");
    assert_ne!(report.exit_code(), 0, "{report:#?}");
    let sent = ground.requests(serial, request);
    for _ in 0..2 {
        ground.pass(Duration::from_secs(3600)).await;
        let again = ground.apply().await;
        assert!(again.acts.iter().all(|act| !act.sent), "{:#?}", again.acts);
        assert_eq!(ground.requests(serial, request), sent, "it is never sent again");
    }
    assert_eq!(ground.state(name, serial), state);
    result
}

#[tokio::test]
async fn d1_a_retired_device_of_company_and_of_a_person_is_done_with_what_comes_next() {
    for ownership in ["company", "personal"] {
        let ground = with_device(0, json!({ "ownership": ownership })).await;
        ground.asks("left", "retire", &[IPAD], "");
        ends(&ground, "left", IPAD, "retired").await;
        let book = ground.book();
        assert_eq!(book.sealed().count(), 0, "{ownership}: nothing on the device is erased");
        ground.pass(Duration::from_secs(3600)).await;
        assert_eq!(records(&ground, IPAD), Vec::<String>::new(), "{ownership}");
        // It enrolls anew, and the document that stays does not reach its new life.
        ground.portal(&json!([{ "do": "setUpDevice", "serial": IPAD }])).await;
        assert_eq!(records(&ground, IPAD).len(), 1);
        let later = ground.apply().await;
        assert!(later.acts.iter().all(|act| !act.sent), "{:#?}", later.acts);
        assert_eq!((ground.requests(IPAD, "retire"), ground.deeds(IPAD, "retired")), (1, 1));
    }
}

#[tokio::test]
async fn d1_what_follows_a_retire_is_told() {
    let ground = Ground::new().await;
    ground.asks("left", "retire", &[IPAD], "");
    let report = ground.apply().await;
    let next = of(&report, "left", IPAD).next.clone().unwrap_or_default();
    assert!(next.contains("reset the device by hand") && next.contains("D-1"), "{next}");
}

#[tokio::test]
async fn a_retire_that_the_device_refuses_has_failed_and_is_not_repeated() {
    let ground = with_device(0, json!({ "habits": { "fails": { "retire": "before" } } })).await;
    ground.asks("left", "retire", &[IPAD], "");
    fails(&ground, "left", IPAD, "retire", ActState::Failed).await;
    assert_eq!(ground.deeds(IPAD, "retired"), 0);
}

#[tokio::test]
async fn s5_and_d3_a_deleted_record_is_gone_and_comes_back_as_another_life() {
    for ownership in ["company", "personal"] {
        let ground = with_device(0, json!({ "ownership": ownership })).await;
        let before = records(&ground, IPAD);
        ground.asks("stale", "deleteRecord", &[IPAD], "");
        let report = ground.apply().await;
        let result = of(&report, "stale", IPAD);
        assert_eq!((result.state, result.sent), (ActState::Done, true), "{ownership}: {result:#?}");
        assert!(result.evidence.contains("(delete)"), "by the tenant's own record of it: {result:#?}");
        let next = result.next.clone().unwrap_or_default();
        assert!(next.contains("S-5") && next.contains("D-3"), "it says that it comes back: {result:#?}");
        assert_eq!(ground.requests(IPAD, "delete"), 1);
        assert_eq!(records(&ground, IPAD), Vec::<String>::new(), "{ownership}");
        // What stood for its code was sealed with the promise: the record that shows it is gone.
        assert_eq!(ground.book().sealed().count(), 1);
        // Its token has it still: it is listed again after the next full sync, and enrolls.
        ground.pass(Duration::from_secs(8 * 86_400)).await;
        ground.portal(&json!([{ "do": "setUpDevice", "serial": IPAD }])).await;
        let after = records(&ground, IPAD);
        assert!(after.len() == 1 && after != before, "{before:?} {after:?}");
        let later = ground.apply().await;
        assert!(later.acts.iter().all(|act| !act.sent), "{:#?}", later.acts);
        assert_eq!(ground.requests(IPAD, "delete"), 1);
        assert_eq!(records(&ground, IPAD), after, "its new life is left alone");
        assert_eq!(ground.state("stale", IPAD), ActState::Done);
    }
}

#[tokio::test]
async fn a_deletion_that_is_answered_by_an_error_is_unknown_and_never_sent_again() {
    for when in ["before", "after"] {
        let ground = Ground::new().await;
        ground.asks("stale", "deleteRecord", &[IPAD], "");
        let id = ground.fault(json!({ "fault": "500", "operation": DELETE, "when": when }));
        let report = ground.apply().await;
        assert_eq!(ground.sim.fault_hits(&id), Some(1), "{report:#?}");
        assert_eq!(report.exit_code(), if when == "before" { 7 } else { 0 }, "{when}: {report:#?}");
        for _ in 0..3 {
            ground.pass(Duration::from_secs(3600)).await;
            let again = ground.apply().await;
            assert!(again.acts.iter().all(|act| !act.sent), "{:#?}", again.acts);
        }
        assert_eq!(ground.sim.fault_hits(&id), Some(1), "one request in all");
        assert_eq!(records(&ground, IPAD).len(), usize::from(when == "before"));
        let state = ground.state("stale", IPAD);
        assert!(matches!(state, ActState::Unknown | ActState::Done | ActState::Lost), "{when}: {state:?}");
        assert!(when == "after" || state == ActState::Unknown, "{state:?}");
    }
}

#[tokio::test]
async fn a_user_is_deleted_from_a_shared_ipad_once() {
    let ground = with_device(3, json!({ "users": ["anna@school.example", "ben@school.example"] })).await;
    let users = |ground: &Ground| {
        let serial = espalier::model::Serial::new(SHARED).expect("a serial");
        ground.sim.with_world(|world| world.handset(&serial).expect("a device").users.len())
    };
    assert_eq!(users(&ground), 2);
    ground.asks("gone", "deleteSharedIpadUser", &[SHARED], "  options: {user: ben@school.example}\n");
    ends(&ground, "gone", SHARED, "userDeleted").await;
    assert_eq!(users(&ground), 1);
    // Who is signed in is not deleted: the device says so.
    ground.asks("signed-in", "deleteSharedIpadUser", &[SHARED], "  options: {user: anna@school.example}\n");
    fails(&ground, "signed-in", SHARED, "deleteUserFromSharedAppleDevice", ActState::Failed).await;
    assert_eq!((users(&ground), ground.deeds(SHARED, "userDeleted")), (1, 1));
}

#[tokio::test]
async fn p14_a_user_is_not_deleted_where_nobody_shares() {
    let ground = Ground::new().await;
    let user = "  options: {user: anna@school.example}\n";
    ground.asks("phone", "deleteSharedIpadUser", &[IPHONE], user);
    let report = ground.apply().await;
    let stop = of(&report, "phone", IPHONE).stop.clone().expect("it is stopped");
    assert_eq!((stop.row.as_deref(), report.exit_code()), (Some("P-14"), 4), "{stop:?}");
    assert_eq!(ground.requests(IPHONE, "deleteUserFromSharedAppleDevice"), 0);
    ground.remove("phone.yaml");
    // That an iPad is shared stands in no record: the device itself says that it cannot.
    ground.asks("pad", "deleteSharedIpadUser", &[IPAD], user);
    fails(&ground, "pad", IPAD, "deleteUserFromSharedAppleDevice", ActState::NotSupported).await;
    assert_eq!(ground.deeds(IPAD, "userDeleted"), 0);
}

#[tokio::test]
async fn a_rename_is_done_refused_or_stopped() {
    let ground = with_device(1, json!({ "habits": { "fails": { "setDeviceName": "before" } } })).await;
    let name = "  options: {name: LOBBY-1}\n";
    ground.asks("fails", "rename", &[IPHONE], name);
    fails(&ground, "fails", IPHONE, "setDeviceName", ActState::Failed).await;
    ground.asks("works", "rename", &[IPAD], name);
    ends(&ground, "works", IPAD, "renamed").await;

    let ground = with_device(2, json!({ "ownership": "personal" })).await;
    ground.asks("own", "rename", &[MAC], name);
    let report = ground.apply().await;
    let stop = of(&report, "own", MAC).stop.clone().expect("it is stopped");
    assert!(stop.row.as_deref() == Some("R-2") && stop.why.contains("organisation's own"), "{stop:?}");
    assert_eq!(ground.requests(MAC, "setDeviceName"), 0);
}

const IN_HAND: &str = "  physicallyInHand: true\n";

#[tokio::test]
async fn l3_a_lock_is_lifted_once_and_apple_says_so() {
    let ground = two_departments(|_| {}).await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "USER" }])).await;
    ground.asks("open", "disableActivationLock", &[IPHONE], IN_HAND);
    let report = ground.apply().await;
    let result = of(&report, "open", IPHONE);
    assert_eq!((result.state, result.sent), (ActState::Done, true), "{result:#?}");
    assert!(result.evidence.contains("the lock is off, as Apple said at"), "{result:#?}");
    assert!(result.next.as_deref().is_some_and(|next| next.contains("L-6")), "{result:#?}");
    ends_once(&ground, "open").await;

    // The code was read, so it is kept, though nothing is erased.
    assert_eq!(ground.deeds(IPHONE, "lockBypassed"), 1);
    assert_eq!(ground.book().sealed().count(), 1);
}

async fn ends_once(ground: &Ground, name: &str) {
    ground.pass(Duration::from_secs(3600)).await;
    let again = ground.apply().await;
    assert!(again.acts.iter().all(|act| !act.sent), "{:#?}", again.acts);
    assert_eq!(ground.requests(IPHONE, "bypassActivationLock"), 1);
    assert_eq!(ground.state(name, IPHONE), ActState::Done);
}

#[tokio::test]
async fn l3_a_lift_that_the_device_refuses_has_failed_and_is_not_repeated() {
    let ground = two_departments(|tenant| {
        let habits = json!({ "fails": { "bypassActivationLock": "before" } });
        tenant.devices[1].habits = serde_json::from_value(habits).expect("habits");
    })
    .await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "USER" }])).await;
    ground.asks("open", "disableActivationLock", &[IPHONE], IN_HAND);
    let failed = fails(&ground, "open", IPHONE, "bypassActivationLock", ActState::Failed).await;
    assert!(failed.evidence.contains("Apple shows the lock on"), "{failed:#?}");
    assert_eq!(ground.deeds(IPHONE, "lockBypassed"), 0);
}

#[tokio::test]
async fn l3_where_the_lock_is_off_already_nothing_is_sent() {
    let ground = two_departments(|_| {}).await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "NONE" }])).await;
    ground.asks("open", "disableActivationLock", &[IPHONE], IN_HAND);
    let report = ground.apply().await;
    let result = of(&report, "open", IPHONE);
    assert_eq!((result.state, result.sent), (ActState::Superseded, false), "{result:#?}");
    assert!(result.evidence.contains("off already"), "{result:#?}");
    assert_eq!(ground.requests(IPHONE, "bypassActivationLock"), 0);
}

#[tokio::test]
async fn l3_an_unsupervised_device_is_refused_with_the_row() {
    let ground = with_device(1, json!({ "supervised": false })).await;
    ground.asks("open", "disableActivationLock", &[IPHONE], IN_HAND);
    ground.asks("kept", "escrowBypassCode", &[IPHONE], "");
    let report = ground.apply().await;
    for name in ["open", "kept"] {
        let stop = of(&report, name, IPHONE).stop.clone().expect("it is stopped");
        assert_eq!((stop.row.as_deref(), report.exit_code()), (Some("L-3"), 4), "{name}: {stop:?}");
        assert!(stop.why.contains("supervision"), "{name}: {stop:?}");
    }
    assert_eq!(ground.requests(IPHONE, "bypassActivationLock"), 0);
    assert_eq!(ground.book().sealed().count(), 0);
}

#[tokio::test]
async fn l6_a_lock_that_is_opened_again_is_told_and_not_lifted_again() {
    let ground = two_departments(|tenant| {
        tenant.devices[1].habits =
            serde_json::from_value(json!({ "reopensFindMyAfter": 1 })).expect("habits");
    })
    .await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPHONE], "lock": "USER" }])).await;
    ground.asks("open", "disableActivationLock", &[IPHONE], IN_HAND);
    let report = ground.apply().await;
    let result = of(&report, "open", IPHONE);
    assert!(result.evidence.contains("L-6") && result.sent, "{result:#?}");
    ends_once(&ground, "open").await;
}
