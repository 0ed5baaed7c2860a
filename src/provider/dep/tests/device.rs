//! Device records: what is read, what is borrowed, and that no bytes make the reader panic.

use std::borrow::Cow;

use super::super::device::peek;
use super::*;
use crate::model::Family;

/// Reads one row and hands it on while its page lives.
fn with_row(row: &str, check: impl FnOnce(DeviceRow<'_>) + Send) {
    let body = format!(r#"{{"devices":[{row}],"more_to_follow":false,"cursor":"c"}}"#);
    let mut check = Some(check);
    let page = read_page(body.as_bytes(), &mut |row| check.take().unwrap()(row)).unwrap();
    assert_eq!(page, Page { rows: 1, cursor: "c".into(), more_to_follow: false });
    assert!(check.is_none());
}

#[test]
fn a_record_is_read_and_borrows_from_its_page() {
    let row = r#"{"serial_number":"C02T0HL0GGC0","description":"MBP \"13\"","model":"MacBook Pro","os":"OSX",
        "device_family":"Mac","color":"SPACE GRAY","asset_tag":"T1","profile_uuid":"C1F1",
        "profile_assign_time":"2018-09-08T16:49:09Z","profile_push_time":"2018-09-09T16:49:09.5+02:00",
        "profile_status":"pushed","device_assigned_by":"x@acme.co",
        "device_assigned_date":"2017-10-16T01:55:30Z","mdm_migration_deadline":"2026-01-31T00:00:00Z",
        "op_type":"MODIFIED","op_date":"2018-09-08T16:49:10Z","is_replacement_device":true,
        "released_by_replacement":true,"response_status":"SUCCESS","imei":["1","2"],"eid":"3","future":{"a":[]}}"#;
    with_row(row, |row| {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        assert!(matches!(row.serial_number, Some(Cow::Borrowed("C02T0HL0GGC0"))));
        assert!(matches!(row.profile_uuid, Some(Cow::Borrowed("C1F1"))));
        assert!(matches!(&row.description, Some(Cow::Owned(text)) if text == "MBP \"13\""));
        assert_eq!((row.serial(), row.profile()), (Some(serial("C02T0HL0GGC0")), Some("C1F1")));
        assert_eq!((row.model.as_deref(), row.color.as_deref()), (Some("MacBook Pro"), Some("SPACE GRAY")));
        assert_eq!(
            (row.asset_tag.as_deref(), row.device_assigned_by.as_deref()),
            (Some("T1"), Some("x@acme.co"))
        );
        assert_eq!((row.device_family, row.os), (Some(Family::Mac), Some(DeviceOs::Osx)));
        assert_eq!((row.profile_status, row.op_type), (Some(ProfileStatus::Pushed), Some(OpType::Modified)));
        assert_eq!(row.profile_assign_time, at("2018-09-08T16:49:09Z"));
        assert_eq!(row.profile_push_time, at("2018-09-09T14:49:09.5Z"));
        assert_eq!(row.device_assigned_date, at("2017-10-16T01:55:30Z"));
        assert_eq!(row.mdm_migration_deadline, at("2026-01-31T00:00:00Z"));
        assert_eq!(row.op_date, at("2018-09-08T16:49:10Z"));
        assert!(row.is_replacement_device && row.released_by_replacement && row.is_accessible());
    });
}

#[test]
fn null_empty_and_unknown_are_tolerated() {
    let members = [
        "serial_number",
        "model",
        "description",
        "color",
        "asset_tag",
        "device_family",
        "os",
        "profile_status",
        "profile_uuid",
        "profile_assign_time",
        "profile_push_time",
        "device_assigned_date",
        "device_assigned_by",
        "mdm_migration_deadline",
        "op_type",
        "op_date",
        "is_replacement_device",
        "released_by_replacement",
        "response_status",
    ];
    let nulls: Vec<String> = members.iter().map(|member| format!("\"{member}\":null")).collect();
    with_row(&format!("{{{}}}", nulls.join(",")), |row| assert_eq!(row, DeviceRow::default()));
    with_row("{}", |row| assert_eq!(row, DeviceRow::default()));
    with_row(
        r#"{"op_date":"","profile_push_time":"yesterday","device_family":"Watch","os":"watchOS","profile_status":"new",
            "op_type":"moved","device_assigned_by":-1,"serial_number":"not a serial"}"#,
        |row| {
            assert_eq!((row.op_date, row.profile_push_time, row.device_family), (None, None, None));
            assert_eq!((row.os, row.profile_status), (Some(DeviceOs::Other), Some(ProfileStatus::Other)));
            assert_eq!((row.op_type, row.device_assigned_by.as_deref()), (Some(OpType::Other), Some("-1")));
            assert_eq!((row.serial(), row.serial_number.as_deref()), (None, Some("not a serial")));
        },
    );
}

