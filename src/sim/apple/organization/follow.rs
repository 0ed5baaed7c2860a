//! What is done at the enrollment service, at Intune or to them by hand, as the organization sees
//! it: devices that a linked service or token has are the organization's.

use super::{Backing, Order, Row, Source};
use crate::model::Serial;
use crate::sim::apple::Family;
use crate::sim::apple::hardware;
use crate::sim::world::World;

/// The order of devices of which nobody said how they were bought.
pub(super) fn unnamed_order(now: i64) -> Order {
    Order {
        number: "SIM-0001".to_owned(),
        source: Source::Apple,
        source_id: "1000000".to_owned(),
        at: now - 60 * 86_400,
    }
}

impl World {
    /// Links services to the servers and tokens that they are the other side of, and takes into the
    /// organizations what those have. A device that an organization knows already stays as it is
    /// there. Returns what was taken in, per organization.
    pub(in crate::sim) fn adopt_linked(&mut self) -> Vec<Vec<Serial>> {
        let now = self.now.as_second();
        let mut adopted = Vec::new();
        for here in &mut self.organizations {
            let mut found: Vec<(Serial, u8, u16, i64, Option<String>)> = Vec::new();
            for service in &here.services {
                match &service.backing {
                    Backing::None => {}
                    Backing::Direct => {
                        let Some(known) = self.services.iter().find(|known| known.uuid == service.id) else {
                            continue;
                        };
                        found.extend(known.fleet.present().map(|row| {
                            let extras = known.fleet.extras(&row.serial);
                            let model = extras.and_then(|extras| extras.model.clone());
                            (row.serial, row.hardware, service.number, row.assigned, model)
                        }));
                    }
                    Backing::Intune { token, .. } => {
                        let mut tokens = self.tenants.iter().flat_map(|tenant| &tenant.tokens);
                        let Some(token) = tokens.find(|known| known.id == *token) else { continue };
                        let model = |serial: &Serial, platform| {
                            hardware::model_of(Family::of_platform(platform), serial)
                        };
                        let known = token.devices.iter().filter(|device| !device.released).map(|device| {
                            (device.serial, model(&device.serial, device.platform), device.created)
                        });
                        let coming = token
                            .at_apple
                            .iter()
                            .map(|one| (one.serial, model(&one.serial, one.platform), now));
                        found.extend(
                            known
                                .chain(coming)
                                .map(|(serial, model, at)| (serial, model, service.number, at, None)),
                        );
                    }
                }
            }
            found.retain(|(serial, ..)| here.roster.row(serial).is_none());
            let order = match found.is_empty() {
                true => 0,
                false => here.roster.order(unnamed_order(now)),
            };
            let mut taken = Vec::with_capacity(found.len());
            for (serial, hardware, service, at, model) in found {
                let row = Row { serial, hardware, service, order, added: at, updated: at, released: 0 };
                if here.roster.add(row) {
                    taken.push(serial);
                    if model.is_some() {
                        here.roster.extras_mut(&serial).model = model;
                    }
                }
            }
            adopted.push(taken);
        }
        adopted
    }

    /// Devices left the organizations that have a server: its MDM disowned them, or a person released
    /// them. `service` is the server's UUID.
    pub(in crate::sim) fn follow_release(&mut self, service: &str, serials: &[Serial], releaser: &str) {
        let now = self.now.as_second();
        for at in 0..self.organizations.len() {
            if self.organizations[at].service_by_id(service).is_some() {
                self.release_devices(at, serials, now, (releaser, service));
            }
        }
    }

    /// The position of the organization, and the number of its service, whose other side is a token
    /// that Intune holds; by the token's id.
    pub(in crate::sim) fn organization_of_token(&self, id: &str) -> Option<(usize, u16)> {
        self.organizations.iter().enumerate().find_map(|(at, here)| {
            let linked = here.services.iter().find(|service| match &service.backing {
                Backing::Intune { token, .. } => token == id,
                _ => false,
            })?;
            Some((at, linked.number))
        })
    }

    /// The position of the organization that has a device now.
    pub(in crate::sim) fn organization_of_device(&self, serial: &Serial) -> Option<usize> {
        self.organizations.iter().position(|here| here.roster.device(serial).is_some())
    }
}
