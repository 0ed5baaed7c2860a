//! What came of a request: from the MDM's own record of results, the device's record and what it became. PURE.
//!
//! Evidence stands beside the ledger (design section 5, "States"): it can be missing, stale, or about an earlier
//! request of the same name. What it does not prove it does not tell.

use std::time::Duration;

use super::book::{ActBook, Promise};
use super::event::Leg;
use super::mutation::Rule;
use super::state::ActState;
use crate::model::act::{
    ActContent, ActOptions, ActionResult, ActionState, ManagementState, Record, RecordId, Records,
};
use crate::model::clock::{Timestamp, after};
use crate::model::{ActId, ActionKind, Class};

/// How far the clocks of two machines may be apart: a result that began earlier than the promise by more is of an
/// earlier request.
pub const SKEW: Duration = Duration::from_secs(2 * 60);

/// How long after its record was seen to be gone a wiped device is waited for.
pub const LOST_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Where a request stands, as evidence tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The new state.
    pub to: ActState,
    /// What it rests on, for people.
    pub evidence: String,
}

/// The record that a promise was for, as it is now.
#[derive(Clone, Copy, Debug)]
pub enum SeenRecord<'a> {
    /// It is there, in this life or a later one.
    Here(&'a Record),
    /// A list that was read to its last page does not show it.
    Gone,
    /// Nobody knows.
    Unread,
}

/// All that is known of a request.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// What the request does; of a hand-over what this leg does ([`kind_of`]).
    pub kind: ActionKind,
    /// The request.
    pub promise: &'a Promise,
    /// From this instant on results are of a later request of the same name; `None`: there is none.
    pub until: Option<Timestamp>,
    /// `expires` of the document.
    pub expires: Timestamp,
    /// The name that a rename wishes; `None` for other kinds and where the document is gone.
    pub rename_to: Option<&'a str>,
    /// The record of the promise.
    pub record: SeenRecord<'a>,
    /// Every other record with the serial.
    pub others: &'a [&'a Record],
    /// What the tenant remembers of the record.
    pub audits: &'a [ActionResult],
    /// An act that overtook it: the MDM drops what is pending then.
    pub overtaken: Option<&'a ActId>,
    /// The service's clock.
    pub now: Timestamp,
}

/// What a leg of an act does.
pub const fn kind_of(kind: ActionKind, leg: Leg) -> ActionKind {
    match leg {
        Leg::Whole => kind,
        Leg::Lift => ActionKind::DisableActivationLock,
        Leg::Wipe => ActionKind::Wipe,
        Leg::OldRecord => ActionKind::DeleteRecord,
    }
}

/// The names under which results speak of an action: the tenant's word for it and that of the request. Which of
/// them results use is not documented, so both count, in any case of letters.
pub const fn names(kind: ActionKind) -> &'static [&'static str] {
    match kind {
        ActionKind::Sync => &["syncDevice"],
        ActionKind::PlaySound => &["playLostModeSound"],
        ActionKind::Locate => &["locateDevice"],
        ActionKind::Lock => &["remoteLock"],
        ActionKind::EnableLostMode => &["enableLostMode"],
        ActionKind::DisableLostMode => &["disableLostMode"],
        ActionKind::Restart => &["rebootNow"],
        ActionKind::ShutDown => &["shutDown"],
        ActionKind::Rename => &["setDeviceName"],
        ActionKind::LogOutSharedIpadUser => &["logoutSharedAppleDeviceActiveUser"],
        ActionKind::ClearPasscode => &["resetPasscode"],
        ActionKind::DisableActivationLock => &["bypassActivationLock"],
        ActionKind::Retire => &["removeCompanyData", "retire"],
        ActionKind::DeleteRecord => &["delete"],
        ActionKind::DeleteSharedIpadUser => &["deleteUserFromSharedAppleDevice"],
        ActionKind::Wipe => &["factoryReset", "wipe"],
        // Nothing is sent to the device, or not by one request.
        ActionKind::EscrowBypassCode | ActionKind::HandOver | ActionKind::Release => &[],
    }
}

