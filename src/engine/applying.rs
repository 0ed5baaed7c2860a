//! Applying: the lock, old promises settled, a plan made anew or checked against what is live, and
//! its execution.

mod census;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::reading::Asks;
use super::{EngineError, Observed, Session, Settings, Wants, git, recovered, written};
use crate::apply::follow::Follower;
use crate::apply::recover::{Recovery, unknown_until};
use crate::apply::{ApplyReport, Executor, Service};
use crate::ledger::{Event, Holder, Lease, Ledger, LedgerView};
use crate::model::clock::{after, between};
use crate::model::desired::Desired;
use crate::model::live::Unknown;
use crate::model::policy::StatedGates;
use crate::model::value::Fields;
use crate::model::{Address, Name, ProfileId, Realm, Scope, Secret, Serial};
use crate::plan::before::{self, Standing};
use crate::plan::drift::{self, Drift};
use crate::plan::effect;
use crate::plan::file::{SavedPlan, digest_of};
use crate::plan::gates::{self, InForce, ROLLOUT};
use crate::plan::wishes::Wished;
use crate::plan::{Action, Plan, ServiceAction, Step};
use crate::progress::Progress;
use crate::provider::direct::Asking;

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
    /// The fields that are managed, by address: what the ledger remembers as applied.
    managed: BTreeMap<Address, Fields>,
    /// What is recorded once everything is in force.
    record: Record,
    /// The commit of the documents.
    commit: Option<String>,
}

/// What a run leaves in the ledger once all that it was about is done.
struct Record {
    /// Whose gates hold from now on; `None` for a run that is about a part only.
    gates: Option<StatedGates>,
    /// The plan holds everything that this folder's documents newly wish on its tokens.
    wishes: bool,
}

/// Which of two kinds of changes a run may make by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// What the documents newly wish.
    pub wishes: bool,
    /// What puts back what moved outside.
    pub drift: bool,
}

/// What one look at the services showed.
#[derive(Clone, Debug)]
pub struct Look {
    /// The plan of the documents.
    pub plan: Plan,
    /// What of it moved outside.
    pub drift: Drift,
    /// What was read.
    pub observed: Observed,
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

/// Whether a step rests on what services are the default of.
const fn rests_on_families(action: &Action) -> bool {
    matches!(
        action,
        Action::Service(
            ServiceAction::DropFamilies { .. }
                | ServiceAction::TakeFamilies { .. }
                | ServiceAction::Delete { .. }
        )
    )
}

/// What documents wish, by address: what the ledger remembers as applied.
fn managed(desired: &Desired) -> BTreeMap<Address, Fields> {
    let profiles = desired.profiles.iter();
    profiles
        .flat_map(|(name, profile)| {
            let wished = profile.wished.iter();
            wished.map(move |(token, fields)| (Address::profile(name, token), fields.clone()))
        })
        .collect()
}

/// The documents that wish migrations with a deadline: by the devices that they name, and those that
/// select devices.
fn migrations(desired: &Desired) -> (HashMap<Serial, Name>, Vec<Name>) {
    let routes = || desired.routes.iter().filter(|route| route.move_by.is_some());
    let named =
        routes().flat_map(|route| route.devices.named.iter().map(|one| (one.serial, route.name.clone())));
    let selecting = routes().filter(|route| route.devices.selected.is_some()).map(|route| route.name.clone());
    (named.collect(), selecting.collect())
}

impl Session {
    /// Takes the lock, settles what earlier runs left open, reads the services and plans.
    ///
    /// # Errors
    /// What the ledger says: held by another run, missing, another one (exit 10).
    pub async fn prepare(&self, progress: &dyn Progress) -> Result<Prepared, EngineError> {
        let (writer, run, view, mut observed) = self.take_up(&self.scope, Wants::default(), progress).await?;
        let mut plan = self.build(&observed, &view)?;
        if self.prove_absence(&plan, &mut observed, &view, progress).await {
            plan = self.build(&observed, &view)?;
        }
        let digest = digest_of(&plan);
        let (done, managed, commit) = (BTreeSet::new(), managed(&self.desired), self.commit());
        let record = Record { gates: self.gates_of_the_whole(), wishes: true };
        Ok(Prepared { plan, digest, observed, view, writer, run, done, managed, record, commit })
    }

