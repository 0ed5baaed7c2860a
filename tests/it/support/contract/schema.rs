//! OpenAPI 3.0 component schemas as JSON Schema 2020-12.
//!
//! What differs between the two, and what this file does about it:
//!
//! | OpenAPI 3.0 | here |
//! |---|---|
//! | `nullable: true` | `null` joins the types and the enum |
//! | `anyOf: [X, {type: object, nullable: true}]` | `anyOf: [X, {type: null}]`; taken literally the second branch would accept any object |
//! | `discriminator` | an if/then chain over `@odata.type`; a type outside the mapping is a failure |
//! | `allOf: [base, {…}]` | inheritance: parts stay open, the concrete type is closed around them |
//! | `x-flags-enum` | one member or several joined by commas |
//!
//! Every component becomes three definitions: `part.T` (its own members, open, for inheritance),
//! `one.T` (exactly that type, closed where asked) and `any.T` (T or the subtype that the document
//! names). A keyword that is not known here stops the translation: a rule that is silently
//! dropped would make a judge that cannot fail.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

const COMPONENTS: &str = "#/components/schemas/";

/// Whether members that a schema does not describe are failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Members {
    /// Requests: a misspelled member must not pass.
    Closed,
    /// Answers: services add members at any time.
    Open,
}

/// The component schemas of one description.
#[derive(Debug)]
pub struct Components<'a> {
    schemas: &'a Map<String, Value>,
    members: Members,
}

impl<'a> Components<'a> {
    /// Components of the document `openapi`, for bodies in which unknown members are as `members` says.
    pub fn of(openapi: &'a Value, members: Members) -> Self {
        let schemas =
            openapi["components"]["schemas"].as_object().expect("the description has component schemas");
        Self { schemas, members }
    }

    /// A whole JSON Schema for a body that `schema` describes, with the definitions it reaches.
    pub fn body_schema(&self, schema: &Value) -> Value {
        let root = self.used(schema);
        let mut defs = BTreeMap::new();
        let mut open: Vec<String> = references(&root).into_iter().collect();
        while let Some(name) = open.pop() {
            if defs.contains_key(&name) {
                continue;
            }
            let definition = self.definition(&name);
            open.extend(references(&definition));
            defs.insert(name, definition);
        }
        json!({ "$schema": "https://json-schema.org/draft/2020-12/schema", "allOf": [root], "$defs": defs })
    }

