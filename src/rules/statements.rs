//! What a profile document says and its canonical form does not tell: cancelled members (P-18),
//! screens that the platform lacks or has for some versions only (P-25), certificates that ended
//! (P-21).

use super::{BOTH, IOS, Rule, note, refuse, warn};
use crate::model::clock::Timestamp;
use crate::model::desired::Profile;
use crate::model::screens::{self, Screen, Wire};
use crate::model::{Field, Platform};

/// What a statement is told.
pub struct Said {
    /// The field, for the place.
    pub field: String,
    /// The other field of a contradiction.
    pub other: Option<&'static str>,
    /// What is wrong and why.
    pub message: String,
}

/// A rule over a document; the instant is for what ends.
pub type StatementRule = Rule<fn(&Profile, Timestamp) -> Vec<Said>>;

/// The rules of this subject.
pub const RULES: &[StatementRule] = &[
    Rule {
        entry: refuse(
            "P-18",
            &[
                "sharedIpad.maximumCachedUsers",
                "sharedIpad.passwordAfterLockSeconds",
                "sharedIpad.userSessionTimeoutSeconds",
                "sharedIpad.temporarySessionOnly",
            ],
            "`temporarySessionOnly: true` cancels the cached users, the password delay and the user session timeout: guests have no account to keep",
            "remove the one that is cancelled, or `temporarySessionOnly`",
        )
        .on(IOS),
        check: cancelled_members,
    },
    Rule {
        entry: warn(
            "P-21",
            &["pairing.certificates"],
            "a pairing certificate has expired; it is refused where it would be newly uploaded",
            "make a new certificate for the host, and name it here",
        )
        .on(IOS),
        check: expired_certificates,
    },
    Rule {
        entry: warn(
            "P-25",
            &["setupAssistant"],
            "a screen that the platform does not have is left out",
            "take it out of the list",
        )
        .on(BOTH),
        check: foreign_screens,
    },
    Rule {
        entry: note(
            "P-25",
            &["setupAssistant"],
            "a screen that only some versions of the system have",
            "nothing; devices with another version do not have it",
        )
        .on(BOTH),
        check: versions,
    },
];

fn cancelled_members(profile: &Profile, _now: Timestamp) -> Vec<Said> {
    let Field::Set(shared) = &profile.settings.shared_ipad else { return Vec::new() };
    if shared.temporary_session_only != Field::Set(true) {
        return Vec::new();
    }
    [
        ("maximumCachedUsers", &shared.maximum_cached_users),
        ("passwordAfterLockSeconds", &shared.password_after_lock_seconds),
        ("userSessionTimeoutSeconds", &shared.user_session_timeout_seconds),
    ]
    .into_iter()
    .filter(|(_, field)| field.set().is_some())
    .map(|(name, _)| Said {
        field: format!("sharedIpad.{name}"),
        other: Some("sharedIpad.temporarySessionOnly"),
        message: format!(
            "`temporarySessionOnly: true` cancels `sharedIpad.{name}`: guests have no account to keep"
        ),
    })
    .collect()
}

fn expired_certificates(profile: &Profile, now: Timestamp) -> Vec<Said> {
    let Field::Set(pairing) = &profile.settings.pairing else { return Vec::new() };
    let certificates = pairing.certificates.set().into_iter().flatten();
    certificates
        .filter(|certificate| certificate.not_after <= now)
        .map(|certificate| Said {
            field: "pairing.certificates".to_owned(),
            other: None,
            message: format!(
                "the certificate {} ({}) expired on {}",
                certificate.file.display(),
                certificate.subject,
                certificate.not_after.strftime("%Y-%m-%d")
            ),
        })
        .collect()
}

/// The screens that a document lists, with the list that each is in.
fn listed(profile: &Profile) -> impl Iterator<Item = (&'static str, &'static Screen)> {
    let lists = match &profile.settings.setup_assistant {
        Field::Set(assistant) => vec![("hide", &assistant.hide), ("show", &assistant.show)],
        _ => Vec::new(),
    };
    let screens: Vec<(&'static str, &'static Screen)> = lists
        .into_iter()
        .flat_map(|(list, names)| names.set().into_iter().flatten().map(move |name| (list, *name)))
        .filter_map(|(list, name)| Some((list, screens::lookup(name)?)))
        .collect();
    screens.into_iter()
}

fn foreign_screens(profile: &Profile, _now: Timestamp) -> Vec<Said> {
    let platform = profile.platform;
    let said = |(list, screen): (&str, &Screen)| {
        let name = screen.name;
        let message = if !screen.is_on(platform) {
            format!("the screen `{name}` does not exist on {}; it is left out", platform.devices())
        } else if screen.wire(platform) == Wire::None {
            format!(
                "a classic profile for {} cannot carry the screen `{name}`; it is left out",
                platform.devices()
            )
        } else {
            return None;
        };
        Some(Said { field: format!("setupAssistant.{list}.{name}"), other: None, message })
    };
    listed(profile).filter_map(said).collect()
}

/// From which version on a screen is new enough to say so.
const fn recent(platform: Platform) -> u32 {
    match platform {
        Platform::Macos => 14,
        _ => 17,
    }
}

fn versions(profile: &Profile, _now: Timestamp) -> Vec<Said> {
    let (system, version_of): (_, fn(&Screen) -> _) = match profile.platform {
        Platform::Macos => ("macOS", |screen| screen.macos_versions),
        _ => ("iOS and iPadOS", |screen| screen.ios_versions),
    };
    let major = |version: &str| version.split('.').next().and_then(|major| major.parse::<u32>().ok());
    let said = |(list, screen): (&str, &Screen)| {
        let name = screen.name;
        let message = match version_of(screen) {
            (Some(first), Some(last)) => {
                format!("only {system} {first} to {last} have the screen `{name}`")
            }
            (None, Some(last)) => format!("{system} later than {last} do not have the screen `{name}`"),
            (Some(first), None) if major(first).is_some_and(|first| first >= recent(profile.platform)) => {
                format!("the screen `{name}` needs {system} {first}")
            }
            _ => return None,
        };
        Some(Said { field: format!("setupAssistant.{list}.{name}"), other: None, message })
    };
    listed(profile).filter_map(said).collect()
}
