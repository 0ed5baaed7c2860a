//! Gates of what is done in Apple Business and Apple School Manager.
//!
//! A device counts for the service that it leaves, and where it leaves none for the one that it joins.
//! What protects a token protects it from losing devices and from getting some.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::{Census, InForce, Lately, Stop, limit_stop_of};
use crate::ledger::LedgerView;
use crate::model::desired::LimitKind;
use crate::model::live::Live;
use crate::model::organisation::LiveOrganisation;
use crate::model::{Name, Realm, Serial, ServiceId, TokenId};
use crate::plan::{Action, Class, ServiceAction, Step};

/// Adds what the gates of steps at Apple count against: an entry for each service that they are about,
/// under its id; for services to be made under the empty one.
pub fn count(steps: &[Step], live: &Live, ledger: &LedgerView, census: &mut BTreeMap<TokenId, Census>) {
    for step in steps {
        let (Action::Service(action), Some(name)) = (&step.action, step.connection.organisation()) else {
            continue;
        };
        let Some(organisation) = live.organisations.get(name) else { continue };
        for service in concerned(step, action) {
            if let Entry::Vacant(entry) = census.entry(service) {
                let one = of_service(entry.key(), organisation, ledger, step);
                entry.insert(one);
            }
        }
    }
}

fn of_service(id: &TokenId, live: &LiveOrganisation, ledger: &LedgerView, step: &Step) -> Census {
    let service = ServiceId::new(&id.0);
    let known = ledger.apple.services.iter().filter(|(_, known)| known.id == service);
    let known_as: BTreeSet<Name> = known.map(|(name, _)| name.clone()).collect();
    let is_about = step.token_id == *id && step.address.kind == crate::model::Kind::EnrollmentToken;
    let name = is_about.then(|| step.address.name.clone()).or_else(|| known_as.first().cloned());
    let devices = live.devices.known().map(|all| all.count_by_service());
    let mut lately = Lately::default();
    if let Some(name) = &name {
        lately = super::Destroyed::of(ledger).under(name, &known_as);
    }
    Census {
        name,
        profiles: live.services.known().map_or(0, |all| all.len() as u64),
        devices: devices.and_then(|counts| counts.get(&service).copied()).unwrap_or(0),
        deleted_lately: lately,
        protected_holders: BTreeMap::new(),
        known_as,
    }
}

/// Every service that a step is about: the one that devices join, and those that they leave.
fn concerned(step: &Step, action: &ServiceAction) -> BTreeSet<TokenId> {
    let mut all = BTreeSet::from([step.token_id.clone()]);
    if let ServiceAction::Assign { groups, .. } = action {
        all.extend(groups.iter().filter_map(|group| Some(id_of(group.from.as_ref()?))));
    }
    all
}

fn id_of(service: &ServiceId) -> TokenId {
    TokenId(service.to_string())
}

/// What a step counts for: the service, the kind, objects and devices.
fn weights(step: &Step) -> Vec<(TokenId, LimitKind, (u64, u64))> {
    let Action::Service(action) = &step.action else { return Vec::new() };
    match action {
        ServiceAction::Assign { groups, .. } => {
            let weight = |group: &crate::plan::MoveGroup| {
                let devices = group.serials.len() as u64;
                match &group.from {
                    None => (step.token_id.clone(), LimitKind::Assign, (0, devices)),
                    Some(from) => (id_of(from), LimitKind::Reassign, (0, devices)),
                }
            };
            groups.iter().map(weight).collect()
        }
        ServiceAction::Unassign { id, serials } => {
            vec![(id_of(id), LimitKind::Unassign, (0, serials.len() as u64))]
        }
        ServiceAction::Create { .. } => vec![(step.token_id.clone(), LimitKind::Create, (1, 0))],
        ServiceAction::Rename { .. }
        | ServiceAction::DropFamilies { .. }
        | ServiceAction::TakeFamilies { .. } => vec![(step.token_id.clone(), LimitKind::Update, (1, 0))],
        ServiceAction::Delete { .. } => vec![(step.token_id.clone(), LimitKind::Delete, (1, 0))],
        // Who changes or cancels a deadline was counted when it was given.
        ServiceAction::UpdateDeadline { .. } | ServiceAction::CancelMigration { .. } => Vec::new(),
    }
}

