//! What each profile document comes to on a direct token.
//!
//! In this order: what the ledger owns at the address; a profile that was defined earlier with the very
//! content; a live profile that devices have and that says the same; one of the same name. Only where
//! none says the same, a new one is defined.

use std::collections::{BTreeMap, BTreeSet};

use super::super::domain::{Domain, Target};
use super::super::profile::{display_name_of, doubles, notes_by_rules};
use super::Planned;
use super::lineage::{Lineage, by_id};
use crate::diag::Severity;
use crate::ledger::Ownership;
use crate::model::desired::{Profile, State};
use crate::model::fill::fill;
use crate::model::live::{Cause, LiveProfile, ProfileKind};
use crate::model::settings::Side;
use crate::model::{Address, Fields, Name, ProfileId, Value, canonical};
use crate::plan::effect::{self, Effect, Holders, When};
use crate::plan::{Action, Adoption, Bookkeeping, Class, FieldChange, Grandfathered, Note, Reason, content};
use crate::rules;

/// A document on the token.
struct Wanted<'a> {
    name: &'a Name,
    document: &'a Profile,
    /// The resulting object: defaults, overlaid by what was applied last, overlaid by what is stated.
    fields: Fields,
    /// The hash over it.
    content: String,
    display_name: String,
    owned: Option<&'a Ownership>,
}

/// What was found for a document.
enum Found<'a> {
    /// The ledger's profile, and it is as wished.
    Owned(&'a ProfileId),
    /// One that was defined earlier is as wished.
    Earlier(&'a ProfileId),
    /// A live one of nobody is as wished.
    Alike(&'a LiveProfile),
    /// One that is not as wished, and its fields where they are known.
    Former { id: &'a ProfileId, fields: Option<&'a Fields>, adopt: bool, by_former_name: bool },
    /// None, and the lists that prove it were complete.
    Nothing,
    /// Nobody knows which.
    Unclear { reason: String, next: String },
}

/// Plans every profile document that is wished on the token, and recognises those that shall go.
pub(super) fn plan<'a>(domain: &mut Domain<'a>) -> Planned<'a> {
    let documents: Vec<(&'a Name, &'a Profile)> = domain.whole.profiles_on(domain.name).to_vec();
    let doubles = doubles(domain.name, &documents);
    let mut lineage = Lineage::gather(domain, &documents);
    let by_content = by_content(domain);
    let mut found: Vec<(Wanted<'a>, Found<'a>)> = Vec::new();
    let mut open: Vec<Wanted<'a>> = Vec::new();
    for (name, document) in documents.iter().copied().filter(|(name, _)| !doubles.contains_key(name)) {
        let Some(wanted) = wanted(domain, name, document) else { continue };
        match known(domain, &lineage, &by_content, &wanted) {
            Some(known) => {
                // What was defined under another address and is taken up here belongs here from now on.
                if let Found::Earlier(id) = known {
                    lineage.claim(id, name);
                }
                found.push((wanted, known));
            }
            None => open.push(wanted),
        }
    }
    found.extend(by_names(domain, &lineage, open));
    for (wanted, found) in &found {
        match found {
            Found::Alike(live) => lineage.claim(&live.id, wanted.name),
            Found::Former { id, .. } => lineage.claim(id, wanted.name),
            Found::Owned(_) | Found::Earlier(_) | Found::Nothing | Found::Unclear { .. } => {}
        }
    }
    for (name, other) in &doubles {
        let reason = format!("EnrollmentProfile/{other} wants the same display name on this token");
        let next = "give one of them another `displayName`".to_owned();
        let address = Address::profile(name, domain.name);
        domain.block(Some(address), Cause::Manifest, Some("P-1"), reason, next);
    }
    let holders = lineage.all_holders(domain);
    let mut shared = BTreeSet::new();
    found.sort_by_key(|(wanted, _)| wanted.name);
    for (wanted, found) in found {
        if wanted.fields.get("sharedIpad") == Some(&Value::Bool(true)) {
            shared.insert(wanted.name);
        }
        let holders = holders.get(wanted.name).copied().unwrap_or_default();
        plan_wanted(domain, wanted, found, holders);
    }
    Planned { lineage, shared }
}

