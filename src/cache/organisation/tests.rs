use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::*;
use crate::model::clock::after;
use crate::model::organisation::{Belongs, MigrationStatus, OrgDevicesBuilder, OrgRow};

const HOUR: Duration = Duration::from_secs(3_600);

fn at(second: u64) -> Timestamp {
    after("2026-11-22T08:00:00Z".parse().unwrap(), Duration::from_secs(second))
}

fn key(client: &str) -> OrganisationKey {
    OrganisationKey { client_id: client.to_owned(), api: "https://api-business.apple.com".to_owned() }
}

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

fn service(id: &str, families: Option<Vec<ProductFamily>>) -> LiveService {
    LiveService {
        id: ServiceId::new(id),
        name: format!("Service {id}"),
        kind: ServiceKind::Mdm,
        status: Some("ACTIVE".to_owned()),
        device_count: Some(2),
        may_disown: None,
        default_for: families.map(Fact::Known),
        last_connected: Some(at(1)),
    }
}

/// One device of a service, one of none, one of nobody knows whom.
fn organisation() -> KeptOrganisation {
    let mut builder = OrgDevicesBuilder::default();
    let row = OrgRow {
        model: Some("iPad Air"),
        product_type: Some("iPad14,8"),
        order: Some("W1"),
        family: Some(ProductFamily::Ipad),
        source: Some(PurchaseSource::ManuallyAdded),
        source_id: Some("-1"),
        added: Some(at(0)),
        assigned: Some(true),
        migration: Migration {
            capable: Some(true),
            status: Some(MigrationStatus::Requested),
            deadline: Some(at(9)),
        },
    };
    builder.push("C02X0001", &row);
    builder.push("C02X0002", &OrgRow { assigned: Some(false), ..OrgRow::default() });
    builder.push("C02X0003", &OrgRow { migration: Migration::default(), ..row });
    builder.push("not a serial", &row);
    let place = builder.service(&ServiceId::new("AA"));
    builder.link(place, "C02X0001");
    KeptOrganisation {
        services: Complete::after_last_page(vec![
            service("AA", Some(vec![ProductFamily::Mac, ProductFamily::Vision])),
            service("BB", None),
        ]),
        devices: builder.after_last_page(),
        read_at: at(0),
    }
}

fn only_file(folder: &Path) -> PathBuf {
    let mut all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let only = all.next().unwrap();
    assert!(all.next().is_none(), "more than one file");
    only
}

#[test]
fn an_organisation_comes_back_as_it_was_read() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("cache");
    let kept = Organisations::new(folder.clone());
    assert!(kept.load(&key("A"), at(0), HOUR).is_none());
    kept.save(&key("A"), &organisation()).unwrap();
    let back = kept.load(&key("A"), at(60), HOUR).unwrap();
    assert_eq!(back.read_at, at(0));
    let families: Vec<_> =
        back.services.iter().map(|one| one.default_for.as_ref().and_then(Fact::known).cloned()).collect();
    assert_eq!(families, [Some(vec![ProductFamily::Mac, ProductFamily::Vision]), None]);
    assert_eq!(format!("{:?}", back.services.iter().nth(1)), format!("{:?}", Some(service("BB", None))));
    let devices = &back.devices;
    assert_eq!((devices.len(), devices.without_serial), (3, 1));
    let first = devices.find(&serial("C02X0001")).unwrap();
    assert_eq!(devices.service_of(first), Belongs::To(&ServiceId::new("AA")));
    assert_eq!(
        (devices.model_of(first), devices.product_type_of(first), devices.order_of(first)),
        (Some("iPad Air"), Some("iPad14,8"), Some("W1"))
    );
    assert_eq!(devices.source_id_of(first), Some("-1"));
    assert_eq!(
        (first.family, first.source),
        (Some(ProductFamily::Ipad), Some(PurchaseSource::ManuallyAdded))
    );
    assert_eq!(first.added, at(0).as_second());
    assert_eq!(devices.migration_of(first).deadline, Some(at(9)));
    let second = devices.find(&serial("C02X0002")).unwrap();
    assert_eq!((devices.service_of(second), second.family, second.source), (Belongs::ToNone, None, None));
    assert_eq!(devices.model_of(second), None);
    let third = devices.find(&serial("C02X0003")).unwrap();
    assert_eq!(devices.service_of(third), Belongs::Unclear);
    assert_eq!(devices.migration_of(third), Migration::default());
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&only_file(&folder))), (0o700, 0o600));
}

#[test]
fn what_is_too_old_or_of_another_account_or_host_is_not_taken() {
    let home = tempfile::tempdir().unwrap();
    let kept = Organisations::new(home.path().to_owned());
    kept.save(&key("A"), &organisation()).unwrap();
    assert!(kept.load(&key("A"), at(3_600), HOUR).is_some());
    assert!(kept.load(&key("A"), at(3_601), HOUR).is_none());
    // The clock was put back.
    let before = "2026-11-22T07:59:59Z".parse().unwrap();
    assert!(kept.load(&key("A"), before, HOUR).is_none());
    assert!(kept.load(&key("B"), at(0), HOUR).is_none());
    let elsewhere = OrganisationKey { api: "simulated".to_owned(), ..key("A") };
    assert!(kept.load(&elsewhere, at(0), HOUR).is_none());
    // Not even where the file's name is the other one's.
    let stolen = home.path().join(file(&elsewhere, "organisation"));
    std::fs::rename(only_file(home.path()), stolen).unwrap();
    assert!(kept.load(&elsewhere, at(0), HOUR).is_none());
}

