//! The default service of product families, in two ordered steps.

use super::world::*;
use crate::model::live::{Cause, Fact};
use crate::model::organisation::{Edition, ProductFamily};
use crate::plan::tests::world::{blocked, ids, name, step, unknown};
use crate::plan::{Class, When};

const DROP: &str = "drop-families EnrollmentToken/school";
const TAKE: &str = "take-families EnrollmentToken/office";

#[test]
fn a2_a_family_is_dropped_before_it_is_taken() {
    let mut fleet = Fleet::new();
    fleet.defaults("School", &[ProductFamily::Ipad, ProductFamily::Mac]);
    fleet.default_for.insert(name("school"), vec![ProductFamily::Ipad]);
    fleet.default_for.insert(name("office"), vec![ProductFamily::Mac]);
    let plan = fleet.plan();
    assert_eq!(ids(&plan), [DROP, TAKE]);
    assert_eq!(step(&plan, TAKE).needs, [DROP]);
    assert_eq!((step(&plan, DROP).class, step(&plan, TAKE).effect.when), (Class::Safe, When::NewDevices));
    fleet.apply(&plan);
    assert!(fleet.plan().steps.is_empty());

    // With nobody to take it new devices have no service.
    fleet.default_for.insert(name("school"), Vec::new());
    let plan = fleet.plan();
    assert_eq!((ids(&plan), step(&plan, DROP).class), (vec![DROP], Class::Disruptive));
}

#[test]
fn a2_a_family_that_a_service_outside_of_the_documents_holds_is_shown() {
    let mut fleet = Fleet::new();
    fleet.defaults("Jamf", &[ProductFamily::Mac]);
    fleet.default_for.insert(name("office"), vec![ProductFamily::Mac, ProductFamily::Ipad]);
    let plan = fleet.plan();
    assert_eq!(ids(&plan), [TAKE], "what is free is taken");
    let reason = &blocked(&plan).reason;
    assert!(reason.contains("\"Jamf\"") && reason.contains("mac") && !reason.contains("ipad"), "{reason}");
}

#[test]
fn a2_families_that_are_not_known_block_their_service_alone() {
    let mut fleet = Fleet::new();
    fleet.service("School").default_for = Some(Fact::Unknown(unknown(Cause::Throttled)));
    fleet.default_for.insert(name("school"), vec![ProductFamily::Ipad]);
    fleet.default_for.insert(name("office"), vec![ProductFamily::Mac]);
    let plan = fleet.plan();
    assert_eq!(ids(&plan), [TAKE]);
    assert_eq!(blocked(&plan).cause, Cause::Throttled);
    assert!(!step(&plan, TAKE).notes.is_empty(), "another service may have it");
}

#[test]
fn a2_school_manager_leaves_families_to_its_portal() {
    let mut fleet = Fleet::new();
    fleet.org().edition = Edition::School;
    fleet.default_for.insert(name("office"), vec![ProductFamily::Mac]);
    let plan = fleet.plan();
    assert!(plan.steps.is_empty() && blocked(&plan).next.contains("portal"));
}
