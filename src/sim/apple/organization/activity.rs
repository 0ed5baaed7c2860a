//! Activities: what an organization's devices were asked to do, how far it is, and what came of it
//! for each.
//!
//! Devices change when an activity ends. What the words for single devices are is not published but
//! for `OPERATION_NOT_ALLOWED`: all others of [`Issue`] are made up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Migration, MigrationStatus, Organization, ServiceType};
use crate::model::Serial;
use crate::model::clock::{Timestamp, after};
use crate::sim::world::World;

/// How long an activity is kept, in seconds.
const KEPT: i64 = 30 * 86_400;
/// How long an activity takes at most that ends by being read, in seconds.
const LONGEST: u64 = 300;
/// How far ahead a migration's deadline may be, in seconds.
pub const FARTHEST_DEADLINE: i64 = 90 * 86_400;

/// `activityType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ActivityType {
    /// Points devices at a service.
    AssignDevices,
    /// Takes devices off their service.
    UnassignDevices,
    /// Points devices at a service, and asks enrolled ones to migrate.
    AssignDevicesWithMdmMigrationDeadline,
    /// Changes when they have to.
    UpdateMdmMigrationDeadline,
    /// Calls a migration off.
    CancelMdmMigration,
    /// Releases devices from the organization.
    ReleaseDevices,
}

impl ActivityType {
    /// All of them.
    pub const ALL: [ActivityType; 6] = [
        ActivityType::AssignDevices,
        ActivityType::UnassignDevices,
        ActivityType::AssignDevicesWithMdmMigrationDeadline,
        ActivityType::UpdateMdmMigrationDeadline,
        ActivityType::CancelMdmMigration,
        ActivityType::ReleaseDevices,
    ];

    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ActivityType::AssignDevices => "ASSIGN_DEVICES",
            ActivityType::UnassignDevices => "UNASSIGN_DEVICES",
            ActivityType::AssignDevicesWithMdmMigrationDeadline => {
                "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE"
            }
            ActivityType::UpdateMdmMigrationDeadline => "UPDATE_MDM_MIGRATION_DEADLINE",
            ActivityType::CancelMdmMigration => "CANCEL_MDM_MIGRATION",
            ActivityType::ReleaseDevices => "RELEASE_DEVICES",
        }
    }

    /// Whether a service has to be named.
    pub fn needs_service(self) -> bool {
        matches!(self, ActivityType::AssignDevices | ActivityType::AssignDevicesWithMdmMigrationDeadline)
    }

    /// Whether a deadline has to be named.
    pub fn needs_deadline(self) -> bool {
        matches!(
            self,
            ActivityType::AssignDevicesWithMdmMigrationDeadline | ActivityType::UpdateMdmMigrationDeadline
        )
    }
}

/// What an activity is bound for, decided when it is created.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fate {
    /// It does what it should.
    #[default]
    Fine,
    /// `STOPPED`
    Stopped,
    /// `FAILED`
    Failed,
    /// `COMPLETED` with `COMPLETED_WITH_FAILURE`.
    Failure,
    /// `COMPLETED_WITH_SUCCESS`, also where nothing was done.
    Lie,
    /// `COMPLETED` with `COMPLETED_POST_PROCESSING_FAILED`.
    PostProcessing,
    /// It never ends.
    Stuck,
}

/// A fate, and whose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bound {
    /// What it is bound for.
    pub fate: Fate,
    /// The devices that suffer it; empty: all.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub serials: BTreeSet<Serial>,
    /// Whether what was asked is done to them all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub took_place: bool,
}

impl Bound {
    fn is_fine(&self) -> bool {
        self.fate == Fate::Fine
    }

    /// Whether the device is spared what was asked.
    fn spares(&self, serial: &Serial) -> bool {
        let harms = matches!(self.fate, Fate::Stopped | Fate::Failed | Fate::Failure | Fate::Lie);
        harms && !self.took_place && (self.serials.is_empty() || self.serials.contains(serial))
    }

    /// Whether the log tells of a failure of the device.
    fn fails(&self, serial: &Serial) -> bool {
        self.fate == Fate::Failure && (self.serials.is_empty() || self.serials.contains(serial))
    }
}

