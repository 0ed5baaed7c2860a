//! Serials that no token shows: they wait, and a sync is asked for those that began to, or that were moved
//! at Apple.

use std::collections::{BTreeMap, BTreeSet};

use super::super::effect::When;
use super::super::{Action, AssignGroup, Bookkeeping, Note, Reason, Relation, Waiting};
use super::apple::Stands;
use super::assign::{self, Fits};
use super::domain::Domain;
use super::serials::{Found, Serials};
use super::whole::Whole;
use super::{DEVICES_PER_MINUTE, SYNC_EVERY, SYNC_RHYTHM, sync_pause};
use crate::diag::words::count;
use crate::model::clock::after;
use crate::model::desired::Assignment;
use crate::model::{Address, Name, Serial};

/// The serials that wait for one profile on one token.
#[derive(Default)]
pub(super) struct Wanted<'a> {
    /// Apple has them there, or does not tell.
    pub there: Vec<Serial>,
    /// By step: those that this plan moves there.
    pub moved: BTreeMap<&'a str, Vec<Serial>>,
}

impl Wanted<'_> {
    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Serial> {
        self.there.iter().chain(self.moved.values().flatten())
    }

    fn tidy(&mut self) {
        for serials in self.moved.values_mut().chain([&mut self.there]) {
            serials.sort_unstable();
            serials.dedup();
        }
    }
}

/// What a token waits for, by profile.
pub(super) type Wants<'a> = BTreeMap<&'a Name, Wanted<'a>>;

/// Where a missing serial is to be expected.
enum Outlook<'a> {
    /// On this token, once the step has brought it there.
    On(&'a Name, Option<&'a str>),
    /// On one of several: nobody knows which.
    Somewhere,
    /// Not before something else happens.
    Not(String),
}

/// Plans the waiting of all tokens. Returned are steps at Apple with those that have to come first: what
/// makes a profile before its devices come.
pub(super) fn plan<'a>(
    whole: &'a Whole<'a>,
    domains: &mut [Domain<'a>],
    serials: &Serials<'a>,
    unread: &BTreeSet<Name>,
    waiting: &mut Vec<Waiting>,
) -> Vec<(String, String)> {
    let mut by_token: BTreeMap<&Name, Wants<'a>> = BTreeMap::new();
    let mut somewhere: BTreeMap<u32, Vec<Serial>> = BTreeMap::new();
    let mut not: BTreeMap<(u32, String), Vec<Serial>> = BTreeMap::new();
    for row in serials.rows.iter().filter(|row| row.found == Found::Nowhere) {
        let assignment = serials.assignments[row.assignment as usize];
        // Where a token could not be read, nobody knows whether its serials wait.
        let any_unread = || assignment.tokens.iter().any(|token| unread.contains(token));
        match outlook(whole, assignment, &row.serial) {
            Outlook::On(token, step) => {
                if unread.contains(token) {
                    continue;
                }
                let wanted = by_token.entry(token).or_default().entry(&assignment.profile).or_default();
                match step {
                    Some(step) => wanted.moved.entry(step).or_default().push(row.serial),
                    None => wanted.there.push(row.serial),
                }
            }
            _ if any_unread() => {}
            Outlook::Somewhere => somewhere.entry(row.assignment).or_default().push(row.serial),
            Outlook::Not(_) if whole.apple.is_some_and(|apple| apple.is_held_up(&row.serial)) => {}
            Outlook::Not(reason) => not.entry((row.assignment, reason)).or_default().push(row.serial),
        }
    }
    for (assignment, serials_of) in somewhere {
        let assignment = serials.assignments[assignment as usize];
        let several = assignment.tokens.len();
        let reason =
            format!("none of the {several} tokens of DeviceAssignment/{} shows them yet", assignment.name);
        waiting.push(line(None, &assignment.profile, serials_of, reason));
    }
    for ((assignment, reason), serials_of) in not {
        let assignment = serials.assignments[assignment as usize];
        let token = match assignment.tokens.as_slice() {
            [token] => Some(token),
            _ => None,
        };
        waiting.push(line(token, &assignment.profile, serials_of, reason));
    }
    let mut before = Vec::new();
    for domain in domains.iter_mut().filter(|domain| !domain.is_absent()) {
        let mut wants = by_token.remove(domain.name).unwrap_or_default();
        wants.values_mut().for_each(Wanted::tidy);
        if !domain.connection.is_direct() {
            forget_asked(domain, &wants);
            refuse_by_family(domain, &mut wants);
        }
        // What devices are to get is there before they come.
        for (profile, wanted) in &wants {
            let step = domain.targets.get(profile).and_then(|target| target.step.as_ref());
            let makes = |id: &&String| id.starts_with("create ") || id.starts_with("define ");
            let Some(makes) = step.filter(makes) else { continue };
            before.extend(wanted.moved.keys().map(|id| ((*id).to_owned(), makes.clone())));
        }
        match domain.connection.is_direct() {
            true => super::direct::wait(domain, wants),
            false if wants.is_empty() => {}
            false => plan_sync(domain, wants),
        }
    }
    before
}

