//! Where the device is, and what its document and the ledger say.

use super::world::*;
use crate::acts::mutation::Broken;
use crate::acts::tests::world::record;
use crate::acts::{ActState, Rule};
use crate::model::act::RecordId;
use crate::model::live::{Cause, EnrollmentState, Fact};
use crate::model::{ActionKind, Scope};
use crate::plan::tests::world::{World, ago, ids, name, serial, unknown};
use crate::plan::{ActNext, Descent};

fn is_wait(next: &ActNext) -> bool {
    matches!(next, ActNext::Wait { .. })
}

fn stopped(world: &World) -> (Option<String>, String) {
    match next(world) {
        ActNext::Stop { row, why, .. } => (row, why),
        other => panic!("it is not stopped: {other:?}"),
    }
}

#[test]
fn an_act_with_nothing_in_its_way_is_sent_and_told_in_full() {
    for kind in ActionKind::ALL {
        let more = match kind {
            ActionKind::EnableLostMode => "options: {message: call us, phoneNumber: '123'}",
            ActionKind::Rename => "options: {name: cart-7}",
            ActionKind::DeleteSharedIpadUser => "options: {user: anna@contoso.example}",
            ActionKind::HandOver | ActionKind::Release => continue,
            _ => "",
        };
        let mut world = world();
        edit_record(&mut world, |record| {
            let in_it = [ActionKind::PlaySound, ActionKind::Locate, ActionKind::DisableLostMode];
            record.lost_mode = Some(in_it.contains(&kind));
            if matches!(kind, ActionKind::LogOutSharedIpadUser | ActionKind::DeleteSharedIpadUser) {
                record.os = crate::model::act::Os::Ipados;
            }
        });
        ask_as(&mut world, "lost", kind.word(), "C02A0001", more);
        let plan = world.plan();
        let act = only(&plan);
        assert_eq!(act.next, ActNext::Send, "{kind}");
        assert_eq!((act.kind, act.class, act.state), (kind, kind.class(), ActState::Waiting));
        assert_eq!(act.connection, Some(mdm("contoso")));
        assert_eq!(act.token, Some(name("school")));
        assert_eq!(act.epoch, record("C02A0001").epoch());
        assert!(act.does.as_ref().is_some_and(|does| !does.is_empty()), "{kind}");
        assert_eq!(act.device.as_ref().unwrap().model, "iPhone 15");
        assert_eq!(gates(&plan), Vec::<&str>::new(), "{kind}");
        assert!(plan.has_changes());
    }
}

#[test]
fn r3_what_it_does_on_this_very_platform_stands_in_the_plan() {
    let mut world = asked("lock");
    edit_record(&mut world, |record| record.os = crate::model::act::Os::Macos);
    assert!(only(&world.plan()).does.as_ref().unwrap().contains("PIN that Intune makes"));
    let plan = asked("clearPasscode").plan();
    assert_eq!(only(&plan).does.as_deref(), Some("removes the passcode; no new one is set (R-3)"));
}

#[test]
fn d3_a_serial_with_two_records_is_ambiguous_in_one_tenant_and_over_two() {
    let mut one = asked("wipe");
    edit_records(&mut one, |all| {
        let mut twin = record("C02A0001");
        twin.id = RecordId("stale".to_owned());
        all.push(twin);
    });
    let mut two = asked("wipe");
    second_tenant(&mut two, Some(vec![record("C02A0001")]));
    for world in [&one, &two] {
        let (row, why) = stopped(world);
        assert_eq!(row.as_deref(), Some("D-3"), "{why}");
        assert!(why.contains("2 live records"), "{why}");
    }
    let _broken = Broken::rule(Rule::Unambiguous);
    assert_eq!(next(&two), ActNext::Send);
}

#[test]
fn unknown_is_not_absent_while_a_tenant_is_unread() {
    let mut world = asked("lock");
    edit_records(&mut world, Vec::clear);
    assert!(is_wait(&next(&world)), "no record: it waits for one");
    assert_eq!(only(&world.plan()).known.as_deref(), Some("no record of it at the MDM"));
    world.live.records.insert(mdm("contoso"), Fact::Unknown(unknown(Cause::Unavailable)));
    let ActNext::Wait { why, .. } = next(&world) else { panic!() };
    assert!(why.contains("nobody knows where"), "{why}");
    let known = only(&world.plan()).known.clone().unwrap();
    assert!(known.starts_with("not known: the devices of Connection/contoso: "), "{known}");
    world.live.records.clear();
    assert!(is_wait(&next(&world)));
}

