//! Promises to organisations at Apple without an outcome.

use std::collections::BTreeMap;

use crate::apply::recover::{Recovery, recover, unknown_until};
use crate::ledger::{Event, Intent, IntentState, KnownActivity, LedgerView};
use crate::model::clock::Timestamp;
use crate::model::desired::LimitKind;
use crate::model::live::{Cause, Complete, Fact, Live, Unknown};
use crate::model::organisation::{
    ActivityState, Budget, LiveOrganisation, LiveService, Migration, OrgDevicesBuilder, OrgRow, ServiceKind,
};
use crate::model::{ActivityId, Address, Edition, Name, Serial, ServiceId};
use crate::plan::tests::world::{ago, now};

fn serials(texts: &[&str]) -> Vec<Serial> {
    texts.iter().map(|text| Serial::new(text).unwrap()).collect()
}

fn deadline() -> Timestamp {
    "2027-01-01T00:00:00Z".parse().unwrap()
}

/// A0 is at F1, B1 at F2, C2 at none; the services are named One, Two and Lab.
fn organisation() -> LiveOrganisation {
    let mut builder = OrgDevicesBuilder::default();
    for serial in ["A0", "B1", "C2"] {
        let migration = Migration { deadline: Some(deadline()), ..Migration::default() };
        builder.push(serial, &OrgRow { migration, ..OrgRow::default() });
    }
    let (one, two) = (builder.service(&ServiceId::new("F1")), builder.service(&ServiceId::new("F2")));
    builder.link(one, "A0");
    builder.link(two, "B1");
    let service = |id: &str, name: &str| LiveService {
        id: ServiceId::new(id),
        name: name.to_owned(),
        kind: ServiceKind::Mdm,
        status: None,
        device_count: None,
        may_disown: None,
        default_for: None,
        last_connected: None,
    };
    let services = vec![service("F1", "One"), service("F2", "Two"), service("F3", "Lab")];
    LiveOrganisation {
        tenant: "org".to_owned(),
        edition: Edition::Business,
        services: Fact::Known(Complete::after_last_page(services)),
        devices: Fact::Known(builder.after_last_page()),
        activities: BTreeMap::new(),
        read_at: now(),
        reused: false,
        budget: Budget { get_per_minute: 20, post_per_hour: 10, posts_free: 10, next_post: None },
    }
}

fn intent(write: &str, service: Option<&str>, devices: &[&str]) -> Intent {
    Intent {
        service: service.map(ServiceId::new),
        serials: serials(devices),
        tenant: "org".to_owned(),
        address: Address::token(&Name::new("school").unwrap()),
        name: (write == "createService").then(|| "Lab".to_owned()),
        ..crate::plan::tests::world::intent(Address::token(&Name::new("school").unwrap()), write, ago(900))
    }
}

fn recovered(intent: Intent, organisation: LiveOrganisation) -> (LedgerView, Recovery) {
    let mut view = LedgerView::none();
    view.unsettled.push(intent);
    let organisations = BTreeMap::from([(Name::new("acme").unwrap(), organisation)]);
    recover(&view, &Live { organisations, ..Live::default() }, &BTreeMap::new(), now())
}

