//! The folder of JSON Schemas as one document, with what came after them.
//!
//! | The schemas | here |
//! |---|---|
//! | a file with `$defs` of its own | one document, in which every definition has its own name |
//! | open objects | requests, and answers of ours: closed wherever members are described |
//! | `default` of `type` | the only value: what a resource says that it is |
//! | `x-enum` | the values |
//! | the members of 1.1 | those that came since, by [`NEWER`], each with the section that tells of it |
//! | lists and single resources that have no schema | [`documents`], by the sections that show them |
//! | texts | of answers: null, too (section 3) |
//!
//! Nothing else is loosened. A keyword that is not known here stops the judge: a rule that a validator
//! ignores would be one that cannot fail.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Use;

/// Keywords that the validator acts on.
const RULES: [&str; 5] = ["type", "required", "enum", "format", "additionalProperties"];
/// Keywords for people.
const WORDS: [&str; 6] = ["$schema", "$comment", "title", "description", "examples", "default"];

/// What a member is.
#[derive(Clone, Copy, Debug)]
enum Is {
    Text,
    /// A text, or several: some members changed from one to the other (section 3).
    Texts,
    Time,
    TimeOrNull,
    TextOrNull,
    Number,
    Flag,
    Words(&'static [&'static str]),
    WordsOrNull(&'static [&'static str]),
    ListOf(&'static [&'static str]),
    /// A definition of the document.
    Of(&'static str),
}

const FAMILIES: &[&str] = &["APPLE_TV", "IPAD", "IPHONE", "IPOD", "MAC", "VISION", "WATCH"];
const MIGRATIONS: &[&str] = &["REQUESTED", "STARTED", "SUCCESS", "FAILED"];

/// Members that came after the schemas: definition, name, what it is, section of the reference.
const NEWER: [(&str, &str, Is, &str); 27] = [
    ("OrgDevice.Attributes", "releasedFromOrgDateTime", Is::TimeOrNull, "4.2"),
    ("OrgDevice.Attributes", "imei", Is::Texts, "4.2"),
    ("OrgDevice.Attributes", "meid", Is::Texts, "4.2"),
    ("OrgDevice.Attributes", "wifiMacAddress", Is::Texts, "3"),
    ("OrgDevice.Attributes", "bluetoothMacAddress", Is::Texts, "3"),
    ("OrgDevice.Attributes", "ethernetMacAddress", Is::Texts, "4.2"),
    ("OrgDevice.Attributes", "purchaseSourceUid", Is::Text, "4.2"),
    ("OrgDevice.Attributes", "isMdmMigrationCapable", Is::Flag, "4.2"),
    ("OrgDevice.Attributes", "mdmMigrationStatus", Is::Words(MIGRATIONS), "4.2"),
    ("OrgDevice.Attributes", "mdmMigrationDeadlineDateTime", Is::Time, "4.2"),
    ("OrgDevice.Attributes", "releaserEntityType", Is::Text, "4.2"),
    ("OrgDevice.Attributes", "releaserId", Is::Text, "4.2"),
    ("OrgDevice.Relationships", "appleCareCoverage", Is::Of("Related"), "4.1"),
    ("MdmServer.json", "links", Is::Of("ResourceLinks.json"), "3"),
    ("MdmServer.Attributes", "status", Is::WordsOrNull(&["ACTIVE", "INACTIVE", "DELETED"]), "5.1"),
    ("MdmServer.Attributes", "deviceCount", Is::Number, "5.1"),
    ("MdmServer.Attributes", "enableMdmDisownFlag", Is::Flag, "5.1"),
    ("MdmServer.Attributes", "defaultProductFamilies", Is::ListOf(FAMILIES), "5.1"),
    ("MdmServer.Attributes", "lastConnectedDateTime", Is::TimeOrNull, "5.1"),
    ("MdmServer.Attributes", "lastConnectedIp", Is::TextOrNull, "5.1"),
    (
        "OrgDeviceActivityCreateRequest.Data.Attributes",
        "activityTypeMetadata",
        Is::Of("ActivityTypeMetadata"),
        "6.1",
    ),
    ("ActivityTypeMetadata", "mdmMigrationDeadlineDateTime", Is::Time, "6.1"),
    ("ActivationLock.Attributes", "isLocked", Is::Flag, "4.3"),
    ("ActivationLock.Attributes", "lockType", Is::Words(&["MDM", "USER", "NONE"]), "4.3"),
    ("Certificate", "name", Is::Text, "5.3"),
    ("Certificate", "data", Is::Text, "5.3"),
    ("Related", "links", Is::Of("RelationshipLinks.json"), "4.1"),
];

