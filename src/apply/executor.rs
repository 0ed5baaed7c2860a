//! One attempt at a plan.

pub(super) mod apple;
mod assign;
mod direct;
mod lost;
mod readback;
mod refusals;
mod requests;
mod sync;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::journal::{cooled, intent, object_after};
use super::report::{ApplyReport, ItemCounts, StepOutcome, StepResult};
use crate::ledger::{Cooling, Event, IntentState, Lease, Ledger, LedgerError};
use crate::model::clock::{Clock, Timestamp, after};
use crate::model::live::{Cause, Live, LiveProfile, Unknown};
use crate::model::{Address, Fields, Name, ProfileId, Realm, Secret, Serial, TokenId};
use crate::plan::{Action, Plan, Step};
use crate::progress::Progress;
use crate::provider::{Actuator, Done, Observer, Outcome, Trouble, Write};

/// How many tenants are read at once: one that is slow or throttled holds up its own place only.
pub const SIDE_BY_SIDE: usize = 8;

/// Both halves of a service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Reads.
    pub observer: Observer,
    /// Writes.
    pub actuator: Actuator,
}

/// Carries plans out.
pub struct Executor<'a> {
    /// The services that carry the tokens.
    pub services: &'a BTreeMap<Realm, Service>,
    /// The ledger and the right to write to it; `None` with `--no-ledger`.
    pub ledger: Option<(&'a Ledger, &'a Lease)>,
    /// The clock of the services.
    pub clock: Arc<dyn Clock>,
    /// How long a run waits in all for what is expected.
    pub wait: Duration,
    /// The managed fields by address: what the documents wish.
    pub managed: &'a BTreeMap<Address, Fields>,
    /// The addresses that the ledger owns.
    pub owned: &'a BTreeSet<Address>,
    /// The devices that Apple wanted left in peace, as the ledger has them.
    pub cooling: &'a BTreeMap<TokenId, BTreeMap<Serial, Cooling>>,
    /// Finds the secrets that steps refer to, when they are to be sent and not before.
    pub secrets: &'a Secrets<'a>,
    /// Finds the certificates with which services at Apple are made.
    pub certificates: &'a Certificates<'a>,
    /// The assignment document that wishes a device's migration; `None` where none names it.
    pub migrations: &'a Migrations<'a>,
    /// Hears how far the run is.
    pub progress: &'a dyn Progress,
    /// True once the run shall end: it does so between requests, never within one.
    pub stop: watch::Receiver<bool>,
}

/// Finds the secret that a field of an object refers to: by the object, and the reference as the plan
/// has it (`env NAME`).
pub type Secrets<'a> = dyn Fn(&Address, &str) -> Result<Secret, Unknown> + Sync + 'a;

/// Finds the certificate of a direct token, which the server tokens of its service are encrypted for.
pub type Certificates<'a> = dyn Fn(&Address) -> Result<openssl::x509::X509, Unknown> + Sync + 'a;

/// Finds the assignment document that wishes a device's migration.
pub type Migrations<'a> = dyn Fn(&Serial) -> Option<Name> + Sync + 'a;

/// The state of one attempt.
pub(super) struct Run<'r> {
    exec: &'r Executor<'r>,
    plan: &'r Plan,
    /// The place of each step in the plan, by its id.
    places: HashMap<&'r str, usize>,
    live: Live,
    /// What the plan's updates rest on, by step: reading back may fail and leave the list unknown.
    before: BTreeMap<&'r str, LiveProfile>,
    deadline: Timestamp,
    outcomes: BTreeMap<&'r str, StepOutcome>,
    items: BTreeMap<&'r str, ItemCounts>,
    /// Fields of steps that the service did not take (P-25).
    not_taken: BTreeMap<&'r str, Vec<String>>,
    /// Sent and accepted, not read back yet.
    sent: BTreeSet<&'r str>,
    /// Syncs of others that were waited for, by token: whether they ended.
    followed: BTreeMap<&'r TokenId, bool>,
    /// The run was told to end.
    interrupted: bool,
    /// Looked for in the lists at least once.
    looked: BTreeSet<&'r str>,
    /// Their answers were lost, and the lists show that they had their effect.
    found: Vec<&'r Step>,
    /// The profiles that this run made.
    made: BTreeMap<&'r Address, ProfileId>,
    /// Refusals that may repeat themselves.
    refusals: refusals::Refusals,
    /// What Apple answered about the devices of steps with direct tokens.
    answers: BTreeMap<&'r str, direct::Answers>,
    /// Devices that were to be moved at Apple and are not seen where they should be.
    not_arrived: BTreeSet<Serial>,
    /// Something was put off because a service's budget is used up.
    throttled: bool,
    /// What a person has to do next, by step.
    next: BTreeMap<&'r str, String>,
}

