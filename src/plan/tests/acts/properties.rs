//! Unknown never leads to a send.

use proptest::prelude::*;

use super::world::*;
use crate::acts::ActState;
use crate::model::ActionKind;
use crate::model::act::RecordId;
use crate::model::live::{Cause, Fact};
use crate::plan::tests::world::unknown;
use crate::plan::{Descent, PlannedAct};

#[derive(Clone, Debug)]
enum Doubt {
    NoRecords,
    RecordsNotAsked,
    SecondTenantUnread,
    Twin,
    NoEnrollmentTime,
    NoSupervision,
    NoLists,
    NoTokens,
    DescentUnknown,
    Invalid,
    Narrowed,
    NoLedger,
    State(ActState),
    Serial,
}

fn doubt() -> impl Strategy<Value = Doubt> {
    let fixed = vec![
        Doubt::NoRecords,
        Doubt::RecordsNotAsked,
        Doubt::SecondTenantUnread,
        Doubt::Twin,
        Doubt::NoEnrollmentTime,
        Doubt::NoSupervision,
        Doubt::NoLists,
        Doubt::NoTokens,
        Doubt::DescentUnknown,
        Doubt::Invalid,
        Doubt::Narrowed,
        Doubt::NoLedger,
        Doubt::State(ActState::Unknown),
        Doubt::State(ActState::Promised),
        Doubt::State(ActState::Sent),
        Doubt::Serial,
    ];
    proptest::sample::select(fixed)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_wipe_over_any_doubt_is_not_sent(doubts in proptest::collection::vec(doubt(), 1..4)) {
        let mut world = asked(ActionKind::Wipe.word());
        for doubt in &doubts {
            match doubt {
                Doubt::NoRecords => {
                    world.live.records.insert(mdm("contoso"), Fact::Unknown(unknown(Cause::Unavailable)));
                }
                Doubt::RecordsNotAsked => world.live.records.clear(),
                Doubt::SecondTenantUnread => second_tenant(&mut world, None),
                Doubt::Twin => edit_records(&mut world, |all| {
                    let id = RecordId("twin".to_owned());
                    all.push(crate::model::act::Record { id, ..all[0].clone() });
                }),
                Doubt::NoEnrollmentTime => edit_records(&mut world, |all| {
                    all.iter_mut().for_each(|one| one.enrolled = None);
                }),
                Doubt::NoSupervision => edit_records(&mut world, |all| {
                    all.iter_mut().for_each(|one| one.supervised = None);
                }),
                Doubt::NoLists => {
                    let lists = &mut world.tenant().devices;
                    lists.values_mut().for_each(|list| *list = Fact::Unknown(unknown(Cause::Throttled)));
                }
                Doubt::NoTokens => world.tenant().tokens = Fact::Unknown(unknown(Cause::Throttled)),
                Doubt::DescentUnknown => world.origin.descent = Descent::Unknown { why: "shallow".to_owned() },
                Doubt::Invalid => world.origin.invalid = Some("a file".to_owned()),
                Doubt::Narrowed => {
                    world.scope = crate::model::Scope::of([crate::plan::tests::world::name("school")]);
                }
                Doubt::NoLedger => world.ledger = crate::ledger::LedgerView::none(),
                Doubt::State(state) => {
                    let is_new = world.ledger.acts.action(&crate::plan::tests::world::name("lost")).is_none();
                    if is_new && !world.ledger.is_none() {
                        bind(&mut world, "lost", None);
                        let lost = id("lost", "C02A0001");
                        let epoch = crate::acts::tests::world::record("C02A0001").epoch().unwrap();
                        promise_for(&mut world, &lost, crate::acts::Leg::Whole, 600, *state, epoch, None);
                    }
                }
                Doubt::Serial => edit_records(&mut world, |all| {
                    all.iter_mut().for_each(|one| one.serial = None);
                }),
            }
        }
        let plan = world.plan();
        let stopped = |act: &PlannedAct| plan.stops.iter().any(|stop| stop.steps.contains(&act.step_id()));
        for act in &plan.acts {
            prop_assert!(!act.is_sent() || stopped(act), "{doubts:?}: {act:#?}");
        }
    }
}
