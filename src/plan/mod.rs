//! A plan is a value: ordered, countable, hashable, saved to a file, shown by anyone later, and
//! applied exactly or refused. PURE: made of values that others read; it knows no writer.
//!
//! ```text
//! Desired ─┐
//! Live ────┼─ build ─> Plan { steps, blocked, waiting, left alone } ─ gates ─> stops
//! Ledger ──┘
//! ```

pub mod acts;
pub mod before;
mod bookkeeping;
pub mod build;
pub mod content;
pub mod drift;
pub mod effect;
pub mod file;
mod forecast;
pub mod gates;
pub mod order;
pub mod service;
#[cfg(test)]
pub(crate) mod tests;
pub mod wishes;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::diag::Diagnostic;
use crate::model::clock::Timestamp;
use crate::model::live::Cause;
use crate::model::{Address, Fields, Name, Platform, ProfileId, Realm, Scope, Serial, TokenId};

pub use crate::diff::FieldChange;
pub use crate::model::class::Class;
pub use crate::rules::Acknowledged;
pub use acts::{ActDevice, ActNext, Descent, Origin, PlannedAct};
pub use bookkeeping::Bookkeeping;
pub use effect::{Effect, When};
pub use forecast::{AppleForecast, Forecast};
pub use gates::Stop;
pub use service::{MoveGroup, ServiceAction};

/// What one run would do, and what it would not and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The fleet's ledger; `None` with `--no-ledger`.
    pub ledger: Option<uuid::Uuid>,
    /// The tokens that the run was narrowed to; what lies outside is in no part of the plan.
    pub scope: Scope,
    /// Tenant id by service, for those that documents name; of a direct token it is the token's id.
    pub tenants: BTreeMap<Realm, String>,
    /// The steps in an order in which they can be executed.
    pub steps: Vec<Step>,
    /// Acts on devices: those of the documents, and those that the ledger follows. They come after the steps.
    pub acts: Vec<PlannedAct>,
    /// Domains and objects for which nothing can be planned, and why.
    pub blocked: Vec<Blocked>,
    /// Serials that wait, and for what.
    pub waiting: Vec<Waiting>,
    /// Live objects that a document describes exactly: taken into the ledger, nothing is sent.
    pub adopted: Vec<Adoption>,
    /// What is there and is not touched, and why.
    pub left_alone: Vec<LeftAlone>,
    /// Warnings and notes of rules.
    pub findings: Vec<Diagnostic>,
    /// Violations that stand live already and that the plan does not touch.
    pub grandfathered: Vec<Grandfathered>,
    /// What documents acknowledge: counted here, and not among the findings.
    pub acknowledged: Vec<Acknowledged>,
    /// What `apply` would not do because a gate is exceeded.
    pub stops: Vec<Stop>,
    /// How many calls `apply` will take.
    pub forecast: Forecast,
    /// Ledger bookkeeping that needs no request: see [`Bookkeeping`].
    pub bookkeeping: Vec<Bookkeeping>,
}

