//! Saved plans and drift.

use super::world::*;
use crate::model::Realm;
use crate::model::live::{Cause, Fact};
use crate::model::organisation::ProductFamily;
use crate::plan::before::{self, Standing, standing_in};
use crate::plan::build::Input;
use crate::plan::drift::drift;
use crate::plan::file::{SavedPlan, digest_of};
use crate::plan::tests::world::{ids, name, step, unknown};
use crate::plan::wishes::Wished;
use crate::plan::{Plan, Step};

fn stands(fleet: &mut Fleet, one: &Step) -> Standing {
    fleet.lay_out();
    standing_in(one, Some(&client_id(ORG)), &fleet.base.live).unwrap().unwrap()
}

#[test]
fn a_step_rests_on_the_service_of_each_of_its_devices() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "").route("carts", "school", &["C02A0001", "C02A0002"]);
    let plan = fleet.plan();
    let one = step(&plan, "move EnrollmentToken/school");
    assert_eq!(stands(&mut fleet, one), Standing::Same);
    fleet.ipad("C02A0002", "Jamf");
    assert_eq!(stands(&mut fleet, one), Standing::Changed);
    fleet.ipad("C02A0001", "School").ipad("C02A0002", "School");
    assert_eq!(stands(&mut fleet, one), Standing::Done);
    fleet.org().unread = true;
    fleet.lay_out();
    let unread = standing_in(one, Some(&client_id(ORG)), &fleet.base.live).unwrap();
    assert!(unread.is_err(), "unknown is not unchanged");
    assert!(standing_in(one, Some(&"another".to_owned()), &fleet.base.live).is_none());
}

#[test]
fn every_kind_of_step_is_seen_to_be_done() {
    let mut fleet = Fleet::new();
    fleet.seat("school", "Pupils").direct("labs", "Labs");
    fleet.base.live.certificates.insert(name("labs"), Fact::Known("00ff".to_owned()));
    fleet.defaults("Office", &[ProductFamily::Mac]);
    fleet.default_for.insert(name("office"), vec![ProductFamily::Ipad]);
    fleet.ipad("C02A0001", "Office").route("gone", "", &["C02A0001"]);
    let plan = fleet.plan();
    let steps: Vec<&Step> =
        plan.steps.iter().filter(|step| matches!(step.connection, Realm::Apple(_))).collect();
    assert_eq!(steps.len(), 5, "{:?}", ids(&plan));
    for one in &steps {
        assert_eq!(stands(&mut fleet, one), Standing::Same, "{}", one.id);
    }
    fleet.apply(&plan);
    for one in &steps {
        assert_eq!(stands(&mut fleet, one), Standing::Done, "{}", one.id);
    }
}

#[test]
fn the_digest_covers_names_and_devices_and_a_plan_survives_its_file() {
    let plan = |called: &str, one: &str| -> Plan {
        let mut fleet = Fleet::new();
        fleet.seat("school", called).ipad(one, "Jamf").route("carts", "office", &[one]);
        fleet.plan()
    };
    let first = plan("Pupils", "C02A0001");
    assert_eq!(digest_of(&first), digest_of(&plan("Pupils", "C02A0001")));
    assert_ne!(digest_of(&first), digest_of(&plan("Teachers", "C02A0001")));
    assert_ne!(digest_of(&first), digest_of(&plan("Pupils", "C02A0002")));
    let saved = SavedPlan::new(&first, None, crate::plan::tests::world::now());
    let read = SavedPlan::from_json(&saved.to_json()).unwrap().into_plan();
    assert_eq!((&read.steps, &read.forecast), (&first.steps, &first.forecast));
}

#[test]
fn what_was_moved_outside_is_told_apart_from_what_is_newly_wished() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "School").ipad("C02A0002", "").route("carts", "school", &["C02A0001"]);
    let desired = fleet.desired();
    for token in ["school", "office"] {
        fleet.base.ledger.in_force.insert(name(token), Wished::of(&desired).on(&name(token)).unwrap());
    }
    let drifted = |fleet: &mut Fleet| {
        fleet.lay_out();
        let desired = fleet.desired();
        let base = &fleet.base;
        let input = Input {
            desired: &desired,
            live: &base.live,
            ledger: &base.ledger,
            findings: &base.findings,
            scope: &base.scope,
            origin: &base.origin,
            offered: &base.offered,
            now: base.now,
        };
        let whole = crate::plan::build::build(&input).unwrap();
        let found = drift(&input, &whole).unwrap();
        (ids(&found.plan).iter().map(|id| (*id).to_owned()).collect::<Vec<_>>(), found.undecided)
    };
    fleet.ipad("C02A0001", "Jamf");
    fleet.service("Office").name = "Portal".to_owned();
    let moved = ["rename-service EnrollmentToken/office", "move EnrollmentToken/school, disruptive"];
    assert_eq!(drifted(&mut fleet), (moved.map(str::to_owned).to_vec(), Vec::new()));
    // Another document may have wished it.
    fleet.route("more", "school", &["C02A0002"]);
    let (found, undecided) = drifted(&mut fleet);
    assert_eq!(found, ["rename-service EnrollmentToken/office"]);
    assert_eq!(undecided.len(), 2, "{undecided:?}");
}

#[test]
fn an_unread_organisation_leads_to_no_step_there() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").route("carts", "school", &["C02A0001"]);
    fleet.lay_out();
    let live = fleet.base.live.organisations.get_mut(&name(ORG)).unwrap();
    live.services = Fact::Unknown(unknown(Cause::Credentials));
    let desired = fleet.desired();
    let plan = fleet.base.plan_of(&desired);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.blocked.iter().map(|one| one.cause).collect::<Vec<_>>(), [Cause::Credentials]);
}

#[test]
fn s2_what_has_arrived_with_its_profile_needs_no_second_sync_and_no_second_assignment() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").bring("carts", "kiosk", "school", &["C02A0001"]);
    let plan = fleet.plan();
    let follows: Vec<&Step> =
        plan.steps.iter().filter(|step| matches!(step.action.verb(), "sync" | "assign-after-sync")).collect();
    let standing = |fleet: &mut Fleet| -> Vec<Standing> {
        let tenant = fleet.base.tenant();
        follows.iter().map(|one| before::standing(one, tenant).unwrap()).collect()
    };
    assert_eq!(standing(&mut fleet), [Standing::Same, Standing::Same], "{:?}", ids(&plan));
    fleet.apply(&plan);
    assert_eq!(standing(&mut fleet), [Standing::Done, Standing::Done]);
    fleet.base.edit_device("school", "C02A0001", |device| device.profile = None);
    assert_eq!(standing(&mut fleet), [Standing::Done, Standing::Same]);
}
