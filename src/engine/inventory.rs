//! The inventory: every device that was read, its three sides joined (Apple's, the MDM's, the
//! documents').
//!
//! ```text
//! tokens' lists ──────┐
//! organisations ──────┼─ by serial ─> one row per device and token, then those of no token that was
//! documents, waiting ─┘               read, then serials that nobody has yet
//! ```

mod row;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use row::{
    AppleSide, AtApple, CodeState, DeviceRow, LockSide, LockSource, MdmSide, MigrationSide, ProfileRef,
    RecordSide,
};

use super::{Observed, Session};
use crate::acts::ActBook;
use crate::model::act::{Record, Records};
use crate::model::clock::Timestamp;
use crate::model::desired::Desired;
use crate::model::live::{EnrollmentState, Fact, LiveProfile, LiveTenant, SeenLock};
use crate::model::organisation::{
    Belongs, LiveOrganisation, MigrationStatus, OrgDevice, OrgDevices, ProductFamily,
};
use crate::model::{Family, Name, ProfileId, Realm, Serial, TokenId};
use crate::plan::{Plan, Waiting};

/// What rows are looked up in.
pub struct Inventory<'a> {
    observed: &'a Observed,
    now: Timestamp,
    names: BTreeMap<&'a TokenId, &'a Name>,
    /// The organisation that a token document names.
    organisation_of: BTreeMap<&'a Name, &'a Name>,
    profiles: BTreeMap<&'a ProfileId, &'a LiveProfile>,
    /// Which profile documents wish for a serial; sorted by serial.
    wished: Vec<(Serial, &'a str)>,
    waiting: Vec<(Serial, Option<&'a str>)>,
    /// The same, sorted by serial.
    waits: Vec<(Serial, Option<&'a str>)>,
    /// Devices that are there and left in peace, and until when; sorted.
    cooling: Vec<(Serial, Timestamp)>,
    /// The organisations of which the devices are known, in the order of their names.
    organisations: Vec<(&'a Name, &'a LiveOrganisation, &'a OrgDevices)>,
    /// The serials of all tokens that were read, sorted; empty where no organisation was.
    on_tokens: Vec<Serial>,
    /// What the ledger knows of acts and sealed codes; `None`: nobody was asked.
    book: Option<Arc<ActBook>>,
}

impl<'a> Inventory<'a> {
    /// Joins what a run has read and planned.
    pub fn of(session: &'a Session, plan: &'a Plan, observed: &'a Observed) -> Self {
        Self::joined(session.desired(), plan, observed, session.clock().now())
    }

    fn joined(desired: &'a Desired, plan: &'a Plan, observed: &'a Observed, now: Timestamp) -> Self {
        let profiles = observed
            .live
            .tenants
            .values()
            .flat_map(|tenant| tenant.profiles.values())
            .filter_map(Fact::known)
            .flat_map(|profiles| profiles.iter())
            .map(|profile| (&profile.id, profile))
            .collect();
        let mut wished: Vec<(Serial, &str)> = desired
            .assignments
            .iter()
            .flat_map(|one| one.devices.iter().map(|device| (device.serial, one.profile.as_str())))
            .collect();
        wished.sort_unstable();
        wished.dedup_by_key(|(serial, _)| *serial);
        // What waits until an instant is there, and Apple wants it left in peace.
        let (cooling, waiting): (Vec<_>, Vec<_>) =
            plan.waiting.iter().partition(|one| is_there(one, observed));
        let mut cooling: Vec<(Serial, Timestamp)> = cooling
            .into_iter()
            .filter_map(|one| Some((one.until?, &one.serials)))
            .flat_map(|(until, serials)| serials.iter().map(move |serial| (*serial, until)))
            .collect();
        cooling.sort_unstable();
        let waiting: Vec<(Serial, Option<&str>)> = waiting
            .into_iter()
            .flat_map(|one| {
                let profile = one.profile.as_ref().map(Name::as_str);
                one.serials.iter().map(move |serial| (*serial, profile))
            })
            .collect();
        let mut waits = waiting.clone();
        waits.sort_unstable();
        let organisations: Vec<_> = observed
            .live
            .organisations
            .iter()
            .filter_map(|(name, organisation)| Some((name, organisation, organisation.devices.known()?)))
            .collect();
        let mut on_tokens = Vec::new();
        if !organisations.is_empty() {
            let lists = observed.live.tenants.values().flat_map(|tenant| tenant.devices.values());
            on_tokens
                .extend(lists.filter_map(Fact::known).flat_map(|list| list.iter()).map(|one| one.serial));
            on_tokens.sort_unstable();
        }
        let organisation_of = desired
            .tokens
            .iter()
            .filter_map(|(name, token)| Some((name, &token.apple.as_ref()?.connection)))
            .collect();
        let names = observed.tokens.iter().map(|(name, id)| (id, name)).collect();
        Self {
            observed,
            now,
            names,
            organisation_of,
            profiles,
            wished,
            waiting,
            waits,
            cooling,
            organisations,
            on_tokens,
            book: None,
        }
    }

    /// With what the ledger has sealed of the devices.
    #[must_use]
    pub fn with_codes(mut self, book: Arc<ActBook>) -> Self {
        self.book = Some(book);
        self
    }

    /// The devices of all tokens, then those of organisations that are on none of them, then the serials
    /// that wait.
    pub fn rows(&self) -> impl Iterator<Item = DeviceRow<'_>> + Clone {
        let tenants = self.observed.live.tenants.iter();
        let there = tenants
            .flat_map(|(realm, tenant)| {
                tenant.devices.iter().map(move |(id, list)| (realm, tenant, id, list))
            })
            .filter_map(|(realm, tenant, id, list)| Some((realm, tenant, id, list.known()?)))
            .flat_map(move |(realm, tenant, id, devices)| {
                let side = OnToken::of(self, realm, tenant, id);
                let records = self.observed.live.records.get(realm).and_then(Fact::known);
                devices.iter().map(move |device| {
                    let org = self.at_apple(&device.serial, side.organisation);
                    let direct = side.service.map(|service| AppleSide {
                        service: Some(service),
                        status: Some(AtApple::Assigned),
                        profile_status: profile_status(device.state, devices.place_of(device).is_some()),
                        ..AppleSide::default()
                    });
                    let record = records.and_then(|records| only(records, &device.serial));
                    let told = record.map(|record| record.model.as_str()).filter(|model| !model.is_empty());
                    DeviceRow {
                        bypass_code: record.map(|record| self.code_of(record)),
                        model: devices.model_of(device).or(org.and_then(|org| org.model)).or(told),
                        family: device.family.map(Family::word).or(org.and_then(|org| org.family)),
                        apple: match (org, direct) {
                            (Some(org), direct) => Some(AppleSide {
                                service: org.side.service.or(direct.and_then(|direct| direct.service)),
                                profile_status: direct.and_then(|direct| direct.profile_status),
                                ..org.side
                            }),
                            (None, direct) => direct,
                        },
                        mdm: side.service.is_none().then_some(MdmSide {
                            state: device.state,
                            released: device.released,
                            supervised: device.supervised,
                            record: record.map(record_side),
                        }),
                        cooling_until: self.cooling_until(&device.serial),
                        token: side.token,
                        profile: devices.profile_of(device).map(|id| ProfileRef {
                            name: self.profiles.get(id).map(|profile| profile.name.as_str()),
                            id: &id.0,
                        }),
                        ..self.bare(device.serial)
                    }
                })
            });
        let elsewhere = (0..self.organisations.len()).flat_map(move |at| {
            let (_, _, devices) = self.organisations[at];
            devices
                .iter()
                .filter(move |device| self.on_tokens.binary_search(&device.serial).is_err())
                // The first organisation that has it speaks for it.
                .filter(move |device| {
                    self.organisations[..at].iter().all(|(_, _, other)| other.find(&device.serial).is_none())
                })
                .map(move |device| self.of_organisation(device.serial))
        });
        let waiting = self
            .waiting
            .iter()
            // One that the organisation has stands among its devices already.
            .filter(|(serial, _)| self.organisations.iter().all(|(_, _, list)| list.find(serial).is_none()))
            .map(|(serial, profile)| DeviceRow {
                wished_profile: profile.or(self.wished(serial)),
                waiting: true,
                ..self.bare(*serial)
            });
        there.chain(elsewhere).chain(waiting)
    }

    /// The row of one serial that an organisation has and no token.
    fn of_organisation(&self, serial: Serial) -> DeviceRow<'_> {
        let org = self.at_apple(&serial, None);
        let waits = self.waits.binary_search_by_key(&serial, |(serial, _)| *serial).ok();
        let bare = self.bare(serial);
        DeviceRow {
            model: org.and_then(|org| org.model),
            family: org.and_then(|org| org.family),
            apple: org.map(|org| org.side),
            wished_profile: bare.wished_profile.or(waits.and_then(|at| self.waits[at].1)),
            waiting: waits.is_some(),
            ..bare
        }
    }

    /// What does not depend on who has the device.
    fn bare(&self, serial: Serial) -> DeviceRow<'_> {
        DeviceRow {
            serial,
            model: None,
            family: None,
            apple: None,
            mdm: None,
            token: None,
            profile: None,
            wished_profile: self.wished(&serial),
            waiting: false,
            cooling_until: None,
            lock: self.observed.live.locks.get(&serial).map(|seen| lock_side(seen, self.now)),
            bypass_code: None,
        }
    }

    fn code_of(&self, record: &Record) -> CodeState {
        let is_sealed = record.serial.zip(record.epoch()).is_some_and(|(serial, epoch)| {
            self.book.as_ref().is_some_and(|book| book.code_of(&serial, &epoch).is_some())
        });
        match (is_sealed, record.supervised) {
            (true, _) => CodeState::Sealed,
            (false, Some(false)) => CodeState::None,
            (false, _) => CodeState::Unknown,
        }
    }

    fn wished(&self, serial: &Serial) -> Option<&'a str> {
        self.wished.binary_search_by_key(serial, |(serial, _)| *serial).ok().map(|at| self.wished[at].1)
    }

    fn cooling_until(&self, serial: &Serial) -> Option<Timestamp> {
        let at = self.cooling.binary_search_by_key(serial, |(serial, _)| *serial).ok()?;
        Some(self.cooling[at].1)
    }

    /// What organisations tell of a serial: first the one that its token names, then any.
    fn at_apple(&self, serial: &Serial, named: Option<&Name>) -> Option<OfApple<'a>> {
        let listed = || {
            self.organisations.iter().filter_map(|(name, organisation, devices)| {
                Some((*name, *organisation, *devices, devices.find(serial)?))
            })
        };
        let first = listed().find(|one| Some(one.0) == named).or_else(|| listed().next())?;
        let other = listed().find(|one| one.0 != first.0);
        let (name, organisation, devices, device) = first;
        let mut of = apple_side(name, organisation, devices, device);
        of.side.also_in = other.map(|other| other.0.as_str());
        Some(of)
    }
}

