//! A create whose answer is lost: found and taken as our own, or sent once more; never doubled.

use std::time::Duration;

use espalier::apply::StepOutcome;
use espalier::ledger::How;
use espalier::model::{Address, Name};
use espalier::progress::NoProgress;
use espalier::sim::{World, portal};
use serde_json::json;

use super::fleet::{self, MAIN, PAGE};
use super::stand::Stand;

const CREATE: &str = "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post";

/// A fleet that takes one create.
async fn one_profile() -> Stand {
    let documents = [
        fleet::ground(),
        fleet::token("main", "one", "Main", ""),
        fleet::profile("kiosk", "Kiosk", "main", ""),
    ];
    Stand::new(&documents.concat(), World::from_seed(&fleet::seed()), PAGE).await
}

fn made(stand: &Stand) -> u64 {
    stand.history().profiles_created.get(MAIN).and_then(|made| made.get("Kiosk")).copied().unwrap_or(0)
}

/// How the ledger owns the profile; `None` where it does not.
async fn owned(stand: &Stand) -> Option<How> {
    let session = stand.session("espalier status").await.expect("documents in order");
    let [profile, token] = ["kiosk", "main"].map(|name| Name::new(name).expect("a name"));
    let view = session.view().expect("a ledger");
    view.owned.get(&Address::profile(&profile, &token)).map(|owned| owned.how)
}

fn lose(stand: &Stand, when: &str) {
    stand.fault(json!({ "fault": "cut", "operation": CREATE, "when": when }));
}

#[tokio::test]
async fn one_that_had_its_effect_is_found_after_the_horizon() {
    let stand = one_profile().await;
    lose(&stand, "after");
    let report = stand.apply().await;
    assert_eq!((report.exit_code(), made(&stand)), (0, 1), "{report:#?}");
    assert_eq!(owned(&stand).await, Some(How::Created));
    assert_eq!(stand.nothing_to_apply().await, [""; 0]);
}

#[tokio::test]
async fn one_that_had_no_effect_is_sent_once_more() {
    let stand = one_profile().await;
    lose(&stand, "before");
    let report = stand.apply().await;
    assert_eq!((report.exit_code(), made(&stand)), (0, 1), "{report:#?}");
    assert_eq!(owned(&stand).await, Some(How::Created));
    assert_eq!(stand.nothing_to_apply().await, [""; 0]);
}

#[tokio::test]
async fn within_the_horizon_nobody_knows_and_a_later_run_does() {
    for when in ["before", "after"] {
        let mut stand = one_profile().await;
        stand.wait = Duration::from_secs(60);
        lose(&stand, when);
        let report = stand.apply().await;
        assert_eq!(report.exit_code(), 7, "{report:#?}");
        assert!(matches!(report.steps[0].outcome, StepOutcome::Unknown { .. }), "{report:#?}");
        assert_eq!(owned(&stand).await, None);
        // Too early: the profile is blocked, and nothing is sent.
        let early = stand.apply().await;
        assert_eq!((early.exit_code(), early.steps.len()), (9, 0), "{early:#?}");
        assert_eq!(made(&stand), u64::from(when == "after"));
        stand.sim.with_world(|world| world.advance(Duration::from_secs(120)));
        let report = stand.apply().await;
        assert_eq!((report.exit_code(), made(&stand)), (0, 1), "{report:#?}");
        assert_eq!(owned(&stand).await, Some(How::Created));
        assert_eq!(stand.nothing_to_apply().await, [""; 0]);
    }
}

#[tokio::test]
async fn an_unknown_create_beside_committed_steps_is_partly_done() {
    for when in ["before", "after"] {
        let mut stand = Stand::between_editions().await;
        stand.wait = Duration::from_secs(100);
        lose(&stand, when);
        let report = stand.apply().await;
        assert_eq!(report.exit_code(), 6, "{report:#?}");
        stand.wait = Duration::from_secs(20 * 60);
        assert_eq!(stand.converge().await, [""; 0], "{when}");
    }
}

#[tokio::test]
async fn one_that_shows_late_is_not_sent_again() {
    let stand = one_profile().await;
    stand.fault(json!({ "fault": "late-visibility", "seconds": 90, "hidden": 90 }));
    lose(&stand, "after");
    let report = stand.apply().await;
    assert_eq!((report.exit_code(), made(&stand)), (0, 1), "{report:#?}");
    assert_eq!(stand.nothing_to_apply().await, [""; 0]);
}

#[tokio::test]
async fn one_whose_name_is_there_by_then_is_not_sent_again() {
    // While the answer is awaited, somebody makes a profile of that name: nobody can tell whose the
    // one is that shows, or which of both is ours; a third would be wrong in any case.
    for (when, code, sent) in [("before", 7, 0), ("after", 7, 1)] {
        let mut stand = one_profile().await;
        stand.wait = Duration::from_secs(300);
        let session = stand.session("espalier apply").await.expect("documents in order");
        let prepared = session.prepare(&NoProgress).await.expect("the lock");
        let change = serde_json::from_value(json!({ "do": "createProfile", "token": MAIN, "profile": {
            "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": "Kiosk",
            "requiresUserAuthentication": true, "isMandatory": true,
        } }));
        let change = change.expect("a change");
        stand.sim.with_world(|world| portal::change(world, change)).expect("a token of that id");
        lose(&stand, when);
        let report = session.execute(prepared, &NoProgress).await.expect("a ledger");
        assert_eq!((report.exit_code(), made(&stand)), (code, sent), "{when}: {report:#?}");
    }
}
