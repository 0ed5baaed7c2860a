//! What was done to the world through the services, counted: the oracle of safety tests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Serial;
use crate::sim::device::DeviceHistory;

/// Counts for oracles. Changes by [`crate::sim::portal`] are not in them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct History {
    /// Profiles created, by token id and display name at creation.
    pub profiles_created: BTreeMap<String, BTreeMap<String, u64>>,
    /// Profiles deleted, by token id and display name at deletion.
    pub profiles_deleted: BTreeMap<String, BTreeMap<String, u64>>,
    /// Profiles changed, by profile id.
    pub profiles_updated: BTreeMap<String, u64>,
    /// Passwords of an administrator's account that were taken, by profile id.
    pub passwords_set: BTreeMap<String, u64>,
    /// Assignment requests that named a known serial, by serial.
    pub assignments: BTreeMap<Serial, u64>,
    /// Syncs that were accepted, by token id; the automatic ones are not counted.
    pub syncs: BTreeMap<String, u64>,
    /// Defaults set, by token id.
    pub defaults_set: BTreeMap<String, u64>,
    /// Changes of a token itself, by token id.
    pub tokens_updated: BTreeMap<String, u64>,
    /// Keys made for a token's renewal, by token id.
    pub keys_made: BTreeMap<String, u64>,
    /// Token files taken, by token id.
    pub tokens_uploaded: BTreeMap<String, u64>,
    /// Ids of deleted tokens, in order.
    pub tokens_deleted: Vec<String>,
    /// What was asked of managed devices, and what each underwent, by serial.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub devices: BTreeMap<Serial, DeviceHistory>,
    /// What was done at Apple.
    #[serde(skip_serializing_if = "AppleHistory::is_empty")]
    pub apple: AppleHistory,
    /// What was done through the API of Apple Business and Apple School.
    #[serde(skip_serializing_if = "OrganizationHistory::is_empty")]
    pub organizations: OrganizationHistory,
}

/// What was done through the API of Apple Business and Apple School.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OrganizationHistory {
    /// Activities created, by `activityType`.
    pub activities: BTreeMap<String, u64>,
    /// Assignments that took place, by serial and the id of the service that got it.
    pub assignments: BTreeMap<Serial, BTreeMap<String, u64>>,
    /// Assignments of devices to the service that had them already, by serial; they are not among
    /// `assignments`.
    pub repeated: BTreeMap<Serial, u64>,
    /// Devices taken off their service, by serial.
    pub unassignments: BTreeMap<Serial, u64>,
    /// Deadlines of migrations changed, by serial.
    pub deadlines_changed: BTreeMap<Serial, u64>,
    /// Migrations called off, by serial.
    pub migrations_cancelled: BTreeMap<Serial, u64>,
    /// Devices released, by serial.
    pub releases: BTreeMap<Serial, u64>,
    /// Services created, by the name that they got.
    pub services_created: BTreeMap<String, u64>,
    /// Services renamed, by id.
    pub services_renamed: BTreeMap<String, u64>,
    /// Other changes of services, by id.
    pub services_changed: BTreeMap<String, u64>,
    /// Ids of deleted services, in order.
    pub services_deleted: Vec<String>,
}

impl OrganizationHistory {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was done through the API of Apple's enrollment service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AppleHistory {
    /// Profiles defined, by `server_uuid` and name.
    pub profiles_defined: BTreeMap<String, BTreeMap<String, u64>>,
    /// Assignments that took place, by serial.
    pub assignments: BTreeMap<Serial, u64>,
    /// Those among them that gave a device what it had already, by serial.
    pub repeated: BTreeMap<Serial, u64>,
    /// Profiles taken away, by serial.
    pub removals: BTreeMap<Serial, u64>,
    /// Devices disowned, in order.
    pub disowned: Vec<Serial>,
    /// Locks set, by serial.
    pub locks: BTreeMap<Serial, u64>,
    /// Changes of the account-driven discovery URL, by `server_uuid`.
    pub discovery_changes: BTreeMap<String, u64>,
}

impl AppleHistory {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
