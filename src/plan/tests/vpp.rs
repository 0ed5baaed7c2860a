//! P-4: the VPP token of Company Portal is wished by its display name and travels as an id.

use super::world::*;
use crate::model::Value;
use crate::model::live::{Cause, Complete, Fact, VppToken};
use crate::plan::before::{Standing, standing};
use crate::plan::file::digest_of;
use crate::plan::{Action, Plan};

const FIELD: &str = "companyPortal.vppToken";

fn vpp(id: &str, display_name: &str) -> VppToken {
    VppToken {
        id: id.to_owned(),
        name: display_name.to_owned(),
        expires: None,
        state: "valid".to_owned(),
        updates_apps: Some(true),
        apple_id: None,
    }
}

fn reads(world: &mut World, tokens: &[(&str, &str)]) {
    let tokens = tokens.iter().map(|(id, name)| vpp(id, name)).collect();
    world.tenant().vpp_tokens = Some(Fact::Known(Complete::after_last_page(tokens)));
}

/// `kiosk` on `school`, which wishes the VPP token `Field apps`, in order.
fn kiosk() -> World {
    let mut world = World::new();
    let portal = "authentication: companyPortal\ncompanyPortal: {vppToken: Field apps}";
    world.profile("kiosk", "[school]", portal);
    world.edit("EnrollmentProfile/kiosk", "userAffinity: none", "userAffinity: user");
    let mut world = world.settled();
    reads(&mut world, &[("v1", "Field apps"), ("v2", "Office")]);
    world
}

/// As [`kiosk`], and the profile has none.
fn without() -> World {
    let mut world = kiosk();
    world.set("kiosk", "school", FIELD, Value::None);
    world
}

fn made(world: &mut World) {
    world.edit_profiles("school", Vec::clear);
}

fn id_of(plan: &Plan) -> Option<&str> {
    plan.steps[0].action.vpp_token()
}

#[test]
fn p4_the_id_of_the_one_token_of_that_name_travels_with_the_step() {
    assert!(!kiosk().plan().has_changes());
    let mut world = without();
    let plan = world.plan();
    assert_eq!((plan.steps.len(), id_of(&plan)), (1, Some("v1")));
    let before = digest_of(&plan);
    reads(&mut world, &[("v7", "Field apps")]);
    assert_ne!(digest_of(&world.plan()), before, "another token is another plan");
    made(&mut world);
    let plan = world.plan();
    assert!(matches!(plan.steps[0].action, Action::CreateProfile { .. }));
    assert_eq!(id_of(&plan), Some("v7"));
    // An update of something else has nothing to do with it.
    let mut world = kiosk();
    world.set("kiosk", "school", "department", Value::text("IT"));
    world.edit("EnrollmentProfile/kiosk", "supervised: true", "supervised: true\n  department: Desk");
    assert_eq!(id_of(&world.plan()), None);
}

#[test]
fn p4_a_name_that_no_token_or_several_tokens_carry_blocks_the_profile() {
    for change in [|_: &mut World| {}, made] {
        let mut world = without();
        change(&mut world);
        let told = |world: &World| {
            let plan = world.plan();
            let blocked = blocked(&plan);
            assert!(plan.steps.is_empty() && blocked.rule.as_deref() == Some("P-4"), "{plan:#?}");
            (blocked.cause, format!("{}; {}", blocked.reason, blocked.next))
        };
        reads(&mut world, &[("v1", "Feld apps"), ("v2", "Office")]);
        let (cause, words) = told(&world);
        assert_eq!(cause, Cause::Manifest);
        assert!(words.contains("\"Feld apps\", \"Office\"; did you mean \"Feld apps\"?"), "{words}");
        assert!(words.starts_with("EnrollmentProfile-kiosk.yaml:"), "{words}");
        reads(&mut world, &[]);
        assert!(told(&world).1.contains("it has none"), "{words}");
        reads(&mut world, &[("v1", "Field apps"), ("v2", "Field apps")]);
        let (cause, words) = told(&world);
        assert!(cause == Cause::Manifest && words.contains("v1, v2"), "{words}");
        world.tenant().vpp_tokens = Some(Fact::Unknown(unknown(Cause::Credentials)));
        let (cause, words) = told(&world);
        assert!(cause == Cause::Credentials && words.contains("did not answer"), "{words}");
        world.tenant().vpp_tokens = None;
        assert_eq!(told(&world).0, Cause::Unavailable);
    }
}

#[test]
fn p4_two_tokens_of_the_wished_name_block_what_seems_to_agree() {
    let mut world = kiosk();
    reads(&mut world, &[("v1", "Field apps"), ("v2", "Field apps")]);
    assert!(blocked(&world.plan()).reason.contains("v1, v2"));
}

#[test]
fn p4_a_saved_step_notices_that_another_token_carries_the_name() {
    for change in [|_: &mut World| {}, made] {
        let mut world = without();
        change(&mut world);
        let plan = world.plan();
        let step = &plan.steps[0];
        let stands = |world: &mut World| standing(step, world.tenant()).unwrap();
        assert_eq!(stands(&mut world), Standing::Same);
        reads(&mut world, &[("v1", "Field apps"), ("v3", "Others")]);
        assert_eq!(stands(&mut world), Standing::Same, "others do not matter");
        reads(&mut world, &[("v9", "Field apps")]);
        assert_eq!(stands(&mut world), Standing::Changed);
        reads(&mut world, &[]);
        assert_eq!(stands(&mut world), Standing::Changed);
        world.tenant().vpp_tokens = Some(Fact::Unknown(unknown(Cause::Unavailable)));
        assert!(standing(step, world.tenant()).is_err());
    }
}
