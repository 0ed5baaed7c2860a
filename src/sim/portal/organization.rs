//! Changes as a person makes them in Apple Business or Apple School, and what happens to the devices
//! of an organization.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::PortalError;
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::apple::organization::seed::family_of;
use crate::sim::apple::organization::{
    Behaviour, Lock, Migration, MigrationStatus, Order, Organization, Row, ServiceType, Source,
};
use crate::sim::apple::{Family, hardware};
use crate::sim::world::World;

/// Points devices at a service.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssignToService {
    /// The organization: its name or the client id of an account.
    pub organization: String,
    /// The devices.
    pub serials: Vec<Serial>,
    /// The service: its id or name; absent: none.
    #[serde(default)]
    pub service: Option<String>,
}

/// Releases devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseFromOrganization {
    /// The organization.
    pub organization: String,
    /// The devices.
    pub serials: Vec<Serial>,
}

/// Buys devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuyDevices {
    /// The organization.
    pub organization: String,
    /// The devices.
    pub serials: Vec<Serial>,
    /// Their family; absent: one that follows from each serial.
    #[serde(default)]
    pub family: Option<Family>,
    /// `deviceModel`; absent: one of the family's.
    #[serde(default)]
    pub model: Option<String>,
    /// `orderNumber`; absent: one of the simulator's.
    #[serde(default)]
    pub order_number: Option<String>,
    /// `purchaseSourceType`; absent: APPLE.
    #[serde(default)]
    pub source: Source,
    /// `purchaseSourceId`; absent: one of the simulator's.
    #[serde(default)]
    pub source_id: Option<String>,
}

/// Makes a service.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateOrganizationService {
    /// The organization.
    pub organization: String,
    /// Its name.
    pub name: String,
    /// `serverType`; absent: MDM.
    #[serde(default, rename = "type")]
    pub kind: ServiceType,
}

/// Changes a service. What is absent stays.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeOrganizationService {
    /// The organization.
    pub organization: String,
    /// The service.
    pub service: String,
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// The families that it is the default for; they are taken from the services that had them.
    #[serde(default)]
    pub families: Option<BTreeSet<Family>>,
    /// Whether its MDM may release devices.
    #[serde(default)]
    pub disowns: Option<bool>,
}

/// Deletes a service.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeleteOrganizationService {
    /// The organization.
    pub organization: String,
    /// The service.
    pub service: String,
}

/// Locks devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetActivationLock {
    /// The organization.
    pub organization: String,
    /// The devices.
    pub serials: Vec<Serial>,
    /// By whom.
    pub lock: Lock,
}

/// Says how devices migrate. What is absent stays.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetMigration {
    /// The organization.
    pub organization: String,
    /// The devices.
    pub serials: Vec<Serial>,
    /// Whether what runs on them can migrate.
    #[serde(default)]
    pub capable: Option<bool>,
    /// How far the migration is.
    #[serde(default)]
    pub status: Option<MigrationStatus>,
    /// Its deadline.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
}

/// Revokes a key.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeApiKey {
    /// The client id of the account.
    pub client_id: String,
    /// Another key id, whose key is in force from then on; absent: none is.
    #[serde(default)]
    pub new_key_id: Option<String>,
}

/// Changes an organization.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeOrganization {
    /// The organization.
    pub organization: String,
    /// How its API behaves from now on; what is absent in it is the default.
    pub behaviour: Behaviour,
}

impl AssignToService {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        let here = &world.organizations[at];
        let to = match &self.service {
            Some(key) => here.services[service(here, key)?].number,
            None => 0,
        };
        own(here, &self.serials)?;
        let now = world.now.as_second();
        world.point_devices(at, &self.serials, to, now);
        Ok(())
    }
}

impl ReleaseFromOrganization {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        own(&world.organizations[at], &self.serials)?;
        let now = world.now.as_second();
        world.release_devices(at, &self.serials, now, ("USER", "portal"));
        Ok(())
    }
}

impl BuyDevices {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        let now = world.now.as_second();
        let here = &mut world.organizations[at];
        let owned = self.serials.iter().find(|serial| here.roster.device(serial).is_some());
        if let Some(serial) = owned {
            return Err(PortalError::Owned(*serial));
        }
        let order = here.roster.order(Order {
            number: self.order_number.unwrap_or_else(|| format!("SIM-{now}")),
            source: self.source,
            source_id: self.source_id.unwrap_or_else(|| "1000000".to_owned()),
            at: now,
        });
        for serial in &self.serials {
            let family = self.family.unwrap_or_else(|| family_of(serial));
            let hardware = hardware::model_named(self.model.as_deref().unwrap_or_default(), family, serial);
            let row =
                Row { serial: *serial, hardware, service: 0, order, added: now, updated: now, released: 0 };
            here.roster.add(row);
            if self.model.as_ref().is_some_and(|name| hardware::at(hardware).model != name) {
                here.roster.extras_mut(serial).model.clone_from(&self.model);
            }
        }
        for serial in &self.serials {
            let here = &world.organizations[at];
            let to = here.roster.device(serial).map_or(0, |row| here.default_of(row.family()));
            world.point_devices(at, &[*serial], to, now);
        }
        Ok(())
    }
}