impl Executor<'_> {
    /// Carries `plan` out. `live` is what it was made of, or checked against, and comes back as it was read
    /// last; `stopped` says which steps a gate stops and which gate; steps in `done` are already as wished.
    ///
    /// # Errors
    /// Only where the ledger cannot be written: then nothing more is sent.
    pub async fn run(
        &self,
        plan: &Plan,
        live: Live,
        stopped: &BTreeMap<String, String>,
        done: &BTreeSet<String>,
    ) -> Result<(ApplyReport, Live), LedgerError> {
        let mut run = Run {
            exec: self,
            plan,
            before: profiles_to_update(plan, &live),
            places: plan.steps.iter().enumerate().map(|(at, step)| (step.id.as_str(), at)).collect(),
            live,
            deadline: after(self.clock.now(), self.wait),
            outcomes: BTreeMap::new(),
            items: BTreeMap::new(),
            not_taken: BTreeMap::new(),
            sent: BTreeSet::new(),
            followed: BTreeMap::new(),
            interrupted: false,
            looked: BTreeSet::new(),
            found: Vec::new(),
            made: BTreeMap::new(),
            refusals: refusals::Refusals::default(),
            answers: BTreeMap::new(),
            not_arrived: BTreeSet::new(),
            throttled: false,
            next: BTreeMap::new(),
        };
        // First what has had its time: what this run meets is remembered behind it.
        self.settle(&[], &cooled(plan))?;
        run.all(stopped, done).await?;
        self.settle(&[], &self.bookkeeping(plan))?;
        let live = std::mem::take(&mut run.live);
        Ok((run.report(), live))
    }
}

impl<'r> Run<'r> {
    async fn all(
        &mut self,
        stopped: &BTreeMap<String, String>,
        done: &BTreeSet<String>,
    ) -> Result<(), LedgerError> {
        let total = self.plan.steps.len();
        // Assignments are collected and sent together, as late as order allows.
        let mut queue: Vec<&'r Step> = Vec::new();
        let mut queued: HashSet<&'r str> = HashSet::new();
        // Activities at Apple likewise: they are sent before they are waited for.
        let mut moves: Vec<&'r Step> = Vec::new();
        for (at, step) in self.plan.steps.iter().enumerate() {
            self.exec.progress.step(at, total, &step.id);
            if self.outcomes.contains_key(step.id.as_str()) {
                // It went with an earlier one's activities.
                continue;
            }
            if *self.exec.stop.borrow() {
                self.interrupted = true;
                let reason = "the run was interrupted before it; any later apply goes on".to_owned();
                self.outcomes.insert(&step.id, StepOutcome::Pending { reason, until: None });
                continue;
            }
            if let Some(gate) = stopped.get(&step.id) {
                self.outcomes.insert(&step.id, StepOutcome::Stopped { gate: gate.clone() });
                continue;
            }
            if done.contains(&step.id) {
                self.already_done(step);
                continue;
            }
            if self.is_held_back(step) {
                continue;
            }
            if step.needs.iter().any(|need| queued.contains(need.as_str())) {
                queued.clear();
                self.assign_all(&mut queue).await?;
            }
            if moves.iter().any(|queued| step.needs.contains(&queued.id)) {
                self.activities(&mut moves, stopped, done).await?;
            }
            if !self.needs_are_met(step).await {
                continue;
            }
            match &step.action {
                Action::Assign { after_sync: false, .. } => {
                    queue.push(step);
                    queued.insert(&step.id);
                }
                Action::Assign { after_sync: true, .. } => self.assign_after_sync(step).await?,
                Action::Sync { .. } => self.sync(step).await?,
                Action::Service(action) if action.activity().is_some() => moves.push(step),
                Action::Service(_) => self.change_service(step).await?,
                _ => self.one(step).await?,
            }
        }
        self.assign_all(&mut queue).await?;
        self.activities(&mut moves, stopped, done).await?;
        self.exec.progress.step(total, total, "reading back");
        let all: Vec<&'r str> = self.sent.iter().copied().collect();
        self.read_back(&all).await;
        let mut results = Vec::new();
        for step in std::mem::take(&mut self.found) {
            let note = "found: it had its effect".to_owned();
            let ids = self.unsettled_of(step)?.into_iter();
            results.extend(ids.map(|id| (id, IntentState::Settled, note.clone())));
        }
        self.exec.settle(&results, &[])
    }

    /// Whether earlier refusals of the same document stop a step; its outcome is entered then.
    fn is_held_back(&mut self, step: &'r Step) -> bool {
        let Some(reason) = self.refusals.stop(step) else { return false };
        self.outcomes.insert(&step.id, StepOutcome::HeldBack { reason: reason.to_owned() });
        true
    }

    /// Enters that a step had no effect.
    fn refuse(&mut self, step: &'r Step, error: &Trouble) {
        self.refusals.add(step, error);
        self.outcomes.insert(&step.id, failed(error));
    }

