//! What acts on devices need beside the plan of objects: where the documents come from, the records of the
//! devices, the approvals, and what is written before and after (design section 5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};

use super::reading::Asks;
use super::{EngineError, Observed, Session, Wants, git};
use crate::acts::{ActBook, ActEvent, Leg, Rule, evidence};
use crate::apply::acts::{Carried, Courier, Ground, Lookout, Vault, settle_dead};
use crate::apply::report::EscrowReport;
use crate::apply::{ActResult, ApplyReport, SIDE_BY_SIDE, Service};
use crate::approval::{Found, folder};
use crate::cache::Codeless;
use crate::diag::Severity;
use crate::escrow::Recipients;
use crate::ledger::{Event, Lease, Ledger, LedgerView};
use crate::manifest::secrets;
use crate::model::act::{ActionResult, RecordId, Records};
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, DeviceAction, Gates};
use crate::model::live::{Cause, Fact, Live, SeenLock, Unknown};
use crate::model::policy::{Policy, StatedGates};
use crate::model::{ActId, ActionKind, Name, Realm, Scope, Secret, SecretRef, Serial};
use crate::plan::build::acts::asked;
use crate::plan::{ActNext, Descent, Origin, Plan};
use crate::progress::Progress;
use crate::provider::Observer;

/// What was read for acts.
#[derive(Debug, Default)]
pub(super) struct ReadActs {
    pub records: BTreeMap<Realm, Fact<Records>>,
    pub audits: BTreeMap<Realm, Fact<BTreeMap<RecordId, Vec<ActionResult>>>>,
}

/// Names and mail addresses: of who wrote what was not applied in full yet, and of who wrote each act's document.
type WhoWrote = (Vec<String>, BTreeMap<Name, Vec<String>>);

/// How many locks are asked for before devices are moved: the calls of a minute.
const MOST_LOCKS: usize = 20;

/// The PIN that a simulated Mac gets: no secret leaves the machine for one.
const SIMULATED_PIN: &str = "271828";

impl Session {
    /// Where the documents come from, as far as acts ask: they run only from the last applied commit or a
    /// descendant of it, and nobody approves what is their own.
    ///
    /// *The newest commit* is the one that is checked out, with whatever lies in the folder beside it; where
    /// git has fetched a newer one of the same branch, that is the newest, and its documents were not read.
    pub fn origin(&self, view: &LedgerView) -> Origin {
        let asks_people = self.asks_people(view);
        let matters = !self.desired.actions.is_empty() || view.acts.open().next().is_some() || asks_people;
        // Whatever a folder holds: what a commit of the past leaves behind is not what was applied last.
        if !matters && view.last_commit.is_none() && view.newest_commit.is_none() {
            return Origin { commit: self.commit(), ..Origin::default() };
        }
        let commit = self.commit();
        let descent = self.descent(commit.as_deref(), view);
        if !matters {
            return Origin { commit, descent, ..Origin::default() };
        }
        let invalid = self.invalid(commit.as_deref());
        let origin = Origin { commit, descent, invalid, ..Origin::default() };
        if !asks_people {
            return origin;
        }
        match self.authors(origin.commit.as_deref(), view) {
            Ok((authors, authors_of)) => Origin { authors, authors_of, ..origin },
            Err(why) => Origin { unattributed: Some(why), ..origin },
        }
    }

    /// Whether anything may ask for an approval: this folder, what was applied, or what was applied when an act was
    /// seen first.
    fn asks_people(&self, view: &LedgerView) -> bool {
        let asks = |fleet: &Gates, policies: &[Policy]| {
            fleet.approvals.is_some() || policies.iter().any(|one| one.gates.approvals.is_some())
        };
        let StatedGates { fleet, policies } = StatedGates::of(&self.desired);
        asks(&fleet, &policies)
            || view.gates.as_ref().is_some_and(|fleet| asks(fleet, &view.policies))
            || view.gates_of_acts.values().any(|(fleet, policies)| asks(fleet, policies))
    }

