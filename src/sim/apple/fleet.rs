//! The devices of a service and the operations on them, from which deltas are told.
//!
//! A row keeps its position for ever, so that a cursor into a full read stays true while devices
//! come and go; a device that left leaves its row behind as `gone`.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::hardware::{self, Family};
use crate::model::Serial;
use crate::model::clock::Timestamp;

/// How long operations are kept for deltas, in seconds: longer than any cursor lives.
const KEPT: i64 = 8 * 86_400;
/// How often a device takes the profile that it has already, within [`PATIENCE`].
const REPEATS: u32 = 3;
/// How long repeated assignments are remembered, and how long a device is throttled, in seconds.
pub const PATIENCE: i64 = 86_400;

/// A device of a service, 48 bytes; what follows from the serial is not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// `serial_number`
    pub serial: Serial,
    /// Its model, a position in [`hardware::MODELS`].
    pub hardware: u8,
    /// `profile_status`
    #[serde(default, skip_serializing_if = "ProfileStatus::is_empty")]
    pub status: ProfileStatus,
    /// Whether it has left.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Birth number of the profile; 0 is none.
    #[serde(default, skip_serializing_if = "is_none")]
    pub profile: u32,
    /// `device_assigned_date`, Unix seconds.
    pub assigned: i64,
    /// `profile_assign_time`, Unix seconds; 0 is never.
    #[serde(default, skip_serializing_if = "is_never")]
    pub profile_assigned: i64,
    /// `profile_push_time`, Unix seconds; 0 is never.
    #[serde(default, skip_serializing_if = "is_never")]
    pub profile_pushed: i64,
}

/// `profile_status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProfileStatus {
    /// Nothing was assigned.
    #[default]
    Empty,
    /// Assigned, and not yet fetched.
    Assigned,
    /// Fetched by the device at its activation.
    Pushed,
    /// Taken away again. Whether the UUID goes with it is unverified; here it stays, so that only
    /// who looks at the status is right.
    Removed,
}

impl ProfileStatus {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ProfileStatus::Empty => "empty",
            ProfileStatus::Assigned => "assigned",
            ProfileStatus::Pushed => "pushed",
            ProfileStatus::Removed => "removed",
        }
    }

    fn is_empty(&self) -> bool {
        *self == ProfileStatus::Empty
    }
}

/// `op_type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// The device came to this service.
    Added,
    /// Something about it changed.
    Modified,
    /// It left.
    Deleted,
}

impl Op {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Op::Added => "added",
            Op::Modified => "modified",
            Op::Deleted => "deleted",
        }
    }
}

/// An operation, with the device as it was after it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    /// What happened.
    pub op: Op,
    /// When, Unix seconds.
    pub at: i64,
    /// The device then.
    pub row: Row,
}

/// What few devices have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extras {
    /// `model`, where a seed named it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// `asset_tag`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asset_tag: Option<String>,
    /// `mdm_migration_deadline`, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration_deadline: Option<i64>,
    /// The device that this one replaces, and when it did, Unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces: Option<(Serial, i64)>,
    /// Whether it left because another one replaced it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub released_by_replacement: bool,
    /// The lock that the service set: a digest of the escrow key, empty for the person's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
}

/// How often a device got what it had already.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Repeats {
    count: u32,
    since: i64,
    /// Until when it is throttled, Unix seconds.
    until: i64,
}

/// The devices of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    rows: Vec<Row>,
    /// How many operations were forgotten before the first one in `log`.
    forgotten: u64,
    log: VecDeque<Operation>,
    /// The last operation, Unix seconds.
    pub changed: i64,
    extras: BTreeMap<Serial, Extras>,
    repeats: BTreeMap<Serial, Repeats>,
    #[serde(skip)]
    positions: HashMap<Serial, u32>,
}

fn is_none(birth: &u32) -> bool {
    *birth == 0
}

fn is_never(at: &i64) -> bool {
    *at == 0
}

impl Fleet {
    /// No devices.
    pub fn new(now: Timestamp) -> Self {
        Self {
            rows: Vec::new(),
            forgotten: 0,
            log: VecDeque::new(),
            changed: now.as_second(),
            extras: BTreeMap::new(),
            repeats: BTreeMap::new(),
            positions: HashMap::new(),
        }
    }

