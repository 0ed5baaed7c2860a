//! Three equal refusals of one document stop its rest; other documents go on.

use espalier::apply::{ApplyReport, StepOutcome};
use espalier::progress::NoProgress;
use espalier::sim::world::World;
use serde_json::json;

use super::{stand, words};
use crate::faults::stand::Stand;
use crate::support::tenants::Tenants;

/// A second profile on every token, which nobody touches outside.
const OTHER: &str = "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {name: other}
spec:
  displayName: Other
  tokens: {matchLabels: {baseline: \"yes\"}}
  platform: ios
  userAffinity: none
";

/// Applies a changed department, after `meanwhile` has happened between the plan and its execution.
async fn changed(stand: &Stand, tenants: &Tenants, meanwhile: impl FnOnce(&mut World)) -> ApplyReport {
    let changed = Tenants { profile: "  department: IT\n".to_owned(), ..tenants.clone() };
    stand.write(&(changed.documents() + OTHER + "  department: IT\n"));
    let session = stand.session("espalier apply").await.expect("documents in order");
    let prepared = session.prepare(&NoProgress).await.expect("the lock");
    stand.sim.with_world(meanwhile);
    session.execute(prepared, &NoProgress).await.expect("a ledger that can be written")
}

async fn applied(tenants: &Tenants) -> Stand {
    let stand = stand(tenants).await;
    stand.write(&(tenants.documents() + OTHER));
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    stand
}

/// Deletes the profile in the portal of these tenants.
fn delete(world: &mut World, tokens: impl IntoIterator<Item = usize>) {
    for at in tokens {
        let token = world.token_mut(&Tenants::token(at)).expect("a token");
        token.profiles.retain(|_, profile| profile.display_name() != "Kiosk");
    }
}

fn of(report: &ApplyReport, document: &str) -> ApplyReport {
    let steps = report.steps.iter().filter(|step| step.id.contains(&format!("/{document}@")));
    ApplyReport { steps: steps.cloned().collect(), ..ApplyReport::default() }
}

#[tokio::test]
async fn the_fourth_is_not_sent_and_other_documents_go_on() {
    let tenants = Tenants::new(6);
    let stand = applied(&tenants).await;
    let report = changed(&stand, &tenants, |world| delete(world, 1..6)).await;
    let kiosk = of(&report, "kiosk");
    assert_eq!(
        words(&kiosk),
        ["committed", "failed", "failed", "failed", "held back", "held back"],
        "{report:#?}"
    );
    let StepOutcome::HeldBack { reason } = &kiosk.steps[4].outcome else { panic!("{:?}", kiosk.steps[4]) };
    for at in 1..4 {
        assert!(reason.contains(&format!("update EnrollmentProfile/kiosk@token-{at}")), "{reason}");
    }
    assert!(reason.contains("rest of EnrollmentProfile/kiosk") && reason.contains("404"), "{reason}");
    assert_eq!(words(&of(&report, "other")), ["committed"; 6]);
    assert_eq!(report.exit_code(), 6);
    // A later run sees what happened and mends it.
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(stand.nothing_to_apply().await, [""; 0]);
}

#[tokio::test]
async fn two_equal_refusals_or_what_passes_by_itself_stop_nobody() {
    let tenants = Tenants::new(6);
    let stand = applied(&tenants).await;
    let report = changed(&stand, &tenants, |world| delete(world, [2, 4])).await;
    assert_eq!(
        words(&of(&report, "kiosk")),
        ["committed", "committed", "failed", "committed", "failed", "committed"]
    );
    let stand = applied(&tenants).await;
    for at in [1, 2, 3] {
        stand.fault(json!({ "fault": "429", "kind": "write", "within": Tenants::token(at), "times": 0 }));
    }
    let report = changed(&stand, &tenants, |_| {}).await;
    assert_eq!(
        words(&of(&report, "kiosk")),
        ["committed", "failed", "failed", "failed", "committed", "committed"],
        "{report:#?}"
    );
}

#[tokio::test]
async fn assignments_of_one_document_are_counted_too() {
    let tenants = Tenants::new(6);
    let stand = applied(&tenants).await;
    let assigned = Tenants { assigned: true, ..tenants };
    stand.write(&(assigned.documents() + OTHER));
    let session = stand.session("espalier apply").await.expect("documents in order");
    let prepared = session.prepare(&NoProgress).await.expect("the lock");
    stand.sim.with_world(|world| delete(world, 0..5));
    stand.sim.forget_calls();
    let report = session.execute(prepared, &NoProgress).await.expect("a ledger that can be written");
    let kiosk = of(&report, "kiosk");
    assert_eq!(
        words(&kiosk),
        ["failed", "failed", "failed", "held back", "held back", "held back"],
        "{report:#?}"
    );
    assert_eq!(stand.calls(espalier::sim::CallKind::Write), 3);
}