    /// How the folder's commit stands to what was applied: to the last commit that was applied in full, and to the
    /// last one that an apply began with.
    fn descent(&self, commit: Option<&str>, view: &LedgerView) -> Descent {
        let folder = &self.settings.folder;
        let in_git = git::is_in_git(folder);
        if let (true, Err(why)) = (in_git, git::answers(folder)) {
            return Descent::Unknown { why };
        }
        let applied: BTreeSet<&String> = view.last_commit.iter().chain(&view.newest_commit).collect();
        let Some(any) = applied.first() else {
            return if in_git { Descent::First } else { Descent::Outside };
        };
        let Some(head) = commit else {
            // Under `--sim` a folder outside git counts as one commit.
            if self.settings.world.is_simulated() && !in_git {
                return Descent::Outside;
            }
            let why = format!(
                "commit {} was applied last, and the folder's own cannot be told (is it in git, and is git installed?)",
                git::short(any)
            );
            return Descent::Unknown { why };
        };
        let stands = |applied: &String| match git::kinship(folder, head, applied) {
            Ok(git::Kinship::Same | git::Kinship::Newer) => Descent::Forward,
            Ok(git::Kinship::Older) => Descent::Older { applied: applied.clone() },
            Ok(git::Kinship::Strangers) => Descent::Elsewhere { applied: applied.clone() },
            Err(why) => Descent::Unknown { why },
        };
        let astray = applied.into_iter().map(stands).find(|descent| *descent != Descent::Forward);
        astray.unwrap_or(Descent::Forward)
    }

    /// Why the newest commit cannot be acted upon.
    fn invalid(&self, head: Option<&str>) -> Option<String> {
        if let Some(why) = &self.distrusted {
            return Some(format!("there are newer documents: {why}"));
        }
        if let Some(refusal) = self.findings.iter().find(|one| one.severity == Severity::Refuse) {
            return Some(format!("the documents do not validate: {} [{}]", refusal.message, refusal.code));
        }
        let head = head?;
        let newer = git::newer_upstream(&self.settings.folder, head)?;
        Some(format!(
            "commit {} was fetched and is not checked out: its documents were not read",
            git::short(&newer)
        ))
    }

    /// Who wrote what was not applied in full yet, and the documents of the acts that are open.
    fn authors(&self, head: Option<&str>, view: &LedgerView) -> Result<WhoWrote, String> {
        let folder = &self.settings.folder;
        if !git::is_in_git(folder) {
            return match self.settings.world.is_simulated() {
                true => Ok(WhoWrote::default()),
                false => Err("the folder is not in git".to_owned()),
            };
        }
        git::tells_authors(folder)?;
        let Some(head) = head else {
            return Err("nothing of the folder is committed yet".to_owned());
        };
        let authors = git::people_since(folder, view.last_commit.as_deref(), head)?;
        let is_open = |action: &&DeviceAction| {
            let ended = |id: ActId| view.acts.act(&id).is_some_and(|act| act.state.has_ended());
            action.devices.is_empty() || !action.acts().all(ended)
        };
        let mut of = BTreeMap::new();
        for action in self.desired.actions.values().filter(is_open) {
            let mut words = vec![action.name.to_string()];
            words.extend(action.devices.iter().map(|one| one.serial.to_string()));
            let file = std::path::Path::new(&*action.places.document.file);
            of.insert(action.name.clone(), git::people_of_file(folder, file, &words)?);
        }
        Ok((authors, of))
    }

    /// The approvals that lie in the folder.
    pub(super) fn offered(&self) -> Vec<Found> {
        match self.desired.actions.is_empty() && self.desired.fleet.gates.approvals.is_none() {
            true => Vec::new(),
            false => folder::read(&self.settings.folder),
        }
    }

