//! What managed devices underwent, and what was asked of them: the oracle of safety tests.

use serde::{Deserialize, Serialize};

use super::action::ManagedAction;
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::apple::organization::Lock;
use crate::sim::world::History;

/// What was asked of one device, and what it underwent. What a person did with the device in hand
/// is not in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceHistory {
    /// Requests that the service accepted, in order; also those that never reached the device.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<AcceptedRequest>,
    /// What the device underwent, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub deeds: Vec<Deed>,
    /// Answers that left with its bypass code, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code_reads: Vec<CodeRead>,
    /// When it was pointed at another service, or at none, while a lock was on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub moves_under_lock: Vec<LockedMove>,
}

/// A request that the service accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcceptedRequest {
    /// The number of the action, which its deed repeats.
    pub number: u64,
    /// What was asked.
    pub action: ManagedAction,
    /// When.
    pub at: Timestamp,
    /// The record's id.
    pub record: String,
    /// The record's `enrolledDateTime`: with the id it is the device's epoch.
    pub enrolled: Timestamp,
    /// How often the device had been erased.
    pub life: u32,
    /// Whether an answer with the code of this life had left before.
    pub code_read: bool,
    /// Whether a person asked in the admin centre, and not a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_person: bool,
}

/// What a device underwent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum DeedKind {
    /// It was erased.
    Wiped,
    /// It left management.
    Retired,
    /// Its record was deleted.
    Deleted,
    /// Its screen was locked, or it waits for a PIN.
    Locked,
    /// Its passcode was removed.
    PasscodeCleared,
    /// The lock of its user was lifted.
    LockBypassed,
    /// It left its organization.
    Released,
    /// It checked in because of a request.
    Synced,
    /// It made noise.
    SoundPlayed,
    /// It said where it is.
    Located,
    /// Lost mode began.
    LostModeOn,
    /// Lost mode ended.
    LostModeOff,
    /// It restarted.
    Restarted,
    /// It switched off.
    ShutDown,
    /// It got a name.
    Renamed,
    /// The active user of a Shared iPad was signed out.
    UserLoggedOut,
    /// A user of a Shared iPad was removed.
    UserDeleted,
}

impl From<ManagedAction> for DeedKind {
    fn from(action: ManagedAction) -> Self {
        match action {
            ManagedAction::SyncDevice => DeedKind::Synced,
            ManagedAction::PlayLostModeSound => DeedKind::SoundPlayed,
            ManagedAction::LocateDevice => DeedKind::Located,
            ManagedAction::RemoteLock => DeedKind::Locked,
            ManagedAction::EnableLostMode => DeedKind::LostModeOn,
            ManagedAction::DisableLostMode => DeedKind::LostModeOff,
            ManagedAction::RebootNow => DeedKind::Restarted,
            ManagedAction::ShutDown => DeedKind::ShutDown,
            ManagedAction::SetDeviceName => DeedKind::Renamed,
            ManagedAction::LogoutSharedAppleDeviceActiveUser => DeedKind::UserLoggedOut,
            ManagedAction::ResetPasscode => DeedKind::PasscodeCleared,
            ManagedAction::BypassActivationLock => DeedKind::LockBypassed,
            ManagedAction::Retire => DeedKind::Retired,
            ManagedAction::Wipe => DeedKind::Wiped,
            ManagedAction::DeleteUserFromSharedAppleDevice => DeedKind::UserDeleted,
            ManagedAction::Delete => DeedKind::Deleted,
        }
    }
}

/// Something that a device underwent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Deed {
    /// What.
    pub what: DeedKind,
    /// When.
    pub at: Timestamp,
    /// The number of the request behind it; `None` for a release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<u64>,
    /// The id of the record; `None`: the device was managed by nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// The record's `enrolledDateTime`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled: Option<Timestamp>,
    /// How often the device had been erased before.
    pub life: u32,
    /// The Activation Lock right before.
    pub lock: Lock,
    /// Whether an answer with the code of this life had left before.
    pub code_read: bool,
    /// Whether the device was supervised.
    pub supervised: bool,
    /// Whether a person asked in the admin centre, and not a program.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_person: bool,
}

/// An answer that left with a bypass code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeRead {
    /// When.
    pub at: Timestamp,
    /// The record's id.
    pub record: String,
    /// How often the device had been erased.
    pub life: u32,
}

/// A device was pointed at another service while a lock was on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LockedMove {
    /// When.
    pub at: Timestamp,
    /// The lock.
    pub lock: Lock,
    /// The id of the service that got it; `None`: none did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl DeviceHistory {
    /// What it underwent of one kind, in order.
    pub fn of(&self, what: DeedKind) -> impl Iterator<Item = &Deed> {
        self.deeds.iter().filter(move |deed| deed.what == what)
    }

    /// How often it underwent something.
    pub fn count(&self, what: DeedKind) -> usize {
        self.of(what).count()
    }

    /// How often it underwent something in one epoch: under a record id and its enrollment time.
    pub fn count_in(&self, what: DeedKind, record: &str, enrolled: Timestamp) -> usize {
        let of_epoch = |deed: &&Deed| {
            deed.record.as_deref().is_some_and(|id| id.eq_ignore_ascii_case(record))
                && deed.enrolled == Some(enrolled)
        };
        self.of(what).filter(of_epoch).count()
    }

    /// How many requests of a kind were accepted from programs.
    pub fn accepted(&self, action: ManagedAction) -> usize {
        self.requests.iter().filter(|one| one.action == action && !one.by_person).count()
    }

    /// Whether an answer with the code of a life has left.
    pub fn code_was_read(&self, life: u32) -> bool {
        self.code_reads.iter().any(|read| read.life == life)
    }
}

impl History {
    /// What was asked of a device, and what it underwent; `None`: nothing.
    pub fn device(&self, serial: &Serial) -> Option<&DeviceHistory> {
        self.devices.get(serial)
    }

    /// How often a device underwent something.
    pub fn deeds(&self, serial: &Serial, what: DeedKind) -> usize {
        self.device(serial).map_or(0, |device| device.count(what))
    }
}
