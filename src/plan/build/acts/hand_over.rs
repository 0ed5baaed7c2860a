//! A hand-over in its checkpoints: what of it the ordinary planner does, and which request is due.

use std::borrow::Cow;

use super::super::Input;
use super::{Asked, Decided, Ground};
use crate::acts::{ActBook, ActRecord, ActState, Case, Hold, Leg, Rule, digest, judge_document};
use crate::model::act::{ActOptions, Record};
use crate::model::desired::{
    Assignment, Chosen, Desired, DeviceAction, NamedSerial, Route, RouteTo, TokenSelector,
};
use crate::model::live::Fact;
use crate::model::{ActId, ActionKind, Address, Name, Serial};
use crate::plan::{ActNext, Note};

/// Whether a hand-over leads this device to where it goes: it is on its way, and nothing stops it. What comes after
/// its end, from an older commit or to another life of the device moves nothing.
fn is_led(input: &Input<'_>, document: &DeviceAction, serial: Serial) -> bool {
    let act = document.act(serial);
    let Some(record) = input.ledger.acts.act(&act) else { return false };
    if !matches!(record.state, ActState::Sent | ActState::Acknowledged)
        || crate::plan::gates::acts::unfit(input.origin).is_some()
    {
        return false;
    }
    // After the wipe it has to stay where it comes back to.
    if record.left(Leg::Wipe).is_some() {
        return true;
    }
    let digest = digest::content(&document.content);
    let case = Case {
        act: &act,
        content: &document.content,
        digest: &digest,
        book: &input.ledger.acts,
        born: input.ledger.born,
        now: input.now,
    };
    let lives: Vec<_> = input
        .live
        .records
        .values()
        .filter_map(Fact::known)
        .flat_map(|all| all.of(&serial))
        .filter_map(Record::epoch)
        .collect();
    let is_other_life = record.epoch().is_some_and(|bound| !lives.is_empty() && !lives.contains(bound));
    judge_document(&case).is_none() && !Rule::Epoch.stops(is_other_life)
}

/// Whether the lift of a device's lock is followed: what comes of it is seen first.
pub(super) fn is_lifting(book: &ActBook, act: &ActId) -> bool {
    let record = book.act(act);
    record.is_some_and(|record| {
        let lift = record.left(Leg::Lift);
        record.left(Leg::Wipe).is_none() && lift.is_some_and(|lift| !lift.state.has_ended())
    })
}

/// A hand-over that ends before its wipe: with what was done by then, and not before a lift that is followed.
pub(super) fn given_up(ground: &Ground<'_, '_>, asked: &Asked<'_>, state: ActState, why: String) -> Decided {
    let book = &ground.input.ledger.acts;
    if is_lifting(book, &asked.id) {
        let text = format!("{why}; its Activation Lock is being lifted: that is followed to its end first");
        return Decided { next: ActNext::Follow, needs: Vec::new(), notes: vec![Note::new("L-8", text)] };
    }
    let mut why = why;
    if let Some((token, profile)) = target(asked) {
        let wished = ground.input.ledger.owned.get(&Address::profile(profile, token));
        let wished = wished.and_then(|one| one.object.as_ref());
        let has = ground.places.listed_by(token, asked.id.serial);
        if wished.is_some() && has == Some(wished) {
            why = format!("{why}: it is at {token} with {profile}");
        }
    }
    let lift = book.act(&asked.id).and_then(|record| record.left(Leg::Lift));
    if lift.is_some_and(|lift| lift.state == ActState::Done) {
        why = format!("{why}; its Activation Lock was lifted");
    }
    Decided::only(ActNext::End { state, why })
}

/// The hand-overs that are on their way, with their devices: where they lead is wished like what any document
/// wishes, until they have ended.
pub(in super::super) fn on_their_way<'a>(input: &Input<'a>) -> Vec<(&'a DeviceAction, Vec<Serial>)> {
    let actions = input.desired.actions.values().filter(|one| one.kind() == ActionKind::HandOver);
    let mut all = Vec::new();
    for document in actions {
        let bound = input.ledger.acts.action(&document.name);
        if bound.is_none_or(|bound| bound.content != digest::content(&document.content)) {
            continue;
        }
        let is_on_its_way = |serial: &Serial| is_led(input, document, *serial);
        let serials: Vec<Serial> =
            document.devices.iter().map(|one| one.serial).filter(|serial| is_on_its_way(serial)).collect();
        if !serials.is_empty() {
            all.push((document, serials));
        }
    }
    all
}

