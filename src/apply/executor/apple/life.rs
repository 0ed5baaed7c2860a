//! The life of activities: promised, sent, named, followed to their end, read back.
//!
//! ```text
//! Ready ─intent─▶ POST ─┬─ taken on ─▶ Running ─ polled ─▶ Ended ─▶ lists ─▶ per device
//!                       ├─ refused, not sent ─▶ Without
//!                       ├─ no room in the budget ─▶ PutOff
//!                       └─ answer lost ─▶ Lost ─ horizon, lists ─┬─ had effect ─▶ Found
//!                                                                └─ had none ─▶ Ready, once
//! ```
//!
//! The name of an activity is written in the transaction that ends its intent, before anybody asks for
//! it: Apple has no list of activities, so that a name that is lost is lost.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;

use tokio::sync::watch;

use super::super::super::journal::Scribe;
use super::super::readback::LATE_PAUSES;
use super::batch::{About, Batch, Deed, Stage, words};
use super::door::Door;
use crate::diag::words::count;
use crate::ledger::{Event, IntentState, LedgerError};
use crate::model::clock::{Clock, Timestamp, after, between};
use crate::model::live::Cause;
use crate::model::organisation::ActivityState;
use crate::model::{Realm, Serial, ServiceId};
use crate::plan::build::apple::ACTIVITY_HORIZON;
use crate::progress::Progress;
use crate::provider::{Outcome, Trouble};

/// The pauses between looks at activities that run, in seconds; the last one repeats. Apple's own sample
/// took 12 seconds (reference apple-business-api section 6.5), and each look is a call of the minute's.
const POLLS: [u64; 5] = [5, 10, 15, 30, 60];

/// For so long an activity that Apple does not know is taken for one that does not show yet.
pub(in crate::apply) const TOO_YOUNG: Duration = Duration::from_secs(3600);

/// How a run waits: up to a deadline, and not once it is told to end.
#[derive(Clone)]
pub(in crate::apply) struct Patience<'c> {
    pub clock: &'c dyn Clock,
    pub deadline: Timestamp,
    pub stop: watch::Receiver<bool>,
}

impl Patience<'_> {
    /// Sleeps until an instant, unless that lies beyond the wait allowed. False: it does, or the run was
    /// told to end.
    pub async fn sleep_until(&self, until: Timestamp) -> bool {
        if until > self.deadline {
            return false;
        }
        let mut stop = self.stop.clone();
        tokio::select! {
            () = self.clock.sleep(between(self.clock.now(), until)) => true,
            // A switch whose holder is gone is never used: the error then only ends this arm.
            Ok(_) = stop.wait_for(|stop| *stop) => false,
        }
    }

    /// Sleeps for a pause, or for what is left of the wait. False: nothing is left of it.
    pub async fn pause(&self, seconds: u64) -> bool {
        let now = self.clock.now();
        let until = after(now, Duration::from_secs(seconds)).min(self.deadline);
        until > now && self.sleep_until(until).await
    }

    pub fn is_over(&self) -> bool {
        *self.stop.borrow()
    }
}

/// The pauses of polling.
pub(in crate::apply) fn polls() -> impl Iterator<Item = u64> {
    POLLS.into_iter().chain(std::iter::repeat(POLLS[POLLS.len() - 1]))
}

/// What the list of a service told when it was read last.
pub(super) type List = Result<HashSet<Serial>, Trouble>;

/// Activities of one run, and the organisations that they are for.
pub(super) struct Activities<'x, D> {
    pub doors: BTreeMap<&'x Realm, D>,
    pub scribe: Scribe<'x>,
    pub patience: Patience<'x>,
    pub progress: &'x dyn Progress,
    pub batches: Vec<Batch>,
    /// The services' lists, read in this run.
    pub lists: BTreeMap<Realm, BTreeMap<ServiceId, List>>,
}

