//! What the ledger's log can say: events, intents, and the outcome of intents. PURE.
//!
//! An event is a fact that stays true: it is appended and never changed. An intent is the promise
//! to send one request, written before it is sent; its life is the table in [`IntentState::next`].
//! No type here can hold a secret.

mod words;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::acts::ActEvent;
use crate::model::clock::Timestamp;
use crate::model::desired::{Gates, LimitKind};
use crate::model::policy::Policy;
use crate::model::{ActivityId, Address, Fields, Name, Platform, ProfileId, Serial, ServiceId, TokenId};

/// The format of the log that this version writes. An older program refuses a newer log.
///
/// | format | what changed |
/// |---|---|
/// | 1 | the first one |
/// | 2 | direct tokens: [`Event::ServerKnown`], [`Event::Defined`], [`Event::Vanished`], [`Event::Cooling`], [`Event::Cooled`]; [`Event::TokenRenewed`]; [`LimitKind::Unassign`] |
/// | 3 | Apple Business and School: [`Event::ServiceKnown`], [`Event::ActivityAccepted`], [`Event::ActivityEnded`], [`Event::MigrationAsked`], [`Event::MigrationOver`], [`Event::KeyKnown`]; serials and service of an intent |
/// | 4 | device actions: [`Event::Act`]; limits of acts and approvals among the gates |
pub const FORMAT: u32 = 4;

/// How an object came to be ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum How {
    /// espalier made it.
    Created,
    /// It was there and a document took it on.
    Adopted,
}

