//! JSON Schema (draft 2020-12) from the field tables, for editors. PURE.

use serde_json::{Map, Value, json};

use super::kinds;
use super::shape::{Field, Shape, Type};
use crate::model::{Kind, screens};

/// A GUID as Entra shows it.
const GUID: &str = "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$";

/// A domain name of two labels at least, whose last one is no number.
const DOMAIN: &str = "^([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\\.)+[A-Za-z0-9-]*[A-Za-z][A-Za-z0-9-]*$";

const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of one kind's documents.
pub fn schema(kind: Kind) -> Value {
    let mut schema = document(kind);
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".to_owned(), DRAFT.into());
    }
    schema
}

/// The schema of any document, told apart by `kind`.
pub fn schema_all() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "espalier document",
        "description": "A document of any kind.",
        "oneOf": Kind::ALL.map(document),
    })
}

fn document(kind: Kind) -> Value {
    let spec = kinds::spec_of(kind);
    json!({
        "title": kind.as_str(),
        "description": spec.doc,
        "type": "object",
        "additionalProperties": false,
        "required": ["apiVersion", "kind", "metadata", "spec"],
        "properties": {
            "apiVersion": { "description": "The version of the document's format.", "const": kinds::API_VERSION },
            "kind": { "description": "The kind of the document; it stands before spec.", "const": kind.as_str() },
            "metadata": object(&kinds::METADATA),
            "spec": object(spec),
        },
    })
}

fn object(shape: &Shape) -> Value {
    let carried = || shape.fields.iter().filter(|field| field.is_carried());
    let properties: Map<String, Value> =
        carried().map(|field| (field.name.to_owned(), property(field))).collect();
    let mut schema = json!({
        "description": shape.doc,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    let mut required: Vec<&str> = carried().filter(|field| field.required).map(|field| field.name).collect();
    let mut choices = Vec::new();
    for group in shape.one_of {
        let names: Vec<&str> =
            carried().map(|field| field.name).filter(|name| group.names.contains(name)).collect();
        match (names.as_slice(), group.required) {
            ([one], true) => required.push(one),
            ([_], false) | ([], _) => {}
            (names, true) => choices.push(json!({ "oneOf": names.iter().map(|name| json!({ "required": [name] })).collect::<Vec<_>>() })),
            (names, false) => {
                for (at, one) in names.iter().enumerate() {
                    let pairs = names[at + 1..].iter().map(|other| json!({ "not": { "required": [one, other] } }));
                    choices.extend(pairs);
                }
            }
        }
    }
    if let Some(object) = schema.as_object_mut() {
        if !required.is_empty() {
            object.insert("required".to_owned(), required.into());
        }
        if !choices.is_empty() {
            object.insert("allOf".to_owned(), choices.into());
        }
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = ty(field.ty);
    if field.no_null.is_none() {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".to_owned(), field.doc.into());
    }
    schema
}

fn ty(ty_of: Type) -> Value {
    match ty_of {
        // Numbers and booleans are taken by their spelling.
        Type::Text => json!({ "type": ["string", "number", "boolean"] }),
        Type::Filled => json!({ "type": ["string", "number", "boolean"], "minLength": 1 }),
        Type::Path => json!({ "type": "string", "minLength": 1 }),
        Type::Bool => json!({ "type": "boolean" }),
        Type::Int(least, i64::MAX) => json!({ "type": "integer", "minimum": least }),
        Type::Int(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Type::Word(words) => {
            let words: Vec<&str> = words.iter().filter(|word| !word.later).map(|word| word.word).collect();
            json!({ "type": "string", "enum": words })
        }
        Type::Name => json!({ "type": ["string", "integer"], "pattern": "^[a-z0-9][a-z0-9-]{0,62}$" }),
        Type::Duration => json!({ "type": "string", "pattern": "^[0-9]+[dhms]$" }),
        Type::Time => json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}" }),
        Type::Instant => {
            json!({ "type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}" })
        }
        Type::Uuid => json!({ "type": "string", "format": "uuid" }),
        Type::Guid => json!({ "type": "string", "pattern": GUID }),
        Type::Tenant => json!({ "type": "string", "anyOf": [{ "pattern": GUID }, { "pattern": DOMAIN }] }),
        Type::Origin => json!({ "type": "string", "format": "uri" }),
        Type::List(item) => json!({ "type": "array", "items": ty(*item) }),
        Type::Map(item) => json!({ "type": "object", "additionalProperties": ty(*item) }),
        Type::WordMap(words, item) => {
            let properties: Map<String, Value> = words
                .iter()
                .filter(|word| !word.later)
                .map(|word| (word.word.to_owned(), ty(*item)))
                .collect();
            json!({ "type": "object", "additionalProperties": false, "properties": properties })
        }
        Type::Object(shape) => object(shape),
        Type::HttpsUrl => json!({ "type": "string", "format": "uri", "pattern": "^https://" }),
        Type::Secret => secret(),
        Type::SecretOrPath => json!({ "anyOf": [ty(Type::Path), secret()] }),
        Type::Serials => json!({
            "type": "array",
            "items": { "type": ["string", "number"], "pattern": "^[A-Z0-9]{8,15}$" },
        }),
        // Labels and Apple's keys are taken as aliases; editors offer the names.
        Type::Screen => {
            let names: Vec<&str> = screens::SCREENS.iter().map(|screen| screen.name).collect();
            json!({ "anyOf": [{ "enum": names }, { "type": "string", "description": "The portal's label or Apple's key." }] })
        }
        Type::Tokens => json!({
            "anyOf": [{ "type": "array", "items": ty(Type::Name) }, object(&kinds::MATCH_LABELS)],
        }),
        Type::Anything => json!(true),
    }
}

fn secret() -> Value {
    let way = |description: &str, properties: Value, required: &[&str]| {
        json!({
            "description": description,
            "type": "object",
            "additionalProperties": false,
            "properties": properties,
            "required": required,
        })
    };
    let text = json!({ "type": "string", "minLength": 1 });
    json!({
        "anyOf": [
            way("An environment variable of the runner.", json!({ "env": text }), &["env"]),
            way("A file, relative to the document.", json!({ "file": text }), &["file"]),
            way("A value of a file that sops decrypts.", json!({ "sops": text, "key": text }), &["sops", "key"]),
            way(
                "A program of the runner, only where ESPALIER_ALLOW=exec.",
                json!({ "exec": { "type": "array", "items": { "type": "string" }, "minItems": 1 } }),
                &["exec"],
            ),
        ],
    })
}
