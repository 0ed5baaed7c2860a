//! Activities (`orgDeviceActivities`): created, read, and the log of what came of them.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::Ask;
use super::devices::time;
use super::reply::{Refusal, Reply};
use super::storage;
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::apple::organization::activity::{Bound, FARTHEST_DEADLINE, Wish};
use crate::sim::apple::organization::{Activity, ActivityType, Edition, Organization, ServiceType};
use crate::sim::fault::Device;
use crate::sim::world::World;

const FIELDS: [&str; 5] = ["status", "subStatus", "createdDateTime", "completedDateTime", "downloadUrl"];

/// `POST /v1/orgDeviceActivities`
pub(super) fn create(world: &mut World, at: usize, account: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let wish = read(&world.organizations[at], ask)?;
    let id = world.create_activity(at, account, wish);
    // It is told as it begins, however short it is.
    let attributes = json!({
        "status": "IN_PROGRESS", "subStatus": "SUBMITTED", "createdDateTime": time(world.now.as_second()),
    });
    Ok(single(201, &id, attributes, ask))
}

fn single(status: u16, id: &str, attributes: Value, ask: &Ask<'_>) -> Reply {
    let link = ask.address(&format!("/v1/orgDeviceActivities/{id}"));
    let data = json!({
        "type": "orgDeviceActivities", "id": id, "attributes": attributes, "links": {"self": link},
    });
    Reply::json(status, &json!({"data": data, "links": {"self": link}}))
}

/// What a request asks for, judged.
fn read(here: &Organization, ask: &Ask<'_>) -> Result<Wish, Refusal> {
    ask.fields("none", &[])?;
    let data = ask.data("orgDeviceActivities")?;
    let empty = Map::new();
    let attributes = data.get("attributes").and_then(Value::as_object).unwrap_or(&empty);
    let kind = kind(here.edition, attributes)?;
    let deadline = deadline(kind, attributes, ask.now)?;
    let relationships = data.get("relationships").and_then(Value::as_object).unwrap_or(&empty);
    let service = service(here, kind, relationships)?;
    let serials = serials(here, relationships, ask)?;
    Ok(Wish { kind, service, deadline, serials, bound: bound(ask) })
}

fn kind(edition: Edition, attributes: &Map<String, Value>) -> Result<ActivityType, Refusal> {
    let invalid = |detail: &str| Refusal::attribute("activityType", detail);
    let text = attributes.get("activityType").and_then(Value::as_str);
    let text = text.ok_or_else(|| invalid("The attribute 'activityType' is required"))?;
    let kind = ActivityType::ALL.into_iter().find(|kind| kind.as_str() == text);
    match kind {
        // With which code School refuses what only Business has is not known.
        Some(ActivityType::ReleaseDevices) if edition == Edition::School => {
            Err(invalid("The value of 'activityType' is not supported"))
        }
        Some(kind) => Ok(kind),
        None => Err(invalid("The value of 'activityType' is not valid")),
    }
}

fn deadline(
    kind: ActivityType,
    attributes: &Map<String, Value>,
    now: Timestamp,
) -> Result<Option<i64>, Refusal> {
    const PATH: &str = "activityTypeMetadata/mdmMigrationDeadlineDateTime";
    let value =
        attributes.get("activityTypeMetadata").and_then(|all| all.get("mdmMigrationDeadlineDateTime"));
    match value {
        None | Some(Value::Null) if kind.needs_deadline() => {
            Err(Refusal::attribute(PATH, "A deadline is required"))
        }
        None | Some(Value::Null) => Ok(None),
        // Whether one where none belongs is refused is not documented.
        Some(_) if !kind.needs_deadline() => Err(Refusal::attribute(PATH, "There must not be a deadline")),
        Some(value) => {
            let at = value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
            let at = at.ok_or_else(|| Refusal::attribute(PATH, "The deadline is not a date and time"))?;
            let ahead = at.as_second() - now.as_second();
            if ahead > FARTHEST_DEADLINE {
                return Err(Refusal::attribute(PATH, "The deadline is more than 90 days ahead"));
            }
            // That a new migration cannot be due already is made up; an update can.
            if ahead <= 0 && kind == ActivityType::AssignDevicesWithMdmMigrationDeadline {
                return Err(Refusal::attribute(PATH, "The deadline has passed"));
            }
            Ok(Some(at.as_second()))
        }
    }
}

