//! The one suite of tests for every store.

mod acts;
mod random;

use std::path::PathBuf;

use uuid::Uuid;

use super::*;
use crate::model::{ActivityId, Address, Name, ProfileId, Serial, ServiceId, TokenId};
use acts::{
    a_late_writer_gets_no_permit, a_promise_that_nobody_checked_is_refused,
    a_request_to_a_device_is_promised_once_with_its_code, a_restored_ledger_is_born_when_it_was_put_back,
};

/// A log with a way to reach it as another process would.
pub(super) trait Ground {
    /// Another handle on the same log.
    fn ledger(&self) -> Ledger;
    /// Lets others in although somebody is.
    fn lose_the_exclusion(&self);
}

pub(super) struct InMemory(MemoryStore);

impl InMemory {
    fn new() -> Self {
        Self(MemoryStore::new(birth(fleet(), at(0)).unwrap()))
    }
}

impl Ground for InMemory {
    fn ledger(&self) -> Ledger {
        Ledger::over(self.0.clone()).unwrap()
    }

    fn lose_the_exclusion(&self) {
        self.0.lose_the_exclusion();
    }
}

pub(super) struct InFile {
    // Removed with its content on drop.
    pub(super) folder: tempfile::TempDir,
    pub(super) path: PathBuf,
}

impl InFile {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/ledger.sqlite");
        Ledger::create(&path, Some(fleet()), at(0)).unwrap();
        Self { folder, path }
    }
}

impl Ground for InFile {
    fn ledger(&self) -> Ledger {
        Ledger::open(&self.path, fleet()).unwrap()
    }

    fn lose_the_exclusion(&self) {
        std::fs::remove_file(self.path.with_file_name("ledger.sqlite.lock")).unwrap();
    }
}

