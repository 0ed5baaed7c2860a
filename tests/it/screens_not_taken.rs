//! P-25: a service that keeps no skip key without a boolean is written to once, told of, and left
//! alone from then on.

use espalier::apply::StepOutcome;
use espalier::sim::Fault;
use espalier::sim::world::History;

use crate::support::desk::{Desk, TOKEN};
use crate::support::folder::Folder;

/// The document, with more lines of its `spec`.
fn write(folder: &Folder, spec: &str) {
    let document = format!(
        "
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: standard}}
spec:
  tokens: [{TOKEN}]
  platform: ios
  userAffinity: none
{spec}
"
    );
    folder.write("", &document);
}

fn history(desk: &Desk) -> History {
    desk.sim.with_world(|world| world.history.clone())
}

fn updates(desk: &Desk) -> u64 {
    history(desk).profiles_updated.values().sum()
}

#[tokio::test]
async fn a_screen_that_the_service_does_not_take_is_written_once_and_told() {
    let desk = Desk::new(|_| {}).await;
    let fault: Fault =
        serde_json::from_value(serde_json::json!({"fault": "drop-skip-keys"})).expect("a fault");
    desk.sim.add_fault(fault);
    let folder = Folder::new();

    write(&folder, "  setupAssistant: {hide: [siri, intelligence]}");
    let report = folder.apply(&desk).await;
    assert_eq!(report.exit_code(), 0, "{report:?}");
    assert_eq!(report.steps[0].outcome, StepOutcome::Committed);
    assert_eq!(report.steps[0].not_taken, ["setupAssistant.intelligence"]);
    let told = folder.plan_is_empty(&desk).await;
    assert!(
        told.iter().any(|m| m.contains("setupAssistant.intelligence") && m.contains("not taken")),
        "{told:?}"
    );
    assert!(!told.iter().any(|m| m.contains("setupAssistant.siri")), "{told:?}");

    // A further such screen is a new wish: it is written once as well, by an update.
    write(&folder, "  setupAssistant: {hide: [siri, intelligence, keyboard]}");
    let report = folder.apply(&desk).await;
    assert_eq!((report.exit_code(), updates(&desk)), (0, 1), "{report:?}");
    assert_eq!(report.steps[0].not_taken, ["setupAssistant.keyboard"]);
    folder.plan_is_empty(&desk).await;

    // Other changes go through beside them, and are confirmed for themselves.
    write(&folder, "  department: IT\n  setupAssistant: {hide: [siri, intelligence, keyboard]}");
    let report = folder.apply(&desk).await;
    assert_eq!((report.exit_code(), updates(&desk)), (0, 2), "{report:?}");
    assert!(report.steps[0].not_taken.is_empty());
    folder.plan_is_empty(&desk).await;
    assert_eq!(history(&desk).profiles_created.values().flat_map(|names| names.values()).sum::<u64>(), 1);
}

#[tokio::test]
async fn where_the_service_takes_the_keys_drift_of_a_boolean_is_still_a_change() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder::new();
    write(&folder, "  setupAssistant: {hide: [siri, intelligence], show: [keyboard]}");
    let report = folder.apply(&desk).await;
    assert!(report.is_complete() && report.steps[0].not_taken.is_empty(), "{report:?}");
    assert!(folder.plan_is_empty(&desk).await.iter().all(|message| !message.contains("not taken")));

    // Somebody shows Siri and hides the keyboard in the portal: both are taken back.
    desk.sim.with_world(|world| {
        for profile in world.tenants[0].tokens[0].profiles.values_mut() {
            profile.members.insert("siriDisabled".to_owned(), false.into());
            profile
                .members
                .insert("enabledSkipKeys".to_owned(), serde_json::json!(["Intelligence", "Keyboard"]));
        }
    });
    let report = folder.apply(&desk).await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(updates(&desk), 1);
    let keys = desk.sim.with_world(|world| {
        let mut profiles = world.tenants[0].tokens[0].profiles.values();
        profiles.next().map(|profile| profile.members["enabledSkipKeys"].clone())
    });
    assert_eq!(keys, Some(serde_json::json!(["Siri", "Intelligence"])));
}
