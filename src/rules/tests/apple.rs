//! Limits of Apple's profiles, and which rules are for which side.

use super::{fields, rows, text};
use crate::diag::Severity::{self, Note, Refuse, Warn};
use crate::model::settings::Side;
use crate::model::{Platform, Value};
use crate::rules::{judge, judge_on};

fn judged<const N: usize>(
    platform: Platform,
    list: [(&'static str, Value); N],
) -> Vec<(&'static str, Severity)> {
    let mut all = fields([
        ("displayName", text("A")),
        ("ade.url", text("https://mdm.example/enroll")),
        ("ade.orgMagic", text("m")),
    ]);
    all.extend(fields(list));
    rows(judge_on(Side::Direct, platform, &all))
}

fn on_ios<const N: usize>(list: [(&'static str, Value); N]) -> Vec<(&'static str, Severity)> {
    judged(Platform::Ios, list)
}

#[test]
fn p32_apple_requires_url_and_org_magic_of_every_profile() {
    for platform in Platform::ALL {
        assert_eq!(judged(platform, []), []);
        assert_eq!(rows(judge_on(Side::Direct, platform, &fields([]))), [("P-32", Refuse)]);
        assert_eq!(judged(platform, [("ade.url", Value::None)]), [("P-32", Refuse)]);
    }
    assert_eq!(rows(judge(Platform::Ios, &fields([]))), [], "a classic profile has neither");
}

#[test]
fn p1_names_are_counted_in_characters() {
    assert_eq!(on_ios([("displayName", text(&"ä".repeat(125)))]), []);
    assert_eq!(on_ios([("displayName", text(&"ä".repeat(126)))]), [("P-1", Refuse)]);
    assert_eq!(on_ios([("displayName", Value::None)]), [("P-1", Refuse)]);
    assert_eq!(rows(judge(Platform::Ios, &fields([("displayName", text(&"a".repeat(126)))]))), []);
}

#[test]
fn p24_department_and_telephone_have_an_end() {
    for (field, most) in [("department", 125), ("departmentPhone", 50)] {
        assert_eq!(on_ios([(field, text(&"1".repeat(most)))]), []);
        assert_eq!(on_ios([(field, text(&"1".repeat(most + 1)))]), [("P-24", Refuse)], "{field}");
    }
}

#[test]
fn p32_addresses_are_absolute_and_have_an_end() {
    let path = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
    for good in ["http://mdm.example/a?b=c", "https://[2001:db8::1]:8443/x", &path(2000)] {
        assert_eq!(on_ios([("ade.url", text(good))]), [], "{good}");
    }
    let encoded = format!("https://a.example/{}", "ä".repeat(700));
    for bad in ["mdm.example/enroll", "ftp://mdm.example", "https://a b/", "https:", &path(2001), &encoded] {
        assert_eq!(on_ios([("ade.url", text(bad))]), [("P-32", Refuse)], "{bad}");
    }
    assert_eq!(on_ios([("ade.configurationWebUrl", text("https://mdm.example/in"))]), []);
    assert_eq!(on_ios([("ade.configurationWebUrl", text("http://mdm.example/in"))]), [("P-32", Refuse)]);
}

#[test]
fn p32_texts_have_the_forms_that_apple_takes() {
    for (field, good, bad) in [
        ("ade.orgMagic", "m".repeat(256), "m".repeat(257)),
        (
            "ade.supportEmail",
            format!("{}@a.example", "x".repeat(240)),
            format!("{}@a.example", "x".repeat(242)),
        ),
        ("ade.supportEmail", "it+mdm@school.example".to_owned(), "it at school".to_owned()),
        ("ade.supportEmail", "ä@schüle.example".to_owned(), "it@school..example".to_owned()),
    ] {
        assert_eq!(on_ios([(field, text(&good))]), [], "{good}");
        assert_eq!(on_ios([(field, text(&bad))]), [("P-32", Refuse)], "{bad}");
    }
    let on_tv = |field, value: &str| judged(Platform::Tvos, [(field, text(value))]);
    for (field, good, bad) in [
        ("ade.language", "de", "DE"),
        ("ade.language", "haw", "de-CH"),
        ("ade.region", "CH", "ch"),
        ("ade.region", "US", "USA"),
    ] {
        assert_eq!(on_tv(field, good), [], "{good}");
        assert_eq!(on_tv(field, bad), [("P-32", Refuse)], "{bad}");
    }
}

#[test]
fn p12_locked_needs_supervision_on_every_platform_of_a_direct_token() {
    for platform in Platform::ALL {
        let list =
            |supervised| [("lockedEnrollment", Value::Bool(true)), ("supervised", Value::Bool(supervised))];
        assert_eq!(judged(platform, list(true)), [], "{platform}");
        let refused = judged(platform, list(false));
        assert!(refused.contains(&("P-12", Refuse)), "{platform}: {refused:?}");
    }
}

#[test]
fn p9_and_p14_and_p32_what_is_worth_knowing_is_noted() {
    let unsupervised = [("supervised", Value::Bool(false)), ("awaitConfiguration", Value::Bool(true))];
    assert_eq!(on_ios(unsupervised), [("P-9", Warn), ("P-9", Note)]);
    let shared = on_ios([("sharedIpad", Value::Bool(true)), ("supervised", Value::Bool(false))]);
    assert!(shared.contains(&("P-14", Refuse)) && shared.contains(&("P-14", Note)), "{shared:?}");
    assert_eq!(on_ios([("ade.returnToService", Value::Bool(true))]), [("P-32", Note)]);
    assert_eq!(
        judged(Platform::Visionos, [("ade.ignoreProfileFromBackup", Value::Bool(true))]),
        [("P-32", Note)]
    );
}

#[test]
fn p21_pairing_is_judged_on_macs_of_direct_tokens_too() {
    let by_certificate =
        || [("pairing.mode", text("allowByCertificate")), ("pairing.certificates", Value::None)];
    for platform in [Platform::Ios, Platform::Macos] {
        assert!(judged(platform, by_certificate()).contains(&("P-21", Refuse)), "{platform}");
    }
}
