//! Assignments, sent together: those of a tenant in one go, 20 requests to a batch; those of a direct
//! token one after the other.

use std::collections::BTreeMap;

use super::super::journal::intent;
use super::super::report::StepOutcome;
use super::Run;
use crate::ledger::{IntentState, LedgerError};
use crate::model::Realm;
use crate::model::clock::after;
use crate::plan::build::HORIZON;
use crate::plan::{Action, Step};
use crate::provider::{Actuator, Outcome, Write};

/// The requests of one `$batch`.
const REQUESTS: usize = 20;

impl<'r> Run<'r> {
    /// Sends collected assignments: per connection in one go, those to the same profile together.
    pub(super) async fn assign_all(&mut self, queue: &mut Vec<&'r Step>) -> Result<(), LedgerError> {
        let mut by_connection: BTreeMap<&Realm, Vec<&'r Step>> = BTreeMap::new();
        for step in queue.drain(..) {
            by_connection.entry(&step.connection).or_default().push(step);
        }
        for (connection, steps) in by_connection {
            if connection.is_direct() {
                for step in steps {
                    self.assign_direct(step).await?;
                }
                continue;
            }
            for steps in self.shares(connection, steps) {
                self.assign_together(connection, steps).await?;
            }
        }
        Ok(())
    }

    async fn assign_direct(&mut self, step: &'r Step) -> Result<(), LedgerError> {
        let Action::Assign { groups, .. } = &step.action else { return Ok(()) };
        if self.is_held_back(step) {
            return Ok(());
        }
        if *self.exec.stop.borrow() {
            self.interrupted = true;
            let reason = "the run was interrupted before it; any later apply goes on".to_owned();
            self.outcomes.insert(&step.id, StepOutcome::Pending { reason, until: None });
            return Ok(());
        }
        let serials: Vec<_> = groups.iter().flat_map(|group| group.serials.iter().copied()).collect();
        self.by_device(step, &serials, Vec::new()).await
    }

    /// Steps that are sent in one go. Between two of them refusals can stop the rest of a document,
    /// so there are as many as full `$batch`es allow: a cut never costs a call.
    fn shares(&self, connection: &Realm, steps: Vec<&'r Step>) -> Vec<Vec<&'r Step>> {
        let most = match self.exec.services.get(connection).map(|service| &service.actuator) {
            Some(Actuator::Graph(graph)) => graph.assign_batch(),
            Some(Actuator::Direct(_) | Actuator::Apple(_)) | None => 1,
        };
        let mut shares: Vec<Vec<&'r Step>> = vec![Vec::new()];
        let mut requests = 0;
        for step in steps {
            if requests > 0 && requests % REQUESTS == 0 {
                shares.push(Vec::new());
            }
            requests += step.action.serials().div_ceil(most);
            shares.last_mut().into_iter().for_each(|share| share.push(step));
        }
        shares
    }

    async fn assign_together(&mut self, connection: &Realm, steps: Vec<&'r Step>) -> Result<(), LedgerError> {
        let mut sendable = Vec::new();
        let mut writes = Vec::new();
        for step in steps {
            if self.is_held_back(step) {
                continue;
            }
            match self.write_of(step) {
                Ok(Write::Graph(write)) => {
                    sendable.push(step);
                    writes.push(write);
                }
                // Not of a connection.
                Ok(Write::Direct(_) | Write::Apple(_)) => {}
                Err(outcome) => drop(self.outcomes.insert(&step.id, outcome)),
            }
        }
        let service = self.exec.services.get(connection);
        let Some(Actuator::Graph(actuator)) = service.map(|service| &service.actuator) else { return Ok(()) };
        if writes.is_empty() {
            return Ok(());
        }
        let intents: Vec<_> =
            sendable.iter().map(|step| intent(step, &self.tenant_of(step), self.object(step))).collect();
        let ids = self.exec.intend(&intents)?;
        let outcomes = actuator.write_batch(&writes).await.into_iter().map(Outcome::from);
        let mut results = Vec::new();
        for (at, (step, outcome)) in sendable.iter().zip(outcomes).enumerate() {
            let (state, note) = match &outcome {
                Outcome::Done(_) => (IntentState::Committed, String::new()),
                Outcome::Refused(error) | Outcome::NotSent(error) => (IntentState::Failed, error.to_string()),
                Outcome::Lost(error) => (IntentState::Unknown, error.to_string()),
            };
            results.extend(ids.get(at).map(|id| (*id, state, note)));
            match outcome {
                Outcome::Done(_) => drop(self.sent.insert(&step.id)),
                Outcome::Refused(error) | Outcome::NotSent(error) => {
                    self.refuse(step, &error);
                }
                // Reading back tells which devices have it; the ledger settles it next time.
                Outcome::Lost(error) => {
                    let until = after(self.exec.clock.now(), HORIZON);
                    self.outcomes.insert(&step.id, StepOutcome::Unknown { reason: error.to_string(), until });
                    self.sent.insert(&step.id);
                }
            }
        }
        self.exec.settle(&results, &[])?;
        Ok(())
    }
}
