//! Applying: the lock, old promises settled, a plan made anew or checked against what is live, and
//! its execution.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::{EngineError, Observed, Session, git};
use crate::apply::recover::{Recovery, recover, unknown_until};
use crate::apply::{ApplyReport, Executor, Service};
use crate::ledger::{Event, Holder, Lease, Ledger, LedgerView};
use crate::model::clock::{after, between};
use crate::model::desired::Gates;
use crate::model::live::ProfileKind;
use crate::model::value::Fields;
use crate::model::{Address, Name, ProfileId, TokenId};
use crate::plan::before::{self, Standing};
use crate::plan::effect;
use crate::plan::file::{SavedPlan, digest_of};
use crate::plan::gates::{self, Census};
use crate::plan::{Action, Plan, Step};
use crate::progress::Progress;

/// A plan that is ready to be carried out, with the right to write.
pub struct Prepared {
    /// The plan.
    pub plan: Plan,
    /// Its digest.
    pub digest: String,
    observed: Observed,
    view: LedgerView,
    writer: Option<(Ledger, Lease)>,
    run: Uuid,
    /// Steps of a saved plan that are already as wished.
    done: BTreeSet<String>,
    /// What is recorded once everything is in force.
    record: Record,
}

/// What a run that was complete leaves in the ledger: whose gates hold from now on.
struct Record {
    gates: Gates,
    commit: Option<String>,
}

/// What became of an override.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// The gate is open for this plan.
    Opened,
    /// The gate stops nothing.
    NotExceeded,
}

impl Prepared {
    /// Opens one gate for this plan. `digest` has to be the plan's.
    ///
    /// # Errors
    /// [`EngineError::OtherDigest`]
    pub fn open_gate(&mut self, gate: &str, digest: &str) -> Result<Readiness, EngineError> {
        self.expect_digest(digest)?;
        let before = self.plan.stops.len();
        self.plan.stops.retain(|stop| stop.gate != gate);
        Ok(if self.plan.stops.len() < before { Readiness::Opened } else { Readiness::NotExceeded })
    }

    /// Refuses a plan that is not the one that was looked at.
    ///
    /// # Errors
    /// [`EngineError::OtherDigest`]
    pub fn expect_digest(&self, digest: &str) -> Result<(), EngineError> {
        if self.digest == digest {
            return Ok(());
        }
        Err(EngineError::OtherDigest { found: self.digest.clone(), expected: digest.to_owned() })
    }

    /// What the plan was made of, or checked against.
    pub fn observed(&self) -> &Observed {
        &self.observed
    }

    /// The steps that would be carried out: those that no gate stops and that are not done yet.
    pub fn open_steps(&self) -> impl Iterator<Item = &Step> {
        let stopped = self.stopped();
        self.plan
            .steps
            .iter()
            .filter(move |step| !stopped.contains_key(&step.id) && !self.done.contains(&step.id))
    }

    fn stopped(&self) -> BTreeMap<String, String> {
        let stops = self.plan.stops.iter();
        stops.flat_map(|stop| stop.steps.iter().map(|step| (step.clone(), stop.gate.clone()))).collect()
    }
}

/// Counts anew how many devices feel a saved plan's changes: the gates count in them, and neither
/// fingerprint nor digest covers counts.
fn refresh_effects(plan: &mut Plan, observed: &Observed) {
    let mut by_token = BTreeMap::new();
    for step in &mut plan.steps {
        let (Action::UpdateProfile { changes, .. }, Some(object)) = (&step.action, &step.object) else {
            continue;
        };
        let holders = by_token.entry(step.token_id.clone()).or_insert_with(|| {
            let tenant = observed.live.tenants.get(&step.connection)?;
            Some(effect::holders(before::devices(tenant, &step.token_id).ok().flatten()?))
        });
        if let Some(holders) = holders {
            step.effect = effect::of_update(changes, holders.get(object).copied().unwrap_or_default());
        }
    }
}

impl Session {
    /// Takes the lock, settles what earlier runs left open, reads the services and plans.
    ///
    /// # Errors
    /// What the ledger says: held by another run, missing, another one (exit 10).
    pub async fn prepare(&self, progress: &dyn Progress) -> Result<Prepared, EngineError> {
        let (writer, run, view, observed) = self.take_up(progress).await?;
        let plan = self.build(&observed, &view)?;
        let digest = digest_of(&plan);
        let record = Record { gates: self.desired.fleet.gates.clone(), commit: self.commit() };
        Ok(Prepared { plan, digest, observed, view, writer, run, done: BTreeSet::new(), record })
    }

