use super::super::super::event::{Entry, IntentState, NewIntent, Row};
use super::super::super::suite::{address, at, fleet};
use super::super::{LedgerView, Replay, ReplayError};
use super::*;

/// A log that is written entry by entry.
struct Log(Replay);

impl Log {
    fn new() -> Self {
        let mut log = Self(Replay::default());
        log.event(Event::Born { fleet: fleet() });
        log
    }

    fn add(&mut self, entry: Entry) -> Result<i64, ReplayError> {
        let seq = self.0.head() + 1;
        // What is refused leaves the log as it was.
        let mut next = self.0.clone();
        next.take(Row { seq, at: at(seq), entry })?;
        self.0 = next;
        Ok(seq)
    }

    fn event(&mut self, event: Event) {
        self.add(Entry::Event(event)).unwrap();
    }

    fn promise(&mut self, tenant: &str, devices: &[&str]) -> Result<i64, ReplayError> {
        let intent = NewIntent {
            address: Address::token(&Name::new("school").unwrap()),
            tenant: tenant.to_owned(),
            write: "assignService".to_owned(),
            part: 0,
            name: None,
            object: None,
            platform: None,
            items: devices.len() as u64,
            service: Some(ServiceId::new("F0")),
            serials: serials(devices),
        };
        self.add(Entry::Intended { run: fleet(), intent })
    }

    fn settle(&mut self, intent: i64, state: IntentState) {
        self.add(Entry::Outcome { intent, state, note: String::new() }).unwrap();
    }

    /// Promised, sent, and taken on by Apple under this id.
    fn activity(&mut self, id: &str, devices: &[&str]) -> i64 {
        let intent = self.promise("org", devices).unwrap();
        self.settle(intent, IntentState::Committed);
        self.event(Event::ActivityAccepted { intent, activity: activity(id) });
        intent
    }

    fn end(&mut self, id: &str) {
        let issues = vec![(serials(&["B1"])[0], "ISSUE".to_owned())];
        self.event(Event::ActivityEnded { activity: activity(id), state: "COMPLETED".to_owned(), issues });
    }

    fn view(&self) -> LedgerView {
        self.0.view(at(999))
    }

    fn known(&self) -> Vec<String> {
        self.view().apple.activities.keys().map(|id| id.0.clone()).collect()
    }
}

fn activity(id: &str) -> ActivityId {
    ActivityId(id.to_owned())
}

fn serials(texts: &[&str]) -> Vec<Serial> {
    texts.iter().map(|text| Serial::new(text).unwrap()).collect()
}

#[test]
fn an_activity_knows_what_it_is_about_from_its_intent_and_is_open_until_seen_to_end() {
    let mut log = Log::new();
    log.activity("one", &["A0", "B1"]);
    let view = log.view().apple;
    let [(id, open)] = view.open_activities("org").collect::<Vec<_>>()[..] else { panic!() };
    assert_eq!(
        (id.0.as_str(), open.write.as_str(), open.service.as_ref()),
        ("one", "assignService", Some(&ServiceId::new("F0")))
    );
    assert_eq!((&open.serials, open.accepted, &open.ended), (&serials(&["A0", "B1"]), at(4), &None));
    assert_eq!(view.open_activities("other").count(), 0);
    log.end("one");
    let view = log.view().apple;
    assert_eq!(view.open_activities("org").count(), 0);
    let ended = view.activities[&activity("one")].ended.clone().unwrap();
    assert_eq!((ended.state.as_str(), ended.issues.len(), ended.at), ("COMPLETED", 1, at(5)));
}

#[test]
fn a_device_is_promised_once_until_its_intent_is_settled_and_its_activity_has_ended() {
    let mut log = Log::new();
    let conflict = |log: &mut Log, tenant: &str, devices: &[&str]| match log.promise(tenant, devices) {
        Err(ReplayError::Conflict { intent, .. }) => Some(intent),
        Err(other) => panic!("{other}"),
        Ok(_) => None,
    };
    let first = log.promise("org", &["A0", "B1"]).unwrap();
    assert_eq!(conflict(&mut log, "org", &["B1", "C2"]), Some(first));
    assert_eq!(conflict(&mut log, "org", &["D3"]), None, "another share of the same destination");
    assert_eq!(conflict(&mut log, "elsewhere", &["B1"]), None, "another organisation");
    log.settle(first, IntentState::Unknown);
    assert_eq!(conflict(&mut log, "org", &["A0"]), Some(first), "unknown is not settled");
    log.settle(first, IntentState::Settled);

    let second = log.activity("two", &["A0", "B1"]);
    assert_eq!(conflict(&mut log, "org", &["A0"]), Some(second), "its activity runs");
    log.end("two");
    let third = log.promise("org", &["A0"]).unwrap();
    log.settle(third, IntentState::Failed);
    assert_eq!(conflict(&mut log, "org", &["A0"]), None, "what was refused holds nobody");
}

#[test]
fn an_activity_that_is_named_before_its_intent_ends_holds_its_devices_all_the_same() {
    let mut log = Log::new();
    let intent = log.promise("org", &["A0"]).unwrap();
    log.event(Event::ActivityAccepted { intent, activity: activity("one") });
    log.settle(intent, IntentState::Committed);
    assert!(log.promise("org", &["A0"]).is_err());
    log.end("one");
    assert!(log.promise("org", &["A0"]).is_ok());
}