fn wanted<'a>(domain: &Domain<'a>, name: &'a Name, document: &'a Profile) -> Option<Wanted<'a>> {
    let address = Address::profile(name, domain.name);
    let owned = domain.input.ledger.owned.get(&address).filter(|owned| owned.token_id == domain.live.id);
    let wished = document.wished.get(domain.name)?;
    let nothing = Fields::new();
    let applied = owned.map_or(&nothing, |owned| &owned.applied);
    let mut fields = canonical::whole(document.platform, applied, wished);
    // Apple hears of hidden screens only: those that nobody speaks of need not be remembered.
    fields.retain(|field, value| wished.contains_key(field) || !content::is_shown_screen(field, value));
    let display_name = display_name_of(wished, document).to_owned();
    Some(Wanted { name, document, content: content::hash(&fields), fields, display_name, owned })
}

/// The profiles that were defined on the token, by their content.
fn by_content<'a>(domain: &Domain<'a>) -> BTreeMap<&'a str, Vec<&'a ProfileId>> {
    let mut all: BTreeMap<&'a str, Vec<&'a ProfileId>> = BTreeMap::new();
    for (id, defined) in domain.input.ledger.defined.get(&domain.live.id).into_iter().flatten() {
        all.entry(&defined.content).or_default().push(id);
    }
    all
}

/// What the ledger or the document's `id` tells; `None`: only names can.
fn known<'a>(
    domain: &Domain<'a>,
    lineage: &Lineage<'a>,
    by_content: &BTreeMap<&'a str, Vec<&'a ProfileId>>,
    wanted: &Wanted<'a>,
) -> Option<Found<'a>> {
    let defined = domain.input.ledger.defined.get(&domain.live.id);
    let live_fields = |id: &ProfileId| domain.profiles.by_id(id).ok().map(|live| &live.fields);
    let owned = wanted.owned.and_then(|owned| Some((owned, owned.object.as_ref()?)));
    let owned = owned.filter(|(_, id)| lineage.document_of(id) == Some(wanted.name));
    let was_applied = |owned: &'a Ownership, id: &ProfileId| match owned.applied.is_empty() {
        false => Some(&owned.applied),
        true => live_fields(id),
    };
    if let Some((owned, id)) = owned {
        let is_defined_so =
            defined.and_then(|all| all.get(id)).is_some_and(|one| one.content == wanted.content);
        let says_the_same =
            was_applied(owned, id).is_some_and(|fields| content::equal(fields, &wanted.fields));
        if is_defined_so || says_the_same {
            return Some(Found::Owned(id));
        }
    }
    let is_free = |id: &ProfileId| lineage.document_of(id).is_none_or(|document| document == wanted.name);
    let earlier = by_content.get(wanted.content.as_str()).into_iter().flatten().copied();
    let earlier = earlier.filter(|id| is_free(id)).max_by_key(|id| (domain.holders_of(id).all(), *id));
    if let Some(id) = earlier.filter(|_| wanted.document.identity.state == State::Present) {
        return Some(Found::Earlier(id));
    }
    if let Some((owned, id)) = owned {
        let fields = was_applied(owned, id);
        return Some(Found::Former { id, fields, adopt: false, by_former_name: false });
    }
    if let Some(text) = &wanted.document.identity.id {
        let Some(id) = by_id(domain, text) else {
            return Some(Found::Unclear {
                reason: format!(
                    "no device of this token has a profile with the id {text}, and the ledger knows none"
                ),
                next: "correct `id`, or leave it out to go by the name".to_owned(),
            });
        };
        let live = domain.profiles.by_id(id).ok();
        return Some(match live.filter(|live| content::equal(&live.fields, &wanted.fields)) {
            Some(live) => Found::Alike(live),
            None => {
                let adopt = !defined.is_some_and(|all| all.contains_key(id));
                Found::Former { id, fields: live_fields(id), adopt, by_former_name: false }
            }
        });
    }
    // Defined for the document, and its ownership got lost.
    let own = defined.into_iter().flatten().map(|(id, _)| id);
    let own = own.filter(|id| lineage.document_of(id) == Some(wanted.name));
    let own = own.max_by_key(|id| (domain.holders_of(id).all(), *id))?;
    Some(Found::Former { id: own, fields: live_fields(own), adopt: false, by_former_name: false })
}

