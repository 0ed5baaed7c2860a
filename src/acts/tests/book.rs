//! Which entry may follow which.

use super::world::{World, code, id, later};
use crate::acts::book::ActRefusal;
use crate::acts::mutation::Broken;
use crate::acts::{ActEvent, ActState, Leg, Rule, SafeguardKind};
use crate::model::{ActionKind, Serial};

fn try_take(world: &World, event: ActEvent) -> Result<(), ActRefusal> {
    world.book.clone().take(99, later(0), event)
}

fn moved(world: &World, leg: Leg, to: ActState) -> Result<(), ActRefusal> {
    let (act, evidence) = (world.act.clone(), "told".to_owned());
    try_take(world, ActEvent::Moved { act, leg, to, evidence, approval: None })
}

fn again(world: &World, request: &str, approval: Option<&str>) -> Result<(), ActRefusal> {
    let ActEvent::Promised { act, leg, tenant, token, epoch, safeguard, sealed, approved_by, .. } =
        world.promised(&world.act, Leg::Whole, SafeguardKind::Sealed)
    else {
        unreachable!()
    };
    let (request, approved_elsewhere) = (request.to_owned(), approval.map(str::to_owned));
    let event = ActEvent::Promised {
        act,
        leg,
        tenant,
        token,
        epoch,
        safeguard,
        sealed,
        request,
        approved_elsewhere,
        approved_by,
    };
    try_take(world, event)
}

#[test]
fn rule_once_an_act_is_promised_once_whatever_became_of_it() {
    for state in ActState::ALL {
        let mut world = World::new(ActionKind::Wipe);
        world.promise(later(-60), Leg::Whole);
        if state != ActState::Promised && moved(&world, Leg::Whole, state).is_err() {
            continue;
        }
        if state != ActState::Promised {
            world.moved(later(-59), Leg::Whole, state);
        }
        let promised = again(&world, "sha256:request", None);
        // What provably never left may leave.
        assert_eq!(promised.is_ok(), state == ActState::Waiting, "{state}: {promised:?}");
        let _broken = Broken::rule(Rule::Once);
        assert!(again(&world, "sha256:request", None).is_ok(), "{state}");
    }
}

#[test]
fn a_hand_over_is_given_up_before_its_wipe_and_not_while_its_lift_is_followed() {
    let ends = [ActState::Cancelled, ActState::Expired];
    let may = |world: &World| {
        let may = ends.map(|to| world.book.may_become(&world.act, to));
        // What is asked is what the ledger takes.
        assert_eq!(may, ends.map(|to| moved(world, Leg::Whole, to).is_ok()));
        may
    };
    let mut world = World::handed_over();
    assert_eq!(may(&world), [true; 2]);
    world.promise(later(-900), Leg::Lift);
    for state in [ActState::Sent, ActState::Acknowledged] {
        world.moved(later(-899), Leg::Lift, state);
        assert_eq!(may(&world), [false; 2], "{state}");
    }
    world.moved(later(-800), Leg::Lift, ActState::Done);
    assert_eq!(may(&world), [true; 2]);
    world.promise(later(-700), Leg::Wipe);
    world.moved(later(-699), Leg::Wipe, ActState::Sent);
    assert_eq!(may(&world), [false; 2]);
    // Nothing else that was sent is called back.
    let mut wipe = World::new(ActionKind::Wipe);
    wipe.promise(later(-60), Leg::Whole);
    wipe.moved(later(-59), Leg::Whole, ActState::Sent);
    assert_eq!(may(&wipe), [false; 2]);
}

