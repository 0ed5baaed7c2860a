//! The log in a SQLite file: the default, for one machine.
//!
//! *One file.* The rollback journal (`DELETE`) is chosen over the write-ahead log: between two
//! transactions the ledger is one file that can be copied, and it needs no shared memory. Its
//! commit is the unlinking of the journal, which a power loss could undo unless the folder is
//! synced too: hence `synchronous = EXTRA`, for an intent must be durable before its request.
//!
//! *Formats.* A file of an earlier format is read as it is, and becomes one of a later format with the
//! first entry that only that one knows, in the same transaction.
//!
//! *Reading heals.* A reader opens the file for writing with `query_only`: SQLite may then roll
//! back what a killed writer left, and statements still cannot write.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, Transaction, TransactionBehavior};

use super::error::LedgerError;
use super::event::{Entry, FORMAT, Row};
use super::lease::{Exclusion, Holder};
use super::store::LedgerStore;

/// `ESPA`: how `file` and SQLite's shell tell the ledger from other databases.
const APPLICATION_ID: i32 = i32::from_be_bytes(*b"ESPA");

/// A commit takes milliseconds; whoever is kept out for longer should be told.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes. A transaction writes whole pages, and first into the journal what they were: a promise
/// and its outcome of two hundred bytes each cost 10 KB together, with SQLite's usual 4,096 34 KB.
const PAGE_SIZE: u32 = 1024;

const TABLES: &str = "
    CREATE TABLE log (
        seq INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        entry TEXT NOT NULL
    ) STRICT;
    CREATE TRIGGER log_keeps_rows BEFORE DELETE ON log
        BEGIN SELECT raise(ABORT, 'the log is append-only'); END;
    CREATE TRIGGER log_keeps_words BEFORE UPDATE ON log
        BEGIN SELECT raise(ABORT, 'the log is append-only'); END;
    CREATE TABLE lease (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        fence INTEGER NOT NULL,
        holder TEXT
    ) STRICT;
    INSERT INTO lease VALUES (1, 0, NULL);
";

/// Whether a store is opened to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading only.
    Read,
    /// Reading and writing.
    Write,
}

/// A log in a SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    path: PathBuf,
    access: Access,
    connection: Mutex<Connection>,
}

impl SqliteStore {
    /// Makes the file with its first row, and its folders (mode 0700) where they are missing. It
    /// appears whole or not at all: it is written beside its place and then given its name.
    ///
    /// # Errors
    /// [`LedgerError::Exists`] where something has the name.
    pub fn create(path: &Path, birth: &Row) -> Result<Self, LedgerError> {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        make_folder(folder)?;
        if path.symlink_metadata().is_ok() {
            return Err(LedgerError::Exists { path: path.to_owned() });
        }
        let in_folder = |doing| move |source| LedgerError::Io { path: folder.to_owned(), doing, source };
        // A temporary file has mode 0600 from the start.
        let file = tempfile::Builder::new()
            .prefix(".ledger-")
            .suffix(".new")
            .tempfile_in(folder)
            .map_err(in_folder("make a file in"))?;
        write_birth(file.path(), birth).map_err(|source| failed(path, "make", source))??;
        file.persist_noclobber(path).map_err(|refused| match refused.error.kind() {
            std::io::ErrorKind::AlreadyExists => LedgerError::Exists { path: path.to_owned() },
            _ => LedgerError::Io { path: path.to_owned(), doing: "make", source: refused.error },
        })?;
        sync_folder(folder).map_err(in_folder("sync"))?;
        Self::open(path, Access::Write)
    }

