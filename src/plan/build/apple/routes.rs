//! Which devices the documents wish where: named outright, or selected by what Apple tells of them.

use std::collections::BTreeMap;

use super::{Apple, Org, some};
use crate::diag::words::count;
use crate::model::clock::Timestamp;
use crate::model::desired::{Route, RouteTo, Where};
use crate::model::live::Cause;
use crate::model::organisation::{Belongs, OrgDevice, OrgDevices};
use crate::model::{Address, Kind, Name, Serial};

/// Where the documents wish each device.
pub(super) struct Wishes<'a> {
    /// Ascending by serial.
    pub rows: Vec<Wished<'a>>,
}

/// Where one device is wished, and by which document.
#[derive(Clone, Copy)]
pub(super) struct Wished<'a> {
    pub serial: Serial,
    pub route: &'a Route,
    /// The deadline, which another document may give.
    pub deadline: Option<Timestamp>,
}

impl<'a> Wishes<'a> {
    /// What is wished of a device.
    pub fn of(&self, serial: &Serial) -> Option<&Wished<'a>> {
        self.rows.binary_search_by(|row| row.serial.cmp(serial)).ok().map(|at| &self.rows[at])
    }
}

/// The address of a `DeviceAssignment` as such.
pub(super) fn address_of(assignment: &Name) -> Address {
    Address { kind: Kind::DeviceAssignment, name: assignment.clone(), token: None }
}

/// Joins all routes: named beats selected, and what disagrees is blocked with both places.
pub(super) fn gather<'a>(apple: &mut Apple<'a>) -> Wishes<'a> {
    let routes = &apple.input.desired.routes;
    let mut rows: Vec<(Serial, bool, usize)> = Vec::new();
    let mut perhaps_named = Vec::new();
    for (at, route) in routes.iter().enumerate() {
        rows.extend(route.devices.named.iter().map(|device| (device.serial, true, at)));
        let Some(selected) = &route.devices.selected else { continue };
        if !apple.input.desired.unread_files.is_empty() {
            perhaps_named.push(route);
            continue;
        }
        for org in apple.orgs.values().filter(|org| leads_into(route, org, apple)) {
            let Some(devices) = org.devices else { continue };
            rows.extend(select(org, devices, selected).map(|device| (device.serial, false, at)));
        }
    }
    for route in perhaps_named {
        block_unread(apple, &route.name);
    }
    // Named ones first.
    rows.sort_unstable_by_key(|(serial, is_named, at)| (*serial, !*is_named, *at));
    rows.dedup_by_key(|(serial, _, at)| (*serial, *at));
    let mut wishes = Vec::with_capacity(rows.len());
    let mut apart: BTreeMap<(usize, usize), Vec<Serial>> = BTreeMap::new();
    for same in rows.chunk_by(|a, b| a.0 == b.0) {
        let (serial, is_named, first) = same[0];
        let of = same.iter().filter(|(_, named, _)| *named == is_named).map(|(.., at)| *at);
        let deadline_of = |at: usize| routes[at].move_by.as_ref().map(|one| one.deadline);
        let mut deadline = deadline_of(first);
        let mut other = None;
        for at in of {
            let here = deadline_of(at);
            if routes[at].to != routes[first].to || (here.is_some() && deadline.is_some() && here != deadline)
            {
                other = other.or(Some(at));
            }
            deadline = deadline.or(here);
        }
        match other {
            Some(other) => apart.entry((first, other)).or_default().push(serial),
            None => wishes.push(Wished { serial, route: &routes[first], deadline }),
        }
    }
    for ((first, other), serials) in apart {
        block_apart(apple, &routes[first], &routes[other], &serials);
    }
    Wishes { rows: wishes }
}

/// Whether a route with conditions looks at the devices of an organisation.
fn leads_into(route: &Route, org: &Org<'_>, apple: &Apple<'_>) -> bool {
    match &route.to {
        RouteTo::Token(token) => apple.seats.get(token).is_some_and(|seat| seat.org() == org.name),
        RouteTo::Nowhere => true,
    }
}

