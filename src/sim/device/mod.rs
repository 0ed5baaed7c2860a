//! Devices in people's hands, and what Intune's MDM knows and does of them. Plain data, as
//! [`super::world`].
//!
//! A [`Handset`] is the physical thing, one in the whole world whatever manages it; each of its
//! enrollments is a [`Record`] of a tenant. Of a device that nobody touched nothing is kept: all of
//! it follows from its identity at the token ([`derive`]). Key invariant: what happens to a device
//! happens when it reaches the service and not when somebody asks for it (`check_in`), and every
//! such event is in [`history`].

pub mod action;
mod approval;
mod check_in;
mod derive;
pub mod desk;
mod effect;
pub mod history;
mod life;
mod lock;
mod places;
pub mod record;
pub mod seed;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::apple::Family;
use super::apple::organization::Lock;
use super::fault::When;
use crate::model::Serial;
use crate::model::clock::Timestamp;
pub use action::ManagedAction;
pub(in crate::sim) use approval::{Approval, Gate};
pub use desk::{ApprovalRequest, DeviceBehaviour, DeviceDesk, PolicyType};
pub use history::{Deed, DeedKind, DeviceHistory};
pub use life::NotSetUp;
pub(in crate::sim) use life::SetUp;
pub(in crate::sim) use places::Found;
pub use record::{Act, ActState, Record, Standing};

/// All devices of which something is special.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Handsets {
    by_serial: BTreeMap<Serial, Handset>,
    /// When something falls due for a device.
    agenda: BTreeSet<(Timestamp, Serial)>,
    /// How many actions were ever requested; the first one has 1.
    #[serde(skip_serializing_if = "is_zero")]
    numbers: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Handsets {
    /// Whether no device was ever touched.
    pub fn is_empty(&self) -> bool {
        self.by_serial.is_empty() && self.numbers == 0
    }

    /// The device, where something is special about it.
    pub fn get(&self, serial: &Serial) -> Option<&Handset> {
        self.by_serial.get(serial)
    }

    /// The MDM's lock of a device is over.
    pub(in crate::sim) fn drop_mdm_lock(&mut self, serial: &Serial) {
        if let Some(handset) = self.by_serial.get_mut(serial).filter(|one| one.lock == Lock::Mdm) {
            handset.lock = Lock::None;
        }
    }

    /// All of which something is special.
    pub fn iter(&self) -> impl Iterator<Item = (&Serial, &Handset)> {
        self.by_serial.iter()
    }
}

/// A physical device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handset {
    /// Its family.
    pub family: Family,
    /// `model`
    pub model: String,
    /// `osVersion`
    pub os_version: String,
    /// `isSupervised`
    pub supervised: bool,
    /// `managedDeviceOwnerType`
    pub ownership: Ownership,
    /// Its name, which the next contact tells the service.
    pub name: String,
    /// Who uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Whether it is a Shared iPad.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared: bool,
    /// Users with data on a Shared iPad, by principal name.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub users: BTreeSet<String>,
    /// Who is signed in at a Shared iPad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_user: Option<String>,
    /// How the service reaches it.
    #[serde(default)]
    pub reach: Reach,
    /// Switched off, or restarted and without a network until somebody unlocks it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub off: bool,
    /// Whether it has a passcode.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub passcode: bool,
    /// Whether its screen is locked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub locked: bool,
    /// The number of the action whose PIN a Mac waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<u64>,
    /// Whether it is in lost mode.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lost: bool,
    /// Its Activation Lock, where no organization has the device.
    #[serde(default, skip_serializing_if = "no_lock")]
    lock: Lock,
    /// Whether a restrictions profile allows Activation Lock, so that a bypass code exists (L-7).
    pub code_available: bool,
    /// How often it was erased.
    #[serde(default)]
    pub life: u32,
    /// Whether it waits for Setup Assistant.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    /// The number of the record under which it is managed; `None`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<u32>,
    /// Its records, in the order of their making; those that are gone among them.
    pub records: Vec<Record>,
    /// When it last reached the service; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<Timestamp>,
    /// When a name was given that the profile's template will revert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub renamed: Option<Timestamp>,
    /// When it next reaches the service for what waits there; `None`: not by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check_in: Option<Timestamp>,
    /// When somebody sets it up again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sets_up: Option<Timestamp>,
    /// When its user opens Find My again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reopens: Option<Timestamp>,
    /// How it behaves.
    #[serde(default, skip_serializing_if = "Habits::is_plain")]
    pub habits: Habits,
}

fn no_lock(lock: &Lock) -> bool {
    *lock == Lock::None
}

/// How the service reaches a device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reach {
    /// Within seconds of a push.
    #[default]
    Online,
    /// Within minutes to hours.
    Slow,
    /// Not at all.
    Offline,
}

/// `managedDeviceOwnerType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Ownership {
    /// Of the organization.
    #[default]
    Company,
    /// Of its user.
    Personal,
    /// The service does not know.
    Unknown,
}

/// A person who uses a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// `userPrincipalName`
    pub principal_name: String,
    /// `userDisplayName`
    pub display_name: String,
}

/// How a device, and the service about it, behave. What is absent in JSON is as usual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Habits {
    /// What `deviceActionResults` tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub results: Option<Results>,
    /// Actions that the device reports as failed: `before` it did anything, or `after` it did all.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fails: BTreeMap<ManagedAction, When>,
    /// Seconds after which its user opens Find My again once the lock was lifted; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reopens_find_my_after: Option<u32>,
    /// Seconds until somebody sets it up after a wipe, 0: nobody does; absent: as the tenant's
    /// `setUpAfter`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_up_after: Option<u32>,
    /// Whether its next enrollment takes the id of its last record; absent: as the tenant's
    /// `sameRecord`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_record: Option<bool>,
    /// Whether its old record stays beside the one of its next enrollment.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub keeps_old_record: bool,
    /// Whether the unlock token that the service keeps is wrong: its passcode cannot be cleared.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub unlock_token_broken: bool,
}

/// What `deviceActionResults` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Results {
    /// Nothing.
    Empty,
    /// Of each action the result before the latest request, where there was one, also one of an
    /// earlier life; of the others none.
    Stale,
    /// No PIN and no location.
    WithoutSecrets,
}

impl Habits {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

impl Handset {
    /// The record with this number.
    pub fn record(&self, number: u32) -> Option<&Record> {
        self.records.iter().find(|record| record.number == number)
    }

    /// As [`Handset::record`], to be changed.
    pub fn record_mut(&mut self, number: u32) -> Option<&mut Record> {
        self.records.iter_mut().find(|record| record.number == number)
    }

    /// The record under which it is managed.
    pub fn managing(&self) -> Option<&Record> {
        self.managed.and_then(|number| self.record(number))
    }

    /// Whether the service reaches it, sooner or later.
    pub fn is_reachable(&self) -> bool {
        !self.off && self.reach != Reach::Offline
    }

    /// Whether a record shows the device's bypass code.
    pub fn shows_code(&self, record: &Record) -> bool {
        self.managed == Some(record.number)
            && record.standing == Standing::Live
            && self.supervised
            && self.code_available
            && action::has_activation_lock(self.family)
    }
}
