//! The bodies of activities held to Apple's own schemas, where the contracts are at hand. What is newer
//! than the schemas is added to them: the deadline of migrations (Business 2.3).

use std::path::Path;

use super::actuate::{activities, done};
use super::*;

/// Resolves the references of Apple's schemas: by the name of a file in their folder.
struct Folder(std::path::PathBuf);

impl jsonschema::Retrieve for Folder {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<Json, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.path().as_str().rsplit('/').next().unwrap_or_default().to_owned();
        Ok(serde_json::from_str(&std::fs::read_to_string(self.0.join(name))?)?)
    }
}

/// Closes every object of a schema that lists its members.
fn close(schema: &mut Json) {
    if let Some(members) = schema.as_object_mut() {
        if members.contains_key("properties") {
            members.insert("additionalProperties".into(), json!(false));
        }
        members.values_mut().for_each(close);
    } else if let Some(items) = schema.as_array_mut() {
        items.iter_mut().for_each(close);
    }
}

#[tokio::test]
async fn every_activity_satisfies_apples_schema() {
    let Some(contracts) = std::env::var_os("ESPALIER_CONTRACTS") else {
        assert!(std::env::var_os("ESPALIER_REQUIRE_REAL").is_none_or(|set| set != "1"), "no contracts");
        return;
    };
    let folder = Path::new(&contracts).join("apple-device-services/abm/schemas");
    let text = std::fs::read_to_string(folder.join("OrgDeviceActivityCreateRequest.json")).unwrap();
    let mut schema: Json = serde_json::from_str(&text).unwrap();
    let deadline = json!({ "type": "object", "required": ["mdmMigrationDeadlineDateTime"],
        "properties": { "mdmMigrationDeadlineDateTime": { "type": "string", "format": "date-time" } } });
    schema["$defs"]["OrgDeviceActivityCreateRequest.Data.Attributes"]["properties"]["activityTypeMetadata"] =
        deadline;
    schema["$id"] = json!("https://contracts.invalid/OrgDeviceActivityCreateRequest.json");
    close(&mut schema);
    let validator = jsonschema::options()
        .with_retriever(Folder(folder))
        .should_validate_formats(true)
        .build(&schema)
        .unwrap();
    for (activity, _) in activities() {
        let made = json!({ "data": { "id": "a" } });
        let fixture = Fixture::start(in_turn(vec![ok(made)])).await;
        done(fixture.actuator().begin(&activity, &[serial("A"), serial("B")]).await);
        let body = fixture.calls()[0].json();
        let faults: Vec<String> =
            validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(faults.is_empty(), "{activity:?}: {faults:?}");
        let mut worse = body.clone();
        worse["data"]["attributes"]["planted"] = json!(1);
        assert!(!validator.is_valid(&worse), "the judge is closed");
    }
}
