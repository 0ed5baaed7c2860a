//! Accounts of macOS profiles: the password, awaiting, rotation, and what an update loses.

use super::*;

const PASSWORD: &str = "correct horse";

fn mac(more: Value) -> Value {
    let mut body = json!({
        "@odata.type": "#microsoft.graph.depMacOSEnrollmentProfile", "displayName": "Macs",
        "requiresUserAuthentication": true, "isMandatory": true,
    });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn change(more: Value) -> Value {
    let mut body = json!({"@odata.type": "#microsoft.graph.depMacOSEnrollmentProfile"});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn made(desk: &Desk, more: Value) -> (String, Value) {
    let (status, body) = desk.ask("POST", &desk.below("/enrollmentProfiles"), Some(mac(more))).await;
    assert_eq!(status, 201, "{body}");
    (desk.below(&format!("/enrollmentProfiles/{}", body["id"].as_str().unwrap())), body)
}

/// Whether the profile at a path has this password.
fn has_password(desk: &Desk, path: &str, password: &str) -> bool {
    let id = path.rsplit('/').next().unwrap();
    desk.sim.with_world(|world| world.tenants[0].tokens[0].profile(id).unwrap().has_admin_password(password))
}

#[tokio::test]
async fn a_bare_create_gives_every_member_its_default() {
    let desk = Desk::new().await;
    let (path, _) = made(&desk, json!({})).await;
    let read = desk.get(&path).await;
    let is =
        |names: &[&str], value: Value| names.iter().for_each(|name| assert_eq!(read[*name], value, "{name}"));
    is(
        &[
            "usePlatformSSODuringSetupAssistant",
            "autoAdvanceSetupEnabled",
            "requestRequiresNetworkTether",
            "skipPrimarySetupAccountCreation",
            "setPrimarySetupAccountAsRegularUser",
            "hideAdminAccount",
            "dontAutoPopulatePrimaryAccountInfo",
            "enableRestrictEditing",
            "waitForDeviceConfiguredConfirmation",
            "fileVaultDisabled",
            "registrationDisabled",
            "chooseYourLockScreenDisabled",
            "isDefault",
        ],
        json!(false),
    );
    is(
        &[
            "primaryAccountFullName",
            "primaryAccountUserName",
            "adminAccountUserName",
            "adminAccountFullName",
            "adminAccountPassword",
            "depProfileAdminAccountPasswordRotationSetting",
            "description",
        ],
        Value::Null,
    );
    is(&["enabledSkipKeys", "enrollmentTimeAzureAdGroupIds"], json!([]));
    assert!(
        read.get("enableSharedIPad").is_none() && read.get("awaitDeviceConfiguredConfirmation").is_none()
    );
}

#[tokio::test]
async fn a_password_is_taken_and_neither_shown_nor_kept_nor_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = Options::new(World::from_seed(&seed()));
    options.record = Some(folder.path().join("exchanges.jsonl"));
    let desk = Desk::with(options).await;
    let (path, body) =
        made(&desk, json!({"adminAccountUserName": "ladmin", "adminAccountPassword": PASSWORD})).await;
    assert_eq!(body["adminAccountPassword"], Value::Null);
    assert!(has_password(&desk, &path, PASSWORD) && !has_password(&desk, &path, "another"));
    let patch = async |more: Value| desk.ask("PATCH", &path, Some(change(more))).await.0;
    assert_eq!(patch(json!({"description": "kept"})).await, 200);
    assert!(has_password(&desk, &path, PASSWORD), "an update without it leaves it");
    assert_eq!(patch(json!({"adminAccountPassword": "battery staple"})).await, 200);
    assert!(has_password(&desk, &path, "battery staple"));
    // In a batch the envelope is recorded as well, and text that is no JSON as it came.
    let request = json!({"id": "1", "method": "PATCH", "url": path, "headers": {"Content-Type": "application/json"},
                         "body": change(json!({"adminAccountPassword": PASSWORD}))});
    assert_eq!(desk.ask("POST", "/$batch", Some(json!({"requests": [request]}))).await.0, 200);
    let broken =
        desk.http.post(format!("{}/beta{}", desk.sim.addresses().graph, desk.below("/enrollmentProfiles")));
    let broken = broken.bearer_auth(&desk.bearer).header("content-type", "application/json");
    let text = format!("{{\"adminAccountPassword\": \"{PASSWORD}\"");
    assert_eq!(broken.body(text).send().await.unwrap().status(), 400);
    let world = desk.sim.world();
    assert_eq!(world.history.passwords_set.values().sum::<u64>(), 3);
    let world = String::from_utf8(world.to_json()).unwrap();
    assert_eq!(patch(json!({"adminAccountPassword": null})).await, 200);
    assert!(!has_password(&desk, &path, PASSWORD));
    desk.sim.stop().await.unwrap();
    let record = std::fs::read_to_string(folder.path().join("exchanges.jsonl")).unwrap();
    for text in [world, record] {
        assert!(!text.contains(PASSWORD) && !text.contains("battery staple"));
    }
}

#[tokio::test]
async fn account_settings_force_awaiting() {
    let desk = Desk::new().await;
    let no = json!({"waitForDeviceConfiguredConfirmation": false});
    for (setting, forced) in [
        (json!({"adminAccountUserName": "ladmin"}), true),
        (json!({"primaryAccountFullName": "{{username}}"}), true),
        (json!({"skipPrimarySetupAccountCreation": true}), true),
        (json!({"depProfileAdminAccountPasswordRotationSetting": {"autoRotationPeriodInDays": 7}}), true),
        (json!({"adminAccountPassword": PASSWORD}), true),
        (json!({"adminAccountUserName": null, "enableRestrictEditing": true}), false),
        (json!({"fileVaultDisabled": true}), false),
    ] {
        let mut body = no.clone();
        body.as_object_mut().unwrap().extend(setting.as_object().unwrap().clone());
        let (path, made) = made(&desk, body).await;
        assert_eq!(made["waitForDeviceConfiguredConfirmation"], forced, "{setting}");
        let (_, changed) = desk.ask("PATCH", &path, Some(change(no.clone()))).await;
        assert_eq!(changed["waitForDeviceConfiguredConfirmation"], forced, "{setting} after an update");
    }
}

#[tokio::test]
async fn rotation_is_nested_and_has_its_ranges() {
    let desk = Desk::new().await;
    let name = "depProfileAdminAccountPasswordRotationSetting";
    let delay = |hours: i64| {
        json!({"depProfileDelayAutoRotationSetting": {
            "onRetrievalAutoRotatePasswordEnabled": true, "onRetrievalDelayAutoRotatePasswordInHours": hours}})
    };
    let (_, made) = made(&desk, json!({name: delay(24)})).await;
    assert_eq!(made[name]["autoRotationPeriodInDays"], Value::Null, "what was not sent is null");
    assert_eq!(
        made[name]["depProfileDelayAutoRotationSetting"],
        delay(24)["depProfileDelayAutoRotationSetting"]
    );
    for wrong in [
        delay(0),
        delay(25),
        json!({"autoRotationPeriodInDays": 0}),
        json!({"autoRotationPeriodInDays": 181}),
        json!({"autoRotationPeriodInDays": "7"}),
        json!({"onRetrievalAutoRotatePasswordEnabled": true}),
        json!({"depProfileDelayAutoRotationSetting": {"autoRotationPeriodInDays": 7}}),
        json!([]),
    ] {
        let body = mac(json!({name: wrong}));
        assert_eq!(desk.ask("POST", &desk.below("/enrollmentProfiles"), Some(body)).await.0, 400, "{wrong}");
    }
}

#[tokio::test]
async fn bodies_that_break_a_rule_of_macos_are_refused() {
    let desk = Desk::new().await;
    for wrong in [
        json!({"usePlatformSSODuringSetupAssistant": true, "configurationWebUrl": true}),
        json!({"autoAdvanceSetupEnabled": true, "isMandatory": false}),
        json!({"requiresUserAuthentication": false, "isMandatory": false}),
        json!({"enabledSkipKeys": ["Registration"]}),
        json!({"awaitDeviceConfiguredConfirmation": true}),
        json!({"managementCertificates": []}),
        json!({"requestRequiresNetworkTether": null}),
        json!({"hideAdminAccount": "yes"}),
        json!({"macOSFileVaultDisabled": true}),
    ] {
        let body = mac(wrong.clone());
        assert_eq!(desk.ask("POST", &desk.below("/enrollmentProfiles"), Some(body)).await.0, 400, "{wrong}");
    }
    let nulls = json!({"hideAdminAccount": null, "autoAdvanceSetupEnabled": null,
                       "usePlatformSSODuringSetupAssistant": null, "waitForDeviceConfiguredConfirmation": null});
    let (path, _) = made(&desk, nulls.clone()).await;
    let read = desk.get(&path).await;
    for name in nulls.as_object().unwrap().keys() {
        assert_eq!(read[name], Value::Null, "{name}");
    }
}

#[tokio::test]
async fn an_update_may_lose_the_accounts_without_a_word() {
    let desk = Desk::new().await;
    let accounts = json!({
        "adminAccountUserName": "ladmin", "adminAccountFullName": "Local Admin", "adminAccountPassword": PASSWORD,
        "primaryAccountUserName": "{{partialupn}}", "primaryAccountFullName": "{{username}}",
        "depProfileAdminAccountPasswordRotationSetting": {"autoRotationPeriodInDays": 7},
    });
    let (path, _) = made(&desk, accounts.clone()).await;
    desk.fault(json!({"fault": "reset-accounts", "times": 1}));
    let written = change(json!({"adminAccountFullName": "Somebody", "supportDepartment": "IT"}));
    let (status, read) = desk.ask("PATCH", &path, Some(written.clone())).await;
    assert_eq!((status, &read["supportDepartment"]), (200, &json!("IT")));
    for name in accounts.as_object().unwrap().keys() {
        assert_eq!(read[name], Value::Null, "{name}");
    }
    assert!(!has_password(&desk, &path, PASSWORD));
    let (_, read) = desk.ask("PATCH", &path, Some(written)).await;
    assert_eq!(read["adminAccountFullName"], "Somebody", "once only");
}

#[tokio::test]
async fn keys_without_a_boolean_on_macos_are_kept_unless_told_otherwise() {
    let desk = Desk::new().await;
    let keys = json!({"fileVaultDisabled": true, "privacyPaneDisabled": true, "enabledSkipKeys": ["Welcome", "Passcode"]});
    let (_, kept) = made(&desk, keys.clone()).await;
    // Welcome has no boolean here; Passcode has one, which says no; Privacy is no key.
    assert_eq!(kept["enabledSkipKeys"], json!(["FileVault", "Welcome"]));
    desk.fault(json!({"fault": "drop-skip-keys"}));
    let (_, dropped) = made(&desk, keys).await;
    assert_eq!(dropped["enabledSkipKeys"], json!(["FileVault"]));
}
