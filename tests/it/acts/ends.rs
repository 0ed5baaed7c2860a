//! Every kind of act comes to its end, once.

use std::time::Duration;

use espalier::acts::ActState;
use serde_json::json;

use super::ground::{Ground, IPAD, IPHONE, MAC, SHARED, of};

/// A document that is applied until its act has ended, and once more.
pub async fn ends(ground: &Ground, name: &str, serial: &str, deed: &str) {
    let report = ground.apply().await;
    let result = of(&report, name, serial);
    assert_eq!(result.state, ActState::Done, "{name}: {result:#?}");
    assert!(result.sent);
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!(ground.deeds(serial, deed), 1, "{name}");
    let again = ground.apply().await;
    assert!(again.acts.iter().all(|act| !act.sent), "{name}: {:#?}", again.acts);
    assert_eq!(ground.deeds(serial, deed), 1, "{name} is done once");
}

#[tokio::test]
async fn l8_a_lock_is_sent_once_and_followed_to_its_end() {
    let ground = Ground::new().await;
    ground.asks("lost", "lock", &[IPAD], "");
    ends(&ground, "lost", IPAD, "locked").await;
}

#[tokio::test]
async fn l4_a_wipe_seals_the_code_first_and_is_sent_once() {
    let ground = Ground::new().await;
    ground.asks("stolen", "wipe", &[IPAD], "");
    let report = ground.apply().await;
    let result = of(&report, "stolen", IPAD);
    assert!(result.sent, "{report:#?}");
    assert_eq!(ground.requests(IPAD, "wipe"), 1);
    let world = ground.world();
    let requests = &world["history"]["devices"][IPAD]["requests"];
    assert_eq!(requests[0]["codeRead"], json!(true), "{requests}");
    let book = ground.book();
    let (_, sealed) = book.sealed().next().expect("its code is sealed");
    assert_eq!(sealed.row, book.acts().next().expect("an act").1.promises[0].row, "with the promise itself");
    for _ in 0..3 {
        ground.pass(Duration::from_secs(2 * 3600)).await;
        ground.apply().await;
    }
    assert_eq!(ground.deeds(IPAD, "wiped"), 1);
    assert_eq!(ground.state("stolen", IPAD), ActState::Done);
}

#[tokio::test]
async fn every_plain_act_comes_to_its_end() {
    let lost = "  options: {message: Lost, phoneNumber: '+49 30 1'}\n";
    for (action, serial, more, deed) in [
        ("sync", IPAD, "", "synced"),
        ("restart", IPHONE, "", "restarted"),
        ("shutDown", IPHONE, "", "shutDown"),
        ("rename", IPAD, "  options: {name: LOBBY-1}\n", "renamed"),
        ("enableLostMode", IPHONE, lost, "lostModeOn"),
        ("clearPasscode", IPHONE, "", "passcodeCleared"),
        ("logOutSharedIpadUser", SHARED, "", "userLoggedOut"),
        ("lock", MAC, "", "locked"),
    ] {
        let ground = Ground::new().await;
        ground.asks("one", action, &[serial], more);
        ends(&ground, "one", serial, deed).await;
    }
}

#[tokio::test]
async fn safe_acts_on_many_devices_share_calls() {
    let ground = Ground::new().await;
    ground.asks("all", "sync", &[IPAD, IPHONE, MAC], "");
    let report = ground.apply().await;
    for serial in [IPAD, IPHONE, MAC] {
        assert_eq!(of(&report, "all", serial).state, ActState::Done, "{report:#?}");
        assert_eq!(ground.requests(serial, "syncDevice"), 1);
    }
}

#[tokio::test]
async fn what_was_removed_before_it_was_sent_is_cancelled_for_good() {
    let ground = Ground::new().await;
    ground.asks("later", "lock", &["DMPUNKNOWN01"], "");
    ground.apply().await;
    assert_eq!(ground.state("later", "DMPUNKNOWN01"), ActState::Waiting);
    ground.remove("later.yaml");
    ground.apply().await;
    assert_eq!(ground.state("later", "DMPUNKNOWN01"), ActState::Cancelled);
    ground.asks("later", "lock", &["DMPUNKNOWN01"], "");
    ground.apply().await;
    assert_eq!(ground.state("later", "DMPUNKNOWN01"), ActState::Cancelled);
}

