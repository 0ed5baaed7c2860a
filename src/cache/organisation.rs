//! An organisation at Apple as the last complete read showed it: its services, its devices and the
//! service of each.
//!
//! ```text
//! magic · SHA-256 of what follows · length of the head · head (JSON) · rows, 42 bytes each
//! ```
//!
//! Reading one takes a call per thousand devices, twice, and only some twenty calls fit into a minute: a
//! plan may rest on an earlier read where it is told how old that may be. What is carried out never
//! does. A file of another API account, of another host or of another format is none.
//!
//! Beside it, in files of their own: Activation Lock of the devices for which Apple was asked
//! ([`Organisations::locks`]), and when the API was called ([`Organisations::calls`]), since its limits
//! do not end with a run.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CacheError, whole};
use crate::model::Serial;
use crate::model::clock::{Timestamp, between};
use crate::model::live::{Complete, Fact};
use crate::model::organisation::{
    ActivationLock, LiveService, Migration, OrgDevices, OrgRecord, OrgTables, ProductFamily, PurchaseSource,
    ServiceId, ServiceKind,
};

/// What files begin with; the number is that of the format.
const MAGIC: &[u8] = b"espalier organisation 1\n";
const LOCKS: &[u8] = b"espalier locks 1\n";
const CALLS: &[u8] = b"espalier calls 1\n";

/// A row in the file, in bytes.
const ROW: usize = 42;

/// A lock that was seen longer ago says nothing any more.
const LOCK_KEPT: Duration = Duration::from_secs(30 * 86_400);

/// Calls count within the hour at the longest.
const CALL_KEPT: Duration = Duration::from_secs(3_600);

/// Whose organisation is meant. What was read with another account is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrganisationKey {
    /// `clientId`
    pub client_id: String,
    /// The API: scheme and host, or the simulated world.
    pub api: String,
}

/// An organisation as it was read.
#[derive(Clone, Debug)]
pub struct KeptOrganisation {
    /// Its services; default families only where they were read.
    pub services: Complete<LiveService>,
    /// Its devices.
    pub devices: OrgDevices,
    /// When the reading began.
    pub read_at: Timestamp,
}

/// Activation Lock of a device, as Apple told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptLock {
    /// The lock.
    pub lock: ActivationLock,
    /// When it was told.
    pub at: Timestamp,
}

/// When the API was called, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeptCalls {
    /// Calls that count within a minute.
    pub minute: Vec<Timestamp>,
    /// Calls that count within an hour.
    pub hour: Vec<Timestamp>,
}

/// The organisations of a folder of documents.
#[derive(Clone, Debug)]
pub struct Organisations {
    folder: PathBuf,
}

impl Organisations {
    /// Those kept in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What was read of an organisation no longer ago than `max_age`; `None` where nothing was, or
    /// something is doubtful, a read in the future included.
    pub fn load(&self, key: &OrganisationKey, now: Timestamp, max_age: Duration) -> Option<KeptOrganisation> {
        let body = whole::read(&self.path(key, "organisation"), MAGIC)?;
        let (head, rows) = parts(&body)?;
        let is_young = head.read_at <= now && between(head.read_at, now) <= max_age;
        (head.key == *key && is_young).then(|| kept(head, rows)).flatten()
    }

    /// Keeps an organisation that was read to its end, in place of what was kept of it.
    ///
    /// # Errors
    /// The file system refuses: then nothing is left of an older one.
    pub fn save(&self, key: &OrganisationKey, read: &KeptOrganisation) -> Result<(), CacheError> {
        whole::write(&self.folder, &file(key, "organisation"), MAGIC, &body(key, read))
    }

    /// Drops what was read of an organisation: something was changed there.
    pub fn forget(&self, key: &OrganisationKey) {
        whole::forget(&self.path(key, "organisation"));
    }

    /// The locks that were seen, however long ago within 30 days.
    pub fn locks(&self, key: &OrganisationKey, now: Timestamp) -> BTreeMap<Serial, KeptLock> {
        let mut locks: BTreeMap<Serial, KeptLock> = self.of(key, "locks", LOCKS).unwrap_or_default();
        locks.retain(|_, kept| kept.at <= now && between(kept.at, now) <= LOCK_KEPT);
        locks
    }