#[test]
fn a_tenant_that_does_not_answer_holds_what_destroys_and_not_what_helps() {
    for (action, goes) in [("lock", true), ("wipe", false), ("retire", false), ("sync", true)] {
        let mut world = asked(action);
        second_tenant(&mut world, None);
        assert_eq!(next(&world) == ActNext::Send, goes, "{action}");
    }
}

#[test]
fn a_document_that_is_removed_before_it_was_sent_is_cancelled() {
    let mut world = asked("wipe");
    bind(&mut world, "lost", None);
    world.remove("DeviceAction", "lost");
    assert!(matches!(next(&world), ActNext::End { state: ActState::Cancelled, .. }));
    // So is a serial that is taken out of it.
    let mut world = World::clone(&world);
    ask_as(&mut world, "lost", "wipe", "C02A0002", "");
    let plan = world.plan();
    let cancelled = plan.acts.iter().find(|act| act.id == id("lost", "C02A0001")).unwrap();
    assert!(matches!(cancelled.next, ActNext::End { state: ActState::Cancelled, .. }));
}

#[test]
fn what_was_sent_is_followed_although_its_document_is_gone() {
    for state in [ActState::Sent, ActState::Acknowledged, ActState::Unknown, ActState::Promised] {
        let mut world = sent("wipe", state);
        world.remove("DeviceAction", "lost");
        let plan = world.plan();
        assert_eq!(only(&plan).next, ActNext::Follow, "{state}");
        assert!(only(&plan).notes.iter().any(|note| note.text.contains("sent already")));
    }
    let mut world = sent("wipe", ActState::ApprovalElsewhere);
    world.remove("DeviceAction", "lost");
    assert!(matches!(next(&world), ActNext::End { state: ActState::Cancelled, .. }));
}

#[test]
fn an_old_or_broken_commit_cancels_nothing() {
    let mut world = asked("wipe");
    bind(&mut world, "lost", None);
    world.remove("DeviceAction", "lost");
    for descent in [
        Descent::Older { applied: "abc".to_owned() },
        Descent::Elsewhere { applied: "abc".to_owned() },
        Descent::Unknown { why: "shallow".to_owned() },
    ] {
        world.origin.descent = descent;
        assert!(is_wait(&next(&world)), "{:?}", world.origin);
    }
    world.origin = crate::plan::Origin { invalid: Some("a file".to_owned()), ..Default::default() };
    assert!(is_wait(&next(&world)));
}

#[test]
fn what_was_sent_is_followed_and_what_ended_is_in_no_plan() {
    for state in [ActState::Promised, ActState::Sent, ActState::Acknowledged, ActState::Unknown] {
        let world = sent("wipe", state);
        assert_eq!(next(&world), ActNext::Follow, "{state}");
        assert!(!world.plan().has_changes());
        let _broken = Broken::rule(Rule::Once);
        assert_eq!(next(&world), ActNext::Send, "{state}");
    }
    for state in [ActState::Done, ActState::Failed, ActState::NotSupported] {
        assert!(sent("wipe", state).plan().acts.is_empty(), "{state}");
    }
    let mut world = asked("wipe");
    bind(&mut world, "lost", None);
    moved(&mut world, &id("lost", "C02A0001"), crate::acts::Leg::Whole, 60, ActState::Cancelled);
    assert!(world.plan().acts.is_empty(), "no commit brings it back");
    let _broken = Broken::rule(Rule::Tombstone);
    assert_eq!(next(&world), ActNext::Send);
}

#[test]
fn an_act_that_waits_for_approval_elsewhere_is_sent_again_with_all_checks() {
    let mut world = sent("wipe", ActState::ApprovalElsewhere);
    assert_eq!(next(&world), ActNext::Resend { approval: "code-1".to_owned() });
    edit_record(&mut world, |record| record.supervised = None);
    assert!(matches!(next(&world), ActNext::Stop { .. }));
    world.now = at("2026-12-21T12:00:00Z");
    assert!(matches!(next(&world), ActNext::End { state: ActState::Expired, .. }));
}

