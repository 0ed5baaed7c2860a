//! What became of requests: from the MDM's records and results, from its audits, and from Apple. What an act
//! made secret is sealed in the entry that ends it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::executor::apple::life::{Patience, polls};
use super::{Courier, Errand, Round, Vault};
use crate::acts::evidence::{self, Seen, SeenRecord, Told};
use crate::acts::{ActBook, ActEvent, ActRecord, ActState, Hold, Leg, Promise, Rule, SafeguardKind};
use crate::apply::Service;
use crate::ledger::LedgerError;
use crate::model::act::{
    ActContent, ActOptions, ActionResult, FreshLock, FreshRecord, HeldSecret, Os, Record, RecordId, Records,
    ResultSecret,
};
use crate::model::clock::{Clock, Timestamp, between};
use crate::model::desired::Desired;
use crate::model::live::{Fact, Live, Unknown};
use crate::model::organisation::ActivationLock;
use crate::model::{ActId, ActionKind, Realm, SealedKind, Secret};
use crate::provider::Observer;

/// What the MDM called done while Apple still shows the lock counts as done after this long: by then the lock
/// is a new one (L-6).
const LOCK_LAG: Duration = Duration::from_secs(3600);

/// How much earlier than its promise a result may say that it began: the clocks of services differ.
const SKEW: Duration = Duration::from_secs(300);

/// What becomes of promises that a run left behind without an answer: nobody knows, unless nothing was to be
/// sent.
pub fn settle_dead(book: &ActBook) -> Vec<ActEvent> {
    let mut events = Vec::new();
    for (id, act) in book.acts() {
        for leg in [Leg::Whole, Leg::Lift, Leg::Wipe, Leg::OldRecord] {
            let Some(promise) = act.leg(leg).filter(|promise| promise.state == ActState::Promised) else {
                continue;
            };
            let (to, evidence) = match (book.kind(id), leg) {
                (Some(ActionKind::HandOver), Leg::Whole) => {
                    (ActState::Sent, "on its way; the run that put it there ended".to_owned())
                }
                (Some(ActionKind::EscrowBypassCode), _) => sealed_by(promise),
                _ => (
                    ActState::Unknown,
                    "the run that sent it ended without an answer: it may have been carried out".to_owned(),
                ),
            };
            events.push(ActEvent::Moved { act: id.clone(), leg, to, evidence, approval: None });
        }
    }
    events
}

/// Where a code stands that was promised to be sealed: the promise itself has it.
pub(super) fn sealed_by(promise: &Promise) -> (ActState, String) {
    (
        ActState::Done,
        match &promise.safeguard {
            SafeguardKind::SealedBefore { row } => format!("the code is sealed in entry {row} already"),
            _ => format!("the code is sealed in entry {}", promise.row),
        },
    )
}

/// Looks what became of acts. It writes nothing itself.
#[derive(Clone, Copy)]
pub struct Lookout<'a> {
    /// The services.
    pub services: &'a BTreeMap<Realm, Service>,
    /// The documents.
    pub desired: &'a Desired,
    /// The tenant of each service.
    pub tenants: &'a BTreeMap<Realm, String>,
    /// To whom secrets are sealed.
    pub vault: &'a Vault,
    /// The clock of the services.
    pub clock: &'a dyn Clock,
}

/// An act whose request is on its way, or may have had its effect.
#[derive(Clone, Copy)]
struct Underway<'b> {
    id: &'b ActId,
    kind: ActionKind,
    promise: &'b Promise,
}

