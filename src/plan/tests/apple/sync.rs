//! From Apple to Intune: one sync, for those that began to wait or were moved.

use super::world::*;
use crate::model::live::EnrollmentState;
use crate::plan::tests::world::{ago, ids, name, serial, step, token_id};

const SYNC: &str = "sync EnrollmentToken/school";

fn fleet() -> Fleet {
    let mut fleet = Fleet::new();
    fleet.base.edit_token("school", |live| {
        (live.last_sync_triggered, live.last_sync_done) = (Some(ago(7200)), Some(ago(7200)));
    });
    fleet
}

#[test]
fn s2_what_apple_has_at_the_service_waits_for_one_sync_that_is_asked_once() {
    let mut fleet = fleet();
    fleet.ipad("C02A0001", "School").assign("carts", "main", &["school"], &["C02A0001"]);
    assert_eq!(serials_of(&fleet.plan(), SYNC), ["C02A0001"]);
    fleet.base.ledger.sync_asked.insert(token_id("school"), vec![serial("C02A0001")]);
    assert!(fleet.plan().steps.is_empty());

    // Moved since the last sync, it is asked for again.
    fleet.activity("one", "assignService", "School", &["C02A0001"], Some(3600));
    assert_eq!(serials_of(&fleet.plan(), SYNC), ["C02A0001"]);
    fleet.base.edit_token("school", |live| live.last_sync_triggered = Some(ago(1800)));
    assert!(fleet.plan().steps.is_empty());
}

#[test]
fn s2_what_apple_does_not_have_at_the_service_is_not_synced_for() {
    let mut fleet = fleet();
    fleet.ipad("C02A0001", "").ipad("C02A0002", "Jamf").ipad("C02A0003", "Office");
    fleet.assign("carts", "main", &["school"], &["C02A0001", "C02A0002", "C02A0003", "C02NEW01"]);
    let plan = fleet.plan();
    assert!(plan.steps.is_empty(), "{:?}", ids(&plan));
    let words = |one: &str| waits(&plan, one).reason.clone();
    assert!(words("C02A0001").contains("at no service"));
    assert!(words("C02A0002").contains("no document names"));
    assert!(words("C02A0003").contains("EnrollmentToken/office"));
    assert!(words("C02NEW01").contains("not in the organisation"));
}

#[test]
fn a2_the_old_tokens_list_is_late_and_nothing_is_given_there() {
    let mut fleet = fleet();
    fleet.held("C02A0001", "Office", EnrollmentState::NotContacted);
    fleet.bring("carts", "kiosk", "school", &["C02A0001"]);
    let check = |plan: &crate::plan::Plan| {
        let told: Vec<_> = plan.left_alone.iter().filter(|one| one.why.contains("moved at Apple")).collect();
        assert_eq!(told.len(), 1, "{:#?}", plan.left_alone);
        assert!(!plan.left_alone.iter().any(|one| one.why.contains("cannot move")));
        assert!(!plan.steps.iter().any(|step| step.address.token == Some(name("office"))));
    };
    let plan = fleet.plan();
    check(&plan);
    assert_eq!(plan.steps.len(), 3, "{:?}", ids(&plan));
    fleet.device("C02A0001").service = Some(service_id("School"));
    let plan = fleet.plan();
    check(&plan);
    assert_eq!(serials_of(&plan, SYNC), ["C02A0001"]);
    // With either token allowed, the profile is the new token's.
    fleet.assign("carts", "kiosk", &["school", "office"], &["C02A0001"]);
    let plan = fleet.plan();
    check(&plan);
    assert_eq!(serials_of(&plan, SYNC), ["C02A0001"]);
}

#[test]
fn a_profile_is_made_before_the_devices_that_get_it_are_moved() {
    let mut fleet = fleet();
    fleet.ipad("C02A0001", "").base.profile("new", "[school]", "");
    fleet.bring("carts", "new", "school", &["C02A0001"]);
    let plan = fleet.plan();
    let made = "create EnrollmentProfile/new@school";
    assert!(step(&plan, "move EnrollmentToken/school").needs.contains(&made.to_owned()));
    assert_eq!(ids(&plan)[0], made);
}

#[test]
fn a_gate_that_stops_one_class_lets_the_other_and_the_sync_go() {
    let mut fleet = fleet();
    fleet.ipad("C02A0001", "").held("C02A0002", "Office", EnrollmentState::Enrolled);
    fleet.bring("carts", "main", "school", &["C02A0001", "C02A0002"]);
    let plan = fleet.plan();
    let (safe, hard) = ("move EnrollmentToken/school", "move EnrollmentToken/school, disruptive");
    assert_eq!(step(&plan, SYNC).needs, [safe]);
    let given = |after: &str| format!("assign-after-sync EnrollmentProfile/main@school after {after}");
    assert!(!step(&plan, &given(safe)).needs.contains(&hard.to_owned()));
    assert!(step(&plan, &given(hard)).needs.contains(&hard.to_owned()));
}
