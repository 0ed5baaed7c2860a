//! What people do about acts beside applying: say what came of one, open what was sealed, declare a ledger
//! that was put back from a copy. Each is one entry, under the ledger's lock.

use uuid::Uuid;

use super::{EngineError, Session};
use crate::acts::{ActEvent, ActRecord, ActState, Leg, SealedRow};
use crate::ledger::{Event, Holder, LedgerView};
use crate::model::desired::DeviceAction;
use crate::model::{ActId, Name, Serial};

/// Why what a person asks for about an act is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ActingError {
    /// There is no ledger: nothing is known, and nothing could be kept.
    #[error("this run has no ledger")]
    NoLedger,
    /// Nobody asked for it, as far as the ledger knows.
    #[error("the ledger does not know {0}")]
    Unknown(String),
    /// It has ended, or can end by itself.
    #[error("{act} is {state}, and cannot be said to be {to}")]
    State {
        /// The act.
        act: ActId,
        /// Where it stands.
        state: ActState,
        /// What was said.
        to: ActState,
    },
    /// There is no such sealed secret.
    #[error("entry {row} holds no sealed secret of {serial}")]
    NotSealed {
        /// The device.
        serial: Serial,
        /// The entry.
        row: i64,
    },
    /// No override opens such a gate.
    #[error("no override opens the gate {0}")]
    NotOpened(String),
    /// Nobody, or no reason, was named.
    #[error("{0} is empty: who does this and why is kept for good")]
    Nameless(&'static str),
}

impl ActingError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoLedger => "act-no-ledger",
            Self::Unknown(_) => "action-unknown",
            Self::State { .. } => "act-state",
            Self::NotSealed { .. } => "act-not-sealed",
            Self::NotOpened(_) => "gate-not-opened",
            Self::Nameless(_) => "act-nameless",
        }
    }

    /// What to do next.
    pub fn next(&self) -> String {
        match self {
            Self::NoLedger => "run it with the fleet's ledger".to_owned(),
            Self::Unknown(_) => "see `espalier action list` for what it knows".to_owned(),
            Self::State { state, .. } if state.has_ended() => "what has ended stays as it is".to_owned(),
            Self::State { state: ActState::Waiting | ActState::NeedsApproval, .. } => {
                "it was not sent: remove it from its document, which cancels it".to_owned()
            }
            Self::State { .. } => {
                "`espalier apply` follows it to its end; only what nobody else can tell is resolved".to_owned()
            }
            Self::NotSealed { .. } => "see `espalier escrow list` for what was sealed".to_owned(),
            Self::NotOpened(_) => {
                "have it approved, wait for the window, or apply the newest commit: an override stands for none of them"
                    .to_owned()
            }
            Self::Nameless(_) => "name who, and say why".to_owned(),
        }
    }
}

impl Session {
    /// A person says what came of an act that nobody else can tell ([`crate::acts::ActBook::may_resolve`]), or that
    /// was requested before the ledger's birth. It is `to` from then on, for good. What was sent is followed: nobody
    /// says before its end that it failed, and has the next one sent beside it.
    ///
    /// # Errors
    /// An act that the ledger does not know or that is not open; the ledger's own.
    pub fn resolve_act(&self, act: &ActId, to: ActState, who: &str, why: &str) -> Result<(), EngineError> {
        let (who, why) = signed(who, why)?;
        self.write_one(|view| {
            let mut events = Vec::new();
            let state = match view.acts.act(act) {
                Some(record) if view.acts.may_resolve(act, view.born, self.clock.now()) => record.state,
                Some(ActRecord { state, .. }) => {
                    return Err(ActingError::State { act: act.clone(), state: *state, to });
                }
                // Unknown history was never bound: it is now, to be ended at once.
                None => {
                    let document = self.desired.actions.get(&act.action);
                    let document = document.filter(|_| view.acts.action(&act.action).is_none());
                    let named = document.filter(|one| one.devices.iter().any(|it| it.serial == act.serial));
                    let Some(document) = named else { return Err(ActingError::Unknown(act.to_string())) };
                    // What this ledger would send itself is no history.
                    if document.content.requested_at >= view.born {
                        let state = ActState::Waiting;
                        return Err(ActingError::State { act: act.clone(), state, to });
                    }
                    let serials = document.devices.iter().map(|one| one.serial);
                    events.push(ActEvent::bound(document, serials, self.commit(), view.gates_row));
                    ActState::Waiting
                }
            };
            let event = ActEvent::Resolved { act: act.clone(), to, who: who.clone(), why: why.clone() };
            if !to.has_ended() {
                return Err(ActingError::State { act: act.clone(), state, to });
            }
            events.push(event);
            Ok(events)
        })
        .map(drop)
    }

