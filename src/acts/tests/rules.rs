//! Every rule that is judged here passes, stops when it is violated, and lets through when it is broken: a rule
//! whose breaking nobody notices is no rule.

use super::world::{World, at, content, later, record};
use crate::acts::mutation::Broken;
use crate::acts::{ActState, Barrier, Hold, Leg, Rule, Safeguard};
use crate::model::ActionKind;
use crate::model::act::{Expect, Os, RecordId};
use crate::model::organisation::ActivationLock;

/// A wipe in a world that one thing is wrong with: `hold` says what is in the way.
fn holds(rule: Rule, mut world: World, hold: impl Fn(&Hold) -> bool, spoil: impl FnOnce(&mut World)) {
    assert!(world.judge().is_none() && world.clear().is_ok(), "{rule:?}: the world is sound before");
    spoil(&mut world);
    let found = world.clear().err().unwrap_or_else(|| panic!("{rule:?} lets it pass"));
    assert!(hold(&found), "{rule:?}: {found:?}");
    let broken = Broken::rule(rule);
    assert!(world.clear().is_ok(), "{rule:?} is broken and holds all the same: {:?}", world.clear().err());
    drop(broken);
    assert!(world.clear().is_err());
}

fn stops(rule: Rule) -> impl Fn(&Hold) -> bool {
    move |hold| matches!(hold, Hold::Stop { rule: one, .. } if *one == rule)
}

fn ends(state: ActState) -> impl Fn(&Hold) -> bool {
    move |hold| matches!(hold, Hold::End { state: one, .. } if *one == state)
}

fn waits(hold: &Hold) -> bool {
    matches!(hold, Hold::Wait { .. })
}

fn wipe() -> World {
    World::new(ActionKind::Wipe)
}

#[test]
fn a_sound_act_of_every_kind_passes() {
    for kind in ActionKind::ALL.into_iter().filter(|kind| *kind != ActionKind::Release) {
        let world = World::new(kind);
        assert_eq!(world.judge(), None, "{kind}");
        assert!(world.clear().is_ok(), "{kind}");
    }
    let release = World::new(ActionKind::Release);
    assert!(release.clear_release(None, &release.lock(ActivationLock::Off, 60)).is_ok());
    assert!(matches!(release.clear(), Err(Hold::Wait { .. })), "a release is no request to the MDM");
}

#[test]
fn rule_content_changed_content_under_a_known_name_is_refused() {
    holds(Rule::Content, wipe(), stops(Rule::Content), |world| {
        world.content.reason = Some("another reason".to_owned());
    });
}

#[test]
fn rule_serials_may_be_removed_and_not_added() {
    holds(Rule::Serials, wipe(), stops(Rule::Serials), |world| {
        world.act.serial = crate::model::Serial::new("C02A0002").unwrap();
        world.standing.act = world.act.clone();
        world.record = record("C02A0002");
        world.planned = world.record.epoch().unwrap();
    });
}

#[test]
fn rule_epoch_the_life_that_was_planned_is_the_one_that_is_meant() {
    // Enrolled anew between plan and sending, and before the request's time, which may lie ahead.
    let mut world = World::unbound(ActionKind::Wipe);
    world.content.requested_at = later(240);
    world.bind();
    holds(Rule::Epoch, world, ends(ActState::Superseded), |world| {
        world.record.enrolled = Some(later(120));
        world.now = later(150);
        world.standing.at = later(150);
    });
}

#[test]
fn rule_epoch_a_resend_is_for_the_life_that_was_bound() {
    let mut world = World::unbound(ActionKind::Wipe);
    world.content.requested_at = later(240);
    world.bind();
    world.promise(later(-60), Leg::Whole);
    world.moved(later(-59), Leg::Whole, ActState::ApprovalElsewhere);
    holds(Rule::Epoch, world, ends(ActState::Superseded), |world| {
        world.record.enrolled = Some(later(120));
        world.planned = world.record.epoch().unwrap();
        world.now = later(150);
        world.standing.at = later(150);
    });
}

#[test]
fn rule_life_a_wipe_that_stays_in_git_does_not_wipe_the_device_again() {
    // Even with a ledger that never saw it.
    holds(Rule::Life, World::unbound(ActionKind::Wipe), ends(ActState::Superseded), |world| {
        world.record.enrolled = Some(later(-600));
        world.planned = world.record.epoch().unwrap();
    });
}

#[test]
fn rule_birth_what_was_requested_before_the_ledger_is_unknown_history() {
    holds(Rule::Birth, wipe(), stops(Rule::Birth), |world| world.born = later(-1800));
}