#[test]
fn a_person_says_what_came_of_an_act_only_where_nobody_else_can_tell() {
    let may = |world: &World, born: i64| world.book.may_resolve(&world.act, later(born), world.now);
    let before = -400 * 86_400;
    // What waits and could be sent; what this ledger has no history of.
    let world = World::new(ActionKind::Wipe);
    assert!(!may(&world, before) && may(&world, -1800));
    for (state, expected) in [
        (ActState::Promised, true),
        (ActState::Unknown, true),
        (ActState::Sent, false),
        (ActState::Acknowledged, false),
        (ActState::ApprovalElsewhere, false),
        (ActState::Done, false),
        (ActState::Lost, false),
    ] {
        let mut world = World::new(ActionKind::Wipe);
        world.promise(later(-60), Leg::Whole);
        if state == ActState::Lost {
            world.moved(later(-59), Leg::Whole, ActState::Unknown);
        }
        if state != ActState::Promised {
            world.moved(later(-58), Leg::Whole, state);
        }
        assert_eq!(may(&world, before), expected, "{state}");
        assert_eq!(may(&world, -1800), expected, "{state}: what was sent is followed");
    }
    // A hand-over: once its time is over, and nothing of it is followed.
    let mut world = World::handed_over();
    assert!(!may(&world, before));
    world.now = later(8 * 86_400);
    assert!(may(&world, before));
    world.promise(later(-700), Leg::Wipe);
    world.moved(later(-699), Leg::Wipe, ActState::Sent);
    assert!(!may(&world, before));
}

#[test]
fn l4_a_code_is_found_in_the_newest_entry_that_somebody_can_open() {
    let mut world = World::new(ActionKind::Wipe);
    let mut seal = |to: &str, print: &str| {
        let sealed = crate::model::Sealed {
            recipients: vec![to.to_owned()],
            fingerprint: Some(print.to_owned()),
            ..code()
        };
        let (serial, epoch) = (world.act.serial, world.planned.clone());
        let tenant = "tenant".to_owned();
        world.take(
            later(-60),
            ActEvent::Sealed { serial, tenant, epoch, act: None, read: later(-60), sealed },
        );
        world.row
    };
    let (first, second) = (seal("anna", "one"), seal("bob", "one"));
    let found = |world: &World, who: &str| {
        let can_open = |sealed: &crate::model::Sealed| sealed.recipients.iter().any(|one| one == who);
        world.book.code_for(&world.act.serial, &world.planned, can_open).map(|row| row.row)
    };
    assert_eq!((found(&world, "anna"), found(&world, "bob")), (Some(first), Some(second)));
    assert_eq!(found(&world, "carol"), None);
    // The code of before is not the code.

    let sealed = crate::model::Sealed {
        recipients: vec!["bob".to_owned()],
        fingerprint: Some("two".to_owned()),
        ..code()
    };
    let (serial, epoch, tenant) = (world.act.serial, world.planned.clone(), "tenant".to_owned());
    world.take(later(-50), ActEvent::Sealed { serial, tenant, epoch, act: None, read: later(-50), sealed });
    assert_eq!(found(&world, "anna"), None);
}

#[test]
fn a_promise_says_who_approved_it() {
    let world = World::new(ActionKind::Wipe);
    let mut event = world.promised(&world.act, Leg::Whole, SafeguardKind::Sealed);
    let ActEvent::Promised { approved_by, .. } = &mut event else { unreachable!() };
    let by = |who: &str| crate::acts::event::ApprovedBy {
        principal: who.to_owned(),
        key: "SHA256:abc".to_owned(),
        at: later(-60),
    };
    *approved_by = vec![by("anna"), by("bob")];
    let text = event.to_string();
    assert!(text.ends_with("; approved by anna (SHA256:abc), bob (SHA256:abc)"), "{text}");
}

#[test]
fn rule_tombstone_a_cancelled_act_is_not_promised() {
    let mut world = World::new(ActionKind::Wipe);
    world.moved(later(-60), Leg::Whole, ActState::Cancelled);
    assert!(matches!(again(&world, "sha256:request", None), Err(ActRefusal::Spent { .. })));
    let _broken = Broken::rule(Rule::Tombstone);
    assert!(again(&world, "sha256:request", None).is_ok());
}