/// What is the same for all devices of a token.
#[derive(Clone, Copy)]
struct OnToken<'a> {
    token: Option<&'a str>,
    /// The name of its service, where espalier holds the token itself.
    service: Option<&'a str>,
    organisation: Option<&'a Name>,
}

impl<'a> OnToken<'a> {
    fn of(inventory: &Inventory<'a>, realm: &Realm, tenant: &'a LiveTenant, id: &TokenId) -> Self {
        let name = inventory.names.get(id).copied();
        let live = tenant.tokens.known().and_then(|tokens| tokens.by_id(id).ok());
        Self {
            token: name.map(Name::as_str),
            service: realm.is_direct().then(|| live.map_or("", |live| live.name.as_str())),
            organisation: name.and_then(|name| inventory.organisation_of.get(name).copied()),
        }
    }
}

/// What an organisation tells of a device.
#[derive(Clone, Copy)]
struct OfApple<'a> {
    model: Option<&'a str>,
    family: Option<&'a str>,
    side: AppleSide<'a>,
}

fn apple_side<'a>(
    name: &'a Name,
    organisation: &'a LiveOrganisation,
    devices: &'a OrgDevices,
    device: &'a OrgDevice,
) -> OfApple<'a> {
    let (status, service_id) = match devices.service_of(device) {
        Belongs::To(id) => (AtApple::Assigned, Some(id)),
        Belongs::ToNone => (AtApple::Unassigned, None),
        Belongs::Unclear => (AtApple::Unclear, None),
    };
    let services = organisation.services.known();
    let service = services.zip(service_id).and_then(|(all, id)| all.by_id(id).ok());
    let migration = devices.migration_of(device);
    let side = AppleSide {
        organisation: Some(name.as_str()),
        also_in: None,
        service: service.map(|service| service.name.as_str()),
        service_id,
        status: Some(status),
        order_number: devices.order_of(device),
        purchase_source: device.source.map(|source| source.word()),
        purchase_source_id: devices.source_id_of(device),
        product_type: devices.product_type_of(device),
        added: Timestamp::from_second(device.added).ok().filter(|_| device.added != 0),
        migration: (migration != Default::default()).then(|| MigrationSide {
            capable: migration.capable,
            status: migration.status.map(migration_word),
            deadline: migration.deadline,
        }),
        profile_status: None,
        read_at: Some(organisation.read_at),
        reused: organisation.reused,
    };
    OfApple { model: devices.model_of(device), family: device.family.map(family_word), side }
}

