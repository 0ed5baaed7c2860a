//! Reading back: the lists that show what was sent, each once, and again while they are late.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use super::super::report::StepOutcome;
use super::super::verify::{self, Seen};
use super::{Run, SIDE_BY_SIDE, Service};
use crate::model::clock::after;
use crate::model::live::{Cause, Complete, Devices, Fact, LiveProfile, LiveTenant, LiveToken};
use crate::model::{Realm, TokenId};
use crate::plan::{Action, Step};
use crate::progress::Progress;
use crate::provider::Observer;

/// The pauses between looks at a list that does not show a write yet: within the horizon.
pub(super) const LATE_PAUSES: [u64; 5] = [5, 10, 20, 40, 60];

/// What a step comes to beside which the service emptied account settings.
pub(super) fn reset(reason: String) -> StepOutcome {
    let next = "run it again, and all account settings are sent anew; if that does not help, set them in the Intune portal";
    StepOutcome::Failed { cause: Cause::Refused, reason, next: next.to_owned() }
}

impl<'r> Run<'r> {
    /// What has to be read back before a step, and what the same lists show besides.
    pub(super) fn to_prove(&self, step: &Step) -> Vec<&'r str> {
        // Once is enough: a list that could not be read is not asked for again by every step.
        let needed: Vec<&Step> = self
            .steps(step.needs.iter().map(String::as_str))
            .filter(|other| other.prove_first && self.sent.contains(other.id.as_str()))
            .filter(|other| !self.looked.contains(other.id.as_str()))
            .collect();
        if needed.is_empty() {
            return Vec::new();
        }
        let is_shown_with = |needed: &&Step, other: &Step| {
            (&needed.connection, &needed.token_id) == (&other.connection, &other.token_id)
                && verify::lists_of(&needed.action) == verify::lists_of(&other.action)
        };
        self.steps(self.sent.iter().copied())
            .filter(|other| needed.iter().any(|needed| is_shown_with(needed, other)))
            .map(|other| other.id.as_str())
            .collect()
    }

    /// Reads the lists that show these steps, each once, and enters what they show. Lists that do
    /// not show a write yet are looked at again within the horizon and the wait.
    pub(super) async fn read_back(&mut self, ids: &[&'r str]) {
        self.looked.extend(ids);
        let mut open: Vec<&'r Step> = self.steps(ids.iter().copied()).collect();
        for pause in std::iter::once(0).chain(LATE_PAUSES) {
            if open.is_empty() {
                return;
            }
            if pause > 0 && !self.sleep_until(after(self.exec.clock.now(), Duration::from_secs(pause))).await
            {
                break;
            }
            self.observe(&open).await;
            open.retain(|step| !self.enter_what_is_seen(step));
            for step in std::mem::take(&mut open) {
                let late = self.late_devices(step);
                if !self.look_at(step, &late).await || !self.enter_what_is_seen(step) {
                    open.push(step);
                }
            }
        }
    }

    /// Enters what the lists show of a step. True: nothing more is to be looked for.
    pub(super) fn enter_what_is_seen(&mut self, step: &'r Step) -> bool {
        if self.answers.contains_key(step.id.as_str()) {
            return self.enter_answers(step);
        }
        let Some(tenant) = self.live.tenants.get(&step.connection) else { return true };
        let after_sync = matches!(step.action, Action::Assign { after_sync: true, .. });
        let before = self.before.get(step.id.as_str());
        match verify::look_beside(step, self.object(step).as_ref(), before, tenant) {
            Ok(Seen::AsWished(items)) => {
                self.sent.remove(step.id.as_str());
                let before = self.outcomes.insert(&step.id, StepOutcome::Committed);
                if matches!(before, Some(StepOutcome::Unknown { .. })) {
                    self.found.push(step);
                }
                self.items.extend(items.map(|items| (step.id.as_str(), items)));
                true
            }
            Ok(Seen::WithoutScreens(screens)) => {
                self.sent.remove(step.id.as_str());
                self.outcomes.insert(&step.id, StepOutcome::Committed);
                self.not_taken.insert(&step.id, screens.iter().map(ToString::to_string).collect());
                true
            }
            Ok(Seen::Reset(reason)) => {
                self.outcomes.insert(&step.id, reset(reason));
                false
            }
            // Serials that the sync did not show were not sent: they are no fault.
            Ok(Seen::Otherwise(_, Some(items))) if after_sync && items.failed.is_empty() => {
                self.sent.remove(step.id.as_str());
                self.outcomes.insert(&step.id, StepOutcome::Committed);
                self.items.insert(&step.id, items);
                true
            }
            Ok(Seen::Otherwise(reason, items)) => {
                let is_unknown =
                    matches!(self.outcomes.get(step.id.as_str()), Some(StepOutcome::Unknown { .. }));
                if !is_unknown {
                    self.outcomes.insert(&step.id, StepOutcome::Unconfirmed { reason });
                }
                self.items.extend(items.map(|items| (step.id.as_str(), items)));
                false
            }
            Err(unknown) => {
                let reason = format!("it could not be read back: {unknown}");
                self.outcomes.insert(&step.id, StepOutcome::Unconfirmed { reason });
                false
            }
        }
    }

    /// Reads the lists that show these steps, each once; connections side by side.
    pub(super) async fn observe(&mut self, steps: &[&'r Step]) {
        let mut by_connection: BTreeMap<&Realm, Vec<&Step>> = BTreeMap::new();
        for step in steps {
            by_connection.entry(&step.connection).or_default().push(step);
        }
        let (services, progress) = (self.exec.services, self.exec.progress);
        let reads: Vec<_> = by_connection
            .into_iter()
            .filter_map(|(connection, steps)| {
                let service = services.get(connection)?;
                Some(async move { (connection, Lists::read(service, &steps, progress).await) })
            })
            .collect();
        let read: Vec<_> = stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect().await;
        for (connection, lists) in read {
            if let Some(tenant) = self.live.tenants.get_mut(connection) {
                lists.enter(tenant);
            }
        }
    }

    pub(super) async fn read_devices(&mut self, connection: &Realm, tokens: &[TokenId]) {
        let Some(service) = self.exec.services.get(connection) else { return };
        if tokens.is_empty() {
            return;
        }
        let devices = service.observer.devices(tokens, self.exec.progress).await;
        if let Some(tenant) = self.live.tenants.get_mut(connection) {
            tenant.devices.extend(devices);
        }
    }
}

/// Lists of one tenant that were read anew.
#[derive(Default)]
struct Lists {
    tokens: Option<Fact<Complete<LiveToken>>>,
    profiles: BTreeMap<TokenId, Fact<Complete<LiveProfile>>>,
    devices: BTreeMap<TokenId, Fact<Devices>>,
    account_driven_url: Option<Fact<Option<String>>>,
}

impl Lists {
    /// Reads those that show steps.
    async fn read(service: &Service, steps: &[&Step], progress: &dyn Progress) -> Self {
        let ids = |wants: fn(verify::Lists) -> bool| -> Vec<TokenId> {
            let concerned = steps.iter().filter(|step| wants(verify::lists_of(&step.action)));
            let ids: BTreeSet<TokenId> = concerned.map(|step| step.token_id.clone()).collect();
            ids.into_iter().collect()
        };
        let profiles = ids(|lists| lists.profiles);
        let devices = ids(|lists| lists.devices);
        let mut read = Self::default();
        if !ids(|lists| lists.tokens).is_empty() {
            read.tokens = Some(service.observer.tokens().await);
        }
        if !profiles.is_empty() {
            read.profiles = service.observer.profiles(&profiles).await;
        }
        if !devices.is_empty() {
            read.devices = service.observer.devices(&devices, progress).await;
        }
        if !ids(|lists| lists.account_driven_url).is_empty()
            && let Observer::Direct(direct) = &service.observer
        {
            read.account_driven_url = Some(direct.account_driven_url().await);
        }
        read
    }

    fn enter(self, tenant: &mut LiveTenant) {
        if let Some(tokens) = self.tokens {
            tenant.tokens = tokens;
        }
        tenant.profiles.extend(self.profiles);
        tenant.devices.extend(self.devices);
        if let Some(url) = self.account_driven_url {
            tenant.account_driven_url = Some(url);
        }
    }
}
