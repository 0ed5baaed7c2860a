//! Which device gets which profile: named serials joined with the tokens' devices.

use std::collections::{BTreeMap, BTreeSet};

use super::super::effect::{Effect, When};
use super::super::{Action, AssignGroup, Bookkeeping, LeftAlone, Note, Reason, Relation, Step, Waiting};
use super::domain::{Domain, Target};
use super::serials::{Claim, Found, Here, Serials};
use super::{DEVICES_PER_MINUTE, SYNC_EVERY, SYNC_RHYTHM, sync_pause};
use crate::diag::{Diagnostic, Severity};
use crate::model::clock::after;
use crate::model::live::{Cause, EnrollmentState, LiveDevice};
use crate::model::{Address, Name, Platform, ProfileId, Serial};

/// T-10: devices of one token, and of one profile.
const MOST_DEVICES: u64 = 200_000;

/// What the devices of a token give.
#[derive(Default)]
struct Tally<'a> {
    moves: BTreeMap<&'a Name, Moves<'a>>,
    released: u64,
    other_platform: u64,
    elsewhere: BTreeMap<&'a Name, u64>,
    unnamed: u64,
    unnamed_with_managed: BTreeMap<&'a str, u64>,
    without_profile: u64,
}

/// The devices that get one profile.
#[derive(Default)]
pub(super) struct Moves<'a> {
    by_former: BTreeMap<(Option<&'a ProfileId>, Relation), Vec<Serial>>,
    enrolled: u64,
    waiting: u64,
}

impl<'a> Moves<'a> {
    /// Adds a device with the profile that it has now.
    pub fn add(&mut self, device: &LiveDevice, former: Option<&'a ProfileId>, relation: Relation) {
        self.by_former.entry((former, relation)).or_default().push(device.serial);
        if device.state == EnrollmentState::Enrolled {
            self.enrolled += 1;
        } else {
            self.waiting += 1;
        }
    }

    /// How many there are of a relation.
    pub fn of(&self, relation: Relation) -> u64 {
        let these = self.by_former.iter().filter(|((_, one), _)| *one == relation);
        these.map(|(_, serials)| serials.len() as u64).sum()
    }

    /// How many there are.
    pub fn all(&self) -> u64 {
        self.enrolled + self.waiting
    }
}

/// Plans the assignments on one token.
pub(super) fn plan<'a>(domain: &mut Domain<'a>, serials: &mut Serials<'a>) {
    if domain.is_absent() {
        return;
    }
    let tally = tally(domain, serials);
    for (profile, moves) in tally.moves {
        let Some(target) = domain.targets.get(profile).cloned() else { continue };
        if let Some(step) = plan_moves(domain, profile, &target, moves) {
            domain.steps.push(step);
        }
    }
    let mut leave = |count: u64, name: String, why: &str, was_managed: bool| {
        leave_devices(domain, count, name, why, was_managed);
    };
    leave(
        tally.released,
        format!("{} released devices", tally.released),
        "released at Apple, listed for 30 to 45 days still (S-6)",
        true,
    );
    leave(
        tally.other_platform,
        format!("{} devices of other platforms", tally.other_platform),
        "the profile that a document gives them is for another platform (P-32)",
        true,
    );
    for (assignment, count) in tally.elsewhere {
        let name = format!("{count} serials of DeviceAssignment/{assignment}");
        leave(
            count,
            name,
            "they are on this token, which their assignment does not name; Intune cannot move them (A-2)",
            true,
        );
    }
    let managed: u64 = tally.unnamed_with_managed.values().sum();
    for (profile, count) in tally.unnamed_with_managed {
        let name = format!("{count} devices with {profile:?}");
        leave(count, name, "no document names them; they keep the profile that they have", true);
    }
    let others = tally.unnamed - managed;
    leave(others, format!("{others} devices"), "no document names them", false);
    leave(
        tally.without_profile,
        format!("{} devices without any profile", tally.without_profile),
        "they cannot enroll before they get one; `espalier devices --unassigned` lists them (P-31)",
        true,
    );
    warn_of_size(domain);
}

/// Says how many devices stay as they are, and why.
pub(super) fn leave_devices(domain: &mut Domain<'_>, count: u64, name: String, why: &str, was_managed: bool) {
    if count > 0 {
        domain.left_alone.push(LeftAlone {
            token: domain.name.clone(),
            what: "devices".to_owned(),
            name,
            id: String::new(),
            count,
            why: why.to_owned(),
            was_managed,
        });
    }
}

/// T-10: devices of one token.
pub(super) fn warn_of_size(domain: &mut Domain<'_>) {
    if domain.devices.len() as u64 > MOST_DEVICES {
        let place = domain.document.identity.places.document.clone();
        let message = format!(
            "the token has {} devices, and {MOST_DEVICES} is what one should carry",
            domain.devices.len()
        );
        domain.findings.push(
            Diagnostic::by_row("T-10", Severity::Warn, place, message)
                .next("split the fleet over several tokens")
                .for_tokens([domain.name.clone()]),
        );
    }
}