    fn component(&self, name: &str) -> &'a Value {
        self.schemas
            .get(name)
            .unwrap_or_else(|| panic!("the description refers to {name} and has no such schema"))
    }

    fn definition(&self, name: &str) -> Value {
        let (role, name) = name.split_once('.').expect("definitions are named role.type");
        let schema = self.component(name);
        match role {
            "part" => self.part(schema),
            "one" => self.exactly(name, schema),
            _ => self.named_subtype(name, schema),
        }
    }

    /// The type's own members and those of its bases, open.
    fn part(&self, schema: &Value) -> Value {
        let Some(parts) = schema["allOf"].as_array() else { return self.plain(schema, Members::Open) };
        let parts: Vec<Value> = parts
            .iter()
            .map(|part| match reference(part) {
                Some(base) => json!({ "$ref": format!("#/$defs/part.{base}") }),
                None => self.plain(part, Members::Open),
            })
            .collect();
        json!({ "allOf": parts })
    }

    /// Exactly this type: `@odata.type`, where it is given, names it.
    fn exactly(&self, name: &str, schema: &Value) -> Value {
        let mut exact = json!({ "$ref": format!("#/$defs/part.{name}") });
        if !is_object(schema) {
            return exact;
        }
        if !name.ends_with("CollectionResponse") {
            exact["properties"] = json!({ "@odata.type": { "enum": [format!("#{name}"), name, null] } });
        }
        if self.members == Members::Closed {
            exact["unevaluatedProperties"] = json!(false);
        }
        exact
    }

    /// The type, or the subtype of it that `@odata.type` names.
    fn named_subtype(&self, name: &str, schema: &Value) -> Value {
        let exact = json!({ "$ref": format!("#/$defs/one.{name}") });
        self.subtypes(schema).into_iter().filter(|subtype| subtype != name).fold(
            exact,
            |otherwise, subtype| {
                json!({
                    "if": {
                        "type": "object",
                        "required": ["@odata.type"],
                        "properties": { "@odata.type": { "enum": [format!("#{subtype}"), subtype] } },
                    },
                    "then": { "$ref": format!("#/$defs/one.{subtype}") },
                    "else": otherwise,
                })
            },
        )
    }

    /// All types below `schema`'s in its discriminator and in theirs.
    fn subtypes(&self, schema: &Value) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        let mut open = vec![schema];
        while let Some(schema) = open.pop() {
            let Some(mapping) = schema["discriminator"]["mapping"].as_object() else { continue };
            for target in mapping.values() {
                let name = target.as_str().and_then(|text| text.strip_prefix(COMPONENTS));
                let name = name.expect("a discriminator maps to a component");
                if all.insert(name.to_owned()) {
                    open.push(self.component(name));
                }
            }
        }
        all
    }

    /// A schema where a value stands: a member, an item, a body.
    fn used(&self, schema: &Value) -> Value {
        if let Some(name) = reference(schema) {
            return json!({ "$ref": format!("#/$defs/any.{name}") });
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return nullable_too(schema, self.used_all_of(parts));
        }
        if let Some(branches) = schema["anyOf"].as_array() {
            return nullable_too(schema, self.used_any_of(schema, branches));
        }
        self.plain(schema, self.members)
    }

    /// One reference in `allOf` is a plain use of that type; several parts are an unnamed subtype.
    fn used_all_of(&self, parts: &[Value]) -> Value {
        if let [only] = parts {
            return self.used(only);
        }
        let mut whole = self.part(&json!({ "allOf": parts }));
        if self.members == Members::Closed {
            whole["unevaluatedProperties"] = json!(false);
        }
        whole
    }

    fn used_any_of(&self, schema: &Value, branches: &[Value]) -> Value {
        let flags = schema["x-flags-enum"] == json!(true);
        let branches: Vec<Value> = branches
            .iter()
            .map(|branch| match (reference(branch), branch["type"].as_str()) {
                (Some(_), _) => self.used(branch),
                (None, Some("string")) if flags => self.flags(&branches[0]),
                (None, Some("object")) if branch["nullable"] == json!(true) => json!({ "type": "null" }),
                _ => self.used(branch),
            })
            .collect();
        json!({ "anyOf": branches })
    }

    /// The members of the enum that `first` refers to, joined by commas.
    fn flags(&self, first: &Value) -> Value {
        let name = reference(first).expect("a flags enumeration refers to its enum first");
        let members: Vec<&str> =
            self.component(name)["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let one = format!("({})", members.join("|"));
        json!({ "type": "string", "pattern": format!("^{one}(, ?{one})*$") })
    }

    /// A schema without composition, keyword by keyword.
    fn plain(&self, schema: &Value, members: Members) -> Value {
        let source = schema.as_object().expect("a schema is an object");
        let nullable = source.get("nullable") == Some(&json!(true));
        let mut plain = Map::new();
        for (keyword, value) in source {
            match keyword.as_str() {
                "type" => {
                    plain
                        .insert("type".into(), if nullable { json!([value, "null"]) } else { value.clone() });
                }
                "enum" => {
                    let mut values = value.as_array().expect("an enum is a list").clone();
                    values.extend(nullable.then_some(Value::Null));
                    plain.insert("enum".into(), Value::Array(values));
                }
                "properties" => {
                    let properties = value.as_object().expect("properties are an object");
                    let properties =
                        properties.iter().map(|(name, member)| (name.clone(), self.used(member)));
                    plain.insert("properties".into(), properties.collect());
                    if members == Members::Closed {
                        plain.insert("unevaluatedProperties".into(), json!(false));
                    }
                }
                "items" => {
                    plain.insert("items".into(), self.used(value));
                }
                "required" | "pattern" | "minimum" | "maximum" | "uniqueItems" => {
                    plain.insert(keyword.clone(), value.clone());
                }
                // Words for people, and facts that another keyword carries or that are judged elsewhere.
                "nullable" | "title" | "description" | "format" | "readOnly" | "discriminator" => {}
                marker if marker.starts_with("x-") => {}
                unknown => panic!("the judge does not know the schema keyword {unknown:?}"),
            }
        }
        Value::Object(plain)
    }
}

/// The component that a `$ref` names.
fn reference(schema: &Value) -> Option<&str> {
    let target = schema.get("$ref")?.as_str()?;
    Some(target.strip_prefix(COMPONENTS).unwrap_or_else(|| panic!("{target} is no component schema")))
}

fn is_object(schema: &Value) -> bool {
    schema.get("allOf").is_some() || schema["type"] == json!("object")
}

fn nullable_too(schema: &Value, used: Value) -> Value {
    if schema["nullable"] == json!(true) { json!({ "anyOf": [used, { "type": "null" }] }) } else { used }
}

/// The names of all definitions that a translated schema refers to.
fn references(schema: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    match member.as_str().and_then(|text| text.strip_prefix("#/$defs/")) {
                        Some(target) if name == "$ref" => {
                            found.insert(target.to_owned());
                        }
                        _ => open.push(member),
                    }
                }
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    found
}
