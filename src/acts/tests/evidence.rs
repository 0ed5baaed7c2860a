//! What results, records and their absence tell of a request.

use super::world::{World, later, record};
use crate::acts::evidence::{Told, kind_of, names, of, without_document};
use crate::acts::{ActState, Leg};
use crate::model::act::{
    ActOptions, ActionResult, ActionState, ManagementState, Record, RecordId, Records, ResultSource,
};
use crate::model::clock::Timestamp;
use crate::model::live::Complete;
use crate::model::{ActionKind, Serial};

fn result(name: &str, state: ActionState, started: i64) -> ActionResult {
    ActionResult {
        name: name.to_owned(),
        state,
        started: Some(later(started)),
        updated: Some(later(started + 5)),
        source: ResultSource::Record,
    }
}

/// An act that was sent ten minutes ago and is in this state.
fn sent(kind: ActionKind, state: ActState) -> World {
    let mut world = World::new(kind);
    world.promise(later(-600), Leg::Whole);
    if state != ActState::Promised {
        world.moved(later(-599), Leg::Whole, state);
    }
    world
}

struct Case<'a> {
    world: &'a World,
    records: Vec<Record>,
    audits: Vec<ActionResult>,
    now: Timestamp,
}

impl<'a> Case<'a> {
    fn of(world: &'a World) -> Self {
        Self { world, records: vec![world.record.clone()], audits: Vec::new(), now: world.now }
    }

    fn all(&self) -> Vec<(Leg, Told)> {
        let records = Records::new(Complete::after_last_page(self.records.clone()));
        let World { book, act, content, .. } = self.world;
        of(book, act, Some(content), Some(&records), &[], &self.audits, self.now)
    }

    fn told(&self) -> Option<ActState> {
        self.all().first().map(|(_, told)| told.to)
    }
}

fn by_result(kind: ActionKind, state: ActState, result: ActionResult) -> Option<ActState> {
    let mut world = sent(kind, state);
    world.record.results = vec![result];
    Case::of(&world).told()
}

