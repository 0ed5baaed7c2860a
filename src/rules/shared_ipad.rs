//! Shared iPad (P-14 to P-20).

use super::{Broken, Rule, broken, int, is, text};
use crate::diag::Severity::{Note, Refuse};
use crate::model::Fields;

/// The seconds that Intune takes for P-16.
const PASSWORD_SECONDS: [i64; 6] = [0, 60, 300, 900, 3600, 14_400];

/// Rules over any object.
pub const RULES: &[Rule] = &[
    Rule { row: "P-14", severity: Refuse, fields: &["sharedIpad", "userAffinity"], check: with_affinity },
    Rule { row: "P-14", severity: Refuse, fields: &["sharedIpad", "supervised"], check: unsupervised },
    Rule {
        row: "P-14",
        severity: Refuse,
        fields: &["awaitConfiguration", "sharedIpad", "userAffinity"],
        check: awaits_configuration,
    },
    Rule { row: "P-14", severity: Note, fields: &["setupAssistant", "sharedIpad"], check: screens_beside },
    Rule { row: "P-15", severity: Refuse, fields: &["sharedIpad.maximumCachedUsers"], check: cached_users },
    Rule {
        row: "P-16",
        severity: Refuse,
        fields: &["sharedIpad.passwordAfterLockSeconds"],
        check: password_seconds,
    },
    Rule {
        row: "P-17",
        severity: Refuse,
        fields: &["sharedIpad.userSessionTimeoutSeconds"],
        check: session_timeout,
    },
    Rule {
        row: "P-19",
        severity: Refuse,
        fields: &["sharedIpad.temporarySessionTimeoutSeconds"],
        check: temporary_timeout,
    },
    Rule {
        row: "P-19",
        severity: Refuse,
        fields: &["sharedIpad.temporarySessionTimeoutSeconds", "sharedIpad.temporarySessionOnly"],
        check: timeout_without_temporary_sessions,
    },
    Rule {
        row: "P-20",
        severity: Note,
        fields: &["sharedIpad.temporarySessionOnly"],
        check: temporary_sessions,
    },
];

/// Rules over what a create sends.
pub const ON_CREATE: &[Rule] = &[Rule {
    row: "P-19",
    severity: Refuse,
    fields: &["sharedIpad.temporarySessionTimeoutSeconds", "sharedIpad.temporarySessionOnly"],
    check: timeout_without_any_temporary_sessions,
}];

fn on(fields: &Fields) -> bool {
    is(fields, "sharedIpad", true)
}

fn with_affinity(fields: &Fields) -> Option<Broken> {
    let affinity = text(fields, "userAffinity").filter(|affinity| on(fields) && *affinity != "none")?;
    broken(
        format!("`sharedIpad` needs `userAffinity: none`, not `{affinity}`"),
        "set `userAffinity: none`, or `sharedIpad: null`",
    )
}

fn unsupervised(fields: &Fields) -> Option<Broken> {
    if !(on(fields) && is(fields, "supervised", false)) {
        return None;
    }
    broken("`sharedIpad` needs supervision", "set `supervised: true`, or `sharedIpad: null`")
}

fn awaits_configuration(fields: &Fields) -> Option<Broken> {
    let awaits = is(fields, "awaitConfiguration", true);
    if !(on(fields) && awaits && text(fields, "userAffinity") == Some("none")) {
        return None;
    }
    broken(
        "`awaitConfiguration: true` is refused with `sharedIpad` and `userAffinity: none`",
        "set `awaitConfiguration: false`",
    )
}

fn screens_beside(fields: &Fields) -> Option<Broken> {
    if !(on(fields) && fields.keys().any(|name| name.starts_with("setupAssistant."))) {
        return None;
    }
    broken(
        "a Shared iPad skips all Setup Assistant screens after activation: `setupAssistant` is without effect",
        "nothing; or remove `setupAssistant`",
    )
}

fn cached_users(fields: &Fields) -> Option<Broken> {
    let users = int(fields, "sharedIpad.maximumCachedUsers").filter(|_| on(fields))?;
    // A service that has temporary sessions on may return 0 here: cancelled, not wrong (P-18).
    if (1..=24).contains(&users) || is(fields, "sharedIpad.temporarySessionOnly", true) {
        return None;
    }
    broken(
        format!("`sharedIpad.maximumCachedUsers` is {users}, it has to be 1 to 24"),
        "write a number from 1 to 24",
    )
}

fn password_seconds(fields: &Fields) -> Option<Broken> {
    let seconds = int(fields, "sharedIpad.passwordAfterLockSeconds").filter(|_| on(fields))?;
    if PASSWORD_SECONDS.contains(&seconds) || is(fields, "sharedIpad.temporarySessionOnly", true) {
        return None;
    }
    broken(
        format!("`sharedIpad.passwordAfterLockSeconds` is {seconds}, which Intune does not take"),
        "write 0, 60, 300, 900, 3600 or 14400",
    )
}

fn too_short(fields: &Fields, name: &str) -> Option<Broken> {
    let seconds = int(fields, name).filter(|seconds| on(fields) && *seconds != 0 && *seconds < 30)?;
    broken(
        format!("`{name}` is {seconds} seconds, at least 30 are needed"),
        "write 30 or more, or 0 for never",
    )
}

fn session_timeout(fields: &Fields) -> Option<Broken> {
    if is(fields, "sharedIpad.temporarySessionOnly", true) {
        return None;
    }
    too_short(fields, "sharedIpad.userSessionTimeoutSeconds")
}

fn temporary_timeout(fields: &Fields) -> Option<Broken> {
    too_short(fields, "sharedIpad.temporarySessionTimeoutSeconds")
}

fn has_temporary_timeout(fields: &Fields) -> bool {
    on(fields) && int(fields, "sharedIpad.temporarySessionTimeoutSeconds").is_some_and(|seconds| seconds > 0)
}

const TIMEOUT_ALONE: &str =
    "`sharedIpad.temporarySessionTimeoutSeconds` counts only with `temporarySessionOnly: true`";
const TIMEOUT_NEXT: &str = "set `temporarySessionOnly: true`, or remove the timeout";

fn timeout_without_temporary_sessions(fields: &Fields) -> Option<Broken> {
    if !(has_temporary_timeout(fields) && is(fields, "sharedIpad.temporarySessionOnly", false)) {
        return None;
    }
    broken(TIMEOUT_ALONE, TIMEOUT_NEXT)
}

fn timeout_without_any_temporary_sessions(fields: &Fields) -> Option<Broken> {
    if !has_temporary_timeout(fields) || fields.contains_key("sharedIpad.temporarySessionOnly") {
        return None;
    }
    broken(TIMEOUT_ALONE, TIMEOUT_NEXT)
}

fn temporary_sessions(fields: &Fields) -> Option<Broken> {
    if !(on(fields) && is(fields, "sharedIpad.temporarySessionOnly", true)) {
        return None;
    }
    broken(
        "with temporary sessions all user data goes at sign-out; turning them off again needs a full reset and a new profile",
        "nothing, if that is wished",
    )
}