    /// Takes a saved plan up: checks that it belongs here, is young enough, and that what it rests
    /// on is as it was. Steps that are already as wished are no staleness.
    ///
    /// # Errors
    /// Exit 5: expired, another ledger, stale, older than what was applied. Exit 10: the lock.
    pub async fn prepare_saved(
        &self,
        saved: SavedPlan,
        progress: &dyn Progress,
    ) -> Result<Prepared, EngineError> {
        let folder_ledger = self.view()?;
        let folder_ledger = (!folder_ledger.is_none()).then_some(folder_ledger.id);
        saved.check(folder_ledger, self.clock.now())?;
        let (writer, run, view, observed) = self.take_up(progress).await?;
        if let (Some(plan), Some(applied)) = (&saved.commit, &view.last_commit)
            && git::is_older(&self.settings.folder, plan, applied)
        {
            return Err(EngineError::OlderThanApplied { plan: plan.clone(), applied: applied.clone() });
        }
        let digest = saved.digest.clone();
        // A plan of another commit says nothing of this folder's documents having been applied: it
        // must not put their gates into force.
        let commit = self.commit();
        let gates = match (&saved.commit, &commit) {
            (Some(planned), Some(here)) if planned == here => self.desired.fleet.gates.clone(),
            _ => self.gates_in_force(&view),
        };
        let record = Record { gates, commit: saved.commit.clone().or(commit) };
        let mut plan = saved.into_plan();
        let done = self.standings(&plan, &observed, &view)?;
        refresh_effects(&mut plan, &observed);
        let census = self.census(&plan, &observed, &view);
        plan.stops =
            gates::evaluate(&plan.steps, &self.gates_in_force(&view), &census, plan.ledger.is_some());
        Ok(Prepared { plan, digest, observed, view, writer, run, done, record })
    }

    /// Which steps of a saved plan are done already; an error where others changed.
    fn standings(
        &self,
        plan: &Plan,
        observed: &Observed,
        view: &LedgerView,
    ) -> Result<BTreeSet<String>, EngineError> {
        let mut done = BTreeSet::new();
        let mut changed = Vec::new();
        // What a step makes has no id in the plan; where it was made already, the live one's counts.
        let mut made: BTreeMap<&Address, ProfileId> = BTreeMap::new();
        for step in &plan.steps {
            let tenant = observed.live.tenants.get(&step.connection);
            let standing = match tenant {
                Some(tenant) if plan.tenants.get(&step.connection) == Some(&tenant.tenant_id) => {
                    let step = match (&step.object, made.get(&step.address)) {
                        (None, Some(id)) => Cow::Owned(Step { object: Some(id.clone()), ..step.clone() }),
                        _ => Cow::Borrowed(step),
                    };
                    before::standing(&step, tenant)
                }
                _ => {
                    changed.push(format!(
                        "{} (Connection/{} is another tenant now)",
                        step.address, step.connection
                    ));
                    continue;
                }
            };
            let unsettled = crate::apply::recover::is_unsettled(view, &step.address);
            match standing {
                Ok(Standing::Same) if !unsettled => {}
                Ok(Standing::Same) => {
                    changed.push(format!("{} (an earlier write's answer is lost)", step.address))
                }
                Ok(Standing::Done) => {
                    done.insert(step.id.clone());
                    if let (Action::CreateProfile { .. }, Some(tenant)) = (&step.action, tenant)
                        && let Ok(Some(only)) =
                            before::named(tenant, step).map(|named| named.first().copied())
                    {
                        made.insert(&step.address, only.id.clone());
                    }
                }
                Ok(Standing::Changed) => changed.push(format!("{} ({:?})", step.address, step.name)),
                Err(unknown) => changed.push(format!("{} (could not be read: {unknown})", step.address)),
            }
        }
        changed.dedup();
        if changed.is_empty() { Ok(done) } else { Err(EngineError::Stale(changed)) }
    }

    /// The lock; then, under it, the view with old promises settled by what is read.
    async fn take_up(
        &self,
        progress: &dyn Progress,
    ) -> Result<(Option<(Ledger, Lease)>, Uuid, LedgerView, Observed), EngineError> {
        let run = Uuid::new_v4();
        let writer = match self.state.open(&self.desired, &self.clock)? {
            Some(ledger) => {
                let holder = Holder::of_this_process(self.settings.command.clone(), run, self.clock.now());
                let lease = ledger.lock(holder)?;
                Some((ledger, lease))
            }
            None => None,
        };
        let view = match &writer {
            Some((ledger, _)) => ledger.view(self.clock.now())?,
            None => LedgerView::none(),
        };
        // Services show writes late: what an earlier run lost is looked for only after the horizon.
        if let Some(until) = unknown_until(&view) {
            let now = self.clock.now();
            if until > now && until <= after(now, self.settings.wait) {
                self.clock.sleep(between(now, until)).await;
            }
        }
        let observed = self.observe(&view, progress).await;
        let now = self.clock.now();
        let (view, Recovery { settled, events }) = recover(&view, &observed.live, &observed.tokens, now);
        if let Some((ledger, lease)) = &writer
            && !settled.is_empty()
        {
            ledger.settle(lease, now, &settled, &events)?;
        }
        Ok((writer, run, view, observed))
    }

