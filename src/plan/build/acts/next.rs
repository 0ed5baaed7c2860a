//! What `apply` does with an act.

use super::find::Found;
use super::{Asked, Decided, Ground, epoch_at_apple, hand_over};
use crate::acts::check::{ambiguous, judge_document, judge_release};
use crate::acts::next_life::{self, NextLife};
use crate::acts::{ActRecord, ActState, Case, Hold, Leg, Rule, judge};
use crate::model::act::{Os, Record};
use crate::model::live::Fact;
use crate::model::organisation::ActivationLock;
use crate::model::{ActionKind, Class, Serial};
use crate::plan::{ActNext, Action, Note};

/// Decides; `None` where the act has ended and nothing is to be said.
pub(super) fn decide(ground: &Ground<'_, '_>, asked: &Asked<'_>, found: &Found<'_>) -> Option<Decided> {
    let input = ground.input;
    let known = input.ledger.acts.act(&asked.id);
    let state = known.map_or(ActState::Waiting, |record| record.state);
    let half_way =
        asked.kind == ActionKind::HandOver && matches!(state, ActState::Sent | ActState::Acknowledged);
    let Some(content) = asked.content else { return removed(ground, asked, half_way) };
    // What was sent is followed, whatever its document says by now.
    if Rule::Once.stops(state.is_under_way() && !half_way) {
        return Some(follow(state));
    }
    let case = Case {
        act: &asked.id,
        content,
        digest: &asked.digest,
        book: &input.ledger.acts,
        born: input.ledger.born,
        now: input.now,
    };
    let in_next_life = hand_over::is_in_next_life(&case);
    let hold = match in_next_life {
        true => hand_over::in_the_way_of_its_end(&case),
        false => judge_document(&case),
    };
    match hold {
        // It is over, and that is written down.
        Some(Hold::End { state: ended, .. }) if state == ended => return None,
        Some(Hold::End { state: ended, why, .. }) if half_way => {
            return Some(hand_over::given_up(ground, asked, ended, why));
        }
        Some(hold) if !input.ledger.is_none() => return Some(Decided::only(next_of(hold))),
        Some(_) | None => {}
    }
    if input.ledger.is_none() {
        let why = "without a ledger nobody would remember that it was sent";
        return Some(stop(None, why, "run `espalier ledger create` and apply without --no-ledger"));
    }
    if !input.scope.is_whole() {
        let why = "this run is narrowed: acts are left to one over the whole folder";
        return Some(Decided::only(ActNext::Wait { why: why.to_owned(), until: None }));
    }
    let mut notes = Vec::new();
    let mut needs = Vec::new();
    let hold = match asked.kind {
        ActionKind::Release => release(ground, asked, &case, found),
        _ => on_record(ground, asked, &case, found, half_way, (&mut notes, &mut needs)),
    };
    let next = match (hold, state) {
        (Some(Hold::End { state: ended, .. }), _) if state == ended => return None,
        (Some(hold), _) => next_of(hold),
        (None, ActState::ApprovalElsewhere) => again(asked, known),
        (None, _) if asked.kind == ActionKind::HandOver => hand_over::next(ground, asked, known, &mut needs),
        (None, _) => ActNext::Send,
    };
    Some(Decided { next, needs, notes })
}

/// The identical request once more, where it was approved.
fn again(asked: &Asked<'_>, known: Option<&ActRecord>) -> ActNext {
    let promise = known.and_then(|record| record.promises.last());
    match promise.and_then(|promise| promise.approval.clone()) {
        Some(approval) => ActNext::Resend { approval },
        None => ActNext::Stop {
            row: None,
            why: "the MDM asked for approval and named no request that could be followed".to_owned(),
            next: format!(
                "see in the portal what became of it, then `espalier action resolve {} {} --as done|failed|lost --reason TEXT`",
                asked.id.action, asked.id.serial
            ),
        },
    }
}

fn follow(state: ActState) -> Decided {
    let next = ActNext::Follow;
    let notes = match state {
        ActState::Unknown => vec![Note::new(
            "L-8",
            "its answer was lost or may hide the effect: evidence or `espalier action resolve` ends it",
        )],
        _ => Vec::new(),
    };
    Decided { next, needs: Vec::new(), notes }
}

fn stop(row: Option<&str>, why: impl Into<String>, next: impl Into<String>) -> Decided {
    Decided::only(ActNext::Stop { row: row.map(str::to_owned), why: why.into(), next: next.into() })
}

fn next_of(hold: Hold) -> ActNext {
    match hold {
        Hold::Wait { why, until } => ActNext::Wait { why, until },
        Hold::Stop { rule: _, row, why, next } => ActNext::Stop { row: row.map(str::to_owned), why, next },
        Hold::End { state, row: _, why } => ActNext::End { state, why },
    }
}