    /// Adds locks that were seen to those that are kept.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn save_locks(
        &self,
        key: &OrganisationKey,
        seen: &BTreeMap<Serial, KeptLock>,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let mut all = self.locks(key, now);
        all.extend(seen.iter().map(|(serial, kept)| (*serial, *kept)));
        self.keep(key, "locks", LOCKS, all)
    }

    /// When the API was called within the last hour.
    pub fn calls(&self, key: &OrganisationKey) -> KeptCalls {
        self.of(key, "calls", CALLS).unwrap_or_default()
    }

    /// Adds calls to those that are kept: another run may have called meanwhile.
    ///
    /// # Errors
    /// The file system refuses: the next run knows less of what it may call, and is told by the service.
    pub fn save_calls(
        &self,
        key: &OrganisationKey,
        calls: &KeptCalls,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        let before = self.calls(key);
        if before == *calls {
            return Ok(());
        }
        let all = KeptCalls {
            minute: joined(&before.minute, &calls.minute, now),
            hour: joined(&before.hour, &calls.hour, now),
        };
        self.keep(key, "calls", CALLS, all)
    }

    fn of<T: serde::de::DeserializeOwned>(
        &self,
        key: &OrganisationKey,
        what: &str,
        magic: &[u8],
    ) -> Option<T> {
        let body = whole::read(&self.path(key, what), magic)?;
        let kept: Kept<T> = serde_json::from_slice(&body).ok()?;
        (kept.key == *key).then_some(kept.content)
    }

    fn keep<T: Serialize>(
        &self,
        key: &OrganisationKey,
        what: &str,
        magic: &[u8],
        content: T,
    ) -> Result<(), CacheError> {
        // Plain values only: this cannot fail.
        let body = serde_json::to_vec(&Kept { key: key.clone(), content }).unwrap_or_default();
        whole::write(&self.folder, &file(key, what), magic, &body)
    }

    fn path(&self, key: &OrganisationKey, what: &str) -> PathBuf {
        self.folder.join(file(key, what))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept<T> {
    key: OrganisationKey,
    content: T,
}

/// A name that says nothing of whose file it is.
fn file(key: &OrganisationKey, what: &str) -> String {
    let hash = openssl::sha::sha256(format!("{}\n{}", key.client_id, key.api).as_bytes());
    let hex: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.{what}")
}

/// Both lists as one, of the last hour. Calls of the same instant are told apart by their number.
fn joined(before: &[Timestamp], more: &[Timestamp], now: Timestamp) -> Vec<Timestamp> {
    let mut counts: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for list in [before, more] {
        let mut own: BTreeMap<Timestamp, usize> = BTreeMap::new();
        list.iter().for_each(|at| *own.entry(*at).or_default() += 1);
        for (at, count) in own {
            let known = counts.entry(at).or_default();
            *known = count.max(*known);
        }
    }
    let counts = counts.into_iter().filter(|(at, _)| between(*at, now) < CALL_KEPT);
    counts.flat_map(|(at, count)| std::iter::repeat_n(at, count)).collect()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Head {
    key: OrganisationKey,
    read_at: Timestamp,
    services: Vec<KeptService>,
    /// Those of the rows.
    belong_to: Vec<ServiceId>,
    texts: Vec<String>,
    orders: Vec<String>,
    migrations: Vec<Migration>,
    without_serial: usize,
    rows: usize,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KeptService {
    id: ServiceId,
    name: String,
    kind: ServiceKind,
    status: Option<String>,
    device_count: Option<u64>,
    may_disown: Option<bool>,
    default_for: Option<Vec<ProductFamily>>,
    last_connected: Option<Timestamp>,
}

impl From<&LiveService> for KeptService {
    fn from(service: &LiveService) -> Self {
        Self {
            id: service.id.clone(),
            name: service.name.clone(),
            kind: service.kind,
            status: service.status.clone(),
            device_count: service.device_count,
            may_disown: service.may_disown,
            default_for: service.default_for.as_ref().and_then(Fact::known).cloned(),
            last_connected: service.last_connected,
        }
    }
}

impl From<KeptService> for LiveService {
    fn from(kept: KeptService) -> Self {
        Self {
            id: kept.id,
            name: kept.name,
            kind: kept.kind,
            status: kept.status,
            device_count: kept.device_count,
            may_disown: kept.may_disown,
            default_for: kept.default_for.map(Fact::Known),
            last_connected: kept.last_connected,
        }
    }
}

fn body(key: &OrganisationKey, read: &KeptOrganisation) -> Vec<u8> {
    let KeptOrganisation { services, devices, read_at } = read;
    let OrgTables { services: belong_to, texts, orders, migrations, without_serial } = devices.tables();
    let head = Head {
        key: key.clone(),
        read_at: *read_at,
        services: services.iter().map(KeptService::from).collect(),
        belong_to,
        texts,
        orders,
        migrations,
        without_serial,
        rows: devices.len(),
    };
    // Plain values only: this cannot fail.
    let head = serde_json::to_vec(&head).unwrap_or_default();
    let mut body = Vec::with_capacity(8 + head.len() + devices.len() * ROW);
    body.extend((head.len() as u64).to_le_bytes());
    body.extend(head);
    devices.records().for_each(|record| body.extend(row(&record)));
    body
}

fn parts(body: &[u8]) -> Option<(Head, &[[u8; ROW]])> {
    let (length, rest) = body.split_first_chunk::<8>()?;
    let (head, rows) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let head: Head = serde_json::from_slice(head).ok()?;
    let (rows, []) = rows.as_chunks::<ROW>() else { return None };
    (head.rows == rows.len()).then_some((head, rows))
}

fn kept(head: Head, rows: &[[u8; ROW]]) -> Option<KeptOrganisation> {
    let Head { read_at, services, belong_to, texts, orders, migrations, without_serial, .. } = head;
    let tables = OrgTables { services: belong_to, texts, orders, migrations, without_serial };
    let mut is_doubtful = false;
    let records = rows.iter().map_while(|bytes| {
        let record = record(bytes);
        is_doubtful |= record.is_none();
        record
    });
    let devices = OrgDevices::of_parts(tables, records).filter(|_| !is_doubtful)?;
    let services = services.into_iter().map(LiveService::from).collect();
    Some(KeptOrganisation { services: Complete::after_last_page(services), devices, read_at })
}

fn row(record: &OrgRecord) -> [u8; ROW] {
    let mut bytes = [0; ROW];
    let serial = record.serial.as_str().as_bytes();
    bytes[..serial.len()].copy_from_slice(serial);
    bytes[15] = serial.len() as u8;
    bytes[16..24].copy_from_slice(&record.added.to_le_bytes());
    bytes[24..28].copy_from_slice(&record.order.to_le_bytes());
    bytes[28..32].copy_from_slice(&record.migration.to_le_bytes());
    bytes[32..34].copy_from_slice(&record.service.to_le_bytes());
    bytes[34..36].copy_from_slice(&record.model.to_le_bytes());
    bytes[36..38].copy_from_slice(&record.product_type.to_le_bytes());
    bytes[38..40].copy_from_slice(&record.source_id.to_le_bytes());
    let place = |at: Option<usize>| at.map_or(0, |at| at as u8 + 1);
    bytes[40] =
        place(record.family.and_then(|one| ProductFamily::ALL.iter().position(|known| *known == one)));
    bytes[41] =
        place(record.source.and_then(|one| PurchaseSource::ALL.iter().position(|known| *known == one)));
    bytes
}

fn record(bytes: &[u8; ROW]) -> Option<OrgRecord> {
    let serial = bytes.get(..usize::from(bytes[15]).min(15))?;
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let place = |byte: u8| usize::from(byte).checked_sub(1);
    Some(OrgRecord {
        serial: Serial::new(std::str::from_utf8(serial).ok()?)?,
        added: i64::from_le_bytes(bytes[16..24].try_into().ok()?),
        order: u32::from_le_bytes(bytes[24..28].try_into().ok()?),
        migration: u32::from_le_bytes(bytes[28..32].try_into().ok()?),
        service: short(32),
        model: short(34),
        product_type: short(36),
        source_id: short(38),
        family: place(bytes[40]).map(|at| ProductFamily::ALL.get(at).copied().ok_or(())).transpose().ok()?,
        source: place(bytes[41]).map(|at| PurchaseSource::ALL.get(at).copied().ok_or(())).transpose().ok()?,
    })
}

#[cfg(test)]
mod tests;
