//! Selections become assignments of serials, before any token is planned.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::routes::{address_of, block_unread, select};
use super::{Apple, Stands, services, some};
use crate::diag::words::{count, form};
use crate::model::desired::{Assignment, Desired, NamedSerial, Selection, SerialSource, TokenSelector};
use crate::model::live::Cause;
use crate::model::organisation::ProductFamily;
use crate::model::{Name, Serial};
use crate::plan::{LeftAlone, Waiting};

/// A device that a selection picks.
#[derive(Clone, Copy)]
struct Picked {
    serial: Serial,
    is_named: bool,
    selection: usize,
}

/// What is the same for all devices of a selection.
struct Sight<'a> {
    selection: &'a Selection,
    /// Of its tokens one for each organisation: a device stands the same, seen from the others.
    from: Vec<&'a Name>,
    /// Every organisation of its tokens was read.
    is_read: bool,
    /// The document leads its devices somewhere, too.
    has_route: bool,
}

/// What a selection gives a device.
enum Given<'a> {
    Profile(&'a Name),
    /// The family is not known, and decides.
    UnknownFamily,
    /// It has no enrollment profile.
    Watch,
    /// The document gives its family none.
    None,
}

/// What is said of the devices that get nothing, by selection.
#[derive(Default)]
struct Told {
    unlisted: BTreeMap<usize, Vec<Serial>>,
    unassigned: BTreeMap<usize, Vec<Serial>>,
    unknown_family: BTreeMap<usize, Vec<Serial>>,
    watches: BTreeMap<usize, u64>,
    without: BTreeMap<(usize, ProductFamily), u64>,
    apart: BTreeMap<(usize, usize), Vec<Serial>>,
}

