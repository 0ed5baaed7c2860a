//! What a profile can say on the tokens that it selects (P-32): a field that one side's profiles do
//! not have is refused where that side is selected. PURE.
//!
//! | field | where its side is not selected | beside it |
//! |---|---|---|
//! | `description` | kept for people | kept for people |
//! | what one side demands (`userAffinity`, `authentication`; `ade.url`, `ade.orgMagic`) | refused | noted |
//! | any other | refused | refused |

use super::profile::SUPERVISING_HOSTS;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{Desired, Profile};
use crate::model::settings::{self, SETTINGS, Side};
use crate::model::{Name, Place, Platform, screens};

/// What a side demands of every profile: beside it the other side lets it pass.
const DEMANDED: [(Side, &[&str]); 2] =
    [(Side::Classic, &["userAffinity", "authentication"]), (Side::Direct, &["ade.url", "ade.orgMagic"])];

/// How many tokens a message names.
const MOST_NAMED: usize = 3;

/// Judges every profile by the tokens that it selects.
pub fn check(desired: &Desired, found: &mut Diagnostics) {
    for profile in desired.profiles.values() {
        let of = |side| -> Vec<&Name> {
            let is_of = |token: &&Name| {
                desired.tokens.get(*token).is_some_and(|token| Side::of(&token.realm) == side)
            };
            profile.tokens.iter().filter(is_of).collect()
        };
        let selected = Side::ALL.map(|side| (side, of(side)));
        nowhere(profile, found);
        for (side, tokens) in &selected {
            if tokens.is_empty() {
                continue;
            }
            if !side.has(profile.platform) {
                foreign_platform(profile, tokens, found);
                continue;
            }
            let beside = selected.iter().any(|(other, tokens)| other != side && !tokens.is_empty());
            fields(profile, *side, tokens, beside, found);
            if *side == Side::Direct {
                screens_without_a_key(profile, tokens, found);
            }
        }
    }
}

fn is_carried(field: &str, side: Side, platform: Platform) -> bool {
    let (field, side) = match field {
        SUPERVISING_HOSTS if side == Side::Classic => return false,
        SUPERVISING_HOSTS => ("pairing.certificates", side),
        field => (field, side),
    };
    settings::setting(field).is_some_and(|setting| setting.is_carried(side, platform))
}

/// The object that a field is in, or the field.
fn top(field: &str) -> &str {
    field.split('.').next().unwrap_or(field)
}

