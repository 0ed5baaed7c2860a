//! What stays between the runs of a daemon: the services, a simulated world, the clock.

use std::sync::Arc;
use std::time::Duration;

use super::services::Lasting;
use super::{EngineError, FolderState, Session, Settings, WorldChoice, worlds};
use crate::diag::Diagnostics;
use crate::manifest::{Loaded, Sources};
use crate::model::clock::Clock;
use crate::model::desired::Desired;
use crate::rules;

/// How long the pauses of one call may be in all. What a service asks for beyond that is left to
/// whoever runs again and again: a throttled tenant must not hold up the others.
const PATIENCE: Duration = Duration::from_secs(10);

/// Documents that were read and that nothing stops as a whole. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Documents {
    /// The wishes.
    pub desired: Arc<Desired>,
    /// Findings of the reading; what rules say depends on the day and is not among them.
    pub findings: Diagnostics,
    /// The texts, for snippets.
    pub sources: Arc<Sources>,
}

/// A folder and its services, ready for any number of runs one after the other.
pub struct Host {
    settings: Settings,
    state: FolderState,
    world: Arc<worlds::Running>,
    clock: Arc<dyn Clock>,
    /// Sessions and bearers at Apple last from one run to the next.
    lasting: Lasting,
}

impl Host {
    /// Reads the folder for the first time and starts, or finds, the services.
    ///
    /// # Errors
    /// See [`Session::open`].
    pub async fn start(settings: Settings) -> Result<(Self, Documents), EngineError> {
        let state = FolderState::of(&settings);
        state.stays_within(settings.allow)?;
        let documents = read(&settings, jiff::Timestamp::now())?;
        let world = Arc::new(worlds::Running::start(&settings, &state, &documents.desired).await?);
        let clock = world.clock();
        let lasting = Lasting::default();
        Ok((Self { settings, state, world, clock, lasting }, documents))
    }

    /// Reads the folder anew.
    ///
    /// # Errors
    /// [`EngineError::Manifests`] with all findings; a folder that cannot be read or is empty.
    pub fn read(&self) -> Result<Documents, EngineError> {
        self.state.stays_within(self.settings.allow)?;
        read(&self.settings, self.clock.now())
    }

    /// A run over documents that were read before. A simulated world in this process gets what they
    /// name and it lacks.
    ///
    /// # Errors
    /// [`EngineError::Manifests`]
    pub async fn session(&self, documents: &Documents) -> Result<Session, EngineError> {
        self.world.add(&documents.desired);
        let (settings, world) = (self.settings.clone(), Arc::clone(&self.world));
        Session::over(settings, self.state.clone(), world, documents, PATIENCE, &self.lasting).await
    }

    /// The settings of all runs.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The clock of the services.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The control address of the simulator; `None` for the vendors' own services.
    pub fn control(&self) -> Option<String> {
        self.world.control()
    }

    /// Whether the services' clock is the machine's.
    pub fn is_real(&self) -> bool {
        self.settings.world == WorldChoice::Real
    }

    /// Whether a simulator runs in this process.
    pub fn control_is_here(&self) -> bool {
        matches!(self.settings.world, WorldChoice::Kept | WorldChoice::From(_))
    }

    /// Brings the clock of a simulator elsewhere up to date.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn refresh_clock(&self) -> Result<(), EngineError> {
        self.world.refresh().await
    }

    /// Ends it: a simulated world is kept, its calls are written down.
    ///
    /// # Errors
    /// Where the world cannot be kept.
    pub async fn stop(self) -> Result<(), EngineError> {
        match Arc::into_inner(self.world) {
            Some(world) => world.stop(&self.state).await,
            None => Ok(()),
        }
    }
}

fn read(settings: &Settings, now: jiff::Timestamp) -> Result<Documents, EngineError> {
    let loaded = crate::manifest::load(&settings.folder, settings.allow)?;
    let Loaded { desired, doubtful, diagnostics, documents, sources } = loaded;
    if documents == 0 && !settings.allow_empty {
        return Err(EngineError::Empty(settings.folder.clone()));
    }
    let mut judged = diagnostics.clone();
    judged.extend(rules::check_documents(&desired, now));
    if judged.stop_the_folder() {
        judged.extend(rules::check_documents(&doubtful, now));
        return Err(EngineError::Manifests { findings: judged, sources });
    }
    Ok(Documents { desired: Arc::new(desired), findings: diagnostics, sources: Arc::new(sources) })
}
