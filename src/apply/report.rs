//! What came of each step. PURE.

use serde::Serialize;

use super::acts::ActResult;
use crate::model::clock::Timestamp;
use crate::model::live::Cause;
use crate::model::{Name, Serial};
use crate::plan::{Blocked, Stop};

/// What came of one attempt at a plan.
#[derive(Clone, Debug, Default, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApplyReport {
    /// One result per step, in the order of the plan.
    pub steps: Vec<StepResult>,
    /// Domains for which nothing could be planned.
    pub blocked: Vec<Blocked>,
    /// Gates that stopped steps.
    pub stops: Vec<Stop>,
    /// The run was told to end before its last step.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub interrupted: bool,
    /// Something is left to a later run because a service's budget is used up.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub throttled: bool,
    /// Live objects taken into the ledger without a request.
    pub adopted: usize,
    /// Serials that still wait.
    pub waiting: usize,
    /// One result per act on a device, in the order of the plan.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub acts: Vec<ActResult>,
    /// What came of sealing bypass codes early (`Fleet.escrow.onEnrollment`); absent where nothing was read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub escrow: Option<EscrowReport>,
}

/// What came of sealing bypass codes early.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EscrowReport {
    /// Codes that were sealed.
    pub sealed: usize,
    /// Supervised devices that were asked and show no code (L-7); they are asked again tomorrow.
    pub none: usize,
    /// Devices whose code could not be read or sealed.
    pub failed: usize,
    /// The first reason.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub why: Option<String>,
}

/// What came of one step.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// The step's id.
    pub id: String,
    /// The token concerned.
    #[schemars(with = "String")]
    pub token: Name,
    /// What came of it.
    pub outcome: StepOutcome,
    /// For steps over several devices: what came of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<ItemCounts>,
    /// Fields that were sent, that the service took without a word, and that it does not show: they
    /// are not in force, and are not sent again (P-25).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_taken: Vec<String>,
    /// What a person has to do now, for no interface does it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// What came of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(tag = "is", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum StepOutcome {
    /// Sent, and seen in the service's own lists.
    Committed,
    /// Nothing was sent: it already was as wished.
    AlreadyAsWished,
    /// The service refused it, or it could not be sent: it had no effect.
    Failed {
        /// The kind of trouble.
        cause: Cause,
        /// What happened.
        reason: String,
        /// What to do next.
        next: String,
    },
    /// Sent, and it is not known whether it had an effect.
    Unknown {
        /// What happened.
        reason: String,
        /// When a later run will know, by the clock of the services.
        #[schemars(with = "String")]
        until: Timestamp,
    },
    /// Sent and accepted, but not seen within the wait.
    Unconfirmed {
        /// What was looked for.
        reason: String,
    },
    /// Not done, because what it depends on was not.
    Skipped {
        /// The step that failed.
        needs: String,
    },
    /// Not done, because the same document was refused elsewhere three times in the same way.
    HeldBack {
        /// Which steps were refused, and how.
        reason: String,
    },
    /// Not done yet: it waits for something that takes longer than the wait allowed.
    Pending {
        /// What it waits for.
        reason: String,
        /// When it is expected, where that is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schemars(with = "Option<String>")]
        until: Option<Timestamp>,
    },
    /// Stopped by a gate.
    Stopped {
        /// The gate.
        gate: String,
    },
}

/// What came of the devices of a step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ItemCounts {
    /// Devices that have the profile, or are at the service, read back.
    pub committed: usize,
    /// Devices that the service left as they were, although it took the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Serial>,
    /// Devices whose state could not be read back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<Serial>,
    /// Devices that are not at Intune yet, or at Apple not on this token; and those whose activity at
    /// Apple was not sent, or has not been seen to end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Serial>,
    /// Devices that Apple limits for a while: they are left in peace.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cooling: Vec<Serial>,
}

impl StepOutcome {
    /// Whether the step's object is as wished now.
    pub const fn is_done(&self) -> bool {
        matches!(self, StepOutcome::Committed | StepOutcome::AlreadyAsWished)
    }
}

impl ApplyReport {
    /// Whether everything that the documents wish is in force: no step is open in any way, nothing
    /// is blocked, no gate stopped any of them. Acts on devices do not count.
    pub fn is_complete(&self) -> bool {
        let is_act = |id: &String| self.acts.iter().any(|act| act.step_id() == *id);
        let of_acts = |stop: &Stop| !stop.steps.is_empty() && stop.steps.iter().all(is_act);
        self.blocked.is_empty()
            && self.stops.iter().all(of_acts)
            && self.steps.iter().all(|step| step.outcome.is_done())
    }

    /// The exit code of `apply` (design section 6): 6 if something was committed and something
    /// else failed, is blocked or unknown; else the first that holds of 7, 4, 8, 9, 3, 1; else 0.
    pub fn exit_code(&self) -> u8 {
        let mut committed = false;
        let mut amiss = !self.blocked.is_empty() || self.interrupted;
        let mut codes = std::collections::BTreeSet::new();
        if self.interrupted {
            codes.insert(1);
        }
        for blocked in &self.blocked {
            codes.insert(exit_of(blocked.cause));
        }
        for step in &self.steps {
            match &step.outcome {
                StepOutcome::Committed => committed = true,
                StepOutcome::Failed { cause, .. } => {
                    amiss = true;
                    codes.insert(exit_of(*cause));
                }
                StepOutcome::Unknown { .. } => {
                    amiss = true;
                    codes.insert(7);
                }
                StepOutcome::Unconfirmed { .. } => {
                    codes.insert(7);
                }
                StepOutcome::Stopped { .. } => {
                    codes.insert(4);
                }
                // The refusals that hold it back have their own code.
                StepOutcome::HeldBack { .. } => amiss = true,
                StepOutcome::AlreadyAsWished | StepOutcome::Skipped { .. } | StepOutcome::Pending { .. } => {}
            }
            if let Some(items) = &step.items {
                if !items.failed.is_empty() || !items.unknown.is_empty() {
                    amiss = true;
                    codes.insert(1);
                }
                committed |= items.committed > 0 && !step.outcome.is_done();
            }
        }
        for act in &self.acts {
            committed |= act.is_committed();
            amiss |= act.is_amiss();
            codes.extend(act.exit_codes());
        }
        // What was skipped is explained by what it needed, unless that showed itself too late.
        let skipped = |step: &StepResult| matches!(step.outcome, StepOutcome::Skipped { .. });
        if codes.is_empty() && self.steps.iter().any(skipped) {
            amiss = true;
            codes.insert(1);
        }
        if committed && amiss {
            return 6;
        }
        // What is put off follows by itself, and only where nothing was written a caller has to know.
        if self.throttled && !committed && !self.steps.iter().any(was_sent) {
            codes.insert(9);
        }
        [7, 4, 8, 9, 3, 1].into_iter().find(|code| codes.contains(code)).unwrap_or(0)
    }
}

/// Whether a request of a step had an effect, or may have had one.
fn was_sent(step: &StepResult) -> bool {
    matches!(
        step.outcome,
        StepOutcome::Committed | StepOutcome::Unconfirmed { .. } | StepOutcome::Unknown { .. }
    )
}

/// The exit code of a kind of trouble.
pub const fn exit_of(cause: Cause) -> u8 {
    match cause {
        Cause::Credentials => 8,
        Cause::Unavailable | Cause::Throttled | Cause::LostAnswer => 9,
        Cause::Manifest => 3,
        Cause::Refused => 1,
    }
}