impl<'a> Apple<'a> {
    /// The documents with every selection resolved to serials; borrowed where there is none.
    pub fn resolve(&mut self) -> Cow<'a, Desired> {
        let desired = self.input.desired;
        if desired.selections.is_empty() {
            return Cow::Borrowed(desired);
        }
        let picked = self.pick();
        let sights = self.sights();
        let mut told = Told::default();
        let mut given: BTreeMap<(usize, &'a Name), Vec<Serial>> = BTreeMap::new();
        for same in picked.chunk_by(|a, b| a.serial == b.serial) {
            let footing = same[0].is_named;
            let mut first: Option<(usize, &'a Name)> = None;
            let mut apart = None;
            for one in same.iter().filter(|one| one.is_named == footing) {
                let Some(profile) = self.give(one, &sights[one.selection], &mut told) else { continue };
                match first {
                    None => first = Some((one.selection, profile)),
                    Some((_, other)) if other == profile => {}
                    Some((other, _)) => apart = apart.or(Some((other, one.selection))),
                }
            }
            match (first, apart) {
                (_, Some(pair)) => told.apart.entry(pair).or_default().push(same[0].serial),
                (Some(key), None) => given.entry(key).or_default().push(same[0].serial),
                (None, None) => {}
            }
        }
        self.tell(told);
        let mut resolved = desired.clone();
        for ((at, profile), serials) in given {
            let mut assignment = assignment(&desired.selections[at], profile, &serials);
            if let (None, Some(document)) = (&assignment.selector, desired.profiles.get(profile)) {
                assignment.tokens.retain(|token| document.tokens.contains(token));
            }
            resolved.assignments.push(assignment);
        }
        resolved.assignments.sort_by(|a, b| a.name.cmp(&b.name));
        Cow::Owned(resolved)
    }

    /// All devices that selections pick, ascending, named ones first.
    fn pick(&mut self) -> Vec<Picked> {
        let desired = self.input.desired;
        let named: BTreeSet<Serial> =
            desired.assignments.iter().flat_map(|one| &one.devices).map(|device| device.serial).collect();
        let mut picked = Vec::new();
        let mut unread = Vec::new();
        for (at, selection) in desired.selections.iter().enumerate() {
            let one = |serial, is_named| Picked { serial, is_named, selection: at };
            picked.extend(selection.devices.named.iter().map(|device| one(device.serial, true)));
            let Some(conditions) = &selection.devices.selected else { continue };
            if !desired.unread_files.is_empty() {
                unread.push(&selection.name);
                continue;
            }
            let orgs: BTreeSet<&Name> =
                selection.tokens.iter().filter_map(|token| Some(self.seats.get(token)?.org())).collect();
            for org in orgs.into_iter().filter_map(|org| self.orgs.get(org)) {
                let Some(devices) = org.devices else { continue };
                let ours = select(org, devices, conditions).filter(|device| !named.contains(&device.serial));
                picked.extend(ours.map(|device| one(device.serial, false)));
            }
        }
        for assignment in unread {
            block_unread(self, assignment);
        }
        picked.sort_unstable_by_key(|one| (one.serial, !one.is_named, one.selection));
        picked.dedup_by_key(|one| (one.serial, one.selection));
        picked
    }

    /// The profile that a selection gives a device where it is or will be; `None`: none, and why is told.
    fn give(&self, one: &Picked, sight: &Sight<'a>, told: &mut Told) -> Option<&'a Name> {
        let selection = sight.selection;
        if !one.is_named && !self.is_on(sight, one, told) {
            return None;
        }
        if one.is_named && !selection.one_for_all && self.find(&one.serial).is_none() {
            let told = if sight.is_read { &mut told.unlisted } else { &mut told.unknown_family };
            told.entry(one.selection).or_default().push(one.serial);
            return None;
        }
        match self.given(selection, &one.serial) {
            Given::Profile(profile) => Some(profile),
            Given::UnknownFamily => {
                told.unknown_family.entry(one.selection).or_default().push(one.serial);
                None
            }
            Given::Watch => {
                *told.watches.entry(one.selection).or_default() += 1;
                None
            }
            Given::None => {
                if let Some(family) = self.family_of(&one.serial).filter(|_| one.is_named) {
                    *told.without.entry((one.selection, family)).or_default() += 1;
                }
                None
            }
        }
    }

    fn given(&self, selection: &'a Selection, serial: &Serial) -> Given<'a> {
        let family = self.family_of(serial);
        match family {
            Some(ProductFamily::Watch) => return Given::Watch,
            _ if selection.one_for_all => {}
            None => return Given::UnknownFamily,
            Some(_) => {}
        }
        let profile = match selection.one_for_all {
            true => selection.profiles.written().next().map(|(_, profile)| profile),
            false => family.and_then(ProductFamily::family).and_then(|one| selection.profiles.of(one)),
        };
        profile.map_or(Given::None, Given::Profile)
    }

    fn sights(&self) -> Vec<Sight<'a>> {
        let desired = self.input.desired;
        let routes: BTreeSet<&Name> = desired.routes.iter().map(|route| &route.name).collect();
        let sight = |selection: &'a Selection| {
            let mut from: BTreeMap<&Name, &'a Name> = BTreeMap::new();
            for token in &selection.tokens {
                if let Some(seat) = self.seats.get(token) {
                    from.entry(seat.org()).or_insert(token);
                }
            }
            let is_read = |org: &&Name| self.orgs.get(*org).is_some_and(|org| org.devices.is_some());
            Sight {
                selection,
                is_read: from.keys().all(is_read),
                from: from.into_values().collect(),
                has_route: routes.contains(&selection.name),
            }
        };
        desired.selections.iter().map(sight).collect()
    }

    /// Whether a selected device is on one of the selection's tokens, or this plan takes it there.
    fn is_on(&self, sight: &Sight<'_>, one: &Picked, told: &mut Told) -> bool {
        let tokens = &sight.selection.tokens;
        let mut is_unassigned = false;
        for token in &sight.from {
            match self.stands(&one.serial, token) {
                Stands::At(at) | Stands::Going { to: Some(at), .. } if tokens.contains(at) => {
                    return true;
                }
                Stands::Busy if tokens.len() == 1 => return true,
                Stands::Unassigned => is_unassigned = true,
                _ => {}
            }
        }
        if is_unassigned && !sight.has_route {
            told.unassigned.entry(one.selection).or_default().push(one.serial);
        }
        false
    }

    fn tell(&mut self, told: Told) {
        let desired = self.input.desired;
        let Some(any_org) = self.orgs.keys().next().copied().or(desired.organisations.keys().next()) else {
            return;
        };
        let selection = |at: usize| &desired.selections[at];
        let mut waits = |at: usize, serials: Vec<Serial>, reason: &str| {
            let assignment = Some(selection(at).name.clone());
            let reason = reason.to_owned();
            let line = Waiting { token: None, profile: None, assignment, serials, reason, until: None };
            self.out.waiting.push(line);
        };
        for (at, serials) in told.unlisted {
            waits(at, serials, "not in the organisation yet; which profile they get, their family tells");
        }
        for (at, serials) in told.unassigned {
            waits(
                at,
                serials,
                "at no service at Apple, so that no token has them; `token` in the document moves them",
            );
        }
        for (at, serials) in told.unknown_family {
            let name = &selection(at).name;
            let reason = format!(
                "the family of {} of DeviceAssignment/{name} is not known, and `profiles` goes by it: {}",
                count(serials.len(), "device"),
                some(&serials)
            );
            let next = "run it again once Apple's side tells it, or write one `profile`".to_owned();
            self.block(any_org, address_of(name), Cause::Unavailable, "A-3", reason, next);
        }
        for ((first, other), serials) in told.apart {
            let (first, other) = (selection(first), selection(other));
            let place = |one: &Selection| {
                format!("DeviceAssignment/{} ({})", one.name, one.places.at("devices.where"))
            };
            let reason = format!(
                "{} and {} give {} different profiles: {}",
                place(first),
                place(other),
                count(serials.len(), "device"),
                some(&serials)
            );
            let next = "narrow the conditions of one of them, or name the devices outright".to_owned();
            self.block(any_org, address_of(&first.name), Cause::Manifest, "A-9", reason, next);
        }
        let mut left = Vec::new();
        if let Some(org) = self.orgs.get(any_org) {
            let mut leave = |many: u64, name: String, why: String| {
                let line = services::left(org, "devices", name, String::new(), many, why);
                left.push(LeftAlone { was_managed: true, ..line });
            };
            for (at, many) in told.watches {
                let name = format!(
                    "{many} {} of DeviceAssignment/{}",
                    form(many, "watch", "watches"),
                    selection(at).name
                );
                leave(many, name, "a watch has no enrollment profile of its own (A-3)".to_owned());
            }
            for ((at, family), many) in told.without {
                let name = format!("{} of DeviceAssignment/{}", count(many, "device"), selection(at).name);
                leave(many, name, format!("`profiles` gives none to {family} (A-3)"));
            }
        }
        self.out.left_alone.extend(left);
    }
}

/// The assignment that a selection comes to for one profile.
fn assignment(selection: &Selection, profile: &Name, serials: &[Serial]) -> Assignment {
    let named: BTreeMap<Serial, &NamedSerial> =
        selection.devices.named.iter().map(|device| (device.serial, device)).collect();
    let line = selection.places.at("devices.where").line;
    let device = |serial: &Serial| match named.get(serial) {
        Some(named) => **named,
        None => NamedSerial { serial: *serial, line, source: SerialSource::Document },
    };
    let selector = selection.selector.clone();
    let tokens: Vec<Name> = match &selector {
        Some(TokenSelector::Names(names)) => {
            selection.tokens.iter().filter(|token| names.contains(token)).cloned().collect()
        }
        _ => selection.tokens.clone(),
    };
    Assignment {
        name: selection.name.clone(),
        profile: profile.clone(),
        selector,
        tokens,
        devices: serials.iter().map(device).collect(),
        acknowledge: selection.acknowledge.clone(),
        places: selection.places.clone(),
    }
}
