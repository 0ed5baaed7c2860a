//! How the inventory reads.

use super::super::text::plain;
use super::*;
use crate::engine::inventory::{AppleSide, MdmSide, MigrationSide, ProfileRef};
use crate::model::Serial;

#[test]
fn p31_a_device_that_was_released_or_is_awaited_does_not_lack_a_profile() {
    let lacking = rows().into_iter().map(|row| DeviceRow { profile: None, ..row });
    for row in lacking {
        let released = row.mdm.is_some_and(|mdm| mdm.released);
        assert_eq!(row.lacks_a_profile(), !released && !row.waiting, "{row:?}");
    }
    let rows = rows();
    let of =
        |is_meant: fn(&MdmSide<'_>) -> bool| rows.iter().find(|row| row.mdm.as_ref().is_some_and(is_meant));
    assert!(!DeviceRow { profile: None, ..*of(|mdm| mdm.released).unwrap() }.lacks_a_profile());
    assert!(DeviceRow { profile: None, ..*of(|mdm| !mdm.released).unwrap() }.lacks_a_profile());
}

fn bare() -> DeviceRow<'static> {
    DeviceRow {
        serial: Serial::new("C02X0001").unwrap(),
        model: None,
        family: None,
        apple: None,
        mdm: None,
        token: None,
        profile: None,
        wished_profile: None,
        waiting: false,
        cooling_until: None,
        lock: None,
        bypass_code: None,
    }
}

pub(in crate::cli) fn rows() -> Vec<DeviceRow<'static>> {
    let serial = |text| Serial::new(text).unwrap();
    let mdm = MdmSide { state: EnrollmentState::Enrolled, released: false, supervised: true, record: None };
    let profile = ProfileRef { name: Some("=iPads; \"all\""), id: "9bb2" };
    vec![
        DeviceRow {
            mdm: Some(mdm),
            token: Some("school"),
            profile: Some(profile),
            wished_profile: Some("ipads"),
            ..bare()
        },
        DeviceRow { serial: serial("C02X0002"), wished_profile: Some("ipads"), waiting: true, ..bare() },
        DeviceRow {
            serial: serial("C02X0003"),
            mdm: Some(MdmSide {
                state: EnrollmentState::NotContacted,
                released: true,
                supervised: false,
                record: None,
            }),
            token: Some("school"),
            profile: Some(ProfileRef { name: None, id: "77" }),
            ..bare()
        },
    ]
}

pub(in crate::cli) fn listing() -> Listing {
    let gap = Gap {
        connection: Realm::Apple(Name::new("acme").unwrap()),
        token: None,
        unknown: ListOf::Devices,
        cause: Cause::Unavailable,
        reason: "page 30 of about 60 could not be read: the connection broke three times".to_owned(),
        next: "run it again: it begins with the first page".to_owned(),
    };
    let locks =
        LockRefresh { calls: 412, minutes: Some(21), budget: 20, fresh: 20, remembered: 7, unknown: 385 };
    Listing { gaps: vec![gap], locks: Some(locks) }
}

/// Devices of an organisation, each with something to tell.
fn at_apple() -> Vec<DeviceRow<'static>> {
    let apple = AppleSide {
        organisation: Some("acme"),
        service: Some("School MDM"),
        status: Some(AtApple::Assigned),
        order_number: Some("W1"),
        purchase_source: Some("reseller"),
        ..AppleSide::default()
    };
    let lock = |state, age_seconds| {
        let at = "2026-11-22T09:00:00Z".parse().unwrap();
        Some(LockSide { state, source: LockSource::Apple, at, age_seconds })
    };
    let row = DeviceRow { model: Some("iPad Air"), family: Some("iPad"), apple: Some(apple), ..bare() };
    let serial = |text| Serial::new(text).unwrap();
    let nowhere = AppleSide {
        service: None,
        status: Some(AtApple::Unassigned),
        purchase_source: Some("manuallyAdded"),
        ..apple
    };
    let mdm =
        MdmSide { state: EnrollmentState::NotContacted, released: false, supervised: true, record: None };
    let migration = Some(MigrationSide {
        capable: Some(true),
        status: Some("requested"),
        deadline: Some("2026-12-01T09:00:00Z".parse().unwrap()),
    });
    vec![
        DeviceRow {
            token: Some("school"),
            mdm: Some(mdm),
            profile: Some(ProfileRef { name: Some("iPads"), id: "9bb2" }),
            lock: lock(Some(ActivationLock::Off), 0),
            ..row
        },
        DeviceRow { serial: serial("C02X0002"), apple: Some(nowhere), lock: lock(None, 90), ..row },
        DeviceRow {
            serial: serial("C02X0003"),
            token: Some("school"),
            mdm: Some(mdm),
            lock: lock(Some(ActivationLock::ByUser), 7_200),
            ..row
        },
        DeviceRow {
            serial: serial("C02X0004"),
            apple: Some(AppleSide { service: Some("Old MDM"), migration, also_in: Some("other"), ..apple }),
            lock: lock(Some(ActivationLock::ByMdm), 60),
            ..row
        },
        DeviceRow {
            serial: serial("C02X0005"),
            model: None,
            apple: Some(AppleSide { service: None, status: Some(AtApple::Unclear), ..apple }),
            ..row
        },
    ]
}

fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut out = Vec::new();
    write(&mut out).unwrap();
    plain(&String::from_utf8(out).unwrap())
}

#[test]
fn a_table_for_people() {
    let nothing = Listing::default();
    insta::assert_snapshot!(written(|out| text(out, &nothing, rows().into_iter())), @r#"
    SERIAL    TOKEN   STATE         PROFILE        NOTE
    C02X0001  school  enrolled      =iPads; "all"  document ipads
    C02X0002  -       -             -              waiting for the service to show it, document ipads
    C02X0003  school  notContacted  77             released at Apple
    3 devices
    "#);
    insta::assert_snapshot!(written(|out| text(out, &nothing, std::iter::empty())), @"0 devices");
}

#[test]
fn apples_side_is_shown_with_the_model() {
    let bare = rows()[1];
    let apple =
        |profile_status| Some(AppleSide { service: Some("Lab"), profile_status, ..AppleSide::default() });
    let rows = [
        DeviceRow {
            waiting: false,
            model: Some("iPad Air"),
            family: Some("iPad"),
            token: Some("school"),
            apple: apple(Some("assigned")),
            profile: Some(ProfileRef { name: Some("iPads"), id: "9bb2" }),
            ..bare
        },
        DeviceRow {
            waiting: false,
            token: Some("school"),
            apple: apple(None),
            cooling_until: Some("2026-11-03T08:00:00Z".parse().unwrap()),
            ..bare
        },
    ];
    insta::assert_snapshot!(written(|out| text(out, &Listing::default(), rows.into_iter())), @r#"
    SERIAL    MODEL     TOKEN   STATE         PROFILE  NOTE
    C02X0002  iPad Air  school  assigned      iPads    document ipads
    C02X0002            school  unknown       -        no profile (P-31), left in peace until 2026-11-03 08:00Z, document ipads
    2 devices
    "#);
}

#[test]
fn l2_services_locks_and_what_is_missing_are_told() {
    insta::assert_snapshot!(written(|out| text(out, &listing(), at_apple().into_iter())), @r#"
    SERIAL    MODEL     SERVICE     TOKEN   STATE         PROFILE  ACTIVATION LOCK                  NOTE
    C02X0001  iPad Air  School MDM  school  notContacted  iPads    off (Apple, now)
    C02X0002  iPad Air  (none)      -       -             -        unknown (Apple, 1 min 30 s ago)  at no service, added by hand (A-5)
    C02X0003  iPad Air  School MDM  school  notContacted  -        on, by user (Apple, 2 h ago)     no profile (P-31)
    C02X0004  iPad Air  Old MDM     -       -             -        on, by MDM (Apple, 1 min ago)    also in the organisation other, to migrate by 2026-12-01 09:00Z
    C02X0005            (unclear)   -       -             -        not asked for                    Apple's lists contradict each other
    5 devices

    Activation Lock (L-2)
      cost a refresh of all takes 412 calls, about 21 minutes within Apple's calls
           of a minute
      now  20 asked for now, 7 as an earlier run was told, 385 not known; this run
           was allowed 20 calls
      next name the serials that matter, or allow more with `--calls N`; a later run
           goes on with those that were asked for longest ago

    Not all of them: what could not be read is unknown, not absent.
    Connection/acme: its devices
      why  page 30 of about 60 could not be read: the connection broke three times
      next run it again: it begins with the first page
    "#);
}

#[test]
fn json_is_marked_where_a_list_is_unknown() {
    let read: serde_json::Value =
        serde_json::from_str(&written(|out| json(out, &listing(), at_apple().into_iter()))).unwrap();
    assert_eq!(read["complete"], false);
    assert_eq!(read["gaps"][0]["connection"], "apple:acme");
    assert_eq!(read["gaps"][0]["unknown"], "devices");
    assert_eq!(read["locks"]["minutes"], 21);
    let devices = read["devices"].as_array().unwrap();
    assert_eq!(devices[1]["lacks"], "service");
    assert_eq!(devices[2]["lacks"], "profile");
    assert!(devices[0]["lacks"].is_null() && devices[4]["lacks"].is_null());
    assert_eq!(devices[0]["apple"]["service"], "School MDM");
    assert_eq!(devices[2]["lock"]["state"], "byUser");
    assert!(devices[1]["lock"]["state"].is_null(), "unknown is unknown");
    assert!(devices[4]["lock"].is_null());
}

#[test]
fn json_has_both_sides_in_every_row() {
    let text = written(|out| json(out, &Listing::default(), rows().into_iter()));
    let read: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&read["version"], &read["complete"]), (&1.into(), &true.into()));
    assert_eq!(read["devices"].as_array().unwrap().len(), 3);
    assert_eq!(
        read["devices"][0],
        serde_json::json!({
            "serial": "C02X0001", "model": null, "family": null, "apple": null,
            "mdm": {"state": "enrolled", "released": false, "supervised": true, "record": null},
            "bypassCode": null,
            "token": "school", "profile": {"name": "=iPads; \"all\"", "id": "9bb2"},
            "wishedProfile": "ipads", "waiting": false, "coolingUntil": null, "lock": null,
            "lacks": null,
        })
    );
    assert!(read["devices"][1]["mdm"].is_null());
    let none = written(|out| json(out, &Listing::default(), std::iter::empty()));
    assert_eq!(serde_json::from_str::<serde_json::Value>(&none).unwrap()["devices"], serde_json::json!([]));
}

#[test]
fn csv_is_quoted_and_no_formula() {
    insta::assert_snapshot!(written(|out| csv(out, rows().into_iter())), @r#"
    serial,token,state,released,supervised,profile,profileId,wishedProfile,waiting,family,model,service,profileStatus,organisation,serviceId,status,orderNumber,purchaseSource,productType,lacks,activationLock,lockSource,lockAt,record,enrolled,name,user,bypassCode
    C02X0001,school,enrolled,false,true,"'=iPads; ""all""",9bb2,ipads,false,,,,,,,,,,,,,,,,,,,
    C02X0002,,,,,,,ipads,true,,,,,,,,,,,,,,,,,,,
    C02X0003,school,notContacted,true,false,,77,,false,,,,,,,,,,,,,,,,,,,
    "#);
}

#[test]
fn many_rows_are_written_as_they_come() {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.iter().filter(|byte| **byte == b'\n').count();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let row = rows()[0];
    let mut lines = Count(0);
    text(&mut lines, &Listing::default(), std::iter::repeat_n(row, 20_000)).unwrap();
    assert_eq!(lines.0, 20_002);
    let mut lines = Count(0);
    json(&mut lines, &Listing::default(), std::iter::repeat_n(row, 20_000)).unwrap();
    assert_eq!(lines.0, 20_002);
}

#[test]
fn l2_more_calls_are_advised_only_where_they_would_help() {
    let shown = |locks: LockRefresh| {
        let all =
            written(|out| text(out, &Listing { gaps: Vec::new(), locks: Some(locks) }, std::iter::empty()));
        all.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let base = LockRefresh { calls: 4, minutes: Some(1), budget: 20, ..LockRefresh::default() };
    let short = shown(LockRefresh { budget: 2, fresh: 2, unknown: 2, ..base });
    assert!(short.contains("--calls N"), "{short}");
    let rest_is_released = shown(LockRefresh { fresh: 4, unknown: 3, ..base });
    assert!(!rest_is_released.contains("--calls N"), "{rest_is_released}");
    let unanswered = shown(LockRefresh { fresh: 3, unknown: 1, ..base });
    assert!(!unanswered.contains("--calls N") && unanswered.contains("run it again"), "{unanswered}");
    let nobody = shown(LockRefresh { unknown: 3, ..LockRefresh::default() });
    assert!(!nobody.contains("--calls N") && !nobody.contains("allowed"), "{nobody}");
    assert!(nobody.contains("appleBusiness"), "{nobody}");
}
