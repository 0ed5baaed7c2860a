//! Devices that Apple throttled, failed on or left out (reference apple-enrollment-api section 3.9).

use super::world::*;
use crate::model::Value;
use crate::plan::tests::world::{ago, ids, serial};
use crate::plan::{Bookkeeping, Plan};

const ASSIGN: &str = "assign EnrollmentProfile/pupils@school";

/// Two iPads without a profile, which shall have `pupils`.
fn school() -> World {
    let mut world = World::new();
    world.profile("pupils", &["school"], &[]).profile("kiosk", &["school"], &[]);
    let mut world = world.settled();
    world.ipads("school", "DLX", 2, None).default_ipad("school", "pupils");
    world
}

fn cooled(plan: &Plan) -> Vec<String> {
    let cooled = plan.bookkeeping.iter().filter_map(|entry| match entry {
        Bookkeeping::Cooled { serials, .. } => Some(serials.iter().map(ToString::to_string)),
        _ => None,
    });
    cooled.flatten().collect()
}

#[test]
fn who_is_cooling_waits_with_its_reason_and_its_time() {
    for (why, times, words) in [
        ("THROTTLED", 1, "Apple throttles them"),
        ("FAILED", 1, "Apple failed on them; a later run"),
        ("FAILED", 3, "ask Apple's support"),
        ("MISSING", 1, "left them out"),
    ] {
        let mut world = school();
        let pupils = world.object("pupils", "school");
        world.cool("DLX000001", &pupils, why, 3600, times);
        let plan = world.plan();
        assert_eq!(serials_of(&plan, ASSIGN), ["DLX000002"]);
        let [waiting] = plan.waiting.as_slice() else { panic!("{:?}", plan.waiting) };
        assert_eq!(
            (waiting.serials.as_slice(), waiting.until),
            (&[serial("DLX000001")][..], Some(ago(-3600)))
        );
        assert!(waiting.reason.starts_with(words) || waiting.reason.contains(words), "{}", waiting.reason);
        assert!(cooled(&plan).is_empty());
    }
}

#[test]
fn when_its_time_has_passed_it_is_tried_again_and_how_often_stays_known() {
    let mut world = school();
    let pupils = world.object("pupils", "school");
    world.cool("DLX000001", &pupils, "FAILED", 0, 2);
    let plan = world.plan();
    assert_eq!(serials_of(&plan, ASSIGN), ["DLX000001", "DLX000002"]);
    assert!(plan.waiting.is_empty() && cooled(&plan).is_empty());
    let world = world.settled();
    assert_eq!(cooled(&world.plan()), ["DLX000001"], "it has what it was to get");
}

#[test]
fn another_profile_may_be_tried_at_once() {
    let mut world = school();
    let pupils = world.object("pupils", "school");
    world.cool("DLX000001", &pupils, "THROTTLED", 3600, 1).default_ipad("school", "kiosk");
    let plan = world.plan();
    assert_eq!(ids(&plan), ["assign EnrollmentProfile/kiosk@school"]);
    assert_eq!(cooled(&plan), ["DLX000001"], "nobody wishes it any more");
    let mut world = school();
    world.cool("DLX000001", &pupils, "THROTTLED", 3600, 1).state("pupils", "department", Value::text("IT"));
    assert_eq!(serials_of(&world.plan(), ASSIGN).len(), 2, "the successor is another one");
}

#[test]
fn who_is_gone_from_the_token_is_forgotten() {
    let mut world = school();
    let pupils = world.object("pupils", "school");
    for gone in ["AAA1", "DLX000001X", "ZZZ9"] {
        world.cool(gone, &pupils, "FAILED", 3600, 1);
    }
    let plan = world.plan();
    assert_eq!(cooled(&plan), ["AAA1", "DLX000001X", "ZZZ9"]);
    assert_eq!(serials_of(&plan, ASSIGN).len(), 2);
}