#[test]
fn rule_serials_an_act_that_was_never_bound_is_not_promised() {
    let mut world = World::new(ActionKind::Wipe);
    world.act = id("lost", "C02A0002");
    assert!(matches!(again(&world, "sha256:request", None), Err(ActRefusal::NotBound(_))));
    {
        let _broken = Broken::rule(Rule::Serials);
        assert!(again(&world, "sha256:request", None).is_ok());
    }
    world.act = id("unknown", "C02A0002");
    assert!(matches!(again(&world, "sha256:request", None), Err(ActRefusal::NotBound(_))));
}

#[test]
fn rule_identical_what_was_approved_elsewhere_is_sent_again_as_it_was() {
    let mut world = World::new(ActionKind::Wipe);
    world.promise(later(-60), Leg::Whole);
    world.moved(later(-59), Leg::Whole, ActState::ApprovalElsewhere);
    assert!(again(&world, "sha256:request", Some("code")).is_ok());
    for (request, code) in [("sha256:other", "code"), ("sha256:request", "another")] {
        assert!(matches!(again(&world, request, Some(code)), Err(ActRefusal::NotIdentical(_))));
        let _broken = Broken::rule(Rule::Identical);
        assert!(again(&world, request, Some(code)).is_ok());
    }
    // Without the approval it is a second request.
    assert!(matches!(again(&world, "sha256:request", None), Err(ActRefusal::Spent { .. })));
}

#[test]
fn rule_safeguard_nothing_that_destroys_a_code_is_promised_without_one() {
    for kind in ActionKind::ALL.into_iter().filter(|kind| kind.needs_safeguard()) {
        let world = World::new(kind);
        let bare = world.promised(&world.act, Leg::Whole, SafeguardKind::NotNeeded);
        assert!(matches!(try_take(&world, bare.clone()), Err(ActRefusal::NoSafeguard(_))), "{kind}");
        let _broken = Broken::rule(Rule::Safeguard);
        assert!(try_take(&world, bare).is_ok());
    }
}

#[test]
fn rule_overlap_nothing_destructive_is_promised_beside_another() {
    let states = [
        ActState::Promised,
        ActState::Sent,
        ActState::Acknowledged,
        ActState::Unknown,
        ActState::ApprovalElsewhere,
    ];
    for state in states {
        let mut world = World::new(ActionKind::Wipe);
        world.other("before", ActionKind::ClearPasscode, state);
        assert!(matches!(again(&world, "r", None), Err(ActRefusal::Overlap { .. })), "{state}");
        let _broken = Broken::rule(Rule::Overlap);
        assert!(again(&world, "r", None).is_ok());
    }
}

#[test]
fn what_has_ended_stays_ended_for_every_pair_of_states() {
    for from in ActState::ALL {
        for to in ActState::ALL {
            assert!(!(from.has_ended() && from.may_become(to)), "{from} to {to}");
            assert!(!from.may_become(ActState::Promised), "{from} is promised by a promise alone");
        }
        assert!(!(from.has_ended() && from.is_under_way()), "{from}");
    }
    // What was sent is not called back.
    for from in ActState::ALL.into_iter().filter(|state| state.is_under_way()) {
        assert!(!from.may_become(ActState::Cancelled) && !from.may_become(ActState::Expired), "{from}");
    }
}

#[test]
fn l8_a_person_ends_whatever_is_open_but_calls_nothing_back() {
    for state in ActState::ALL {
        let mut world = World::new(ActionKind::Wipe);
        if state != ActState::Waiting && state != ActState::NeedsApproval {
            let unsent = [ActState::Cancelled, ActState::Expired].contains(&state);
            if !unsent {
                world.promise(later(-60), Leg::Whole);
            }
            if state != ActState::Promised {
                if moved(&world, Leg::Whole, state).is_err() {
                    continue;
                }
                world.moved(later(-59), Leg::Whole, state);
            }
        }
        for to in ActState::ALL {
            let (who, why) = ("anna".to_owned(), "saw it".to_owned());
            let resolved = try_take(&world, ActEvent::Resolved { act: world.act.clone(), to, who, why });
            let calls_back = matches!(to, ActState::Cancelled | ActState::Expired);
            let may = to.has_ended() && !state.has_ended() && !(state.is_under_way() && calls_back);
            assert_eq!(resolved.is_ok(), may, "{state} to {to}");
        }
    }
}