    /// Carries a prepared plan out.
    ///
    /// # Errors
    /// Where the ledger cannot be written; nothing more is sent then.
    pub async fn execute(
        &self,
        prepared: Prepared,
        progress: &dyn Progress,
    ) -> Result<ApplyReport, EngineError> {
        let stopped = prepared.stopped();
        let Prepared { plan, digest, observed, view, writer, run, done, record } = prepared;
        let Record { gates, commit } = record;
        let services: BTreeMap<Name, Service> = self
            .services
            .iter()
            .filter_map(|(name, service)| Some((name.clone(), service.as_ref().ok()?.clone())))
            .collect();
        let managed = self.managed();
        let owned: BTreeSet<Address> = view.owned.keys().cloned().collect();
        let executor = Executor {
            services: &services,
            ledger: writer.as_ref().map(|(ledger, lease)| (ledger, lease)),
            clock: Arc::clone(&self.clock),
            wait: self.settings.wait,
            managed: &managed,
            owned: &owned,
            progress,
            stop: self.stop.clone(),
        };
        let works = plan.steps.iter().any(|step| !stopped.contains_key(&step.id) && !done.contains(&step.id));
        if let (Some((ledger, lease)), true) = (&writer, works) {
            let started =
                Event::RunStarted { run, commit: commit.clone(), digest: Some(digest), manifests: None };
            ledger.append(lease, self.clock.now(), &[started])?;
        }
        let report = executor.run(&plan, observed.live, &stopped, &done).await?;
        if let Some((ledger, lease)) = &writer {
            let complete = report.is_complete();
            let mut events = Vec::new();
            if complete && view.gates.as_ref() != Some(&gates) {
                events.push(Event::GatesApplied { gates });
            }
            if works || (complete && view.last_commit != commit) {
                events.push(Event::RunFinished { run, complete, commit });
            }
            if !events.is_empty() {
                ledger.append(lease, self.clock.now(), &events)?;
            }
        }
        Ok(report)
    }

    /// What the documents wish, by address: what the ledger remembers as applied.
    fn managed(&self) -> BTreeMap<Address, Fields> {
        let profiles = self.desired.profiles.iter();
        profiles
            .flat_map(|(name, profile)| {
                profile
                    .wished
                    .iter()
                    .map(move |(token, fields)| (Address::profile(name, token), fields.clone()))
            })
            .collect()
    }

    /// The gates in force: the stricter of the documents' and those of the last full apply.
    fn gates_in_force(&self, view: &LedgerView) -> Gates {
        match &view.gates {
            Some(applied) => self.desired.fleet.gates.stricter(applied),
            None => self.desired.fleet.gates.clone(),
        }
    }

    /// What the gates count against, for the tokens of a saved plan.
    fn census(&self, plan: &Plan, observed: &Observed, view: &LedgerView) -> BTreeMap<TokenId, Census> {
        let in_force = self.gates_in_force(view);
        let mut all = BTreeMap::new();
        for step in &plan.steps {
            if all.contains_key(&step.token_id) {
                continue;
            }
            let Some(tenant) = observed.live.tenants.get(&step.connection) else { continue };
            let documents = observed.tokens.iter().find(|(_, id)| **id == step.token_id);
            let name = documents.map_or(step.address.domain(), |(name, _)| name);
            let profiles = before::profiles(tenant, &step.token_id).ok().flatten();
            let devices = before::devices(tenant, &step.token_id).ok().flatten();
            let Some(devices) = devices else { continue };
            let known_as = view.names_of(&step.token_id);
            all.insert(
                step.token_id.clone(),
                Census {
                    name: Some(name.clone()),
                    profiles: profiles.map_or(0, |all| {
                        all.iter().filter(|profile| profile.kind == ProfileKind::Ios).count() as u64
                    }),
                    devices: devices.not_released() as u64,
                    deleted_lately: gates::deleted_lately(view, name, &known_as),
                    protected_holders: gates::protected_holders(&in_force.protected_serials, devices),
                    known_as,
                },
            );
        }
        all
    }
}
