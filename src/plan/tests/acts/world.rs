//! A device with its record, its token and its profile, and a document that asks for something.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::acts::tests::world::record;
use crate::acts::{ActBook, ActEvent, ActState, Leg, SafeguardKind};
use crate::model::act::{Record, Records};
use crate::model::clock::Timestamp;
use crate::model::live::{Complete, Fact, LiveTenant};
use crate::model::{ActId, Name, Realm};
use crate::plan::build::Input;
use crate::plan::tests::world::{World, ago, name, profile_id, serial};
use crate::plan::{ActNext, Plan, PlannedAct};

pub fn mdm(connection: &str) -> Realm {
    Realm::Mdm(name(connection))
}

/// A world with the iPhone C02A0001 on the token `school`, with the profile `main`, enrolled 30 days ago; nothing
/// to be done. The iPhones C02A0002 to C02A0009 are beside it.
pub fn world() -> World {
    let mut world = World::new();
    world.profile("main", "[school]", "");
    let mut world = world.settled();
    for at in 1..=9 {
        world.device("school", &format!("C02A000{at}"), Some(profile_id("main", "school")));
    }
    let records = (1..=9).map(|at| record(&format!("C02A000{at}")));
    world.live.records.insert(mdm("contoso"), records_of(records.collect()));
    world
}

pub fn records_of(records: Vec<Record>) -> Fact<Records> {
    Fact::Known(Records::new(Complete::after_last_page(records)))
}

/// The document `lost` asks for this on C02A0001, an hour ago.
pub fn ask(world: &mut World, action: &str) {
    ask_as(world, "lost", action, "C02A0001", "");
}

pub fn ask_as(world: &mut World, document: &str, action: &str, serials: &str, more: &str) {
    let hand = ["disableActivationLock", "handOver"].contains(&action);
    let hand = if hand { "physicallyInHand: true\n" } else { "" };
    let spec = format!(
        "action: {action}\ndevices: {{serials: [{serials}]}}\nrequestedAt: 2026-11-21T11:00:00Z\nreason: lost on the bus\n{hand}{more}"
    );
    world.document("DeviceAction", document, &spec);
}

/// A world in which this was asked.
pub fn asked(action: &str) -> World {
    let mut world = world();
    ask(&mut world, action);
    world
}

/// Another tenant with this connection, its tokens read.
pub fn second_tenant(world: &mut World, records: Option<Vec<Record>>) {
    world.connection("fabrikam", "0c1f3e6f-5b0a-4b6e-9a55-3d2b8f1c7e41");
    let tenant = LiveTenant {
        tenant_id: "0c1f3e6f-5b0a-4b6e-9a55-3d2b8f1c7e41".to_owned(),
        tokens: Fact::Known(Complete::after_last_page(Vec::new())),
        scope_tags: None,
        vpp_tokens: None,
        push_certificate: None,
        profiles: BTreeMap::new(),
        devices: BTreeMap::new(),
        account_driven_url: None,
    };
    world.live.tenants.insert(mdm("fabrikam"), tenant);
    if let Some(records) = records {
        world.live.records.insert(mdm("fabrikam"), records_of(records));
    }
}

pub fn edit_record(world: &mut World, edit: impl FnOnce(&mut Record)) {
    edit_records(world, |all| edit(&mut all[0]));
}

pub fn edit_records(world: &mut World, edit: impl FnOnce(&mut Vec<Record>)) {
    // What is not known is not edited.
    let Some(known) = world.live.records.get(&mdm("contoso")).and_then(Fact::known) else { return };
    let mut all: Vec<Record> = known.all().iter().cloned().collect();
    edit(&mut all);
    world.live.records.insert(mdm("contoso"), records_of(all));
}

pub fn only(plan: &Plan) -> &PlannedAct {
    match plan.acts.as_slice() {
        [only] => only,
        other => panic!("{} acts: {other:#?}", other.len()),
    }
}

pub fn next(world: &World) -> ActNext {
    only(&world.plan()).next.clone()
}