    fn already_done(&mut self, step: &'r Step) {
        self.outcomes.insert(&step.id, StepOutcome::AlreadyAsWished);
        let tenant = self.live.tenants.get(&step.connection);
        let defined = tenant.and_then(|tenant| crate::plan::before::defined_as(step, tenant).ok().flatten());
        self.made.extend(defined.map(|profile| (&step.address, profile.id.clone())));
        if let (Action::CreateProfile { .. }, Some(tenant)) =
            (&step.action, self.live.tenants.get(&step.connection))
            && let Ok(named) = crate::plan::before::named(tenant, step)
            && let [only] = named.as_slice()
        {
            self.made.insert(&step.address, only.id.clone());
        }
    }

    /// Whether everything that a step needs is done; if not, its outcome is entered.
    async fn needs_are_met(&mut self, step: &'r Step) -> bool {
        if !self.exec.services.contains_key(&step.connection) {
            let outcome = StepOutcome::Failed {
                cause: Cause::Manifest,
                reason: format!("no document of this folder describes {}", step.connection.document()),
                next: "apply the plan in the folder that it was made in".to_owned(),
            };
            self.outcomes.insert(&step.id, outcome);
            return false;
        }
        let to_prove = self.to_prove(step);
        if !to_prove.is_empty() {
            self.read_back(&to_prove).await;
        }
        for need in &step.needs {
            // What has to be proven first and does not show is nothing to build upon.
            let to_be_proven = || self.steps(std::iter::once(need.as_str())).any(|needed| needed.prove_first);
            if self.sent.contains(need.as_str()) && !to_be_proven() {
                continue;
            }
            let outcome = match self.outcomes.get(need.as_str()) {
                Some(done) if done.is_done() => continue,
                // Those that arrived at Apple go on, and the others follow with a later run.
                Some(_) if self.goes_on_after(step, need) => continue,
                // What is not seen to be where it should be is nothing to build upon, and no failure.
                Some(StepOutcome::Unconfirmed { reason } | StepOutcome::Unknown { reason, until: _ })
                    if self.plan.step(need).is_some_and(apple::is_activity) =>
                {
                    StepOutcome::Pending { reason: reason.clone(), until: None }
                }
                Some(StepOutcome::Pending { reason, until }) => {
                    StepOutcome::Pending { reason: reason.clone(), until: *until }
                }
                // A profile goes nowhere before it can be given; a sync that is not seen to end
                // leaves its serials waiting.
                Some(StepOutcome::Unconfirmed { reason })
                    if matches!(step.action, Action::Assign { after_sync: true, .. }) =>
                {
                    StepOutcome::Pending { reason: reason.clone(), until: None }
                }
                _ => StepOutcome::Skipped { needs: need.clone() },
            };
            self.outcomes.insert(&step.id, outcome);
            return false;
        }
        true
    }

    /// Whether a sync or an assignment begins although not all devices of the move before it arrived.
    fn goes_on_after(&self, step: &Step, need: &str) -> bool {
        let follows = matches!(step.action, Action::Sync { .. } | Action::Assign { .. });
        let is_move = self.plan.step(need).is_some_and(apple::is_activity);
        follows && is_move && self.items.get(need).is_some_and(|items| items.committed > 0)
    }

