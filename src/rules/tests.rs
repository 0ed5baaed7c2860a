//! One test per row and case.

use super::{judge, required_on_create, table};
use crate::diag::Severity::{self, Note, Refuse, Warn};
use crate::manifest::load_text;
use crate::model::{Fields, Value};

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn fields<const N: usize>(fields: [(&'static str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn judged<const N: usize>(list: [(&'static str, Value); N]) -> Vec<(&'static str, Severity)> {
    judge(&fields(list)).into_iter().map(|finding| (finding.rule, finding.severity)).collect()
}

const ON: (&str, Value) = ("sharedIpad", Value::Bool(true));

#[test]
fn nothing_stated_is_nothing_judged() {
    assert_eq!(judged([]), []);
}

#[test]
fn p2_a_new_profile_needs_affinity() {
    assert_eq!(required_on_create(&fields([]))[0].rule, "P-2");
    assert_eq!(required_on_create(&fields([("userAffinity", text("none"))])), []);
}

#[test]
fn p3_user_needs_authentication_and_the_others_refuse_it() {
    let created = fields([("userAffinity", text("user"))]);
    assert_eq!(required_on_create(&created)[0].rule, "P-3");
    assert_eq!(judged([("userAffinity", text("user"))]), []);
    assert_eq!(judged([("userAffinity", text("user")), ("authentication", Value::None)]), [("P-3", Refuse)]);
    let portal = ("authentication", text("companyPortal"));
    assert_eq!(judged([("userAffinity", text("user")), portal.clone()]), []);
    for affinity in ["none", "entraShared"] {
        assert_eq!(judged([("userAffinity", text(affinity)), portal.clone()]), [("P-3", Refuse)]);
    }
    assert_eq!(judged([("authentication", text("setupAssistantModern"))]), [("P-3", Note)]);
}

#[test]
fn p7_and_p33_legacy_sign_in_is_explained() {
    assert_eq!(judged([("authentication", text("setupAssistantLegacy"))]), [("P-7", Note), ("P-33", Warn)]);
}

#[test]
fn p9_unsupervised_warns() {
    assert_eq!(judged([("supervised", Value::Bool(false))]), [("P-9", Warn)]);
}

#[test]
fn p12_locked_needs_supervision() {
    let locked = ("lockedEnrollment", Value::Bool(true));
    assert_eq!(
        judged([locked.clone(), ("supervised", Value::Bool(false))]),
        [("P-9", Warn), ("P-12", Refuse)]
    );
    assert_eq!(judged([locked, ("supervised", Value::Bool(true))]), []);
}

#[test]
fn p14_shared_ipad_with_affinity_is_refused() {
    assert_eq!(judged([ON, ("userAffinity", text("user"))]), [("P-14", Refuse)]);
    assert_eq!(judged([ON, ("userAffinity", text("none"))]), []);
    assert_eq!(judged([("sharedIpad", Value::Bool(false)), ("userAffinity", text("user"))]), []);
}

#[test]
fn p14_shared_ipad_without_supervision_is_refused() {
    assert_eq!(judged([ON, ("supervised", Value::Bool(false))]), [("P-9", Warn), ("P-14", Refuse)]);
}

#[test]
fn p14_shared_ipad_without_affinity_cannot_await_configuration() {
    let awaits = ("awaitConfiguration", Value::Bool(true));
    assert_eq!(judged([ON, ("userAffinity", text("none")), awaits]), [("P-14", Refuse)]);
}

#[test]
fn p14_screens_beside_shared_ipad_are_noted() {
    assert_eq!(judged([ON, ("setupAssistant.siri", text("hide"))]), [("P-14", Note)]);
}

#[test]
fn p15_to_p19_numbers_have_ranges() {
    for (name, wrong, right, row) in [
        ("sharedIpad.maximumCachedUsers", 25, 24, "P-15"),
        ("sharedIpad.passwordAfterLockSeconds", 61, 60, "P-16"),
        ("sharedIpad.userSessionTimeoutSeconds", 29, 30, "P-17"),
        ("sharedIpad.userSessionTimeoutSeconds", 1, 0, "P-17"),
        ("sharedIpad.temporarySessionTimeoutSeconds", 29, 30, "P-19"),
    ] {
        assert_eq!(judged([ON, (name, Value::Int(wrong))]), [(row, Refuse)], "{name} {wrong}");
        assert_eq!(judged([ON, (name, Value::Int(right))]), [], "{name} {right}");
        assert_eq!(judged([("sharedIpad", Value::Bool(false)), (name, Value::Int(wrong))]), [], "off");
    }
}

