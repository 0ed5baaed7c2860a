//! Devices as the MDM holds them: records, and what became of what was asked of them (intune-graph section 5).

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::Epoch;
use crate::model::clock::Timestamp;
use crate::model::live::Complete;
use crate::model::{Secret, Serial};

/// The id of a device's record at the MDM.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct RecordId(pub String);

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What runs on a device.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Os {
    /// iPhones and iPods.
    Ios,
    /// iPads.
    Ipados,
    /// Macs.
    Macos,
    /// Apple TV.
    Tvos,
    /// Apple Vision.
    Visionos,
    /// Android, in whatever form.
    Android,
    /// Windows, desktop and phone.
    Windows,
    /// Another one, or one that this version does not know.
    Other,
}

impl Os {
    /// As its maker writes it.
    pub const fn words(self) -> &'static str {
        match self {
            Os::Ios => "iOS",
            Os::Ipados => "iPadOS",
            Os::Macos => "macOS",
            Os::Tvos => "tvOS",
            Os::Visionos => "visionOS",
            Os::Android => "Android",
            Os::Windows => "Windows",
            Os::Other => "another system",
        }
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

/// Whose device it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Ownership {
    /// The organisation's.
    Company,
    /// A person's.
    Personal,
    /// The MDM does not say.
    Unknown,
}

/// `managementState`: what the MDM is about to do with the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ManagementState {
    /// `managed`, `unhealthy`, `discovered`, and whatever this version does not know.
    Managed,
    /// `wipePending`, `wipeIssued`
    Wiping,
    /// `wipeFailed`, `wipeCanceled`
    WipeEnded,
    /// `retirePending`, `retireIssued`
    Retiring,
    /// `retireFailed`, `retireCanceled`
    RetireEnded,
    /// `deletePending`
    Deleting,
}

/// A device's record at the MDM, as a list shows it. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `id`
    pub id: RecordId,
    /// `serialNumber`; `None`: the MDM knows none that is one.
    pub serial: Option<Serial>,
    /// `enrolledDateTime`; `None`: the MDM does not tell, and no epoch can be named.
    pub enrolled: Option<Timestamp>,
    /// `deviceName`
    pub name: String,
    /// `model`
    pub model: String,
    /// `operatingSystem`, and `model` where that tells an iPad.
    pub os: Os,
    /// `osVersion`
    pub os_version: String,
    /// `isSupervised`; `None`: not told, which is not "no".
    pub supervised: Option<bool>,
    /// `managedDeviceOwnerType`
    pub ownership: Ownership,
    /// `userPrincipalName`; empty for none.
    pub user: String,
    /// `managementState`
    pub state: ManagementState,
    /// `managementAgent`, as the MDM spells it (R-4: `eas`, `intuneClient`, `configurationManagerClient` …).
    pub agent: String,
    /// `lostModeState`: whether lost mode is on; `None`: not told.
    pub lost_mode: Option<bool>,
    /// `deviceEnrollmentType`, as the MDM spells it.
    pub enrollment: String,
    /// `enrollmentProfileName`; empty for none. Volatile for no comparison.
    pub profile: String,
    /// `lastSyncDateTime`
    pub last_sync: Option<Timestamp>,
    /// `deviceActionResults`, without their secrets.
    pub results: Vec<ActionResult>,
}

impl Record {
    /// The life of the device that the record stands for; `None` where the MDM does not tell when it began.
    pub fn epoch(&self) -> Option<Epoch> {
        Some(Epoch { record: self.id.clone(), enrolled: self.enrolled? })
    }
}

/// `actionState`
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ActionState {
    /// `none`, or one that this version does not know: it tells nothing.
    None,
    /// `pending`: accepted, the device has not answered.
    Pending,
    /// `canceled`
    Canceled,
    /// `active`: the device is at it.
    Active,
    /// `done`
    Done,
    /// `failed`
    Failed,
    /// `notSupported`
    NotSupported,
}

/// Where a result stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ResultSource {
    /// `deviceActionResults` of the record.
    Record,
    /// `remoteActionAudits` of the tenant, which outlive the record.
    Audit,
}

/// One entry of the MDM's own record of results. Evidence beside the ledger: it can be missing, stale or about
/// an earlier request of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionResult {
    /// `actionName`, as the MDM spells it: which spelling is not documented (intune-graph section 5.2).
    pub name: String,
    /// `actionState`
    pub state: ActionState,
    /// `startDateTime`, `requestDateTime`
    pub started: Option<Timestamp>,
    /// `lastUpdatedDateTime`
    pub updated: Option<Timestamp>,
    /// Where it stood.
    pub source: ResultSource,
}

/// All records of a tenant, read to the last page, found by serial.
#[derive(Clone, Debug)]
pub struct Records {
    all: Complete<Record>,
    by_serial: HashMap<Serial, Vec<u32>>,
}

impl Records {
    /// Over a whole list.
    pub fn new(all: Complete<Record>) -> Self {
        let mut by_serial = HashMap::<Serial, Vec<u32>>::new();
        for (at, record) in (0_u32..).zip(all.iter()) {
            if let Some(serial) = record.serial {
                by_serial.entry(serial).or_default().push(at);
            }
        }
        Self { all, by_serial }
    }

    /// All of them.
    pub fn all(&self) -> &Complete<Record> {
        &self.all
    }

    /// The records with a serial: one as a rule, and none is proved, for the list is complete.
    pub fn of(&self, serial: &Serial) -> impl Iterator<Item = &Record> {
        let places = self.by_serial.get(serial).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|at| self.all.iter().as_slice().get(*at as usize))
    }
}

/// A record that was read by its id right before something is sent, together with every other record of the
/// same serial. Only adapters make one, and it is used up by the check that it serves: nothing is sent on what
/// was read for something else.
#[derive(Debug)]
pub struct FreshRecord {
    record: Record,
    twins: usize,
    read: Timestamp,
}

impl FreshRecord {
    /// `twins`: how many *other* live records carry the serial. `read`: when.
    pub fn just_read(record: Record, twins: usize, read: Timestamp) -> Self {
        Self { record, twins, read }
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// How many other live records carry the serial.
    pub fn twins(&self) -> usize {
        self.twins
    }

    /// When it was read.
    pub fn read(&self) -> Timestamp {
        self.read
    }
}

/// What the MDM answered when it was asked for a device's Activation Lock bypass code. Only adapters make one.
#[derive(Debug)]
pub enum CodeRead {
    /// A code.
    Code(Secret),
    /// It showed none (null or empty), which proves nothing (L-4, L-7): unknown.
    Null,
}

/// A secret that stood in a result of a device's record, with the result that it stood in: one record can
/// hold those of several requests. Only adapters make one.
#[derive(Debug)]
pub struct HeldSecret {
    /// The result.
    pub result: ActionResult,
    /// The secret in it.
    pub secret: ResultSecret,
}

/// What secret a result held.
#[derive(Debug)]
pub enum ResultSecret {
    /// `unlockPin` of a locked Mac.
    UnlockPin(Secret),
    /// `passcode`: the temporary one that a reset set.
    Passcode(Secret),
    /// `deviceLocation`, as the JSON that the service wrote.
    Location(Secret),
}
