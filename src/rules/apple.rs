//! Limits of Apple's profiles, which the enrollment service refuses with a code of its own: judged
//! before anything is sent (P-1, P-24, P-32). Sources: reference apple-enrollment-api sections 3.8 and
//! 3.10.

use super::{ALL, DIRECT, IOS, ProfileRule, is, is_none, note, refuse, says, text, when};
use crate::model::{Fields, Platform, Value};

/// The most characters that an address has once it is encoded.
const MOST_IN_URL: usize = 2000;

const WEB: &[Platform] = &[Platform::Ios, Platform::Macos];
const LOCALE: &[Platform] = &[Platform::Macos, Platform::Tvos];
const LATEST: &[Platform] = &[Platform::Ios, Platform::Visionos];

/// The rules of this subject.
pub const RULES: &[ProfileRule] = &[
    says(
        refuse(
            "P-32",
            &["ade.url", "ade.orgMagic"],
            "a profile of a direct token needs `ade.url` and `ade.orgMagic`",
            "add both to `ade`: the address where your MDM enrolls devices, and a text that stands for your organisation",
        )
        .on(ALL)
        .at(DIRECT),
        demanded,
    ),
    says(
        refuse(
            "P-1",
            &["displayName"],
            "Apple takes profile names of 1 to 125 characters",
            "write another `displayName`",
        )
        .on(ALL)
        .at(DIRECT),
        |fields| match fields.get("displayName") {
            Some(Value::None) => Some("`displayName` is empty, and Apple takes names of 1 to 125 characters".to_owned()),
            _ => too_long(fields, "displayName", 125),
        },
    ),
    says(
        refuse("P-24", &["department"], "Apple takes departments of at most 125 characters", "shorten it")
            .on(ALL)
            .at(DIRECT),
        |fields| too_long(fields, "department", 125),
    ),
    says(
        refuse(
            "P-24",
            &["departmentPhone"],
            "Apple takes telephone numbers of at most 50 characters",
            "shorten it",
        )
        .on(ALL)
        .at(DIRECT),
        |fields| too_long(fields, "departmentPhone", 50),
    ),
    says(
        refuse(
            "P-32",
            &["ade.url"],
            "`ade.url` has to be an absolute http or https address of at most 2,000 characters, encoded",
            "write the address where your MDM enrolls devices, e.g. https://mdm.example/enroll",
        )
        .on(ALL)
        .at(DIRECT),
        |fields| no_address(fields, "ade.url", &["http", "https"]),
    ),
    says(
        refuse(
            "P-32",
            &["ade.configurationWebUrl"],
            "`ade.configurationWebUrl` has to be an absolute https address of at most 2,000 characters, encoded",
            "write the address of the sign-in page, e.g. https://mdm.example/sign-in",
        )
        .on(WEB)
        .at(DIRECT),
        |fields| no_address(fields, "ade.configurationWebUrl", &["https"]),
    ),
    says(
        refuse("P-32", &["ade.orgMagic"], "Apple takes an `ade.orgMagic` of at most 256 characters", "shorten it")
            .on(ALL)
            .at(DIRECT),
        |fields| too_long(fields, "ade.orgMagic", 256),
    ),
    says(
        refuse(
            "P-32",
            &["ade.supportEmail"],
            "`ade.supportEmail` has to be an e-mail address of at most 250 characters",
            "write an address like it@school.example",
        )
        .on(ALL)
        .at(DIRECT),
        no_email,
    ),
    says(
        refuse(
            "P-32",
            &["ade.language"],
            "`ade.language` has to be a code of ISO 639: two or three small letters",
            "write a code like `de`, or `haw` where the language has none of two letters",
        )
        .on(LOCALE)
        .at(DIRECT),
        |fields| {
            let written = text(fields, "ade.language")?;
            let is_code =
                (2..=3).contains(&written.len()) && written.bytes().all(|letter| letter.is_ascii_lowercase());
            (!is_code).then(|| {
                format!("`ade.language` has to be two or three small letters of ISO 639, and {written:?} is not")
            })
        },
    ),
    says(
        refuse(
            "P-32",
            &["ade.region"],
            "`ade.region` has to be a code of ISO 3166-1: two capital letters",
            "write a code like `DE`",
        )
        .on(LOCALE)
        .at(DIRECT),
        |fields| {
            let written = text(fields, "ade.region")?;
            let is_code = written.len() == 2 && written.bytes().all(|letter| letter.is_ascii_uppercase());
            (!is_code).then(|| {
                format!("`ade.region` has to be two capital letters of ISO 3166-1, and {written:?} is not")
            })
        },
    ),
    when(
        note(
            "P-32",
            &["ade.returnToService", "ade.ignoreProfileFromBackup"],
            "`ade.returnToService` and `ade.ignoreProfileFromBackup` are for iOS, iPadOS and visionOS 26 and later; older systems ignore them",
            "nothing, if the devices are that new",
        )
        .on(LATEST)
        .at(DIRECT),
        |fields| is(fields, "ade.returnToService", true) || is(fields, "ade.ignoreProfileFromBackup", true),
    ),
    when(
        note(
            "P-9",
            &["awaitConfiguration", "supervised"],
            "iPhones and iPads wait for their configuration only while they are supervised",
            "set `supervised: true`, or `awaitConfiguration: false`",
        )
        .on(IOS)
        .at(DIRECT),
        |fields| is(fields, "supervised", false) && is(fields, "awaitConfiguration", true),
    ),
    when(
        note(
            "P-14",
            &["sharedIpad"],
            "a Shared iPad needs an MDM that manages its users: the enrollment at `ade.url` has to list `com.apple.mdm.per-user-connections` in its ServerCapabilities",
            "nothing, if your MDM does; users, quotas and timeouts are set by its commands",
        )
        .on(IOS)
        .at(DIRECT),
        |fields| is(fields, "sharedIpad", true),
    ),
];

