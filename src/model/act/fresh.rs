//! What Apple told of a device right before it is given up or handed over. As [`super::FreshRecord`]: only
//! adapters make these values, none can be copied, and a check uses them up.

use super::{Epoch, RecordId};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::model::organisation::ActivationLock;

/// The Activation Lock of one device, as Apple told it for this one purpose.
#[derive(Debug)]
pub struct FreshLock {
    serial: Serial,
    lock: ActivationLock,
    read: Timestamp,
}

impl FreshLock {
    /// `read`: when Apple was asked, not later.
    pub(crate) fn just_read(serial: Serial, lock: ActivationLock, read: Timestamp) -> Self {
        Self { serial, lock, read }
    }

    /// The device.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// Whether it is locked, and by whom.
    pub fn lock(&self) -> ActivationLock {
        self.lock
    }

    /// When Apple was asked.
    pub fn read(&self) -> Timestamp {
        self.read
    }
}

/// One device as its organisation at Apple shows it, read for this one purpose.
#[derive(Debug)]
pub struct FreshOrgDevice {
    serial: Serial,
    added: Option<Timestamp>,
    released: Option<Timestamp>,
    assigned: Option<bool>,
    read: Timestamp,
}

impl FreshOrgDevice {
    /// `read`: when Apple was asked, not later.
    pub(crate) fn just_read(
        serial: Serial,
        added: Option<Timestamp>,
        released: Option<Timestamp>,
        assigned: Option<bool>,
        read: Timestamp,
    ) -> Self {
        Self { serial, added, released, assigned, read }
    }

    /// The device.
    pub fn serial(&self) -> Serial {
        self.serial
    }

    /// `addedToOrgDateTime`; `None`: Apple does not tell.
    pub fn added(&self) -> Option<Timestamp> {
        self.added
    }

    /// `releasedFromOrgDateTime`; `None`: the organisation still has it.
    pub fn released(&self) -> Option<Timestamp> {
        self.released
    }

    /// `status`: whether it belongs to a device management service; `None`: Apple does not tell.
    pub fn assigned(&self) -> Option<bool> {
        self.assigned
    }

    /// When Apple was asked.
    pub fn read(&self) -> Timestamp {
        self.read
    }

    /// The life of the device that a release is for: its record at Apple, which has the serial as its id,
    /// since it was added. `None` where Apple does not tell when that was.
    pub fn epoch(&self) -> Option<Epoch> {
        let record = RecordId(self.serial.to_string());
        Some(Epoch { record, enrolled: self.added? })
    }
}
