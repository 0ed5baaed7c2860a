//! Device activities: what they do, how far they are, and what their logs tell.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::Serial;

/// The id of a device activity.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct ActivityId(pub String);

impl fmt::Display for ActivityId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an activity does.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ActivityKind {
    /// `ASSIGN_DEVICES`
    Assign,
    /// `UNASSIGN_DEVICES`
    Unassign,
    /// `ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE`
    AssignWithDeadline,
    /// `UPDATE_MDM_MIGRATION_DEADLINE`
    UpdateDeadline,
    /// `CANCEL_MDM_MIGRATION`
    CancelMigration,
    /// `RELEASE_DEVICES`: irreversible.
    Release,
}

impl ActivityKind {
    /// Apple's word.
    pub const fn word(self) -> &'static str {
        match self {
            ActivityKind::Assign => "ASSIGN_DEVICES",
            ActivityKind::Unassign => "UNASSIGN_DEVICES",
            ActivityKind::AssignWithDeadline => "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE",
            ActivityKind::UpdateDeadline => "UPDATE_MDM_MIGRATION_DEADLINE",
            ActivityKind::CancelMigration => "CANCEL_MDM_MIGRATION",
            ActivityKind::Release => "RELEASE_DEVICES",
        }
    }
}

/// How far an activity is: `status` and `subStatus` together. `COMPLETED` alone says only that it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivityState {
    /// `IN_PROGRESS`, with the sub-status.
    Running(String),
    /// `COMPLETED` and `COMPLETED_WITH_SUCCESS`.
    Succeeded,
    /// `COMPLETED` with any other sub-status: the rows of its log tell which devices.
    EndedWithIssues(String),
    /// `STOPPED` or `FAILED`, with both words: what it did before is told by the services' lists alone.
    Broken(String),
    /// The service does not know it: older than the 30 days for which it is kept.
    Forgotten,
}

/// A device's row in the log of an ended activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ActivityRow {
    /// The device.
    pub serial: Serial,
    /// `None` for `SUCCESS`; else the words of status and sub-status.
    pub issue: Option<String>,
}