/// Whether a result is of this request: of its name, begun after the promise, and before a later request.
fn is_about(result: &ActionResult, seen: &Seen<'_>) -> bool {
    let is_named = names(seen.kind).iter().any(|name| result.name.trim().eq_ignore_ascii_case(name));
    // One that does not tell when it began may be of any request.
    let Some(started) = result.started else { return false };
    let is_late_enough = after(started, SKEW) >= seen.promise.at;
    is_named && is_late_enough && seen.until.is_none_or(|until| started < until)
}

/// Which of several states of one request tells most.
const fn weight(state: ActionState) -> u8 {
    match state {
        ActionState::None => 0,
        ActionState::Pending => 1,
        ActionState::Active => 2,
        ActionState::Canceled => 3,
        ActionState::Failed => 4,
        ActionState::NotSupported => 5,
        ActionState::Done => 6,
    }
}

/// What is known now of a request that is open; `None`: nothing new.
pub fn judge(seen: &Seen<'_>) -> Option<Told> {
    // A hand-over goes by its requests, and what is done at Apple shows at Apple.
    if matches!(seen.kind, ActionKind::HandOver | ActionKind::Release) {
        return None;
    }
    let from = seen.promise.state;
    // The former record goes after the new life began: that life tells nothing of it, until it is over, too.
    let life = || match seen.promise.leg {
        Leg::OldRecord if from != ActState::ApprovalElsewhere => None,
        _ => new_life(seen),
    };
    let told = life()
        .or_else(|| by_result(seen))
        .or_else(|| by_effect(seen))
        .or_else(|| by_overtaking(seen))
        .or_else(|| by_time(seen))?;
    (told.to != from && from.may_become(told.to)).then_some(told)
}

fn tell(to: ActState, evidence: impl Into<String>) -> Option<Told> {
    Some(Told { to, evidence: evidence.into() })
}

/// Whether the device is known to be in the life that the request was for.
fn same_life<'a>(seen: &Seen<'a>) -> Option<&'a Record> {
    match seen.record {
        SeenRecord::Here(record) if record.enrolled == Some(seen.promise.epoch.enrolled) => Some(record),
        SeenRecord::Here(_) | SeenRecord::Gone | SeenRecord::Unread => None,
    }
}

/// The device was enrolled anew after the promise: with the same record or another one.
fn new_life(seen: &Seen<'_>) -> Option<Told> {
    let here = match seen.record {
        SeenRecord::Here(record) => Some(record),
        SeenRecord::Gone | SeenRecord::Unread => None,
    };
    let of_others = seen.others.iter().copied().filter(|other| other.id != seen.promise.epoch.record);
    // Clocks differ: the life that the request was for is never a new one.
    let is_later = |enrolled| enrolled > seen.promise.at && enrolled != seen.promise.epoch.enrolled;
    let anew = here.into_iter().chain(of_others).find(|record| record.enrolled.is_some_and(is_later))?;
    let enrolled = anew.enrolled?;
    let words = format!("the device was enrolled anew at {enrolled}, with record {}", anew.id);
    match seen.kind {
        // A request that waits for approval has not left.
        _ if seen.promise.state == ActState::ApprovalElsewhere => match Rule::Epoch.in_force() {
            true => tell(ActState::Superseded, words),
            false => None,
        },
        ActionKind::Wipe | ActionKind::Retire | ActionKind::DeleteRecord => tell(ActState::Done, words),
        // A result outlives the life: it is asked first.
        _ => match by_result(seen) {
            Some(told) if told.to.has_ended() => Some(told),
            _ => tell(ActState::Superseded, words),
        },
    }
}

