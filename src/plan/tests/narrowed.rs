//! A plan over a part of the fleet: nothing of what lies outside is read, judged or missed.

use super::world::*;
use crate::model::live::Fact;
use crate::model::{Address, Realm, Scope, Value};
use crate::plan::file::{SavedPlan, digest_of};
use crate::plan::{Bookkeeping, Plan};

fn narrowed(world: &World, tokens: &[&str]) -> Plan {
    let mut world = world.clone();
    world.scope = Scope::of(tokens.iter().map(|token| name(token)));
    world.plan()
}

/// `school` and `office` at one connection, with a profile on both.
fn two() -> World {
    let mut world = World::new();
    world.token("office", "contoso", "prune: all").token("school", "contoso", "prune: all");
    world.profile("kiosk", "[office, school]", "department: IT");
    world.settled()
}

#[test]
fn what_lies_outside_is_in_no_part_of_the_plan() {
    let mut world = two();
    world.connection("globex", "22222222-0c3e-4f7b-b8a4-2e9d5c7f1a36").token("annex", "globex", "");
    for token in ["office", "school"] {
        world.set("kiosk", token, "department", Value::text("x"));
        let stranger = stranger(token, "Somebody's");
        world.edit_profiles(token, |all| all.push(stranger));
    }
    // Not read: neither the lists of the other token nor the other tenant.
    world.tenant().profiles.remove(&token_id("office"));
    world.tenant().devices.remove(&token_id("office"));
    let plan = narrowed(&world, &["school"]);
    assert_eq!(ids(&plan), ["update EnrollmentProfile/kiosk@school"]);
    assert!(plan.blocked.is_empty(), "{:#?}", plan.blocked);
    assert!(plan.left_alone.iter().all(|left| left.token == name("school")));
    assert_eq!(plan.tenants.keys().collect::<Vec<_>>(), [&Realm::Mdm(name("contoso"))]);
}

#[test]
fn what_is_gone_outside_stays_in_the_ledger() {
    let mut world = two();
    world.edit_tokens(Vec::clear);
    let gone = |plan: &Plan| -> Vec<Address> {
        let address = |entry: &Bookkeeping| match entry {
            Bookkeeping::Gone { address, .. } => Some(address.clone()),
            _ => None,
        };
        plan.bookkeeping.iter().filter_map(address).collect()
    };
    assert_eq!(gone(&world.plan()).len(), 4);
    let expected = [at("kiosk", "school"), Address::token(&name("school"))];
    let mut found = gone(&narrowed(&world, &["school"]));
    found.sort();
    let mut expected = expected.to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_serial_that_may_be_on_a_token_outside_is_asked_for_by_no_sync() {
    let mut world = two();
    world.device("office", "C02A0001", None);
    world.assignment("carts", "kiosk", "C02A0001, C02NEW01", "token: school");
    let whole = world.plan();
    assert!(ids(&whole).contains(&"sync EnrollmentToken/school"));
    assert_eq!(whole.waiting[0].serials, [serial("C02NEW01")]);
    let part = narrowed(&world, &["school"]);
    assert!(part.steps.is_empty(), "{:?}", ids(&part));
    assert!(part.waiting[0].reason.contains("narrowed"), "{}", part.waiting[0].reason);
    // Where it chooses all that there is, it knows as much as the whole.
    assert_eq!(ids(&narrowed(&world, &["school", "office"])), ids(&whole));
    // Of several tokens, one of which nobody looked at, nothing is said.
    world.assignment("carts", "kiosk", "C02A0001, C02NEW01", "");
    assert!(narrowed(&world, &["school"]).waiting.is_empty());
}

#[test]
fn a_document_outside_that_means_the_same_token_still_blocks() {
    let mut world = two();
    world.disown(&Address::token(&name("school")));
    world.token("annex", "contoso", "displayName: Annex\nformerly: [school]");
    let plan = narrowed(&world, &["school"]);
    assert_eq!(
        plan.blocked.len(),
        world.plan().blocked.iter().filter(|one| one.token == Some(name("school"))).count()
    );
    // Through a second connection to the same tenant as well, which the run does not read.
    let mut world = two();
    world.disown(&Address::token(&name("school"))).disown(&at("kiosk", "school"));
    world.connection("again", &TENANT.to_uppercase()).token("twin", "again", "displayName: school");
    assert!(blocked(&narrowed(&world, &["school"])).reason.contains("EnrollmentToken/twin"));
}

#[test]
fn the_narrowing_is_part_of_the_digest_and_of_the_file() {
    let mut world = two();
    world.set("kiosk", "school", "department", Value::text("x"));
    let (whole, part) = (world.plan(), narrowed(&world, &["school"]));
    assert_eq!(ids(&whole), ids(&part));
    assert_ne!(digest_of(&whole), digest_of(&part));
    let saved = SavedPlan::new(&part, None, now());
    let read = SavedPlan::from_json(&saved.to_json()).unwrap();
    assert_eq!(read.scope, part.scope);
    assert_eq!(digest_of(&read.into_plan()), digest_of(&part));
    assert!(!SavedPlan::new(&whole, None, now()).to_json().contains("\"scope\""));
    let forged = saved.to_json().replace("\"school\"\n  ],", "\"office\"\n  ],");
    assert_ne!(forged, saved.to_json());
    assert!(SavedPlan::from_json(&forged).is_err());
}

#[test]
fn findings_about_other_tokens_are_left_out() {
    use crate::diag::{Diagnostic, Severity};
    let mut world = two();
    for token in ["office", "school"] {
        let warning = Diagnostic::new("x", Severity::Warn, Default::default(), token);
        world.findings.push(warning.for_tokens([name(token)]));
    }
    world.findings.push(Diagnostic::new("x", Severity::Warn, Default::default(), "all"));
    let plan = narrowed(&world, &["school"]);
    let told: Vec<&str> = plan.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(told, ["school", "all"]);
}

#[test]
fn nothing_outside_is_unknown() {
    let mut world = two();
    world
        .tenant()
        .profiles
        .insert(token_id("office"), Fact::Unknown(unknown(crate::model::live::Cause::Throttled)));
    assert_eq!(world.plan().blocked.len(), 1);
    assert!(narrowed(&world, &["school"]).blocked.is_empty());
}