/// Evaluates the gates of the steps at Apple.
pub(super) fn evaluate(steps: &[&Step], in_force: &InForce, census: &BTreeMap<TokenId, Census>) -> Vec<Stop> {
    let nothing = Census::default();
    let of = |service: &TokenId| census.get(service).unwrap_or(&nothing);
    type Counted<'s> = BTreeMap<(Realm, TokenId, LimitKind), Vec<(&'s Step, (u64, u64))>>;
    let mut counted: Counted<'_> = BTreeMap::new();
    for step in steps {
        for (service, kind, weight) in weights(step) {
            counted.entry((step.connection.clone(), service, kind)).or_default().push((step, weight));
        }
    }
    let mut stops = Vec::new();
    for ((realm, service, kind), covered) in counted {
        let (gates, census) = (in_force.about(&realm, &service), of(&service));
        let token = census.name.as_ref().map_or(service.0.as_str(), Name::as_str);
        let label = format!("{token}@{}", realm.carrier());
        stops.extend(limit_stop_of(kind, &gates, &label, "service", covered, census));
    }
    stops.sort_by(|a, b| a.gate.cmp(&b.gate));
    stops.extend(protected(steps, in_force, &of));
    stops
}

/// What protects tokens and devices from everything disruptive and graver.
fn protected<'c>(steps: &[&Step], in_force: &InForce, of: &impl Fn(&TokenId) -> &'c Census) -> Vec<Stop> {
    let mut tokens: BTreeMap<Name, (String, Vec<String>)> = BTreeMap::new();
    let mut serials: BTreeMap<Serial, (String, Vec<String>)> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.class >= Class::Disruptive) {
        let Action::Service(action) = &step.action else { continue };
        let mut touched: BTreeSet<Name> = BTreeSet::new();
        let mut statements = Vec::new();
        for service in concerned(step, action) {
            let census = of(&service);
            touched.extend(census.name.iter().chain(&census.known_as).cloned());
            statements.extend(in_force.about(&step.connection, &service));
        }
        for one in &statements {
            for token in one.gates.protected_tokens.iter().filter(|token| touched.contains(*token)) {
                let entry = tokens.entry(token.clone());
                let (_, ids) = entry.or_insert_with(|| (one.source("protected.tokens"), Vec::new()));
                if ids.last() != Some(&step.id) {
                    ids.push(step.id.clone());
                }
            }
        }
        for serial in action.serials() {
            let by = statements.iter().find(|one| one.gates.protected_serials.binary_search(serial).is_ok());
            if let Some(by) = by {
                let entry = serials.entry(*serial);
                entry.or_insert_with(|| (by.source("protected"), Vec::new())).1.push(step.id.clone());
            }
        }
    }
    let token_stop = |(token, (source, steps)): (Name, (String, Vec<String>))| Stop {
        gate: format!("protected/token/{token}"),
        reason: format!(
            "{token} is protected by {source}: no device is taken from it or brought to it where that is disruptive or graver"
        ),
        next: format!(
            "take it out of {source} in a commit of its own, or allow this one plan with `--override protected/token/{token}=DIGEST`"
        ),
        steps,
    };
    let serial_stop = |(serial, (source, steps)): (Serial, (String, Vec<String>))| Stop {
        gate: format!("protected/serial/{serial}"),
        reason: format!("the protected device {serial} would change its service at Apple ({source})"),
        next: format!(
            "name it no more for another service, or allow this one plan with `--override protected/serial/{serial}=DIGEST`"
        ),
        steps,
    };
    let mut stops: Vec<Stop> = tokens.into_iter().map(token_stop).collect();
    stops.extend(serials.into_iter().map(serial_stop));
    stops
}
