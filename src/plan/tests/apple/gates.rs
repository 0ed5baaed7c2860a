//! Gates at Apple: counted for the service that devices leave, or join from none.

use std::collections::BTreeMap;

use super::world::*;
use crate::model::desired::{Gates, Limit, LimitKind};
use crate::model::live::EnrollmentState;
use crate::model::{Name, Serial};
use crate::plan::tests::world::{ago, name, serial};
use crate::plan::{Plan, Stop};

const HARD: &str = "move EnrollmentToken/school, disruptive";

fn stop<'p>(plan: &'p Plan, gate: &str) -> &'p Stop {
    plan.stops.iter().find(|one| one.gate == gate).unwrap_or_else(|| panic!("{gate}: {:#?}", plan.stops))
}

fn gates(kind: LimitKind, limit: Limit) -> Gates {
    Gates { limits: BTreeMap::from([(kind, limit)]), ..Gates::unbounded() }
}

fn many(fleet: &mut Fleet, count: usize, at: &str) -> Vec<String> {
    let all: Vec<String> = (0..count).map(|one| format!("C02{}{one:05}", &at[..1])).collect();
    for one in &all {
        fleet.ipad(one, if at == "None" { "" } else { at });
    }
    all
}

fn route(fleet: &mut Fleet, to: &str, serials: &[String]) {
    let all: Vec<&str> = serials.iter().map(String::as_str).collect();
    fleet.route("carts", to, &all);
}

#[test]
fn reassigning_counts_against_the_devices_of_the_service_that_they_leave() {
    let mut fleet = Fleet::new();
    let jamf = many(&mut fleet, 20, "Jamf");
    route(&mut fleet, "school", &jamf[..3]);
    let plan = fleet.plan();
    // The default: 10 %, and 3 of 20 are more.
    let gate = format!("limit/reassign/{}@{ORG}", service_id("Jamf"));
    let stopped = stop(&plan, &gate);
    assert_eq!(stopped.steps, [HARD]);
    assert!(stopped.reason.contains("3 of 20 devices"), "{}", stopped.reason);
    route(&mut fleet, "school", &jamf[..2]);
    assert!(fleet.plan().stops.is_empty());
}

#[test]
fn assigning_counts_for_the_service_that_they_join_and_the_organisation_can_be_stricter() {
    let mut fleet = Fleet::new();
    let free = many(&mut fleet, 5, "None");
    route(&mut fleet, "school", &free);
    assert!(fleet.plan().stops.is_empty());
    fleet.policy = Some(gates(LimitKind::Assign, Limit { percent: None, count: Some(4) }));
    let plan = fleet.plan();
    let stopped = stop(&plan, "limit/assign/school@business");
    assert!(stopped.reason.contains("Connection/business policy"), "{}", stopped.reason);
}

#[test]
fn unassigning_counts_over_a_day() {
    let mut fleet = Fleet::new();
    let jamf = many(&mut fleet, 8, "School");
    route(&mut fleet, "", &jamf[..5]);
    fleet.policy = Some(gates(LimitKind::Unassign, Limit { percent: None, count: Some(5) }));
    assert!(fleet.plan().stops.is_empty());
    let lately = (ago(3600), name("school"), LimitKind::Unassign, 1);
    fleet.base.ledger.destroyed.push(lately);
    assert_eq!(
        stop(&fleet.plan(), "limit/unassign/school@business").steps,
        ["take-off EnrollmentToken/school"]
    );
}

#[test]
fn protection_holds_for_the_token_that_is_left_and_the_one_that_is_joined() {
    let protects = |tokens: &[&str], serials: &[&str]| Gates {
        protected_tokens: tokens.iter().map(|one| name(one)).collect::<Vec<Name>>(),
        protected_serials: serials.iter().map(|one| serial(one)).collect::<Vec<Serial>>(),
        ..Gates::unbounded()
    };
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "Office", EnrollmentState::Enrolled).ipad("C02A0002", "");
    fleet.route("carts", "school", &["C02A0001", "C02A0002"]);
    for token in ["school", "office"] {
        fleet.policy = Some(protects(&[token], &[]));
        assert_eq!(stop(&fleet.plan(), &format!("protected/token/{token}")).steps, [HARD]);
    }
    fleet.policy = Some(protects(&[], &["C02A0001", "C02A0002"]));
    let plan = fleet.plan();
    assert_eq!(stop(&plan, "protected/serial/C02A0001").steps, [HARD]);
    assert_eq!(plan.stops.len(), 1, "a safe step is stopped by no protection: {:#?}", plan.stops);
}

#[test]
fn without_a_ledger_only_safe_moves_are_done() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "Jamf").route("carts", "school", &["C02A0001", "C02A0002"]);
    fleet.base.ledger = crate::ledger::LedgerView::none();
    assert_eq!(stop(&fleet.plan(), "no-ledger").steps, [HARD]);
}