    /// Opens a file that is there.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::NotALedger`], [`LedgerError::TooNew`].
    pub fn open(path: &Path, access: Access) -> Result<Self, LedgerError> {
        match path.metadata() {
            Ok(found) if found.is_file() => {}
            Ok(_) => return Err(LedgerError::NotALedger { path: path.to_owned() }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(LedgerError::Missing { path: path.to_owned() });
            }
            Err(source) => return Err(LedgerError::Io { path: path.to_owned(), doing: "open", source }),
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = || -> rusqlite::Result<(Connection, i32, u32)> {
            let connection = Connection::open_with_flags(path, flags)?;
            configure(&connection, access)?;
            let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
            let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
            Ok((connection, application, format))
        };
        let (connection, application, format) = open().map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => LedgerError::NotALedger { path: path.to_owned() },
            _ => failed(path, "open", error),
        })?;
        if application != APPLICATION_ID || format == 0 {
            return Err(LedgerError::NotALedger { path: path.to_owned() });
        }
        if format > FORMAT {
            return Err(LedgerError::TooNew { path: path.to_owned(), found: format, known: FORMAT });
        }
        Ok(Self { path: path.to_owned(), access, connection: Mutex::new(connection) })
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_with<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        read(&self.connection()).map_err(|source| failed(&self.path, "read", source))
    }

    fn write_with<T>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, LedgerError>>,
    ) -> Result<T, LedgerError> {
        if self.access == Access::Read {
            return Err(LedgerError::ReadOnly { place: self.place() });
        }
        let mut connection = self.connection();
        transact(&mut connection, write).map_err(|source| failed(&self.path, "write to", source))?
    }
}

impl LedgerStore for SqliteStore {
    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn head(&self) -> Result<i64, LedgerError> {
        self.read_with(head)
    }

    fn first(&self) -> Result<Option<Row>, LedgerError> {
        let row: Option<(i64, String, String)> = self.read_with(|connection| {
            connection
                .query_row("SELECT seq, at, entry FROM log ORDER BY seq LIMIT 1", [], |row| row.try_into())
                .optional()
        })?;
        row.map(|(seq, at, entry)| decode(&self.path, seq, &at, &entry)).transpose()
    }

    fn read(
        &self,
        after: i64,
        visit: &mut dyn FnMut(Row) -> Result<(), LedgerError>,
    ) -> Result<(), LedgerError> {
        self.read_with(|connection| {
            let mut select =
                connection.prepare_cached("SELECT seq, at, entry FROM log WHERE seq > ? ORDER BY seq")?;
            let mut rows = select.query([after])?;
            while let Some(row) = rows.next()? {
                let (seq, at, entry) = (row.get(0)?, row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
                if let Err(error) = decode(&self.path, seq, at, entry).and_then(&mut *visit) {
                    return Ok(Err(error));
                }
            }
            Ok(Ok(()))
        })?
    }

    fn append(&self, fence: i64, after: i64, rows: &[Row]) -> Result<(), LedgerError> {
        let encoded: Vec<(i64, String, String)> = rows.iter().map(encode).collect::<Result<_, _>>()?;
        let needed = rows.iter().map(|row| row.entry.format()).max().unwrap_or_default();
        self.write_with(|transaction| {
            let newest: i64 =
                transaction.prepare_cached("SELECT fence FROM lease")?.query_row([], |row| row.get(0))?;
            if newest != fence || head(transaction)? != after {
                return Ok(Err(LedgerError::Late));
            }
            // With the entry that an older program does not know the file becomes one that it refuses,
            // and not before: until then both may work with it.
            let format: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if needed > format {
                transaction.pragma_update(None, "user_version", needed)?;
            }
            insert(transaction, &encoded)?;
            Ok(Ok(()))
        })
    }

    fn exclude(&self) -> Result<Option<Exclusion>, LedgerError> {
        if self.access == Access::Read {
            return Err(LedgerError::ReadOnly { place: self.place() });
        }
        let path = lock_path(&self.path);
        let in_file = |doing, source| LedgerError::Io { path: path.clone(), doing, source };
        let file = open_private(&path).map_err(|source| in_file("open", source))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Exclusion::new(LockedFile(file)))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(in_file("lock", source)),
        }
    }

    fn enter(&self, holder: &Holder) -> Result<i64, LedgerError> {
        let holder = serde_json::to_string(holder).map_err(LedgerError::Encode)?;
        self.write_with(|transaction| {
            transaction
                .prepare_cached("UPDATE lease SET fence = fence + 1, holder = ? RETURNING fence")?
                .query_row([holder], |row| row.get(0))
                .map(Ok)
        })
    }

    fn last_holder(&self) -> Result<Option<Holder>, LedgerError> {
        let holder: Option<String> = self.read_with(|connection| {
            connection
                .query_row("SELECT holder FROM lease", [], |row| row.get(0))
                .optional()
                .map(Option::flatten)
        })?;
        // The name is for people only: one that cannot be read is no name.
        Ok(holder.and_then(|text| serde_json::from_str(&text).ok()))
    }

    fn check(&self) -> Result<Vec<String>, LedgerError> {
        self.read_with(|connection| {
            let mut findings = Vec::new();
            connection.pragma_query(None, "integrity_check", |row| {
                findings.push(row.get::<_, String>(0)?);
                Ok(())
            })?;
            findings.retain(|finding| finding != "ok");
            Ok(findings)
        })
    }
}