/// What names tell, for documents of which nothing else is known.
fn by_names<'a>(
    domain: &Domain<'a>,
    lineage: &Lineage<'a>,
    open: Vec<Wanted<'a>>,
) -> Vec<(Wanted<'a>, Found<'a>)> {
    let meant: Vec<(Wanted<'a>, Vec<&'a LiveProfile>, bool)> = open
        .into_iter()
        .map(|wanted| {
            let (meant, by_former_name) = candidates(domain, lineage, &wanted);
            (wanted, meant, by_former_name)
        })
        .collect();
    let mut claims: BTreeMap<&'a ProfileId, Vec<&'a Name>> = BTreeMap::new();
    for (wanted, meant, _) in &meant {
        for live in meant {
            claims.entry(&live.id).or_default().push(wanted.name);
        }
    }
    let decide = |wanted: &Wanted<'a>, meant: &[&'a LiveProfile], by_former_name: bool| match meant {
        [] => Found::Nothing,
        [live] => {
            let others: Vec<String> = claims[&live.id]
                .iter()
                .filter(|other| **other != wanted.name)
                .map(|other| format!("EnrollmentProfile/{other}"))
                .collect();
            if !others.is_empty() {
                return Found::Unclear {
                    reason: format!(
                        "{} means the same live profile {:?} ({})",
                        others.join(" and "),
                        live.name,
                        live.id
                    ),
                    next: "give each document a `displayName` or an `id` of its own, or remove one of them"
                        .to_owned(),
                };
            }
            match content::equal(&live.fields, &wanted.fields) {
                true => Found::Alike(live),
                false => {
                    Found::Former { id: &live.id, fields: Some(&live.fields), adopt: true, by_former_name }
                }
            }
        }
        several => {
            let mut ids: Vec<&str> = several.iter().map(|live| live.id.0.as_str()).collect();
            ids.sort_unstable();
            Found::Unclear {
                reason: format!(
                    "devices have {} profiles named {:?}, and none says what the document does: {}",
                    ids.len(),
                    several[0].name,
                    ids.join(", ")
                ),
                next: "write the `id` of the one that is meant into the document".to_owned(),
            }
        }
    };
    meant
        .into_iter()
        .map(|(wanted, meant, by_former_name)| {
            let found = decide(&wanted, &meant, by_former_name);
            (wanted, found)
        })
        .collect()
}

/// The live profiles of nobody that a document may mean: the one that says the same, else those of its
/// name, else those of a former name; and whether a former name told.
fn candidates<'a>(
    domain: &Domain<'a>,
    lineage: &Lineage<'a>,
    wanted: &Wanted<'a>,
) -> (Vec<&'a LiveProfile>, bool) {
    let is_free =
        |live: &LiveProfile| live.kind == ProfileKind::Direct && lineage.document_of(&live.id).is_none();
    let named = |name: &str| domain.profiles.named(name, is_free).unwrap_or_default();
    let present = named(&wanted.display_name);
    let alike = present.iter().filter(|live| content::equal(&live.fields, &wanted.fields));
    if let Some(live) = alike.max_by_key(|live| (domain.holders_of(&live.id).all(), &live.id)) {
        return (vec![live], false);
    }
    if !present.is_empty() {
        return (present, false);
    }
    // Former names are texts like the present one; one that cannot be filled is refused earlier.
    let filled = |text: &String| fill(text, &domain.document.values).unwrap_or_else(|_| text.clone());
    let former = wanted.document.identity.formerly.iter().map(|name| named(&filled(name)));
    (former.into_iter().find(|found| !found.is_empty()).unwrap_or_default(), true)
}

fn plan_wanted<'a>(domain: &mut Domain<'a>, wanted: Wanted<'a>, found: Found<'a>, holders: Holders) {
    let address = Address::profile(wanted.name, domain.name);
    if let Found::Unclear { reason, next } = found {
        domain.block(Some(address), Cause::Manifest, None, reason, next);
        return;
    }
    if domain.blocked_by_lost_answer(&address) || wanted.document.identity.state == State::Absent {
        return;
    }
    let is_there = |id: &ProfileId| Target {
        id: Some(id.clone()),
        display_name: wanted.display_name.clone(),
        step: None,
    };
    match found {
        Found::Owned(id) => {
            judge_standing(domain, &wanted, &address);
            domain.targets.insert(wanted.name, is_there(id));
        }
        Found::Earlier(id) => {
            judge_standing(domain, &wanted, &address);
            domain.targets.insert(wanted.name, is_there(id));
            domain.bookkeeping.push(Bookkeeping::Resumed {
                address,
                connection: domain.connection.clone(),
                token_id: domain.live.id.clone(),
                object: id.clone(),
                name: wanted.display_name,
                fields: wanted.fields,
            });
        }
        Found::Alike(live) => {
            judge_standing(domain, &wanted, &address);
            domain.targets.insert(wanted.name, is_there(&live.id));
            domain.adopted.push(Adoption {
                address,
                connection: domain.connection.clone(),
                token_id: domain.live.id.clone(),
                object: Some(live.id.clone()),
                name: live.name.clone(),
                fields: wanted.fields,
            });
        }
        Found::Former { .. } | Found::Nothing => define(domain, wanted, &found, address, holders),
        Found::Unclear { .. } => {}
    }
}