/// The documents with what hand-overs on their way wish; borrowed where there is none.
pub(in super::super) fn wished<'a>(input: &Input<'a>) -> Cow<'a, Desired> {
    let all = on_their_way(input);
    if all.is_empty() {
        return Cow::Borrowed(input.desired);
    }
    let mut desired = input.desired.clone();
    for (document, serials) in all {
        let ActOptions::HandOver { token, profile } = &document.content.options else { continue };
        // What a document says already, or says otherwise, is not said once more.
        let wished = |says: fn(&Says) -> bool| -> Vec<NamedSerial> {
            let named = document.devices.iter().filter(|one| serials.contains(&one.serial));
            named.filter(|one| !says(&Says::of(input, token, profile, one.serial))).copied().collect()
        };
        let devices = wished(|says| says.profile || says.otherwise.is_some());
        let moved = wished(|says| says.place || says.otherwise.is_some());
        let has_seat = desired.tokens.get(token).is_some_and(|one| one.apple.is_some());
        if has_seat && !moved.is_empty() {
            desired.routes.push(Route {
                name: document.name.clone(),
                to: RouteTo::Token(token.clone()),
                devices: Chosen { named: moved, selected: None },
                move_by: None,
                acknowledge: Vec::new(),
                places: document.places.clone(),
            });
        }
        if devices.is_empty() {
            continue;
        }
        desired.assignments.push(Assignment {
            name: document.name.clone(),
            profile: profile.clone(),
            selector: Some(TokenSelector::Names(vec![token.clone()])),
            tokens: vec![token.clone()],
            devices,
            acknowledge: Vec::new(),
            places: document.places.clone(),
        });
    }
    desired.assignments.sort_by(|a, b| a.name.cmp(&b.name));
    Cow::Owned(desired)
}

/// What documents say of a device besides the hand-over.
struct Says {
    /// One gives it the same profile.
    profile: bool,
    /// One leads it to the same token.
    place: bool,
    /// One wishes something else, and where that stands.
    otherwise: Option<String>,
}

impl Says {
    fn of(input: &Input<'_>, token: &Name, profile: &Name, serial: Serial) -> Self {
        let mut says = Self { profile: false, place: false, otherwise: None };
        for one in &input.desired.assignments {
            let Some(device) = one.devices.iter().find(|device| device.serial == serial) else { continue };
            if one.profile == *profile && one.tokens.contains(token) {
                says.profile = true;
            } else {
                let place = one.place_of(device);
                says.otherwise =
                    Some(format!("DeviceAssignment/{} ({place}) gives it {}", one.name, one.profile));
            }
        }
        for one in &input.desired.routes {
            let Some(device) = one.devices.named.iter().find(|device| device.serial == serial) else {
                continue;
            };
            match &one.to {
                RouteTo::Token(to) if to == token => says.place = true,
                to => {
                    let place = one.places.of_serial(device);
                    let to = match to {
                        RouteTo::Token(to) => format!("leads it to {to}"),
                        RouteTo::Nowhere => "takes it off its service".to_owned(),
                    };
                    says.otherwise = Some(format!("DeviceAssignment/{} ({place}) {to}", one.name));
                }
            }
        }
        says
    }
}

/// a document that wishes something else of the device than the hand-over does.
pub(super) fn disagreement(ground: &Ground<'_, '_>, asked: &Asked<'_>) -> Option<Hold> {
    let (token, profile) = target(asked)?;
    // The hand-over's own wishes stand among the documents' here, and agree with it.
    let otherwise = Says::of(ground.input, token, profile, asked.id.serial).otherwise?;
    let why = format!("{otherwise}, and the hand-over leads it to {token} with {profile}");
    let next = "take it out of that document, or let both say the same".to_owned();
    Some(Hold::Stop { rule: Rule::Content, row: Some("A-9"), why, next })
}

