//! Profiles of one token: make, change, take over.

use std::collections::{BTreeMap, BTreeSet};

use super::super::effect::{self, Holders};
use super::super::{Action, Adoption, Bookkeeping, Class, FieldChange, Note, Reason, before};
use super::domain::{Domain, Target};
use super::write_only;
use crate::diag::{Diagnostic, Severity};
use crate::diff::identity::{self, By, Claim, Match};
use crate::diff::{compare, overlay};
use crate::ledger::Ownership;
use crate::model::desired::{Identity, Profile, State};
use crate::model::fill::fill;
use crate::model::live::{Absence, Cause, LiveProfile, ProfileKind};
use crate::model::settings::Side;
use crate::model::{Address, FieldName, Fields, Name, Platform, ProfileId, Value, screens, settings};
use crate::rules;

/// T-10: profiles under one token.
const PROFILES_PER_TOKEN: usize = 1_000;

/// A document on this token and what was found for it.
struct Wanted<'a> {
    name: &'a Name,
    document: &'a Profile,
    display_name: &'a str,
    owned: Option<&'a Ownership>,
    found: Match<'a, LiveProfile>,
}

impl<'a> Domain<'a> {
    /// Plans every profile document that is wished on this token. Those with `state: absent` are
    /// only recognised here; what goes is planned at last.
    pub fn plan_profiles(&mut self) {
        // Under a token that goes, nothing is made or changed.
        let documents: Vec<(&'a Name, &'a Profile)> = self
            .whole
            .profiles_on(self.name)
            .iter()
            .filter(|(_, profile)| !self.is_absent() || profile.identity.state == State::Absent)
            .copied()
            .collect();
        let doubles = doubles(self.name, &documents);
        let wanted: Vec<Wanted<'a>> =
            documents.iter().filter_map(|(name, document)| self.wanted(name, document)).collect();
        let mut claims: BTreeMap<&'a ProfileId, Vec<(&'a Name, Claim)>> = BTreeMap::new();
        for wanted in wanted.iter().filter(|wanted| !doubles.contains_key(wanted.name)) {
            if let Match::Found { object, by } = &wanted.found {
                let claim = Claim { by: *by, state: wanted.document.identity.state };
                claims.entry(&object.id).or_default().push((wanted.name, claim));
            }
        }
        for wanted in wanted {
            let address = Address::profile(wanted.name, self.name);
            if let Some(other) = doubles.get(wanted.name) {
                let reason = format!("EnrollmentProfile/{other} wants the same display name on this token");
                let next = "give one of them another `displayName`".to_owned();
                self.hold(&wanted.found);
                self.block(Some(address), Cause::Manifest, Some("P-1"), reason, next);
            } else if self.blocked_by_lost_answer(&address) {
                self.hold(&wanted.found);
            } else {
                self.plan_wanted(wanted, address, &claims);
            }
        }
    }

    fn wanted(&self, name: &'a Name, document: &'a Profile) -> Option<Wanted<'a>> {
        let display_name = display_name_of(document.wished.get(self.name)?, document);
        let address = Address::profile(name, self.name);
        let owned = self.input.ledger.owned.get(&address).filter(|owned| owned.token_id == self.live.id);
        let owned_id = owned.and_then(|owned| owned.object.as_ref());
        // Former names are texts like the present one; one that cannot be filled is refused earlier.
        let filled = |text: &String| fill(text, &self.document.values).unwrap_or_else(|_| text.clone());
        let formerly = document.identity.formerly.iter().map(filled).collect();
        let identity = Identity { formerly, ..document.identity.clone() };
        let found = identity::profile(&identity, document.platform, display_name, owned_id, self.profiles);
        Some(Wanted { name, document, display_name, owned, found })
    }

    /// Sees to it that nothing is done to what a blocked document may mean.
    fn hold(&mut self, found: &Match<'a, LiveProfile>) {
        match found {
            Match::Found { object, by: _ } => drop(self.held.insert(&object.id)),
            Match::Ambiguous(ids) => {
                let may_be_meant = self.profiles.iter().filter(|profile| ids.contains(&profile.id.0));
                self.held.extend(may_be_meant.map(|profile| &profile.id));
            }
            Match::Absent { .. } | Match::NoSuchId(_) => {}
        }
    }

    fn plan_wanted(
        &mut self,
        wanted: Wanted<'a>,
        address: Address,
        claims: &BTreeMap<&'a ProfileId, Vec<(&'a Name, Claim)>>,
    ) {
        let Wanted { name, document, display_name, owned, found } = wanted;
        let is_wished = document.identity.state == State::Present;
        let (reason, next) = match &found {
            Match::Found { object, by } => {
                let claims = claims.get(&object.id).map_or(&[][..], Vec::as_slice);
                let all: Vec<Claim> = claims.iter().map(|(_, claim)| *claim).collect();
                let holder = identity::holder(&all).and_then(|at| claims.get(at)).map(|(holder, _)| *holder);
                if holder == Some(name) {
                    if !is_wished {
                        self.doomed.insert(&object.id, name);
                        return;
                    }
                    match self.vpp_token(document) {
                        Ok(vpp_token) => self.plan_present(name, document, object, *by, owned, vpp_token),
                        Err(why) => {
                            self.hold(&found);
                            self.block(Some(address), why.cause, Some("P-4"), why.reason, why.next);
                        }
                    }
                    return;
                }
                if holder.is_none() {
                    self.hold(&found);
                }
                let others: Vec<String> = claims
                    .iter()
                    .filter(|(other, _)| *other != name)
                    .map(|(other, _)| format!("EnrollmentProfile/{other}"))
                    .collect();
                let reason = format!(
                    "{} means the same live profile {:?} ({})",
                    others.join(" and "),
                    object.name,
                    object.id
                );
                let next = match holder {
                    Some(_) => "run it again once that one has its new name, or give this one another name",
                    None => "give each document an `id` of its own, or remove one of them",
                };
                (reason, next)
            }
            Match::Absent { proof, was_owned } => {
                if is_wished && !self.blocked_by_namesake(&address, display_name) {
                    match self.vpp_token(document) {
                        Ok(vpp_token) => self.plan_create(name, document, *proof, *was_owned, vpp_token),
                        Err(why) => self.block(Some(address), why.cause, Some("P-4"), why.reason, why.next),
                    }
                }
                return;
            }
            Match::Ambiguous(ids) => {
                self.hold(&found);
                let reason =
                    format!("{} live profiles are named {display_name:?}: {}", ids.len(), ids.join(", "));
                let next = "write the `id` of the one that is meant into the document, or delete the other";
                (reason, next)
            }
            // What is to be gone and is proven gone is as wished.
            Match::NoSuchId(_) if !is_wished => return,
            Match::NoSuchId(id) => {
                let reason = format!(
                    "no classic profile for {} under this token has the id {id}",
                    document.platform.devices()
                );
                (reason, "correct `id`, or leave it out to go by the name")
            }
        };
        self.block(Some(address), Cause::Manifest, None, reason, next.to_owned());
    }

    /// A live object of the same name that is not clearly a classic profile may be the very one:
    /// services show profiles in several shapes (reference intune-graph section 3.1). Making another
    /// one beside it would double it. True: blocked.
    fn blocked_by_namesake(&mut self, address: &Address, display_name: &str) -> bool {
        let is_namesake =
            |profile: &LiveProfile| matches!(profile.kind, ProfileKind::Mirror | ProfileKind::Other(_));
        let namesake = self.profiles.named(display_name, is_namesake).ok().map(|found| found[0]);
        let Some(namesake) = namesake else { return false };
        let reason = format!(
            "{} has the same name and is no classic profile (the mirror of an enrollment policy, or of a type that this version does not know)",
            namesake.id
        );
        let next =
            "give the document another `displayName`, or rename the other one in the portal".to_owned();
        self.block(Some(address.clone()), Cause::Manifest, Some("P-32"), reason, next);
        true
    }

    /// Makes a profile. Only a complete list can prove that it is not there.
    fn plan_create(
        &mut self,
        name: &'a Name,
        document: &'a Profile,
        _proof: Absence,
        was_owned: bool,
        vpp_token: Option<String>,
    ) {
        let address = Address::profile(name, self.name);
        let Some(fields) = document.created.get(self.name) else { return };
        let mut findings = rules::required_on_create(document.platform, fields);
        findings.extend(rules::judge(document.platform, fields));
        self.judge(document, &address, findings);
        self.judge_vpp(document, &address, fields, None);
        self.refuse_expired(document, &address, &Fields::new());
        let planned = self.steps.iter().filter(|step| step.action.verb() == "create").count();
        if self.profiles.len() + planned >= PROFILES_PER_TOKEN {
            let reason = format!(
                "the token already has {} profiles, and {PROFILES_PER_TOKEN} is the most",
                self.profiles.len() + planned
            );
            self.block(
                Some(address),
                Cause::Manifest,
                Some("T-10"),
                reason,
                "delete profiles that are not used, or split the fleet over several tokens".to_owned(),
            );
            return;
        }
        let reason = if was_owned { Reason::DeletedOutside } else { Reason::New };
        let display_name = display_name_of(fields, document).to_owned();
        let action = Action::CreateProfile { fields: fields.clone(), vpp_token };
        let mut step = self.step(address, None, &display_name, action, reason);
        note_modern(fields, &mut step.notes);
        step.notes.extend(notes_by_rules(Side::Classic, document.platform, fields, |_| true));
        let target = Target { id: None, display_name, step: Some(step.id.clone()) };
        self.steps.push(step);
        self.targets.insert(name, target);
    }

    /// Changes or takes over a profile that is there.
    fn plan_present(
        &mut self,
        name: &'a Name,
        document: &'a Profile,
        live: &'a LiveProfile,
        by: By,
        owned: Option<&'a Ownership>,
        vpp_token: Option<String>,
    ) {
        let address = Address::profile(name, self.name);
        let Some(wished) = document.wished.get(self.name) else { return };
        let owned = owned.filter(|owned| owned.object.as_ref() == Some(&live.id));
        let mut changes = compare(wished, &live.fields);
        // Recognised by id and without a wished name, the name is nobody's business.
        if document.identity.id.is_some() && !document.identity.places.fields.contains_key("displayName") {
            changes.retain(|change| change.field != "displayName");
        }
        if let Some(owned) = owned {
            let not_taken: Vec<FieldChange> = changes
                .extract_if(.., |change| was_not_taken(change, document.platform, &owned.applied))
                .collect();
            self.note_not_taken(document, live, &not_taken);
        }
        let write_only = write_only::compare(wished, &live.fields, owned.map(|owned| &owned.applied));
        changes.extend(write_only.changes);
        self.note_unknown(document, live, &write_only.unknown);
        let touched: Vec<&str> = changes.iter().map(|change| change.field.as_ref()).collect();
        self.judge_resulting(document, &address, live, wished, &touched);
        self.judge_vpp(document, &address, wished, Some(&live.fields));
        self.refuse_expired(document, &address, &live.fields);
        let display_name = display_name_of(wished, document).to_owned();
        let mut target = Target { id: Some(live.id.clone()), display_name: display_name.clone(), step: None };
        if changes.is_empty() {
            match owned {
                None => self.adopted.push(Adoption {
                    address,
                    connection: self.connection.clone(),
                    token_id: self.live.id.clone(),
                    object: Some(live.id.clone()),
                    name: live.name.clone(),
                    fields: Fields::new(),
                }),
                Some(owned) if owned.applied != *wished => {
                    self.note_unmanaged(document, owned, wished, live);
                    self.bookkeeping.push(Bookkeeping::Applied { address, fields: wished.clone() });
                }
                Some(_) => {}
            }
        } else {
            if let Some(owned) = owned {
                self.note_unmanaged(document, owned, wished, live);
            }
            let holders = self.holders_of(&live.id);
            let reason = match owned {
                Some(owned) => reason_of(&changes, &owned.applied),
                None => Reason::Adopted,
            };
            let effect = effect::of_update(&changes, holders);
            let mut notes = notes_of(&changes, holders, by, &overlay(&live.fields, wished));
            notes.extend(notes_by_rules(Side::Classic, document.platform, wished, |field| {
                changes.iter().any(|change| change.field.split('.').next() == field.split('.').next())
            }));
            let vpp_token = vpp_token.filter(|_| changes.iter().any(|one| one.field == before::VPP_TOKEN));
            let action = Action::UpdateProfile { changes, adopt: owned.is_none(), vpp_token };
            let mut step = self.step(address, Some(live.id.clone()), &display_name, action, reason);
            step.effect = effect;
            step.notes = notes;
            let felt = touched_by_template(&step.action);
            step.class = if owned.is_none() || felt { Class::Disruptive } else { Class::Safe };
            target.step = Some(step.id.clone());
            self.steps.push(step);
        }
        self.targets.insert(name, target);
    }

    /// "No longer managed, stays X": said once, for applying records the new set.
    fn note_unmanaged(&mut self, document: &Profile, owned: &Ownership, wished: &Fields, live: &LiveProfile) {
        let result = overlay(&live.fields, wished);
        // With Shared iPad off there is nothing below it that could stay.
        let is_there = |field: &&FieldName| !field.starts_with("sharedIpad.") || result.contains_key(*field);
        for field in owned.applied.keys().filter(|field| !wished.contains_key(*field)).filter(is_there) {
            let stays = if settings::WRITE_ONLY.contains(&field.as_ref()) {
                "as it is: it never comes back".to_owned()
            } else {
                before::value(&live.fields, field).to_string()
            };
            let place = document.identity.places.document.clone();
            let message = format!("{field} of {:?} is no longer managed, stays {stays}", live.name);
            self.findings.push(
                Diagnostic::new("no-longer-managed", Severity::Note, place, message)
                    .next("write the field again, or null for its default, if that is not meant")
                    .for_tokens([self.name.clone()]),
            );
        }
    }

    /// "Not taken by this service": to write it at every run would not change that.
    fn note_not_taken(&mut self, document: &Profile, live: &LiveProfile, screens: &[FieldChange]) {
        for change in screens {
            let place = document.identity.places.at(&change.field).clone();
            let message = format!(
                "{} of {:?} is not taken by this service: it was written, and the profile does not show it (P-25)",
                change.field, live.name
            );
            self.findings.push(
                Diagnostic::by_row("P-25", Severity::Note, place, message)
                    .next("the screen appears on devices; take it out of `hide`, or leave it for a service that learns it")
                    .for_tokens([self.name.clone()]),
            );
        }
    }

    /// "Not known, not sent": a secret of an object that is taken over.
    fn note_unknown(&mut self, document: &Profile, live: &LiveProfile, fields: &[FieldName]) {
        for field in fields {
            let place = document.identity.places.at(field).clone();
            let message = format!(
                "{field} of {:?} on {} never comes back, so whether it is as wished is not known: it is not sent",
                live.name, self.name
            );
            self.findings.push(
                Diagnostic::new("write-only", Severity::Note, place, message)
                    .next("refer to another secret once the profile is managed, and it is sent")
                    .for_tokens([self.name.clone()]),
            );
        }
    }

    /// The live classic profiles that no document on this token means.
    pub fn unnamed_profiles(&self) -> Vec<&'a LiveProfile> {
        let named: BTreeSet<&ProfileId> =
            self.targets.values().filter_map(|target| target.id.as_ref()).collect();
        self.profiles
            .iter()
            .filter(|profile| profile.kind.platform().is_some() && !named.contains(&profile.id))
            .collect()
    }
}

