//! Gates: what stops `apply`, never `plan` (design section 4).
//!
//! A gate that is exceeded stops all steps that it covers; the rest goes on. An override names one
//! gate and the plan's digest; there is no flag that opens all of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Action, Class, Step};
use crate::ledger::LedgerView;
use crate::model::desired::{Gates, Limit, LimitKind};
use crate::model::live::{Devices, EnrollmentState};
use crate::model::{Name, ProfileId, Serial, TokenId};

/// An exceeded gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// The gate's name, for an override: `limit/update/school`, `protected/token/school`,
    /// `protected/serial/C02XYZ`, `no-ledger`.
    pub gate: String,
    /// What was counted and what is allowed, in words.
    pub reason: String,
    /// What to do next.
    pub next: String,
    /// The steps that it covers.
    pub steps: Vec<String>,
}

/// What the gates count against, per token: live objects, never wishes.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// The token's document. What is deleted under it may still carry the address of a former one.
    pub name: Option<Name>,
    /// Classic iOS profiles under the token.
    pub profiles: u64,
    /// Devices of the token.
    pub devices: u64,
    /// Objects deleted in the last 24 hours, from the ledger.
    pub deleted_lately: u64,
    /// Enrolled protected serials of the token, by the profile that they have.
    pub protected_holders: BTreeMap<ProfileId, Vec<Serial>>,
    /// All names under which the ledger knows the token: a protection follows it when its document
    /// is renamed.
    pub known_as: BTreeSet<Name>,
}

/// How many objects were deleted under a token in the last 24 hours, under any of its names.
pub fn deleted_lately(ledger: &LedgerView, name: &Name, known_as: &BTreeSet<Name>) -> u64 {
    let is_here = |token: &Name| token == name || known_as.contains(token);
    let deleted =
        ledger.destroyed.iter().filter(|(_, token, kind, _)| is_here(token) && *kind == LimitKind::Delete);
    deleted.map(|(_, _, _, count)| count).sum()
}

/// The protected serials that are enrolled, by the profile that they have.
pub fn protected_holders(serials: &[Serial], devices: &Devices) -> BTreeMap<ProfileId, Vec<Serial>> {
    let mut holders: BTreeMap<ProfileId, Vec<Serial>> = BTreeMap::new();
    for serial in serials {
        let Some(device) = devices.find(serial) else { continue };
        let Some(profile) = devices.profile_of(device) else { continue };
        if device.state == EnrollmentState::Enrolled {
            holders.entry(profile.clone()).or_default().push(*serial);
        }
    }
    holders
}

/// From how many live objects on a percentage is looked at.
const PERCENT_FROM: u64 = 10;

/// Evaluates all gates. `census` has an entry for every token with a step.
pub fn evaluate(
    steps: &[Step],
    gates: &Gates,
    census: &BTreeMap<TokenId, Census>,
    with_ledger: bool,
) -> Vec<Stop> {
    let mut stops = Vec::new();
    let nothing = Census::default();
    let mut by_token: BTreeMap<&TokenId, Vec<&Step>> = BTreeMap::new();
    for step in steps {
        by_token.entry(&step.token_id).or_default().push(step);
    }
    let mut tokens: Vec<(&Name, &Census, Vec<&Step>)> = by_token
        .into_iter()
        .map(|(id, here)| {
            let census = census.get(id).unwrap_or(&nothing);
            (census.name.as_ref().unwrap_or(here[0].address.domain()), census, here)
        })
        .collect();
    tokens.sort_by_key(|(token, ..)| *token);
    for (token, census, here) in tokens {
        for (kind, limit) in &gates.limits {
            stops.extend(limit_stop(*kind, *limit, token, &here, census));
        }
        let is_protected = |name: &Name| gates.protected_tokens.contains(name);
        if is_protected(token) || census.known_as.iter().any(is_protected) {
            stops.extend(protected_token_stop(token, &here));
        }
        stops.extend(protected_serial_stops(&here, census));
    }
    if !with_ledger {
        stops.extend(no_ledger_stop(steps));
    }
    stops
}

/// What a step counts as: its kind, in objects and in devices that feel it.
fn weight(step: &Step, kind: LimitKind) -> Option<(u64, u64)> {
    match (&step.action, kind) {
        (Action::CreateProfile { .. }, LimitKind::Create) => Some((1, 0)),
        (Action::UpdateProfile { .. }, LimitKind::Update) => Some((1, step.effect.feel)),
        (Action::DeleteProfile | Action::DeleteToken, LimitKind::Delete) => Some((1, 0)),
        (Action::Assign { groups, .. }, LimitKind::Assign | LimitKind::Reassign) => {
            let wants_former = kind == LimitKind::Reassign;
            let count: usize = groups
                .iter()
                .filter(|group| group.from.is_some() == wants_former)
                .map(|group| group.serials.len())
                .sum();
            (count > 0).then_some((0, count as u64))
        }
        _ => None,
    }
}

