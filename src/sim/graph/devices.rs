//! Device identities of a token (`importedAppleDeviceIdentity`).
//!
//! A page costs what a page holds: rows are written straight from the compact form.

use serde::ser::{Serialize, SerializeMap, Serializer};
use uuid::Uuid;

use super::Ask;
use super::query::{Query, context_url};
use super::reply::{Refusal, Reply};
use crate::model::clock::Timestamp;
use crate::sim::world::{Device, Token, World};

const CONTEXT: &str = "deviceManagement/depOnboardingSettings/importedAppleDeviceIdentities";

const MEMBERS: [&str; 12] = [
    "id",
    "serialNumber",
    "requestedEnrollmentProfileId",
    "requestedEnrollmentProfileAssignmentDateTime",
    "isSupervised",
    "discoverySource",
    "isDeleted",
    "createdDateTime",
    "lastContactedDateTime",
    "description",
    "enrollmentState",
    "platform",
];

/// GET the list.
pub(super) fn list(world: &World, token: &Token, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let wanted = wanted(&ask.query)?;
    let namespace = namespace(world, token);
    let first = ask.query.first_key(ask.ways.duplicate_rows) as usize;
    let rows = token.devices.get(first..).unwrap_or_default().iter().enumerate();
    let rows = rows.map(|(at, device)| {
        let row = Row { namespace, token, device, wanted, context: None };
        ((first + at) as u64, row)
    });
    Ok(ask.query.answer(&ask.url(), CONTEXT, ask.page_size, rows))
}

/// GET one by its id.
pub(super) fn get(world: &World, token: &Token, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let wanted = wanted(&ask.query)?;
    let namespace = namespace(world, token);
    let device = token.devices.iter().find(|device| identity(&namespace, device).to_string() == id);
    let device = device.ok_or_else(|| Refusal::not_found("Device identity not found"))?;
    let context = Some(context_url(&format!("{CONTEXT}/$entity")));
    Ok(Reply::json(200, &Row { namespace, token, device, wanted, context }))
}

/// A bit per member of [`MEMBERS`].
fn wanted(query: &Query) -> Result<u16, Refusal> {
    query.check_select("importedAppleDeviceIdentity", |name| MEMBERS.contains(&name))?;
    query.check_expand("importedAppleDeviceIdentity", &[])?;
    Ok(MEMBERS
        .iter()
        .enumerate()
        .filter(|(_, name)| query.wants(name))
        .fold(0, |bits, (at, _)| bits | 1 << at))
}

/// The namespace of a token's device ids.
fn namespace(world: &World, token: &Token) -> Uuid {
    world.derive_id(&format!("{}/devices", token.id))
}

fn identity(namespace: &Uuid, device: &Device) -> Uuid {
    Uuid::new_v5(namespace, device.serial.as_str().as_bytes())
}

struct Row<'a> {
    namespace: Uuid,
    token: &'a Token,
    device: &'a Device,
    wanted: u16,
    context: Option<String>,
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let device = self.device;
        let profile = self.token.profiles.get(&device.profile).map(|profile| profile.id.as_str());
        let mut map = serializer.serialize_map(None)?;
        if let Some(context) = &self.context {
            map.serialize_entry("@odata.context", context)?;
        }
        for (at, name) in MEMBERS.iter().enumerate().filter(|(at, _)| self.wanted & (1 << at) != 0) {
            match at {
                0 => map.serialize_entry(name, &identity(&self.namespace, device))?,
                1 => map.serialize_entry(name, &device.serial)?,
                2 => map.serialize_entry(name, &profile)?,
                3 => map.serialize_entry(name, &(device.assigned != 0).then(|| instant(device.assigned)))?,
                4 => map.serialize_entry(name, &true)?,
                5 => map.serialize_entry(name, "deviceEnrollmentProgram")?,
                6 => map.serialize_entry(name, &device.released)?,
                7 => map.serialize_entry(name, &instant(device.created))?,
                // The member is not nullable: "never" is the first instant that .NET knows.
                8 if device.contacted == 0 => map.serialize_entry(name, "0001-01-01T00:00:00Z")?,
                8 => map.serialize_entry(name, &instant(device.contacted))?,
                9 => map.serialize_entry(name, &None::<&str>)?,
                10 => map.serialize_entry(name, &device.state)?,
                _ => map.serialize_entry(name, &device.platform)?,
            }
        }
        map.end()
    }
}

fn instant(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
