//! Sign-in, supervision, names (P-2, P-3, P-7, P-9, P-12, P-22, P-33).

use super::{Broken, Rule, broken, is, template, text};
use crate::diag::Severity::{Note, Refuse, Warn};
use crate::model::{Fields, Value};

/// Rules over any object.
pub const RULES: &[Rule] = &[
    Rule {
        row: "P-3",
        severity: Refuse,
        fields: &["authentication", "userAffinity"],
        check: authentication_without_user,
    },
    Rule {
        row: "P-3",
        severity: Refuse,
        fields: &["authentication", "userAffinity"],
        check: user_without_authentication,
    },
    Rule { row: "P-3", severity: Note, fields: &["authentication"], check: modern_needs_ios_13 },
    Rule { row: "P-7", severity: Note, fields: &["authentication"], check: legacy_needs_company_portal },
    Rule { row: "P-33", severity: Warn, fields: &["authentication"], check: legacy_has_no_second_factor },
    Rule { row: "P-9", severity: Warn, fields: &["supervised"], check: unsupervised },
    Rule {
        row: "P-12",
        severity: Refuse,
        fields: &["lockedEnrollment", "supervised"],
        check: locked_without_supervision,
    },
    Rule { row: "P-22", severity: Refuse, fields: &["deviceNameTemplate"], check: template::check },
];

/// Rules over what a create sends.
pub const ON_CREATE: &[Rule] = &[
    Rule { row: "P-2", severity: Refuse, fields: &["userAffinity"], check: affinity_is_missing },
    Rule {
        row: "P-3",
        severity: Refuse,
        fields: &["authentication", "userAffinity"],
        check: authentication_is_missing,
    },
];

const SIGN_IN: &str = "state `authentication`: setupAssistantModern, setupAssistantLegacy or companyPortal";

fn affinity_is_missing(fields: &Fields) -> Option<Broken> {
    if fields.contains_key("userAffinity") {
        return None;
    }
    broken("a new profile needs `userAffinity`", "state `userAffinity`: none, user or entraShared")
}

fn authentication_is_missing(fields: &Fields) -> Option<Broken> {
    if text(fields, "userAffinity") != Some("user") || fields.contains_key("authentication") {
        return None;
    }
    broken("a new profile with `userAffinity: user` needs `authentication`", SIGN_IN)
}

fn user_without_authentication(fields: &Fields) -> Option<Broken> {
    if text(fields, "userAffinity") != Some("user") || fields.get("authentication") != Some(&Value::None) {
        return None;
    }
    broken("`userAffinity: user` needs `authentication`", SIGN_IN)
}

fn authentication_without_user(fields: &Fields) -> Option<Broken> {
    let affinity = text(fields, "userAffinity").filter(|affinity| *affinity != "user")?;
    let authentication = text(fields, "authentication")?;
    broken(
        format!(
            "`authentication: {authentication}` has no meaning with `userAffinity: {affinity}`: nobody signs in"
        ),
        "remove `authentication`, or set `userAffinity: user`",
    )
}

fn modern_needs_ios_13(fields: &Fields) -> Option<Broken> {
    if text(fields, "authentication") != Some("setupAssistantModern") {
        return None;
    }
    broken(
        "modern authentication needs iOS and iPadOS 13; older devices fall back to the legacy sign-in",
        "nothing, if no device is older",
    )
}

fn legacy_needs_company_portal(fields: &Fields) -> Option<Broken> {
    if text(fields, "authentication") != Some("setupAssistantLegacy") {
        return None;
    }
    broken(
        "with the legacy sign-in, conditional access and company apps still need Company Portal on the device",
        "assign Company Portal as a required app",
    )
}

fn legacy_has_no_second_factor(fields: &Fields) -> Option<Broken> {
    if text(fields, "authentication") != Some("setupAssistantLegacy") {
        return None;
    }
    broken(
        "the legacy sign-in cannot do multi-factor authentication, a forced password change or an expired password; federation with ADFS needs the WS-Trust 1.3 username/mixed endpoint",
        "prefer `authentication: setupAssistantModern`",
    )
}

fn unsupervised(fields: &Fields) -> Option<Broken> {
    if !is(fields, "supervised", false) {
        return None;
    }
    broken(
        "iOS and iPadOS 13 and later ignore `supervised: false`: devices enrolled this way are always supervised",
        "remove it, or set it to true",
    )
}

fn locked_without_supervision(fields: &Fields) -> Option<Broken> {
    if !(is(fields, "lockedEnrollment", true) && is(fields, "supervised", false)) {
        return None;
    }
    broken(
        "`lockedEnrollment: true` needs supervision",
        "set `supervised: true`, or `lockedEnrollment: false`",
    )
}
