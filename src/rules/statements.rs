//! What a profile document says and its canonical form does not tell: cancelled members (P-18),
//! screens that the platform lacks or has for some versions only (P-25), certificates that ended
//! (P-21).

use super::{ALL, BOTH, DIRECT, IOS, Rule, note, refuse, warn};
use crate::model::clock::Timestamp;
use crate::model::desired::{Certificate, PairingMode, Profile};
use crate::model::screens::{self, Screen};
use crate::model::settings::Side;
use crate::model::{Field, Platform};

/// What a statement is judged by.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    /// The document.
    pub profile: &'a Profile,
    /// The sides that it is for.
    pub sides: &'a [Side],
    /// The instant, for what ends.
    pub now: Timestamp,
}

/// What a statement is told.
pub struct Said {
    /// The field, for the place.
    pub field: String,
    /// The other field of a contradiction.
    pub other: Option<&'static str>,
    /// What is wrong and why.
    pub message: String,
}

/// A rule over a document.
pub type StatementRule = Rule<fn(&Document) -> Vec<Said>>;

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
        .on(BOTH),
        check: expired_certificates,
    },
    Rule {
        entry: warn(
            "P-32",
            &["ade.anchorCertificates"],
            "a certificate that devices are to trust has expired",
            "name the certificate that your MDM's server has, or the authority's behind it",
        )
        .on(ALL)
        .at(DIRECT),
        check: expired_anchors,
    },
    Rule {
        entry: refuse(
            "P-21",
            &["ade.supervisingHostCertificates", "pairing.certificates", "pairing.mode"],
            "`ade.supervisingHostCertificates` says the same as `pairing.certificates`, and stands beside `pairing.mode: denyAll` only",
            "write `pairing: {mode: allowByCertificate, certificates: […]}` alone",
        )
        .on(BOTH)
        .at(DIRECT),
        check: hosts_twice,
    },
    Rule {
        entry: warn(
            "P-25",
            &["setupAssistant"],
            "a screen that the platform does not have is left out",
            "take it out of the list",
        )
        .on(ALL),
        check: foreign_screens,
    },
    Rule {
        entry: note(
            "P-25",
            &["setupAssistant"],
            "a screen that only some versions of the system have",
            "nothing; devices with another version do not have it",
        )
        .on(ALL),
        check: versions,
    },
];

fn cancelled_members(Document { profile, .. }: &Document) -> Vec<Said> {
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

fn expired_certificates(document: &Document) -> Vec<Said> {
    let Field::Set(pairing) = &document.profile.settings.pairing else { return Vec::new() };
    expired("pairing.certificates", &pairing.certificates, document.now)
}

fn expired_anchors(document: &Document) -> Vec<Said> {
    let Field::Set(ade) = &document.profile.settings.ade else { return Vec::new() };
    expired("ade.anchorCertificates", &ade.anchor_certificates, document.now)
}

fn expired(field: &'static str, certificates: &Field<Vec<Certificate>>, now: Timestamp) -> Vec<Said> {
    let certificates = certificates.set().into_iter().flatten();
    certificates
        .filter(|certificate| certificate.not_after <= now)
        .map(|certificate| Said {
            field: field.to_owned(),
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

fn hosts_twice(Document { profile, .. }: &Document) -> Vec<Said> {
    const HOSTS: &str = "ade.supervisingHostCertificates";
    let settings = &profile.settings;
    if settings.ade.set().is_none_or(|ade| ade.supervising_host_certificates.set().is_none_or(Vec::is_empty))
    {
        return Vec::new();
    }
    let said =
        |other, message: &str| vec![Said { field: HOSTS.to_owned(), other, message: message.to_owned() }];
    let pairing = settings.pairing.set();
    if pairing.is_some_and(|pairing| pairing.certificates.set().is_some_and(|list| !list.is_empty())) {
        return said(
            Some("pairing.certificates"),
            "`ade.supervisingHostCertificates` and `pairing.certificates` are one member at Apple",
        );
    }
    match pairing.map(|pairing| &pairing.mode) {
        Some(Field::Set(PairingMode::DenyAll)) => Vec::new(),
        _ => said(
            Some("pairing.mode"),
            "`ade.supervisingHostCertificates` names exceptions from `pairing.mode: denyAll`, which is not stated",
        ),
    }
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

fn foreign_screens(Document { profile, sides, .. }: &Document) -> Vec<Said> {
    let platform = profile.platform;
    let devices = platform.devices();
    let lacking = |side: Side, screen: &Screen| match side {
        _ if screen.is_carried(side, platform) => None,
        Side::Classic => Some("a classic profile"),
        // A screen without any key is refused there.
        Side::Direct => screen.key.map(|_| "a profile of a direct token"),
    };
    let said = |(list, screen): (&str, &Screen)| {
        let name = screen.name;
        let field = format!("setupAssistant.{list}.{name}");
        if !screen.is_on(platform) {
            let message = format!("the screen `{name}` does not exist on {devices}; it is left out");
            return vec![Said { field, other: None, message }];
        }
        let carriers =
            sides.iter().filter(|side| side.has(platform)).filter_map(|side| lacking(*side, screen));
        carriers
            .map(|carrier| Said {
                field: field.clone(),
                other: None,
                message: format!("{carrier} for {devices} cannot carry the screen `{name}`; it is left out"),
            })
            .collect()
    };
    listed(profile).flat_map(said).collect()
}

/// From which version on a screen is new enough to say so.
const fn recent(platform: Platform) -> u32 {
    match platform {
        Platform::Macos => 14,
        Platform::Ios | Platform::Tvos => 17,
        // Every screen began with the first version that enrolls this way.
        Platform::Visionos => 27,
    }
}

fn versions(Document { profile, .. }: &Document) -> Vec<Said> {
    let (system, version_of): (_, fn(&Screen) -> _) = match profile.platform {
        Platform::Ios => ("iOS and iPadOS", |screen| screen.ios_versions),
        Platform::Macos => ("macOS", |screen| screen.macos_versions),
        Platform::Tvos => ("tvOS", |screen| (screen.tvos_first, None)),
        Platform::Visionos => ("visionOS", |screen| (screen.visionos_first, None)),
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
