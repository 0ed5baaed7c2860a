//! From wishes to activities: who is moved, who waits, who stays and why.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::acts::hand_over;
use super::busy::Hold;
use super::migration::{self, Due};
use super::routes::{Wished, Wishes, address_of};
use super::{Apple, DEVICES_PER_ACTIVITY, Going, Org, Seat, some};
use crate::diag::words::{count, form};
use crate::model::act::ActOptions;
use crate::model::clock::{Timestamp, between};
use crate::model::desired::{DeviceAction, Profile, RouteTo};
use crate::model::live::{Cause, EnrollmentState, Fact};
use crate::model::organisation::{ActivationLock, Belongs, ProductFamily, PurchaseSource, ServiceKind};
use crate::model::{Address, Fields, Name, Serial, ServiceId, Value};
use crate::plan::{Class, Effect, MoveGroup, Note, Reason, ServiceAction, Step, Waiting, When};

/// Devices of one step.
#[derive(Default)]
struct Batch<'a> {
    by_former: BTreeMap<Option<&'a ServiceId>, Vec<Serial>>,
    enrolled: u64,
    not_enrolled: u64,
    foreign: u64,
    by_hand: usize,
    lock_unknown: usize,
}

/// The organisation, the service that devices leave, its token, and the document where it has none.
type Leave<'a> = (&'a Name, &'a ServiceId, Option<&'a Name>, Option<&'a Name>);

/// What comes of all wishes.
#[derive(Default)]
struct Tally<'a> {
    /// By destination, class and deadline.
    moves: BTreeMap<(&'a Name, Class, Option<Timestamp>), Batch<'a>>,
    off: BTreeMap<Leave<'a>, Batch<'a>>,
    due: Due<'a>,
    /// By document and token.
    waiting: BTreeMap<(&'a Name, Option<&'a Name>, Hold), Vec<Serial>>,
    /// By organisation, document and token.
    blocked: BTreeMap<(&'a Name, &'a Name, Option<&'a Name>, Obstacle), Vec<Serial>>,
}

/// Why a device is not moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Obstacle {
    pub cause: Cause,
    pub rule: &'static str,
    pub reason: String,
    pub next: String,
}

/// What is to be done about one device.
pub(super) enum Verdict<'a> {
    /// It is as wished, or nothing of it is known, which is said elsewhere.
    Rest,
    Move {
        to: &'a Name,
        from: Option<&'a ServiceId>,
        class: Class,
        deadline: Option<Timestamp>,
    },
    TakeOff {
        from: &'a ServiceId,
        token: Option<&'a Name>,
    },
    /// Its migration gets this deadline.
    Deadline(Timestamp),
    /// Its migration is taken back.
    Cancel,
    /// Its migration has ended.
    Over,
    Wait(Hold),
    Block(Obstacle),
}

/// A reason to wait without an end that is known.
pub(super) fn wait<'a>(reason: impl Into<String>) -> Verdict<'a> {
    Verdict::Wait(Hold { reason: reason.into(), until: None })
}

pub(super) fn obstacle<'a>(
    rule: &'static str,
    reason: impl Into<String>,
    next: impl Into<String>,
) -> Verdict<'a> {
    let (reason, next) = (reason.into(), next.into());
    Verdict::Block(Obstacle { cause: Cause::Manifest, rule, reason, next })
}

