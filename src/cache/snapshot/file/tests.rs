use super::super::tests::{NOON, at, change, key, serial, shown, snapshot};
use super::super::{Change, Collected};
use super::*;

#[test]
fn what_was_kept_is_read_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().join("cache"));
    let mut before = snapshot(25);
    kept.save(&mut before).unwrap();
    let after = kept.load(&key(None)).unwrap();
    assert_eq!(after.rows, before.rows);
    assert_eq!((&after.cursor, after.full_at, after.read_at), (&before.cursor, at(NOON), at(NOON)));
    assert_eq!(shown(&after.devices()), shown(&before.devices()));
    assert_eq!(after.devices().without_serial, 1);
    let device = *after.devices().find(&serial(7)).unwrap();
    assert_eq!(device.family, Some(Family::ALL[1]));
    assert_eq!(after.devices().model_of(&device), Some("Mac mini"));
    kept.forget(&key(None));
    assert!(kept.load(&key(None)).is_none());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("a/cache");
    Snapshots::new(folder.clone()).save(&mut snapshot(1)).unwrap();
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
}

#[test]
fn another_services_tokens_servers_or_protocols_snapshot_is_none() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    kept.save(&mut snapshot(3)).unwrap();
    assert!(kept.load(&key(Some("server"))).is_some(), "case does not matter");
    for other in [
        key(Some("OTHER")),
        Key { service: "https://other.example".to_owned(), ..key(None) },
        Key { token: TokenId("other".to_owned()), ..key(None) },
        Key { protocol: "11".to_owned(), ..key(None) },
    ] {
        assert!(kept.load(&other).is_none(), "{other:?}");
    }
}

#[test]
fn a_file_that_is_cut_or_changed_anywhere_is_none() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    kept.save(&mut snapshot(3)).unwrap();
    let path = home.path().join(file(&key(None).token, "devices"));
    let whole = std::fs::read(&path).unwrap();
    for at in 0..whole.len() {
        std::fs::write(&path, &whole[..at]).unwrap();
        assert!(kept.load(&key(None)).is_none(), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert!(kept.load(&key(None)).is_none(), "changed at {at}");
    }
    // Even one whose sum is right is looked through.
    let mut wrong = whole;
    *wrong.last_mut().unwrap() = 99;
    let sum = sum_of(&[], &wrong[MAGIC.len() + SUM..]);
    wrong[MAGIC.len()..][..SUM].copy_from_slice(&sum);
    std::fs::write(&path, wrong).unwrap();
    assert!(kept.load(&key(None)).is_none());
}

#[test]
fn what_cannot_be_kept_leaves_nothing_older_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cache");
    std::fs::write(&folder, "no folder").unwrap();
    let kept = Snapshots::new(folder);
    assert!(kept.save(&mut snapshot(1)).is_err());
    assert!(kept.load(&key(None)).is_none());
}

#[test]
fn every_family_and_status_survives() {
    let list = snapshot(60);
    let after = read(&whole(&list).0).unwrap();
    let families: std::collections::BTreeSet<_> = after.rows.iter().map(|row| row.family).collect();
    assert_eq!(families.len(), Family::ALL.len());
    assert_eq!(after.rows, list.rows);
    assert_eq!(std::mem::size_of::<Row>(), ROW);
}

/// Reads changes onto a snapshot: one device with the profile, and one that went.
fn turn(list: &mut Snapshot, number: usize, profile: &'static str) {
    let mut changes = Collected::onto(list);
    changes.take(&change(number, Status::Assigned, Some(profile)));
    changes.take(&Change { gone: true, ..change(number + 1, Status::Empty, None) });
    list.change(changes, format!("cursor-{profile}"), at("2026-11-03T00:00:00Z"));
}

fn length(kept: &Snapshots) -> u64 {
    kept.path(&key(None)).metadata().unwrap().len()
}

/// Whether two snapshots say the same.
fn assert_same(found: &Snapshot, expected: &Snapshot) {
    assert_eq!(found.rows, expected.rows);
    assert_eq!((&found.cursor, found.read_at), (&expected.cursor, expected.read_at));
    assert_eq!((found.full_at, found.without_serial), (expected.full_at, expected.without_serial));
    assert_eq!(shown(&found.devices()), shown(&expected.devices()));
}

#[test]
fn changes_are_written_behind_the_whole_and_cost_their_own_rows() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    let mut list = snapshot(1_000);
    kept.save(&mut list).unwrap();
    let whole = std::fs::read(kept.path(&key(None))).unwrap();
    for (number, profile) in [(10, "NEW"), (20, "AA"), (30, "NEW"), (2_000, "LAST")] {
        let before = length(&kept);
        turn(&mut list, number, profile);
        kept.save(&mut list).unwrap();
        assert!(length(&kept) - before < 2 * ROW as u64 + 250, "{}", length(&kept) - before);
        let found = kept.load(&key(None)).unwrap();
        assert_same(&found, &list);
        assert_eq!(found.on_disk, list.on_disk);
        // What was read goes on as what was written does.
        list = found;
    }
    assert!(std::fs::read(kept.path(&key(None))).unwrap().starts_with(&whole));
}