#[test]
fn both_spellings_of_a_name_are_read_in_any_case() {
    for name in ["factoryReset", "wipe", "FACTORYRESET", " Wipe "] {
        let told = by_result(ActionKind::Wipe, ActState::Sent, result(name, ActionState::Done, -590));
        assert_eq!(told, Some(ActState::Done), "{name}");
    }
    for name in ["removeCompanyData", "factoryResetKeepEnrollmentData", "cleanWindowsDevice", ""] {
        let told = by_result(ActionKind::Wipe, ActState::Sent, result(name, ActionState::Done, -590));
        assert_eq!(told, None, "{name}");
    }
    // No two kinds share a name.
    let mut all: Vec<&str> = ActionKind::ALL.into_iter().flat_map(names).copied().collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn a_result_of_an_earlier_request_tells_nothing() {
    for (started, wanted) in [(-721, None), (-719, Some(ActState::Done)), (-10, Some(ActState::Done))] {
        let told =
            by_result(ActionKind::Lock, ActState::Sent, result("remoteLock", ActionState::Done, started));
        assert_eq!(told, wanted, "{started}");
    }
    let mut undated = result("remoteLock", ActionState::Done, -10);
    undated.started = None;
    assert_eq!(by_result(ActionKind::Lock, ActState::Sent, undated), None);
}

#[test]
fn a_result_of_a_later_request_of_the_same_kind_is_of_that_one() {
    let mut world = sent(ActionKind::Lock, ActState::Sent);
    // Sent ten minutes ago too, a second later: everything from then on is about it.
    world.other("second", ActionKind::Lock, ActState::Sent);
    world.record.results = vec![result("remoteLock", ActionState::Done, -300)];
    assert_eq!(Case::of(&world).told(), None);
    let second = World { act: super::world::id("second", "C02A0001"), ..world.clone() };
    assert_eq!(Case::of(&second).told(), Some(ActState::Done));
}

#[test]
fn an_empty_list_tells_nothing() {
    for kind in ActionKind::ALL {
        for state in [ActState::Sent, ActState::Unknown, ActState::Acknowledged] {
            let mut world = sent(kind, state);
            world.record.lost_mode = None;
            world.record.last_sync = None;
            assert!(Case::of(&world).all().is_empty(), "{kind} {state}");
        }
    }
}

#[test]
fn l8_what_a_result_says_becomes_the_state() {
    use ActState::{Acknowledged, Done, Failed, NotSupported, Sent, Unknown};
    let rows = [
        (ActionKind::Lock, Sent, ActionState::Pending, None),
        (ActionKind::Lock, Unknown, ActionState::Pending, Some(Sent)),
        (ActionKind::Lock, Sent, ActionState::Active, Some(Acknowledged)),
        (ActionKind::Lock, Unknown, ActionState::Active, Some(Acknowledged)),
        (ActionKind::Lock, Acknowledged, ActionState::Done, Some(Done)),
        (ActionKind::Lock, Sent, ActionState::NotSupported, Some(NotSupported)),
        (ActionKind::Lock, Sent, ActionState::Failed, Some(Failed)),
        (ActionKind::Lock, Sent, ActionState::Canceled, Some(Failed)),
        (ActionKind::Lock, Sent, ActionState::None, None),
        (ActionKind::Lock, Acknowledged, ActionState::Pending, None),
    ];
    for (kind, from, said, wanted) in rows {
        let told = by_result(kind, from, result("remoteLock", said, -590));
        assert_eq!(told, wanted, "{kind} {from} {said:?}");
    }
}

#[test]
fn rule_error_is_unknown_a_failed_wipe_has_failed_where_nothing_is_under_way_any_more() {
    let told = |state: ManagementState, gone: bool| {
        let mut world = sent(ActionKind::Wipe, ActState::Sent);
        world.record.state = state;
        world.record.results = vec![result("factoryReset", ActionState::Failed, -590)];
        let mut seen = Case::of(&world);
        if gone {
            seen.records.clear();
            seen.audits = world.record.results.clone();
        }
        seen.told()
    };
    assert_eq!(told(ManagementState::Managed, false), Some(ActState::Failed));
    assert_eq!(told(ManagementState::WipeEnded, false), Some(ActState::Failed));
    for state in [ManagementState::Wiping, ManagementState::Retiring, ManagementState::Deleting] {
        assert_eq!(told(state, false), Some(ActState::Unknown), "{state:?}");
    }
    assert_eq!(told(ManagementState::Managed, true), Some(ActState::Unknown));
}

#[test]
fn d1_a_device_that_was_enrolled_anew_was_wiped() {
    // The same record in another life.
    let mut world = sent(ActionKind::Wipe, ActState::Unknown);
    world.record.enrolled = Some(later(-60));
    assert_eq!(Case::of(&world).told(), Some(ActState::Done));
    // Another record.
    let world = sent(ActionKind::Wipe, ActState::Sent);
    let mut seen = Case::of(&world);
    let mut new = record("C02A0001");
    new.id = RecordId("record-new".to_owned());
    new.enrolled = Some(later(-60));
    seen.records = vec![new.clone()];
    assert_eq!(seen.told(), Some(ActState::Done));
    // One that was there before the promise is none.
    new.enrolled = Some(later(-601));
    seen.records = vec![world.record.clone(), new];
    assert_eq!(seen.told(), None);
    // Nor is the life that it was for, whatever the clocks say.
    let mut skewed = World::unbound(ActionKind::Wipe);
    skewed.content.requested_at = later(0);
    skewed.record.enrolled = Some(later(-590));
    skewed.bind();
    skewed.promise(later(-600), Leg::Whole);
    skewed.moved(later(-599), Leg::Whole, ActState::Sent);
    assert_eq!(Case::of(&skewed).told(), None);
}

#[test]
fn a_new_life_supersedes_what_was_for_the_former_one() {
    let mut world = sent(ActionKind::Lock, ActState::Sent);
    world.record.enrolled = Some(later(-60));
    assert_eq!(Case::of(&world).told(), Some(ActState::Superseded));
    let mut asked = sent(ActionKind::Wipe, ActState::ApprovalElsewhere);
    asked.record.enrolled = Some(later(-60));
    assert_eq!(Case::of(&asked).told(), Some(ActState::Superseded), "it never left");
}

#[test]
fn what_shows_on_the_record_is_evidence() {
    let mut world = World::unbound(ActionKind::Rename);
    world.content.options = ActOptions::Rename { name: "cart-7".to_owned() };
    world.bind();
    world.promise(later(-600), Leg::Whole);
    world.moved(later(-599), Leg::Whole, ActState::Sent);
    assert_eq!(Case::of(&world).told(), None);
    world.record.name = "cart-7".to_owned();
    assert_eq!(Case::of(&world).told(), Some(ActState::Done));

    for (kind, on) in [(ActionKind::EnableLostMode, true), (ActionKind::DisableLostMode, false)] {
        let mut world = sent(kind, ActState::Sent);
        world.record.lost_mode = Some(!on);
        assert_eq!(Case::of(&world).told(), None);
        world.record.lost_mode = Some(on);
        assert_eq!(Case::of(&world).told(), Some(ActState::Done));
    }
    let mut sync = sent(ActionKind::Sync, ActState::Sent);
    sync.record.last_sync = Some(later(-601));
    assert_eq!(Case::of(&sync).told(), None);
    sync.record.last_sync = Some(later(-60));
    assert_eq!(Case::of(&sync).told(), Some(ActState::Done));

    let mut wiping = sent(ActionKind::Wipe, ActState::Unknown);
    wiping.record.state = ManagementState::Wiping;
    assert_eq!(Case::of(&wiping).told(), Some(ActState::Sent), "it was accepted");
}

#[test]
fn a_record_that_is_gone_ends_what_removes_it_and_is_waited_for_after_a_wipe() {
    for kind in [ActionKind::Retire, ActionKind::DeleteRecord] {
        let world = sent(kind, ActState::Sent);
        let mut seen = Case::of(&world);
        seen.records.clear();
        assert_eq!(seen.told(), Some(ActState::Done), "{kind}");
        // Where nobody knows whether it was taken on, nobody knows who removed it.
        let doubtful = sent(kind, ActState::Unknown);
        let mut seen = Case::of(&doubtful);
        seen.records.clear();
        assert_eq!(seen.told(), None, "{kind}");
        seen.now = later(86_400);
        assert_eq!(seen.told(), Some(ActState::Lost), "{kind}");
    }
    let mut world = sent(ActionKind::Wipe, ActState::Sent);
    let mut seen = Case::of(&world);
    seen.records.clear();
    seen.now = later(10 * 86_400);
    // First it is seen to be gone, and from then on a day is waited.
    assert_eq!(seen.told(), Some(ActState::Acknowledged));
    world.moved(later(10 * 86_400), Leg::Whole, ActState::Acknowledged);
    let mut seen = Case::of(&world);
    seen.records.clear();
    seen.now = later(11 * 86_400 - 1);
    assert_eq!(seen.told(), None);
    seen.now = later(11 * 86_400);
    assert_eq!(seen.told(), Some(ActState::Lost));
}

#[test]
fn a_list_that_was_not_read_proves_nothing() {
    for kind in ActionKind::ALL {
        let world = sent(kind, ActState::Sent);
        let World { book, act, content, .. } = &world;
        assert!(of(book, act, Some(content), None, &[], &[], later(86_400)).is_empty(), "{kind}");
    }
    // A record that lost its serial is not gone.
    let world = sent(ActionKind::DeleteRecord, ActState::Sent);
    let mut seen = Case::of(&world);
    seen.records[0].serial = Serial::new("C02A0009");
    assert_eq!(seen.told(), None);
}

#[test]
fn what_a_wipe_overtakes_is_superseded_unless_the_device_was_at_it() {
    let mut world = sent(ActionKind::ClearPasscode, ActState::Sent);
    // Both are destructive: the wipe could be sent after a person had ended the first, so it is a lock here.
    let mut lock = sent(ActionKind::Lock, ActState::Sent);
    let wipe = lock.other("after", ActionKind::Wipe, ActState::Sent);
    let told = Case::of(&lock).all();
    assert_eq!(told[0].1.to, ActState::Superseded);
    assert!(told[0].1.evidence.contains(&wipe.to_string()));

    let mut busy = sent(ActionKind::Lock, ActState::Acknowledged);
    busy.other("after", ActionKind::Wipe, ActState::Sent);
    assert_eq!(Case::of(&busy).told(), None);
    // One that may not have been taken on overtakes nothing, nor does one that came before.
    let mut doubt = sent(ActionKind::Lock, ActState::Sent);
    doubt.other("after", ActionKind::Wipe, ActState::Unknown);
    assert_eq!(Case::of(&doubt).told(), None);
    let mut before = World::new(ActionKind::Lock);
    before.other("before", ActionKind::Wipe, ActState::Sent);
    before.promise(later(-500), Leg::Whole);
    before.moved(later(-499), Leg::Whole, ActState::Sent);
    assert_eq!(Case::of(&before).told(), None);
    // Canceled beside it says the same; done is stronger.
    lock.record.results = vec![result("remoteLock", ActionState::Canceled, -590)];
    assert_eq!(Case::of(&lock).told(), Some(ActState::Superseded));
    lock.record.results = vec![result("remoteLock", ActionState::Done, -590)];
    assert_eq!(Case::of(&lock).told(), Some(ActState::Done));
    world.record.results = vec![result("resetPasscode", ActionState::Canceled, -590)];
    assert_eq!(Case::of(&world).told(), Some(ActState::Failed));
}

#[test]
fn what_nobody_loses_anything_by_is_lost_after_its_time_and_a_wipe_never_by_time_alone() {
    let late = later(8 * 86_400);
    for (kind, wanted) in [
        (ActionKind::Restart, Some(ActState::Lost)),
        (ActionKind::PlaySound, Some(ActState::Lost)),
        (ActionKind::Wipe, None),
        (ActionKind::Retire, None),
        (ActionKind::ClearPasscode, None),
    ] {
        for state in [ActState::Unknown, ActState::Sent] {
            let world = sent(kind, state);
            let mut seen = Case::of(&world);
            assert_eq!(seen.told(), None);
            seen.now = late;
            assert_eq!(seen.told(), wanted, "{kind} {state}");
        }
    }
}

#[test]
fn audits_outlive_the_record() {
    let world = sent(ActionKind::Wipe, ActState::Acknowledged);
    let mut seen = Case::of(&world);
    seen.records.clear();
    seen.audits =
        vec![ActionResult { source: ResultSource::Audit, ..result("factoryReset", ActionState::Done, -599) }];
    assert_eq!(seen.told(), Some(ActState::Done));
}

#[test]
fn each_request_of_a_hand_over_has_its_own_evidence() {
    let mut world = World::handed_over();
    world.promise(later(-600), Leg::Wipe);
    world.moved(later(-599), Leg::Wipe, ActState::Sent);
    world.record.enrolled = Some(later(-60));
    let told = Case::of(&world).all();
    let wipe = told.iter().find(|(leg, _)| *leg == Leg::Wipe).unwrap();
    assert_eq!(wipe.1.to, ActState::Done);
    // Its whole is no request.
    assert!(told.iter().all(|(leg, _)| *leg != Leg::Whole), "{told:?}");
    assert_eq!(kind_of(ActionKind::HandOver, Leg::Lift), ActionKind::DisableActivationLock);
}

/// A hand-over that wiped, its device in its next life with another record, and a removal of the former record that
/// was asked for an hour ago and is in this state.
fn removal(state: ActState) -> (World, Record) {
    let mut world = World::handed_over();
    world.promise(later(-900), Leg::Wipe);
    world.moved(later(-899), Leg::Wipe, ActState::Sent);
    world.moved(later(-800), Leg::Wipe, ActState::Done);
    world.promise(later(-3600), Leg::OldRecord);
    world.moved(later(-3599), Leg::OldRecord, state);
    let new = Record { id: RecordId("next".to_owned()), enrolled: Some(later(-700)), ..world.record.clone() };
    (world, new)
}

#[test]
fn a_former_record_that_is_gone_was_removed_by_whomever() {
    for state in [ActState::Sent, ActState::Acknowledged, ActState::Unknown] {
        let (world, new) = removal(state);
        let mut seen = Case::of(&world);
        seen.records = vec![new];
        assert_eq!(
            seen.all().iter().map(|(leg, told)| (*leg, told.to)).collect::<Vec<_>>(),
            [(Leg::OldRecord, ActState::Done)]
        );
    }
}

#[test]
fn a_former_record_that_stays_for_a_day_was_not_removed() {
    for state in [ActState::Sent, ActState::Unknown] {
        let (world, new) = removal(state);
        let mut seen = Case::of(&world);
        seen.records.push(new);
        assert_eq!(seen.told(), None, "nobody knows yet");
        seen.now = later(24 * 3600 - 3601);
        assert_eq!(seen.told(), None);
        seen.now = later(24 * 3600 - 3600);
        assert_eq!(seen.told(), Some(ActState::Failed));
        // What is being deleted may still go.
        seen.records[0].state = ManagementState::Deleting;
        assert_ne!(seen.told(), Some(ActState::Failed));
    }
}

#[test]
fn a_device_that_is_handed_over_has_until_the_act_expires_to_come_back() {
    let mut world = World::handed_over();
    world.promise(later(-600), Leg::Wipe);
    world.moved(later(-599), Leg::Wipe, ActState::Acknowledged);
    let mut seen = Case::of(&world);
    seen.records.clear();
    seen.now = later(3 * 86_400);
    assert_eq!(seen.told(), None);
    seen.now = world.content.expires;
    assert_eq!(seen.told(), Some(ActState::Lost));
}

#[test]
fn a_hand_over_without_its_document_ends_when_the_device_is_set_up_again() {
    let told = |world: &World, records: Vec<Record>| {
        without_document(&world.book, &world.act, &Records::new(Complete::after_last_page(records)))
    };
    let states = |told: &[(Leg, Told)]| told.iter().map(|(leg, one)| (*leg, one.to)).collect::<Vec<_>>();
    let (world, new) = removal(ActState::Failed);
    assert_eq!(told(&world, vec![world.record.clone()]), [], "it is still in its former life");
    assert_eq!(told(&world, Vec::new()), []);
    let end = told(&world, vec![world.record.clone(), new.clone()]);
    assert_eq!(states(&end), [(Leg::Whole, ActState::Done)]);
    assert!(end[0].1.evidence.contains("record record-C02A0001 of its former life remains"), "{end:?}");
    let end = told(&world, vec![new.clone()]);
    assert!(!end[0].1.evidence.contains("remains"), "{end:?}");
    // What is on its way is looked at first, and what waits for approval is not sent any more.
    let (world, new) = removal(ActState::Sent);
    assert_eq!(told(&world, vec![new]), []);
    let (mut world, new) = removal(ActState::ApprovalElsewhere);
    let end = told(&world, vec![world.record.clone(), new]);
    assert_eq!(states(&end), [(Leg::OldRecord, ActState::Cancelled), (Leg::Whole, ActState::Done)]);
    for (leg, one) in end {
        world.moved(later(0), leg, one.to);
    }
    assert_eq!(world.book.act(&world.act).unwrap().state, ActState::Done);
}
