//! Which device gets which profile.

use super::world::*;
use crate::model::live::EnrollmentState;
use crate::model::{Family, Field, Value};
use crate::plan::tests::world::{blocked, ids, left, name, serial, step};
use crate::plan::{Action, Plan, Reason, Relation};

const ASSIGN: &str = "assign EnrollmentProfile/pupils@school";

/// Profiles `pupils` and `kiosk`, both there.
fn school() -> World {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).profile("kiosk", &["school"], &[]);
    world.settled()
}

fn relations(plan: &Plan) -> Vec<(Relation, usize)> {
    let Action::Assign { groups, .. } = &step(plan, ASSIGN).action else { panic!() };
    groups.iter().map(|group| (group.relation, group.serials.len())).collect()
}

fn told(plan: &Plan) -> Vec<(String, u64)> {
    let devices = plan.left_alone.iter().filter(|left| left.what == "devices");
    devices.map(|left| (left.name.clone(), left.count)).collect()
}

#[test]
fn a1_a_named_device_gets_its_profile_and_one_that_has_it_is_not_given_it_again() {
    let mut world = school();
    let pupils = world.object("pupils", "school");
    world.ipad("school", "DLX1", None).ipad("school", "DLX2", Some(pupils)).assign(
        "a",
        "pupils",
        "school",
        &["DLX1", "DLX2"],
    );
    let plan = world.plan();
    assert_eq!(serials_of(&plan, ASSIGN), ["DLX1"]);
    assert_eq!(plan.steps[0].reason, Reason::Assigned);
}

#[test]
fn p30_the_default_is_for_every_device_that_nobody_claims() {
    let mut world = school();
    let kiosk = world.object("kiosk", "school");
    let stranger = world.stranger("other", &[]);
    world.ipad("school", "DLX1", None).ipad("school", "DLX2", Some(kiosk.clone())).ipad(
        "school",
        "DLX3",
        Some(stranger),
    );
    world
        .ipad("school", "DLX4", None)
        .assign("a", "kiosk", "school", &["DLX4"])
        .default_ipad("school", "pupils");
    world.ipad("school", "DLX5", None).device("school", "DLX5").family = Some(Family::Iphone);
    let plan = world.plan();
    assert_eq!(serials_of(&plan, ASSIGN), ["DLX1", "DLX2", "DLX3"]);
    assert_eq!(step(&plan, ASSIGN).reason, Reason::Unclaimed);
    assert_eq!(serials_of(&plan, "assign EnrollmentProfile/kiosk@school"), ["DLX4"]);
    assert_eq!(told(&plan), [("1 device without any profile".to_owned(), 1)], "no default for iPhones");
    world.document("school").defaults.ios = Field::Set(name("pupils"));
    assert_eq!(serials_of(&world.plan(), ASSIGN), ["DLX1", "DLX2", "DLX3", "DLX5"]);
    assert!(told(&world.settled().plan()).is_empty(), "who has the default is not left alone");
}

#[test]
fn a_profile_that_was_removed_outside_is_given_again() {
    let mut world = school();
    let pupils = world.object("pupils", "school");
    world.ipads("school", "DLX", 2, Some(&pupils)).default_ipad("school", "pupils");
    world.device("school", "DLX000001").state = EnrollmentState::Removed;
    let plan = world.plan();
    assert_eq!(serials_of(&plan, ASSIGN), ["DLX000001"]);
    assert_eq!(
        (step(&plan, ASSIGN).reason, relations(&plan)),
        (Reason::Drifted, vec![(Relation::Removed, 1)])
    );
    assert!(world.settled().plan().steps.is_empty());
}

#[test]
fn unclaimed_devices_follow_their_documents_profile_without_a_default() {
    let mut world = school();
    let kiosk = world.object("kiosk", "school");
    world.ipads("school", "DLX", 2, Some(&kiosk));
    assert_eq!(told(&world.plan()), [("2 devices with \"kiosk\"".to_owned(), 2)]);
    world.state("kiosk", "department", Value::text("IT"));
    let plan = world.plan();
    assert_eq!(
        ids(&plan),
        ["replace EnrollmentProfile/kiosk@school", "assign EnrollmentProfile/kiosk@school"]
    );
    assert!(world.settled().plan().steps.is_empty());
}

#[test]
fn p14_a_profile_of_shared_ipad_is_refused_to_phones_and_to_nobody_else() {
    let mut world = school();
    world.state("pupils", "sharedIpad", Value::Bool(true));
    let mut world = world.settled();
    for (serial, family) in [("DLX1", Family::Iphone), ("DLX2", Family::Ipod), ("DLX3", Family::Ipad)] {
        world.ipad("school", serial, None).device("school", serial).family = Some(family);
    }
    world.assign("a", "pupils", "school", &["DLX1", "DLX2", "DLX3"]);
    let plan = world.plan();
    assert_eq!(serials_of(&plan, ASSIGN), ["DLX3"]);
    let one = blocked(&plan);
    assert_eq!(one.rule.as_deref(), Some("P-14"));
    assert!(one.reason.starts_with("2 devices that") && one.reason.contains("DLX1, DLX2"), "{}", one.reason);
}