/// What an activity is asked to do.
#[derive(Clone, Debug)]
pub struct Wish {
    /// `activityType`
    pub kind: ActivityType,
    /// The number of the service that is named; `None`: none is.
    pub service: Option<u16>,
    /// `mdmMigrationDeadlineDateTime`, Unix seconds; `None`: none is named.
    pub deadline: Option<i64>,
    /// The devices, each once, all of them known.
    pub serials: Vec<Serial>,
    /// What it is bound for.
    pub bound: Bound,
}

/// An activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    /// `activityType`
    pub kind: ActivityType,
    /// The client id of who created it.
    pub account: String,
    /// The number of the service that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<u16>,
    /// The deadline that was named, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
    /// The devices.
    pub serials: Vec<Serial>,
    /// `createdDateTime`
    pub created: Timestamp,
    /// When it ends by the clock.
    pub ends: Timestamp,
    /// How often it is read until it ends; `None`: it ends by the clock alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub polls: Option<u32>,
    /// How often it was read.
    #[serde(default)]
    pub polled: u32,
    /// What it is bound for.
    #[serde(default, skip_serializing_if = "Bound::is_fine")]
    pub bound: Bound,
    /// What came of it; `None`: it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
}

/// What came of an activity.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// `status`
    pub status: String,
    /// `subStatus`
    pub sub_status: String,
    /// When it ended.
    pub ended: Timestamp,
    /// The devices for which it went wrong, and why.
    pub issues: BTreeMap<Serial, Issue>,
}

/// Why something was not done to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Issue {
    /// It is not in the organization any more.
    DeviceNotFound,
    /// The service has it already.
    AlreadyAssigned,
    /// No service has it, or not the one that was named.
    NotAssigned,
    /// It has to be unenrolled first.
    OperationNotAllowed,
    /// It cannot migrate.
    MigrationNotSupported,
    /// No migration was asked for, or it began.
    NotMigrating,
    /// Something went wrong.
    InternalError,
}

impl Issue {
    /// As the log tells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Issue::DeviceNotFound => "DEVICE_NOT_FOUND",
            Issue::AlreadyAssigned => "ALREADY_ASSIGNED",
            Issue::NotAssigned => "NOT_ASSIGNED",
            Issue::OperationNotAllowed => "OPERATION_NOT_ALLOWED",
            Issue::MigrationNotSupported => "MIGRATION_NOT_SUPPORTED",
            Issue::NotMigrating => "NOT_MIGRATING",
            Issue::InternalError => "INTERNAL_ERROR",
        }
    }
}

impl Activity {
    /// `status` and `subStatus` at an instant.
    pub fn state(&self, now: Timestamp) -> (&str, &str) {
        if let Some(outcome) = &self.outcome {
            return (&outcome.status, &outcome.sub_status);
        }
        let quarter = match self.polls {
            Some(polls) => 4 * self.polled / polls.max(1),
            None => {
                let whole = self.ends.duration_since(self.created).as_millis().max(1);
                (4 * now.duration_since(self.created).as_millis() / whole) as u32
            }
        };
        let is_new = self.polled == 0 && now == self.created;
        let sub = match quarter {
            0 if is_new => "SUBMITTED",
            0 => "PRE_PROCESSING",
            1 => "PENDING",
            2 => "PROCESSING",
            _ => "POST_PROCESSING",
        };
        ("IN_PROGRESS", sub)
    }

    /// Whether there is a log to download.
    pub fn is_completed(&self) -> bool {
        self.outcome.as_ref().is_some_and(|outcome| outcome.status == "COMPLETED")
    }

    /// The instant of the end, where it ended.
    pub fn ended(&self) -> Option<Timestamp> {
        self.outcome.as_ref().map(|outcome| outcome.ended)
    }
}

impl World {
    /// Creates an activity. Returns its id.
    pub fn create_activity(&mut self, organization: usize, account: &str, wish: Wish) -> String {
        let now = self.now;
        let here = &mut self.organizations[organization];
        here.activities_made += 1;
        let path = format!("organization/{}/activity/{}", here.name, here.activities_made);
        let polls = here.behaviour.activity_polls;
        let seconds = match polls {
            Some(_) => LONGEST,
            None => u64::from(here.behaviour.activity_seconds),
        };
        let activity = Activity {
            kind: wish.kind,
            account: account.to_owned(),
            service: wish.service,
            deadline: wish.deadline,
            serials: wish.serials,
            created: now,
            ends: after(now, Duration::from_secs(seconds)),
            polls,
            polled: 0,
            bound: wish.bound,
            outcome: None,
        };
        let id = self.derive_id(&path).to_string();
        let kind = wish.kind.as_str().to_owned();
        *self.history.organizations.activities.entry(kind).or_default() += 1;
        self.organizations[organization].activities.insert(id.clone(), activity);
        id
    }

