//! Devices: pages written as text, so that a page of a thousand costs no value per device.

use serde_json::json;

use super::Ask;
use super::query::{Fields, rows_from};
use super::reply::{Refusal, Reply};
use super::services;
use crate::model::Serial;
use crate::sim::apple::hardware::{Family, Radios};
use crate::sim::apple::organization::Backing;
use crate::sim::apple::organization::{Lock, Organization, Row};
use crate::sim::dep::rows::{push_time, quoted};
use crate::sim::world::{World, mix_text};

/// What may be asked for with `fields[orgDevices]`. The members of migrations are not in the
/// published list.
const FIELDS: [&str; 25] = [
    "serialNumber",
    "addedToOrgDateTime",
    "releasedFromOrgDateTime",
    "updatedDateTime",
    "deviceModel",
    "productFamily",
    "productType",
    "deviceCapacity",
    "partNumber",
    "orderNumber",
    "color",
    "orderDateTime",
    "status",
    "imei",
    "meid",
    "eid",
    "wifiMacAddress",
    "bluetoothMacAddress",
    "ethernetMacAddress",
    "purchaseSourceType",
    "purchaseSourceId",
    "releaserEntityType",
    "releaserId",
    "assignedServer",
    "appleCareCoverage",
];

const COVERAGE_FIELDS: [&str; 9] = [
    "status",
    "paymentType",
    "description",
    "startDateTime",
    "endDateTime",
    "isRenewable",
    "isCanceled",
    "contractCancelDateTime",
    "agreementNumber",
];

/// `GET /v1/orgDevices`
pub(super) fn list(here: &Organization, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let (page, fields) = ask.page(Some(("orgDevices", &FIELDS)))?;
    let rows = |first| rows_from(here.roster.rows(), first).filter(|(_, row)| !row.is_released());
    Ok(ask.list(&page, rows, |out, row| Writer { here, ask, fields: &fields, out }.device(row, false)))
}

/// `GET /v1/orgDevices/{serial}`
pub(super) fn get(here: &Organization, serial: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let fields = ask.fields("orgDevices", &FIELDS)?;
    let row = find(here, serial)?;
    let mut out = String::from("{\"data\":");
    Writer { here, ask, fields: &fields, out: &mut out }.device(row, true);
    out.push_str(",\"links\":{\"self\":");
    out.push_str(&quoted(&ask.address(&format!("/v1/orgDevices/{serial}"))));
    out.push_str("}}");
    Ok(Reply::text(200, out.into_bytes()))
}

/// `GET /v1/orgDevices/{serial}/relationships/assignedServer`
pub(super) fn linkage(here: &Organization, serial: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    ask.fields("none", &[])?;
    let row = find_present(here, serial)?;
    let links = json!({
        "self": ask.address(&format!("/v1/orgDevices/{serial}/relationships/assignedServer")),
        "related": ask.address(&format!("/v1/orgDevices/{serial}/assignedServer")),
    });
    match here.service(here.roster.seen(row, ask.ways.relationship_lag, ask.now.as_second())) {
        Some(service) => {
            Ok(Reply::json(200, &json!({"data": {"type": "mdmServers", "id": service.id}, "links": links})))
        }
        // Both were seen.
        None if ask.ways.empty_relationship => Ok(Reply::json(200, &json!({"data": null, "links": links}))),
        None => Err(unassigned(serial)),
    }
}

/// `GET /v1/orgDevices/{serial}/assignedServer`
pub(super) fn assigned(here: &Organization, serial: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let fields = ask.fields("mdmServers", &services::FIELDS)?;
    let row = find_present(here, serial)?;
    let link = ask.address(&format!("/v1/orgDevices/{serial}/assignedServer"));
    match here.service(here.roster.seen(row, ask.ways.relationship_lag, ask.now.as_second())) {
        Some(service) => {
            // Whether the families are in it is not known; they are told by the single GET.
            let data =
                services::resource(service, &services::Counts::of(here, ask, &fields), ask, &fields, false);
            Ok(Reply::json(200, &json!({"data": data, "links": {"self": link}})))
        }
        None if ask.ways.empty_relationship => {
            Ok(Reply::json(200, &json!({"data": null, "links": {"self": link}})))
        }
        None => Err(unassigned(serial)),
    }
}

fn unassigned(serial: &str) -> Refusal {
    let detail = format!("The device '{serial}' is not assigned to a device management service");
    Refusal { detail, ..Refusal::not_found("mdmServers", serial) }
}