pub(super) fn display_name_of<'f>(fields: &'f Fields, document: &'f Profile) -> &'f str {
    fields.get("displayName").and_then(|name| name.as_text()).unwrap_or(&document.identity.display_name)
}

/// Documents that want the display name of another one of their platform on this token.
pub(super) fn doubles<'a>(
    token: &Name,
    documents: &[(&'a Name, &'a Profile)],
) -> BTreeMap<&'a Name, &'a Name> {
    let mut by_name: BTreeMap<(Platform, &str), &'a Name> = BTreeMap::new();
    let mut doubles = BTreeMap::new();
    for (name, document) in documents.iter().filter(|(_, document)| document.identity.state == State::Present)
    {
        let Some(wished) = document.wished.get(token) else { continue };
        if document.identity.id.is_some() {
            continue;
        }
        if let Some(other) = by_name.insert((document.platform, display_name_of(wished, document)), name) {
            doubles.insert(*name, other);
            doubles.insert(other, *name);
        }
    }
    doubles
}

/// Whether the manifest changed, the service drifted, or both.
fn reason_of(changes: &[FieldChange], applied: &Fields) -> Reason {
    let drifted = changes.iter().filter(|change| applied.get(&change.field) == Some(&change.after)).count();
    match drifted {
        _ if applied.is_empty() => Reason::Differs,
        0 => Reason::ManifestChanged,
        all if all == changes.len() => Reason::Drifted,
        _ => Reason::Differs,
    }
}

