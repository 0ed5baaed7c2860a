//! Acts on devices, in every store: a promise is given once, with the code that it rests on.

use super::{Ground, at, holder};
use crate::acts::tests::world::{World, code};
use crate::acts::{ActEvent, ActState, Leg, SafeguardKind};
use crate::ledger::{Event, LedgerError, ReplayError, Request};
use crate::model::ActionKind;

fn request() -> Request {
    Request {
        tenant: "tenant".to_owned(),
        token: None,
        digest: "sha256:request".to_owned(),
        approved_elsewhere: None,
    }
}

fn bound(world: &World) -> Event {
    let (kind, serials) = (world.content.kind, vec![world.act.serial]);
    Event::Act(ActEvent::Bound {
        action: world.act.action.clone(),
        kind,
        content: crate::acts::digest::content(&world.content),
        requested_at: world.content.requested_at,
        expires: world.content.expires,
        serials,
        commit: None,
        gates: None,
    })
}

pub(super) fn a_request_to_a_device_is_promised_once_with_its_code(ground: &impl Ground) {
    let (ledger, world) = (ground.ledger(), World::new(ActionKind::Wipe));
    let lease = ledger.lock(holder(1)).unwrap();
    ledger.append(&lease, at(1), &[bound(&world)]).unwrap();
    let permit = ledger.promise(&lease, at(2), world.clear().unwrap(), request()).unwrap();
    assert_eq!((permit.act(), permit.leg(), permit.row()), (&world.act, Leg::Whole, 3));
    assert_eq!((permit.epoch(), permit.request()), (&world.planned, &request()));

    // Whoever looks sees the promise and the code, in one entry.
    let book = ground.ledger().view(at(3)).unwrap().acts;
    let record = book.act(&world.act).unwrap();
    let promise = record.leg(Leg::Whole).unwrap();
    assert_eq!(
        (record.state, promise.row, &promise.safeguard),
        (ActState::Promised, 3, &SafeguardKind::Sealed)
    );
    let kept = book.code_of(&world.act.serial, &world.planned).unwrap();
    assert_eq!((kept.row, &kept.sealed, kept.act.as_ref()), (3, &code(), Some(&world.act)));

    // It is given once, whatever another check thought.
    let again = ledger.promise(&lease, at(4), world.clear().unwrap(), request());
    assert!(matches!(again, Err(LedgerError::Illegal(ReplayError::Act(_)))), "{again:?}");
    let moved = |to| {
        let (act, evidence) = (world.act.clone(), "accepted".to_owned());
        Event::Act(ActEvent::Moved { act, leg: Leg::Whole, to, evidence, approval: None })
    };
    ledger.append(&lease, at(5), &[moved(ActState::Sent)]).unwrap();
    ledger.append(&lease, at(6), &[moved(ActState::Done)]).unwrap();
    assert!(ledger.promise(&lease, at(7), world.clear().unwrap(), request()).is_err(), "an end stays");
    assert!(ledger.append(&lease, at(8), &[moved(ActState::Sent)]).is_err());
    assert_eq!(ground.ledger().view(at(9)).unwrap().acts.act(&world.act).unwrap().state, ActState::Done);
    assert_eq!(ledger.check().unwrap().problems, Vec::<String>::new());
}

pub(super) fn a_promise_that_nobody_checked_is_refused(ground: &impl Ground) {
    let (ledger, world) = (ground.ledger(), World::new(ActionKind::Wipe));
    let lease = ledger.lock(holder(1)).unwrap();
    ledger.append(&lease, at(1), &[bound(&world)]).unwrap();
    let promised = Event::Act(world.promised(&world.act, Leg::Whole, SafeguardKind::NotNeeded));
    let refused = ledger.append(&lease, at(2), &[promised]).unwrap_err();
    assert!(matches!(refused, LedgerError::Unchecked { .. }), "{refused}");
    assert_eq!(ledger.view(at(3)).unwrap().acts.act(&world.act).unwrap().state, ActState::Waiting);
}

pub(super) fn a_late_writer_gets_no_permit(ground: &impl Ground) {
    let (late, world) = (ground.ledger(), World::new(ActionKind::Wipe));
    let lost = late.lock(holder(1)).unwrap();
    late.append(&lost, at(1), &[bound(&world)]).unwrap();
    ground.lose_the_exclusion();
    let newer = ground.ledger();
    let lease = newer.lock(holder(2)).unwrap();
    let refused = late.promise(&lost, at(2), world.clear().unwrap(), request()).unwrap_err();
    assert!(matches!(refused, LedgerError::Late), "{refused}");
    newer.promise(&lease, at(3), world.clear().unwrap(), request()).unwrap();
    assert_eq!(newer.view(at(4)).unwrap().acts.act(&world.act).unwrap().promises.len(), 1);
}

pub(super) fn a_restored_ledger_is_born_when_it_was_put_back(ground: &impl Ground) {
    let ledger = ground.ledger();
    let lease = ledger.lock(holder(1)).unwrap();
    let restored =
        ActEvent::Restored { who: "ada".to_owned(), why: "the disk died".to_owned(), rewritten: false };
    ledger.append(&lease, at(50), &[Event::Act(restored)]).unwrap();
    assert_eq!(ground.ledger().view(at(60)).unwrap().born, at(50));
    assert_eq!(ledger.born(), at(0), "the log begins where it began");
}
