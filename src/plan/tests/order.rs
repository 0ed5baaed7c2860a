//! The order over profiles, tokens and kinds of steps. Circles are refused beside the sort itself.

use super::world::*;
use crate::model::Value;

#[test]
fn every_kind_of_step_at_once_stands_in_an_order_that_can_be_executed() {
    insta::assert_snapshot!(lines(&everything().plan()), @r"
    create EnrollmentProfile/new@school: New, safe
    update EnrollmentProfile/main@school: ManifestChanged, safe
    update EnrollmentToken/school: Differs, safe
    default EnrollmentProfile/new@school: Differs, safe, after create EnrollmentProfile/new@school, proves
    assign EnrollmentProfile/new@school: Assigned, safe, after create EnrollmentProfile/new@school, proves
    sync EnrollmentToken/school: SerialsWait, safe
    assign-after-sync EnrollmentProfile/new@school: SerialsWait, safe, after create EnrollmentProfile/new@school and sync EnrollmentToken/school
    delete EnrollmentProfile/old@school: Pruned, destructive, after assign EnrollmentProfile/new@school and default EnrollmentProfile/new@school
    ");
}

#[test]
fn the_first_token_of_a_profile_proves_before_the_others_start() {
    let mut world = World::new();
    world.token("annex", "contoso", "").token("office", "contoso", "");
    let mut world = world.settled();
    world.profile("kiosk", "[school, office, annex]", "");
    insta::assert_snapshot!(lines(&world.plan()), @r"
    create EnrollmentProfile/kiosk@annex: New, safe, proves
    create EnrollmentProfile/kiosk@office: New, safe, after create EnrollmentProfile/kiosk@annex
    create EnrollmentProfile/kiosk@school: New, safe, after create EnrollmentProfile/kiosk@annex
    ");
}

#[test]
fn the_first_token_that_has_something_to_do_proves() {
    let mut world = World::new();
    world.token("annex", "contoso", "").token("office", "contoso", "");
    world.profile("kiosk", "[school, office, annex]", "department: IT");
    let mut world = world.settled();
    world.set("kiosk", "office", "department", Value::None);
    world.delete("kiosk", "school");
    insta::assert_snapshot!(lines(&world.plan()), @r"
    update EnrollmentProfile/kiosk@office: Drifted, safe, proves
    create EnrollmentProfile/kiosk@school: DeletedOutside, safe, after update EnrollmentProfile/kiosk@office
    ");
}

#[test]
fn one_token_alone_proves_nothing() {
    let mut world = World::new().settled();
    world.profile("kiosk", "[school]", "").profile("main", "[school]", "");
    assert!(world.plan().steps.iter().all(|step| !step.prove_first && step.needs.is_empty()));
}
