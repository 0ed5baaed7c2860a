//! The default profile of a token (P-30).

use super::world::*;
use crate::model::live::Fact;
use crate::plan::{Action, When};

fn with_default(default: &str) -> World {
    let mut world = World::new();
    world.token("school", "contoso", &format!("defaultProfiles: {{ios: {default}}}"));
    world.profile("main", "[school]", "").profile("kiosk", "[school]", "");
    world.settled()
}

#[test]
fn p30_the_right_default_needs_nothing() {
    assert!(with_default("main").plan().steps.is_empty());
}

#[test]
fn p30_another_default_is_replaced_and_the_plan_says_who_keeps_what_they_have() {
    let mut world = with_default("main");
    world.token("school", "contoso", "defaultProfiles: {ios: kiosk}");
    world.devices("school", "C02", 3, Some(&profile_id("main", "school")));
    let plan = world.plan();
    let step = step(&plan, "default EnrollmentProfile/kiosk@school");
    let Action::SetDefault { from, from_name } = &step.action else { panic!("{step:?}") };
    assert_eq!((from, from_name.as_deref()), (&Some(profile_id("main", "school")), Some("main")));
    assert_eq!(step.object, Some(profile_id("kiosk", "school")));
    assert_eq!((step.effect.when, step.effect.feel), (When::NextSync, 0));
    let note = step.notes.iter().find(|note| note.rule == "P-30").unwrap();
    assert!(note.text.contains("the token's 3 that have synced keep what they have"), "{}", note.text);
}

#[test]
fn p30_no_default_yet_is_set() {
    let mut world = with_default("main");
    world.edit_token("school", |token| token.default_ios = Fact::Known(None));
    let plan = world.plan();
    assert!(matches!(
        step(&plan, "default EnrollmentProfile/main@school").action,
        Action::SetDefault { from: None, from_name: None }
    ));
}

#[test]
fn p30_a_default_that_is_not_wished_is_left_as_it_is() {
    let mut world = with_default("main");
    world.token("school", "contoso", "");
    assert!(world.plan().steps.is_empty());
}

#[test]
fn p30_a_new_profile_is_made_before_it_becomes_the_default() {
    let mut world = with_default("main");
    world.delete("main", "school");
    insta::assert_snapshot!(lines(&world.plan()), @r"
    create EnrollmentProfile/main@school: DeletedOutside, safe
    default EnrollmentProfile/main@school: Differs, safe, after create EnrollmentProfile/main@school
    ");
}

#[test]
fn p30_a_default_of_a_blocked_profile_is_not_set() {
    let mut world = with_default("main");
    world.edit_token("school", |token| token.default_ios = Fact::Known(None));
    world.ledger.unsettled.push(intent(at("main", "school"), "updateProfile", ago(1)));
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert_eq!(blocked(&plan).address, Some(at("main", "school")));
}
