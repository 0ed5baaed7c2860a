//! Documents in, diagnostics with their places out.

use crate::manifest::load_text;
use crate::model::clock::Timestamp;
use crate::rules::check_documents;

/// The documents of a small folder: two tokens, one profile on both. `fleet`, `token` and
/// `profile` are further lines below `spec`.
pub fn folder(profile: &str, fleet: &str, token: &str, more: &str) -> String {
    format!(
        "\
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {{name: f}}
spec:
  ledger: {{id: 6a1b6b0e-0a52-4a7e-9d0c-0a6d7b0c1d2e, sqlite: {{path: l.db}}}}
{fleet}---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: c}}
spec: {{intune: {{tenantId: t.example, clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, credential: {{clientSecret: {{env: S}}}}}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: a}}
spec: {{mdm: c{token}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: b}}
spec: {{mdm: c, scopeTags: [Berlin, Default]}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: p}}
spec:
  tokens: [a, b]
{profile}{more}"
    )
}

/// `code severity place [tokens]` of every finding.
pub fn told(text: &str) -> Vec<String> {
    let loaded = load_text(&[("x.yaml", text)]);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    check_documents(&loaded.desired, Timestamp::UNIX_EPOCH)
        .sorted()
        .into_iter()
        .map(|d| {
            format!(
                "{} {:?} {} [{}]",
                d.code,
                d.severity,
                d.place,
                d.tokens.iter().map(|n| n.as_str()).collect::<Vec<_>>().join(" ")
            )
        })
        .collect()
}

const PIN: &str = "  screens: \"2026-10\"\n";
const BERLIN: &str = ", scopeTags: [Berlin]";

fn ios(profile: &str) -> Vec<String> {
    told(&folder(&format!("  platform: ios\n{profile}"), PIN, "", ""))
}

#[test]
fn one_finding_over_many_tokens_is_one_diagnostic() {
    let text = folder("  platform: ios\n  sharedIpad: {}\n  userAffinity: entraShared\n", PIN, BERLIN, "");
    let found = told(&text);
    assert_eq!(
        found,
        ["T-5 Note x.yaml:16:27 [a]", "P-14 Refuse x.yaml:29:15 [a b]", "P-14 Note x.yaml:29:15 [a b]"]
    );
}

#[test]
fn t3_consent_that_is_denied_warns() {
    let found = told(&folder("  platform: ios\n", PIN, ", consentToShareData: false", ""));
    assert_eq!(found, ["T-3 Warn x.yaml:16:36 [a]"]);
    assert!(told(&folder("  platform: ios\n", PIN, ", consentToShareData: true", "")).is_empty());
}

#[test]
fn t5_a_list_of_scope_tags_without_the_default_is_noted() {
    assert_eq!(told(&folder("  platform: ios\n", PIN, BERLIN, "")), ["T-5 Note x.yaml:16:27 [a]"]);
}

#[test]
fn p18_cancelled_members_are_refused() {
    let found = ios("  sharedIpad: {temporarySessionOnly: true, maximumCachedUsers: 3}\n");
    assert!(found.contains(&"P-18 Refuse x.yaml:29:64 [a b]".to_owned()), "{found:?}");
    assert!(found.contains(&"P-20 Note x.yaml:29:38 [a b]".to_owned()), "{found:?}");
}

#[test]
fn p21_a_certificate_that_ended_warns() {
    use crate::model::Field;
    use crate::model::desired::{Certificate, Pairing, PairingMode};
    let text = folder("  platform: ios\n", PIN, "", "");
    let mut desired = load_text(&[("x.yaml", &text)]).desired;
    let profile = desired.profiles.values_mut().next().unwrap();
    let certificate = |not_after: &str| Certificate {
        file: "host.cer".into(),
        der_base64: "AA==".to_owned(),
        subject: "CN=host".to_owned(),
        not_after: not_after.parse().unwrap(),
    };
    profile.settings.pairing = Field::Set(Pairing {
        mode: Field::Set(PairingMode::AllowByCertificate),
        certificates: Field::Set(vec![
            certificate("2026-01-01T00:00:00Z"),
            certificate("2028-01-01T00:00:00Z"),
        ]),
    });
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let found: Vec<_> = check_documents(&desired, now).iter().map(|d| (d.code, d.severity)).collect();
    assert_eq!(found, [("P-21", crate::diag::Severity::Warn)]);
}

#[test]
fn p22_the_serials_of_assignments_are_looked_at() {
    let template = format!("  platform: ios\n  deviceNameTemplate: \"{{{{SERIAL}}}}{}\"\n", "x".repeat(50));
    let assignment = |serial: &str| {
        format!(
            "---\napiVersion: espalier.dev/v1alpha1\nkind: DeviceAssignment\nmetadata: {{name: d}}\nspec: {{profile: p, devices: {{serials: [{serial}]}}}}\n"
        )
    };
    assert!(told(&folder(&template, PIN, "", &assignment("C02A00000001"))).is_empty());
    let found = told(&folder(&template, PIN, "", &assignment("C02A00000000001")));
    assert_eq!(found, ["P-22 Refuse x.yaml:29:23 [a b]"]);
}

#[test]
fn p25_screens_of_another_platform_warn_and_otherwise_wants_a_pin() {
    let assistant = "  setupAssistant: {hide: [fileVault], otherwise: hide}\n";
    let found = told(&folder(&format!("  platform: ios\n{assistant}"), "", "", ""));
    assert_eq!(found[0], "P-25 Note x.yaml:1:1 []");
    assert!(found.contains(&"P-25 Warn x.yaml:28:27 [a b]".to_owned()), "{found:?}");
    // A Mac has FileVault, and no SIM.
    let mac = |screen: &str| {
        let profile = format!("  platform: macos\n  setupAssistant: {{show: [{screen}]}}\n");
        told(&folder(&profile, PIN, "", ""))
    };
    assert!(mac("fileVault").is_empty(), "{:?}", mac("fileVault"));
    assert_eq!(mac("simSetup"), ["P-25 Warn x.yaml:29:27 [a b]"]);
}

#[test]
fn p25_screens_of_some_versions_only_are_noted() {
    // Web content filtering was there from iOS 18.2 to 26.0; Siri has been since iOS 7.
    let found = ios("  setupAssistant: {show: [webContentFiltering, intelligence, siri]}\n");
    assert_eq!(found, ["P-25 Note x.yaml:29:27 [a b]", "P-25 Note x.yaml:29:48 [a b]"]);
}

#[test]
fn p26_the_place_is_that_of_the_screen() {
    assert_eq!(ios("  setupAssistant: {show: [passcode]}\n"), ["P-26 Warn x.yaml:29:27 [a b]"]);
}
