//! The order of steps: a graph that is checked, not a list of special cases.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::Step;

/// Steps that wait for each other in a circle.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("these steps wait for each other: {}", .0.join(", "))]
pub struct Cycle(pub Vec<String>);

/// Sorts steps so that each comes after those that it needs; among equals by rank, then id.
/// A need that names no step of the plan is dropped: that step had nothing to do.
///
/// # Errors
/// [`Cycle`] with the ids of all steps that lie on or behind a circle.
pub fn sort(mut steps: Vec<Step>) -> Result<Vec<Step>, Cycle> {
    let known: HashMap<String, usize> =
        steps.iter().enumerate().map(|(at, step)| (step.id.clone(), at)).collect();
    for step in &mut steps {
        step.needs.retain(|need| known.contains_key(need));
        step.needs.sort();
        step.needs.dedup();
    }
    let mut open: Vec<usize> = steps.iter().map(|step| step.needs.len()).collect();
    let mut dependants: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        for need in &step.needs {
            dependants.entry(known[need]).or_default().push(at);
        }
    }
    let key = |at: usize| (rank(&steps[at]), steps[at].id.clone(), at);
    let mut ready: BTreeSet<(u8, String, usize)> =
        (0..steps.len()).filter(|at| open[*at] == 0).map(key).collect();
    let mut order = Vec::with_capacity(steps.len());
    while let Some((_, _, at)) = ready.pop_first() {
        order.push(at);
        for dependant in dependants.get(&at).into_iter().flatten() {
            open[*dependant] -= 1;
            if open[*dependant] == 0 {
                ready.insert(key(*dependant));
            }
        }
    }
    if order.len() < steps.len() {
        let stuck = (0..steps.len()).filter(|at| open[*at] > 0).map(|at| steps[at].id.clone()).collect();
        return Err(Cycle(stuck));
    }
    let mut taken: Vec<Option<Step>> = steps.into_iter().map(Some).collect();
    Ok(order.into_iter().filter_map(|at| taken[at].take()).collect())
}

/// Among steps that could go at once: make, change, set, assign, sync, and delete at last. What is
/// proven on a first token goes before all else, so that its list is read back once for all of it.
fn rank(step: &Step) -> u8 {
    match step.action.verb() {
        _ if step.prove_first && step.action.shapes_a_profile() => 0,
        "create" | "define" | "create-service" => 1,
        "adopt" => 2,
        "update" | "replace" | "rename-service" | "drop-families" => 3,
        "default" | "account-url" | "take-families" => 4,
        // Who waits for a sync is moved before it.
        "assign" | "move" | "migrate" | "take-off" | "deadline" | "cancel-migration" => 5,
        "sync" => 6,
        "assign-after-sync" => 7,
        "delete-service" => 9,
        _ => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Address, Fields, Name, Realm, TokenId};
    use crate::plan::{Action, Class, Effect, Reason};

    fn step(id: &str, needs: &[&str], action: Action) -> Step {
        let token = Name::new("t").unwrap();
        Step {
            id: id.to_owned(),
            address: Address::token(&token),
            connection: Realm::Mdm(token),
            token_id: TokenId("t".to_owned()),
            object: None,
            name: String::new(),
            platform: None,
            action,
            reason: Reason::New,
            class: Class::Safe,
            effect: Effect::default(),
            needs: needs.iter().map(|need| (*need).to_owned()).collect(),
            prove_first: false,
            not_before: None,
            notes: Vec::new(),
            fingerprint: String::new(),
        }
    }

    fn create() -> Action {
        Action::CreateProfile { fields: Fields::new(), vpp_token: None }
    }

    #[test]
    fn what_is_needed_comes_first_and_unknown_needs_are_dropped() {
        let steps = vec![
            step("delete", &["default", "gone"], Action::DeleteProfile),
            step("default", &["create"], Action::SetDefault { from: None, from_name: None }),
            step("create", &[], create()),
        ];
        let ids: Vec<String> = sort(steps).unwrap().into_iter().map(|step| step.id).collect();
        assert_eq!(ids, ["create", "default", "delete"]);
    }

    #[test]
    fn what_is_proven_on_a_first_token_goes_first() {
        let mut proving = step("z", &[], create());
        proving.prove_first = true;
        let steps = vec![step("a", &[], create()), step("b", &["z"], create()), proving];
        let ids: Vec<String> = sort(steps).unwrap().into_iter().map(|step| step.id).collect();
        assert_eq!(ids, ["z", "a", "b"]);
    }

    #[test]
    fn a_circle_is_refused_with_its_members() {
        let steps = vec![step("a", &["b"], create()), step("b", &["a"], create()), step("c", &[], create())];
        assert_eq!(sort(steps), Err(Cycle(vec!["a".to_owned(), "b".to_owned()])));
    }
}
