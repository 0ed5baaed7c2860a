use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

const NOON: &str = "2026-11-02T12:00:00Z";

fn serial(number: usize) -> Serial {
    Serial::new(&format!("DMPK{number:06}")).unwrap()
}

fn key(server: Option<&str>) -> Key {
    Key {
        service: "https://apple.example".to_owned(),
        token: TokenId("token".to_owned()),
        server: server.map(str::to_owned),
        protocol: "10".to_owned(),
    }
}

fn change(number: usize, status: Status, profile: Option<&'static str>) -> Change<'static> {
    Change {
        serial: serial(number),
        changed: None,
        gone: false,
        profile,
        status,
        family: Some(Family::ALL[number % Family::ALL.len()]),
        model: Some(["iPad Air", "Mac mini"][number % 2]),
    }
}

fn snapshot(devices: usize) -> Snapshot {
    let mut collected = Collected::default();
    // In the order of the service, which is none.
    for number in (0..devices).rev() {
        let profile = ["AA", "BB", "CC"][number % 3];
        collected.take(&change(number, Status::ALL[number % 5], Some(profile)));
    }
    collected.without_serial();
    collected.complete(key(Some("SERVER")), "cursor-1".to_owned(), at(NOON))
}

fn shown(devices: &Devices) -> Vec<String> {
    let of = |device| {
        let profile = devices.profile_of(device).map_or("-", |profile| profile.0.as_str());
        format!("{} {profile} {:?}", device.serial, device.state)
    };
    devices.iter().map(of).collect()
}

#[test]
fn what_was_kept_is_read_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().join("cache"));
    let before = snapshot(25);
    kept.save(&before).unwrap();
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
    Snapshots::new(folder.clone()).save(&snapshot(1)).unwrap();
    let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
}

#[test]
fn another_services_tokens_servers_or_protocols_snapshot_is_none() {
    let home = tempfile::tempdir().unwrap();
    let kept = Snapshots::new(home.path().to_owned());
    kept.save(&snapshot(3)).unwrap();
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
    kept.save(&snapshot(3)).unwrap();
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
    let mut body = body(&snapshot(3));
    let last = body.len() - 1;
    body[last] = 99;
    let sum = openssl::sha::sha256(&body);
    std::fs::write(&path, [MAGIC, &sum, &body].concat()).unwrap();
    assert!(kept.load(&key(None)).is_none());
}

#[test]
fn what_cannot_be_kept_leaves_nothing_older_behind() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cache");
    std::fs::write(&folder, "no folder").unwrap();
    let kept = Snapshots::new(folder);
    assert!(kept.save(&snapshot(1)).is_err());
    assert!(kept.load(&key(None)).is_none());
}

#[test]
fn the_newest_of_several_changes_counts_and_among_equals_the_last() {
    let mut list = snapshot(4);
    let mut changes = Collected::onto(&list);
    let on = |number, profile, time: Option<&str>| Change {
        changed: time.map(at),
        ..change(number, Status::Assigned, Some(profile))
    };
    changes.take(&on(0, "NEW", Some("2026-11-02T13:00:02Z")));
    changes.take(&on(0, "OLD", Some("2026-11-02T13:00:01Z")));
    changes.take(&on(1, "FIRST", Some("2026-11-02T13:00:00Z")));
    changes.take(&on(1, "LAST", Some("2026-11-02T13:00:00Z")));
    changes.take(&Change { gone: true, ..on(2, "", Some("2026-11-02T13:00:00Z")) });
    changes.take(&on(9, "ADDED", None));
    list.change(changes, "cursor-2".to_owned(), at("2026-11-03T00:00:00Z"));
    assert_eq!(
        shown(&list.devices()),
        [
            "DMPK000000 NEW NotContacted",
            "DMPK000001 LAST NotContacted",
            "DMPK000003 - Removed",
            "DMPK000009 ADDED NotContacted",
        ]
    );
    assert_eq!((list.cursor.as_str(), list.full_at), ("cursor-2", at(NOON)));
    let mut changes = Collected::onto(&list);
    changes.take(&on(0, "LATE", Some("2026-11-02T13:00:01Z")));
    changes.take(&Change { gone: true, ..on(1, "", None) });
    list.change(changes, "cursor-3".to_owned(), at("2026-11-03T00:00:00Z"));
    assert_eq!(shown(&list.devices())[..2], ["DMPK000000 NEW NotContacted", "DMPK000003 - Removed"]);
}

#[test]
fn s3_a_list_is_kept_up_by_changes_for_seven_days() {
    let list = snapshot(1);
    for (now, due) in [
        (NOON, false),
        ("2026-11-09T11:59:59Z", false),
        ("2026-11-09T12:00:00Z", true),
        ("2026-11-02T11:59:59Z", true),
    ] {
        assert_eq!(list.is_due(at(now)), due, "{now}");
    }
}

#[test]
fn every_family_and_status_survives() {
    let list = snapshot(60);
    let after = read(&[MAGIC, &openssl::sha::sha256(&body(&list)), &body(&list)].concat()).unwrap();
    let families: std::collections::BTreeSet<_> = after.rows.iter().map(|row| row.family).collect();
    assert_eq!(families.len(), Family::ALL.len());
    assert_eq!(after.rows, list.rows);
    assert_eq!(std::mem::size_of::<Row>(), ROW);
}

#[test]
fn a_record_without_a_date_is_as_new_as_what_is_known() {
    let mut list = snapshot(1);
    let rounds = [
        (Some("2026-11-02T13:00:05Z"), "FIRST", "FIRST"),
        // As a single device is asked for.
        (None, "ASKED", "ASKED"),
        (Some("2026-11-02T13:00:04Z"), "EARLIER", "ASKED"),
        (Some("2026-11-02T13:00:05Z"), "LATER", "LATER"),
    ];
    for (time, profile, expected) in rounds {
        let mut changes = Collected::onto(&list);
        let change = change(0, Status::Assigned, Some(profile));
        changes.take(&Change { changed: time.map(at), ..change });
        list.change(changes, "cursor".to_owned(), at("2026-11-03T00:00:00Z"));
        assert_eq!(shown(&list.devices()), [format!("DMPK000000 {expected} NotContacted")]);
    }
}
