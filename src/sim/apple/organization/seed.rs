//! Organizations of a seed.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::follow::unnamed_order;
use super::key::public_half;
use super::{
    ApiAccount, Backing, Behaviour, Edition, Lock, Order, Organization, Roster, Row, ServiceType, Source,
};
use crate::model::Serial;
use crate::sim::apple::hardware::{self, Family};
use crate::sim::seed::{device, generated_serial};
use crate::sim::world::{EnrollmentState, World, back, mix_text};

/// An organization in Apple Business or Apple School to be there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedOrganization {
    /// Its name; the same name twice is one organization.
    pub name: String,
    /// Which of the two APIs it has; absent: business.
    #[serde(default)]
    pub edition: Edition,
    /// The accounts that may use the API.
    #[serde(default)]
    pub accounts: Vec<SeedApiAccount>,
    /// Device management services.
    #[serde(default)]
    pub services: Vec<SeedDeviceService>,
    /// Devices.
    #[serde(default)]
    pub devices: Vec<SeedOrganizationDevice>,
    /// Generated devices besides.
    #[serde(default)]
    pub generated: Vec<SeedGenerated>,
    /// How the API behaves where its description leaves it open; absent: the default. Of no effect on one that
    /// is there.
    #[serde(default)]
    pub behaviour: Option<Behaviour>,
}

/// An API account to be there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedApiAccount {
    /// `BUSINESSAPI.<uuid>` or `SCHOOLAPI.<uuid>`.
    pub client_id: String,
    /// The key id.
    pub key_id: String,
    /// Its key in PEM, of which the public half is kept; absent, or no key of the curve P-256: one
    /// that follows from the seed (`GET /credentials` tells it).
    #[serde(default)]
    pub key: Option<String>,
}

/// A device management service to be there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedDeviceService {
    /// `serverName`.
    pub name: String,
    /// 32 hex digits; absent: that of the server it is the other side of, or derived.
    #[serde(default)]
    pub id: Option<String>,
    /// `serverType`; absent: MDM.
    #[serde(default, rename = "type")]
    pub kind: ServiceType,
    /// Families whose newly bought devices come to it.
    #[serde(default)]
    pub families: BTreeSet<Family>,
    /// `enableMdmDisownFlag`.
    #[serde(default)]
    pub disowns: bool,
    /// The server of the enrollment service that it is the other side of: UUID or name of one of the
    /// seed's `services`.
    #[serde(default)]
    pub direct: Option<String>,
    /// The token of Intune that it is the other side of.
    #[serde(default)]
    pub intune: Option<SeedIntuneLink>,
}

/// A token that Intune holds.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedIntuneLink {
    /// The tenant's id.
    pub tenant: String,
    /// The token's id or name.
    pub token: String,
}

/// A device of an organization to be there.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedOrganizationDevice {
    /// Its serial.
    pub serial: Serial,
    /// Its family; absent: one that follows from the serial.
    #[serde(default)]
    pub family: Option<Family>,
    /// `deviceModel`; absent: one of the family's.
    #[serde(default)]
    pub model: Option<String>,
    /// The service that has it, and knows of it; absent: none.
    #[serde(default)]
    pub service: Option<String>,
    /// `orderNumber`; absent: one of the simulator's.
    #[serde(default)]
    pub order_number: Option<String>,
    /// `purchaseSourceType`; absent: APPLE.
    #[serde(default)]
    pub source: Source,
    /// `purchaseSourceId`; absent: one of the simulator's.
    #[serde(default)]
    pub source_id: Option<String>,
    /// Its Activation Lock.
    #[serde(default)]
    pub lock: Lock,
    /// Whether what runs on it can migrate to another MDM.
    #[serde(default)]
    pub migrates: bool,
}

/// Devices in bulk, for measuring.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedGenerated {
    /// How many.
    pub count: u32,
    /// The service that has them; absent: none.
    #[serde(default)]
    pub service: Option<String>,
    /// Their family; absent: iPad.
    #[serde(default)]
    pub family: Family,
    /// `orderNumber`; absent: one of the simulator's.
    #[serde(default)]
    pub order_number: Option<String>,
}

