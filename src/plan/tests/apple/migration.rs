//! `moveBy`: deadlines given, changed and taken back.

use super::world::*;
use crate::ledger::AskedMigration;
use crate::model::live::EnrollmentState;
use crate::model::organisation::{Migration, MigrationStatus};
use crate::plan::tests::world::{blocked, ids, name, serial, step};
use crate::plan::{Bookkeeping, Class, When};

const FIRST: &str = "2026-12-01T09:00:00Z";
const SECOND: &str = "2026-12-15T09:00:00Z";

fn enrolled(capable: Option<bool>) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "Office", EnrollmentState::Enrolled).device("C02A0001").migration.capable =
        capable;
    fleet.route("carts", "school", &["C02A0001"]).move_by("carts", Some(FIRST));
    fleet
}

#[test]
fn a11_an_enrolled_device_is_asked_to_migrate_and_the_deadline_can_be_changed_and_taken_back() {
    let mut fleet = enrolled(Some(true));
    let plan = fleet.plan();
    let id = format!("migrate EnrollmentToken/school by {FIRST}");
    assert_eq!(ids(&plan), [id.as_str()]);
    assert_eq!((step(&plan, &id).class, step(&plan, &id).effect.when), (Class::Disruptive, When::Deadline));
    assert!(!rows(&plan, &id).contains(&"A-7"), "the lock goes with the migration");
    fleet.apply(&plan);
    assert!(fleet.plan().steps.is_empty());

    fleet.move_by("carts", Some(SECOND));
    let plan = fleet.plan();
    assert_eq!(ids(&plan), [format!("deadline DeviceAssignment/carts to {SECOND}")]);
    fleet.apply(&plan);
    assert!(fleet.plan().steps.is_empty());

    fleet.move_by("carts", None);
    let plan = fleet.plan();
    assert_eq!(ids(&plan), ["cancel-migration DeviceAssignment/carts"]);
    let mut begun = fleet.clone();
    fleet.apply(&plan);
    assert!(fleet.plan().steps.is_empty());

    begun.device("C02A0001").migration.status = Some(MigrationStatus::Started);
    let plan = begun.plan();
    assert!(plan.steps.is_empty() && waits(&plan, "C02A0001").reason.contains("has started"));
    begun.device("C02A0001").migration.status = Some(MigrationStatus::Success);
    let plan = begun.plan();
    assert!(plan.bookkeeping.iter().any(|one| matches!(one, Bookkeeping::MigrationOver { .. })));
    begun.apply(&plan);
    let plan = begun.plan();
    assert!(plan.steps.is_empty() && plan.bookkeeping.is_empty());
}

#[test]
fn a11_what_cannot_migrate_is_refused_and_what_is_not_known_waits() {
    let mut fleet = enrolled(Some(false));
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && blocked(&plan).rule.as_deref() == Some("A-11"));
    fleet.activity("one", "assignService", "Office", &["C02A0001"], Some(20));
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && waits(&plan, "C02A0001").until.is_some(), "Apple tells it late");
    let plan = enrolled(None).plan();
    assert!(plan.steps.is_empty() && waits(&plan, "C02A0001").reason.contains("does not tell"));
}

#[test]
fn a11_deadlines_that_have_passed_or_are_too_far_are_refused() {
    for (deadline, words) in [("2026-11-20T00:00:00Z", "has passed"), ("2027-03-20T00:00:00Z", "90 days")] {
        let mut fleet = enrolled(Some(true));
        fleet.move_by("carts", Some(deadline));
        let plan = fleet.plan();
        assert!(plan.steps.is_empty() && blocked(&plan).reason.contains(words), "{}", blocked(&plan).reason);
    }
}

#[test]
fn a11_a_device_that_was_never_activated_just_moves() {
    let mut fleet = enrolled(None);
    fleet.base.edit_device("office", "C02A0001", |device| device.state = EnrollmentState::NotContacted);
    assert_eq!(ids(&fleet.plan()), ["move EnrollmentToken/school"]);
}

#[test]
fn a11_a_migration_that_nobody_asked_for_here_is_not_touched_and_a_forgotten_one_is_told() {
    let mut fleet = Fleet::new();
    fleet.ipad("C02A0001", "School").device("C02A0001").migration = Migration {
        capable: None,
        status: Some(MigrationStatus::Requested),
        deadline: Some(FIRST.parse().unwrap()),
    };
    fleet.route("carts", "school", &["C02A0001"]).move_by("carts", Some(SECOND));
    assert!(fleet.plan().steps.is_empty());

    let asked = AskedMigration { assignment: name("gone"), deadline: FIRST.parse().unwrap() };
    let of = fleet.base.ledger.apple.migrations.entry(client_id(ORG)).or_default();
    of.insert(serial("C02A0001"), asked);
    fleet.routes.clear();
    let plan = fleet.plan();
    assert!(plan.steps.is_empty());
    let told = plan.left_alone.iter().find(|one| one.name == "1 device under migration").unwrap();
    assert!(told.was_managed && told.why.contains("DeviceAssignment/gone"));
}

#[test]
fn a11_a_changed_deadline_holds_a_device_only_until_the_lists_show_it() {
    let mut fleet = enrolled(Some(true));
    let deadline = SECOND.parse().unwrap();
    let device = fleet.device("C02A0001");
    device.service = Some(service_id("School"));
    device.migration.status = Some(MigrationStatus::Requested);
    device.migration.deadline = Some(deadline);
    let asked = AskedMigration { assignment: name("carts"), deadline };
    let of = fleet.base.ledger.apple.migrations.entry(client_id(ORG)).or_default();
    of.insert(serial("C02A0001"), asked);
    fleet.activity("two", "updateDeadline", "School", &["C02A0001"], Some(60)).move_by("carts", None);
    assert_eq!(ids(&fleet.plan()), ["cancel-migration DeviceAssignment/carts"]);
    fleet.device("C02A0001").migration.deadline = Some(FIRST.parse().unwrap());
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && waits(&plan, "C02A0001").until.is_some(), "{:?}", ids(&plan));
}
