//! A folder, its services and its ledger, brought together for one run.
//!
//! ```text
//! folder ── manifest ─> Desired ─┐
//! services ── observe ─> Live ───┼─ plan::build ─> Plan ─ apply::Executor ─> ApplyReport
//! ledger ── view ────────────────┘
//! ```
//!
//! This is what `cli` drives and what a program that embeds espalier drives. It prints nothing,
//! reads no arguments, and gives a planner no writer.

mod applying;
mod error;
mod git;
mod reading;
mod services;
mod state;
mod worlds;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use applying::{Prepared, Readiness};
pub use error::EngineError;
pub use reading::Observed;
pub use state::{FolderState, Ledgering};
pub use worlds::{WorldChoice, WorldLock, forget, kept, seed};

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::apply::recover::recover;
use crate::diag::Diagnostics;
use crate::ledger::LedgerView;
use crate::manifest::{Allow, Loaded, Sources};
use crate::model::Name;
use crate::model::clock::Clock;
use crate::model::desired::Desired;
use crate::model::live::Unknown;
use crate::plan::build::{self, Input};
use crate::plan::{Plan, order};
use crate::progress::Progress;
use crate::rules;

/// What a run is told from outside.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The documents' folder.
    pub folder: PathBuf,
    /// What the runner allows documents to do.
    pub allow: Allow,
    /// Real services, or which simulated world.
    pub world: WorldChoice,
    /// Whether there is a ledger; without one only safe steps are done.
    pub ledger: bool,
    /// How long a run waits in all for what is expected.
    pub wait: Duration,
    /// An empty folder is no mistake.
    pub allow_empty: bool,
    /// What the run is called in the lock, e.g. `espalier apply`.
    pub command: String,
    /// The run may change a simulated world: it is locked and kept. Who only reads does neither.
    pub changes_world: bool,
    /// Where the simulator in this process writes its exchanges.
    pub record: Option<PathBuf>,
}

/// A folder that is open for a run.
pub struct Session {
    settings: Settings,
    desired: Desired,
    findings: Diagnostics,
    sources: Sources,
    services: BTreeMap<Name, Result<crate::apply::Service, Unknown>>,
    clock: Arc<dyn Clock>,
    world: worlds::Running,
    state: FolderState,
    stop: watch::Receiver<bool>,
}

/// Loads a folder and judges it; services are not needed. The findings hold everything, sorted by
/// nobody yet.
///
/// # Errors
/// [`EngineError::Folder`] where it cannot be read; [`EngineError::Empty`].
pub fn load(settings: &Settings, now: jiff::Timestamp) -> Result<Loaded, EngineError> {
    let mut loaded = crate::manifest::load(&settings.folder, settings.allow)?;
    if loaded.documents == 0 && !settings.allow_empty {
        return Err(EngineError::Empty(settings.folder.clone()));
    }
    loaded.diagnostics.extend(rules::check_documents(&loaded.desired, now));
    // Documents with a mistake are judged as far as they could be read, so that all is shown at once.
    loaded.diagnostics.extend(rules::check_documents(&loaded.doubtful, now));
    Ok(loaded)
}

impl Session {
    /// Opens a folder: reads it, starts or finds the services, opens the ledger for reading.
    ///
    /// # Errors
    /// [`EngineError::Manifests`] where a finding stops the folder; what the ledger or a simulator
    /// says. Credentials that cannot be had stop their connection only.
    pub async fn open(settings: Settings) -> Result<Self, EngineError> {
        let state = FolderState::of(&settings);
        state.stays_within(settings.allow)?;
        // A world's clock is known only once it runs, and it is made from the documents.
        let first = crate::manifest::load(&settings.folder, settings.allow)?;
        if first.documents == 0 && !settings.allow_empty {
            return Err(EngineError::Empty(settings.folder.clone()));
        }
        let Loaded { desired, doubtful, mut diagnostics, documents: _, sources } = first;
        if diagnostics.stop_the_folder() {
            // No world runs yet, so the rules that ask for the time get the machine's.
            for wishes in [&desired, &doubtful] {
                diagnostics.extend(rules::check_documents(wishes, jiff::Timestamp::now()));
            }
            return Err(EngineError::Manifests { findings: diagnostics, sources });
        }
        let world = worlds::Running::start(&settings, &state, &desired).await?;
        let clock = world.clock();
        diagnostics.extend(rules::check_documents(&desired, clock.now()));
        if diagnostics.stop_the_folder() {
            return Err(EngineError::Manifests { findings: diagnostics, sources });
        }
        let services = services::of(&settings, &desired, &world, &clock);
        // A switch that nobody holds.
        let (_, stop) = watch::channel(false);
        Ok(Self { settings, desired, findings: diagnostics, sources, services, clock, world, state, stop })
    }

    /// Gives the run a switch that ends it between two requests.
    pub fn stop_by(&mut self, stop: watch::Receiver<bool>) {
        self.stop = stop;
    }

    /// The documents.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// Findings over the documents.
    pub fn findings(&self) -> &Diagnostics {
        &self.findings
    }

    /// The texts of the documents, for snippets.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The clock of the services.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The folder's state: ledger and cache.
    pub fn state(&self) -> &FolderState {
        &self.state
    }

    /// The folder's git commit; `None` outside git.
    pub fn commit(&self) -> Option<String> {
        git::head(&self.settings.folder)
    }

    /// What the ledger knows; nothing with `--no-ledger`.
    ///
    /// # Errors
    /// What the ledger says: missing, another one, damaged (exit 10).
    pub fn view(&self) -> Result<LedgerView, EngineError> {
        match self.state.open_read_only(&self.desired, &self.clock)? {
            Some(ledger) => Ok(ledger.view(self.clock.now())?),
            None => Ok(LedgerView::none()),
        }
    }

    /// Reads the services and plans. Nothing is written anywhere.
    ///
    /// # Errors
    /// What the ledger says. Trouble with a service is in the plan, not here.
    pub async fn plan(&self, progress: &dyn Progress) -> Result<(Plan, Observed), EngineError> {
        let view = self.view()?;
        let observed = self.observe(&view, progress).await;
        let (view, _) = recover(&view, &observed.live, &observed.tokens, self.clock.now());
        let plan = self.build(&observed, &view)?;
        Ok((plan, observed))
    }

    fn build(&self, observed: &Observed, view: &LedgerView) -> Result<Plan, order::Cycle> {
        build::build(&Input {
            desired: &self.desired,
            live: &observed.live,
            ledger: view,
            findings: &self.findings,
            now: self.clock.now(),
        })
    }

    /// Ends the run: a simulated world is kept, its calls are written down.
    ///
    /// # Errors
    /// Where the world cannot be kept.
    pub async fn close(self) -> Result<(), EngineError> {
        self.world.stop(&self.state).await
    }
}
