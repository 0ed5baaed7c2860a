//! One test per row and case.

mod acknowledge;
mod acts;
mod apple;
mod documents;
mod live;
mod macos;

use super::{catalogue, judge, judge_template, required_on_create};
use crate::diag::Severity::{self, Note, Refuse, Warn};
use crate::model::{Fields, Platform, Value};

fn text(value: &str) -> Value {
    Value::Text(value.to_owned())
}

fn fields<const N: usize>(fields: [(&'static str, Value); N]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn rows(findings: Vec<super::Finding>) -> Vec<(&'static str, Severity)> {
    findings.into_iter().map(|finding| (finding.rule, finding.severity)).collect()
}

fn judged<const N: usize>(list: [(&'static str, Value); N]) -> Vec<(&'static str, Severity)> {
    rows(judge(Platform::Ios, &fields(list)))
}

/// What more than a note is said.
fn severe<const N: usize>(list: [(&'static str, Value); N]) -> Vec<(&'static str, Severity)> {
    judged(list).into_iter().filter(|(_, severity)| *severity != Note).collect()
}

fn on_create<const N: usize>(list: [(&'static str, Value); N]) -> Vec<(&'static str, Severity)> {
    rows(required_on_create(Platform::Ios, &fields(list)))
}

const ON: (&str, Value) = ("sharedIpad", Value::Bool(true));
const USER: fn() -> (&'static str, Value) = || ("userAffinity", text("user"));

fn sign_in(word: &str) -> (&'static str, Value) {
    ("authentication", text(word))
}

#[test]
fn nothing_stated_is_nothing_judged() {
    assert_eq!(judged([]), []);
}

#[test]
fn p2_a_new_profile_needs_affinity() {
    assert_eq!(on_create([]), [("P-2", Refuse)]);
    assert_eq!(on_create([("userAffinity", text("none"))]), []);
}

#[test]
fn p3_user_needs_authentication_and_the_others_refuse_it() {
    assert_eq!(on_create([USER()]), [("P-3", Refuse)]);
    assert_eq!(severe([USER()]), []);
    assert_eq!(severe([USER(), ("authentication", Value::None)]), [("P-3", Refuse)]);
    assert_eq!(severe([USER(), sign_in("companyPortal")]), []);
    for affinity in ["none", "entraShared"] {
        let judged = severe([("userAffinity", text(affinity)), sign_in("companyPortal")]);
        assert_eq!(judged, [("P-3", Refuse)]);
    }
}

#[test]
fn p3_modern_authentication_tells_its_version() {
    assert_eq!(judged([sign_in("setupAssistantModern")]), [("P-3", Note)]);
}

#[test]
fn p4_install_belongs_to_the_legacy_sign_in() {
    let install = || ("companyPortal.install", Value::Bool(true));
    assert_eq!(severe([install()]), []);
    assert_eq!(severe([install(), sign_in("setupAssistantLegacy")]), [("P-33", Warn)]);
    assert_eq!(severe([install(), sign_in("setupAssistantModern")]), [("P-4", Refuse)]);
    assert_eq!(severe([install(), ("authentication", Value::None)]), [("P-4", Refuse)]);
    let by_itself = judged([install(), sign_in("companyPortal")]);
    assert_eq!(by_itself, [("P-4", Note), ("P-8", Note)]);
    assert_eq!(severe([("companyPortal.install", Value::Bool(false)), sign_in("setupAssistantModern")]), []);
}

#[test]
fn p4_a_vpp_token_without_an_installation_warns() {
    let vpp = || ("companyPortal.vppToken", text("Apps"));
    assert_eq!(severe([vpp()]), []);
    assert_eq!(severe([vpp(), sign_in("companyPortal")]), []);
    assert_eq!(severe([vpp(), sign_in("setupAssistantModern")]), [("P-4", Warn)]);
    let legacy = |install| {
        severe([vpp(), sign_in("setupAssistantLegacy"), ("companyPortal.install", Value::Bool(install))])
    };
    assert_eq!(legacy(true), [("P-33", Warn)]);
    assert_eq!(legacy(false), [("P-33", Warn), ("P-4", Warn)]);
}

#[test]
fn p5_single_app_mode_needs_a_vpp_token_and_a_sign_in_that_installs() {
    let single = || ("companyPortal.singleAppMode", Value::Bool(true));
    let none = || ("companyPortal.vppToken", Value::None);
    assert_eq!(severe([single(), none()]), [("P-5", Refuse), ("P-6", Warn)]);
    let some = || ("companyPortal.vppToken", text("Apps"));
    assert_eq!(severe([single(), some(), sign_in("companyPortal")]), [("P-6", Warn)]);
    let modern = severe([single(), some(), sign_in("setupAssistantModern")]);
    assert_eq!(modern, [("P-4", Warn), ("P-5", Refuse), ("P-6", Warn)]);
    assert_eq!(severe([("companyPortal.singleAppMode", Value::Bool(false)), none()]), []);
}

#[test]
fn p6_single_app_mode_has_no_second_factor() {
    assert_eq!(severe([("companyPortal.singleAppMode", Value::Bool(true))]), [("P-6", Warn)]);
}

#[test]
fn p7_the_legacy_sign_in_still_needs_company_portal() {
    let legacy = judged([sign_in("setupAssistantLegacy")]);
    assert_eq!(legacy, [("P-7", Note), ("P-33", Warn)]);
    let installs = judged([sign_in("setupAssistantLegacy"), ("companyPortal.install", Value::Bool(true))]);
    assert!(!installs.contains(&("P-7", Note)), "{installs:?}");
}

#[test]
fn p8_company_portal_is_enrolled_within_a_day() {
    assert_eq!(judged([sign_in("companyPortal")]), [("P-8", Note)]);
}

#[test]
fn p9_unsupervised_warns() {
    assert_eq!(judged([("supervised", Value::Bool(false))]), [("P-9", Warn)]);
    assert_eq!(rows(judge(Platform::Macos, &fields([("supervised", Value::Bool(false))]))), []);
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
    assert_eq!(severe([ON, USER()]), [("P-14", Refuse)]);
    assert_eq!(severe([ON, ("userAffinity", text("none"))]), []);
    assert_eq!(severe([("sharedIpad", Value::Bool(false)), USER()]), []);
}

#[test]
fn p14_shared_ipad_without_supervision_is_refused() {
    assert_eq!(severe([ON, ("supervised", Value::Bool(false))]), [("P-9", Warn), ("P-14", Refuse)]);
}

#[test]
fn p14_shared_ipad_without_affinity_cannot_await_configuration() {
    let awaits = ("awaitConfiguration", Value::Bool(true));
    assert_eq!(severe([ON, ("userAffinity", text("none")), awaits]), [("P-14", Refuse)]);
}

#[test]
fn p14_screens_beside_shared_ipad_are_noted() {
    assert_eq!(judged([ON]), [("P-14", Note)]);
    assert_eq!(judged([ON, ("setupAssistant.siri", text("hide"))]), [("P-14", Note), ("P-14", Note)]);
}

#[test]
fn p15_p17_and_p19_numbers_have_ranges() {
    for (name, wrong, right, row) in [
        ("sharedIpad.maximumCachedUsers", 25, 24, "P-15"),
        ("sharedIpad.passwordAfterLockSeconds", 14_401, 14_400, "P-16"),
        ("sharedIpad.userSessionTimeoutSeconds", 29, 30, "P-17"),
        ("sharedIpad.userSessionTimeoutSeconds", 1, 0, "P-17"),
        ("sharedIpad.temporarySessionTimeoutSeconds", 29, 30, "P-19"),
    ] {
        assert_eq!(severe([ON, (name, Value::Int(wrong))]), [(row, Refuse)], "{name} {wrong}");
        assert_eq!(severe([ON, (name, Value::Int(right))]), [], "{name} {right}");
        assert_eq!(severe([("sharedIpad", Value::Bool(false)), (name, Value::Int(wrong))]), [], "off");
    }
}

#[test]
fn p16_other_values_than_intunes_warn() {
    let seconds = |seconds| severe([ON, ("sharedIpad.passwordAfterLockSeconds", Value::Int(seconds))]);
    assert_eq!(seconds(61), [("P-16", Warn)]);
    assert_eq!(seconds(-1), [("P-16", Refuse)]);
    for known in [0, 60, 300, 900, 3600, 14_400] {
        assert_eq!(seconds(known), [], "{known}");
    }
}

#[test]
fn p17_a_cancelled_timeout_is_not_judged() {
    let temporary = ("sharedIpad.temporarySessionOnly", Value::Bool(true));
    assert_eq!(severe([ON, temporary, ("sharedIpad.userSessionTimeoutSeconds", Value::Int(5))]), []);
}

#[test]
fn p19_the_timeout_needs_temporary_sessions() {
    let timeout = || ("sharedIpad.temporarySessionTimeoutSeconds", Value::Int(60));
    let only = |value| ("sharedIpad.temporarySessionOnly", Value::Bool(value));
    assert_eq!(severe([ON, timeout(), only(false)]), [("P-19", Refuse)]);
    assert_eq!(severe([ON, timeout(), only(true)]), []);
    assert_eq!(on_create([ON, timeout(), ("userAffinity", text("none"))]), [("P-19", Refuse)]);
}

#[test]
fn p20_temporary_sessions_are_explained() {
    let only = ("sharedIpad.temporarySessionOnly", Value::Bool(true));
    assert_eq!(judged([ON, only]), [("P-14", Note), ("P-20", Note)]);
}

#[test]
fn p21_certificates_belong_to_their_mode() {
    let mode = |mode| ("pairing.mode", text(mode));
    let some = |count: usize| ("pairing.certificates", Value::List(vec!["x".to_owned(); count]));
    assert_eq!(judged([mode("allowByCertificate")]), [("P-21", Refuse)]);
    assert_eq!(judged([mode("allowByCertificate"), some(10)]), [("P-21", Note)]);
    assert_eq!(severe([mode("allowByCertificate"), some(11)]), [("P-21", Refuse)]);
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
    for bad in ["{{serial}}", "{{SERIAL", "SERIAL}}", "}}{{SERIAL}}", "{{IMEI}}", &"x".repeat(64), &expands] {
        assert_eq!(rules(bad), [("P-22", Refuse)], "{bad}");
    }
    let mac =
        |template: &str| rows(judge(Platform::Macos, &fields([("deviceNameTemplate", text(template))])));
    assert_eq!(mac("{{SERIAL}}"), [("P-22", Note)]);
    assert_eq!(mac("{{serialNumber}}"), [("P-22", Refuse), ("P-22", Note)]);
}

#[test]
fn p22_the_expansion_is_that_of_the_devices_that_get_it() {
    let template = fields([("deviceNameTemplate", text(&format!("{{{{SERIAL}}}}{}", "x".repeat(50))))]);
    assert_eq!(rows(judge(Platform::Ios, &template)), []);
    let of = |serial: &str| judge_template(Platform::Ios, &template, serial).map(|finding| finding.message);
    assert_eq!(of("C02A00000001"), None);
    assert!(of("C02A00000000001").unwrap().contains("65 characters long for the device C02A00000000001"));
}

#[test]
fn p23_the_carrier_s_server_is_an_absolute_address() {
    let address = |text_: &str| severe([("cellularActivationUrl", text(text_))]);
    for good in ["https://activation.example", "http://10.0.0.1:8080/path?x=1"] {
        assert_eq!(address(good), [], "{good}");
    }
    for bad in ["activation.example", "ftp://activation.example", "https://", "/path", "mailto:a@b.example"] {
        assert_eq!(address(bad), [("P-23", Refuse)], "{bad}");
    }
}

#[test]
fn p26_and_p27_screens_that_do_not_work_are_told() {
    assert_eq!(judged([("setupAssistant.passcode", text("show"))]), [("P-26", Warn)]);
    assert_eq!(judged([("setupAssistant.touchIdAndFaceId", text("show"))]), [("P-26", Warn)]);
    assert_eq!(severe([("setupAssistant.passcode", text("hide"))]), []);
    let shown = fields([("setupAssistant.passcode", text("show"))]);
    assert_eq!(rows(judge(Platform::Macos, &shown)), []);
}

#[test]
fn p27_migration_warns_and_terms_of_address_tell_their_version() {
    assert_eq!(judged([("setupAssistant.deviceToDeviceMigration", text("show"))]), [("P-27", Warn)]);
    assert_eq!(judged([("setupAssistant.termsOfAddress", text("show"))]), [("P-27", Note)]);
}

#[test]
fn p33_the_legacy_sign_in_has_no_second_factor() {
    assert!(judged([sign_in("setupAssistantLegacy")]).contains(&("P-33", Warn)));
    let mac = rows(judge(Platform::Macos, &fields([sign_in("setupAssistantLegacy")])));
    assert_eq!(mac, [("P-33", Warn)]);
}

#[test]
fn p35_company_portal_without_affinity_warns() {
    let vpp = || ("companyPortal.vppToken", text("Apps"));
    let none = || [("userAffinity", text("none")), ("authentication", Value::None)];
    let [affinity, authentication] = none();
    assert_eq!(severe([affinity, authentication, vpp()]), [("P-35", Warn)]);
    let [affinity, authentication] = none();
    assert_eq!(severe([affinity, authentication, ("companyPortal.vppToken", Value::None)]), []);
}

#[test]
fn p36_a_hidden_screen_is_only_skipped() {
    assert_eq!(judged([("setupAssistant.siri", text("hide"))]), [("P-36", Note)]);
    assert_eq!(judged([("setupAssistant.siri", text("show"))]), []);
}

#[test]
fn p39_the_carrier_has_to_have_provisioned_the_esims() {
    assert_eq!(judged([("cellularActivationUrl", text("https://activation.example"))]), [("P-39", Note)]);
}

#[test]
fn p40_users_who_enroll_belong_in_a_user_group() {
    assert_eq!(judged([USER()]), [("P-40", Note)]);
}

#[test]
fn every_rule_names_its_row_its_fields_and_a_next_step() {
    for entry in catalogue() {
        let known =
            ["T-", "S-", "P-", "A-", "D-", "L-", "R-"].iter().any(|letter| entry.row.starts_with(letter));
        assert!(known && !entry.summary.is_empty() && !entry.next.is_empty(), "{entry:?}");
        assert!(!entry.platforms.is_empty(), "{entry:?}");
    }
    for finding in judge(
        Platform::Ios,
        &fields([ON, ("userAffinity", text("user")), ("supervised", Value::Bool(false))]),
    ) {
        assert!(finding.message.contains(finding.rule) && !finding.next.is_empty(), "{finding:?}");
    }
}

#[test]
fn every_field_that_a_rule_reads_is_a_setting() {
    for rule in super::table() {
        for field in rule.entry.fields {
            let screen = field.strip_prefix("setupAssistant").is_some();
            assert!(screen || crate::model::settings::setting(field).is_some(), "{field}");
        }
    }
}

#[test]
fn no_two_rules_say_the_same() {
    let mut seen = std::collections::BTreeSet::new();
    for entry in catalogue() {
        let key = (entry.row, entry.summary, format!("{:?}{:?}", entry.platforms, entry.needs));
        assert!(seen.insert(key), "{entry:?}");
    }
}
