//! Assignments, sent together: those of a connection in one go, 20 requests to a batch.

use std::collections::BTreeMap;

use super::super::journal::intent;
use super::super::report::StepOutcome;
use super::{Run, failed, without_object};
use crate::ledger::{IntentState, LedgerError};
use crate::model::Name;
use crate::model::clock::after;
use crate::plan::Step;
use crate::plan::build::HORIZON;
use crate::provider::graph::Outcome;

impl<'r> Run<'r> {
    /// Sends collected assignments: per connection in one go, those to the same profile together.
    pub(super) async fn assign_all(&mut self, queue: &mut Vec<&'r Step>) -> Result<(), LedgerError> {
        let mut by_connection: BTreeMap<&Name, Vec<&'r Step>> = BTreeMap::new();
        for step in queue.drain(..) {
            by_connection.entry(&step.connection).or_default().push(step);
        }
        for (connection, steps) in by_connection {
            let mut sendable = Vec::new();
            let mut writes = Vec::new();
            for step in steps {
                match self.write_of(step) {
                    Some(write) => {
                        sendable.push(step);
                        writes.push(write);
                    }
                    None => drop(self.outcomes.insert(&step.id, without_object(step))),
                }
            }
            let Some(service) = self.exec.services.get(connection) else { continue };
            if writes.is_empty() {
                continue;
            }
            let intents: Vec<_> =
                sendable.iter().map(|step| intent(step, &self.tenant_of(step), self.object(step))).collect();
            let ids = self.exec.intend(&intents)?;
            let outcomes = service.actuator.write_batch(&writes).await;
            let mut results = Vec::new();
            for (at, (step, outcome)) in sendable.iter().zip(outcomes).enumerate() {
                let (state, note) = match &outcome {
                    Outcome::Done(_) => (IntentState::Committed, String::new()),
                    Outcome::Refused(error) | Outcome::NotSent(error) => {
                        (IntentState::Failed, error.to_string())
                    }
                    Outcome::Lost(error) => (IntentState::Unknown, error.to_string()),
                };
                results.extend(ids.get(at).map(|id| (*id, state, note)));
                match outcome {
                    Outcome::Done(_) => drop(self.sent.insert(&step.id)),
                    Outcome::Refused(error) | Outcome::NotSent(error) => {
                        self.outcomes.insert(&step.id, failed(&error));
                    }
                    // Reading back tells which devices have it; the ledger settles it next time.
                    Outcome::Lost(error) => {
                        let until = after(self.exec.clock.now(), HORIZON);
                        self.outcomes
                            .insert(&step.id, StepOutcome::Unknown { reason: error.to_string(), until });
                        self.sent.insert(&step.id);
                    }
                }
            }
            self.exec.settle(&results, &[])?;
        }
        Ok(())
    }
}