/// `activityType`s that came after the schemas (section 6.2).
const NEWER_TYPES: [&str; 4] = [
    "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE",
    "UPDATE_MDM_MIGRATION_DEADLINE",
    "CANCEL_MDM_MIGRATION",
    "RELEASE_DEVICES",
];

impl Is {
    fn schema(self) -> Value {
        let time = json!({ "type": "string", "format": "date-time" });
        match self {
            Is::Text => json!({ "type": "string" }),
            Is::Texts => {
                json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" } }] })
            }
            Is::Time => time,
            Is::TimeOrNull => json!({ "anyOf": [time, { "type": "null" }] }),
            Is::TextOrNull => json!({ "type": ["string", "null"] }),
            Is::Number => json!({ "type": ["integer", "null"], "minimum": 0 }),
            Is::Flag => json!({ "type": "boolean" }),
            Is::Words(words) => json!({ "enum": words }),
            Is::WordsOrNull(words) => {
                let mut all: Vec<Value> = words.iter().map(|word| json!(word)).collect();
                all.push(Value::Null);
                json!({ "enum": all })
            }
            Is::ListOf(words) => json!({ "type": "array", "items": { "enum": words }, "uniqueItems": true }),
            Is::Of(name) => reference(name),
        }
    }
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// Every schema by its name, ready for bodies of one kind.
///
/// # Panics
///
/// Where the folder cannot be read, or holds what is no schema.
pub fn read(folder: &Path, of: Use) -> Map<String, Value> {
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
        let mut schema: Value =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let inner = schema.as_object_mut().and_then(|members| members.remove("$defs"));
        for (inner, schema) in inner.iter().filter_map(Value::as_object).flatten() {
            let twin = all.insert(inner.clone(), translated(&name, schema));
            assert!(twin.is_none(), "{name}: there are two definitions {inner}");
        }
        all.insert(name.clone(), translated(&name, &schema));
    }
    documents(&mut all);
    newer(&mut all);
    for (name, schema) in &mut all {
        finish(name, schema, of);
    }
    all
}

