//! Which device management service at Apple each token means.

use std::collections::{BTreeMap, BTreeSet};

use super::{Apple, Input, Org, Seat};
use crate::diag::words::{count, form};
use crate::diag::{Diagnostic, Severity};
use crate::ledger::LedgerView;
use crate::model::desired::{AppleService, Desired, State, Token};
use crate::model::live::{Cause, Complete, Fact};
use crate::model::organisation::{Belongs, LiveService, ServiceKind};
use crate::model::{Address, Name, ServiceId};
use crate::plan::{Action, Bookkeeping, Class, LeftAlone, Note, Reason, ServiceAction};

/// What a token's `apple` means among the live services.
enum Meaning<'a> {
    Found {
        service: &'a LiveService,
        /// The service that the ledger knows for the token, where the document's name is another one's.
        instead_of: Option<&'a LiveService>,
    },
    /// Several carry the name.
    Ambiguous(Vec<&'a ServiceId>),
    Absent,
}

/// Whether a service can be meant: Apple lists deleted ones for a while.
fn is_there(service: &LiveService) -> bool {
    service.kind == ServiceKind::Mdm && service.status.as_deref() != Some("DELETED")
}

fn meaning<'a>(
    token: &Name,
    apple: &AppleService,
    tenant: &str,
    ledger: &LedgerView,
    services: &'a Complete<LiveService>,
) -> Meaning<'a> {
    let known = ledger.apple.services.get(token).filter(|known| known.tenant == tenant);
    let by_id = known.and_then(|known| services.by_id(&known.id).ok()).filter(|service| is_there(service));
    let named = services.named(&apple.service, is_there).unwrap_or_default();
    match (by_id, named.as_slice()) {
        (Some(service), _) if service.name == apple.service => Meaning::Found { service, instead_of: None },
        (instead_of, [service]) => Meaning::Found { service, instead_of },
        (Some(service), []) => Meaning::Found { service, instead_of: None },
        (_, []) => Meaning::Absent,
        (_, several) => Meaning::Ambiguous(several.iter().map(|service| &service.id).collect()),
    }
}

/// The service of each token of an organisation, where that is clear. The reader of the organisation asks
/// this before it reads what single services are the default of.
pub fn matched(
    desired: &Desired,
    ledger: &LedgerView,
    organisation: &Name,
    services: &Complete<LiveService>,
) -> BTreeMap<Name, ServiceId> {
    let Some(document) = desired.organisations.get(organisation) else { return BTreeMap::new() };
    desired
        .tokens
        .iter()
        .filter_map(|(name, token)| {
            let apple = token.apple.as_ref().filter(|apple| apple.connection == *organisation)?;
            match meaning(name, apple, &document.client_id, ledger, services) {
                Meaning::Found { service, .. } => Some((name.clone(), service.id.clone())),
                Meaning::Ambiguous(_) | Meaning::Absent => None,
            }
        })
        .collect()
}

/// Whether a direct token that is wished away has no service any more, as the whole list proves: nothing
/// answers to its server token then, and nothing has to.
pub fn is_proven_gone(input: &Input<'_>, name: &Name) -> bool {
    let Some(token) = input.desired.tokens.get(name) else { return false };
    let Some(wish) = token.apple.as_ref().filter(|_| token.realm.is_direct()) else { return false };
    let Some(live) = input.live.organisations.get(&wish.connection) else { return false };
    let Some(services) = live.services.known() else { return false };
    token.identity.state == State::Absent
        && matches!(meaning(name, wish, &live.tenant, input.ledger, services), Meaning::Absent)
}

/// Finds every token's service, and plans those to be made or renamed.
pub(super) fn plan(apple: &mut Apple<'_>) {
    let desired = apple.input.desired;
    for (name, token) in &desired.tokens {
        let Some(wish) = &token.apple else { continue };
        let seat = seat(apple, name, token, wish);
        apple.seats.insert(name, seat);
        if let Seat::Service { org, live } = seat
            && let Some(org) = apple.orgs.get_mut(org)
        {
            org.tokens.entry(&live.id).or_insert(name);
        }
    }
    blocked_doubles(apple);
}