#[test]
fn the_requests_of_a_hand_over_come_in_order_and_once() {
    let promise = |world: &World, leg| {
        try_take(world, world.promised(&world.act, leg, SafeguardKind::SealedBefore { row: 1 }))
    };
    let fresh = World::new(ActionKind::HandOver);
    for leg in [Leg::Lift, Leg::Wipe, Leg::OldRecord] {
        assert!(promise(&fresh, leg).is_err(), "{leg}");
    }
    let mut world = World::handed_over();
    assert!(promise(&world, Leg::OldRecord).is_err());
    assert!(promise(&world, Leg::Lift).is_ok());
    world.promise(later(-900), Leg::Lift);
    assert!(promise(&world, Leg::Wipe).is_err(), "the lift has not been told about");
    world.moved(later(-899), Leg::Lift, ActState::Done);
    // The lock can come back (L-6).
    assert!(promise(&world, Leg::Lift).is_ok());
    world.promise(later(-800), Leg::Wipe);
    world.moved(later(-799), Leg::Wipe, ActState::Waiting);
    assert!(promise(&world, Leg::Lift).is_ok(), "the wipe never left");
    world.promise(later(-700), Leg::Wipe);
    world.moved(later(-699), Leg::Wipe, ActState::Sent);
    assert!(promise(&world, Leg::Lift).is_err());
    assert!(matches!(promise(&world, Leg::Wipe), Err(ActRefusal::Spent { .. })));
    assert!(promise(&world, Leg::OldRecord).is_err(), "nobody knows yet that it began its next life");
    world.moved(later(-10), Leg::Wipe, ActState::Done);
    assert!(promise(&world, Leg::OldRecord).is_ok());
}

#[test]
fn a_hand_over_that_has_ended_is_not_brought_back_by_one_of_its_requests() {
    let mut world = World::handed_over();
    world.promise(later(-900), Leg::Lift);
    world.moved(later(-899), Leg::Lift, ActState::Sent);
    world.moved(later(-898), Leg::Whole, ActState::Superseded);
    assert!(moved(&world, Leg::Lift, ActState::Done).is_err());
    assert_eq!(world.book.act(&world.act).unwrap().state, ActState::Superseded);
}

#[test]
fn what_comes_of_an_earlier_request_of_a_hand_over_does_not_end_it() {
    let mut world = World::handed_over();
    world.promise(later(-900), Leg::Lift);
    world.moved(later(-899), Leg::Lift, ActState::Sent);
    world.promise(later(-800), Leg::Wipe);
    world.moved(later(-799), Leg::Wipe, ActState::Sent);
    world.moved(later(-10), Leg::Lift, ActState::Superseded);
    let record = world.book.act(&world.act).unwrap();
    assert_eq!(record.state, ActState::Acknowledged);
    assert_eq!(record.leg(Leg::Lift).unwrap().state, ActState::Superseded);
    // Before that, it does: what cannot be lifted is not wiped.
    let mut world = World::handed_over();
    world.promise(later(-900), Leg::Lift);
    world.moved(later(-899), Leg::Lift, ActState::NotSupported);
    assert_eq!(world.book.act(&world.act).unwrap().state, ActState::NotSupported);
}

