//! The sync with Apple and what waits for it (S-2).

use std::time::Duration;

use super::super::report::{ItemCounts, StepOutcome};
use super::{Run, failed, without_object};
use crate::ledger::{IntentState, LedgerError};
use crate::model::Serial;
use crate::model::clock::{Timestamp, after};
use crate::model::live::{Fact, LiveToken};
use crate::plan::build::HORIZON;
use crate::plan::{Action, Step};
use crate::provider::{Outcome, Trouble, Write, graph};

/// How often a sync is looked after.
const SYNC_POLL: Duration = Duration::from_secs(30);

/// A sync gets this long to finish (S-2).
const SYNC_TIME: Duration = Duration::from_secs(15 * 60);

/// The last syncs of a token.
#[derive(Clone, Copy)]
struct Syncs {
    triggered: Option<Timestamp>,
    done: Option<Timestamp>,
}

impl Syncs {
    fn of(token: &LiveToken) -> Self {
        Self { triggered: token.last_sync_triggered, done: token.last_sync_done }
    }
}

impl<'r> Run<'r> {
    /// Asks for a sync and waits for its end, as far as the wait allows (S-2).
    pub(super) async fn sync(&mut self, step: &'r Step) -> Result<(), LedgerError> {
        if let Some(earliest) = step.not_before
            && earliest > self.exec.clock.now()
            && !self.sleep_until(earliest).await
        {
            let reason = "a sync by hand is allowed once in 15 minutes (S-2)".to_owned();
            self.outcomes.insert(&step.id, StepOutcome::Pending { reason, until: Some(earliest) });
            return Ok(());
        }
        let Some(service) = self.exec.services.get(&step.connection) else { return Ok(()) };
        let earlier = self.syncs_of(step).await.or_else(|| self.known_syncs(step));
        match self
            .send(step, service, &Write::Graph(graph::Write::Sync { token: step.token_id.clone() }))
            .await?
        {
            Outcome::Done(_) => {}
            Outcome::Refused(error) | Outcome::NotSent(error) => {
                self.outcomes.insert(&step.id, failed(&error));
                return Ok(());
            }
            Outcome::Lost(error) => {
                if !self.look_up_lost_sync(step, &error, earlier).await? {
                    return Ok(());
                }
            }
        }
        let give_up = after(self.exec.clock.now(), SYNC_TIME);
        loop {
            let next = after(self.exec.clock.now(), SYNC_POLL);
            if next > give_up || !self.sleep_until(next).await {
                let reason =
                    "the sync was accepted and has not been seen to end; it gets 15 minutes (S-2)".to_owned();
                self.outcomes.insert(&step.id, StepOutcome::Unconfirmed { reason });
                return Ok(());
            }
            // A look that fails shows nothing; without a state before, nothing can be compared.
            let (Some(earlier), Some(now)) = (earlier, self.syncs_of(step).await) else { continue };
            if now.done.is_some() && now.done != earlier.done {
                self.outcomes.insert(&step.id, StepOutcome::Committed);
                self.read_devices(&step.connection, std::slice::from_ref(&step.token_id)).await;
                return Ok(());
            }
        }
    }

    /// Waits for the horizon and looks whether a sync whose answer was lost was accepted. True: it
    /// was.
    async fn look_up_lost_sync(
        &mut self,
        step: &'r Step,
        error: &Trouble,
        earlier: Option<Syncs>,
    ) -> Result<bool, LedgerError> {
        let until = after(self.exec.clock.now(), HORIZON);
        let now = if self.sleep_until(until).await { self.syncs_of(step).await } else { None };
        let (Some(earlier), Some(now)) = (earlier, now) else {
            self.outcomes.insert(&step.id, StepOutcome::Unknown { reason: error.to_string(), until });
            return Ok(false);
        };
        let was_accepted = now.triggered.is_some() && now.triggered != earlier.triggered;
        let note = if was_accepted { "found: it had its effect" } else { "not found: it had no effect" };
        let ids = self.unsettled_of(step)?;
        let results: Vec<_> = ids.into_iter().map(|id| (id, IntentState::Settled, note.to_owned())).collect();
        let tenant = self.tenant_of(step);
        let events = if was_accepted { self.exec.facts(step, &tenant, None) } else { Vec::new() };
        self.exec.settle(&results, &events)?;
        if !was_accepted {
            self.outcomes.insert(&step.id, failed(error));
        }
        Ok(was_accepted)
    }