/// An act whose document is gone: cancelled where nothing was sent, else followed to its end.
fn removed(ground: &Ground<'_, '_>, asked: &Asked<'_>, half_way: bool) -> Option<Decided> {
    let input = ground.input;
    let book = &input.ledger.acts;
    let record = book.act(&asked.id)?;
    let has_begun = asked.kind == ActionKind::HandOver && record.left(Leg::Whole).is_some();
    let lifts = half_way && hand_over::is_lifting(book, &asked.id);
    if !book.may_become(&asked.id, ActState::Cancelled) && !lifts {
        let note =
            Note::new("L-8", "its document was removed, but it was sent already: it is followed to its end");
        return Some(Decided { next: ActNext::Follow, needs: Vec::new(), notes: vec![note] });
    }
    let wait = |why: String| Some(Decided::only(ActNext::Wait { why, until: None }));
    if !input.scope.is_whole() {
        return wait("this run is narrowed: acts are left to one over the whole folder".to_owned());
    }
    if let Some(why) = crate::plan::gates::acts::unfit(input.origin) {
        return wait(format!("its document is not here, and this folder cancels nothing: {}", why.reason));
    }
    let ended = ActState::Cancelled;
    if has_begun {
        let why = "its document was removed before the wipe; what was moved stays moved".to_owned();
        return Some(hand_over::given_up(ground, asked, ended, why));
    }
    let why = "its document was removed before it was sent".to_owned();
    Some(Decided::only(ActNext::End { state: ended, why }))
}

/// What is in the way of an act on a record at an MDM.
fn on_record(
    ground: &Ground<'_, '_>,
    asked: &Asked<'_>,
    case: &Case<'_>,
    found: &Found<'_>,
    half_way: bool,
    (notes, needs): (&mut Vec<Note>, &mut Vec<String>),
) -> Option<Hold> {
    let serial = asked.id.serial;
    let (tenant, record) = match found {
        Found::One { tenant, record, unread, .. } => {
            if let Some(why) = unread.as_ref().filter(|_| asked.kind.class() >= Class::Destructive) {
                let why = format!("another record may carry the serial {serial}: {why}");
                return Some(Hold::Wait { why, until: Some(asked.expires) });
            }
            (*tenant, *record)
        }
        Found::Several { places } => {
            let Hold::Stop { rule, row, why, next } = ambiguous(serial, places.len()) else { return None };
            return Some(Hold::Stop { rule, row, why: format!("{why}: {}", places.join(", ")), next });
        }
        // Its record is gone for a while: that is what a hand-over waits for.
        Found::Nowhere if half_way || hand_over::is_in_next_life(case) => return None,
        Found::Nowhere | Found::AtApple { .. } => {
            let why = format!("no record at the MDM carries the serial {serial} yet");
            return Some(Hold::Wait { why, until: Some(asked.expires) });
        }
        Found::Unread { why } => {
            let why = format!("nobody knows where {serial} is: {why}");
            return Some(Hold::Wait { why, until: Some(asked.expires) });
        }
    };
    // After its wipe a hand-over is about the next life, which its last requests look at themselves.
    if hand_over::is_in_next_life(case) {
        return hand_over::in_the_way_of_its_end(case);
    }
    if half_way && hand_over::has_wiped(case) {
        return judge_document(case);
    }
    let twins = ground.places.twins(tenant, serial, &record.id);
    if let Some(hold) = judge(case, record, twins) {
        return Some(hold);
    }
    match asked.kind {
        ActionKind::Wipe => next_life(ground, serial, record, notes, needs),
        ActionKind::HandOver => {
            notes.extend(hand_over::lock_to_come(ground, serial));
            hand_over::disagreement(ground, asked)
        }
        _ => None,
    }
}

/// What a wiped device comes back to (design section 5, "The next life is checked").
fn next_life(
    ground: &Ground<'_, '_>,
    serial: Serial,
    record: &Record,
    notes: &mut Vec<Note>,
    needs: &mut Vec<String>,
) -> Option<Hold> {
    if matches!(record.os, Os::Android | Os::Windows) || !Rule::NextLife.in_force() {
        return None;
    }
    // What this plan does to the device comes first.
    let mut gets = None;
    for step in ground.steps.get(&serial).into_iter().flatten() {
        needs.push(step.id.clone());
        match &step.action {
            Action::Assign { .. } => gets = Some(step.address.name.clone()),
            Action::Unassign { .. } => {
                let why = "this plan takes its profile off it, so that it would come back without management";
                let next = "name it in a DeviceAssignment again, or retire it instead";
                return Some(no_life("P-31", why, next));
            }
            Action::Service(_) => {
                let why =
                    format!("it is on its way to another service at Apple ({}): run it again then", step.id);
                return Some(Hold::Wait { why, until: None });
            }
            _ => {}
        }
    }
    if let Some(profile) = gets {
        let text = format!("after the wipe it gets the profile {profile}, which this plan assigns before");
        notes.push(Note::new("A-4", text));
        return None;
    }
    match next_life::of(ground.input.live, &serial, record.os) {
        NextLife::Enrolls { token_name, profile, by_default, .. } => {
            let profile = name_of(ground, &profile);
            let default = if by_default { ", the default" } else { "" };
            let text =
                format!("after the wipe it comes back to {token_name:?} with the profile {profile}{default}");
            notes.push(Note::new("A-4", text));
            None
        }
        NextLife::Nothing { row, why } => {
            let next = "name it in a DeviceAssignment first, or retire it instead";
            Some(no_life(row, why, next))
        }
        NextLife::Unread { tokens } => {
            let why = format!(
                "no token of these documents lists it, and those of {} are not read: nobody knows what it comes back to",
                tokens.join(", ")
            );
            let next = "write an EnrollmentToken document for the token that has it";
            Some(no_life("P-31", why, next))
        }
        NextLife::Unknown { why } => {
            let why = format!("nobody knows what it comes back to: {why}");
            Some(Hold::Wait { why, until: None })
        }
        NextLife::NotAsked => None,
    }
}

