//! The devices of a token: what was kept and the changes since, or all of them anew.

use super::{DirectObserver, Kept};
use crate::cache::{Change, Collected, Key, Snapshot, Status};
use crate::model::Serial;
use crate::model::live::{Devices, Fact};
use crate::progress::{NoProgress, Progress};
use crate::provider::dep::{self, Cursor, DepError, DeviceRow, OpType, Operation, ProfileStatus, Synced};
use crate::provider::outcome::unknown;

/// How devices are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// The changes since the last time, where that is good enough.
    Cheapest,
    /// All of them: only that proves that one is not there.
    InFull,
}

/// Devices, and what their reading proves.
#[derive(Debug)]
pub struct ReadDevices {
    /// The devices.
    pub devices: Fact<Devices>,
    /// All of them were read, and not only the changes.
    pub in_full: bool,
    /// When they were read; `None` where they could not be.
    pub at: Option<crate::model::clock::Timestamp>,
}

/// What became of reading the changes.
enum Delta {
    Done(Box<Snapshot>),
    /// They tell nothing that can be relied on: all are to be read.
    Doubtful,
    Failed(DepError),
}

impl DirectObserver {
    /// Reads the devices. What was read in part is never kept, and neither is what a failed read of
    /// changes began with (S-4).
    pub async fn devices(&self, how: How, progress: &dyn Progress) -> ReadDevices {
        let shared = &*self.0;
        let mut kept = shared.devices.lock().await;
        let key = self.key();
        let failed = |error: DepError| ReadDevices {
            devices: Fact::Unknown(unknown(&error)),
            in_full: false,
            at: None,
        };
        if how == How::Cheapest
            && let Some(snapshot) = self.usable(&mut kept, &key)
        {
            match self.changes(snapshot).await {
                Delta::Done(snapshot) => return self.keep(&mut kept, *snapshot, &key, false),
                Delta::Doubtful => shared.snapshots.forget(&key),
                Delta::Failed(error) => {
                    // A sign-in that fails says nothing about the cursor.
                    if error.operation == Operation::ReadChanges {
                        shared.snapshots.forget(&key);
                    }
                    return failed(error);
                }
            }
        }
        match self.all(&key, progress).await {
            Ok(snapshot) => self.keep(&mut kept, snapshot, &key, true),
            Err(error) => failed(error),
        }
    }

    /// Asks for single devices and takes what Apple answers into what is kept; the rest is as it was
    /// read last. Some devices never show in the changes (reference apple-enrollment-api section 3.4),
    /// and to give such a one its profile again would be throttled.
    pub async fn look_at(&self, serials: &[Serial]) -> Fact<Devices> {
        let shared = &*self.0;
        let mut kept = shared.devices.lock().await;
        let key = self.key();
        let Some(mut snapshot) = self.usable(&mut kept, &key) else {
            drop(kept);
            return self.devices(How::InFull, &NoProgress).await.devices;
        };
        let mut collected = Collected::onto(&snapshot);
        let asked = shared
            .dep
            .details(serials, &mut |row| {
                if let Some(serial) = row.serial().filter(|_| row.is_accessible()) {
                    collected.take(&change(serial, &row));
                }
            })
            .await;
        if let Err(error) = asked {
            kept.snapshot = Some(snapshot);
            return Fact::Unknown(unknown(&error));
        }
        let (cursor, read_at) = (snapshot.cursor.clone(), snapshot.read_at);
        snapshot.change(collected, cursor, read_at);
        self.keep(&mut kept, snapshot, &key, false).devices
    }

    /// Whose devices and profiles are kept.
    pub(super) fn key(&self) -> Key {
        let identity = self.identity();
        Key {
            service: self.0.settings.service.clone(),
            token: identity.token_id,
            server: identity.server,
            protocol: dep::PROTOCOL_VERSION.to_owned(),
        }
    }

    /// What was kept, in memory or on disk, if changes may be read onto it.
    fn usable(&self, kept: &mut Kept, key: &Key) -> Option<Snapshot> {
        let in_memory = kept.snapshot.take().filter(|snapshot| key.takes(&snapshot.key));
        let snapshot = in_memory.or_else(|| self.0.snapshots.load(key))?;
        Some(snapshot).filter(|snapshot| !snapshot.is_due(self.0.settings.clock.now()))
    }

    fn keep(&self, kept: &mut Kept, mut snapshot: Snapshot, key: &Key, in_full: bool) -> ReadDevices {
        snapshot.key = key.clone();
        // Losing it costs a full read.
        let _ = self.0.snapshots.save(&mut snapshot);
        let (devices, at) = (Fact::Known(snapshot.devices()), Some(snapshot.read_at));
        kept.snapshot = Some(snapshot);
        ReadDevices { devices, in_full, at }
    }

    async fn changes(&self, mut snapshot: Snapshot) -> Delta {
        let Some(cursor) = Cursor::new(snapshot.cursor.clone()) else { return Delta::Doubtful };
        let mut collected = Collected::onto(&snapshot);
        let mut is_clear = true;
        let synced = self
            .0
            .dep
            .sync(&cursor, &mut |row| match (row.serial(), row.op_type) {
                (Some(serial), Some(OpType::Added | OpType::Modified | OpType::Deleted)) => {
                    collected.take(&change(serial, &row));
                }
                // What is not understood may be anything.
                _ => is_clear = false,
            })
            .await;
        match synced {
            Ok(Synced::Done { cursor, .. }) if is_clear => {
                snapshot.change(collected, cursor.as_str().to_owned(), self.0.settings.clock.now());
                Delta::Done(Box::new(snapshot))
            }
            Ok(Synced::Done { .. } | Synced::CursorLost(_)) => Delta::Doubtful,
            Err(error) => Delta::Failed(error),
        }
    }

    async fn all(&self, key: &Key, progress: &dyn Progress) -> Result<Snapshot, DepError> {
        let mut collected = Collected::default();
        let mut sink = |row: DeviceRow<'_>| match row.serial() {
            Some(serial) => collected.take(&change(serial, &row)),
            None => collected.without_serial(),
        };
        let cursor = self.0.dep.fetch(&mut sink, &mut |read| progress.read(&key.token, read, None)).await?;
        let now = self.0.settings.clock.now();
        Ok(collected.complete(key.clone(), cursor.as_str().to_owned(), now))
    }
}

fn change<'a>(serial: Serial, row: &'a DeviceRow<'_>) -> Change<'a> {
    Change {
        serial,
        changed: row.op_date,
        gone: row.op_type == Some(OpType::Deleted),
        profile: row.profile(),
        status: match row.profile_status {
            None | Some(ProfileStatus::Empty) => Status::Empty,
            Some(ProfileStatus::Assigned) => Status::Assigned,
            Some(ProfileStatus::Pushed) => Status::Pushed,
            Some(ProfileStatus::Removed) => Status::Removed,
            Some(ProfileStatus::Other) => Status::Other,
        },
        family: row.device_family,
        model: row.model.as_deref(),
    }
}
