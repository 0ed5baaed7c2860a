//! Where the life of an act stands.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where the life of an act stands (design section 5, "States"). Why it stands there is told beside it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ActState {
    /// Nothing was sent: it waits for a record, an instant, an earlier act.
    Waiting,
    /// Nothing was sent: people have to agree.
    NeedsApproval,
    /// It was promised, and nobody has told yet what came of the request.
    Promised,
    /// The MDM wants a second person to agree there; the identical request is sent again afterwards.
    ApprovalElsewhere,
    /// The service took it on.
    Sent,
    /// The device is at it, or the MDM has passed it on.
    Acknowledged,
    /// It took place.
    Done,
    /// It did not take place, and the service or the device says so.
    Failed,
    /// The device, its platform or its version cannot do it.
    NotSupported,
    /// Its time was over before it could be sent.
    Expired,
    /// Another act, or another life of the device, took its place.
    Superseded,
    /// Its document was removed before it was sent.
    Cancelled,
    /// It was sent, and nobody can tell any more what came of it.
    Lost,
    /// The answer was lost, or was an error that may hide the effect: a person resolves it.
    Unknown,
}

impl ActState {
    /// Every state.
    pub const ALL: [ActState; 14] = [
        Self::Waiting,
        Self::NeedsApproval,
        Self::Promised,
        Self::ApprovalElsewhere,
        Self::Sent,
        Self::Acknowledged,
        Self::Done,
        Self::Failed,
        Self::NotSupported,
        Self::Expired,
        Self::Superseded,
        Self::Cancelled,
        Self::Lost,
        Self::Unknown,
    ];

    /// Whether it has ended: nothing brings it back.
    pub const fn has_ended(self) -> bool {
        matches!(
            self,
            Self::Done
                | Self::Failed
                | Self::NotSupported
                | Self::Expired
                | Self::Superseded
                | Self::Cancelled
                | Self::Lost
        )
    }

    /// Whether a request may be on its way, or may have had its effect, without anybody knowing its end.
    pub const fn is_under_way(self) -> bool {
        matches!(self, Self::Promised | Self::Sent | Self::Acknowledged | Self::Unknown)
    }

    /// The transition table: whether the ledger lets an act pass from here to there. What has ended stays
    /// ended. `Promised` is entered by a promise alone and never by this table.
    pub const fn may_become(self, to: ActState) -> bool {
        use ActState::{
            Acknowledged, ApprovalElsewhere, Cancelled, Done, Expired, Failed, Lost, NeedsApproval,
            NotSupported, Promised, Sent, Superseded, Unknown, Waiting,
        };
        match self {
            // Seen, and not sent.
            Waiting | NeedsApproval => {
                matches!(to, Cancelled | Expired | Superseded | NotSupported | Failed)
            }
            // `Waiting`: it provably never left.
            Promised => matches!(
                to,
                Waiting | ApprovalElsewhere | Sent | Acknowledged | Done | Failed | NotSupported | Unknown
            ),
            ApprovalElsewhere => matches!(to, Cancelled | Expired | Failed | Superseded | Unknown),
            Sent => matches!(to, Acknowledged | Done | Failed | NotSupported | Superseded | Lost | Unknown),
            Acknowledged => matches!(to, Done | Failed | NotSupported | Superseded | Lost | Unknown),
            // Only by evidence, or by a person.
            Unknown => {
                matches!(to, Sent | Acknowledged | Done | Failed | NotSupported | Lost | Superseded)
            }
            Done | Failed | NotSupported | Expired | Superseded | Cancelled | Lost => false,
        }
    }

    /// The word for people and for JSON.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::NeedsApproval => "needs approval",
            Self::Promised => "being sent",
            Self::ApprovalElsewhere => "approval elsewhere pending",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::NotSupported => "not supported",
            Self::Expired => "expired",
            Self::Superseded => "superseded",
            Self::Cancelled => "cancelled",
            Self::Lost => "lost",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for ActState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}
