//! The ledger: what is ours and what we did. One fleet has one, made on purpose.
//!
//! ```text
//!   Event, NewIntent ── Ledger ──> rows ── LedgerStore (SQLite, memory)
//!                         │                     │
//!   LedgerView <── Replay (PURE) <── rows ──────┘
//! ```
//!
//! The log is append-only, and everything else is derived from it. The rules (what may follow
//! what) are pure and the same for every store; a store keeps rows in order and refuses late
//! writers. Imports `model` only.
//!
//! *Guarantees*: an intent is durable before [`Ledger::intend`] returns; an outcome and the
//! ownership that comes of it are written together or not at all; nobody writes without the
//! newest lease. *Caveat*: calls block for a sync of the disk, milliseconds each.

mod acts;
#[cfg(any(test, debug_assertions))]
mod crash;
mod error;
mod event;
mod lease;
mod memory;
mod sqlite;
mod store;
#[cfg(test)]
mod suite;
mod view;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use uuid::Uuid;

pub use acts::{Permit, Request};
#[cfg(any(test, debug_assertions))]
pub use crash::Dying;
pub use error::LedgerError;
pub use event::{Entry, Event, FORMAT, How, Intent, IntentState, NewIntent, Row};
pub use lease::{Exclusion, Holder, Lease};
pub use memory::MemoryStore;
pub use sqlite::{Access, SqliteStore};
pub use store::LedgerStore;
pub use view::{
    AppleView, AskedMigration, Cooling, DefinedProfile, Ended, KnownActivity, KnownService, LIMIT_WINDOW,
    LedgerView, Ownership, Replay, ReplayError, Server,
};

use crate::model::clock::Timestamp;

/// A fleet's ledger. Shared by reference between tasks; the calls wait for each other.
pub struct Ledger {
    store: Box<dyn LedgerStore>,
    id: Uuid,
    born: Timestamp,
    // The log folded as far as it was read. `None` while it is worked on and after a failure,
    // when it is read anew.
    replay: Mutex<Option<Replay>>,
}

/// What `ledger check` found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckReport {
    /// The ledger's place.
    pub place: String,
    /// The fleet's ledger id.
    pub id: Uuid,
    /// When it was made.
    pub born: Timestamp,
    /// The log's format.
    pub format: u32,
    /// Entries in the log.
    pub entries: i64,
    /// Runs that were begun.
    pub runs: u64,
    /// Objects that are ours.
    pub owned: usize,
    /// Intents of which nobody knows what came; the next apply looks them up. Oldest first.
    pub unsettled: Vec<Intent>,
    /// Who wrote last; `None` before the first run.
    pub last_holder: Option<Holder>,
    /// What is wrong; empty in a sound ledger.
    pub problems: Vec<String>,
}

/// One line of `journal`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JournalRow {
    /// The entry's number.
    pub seq: i64,
    /// When it was written.
    pub at: Timestamp,
    /// What it says, for people.
    pub text: String,
    /// What it says, in full.
    pub entry: Entry,
}

impl Ledger {
    /// Makes a fleet's ledger, with a random id where none is given, born `now`.
    ///
    /// # Errors
    /// [`LedgerError::Exists`] where there is anything at `path`.
    pub fn create(path: &Path, id: Option<Uuid>, now: Timestamp) -> Result<Self, LedgerError> {
        let birth = birth(id.unwrap_or_else(Uuid::new_v4), now)?;
        Self::over(SqliteStore::create(path, &birth)?)
    }

    /// Opens the ledger `id` for writing.
    ///
    /// # Errors
    /// [`LedgerError::Missing`], [`LedgerError::OtherId`] (exit 10), and whatever makes the file
    /// unfit.
    pub fn open(path: &Path, id: Uuid) -> Result<Self, LedgerError> {
        Self::over(SqliteStore::open(path, Access::Write)?)?.expect_id(path, id)
    }

