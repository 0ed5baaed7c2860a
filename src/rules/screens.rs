//! Setup Assistant screens (P-26, P-27).

use super::{Broken, Rule, broken, text};
use crate::diag::Severity::{Note, Warn};
use crate::model::Fields;

/// Rules over any object.
pub const RULES: &[Rule] = &[
    Rule {
        row: "P-26",
        severity: Warn,
        fields: &["setupAssistant.passcode", "setupAssistant.touchIdAndFaceId"],
        check: passcode_during_setup,
    },
    Rule {
        row: "P-27",
        severity: Warn,
        fields: &["setupAssistant.deviceToDeviceMigration"],
        check: device_migration,
    },
    Rule { row: "P-27", severity: Note, fields: &["setupAssistant.termsOfAddress"], check: terms_of_address },
];

fn passcode_during_setup(fields: &Fields) -> Option<Broken> {
    let shown = |screen: &str| text(fields, screen) == Some("show");
    let screens = match (shown("setupAssistant.passcode"), shown("setupAssistant.touchIdAndFaceId")) {
        (false, false) => return None,
        (true, false) => "`passcode` is",
        (false, true) => "`touchIdAndFaceId` is",
        (true, true) => "`passcode` and `touchIdAndFaceId` are",
    };
    broken(
        format!("{screens} shown, but does not work during setup on iOS and iPadOS 14.5 and later"),
        "hide it, and require a passcode by policy",
    )
}

fn device_migration(fields: &Fields) -> Option<Broken> {
    if text(fields, "setupAssistant.deviceToDeviceMigration") != Some("show") {
        return None;
    }
    broken(
        "device-to-device migration is not available to devices enrolled this way from iOS 13 on",
        "hide `deviceToDeviceMigration`",
    )
}

fn terms_of_address(fields: &Fields) -> Option<Broken> {
    text(fields, "setupAssistant.termsOfAddress")?;
    broken("the screen `termsOfAddress` needs iOS and iPadOS 16", "nothing; older devices do not have it")
}
