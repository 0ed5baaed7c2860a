//! The account settings of a Mac on the wire, beyond what the field table says.

use super::convert::{VppNames, create_body, fields_from, update_body};
use super::*;
use crate::model::{Fields, Platform, Secret, Value};

fn fields(pairs: &[(&'static str, Value)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).into(), value.clone())).collect()
}

/// A Mac's profile with an administrator, as read.
fn live() -> Fields {
    fields(&[
        ("userAffinity", Value::text("user")),
        ("authentication", Value::text("setupAssistantModern")),
        ("lockedEnrollment", Value::Bool(false)),
        ("localAdmin", Value::Bool(true)),
        ("localAdmin.userName", Value::text("ladmin")),
        ("localAdmin.fullName", Value::text("Local Admin")),
        ("localAdmin.hidden", Value::Bool(true)),
        ("localAdmin.rotateEveryDays", Value::Int(90)),
        ("localAdmin.rotateAfterRetrievalHours", Value::None),
        ("primaryAccount.create", Value::Bool(true)),
        ("primaryAccount.prefill", Value::Bool(false)),
        ("primaryAccount.userName", Value::None),
    ])
}

fn update(changes: &Fields, resolved: &Resolved) -> Json {
    Json::Object(update_body(Platform::Macos, changes, &live(), &[], resolved))
}

fn read(members: &Json) -> Fields {
    fields_from(Platform::Macos, members.as_object().unwrap(), &VppNames::default()).0
}

#[test]
fn a_change_of_one_account_setting_sends_all_of_them() {
    let body = update(&fields(&[("localAdmin.fullName", Value::text("Helpdesk"))]), &Resolved::default());
    let all = json!({
        "@odata.type": convert::MACOS_TYPE,
        "adminAccountUserName": "ladmin", "adminAccountFullName": "Helpdesk", "hideAdminAccount": true,
        "depProfileAdminAccountPasswordRotationSetting": {
            "autoRotationPeriodInDays": 90,
            "depProfileDelayAutoRotationSetting": {
                "onRetrievalAutoRotatePasswordEnabled": false, "onRetrievalDelayAutoRotatePasswordInHours": null
            }
        },
        "skipPrimarySetupAccountCreation": false, "dontAutoPopulatePrimaryAccountInfo": true,
        "primaryAccountUserName": null, "waitForDeviceConfiguredConfirmation": true,
    });
    assert_eq!(body, all);
    let body =
        update(&fields(&[("primaryAccount.userName", Value::text("{{partialupn}}"))]), &Resolved::default());
    assert_eq!(
        (&body["adminAccountFullName"], &body["primaryAccountUserName"]),
        (&json!("Local Admin"), &json!("{{partialupn}}"))
    );
    // Anything else leaves them alone.
    let body = update(&fields(&[("lockedEnrollment", Value::Bool(false))]), &Resolved::default());
    assert_eq!(body, json!({ "@odata.type": convert::MACOS_TYPE, "profileRemovalDisabled": false }));
}

#[test]
fn a_password_travels_only_where_it_was_resolved() {
    let changes = fields(&[("localAdmin.password", Value::text("env ADMIN"))]);
    let resolved = Resolved { password: Some(Secret::new("hunter22".into())), vpp_token: None };
    let body = update(&changes, &resolved);
    assert_eq!(
        (&body["adminAccountPassword"], &body["adminAccountUserName"]),
        (&json!("hunter22"), &json!("ladmin"))
    );
    assert_eq!(update(&changes, &Resolved::default()).get("adminAccountPassword"), None);
}

#[test]
fn an_administrator_that_is_turned_off_is_cleared() {
    let body = update(&fields(&[("localAdmin", Value::Bool(false))]), &Resolved::default());
    for member in [
        "adminAccountUserName",
        "adminAccountFullName",
        "adminAccountPassword",
        "depProfileAdminAccountPasswordRotationSetting",
    ] {
        assert_eq!(body.get(member), Some(&Json::Null), "{member}");
    }
    assert!(
        body.get("hideAdminAccount").is_none() && body.get("waitForDeviceConfiguredConfirmation").is_none()
    );
    let created =
        create_body(Platform::Macos, &fields(&[("localAdmin", Value::Bool(false))]), &Resolved::default());
    assert!(created.contains_key("adminAccountUserName") && !created.contains_key("adminAccountPassword"));
}

#[test]
fn an_administrator_is_read_in_every_spelling_of_off() {
    let rotation = |rotation: Json| {
        let read = read(&json!({ "adminAccountUserName": "a", "hideAdminAccount": null,
            "depProfileAdminAccountPasswordRotationSetting": rotation }));
        assert_eq!(read["localAdmin.hidden"], Value::Bool(false));
        (
            read.get("localAdmin.rotateEveryDays").cloned(),
            read.get("localAdmin.rotateAfterRetrievalHours").cloned(),
        )
    };
    let none = (Some(Value::None), Some(Value::None));
    assert_eq!(rotation(Json::Null), none);
    assert_eq!(rotation(json!({})), none);
    let delay = |enabled: Json, hours: Json| {
        json!({ "autoRotationPeriodInDays": 30, "depProfileDelayAutoRotationSetting": {
            "onRetrievalAutoRotatePasswordEnabled": enabled, "onRetrievalDelayAutoRotatePasswordInHours": hours } })
    };
    assert_eq!(rotation(delay(json!(false), json!(5))), (Some(Value::Int(30)), Some(Value::None)));
    assert_eq!(rotation(delay(json!(true), json!(5))), (Some(Value::Int(30)), Some(Value::Int(5))));
    assert_eq!(rotation(delay(json!(true), Json::Null)), (Some(Value::Int(30)), None), "on, and not known");
    for off in [json!({ "adminAccountUserName": null }), json!({ "adminAccountUserName": "" })] {
        assert_eq!(read(&off).get("localAdmin"), Some(&Value::Bool(false)));
        assert!(!read(&off).contains_key("localAdmin.fullName"));
    }
    let silent = read(&json!({ "adminAccountUserName": "a" }));
    assert!(
        !read(&json!({})).contains_key("localAdmin") && !silent.contains_key("localAdmin.rotateEveryDays")
    );
}

#[test]
fn null_is_off_where_off_is_the_default_and_unknown_elsewhere() {
    let read = read(&json!({
        "usePlatformSSODuringSetupAssistant": null, "autoAdvanceSetupEnabled": null,
        "requestRequiresNetworkTether": null, "dontAutoPopulatePrimaryAccountInfo": null,
        "skipPrimarySetupAccountCreation": null, "enableRestrictEditing": null,
    }));
    for off in ["platformSso", "autoAdvance", "networkTether", "primaryAccount.prefill"] {
        assert_eq!(read.get(off), Some(&Value::Bool(false)), "{off}");
    }
    assert!(
        !read.contains_key("primaryAccount.create") && !read.contains_key("primaryAccount.restrictEditing")
    );
}

#[test]
fn p12_a_locked_mac_is_supervised_and_one_that_advances_by_itself_is_mandatory() {
    let locked = fields(&[("lockedEnrollment", Value::Bool(true)), ("autoAdvance", Value::Bool(true))]);
    for body in [
        create_body(Platform::Macos, &locked, &Resolved::default()),
        update_body(Platform::Macos, &locked, &live(), &[], &Resolved::default()),
    ] {
        assert_eq!((&body["supervisedModeEnabled"], &body["isMandatory"]), (&json!(true), &json!(true)));
    }
    let ios =
        create_body(Platform::Ios, &fields(&[("lockedEnrollment", Value::Bool(true))]), &Resolved::default());
    assert!(!ios.contains_key("supervisedModeEnabled"));
}