/// The number of the service that is named.
fn service(
    here: &Organization,
    kind: ActivityType,
    relationships: &Map<String, Value>,
) -> Result<Option<u16>, Refusal> {
    let invalid = |detail: &str| Refusal::relationship("mdmServer", detail);
    let Some(named) = relationships.get("mdmServer").filter(|value| !value.is_null()) else {
        return match kind.needs_service() {
            true => Err(invalid("The relationship 'mdmServer' is required")),
            // Whether it may be left out for `UNASSIGN_DEVICES` is not known; every client sends it.
            false => Ok(None),
        };
    };
    if !kind.needs_service() && kind != ActivityType::UnassignDevices {
        return Err(invalid("There must not be a relationship 'mdmServer'"));
    }
    let found = named.get("data").filter(|data| data["type"] == "mdmServers").and_then(|data| {
        let id = data.get("id")?.as_str()?;
        here.service_by_id(id)
    });
    let found = found.ok_or_else(|| invalid("There is no such device management service"))?;
    // That devices cannot be pointed there through the API is made up; the portal offers it for
    // neither.
    if kind.needs_service() && found.kind == ServiceType::AppleConfigurator {
        return Err(invalid("Devices cannot be assigned to this service"));
    }
    Ok(Some(found.number))
}

fn serials(
    here: &Organization,
    relationships: &Map<String, Value>,
    ask: &Ask<'_>,
) -> Result<Vec<Serial>, Refusal> {
    let rows = relationships.get("devices").and_then(|devices| devices.get("data")).and_then(Value::as_array);
    let rows = rows.filter(|rows| !rows.is_empty());
    let rows = rows.ok_or_else(|| Refusal::relationship("devices", "There have to be devices"))?;
    let mut serials = Vec::with_capacity(rows.len());
    let mut seen = HashSet::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let path = format!("devices/data/{number}");
        let id = row.get("id").and_then(Value::as_str);
        let Some(id) = id.filter(|_| row["type"] == "orgDevices") else {
            return Err(Refusal::relationship(&path, "This is no reference to a device"));
        };
        let known = Serial::new(id).filter(|serial| here.roster.device(serial).is_some());
        match known {
            Some(serial) if seen.insert(serial) => serials.push(serial),
            Some(_) => {}
            // Apple documents the refusal; an activity that did nothing was seen.
            None if ask.ways.silent_serials => {}
            None => {
                let detail = format!("The device '{id}' is not in the organization");
                return Err(Refusal::relationship(&path, detail));
            }
        }
    }
    Ok(serials)
}

/// What faults let the activity come to.
fn bound(ask: &Ask<'_>) -> Bound {
    let mut harms = ask.devices.iter().filter_map(|harm| match harm.harm {
        Device::Bound(fate) => Some((fate, harm)),
        _ => None,
    });
    harms.next().map_or(Bound::default(), |(fate, harm)| Bound {
        fate,
        serials: harm.serials.iter().copied().collect::<BTreeSet<_>>(),
        took_place: harm.took_place,
    })
}

/// `GET /v1/orgDeviceActivities/{id}`
pub(super) fn get(world: &mut World, at: usize, id: &str, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let fields = ask.fields("orgDeviceActivities", &FIELDS)?;
    world.poll_activity(at, id);
    let activity = world.organizations[at].activities.get(id);
    let activity = activity.ok_or_else(|| Refusal::not_found("orgDeviceActivities", id))?;
    let (status, sub_status) = activity.state(world.now);
    let mut attributes = Map::new();
    let mut put = |name: &str, value: Value| {
        if fields.wants(name) {
            attributes.insert(name.to_owned(), value);
        }
    };
    put("status", json!(status));
    put("subStatus", json!(sub_status));
    put("createdDateTime", json!(time(activity.created.as_second())));
    if let Some(ended) = activity.ended().filter(|_| activity.is_completed()) {
        put("completedDateTime", json!(time(ended.as_second())));
        put("downloadUrl", json!(storage::address(ask.storage, world.seed, id, ended)));
    }
    Ok(single(200, id, Value::Object(attributes), ask))
}

/// The log of an activity: lines of two fields about it, an empty one, and a table of its devices. A
/// row without anything to tell at its end is shorter, so that no reader of a fixed width is at ease.
///
/// The columns beside the serial and the two states are made up.
pub(super) fn log(id: &str, here: &Organization, activity: &Activity) -> String {
    let mut out = String::with_capacity(256 + activity.serials.len() * 64);
    let Some(outcome) = &activity.outcome else { return out };
    for (key, value) in [
        ("OPERATION", activity.kind.as_str()),
        ("ACTIVITY_ID", id),
        ("STARTED AT", &time(activity.created.as_second())),
        ("ENDED AT", &time(outcome.ended.as_second())),
        ("STATUS", &outcome.status),
        ("SUB_STATUS", &outcome.sub_status),
    ] {
        // Writing to a text cannot fail.
        let _ = write!(out, "{key},{value}\r\n");
    }
    out.push_str("\r\nserial_number,device_model,operation_status,operation_substatus,timestamp\r\n");
    for serial in &activity.serials {
        let row = here.roster.row(serial);
        let model = row.map_or("", |row| row.hardware().model);
        let _ = match outcome.issues.get(serial) {
            None => write!(out, "{serial},\"{model}\",SUCCESS,,{}\r\n", time(outcome.ended.as_second())),
            Some(issue) => write!(out, "{serial},\"{model}\",ISSUE,{}\r\n", issue.as_str()),
        };
    }
    out
}
