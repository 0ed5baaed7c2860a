//! Setup Assistant screens (P-26, P-27, P-36). Which platform has which screen stands in
//! [`super::statements`]: the canonical form leaves the others out.

use super::{IOS, ProfileRule, note, says, text, warn, when};
use crate::model::{Fields, Value};

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    says(
        warn(
            "P-26",
            &["setupAssistant.passcode", "setupAssistant.touchIdAndFaceId"],
            "the passcode and Touch ID screens do not work during setup on iOS and iPadOS 14.5 and later",
            "hide it, and require a passcode by policy",
        )
        .on(IOS),
        passcode_during_setup,
    ),
    when(
        warn(
            "P-27",
            &["setupAssistant.deviceToDeviceMigration"],
            "device-to-device migration is not available to devices enrolled this way from iOS 13 on",
            "hide `deviceToDeviceMigration`",
        )
        .on(IOS),
        |fields| text(fields, "setupAssistant.deviceToDeviceMigration") == Some("show"),
    ),
    when(
        note(
            "P-27",
            &["setupAssistant.termsOfAddress"],
            "the screen `termsOfAddress` needs iOS and iPadOS 16",
            "nothing; older devices do not have it",
        )
        .on(IOS),
        |fields| text(fields, "setupAssistant.termsOfAddress").is_some(),
    ),
    says(
        note(
            "P-36",
            &["setupAssistant"],
            "a hidden screen is only skipped: users can turn its feature on later in Settings",
            "nothing; forbid the feature by policy where that is meant",
        ),
        hidden_is_skipped,
    ),
];

fn passcode_during_setup(fields: &Fields) -> Option<String> {
    let shown = |screen: &str| text(fields, screen) == Some("show");
    let screens = match (shown("setupAssistant.passcode"), shown("setupAssistant.touchIdAndFaceId")) {
        (false, false) => return None,
        (true, false) => "`passcode` is shown, but does",
        (false, true) => "`touchIdAndFaceId` is shown, but does",
        (true, true) => "`passcode` and `touchIdAndFaceId` are shown, but do",
    };
    Some(format!("{screens} not work during setup on iOS and iPadOS 14.5 and later"))
}

fn hidden_is_skipped(fields: &Fields) -> Option<String> {
    // A Shared iPad has no screens to skip (P-14).
    if fields.get("sharedIpad") == Some(&Value::Bool(true)) {
        return None;
    }
    let hides = |(name, value): (&_, &Value)| {
        let name: &std::borrow::Cow<'static, str> = name;
        name.starts_with("setupAssistant.") && value.as_text() == Some("hide")
    };
    let hidden = fields.iter().filter(|row| hides((row.0, row.1))).count();
    (hidden > 0).then(|| {
        let screens = if hidden == 1 { "a hidden screen is".to_owned() } else { format!("{hidden} hidden screens are") };
        format!("{screens} only skipped: users can turn what it offers on later in Settings; a shown one appears only if there is something left to do")
    })
}