fn line(token: Option<&Name>, profile: &Name, serials: Vec<Serial>, reason: String) -> Waiting {
    Waiting {
        token: token.cloned(),
        profile: Some(profile.clone()),
        assignment: None,
        serials,
        reason,
        until: None,
    }
}

/// Where a serial that no token shows is to be expected.
fn outlook<'a>(whole: &'a Whole<'a>, assignment: &'a Assignment, serial: &Serial) -> Outlook<'a> {
    let tokens = assignment.tokens.as_slice();
    let mut all_are_asked = true;
    let mut reason = None;
    for token in tokens {
        let words = match whole.stands(serial, token) {
            Stands::NotAsked => {
                all_are_asked = false;
                continue;
            }
            Stands::At(at) if tokens.contains(at) => return Outlook::On(at, None),
            Stands::Going { to: Some(to), step } if tokens.contains(to) => {
                return Outlook::On(to, Some(step));
            }
            Stands::Unknown => {
                "whether Apple has them at this token is not known, so that no sync is asked for".to_owned()
            }
            Stands::NotListed(org) => format!("not in the organisation of Connection/{org} yet"),
            Stands::OtherOrganisation => {
                "another organisation at Apple lists them than the token's, or two do".to_owned()
            }
            Stands::Busy => "an activity at Apple has them, or its lists contradict each other".to_owned(),
            Stands::Unassigned => "at no service at Apple; `token` in the assignment moves them".to_owned(),
            Stands::Foreign(id) => {
                format!(
                    "at a service at Apple that no document names ({id}); `token` in the assignment moves them"
                )
            }
            Stands::At(other) => format!(
                "at the service of EnrollmentToken/{other} at Apple; `token` in the assignment moves them"
            ),
            Stands::Going { to: Some(other), .. } => {
                format!("another document sends them to EnrollmentToken/{other}")
            }
            Stands::Going { to: None, .. } => "another document takes them off their service".to_owned(),
        };
        reason = reason.or(Some(words));
    }
    match (reason, tokens) {
        (Some(reason), _) if all_are_asked => Outlook::Not(reason),
        (_, [token]) => Outlook::On(token, None),
        (_, []) => Outlook::Not("their assignment names no token".to_owned()),
        _ => Outlook::Somewhere,
    }
}

/// What Apple's side tells of a family is told before the holder of the token has the device.
fn refuse_by_family(domain: &mut Domain<'_>, wants: &mut Wants<'_>) {
    let mut refused: Vec<(&Name, Vec<Serial>)> = Vec::new();
    let mut other_platform = 0;
    for (profile, wanted) in wants.iter_mut() {
        let mut phones = Vec::new();
        for serials in wanted.moved.values_mut().chain([&mut wanted.there]) {
            serials.retain(|serial| match assign::fits(domain, profile, serial) {
                Fits::Yes => true,
                Fits::OtherPlatform => {
                    other_platform += 1;
                    false
                }
                Fits::Phone => {
                    phones.push(*serial);
                    false
                }
            });
        }
        if !phones.is_empty() {
            phones.sort_unstable();
            refused.push((profile, phones));
        }
    }
    for (profile, phones) in refused {
        assign::refuse_phones(domain, profile, &phones);
    }
    let why = "the profile that a document gives them is for another platform, as Apple tells (P-32)";
    let name = format!("{other_platform} serials of other platforms");
    assign::leave_devices(domain, other_platform, name, why, true);
    for wanted in wants.values_mut() {
        wanted.moved.retain(|_, serials| !serials.is_empty());
    }
    wants.retain(|_, wanted| wanted.all().next().is_some());
}

/// Serials for which a sync was asked and which are not missing any more.
fn forget_asked(domain: &mut Domain<'_>, wants: &Wants<'_>) {
    let Some(asked) = domain.input.ledger.sync_asked.get(&domain.live.id) else { return };
    let missing: BTreeSet<&Serial> = wants.values().flat_map(Wanted::all).collect();
    let serials: Vec<Serial> = asked.iter().filter(|serial| !missing.contains(serial)).copied().collect();
    if !serials.is_empty() {
        let token = Address::token(domain.name);
        domain.bookkeeping.push(Bookkeeping::NotWaiting { token_id: domain.live.id.clone(), token, serials });
    }
}

/// The serials that no sync was asked for since they began to wait, or were moved.
fn fresh(domain: &Domain<'_>, wants: &Wants<'_>) -> Vec<Serial> {
    let nothing = Vec::new();
    let asked = domain.input.ledger.sync_asked.get(&domain.live.id).unwrap_or(&nothing);
    let since = domain.live.last_sync_triggered.max(domain.live.last_sync_done);
    let was_moved = |serial: &Serial| {
        domain.whole.apple.is_some_and(|apple| apple.moved_since(serial, domain.name, since))
    };
    let is_fresh = |serial: &&Serial| asked.binary_search(serial).is_err() || was_moved(serial);
    let mut fresh: Vec<Serial> = Vec::new();
    for wanted in wants.values() {
        fresh.extend(wanted.there.iter().filter(is_fresh));
        fresh.extend(wanted.moved.values().flatten());
    }
    fresh.sort_unstable();
    fresh.dedup();
    fresh
}

