//! `handOver`: one act in checkpoints, resumable at each of them for days. Nothing is rolled back.
//!
//! ```text
//! code sealed ─ on its way ─ (plan: service, sync, profile) ─ read back ─ lock read ─ lift, confirmed
//!     ─ wipe within ten minutes of that ─ (days) ─ a new life ─ confirmed ─ old record removed ─ done
//! ```

use super::request::wipe_of_hand_over;
use super::sending::{Ready, first};
use super::{Held, Round, Turn};
use crate::acts::check::{clear_lift, clear_old_record, clear_wipe};
use crate::acts::evidence::left_behind;
use crate::acts::{ActRecord, ActState, Case, Hold, Leg, Rule, clear, digest};
use crate::apply::executor::apple::life::{Patience, polls};
use crate::ledger::{LedgerError, LedgerView, Request};
use crate::model::act::{ActOptions, ApprovalCode, ApprovalState, FreshLock, Record, RecordId};
use crate::model::clock::Timestamp;
use crate::model::live::{Fact, Unknown};
use crate::model::organisation::ActivationLock;
use crate::model::{Address, Name, Serial};
use crate::plan::build::matched_tokens;
use crate::plan::file::sha256;
use crate::provider::graph::{ApprovalHeader, DeviceCall};

/// Where a hand-over is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checkpoint {
    /// Nothing has begun: the code is sealed, and from then on it is on its way.
    Begin,
    /// It is on its way, and not wiped.
    Move,
    /// The wipe is on its way.
    Wiping,
    /// The wipe took place.
    Wiped,
}

fn checkpoint(record: Option<&ActRecord>) -> Checkpoint {
    let left = |leg| {
        let promise = record.and_then(|record| record.leg(leg));
        promise.filter(|promise| promise.state != ActState::Waiting)
    };
    match (left(Leg::Whole), left(Leg::Wipe).map(|wipe| wipe.state)) {
        (None, _) => Checkpoint::Begin,
        (Some(_), None) => Checkpoint::Move,
        (Some(_), Some(ActState::Done)) => Checkpoint::Wiped,
        (Some(_), Some(_)) => Checkpoint::Wiping,
    }
}

