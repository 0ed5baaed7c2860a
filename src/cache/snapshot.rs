//! The devices of a direct token as the last reads showed them, and the cursor behind them.
//!
//! Two processes may keep it one after the other: each leaves a whole file, and the last wins.

mod file;

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::clock::{Timestamp, between};
use crate::model::live::{Devices, DevicesBuilder, EnrollmentState};
use crate::model::{Family, Serial, TokenId};

use file::OnDisk;
pub use file::Snapshots;

/// How long a list may be kept up by changes alone: some devices never show in them (reference
/// apple-enrollment-api section 3.4, S-3).
pub const FULL_READ_DUE: Duration = Duration::from_secs(7 * 86_400);

/// Whose devices are meant. A snapshot of another one is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Key {
    /// The service: its address, or the simulated world.
    pub service: String,
    /// The token's id.
    pub token: TokenId,
    /// `server_uuid`, once it is known; what was read before is the same server's.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub server: Option<String>,
    /// The version of the protocol: it decides which members rows have.
    pub protocol: String,
}

impl Key {
    /// Whether what was kept under another key is of use for this one.
    pub fn takes(&self, kept: &Key) -> bool {
        let same_server = match (&self.server, &kept.server) {
            (Some(wanted), Some(found)) => wanted.eq_ignore_ascii_case(found),
            _ => true,
        };
        same_server
            && (&self.service, &self.token, &self.protocol) == (&kept.service, &kept.token, &kept.protocol)
    }
}

/// `profile_status`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Status {
    /// `empty`, or not told.
    Empty = 0,
    /// `assigned`
    Assigned = 1,
    /// `pushed`
    Pushed = 2,
    /// `removed`
    Removed = 3,
    /// A word that this version does not know.
    Other = 4,
}

impl Status {
    const ALL: [Status; 5] =
        [Status::Empty, Status::Assigned, Status::Pushed, Status::Removed, Status::Other];

    /// What documents' readers know it as.
    pub const fn state(self) -> EnrollmentState {
        match self {
            Status::Empty | Status::Assigned => EnrollmentState::NotContacted,
            Status::Pushed => EnrollmentState::Enrolled,
            Status::Removed => EnrollmentState::Removed,
            Status::Other => EnrollmentState::Unknown,
        }
    }
}

/// One device, 32 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// `serial_number`
    pub serial: Serial,
    /// `op_date` in milliseconds since 1970; the least number where it was not told.
    pub changed: i64,
    /// `profile_uuid`, as index into the snapshot's profiles; it counts where the status says so.
    profile: u32,
    /// `model`, as index into the snapshot's models.
    model: u16,
    /// `device_family`
    pub family: Option<Family>,
    /// `profile_status`
    pub status: Status,
}

const NO_PROFILE: u32 = u32::MAX;
const NO_MODEL: u16 = u16::MAX;

/// What an answer says of a device.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// `serial_number`
    pub serial: Serial,
    /// `op_date`
    pub changed: Option<Timestamp>,
    /// It went from this server; the rest does not matter then.
    pub gone: bool,
    /// The profile that the device will get or got.
    pub profile: Option<&'a str>,
    /// `profile_status`
    pub status: Status,
    /// `device_family`
    pub family: Option<Family>,
    /// `model`
    pub model: Option<&'a str>,
}

/// The devices of a token after a complete read.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Whose they are.
    pub key: Key,
    /// Where the next changes begin.
    pub cursor: String,
    /// When all devices were read last.
    pub full_at: Timestamp,
    /// When they, or their changes, were read last.
    pub read_at: Timestamp,
    /// Records without a well-formed serial in the last full read.
    pub without_serial: usize,
    /// Ascending, each serial once.
    rows: Vec<Row>,
    names: Names,
    /// What a file holds of it; `None` where it has to be written as a whole.
    on_disk: Option<OnDisk>,
    /// The last changes, where the file holds everything but them.
    unsaved: Vec<(Row, bool)>,
}

/// The texts that repeat from device to device.
#[derive(Clone, Debug, Default)]
struct Names {
    profiles: Vec<String>,
    models: Vec<String>,
    by_profile: HashMap<String, u32>,
    by_model: HashMap<String, u16>,
}

impl Names {
    fn of(profiles: Vec<String>, models: Vec<String>) -> Self {
        let mut names = Self::default();
        names.extend(profiles, models);
        names
    }

    /// Takes more texts in behind those that are there.
    fn extend(&mut self, profiles: Vec<String>, models: Vec<String>) {
        self.by_profile.extend(profiles.iter().cloned().zip(self.profiles.len() as u32..));
        self.by_model.extend(models.iter().cloned().zip(self.models.len() as u16..));
        self.profiles.extend(profiles);
        self.models.extend(models);
    }

    fn profile(&mut self, text: &str) -> u32 {
        if let Some(at) = self.by_profile.get(text) {
            return *at;
        }
        let at = u32::try_from(self.profiles.len()).unwrap_or(NO_PROFILE);
        self.profiles.push(text.to_owned());
        self.by_profile.insert(text.to_owned(), at);
        at
    }

