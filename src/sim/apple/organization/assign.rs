//! Devices change their service, or leave: one act in the organization, with all that follows at
//! the enrollment service and for the tokens that Intune holds.

use std::collections::BTreeMap;

use super::Backing;
use crate::model::Serial;
use crate::sim::apple::hardware;
use crate::sim::world::World;

/// A device that changed its service.
struct Moved {
    serial: Serial,
    hardware: u8,
    from: u16,
    /// Its model, where it has one of its own.
    model: Option<String>,
}

impl World {
    /// Points devices of an organization at a service, by its number; 0: at none. Those that are not
    /// there, or are at it already, stay as they are. `at` is in Unix seconds.
    pub fn point_devices(&mut self, organization: usize, serials: &[Serial], to: u16, at: i64) {
        let Some(here) = self.organizations.get_mut(organization) else { return };
        let mut moved = Vec::new();
        for serial in serials {
            let Some(hardware) = here.roster.device(serial).filter(|row| row.service != to) else { continue };
            let hardware = hardware.hardware;
            let Some(from) = here.roster.point(serial, to, at) else { continue };
            let model = here.roster.extras(serial).and_then(|extras| extras.model.clone());
            moved.push(Moved { serial: *serial, hardware, from, model });
        }
        self.pass_on(organization, &moved, to, at, false);
    }

    /// Releases devices from an organization, for good. `releaser` is what did it, and its id.
    pub fn release_devices(
        &mut self,
        organization: usize,
        serials: &[Serial],
        at: i64,
        releaser: (&str, &str),
    ) {
        let Some(here) = self.organizations.get_mut(organization) else { return };
        let mut moved = Vec::new();
        for serial in serials {
            let Some(hardware) = here.roster.device(serial).map(|row| row.hardware) else { continue };
            let Some(from) = here.roster.release(serial, at, releaser) else { continue };
            moved.push(Moved { serial: *serial, hardware, from, model: None });
        }
        self.pass_on(organization, &moved, 0, at, true);
    }

    /// Tells those who hold the tokens of the services. Watches they never hear of: these do not
    /// enroll that way.
    fn pass_on(&mut self, organization: usize, moved: &[Moved], to: u16, at: i64, released: bool) {
        let mut leaving: BTreeMap<u16, Vec<&Moved>> = BTreeMap::new();
        let enrolling = |one: &&Moved| hardware::at(one.hardware).family.enrolls();
        for one in moved.iter().filter(enrolling) {
            leaving.entry(one.from).or_default().push(one);
        }
        for (from, devices) in leaving {
            match self.backing(organization, from) {
                Backing::None => {}
                Backing::Direct => {
                    let Some(fleet) = self.fleet_of(organization, from) else { continue };
                    for one in devices {
                        fleet.remove(&one.serial, at);
                    }
                }
                Backing::Intune { token, .. } => {
                    let Some(token) = self.token_by_id(&token) else { continue };
                    for one in devices {
                        token.leaves(&one.serial, at, released);
                    }
                }
            }
        }
        match self.backing(organization, to) {
            Backing::None => {}
            Backing::Direct => {
                let Some(fleet) = self.fleet_of(organization, to) else { return };
                for one in moved.iter().filter(enrolling) {
                    fleet.add(one.serial, one.hardware, at);
                    if let Some(model) = &one.model {
                        fleet.extras_mut(&one.serial).model = Some(model.clone());
                    }
                }
            }
            Backing::Intune { token, .. } => {
                let Some(token) = self.token_by_id(&token) else { return };
                for one in moved {
                    if let Some(platform) = hardware::at(one.hardware).family.platform() {
                        token.arrives(one.serial, platform, at);
                    }
                }
            }
        }
    }

    fn backing(&self, organization: usize, service: u16) -> Backing {
        let service = self.organizations.get(organization).and_then(|here| here.service(service));
        service.map_or(Backing::None, |service| service.backing.clone())
    }

    /// The fleet of a service whose server token a program holds.
    pub(super) fn fleet_of(
        &mut self,
        organization: usize,
        service: u16,
    ) -> Option<&mut crate::sim::apple::Fleet> {
        let service = self.organizations.get(organization)?.service(service)?;
        let at = self.services.iter().position(|known| known.uuid == service.id)?;
        Some(&mut self.services[at].fleet)
    }

    /// A token of Intune by its id alone.
    pub(super) fn token_by_id(&mut self, id: &str) -> Option<&mut crate::sim::world::Token> {
        self.tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens).find(|token| token.id == id)
    }
}
