//! Setup Assistant screens as data (P-25): one row per screen, with the columns of the field
//! tables. Sources: Microsoft's screen tables and the Graph reference for labels and members,
//! Apple's skip key reference for keys and versions (edition 2026-10).

pub use super::Platform;
use super::settings::Side;

/// The newest catalogue edition that this version knows.
pub const CURRENT_EDITION: &str = "2026-10";

/// Every catalogue edition that this version knows, oldest first. `Fleet.screens` names one.
pub const EDITIONS: &[&str] = &[CURRENT_EDITION];

/// How a classic profile carries a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// The platform's classic profile does not have the screen.
    None,
    /// A boolean member; true hides.
    Member(&'static str),
    /// No boolean: the Apple key goes into `enabledSkipKeys`.
    SkipKeys,
}

/// One Setup Assistant screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// The name in documents.
    pub name: &'static str,
    /// The portal's English label, two joined by ` / ` where the platforms' words differ;
    /// `None`: not in the portal.
    pub label: Option<&'static str>,
    /// How an iOS profile carries it.
    pub ios: Wire,
    /// How a macOS profile carries it.
    pub macos: Wire,
    /// Apple's skip key; `None`: no key, not expressible at Apple.
    pub key: Option<&'static str>,
    /// First and last iOS version; `None` as last: still defined.
    pub ios_versions: (Option<&'static str>, Option<&'static str>),
    /// First and last macOS version; `None` as last: still defined.
    pub macos_versions: (Option<&'static str>, Option<&'static str>),
    /// First tvOS version.
    pub tvos_first: Option<&'static str>,
    /// First visionOS version.
    pub visionos_first: Option<&'static str>,
    /// The catalogue edition that brought it.
    pub edition: &'static str,
}

impl Screen {
    /// Whether the platform has the screen.
    pub fn is_on(&self, platform: Platform) -> bool {
        match platform {
            Platform::Ios => self.ios != Wire::None || self.ios_versions.0.is_some(),
            Platform::Macos => self.macos != Wire::None || self.macos_versions.0.is_some(),
            Platform::Tvos => self.tvos_first.is_some(),
            Platform::Visionos => self.visionos_first.is_some(),
        }
    }

    /// How a platform's classic profile carries the screen.
    pub fn wire(&self, platform: Platform) -> Wire {
        match platform {
            Platform::Ios => self.ios,
            Platform::Macos => self.macos,
            Platform::Tvos | Platform::Visionos => Wire::None,
        }
    }

    /// Apple's key, where the platform's devices know it: what a direct token's profile carries.
    pub fn apple_key(&self, platform: Platform) -> Option<&'static str> {
        let first = match platform {
            Platform::Ios => self.ios_versions.0,
            Platform::Macos => self.macos_versions.0,
            Platform::Tvos => self.tvos_first,
            Platform::Visionos => self.visionos_first,
        };
        first.and(self.key)
    }

    /// Whether a side's profiles carry the screen on a platform.
    pub fn is_carried(&self, side: Side, platform: Platform) -> bool {
        match side {
            Side::Classic => self.wire(platform) != Wire::None,
            Side::Direct => self.apple_key(platform).is_some(),
        }
    }

    fn is_called(&self, word: &str) -> bool {
        self.name.eq_ignore_ascii_case(word)
            || self.key.is_some_and(|key| key.eq_ignore_ascii_case(word))
            || self.label.is_some_and(|label| label.split(" / ").any(|one| one.eq_ignore_ascii_case(word)))
    }
}

/// The screen with this name, portal label or Apple key (exact but for case).
pub fn lookup(word: &str) -> Option<&'static Screen> {
    let word = word.trim();
    // A name wins over another screen's label or key.
    SCREENS
        .iter()
        .find(|screen| screen.name.eq_ignore_ascii_case(word))
        .or_else(|| SCREENS.iter().find(|screen| screen.is_called(word)))
}