#[test]
fn p19_the_timeout_needs_temporary_sessions() {
    let timeout = ("sharedIpad.temporarySessionTimeoutSeconds", Value::Int(60));
    let only = |value| ("sharedIpad.temporarySessionOnly", Value::Bool(value));
    assert_eq!(judged([ON, timeout.clone(), only(false)]), [("P-19", Refuse)]);
    assert_eq!(judged([ON, timeout.clone(), only(true)]), [("P-20", Note)]);
    let created = fields([ON, timeout, ("userAffinity", text("none"))]);
    assert_eq!(required_on_create(&created)[0].rule, "P-19");
}

#[test]
fn p21_certificates_belong_to_their_mode() {
    let mode = |mode| ("pairing.mode", text(mode));
    let some = |count: usize| ("pairing.certificates", Value::List(vec!["x".to_owned(); count]));
    assert_eq!(judged([mode("allowByCertificate")]), [("P-21", Refuse)]);
    assert_eq!(judged([mode("allowByCertificate"), some(10)]), []);
    assert_eq!(judged([mode("allowByCertificate"), some(11)]), [("P-21", Refuse)]);
    assert_eq!(judged([mode("allowAll"), some(1)]), [("P-21", Note)]);
    assert_eq!(judged([mode("denyAll")]), [("P-21", Note)]);
}

#[test]
fn p22_templates_are_bounded_and_their_variables_known() {
    let rules = |template: &str| judged([("deviceNameTemplate", text(template))]);
    for good in ["{{DEVICETYPE}}-{{SERIAL}}", "Ä", &"x".repeat(63), "{x}"] {
        assert_eq!(rules(good), [], "{good}");
    }
    let expands = format!("{{{{SERIAL}}}}{}", "x".repeat(53));
    for bad in ["{{serial}}", "{{SERIAL", "SERIAL}}", "{{IMEI}}", &"x".repeat(64), &expands] {
        assert_eq!(rules(bad), [("P-22", Refuse)], "{bad}");
    }
}

#[test]
fn p26_and_p27_screens_that_do_not_work_are_told() {
    assert_eq!(judged([("setupAssistant.passcode", text("show"))]), [("P-26", Warn)]);
    assert_eq!(judged([("setupAssistant.touchIdAndFaceId", text("show"))]), [("P-26", Warn)]);
    assert_eq!(judged([("setupAssistant.passcode", text("hide"))]), []);
    assert_eq!(judged([("setupAssistant.deviceToDeviceMigration", text("show"))]), [("P-27", Warn)]);
    assert_eq!(judged([("setupAssistant.termsOfAddress", text("hide"))]), [("P-27", Note)]);
}

#[test]
fn every_message_names_its_row_and_a_next_step() {
    assert!(table().all(|rule| rule.row.starts_with("P-") && !rule.fields.is_empty()));
    for finding in judge(&fields([ON, ("userAffinity", text("user")), ("supervised", Value::Bool(false))])) {
        assert!(finding.message.contains(finding.rule) && !finding.next.is_empty(), "{finding:?}");
    }
}

/// Two tokens, one profile on both.
fn documents(profile: &str, fleet: &str) -> Vec<String> {
    let text = format!(
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
spec: {{intune: {{tenantId: t, clientId: c, credential: {{clientSecret: {{env: S}}}}}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: a}}
spec: {{mdm: c, scopeTags: [Berlin]}}
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
  platform: ios
{profile}"
    );
    let loaded = load_text(&[("x.yaml", &text)]);
    assert!(loaded.diagnostics.is_empty(), "{:#?}", loaded.diagnostics);
    let found = super::check_documents(&loaded.desired, jiff::Timestamp::UNIX_EPOCH);
    found
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

#[test]
fn one_finding_over_many_tokens_is_one_diagnostic() {
    let found = documents("  sharedIpad: {}\n  userAffinity: user\n", PIN);
    assert_eq!(found, ["T-5 Note x.yaml:16:27 [a]", "P-14 Refuse x.yaml:29:15 [a b]"]);
}

#[test]
fn p18_cancelled_members_are_refused() {
    let found = documents("  sharedIpad: {temporarySessionOnly: true, maximumCachedUsers: 3}\n", PIN);
    assert_eq!(found[1..], ["P-20 Note x.yaml:29:38 [a b]", "P-18 Refuse x.yaml:29:64 [a b]"]);
}

#[test]
fn p25_screens_of_another_platform_warn_and_otherwise_wants_a_pin() {
    let found = documents("  setupAssistant: {hide: [fileVault], otherwise: hide}\n", "");
    assert_eq!(found[0], "P-25 Note x.yaml:1:1 []");
    assert!(found.contains(&"P-25 Warn x.yaml:28:27 [a b]".to_owned()), "{found:?}");
}

#[test]
fn p26_the_place_is_that_of_the_screen() {
    let found = documents("  setupAssistant: {show: [passcode]}\n", PIN);
    assert_eq!(found[1..], ["P-26 Warn x.yaml:29:27 [a b]"]);
}
