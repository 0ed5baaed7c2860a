//! Outputs held to the schemas in `schemas/`.

use std::path::Path;

use serde_json::Value;

/// Holds a value to `schemas/NAME.schema.json`.
///
/// # Panics
///
/// With every violation.
#[track_caller]
pub fn holds(name: &str, value: &Value) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("schemas/{name}.schema.json"));
    let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let schema = serde_json::from_str(&text).expect("a schema is JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema is one");
    let faults: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(faults.is_empty(), "against {name}:\n{}\n{value:#}", faults.join("\n"));
}
