//! Which record at which tenant a serial is, and which token lists it.

use std::collections::BTreeMap;

use super::super::{Input, read_lists};
use super::epoch_at_apple;
use crate::acts::Rule;
use crate::model::act::{Os, Record, RecordId, Records};
use crate::model::live::{Devices, Fact};
use crate::model::organisation::{OrgDevice, ProductFamily};
use crate::model::{Epoch, Name, Realm, Serial};

/// Where a device was looked for, and what came of it.
pub(super) enum Found<'a> {
    /// One record carries the serial.
    One {
        /// The connection that reads the tenant.
        realm: Realm,
        /// The tenant.
        tenant: &'a str,
        /// The record.
        record: &'a Record,
        /// A tenant could not be read: another record may carry the serial.
        unread: Option<String>,
    },
    /// More than one record carries it.
    Several {
        /// Where, in words.
        places: Vec<String>,
    },
    /// No record carries it, and every tenant was read in full.
    Nowhere,
    /// No record that was read carries it, and not every tenant was read.
    Unread {
        /// Which, and why.
        why: String,
    },
    /// A release: the device in the organisation that lists it.
    AtApple {
        /// The organisation.
        realm: Realm,
        /// Its id.
        tenant: &'a str,
        /// The device there.
        device: &'a OrgDevice,
    },
}

impl<'a> Found<'a> {
    /// The service that has the device.
    pub fn realm(&self) -> Option<&Realm> {
        match self {
            Found::One { realm, .. } | Found::AtApple { realm, .. } => Some(realm),
            Found::Several { .. } | Found::Nowhere | Found::Unread { .. } => None,
        }
    }

    /// Its tenant.
    pub fn tenant(&self) -> Option<&'a str> {
        match self {
            Found::One { tenant, .. } | Found::AtApple { tenant, .. } => Some(tenant),
            Found::Several { .. } | Found::Nowhere | Found::Unread { .. } => None,
        }
    }

    /// The life that the device is in.
    pub fn epoch(&self) -> Option<Epoch> {
        match self {
            Found::One { record, .. } => record.epoch(),
            Found::AtApple { device, .. } => epoch_at_apple(device.serial, device.added),
            Found::Several { .. } | Found::Nowhere | Found::Unread { .. } => None,
        }
    }
}

/// A tenant of the folder.
struct Tenant<'a> {
    realm: Realm,
    id: &'a str,
    records: Result<&'a Records, String>,
}

/// A token of the folder whose list was read.
struct Listing<'a> {
    name: &'a Name,
    tenant: &'a str,
    devices: &'a Devices,
}

/// An organisation at Apple.
struct Organisation<'a> {
    realm: Realm,
    tenant: &'a str,
    devices: Result<&'a crate::model::organisation::OrgDevices, String>,
}

/// Where devices are looked for, put in order once.
pub(super) struct Places<'a> {
    tenants: Vec<Tenant<'a>>,
    listings: Vec<Listing<'a>>,
    organisations: Vec<Organisation<'a>>,
}

