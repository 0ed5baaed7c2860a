//! The record of the former life: a hand-over removes it where the device came back under another one.

use std::time::Duration;

use espalier::acts::{ActState, Leg};
use espalier::sim::SeedTenant;
use serde_json::{Value, json};

use super::departments::{TO_LOBBY, two_departments};
use super::ground::{Ground, IPAD, TENANT, act};
use super::retiring::records;

const HOUR: Duration = Duration::from_secs(3600);

/// Old records stay for a month beside the new ones.
fn keeps_records(tenant: &mut SeedTenant) {
    tenant.device_behaviour =
        Some(serde_json::from_value(json!({ "recordStays": 30 * 86_400 })).expect("a behaviour"));
    tenant.devices[0].habits =
        serde_json::from_value(json!({ "keepsOldRecord": true, "sameRecord": false })).expect("habits");
}

/// A hand-over whose device came back under another record.
async fn handed_over(fault: Option<Value>) -> (Ground, String, i64) {
    let ground = two_departments(keeps_records).await;
    let [old] = records(&ground, IPAD).try_into().expect("one record");
    ground.asks("to-lobby", "handOver", &[IPAD], TO_LOBBY);
    let fault = fault.map(|fault| ground.fault(fault));
    let mut deletions = 0;
    for _ in 0..12 {
        ground.forget_calls();
        ground.apply().await;
        deletions += ground.calls().get("records.item.delete").copied().unwrap_or_default();
        ground.pass(HOUR).await;
    }
    if let Some(fault) = fault {
        assert_eq!(ground.sim.fault_hits(&fault), Some(1), "it was asked for once");
    }
    (ground, old, deletions)
}

#[tokio::test]
async fn a7_and_s5_the_old_record_goes_once_the_device_came_back_under_another() {
    let (ground, old, deletions) = handed_over(None).await;
    assert_eq!((ground.state("to-lobby", IPAD), deletions), (ActState::Done, 1));
    let left = records(&ground, IPAD);
    assert!(left.len() == 1 && left[0] != old, "the new one stays: {left:?}");
    let world = ground.world();
    let requests = &world["history"]["devices"][IPAD]["requests"];
    let all = requests.as_array().expect("requests");
    let deleted: Vec<&Value> = all.iter().filter(|one| one["action"] == "delete").collect();
    assert!(deleted.len() == 1 && deleted[0]["record"] == old.as_str(), "{requests}");
    assert_eq!((ground.deeds(IPAD, "wiped"), ground.deeds(IPAD, "retired")), (1, 0));
    let book = ground.book();
    let removal =
        book.act(&act("to-lobby", IPAD)).and_then(|act| act.leg(Leg::OldRecord)).expect("a request");
    assert_eq!(removal.epoch.record.to_string(), old);
}

#[tokio::test]
async fn a_removal_of_the_old_record_that_is_refused_is_not_asked_for_again() {
    let operation = "deviceManagement.managedDevices.item.delete";
    for fault in ["403", "500"] {
        let fault = json!({ "fault": fault, "operation": operation, "when": "before" });
        let (ground, old, deletions) = handed_over(Some(fault)).await;
        assert_eq!(deletions, 1);
        // The device is in its new life, under the new record, and was wiped once.
        let left = records(&ground, IPAD);
        assert!(left.len() == 2 && left.contains(&old), "{left:?}");
        assert_eq!((ground.requests(IPAD, "wipe"), ground.deeds(IPAD, "wiped")), (1, 1));
        assert_eq!((ground.requests(IPAD, "delete"), ground.deeds(IPAD, "retired")), (0, 0));
        assert_eq!(ground.deeds(IPAD, "lockBypassed"), 0, "it was not locked");
    }
}

#[tokio::test]
async fn a_removal_of_the_old_record_that_needs_approval_elsewhere_goes_when_it_is_given_and_wipes_nothing_again()
 {
    for decision in ["approve", "reject"] {
        let ground = two_departments(|tenant| {
            keeps_records(tenant);
            let behaviour = json!({ "recordStays": 30 * 86_400, "approvals": ["deviceDelete"] });
            tenant.device_behaviour = Some(serde_json::from_value(behaviour).expect("a behaviour"));
        })
        .await;
        let [old] = records(&ground, IPAD).try_into().expect("one record");
        ground.asks("to-lobby", "handOver", &[IPAD], TO_LOBBY);
        for _ in 0..12 {
            ground.apply().await;
            ground.pass(HOUR).await;
        }
        assert_eq!((ground.requests(IPAD, "wipe"), ground.requests(IPAD, "delete")), (1, 0));
        // It was asked for: there is something to decide.
        ground.portal(&json!([{ "do": "decideApproval", "tenant": TENANT, "decision": decision }])).await;
        for _ in 0..4 {
            ground.apply().await;
            ground.pass(HOUR).await;
        }
        assert_eq!((ground.requests(IPAD, "wipe"), ground.deeds(IPAD, "wiped")), (1, 1), "{decision}");
        let approved = decision == "approve";
        assert_eq!(ground.requests(IPAD, "delete"), usize::from(approved), "{decision}");
        assert_eq!(records(&ground, IPAD).contains(&old), !approved, "{decision}");
        assert_eq!(ground.deeds(IPAD, "retired"), 0, "the new life is left alone");
        assert_eq!(ground.requests(IPAD, "bypassActivationLock"), 0);
        // The device is where it was to go, whatever becomes of what it left behind; that is told.
        assert_eq!(ground.state("to-lobby", IPAD), ActState::Done, "{decision}");
        let book = ground.book();
        let evidence = &book.act(&act("to-lobby", IPAD)).expect("an act").evidence;
        assert_eq!(evidence.contains(&old), !approved, "{decision}: {evidence}");
    }
}
