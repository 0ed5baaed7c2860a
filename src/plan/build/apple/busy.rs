//! Which devices an activity has, or may have.
//!
//! Two activities must never share a device, and a list that lags behind an activity would have it
//! planned a second time. So a device rests while an activity has it that nobody saw end, while an answer
//! is lost and its horizon has not passed, and while the lists do not show yet what an activity did.

use std::collections::{BTreeMap, HashSet};

use super::ACTIVITY_HORIZON;
use crate::ledger::{AskedMigration, LedgerView};
use crate::model::clock::{Timestamp, after};
use crate::model::live::Fact;
use crate::model::organisation::{ActivityState, Belongs, LiveOrganisation, Migration, MigrationStatus};
use crate::model::{ActivityId, Address, Serial, ServiceId};

/// What is under way in an organisation.
pub(super) struct Busy<'a> {
    deeds: BTreeMap<Serial, Vec<Deed<'a>>>,
    /// Writes to services whose answer is lost: where, and until when that is unknown.
    lost: Vec<(&'a Address, Timestamp)>,
    /// The migrations that espalier asked for, by device; `None`: none here.
    asked: Option<&'a BTreeMap<Serial, AskedMigration>>,
}

/// An activity, or what may have become one.
#[derive(Clone, Copy)]
struct Deed<'a> {
    write: &'a str,
    service: Option<&'a ServiceId>,
    accepted: Timestamp,
    stage: Stage<'a>,
}

#[derive(Clone, Copy)]
enum Stage<'a> {
    /// Nobody saw it end.
    Open(&'a ActivityId),
    /// The answer is lost, until this instant.
    Lost(Timestamp),
    /// It ended at this instant, without an issue with the device.
    Ended(Timestamp),
}

/// Why a device rests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hold {
    pub reason: String,
    pub until: Option<Timestamp>,
}

impl<'a> Busy<'a> {
    /// Goes over the ledger once.
    pub fn of(ledger: &'a LedgerView, live: &'a LiveOrganisation, now: Timestamp) -> Self {
        let asked = ledger.apple.migrations.get(&live.tenant);
        let mut busy = Self { deeds: BTreeMap::new(), lost: Vec::new(), asked };
        for (id, one) in ledger.apple.activities.iter().filter(|(_, one)| one.tenant == live.tenant) {
            let seen = live.activities.get(id).and_then(Fact::known);
            let (stage, issues) = match (&one.ended, seen) {
                // Broken off, it did what the lists show.
                (Some(ended), _) if is_broken(&ended.state) => continue,
                (None, Some(ActivityState::Broken(_) | ActivityState::Forgotten)) => continue,
                (Some(ended), _) => (Stage::Ended(ended.at), ended.issues.as_slice()),
                (None, Some(ActivityState::Succeeded | ActivityState::EndedWithIssues(_))) => {
                    (Stage::Ended(one.accepted), &[][..])
                }
                (None, Some(ActivityState::Running(_)) | None) => (Stage::Open(id), &[][..]),
            };
            if matches!(stage, Stage::Ended(at) if after(at, ACTIVITY_HORIZON) <= now) {
                continue;
            }
            let deed =
                Deed { write: &one.write, service: one.service.as_ref(), accepted: one.accepted, stage };
            let with_issue: HashSet<&Serial> = issues.iter().map(|(serial, _)| serial).collect();
            for serial in one.serials.iter().filter(|serial| !with_issue.contains(serial)) {
                busy.deeds.entry(*serial).or_default().push(deed);
            }
        }
        for intent in ledger.unsettled.iter().filter(|intent| intent.tenant == live.tenant) {
            let until = after(intent.since, ACTIVITY_HORIZON);
            if until <= now {
                continue;
            }
            if intent.serials.is_empty() {
                busy.lost.push((&intent.address, until));
            }
            let (write, service) = (intent.write.as_str(), intent.service.as_ref());
            let deed = Deed { write, service, accepted: intent.since, stage: Stage::Lost(until) };
            for serial in &intent.serials {
                busy.deeds.entry(*serial).or_default().push(deed);
            }
        }
        busy
    }

    /// Until when a lost answer about a token's service is unknown.
    pub fn lost_at(&self, address: &Address) -> Option<Timestamp> {
        self.lost.iter().filter(|(at, _)| *at == address).map(|(_, until)| *until).max()
    }

    /// Why a device rests that the lists show at `belongs`; `None`: it does not.
    pub fn hold(&self, serial: &Serial, belongs: Belongs<'_>, migration: Migration) -> Option<Hold> {
        let deeds = self.deeds.get(serial).map_or(&[][..], Vec::as_slice);
        let shows = |deed: &Deed<'_>| match deed.write {
            "unassignService" => {
                belongs != Belongs::Unclear && deed.service.is_none_or(|from| belongs != Belongs::To(from))
            }
            "cancelMigration" => migration.status != Some(MigrationStatus::Requested),
            "updateDeadline" => {
                let asked = self.asked.and_then(|asked| asked.get(serial));
                migration.status != Some(MigrationStatus::Requested)
                    || asked.is_some_and(|asked| migration.deadline == Some(asked.deadline))
            }
            _ => deed.service.is_some_and(|to| belongs == Belongs::To(to)),
        };
        // Of those that ended the last one says where the device has to be.
        let is_last = |deed: &Deed<'_>| {
            let later =
                |one: &&Deed<'_>| matches!(one.stage, Stage::Ended(_)) && one.accepted > deed.accepted;
            !deeds.iter().any(|one| later(&one))
        };
        for deed in deeds {
            match deed.stage {
                Stage::Open(id) => {
                    return Some(Hold {
                        reason: format!("activity {id} at Apple has them, and nobody has seen it end"),
                        until: None,
                    });
                }
                Stage::Lost(until) => {
                    return Some(Hold {
                        reason: "an activity was sent for them whose answer is lost: Apple's lists tell later whether it had effect".to_owned(),
                        until: Some(until),
                    });
                }
                Stage::Ended(at) if is_last(deed) && !shows(deed) => {
                    return Some(Hold {
                        reason: "an activity for them has ended, and Apple's lists do not show it yet"
                            .to_owned(),
                        until: Some(after(at, ACTIVITY_HORIZON)),
                    });
                }
                Stage::Ended(_) => {}
            }
        }
        (belongs == Belongs::Unclear).then(|| Hold {
            reason: "Apple's lists contradict each other about their service, as they do for a while after a change".to_owned(),
            until: None,
        })
    }

    /// When a device was last given a service, as far as the ledger remembers it of the last minutes.
    pub fn assigned_lately(&self, serial: &Serial) -> Option<Timestamp> {
        let deeds = self.deeds.get(serial)?.iter();
        deeds.filter(|deed| matches!(deed.write, "assignService" | "migrate")).map(|deed| deed.accepted).max()
    }
}

/// Whether an activity was broken off, by Apple's words of its state.
fn is_broken(state: &str) -> bool {
    state.starts_with("STOPPED") || state.starts_with("FAILED")
}
