//! What is done to a device by request: its identity, and the life of the device that it is for.

mod approval;
mod content;
mod fresh;
mod kind;
mod record;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Name, Serial};
use crate::model::clock::Timestamp;

pub use approval::{ApprovalCode, ApprovalState, InvalidApprovalCode};
pub use content::{ActContent, ActOptions, Expect, Obliteration};
pub use fresh::{FreshLock, FreshOrgDevice};
pub use kind::ActionKind;
pub use record::{
    ActionResult, ActionState, CodeRead, FreshRecord, HeldSecret, ManagementState, Os, Ownership, Record,
    RecordId, Records, ResultSecret, ResultSource,
};

/// The identity of an act, for ever: a `DeviceAction` document and one serial (design section 5, "Once").
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ActId {
    /// `metadata.name` of the document.
    pub action: Name,
    /// The device.
    pub serial: Serial,
}

impl fmt::Display for ActId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceAction/{} {}", self.action, self.serial)
    }
}

/// One life of a device: from one enrollment to the next reset. Both members together: the same record may
/// come back with another time, and a device with another record.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Epoch {
    /// The record at the MDM; for a release the device's record in its organisation at Apple.
    pub record: RecordId,
    /// When it was enrolled; for a release when it was added to the organisation.
    pub enrolled: Timestamp,
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} enrolled {}", self.record, self.enrolled)
    }
}
