use super::*;
use crate::model::ServiceId;
use crate::model::live::Cause;
use crate::model::live::{Complete, DevicesBuilder, Live, Unknown};
use crate::model::organisation::{
    ActivationLock, Budget, Edition, LiveService, Migration, OrgDevicesBuilder, OrgRow, PurchaseSource,
    ServiceKind,
};

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).unwrap()
}

/// An organisation with one service and these devices: whether each belongs to it.
fn organisation(service: &str, devices: &[(&str, bool)]) -> LiveOrganisation {
    let id = ServiceId::new(service);
    let mut builder = OrgDevicesBuilder::default();
    let place = builder.service(&id);
    for (serial, belongs) in devices {
        let row = OrgRow {
            model: Some("iPad Air"),
            family: Some(ProductFamily::Ipad),
            order: Some("W1"),
            source: Some(PurchaseSource::ManuallyAdded),
            added: Some(at(-9)),
            assigned: Some(*belongs),
            migration: Migration { deadline: belongs.then(|| at(99)), ..Migration::default() },
            ..OrgRow::default()
        };
        builder.push(serial, &row);
        if *belongs {
            builder.link(place, serial);
        }
    }
    let service = LiveService {
        id,
        name: format!("Service {service}"),
        kind: ServiceKind::Mdm,
        status: None,
        device_count: None,
        may_disown: None,
        default_for: None,
        last_connected: None,
    };
    LiveOrganisation {
        tenant: "BUSINESSAPI.x".to_owned(),
        edition: Edition::Business,
        services: Fact::Known(Complete::after_last_page(vec![service])),
        devices: Fact::Known(builder.after_last_page()),
        activities: BTreeMap::new(),
        read_at: at(0),
        reused: true,
        budget: Budget { get_per_minute: 20, post_per_hour: 10, posts_free: 10, next_post: None },
    }
}

/// An Intune token with these devices.
fn tenant(token: &TokenId, serials: &[&str]) -> LiveTenant {
    let mut devices = DevicesBuilder::default();
    for serial in serials {
        devices.push(Some(serial), None, EnrollmentState::NotContacted, false, true, None);
    }
    LiveTenant {
        tenant_id: "tenant".to_owned(),
        tokens: Fact::Known(Complete::default()),
        scope_tags: None,
        vpp_tokens: None,
        push_certificate: None,
        profiles: BTreeMap::new(),
        devices: BTreeMap::from([(token.clone(), Fact::Known(devices.after_last_page()))]),
        account_driven_url: None,
    }
}

fn waiting(serials: &[&str]) -> Plan {
    let wait = Waiting {
        token: Some(name("school")),
        assignment: None,
        profile: Some(name("ipads")),
        serials: serials.iter().map(|text| serial(text)).collect(),
        reason: String::new(),
        until: None,
    };
    Plan { waiting: vec![wait], ..Plan::default() }
}

fn observed(organisations: Vec<(&str, LiveOrganisation)>) -> Observed {
    let token = TokenId("t1".to_owned());
    let live = Live {
        tenants: BTreeMap::from([(Realm::Mdm(name("mdm")), tenant(&token, &["S1", "S2"]))]),
        organisations: organisations.into_iter().map(|(text, live)| (name(text), live)).collect(),
        locks: BTreeMap::from([(
            serial("S1"),
            SeenLock { lock: Fact::Known(ActivationLock::ByUser), at: at(-60) },
        )]),
        ..Live::default()
    };
    Observed { live, tokens: BTreeMap::from([(name("school"), token)]), ..Observed::default() }
}

fn of<'r>(rows: &'r [DeviceRow<'r>], text: &str) -> &'r DeviceRow<'r> {
    let mut found = rows.iter().filter(|row| row.serial == serial(text));
    let only = found.next().unwrap_or_else(|| panic!("{text} has no row"));
    assert!(found.next().is_none(), "{text} has two rows");
    only
}

