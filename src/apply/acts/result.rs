//! What came of each act. PURE.

use serde::Serialize;

use crate::acts::{ActState, Hold};
use crate::model::clock::Timestamp;
use crate::model::live::{Cause, Unknown};
use crate::model::{ActId, ActionKind, Class, Realm};
use crate::plan::{ActNext, PlannedAct};

use super::super::report::exit_of;

/// What came of one act in one run.
#[derive(Clone, Debug, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActResult {
    /// Its identity.
    pub id: ActId,
    /// What is done.
    pub kind: ActionKind,
    /// How grave it is.
    pub class: Class,
    /// The service that has the device; absent where none is known to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connection: Option<Realm>,
    /// Where its life stood when the run began.
    pub before: ActState,
    /// Where it stands now.
    pub state: ActState,
    /// A request of this run left, or may have left.
    pub sent: bool,
    /// What its state rests on; empty where there is nothing to tell yet.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub evidence: String,
    /// What it waits for; absent where it does not.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waits: Option<ActWait>,
    /// What stops it until a person does something.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stop: Option<ActStop>,
    /// What could not be read or sent; decides the exit code.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<Cause>,
    /// What is not as it should be and did not stop it; absent where nothing is.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warning: Option<String>,
    /// What a person has to do now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// What an act waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActWait {
    /// For what.
    pub why: String,
    /// Until when at the latest, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

/// What stops an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActStop {
    /// The requirement row, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub row: Option<String>,
    /// The gate, where it is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gate: Option<String>,
    /// What is the matter.
    pub why: String,
}

impl ActResult {
    /// Its id among the steps that gates stop, as in the plan.
    pub fn step_id(&self) -> String {
        format!("{} {}", self.kind, self.id)
    }

    /// Of an act of an earlier run, of which was seen in this one what came of it.
    pub fn told(id: &ActId, kind: ActionKind, (before, state): (ActState, ActState), evidence: &str) -> Self {
        Self {
            id: id.clone(),
            kind,
            class: kind.class(),
            connection: None,
            before,
            state,
            sent: false,
            evidence: evidence.to_owned(),
            waits: None,
            stop: None,
            trouble: None,
            warning: None,
            next: super::following::after_end(kind, state, None),
        }
    }

    /// Of an act for which nothing was done.
    pub fn of(planned: &PlannedAct) -> Self {
        let mut result = Self {
            id: planned.id.clone(),
            kind: planned.kind,
            class: planned.class,
            connection: planned.connection.clone(),
            before: planned.state,
            state: planned.state,
            sent: false,
            evidence: String::new(),
            waits: None,
            stop: None,
            trouble: None,
            warning: None,
            next: None,
        };
        match &planned.next {
            ActNext::Wait { why, until } => result.waits(why.clone(), *until),
            ActNext::Stop { row, why, next } => {
                result.stop = Some(ActStop { row: row.clone(), gate: None, why: why.clone() });
                result.next = Some(next.clone());
            }
            ActNext::End { state, why } => (result.state, result.evidence) = (*state, why.clone()),
            ActNext::Send | ActNext::Resend { .. } | ActNext::GoOn { .. } | ActNext::Follow => {}
        }
        result
    }

    pub(super) fn waits(&mut self, why: String, until: Option<Timestamp>) {
        self.waits = Some(ActWait { why, until });
    }

    /// Enters what was in the way.
    pub(super) fn held(&mut self, hold: &Hold) {
        match hold {
            Hold::Wait { why, until } => self.waits(why.clone(), *until),
            Hold::Stop { row, why, next, .. } => {
                let row = row.map(str::to_owned);
                self.stop = Some(ActStop { row, gate: None, why: why.clone() });
                self.next = Some(next.clone());
            }
            Hold::End { state, why, .. } => (self.state, self.evidence) = (*state, why.clone()),
        }
    }

    /// Enters what could not be read.
    pub(super) fn troubled(&mut self, unknown: &Unknown) {
        self.trouble = Some(unknown.cause);
        self.waits(unknown.reason.clone(), None);
        self.next = Some(unknown.next.clone());
    }

    /// Whether a request of this run had its effect.
    pub(crate) fn is_committed(&self) -> bool {
        self.sent && self.state == ActState::Done
    }

    /// Whether something did not go as wished, that is neither waited for nor stopped by a gate.
    pub(crate) fn is_amiss(&self) -> bool {
        let failed = matches!(self.state, ActState::Failed | ActState::NotSupported);
        self.trouble.is_some() || (self.sent && failed)
    }

    /// The exit codes that it asks for (design section 6). An act of an earlier run never has one.
    pub(crate) fn exit_codes(&self) -> impl Iterator<Item = u8> {
        let open = matches!(
            self.state,
            ActState::Promised
                | ActState::Sent
                | ActState::Acknowledged
                | ActState::Unknown
                | ActState::ApprovalElsewhere
        );
        let unconfirmed = (self.sent && open).then_some(7);
        let stopped = self.stop.as_ref().map(|_| 4);
        let troubled = self.trouble.map(exit_of);
        let failed = matches!(self.state, ActState::Failed | ActState::NotSupported | ActState::Lost);
        let failed = (self.before != self.state && failed && self.sent).then_some(1);
        [unconfirmed, stopped, troubled, failed].into_iter().flatten()
    }
}