impl Lookout<'_> {
    /// What the lists say of all acts that are under way: the entries to be written.
    pub async fn look(&self, book: &ActBook, live: &Live) -> Vec<ActEvent> {
        let mut events = Vec::new();
        for (id, act) in book.acts() {
            let Some(one) = underway(book, id, act) else { continue };
            let Some(realm) = self.realm_of(&one.promise.tenant) else { continue };
            if one.kind == ActionKind::Release {
                let told = self.released(realm, &id.serial, Some(one.promise.at)).await;
                let told = told.filter(|(to, _)| act.state.may_become(*to));
                events.extend(told.map(|(to, evidence)| ActEvent::Moved {
                    act: id.clone(),
                    leg: Leg::Whole,
                    to,
                    evidence,
                    approval: None,
                }));
                continue;
            }
            let Some(records) = live.records.get(realm).and_then(Fact::known) else { continue };
            let elsewhere = live.records.iter().filter(|(other, _)| *other != realm);
            let others: Vec<&Record> =
                elsewhere.filter_map(|(_, all)| all.known()).flat_map(|all| all.of(&id.serial)).collect();
            let audits = audits_of(live, realm, &one.promise.epoch.record);
            events.extend(self.by_list(book, one, realm, records, &others, audits).await);
            if !self.is_named(id) {
                let told = evidence::without_document(book, id, records);
                events.extend(self.tell(one, realm, None, told).await);
            }
        }
        events
    }

    /// Whether a document asks for the act.
    fn is_named(&self, id: &ActId) -> bool {
        let document = self.desired.actions.get(&id.action);
        document
            .is_some_and(|one| one.selected.is_some() || one.devices.iter().any(|it| it.serial == id.serial))
    }

    async fn by_list(
        &self,
        book: &ActBook,
        one: Underway<'_>,
        realm: &Realm,
        records: &Records,
        others: &[&Record],
        audits: &[ActionResult],
    ) -> Vec<ActEvent> {
        let content = self.desired.actions.get(&one.id.action).map(|document| &document.content);
        let told = evidence::of(book, one.id, content, Some(records), others, audits, self.clock.now());
        let record = records.of(&one.id.serial).find(|record| record.id == one.promise.epoch.record);
        self.tell(one, realm, record, told).await
    }

    /// The entries of what was told about an act.
    async fn tell(
        &self,
        one: Underway<'_>,
        realm: &Realm,
        record: Option<&Record>,
        told: Vec<(Leg, Told)>,
    ) -> Vec<ActEvent> {
        let told = match one.kind {
            ActionKind::DisableActivationLock => self.lock_told(one, told).await,
            ActionKind::HandOver if one.promise.leg == Leg::Lift && one.promise.state.is_under_way() => {
                self.lock_told(one, told).await
            }
            _ => told,
        };
        let mut events = Vec::new();
        for (leg, Told { to, mut evidence }) in told {
            if to == ActState::Done
                && let Some(kind) = made_secret(one.kind, record.map(|record| record.os))
            {
                match self.seal_made(one, realm, kind, record.is_some()).await {
                    Made::Sealed(sealed) => {
                        evidence = format!("{evidence}; its {} is sealed", kind.words());
                        events.push(*sealed);
                    }
                    Made::None(why) => evidence = format!("{evidence}; {why}"),
                    Made::Later => continue,
                }
            }
            events.push(ActEvent::Moved { act: one.id.clone(), leg, to, evidence, approval: None });
        }
        events
    }

    /// Of a lift Apple's own status is what counts, where an organisation has the device.
    async fn lock_told(&self, one: Underway<'_>, told: Vec<(Leg, Told)>) -> Vec<(Leg, Told)> {
        if one.promise.state == ActState::ApprovalElsewhere {
            return told;
        }
        let Some(lock) = self.lock(one).await else { return told };
        let leg = one.promise.leg;
        if lock.lock() == ActivationLock::Off {
            let evidence = format!("the lock is off, as Apple said at {}", lock.read());
            return vec![(leg, Told { to: ActState::Done, evidence })];
        }
        let old = between(one.promise.at, self.clock.now()) >= LOCK_LAG;
        let mut all = Vec::new();
        for (leg, Told { to, evidence }) in told {
            let to = match to {
                ActState::Done if !old && one.promise.state == ActState::Acknowledged => continue,
                ActState::Done if !old => ActState::Acknowledged,
                to => to,
            };
            let evidence = format!(
                "{evidence}; Apple shows the lock on: it comes back as soon as Find My is opened again, so do it with the device in hand (L-6)"
            );
            all.push((leg, Told { to, evidence }));
        }
        all
    }

    async fn lock(&self, one: Underway<'_>) -> Option<FreshLock> {
        for service in self.services.values() {
            let Observer::Apple(apple) = &service.observer else { continue };
            if let Fact::Known(lock) = apple.api.fresh_lock(&one.id.serial).await {
                return Some(lock);
            }
        }
        None
    }

    /// Reads and seals what an act made secret.
    async fn seal_made(&self, one: Underway<'_>, realm: &Realm, kind: SealedKind, is_there: bool) -> Made {
        let words = kind.words();
        if !is_there {
            return Made::None(format!("its {words} cannot be read any more: the record is gone"));
        }
        let (record, serial) = (&one.promise.epoch.record, &one.id.serial);
        let Some(Service { observer: Observer::Graph(graph), .. }) = self.services.get(realm) else {
            return Made::Later;
        };
        let held = match graph.action_secrets(record, serial).await {
            Fact::Known(held) => held,
            Fact::Unknown(_) if between(one.promise.at, self.clock.now()) < evidence::LOST_AFTER => {
                return Made::Later;
            }
            Fact::Unknown(Unknown { reason, .. }) => {
                return Made::None(format!("its {words} could not be read: {reason}"));
            }
        };
        let Some(secret) = newest(held, kind, one.promise.at) else {
            return Made::None(format!("the MDM shows no {words} of it"));
        };
        let now = self.clock.now();
        match self.vault.seal(realm, &secret, (*serial, record), kind, now) {
            Ok(sealed) => Made::Sealed(Box::new(ActEvent::Sealed {
                serial: *serial,
                tenant: one.promise.tenant.clone(),
                epoch: one.promise.epoch.clone(),
                act: Some(one.id.clone()),
                read: now,
                sealed,
            })),
            Err(why) => Made::None(format!("its {words} could not be sealed: {}", why.0)),
        }
    }

    /// The service of a tenant.
    pub(super) fn realm_of(&self, tenant: &str) -> Option<&Realm> {
        let of = self.tenants.iter().filter(|(_, other)| other.eq_ignore_ascii_case(tenant));
        // Of two connections of one tenant the one that can be called.
        of.map(|(realm, _)| realm).find(|realm| self.services.contains_key(*realm))
    }
}

