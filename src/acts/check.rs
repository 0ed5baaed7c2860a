//! What stands between an act and its device: asked when it is planned, and again right before it is sent.

use super::book::{ActBook, BoundAction};
use super::event::{ApprovedBy, Leg};
use super::mutation::Rule;
use super::safeguard::{LOCK_IS_FRESH, Safeguard, SafeguardKind};
use super::standing::{GOOD_FOR, Standing};
use super::state::ActState;
use super::support::{self, Verdict};
use crate::model::act::{ActContent, FreshLock, FreshRecord, Record};
use crate::model::clock::{Timestamp, after, between};
use crate::model::organisation::ActivationLock;
use crate::model::{ActId, ActionKind, Class, Epoch, Sealed, Serial};

/// How far `requestedAt` may lie ahead of the service's clock (manifests.md, `DeviceAction`).
pub const AHEAD: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// Everything about an act that is known without its record.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The act.
    pub act: &'a ActId,
    /// What its document asks for, as it stands now.
    pub content: &'a ActContent,
    /// `sha256:` and hex over that ([`super::digest::content`]).
    pub digest: &'a str,
    /// The ledger's acts.
    pub book: &'a ActBook,
    /// When the ledger was born; later where it was put back from a copy.
    pub born: Timestamp,
    /// The service's clock.
    pub now: Timestamp,
}

impl Case<'_> {
    /// Whether it is a hand-over that has begun and goes from request to request.
    fn is_half_way(&self) -> bool {
        let Some(record) = self.book.act(self.act) else { return false };
        let is_between = match record.state {
            ActState::Sent | ActState::Acknowledged => true,
            // What waits for approval after the wipe is the removal of the former record.
            ActState::ApprovalElsewhere => record.has_wiped(),
            _ => false,
        };
        self.content.kind == ActionKind::HandOver && is_between
    }

    /// Whether it is a hand-over that has wiped the device, or may have.
    fn has_wiped(&self) -> bool {
        let wipe = self.book.act(self.act).and_then(|record| record.leg(Leg::Wipe));
        wipe.is_some_and(|wipe| wipe.state != ActState::Waiting)
    }
}

/// Why an act is not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It waits, and goes on by itself.
    Wait {
        /// For what.
        why: String,
        /// Until when at the latest, where that is known.
        until: Option<Timestamp>,
    },
    /// It is stopped until a person does something.
    Stop {
        /// The rule.
        rule: Rule,
        /// The requirement row, where there is one.
        row: Option<&'static str>,
        /// What is the matter.
        why: String,
        /// What to do next.
        next: String,
    },
    /// It has come to its end without being sent.
    End {
        /// As what.
        state: ActState,
        /// The requirement row, where there is one.
        row: Option<&'static str>,
        /// Why.
        why: String,
    },
}

impl Hold {
    fn wait(why: impl Into<String>) -> Self {
        Hold::Wait { why: why.into(), until: None }
    }

    fn stop(rule: Rule, row: Option<&'static str>, why: impl Into<String>, next: impl Into<String>) -> Self {
        Hold::Stop { rule, row, why: why.into(), next: next.into() }
    }

    fn end(state: ActState, row: Option<&'static str>, why: impl Into<String>) -> Self {
        Hold::End { state, row, why: why.into() }
    }
}

/// An act that may be promised now. Made by the `clear` functions alone, used up by the ledger.
#[derive(Debug)]
pub struct Cleared {
    act: ActId,
    leg: Leg,
    epoch: Epoch,
    safeguard: SafeguardKind,
    sealed: Option<Sealed>,
    approved_by: Vec<ApprovedBy>,
    checked: Timestamp,
}

impl Cleared {
    /// The act.
    pub fn act(&self) -> &ActId {
        &self.act
    }

    /// Which request of it.
    pub fn leg(&self) -> Leg {
        self.leg
    }

    /// The life of the device.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// What stands for the device's code.
    pub fn safeguard(&self) -> &SafeguardKind {
        &self.safeguard
    }

    /// When the check was made.
    pub fn checked(&self) -> Timestamp {
        self.checked
    }

    pub(crate) fn into_parts(self) -> (ActId, Leg, Epoch, SafeguardKind, Option<Sealed>, Vec<ApprovedBy>) {
        let Self { act, leg, epoch, safeguard, sealed, approved_by, checked: _ } = self;
        (act, leg, epoch, safeguard, sealed, approved_by)
    }
}