fn by_result(seen: &Seen<'_>) -> Option<Told> {
    if seen.promise.state == ActState::ApprovalElsewhere {
        return None;
    }
    let of_record = same_life(seen).map(|record| record.results.as_slice()).unwrap_or_default();
    let all = of_record.iter().chain(seen.audits).filter(|result| is_about(result, seen));
    let result = all.max_by_key(|result| weight(result.state))?;
    let when = result.updated.or(result.started).map(|at| format!(" at {at}")).unwrap_or_default();
    let says = |words: &str| format!("the MDM says {words}{when} ({})", result.name);
    match result.state {
        ActionState::None => None,
        ActionState::Pending => tell(
            match seen.promise.state {
                // It was accepted, whatever became of the answer.
                ActState::Promised | ActState::Unknown => ActState::Sent,
                state => state,
            },
            says("pending"),
        ),
        ActionState::Active => tell(ActState::Acknowledged, says("active")),
        ActionState::Done => tell(ActState::Done, says("done")),
        ActionState::NotSupported => tell(ActState::NotSupported, says("not supported")),
        ActionState::Failed => tell(ended_badly(seen), says("failed")),
        ActionState::Canceled => match seen.overtaken {
            Some(other) => tell(ActState::Superseded, format!("{}, for {other}", says("canceled"))),
            None => tell(ended_badly(seen), says("canceled")),
        },
    }
}

/// That something which erases has failed is believed only where the record shows that nothing is under way.
fn ended_badly(seen: &Seen<'_>) -> ActState {
    if !seen.kind.error_is_unknown() {
        return ActState::Failed;
    }
    if is_at_rest(seen) { ActState::Failed } else { ActState::Unknown }
}

/// Whether the record of this life is there, and says of nothing that erases that it is under way.
fn is_at_rest(seen: &Seen<'_>) -> bool {
    same_life(seen).is_some_and(|record| {
        !matches!(
            record.state,
            ManagementState::Wiping | ManagementState::Retiring | ManagementState::Deleting
        )
    })
}

/// What shows on the record itself.
fn by_effect(seen: &Seen<'_>) -> Option<Told> {
    let state = seen.promise.state;
    if state == ActState::ApprovalElsewhere {
        return None;
    }
    if matches!(seen.record, SeenRecord::Gone) {
        let accepted = matches!(state, ActState::Sent | ActState::Acknowledged);
        return match seen.kind {
            // The new life has another record: whoever removed this one, it is as was wished.
            ActionKind::DeleteRecord if seen.promise.leg == Leg::OldRecord => {
                tell(ActState::Done, "a complete list does not show the record any more")
            }
            ActionKind::Retire | ActionKind::DeleteRecord if accepted => {
                tell(ActState::Done, "a complete list does not show the record any more")
            }
            // From now on it is waited for a while.
            ActionKind::Wipe if state == ActState::Sent => {
                tell(ActState::Acknowledged, "a complete list does not show the record any more")
            }
            _ => None,
        };
    }
    let record = same_life(seen)?;
    match seen.kind {
        ActionKind::Rename => {
            let wished = seen.rename_to?;
            (record.name == wished).then(|| Told {
                to: ActState::Done,
                evidence: format!("the record carries the name {wished:?}"),
            })
        }
        ActionKind::EnableLostMode if record.lost_mode == Some(true) => {
            tell(ActState::Done, "the record says that lost mode is on")
        }
        ActionKind::DisableLostMode if record.lost_mode == Some(false) => {
            tell(ActState::Done, "the record says that lost mode is off")
        }
        ActionKind::Sync => {
            let seen_at = record.last_sync.filter(|at| *at > seen.promise.at)?;
            tell(ActState::Done, format!("the device checked in at {seen_at}"))
        }
        // It was accepted, whatever became of the answer.
        ActionKind::Wipe if record.state == ManagementState::Wiping && is_doubtful(state) => {
            tell(ActState::Sent, "the record says that a wipe is under way")
        }
        ActionKind::Retire if record.state == ManagementState::Retiring && is_doubtful(state) => {
            tell(ActState::Sent, "the record says that it is being retired")
        }
        ActionKind::DeleteRecord if record.state == ManagementState::Deleting && is_doubtful(state) => {
            tell(ActState::Sent, "the record says that it is being deleted")
        }
        _ => None,
    }
}

