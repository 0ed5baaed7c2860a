//! Answers held to the description of the API by somebody else, where there is one: the folder that
//! `ESPALIER_CONTRACTS` names. It is older than what is served here; what it describes has to hold.

use std::path::PathBuf;

use jsonschema::Validator;
use serde_json::Map;

use super::*;

/// The folder of the schemas; `None`, with a word about it, where there is none.
fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("ESPALIER_CONTRACTS")
        .map(|contracts| PathBuf::from(contracts).join("apple-device-services/abm/schemas"))
        .filter(|folder| folder.is_dir());
    if folder.is_none() {
        assert!(
            std::env::var("ESPALIER_REQUIRE_REAL").as_deref() != Ok("1"),
            "ESPALIER_CONTRACTS names no folder with apple-device-services/abm/schemas"
        );
        eprintln!("skipped: ESPALIER_CONTRACTS is not set");
    }
    folder
}

/// All schemas as definitions of one document, by the name of their file.
fn definitions(folder: &std::path::Path) -> Map<String, Value> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|file| file.extension().is_some_and(|kind| kind == "json"))
        .map(|file| {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let mut schema: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
            point(&mut schema, &name);
            (name, schema)
        })
        .collect()
}

/// Lets references point into the one document.
fn point(schema: &mut Value, file: &str) {
    match schema {
        Value::Object(members) => {
            members.remove("$schema");
            for (name, value) in members {
                match (name.as_str(), value.as_str()) {
                    ("$ref", Some(target)) => {
                        *value = match target.strip_prefix("#/") {
                            Some(inner) => json!(format!("#/$defs/{file}/{inner}")),
                            None => json!(format!("#/$defs/{target}")),
                        };
                    }
                    _ => point(value, file),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| point(item, file)),
        _ => {}
    }
}

struct Judge(Map<String, Value>);

impl Judge {
    fn holds(&self, name: &str, value: &Value) {
        let schema = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": format!("#/$defs/{name}"), "$defs": self.0,
        });
        let validator: Validator =
            jsonschema::draft202012::options().should_validate_formats(true).build(&schema).unwrap();
        let faults: Vec<String> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{name}: {faults:?}\n{value}");
    }
}

#[tokio::test]
async fn answers_are_as_they_are_described() {
    let Some(folder) = folder() else { return };
    let judge = Judge(definitions(&folder));
    let desk = Desk::new().await;
    judge.holds("MdmServersResponse.json", &desk.get("/v1/mdmServers?limit=2").await);
    let request = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1", "ALONE1"]);
    judge.holds("OrgDeviceActivityCreateRequest.json", &request);
    let told = desk.ask("POST", "/v1/orgDeviceActivities", Some(request)).await;
    judge.holds("OrgDeviceActivityResponse.json", &told.json());
    let id = told.json()["data"]["id"].as_str().unwrap().to_owned();
    for _ in 0..6 {
        judge.holds(
            "OrgDeviceActivityResponse.json",
            &desk.get(&format!("/v1/orgDeviceActivities/{id}")).await,
        );
        desk.advance(3);
    }
    for (method, path, body) in [
        ("GET", "/v1/orgDevices?limit=0", None),
        ("GET", "/v1/orgDevices/NOBODY", None),
        ("GET", "/v1/nothing", None),
        ("DELETE", "/v1/orgDevices/FREE1", None),
        ("POST", "/v1/orgDeviceActivities", Some(desk.activity("WIPE", Some("Alone"), &["FREE1"]))),
        (
            "POST",
            "/v1/orgDeviceActivities",
            Some(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["NOBODY"])),
        ),
        ("POST", "/v1/mdmServers", Some(json!({}))),
    ] {
        let told = desk.ask(method, path, body).await;
        assert!(told.status >= 400);
        judge.holds("ErrorResponse.json", &told.json());
    }
    let page = desk.get("/v1/orgDevices?limit=3").await;
    judge.holds("PagedDocumentLinks.json", &page["links"]);
    judge.holds("PagingInformation.json", &page["meta"]);
    // The description is of a time when these were texts.
    desk.fault(json!({"fault": "text-members"}));
    for row in desk.all("/v1/orgDevices", 3).await {
        judge.holds("OrgDevice.json", &row);
    }
}