/// Whether a screen that only a skip key can hide was written as wished before and did not stay.
/// Whether the service keeps such keys is not settled; a wish to show one is met by a key that is
/// not there, so that a key which is there again was set by somebody.
fn was_not_taken(change: &FieldChange, platform: Platform, applied: &Fields) -> bool {
    let screen = change.field.strip_prefix("setupAssistant.");
    screen.is_some_and(|screen| screens::is_key_only(screen, platform))
        && change.after.as_text() == Some("hide")
        && applied.get(&change.field) == Some(&change.after)
}

fn touched_by_template(action: &Action) -> bool {
    match action {
        Action::UpdateProfile { changes, .. } => {
            changes.iter().any(|change| change.field == effect::FELT_AT_CHECK_IN)
        }
        _ => false,
    }
}

fn notes_of(changes: &[FieldChange], holders: Holders, by: By, result: &Fields) -> Vec<Note> {
    let changes_field = |field: &str| changes.iter().any(|change| change.field == field);
    let mut notes = Vec::new();
    if effect::of_update(changes, holders).after_reset > 0 {
        notes.push(Note::new(
            "P-28",
            "enrolled devices take the change only after a reset to factory settings",
        ));
    }
    if changes_field(effect::FELT_AT_CHECK_IN) {
        notes.push(Note::new(
            "P-28",
            "the device name template reaches every enrolled device at its next check-in",
        ));
    }
    if changes_field("displayName") {
        notes.push(Note::new("P-1", "dynamic groups by enrollmentProfileName go by this name"));
    }
    if changes_field("supervised") {
        notes.push(Note::new(
            "P-11",
            "a device enrolled without supervision becomes supervised only by a wipe or Apple Configurator",
        ));
    }
    if changes_field("lockedEnrollment") {
        notes.push(Note::new(
            "P-12",
            "locked enrollment cannot be changed on an enrolled device without a wipe",
        ));
    }
    // What turning them on means, a rule says.
    if changes
        .iter()
        .any(|change| change.field == "sharedIpad.temporarySessionOnly" && change.after == Value::Bool(false))
    {
        notes.push(Note::new(
            "P-20",
            "turning temporary sessions off again needs a full reset and a new profile",
        ));
    }
    if by == By::FormerName {
        notes.push(Note::new("P-1", "found by a former name: this is a rename, not a delete and create"));
    }
    if changes_field("authentication") {
        note_modern(result, &mut notes);
    }
    notes
}