/// What is in the way of an act by its document and the ledger alone: the identity, the content, the times.
pub fn judge_document(case: &Case<'_>) -> Option<Hold> {
    let Case { act, content, digest, book, born, now } = *case;
    if Rule::Future.stops(content.requested_at > after(now, AHEAD)) {
        let why = format!("requestedAt {} lies ahead of the service's clock, {now}", content.requested_at);
        return Some(Hold::stop(Rule::Future, None, why, "put the present time there"));
    }
    if let Some(bound) = book.action(&act.action)
        && let Some(hold) = against_bound(act, digest, bound)
    {
        return Some(hold);
    }
    if let Some(record) = book.act(act) {
        if record.state.has_ended() {
            let tombstone = record.state == ActState::Cancelled;
            let rule = if tombstone { Rule::Tombstone } else { Rule::Once };
            if rule.in_force() {
                return Some(Hold::end(record.state, None, record.evidence.clone()));
            }
        }
        // What is on its way is followed. Of a hand-over the next request may be due.
        if Rule::Once.stops(record.state.is_under_way() && !case.is_half_way()) {
            return Some(Hold::wait(format!("it is {}: it is followed, and never sent again", record.state)));
        }
    }
    // What was seen by this ledger before it was put back from a copy may have gone on elsewhere.
    if Rule::Birth.stops(content.requested_at < born) {
        let why = format!(
            "it was requested at {}, before the ledger was born at {born}: what came of it is not known",
            content.requested_at
        );
        let next = format!(
            "see what became of the device, then `espalier action resolve {} {} --as done|failed|lost --reason TEXT`; to ask anew, use a new name",
            act.action, act.serial
        );
        return Some(Hold::stop(Rule::Birth, None, why, next));
    }
    if Rule::Expiry.stops(now >= content.expires) {
        if case.is_half_way() && case.has_wiped() {
            let why = format!("its time was over at {}, half-way: nothing is rolled back", content.expires);
            let next = format!(
                "see in `espalier journal` what was done and finish it by hand, then `espalier action resolve {} {} --as done|failed|lost --reason TEXT`",
                act.action, act.serial
            );
            return Some(Hold::stop(Rule::Expiry, None, why, next));
        }
        let why = match case.is_half_way() {
            true => format!(
                "its time was over at {}, before the wipe; what was moved stays moved",
                content.expires
            ),
            false => format!("its time was over at {}, before it could be sent", content.expires),
        };
        return Some(Hold::end(ActState::Expired, None, why));
    }
    None
}

fn against_bound(act: &ActId, digest: &str, bound: &BoundAction) -> Option<Hold> {
    let next = "undo the change; what is to be done otherwise, or to other devices, takes a new name";
    if Rule::Content.stops(bound.content != digest) {
        let why = format!("DeviceAction/{} was changed after it had been seen on {}", act.action, bound.at);
        return Some(Hold::stop(Rule::Content, None, why, next));
    }
    if Rule::Serials.stops(!bound.serials.contains(&act.serial)) {
        let why = format!("{} was added to DeviceAction/{} after it had been seen", act.serial, act.action);
        return Some(Hold::stop(Rule::Serials, None, why, next));
    }
    None
}

/// What is in the way of an act on a record: its identity, its life, what is expected of it, what it can do,
/// what is under way. `twins`: how many other live records carry the serial.
pub fn judge(case: &Case<'_>, record: &Record, twins: usize) -> Option<Hold> {
    if let Some(hold) = judge_document(case) {
        return Some(hold);
    }
    if Rule::Unambiguous.stops(twins > 0) {
        return Some(ambiguous(case.act.serial, twins + 1));
    }
    judge_record(case, record)
}

/// More than one record carries a serial, in one tenant or over several.
pub fn ambiguous(serial: Serial, records: usize) -> Hold {
    let why = format!("{records} live records carry the serial {serial}");
    let next = "delete the stale record in the portal; which one that is, its last check-in tells";
    Hold::stop(Rule::Unambiguous, Some("D-3"), why, next)
}