#[test]
fn p32_devices_of_other_platforms_and_of_unknown_families_are_not_given_it() {
    let mut world = school();
    for (serial, family) in [("DLX1", Some(Family::Mac)), ("DLX2", None), ("DLX3", Some(Family::Iphone))] {
        world.ipad("school", serial, None).device("school", serial).family = family;
    }
    world.assign("a", "pupils", "school", &["DLX1", "DLX2", "DLX3"]);
    let plan = world.plan();
    assert_eq!(serials_of(&plan, ASSIGN), ["DLX3"]);
    assert!(left(&plan, "1 device of other platforms").contains("P-32"));
    assert!(left(&plan, "1 device of an unknown family").contains("P-32"));
}

#[test]
fn serials_that_the_server_does_not_have_wait_and_nothing_is_asked() {
    let mut world = school();
    world.assign("a", "pupils", "school", &["DLX9"]);
    let plan = world.plan();
    assert!(plan.steps.is_empty() && plan.blocked.is_empty());
    assert_eq!((plan.waiting[0].serials.as_slice(), plan.waiting[0].until), (&[serial("DLX9")][..], None));
    assert!(plan.waiting[0].reason.starts_with("Apple has not assigned them"));
}

#[test]
fn a2_a_device_of_another_tokens_assignment_is_left_as_it_is() {
    let mut world = school();
    world.token("office").profile("staff", &["office"], &[]);
    world
        .ipad("school", "DLX1", None)
        .assign("a", "staff", "office", &["DLX1"])
        .default_ipad("school", "pupils");
    let plan = world.plan();
    assert!(!ids(&plan).contains(&ASSIGN), "it is claimed");
    assert!(left(&plan, "1 serial of DeviceAssignment/a").contains("A-2"));
}

#[test]
fn profiles_of_nobody_are_told_with_their_devices() {
    let mut world = school();
    let stranger = world.stranger("Other", &[]);
    world.ipads("school", "DLX", 3, Some(&stranger)).ipad("school", "XYZ1", None);
    let plan = world.plan();
    assert!(plan.steps.is_empty());
    assert!(left(&plan, "Other").contains("3 devices have it and keep it"));
    assert!(left(&plan, "1 device without any profile").contains("P-31"));
    assert_eq!(told(&plan).len(), 2, "{:?}", told(&plan));
}

#[test]
fn who_may_be_named_by_a_file_that_was_not_read_is_left_as_it_is() {
    let mut world = school();
    let kiosk = world.object("kiosk", "school");
    world.ipad("school", "DLX1", Some(kiosk)).ipad("school", "DLX2", None).default_ipad("school", "pupils");
    world.assign("a", "pupils", "school", &["DLX2"]);
    world.desired.unread_files.push("bad.csv".into());
    let plan = world.plan();
    assert_eq!(serials_of(&plan, ASSIGN), ["DLX2"], "the named one is");
    assert!(blocked(&plan).reason.contains("bad.csv") && blocked(&plan).rule.as_deref() == Some("A-1"));
    world.absent("kiosk").document("school").defaults.ipad = Field::Missing;
    assert!(!ids(&world.plan()).iter().any(|id| id.starts_with("unassign")));
}

#[test]
fn t10_what_it_costs_is_told_and_counted() {
    let mut world = school();
    let kiosk = world.object("kiosk", "school");
    world.ipads("school", "DLX", 2_500, Some(&kiosk)).default_ipad("school", "pupils");
    let plan = world.plan();
    assert!(step(&plan, ASSIGN).notes.iter().any(|note| note.text.contains("3 requests of up to 1000")));
    assert_eq!((plan.forecast.writes, plan.forecast.reads), (3, 1));
    world.state("pupils", "department", Value::text("IT"));
    let plan = world.plan();
    assert_eq!((plan.forecast.writes, plan.forecast.reads), (4, 2), "a define and its reading back");
}

#[test]
fn a_blocked_profile_holds_its_devices_where_they_are() {
    let mut world = school();
    let kiosk = world.object("kiosk", "school");
    world.ipad("school", "DLX1", Some(kiosk)).default_ipad("school", "pupils");
    let address = crate::plan::tests::world::at("pupils", "school");
    let since = crate::plan::tests::world::ago(5);
    world.ledger.unsettled.push(crate::plan::tests::world::intent(address, "defineProfile", since));
    assert!(world.plan().steps.is_empty());
}
