//! What moved outside, told apart from what is newly wished.

use super::*;
use crate::model::Value;
use crate::plan::FieldChange;
use crate::plan::tests::world::{World, at, ids, name, profile_id};

/// A token with a default, two profiles and three assigned devices; everything in force, and the
/// ledger knows it.
fn in_force() -> World {
    let mut world = World::new();
    world.token("school", "contoso", "defaultProfiles: {ios: main}");
    world.profile("main", "[school]", "department: IT\nlockedEnrollment: true");
    world.profile("kiosk", "[school]", "department: IT");
    world.assignment("carts", "kiosk", "C02A0001, C02A0002, C02A0003", "");
    let mut world = world.settled();
    know(&mut world);
    world
}

/// The ledger learns that the documents are in force.
fn know(world: &mut World) {
    let desired = world.desired();
    let mut wished = Wished::of(&desired);
    for token in desired.tokens.keys() {
        world.ledger.in_force.insert(token.clone(), wished.on(token).unwrap());
    }
}

fn drift_of(world: &World) -> Drift {
    let desired = world.desired();
    let input = Input {
        desired: &desired,
        live: &world.live,
        ledger: &world.ledger,
        findings: &world.findings,
        scope: &crate::model::Scope::whole(),
        origin: &world.origin,
        offered: &world.offered,
        now: world.now,
    };
    drift(&input, &world.plan()).unwrap()
}

fn changes(drift: &Drift, id: &str) -> Vec<String> {
    match &drift.plan.step(id).unwrap_or_else(|| panic!("no {id} in {:?}", ids(&drift.plan))).action {
        Action::UpdateProfile { changes, .. } => changes.iter().map(in_words).collect(),
        other => panic!("{other:?}"),
    }
}

fn in_words(change: &FieldChange) -> String {
    format!("{} {} -> {}", change.field, change.before, change.after)
}

#[test]
fn nothing_moved() {
    let world = in_force();
    assert_eq!(drift_of(&world), Drift { plan: Plan { ..drift_of(&world).plan }, undecided: Vec::new() });
    assert!(drift_of(&world).plan.steps.is_empty());
}

#[test]
fn while_the_documents_are_the_same_whatever_differs_has_moved() {
    let mut world = in_force();
    world.set("main", "school", "department", Value::text("Sales"));
    world.edit_device("school", "C02A0002", |device| device.profile = Some(profile_id("main", "school")));
    world.edit_token("school", |token| {
        token.default_ios = crate::model::live::Fact::Known(Some(profile_id("kiosk", "school")));
    });
    let drift = drift_of(&world);
    assert_eq!(drift.plan.steps, world.plan().steps, "all of it is drift");
    assert_eq!(drift.plan.steps.len(), 3, "{:?}", ids(&drift.plan));
    assert!(drift.undecided.is_empty());
}