/// Plans the steps of all wishes.
pub(super) fn plan<'a>(apple: &mut Apple<'a>, wishes: &Wishes<'a>) {
    let mut tally = Tally::default();
    let given = given(apple);
    for wished in &wishes.rows {
        let token = match &wished.route.to {
            RouteTo::Token(token) => Some(token),
            RouteTo::Nowhere => None,
        };
        if token.is_some_and(|token| !apple.works_on(token)) {
            continue;
        }
        if let Some((org, verdict)) = judge(apple, &given, wished) {
            enter(apple, &mut tally, wished, token, org, verdict);
        }
    }
    let Tally { moves, off, due, waiting, blocked } = tally;
    apple.held_up.extend(blocked.values().chain(waiting.values()).flatten());
    for ((org, assignment, token, Obstacle { cause, rule, reason, next }), serials) in blocked {
        let about = token.map_or_else(|| address_of(assignment), Address::token);
        let who = count(serials.len(), "device");
        let reason = format!("{who} of DeviceAssignment/{assignment}: {reason}: {}", some(&serials));
        apple.block(org, about, cause, rule, reason, next);
    }
    for ((assignment, token, hold), serials) in waiting {
        let mut profiles = apple.input.desired.assignments_of(assignment).map(|one| &one.profile);
        let profile = profiles.next().filter(|_| token.is_some() && profiles.next().is_none());
        apple.out.waiting.push(Waiting {
            token: token.cloned(),
            profile: profile.cloned(),
            assignment: Some(assignment.clone()),
            serials,
            reason: hold.reason,
            until: hold.until,
        });
    }
    for ((token, class, deadline), batch) in moves {
        move_step(apple, token, class, deadline, batch);
    }
    for ((org, from, token, assignment), batch) in off {
        off_step(apple, org, from, token, assignment, batch);
    }
    migration::plan(apple, due);
}

/// By document, the one profile that it gives to all its devices: a device that may not have it is not moved for
/// it either.
type Given<'a> = BTreeMap<&'a Name, Option<&'a Profile>>;

fn given<'a>(apple: &Apple<'a>) -> Given<'a> {
    let desired = apple.input.desired;
    let mut given = Given::new();
    for assignment in &desired.assignments {
        let profile = desired.profiles.get(&assignment.profile);
        // One that gives several is asked where each is given.
        given.entry(&assignment.name).and_modify(|one| *one = None).or_insert(profile);
    }
    for selection in desired.selections.iter().filter(|one| one.one_for_all) {
        let profile = selection.profiles.iphone.as_ref().and_then(|profile| desired.profiles.get(profile));
        given.entry(&selection.name).and_modify(|one| *one = None).or_insert(profile);
    }
    given
}

/// P-14, P-32: the profile that a document gives is none for a device of this family.
fn misfit<'a>(
    given: &Given<'a>,
    wished: &Wished<'a>,
    token: &Name,
    family: Option<ProductFamily>,
) -> Option<Verdict<'a>> {
    let profile = (*given.get(&wished.route.name)?)?;
    let family = family?;
    let next = "give it another profile, or name it no more; it is moved then";
    if family.platform() != Some(profile.platform) {
        let why =
            "the profile that the document gives it is for another platform, so that it stays where it is";
        return Some(obstacle("P-32", why, next));
    }
    let is_phone = matches!(family, ProductFamily::Iphone | ProductFamily::Ipod);
    let wished = [profile.wished.get(token), profile.created.get(token)];
    let is_shared = |fields: &Fields| fields.get("sharedIpad") == Some(&Value::Bool(true));
    (is_phone && wished.into_iter().flatten().any(is_shared)).then(|| {
        let why =
            "the document gives it a profile of Shared iPad, and it is no iPad, so that it stays where it is";
        obstacle("P-14", why, next)
    })
}

