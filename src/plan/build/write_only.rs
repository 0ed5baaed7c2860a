//! Fields that are sent and never come back: compared with what the ledger says was applied, and so
//! by their references, never by what they refer to. PURE.

use super::super::FieldChange;
use crate::model::{FieldName, Fields, Value, settings};
use crate::plan::before::value;

/// What becomes of wished fields that never come back.
#[derive(Debug, Default, PartialEq)]
pub(super) struct WriteOnly {
    /// They are to be sent.
    pub changes: Vec<FieldChange>,
    /// Whether the service has them as wished nobody knows: they are not sent.
    pub unknown: Vec<FieldName>,
}

/// Compares them. `applied` is what the ledger says was applied at the address; `None` for an object
/// that is taken over, or without a ledger.
///
/// One is sent where the document refers to another secret than at the last application, and where the
/// account that it belongs to is turned on.
pub(super) fn compare(wished: &Fields, live: &Fields, applied: Option<&Fields>) -> WriteOnly {
    let mut result = WriteOnly::default();
    for field in settings::WRITE_ONLY {
        let Some(after) = wished.get(*field).filter(|value| **value != Value::None) else { continue };
        let owner = field.split('.').next().unwrap_or_default();
        let is_there = live.get(owner) == Some(&Value::Bool(true));
        let before = match (is_there, applied) {
            (false, _) => Value::None,
            (true, Some(applied)) => value(applied, field).clone(),
            (true, None) => {
                result.unknown.push((*field).into());
                continue;
            }
        };
        if before != *after {
            result.changes.push(FieldChange { field: (*field).into(), before, after: after.clone() });
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&'static str, Value)]) -> Fields {
        pairs.iter().map(|(field, value)| ((*field).into(), value.clone())).collect()
    }

    fn admin(is_on: bool, password: Option<&str>) -> Fields {
        let mut admin = fields(&[("localAdmin", Value::Bool(is_on))]);
        admin.extend(password.map(|reference| ("localAdmin.password".into(), Value::text(reference))));
        admin
    }

    fn sent(live_is_on: bool, applied: Option<Option<&str>>) -> Option<(Value, Value)> {
        let wished = admin(true, Some("env NEW"));
        let applied = applied.map(|password| admin(true, password));
        let mut result = compare(&wished, &admin(live_is_on, None), applied.as_ref());
        result.changes.pop().map(|change| (change.before, change.after))
    }

    #[test]
    fn a_password_is_sent_for_another_reference_and_for_an_account_that_is_turned_on() {
        let new = || Value::text("env NEW");
        assert_eq!(sent(true, Some(Some("env NEW"))), None, "as applied");
        assert_eq!(sent(true, Some(Some("env OLD"))), Some((Value::text("env OLD"), new())));
        assert_eq!(sent(true, Some(None)), Some((Value::None, new())), "it had none so far");
        assert_eq!(sent(false, Some(Some("env NEW"))), Some((Value::None, new())), "turned on again");
        assert_eq!(sent(false, None), Some((Value::None, new())), "turned on at adoption");
    }

    #[test]
    fn a_password_of_an_account_that_is_taken_over_is_told_and_not_sent() {
        let result = compare(&admin(true, Some("env NEW")), &admin(true, None), None);
        assert!(result.changes.is_empty());
        assert_eq!(result.unknown, ["localAdmin.password"]);
        assert_eq!(compare(&admin(true, None), &admin(true, None), None), WriteOnly::default());
    }
}
