//! What stands for a device's bypass code before something irreversible happens to it (L-4).

use std::fmt;

use serde::{Deserialize, Serialize};

use super::book::ActBook;
use super::mutation::Rule;
use crate::model::act::{ActContent, CodeRead, FreshLock, FreshRecord};
use crate::model::clock::{Timestamp, between};
use crate::model::organisation::ActivationLock;
use crate::model::{ActionKind, Epoch, Sealed, SealedKind, Serial};

/// How long a lock that Apple told counts as read in this run.
pub const LOCK_IS_FRESH: std::time::Duration = std::time::Duration::from_secs(10 * 60);

/// What stands for the device's code: made of evidence only, and used up by the promise. There is no other way
/// to a [`super::Cleared`] of an act that needs one.
#[derive(Debug)]
pub struct Safeguard {
    kind: SafeguardKind,
    sealed: Option<Sealed>,
    /// The life of the device that it holds for; `None` where it hangs on no device.
    about: Option<(Serial, Option<Epoch>)>,
}

/// The kinds of safeguards, as the ledger keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum SafeguardKind {
    /// The act destroys no code.
    NotNeeded,
    /// The code was read right before, and is sealed in the same entry.
    Sealed,
    /// The code of this life of the device was sealed by an earlier entry.
    SealedBefore {
        /// The entry.
        row: i64,
    },
    /// The device is not supervised: it has no code that the MDM could know.
    Unsupervised,
    /// Apple's own status, read in this run: no lock.
    NoLock {
        /// When it was read.
        read: Timestamp,
    },
    /// No code could be had, and the document says why it may go without.
    Waived {
        /// `acceptNoBypassCode`
        why: String,
    },
}

impl fmt::Display for SafeguardKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SafeguardKind::NotNeeded => f.write_str("no code to keep"),
            SafeguardKind::Sealed => f.write_str("code sealed with it"),
            SafeguardKind::SealedBefore { row } => write!(f, "code sealed by entry {row}"),
            SafeguardKind::Unsupervised => f.write_str("not supervised, so there is no code"),
            SafeguardKind::NoLock { read } => write!(f, "no lock, as Apple said at {read}"),
            SafeguardKind::Waived { why } => write!(f, "without a code: {why}"),
        }
    }
}

impl Safeguard {
    /// For an act that destroys no code; `None` for one that does.
    pub fn not_needed(kind: ActionKind) -> Option<Self> {
        let free = !kind.needs_safeguard() || !Rule::Safeguard.in_force();
        free.then_some(Self { kind: SafeguardKind::NotNeeded, sealed: None, about: None })
    }

    /// The code that was just read of this record, sealed; `None` for anything else that is sealed.
    pub fn sealed(fresh: &FreshRecord, sealed: Sealed) -> Option<Self> {
        let is_code = sealed.kind == SealedKind::BypassCode;
        let about = about(fresh)?;
        is_code.then_some(Self { kind: SafeguardKind::Sealed, sealed: Some(sealed), about: Some(about) })
    }

    /// A code of the same life of the device that the ledger has sealed already, to people of whom `can_open` says
    /// that they can open it.
    pub fn sealed_before(
        book: &ActBook,
        fresh: &FreshRecord,
        can_open: impl Fn(&Sealed) -> bool,
    ) -> Option<Self> {
        let (serial, epoch) = about(fresh)?;
        let row = book.code_for(&serial, epoch.as_ref()?, can_open)?.row;
        Some(Self { kind: SafeguardKind::SealedBefore { row }, sealed: None, about: Some((serial, epoch)) })
    }

    /// The record says that the device is not supervised; `None` where it is, or where that is not told.
    pub fn unsupervised(fresh: &FreshRecord) -> Option<Self> {
        let about = about(fresh)?;
        let proven = fresh.record().supervised == Some(false);
        proven.then_some(Self { kind: SafeguardKind::Unsupervised, sealed: None, about: Some(about) })
    }

    /// Apple said within the last ten minutes that there is no lock.
    pub fn no_lock(lock: &FreshLock, now: Timestamp) -> Option<Self> {
        let is_off = lock.lock() == ActivationLock::Off && between(lock.read(), now) <= LOCK_IS_FRESH;
        is_off.then_some(Self {
            kind: SafeguardKind::NoLock { read: lock.read() },
            sealed: None,
            about: Some((lock.serial(), None)),
        })
    }

    /// The MDM shows no code, and the document says why the act may go without.
    pub fn waived(content: &ActContent, code: &CodeRead, fresh: &FreshRecord) -> Option<Self> {
        let (CodeRead::Null, Some(why)) = (code, &content.accept_no_bypass_code) else { return None };
        let kind = SafeguardKind::Waived { why: why.clone() };
        Some(Self { kind, sealed: None, about: Some(about(fresh)?) })
    }

    /// Its kind.
    pub fn kind(&self) -> &SafeguardKind {
        &self.kind
    }

    /// Whether it holds for this device in this life.
    pub(super) fn covers(&self, kind: ActionKind, serial: Serial, epoch: &Epoch) -> bool {
        match &self.about {
            Some((about, None)) => *about == serial,
            Some((about, Some(life))) => *about == serial && life == epoch,
            None => !kind.needs_safeguard() || !Rule::Safeguard.in_force(),
        }
    }

    pub(super) fn into_parts(self) -> (SafeguardKind, Option<Sealed>) {
        (self.kind, self.sealed)
    }
}

fn about(fresh: &FreshRecord) -> Option<(Serial, Option<Epoch>)> {
    Some((fresh.record().serial?, fresh.record().epoch()))
}