/// What is to be done about a device, and in which organisation. `None`: nothing of it is known.
fn judge<'a>(apple: &Apple<'a>, given: &Given<'a>, wished: &Wished<'a>) -> Option<(&'a Name, Verdict<'a>)> {
    let serial = &wished.serial;
    let (org, seat) = match &wished.route.to {
        RouteTo::Token(token) => {
            let seat = *apple.seats.get(token)?;
            (apple.orgs.get(seat.org())?, Some((token, seat)))
        }
        RouteTo::Nowhere => match apple.find(serial) {
            Some((org, _)) => (org, None),
            None => return unlisted(apple, serial),
        },
    };
    let devices = org.devices?;
    let Some(device) = devices.find(serial) else {
        return Some((org.name, missing(apple, org, wished)));
    };
    if apple.find(serial).is_none() {
        return Some((org.name, claimed_twice()));
    }
    let (belongs, migration) = (devices.service_of(device), devices.migration_of(device));
    if let Some(hold) = org.busy.hold(serial, belongs, migration) {
        return Some((org.name, Verdict::Wait(hold)));
    }
    let from = match belongs {
        Belongs::To(id) => Some(id),
        Belongs::ToNone => None,
        Belongs::Unclear => return None,
    };
    let verdict = match seat {
        None => take_off(apple, org, from),
        Some((token, seat)) => match seat {
            Seat::Unknown { .. } => Verdict::Rest,
            Seat::Making { .. } => wait("the service is made first; a later run points them at it"),
            Seat::Service { live, .. } if from == Some(&live.id) => {
                migration::settled(apple, org, wished, migration)
            }
            // Who is at no service has nothing to lose; who has one keeps it until the next is known.
            Seat::Service { .. } if from.is_some() && !apple.is_holder_read(token) => wait(format!(
                "what holds EnrollmentToken/{token} could not be read, so that nobody knows whether a profile awaits them there"
            )),
            Seat::Service { .. } => misfit(given, wished, token, device.family)
                .unwrap_or_else(|| bring(apple, org, wished, token, from, migration)),
        },
    };
    Some((org.name, verdict))
}

/// A device that shall be off its service, and that no single organisation lists.
fn unlisted<'a>(apple: &Apple<'a>, serial: &Serial) -> Option<(&'a Name, Verdict<'a>)> {
    let listing = |org: &&Org<'a>| org.devices.is_some_and(|devices| devices.find(serial).is_some());
    apple.orgs.values().find(listing).map(|org| (org.name, claimed_twice()))
}

fn claimed_twice<'a>() -> Verdict<'a> {
    obstacle(
        "A-2",
        "two organisations list it, so that nobody knows whose it is",
        "see in both portals to which it belongs; nothing is done with it until one of them has released it",
    )
}

/// A device that the organisation of its destination does not list.
fn missing<'a>(apple: &Apple<'a>, org: &Org<'a>, wished: &Wished<'a>) -> Verdict<'a> {
    match apple.find(&wished.serial) {
        Some((other, _)) => obstacle(
            "A-2",
            format!(
                "it belongs to the organisation of Connection/{}, and not to that of Connection/{}",
                other.name, org.name
            ),
            "name a token of its own organisation; a device changes its organisation by release only",
        ),
        None => wait(format!("not in the organisation of Connection/{} yet", org.name)),
    }
}

/// What keeps a device at the service that it has; `None`: nothing does.
fn kept_by<'a>(org: &Org<'_>, from: &ServiceId) -> Option<Verdict<'a>> {
    let service = org.services.by_id(from).ok()?;
    let built_in = "sign it out of and unenrol it from Apple's built-in device management first";
    let what = match service.kind {
        ServiceKind::Mdm | ServiceKind::Other => return None,
        ServiceKind::BuiltIn => "it is in Apple's built-in device management",
        ServiceKind::Configurator => "it is at Apple Configurator, from which the portal assigns it",
    };
    let next = match service.kind {
        ServiceKind::BuiltIn => built_in,
        _ => "assign it to a device management service in the portal once",
    };
    Some(obstacle("A-2", what, next))
}

fn take_off<'a>(apple: &Apple<'a>, org: &Org<'a>, from: Option<&'a ServiceId>) -> Verdict<'a> {
    let Some(from) = from else { return Verdict::Rest };
    let token = org.tokens.get(from).copied();
    let is_ours_to_do = match token {
        Some(token) => apple.works_on(token),
        None => apple.input.scope.is_whole(),
    };
    if !is_ours_to_do {
        return Verdict::Rest;
    }
    kept_by(org, from).unwrap_or(Verdict::TakeOff { from, token })
}

