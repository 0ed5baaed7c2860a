//! What only a file can get wrong.

use std::process::Command;

use uuid::Uuid;

use super::super::suite::{Ground, InFile, at, fleet, holder, intent, owned};
use super::super::{Event, IntentState, Ledger, LedgerError};
use super::*;
use crate::model::desired::{Gates, LimitKind};
use crate::model::{Serial, ServiceId, TokenId};

fn raw(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

#[test]
fn a_ledger_is_made_once_and_on_purpose() {
    let ground = InFile::new();
    let refused = Ledger::create(&ground.path, None, at(1)).err().unwrap();
    assert!(matches!(refused, LedgerError::Exists { .. }));
    assert_eq!(Ledger::open(&ground.path, fleet()).unwrap().born(), at(0));

    let elsewhere = ground.folder.path().join("none/ledger.sqlite");
    let missing = Ledger::open(&elsewhere, fleet()).err().unwrap();
    assert!(missing.is_exit_10() && missing.next().contains("ledger create"), "{missing}");
    assert!(Ledger::open_read_only(&elsewhere, fleet()).is_err_and(|error| error.is_exit_10()));
    assert!(!elsewhere.parent().unwrap().exists(), "looking makes nothing");
    assert!(matches!(Ledger::create(&elsewhere, Some(Uuid::nil()), at(1)), Err(LedgerError::NilId)));

    let made = Ledger::create_simulated(&elsewhere, fleet(), at(5)).unwrap();
    let again = Ledger::create_simulated(&elsewhere, fleet(), at(6)).unwrap();
    assert_eq!((made.born(), again.born()), (at(5), at(5)));
    assert_eq!(std::fs::read_dir(elsewhere.parent().unwrap()).unwrap().count(), 1, "one file");
}

#[test]
fn another_fleets_ledger_is_refused_with_both_ids() {
    let ground = InFile::new();
    let wanted = Uuid::from_u128(5);
    let refused = Ledger::open(&ground.path, wanted).err().unwrap();
    let text = refused.to_string();
    assert!(
        refused.is_exit_10() && text.contains(&wanted.to_string()) && text.contains(&fleet().to_string())
    );
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_look_into_it() {
    use std::os::unix::fs::PermissionsExt;
    let ground = InFile::new();
    let _lease = ground.ledger().lock(holder(1)).unwrap();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&ground.path), 0o600);
    assert_eq!(mode(&lock_path(&ground.path)), 0o600);
    assert_eq!(mode(ground.path.parent().unwrap()), 0o700);
}

#[test]
fn what_is_no_ledger_or_too_new_is_told_apart() {
    let ground = InFile::new();
    let file = |name: &str| ground.folder.path().join(name);
    std::fs::write(file("text"), "x".repeat(2000)).unwrap();
    std::fs::write(file("empty"), "").unwrap();
    raw(&file("other")).execute_batch("CREATE TABLE t (a)").unwrap();
    for name in ["text", "empty", "other", "deep"] {
        let refused = Ledger::open(&file(name), fleet()).err();
        assert!(matches!(refused, Some(LedgerError::NotALedger { .. })), "{name}: {refused:?}");
    }
    raw(&ground.path).pragma_update(None, "user_version", FORMAT + 1).unwrap();
    let refused = Ledger::open(&ground.path, fleet()).err();
    assert!(matches!(refused, Some(LedgerError::TooNew { found, .. }) if found == FORMAT + 1));
}

