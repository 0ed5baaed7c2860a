//! What the gates count against.

use std::collections::BTreeMap;

use crate::engine::Observed;
use crate::ledger::LedgerView;
use crate::model::live::{LiveProfile, ProfileKind};
use crate::model::{Name, TokenId};
use crate::plan::gates::{self, Census, Destroyed, InForce};
use crate::plan::{Plan, before};

/// What the gates count against, for the tokens of a saved plan.
pub(super) fn census(
    plan: &Plan,
    observed: &Observed,
    view: &LedgerView,
    in_force: &InForce,
) -> BTreeMap<TokenId, Census> {
    let mut all = BTreeMap::new();
    let (token_names, destroyed) = (view.token_names(), Destroyed::of(view));
    let mut documents: BTreeMap<&TokenId, &Name> = BTreeMap::new();
    for (name, id) in &observed.tokens {
        documents.entry(id).or_insert(name);
    }
    for step in &plan.steps {
        if all.contains_key(&step.token_id) {
            continue;
        }
        let Some(tenant) = observed.live.tenants.get(&step.connection) else { continue };
        let name = documents.get(&step.token_id).copied().unwrap_or(step.address.domain());
        let profiles = before::profiles(tenant, &step.token_id).ok().flatten();
        let devices = before::devices(tenant, &step.token_id).ok().flatten();
        let Some(devices) = devices else { continue };
        let known_as = token_names.get(&step.token_id).cloned().unwrap_or_default();
        let protected = in_force.protected_serials(&step.connection, &step.token_id);
        all.insert(
            step.token_id.clone(),
            Census {
                name: Some(name.clone()),
                profiles: profiles.map_or(0, |all| {
                    let is_managed = |one: &&LiveProfile| {
                        matches!(one.kind, ProfileKind::Classic(_) | ProfileKind::Direct)
                    };
                    all.iter().filter(is_managed).count() as u64
                }),
                devices: devices.not_released() as u64,
                deleted_lately: destroyed.under(name, &known_as),
                protected_holders: gates::protected_holders(&protected, devices),
                known_as,
            },
        );
    }
    all
}
