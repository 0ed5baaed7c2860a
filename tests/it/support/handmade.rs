//! A tenant that people made in the portal, and no program.

use serde_json::{Value, json};

/// A tenant as years of work by hand leave it: more than forty profiles, some as only an older
/// service took them, names that occur twice, mirrors, and types that nobody writes any more.
///
/// The body of a `POST /portal`; `token` is the token's name or id.
pub fn years_of_work(token: &str) -> Value {
    let profile = |name: &str, kind: &str, more: Value| {
        let mut profile = json!({
            "@odata.type": format!("#microsoft.graph.{kind}"), "displayName": name, "description": "",
            "isMandatory": true, "supervisedModeEnabled": true,
        });
        if kind == "depIOSEnrollmentProfile" {
            profile["iTunesPairingMode"] = json!("allow");
        }
        profile.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({"do": "createProfile", "token": token, "profile": profile})
    };
    let (ios, macos) = ("depIOSEnrollmentProfile", "depMacOSEnrollmentProfile");
    let mut changes = vec![
        profile(
            "Shared, awaiting",
            ios,
            json!({"enableSharedIPad": true, "awaitDeviceConfiguredConfirmation": true}),
        ),
        profile(
            "Shared with a user",
            ios,
            json!({"enableSharedIPad": true, "requiresUserAuthentication": true}),
        ),
        profile(
            "Locked, unsupervised",
            ios,
            json!({"supervisedModeEnabled": false, "profileRemovalDisabled": true}),
        ),
        profile(
            "Single app without VPP",
            ios,
            json!({
                "requiresUserAuthentication": true, "enableAuthenticationViaCompanyPortal": true,
                "enableSingleAppEnrollmentMode": true,
            }),
        ),
        profile(
            "Both portals",
            ios,
            json!({
                "requiresUserAuthentication": true, "enableAuthenticationViaCompanyPortal": true,
                "requireCompanyPortalOnSetupAssistantEnrolledDevices": true,
            }),
        ),
        profile(
            "A VPP token of long ago",
            ios,
            json!({
                "requiresUserAuthentication": true, "enableAuthenticationViaCompanyPortal": true,
                "companyPortalVppTokenId": "0a0a0a0a-0000-4000-8000-00000000dead",
            }),
        ),
        profile("By certificate without one", ios, json!({"iTunesPairingMode": "requiresCertificate"})),
        profile("Old keys", macos, json!({"enabledSkipKeys": ["Privacy", "Registration", "AppStore"]})),
        profile(
            "Sign-in twice",
            macos,
            json!({
                "requiresUserAuthentication": true, "configurationWebUrl": true, "usePlatformSSODuringSetupAssistant": true,
            }),
        ),
        profile(
            "Accounts that do not wait",
            macos,
            json!({
                "requiresUserAuthentication": true, "adminAccountUserName": "ladmin", "adminAccountPassword": "hand-made",
                "waitForDeviceConfiguredConfirmation": false,
            }),
        ),
        profile("Not mandatory", ios, json!({"isMandatory": false})),
        profile(
            "Flat",
            "depEnrollmentProfile",
            json!({"sharedIPadMaximumUserCount": 3, "macOSFileVaultDisabled": true}),
        ),
        profile("Twice", ios, json!({})),
        profile("Twice", ios, json!({"siriDisabled": true})),
    ];
    for platform in ["ios", "macOS", "tvOS", "visionOS"] {
        changes.push(
            json!({"do": "createMirror", "token": token, "platform": platform, "displayName": "Twice"}),
        );
    }
    changes.extend((1..=24).map(|number| profile(&format!("Department {number:02}"), ios, json!({}))));
    Value::from(changes)
}
