//! Snapshots: as few calls as there can be, and nothing known of what was not read to its end.

use std::collections::BTreeMap;

use espalier::model::live::Fact;
use espalier::model::organisation::Belongs;
use espalier::model::{Edition, Serial};
use espalier::provider::business::{BusinessObserver, Families, Fault, Look, Snapshot, least_calls};
use serde_json::json;

use super::{Stand, fleet};
use crate::support::business::{self, SCHOOL};

/// The service of each device by its name; an empty one: of none.
fn joined(snapshot: &Snapshot) -> BTreeMap<String, String> {
    let services = snapshot.services.known().expect("the services are known");
    let devices = snapshot.devices.known().expect("the devices are known");
    let name = |belongs: Belongs<'_>| match belongs {
        Belongs::ToNone => String::new(),
        Belongs::To(id) => services.iter().find(|service| service.id == *id).expect("a service").name.clone(),
        Belongs::Unclear => "?".to_owned(),
    };
    devices.iter().map(|device| (device.serial.to_string(), name(devices.service_of(device)))).collect()
}

fn why_unknown<T: std::fmt::Debug>(fact: &Fact<T>) -> String {
    match fact {
        Fact::Unknown(unknown) => format!("{unknown:?}"),
        Fact::Known(known) => panic!("it is known: {known:?}"),
    }
}

#[tokio::test]
async fn a_snapshot_takes_the_least_number_of_calls() {
    for (on_services, on_none) in [
        (vec![1001, 1000, 0, 1], 500),
        (vec![2500], 0),
        (vec![], 0),
        (vec![300, 300, 300, 300, 300, 300], 1200),
    ] {
        let stand = Stand::new(&fleet(&on_services, on_none)).await;
        let devices: u32 = on_services.iter().sum::<u32>() + on_none;
        for families in [Families::None, Families::All] {
            stand.sim.forget_calls();
            let snapshot = stand.snapshot(&families).await;
            let joined = joined(&snapshot);
            assert_eq!(joined.len(), devices as usize);
            for (at, count) in on_services.iter().enumerate() {
                let there = joined.values().filter(|name| **name == format!("S{at}")).count();
                assert_eq!(there, *count as usize, "S{at} of {on_services:?}");
            }
            let of_families = if families == Families::All { on_services.len() as u64 } else { 0 };
            let on_services: Vec<u64> = on_services.iter().map(|count| u64::from(*count)).collect();
            let least = least_calls(u64::from(devices), &on_services, of_families);
            let calls = stand.calls();
            assert_eq!(calls.remove_sign_in(), 1, "{calls:?}");
            assert_eq!(calls.values().sum::<u64>() - 1, least, "{on_services:?} and {on_none}: {calls:?}");
            let pages = u64::from(devices.div_ceil(1000).max(1));
            assert_eq!(calls.get("business list devices"), Some(&pages));
            assert_eq!(calls.get("business read service").copied().unwrap_or(0), of_families);
        }
        stand.judged().await;
    }
}

/// The one call that is none of the API's.
trait SignIns {
    fn remove_sign_in(&self) -> u64;
}

impl SignIns for BTreeMap<String, u64> {
    fn remove_sign_in(&self) -> u64 {
        self.get("account token").copied().unwrap_or(0)
    }
}

#[tokio::test]
async fn families_are_read_one_by_one_and_school_has_them_too() {
    let stand = Stand::unlimited().await;
    let snapshot = stand.snapshot(&Families::Named(["Tablets".to_owned()].into())).await;
    let services = snapshot.services.known().expect("known");
    let told: Vec<(&str, bool)> =
        services.iter().map(|service| (service.name.as_str(), service.default_for.is_some())).collect();
    assert_eq!(told.iter().filter(|(_, told)| *told).count(), 1, "{told:?}");
    assert_eq!(stand.asked("business read service"), 1);
    let school = BusinessObserver::new(business::client(business::settings(&stand.sim, SCHOOL)));
    assert_eq!(school.edition(), Edition::School);
    let snapshot = school.snapshot(&Families::All, &mut |_| {}).await;
    assert_eq!(joined(&snapshot)["PUPIL1"], "Pupils");
    assert_eq!((stand.asked("school read service"), stand.asked("school list linkages")), (2, 2));
    stand.judged().await;
}

#[tokio::test]
async fn before_version_2_1_families_are_not_known_and_the_rest_is() {
    let stand = Stand::unlimited().await;
    stand.fault(json!({"fault": "no-instance"}));
    let snapshot = stand.snapshot(&Families::All).await;
    for service in snapshot.services.known().expect("known").iter() {
        let families = service.default_for.as_ref().expect("it was asked for");
        assert!(why_unknown(families).contains("api-operation-not-supported"), "{families:?}");
    }
    assert_eq!(joined(&snapshot)["PAD1"], "Tablets");
    stand.judged().await;
}