impl<'a> Places<'a> {
    /// Of everything that was read.
    pub fn of(input: &Input<'a>) -> Self {
        // Two connections may lead to one tenant: its records are looked at once.
        let mut by_tenant: BTreeMap<String, Tenant<'a>> = BTreeMap::new();
        for (name, connection) in &input.desired.connections {
            let realm = Realm::Mdm(name.clone());
            let records = match input.live.records.get(&realm) {
                Some(Fact::Known(records)) => Ok(records),
                Some(Fact::Unknown(why)) => Err(format!("the devices of Connection/{name}: {why}")),
                None => Err(format!("the devices of Connection/{name} were not asked for")),
            };
            let key = connection.tenant_id.to_ascii_lowercase();
            let is_better = by_tenant.get(&key).is_none_or(|one| one.records.is_err() && records.is_ok());
            if is_better {
                by_tenant.insert(key, Tenant { realm, id: &connection.tenant_id, records });
            }
        }
        let listings = read_lists(input).into_iter().map(|(name, tenant, _, devices)| Listing {
            name,
            tenant: &tenant.tenant_id,
            devices,
        });
        let organisations = input.desired.organisations.iter().map(|(name, document)| {
            let realm = Realm::Apple(name.clone());
            let devices = match input.live.organisations.get(name).map(|live| &live.devices) {
                Some(Fact::Known(devices)) => Ok(devices),
                Some(Fact::Unknown(why)) => Err(format!("the devices of Connection/{name}: {why}")),
                None => Err(format!("the devices of Connection/{name} were not asked for")),
            };
            Organisation { realm, tenant: &document.client_id, devices }
        });
        Self {
            tenants: by_tenant.into_values().collect(),
            listings: listings.collect(),
            organisations: organisations.collect(),
        }
    }