#[test]
fn a_new_wish_is_no_drift_and_drift_beside_it_is_put_back_to_what_was_applied() {
    let mut world = in_force();
    world.edit("EnrollmentProfile/main", "department: IT", "department: Support");
    assert!(drift_of(&world).plan.steps.is_empty(), "newly wished");
    world.set("main", "school", "lockedEnrollment", Value::Bool(false));
    let drift = drift_of(&world);
    assert_eq!(changes(&drift, "update EnrollmentProfile/main@school"), ["lockedEnrollment false -> true"]);
    // The same field, wished anew and moved: what was applied is what it is put back to.
    world.set("main", "school", "department", Value::text("Sales"));
    let drift = drift_of(&world);
    assert_eq!(
        changes(&drift, "update EnrollmentProfile/main@school"),
        [r#"department "Sales" -> "IT""#, "lockedEnrollment false -> true"]
    );
}

#[test]
fn what_remains_without_drift_is_the_new_wish_alone() {
    let mut world = in_force();
    world.edit("EnrollmentProfile/main", "department: IT", "department: Support");
    world.set("main", "school", "lockedEnrollment", Value::Bool(false));
    world.set("kiosk", "school", "department", Value::text("Sales"));
    let (mut plan, drift) = (world.plan(), drift_of(&world));
    assert_eq!(plan.steps.len(), 2);
    without_drift(&mut plan, &drift);
    assert_eq!(ids(&plan), ["update EnrollmentProfile/main@school"]);
    let Action::UpdateProfile { changes, .. } = &plan.steps[0].action else { panic!() };
    assert_eq!(changes.iter().map(in_words).collect::<Vec<_>>(), [r#"department "IT" -> "Support""#]);
}

#[test]
fn a_profile_that_was_deleted_outside_is_drift_with_the_fields_that_were_applied() {
    let mut world = in_force();
    world.edit("EnrollmentProfile/main", "department: IT", "department: Support");
    world.delete("main", "school");
    let drift = drift_of(&world);
    let step = drift.plan.step("create EnrollmentProfile/main@school").unwrap();
    let Action::CreateProfile { fields, .. } = &step.action else { panic!() };
    assert_eq!(fields["department"], Value::text("IT"));
    // As it is newly wished, it is made with the new wish.
    let mut plan = world.plan();
    without_drift(&mut plan, &drift);
    assert!(plan.step("create EnrollmentProfile/main@school").is_some(), "{:?}", ids(&plan));
}

#[test]
fn what_is_not_put_back_holds_up_whatever_needs_it() {
    let mut world = in_force();
    world.delete("main", "school").profile("new", "[school]", "");
    world.edit_token("school", |token| token.default_ios = crate::model::live::Fact::Known(None));
    let (mut plan, drift) = (world.plan(), drift_of(&world));
    let default = "default EnrollmentProfile/main@school";
    assert_eq!(plan.step(default).unwrap().needs, ["create EnrollmentProfile/main@school"]);
    without_drift(&mut plan, &drift);
    assert_eq!(ids(&plan), ["create EnrollmentProfile/new@school"]);
}

#[test]
fn what_is_not_remembered_object_by_object_is_said_to_be_undecided_once_the_wish_changed() {
    let mut world = in_force();
    world.edit("EnrollmentProfile/main", "department: IT", "department: Support");
    world.edit_device("school", "C02A0002", |device| device.profile = Some(profile_id("main", "school")));
    let drift = drift_of(&world);
    assert_eq!(ids(&drift.plan), ["assign EnrollmentProfile/kiosk@school"], "another part's wish changed");
    assert!(drift.undecided.is_empty());

    world.edit("DeviceAssignment/carts", "C02A0001, ", "");
    let drift = drift_of(&world);
    assert!(drift.plan.steps.is_empty(), "{:?}", ids(&drift.plan));
    assert_eq!(drift.undecided, ["assign EnrollmentProfile/kiosk@school"]);

    // What was never wished before is a new wish and nothing else.
    world.assignment("carts", "main", "C02A0001", "");
    let drift = drift_of(&world);
    assert!(drift.plan.steps.is_empty() && drift.undecided.is_empty(), "{drift:?}");
}

#[test]
fn before_anything_was_applied_there_is_no_drift() {
    let mut world = World::new();
    world.profile("main", "[school]", "department: IT");
    let mut world = world.settled();
    world.set("main", "school", "department", Value::text("Sales"));
    world.disown(&at("main", "school"));
    let drift = drift_of(&world);
    assert!(drift.plan.steps.is_empty() && drift.undecided.is_empty(), "{drift:?}");
    assert!(drift.plan.adopted.is_empty(), "nothing is taken over either");
    assert!(world.plan().has_changes());
}

#[test]
fn a_removed_document_a_deletion_and_serials_that_wait_are_no_drift() {
    let mut world = in_force();
    world.token("school", "contoso", "defaultProfiles: {ios: main}\nprune: all");
    world.remove("DeviceAssignment", "carts").remove("EnrollmentProfile", "kiosk");
    world.edit_devices("school", |all| all.clear());
    assert_eq!(ids(&world.plan()), ["delete EnrollmentProfile/kiosk@school"]);
    assert!(drift_of(&world).plan.steps.is_empty());

    let mut world = in_force();
    world.assignment("more", "main", "C02NEW01", "");
    know(&mut world);
    assert!(world.plan().steps.iter().any(|step| step.action.verb() == "sync"));
    assert!(drift_of(&world).plan.steps.is_empty(), "{:?}", ids(&drift_of(&world).plan));
}

#[test]
fn wishes_are_the_same_wherever_they_stand_and_in_whatever_order() {
    let world = in_force();
    let before = Wished::of(&world.desired()).on(&name("school"));
    let mut moved = world.clone();
    let text = moved.documents.get_mut("EnrollmentProfile/main").unwrap();
    *text = format!("# a comment\n\n{text}");
    moved.edit("DeviceAssignment/carts", "C02A0001, C02A0002, C02A0003", "C02A0003, C02A0001, C02A0002");
    assert_eq!(Wished::of(&moved.desired()).on(&name("school")), before);
    moved.edit("DeviceAssignment/carts", "C02A0003, ", "");
    assert_ne!(Wished::of(&moved.desired()).on(&name("school")), before);
    assert_eq!(Wished::of(&world.desired()).on(&name("nobody")), None);
}

#[test]
fn a_change_concerns_the_tokens_on_which_something_else_is_wished() {
    let mut world = World::new();
    world.token("campus", "contoso", "").profile("main", "[school]", "").profile("other", "[campus]", "");
    let old = world.desired();
    let concerned_by = |edit: &dyn Fn(&mut World)| {
        let mut edited = world.clone();
        edit(&mut edited);
        concerned(&old, &edited.desired()).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert!(concerned_by(&|_| ()).is_empty());
    assert_eq!(
        concerned_by(&|world| {
            world.profile("main", "[school]", "department: IT");
        }),
        ["school"]
    );
    assert_eq!(
        concerned_by(&|world| {
            world.profile("main", "[school, campus]", "");
        }),
        ["campus"]
    );
    assert_eq!(
        concerned_by(&|world| {
            world.token("campus", "contoso", "prune: all");
        }),
        ["campus"]
    );
    assert_eq!(
        concerned_by(&|world| {
            world.connection("contoso", "other.example");
        }),
        ["campus", "school"]
    );
    let limits = |world: &mut World| {
        world.edit("fleet", "spec:", "spec:\n  limits: {update: {count: 1}}");
    };
    assert_eq!(concerned_by(&limits), ["campus", "school"]);
}
