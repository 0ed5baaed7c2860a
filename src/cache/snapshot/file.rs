//! The files of snapshots: the devices as a whole, and behind them what changed since.
//!
//! ```text
//! magic · part · part …
//! part: SHA-256 of the sum before it and of what follows · length of the body · body
//! body: length of the head · head (JSON) · rows, 32 bytes each
//! ```
//!
//! Rows and cursor stand in one part, so that one never is newer than the other. The first part is the
//! whole, each further one what a read of changes brought; once these are longer than the whole, it is
//! written anew. A whole file is replaced in one step. A part that was cut off while it was written is
//! as if nobody had begun it. A file that is cut before, damaged, of another format, of another service
//! or of another server is none.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Key, Names, Row, Snapshot, Status};
use crate::cache::{CacheError, replace};
use crate::model::clock::Timestamp;
use crate::model::{Family, Serial, TokenId};

/// What a file begins with; the number is that of the format.
const MAGIC: &[u8] = b"espalier devices 2\n";

/// A row in the file, in bytes.
pub(super) const ROW: usize = 32;

/// In the last byte of a row, beside the status: the device went.
const GONE: u8 = 0x80;

/// The bytes of a sum.
const SUM: usize = 32;

/// What a file holds of a snapshot, as far as it was read or written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OnDisk {
    key: Key,
    /// The end of the first part.
    whole: u64,
    /// The end of the last one.
    end: u64,
    /// Where the last one begins, with its sum.
    last: (u64, [u8; SUM]),
    /// How many of the snapshot's profiles the file names, and how many models.
    names: (usize, usize),
}

/// The head of the first part.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Whole {
    key: Key,
    cursor: String,
    full_at: Timestamp,
    read_at: Timestamp,
    without_serial: usize,
    profiles: Vec<String>,
    models: Vec<String>,
    rows: usize,
}

/// The head of a further part. Its texts come behind those that were named before.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Changes {
    cursor: String,
    read_at: Timestamp,
    profiles: Vec<String>,
    models: Vec<String>,
    rows: usize,
}

/// The snapshots of a folder of documents, one file per token.
#[derive(Clone, Debug)]
pub struct Snapshots {
    folder: PathBuf,
}

impl Snapshots {
    /// Those kept in `folder`.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// What is kept for a key; `None` where nothing is, or something doubtful.
    pub fn load(&self, key: &Key) -> Option<Snapshot> {
        let bytes = std::fs::read(self.path(key)).ok()?;
        read(&bytes).filter(|snapshot| key.takes(&snapshot.key))
    }

