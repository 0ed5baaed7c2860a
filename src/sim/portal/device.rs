//! What people do with a managed device in hand, or about it in the admin centre.

use serde::{Deserialize, Serialize};

use super::{PortalError, position};
use crate::model::Serial;
use crate::sim::apple::organization::Lock;
use crate::sim::device::action::Particulars;
use crate::sim::device::desk::ApprovalStatus;
use crate::sim::device::{DeviceBehaviour, Found, Habits, ManagedAction, Ownership, Reach, SetUp, User};
use crate::sim::world::World;

/// Changes a device. What is absent stays.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeDevice {
    /// The device.
    pub serial: Serial,
    /// How the service reaches it. A device that is reachable again comes for what waits.
    #[serde(default)]
    pub reach: Option<Reach>,
    /// Whether it is off: switched off, or restarted and not unlocked.
    #[serde(default)]
    pub off: Option<bool>,
    /// `deviceName`
    #[serde(default)]
    pub name: Option<String>,
    /// `model`
    #[serde(default)]
    pub model: Option<String>,
    /// `osVersion`
    #[serde(default)]
    pub os_version: Option<String>,
    /// `isSupervised`
    #[serde(default)]
    pub supervised: Option<bool>,
    /// `managedDeviceOwnerType`
    #[serde(default)]
    pub ownership: Option<Ownership>,
    /// `userPrincipalName`; empty: nobody's.
    #[serde(default)]
    pub user: Option<String>,
    /// `userDisplayName`; absent: the principal name.
    #[serde(default)]
    pub user_display_name: Option<String>,
    /// Whether it has a passcode.
    #[serde(default)]
    pub passcode: Option<bool>,
    /// Whether its screen is locked. A Mac that is unlocked used its PIN.
    #[serde(default)]
    pub locked: Option<bool>,
    /// Whether a bypass code exists (L-7).
    #[serde(default)]
    pub code_available: Option<bool>,
    /// Whether it is a Shared iPad.
    #[serde(default)]
    pub shared: Option<bool>,
    /// Who is signed in at a Shared iPad, and has data there from then on; empty: nobody.
    #[serde(default)]
    pub active_user: Option<String>,
    /// How it behaves from now on; what is absent in it is as usual.
    #[serde(default)]
    pub habits: Option<Habits>,
}

/// Locks devices at Apple, or unlocks them: a user opens Find My (`USER`), closes it (`NONE`), or an
/// MDM locks them (`MDM`).
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetDeviceLock {
    /// The devices.
    pub serials: Vec<Serial>,
    /// By whom.
    pub lock: Lock,
}

/// Types a bypass code in at a device.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnterBypassCode {
    /// The device.
    pub serial: Serial,
    /// The code.
    pub code: String,
}

/// Sets a device up: it enrolls where Apple points it, as a new epoch. One in use is erased before.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetUpDevice {
    /// The device.
    pub serial: Serial,
    /// Who signs in; absent: whoever used it before.
    #[serde(default)]
    pub user: Option<String>,
    /// `userDisplayName`; absent: the principal name.
    #[serde(default)]
    pub user_display_name: Option<String>,
    /// Whether the record keeps its id; absent: as the device and its tenant are used to.
    #[serde(default)]
    pub same_record: Option<bool>,
    /// Whether the old record stays beside the new one: two records of one serial.
    #[serde(default)]
    pub keep_old_record: Option<bool>,
}

/// A person asks for an action in the admin centre.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestAction {
    /// The device, by its serial or by the id of one of its records.
    pub device: String,
    /// What; `delete` deletes the record.
    pub action: ManagedAction,
    /// The new name, for `setDeviceName`.
    #[serde(default)]
    pub name: Option<String>,
    /// The user, for `deleteUserFromSharedAppleDevice`.
    #[serde(default)]
    pub user: Option<String>,
}

/// Gives a device a second record under its serial.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DuplicateRecord {
    /// The device.
    pub serial: Serial,
    /// The new record's id; absent: derived.
    #[serde(default)]
    pub id: Option<String>,
}

