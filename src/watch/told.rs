//! What a watch tells while it runs, as data: `cli` shows it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::backoff::Domain;
use super::queue::Why;
use crate::apply::ApplyReport;
use crate::diag::Diagnostics;
use crate::engine::EngineError;
use crate::manifest::Sources;
use crate::model::Name;
use crate::model::clock::Timestamp;
use crate::model::desired::Watch;
use crate::plan::Step;
use crate::plan::file::SavedPlan;

/// One thing that happened.
#[derive(Debug)]
pub enum Told {
    /// The watch began.
    Started {
        /// How many tokens documents name.
        tokens: usize,
        /// The switches.
        switches: Watch,
        /// Why the system gives no notices of some files, where that is so: they are looked at by a
        /// timer only.
        deaf: Option<String>,
    },
    /// Documents changed and are in force from now on.
    Documents {
        /// The tokens on which they wish something else; those that are looked at.
        concerned: BTreeSet<Name>,
    },
    /// The newest documents are not in order; the last good ones stay in force.
    Invalid {
        /// For these tokens only, because rules refuse something that concerns no other; empty: for all.
        tokens: BTreeSet<Name>,
        /// Everything that is wrong.
        findings: Diagnostics,
        /// Their texts.
        sources: Sources,
    },
    /// The newest documents cannot be read at all; likewise.
    Unreadable {
        /// Why.
        error: EngineError,
    },
    /// A look at some tokens began.
    Looking {
        /// The tokens.
        tokens: BTreeSet<Name>,
        /// Why.
        why: BTreeSet<Why>,
    },
    /// The plan of the documents.
    Plan {
        /// The plan.
        plan: Box<SavedPlan>,
        /// It was told before, word for word.
        repeated: bool,
    },
    /// Something moved outside.
    Drift {
        /// What would put it back.
        steps: Vec<Step>,
        /// Steps of the plan that may be drift or a new wish.
        undecided: Vec<String>,
        /// It is put back now.
        heals: bool,
        /// It was told before, word for word.
        repeated: bool,
    },
    /// Something was applied.
    Applied {
        /// Only what moved outside was put back.
        healed: bool,
        /// The digest of what was applied.
        digest: String,
        /// What came of it.
        report: ApplyReport,
    },
    /// A domain failed and is left alone for a while.
    Held {
        /// The domain.
        domain: Domain,
        /// What happened.
        reason: String,
        /// What a person can do.
        next: String,
        /// When it is tried again, by the clock of the services.
        until: Timestamp,
    },
    /// Nothing could be done at all: another run holds the lock, or the ledger cannot be used.
    Retry {
        /// Why.
        error: EngineError,
        /// When it is tried again, by the machine's clock.
        after: Duration,
    },
    /// A look came to its end.
    Looked {
        /// The tokens.
        tokens: BTreeSet<Name>,
        /// Steps that are planned and were not done.
        planned: usize,
        /// Steps among them that would put back what moved outside.
        drift: usize,
        /// Domains and objects that are blocked.
        blocked: usize,
        /// How long it took, by the machine's clock.
        took: Duration,
        /// When the next full look is due, by the clock of the services.
        resync: Timestamp,
    },
    /// It was told to end, and does so after the request that is under way.
    Stopping,
}
