//! `release`: a device leaves its organisation at Apple, for good (A-7, S-6).

use super::super::executor::apple::door::{Door as _, Real};
use super::{GOOD_FOR, Held, Lookout, Round, Turn};
use crate::acts::check::{ambiguous, clear_release};
use crate::acts::{ActEvent, ActState, Case, Cleared, Hold, Leg, Rule, Safeguard, digest};
use crate::escrow;
use crate::ledger::{LedgerError, Request};
use crate::model::act::{CodeRead, FreshRecord};
use crate::model::clock::{Timestamp, after, between};
use crate::model::live::Fact;
use crate::model::organisation::ActivityState;
use crate::model::{Realm, SealedKind, Serial};
use crate::provider::business::{ReleasePermit, ReleaseRefused};
use crate::provider::{ActAnswer, Observer, Outcome, digest_of_release};

/// After this long a device that Apple still shows is for a person to look at.
const FORGOTTEN: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

impl Round<'_> {
    pub(super) async fn release(&mut self, at: usize) -> Result<(), LedgerError> {
        let (realm, _, serial) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return self.held(at, held),
        };
        let (cleared, permit) = match self.ready_to_release(at).await? {
            Ok(ready) => ready,
            Err(held) => return self.held(at, held),
        };
        let actuator = match self.courier.service(&realm) {
            Ok(service) => service.actuator.clone(),
            Err(unknown) => return self.held(at, unknown.into()),
        };
        let request = Request {
            tenant: self.courier.tenants.get(&realm).cloned().unwrap_or_default(),
            token: self.errands[at].planned.token.clone(),
            digest: digest_of_release(&serial),
            approved_elsewhere: None,
        };
        let expires = self.errands[at].content.map(|content| content.expires);
        let Some(promise) = self.promise(at, cleared, request)? else { return Ok(()) };
        let until = after(self.courier.now(), GOOD_FOR);
        let until = expires.map_or(until, |expires| until.min(expires));
        let kind = self.errands[at].planned.kind;
        let answer = match actuator.release(promise, permit, until).await {
            Outcome::Done(done) => {
                let words =
                    done.activity.as_ref().map_or("an activity".to_owned(), |id| format!("activity {id}"));
                self.activities.extend(done.activity.map(|id| (at, id)));
                let evidence = format!("Apple took it on as {words}");
                self.errands[at].result.sent = true;
                return self.moved(at, Leg::Whole, ActState::Sent, evidence, None, Vec::new());
            }
            Outcome::Refused(trouble) => ActAnswer::Refused(trouble),
            Outcome::NotSent(trouble) => ActAnswer::NotSent(trouble),
            Outcome::Lost(trouble) => ActAnswer::Lost(trouble),
        };
        self.answered(at, Leg::Whole, kind, &answer, false)
    }

    /// Everything that has to hold: the device as Apple shows it now, its lock off, its code sealed where the
    /// MDM has one.
    async fn ready_to_release(&mut self, at: usize) -> Turn<(Cleared, ReleasePermit)> {
        let (realm, planned, serial) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return Ok(Err(held)),
        };
        let content = match self.content(at) {
            Ok(content) => content,
            Err(held) => return Ok(Err(held)),
        };
        let seen = match self.record_at_mdm(&serial).await {
            Ok(seen) => seen,
            Err(held) => return Ok(Err(held)),
        };
        if let Some((mdm, fresh)) = &seen
            && fresh.record().supervised != Some(false)
            && let Err(held) = self.keep_code(at, mdm, fresh).await?
        {
            return Ok(Err(held));
        }
        let courier = self.courier;
        let apple = match courier.apple(&realm) {
            Ok(apple) => apple,
            Err(unknown) => return Ok(Err(unknown.into())),
        };
        let device = match apple.api.fresh_device(&serial).await {
            Fact::Known(Some(device)) => device,
            Fact::Known(None) => {
                let why = format!("{serial} is not of this organisation");
                return Ok(Err(stop(Rule::Serial, None, why, "check the serial")));
            }
            Fact::Unknown(unknown) => return Ok(Err(unknown.into())),
        };
        let lock = match apple.api.fresh_lock(&serial).await {
            Fact::Known(lock) => lock,
            Fact::Unknown(unknown) => return Ok(Err(unknown.into())),
        };
        let Some(epoch) = device.epoch() else {
            let why = format!("Apple does not say when {serial} was added to the organisation");
            return Ok(Err(stop(Rule::Epoch, None, why, "look at the device in Apple's portal")));
        };
        let view = courier.view()?;
        let now = courier.now();
        let Some(safeguard) = Safeguard::no_lock(&lock, now) else {
            return Ok(Err(locked(ReleaseRefused::Locked(serial))));
        };
        let standing = self.standing(at, &view);
        let content_digest = digest::content(content);
        let act = &self.errands[at].planned.id;
        let case = Case { act, content, digest: &content_digest, book: &view.acts, born: view.born, now };
        let record = seen.as_ref().map(|(_, fresh)| fresh.record());
        let cleared = match clear_release(&case, &planned, epoch.clone(), record, &lock, safeguard, &standing)
        {
            Ok(cleared) => cleared,
            Err(hold) => return Ok(Err(hold.into())),
        };
        Ok(ReleasePermit::of(&epoch, device, lock).map(|permit| (cleared, permit)).map_err(locked))
    }

    /// The one record that an MDM of the folder has of a device, read anew; `None`: a complete list of each shows
    /// none.
    async fn record_at_mdm(&self, serial: &Serial) -> Result<Option<(Realm, FreshRecord)>, Held> {
        let mut seen: Option<(Realm, FreshRecord)> = None;
        for (realm, records) in &self.courier.ground.live.records {
            let records = match records {
                Fact::Known(records) => records,
                Fact::Unknown(unknown) => return Err(unknown.clone().into()),
            };
            for record in records.of(serial) {
                let fresh = match self.courier.graph(realm)?.fresh(&record.id, serial).await {
                    Fact::Known(Some(fresh)) => fresh,
                    Fact::Known(None) => continue,
                    Fact::Unknown(unknown) => return Err(unknown.into()),
                };
                // Two connections may lead to one tenant.
                let is_same = |(_, other): &(Realm, FreshRecord)| other.record().id == record.id;
                if fresh.twins() > 0 || seen.as_ref().is_some_and(|other| !is_same(other)) {
                    return Err(ambiguous(*serial, fresh.twins().max(1) + 1).into());
                }
                seen = Some((realm.clone(), fresh));
            }
        }
        Ok(seen)
    }

    /// Seals the code of the device's life at the MDM, where there is one: the release ends what the MDM knows.
    async fn keep_code(&mut self, at: usize, realm: &Realm, fresh: &FreshRecord) -> Turn<()> {
        let courier = self.courier;
        let Some(epoch) = fresh.record().epoch() else { return Ok(Ok(())) };
        let serial = self.errands[at].planned.id.serial;
        let read = match courier.graph(realm) {
            Ok(graph) => graph.bypass_code(&epoch.record, &serial).await,
            Err(unknown) => return Ok(Err(unknown.into())),
        };
        let code = match &read {
            Fact::Known(CodeRead::Code(code)) => code,
            Fact::Known(CodeRead::Null) => return Ok(Ok(())),
            Fact::Unknown(unknown) => return Ok(Err(unknown.clone().into())),
        };
        let view = courier.view()?;
        let print = escrow::fingerprint(SealedKind::BypassCode, serial, code);
        let before = view.acts.code_for(&serial, &epoch, |sealed| courier.vault.is_for_all(realm, sealed));
        if before.is_some_and(|before| print.is_some() && before.sealed.fingerprint == print) {
            return Ok(Ok(()));
        }
        let now = courier.now();
        let kind = SealedKind::BypassCode;
        let sealed = match courier.vault.seal(realm, code, (serial, &epoch.record), kind, now) {
            Ok(sealed) => sealed,
            Err(why) => {
                let why = format!("its Activation Lock bypass code cannot be sealed: {}", why.0);
                let next =
                    "name the X.509 certificates of those who may open it in `Fleet.escrow.recipients`";
                return Ok(Err(stop(Rule::Safeguard, Some("L-4"), why, next)));
            }
        };
        drop(view);
        let tenant = courier.tenants.get(realm).cloned().unwrap_or_default();
        let act = Some(self.errands[at].planned.id.clone());
        courier.append(&[ActEvent::Sealed { serial, tenant, epoch, act, read: now, sealed }])?;
        Ok(Ok(()))
    }

    /// Looks what Apple did: by the activity, where this run knows its id, and by the device itself.
    pub(super) async fn follow_release(&mut self, at: usize) -> Result<(), LedgerError> {
        let Ok((realm, ..)) = self.target(at) else { return Ok(()) };
        let courier = self.courier;
        let serial = self.errands[at].planned.id.serial;
        if let (Some(id), Ok(service)) = (self.activities.get(&at).cloned(), courier.service(&realm))
            && let Ok(seen) = Real(service).look(&id).await
        {
            match seen.state {
                ActivityState::Running(_) | ActivityState::Forgotten => return Ok(()),
                _ => drop(self.activities.remove(&at)),
            }
        }
        let told = courier.lookout().released(&realm, &serial, self.since(at)?).await;
        match told {
            Some((to, evidence)) if self.errands[at].result.state != to => {
                self.moved(at, Leg::Whole, to, evidence, None, Vec::new())
            }
            _ => Ok(()),
        }
    }

    fn since(&self, at: usize) -> Result<Option<Timestamp>, LedgerError> {
        let view = self.courier.view()?;
        let act = view.acts.act(&self.errands[at].planned.id);
        Ok(act.and_then(|act| act.promises.last()).map(|promise| promise.at))
    }
}

