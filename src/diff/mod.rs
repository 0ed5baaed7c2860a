//! Compares canonical objects, and finds which live object a document means. PURE.

pub mod identity;

use serde::{Deserialize, Serialize};

use crate::model::{FieldName, Fields, Value};

/// A field before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldChange {
    /// The field as users write it.
    #[schemars(with = "String")]
    pub field: FieldName,
    /// What it is.
    pub before: Value,
    /// What it shall be.
    pub after: Value,
}

/// The fields of `wished` that `live` has otherwise. Fields that only one side knows about are not
/// compared: a wish that is missing manages nothing, and a live field that was not read is
/// [`Value::None`] to nobody.
pub fn compare(wished: &Fields, live: &Fields) -> Vec<FieldChange> {
    let cancelled = cancelled(wished, live);
    wished
        .iter()
        .filter(|(field, _)| !cancelled(field.as_ref()))
        .filter_map(|(field, after)| {
            let before = live.get(field).cloned().unwrap_or(Value::None);
            (before != *after).then(|| FieldChange { field: field.clone(), before, after: after.clone() })
        })
        .collect()
}

/// `live` overlaid with `wished`: the object as it would be. Rules over several fields judge this.
pub fn overlay(live: &Fields, wished: &Fields) -> Fields {
    let mut result = live.clone();
    for (field, value) in wished {
        result.insert(field.clone(), value.clone());
    }
    if result.get("sharedIpad") != Some(&Value::Bool(true)) {
        result.retain(|field, _| !field.starts_with("sharedIpad."));
    }
    result
}

/// Members that the service returns although another one cancels them are no drift (P-18): with
/// temporary sessions only, the cached users and both timeouts of lasting sessions; with Shared
/// iPad off, everything below it.
fn cancelled(wished: &Fields, live: &Fields) -> impl Fn(&str) -> bool {
    let resulting =
        |field: &str| wished.get(field).or_else(|| live.get(field)).and_then(Value::as_bool).unwrap_or(false);
    let off = !resulting("sharedIpad");
    let temporary = resulting("sharedIpad.temporarySessionOnly");
    move |field: &str| {
        (off && field.starts_with("sharedIpad."))
            || (temporary
                && matches!(
                    field,
                    "sharedIpad.maximumCachedUsers"
                        | "sharedIpad.passwordAfterLockSeconds"
                        | "sharedIpad.userSessionTimeoutSeconds"
                ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, Value)]) -> Fields {
        pairs.iter().map(|(field, value)| ((*field).into(), value.clone())).collect()
    }

    #[test]
    fn an_object_does_not_differ_from_itself() {
        let object = fields(&[("supervised", Value::Bool(true)), ("department", Value::text("IT"))]);
        assert!(compare(&object, &object).is_empty());
    }

    #[test]
    fn fields_that_are_not_wished_are_not_compared() {
        let live = fields(&[("supervised", Value::Bool(false)), ("department", Value::text("IT"))]);
        assert!(compare(&fields(&[("department", Value::text("IT"))]), &live).is_empty());
    }

    #[test]
    fn overlaying_the_wish_leaves_nothing_to_compare() {
        let live = fields(&[
            ("sharedIpad", Value::Bool(true)),
            ("sharedIpad.maximumCachedUsers", Value::Int(10)),
            ("department", Value::None),
        ]);
        let wished = fields(&[("sharedIpad", Value::Bool(false)), ("department", Value::text("IT"))]);
        let result = overlay(&live, &wished);
        assert!(compare(&wished, &result).is_empty());
        assert!(!result.contains_key("sharedIpad.maximumCachedUsers"));
    }

    #[test]
    fn p18_cancelled_members_are_not_drift() {
        let wished = fields(&[
            ("sharedIpad", Value::Bool(true)),
            ("sharedIpad.temporarySessionOnly", Value::Bool(true)),
            ("sharedIpad.maximumCachedUsers", Value::Int(5)),
        ]);
        let mut live = wished.clone();
        live.insert("sharedIpad.maximumCachedUsers".into(), Value::Int(10));
        assert!(compare(&wished, &live).is_empty());
    }
}