    /// Opens the ledger `id` for reading: no call changes it, and no lease is given.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn open_read_only(path: &Path, id: Uuid) -> Result<Self, LedgerError> {
        Self::over(SqliteStore::open(path, Access::Read)?)?.expect_id(path, id)
    }

    /// Opens whatever ledger is at `path` for reading, to look at it.
    ///
    /// # Errors
    /// As [`Ledger::open`], without the question for its id.
    pub fn inspect(path: &Path) -> Result<Self, LedgerError> {
        Self::over(SqliteStore::open(path, Access::Read)?)
    }

    /// Opens a simulator's ledger, which makes itself where it is missing, born at `born`.
    ///
    /// # Errors
    /// As [`Ledger::open`], but never [`LedgerError::Missing`].
    pub fn create_simulated(path: &Path, id: Uuid, born: Timestamp) -> Result<Self, LedgerError> {
        match Self::open(path, id) {
            Err(LedgerError::Missing { .. }) => match Self::create(path, Some(id), born) {
                // Another process was faster.
                Err(LedgerError::Exists { .. }) => Self::open(path, id),
                made => made,
            },
            opened => opened,
        }
    }

    /// Makes a ledger in memory.
    ///
    /// # Errors
    /// [`LedgerError::NilId`].
    pub fn in_memory(id: Uuid, born: Timestamp) -> Result<Self, LedgerError> {
        Self::over(MemoryStore::new(birth(id, born)?))
    }

    /// A ledger over any store that has its birth.
    ///
    /// # Errors
    /// The store cannot be read, or does not begin with a birth.
    pub fn over(store: impl LedgerStore + 'static) -> Result<Self, LedgerError> {
        let store: Box<dyn LedgerStore> = Box::new(store);
        match store.first()? {
            Some(Row { seq: 1, at, entry: Entry::Event(Event::Born { fleet }) }) => {
                Ok(Self { store, id: fleet, born: at, replay: Mutex::default() })
            }
            first => Err(damaged(&*store, first.map_or(0, |row| row.seq), &ReplayError::Birth)),
        }
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// When it was made.
    pub fn born(&self) -> Timestamp {
        self.born
    }

    /// What a plan reads, seen at `now`. Costs the reading of what is new since the last call.
    ///
    /// # Errors
    /// The log cannot be read or contradicts itself.
    pub fn view(&self, now: Timestamp) -> Result<LedgerView, LedgerError> {
        self.with_replay(|replay| Ok((replay.view(now), replay)))
    }

    /// Takes the right to write, for as long as the lease lives.
    ///
    /// # Errors
    /// [`LedgerError::Held`] (exit 10) names the other run.
    pub fn lock(&self, holder: Holder) -> Result<Lease, LedgerError> {
        match self.store.exclude()? {
            Some(exclusion) => {
                let fence = self.store.enter(&holder)?;
                Ok(Lease { fence, holder, _exclusion: exclusion })
            }
            None => Err(LedgerError::Held { holder: self.store.last_holder()?.map(Box::new) }),
        }
    }

    /// Promises requests before they are sent, all or none, durable on return; returns their ids
    /// in the same order.
    ///
    /// # Errors
    /// [`LedgerError::Conflict`] where an unsettled intent of another run has the same address and
    /// write, or one of this run has the same part of it; of intents with devices, where one of them is
    /// in an unsettled intent or in an activity that has not ended. [`LedgerError::Late`] where the
    /// lease is not the newest any more.
    pub fn intend(
        &self,
        lease: &Lease,
        at: Timestamp,
        intents: &[NewIntent],
    ) -> Result<Vec<i64>, LedgerError> {
        let run = lease.holder.run;
        let entries = intents.iter().map(|intent| Entry::Intended { run, intent: intent.clone() });
        self.write(lease, at, entries.collect())
    }

    /// Records what came of intents (id, new state, note for people), and the events that follow
    /// from it, together.
    ///
    /// # Errors
    /// [`LedgerError::Illegal`] for a transition that [`IntentState::next`] does not know;
    /// [`LedgerError::Late`].
    pub fn settle(
        &self,
        lease: &Lease,
        at: Timestamp,
        results: &[(i64, IntentState, String)],
        events: &[Event],
    ) -> Result<(), LedgerError> {
        let outcome = |(intent, state, note): &(i64, IntentState, String)| Entry::Outcome {
            intent: *intent,
            state: *state,
            note: note.clone(),
        };
        if let Some(act) = events.iter().find_map(acts::promised) {
            return Err(LedgerError::Unchecked { act });
        }
        let events = events.iter().cloned().map(Entry::Event);
        self.write(lease, at, results.iter().map(outcome).chain(events).collect()).map(drop)
    }

    /// Appends events, all or none.
    ///
    /// # Errors
    /// [`LedgerError::Illegal`] for an event that cannot follow; [`LedgerError::Late`].
    pub fn append(&self, lease: &Lease, at: Timestamp, events: &[Event]) -> Result<(), LedgerError> {
        self.settle(lease, at, &[], events)
    }

    /// Looks at everything: the file, the order, the rules, what is unsettled.
    ///
    /// # Errors
    /// The store cannot be read at all. Damage that can be named is a problem in the report.
    pub fn check(&self) -> Result<CheckReport, LedgerError> {
        let mut problems = Vec::new();
        let mut replay = Replay::default();
        match self.store.check() {
            Ok(found) => problems.extend(found),
            Err(error @ LedgerError::Damaged { .. }) => problems.push(error.to_string()),
            Err(other) => return Err(other),
        }
        match self.store.read(0, &mut |row| take(&*self.store, &mut replay, row)) {
            Ok(()) => {}
            Err(error @ LedgerError::Damaged { .. }) => problems.push(error.to_string()),
            Err(other) => return Err(other),
        }
        let view = replay.view(Timestamp::MAX);
        Ok(CheckReport {
            place: self.store.place(),
            id: self.id,
            born: self.born,
            format: FORMAT,
            entries: self.store.head()?,
            runs: replay.runs(),
            owned: view.owned.len(),
            unsettled: view.unsettled,
            last_holder: self.store.last_holder()?,
            problems,
        })
    }

    /// The last entries, oldest first.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn journal(&self, last: usize) -> Result<Vec<JournalRow>, LedgerError> {
        let last = i64::try_from(last).unwrap_or(i64::MAX);
        let mut rows = Vec::new();
        self.store.read(self.store.head()?.saturating_sub(last), &mut |row| {
            let Row { seq, at, entry } = row;
            rows.push(JournalRow { seq, at, text: entry.to_string(), entry });
            Ok(())
        })?;
        Ok(rows)
    }

    fn expect_id(self, path: &Path, wanted: Uuid) -> Result<Self, LedgerError> {
        if self.id == wanted {
            return Ok(self);
        }
        Err(LedgerError::OtherId { path: path.to_owned(), found: self.id, wanted })
    }

    /// Appends entries that may follow, and returns their numbers. Compare-and-swap: the store
    /// refuses unless the log ends where the rules were last asked.
    fn write(&self, lease: &Lease, at: Timestamp, entries: Vec<Entry>) -> Result<Vec<i64>, LedgerError> {
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        self.with_replay(|mut replay| {
            let after = replay.head();
            let numbered = (after + 1..).zip(entries);
            let rows: Vec<Row> = numbered.map(|(seq, entry)| Row { seq, at, entry }).collect();
            for row in &rows {
                replay.take(row.clone()).map_err(|refused| match refused {
                    ReplayError::Conflict { address, write, intent } => {
                        LedgerError::Conflict { address, write, intent }
                    }
                    other => LedgerError::Illegal(other),
                })?;
            }
            self.store.append(lease.fence, after, &rows)?;
            Ok((rows.iter().map(|row| row.seq).collect(), replay))
        })
    }

    /// Gives `work` the log folded up to now, and keeps what it gives back. After an error the
    /// fold is dropped, for it may have run ahead of the log.
    fn with_replay<T>(
        &self,
        work: impl FnOnce(Replay) -> Result<(T, Replay), LedgerError>,
    ) -> Result<T, LedgerError> {
        let mut kept = self.replay.lock().unwrap_or_else(PoisonError::into_inner);
        let mut replay = kept.take().unwrap_or_default();
        self.store.read(replay.head(), &mut |row| take(&*self.store, &mut replay, row))?;
        let (value, replay) = work(replay)?;
        *kept = Some(replay);
        Ok(value)
    }
}

fn birth(id: Uuid, at: Timestamp) -> Result<Row, LedgerError> {
    if id.is_nil() {
        return Err(LedgerError::NilId);
    }
    Ok(Row { seq: 1, at, entry: Entry::Event(Event::Born { fleet: id }) })
}

fn take(store: &dyn LedgerStore, replay: &mut Replay, row: Row) -> Result<(), LedgerError> {
    let seq = row.seq;
    replay.take(row).map_err(|why| damaged(store, seq, &why))
}

fn damaged(store: &dyn LedgerStore, seq: i64, why: &ReplayError) -> LedgerError {
    LedgerError::Damaged { place: store.place(), seq, why: why.to_string() }
}
