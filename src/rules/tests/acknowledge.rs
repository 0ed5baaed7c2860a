//! What is acknowledged is counted; what ended, refuses or folds nothing is told.

use super::documents::folder;
use crate::diag::Diagnostics;
use crate::manifest::{Loaded, load_text};
use crate::model::clock::Timestamp;
use crate::rules::{check_documents, fold_documents};

const UNSUPERVISED: &str = "  platform: ios\n  supervised: false\n";

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn entry(rule: &str, until: &str) -> String {
    format!("acknowledge: [{{rule: {rule}, reason: known, until: {until}}}]")
}

fn loaded(text: &str) -> Loaded {
    load_text(&[("x.yaml", text)])
}

/// `code severity message` of what remains.
fn folded(text: &str) -> Vec<String> {
    let Loaded { desired, mut diagnostics, .. } = loaded(text);
    diagnostics.extend(check_documents(&desired, now()));
    lines(fold_documents(diagnostics, &desired, now()))
}

fn lines(findings: Diagnostics) -> Vec<String> {
    let line = |d: crate::diag::Diagnostic| format!("{} {:?} {}", d.code, d.severity, d.message);
    findings.sorted().into_iter().map(line).collect()
}

const PIN: &str = "  screens: \"2026-10\"\n";

#[test]
fn a_document_s_own_acknowledgement_folds_and_counts() {
    let text = folder(&format!("{UNSUPERVISED}  {}\n", entry("P-9", "2027-01-31")), PIN, "", "");
    assert_eq!(folded(&text), ["acknowledgement Note 1 acknowledged, next until 2027-01-31 (P-9)"]);
}

#[test]
fn the_fleet_s_is_for_all_and_a_connection_s_for_its_tokens() {
    let fleet = format!("{PIN}  {}\n", entry("P-9", "2027-01-31"));
    assert_eq!(folded(&folder(UNSUPERVISED, &fleet, "", "")).len(), 1);
    let text = folder(UNSUPERVISED, PIN, "", "");
    let connection =
        text.replace("{env: S}}}}", &format!("{{env: S}}}}}}, {}}}", entry("P-9", "2027-01-31")));
    assert_ne!(text, connection);
    assert_eq!(folded(&connection), ["acknowledgement Note 1 acknowledged, next until 2027-01-31 (P-9)"]);
    // Another document's is not for this one.
    let token = format!(", {}", entry("P-9", "2027-01-31"));
    let told = folded(&folder(UNSUPERVISED, PIN, &token, ""));
    assert!(told.iter().any(|line| line.starts_with("P-9 Warn")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("folds nothing")), "{told:?}");
}

#[test]
fn a_connection_s_is_for_its_own_tokens_only() {
    let other = "---\napiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata: {name: d}\nspec: {intune: {tenantId: u.example, clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, credential: {clientSecret: {env: S}}}, acknowledge: [{rule: P-9, reason: known, until: 2027-01-31}]}\n";
    let text =
        folder(UNSUPERVISED, PIN, "", other).replace("{mdm: c, scopeTags: [Berlin, Default]}", "{mdm: d}");
    let Loaded { desired, diagnostics, .. } = loaded(&text);
    assert!(diagnostics.is_empty(), "{diagnostics:#?}");
    let remains = fold_documents(check_documents(&desired, now()), &desired, now());
    let unsupervised = remains.iter().find(|d| d.code == "P-9").unwrap();
    assert_eq!(unsupervised.tokens.iter().map(|t| t.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[test]
fn after_its_date_the_finding_is_back_with_a_note() {
    let text = folder(&format!("{UNSUPERVISED}  {}\n", entry("P-9", "2026-01-31")), PIN, "", "");
    let told = folded(&text);
    assert!(told[0].starts_with("P-9 Warn"), "{told:?}");
    assert!(
        told[1].starts_with("acknowledgement Note the acknowledgement of P-9 ended on 2026-01-31 (known)"),
        "{told:?}"
    );
}

#[test]
fn one_that_folds_nothing_is_noted_where_documents_tell_all() {
    let acknowledged = |rule: &str| {
        folded(&folder(&format!("  platform: ios\n  {}\n", entry(rule, "2027-01-31")), PIN, "", ""))
    };
    assert_eq!(acknowledged("P-6"), ["acknowledgement Note the acknowledgement of P-6 folds nothing"]);
    // Grandfathered violations and live warnings are seen by `plan` alone.
    for rule in ["P-14", "P-4", "T-6"] {
        assert_eq!(acknowledged(rule), Vec::<String>::new(), "{rule}");
    }
}

#[test]
fn a_refusal_cannot_be_acknowledged() {
    let shared = format!(
        "  platform: ios\n  sharedIpad: {{}}\n  userAffinity: entraShared\n  {}\n",
        entry("P-14", "2027-01-31")
    );
    let told = folded(&folder(&shared, PIN, "", ""));
    assert!(told.iter().any(|line| line.starts_with("P-14 Refuse")), "{told:?}");
    assert!(told.iter().any(|line| line.starts_with("acknowledgement Warn P-14 refuses")), "{told:?}");
}

#[test]
fn a_code_can_be_acknowledged_and_an_unknown_word_is_refused() {
    let nobody = "---\napiVersion: espalier.dev/v1alpha1\nkind: EnrollmentProfile\nmetadata: {name: q}\nspec: {tokens: {matchLabels: {no: one}}, platform: ios, acknowledge: [{rule: RULE, reason: known, until: 2027-01-31}]}\n";
    let text = folder("  platform: ios\n", PIN, "", &nobody.replace("RULE", "selects-no-token"));
    assert_eq!(
        folded(&text),
        ["acknowledgement Note 1 acknowledged, next until 2027-01-31 (selects-no-token)"]
    );
    let text = folder("  platform: ios\n", PIN, "", &nobody.replace("RULE", "P-99"));
    let unknown = loaded(&text).diagnostics.sorted().into_iter().find(|d| d.code == "unknown-rule").unwrap();
    assert!(unknown.next.starts_with("did you mean `P-"), "{unknown:?}");
}