/// A fact of the fleet's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Event {
    /// The ledger was made; always the first entry, and only the first. Its time is the birth.
    Born {
        /// The fleet's ledger id.
        fleet: Uuid,
    },
    /// An apply began.
    RunStarted {
        /// The run.
        run: Uuid,
        /// The git commit of the documents; `None` outside git.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// The plan's digest; `None` where no plan was made yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
        /// The digest of the documents' texts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        manifests: Option<String>,
        /// It is about a part of the documents, or its commit is not on the way of what was applied before: what
        /// counts as taken up last stays.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        part: bool,
    },
    /// An apply came to its end. A run that died has none.
    RunFinished {
        /// The run.
        run: Uuid,
        /// Whether every step of the documents was applied.
        complete: bool,
        /// The git commit of the documents; `None` outside git.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        commit: Option<String>,
        /// As of [`Event::RunStarted`].
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        part: bool,
    },
    /// An object is ours from now on.
    Owned {
        /// Its address.
        address: Address,
        /// The tenant that holds it.
        tenant: String,
        /// The token under which it lives; for a token, its own id.
        token_id: TokenId,
        /// The profile's id; `None` for the token itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        object: Option<ProfileId>,
        /// Created or adopted; prune asks.
        how: How,
        /// Its display name at the service.
        name: String,
    },
    /// The managed fields that a write has just set, with their values; drift is measured by them.
    Applied {
        /// The owned object.
        address: Address,
        /// All managed fields, not only the changed ones.
        fields: Fields,
    },
    /// An object is no longer ours: deleted, or found gone by a complete read.
    Disowned {
        /// Its address.
        address: Address,
        /// Why, for people.
        why: String,
    },
    /// Something was destroyed; counted by the limits over a rolling 24 hours.
    Destroyed {
        /// What was destroyed.
        address: Address,
        /// The token whose limit it counts for.
        token: Name,
        /// The limit.
        kind: LimitKind,
        /// How many objects.
        count: u64,
    },
    /// The gates of a run that was applied in full; the next run takes the stricter of these and
    /// its own.
    GatesApplied {
        /// The Fleet's gates.
        gates: Gates,
        /// The tenants' own; ledgers from before there were any have none.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        policies: Vec<Policy>,
    },
    /// Everything that the documents wish on a token was seen to be so, but for serials that wait:
    /// what differs later while the documents are the same has moved outside.
    InForce {
        /// The token's name.
        token: Name,
        /// `sha256:` and hex over each part of the wishes on the token, by the part's name.
        wishes: BTreeMap<String, String>,
    },
    /// A sync with Apple was asked for, because these serials wait for it.
    SyncAsked {
        /// The token's address.
        token: Address,
        /// The token's id.
        token_id: TokenId,
        /// The serials that waited.
        serials: Vec<Serial>,
    },
    /// Which server at Apple a direct token belongs to, as Apple's own answer told; asked again only
    /// when the credentials are others.
    ServerKnown {
        /// The token's address.
        token: Address,
        /// The id under which everything of the token is kept; it stays for the life of the server.
        token_id: TokenId,
        /// `server_uuid`
        server: String,
        /// `server_name`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// `org_id`
        #[serde(default, skip_serializing_if = "Option::is_none")]
        org: Option<String>,
        /// `admin_id`: the Apple Account that made the token in use (T-4).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        apple_id: Option<String>,
        /// A hash over the credentials that were asked with; no credential follows from it.
        credentials: String,
    },
    /// A server token was renewed by `espalier token import` (T-7).
    TokenRenewed {
        /// The token's address.
        token: Address,
        /// The Apple Account that made the new one, where that is known (T-4).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        apple_id: Option<String>,
        /// When the new one expires.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expires: Option<Timestamp>,
    },
    /// A profile was defined at Apple's enrollment service, where it can neither be listed nor changed
    /// nor deleted: only who remembers its id can give it to devices.
    Defined {
        /// The document's address on the token.
        address: Address,
        /// The token's id.
        token_id: TokenId,
        /// The profile's UUID.
        object: ProfileId,
        /// Its name.
        name: String,
        /// A hash over its normalised content.
        content: String,
    },
    /// Apple does not know a profile any more that was defined there: no device can be given it, and
    /// whoever wishes the same has to define it anew.
    Vanished {
        /// The token's id.
        token_id: TokenId,
        /// The profile's UUID.
        object: ProfileId,
    },
    /// Apple throttled these devices, failed on them, or left them out of its answer: they are not
    /// given that profile again before an instant (reference apple-enrollment-api section 3.9).
    Cooling {
        /// The token's id.
        token_id: TokenId,
        /// The profile that they were to get.
        profile: ProfileId,
        /// Why, in Apple's word: `THROTTLED`, `FAILED`, or `MISSING` for those left out.
        why: String,
        /// Until when they are left in peace.
        until: Timestamp,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// These devices have what they were to get, or nobody wishes it any more.
    Cooled {
        /// The token's id.
        token_id: TokenId,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// The device management service at Apple that a token belongs to: by its id a service is found again
    /// that was renamed.
    ServiceKnown {
        /// The token's address.
        token: Address,
        /// The organisation: the client id of its connection.
        tenant: String,
        /// The service.
        service: ServiceId,
        /// Its name.
        name: String,
        /// Made by espalier.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        made: bool,
    },
    /// Apple took an activity on and gave it an id, the only way to ask for it. What it is about stands in
    /// the intent.
    ActivityAccepted {
        /// The intent that was sent.
        intent: i64,
        /// The id.
        activity: ActivityId,
    },
    /// An activity was seen to end, or is too old to be asked for.
    ActivityEnded {
        /// The id.
        activity: ActivityId,
        /// Apple's words of its state.
        state: String,
        /// The devices that its log tells issues of, with Apple's words.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        issues: Vec<(Serial, String)>,
    },
    /// These devices were asked to migrate by a deadline: only such a migration is ever changed or
    /// cancelled.
    MigrationAsked {
        /// The organisation: the client id of its connection.
        tenant: String,
        /// The assignment document.
        assignment: Name,
        /// By when.
        deadline: Timestamp,
        /// The devices, ascending.
        serials: Vec<Serial>,
    },
    /// The migrations of these devices have ended, or are nobody's business any more.
    MigrationOver {
        /// The organisation.
        tenant: String,
        /// The devices, ascending.
        serials: Vec<Serial>,
    },
    /// An API key of an organisation was used for the first time: Apple does not tell how old it is.
    KeyKnown {
        /// The organisation: the client id of its connection.
        tenant: String,
        /// `keyId`
        key: String,
    },
    /// What became of a device action, or of a sealed secret.
    Act(ActEvent),
    /// These serials no longer wait: they appeared, or nobody names them any more.
    NotWaiting {
        /// The token's address.
        token: Address,
        /// The token's id.
        token_id: TokenId,
        /// The serials.
        serials: Vec<Serial>,
    },
}

impl Event {
    /// The first format of the log that knows such an event.
    pub fn format(&self) -> u32 {
        let bounds_unassign = |gates: &Gates| gates.limits.contains_key(&LimitKind::Unassign);
        let is_about_acts = |gates: &Gates| {
            gates.approvals.is_some() || gates.limits.keys().any(|kind| matches!(kind, LimitKind::Act(_)))
        };
        match self {
            Event::Act(_) => 4,
            Event::GatesApplied { gates, policies }
                if is_about_acts(gates) || policies.iter().any(|one| is_about_acts(&one.gates)) =>
            {
                4
            }
            Event::ServerKnown { .. }
            | Event::TokenRenewed { .. }
            | Event::Defined { .. }
            | Event::Vanished { .. }
            | Event::Cooling { .. }
            | Event::Cooled { .. } => 2,
            Event::ServiceKnown { .. }
            | Event::ActivityAccepted { .. }
            | Event::ActivityEnded { .. }
            | Event::MigrationAsked { .. }
            | Event::MigrationOver { .. }
            | Event::KeyKnown { .. } => 3,
            Event::Destroyed { kind: LimitKind::Unassign, .. } => 2,
            Event::GatesApplied { gates, policies }
                if bounds_unassign(gates) || policies.iter().any(|one| bounds_unassign(&one.gates)) =>
            {
                2
            }
            Event::RunStarted { part: true, .. } | Event::RunFinished { part: true, .. } => 4,
            Event::Born { .. }
            | Event::RunStarted { .. }
            | Event::RunFinished { .. }
            | Event::Owned { .. }
            | Event::Applied { .. }
            | Event::Disowned { .. }
            | Event::Destroyed { .. }
            | Event::GatesApplied { .. }
            | Event::InForce { .. }
            | Event::SyncAsked { .. }
            | Event::NotWaiting { .. } => 1,
        }
    }
}

impl Entry {
    /// The first format of the log that knows such an entry.
    pub fn format(&self) -> u32 {
        match self {
            Entry::Event(event) => event.format(),
            Entry::Intended { intent, .. } if intent.service.is_some() || !intent.serials.is_empty() => 3,
            Entry::Intended { .. } | Entry::Outcome { .. } => 1,
        }
    }
}

/// Where the life of an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum IntentState {
    /// Written; the request may or may not have been sent.
    Open,
    /// The service confirmed it.
    Committed,
    /// The service refused it, or it never left.
    Failed,
    /// It was sent and the answer was lost.
    Unknown,
    /// A later look at the service told what came of it; the note says what.
    Settled,
}

