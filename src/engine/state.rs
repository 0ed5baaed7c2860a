//! What a folder keeps: the ledger and the cache, apart from each other, and the simulator's own.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{EngineError, Settings, WorldChoice, git};
use crate::cache::Cache;
use crate::ledger::Ledger;
use crate::manifest::{Allow, LoadError};
use crate::model::clock::{Clock, Timestamp};
use crate::model::desired::Desired;
use crate::plan::file::sha256;

/// Whose ledger a run uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ledgering {
    /// The fleet's own, made on purpose.
    Real,
    /// The simulator's, which makes itself.
    Simulated,
    /// None (`--no-ledger`).
    None,
}

/// Where a folder keeps its state. A simulator's never mixes with the real one.
#[derive(Clone, Debug)]
pub struct FolderState {
    folder: PathBuf,
    ledgering: Ledgering,
    simulated: bool,
    /// Of a world from a file: a folder of its own within the simulator's, named by its content, so
    /// that no world takes another one's objects for its own.
    own_world: Option<String>,
}

impl FolderState {
    /// The state of a run's folder.
    pub fn of(settings: &Settings) -> Self {
        let simulated = settings.world.is_simulated();
        let ledgering = match (settings.ledger, simulated) {
            (false, _) => Ledgering::None,
            (true, true) => Ledgering::Simulated,
            (true, false) => Ledgering::Real,
        };
        let own_world = match &settings.world {
            // A file that cannot be read is told when the world is made of it.
            WorldChoice::From(path) => {
                let hash = sha256(&std::fs::read_to_string(path).unwrap_or_default());
                Some(format!("world-{}", hash.trim_start_matches("sha256:").get(..16).unwrap_or_default()))
            }
            WorldChoice::Real | WorldChoice::Kept | WorldChoice::At(_) => None,
        };
        Self { folder: settings.folder.clone(), ledgering, simulated, own_world }
    }

    /// Refuses a state that a link takes out of the folder: the folder comes from others, and what a
    /// run keeps would be written wherever they like.
    ///
    /// # Errors
    /// [`LoadError::Outside`], unless the runner allows files outside.
    pub fn stays_within(&self, allow: Allow) -> Result<(), EngineError> {
        let Ok(root) = self.folder.canonicalize() else { return Ok(()) };
        let kept = [
            self.folder.join(".espalier"),
            self.all_worlds(),
            self.sim_dir(),
            self.tokens_dir(),
            self.devices_dir(),
        ];
        let leads_out = |path: &PathBuf| {
            let is_link = path.symlink_metadata().is_ok_and(|about| about.is_symlink());
            is_link && !path.canonicalize().is_ok_and(|real| real.starts_with(&root))
        };
        match kept.into_iter().find(leads_out) {
            Some(path) if !allow.files => Err(LoadError::Outside(path).into()),
            _ => Ok(()),
        }
    }

    /// Whose ledger the run uses.
    pub fn ledgering(&self) -> Ledgering {
        self.ledgering
    }

    /// Where the simulator keeps its world, ledger, cache and lock.
    pub fn sim_dir(&self) -> PathBuf {
        match &self.own_world {
            Some(own) => self.all_worlds().join(own),
            None => self.all_worlds(),
        }
    }

    /// Where every simulated world of the folder is kept.
    pub fn all_worlds(&self) -> PathBuf {
        self.folder.join(".espalier").join("sim")
    }

    /// The simulator's ledger.
    pub fn sim_ledger(&self) -> PathBuf {
        self.sim_dir().join("ledger.db")
    }

    /// Where key pairs wait for their `.p7m`; in a simulated world also the tokens that were imported.
    pub fn tokens_dir(&self) -> PathBuf {
        let within = if self.simulated { self.sim_dir() } else { self.folder.join(".espalier") };
        within.join("tokens")
    }

    /// The kept world.
    pub fn world_file(&self) -> PathBuf {
        self.sim_dir().join("world.json")
    }

    /// The calls of the last command.
    pub fn calls_file(&self) -> PathBuf {
        self.all_worlds().join("calls.json")
    }

    /// The cache; losing it costs a full read and nothing else.
    pub fn cache(&self) -> Cache {
        if self.simulated {
            Cache::load(&self.sim_dir())
        } else {
            Cache::load(&self.folder.join(".espalier"))
        }
    }

    /// Where the devices of direct tokens are kept between runs.
    pub fn devices_dir(&self) -> PathBuf {
        let within = if self.simulated { self.sim_dir() } else { self.folder.join(".espalier") };
        within.join("cache")
    }

    /// The path of the ledger in use.
    fn ledger_path(&self, desired: &Desired) -> Option<PathBuf> {
        // Only an empty folder has no fleet, and nothing to remember.
        let named = desired.fleet.ledger.as_ref()?;
        match self.ledgering {
            Ledgering::None => None,
            Ledgering::Simulated => Some(self.sim_ledger()),
            Ledgering::Real => Some(self.folder.join(&named.sqlite)),
        }
    }

    /// Opens the ledger for reading; a simulator's makes itself.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn open_read_only(
        &self,
        desired: &Desired,
        clock: &Arc<dyn Clock>,
    ) -> Result<Option<Ledger>, EngineError> {
        let Some(path) = self.ledger_path(desired) else { return Ok(None) };
        Ok(Some(match self.ledgering {
            Ledgering::Simulated => simulated(&path, desired, clock.now())?,
            Ledgering::Real | Ledgering::None => {
                self.refuse_tracked(&path)?;
                Ledger::open_read_only(&path, id_of(desired))?
            }
        }))
    }

    /// No commit may disarm its own gates: what git brings is no memory of the runner.
    fn refuse_tracked(&self, path: &Path) -> Result<(), EngineError> {
        match path.strip_prefix(&self.folder) {
            Ok(within) if git::tracks(&self.folder, within) => {
                Err(EngineError::TrackedLedger(within.to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Opens the ledger for writing.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn open(&self, desired: &Desired, clock: &Arc<dyn Clock>) -> Result<Option<Ledger>, EngineError> {
        let Some(path) = self.ledger_path(desired) else { return Ok(None) };
        Ok(Some(match self.ledgering {
            Ledgering::Simulated => simulated(&path, desired, clock.now())?,
            Ledgering::Real | Ledgering::None => {
                self.refuse_tracked(&path)?;
                Ledger::open(&path, id_of(desired))?
            }
        }))
    }
}

/// The fleet's ledger id. A folder without a `Fleet` does not get this far: one is required.
fn id_of(desired: &Desired) -> uuid::Uuid {
    desired.fleet.ledger.as_ref().map_or(uuid::Uuid::nil(), |ledger| ledger.id)
}

/// A simulator's ledger makes itself, with the fleet's id, born before anything in the folder.
fn simulated(path: &Path, desired: &Desired, now: Timestamp) -> Result<Ledger, EngineError> {
    let oldest = super::acts::requested(desired).map_or(now, |(oldest, _)| oldest.min(now));
    let born = oldest.checked_sub(jiff::SignedDuration::try_from(A_DAY).unwrap_or_default()).unwrap_or(now);
    Ok(Ledger::create_simulated(path, id_of(desired), born)?)
}

const A_DAY: Duration = Duration::from_secs(24 * 3600);