impl World {
    /// Adds an organization of a seed, or to one that is there what it lacks.
    pub(in crate::sim) fn add_organization(
        &mut self,
        wish: &SeedOrganization,
        surroundings: bool,
        placed: &mut HashSet<Serial>,
    ) {
        let known = self.organizations.iter().position(|one| one.name == wish.name);
        let at = known.unwrap_or_else(|| {
            self.organizations.push(Organization {
                name: wish.name.clone(),
                edition: wish.edition,
                accounts: Vec::new(),
                services: Vec::new(),
                numbers: 0,
                roster: Roster::default(),
                activities: Default::default(),
                activities_made: 0,
                behaviour: Behaviour::default(),
                deleted: BTreeSet::new(),
            });
            self.organizations.len() - 1
        });
        let here = &mut self.organizations[at];
        if known.is_none()
            && let Some(behaviour) = &wish.behaviour
        {
            here.behaviour = behaviour.clone();
        }
        for account in &wish.accounts {
            if here.account(&account.client_id).is_none() {
                here.accounts.push(ApiAccount {
                    client_id: account.client_id.clone(),
                    key_id: account.key_id.clone(),
                    public_key: account.key.as_deref().and_then(public_half),
                    revoked: false,
                    reads: Default::default(),
                    writes: Default::default(),
                    sign_ins: Default::default(),
                });
            }
        }
        if known.is_none() && surroundings {
            here.add_service(self.seed, self.now, "Apple Configurator 2", ServiceType::AppleConfigurator);
        }
        for service in &wish.services {
            self.seed_device_service(at, service);
        }
        let adopted = self.adopt_linked();
        let adopted: HashSet<Serial> = adopted.into_iter().nth(at).unwrap_or_default().into_iter().collect();
        for device in &wish.devices {
            self.seed_device(at, device, &adopted, placed);
        }
        if known.is_none() {
            if surroundings {
                self.surround_organization(at, placed);
            }
            for (number, bulk) in wish.generated.iter().enumerate() {
                self.generate_for(at, number, bulk, placed);
            }
        }
    }

    fn seed_device_service(&mut self, at: usize, wish: &SeedDeviceService) {
        let direct = wish.direct.as_ref().and_then(|key| self.service(key)).map(|known| known.uuid.clone());
        let intune = wish.intune.as_ref().and_then(|link| {
            let tenant = self.tenant(&link.tenant)?;
            let token = tenant.tokens.iter().find(|token| token.answers_to(&link.token))?;
            Some(Backing::Intune { tenant: tenant.id.clone(), token: token.id.clone() })
        });
        let (seed, now) = (self.seed, self.now);
        let here = &mut self.organizations[at];
        let id = wish.id.as_ref().map(|id| id.replace('-', "").to_uppercase()).or_else(|| direct.clone());
        if here.deleted.contains(&wish.name) || id.as_ref().is_some_and(|id| here.deleted.contains(id)) {
            return;
        }
        let position =
            here.position(id.as_deref().unwrap_or(&wish.name)).or_else(|| here.position(&wish.name));
        let position = match position {
            Some(position) => position,
            None => {
                here.add_service(seed, back(now, 24 * 200), &wish.name, wish.kind);
                let taken: BTreeSet<Family> =
                    here.services.iter().flat_map(|service| &service.families).copied().collect();
                let position = here.services.len() - 1;
                let service = &mut here.services[position];
                if let Some(id) = id {
                    service.id = id;
                }
                // A family has one default only: the first that claims it.
                service.families = wish.families.difference(&taken).copied().collect();
                service.disowns = wish.disowns;
                service.connected = (wish.kind == ServiceType::Mdm).then(|| back(now, 1));
                position
            }
        };
        let service = &mut here.services[position];
        service.known_as.insert(wish.name.clone());
        if service.backing == Backing::None {
            match (direct, intune) {
                (Some(uuid), _) if uuid == service.id => service.backing = Backing::Direct,
                (_, Some(backing)) => service.backing = backing,
                _ => {}
            }
        }
    }

    fn seed_device(
        &mut self,
        at: usize,
        wish: &SeedOrganizationDevice,
        adopted: &HashSet<Serial>,
        placed: &mut HashSet<Serial>,
    ) {
        let now = self.now.as_second();
        let serial = wish.serial;
        let here = &mut self.organizations[at];
        let known = here.roster.row(&serial).is_some();
        if known && !adopted.contains(&serial) {
            return;
        }
        let unnamed = unnamed_order(now);
        let order = here.roster.order(Order {
            number: match (&wish.order_number, wish.source) {
                (Some(number), _) => number.clone(),
                (None, Source::ManuallyAdded) => String::new(),
                (None, _) => unnamed.number,
            },
            source: wish.source,
            source_id: match (&wish.source_id, wish.source) {
                (Some(id), _) => id.clone(),
                (None, Source::ManuallyAdded) => String::new(),
                (None, _) => unnamed.source_id,
            },
            at: unnamed.at,
        });
        let family = wish.family.unwrap_or_else(|| family_of(&serial));
        let model = wish.model.as_deref().unwrap_or_default();
        let hardware = hardware::model_named(model, family, &serial);
        let service = wish.service.as_ref().and_then(|key| here.position(key));
        let service = service.map_or(0, |position| here.services[position].number);
        let long_ago = back(self.now, 24 * 30).as_second();
        if known {
            here.roster.set_origin(&serial, hardware, order);
        } else {
            let row =
                Row { serial, hardware, service, order, added: long_ago, updated: long_ago, released: 0 };
            here.roster.add(row);
        }
        if wish.model.as_ref().is_some_and(|name| hardware::at(hardware).model != name) {
            here.roster.extras_mut(&serial).model.clone_from(&wish.model);
        }
        if wish.lock != Lock::None {
            here.roster.extras_mut(&serial).lock = wish.lock;
        }
        if wish.migrates {
            here.roster.extras_mut(&serial).migrates = true;
        }
        if !known && placed.insert(serial) {
            self.seed_at_holder(at, &serial, long_ago);
        }
    }