/// the lock is read after the profile is confirmed, and not before: nobody knows yet whether the wipe can
/// follow. `None` where Apple told it in this run, or where nobody would ask.
pub(super) fn lock_to_come(ground: &Ground<'_, '_>, serial: Serial) -> Option<Note> {
    let live = ground.input.live;
    if live.locks.get(&serial).is_some_and(|seen| seen.lock.known().is_some()) {
        return None;
    }
    let text = match ground.input.desired.organisations.is_empty() {
        false => {
            "its Activation Lock is not known yet: it is read, lifted and confirmed once the device has its new profile, right before the wipe; one that cannot be read then stops the wipe"
        }
        true => {
            "no Connection of these documents leads to its organisation at Apple, which alone tells its Activation Lock: without one the hand-over stops before the wipe"
        }
    };
    Some(Note::new("A-7", text))
}

/// Whether a hand-over's wipe took place.
pub(super) fn is_in_next_life(case: &Case<'_>) -> bool {
    case.content.kind == ActionKind::HandOver && case.book.act(case.act).is_some_and(ActRecord::has_wiped)
}

/// What is in the way of the end of a hand-over that has wiped: nothing is to be sent to the device any more, so its
/// time is not, which the removal of the former record looks at itself.
pub(super) fn in_the_way_of_its_end(case: &Case<'_>) -> Option<Hold> {
    judge_document(case).filter(|hold| !matches!(hold, Hold::Stop { rule: Rule::Expiry, .. }))
}

/// Whether a hand-over has wiped its device, or may have.
pub(super) fn has_wiped(case: &Case<'_>) -> bool {
    let wipe = case.book.act(case.act).and_then(|record| record.leg(Leg::Wipe));
    wipe.is_some_and(|wipe| wipe.state != ActState::Waiting)
}

fn go_on(checkpoint: impl Into<String>) -> ActNext {
    ActNext::GoOn { checkpoint: checkpoint.into() }
}

/// The checkpoint that is due.
pub(super) fn next(
    ground: &Ground<'_, '_>,
    asked: &Asked<'_>,
    record: Option<&ActRecord>,
    needs: &mut Vec<String>,
) -> ActNext {
    let serial = asked.id.serial;
    let Some((token, profile)) = target(asked) else { return ActNext::Follow };
    let begun = record.filter(|one| matches!(one.state, ActState::Sent | ActState::Acknowledged));
    let Some(record) = begun else {
        return go_on(format!(
            "its code is sealed, or what stands for it is read; from then on it is on its way to {token} and {profile}"
        ));
    };
    match record.leg(Leg::Wipe).map(|wipe| wipe.state) {
        Some(ActState::Done) => {
            return go_on("the new life is confirmed; the old record goes where there is a second one");
        }
        Some(ActState::Waiting) | None => {}
        Some(_) => return ActNext::Follow,
    }
    let steps = ground.steps.get(&serial).map(Vec::as_slice).unwrap_or_default();
    if !steps.is_empty() {
        needs.extend(steps.iter().map(|step| step.id.clone()));
        return go_on(format!(
            "its service and profile become those of {token} and {profile}, by this plan's steps"
        ));
    }
    let wished =
        ground.input.ledger.owned.get(&Address::profile(profile, token)).and_then(|one| one.object.clone());
    let listed = ground.places.listed_by(token, serial);
    match (listed, wished) {
        (Some(Some(has)), Some(wished)) if *has == wished => {
            go_on("its lock is read, lifted and confirmed, and the wipe follows at once")
        }
        _ => ActNext::Wait {
            why: format!("until {token} lists it with the profile {profile}"),
            until: Some(asked.expires),
        },
    }
}

fn target<'a>(asked: &Asked<'a>) -> Option<(&'a Name, &'a Name)> {
    match &asked.content?.options {
        ActOptions::HandOver { token, profile } => Some((token, profile)),
        _ => None,
    }
}