/// Lets a record show another serial than its device's.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeRecord {
    /// The record's id.
    pub record: String,
    /// The serial to show; absent: the device's own.
    #[serde(default)]
    pub serial_number: Option<Serial>,
    /// `notes`; absent: as they are.
    #[serde(default)]
    pub notes: Option<String>,
}

/// Points devices at another token at Apple, also one of another tenant: the next syncs tell Intune.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MoveToToken {
    /// The devices.
    pub serials: Vec<Serial>,
    /// The token: id or name.
    pub token: String,
}

/// Decides about a request for approval.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecideApproval {
    /// The tenant's id.
    pub tenant: String,
    /// The request's id, which is the approval code; absent: every one that waits.
    #[serde(default)]
    pub request: Option<String>,
    /// What is decided.
    pub decision: Decision,
    /// Why.
    #[serde(default)]
    pub justification: Option<String>,
}

/// What is decided about a request for approval.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Decision {
    /// It may be sent again.
    Approve,
    /// It may not.
    Reject,
    /// Who asked takes it back.
    Cancel,
}

/// Changes how a tenant's Intune behaves about devices.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChangeDeviceBehaviour {
    /// The tenant's id.
    pub tenant: String,
    /// How it behaves from now on; what is absent in it is the default.
    pub behaviour: DeviceBehaviour,
}

/// A person with a principal name; `None`: nobody.
fn user(principal_name: String, display_name: Option<String>) -> Option<User> {
    let display_name = display_name.unwrap_or_else(|| principal_name.clone());
    (!principal_name.is_empty()).then_some(User { principal_name, display_name })
}

impl ChangeDevice {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let serial = self.serial;
        let changed = world.with_handset(&serial, |world, device| {
            if let Some(name) = self.name {
                device.name = name;
            }
            if let Some(model) = self.model {
                device.model = model;
            }
            if let Some(version) = self.os_version {
                device.os_version = version;
            }
            if let Some(principal_name) = self.user {
                device.user = user(principal_name, self.user_display_name);
            }
            if let Some(active) = self.active_user {
                device.active_user = (!active.is_empty()).then_some(active);
                device.users.extend(device.active_user.clone());
            }
            device.supervised = self.supervised.unwrap_or(device.supervised);
            device.ownership = self.ownership.unwrap_or(device.ownership);
            device.passcode = self.passcode.unwrap_or(device.passcode);
            device.code_available = self.code_available.unwrap_or(device.code_available);
            device.shared = self.shared.unwrap_or(device.shared);
            device.habits = self.habits.unwrap_or_else(|| device.habits.clone());
            if let Some(locked) = self.locked {
                device.locked = locked;
                if !locked {
                    device.pin = None;
                    // Unlocked for the first time since it started, it finds its network.
                    device.off = false;
                }
            }
            device.off = self.off.unwrap_or(device.off);
            device.reach = self.reach.unwrap_or(device.reach);
            if self.reach.is_some() || self.off.is_some() || self.locked.is_some() {
                world.reach_changed(&serial, device);
            }
        });
        changed.ok_or(PortalError::NoHandset(serial))
    }
}

impl SetDeviceLock {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let known = |serial: &Serial| {
            world.handset(serial).is_some() || world.organization_of_device(serial).is_some()
        };
        if let Some(unknown) = self.serials.iter().find(|serial| !known(serial)) {
            return Err(PortalError::NoHandset(*unknown));
        }
        for serial in &self.serials {
            world.set_activation_lock(serial, self.lock);
        }
        Ok(())
    }
}

impl EnterBypassCode {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        match world.enter_bypass_code(&self.serial, &self.code) {
            None => Err(PortalError::NoHandset(self.serial)),
            Some(false) => Err(PortalError::WrongCode(self.serial)),
            Some(true) => Ok(()),
        }
    }
}