#[test]
fn limits_count_what_left_once_for_each_act() {
    let mut world = World::new(ActionKind::Wipe);
    world.promise(later(-3 * 86_400), Leg::Whole);
    world.moved(later(-3 * 86_400), Leg::Whole, ActState::ApprovalElsewhere);
    let counted = |world: &World| world.book.promised_since(later(-86_400)).count();
    assert_eq!(counted(&world), 0);
    // Sent again under its approval today.
    let mut event = world.promised(&world.act, Leg::Whole, SafeguardKind::Sealed);
    if let ActEvent::Promised { approved_elsewhere, .. } = &mut event {
        *approved_elsewhere = Some("code".to_owned());
    }
    world.take(later(-60), event);
    assert_eq!(counted(&world), 1);
    // What never left counts for nothing.
    world.moved(later(-59), Leg::Whole, ActState::Waiting);
    assert_eq!(counted(&world), 0);

    let mut world = World::handed_over();
    world.promise(later(-60), Leg::Wipe);
    assert_eq!(counted(&world), 1);
    let kinds: Vec<ActionKind> =
        world.book.requests_since("TENANT", later(-86_400)).map(|(_, kind, _)| kind).collect();
    assert_eq!(kinds, [ActionKind::Wipe]);
    assert_eq!(world.book.requests_since("another", later(-86_400)).count(), 0);
}

#[test]
fn a_document_is_bound_once_and_sealed_codes_are_of_one_life() {
    let mut world = World::new(ActionKind::Wipe);
    let bound = ActEvent::Bound {
        action: world.act.action.clone(),
        kind: ActionKind::Wipe,
        content: String::new(),
        requested_at: later(0),
        expires: later(1),
        serials: Vec::new(),
        commit: None,
        gates: None,
    };
    assert!(matches!(try_take(&world, bound), Err(ActRefusal::Rebound(_))));
    let epoch = world.record.epoch().unwrap();
    let sealed = ActEvent::Sealed {
        serial: world.act.serial,
        tenant: "tenant".to_owned(),
        epoch: epoch.clone(),
        act: None,
        read: later(-5),
        sealed: code(),
    };
    world.take(later(-5), sealed);
    let row = world.book.code_of(&world.act.serial, &epoch).unwrap().row;
    let mut other = epoch;
    other.enrolled = later(-4);
    assert!(world.book.code_of(&world.act.serial, &other).is_none());
    let revealed = |serial: &str, row| {
        let serial = Serial::new(serial).unwrap();
        ActEvent::Revealed { serial, row, who: "anna".to_owned(), why: "returned".to_owned() }
    };
    assert!(try_take(&world, revealed("C02A0001", row)).is_ok());
    assert!(matches!(try_take(&world, revealed("C02A0002", row)), Err(ActRefusal::NotSealed(_))));
}

#[test]
fn a_removal_of_the_former_record_that_ends_badly_leaves_the_hand_over_on_its_way() {
    let wiped = || {
        let mut world = World::handed_over();
        world.promise(later(-900), Leg::Wipe);
        world.moved(later(-899), Leg::Wipe, ActState::Sent);
        world.moved(later(-800), Leg::Wipe, ActState::Done);
        world.promise(later(-700), Leg::OldRecord);
        world
    };
    for to in [ActState::Failed, ActState::NotSupported, ActState::Done] {
        let mut world = wiped();
        world.moved(later(-699), Leg::OldRecord, to);
        let record = world.book.act(&world.act).unwrap();
        assert_eq!((record.state, record.leg(Leg::OldRecord).unwrap().state), (ActState::Acknowledged, to));
    }
    for (state, to) in [
        (ActState::Unknown, ActState::Lost),
        (ActState::Unknown, ActState::Failed),
        (ActState::ApprovalElsewhere, ActState::Expired),
        (ActState::ApprovalElsewhere, ActState::Failed),
    ] {
        let mut world = wiped();
        world.moved(later(-699), Leg::OldRecord, state);
        assert_eq!(world.book.act(&world.act).unwrap().state, state, "nobody knows what came of it");
        // What was wiped is given up by nobody.
        for given_up in [ActState::Cancelled, ActState::Expired] {
            assert!(moved(&world, Leg::Whole, given_up).is_err(), "{state} to {given_up}");
        }
        world.moved(later(-600), Leg::OldRecord, to);
        assert_eq!(world.book.act(&world.act).unwrap().state, ActState::Acknowledged);
        world.moved(later(-500), Leg::Whole, ActState::Done);
    }
}