    /// Keeps a snapshot in place of what was kept for the token. Where the file holds all but its last
    /// changes, they alone are written.
    ///
    /// # Errors
    /// The file system refuses: then nothing may be left of an older one, which others would go by.
    pub fn save(&self, snapshot: &mut Snapshot) -> Result<(), CacheError> {
        let appended = self.append(snapshot);
        snapshot.unsaved = Vec::new();
        snapshot.on_disk = appended;
        if snapshot.on_disk.is_some() {
            return Ok(());
        }
        let (bytes, on_disk) = whole(snapshot);
        match replace(&self.folder, &file(&snapshot.key.token, "devices"), &[&bytes]) {
            Ok(()) => snapshot.on_disk = Some(on_disk),
            Err(error) => {
                self.forget(&snapshot.key);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Writes the last changes behind what the file holds. `None`: the whole has to be written, for
    /// they would be too long, or the file is not as this process left it.
    fn append(&self, snapshot: &Snapshot) -> Option<OnDisk> {
        let before = snapshot.on_disk.as_ref().filter(|on_disk| on_disk.key == snapshot.key)?;
        let (part, after) = changes(snapshot, before);
        if after.end - after.whole > after.whole {
            return None;
        }
        let mut opened = OpenOptions::new().read(true).write(true).open(self.path(&snapshot.key)).ok()?;
        // Somebody else is writing to it.
        opened.try_lock().ok()?;
        let written = write_behind(&mut opened, before, &part);
        // A child process that is just being started may hold the file, and the lock with it.
        let _ = opened.unlock();
        written.ok()?.then_some(after)
    }

    /// Drops what is kept for a token.
    pub fn forget(&self, key: &Key) {
        // What is not there needs no dropping; what cannot be dropped cannot be read either, or is
        // replaced by the next read.
        let _ = std::fs::remove_file(self.path(key));
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.folder.join(Path::new(&file(&key.token, "devices")))
    }

    pub(in crate::cache) fn profiles_path(&self, key: &Key) -> PathBuf {
        self.folder.join(Path::new(&file(&key.token, "profiles")))
    }
}

/// Writes a part behind a file. False: the file is not as it was left.
fn write_behind(file: &mut File, before: &OnDisk, part: &[u8]) -> io::Result<bool> {
    let (at, sum) = before.last;
    let mut found = [0; SUM];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut found)?;
    if found != sum || file.seek(SeekFrom::End(0))? != before.end {
        return Ok(false);
    }
    file.write_all(part)?;
    Ok(true)
}

/// A name for a token's file, whatever its id holds.
pub(super) fn file(token: &TokenId, what: &str) -> String {
    let hash = openssl::sha::sha256(token.0.as_bytes());
    let hex: String = hash[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{hex}.{what}")
}

/// The file of a whole snapshot.
fn whole(snapshot: &Snapshot) -> (Vec<u8>, OnDisk) {
    let Snapshot { key, cursor, full_at, read_at, without_serial, rows, names, on_disk: _, unsaved: _ } =
        snapshot;
    let head = Whole {
        key: key.clone(),
        cursor: cursor.clone(),
        full_at: *full_at,
        read_at: *read_at,
        without_serial: *without_serial,
        profiles: names.profiles.clone(),
        models: names.models.clone(),
        rows: rows.len(),
    };
    let mut bytes = MAGIC.to_vec();
    let sum = put_part(&mut bytes, &[], &head, rows.iter().map(|row| (row, false)));
    let end = bytes.len() as u64;
    let names = (names.profiles.len(), names.models.len());
    let on_disk = OnDisk { key: key.clone(), whole: end, end, last: (MAGIC.len() as u64, sum), names };
    (bytes, on_disk)
}

/// The part with the last changes of a snapshot, and the file with it.
fn changes(snapshot: &Snapshot, before: &OnDisk) -> (Vec<u8>, OnDisk) {
    let Names { profiles, models, .. } = &snapshot.names;
    let new = |all: &[String], known: usize| all.get(known..).unwrap_or_default().to_vec();
    let head = Changes {
        cursor: snapshot.cursor.clone(),
        read_at: snapshot.read_at,
        profiles: new(profiles, before.names.0),
        models: new(models, before.names.1),
        rows: snapshot.unsaved.len(),
    };
    let mut part = Vec::new();
    let rows = snapshot.unsaved.iter().map(|(row, gone)| (row, *gone));
    let sum = put_part(&mut part, &before.last.1, &head, rows);
    let after = OnDisk {
        end: before.end + part.len() as u64,
        last: (before.end, sum),
        names: (profiles.len(), models.len()),
        ..before.clone()
    };
    (part, after)
}

/// Puts a part behind `bytes`; `before` is the sum of the part before it. Returns its sum.
fn put_part<'r>(
    bytes: &mut Vec<u8>,
    before: &[u8],
    head: &impl Serialize,
    rows: impl ExactSizeIterator<Item = (&'r Row, bool)>,
) -> [u8; SUM] {
    // Plain values only: this cannot fail.
    let head = serde_json::to_vec(head).unwrap_or_default();
    let body = 8 + head.len() + rows.len() * ROW;
    let start = bytes.len();
    bytes.reserve(SUM + 8 + body);
    bytes.extend([0; SUM]);
    bytes.extend((body as u64).to_le_bytes());
    bytes.extend((head.len() as u64).to_le_bytes());
    bytes.extend(head);
    for (row, gone) in rows {
        bytes.extend(row_bytes(row, gone));
    }
    let sum = sum_of(before, &bytes[start + SUM..]);
    bytes[start..start + SUM].copy_from_slice(&sum);
    sum
}

fn sum_of(before: &[u8], rest: &[u8]) -> [u8; SUM] {
    let mut sum = openssl::sha::Sha256::new();
    sum.update(before);
    sum.update(rest);
    sum.finish()
}

/// What a file says; `None` where that is doubtful.
fn read(bytes: &[u8]) -> Option<Snapshot> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let at = |rest: &[u8]| (bytes.len() - rest.len()) as u64;
    let Next::Part(sum, body) = next_part(&mut rest, &[]) else { return None };
    let mut snapshot = read_whole(body)?;
    let (mut last, whole) = ((MAGIC.len() as u64, sum), at(rest));
    loop {
        let begins = at(rest);
        match next_part(&mut rest, &last.1) {
            Next::Part(sum, body) => {
                read_changes(body, &mut snapshot)?;
                last = (begins, sum);
            }
            // Whoever writes next sees that the file is longer, and replaces it.
            Next::End => break,
            Next::Damaged => return None,
        }
    }
    let names = (snapshot.names.profiles.len(), snapshot.names.models.len());
    let end = at(rest);
    snapshot.on_disk = Some(OnDisk { key: snapshot.key.clone(), whole, end, last, names });
    Some(snapshot)
}

/// What stands behind a part.
enum Next<'b> {
    /// Another one: its sum and its body.
    Part([u8; SUM], &'b [u8]),
    /// Nothing, or one that was cut off.
    End,
    /// One whose sum is another.
    Damaged,
}

/// Takes the next part off `rest`; `before` is the sum of the part before it.
fn next_part<'b>(rest: &mut &'b [u8], before: &[u8]) -> Next<'b> {
    let Some((sum, from)) = rest.split_first_chunk::<SUM>() else { return Next::End };
    let Some((length, behind)) = from.split_first_chunk::<8>() else { return Next::End };
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let Some((body, after)) = behind.split_at_checked(length) else { return Next::End };
    if sum_of(before, &from[..8 + length]) != *sum {
        return Next::Damaged;
    }
    *rest = after;
    Next::Part(*sum, body)
}

