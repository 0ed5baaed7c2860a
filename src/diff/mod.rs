//! Compares canonical objects, and finds which live object a document means. PURE.

pub mod identity;

use serde::{Deserialize, Serialize};

use crate::model::{FieldName, Fields, Value, settings};

/// "Install Company Portal": a choice of one sign-in only.
const INSTALL: &str = "companyPortal.install";

/// Whether the sign-in has the choice to install Company Portal.
fn has_install(fields: &Fields) -> bool {
    fields.get("authentication").and_then(Value::as_text) == Some("setupAssistantLegacy")
}

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
/// [`Value::None`] to nobody. Nor are those that never come back ([`settings::WRITE_ONLY`]): who
/// remembers what was applied last compares them.
pub fn compare(wished: &Fields, live: &Fields) -> Vec<FieldChange> {
    let cancelled = cancelled(wished, live);
    wished
        .iter()
        .filter(|(field, _)| !cancelled(field) && !settings::WRITE_ONLY.contains(&field.as_ref()))
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
    if result.get("localAdmin") == Some(&Value::Bool(false)) {
        result.retain(|field, _| !field.starts_with("localAdmin."));
    }
    // Another sign-in has no such choice; only a wish that says so is a contradiction.
    if !wished.contains_key(INSTALL) && !has_install(&result) {
        result.remove(INSTALL);
    }
    result
}

/// Members that the service returns although another one cancels them are no drift (P-18): with
/// temporary sessions only, the cached users and both timeouts of lasting sessions; with Shared
/// iPad off, everything below it. So it is with the parts of a local administrator that is off, and
/// with the installation of Company Portal where another sign-in than the legacy one decides it.
fn cancelled(wished: &Fields, live: &Fields) -> impl Fn(&str) -> bool {
    let resulting =
        |field: &str| wished.get(field).or_else(|| live.get(field)).and_then(Value::as_bool).unwrap_or(false);
    let off = !resulting("sharedIpad");
    let temporary = resulting("sharedIpad.temporarySessionOnly");
    let admin = wished.get("localAdmin").or_else(|| live.get("localAdmin"));
    let no_admin = admin == Some(&Value::Bool(false));
    let sign_in =
        wished.get("authentication").or_else(|| live.get("authentication")).and_then(Value::as_text);
    let other_sign_in = sign_in != Some("setupAssistantLegacy");
    move |field: &str| {
        (off && field.starts_with("sharedIpad."))
            || (no_admin && field.starts_with("localAdmin."))
            || (other_sign_in && field == INSTALL)
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

    #[test]
    fn p4_company_portal_is_installed_by_choice_with_the_legacy_sign_in_only() {
        let wished =
            |method: &str| fields(&[("authentication", Value::text(method)), (INSTALL, Value::Bool(true))]);
        let live = fields(&[("authentication", Value::text("companyPortal"))]);
        assert!(compare(&wished("companyPortal"), &live).is_empty());
        let changed: Vec<_> =
            compare(&wished("setupAssistantLegacy"), &live).into_iter().map(|change| change.field).collect();
        assert_eq!(changed, ["authentication", INSTALL]);
        // A live choice goes with the sign-in that had it; a wish beside another one stays to be judged.
        let legacy = wished("setupAssistantLegacy");
        let modern = fields(&[("authentication", Value::text("setupAssistantModern"))]);
        assert!(!overlay(&legacy, &modern).contains_key(INSTALL));
        assert!(overlay(&legacy, &wished("setupAssistantModern")).contains_key(INSTALL));
    }

    #[test]
    fn a_local_administrator_that_is_off_has_no_parts() {
        let live = fields(&[
            ("localAdmin", Value::Bool(true)),
            ("localAdmin.userName", Value::text("ladmin")),
            ("primaryAccount.create", Value::Bool(true)),
        ]);
        let off = fields(&[("localAdmin", Value::Bool(false))]);
        let result = overlay(&live, &off);
        assert_eq!(result.keys().collect::<Vec<_>>(), ["localAdmin", "primaryAccount.create"]);
        assert!(compare(&off, &result).is_empty());
    }

    #[test]
    fn what_never_comes_back_is_not_compared_with_what_is_live() {
        let wished =
            fields(&[("localAdmin", Value::Bool(true)), ("localAdmin.password", Value::text("env ADMIN"))]);
        assert!(compare(&wished, &fields(&[("localAdmin", Value::Bool(true))])).is_empty());
    }
}