const fn is_doubtful(state: ActState) -> bool {
    matches!(state, ActState::Promised | ActState::Unknown)
}

/// A wipe, retire or deletion makes the MDM drop what was pending.
fn by_overtaking(seen: &Seen<'_>) -> Option<Told> {
    let other = seen.overtaken?;
    // What the device is at may still take place.
    let is_pending = matches!(seen.promise.state, ActState::Sent | ActState::Unknown);
    (is_pending && !seen.kind.overtakes())
        .then(|| Told { to: ActState::Superseded, evidence: format!("{other} overtook it") })
}

/// What nobody can tell any more.
fn by_time(seen: &Seen<'_>) -> Option<Told> {
    let Seen { kind, promise, now, .. } = *seen;
    if promise.state == ActState::ApprovalElsewhere {
        return None;
    }
    if matches!(seen.record, SeenRecord::Gone) {
        // An unknown one never came into a state that counts.
        let since = if is_doubtful(promise.state) { promise.at } else { promise.since };
        let due = after(since, LOST_AFTER);
        // Who hands a device over has days to set it up again.
        if promise.leg == Leg::Wipe && due < seen.expires {
            let words =
                format!("its record is gone, and the device did not come back until {}", seen.expires);
            return if now >= seen.expires { tell(ActState::Lost, words) } else { None };
        }
        if now >= due {
            let words = "its record is gone, and the device did not come back within 24 hours";
            return tell(ActState::Lost, words);
        }
        return None;
    }
    if promise.leg == Leg::OldRecord && now >= after(promise.at, LOST_AFTER) && is_at_rest(seen) {
        let words = "a day after its removal was asked for, the record is still there";
        return tell(ActState::Failed, words);
    }
    if kind.class() < Class::Destructive && now >= seen.expires {
        let words = format!("nothing told what came of it until {}", seen.expires);
        return tell(ActState::Lost, words);
    }
    None
}

/// An act that overtook a request of another one: of the same life of the device, promised later, and taken on by
/// the MDM.
pub fn overtaken<'b>(book: &'b ActBook, act: &ActId, promise: &Promise) -> Option<&'b ActId> {
    let taken = |one: &Promise| matches!(one.state, ActState::Sent | ActState::Acknowledged | ActState::Done);
    book.acts().find_map(|(id, record)| {
        let kind = book.kind(id)?;
        let overtakes = record.promises.iter().any(|one| {
            kind_of(kind, one.leg).overtakes()
                && kind_of(kind, one.leg) != ActionKind::HandOver
                && one.epoch == promise.epoch
                && one.row > promise.row
                && taken(one)
        });
        (id.serial == act.serial && id != act && overtakes).then_some(id)
    })
}

/// When a later request of the same kind was promised for the same life of a device.
pub fn repeated(book: &ActBook, act: &ActId, promise: &Promise, kind: ActionKind) -> Option<Timestamp> {
    let of_device = book.acts().filter(|(id, _)| id.serial == act.serial);
    let later = of_device.flat_map(|(id, record)| {
        let whole = book.kind(id);
        record.promises.iter().filter(move |one| {
            whole.is_some_and(|whole| kind_of(whole, one.leg) == kind)
                && one.epoch == promise.epoch
                && one.row > promise.row
                && one.state != ActState::Waiting
                && (id != act || one.leg != promise.leg)
        })
    });
    later.map(|one| one.at).min()
}