impl Lookout<'_> {
    /// What Apple shows of a device that was asked to be released at an instant; `None`: nothing new, or it does
    /// not answer.
    pub(super) async fn released(
        &self,
        realm: &Realm,
        serial: &Serial,
        since: Option<Timestamp>,
    ) -> Option<(ActState, String)> {
        let Observer::Apple(apple) = &self.services.get(realm)?.observer else { return None };
        let device = match apple.api.fresh_device(serial).await {
            Fact::Known(device) => device,
            Fact::Unknown(_) => return None,
        };
        match device.as_ref().map(|device| device.released()) {
            None => Some((ActState::Done, "Apple does not list the device any more".to_owned())),
            Some(Some(at)) => Some((ActState::Done, format!("Apple says that it was released at {at}"))),
            Some(None) if since.is_some_and(|since| between(since, self.clock.now()) >= FORGOTTEN) => {
                Some((ActState::Unknown, "Apple still shows the device a day after it was asked".to_owned()))
            }
            Some(None) => None,
        }
    }
}

fn stop(rule: Rule, row: Option<&'static str>, why: String, next: &str) -> Held {
    Held::Hold(Hold::Stop { rule, row, why, next: next.to_owned() })
}

fn locked(refused: ReleaseRefused) -> Held {
    let next = "lift the lock first (disableActivationLock with the device in hand, or by its user), then apply again";
    match refused {
        ReleaseRefused::Locked(_) => stop(Rule::LockOff, Some("A-7"), refused.to_string(), next),
        ReleaseRefused::Released(..) => {
            Held::Hold(Hold::End { state: ActState::Superseded, row: Some("S-6"), why: refused.to_string() })
        }
        ReleaseRefused::TwoDevices(..) | ReleaseRefused::OtherEpoch(_) => {
            stop(Rule::Epoch, None, refused.to_string(), "look at the device in Apple's portal")
        }
    }
}