fn demanded(fields: &Fields) -> Option<String> {
    let is_missing = |name: &&str| !fields.contains_key(*name) || is_none(fields, name);
    let missing: Vec<String> = ["ade.url", "ade.orgMagic"]
        .iter()
        .filter(|name| is_missing(name))
        .map(|name| format!("`{name}`"))
        .collect();
    (!missing.is_empty())
        .then(|| format!("a profile of a direct token needs {}: Apple requires it", missing.join(" and ")))
}

/// Apple counts characters, not bytes.
fn too_long(fields: &Fields, name: &str, most: usize) -> Option<String> {
    let length = text(fields, name)?.chars().count();
    (length > most).then(|| format!("`{name}` has {length} characters, and Apple takes {most} at most"))
}

fn no_address(fields: &Fields, name: &str, schemes: &[&str]) -> Option<String> {
    let written = text(fields, name)?;
    // Neither is in the grammar of RFC 2396; a browser's parser mends them in silence.
    let strange = |sign: char| sign.is_whitespace() || sign.is_control() || "<>\"{}|\\^`".contains(sign);
    let why = match url::Url::parse(written) {
        _ if written.contains(strange) => "it holds signs that no address has".to_owned(),
        Ok(url) if !schemes.contains(&url.scheme()) => format!("it begins with `{}:`", url.scheme()),
        Ok(url) if !url.has_host() => "it names no host".to_owned(),
        Ok(url) if url.as_str().len() > MOST_IN_URL => {
            return Some(format!(
                "`{name}` has {} characters once it is encoded, and Apple takes {MOST_IN_URL} at most",
                url.as_str().len()
            ));
        }
        Ok(_) => return None,
        Err(why) => why.to_string(),
    };
    let kind = if schemes.contains(&"http") { "http or https" } else { "https" };
    Some(format!("`{name}` has to be an absolute {kind} address, and {written:?} is none: {why}"))
}

fn no_email(fields: &Fields) -> Option<String> {
    if let Some(message) = too_long(fields, "ade.supportEmail", 250) {
        return Some(message);
    }
    let written = text(fields, "ade.supportEmail")?;
    let is_address = written.split_once('@').is_some_and(|(who, host)| {
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.chars().all(|sign| sign.is_alphanumeric() || sign == '-')
        };
        !who.is_empty()
            && !who.contains(|sign: char| {
                sign.is_whitespace() || sign.is_control() || "<>()[],;:\\\"".contains(sign)
            })
            && host.split('.').all(is_label)
    });
    (!is_address).then(|| format!("`ade.supportEmail` has to be an e-mail address, and {written:?} is none"))
}
