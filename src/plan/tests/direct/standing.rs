//! Saved plans: what stands, what is done, what changed.

use super::world::*;
use crate::model::Value;
use crate::plan::before::{Standing, defined_as, standing};
use crate::plan::tests::world::step;
use crate::plan::{Plan, Step};

fn of(world: &World, step: &Step) -> Standing {
    let live = world.live();
    standing(step, &live.tenants[&step.connection]).unwrap()
}

/// One iPad, which shall follow a change of its profile.
fn changed() -> (World, Plan) {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).ipad("school", "DLX1", None).default_ipad("school", "pupils");
    let mut world = world.settled();
    world.state("pupils", "department", Value::text("IT"));
    let plan = world.plan();
    (world, plan)
}

#[test]
fn a_plan_stands_until_something_moves() {
    let (mut world, plan) = changed();
    assert!(plan.steps.iter().all(|step| of(&world, step) == Standing::Same));
    world.device("school", "DLX1").profile = None;
    let assign = step(&plan, "assign EnrollmentProfile/pupils@school");
    assert_eq!(of(&world, assign), Standing::Changed);
    assert_eq!(of(&world, step(&plan, "replace EnrollmentProfile/pupils@school")), Standing::Same);
}

#[test]
fn what_was_defined_already_is_done_and_its_id_is_known() {
    let (mut world, plan) = changed();
    let define = plan.steps[0].clone();
    world.carry_out(&plan, &define.id);
    assert_eq!(of(&world, &define), Standing::Done);
    let live = world.live();
    let object = defined_as(&define, &live.tenants[&define.connection]).unwrap().unwrap().id.clone();
    assert_eq!(object, world.object("pupils", "school"));
    let assign = plan.steps[1].clone();
    assert_eq!(of(&world, &assign), Standing::Same, "the devices have not followed yet");
    world.apply(&world.plan());
    let assign = Step { object: Some(object), ..assign };
    assert_eq!(of(&world, &assign), Standing::Done);
}

#[test]
fn one_of_the_name_that_appeared_meanwhile_is_noticed() {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]);
    let plan = world.plan();
    assert_eq!(of(&world, &plan.steps[0]), Standing::Same);
    let stranger = world.stranger("pupils", &[("department", Value::text("IT"))]);
    world.ipad("school", "DLX1", Some(stranger));
    assert_eq!(of(&world, &plan.steps[0]), Standing::Changed, "it would be taken over instead");
}

#[test]
fn what_was_taken_off_already_is_done() {
    let (world, _) = changed();
    let mut world = world.settled();
    world.document("school").defaults = Default::default();
    world.absent("pupils");
    let plan = world.plan();
    assert_eq!(of(&world, &plan.steps[0]), Standing::Same);
    world.apply(&plan);
    assert_eq!(of(&world, &plan.steps[0]), Standing::Done);
}

#[test]
fn a_saved_plan_reads_back() {
    let (world, plan) = changed();
    let saved = crate::plan::file::SavedPlan::new(&plan, None, world.now);
    let read = crate::plan::file::SavedPlan::from_json(&saved.to_json()).unwrap();
    assert_eq!(read.into_plan().steps, plan.steps);
}