/// Apple's word, as devices spell it.
fn family_word(family: ProductFamily) -> &'static str {
    family.family().map_or("Watch", Family::word)
}

const fn migration_word(status: MigrationStatus) -> &'static str {
    match status {
        MigrationStatus::Requested => "requested",
        MigrationStatus::Started => "started",
        MigrationStatus::Success => "success",
        MigrationStatus::Failed => "failed",
        MigrationStatus::Other => "other",
    }
}

/// The one record with a serial: which of several speaks for the device nobody can tell.
fn only<'a>(records: &'a Records, serial: &Serial) -> Option<&'a Record> {
    let mut all = records.of(serial);
    match (all.next(), all.next()) {
        (Some(record), None) => Some(record),
        _ => None,
    }
}

fn record_side(record: &Record) -> RecordSide<'_> {
    RecordSide {
        id: &record.id.0,
        enrolled: record.enrolled,
        name: &record.name,
        user: Some(record.user.as_str()).filter(|user| !user.is_empty()),
        os: record.os,
        os_version: &record.os_version,
        last_sync: record.last_sync,
        lost_mode: record.lost_mode,
    }
}

fn lock_side(seen: &SeenLock, now: Timestamp) -> LockSide {
    LockSide {
        state: seen.lock.known().copied(),
        source: LockSource::Apple,
        at: seen.at,
        age_seconds: crate::model::clock::between(seen.at, now).as_secs(),
    }
}

/// Whether serials wait that their token has: not for the service to show them, but because Apple wants
/// them left in peace.
fn is_there(waiting: &Waiting, observed: &Observed) -> bool {
    let id = waiting.token.as_ref().and_then(|token| observed.tokens.get(token));
    let Some((id, first)) = id.zip(waiting.serials.first()) else { return false };
    let lists = observed.live.tenants.values().filter_map(|tenant| tenant.devices.get(id)?.known());
    waiting.until.is_some() && lists.into_iter().any(|devices| devices.find(first).is_some())
}

/// `profile_status` in Apple's word.
const fn profile_status(state: EnrollmentState, has_profile: bool) -> Option<&'static str> {
    match (state, has_profile) {
        (EnrollmentState::NotContacted, true) => Some("assigned"),
        (EnrollmentState::NotContacted, false) => Some("empty"),
        (EnrollmentState::Enrolled, _) => Some("pushed"),
        (EnrollmentState::Removed, _) => Some("removed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