/// Violations of a profile that is there as wished stand already.
fn judge_standing(domain: &mut Domain<'_>, wanted: &Wanted<'_>, address: &Address) {
    let broken = rules::judge_on(Side::Direct, wanted.document.platform, &wanted.fields).into_iter();
    let broken = broken.filter(|finding| finding.severity == Severity::Refuse);
    domain.grandfathered.extend(broken.map(|finding| Grandfathered {
        rule: finding.rule.to_owned(),
        address: address.clone(),
        message: finding.message,
        acknowledged: false,
    }));
}

fn define<'a>(
    domain: &mut Domain<'a>,
    wanted: Wanted<'a>,
    found: &Found<'a>,
    address: Address,
    holders: Holders,
) {
    let Wanted { name, document, fields, content, display_name, owned } = wanted;
    let (replaces, former, adopt, by_former_name) = match found {
        Found::Former { id, fields, adopt, by_former_name } => (Some(*id), *fields, *adopt, *by_former_name),
        _ => (None, None, false, false),
    };
    domain.judge(document, &address, rules::judge_on(Side::Direct, document.platform, &fields));
    domain.refuse_expired(document, &address, former.unwrap_or(&Fields::new()));
    let changes = former.map(|former| content::changes(former, &fields)).unwrap_or_default();
    let reason = match (replaces, adopt, owned) {
        (None, ..) => Reason::New,
        (Some(_), true, _) => Reason::Adopted,
        (Some(_), false, Some(_)) => Reason::ManifestChanged,
        (Some(_), false, None) => Reason::Differs,
    };
    let mut notes = Vec::new();
    if replaces.is_some() {
        notes.push(Note::new("P-28", succession(holders)));
        notes.extend(notes_of(&changes, by_former_name));
    }
    let touches = |field: &str| {
        let part = |field: &str| field.split('.').next().map(str::to_owned);
        replaces.is_none() || changes.iter().any(|change| part(&change.field) == part(field))
    };
    if let Some(wished) = document.wished.get(domain.name) {
        notes.extend(notes_by_rules(Side::Direct, document.platform, wished, touches));
    }
    let effect = match (replaces, former) {
        (None, _) => Effect::default(),
        (Some(_), Some(_)) => effect::of_update(&changes, holders),
        // What differs is not known: the whole may be felt.
        (Some(_), None) => Effect {
            when: When::NextActivation,
            feel: 0,
            after_reset: holders.enrolled,
            at_activation: holders.waiting,
        },
    };
    let action = Action::Define { fields, content, replaces: replaces.cloned(), changes, adopt };
    let mut step = domain.step(address, None, &display_name, action, reason);
    (step.effect, step.notes) = (effect, notes);
    step.class = if adopt { Class::Disruptive } else { Class::Safe };
    let target = Target { id: None, display_name, step: Some(step.id.clone()) };
    domain.steps.push(step);
    domain.targets.insert(name, target);
}

/// What a change at Apple's enrollment service comes to.
fn succession(holders: Holders) -> String {
    let devices = match holders.all() {
        0 => "no device has a former one".to_owned(),
        1 => "the device that has a former one is assigned to it, and takes it when it is next activated"
            .to_owned(),
        many => format!(
            "the {many} devices that have a former one are assigned to it, and take it when they are next activated"
        ),
    };
    format!("Apple changes no profile: this is a new one; {devices}")
}

fn notes_of(changes: &[FieldChange], by_former_name: bool) -> Vec<Note> {
    let changes_field = |field: &str| changes.iter().any(|change| change.field == field);
    let mut notes = Vec::new();
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
    if by_former_name {
        notes.push(Note::new("P-1", "found by a former name: this is a rename"));
    }
    notes
}
