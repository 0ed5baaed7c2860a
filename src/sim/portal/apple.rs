//! Changes as a person makes them in Apple's portal, and as devices make them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{PortalError, organization};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::apple::fleet::ProfileStatus;
use crate::sim::apple::{Family, Service, TokenFile, TokenFileForm, hardware};
use crate::sim::directory;
use crate::sim::world::World;

/// Uploads a certificate.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UploadCertificate {
    /// The service: its UUID or name.
    pub service: String,
    /// The certificate in PEM.
    pub pem: String,
}

/// Downloads a server token.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DownloadToken {
    /// The service.
    pub service: String,
    /// The Apple Account of who does it; absent: the same as before. Another one gives another
    /// consumer key.
    #[serde(default)]
    pub person: Option<String>,
    /// When the token ends; absent: in a year.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// The form of the file; absent: the portal's.
    #[serde(default)]
    pub form: TokenFileForm,
}

/// Revokes the token in force.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RevokeToken {
    /// The service.
    pub service: String,
}

/// Changes a service. What is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeService {
    /// The service.
    pub service: String,
    /// A new name.
    #[serde(default)]
    pub name: Option<String>,
    /// Another end of the token in force.
    #[serde(default)]
    pub token_expires: Option<Timestamp>,
    /// Whether Apple's terms wait to be accepted, which refuses every call.
    #[serde(default)]
    pub terms_pending: Option<bool>,
    /// Whether the organization takes part in AppleSeed for IT.
    #[serde(default)]
    pub seed_for_it: Option<bool>,
    /// Another name of the organization.
    #[serde(default)]
    pub org_name: Option<String>,
}

/// Adds devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddDevices {
    /// The service; absent: they are the organization's and at no service.
    #[serde(default)]
    pub service: Option<String>,
    /// The devices.
    pub serials: Vec<Serial>,
    /// Their family; absent: iPad.
    #[serde(default)]
    pub family: Option<Family>,
}

/// Moves devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveDevices {
    /// The devices, wherever they are.
    pub serials: Vec<Serial>,
    /// The service that gets them; absent: none.
    #[serde(default)]
    pub to: Option<String>,
}

/// Releases devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReleaseSerials {
    /// The devices.
    pub serials: Vec<Serial>,
}

/// Activates devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActivateDevices {
    /// The devices. One without a profile stays as it is.
    pub serials: Vec<Serial>,
}

/// Takes profiles away.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RemoveProfile {
    /// The devices. One without a profile stays as it is.
    pub serials: Vec<Serial>,
}

/// Replaces a device.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplaceDevice {
    /// The one that leaves.
    pub serial: Serial,
    /// The one that comes in its place.
    pub by: Serial,
}

/// Defines a profile.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DefineProfile {
    /// The service.
    pub service: String,
    /// The members as `GET /profile` would return them; `profile_uuid` is kept where given, booleans
    /// that are missing are filled in. Nothing is checked.
    pub profile: Map<String, Value>,
}

/// Assigns a profile.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AssignAtApple {
    /// The service.
    pub service: String,
    /// The profile: its UUID or name.
    pub profile: String,
    /// The devices.
    pub serials: Vec<Serial>,
}

/// Plans a migration.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScheduleMigration {
    /// The devices.
    pub serials: Vec<Serial>,
    /// `mdm_migration_deadline`; absent: none.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
}

impl UploadCertificate {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let certificate = directory::certificate(&self.pem)?;
        find(world, &self.service)?.certificate = Some(certificate);
        Ok(())
    }
}

impl DownloadToken {
    pub(super) fn make(self, world: &mut World) -> Result<TokenFile, PortalError> {
        let (seed, now) = (world.seed, world.now);
        let service = find(world, &self.service)?;
        let certificate =
            service.certificate.clone().ok_or_else(|| PortalError::NoCertificate(service.name.clone()))?;
        let person = self.person.unwrap_or_else(|| service.admin_id().to_owned());
        // Only a file that can be made replaces the token in force.
        let before = service.issued.len();
        let token = service.issue(seed, now, &person, self.expires).token(seed);
        let file_name = format!("{}_Token_{}_smime.p7m", service.name, now.strftime("%Y-%m-%dT%H-%M-%SZ"));
        TokenFile::make(&token, &certificate, file_name, &self.form).map_err(|_| {
            service.issued.truncate(before);
            PortalError::Encrypt(service.name.clone())
        })
    }
}

