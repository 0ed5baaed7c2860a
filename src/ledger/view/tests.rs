use super::super::suite::{address, at, disowned, fleet, owned};
use super::*;
use crate::model::Value;
use crate::model::policy::Policy;

fn log(events: impl IntoIterator<Item = (i64, Event)>) -> Vec<Row> {
    let born = (0, Event::Born { fleet: fleet() });
    let entries =
        std::iter::once(born).chain(events).map(|(second, event)| (at(second), Entry::Event(event)));
    (1..).zip(entries).map(|(seq, (at, entry))| Row { seq, at, entry }).collect()
}

fn view(events: impl IntoIterator<Item = (i64, Event)>, now: i64) -> LedgerView {
    LedgerView::replay(log(events), at(now)).unwrap()
}

fn serials(texts: &[&str]) -> Vec<Serial> {
    texts.iter().map(|text| Serial::new(text).unwrap()).collect()
}

fn school() -> (Address, TokenId) {
    (Address::token(&Name::new("school").unwrap()), TokenId("token".to_owned()))
}

#[test]
fn the_transition_table_has_these_entries_and_no_others() {
    use IntentState::{Committed, Failed, Open, Settled, Unknown};
    let legal = [(Open, Committed), (Open, Failed), (Open, Unknown), (Open, Settled), (Unknown, Settled)];
    for from in IntentState::ALL {
        for to in IntentState::ALL {
            assert_eq!(from.next(to).is_some(), legal.contains(&(from, to)), "{from} to {to}");
        }
    }
}

#[test]
fn a_log_begins_with_its_birth_and_has_no_gaps() {
    let replay = |rows: Vec<Row>| LedgerView::replay(rows, at(9));
    let rows = log([(1, owned("a", "1")), (2, owned("b", "2"))]);
    assert_eq!(replay(rows[1..].to_vec()), Err(ReplayError::Order { expected: 1, found: 2 }));
    let gap = vec![rows[0].clone(), rows[2].clone()];
    assert_eq!(replay(gap), Err(ReplayError::Order { expected: 2, found: 3 }));
    let unborn = vec![Row { seq: 1, ..rows[1].clone() }];
    assert_eq!(replay(unborn), Err(ReplayError::Birth));
    assert_eq!(replay(log([(1, Event::Born { fleet: fleet() })])), Err(ReplayError::Birth));
}

#[test]
fn what_was_applied_belongs_to_the_object_and_not_to_the_address() {
    let fields = Fields::from([("department".into(), Value::Text("IT".to_owned()))]);
    let applied = Event::Applied { address: address("a"), fields: fields.clone() };
    let first = [(1, owned("a", "1")), (2, applied)];
    let after = |event| view(first.clone().into_iter().chain([(3, event)]), 9).owned;
    assert_eq!(after(owned("a", "1"))[&address("a")].applied, fields);
    assert_eq!(after(owned("a", "2"))[&address("a")].applied, Fields::new());
    assert!(after(disowned("a")).is_empty());
}

#[test]
fn destruction_counts_for_24_hours() {
    let token = Name::new("school").unwrap();
    let gone = Event::Destroyed { address: address("a"), token, kind: LimitKind::Delete, count: 2 };
    let counted = |now| view([(100, gone.clone())], now).destroyed.len();
    let day = 24 * 60 * 60;
    assert_eq!([counted(100), counted(99 + day), counted(100 + day)], [1, 1, 0]);
    assert_eq!(counted(50), 1, "a clock that was set back frees nothing");
}

#[test]
fn a_sync_is_remembered_for_those_who_still_wait() {
    let (token, token_id) = school();
    let asked = |list: &[&str]| {
        let (token, token_id) = school();
        Event::SyncAsked { token, token_id, serials: serials(list) }
    };
    let appeared = |list: &[&str]| {
        let (token, token_id) = school();
        Event::NotWaiting { token, token_id, serials: serials(list) }
    };
    let waiting = |events: Vec<Event>| {
        view(events.into_iter().map(|event| (1, event)), 9).sync_asked.get(&school().1).cloned()
    };
    let both = vec![asked(&["C2", "B1"]), asked(&["A0", "C2"])];
    assert_eq!(waiting(both.clone()), Some(serials(&["A0", "B1", "C2"])));
    let with = |event| both.iter().cloned().chain([event]).collect::<Vec<_>>();
    assert_eq!(waiting(with(appeared(&["B1", "X"]))), Some(serials(&["A0", "C2"])));
    assert_eq!(waiting(with(appeared(&["A0", "B1", "C2"]))), None);
    let own = Event::Owned {
        address: token.clone(),
        tenant: "tenant".to_owned(),
        token_id,
        object: None,
        how: How::Adopted,
        name: "School".to_owned(),
    };
    let given_up = Event::Disowned { address: token, why: "deleted".to_owned() };
    assert_eq!(waiting(vec![own, asked(&["A0"]), given_up]), None);
}