/// Two documents of one service: neither is planned.
fn blocked_doubles(apple: &mut Apple<'_>) {
    let mut by_service: BTreeMap<(&Name, &ServiceId), Vec<&Name>> = BTreeMap::new();
    for (name, seat) in &apple.seats {
        if let Seat::Service { org, live } = seat {
            by_service.entry((*org, &live.id)).or_default().push(name);
        }
    }
    for ((org, id), names) in by_service.into_iter().filter(|(_, names)| names.len() > 1) {
        for name in &names {
            apple.seats.insert(name, Seat::Unknown { org });
            if !apple.works_on(name) {
                continue;
            }
            let others: Vec<String> = names
                .iter()
                .filter(|other| *other != name)
                .map(|other| format!("EnrollmentToken/{other}"))
                .collect();
            let reason = format!("{} means the same service at Apple ({id})", others.join(" and "));
            let next = "keep `apple` in one of these documents".to_owned();
            apple.block(org, Address::token(name), Cause::Manifest, "A-2", reason, next);
        }
        apple.out.steps.retain(|step| !names.contains(&step.address.domain()));
        apple.out.bookkeeping.retain(|entry| {
            !matches!(entry, Bookkeeping::ServiceKnown { token, .. } if names.contains(&token.domain()))
        });
    }
}

fn seat<'a>(apple: &mut Apple<'a>, name: &'a Name, token: &'a Token, wish: &'a AppleService) -> Seat<'a> {
    let org_name = &wish.connection;
    let unknown = Seat::Unknown { org: org_name };
    let Some(org) = apple.orgs.get(org_name) else { return unknown };
    let (services, tenant, edition) = (org.services, &org.live.tenant, org.live.edition);
    let ledger = apple.input.ledger;
    let is_worked_on = apple.works_on(name);
    match meaning(name, wish, tenant, ledger, services) {
        Meaning::Found { service, instead_of } => {
            let seat = Seat::Service { org: org_name, live: service };
            if !is_worked_on {
                return seat;
            }
            if let Some(former) = instead_of {
                note_another(apple, name, token, former, service);
            }
            warn_of_another_server(apple, name, token, service);
            let known = ledger.apple.services.get(name).filter(|known| known.tenant == *tenant);
            // What renames it writes the name down, too.
            if service.name != wish.service && token.identity.state == State::Present {
                let drifted = known.is_some_and(|known| known.name == wish.service);
                rename(apple, name, wish, service, drifted);
            } else if known.is_none_or(|known| known.id != service.id || known.name != service.name) {
                apple.out.bookkeeping.push(Bookkeeping::ServiceKnown {
                    token: Address::token(name),
                    tenant: tenant.clone(),
                    service: service.id.clone(),
                    name: service.name.clone(),
                });
            }
            seat
        }
        Meaning::Ambiguous(ids) => {
            if is_worked_on {
                let ids: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
                let reason = format!(
                    "{} services of Connection/{org_name} are named {:?}: {}",
                    ids.len(),
                    wish.service,
                    ids.join(", ")
                );
                let next = format!("rename all but one of them in {}", edition.words());
                apple.block(org_name, Address::token(name), Cause::Manifest, "A-2", reason, next);
            }
            unknown
        }
        // What is to be gone and is proven gone is as wished.
        Meaning::Absent if token.identity.state == State::Absent || !is_worked_on => unknown,
        Meaning::Absent => make(apple, name, token, wish),
    }
}

/// Section 13 of the reference: that both ids are always equal is not settled.
fn warn_of_another_server(apple: &mut Apple<'_>, name: &Name, token: &Token, service: &LiveService) {
    let Some(server) = apple.input.ledger.servers.get(name).filter(|_| token.realm.is_direct()) else {
        return;
    };
    if ServiceId::new(&server.server) == service.id {
        return;
    }
    let place = token.identity.places.at("apple.service").clone();
    let message = format!(
        "the server token of EnrollmentToken/{name} belongs to server {}, and `apple.service` means {:?} ({}): the document decides (A-2)",
        server.server, service.name, service.id
    );
    apple.out.findings.push(
        Diagnostic::by_row("A-2", Severity::Warn, place, message)
            .next("see in the portal which service the token was downloaded from; correct `apple.service`, or import that service's token")
            .for_tokens([name.clone()]),
    );
}

fn note_another(
    apple: &mut Apple<'_>,
    name: &Name,
    token: &Token,
    former: &LiveService,
    service: &LiveService,
) {
    let place = token.identity.places.at("apple.service").clone();
    let message = format!(
        "EnrollmentToken/{name} meant the service {:?} ({}) until now; its document means {:?} ({}), which is there already: nothing is renamed (A-2)",
        former.name, former.id, service.name, service.id
    );
    apple.out.findings.push(
        Diagnostic::by_row("A-2", Severity::Warn, place, message)
            .next("if the former one was to be renamed, delete or rename the other one first")
            .for_tokens([name.clone()]),
    );
}