/// A body schema: the one of this name, with all the others beside it.
pub fn document(all: &Map<String, Value>, name: &str) -> Value {
    assert!(all.contains_key(name), "there is no schema {name}");
    let mut document = reference(name);
    document["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    document["$defs"] = json!(all);
    document
}

fn translated(file: &str, schema: &Value) -> Value {
    let source = schema.as_object().unwrap_or_else(|| panic!("{file}: {schema} is no schema"));
    let mut made = Map::new();
    for (keyword, value) in source {
        let value = match keyword.as_str() {
            "x-enum" => {
                made.insert("enum".to_owned(), value.clone());
                continue;
            }
            word if WORDS.contains(&word) || word.starts_with("x-") => continue,
            "$ref" => {
                let target = value.as_str().unwrap_or_else(|| panic!("{file}: $ref is {value}"));
                json!(format!("#/$defs/{}", target.trim_start_matches("#/$defs/")))
            }
            "properties" => {
                let described = value.as_object().unwrap_or_else(|| panic!("{file}: properties: {value}"));
                let mut members = Map::new();
                for (name, one) in described {
                    let mut member = translated(file, one);
                    if let Some(only) = one.get("default").filter(|_| name == "type") {
                        member["const"] = only.clone();
                    }
                    members.insert(name.clone(), member);
                }
                Value::Object(members)
            }
            "items" => translated(file, value),
            "oneOf" => {
                let branches = value.as_array().unwrap_or_else(|| panic!("{file}: oneOf: {value}"));
                branches.iter().map(|one| translated(file, one)).collect()
            }
            rule if RULES.contains(&rule) => value.clone(),
            other => panic!("{file}: the judge does not know the schema keyword {other:?}"),
        };
        made.insert(keyword.clone(), value);
    }
    Value::Object(made)
}

/// The members that came since.
fn newer(all: &mut Map<String, Value>) {
    for (definition, name, is, section) in NEWER {
        let schema = all.get_mut(definition).unwrap_or_else(|| panic!("section {section}: no {definition}"));
        schema["properties"][name] = is.schema();
    }
    let types = all["OrgDeviceActivityType.json"]["enum"].as_array_mut().expect("the types of activities");
    assert_eq!(types.len(), 2, "the schemas know more activities than the reference says");
    types.extend(NEWER_TYPES.map(Value::from));
}

/// Documents that no schema describes, as the reference shows them.
fn documents(all: &mut Map<String, Value>) {
    let object = |required: Value, properties: Value| json!({ "type": "object", "required": required, "properties": properties });
    let (page, own) = (reference("PagedDocumentLinks.json"), reference("DocumentLinks.json"));
    let meta = reference("PagingInformation.json");
    // Section 3.
    let list = |of: Value| {
        let data = json!({ "type": "array", "items": of });
        object(json!(["data", "links", "meta"]), json!({ "data": data, "links": page, "meta": meta }))
    };
    let single = |of: Value| object(json!(["data", "links"]), json!({ "data": of, "links": own }));
    let or_null = |of: Value| json!({ "anyOf": [of, { "type": "null" }] });
    let resource = |kind: &str, attributes: Value| {
        let members = json!({ "type": { "const": kind }, "id": { "type": "string", "minLength": 1 },
            "attributes": attributes, "links": reference("ResourceLinks.json") });
        object(json!(["type", "id", "attributes"]), members)
    };
    let linkage = |kind: &str| {
        let id = json!({ "type": "string", "minLength": 1 });
        object(json!(["type", "id"]), json!({ "type": { "const": kind }, "id": id }))
    };
    let plain = |members: &[(&str, Is)]| {
        let members: Map<String, Value> =
            members.iter().map(|(name, is)| ((*name).to_owned(), is.schema())).collect();
        object(json!([]), json!(members))
    };
    let coverage = [
        ("status", Is::Words(&["ACTIVE", "INACTIVE"])),
        ("paymentType", Is::Words(&["ABE_SUBSCRIPTION", "PAID_UP_FRONT", "SUBSCRIPTION", "NONE"])),
        ("description", Is::TextOrNull),
        ("startDateTime", Is::TimeOrNull),
        ("endDateTime", Is::TimeOrNull),
        ("isRenewable", Is::Flag),
        ("isCanceled", Is::Flag),
        ("contractCancelDateTime", Is::TimeOrNull),
        ("agreementNumber", Is::TextOrNull),
    ];
    let built_in = [
        ("deviceName", Is::Text),
        ("enrolledUserId", Is::TextOrNull),
        ("productFamily", Is::Text),
        ("serialNumber", Is::Text),
    ];
    let details = [
        ("deviceName", Is::Text),
        ("deviceModel", Is::Text),
        ("osVersion", Is::Text),
        ("platform", Is::Text),
        ("serialNumber", Is::Text),
        ("imei", Is::Texts),
        ("meid", Is::Texts),
        ("wifiMacAddress", Is::Texts),
        ("bluetoothMacAddress", Is::Texts),
        ("ethernetMacAddress", Is::Texts),
        ("isFileVaultEnabled", Is::Flag),
        ("isFirewallEnabled", Is::Flag),
        ("lastCheckInDateTime", Is::TimeOrNull),
        ("deviceEraseStatus", Is::Words(&["NOT_ERASED", "ERASED"])),
        ("deviceLockStatus", Is::Words(&["LOCKED", "UNLOCKED"])),
        ("lostModeStatus", Is::Words(&["ENABLED", "DISABLED"])),
    ];
    let mut details = plain(&details);
    for name in ["storageFreeCapacity", "storageTotalCapacity"] {
        // Their unit and type are nowhere written.
        details["properties"][name] = json!({ "type": ["number", "string", "null"] });
    }
    let attributes = |required: Value, names: &[&str]| {
        let members = [
            ("serverName", json!({ "type": "string", "minLength": 1 })),
            ("serverCertificate", reference("Certificate")),
            ("enableMdmDisownFlag", Is::Flag.schema()),
            ("defaultProductFamilies", Is::ListOf(FAMILIES).schema()),
        ];
        let members = members.into_iter().filter(|(name, _)| names.contains(name));
        let members: Map<String, Value> = members.map(|(name, schema)| (name.to_owned(), schema)).collect();
        object(required, json!(members))
    };
    // Section 5.3. An update without anything is refused.
    let create = attributes(
        json!(["serverName", "serverCertificate"]),
        &["serverName", "serverCertificate", "enableMdmDisownFlag"],
    );
    let all_of_them = ["serverName", "serverCertificate", "enableMdmDisownFlag", "defaultProductFamilies"];
    let mut update = attributes(json!([]), &all_of_them);
    update["minProperties"] = json!(1);
    let kind = json!({ "const": "mdmServers" });
    let create = object(json!(["type", "attributes"]), json!({ "type": kind, "attributes": create }));
    let update = object(
        json!(["type", "id", "attributes"]),
        json!({ "type": kind, "id": { "type": "string", "minLength": 1 }, "attributes": update }),
    );
    let request = |data: Value| object(json!(["data"]), json!({ "data": data }));
    let relation = reference("RelationshipLinks.json");
    let made = [
        ("Related", object(json!([]), json!({}))),
        ("ActivityTypeMetadata", object(json!([]), json!({}))),
        ("Certificate", object(json!(["name", "data"]), json!({}))),
        ("ActivationLock.Attributes", object(json!([]), json!({}))),
        ("DataOfDevice", linkage("orgDevices")),
        ("OrgDevicesResponse", list(reference("OrgDevice.json"))),
        ("OrgDeviceResponse", single(reference("OrgDevice.json"))),
        ("MdmServerResponse", single(reference("MdmServer.json"))),
        ("AssignedServerResponse", single(or_null(reference("MdmServer.json")))),
        (
            // An unassigned device: nothing, or a linkage without an id (section 4.3).
            "AssignedServerLinkage",
            object(json!(["links"]), json!({ "data": or_null(linkage("mdmServers")), "links": relation })),
        ),
        ("DeviceLinkages", list(reference("DataOfDevice"))),
        ("AppleCareCoverageResponse", list(resource("appleCareCoverage", plain(&coverage)))),
        ("ActivationLockResponse", {
            let attributes = reference("ActivationLock.Attributes");
            let mut one = resource("", attributes);
            // The name of the type is nowhere written.
            one["properties"]["type"] = json!({ "type": "string" });
            single(one)
        }),
        ("MdmDevicesResponse", list(resource("mdmDevices", plain(&built_in)))),
        ("MdmDeviceResponse", {
            let mut one = resource("", details);
            one["properties"]["type"] = json!({ "enum": ["mdmDevices", "mdmDeviceDetails"] });
            single(one)
        }),
        ("MdmServerCreateRequest", request(create)),
        ("MdmServerUpdateRequest", request(update)),
    ];
    for (name, schema) in made {
        let twin = all.insert(name.to_owned(), schema);
        assert!(twin.is_none(), "the schemas describe {name} already");
    }
    // An answer without its limit is none (section 3); and a list of services has it as all have.
    all["MdmServersResponse.json"]["required"] = json!(["data", "links", "meta"]);
    // An error says at least one thing (section 14).
    all["ErrorResponse.json"]["required"] = json!(["errors"]);
    all["ErrorResponse.json"]["properties"]["errors"]["minItems"] = json!(1);
}

/// Closes what is to be closed, and lets texts of answers be null.
fn finish(definition: &str, schema: &mut Value, of: Use) {
    let Some(members) = schema.as_object_mut() else { return };
    if of != Use::Answers && members.contains_key("properties") {
        members.entry("additionalProperties").or_insert(json!(false));
    }
    let is_attributes = definition.ends_with(".Attributes") && of != Use::Requests;
    for (keyword, value) in members.iter_mut() {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                for member in properties.values_mut() {
                    if is_attributes && *member == json!({ "type": "string" }) {
                        *member = Is::TextOrNull.schema();
                    }
                    finish("", member, of);
                }
            }
            ("items", inner) => finish("", inner, of),
            ("anyOf" | "oneOf", Value::Array(branches)) => {
                branches.iter_mut().for_each(|branch| finish("", branch, of));
            }
            _ => {}
        }
    }
}