/// What came of reading a secret.
enum Made {
    Sealed(Box<ActEvent>),
    /// There is none to be had, and why.
    None(String),
    /// It could not be read now.
    Later,
}

fn renamed_to(content: &ActContent) -> Option<&str> {
    match &content.options {
        ActOptions::Rename { name } => Some(name),
        _ => None,
    }
}

fn underway<'b>(book: &'b ActBook, id: &'b ActId, act: &'b ActRecord) -> Option<Underway<'b>> {
    let is_followed = matches!(
        act.state,
        ActState::Sent | ActState::Acknowledged | ActState::Unknown | ActState::ApprovalElsewhere
    );
    let (kind, promise) = (book.kind(id)?, act.promises.last()?);
    is_followed.then_some(Underway { id, kind, promise })
}

fn audits_of<'l>(live: &'l Live, realm: &Realm, record: &RecordId) -> &'l [ActionResult] {
    let of = live.audits.get(realm).and_then(Fact::known).and_then(|audits| audits.get(record));
    of.map(Vec::as_slice).unwrap_or_default()
}

/// The secret that an act of a kind makes on a platform; `None`: none, or the platform is not known.
pub(super) fn made_secret(kind: ActionKind, os: Option<Os>) -> Option<SealedKind> {
    match (kind, os) {
        (ActionKind::Lock, Some(Os::Macos)) => Some(SealedKind::UnlockPin),
        (ActionKind::ClearPasscode, Some(Os::Android)) => Some(SealedKind::Passcode),
        (ActionKind::Locate, _) => Some(SealedKind::Location),
        _ => None,
    }
}

/// The newest secret of a kind that is not older than a request.
fn newest(held: Vec<HeldSecret>, kind: SealedKind, since: Timestamp) -> Option<Secret> {
    let fits = |one: &HeldSecret| {
        let is_kind = matches!(
            (&one.secret, kind),
            (ResultSecret::UnlockPin(_), SealedKind::UnlockPin)
                | (ResultSecret::Passcode(_), SealedKind::Passcode)
                | (ResultSecret::Location(_), SealedKind::Location)
        );
        is_kind && one.result.started.is_none_or(|started| between(started, since) <= SKEW)
    };
    let newest = held.into_iter().filter(fits).max_by_key(|one| one.result.started)?;
    Some(match newest.secret {
        ResultSecret::UnlockPin(secret) | ResultSecret::Passcode(secret) | ResultSecret::Location(secret) => {
            secret
        }
    })
}