/// One pass over the devices of the token and the named serials.
fn tally<'a>(domain: &Domain<'a>, serials: &mut Serials<'a>) -> Tally<'a> {
    let mut tally = Tally::default();
    let wished: BTreeSet<&ProfileId> =
        domain.targets.values().filter_map(|target| target.id.as_ref()).collect();
    let managed: BTreeMap<&ProfileId, &'a str> = domain
        .profiles
        .iter()
        .filter(|profile| wished.contains(&profile.id))
        .map(|profile| (&profile.id, profile.name.as_str()))
        .collect();
    let default_of =
        |platform| super::super::before::default_of(domain.tenant, &domain.live.id, platform).ok().flatten();
    let defaults = Platform::CLASSIC.map(default_of);
    serials.join(domain, |device, claim| {
        let current = domain.devices.profile_of(device);
        let (assignment, platform, here) = match claim {
            Claim::Here { assignment, platform, here, index: _ } => (assignment, platform, here),
            // Gone from this token: who names it waits for it elsewhere (S-6).
            Claim::Nowhere | Claim::Elsewhere(_) if device.released => {
                tally.released += u64::from(matches!(claim, Claim::Elsewhere(_)));
                return;
            }
            Claim::Elsewhere(first) => {
                *tally.elsewhere.entry(&first.name).or_default() += 1;
                return;
            }
            Claim::Nowhere => {
                tally.unnamed += 1;
                match current {
                    Some(profile) if !defaults.iter().flatten().any(|default| default == profile) => {
                        if let Some(name) = managed.get(profile) {
                            *tally.unnamed_with_managed.entry(name).or_default() += 1;
                        }
                    }
                    Some(_) => {}
                    None => tally.without_profile += 1,
                }
                return;
            }
        };
        if device.released {
            tally.released += 1;
            return;
        }
        if device.platform != platform {
            tally.other_platform += 1;
            return;
        }
        match here {
            // A profile that is blocked says so itself; its devices wait for it.
            Here::Elsewhere | Here::Blocked => return,
            Here::Held(place) if domain.devices.place_of(device) == Some(place as usize) => return,
            Here::Held(_) | Here::Unheld | Here::New => {}
        }
        tally.moves.entry(&assignment.profile).or_default().add(device, current, Relation::Other);
    });
    tally
}

/// The step that gives a profile to devices, unless they are too many.
pub(super) fn plan_moves<'a>(
    domain: &mut Domain<'a>,
    profile: &'a Name,
    target: &Target,
    moves: Moves<'a>,
) -> Option<Step> {
    let address = Address::profile(profile, domain.name);
    let have = target.id.as_ref().map_or(0, |id| domain.holders_of(id).all());
    if have + moves.all() > MOST_DEVICES {
        let reason =
            format!("the profile would have {} devices, and {MOST_DEVICES} is the most", have + moves.all());
        domain.block(
            Some(address),
            Cause::Manifest,
            Some("T-10"),
            reason,
            "split the devices over several profiles or tokens".to_owned(),
        );
        return None;
    }
    let Moves { by_former, enrolled, waiting } = moves;
    let groups = by_former
        .into_iter()
        .map(|((from, relation), serials)| AssignGroup {
            from: from.cloned(),
            from_name: from.and_then(|id| domain.name_of_profile(id)),
            relation,
            serials,
        })
        .collect();
    let action = Action::Assign { groups, after_sync: false };
    let mut step = domain.step(address, target.id.clone(), &target.display_name, action, Reason::Assigned);
    step.effect =
        Effect { when: When::NextActivation, feel: 0, after_reset: enrolled, at_activation: waiting };
    step.needs.extend(target.step.clone());
    if enrolled > 0 {
        step.notes.push(Note::new(
            "A-4",
            match enrolled {
                1 => "1 of them is enrolled: it takes the profile only after a wipe".to_owned(),
                many => format!("{many} of them are enrolled: they take the profile only after a wipe"),
            },
        ));
    }
    Some(step)
}

/// Serials that no token shows: they wait, and a sync is asked for those that began to.
pub(super) fn plan_waiting<'a>(
    domains: &mut [Domain<'a>],
    serials: &Serials<'a>,
    unread: &BTreeSet<Name>,
    waiting: &mut Vec<Waiting>,
) {
    let mut by_assignment: BTreeMap<u32, Vec<Serial>> = BTreeMap::new();
    for row in serials.rows.iter().filter(|row| row.found == Found::Nowhere) {
        by_assignment.entry(row.assignment).or_default().push(row.serial);
    }
    let mut by_token: BTreeMap<&Name, BTreeMap<&Name, Vec<Serial>>> = BTreeMap::new();
    for (assignment, missing) in by_assignment {
        let assignment = serials.assignments[assignment as usize];
        // Where a token could not be read, nobody knows whether its serials wait.
        if assignment.tokens.iter().any(|token| unread.contains(token)) {
            continue;
        }
        match assignment.tokens.as_slice() {
            [token] => {
                by_token.entry(token).or_default().entry(&assignment.profile).or_default().extend(missing)
            }
            [] => {}
            several => waiting.push(Waiting {
                token: None,
                profile: assignment.profile.clone(),
                serials: missing,
                reason: format!(
                    "none of the {} tokens of DeviceAssignment/{} shows them yet",
                    several.len(),
                    assignment.name
                ),
                until: None,
            }),
        }
    }
    for domain in domains.iter_mut().filter(|domain| !domain.is_absent()) {
        let wanted = by_token.remove(domain.name).unwrap_or_default();
        if domain.connection.is_direct() {
            super::direct::wait(domain, wanted);
            continue;
        }
        forget_asked(domain, &wanted);
        if !wanted.is_empty() {
            plan_sync(domain, wanted);
        }
    }
}