impl Round<'_> {
    pub(super) async fn hand_over(&mut self, at: usize) -> Result<(), LedgerError> {
        let view = self.courier.view()?;
        let point = checkpoint(view.acts.act(&self.errands[at].planned.id));
        drop(view);
        let held = match point {
            Checkpoint::Begin => self.begin_hand_over(at).await?,
            Checkpoint::Move => self.lift_and_wipe(at, None).await?,
            Checkpoint::Wiping => Ok(()),
            Checkpoint::Wiped => self.finish_hand_over(at, None).await?,
        };
        match held {
            Ok(()) => Ok(()),
            Err(held) => self.held(at, held),
        }
    }

    /// The wipe, or the removal of the former record, waits for approval at Intune: asks how far that is, and goes on
    /// where it is given.
    pub(super) async fn hand_over_again(&mut self, at: usize, code: ApprovalCode) -> Result<(), LedgerError> {
        let (realm, ..) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return self.held(at, held),
        };
        let told = match self.courier.graph(&realm) {
            Ok(graph) => graph.approval(&code).await,
            Err(unknown) => return self.held(at, unknown.into()),
        };
        let leg = self.newest_leg(at)?;
        let (to, what) = match told {
            Fact::Unknown(unknown) => return self.held(at, unknown.into()),
            Fact::Known(ApprovalState::NeedsApproval | ApprovalState::Unknown) if leg != Leg::OldRecord => {
                let why = format!("a second person has to approve request {code} at Intune");
                self.errands[at].result.waits(why, None);
                return Ok(());
            }
            Fact::Known(ApprovalState::NeedsApproval | ApprovalState::Unknown | ApprovalState::Approved) => {
                let approved = matches!(told, Fact::Known(ApprovalState::Approved));
                let held = match leg {
                    Leg::OldRecord => self.finish_hand_over(at, Some((code, approved))).await?,
                    Leg::Whole | Leg::Lift | Leg::Wipe => self.lift_and_wipe(at, Some(code)).await?,
                };
                return match held {
                    Ok(()) => Ok(()),
                    Err(held) => self.held(at, held),
                };
            }
            Fact::Known(ApprovalState::Rejected) => (ActState::Failed, "was rejected"),
            Fact::Known(ApprovalState::Cancelled) => (ActState::Failed, "was cancelled"),
            Fact::Known(ApprovalState::Expired) => (ActState::Failed, "expired"),
            Fact::Known(ApprovalState::Completed) => (ActState::Unknown, "was used already"),
        };
        let evidence = format!("request {code} {what} at Intune; what was moved stays moved");
        self.moved(at, leg, to, evidence, None, Vec::new())?;
        self.finish_removed(at).await
    }

    /// Which request of the hand-over was promised last.
    pub(super) fn newest_leg(&self, at: usize) -> Result<Leg, LedgerError> {
        let view = self.courier.view()?;
        let newest = view.acts.act(&self.errands[at].planned.id).and_then(|act| act.promises.last());
        Ok(newest.map_or(Leg::Wipe, |promise| promise.leg))
    }

    /// Ends a hand-over whose removal of the former record has ended in this run, well or badly.
    pub(super) async fn finish_removed(&mut self, at: usize) -> Result<(), LedgerError> {
        let view = self.courier.view()?;
        let record = view.acts.act(&self.errands[at].planned.id);
        let removal = record.and_then(|record| record.leg(Leg::OldRecord));
        let is_over = record.is_some_and(|record| !record.state.has_ended())
            && removal.is_some_and(|removal| removal.state.has_ended());
        drop(view);
        if !is_over {
            return Ok(());
        }
        match self.finish_hand_over(at, None).await? {
            Ok(()) => Ok(()),
            Err(held) => self.held(at, held),
        }
    }

    fn whereto(&self, at: usize) -> Result<(Name, Name), Held> {
        match &self.content(at)?.options {
            ActOptions::HandOver { token, profile } => Ok((token.clone(), profile.clone())),
            _ => Err(stop(Rule::Support, None, "a hand-over needs its `options`", "correct the document")),
        }
    }

    /// The first checkpoint: a fresh record, its code sealed. Nothing is sent to the device.
    async fn begin_hand_over(&mut self, at: usize) -> Turn<()> {
        let (realm, planned, serial) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return Ok(Err(held)),
        };
        let (content, (token, profile)) = match (self.content(at), self.whereto(at)) {
            (Ok(content), Ok(whereto)) => (content, whereto),
            (Err(held), _) | (_, Err(held)) => return Ok(Err(held)),
        };
        let found = self.look_for_code(at, content.kind, &realm, &planned).await;
        let fresh = match self.fresh(&realm, &planned, &serial).await {
            Ok(fresh) => fresh,
            Err(held) => return Ok(Err(held)),
        };
        let view = self.courier.view()?;
        let now = self.courier.now();
        let safeguard = self.courier.vault.safeguard(&realm, content, &view.acts, &fresh, &found, now);
        let safeguard = match safeguard {
            Ok(safeguard) => safeguard,
            Err(hold) => return Ok(Err(hold.into())),
        };
        let standing = self.standing(at, &view);
        let content_digest = digest::content(content);
        let act = &self.errands[at].planned.id;
        let case = Case { act, content, digest: &content_digest, book: &view.acts, born: view.born, now };
        let cleared = match clear(&case, &planned, fresh, safeguard, &standing) {
            Ok(cleared) => cleared,
            Err(hold) => return Ok(Err(hold.into())),
        };
        drop(view);
        let stands = match self.unsealed(&realm, &found, cleared.safeguard()) {
            Some(why) => format!("{}, and {why}", cleared.safeguard()),
            None => cleared.safeguard().to_string(),
        };
        let request = Request {
            tenant: self.courier.tenants.get(&realm).cloned().unwrap_or_default(),
            token: self.errands[at].planned.token.clone(),
            digest: sha256(&format!("handOver {} {serial} {token} {profile}", planned.record)),
            approved_elsewhere: None,
        };
        // The permit is for nothing that is sent: from here on the plan moves the device.
        if self.promise(at, cleared, request)?.is_none() {
            return Ok(Ok(()));
        }
        let evidence = format!("{stands}; on its way to {token} and {profile}");
        self.moved(at, Leg::Whole, ActState::Sent, evidence, None, Vec::new())?;
        let result = &mut self.errands[at].result;
        result.waits(format!("the next plan moves it to {token} and gives it {profile}"), None);
        result.next = Some("run `espalier apply` again: it goes on from there".to_owned());
        Ok(Ok(()))
    }

    /// The device is where it comes back to; its lock is read, lifted and confirmed, and the wipe follows at once.
    async fn lift_and_wipe(&mut self, at: usize, approved: Option<ApprovalCode>) -> Turn<()> {
        let serial = self.errands[at].planned.id.serial;
        if let Err(held) = self.is_at_target(at)? {
            return Ok(Err(held));
        }
        let lock = match self.lock_of(serial).await {
            Ok(lock) => lock,
            Err(held) => return Ok(Err(self.stays_moved(at, held))),
        };
        let lock = match lock.lock() {
            ActivationLock::Off => lock,
            _ if !Rule::LockOff.in_force() => lock,
            ActivationLock::ByMdm | ActivationLock::ByUser => match self.lift(at).await? {
                Ok(Some(lock)) => lock,
                Ok(None) => return Ok(Ok(())),
                Err(held) => return Ok(Err(held)),
            },
        };
        if self.courier.is_stopped() {
            let why = "the run was interrupted before the wipe; any later apply goes on".to_owned();
            return Ok(Err(Held::Hold(Hold::Wait { why, until: None })));
        }
        self.wipe(at, &lock, approved).await
    }

    async fn lock_of(&self, serial: Serial) -> Result<FreshLock, Held> {
        match self.lock(&serial).await {
            Some(Fact::Known(lock)) => Ok(lock),
            Some(Fact::Unknown(Unknown { cause, reason, next })) => {
                let reason = format!(
                    "A-7: its Activation Lock is not known, and a locked device is given to nobody: {reason}"
                );
                Err(Unknown { cause, reason, next }.into())
            }
            None => Err(stop(
                Rule::LockOff,
                Some("A-7"),
                &format!(
                    "no organisation of the folder tells the Activation Lock of {serial}, and a locked device is given to nobody"
                ),
                "write the Connection of the organisation that has it",
            )),
        }
    }

    /// A stop before the wipe says what was moved: nothing of it is put back.
    fn stays_moved(&self, at: usize, held: Held) -> Held {
        let Ok((token, profile)) = self.whereto(at) else { return held };
        let moved = |why: String| format!("{why}; not wiped, and it stays at {token} with {profile}");
        match held {
            Held::Hold(Hold::Stop { rule, row, why, next }) => {
                Held::Hold(Hold::Stop { rule, row, why: moved(why), next })
            }
            Held::Trouble(unknown) => Held::Trouble(Unknown { reason: moved(unknown.reason), ..unknown }),
            held @ Held::Hold(_) => held,
        }
    }

    /// Lifts the lock, and waits until Apple says that it is off. `None`: it is not yet; that is entered.
    async fn lift(&mut self, at: usize) -> Turn<Option<FreshLock>> {
        let view = self.courier.view()?;
        let record = view.acts.act(&self.errands[at].planned.id);
        let before = record.and_then(|record| record.leg(Leg::Lift)).map(|lift| lift.state);
        drop(view);
        let under_way = matches!(
            before,
            Some(ActState::Sent | ActState::Acknowledged | ActState::Unknown | ActState::Promised)
        );
        if !under_way {
            let ready = match self.leg_ready(at, |_| Ok(DeviceCall::BypassActivationLock), None).await? {
                Ok(ready) => ready,
                Err(held) => return Ok(Err(held)),
            };
            self.dispatch(at, Leg::Lift, ready, &first(self.errands[at].content)).await?;
            if !matches!(self.errands[at].result.state, ActState::Acknowledged | ActState::Sent) {
                return Ok(Ok(None));
            }
        }
        let courier = self.courier;
        let patience =
            Patience { clock: &*courier.clock, deadline: courier.deadline, stop: courier.stop.clone() };
        let serial = self.errands[at].planned.id.serial;
        for pause in polls() {
            if !patience.pause(pause).await {
                break;
            }
            let Ok(lock) = self.lock_of(serial).await else { continue };
            if lock.lock() == ActivationLock::Off {
                let evidence = format!("the lock is off, as Apple said at {}", lock.read());
                self.leg_moved(at, Leg::Lift, ActState::Done, evidence)?;
                return Ok(Ok(Some(lock)));
            }
        }
        let result = &mut self.errands[at].result;
        result
            .waits("Apple still shows its Activation Lock; the wipe follows once it is off".to_owned(), None);
        result.next = Some(
            "see that Find My is not opened again on the device (L-6), then run `espalier apply` again"
                .to_owned(),
        );
        Ok(Ok(None))
    }

    /// Moves a request of the hand-over, where the table lets it.
    fn leg_moved(&mut self, at: usize, leg: Leg, to: ActState, evidence: String) -> Result<(), LedgerError> {
        let view = self.courier.view()?;
        let promise = view.acts.act(&self.errands[at].planned.id).and_then(|record| record.leg(leg));
        let may = promise.is_some_and(|promise| promise.state.may_become(to));
        drop(view);
        match may {
            true => self.moved(at, leg, to, evidence, None, Vec::new()),
            false => Ok(()),
        }
    }

    /// A request of the hand-over, over a record that was just read.
    async fn leg_ready(
        &self,
        at: usize,
        call: impl FnOnce(&Record) -> Result<DeviceCall, Hold>,
        wipe: Option<(&FreshLock, Option<&ApprovalCode>)>,
    ) -> Turn<Ready> {
        let (realm, planned, serial) = match self.target(at) {
            Ok(target) => target,
            Err(held) => return Ok(Err(held)),
        };
        let content = match self.content(at) {
            Ok(content) => content,
            Err(held) => return Ok(Err(held)),
        };
        let found = self.look_for_code(at, content.kind, &realm, &planned).await;
        let fresh = match self.fresh(&realm, &planned, &serial).await {
            Ok(fresh) => fresh,
            Err(held) => return Ok(Err(held)),
        };
        let call = match call(fresh.record()) {
            Ok(call) => call,
            Err(hold) => return Ok(Err(hold.into())),
        };
        let record = fresh.record().id.clone();
        let view = self.courier.view()?;
        let now = self.courier.now();
        let safeguard = self.courier.vault.safeguard(&realm, content, &view.acts, &fresh, &found, now);
        let safeguard = match safeguard {
            Ok(safeguard) => safeguard,
            Err(hold) => return Ok(Err(hold.into())),
        };
        let standing = self.standing(at, &view);
        let content_digest = digest::content(content);
        let act = &self.errands[at].planned.id;
        let case = Case { act, content, digest: &content_digest, book: &view.acts, born: view.born, now };
        let cleared = match wipe {
            Some((lock, _)) => clear_wipe(&case, &planned, fresh, lock, safeguard, &standing),
            None => clear_lift(&case, &planned, fresh, safeguard, &standing),
        };
        let approved = wipe.and_then(|(_, approved)| approved).map(ApprovalCode::as_str);
        Ok(match cleared {
            Ok(cleared) => {
                let unsealed = self.unsealed(&realm, &found, cleared.safeguard());
                let ready = self.made_ready(at, cleared, &realm, record, call, approved);
                Ok(Ready { unsealed, ..ready })
            }
            Err(hold) => Err(hold.into()),
        })
    }

    async fn wipe(&mut self, at: usize, lock: &FreshLock, approved: Option<ApprovalCode>) -> Turn<()> {
        let wipe = Some((lock, approved.as_ref()));
        let ready = match self.leg_ready(at, wipe_of_hand_over, wipe).await? {
            Ok(ready) => ready,
            Err(held) => return Ok(Err(held)),
        };
        let header = match approved {
            Some(code) => ApprovalHeader::Again(code),
            None => first(self.errands[at].content),
        };
        self.dispatch(at, Leg::Wipe, ready, &header).await?;
        Ok(Ok(()))
    }

    /// Whether the token of the hand-over lists the device with the profile, as it was read last in this run.
    fn is_at_target(&self, at: usize) -> Turn<()> {
        let (token, profile) = match self.whereto(at) {
            Ok(whereto) => whereto,
            Err(held) => return Ok(Err(held)),
        };
        let serial = self.errands[at].planned.id.serial;
        let view = self.courier.view()?;
        if !Rule::NextLife.stops(!self.lists(&view, &token, &profile, &serial)) {
            return Ok(Ok(()));
        }
        let why =
            format!("until {token} lists it with the profile {profile}: what it comes back to is read first");
        Ok(Err(Held::Hold(Hold::Wait { why, until: None })))
    }

    fn lists(&self, view: &LedgerView, token: &Name, profile: &Name, serial: &Serial) -> bool {
        let ground = &self.courier.ground;
        let found = || {
            let document = ground.desired.tokens.get(token)?;
            let tenant = ground.live.tenants.get(&document.realm)?;
            let known = tenant.tokens.known()?;
            let id = matched_tokens(ground.desired, view, &document.realm, known).remove(token)?;
            let devices = tenant.devices.get(&id)?.known()?;
            let device = devices.find(serial).filter(|device| !device.released)?;
            let wished = view.owned.get(&Address::profile(profile, token))?.object.clone()?;
            Some(devices.profile_of(device) == Some(&wished))
        };
        found().unwrap_or(false)
    }

    /// The wipe took place: the new life is confirmed, the record of the former one is removed where there is a
    /// second one, and the hand-over is done. `removal`: the approval at Intune that the removal waits for, and
    /// whether it was given.
    async fn finish_hand_over(&mut self, at: usize, removal: Option<(ApprovalCode, bool)>) -> Turn<()> {
        let (realm, former, serial) = match self.former(at)? {
            Ok(former) => former,
            Err(held) => return Ok(Err(held)),
        };
        let (content, (token, profile)) = match (self.content(at), self.whereto(at)) {
            (Ok(content), Ok(whereto)) => (content, whereto),
            (Err(held), _) | (_, Err(held)) => return Ok(Err(held)),
        };
        let courier = self.courier;
        let Some(records) = courier.records(&realm) else {
            let why = format!("the records of {realm} could not be read");
            return Ok(Err(Held::Hold(Hold::Wait { why, until: None })));
        };
        let wiped = self.wiped_at(at)?.unwrap_or(Timestamp::MAX);
        let is_new =
            |record: &&Record| record.epoch().is_some_and(|epoch| epoch != former && epoch.enrolled > wiped);
        let is_late = courier.now() >= content.expires;
        let Some(new) = records.of(&serial).find(is_new) else {
            if is_late {
                let why =
                    format!("its time was over at {}, half-way: nothing is rolled back", content.expires);
                let next = "see whether the device was set up again, and say so: `espalier action resolve`";
                return Ok(Err(stop(Rule::Expiry, None, &why, next)));
            }
            let why = format!("for the device to be set up: it comes back to {token}");
            self.errands[at].result.waits(why, None);
            self.errands[at].result.next =
                Some("power the device on and follow Setup Assistant (D-1)".to_owned());
            return Ok(Ok(()));
        };
        let view = courier.view()?;
        let is_there = self.lists(&view, &token, &profile, &serial);
        drop(view);
        if !is_there {
            let why = format!("{token} does not list it with the profile {profile} any more");
            let next = "see what the device enrolled with; what was moved stays moved";
            return Ok(Err(stop(Rule::NextLife, Some("A-4"), &why, next)));
        }
        let enrolled = new.enrolled.map_or_else(String::new, |at| format!(" at {at}"));
        let done = format!(
            "the device was set up again{enrolled}, with record {}, from {token} with {profile}",
            new.id
        );
        let old = records
            .of(&serial)
            .find(|record| record.epoch().as_ref() == Some(&former) && record.id != new.id);
        let (state, said) = self.removal_of(at)?;
        let Some(old) = old else {
            if state == Some(ActState::ApprovalElsewhere) {
                let evidence = "a complete list does not show the record any more".to_owned();
                self.leg_moved(at, Leg::OldRecord, ActState::Superseded, evidence)?;
            }
            return self.handed_over(at, done, None);
        };
        match (state, removal) {
            // It stays in the list for a while.
            (Some(ActState::Done), _) => self.handed_over(at, format!("{done}; {said}"), None),
            // What could not be removed does not undo what was done: the device is where it was to be.
            (Some(state), _) if state.has_ended() => {
                let left = left_behind(&old.id);
                self.handed_over(at, format!("{done}; its removal {state}: {said}"), Some(left))
            }
            // Nothing is sent when its time is over.
            (None | Some(ActState::Waiting), _) if is_late => {
                self.handed_over(at, done, Some(left_behind(&old.id)))
            }
            (None | Some(ActState::Waiting), _) => {
                let (old, new) = (old.id.clone(), new.clone());
                self.remove_old(at, &old, &new, None).await
            }
            (Some(ActState::ApprovalElsewhere), removal) if is_late => {
                let what = removal.map_or_else(String::new, |(code, _)| format!("request {code}: "));
                let evidence = format!("{what}its time was over at {}", content.expires);
                self.leg_moved(at, Leg::OldRecord, ActState::Expired, evidence)?;
                self.handed_over(at, done, Some(left_behind(&old.id)))
            }
            (Some(ActState::ApprovalElsewhere), Some((code, true))) => {
                let (old, new) = (old.id.clone(), new.clone());
                self.remove_old(at, &old, &new, Some(code)).await
            }
            (Some(ActState::ApprovalElsewhere), Some((code, false))) => {
                let why = format!("a second person has to approve request {code} at Intune");
                self.errands[at].result.waits(why, None);
                Ok(Ok(()))
            }
            (Some(_), _) => {
                let why = format!("for record {} of the former life to go", old.id);
                self.errands[at].result.waits(why, None);
                Ok(Ok(()))
            }
        }
    }

    /// Where the removal of the former record stands, and what that rests on.
    fn removal_of(&self, at: usize) -> Result<(Option<ActState>, String), LedgerError> {
        let view = self.courier.view()?;
        let record = view.acts.act(&self.errands[at].planned.id);
        let removal = record.and_then(|record| record.leg(Leg::OldRecord));
        Ok((removal.map(|one| one.state), removal.map_or_else(String::new, |one| one.evidence.clone())))
    }

    /// The end. `left`: what a person still has to do.
    fn handed_over(&mut self, at: usize, evidence: String, left: Option<String>) -> Turn<()> {
        let evidence = match &left {
            Some(left) => format!("{evidence}; {left}"),
            None => evidence,
        };
        self.moved(at, Leg::Whole, ActState::Done, evidence, None, Vec::new())?;
        let result = &mut self.errands[at].result;
        (result.waits, result.next) = (None, left);
        Ok(Ok(()))
    }

    /// The life that the hand-over was for, and where.
    fn former(&self, at: usize) -> Turn<(crate::model::Realm, crate::model::Epoch, Serial)> {
        let view = self.courier.view()?;
        let id = &self.errands[at].planned.id;
        let promise = view.acts.act(id).and_then(|record| record.leg(Leg::Whole));
        let found = promise.and_then(|promise| {
            let realm = self.courier.lookout().realm_of(&promise.tenant)?.clone();
            Some((realm, promise.epoch.clone(), id.serial))
        });
        Ok(found.ok_or_else(|| {
            let why = "the tenant that it began in is not among the documents".to_owned();
            Held::Hold(Hold::Wait { why, until: None })
        }))
    }

    fn wiped_at(&self, at: usize) -> Result<Option<Timestamp>, LedgerError> {
        let view = self.courier.view()?;
        let record = view.acts.act(&self.errands[at].planned.id);
        Ok(record.and_then(|record| record.leg(Leg::Wipe)).map(|wipe| wipe.at))
    }

    /// Removes the record of the former life, of which another one with another id took the place.
    async fn remove_old(
        &mut self,
        at: usize,
        old: &RecordId,
        new: &Record,
        approved: Option<ApprovalCode>,
    ) -> Turn<()> {
        let (realm, former, serial) = match self.former(at)? {
            Ok(former) => former,
            Err(held) => return Ok(Err(held)),
        };
        let content = match self.content(at) {
            Ok(content) => content,
            Err(held) => return Ok(Err(held)),
        };
        let fresh = match self.fresh(&realm, &former, &serial).await {
            Ok(fresh) => fresh,
            Err(held) => return Ok(Err(held)),
        };
        let view = self.courier.view()?;
        let now = self.courier.now();
        let found = super::vault::Found::default();
        let safeguard = match self.courier.vault.safeguard(&realm, content, &view.acts, &fresh, &found, now) {
            Ok(safeguard) => safeguard,
            Err(hold) => return Ok(Err(hold.into())),
        };
        let standing = self.standing(at, &view);
        let content_digest = digest::content(content);
        let act = &self.errands[at].planned.id;
        let case = Case { act, content, digest: &content_digest, book: &view.acts, born: view.born, now };
        let cleared = match clear_old_record(&case, &former, fresh, new, safeguard, &standing) {
            Ok(cleared) => cleared,
            Err(hold) => return Ok(Err(hold.into())),
        };
        drop(view);
        let code = approved.as_ref().map(ApprovalCode::as_str);
        let ready = self.made_ready(at, cleared, &realm, old.clone(), DeviceCall::DeleteRecord, code);
        let header = match approved {
            Some(code) => ApprovalHeader::Again(code),
            None => first(self.errands[at].content),
        };
        self.dispatch(at, Leg::OldRecord, ready, &header).await?;
        if self.errands[at].result.state == ActState::Unknown {
            let next = format!(
                "see whether record {old} of the former life is still in the portal, and delete it there (D-3): a later apply sees that it is gone, and the hand-over is done"
            );
            self.errands[at].result.next = Some(next);
        }
        match self.removal_of(at)?.0 {
            Some(state) if state.has_ended() => Box::pin(self.finish_hand_over(at, None)).await,
            _ => Ok(Ok(())),
        }
    }
}

fn stop(rule: Rule, row: Option<&'static str>, why: &str, next: &str) -> Held {
    Held::Hold(Hold::Stop { rule, row, why: why.to_owned(), next: next.to_owned() })
}