#[test]
fn what_was_lost_is_told_by_the_services_own_lists() {
    for (write, service, devices, note, events) in [
        ("assignService", Some("F1"), &["A0", "B1"][..], "on 1 of 2", 0),
        ("assignService", Some("F2"), &["A0"], "had no effect", 0),
        ("unassignService", Some("F1"), &["B1", "C2"], "on 2 of 2", 1),
        ("unassignService", Some("F1"), &["A0"], "had no effect", 0),
        ("migrate", Some("F1"), &["A0", "B1"], "on 1 of 2", 1),
        ("updateDeadline", None, &["A0"], "read again", 0),
        ("cancelMigration", None, &["A0"], "read again", 0),
        ("takeFamilies", Some("F1"), &[], "read again", 0),
        ("createService", None, &[], "found", 1),
        ("deleteService", Some("F9"), &[], "gone", 1),
        ("deleteService", Some("F1"), &[], "still there", 0),
    ] {
        let (view, recovery) = recovered(intent(write, service, devices), organisation());
        assert!(view.unsettled.is_empty(), "{write}");
        let [(_, IntentState::Settled, told)] = &recovery.settled[..] else {
            panic!("{write}: {recovery:?}")
        };
        assert!(told.contains(note), "{write}: {told}");
        assert_eq!(recovery.events.len(), events, "{write}: {recovery:?}");
        match recovery.events.first() {
            Some(Event::Destroyed { kind: LimitKind::Unassign, count, .. }) => {
                assert_eq!((write, *count), ("unassignService", 2));
                assert_eq!(view.destroyed.len(), 1, "the limits count it in this run");
            }
            Some(Event::Destroyed { kind, .. }) => {
                assert_eq!((write, *kind), ("deleteService", LimitKind::Delete));
            }
            Some(Event::MigrationAsked { deadline: asked, serials: those, .. }) => {
                assert_eq!((write, *asked, those), ("migrate", deadline(), &serials(&["A0"])));
            }
            Some(Event::ServiceKnown { service, made, .. }) => {
                assert_eq!((write, service, *made), ("createService", &ServiceId::new("F3"), true));
            }
            Some(other) => panic!("{other}"),
            None => {}
        }
    }
}

#[test]
fn within_its_horizon_and_without_whole_lists_nothing_is_told() {
    let lost = || intent("assignService", Some("F1"), &["A0"]);
    let young = Intent { since: ago(899), ..lost() };
    let mut view = LedgerView::none();
    view.unsettled.push(young.clone());
    assert_eq!(
        unknown_until(&view).unwrap(),
        crate::model::clock::after(now(), std::time::Duration::from_secs(1))
    );
    assert_eq!(recovered(young, organisation()).1, Recovery::default());

    let unknown =
        Unknown { cause: Cause::Unavailable, reason: "page 30 of 60".to_owned(), next: String::new() };
    let unread = LiveOrganisation { devices: Fact::Unknown(unknown), ..organisation() };
    let reused = LiveOrganisation { reused: true, ..organisation() };
    let elsewhere = LiveOrganisation { tenant: "another".to_owned(), ..organisation() };
    for live in [unread, reused, elsewhere] {
        let (view, recovery) = recovered(lost(), live);
        assert_eq!((recovery, view.unsettled.len()), (Recovery::default(), 1));
    }
}

#[test]
fn activities_that_were_seen_to_end_while_reading_are_open_no_more() {
    let known = KnownActivity {
        tenant: "org".to_owned(),
        address: Address::token(&Name::new("school").unwrap()),
        write: "unassignService".to_owned(),
        service: Some(ServiceId::new("F1")),
        serials: serials(&["B1", "C2"]),
        accepted: ago(7200),
        ended: None,
    };
    let mut view = LedgerView::none();
    let mut live = organisation();
    for (id, state) in [
        ("running", ActivityState::Running("PROCESSING".to_owned())),
        ("done", ActivityState::Succeeded),
        ("forgotten", ActivityState::Forgotten),
        ("young", ActivityState::Forgotten),
    ] {
        let id = ActivityId(id.to_owned());
        live.activities.insert(id.clone(), Fact::Known(state));
        view.apple.activities.insert(id, known.clone());
    }
    view.apple.activities.get_mut(&ActivityId("young".to_owned())).unwrap().accepted = ago(60);
    let organisations = BTreeMap::from([(Name::new("acme").unwrap(), live)]);
    let (view, recovery) =
        recover(&view, &Live { organisations, ..Live::default() }, &BTreeMap::new(), now());
    let open: Vec<&str> = view.apple.open_activities("org").map(|(id, _)| id.0.as_str()).collect();
    assert_eq!(open, ["running", "young"]);
    assert_eq!(recovery.events.len(), 4, "each with its count for the limits: {:?}", recovery.events);
    assert_eq!(view.destroyed.len(), 2);
}
