//! The devices of an organisation taken apart, to be kept and put together again.

use super::{Migration, NONE, OrgDevice, OrgDevices, ProductFamily, PurchaseSource, ServiceId, UNCLEAR};
use crate::model::Serial;

/// Everything but the rows of [`OrgDevices`]: what rows name by its place.
#[derive(Clone, Debug, Default)]
pub struct OrgTables {
    /// The services that devices belong to.
    pub services: Vec<ServiceId>,
    /// Models, product types and ids of sources.
    pub texts: Vec<String>,
    /// `orderNumber`s.
    pub orders: Vec<String>,
    /// What records say of migrations.
    pub migrations: Vec<Migration>,
    /// Rows and linkages without a well-formed serial.
    pub without_serial: usize,
}

/// One device with places in [`OrgTables`]; the greatest number of a type is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrgRecord {
    /// `serialNumber`
    pub serial: Serial,
    /// Its service; one below the greatest number: unclear.
    pub service: u16,
    /// `deviceModel`
    pub model: u16,
    /// `productType`
    pub product_type: u16,
    /// `purchaseSourceId`
    pub source_id: u16,
    /// `orderNumber`
    pub order: u32,
    /// The migration.
    pub migration: u32,
    /// `productFamily`
    pub family: Option<ProductFamily>,
    /// `purchaseSourceType`
    pub source: Option<PurchaseSource>,
    /// `addedToOrgDateTime`, seconds since the epoch; 0 where Apple does not tell.
    pub added: i64,
}

impl OrgDevices {
    /// What rows name by its place.
    pub fn tables(&self) -> OrgTables {
        OrgTables {
            services: self.services.clone(),
            texts: self.texts.clone(),
            orders: self.orders.clone(),
            migrations: self.migrations.clone(),
            without_serial: self.without_serial,
        }
    }

    /// The rows, by ascending serial.
    pub fn records(&self) -> impl Iterator<Item = OrgRecord> {
        self.rows.iter().map(|row| OrgRecord {
            serial: row.serial,
            service: row.service,
            model: row.model,
            product_type: row.product_type,
            source_id: row.source_id,
            order: row.order,
            migration: row.migration,
            family: row.family,
            source: row.source,
            added: row.added,
        })
    }

    /// Puts together what was taken apart; `None` where it does not fit: serials that do not ascend, a
    /// place that there is not.
    pub fn of_parts(tables: OrgTables, records: impl Iterator<Item = OrgRecord>) -> Option<Self> {
        let OrgTables { services, texts, orders, migrations, without_serial } = tables;
        let within = |at: u16, length: usize| at == NONE || usize::from(at) < length;
        let within_long = |at: u32, length: usize| at == u32::MAX || (at as usize) < length;
        let mut rows: Vec<OrgDevice> = Vec::with_capacity(records.size_hint().0);
        for record in records {
            let fits = (record.service == UNCLEAR || within(record.service, services.len()))
                && [record.model, record.product_type, record.source_id]
                    .into_iter()
                    .all(|at| within(at, texts.len()))
                && within_long(record.order, orders.len())
                && within_long(record.migration, migrations.len())
                && rows.last().is_none_or(|last| last.serial < record.serial);
            if !fits {
                return None;
            }
            rows.push(OrgDevice {
                serial: record.serial,
                service: record.service,
                model: record.model,
                product_type: record.product_type,
                source_id: record.source_id,
                order: record.order,
                family: record.family,
                source: record.source,
                added: record.added,
                migration: record.migration,
            });
        }
        Some(Self { rows, services, texts, orders, migrations, without_serial })
    }
}
