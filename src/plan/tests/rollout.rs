//! `rollout.first`: which token takes a profile first, and what the others wait for.

use super::world::*;
use crate::model::live::{Cause, Fact};
use crate::model::{Realm, Scope, Value};
use crate::plan::Plan;

/// Four tokens at two connections, one profile on all of them, rolled out to `school`, then `annex`.
fn world(first: &str) -> World {
    let mut world = World::new();
    world.connection("globex", "22222222-0c3e-4f7b-b8a4-2e9d5c7f1a36");
    world.token("annex", "globex", "").token("office", "globex", "").token("lab", "contoso", "");
    world.profile("kiosk", "{matchLabels: {}}", &format!("department: IT\nrollout: {{first: [{first}]}}"));
    world
}

fn gone(world: &mut World) {
    for tenant in world.live.tenants.values_mut() {
        let ids: Vec<_> = tenant.profiles.keys().cloned().collect();
        tenant.profiles = ids.into_iter().map(|id| (id, Fact::Known(Default::default()))).collect();
    }
}

fn held(plan: &Plan) -> (&str, &str, Vec<&str>) {
    match plan.stops.as_slice() {
        [stop] => (&stop.gate, &stop.reason, stop.steps.iter().map(String::as_str).collect()),
        other => panic!("{} stops: {other:#?}", other.len()),
    }
}

#[test]
fn first_tokens_prove_one_after_the_other_and_over_connections() {
    let mut world = world("school, annex").settled();
    gone(&mut world);
    insta::assert_snapshot!(lines(&world.plan()), @r"
    create EnrollmentProfile/kiosk@school: DeletedOutside, safe, proves
    create EnrollmentProfile/kiosk@annex: DeletedOutside, safe, after create EnrollmentProfile/kiosk@school, proves
    create EnrollmentProfile/kiosk@lab: DeletedOutside, safe, after create EnrollmentProfile/kiosk@annex and create EnrollmentProfile/kiosk@school
    create EnrollmentProfile/kiosk@office: DeletedOutside, safe, after create EnrollmentProfile/kiosk@annex and create EnrollmentProfile/kiosk@school
    ");
    assert!(world.plan().stops.is_empty());
}

#[test]
fn a_first_token_that_is_as_wished_is_proven() {
    let mut world = world("school, annex").settled();
    world.edit_profile("kiosk", "lab", |live| drop(live.fields.insert("department".into(), Value::None)));
    let plan = world.plan();
    assert_eq!(lines(&plan), "update EnrollmentProfile/kiosk@lab: Drifted, safe\n");
    assert!(plan.stops.is_empty());
    // Also where it is taken over without a change, and where the token itself is to go.
    world.disown(&at("kiosk", "school"));
    assert!(world.plan().stops.is_empty());
}

#[test]
fn updates_and_adoptions_follow_the_order() {
    let mut world = world("school").settled();
    world.set("kiosk", "school", "department", Value::text("x"));
    world.set("kiosk", "lab", "department", Value::text("y")).disown(&at("kiosk", "lab"));
    let plan = world.plan();
    assert_eq!(
        lines(&plan),
        "update EnrollmentProfile/kiosk@school: Drifted, safe, proves\n\
         adopt EnrollmentProfile/kiosk@lab: Adopted, disruptive, after update EnrollmentProfile/kiosk@school\n"
    );
}

#[test]
fn behind_a_first_token_that_is_blocked_the_others_are_held_back() {
    let mut world = world("school, annex").settled();
    gone(&mut world);
    let lists = &mut world.tenant().profiles;
    lists.insert(token_id("school"), Fact::Unknown(unknown(Cause::Unavailable)));
    let plan = world.plan();
    let (gate, reason, steps) = held(&plan);
    assert_eq!(gate, "rollout/kiosk");
    assert!(reason.contains("names school") && reason.contains("did not answer"), "{reason}");
    assert_eq!(steps, ["annex", "lab", "office"].map(|on| format!("create EnrollmentProfile/kiosk@{on}")));
    // The second one alone: what comes before it still goes.
    let mut world = self::world("school, annex").settled();
    gone(&mut world);
    let globex = world.live.tenants.get_mut(&Realm::Mdm(name("globex"))).unwrap();
    globex.tokens = Fact::Unknown(unknown(Cause::Credentials));
    let plan = world.plan();
    let (_, reason, steps) = held(&plan);
    assert!(reason.contains("names annex"), "{reason}");
    assert_eq!(steps, ["create EnrollmentProfile/kiosk@lab"]);
    assert!(step(&plan, "create EnrollmentProfile/kiosk@school").prove_first);
}

#[test]
fn a_first_token_outside_of_a_narrowing_holds_the_others_back() {
    let mut world = world("school").settled();
    gone(&mut world);
    world.scope = Scope::of([name("lab"), name("annex")]);
    let plan = world.plan();
    let (_, reason, steps) = held(&plan);
    assert!(reason.contains("outside"), "{reason}");
    assert_eq!(steps, ["annex", "lab"].map(|on| format!("create EnrollmentProfile/kiosk@{on}")));
    world.scope = Scope::of([name("lab"), name("school")]);
    assert!(world.plan().stops.is_empty());
}

#[test]
fn without_rollout_a_blocked_token_holds_nobody_back() {
    let mut world = World::new();
    world.token("annex", "contoso", "").token("lab", "contoso", "");
    world.profile("kiosk", "{matchLabels: {}}", "");
    let mut world = world.settled();
    gone(&mut world);
    world.tenant().profiles.insert(token_id("annex"), Fact::Unknown(unknown(Cause::Unavailable)));
    let plan = world.plan();
    assert!(plan.stops.is_empty());
    assert!(step(&plan, "create EnrollmentProfile/kiosk@lab").prove_first);
}