#[test]
fn a_part_that_was_cut_off_is_as_if_it_was_not_begun_and_a_damaged_one_makes_it_none() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    let mut list = snapshot(20);
    kept.save(&mut list).unwrap();
    turn(&mut list, 3, "ONE");
    kept.save(&mut list).unwrap();
    let (before, path) = (list.clone(), kept.path(&key(None)));
    let begun = std::fs::read(&path).unwrap().len();
    turn(&mut list, 7, "TWO");
    kept.save(&mut list).unwrap();
    let all = std::fs::read(&path).unwrap();
    for at in begun..all.len() {
        std::fs::write(&path, &all[..at]).unwrap();
        let mut found = kept.load(&key(None)).unwrap();
        assert_same(&found, &before);
        // Whoever goes on from there leaves a sound file.
        turn(&mut found, 9, "THREE");
        kept.save(&mut found).unwrap();
        assert_same(&kept.load(&key(None)).unwrap(), &found);
        let mut damaged = all.clone();
        damaged[at] ^= 1;
        std::fs::write(&path, damaged).unwrap();
        // A length that has become too long is like one of a part that was cut off.
        if let Some(found) = kept.load(&key(None)) {
            assert!((begun + SUM..begun + SUM + 8).contains(&at), "damaged at {at}");
            assert_same(&found, &before);
        }
    }
}

#[test]
fn parts_that_are_swapped_or_of_another_file_are_none() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    let mut list = snapshot(20);
    kept.save(&mut list).unwrap();
    let path = kept.path(&key(None));
    let mut ends = vec![std::fs::read(&path).unwrap().len()];
    for number in [3, 7] {
        turn(&mut list, number, "SAME");
        kept.save(&mut list).unwrap();
        ends.push(std::fs::read(&path).unwrap().len());
    }
    let all = std::fs::read(&path).unwrap();
    let (first, second) = (&all[ends[0]..ends[1]], &all[ends[1]..]);
    let whole = &all[..ends[0]];
    for wrong in [[whole, second, first].concat(), [whole, second].concat(), [whole, first, first].concat()] {
        std::fs::write(&path, wrong).unwrap();
        assert!(kept.load(&key(None)).is_none());
    }
}

#[test]
fn what_was_appended_never_grows_beyond_the_whole() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    let mut list = snapshot(100);
    kept.save(&mut list).unwrap();
    let whole = length(&kept);
    let mut shrunk = 0;
    for round in 0..200 {
        let before = length(&kept);
        turn(&mut list, round % 90, "ROUND");
        kept.save(&mut list).unwrap();
        shrunk += usize::from(length(&kept) < before);
        assert!(length(&kept) <= 2 * whole + 200, "{}", length(&kept));
        assert_same(&kept.load(&key(None)).unwrap(), &list);
    }
    assert!((2..50).contains(&shrunk), "written anew {shrunk} times");
}

#[test]
fn of_two_who_keep_the_same_list_the_last_one_wins() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    let mut one = snapshot(50);
    kept.save(&mut one).unwrap();
    let mut other = kept.load(&key(None)).unwrap();
    turn(&mut one, 3, "ONE");
    kept.save(&mut one).unwrap();
    turn(&mut other, 7, "OTHER");
    kept.save(&mut other).unwrap();
    assert_same(&kept.load(&key(None)).unwrap(), &other);
    turn(&mut one, 9, "AGAIN");
    kept.save(&mut one).unwrap();
    assert_same(&kept.load(&key(None)).unwrap(), &one);
    // A file that is gone is made anew, and so is one that somebody writes to.
    kept.forget(&key(None));
    turn(&mut one, 11, "GONE");
    kept.save(&mut one).unwrap();
    assert_same(&kept.load(&key(None)).unwrap(), &one);
    let held = File::open(kept.path(&key(None))).unwrap();
    held.lock().unwrap();
    turn(&mut one, 13, "HELD");
    kept.save(&mut one).unwrap();
    drop(held);
    assert_same(&kept.load(&key(None)).unwrap(), &one);
}

#[test]
fn changes_of_changes_that_were_not_kept_and_a_new_key_write_the_whole() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    let mut list = snapshot(50);
    kept.save(&mut list).unwrap();
    turn(&mut list, 3, "ONE");
    turn(&mut list, 7, "TWO");
    kept.save(&mut list).unwrap();
    assert_same(&kept.load(&key(None)).unwrap(), &list);
    list.key = key(Some("OTHER"));
    turn(&mut list, 9, "THREE");
    kept.save(&mut list).unwrap();
    assert!(kept.load(&key(Some("SERVER"))).is_none());
    assert_same(&kept.load(&key(Some("other"))).unwrap(), &list);
}