#[test]
fn a_file_of_an_earlier_format_becomes_one_of_this_with_the_first_entry_that_needs_it() {
    let ground = InFile::new();
    let format = || raw(&ground.path).pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    raw(&ground.path).pragma_update(None, "user_version", 1).unwrap();
    assert_eq!(Ledger::open_read_only(&ground.path, fleet()).unwrap().view(at(1)).unwrap().head, 1);

    let ledger = ground.ledger();
    let lease = ledger.lock(holder(1)).unwrap();
    ledger.append(&lease, at(1), &[owned("a", "1")]).unwrap();
    let [intent] = ledger.intend(&lease, at(1), &[intent("a", "assign", 0)]).unwrap()[..] else { panic!() };
    let unbounded = Event::GatesApplied { gates: Gates::unbounded(), policies: Vec::new() };
    ledger.settle(&lease, at(1), &[(intent, IntentState::Failed, String::new())], &[unbounded]).unwrap();
    assert_eq!(format().unwrap(), 1, "an older program can go on with it");

    let cooled = Event::Cooled { token_id: TokenId("token".to_owned()), serials: Vec::new() };
    assert!(matches!(
        ledger.append(&lease, at(2), &[cooled.clone(), owned("b", "2"), Event::Born { fleet: fleet() }]),
        Err(LedgerError::Illegal(_))
    ));
    assert_eq!(format().unwrap(), 1, "what is refused leaves no mark");
    ledger.append(&lease, at(2), &[owned("b", "2"), cooled]).unwrap();
    assert_eq!(format().unwrap(), 2);
    let view = ground.ledger().view(at(3)).unwrap();
    assert_eq!(view.owned.len(), 2);
}

#[test]
fn an_older_program_goes_on_with_a_ledger_until_an_organisation_is_in_it() {
    let ground = InFile::new();
    let format = || raw(&ground.path).pragma_query_value(None, "user_version", |row| row.get::<_, u32>(0));
    raw(&ground.path).pragma_update(None, "user_version", 2).unwrap();
    let ledger = ground.ledger();
    let lease = ledger.lock(holder(1)).unwrap();
    ledger.intend(&lease, at(1), &[intent("a", "assign", 0)]).unwrap();
    assert_eq!(format().unwrap(), 2);
    let of_an_activity = super::super::NewIntent { serials: serials(1), ..intent("b", "assignService", 0) };
    ledger.intend(&lease, at(2), &[of_an_activity]).unwrap();
    assert_eq!(format().unwrap(), 3, "a program of format 2 would lose the devices");
}

fn serials(count: usize) -> Vec<Serial> {
    (0..count).map(|at| Serial::new(&format!("C02XW{at:07}")).unwrap()).collect()
}

#[test]
fn an_activity_writes_each_serial_once() {
    let ground = InFile::new();
    let ledger = ground.ledger();
    let lease = ledger.lock(holder(1)).unwrap();
    let bytes = || -> i64 {
        raw(&ground.path).query_row("SELECT sum(length(entry)) FROM log", [], |row| row.get(0)).unwrap()
    };
    let before = bytes();
    let intent = super::super::NewIntent {
        service: Some(ServiceId::new("F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0F0")),
        serials: serials(1000),
        items: 1000,
        ..intent("a", "assignService", 0)
    };
    let [id] = ledger.intend(&lease, at(1), &[intent]).unwrap()[..] else { panic!() };
    let activity = crate::model::ActivityId("b1f0c5d2-0000-4000-8000-000000000000".to_owned());
    let accepted = Event::ActivityAccepted { intent: id, activity: activity.clone() };
    ledger.settle(&lease, at(2), &[(id, IntentState::Committed, String::new())], &[accepted]).unwrap();
    let state = "COMPLETED COMPLETED_WITH_SUCCESS".to_owned();
    ledger.append(&lease, at(3), &[Event::ActivityEnded { activity, state, issues: Vec::new() }]).unwrap();
    let written = bytes() - before;
    // Twelve characters, two quotes and a comma; what is told of the activity itself comes once.
    assert!(written < 15 * 1000 + 1000, "{written} bytes for 1,000 devices");
}

#[test]
fn a_limit_that_an_older_program_does_not_know_needs_the_later_format() {
    let with = |gates| Event::GatesApplied { gates, policies: Vec::new() };
    assert_eq!(with(Gates::unbounded()).format(), 1);
    assert_eq!(with(Gates::default()).format(), 4, "it bounds acts");
    let mut gates = Gates::default();
    gates.limits.retain(|kind, _| !matches!(kind, LimitKind::Act(_)));
    assert_eq!(with(gates).format(), 2, "it bounds `unassign`");
}