impl CreateOrganizationService {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        let (seed, now) = (world.seed, world.now);
        world.organizations[at].add_service(seed, now, &self.name, self.kind);
        Ok(())
    }
}

impl ChangeOrganizationService {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        let now = world.now;
        let here = &mut world.organizations[at];
        let position = service(here, &self.service)?;
        if let Some(families) = self.families {
            for one in &mut here.services {
                one.families.retain(|family| !families.contains(family));
            }
            here.services[position].families = families;
        }
        let one = &mut here.services[position];
        one.disowns = self.disowns.unwrap_or(one.disowns);
        one.updated = now;
        if let Some(name) = self.name {
            one.name.clone_from(&name);
            let id = one.id.clone();
            if let Some(server) = world.services.iter_mut().find(|server| server.uuid == id) {
                server.name = name;
            }
        }
        Ok(())
    }
}

impl DeleteOrganizationService {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        let position = service(&world.organizations[at], &self.service)?;
        world.remove_device_service(at, position);
        Ok(())
    }
}

impl SetActivationLock {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        own(&world.organizations[at], &self.serials)?;
        for serial in &self.serials {
            world.set_activation_lock(serial, self.lock);
        }
        Ok(())
    }
}

impl SetMigration {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        let now = world.now.as_second();
        own(&world.organizations[at], &self.serials)?;
        for serial in &self.serials {
            if let Some(deadline) = self.deadline {
                world.set_migration(at, serial, Some(deadline.as_second()), now);
            }
            let extras = world.organizations[at].roster.extras_mut(serial);
            extras.migrates = self.capable.unwrap_or(extras.migrates);
            if let Some(status) = self.status {
                let deadline = extras.migration.map_or(now, |migration| migration.deadline);
                extras.migration = Some(Migration { status, since: now, deadline });
            }
        }
        Ok(())
    }
}

impl RevokeApiKey {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let mut accounts = world.organizations.iter_mut().flat_map(|one| &mut one.accounts);
        let account = accounts.find(|account| account.client_id == self.client_id);
        let account = account.ok_or_else(|| PortalError::NoApiAccount(self.client_id.clone()))?;
        account.revoked = self.new_key_id.is_none();
        if let Some(key_id) = self.new_key_id {
            account.key_id = key_id;
            // The new key follows from the seed: whoever has the old one does not get in.
            account.public_key = None;
        }
        Ok(())
    }
}

impl ChangeOrganization {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = find(world, &self.organization)?;
        world.organizations[at].behaviour = self.behaviour;
        Ok(())
    }
}

/// The position of an organization.
fn find(world: &World, key: &str) -> Result<usize, PortalError> {
    world.organization_at(key).ok_or_else(|| PortalError::NoOrganization {
        organization: key.to_owned(),
        known: world.organizations.iter().map(|one| one.name.clone()).collect(),
    })
}

/// The position of a service.
fn service(here: &Organization, key: &str) -> Result<usize, PortalError> {
    here.position(key).ok_or_else(|| PortalError::NoDeviceService {
        service: key.to_owned(),
        known: here.services.iter().map(|service| service.name.clone()).collect(),
    })
}

/// Whether the organization has every device.
fn own(here: &Organization, serials: &[Serial]) -> Result<(), PortalError> {
    match serials.iter().find(|serial| here.roster.device(serial).is_none()) {
        Some(missing) => Err(PortalError::NotOwned(*missing)),
        None => Ok(()),
    }
}

/// The serials that the organization behind a token has already, and those that it has not.
pub(super) fn split(world: &World, token: &str, serials: Vec<Serial>) -> (Vec<Serial>, Vec<Serial>) {
    let here = world.organization_of_token(token).map(|(at, _)| &world.organizations[at]);
    serials.into_iter().partition(|serial| here.is_some_and(|here| here.roster.device(serial).is_some()))
}

/// Whether a device may go to a server of the enrollment service: one of its organization's, or none.
pub(super) fn may_move(world: &World, serial: &Serial, to: Option<&str>) -> Result<(), PortalError> {
    let Some(uuid) = to else { return Ok(()) };
    let at = world.organization_of_device(serial).ok_or(PortalError::NotOwned(*serial))?;
    let here = &world.organizations[at];
    match here.service_by_id(uuid) {
        Some(_) => Ok(()),
        None => Err(PortalError::NoDeviceService {
            service: uuid.to_owned(),
            known: here.services.iter().map(|service| service.name.clone()).collect(),
        }),
    }
}

/// Moves devices that may go there.
pub(super) fn move_owned(world: &mut World, serials: &[Serial], to: Option<&str>) {
    let now = world.now.as_second();
    for serial in serials {
        let Some(at) = world.organization_of_device(serial) else { continue };
        let here = &world.organizations[at];
        let to = to.and_then(|uuid| here.service_by_id(uuid)).map_or(0, |service| service.number);
        world.point_devices(at, &[*serial], to, now);
    }
}