fn judge_record(case: &Case<'_>, record: &Record) -> Option<Hold> {
    let Case { act, content, book, .. } = *case;
    let serial = act.serial;
    if Rule::Serial.stops(record.serial != Some(serial)) {
        let shown = record.serial.map_or("none".to_owned(), |shown| shown.to_string());
        let why = format!("record {} carries the serial {shown} and not {serial}", record.id);
        return Some(Hold::stop(Rule::Serial, None, why, "look at the device in the portal"));
    }
    let Some(epoch) = record.epoch() else { return Some(no_epoch(record)) };
    if let Some(bound) = book.act(act).and_then(|record| record.epoch())
        && Rule::Epoch.stops(*bound != epoch)
    {
        let why = format!("it was for {bound}, and the device is in another life: {epoch}");
        return Some(other_life(case, why));
    }
    if Rule::Life.stops(content.requested_at < epoch.enrolled) {
        let why = format!(
            "it was requested at {}, and the device began its present life at {}",
            content.requested_at, epoch.enrolled
        );
        return Some(other_life(case, why));
    }
    if let Some(hold) = unexpected(content, Some(record)) {
        return Some(hold);
    }
    if Rule::Supervision.stops(content.kind.needs_safeguard() && record.supervised.is_none()) {
        let why = "the MDM does not say whether the device is supervised, and a bypass code hangs on that";
        return Some(Hold::stop(Rule::Supervision, Some("L-4"), why, "sync the device and run it again"));
    }
    let cell = support::cell(content.kind, record);
    // Lost mode comes and goes: what needs it waits for it.
    if cell.verdict == Verdict::No && record.lost_mode == Some(false) {
        let lost = Record { lost_mode: Some(true), ..record.clone() };
        if Rule::Support.in_force() && support::cell(content.kind, &lost).verdict == Verdict::Yes {
            return Some(Hold::wait(format!("for lost mode: {} needs it (R-2)", content.kind)));
        }
    }
    if Rule::Support.stops(cell.verdict != Verdict::Yes) {
        return Some(Hold::stop(Rule::Support, Some(cell.row), cell.refusal(), cell.next()));
    }
    overlap(case)
}

fn no_epoch(record: &Record) -> Hold {
    let why = format!("the MDM does not say when record {} was enrolled", record.id);
    Hold::stop(Rule::Epoch, None, why, "look at the device in the portal")
}

/// The device is in another life than the act: it is over. A hand-over that has begun is a person's to look at.
fn other_life(case: &Case<'_>, why: String) -> Hold {
    if case.is_half_way() {
        let next = "see in `espalier journal` what was done; nothing is rolled back";
        return Hold::stop(Rule::Epoch, None, why, next);
    }
    Hold::end(ActState::Superseded, None, why)
}

/// A destructive act of the device, of which nobody knows the end, comes first.
fn overlap(case: &Case<'_>) -> Option<Hold> {
    let Case { act, content, book, .. } = *case;
    if content.kind.class() < Class::Destructive {
        return None;
    }
    let (other, one) = book.destroying(&act.serial, act)?;
    if !Rule::Overlap.in_force() {
        return None;
    }
    let why = format!("{other} is {} and not known to have ended", one.state);
    Some(match one.state {
        ActState::Unknown => {
            let next = format!(
                "see what became of the device, then `espalier action resolve {} {} --as done|failed|lost --reason TEXT`",
                other.action, act.serial
            );
            Hold::stop(Rule::Overlap, None, why, next)
        }
        _ => Hold::wait(why),
    })
}

/// What is not as `devices.expect` says. `None` for a record: nobody shows what could be compared.
fn unexpected(content: &ActContent, record: Option<&Record>) -> Option<Hold> {
    let expect = &content.expect;
    if expect.is_empty() || !Rule::Expect.in_force() {
        return None;
    }
    let next = "check the serial; what is to be done otherwise takes a new name";
    let Some(record) = record else {
        let why = "no record at the MDM shows what the document expects of the device";
        return Some(Hold::stop(Rule::Expect, None, why, next));
    };
    let pairs = [
        ("model", &expect.model, &record.model),
        ("user", &expect.user, &record.user),
        ("name", &expect.name, &record.name),
    ];
    let plain = |text: &str| text.trim().to_lowercase();
    let differs = |wished: &Option<String>, shown: &str| {
        wished.as_ref().is_some_and(|wished| plain(wished) != plain(shown))
    };
    let (what, wished, shown) = pairs.into_iter().find(|(_, wished, shown)| differs(wished, shown))?;
    let wished = wished.as_deref().unwrap_or_default();
    let why = format!("its {what} is {shown:?}, and the document expects {wished:?}");
    Some(Hold::stop(Rule::Expect, None, why, next))
}