/// The screens of a platform in a catalogue edition: what `otherwise` expands to. `None`: no such
/// edition.
pub fn catalogue(edition: &str, platform: Platform) -> Option<impl Iterator<Item = &'static Screen>> {
    let known = EDITIONS.iter().find(|known| **known == edition)?;
    // Editions are dates, so that the order of their texts is the order in time.
    Some(SCREENS.iter().filter(move |screen| screen.edition <= *known && screen.is_on(platform)))
}

/// Whether a platform's classic profile carries the screen of this name only by Apple's key in
/// `enabledSkipKeys`. No source settles whether the service keeps such keys.
pub fn is_key_only(name: &str, platform: Platform) -> bool {
    SCREENS.iter().any(|screen| screen.name == name && screen.wire(platform) == Wire::SkipKeys)
}

#[expect(clippy::too_many_arguments, reason = "one argument per column")]
const fn row(
    name: &'static str,
    label: Option<&'static str>,
    ios: Wire,
    macos: Wire,
    key: Option<&'static str>,
    ios_versions: (Option<&'static str>, Option<&'static str>),
    macos_versions: (Option<&'static str>, Option<&'static str>),
    tvos_first: Option<&'static str>,
    visionos_first: Option<&'static str>,
) -> Screen {
    let edition = CURRENT_EDITION;
    Screen { name, label, ios, macos, key, ios_versions, macos_versions, tvos_first, visionos_first, edition }
}