impl IntentState {
    /// Every state.
    pub const ALL: [IntentState; 5] =
        [Self::Open, Self::Committed, Self::Failed, Self::Unknown, Self::Settled];

    /// The transition table: `to`, if an intent may pass from here to there. What has ended stays
    /// ended, and what is unknown is settled by looking and by nothing else.
    pub fn next(self, to: IntentState) -> Option<IntentState> {
        use IntentState::{Committed, Failed, Open, Settled, Unknown};
        match (self, to) {
            (Open, Committed | Failed | Unknown | Settled) => Some(to),
            (Unknown, Settled) => Some(to),
            (Open | Unknown, _) | (Committed | Failed | Settled, _) => None,
        }
    }

    /// Whether nobody knows yet what came of it.
    pub fn is_unsettled(self) -> bool {
        matches!(self, Self::Open | Self::Unknown)
    }

    /// The word for people and for JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Committed => "committed",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Settled => "settled",
        }
    }
}

impl fmt::Display for IntentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What is promised before a request is sent. Its run is that of the lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewIntent {
    /// The object that the request concerns.
    pub address: Address,
    /// The tenant that gets it.
    pub tenant: String,
    /// The operation's word: `createProfile`, `assign` …
    pub write: String,
    /// Which share of a write that is cut into several requests; 0 for the only one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub part: u32,
    /// The display name that a create gives; a later run finds the object by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The profile's id; `None` where it does not exist yet, and for tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<ProfileId>,
    /// The profile's platform; `None` for tokens, and in ledgers from before there were several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// How many things the request changes: 1, or the serials of an assignment.
    pub items: u64,
    /// The service at Apple that devices are pointed at or taken off; `None` for what is sent elsewhere,
    /// and where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<ServiceId>,
    /// The devices of an activity, ascending: none of them is in two that nobody saw end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serials: Vec<Serial>,
}

fn is_zero(part: &u32) -> bool {
    *part == 0
}

/// An intent with its life so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Intent {
    /// Its number: that of its entry in the log.
    pub id: i64,
    /// The run that promised it.
    pub run: Uuid,
    /// When it was written, which is before anything was sent.
    pub at: Timestamp,
    /// When it came into its present state; a horizon counts from here.
    pub since: Timestamp,
    /// See [`NewIntent::address`].
    pub address: Address,
    /// See [`NewIntent::tenant`].
    pub tenant: String,
    /// See [`NewIntent::write`].
    pub write: String,
    /// See [`NewIntent::part`].
    pub part: u32,
    /// See [`NewIntent::name`].
    pub name: Option<String>,
    /// See [`NewIntent::object`].
    pub object: Option<ProfileId>,
    /// See [`NewIntent::platform`].
    pub platform: Option<Platform>,
    /// See [`NewIntent::items`].
    pub items: u64,
    /// See [`NewIntent::service`].
    pub service: Option<ServiceId>,
    /// See [`NewIntent::serials`].
    pub serials: Vec<Serial>,
    /// Its state.
    pub state: IntentState,
    /// What is known about the state, for people; empty while open.
    pub note: String,
}

/// One entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Entry {
    /// A fact.
    Event(Event),
    /// A promise; its number becomes the intent's id.
    Intended {
        /// The run that promises.
        run: Uuid,
        /// What.
        intent: NewIntent,
    },
    /// What came of a promise.
    Outcome {
        /// The intent's id.
        intent: i64,
        /// Its new state.
        state: IntentState,
        /// For people; may be empty.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        note: String,
    },
}

/// An entry with its number and time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The number: 1 for the birth, then without gaps.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What it says.
    pub entry: Entry,
}