/// The last check of an act on a device: over a record that was read right before, with what stands for the
/// device's code and what the gates say at this instant. `planned` is the life of the device that the plan saw:
/// what was looked at and approved. Of a hand-over: of its first checkpoint.
///
/// # Errors
/// What is in the way; then nothing is sent.
pub fn clear(
    case: &Case<'_>,
    planned: &Epoch,
    fresh: FreshRecord,
    safeguard: Safeguard,
    standing: &Standing,
) -> Result<Cleared, Hold> {
    belongs(case, |kind| kind != ActionKind::Release)?;
    if case.is_half_way() {
        return Err(Hold::wait("it has begun: its next request is another one"));
    }
    let epoch = look(case, planned, &fresh, fresh.twins())?;
    finish(case, Leg::Whole, epoch, safeguard, standing)
}

/// The last check before a hand-over lifts the device's Activation Lock.
///
/// # Errors
/// As [`clear`].
pub fn clear_lift(
    case: &Case<'_>,
    planned: &Epoch,
    fresh: FreshRecord,
    safeguard: Safeguard,
    standing: &Standing,
) -> Result<Cleared, Hold> {
    belongs(case, |kind| kind == ActionKind::HandOver)?;
    let epoch = look(case, planned, &fresh, fresh.twins())?;
    finish(case, Leg::Lift, epoch, safeguard, standing)
}

/// The last check before a hand-over wipes: Apple said within the last ten minutes that the lock is off.
///
/// # Errors
/// As [`clear`]; [`Hold::Wait`] where the lock is not known to be off: it is read again, and lifted again.
pub fn clear_wipe(
    case: &Case<'_>,
    planned: &Epoch,
    fresh: FreshRecord,
    lock: &FreshLock,
    safeguard: Safeguard,
    standing: &Standing,
) -> Result<Cleared, Hold> {
    belongs(case, |kind| kind == ActionKind::HandOver)?;
    let epoch = look(case, planned, &fresh, fresh.twins())?;
    unlocked(case, lock)?;
    finish(case, Leg::Wipe, epoch, safeguard, standing)
}

/// The last check before a hand-over removes the record of the former life: the device has a second record with
/// another id, of a life that began after the wipe was promised. `old` is the record that goes.
///
/// # Errors
/// As [`clear`].
pub fn clear_old_record(
    case: &Case<'_>,
    planned: &Epoch,
    old: FreshRecord,
    new: &Record,
    safeguard: Safeguard,
    standing: &Standing,
) -> Result<Cleared, Hold> {
    belongs(case, |kind| kind == ActionKind::HandOver)?;
    let wiped = case.book.act(case.act).and_then(|record| record.leg(Leg::Wipe)).map(|wipe| wipe.at);
    let is_second = new.id != old.record().id
        && new.serial == Some(case.act.serial)
        && wiped.zip(new.enrolled).is_some_and(|(wiped, enrolled)| enrolled > wiped)
        && old.twins() == 1;
    if Rule::SecondRecord.stops(!is_second) {
        let why = "no single second record with another id shows that the device began its next life";
        return Err(Hold::stop(Rule::SecondRecord, Some("S-5"), why, "look at the device in the portal"));
    }
    let epoch = look(case, planned, &old, 0)?;
    finish(case, Leg::OldRecord, epoch, safeguard, standing)
}

/// The last check of a release, which is for a device in its organisation at Apple and needs no record.
/// `epoch`: the device there, as it was read right before. `seen`: the one record at an MDM that carries the
/// serial; `None` only where every MDM was read and none has one. `lock`: as Apple told it within ten minutes.
///
/// # Errors
/// As [`clear`].
pub fn clear_release(
    case: &Case<'_>,
    planned: &Epoch,
    epoch: Epoch,
    seen: Option<&Record>,
    lock: &FreshLock,
    safeguard: Safeguard,
    standing: &Standing,
) -> Result<Cleared, Hold> {
    belongs(case, |kind| kind == ActionKind::Release)?;
    if let Some(hold) = judge_release(case, Some(&epoch), seen) {
        return Err(hold);
    }
    if Rule::Epoch.stops(epoch != *planned) {
        let why = format!("it was planned for {planned}, and Apple shows {epoch}");
        return Err(Hold::end(ActState::Superseded, None, why));
    }
    unlocked(case, lock)?;
    finish(case, Leg::Whole, epoch, safeguard, standing)
}

