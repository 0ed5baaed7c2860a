//! What can be asked of a managed device (reference section 5.3), and which devices can do it.

use serde::{Deserialize, Serialize};

use super::{Handset, Ownership};
use crate::sim::apple::Family;

/// An action, named as its route.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ManagedAction {
    /// The device is to check in.
    SyncDevice,
    /// It is to make noise in lost mode.
    PlayLostModeSound,
    /// It is to say where it is.
    LocateDevice,
    /// Its screen is to lock.
    RemoteLock,
    /// Lost mode on.
    EnableLostMode,
    /// Lost mode off.
    DisableLostMode,
    /// Restart.
    RebootNow,
    /// Switch off.
    ShutDown,
    /// Another name.
    SetDeviceName,
    /// The active user of a Shared iPad is to be signed out.
    LogoutSharedAppleDeviceActiveUser,
    /// Its passcode is to be removed.
    ResetPasscode,
    /// The lock of its user is to be lifted.
    BypassActivationLock,
    /// It is to leave management.
    Retire,
    /// It is to be erased.
    Wipe,
    /// A user of a Shared iPad is to be removed.
    DeleteUserFromSharedAppleDevice,
    /// Its record is to be deleted.
    Delete,
}

impl ManagedAction {
    /// All of them that are a route below a device.
    pub const ROUTES: [ManagedAction; 15] = [
        ManagedAction::SyncDevice,
        ManagedAction::PlayLostModeSound,
        ManagedAction::LocateDevice,
        ManagedAction::RemoteLock,
        ManagedAction::EnableLostMode,
        ManagedAction::DisableLostMode,
        ManagedAction::RebootNow,
        ManagedAction::ShutDown,
        ManagedAction::SetDeviceName,
        ManagedAction::LogoutSharedAppleDeviceActiveUser,
        ManagedAction::ResetPasscode,
        ManagedAction::BypassActivationLock,
        ManagedAction::Retire,
        ManagedAction::Wipe,
        ManagedAction::DeleteUserFromSharedAppleDevice,
    ];

    /// The segment of its route.
    pub fn route(self) -> &'static str {
        match self {
            ManagedAction::SyncDevice => "syncDevice",
            ManagedAction::PlayLostModeSound => "playLostModeSound",
            ManagedAction::LocateDevice => "locateDevice",
            ManagedAction::RemoteLock => "remoteLock",
            ManagedAction::EnableLostMode => "enableLostMode",
            ManagedAction::DisableLostMode => "disableLostMode",
            ManagedAction::RebootNow => "rebootNow",
            ManagedAction::ShutDown => "shutDown",
            ManagedAction::SetDeviceName => "setDeviceName",
            ManagedAction::LogoutSharedAppleDeviceActiveUser => "logoutSharedAppleDeviceActiveUser",
            ManagedAction::ResetPasscode => "resetPasscode",
            ManagedAction::BypassActivationLock => "bypassActivationLock",
            ManagedAction::Retire => "retire",
            ManagedAction::Wipe => "wipe",
            ManagedAction::DeleteUserFromSharedAppleDevice => "deleteUserFromSharedAppleDevice",
            ManagedAction::Delete => "delete",
        }
    }

    /// The member of `remoteAction`; `None` where it has none.
    pub fn remote_action(self) -> Option<&'static str> {
        match self {
            ManagedAction::Wipe => Some("factoryReset"),
            ManagedAction::Retire => Some("removeCompanyData"),
            ManagedAction::SyncDevice
            | ManagedAction::PlayLostModeSound
            | ManagedAction::BypassActivationLock
            | ManagedAction::DeleteUserFromSharedAppleDevice => None,
            other => Some(other.route()),
        }
    }

    /// Whether it drops whatever else waits for the device.
    pub fn overtakes(self) -> bool {
        matches!(self, ManagedAction::Wipe | ManagedAction::Retire | ManagedAction::Delete)
    }

    /// Whether the device can do it at all; otherwise it answers `notSupported`.
    pub fn is_supported(self, device: &Handset) -> bool {
        use Family::{AppleTv, IPad, IPhone, IPod, Mac, Vision};
        let family = device.family;
        let mobile = matches!(family, IPad | IPhone | IPod);
        let from = |major, minor| version(&device.os_version) >= (major, minor);
        match self {
            ManagedAction::SyncDevice | ManagedAction::Retire | ManagedAction::Delete => true,
            ManagedAction::Wipe => match family {
                AppleTv => from(10, 2),
                Vision => from(1, 1),
                _ => true,
            },
            ManagedAction::RemoteLock => match family {
                Vision => from(2, 0),
                AppleTv => false,
                _ => true,
            },
            ManagedAction::ResetPasscode => mobile || family == Vision,
            ManagedAction::EnableLostMode
            | ManagedAction::DisableLostMode
            | ManagedAction::PlayLostModeSound
            | ManagedAction::LocateDevice => mobile && device.supervised,
            ManagedAction::RebootNow => family == Mac || (device.supervised && (mobile || family == AppleTv)),
            ManagedAction::ShutDown => family == Mac || (device.supervised && mobile),
            ManagedAction::SetDeviceName => match family {
                Mac => device.ownership == Ownership::Company,
                IPad | IPhone | IPod | AppleTv => device.supervised,
                _ => false,
            },
            ManagedAction::BypassActivationLock => has_activation_lock(family) && device.supervised,
            ManagedAction::LogoutSharedAppleDeviceActiveUser
            | ManagedAction::DeleteUserFromSharedAppleDevice => device.shared,
        }
    }
}

/// Whether devices of a family have a bypass code at the MDM.
pub fn has_activation_lock(family: Family) -> bool {
    matches!(family, Family::IPad | Family::IPhone | Family::IPod | Family::Mac)
}

/// The first two numbers of a version; what is none counts as 0.
fn version(text: &str) -> (u32, u32) {
    let mut numbers = text.split('.').map(|part| part.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}

/// What an action is told beside its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Particulars {
    /// The new name, for `setDeviceName`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The user, for `deleteUserFromSharedAppleDevice`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// `persistEsimDataPlan` of a wipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keeps_data_plan: Option<bool>,
}
