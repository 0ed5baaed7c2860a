//! A hand-over, checkpoint by checkpoint.

use super::world::*;
use crate::acts::{ActState, Leg};
use crate::model::live::{Cause, Fact, SeenLock, Unknown};
use crate::model::organisation::ActivationLock;
use crate::plan::ActNext;
use crate::plan::build::acts::asked;
use crate::plan::tests::world::{World, ago, ids, profile_id, serial};

/// From the profile `main` to `kiosk` of the same token.
fn asked_over() -> World {
    let mut world = World::new();
    world.profile("main", "[school]", "").profile("kiosk", "[school]", "");
    let mut world = world.settled();
    world.device("school", "C02A0001", Some(profile_id("main", "school")));
    let record = crate::acts::tests::world::record("C02A0001");
    world.live.records.insert(mdm("contoso"), records_of(vec![record]));
    ask_as(&mut world, "lost", "handOver", "C02A0001", "options: {token: school, profile: kiosk}");
    let seen = SeenLock { lock: Fact::Known(ActivationLock::ByUser), at: ago(1) };
    world.live.locks.insert(serial("C02A0001"), seen);
    world
}

fn begun() -> World {
    let mut world = asked_over();
    bind(&mut world, "lost", None);
    promise(&mut world, &id("lost", "C02A0001"), Leg::Whole, 900, ActState::Sent);
    world
}

