//! The rules over a folder's documents: what `validate` says.

use std::collections::BTreeMap;

use super::{Finding, RuleEntry, acts, at_apple, judge_on, judge_template, statements, tokens};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, NamedSerial, Profile, RouteTo, State};
use crate::model::screens::CURRENT_EDITION;
use crate::model::settings::Side;
use crate::model::{Name, Place, Serial, canonical};

/// Judges every document by the rows that need no live state. The same finding on many tokens is
/// one diagnostic that lists them. `now` is for certificates that end, and for times of acts.
pub fn check_documents(desired: &Desired, now: Timestamp) -> Diagnostics {
    let mut found = Diagnostics::default();
    for (name, token) in &desired.tokens {
        if token.identity.state == State::Present {
            for rule in tokens::RULES {
                let Some(field) = (rule.check)(token) else { continue };
                let place = token.identity.places.at(field).clone();
                found.push(told(&rule.entry, place, rule.entry.summary).for_tokens([name.clone()]));
            }
        }
    }
    let longest = longest_serials(desired);
    for (name, profile) in &desired.profiles {
        if profile.identity.state == State::Present {
            fields(desired, profile, longest.get(name).copied(), &mut found);
            let sides = sides_of(desired, profile);
            let document = statements::Document { profile, sides: &sides, now };
            let is_for = |entry: &RuleEntry| {
                entry.platforms.contains(&profile.platform)
                    && sides.iter().any(|side| entry.sides.contains(side))
            };
            for rule in statements::RULES.iter().filter(|rule| is_for(&rule.entry)) {
                for said in (rule.check)(&document) {
                    let place = profile.identity.places.at(&said.field).clone();
                    let mut diagnostic =
                        told(&rule.entry, place, &said.message).for_tokens(profile.tokens.iter().cloned());
                    if let Some(other) = said.other {
                        diagnostic = diagnostic.and_at(profile.identity.places.at(other).clone());
                    }
                    found.push(diagnostic);
                }
            }
        }
    }
    moves(desired, now, &mut found);
    acts::check(desired, now, &mut found);
    unpinned_edition(desired, &mut found);
    found
}

/// Deadlines of moves.
fn moves(desired: &Desired, now: Timestamp, found: &mut Diagnostics) {
    for route in &desired.routes {
        let Some(wish) = &route.move_by else { continue };
        let tokens = match &route.to {
            RouteTo::Token(token) => Some(token.clone()),
            RouteTo::Nowhere => None,
        };
        for rule in at_apple::MOVES.iter().filter(|rule| (rule.check)(wish, now)) {
            let diagnostic = told(&rule.entry, wish.place.clone(), rule.entry.summary);
            found.push(diagnostic.for_tokens(tokens.clone()));
        }
    }
}

pub(super) fn told(entry: &RuleEntry, place: Place, message: &str) -> Diagnostic {
    Diagnostic::by_row(entry.row, entry.severity, place, format!("{message} ({})", entry.row))
        .next(entry.next)
}

/// By profile, the longest serial number that an assignment gives it to.
fn longest_serials(desired: &Desired) -> BTreeMap<&Name, Serial> {
    let mut longest: BTreeMap<&Name, Serial> = BTreeMap::new();
    let longest_of =
        |devices: &[NamedSerial]| devices.iter().map(|one| one.serial).max_by_key(|one| one.as_str().len());
    let mut take = |profile, here: Serial| {
        let known = longest.entry(profile).or_insert(here);
        if here.as_str().len() > known.as_str().len() {
            *known = here;
        }
    };
    for assignment in &desired.assignments {
        if let Some(here) = longest_of(&assignment.devices) {
            take(&assignment.profile, here);
        }
    }
    for selection in &desired.selections {
        if let Some(here) = longest_of(&selection.devices.named) {
            selection.profiles.written().for_each(|(_, profile)| take(profile, here));
        }
    }
    longest
}

/// The sides of the tokens that a profile selects; where it selects none, those that can have it.
fn sides_of(desired: &Desired, profile: &Profile) -> Vec<Side> {
    let selected: Vec<Side> = profile.tokens.iter().filter_map(|token| side_of(desired, token)).collect();
    let is_meant = |side: &Side| match selected.is_empty() {
        true => side.has(profile.platform) && (*side == Side::Classic) == profile.settings.ade.is_missing(),
        false => selected.contains(side),
    };
    Side::ALL.into_iter().filter(is_meant).collect()
}

fn side_of(desired: &Desired, token: &Name) -> Option<Side> {
    Some(Side::of(&desired.tokens.get(token)?.realm))
}

fn fields(desired: &Desired, profile: &Profile, longest: Option<Serial>, found: &mut Diagnostics) {
    let mut by_finding: BTreeMap<(&'static str, Severity, String), (Finding, Vec<Name>)> = BTreeMap::new();
    let mut take = |finding: Finding, token: Option<&Name>| {
        let key = (finding.rule, finding.severity, finding.message.clone());
        by_finding.entry(key).or_insert_with(|| (finding, Vec::new())).1.extend(token.cloned());
    };
    let judged = |side, wished: &_| {
        let mut findings = judge_on(side, profile.platform, wished);
        findings.extend(longest.and_then(|serial| judge_template(profile.platform, wished, serial.as_str())));
        findings
    };
    for (token, wished) in &profile.wished {
        // Beside doubtful documents the token may stand among the others.
        let likely = if profile.settings.ade.is_missing() { Side::Classic } else { Side::Direct };
        let side = side_of(desired, token).unwrap_or(likely);
        judged(side, wished).into_iter().for_each(|finding| take(finding, Some(token)));
    }
    if profile.wished.is_empty() {
        let edition = canonical::edition(&desired.fleet);
        for side in sides_of(desired, profile) {
            let stated = canonical::stated(profile, side, edition);
            judged(side, &stated).into_iter().for_each(|finding| take(finding, None));
        }
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