    /// What acts need of the services, added to what a run asks for.
    pub(super) fn with_acts(&self, view: &LedgerView, scope: &Scope, mut asks: Asks) -> Asks {
        if !scope.is_whole() {
            return asks;
        }
        let early = self.desired.fleet.escrow.as_ref().is_some_and(|escrow| escrow.on_enrollment);
        let reads = asked(&self.desired, view, scope);
        let wants = &mut asks.wants;
        wants.records |= early || !reads.records.is_empty();
        wants.devices |= reads.organisations;
        // Who asks for all locks asks for these, too.
        let asks_for_all = |wants: &Wants| wants.lock_calls > 0 && wants.locks.is_empty();
        if !reads.locks.is_empty() && !asks_for_all(wants) && !asks_for_all(&self.wants) {
            let calls = u32::try_from(reads.locks.len()).unwrap_or(u32::MAX);
            wants.lock_calls = wants.lock_calls.max(self.wants.lock_calls).saturating_add(calls);
            wants.locks.extend(reads.locks);
        }
        asks
    }

    /// Asks Apple for the Activation Lock of devices that a plan moves, as far as that takes no longer than
    /// a minute. True: something was told.
    pub(super) async fn ask_locks(&self, serials: &[Serial], observed: &mut Observed) -> bool {
        let mut any = false;
        for serial in serials.iter().take(MOST_LOCKS) {
            for (realm, client) in &self.organisations {
                let (Some(name), Ok(client)) = (realm.organisation(), client) else { continue };
                let devices = observed.live.organisations.get(name).and_then(|live| live.devices.known());
                if devices.is_none_or(|devices| devices.find(serial).is_none()) {
                    continue;
                }
                if let Fact::Known(lock) = client.observer.fresh_lock(serial).await {
                    let seen = SeenLock { lock: Fact::Known(lock.lock()), at: lock.read() };
                    observed.live.locks.insert(*serial, seen);
                    any = true;
                }
            }
        }
        any
    }

    /// Reads the records of all Intune tenants, each once, and what they remember of actions where an act under
    /// way lost its record or has no result.
    pub(super) async fn observe_acts(&self, view: &LedgerView, asks: &Asks) -> ReadActs {
        let mut read = ReadActs::default();
        if !(self.wants.records || asks.wants.records) {
            return read;
        }
        let tenants: Vec<_> = self
            .services
            .iter()
            .filter(|(realm, _)| matches!(realm, Realm::Mdm(_)))
            .map(|(realm, service)| async move {
                let graph = match service {
                    Ok(service) => match &service.observer {
                        Observer::Graph(graph) => graph,
                        Observer::Direct(_) | Observer::Apple(_) => return None,
                    },
                    Err(unknown) => return Some((realm, Fact::Unknown(unknown.clone()), None)),
                };
                let records = graph.records().await;
                let since = records.known().and_then(|records| self.unexplained(realm, view, records));
                let audits = match since {
                    Some(since) => Some(graph.audits(since).await),
                    None => None,
                };
                Some((realm, records, audits))
            })
            .collect();
        let mut all = stream::iter(tenants).buffer_unordered(SIDE_BY_SIDE);
        while let Some(one) = all.next().await {
            let Some((realm, records, audits)) = one else { continue };
            read.records.insert(realm.clone(), records);
            read.audits.extend(audits.map(|audits| (realm.clone(), audits)));
        }
        read
    }

    /// Since when a tenant has to be asked what it remembers: the oldest request under way that the records
    /// say nothing of.
    fn unexplained(&self, realm: &Realm, view: &LedgerView, records: &Records) -> Option<Timestamp> {
        let tenant = self.tenants().remove(realm)?;
        let open = view.acts.acts().filter(|(_, act)| act.state.is_under_way());
        let silent = open.filter_map(|(id, act)| {
            let promise = act.promises.last().filter(|one| one.tenant.eq_ignore_ascii_case(&tenant))?;
            // The first checkpoint of a hand-over sent nothing, and what has ended is explained.
            let is_sent = evidence::kind_of(view.acts.kind(id)?, promise.leg) != ActionKind::HandOver;
            if !is_sent || promise.state.has_ended() {
                return None;
            }
            let record = records.of(&id.serial).find(|record| record.id == promise.epoch.record);
            let tells = record.is_some_and(|record| {
                record.results.iter().any(|result| result.started.is_some_and(|at| at >= promise.at))
            });
            (!tells).then_some(promise.at)
        });
        silent.min()
    }

