//! The rules over a folder's documents: what `validate` says.

use std::collections::BTreeMap;

use super::{Finding, judge};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, Profile, State, Token};
use crate::model::screens::{self, CURRENT_EDITION, Platform};
use crate::model::{Field, Name, Place, canonical};

/// Judges every document by the rows that need no live state. The same finding on many tokens is
/// one diagnostic that lists them. `now` is for certificates that end.
pub fn check_documents(desired: &Desired, now: Timestamp) -> Diagnostics {
    let mut found = Diagnostics::default();
    for (name, token) in &desired.tokens {
        if token.identity.state == State::Present {
            scope_tags(name, token, &mut found);
        }
    }
    for profile in desired.profiles.values() {
        if profile.identity.state == State::Present {
            fields(profile, canonical::edition(&desired.fleet), &mut found);
            cancelled_members(profile, &mut found);
            foreign_screens(profile, &mut found);
            certificates(profile, now, &mut found);
        }
    }
    unpinned_edition(desired, &mut found);
    found
}

fn fields(profile: &Profile, edition: &str, found: &mut Diagnostics) {
    let mut by_finding: BTreeMap<(&'static str, Severity, String), (Finding, Vec<Name>)> = BTreeMap::new();
    let mut take = |finding: Finding, token: Option<&Name>| {
        let key = (finding.rule, finding.severity, finding.message.clone());
        by_finding.entry(key).or_insert_with(|| (finding, Vec::new())).1.extend(token.cloned());
    };
    for (token, wished) in &profile.wished {
        judge(wished).into_iter().for_each(|finding| take(finding, Some(token)));
    }
    if profile.wished.is_empty() {
        let stated = canonical::stated(profile, edition);
        judge(&stated).into_iter().for_each(|finding| take(finding, None));
    }
    for (finding, tokens) in by_finding.into_values() {
        let place = place_of(profile, finding.fields);
        found.push(
            Diagnostic::by_row(finding.rule, finding.severity, place, finding.message)
                .next(finding.next)
                .for_tokens(tokens),
        );
    }
}

/// The place of the first of the fields that the document writes.
fn place_of(profile: &Profile, fields: &[&str]) -> Place {
    let places = &profile.identity.places;
    let at = |field: &&str| {
        // A screen may be written under `hide` or `show`, or come from `otherwise`.
        let screen = field.strip_prefix("setupAssistant.");
        let names = match screen {
            Some(screen) => vec![
                format!("setupAssistant.show.{screen}"),
                format!("setupAssistant.hide.{screen}"),
                "setupAssistant.otherwise".to_owned(),
            ],
            None => vec![(*field).to_owned()],
        };
        names.iter().find_map(|name| places.fields.get(name)).cloned()
    };
    fields.iter().find_map(at).unwrap_or_else(|| places.document.clone())
}

fn scope_tags(name: &Name, token: &Token, found: &mut Diagnostics) {
    let Field::Set(tags) = &token.scope_tags else { return };
    if tags.iter().any(|tag| tag == "Default") {
        return;
    }
    let message = "`scopeTags` leaves out `Default`: administrators who have only that tag no longer see this token, its profiles and its devices (T-5)";
    found.push(
        Diagnostic::by_row("T-5", Severity::Note, token.identity.places.at("scopeTags").clone(), message)
            .next("nothing, if that is wished; else add `Default`")
            .for_tokens([name.clone()]),
    );
}

/// P-18: the canonical form leaves cancelled members out, so the statement itself is judged.
fn cancelled_members(profile: &Profile, found: &mut Diagnostics) {
    let Field::Set(shared) = &profile.settings.shared_ipad else { return };
    if shared.temporary_session_only != Field::Set(true) {
        return;
    }
    for (name, field) in [
        ("maximumCachedUsers", &shared.maximum_cached_users),
        ("passwordAfterLockSeconds", &shared.password_after_lock_seconds),
        ("userSessionTimeoutSeconds", &shared.user_session_timeout_seconds),
    ] {
        if field.set().is_some() {
            let message = format!(
                "`temporarySessionOnly: true` cancels `sharedIpad.{name}`: guests have no account to keep (P-18)"
            );
            let places = &profile.identity.places;
            found.push(
                Diagnostic::by_row(
                    "P-18",
                    Severity::Refuse,
                    places.at(&format!("sharedIpad.{name}")).clone(),
                    message,
                )
                .next(format!("remove `{name}`, or `temporarySessionOnly`"))
                .and_at(places.at("sharedIpad.temporarySessionOnly").clone())
                .for_tokens(profile.tokens.iter().cloned()),
            );
        }
    }
}

fn foreign_screens(profile: &Profile, found: &mut Diagnostics) {
    let Field::Set(assistant) = &profile.settings.setup_assistant else { return };
    for (list, listed) in [("hide", &assistant.hide), ("show", &assistant.show)] {
        for name in listed.set().into_iter().flatten() {
            if screens::lookup(name).is_some_and(|screen| screen.is_on(Platform::Ios)) {
                continue;
            }
            let message = format!("iPhone and iPad do not have the screen `{name}`; it is left out (P-25)");
            let place = profile.identity.places.at(&format!("setupAssistant.{list}.{name}")).clone();
            found.push(
                Diagnostic::by_row("P-25", Severity::Warn, place, message)
                    .next(format!("remove `{name}`"))
                    .for_tokens(profile.tokens.iter().cloned()),
            );
        }
    }
}

fn certificates(profile: &Profile, now: Timestamp, found: &mut Diagnostics) {
    let Field::Set(pairing) = &profile.settings.pairing else { return };
    for certificate in pairing.certificates.set().into_iter().flatten() {
        if certificate.not_after > now {
            continue;
        }
        let day = certificate.not_after.strftime("%Y-%m-%d");
        let message = format!(
            "the certificate {} ({}) expired on {day} (P-21)",
            certificate.file.display(),
            certificate.subject
        );
        let place = profile.identity.places.at("pairing.certificates").clone();
        found.push(
            Diagnostic::by_row("P-21", Severity::Warn, place, message)
                .next("make a new certificate for the host, and name it here")
                .for_tokens(profile.tokens.iter().cloned()),
        );
    }
}

fn unpinned_edition(desired: &Desired, found: &mut Diagnostics) {
    if desired.fleet.screens.is_some() || desired.fleet.name.is_none() {
        return;
    }
    let uses = |profile: &&Profile| {
        profile
            .settings
            .setup_assistant
            .set()
            .is_some_and(|assistant| assistant.otherwise_hide.set().is_some())
    };
    if let Some(profile) = desired.profiles.values().find(uses) {
        let message = format!(
            "`otherwise` expands to the newest catalogue of screens, {CURRENT_EDITION}: a newer espalier may change what it covers (P-25)"
        );
        let place = desired.fleet.places.document.clone();
        found.push(
            Diagnostic::by_row("P-25", Severity::Note, place, message)
                .next(format!("pin it in the Fleet: `screens: \"{CURRENT_EDITION}\"`"))
                .and_at(profile.identity.places.at("setupAssistant.otherwise").clone()),
        );
    }
}