/// What is in the way of a release of a device that its organisation lists. `epoch`: `None` where its list does not
/// tell since when it has the device, which [`clear_release`] has to know. `seen`: as there; where it is known, the
/// request has to lie within that life, too.
pub fn judge_release(case: &Case<'_>, epoch: Option<&Epoch>, seen: Option<&Record>) -> Option<Hold> {
    if let Some(hold) = judge_document(case) {
        return Some(hold);
    }
    if let (Some(bound), Some(epoch)) = (case.book.act(case.act).and_then(|record| record.epoch()), epoch)
        && Rule::Epoch.stops(bound != epoch)
    {
        let why = format!("it was for {bound}, and Apple shows {epoch}");
        return Some(Hold::end(ActState::Superseded, None, why));
    }
    if let Some(epoch) = epoch
        && Rule::Life.stops(case.content.requested_at < epoch.enrolled)
    {
        let why = format!("it was added to the organisation at {}, after the request", epoch.enrolled);
        return Some(Hold::end(ActState::Superseded, None, why));
    }
    let seen = seen.filter(|record| record.serial == Some(case.act.serial));
    // Apple's date stays while a device is wiped and comes back: its life is the one at the MDM.
    if let Some(record) = seen {
        let Some(enrolled) = record.enrolled else { return Some(no_epoch(record)) };
        if Rule::Life.stops(case.content.requested_at < enrolled) {
            let why = format!(
                "it was requested at {}, and the device began its present life at the MDM at {enrolled}",
                case.content.requested_at
            );
            return Some(Hold::end(ActState::Superseded, None, why));
        }
    }
    unexpected(case.content, seen).or_else(|| overlap(case))
}

/// Each way to the wire is for its own kinds.
fn belongs(case: &Case<'_>, is_for: impl Fn(ActionKind) -> bool) -> Result<(), Hold> {
    match is_for(case.content.kind) {
        true => Ok(()),
        false => Err(Hold::wait(format!("a {} goes another way", case.content.kind))),
    }
}

/// The record as it was read right before.
fn look(case: &Case<'_>, planned: &Epoch, fresh: &FreshRecord, twins: usize) -> Result<Epoch, Hold> {
    let record = fresh.record();
    if between(fresh.read(), case.now) > GOOD_FOR {
        return Err(Hold::wait(format!("its record was read at {}: it is read again", fresh.read())));
    }
    if let Some(hold) = judge(case, record, twins) {
        return Err(hold);
    }
    let epoch = record.epoch().ok_or_else(|| no_epoch(record))?;
    if Rule::Epoch.stops(epoch != *planned) {
        let why = format!("it was planned for {planned}, and the device is in another life: {epoch}");
        return Err(other_life(case, why));
    }
    Ok(epoch)
}

fn unlocked(case: &Case<'_>, lock: &FreshLock) -> Result<(), Hold> {
    let is_off = lock.serial() == case.act.serial
        && lock.lock() == ActivationLock::Off
        && between(lock.read(), case.now) <= LOCK_IS_FRESH;
    match Rule::LockOff.stops(!is_off) {
        false => Ok(()),
        true => {
            Err(Hold::wait("Apple has not said within the last ten minutes that its Activation Lock is off"))
        }
    }
}

fn finish(
    case: &Case<'_>,
    leg: Leg,
    epoch: Epoch,
    safeguard: Safeguard,
    standing: &Standing,
) -> Result<Cleared, Hold> {
    if let Some(hold) = standing.hold(case.act, case.now) {
        return Err(hold);
    }
    let act = case.act.clone();
    if Rule::Safeguard.stops(!safeguard.covers(case.content.kind, act.serial, &epoch)) {
        let why = "what stands for its bypass code is of another device or another life";
        return Err(Hold::stop(Rule::Safeguard, Some("L-4"), why, "run it again"));
    }
    let (safeguard, sealed) = safeguard.into_parts();
    let approved_by = standing.approved_by.clone();
    Ok(Cleared { act, leg, epoch, safeguard, sealed, approved_by, checked: case.now })
}
