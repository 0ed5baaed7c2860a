//! From steps to requests.

use super::super::report::StepOutcome;
use super::{Run, without_object};
use crate::model::live::{Cause, Unknown};
use crate::model::{Fields, Realm, settings};
use crate::plan::{Action, Step};
use crate::provider::graph::Resolved;
use crate::provider::{Write, direct, graph};

impl<'r> Run<'r> {
    /// What stands behind the words of a step's fields.
    fn resolved(&self, step: &Step, fields: &Fields) -> Result<Resolved, StepOutcome> {
        let reference = settings::WRITE_ONLY.iter().find_map(|field| fields.get(*field)?.as_text());
        let password = match reference.map(|reference| (self.exec.secrets)(&step.address, reference)) {
            None => None,
            Some(Ok(password)) => Some(password),
            Some(Err(Unknown { cause, reason, next })) => {
                return Err(StepOutcome::Failed { cause, reason, next });
            }
        };
        Ok(Resolved { vpp_token: step.action.vpp_token().map(str::to_owned), password })
    }

    /// The request of a step.
    ///
    /// # Errors
    /// What the step comes to, where what it is about is not known, or a secret cannot be had.
    pub(super) fn write_of(&self, step: &Step) -> Result<Write, StepOutcome> {
        match step.connection {
            Realm::Mdm(_) => self.write_to_graph(step).map(Write::Graph),
            Realm::Direct(_) => direct_write(step).map(Write::Direct),
            Realm::Apple(_) => Err(elsewhere(step)),
        }
    }

    fn write_to_graph(&self, step: &Step) -> Result<graph::Write, StepOutcome> {
        use graph::Write;
        let token = step.token_id.clone();
        let object = || self.object(step).ok_or_else(|| without_object(step));
        Ok(match &step.action {
            Action::UpdateToken { changes, scope_tag_ids } => Write::UpdateToken {
                token,
                name: changes
                    .iter()
                    .find(|change| change.field == "displayName")
                    .and_then(|change| change.after.as_text())
                    .map(str::to_owned),
                scope_tag_ids: scope_tag_ids.clone(),
            },
            Action::DeleteToken => Write::DeleteToken { token },
            Action::CreateProfile { fields, .. } => Write::CreateProfile {
                token,
                platform: step.platform.ok_or_else(|| without_object(step))?,
                fields: fields.clone(),
                resolved: self.resolved(step, fields)?,
            },
            Action::UpdateProfile { changes, .. } => {
                let live = self.before.get(step.id.as_str()).ok_or_else(|| without_object(step))?;
                let changes = changes.iter().map(|c| (c.field.clone(), c.after.clone())).collect();
                Write::UpdateProfile {
                    token,
                    profile: live.id.clone(),
                    platform: live.kind.platform().ok_or_else(|| without_object(step))?,
                    resolved: self.resolved(step, &changes)?,
                    changes,
                    live: live.fields.clone(),
                    live_skip_keys: live.skip_keys.clone(),
                }
            }
            Action::DeleteProfile => Write::DeleteProfile { token, profile: object()? },
            Action::SetDefault { .. } => Write::SetDefault { token, profile: object()? },
            Action::Assign { groups, .. } => Write::Assign {
                token,
                profile: object()?,
                serials: groups.iter().flat_map(|group| group.serials.iter().copied()).collect(),
            },
            Action::Define { .. }
            | Action::Unassign { .. }
            | Action::SetAccountDrivenUrl { .. }
            | Action::Service(_) => return Err(elsewhere(step)),
            Action::Sync { .. } => Write::Sync { token },
        })
    }
}

/// The request of a step with a direct token; those over devices take several and are cut up by
/// [`super::direct`].
fn direct_write(step: &Step) -> Result<direct::Write, StepOutcome> {
    Ok(match &step.action {
        Action::Define { fields, .. } => {
            let platform = step.platform.ok_or_else(|| without_object(step))?;
            direct::Write::Define { platform, fields: fields.clone() }
        }
        Action::SetAccountDrivenUrl { to, .. } => direct::Write::SetAccountDrivenUrl {
            url: match to.as_deref().map(url::Url::parse) {
                None => None,
                Some(Ok(url)) => Some(url),
                Some(Err(error)) => {
                    return Err(StepOutcome::Failed {
                        cause: Cause::Manifest,
                        reason: format!("the URL of account-driven enrollment is none: {error}"),
                        next: "write a whole https URL in `accountDrivenEnrollmentUrl`".to_owned(),
                    });
                }
            },
        },
        _ => return Err(elsewhere(step)),
    })
}

/// What a step comes to that is for another kind of service than the one that it names.
fn elsewhere(step: &Step) -> StepOutcome {
    StepOutcome::Failed {
        cause: Cause::Refused,
        reason: format!("{} cannot do this for {}", step.connection.document(), step.address),
        next: "this is a mistake of espalier: report it with your plan".to_owned(),
    }
}
