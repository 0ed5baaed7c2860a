//! Activities that earlier runs began at Apple and that nobody has seen end: followed before anything
//! is read, so that what is read and planned rests on what they did.

use std::collections::BTreeMap;

use super::Service;
use super::executor::apple::batch::{About, issues};
use super::executor::apple::door::{Door, Real};
use super::executor::apple::life::{Patience, TOO_YOUNG, polls};
use super::journal::Scribe;
use crate::ledger::{KnownActivity, Lease, Ledger, LedgerError, LedgerView};
use crate::model::clock::{Clock, Timestamp, between};
use crate::model::organisation::ActivityState;
use crate::model::{ActivityId, Realm};
use crate::progress::Progress;

/// Follows activities of earlier runs.
pub struct Follower<'a> {
    /// The services; only organisations are asked.
    pub services: &'a BTreeMap<Realm, Service>,
    /// The client id of each organisation.
    pub tenants: &'a BTreeMap<Realm, String>,
    /// The ledger and the right to write to it.
    pub ledger: (&'a Ledger, &'a Lease),
    /// The clock of the services.
    pub clock: &'a dyn Clock,
    /// Until when it is waited.
    pub deadline: Timestamp,
    /// True once the run shall end.
    pub stop: tokio::sync::watch::Receiver<bool>,
    /// Hears how far they are.
    pub progress: &'a dyn Progress,
}

impl Follower<'_> {
    /// Looks at each activity that `view` has as open, at once and then from time to time, until all
    /// have ended or the wait is over. Each end is written when it is seen. True: some ended.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn follow(&self, view: &LedgerView) -> Result<bool, LedgerError> {
        let doors: BTreeMap<&str, Real<'_>> = self
            .tenants
            .iter()
            .filter_map(|(realm, tenant)| Some((tenant.as_str(), Real(self.services.get(realm)?))))
            .collect();
        self.follow_through(view, &doors).await
    }

    pub(super) async fn follow_through<D: Door>(
        &self,
        view: &LedgerView,
        doors: &BTreeMap<&str, D>,
    ) -> Result<bool, LedgerError> {
        let patience = Patience { clock: self.clock, deadline: self.deadline, stop: self.stop.clone() };
        let scribe = Scribe { ledger: Some(self.ledger), clock: self.clock };
        let mut open: Vec<(&ActivityId, &KnownActivity)> =
            doors.keys().flat_map(|tenant| view.apple.open_activities(tenant)).collect();
        let (total, mut any) = (open.len(), false);
        for pause in std::iter::once(0).chain(polls()) {
            if open.is_empty() || (pause > 0 && !patience.pause(pause).await) || patience.is_over() {
                break;
            }
            self.progress.step(total - open.len(), total, "activities of earlier runs at Apple");
            let mut still = Vec::new();
            for (id, known) in open {
                let Some(door) = doors.get(known.tenant.as_str()) else { continue };
                let young = between(known.accepted, self.clock.now()) < TOO_YOUNG;
                let (state, rows) = match door.look(id).await {
                    Ok(seen) => (seen.state, seen.rows),
                    // An organisation that cannot be asked is told of where it is read.
                    Err(_) => continue,
                };
                if matches!(state, ActivityState::Running(_)) || (state == ActivityState::Forgotten && young)
                {
                    still.push((id, known));
                    continue;
                }
                let KnownActivity { tenant, address, write, serials, .. } = known;
                let about = About { tenant, address, write, serials };
                let issues = issues(serials, rows.unwrap_or_default());
                scribe.settle(&[], &about.ended(id, &state, &issues))?;
                any = true;
            }
            open = still;
        }
        Ok(any)
    }
}
