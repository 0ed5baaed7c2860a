//! What Apple answers device by device: who is put off is left in peace, and nobody is given anything
//! twice.

use std::time::Duration;

use espalier::apply::{ApplyReport, ItemCounts, StepOutcome};
use serde_json::json;

use super::stand::{self, Stand, serial};

const HOUR: Duration = Duration::from_secs(3600);

fn assign(report: &ApplyReport) -> (&StepOutcome, &ItemCounts) {
    let step = report.steps.iter().find(|step| step.id.starts_with("assign ")).expect("an assignment");
    (&step.outcome, step.items.as_ref().expect("devices"))
}

async fn hit(fault: &str, retry_after: Option<u32>) -> (Stand, ApplyReport) {
    let stand = stand::simple(3).await;
    let mut json = json!({"fault": fault, "serials": [serial(0, 1)], "when": "before", "operation": "profile.devices.post"});
    if let Some(seconds) = retry_after {
        json["retryAfter"] = json!(seconds);
    }
    stand.fault(json);
    let report = stand.apply().await;
    (stand, report)
}

#[tokio::test]
async fn devices_that_apple_limits_are_left_in_peace_until_it_says_so() {
    for (retry_after, hours) in [(Some(7_200), 2), (None, 24)] {
        let (stand, report) = hit("throttle-devices", retry_after).await;
        let (outcome, items) = assign(&report);
        assert!(matches!(outcome, StepOutcome::Pending { until: Some(_), .. }), "{outcome:?}");
        assert_eq!((items.committed, &items.cooling[..]), (2, &[serial(0, 1)][..]));
        assert_eq!(report.exit_code(), 0, "what waits never changes an exit code");
        assert_eq!(stand.rests().await, [""; 0], "not before its time");
        stand.pass(HOUR * hours).await;
        let report = stand.apply().await;
        assert_eq!((report.exit_code(), assign(&report).1.committed), (0, 1), "{report:#?}");
        assert_eq!(stand.profiles_of("alpha").len(), 3);
        assert_eq!(stand.rests().await, [""; 0]);
        assert!(stand.nothing_repeated());
    }
}

#[tokio::test]
async fn devices_that_apple_fails_on_are_tried_again_ever_later() {
    for fault in ["fail-devices", "missing-serials"] {
        let (stand, report) = hit(fault, None).await;
        assert_eq!(report.exit_code(), 6, "{fault}: {report:#?}");
        assert_eq!(assign(&report).1.failed, [serial(0, 1)], "{fault}");
        for hours in [1, 4, 24] {
            assert_eq!(stand.rests().await, [""; 0], "{fault}: not before {hours} h");
            stand.pass(HOUR * hours).await;
            stand.fault(json!({
                "fault": fault, "serials": [serial(0, 1)], "when": "before", "operation": "profile.devices.post",
            }));
            let report = stand.apply().await;
            assert_eq!(report.exit_code(), 1, "{fault} after {hours} h: {report:#?}");
        }
        stand.pass(HOUR * 24).await;
        let report = stand.apply().await;
        assert_eq!((report.exit_code(), assign(&report).1.committed), (0, 1), "{fault}: {report:#?}");
        assert_eq!(stand.rests().await, [""; 0]);
    }
}

#[tokio::test]
async fn a_device_that_left_the_server_in_between_waits() {
    let stand = stand::simple(3).await;
    let session = stand.session("espalier apply").await;
    let prepared = session.prepare(&espalier::progress::NoProgress).await.expect("the lock");
    stand.sim.with_world(|world| {
        let now = world.now.as_second();
        world.services[0].fleet.remove(&serial(0, 2), now);
    });
    let report = session.execute(prepared, &espalier::progress::NoProgress).await.expect("a ledger");
    let (outcome, items) = assign(&report);
    assert_eq!(outcome, &StepOutcome::Committed, "{report:#?}");
    assert_eq!((items.committed, &items.waiting[..]), (2, &[serial(0, 2)][..]));
    assert_eq!(report.exit_code(), 0);
    drop(session);
    assert_eq!(stand.rests().await, [""; 0]);
}

#[tokio::test]
async fn a_change_is_a_new_profile_that_its_devices_get_and_no_other() {
    let stand = stand::simple(3).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    let documents = std::fs::read_to_string(stand.folder().join("fleet.yaml")).expect("the documents");
    stand.write(
        &documents.replace("  lockedEnrollment: true\n", "  lockedEnrollment: true\n  department: New\n"),
    );
    stand.sim.forget_calls();
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    assert_eq!((stand.calls()["profile.post"], stand.calls()["profile.devices.post"]), (1, 1));
    stand.sim.with_world(|world| {
        let service = &world.services[0];
        assert!(
            service.fleet.present().all(|row| service.profiles[&row.profile].members["department"] == "New")
        );
    });
    assert_eq!(stand.rests().await, [""; 0]);
    // Back again: what was defined before is known, and is not defined anew.
    stand.write(&documents);
    stand.sim.forget_calls();
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(stand.calls().get("profile.post"), None);
    assert_eq!(stand.rests().await, [""; 0]);
}

#[tokio::test]
async fn a_profile_that_was_removed_at_apple_is_drift() {
    let stand = stand::simple(2).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    stand.sim.with_world(|world| {
        let now = world.now.as_second();
        world.services[0]
            .fleet
            .modify(&serial(0, 0), now, |row| row.status = espalier::sim::apple::ProfileStatus::Removed);
    });
    let report = stand.apply().await;
    assert_eq!((report.exit_code(), assign(&report).1.committed), (0, 1), "{report:#?}");
    assert_eq!(stand.rests().await, [""; 0]);
}

#[tokio::test]
async fn taking_a_profile_away_needs_a_full_read_in_the_same_run() {
    let stand = stand::simple(3).await;
    assert_eq!(stand.apply().await.exit_code(), 0);
    let documents =
        [stand::fleet(), stand::token("alpha", ""), stand::profile("ipads", "alpha", "  state: absent\n")];
    stand.write(&documents.concat());
    stand.sim.forget_calls();
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let calls = stand.calls();
    assert_eq!((calls["server.devices.post"], calls["profile.devices.delete"]), (1, 1), "{calls:?}");
    stand.sim.with_world(|world| assert_eq!(world.history.apple.removals.len(), 3));
    assert_eq!(stand.rests().await, [""; 0]);
}