impl Courier<'_> {
    pub(super) fn lookout(&self) -> Lookout<'_> {
        Lookout {
            services: self.services,
            desired: self.ground.desired,
            tenants: self.tenants,
            vault: self.vault,
            clock: &*self.clock,
        }
    }
}

impl Round<'_> {
    /// An act that would make a secret is not sent where nobody could seal it.
    pub(super) fn may_make_secret(
        &self,
        realm: &Realm,
        kind: ActionKind,
        fresh: &FreshRecord,
        now: Timestamp,
    ) -> Result<(), Hold> {
        let Some(made) = made_secret(kind, Some(fresh.record().os)) else { return Ok(()) };
        self.courier.vault.check(realm, now).map(drop).map_err(|why| Hold::Stop {
            rule: Rule::Safeguard,
            row: Some("L-4"),
            why: format!("it makes a secret ({}) that could not be sealed: {}", made.words(), why.0),
            next: "name the X.509 certificates of those who may open it in `Fleet.escrow.recipients`"
                .to_owned(),
        })
    }

    /// Follows what this run sent, as long as it may wait.
    pub(super) async fn follow(&mut self) -> Result<(), LedgerError> {
        let courier = self.courier;
        let patience =
            Patience { clock: &*courier.clock, deadline: courier.deadline, stop: courier.stop.clone() };
        for pause in polls() {
            let open = self.open()?;
            if open.is_empty() || !patience.pause(pause).await {
                break;
            }
            let (total, left) = (self.errands.len(), open.len());
            courier.progress.step(total.saturating_sub(left), total, "what devices say of it");
            self.look(&open).await?;
        }
        Ok(())
    }

    /// The acts of which this run sent a request that nobody has seen end.
    fn open(&self) -> Result<Vec<usize>, LedgerError> {
        let book = self.courier.view()?.acts;
        let is_open = |at: &usize| {
            let Errand { planned, result, .. } = &self.errands[*at];
            let state = matches!(
                result.state,
                ActState::Sent | ActState::Acknowledged | ActState::Unknown | ActState::ApprovalElsewhere
            );
            // Of a hand-over a request that has ended says no more: the next one is another run's.
            let newest = book.act(&planned.id).and_then(|act| act.promises.last());
            let has_more = newest.is_none_or(|promise| !promise.state.has_ended());
            result.sent && state && has_more && result.trouble.is_none()
        };
        Ok((0..self.errands.len()).filter(is_open).collect())
    }

    async fn look(&mut self, open: &[usize]) -> Result<(), LedgerError> {
        let view = self.courier.view()?;
        let book = view.acts;
        let mut by_realm: BTreeMap<Realm, Vec<usize>> = BTreeMap::new();
        for at in open.iter().copied() {
            let planned = self.errands[at].planned;
            match (planned.kind, self.errands[at].result.state) {
                (ActionKind::Release, _) => self.follow_release(at).await?,
                (_, ActState::ApprovalElsewhere) => self.ask_again(at).await?,
                _ => {
                    if let Some(realm) = planned.connection.clone() {
                        by_realm.entry(realm).or_default().push(at);
                    }
                }
            }
        }
        for (realm, places) in by_realm {
            self.look_at(&book, &realm, &places).await?;
        }
        Ok(())
    }

    /// Reads the records concerned of one tenant, and the whole list where one of them is gone or not alone.
    async fn look_at(&mut self, book: &ActBook, realm: &Realm, places: &[usize]) -> Result<(), LedgerError> {
        let courier = self.courier;
        let Ok(graph) = courier.graph(realm) else { return Ok(()) };
        let lookout = courier.lookout();
        let mut of = Vec::new();
        for at in places {
            let id = &self.errands[*at].planned.id;
            let one = book.act(id).and_then(|act| underway(book, id, act));
            of.extend(one.map(|one| (*at, one)));
        }
        let ids: Vec<_> =
            of.iter().map(|(_, one)| (one.promise.epoch.record.clone(), one.id.serial)).collect();
        let read = graph.fresh_each(&ids).await;
        let mut gone = Vec::new();
        let mut told: Vec<(usize, Vec<ActEvent>)> = Vec::new();
        for ((at, one), fresh) in of.into_iter().zip(read) {
            match fresh {
                Fact::Known(Some(fresh)) if fresh.twins() == 0 => {
                    let content = self.errands[at].content;
                    let seen = Seen {
                        kind: evidence::kind_of(one.kind, one.promise.leg),
                        promise: one.promise,
                        until: evidence::repeated(
                            book,
                            one.id,
                            one.promise,
                            evidence::kind_of(one.kind, one.promise.leg),
                        ),
                        expires: content.map_or(Timestamp::MAX, |content| content.expires),
                        rename_to: content.and_then(renamed_to),
                        record: SeenRecord::Here(fresh.record()),
                        others: &[],
                        audits: &[],
                        overtaken: evidence::overtaken(book, one.id, one.promise),
                        now: courier.now(),
                    };
                    let judged = evidence::judge(&seen).map(|told| (one.promise.leg, told));
                    let record = Some(fresh.record());
                    told.push((at, lookout.tell(one, realm, record, judged.into_iter().collect()).await));
                }
                Fact::Known(_) => gone.push((at, one)),
                Fact::Unknown(_) => {}
            }
        }
        if let Some(since) = gone.iter().map(|(_, one)| one.promise.at).min()
            && let Fact::Known(records) = graph.records().await
        {
            let audits = graph.audits(since).await;
            for (at, one) in gone {
                let audits = audits.known().and_then(|all| all.get(&one.promise.epoch.record));
                let audits = audits.map(Vec::as_slice).unwrap_or_default();
                told.push((at, lookout.by_list(book, one, realm, &records, &[], audits).await));
            }
        }
        for (at, events) in told {
            self.written(at, events)?;
            self.finish_removed(at).await?;
        }
        Ok(())
    }

    /// Writes what was told about an act, and enters it.
    fn written(&mut self, at: usize, events: Vec<ActEvent>) -> Result<(), LedgerError> {
        self.courier.append(&events)?;
        let view = self.courier.view()?;
        for event in events {
            if let ActEvent::Moved { act, to, evidence, .. } = event {
                let result = &mut self.errands[at].result;
                // What one request of a hand-over came to is not what the whole did.
                let whole = view.acts.act(&act).map_or(to, |record| record.state);
                (result.state, result.evidence) = (whole, evidence);
                let epoch = view.acts.act(&act).and_then(ActRecord::epoch);
                let sealed = epoch.is_some_and(|epoch| view.acts.code_of(&act.serial, epoch).is_some());
                result.next = after_end(result.kind, whole, Some(sealed));
            }
        }
        Ok(())
    }
}

