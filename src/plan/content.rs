//! What a profile at Apple's enrollment service comes to: the fields that one can carry, without
//! those that are at their default. PURE.
//!
//! Apple takes profiles whole, lists none of them and changes none, so a profile is known by what it
//! says. Two contents are equal when they say the same in this form, whether a default was written or
//! left out: a later version that knows a further field, or a service that spells defaults out, makes
//! no other content of it. Nor does what only people read (`description`), which Apple has no place for.

use super::FieldChange;
use super::file::sha256;
use crate::model::{Fields, Value, settings};

/// The screens of Setup Assistant, with `hide` or `show`; one that is not listed is shown.
const SCREENS: &str = "setupAssistant.";

/// Whether a profile at Apple's enrollment service carries a field of the canonical form, for devices
/// of any platform: the service does not know for which one a profile is.
pub fn carries(field: &str) -> bool {
    let carried = |setting: &settings::Setting| setting.apple.0 != settings::AppleMember::None;
    field.starts_with(SCREENS) || settings::setting(field).is_some_and(carried)
}

/// What a field is where nothing is said of it.
fn preset(field: &str) -> Value {
    if field.starts_with(SCREENS) {
        return Value::text("show");
    }
    settings::preset(field).unwrap_or(Value::None)
}

/// Whether a field is a screen of Setup Assistant that is shown, as every one is by itself.
pub fn is_shown_screen(field: &str, value: &Value) -> bool {
    field.starts_with(SCREENS) && *value == preset(field)
}

/// Whether a value says no more than nothing does.
fn is_preset(field: &str, value: &Value) -> bool {
    match value {
        _ if *value == preset(field) => true,
        Value::None => true,
        Value::List(items) => items.is_empty(),
        Value::Bool(_) | Value::Int(_) | Value::Text(_) => false,
    }
}

/// The fields that are carried and say more than their default.
fn normal(fields: &Fields) -> impl Iterator<Item = (&str, &Value)> {
    fields
        .iter()
        .map(|(field, value)| (field.as_ref(), value))
        .filter(|(field, value)| carries(field) && !is_preset(field, value))
}

/// The hash over a content: `sha256:` and hex over its normalised form as JSON, by ascending names.
pub fn hash(fields: &Fields) -> String {
    let normal: serde_json::Map<String, serde_json::Value> =
        normal(fields).map(|(field, value)| (field.to_owned(), serde_json::json!(value))).collect();
    sha256(&serde_json::Value::Object(normal).to_string())
}

/// Whether two contents say the same.
pub fn equal(one: &Fields, other: &Fields) -> bool {
    normal(one).eq(normal(other))
}

/// What differs between two contents, by ascending names.
pub fn changes(before: &Fields, after: &Fields) -> Vec<FieldChange> {
    let mut names: Vec<_> =
        before.keys().chain(after.keys()).filter(|field| carries(field)).cloned().collect();
    names.sort();
    names.dedup();
    let said = |fields: &Fields, field: &str| match fields.get(field) {
        Some(value) if !is_preset(field, value) => value.clone(),
        _ => preset(field),
    };
    let change = |field: crate::model::FieldName| {
        let (before, after) = (said(before, &field), said(after, &field));
        (before != after).then_some(FieldChange { field, before, after })
    };
    names.into_iter().filter_map(change).collect()
}

/// The hash over what a content was before changes that led to it.
pub fn former_hash(fields: &Fields, changes: &[FieldChange]) -> String {
    let mut former = fields.clone();
    for change in changes {
        former.insert(change.field.clone(), change.before.clone());
    }
    hash(&former)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, Value)]) -> Fields {
        pairs.iter().map(|(field, value)| ((*field).into(), value.clone())).collect()
    }

    #[test]
    fn what_is_at_its_default_says_nothing() {
        let short = fields(&[("displayName", Value::text("iPads")), ("ade.url", Value::text("https://m"))]);
        let mut long = short.clone();
        long.extend(fields(&[
            ("supervised", Value::Bool(true)),
            ("lockedEnrollment", Value::Bool(false)),
            ("department", Value::None),
            ("pairing.mode", Value::text("allowAll")),
            ("pairing.certificates", Value::List(Vec::new())),
            ("setupAssistant.siri", Value::text("show")),
            ("ade.mandatory", Value::Bool(false)),
        ]));
        assert!(equal(&short, &long) && hash(&short) == hash(&long));
        assert!(changes(&short, &long).is_empty());
        long.insert("setupAssistant.siri".into(), Value::text("hide"));
        assert!(!equal(&short, &long) && hash(&short) != hash(&long));
        let [change] = &changes(&short, &long)[..] else { panic!() };
        assert_eq!((&change.before, &change.after), (&Value::text("show"), &Value::text("hide")));
    }

    #[test]
    fn what_apple_has_no_place_for_says_nothing() {
        let one = fields(&[("displayName", Value::text("iPads"))]);
        let mut other = one.clone();
        other.extend(fields(&[
            ("description", Value::text("for people")),
            ("userAffinity", Value::text("user")),
            ("sharedIpad.maximumCachedUsers", Value::Int(5)),
        ]));
        assert!(equal(&one, &other));
    }

    #[test]
    fn a_truth_value_that_is_false_counts_where_true_is_the_default() {
        let none = fields(&[("displayName", Value::text("iPads"))]);
        let off = fields(&[("displayName", Value::text("iPads")), ("supervised", Value::Bool(false))]);
        assert!(!equal(&none, &off));
        let [change] = &changes(&none, &off)[..] else { panic!() };
        assert_eq!((&change.before, &change.after), (&Value::Bool(true), &Value::Bool(false)));
        let [back] = &changes(&off, &none)[..] else { panic!() };
        assert_eq!((&back.before, &back.after), (&Value::Bool(false), &Value::Bool(true)));
    }

    #[test]
    fn equal_contents_have_no_changes_and_others_have() {
        let one = fields(&[("department", Value::text("IT")), ("sharedIpad", Value::Bool(true))]);
        let other = fields(&[("department", Value::text("Sales")), ("autoAdvance", Value::Bool(true))]);
        for (a, b) in [(&one, &one), (&one, &other), (&other, &Fields::new())] {
            assert_eq!(equal(a, b), changes(a, b).is_empty());
            assert_eq!(equal(a, b), hash(a) == hash(b));
            assert_eq!(former_hash(b, &changes(a, b)), hash(a));
        }
    }
}