/// Sixty pages, of which the thirtieth fails: for good, and for once.
#[tokio::test]
async fn a_list_that_breaks_on_page_30_of_60_is_no_list() {
    let seed = business::seed("2026-11-02T08:00:00Z", &fleet(&[600], 0), &business::unlimited());
    let stand = Stand::of(&seed, Some(10)).await;
    for (fault, times, is_known) in [
        (json!({"status": 500}), 0, false),
        (json!({"status": 0}), 0, false),
        (json!({"status": 503}), 1, true),
        (json!({"status": 0}), 1, true),
    ] {
        let mut fault = fault;
        for (name, value) in [
            ("fault", json!("page-error")),
            ("operation", json!("list devices")),
            ("page", json!(30)),
            ("times", json!(times)),
        ] {
            fault[name] = value;
        }
        stand.sim.clear_faults();
        stand.sim.forget_calls();
        stand.fault(fault.clone());
        let snapshot = stand.snapshot(&Families::None).await;
        assert_eq!(snapshot.services.known().expect("they were read before").len(), 1);
        let asked = stand.asked("business list devices");
        if is_known {
            assert_eq!(joined(&snapshot).len(), 600, "{fault}");
            assert_eq!(asked, 61, "{fault}: the page alone is read again");
        } else {
            let why = why_unknown(&snapshot.devices);
            assert!(why.contains("api-unavailable") || why.contains("api-answer-lost"), "{fault}: {why}");
            assert!(asked > 30 && stand.asked("business list linkages") == 0, "{fault}: {asked}");
        }
    }
    // The list of a service is as much a part of it.
    stand.sim.clear_faults();
    stand.fault(
        json!({"fault": "page-error", "operation": "list linkages", "page": 30, "status": 500, "times": 0}),
    );
    why_unknown(&stand.snapshot(&Families::None).await.devices);
    stand.judged().await;
}

#[tokio::test]
async fn a_body_that_ends_in_the_middle_is_read_again() {
    for fault in ["cut-body", "garbage"] {
        let stand = Stand::unlimited().await;
        stand.fault(json!({"fault": fault, "when": "after", "operation": "list devices"}));
        let snapshot = stand.snapshot(&Families::None).await;
        match fault {
            "cut-body" => {
                assert_eq!(joined(&snapshot)["PAD1"], "Tablets");
                assert_eq!(stand.asked("business list devices"), 2);
            }
            _ => assert!(why_unknown(&snapshot.devices).contains("api-answer-unreadable")),
        }
        stand.judged().await;
    }
}

#[tokio::test]
async fn a_next_link_to_another_host_is_not_followed() {
    let seed = business::seed("2026-11-02T08:00:00Z", &fleet(&[30], 0), &business::unlimited());
    let stand = Stand::of(&seed, Some(10)).await;
    stand.fault(json!({"fault": "foreign-next", "operation": "list devices"}));
    let error = stand.observer().devices(&mut |_, _| {}, &mut |_| {}).await.expect_err("it leads elsewhere");
    assert_eq!((error.fault, stand.asked("business list devices")), (Fault::ForeignPage, 1), "{error}");
    assert!(error.to_string().contains("elsewhere.example"), "{error}");
    stand.judged().await;
}

/// A list that changes while it is read: what comes twice is one, and what is missing nobody invents.
#[tokio::test]
async fn rows_that_repeat_or_go_missing_between_pages_move_no_device() {
    let seed = business::seed("2026-11-02T08:00:00Z", &fleet(&[25, 15], 10), &business::unlimited());
    let stand = Stand::of(&seed, Some(10)).await;
    let whole = joined(&stand.snapshot(&Families::None).await);
    assert_eq!(whole.len(), 50);
    stand.fault(json!({"fault": "duplicate-rows"}));
    assert_eq!(joined(&stand.snapshot(&Families::None).await), whole);
    stand.sim.clear_faults();
    for operation in ["list devices", "list linkages"] {
        stand.fault(json!({"fault": "missing-rows", "operation": operation, "times": 0}));
        let part = joined(&stand.snapshot(&Families::None).await);
        for (serial, service) in &part {
            let right = &whole[serial];
            assert!(service == right || service == "?", "{serial} is at {service:?} instead of {right:?}");
        }
        let unclear = part.values().filter(|service| *service == "?").count();
        let missing: Vec<&String> = whole.keys().filter(|serial| !part.contains_key(*serial)).collect();
        // What a service lists has not vanished; of a device without one nothing else tells.
        assert!(missing.iter().all(|serial| whole[*serial].is_empty()), "{missing:?}");
        let missing = missing.len();
        match operation {
            // Of each of five pages but the first a row is missing: of the last one, that of a device
            // without a service.
            "list devices" => assert_eq!((missing, unclear), (1, 3)),
            // The first list has three pages, the second two: of each but the first a row is missing.
            _ => assert_eq!((missing, unclear), (0, 3)),
        }
        stand.sim.clear_faults();
    }
    stand.judged().await;
}