fn rename<'a>(
    apple: &mut Apple<'a>,
    name: &'a Name,
    wish: &'a AppleService,
    service: &'a LiveService,
    drifted: bool,
) {
    let org_name = &wish.connection;
    let Some(edition) = apple.orgs.get(org_name).map(|org| org.live.edition) else { return };
    let address = Address::token(name);
    if !edition.changes_services() {
        let reason = format!(
            "the service {:?} is to be named {:?}, and the API of {} cannot rename services",
            service.name,
            wish.service,
            edition.words()
        );
        let next = "rename it in the portal, or write its present name into `apple.service`".to_owned();
        apple.block(org_name, address, Cause::Manifest, "A-2", reason, next);
        return;
    }
    if apple.blocked_by_lost_answer(org_name, name) {
        return;
    }
    let Some(org) = apple.orgs.get(org_name) else { return };
    let reason = if drifted { Reason::Drifted } else { Reason::ManifestChanged };
    let action = ServiceAction::Rename { id: service.id.clone(), from: service.name.clone() };
    let step = apple.step(org, address, Some(&service.id), &wish.service, action, reason);
    apple.out.steps.push(step);
}

/// A service that is not there: made where the API and the certificate allow it.
fn make<'a>(apple: &mut Apple<'a>, name: &'a Name, token: &'a Token, wish: &'a AppleService) -> Seat<'a> {
    let org_name = &wish.connection;
    let unknown = Seat::Unknown { org: org_name };
    let Some(edition) = apple.orgs.get(org_name).map(|org| org.live.edition) else { return unknown };
    let missing = format!("Connection/{org_name} has no service named {:?}", wish.service);
    let portal = edition.words();
    if !edition.changes_services() || !token.realm.is_direct() {
        let next = match token.realm.is_direct() {
            false => format!(
                "make it in {portal} (Preferences > your device management services > Add) with the public key that Intune gives for the token, or correct `apple.service`; a service for a token of Intune is made together with the token"
            ),
            true => format!(
                "make it in {portal} (Preferences > your device management services > Add) with the certificate of EnrollmentToken/{name}, or correct `apple.service`; its API makes none"
            ),
        };
        apple.block(org_name, Address::token(name), Cause::Manifest, "A-2", missing, next);
        return unknown;
    }
    let certificate = match apple.input.live.certificates.get(name) {
        Some(Fact::Known(certificate)) => certificate.clone(),
        Some(Fact::Unknown(why)) => {
            let reason = format!("{missing}, and it cannot be made: {}", why.reason);
            let (cause, next) = (why.cause, why.next.clone());
            apple.block(org_name, Address::token(name), cause, "A-2", reason, next);
            return unknown;
        }
        None => {
            let reason =
                format!("{missing}, and the certificate of EnrollmentToken/{name} was not asked for");
            let next = "run it again".to_owned();
            apple.block(org_name, Address::token(name), Cause::Unavailable, "A-2", reason, next);
            return unknown;
        }
    };
    if apple.blocked_by_lost_answer(org_name, name) {
        return unknown;
    }
    let Some(org) = apple.orgs.get(org_name) else { return unknown };
    let action = ServiceAction::Create { certificate };
    let known = apple.input.ledger.apple.services.get(name);
    let reason = match known.is_some_and(|known| known.tenant == org.live.tenant) {
        true => Reason::DeletedOutside,
        false => Reason::New,
    };
    let mut step = apple.step(org, Address::token(name), None, &wish.service, action, reason);
    step.notes.push(Note::new(
        "T-1",
        format!(
            "its server token (.p7m) is fetched by a person in {portal}, then `espalier token import {name}`: no program can download it"
        ),
    ));
    apple.out.steps.push(step);
    Seat::Making { org: org_name }
}

/// Services whose token is wished away go last.
pub(super) fn plan_deletions(apple: &mut Apple<'_>) {
    let desired = apple.input.desired;
    for (name, _) in desired.tokens.iter().filter(|(_, token)| token.identity.state == State::Absent) {
        let Some(Seat::Service { org, live }) = apple.seats.get(name).copied() else { continue };
        if apple.works_on(name) {
            delete(apple, name, org, live);
        }
    }
}

