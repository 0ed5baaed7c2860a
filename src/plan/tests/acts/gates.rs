//! Protection, limits, quotas, windows, descent: what stops an act, by whom, and what opens it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::world::*;
use crate::acts::mutation::Broken;
use crate::acts::tests::world::record;
use crate::acts::{ActState, Leg, Rule};
use crate::model::ActionKind;
use crate::model::desired::{Gates, Limit, LimitKind};
use crate::plan::tests::world::{World, name, serial};
use crate::plan::{Descent, gates};

fn stops(rule: Rule, world: &World, gate: &str) {
    assert_eq!(super::world::gates(&world.plan()), [gate]);
    let stop = world.plan().stops[0].clone();
    assert_eq!(stop.steps, ["wipe DeviceAction/lost C02A0001"]);
    assert!(!stop.reason.is_empty() && !stop.next.is_empty());
    let _broken = Broken::rule(rule);
    assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new(), "{rule:?} is broken");
}

fn applied(world: &mut World, edit: impl FnOnce(&mut Gates)) {
    let mut gates = Gates::default();
    edit(&mut gates);
    world.ledger.gates = Some(gates);
    world.ledger.gates_row = Some(7);
}

#[test]
fn rule_protection_protected_serials_and_tokens() {
    let mut world = asked("wipe");
    world.edit("fleet", "ledger:", "protected: {serials: [C02A0001]}\n  ledger:");
    stops(Rule::Protection, &world, "protected/serial/C02A0001");
    let mut world = asked("wipe");
    world.edit("fleet", "ledger:", "protected: {tokens: [school]}\n  ledger:");
    stops(Rule::Protection, &world, "protected/token/school");
    // Who does nothing to anybody may.
    ask(&mut world, "sync");
    assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new());
}

#[test]
fn rule_gates_no_commit_disarms_its_own_gates() {
    // Protected by what was applied, and no more by this folder.
    let mut world = asked("wipe");
    applied(&mut world, |gates| gates.protected_serials = vec![serial("C02A0001")]);
    stops(Rule::Gates, &world, "protected/serial/C02A0001");
    // Protected when the act was seen first, and no more by what is applied now.
    let mut world = asked("wipe");
    bind(&mut world, "lost", Some(3));
    let seen = Gates { protected_serials: vec![serial("C02A0001")], ..Gates::default() };
    world.ledger.gates_of_acts = Arc::new([(3, (seen, Vec::new()))].into());
    applied(&mut world, |_| {});
    stops(Rule::Gates, &world, "protected/serial/C02A0001");
}

#[test]
fn a_protected_token_does_not_lose_its_protection_with_its_document() {
    let mut world = asked("lock");
    applied(&mut world, |gates| gates.protected_tokens = vec![name("vault")]);
    // The token that has the device is known, and is another one.
    assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new());
    world.edit_devices("school", Vec::clear);
    assert_eq!(super::world::gates(&world.plan()), ["protected/token/vault"]);
}

#[test]
fn rule_limit_counts_the_plan_and_the_last_24_hours() {
    let mut world = world();
    ask_as(&mut world, "lost", "wipe", "C02A0001", "");
    ask_as(&mut world, "other", "wipe", "C02A0002", "");
    let plan = world.plan();
    assert_eq!(super::world::gates(&plan), ["limit/wipe/school"]);
    assert_eq!(plan.stops[0].steps.len(), 2, "all that it covers");
    assert!(plan.stops[0].may_be_overridden());

    // One alone, after another one today.
    let mut world = asked("wipe");
    ask_as(&mut world, "other", "wipe", "C02A0002", "");
    bind(&mut world, "other", None);
    promise(&mut world, &id("other", "C02A0002"), Leg::Whole, 3600, ActState::Done);
    stops(Rule::Limit, &world, "limit/wipe/school");
    assert!(world.plan().stops[0].reason.contains("1 of them already sent"));
    // What was sent the day before yesterday, or never left, counts for nothing.
    for (seconds, state) in [(90_000, ActState::Done), (3600, ActState::Waiting)] {
        let mut world = asked("wipe");
        ask_as(&mut world, "other", "wipe", "C02A0002", "");
        bind(&mut world, "other", None);
        promise(&mut world, &id("other", "C02A0002"), Leg::Whole, seconds, state);
        if state == ActState::Waiting {
            world.remove("DeviceAction", "other");
        }
        assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new(), "{state}");
    }
}