/// What rules explain about wished fields, for those that a step touches.
pub(super) fn notes_by_rules(
    side: Side,
    platform: Platform,
    wished: &Fields,
    touches: impl Fn(&str) -> bool,
) -> Vec<Note> {
    rules::judge_on(side, platform, wished)
        .into_iter()
        .filter(|finding| {
            finding.severity == Severity::Note && finding.fields.iter().any(|field| touches(field))
        })
        .map(|finding| Note::new(finding.rule, finding.message))
        .collect()
}

fn note_modern(fields: &Fields, notes: &mut Vec<Note>) {
    if before::value(fields, "authentication").as_text() == Some("setupAssistantModern") {
        notes.push(Note::new(
            "P-3",
            "unverified: how the portal sets Company Portal beside modern authentication; it is off on create and left alone on update",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Value;

    #[test]
    fn p25_only_a_hidden_screen_without_a_boolean_that_was_applied_is_given_up() {
        let change = |screen: &str, before: &str, after: &str| FieldChange {
            field: format!("setupAssistant.{screen}").into(),
            before: Value::text(before),
            after: Value::text(after),
        };
        let applied: Fields = [("intelligence", "hide"), ("siri", "hide"), ("keyboard", "show")]
            .into_iter()
            .map(|(screen, word)| (format!("setupAssistant.{screen}").into(), Value::text(word)))
            .collect();
        assert!(was_not_taken(&change("intelligence", "show", "hide"), Platform::Ios, &applied));
        assert!(
            !was_not_taken(&change("intelligence", "show", "hide"), Platform::Ios, &Fields::new()),
            "not tried yet"
        );
        assert!(
            !was_not_taken(&change("siri", "show", "hide"), Platform::Ios, &applied),
            "a boolean that drifted"
        );
        assert!(
            !was_not_taken(&change("keyboard", "hide", "show"), Platform::Ios, &applied),
            "a key that somebody set"
        );
    }
}