#[test]
fn rule_expiry_nothing_is_sent_after_its_time() {
    holds(Rule::Expiry, wipe(), ends(ActState::Expired), |world| {
        world.now = later(8 * 86_400);
        world.standing.at = world.now;
    });
}

#[test]
fn rule_expiry_holds_for_a_request_that_never_left_and_for_one_that_waits_for_approval() {
    for state in [ActState::Waiting, ActState::ApprovalElsewhere] {
        let mut world = wipe();
        world.promise(later(-60), Leg::Whole);
        world.moved(later(-59), Leg::Whole, state);
        holds(Rule::Expiry, world, ends(ActState::Expired), |world| {
            world.now = later(8 * 86_400);
            world.standing.at = world.now;
        });
    }
}

#[test]
fn rule_future_a_request_is_not_ahead_of_the_clock() {
    let mut world = World::unbound(ActionKind::Wipe);
    world.content.requested_at = later(299);
    holds(Rule::Future, world, stops(Rule::Future), |world| world.content.requested_at = later(301));
}

#[test]
fn rule_serial_the_record_carries_the_serial_of_the_act() {
    for shown in ["C02A0009", ""] {
        holds(Rule::Serial, wipe(), stops(Rule::Serial), |world| {
            world.record.serial = crate::model::Serial::new(shown);
        });
    }
}

#[test]
fn rule_unambiguous_exactly_one_live_record_has_the_serial() {
    holds(Rule::Unambiguous, wipe(), stops(Rule::Unambiguous), |world| world.twins = 1);
}

#[test]
fn rule_expect_the_device_is_what_the_document_expects() {
    let spoil: [fn(&mut World); 3] = [
        |world| world.record.model = "iPhone 14".to_owned(),
        |world| world.record.user = "bob@contoso.example".to_owned(),
        |world| world.record.name = String::new(),
    ];
    for spoil in spoil {
        let mut world = World::unbound(ActionKind::Wipe);
        world.content.expect = Expect {
            model: Some("IPHONE 15 ".to_owned()),
            user: Some("Anna@contoso.example".to_owned()),
            name: Some("anna's iphone".to_owned()),
        };
        world.bind();
        holds(Rule::Expect, world, stops(Rule::Expect), spoil);
    }
}

#[test]
fn rule_supervision_has_to_be_known_where_an_escrow_hangs_on_it() {
    holds(Rule::Supervision, wipe(), stops(Rule::Supervision), |world| world.record.supervised = None);
}

#[test]
fn rule_support_what_the_device_cannot_do_is_refused_with_its_row() {
    holds(Rule::Support, World::new(ActionKind::Lock), stops(Rule::Support), |world| {
        world.record.os = Os::Tvos;
    });
    let mut world = World::new(ActionKind::Lock);
    world.record.agent = "eas".to_owned();
    let Some(Hold::Stop { row, why, .. }) = world.judge() else { panic!("it passes") };
    assert_eq!(row, Some("R-4"));
    assert!(why.contains("Exchange ActiveSync") && why.contains("2017"), "{why}");
}

#[test]
fn rule_once_what_was_sent_is_followed_and_what_ended_stays_ended() {
    for state in [ActState::Promised, ActState::Sent, ActState::Acknowledged, ActState::Unknown] {
        holds(Rule::Once, wipe(), waits, |world| {
            world.promise(later(-60), Leg::Whole);
            if state != ActState::Promised {
                world.moved(later(-59), Leg::Whole, state);
            }
        });
    }
    for state in [ActState::Done, ActState::Failed, ActState::NotSupported] {
        holds(Rule::Once, wipe(), ends(state), |world| {
            world.promise(later(-60), Leg::Whole);
            world.moved(later(-59), Leg::Whole, state);
        });
    }
}

#[test]
fn rule_tombstone_a_cancelled_act_never_runs() {
    holds(Rule::Tombstone, wipe(), ends(ActState::Cancelled), |world| {
        world.moved(later(-59), Leg::Whole, ActState::Cancelled);
    });
}