/// One intent towards one object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Unique within the plan and stable between plans: `create EnrollmentProfile/ipads@school`.
    pub id: String,
    /// The object.
    pub address: Address,
    /// The service that carries the requests.
    pub connection: Realm,
    /// The token's id at the service.
    pub token_id: TokenId,
    /// The profile's id at the service; absent for a create and for steps on the token itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<ProfileId>,
    /// The object's display name at the service, as it will be.
    pub name: String,
    /// The platform of the profile that the step is about; absent for steps on the token itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub platform: Option<Platform>,
    /// What is done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// How grave it is.
    pub class: Class,
    /// When it is felt and by how many devices.
    pub effect: Effect,
    /// Ids of the steps that have to be committed first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub needs: Vec<String>,
    /// Its result is read back before a step that needs it starts: the first token of a profile
    /// with several, and moves that free a profile for its deletion.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub prove_first: bool,
    /// Not to be sent before this instant (S-2).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub not_before: Option<Timestamp>,
    /// Explanations, each with its requirement row.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub notes: Vec<Note>,
    /// Hash of the canonical *before*; see [`file::fingerprint`].
    pub fingerprint: String,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// Changes the token's name or scope tags (T-5).
    UpdateToken {
        /// Field by field.
        changes: Vec<FieldChange>,
        /// The ids of the wished scope tags, where they change.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        scope_tag_ids: Option<Vec<String>>,
    },
    /// Deletes the token (T-9).
    DeleteToken,
    /// Makes a profile.
    CreateProfile {
        /// All its fields.
        fields: Fields,
        /// The id of the VPP token whose name is among them (P-4).
        #[serde(skip_serializing_if = "Option::is_none", default)]
        vpp_token: Option<String>,
    },
    /// Changes a profile.
    UpdateProfile {
        /// Field by field.
        changes: Vec<FieldChange>,
        /// The profile is taken over with this step.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        adopt: bool,
        /// The id of the VPP token whose name is among them (P-4).
        #[serde(skip_serializing_if = "Option::is_none", default)]
        vpp_token: Option<String>,
    },
    /// Deletes a profile.
    DeleteProfile,
    /// Makes a profile the token's default for its platform (P-30).
    SetDefault {
        /// The present default; absent where none is set.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        from: Option<ProfileId>,
        /// Its display name, where it is known.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        from_name: Option<String>,
    },
    /// Gives the profile of the step's address to devices (A-3).
    Assign {
        /// The serials, by the profile that they have now.
        groups: Vec<AssignGroup>,
        /// They are not visible yet: they are given the profile once a sync shows them.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        after_sync: bool,
    },
    /// Defines a profile at Apple's enrollment service, where none can be changed: a change is a new
    /// one. The devices that carry the former one are given it by an assignment of its own.
    Define {
        /// All its fields.
        fields: Fields,
        /// The hash over its normalised content.
        content: String,
        /// The profile that it takes the place of; absent for a first one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        replaces: Option<ProfileId>,
        /// Field by field against the former one; empty for a first one.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        changes: Vec<FieldChange>,
        /// The former one is not known to be ours and is taken over with this step.
        #[serde(skip_serializing_if = "std::ops::Not::not", default)]
        adopt: bool,
    },
    /// Takes the profile of the step's address off devices, at Apple's enrollment service.
    Unassign {
        /// Ascending.
        serials: Vec<Serial>,
    },
    /// Sets, or takes away, the URL for account-driven enrollment of a direct token.
    SetAccountDrivenUrl {
        /// As it is; absent for none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        from: Option<String>,
        /// As it shall be; absent for none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        to: Option<String>,
    },
    /// What is done in Apple Business or Apple School Manager, and not with a token.
    Service(ServiceAction),
    /// Asks Intune to sync the token with Apple (S-2).
    Sync {
        /// The serials that wait for it.
        serials: Vec<Serial>,
    },
}

/// Serials that have one profile now and shall have another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssignGroup {
    /// The profile that they have; absent for none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<ProfileId>,
    /// Its display name, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_name: Option<String>,
    /// What the profile that they have is to the one that they get.
    #[serde(skip_serializing_if = "Relation::is_other", default)]
    pub relation: Relation,
    /// Ascending.
    pub serials: Vec<Serial>,
}

/// What the profile that devices have is to the one that they get.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Relation {
    /// Another one, or none at all.
    #[default]
    Other,
    /// An earlier one of the same document, at Apple's enrollment service, where a change is a new
    /// profile: they follow the change of the document.
    Earlier,
    /// None any more: the profile was taken off their record at Apple outside (`profile_status`
    /// `removed`).
    Removed,
}

impl Relation {
    /// Whether it is another profile, or none.
    pub const fn is_other(&self) -> bool {
        matches!(self, Relation::Other)
    }
}

/// Why a step is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    /// It is not there.
    New,
    /// It was there at the last apply and is not any more.
    DeletedOutside,
    /// The document changed since the last apply.
    ManifestChanged,
    /// The service's side changed since the last apply.
    Drifted,
    /// Both changed, or nobody knows what was applied last.
    Differs,
    /// A live object with this name is taken over.
    Adopted,
    /// The document says `state: absent`.
    StateAbsent,
    /// No document names it any more and `prune` allows it.
    Pruned,
    /// Named serials have another profile or none.
    Assigned,
    /// Named serials are not at Intune yet.
    SerialsWait,
    /// Devices that no assignment names do not have the default of their family.
    Unclaimed,
    /// Devices have an earlier one of the document's profiles.
    Succeeded,
    /// Named or selected devices are at another service at Apple, or at none.
    Elsewhere,
    /// The document wishes devices off their service.
    Unassigned,
    /// The document's deadline changed, or is gone.
    DeadlineChanged,
}

