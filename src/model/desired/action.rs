//! `DeviceAction`: what documents ask to be done to devices.

use super::super::act::{ActContent, ActId, ActionKind};
use super::super::{Name, Serial};
use super::{Acknowledgement, NamedSerial, Places, Where};

/// `DeviceAction`: a named request, never a side effect of another change (design section 5).
#[derive(Clone, Debug)]
pub struct DeviceAction {
    /// `metadata.name`
    pub name: Name,
    /// `devices.serials`, in the order of their writing, none twice.
    pub devices: Vec<NamedSerial>,
    /// `devices.where`, only for class safe: what Apple's side can pick.
    pub selected: Option<Where>,
    /// Everything else: bound on first sight.
    pub content: ActContent,
    /// `acknowledge`
    pub acknowledge: Vec<Acknowledgement>,
    /// Where everything stands.
    pub places: Places,
}

impl DeviceAction {
    /// What is done.
    pub fn kind(&self) -> ActionKind {
        self.content.kind
    }

    /// The identity of the act on a device.
    pub fn act(&self, serial: Serial) -> ActId {
        ActId { action: self.name.clone(), serial }
    }

    /// The acts on devices that are named.
    pub fn acts(&self) -> impl Iterator<Item = ActId> {
        self.devices.iter().map(|one| self.act(one.serial))
    }
}
