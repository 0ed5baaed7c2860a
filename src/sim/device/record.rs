//! Records of managed devices (`managedDevice`), and the actions that were asked of each.

use serde::{Deserialize, Serialize};

use super::action::{ManagedAction, Particulars};
use crate::model::Serial;
use crate::model::clock::Timestamp;

/// One enrollment of a device, as a tenant's Intune keeps it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Its number among the device's records; the first one has 0.
    pub number: u32,
    /// The tenant's id.
    pub tenant: String,
    /// `id`
    pub id: String,
    /// `enrolledDateTime`
    pub enrolled: Timestamp,
    /// `enrollmentProfileName`; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub profile: String,
    /// The serial that it shows, where that is not the device's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<Serial>,
    /// How often the device had been erased when it enrolled.
    pub life: u32,
    /// Whether it is there.
    #[serde(default)]
    pub standing: Standing,
    /// `managementState`
    #[serde(default)]
    pub state: ManagementState,
    /// `notes`
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// When it goes away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Timestamp>,
    /// What was asked of the device under this record, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
}

/// Whether a record is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Standing {
    /// It is read and listed.
    #[default]
    Live,
    /// It was deleted, and the device does not know yet.
    Hidden,
    /// It is no more.
    Gone,
}

/// `managementState`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ManagementState {
    /// `managed`
    #[default]
    Managed,
    /// `retirePending`
    RetirePending,
    /// `retireFailed`
    RetireFailed,
    /// `retireIssued`
    RetireIssued,
    /// `wipePending`
    WipePending,
    /// `wipeFailed`
    WipeFailed,
    /// `wipeIssued`
    WipeIssued,
    /// `wipeCanceled`
    WipeCanceled,
    /// `retireCanceled`
    RetireCanceled,
    /// `deletePending`
    DeletePending,
}

/// `actionState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActState {
    /// Nothing has happened.
    Pending,
    /// Something overtook it.
    Canceled,
    /// The device has it.
    Active,
    /// It took place.
    Done,
    /// It did not.
    Failed,
    /// The device cannot.
    NotSupported,
}

/// Something that was asked of a device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// Its number among all that was ever asked in this world.
    pub number: u64,
    /// What.
    pub action: ManagedAction,
    /// When it was accepted.
    pub requested: Timestamp,
    /// Whether a person asked in the admin centre, and not a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_person: bool,
    /// Whether the service asks by itself: neither results nor audits show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// How far it is.
    pub state: ActState,
    /// When that changed.
    pub updated: Timestamp,
    /// When it ends, once the device has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<Timestamp>,
    /// How it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<ActState>,
    /// Whether the PIN that it made is not shown any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forgotten: bool,
    /// What it was told beside its name.
    #[serde(default)]
    pub particulars: Particulars,
}

impl Act {
    /// Whether it may still happen.
    pub fn is_open(&self) -> bool {
        matches!(self.state, ActState::Pending | ActState::Active)
    }

    /// Changes how far it is.
    pub(super) fn becomes(&mut self, state: ActState, at: Timestamp) {
        self.state = state;
        self.updated = at;
    }
}

impl Record {
    /// Cancels what waits, but for one.
    pub(super) fn cancel_others(&mut self, but: u64, at: Timestamp) {
        for act in self.acts.iter_mut().filter(|act| act.state == ActState::Pending && act.number != but) {
            act.becomes(ActState::Canceled, at);
        }
    }
}