impl<D: Door> Activities<'_, D> {
    /// Sends everything, follows it to its end as far as the wait allows, and reads back.
    pub async fn carry_out(&mut self) -> Result<(), LedgerError> {
        self.begin().await?;
        self.follow().await?;
        if self.look_up_lost().await? {
            self.begin().await?;
            self.follow().await?;
        }
        self.read_back().await;
        Ok(())
    }

    /// Sends every activity that is ready. What an organisation has no room for, or cannot be reached
    /// with, keeps its later ones from being tried.
    async fn begin(&mut self) -> Result<(), LedgerError> {
        let mut closed: BTreeMap<Realm, (bool, Trouble)> = BTreeMap::new();
        for at in 0..self.batches.len() {
            let batch = &mut self.batches[at];
            if !matches!(batch.stage, Stage::Ready) {
                continue;
            }
            if self.patience.is_over() {
                batch.stage = Stage::Interrupted;
                continue;
            }
            if let Some((put_off, trouble)) = closed.get(&batch.org) {
                batch.stage = match put_off {
                    true => Stage::PutOff(trouble.clone()),
                    false => Stage::Without(trouble.clone()),
                };
                continue;
            }
            let Some(door) = self.doors.get(&batch.org) else {
                batch.stage = Stage::Without(Trouble::misdirected());
                continue;
            };
            batch.intent = self.scribe.intend(&[batch.intent()])?.first().copied();
            let outcome = door.write(&batch.write()).await;
            let now = self.patience.clock.now();
            let (state, note, events) = match outcome {
                Outcome::Done(done) => {
                    let events = batch.accepted(done.activity.as_ref(), &batch.serials);
                    batch.stage = match done.activity {
                        Some(id) => Stage::Running { id, accepted: now, words: "SUBMITTED".to_owned() },
                        None => Stage::Without(Trouble::misdirected()),
                    };
                    (IntentState::Committed, String::new(), events)
                }
                Outcome::Refused(trouble) => {
                    let note = trouble.to_string();
                    batch.stage = Stage::Without(trouble);
                    (IntentState::Failed, note, Vec::new())
                }
                Outcome::NotSent(trouble) => {
                    let (note, put_off) = (trouble.to_string(), trouble.cause == Cause::Throttled);
                    closed.insert(batch.org.clone(), (put_off, trouble.clone()));
                    batch.stage = match put_off {
                        true => Stage::PutOff(trouble),
                        false => Stage::Without(trouble),
                    };
                    (IntentState::Failed, note, Vec::new())
                }
                Outcome::Lost(trouble) => {
                    let note = trouble.to_string();
                    batch.stage = Stage::Lost { trouble, until: after(now, ACTIVITY_HORIZON) };
                    (IntentState::Unknown, note, Vec::new())
                }
            };
            let results: Vec<_> = batch.intent.iter().map(|id| (*id, state, note.clone())).collect();
            self.scribe.settle(&results, &events)?;
        }
        Ok(())
    }

    /// Looks at each activity that runs, once a round, until all have ended or the wait is over.
    async fn follow(&mut self) -> Result<(), LedgerError> {
        let total = self.batches.len();
        // An organisation that refuses to tell is not asked again.
        let mut silent: BTreeSet<Realm> = BTreeSet::new();
        for pause in polls() {
            let running =
                |batch: &Batch| matches!(batch.stage, Stage::Running { .. }) && !silent.contains(&batch.org);
            let open: Vec<usize> = (0..total).filter(|at| running(&self.batches[*at])).collect();
            if open.is_empty() || !self.patience.pause(pause).await {
                break;
            }
            self.progress.step(total - open.len(), total, "activities at Apple");
            for at in open {
                let batch = &mut self.batches[at];
                let (Some(door), false) = (self.doors.get(&batch.org), silent.contains(&batch.org)) else {
                    continue;
                };
                let Stage::Running { id, accepted, words: last } = &mut batch.stage else { continue };
                let young = between(*accepted, self.patience.clock.now()) < TOO_YOUNG;
                match door.look(id).await {
                    Ok(seen) => match seen.state {
                        state @ ActivityState::Running(_) => *last = words(&state),
                        ActivityState::Forgotten if young => {
                            "it does not show yet".clone_into(last);
                        }
                        state => {
                            let id = id.clone();
                            let events = batch.end(&id, state, seen.rows);
                            self.scribe.settle(&[], &events)?;
                        }
                    },
                    Err(trouble) => {
                        *last = trouble.to_string();
                        if trouble.cause == Cause::Credentials {
                            silent.insert(batch.org.clone());
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits for the horizon of lost answers, and reads what they did. True: some had no effect, and may
    /// be sent again.
    async fn look_up_lost(&mut self) -> Result<bool, LedgerError> {
        let horizon = self.batches.iter().filter_map(|batch| match (&batch.stage, &batch.deed) {
            // No list tells of deadlines: a later run reads the devices' own records.
            (Stage::Lost { until, .. }, Deed::Assign { .. } | Deed::Unassign { .. }) => Some(*until),
            _ => None,
        });
        let Some(until) = horizon.max() else { return Ok(false) };
        if !self.patience.sleep_until(until).await {
            return Ok(false);
        }
        let lost = |batch: &Batch| {
            matches!(batch.stage, Stage::Lost { .. })
                && matches!(batch.deed, Deed::Assign { .. } | Deed::Unassign { .. })
        };
        self.read(self.concerned(lost)).await;
        let mut again = false;
        for at in 0..self.batches.len() {
            if !lost(&self.batches[at]) {
                continue;
            }
            let there: Option<Vec<Serial>> = self.there(&self.batches[at]);
            // Nobody can tell: the intent stays unknown.
            let Some(there) = there else { continue };
            let batch = &mut self.batches[at];
            let may_repeat = there.is_empty() && !batch.sent_again;
            let (note, events) = match there.len() {
                0 => ("not found: it had no effect".to_owned(), Vec::new()),
                found => {
                    let note = format!(
                        "found: it had its effect on {found} of {}",
                        count(batch.serials.len(), "device")
                    );
                    (note, batch.found(&there))
                }
            };
            let results: Vec<_> =
                batch.intent.take().iter().map(|id| (*id, IntentState::Settled, note.clone())).collect();
            self.scribe.settle(&results, &events)?;
            if may_repeat {
                (batch.sent_again, again) = (true, true);
                batch.stage = Stage::Ready;
            } else if !there.is_empty() {
                batch.stage = Stage::Found;
            } else if let Stage::Lost { trouble, .. } = &batch.stage {
                batch.stage = Stage::Without(trouble.clone());
            }
        }
        Ok(again)
    }

    /// The devices of a batch that are where they should be; `None`: a list could not be read.
    fn there(&self, batch: &Batch) -> Option<Vec<Serial>> {
        let arrived = batch.serials.iter().map(|serial| Some((*serial, self.arrived(batch, serial)?)));
        let all: Option<Vec<(Serial, bool)>> = arrived.collect();
        Some(all?.into_iter().filter(|(_, arrived)| *arrived).map(|(serial, _)| serial).collect())
    }

    /// The list of a service in the organisation of a batch; `None`: it was not read.
    pub fn list(&self, batch: &Batch, service: &ServiceId) -> Option<&List> {
        self.lists.get(&batch.org)?.get(service)
    }

    /// Whether the lists show that a device is where it should be; `None`: they were not read.
    pub fn arrived(&self, batch: &Batch, serial: &Serial) -> Option<bool> {
        let list = |id: &ServiceId| self.list(batch, id)?.as_ref().ok();
        match &batch.deed {
            Deed::Assign { to, .. } => {
                let here = list(to)?.contains(serial);
                // While two services list it nobody knows whose it is.
                let mut elsewhere = false;
                for from in batch.left.iter().filter(|id| *id != to) {
                    elsewhere |= list(from)?.contains(serial);
                }
                Some(here && !elsewhere)
            }
            Deed::Unassign { from } => Some(!list(from)?.contains(serial)),
            Deed::UpdateDeadline(_) | Deed::CancelMigration => None,
        }
    }

    /// Reads the lists of the services concerned by what ended, each once, and again while they lag.
    async fn read_back(&mut self) {
        let ended = |batch: &Batch| matches!(batch.stage, Stage::Ended { .. });
        let mut wanted = self.concerned(ended);
        for pause in std::iter::once(0).chain(LATE_PAUSES) {
            if wanted.is_empty() || (pause > 0 && !self.patience.pause(pause).await) {
                break;
            }
            self.read(wanted).await;
            let lagging: Vec<bool> = self.batches.iter().map(|batch| self.lags(batch)).collect();
            let mut lagging = lagging.into_iter();
            wanted = self.concerned(|_| lagging.next().unwrap_or_default());
        }
    }

    /// The services of some batches whose lists tell what came of them.
    fn concerned(&self, which: impl FnMut(&Batch) -> bool) -> BTreeSet<(Realm, ServiceId)> {
        let mut which = which;
        let of = self.batches.iter().filter(|batch| which(batch));
        of.flat_map(|batch| batch.concerned().map(|id| (batch.org.clone(), id.clone()))).collect()
    }

    async fn read(&mut self, wanted: BTreeSet<(Realm, ServiceId)>) {
        for (org, service) in wanted {
            let Some(door) = self.doors.get(&org) else { continue };
            let list = door.linkage(&service).await;
            self.lists.entry(org).or_default().insert(service, list);
        }
    }

    /// Whether the lists may still show devices of an activity that ended.
    fn lags(&self, batch: &Batch) -> bool {
        let Stage::Ended { issues, .. } = &batch.stage else { return false };
        let refused = batch.concerned().any(|id| {
            let list = self.list(batch, id);
            matches!(list, Some(Err(trouble)) if trouble.cause == Cause::Credentials)
        });
        let is_late =
            |serial: &Serial| !issues.contains_key(serial) && self.arrived(batch, serial) != Some(true);
        let is_a_move = matches!(batch.deed, Deed::Assign { .. } | Deed::Unassign { .. });
        is_a_move && !refused && batch.serials.iter().any(is_late)
    }
}

impl Batch {
    /// The facts of a request whose answer was lost and that had its effect on these devices.
    fn found(&self, there: &[Serial]) -> Vec<Event> {
        let about = About { tenant: &self.tenant, address: &self.address, write: self.word, serials: there };
        let mut events = self.accepted(None, there);
        if matches!(self.deed, Deed::Unassign { .. }) {
            events.extend(about.taken(there.len()));
        }
        events
    }
}