#[tokio::test]
async fn an_answer_that_is_lost_is_never_followed_by_a_second_wipe() {
    for when in ["before", "after"] {
        let ground = Ground::new().await;
        ground.asks("stolen", "wipe", &[IPAD], "");
        let id = ground.fault(json!({ "fault": "cut", "operation": "deviceManagement.managedDevices.item.wipe.post", "when": when }));
        let report = ground.apply().await;
        assert_eq!(ground.sim.fault_hits(&id), Some(1), "{report:#?}");
        assert!(
            matches!(
                of(&report, "stolen", IPAD).state,
                ActState::Unknown | ActState::Sent | ActState::Acknowledged | ActState::Done
            ),
            "{report:#?}"
        );
        for _ in 0..3 {
            ground.pass(Duration::from_secs(4 * 3600)).await;
            ground.apply().await;
        }
        let deeds = usize::from(when == "after");
        assert_eq!(ground.deeds(IPAD, "wiped"), deeds);
        assert_eq!(ground.requests(IPAD, "wipe"), deeds);
        let wanted = if when == "after" { ActState::Done } else { ActState::Unknown };
        assert_eq!(ground.state("stolen", IPAD), wanted, "{when}");
    }
}

#[tokio::test]
async fn approval_elsewhere_is_waited_for_and_the_identical_request_sent_again() {
    let ground = Ground::with(|tenant| {
        let behaviour = json!({ "approvals": ["deviceWipe"] });
        tenant.device_behaviour = Some(serde_json::from_value(behaviour).expect("a behaviour"));
    })
    .await;
    ground.asks("stolen", "wipe", &[IPAD], "");
    let report = ground.apply().await;
    assert_eq!(of(&report, "stolen", IPAD).state, ActState::ApprovalElsewhere, "{report:#?}");
    assert_eq!(report.exit_code(), 7);
    assert_eq!(ground.requests(IPAD, "wipe"), 0);
    let report = ground.apply().await;
    assert_eq!(report.exit_code(), 0, "an act of an earlier run: {report:#?}");
    ground
        .portal(&json!([{ "do": "decideApproval", "tenant": super::ground::TENANT, "decision": "approve" }]))
        .await;
    let report = ground.apply().await;
    assert!(of(&report, "stolen", IPAD).sent, "{report:#?}");
    assert_eq!(ground.requests(IPAD, "wipe"), 1);
    ground.apply().await;
    assert_eq!(ground.requests(IPAD, "wipe"), 1);
}

#[tokio::test]
async fn l7_a_device_without_a_code_is_not_wiped_but_for_a_reason() {
    let ground = Ground::with(|tenant| tenant.devices[0].code_available = Some(false)).await;
    ground.asks("stolen", "wipe", &[IPAD], "");
    let report = ground.apply().await;
    let result = of(&report, "stolen", IPAD);
    let stop = result.stop.as_ref().expect("it is stopped");
    assert_eq!((stop.row.as_deref(), report.exit_code()), (Some("L-4"), 4), "{report:#?}");
    ground.asks("why", "escrowBypassCode", &[IPAD], "");
    let report = ground.apply().await;
    let result = of(&report, "why", IPAD);
    assert!(result.state == ActState::Failed && result.evidence.contains("L-7"), "{result:#?}");
    ground.remove("stolen.yaml");
    ground.asks("anyway", "wipe", &[IPAD], "  acceptNoBypassCode: the device is to be shredded\n");
    let report = ground.apply().await;
    assert!(of(&report, "anyway", IPAD).sent, "{report:#?}");
    assert_eq!(ground.requests(IPAD, "wipe"), 1);
}