impl RevokeToken {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        if let Some(issued) = find(world, &self.service)?.issued.last_mut() {
            issued.revoked = true;
        }
        Ok(())
    }
}

impl ChangeService {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let service = find(world, &self.service)?;
        if let (Some(expires), Some(issued)) = (self.token_expires, service.issued.last_mut()) {
            issued.expires = expires;
        }
        if let Some(name) = self.name {
            service.name = name;
        }
        if let Some(name) = self.org_name {
            service.organization.name = name;
        }
        service.terms_pending = self.terms_pending.unwrap_or(service.terms_pending);
        service.seed_for_it = self.seed_for_it.unwrap_or(service.seed_for_it);
        Ok(())
    }
}

impl AddDevices {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        for serial in &self.serials {
            may_come(world, serial)?;
            let owned = world.organization_of_device(serial).is_some();
            if owned || world.unassigned.contains_key(serial) || world.service_of(serial).is_some() {
                return Err(PortalError::AtApple(*serial));
            }
        }
        let family = self.family.unwrap_or_default();
        let models = self.serials.into_iter().map(|serial| (serial, hardware::model_of(family, &serial)));
        put(world, self.service.as_deref(), models.collect())?;
        world.adopt_linked();
        Ok(())
    }
}

impl MoveDevices {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        if let Some(to) = &self.to {
            find(world, to)?;
        }
        // What an organization has moves within it.
        let (owned, others): (Vec<Serial>, Vec<Serial>) =
            self.serials.iter().partition(|serial| world.organization_of_device(serial).is_some());
        let destination = self.to.as_deref().and_then(|to| world.service(to)).map(|to| to.uuid.clone());
        for serial in &owned {
            organization::may_move(world, serial, destination.as_deref())?;
        }
        for serial in &others {
            may_come(world, serial)?;
            if !world.unassigned.contains_key(serial) {
                holder(world, serial)?;
            }
        }
        organization::move_owned(world, &owned, destination.as_deref());
        let mut models = BTreeMap::new();
        let now = world.now.as_second();
        for serial in others {
            let service = world.services.iter_mut().find(|service| service.fleet.row(&serial).is_some());
            let model = match service {
                // One that is there already stays as it is.
                Some(service) if self.to.as_ref().is_some_and(|to| service.answers_to(to)) => continue,
                Some(service) => service.fleet.remove(&serial, now).map(|row| row.hardware),
                None => world.unassigned.remove(&serial),
            };
            models.extend(model.map(|model| (serial, model)));
        }
        put(world, self.to.as_deref(), models)?;
        world.adopt_linked();
        Ok(())
    }
}

impl ReleaseSerials {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        for serial in &self.serials {
            let owned = world.organization_of_device(serial).is_some();
            if !owned && !world.unassigned.contains_key(serial) {
                holder(world, serial)?;
            }
        }
        let now = world.now.as_second();
        for serial in &self.serials {
            if let Some(at) = world.organization_of_device(serial) {
                world.release_devices(at, &[*serial], now, ("USER", "portal"));
            }
            world.unassigned.remove(serial);
            world.services.iter_mut().for_each(|service| {
                service.fleet.remove(serial, now);
            });
        }
        Ok(())
    }
}

impl ActivateDevices {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let now = world.now.as_second();
        each(world, &self.serials, |service, serial| {
            let status = service.fleet.row(serial).map(|row| row.status);
            if matches!(status, Some(ProfileStatus::Assigned | ProfileStatus::Pushed)) {
                service.fleet.modify(serial, now, |row| {
                    row.status = ProfileStatus::Pushed;
                    row.profile_pushed = now;
                });
            }
        })
    }
}

impl RemoveProfile {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let now = world.now.as_second();
        each(world, &self.serials, |service, serial| {
            if service.fleet.row(serial).is_some_and(|row| row.profile != 0) {
                service.fleet.clear(serial, now);
            }
        })
    }
}

