//! Which token takes a profile first: there it is applied and read back before the others start.

use std::collections::{BTreeMap, BTreeSet};

use super::super::gates::{ROLLOUT, Stop};
use super::super::{Blocked, Step};
use super::Input;
use crate::model::desired::State;
use crate::model::{Address, Name};

/// Puts the steps that make or change a profile in their order over its tokens: those of
/// `rollout.first` one after the other, then the others. Without `rollout.first` the first token
/// with something to do proves for the others.
///
/// `as_wished` holds profile and token where nothing is to be done. Returned are the gates that hold
/// back what comes after a first token of which nothing can be proven in this run.
pub(super) fn order(
    input: &Input<'_>,
    steps: &mut [Step],
    as_wished: &BTreeSet<(&Name, &Name)>,
    blocked: &[Blocked],
) -> Vec<Stop> {
    let mut by_profile: BTreeMap<Name, BTreeMap<Name, usize>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        if let (true, Some(token)) = (step.action.shapes_a_profile(), &step.address.token) {
            by_profile.entry(step.address.name.clone()).or_default().insert(token.clone(), at);
        }
    }
    let mut held = Vec::new();
    for (profile, members) in by_profile {
        let first = input.desired.profiles.get(&profile).map_or(&[][..], |one| &one.rollout_first);
        if first.is_empty() {
            first_proves(steps, &members);
        } else {
            held.extend(in_order(input, steps, &profile, first, members, as_wished, blocked));
        }
    }
    held
}

/// The same profile goes to the first token that has something to do, is read back, and only then
/// to the others.
fn first_proves(steps: &mut [Step], members: &BTreeMap<Name, usize>) {
    let mut all = members.values();
    let Some(first) = all.next().filter(|_| members.len() > 1) else { return };
    steps[*first].prove_first = true;
    let id = steps[*first].id.clone();
    for at in all {
        steps[*at].needs.push(id.clone());
    }
}

/// `rollout.first`: each waits for those before it, the others for them all.
fn in_order(
    input: &Input<'_>,
    steps: &mut [Step],
    profile: &Name,
    first: &[Name],
    mut members: BTreeMap<Name, usize>,
    as_wished: &BTreeSet<(&Name, &Name)>,
    blocked: &[Blocked],
) -> Option<Stop> {
    let mut proving: Vec<String> = Vec::new();
    let mut unproven = None;
    for token in first {
        // Where the token itself is to go, nothing is rolled out.
        let goes = |token: &Name| {
            input.desired.tokens.get(token).is_some_and(|one| one.identity.state == State::Absent)
        };
        match members.get(token) {
            Some(at) if unproven.is_none() => {
                let step = &mut steps[*at];
                step.prove_first = true;
                step.needs.extend(proving.iter().cloned());
                proving.push(step.id.clone());
                members.remove(token);
            }
            Some(_) => {}
            None if as_wished.contains(&(profile, token))
                || goes(token)
                || proving_already(&proving, token) => {}
            None => unproven = unproven.or(Some(token)),
        }
    }
    for at in members.values() {
        steps[*at].needs.extend(proving.iter().cloned());
    }
    let token = unproven.filter(|_| !members.is_empty())?;
    let gate = format!("{ROLLOUT}{profile}");
    Some(Stop {
        reason: format!(
            "rollout.first of EnrollmentProfile/{profile} names {token}, where it is not proven: {}",
            why(input, profile, token, blocked)
        ),
        next: format!(
            "let it be applied there first; or allow this one plan to go on without with `--override {gate}=DIGEST`"
        ),
        steps: members.values().map(|at| steps[*at].id.clone()).collect(),
        gate,
    })
}

/// Whether a token that is named twice has had its turn.
fn proving_already(proving: &[String], token: &Name) -> bool {
    proving.iter().any(|id| id.rsplit_once('@').is_some_and(|(_, on)| on == token.as_str()))
}

/// Why nothing can be proven on a token.
fn why(input: &Input<'_>, profile: &Name, token: &Name, blocked: &[Blocked]) -> String {
    if !input.scope.holds(token) {
        return "it lies outside of what this run was narrowed to".to_owned();
    }
    let address = Address::profile(profile, token);
    let connection = input.desired.tokens.get(token).map(|one| &one.realm);
    let is_why = |one: &&Blocked| match (&one.address, &one.token) {
        (Some(about), _) => *about == address,
        (None, Some(about)) => about == token,
        (None, None) => Some(&one.connection) == connection,
    };
    blocked
        .iter()
        .find(is_why)
        .map_or_else(|| "nothing could be planned there".to_owned(), |one| one.reason.clone())
}