#[test]
fn a_device_is_one_row_with_what_each_side_knows_of_it() {
    let desired = Desired::default();
    let apple = organisation("AA", &[("S1", true), ("S3", false), ("S4", true)]);
    let (observed, plan) = (observed(vec![("company", apple)]), waiting(&["S4", "S9"]));
    let inventory = Inventory::joined(&desired, &plan, &observed, at(30));
    let rows: Vec<DeviceRow<'_>> = inventory.rows().collect();
    let order: Vec<&str> = rows.iter().map(|row| row.serial.as_str()).collect();
    assert_eq!(order, ["S1", "S2", "S3", "S4", "S9"]);
    let both = of(&rows, "S1");
    assert_eq!((both.token, both.model, both.family), (Some("school"), Some("iPad Air"), Some("iPad")));
    let side = both.apple.unwrap();
    assert_eq!((side.organisation, side.service), (Some("company"), Some("Service AA")));
    assert_eq!((side.status, side.order_number), (Some(AtApple::Assigned), Some("W1")));
    assert_eq!((side.purchase_source, side.added), (Some("manuallyAdded"), Some(at(-9))));
    assert_eq!(side.migration.unwrap().deadline, Some(at(99)));
    assert_eq!((side.read_at, side.reused), (Some(at(0)), true));
    assert!(both.mdm.is_some() && both.lacks_a_profile());
    let lock = both.lock.unwrap();
    assert_eq!((lock.state, lock.age_seconds), (Some(ActivationLock::ByUser), 90));
    let only_mdm = of(&rows, "S2");
    assert!(only_mdm.apple.is_none() && only_mdm.mdm.is_some() && only_mdm.lock.is_none());
    let nobodys = of(&rows, "S3");
    assert!(nobodys.lacks_a_service() && !nobodys.lacks_a_profile() && nobodys.mdm.is_none());
    assert_eq!(nobodys.apple.unwrap().migration, None);
    // Named, at Apple already, and not at the MDM yet.
    let on_its_way = of(&rows, "S4");
    assert!(on_its_way.waiting && !on_its_way.lacks_a_profile());
    assert_eq!((on_its_way.wished_profile, on_its_way.token), (Some("ipads"), None));
    assert!(of(&rows, "S9").waiting && of(&rows, "S9").apple.is_none());
}

#[test]
fn two_organisations_that_claim_a_serial_are_both_told() {
    let one = organisation("AA", &[("S5", true)]);
    let two = organisation("BB", &[("S5", true), ("S6", true)]);
    let (desired, plan) = (Desired::default(), Plan::default());
    let observed = observed(vec![("company", one), ("school", two)]);
    let inventory = Inventory::joined(&desired, &plan, &observed, at(0));
    let rows: Vec<DeviceRow<'_>> = inventory.rows().collect();
    let side = of(&rows, "S5").apple.unwrap();
    assert_eq!((side.organisation, side.also_in), (Some("company"), Some("school")));
    assert_eq!(of(&rows, "S6").apple.unwrap().also_in, None);
    assert_eq!(rows.len(), 4);
    // The one that the device's token names speaks first.
    let named = name("school");
    let side = inventory.at_apple(&serial("S5"), Some(&named)).unwrap().side;
    assert_eq!((side.organisation, side.also_in), (Some("school"), Some("company")));
}

#[test]
fn an_organisation_whose_devices_are_not_known_adds_nothing() {
    let unknown = Unknown { cause: Cause::Unavailable, reason: "503".to_owned(), next: "wait".to_owned() };
    let apple = LiveOrganisation { devices: Fact::Unknown(unknown), ..organisation("AA", &[("S1", true)]) };
    let (desired, plan, observed) = (Desired::default(), Plan::default(), observed(vec![("company", apple)]));
    let inventory = Inventory::joined(&desired, &plan, &observed, at(0));
    let rows: Vec<DeviceRow<'_>> = inventory.rows().collect();
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row.apple.is_none() && row.model.is_none()));
}
