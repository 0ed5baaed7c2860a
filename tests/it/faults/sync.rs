//! A sync with Apple: once in 15 minutes, once for the same serials, and with the time that it takes
//! (S-2).

use std::time::Duration;

use espalier::apply::{ApplyReport, StepOutcome};
use espalier::model::clock::after;
use serde_json::json;

use super::fleet::{ALL, MAIN};
use super::stand::Stand;

const SYNC: &str = "deviceManagement.depOnboardingSettings.item.syncWithAppleDeviceEnrollmentProgram.post";
const MINUTE: Duration = Duration::from_secs(60);

fn outcome<'r>(report: &'r ApplyReport, step: &str) -> &'r StepOutcome {
    let found = report.steps.iter().find(|result| result.id == step);
    &found.unwrap_or_else(|| panic!("no step {step} in {report:#?}")).outcome
}

fn syncs(stand: &Stand) -> u64 {
    stand.history().syncs.values().sum()
}

/// A sync was asked for a moment ago, by whomever.
fn just_synced(stand: &Stand) {
    stand.sim.with_world(|world| {
        let now = world.now;
        world.token_mut(MAIN).expect("a seeded token").sync.triggered = now;
    });
}

#[tokio::test]
async fn within_the_window_a_run_waits_where_it_may() {
    let stand = Stand::between_editions().await;
    just_synced(&stand);
    let begin = stand.sim.clock().now();
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!((syncs(&stand), stand.differences(&ALL)), (1, vec![]));
    assert!(stand.sim.clock().now() >= after(begin, 15 * MINUTE));
}

#[tokio::test]
async fn within_the_window_a_run_that_may_not_wait_says_when() {
    let mut stand = Stand::between_editions().await;
    just_synced(&stand);
    let begin = stand.sim.clock().now();
    stand.wait = 5 * MINUTE;
    let report = stand.apply().await;
    assert_eq!((report.exit_code(), syncs(&stand)), (0, 0), "{report:#?}");
    let until = Some(after(begin, 15 * MINUTE));
    for step in ["sync EnrollmentToken/main", "assign-after-sync EnrollmentProfile/standard@main"] {
        let outcome = outcome(&report, step);
        assert!(matches!(outcome, StepOutcome::Pending { until: told, .. } if *told == until), "{outcome:?}");
    }
    stand.sim.with_world(|world| world.advance(15 * MINUTE));
    assert_eq!(stand.converge().await, [""; 0]);
    assert_eq!(syncs(&stand), 1);
}

#[tokio::test]
async fn a_sync_is_asked_for_once_for_serials_that_never_come() {
    for lost in [false, true] {
        let stand = Stand::between_editions().await;
        stand.sim.with_world(|world| world.token_mut(MAIN).expect("a seeded token").at_apple.clear());
        if lost {
            stand.fault(json!({ "fault": "cut", "operation": SYNC, "when": "after" }));
        }
        let report = stand.apply().await;
        assert_eq!((report.exit_code(), syncs(&stand)), (0, 1), "{report:#?}");
        let waits = outcome(&report, "assign-after-sync EnrollmentProfile/standard@main");
        assert!(matches!(waits, StepOutcome::Pending { .. }), "{waits:?}");
        for _ in 0..2 {
            stand.sim.with_world(|world| world.advance(60 * MINUTE));
            let plan = stand.plan().await;
            assert!(!plan.has_changes(), "{:?}", plan.steps);
            assert_eq!(plan.waiting.iter().map(|waiting| waiting.serials.len()).sum::<usize>(), 1);
            assert_eq!(stand.nothing_to_apply().await, [""; 0]);
        }
        assert_eq!(syncs(&stand), 1);
    }
}

#[tokio::test]
async fn a_sync_that_does_not_end_within_the_wait_is_unconfirmed() {
    let mut stand = Stand::between_editions().await;
    stand.wait = MINUTE;
    let report = stand.apply().await;
    assert_eq!((report.exit_code(), syncs(&stand)), (7, 1), "{report:#?}");
    let sync = outcome(&report, "sync EnrollmentToken/main");
    assert!(matches!(sync, StepOutcome::Unconfirmed { .. }), "{sync:?}");
    // It goes on without anybody looking, and is not asked for again.
    stand.sim.with_world(|world| world.advance(5 * MINUTE));
    assert_eq!(stand.converge().await, [""; 0]);
    assert_eq!(syncs(&stand), 1);
}