    /// Reads the services, plans, and tells what moved outside. Nothing is written anywhere.
    ///
    /// # Errors
    /// What the ledger says. Trouble with a service is in the plan, not here.
    pub async fn look(&self, progress: &dyn Progress) -> Result<Look, EngineError> {
        let view = self.view()?;
        let observed = self.observe(&view, &self.scope, progress).await;
        let (view, _) = recovered(&view, &self.scope, &observed, self.clock.now());
        self.judge(observed, &view)
    }

    fn judge(&self, observed: Observed, view: &LedgerView) -> Result<Look, EngineError> {
        let plan = self.build(&observed, view)?;
        let mut drift = drift::drift(&self.input(&observed, view), &plan)?;
        self.gate(&mut drift.plan, &observed, view);
        Ok(Look { plan, drift, observed })
    }

    /// Takes the lock, settles what earlier runs left open, reads, plans, and prepares what may be
    /// done without anybody being asked; `None`: nothing of it.
    ///
    /// # Errors
    /// See [`Session::prepare`].
    pub async fn prepare_allowed(
        &self,
        allowed: Allowed,
        progress: &dyn Progress,
    ) -> Result<(Look, Option<Prepared>), EngineError> {
        let (writer, run, view, mut observed) = self.take_up(&self.scope, Wants::default(), progress).await?;
        let plan = self.build(&observed, &view)?;
        self.prove_absence(&plan, &mut observed, &view, progress).await;
        let look = self.judge(observed, &view)?;
        let mut plan = match allowed {
            Allowed { wishes: true, .. } => look.plan.clone(),
            Allowed { wishes: false, drift: true } if look.drift.plan.has_changes() => {
                look.drift.plan.clone()
            }
            Allowed { wishes: false, .. } => return Ok((look, None)),
        };
        let is_part = !allowed.wishes || (!allowed.drift && look.drift.plan.has_changes());
        if allowed.wishes && is_part {
            drift::without_drift(&mut plan, &look.drift);
            self.gate(&mut plan, &look.observed, &view);
        }
        let managed = match allowed.wishes {
            true => managed(&self.desired),
            false => managed(&drift::as_applied(&self.desired, &view)),
        };
        let gates = self.gates_of_the_whole().filter(|_| !is_part);
        let record = Record { gates, wishes: allowed.wishes };
        let digest = digest_of(&plan);
        let (observed, done, commit) = (look.observed.clone(), BTreeSet::new(), self.commit());
        let prepared = Prepared { plan, digest, observed, view, writer, run, done, managed, record, commit };
        Ok((look, Some(prepared)))
    }

    /// The documents' gates, in a run that is about all of them.
    fn gates_of_the_whole(&self) -> Option<StatedGates> {
        self.scope.is_whole().then(|| StatedGates::of(&self.desired))
    }

    /// Judges the gates of a plan whose steps were chosen among others.
    fn gate(&self, plan: &mut Plan, observed: &Observed, view: &LedgerView) {
        let in_force = InForce::of(&self.desired, view);
        let census = census::census(plan, observed, view, &in_force);
        // What holds a rollout back is what the plan was made of; the figures are counted anew.
        plan.stops.retain(|stop| stop.gate.starts_with(ROLLOUT));
        let counted = gates::evaluate(&plan.steps, &in_force, &census, plan.ledger.is_some());
        plan.stops.splice(0..0, counted);
    }

    /// Takes a saved plan up: checks that it belongs here, is young enough, and that what it rests
    /// on is as it was. One that was made narrowed reads no more than it did then. Steps that are already as wished are no staleness.
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
        // What a step rests on is read, whatever the documents here ask for by now.
        let vpp_tokens = saved.steps.iter().any(|step| step.action.vpp_token().is_some());
        let families = saved.steps.iter().any(|step| rests_on_families(&step.action));
        let wants = Wants { vpp_tokens, families, ..Wants::default() };
        let (writer, run, view, mut observed) = self.take_up(&saved.scope, wants, progress).await?;
        if let (Some(plan), Some(applied)) = (&saved.commit, &view.last_commit)
            && git::is_older(&self.settings.folder, plan, applied)
        {
            return Err(EngineError::OlderThanApplied { plan: plan.clone(), applied: applied.clone() });
        }
        let digest = saved.digest.clone();
        // A plan of another commit says nothing of this folder's documents having been applied: it
        // must not put their gates into force.
        let commit = self.commit();
        let in_force = InForce::of(&self.desired, &view);
        let gates = match (&saved.commit, &commit) {
            (Some(planned), Some(here)) if planned == here => StatedGates::of(&self.desired),
            _ => in_force.merged(),
        };
        let wishes = saved.commit.is_some() && saved.commit == commit;
        let record = Record { gates: Some(gates), wishes };
        let commit = saved.commit.clone().or(commit);
        let mut plan = saved.into_plan();
        self.prove_absence(&plan, &mut observed, &view, progress).await;
        let done = self.standings(&plan, &observed, &view)?;
        refresh_effects(&mut plan, &observed);
        self.gate(&mut plan, &observed, &view);
        let managed = managed(&self.desired);
        Ok(Prepared { plan, digest, observed, view, writer, run, done, managed, record, commit })
    }

