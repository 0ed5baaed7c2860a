//! What moved outside on direct tokens.

use super::world::*;
use crate::model::Value;
use crate::model::live::EnrollmentState;
use crate::plan::drift::{Drift, drift};
use crate::plan::tests::world::{ids, name};
use crate::plan::wishes::Wished;

/// `pupils` by default, `kiosk` on one that is named; in force, and the ledger knows it.
fn in_force() -> World {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).profile("kiosk", &["school"], &[]);
    world.ipads("school", "DLX", 3, None).default_ipad("school", "pupils");
    world.assign("a", "kiosk", "school", &["DLX000003"]);
    let mut world = world.settled();
    let wishes = Wished::of(&world.desired).on(&name("school")).unwrap();
    world.ledger.in_force.insert(name("school"), wishes);
    world
}

fn of(world: &World) -> Drift {
    let live = world.live();
    drift(&world.input(&live), &world.plan()).unwrap()
}

#[test]
fn nothing_moved() {
    let world = in_force();
    assert!(of(&world).plan.steps.is_empty() && of(&world).undecided.is_empty());
}

#[test]
fn what_was_removed_or_given_away_outside_has_moved() {
    let mut world = in_force();
    world.device("school", "DLX000001").state = EnrollmentState::Removed;
    let stranger = world.stranger("other", &[]);
    world.device("school", "DLX000003").profile = Some(stranger);
    let moved = of(&world);
    assert_eq!(moved.plan.steps, world.plan().steps);
    assert_eq!(moved.plan.steps.len(), 2, "{:?}", ids(&moved.plan));
    assert!(moved.undecided.is_empty());
}

#[test]
fn a_new_wish_is_no_drift() {
    let mut world = in_force();
    world.state("pupils", "department", Value::text("IT"));
    let moved = of(&world);
    assert!(moved.plan.steps.is_empty() && moved.undecided.is_empty(), "{:?}", ids(&moved.plan));
    // Beside it, a device that lost its profile is given back what was applied.
    world.device("school", "DLX000001").state = EnrollmentState::Removed;
    let moved = of(&world);
    assert_eq!(serials_of(&moved.plan, "assign EnrollmentProfile/pupils@school"), ["DLX000001"]);
    assert_eq!(moved.plan.steps[0].object.as_ref(), Some(&world.object("pupils", "school")));
}

#[test]
fn where_other_devices_are_wished_for_the_two_cannot_be_told_apart() {
    let mut world = in_force();
    world.device("school", "DLX000001").state = EnrollmentState::Removed;
    world.assign("b", "kiosk", "school", &["DLX000002"]);
    let moved = of(&world);
    assert!(moved.plan.steps.is_empty());
    assert_eq!(moved.undecided.len(), 2, "{:?}", moved.undecided);
}

#[test]
fn another_source_of_the_credentials_concerns_the_token_and_is_no_new_wish() {
    let world = in_force();
    let mut other = world.desired.clone();
    let token = other.tokens.get_mut(&name("school")).unwrap();
    token.direct.as_mut().unwrap().certificate = "new.pem".into();
    assert_eq!(Wished::of(&world.desired).on(&name("school")), Wished::of(&other).on(&name("school")));
    assert!(crate::plan::drift::concerned(&world.desired, &other).contains(&name("school")));
}
