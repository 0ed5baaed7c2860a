//! Writes whose answer was lost: unknown until the horizon has passed, then looked up.

use super::super::report::StepOutcome;
use super::super::verify::{self, Seen};
use super::Run;
use super::readback::reset;
use crate::ledger::{IntentState, LedgerError};
use crate::model::ProfileId;
use crate::model::clock::after;
use crate::plan::build::HORIZON;
use crate::plan::{Action, Step};
use crate::provider::Trouble;

impl<'r> Run<'r> {
    /// Waits for the horizon and looks. True: it had no effect and may be sent again.
    pub(super) async fn look_up_lost(
        &mut self,
        step: &'r Step,
        error: &Trouble,
        again: bool,
    ) -> Result<bool, LedgerError> {
        let until = after(self.exec.clock.now(), HORIZON);
        let unknown = StepOutcome::Unknown { reason: error.to_string(), until };
        if !self.sleep_until(until).await {
            self.outcomes.insert(&step.id, unknown);
            return Ok(false);
        }
        if let Action::Define { .. } = step.action {
            // Nobody can look for it. Defined again, it leaves a profile behind that nobody has.
            let note = "not known: it is defined again";
            let ids = self.unsettled_of(step)?.into_iter();
            let results: Vec<_> = ids.map(|id| (id, IntentState::Settled, note.to_owned())).collect();
            self.exec.settle(&results, &[])?;
            if !again {
                self.refuse(step, error);
            }
            return Ok(again);
        }
        self.observe(&[step]).await;
        let Some(tenant) = self.live.tenants.get(&step.connection) else { return Ok(false) };
        let before = self.before.get(step.id.as_str());
        let seen = verify::look_beside(step, self.object(step).as_ref(), before, tenant);
        let is_create = matches!(step.action, Action::CreateProfile { .. });
        let namesakes = crate::plan::before::named(tenant, step).map_or(0, |named| named.len());
        // Several of the name: nobody can tell which is ours, and a person has to.
        let (Ok(seen), false) = (seen, is_create && namesakes > 1) else {
            self.outcomes.insert(&step.id, unknown);
            return Ok(false);
        };
        let tenant = self.tenant_of(step);
        // A change that only the missing screens could show is sent again: that does no harm.
        // One of the name, whatever its fields are by now, is what a create made, as recovery has it:
        // sent again, it would be doubled.
        let had_effect = matches!(seen, Seen::AsWished(_) | Seen::Reset(_)) || (is_create && namesakes == 1);
        let object = self.object(step).or_else(|| self.made_object(step));
        let ids = self.unsettled_of(step)?;
        let note = if had_effect { "found: it had its effect" } else { "not found: it had no effect" };
        let results: Vec<_> = ids.into_iter().map(|id| (id, IntentState::Settled, note.to_owned())).collect();
        let events = if had_effect { self.exec.facts(step, &tenant, object.as_ref()) } else { Vec::new() };
        self.exec.settle(&results, &events)?;
        if had_effect {
            if let (Action::CreateProfile { .. }, Some(object)) = (&step.action, object) {
                self.made.insert(&step.address, object);
            }
            let outcome = match seen {
                Seen::Otherwise(reason, _) => StepOutcome::Unconfirmed { reason },
                Seen::Reset(reason) => reset(reason),
                Seen::AsWished(_) | Seen::WithoutScreens(_) => StepOutcome::Committed,
            };
            self.outcomes.insert(&step.id, outcome);
            return Ok(false);
        }
        if !again {
            self.refuse(step, error);
        }
        Ok(again)
    }

    /// The one live profile that carries the name of a create.
    pub(super) fn made_object(&self, step: &Step) -> Option<ProfileId> {
        if !matches!(step.action, Action::CreateProfile { .. }) {
            return None;
        }
        let tenant = self.live.tenants.get(&step.connection)?;
        match crate::plan::before::named(tenant, step).ok()?.as_slice() {
            [only] => Some(only.id.clone()),
            _ => None,
        }
    }

    pub(super) fn unsettled_of(&self, step: &Step) -> Result<Vec<i64>, LedgerError> {
        let Some((ledger, _)) = self.exec.ledger else { return Ok(Vec::new()) };
        let word = super::super::journal::word(&step.action);
        let view = ledger.view(self.exec.clock.now())?;
        Ok(view
            .unsettled
            .iter()
            .filter(|intent| intent.address == step.address && intent.write == word)
            .map(|intent| intent.id)
            .collect())
    }
}
