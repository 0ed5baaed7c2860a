//! What a step does in Apple Business or Apple School Manager. PURE.

use serde::{Deserialize, Serialize};

use crate::model::clock::Timestamp;
use crate::model::{ActivityKind, ProductFamily, Serial, ServiceId};

/// What a step does in Apple Business or Apple School Manager. The step's `token_id` is the id of the
/// service that it is about, or empty where there is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "service", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ServiceAction {
    /// Points devices at the service of the step's token, at Apple: one activity per batch.
    Assign {
        /// The service.
        id: ServiceId,
        /// The serials, by the service that they have now.
        groups: Vec<MoveGroup>,
        /// Enrolled devices are asked to migrate by this instant; absent without `moveBy`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        deadline: Option<Timestamp>,
    },
    /// Takes devices off the service that they have, at Apple.
    Unassign {
        /// The service that they have.
        id: ServiceId,
        /// Ascending.
        serials: Vec<Serial>,
    },
    /// Changes the deadline of migrations that have not ended.
    UpdateDeadline {
        /// The new one.
        deadline: Timestamp,
        /// Ascending.
        serials: Vec<Serial>,
    },
    /// Cancels migrations that have not started.
    CancelMigration {
        /// Ascending.
        serials: Vec<Serial>,
    },
    /// The first of two ordered steps: a service is no longer the default of product families. Another
    /// service can only take what is free.
    DropFamilies {
        /// The service.
        id: ServiceId,
        /// The families that it loses.
        families: Vec<ProductFamily>,
        /// All that it keeps.
        keeps: Vec<ProductFamily>,
    },
    /// The second: a service becomes the default of product families.
    TakeFamilies {
        /// The service.
        id: ServiceId,
        /// The families that it gains.
        families: Vec<ProductFamily>,
        /// All that it then has.
        has: Vec<ProductFamily>,
    },
    /// Makes a device management service at Apple, with the token's certificate.
    Create {
        /// SHA-256 of the certificate's DER, in hex.
        certificate: String,
    },
    /// Renames a device management service at Apple.
    Rename {
        /// The service.
        id: ServiceId,
        /// Its present name.
        from: String,
    },
    /// Deletes a device management service at Apple that has no device and no family.
    Delete {
        /// The service.
        id: ServiceId,
    },
}

/// Serials that are at one service now and shall be at another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveGroup {
    /// The service that they have; absent for none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from: Option<ServiceId>,
    /// Its name, where it is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub from_name: Option<String>,
    /// No document of this folder names that service.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub foreign: bool,
    /// Ascending.
    pub serials: Vec<Serial>,
}

impl ServiceAction {
    /// The verb that begins a step's id and its line in the plan.
    pub const fn verb(&self) -> &'static str {
        match self {
            ServiceAction::Assign { deadline: None, .. } => "move",
            ServiceAction::Assign { deadline: Some(_), .. } => "migrate",
            ServiceAction::Unassign { .. } => "take-off",
            ServiceAction::UpdateDeadline { .. } => "deadline",
            ServiceAction::CancelMigration { .. } => "cancel-migration",
            ServiceAction::DropFamilies { .. } => "drop-families",
            ServiceAction::TakeFamilies { .. } => "take-families",
            ServiceAction::Create { .. } => "create-service",
            ServiceAction::Rename { .. } => "rename-service",
            ServiceAction::Delete { .. } => "delete-service",
        }
    }

    /// The activity that carries it out; `None` for what is done to a service itself.
    pub const fn activity(&self) -> Option<ActivityKind> {
        match self {
            ServiceAction::Assign { deadline: None, .. } => Some(ActivityKind::Assign),
            ServiceAction::Assign { deadline: Some(_), .. } => Some(ActivityKind::AssignWithDeadline),
            ServiceAction::Unassign { .. } => Some(ActivityKind::Unassign),
            ServiceAction::UpdateDeadline { .. } => Some(ActivityKind::UpdateDeadline),
            ServiceAction::CancelMigration { .. } => Some(ActivityKind::CancelMigration),
            ServiceAction::DropFamilies { .. }
            | ServiceAction::TakeFamilies { .. }
            | ServiceAction::Create { .. }
            | ServiceAction::Rename { .. }
            | ServiceAction::Delete { .. } => None,
        }
    }

    /// Its only member that explains and decides nothing is left out: the names of services.
    #[must_use]
    pub fn without_texts(&self) -> Self {
        let mut action = self.clone();
        if let ServiceAction::Assign { groups, .. } = &mut action {
            groups.iter_mut().for_each(|group| group.from_name = None);
        }
        action
    }

    /// What steps have in common that one activity can carry out: the kind, the service and the
    /// deadline. `None` for what is done to a service itself.
    pub fn shared(&self) -> Option<(ActivityKind, Option<&ServiceId>, Option<Timestamp>)> {
        let kind = self.activity()?;
        Some(match self {
            ServiceAction::Assign { id, deadline, .. } => (kind, Some(id), *deadline),
            ServiceAction::Unassign { id, .. } => (kind, Some(id), None),
            ServiceAction::UpdateDeadline { deadline, .. } => (kind, None, Some(*deadline)),
            _ => (kind, None, None),
        })
    }

    /// The devices that it names.
    pub fn serials(&self) -> impl Iterator<Item = &Serial> {
        let (groups, serials): (&[MoveGroup], &[Serial]) = match self {
            ServiceAction::Assign { groups, .. } => (groups, &[]),
            ServiceAction::Unassign { serials, .. }
            | ServiceAction::UpdateDeadline { serials, .. }
            | ServiceAction::CancelMigration { serials } => (&[], serials),
            ServiceAction::DropFamilies { .. }
            | ServiceAction::TakeFamilies { .. }
            | ServiceAction::Create { .. }
            | ServiceAction::Rename { .. }
            | ServiceAction::Delete { .. } => (&[], &[]),
        };
        groups.iter().flat_map(|group| &group.serials).chain(serials)
    }
}