    /// All rows, in the order in which the devices came; those that left among them.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The devices that are there.
    pub fn present(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| !row.gone)
    }

    /// How many devices are there.
    pub fn len(&self) -> usize {
        self.positions.len()
    }

    /// Whether no device is there.
    pub fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    /// Makes room.
    pub fn reserve(&mut self, devices: usize) {
        self.rows.reserve(devices);
        self.positions.reserve(devices);
    }

    /// The device with this serial.
    pub fn row(&self, serial: &Serial) -> Option<&Row> {
        self.positions.get(serial).and_then(|at| self.rows.get(*at as usize))
    }

    /// What is special about a device; `None`: nothing.
    pub fn extras(&self, serial: &Serial) -> Option<&Extras> {
        self.extras.get(serial)
    }

    /// As [`Fleet::extras`], to be changed.
    pub fn extras_mut(&mut self, serial: &Serial) -> &mut Extras {
        self.extras.entry(*serial).or_default()
    }

    /// Operations from a number on, oldest first, with the number of the one after the last.
    pub fn since(&self, number: u64) -> (impl Iterator<Item = &Operation>, u64) {
        let skip = usize::try_from(number.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        (self.log.range(skip.min(self.log.len())..), self.next_operation())
    }

    /// The number that the next operation gets.
    pub fn next_operation(&self) -> u64 {
        self.forgotten + self.log.len() as u64
    }

    /// Puts a device there without an operation, unless the serial is there.
    pub fn place(&mut self, serial: Serial, hardware: u8, at: i64) {
        let position = self.rows.len() as u32;
        if let std::collections::hash_map::Entry::Vacant(entry) = self.positions.entry(serial) {
            entry.insert(position);
            self.rows.push(Row {
                serial,
                hardware,
                status: ProfileStatus::Empty,
                gone: false,
                profile: 0,
                assigned: at,
                profile_assigned: 0,
                profile_pushed: 0,
            });
        }
    }

    /// A device comes.
    pub fn add(&mut self, serial: Serial, hardware: u8, now: i64) {
        if !self.positions.contains_key(&serial) {
            if let Some(extras) = self.extras.get_mut(&serial) {
                extras.released_by_replacement = false;
                extras.migration_deadline = None;
            }
            self.place(serial, hardware, now);
            self.note(&serial, Op::Added, now);
        }
    }

    /// A device leaves. Returns its row; `None` where it was not there.
    pub fn remove(&mut self, serial: &Serial, now: i64) -> Option<Row> {
        let at = self.positions.remove(serial)? as usize;
        let row = self.rows.get_mut(at)?;
        row.gone = true;
        let row = row.clone();
        self.log.push_back(Operation { op: Op::Deleted, at: now, row: row.clone() });
        self.changed = now;
        self.repeats.remove(serial);
        Some(row)
    }

    /// Changes a device; `false` where it is not there.
    pub fn modify(&mut self, serial: &Serial, now: i64, change: impl FnOnce(&mut Row)) -> bool {
        let Some(row) = self.positions.get(serial).and_then(|at| self.rows.get_mut(*at as usize)) else {
            return false;
        };
        change(row);
        self.note(serial, Op::Modified, now);
        true
    }

    /// Changes a device without an operation, as seeds do; `false` where it is not there.
    pub fn set(&mut self, serial: &Serial, change: impl FnOnce(&mut Row)) -> bool {
        let row = self.positions.get(serial).and_then(|at| self.rows.get_mut(*at as usize));
        row.map(change).is_some()
    }

    /// Gives a device a profile. `Err`: it is throttled for so many seconds.
    ///
    /// The fourth assignment within a day of the profile that a device has already throttles it for
    /// a day. Apple's own measure is not published.
    pub fn assign(&mut self, serial: &Serial, birth: u32, now: i64) -> Result<(), i64> {
        let Some(row) = self.row(serial) else { return Ok(()) };
        let same =
            row.profile == birth && matches!(row.status, ProfileStatus::Assigned | ProfileStatus::Pushed);
        if let Some(repeats) = self.repeats.get(serial)
            && repeats.until > now
        {
            return Err(repeats.until - now);
        }
        if same {
            let repeats = self.repeats.entry(*serial).or_default();
            if repeats.since + PATIENCE <= now {
                *repeats = Repeats { since: now, ..Repeats::default() };
            }
            repeats.count += 1;
            if repeats.count > REPEATS {
                *repeats = Repeats { count: 0, since: 0, until: now + PATIENCE };
                return Err(PATIENCE);
            }
        } else {
            self.repeats.remove(serial);
        }
        self.modify(serial, now, |row| {
            row.profile = birth;
            row.status = ProfileStatus::Assigned;
            row.profile_assigned = now;
            row.profile_pushed = 0;
        });
        Ok(())
    }

    /// Takes the profile of a device away; a device without one stays as it is. `false` where it is
    /// not there.
    pub fn clear(&mut self, serial: &Serial, now: i64) -> bool {
        self.modify(serial, now, |row| {
            if row.profile != 0 {
                row.status = ProfileStatus::Removed;
            }
        })
    }

    /// Forgets operations that no cursor can reach any more.
    pub fn forget(&mut self, now: i64) {
        while self.log.front().is_some_and(|operation| operation.at + KEPT < now) {
            self.log.pop_front();
            self.forgotten += 1;
        }
    }

    /// Finds the devices anew after the fleet was read from a text.
    pub fn index(&mut self) {
        let present = self.rows.iter().enumerate().filter(|(_, row)| !row.gone);
        self.positions = present.map(|(at, row)| (row.serial, at as u32)).collect();
    }

    fn note(&mut self, serial: &Serial, op: Op, now: i64) {
        let Some(row) = self.row(serial).cloned() else { return };
        self.log.push_back(Operation { op, at: now, row });
        self.changed = now;
    }
}

impl Row {
    /// Its family.
    pub fn family(&self) -> Family {
        hardware::at(self.hardware).family
    }
}
