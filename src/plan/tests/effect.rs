//! When a change is felt and by how many (P-28), with its notes and class.

use super::world::*;
use crate::model::Value;
use crate::model::live::EnrollmentState;
use crate::plan::{Class, Effect, Step, When};

/// `kiosk`, which two enrolled devices, three others and a released one have.
fn kiosk() -> World {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "department: IT\ndeviceNameTemplate: K\ndescription: D");
    let mut world = world.settled();
    world.devices("school", "C02", 6, Some(&profile_id("kiosk", "school")));
    let states = [
        EnrollmentState::Enrolled,
        EnrollmentState::Enrolled,
        EnrollmentState::NotContacted,
        EnrollmentState::PendingReset,
        EnrollmentState::Unknown,
        EnrollmentState::Enrolled,
    ];
    world.edit_devices("school", |all| {
        all.iter_mut().zip(states).for_each(|(device, state)| device.state = state);
        all[5].released = true;
    });
    world
}

fn update(fields: &[&'static str]) -> Step {
    let mut world = kiosk();
    for field in fields {
        world.set("kiosk", "school", field, Value::text("otherwise"));
    }
    let plan = world.plan();
    step(&plan, "update EnrollmentProfile/kiosk@school").clone()
}

fn rows(step: &Step) -> Vec<&str> {
    step.notes.iter().map(|note| note.rule.as_str()).collect()
}

#[test]
fn p28_the_template_alone_is_felt_at_the_next_check_in_and_is_disruptive() {
    let step = update(&["deviceNameTemplate"]);
    let effect = Effect { when: When::NextCheckIn, feel: 2, after_reset: 0, at_activation: 3 };
    assert_eq!((step.effect, step.class, rows(&step)), (effect, Class::Disruptive, vec!["P-28"]));
    assert!(step.notes[0].text.contains("check-in"));
}

#[test]
fn p28_other_fields_are_felt_after_a_reset() {
    let step = update(&["department"]);
    let effect = Effect { when: When::NextActivation, feel: 0, after_reset: 2, at_activation: 3 };
    assert_eq!((step.effect, step.class, rows(&step)), (effect, Class::Safe, vec!["P-28"]));
    assert!(step.notes[0].text.contains("reset to factory settings"));
}

#[test]
fn p28_template_and_others_are_both_told() {
    let step = update(&["deviceNameTemplate", "department"]);
    let effect = Effect { when: When::NextCheckIn, feel: 2, after_reset: 2, at_activation: 3 };
    assert_eq!((step.effect, step.class, rows(&step)), (effect, Class::Disruptive, vec!["P-28", "P-28"]));
}

#[test]
fn p1_names_and_descriptions_are_felt_by_no_device() {
    let step = update(&["displayName", "description"]);
    assert_eq!((step.effect, step.class, rows(&step)), (Effect::default(), Class::Safe, vec!["P-1"]));
}

#[test]
fn p11_p12_p20_consequences_stand_beside_their_fields() {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "lockedEnrollment: true\nsharedIpad: {temporarySessionOnly: true}");
    let mut world = world.settled();
    world.set("kiosk", "school", "supervised", Value::Bool(false));
    world.set("kiosk", "school", "lockedEnrollment", Value::Bool(false));
    world.set("kiosk", "school", "sharedIpad.temporarySessionOnly", Value::Bool(false));
    let plan = world.plan();
    assert_eq!(rows(step(&plan, "update EnrollmentProfile/kiosk@school")), ["P-11", "P-12", "P-14", "P-20"]);
}

#[test]
fn p3_what_is_unverified_about_modern_authentication_is_said() {
    let mut world = World::new().settled();
    let spec = "tokens: [school]\nplatform: ios\nuserAffinity: user\nauthentication: setupAssistantModern\nsupervised: true";
    world.document("EnrollmentProfile", "personal", spec);
    let plan = world.plan();
    let notes = &step(&plan, "create EnrollmentProfile/personal@school").notes;
    assert!(notes.iter().any(|note| note.rule == "P-3" && note.text.contains("unverified")), "{notes:?}");
}

#[test]
fn a_create_is_safe_and_felt_by_nobody() {
    let mut world = World::new().settled();
    world.profile("kiosk", "[school]", "deviceNameTemplate: K");
    let plan = world.plan();
    let step = step(&plan, "create EnrollmentProfile/kiosk@school");
    assert_eq!((step.class, step.effect), (Class::Safe, Effect::default()));
}

#[test]
fn devices_are_counted_together_whatever_the_spelling_of_their_profile() {
    let mut world = kiosk();
    let bare = crate::model::ProfileId(profile_id("kiosk", "school").key().to_uppercase());
    world.edit_devices("school", |all| all[0].profile = Some(bare));
    world.set("kiosk", "school", "deviceNameTemplate", Value::text("otherwise"));
    let plan = world.plan();
    let effect = Effect { when: When::NextCheckIn, feel: 2, after_reset: 0, at_activation: 3 };
    assert_eq!(step(&plan, "update EnrollmentProfile/kiosk@school").effect, effect);
}