fn plan_sync<'a>(domain: &mut Domain<'a>, wants: Wants<'a>) {
    let address = Address::token(domain.name);
    let fresh = fresh(domain, &wants);
    let moves: BTreeSet<&str> = wants.values().flat_map(|wanted| wanted.moved.keys().copied()).collect();
    // Without a ledger nobody would remember that a sync was asked for these serials, and every
    // run would ask again.
    // A serial that this token does not show may be on one that a narrowed run does not look at: unless
    // Apple tells where it is.
    let sees = domain.input.sees_every_token() || domain.document.apple.is_some();
    let may_sync = !domain.input.ledger.is_none() && sees && !domain.has_expired();
    let sync = !fresh.is_empty() && may_sync && !domain.blocked_by_lost_answer(&address);
    let next_by_itself = domain.live.last_sync_done.map(|done| after(done, SYNC_RHYTHM));
    let devices = (domain.devices.len() + fresh.len()) as u64;
    let mut sync_id = None;
    if sync {
        let name = domain.live.name.clone();
        let mut step =
            domain.step(address, None, &name, Action::Sync { serials: fresh }, Reason::SerialsWait);
        step.effect.when = When::Now;
        // One of the moves: where a gate stops another one, this sync is asked for all the same. All of
        // them come before it.
        step.needs.extend(moves.first().map(|id| (*id).to_owned()));
        step.not_before = domain
            .live
            .last_sync_triggered
            .map(|asked| after(asked, sync_pause(devices)))
            .filter(|earliest| *earliest > domain.input.now);
        step.notes.push(Note::new(
            "S-2",
            "a sync by hand is allowed once in 15 minutes and takes up to 15 minutes",
        ));
        let about = match devices / DEVICES_PER_MINUTE {
            0 => "less than a minute".to_owned(),
            minutes => count(minutes, "minute"),
        };
        step.notes.push(Note::new(
            "S-7",
            format!("Apple hands over about 3,000 devices a minute: {about} for a token of {devices}"),
        ));
        sync_id = Some(step.id.clone());
        domain.steps.push(step);
    }
    let running = !sync && may_sync && sync_runs(domain);
    for (profile, wanted) in wants {
        let reason = match sync_id {
            Some(_) => "not at Intune yet; a sync is asked for",
            None if domain.has_expired() => {
                "not at Intune yet; the token has expired, and no sync brings them before it is renewed (T-6)"
            }
            None if running => "not at Intune yet; a sync is under way",
            None if !sees => {
                "not on this token; a narrowed run does not know whether another one has them, and asks for no sync"
            }
            None => {
                "not at Intune yet; a sync was asked for them already, or the next one by itself will show them"
            }
        };
        let Wanted { there, moved } = wanted;
        let groups = [(None, there)].into_iter().chain(moved.into_iter().map(|(id, all)| (Some(id), all)));
        for (moved_by, serials) in groups.filter(|(_, serials)| !serials.is_empty()) {
            let reason = match moved_by {
                Some(_) => format!("moved at Apple by this plan, and {reason}"),
                None => reason.to_owned(),
            };
            let until = next_by_itself;
            let line = line(Some(domain.name), profile, serials.clone(), reason);
            domain.waiting.push(Waiting { until, ..line });
            if sync_id.is_some() || running {
                assign_after(domain, profile, serials, sync_id.as_ref(), moved_by);
            }
        }
    }
}

/// The step that gives a profile to devices once the holder of the token shows them. `moved_by` brings
/// them there.
pub(super) fn assign_after<'a>(
    domain: &mut Domain<'a>,
    profile: &'a Name,
    serials: Vec<Serial>,
    sync: Option<&String>,
    moved_by: Option<&str>,
) {
    let Some(target) = domain.targets.get(profile).cloned() else { return };
    let address = Address::profile(profile, domain.name);
    let group = AssignGroup { from: None, from_name: None, relation: Relation::Other, serials };
    let action = Action::Assign { groups: vec![group], after_sync: true };
    let mut step = domain.step(address, target.id, &target.display_name, action, Reason::SerialsWait);
    step.effect.when = When::NextActivation;
    step.needs.extend(sync.cloned());
    step.needs.extend(target.step);
    if let Some(moved_by) = moved_by {
        // Each group follows its own move: a gate that stops one lets the others go on.
        step.id = format!("{} after {moved_by}", step.id);
        step.needs.push(moved_by.to_owned());
    }
    assign::note_by_hand(domain, &mut step);
    domain.steps.push(step);
}

/// Whether a sync was triggered that has not been seen to end, and still has time to (S-2): an
/// earlier run asked for it, or somebody else did. What it brings is waited for.
fn sync_runs(domain: &Domain<'_>) -> bool {
    let Some(triggered) = domain.live.last_sync_triggered else { return false };
    let has_ended = domain.live.last_sync_done.is_some_and(|done| done >= triggered);
    !has_ended && after(triggered, SYNC_EVERY) > domain.input.now
}