#[test]
fn a_limit_right_before_the_send_counts_what_this_run_sent_and_heeds_its_override() {
    let mut world = asked("wipe");
    ask_as(&mut world, "other", "wipe", "C02A0002", "");
    bind(&mut world, "other", None);
    let plan = world.plan();
    let act = plan.acts.iter().find(|act| act.id.action == name("lost")).unwrap();
    let desired = world.desired();
    let none = BTreeSet::new();
    let before = gates::acts::standing(&input(&world, &desired), act, &[], &none);
    assert_eq!(before.stops, []);
    promise(&mut world, &id("other", "C02A0002"), Leg::Whole, 1, ActState::Sent);
    let after = gates::acts::standing(&input(&world, &desired), act, &[], &none);
    assert_eq!(after.stops.iter().map(|one| one.gate.as_str()).collect::<Vec<_>>(), ["limit/wipe/school"]);
    assert!(after.hold(&act.id, world.now).is_some());
    let open = BTreeSet::from(["limit/wipe/school".to_owned()]);
    assert_eq!(gates::acts::standing(&input(&world, &desired), act, &[], &open).stops, []);
}

#[test]
fn a_limit_that_held_when_the_act_was_seen_says_its_ways_out_and_each_of_them_is_one() {
    let seen = |world: &mut World, limits: &[(ActionKind, u64)]| {
        let mut gates = Gates::default();
        for (kind, count) in limits {
            let limit = Limit { percent: None, count: Some(*count) };
            gates.limits.insert(LimitKind::Act(*kind), limit);
        }
        world.ledger.gates_of_acts = Arc::new([(3, (gates, Vec::new()))].into());
        applied(world, |gates| {
            let limit = Limit { percent: None, count: Some(10) };
            gates.limits.insert(LimitKind::Act(ActionKind::Wipe), limit);
        });
    };
    let raised = "limits: {wipe: {count: 10}}\n  ledger:";
    let mut world = world();
    world.edit("fleet", "ledger:", raised);
    ask_as(&mut world, "lost", "wipe", "C02A0001, C02A0002, C02A0003", "");
    bind(&mut world, "lost", Some(3));
    seen(&mut world, &[(ActionKind::Wipe, 2)]);
    let plan = world.plan();
    assert_eq!(super::world::gates(&plan), ["limit/wipe/school"]);
    assert_eq!(
        plan.stops[0].next,
        "take devices out of its document, ask under a new name once a raised Fleet.limits.wipe was applied, or allow this one plan with `--override limit/wipe/school=DIGEST`"
    );
    let desired = world.desired();
    let open = BTreeSet::from(["limit/wipe/school".to_owned()]);
    let all: Vec<&_> = plan.acts.iter().collect();
    assert_eq!(gates::acts::standing(&input(&world, &desired), all[0], &all, &open).stops, []);
    ask_as(&mut world, "lost", "wipe", "C02A0001, C02A0002", "");
    assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new());
}

#[test]
fn a_protection_that_held_when_the_act_was_seen_sends_to_a_new_name() {
    let next = |world: &World| world.plan().stops[0].next.clone();
    let mut world = asked("wipe");
    bind(&mut world, "lost", Some(3));
    let seen = Gates { protected_serials: vec![serial("C02A0001")], ..Gates::default() };
    world.ledger.gates_of_acts = Arc::new([(3, (seen, Vec::new()))].into());
    applied(&mut world, |_| {});
    assert!(next(&world).contains("ask under a new name"), "{}", next(&world));
    let mut world = asked("wipe");
    world.edit("fleet", "ledger:", "protected: {serials: [C02A0001]}\n  ledger:");
    assert!(next(&world).contains("before this document is there"), "{}", next(&world));
    bind(&mut world, "lost", None);
    assert!(next(&world).starts_with("take it out of Fleet.protected and apply that;"), "{}", next(&world));
}

