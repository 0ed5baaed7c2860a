//! A hand-over whose wipe a second person has to approve at Intune: nothing leaves before that, the identical
//! request leaves after it, and what was moved stays moved.

use std::time::Duration;

use espalier::acts::ActState;
use espalier::sim::SeedTenant;
use serde_json::json;

use super::departments::{TO_LOBBY, two_departments};
use super::ground::{Ground, IPAD, TENANT, of};

const HOUR: Duration = Duration::from_secs(3600);

fn wants_approval(tenant: &mut SeedTenant) {
    let behaviour = json!({ "approvals": ["deviceWipe"] });
    tenant.device_behaviour = Some(serde_json::from_value(behaviour).expect("a behaviour"));
}

/// Applies every hour until the hand-over is in a state; how often wipes were put on the wire.
async fn until(ground: &Ground, state: ActState) -> i64 {
    let mut wipes = 0;
    for _ in 0..16 {
        wipes += apply(ground).await.1;
        if ground.state("to-lobby", IPAD) == state {
            return wipes;
        }
        ground.pass(HOUR).await;
    }
    panic!("it is {:?} and never {state:?}", ground.state("to-lobby", IPAD));
}

/// One apply: its report's exit code, and how many wipes it put on the wire.
async fn apply(ground: &Ground) -> (u8, i64) {
    ground.forget_calls();
    let report = ground.apply().await;
    (report.exit_code(), ground.calls().get("records.item.wipe.post").copied().unwrap_or_default())
}

/// A hand-over of a locked device, up to where the second person is asked.
async fn asked() -> Ground {
    let ground = two_departments(wants_approval).await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPAD], "lock": "USER" }])).await;
    ground.asks("to-lobby", "handOver", &[IPAD], TO_LOBBY);
    assert_eq!(until(&ground, ActState::ApprovalElsewhere).await, 1, "it was asked for once");
    assert_eq!((ground.requests(IPAD, "wipe"), ground.deeds(IPAD, "wiped")), (0, 0));
    assert_eq!(ground.requests(IPAD, "bypassActivationLock"), 1);
    ground
}

async fn decide(ground: &Ground, decision: &str) {
    ground.portal(&json!([{ "do": "decideApproval", "tenant": TENANT, "decision": decision }])).await;
}

/// Every wipe found the device unlocked, and its code in safety.
fn was_wiped_in_order(ground: &Ground) {
    let world = ground.world();
    let deeds = world["history"]["devices"][IPAD]["deeds"].as_array().cloned().unwrap_or_default();
    let wiped: Vec<_> = deeds.iter().filter(|deed| deed["what"] == "wiped").collect();
    let [wiped] = wiped.as_slice() else { panic!("{deeds:#?}") };
    assert_eq!((&wiped["lock"], &wiped["codeRead"]), (&json!("NONE"), &json!(true)), "{wiped}");
}

#[tokio::test]
async fn a7_an_approved_wipe_of_a_hand_over_leaves_once_and_it_goes_on_to_its_end() {
    let ground = asked().await;
    for _ in 0..3 {
        ground.pass(HOUR).await;
        assert_eq!(apply(&ground).await, (0, 0), "while nobody has decided nothing leaves");
        assert_eq!(ground.state("to-lobby", IPAD), ActState::ApprovalElsewhere);
    }
    decide(&ground, "approve").await;
    // The simulator takes nothing but the identical request under this approval.
    assert_eq!(until(&ground, ActState::Done).await, 1, "one request after it was approved");
    assert_eq!((ground.requests(IPAD, "wipe"), ground.requests(IPAD, "bypassActivationLock")), (1, 1));
    was_wiped_in_order(&ground);
    ground.pass(HOUR).await;
    assert_eq!(apply(&ground).await, (0, 0));
}

#[tokio::test]
async fn what_is_rejected_elsewhere_or_expires_there_ends_the_hand_over_unwiped() {
    for (decision, words) in [(Some("reject"), "rejected"), (None, "expired")] {
        let ground = asked().await;
        match decision {
            Some(decision) => decide(&ground, decision).await,
            None => ground.pass(Duration::from_secs(3 * 86_400 + 3600)).await,
        }
        ground.forget_calls();
        let report = ground.apply().await;
        let result = of(&report, "to-lobby", IPAD);
        assert_eq!((result.state, result.sent), (ActState::Failed, false), "{words}: {result:#?}");
        assert!(result.evidence.contains(words), "{result:#?}");
        for _ in 0..3 {
            ground.pass(HOUR).await;
            assert_eq!(apply(&ground).await.1, 0, "{words}: it is not asked for again");
        }
        assert_eq!((ground.requests(IPAD, "wipe"), ground.deeds(IPAD, "wiped")), (0, 0), "{words}");
        // A decision that comes too late changes nothing.
        assert_eq!(ground.state("to-lobby", IPAD), ActState::Failed);
        // Nothing is rolled back: what was moved stays where it was moved to.
        let service = ground.world()["organizations"][0]["roster"].to_string();
        assert!(service.contains(IPAD), "{words}: the organisation has it still");
    }
}

#[tokio::test]
async fn l6_a_lock_that_comes_back_while_approval_is_waited_for_keeps_the_wipe_back() {
    let ground = asked().await;
    ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPAD], "lock": "USER" }])).await;
    decide(&ground, "approve").await;
    for _ in 0..4 {
        apply(&ground).await;
        ground.pass(HOUR).await;
    }
    if ground.deeds(IPAD, "wiped") > 0 {
        was_wiped_in_order(&ground);
    }
    assert!(ground.requests(IPAD, "wipe") <= 1);
    // Somebody closes Find My: now at the latest it goes on.
    if ground.requests(IPAD, "wipe") == 0 {
        ground.portal(&json!([{ "do": "setDeviceLock", "serials": [IPAD], "lock": "NONE" }])).await;
        until(&ground, ActState::Done).await;
        was_wiped_in_order(&ground);
    }
}
