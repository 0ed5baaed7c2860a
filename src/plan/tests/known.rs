//! Acknowledged findings are counted, the same finding over many tokens is one.

use super::world::*;
use crate::model::Value;
use crate::plan::Plan;

/// The codes of the findings.
fn codes(plan: &Plan) -> Vec<&'static str> {
    plan.findings.iter().map(|one| one.code).collect()
}

fn acknowledge(rule: &str, until: &str) -> String {
    format!("acknowledge: [{{rule: {rule}, reason: known, until: {until}}}]")
}

/// A token whose last day is near.
fn ending(more: &str) -> World {
    let mut world = World::new();
    world.token("school", "contoso", more);
    let mut world = world.settled();
    world.edit_token("school", |token| token.expires = Some(ago(-86_400)));
    world
}

#[test]
fn t6_an_acknowledged_expiry_is_counted_until_its_date() {
    let plan = ending(&acknowledge("T-6", "2027-01-31")).plan();
    assert_eq!(codes(&plan), Vec::<&str>::new());
    assert_eq!((plan.acknowledged[0].rule.as_str(), plan.acknowledged[0].findings), ("T-6", 1));
    let plan = ending(&acknowledge("T-6", "2026-11-20")).plan();
    assert_eq!(codes(&plan), ["T-6", "acknowledgement"]);
    assert!(plan.acknowledged.is_empty());
    assert!(plan.findings[1].message.contains("ended on 2026-11-20"), "{:?}", plan.findings);
}

#[test]
fn one_that_folds_nothing_is_noted_unless_something_is_blocked() {
    let plan = ending(&acknowledge("P-34", "2027-01-31")).plan();
    assert_eq!(codes(&plan), ["T-6", "acknowledgement"]);
    let mut world = ending(&acknowledge("P-34", "2027-01-31"));
    world.edit_token("school", |token| token.expires = Some(ago(60)));
    assert_eq!(codes(&world.plan()), Vec::<&str>::new(), "an expired token blocks");
}

#[test]
fn p12_grandfathered_findings_can_be_acknowledged() {
    let mut world = World::new();
    world.profile("kiosk", "[school]", "");
    let mut world = world.settled();
    let spec =
        format!("tokens: [school]\nplatform: ios\nuserAffinity: none\n{}", acknowledge("P-12", "2027-01-31"));
    world.document("EnrollmentProfile", "kiosk", &spec);
    world.set("kiosk", "school", "supervised", Value::Bool(false));
    world.set("kiosk", "school", "lockedEnrollment", Value::Bool(true));
    let plan = world.plan();
    assert!(plan.grandfathered[0].acknowledged);
    assert_eq!(plan.acknowledged[0].findings, 1);
}

#[test]
fn the_same_finding_over_two_thousand_tokens_is_one_and_takes_linear_work() {
    let mut world = World::new();
    for at in 0..2_000 {
        world.token(&format!("token-{at}"), "contoso", "");
    }
    let mut world = world.settled();
    world.edit_tokens(|all| all.iter_mut().for_each(|token| token.expires = Some(ago(-86_400))));
    let plan = world.plan();
    let ends: Vec<_> = plan.findings.iter().filter(|one| one.code == "T-6").collect();
    assert_eq!((ends.len(), ends[0].tokens.len(), ends[0].also.len()), (1, 2_001, 2_000));
}
