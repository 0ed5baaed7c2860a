//! The folder of JSON Schemas as one document, with what the schemas leave out.
//!
//! | The schemas | here |
//! |---|---|
//! | `$ref` to a file beside them | `$ref` to a definition of one document |
//! | open objects | requests and answers of ours: closed wherever members are described; a map stays a map |
//! | no schema of the session, of replacement details | from the reference, sections 2.1 and 3.11 |
//! | devices without the members of protocol version 10 | their types (section 3.5) |
//! | details only of devices that are there | a serial that is not accessible has a status alone (section 3.6) |
//! | a profile as it is sent | what is read back has its id and its booleans, and no devices (section 3.10) |
//!
//! What the schemas describe is never loosened but for the two last rows. A keyword that is not
//! known here stops the judge: a rule that a validator ignores would be one that cannot fail.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Members;

/// Keywords that the validator acts on.
const RULES: [&str; 11] = [
    "$ref",
    "type",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "enum",
    "format",
    "maximum",
    "minLength",
    "maxLength",
];

/// Keywords for people.
const WORDS: [&str; 6] = ["$schema", "$comment", "title", "description", "default", "examples"];

/// Which bodies the schemas are to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// Requests: closed.
    Requests,
    /// Answers: open, since the service adds members at any time.
    Answers,
    /// Answers of ours: closed, since nothing is added here that nobody described.
    Own,
}

/// Every schema of the folder, by the name of its file, ready for bodies of one kind.
///
/// # Panics
///
/// Where the folder cannot be read, or holds what is no schema.
pub fn read(folder: &Path, of: Use) -> Map<String, Value> {
    let members = if of == Use::Answers { Members::Open } else { Members::Closed };
    let cannot =
        |error: std::io::Error| -> ! { panic!("{}: the schemas cannot be read: {error}", folder.display()) };
    let mut all = Map::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| cannot(error)) {
        let file = entry.unwrap_or_else(|error| cannot(error)).path();
        if file.extension().is_none_or(|kind| kind != "json") {
            continue;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| cannot(error));
        let schema: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        all.insert(name.clone(), translated(&name, &schema, members));
    }
    match of {
        // The service gives the id; no peer sends it (reference section 3.1).
        Use::Requests => {
            all["Profile.json"]["properties"].as_object_mut().expect("members").remove("profile_uuid");
        }
        Use::Answers | Use::Own => complete(&mut all, members),
    }
    all
}

/// A body schema: the one of this name, with all the others beside it.
pub fn document(all: &Map<String, Value>, name: &str) -> Value {
    assert!(all.contains_key(name), "the folder has no schema {name}");
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$ref": format!("#/$defs/{name}"),
        "$defs": all,
    })
}

fn translated(file: &str, schema: &Value, members: Members) -> Value {
    let source = schema.as_object().unwrap_or_else(|| panic!("{file}: {schema} is no schema"));
    let mut made = Map::new();
    for (keyword, value) in source {
        let value = match keyword.as_str() {
            word if WORDS.contains(&word) || word.starts_with("x-") => continue,
            "$ref" => {
                let target = value.as_str().unwrap_or_else(|| panic!("{file}: $ref is {value}"));
                json!(format!("#/$defs/{target}"))
            }
            "properties" => {
                let described = value.as_object().unwrap_or_else(|| panic!("{file}: properties: {value}"));
                let described = described.iter();
                described.map(|(name, one)| (name.clone(), translated(file, one, members))).collect()
            }
            "items" | "additionalProperties" if value.is_object() => translated(file, value, members),
            rule if RULES.contains(&rule) => value.clone(),
            other => panic!("{file}: the judge does not know the schema keyword {other:?}"),
        };
        made.insert(keyword.clone(), value);
    }
    if members == Members::Closed && made.contains_key("properties") {
        made.entry("additionalProperties").or_insert(json!(false));
    }
    Value::Object(made)
}

/// Adds what the schemas leave out of answers.
fn complete(all: &mut Map<String, Value>, members: Members) {
    let text = json!({ "type": "string" });
    let texts = json!({ "type": "array", "items": { "type": "string" } });
    let device = all["Device.json"]["properties"].as_object_mut().expect("members of a device");
    for (name, schema) in [
        ("imei", &texts),
        ("meid", &texts),
        ("eid", &text),
        ("wifi_mac_address", &text),
        ("bluetooth_mac_address", &text),
        ("ethernet_mac_address", &text),
        ("is_replacement_device", &json!({ "type": "boolean" })),
        ("released_by_replacement", &json!({ "type": "boolean" })),
    ] {
        device.entry(name).or_insert_with(|| schema.clone());
    }
    all["DeviceListResponse.json"]["properties"]["devices"]["additionalProperties"] = json!({
        "type": "object",
        "if": { "required": ["response_status"], "properties": { "response_status": { "const": "SUCCESS" } } },
        "then": { "$ref": "#/$defs/Device.json" },
        "else": {
            "required": ["response_status"],
            "properties": { "response_status": { "type": "string" } },
            "additionalProperties": members == Members::Open,
        },
    });
    let stated = [
        "profile_uuid",
        "profile_name",
        "url",
        "allow_pairing",
        "is_supervised",
        "is_mandatory",
        "is_mdm_removable",
    ];
    // Read profiles have what the service keeps; `org_magic` only if it was sent.
    let mut defined = all["Profile.json"].clone();
    defined["required"] = json!(stated);
    defined["properties"]["devices"] = json!(false);
    all.insert("DefinedProfile".to_owned(), defined);
    all.insert(
        "Session".to_owned(),
        json!({
            "type": "object",
            "required": ["auth_session_token"],
            "properties": { "auth_session_token": { "type": "string", "minLength": 1 } },
            "additionalProperties": members == Members::Open,
        }),
    );
    all.insert(
        "Replacement".to_owned(),
        json!({
            "type": "object",
            "required": ["serial_number", "original_device_serial_number", "replacement_date"],
            "properties": {
                "serial_number": text,
                "original_device_serial_number": text,
                "replacement_date": { "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$" },
            },
            "additionalProperties": members == Members::Open,
        }),
    );
}