/// A device that is at another service, or at none.
fn bring<'a>(
    apple: &Apple<'a>,
    org: &Org<'a>,
    wished: &Wished<'a>,
    to: &'a Name,
    from: Option<&'a ServiceId>,
    migration: crate::model::organisation::Migration,
) -> Verdict<'a> {
    let Some(former) = from else {
        return Verdict::Move { to, from: None, class: Class::Safe, deadline: None };
    };
    if let Some(kept) = kept_by(org, former) {
        return kept;
    }
    let token = org.tokens.get(former).copied();
    if let Some(verdict) = migration::underway(apple, org, &wished.serial, migration) {
        return verdict;
    }
    let state = token.and_then(|token| apple.state_at(token, &wished.serial));
    let is_known = token.is_some_and(|token| apple.held.contains_key(token));
    // What its holder lists as never activated, or does not list at all, has nothing to lose.
    let is_new = match state {
        Some(state) => state == EnrollmentState::NotContacted,
        None => is_known,
    };
    if let Some(deadline) = wished.deadline.filter(|_| !is_new) {
        return migration::bring(apple, org, wished, to, former, migration, deadline);
    }
    if let Some(locked) = locked(apple, &wished.serial).filter(|_| !is_handed_over(apple, wished)) {
        return locked;
    }
    let class = if token.is_some() && is_new { Class::Safe } else { Class::Disruptive };
    Verdict::Move { to, from, class, deadline: None }
}

/// Whether a hand-over on its way leads it there, which lifts the lock itself before it wipes.
fn is_handed_over(apple: &Apple<'_>, wished: &Wished<'_>) -> bool {
    let leads_there = |document: &DeviceAction| match (&document.content.options, &wished.route.to) {
        (ActOptions::HandOver { token, .. }, RouteTo::Token(to)) => token == to,
        _ => false,
    };
    let on_their_way = hand_over::on_their_way(&apple.input);
    on_their_way.iter().any(|(document, serials)| serials.contains(&wished.serial) && leads_there(document))
}

/// a device that is known to be locked is not given to another service.
fn locked<'a>(apple: &Apple<'a>, serial: &Serial) -> Option<Verdict<'a>> {
    let seen = apple.input.live.locks.get(serial)?;
    let by = match &seen.lock {
        Fact::Known(ActivationLock::ByUser) => "by its user's Apple Account",
        Fact::Known(ActivationLock::ByMdm) => "by its device management",
        Fact::Known(ActivationLock::Off) | Fact::Unknown(_) => return None,
    };
    let age = match between(seen.at, apple.input.now).as_secs() / 60 {
        0 => "now".to_owned(),
        minutes @ 1..=119 => format!("{minutes} min ago"),
        minutes => format!("{} h ago", minutes / 60),
    };
    Some(obstacle(
        "A-7",
        format!("Activation Lock is on {by}, as Apple told {age}, and a locked device is given to nobody"),
        "in this order: have the lock turned off (its user signs out of Find My, or a DeviceAction with `disableActivationLock`, the device in hand; L-1, L-3, L-6), see `espalier devices --activation-lock`, and the next run moves it; or do all of it in one act with `handOver`",
    ))
}

