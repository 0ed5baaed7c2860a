//! Acts on devices as a plan shows them. PURE.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Note;
use crate::acts::ActState;
use crate::model::act::Os;
use crate::model::clock::Timestamp;
use crate::model::{ActId, ActionKind, Class, Epoch, Name, Realm};

/// One act on one device: what it is, where it stands, and what `apply` does with it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlannedAct {
    /// Its identity.
    pub id: ActId,
    /// What is done.
    pub kind: ActionKind,
    /// How grave it is.
    pub class: Class,
    /// The service that has the device; absent where none is known to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub connection: Option<Realm>,
    /// The id of its tenant, as the folder spells it; of a release the organisation's. Absent where no service
    /// has the device.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tenant: Option<String>,
    /// The token of the folder that lists the serial: its limits hold. Absent where none does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<Name>,
    /// The life of the device that it is for; absent where there is none yet.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub epoch: Option<Epoch>,
    /// The device, for people; absent where none is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub device: Option<ActDevice>,
    /// What is known instead where no record tells of the device, in words: that it has none, what Apple's list
    /// says of it, or that the MDM could not be read. Absent beside `device`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub known: Option<String>,
    /// Where its life stands.
    pub state: ActState,
    /// What `apply` does with it.
    pub next: ActNext,
    /// Ids of the steps of this plan that have to be committed first: what the device comes back to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub needs: Vec<String>,
    /// What it does on this very platform; absent where the platform is not known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub does: Option<String>,
    /// `reason` of the document.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// `requestedAt` of the document, as it was bound.
    #[schemars(with = "String")]
    pub requested_at: Timestamp,
    /// It is not sent from this instant on.
    #[schemars(with = "String")]
    pub expires: Timestamp,
    /// Explanations, each with its requirement row.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<Note>,
    /// `sha256:` and hex over the ledger, the tenant, the identity, the content and the life of the device: what
    /// is approved.
    pub digest: String,
}

/// A device, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActDevice {
    /// Its name.
    pub name: String,
    /// Its model.
    pub model: String,
    /// What runs on it.
    pub os: Os,
    /// The version of that.
    pub os_version: String,
    /// Its user's principal name; empty for none.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub user: String,
    /// Whether it is supervised; absent where that is not told.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub supervised: Option<bool>,
}

/// What `apply` does with an act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ActNext {
    /// Sends it, after one more look at the device.
    Send,
    /// Sends the identical request again, if it was approved elsewhere.
    Resend {
        /// The id of the approval there.
        approval: String,
    },
    /// A hand-over goes on with its next checkpoint.
    GoOn {
        /// The checkpoint, in words.
        checkpoint: String,
    },
    /// Looks what came of it.
    Follow,
    /// Nothing: it waits and goes on by itself.
    Wait {
        /// For what.
        why: String,
        /// Until when at the latest, where that is known.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<Timestamp>,
    },
    /// Nothing: a person has to do something.
    Stop {
        /// The requirement row, where there is one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        row: Option<String>,
        /// What is the matter.
        why: String,
        /// What to do next.
        next: String,
    },
    /// Writes down that it has ended without being sent.
    End {
        /// As what.
        state: ActState,
        /// Why.
        why: String,
    },
}

/// How the note of row L-4 begins that says that the device's code cannot be sealed, and why.
pub const UNSEALED: &str = "its bypass code cannot be sealed";

impl PlannedAct {
    /// Whether its device's code cannot be sealed now, as a note says.
    pub fn is_unsealable(&self) -> bool {
        self.notes.iter().any(|note| note.text.starts_with(UNSEALED))
    }

    /// Its id among the steps that gates stop: `wipe DeviceAction/lost-ipad C02XYZ`.
    pub fn step_id(&self) -> String {
        format!("{} {}", self.kind, self.id)
    }

    /// Whether `apply` would send something for it.
    pub fn is_sent(&self) -> bool {
        matches!(self.next, ActNext::Send | ActNext::Resend { .. } | ActNext::GoOn { .. })
    }
}

/// Where the documents come from, as far as acts ask: they run only from the last applied commit or a descendant
/// of it, and nobody approves what is their own (design sections 4 and 5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The commit that is checked out; `None` outside git, and for a folder under `--sim` without git.
    pub commit: Option<String>,
    /// How it stands to the last applied commit.
    pub descent: Descent,
    /// Names and mail addresses of those who wrote what no full apply has seen: authors and committers of every
    /// commit since, approvals apart. None of them approves steps.
    pub authors: Vec<String>,
    /// Likewise of those who wrote a `DeviceAction`, by its name; of one that is not here `authors` counts.
    pub authors_of: BTreeMap<Name, Vec<String>>,
    /// Why nobody can tell who wrote the documents; no approval counts then.
    pub unattributed: Option<String>,
    /// The newest commit cannot be read, or its documents do not validate: why. No act is sent then.
    pub invalid: Option<String>,
}

/// How a folder's commit stands to the last applied one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Descent {
    /// There is no git here: the folder counts as one commit.
    #[default]
    Outside,
    /// Nothing was applied yet.
    First,
    /// The same, or a descendant.
    Forward,
    /// An ancestor of it: older than what was applied.
    Older {
        /// The last applied one.
        applied: String,
    },
    /// Neither: another branch.
    Elsewhere {
        /// The last applied one.
        applied: String,
    },
    /// Git cannot tell.
    Unknown {
        /// Why.
        why: String,
    },
}
