//! Releases, and what documents select on Apple's side.

use super::world::{ask_as, bind, id, mdm, only, promise_for, records_of};
use crate::acts::mutation::Broken;
use crate::acts::{ActState, Leg, Rule};
use crate::model::Realm;
use crate::model::act::Os;
use crate::model::live::{Cause, EnrollmentState, Fact, SeenLock};
use crate::model::organisation::ActivationLock;
use crate::plan::tests::apple::world::{Fleet, ORG, client_id};
use crate::plan::tests::world::{ago, name, serial, unknown};
use crate::plan::{ActNext, PlannedAct};

/// An iPad at the service of `school`, and a document that asks for this.
fn fleet(action: &str) -> Fleet {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::Enrolled);
    ask_as(&mut fleet.base, "lost", action, "C02A0001", "");
    fleet.base.live.records.insert(mdm("contoso"), records_of(Vec::new()));
    fleet
}

fn act(fleet: &mut Fleet) -> PlannedAct {
    only(&fleet.plan()).clone()
}

#[test]
fn a7_a_locked_device_is_not_released_and_an_unknown_lock_is_not_off() {
    let mut free = fleet("release");
    free.lock("C02A0001", ActivationLock::Off);
    let released = act(&mut free);
    assert_eq!(released.next, ActNext::Send);
    assert_eq!(released.connection, Some(Realm::Apple(name(ORG))));
    assert_eq!(released.tenant, Some(client_id(ORG)));
    assert_eq!(released.does.as_deref(), crate::acts::support::does(released.kind, Os::Ipados));

    // People know it by its record, else by what Apple's list says of it.
    match (&released.device, &released.known) {
        (Some(_), None) => {}
        (None, Some(known)) => assert!(known.starts_with("listed at Apple as "), "{known}"),
        both => panic!("{both:?}"),
    }
    free.base.live.records.clear();
    let unread = act(&mut free);
    assert!(unread.device.is_none());
    assert!(
        unread.known.as_deref().is_some_and(|known| known.starts_with("listed at Apple as ")),
        "{unread:?}"
    );

    let mut never_asked = fleet("release");
    let mut on = fleet("release");
    on.lock("C02A0001", ActivationLock::ByUser);
    let mut untold = fleet("release");
    let seen = SeenLock { lock: Fact::Unknown(unknown(Cause::Throttled)), at: ago(1) };
    untold.base.live.locks.insert(serial("C02A0001"), seen);
    for fleet in [&mut never_asked, &mut on, &mut untold] {
        let held = act(fleet).next;
        assert!(matches!(&held, ActNext::Stop { row: Some(row), .. } if row == "A-7"), "{held:?}");
        let _broken = Broken::rule(Rule::LockOff);
        assert_eq!(act(fleet).next, ActNext::Send);
    }
    let ActNext::Stop { next, .. } = act(&mut on).next else { panic!() };
    assert!(next.contains("disableActivationLock"), "{next}");
}

#[test]
fn a_release_waits_while_nobody_knows_whose_the_device_is() {
    let mut fleet = fleet("release");
    fleet.lock("C02A0001", ActivationLock::Off);
    fleet.org().unread = true;
    assert!(matches!(act(&mut fleet).next, ActNext::Wait { .. }));
    fleet.org().unread = false;
    fleet.org().devices.clear();
    assert!(matches!(act(&mut fleet).next, ActNext::Wait { .. }));
}

#[test]
fn a_release_waits_while_nobody_knows_which_life_the_device_is_in() {
    let mut fleet = fleet("release");
    fleet.lock("C02A0001", ActivationLock::Off);
    assert_eq!(act(&mut fleet).next, ActNext::Send, "it never enrolled");
    let mut record = crate::acts::tests::world::record("C02A0001");
    record.enrolled = Some(ago(600));
    fleet.base.live.records.insert(mdm("contoso"), records_of(vec![record]));
    assert!(matches!(act(&mut fleet).next, ActNext::End { state: ActState::Superseded, .. }));
    fleet.base.live.records.insert(mdm("contoso"), Fact::Unknown(unknown(Cause::Throttled)));
    assert!(matches!(act(&mut fleet).next, ActNext::Wait { .. }));
    fleet.base.live.records.clear();
    assert!(matches!(act(&mut fleet).next, ActNext::Wait { .. }));
}

#[test]
fn what_conditions_pick_is_bound_once() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::Enrolled);
    fleet.ipad("C02A0002", "Jamf");
    let spec = "action: sync\ndevices: {where: {productFamilies: [ipad]}}\nrequestedAt: 2026-11-21T11:00:00Z";
    fleet.base.document("DeviceAction", "all", spec);
    let plan = fleet.plan();
    // Only devices of services of this folder.
    assert_eq!(only(&plan).id, id("all", "C02A0001"));
    fleet.org().unread = true;
    let plan = fleet.plan();
    assert!(plan.acts.is_empty());
    assert!(
        plan.blocked.iter().any(|one| one.reason.contains("DeviceAction/all selects")),
        "{:#?}",
        plan.blocked
    );
    // What was bound stays, and what is picked later is not added.
    fleet.org().unread = false;
    let desired = fleet.desired();
    let event =
        crate::acts::ActEvent::bound(&desired.actions[&name("all")], [serial("C02A0001")], None, None);
    super::world::enter(&mut fleet.base, [(60, event)]);
    fleet.held("C02A0003", "School", EnrollmentState::Enrolled);
    assert_eq!(only(&fleet.plan()).id, id("all", "C02A0001"));
    fleet.org().devices.remove(&serial("C02A0001"));
    assert_eq!(only(&fleet.plan()).id, id("all", "C02A0001"));
}

#[test]
fn a7_who_hands_a_device_over_may_move_it_although_it_is_locked() {
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::Enrolled);
    fleet.lock("C02A0001", ActivationLock::ByUser);
    // By an assignment it is refused, with the ordered way out.
    fleet.bring("carts", "main", "office", &["C02A0001"]);
    let plan = fleet.plan();
    let blocked = plan.blocked.iter().find(|one| one.rule.as_deref() == Some("A-7")).unwrap();
    for way in ["disableActivationLock", "handOver"] {
        assert!(blocked.next.contains(way), "{}", blocked.next);
    }
    // By a hand-over that is on its way the planner moves it.
    let mut fleet = Fleet::new();
    fleet.held("C02A0001", "School", EnrollmentState::Enrolled);
    fleet.lock("C02A0001", ActivationLock::ByUser);
    ask_as(&mut fleet.base, "lost", "handOver", "C02A0001", "options: {token: office, profile: main}");
    let before = fleet.plan();
    assert!(before.steps.is_empty(), "nothing is moved before its first checkpoint");
    bind(&mut fleet.base, "lost", None);
    let lost = id("lost", "C02A0001");
    let epoch = crate::acts::tests::world::record("C02A0001").epoch().unwrap();
    promise_for(&mut fleet.base, &lost, Leg::Whole, 600, ActState::Sent, epoch, Some(name("school")));
    let plan = fleet.plan();
    let moves: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    let is_move = |step: &&str| step.starts_with("move EnrollmentToken/office");
    assert!(moves.iter().any(is_move), "{moves:?} {:#?}", plan.blocked);
}
