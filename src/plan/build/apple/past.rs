//! What the ledger remembers of devices in activities, by device. Of most devices nobody asks, so that it
//! is gone over at the first question and not before.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use crate::ledger::{KnownActivity, LedgerView};
use crate::model::clock::Timestamp;
use crate::model::{Serial, ServiceId};

/// The activities of the ledger.
pub(super) struct Past<'a> {
    activities: Vec<&'a KnownActivity>,
    /// Each device of each activity that gave it a service, with the activity's place; ascending.
    given: OnceCell<Vec<(Serial, u32)>>,
    with_issue: OnceCell<BTreeSet<Serial>>,
}

impl<'a> Past<'a> {
    pub fn of(ledger: &'a LedgerView) -> Self {
        let activities = ledger.apple.activities.values().collect();
        Self { activities, given: OnceCell::new(), with_issue: OnceCell::new() }
    }

    /// Whether a device was given a service of an organisation after an instant; `None`: at any time.
    pub fn was_given(
        &self,
        serial: &Serial,
        tenant: &str,
        service: &ServiceId,
        after: Option<Timestamp>,
    ) -> bool {
        let given = self.given.get_or_init(|| self.gather());
        let from = given.partition_point(|(one, _)| one < serial);
        let of_device = given[from..].iter().take_while(|(one, _)| one == serial);
        of_device.map(|(_, at)| self.activities[*at as usize]).any(|one| {
            let seen = one.ended.as_ref().map_or(one.accepted, |end| end.at);
            one.tenant == tenant
                && one.service.as_ref() == Some(service)
                && after.is_none_or(|after| seen > after)
        })
    }

    fn gather(&self) -> Vec<(Serial, u32)> {
        let gives = |one: &KnownActivity| matches!(one.write.as_str(), "assignService" | "migrate");
        let all = (0..).zip(&self.activities).filter(|(_, one)| gives(one));
        let mut given: Vec<(Serial, u32)> =
            all.flat_map(|(at, one)| one.serials.iter().map(move |serial| (*serial, at))).collect();
        given.sort_unstable();
        given
    }

    /// Whether an activity that is remembered ended with an issue about a device.
    pub fn had_issue(&self, serial: &Serial) -> bool {
        let with_issue = self.with_issue.get_or_init(|| {
            let ended = self.activities.iter().filter_map(|one| one.ended.as_ref());
            ended.flat_map(|ended| &ended.issues).map(|(serial, _)| *serial).collect()
        });
        with_issue.contains(serial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Ended;
    use crate::model::{ActivityId, Address, Name};

    fn serial(text: &str) -> Serial {
        Serial::new(text).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn activity(write: &str, service: &str, serials: &[&str], ended: Option<i64>) -> KnownActivity {
        KnownActivity {
            tenant: "BUSINESSAPI.one".to_owned(),
            address: Address::token(&Name::new("school").unwrap()),
            write: write.to_owned(),
            service: Some(ServiceId::new(service)),
            serials: serials.iter().map(|one| serial(one)).collect(),
            accepted: at(100),
            ended: ended.map(|second| Ended {
                at: at(second),
                state: "COMPLETED, COMPLETED_WITH_ERRORS".to_owned(),
                issues: vec![(serial(serials[0]), "FAILED".to_owned())],
            }),
        }
    }

    #[test]
    fn a_device_was_given_the_service_of_any_activity_that_had_it() {
        let mut ledger = LedgerView::none();
        let all = [
            activity("assignService", "AA", &["C02A0001", "C02A0002"], Some(200)),
            activity("migrate", "BB", &["C02A0002", "C02A0003"], None),
            activity("unassignService", "AA", &["C02A0004"], Some(300)),
        ];
        let numbered = (0..).zip(all).map(|(number, one)| (ActivityId(format!("{number}")), one));
        ledger.apple.activities = numbered.collect();
        let past = Past::of(&ledger);
        let given = |one: &str, service: &str, after: Option<i64>| {
            past.was_given(&serial(one), "BUSINESSAPI.one", &ServiceId::new(service), after.map(at))
        };
        assert!(given("C02A0001", "AA", None));
        assert!(given("C02A0002", "AA", Some(199)), "its end counts");
        assert!(!given("C02A0002", "AA", Some(200)));
        assert!(given("C02A0002", "BB", Some(99)), "it is in two");
        assert!(!given("C02A0003", "BB", Some(100)), "that it was taken on counts while nobody saw its end");
        assert!(!given("C02A0003", "AA", None));
        assert!(!given("C02A0004", "AA", None), "it was taken off");
        assert!(!given("C02A0005", "AA", None));
        let elsewhere = past.was_given(&serial("C02A0001"), "BUSINESSAPI.two", &ServiceId::new("AA"), None);
        assert!(!elsewhere);
        let issues = ["C02A0001", "C02A0002", "C02A0003", "C02A0004"].map(|one| past.had_issue(&serial(one)));
        assert_eq!(issues, [true, false, false, true]);
    }
}
