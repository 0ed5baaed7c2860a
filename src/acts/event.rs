//! What the ledger's log says of acts. No type here can hold a secret in the clear.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::safeguard::SafeguardKind;
use super::state::ActState;
use crate::model::clock::Timestamp;
use crate::model::desired::DeviceAction;
use crate::model::{ActId, ActionKind, Epoch, Name, Sealed, Serial};

/// Which request of an act: a hand-over has several, every other act one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Leg {
    /// The only request; of a hand-over, the checkpoint from which on the device is on its way: nothing is
    /// sent to it, its code is sealed.
    Whole,
    /// Hand-over: the Activation Lock is lifted.
    Lift,
    /// Hand-over: the wipe.
    Wipe,
    /// Hand-over: the record of the former life is removed.
    OldRecord,
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Leg::Whole => "request",
            Leg::Lift => "lift of the lock",
            Leg::Wipe => "wipe",
            Leg::OldRecord => "removal of the old record",
        })
    }
}

/// Who agreed to an act, as it was when the promise was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovedBy {
    /// The person, as the signers' file names it.
    pub principal: String,
    /// `SHA256:` and base64 of the key.
    pub key: String,
    /// When the statement says that it was signed.
    pub at: Timestamp,
}

/// One entry of the log about acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ActEvent {
    /// A document was seen for the first time: its content and its serials are bound.
    Bound {
        /// The document.
        action: Name,
        /// What is done.
        kind: ActionKind,
        /// `sha256:` and hex over the content.
        content: String,
        /// `requestedAt`
        requested_at: Timestamp,
        /// Not sent from this instant on.
        expires: Timestamp,
        /// The devices, ascending.
        serials: Vec<Serial>,
        /// The commit of the folder; absent outside git.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// The entry with the gates that were applied then; absent before the first full apply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        gates: Option<i64>,
    },
    /// A request is about to be sent. Durable before it leaves.
    Promised {
        /// The act.
        act: ActId,
        /// Which request of it.
        leg: Leg,
        /// The tenant that gets it.
        tenant: String,
        /// The token whose limit it counts for; absent where no token of the folder has the serial.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        token: Option<Name>,
        /// The life of the device that it is for.
        epoch: Epoch,
        /// What stands for the device's code.
        safeguard: SafeguardKind,
        /// The code, where it was read for this act: sealed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<Sealed>,
        /// `sha256:` and hex over the request: what is sent again after an approval elsewhere is the same.
        request: String,
        /// The approval elsewhere under which the same request is sent again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_elsewhere: Option<String>,
        /// Who agreed here.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        approved_by: Vec<ApprovedBy>,
    },
    /// An act came into another state.
    Moved {
        /// The act.
        act: ActId,
        /// Which request of it was told about.
        leg: Leg,
        /// The new state; of a leg of a hand-over the state of that leg.
        to: ActState,
        /// What it rests on, for people.
        evidence: String,
        /// The id of the approval that is waited for elsewhere.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval: Option<String>,
    },
    /// A secret of a device was sealed: early, or after an act that made one.
    Sealed {
        /// The device.
        serial: Serial,
        /// The tenant that showed it.
        tenant: String,
        /// The life of the device that it is of.
        epoch: Epoch,
        /// The act that it belongs to; absent for codes that are sealed early.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        act: Option<ActId>,
        /// When it was read.
        read: Timestamp,
        /// It.
        sealed: Sealed,
    },
    /// Somebody opened, or exported, a sealed secret.
    Revealed {
        /// The device.
        serial: Serial,
        /// The entry that has it.
        row: i64,
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
    /// A person said what came of an act.
    Resolved {
        /// The act.
        act: ActId,
        /// As what it counts from now on.
        to: ActState,
        /// Who.
        who: String,
        /// Why.
        why: String,
    },
    /// The ledger was put back from a copy: what it does not know may have happened. Its birth is now.
    Restored {
        /// Who.
        who: String,
        /// Why.
        why: String,
        /// The documents' history was rewritten too: any commit may be the next.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        rewritten: bool,
    },
}

impl ActEvent {
    /// A document as it is bound on first sight. `serials`: those that it names, and for a selection those that
    /// it picks now. `commit`: of the folder; `None` outside git. `gates`: the entry with the gates in force.
    pub fn bound(
        document: &DeviceAction,
        serials: impl IntoIterator<Item = Serial>,
        commit: Option<String>,
        gates: Option<i64>,
    ) -> Self {
        let content = &document.content;
        ActEvent::Bound {
            action: document.name.clone(),
            kind: content.kind,
            content: super::digest::content(content),
            requested_at: content.requested_at,
            expires: content.expires,
            serials: serials.into_iter().collect::<BTreeSet<_>>().into_iter().collect(),
            commit,
            gates,
        }
    }
}

impl fmt::Display for ActEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ActEvent::Bound { action, kind, serials, .. } => {
                let devices = crate::diag::words::count(serials.len(), "device");
                write!(f, "DeviceAction/{action} seen: {kind} of {devices}")
            }
            ActEvent::Promised { act, leg, safeguard, approved_elsewhere, approved_by, .. } => {
                write!(f, "{act} {leg} promised")?;
                if let Some(request) = approved_elsewhere {
                    write!(f, ", again after approval of request {request}")?;
                }
                write!(f, ", {safeguard}")?;
                for (at, ApprovedBy { principal, key, .. }) in approved_by.iter().enumerate() {
                    let before = if at == 0 { "; approved by" } else { "," };
                    write!(f, "{before} {principal} ({key})")?;
                }
                Ok(())
            }
            ActEvent::Moved { act, leg: Leg::Whole, to, evidence, .. } => write!(f, "{act} {to}: {evidence}"),
            ActEvent::Moved { act, leg, to, evidence, .. } => write!(f, "{act} {leg} {to}: {evidence}"),
            ActEvent::Sealed { serial, sealed, act, .. } => {
                write!(f, "{} of {serial} sealed", sealed.kind.words())?;
                act.as_ref().map_or(Ok(()), |act| write!(f, " for {act}"))
            }
            ActEvent::Revealed { serial, row, who, why } => {
                write!(f, "entry {row} of {serial} revealed by {who}: {why}")
            }
            ActEvent::Resolved { act, to, who, why } => write!(f, "{act} resolved as {to} by {who}: {why}"),
            ActEvent::Restored { who, why, rewritten } => {
                let history = if *rewritten { ", with another history of the documents" } else { "" };
                write!(f, "ledger restored by {who}{history}: {why}")
            }
        }
    }
}