fn limit_stop(kind: LimitKind, limit: Limit, token: &Name, steps: &[&Step], census: &Census) -> Option<Stop> {
    let covered: Vec<(&Step, (u64, u64))> =
        steps.iter().filter_map(|step| Some((*step, weight(step, kind)?))).collect();
    if covered.is_empty() {
        return None;
    }
    let lately = if kind == LimitKind::Delete { census.deleted_lately } else { 0 };
    let objects: u64 = covered.iter().map(|(_, (objects, _))| objects).sum::<u64>() + lately;
    let devices: u64 = covered.iter().map(|(_, (_, devices))| devices).sum();
    let reason = exceeded(limit, objects, census.profiles, "profile")
        .or_else(|| exceeded(limit, devices, census.devices, "device"))?;
    let word = word(kind);
    let lately = if lately > 0 {
        format!(", {lately} of them already deleted within the last 24 hours")
    } else {
        String::new()
    };
    Some(Stop {
        gate: format!("limit/{word}/{token}"),
        reason: format!("{word} on {token}: {reason}{lately}"),
        next: format!(
            "apply in smaller parts, raise Fleet.limits.{word} in a commit of its own, or allow this one plan with `--override limit/{word}/{token}=DIGEST`"
        ),
        steps: covered.iter().map(|(step, _)| step.id.clone()).collect(),
    })
}

fn exceeded(limit: Limit, count: u64, base: u64, what: &str) -> Option<String> {
    if let Some(most) = limit.count
        && count > most
    {
        return Some(format!("{count} {what}{}, at most {most} allowed", plural(count)));
    }
    let percent = limit.percent?;
    let too_many = base >= PERCENT_FROM && count * 100 > base * u64::from(percent);
    too_many.then(|| format!("{count} of {base} {what}{}, at most {percent} % allowed", plural(base)))
}

const fn plural(count: u64) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// The word of manifests.md for a kind of limit.
pub const fn word(kind: LimitKind) -> &'static str {
    match kind {
        LimitKind::Create => "create",
        LimitKind::Update => "update",
        LimitKind::Delete => "delete",
        LimitKind::Assign => "assign",
        LimitKind::Reassign => "reassign",
    }
}

fn protected_token_stop(token: &Name, steps: &[&Step]) -> Option<Stop> {
    let covered: Vec<String> =
        steps.iter().filter(|step| step.class >= Class::Disruptive).map(|step| step.id.clone()).collect();
    (!covered.is_empty()).then(|| Stop {
        gate: format!("protected/token/{token}"),
        reason: format!("{token} is protected: nothing disruptive or graver is done to it"),
        next: format!(
            "take it out of Fleet.protected.tokens in a commit of its own, or allow this one plan with `--override protected/token/{token}=DIGEST`"
        ),
        steps: covered,
    })
}

fn protected_serial_stops(steps: &[&Step], census: &Census) -> Vec<Stop> {
    let mut by_serial: BTreeMap<Serial, Vec<String>> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.class >= Class::Disruptive && step.effect.feel > 0) {
        let holders = step.object.as_ref().and_then(|profile| census.protected_holders.get(profile));
        for serial in holders.into_iter().flatten() {
            by_serial.entry(*serial).or_default().push(step.id.clone());
        }
    }
    by_serial
        .into_iter()
        .map(|(serial, steps)| Stop {
            gate: format!("protected/serial/{serial}"),
            reason: format!("the protected device {serial} would feel it"),
            next: format!(
                "give that device another profile first, or allow this one plan with `--override protected/serial/{serial}=DIGEST`"
            ),
            steps,
        })
        .collect()
}

fn no_ledger_stop(steps: &[Step]) -> Option<Stop> {
    let covered: Vec<String> =
        steps.iter().filter(|step| step.class > Class::Safe).map(|step| step.id.clone()).collect();
    (!covered.is_empty()).then(|| Stop {
        gate: "no-ledger".to_owned(),
        reason: "without a ledger only safe steps are done, and nothing is deleted".to_owned(),
        next: "run `espalier ledger create` and apply without --no-ledger".to_owned(),
        steps: covered,
    })
}