#[test]
fn rule_overlap_nothing_destructive_beside_another_that_may_take_place() {
    for state in [ActState::Sent, ActState::Acknowledged, ActState::ApprovalElsewhere, ActState::Promised] {
        holds(Rule::Overlap, wipe(), waits, |world| drop(world.other("before", ActionKind::Retire, state)));
    }
    holds(Rule::Overlap, wipe(), stops(Rule::Overlap), |world| {
        world.other("before", ActionKind::ClearPasscode, ActState::Unknown);
    });
    // What nobody loses anything by may go beside it, and what has ended stands in nobody's way.
    let mut lock = World::new(ActionKind::Lock);
    lock.other("before", ActionKind::Wipe, ActState::Unknown);
    assert!(lock.clear().is_ok());
    let mut world = wipe();
    world.other("before", ActionKind::Retire, ActState::Done);
    assert!(world.clear().is_ok());
}

#[test]
fn rule_safeguard_of_another_life_or_device_stands_for_nothing() {
    let mut world = wipe();
    world.record.enrolled = Some(later(-7200));
    let of_that_life = world.safeguard();
    world.record.enrolled = Some(world.planned.enrolled);
    let held = world.clear_with(of_that_life).unwrap_err();
    assert!(stops(Rule::Safeguard)(&held), "{held:?}");

    let mut other = wipe();
    other.act.serial = crate::model::Serial::new("C02A0009").unwrap();
    let of_that_device = other.safeguard();
    assert!(stops(Rule::Safeguard)(&wipe().clear_with(of_that_device).unwrap_err()));

    // Broken, it can be had for nothing.
    assert!(Safeguard::not_needed(ActionKind::Wipe).is_none());
    let _broken = Broken::rule(Rule::Safeguard);
    let nothing = Safeguard::not_needed(ActionKind::Wipe).unwrap();
    assert!(wipe().clear_with(nothing).is_ok());
}

#[test]
fn rules_of_gates_hold_through_what_they_say_of_this_act_now() {
    for rule in [Rule::Protection, Rule::Limit, Rule::Descent, Rule::Validity] {
        holds(rule, wipe(), stops(rule), |world| {
            world.standing.stops.push(Barrier {
                gate: "gate".to_owned(),
                rule,
                reason: "it is so".to_owned(),
                next: "change it".to_owned(),
            });
        });
    }
    holds(Rule::Approval, wipe(), stops(Rule::Approval), |world| {
        world.standing.approval = Some("0 of 1 approvals".to_owned());
    });
    holds(Rule::Window, wipe(), waits, |world| {
        world.standing.window = Some(("it is shut".to_owned(), None));
    });
}

#[test]
fn the_word_of_the_gates_is_of_one_act_and_of_this_moment() {
    let mut world = wipe();
    world.standing.act = super::world::id("other", "C02A0001");
    assert!(world.clear().is_err());
    let mut world = wipe();
    world.standing.at = later(-121);
    assert!(world.clear().is_err());
}

#[test]
fn a_record_that_was_read_a_while_ago_is_read_again() {
    let mut world = wipe();
    world.age = 121;
    assert!(matches!(world.clear(), Err(Hold::Wait { .. })));
}

#[test]
fn an_epoch_that_nobody_tells_stops() {
    let mut world = wipe();
    world.record.enrolled = None;
    assert!(stops(Rule::Epoch)(&world.judge().unwrap()));
}

// --- hand-over ---

#[test]
fn a_hand_over_goes_by_its_own_requests_alone() {
    let world = World::handed_over();
    assert!(world.clear().is_err(), "its beginning is behind it");
    assert!(world.clear_lift().is_ok());
    assert!(wipe().clear_lift().is_err());
    assert!(wipe().clear_wipe(&wipe().lock(ActivationLock::Off, 0)).is_err());
}

#[test]
fn rule_lock_off_a_hand_over_wipes_after_apple_said_within_ten_minutes_that_the_lock_is_off() {
    let world = World::handed_over();
    assert!(world.clear_wipe(&world.lock(ActivationLock::Off, 600)).is_ok());
    let of_another = crate::model::act::FreshLock::just_read(
        crate::model::Serial::new("C02A0009").unwrap(),
        ActivationLock::Off,
        world.now,
    );
    let wrong = [
        world.lock(ActivationLock::Off, 601),
        world.lock(ActivationLock::ByUser, 1),
        world.lock(ActivationLock::ByMdm, 1),
        of_another,
    ];
    for lock in &wrong {
        assert!(matches!(world.clear_wipe(lock), Err(Hold::Wait { .. })), "{lock:?}");
        let _broken = Broken::rule(Rule::LockOff);
        assert!(world.clear_wipe(lock).is_ok());
    }
}

