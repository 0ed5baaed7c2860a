//! What holds for all worlds of direct tokens.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::world::*;
use crate::model::live::{Cause, EnrollmentState, Fact};
use crate::model::{Family, Field, ProfileId, Serial, Value};
use crate::plan::tests::world::{at, name, unknown};
use crate::plan::{Action, Plan};

const PROFILES: [&str; 3] = ["kiosk", "pupils", "staff"];
const TOKENS: [&str; 2] = ["office", "school"];
const DEVICES: usize = 8;

/// Something that a person did, in the documents or at Apple; or the ledger lost.
#[derive(Clone, Debug)]
enum Deed {
    Write(usize, &'static str, Value),
    Absent(usize),
    Undescribe(usize),
    Default(usize),
    Assign(usize, BTreeSet<usize>),
    Device(usize, Option<usize>, bool),
    Stranger(usize, &'static str, usize),
    Family(usize, Option<Family>),
    Forget(usize),
    Cool(usize, usize, i64),
    Settle,
}

fn deed() -> impl Strategy<Value = Deed> {
    let value = prop_oneof![Just(Value::None), "[ab]".prop_map(Value::text)];
    let family =
        proptest::sample::select(vec![None, Some(Family::Iphone), Some(Family::Ipad), Some(Family::Mac)]);
    prop_oneof![
        (0..3usize, proptest::sample::select(vec!["department", "departmentPhone"]), value)
            .prop_map(|(profile, field, value)| Deed::Write(profile, field, value)),
        (0..3usize, any::<bool>()).prop_map(|(profile, on)| Deed::Write(
            profile,
            "sharedIpad",
            Value::Bool(on)
        )),
        (0..3usize).prop_map(Deed::Absent),
        (0..3usize).prop_map(Deed::Undescribe),
        (0..3usize).prop_map(Deed::Default),
        (0..3usize, proptest::collection::btree_set(0..DEVICES + 2, 0..4))
            .prop_map(|(at, all)| Deed::Assign(at, all)),
        (0..DEVICES, proptest::option::of(0..3usize), any::<bool>())
            .prop_map(|(at, to, off)| Deed::Device(at, to, off)),
        (0..3usize, proptest::sample::select(vec!["a", "b"]), 0..DEVICES)
            .prop_map(|(profile, text, at)| Deed::Stranger(profile, text, at)),
        (0..DEVICES, family).prop_map(|(at, family)| Deed::Family(at, family)),
        (0..3usize).prop_map(Deed::Forget),
        (0..DEVICES, 0..3usize, -10i64..10).prop_map(|(at, profile, until)| Deed::Cool(at, profile, until)),
        Just(Deed::Settle),
    ]
}

fn world(deeds: &[Deed]) -> World {
    let mut world = World::new();
    world.token("office");
    for profile in PROFILES {
        world.profile(profile, &TOKENS, &[]);
    }
    for at in 0..DEVICES {
        world.ipad("school", &format!("DLX{at}"), None);
    }
    for deed in deeds {
        let object = |world: &World, profile: &usize| {
            world.ledger.owned.get(&at(PROFILES[*profile], "school")).and_then(|owned| owned.object.clone())
        };
        match deed {
            Deed::Write(profile, field, value) => {
                if world.desired.profiles.contains_key(&name(PROFILES[*profile])) {
                    world.state(PROFILES[*profile], field, value.clone());
                }
            }
            Deed::Absent(profile) => {
                if let Some(document) = world.desired.profiles.get_mut(&name(PROFILES[*profile])) {
                    document.identity.state = crate::model::desired::State::Absent;
                }
            }
            Deed::Undescribe(profile) => {
                let profile = name(PROFILES[*profile]);
                world.desired.profiles.remove(&profile);
                world.desired.assignments.retain(|one| one.profile != profile);
                if world.document("school").defaults.ipad.set() == Some(&profile) {
                    world.document("school").defaults.ipad = Field::Missing;
                }
            }
            Deed::Default(profile) => {
                if world.desired.profiles.contains_key(&name(PROFILES[*profile])) {
                    world.default_ipad("school", PROFILES[*profile]);
                }
            }
            Deed::Assign(profile, all) => {
                if world.desired.profiles.contains_key(&name(PROFILES[*profile])) {
                    let serials: Vec<String> = all.iter().map(|at| format!("DLX{at}")).collect();
                    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
                    // One assignment in all: two that disagree are refused before.
                    world.assign("a", PROFILES[*profile], "school", &serials);
                }
            }
            Deed::Device(at, to, off) => {
                let to = to.and_then(|profile| object(&world, &profile));
                let device = world.device("school", &format!("DLX{at}"));
                if *off && device.profile.is_some() {
                    device.state = EnrollmentState::Removed;
                } else {
                    device.state =
                        if to.is_some() { EnrollmentState::Enrolled } else { EnrollmentState::NotContacted };
                    device.profile = to;
                }
            }
            Deed::Stranger(profile, text, at) => {
                let stranger = world.stranger(PROFILES[*profile], &[("department", Value::text(*text))]);
                let device = world.device("school", &format!("DLX{at}"));
                (device.profile, device.state) = (Some(stranger), EnrollmentState::NotContacted);
            }
            Deed::Family(at, family) => world.device("school", &format!("DLX{at}")).family = *family,
            Deed::Forget(profile) => drop(world.ledger.owned.remove(&at(PROFILES[*profile], "school"))),
            Deed::Cool(at, profile, until) => {
                if let Some(object) = object(&world, profile) {
                    world.cool(&format!("DLX{at}"), &object, "FAILED", *until, 1);
                }
            }
            Deed::Settle => {
                let plan = world.plan();
                world.apply(&plan);
            }
        }
    }
    world
}

/// The device's profile that is in force.
fn has(world: &World, serial: &Serial) -> Option<ProfileId> {
    let server = &world.servers[&name("school")];
    let device = server.devices.iter().find(|device| device.serial == *serial).unwrap();
    device.profile.clone().filter(|_| device.state != EnrollmentState::Removed)
}

fn touched(plan: &Plan) -> Vec<(Option<ProfileId>, Serial)> {
    let mut all = Vec::new();
    for step in &plan.steps {
        match &step.action {
            Action::Assign { groups, .. } => {
                all.extend(
                    groups.iter().flat_map(|group| &group.serials).map(|one| (step.object.clone(), *one)),
                );
            }
            Action::Unassign { serials } => all.extend(serials.iter().map(|one| (None, *one))),
            _ => {}
        }
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_obedient_service_leaves_nothing_to_do(deeds in proptest::collection::vec(deed(), 0..12)) {
        let mut world = world(&deeds);
        let first = world.plan();
        world.apply(&first);
        let second = world.plan();
        // What is blocked may come free by what is done beside it.
        if first.blocked.is_empty() {
            prop_assert!(second.steps.is_empty(), "again: {:#?}", second.steps);
            prop_assert!(second.adopted.is_empty(), "again: {:#?}", second.adopted);
        }
        world.apply(&second);
        let third = world.plan();
        prop_assert!(third.steps.is_empty() && third.adopted.is_empty(), "{:#?}", third.steps);
        world.apply(&third);
        let fourth = world.plan();
        prop_assert!(fourth.bookkeeping.is_empty(), "{:?}", fourth.bookkeeping);
    }

    #[test]
    fn a_run_that_dies_anywhere_comes_to_the_same_end(
        deeds in proptest::collection::vec(deed(), 0..10),
        dies_after in 0..6usize,
    ) {
        let mut world = world(&deeds);
        let plan = world.plan();
        for step in plan.steps.iter().take(dies_after) {
            world.carry_out(&plan, &step.id);
        }
        for _ in 0..3 {
            let plan = world.plan();
            world.apply(&plan);
        }
        let last = world.plan();
        prop_assert!(last.steps.is_empty(), "{:#?}", last.steps);
    }

    #[test]
    fn no_device_is_given_what_it_has_or_claimed_twice(deeds in proptest::collection::vec(deed(), 0..12)) {
        let world = world(&deeds);
        let plan = world.plan();
        let mut seen = BTreeSet::new();
        for (object, serial) in touched(&plan) {
            prop_assert!(seen.insert(serial), "{serial} is in two steps");
            let had = has(&world, &serial);
            prop_assert!(object.is_none() || object != had, "{serial} has it");
        }
        let mut objects = BTreeSet::new();
        for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Define { .. })) {
            let Action::Define { replaces: Some(former), .. } = &step.action else { continue };
            prop_assert!(objects.insert((step.token_id.clone(), former.clone())), "{former} has two successors");
        }
        for waiting in &plan.waiting {
            for serial in &waiting.serials {
                prop_assert!(seen.insert(*serial), "{serial} waits and is moved");
            }
        }
    }

    #[test]
    fn what_is_not_known_leads_to_no_step(
        deeds in proptest::collection::vec(deed(), 0..8),
        what in 0..3usize,
    ) {
        let world = world(&deeds);
        let mut live = world.live();
        let tenant = live.tenants.get_mut(&world.desired.tokens[&name("school")].realm).unwrap();
        let why = unknown(Cause::Unavailable);
        match what {
            0 => tenant.tokens = Fact::Unknown(why),
            1 => drop(tenant.profiles.insert(id_of("school"), Fact::Unknown(why))),
            _ => drop(tenant.devices.insert(id_of("school"), Fact::Unknown(why))),
        }
        let plan = world.plan_over(&live);
        prop_assert!(plan.steps.iter().all(|step| step.address.domain() != &name("school")));
        prop_assert!(plan.adopted.iter().all(|one| one.address.domain() != &name("school")));
        prop_assert!(plan.bookkeeping.is_empty() || world.plan().bookkeeping.len() >= plan.bookkeeping.len());
    }

    #[test]
    fn the_order_of_devices_and_profiles_does_not_matter(deeds in proptest::collection::vec(deed(), 0..8)) {
        let world = world(&deeds);
        let mut turned = world.clone();
        turned.server("school").devices.reverse();
        prop_assert_eq!(world.plan().steps, turned.plan().steps);
    }
}
