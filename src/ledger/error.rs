//! What can go wrong with a ledger, and what to do about it.

use std::path::PathBuf;

use uuid::Uuid;

use super::lease::Holder;
use super::view::ReplayError;
use crate::model::{ActId, Address};

/// A ledger that cannot be used as asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// There is no ledger.
    #[error("there is no ledger at {}", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// There is one already.
    #[error("there is already something at {}", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// The id of all zeros names no fleet.
    #[error("the ledger id 00000000-0000-0000-0000-000000000000 names no fleet")]
    NilId,
    /// It is another fleet's.
    #[error("the ledger at {} is {found}, and the fleet's is {wanted}", path.display())]
    OtherId {
        /// The file.
        path: PathBuf,
        /// Its id.
        found: Uuid,
        /// The id in the `Fleet` document.
        wanted: Uuid,
    },
    /// The file is something else.
    #[error("{} is no espalier ledger", path.display())]
    NotALedger {
        /// The file.
        path: PathBuf,
    },
    /// A newer program wrote it.
    #[error("the ledger at {} has format {found}, and this espalier knows up to {known}", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format that this program knows.
        known: u32,
    },
    /// Its content contradicts itself.
    #[error("the ledger {place} is damaged at entry {seq}: {why}")]
    Damaged {
        /// The ledger.
        place: String,
        /// The entry; 0 for the whole.
        seq: i64,
        /// What is wrong.
        why: String,
    },
    /// Another run holds the lock.
    #[error("another run holds the lock: {}", holder.as_deref().map_or_else(|| "it has only just begun".to_owned(), ToString::to_string))]
    Held {
        /// Who; `None` in the moment between its lock and its name.
        holder: Option<Box<Holder>>,
    },
    /// This run lost its lease to another one.
    #[error("another run has taken the ledger over; nothing of this record was written")]
    Late,
    /// The same write is promised and not settled.
    #[error("{write} of {address} is already promised by intent {intent}, which nobody has settled")]
    Conflict {
        /// The object.
        address: Address,
        /// The operation's word.
        write: String,
        /// The intent in the way.
        intent: i64,
    },
    /// A request to a device was to be promised without having been checked: a mistake of this program.
    #[error("{act} was to be promised without its check; nothing was written")]
    Unchecked {
        /// The act.
        act: ActId,
    },
    /// An entry that cannot follow those before it.
    #[error("the ledger refuses an entry")]
    Illegal(#[source] ReplayError),
    /// It was opened for reading, or its file may not be written.
    #[error("the ledger {place} can only be read here")]
    ReadOnly {
        /// The ledger.
        place: String,
    },
    /// Somebody writes for longer than this run waits.
    #[error("the ledger {place} is being written by somebody else")]
    Busy {
        /// The ledger.
        place: String,
    },
    /// SQLite failed.
    #[error("could not {doing} the ledger {place}")]
    Store {
        /// The ledger.
        place: String,
        /// The operation: `read`, `write to` …
        doing: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// An entry could not be put into words.
    #[error("could not encode an entry of the ledger")]
    Encode(#[source] serde_json::Error),
    /// The file system failed.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The operation.
        doing: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl LedgerError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "ledger-missing",
            Self::Exists { .. } => "ledger-exists",
            Self::NilId => "ledger-nil-id",
            Self::OtherId { .. } => "ledger-other-id",
            Self::NotALedger { .. } => "ledger-not-a-ledger",
            Self::TooNew { .. } => "ledger-too-new",
            Self::Damaged { .. } => "ledger-damaged",
            Self::Held { .. } => "ledger-held",
            Self::Late => "ledger-late",
            Self::Conflict { .. } => "ledger-conflict",
            Self::Illegal(_) | Self::Unchecked { .. } => "ledger-illegal",
            Self::ReadOnly { .. } => "ledger-read-only",
            Self::Busy { .. } => "ledger-busy",
            Self::Store { .. } | Self::Encode(_) | Self::Io { .. } => "ledger-io",
        }
    }

    /// Whether the ledger is missing, another one, or in other hands: exit code 10.
    pub const fn is_exit_10(&self) -> bool {
        matches!(
            self,
            Self::Missing { .. }
                | Self::OtherId { .. }
                | Self::NotALedger { .. }
                | Self::Held { .. }
                | Self::Late
                | Self::Conflict { .. }
                | Self::Busy { .. }
        )
    }

    /// What to do next.
    pub fn next(&self) -> String {
        match self {
            Self::Missing { .. } => "make the fleet's ledger once with `espalier ledger create`, or put \
                the fleet's own file back; `--no-ledger` goes on with safe steps only, and `--sim` rehearses \
                without it"
                .to_owned(),
            Self::Exists { path } => format!(
                "a fleet has one ledger: look into this one with `espalier ledger check`, or move {} away \
                 if it is nothing",
                path.display()
            ),
            Self::NilId => {
                "write another `ledger.id` into the Fleet document; any random UUID will do".to_owned()
            }
            Self::OtherId { found, .. } => format!(
                "put the fleet's own ledger there, or correct `ledger.id` in the Fleet document if {found} \
                 is the fleet's"
            ),
            Self::NotALedger { .. } => "correct `ledger.sqlite.path` in the Fleet document".to_owned(),
            Self::TooNew { .. } => "use the espalier that wrote it, or a newer one".to_owned(),
            Self::Damaged { .. } => "run `espalier ledger check`, and put the last good copy of the file \
                back; nothing is written to this one"
                .to_owned(),
            Self::Held { .. } => {
                "wait until it has ended; the lock of a run that dies is free at once".to_owned()
            }
            Self::Late => "run it again: the new run begins with what is live now".to_owned(),
            Self::Conflict { .. } => {
                "run it again: a run begins by looking up what came of open intents".to_owned()
            }
            Self::Illegal(_) | Self::Unchecked { .. } => {
                "this is a fault of espalier: report it with `espalier journal`".to_owned()
            }
            Self::ReadOnly { .. } => "see whether you may write to its file and its folder".to_owned(),
            Self::Busy { .. } => "run it again in a moment".to_owned(),
            Self::Store { .. } | Self::Encode(_) | Self::Io { .. } => {
                "look at the cause: space on the disk, permissions, the file system".to_owned()
            }
        }
    }
}