/// All screens. Columns: name, portal label, Graph member on iOS and on macOS, Apple's key, first
/// and last version of iOS and of macOS, first version of tvOS and of visionOS.
#[rustfmt::skip]
pub const SCREENS: &[Screen] = &[
    row("passcode", Some("Passcode"), Wire::Member("passCodeDisabled"), Wire::Member("passCodeDisabled"), Some("Passcode"), (Some("7.0"), None), (Some("10.9"), None), None, Some("26.0")),
    row("locationServices", Some("Location Services"), Wire::Member("locationDisabled"), Wire::Member("locationDisabled"), Some("Location"), (Some("7.0"), None), (Some("10.11"), None), Some("10.2"), Some("26.0")),
    row("restore", Some("Restore"), Wire::Member("restoreBlocked"), Wire::Member("restoreBlocked"), Some("Restore"), (Some("7.0"), None), (Some("10.9"), None), None, None),
    row("appleId", Some("Apple ID"), Wire::Member("appleIdDisabled"), Wire::Member("appleIdDisabled"), Some("AppleID"), (Some("7.0"), None), (Some("10.9"), None), Some("10.2"), Some("26.0")),
    row("termsAndConditions", Some("Terms and conditions"), Wire::Member("termsAndConditionsDisabled"), Wire::Member("termsAndConditionsDisabled"), Some("TOS"), (Some("7.0"), None), (Some("10.9"), None), Some("10.2"), Some("26.0")),
    row("touchIdAndFaceId", Some("Touch ID and Face ID"), Wire::Member("touchIdDisabled"), Wire::Member("touchIdDisabled"), Some("Biometric"), (Some("8.1"), None), (Some("10.12.4"), None), None, Some("26.0")),
    row("applePay", Some("Apple Pay"), Wire::Member("applePayDisabled"), Wire::Member("applePayDisabled"), Some("Payment"), (Some("8.1"), None), (Some("10.12.4"), None), None, Some("26.0")),
    row("zoom", Some("Zoom"), Wire::Member("zoomDisabled"), Wire::Member("zoomDisabled"), Some("Zoom"), (Some("8.3"), None), (None, None), None, Some("26.0")),
    row("siri", Some("Siri"), Wire::Member("siriDisabled"), Wire::Member("siriDisabled"), Some("Siri"), (Some("7.0"), None), (Some("10.12"), None), Some("10.2"), Some("26.0")),
    row("diagnostics", Some("Diagnostics Data"), Wire::Member("diagnosticsDisabled"), Wire::Member("diagnosticsDisabled"), Some("Diagnostics"), (Some("7.0"), None), (Some("10.9"), None), Some("10.2"), Some("26.0")),
    row("displayTone", Some("Display Tone"), Wire::Member("displayToneSetupDisabled"), Wire::Member("displayToneSetupDisabled"), Some("DisplayTone"), (Some("9.3.2"), None), (Some("10.13.6"), None), None, None),
    row("privacy", Some("Privacy"), Wire::Member("privacyPaneDisabled"), Wire::Member("privacyPaneDisabled"), Some("Privacy"), (Some("11.3"), None), (Some("10.13.4"), None), Some("11.3"), Some("26.0")),
    row("androidMigration", Some("Android Migration"), Wire::Member("restoreFromAndroidDisabled"), Wire::None, Some("Android"), (Some("9.0"), None), (None, None), None, None),
    row("iMessageAndFaceTime", Some("iMessage & FaceTime"), Wire::Member("iMessageAndFaceTimeScreenDisabled"), Wire::None, Some("iMessageAndFaceTime"), (Some("12.0"), None), (None, None), None, None),
    row("onboarding", Some("Onboarding"), Wire::Member("onBoardingScreenDisabled"), Wire::None, Some("OnBoarding"), (Some("11.0"), None), (None, None), None, None),
    row("screenTime", Some("Screen Time"), Wire::Member("screenTimeScreenDisabled"), Wire::Member("screenTimeScreenDisabled"), Some("ScreenTime"), (Some("12.0"), None), (Some("10.15"), None), None, Some("26.0")),
    row("simSetup", Some("SIM Setup"), Wire::Member("simSetupScreenDisabled"), Wire::None, Some("SIMSetup"), (Some("12.0"), None), (None, None), None, None),
    row("softwareUpdate", Some("Software Update"), Wire::Member("softwareUpdateScreenDisabled"), Wire::SkipKeys, Some("SoftwareUpdate"), (Some("12.0"), None), (Some("15.4"), None), None, Some("26.0")),
    row("watchMigration", Some("Watch Migration"), Wire::Member("watchMigrationScreenDisabled"), Wire::None, Some("WatchMigration"), (Some("11.0"), None), (None, None), None, None),
    row("appearance", Some("Appearance"), Wire::Member("appearanceScreenDisabled"), Wire::SkipKeys, Some("Appearance"), (Some("13.0"), None), (Some("10.14"), None), None, None),
    row("deviceToDeviceMigration", Some("Device to Device Migration"), Wire::Member("deviceToDeviceMigrationDisabled"), Wire::None, Some("DeviceToDeviceMigration"), (Some("12.4"), None), (None, None), None, None),
    row("restoreCompleted", Some("Restore Completed"), Wire::Member("restoreCompletedScreenDisabled"), Wire::None, Some("RestoreCompleted"), (Some("14.0"), None), (None, None), None, None),
    row("softwareUpdateCompleted", Some("Software Update Completed / Update completed"), Wire::Member("updateCompleteScreenDisabled"), Wire::SkipKeys, Some("UpdateCompleted"), (Some("14.0"), None), (Some("26.1"), None), None, None),
    row("getStarted", Some("Get Started"), Wire::Member("welcomeScreenDisabled"), Wire::SkipKeys, Some("Welcome"), (Some("13.0"), None), (Some("15.0"), None), None, Some("26.0")),
    row("termsOfAddress", Some("Terms of Address"), Wire::SkipKeys, Wire::SkipKeys, Some("TermsOfAddress"), (Some("16.0"), None), (Some("13.0"), None), None, None),
    row("expressLanguage", Some("Express Language"), Wire::Member("expressLanguageScreenDisabled"), Wire::None, None, (None, None), (None, None), None, None),
    row("preferredLanguage", Some("Preferred Language"), Wire::Member("preferredLanguageScreenDisabled"), Wire::None, None, (None, None), (None, None), None, None),
    row("homeButton", Some("Home Button"), Wire::Member("homeButtonScreenDisabled"), Wire::None, Some("HomeButtonSensitivity"), (Some("10.0"), None), (None, None), None, None),
    row("accessibility", Some("Accessibility"), Wire::None, Wire::Member("accessibilityScreenDisabled"), Some("Accessibility"), (None, None), (Some("11.0"), None), None, None),
    row("autoUnlockWithWatch", Some("Auto unlock with Apple Watch"), Wire::None, Wire::Member("autoUnlockWithWatchDisabled"), Some("UnlockWithWatch"), (None, None), (Some("15.0"), None), None, None),
    row("fileVault", Some("FileVault"), Wire::None, Wire::Member("fileVaultDisabled"), Some("FileVault"), (None, None), (Some("10.10"), None), None, None),
    row("iCloudDiagnostics", Some("iCloud Diagnostics"), Wire::None, Wire::Member("iCloudDiagnosticsDisabled"), Some("iCloudDiagnostics"), (None, None), (Some("10.12.4"), None), None, None),
    row("iCloudStorage", Some("iCloud Storage"), Wire::None, Wire::Member("iCloudStorageDisabled"), Some("iCloudStorage"), (None, None), (Some("10.13.4"), None), None, None),
    row("registration", Some("Registration"), Wire::None, Wire::Member("registrationDisabled"), None, (None, None), (None, None), None, None),
    row("wallpaper", Some("Wallpaper"), Wire::None, Wire::Member("chooseYourLockScreenDisabled"), Some("Wallpaper"), (None, None), (Some("14.1"), Some("15")), None, None),
    row("accessibilityAppearance", None, Wire::SkipKeys, Wire::None, Some("AccessibilityAppearance"), (Some("17.0"), None), (None, None), None, None),
    row("actionButton", Some("Action button"), Wire::SkipKeys, Wire::None, Some("ActionButton"), (Some("17.0"), None), (None, None), None, None),
    row("appStore", Some("App Store"), Wire::SkipKeys, Wire::SkipKeys, Some("AppStore"), (Some("14.3"), None), (Some("11.1"), None), None, None),
    row("cameraButton", Some("Camera button"), Wire::SkipKeys, Wire::None, Some("CameraButton"), (Some("18.0"), None), (None, None), None, None),
    row("deviceFeaturesTour", None, Wire::SkipKeys, Wire::None, Some("DeviceFeaturesTour"), (Some("27.0"), None), (None, None), None, None),
    row("enableLockdownMode", Some("Lockdown mode"), Wire::SkipKeys, Wire::SkipKeys, Some("EnableLockdownMode"), (Some("17.1"), None), (Some("14.0"), None), None, None),
    row("intelligence", Some("Intelligence"), Wire::SkipKeys, Wire::SkipKeys, Some("Intelligence"), (Some("18.0"), None), (Some("15.0"), None), None, Some("26.0")),
    row("keyboard", None, Wire::SkipKeys, Wire::None, Some("Keyboard"), (Some("13.0"), None), (None, None), None, None),
    row("liquidGlass", None, Wire::SkipKeys, Wire::SkipKeys, Some("LiquidGlass"), (Some("27.0"), None), (Some("27.0"), None), None, None),
    row("messagingActivationUsingPhoneNumber", None, Wire::SkipKeys, Wire::None, Some("MessagingActivationUsingPhoneNumber"), (Some("10.0"), None), (None, None), None, None),
    row("multitasking", Some("Multitasking"), Wire::SkipKeys, Wire::None, Some("Multitasking"), (Some("26.0"), None), (None, None), None, None),
    row("osShowcase", Some("OS Showcase"), Wire::SkipKeys, Wire::SkipKeys, Some("OSShowcase"), (Some("26.0"), Some("26")), (Some("26.1"), Some("26")), None, None),
    row("safety", Some("Emergency SOS"), Wire::SkipKeys, Wire::None, Some("Safety"), (Some("16.0"), None), (None, None), None, None),
    row("safetyAndHandling", Some("Safety and handling"), Wire::SkipKeys, Wire::None, Some("SafetyAndHandling"), (Some("18.4"), None), (None, None), None, None),
    row("screenSaver", None, Wire::None, Wire::None, Some("ScreenSaver"), (None, None), (None, None), Some("10.2"), None),
    row("spokenLanguage", None, Wire::SkipKeys, Wire::None, Some("SpokenLanguage"), (Some("13.0"), None), (None, None), None, None),
    row("tapToSetup", None, Wire::None, Wire::None, Some("TapToSetup"), (None, None), (None, None), Some("10.2"), None),
    row("tips", None, Wire::None, Wire::None, Some("Tips"), (None, None), (None, None), None, Some("26.0")),
    row("tvHomeScreenSync", None, Wire::None, Wire::None, Some("TVHomeScreenSync"), (None, None), (None, None), Some("11.0"), None),
    row("tvProviderSignIn", None, Wire::None, Wire::None, Some("TVProviderSignIn"), (None, None), (None, None), Some("11.0"), None),
    row("tvRoom", None, Wire::None, Wire::None, Some("TVRoom"), (None, None), (None, None), Some("11.4"), None),
    row("webContentFiltering", Some("Web content filtering"), Wire::SkipKeys, Wire::None, Some("WebContentFiltering"), (Some("18.2"), Some("26.0")), (None, None), None, None),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn as_cell(value: Option<&str>) -> &str {
        value.unwrap_or("-")
    }

    fn as_wire(wire: Wire) -> &'static str {
        match wire {
            Wire::None => "-",
            Wire::Member(member) => member,
            Wire::SkipKeys => "enabledSkipKeys",
        }
    }

    #[test]
    fn p25_table_agrees_with_the_contract() {
        let Some(contracts) = std::env::var_os("ESPALIER_CONTRACTS") else {
            assert_ne!(
                std::env::var("ESPALIER_REQUIRE_REAL").as_deref(),
                Ok("1"),
                "ESPALIER_CONTRACTS is not set"
            );
            eprintln!("skipped: ESPALIER_CONTRACTS is not set");
            return;
        };
        let path = std::path::Path::new(&contracts).join("fields/screens.tsv");
        let text = std::fs::read_to_string(&path).unwrap();
        let theirs: Vec<Vec<&str>> = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .skip(1)
            .map(|line| line.split('\t').take(11).collect())
            .collect();
        let ours: Vec<Vec<&str>> = SCREENS
            .iter()
            .map(|s| {
                vec![
                    s.name,
                    as_cell(s.label),
                    as_wire(s.ios),
                    as_wire(s.macos),
                    as_cell(s.key),
                    as_cell(s.ios_versions.0),
                    as_cell(s.ios_versions.1),
                    as_cell(s.macos_versions.0),
                    as_cell(s.macos_versions.1),
                    as_cell(s.tvos_first),
                    as_cell(s.visionos_first),
                ]
            })
            .collect();
        assert_eq!(ours, theirs);
    }

    #[test]
    fn p25_screens_are_found_by_name_label_and_key() {
        for word in
            ["passcode", "touchIdAndFaceId", "touch id and face id", "Biometric", "SIRI", "Update completed"]
        {
            assert!(lookup(word).is_some(), "{word}");
        }
        assert_eq!(lookup("TOS").map(|s| s.name), Some("termsAndConditions"));
        assert!(lookup("Touch ID").is_none());
    }

    #[test]
    fn p25_no_word_means_two_screens() {
        for screen in SCREENS {
            for word in [Some(screen.name), screen.key].into_iter().flatten() {
                assert_eq!(lookup(word).map(|s| s.name), Some(screen.name), "{word}");
            }
        }
    }

    #[test]
    fn p25_key_only_is_what_has_no_boolean() {
        // Appearance has a boolean on iOS and only a key on macOS; zoom and FileVault have no key-only form.
        let asked = ["intelligence", "appearance", "zoom", "fileVault", "Intelligence", ""];
        let on = |platform| asked.map(|name| is_key_only(name, platform));
        assert_eq!(on(Platform::Ios), [true, false, false, false, false, false]);
        assert_eq!(on(Platform::Macos), [true, true, false, false, false, false]);
    }

    #[test]
    fn p25_catalogue_of_an_unknown_edition_is_none() {
        assert!(catalogue("2020-01", Platform::Ios).is_none());
        let ios = catalogue(CURRENT_EDITION, Platform::Ios).unwrap().count();
        assert!(ios > 30 && ios < SCREENS.len());
    }
}