    /// Reads all devices of the direct tokens on which a plan takes something away, where only the
    /// changes were read so far. True: it did.
    async fn prove_absence(
        &self,
        plan: &Plan,
        observed: &mut Observed,
        view: &LedgerView,
        progress: &dyn Progress,
    ) -> bool {
        let takes = |step: &&Step| matches!(step.action, Action::Unassign { .. } | Action::DeleteProfile);
        let realms: BTreeSet<Realm> = plan.steps.iter().filter(takes).map(|s| s.connection.clone()).collect();
        let unproven: Vec<Realm> = realms.intersection(&observed.by_changes).cloned().collect();
        let any = !unproven.is_empty();
        self.read_in_full(unproven.into_iter(), observed, view, progress).await;
        any
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
            let with_object = match (&step.object, made.get(&step.address)) {
                (None, Some(id)) => Cow::Owned(Step { object: Some(id.clone()), ..step.clone() }),
                _ => Cow::Borrowed(step),
            };
            let planned_for = plan.tenants.get(&step.connection);
            let Some(standing) = before::standing_in(&with_object, planned_for, &observed.live) else {
                changed.push(format!(
                    "{} ({} is another tenant now)",
                    step.address,
                    step.connection.document()
                ));
                continue;
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
                    let defined = tenant.and_then(|tenant| before::defined_as(step, tenant).ok().flatten());
                    made.extend(defined.map(|profile| (&step.address, profile.id.clone())));
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
        scope: &Scope,
        wants: Wants,
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
            Some((ledger, lease)) => {
                let view = ledger.view(self.clock.now())?;
                match self.follow(ledger, lease, &view, progress).await? {
                    true => ledger.view(self.clock.now())?,
                    false => view,
                }
            }
            None => LedgerView::none(),
        };
        // Services show writes late: what an earlier run lost is looked for only after the horizon.
        let mut concerned = view.clone();
        concerned.unsettled.retain(|intent| scope.holds(intent.address.domain()));
        if let Some(until) = unknown_until(&concerned) {
            let now = self.clock.now();
            if until > now && until <= after(now, self.settings.wait) {
                self.clock.sleep(between(now, until)).await;
            }
        }
        // What is carried out rests on nothing that an earlier run has read.
        let asking = if writer.is_some() { Asking::ToRecord } else { Asking::Spare };
        let asks = Asks { wants, asking, reuse: None };
        let observed = self.observe_with(&view, scope, asks, progress).await;
        let now = self.clock.now();
        let (view, Recovery { settled, events }) = recovered(&view, scope, &observed, now);
        if let Some((ledger, lease)) = &writer
            && !(settled.is_empty() && events.is_empty())
        {
            ledger.settle(lease, now, &settled, &events)?;
        }
        if let Some((ledger, lease)) = &writer
            && !observed.servers.is_empty()
        {
            ledger.append(lease, now, &observed.servers)?;
        }
        Ok((writer, run, view, observed))
    }

    /// Waits for the activities that earlier runs began at Apple. True: some ended.
    async fn follow(
        &self,
        ledger: &Ledger,
        lease: &Lease,
        view: &LedgerView,
        progress: &dyn Progress,
    ) -> Result<bool, EngineError> {
        let services = self.usable_services();
        let tenants = self.desired.organisations.iter();
        let tenants: BTreeMap<Realm, String> = tenants
            .map(|(name, document)| (Realm::Apple(name.clone()), document.client_id.clone()))
            .collect();
        let follower = Follower {
            services: &services,
            tenants: &tenants,
            ledger: (ledger, lease),
            clock: &*self.clock,
            deadline: after(self.clock.now(), self.settings.wait),
            stop: self.stop.clone(),
            progress,
        };
        Ok(follower.follow(view).await?)
    }