/// The devices that conditions pick: only those of no service, or of a service of this folder.
pub(super) fn select<'o>(
    org: &'o Org<'_>,
    devices: &'o OrgDevices,
    conditions: &'o Where,
) -> impl Iterator<Item = &'o OrgDevice> {
    devices.iter().filter(move |device| {
        let is_ours = match devices.service_of(device) {
            Belongs::ToNone => true,
            Belongs::To(id) => org.tokens.contains_key(id),
            Belongs::Unclear => false,
        };
        is_ours && matches(conditions, devices, device)
    })
}

impl Apple<'_> {
    /// The devices that conditions pick now, over all organisations; why that is not known.
    pub(in super::super) fn picked(&self, conditions: &Where) -> Result<Vec<Serial>, String> {
        if self.orgs.len() < self.input.desired.organisations.len() || self.orgs.is_empty() {
            return Err("not every organisation at Apple could be read".to_owned());
        }
        let mut serials = Vec::new();
        for org in self.orgs.values() {
            let Some(devices) = org.devices else {
                return Err(format!("the devices of Connection/{} could not be read", org.name));
            };
            serials.extend(select(org, devices, conditions).map(|device| device.serial));
        }
        serials.sort_unstable();
        serials.dedup();
        Ok(serials)
    }
}

/// Whether a device meets all conditions that are given.
fn matches(conditions: &Where, devices: &OrgDevices, device: &OrgDevice) -> bool {
    let Where { order_numbers, models, product_families, purchase_sources, unassigned } = conditions;
    let is_one = |told: Option<&str>, wished: &String| {
        told.is_some_and(|told| told.trim().eq_ignore_ascii_case(wished.trim()))
    };
    let order = devices.order_of(device);
    let (model, product) = (devices.model_of(device), devices.product_type_of(device));
    order_numbers.as_ref().is_none_or(|all| all.iter().any(|one| is_one(order, one)))
        && models.as_ref().is_none_or(|all| all.iter().any(|one| is_one(model, one) || is_one(product, one)))
        && product_families.as_ref().is_none_or(|all| device.family.is_some_and(|one| all.contains(&one)))
        && purchase_sources.as_ref().is_none_or(|all| device.source.is_some_and(|one| all.contains(&one)))
        && (!unassigned || devices.service_of(device) == Belongs::ToNone)
}

/// A file of serials that could not be read may name what a document selects.
pub(super) fn block_unread(apple: &mut Apple<'_>, assignment: &Name) {
    let files: Vec<String> =
        apple.input.desired.unread_files.iter().map(|file| file.display().to_string()).collect();
    let reason = format!(
        "the devices that DeviceAssignment/{assignment} selects may be named by a file that could not be read ({}): they are left as they are",
        files.join(", ")
    );
    let Some(org) = apple.orgs.keys().next().copied() else { return };
    let about = address_of(assignment);
    if !apple.out.blocked.iter().any(|one| one.reason == reason) {
        apple.block(org, about, Cause::Manifest, "A-1", reason, "correct the file".to_owned());
    }
}

fn block_apart(apple: &mut Apple<'_>, first: &Route, other: &Route, serials: &[Serial]) {
    let place = |route: &Route| {
        let field = if route.devices.selected.is_some() { "devices.where" } else { "devices" };
        format!("DeviceAssignment/{} ({})", route.name, route.places.at(field))
    };
    let reason = format!(
        "{} and {} disagree on where {} shall be: {}",
        place(first),
        place(other),
        count(serials.len(), "device"),
        some(serials)
    );
    let next = "narrow the conditions of one of them, or name the devices outright".to_owned();
    let Some(org) = apple.orgs.keys().next().copied() else { return };
    apple.block(org, address_of(&first.name), Cause::Manifest, "A-9", reason, next);
}