/// The gates that stop an act, and no others.
pub fn gates(plan: &Plan) -> Vec<&str> {
    plan.stops.iter().map(|stop| stop.gate.as_str()).collect()
}

pub fn id(document: &str, device: &str) -> ActId {
    ActId { action: name(document), serial: serial(device) }
}

// --- the ledger's side ---

/// Writes into the book of acts.
pub fn enter(world: &mut World, events: impl IntoIterator<Item = (i64, ActEvent)>) {
    let mut book: ActBook = (*world.ledger.acts).clone();
    let mut row = 1000 + i64::try_from(book.acts().count()).unwrap() * 100;
    for (seconds, event) in events {
        row += 1;
        book.take(row, ago(seconds), event).unwrap();
    }
    world.ledger.acts = Arc::new(book);
}

/// Binds a document as it stands now; `gates`: the entry with the gates that were in force then.
pub fn bind(world: &mut World, document: &str, gates: Option<i64>) {
    let desired = world.desired();
    let document = &desired.actions[&name(document)];
    let serials: Vec<_> = document.devices.iter().map(|one| one.serial).collect();
    let event = ActEvent::bound(document, serials, None, gates);
    enter(world, [(1800, event)]);
}

/// Promises a request, and brings it into a state.
pub fn promise(world: &mut World, act: &ActId, leg: Leg, seconds: i64, state: ActState) {
    let records = world.live.records.get(&mdm("contoso")).and_then(Fact::known);
    let record = records.and_then(|all| all.of(&act.serial).next());
    let epoch = record.and_then(Record::epoch).unwrap_or_else(|| record_epoch(act));
    promise_for(world, act, leg, seconds, state, epoch, Some(name("school")));
}

fn record_epoch(act: &ActId) -> crate::model::Epoch {
    record(act.serial.as_str()).epoch().unwrap()
}

pub fn promise_for(
    world: &mut World,
    act: &ActId,
    leg: Leg,
    seconds: i64,
    state: ActState,
    epoch: crate::model::Epoch,
    token: Option<Name>,
) {
    let events = promise_events(act, leg, seconds, state, epoch, token);
    enter(world, events);
}

pub fn promise_events(
    act: &ActId,
    leg: Leg,
    seconds: i64,
    state: ActState,
    epoch: crate::model::Epoch,
    token: Option<Name>,
) -> Vec<(i64, ActEvent)> {
    let promised = ActEvent::Promised {
        act: act.clone(),
        leg,
        tenant: crate::plan::tests::world::TENANT.to_owned(),
        token,
        epoch,
        safeguard: SafeguardKind::Unsupervised,
        sealed: None,
        request: "sha256:request".to_owned(),
        approved_elsewhere: None,
        approved_by: Vec::new(),
    };
    let mut events = vec![(seconds, promised)];
    if state != ActState::Promised {
        let approval = (state == ActState::ApprovalElsewhere).then(|| "code-1".to_owned());
        let evidence = String::new();
        events.push((seconds - 1, ActEvent::Moved { act: act.clone(), leg, to: state, evidence, approval }));
    }
    events
}

pub fn moved(world: &mut World, act: &ActId, leg: Leg, seconds: i64, to: ActState) {
    let event = ActEvent::Moved { act: act.clone(), leg, to, evidence: String::new(), approval: None };
    enter(world, [(seconds, event)]);
}

/// A world in which a document was bound and its request came into a state.
pub fn sent(action: &str, state: ActState) -> World {
    let mut world = asked(action);
    bind(&mut world, "lost", None);
    promise(&mut world, &id("lost", "C02A0001"), Leg::Whole, 600, state);
    world
}

pub fn input<'a>(world: &'a World, desired: &'a crate::model::desired::Desired) -> Input<'a> {
    Input {
        desired,
        live: &world.live,
        ledger: &world.ledger,
        findings: &world.findings,
        scope: &world.scope,
        origin: &world.origin,
        offered: &world.offered,
        now: world.now,
    }
}

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}
