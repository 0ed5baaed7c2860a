use super::table::{OSES, rows};
use super::*;
use crate::acts::tests::world::record;

#[test]
fn r2_every_action_has_exactly_one_cell_for_every_platform() {
    for kind in ActionKind::ALL {
        for os in OSES {
            let told = rows().filter(|(one, oses)| *one == kind && oses.contains(&os)).count();
            assert_eq!(told, 1, "{kind} on {os:?}");
        }
    }
}

/// The whole table in words, for documentation; reviewed by hand.
#[test]
fn r2_the_table_in_words() {
    let mut text = String::new();
    for Shown { kind, os, verdict, words, formerly, source, row } in shown() {
        let formerly = if formerly.is_empty() { String::new() } else { format!("; formerly {formerly}") };
        text.push_str(&format!("{kind} | {} | {verdict} | {words}{formerly} | {source} | {row}\n", os));
    }
    assert_eq!(text.lines().count(), ActionKind::ALL.len() * OSES.len());
    for line in [
        "lock | macOS | yes | locks the Mac with a PIN that Intune makes; the PIN is sealed to the escrow; formerly no (2017) | Intune documentation, remote lock, 2026-08 | R-2",
        "clearPasscode | iOS | yes | removes the passcode; no new one is set (R-3); formerly iOS yes (2017) | Intune documentation, reset or remove passcode, 2026-08 | R-3",
        "wipe | tvOS | with version 10.2 or later | erases it to the factory's state | Intune documentation, wipe, 2026-08 | R-5",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    // Who refuses says why, who does says what.
    assert!(shown().iter().all(|one| !one.words.is_empty() && !one.source.is_empty() && !one.row.is_empty()));
}

fn verdict(kind: ActionKind, edit: impl FnOnce(&mut Record)) -> (Verdict, String) {
    let mut record = record("C02A0001");
    edit(&mut record);
    let cell = cell(kind, &record);
    (cell.verdict, if cell.verdict == Verdict::Yes { cell.does.to_owned() } else { cell.refusal() })
}

#[test]
fn r2_remote_lock_by_platform() {
    let lock = |os, edit: fn(&mut Record)| {
        verdict(ActionKind::Lock, |record| {
            record.os = os;
            edit(record);
        })
        .0
    };
    assert_eq!(lock(Os::Ios, |_| {}), Verdict::Yes);
    assert_eq!(lock(Os::Macos, |_| {}), Verdict::Yes);
    assert_eq!(lock(Os::Tvos, |_| {}), Verdict::No);
    assert_eq!(lock(Os::Windows, |_| {}), Verdict::No);
    assert_eq!(lock(Os::Other, |_| {}), Verdict::Unknown);
    assert_eq!(lock(Os::Visionos, |one| one.os_version = "1.3".into()), Verdict::No);
    assert_eq!(lock(Os::Visionos, |one| one.os_version = "2.0".into()), Verdict::Yes);
    assert_eq!(lock(Os::Visionos, |one| one.os_version = String::new()), Verdict::Unknown);
    assert_eq!(lock(Os::Android, |one| one.ownership = Ownership::Company), Verdict::Yes);
    assert_eq!(lock(Os::Android, |one| one.ownership = Ownership::Personal), Verdict::No);
    assert_eq!(lock(Os::Android, |one| one.ownership = Ownership::Unknown), Verdict::Unknown);
}

#[test]
fn r3_what_clearing_a_passcode_does_by_platform() {
    let clear = |os| verdict(ActionKind::ClearPasscode, |record| record.os = os);
    assert_eq!(clear(Os::Ipados), (Verdict::Yes, "removes the passcode; no new one is set (R-3)".into()));
    assert!(clear(Os::Android).1.contains("temporary passcode, which is sealed"));
    assert_eq!(clear(Os::Macos).0, Verdict::No);
    // Two pages disagree: nobody loses a passcode on a doubt.
    assert_eq!(clear(Os::Visionos).0, Verdict::Unknown);
}

#[test]
fn r4_what_no_mdm_reaches_is_refused_with_its_own_reason() {
    for agent in ["eas", "intuneClient", "easIntuneClient", "configurationManagerClient"] {
        for kind in [ActionKind::Lock, ActionKind::ClearPasscode, ActionKind::Wipe, ActionKind::Sync] {
            let mut record = record("C02A0001");
            record.agent = agent.to_owned();
            let cell = cell(kind, &record);
            assert_eq!((cell.verdict, cell.row), (Verdict::No, "R-4"), "{kind} by {agent}");
        }
    }
    // Managed by both: the MDM reaches it.
    assert_eq!(
        verdict(ActionKind::Lock, |one| one.agent = "configurationManagerClientMdm".into()).0,
        Verdict::Yes
    );
    assert_eq!(verdict(ActionKind::Lock, |one| one.agent = String::new()).0, Verdict::Unknown);
}

#[test]
fn l3_a_lock_is_lifted_on_supervised_devices_alone() {
    let lift = |supervised| verdict(ActionKind::DisableActivationLock, |one| one.supervised = supervised).0;
    assert_eq!(lift(Some(true)), Verdict::Yes);
    assert_eq!(lift(Some(false)), Verdict::No);
    assert_eq!(lift(None), Verdict::Unknown);
    let old = verdict(ActionKind::DisableActivationLock, |one| one.os_version = "7.1.2".into());
    assert_eq!(old.0, Verdict::No);
    let mac = |enrollment: &'static str| {
        verdict(ActionKind::DisableActivationLock, |one| {
            one.os = Os::Macos;
            one.enrollment = enrollment.to_owned();
        })
        .0
    };
    assert_eq!(mac("appleBulkWithUser"), Verdict::Yes);
    assert_eq!(mac("userEnrollment"), Verdict::No);
    assert_eq!(mac(""), Verdict::Unknown);
}

#[test]
fn d3_deleting_the_record_of_an_android_device_would_wipe_it() {
    let (verdict, why) = verdict(ActionKind::DeleteRecord, |one| {
        one.os = Os::Android;
        one.ownership = Ownership::Company;
    });
    assert_eq!(verdict, Verdict::No);
    assert!(why.contains("would wipe it"), "{why}");
}

#[test]
fn a_version_is_read_by_its_first_two_numbers() {
    assert_eq!(version("17.5.1"), Some((17, 5)));
    assert_eq!(version("10.2 (21A)"), Some((10, 2)));
    assert_eq!(version("26"), Some((26, 0)));
    assert_eq!(version("n/a"), None);
    assert_eq!(version(""), None);
}