    fn model(&mut self, text: &str) -> u16 {
        if let Some(at) = self.by_model.get(text) {
            return *at;
        }
        // Beyond so many models the last ones are not told.
        let Some(at) = u16::try_from(self.models.len()).ok().filter(|at| *at != NO_MODEL) else {
            return NO_MODEL;
        };
        self.models.push(text.to_owned());
        self.by_model.insert(text.to_owned(), at);
        at
    }

    fn row(&mut self, change: &Change<'_>) -> Row {
        Row {
            serial: change.serial,
            changed: change.changed.map_or(i64::MIN, |at| at.as_millisecond()),
            profile: change.profile.map_or(NO_PROFILE, |profile| self.profile(profile)),
            model: change.model.map_or(NO_MODEL, |model| self.model(model)),
            family: change.family,
            status: change.status,
        }
    }
}

/// Collects what answers say, in their order.
#[derive(Debug, Default)]
pub struct Collected {
    rows: Vec<(Row, bool)>,
    names: Names,
    without_serial: usize,
}

impl Collected {
    /// To collect changes of a snapshot.
    pub fn onto(snapshot: &Snapshot) -> Self {
        Self { names: snapshot.names.clone(), ..Self::default() }
    }

    /// Takes what an answer says of a device.
    pub fn take(&mut self, change: &Change<'_>) {
        let row = self.names.row(change);
        self.rows.push((row, change.gone));
    }

    /// Takes a record without a well-formed serial.
    pub fn without_serial(&mut self) {
        self.without_serial += 1;
    }

    /// Of each serial what counts: the newest, and among equals the last; ascending.
    fn settled(&mut self) -> Vec<(Row, bool)> {
        let mut rows = std::mem::take(&mut self.rows);
        // Stable: among equals the one that came last stays first.
        let order = |(a, _): &(Row, bool), (b, _): &(Row, bool)| {
            a.serial.cmp(&b.serial).then(b.changed.cmp(&a.changed))
        };
        rows.reverse();
        rows.sort_by(order);
        rows.dedup_by_key(|(row, _)| row.serial);
        rows
    }

    /// Declares a full read complete.
    pub fn complete(mut self, key: Key, cursor: String, now: Timestamp) -> Snapshot {
        let rows = self.settled().into_iter().filter(|(_, gone)| !gone).map(|(row, _)| row).collect();
        let Self { names, without_serial, .. } = self;
        let (on_disk, unsaved) = (None, Vec::new());
        Snapshot { key, cursor, full_at: now, read_at: now, without_serial, rows, names, on_disk, unsaved }
    }
}

impl Snapshot {
    /// Whether a full read is due: the last one is too long ago, or the clock was set back.
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.full_at > now || between(self.full_at, now) >= FULL_READ_DUE
    }

    /// The rows, ascending by serial.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Takes the changes in. A device whose record here is newer keeps it.
    pub fn change(&mut self, mut changes: Collected, cursor: String, now: Timestamp) {
        let changed = changes.settled();
        self.names = changes.names;
        (self.cursor, self.read_at) = (cursor, now);
        // Changes of changes that were not kept: the file holds neither.
        if !self.unsaved.is_empty() {
            self.on_disk = None;
        }
        self.unsaved = if self.on_disk.is_some() { changed.clone() } else { Vec::new() };
        self.merge(changed);
    }

    /// `changed` is ascending, each serial once, with true for those that went.
    fn merge(&mut self, changed: Vec<(Row, bool)>) {
        if changed.is_empty() {
            return;
        }
        let mut rows = Vec::with_capacity(self.rows.len() + changed.len());
        let mut before = std::mem::take(&mut self.rows).into_iter().peekable();
        for (row, gone) in changed {
            while let Some(earlier) = before.next_if(|one| one.serial < row.serial) {
                rows.push(earlier);
            }
            match before.next_if(|one| one.serial == row.serial) {
                Some(known) if row.changed != i64::MIN && known.changed > row.changed => rows.push(known),
                _ if gone => {}
                // One that tells no date is as new as what is known: an older one must not go before it.
                Some(known) => rows.push(Row { changed: row.changed.max(known.changed), ..row }),
                None => rows.push(row),
            }
        }
        rows.extend(before);
        self.rows = rows;
    }

    /// The devices as a plan reads them.
    pub fn devices(&self) -> Devices {
        let mut builder = DevicesBuilder::with_capacity(self.rows.len());
        for row in &self.rows {
            let in_force = matches!(row.status, Status::Assigned | Status::Pushed);
            let profile = self.names.profiles.get(row.profile as usize).filter(|_| in_force);
            let model = self.names.models.get(usize::from(row.model)).map(String::as_str);
            builder.push_direct(
                row.serial,
                profile.map(String::as_str),
                row.status.state(),
                row.family,
                model,
            );
        }
        let mut devices = builder.after_last_page();
        devices.without_serial = self.without_serial;
        devices
    }
}

#[cfg(test)]
mod tests;
