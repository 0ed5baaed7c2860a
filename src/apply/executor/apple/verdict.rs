//! What became of each device of a step, and of the step: the services' own lists first, then the rows
//! of the activity's log, then how the activity ended.

use std::collections::BTreeMap;

use super::super::super::report::{ItemCounts, StepOutcome};
use super::batch::{Batch, Deed, Share, Stage};
use super::door::Door;
use super::life::Activities;
use crate::diag::words::count;
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::model::live::Cause;
use crate::model::organisation::ActivityState;
use crate::provider::Trouble;

/// What became of one device.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// It is where it should be, or has the deadline that it should have.
    Done,
    /// Apple left it as it was, in its words.
    Left(String),
    /// Apple said that it did it, and its lists do not show it yet.
    NotShown,
    /// Its activity has not been seen to end, in words.
    Running(String),
    /// The answer was lost.
    Lost(Timestamp, String),
    /// What became of it could not be read.
    Unread(Trouble),
    /// Proven to have no effect.
    Without(Trouble),
    /// Not sent: there was no room in the budget.
    PutOff(Trouble),
    /// Not sent: the run was told to end.
    Interrupted,
}

impl<D: Door> Activities<'_, D> {
    fn fate(&self, batch: &Batch, serial: &Serial) -> Fate {
        match &batch.stage {
            Stage::Ready | Stage::Interrupted => Fate::Interrupted,
            Stage::Without(trouble) => Fate::Without(trouble.clone()),
            Stage::PutOff(trouble) => Fate::PutOff(trouble.clone()),
            Stage::Lost { trouble, until } => Fate::Lost(*until, trouble.to_string()),
            Stage::Running { id, words, .. } => {
                Fate::Running(format!("activity {id} has not ended: {words}"))
            }
            Stage::Found => match self.arrived(batch, serial) {
                Some(true) => Fate::Done,
                _ => Fate::NotShown,
            },
            Stage::Ended { state, issues, told } => {
                let is_told = told.contains(serial);
                match batch.deed {
                    Deed::Assign { .. } | Deed::Unassign { .. } => {
                        self.moved(batch, serial, state, issues.get(serial), is_told)
                    }
                    Deed::UpdateDeadline(_) | Deed::CancelMigration => {
                        by_log(state, issues.get(serial), is_told)
                    }
                }
            }
        }
    }

    fn moved(
        &self,
        batch: &Batch,
        serial: &Serial,
        state: &ActivityState,
        issue: Option<&String>,
        told: bool,
    ) -> Fate {
        let unread = || {
            let lists = batch.concerned().filter_map(|id| self.list(batch, id));
            lists.filter_map(|list| list.as_ref().err()).next().cloned()
        };
        match (self.arrived(batch, serial), issue, state) {
            (Some(true), _, _) => Fate::Done,
            (_, Some(words), _) => Fate::Left(words.clone()),
            (None, None, _) => unread().map_or(Fate::NotShown, Fate::Unread),
            (Some(false), None, ActivityState::Broken(words)) => Fate::Left(words.clone()),
            // Some were left as they were, and nobody can tell which but by the lists.
            (Some(false), None, ActivityState::EndedWithIssues(words)) if !told => {
                Fate::Left(format!("{words}; the log of the activity does not tell of it"))
            }
            (Some(false), None, ActivityState::Forgotten) => {
                Fate::Left("Apple does not know the activity any more".to_owned())
            }
            (Some(false), None, _) => Fate::NotShown,
        }
    }

    /// What became of a step, by what became of its devices.
    pub fn judge(&self, share: &Share) -> (StepOutcome, ItemCounts, Vec<Serial>) {
        let mut counts = ItemCounts::default();
        let mut arrived = Vec::new();
        let mut tally = Tally::default();
        let mut devices: Vec<(&Serial, &usize)> = share.of.iter().collect();
        devices.sort_unstable();
        for (serial, at) in devices {
            let fate = self.fate(&self.batches[*at], serial);
            match &fate {
                Fate::Done => arrived.push(*serial),
                Fate::Left(_) => counts.failed.push(*serial),
                Fate::Lost(..) | Fate::Unread(_) => counts.unknown.push(*serial),
                Fate::NotShown
                | Fate::Running(_)
                | Fate::Without(_)
                | Fate::PutOff(_)
                | Fate::Interrupted => counts.waiting.push(*serial),
            }
            tally.add(fate);
        }
        counts.committed = arrived.len();
        counts.waiting.extend(&share.held);
        counts.waiting.sort_unstable();
        (tally.outcome(share.held.len()), counts, arrived)
    }
}