fn read_whole(body: &[u8]) -> Option<Snapshot> {
    let (head, rows) = read_body(body)?;
    let Whole { key, cursor, full_at, read_at, without_serial, profiles, models, rows: told } = head;
    let is_sound = told == rows.len() && !cursor.is_empty() && rows.iter().all(|(_, gone)| !gone);
    is_sound.then(|| Snapshot {
        key,
        cursor,
        full_at,
        read_at,
        without_serial,
        rows: rows.into_iter().map(|(row, _)| row).collect(),
        names: Names::of(profiles, models),
        on_disk: None,
        unsaved: Vec::new(),
    })
}

fn read_changes(body: &[u8], snapshot: &mut Snapshot) -> Option<()> {
    let (head, rows) = read_body(body)?;
    let Changes { cursor, read_at, profiles, models, rows: told } = head;
    if told != rows.len() || cursor.is_empty() {
        return None;
    }
    (snapshot.cursor, snapshot.read_at) = (cursor, read_at);
    snapshot.names.extend(profiles, models);
    snapshot.merge(rows);
    Some(())
}

/// Head and rows, the rows ascending.
fn read_body<H: DeserializeOwned>(body: &[u8]) -> Option<(H, Vec<(Row, bool)>)> {
    let (length, rest) = body.split_first_chunk::<8>()?;
    let (head, rows) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let head = serde_json::from_slice(head).ok()?;
    let (rows, []) = rows.as_chunks::<ROW>() else { return None };
    let rows: Vec<(Row, bool)> = rows.iter().map(row).collect::<Option<_>>()?;
    rows.is_sorted_by(|(a, _), (b, _)| a.serial < b.serial).then_some((head, rows))
}

fn row_bytes(row: &Row, gone: bool) -> [u8; ROW] {
    let mut bytes = [0; ROW];
    let serial = row.serial.as_str().as_bytes();
    bytes[..serial.len()].copy_from_slice(serial);
    bytes[15] = serial.len() as u8;
    bytes[16..24].copy_from_slice(&row.changed.to_le_bytes());
    bytes[24..28].copy_from_slice(&row.profile.to_le_bytes());
    bytes[28..30].copy_from_slice(&row.model.to_le_bytes());
    bytes[30] = row.family.map_or(0, |family| family as u8 + 1);
    bytes[31] = row.status as u8 | if gone { GONE } else { 0 };
    bytes
}

fn row(bytes: &[u8; ROW]) -> Option<(Row, bool)> {
    let serial = bytes.get(..usize::from(bytes[15]))?;
    let row = Row {
        serial: Serial::new(std::str::from_utf8(serial).ok()?)?,
        changed: i64::from_le_bytes(bytes[16..24].try_into().ok()?),
        profile: u32::from_le_bytes(bytes[24..28].try_into().ok()?),
        model: u16::from_le_bytes(bytes[28..30].try_into().ok()?),
        family: match bytes[30] {
            0 => None,
            number => Some(*Family::ALL.get(usize::from(number) - 1)?),
        },
        status: *Status::ALL.get(usize::from(bytes[31] & !GONE))?,
    };
    Some((row, bytes[31] & GONE != 0))
}

#[cfg(test)]
mod tests;
