//! Applying: the lock, old promises settled, a plan made anew or checked against what is live, and
//! its execution.

mod census;
mod saved;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::acts::{self, Errands};
use super::reading::Asks;
use super::{ActingError, EngineError, Observed, Session, Settings, Wants, recovered, written};
use crate::apply::follow::Follower;
use crate::apply::recover::{Recovery, unknown_until};
use crate::apply::{ActResult, ApplyReport, Executor, Service};
use crate::ledger::{Event, Holder, Lease, Ledger, LedgerView};
use crate::model::clock::{after, between};
use crate::model::desired::Desired;
use crate::model::live::Unknown;
use crate::model::policy::StatedGates;
use crate::model::value::Fields;
use crate::model::{Address, Name, Realm, Scope, Secret, Serial};
use crate::plan::build::apple::locks_to_ask;
use crate::plan::drift::{self, Drift};
use crate::plan::file::digest_of;
use crate::plan::gates::{self, InForce, ROLLOUT};
use crate::plan::wishes::Wished;
use crate::plan::{Action, Plan, PlannedAct, Step};
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
    /// The gates that were opened for this plan.
    overrides: BTreeSet<String>,
    /// Acts are bound and sent, and not only followed.
    acts: bool,
    /// What came of acts of earlier runs, as it was seen in this one.
    told: Vec<ActResult>,
}

/// What a run leaves in the ledger once all that it was about is done.
struct Record {
    /// Whose gates hold from now on; `None` for a run that is about a part only.
    gates: Option<StatedGates>,
    /// The plan holds everything that this folder's documents newly wish on its tokens.
    wishes: bool,
}

/// What a run begins with.
struct TakenUp {
    writer: Option<(Ledger, Lease)>,
    run: Uuid,
    view: LedgerView,
    observed: Observed,
    told: Vec<ActResult>,
}

