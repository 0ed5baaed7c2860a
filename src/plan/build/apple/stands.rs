//! Where a device is at Apple, and where this plan takes it.

use super::{Apple, Org, Seat};
use crate::model::clock::Timestamp;
use crate::model::organisation::Belongs;
use crate::model::{Name, Serial, ServiceId};

/// Where a device stands, as seen from a token.
#[derive(Clone, Copy)]
pub(in super::super) enum Stands<'s, 'a> {
    /// Apple's side is not asked: the token has no service in these documents.
    NotAsked,
    /// Apple's side could not be read.
    Unknown,
    /// The organisation does not list it.
    NotListed(&'a Name),
    /// Another organisation lists it, or several do.
    OtherOrganisation,
    /// An activity has it or may have it, or the lists contradict each other.
    Busy,
    /// It is at no service.
    Unassigned,
    /// It is at a service that belongs to no token of this folder.
    Foreign(&'a ServiceId),
    /// It is at the service of this token, and stays there.
    At(&'a Name),
    /// This plan takes it to the service of a token, or to none.
    Going { to: Option<&'a Name>, step: &'s str },
}

impl<'a> Apple<'a> {
    /// Where a device stands, as seen from a token.
    pub fn stands(&self, serial: &Serial, token: &Name) -> Stands<'_, 'a> {
        let Some(seat) = self.seats.get(token) else { return Stands::NotAsked };
        let Some((org, devices)) = self.orgs.get(seat.org()).and_then(|org| Some((org, org.devices?))) else {
            return Stands::Unknown;
        };
        if let Some(going) = self.going.get(serial) {
            return Stands::Going { to: going.to, step: &going.step };
        }
        let Some(device) = devices.find(serial) else {
            return match self.find(serial) {
                Some(_) => Stands::OtherOrganisation,
                None => Stands::NotListed(org.name),
            };
        };
        if self.find(serial).is_none() {
            return Stands::OtherOrganisation;
        }
        let belongs = devices.service_of(device);
        if org.busy.hold(serial, belongs, devices.migration_of(device)).is_some() {
            return Stands::Busy;
        }
        match belongs {
            Belongs::ToNone => Stands::Unassigned,
            Belongs::Unclear => Stands::Busy,
            Belongs::To(id) => org.tokens.get(id).map_or(Stands::Foreign(id), |token| Stands::At(token)),
        }
    }

    /// Whether a device was given the service of a token at Apple, by an earlier run, after an instant.
    pub fn moved_since(&self, serial: &Serial, token: &Name, instant: Option<Timestamp>) -> bool {
        let Some(Seat::Service { org, live }) = self.seats.get(token) else { return false };
        let Some(tenant) = self.orgs.get(org).map(|org| &org.live.tenant) else { return false };
        self.past.was_given(serial, tenant, &live.id, instant)
    }

    /// How many devices Apple has at the service of a token; 0 where that is not known.
    pub fn devices_of(&self, token: &Name) -> u64 {
        let Some(Seat::Service { org, live }) = self.seats.get(token) else { return 0 };
        self.orgs.get(org).and_then(|org| org.counts.get(&live.id).copied()).unwrap_or(0)
    }

    /// Whether a device has never been activated, as the holder of the token tells whose service it has.
    pub fn never_activated(&self, serial: &Serial) -> bool {
        let Some((org, device)) = self.find(serial) else { return false };
        let Some(Belongs::To(id)) = org.devices.map(|devices| devices.service_of(device)) else {
            return false;
        };
        let state = org.tokens.get(id).and_then(|token| self.state_at(token, serial));
        state == Some(crate::model::live::EnrollmentState::NotContacted)
    }

    /// A service's name, and whether a token of this folder has it.
    pub(super) fn service_of<'o>(org: &'o Org<'a>, id: &ServiceId) -> (Option<&'a str>, Option<&'a Name>) {
        let name = org.services.by_id(id).ok().map(|service| service.name.as_str());
        (name, org.tokens.get(id).copied())
    }
}