/// `GET /v1/orgDevices/{serial}/appleCareCoverage`: the limited warranty of a year, which every
/// device has; what else there may be is left out.
pub(super) fn coverage(here: &Organization, serial: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let (page, fields) = ask.page(Some(("appleCareCoverage", &COVERAGE_FIELDS)))?;
    let row = find_present(here, serial)?;
    let begin = here.roster.order_of(row).map_or(row.added, |order| order.at);
    let end = begin + 365 * 86_400;
    let status = if end > ask.now.as_second() { "ACTIVE" } else { "INACTIVE" };
    let mut attributes = json!({
        "status": status, "paymentType": "NONE", "description": "Limited Warranty",
        "startDateTime": time(begin), "endDateTime": time(end), "isRenewable": false,
        "isCanceled": false, "contractCancelDateTime": null, "agreementNumber": null,
    });
    if let Some(members) = attributes.as_object_mut() {
        members.retain(|name, _| fields.wants(name));
    }
    let one = json!({"type": "appleCareCoverage", "id": serial, "attributes": attributes});
    Ok(ask.list(
        &page,
        |first| (first == 0).then_some((0, &one)).into_iter(),
        |out, one| out.push_str(&one.to_string()),
    ))
}

/// `GET /v1/orgDevices/{serial}/activationLockStatus`. The name of the type is made up.
pub(super) fn lock(
    here: &Organization,
    world: &World,
    serial: &str,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let fields = ask.fields("activationLockStatuses", &["isLocked", "lockType"])?;
    let row = find_present(here, serial)?;
    let lock = lock_of(here, world, row);
    let mut attributes = json!({"isLocked": lock != Lock::None, "lockType": lock.as_str()});
    if let Some(members) = attributes.as_object_mut() {
        members.retain(|name, _| fields.wants(name));
    }
    let link = ask.address(&format!("/v1/orgDevices/{serial}/activationLockStatus"));
    Ok(Reply::json(
        200,
        &json!({
            "data": {"type": "activationLockStatuses", "id": serial, "attributes": attributes},
            "links": {"self": link},
        }),
    ))
}

/// The lock of a device, as the organization knows it, or as its MDM set it through the enrollment
/// service.
fn lock_of(here: &Organization, world: &World, row: &Row) -> Lock {
    let own = world.activation_lock(&row.serial);
    let services = &world.services;
    let direct = here.service(row.service).filter(|service| service.backing == Backing::Direct);
    let server = direct.and_then(|service| services.iter().find(|known| known.uuid == service.id));
    let extras = server.and_then(|server| server.fleet.extras(&row.serial));
    match extras.and_then(|extras| extras.lock.as_ref()) {
        Some(_) if own == Lock::None => Lock::Mdm,
        _ => own,
    }
}

/// A device, released or not.
fn find<'a>(here: &'a Organization, serial: &str) -> Result<&'a Row, Refusal> {
    let row = Serial::new(serial).and_then(|serial| here.roster.row(&serial));
    row.ok_or_else(|| Refusal::not_found("orgDevices", serial))
}

/// A device of the organization.
fn find_present<'a>(here: &'a Organization, serial: &str) -> Result<&'a Row, Refusal> {
    find(here, serial).and_then(|row| match row.is_released() {
        true => Err(Refusal::not_found("orgDevices", serial)),
        false => Ok(row),
    })
}

/// Writes devices.
struct Writer<'a, 'b> {
    here: &'a Organization,
    ask: &'a Ask<'b>,
    fields: &'a Fields,
    out: &'a mut String,
}