#[test]
fn of_ended_activities_the_last_of_each_device_is_kept() {
    let mut log = Log::new();
    log.activity("one", &["A0", "B1"]);
    log.end("one");
    log.activity("two", &["A0"]);
    assert_eq!(log.known(), ["one", "two"], "B1 was in no later one");
    log.end("two");
    log.activity("three", &["B1"]);
    assert_eq!(log.known(), ["three", "two"]);
    log.end("three");
    log.activity("four", &["A0", "B1"]);
    assert_eq!(log.known(), ["four"]);
}

#[test]
fn a_migration_is_remembered_by_organisation_until_it_is_over() {
    let mut log = Log::new();
    let asked = |deadline, devices: &[&str]| Event::MigrationAsked {
        tenant: "org".to_owned(),
        assignment: Name::new("kiosks").unwrap(),
        deadline: at(deadline),
        serials: serials(devices),
    };
    log.event(asked(100, &["A0", "B1"]));
    log.event(asked(200, &["B1"]));
    let of = |log: &Log| log.view().apple.migrations.get("org").cloned().unwrap_or_default();
    let deadlines: Vec<_> = of(&log).values().map(|one| one.deadline).collect();
    assert_eq!(deadlines, [at(100), at(200)]);
    log.event(Event::MigrationOver { tenant: "other".to_owned(), serials: serials(&["A0"]) });
    log.event(Event::MigrationOver { tenant: "org".to_owned(), serials: serials(&["A0"]) });
    assert_eq!(of(&log).keys().copied().collect::<Vec<_>>(), serials(&["B1"]));
    log.event(Event::MigrationOver { tenant: "org".to_owned(), serials: serials(&["B1"]) });
    assert!(log.view().apple.migrations.is_empty());
}

#[test]
fn a_service_is_known_by_token_and_a_key_by_its_first_use() {
    let mut log = Log::new();
    let known = |id: &str, made| Event::ServiceKnown {
        token: Address::token(&Name::new("school").unwrap()),
        tenant: "org".to_owned(),
        service: ServiceId::new(id),
        name: "Lab".to_owned(),
        made,
    };
    log.event(known("a1", true));
    log.event(known("A1", false));
    let service = |log: &Log| log.view().apple.services[&Name::new("school").unwrap()].clone();
    assert_eq!(
        (service(&log).id, service(&log).made),
        (ServiceId::new("A1"), true),
        "made once, made for ever"
    );
    log.event(known("b2", false));
    assert!(!service(&log).made, "another service");

    let key = |key: &str| Event::KeyKnown { tenant: "org".to_owned(), key: key.to_owned() };
    [key("k1"), key("k2"), key("k1")].into_iter().for_each(|event| log.event(event));
    let keys = log.view().apple.keys["org"].clone();
    assert_eq!(keys.into_values().collect::<Vec<_>>(), [at(5), at(6)]);
}

#[test]
fn entries_of_activities_keep_their_format_and_are_told() {
    let profile = address("a");
    for (entry, text, words) in [
        (
            Entry::Intended {
                run: fleet(),
                intent: NewIntent {
                    address: Address::token(profile.domain()),
                    tenant: "org".to_owned(),
                    write: "assignService".to_owned(),
                    part: 2,
                    name: None,
                    object: None,
                    platform: None,
                    items: 2,
                    service: Some(ServiceId::new("f0")),
                    serials: serials(&["A0", "B1"]),
                },
            },
            r#"{"intended":{"run":"00000000-0000-0000-0000-0000000f1ee7","intent":{"address":"EnrollmentToken/school","tenant":"org","write":"assignService","part":2,"items":2,"service":"F0","serials":["A0","B1"]}}}"#,
            "EnrollmentToken/school assignService intended, 2 items",
        ),
        (
            Entry::Event(Event::ActivityAccepted { intent: 7, activity: activity("b1") }),
            r#"{"event":{"activityAccepted":{"intent":7,"activity":"b1"}}}"#,
            "intent 7 is activity b1 at Apple",
        ),
        (
            Entry::Event(Event::ActivityEnded {
                activity: activity("b1"),
                state: "COMPLETED COMPLETED_WITH_ERROR".to_owned(),
                issues: vec![(serials(&["A0"])[0], "ISSUE: DEVICE_NOT_FOUND".to_owned())],
            }),
            r#"{"event":{"activityEnded":{"activity":"b1","state":"COMPLETED COMPLETED_WITH_ERROR","issues":[["A0","ISSUE: DEVICE_NOT_FOUND"]]}}}"#,
            "activity b1 ended: COMPLETED COMPLETED_WITH_ERROR, issues with 1 device",
        ),
        (
            Entry::Event(Event::KeyKnown { tenant: "org".to_owned(), key: "k1".to_owned() }),
            r#"{"event":{"keyKnown":{"tenant":"org","key":"k1"}}}"#,
            "API key k1 of org used first",
        ),
    ] {
        assert_eq!(serde_json::to_string(&entry).unwrap(), text);
        assert_eq!(serde_json::from_str::<Entry>(text).unwrap(), entry);
        assert_eq!(entry.to_string(), words);
        assert_eq!(entry.format(), 3);
    }
}
