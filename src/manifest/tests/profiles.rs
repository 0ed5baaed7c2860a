//! The canonical form.

use super::*;
use crate::model::screens::{CURRENT_EDITION, Platform, catalogue};
use crate::model::{Fields, Name, Value};

fn forms(rest: &str) -> (Fields, Fields) {
    let loaded = load(&[token("t", ""), profile("p", "[t]", rest)]);
    assert_eq!(told(&loaded), [""; 0]);
    let profile = &loaded.desired.profiles[&Name::new("p").unwrap()];
    let t = Name::new("t").unwrap();
    (profile.wished[&t].clone(), profile.created[&t].clone())
}

fn shown(fields: &Fields) -> Vec<String> {
    fields.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[test]
fn what_is_missing_is_not_wished_and_gets_its_default_on_create() {
    let (wished, created) = forms("");
    assert_eq!(shown(&wished), ["displayName=\"p\""]);
    assert_eq!(
        shown(&created),
        [
            "authentication=(none)",
            "awaitConfiguration=true",
            "cellularActivationUrl=(none)",
            "department=(none)",
            "departmentPhone=(none)",
            "description=(none)",
            "deviceNameTemplate=(none)",
            "displayName=\"p\"",
            "lockedEnrollment=false",
            "pairing.mode=\"allowAll\"",
            "sharedIpad=false",
            "supervised=true",
        ]
    );
}

#[test]
fn labels_of_the_portal_are_taken() {
    let (wished, _) = forms(
        "  userAffinity: Enroll with User Affinity\n  authentication: Setup Assistant (legacy)\n  pairing: {mode: deny all}\n",
    );
    assert_eq!(
        shown(&wished),
        [
            "authentication=\"setupAssistantLegacy\"",
            "displayName=\"p\"",
            "pairing.mode=\"denyAll\"",
            "userAffinity=\"user\"",
        ]
    );
}

#[test]
fn null_is_the_default() {
    let (wished, _) = forms(
        "  description: null\n  supervised: null\n  lockedEnrollment: null\n  awaitConfiguration: null\n  sharedIpad: null\n  pairing: null\n",
    );
    assert_eq!(
        shown(&wished),
        [
            "awaitConfiguration=true",
            "description=(none)",
            "displayName=\"p\"",
            "lockedEnrollment=false",
            "pairing.mode=\"allowAll\"",
            "sharedIpad=false",
            "supervised=true",
        ]
    );
}

#[test]
fn p14_a_shared_ipad_without_affinity_does_not_wait_by_default() {
    let (wished, created) = forms("  userAffinity: none\n  sharedIpad: {}\n");
    assert_eq!(wished["sharedIpad"], Value::Bool(true));
    assert_eq!(wished["authentication"], Value::None);
    assert_eq!(created["awaitConfiguration"], Value::Bool(false));
}

#[test]
fn p18_temporary_sessions_cancel_the_other_members() {
    let (wished, _) = forms(
        "  sharedIpad: {temporarySessionOnly: true, maximumCachedUsers: 5, temporarySessionTimeoutSeconds: 60}\n",
    );
    assert!(!wished.contains_key("sharedIpad.maximumCachedUsers"));
    assert_eq!(wished["sharedIpad.temporarySessionTimeoutSeconds"], Value::Int(60));
    let (wished, _) =
        forms("  sharedIpad: {userSessionTimeoutSeconds: null, passwordAfterLockSeconds: 300}\n");
    assert_eq!(wished["sharedIpad.userSessionTimeoutSeconds"], Value::Int(0));
    assert_eq!(wished["sharedIpad.passwordAfterLockSeconds"], Value::Int(300));
}

#[test]
fn p25_unlisted_screens_are_unmanaged_without_otherwise() {
    let (wished, created) = forms("  setupAssistant: {hide: [Siri, TOS], show: [\"Apple Pay\"]}\n");
    for fields in [&wished, &created] {
        let screens: Vec<_> = shown(fields).into_iter().filter(|one| one.starts_with("setup")).collect();
        assert_eq!(
            screens,
            [
                "setupAssistant.applePay=\"show\"",
                "setupAssistant.siri=\"hide\"",
                "setupAssistant.termsAndConditions=\"hide\"",
            ]
        );
    }
}

#[test]
fn p25_otherwise_expands_to_the_pinned_edition() {
    let (wished, _) = forms("  setupAssistant: {show: [siri], otherwise: hide}\n");
    let screens = wished.iter().filter(|(name, _)| name.starts_with("setupAssistant.")).count();
    assert_eq!(screens, catalogue(CURRENT_EDITION, Platform::Ios).unwrap().count());
    assert_eq!(wished["setupAssistant.siri"].as_text(), Some("show"));
    assert_eq!(wished["setupAssistant.zoom"].as_text(), Some("hide"));
}

#[test]
fn p25_a_screen_cannot_be_hidden_and_shown() {
    let loaded =
        load(&[token("t", ""), profile("p", "[t]", "  setupAssistant: {hide: [siri], show: [Siri]}\n")]);
    assert_eq!(only(&loaded).rule, Some("P-25"));
}

#[test]
fn p21_certificates_are_read_and_checked() {
    let certificates = "  pairing: {mode: allowByCertificate, certificates: [host.pem]}\n";
    let load_pem =
        |pem: &str| load_with(&[token("t", ""), profile("p", "[t]", certificates)], &[("host.pem", pem)]);
    let loaded = load_pem(&self_signed());
    assert_eq!(told(&loaded), [""; 0]);
    let profile = &loaded.desired.profiles[&Name::new("p").unwrap()];
    let one = &profile.settings.pairing.set().unwrap().certificates.set().unwrap()[0];
    assert_eq!(one.subject, "CN=host");
    assert!(one.not_after > jiff::Timestamp::now());
    let Value::List(list) = &profile.wished[&Name::new("t").unwrap()]["pairing.certificates"] else {
        panic!()
    };
    assert_eq!(list, &vec![one.der_base64.clone()]);
    assert_eq!(only(&load_pem("-----BEGIN NONSENSE")).rule, Some("P-21"));
}

/// A certificate of our own; elliptic keys are made at once.
fn self_signed() -> String {
    use openssl::{asn1::Asn1Time, bn::BigNum, ec, hash::MessageDigest, nid::Nid, pkey::PKey, x509};
    let group = ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(ec::EcKey::generate(&group).unwrap()).unwrap();
    let mut name = x509::X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "host").unwrap();
    let name = name.build();
    let mut builder = x509::X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_serial_number(&BigNum::from_u32(1).unwrap().to_asn1_integer().unwrap()).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(30).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    String::from_utf8(builder.build().to_pem().unwrap()).unwrap()
}