    /// The tenant of each connection, as its document spells it.
    pub(super) fn tenants(&self) -> BTreeMap<Realm, String> {
        let mdms = self.desired.connections.iter();
        let organisations = self.desired.organisations.iter();
        mdms.map(|(name, document)| (Realm::Mdm(name.clone()), document.tenant_id.clone()))
            .chain(organisations.map(|(name, one)| (Realm::Apple(name.clone()), one.client_id.clone())))
            .collect()
    }

    /// To whom each tenant's secrets are sealed: its connection's recipients take the place of the Fleet's.
    pub(super) fn vault(&self) -> Vault {
        let fleet = self.desired.fleet.escrow.as_ref().map(|escrow| escrow.recipients.as_slice());
        let of = self.desired.connections.iter().filter_map(|(name, connection)| {
            let named = connection.escrow.as_deref().or(fleet)?;
            let recipients = Recipients::of(named).map_err(|errors| {
                let all: Vec<String> = errors.iter().map(ToString::to_string).collect();
                all.join("; ")
            });
            Some((Realm::Mdm(name.clone()), recipients))
        });
        Vault::new(of.collect())
    }

    /// The secret that an act's document refers to. A simulated Mac gets a fixed one.
    pub(super) fn pin(&self, action: &Name, reference: &SecretRef) -> Result<Secret, Unknown> {
        if self.world.addresses().is_some() {
            return Ok(Secret::new(SIMULATED_PIN.to_owned()));
        }
        secrets::resolve(reference, &self.settings.folder, self.settings.allow).map_err(|error| Unknown {
            cause: Cause::Credentials,
            reason: format!("DeviceAction/{action}: options.pin ({reference}) cannot be had: {error}"),
            next: "give the runner the secret that the document refers to".to_owned(),
        })
    }

    /// Settles what dead runs left, and writes what the lists tell of acts under way. Returns what came of those
    /// that moved.
    pub(super) async fn settle_acts(
        &self,
        ledger: &Ledger,
        lease: &Lease,
        observed: &Observed,
    ) -> Result<Vec<ActResult>, EngineError> {
        let before = ledger.view(self.clock.now())?.acts;
        let dead = settle_dead(&before);
        self.write_acts(ledger, lease, &dead)?;
        let services = self.usable_services();
        let (tenants, vault) = (self.tenants(), self.vault());
        let lookout = Lookout {
            services: &services,
            desired: &self.desired,
            tenants: &tenants,
            vault: &vault,
            clock: &*self.clock,
        };
        let book = ledger.view(self.clock.now())?.acts;
        let told = lookout.look(&book, &observed.live).await;
        drop(book);
        self.write_acts(ledger, lease, &told)?;
        if dead.is_empty() && told.is_empty() {
            return Ok(Vec::new());
        }
        Ok(moved(&before, &ledger.view(self.clock.now())?.acts))
    }

    /// Carries out the acts of a run after its steps, and seals codes early.
    pub(super) async fn carry_acts(
        &self,
        (ledger, lease): &(Ledger, Lease),
        services: &BTreeMap<Realm, Service>,
        live: &Live,
        errands: Errands<'_>,
        report: &mut ApplyReport,
        progress: &dyn Progress,
    ) -> Result<(), EngineError> {
        let Errands { plan, stopped, overrides, origin, offered, deadline } = errands;
        let (tenants, vault) = (self.tenants(), self.vault());
        let pins = |action: &Name, reference: &SecretRef| self.pin(action, reference);
        let courier = Courier {
            services,
            ledger: (ledger, lease),
            ground: Ground {
                desired: &self.desired,
                live,
                findings: &self.findings,
                scope: &self.scope,
                origin,
                offered,
            },
            tenants: &tenants,
            vault: &vault,
            pins: &pins,
            overrides,
            clock: Arc::clone(&self.clock),
            deadline,
            stop: self.stop.clone(),
            progress,
        };
        let done: BTreeSet<&str> =
            report.steps.iter().filter(|step| step.outcome.is_done()).map(|step| step.id.as_str()).collect();
        let Carried { results, interrupted } = courier.carry_out(plan, stopped, &done).await?;
        report.acts.extend(results);
        report.interrupted |= interrupted;
        if self.scope.is_whole() && self.only.is_none() && !report.interrupted {
            report.escrow = self.seal_early(&courier).await?;
        }
        Ok(())
    }