fn delete<'a>(apple: &mut Apple<'a>, name: &'a Name, org: &'a Name, service: &'a LiveService) {
    let Some(opened) = apple.orgs.get(org) else { return };
    let (edition, address) = (opened.live.edition, Address::token(name));
    let on_it = opened.devices.map(|devices| devices_on(devices, &service.id));
    // An organisation whose devices are not known is blocked itself.
    let Some(on_it) = on_it else { return };
    if !edition.changes_services() {
        let reason = format!("the API of {} deletes no services", edition.words());
        let next = format!(
            "assign the {} of {:?} to another service and delete it in the portal; then remove this document",
            count(on_it, "device"),
            service.name
        );
        apple.block(org, address, Cause::Manifest, "T-9", reason, next);
        return;
    }
    let leaving = apple.out.steps.iter().flat_map(|step| match &step.action {
        Action::Service(action @ (ServiceAction::Assign { .. } | ServiceAction::Unassign { .. })) => {
            leaves(action, &service.id)
        }
        _ => 0..0,
    });
    let leaving = leaving.count();
    if on_it > 0 {
        let reason = format!(
            "the service {:?} cannot be deleted while {} {} assigned to it at Apple: {} would come back with it (S-5)",
            service.name,
            count(on_it, "device"),
            form(on_it, "is", "are"),
            form(on_it, "it", "they")
        );
        let next = match leaving == on_it {
            true => "this plan takes them off; the next run deletes the service then".to_owned(),
            false => "point them at another service (`token`), or take them off (`unassign`); the next run deletes the service then".to_owned(),
        };
        apple.block(org, address, Cause::Manifest, "T-9", reason, next);
        return;
    }
    let drop = match &service.default_for {
        Some(Fact::Known(families)) if families.is_empty() => None,
        Some(Fact::Known(families)) => Some(families.clone()),
        Some(Fact::Unknown(why)) => {
            let reason = format!("whether {:?} is a default service is not known: {why}", service.name);
            let (cause, next) = (why.cause, why.next.clone());
            apple.block(org, address, cause, "T-9", reason, next);
            return;
        }
        None => {
            let reason = format!("what {:?} is the default service of was not asked for", service.name);
            apple.block(org, address, Cause::Unavailable, "T-9", reason, "run it again".to_owned());
            return;
        }
    };
    if apple.blocked_by_lost_answer(org, name) {
        return;
    }
    let Some(opened) = apple.orgs.get(org) else { return };
    let action = ServiceAction::Delete { id: service.id.clone() };
    let mut step =
        apple.step(opened, address.clone(), Some(&service.id), &service.name, action, Reason::StateAbsent);
    step.class = Class::Destructive;
    if drop.is_some() {
        step.needs.push(format!("drop-families {address}"));
    }
    // The token at its holder goes first.
    step.needs.push(format!("delete {address}"));
    let known = apple.input.ledger.apple.services.get(name).filter(|known| known.id == service.id);
    if known.is_none() {
        let why = "no earlier run knew this service";
        step.notes.push(Note::new("T-9", format!("{why}: it is meant by its name alone")));
    }
    if let Some(deleted) = apple.input.ledger.tokens_deleted.get(name) {
        let deleted = deleted.strftime("%Y-%m-%d");
        step.notes.push(Note::new("T-11", format!("its token was deleted on {deleted} already")));
    }
    apple.out.steps.push(step);
}

/// How many devices a service has, and how many may be its own.
fn devices_on(devices: &crate::model::organisation::OrgDevices, id: &ServiceId) -> usize {
    devices
        .iter()
        .filter(|device| match devices.service_of(device) {
            Belongs::To(one) => one == id,
            // Nobody knows: it may be one of these.
            Belongs::Unclear => true,
            Belongs::ToNone => false,
        })
        .count()
}

/// As many as a step takes off a service.
fn leaves(action: &ServiceAction, id: &ServiceId) -> std::ops::Range<usize> {
    let many = match action {
        ServiceAction::Assign { groups, .. } => {
            groups.iter().filter(|one| one.from.as_ref() == Some(id)).map(|one| one.serials.len()).sum()
        }
        ServiceAction::Unassign { id: from, serials } if from == id => serials.len(),
        _ => 0,
    };
    0..many
}

/// The name under which an object at Apple that belongs to no token is told of.
pub(super) fn left(
    org: &Org<'_>,
    what: &str,
    name: String,
    id: String,
    count: u64,
    why: String,
) -> LeftAlone {
    LeftAlone { token: org.name.clone(), what: what.to_owned(), name, id, count, why, was_managed: false }
}

/// The services that some document means.
pub(super) fn meant<'a>(apple: &Apple<'a>) -> BTreeSet<&'a ServiceId> {
    let seats = apple.seats.values();
    seats
        .filter_map(|seat| match seat {
            Seat::Service { live, .. } => Some(&live.id),
            Seat::Making { .. } | Seat::Unknown { .. } => None,
        })
        .collect()
}
