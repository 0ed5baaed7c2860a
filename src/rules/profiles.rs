//! Sign-in, supervision, the carrier (P-2, P-3, P-7, P-9, P-12, P-23, P-33, P-39, P-40).

use super::{
    ALL, CLASSIC, IOS, MACOS, Needs, ProfileRule, is, is_none, note, refuse, says, text, warn, when,
};
use crate::model::Fields;

const SIGN_IN: &str = "state `authentication`: setupAssistantModern, setupAssistantLegacy or, on iPhone and iPad, companyPortal";
const AFFINITY: &[&str] = &["authentication", "userAffinity"];

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    when(
        refuse(
            "P-2",
            &["userAffinity"],
            "a new profile needs `userAffinity`",
            "state `userAffinity`: none, user or, on iPhone and iPad, entraShared",
        )
        .at(CLASSIC)
        .over(Needs::Create),
        |fields| !fields.contains_key("userAffinity"),
    ),
    when(
        refuse(
            "P-2",
            &["userAffinity"],
            "`userAffinity: entraShared` is a mode of iPhone and iPad, which Macs do not have",
            "set `userAffinity: user`, or `none`",
        )
        .on(MACOS),
        |fields| text(fields, "userAffinity") == Some("entraShared"),
    ),
    says(
        refuse(
            "P-3",
            AFFINITY,
            "`authentication` has no meaning without `userAffinity: user`: nobody signs in",
            "remove `authentication`, or set `userAffinity: user`",
        ),
        authentication_without_user,
    ),
    when(
        refuse("P-3", AFFINITY, "`userAffinity: user` needs `authentication`", SIGN_IN),
        |fields| text(fields, "userAffinity") == Some("user") && is_none(fields, "authentication"),
    ),
    when(
        refuse("P-3", AFFINITY, "a new profile with `userAffinity: user` needs `authentication`", SIGN_IN)
            .over(Needs::Create),
        |fields| {
            text(fields, "userAffinity") == Some("user") && !fields.contains_key("authentication")
        },
    ),
    when(
        refuse(
            "P-3",
            &["authentication"],
            "`authentication: companyPortal` is a sign-in of iPhone and iPad, which Macs do not have",
            "set `authentication: setupAssistantModern`",
        )
        .on(MACOS),
        |fields| text(fields, "authentication") == Some("companyPortal"),
    ),
    when(
        note(
            "P-3",
            &["authentication"],
            "modern authentication needs iOS and iPadOS 13; older devices fall back to the legacy sign-in",
            "nothing, if no device is older",
        )
        .on(IOS),
        |fields| text(fields, "authentication") == Some("setupAssistantModern"),
    ),
    when(
        note(
            "P-7",
            &["authentication", "companyPortal.install"],
            "with the legacy sign-in, conditional access and company apps still need Company Portal on the device",
            "set `companyPortal.install: true`, or assign Company Portal as a required app",
        )
        .on(IOS),
        |fields| legacy(fields) && !is(fields, "companyPortal.install", true),
    ),
    when(
        warn(
            "P-33",
            &["authentication"],
            "the legacy sign-in cannot do multi-factor authentication, a forced password change or an expired password; federation with ADFS needs the WS-Trust 1.3 username/mixed endpoint",
            "prefer `authentication: setupAssistantModern`",
        ),
        legacy,
    ),
    when(
        warn(
            "P-9",
            &["supervised"],
            "iOS and iPadOS 13 and later ignore `supervised: false`: devices enrolled this way are always supervised",
            "remove it, or set it to true",
        )
        .on(IOS),
        |fields| is(fields, "supervised", false),
    ),
    when(
        refuse(
            "P-12",
            &["lockedEnrollment", "supervised"],
            "`lockedEnrollment: true` needs supervision",
            "set `supervised: true`, or `lockedEnrollment: false`",
        )
        .on(ALL),
        |fields| is(fields, "lockedEnrollment", true) && is(fields, "supervised", false),
    ),
    says(
        refuse(
            "P-23",
            &["cellularActivationUrl"],
            "`cellularActivationUrl` has to be the absolute http or https address of the carrier's activation server",
            "write the address that the carrier gave, e.g. https://activation.carrier.example",
        )
        .on(IOS),
        no_address,
    ),
    when(
        note(
            "P-39",
            &["cellularActivationUrl"],
            "the carrier has to have provisioned the devices' eSIMs before their cellular plans can be activated; iOS and iPadOS 13 and later",
            "give the carrier the devices' EIDs first",
        )
        .on(IOS),
        |fields| text(fields, "cellularActivationUrl").is_some(),
    ),
    when(
        note(
            "P-40",
            &["userAffinity"],
            "dynamic groups delay apps and policies after enrollment",
            "put the users who enroll into a user group for a fast delivery",
        ),
        |fields| text(fields, "userAffinity") == Some("user"),
    ),
];

fn legacy(fields: &Fields) -> bool {
    text(fields, "authentication") == Some("setupAssistantLegacy")
}

fn authentication_without_user(fields: &Fields) -> Option<String> {
    let affinity = text(fields, "userAffinity").filter(|affinity| *affinity != "user")?;
    let authentication = text(fields, "authentication")?;
    Some(format!(
        "`authentication: {authentication}` has no meaning with `userAffinity: {affinity}`: nobody signs in"
    ))
}

fn no_address(fields: &Fields) -> Option<String> {
    let written = text(fields, "cellularActivationUrl")?;
    let why = match url::Url::parse(written) {
        Ok(url) if !matches!(url.scheme(), "http" | "https") => {
            format!("it begins with `{}:`", url.scheme())
        }
        Ok(url) if url.has_host() => return None,
        Ok(_) => "it names no host".to_owned(),
        Err(why) => why.to_string(),
    };
    Some(format!(
        "`cellularActivationUrl` has to be an absolute http or https address, and {written:?} is none: {why}"
    ))
}
