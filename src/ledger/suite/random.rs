//! Random histories, with runs that die between any two writes, against a plain second account of
//! what should come of them.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestRunner};

use super::*;
use crate::model::{Fields, Value};

const PROFILES: [&str; 3] = ["a", "b", "c"];
const WRITES: [&str; 2] = ["create", "assign"];

#[derive(Clone, Debug)]
enum Act {
    Intend {
        profile: usize,
        write: usize,
        part: u32,
    },
    Settle {
        pick: usize,
        to: IntentState,
        owns: bool,
    },
    Own {
        profile: usize,
        object: u8,
    },
    Apply {
        profile: usize,
        value: i64,
    },
    Disown {
        profile: usize,
    },
    /// The process dies; the next run opens the log anew.
    Die,
}

fn act() -> impl Strategy<Value = Act> {
    let profile = 0..PROFILES.len();
    prop_oneof![
        4 => (profile.clone(), 0..WRITES.len(), 0..3u32)
            .prop_map(|(profile, write, part)| Act::Intend { profile, write, part }),
        6 => (any::<usize>(), prop::sample::select(&IntentState::ALL[..]), any::<bool>())
            .prop_map(|(pick, to, owns)| Act::Settle { pick, to, owns }),
        2 => (profile.clone(), 0..2u8).prop_map(|(profile, object)| Act::Own { profile, object }),
        2 => (profile.clone(), any::<i64>()).prop_map(|(profile, value)| Act::Apply { profile, value }),
        1 => profile.prop_map(|profile| Act::Disown { profile }),
        2 => Just(Act::Die),
    ]
}

/// The second account: every intent ever, and what is owned.
#[derive(Default)]
struct Account {
    intents: Vec<(i64, Promise, IntentState)>,
    owned: BTreeMap<Address, (ProfileId, Fields)>,
    entries: i64,
}

#[derive(Clone, Debug, PartialEq)]
struct Promise {
    profile: usize,
    write: usize,
    part: u32,
    run: u128,
}

impl Account {
    fn may_promise(&self, new: &Promise) -> bool {
        self.intents.iter().filter(|(_, _, state)| state.is_unsettled()).all(|(_, old, _)| {
            (old.profile, old.write) != (new.profile, new.write)
                || (old.run == new.run && old.part != new.part)
        })
    }

    fn own(&mut self, profile: usize, object: &str) {
        let object = ProfileId(object.to_owned());
        let before = self.owned.remove(&address(PROFILES[profile]));
        let applied = before.filter(|(old, _)| *old == object).map(|(_, fields)| fields).unwrap_or_default();
        self.owned.insert(address(PROFILES[profile]), (object, applied));
    }
}

/// Written apart from the table in `event.rs`, so that a slip in one of them shows.
fn may_become(from: IntentState, to: IntentState) -> bool {
    match from {
        IntentState::Open => to != IntentState::Open,
        IntentState::Unknown => to == IntentState::Settled,
        _ => false,
    }
}

pub(super) fn histories_end_as_they_should<G: Ground>(ground: impl Fn() -> G) {
    let config = Config { cases: 24, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&prop::collection::vec(act(), 1..40), |acts| history(&ground(), &acts))
        .unwrap();
}

fn history(ground: &impl Ground, acts: &[Act]) -> TestCaseResult {
    let mut account = Account { entries: 1, ..Account::default() };
    let mut run = 1;
    let mut ledger = ground.ledger();
    let mut lease = ledger.lock(holder(run)).unwrap();
    let reader = ground.ledger();
    for act in acts {
        if let Act::Die = act {
            drop(lease);
            run += 1;
            ledger = ground.ledger();
            lease = ledger.lock(holder(run)).unwrap();
        } else {
            let (took, expected) = play(&ledger, &lease, run, act, &mut account);
            prop_assert_eq!(took, expected, "{:?}", act);
        }
        agree(&ledger.view(at(9)).unwrap(), &account)?;
    }
    prop_assert_eq!(reader.view(at(9)).unwrap(), ground.ledger().view(at(9)).unwrap());
    agree(&reader.view(at(9)).unwrap(), &account)?;
    prop_assert_eq!(reader.check().unwrap().problems, Vec::<String>::new());
    Ok(())
}

/// Does `act`, and returns whether the ledger took it and whether it should have.
fn play(ledger: &Ledger, lease: &Lease, run: u128, act: &Act, account: &mut Account) -> (bool, bool) {
    match *act {
        Act::Intend { profile, write, part } => {
            let promise = Promise { profile, write, part, run };
            let may = account.may_promise(&promise);
            let ids = ledger.intend(lease, at(1), &[intent(PROFILES[profile], WRITES[write], part)]);
            if let Ok(ids) = &ids {
                account.entries += 1;
                account.intents.push((ids[0], promise, IntentState::Open));
            }
            (ids.is_ok(), may)
        }
        Act::Settle { pick, to, owns } => {
            let count = account.intents.len();
            let Some((id, promise, state)) = account.intents.get_mut(pick % count.max(1)) else {
                return (true, true);
            };
            let (profile, may) = (promise.profile, may_become(*state, to));
            let events: Vec<Event> = owns.then(|| owned(PROFILES[profile], "settled")).into_iter().collect();
            let took = ledger.settle(lease, at(2), &[(*id, to, "seen".to_owned())], &events).is_ok();
            if took {
                *state = to;
                account.entries += 1 + i64::from(owns);
                if owns {
                    account.own(profile, "settled");
                }
            }
            (took, may)
        }
        Act::Own { profile, object } => {
            let object = object.to_string();
            account.own(profile, &object);
            account.entries += 1;
            (ledger.append(lease, at(3), &[owned(PROFILES[profile], &object)]).is_ok(), true)
        }
        Act::Apply { profile, value } => {
            let fields = Fields::from([("department".into(), Value::Int(value))]);
            let ours = account.owned.get_mut(&address(PROFILES[profile]));
            let may = ours.is_some();
            if let Some((_, applied)) = ours {
                applied.clone_from(&fields);
                account.entries += 1;
            }
            let event = Event::Applied { address: address(PROFILES[profile]), fields };
            (ledger.append(lease, at(3), &[event]).is_ok(), may)
        }
        Act::Disown { profile } => {
            account.owned.remove(&address(PROFILES[profile]));
            account.entries += 1;
            (ledger.append(lease, at(3), &[disowned(PROFILES[profile])]).is_ok(), true)
        }
        Act::Die => (true, true),
    }
}

fn agree(view: &LedgerView, account: &Account) -> TestCaseResult {
    let open: Vec<(i64, IntentState)> =
        view.unsettled.iter().map(|intent| (intent.id, intent.state)).collect();
    let should: Vec<(i64, IntentState)> = account
        .intents
        .iter()
        .filter(|(_, _, state)| state.is_unsettled())
        .map(|(id, _, state)| (*id, *state))
        .collect();
    prop_assert_eq!(open, should);
    let ours: BTreeMap<Address, (ProfileId, Fields)> = view
        .owned
        .iter()
        .filter_map(|(address, ours)| Some((address.clone(), (ours.object.clone()?, ours.applied.clone()))))
        .collect();
    prop_assert_eq!(&ours, &account.owned);
    prop_assert_eq!(view.head, account.entries);
    Ok(())
}
