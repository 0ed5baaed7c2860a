//! The members of the classic profile types: names, JSON shapes, the values of a bare create.
//!
//! Written from the reference (sections 3.3 to 3.6) and the OpenAPI subset, not from a client.

use serde_json::{Map, Value, json};

/// The JSON shape of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sim) enum Shape {
    /// `true` or `false`.
    Bool,
    /// `true`, `false` or null.
    NullableBool,
    /// A text or null.
    Text,
    /// A text or null that is taken and never shown again.
    WriteOnlyText,
    /// A 32-bit number.
    Int,
    /// A 32-bit number or null.
    NullableInt,
    /// An array of texts.
    Texts,
    /// `disallow`, `allow`, `requiresCertificate`.
    Pairing,
    /// An array of `{thumbprint, certificate}`.
    Certificates,
    /// The rotation setting of a macOS administrator's password, or null.
    Rotation,
}

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
        if shape == Shape::WriteOnlyText {
            *value = Value::Null;
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

impl Shape {
    /// What a create without the member gives. Not published: the zero of each type is taken,
    /// which a client that relies on a friendlier default will notice.
    fn default(self) -> Value {
        match self {
            Shape::Bool => Value::Bool(false),
            Shape::Int => json!(0),
            Shape::Texts | Shape::Certificates => json!([]),
            Shape::Pairing => json!("disallow"),
            Shape::NullableBool => Value::Bool(false),
            Shape::Text | Shape::WriteOnlyText | Shape::NullableInt | Shape::Rotation => Value::Null,
        }
    }

    /// Whether a value has this shape.
    pub(in crate::sim) fn fits(self, value: &Value) -> bool {
        let int = |value: &Value| value.as_i64().is_some_and(|number| i32::try_from(number).is_ok());
        let texts = |value: &Value| value.as_array().is_some_and(|items| items.iter().all(Value::is_string));
        match self {
            Shape::Bool => value.is_boolean(),
            Shape::NullableBool => value.is_boolean() || value.is_null(),
            Shape::Text | Shape::WriteOnlyText => value.is_string() || value.is_null(),
            Shape::Int => int(value),
            Shape::NullableInt => int(value) || value.is_null(),
            Shape::Texts => texts(value),
            Shape::Pairing => value
                .as_str()
                .is_some_and(|word| ["disallow", "allow", "requiresCertificate"].contains(&word)),
            Shape::Certificates => value.as_array().is_some_and(|items| items.iter().all(is_certificate)),
            Shape::Rotation => value.is_null() || is_rotation(value, &int),
        }
    }
}

fn is_certificate(value: &Value) -> bool {
    value.as_object().is_some_and(|members| {
        members.iter().all(|(name, value)| {
            ["@odata.type", "thumbprint", "certificate"].contains(&name.as_str())
                && (value.is_string() || value.is_null())
        })
    })
}

fn is_rotation(value: &Value, int: &dyn Fn(&Value) -> bool) -> bool {
    value.as_object().is_some_and(|members| {
        members.iter().all(|(name, value)| match name.as_str() {
            "@odata.type" => value.is_string(),
            "autoRotationPeriodInDays" | "onRetrievalDelayAutoRotatePasswordInHours" => {
                value.is_null() || int(value)
            }
            "onRetrievalAutoRotatePasswordEnabled" => value.is_null() || value.is_boolean(),
            "depProfileDelayAutoRotationSetting" => value.is_null() || is_rotation(value, int),
            _ => false,
        })
    })
}