#[test]
fn the_log_cannot_be_rewritten_and_damage_is_named() {
    let ground = InFile::new();
    let ledger = ground.ledger();
    let lease = ledger.lock(holder(1)).unwrap();
    ledger.append(&lease, at(1), &[owned("a", "1"), owned("b", "2")]).unwrap();
    let connection = raw(&ground.path);
    assert!(connection.execute("DELETE FROM log WHERE seq = 2", []).is_err());
    assert!(connection.execute("UPDATE log SET entry = '{}' WHERE seq = 2", []).is_err());

    connection
        .execute_batch("DROP TRIGGER log_keeps_words; UPDATE log SET entry = '{}' WHERE seq = 2")
        .unwrap();
    let ledger = ground.ledger();
    assert!(matches!(ledger.view(at(2)), Err(LedgerError::Damaged { seq: 2, .. })));
    assert_eq!(ledger.check().unwrap().problems.len(), 1);
    assert!(matches!(ledger.intend(&lease, at(2), &[intent("a", "x", 0)]), Err(LedgerError::Damaged { .. })));
}

#[test]
fn a_reader_cannot_write() {
    let ground = InFile::new();
    let reader = Ledger::open_read_only(&ground.path, fleet()).unwrap();
    assert!(matches!(reader.lock(holder(1)), Err(LedgerError::ReadOnly { .. })));
    assert!(!lock_path(&ground.path).exists());
    let store = SqliteStore::open(&ground.path, Access::Read).unwrap();
    assert!(store.connection().execute("INSERT INTO log VALUES (2, '', '')", []).is_err());
}

#[test]
fn a_reader_rolls_back_what_a_killed_writer_left() {
    let ground = InFile::new();
    let mut connection = raw(&ground.path);
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
    insert(&transaction, &[(2, "half".to_owned(), "written".to_owned())]).unwrap();
    transaction.cache_flush().unwrap();
    // The files as they stand at this instant are what a killed process leaves.
    let copy = ground.folder.path().join("copy.sqlite");
    let journal = |path: &Path| PathBuf::from(format!("{}-journal", path.display()));
    std::fs::copy(&ground.path, &copy).unwrap();
    std::fs::copy(journal(&ground.path), journal(&copy)).unwrap();
    transaction.rollback().unwrap();

    let reader = Ledger::open_read_only(&copy, fleet()).unwrap();
    assert_eq!(reader.view(at(1)).unwrap().head, 1);
    assert!(reader.check().unwrap().problems.is_empty());
    assert!(!journal(&copy).exists());
}

/// The test that the next one runs in a process of its own, to be killed in it.
#[test]
fn child_writes() {
    if let Some(path) = std::env::var_os("ESPALIER_TEST_CHILD_LEDGER") {
        let ledger = Ledger::open(Path::new(&path), fleet()).unwrap();
        let lease = ledger.lock(holder(1)).unwrap();
        ledger.intend(&lease, at(1), &[intent("a", "create", 0)]).unwrap();
        ledger.append(&lease, at(1), &[owned("b", "2")]).unwrap();
    }
}

#[test]
fn a_killed_run_frees_the_lock_and_leaves_whole_writes() {
    // Writes of the child: 1 the lease, 2 the intent, 3 the event.
    for (moment, head) in
        [("1:before", 1), ("1:after", 1), ("2:before", 1), ("2:after", 2), ("3", 2), ("3:after", 3)]
    {
        let ground = InFile::new();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "ledger::sqlite::tests::child_writes"])
            .env("ESPALIER_TEST_CHILD_LEDGER", &ground.path)
            .env("ESPALIER_TEST_DIE_AT_LEDGER_WRITE", moment)
            .output()
            .unwrap();
        assert!(!child.status.success(), "{moment}");
        let ledger = ground.ledger();
        let _lease = ledger.lock(holder(2)).unwrap();
        let view = ledger.view(at(2)).unwrap();
        assert_eq!((view.head, view.unsettled.len()), (head, usize::from(head > 1)), "{moment}");
        assert!(ledger.check().unwrap().problems.is_empty(), "{moment}");
    }
}
