//! One request to one device, from its last look to its answer.

use super::request::call_of;
use super::vault::Found;
use super::{GOOD_FOR, Held, Round, Turn, answers};
use crate::acts::{ActState, Case, Cleared, Hold, Leg, Rule, SafeguardKind, clear, digest, judge};
use crate::ledger::{LedgerError, Permit, ReplayError, Request};
use crate::model::act::{ActContent, ActOptions, CodeRead, FreshLock, FreshRecord, RecordId};
use crate::model::clock::{Timestamp, after};
use crate::model::live::{Fact, Unknown};
use crate::model::organisation::ActivationLock;
use crate::model::{ActionKind, Class, Epoch, Realm, Secret, Serial};
use crate::plan::ActNext;
use crate::provider::graph::{ApprovalHeader, DeviceCall, DeviceRequest, WipeBody};
use crate::provider::{ActAnswer, digest_of_request};

/// How many requests share a `$batch`.
const BATCH: usize = 20;

/// A request that has passed every check and is not promised yet.
pub(super) struct Ready {
    pub cleared: Cleared,
    pub realm: Realm,
    pub record: RecordId,
    pub call: DeviceCall,
    pub request: Request,
    pub until: Timestamp,
    /// Its code was shown and is not sealed: why, and that it goes all the same.
    pub unsealed: Option<String>,
}

impl Ready {
    /// Whether it carries a secret that cannot be proven to be the same another time.
    pub fn by_pin(&self) -> bool {
        matches!(&self.call, DeviceCall::Wipe(WipeBody::Mac { unlock_code: Some(_), .. }))
    }
}