/// Enters a verdict.
fn enter<'a>(
    apple: &Apple<'a>,
    tally: &mut Tally<'a>,
    wished: &Wished<'a>,
    token: Option<&'a Name>,
    org: &'a Name,
    verdict: Verdict<'a>,
) {
    let (serial, assignment) = (wished.serial, &wished.route.name);
    match verdict {
        Verdict::Rest => {}
        Verdict::Wait(hold) => tally.waiting.entry((assignment, token, hold)).or_default().push(serial),
        Verdict::Block(obstacle) => {
            tally.blocked.entry((org, assignment, token, obstacle)).or_default().push(serial);
        }
        Verdict::Deadline(deadline) => {
            tally.due.update.entry((org, assignment, deadline)).or_default().push(serial);
        }
        Verdict::Cancel => tally.due.cancel.entry((org, assignment)).or_default().push(serial),
        Verdict::Over => tally.due.over.entry(org).or_default().push(serial),
        Verdict::Move { to, from, class, deadline } => {
            let batch = tally.moves.entry((to, class, deadline)).or_default();
            let leaves = from.and_then(|from| apple.orgs.get(org)?.tokens.get(from).copied());
            batch.add(apple, serial, from, leaves, deadline.is_some());
        }
        Verdict::TakeOff { from, token } => {
            // Where a token of the folder has the service, the step is the token's.
            let document = token.is_none().then_some(assignment);
            let batch = tally.off.entry((org, from, token, document)).or_default();
            batch.add(apple, serial, Some(from), token, false);
        }
    }
}

impl<'a> Batch<'a> {
    fn add(
        &mut self,
        apple: &Apple<'a>,
        serial: Serial,
        from: Option<&'a ServiceId>,
        leaves: Option<&'a Name>,
        has_deadline: bool,
    ) {
        self.by_former.entry(from).or_default().push(serial);
        let state = leaves.and_then(|token| apple.state_at(token, &serial));
        match state {
            Some(EnrollmentState::Enrolled) => self.enrolled += 1,
            _ => self.not_enrolled += 1,
        }
        self.foreign += u64::from(from.is_some() && leaves.is_none());
        let source = apple.find(&serial).and_then(|(_, device)| device.source);
        self.by_hand += usize::from(source == Some(PurchaseSource::ManuallyAdded));
        let lock = apple.input.live.locks.get(&serial).and_then(|seen| seen.lock.known());
        let may_be_locked = from.is_some()
            && !has_deadline
            && !apple.handed_over.contains(&serial)
            && lock.is_none()
            && !matches!(state, Some(EnrollmentState::NotContacted));
        self.lock_unknown += usize::from(may_be_locked);
    }

    fn serials(&self) -> impl Iterator<Item = &Serial> {
        self.by_former.values().flatten()
    }
}

fn move_step<'a>(
    apple: &mut Apple<'a>,
    token: &'a Name,
    class: Class,
    deadline: Option<Timestamp>,
    batch: Batch<'a>,
) {
    let Some(Seat::Service { org, live }) = apple.seats.get(token).copied() else { return };
    let Some(opened) = apple.orgs.get(org) else { return };
    let groups = batch.by_former.iter().map(|(from, serials)| {
        let (from_name, owner) = from.map_or((None, None), |from| Apple::service_of(opened, from));
        MoveGroup {
            from: from.cloned(),
            from_name: from_name.map(str::to_owned),
            foreign: from.is_some() && owner.is_none(),
            serials: serials.clone(),
        }
    });
    let action = ServiceAction::Assign { id: live.id.clone(), groups: groups.collect(), deadline };
    let address = Address::token(token);
    let mut step = apple.step(opened, address, Some(&live.id), &live.name, action, Reason::Elsewhere);
    match deadline {
        Some(deadline) => step.id = format!("{} by {deadline}", step.id),
        // The class is part of what the step is: a gate that stops these lets the others go.
        None if class > Class::Safe => step.id = format!("{}, {class}", step.id),
        None => {}
    }
    step.class = class;
    step.effect = match deadline {
        Some(_) => {
            Effect { when: When::Deadline, feel: batch.enrolled + batch.not_enrolled, ..Effect::default() }
        }
        None => Effect {
            when: When::NextActivation,
            feel: 0,
            after_reset: batch.enrolled,
            at_activation: batch.not_enrolled,
        },
    };
    note(apple, &mut step, &batch, deadline.is_some());
    if deadline.is_some() {
        migration::note(&mut step);
    }
    // One service is the destination of all of a step's devices, so that each is in one step.
    let id: Rc<str> = step.id.as_str().into();
    for serial in batch.serials() {
        apple.going.insert(*serial, Going { to: Some(token), step: Rc::clone(&id) });
    }
    apple.out.steps.push(step);
}