    /// Puts a device that an organization begins with where the holder of the service's token has
    /// it already.
    fn seed_at_holder(&mut self, at: usize, serial: &Serial, long_ago: i64) {
        let now = self.now;
        let here = &self.organizations[at];
        let Some(row) = here.roster.device(serial).cloned() else { return };
        let Some(service) = here.service(row.service).filter(|_| row.family().enrolls()) else { return };
        let model = here.roster.extras(serial).and_then(|extras| extras.model.clone());
        match service.backing.clone() {
            Backing::None => {}
            Backing::Direct => {
                let Some(fleet) = self.fleet_of(at, row.service) else { return };
                // Who asked for changes before has to hear of what is added later.
                if fleet.next_operation() == 0 {
                    fleet.place(*serial, row.hardware, long_ago);
                } else {
                    fleet.add(*serial, row.hardware, now.as_second());
                }
                if model.is_some() {
                    fleet.extras_mut(serial).model = model;
                }
            }
            Backing::Intune { token, .. } => {
                let Some(platform) = row.family().platform() else { return };
                if let Some(token) = self.token_by_id(&token) {
                    token.add_device(device(*serial, EnrollmentState::NotContacted, platform, now));
                }
            }
        }
    }

    /// Devices that no document names: at no service, added by hand, of a family that does not
    /// enroll, released.
    fn surround_organization(&mut self, at: usize, placed: &mut HashSet<Serial>) {
        let chance = mix_text(self.seed, &self.organizations[at].name);
        let configurator = Some("Apple Configurator 2".to_owned());
        let fleet = [
            (Family::IPad, Source::Apple, None, Lock::None),
            (Family::IPhone, Source::Reseller, None, Lock::User),
            (Family::Mac, Source::Apple, None, Lock::None),
            (Family::Watch, Source::Apple, None, Lock::None),
            (Family::IPad, Source::ManuallyAdded, configurator.clone(), Lock::None),
            (Family::AppleTv, Source::ManuallyAdded, configurator, Lock::None),
            (Family::IPad, Source::Apple, None, Lock::None),
        ];
        let count = fleet.len();
        for (number, (family, source, service, lock)) in fleet.into_iter().enumerate() {
            let Some(serial) = generated_serial(chance, 'B', number as u32) else { continue };
            if placed.contains(&serial) {
                continue;
            }
            let wish = SeedOrganizationDevice {
                serial,
                family: Some(family),
                model: None,
                service,
                order_number: (source == Source::Reseller).then(|| "R-2044".to_owned()),
                source,
                source_id: None,
                lock,
                migrates: false,
            };
            self.seed_device(at, &wish, &HashSet::new(), placed);
            if number + 1 == count {
                let long_ago = back(self.now, 24 * 5).as_second();
                self.release_devices(at, &[serial], long_ago, ("USER", "portal"));
            }
        }
    }

    fn generate_for(&mut self, at: usize, number: usize, wish: &SeedGenerated, placed: &mut HashSet<Serial>) {
        let chance = mix_text(self.seed, &format!("{}/{number}", self.organizations[at].name));
        let long_ago = back(self.now, 24 * 30).as_second();
        let here = &mut self.organizations[at];
        let service = wish.service.as_ref().and_then(|key| here.position(key));
        let service = service.map_or(0, |position| here.services[position].number);
        let mut order = unnamed_order(self.now.as_second());
        if let Some(named) = &wish.order_number {
            order.number.clone_from(named);
        }
        let order = here.roster.order(order);
        here.roster.reserve(wish.count as usize);
        let mut added = Vec::with_capacity(wish.count as usize);
        for place in 0..wish.count {
            let Some(serial) = generated_serial(chance, 'H', place) else { continue };
            let hardware = hardware::model_of(wish.family, &serial);
            let row =
                Row { serial, hardware, service, order, added: long_ago, updated: long_ago, released: 0 };
            if here.roster.add(row) {
                added.push(serial);
            }
        }
        let linked = here.service(service).is_some_and(|service| service.backing != Backing::None);
        if linked {
            for serial in added.iter().filter(|serial| placed.insert(**serial)) {
                self.seed_at_holder(at, serial, long_ago);
            }
        }
    }
}

/// A family that follows from the serial.
pub fn family_of(serial: &Serial) -> Family {
    use Family::{AppleTv, IPad, IPhone, Mac};
    const CHOICE: [Family; 10] = [IPad, IPad, IPad, IPad, IPhone, IPhone, IPhone, Mac, Mac, AppleTv];
    CHOICE[(mix_text(4, serial.as_str()) % CHOICE.len() as u64) as usize]
}
