//! Accounts and sign-in of Macs.

use super::{fields, rows, sign_in, text};
use crate::diag::Severity::{self, Note, Refuse};
use crate::model::{Platform, Value};
use crate::rules::{judge, required_on_create};

fn judged<const N: usize>(list: [(&'static str, Value); N]) -> Vec<(&'static str, Severity)> {
    rows(judge(Platform::Macos, &fields(list)))
}

fn severe<const N: usize>(list: [(&'static str, Value); N]) -> Vec<(&'static str, Severity)> {
    judged(list).into_iter().filter(|(_, severity)| *severity != Note).collect()
}

const NO_ADMIN: (&str, Value) = ("localAdmin", Value::Bool(false));
const ADMIN: (&str, Value) = ("localAdmin", Value::Bool(true));

#[test]
fn p2_and_p3_macs_have_neither_shared_mode_nor_company_portal_sign_in() {
    assert_eq!(severe([("userAffinity", text("entraShared"))]), [("P-2", Refuse)]);
    assert_eq!(severe([sign_in("companyPortal")]), [("P-3", Refuse)]);
    assert_eq!(judged([sign_in("setupAssistantModern")]), []);
}

#[test]
fn p32_standard_user_and_no_account_need_an_administrator() {
    for lack in [("primaryAccount.standardUser", true), ("primaryAccount.create", false)] {
        let lack = || (lack.0, Value::Bool(lack.1));
        assert_eq!(severe([lack()]), []);
        assert_eq!(severe([lack(), NO_ADMIN]), [("P-32", Refuse)]);
        assert_eq!(severe([lack(), ADMIN]), []);
        let user = || ("userAffinity", text("user"));
        let created = |list| rows(required_on_create(Platform::Macos, &fields(list)));
        assert_eq!(created([lack(), user(), sign_in("x")]), [("P-32", Refuse)]);
        assert_eq!(
            rows(required_on_create(Platform::Macos, &fields([lack(), user(), sign_in("x"), ADMIN]))),
            []
        );
    }
}

#[test]
fn p32_prefill_needs_both_names() {
    let prefill = || ("primaryAccount.prefill", Value::Bool(true));
    let name = |value| ("primaryAccount.userName", value);
    let full = |value| ("primaryAccount.fullName", value);
    assert_eq!(severe([prefill()]), []);
    assert_eq!(severe([prefill(), name(Value::None), full(Value::None)]), [("P-32", Refuse)]);
    assert_eq!(severe([prefill(), name(text("a")), full(Value::None)]), [("P-32", Refuse)]);
    assert_eq!(severe([prefill(), name(text("a")), full(text("b"))]), []);
    let restrict = ("primaryAccount.restrictEditing", Value::Bool(true));
    assert_eq!(judged([restrict, ("primaryAccount.prefill", Value::Bool(false))]), [("P-32", Note)]);
}

#[test]
fn p32_variables_of_account_names_are_known() {
    let user = |value: &str| severe([("primaryAccount.userName", text(value))]);
    let full = |value: &str| severe([("primaryAccount.fullName", text(value))]);
    for good in
        ["{{serialNumber}}", "{{partialupn}}-x", "{{managedDeviceName}}", "{{OnPremisesSamAccountName}}"]
    {
        assert_eq!(user(good), [], "{good}");
    }
    for bad in ["{{username}}", "{{SERIAL}}", "{{partialupn", "x}}", "}}{{partialupn}}"] {
        assert_eq!(user(bad), [("P-32", Refuse)], "{bad}");
    }
    assert_eq!(full("{{username}}"), []);
    assert_eq!(full("{{partialupn}}"), [("P-32", Refuse)]);
}

#[test]
fn p32_rotations_have_ranges() {
    for (field, most) in [("localAdmin.rotateEveryDays", 180), ("localAdmin.rotateAfterRetrievalHours", 24)] {
        assert_eq!(severe([(field, Value::Int(most))]), []);
        assert_eq!(severe([(field, Value::Int(most + 1))]), [("P-32", Refuse)]);
        assert_eq!(severe([(field, Value::Int(0))]), [("P-32", Refuse)]);
        assert_eq!(severe([(field, Value::None)]), []);
    }
}

#[test]
fn p32_account_settings_wait_for_the_configuration_and_need_a_user() {
    let waits = |value| ("awaitConfiguration", Value::Bool(value));
    assert_eq!(severe([ADMIN, waits(false)]), [("P-32", Refuse)]);
    assert_eq!(severe([ADMIN, waits(true)]), []);
    assert_eq!(severe([NO_ADMIN, waits(false)]), []);
    let affinity = |word: &str| ("userAffinity", text(word));
    assert_eq!(
        severe([("primaryAccount.standardUser", Value::Bool(true)), affinity("none")]),
        [("P-32", Refuse)]
    );
    assert_eq!(severe([("primaryAccount.create", Value::Bool(true)), affinity("none")]), []);
    assert_eq!(severe([ADMIN, affinity("user")]), []);
}

#[test]
fn p32_platform_sso_and_modern_authentication_exclude_each_other() {
    let sso = || ("platformSso", Value::Bool(true));
    assert_eq!(severe([sso(), sign_in("setupAssistantModern")]), [("P-32", Refuse)]);
    assert_eq!(severe([sso()]), []);
}

#[test]
fn p32_auto_advance_without_a_user_is_in_order() {
    assert_eq!(severe([("autoAdvance", Value::Bool(true)), ("userAffinity", text("none"))]), []);
}
