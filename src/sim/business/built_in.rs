//! Devices of Apple's built-in device management (`mdmDevices`): those of its service. No one can be
//! enrolled there in this world, so that what only an enrolled device tells is made up.

use serde_json::json;

use super::Ask;
use super::devices::time;
use super::query::rows_from;
use super::reply::{Refusal, Reply};
use crate::model::Serial;
use crate::sim::apple::hardware::Radios;
use crate::sim::apple::organization::{Organization, Row, ServiceType};

const FIELDS: [&str; 4] = ["deviceName", "enrolledUserId", "productFamily", "serialNumber"];

fn is_there(here: &Organization, row: &Row) -> bool {
    !row.is_released()
        && here.service(row.service).is_some_and(|service| service.kind == ServiceType::AppleMdm)
}

/// `GET /v1/mdmDevices`
pub(super) fn list(here: &Organization, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let (page, fields) = ask.page(Some(("mdmDevices", &FIELDS)))?;
    let rows = |first| rows_from(here.roster.rows(), first).filter(|(_, row)| is_there(here, row));
    Ok(ask.list(&page, rows, |out, row| {
        let mut attributes = json!({
            "deviceName": row.hardware().model, "enrolledUserId": null,
            "productFamily": row.family().as_str(), "serialNumber": row.serial,
        });
        if let Some(members) = attributes.as_object_mut() {
            members.retain(|name, _| fields.wants(name));
        }
        let one = json!({"type": "mdmDevices", "id": row.serial, "attributes": attributes});
        out.push_str(&one.to_string());
    }))
}

/// `GET /v1/mdmDevices/{id}/details`
pub(super) fn get(here: &Organization, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    ask.fields("none", &[])?;
    let row = Serial::new(id).and_then(|serial| here.roster.row(&serial));
    let row = row.filter(|row| is_there(here, row)).ok_or_else(|| Refusal::not_found("mdmDevices", id))?;
    let radios = Radios::of(row.hardware(), &row.serial);
    let attributes = json!({
        "deviceName": row.hardware().model, "deviceModel": row.hardware().model,
        "serialNumber": row.serial, "wifiMacAddress": radios.wifi, "bluetoothMacAddress": radios.bluetooth,
        "lastCheckInDateTime": time(row.updated), "deviceEraseStatus": "NOT_ERASED",
        "deviceLockStatus": "UNLOCKED", "lostModeStatus": "DISABLED",
    });
    let link = ask.address(&format!("/v1/mdmDevices/{id}/details"));
    let data = json!({"type": "mdmDeviceDetails", "id": id, "attributes": attributes});
    Ok(Reply::json(200, &json!({"data": data, "links": {"self": link}})))
}