fn checkpoint(world: &World) -> String {
    match next(world) {
        ActNext::GoOn { checkpoint } => checkpoint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn it_begins_with_the_code_and_moves_nothing() {
    let world = asked_over();
    assert!(checkpoint(&world).contains("its code is sealed"));
    assert!(world.plan().steps.is_empty());
}

#[test]
fn a7_it_begins_whatever_the_lock_and_says_that_it_is_read_later() {
    let said = |world: &World| -> Vec<String> {
        let notes = only(&world.plan()).notes.clone();
        notes.into_iter().filter(|note| note.rule == "A-7").map(|note| note.text).collect()
    };
    let mut world = asked_over();
    assert_eq!(said(&world), Vec::<String>::new(), "Apple told it in this run");
    let (reason, next) = ("throttled".to_owned(), "wait".to_owned());
    let unknown = Unknown { cause: Cause::Throttled, reason, next };
    let seen = SeenLock { lock: Fact::Unknown(unknown), at: ago(1) };
    world.live.locks.insert(serial("C02A0001"), seen);
    for world in [&world, &{
        let mut never = world.clone();
        never.live.locks.clear();
        never
    }] {
        assert!(checkpoint(world).contains("its code is sealed"));
        let said = said(world);
        assert!(said.len() == 1 && said[0].contains("stops before the wipe"), "{said:?}");
    }
    // Nobody is asked for it before its time.
    for world in [asked_over(), begun()] {
        let desired = world.desired();
        let reads = asked(&desired, &world.ledger, &world.scope);
        assert!(reads.locks.is_empty() && !reads.records.is_empty(), "{reads:?}");
    }
}

#[test]
fn on_its_way_the_planner_gives_it_its_profile_and_the_act_waits_for_that() {
    let mut world = begun();
    let plan = world.plan();
    assert_eq!(ids(&plan), ["assign EnrollmentProfile/kiosk@school"], "{:#?}", plan.blocked);
    assert_eq!(only(&plan).needs, ["assign EnrollmentProfile/kiosk@school"]);
    assert!(checkpoint(&world).contains("by this plan's steps"));
    world.edit_device("school", "C02A0001", |device| device.profile = Some(profile_id("kiosk", "school")));
    assert!(checkpoint(&world).contains("lifted and confirmed"));
    assert!(world.plan().steps.is_empty());
}

#[test]
fn after_its_wipe_it_waits_for_the_next_life_and_confirms_it() {
    let mut world = begun();
    let lost = id("lost", "C02A0001");
    world.edit_device("school", "C02A0001", |device| device.profile = Some(profile_id("kiosk", "school")));
    promise(&mut world, &lost, Leg::Wipe, 300, ActState::Sent);
    assert_eq!(next(&world), ActNext::Follow);
    edit_records(&mut world, Vec::clear);
    assert_eq!(next(&world), ActNext::Follow);
    moved(&mut world, &lost, Leg::Wipe, 60, ActState::Done);
    assert!(checkpoint(&world).contains("the new life"));
}

#[test]
fn a_removed_document_gives_it_up_until_the_wipe() {
    let mut world = begun();
    world.remove("DeviceAction", "lost");
    assert!(matches!(next(&world), ActNext::End { state: ActState::Cancelled, .. }));
    assert!(world.plan().steps.is_empty());
    let mut wiped = begun();
    promise(&mut wiped, &id("lost", "C02A0001"), Leg::Wipe, 300, ActState::Sent);
    wiped.remove("DeviceAction", "lost");
    assert_eq!(next(&wiped), ActNext::Follow);
}

#[test]
fn what_is_over_and_what_an_older_commit_says_moves_nothing() {
    let ids_of = |world: &World| ids(&world.plan()).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(ids_of(&begun()), ["assign EnrollmentProfile/kiosk@school"]);
    let mut late = begun();
    late.now = at("2026-12-21T11:00:00Z");
    assert_eq!(ids_of(&late), Vec::<String>::new());
    assert!(matches!(next(&late), ActNext::End { state: ActState::Expired, .. }));
    let mut older = begun();
    older.origin.descent = crate::plan::Descent::Older { applied: "abc".to_owned() };
    assert_eq!(ids_of(&older), Vec::<String>::new());
    let mut invalid = begun();
    invalid.origin.invalid = Some("fleet.yaml".to_owned());
    assert_eq!(ids_of(&invalid), Vec::<String>::new());
    let mut restored = begun();
    restored.ledger.born = ago(60);
    assert_eq!(ids_of(&restored), Vec::<String>::new());
    let mut other_life = begun();
    edit_record(&mut other_life, |record| record.enrolled = Some(ago(60)));
    assert_eq!(ids_of(&other_life), Vec::<String>::new());
}

#[test]
fn what_was_moved_and_lifted_is_told_when_it_is_given_up_and_a_lift_is_followed_first() {
    let lost = id("lost", "C02A0001");
    let moved_there = || {
        let mut world = begun();
        let profile = Some(profile_id("kiosk", "school"));
        world.edit_device("school", "C02A0001", |device| device.profile = profile);
        world
    };
    let over = |world: &mut World| world.now = at("2026-12-21T11:00:00Z");
    let mut late = moved_there();
    over(&mut late);
    let ActNext::End { why, .. } = next(&late) else { panic!("{:?}", next(&late)) };
    assert!(why.contains("it is at school with kiosk") && !why.contains("lifted"), "{why}");

    let mut lifting = moved_there();
    promise(&mut lifting, &lost, Leg::Lift, 300, ActState::Sent);
    over(&mut lifting);
    assert_eq!(next(&lifting), ActNext::Follow);
    lifting.remove("DeviceAction", "lost");
    assert_eq!(next(&lifting), ActNext::Follow);
    moved(&mut lifting, &lost, Leg::Lift, 200, ActState::Done);
    let ActNext::End { state, why } = next(&lifting) else { panic!("{:?}", next(&lifting)) };
    assert_eq!(state, ActState::Cancelled);
    assert!(why.contains("its Activation Lock was lifted"), "{why}");
}

#[test]
fn a9_a_document_that_wishes_something_else_stops_it_with_its_place() {
    for mut world in [asked_over(), begun()] {
        world.assignment("carts", "main", "C02A0001", "");
        let ActNext::Stop { row, why, .. } = next(&world) else { panic!() };
        assert_eq!(row.as_deref(), Some("A-9"));
        assert!(
            why.contains("DeviceAssignment/carts") && why.contains("DeviceAssignment-carts.yaml"),
            "{why}"
        );
        assert!(world.plan().steps.is_empty(), "and nothing is moved to and fro");
        // One that wishes the same stands in nobody's way.
        world.assignment("carts", "kiosk", "C02A0001", "");
        assert_eq!(ids(&world.plan()), ["assign EnrollmentProfile/kiosk@school"]);
        assert!(matches!(next(&world), ActNext::GoOn { .. }));
    }
}

/// Wiped, set up again with another record, the former one beside it.
fn set_up_again() -> World {
    let mut world = begun();
    let lost = id("lost", "C02A0001");
    world.edit_device("school", "C02A0001", |device| device.profile = Some(profile_id("kiosk", "school")));
    promise(&mut world, &lost, Leg::Wipe, 300, ActState::Sent);
    moved(&mut world, &lost, Leg::Wipe, 60, ActState::Done);
    edit_records(&mut world, |all| {
        let mut new = all[0].clone();
        new.id = crate::model::act::RecordId("next".to_owned());
        new.enrolled = Some(ago(30));
        all.push(new);
    });
    world
}

#[test]
fn a_removal_that_waits_for_approval_elsewhere_is_sent_again_and_never_given_up() {
    let mut world = set_up_again();
    assert!(checkpoint(&world).contains("the old record goes"));
    promise(&mut world, &id("lost", "C02A0001"), Leg::OldRecord, 20, ActState::ApprovalElsewhere);
    assert!(matches!(next(&world), ActNext::Resend { .. }), "{:?}", next(&world));
    // Neither its time nor its document ends what has taken place.
    let mut late = world.clone();
    late.now = at("2026-12-24T12:00:00Z");
    assert!(matches!(next(&late), ActNext::Resend { .. }), "{:?}", next(&late));
    world.remove("DeviceAction", "lost");
    assert_eq!(next(&world), ActNext::Follow);
}

#[test]
fn what_came_back_after_its_time_is_confirmed_all_the_same() {
    let mut world = set_up_again();
    world.now = at("2026-12-24T12:00:00Z");
    assert!(checkpoint(&world).contains("the new life is confirmed"));
    let mut not_wiped = begun();
    not_wiped.now = world.now;
    assert!(matches!(next(&not_wiped), ActNext::End { state: ActState::Expired, .. }));
}