#[test]
fn no_override_opens_a_protection_of_an_act() {
    let mut world = asked("wipe");
    world.edit("fleet", "ledger:", "protected: {serials: [C02A0001]}\n  ledger:");
    let plan = world.plan();
    let desired = world.desired();
    let open: BTreeSet<String> = plan.stops.iter().map(|stop| stop.gate.clone()).collect();
    let standing = gates::acts::standing(&input(&world, &desired), only(&plan), &[], &open);
    assert_eq!(standing.stops.len(), 1);
    assert!(standing.stops[0].next.contains("no override"));
}

#[test]
fn the_quota_of_the_service_is_summed_over_its_tenant_and_no_override_opens_it() {
    let mut world = asked("retire");
    applied(&mut world, |_| {});
    let many = 1_000;
    let serials: Vec<String> = (0..many).map(|at| format!("C02B{at:05}")).collect();
    ask_as(&mut world, "many", "retire", &serials.join(", "), "");
    bind(&mut world, "many", None);
    let events = serials.iter().flat_map(|at| {
        let epoch = record(at).epoch().unwrap();
        promise_events(&id("many", at), Leg::Whole, 3600, ActState::Done, epoch, Some(name("office")))
    });
    enter(&mut world, events.collect::<Vec<_>>());
    // Another token's: not its limit, but its tenant's quota.
    let plan = world.plan();
    assert_eq!(super::world::gates(&plan), ["quota/retire/contoso"]);
    assert!(!plan.stops[0].may_be_overridden());
    let open = BTreeSet::from(["quota/retire/contoso".to_owned()]);
    let desired = world.desired();
    assert_eq!(gates::acts::standing(&input(&world, &desired), only(&plan), &[], &open).stops.len(), 1);
}

#[test]
fn rule_descent_and_rule_validity() {
    let mut world = asked("wipe");
    world.origin.descent = Descent::Older { applied: "abc".to_owned() };
    stops(Rule::Descent, &world, "descent");
    world.origin.descent = Descent::Elsewhere { applied: "abc".to_owned() };
    stops(Rule::Descent, &world, "descent");
    world.origin.descent = Descent::Unknown { why: "shallow".to_owned() };
    stops(Rule::Descent, &world, "descent");
    for descent in [Descent::Outside, Descent::First, Descent::Forward] {
        world.origin.descent = descent;
        assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new());
    }
    world.origin.invalid = Some("fleet.yaml".to_owned());
    stops(Rule::Validity, &world, "invalid");
    assert!(!world.plan().stops[0].may_be_overridden());
}

#[test]
fn rule_window_an_act_waits_for_its_window() {
    let mut world = asked("wipe");
    let window =
        "windows:\n  - {allow: '0 20 * * *', for: 2h, timezone: UTC, classes: [destructive]}\n  ledger:";
    world.edit("fleet", "ledger:", window);
    stops(Rule::Window, &world, "window/destructive");
    assert!(!world.plan().stops[0].may_be_overridden());
    assert_eq!(
        world.plan().stops[0].next,
        "the first run from 2026-11-21T20:00:00Z on sends what nothing else stops"
    );
    world.now = at("2026-11-21T20:30:00Z");
    assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new());
    // What is not of the class goes at any time.
    world.now = at("2026-11-21T12:00:00Z");
    ask(&mut world, "lock");
    assert_eq!(super::world::gates(&world.plan()), Vec::<&str>::new());
}

#[test]
fn a_limit_of_the_applied_gates_holds_beside_the_folders() {
    let mut world = asked("lock");
    applied(&mut world, |gates| {
        gates.limits.insert(LimitKind::Act(ActionKind::Lock), Limit { percent: None, count: Some(0) });
    });
    let plan = world.plan();
    assert_eq!(super::world::gates(&plan), ["limit/lock/school"]);
    assert!(plan.stops[0].reason.contains("as last applied in full"), "{}", plan.stops[0].reason);
}