    /// Waits for the end of a sync that this run did not ask for, once per token. True: it ended, and
    /// the devices are read anew.
    async fn follow_running_sync(&mut self, step: &'r Step) -> bool {
        if let Some(ended) = self.followed.get(&step.token_id) {
            return *ended;
        }
        let mut ended = false;
        let give_up = self
            .known_syncs(step)
            .and_then(|syncs| syncs.triggered)
            .map_or(self.exec.clock.now(), |triggered| after(triggered, SYNC_TIME));
        loop {
            if let Some(Syncs { triggered: Some(triggered), done: Some(done) }) = self.syncs_of(step).await
                && done >= triggered
            {
                ended = true;
                self.read_devices(&step.connection, std::slice::from_ref(&step.token_id)).await;
                break;
            }
            let next = after(self.exec.clock.now(), SYNC_POLL);
            if next > after(give_up, SYNC_POLL) || !self.sleep_until(next).await {
                break;
            }
        }
        self.followed.insert(&step.token_id, ended);
        ended
    }

    /// What the token says of its syncs; `None` where that cannot be read.
    async fn syncs_of(&self, step: &Step) -> Option<Syncs> {
        let service = self.exec.services.get(&step.connection)?;
        match service.observer.token(&step.token_id).await {
            Fact::Known(token) => token.as_ref().map(Syncs::of),
            Fact::Unknown(_) => None,
        }
    }

    /// What the token said of its syncs when the list was read.
    fn known_syncs(&self, step: &Step) -> Option<Syncs> {
        let tenant = self.live.tenants.get(&step.connection)?;
        crate::plan::before::token(tenant, &step.token_id).ok().flatten().map(Syncs::of)
    }

    /// Gives those serials that the sync showed their profile; the others go on waiting.
    pub(super) async fn assign_after_sync(&mut self, step: &'r Step) -> Result<(), LedgerError> {
        let Action::Assign { groups, .. } = &step.action else { return Ok(()) };
        if step.connection.is_direct() {
            return self.assign_after_arrival(step).await;
        }
        let follows_own_sync = step.needs.iter().any(|need| need.starts_with("sync "));
        if !follows_own_sync && !self.follow_running_sync(step).await {
            let reason = "the sync that is under way has not ended within the wait".to_owned();
            self.outcomes.insert(&step.id, StepOutcome::Pending { reason, until: None });
            return Ok(());
        }
        let wanted: Vec<Serial> = groups.iter().flat_map(|group| group.serials.iter().copied()).collect();
        let tenant = self.live.tenants.get(&step.connection);
        let devices = match tenant.and_then(|tenant| tenant.devices.get(&step.token_id)) {
            Some(Fact::Unknown(why)) => {
                let outcome = StepOutcome::Failed {
                    cause: why.cause,
                    reason: format!("it is not known what the sync brought: {why}"),
                    next: why.next.clone(),
                };
                self.outcomes.insert(&step.id, outcome);
                return Ok(());
            }
            known => known.and_then(Fact::known),
        };
        let is_there = |serial: &&Serial| {
            devices
                .and_then(|devices| devices.find(serial))
                .is_some_and(|device| device.platform == step.platform && !device.released)
        };
        let (there, missing): (Vec<&Serial>, Vec<&Serial>) = wanted.iter().partition(is_there);
        let serials: Vec<Serial> = there.into_iter().copied().collect();
        let waiting: Vec<Serial> = missing.into_iter().copied().collect();
        if serials.is_empty() {
            let reason =
                "the sync did not show them: at Apple they are not on this token, or not yet".to_owned();
            self.outcomes.insert(&step.id, StepOutcome::Pending { reason, until: None });
            self.items.insert(&step.id, ItemCounts { waiting, ..ItemCounts::default() });
            return Ok(());
        }
        let Some(profile) = self.object(step) else {
            self.outcomes.insert(&step.id, without_object(step));
            return Ok(());
        };
        let Some(service) = self.exec.services.get(&step.connection) else { return Ok(()) };
        let write = Write::Graph(graph::Write::Assign { token: step.token_id.clone(), profile, serials });
        match self.send(step, service, &write).await? {
            Outcome::Done(_) => drop(self.sent.insert(&step.id)),
            Outcome::Refused(error) | Outcome::NotSent(error) => {
                self.refuse(step, &error);
            }
            Outcome::Lost(error) => {
                let until = after(self.exec.clock.now(), HORIZON);
                self.outcomes.insert(&step.id, StepOutcome::Unknown { reason: error.to_string(), until });
                self.sent.insert(&step.id);
            }
        }
        Ok(())
    }
}
