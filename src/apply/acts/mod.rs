//! Acts on devices, one after the other: read again, guarded, checked, promised, sent, followed.
//!
//! ```text
//! PlannedAct ─ code, lock ─ fresh record ─ Safeguard ─ Standing ─ acts::clear ─> Cleared
//!     Cleared ── Ledger::promise ──> Permit ── Actuator::act ──> ActAnswer ──> Moved ──> followed
//! ```
//!
//! Key invariants: what is sent rests on a record that was read after everything else that can wait; nothing
//! is sent before its promise is durable; between the promise and the answer nothing else happens. Where the
//! ledger refuses a write, nothing more is sent at all. Between two acts a run ends when it is told to, when
//! its lease is lost, when windows close and time is over.

mod answers;
mod early;
mod elsewhere;
mod escrow;
mod following;
mod hand_over;

mod release;
mod request;
mod result;
mod sending;
mod vault;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Service;
use crate::acts::{ActEvent, ActState, Hold, Leg, Standing};
use crate::approval::Found;
use crate::diag::Diagnostics;
use crate::ledger::{Event, Lease, Ledger, LedgerError, LedgerView};
use crate::model::act::{ActContent, Record, Records};
use crate::model::clock::{Clock, Timestamp};
use crate::model::desired::Desired;
use crate::model::live::{Cause, Fact, Live, Unknown};
use crate::model::{ActId, Epoch, Name, Realm, Scope, Secret, SecretRef, Serial};
use crate::plan::build::Input;
use crate::plan::gates;
use crate::plan::{ActNext, Origin, Plan, PlannedAct};
use crate::progress::Progress;
use crate::provider::graph::GraphObserver;
use crate::provider::{AppleObserver, Observer};

pub use early::{EARLY_AT_ONCE, Early};
pub use following::{Lookout, settle_dead};
pub use result::{ActResult, ActStop, ActWait};
pub use vault::Vault;

/// How long a request may wait for its turn after all was checked.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// What plans are made of, but for the ledger and the time, which are asked anew before each act.
#[derive(Clone, Copy)]
pub struct Ground<'a> {
    /// The documents.
    pub desired: &'a Desired,
    /// What was read in this run.
    pub live: &'a Live,
    /// What rules say of the documents.
    pub findings: &'a Diagnostics,
    /// The tokens that the run works on.
    pub scope: &'a Scope,
    /// Where the documents come from.
    pub origin: &'a Origin,
    /// The approvals that lie with the documents.
    pub offered: &'a [Found],
}

impl<'a> Ground<'a> {
    fn input<'i>(&'i self, ledger: &'i LedgerView, now: Timestamp) -> Input<'i>
    where
        'a: 'i,
    {
        Input {
            desired: self.desired,
            live: self.live,
            ledger,
            findings: self.findings,
            scope: self.scope,
            now,
            origin: self.origin,
            offered: self.offered,
        }
    }
}

/// Finds the secret that an act's document refers to, when it is to be sent and not before.
pub type Pins<'a> = dyn Fn(&Name, &SecretRef) -> Result<Secret, Unknown> + Sync + 'a;

/// Carries acts out.
pub struct Courier<'a> {
    /// The services.
    pub services: &'a BTreeMap<Realm, Service>,
    /// The ledger and the right to write to it: without one nothing is sent to a device.
    pub ledger: (&'a Ledger, &'a Lease),
    /// What plans are made of.
    pub ground: Ground<'a>,
    /// The tenant of each service.
    pub tenants: &'a BTreeMap<Realm, String>,
    /// To whom secrets are sealed.
    pub vault: &'a Vault,
    /// Finds secrets of documents.
    pub pins: &'a Pins<'a>,
    /// The gates that were opened for this plan.
    pub overrides: &'a BTreeSet<String>,
    /// The clock of the services.
    pub clock: Arc<dyn Clock>,
    /// Until when the run waits for what it sent.
    pub deadline: Timestamp,
    /// True once the run shall end.
    pub stop: watch::Receiver<bool>,
    /// Hears how far the run is.
    pub progress: &'a dyn Progress,
}

/// What became of the acts of a plan.
#[derive(Debug, Default)]
pub struct Carried {
    /// One result per act, in the order of the plan.
    pub results: Vec<ActResult>,
    /// The run was told to end before its last act.
    pub interrupted: bool,
}

/// An act of the plan, and what came of it so far.
struct Errand<'r> {
    planned: &'r PlannedAct,
    /// `None`: its document is gone; it is only followed.
    content: Option<&'r ActContent>,
    result: ActResult,
}

/// One attempt at the acts of a plan.
struct Round<'r> {
    courier: &'r Courier<'r>,
    errands: Vec<Errand<'r>>,
    /// Those that are still to be sent, by their place: they count for the limits.
    to_send: BTreeSet<usize>,
    /// The activities at Apple that this run began, by the place of their act.
    activities: BTreeMap<usize, crate::model::ActivityId>,
}