impl Reason {
    /// The reason in words.
    pub const fn words(self) -> &'static str {
        match self {
            Reason::New => "not at the service yet",
            Reason::DeletedOutside => "deleted outside since the last apply",
            Reason::ManifestChanged => "changed in the documents",
            Reason::Drifted => "drifted outside since the last apply",
            Reason::Differs => "differs from the documents",
            Reason::Adopted => "a live object with this name is taken over",
            Reason::StateAbsent => "the document says state: absent",
            Reason::Pruned => "no document names it any more, and prune allows it",
            Reason::Assigned => "named serials have another profile or none",
            Reason::SerialsWait => "named serials are not at Intune yet",
            Reason::Unclaimed => "devices do not have what they are given, by name or by default",
            Reason::Succeeded => "devices have an earlier one of this document's profiles",
            Reason::Elsewhere => "devices are at another service at Apple, or at none",
            Reason::Unassigned => "the documents wish devices off their service",
            Reason::DeadlineChanged => "the deadline in the documents changed, or is gone",
        }
    }
}

/// An explanation beside a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Note {
    /// The requirement row.
    pub rule: String,
    /// The explanation.
    pub text: String,
}

impl Note {
    /// A note that serves a row.
    pub fn new(rule: &str, text: impl Into<String>) -> Self {
        Self { rule: rule.to_owned(), text: text.into() }
    }
}

/// Something for which nothing can be planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Blocked {
    /// The service.
    pub connection: Realm,
    /// The token, unless the whole connection is meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<Name>,
    /// The object, unless the whole token is meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub address: Option<Address>,
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// The requirement row, where there is one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rule: Option<String>,
    /// What is the matter.
    pub reason: String,
    /// What to do next.
    pub next: String,
}

/// Serials that wait.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waiting {
    /// The token where they are expected; absent where an assignment names several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub token: Option<Name>,
    /// The profile that they will get; absent where only their way at Apple is meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub profile: Option<Name>,
    /// The `DeviceAssignment` that wishes them elsewhere at Apple; absent where only a profile is meant.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub assignment: Option<Name>,
    /// The serials, ascending.
    pub serials: Vec<Serial>,
    /// What they wait for.
    pub reason: String,
    /// When it is expected at the latest, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<Timestamp>,
}

/// A live object that a document describes exactly.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    /// The document's object.
    pub address: Address,
    /// The service.
    pub connection: Realm,
    /// The token's id.
    pub token_id: TokenId,
    /// The profile's id; absent for a token.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub object: Option<ProfileId>,
    /// Its display name.
    pub name: String,
    /// All its fields, where the ledger shall know more than what the document states: direct tokens.
    #[serde(skip_serializing_if = "Fields::is_empty", default)]
    #[schemars(with = "BTreeMap<String, crate::model::Value>")]
    pub fields: Fields,
}

/// What is there and is not touched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LeftAlone {
    /// The token under which it is.
    pub token: Name,
    /// `profile`, `devices`, `token`.
    pub what: String,
    /// Its display name, or a count in words.
    pub name: String,
    /// Its id; empty for a count of devices.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub id: String,
    /// How many objects the line stands for.
    pub count: u64,
    /// Why it is left alone, and how to change that.
    pub why: String,
    /// It was managed before (a removed document, a selector that no longer matches): always shown.
    pub was_managed: bool,
}

/// A violation that stands at the service already and that the plan does not touch: counted, never a
/// failure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Grandfathered {
    /// The requirement row.
    pub rule: String,
    /// The object.
    pub address: Address,
    /// What is wrong and why.
    pub message: String,
    /// Its document, the Connection or the Fleet acknowledges it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub acknowledged: bool,
}

/// The grandfathered violations by message and token.
#[derive(Clone, Debug)]
pub struct Standing<'p>(BTreeSet<(&'p str, &'p Name)>);