impl ReplaceDevice {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        may_come(world, &self.by)?;
        if world.service_of(&self.by).is_some() || world.organization_of_device(&self.by).is_some() {
            return Err(PortalError::AtApple(self.by));
        }
        let now = world.now.as_second();
        let at = holder(world, &self.serial)?;
        world.unassigned.remove(&self.by);
        let fleet = &mut world.services[at].fleet;
        fleet.extras_mut(&self.serial).released_by_replacement = true;
        if let Some(old) = fleet.remove(&self.serial, now) {
            fleet.extras_mut(&self.by).replaces = Some((self.serial, now));
            fleet.add(self.by, old.hardware, now);
        }
        let service = world.services[at].uuid.clone();
        world.follow_release(&service, &[self.serial], "REPLACEMENT");
        world.adopt_linked();
        Ok(())
    }
}

impl DefineProfile {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let (seed, now) = (world.seed, world.now);
        find(world, &self.service)?.define(seed, now, self.profile);
        Ok(())
    }
}

impl AssignAtApple {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let now = world.now.as_second();
        let service = find(world, &self.service)?;
        let birth = service.profile_by_name(&self.profile).ok_or_else(|| PortalError::NotDefined {
            profile: self.profile.clone(),
            known: service.profiles.values().map(|profile| profile.name().to_owned()).collect(),
        })?;
        if let Some(missing) = self.serials.iter().find(|serial| service.fleet.row(serial).is_none()) {
            return Err(PortalError::NotAtApple(*missing));
        }
        for serial in &self.serials {
            service.fleet.modify(serial, now, |row| {
                row.profile = birth;
                row.status = ProfileStatus::Assigned;
                row.profile_assigned = now;
                row.profile_pushed = 0;
            });
        }
        Ok(())
    }
}

impl ScheduleMigration {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let now = world.now.as_second();
        let deadline = self.deadline.map(Timestamp::as_second);
        for serial in &self.serials {
            holder(world, serial)?;
        }
        for serial in &self.serials {
            if let Some(at) = world.organization_of_device(serial) {
                world.set_migration(at, serial, deadline, now);
            }
        }
        each(world, &self.serials, |service, serial| {
            service.fleet.extras_mut(serial).migration_deadline = deadline;
            service.fleet.modify(serial, now, |_| {});
        })
    }
}

fn find<'a>(world: &'a mut World, service: &str) -> Result<&'a mut Service, PortalError> {
    match world.services.iter().position(|known| known.answers_to(service)) {
        Some(at) => Ok(&mut world.services[at]),
        None => Err(PortalError::NoService {
            service: service.to_owned(),
            known: world.services.iter().map(|service| service.name.clone()).collect(),
        }),
    }
}

/// The position of the service that has the device.
fn holder(world: &World, serial: &Serial) -> Result<usize, PortalError> {
    let holds = |service: &Service| service.fleet.row(serial).is_some();
    world.services.iter().position(holds).ok_or(PortalError::NotAtApple(*serial))
}

/// Whether no token that Intune holds has the device.
fn may_come(world: &World, serial: &Serial) -> Result<(), PortalError> {
    let mut tokens = world.tenants.iter().flat_map(|tenant| &tenant.tokens);
    let holds = tokens.find(|token| token.device(serial).is_some_and(|device| !device.released));
    match holds {
        Some(token) => Err(PortalError::HeldByToken { serial: *serial, token: token.name.clone() }),
        None => Ok(()),
    }
}

/// Puts devices to a service, or to none.
fn put(world: &mut World, service: Option<&str>, models: BTreeMap<Serial, u8>) -> Result<(), PortalError> {
    let now = world.now.as_second();
    let Some(service) = service else {
        world.unassigned.extend(models);
        return Ok(());
    };
    let service = find(world, service)?;
    for (serial, model) in models {
        service.fleet.add(serial, model, now);
    }
    Ok(())
}

/// Changes every device named, or none where one is not there.
fn each(
    world: &mut World,
    serials: &[Serial],
    mut change: impl FnMut(&mut Service, &Serial),
) -> Result<(), PortalError> {
    let places: Result<Vec<usize>, PortalError> =
        serials.iter().map(|serial| holder(world, serial)).collect();
    for (at, serial) in places?.into_iter().zip(serials) {
        change(&mut world.services[at], serial);
    }
    Ok(())
}
