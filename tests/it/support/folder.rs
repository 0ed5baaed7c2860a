//! A folder of documents for the desk's tenant, planned and applied by the engine.

use std::fs;
use std::time::Duration;

use espalier::apply::ApplyReport;
use espalier::engine::{Session, Settings, WorldChoice};
use espalier::manifest::Allow;
use espalier::plan::Plan;
use espalier::progress::NoProgress;

use super::desk::{Desk, TENANT, TOKEN};

/// A folder of one fleet, one connection and one token.
pub struct Folder(tempfile::TempDir);

impl Folder {
    /// An empty one.
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// Writes the fleet with these documents beside it; `token` are more lines of the token's `spec`.
    pub fn write(&self, token: &str, documents: &str) {
        let text = format!(
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
  intune: {{tenantId: {TENANT}, clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, credential: {{clientSecret: {{env: SECRET}}}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: {TOKEN}}}
spec:
  mdm: tenant
{token}
{documents}"
        );
        fs::write(self.0.path().join("all.yaml"), text).expect("a file in the test's own folder");
    }

    /// Opens it for a run against the desk's simulator.
    pub async fn open(&self, desk: &Desk) -> Session {
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
            narrowing: espalier::engine::Narrowing::Nothing,
        };
        Session::open(settings).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// One apply.
    pub async fn apply(&self, desk: &Desk) -> ApplyReport {
        let session = self.open(desk).await;
        let prepared = session.prepare(&NoProgress).await.unwrap_or_else(|error| panic!("{error}"));
        session.execute(prepared, &NoProgress).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// One plan.
    pub async fn plan(&self, desk: &Desk) -> Plan {
        let session = self.open(desk).await;
        let (plan, _) = session.plan(&NoProgress).await.unwrap_or_else(|error| panic!("{error}"));
        plan
    }

    /// The findings of a plan that has no step.
    pub async fn plan_is_empty(&self, desk: &Desk) -> Vec<String> {
        let plan = self.plan(desk).await;
        assert!(plan.steps.is_empty() && plan.blocked.is_empty(), "{plan:?}");
        plan.findings.iter().map(|finding| finding.message.clone()).collect()
    }

    /// Whether any file of the folder holds a text.
    pub fn holds(&self, text: &str) -> bool {
        holds(self.0.path(), text)
    }
}

fn holds(path: &std::path::Path, text: &str) -> bool {
    if path.is_dir() {
        let mut entries = fs::read_dir(path).expect("the folder");
        return entries.any(|entry| holds(&entry.expect("a file").path(), text));
    }
    let bytes = fs::read(path).unwrap_or_default();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