/// Why an act is not sent.
#[derive(Debug)]
enum Held {
    /// Something is in its way.
    Hold(Hold),
    /// Something could not be read.
    Trouble(Unknown),
}

impl From<Hold> for Held {
    fn from(hold: Hold) -> Self {
        Held::Hold(hold)
    }
}

impl From<Unknown> for Held {
    fn from(unknown: Unknown) -> Self {
        Held::Trouble(unknown)
    }
}

/// What a step of an act comes to: the outer error ends the run, the inner one the act's turn.
type Turn<T> = Result<Result<T, Held>, LedgerError>;

impl Courier<'_> {
    /// Carries out the acts of a plan. `stopped` says which of them a gate stops, and which; `done` are the
    /// steps that are as wished.
    ///
    /// # Errors
    /// Only where the ledger cannot be written: then nothing more is sent.
    pub async fn carry_out(
        &self,
        plan: &Plan,
        stopped: &BTreeMap<String, String>,
        done: &BTreeSet<&str>,
    ) -> Result<Carried, LedgerError> {
        let errand = |planned| Errand {
            planned,
            content: self.ground.desired.actions.get(&planned.id.action).map(|document| &document.content),
            result: ActResult::of(planned),
        };
        let mut round = Round {
            courier: self,
            errands: plan.acts.iter().map(errand).collect(),
            to_send: BTreeSet::new(),
            activities: BTreeMap::new(),
        };
        round.choose(plan, stopped, done);
        let view = self.view()?;
        for errand in round.errands.iter_mut().filter(|errand| errand.result.evidence.is_empty()) {
            let known = view.acts.act(&errand.planned.id);
            errand.result.evidence = known.map(|record| record.evidence.clone()).unwrap_or_default();
        }
        drop(view);
        let interrupted = round.all().await?;
        round.follow().await?;
        let results = round.errands.into_iter().map(|errand| errand.result).collect();
        Ok(Carried { results, interrupted })
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn view(&self) -> Result<LedgerView, LedgerError> {
        self.ledger.0.view(self.now())
    }

    fn append(&self, events: &[ActEvent]) -> Result<(), LedgerError> {
        if events.is_empty() {
            return Ok(());
        }
        let events: Vec<Event> = events.iter().cloned().map(Event::Act).collect();
        self.ledger.0.append(self.ledger.1, self.now(), &events)
    }

    fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    fn service(&self, realm: &Realm) -> Result<&Service, Unknown> {
        self.services.get(realm).ok_or_else(|| Unknown {
            cause: Cause::Credentials,
            reason: format!("{} cannot be called in this run", realm.document()),
            next: "see `espalier doctor` about its credentials".to_owned(),
        })
    }

    fn graph(&self, realm: &Realm) -> Result<&GraphObserver, Unknown> {
        match &self.service(realm)?.observer {
            Observer::Graph(graph) => Ok(graph),
            Observer::Direct(_) | Observer::Apple(_) => Err(no_mdm(realm)),
        }
    }

    fn apple(&self, realm: &Realm) -> Result<&AppleObserver, Unknown> {
        match &self.service(realm)?.observer {
            Observer::Apple(apple) => Ok(apple),
            Observer::Graph(_) | Observer::Direct(_) => Err(no_mdm(realm)),
        }
    }

    /// The records that were read of a tenant.
    fn records(&self, realm: &Realm) -> Option<&Records> {
        self.ground.live.records.get(realm)?.known()
    }

    /// The record of a life, as it was read with the list.
    fn listed(&self, realm: &Realm, epoch: &Epoch, serial: &Serial) -> Option<&Record> {
        self.records(realm)?.of(serial).find(|record| record.id == epoch.record)
    }

    /// The organisations at Apple that have a device, or may have it.
    fn organisations_of(&self, serial: &Serial) -> Vec<&Realm> {
        let may_have = |realm: &&Realm| {
            let Realm::Apple(name) = realm else { return false };
            let devices = self.ground.live.organisations.get(name).map(|live| &live.devices);
            match devices {
                Some(Fact::Known(devices)) => devices.find(serial).is_some(),
                Some(Fact::Unknown(_)) | None => true,
            }
        };
        self.services.keys().filter(may_have).collect()
    }
}

fn no_mdm(realm: &Realm) -> Unknown {
    Unknown {
        cause: Cause::Refused,
        reason: format!("{realm} is no service that could be asked this"),
        next: "this is a mistake of espalier: report it with your plan".to_owned(),
    }
}