#[test]
fn any_byte_that_is_not_as_it_was_written_makes_the_file_none() {
    let home = tempfile::tempdir().unwrap();
    let kept = Organisations::new(home.path().to_owned());
    kept.save(&key("A"), &organisation()).unwrap();
    let path = only_file(home.path());
    let good = std::fs::read(&path).unwrap();
    for place in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[place] ^= 0x20;
        std::fs::write(&path, &bad).unwrap();
        assert!(kept.load(&key("A"), at(0), HOUR).is_none(), "byte {place}");
    }
    for length in (0..good.len()).step_by(11) {
        std::fs::write(&path, &good[..length]).unwrap();
        assert!(kept.load(&key("A"), at(0), HOUR).is_none(), "{length} bytes");
    }
    std::fs::write(&path, &good).unwrap();
    assert!(kept.load(&key("A"), at(0), HOUR).is_some(), "and whole again");
    // What a commit brings along is readable by others, or a link.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(kept.load(&key("A"), at(0), HOUR).is_none());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    let elsewhere = home.path().join("elsewhere");
    std::fs::rename(&path, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
    assert!(kept.load(&key("A"), at(0), HOUR).is_none());
    kept.save(&key("A"), &organisation()).unwrap();
    assert!(kept.load(&key("A"), at(0), HOUR).is_some(), "it is replaced");
    kept.forget(&key("A"));
    assert!(kept.load(&key("A"), at(0), HOUR).is_none());
}

#[test]
fn parts_that_do_not_fit_are_no_devices() {
    let devices = organisation().devices;
    let records: Vec<OrgRecord> = devices.records().collect();
    let made = |change: fn(&mut Vec<OrgRecord>)| {
        let mut records = records.clone();
        change(&mut records);
        OrgDevices::of_parts(devices.tables(), records.into_iter())
    };
    assert_eq!(made(|_| {}).map(|devices| devices.len()), Some(3));
    assert!(made(|all| all.swap(0, 1)).is_none());
    assert!(made(|all| all[1].serial = all[0].serial).is_none());
    assert!(made(|all| all[0].service = 7).is_none());
    assert!(made(|all| all[0].model = 900).is_none());
    assert!(made(|all| all[0].order = 9).is_none());
    assert!(made(|all| all[0].migration = 9).is_none());
}

#[test]
fn locks_are_kept_with_their_time_and_add_up() {
    let home = tempfile::tempdir().unwrap();
    let kept = Organisations::new(home.path().to_owned());
    let lock = |lock, second| KeptLock { lock, at: at(second) };
    let (one, two) = (serial("C02X0001"), serial("C02X0002"));
    let first = BTreeMap::from([(one, lock(ActivationLock::ByUser, 0)), (two, lock(ActivationLock::Off, 0))]);
    kept.save_locks(&key("A"), &first, at(0)).unwrap();
    kept.save_locks(&key("A"), &BTreeMap::from([(one, lock(ActivationLock::Off, 50))]), at(50)).unwrap();
    let all = kept.locks(&key("A"), at(60));
    assert_eq!(
        all,
        BTreeMap::from([(one, lock(ActivationLock::Off, 50)), (two, lock(ActivationLock::Off, 0))])
    );
    assert!(kept.locks(&key("B"), at(60)).is_empty());
    let month_later = at(30 * 86_400 + 40);
    assert_eq!(kept.locks(&key("A"), month_later).keys().collect::<Vec<_>>(), [&one]);
}

#[test]
fn calls_of_two_runs_add_up_and_old_ones_go() {
    let home = tempfile::tempdir().unwrap();
    let kept = Organisations::new(home.path().to_owned());
    let calls = |minute: &[u64], hour: &[u64]| KeptCalls {
        minute: minute.iter().map(|second| at(*second)).collect(),
        hour: hour.iter().map(|second| at(*second)).collect(),
    };
    assert_eq!(kept.calls(&key("A")), KeptCalls::default());
    kept.save_calls(&key("A"), &calls(&[1, 1, 2], &[5]), at(10)).unwrap();
    // One run knew of the first and went on, another one began at the same time.
    kept.save_calls(&key("A"), &calls(&[1, 1, 2, 3], &[5, 6]), at(10)).unwrap();
    kept.save_calls(&key("A"), &calls(&[2, 4], &[]), at(11)).unwrap();
    assert_eq!(kept.calls(&key("A")), calls(&[1, 1, 2, 3, 4], &[5, 6]));
    kept.save_calls(&key("A"), &calls(&[], &[3_700]), at(3_605)).unwrap();
    assert_eq!(kept.calls(&key("A")).hour, calls(&[], &[6, 3_700]).hour);
    assert_eq!(kept.calls(&key("B")), KeptCalls::default());
}

#[test]
fn many_devices_cost_few_bytes() {
    let mut builder = OrgDevicesBuilder::default();
    let place = builder.service(&ServiceId::new("AA"));
    let row =
        OrgRow { model: Some("iPad Air"), order: Some("W1"), assigned: Some(true), ..OrgRow::default() };
    for number in 0..20_000 {
        let serial = format!("C02X{number:06}");
        builder.push(&serial, &row);
        builder.link(place, &serial);
    }
    let read = KeptOrganisation { devices: builder.after_last_page(), ..organisation() };
    let home = tempfile::tempdir().unwrap();
    let kept = Organisations::new(home.path().to_owned());
    kept.save(&key("A"), &read).unwrap();
    assert!(only_file(home.path()).metadata().unwrap().len() < 20_000 * 42 + 4_096);
    assert_eq!(kept.load(&key("A"), at(0), HOUR).unwrap().devices.len(), 20_000);
}
