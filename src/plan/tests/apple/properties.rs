//! What holds for all fleets: an obedient service leaves nothing to do, what is unknown leads to nothing,
//! and no device is in two activities.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::world::*;
use crate::model::desired::Where;
use crate::model::live::EnrollmentState;
use crate::model::{Realm, Serial};
use crate::plan::tests::world::ids;
use crate::plan::{Action, Plan};

const DEVICES: [&str; 6] = ["C02A0001", "C02A0002", "C02A0003", "C02A0004", "C02A0005", "C02A0006"];
const PLACES: [&str; 4] = ["", "School", "Office", "Jamf"];

/// What is true or wished of one device.
#[derive(Clone, Debug)]
struct One {
    at: usize,
    is_held: bool,
    enrolled: bool,
    /// Named for `school`, `office` or no service.
    to: Option<usize>,
    profile: bool,
    unclear: bool,
    busy: bool,
}

fn one() -> impl Strategy<Value = One> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let rare = (prop::bool::weighted(0.15), prop::bool::weighted(0.15));
    (0..PLACES.len(), flags, proptest::option::of(0..3usize), rare).prop_map(
        |(at, (is_held, enrolled, profile), to, (unclear, busy))| One {
            at,
            is_held,
            enrolled,
            to,
            profile,
            unclear,
            busy,
        },
    )
}

fn fleet(all: &[One], selects: bool) -> Fleet {
    let mut fleet = Fleet::new();
    let (mut named, mut given) = ([Vec::new(), Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for (serial, one) in DEVICES.iter().zip(all) {
        let at = PLACES[one.at];
        let state = if one.enrolled { EnrollmentState::Enrolled } else { EnrollmentState::NotContacted };
        match one.is_held && matches!(at, "School" | "Office") {
            true => fleet.held(serial, at, state),
            false => fleet.ipad(serial, at),
        };
        fleet.device(serial).unclear = one.unclear;
        if let Some(to) = one.to {
            named[to].push(*serial);
            if one.profile && to < 2 {
                given[to].push(*serial);
            }
        }
        if one.busy {
            fleet.activity(&format!("of {serial}"), "assignService", "Jamf", &[serial], None);
        }
    }
    for (to, token) in ["school", "office", ""].into_iter().enumerate() {
        fleet.route(&format!("to-{to}"), token, &named[to]);
        if to < 2 {
            fleet.assign(&format!("given-{to}"), "kiosk", &[token], &given[to]);
        }
    }
    if selects {
        let free = Where { unassigned: true, ..Where::default() };
        fleet.select("rest", "main", "school", free);
    }
    fleet
}

fn at_apple(plan: &Plan) -> Vec<&str> {
    let steps = plan.steps.iter().filter(|step| matches!(step.connection, Realm::Apple(_)));
    steps.map(|step| step.id.as_str()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_device_is_in_two_activities_and_what_rests_is_in_none(
        all in proptest::collection::vec(one(), DEVICES.len()),
        selects in any::<bool>(),
    ) {
        let plan = fleet(&all, selects).plan();
        let mut moved: BTreeSet<Serial> = BTreeSet::new();
        for step in &plan.steps {
            let Action::Service(action) = &step.action else { continue };
            for serial in action.serials() {
                prop_assert!(moved.insert(*serial), "{serial} is in two activities: {:?}", ids(&plan));
                let at = DEVICES.iter().position(|one| *one == serial.as_str()).unwrap();
                prop_assert!(!all[at].unclear && !all[at].busy, "{serial} rests");
            }
        }
        let ids = ids(&plan);
        for (at, step) in plan.steps.iter().enumerate() {
            prop_assert!(step.needs.iter().all(|need| ids[..at].contains(&need.as_str())), "{}", step.id);
            prop_assert!(!ids[..at].contains(&step.id.as_str()), "{} is there twice", step.id);
        }
    }

    #[test]
    fn an_obedient_service_leaves_nothing_to_do(
        all in proptest::collection::vec(one(), DEVICES.len()),
        selects in any::<bool>(),
    ) {
        let mut fleet = fleet(&all, selects);
        let first = fleet.plan();
        fleet.apply(&first);
        // What left a token is on its list until the next sync; what it has meanwhile is shown at most.
        let second = fleet.plan();
        prop_assert!(at_apple(&second).is_empty(), "{:?}\nthen {:?}", ids(&first), ids(&second));
        fleet.apply(&second);
        let third = fleet.plan();
        prop_assert!(third.steps.is_empty(), "{:?}\nthen {:?}\nthen {:?}", ids(&first), ids(&second), ids(&third));
        prop_assert!(third.bookkeeping.is_empty(), "{:?}", third.bookkeeping);
    }

    #[test]
    fn what_is_unknown_leads_to_nothing(
        all in proptest::collection::vec(one(), DEVICES.len()),
        selects in any::<bool>(),
    ) {
        let mut fleet = fleet(&all, selects);
        fleet.org().unread = true;
        let plan = fleet.plan();
        prop_assert!(at_apple(&plan).is_empty(), "{:?}", ids(&plan));
        let syncs = plan.steps.iter().filter(|step| step.action.verb() == "sync").count();
        prop_assert_eq!(syncs, 0);
        prop_assert!(!plan.blocked.is_empty());
    }
}
