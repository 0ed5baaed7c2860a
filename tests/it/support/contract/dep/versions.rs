//! What a protocol version of the service does not say yet (reference section 2.3).

use serde_json::Value;

const ACCOUNT: [(&str, u32); 5] =
    [("org_id", 3), ("org_id_hash", 3), ("org_type", 3), ("org_version", 3), ("urls", 3)];

const DEVICE: [(&str, u32); 11] = [
    ("device_family", 2),
    ("os", 2),
    ("mdm_migration_deadline", 8),
    ("bluetooth_mac_address", 10),
    ("ethernet_mac_address", 10),
    ("wifi_mac_address", 10),
    ("eid", 10),
    ("imei", 10),
    ("meid", 10),
    ("is_replacement_device", 10),
    ("released_by_replacement", 10),
];

const PROFILE: [(&str, u32); 4] = [
    ("is_multi_user", 2),
    ("await_device_configured", 2),
    ("auto_advance_setup", 2),
    ("support_email_address", 2),
];

/// Booleans that a profile that is read always has, from their version on (section 3.10).
const ALWAYS: [&str; 3] = ["is_multi_user", "await_device_configured", "auto_advance_setup"];

const ASSIGNED: [(&str, u32); 1] = [("retry_after_seconds", 10)];

/// Values that mean something only from a version on.
const WORDS: [(&str, &str, u32); 2] = [("os", "iPadOS", 7), ("", "THROTTLED", 9)];

/// What an answer to a request of this version says too early.
pub fn faults(path: &str, version: u32, body: &Value) -> Vec<String> {
    match path {
        "/account" => early(&ACCOUNT, version, "", body),
        "/profile" if body.get("profile_name").is_some() => {
            let missing = ALWAYS.iter().filter(|name| version >= 2 && body.get(**name).is_none());
            let missing = missing.map(|name| format!("answer: {name} is missing, although it is a boolean"));
            early(&PROFILE, version, "", body).into_iter().chain(missing).collect()
        }
        "/server/devices" | "/devices/sync" => {
            let devices = body["devices"].as_array().into_iter().flatten().enumerate();
            devices
                .flat_map(|(at, device)| early(&DEVICE, version, &format!("/devices/{at}"), device))
                .collect()
        }
        "/devices" => by_serial(body)
            .flat_map(|(serial, device)| early(&DEVICE, version, &format!("/devices/{serial}"), device))
            .collect(),
        "/profile/devices" => {
            let results = by_serial(body).filter_map(|(serial, result)| word(version, "", serial, result));
            early(&ASSIGNED, version, "", body).into_iter().chain(results).collect()
        }
        _ => Vec::new(),
    }
}

fn by_serial(body: &Value) -> impl Iterator<Item = (&String, &Value)> {
    body["devices"].as_object().into_iter().flatten()
}

fn early(since: &[(&str, u32)], version: u32, place: &str, object: &Value) -> Vec<String> {
    let members = since.iter().filter(|(name, since)| *since > version && object.get(name).is_some());
    let members = members.map(|(name, since)| {
        format!("answer at \"{place}/{name}\": version {version} has no such member, {since} has")
    });
    let os = object.get("os").and_then(|os| word(version, "os", place, os));
    members.chain(os).collect()
}

fn word(version: u32, member: &str, place: &str, value: &Value) -> Option<String> {
    let too_early =
        |(name, word, since): &&(&str, &str, u32)| *name == member && value == word && *since > version;
    let (_, word, since) = WORDS.iter().find(too_early)?;
    Some(format!("answer at {place:?}: version {version} does not say {word}, {since} does"))
}