    /// Seals codes of devices that enrolled. That a device shows none is remembered for a day, in the cache:
    /// losing it costs a call.
    async fn seal_early(&self, courier: &Courier<'_>) -> Result<Option<EscrowReport>, EngineError> {
        if !self.desired.fleet.escrow.as_ref().is_some_and(|escrow| escrow.on_enrollment) {
            return Ok(None);
        }
        let now = self.clock.now();
        let mut asked = Codeless::load(&self.state.devices_dir(), now);
        let early = courier.seal_early(&asked.epochs()).await?;
        asked.extend(&early.null, now);
        // What is lost is asked again.
        let _ = asked.save(&self.state.devices_dir());
        let (failed, why) = early.failed.map_or((0, None), |(count, why)| (count, Some(why)));
        Ok(Some(EscrowReport { sealed: early.sealed, none: early.null.len(), failed, why }))
    }

    pub(super) fn write_acts(
        &self,
        ledger: &Ledger,
        lease: &Lease,
        events: &[ActEvent],
    ) -> Result<(), EngineError> {
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<Event> = events.iter().cloned().map(Event::Act).collect();
        Ok(ledger.append(lease, self.clock.now(), &events)?)
    }

    /// Whether every act that the documents ask for is bound: only then may this folder's gates be those in force,
    /// since no commit loosens what holds for its own acts. A selection that picks nobody yet asks for none.
    pub(super) fn has_bound_all(&self, book: &ActBook) -> bool {
        let asks = |action: &&DeviceAction| action.selected.is_none() || !action.devices.is_empty();
        self.desired.actions.values().filter(asks).all(|action| book.action(&action.name).is_some())
    }

    /// Binds documents that are seen for the first time. A run that is about one document alone binds that one.
    pub(super) fn bind(&self, plan: &Plan, view: &LedgerView, origin: &Origin) -> Vec<ActEvent> {
        if !may_act(origin) || !self.scope.is_whole() {
            return Vec::new();
        }
        let mut events = Vec::new();
        for (name, action) in &self.desired.actions {
            if view.acts.action(name).is_some() || self.only.as_ref().is_some_and(|only| only != name) {
                continue;
            }
            let mut serials: BTreeSet<Serial> = action.devices.iter().map(|one| one.serial).collect();
            if action.selected.is_some() {
                serials
                    .extend(plan.acts.iter().filter(|act| act.id.action == *name).map(|act| act.id.serial));
            }
            if serials.is_empty() {
                continue;
            }
            events.push(ActEvent::bound(action, serials, origin.commit.clone(), view.gates_row));
        }
        events
    }

    /// The ends that a plan tells of acts: what was removed before it was sent, what came too late, what another
    /// life of the device overtook. A run that is about one document alone writes those of that one.
    pub(super) fn ends(&self, plan: &Plan, book: &ActBook, origin: &Origin) -> Vec<ActEvent> {
        let mut events = Vec::new();
        for planned in &plan.acts {
            let ActNext::End { state, why } = &planned.next else { continue };
            let may = may_act(origin) && self.scope.is_whole();
            if !may || !book.may_become(&planned.id, *state) {
                continue;
            }
            events.push(ActEvent::Moved {
                act: planned.id.clone(),
                leg: Leg::Whole,
                to: *state,
                evidence: why.clone(),
                approval: None,
            });
        }
        events
    }

    /// Reads the records of all Intune tenants, one list each.
    pub async fn records(&self) -> Result<BTreeMap<Realm, Fact<Records>>, EngineError> {
        let mut asks = Asks::default();
        asks.wants.records = true;
        let view = self.view()?;
        Ok(self.observe_acts(&view, &asks).await.records)
    }
}

/// Whether a folder is not on the way of what was applied last: older, another branch, or git cannot tell.
pub(super) fn is_astray(origin: &Origin) -> bool {
    let astray =
        matches!(origin.descent, Descent::Older { .. } | Descent::Elsewhere { .. } | Descent::Unknown { .. });
    Rule::Descent.stops(astray)
}

