//! The default service of product families: what is bought from then on goes there.
//!
//! Apple refuses a family that another service has. So a family changes hands in two ordered steps, with
//! no default in between: dropped by the one, taken by the other.

use std::collections::BTreeMap;

use super::{Apple, Seat};
use crate::model::desired::State;
use crate::model::live::{Cause, Fact};
use crate::model::organisation::{LiveService, ProductFamily};
use crate::model::{Address, Name, ServiceId};
use crate::plan::{Class, Note, Reason, ServiceAction, When};

/// What one service has and shall have.
struct Wish<'a> {
    org: &'a Name,
    service: &'a LiveService,
    has: &'a [ProductFamily],
    wished: Vec<ProductFamily>,
    /// The token goes.
    is_absent: bool,
}

/// Plans both steps for every token that speaks of families.
pub(super) fn plan(apple: &mut Apple<'_>) {
    let wishes = wishes(apple);
    let mut dropped: BTreeMap<(&Name, ProductFamily), String> = BTreeMap::new();
    let taken: Vec<(&Name, ProductFamily)> = wishes
        .values()
        .flat_map(|wish| wish.wished.iter().filter(|one| !wish.has.contains(one)).map(|one| (wish.org, *one)))
        .collect();
    for (name, wish) in &wishes {
        let lost: Vec<ProductFamily> =
            wish.has.iter().copied().filter(|one| !wish.wished.contains(one)).collect();
        if !lost.is_empty() {
            drop_families(apple, name, wish, lost, &taken, &mut dropped);
        }
    }
    for (name, wish) in &wishes {
        let gained: Vec<ProductFamily> =
            wish.wished.iter().copied().filter(|one| !wish.has.contains(one)).collect();
        if !gained.is_empty() {
            take_families(apple, name, wish, gained, &dropped);
        }
    }
}

/// The wishes that can be met: what nobody knows is blocked here.
fn wishes<'a>(apple: &mut Apple<'a>) -> BTreeMap<&'a Name, Wish<'a>> {
    let desired = apple.input.desired;
    let mut wishes = BTreeMap::new();
    for (name, token) in &desired.tokens {
        let is_absent = token.identity.state == State::Absent;
        let wished = match desired.families_of(name) {
            _ if is_absent => Vec::new(),
            Some(families) => sorted(families),
            None => continue,
        };
        if !apple.works_on(name) {
            continue;
        }
        let (org, service) = match apple.seats.get(name).copied() {
            Some(Seat::Service { org, live }) => (org, live),
            Some(Seat::Making { org }) if !wished.is_empty() => {
                let reason = format!("the default for {} waits: the service is made first", words(&wished));
                let next = "run it again once the service is there".to_owned();
                apple.block(org, Address::token(name), Cause::LostAnswer, "A-2", reason, next);
                continue;
            }
            // What is not there has no families; what is not known is blocked itself.
            _ => continue,
        };
        let changes_services = apple.orgs.get(org).is_some_and(|org| org.live.edition.changes_services());
        let has = match &service.default_for {
            Some(Fact::Known(has)) => has,
            Some(Fact::Unknown(why)) if !is_absent => {
                let reason = format!("what {:?} is the default service of is not known: {why}", service.name);
                let (cause, next) = (why.cause, why.next.clone());
                apple.block(org, Address::token(name), cause, "A-2", reason, next);
                continue;
            }
            None if !is_absent => {
                let reason = format!("what {:?} is the default service of was not asked for", service.name);
                let next = "run it again".to_owned();
                apple.block(org, Address::token(name), Cause::Unavailable, "A-2", reason, next);
                continue;
            }
            // The deletion says so.
            _ => continue,
        };
        if !changes_services {
            if sorted(has) != wished && !is_absent {
                let reason = format!(
                    "{:?} is the default service of {}, and is to be that of {}; the API of Apple School Manager cannot change that",
                    service.name,
                    words(has),
                    words(&wished)
                );
                let next = "set it in the portal, or take `defaultFor` out".to_owned();
                apple.block(org, Address::token(name), Cause::Manifest, "A-2", reason, next);
            }
            continue;
        }
        // Apple refuses to empty what is empty.
        if sorted(has) != wished && !apple.blocked_by_lost_answer(org, name) {
            wishes.insert(name, Wish { org, service, has, wished, is_absent });
        }
    }
    wishes
}