impl Round<'_> {
    /// Where an act is sent: the service and the life of the device that the plan saw.
    pub(super) fn target(&self, at: usize) -> Result<(Realm, Epoch, Serial), Held> {
        let planned = self.errands[at].planned;
        match (&planned.connection, &planned.epoch) {
            (Some(realm), Some(epoch)) => Ok((realm.clone(), epoch.clone(), planned.id.serial)),
            _ => {
                let why = "no service shows a record of it".to_owned();
                Err(Held::Hold(Hold::Wait { why, until: None }))
            }
        }
    }

    pub(super) async fn send(&mut self, at: usize) -> Result<(), LedgerError> {
        match self.ready(at, None).await? {
            Ok(ready) => self.dispatch(at, Leg::Whole, ready, &first(self.errands[at].content)).await,
            Err(held) => self.held(at, held),
        }
    }

    /// Makes a request ready: what stands for the device's code first, then the record as it is now, then
    /// every check.
    pub(super) async fn ready(&self, at: usize, approved: Option<&str>) -> Turn<Ready> {
        let (realm, planned, serial) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return Ok(Err(held)),
        };
        let content = match self.content(at) {
            Ok(content) => content,
            Err(held) => return Ok(Err(held)),
        };
        let pin = match self.pin(at, content) {
            Ok(pin) => pin,
            Err(unknown) => return Ok(Err(unknown.into())),
        };
        let found = self.look_for_code(at, content.kind, &realm, &planned).await;
        if content.kind == ActionKind::DisableActivationLock
            && let Some(Fact::Known(lock)) = self.lock(&serial).await
            && lock.lock() == ActivationLock::Off
        {
            let why = format!("the lock was off already, as Apple said at {}: nothing was sent", lock.read());
            let state = ActState::Superseded;
            return Ok(Err(Hold::End { state, row: Some("L-3"), why }.into()));
        }
        let fresh = match self.fresh(&realm, &planned, &serial).await {
            Ok(fresh) => fresh,
            Err(held) => return Ok(Err(held)),
        };
        let call = match call_of(content, fresh.record(), pin) {
            Ok(call) => call,
            Err(hold) => return Ok(Err(hold.into())),
        };
        self.check(at, (&realm, &planned), fresh, &found, call, approved)
    }

    /// The last check, over a record that was just read.
    fn check(
        &self,
        at: usize,
        (realm, planned): (&Realm, &Epoch),
        fresh: FreshRecord,
        found: &Found,
        call: DeviceCall,
        approved: Option<&str>,
    ) -> Turn<Ready> {
        let content = match self.content(at) {
            Ok(content) => content,
            Err(held) => return Ok(Err(held)),
        };
        let view = self.courier.view()?;
        let now = self.courier.now();
        let standing = self.standing(at, &view);
        let digest = digest::content(content);
        let act = &self.errands[at].planned.id;
        let case = Case { act, content, digest: &digest, book: &view.acts, born: view.born, now };
        let vault = self.courier.vault;
        let safeguard = match vault.safeguard(realm, content, &view.acts, &fresh, found, now) {
            Ok(safeguard) => safeguard,
            // What is wrong with the act itself is told before what is wrong with its code.
            Err(hold) => {
                let first = judge(&case, fresh.record(), fresh.twins());
                return Ok(Err(first.unwrap_or(hold).into()));
            }
        };
        if let Err(hold) = self.may_make_secret(realm, content.kind, &fresh, now) {
            return Ok(Err(hold.into()));
        }
        let record = fresh.record().id.clone();
        let cleared = match clear(&case, planned, fresh, safeguard, &standing) {
            Ok(cleared) => cleared,
            Err(hold) => return Ok(Err(hold.into())),
        };
        let unsealed = self.unsealed(realm, found, cleared.safeguard());
        let ready = self.made_ready(at, cleared, realm, record, call, approved);
        Ok(Ok(Ready { unsealed, ..ready }))
    }

    pub(super) fn made_ready(
        &self,
        at: usize,
        cleared: Cleared,
        realm: &Realm,
        record: RecordId,
        call: DeviceCall,
        approved: Option<&str>,
    ) -> Ready {
        let errand = &self.errands[at];
        let now = self.courier.now();
        let expires = errand.content.map_or(Timestamp::MAX, |content| content.expires);
        let request = Request {
            tenant: self.courier.tenants.get(realm).cloned().unwrap_or_default(),
            token: errand.planned.token.clone(),
            digest: digest_of_request(&record, &call),
            approved_elsewhere: approved.map(str::to_owned),
        };
        let until = after(now, GOOD_FOR);
        let until = if Rule::Expiry.in_force() { until.min(expires) } else { until };
        Ready { cleared, realm: realm.clone(), record, call, request, until, unsealed: None }
    }

    /// A code that was shown and could not be sealed, while something else lets the act go: it is lost with it.
    pub(super) fn unsealed(&self, realm: &Realm, found: &Found, by: &SafeguardKind) -> Option<String> {
        let shown = matches!(&found.code, Some(Fact::Known(CodeRead::Code(_))));
        if !shown || !matches!(by, SafeguardKind::NoLock { .. }) {
            return None;
        }
        let why = self.courier.vault.check(realm, self.courier.now()).err()?;
        Some(format!("its bypass code was shown and could not be sealed: {}", why.0))
    }

    /// The secret behind `options.pin`, resolved now.
    fn pin(&self, at: usize, content: &ActContent) -> Result<Option<Secret>, Unknown> {
        let ActOptions::Wipe { pin: Some(pin), .. } = &content.options else { return Ok(None) };
        (self.courier.pins)(&self.errands[at].planned.id.action, pin).map(Some)
    }

    /// Asks for the device's bypass code, and for its lock where that is the proof left, for acts that hang on
    /// it. Before the record is read for the last time, since it may take long.
    pub(super) async fn look_for_code(
        &self,
        at: usize,
        kind: ActionKind,
        realm: &Realm,
        epoch: &Epoch,
    ) -> Found {
        let mut found = Found::default();
        let lifts = matches!(kind, ActionKind::DisableActivationLock | ActionKind::HandOver);
        let serial = self.errands[at].planned.id.serial;
        let listed = self.courier.listed(realm, epoch, &serial);
        let unsupervised = listed.is_some_and(|record| record.supervised == Some(false));
        if unsupervised || !(kind.needs_safeguard() || lifts) {
            return found;
        }
        found.code = Some(match self.courier.graph(realm) {
            Ok(graph) => graph.bypass_code(&epoch.record, &serial).await,
            Err(unknown) => Fact::Unknown(unknown),
        });
        let has_code = matches!(&found.code, Some(Fact::Known(CodeRead::Code(_))));
        let cannot_seal = self.courier.vault.check(realm, self.courier.now()).is_err();
        if !has_code || cannot_seal {
            found.lock = self.lock(&serial).await;
        }
        found
    }

    /// The device's Activation Lock as Apple tells it now; `None`: no organisation of the folder has it.
    pub(super) async fn lock(&self, serial: &Serial) -> Option<Fact<FreshLock>> {
        let mut told = None;
        for realm in self.courier.organisations_of(serial) {
            let Ok(apple) = self.courier.apple(realm) else { continue };
            match apple.api.fresh_lock(serial).await {
                Fact::Known(lock) => return Some(Fact::Known(lock)),
                unknown @ Fact::Unknown(_) => told = told.or(Some(unknown)),
            }
        }
        told
    }

    /// The record as it is now.
    pub(super) async fn fresh(
        &self,
        realm: &Realm,
        epoch: &Epoch,
        serial: &Serial,
    ) -> Result<FreshRecord, Held> {
        read(epoch, self.courier.graph(realm)?.fresh(&epoch.record, serial).await)
    }

    /// Promises, sends, and writes what was answered. Nothing comes between.
    pub(super) async fn dispatch(
        &mut self,
        at: usize,
        leg: Leg,
        ready: Ready,
        approval: &ApprovalHeader,
    ) -> Result<(), LedgerError> {
        let by_pin = ready.by_pin();
        let Ready { cleared, realm, record, call, request, until, unsealed } = ready;
        let kind = call.kind();
        let actuator = match self.courier.service(&realm) {
            Ok(service) => service.actuator.clone(),
            Err(unknown) => return self.held(at, unknown.into()),
        };
        let permit = match self.promise(at, cleared, request)? {
            Some(permit) => permit,
            None => return Ok(()),
        };
        self.errands[at].result.warning =
            unsealed.map(|why| format!("L-4: {why}; it went because Apple said that there is no lock"));
        let request = DeviceRequest::new(record, call, approval.clone(), until);
        let answer = actuator.act(permit, request).await;
        self.answered(at, leg, kind, &answer, by_pin)
    }

    /// Writes the promise. `None`: the ledger does not let it be; what is in the way is entered.
    pub(super) fn promise(
        &mut self,
        at: usize,
        cleared: Cleared,
        request: Request,
    ) -> Result<Option<Permit>, LedgerError> {
        let (ledger, lease) = self.courier.ledger;
        match ledger.promise(lease, self.courier.now(), cleared, request) {
            Ok(permit) => Ok(Some(permit)),
            Err(LedgerError::Illegal(ReplayError::Act(refusal))) => {
                let hold = Hold::Stop {
                    rule: Rule::Once,
                    row: None,
                    why: format!("the ledger refuses its promise: {refusal}"),
                    next: "see `espalier journal`".to_owned(),
                };
                self.held(at, hold.into())?;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes what an answer says.
    pub(super) fn answered(
        &mut self,
        at: usize,
        leg: Leg,
        kind: ActionKind,
        answer: &ActAnswer,
        by_pin: bool,
    ) -> Result<(), LedgerError> {
        let answers::Told { to, evidence, approval, next } = answers::told(kind, answer, by_pin);
        let approval = approval.map(String::from);
        self.moved(at, leg, to, evidence, approval, Vec::new())?;
        let result = &mut self.errands[at].result;
        result.sent = !matches!(answer, ActAnswer::NotSent(_));
        result.next = next;
        if let ActAnswer::NotSent(trouble) = answer {
            result.trouble = Some(trouble.cause);
        }
        Ok(())
    }

    /// Whether an act may share a call with those collected so far: class safe or disruptive, another device of
    /// the same tenant.
    pub(super) fn goes_with(&self, batch: &[usize], at: usize) -> bool {
        let planned = self.errands[at].planned;
        let alone = planned.class >= Class::Destructive
            || planned.kind == ActionKind::EscrowBypassCode
            || !matches!(planned.next, ActNext::Send)
            || self.target(at).is_err();
        let fits = |other: &usize| {
            let other = self.errands[*other].planned;
            other.connection == planned.connection && other.id.serial != planned.id.serial
        };
        !alone && batch.len() < BATCH && batch.iter().all(fits)
    }

    /// Sends what was collected: records read together, promised, sent together.
    pub(super) async fn send_batch(&mut self, batch: &mut Vec<usize>) -> Result<(), LedgerError> {
        let batch = std::mem::take(batch);
        if let [only] = batch.as_slice() {
            self.send(*only).await?;
            self.to_send.remove(only);
            return Ok(());
        }
        let mut of: Vec<(RecordId, Serial)> = Vec::new();
        let mut service = None;
        for at in &batch {
            // `goes_with` took only those of one tenant that have a record.
            let Ok((realm, epoch, serial)) = self.target(*at) else { continue };
            of.push((epoch.record, serial));
            service = Some(realm);
        }
        let Some(realm) = service else { return Ok(()) };
        let courier = self.courier;
        let read = match courier.graph(&realm) {
            Ok(graph) => graph.fresh_each(&of).await,
            Err(unknown) => of.iter().map(|_| Fact::Unknown(unknown.clone())).collect(),
        };
        let mut ready = Vec::new();
        for (at, fresh) in batch.iter().copied().zip(read) {
            match self.ready_of(at, fresh)? {
                Ok(one) => ready.push((at, one)),
                Err(held) => {
                    self.to_send.remove(&at);
                    self.held(at, held)?;
                }
            }
        }
        let mut promised = Vec::new();
        for (at, one) in ready {
            // No such act hangs on a code.
            let Ready { cleared, realm: _, record, call, request, until, unsealed: _ } = one;
            let kind = call.kind();
            self.to_send.remove(&at);
            if let Some(permit) = self.promise(at, cleared, request)? {
                let request = DeviceRequest::new(record, call, first(self.errands[at].content), until);
                promised.push((at, kind, permit, request));
            }
        }
        let places: Vec<(usize, ActionKind)> = promised.iter().map(|(at, kind, ..)| (*at, *kind)).collect();
        let each: Vec<_> = promised.into_iter().map(|(_, _, permit, request)| (permit, request)).collect();
        let Ok(service) = courier.service(&realm) else { return Ok(()) };
        if each.is_empty() {
            return Ok(());
        }
        let answers = service.actuator.acts(each).await;
        for ((at, kind), answer) in places.into_iter().zip(answers) {
            self.answered(at, Leg::Whole, kind, &answer, false)?;
        }
        Ok(())
    }

    /// As [`Round::ready`], over a record that was read with others. No such act hangs on a code.
    fn ready_of(&self, at: usize, fresh: Fact<Option<FreshRecord>>) -> Turn<Ready> {
        let (realm, epoch, _) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return Ok(Err(held)),
        };
        let (content, fresh) = match (self.content(at), read(&epoch, fresh)) {
            (Ok(content), Ok(fresh)) => (content, fresh),
            (Err(held), _) | (_, Err(held)) => return Ok(Err(held)),
        };
        let call = match call_of(content, fresh.record(), None) {
            Ok(call) => call,
            Err(hold) => return Ok(Err(hold.into())),
        };
        self.check(at, (&realm, &epoch), fresh, &Found::default(), call, None)
    }
}

/// The record, if it is there.
fn read(epoch: &Epoch, fresh: Fact<Option<FreshRecord>>) -> Result<FreshRecord, Held> {
    match fresh {
        Fact::Known(Some(fresh)) => Ok(fresh),
        Fact::Known(None) => {
            let why = format!("record {} is not there any more", epoch.record);
            Err(Held::Hold(Hold::Wait { why, until: None }))
        }
        Fact::Unknown(unknown) => Err(unknown.into()),
    }
}

/// What goes along for those who approve at Intune.
pub(super) fn first(content: Option<&ActContent>) -> ApprovalHeader {
    let reason = content.and_then(|content| content.reason.clone());
    ApprovalHeader::First { justification: reason.unwrap_or_else(|| "asked for by espalier".to_owned()) }
}