#[test]
fn a_profile_that_vanished_is_no_longer_known_and_what_was_applied_is() {
    let Event::Owned { address, token_id, object: Some(object), .. } = owned("a", "1") else { panic!() };
    let fields = Fields::from([("department".into(), Value::Text("IT".to_owned()))]);
    let defined = Event::Defined {
        address: address.clone(),
        token_id: token_id.clone(),
        object: object.clone(),
        name: "a".to_owned(),
        content: "sha256:0".to_owned(),
    };
    let applied = Event::Applied { address: address.clone(), fields: fields.clone() };
    let other = Event::Vanished { token_id: TokenId("other".to_owned()), object: object.clone() };
    let vanished = Event::Vanished { token_id, object: object.clone() };
    let events =
        |last: Event| [owned("a", "1"), applied.clone(), defined.clone(), last].map(|event| (1, event));
    let before = view(events(other), 9);
    assert_eq!((before.owned[&address].object.as_ref(), before.defined.len()), (Some(&object), 1));
    let after = view(events(vanished), 9);
    assert_eq!((&after.owned[&address].object, &after.owned[&address].applied), (&None, &fields));
    assert!(after.defined.is_empty());
}

#[test]
fn only_a_run_applied_in_full_moves_the_commit_and_every_run_of_the_whole_the_newest() {
    let end = |commit: &str, complete, part| Event::RunFinished {
        run: fleet(),
        complete,
        commit: Some(commit.to_owned()),
        part,
    };
    let all = |rows: Vec<(i64, Event)>| view(rows, 9);
    let told = |view: &LedgerView| (view.last_commit.clone(), view.newest_commit.clone());
    let some = |text: &str| Some(text.to_owned());
    let two = vec![(1, end("one", true, false)), (2, end("two", false, false))];
    assert_eq!(told(&all(two.clone())), (some("one"), some("two")));
    let narrowed = [two.clone(), vec![(3, end("three", false, true))]].concat();
    assert_eq!(told(&all(narrowed)), (some("one"), some("two")));
    let begun = Event::RunStarted {
        run: fleet(),
        commit: Some("four".to_owned()),
        digest: None,
        manifests: None,
        part: false,
    };
    assert_eq!(told(&all([two.clone(), vec![(3, begun)]].concat())), (some("one"), some("four")));
    let restored = |rewritten| {
        let (who, why) = ("ada".to_owned(), "the disk died".to_owned());
        (3, Event::Act(ActEvent::Restored { who, why, rewritten }))
    };
    assert_eq!(told(&all([two.clone(), vec![restored(false)]].concat())), (some("one"), some("two")));
    assert_eq!(told(&all([two, vec![restored(true)]].concat())), (None, None));
}

#[test]
fn without_a_ledger_nothing_is_claimed() {
    let none = LedgerView::none();
    assert!(none.is_none() && none.owned.is_empty() && none.unsettled.is_empty());
    assert_eq!(none.born, Timestamp::MAX);
    assert!(!view([], 1).is_none());
}

#[test]
fn entries_keep_their_format() {
    let mut gates = Gates::default();
    gates.limits.retain(|kind, _| !matches!(kind, LimitKind::Act(_)));
    let gates = Event::GatesApplied { gates, policies: Vec::new() };
    for (entry, text) in [
        (
            Entry::Event(owned("a", "1")),
            r#"{"event":{"owned":{"address":"EnrollmentProfile/a@school","tenant":"tenant","tokenId":"token","object":"1","how":"created","name":"a"}}}"#,
        ),
        (
            Entry::Event(Event::InForce {
                token: Name::new("school").unwrap(),
                wishes: BTreeMap::from([("default".to_owned(), "sha256:0".to_owned())]),
            }),
            r#"{"event":{"inForce":{"token":"school","wishes":{"default":"sha256:0"}}}}"#,
        ),
        (
            Entry::Outcome { intent: 3, state: IntentState::Unknown, note: String::new() },
            r#"{"outcome":{"intent":3,"state":"unknown"}}"#,
        ),
        (
            Entry::Event(gates),
            r#"{"event":{"gatesApplied":{"gates":{"limits":{"update":{"percent":20,"count":50},"delete":{"percent":10,"count":5},"reassign":{"percent":10,"count":200},"unassign":{"percent":10,"count":100}}}}}}"#,
        ),
    ] {
        assert_eq!(serde_json::to_string(&entry).unwrap(), text);
        assert_eq!(serde_json::from_str::<Entry>(text).unwrap(), entry);
    }
    assert!(serde_json::from_str::<Entry>(r#"{"event":{"outgrown":{}}}"#).is_err());
}

#[test]
fn what_is_in_force_on_a_token_is_what_was_said_last() {
    let said = |token: &str, hash: &str| Event::InForce {
        token: Name::new(token).unwrap(),
        wishes: BTreeMap::from([("token".to_owned(), hash.to_owned())]),
    };
    let view = view([(1, said("school", "a")), (2, said("campus", "b")), (3, said("school", "c"))], 9);
    let hashes: Vec<&str> = view.in_force.values().map(|parts| parts["token"].as_str()).collect();
    assert_eq!(hashes, ["b", "c"]);
}

#[test]
fn gates_of_tenants_are_remembered_and_older_entries_have_none() {
    let policy = Policy {
        connection: Name::new("contoso").unwrap(),
        tenant: "tenant".to_owned(),
        gates: Gates { protected_tokens: vec![Name::new("school").unwrap()], ..Gates::unbounded() },
    };
    let applied = |policies| Entry::Event(Event::GatesApplied { gates: Gates::default(), policies });
    let text = serde_json::to_string(&applied(vec![policy.clone()])).unwrap();
    assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), applied(vec![policy]));
    let older = text.replace(&text[text.find(",\"policies\"").unwrap()..text.len() - 3], "");
    assert_eq!(serde_json::from_str::<Entry>(&older).unwrap(), applied(Vec::new()), "{older}");
}