fn off_step<'a>(
    apple: &mut Apple<'a>,
    org: &'a Name,
    from: &'a ServiceId,
    token: Option<&'a Name>,
    assignment: Option<&'a Name>,
    batch: Batch<'a>,
) {
    let Some(opened) = apple.orgs.get(org) else { return };
    let address = match (token, assignment) {
        (Some(token), _) => Address::token(token),
        (None, Some(assignment)) => address_of(assignment),
        (None, None) => return,
    };
    let (name, _) = Apple::service_of(opened, from);
    let serials: Vec<Serial> = batch.serials().copied().collect();
    let action = ServiceAction::Unassign { id: from.clone(), serials };
    let mut step =
        apple.step(opened, address, Some(from), name.unwrap_or_default(), action, Reason::Unassigned);
    if token.is_none() {
        step.id = format!("{} from {from}", step.id);
    }
    step.class = Class::Destructive;
    step.effect = Effect {
        when: When::NextActivation,
        feel: 0,
        after_reset: batch.enrolled,
        at_activation: batch.not_enrolled,
    };
    note(apple, &mut step, &Batch { lock_unknown: 0, ..batch }, false);
    step.notes.push(Note::new(
        "A-2",
        "without a service a device cannot enroll by itself, nor enroll again after a wipe",
    ));
    if let crate::plan::Action::Service(action) = &step.action {
        let id: Rc<str> = step.id.as_str().into();
        for serial in action.serials() {
            apple.going.insert(*serial, Going { to: None, step: Rc::clone(&id) });
        }
    }
    apple.out.steps.push(step);
}

/// What every step with devices says of them.
fn note(apple: &Apple<'_>, step: &mut Step, batch: &Batch<'_>, has_deadline: bool) {
    let mut say = |rule: &str, text: String| step.notes.push(Note::new(rule, text));
    let they = |many: usize, one: &str, all: &str| match many {
        1 => format!("1 of them {one}"),
        many => format!("{many} of them {all}"),
    };
    if batch.enrolled > 0 && !has_deadline {
        let who = they(batch.enrolled as usize, "is enrolled: it", "are enrolled: they");
        let keeps = form(batch.enrolled, "stays", "stay");
        say("A-4", format!("{who} {keeps} where they are managed until a wipe"));
    }
    if batch.foreign > 0 {
        let who = they(batch.foreign as usize, "comes", "come");
        say(
            "A-11",
            format!(
                "{who} from a service that no document of this folder names: what is enrolled there has to leave it first, by a wipe or with `moveBy`"
            ),
        );
    }
    if batch.by_hand > 0 {
        let who = they(batch.by_hand, "was added", "were added");
        say("P-13", format!("{who} by hand with Apple Configurator (A-5): {BY_HAND}"));
    }
    if batch.lock_unknown > 0 {
        let who = they(batch.lock_unknown, "", "").trim_end().to_owned();
        say(
            "A-7",
            format!(
                "whether Activation Lock is on is not known of {who}: a locked device stays locked at its next service; `espalier devices --activation-lock` asks Apple"
            ),
        );
    }
    let issues = batch.serials().filter(|serial| apple.past.had_issue(serial)).count();
    if issues > 0 {
        let who = they(issues, "", "").trim_end().to_owned();
        say("A-2", format!("an earlier activity ended with an issue about {who}; it is tried again"));
    }
    let requests = batch.serials().count().div_ceil(DEVICES_PER_ACTIVITY);
    if requests > 1 {
        say("A-2", format!("{requests} activities of up to {DEVICES_PER_ACTIVITY} devices"));
    }
}

/// What a device that was added by hand lets its user do (P-13).
pub(in super::super) const BY_HAND: &str =
    "for 30 days after activation the user can still remove the management";
