//! The kinds of acts, and how grave each is (manifests.md, `DeviceAction`).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::class::Class;

/// `DeviceAction.action`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ActionKind {
    /// Asks the device to check in.
    Sync,
    /// Plays a sound on a device in lost mode.
    PlaySound,
    /// Asks where the device is; the answer is sealed.
    Locate,
    /// Reads and seals the device's Activation Lock bypass code; nothing is sent to the device.
    EscrowBypassCode,
    /// Locks the screen; a Mac gets a PIN.
    Lock,
    /// Lost mode on.
    EnableLostMode,
    /// Lost mode off.
    DisableLostMode,
    /// Restarts.
    Restart,
    /// Turns off.
    ShutDown,
    /// Gives another device name.
    Rename,
    /// Signs the active user of a Shared iPad out.
    LogOutSharedIpadUser,
    /// Removes the passcode, or sets a temporary one, as the platform has it.
    ClearPasscode,
    /// Lifts the Activation Lock (L-3).
    DisableActivationLock,
    /// Removes company data and management; selective wipe.
    Retire,
    /// Deletes the device's record at the MDM (D-3, S-5).
    DeleteRecord,
    /// Deletes a user of a Shared iPad from it.
    DeleteSharedIpadUser,
    /// Factory reset.
    Wipe,
    /// Another department: moved, unlocked, wiped and enrolled anew.
    HandOver,
    /// Takes the device out of the organisation at Apple, for good.
    Release,
}

impl ActionKind {
    /// Every kind, the mildest class first.
    pub const ALL: [ActionKind; 19] = [
        ActionKind::Sync,
        ActionKind::PlaySound,
        ActionKind::Locate,
        ActionKind::EscrowBypassCode,
        ActionKind::Lock,
        ActionKind::EnableLostMode,
        ActionKind::DisableLostMode,
        ActionKind::Restart,
        ActionKind::ShutDown,
        ActionKind::Rename,
        ActionKind::LogOutSharedIpadUser,
        ActionKind::ClearPasscode,
        ActionKind::DisableActivationLock,
        ActionKind::Retire,
        ActionKind::DeleteRecord,
        ActionKind::DeleteSharedIpadUser,
        ActionKind::Wipe,
        ActionKind::HandOver,
        ActionKind::Release,
    ];

    /// The word of documents.
    pub const fn word(self) -> &'static str {
        match self {
            ActionKind::Sync => "sync",
            ActionKind::PlaySound => "playSound",
            ActionKind::Locate => "locate",
            ActionKind::EscrowBypassCode => "escrowBypassCode",
            ActionKind::Lock => "lock",
            ActionKind::EnableLostMode => "enableLostMode",
            ActionKind::DisableLostMode => "disableLostMode",
            ActionKind::Restart => "restart",
            ActionKind::ShutDown => "shutDown",
            ActionKind::Rename => "rename",
            ActionKind::LogOutSharedIpadUser => "logOutSharedIpadUser",
            ActionKind::ClearPasscode => "clearPasscode",
            ActionKind::DisableActivationLock => "disableActivationLock",
            ActionKind::Retire => "retire",
            ActionKind::DeleteRecord => "deleteRecord",
            ActionKind::DeleteSharedIpadUser => "deleteSharedIpadUser",
            ActionKind::Wipe => "wipe",
            ActionKind::HandOver => "handOver",
            ActionKind::Release => "release",
        }
    }

    /// The kind of a document's word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// How grave it is.
    pub const fn class(self) -> Class {
        match self {
            ActionKind::Sync | ActionKind::PlaySound | ActionKind::Locate | ActionKind::EscrowBypassCode => {
                Class::Safe
            }
            ActionKind::Lock
            | ActionKind::EnableLostMode
            | ActionKind::DisableLostMode
            | ActionKind::Restart
            | ActionKind::ShutDown
            | ActionKind::Rename
            | ActionKind::LogOutSharedIpadUser => Class::Disruptive,
            ActionKind::ClearPasscode
            | ActionKind::DisableActivationLock
            | ActionKind::Retire
            | ActionKind::DeleteRecord
            | ActionKind::DeleteSharedIpadUser
            | ActionKind::Wipe
            | ActionKind::HandOver => Class::Destructive,
            ActionKind::Release => Class::Irreversible,
        }
    }

    /// Whether an escrowed code, or a proof that there is none, has to come first (design section 5, "Escrow
    /// before destruction").
    pub const fn needs_safeguard(self) -> bool {
        matches!(
            self,
            ActionKind::Wipe | ActionKind::Release | ActionKind::DeleteRecord | ActionKind::HandOver
        )
    }

    /// Whether an error answer may hide that it took place: what erases or removes is unknown then, not failed.
    pub const fn error_is_unknown(self) -> bool {
        matches!(
            self,
            ActionKind::Wipe
                | ActionKind::Retire
                | ActionKind::DeleteRecord
                | ActionKind::Release
                | ActionKind::HandOver
        )
    }

    /// Whether it overtakes what is pending for the device: the MDM drops the rest (intune-graph section 5.2).
    pub const fn overtakes(self) -> bool {
        matches!(
            self,
            ActionKind::Wipe | ActionKind::Retire | ActionKind::DeleteRecord | ActionKind::HandOver
        )
    }

    /// Whether the document has to say `physicallyInHand: true` (L-6).
    pub const fn needs_hand(self) -> bool {
        matches!(self, ActionKind::DisableActivationLock | ActionKind::HandOver)
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