    /// Counts a reading of an activity, which may end it.
    pub fn poll_activity(&mut self, organization: usize, id: &str) {
        let now = self.now;
        let Some(activity) = self.organizations[organization].activities.get_mut(id) else { return };
        activity.polled = activity.polled.saturating_add(1);
        let by_polls = activity.polls.is_some_and(|polls| activity.polled >= polls);
        if activity.outcome.is_none() && (by_polls || activity.ends <= now) {
            self.end_activity(organization, id, now);
        }
    }

    /// Lets activities end and migrations go on until an instant, and forgets what is too old.
    pub(in crate::sim) fn pass_time_of_organizations(&mut self, to: Timestamp) {
        let mut due: Vec<(Timestamp, usize, String)> = Vec::new();
        for (at, here) in self.organizations.iter().enumerate() {
            let open = here.activities.iter().filter(|(_, one)| one.outcome.is_none() && one.ends <= to);
            due.extend(open.map(|(id, one)| (one.ends, at, id.clone())));
        }
        due.sort();
        for (at, organization, id) in due {
            self.end_activity(organization, &id, at);
        }
        self.pass_migrations(to);
        for here in &mut self.organizations {
            here.roster.forget(to.as_second());
            here.activities.retain(|_, one| one.created.as_second() + KEPT > to.as_second());
        }
    }

    fn end_activity(&mut self, organization: usize, id: &str, now: Timestamp) {
        let Some(activity) = self.organizations[organization].activities.get(id) else { return };
        if activity.bound.fate == Fate::Stuck {
            return;
        }
        let activity = activity.clone();
        let mut issues = BTreeMap::new();
        let mut done = Vec::new();
        for serial in &activity.serials {
            let spared = activity.bound.spares(serial);
            if activity.bound.fails(serial) {
                issues.insert(*serial, Issue::InternalError);
            }
            if spared {
                continue;
            }
            match self.organizations[organization].judge(&activity, serial) {
                Ok(()) => done.push(*serial),
                Err(issue) => {
                    if issue == Issue::AlreadyAssigned {
                        *self.history.organizations.repeated.entry(*serial).or_default() += 1;
                    }
                    issues.entry(*serial).or_insert(issue);
                }
            }
        }
        self.carry_out(organization, &activity, &done, now.as_second());
        if activity.bound.fate == Fate::Lie {
            issues.clear();
        }
        let (status, sub_status) = match activity.bound.fate {
            // Which detail goes with these two is not published.
            Fate::Stopped => ("STOPPED", "STOPPING"),
            Fate::Failed => ("FAILED", "PROCESSING"),
            Fate::Failure => ("COMPLETED", "COMPLETED_WITH_FAILURE"),
            Fate::PostProcessing => ("COMPLETED", "COMPLETED_POST_PROCESSING_FAILED"),
            _ if issues.is_empty() => ("COMPLETED", "COMPLETED_WITH_SUCCESS"),
            _ => ("COMPLETED", "COMPLETED_WITH_ERROR"),
        };
        let outcome =
            Outcome { status: status.to_owned(), sub_status: sub_status.to_owned(), ended: now, issues };
        if let Some(activity) = self.organizations[organization].activities.get_mut(id) {
            activity.outcome = Some(outcome);
        }
    }