/// What is known now of the open requests of an act, by their legs. `content`: of its document, where that is
/// still there. `records`: the complete list of the tenant that got it; `None`: it was not read. `others`: the
/// records with the serial in other tenants.
pub fn of(
    book: &ActBook,
    act: &ActId,
    content: Option<&ActContent>,
    records: Option<&Records>,
    others: &[&Record],
    audits: &[ActionResult],
    now: Timestamp,
) -> Vec<(Leg, Told)> {
    let (Some(record), Some(bound)) = (book.act(act), book.action(&act.action)) else { return Vec::new() };
    let rename_to = content.and_then(|content| match &content.options {
        ActOptions::Rename { name } => Some(name.as_str()),
        _ => None,
    });
    let newest = |promise: &&Promise| record.leg(promise.leg).is_some_and(|last| last.row == promise.row);
    let is_open = |promise: &&Promise| !promise.state.has_ended() && promise.state != ActState::Waiting;
    // Once a hand-over wipes, a new life is what it waits for: its wipe is asked, and what came before is over.
    let wipes = bound.kind == ActionKind::HandOver
        && record.leg(Leg::Wipe).is_some_and(|wipe| wipe.state != ActState::Waiting);
    let is_over = |promise: &&Promise| wipes && matches!(promise.leg, Leg::Whole | Leg::Lift);
    let asked = record.promises.iter().filter(newest).filter(is_open).filter(|one| !is_over(one));
    let told = asked.filter_map(|promise| {
        let kind = kind_of(bound.kind, promise.leg);
        let mut same: Vec<&Record> = records.into_iter().flat_map(|all| all.of(&act.serial)).collect();
        same.extend(others);
        let is_it = |one: &&&Record| one.id == promise.epoch.record;
        let here = match (same.iter().find(is_it), records) {
            (Some(record), _) => SeenRecord::Here(record),
            (None, Some(all)) if !all.all().iter().any(|one| one.id == promise.epoch.record) => {
                SeenRecord::Gone
            }
            // It carries another serial now, or was not read.
            (None, _) => SeenRecord::Unread,
        };
        let seen = Seen {
            kind,
            promise,
            until: repeated(book, act, promise, kind),
            expires: bound.expires,
            rename_to,
            record: here,
            others: &same,
            audits,
            overtaken: overtaken(book, act, promise),
            now,
        };
        judge(&seen).map(|told| (promise.leg, told))
    });
    told.collect()
}

/// The end of a hand-over that nobody asks for any more: its document was removed after the wipe. Nothing more is
/// sent for it; what is waited for is that the device is set up again. `records`: the complete list of the tenant
/// that got it.
pub fn without_document(book: &ActBook, act: &ActId, records: &Records) -> Vec<(Leg, Told)> {
    let Some(record) = book.act(act).filter(|record| !record.state.has_ended()) else { return Vec::new() };
    let is_hand_over = book.kind(act) == Some(ActionKind::HandOver);
    let (Some(former), Some(wipe)) = (record.epoch(), record.leg(Leg::Wipe)) else { return Vec::new() };
    let removal = record.leg(Leg::OldRecord).map(|removal| removal.state);
    if !is_hand_over || !record.has_wiped() || removal.is_some_and(ActState::is_under_way) {
        return Vec::new();
    }
    let is_new =
        |one: &&Record| one.epoch().is_some_and(|epoch| epoch != *former && epoch.enrolled > wipe.at);
    let Some(new) = records.of(&act.serial).find(is_new) else { return Vec::new() };
    let mut told = Vec::new();
    if removal == Some(ActState::ApprovalElsewhere) {
        let evidence = "its document was removed before it was approved".to_owned();
        told.push((Leg::OldRecord, Told { to: ActState::Cancelled, evidence }));
    }
    let enrolled = new.enrolled.map_or_else(String::new, |at| format!(" at {at}"));
    let old = records.of(&act.serial).find(|one| one.id == former.record && one.id != new.id);
    let left = old.map_or_else(String::new, |old| format!("; {}", left_behind(&old.id)));
    let evidence = format!(
        "the device was set up again{enrolled}, with record {}; its document is gone, so nobody looked whether it came from the token and with the profile that were asked for{left}",
        new.id
    );
    told.push((Leg::Whole, Told { to: ActState::Done, evidence }));
    told
}

/// What is to be said of the record of a former life that stays.
pub fn left_behind(record: &RecordId) -> String {
    format!("record {record} of its former life remains: delete it in the portal (D-3)")
}
