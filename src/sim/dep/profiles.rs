//! Enrollment profiles: defined, shown, assigned and taken away. None is ever changed or deleted.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::reply::{Refusal, Reply};
use super::{Ask, devices, validate};
use crate::sim::apple::Service;
use crate::sim::apple::fleet::ProfileStatus;
use crate::sim::fault::Device;
use crate::sim::world::{AppleHistory, World};

/// Members that protocol version 2 brought.
const OF_VERSION_2: [&str; 4] =
    ["auto_advance_setup", "await_device_configured", "is_multi_user", "support_email_address"];

#[derive(Deserialize)]
struct AssignRequest {
    profile_uuid: Option<String>,
    devices: Option<Vec<String>>,
}

/// `POST /profile`
pub(super) fn define(world: &mut World, at: usize, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let (mut members, serials) = validate::profile(ask.json()?)?;
    if ask.version < 2 {
        members.retain(|name, _| !OF_VERSION_2.contains(&name.as_str()));
    }
    let (seed, now) = (world.seed, world.now);
    let World { services, history, .. } = world;
    let service = &mut services[at];
    let history = &mut history.apple;
    let birth = service.define(seed, now, members);
    let Some(defined) = service.profiles.get(&birth) else { return Err(Refusal::of_status(500, None)) };
    let (uuid, name) = (defined.uuid.clone(), defined.name().to_owned());
    *history.profiles_defined.entry(service.uuid.clone()).or_default().entry(name).or_default() += 1;
    let mut answer = json!({"profile_uuid": uuid});
    if !serials.is_empty() {
        let (mut results, _) = give(service, history, birth, serials, now.as_second(), ask);
        // There is no such word in this answer.
        results
            .values_mut()
            .filter(|result| **result == "THROTTLED")
            .for_each(|result| *result = json!("FAILED"));
        answer["devices"] = Value::Object(results);
    } else {
        answer["devices"] = json!({});
    }
    Ok(Reply::json(&answer))
}

/// `GET /profile`
pub(super) fn get(service: &Service, ask: &Ask<'_>) -> Result<Reply, Refusal> {
    let uuid = form_urlencoded::parse(ask.query.as_bytes()).find(|(name, _)| name == "profile_uuid");
    let uuid = uuid.map(|(_, uuid)| uuid.into_owned()).filter(|uuid| !uuid.is_empty());
    let uuid = uuid.ok_or(Refusal::bad("PROFILE_UUID_REQUIRED"))?;
    let found = service.profile(&uuid).and_then(|birth| service.profiles.get(&birth));
    let profile = found.ok_or(Refusal::bad("NOT_FOUND"))?;
    let mut members = profile.members.clone();
    if ask.version < 2 {
        members.retain(|name, _| !OF_VERSION_2.contains(&name.as_str()));
    }
    members.insert("profile_uuid".to_owned(), Value::from(profile.uuid.clone()));
    Ok(Reply::json(&members))
}

/// `POST` and `PUT /profile/devices`
pub(super) fn assign(
    now: i64,
    service: &mut Service,
    history: &mut AppleHistory,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let request: AssignRequest = ask.json()?;
    let serials = request.devices.filter(|serials| !serials.is_empty());
    let serials = serials.ok_or(Refusal::bad("DEVICE_ID_REQUIRED"))?;
    let uuid = request.profile_uuid.filter(|uuid| !uuid.is_empty());
    let uuid = uuid.ok_or(Refusal::bad("PROFILE_UUID_REQUIRED"))?;
    let birth = service.profile(&uuid).ok_or(Refusal::new(404, "NOT_FOUND"))?;
    let (results, wait) = give(service, history, birth, serials, now, ask);
    let mut answer = json!({"profile_uuid": uuid, "devices": results});
    if let Some(wait) = wait.filter(|_| ask.version >= 10) {
        answer["retry_after_seconds"] = json!(wait);
    }
    Ok(Reply::json(&answer))
}

/// Gives devices a profile. Returns the results, and for how long the throttled ones are.
fn give(
    service: &mut Service,
    history: &mut AppleHistory,
    birth: u32,
    serials: Vec<String>,
    now: i64,
    ask: &Ask<'_>,
) -> (Map<String, Value>, Option<i64>) {
    let throttled = if ask.version >= 9 { "THROTTLED" } else { "FAILED" };
    let mut wait = None;
    let results = devices::each(ask, service, serials, |service, serial| {
        let has_it = service.fleet.row(serial).is_some_and(|row| {
            row.profile == birth && matches!(row.status, ProfileStatus::Assigned | ProfileStatus::Pushed)
        });
        let mut harms = ask.devices.iter().filter(|harm| harm.concerns(serial));
        let harm = harms.find(|harm| matches!(harm.harm, Device::Throttled { .. } | Device::Removed));
        let mut result = "SUCCESS";
        if harm.is_none_or(|harm| harm.took_place || harm.harm == Device::Removed) {
            match service.fleet.assign(serial, birth, now) {
                Ok(()) => {
                    *history.assignments.entry(*serial).or_default() += 1;
                    if has_it {
                        *history.repeated.entry(*serial).or_default() += 1;
                    }
                }
                Err(seconds) => {
                    wait = wait.max(Some(seconds));
                    result = throttled;
                }
            }
        }
        match harm.map(|harm| harm.harm) {
            Some(Device::Throttled { seconds }) => {
                wait = wait.max(Some(i64::from(seconds)));
                result = throttled;
            }
            Some(_) => {
                service.fleet.clear(serial, now);
            }
            None => {}
        }
        result
    });
    (results, wait)
}

/// `DELETE /profile/devices`: whatever profile it is; one that the body names is not looked at.
pub(super) fn remove(
    now: i64,
    service: &mut Service,
    history: &mut AppleHistory,
    ask: &Ask<'_>,
) -> Result<Reply, Refusal> {
    let results = devices::each(ask, service, devices::asked(ask)?, |service, serial| {
        service.fleet.clear(serial, now);
        *history.removals.entry(*serial).or_default() += 1;
        "SUCCESS"
    });
    Ok(Reply::json(&json!({"devices": results})))
}