/// Whether acts may be bound, cancelled and sent at all.
pub(super) fn may_act(origin: &Origin) -> bool {
    !is_astray(origin) && !Rule::Validity.stops(origin.invalid.is_some())
}

/// What came of the acts that stand elsewhere than before.
fn moved(before: &ActBook, after: &ActBook) -> Vec<ActResult> {
    let all = after.acts().filter_map(|(id, now)| {
        let was = before.act(id)?.state;
        let kind = after.kind(id)?;
        (was != now.state).then(|| ActResult::told(id, kind, (was, now.state), &now.evidence))
    });
    all.collect()
}

/// Leaves of a plan what one document asks for.
pub(super) fn only(plan: &mut Plan, action: &Name) {
    plan.acts.retain(|act| act.id.action == *action);
    let kept: BTreeSet<String> = plan.acts.iter().map(crate::plan::PlannedAct::step_id).collect();
    plan.steps.clear();
    plan.stops.retain(|stop| stop.steps.iter().any(|step| kept.contains(step)));
    plan.blocked.clear();
    plan.adopted.clear();
    plan.bookkeeping.clear();
    plan.waiting.clear();
}

/// A plan of nothing but its acts.
pub(super) fn alone(plan: &Plan) -> Plan {
    Plan {
        ledger: plan.ledger,
        scope: plan.scope.clone(),
        tenants: plan.tenants.clone(),
        acts: plan.acts.clone(),
        stops: plan.stops.clone(),
        ..Plan::default()
    }
}

/// Takes out of a plan whatever it would send for acts: they are followed.
pub(super) fn follow_only(plan: &mut Plan) {
    for act in plan.acts.iter_mut().filter(|act| act.is_sent() || matches!(act.next, ActNext::End { .. })) {
        let why = "the daemon sends no acts (`watch.actions` is off): `espalier apply` does".to_owned();
        act.next = ActNext::Wait { why, until: None };
    }
}

/// Puts the acts of a plan that was looked at into their present place: what would be sent now has to have been
/// in it, and what would have been sent is to be for the same life of the device and with the same content.
///
/// # Errors
/// [`EngineError::Stale`] where an act of it is another one by now.
pub(super) fn as_looked_at(plan: &mut Plan, now: Plan) -> Result<(), EngineError> {
    let mut looked_at: BTreeMap<ActId, String> = BTreeMap::new();
    for act in plan.acts.iter().filter(|act| act.is_sent()) {
        looked_at.insert(act.id.clone(), act.digest.clone());
    }
    let mut changed = Vec::new();
    plan.acts = now.acts;
    for act in &mut plan.acts {
        match looked_at.get(&act.id) {
            Some(digest) if *digest == act.digest => {}
            Some(_) => changed.push(act.id.to_string()),
            None if !act.is_sent() => {}
            None => {
                let why = "it is not in the plan that was looked at: plan again".to_owned();
                act.next = ActNext::Wait { why, until: None };
            }
        }
    }
    let is_act = |id: &String| plan.acts.iter().any(|act| act.step_id() == *id);
    plan.stops.retain(|stop| !stop.steps.iter().any(is_act));
    let of_acts = now.stops.into_iter().filter(|stop| stop.steps.iter().any(is_act));
    plan.stops.extend(of_acts.collect::<Vec<_>>());
    if changed.is_empty() { Ok(()) } else { Err(EngineError::Stale(changed)) }
}

/// The acts of a run, and what they rest on.
pub(super) struct Errands<'a> {
    pub plan: &'a Plan,
    pub stopped: &'a BTreeMap<String, String>,
    pub overrides: &'a BTreeSet<String>,
    pub origin: &'a Origin,
    pub offered: &'a [Found],
    /// Until when the run waits in all.
    pub deadline: Timestamp,
}

/// The instants between which a folder's acts were asked for: the world's clock starts at the later one, a
/// simulator's ledger is born before the earlier one.
pub(super) fn requested(desired: &Desired) -> Option<(Timestamp, Timestamp)> {
    let all = || desired.actions.values().map(|action| action.content.requested_at);
    Some((all().min()?, all().max()?))
}