    /// The steps with these ids.
    fn steps<'i>(&self, ids: impl Iterator<Item = &'i str>) -> impl Iterator<Item = &'r Step> {
        let plan = self.plan;
        ids.filter_map(|id| self.places.get(id)).map(move |at| &plan.steps[*at])
    }

    /// The profile of a step, made by this run or known before.
    fn object(&self, step: &Step) -> Option<ProfileId> {
        // What this run made is what the devices are to get, whatever it takes the place of.
        self.made.get(&step.address).or(step.object.as_ref()).cloned()
    }

    fn tenant_of(&self, step: &Step) -> String {
        self.plan.tenants.get(&step.connection).cloned().unwrap_or_default()
    }

    /// Sends one step: intent, request, outcome. A create or deletion whose answer is lost is
    /// looked up after the horizon, if the wait allows; one that had no effect is sent once more.
    async fn one(&mut self, step: &'r Step) -> Result<(), LedgerError> {
        if let Action::Unassign { serials } = &step.action {
            return self.by_device(step, serials, Vec::new()).await;
        }
        let Some(service) = self.exec.services.get(&step.connection) else { return Ok(()) };
        for attempt in 0..2 {
            let write = match self.write_of(step) {
                Ok(write) => write,
                Err(outcome) => {
                    self.outcomes.insert(&step.id, outcome);
                    return Ok(());
                }
            };
            let outcome = self.send(step, service, &write).await?;
            match outcome {
                Outcome::Done(done) => return self.done(step, &done).await,
                Outcome::Refused(error) | Outcome::NotSent(error) => {
                    self.refuse(step, &error);
                    return Ok(());
                }
                Outcome::Lost(error) => {
                    if !self.look_up_lost(step, &error, attempt == 0).await? {
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Sends a request between its intent and its outcome. The outcome of a lost answer stays open
    /// as unknown; the caller settles it.
    async fn send(
        &mut self,
        step: &'r Step,
        service: &Service,
        write: &Write,
    ) -> Result<Outcome, LedgerError> {
        let tenant = self.tenant_of(step);
        let ids = self.exec.intend(&[intent(step, &tenant, self.object(step))])?;
        let outcome = service.actuator.write(write).await;
        let (state, note, events) = match &outcome {
            Outcome::Done(done) => {
                let object = object_after(step, done);
                let mut events = self.exec.facts(step, &tenant, object.as_ref());
                events.extend(self.exec.facts_of_service(step, &tenant, done.service.as_ref()));
                // Those that have not arrived at Apple need a sync of their own once they have.
                for event in &mut events {
                    if let Event::SyncAsked { serials, .. } = event {
                        serials.retain(|serial| !self.not_arrived.contains(serial));
                    }
                }
                (IntentState::Committed, String::new(), events)
            }
            Outcome::Refused(error) | Outcome::NotSent(error) => {
                (IntentState::Failed, error.to_string(), Vec::new())
            }
            Outcome::Lost(error) => (IntentState::Unknown, error.to_string(), Vec::new()),
        };
        let results: Vec<_> = ids.into_iter().map(|id| (id, state, note.clone())).collect();
        self.exec.settle(&results, &events)?;
        Ok(outcome)
    }

    async fn done(&mut self, step: &'r Step, done: &Done) -> Result<(), LedgerError> {
        match (&step.action, object_after(step, done)) {
            (Action::CreateProfile { .. }, Some(object)) => drop(self.made.insert(&step.address, object)),
            (Action::Define { fields, .. }, Some(object)) => {
                self.made.insert(&step.address, object.clone());
                let outcome = self.look_at_defined(step, &object, fields).await;
                self.outcomes.insert(&step.id, outcome);
                return Ok(());
            }
            _ => {}
        }
        self.sent.insert(&step.id);
        Ok(())
    }

    /// Sleeps until an instant, unless that lies beyond the wait allowed. False: it does.
    async fn sleep_until(&self, until: Timestamp) -> bool {
        self.patience().sleep_until(until).await
    }

    fn report(mut self) -> ApplyReport {
        let waiting: usize = self.plan.waiting.iter().map(|waiting| waiting.serials.len()).sum();
        let arrived: usize = self
            .plan
            .steps
            .iter()
            .filter(|step| matches!(step.action, Action::Assign { after_sync: true, .. }))
            .filter_map(|step| self.items.get(step.id.as_str()))
            .map(|items| items.committed)
            .sum();
        let steps = self
            .plan
            .steps
            .iter()
            .map(|step| StepResult {
                id: step.id.clone(),
                token: step.address.domain().clone(),
                outcome: self.outcomes.remove(step.id.as_str()).unwrap_or_else(|| StepOutcome::Unconfirmed {
                    reason: "it was sent and not read back".to_owned(),
                }),
                items: self.items.remove(step.id.as_str()),
                not_taken: self.not_taken.remove(step.id.as_str()).unwrap_or_default(),
                next: self.next.remove(step.id.as_str()),
            })
            .collect();
        ApplyReport {
            steps,
            blocked: self.plan.blocked.clone(),
            stops: self.plan.stops.clone(),
            adopted: self.plan.adopted.len(),
            interrupted: self.interrupted,
            throttled: self.throttled,
            waiting: waiting.saturating_sub(arrived),
            ..ApplyReport::default()
        }
    }
}

fn failed(error: &Trouble) -> StepOutcome {
    StepOutcome::Failed { cause: error.cause, reason: error.to_string(), next: error.next.clone() }
}

/// What a step comes to whose object nobody knows the id of.
fn without_object(step: &Step) -> StepOutcome {
    StepOutcome::Failed {
        cause: Cause::LostAnswer,
        reason: format!("the id of {} is not known, so nothing was sent", step.address),
        next: "run it again: the object is looked up first".to_owned(),
    }
}

/// The profiles that a plan updates, as they were read.
fn profiles_to_update<'p>(plan: &'p Plan, live: &Live) -> BTreeMap<&'p str, LiveProfile> {
    let updates = plan.steps.iter().filter(|step| matches!(step.action, Action::UpdateProfile { .. }));
    updates
        .filter_map(|step| {
            let tenant = live.tenants.get(&step.connection)?;
            let profile = crate::plan::before::profile(tenant, step).ok().flatten()?;
            Some((step.id.as_str(), profile.clone()))
        })
        .collect()
}
