//! Company Portal on iPhone and iPad (P-4, P-5, P-6, P-8, P-35). What the VPP token's own state
//! means stands in [`super::live`].

use super::{IOS, ProfileRule, is, is_none, note, refuse, says, text, warn, when};
use crate::model::{Fields, Value};

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    says(
        refuse(
            "P-4",
            &["companyPortal.install", "authentication"],
            "`companyPortal.install: true` belongs to `authentication: setupAssistantLegacy` alone",
            "remove `companyPortal.install`; with another sign-in, assign Company Portal as a required app",
        )
        .on(IOS),
        install_elsewhere,
    ),
    when(
        note(
            "P-4",
            &["companyPortal.install", "authentication"],
            "the sign-in with Company Portal installs the app by itself: `companyPortal.install: true` is sent as false",
            "nothing; or remove `companyPortal.install`",
        )
        .on(IOS),
        |fields| installs(fields) && sign_in(fields) == Some("companyPortal"),
    ),
    says(
        warn(
            "P-4",
            &["companyPortal.vppToken", "authentication", "companyPortal.install"],
            "`companyPortal.vppToken` is without effect where the enrollment does not install Company Portal",
            "set `authentication: companyPortal`, or setupAssistantLegacy with `companyPortal.install: true`; or remove `companyPortal.vppToken`",
        )
        .on(IOS),
        vpp_token_without_use,
    ),
    when(
        refuse(
            "P-5",
            &["companyPortal.singleAppMode", "companyPortal.vppToken"],
            "`companyPortal.singleAppMode: true` needs `companyPortal.vppToken`",
            "name the VPP token that has Company Portal in `companyPortal.vppToken`, or remove `singleAppMode`",
        )
        .on(IOS),
        |fields| single_app(fields) && is_none(fields, "companyPortal.vppToken"),
    ),
    says(
        refuse(
            "P-5",
            &["companyPortal.singleAppMode", "authentication", "companyPortal.install"],
            "`companyPortal.singleAppMode: true` needs a sign-in that installs Company Portal",
            "set `authentication: companyPortal`, or setupAssistantLegacy with `companyPortal.install: true`; or remove `singleAppMode`",
        )
        .on(IOS),
        single_app_without_sign_in,
    ),
    when(
        note(
            "P-5",
            &["companyPortal.singleAppMode"],
            "single app mode until sign-in needs iOS and iPadOS 11.3.1",
            "nothing, if no device is older",
        )
        .on(IOS),
        single_app,
    ),
    when(
        warn(
            "P-6",
            &["companyPortal.singleAppMode"],
            "multi-factor authentication does not work on a device that is locked in single app mode: the second factor needs another device",
            "remove `companyPortal.singleAppMode`, or let users have their second factor on another device",
        )
        .on(IOS),
        single_app,
    ),
    when(
        note(
            "P-8",
            &["authentication", "companyPortal.install"],
            "Company Portal has to be enrolled within 24 hours of its download on the device, else a factory reset is needed",
            "tell the users to sign in on the first day",
        )
        .on(IOS),
        |fields| {
            sign_in(fields) == Some("companyPortal")
                || (sign_in(fields) == Some("setupAssistantLegacy") && installs(fields))
        },
    ),
    says(
        warn(
            "P-35",
            &["companyPortal.vppToken", "companyPortal.install", "companyPortal.singleAppMode", "userAffinity"],
            "without user affinity Company Portal does not work, except for staging",
            "remove `companyPortal`, or set `userAffinity: user`; for staging, an app configuration key makes the first user who signs in the primary one, for good",
        )
        .on(IOS),
        without_user,
    ),
];

fn sign_in(fields: &Fields) -> Option<&str> {
    text(fields, "authentication")
}

fn installs(fields: &Fields) -> bool {
    is(fields, "companyPortal.install", true)
}

fn single_app(fields: &Fields) -> bool {
    is(fields, "companyPortal.singleAppMode", true)
}

fn install_elsewhere(fields: &Fields) -> Option<String> {
    let with = match fields.get("authentication")? {
        Value::Text(word) if !matches!(word.as_str(), "setupAssistantLegacy" | "companyPortal") => {
            format!("not to `{word}`")
        }
        Value::None => "and here nobody signs in".to_owned(),
        _ => return None,
    };
    installs(fields).then(|| {
        format!("`companyPortal.install: true` belongs to `authentication: setupAssistantLegacy`, {with}")
    })
}

/// Why the stated sign-in does not install Company Portal; `None` where it does, or is not known.
fn no_installation(fields: &Fields) -> Option<&'static str> {
    match fields.get("authentication")? {
        Value::Text(word) => match word.as_str() {
            "setupAssistantModern" => Some("`authentication` is setupAssistantModern"),
            "setupAssistantLegacy" if is(fields, "companyPortal.install", false) => {
                Some("`companyPortal.install` is false")
            }
            _ => None,
        },
        Value::None => Some("nobody signs in"),
        _ => None,
    }
}

fn vpp_token_without_use(fields: &Fields) -> Option<String> {
    text(fields, "companyPortal.vppToken")?;
    // Without affinity P-35 speaks.
    let why = no_installation(fields).filter(|_| !is_none(fields, "authentication"))?;
    Some(format!("`companyPortal.vppToken` is without effect: {why}"))
}

fn single_app_without_sign_in(fields: &Fields) -> Option<String> {
    let why = no_installation(fields).filter(|_| single_app(fields))?;
    Some(format!(
        "`companyPortal.singleAppMode: true` needs a sign-in that installs Company Portal, and {why}"
    ))
}

fn without_user(fields: &Fields) -> Option<String> {
    let affinity = text(fields, "userAffinity").filter(|affinity| *affinity != "user")?;
    if !(text(fields, "companyPortal.vppToken").is_some() || installs(fields) || single_app(fields)) {
        return None;
    }
    Some(format!("with `userAffinity: {affinity}` Company Portal does not work, except for staging"))
}