fn no_life(row: &'static str, why: impl Into<String>, next: &str) -> Hold {
    Hold::Stop { rule: Rule::NextLife, row: Some(row), why: why.into(), next: next.to_owned() }
}

fn name_of(ground: &Ground<'_, '_>, profile: &crate::model::ProfileId) -> String {
    let profiles = ground.input.live.tenants.values().flat_map(|tenant| tenant.profiles.values());
    let found = profiles.filter_map(Fact::known).find_map(|all| all.by_id(profile).ok());
    found.map_or_else(|| profile.0.clone(), |found| format!("{:?}", found.name))
}

/// a device whose lock nobody knows is given to nobody.
fn lock_known(ground: &Ground<'_, '_>, serial: Serial) -> Option<Hold> {
    let unknown = |why: String| {
        let why = format!("its Activation Lock is not known, and a locked device is given to nobody: {why}");
        let next = "`espalier devices --activation-lock` asks Apple again";
        Some(Hold::Stop { rule: Rule::LockOff, row: Some("A-7"), why, next: next.to_owned() })
    };
    if !Rule::LockOff.in_force() {
        return None;
    }
    match ground.input.live.locks.get(&serial).map(|seen| &seen.lock) {
        Some(Fact::Known(_)) => None,
        Some(Fact::Unknown(why)) => unknown(why.reason.clone()),
        None => unknown("Apple was not asked".to_owned()),
    }
}

/// What is in the way of a release.
fn release(ground: &Ground<'_, '_>, asked: &Asked<'_>, case: &Case<'_>, found: &Found<'_>) -> Option<Hold> {
    let serial = asked.id.serial;
    let device = match found {
        Found::AtApple { device, .. } => device,
        Found::Several { places } => {
            let Hold::Stop { rule, why: _, next: _, .. } = ambiguous(serial, places.len()) else {
                return None;
            };
            let why = format!("{} list it, so that nobody knows whose it is", places.join(" and "));
            let next = "see in both portals to which organisation it belongs".to_owned();
            return Some(Hold::Stop { rule, row: Some("A-2"), why, next });
        }
        Found::Unread { why } => {
            return Some(Hold::Wait { why: format!("nobody knows whose {serial} is: {why}"), until: None });
        }
        Found::Nowhere | Found::One { .. } => {
            let why = format!("no organisation of these documents lists {serial}");
            return Some(Hold::Wait { why, until: Some(asked.expires) });
        }
    };
    let seen = match ground.places.find(serial) {
        Found::One { record, unread: None, .. } => Some(record),
        Found::Nowhere | Found::AtApple { .. } => None,
        Found::Several { places } => {
            let Hold::Stop { rule, row, why, next } = ambiguous(serial, places.len()) else { return None };
            return Some(Hold::Stop { rule, row, why: format!("{why}: {}", places.join(", ")), next });
        }
        Found::One { unread: Some(why), .. } | Found::Unread { why } => {
            let why = format!("which life {serial} is in is not known: {why}");
            return Some(Hold::Wait { why, until: Some(asked.expires) });
        }
    };
    // Where Apple's list does not tell since when, the device itself is asked right before.
    let epoch = epoch_at_apple(serial, device.added);
    let hold = judge_release(case, epoch.as_ref(), seen);
    if hold.is_some() {
        return hold;
    }
    if let Some(hold) = lock_known(ground, serial) {
        return Some(hold);
    }
    let lock = ground.input.live.locks.get(&serial).and_then(|seen| seen.lock.known());
    let is_on = matches!(lock, Some(ActivationLock::ByMdm | ActivationLock::ByUser));
    if Rule::LockOff.stops(is_on) {
        let why = "its Activation Lock is on, and a locked device is given to nobody";
        let next = "lift it first: a DeviceAction with `disableActivationLock`, the device in hand (L-6)";
        let (why, next) = (why.to_owned(), next.to_owned());
        return Some(Hold::Stop { rule: Rule::LockOff, row: Some("A-7"), why, next });
    }
    None
}
