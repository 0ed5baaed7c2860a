//! A plan that was saved: whether it may be carried out here and now.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::{Prepared, Record, TakenUp, managed};
use crate::engine::acts;
use crate::engine::{EngineError, Observed, Session, Wants, git};
use crate::ledger::LedgerView;
use crate::model::policy::StatedGates;
use crate::model::{Address, ProfileId};
use crate::plan::before::{self, Standing};
use crate::plan::effect;
use crate::plan::file::SavedPlan;
use crate::plan::gates::InForce;
use crate::plan::{Action, Plan, ServiceAction, Step};
use crate::progress::Progress;

/// Counts anew how many devices feel a saved plan's changes: the gates count in them, and neither
/// fingerprint nor digest covers counts.
fn refresh_effects(plan: &mut Plan, observed: &Observed) {
    let mut by_token = BTreeMap::new();
    for step in &mut plan.steps {
        let (Action::UpdateProfile { changes, .. }, Some(object)) = (&step.action, &step.object) else {
            continue;
        };
        let holders = by_token.entry(step.token_id.clone()).or_insert_with(|| {
            let tenant = observed.live.tenants.get(&step.connection)?;
            Some(effect::holders(before::devices(tenant, &step.token_id).ok().flatten()?))
        });
        if let Some(holders) = holders {
            step.effect = effect::of_update(changes, holders.get(object).copied().unwrap_or_default());
        }
    }
}

/// Whether a step rests on what services are the default of.
const fn rests_on_families(action: &Action) -> bool {
    matches!(
        action,
        Action::Service(
            ServiceAction::DropFamilies { .. }
                | ServiceAction::TakeFamilies { .. }
                | ServiceAction::Delete { .. }
        )
    )
}

impl Session {
    /// Takes a saved plan up: checks that it belongs here, is young enough, and that what it rests
    /// on is as it was. One that was made narrowed reads no more than it did then. Steps that are already as wished are no staleness.
    ///
    /// # Errors
    /// Exit 5: expired, another ledger, stale, older than what was applied. Exit 10: the lock.
    pub async fn prepare_saved(
        &self,
        saved: SavedPlan,
        progress: &dyn Progress,
    ) -> Result<Prepared, EngineError> {
        let folder_ledger = self.view()?;
        let folder_ledger = (!folder_ledger.is_none()).then_some(folder_ledger.id);
        saved.check(folder_ledger, self.clock.now())?;
        // What a step rests on is read, whatever the documents here ask for by now.
        let vpp_tokens = saved.steps.iter().any(|step| step.action.vpp_token().is_some());
        let families = saved.steps.iter().any(|step| rests_on_families(&step.action));
        let wants = Wants { vpp_tokens, families, ..Wants::default() };
        let TakenUp { writer, run, view, mut observed, told } =
            self.take_up(&saved.scope, wants, progress).await?;
        if let (Some(plan), Some(applied)) = (&saved.commit, &view.last_commit)
            && git::is_older(&self.settings.folder, plan, applied)
        {
            return Err(EngineError::OlderThanApplied { plan: plan.clone(), applied: applied.clone() });
        }
        let digest = saved.digest.clone();
        // A plan of another commit says nothing of this folder's documents having been applied: it
        // must not put their gates into force.
        let commit = self.commit();
        let in_force = InForce::of(&self.desired, &view);
        let gates = match (&saved.commit, &commit) {
            (Some(planned), Some(here)) if planned == here => StatedGates::of(&self.desired),
            _ => in_force.merged(),
        };
        let wishes = saved.commit.is_some() && saved.commit == commit;
        // A commit that does not descend from what was applied was not applied last, whatever it brought.
        let descends = match (&saved.commit, &view.last_commit) {
            (Some(planned), Some(applied)) => {
                let kinship = git::kinship(&self.settings.folder, planned, applied);
                matches!(kinship, Ok(git::Kinship::Same | git::Kinship::Newer))
            }
            _ => true,
        };
        let record = Record { gates: descends.then_some(gates), wishes };
        let commit = saved.commit.clone().or(commit);
        let mut plan = saved.into_plan();
        let now_planned = self.build(&observed, &view)?;
        acts::as_looked_at(&mut plan, now_planned)?;
        self.prove_absence(&plan, &mut observed, &view, progress).await;
        let done = self.standings(&plan, &observed, &view)?;
        refresh_effects(&mut plan, &observed);
        self.gate(&mut plan, &observed, &view);
        let managed = managed(&self.desired);
        let (overrides, acts) = (BTreeSet::new(), true);
        Ok(Prepared {
            plan,
            digest,
            observed,
            view,
            writer,
            run,
            done,
            managed,
            record,
            commit,
            overrides,
            acts,
            told,
        })
    }

    /// Which steps of a saved plan are done already; an error where others changed.
    fn standings(
        &self,
        plan: &Plan,
        observed: &Observed,
        view: &LedgerView,
    ) -> Result<BTreeSet<String>, EngineError> {
        let mut done = BTreeSet::new();
        let mut changed = Vec::new();
        // What a step makes has no id in the plan; where it was made already, the live one's counts.
        let mut made: BTreeMap<&Address, ProfileId> = BTreeMap::new();
        for step in &plan.steps {
            let tenant = observed.live.tenants.get(&step.connection);
            let with_object = match (&step.object, made.get(&step.address)) {
                (None, Some(id)) => Cow::Owned(Step { object: Some(id.clone()), ..step.clone() }),
                _ => Cow::Borrowed(step),
            };
            let planned_for = plan.tenants.get(&step.connection);
            let Some(standing) = before::standing_in(&with_object, planned_for, &observed.live) else {
                changed.push(format!(
                    "{} ({} is another tenant now)",
                    step.address,
                    step.connection.document()
                ));
                continue;
            };
            let unsettled = crate::apply::recover::is_unsettled(view, &step.address);
            match standing {
                Ok(Standing::Same) if !unsettled => {}
                Ok(Standing::Same) => {
                    changed.push(format!("{} (an earlier write's answer is lost)", step.address))
                }
                Ok(Standing::Done) => {
                    done.insert(step.id.clone());
                    if let (Action::CreateProfile { .. }, Some(tenant)) = (&step.action, tenant)
                        && let Ok(Some(only)) =
                            before::named(tenant, step).map(|named| named.first().copied())
                    {
                        made.insert(&step.address, only.id.clone());
                    }
                    let defined = tenant.and_then(|tenant| before::defined_as(step, tenant).ok().flatten());
                    made.extend(defined.map(|profile| (&step.address, profile.id.clone())));
                }
                Ok(Standing::Changed) => changed.push(format!("{} ({:?})", step.address, step.name)),
                Err(unknown) => changed.push(format!("{} (could not be read: {unknown})", step.address)),
            }
        }
        changed.dedup();
        if changed.is_empty() { Ok(done) } else { Err(EngineError::Stale(changed)) }
    }
}
