//! What the gates say of one act at one instant: asked when it is planned, and again right before it is sent.

use std::time::Duration;

use super::check::Hold;
use super::event::ApprovedBy;
use super::mutation::Rule;
use crate::model::ActId;
use crate::model::clock::{Timestamp, after, between};

/// How long the word of the gates is good for: what is sent later asks them again.
pub const GOOD_FOR: Duration = Duration::from_secs(120);

/// What the gates say of an act at an instant (design section 4). It is of that act and that instant alone:
/// [`super::clear`] takes no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The act.
    pub act: ActId,
    /// When the gates were asked.
    pub at: Timestamp,
    /// The gates that stop it, the gravest first.
    pub stops: Vec<Barrier>,
    /// Approvals are missing: what is there, and what is to be signed.
    pub approval: Option<String>,
    /// Who agreed.
    pub approved_by: Vec<ApprovedBy>,
    /// A change window is closed: why, and when the next one opens.
    pub window: Option<(String, Option<Timestamp>)>,
}

/// A gate that stops an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// Its name: `limit/wipe/school`, `protected/serial/C02XYZ`, `descent`.
    pub gate: String,
    /// The rule that it stands for.
    pub rule: Rule,
    /// What was counted, what is allowed and who says so, in words.
    pub reason: String,
    /// What to do next.
    pub next: String,
}

impl Standing {
    /// Nothing in the way, so far.
    pub fn of(act: &ActId, at: Timestamp) -> Self {
        Self {
            act: act.clone(),
            at,
            stops: Vec::new(),
            approval: None,
            approved_by: Vec::new(),
            window: None,
        }
    }

    /// What is in the way at `now`. A standing of another act, or one that has grown old, is in the way itself.
    pub fn hold(&self, act: &ActId, now: Timestamp) -> Option<Hold> {
        if self.act != *act || between(self.at, now) > GOOD_FOR || self.at > after(now, GOOD_FOR) {
            let why = "the gates were not asked about it right before".to_owned();
            return Some(Hold::Wait { why, until: None });
        }
        if let Some(barrier) = self.stops.iter().find(|barrier| barrier.rule.in_force()) {
            let Barrier { rule, reason, next, gate: _ } = barrier.clone();
            return Some(Hold::Stop { rule, row: None, why: reason, next });
        }
        if let Some(missing) = &self.approval
            && Rule::Approval.in_force()
        {
            let next = format!("`espalier action approve {} {}`", act.action, act.serial);
            return Some(Hold::Stop { rule: Rule::Approval, row: None, why: missing.clone(), next });
        }
        if let Some((why, until)) = &self.window
            && Rule::Window.in_force()
        {
            return Some(Hold::Wait { why: why.clone(), until: *until });
        }
        None
    }
}