#[test]
fn a_profile_counts_only_where_the_status_says_so() {
    for (status, profile) in
        [("assigned", Some("P")), ("pushed", Some("P")), ("removed", None), ("empty", None), ("new", None)]
    {
        with_row(&format!(r#"{{"profile_uuid":"P","profile_status":"{status}"}}"#), |row| {
            assert_eq!(row.profile(), profile, "{status}");
        });
    }
}

#[test]
fn usual_times_are_read_as_the_thorough_reader_reads_them() {
    let mut times =
        vec!["2026-02-29T00:00:00Z".into(), "2026-13-01T00:00:00Z".into(), "2026-01-01T24:00:00Z".into()];
    for year in [0, 1, 1600, 1899, 1900, 1969, 1970, 1999, 2000, 2016, 2024, 2026, 2100, 9998] {
        for month in 1..=12 {
            for day in [1, 2, 27, 28, 29, 30, 31] {
                times.push(format!("{year:04}-{month:02}-{day:02}T{:02}:59:{:02}Z", day % 24, month * 5 - 1));
            }
        }
    }
    for time in times {
        with_row(&format!(r#"{{"op_date":"{time}"}}"#), |row| {
            assert_eq!(row.op_date, time.parse::<Timestamp>().ok(), "{time}");
        });
    }
}

#[test]
fn the_peek_never_contradicts_the_page() {
    for (body, expected) in [
        (r#"{"devices":[],"more_to_follow":true,"cursor":"c"}"#, Some(("c", true))),
        (
            r#"{"cursor":"c","devices":[{"imei":["1"]}],"fetched_until":"x","more_to_follow":false}"#,
            Some(("c", false)),
        ),
        (r#"{"cursor":"c","more_to_follow":false,"devices":[]}"#, Some(("c", false))),
        (r#"{"cursor":"c","more_to_follow":false}"#, None),
        (r#"{"devices":null,"cursor":"c","more_to_follow":false}"#, None),
        (r#"{"devices":[],"more_to_follow":true}"#, None),
        ("", None),
        ("][", None),
    ] {
        let expected = expected.map(|(cursor, more)| (cursor.to_owned(), more));
        assert_eq!(peek(body.as_bytes()), expected, "{body}");
    }
}

/// Every prefix of a page and every page with one byte changed: an error or a page, never a panic.
#[test]
fn damaged_bytes_are_an_error_or_a_page() {
    let body = br#"{"devices":[{"serial_number":"A\u00e9","op_date":"2018-09-08T16:49:10Z","imei":["1"],
        "is_replacement_device":true,"profile_status":null}],"more_to_follow":true,"cursor":"c1"}"#;
    let details = br#"{"devices":{"A":{"serial_number":"A","response_status":"SUCCESS"},"B":null}}"#;
    let session = br#"{"auth_session_token":"abc\u0064"}"#;
    for whole in [&body[..], &details[..], &session[..]] {
        let read = |bytes: &[u8]| {
            let mut rows = 0;
            if let Ok(page) = read_page(bytes, &mut |_| rows += 1) {
                assert_eq!(page.rows, rows);
            }
            let _ = (peek(bytes), read_details(bytes, &mut |_| {}), read_session(bytes));
        };
        for end in 0..whole.len() {
            read(&whole[..end]);
            for byte in [0, b'"', b'{', b'}', b'[', b']', b'\\', b'9', b'-', 0x80, 0xff] {
                let mut damaged = whole.to_vec();
                damaged[end] = byte;
                read(&damaged);
            }
        }
    }
    let deep = "[".repeat(100_000);
    assert!(read_page(format!(r#"{{"new":{deep}"#).as_bytes(), &mut |_| {}).is_err());
    assert!(read_page(format!(r#"{{"devices":{deep}"#).as_bytes(), &mut |_| {}).is_err());
}

#[test]
fn an_answer_of_the_session_that_is_none_is_not_quoted() {
    for body in
        [r#""planted{"auth_session_token":"pla"#, r#"{"auth_session_token": {"planted": 1}}"#, "planted"]
    {
        let error = read_session(body.as_bytes()).unwrap_err();
        assert!(!format!("{error:?} {error}").contains("planted"), "{error}");
        assert_eq!(error.line(), 1, "{error}");
    }
}
