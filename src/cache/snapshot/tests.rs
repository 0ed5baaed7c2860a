use super::*;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(super) const NOON: &str = "2026-11-02T12:00:00Z";

pub(super) fn serial(number: usize) -> Serial {
    Serial::new(&format!("DMPK{number:06}")).unwrap()
}

pub(super) fn key(server: Option<&str>) -> Key {
    Key {
        service: "https://apple.example".to_owned(),
        token: TokenId("token".to_owned()),
        server: server.map(str::to_owned),
        protocol: "10".to_owned(),
    }
}

pub(super) fn change(number: usize, status: Status, profile: Option<&'static str>) -> Change<'static> {
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

pub(super) fn snapshot(devices: usize) -> Snapshot {
    let mut collected = Collected::default();
    // In the order of the service, which is none.
    for number in (0..devices).rev() {
        let profile = ["AA", "BB", "CC"][number % 3];
        collected.take(&change(number, Status::ALL[number % 5], Some(profile)));
    }
    collected.without_serial();
    collected.complete(key(Some("SERVER")), "cursor-1".to_owned(), at(NOON))
}

pub(super) fn shown(devices: &Devices) -> Vec<String> {
    let of = |device| {
        let profile = devices.profile_of(device).map_or("-", |profile| profile.0.as_str());
        format!("{} {profile} {:?}", device.serial, device.state)
    };
    devices.iter().map(of).collect()
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
