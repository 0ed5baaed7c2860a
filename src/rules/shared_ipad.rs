//! Shared iPad (P-14 to P-20).

use super::{IOS, Needs, ProfileRule, int, is, note, refuse, says, text, warn, when};
use crate::model::Fields;

/// The seconds that Intune knows for P-16.
const PASSWORD_SECONDS: [i64; 6] = [0, 60, 300, 900, 3600, 14_400];

const TIMEOUT: &[&str] = &["sharedIpad.temporarySessionTimeoutSeconds", "sharedIpad.temporarySessionOnly"];
const TIMEOUT_ALONE: &str =
    "`sharedIpad.temporarySessionTimeoutSeconds` counts only with `temporarySessionOnly: true`";
const TIMEOUT_NEXT: &str = "set `temporarySessionOnly: true`, or remove the timeout";

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    says(
        refuse(
            "P-14",
            &["sharedIpad", "userAffinity"],
            "`sharedIpad` needs `userAffinity: none`",
            "set `userAffinity: none`, or `sharedIpad: null`",
        )
        .on(IOS),
        with_affinity,
    ),
    when(
        refuse(
            "P-14",
            &["sharedIpad", "supervised"],
            "`sharedIpad` needs supervision",
            "set `supervised: true`, or `sharedIpad: null`",
        )
        .on(IOS),
        |fields| on(fields) && is(fields, "supervised", false),
    ),
    when(
        refuse(
            "P-14",
            &["awaitConfiguration", "sharedIpad", "userAffinity"],
            "`awaitConfiguration: true` is refused with `sharedIpad` and `userAffinity: none`",
            "set `awaitConfiguration: false`",
        )
        .on(IOS),
        |fields| {
            on(fields)
                && is(fields, "awaitConfiguration", true)
                && text(fields, "userAffinity") == Some("none")
        },
    ),
    when(
        note(
            "P-14",
            &["setupAssistant", "sharedIpad"],
            "a Shared iPad skips all Setup Assistant screens after activation: `setupAssistant` is without effect",
            "nothing; or remove `setupAssistant`",
        )
        .on(IOS),
        |fields| on(fields) && fields.keys().any(|name| name.starts_with("setupAssistant.")),
    ),
    when(
        note(
            "P-14",
            &["sharedIpad"],
            "Shared iPad needs iPadOS 13.4: an iPhone or an older iPad that gets this profile has to be wiped",
            "assign it to iPads only",
        )
        .on(IOS),
        on,
    ),
    says(
        refuse(
            "P-15",
            &["sharedIpad.maximumCachedUsers"],
            "`sharedIpad.maximumCachedUsers` has to be 1 to 24",
            "write a number from 1 to 24",
        )
        .on(IOS),
        cached_users,
    ),
    says(
        refuse(
            "P-16",
            &["sharedIpad.passwordAfterLockSeconds"],
            "`sharedIpad.passwordAfterLockSeconds` has to be 0 to 14400",
            "write 0, 60, 300, 900, 3600 or 14400",
        )
        .on(IOS),
        |fields| password_seconds(fields, |seconds| (0..=14_400).contains(&seconds), "it has to be 0 to 14400"),
    ),
    says(
        warn(
            "P-16",
            &["sharedIpad.passwordAfterLockSeconds"],
            "Intune knows 0, 60, 300, 900, 3600 and 14400 seconds for `sharedIpad.passwordAfterLockSeconds`",
            "write 0, 60, 300, 900, 3600 or 14400",
        )
        .on(IOS),
        |fields| {
            password_seconds(
                fields,
                |seconds| PASSWORD_SECONDS.contains(&seconds) || !(0..=14_400).contains(&seconds),
                "which Intune does not know: it may refuse or round it",
            )
        },
    ),
    says(
        refuse(
            "P-17",
            &["sharedIpad.userSessionTimeoutSeconds"],
            "`sharedIpad.userSessionTimeoutSeconds` has to be at least 30, or 0 for never",
            "write 30 or more, or 0 for never",
        )
        .on(IOS),
        |fields| {
            if temporary(fields) {
                return None;
            }
            too_short(fields, "sharedIpad.userSessionTimeoutSeconds")
        },
    ),
    says(
        refuse(
            "P-19",
            &["sharedIpad.temporarySessionTimeoutSeconds"],
            "`sharedIpad.temporarySessionTimeoutSeconds` has to be at least 30, or 0 for never",
            "write 30 or more, or 0 for never",
        )
        .on(IOS),
        |fields| too_short(fields, "sharedIpad.temporarySessionTimeoutSeconds"),
    ),
    when(refuse("P-19", TIMEOUT, TIMEOUT_ALONE, TIMEOUT_NEXT).on(IOS), |fields| {
        has_temporary_timeout(fields) && is(fields, "sharedIpad.temporarySessionOnly", false)
    }),
    when(refuse("P-19", TIMEOUT, TIMEOUT_ALONE, TIMEOUT_NEXT).on(IOS).over(Needs::Create), |fields| {
        has_temporary_timeout(fields) && !fields.contains_key("sharedIpad.temporarySessionOnly")
    }),
    when(
        note(
            "P-20",
            &["sharedIpad.temporarySessionOnly"],
            "with temporary sessions all user data goes at sign-out; turning them off again needs a full reset and a new profile",
            "nothing, if that is wished",
        )
        .on(IOS),
        |fields| on(fields) && temporary(fields),
    ),
];

fn on(fields: &Fields) -> bool {
    is(fields, "sharedIpad", true)
}

fn temporary(fields: &Fields) -> bool {
    is(fields, "sharedIpad.temporarySessionOnly", true)
}

fn with_affinity(fields: &Fields) -> Option<String> {
    let affinity = text(fields, "userAffinity").filter(|affinity| on(fields) && *affinity != "none")?;
    Some(format!("`sharedIpad` needs `userAffinity: none`, not `{affinity}`"))
}

fn cached_users(fields: &Fields) -> Option<String> {
    let users = int(fields, "sharedIpad.maximumCachedUsers").filter(|_| on(fields))?;
    // 0 is what a service returns where nobody chose a number, or where temporary sessions cancel it
    // (P-18): documents cannot say it.
    if (0..=24).contains(&users) || temporary(fields) {
        return None;
    }
    Some(format!("`sharedIpad.maximumCachedUsers` is {users}, it has to be 1 to 24"))
}

fn password_seconds(fields: &Fields, fits: impl Fn(i64) -> bool, why: &str) -> Option<String> {
    let seconds = int(fields, "sharedIpad.passwordAfterLockSeconds").filter(|_| on(fields))?;
    if fits(seconds) || temporary(fields) {
        return None;
    }
    Some(format!("`sharedIpad.passwordAfterLockSeconds` is {seconds}, {why}"))
}

fn too_short(fields: &Fields, name: &str) -> Option<String> {
    let seconds = int(fields, name).filter(|seconds| on(fields) && *seconds != 0 && *seconds < 30)?;
    Some(format!("`{name}` is {seconds} seconds, at least 30 are needed"))
}

fn has_temporary_timeout(fields: &Fields) -> bool {
    on(fields) && int(fields, "sharedIpad.temporarySessionTimeoutSeconds").is_some_and(|seconds| seconds > 0)
}
