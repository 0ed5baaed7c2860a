//! Activation Lock: one truth for Apple Business, for Intune and for the device itself.
//!
//! An organization that has the device keeps its lock in the roster; the device keeps it besides, for
//! times at which no organization has it.

use super::Handset;
use crate::model::Serial;
use crate::sim::apple::organization::Lock;
use crate::sim::world::World;

impl World {
    /// The Activation Lock of a device.
    pub fn activation_lock(&self, serial: &Serial) -> Lock {
        match self.organization_lock(serial) {
            Lock::None => self.handsets.get(serial).map_or(Lock::None, |handset| handset.lock),
            lock => lock,
        }
    }

    /// As [`World::activation_lock`], of a device that is being changed.
    pub(super) fn lock_of(&self, serial: &Serial, handset: &Handset) -> Lock {
        match self.organization_lock(serial) {
            Lock::None => handset.lock,
            lock => lock,
        }
    }

    fn organization_lock(&self, serial: &Serial) -> Lock {
        let rosters = self.organizations.iter().map(|organization| &organization.roster);
        let mut locks = rosters.filter_map(|roster| roster.extras(serial)).map(|extras| extras.lock);
        locks.find(|lock| *lock != Lock::None).unwrap_or(Lock::None)
    }

    /// Locks a device, or unlocks it, for all who look.
    pub(in crate::sim) fn put_lock(&mut self, serial: &Serial, handset: &mut Handset, lock: Lock) {
        handset.lock = lock;
        self.put_organization_lock(serial, lock);
    }

    fn put_organization_lock(&mut self, serial: &Serial, lock: Lock) {
        for organization in &mut self.organizations {
            if organization.roster.row(serial).is_some() {
                organization.roster.extras_mut(serial).lock = lock;
            }
        }
    }

    /// Locks a device that may be nobody's, or unlocks it. `false`: nobody knows it.
    pub(in crate::sim) fn set_activation_lock(&mut self, serial: &Serial, lock: Lock) -> bool {
        let changed = self.with_handset(serial, |world, handset| world.put_lock(serial, handset, lock));
        if changed.is_none() {
            self.put_organization_lock(serial, lock);
        }
        changed.is_some() || self.organization_of_device(serial).is_some()
    }
}