impl<'r> Round<'r> {
    /// Finds out which acts are to be sent, and enters what stops the others.
    fn choose(&mut self, plan: &Plan, stopped: &BTreeMap<String, String>, done: &BTreeSet<&str>) {
        for (at, errand) in self.errands.iter_mut().enumerate() {
            let planned = errand.planned;
            if !planned.is_sent() {
                continue;
            }
            if let Some(gate) = stopped.get(&planned.step_id()) {
                let stop = plan.stops.iter().find(|stop| stop.gate == *gate);
                errand.result.stop = Some(ActStop {
                    row: None,
                    gate: Some(gate.clone()),
                    why: stop.map_or_else(|| format!("stopped by {gate}"), |stop| stop.reason.clone()),
                });
                errand.result.next = stop.map(|stop| stop.next.clone());
                continue;
            }
            if let Some(need) = planned.needs.iter().find(|need| !done.contains(need.as_str())) {
                errand.result.waits(format!("{need} is not done, and it needs that"), None);
                continue;
            }
            self.to_send.insert(at);
        }
    }

    /// True: it was interrupted.
    async fn all(&mut self) -> Result<bool, LedgerError> {
        let (total, mut sent) = (self.to_send.len(), 0);
        let places: Vec<usize> = self.to_send.iter().copied().collect();
        let mut batch: Vec<usize> = Vec::new();
        for at in places {
            let planned = self.errands[at].planned;
            self.courier.progress.step(sent, total, &planned.step_id());
            sent += 1;
            if self.courier.is_stopped() {
                self.send_batch(&mut batch).await?;
                self.interrupt();
                return Ok(true);
            }
            if self.goes_with(&batch, at) {
                batch.push(at);
                continue;
            }
            self.send_batch(&mut batch).await?;
            if self.goes_with(&batch, at) {
                batch.push(at);
                continue;
            }
            self.one(at).await?;
            self.to_send.remove(&at);
        }
        self.send_batch(&mut batch).await?;
        Ok(false)
    }

    async fn one(&mut self, at: usize) -> Result<(), LedgerError> {
        let planned = self.errands[at].planned;
        match (&planned.next, planned.kind) {
            (ActNext::Resend { approval }, _) => self.again(at, &approval.clone()).await,
            (ActNext::GoOn { .. }, _) | (ActNext::Send, crate::model::ActionKind::HandOver) => {
                self.hand_over(at).await
            }
            (ActNext::Send, crate::model::ActionKind::Release) => self.release(at).await,
            (ActNext::Send, crate::model::ActionKind::EscrowBypassCode) => self.escrow(at).await,
            (ActNext::Send, _) => self.send(at).await,
            (ActNext::Follow | ActNext::Wait { .. } | ActNext::Stop { .. } | ActNext::End { .. }, _) => {
                Ok(())
            }
        }
    }

    fn interrupt(&mut self) {
        for at in std::mem::take(&mut self.to_send) {
            let why = "the run was interrupted before it; any later apply goes on".to_owned();
            self.errands[at].result.waits(why, None);
        }
    }

    /// Enters why an act is not sent, and writes its end where it has come to it.
    fn held(&mut self, at: usize, held: Held) -> Result<(), LedgerError> {
        let errand = &mut self.errands[at];
        match held {
            Held::Trouble(unknown) => errand.result.troubled(&unknown),
            Held::Hold(hold) => {
                errand.result.held(&hold);
                if let Hold::End { state, why, .. } = hold {
                    let id = errand.planned.id.clone();
                    self.courier.end(&id, state, why)?;
                }
            }
        }
        Ok(())
    }

    /// What the gates say of an act now.
    fn standing(&self, at: usize, view: &LedgerView) -> Standing {
        let courier = self.courier;
        let input = courier.ground.input(view, courier.now());
        let others = self.to_send.iter().filter(|other| **other != at);
        let still: Vec<&PlannedAct> = others.map(|other| self.errands[*other].planned).collect();
        gates::acts::standing(&input, self.errands[at].planned, &still, courier.overrides)
    }

    /// Writes that an act, or a request of it, came into another state, and enters it.
    fn moved(
        &mut self,
        at: usize,
        leg: Leg,
        to: ActState,
        evidence: String,
        approval: Option<String>,
        beside: Vec<ActEvent>,
    ) -> Result<(), LedgerError> {
        let errand = &mut self.errands[at];
        let act = errand.planned.id.clone();
        let mut events = beside;
        events.push(ActEvent::Moved { act: act.clone(), leg, to, evidence: evidence.clone(), approval });
        self.courier.append(&events)?;
        let view = self.courier.view()?;
        let result = &mut self.errands[at].result;
        result.state = view.acts.act(&act).map_or(to, |record| record.state);
        result.evidence = evidence;
        Ok(())
    }

    fn content(&self, at: usize) -> Result<&'r ActContent, Held> {
        self.errands[at].content.ok_or_else(|| {
            let why = "its document is gone".to_owned();
            Held::Hold(Hold::Wait { why, until: None })
        })
    }
}

impl Courier<'_> {
    /// Writes that an act has come to its end, where the ledger knows it and lets it go there.
    fn end(&self, id: &ActId, to: ActState, evidence: String) -> Result<(), LedgerError> {
        let view = self.view()?;
        if !view.acts.may_become(id, to) {
            return Ok(());
        }
        drop(view);
        self.append(&[ActEvent::Moved { act: id.clone(), leg: Leg::Whole, to, evidence, approval: None }])
    }
}