    /// The one record that carries a serial, over all tenants.
    pub fn find(&self, serial: Serial) -> Found<'a> {
        let mut here = Vec::new();
        let mut unread = None;
        for tenant in &self.tenants {
            match &tenant.records {
                Ok(records) => here.extend(records.of(&serial).map(|record| (tenant, record))),
                Err(why) => unread = unread.or(Some(why.clone())),
            }
        }
        let Some((tenant, record)) = here.first() else {
            return match unread {
                Some(why) => Found::Unread { why },
                None => Found::Nowhere,
            };
        };
        if here.len() > 1 && Rule::Unambiguous.in_force() {
            let place = |(tenant, record): &(&Tenant<'_>, &Record)| {
                let seen =
                    record.last_sync.map_or("never checked in".to_owned(), |at| format!("last seen {at}"));
                format!("{} of {} ({seen})", record.id, tenant.realm.document())
            };
            return Found::Several { places: here.iter().map(place).collect() };
        }
        Found::One { realm: tenant.realm.clone(), tenant: tenant.id, record, unread }
    }

    /// The record that a request was promised for, at its tenant; else any that carries the serial there.
    pub fn promised(&self, tenant: &str, serial: Serial, record: &RecordId) -> Found<'a> {
        let is_it = |one: &&Tenant<'_>| one.id.eq_ignore_ascii_case(tenant);
        let Some(tenant) = self.tenants.iter().find(is_it) else {
            return Found::Unread { why: format!("no connection leads to the tenant {tenant} any more") };
        };
        let records = match &tenant.records {
            Ok(records) => records,
            Err(why) => return Found::Unread { why: why.clone() },
        };
        let found = records.of(&serial).find(|one| one.id == *record).or_else(|| records.of(&serial).next());
        match found {
            Some(record) => {
                Found::One { realm: tenant.realm.clone(), tenant: tenant.id, record, unread: None }
            }
            None => Found::Nowhere,
        }
    }

    /// How many records carry a serial at a tenant besides one.
    pub fn twins(&self, tenant: &str, serial: Serial, but: &RecordId) -> usize {
        let is_it = |one: &&Tenant<'_>| one.id.eq_ignore_ascii_case(tenant);
        let records = self.tenants.iter().find(is_it).and_then(|tenant| tenant.records.as_ref().ok());
        records.map_or(0, |records| records.of(&serial).filter(|one| one.id != *but).count())
    }

    /// Everything that was read of a tenant, with the connection that reads it; `None` where it was not read.
    pub fn records_at(&self, tenant: &str) -> Option<(&Realm, &'a Records)> {
        let one = self.tenants.iter().find(|one| one.id.eq_ignore_ascii_case(tenant))?;
        Some((&one.realm, one.records.as_ref().ok()?))
    }

    /// The records with a serial in all other tenants.
    pub fn elsewhere(&self, tenant: &str, serial: Serial) -> Vec<&'a Record> {
        let others = self.tenants.iter().filter(|one| !one.id.eq_ignore_ascii_case(tenant));
        let records = others.filter_map(|one| one.records.as_ref().ok());
        records.flat_map(|records| records.of(&serial)).collect()
    }

    /// The device in the organisation that lists it.
    pub fn at_apple(&self, serial: Serial) -> Found<'a> {
        let mut here = Vec::new();
        let mut unread = None;
        for organisation in &self.organisations {
            match &organisation.devices {
                Ok(devices) => here.extend(devices.find(&serial).map(|device| (organisation, device))),
                Err(why) => unread = unread.or(Some(why.clone())),
            }
        }
        match (here.as_slice(), unread) {
            ([], Some(why)) => Found::Unread { why },
            ([], None) if self.organisations.is_empty() => Found::Unread {
                why: "no Connection with appleBusiness or appleSchool leads to the device's organisation"
                    .to_owned(),
            },
            ([], None) => Found::Nowhere,
            ([(organisation, device)], _) => {
                Found::AtApple { realm: organisation.realm.clone(), tenant: organisation.tenant, device }
            }
            (several, _) => {
                let place = |(one, _): &(&Organisation<'_>, _)| one.realm.document();
                Found::Several { places: several.iter().map(place).collect() }
            }
        }
    }

    /// What is known of a device that no record tells of, for people. What was not read is unknown, not absent.
    pub fn known_otherwise(&self, found: &Found<'_>) -> String {
        match found {
            Found::AtApple { realm, device, .. } => {
                let organisation = self.organisations.iter().find(|one| one.realm == *realm);
                let lists = organisation.and_then(|one| one.devices.as_ref().ok());
                let model = lists.and_then(|lists| lists.model_of(device)).filter(|text| !text.is_empty());
                let order = lists.and_then(|lists| lists.order_of(device)).filter(|text| !text.is_empty());
                let mut text = format!("listed at Apple as {}", model.unwrap_or("a device without a model"));
                if let Some(order) = order {
                    text.push_str(&format!(", order {order}"));
                }
                text
            }
            Found::Unread { why } => format!("not known: {why}"),
            Found::Several { places } => format!("{} records carry its serial number", places.len()),
            Found::One { .. } | Found::Nowhere => "no record of it at the MDM".to_owned(),
        }
    }

    /// The token of the folder that lists a device, of its tenant before others.
    pub fn token_of(&self, serial: Serial, tenant: Option<&str>) -> Option<Name> {
        let lists = |one: &&Listing<'_>| one.devices.find(&serial).is_some_and(|device| !device.released);
        let mut all: Vec<&Listing<'_>> = self.listings.iter().filter(lists).collect();
        let is_other =
            |one: &Listing<'_>| tenant.is_none_or(|tenant| !one.tenant.eq_ignore_ascii_case(tenant));
        all.sort_by_key(|one| is_other(one));
        all.first().map(|one| one.name.clone())
    }

    /// What a token of the folder lists of a device: whether it is there, with which profile.
    pub fn listed_by(&self, token: &Name, serial: Serial) -> Option<Option<&'a crate::model::ProfileId>> {
        let listing = self.listings.iter().find(|one| one.name == token)?;
        let device = listing.devices.find(&serial)?;
        Some(listing.devices.profile_of(device))
    }

    /// What runs on a device, as its organisation at Apple tells it.
    pub fn os_at_apple(&self, serial: Serial) -> Option<Os> {
        let Found::AtApple { device, .. } = self.at_apple(serial) else { return None };
        match device.family? {
            ProductFamily::Iphone | ProductFamily::Ipod => Some(Os::Ios),
            ProductFamily::Ipad => Some(Os::Ipados),
            ProductFamily::Mac => Some(Os::Macos),
            ProductFamily::AppleTv => Some(Os::Tvos),
            ProductFamily::Vision => Some(Os::Visionos),
            ProductFamily::Watch => None,
        }
    }
}
