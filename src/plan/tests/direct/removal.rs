//! What goes: `state: absent`, documents that are removed, and tokens.

use super::world::*;
use crate::model::live::EnrollmentState;
use crate::plan::tests::world::{at, blocked, ids, left, lines, step};
use crate::plan::{Action, Bookkeeping, Plan};

fn gone(plan: &Plan) -> Vec<String> {
    let gone = plan.bookkeeping.iter().filter_map(|entry| match entry {
        Bookkeeping::Gone { address, .. } => Some(address.to_string()),
        _ => None,
    });
    gone.collect()
}

/// Profiles `pupils` and `kiosk`; two iPads have `kiosk`.
fn school() -> World {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).profile("kiosk", &["school"], &[]);
    let mut world = world.settled();
    let kiosk = world.object("kiosk", "school");
    world.ipads("school", "DLX", 2, Some(&kiosk));
    world
}

#[test]
fn p31_what_nobody_else_wishes_anything_for_loses_its_profile() {
    let mut world = school();
    world.device("school", "DLX000001").state = EnrollmentState::Enrolled;
    world.absent("kiosk");
    let plan = world.plan();
    assert_eq!(lines(&plan), "unassign EnrollmentProfile/kiosk@school: StateAbsent, destructive\n");
    let taken = step(&plan, "unassign EnrollmentProfile/kiosk@school");
    assert!(matches!(&taken.action, Action::Unassign { serials } if serials.len() == 2));
    assert_eq!((taken.effect.after_reset, taken.effect.at_activation), (1, 1));
    assert!(taken.notes.iter().any(|note| note.rule == "P-31"));
    assert!(gone(&plan).is_empty(), "devices have it still");
    let mut world = world.settled();
    let plan = world.plan();
    assert_eq!(gone(&plan), ["EnrollmentProfile/kiosk@school"]);
    world.apply(&plan);
    assert!(!world.ledger.owned.contains_key(&at("kiosk", "school")) && world.plan().bookkeeping.is_empty());
}

#[test]
fn who_is_claimed_moves_instead() {
    let mut world = school();
    world.absent("kiosk").assign("a", "pupils", "school", &["DLX000001"]);
    let plan = world.plan();
    assert_eq!(serials_of(&plan, "assign EnrollmentProfile/pupils@school"), ["DLX000001"]);
    assert_eq!(serials_of(&plan, "unassign EnrollmentProfile/kiosk@school"), ["DLX000002"]);
    world.default_ipad("school", "pupils");
    assert_eq!(ids(&world.plan()), ["assign EnrollmentProfile/pupils@school"]);
}

#[test]
fn who_is_given_it_still_keeps_it_and_that_is_said() {
    let mut world = school();
    world.absent("kiosk").assign("a", "kiosk", "school", &["DLX000001"]);
    let plan = world.plan();
    assert_eq!(serials_of(&plan, "unassign EnrollmentProfile/kiosk@school"), ["DLX000002"]);
    assert!(blocked(&plan).reason.starts_with("1 device that has it is given it still"));
    world.default_ipad("school", "kiosk");
    assert!(world.plan().steps.is_empty(), "a default claims it, too");
}

#[test]
fn an_absent_document_means_what_carries_its_name_where_nobody_knows_it() {
    let mut world = World::new();
    let stranger = world.stranger("old", &[]);
    world.ipad("school", "DLX1", Some(stranger)).profile("old", &["school"], &[]).absent("old");
    assert_eq!(serials_of(&world.plan(), "unassign EnrollmentProfile/old@school"), ["DLX1"]);
    let other = world.stranger(
        "old",
        &[("autoAdvance", crate::model::Value::Bool(true)), ("department", crate::model::Value::text("x"))],
    );
    let third = world.stranger("old", &[("department", crate::model::Value::text("y"))]);
    world.server("school").devices.clear();
    world.ipad("school", "DLX1", Some(other)).ipad("school", "DLX2", Some(third));
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert!(blocked(&plan).reason.contains("2 profiles named"));
}

#[test]
fn removing_a_document_takes_nothing_off_devices_whatever_prune_says() {
    let mut world = school();
    world.desired.profiles.remove(&crate::plan::tests::world::name("kiosk"));
    for prune in [crate::model::desired::Prune::Never, crate::model::desired::Prune::All] {
        world.document("school").prune = prune;
        let plan = world.plan();
        assert!(plan.steps.is_empty() && gone(&plan).is_empty());
        assert!(left(&plan, "kiosk").contains("2 devices have it and keep it"));
    }
    world.default_ipad("school", "pupils");
    let world = world.settled();
    assert_eq!(gone(&world.plan()), ["EnrollmentProfile/kiosk@school"], "forgotten once nobody has it");
}

#[test]
fn t9_a_token_goes_in_apples_portal_only() {
    let mut world = school();
    world.document("school").identity.state = crate::model::desired::State::Absent;
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.bookkeeping.is_empty());
    let one = blocked(&plan);
    assert!(one.rule.as_deref() == Some("T-9") && one.next.contains("Apple School Manager"), "{one:?}");
}
