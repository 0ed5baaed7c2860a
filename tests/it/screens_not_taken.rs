//! P-25: a service that keeps no skip key without a boolean is written to once, told of, and left
//! alone from then on.

use std::fs;
use std::time::Duration;

use espalier::apply::{ApplyReport, StepOutcome};
use espalier::engine::{Session, Settings, WorldChoice};
use espalier::manifest::Allow;
use espalier::progress::NoProgress;
use espalier::sim::Fault;
use espalier::sim::world::History;

use crate::support::desk::{Desk, TENANT, TOKEN};

fn documents(spec: &str) -> String {
    format!(
        "
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {{name: fleet}}
spec:
  ledger: {{id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {{path: ledger.db}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: tenant}}
spec:
  intune: {{tenantId: {TENANT}, clientId: app, credential: {{clientSecret: {{env: SECRET}}}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: {TOKEN}}}
spec: {{mdm: tenant}}
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
    )
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn write(&self, spec: &str) {
        fs::write(self.0.path().join("all.yaml"), documents(spec)).expect("a file in the test's own folder");
    }

    async fn open(&self, desk: &Desk) -> Session {
        let control = desk.sim.addresses().control.parse().expect("an address");
        let settings = Settings {
            folder: self.0.path().to_owned(),
            allow: Allow::default(),
            world: WorldChoice::At(control),
            ledger: true,
            wait: Duration::ZERO,
            allow_empty: false,
            command: "test".to_owned(),
            changes_world: false,
            record: None,
        };
        Session::open(settings).await.unwrap_or_else(|error| panic!("{error}"))
    }

    async fn apply(&self, desk: &Desk) -> ApplyReport {
        let session = self.open(desk).await;
        let prepared = session.prepare(&NoProgress).await.unwrap_or_else(|error| panic!("{error}"));
        session.execute(prepared, &NoProgress).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// The findings of a plan that has no step.
    async fn plan_is_empty(&self, desk: &Desk) -> Vec<String> {
        let session = self.open(desk).await;
        let (plan, _) = session.plan(&NoProgress).await.unwrap_or_else(|error| panic!("{error}"));
        assert!(plan.steps.is_empty() && plan.blocked.is_empty(), "{plan:?}");
        plan.findings.iter().map(|finding| finding.message.clone()).collect()
    }
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
    let folder = Folder(tempfile::tempdir().expect("a temporary folder"));

    folder.write("  setupAssistant: {hide: [siri, intelligence]}");
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
    folder.write("  setupAssistant: {hide: [siri, intelligence, keyboard]}");
    let report = folder.apply(&desk).await;
    assert_eq!((report.exit_code(), updates(&desk)), (0, 1), "{report:?}");
    assert_eq!(report.steps[0].not_taken, ["setupAssistant.keyboard"]);
    folder.plan_is_empty(&desk).await;

    // Other changes go through beside them, and are confirmed for themselves.
    folder.write("  department: IT\n  setupAssistant: {hide: [siri, intelligence, keyboard]}");
    let report = folder.apply(&desk).await;
    assert_eq!((report.exit_code(), updates(&desk)), (0, 2), "{report:?}");
    assert!(report.steps[0].not_taken.is_empty());
    folder.plan_is_empty(&desk).await;
    assert_eq!(history(&desk).profiles_created.values().flat_map(|names| names.values()).sum::<u64>(), 1);
}

#[tokio::test]
async fn where_the_service_takes_the_keys_drift_of_a_boolean_is_still_a_change() {
    let desk = Desk::new(|_| {}).await;
    let folder = Folder(tempfile::tempdir().expect("a temporary folder"));
    folder.write("  setupAssistant: {hide: [siri, intelligence], show: [keyboard]}");
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