/// What `is_foreign` picks of the stated fields: the object instead, where `has` nothing of it.
fn picked(
    profile: &Profile,
    is_foreign: impl Fn(&str) -> bool,
    has: impl Fn(&str) -> bool,
) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = Vec::new();
    for field in profile.settings.stated.iter().copied().filter(|field| is_foreign(field)) {
        let part = SETTINGS.iter().any(|setting| top(setting.field) == top(field) && has(setting.field));
        let name = if part { field } else { top(field) };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Refuses what no profile of the platform has.
fn nowhere(profile: &Profile, found: &mut Diagnostics) {
    let platform = profile.platform;
    let is_on = |field: &str, platform| Side::ALL.into_iter().any(|side| is_carried(field, side, platform));
    for name in picked(profile, |field| !is_on(field, platform), |field| is_on(field, platform)) {
        let has = |platform: &Platform| {
            SETTINGS
                .iter()
                .any(|one| (one.field == name || top(one.field) == name) && is_on(one.field, *platform))
        };
        let theirs: Vec<&str> =
            Platform::ALL.iter().filter(|one| has(one)).map(|one| one.devices()).collect();
        let message = format!(
            "`{name}` is a setting of {}, and this profile is for {} (P-32)",
            theirs.join(" and "),
            platform.devices()
        );
        found.push(
            Diagnostic::by_row("P-32", Severity::Refuse, profile.identity.places.at(name).clone(), message)
                .next(format!("remove `{name}`, or write a profile of its own for the other platform")),
        );
    }
}

/// `EnrollmentToken/a, EnrollmentToken/b and 3 more`.
fn named(tokens: &[&Name]) -> String {
    let shown: Vec<String> =
        tokens.iter().take(MOST_NAMED).map(|token| format!("EnrollmentToken/{token}")).collect();
    match tokens.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

const fn holder(side: Side) -> &'static str {
    match side {
        Side::Classic => "which an MDM holds",
        Side::Direct => "which espalier holds itself",
    }
}

/// A finding about a profile on some tokens.
fn tell(
    profile: &Profile,
    (row, severity, field): (&'static str, Severity, &str),
    (message, next): (String, String),
    tokens: &[&Name],
    found: &mut Diagnostics,
) {
    let place: Place = profile.identity.places.at(field).clone();
    found.push(
        Diagnostic::by_row(row, severity, place, format!("{message} ({row})"))
            .next(next)
            .for_tokens(tokens.iter().map(|token| (*token).clone())),
    );
}

fn foreign_platform(profile: &Profile, tokens: &[&Name], found: &mut Diagnostics) {
    let message = format!(
        "`platform: {}` goes to {}, {}: Intune's classic profiles are for iPhone, iPad and Mac",
        profile.platform,
        named(tokens),
        holder(Side::Classic)
    );
    let next = "take these tokens out of `tokens`: only direct tokens have profiles for it".to_owned();
    tell(profile, ("P-32", Severity::Refuse, "platform"), (message, next), tokens, found);
}

fn fields(profile: &Profile, side: Side, tokens: &[&Name], beside: bool, found: &mut Diagnostics) {
    let platform = profile.platform;
    let other = match side {
        Side::Classic => Side::Direct,
        Side::Direct => Side::Classic,
    };
    let demanded = DEMANDED.iter().find(|(one, _)| *one == other).map_or(&[][..], |(_, fields)| *fields);
    let is_demanded = |field: &str| beside && demanded.contains(&field);
    // What neither side has on the platform is told apart.
    let is_foreign = |field: &str| {
        field != "description" && !is_carried(field, side, platform) && is_carried(field, other, platform)
    };
    let lacking = match side {
        Side::Classic => format!("Intune's classic profiles for {} have no such member", platform.devices()),
        Side::Direct => "Apple's profiles have no such member".to_owned(),
    };
    let (who, whose) = (named(tokens), holder(side));
    let refused = picked(
        profile,
        |field| is_foreign(field) && !is_demanded(field),
        |field| is_carried(field, side, platform) || is_demanded(field),
    );
    for name in refused {
        let message = format!("`{name}` goes to {who}, {whose}: {lacking}");
        let next = if beside {
            format!("remove `{name}`, or write a profile of its own for each kind of token")
        } else {
            instead(name, side)
        };
        tell(profile, ("P-32", Severity::Refuse, name), (message, next), tokens, found);
    }
    let passes: Vec<&str> =
        profile.settings.stated.iter().copied().filter(|one| is_foreign(one) && is_demanded(one)).collect();
    if let Some(first) = passes.first() {
        let names: Vec<String> = passes.iter().map(|name| format!("`{name}`")).collect();
        let verb = if passes.len() == 1 { "does" } else { "do" };
        let why = match side {
            Side::Classic => "the MDM fills in by itself where its devices enroll",
            Side::Direct => "who signs in is decided by what `ade.url` or `ade.configurationWebUrl` leads to",
        };
        let message = format!("{} {verb} not go to {who}, {whose}: {why}", names.join(" and "));
        let next = "nothing; the profile's other tokens need it".to_owned();
        tell(profile, ("P-32", Severity::Note, first), (message, next), tokens, found);
    }
}

/// What to write where nobody selected takes a field.
fn instead(name: &str, side: Side) -> String {
    match (side, name) {
        (Side::Direct, "userAffinity" | "authentication") => {
            format!("remove `{name}`; `ade.url` or `ade.configurationWebUrl` leads to the sign-in")
        }
        (Side::Direct, name) if name.starts_with("sharedIpad.") => {
            "write `sharedIpad: {}`; the MDM sets the rest by command once the iPad is enrolled".to_owned()
        }
        (Side::Direct, "deviceNameTemplate") => {
            format!("remove `{name}`; the MDM names devices by command once they are enrolled")
        }
        (Side::Direct, name) => format!("remove `{name}`, or select tokens of an MDM"),
        (Side::Classic, name) => format!("remove `{name}`, or select direct tokens"),
    }
}

fn screens_without_a_key(profile: &Profile, tokens: &[&Name], found: &mut Diagnostics) {
    let Some(assistant) = profile.settings.setup_assistant.set() else { return };
    for (list, names) in [("hide", &assistant.hide), ("show", &assistant.show)] {
        for name in names.set().into_iter().flatten() {
            if screens::lookup(name).is_none_or(|screen| screen.key.is_some()) {
                continue;
            }
            let message = format!(
                "the screen `{name}` goes to {}, {}: Apple has no key for it",
                named(tokens),
                holder(Side::Direct)
            );
            let next = format!(
                "take `{name}` out of the list, or write a profile of its own for the tokens of an MDM"
            );
            let field = format!("setupAssistant.{list}.{name}");
            tell(profile, ("P-25", Severity::Refuse, &field), (message, next), tokens, found);
        }
    }
}
