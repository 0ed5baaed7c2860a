//! What is said besides.

use super::world::*;
use crate::model::live::EnrollmentState;
use crate::plan::tests::world::ids;

#[test]
fn s6_a_released_device_that_the_organisation_lists_no_more_is_left() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::Enrolled);
    fleet.base.edit_device("school", "C02A0001", |device| device.released = true);
    fleet.org().devices.clear();
    fleet.assign("carts", "kiosk", &["school"], &["C02A0001"]);
    let plan = fleet.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    assert!(plan.left_alone.iter().any(|one| one.why.contains("S-6")));
}

#[test]
fn a_plan_of_a_reused_reading_says_so_with_its_age() {
    let mut fleet = Fleet::new();
    assert!(fleet.plan().findings.is_empty());
    fleet.org().reused = true;
    let plan = fleet.plan();
    let told = plan.findings.iter().find(|one| one.code == "snapshot-reused").unwrap();
    assert!(told.message.contains("10 minutes ago") && told.next.contains("reads anew"), "{}", told.message);
}

#[test]
fn an_intent_at_apple_does_not_hold_the_token_at_its_mdm() {
    let mut fleet = Fleet::new();
    fleet.base.token("school", "contoso", "displayName: Pupils");
    fleet.lost("assignService", "School", &["C02A0001"], 10);
    let plan = fleet.plan();
    assert_eq!(ids(&plan), ["update EnrollmentToken/school"]);
}