    fn usable_services(&self) -> BTreeMap<Realm, Service> {
        let tokens = self
            .services
            .iter()
            .filter_map(|(name, service)| Some((name.clone(), service.as_ref().ok()?.clone())));
        let organisations = self
            .organisations
            .iter()
            .filter_map(|(name, client)| Some((name.clone(), client.as_ref().ok()?.service())));
        tokens.chain(organisations).collect()
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
        let Prepared { plan, digest, observed, view, writer, run, done, managed, record, commit } = prepared;
        let services = self.usable_services();
        let owned: BTreeSet<Address> = view.owned.keys().cloned().collect();
        let (migrations, selecting) = migrations(&self.desired);
        // Of a device that is selected and not named only one document can be meant, or nobody can tell.
        let only_selection = selecting.first().filter(|_| selecting.len() == 1);
        let executor = Executor {
            services: &services,
            ledger: writer.as_ref().map(|(ledger, lease)| (ledger, lease)),
            clock: Arc::clone(&self.clock),
            wait: self.settings.wait,
            managed: &managed,
            owned: &owned,
            cooling: &view.cooling,
            secrets: &|address, reference| self.secret(address, reference),
            migrations: &|serial| migrations.get(serial).or(only_selection).cloned(),
            certificates: &|address| {
                let Settings { folder, allow, .. } = &self.settings;
                written::certificate_of(&self.desired, address, folder, *allow, self.state.tokens_dir())
            },
            progress,
            stop: self.stop.clone(),
        };
        let works = plan.steps.iter().any(|step| !stopped.contains_key(&step.id) && !done.contains(&step.id));
        if let (Some((ledger, lease)), true) = (&writer, works) {
            let started =
                Event::RunStarted { run, commit: commit.clone(), digest: Some(digest), manifests: None };
            ledger.append(lease, self.clock.now(), &[started])?;
        }
        let changed: BTreeSet<Realm> = plan.steps.iter().map(|step| step.connection.clone()).collect();
        let work = executor.run(&plan, observed.live, &stopped, &done);
        let report = self.changing(changed.iter(), work).await?;
        if let Some((ledger, lease)) = &writer {
            let Record { gates, wishes } = record;
            // A part of the fleet that is applied in full says nothing of the whole.
            let complete = gates.is_some() && report.is_complete() && plan.scope.is_whole();
            let mut events = Vec::new();
            if wishes {
                events.extend(self.in_force(&plan, observed.tokens.keys(), &report, &view));
            }
            let news = |gates: &StatedGates| {
                view.gates.as_ref() != Some(&gates.fleet) || view.policies != gates.policies
            };
            if let Some(StatedGates { fleet, policies }) = gates.filter(|gates| complete && news(gates)) {
                events.push(Event::GatesApplied { gates: fleet, policies });
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

    /// The secret that a profile refers to, read when it is to be sent. A simulated service gets a fixed
    /// word: no secret leaves the machine for one.
    fn secret(&self, address: &Address, reference: &str) -> Result<Secret, Unknown> {
        if self.world.addresses().is_some() {
            return Ok(Secret::new(written::SIMULATED.to_owned()));
        }
        let Settings { folder, allow, .. } = &self.settings;
        written::secret_of(&self.desired, address, reference, folder, *allow)
    }

    /// The tokens on which everything is as the documents wish, where the ledger does not know yet.
    fn in_force<'t>(
        &self,
        plan: &Plan,
        tokens: impl Iterator<Item = &'t Name>,
        report: &ApplyReport,
        view: &LedgerView,
    ) -> Vec<Event> {
        let done: BTreeSet<&str> =
            report.steps.iter().filter(|step| step.outcome.is_done()).map(|step| step.id.as_str()).collect();
        let at_rest = drift::come_to_rest(plan, tokens, |step| done.contains(step.id.as_str()));
        let mut wished = Wished::of(&self.desired);
        at_rest
            .into_iter()
            .filter_map(|token| Some((token, wished.on(token)?)))
            .filter(|(token, wishes)| view.in_force.get(*token) != Some(wishes))
            .map(|(token, wishes)| Event::InForce { token: token.clone(), wishes })
            .collect()
    }
}