#[tokio::test]
async fn both_ways_of_everything_that_was_seen_are_read() {
    let stand = Stand::unlimited().await;
    let serial = |text: &str| Serial::new(text).expect("a serial");
    let usual = stand.observer().device(&serial("PHONE1")).await.expect("an answer");
    for ways in ["text-members", "list-members", "unknown-members", "totals"] {
        stand.fault(json!({"fault": ways}));
        let look = stand.observer().device(&serial("PHONE1")).await.expect("an answer");
        assert_eq!(look, usual, "{ways}");
        assert_eq!(joined(&stand.snapshot(&Families::None).await)["PAD1"], "Tablets", "{ways}");
        stand.sim.clear_faults();
    }
    for fault in [None, Some("empty-relationship")] {
        fault.map(|fault| stand.fault(json!({"fault": fault})));
        let observer = stand.observer();
        assert_eq!(observer.assigned_service(&serial("PHONE1")).await.expect("an answer"), None);
        let there = observer.assigned_service(&serial("PAD1")).await.expect("an answer").expect("a service");
        assert_eq!(there.as_str(), business::service(&stand.sim, "Acme", "Tablets"));
    }
    assert_eq!(stand.observer().device(&serial("NOBODY")).await.expect("an answer"), Look::NotHere);
    stand.judged().await;
}

#[tokio::test]
async fn patience_is_what_the_service_asks_for() {
    let stand = Stand::unlimited().await;
    stand.observer().services().await.expect("a bearer");
    for (fault, least) in [
        (json!({"fault": "429", "retryAfter": 40}), 40),
        (json!({"fault": "429"}), 1),
        (json!({"fault": "html-429", "retryAfter": 17}), 17),
        (json!({"fault": "html-429"}), 1),
        (json!({"fault": "503", "retryAfter": 30}), 30),
        (json!({"fault": "502"}), 0),
    ] {
        let observer = stand.observer();
        observer.services().await.expect("nothing is in the way");
        let (before, asked) = (stand.sim.clock().now(), stand.asked("business list services"));
        let mut fault_here = fault.clone();
        fault_here["operation"] = json!("list services");
        stand.fault(fault_here);
        observer.services().await.expect("it was for once");
        let waited = stand.sim.clock().now().duration_since(before).as_secs();
        assert!(waited >= least, "{fault}: {waited} s");
        assert_eq!(stand.asked("business list services"), asked + 2, "{fault}");
        stand.sim.clear_faults();
    }
    // More than anybody waits for.
    stand.fault(json!({"fault": "429", "retryAfter": 3600, "times": 0, "operation": "list services"}));
    let error = stand.observer().services().await.expect_err("an hour is too long");
    assert_eq!(error.fault, Fault::Throttled, "{error}");
    let not_before = error.not_before.expect("when to come again");
    assert!(not_before.duration_since(stand.sim.clock().now()).as_secs() > 3000, "{not_before}");
    stand.judged().await;
}

#[tokio::test]
async fn a_page_of_html_is_told_by_its_beginning() {
    let stand = Stand::unlimited().await;
    stand.fault(json!({"fault": "502", "times": 0, "operation": "list services"}));
    let error = stand.observer().services().await.expect_err("it is down");
    assert_eq!(error.fault, Fault::ServiceUnavailable);
    assert!(error.to_string().contains("<html>"), "{error}");
    stand.judged().await;
}

#[tokio::test]
async fn the_budget_is_kept_and_goes_on_in_the_next_run() {
    use espalier::provider::business::{CallBudget, PastCalls, Spent};
    // The usual limits of the simulator: 20 in a minute.
    let stand = Stand::new(&json!({})).await;
    let with = |past: &PastCalls| {
        let mut settings = stand.settings();
        settings.budget = CallBudget::new(20, 10, past, stand.sim.clock().now());
        BusinessObserver::new(business::client(settings))
    };
    let begun = stand.sim.clock().now();
    let first = with(&PastCalls::default());
    for _ in 0..50 {
        first.services().await.expect("it fits");
    }
    let waited = stand.sim.clock().now().duration_since(begun).as_secs();
    assert!((120..=180).contains(&waited), "50 calls at 20 a minute take {waited} s");
    let past = first.budget().past(stand.sim.clock().now());
    let second = with(&past);
    assert_eq!(second.budget().free(Spent::Minute, stand.sim.clock().now()), 10);
    for _ in 0..15 {
        second.services().await.expect("it fits");
    }
    assert_eq!(stand.asked("business list services"), 65, "none was refused, so none was repeated");
    stand.judged().await;
}