/// Unlocks by itself, for closing alone is not enough: a child process that is just being started
/// holds a copy of the handle for a moment, and the lock with it.
struct LockedFile(File);

impl Drop for LockedFile {
    fn drop(&mut self) {
        // Where this fails the lock goes with the process.
        let _ = self.0.unlock();
    }
}

/// The file whose lock says that somebody writes. It is never deleted: a lock on a file without a
/// name keeps nobody out.
fn lock_path(ledger: &Path) -> PathBuf {
    let mut path = ledger.as_os_str().to_owned();
    path.push(".lock");
    PathBuf::from(path)
}

fn configure(connection: &Connection, access: Access) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "synchronous", "EXTRA")?;
    connection.pragma_update(None, "query_only", access == Access::Read)
}

fn write_birth(path: &Path, birth: &Row) -> rusqlite::Result<Result<(), LedgerError>> {
    let row = match encode(birth) {
        Ok(row) => row,
        Err(error) => return Ok(Err(error)),
    };
    let mut connection = Connection::open(path)?;
    configure(&connection, Access::Write)?;
    connection.pragma_update(None, "page_size", PAGE_SIZE)?;
    transact(&mut connection, |transaction| {
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.execute_batch(TABLES)?;
        insert(transaction, &[row])?;
        Ok(Ok(()))
    })
}

/// Every write of the program passes through here: one transaction, written or not as a whole.
fn transact<T>(
    connection: &mut Connection,
    write: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<Result<T, LedgerError>>,
) -> rusqlite::Result<Result<T, LedgerError>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match write(&transaction)? {
        Ok(value) => {
            #[cfg(any(test, debug_assertions))]
            let write = super::crash::before_write();
            transaction.commit()?;
            #[cfg(any(test, debug_assertions))]
            super::crash::after_write(write);
            Ok(Ok(value))
        }
        refused => transaction.rollback().map(|()| refused),
    }
}

fn head(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("SELECT coalesce(max(seq), 0) FROM log")?.query_row([], |row| row.get(0))
}

fn insert(transaction: &Transaction<'_>, rows: &[(i64, String, String)]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached("INSERT INTO log (seq, at, entry) VALUES (?, ?, ?)")?;
    rows.iter().try_for_each(|(seq, at, entry)| insert.execute((seq, at, entry)).map(drop))
}

fn encode(row: &Row) -> Result<(i64, String, String), LedgerError> {
    let entry = serde_json::to_string(&row.entry).map_err(LedgerError::Encode)?;
    Ok((row.seq, row.at.to_string(), entry))
}

fn decode(path: &Path, seq: i64, at: &str, entry: &str) -> Result<Row, LedgerError> {
    let damaged = |why: String| LedgerError::Damaged { place: path.display().to_string(), seq, why };
    let at = at.parse().map_err(|error| damaged(format!("its time: {error}")))?;
    let entry: Entry = serde_json::from_str(entry).map_err(|error| damaged(error.to_string()))?;
    Ok(Row { seq, at, entry })
}

fn failed(path: &Path, doing: &'static str, source: rusqlite::Error) -> LedgerError {
    let place = path.display().to_string();
    match source.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => LedgerError::Busy { place },
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            LedgerError::Damaged { place, seq: 0, why: source.to_string() }
        }
        Some(ErrorCode::ReadOnly) => LedgerError::ReadOnly { place },
        _ => LedgerError::Store { place, doing, source },
    }
}

fn make_folder(folder: &Path) -> Result<(), LedgerError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|source| LedgerError::Io {
        path: folder.to_owned(),
        doing: "make the folder",
        source,
    })
}

fn open_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Folders cannot be opened and synced everywhere; there the file system's own order must do.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