/// Serials for which a sync was asked and which are not missing any more.
fn forget_asked(domain: &mut Domain<'_>, wanted: &BTreeMap<&Name, Vec<Serial>>) {
    let Some(asked) = domain.input.ledger.sync_asked.get(&domain.live.id) else { return };
    let missing: BTreeSet<&Serial> = wanted.values().flatten().collect();
    let serials: Vec<Serial> = asked.iter().filter(|serial| !missing.contains(serial)).copied().collect();
    if !serials.is_empty() {
        let token = Address::token(domain.name);
        domain.bookkeeping.push(Bookkeeping::NotWaiting { token_id: domain.live.id.clone(), token, serials });
    }
}

fn plan_sync<'a>(domain: &mut Domain<'a>, wanted: BTreeMap<&'a Name, Vec<Serial>>) {
    let address = Address::token(domain.name);
    let nothing = Vec::new();
    let asked = domain.input.ledger.sync_asked.get(&domain.live.id).unwrap_or(&nothing);
    let mut fresh: Vec<Serial> =
        wanted.values().flatten().filter(|serial| asked.binary_search(serial).is_err()).copied().collect();
    fresh.sort_unstable();
    fresh.dedup();
    // Without a ledger nobody would remember that a sync was asked for these serials, and every
    // run would ask again.
    // A serial that this token does not show may be on one that a narrowed run does not look at.
    let may_sync = !domain.input.ledger.is_none() && domain.input.sees_every_token() && !domain.has_expired();
    let sync = !fresh.is_empty() && may_sync && !domain.blocked_by_lost_answer(&address);
    let next_by_itself = domain.live.last_sync_done.map(|done| after(done, SYNC_RHYTHM));
    let devices = (domain.devices.len() + fresh.len()) as u64;
    let mut sync_id = None;
    if sync {
        let name = domain.live.name.clone();
        let mut step =
            domain.step(address, None, &name, Action::Sync { serials: fresh }, Reason::SerialsWait);
        step.effect.when = When::Now;
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
            1 => "1 minute".to_owned(),
            minutes => format!("{minutes} minutes"),
        };
        step.notes.push(Note::new(
            "S-7",
            format!("Apple hands over about 3,000 devices a minute: {about} for a token of {devices}"),
        ));
        sync_id = Some(step.id.clone());
        domain.steps.push(step);
    }
    let running = !sync && may_sync && sync_runs(domain);
    for (profile, mut serials) in wanted {
        serials.sort_unstable();
        serials.dedup();
        let reason = match sync_id {
            Some(_) => "not at Intune yet; a sync is asked for",
            None if domain.has_expired() => {
                "not at Intune yet; the token has expired, and no sync brings them before it is renewed (T-6)"
            }
            None if running => "not at Intune yet; a sync is under way",
            None if !domain.input.sees_every_token() => {
                "not on this token; a narrowed run does not know whether another one has them, and asks for no sync"
            }
            None => {
                "not at Intune yet; a sync was asked for them already, or the next one by itself will show them"
            }
        };
        domain.waiting.push(Waiting {
            token: Some(domain.name.clone()),
            profile: profile.clone(),
            serials: serials.clone(),
            reason: reason.to_owned(),
            until: next_by_itself,
        });
        let Some(target) = domain.targets.get(profile).cloned() else { continue };
        if sync_id.is_none() && !running {
            continue;
        }
        let address = Address::profile(profile, domain.name);
        let group = AssignGroup { from: None, from_name: None, relation: Relation::Other, serials };
        let action = Action::Assign { groups: vec![group], after_sync: true };
        let mut step = domain.step(address, target.id, &target.display_name, action, Reason::SerialsWait);
        step.effect.when = When::NextActivation;
        step.needs.extend(sync_id.clone());
        step.needs.extend(target.step);
        domain.steps.push(step);
    }
}

/// Whether a sync was triggered that has not been seen to end, and still has time to (S-2): an
/// earlier run asked for it, or somebody else did. What it brings is waited for.
fn sync_runs(domain: &Domain<'_>) -> bool {
    let Some(triggered) = domain.live.last_sync_triggered else { return false };
    let has_ended = domain.live.last_sync_done.is_some_and(|done| done >= triggered);
    !has_ended && after(triggered, SYNC_EVERY) > domain.input.now
}
