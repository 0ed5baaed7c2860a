//! Steps in Apple Business and Apple School Manager.
//!
//! | room | purpose |
//! |---|---|
//! | `door` | what is asked of an organisation |
//! | `batch` | from steps to activities |
//! | `life` | from the promise to what the lists show |
//! | `verdict` | what became of each device and step |
//! | `services` | services themselves: made, renamed, deleted, their default families |

pub(in crate::apply) mod batch;
pub(in crate::apply) mod door;
pub(in crate::apply) mod life;
mod services;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use super::super::report::StepOutcome;
use super::Run;
use crate::ledger::{LedgerError, LedgerView};
use crate::model::Realm;
use crate::model::live::{Cause, Unknown};
use crate::model::organisation::LiveOrganisation;
use crate::plan::{Action, Step};
use door::Real;
use life::{Activities, Patience};

/// Whether an activity carries a step out.
pub(super) fn is_activity(step: &Step) -> bool {
    matches!(&step.action, Action::Service(action) if action.activity().is_some())
}

impl<'r> Run<'r> {
    /// Sends the activities that are collected, and those of later steps that need nothing more: they
    /// run side by side at Apple, and are waited for together. `done` and `stopped` are not to be sent.
    pub(super) async fn activities(
        &mut self,
        queue: &mut Vec<&'r Step>,
        stopped: &BTreeMap<String, String>,
        done: &BTreeSet<String>,
    ) -> Result<(), LedgerError> {
        if queue.is_empty() {
            return Ok(());
        }
        let mut steps = std::mem::take(queue);
        let queued: BTreeSet<&str> = steps.iter().map(|step| step.id.as_str()).collect();
        let later = self.plan.steps.iter().filter(|step| {
            is_activity(step)
                && !queued.contains(step.id.as_str())
                && !self.outcomes.contains_key(step.id.as_str())
                && !stopped.contains_key(&step.id)
                && !done.contains(&step.id)
                && step
                    .needs
                    .iter()
                    .all(|need| self.outcomes.get(need.as_str()).is_some_and(StepOutcome::is_done))
                && self.exec.services.contains_key(&step.connection)
        });
        let later: Vec<&'r Step> = later.collect();
        steps.extend(later);
        steps.retain(|step| match self.rests_on(step) {
            Ok(()) => true,
            Err(outcome) => {
                self.outcomes.insert(&step.id, outcome);
                false
            }
        });
        let view = match self.exec.ledger {
            Some((ledger, _)) => ledger.view(self.exec.clock.now())?,
            None => LedgerView::none(),
        };
        let (batches, shares) = batch::cut(&steps, |step| self.tenant_of(step), self.exec.migrations, &view);
        let services = self.exec.services;
        let orgs: BTreeSet<&'r Realm> = steps.iter().map(|step| &step.connection).collect();
        let doors = orgs.into_iter().filter_map(|org| Some((org, Real(services.get(org)?)))).collect();
        let mut activities = Activities {
            doors,
            scribe: self.exec.scribe(),
            patience: self.patience(),
            progress: self.exec.progress,
            batches,
            lists: BTreeMap::new(),
        };
        activities.carry_out().await?;
        for step in &steps {
            let Some(share) = shares.get(step.id.as_str()) else { continue };
            let (outcome, counts, arrived) = activities.judge(share);
            let missing = step.action.service().into_iter().flat_map(crate::plan::ServiceAction::serials);
            let missing = missing.filter(|serial| arrived.binary_search(serial).is_err());
            self.not_arrived.extend(missing);
            self.outcomes.insert(&step.id, outcome);
            self.items.insert(&step.id, counts);
        }
        self.throttled |=
            activities.batches.iter().any(|batch| matches!(batch.stage, batch::Stage::PutOff(_)));
        self.interrupted |=
            activities.batches.iter().any(|batch| matches!(batch.stage, batch::Stage::Interrupted));
        Ok(())
    }

    pub(super) fn patience(&self) -> Patience<'r> {
        Patience { clock: &*self.exec.clock, deadline: self.deadline, stop: self.exec.stop.clone() }
    }

    pub(super) fn organisation(&self, step: &Step) -> Option<&LiveOrganisation> {
        match &step.connection {
            Realm::Apple(name) => self.live.organisations.get(name),
            Realm::Mdm(_) | Realm::Direct(_) => None,
        }
    }

    /// Refuses a step that does not rest on what this run read itself.
    pub(super) fn rests_on(&self, step: &Step) -> Result<(), StepOutcome> {
        let fail = |cause, reason: String, next: &str| {
            Err(StepOutcome::Failed { cause, reason, next: next.to_owned() })
        };
        let document = step.connection.document();
        let Some(live) = self.organisation(step) else {
            let reason = format!("{document} was not read in this run");
            return fail(Cause::Unavailable, reason, "run it again");
        };
        if live.reused {
            let reason =
                format!("what is known of {document} was read by an earlier run, at {}", live.read_at);
            return fail(Cause::Unavailable, reason, "apply without a reused reading");
        }
        match live.devices.unknown().filter(|_| is_activity(step)) {
            Some(Unknown { cause, reason, next }) => {
                fail(*cause, format!("which service has which device is not known: {reason}"), next.as_str())
            }
            None => Ok(()),
        }
    }
}
