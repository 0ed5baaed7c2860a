//! The devices of an organisation put together while its lists are read.

use std::collections::HashMap;

use super::{
    Migration, NO_ORDER, NONE, OrgDevice, OrgDevices, ProductFamily, PurchaseSource, ServiceId, UNCLEAR,
};
use crate::model::Serial;
use crate::model::clock::Timestamp;

/// One row of the device list, as Apple tells it.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrgRow<'a> {
    /// `deviceModel`
    pub model: Option<&'a str>,
    /// `productType`
    pub product_type: Option<&'a str>,
    /// `orderNumber`
    pub order: Option<&'a str>,
    /// `productFamily`
    pub family: Option<ProductFamily>,
    /// `purchaseSourceType`
    pub source: Option<PurchaseSource>,
    /// `purchaseSourceId`
    pub source_id: Option<&'a str>,
    /// `addedToOrgDateTime`
    pub added: Option<Timestamp>,
    /// `status` is `ASSIGNED`; `None` where Apple does not tell.
    pub assigned: Option<bool>,
    /// The three migration members.
    pub migration: Migration,
}

/// Collects the devices page by page, then the services' lists; interns what repeats.
#[derive(Debug, Default)]
pub struct OrgDevicesBuilder {
    devices: OrgDevices,
    by_text: HashMap<String, u16>,
    by_order: HashMap<String, u32>,
    /// `status` by row.
    assigned: Vec<Option<bool>>,
    /// Serial and place of its service.
    linked: Vec<(Serial, u16)>,
}

impl OrgDevicesBuilder {
    /// Adds a row of the device list; a repeated serial is one device, and the last row wins.
    pub fn push(&mut self, serial: &str, row: &OrgRow<'_>) {
        let Some(serial) = Serial::new(serial) else {
            self.devices.without_serial += 1;
            return;
        };
        let model = self.text(row.model);
        let product_type = self.text(row.product_type);
        let source_id = self.text(row.source_id);
        let order = self.order(row.order);
        let migration = match row.migration == Migration::default() {
            true => u32::MAX,
            false => {
                self.devices.migrations.push(row.migration);
                u32::try_from(self.devices.migrations.len() - 1).unwrap_or(u32::MAX)
            }
        };
        self.assigned.push(row.assigned);
        self.devices.rows.push(OrgDevice {
            serial,
            // Its place among the rows until all lists are in.
            service: NONE,
            model,
            product_type,
            source_id,
            order,
            family: row.family,
            source: row.source,
            added: row.added.map_or(0, jiff::Timestamp::as_second),
            migration,
        });
    }

    /// Begins the list of a service; the serials that follow are its own.
    pub fn service(&mut self, id: &ServiceId) -> u16 {
        let services = &mut self.devices.services;
        if let Some(at) = services.iter().position(|known| known == id) {
            return at as u16;
        }
        services.push(id.clone());
        u16::try_from(services.len() - 1).unwrap_or(UNCLEAR).min(UNCLEAR)
    }

    /// Adds a serial of a service's list; `service` is what [`OrgDevicesBuilder::service`] gave.
    pub fn link(&mut self, service: u16, serial: &str) {
        match Serial::new(serial) {
            Some(serial) => self.linked.push((serial, service)),
            None => self.devices.without_serial += 1,
        }
    }

    /// Declares all lists complete, and joins them: a device that two services list, or whose `status`
    /// contradicts the lists, belongs to nobody knows whom. So does one that only a service lists: a list
    /// that changes while it is walked can miss a row, and that device has not vanished.
    pub fn after_last_page(mut self) -> OrgDevices {
        self.linked.sort_unstable();
        self.linked.dedup();
        self.add_missed_rows();
        let mut order: Vec<u32> = (0..self.devices.rows.len() as u32).collect();
        let rows = &self.devices.rows;
        order.sort_by_key(|at| (rows[*at as usize].serial, std::cmp::Reverse(*at)));
        order.dedup_by_key(|at| rows[*at as usize].serial);
        let mut joined = Vec::with_capacity(order.len());
        let mut link = 0;
        for at in order {
            let (mut row, assigned) = (rows[at as usize], self.assigned[at as usize]);
            while self.linked.get(link).is_some_and(|(serial, _)| *serial < row.serial) {
                link += 1;
            }
            let first = self.linked.get(link).filter(|(serial, _)| *serial == row.serial);
            let second = self.linked.get(link + 1).filter(|(serial, _)| *serial == row.serial);
            row.service = match (first, second, assigned) {
                (Some(_), Some(_), _) | (Some(_), None, Some(false)) | (None, _, Some(true)) => UNCLEAR,
                (Some((_, service)), None, _) => *service,
                (None, _, Some(false) | None) => NONE,
            };
            joined.push(row);
        }
        self.devices.rows = joined;
        self.devices
    }

    /// Rows without a word for the serials that only a service lists.
    fn add_missed_rows(&mut self) {
        let mut listed: Vec<Serial> = self.devices.rows.iter().map(|row| row.serial).collect();
        listed.sort_unstable();
        let mut missed: Vec<Serial> = Vec::new();
        for (serial, _) in &self.linked {
            if listed.binary_search(serial).is_err() && missed.last() != Some(serial) {
                missed.push(*serial);
            }
        }
        for serial in missed {
            // `status` against the list of a service is what makes it unclear.
            self.push(serial.as_str(), &OrgRow { assigned: Some(false), ..OrgRow::default() });
        }
    }

    fn text(&mut self, text: Option<&str>) -> u16 {
        let Some(text) = text else { return NONE };
        if let Some(at) = self.by_text.get(text) {
            return *at;
        }
        // Beyond so many texts the last ones are not told.
        let Some(at) = u16::try_from(self.devices.texts.len()).ok().filter(|at| *at < UNCLEAR) else {
            return NONE;
        };
        self.devices.texts.push(text.to_owned());
        self.by_text.insert(text.to_owned(), at);
        at
    }

    fn order(&mut self, order: Option<&str>) -> u32 {
        let Some(order) = order else { return NO_ORDER };
        if let Some(at) = self.by_order.get(order) {
            return *at;
        }
        let at = u32::try_from(self.devices.orders.len()).unwrap_or(NO_ORDER);
        self.devices.orders.push(order.to_owned());
        self.by_order.insert(order.to_owned(), at);
        at
    }
}