#[test]
fn changed_content_and_added_serials_are_told_even_after_the_end() {
    let mut world = sent("wipe", ActState::Done);
    world.edit("DeviceAction/lost", "lost on the bus", "stolen");
    assert!(stopped(&world).1.contains("was changed after it had been seen"));
    let mut world = asked("wipe");
    bind(&mut world, "lost", None);
    ask_as(&mut world, "lost", "wipe", "C02A0001, C02A0002", "");
    let plan = world.plan();
    let added = plan.acts.iter().find(|act| act.id.serial == serial("C02A0002")).unwrap();
    assert!(matches!(&added.next, ActNext::Stop { why, .. } if why.contains("was added")));
    let kept = plan.acts.iter().find(|act| act.id.serial == serial("C02A0001")).unwrap();
    assert_eq!(kept.next, ActNext::Send);
}

#[test]
fn a_narrowed_run_and_one_without_a_ledger_send_nothing() {
    let mut world = asked("lock");
    world.scope = Scope::of([name("school")]);
    assert!(is_wait(&next(&world)));
    let mut world = asked("lock");
    world.ledger = crate::ledger::LedgerView::none();
    assert!(stopped(&world).1.contains("without a ledger"));
}

// --- the next life ---

#[test]
fn rule_next_life_p31_a_device_without_a_profile_is_not_wiped() {
    let mut world = asked("wipe");
    world.edit_device("school", "C02A0001", |device| {
        device.profile = None;
        device.state = EnrollmentState::Enrolled;
    });
    let (row, why) = stopped(&world);
    assert_eq!(row.as_deref(), Some("P-31"), "{why}");
    {
        let _broken = Broken::rule(Rule::NextLife);
        assert_eq!(next(&world), ActNext::Send);
    }
    // This plan gives it one first.
    world.assignment("carts", "main", "C02A0001", "");
    let plan = world.plan();
    let act = only(&plan);
    assert_eq!(act.next, ActNext::Send);
    assert_eq!(act.needs.len(), 1);
    assert!(ids(&plan).contains(&act.needs[0].as_str()), "{:?}", act.needs);
    assert!(act.notes.iter().any(|note| note.rule == "A-4" && note.text.contains("main")));
    // Who is only locked needs none.
    let mut lock = asked("lock");
    lock.edit_device("school", "C02A0001", |device| device.profile = None);
    assert_eq!(next(&lock), ActNext::Send);
}

#[test]
fn rule_next_life_a_list_that_was_not_read_makes_it_wait() {
    let mut world = asked("wipe");
    let lists = &mut world.tenant().devices;
    lists.values_mut().for_each(|list| *list = Fact::Unknown(unknown(Cause::Throttled)));
    assert!(is_wait(&next(&world)));
    let mut released = asked("wipe");
    released.edit_device("school", "C02A0001", |device| device.released = true);
    assert_eq!(stopped(&released).0.as_deref(), Some("S-6"));
}

#[test]
fn l8_a_plan_tells_what_the_lists_show_of_what_is_under_way() {
    let said = |world: &World| -> Vec<String> {
        let notes = only(&world.plan()).notes.clone();
        notes.into_iter().map(|note| note.text).filter(|text| text.starts_with("seen: ")).collect()
    };
    let mut world = sent("wipe", ActState::Sent);
    assert_eq!(said(&world), Vec::<String>::new());
    edit_records(&mut world, |all| all.retain(|record| record.serial != Some(serial("C02A0001"))));
    assert_eq!(
        said(&world),
        [
            "seen: acknowledged: a complete list does not show the record any more; the next apply writes it down"
        ]
    );
    let mut back = sent("wipe", ActState::Sent);
    edit_record(&mut back, |record| record.enrolled = Some(ago(60)));
    assert!(said(&back)[0].starts_with("seen: done: the device was enrolled anew"), "{:?}", said(&back));
    assert_eq!(next(&back), ActNext::Follow, "and nothing is written here");
    // Apple alone tells of a lock.
    let mut lock = sent("disableActivationLock", ActState::Sent);
    edit_record(&mut lock, |record| record.enrolled = Some(ago(60)));
    assert_eq!(said(&lock), Vec::<String>::new());
}
