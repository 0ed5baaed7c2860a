//! Small documents in, wishes and findings out.

mod actions;
mod apple;
mod apple_devices;
mod connections;
mod direct;
mod documents;
mod fleet;
mod hostile;
mod profiles;
mod references;
mod serials;

use super::{Loaded, load_text};
use crate::diag::{Diagnostic, Severity};

pub const FLEET: &str = "\
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: fleet}
spec:
  ledger: {id: 6a1b6b0e-0a52-4a7e-9d0c-0a6d7b0c1d2e, sqlite: {path: ledger.db}}
  screens: \"2026-10\"
";

pub const CONNECTION: &str = "\
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {name: tenant}
spec:
  intune:
    tenantId: 11111111-2222-3333-4444-555555555555
    clientId: 66666666-7777-8888-9999-000000000000
    credential: {clientSecret: {env: SECRET}}
";

pub fn token(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata: {{name: {name}, labels: {{site: {name}}}}}\nspec:\n  mdm: tenant\n{rest}"
    )
}

pub fn profile(name: &str, tokens: &str, rest: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentProfile\nmetadata: {{name: {name}}}\nspec:\n  platform: ios\n  tokens: {tokens}\n{rest}"
    )
}

pub fn assignment(name: &str, rest: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAssignment\nmetadata: {{name: {name}}}\nspec:\n{rest}"
    )
}

/// Loads one file of documents beside a fleet and a connection.
pub fn load(documents: &[String]) -> Loaded {
    load_with(documents, &[])
}

pub fn load_with(documents: &[String], beside: &[(&str, &str)]) -> Loaded {
    let text = documents.join("---\n");
    let mut files = vec![("fleet.yaml", FLEET), ("connection.yaml", CONNECTION), ("x.yaml", &text)];
    files.extend(beside);
    load_text(&files)
}

pub fn severe(loaded: &Loaded) -> Vec<Diagnostic> {
    loaded.diagnostics.clone().sorted().into_iter().filter(|d| d.severity != Severity::Note).collect()
}

/// `code file:line:column` of every refusal and warning.
pub fn told(loaded: &Loaded) -> Vec<String> {
    severe(loaded).iter().map(|d| format!("{} {}", d.code, d.place)).collect()
}

pub fn only(loaded: &Loaded) -> Diagnostic {
    let mut all = severe(loaded);
    assert_eq!(all.len(), 1, "{all:#?}");
    all.remove(0)
}