pub(super) fn fleet() -> Uuid {
    Uuid::from_u128(0xf1ee7)
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn holder(run: u128) -> Holder {
    Holder {
        host: "mill".to_owned(),
        pid: 7,
        user: "ada".to_owned(),
        command: "apply fleet".to_owned(),
        run: Uuid::from_u128(run),
        since: at(0),
    }
}

pub(super) fn address(profile: &str) -> Address {
    Address::profile(&Name::new(profile).unwrap(), &Name::new("school").unwrap())
}

pub(super) fn intent(profile: &str, write: &str, part: u32) -> NewIntent {
    NewIntent {
        address: address(profile),
        tenant: "tenant".to_owned(),
        write: write.to_owned(),
        part,
        name: Some(profile.to_owned()),
        object: None,
        platform: None,
        items: 1,
        service: None,
        serials: Vec::new(),
    }
}

pub(super) fn owned(profile: &str, object: &str) -> Event {
    Event::Owned {
        address: address(profile),
        tenant: "tenant".to_owned(),
        token_id: TokenId("token".to_owned()),
        object: Some(ProfileId(object.to_owned())),
        how: How::Created,
        name: profile.to_owned(),
    }
}

pub(super) fn disowned(profile: &str) -> Event {
    Event::Disowned { address: address(profile), why: "gone".to_owned() }
}

fn a_new_ledger_is_born_and_empty(ground: &impl Ground) {
    let ledger = ground.ledger();
    let view = ledger.view(at(9)).unwrap();
    assert_eq!((view.id, view.born, view.head), (fleet(), at(0), 1));
    assert!(view.owned.is_empty() && view.unsettled.is_empty() && view.gates.is_none());
    let report = ledger.check().unwrap();
    assert_eq!((report.problems, report.entries, report.runs), (vec![], 1, 0));
}

fn appends_keep_their_order_and_are_seen_by_others(ground: &impl Ground) {
    let (writer, reader) = (ground.ledger(), ground.ledger());
    assert_eq!(reader.view(at(1)).unwrap().head, 1);
    let lease = writer.lock(holder(1)).unwrap();
    writer.append(&lease, at(1), &[owned("a", "1"), owned("b", "2")]).unwrap();
    writer.append(&lease, at(2), &[disowned("a"), owned("c", "3")]).unwrap();

    let rows = reader.journal(4).unwrap();
    let entries: Vec<Entry> = rows.iter().map(|row| row.entry.clone()).collect();
    let events = [owned("a", "1"), owned("b", "2"), disowned("a"), owned("c", "3")];
    assert_eq!(entries, events.map(Entry::Event));
    assert_eq!(rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(reader.journal(1).unwrap(), rows[3..]);
    let view = reader.view(at(3)).unwrap();
    assert_eq!(view.owned.keys().cloned().collect::<Vec<_>>(), [address("b"), address("c")]);
    assert_eq!(view, writer.view(at(3)).unwrap());
}

fn one_run_writes_and_the_other_learns_who(ground: &impl Ground) {
    let (one, other) = (ground.ledger(), ground.ledger());
    let lease = one.lock(holder(1)).unwrap();
    let refused = other.lock(holder(2)).unwrap_err();
    assert!(refused.is_exit_10());
    let text = refused.to_string();
    assert!(matches!(refused, LedgerError::Held { holder: Some(found) } if *found == holder(1)));
    for word in ["`apply fleet`", "ada", "mill", "process 7", "2027-01-15T08:00:00Z"] {
        assert!(text.contains(word), "{text}");
    }
    drop(lease);
    let lease = other.lock(holder(2)).unwrap();
    assert_eq!(lease.fence(), 2);
    assert_eq!(one.check().unwrap().last_holder, Some(holder(2)));
}

fn a_late_writer_is_refused(ground: &impl Ground) {
    let (early, late) = (ground.ledger(), ground.ledger());
    let old = early.lock(holder(1)).unwrap();
    let id = early.intend(&old, at(1), &[intent("a", "create", 0)]).unwrap()[0];
    ground.lose_the_exclusion();
    let new = late.lock(holder(2)).unwrap();
    for refused in [
        early.append(&old, at(2), &[owned("a", "1")]).unwrap_err(),
        early.intend(&old, at(2), &[intent("b", "create", 0)]).unwrap_err(),
        early.settle(&old, at(2), &[(id, IntentState::Committed, String::new())], &[]).unwrap_err(),
    ] {
        assert!(matches!(refused, LedgerError::Late), "{refused:?}");
    }
    // The new holder sees the open intent and settles it.
    let open = late.view(at(3)).unwrap().unsettled;
    assert_eq!(
        open.iter().map(|intent| (intent.id, intent.state)).collect::<Vec<_>>(),
        [(id, IntentState::Open)]
    );
    late.settle(&new, at(3), &[(id, IntentState::Settled, "found".to_owned())], &[owned("a", "1")]).unwrap();
    let view = early.view(at(4)).unwrap();
    assert!(view.unsettled.is_empty() && view.owned.contains_key(&address("a")));
}

fn a_promise_is_given_once(ground: &impl Ground) {
    let ledger = ground.ledger();
    let lease = ledger.lock(holder(1)).unwrap();
    let conflict = |lease: &Lease, intents: &[NewIntent]| {
        matches!(ledger.intend(lease, at(1), intents), Err(LedgerError::Conflict { intent: 2, .. }))
    };
    let ids = ledger.intend(&lease, at(1), &[intent("a", "assign", 0), intent("a", "assign", 1)]).unwrap();
    assert_eq!(ids, [2, 3]);
    assert!(conflict(&lease, &[intent("a", "assign", 0)]));
    // A batch with one conflict is not written at all.
    assert!(conflict(&lease, &[intent("b", "assign", 0), intent("a", "assign", 0)]));
    assert_eq!(ledger.view(at(2)).unwrap().head, 3);
    // Another write, another object, another part of the same run are no conflicts.
    ledger
        .intend(
            &lease,
            at(2),
            &[intent("a", "delete", 0), intent("b", "assign", 0), intent("a", "assign", 7)],
        )
        .unwrap();
    drop(lease);

    let lease = ledger.lock(holder(2)).unwrap();
    assert!(conflict(&lease, &[intent("a", "assign", 9)]), "another run's share of the same write");
    let all = ledger.view(at(3)).unwrap().unsettled;
    let lost: Vec<_> = all.iter().map(|intent| (intent.id, IntentState::Unknown, "cut".to_owned())).collect();
    ledger.settle(&lease, at(4), &lost, &[]).unwrap();
    assert!(conflict(&lease, &[intent("a", "assign", 9)]), "unknown is not settled");
    let found: Vec<_> = all.iter().map(|intent| (intent.id, IntentState::Settled, String::new())).collect();
    ledger.settle(&lease, at(5), &found, &[]).unwrap();
    ledger.intend(&lease, at(6), &[intent("a", "assign", 9)]).unwrap();
}

fn an_illegal_entry_takes_its_whole_batch_with_it(ground: &impl Ground) {
    let ledger = ground.ledger();
    let lease = ledger.lock(holder(1)).unwrap();
    let id = ledger.intend(&lease, at(1), &[intent("a", "create", 0)]).unwrap()[0];
    let done = (id, IntentState::Committed, String::new());
    let unborn = Event::Born { fleet: fleet() };
    let unowned = Event::Applied { address: address("z"), fields: Default::default() };
    for refused in [
        ledger.settle(&lease, at(2), &[done.clone(), done.clone()], &[owned("a", "1")]),
        ledger.settle(&lease, at(2), &[(id + 9, IntentState::Failed, String::new())], &[owned("a", "1")]),
        ledger.settle(&lease, at(2), std::slice::from_ref(&done), &[owned("a", "1"), unborn]),
        ledger.append(&lease, at(2), &[owned("a", "1"), unowned]),
    ] {
        assert!(matches!(refused, Err(LedgerError::Illegal(_))), "{refused:?}");
    }
    let view = ledger.view(at(3)).unwrap();
    assert_eq!((view.head, view.owned.len(), view.unsettled.len()), (2, 0, 1));
    ledger.settle(&lease, at(3), &[done], &[owned("a", "1")]).unwrap();
    let view = ledger.view(at(4)).unwrap();
    assert_eq!((view.head, view.owned.len(), view.unsettled.len()), (4, 1, 0));
}

fn an_activity_is_named_with_the_outcome_of_its_intent(ground: &impl Ground) {
    let devices = |texts: &[&str]| texts.iter().map(|text| Serial::new(text).unwrap()).collect::<Vec<_>>();
    let of = |part, texts: &[&str]| NewIntent {
        service: Some(ServiceId::new("f0")),
        serials: devices(texts),
        ..intent("a", "assignService", part)
    };
    let (ledger, reader) = (ground.ledger(), ground.ledger());
    let lease = ledger.lock(holder(1)).unwrap();
    let ids = ledger.intend(&lease, at(1), &[of(0, &["A0", "B1"]), of(1, &["C2"])]).unwrap();
    let accepted = |intent, id: &str| Event::ActivityAccepted { intent, activity: ActivityId(id.to_owned()) };
    let done = |id| (id, IntentState::Committed, String::new());
    ledger.settle(&lease, at(2), &[done(ids[0])], &[accepted(ids[0], "one")]).unwrap();
    drop(lease);

    // Another run: the first is open at Apple, of the second nobody knows whether it was sent.
    let lease = reader.lock(holder(2)).unwrap();
    let view = reader.view(at(3)).unwrap();
    assert_eq!(view.unsettled.iter().map(|one| one.serials.clone()).collect::<Vec<_>>(), [devices(&["C2"])]);
    assert_eq!(view.apple.open_activities("tenant").count(), 1);
    for held in [&["A0"][..], &["C2", "D3"]] {
        let refused = reader.intend(&lease, at(3), &[of(0, held)]);
        assert!(matches!(refused, Err(LedgerError::Conflict { .. })), "{refused:?}");
    }
    // The same object and write: other devices are no conflict.
    let [third] = reader.intend(&lease, at(4), &[of(0, &["D3"])]).unwrap()[..] else { panic!() };
    let ended = Event::ActivityEnded {
        activity: ActivityId("one".to_owned()),
        state: "COMPLETED".to_owned(),
        issues: Vec::new(),
    };
    let results =
        [(ids[1], IntentState::Settled, String::new()), (third, IntentState::Failed, String::new())];
    reader.settle(&lease, at(5), &results, &[ended]).unwrap();
    reader.intend(&lease, at(6), &[of(0, &["A0", "B1", "C2", "D3"])]).unwrap();
    assert_eq!(ground.ledger().view(at(7)).unwrap(), reader.view(at(7)).unwrap());
    assert_eq!(reader.check().unwrap().problems, Vec::<String>::new());
}

macro_rules! suite {
    ($store:ident, $ground:expr) => {
        mod $store {
            use super::*;
            suite!(@ $ground, a_new_ledger_is_born_and_empty, appends_keep_their_order_and_are_seen_by_others,
                one_run_writes_and_the_other_learns_who, a_late_writer_is_refused, a_promise_is_given_once,
                an_illegal_entry_takes_its_whole_batch_with_it,
                an_activity_is_named_with_the_outcome_of_its_intent,
                a_request_to_a_device_is_promised_once_with_its_code, a_promise_that_nobody_checked_is_refused,
                a_late_writer_gets_no_permit, a_restored_ledger_is_born_when_it_was_put_back);

            #[test]
            fn random_histories_with_crashes_end_as_they_should() {
                random::histories_end_as_they_should(|| $ground);
            }
        }
    };
    (@ $ground:expr, $($rule:ident),+) => { $(
        #[test]
        fn $rule() {
            super::$rule(&$ground);
        }
    )+ };
}

suite!(memory, InMemory::new());
suite!(sqlite, InFile::new());