    /// Cancels for good what a document asks for that was removed, or is about to be: what was not sent. A
    /// document that no apply has seen is bound for that, so that no commit brings it back. Returns what was
    /// cancelled.
    ///
    /// # Errors
    /// The ledger's own.
    pub fn cancel_acts(
        &self,
        action: &Name,
        document: Option<&DeviceAction>,
        who: &str,
        why: &str,
    ) -> Result<Vec<ActId>, EngineError> {
        let (who, why) = signed(who, why)?;
        let mut cancelled = Vec::new();
        self.write_one(|view| {
            let mut events = Vec::new();
            let mut open: Vec<ActId> = view
                .acts
                .acts()
                .filter(|(id, _)| id.action == *action && view.acts.may_become(id, ActState::Cancelled))
                .map(|(id, _)| id.clone())
                .collect();
            if view.acts.action(action).is_none()
                && let Some(document) = document.filter(|one| one.selected.is_none())
            {
                let serials = document.devices.iter().map(|one| one.serial);
                events.push(ActEvent::bound(document, serials, self.commit(), view.gates_row));
                open = document.acts().collect();
            }
            for act in open {
                cancelled.push(act.clone());
                // A hand-over on its way: nothing that was done is undone by that.
                let record = view.acts.act(&act);
                let done = match record.and_then(|record| record.left(Leg::Lift)) {
                    _ if record.is_none_or(|record| !record.may_be_given_up()) => "",
                    Some(lift) if lift.state == ActState::Done => {
                        "; what was moved stays moved, and its Activation Lock was lifted"
                    }
                    _ => "; what was moved stays moved",
                };
                events.push(ActEvent::Moved {
                    act,
                    leg: Leg::Whole,
                    to: ActState::Cancelled,
                    evidence: format!("cancelled by {who}: {why}{done}"),
                    approval: None,
                });
            }
            Ok(events)
        })?;
        Ok(cancelled)
    }

    /// Declares that the ledger was put back from a copy: its birth is now, and what was asked for before is
    /// unknown history. Acts still run from no commit older than those that the copy knows, unless the documents'
    /// history was `rewritten`.
    ///
    /// # Errors
    /// The ledger's own.
    pub fn ledger_restored(&self, who: &str, why: &str, rewritten: bool) -> Result<(), EngineError> {
        let (who, why) = signed(who, why)?;
        self.write_one(|_| Ok(vec![ActEvent::Restored { who: who.clone(), why: why.clone(), rewritten }]))
            .map(drop)
    }

    /// What was sealed of a device under an entry, to be opened or exported: that it is, by whom and why, is
    /// durable before this returns.
    ///
    /// # Errors
    /// No such entry; the ledger's own.
    pub fn reveal(&self, serial: &Serial, row: i64, who: &str, why: &str) -> Result<SealedRow, EngineError> {
        let (who, why) = signed(who, why)?;
        let view = self.write_one(|view| {
            if !view.acts.sealed_of(serial).iter().any(|one| one.row == row) {
                return Err(ActingError::NotSealed { serial: *serial, row });
            }
            let (who, why) = (who.clone(), why.clone());
            Ok(vec![ActEvent::Revealed { serial: *serial, row, who, why }])
        })?;
        let found = view.acts.sealed_of(serial).iter().find(|one| one.row == row).cloned();
        found.ok_or_else(|| ActingError::NotSealed { serial: *serial, row }.into())
    }

    /// Whether anything was sent to a device that nobody has seen end.
    pub fn follows_acts(&self) -> bool {
        let is_open = |state: ActState| state.is_under_way() || state == ActState::ApprovalElsewhere;
        self.view().is_ok_and(|view| view.acts.open().any(|(_, act)| is_open(act.state)))
    }

    /// Writes what `decide` makes of the ledger as it is, under its lock; returns the ledger after that.
    fn write_one(
        &self,
        decide: impl FnOnce(&LedgerView) -> Result<Vec<ActEvent>, ActingError>,
    ) -> Result<LedgerView, EngineError> {
        let Some(ledger) = self.state.open(&self.desired, &self.clock)? else {
            return Err(ActingError::NoLedger.into());
        };
        let now = self.clock.now();
        let holder = Holder::of_this_process(self.settings.command.clone(), Uuid::new_v4(), now);
        let lease = ledger.lock(holder)?;
        let events: Vec<Event> = decide(&ledger.view(now)?)?.into_iter().map(Event::Act).collect();
        ledger.append(&lease, now, &events)?;
        Ok(ledger.view(now)?)
    }
}

/// Who and why, without what stands around them.
fn signed(who: &str, why: &str) -> Result<(String, String), ActingError> {
    let (who, why) = (who.trim(), why.trim());
    if who.is_empty() {
        return Err(ActingError::Nameless("the name"));
    }
    if why.is_empty() {
        return Err(ActingError::Nameless("the reason"));
    }
    Ok((who.to_owned(), why.to_owned()))
}
