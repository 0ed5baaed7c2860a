//! Why a run cannot go on at all. Trouble with one service stays in its plan.

use std::path::PathBuf;

use super::{ActingError, NarrowingError};
use crate::diag::Diagnostics;
use crate::ledger::LedgerError;
use crate::manifest::{LoadError, Sources};
use crate::plan::file::PlanFileError;
use crate::plan::order::Cycle;
use crate::sim::SimError;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The folder cannot be read (exit 3).
    #[error(transparent)]
    Folder(#[from] LoadError),
    /// The folder has no documents (exit 3).
    #[error("there are no documents in {}", .0.display())]
    Empty(PathBuf),
    /// Findings stop the folder (exit 3).
    #[error("the documents are not in order")]
    Manifests {
        /// The findings.
        findings: Diagnostics,
        /// The texts, for snippets.
        sources: Sources,
    },
    /// The run cannot be narrowed as it was told (exit 64).
    #[error(transparent)]
    Narrowing(#[from] NarrowingError),
    /// The ledger is missing, another one, held, or damaged.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The simulator cannot run.
    #[error(transparent)]
    Sim(#[from] SimError),
    /// The ledger is a file that git tracks (exit 10): any commit could replace what it remembers,
    /// and with it the gates in force.
    #[error("the ledger {} is tracked by git, so that a commit could replace what it remembers", .0.display())]
    TrackedLedger(PathBuf),
    /// Another process changes the folder's simulated world (exit 10).
    #[error("another process works on the simulated world of this folder: {0}")]
    WorldHeld(String),
    /// A file of the simulated world cannot be used.
    #[error("{} cannot be used as a world: {reason}", path.display())]
    World {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A file of the folder's state cannot be written or read.
    #[error("{} cannot be read or written", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A saved plan is not applied (exit 5).
    #[error(transparent)]
    PlanFile(#[from] PlanFileError),
    /// What a saved plan rests on has changed (exit 5).
    #[error("the plan is stale; these changed since it was made: {}", .0.join(", "))]
    Stale(Vec<String>),
    /// The plan has another digest than the one expected (exit 5).
    #[error("the plan's digest is {found}, not {expected}")]
    OtherDigest {
        /// What it is.
        found: String,
        /// What was expected.
        expected: String,
    },
    /// A saved plan is older than what was applied (exit 5).
    #[error("the plan was made at commit {plan}, and a later one, {applied}, has been applied since")]
    OlderThanApplied {
        /// The plan's commit.
        plan: String,
        /// The last one applied in full.
        applied: String,
    },
    /// What a person asks for about an act is not done.
    #[error(transparent)]
    Acting(#[from] ActingError),
    /// A mistake of this program.
    #[error(transparent)]
    Cycle(#[from] Cycle),
}

impl EngineError {
    /// The exit code of design section 6.
    pub fn exit_code(&self) -> u8 {
        match self {
            EngineError::Folder(_) | EngineError::Empty(_) | EngineError::Manifests { .. } => 3,
            EngineError::Narrowing(_) | EngineError::Acting(ActingError::Unknown(_)) => 64,
            EngineError::Ledger(error) if error.is_exit_10() => 10,
            EngineError::WorldHeld(_) | EngineError::TrackedLedger(_) => 10,
            EngineError::PlanFile(_)
            | EngineError::Stale(_)
            | EngineError::OtherDigest { .. }
            | EngineError::OlderThanApplied { .. } => 5,
            EngineError::Acting(ActingError::NoLedger) => 10,
            EngineError::Acting(ActingError::NotOpened(_)) => 4,
            EngineError::Acting(_)
            | EngineError::Ledger(_)
            | EngineError::Sim(_)
            | EngineError::World { .. }
            | EngineError::State { .. }
            | EngineError::Cycle(_) => 1,
        }
    }

    /// The stable code; `espalier explain` tells more of it.
    pub const fn code(&self) -> &'static str {
        match self {
            EngineError::Folder(error) => error.code(),
            EngineError::Empty(_) => "folder-empty",
            EngineError::Manifests { .. } => "documents-refused",
            EngineError::Ledger(error) => error.code(),
            EngineError::Sim(error) => error.code(),
            EngineError::TrackedLedger(_) => "ledger-tracked",
            EngineError::WorldHeld(_) => "world-held",
            EngineError::World { .. } => "world-unusable",
            EngineError::State { .. } => "state-io",
            EngineError::PlanFile(error) => error.code(),
            EngineError::Stale(_) => "plan-stale",
            EngineError::OtherDigest { .. } => "plan-other-digest",
            EngineError::OlderThanApplied { .. } => "plan-older",
            EngineError::Acting(error) => error.code(),
            EngineError::Cycle(_) => "steps-in-a-circle",
            EngineError::Narrowing(_) => "narrowed-to-nothing",
        }
    }

    /// What to do next.
    pub fn next(&self) -> String {
        match self {
            EngineError::Folder(LoadError::Within { .. }) => {
                "see who may read it, or move it out of the folder: what it wishes is unknown, not nothing"
                    .to_owned()
            }
            EngineError::Folder(LoadError::Outside(_)) => {
                "put there what it leads to, or let the runner allow it with ESPALIER_ALLOW=files".to_owned()
            }
            EngineError::Folder(LoadError::Folder { source, .. })
                if source.kind() == std::io::ErrorKind::NotADirectory =>
            {
                "name the folder that it is in: all documents below a folder are read together".to_owned()
            }
            EngineError::Folder(_) => "name the folder with the documents, or run `espalier init`".to_owned(),
            EngineError::Empty(_) => {
                "name the folder with the documents, or run `espalier init`; an empty folder on purpose needs --dangerous-allow-empty".to_owned()
            }
            EngineError::Manifests { .. } => "mend the documents; `espalier validate` shows this again".to_owned(),
            EngineError::Acting(error) => error.next(),
            EngineError::Narrowing(error) => error.next().to_owned(),
            EngineError::Ledger(error) => error.next(),
            EngineError::Sim(SimError::Remote { .. }) => {
                "start one with `espalier sim serve`, and name the `control` address that it prints".to_owned()
            }
            EngineError::Sim(SimError::Listen { .. } | SimError::NoPorts { .. }) => {
                "choose other ports with --ports-from, or leave it out for free ones".to_owned()
            }
            EngineError::Sim(SimError::Record { .. }) => {
                "name a file in a folder that is there, with --record or ESPALIER_SIM_RECORD".to_owned()
            }
            EngineError::Sim(SimError::Persist { .. }) => {
                "see who may write there, and whether the disk has room".to_owned()
            }
            EngineError::TrackedLedger(path) => format!(
                "take it out of git (`git rm --cached {}`), keep .espalier/ in .gitignore, and find out who put it there",
                path.display()
            ),
            EngineError::WorldHeld(_) => {
                "wait for its end; to work with a running `sim serve`, say --sim=URL with its control address".to_owned()
            }
            EngineError::World { .. } => "a world is what the simulator's `GET /world` returns".to_owned(),
            EngineError::State { path, source } if source.kind() == std::io::ErrorKind::NotFound => {
                format!("see whether {} is the right path", path.display())
            }
            EngineError::State { .. } => "see who may read and write there".to_owned(),
            EngineError::PlanFile(_) | EngineError::Stale(_) | EngineError::OlderThanApplied { .. } => {
                "run `espalier plan -o FILE` again, look at it, and apply that".to_owned()
            }
            EngineError::OtherDigest { .. } => "look at the new plan, then name its digest".to_owned(),
            EngineError::Cycle(_) => "this is a mistake of espalier: report it with your plan".to_owned(),
        }
    }
}