    /// Does what an activity asks to devices of which it was judged that it can be done.
    fn carry_out(&mut self, organization: usize, activity: &Activity, serials: &[Serial], now: i64) {
        let destination =
            activity.service.and_then(|number| self.organizations[organization].service(number));
        let destination = destination.map(|service| (service.number, service.id.clone()));
        match activity.kind {
            ActivityType::AssignDevices | ActivityType::AssignDevicesWithMdmMigrationDeadline => {
                self.note_moves(serials, destination.as_ref().map(|(_, id)| id.as_str()), now);
            }
            ActivityType::UnassignDevices => self.note_moves(serials, None, now),
            ActivityType::ReleaseDevices => self.note_releases(serials, now),
            ActivityType::UpdateMdmMigrationDeadline | ActivityType::CancelMdmMigration => {}
        }
        let history = &mut self.history.organizations;
        let count = |counts: &mut BTreeMap<Serial, u64>| {
            for serial in serials {
                *counts.entry(*serial).or_default() += 1;
            }
        };
        match activity.kind {
            ActivityType::AssignDevices | ActivityType::AssignDevicesWithMdmMigrationDeadline => {
                let Some((number, id)) = destination else { return };
                for serial in serials {
                    let to = history.assignments.entry(*serial).or_default();
                    *to.entry(id.clone()).or_default() += 1;
                }
                self.point_devices(organization, serials, number, now);
                for serial in serials {
                    // A migration that was asked for does not outlive the next assignment.
                    self.set_migration(organization, serial, activity.deadline, now);
                }
            }
            ActivityType::UnassignDevices => {
                count(&mut history.unassignments);
                self.point_devices(organization, serials, 0, now);
                serials.iter().for_each(|serial| self.set_migration(organization, serial, None, now));
            }
            ActivityType::UpdateMdmMigrationDeadline => {
                count(&mut history.deadlines_changed);
                serials
                    .iter()
                    .for_each(|serial| self.set_migration(organization, serial, activity.deadline, now));
            }
            ActivityType::CancelMdmMigration => {
                count(&mut history.migrations_cancelled);
                serials.iter().for_each(|serial| self.set_migration(organization, serial, None, now));
            }
            ActivityType::ReleaseDevices => {
                count(&mut history.releases);
                self.release_devices(organization, serials, now, ("API", &activity.account));
            }
        }
    }

    /// Asks a device to migrate by a deadline, or not any more, here and in the record that the
    /// enrollment service shows of it.
    pub fn set_migration(&mut self, organization: usize, serial: &Serial, deadline: Option<i64>, now: i64) {
        let roster = &mut self.organizations[organization].roster;
        let before = roster.extras(serial).and_then(|extras| extras.migration);
        if before.is_none() && deadline.is_none() {
            return;
        }
        roster.extras_mut(serial).migration = deadline.map(|deadline| Migration {
            // What is due already begins at once.
            status: if deadline <= now { MigrationStatus::Started } else { MigrationStatus::Requested },
            since: now,
            deadline,
        });
        let service = roster.device(serial).map_or(0, |row| row.service);
        if let Some(fleet) = self.fleet_of(organization, service)
            && fleet.row(serial).is_some()
        {
            fleet.extras_mut(serial).migration_deadline = deadline;
            fleet.modify(serial, now, |_| {});
        }
    }
}

impl Organization {
    /// Whether what an activity asks can be done to a device now.
    fn judge(&self, activity: &Activity, serial: &Serial) -> Result<(), Issue> {
        let row = self.roster.device(serial).ok_or(Issue::DeviceNotFound)?;
        let built_in = self.service(row.service).is_some_and(|service| service.kind == ServiceType::AppleMdm);
        let migration = self.roster.extras(serial).and_then(|extras| extras.migration);
        let waits = migration.is_some_and(|one| one.status == MigrationStatus::Requested);
        match activity.kind {
            ActivityType::AssignDevices | ActivityType::AssignDevicesWithMdmMigrationDeadline => {
                let migrates = self.roster.extras(serial).is_some_and(|extras| extras.migrates);
                if self.service(activity.service.unwrap_or(0)).is_none() {
                    // It was deleted meanwhile.
                    return Err(Issue::OperationNotAllowed);
                }
                if activity.service == Some(row.service) {
                    return Err(Issue::AlreadyAssigned);
                }
                if built_in {
                    return Err(Issue::OperationNotAllowed);
                }
                let needed = activity.kind == ActivityType::AssignDevicesWithMdmMigrationDeadline;
                if needed && (!migrates || row.service == 0) {
                    return Err(Issue::MigrationNotSupported);
                }
                Ok(())
            }
            ActivityType::UnassignDevices => match activity.service {
                _ if row.service == 0 => Err(Issue::NotAssigned),
                Some(named) if named != row.service => Err(Issue::NotAssigned),
                _ if built_in => Err(Issue::OperationNotAllowed),
                _ => Ok(()),
            },
            ActivityType::UpdateMdmMigrationDeadline | ActivityType::CancelMdmMigration if !waits => {
                Err(Issue::NotMigrating)
            }
            _ => Ok(()),
        }
    }
}