#[test]
fn rule_life_a_release_is_for_the_life_at_the_mdm_in_which_it_was_asked_for() {
    let world = World::new(ActionKind::Release);
    let off = world.lock(ActivationLock::Off, 60);
    assert!(world.clear_release(Some(&world.record), &off).is_ok());
    let mut came_back = world.record.clone();
    came_back.enrolled = Some(later(-600));
    assert!(ends(ActState::Superseded)(&world.clear_release(Some(&came_back), &off).unwrap_err()));
    came_back.enrolled = None;
    assert!(stops(Rule::Epoch)(&world.clear_release(Some(&came_back), &off).unwrap_err()));
    // A device that never enrolled.
    assert!(world.clear_release(None, &off).is_ok());
}

#[test]
fn rule_lock_off_a_locked_device_is_not_released() {
    let world = World::new(ActionKind::Release);
    let on = world.lock(ActivationLock::ByMdm, 1);
    assert!(world.clear_release(None, &on).is_err());
    let _broken = Broken::rule(Rule::LockOff);
    assert!(world.clear_release(None, &on).is_ok());
}

#[test]
fn rule_second_record_the_old_one_goes_where_another_one_took_its_place() {
    let mut world = World::handed_over();
    world.promise(later(-600), Leg::Wipe);
    world.moved(later(-599), Leg::Wipe, ActState::Sent);
    world.moved(later(-10), Leg::Wipe, ActState::Done);
    world.twins = 1;
    let mut new = record("C02A0001");
    new.id = RecordId("record-new".to_owned());
    new.enrolled = Some(later(-60));
    assert!(world.clear_old_record(&new).is_ok());

    let mut same = new.clone();
    same.id = world.record.id.clone();
    let mut early = new.clone();
    early.enrolled = Some(later(-600));
    let mut other = new.clone();
    other.serial = crate::model::Serial::new("C02A0009");
    for wrong in [&same, &early, &other] {
        assert!(stops(Rule::SecondRecord)(&world.clear_old_record(wrong).unwrap_err()), "{wrong:?}");
        let _broken = Broken::rule(Rule::SecondRecord);
        assert!(world.clear_old_record(wrong).is_ok());
    }
    for twins in [0, 2] {
        world.twins = twins;
        assert!(world.clear_old_record(&new).is_err());
    }
}

#[test]
fn a_hand_over_that_wiped_is_stopped_at_its_end_and_not_forgotten() {
    let mut world = World::handed_over();
    world.now = later(8 * 86_400);
    assert!(ends(ActState::Expired)(&world.judge().unwrap()));
    world.promise(later(-600), Leg::Wipe);
    assert!(waits(&world.judge().unwrap()));
    world.moved(later(-599), Leg::Wipe, ActState::Sent);
    assert!(stops(Rule::Expiry)(&world.judge().unwrap()));
}

#[test]
fn a_release_is_compared_with_the_record_that_the_mdm_has() {
    let mut world = World::unbound(ActionKind::Release);
    world.content.expect.name = Some("Anna's iPhone".to_owned());
    world.bind();
    let off = world.lock(ActivationLock::Off, 1);
    let record = world.record.clone();
    assert!(world.clear_release(Some(&record), &off).is_ok());
    assert!(stops(Rule::Expect)(&world.clear_release(None, &off).unwrap_err()));
    let mut later_added = World::new(ActionKind::Release);
    later_added.record.enrolled = Some(later(-60));
    later_added.planned = later_added.record.epoch().unwrap();
    assert!(ends(ActState::Superseded)(&later_added.clear_release(None, &off).unwrap_err()));
}

#[test]
fn contents_differ_by_every_member() {
    let one = crate::acts::digest::content(&content(ActionKind::Wipe));
    assert!(one.starts_with("sha256:") && one.len() == 71);
    let mut other = content(ActionKind::Wipe);
    other.accept_no_bypass_code = Some("none to be had".to_owned());
    assert_ne!(one, crate::acts::digest::content(&other));
    let epoch = |text| crate::model::Epoch { record: RecordId("r".into()), enrolled: at(text) };
    let act = |tenant, epoch: Option<&crate::model::Epoch>| {
        let id = super::world::id("lost", "C02A0001");
        crate::acts::digest::act(uuid::Uuid::nil(), tenant, &id, &one, epoch)
    };
    let first = epoch("2026-01-01T00:00:00Z");
    assert_eq!(act("T", Some(&first)), act("t", Some(&first)));
    assert_ne!(act("t", Some(&first)), act("t", None));
    assert_ne!(act("t", Some(&first)), act("t", Some(&epoch("2026-01-02T00:00:00Z"))));
    assert_ne!(act("t", Some(&first)), act("u", Some(&first)));
}
