//! Acknowledgements that name nothing. PURE.

use super::suggest;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{Acknowledgement, Desired};
use crate::rules;

/// Refuses acknowledgements of what no rule and no code is called.
pub fn check(desired: &Desired, found: &mut Diagnostics) {
    let given = desired
        .fleet
        .acknowledge
        .iter()
        .chain(desired.connections.values().flat_map(|one| &one.acknowledge))
        .chain(desired.organisations.values().flat_map(|one| &one.acknowledge))
        .chain(desired.tokens.values().flat_map(|one| &one.identity.acknowledge))
        .chain(desired.profiles.values().flat_map(|one| &one.identity.acknowledge))
        .chain(desired.assignments.iter().flat_map(|one| &one.acknowledge))
        .chain(desired.selections.iter().flat_map(|one| &one.acknowledge))
        .chain(desired.routes.iter().flat_map(|one| &one.acknowledge))
        .chain(desired.actions.values().flat_map(|one| &one.acknowledge));
    let mut told: Vec<&Acknowledgement> = Vec::new();
    for one in given.filter(|one| !rules::is_known(&one.rule)) {
        // One document may be several wishes.
        if told.contains(&one) {
            continue;
        }
        told.push(one);
        let next = match suggest::nearest(&one.rule, rules::known()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "write the row or the code that the finding shows, e.g. `P-6`".to_owned(),
        };
        let message = format!("`acknowledge` names `{}`, and no finding is called so", one.rule);
        found.push(Diagnostic::new("unknown-rule", Severity::Refuse, one.place.clone(), message).next(next));
    }
}
