//! Which device gets which profile: named serials joined with the tokens' devices.

use std::collections::{BTreeMap, BTreeSet};

use super::super::effect::{Effect, When};
use super::super::{Action, AssignGroup, LeftAlone, Note, Reason, Relation, Step};
use super::apple::BY_HAND;
use super::domain::{Domain, Target};
use super::serials::{Claim, Here, Serials};
use crate::diag::words::{count, form};
use crate::diag::{Diagnostic, Severity};
use crate::model::live::{Cause, EnrollmentState, LiveDevice};
use crate::model::{Address, Fields, Name, Platform, ProductFamily, ProfileId, Serial, Value};

/// T-10: devices of one token, and of one profile.
const MOST_DEVICES: u64 = 200_000;

/// What the devices of a token give.
#[derive(Default)]
struct Tally<'a> {
    moves: BTreeMap<&'a Name, Moves<'a>>,
    released: u64,
    other_platform: u64,
    elsewhere: BTreeMap<&'a Name, u64>,
    left: BTreeMap<&'a Name, u64>,
    /// P-14: phones that a profile of Shared iPad is refused to.
    phones: BTreeMap<&'a Name, Vec<Serial>>,
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
        count(tally.released, "released device"),
        "released at Apple, listed for 30 to 45 days still (S-6)",
        true,
    );
    leave(
        tally.other_platform,
        format!("{} of other platforms", count(tally.other_platform, "device")),
        "the profile that a document gives them is for another platform (P-32)",
        true,
    );
    for (assignment, many) in tally.elsewhere {
        let name = format!("{} of DeviceAssignment/{assignment}", count(many, "serial"));
        leave(
            many,
            name,
            "they are on this token, which their assignment does not name; Intune cannot move them (A-2)",
            true,
        );
    }
    for (assignment, many) in tally.left {
        let name = format!("{} of DeviceAssignment/{assignment}", count(many, "serial"));
        leave(many, name, LEFT, true);
    }
    let managed: u64 = tally.unnamed_with_managed.values().sum();
    for (profile, many) in tally.unnamed_with_managed {
        let name = format!("{} with {profile:?}", count(many, "device"));
        leave(many, name, "no document names them; they keep the profile that they have", true);
    }
    let others = tally.unnamed - managed;
    leave(others, count(others, "device"), "no document names them", false);
    leave(
        tally.without_profile,
        format!("{} without any profile", count(tally.without_profile, "device")),
        "they cannot enroll before they get one; `espalier devices --unassigned` lists them (P-31)",
        true,
    );
    for (profile, phones) in tally.phones {
        refuse_phones(domain, profile, &phones);
    }
    warn_of_size(domain);
}

/// Why a device stays on the list of a token that it has left at Apple.
pub(super) const LEFT: &str = "moved at Apple; they leave the list with its next sync (A-2)";

/// P-14: says which devices are refused a profile of Shared iPad.
pub(super) fn refuse_phones(domain: &mut Domain<'_>, profile: &Name, phones: &[Serial]) {
    let address = Address::profile(profile, domain.name);
    let reason = format!(
        "{} that would get it {} no iPad, as Apple tells, and a profile of Shared iPad is refused there: {}",
        count(phones.len(), "device"),
        form(phones.len(), "is", "are"),
        super::apple::some(phones)
    );
    let next = "give them another profile: name them in another assignment, or write `profiles` by family";
    domain.block(Some(address), Cause::Manifest, Some("P-14"), reason, next.to_owned());
}

/// Whether a device, by the family that Apple's side tells, may get a profile.
pub(super) enum Fits {
    Yes,
    /// It is for another platform (P-32).
    OtherPlatform,
    /// It is one of Shared iPad, and the device is a phone (P-14).
    Phone,
}

/// Judges by the family that Apple's side tells; what it does not tell fits.
pub(super) fn fits(domain: &Domain<'_>, profile: &Name, serial: &Serial) -> Fits {
    let family = domain.whole.apple.and_then(|apple| apple.family_of(serial));
    let Some(family) = family else { return Fits::Yes };
    let Some(document) = domain.input.desired.profiles.get(profile) else { return Fits::Yes };
    if family.platform() != Some(document.platform) {
        return Fits::OtherPlatform;
    }
    let is_phone = matches!(family, ProductFamily::Iphone | ProductFamily::Ipod);
    let is_shared = |fields: &Fields| fields.get("sharedIpad") == Some(&Value::Bool(true));
    let wished = [document.wished.get(domain.name), document.created.get(domain.name)];
    match is_phone && wished.into_iter().flatten().any(is_shared) {
        true => Fits::Phone,
        false => Fits::Yes,
    }
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
            Claim::Nowhere | Claim::Elsewhere(_) | Claim::Left(_) if device.released => {
                tally.released += u64::from(!matches!(claim, Claim::Nowhere));
                return;
            }
            Claim::Left(first) => {
                *tally.left.entry(&first.name).or_default() += 1;
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
        match fits(domain, &assignment.profile, &device.serial) {
            Fits::Yes => {}
            Fits::OtherPlatform => {
                tally.other_platform += 1;
                return;
            }
            Fits::Phone => {
                tally.phones.entry(&assignment.profile).or_default().push(device.serial);
                return;
            }
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
    note_by_hand(domain, &mut step);
    Some(step)
}

/// P-13: devices that were added by hand.
pub(super) fn note_by_hand(domain: &Domain<'_>, step: &mut Step) {
    let (Some(apple), Action::Assign { groups, .. }) = (domain.whole.apple, &step.action) else { return };
    let many = apple.added_by_hand(groups.iter().flat_map(|group| &group.serials));
    if many > 0 {
        let were = form(many, "was", "were");
        let text = format!("{many} of them {were} added by hand with Apple Configurator (A-5): {BY_HAND}");
        step.notes.push(Note::new("P-13", text));
    }
}