impl SetUpDevice {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let how = SetUp {
            user: self.user.and_then(|name| user(name, self.user_display_name)),
            same_record: self.same_record,
            keeps_old_record: self.keep_old_record,
        };
        set_up(world, &self.serial, &how)
    }
}

/// Sets a device up.
pub(super) fn set_up(world: &mut World, serial: &Serial, how: &SetUp) -> Result<(), PortalError> {
    match world.set_up_now(serial, how) {
        None => Err(PortalError::NoHandset(*serial)),
        Some(Err(why)) => Err(PortalError::NotSetUp { serial: *serial, why }),
        Some(Ok(())) => Ok(()),
    }
}

impl RequestAction {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let (tenant, found) = find(world, &self.device)?;
        let particulars = Particulars { name: self.name, user: self.user, keeps_data_plan: None };
        world.accept_action(tenant, found, self.action, particulars, true);
        Ok(())
    }
}

/// The tenant and record of a device by its serial or a record's id.
fn find(world: &World, key: &str) -> Result<(usize, Found), PortalError> {
    let of_serial = Serial::new(key).and_then(|serial| {
        let handset = world.handset(&serial)?;
        let record = handset.managing()?;
        let tenant = world.tenants.iter().position(|tenant| record.is_of(tenant))?;
        Some((tenant, Found { serial, number: record.number }))
    });
    let of_id = || (0..world.tenants.len()).find_map(|at| Some((at, world.find_record(at, key)?)));
    of_serial.or_else(of_id).ok_or_else(|| PortalError::NoRecord(key.to_owned()))
}

impl DuplicateRecord {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        match world.duplicate_record(&self.serial, self.id) {
            true => Ok(()),
            false => Err(PortalError::NoRecord(self.serial.to_string())),
        }
    }
}

impl ChangeRecord {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let (_, found) = find(world, &self.record)?;
        world.with_handset(&found.serial, |_, device| {
            if let Some(record) = device.record_mut(found.number) {
                record.serial = self.serial_number.filter(|shown| *shown != found.serial);
                record.notes = self.notes.or_else(|| record.notes.take());
            }
        });
        Ok(())
    }
}

impl MoveToToken {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let (tenant, at) = position(world, &self.token)?;
        if let Some(unknown) = self.serials.iter().find(|serial| world.handset(serial).is_none()) {
            return Err(PortalError::NoHandset(*unknown));
        }
        let id = world.tenants[tenant].tokens[at].id.clone();
        let now = world.now.as_second();
        for serial in &self.serials {
            match world.organization_of_token(&id) {
                Some((organization, service))
                    if world.organizations[organization].roster.device(serial).is_some() =>
                {
                    world.point_devices(organization, &[*serial], service, now);
                }
                _ => world.move_identity(serial, &id, now),
            }
        }
        Ok(())
    }
}

impl DecideApproval {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        let at = world.tenants.iter().position(|one| one.id.eq_ignore_ascii_case(&self.tenant));
        let at = at.ok_or_else(|| PortalError::NoTenant(self.tenant.clone()))?;
        let status = match self.decision {
            Decision::Approve => ApprovalStatus::Approved,
            Decision::Reject => ApprovalStatus::Rejected,
            Decision::Cancel => ApprovalStatus::Cancelled,
        };
        let all = world.tenants[at].device_desk.approvals.iter();
        let ids: Vec<String> = match &self.request {
            Some(id) => vec![id.clone()],
            None => all.map(|request| request.id.clone()).collect(),
        };
        let why = self.justification.or_else(|| Some("decided".to_owned()));
        let mut decided = false;
        for id in &ids {
            decided |= world.decide_approval(at, id, status, why.clone());
        }
        match decided {
            true => Ok(()),
            false => Err(PortalError::NoApproval(self.request.unwrap_or_else(|| "any".to_owned()))),
        }
    }
}

impl ChangeDeviceBehaviour {
    pub(super) fn make(self, world: &mut World) -> Result<(), PortalError> {
        super::tenant::find(world, self.tenant)?.device_desk.behaviour = self.behaviour;
        Ok(())
    }
}