/// Which of two kinds of changes a run may make by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// What the documents newly wish.
    pub wishes: bool,
    /// What puts back what moved outside.
    pub drift: bool,
    /// Acts on devices. What was sent is followed in any case.
    pub acts: bool,
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
    /// [`EngineError::OtherDigest`]; [`ActingError::NotOpened`] for a gate that no override opens.
    pub fn open_gate(&mut self, gate: &str, digest: &str) -> Result<Readiness, EngineError> {
        self.expect_digest(digest)?;
        // A person, an hour and a commit are not to be had by a flag.
        if ["approval/", "window/"].iter().any(|kind| gate.starts_with(kind))
            || ["descent", "invalid"].contains(&gate)
        {
            return Err(ActingError::NotOpened(gate.to_owned()).into());
        }
        let before = self.plan.stops.len();
        self.plan.stops.retain(|stop| stop.gate != gate || !stop.may_be_overridden());
        self.overrides.insert(gate.to_owned());
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

    /// The acts of which something would be sent: those that no gate stops.
    pub fn open_acts(&self) -> impl Iterator<Item = &PlannedAct> {
        let stopped = self.stopped();
        let sent = self.plan.acts.iter().filter(|act| act.is_sent());
        sent.filter(move |act| !stopped.contains_key(&act.step_id()))
    }

    fn stopped(&self) -> BTreeMap<String, String> {
        let stops = self.plan.stops.iter();
        stops.flat_map(|stop| stop.steps.iter().map(|step| (step.clone(), stop.gate.clone()))).collect()
    }
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
        let TakenUp { writer, run, view, mut observed, told } =
            self.take_up(&self.scope, Wants::default(), progress).await?;
        let mut plan = self.build(&observed, &view)?;
        let locks = match self.organisations.is_empty() {
            true => Vec::new(),
            false => locks_to_ask(&self.input(&observed, &view)),
        };
        if self.ask_locks(&locks, &mut observed).await
            | self.prove_absence(&plan, &mut observed, &view, progress).await
        {
            plan = self.build(&observed, &view)?;
        }
        let mut record = Record { gates: self.gates_of_the_whole(), wishes: true };
        if let Some(only) = &self.only {
            acts::only(&mut plan, only);
            record = Record { gates: None, wishes: false };
        }
        let digest = digest_of(&plan);
        let (done, managed, commit) = (BTreeSet::new(), managed(&self.desired), self.commit());
        let (overrides, acts) = (BTreeSet::new(), true);
        Ok(Prepared {
            plan,
            digest,
            observed,
            view,
            writer,
            run,
            done,
            managed,
            record,
            commit,
            overrides,
            acts,
            told,
        })
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
        let TakenUp { writer, run, view, mut observed, told } =
            self.take_up(&self.scope, Wants::default(), progress).await?;
        let plan = self.build(&observed, &view)?;
        self.prove_absence(&plan, &mut observed, &view, progress).await;
        let look = self.judge(observed, &view)?;
        let has_acts = allowed.acts && !look.plan.acts.is_empty();
        let mut plan = match allowed {
            Allowed { wishes: true, .. } => look.plan.clone(),
            Allowed { wishes: false, drift: true, .. } if !look.drift.plan.steps.is_empty() => {
                Plan { acts: look.plan.acts.clone(), ..look.drift.plan.clone() }
            }
            Allowed { wishes: false, .. } if has_acts => acts::alone(&look.plan),
            Allowed { wishes: false, .. } => return Ok((look, None)),
        };
        if !allowed.acts {
            acts::follow_only(&mut plan);
        }
        let is_part = !allowed.wishes || (!allowed.drift && !look.drift.plan.steps.is_empty());
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
        let (overrides, acts) = (BTreeSet::new(), allowed.acts);
        let prepared = Prepared {
            plan,
            digest,
            observed,
            view,
            writer,
            run,
            done,
            managed,
            record,
            commit,
            overrides,
            acts,
            told,
        };
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
        gates::acts::evaluate(&self.input(observed, view), &in_force, plan);
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

    /// The lock; then, under it, the view with old promises settled by what is read.
    async fn take_up(
        &self,
        scope: &Scope,
        wants: Wants,
        progress: &dyn Progress,
    ) -> Result<TakenUp, EngineError> {
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
        let (mut view, mut told) = (view, Vec::new());
        if let Some((ledger, lease)) = &writer {
            told = self.settle_acts(ledger, lease, &observed).await?;
            view.acts = ledger.view(self.clock.now())?.acts;
        }
        Ok(TakenUp { writer, run, view, observed, told })
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

    pub(super) fn usable_services(&self) -> BTreeMap<Realm, Service> {
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
        let Prepared {
            plan,
            digest,
            observed,
            view,
            writer,
            run,
            done,
            managed,
            record,
            commit,
            overrides,
            acts,
            told,
        } = prepared;
        let deadline = after(self.clock.now(), self.settings.wait);
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
        let Observed { live, tokens, origin, offered, .. } = observed;
        // What a part of the fleet, a commit of the past or another branch was applied for says nothing of where
        // the documents are.
        let is_part = !plan.scope.is_whole()
            || self.only.is_some()
            || acts::is_astray(&origin)
            || commit != origin.commit;
        let sends =
            acts && plan.acts.iter().any(|act| act.is_sent() && !stopped.contains_key(&act.step_id()));
        let works = sends
            || plan.steps.iter().any(|step| !stopped.contains_key(&step.id) && !done.contains(&step.id));
        if let (Some((ledger, lease)), true) = (&writer, works) {
            let (commit, digest) = (commit.clone(), Some(digest));
            let started = Event::RunStarted { run, commit, digest, manifests: None, part: is_part };
            ledger.append(lease, self.clock.now(), &[started])?;
        }
        let changed: BTreeSet<Realm> = plan
            .steps
            .iter()
            .map(|step| step.connection.clone())
            .chain(plan.acts.iter().filter_map(|act| act.connection.clone()))
            .collect();
        // Whose gates come into force, has its acts bound under those before.
        if let (Some((ledger, lease)), true) = (&writer, acts || record.gates.is_some()) {
            let seen = self.bind(&plan, &view, &origin);
            self.write_acts(ledger, lease, &seen)?;
        }
        if let (Some((ledger, lease)), true) = (&writer, acts) {
            let ended = self.ends(&plan, &ledger.view(self.clock.now())?.acts, &origin);
            self.write_acts(ledger, lease, &ended)?;
        }
        let work = executor.run(&plan, live, &stopped, &done);
        let (mut report, live) = self.changing(changed.iter(), work).await?;
        let in_plan = |one: &ActResult| plan.acts.iter().any(|planned| planned.id == one.id);
        report.acts = told.into_iter().filter(|one| !in_plan(one)).collect();
        match &writer {
            Some(writer) => {
                let (plan, stopped, overrides) = (&plan, &stopped, &overrides);
                let (origin, offered) = (&origin, offered.as_slice());
                let errands = Errands { plan, stopped, overrides, origin, offered, deadline };
                let work = self.carry_acts(writer, &services, &live, errands, &mut report, progress);
                self.changing(changed.iter(), work).await?;
            }
            None => report.acts.extend(plan.acts.iter().map(ActResult::of)),
        }
        if let Some((ledger, lease)) = &writer {
            let Record { gates, wishes } = record;
            // A part of the fleet that is applied in full says nothing of the whole.
            let applied = gates.is_some() && report.is_complete() && plan.scope.is_whole();
            // A commit of the past, or of another branch, is not what was applied last from now on: acts
            // would run from it, under its gates.
            let complete = applied && !acts::is_astray(&origin);
            let gates = match gates {
                Some(gates) if complete && self.has_bound_all(&ledger.view(self.clock.now())?.acts) => {
                    Some(gates)
                }
                _ => None,
            };
            let mut events = Vec::new();
            if wishes {
                events.extend(self.in_force(&plan, tokens.keys(), &report, &view));
            }
            let news = |gates: &StatedGates| {
                view.gates.as_ref() != Some(&gates.fleet) || view.policies != gates.policies
            };
            if let Some(StatedGates { fleet, policies }) = gates.filter(news) {
                events.push(Event::GatesApplied { gates: fleet, policies });
            }
            let is_news = (complete && view.last_commit != commit)
                || (!is_part && commit.is_some() && view.newest_commit != commit);
            if works || is_news {
                events.push(Event::RunFinished { run, complete, commit, part: is_part });
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