/// What an activity whose effect is in no list came to for a device.
fn by_log(state: &ActivityState, issue: Option<&String>, told: bool) -> Fate {
    match (state, issue) {
        (_, Some(words)) => Fate::Left(words.clone()),
        (ActivityState::Succeeded, None) => Fate::Done,
        (_, None) if told => Fate::Done,
        (ActivityState::Broken(words), None) => Fate::Left(words.clone()),
        (_, None) => Fate::NotShown,
    }
}

/// The fates of a step's devices, counted; of each kind the first in full.
#[derive(Default)]
struct Tally {
    lost: Option<(Timestamp, String)>,
    running: Option<String>,
    not_shown: usize,
    unread: Option<Trouble>,
    without: Option<Trouble>,
    put_off: Option<Trouble>,
    interrupted: bool,
    left: BTreeMap<String, usize>,
}

impl Tally {
    fn add(&mut self, fate: Fate) {
        match fate {
            Fate::Done => {}
            Fate::Left(words) => *self.left.entry(words).or_default() += 1,
            Fate::NotShown => self.not_shown += 1,
            Fate::Running(words) => self.running = self.running.take().or(Some(words)),
            Fate::Lost(until, words) => self.lost = self.lost.take().max(Some((until, words))),
            Fate::Unread(trouble) => self.unread = self.unread.take().or(Some(trouble)),
            Fate::Without(trouble) => self.without = self.without.take().or(Some(trouble)),
            Fate::PutOff(trouble) => self.put_off = self.put_off.take().or(Some(trouble)),
            Fate::Interrupted => self.interrupted = true,
        }
    }

    /// What a person has to see to comes first; then what is not known; then what comes by itself.
    fn outcome(self, held: usize) -> StepOutcome {
        if let Some((until, reason)) = self.lost {
            return StepOutcome::Unknown { reason, until };
        }
        if let Some(reason) = self.running {
            return StepOutcome::Unconfirmed { reason };
        }
        if let Some(trouble) = self.unread {
            return StepOutcome::Unconfirmed { reason: format!("it could not be read back: {trouble}") };
        }
        if self.not_shown > 0 {
            let reason = format!(
                "Apple's lists do not show it yet for {}, though the activity ended",
                count(self.not_shown, "device")
            );
            return StepOutcome::Unconfirmed { reason };
        }
        if let Some(trouble) = self.without {
            let (cause, reason) = (trouble.cause, trouble.to_string());
            return StepOutcome::Failed { cause, reason, next: trouble.next };
        }
        if !self.left.is_empty() {
            let told: Vec<String> = self
                .left
                .iter()
                .map(|(words, many)| format!("{}: {words}", count(*many, "device")))
                .collect();
            return StepOutcome::Failed {
                cause: Cause::Refused,
                reason: format!("Apple left devices as they were: {}", told.join("; ")),
                next: "see in Apple's portal what stands against these devices, then apply again".to_owned(),
            };
        }
        if let Some(trouble) = self.put_off {
            return StepOutcome::Pending { reason: trouble.to_string(), until: trouble.not_before };
        }
        if self.interrupted {
            let reason = "the run was interrupted before it; any later apply goes on".to_owned();
            return StepOutcome::Pending { reason, until: None };
        }
        if held > 0 {
            let reason =
                format!("an earlier activity has {held} of its devices, and has not been seen to end");
            return StepOutcome::Pending { reason, until: None };
        }
        StepOutcome::Committed
    }
}