impl Standing<'_> {
    /// Whether what a document is refused for stands at the service already, on every token that the
    /// refusal stops and the run works on, and is not touched: then it stops nothing.
    pub fn covers(&self, refusal: &Diagnostic, holds: impl Fn(&Name) -> bool) -> bool {
        let mut tokens = refusal.tokens.iter().filter(|token| holds(token)).peekable();
        tokens.peek().is_some() && tokens.all(|token| self.0.contains(&(refusal.message.as_str(), token)))
    }
}

impl Plan {
    /// Whether `apply` would send anything.
    pub fn has_changes(&self) -> bool {
        !self.steps.is_empty() || self.acts.iter().any(PlannedAct::is_sent)
    }

    /// What is grandfathered, to be asked about refusals.
    pub fn standing(&self) -> Standing<'_> {
        let rows = self.grandfathered.iter();
        Standing(rows.filter_map(|one| Some((one.message.as_str(), one.address.token.as_ref()?))).collect())
    }

    /// The gravest class of any step.
    pub fn gravest(&self) -> Option<Class> {
        let acts = self.acts.iter().filter(|act| act.is_sent()).map(|act| act.class);
        self.steps.iter().map(|step| step.class).chain(acts).max()
    }

    /// The step with this id.
    pub fn step(&self, id: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.id == id)
    }
}

impl Action {
    /// What is done in Apple Business or Apple School Manager; `None` for everything else.
    pub const fn service(&self) -> Option<&ServiceAction> {
        match self {
            Action::Service(action) => Some(action),
            _ => None,
        }
    }

    /// The verb that begins a step's id and its line in the plan.
    pub const fn verb(&self) -> &'static str {
        match self {
            Action::UpdateToken { .. } | Action::UpdateProfile { adopt: false, .. } => "update",
            Action::UpdateProfile { adopt: true, .. } => "adopt",
            Action::DeleteToken | Action::DeleteProfile => "delete",
            Action::CreateProfile { .. } => "create",
            Action::SetDefault { .. } => "default",
            Action::Assign { after_sync: false, .. } => "assign",
            Action::Assign { after_sync: true, .. } => "assign-after-sync",
            Action::Define { replaces: None, .. } => "define",
            Action::Define { replaces: Some(_), adopt: false, .. } => "replace",
            Action::Define { replaces: Some(_), adopt: true, .. } => "adopt",
            Action::Unassign { .. } => "unassign",
            Action::SetAccountDrivenUrl { .. } => "account-url",
            Action::Service(action) => action.verb(),
            Action::Sync { .. } => "sync",
        }
    }

    /// Whether it makes a profile, or changes one: what a rollout takes from token to token.
    pub const fn shapes_a_profile(&self) -> bool {
        matches!(self, Action::CreateProfile { .. } | Action::UpdateProfile { .. } | Action::Define { .. })
    }

    /// The id of the VPP token that the action puts into a profile.
    pub fn vpp_token(&self) -> Option<&str> {
        match self {
            Action::CreateProfile { vpp_token, .. } | Action::UpdateProfile { vpp_token, .. } => {
                vpp_token.as_deref()
            }
            _ => None,
        }
    }

    /// The devices that the action names.
    pub fn each_serial(&self) -> impl Iterator<Item = &Serial> {
        let (groups, serials, at_apple): (&[AssignGroup], &[Serial], Option<&ServiceAction>) = match self {
            Action::Assign { groups, .. } => (groups, &[], None),
            Action::Service(action) => (&[], &[], Some(action)),
            Action::Sync { serials } | Action::Unassign { serials } => (&[], serials, None),
            _ => (&[], &[], None),
        };
        let at_apple = at_apple.into_iter().flat_map(ServiceAction::serials);
        groups.iter().flat_map(|group| &group.serials).chain(serials).chain(at_apple)
    }

    /// How many devices the action names.
    pub fn serials(&self) -> usize {
        match self {
            Action::Assign { groups, .. } => groups.iter().map(|group| group.serials.len()).sum(),
            Action::Service(action) => action.serials().count(),
            Action::Sync { serials } | Action::Unassign { serials } => serials.len(),
            _ => 0,
        }
    }
}