fn drop_families<'a>(
    apple: &mut Apple<'a>,
    name: &'a Name,
    wish: &Wish<'a>,
    lost: Vec<ProductFamily>,
    taken: &[(&Name, ProductFamily)],
    dropped: &mut BTreeMap<(&'a Name, ProductFamily), String>,
) {
    let Some(org) = apple.orgs.get(wish.org) else { return };
    // A service that goes can only go once nothing is given to it by default.
    let keeps: Vec<ProductFamily> = wish.has.iter().copied().filter(|one| !lost.contains(one)).collect();
    let orphaned: Vec<ProductFamily> =
        lost.iter().copied().filter(|one| !taken.contains(&(wish.org, *one))).collect();
    let reason = if wish.is_absent { Reason::StateAbsent } else { Reason::Differs };
    let action = ServiceAction::DropFamilies { id: wish.service.id.clone(), families: lost.clone(), keeps };
    let address = Address::token(name);
    let mut step = apple.step(org, address, Some(&wish.service.id), &wish.service.name, action, reason);
    step.effect.when = When::NewDevices;
    if orphaned.is_empty() {
        step.notes.push(Note::new(
            "A-2",
            "between this step and the one that takes them, devices that are bought have no service",
        ));
    } else {
        step.class = Class::Disruptive;
        step.notes.push(Note::new(
            "A-2",
            format!("{} that are bought from then on get no service by themselves", words(&orphaned)),
        ));
    }
    for family in lost {
        dropped.insert((wish.org, family), step.id.clone());
    }
    apple.out.steps.push(step);
}

fn take_families<'a>(
    apple: &mut Apple<'a>,
    name: &'a Name,
    wish: &Wish<'a>,
    gained: Vec<ProductFamily>,
    dropped: &BTreeMap<(&'a Name, ProductFamily), String>,
) {
    let Some(org) = apple.orgs.get(wish.org) else { return };
    let mut free = Vec::new();
    let mut needs: Vec<String> = Vec::new();
    // Its own dropping leaves the list that is taken on.
    let own_drop = format!("drop-families {}", Address::token(name));
    let mut held: BTreeMap<&ServiceId, (&LiveService, Vec<ProductFamily>)> = BTreeMap::new();
    let mut unread: Vec<&LiveService> = Vec::new();
    for family in gained {
        if let Some(step) = dropped.get(&(wish.org, family)) {
            needs.push(step.clone());
            free.push(family);
            continue;
        }
        let others = org.services.iter().filter(|other| other.id != wish.service.id);
        let mut holder = None;
        for other in others {
            match &other.default_for {
                Some(Fact::Known(families)) if families.contains(&family) => holder = Some(other),
                Some(Fact::Unknown(_)) => unread.push(other),
                _ => {}
            }
        }
        match holder {
            Some(other) => held.entry(&other.id).or_insert((other, Vec::new())).1.push(family),
            None => free.push(family),
        }
    }
    let held: Vec<(String, String, Option<&Name>, Vec<ProductFamily>)> = held
        .into_values()
        .map(|(other, families)| {
            (other.name.clone(), other.id.to_string(), org.tokens.get(&other.id).copied(), families)
        })
        .collect();
    if !free.is_empty() {
        let mut has: Vec<ProductFamily> =
            wish.has.iter().copied().filter(|one| wish.wished.contains(one)).chain(free.clone()).collect();
        has.sort_unstable();
        let action = ServiceAction::TakeFamilies { id: wish.service.id.clone(), families: free, has };
        let id = &wish.service.id;
        let mut step =
            apple.step(org, Address::token(name), Some(id), &wish.service.name, action, Reason::Differs);
        step.effect.when = When::NewDevices;
        step.needs = needs;
        step.needs.push(own_drop);
        if !unread.is_empty() {
            step.notes.push(Note::new(
                "A-2",
                "what some other services are the default of could not be read: Apple refuses a family that one of them has",
            ));
        }
        apple.out.steps.push(step);
    }
    for (other, id, token, families) in held {
        let reason = match token {
            None => format!(
                "{:?} ({id}), a service that no document names, is the default service of {}: it is not taken from there",
                other,
                words(&families)
            ),
            Some(token) => format!(
                "the service {other:?} of EnrollmentToken/{token}, whose document does not speak of it, is the default service of {}",
                words(&families)
            ),
        };
        let next = match token {
            None => "take it from that service in the portal, or write a document with `defaultFor` for it"
                .to_owned(),
            Some(token) => format!("write `defaultFor` into EnrollmentToken/{token} without it"),
        };
        apple.block(wish.org, Address::token(name), Cause::Manifest, "A-2", reason, next);
    }
}

fn sorted(families: &[ProductFamily]) -> Vec<ProductFamily> {
    let mut families = families.to_vec();
    families.sort_unstable();
    families.dedup();
    families
}

fn words(families: &[ProductFamily]) -> String {
    let words: Vec<&str> = families.iter().map(|one| one.word()).collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}