/// What a person does after an act came to its end. `sealed`: whether a code of that life is; `None`: not looked at.
pub(super) fn after_end(kind: ActionKind, to: ActState, sealed: Option<bool>) -> Option<String> {
    let next = match (kind, to) {
        (ActionKind::Wipe, ActState::Done) => match sealed {
            Some(true) => {
                "power the device on and follow Setup Assistant; a lock that is still on opens with an empty user name and the code as password (`espalier escrow reveal`) (D-1, L-5)"
            }
            Some(false) => "power the device on and follow Setup Assistant (D-1)",
            None => {
                "power the device on and follow Setup Assistant; if a lock is still on, `espalier escrow list` says whether a code for it is sealed (D-1, L-5)"
            }
        },
        (ActionKind::Retire, ActState::Done) => {
            "reset the device by hand, power it on and follow Setup Assistant (D-1)"
        }
        (ActionKind::DeleteRecord, ActState::Done) => {
            "it comes back at the next full sync while it is assigned to the token at Apple (S-5, D-3)"
        }
        (ActionKind::DisableActivationLock, ActState::Done) => {
            "the lock comes back as soon as Find My is opened again: erase the device while it is in your hands (L-6)"
        }
        (ActionKind::Lock | ActionKind::ClearPasscode | ActionKind::Locate, ActState::Done) => return None,
        _ => return None,
    };
    Some(next.to_owned())
}
