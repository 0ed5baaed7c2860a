//! Gates on direct tokens: what counts as what.

use std::collections::BTreeMap;

use super::world::*;
use crate::model::Value;
use crate::model::desired::{Limit, LimitKind};
use crate::plan::Plan;
use crate::plan::tests::world::{ago, name, serial};

fn limit(world: &mut World, kind: LimitKind, count: u64) {
    world.desired.fleet.gates.limits = BTreeMap::from([(kind, Limit { percent: None, count: Some(count) })]);
}

fn gates(plan: &Plan) -> Vec<&str> {
    plan.stops.iter().map(|stop| stop.gate.as_str()).collect()
}

/// `kiosk` on ten iPads, `pupils` on none.
fn school() -> World {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).profile("kiosk", &["school"], &[]);
    let mut world = world.settled();
    let kiosk = world.object("kiosk", "school");
    world.ipads("school", "DLX", 10, Some(&kiosk));
    world
}

#[test]
fn following_a_documents_own_change_is_its_update_and_no_reassignment() {
    let mut world = school();
    world.state("kiosk", "department", Value::text("IT"));
    for kind in [LimitKind::Reassign, LimitKind::Assign] {
        limit(&mut world, kind, 0);
        assert!(world.plan().stops.is_empty(), "{kind:?}");
    }
    limit(&mut world, LimitKind::Update, 0);
    let plan = world.plan();
    assert_eq!(gates(&plan), ["limit/update/school"]);
    assert_eq!(plan.stops[0].steps, ["replace EnrollmentProfile/kiosk@school"]);
}

#[test]
fn another_documents_profile_is_a_reassignment() {
    let mut world = school();
    world.default_ipad("school", "pupils");
    limit(&mut world, LimitKind::Reassign, 9);
    assert_eq!(gates(&world.plan()), ["limit/reassign/school"]);
    limit(&mut world, LimitKind::Reassign, 10);
    assert!(world.plan().stops.is_empty());
}

#[test]
fn taking_profiles_off_counts_over_a_day() {
    let mut world = school();
    world.absent("kiosk");
    limit(&mut world, LimitKind::Unassign, 10);
    assert!(world.plan().stops.is_empty());
    world.ledger.destroyed.push((ago(3600), name("school"), LimitKind::Unassign, 1));
    world.ledger.destroyed.push((ago(3600), name("office"), LimitKind::Unassign, 99));
    let plan = world.plan();
    assert_eq!(gates(&plan), ["limit/unassign/school"]);
    assert!(
        plan.stops[0].reason.contains("11 devices") && plan.stops[0].reason.contains("1 of them already"),
        "{}",
        plan.stops[0].reason
    );
}

#[test]
fn a_protected_device_keeps_its_profile_and_a_protected_token_all() {
    let mut world = school();
    world.absent("kiosk");
    world.desired.fleet.gates.limits.clear();
    world.desired.fleet.gates.protected_serials = vec![serial("DLX000003"), serial("OTHER1")];
    let plan = world.plan();
    assert_eq!(gates(&plan), ["protected/serial/DLX000003"]);
    assert_eq!(plan.stops[0].steps, ["unassign EnrollmentProfile/kiosk@school"]);
    world.desired.fleet.gates.protected_serials.clear();
    world.desired.fleet.gates.protected_tokens = vec![name("school")];
    assert_eq!(gates(&world.plan()), ["protected/token/school"]);
}

#[test]
fn a_share_counts_the_profiles_of_the_token() {
    let mut world = World::new();
    for at in 0..10 {
        world.profile(&format!("p{at}"), &["school"], &[]);
    }
    let mut world = world.settled();
    world.desired.fleet.gates.limits =
        BTreeMap::from([(LimitKind::Update, Limit { percent: Some(20), count: None })]);
    for at in 0..2 {
        world.state(&format!("p{at}"), "department", Value::text("IT"));
    }
    assert!(world.plan().stops.is_empty());
    world.state("p2", "department", Value::text("IT"));
    assert_eq!(gates(&world.plan()), ["limit/update/school"]);
}