impl Writer<'_, '_> {
    fn device(mut self, row: &Row, single: bool) {
        let (hardware, serial) = (row.hardware(), row.serial);
        let (roster, now) = (&self.here.roster, self.ask.now.as_second());
        let extras = roster.extras(&serial);
        let ways = self.ask.ways;
        self.out.push_str("{\"type\":\"orgDevices\",\"id\":\"");
        self.out.push_str(serial.as_str());
        self.out.push_str("\",\"attributes\":{");
        self.text("serialNumber", serial.as_str());
        self.time("addedToOrgDateTime", row.added);
        if single {
            match row.released {
                0 => self.raw("releasedFromOrgDateTime", "null"),
                at => self.time("releasedFromOrgDateTime", at),
            }
            if let Some((kind, id)) = extras.and_then(|extras| extras.releaser.as_ref()) {
                self.text("releaserEntityType", kind);
                self.quoted("releaserId", id);
            }
        }
        self.time("updatedDateTime", row.updated);
        match extras.and_then(|extras| extras.model.as_deref()) {
            Some(model) => self.quoted("deviceModel", model),
            None => self.text("deviceModel", hardware.model),
        }
        self.text("productFamily", hardware.family.as_str());
        self.text("productType", hardware.product);
        self.text("deviceCapacity", hardware.capacity);
        self.text("partNumber", hardware.part);
        self.text("color", hardware.color);
        if let Some(order) = roster.order_of(row) {
            // None, null and "" are all in use for what is not there.
            match (order.number.as_str(), mix_text(5, serial.as_str()) % 3) {
                ("", 0) => {}
                ("", 1) => self.raw("orderNumber", "null"),
                (number, _) => self.quoted("orderNumber", number),
            }
            if !order.number.is_empty() {
                self.time("orderDateTime", order.at);
            }
            self.text("purchaseSourceType", order.source.as_str());
            match (ways.source_uid, order.source_id.as_str()) {
                (true, id) => self.quoted("purchaseSourceUid", &format!("-{id}")),
                (false, "") => {}
                (false, id) => self.quoted("purchaseSourceId", id),
            }
        }
        let seen = roster.seen(row, ways.status_lag, now);
        self.text("status", if seen == 0 || row.is_released() { "UNASSIGNED" } else { "ASSIGNED" });
        self.radios(&Radios::of(hardware, &serial));
        if matches!(hardware.family, Family::IPad | Family::IPhone | Family::Mac) {
            let capable = roster.may_migrate(row, self.here.behaviour.migration_seconds, now);
            self.raw("isMdmMigrationCapable", if capable { "true" } else { "false" });
        }
        if let Some(migration) = extras.and_then(|extras| extras.migration) {
            self.text("mdmMigrationStatus", migration.status.as_str());
            self.time("mdmMigrationDeadlineDateTime", migration.deadline);
        }
        if self.ask.ways.unknown_members {
            self.raw("addedNextYear", "{\"values\":[1,null,\"text\"]}");
        }
        self.out.push('}');
        self.relationships(serial.as_str());
        self.out.push_str(",\"links\":{\"self\":");
        self.out.push_str(&quoted(&self.ask.address(&format!("/v1/orgDevices/{serial}"))));
        self.out.push_str("}}");
    }

    /// Some members were texts before they became lists, and lists may come where a text is
    /// documented.
    fn radios(&mut self, radios: &Radios) {
        let ways = self.ask.ways;
        let list = |text: &str| format!("[{}]", quoted(text));
        let many = |writer: &mut Self, name: &str, text: &str| match ways.text_members {
            true => writer.text(name, text),
            false => writer.raw(name, &list(text)),
        };
        if let Some((imei, meid, eid)) = &radios.modem {
            many(self, "imei", imei);
            many(self, "meid", meid);
            self.text("eid", eid);
        }
        if let Some(address) = &radios.ethernet {
            many(self, "ethernetMacAddress", address);
        }
        for (name, address) in [("wifiMacAddress", &radios.wifi), ("bluetoothMacAddress", &radios.bluetooth)]
        {
            match ways.list_members {
                true => self.raw(name, &list(address)),
                false => self.text(name, address),
            }
        }
    }

    fn relationships(&mut self, serial: &str) {
        let path = |tail: &str| quoted(&self.ask.address(&format!("/v1/orgDevices/{serial}{tail}")));
        let mut parts = Vec::new();
        if self.fields.wants("assignedServer") {
            parts.push(format!(
                "\"assignedServer\":{{\"links\":{{\"self\":{},\"related\":{}}}}}",
                path("/relationships/assignedServer"),
                path("/assignedServer")
            ));
        }
        if self.fields.wants("appleCareCoverage") {
            parts.push(format!(
                "\"appleCareCoverage\":{{\"links\":{{\"related\":{}}}}}",
                path("/appleCareCoverage")
            ));
        }
        if !parts.is_empty() {
            self.out.push_str(",\"relationships\":{");
            self.out.push_str(&parts.join(","));
            self.out.push('}');
        }
    }

    fn raw(&mut self, name: &str, json: &str) {
        let known = FIELDS.contains(&name);
        if (known && !self.fields.wants(name)) || (!known && !self.fields.is_all()) {
            return;
        }
        if !self.out.ends_with('{') {
            self.out.push(',');
        }
        for part in ["\"", name, "\":", json] {
            self.out.push_str(part);
        }
    }

    /// A member whose text needs no escape.
    fn text(&mut self, name: &str, text: &str) {
        self.raw(name, &format!("\"{text}\""));
    }

    fn quoted(&mut self, name: &str, text: &str) {
        self.raw(name, &quoted(text));
    }

    fn time(&mut self, name: &str, at: i64) {
        self.text(name, &time(at));
    }
}

/// An instant as the API writes it, from Unix seconds: with milliseconds.
pub(super) fn time(at: i64) -> String {
    let mut text = String::with_capacity(24);
    push_time(&mut text, at);
    text.pop();
    text.push_str(".000Z");
    text
}
