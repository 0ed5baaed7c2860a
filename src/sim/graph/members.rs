//! The members of the classic profile types: names, JSON shapes, the values of a bare create.
//!
//! Written from the reference (sections 3.3 to 3.6) and the OpenAPI subset, not from a client.

use serde_json::{Map, Value, json};

use super::shape::Shape;

type Member = (&'static str, Shape);

const ENROLLMENT_PROFILE: &[Member] = &[
    ("displayName", Shape::Text),
    ("description", Shape::Text),
    ("requiresUserAuthentication", Shape::Bool),
    ("enableAuthenticationViaCompanyPortal", Shape::Bool),
    ("requireCompanyPortalOnSetupAssistantEnrolledDevices", Shape::Bool),
    ("configurationEndpointUrl", Shape::Text),
];

const DEP_BASE: &[Member] = &[
    ("supervisedModeEnabled", Shape::Bool),
    ("isMandatory", Shape::Bool),
    ("profileRemovalDisabled", Shape::Bool),
    ("deviceNameTemplate", Shape::Text),
    ("supportDepartment", Shape::Text),
    ("supportPhoneNumber", Shape::Text),
    ("configurationWebUrl", Shape::Bool),
    ("waitForDeviceConfiguredConfirmation", Shape::NullableBool),
    ("enrollmentTimeAzureAdGroupIds", Shape::Texts),
    ("enabledSkipKeys", Shape::Texts),
    ("appleIdDisabled", Shape::Bool),
    ("applePayDisabled", Shape::Bool),
    ("diagnosticsDisabled", Shape::Bool),
    ("displayToneSetupDisabled", Shape::Bool),
    ("locationDisabled", Shape::Bool),
    ("privacyPaneDisabled", Shape::Bool),
    ("restoreBlocked", Shape::Bool),
    ("screenTimeScreenDisabled", Shape::Bool),
    ("siriDisabled", Shape::Bool),
    ("termsAndConditionsDisabled", Shape::Bool),
    ("touchIdDisabled", Shape::Bool),
];

const IOS: &[Member] = &[
    ("userlessSharedAadModeEnabled", Shape::Bool),
    ("companyPortalVppTokenId", Shape::Text),
    ("enableSingleAppEnrollmentMode", Shape::Bool),
    ("awaitDeviceConfiguredConfirmation", Shape::Bool),
    ("iTunesPairingMode", Shape::Pairing),
    ("managementCertificates", Shape::Certificates),
    ("enableSharedIPad", Shape::Bool),
    ("sharedIPadMaximumUserCount", Shape::Int),
    ("passcodeLockGracePeriodInSeconds", Shape::NullableInt),
    ("userSessionTimeoutInSeconds", Shape::Int),
    ("forceTemporarySession", Shape::Bool),
    ("temporarySessionTimeoutInSeconds", Shape::Int),
    ("carrierActivationUrl", Shape::Text),
    ("appearanceScreenDisabled", Shape::Bool),
    ("deviceToDeviceMigrationDisabled", Shape::Bool),
    ("expressLanguageScreenDisabled", Shape::Bool),
    ("homeButtonScreenDisabled", Shape::Bool),
    ("iMessageAndFaceTimeScreenDisabled", Shape::Bool),
    ("onBoardingScreenDisabled", Shape::Bool),
    ("passCodeDisabled", Shape::Bool),
    ("preferredLanguageScreenDisabled", Shape::Bool),
    ("restoreCompletedScreenDisabled", Shape::Bool),
    ("restoreFromAndroidDisabled", Shape::Bool),
    ("simSetupScreenDisabled", Shape::Bool),
    ("softwareUpdateScreenDisabled", Shape::Bool),
    ("updateCompleteScreenDisabled", Shape::Bool),
    ("watchMigrationScreenDisabled", Shape::Bool),
    ("welcomeScreenDisabled", Shape::Bool),
    ("zoomDisabled", Shape::Bool),
];

const MACOS: &[Member] = &[
    ("usePlatformSSODuringSetupAssistant", Shape::NullableBool),
    ("autoAdvanceSetupEnabled", Shape::NullableBool),
    ("requestRequiresNetworkTether", Shape::Bool),
    ("skipPrimarySetupAccountCreation", Shape::Bool),
    ("setPrimarySetupAccountAsRegularUser", Shape::Bool),
    ("dontAutoPopulatePrimaryAccountInfo", Shape::Bool),
    ("primaryAccountFullName", Shape::Text),
    ("primaryAccountUserName", Shape::Text),
    ("enableRestrictEditing", Shape::Bool),
    ("adminAccountUserName", Shape::Text),
    ("adminAccountFullName", Shape::Text),
    ("adminAccountPassword", Shape::WriteOnlyText),
    ("hideAdminAccount", Shape::NullableBool),
    ("depProfileAdminAccountPasswordRotationSetting", Shape::Rotation),
    ("accessibilityScreenDisabled", Shape::Bool),
    ("autoUnlockWithWatchDisabled", Shape::Bool),
    ("chooseYourLockScreenDisabled", Shape::Bool),
    ("fileVaultDisabled", Shape::Bool),
    ("iCloudDiagnosticsDisabled", Shape::Bool),
    ("iCloudStorageDisabled", Shape::Bool),
    ("passCodeDisabled", Shape::Bool),
    ("registrationDisabled", Shape::Bool),
    ("zoomDisabled", Shape::Bool),
];

/// The old flat type of iOS and macOS together (reference section 3.1): read, never written.
const FLAT: &[Member] = &[
    ("isMandatory", Shape::NullableBool),
    ("supervisedModeEnabled", Shape::NullableBool),
    ("profileRemovalDisabled", Shape::NullableBool),
    ("supportDepartment", Shape::Text),
    ("supportPhoneNumber", Shape::Text),
    ("appleIdDisabled", Shape::NullableBool),
    ("applePayDisabled", Shape::NullableBool),
    ("awaitDeviceConfiguredConfirmation", Shape::NullableBool),
    ("diagnosticsDisabled", Shape::NullableBool),
    ("enableSharedIPad", Shape::NullableBool),
    ("iTunesPairingMode", Shape::Pairing),
    ("locationDisabled", Shape::NullableBool),
    ("macOSFileVaultDisabled", Shape::NullableBool),
    ("macOSRegistrationDisabled", Shape::NullableBool),
    ("managementCertificates", Shape::Certificates),
    ("passCodeDisabled", Shape::NullableBool),
    ("restoreBlocked", Shape::NullableBool),
    ("restoreFromAndroidDisabled", Shape::NullableBool),
    ("sharedIPadMaximumUserCount", Shape::NullableInt),
    ("siriDisabled", Shape::NullableBool),
    ("termsAndConditionsDisabled", Shape::NullableBool),
    ("touchIdDisabled", Shape::NullableBool),
    ("zoomDisabled", Shape::NullableBool),
];

/// What a `reset-accounts` fault takes away.
const ACCOUNTS: [&str; 6] = [
    "adminAccountUserName",
    "adminAccountFullName",
    "hideAdminAccount",
    "depProfileAdminAccountPasswordRotationSetting",
    "primaryAccountUserName",
    "primaryAccountFullName",
];

/// The member that is taken and never shown.
pub(in crate::sim) const PASSWORD: &str = "adminAccountPassword";

/// Booleans that the service turns into skip keys, of either platform; the `derived` rows.
const SKIP_KEYS: &[(&str, &str)] = &[
    ("passCodeDisabled", "Passcode"),
    ("locationDisabled", "Location"),
    ("restoreBlocked", "Restore"),
    ("appleIdDisabled", "AppleID"),
    ("termsAndConditionsDisabled", "TOS"),
    ("touchIdDisabled", "Biometric"),
    ("applePayDisabled", "Payment"),
    ("zoomDisabled", "Zoom"),
    ("siriDisabled", "Siri"),
    ("diagnosticsDisabled", "Diagnostics"),
    ("displayToneSetupDisabled", "DisplayTone"),
    ("screenTimeScreenDisabled", "ScreenTime"),
    ("restoreFromAndroidDisabled", "Android"),
    ("iMessageAndFaceTimeScreenDisabled", "iMessageAndFaceTime"),
    ("onBoardingScreenDisabled", "OnBoarding"),
    ("simSetupScreenDisabled", "SIMSetup"),
    ("softwareUpdateScreenDisabled", "SoftwareUpdate"),
    ("watchMigrationScreenDisabled", "WatchMigration"),
    ("appearanceScreenDisabled", "Appearance"),
    ("deviceToDeviceMigrationDisabled", "DeviceToDeviceMigration"),
    ("restoreCompletedScreenDisabled", "RestoreCompleted"),
    ("updateCompleteScreenDisabled", "UpdateCompleted"),
    ("welcomeScreenDisabled", "Welcome"),
    ("homeButtonScreenDisabled", "HomeButtonSensitivity"),
    ("accessibilityScreenDisabled", "Accessibility"),
    ("autoUnlockWithWatchDisabled", "UnlockWithWatch"),
    ("chooseYourLockScreenDisabled", "Wallpaper"),
    ("fileVaultDisabled", "FileVault"),
    ("iCloudDiagnosticsDisabled", "iCloudDiagnostics"),
    ("iCloudStorageDisabled", "iCloudStorage"),
];

/// `depIOSEnrollmentProfile` of `#microsoft.graph.depIOSEnrollmentProfile`.
pub(in crate::sim) fn bare_type(odata_type: &str) -> &str {
    let bare = odata_type.strip_prefix('#').unwrap_or(odata_type);
    bare.strip_prefix("microsoft.graph.").unwrap_or(bare)
}

/// All members of a type but `id`, `@odata.type` and `isDefault`.
pub(in crate::sim) fn members_of(kind: &str) -> impl Iterator<Item = Member> {
    let (base, own): (&[Member], &[Member]) = match kind {
        "depIOSEnrollmentProfile" => (DEP_BASE, IOS),
        "depMacOSEnrollmentProfile" => (DEP_BASE, MACOS),
        "depEnrollmentBaseProfile" => (DEP_BASE, &[]),
        "depEnrollmentProfile" => (&[], FLAT),
        _ => (&[], &[]),
    };
    ENROLLMENT_PROFILE.iter().chain(base).chain(own).copied()
}

/// The shape of a member of a type; `None` for one that the type does not have.
pub(in crate::sim) fn shape(kind: &str, member: &str) -> Option<Shape> {
    members_of(kind).find(|(name, _)| *name == member).map(|(_, shape)| shape)
}

/// Whether the type reports `isDefault`.
pub(in crate::sim) fn has_is_default(kind: &str) -> bool {
    members_of(kind).any(|(name, _)| name == "isMandatory")
}

/// Adds what is missing with the value of a bare create, drops what is never shown, and brings
/// `enabledSkipKeys` in line with the booleans.
pub(in crate::sim) fn complete(kind: &str, members: &mut Map<String, Value>) {
    for (name, shape) in members_of(kind) {
        let value = members.entry(name).or_insert_with(|| shape.default());
        match shape {
            Shape::WriteOnlyText => *value = Value::Null,
            Shape::Rotation => complete_rotation(value),
            _ => {}
        }
    }
    if shape(kind, "enabledSkipKeys").is_some() {
        derive_skip_keys(kind, members);
    }
}

/// Keys with a boolean of this type follow the boolean; the others stay as they were sent.
fn derive_skip_keys(kind: &str, members: &mut Map<String, Value>) {
    let known: Vec<(&str, &str)> =
        SKIP_KEYS.iter().copied().filter(|(name, _)| shape(kind, name).is_some()).collect();
    let hidden = |name: &str| members.get(name).and_then(Value::as_bool).unwrap_or(false);
    let mut keys: Vec<String> =
        known.iter().filter(|(name, _)| hidden(name)).map(|(_, key)| (*key).to_owned()).collect();
    let sent = members.get("enabledSkipKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    for key in sent.iter().filter_map(Value::as_str) {
        let by_boolean = known.iter().any(|(_, known)| *known == key);
        if !by_boolean && !keys.iter().any(|there| there == key) {
            keys.push(key.to_owned());
        }
    }
    members.insert("enabledSkipKeys".to_owned(), json!(keys));
}

/// The members of a rotation setting that were not sent are shown as null.
fn complete_rotation(value: &mut Value) {
    let Some(setting) = value.as_object_mut() else { return };
    setting.entry("autoRotationPeriodInDays").or_insert(Value::Null);
    let delay = setting.entry("depProfileDelayAutoRotationSetting").or_insert(Value::Null);
    let Some(delay) = delay.as_object_mut() else { return };
    delay.entry("onRetrievalAutoRotatePasswordEnabled").or_insert(Value::Null);
    delay.entry("onRetrievalDelayAutoRotatePasswordInHours").or_insert(Value::Null);
}

/// Takes the administrator's password out of what was written: `None` where it was not, null and
/// the empty text are `Some(None)`.
pub(in crate::sim) fn take_password(written: &mut Map<String, Value>) -> Option<Option<String>> {
    let value = written.remove(PASSWORD)?;
    Some(value.as_str().filter(|text| !text.is_empty()).map(str::to_owned))
}

/// Awaiting the final configuration is switched on beside account settings, whatever was sent
/// (reference section 3.6). Which members count as such is not published: here those that make
/// accounts or differ from what a Mac does by itself.
pub(in crate::sim) fn force_await(kind: &str, members: &mut Map<String, Value>, password: bool) {
    if kind != "depMacOSEnrollmentProfile" {
        return;
    }
    let named = |name: &str| members.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    let yes = |name: &str| members.get(name).and_then(Value::as_bool).unwrap_or(false);
    let texts =
        ["adminAccountUserName", "adminAccountFullName", "primaryAccountUserName", "primaryAccountFullName"];
    let booleans = ["skipPrimarySetupAccountCreation", "setPrimarySetupAccountAsRegularUser"];
    let rotates = members.get("depProfileAdminAccountPasswordRotationSetting").is_some_and(Value::is_object);
    if password || rotates || texts.into_iter().any(named) || booleans.into_iter().any(yes) {
        members.insert("waitForDeviceConfiguredConfirmation".to_owned(), Value::Bool(true));
    }
}

/// Sets the account members of a macOS profile to null.
pub(in crate::sim) fn reset_accounts(kind: &str, members: &mut Map<String, Value>) {
    for name in ACCOUNTS.into_iter().filter(|name| shape(kind, name).is_some()) {
        members.insert(name.to_owned(), Value::Null);
    }
}
