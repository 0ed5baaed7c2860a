//! What a plan costs at the size of a large token: as long as what is read, and not as its square.

use super::world::*;
use crate::model::Value;
use crate::plan::tests::world::name;

fn large(profiles: usize, devices: usize) -> World {
    let mut world = World::new();
    for at in 0..profiles {
        world.profile(&format!("p{at:04}"), &["school"], &[]);
    }
    let mut world = world.settled();
    for at in 0..profiles {
        let object = world.object(&format!("p{at:04}"), "school");
        world.ipads("school", &format!("D{at:04}"), devices / profiles, Some(&object));
    }
    world
}

#[test]
fn t10_two_hundred_thousand_devices_and_a_thousand_profiles() {
    let mut world = large(1_000, 200_000);
    for at in 0..1_000 {
        world.state(&format!("p{at:04}"), "department", Value::text("IT"));
    }
    let live = world.live();
    let plan = world.plan_over(&live);
    assert_eq!(plan.steps.len(), 2_000);
    let moved: usize = plan.steps.iter().map(|step| step.action.serials()).sum();
    assert_eq!(moved, 200_000);
    assert!(plan.blocked.is_empty() && plan.findings.is_empty(), "a thousand profiles are Intune's limit");
}

#[test]
fn t10_more_devices_than_a_token_should_carry_are_told() {
    let mut world = World::new();
    world.ipads("school", "D", 200_001, None);
    let plan = world.plan();
    assert!(plan.findings.iter().any(|finding| finding.rule == Some("T-10")));
    world.server("school").devices.pop();
    assert!(!world.plan().findings.iter().any(|finding| finding.rule == Some("T-10")));
    assert!(world.desired.tokens.contains_key(&name("school")));
}
