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

mod acting;
mod acts;
mod apple;
mod applying;
mod credentials;
mod direct;
mod error;
mod git;
mod host;
pub mod inventory;
mod narrowing;
pub mod organisations;
mod reading;
mod reading_apple;
mod reading_direct;
mod services;
mod state;
mod tokens;
mod worlds;
mod written;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use acting::ActingError;
pub use applying::{Allowed, Look, Prepared, Readiness};
pub use direct::ELSEWHERE;
pub use error::EngineError;
pub use host::{Documents, Host};
pub use narrowing::{InvalidLabelTerm, LabelTerm, Narrowing, NarrowingError, Selection};
pub use reading::{Observed, Wants};
pub use state::{FolderState, Ledgering};
pub use tokens::{Intune, Recorder, TrialError};
pub use worlds::{WorldChoice, WorldLock, forget, kept, seed};

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

use direct::Maker;
use services::{Lasting, Services};

use crate::apply::recover::{Recovery, recover};
use crate::diag::{Diagnostics, Severity};
use crate::ledger::{Event, LedgerView, Server};
use crate::manifest::{Allow, Loaded, Sources};
use crate::model::clock::{Clock, Timestamp};
use crate::model::desired::Desired;
use crate::model::live::Unknown;
use crate::model::{Name, Realm, Scope};
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
    /// What the run is narrowed to.
    pub narrowing: Narrowing,
}

/// A folder that is open for a run.
pub struct Session {
    settings: Settings,
    desired: Arc<Desired>,
    scope: Scope,
    findings: Diagnostics,
    sources: Arc<Sources>,
    services: BTreeMap<Realm, Result<crate::apply::Service, Unknown>>,
    organisations: BTreeMap<Realm, Result<apple::AppleClient, Unknown>>,
    clock: Arc<dyn Clock>,
    world: Arc<worlds::Running>,
    state: FolderState,
    stop: watch::Receiver<bool>,
    wants: Wants,
    /// How old the devices of an organisation may be that a plan rests on.
    max_age: Option<Duration>,
    /// Organisations that failed lately, and until when they are left alone.
    left_alone: BTreeMap<Name, Timestamp>,
    /// The one document of an action that the run is about; `None`: it is about everything.
    only: Option<Name>,
    /// Why newer documents than these cannot be acted upon.
    distrusted: Option<String>,
}

/// Loads a folder and judges it; services are not needed. The findings hold everything, sorted by
/// nobody yet.
///
/// # Errors
/// [`EngineError::Folder`] where it cannot be read; [`EngineError::Empty`].
pub fn load(settings: &Settings, now: jiff::Timestamp) -> Result<Loaded, EngineError> {
    Ok(with_rules(settings, read(settings)?, now))
}

fn read(settings: &Settings) -> Result<Loaded, EngineError> {
    let loaded = crate::manifest::load(&settings.folder, settings.allow)?;
    match loaded.documents == 0 && !settings.allow_empty {
        true => Err(EngineError::Empty(settings.folder.clone())),
        false => Ok(loaded),
    }
}

fn with_rules(settings: &Settings, mut loaded: Loaded, now: Timestamp) -> Loaded {
    loaded.diagnostics.extend(judged(settings, &loaded.desired, now));
    // Documents with a mistake are judged as far as they could be read, so that all is shown at once.
    loaded.diagnostics.extend(judged(settings, &loaded.doubtful, now));
    loaded.diagnostics = rules::fold_documents(loaded.diagnostics, &loaded.desired, now);
    loaded
}

/// What time it is for a folder: the machine's clock, or that of its simulated world, which is not started.
///
/// # Errors
/// A world that cannot be read; a simulator that does not answer.
pub async fn time(settings: &Settings, loaded: &Loaded) -> Result<Timestamp, EngineError> {
    worlds::time(settings, &FolderState::of(settings), &[&loaded.desired, &loaded.doubtful]).await
}

/// [`load`] by the clock that [`time`] tells.
///
/// # Errors
/// As these.
pub async fn load_by_its_clock(settings: &Settings) -> Result<Loaded, EngineError> {
    let loaded = read(settings)?;
    let now = time(settings, &loaded).await?;
    Ok(with_rules(settings, loaded, now))
}

/// What the rules say of documents at an instant. In a simulated world the way to a later one is to step it.
fn judged(settings: &Settings, desired: &Desired, now: Timestamp) -> Diagnostics {
    let found = rules::check_documents(desired, now);
    if !settings.world.is_simulated() {
        return found;
    }
    let mut told = Diagnostics::default();
    for mut finding in found.into_vec() {
        if finding.next == crate::escrow::NOT_YET {
            finding.next = "let the world's clock go on with `espalier sim step DURATION`, or name a certificate that is valid by then"
                .to_owned();
        }
        told.push(finding);
    }
    told
}

/// Looks up what earlier runs left open, as far as this one has looked: of what lies outside of its
/// scope nothing was read, and nothing can be told.
fn recovered(
    view: &LedgerView,
    scope: &Scope,
    observed: &Observed,
    now: Timestamp,
) -> (LedgerView, Recovery) {
    let mut view = view.clone();
    // What was asked about servers counts at once; a run that may write records it.
    view.servers.extend(observed.servers.iter().filter_map(known_server));
    if scope.is_whole() {
        return recover(&view, &observed.live, &observed.tokens, now);
    }
    let (inside, outside) =
        view.unsettled.iter().cloned().partition(|intent| scope.holds(intent.address.domain()));
    let view = LedgerView { unsettled: inside, ..view.clone() };
    let (mut view, recovery) = recover(&view, &observed.live, &observed.tokens, now);
    view.unsettled.extend::<Vec<_>>(outside);
    view.unsettled.sort_by_key(|intent| intent.id);
    (view, recovery)
}

fn known_server(event: &Event) -> Option<(Name, Server)> {
    let Event::ServerKnown { token, token_id, server, name, org, apple_id, credentials } = event.clone()
    else {
        return None;
    };
    Some((token.name, Server { token_id, server, name, org, apple_id, credentials }))
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
            // Without the time, what depends on it would be told wrongly.
            if let Ok(now) = worlds::time(&settings, &state, &[&desired, &doubtful]).await {
                for wishes in [&desired, &doubtful] {
                    diagnostics.extend(judged(&settings, wishes, now));
                }
            }
            return Err(EngineError::Manifests { findings: diagnostics, sources });
        }
        let world = Arc::new(worlds::Running::start(&settings, &state, &desired).await?);
        let documents =
            Documents { desired: Arc::new(desired), findings: diagnostics, sources: Arc::new(sources) };
        Self::over(settings, state, world, &documents, services::PATIENCE, &Lasting::default()).await
    }

    /// A run over documents that were read before, at services that are there. `patience` bounds the
    /// pauses of one call.
    async fn over(
        settings: Settings,
        state: FolderState,
        world: Arc<worlds::Running>,
        documents: &Documents,
        patience: Duration,
        kept: &Lasting,
    ) -> Result<Self, EngineError> {
        let clock = world.clock();
        let Documents { desired, findings, sources } = documents.clone();
        let mut findings = findings;
        findings.extend(judged(&settings, &desired, clock.now()));
        if findings.stop_the_folder() {
            let sources = Arc::unwrap_or_clone(sources);
            return Err(EngineError::Manifests { findings, sources });
        }
        let scope = settings.narrowing.scope(&[&desired])?;
        let maker =
            Maker { settings: &settings, state: &state, world: &world, clock: &clock, patience, kept };
        // Those that a command may ask to be shown cost nothing before they are called; a key that cannot
        // be had for one of them is told only where it is shown.
        let also = match scope.is_whole() {
            true => desired.organisations.keys().cloned().collect(),
            false => BTreeSet::new(),
        };
        let Services { tokens: services, organisations } =
            services::of(&desired, &scope, &also, &maker, &mut findings).await;
        // A switch that nobody holds.
        let (_, stop) = watch::channel(false);
        let wants = Wants::default();
        Ok(Self {
            settings,
            desired,
            scope,
            findings,
            sources,
            services,
            organisations,
            clock,
            world,
            state,
            stop,
            wants,
            max_age: None,
            left_alone: BTreeMap::new(),
            only: None,
            distrusted: None,
        })
    }

    /// Confines the run to some tokens: others are neither read nor planned, and what it leaves in
    /// the ledger says nothing of the folder as a whole.
    pub fn confine(&mut self, tokens: BTreeSet<Name>) {
        self.scope = Scope::of(tokens);
    }

    /// Says that there are newer documents than these, which cannot be read or do not validate: what was sent to
    /// devices is followed, and nothing new is.
    pub fn distrust(&mut self, why: &str) {
        self.distrusted = Some(why.to_owned());
    }

    /// Makes the run about one `DeviceAction` document: everything is read and judged, no step is carried out,
    /// and only this document's acts are bound and sent.
    pub fn only_act(&mut self, action: &Name) {
        self.only = Some(action.clone());
    }

    /// Gives the run a switch that ends it between two requests.
    pub fn stop_by(&mut self, stop: watch::Receiver<bool>) {
        self.stop = stop;
    }

    /// Has more read than the documents need, from now on.
    pub fn also_read(&mut self, wants: Wants) {
        self.wants = wants;
    }

    /// Lets plans rest on what an earlier run read of organisations at Apple, if it is no older than this
    /// (`--max-age`). What is carried out never does.
    pub fn reuse(&mut self, max_age: Duration) {
        self.max_age = Some(max_age);
    }

    /// Leaves organisations at Apple alone that failed lately: what they hold is unknown, unless an
    /// earlier read will do, and everything else goes on.
    pub fn leave_alone(&mut self, until: BTreeMap<Name, Timestamp>) {
        self.left_alone = until;
    }

    /// The documents.
    pub fn desired(&self) -> &Desired {
        &self.desired
    }

    /// The tokens that the run works on.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a rule refuses something that the run works on and that, by its plan, does not stand
    /// at the service already.
    pub fn refuses(&self, plan: &Plan) -> bool {
        let (standing, holds) = (plan.standing(), |token: &Name| self.scope.holds(token));
        self.findings.iter().any(|finding| {
            finding.severity == Severity::Refuse
                && finding.concerns(holds)
                && !standing.covers(finding, holds)
        })
    }

    /// Findings over the documents.
    pub fn findings(&self) -> &Diagnostics {
        &self.findings
    }

    /// What each connection was called for, and what it asked for; only those that can be called.
    pub fn meters(&self) -> impl Iterator<Item = (&Realm, &crate::http::meter::Meter)> {
        let services = self.services.iter();
        let organisations = self.organisations.iter();
        services.filter_map(|(name, service)| Some((name, service.as_ref().ok()?.observer.meter()))).chain(
            organisations.filter_map(|(name, client)| Some((name, client.as_ref().ok()?.observer.meter()))),
        )
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
        let observed = self.observe(&view, &self.scope, progress).await;
        let (view, _) = recovered(&view, &self.scope, &observed, self.clock.now());
        let plan = self.build(&observed, &view)?;
        Ok((plan, observed))
    }

    fn build(&self, observed: &Observed, view: &LedgerView) -> Result<Plan, order::Cycle> {
        build::build(&self.input(observed, view))
    }

    fn input<'a>(&'a self, observed: &'a Observed, view: &'a LedgerView) -> Input<'a> {
        Input {
            desired: &self.desired,
            live: &observed.live,
            ledger: view,
            findings: &self.findings,
            scope: &self.scope,
            origin: &observed.origin,
            offered: &observed.offered,
            now: self.clock.now(),
        }
    }

    /// Ends the run: a simulated world is kept, its calls are written down.
    ///
    /// # Errors
    /// Where the world cannot be kept.
    pub async fn close(self) -> Result<(), EngineError> {
        // A world that somebody else holds as well goes on.
        match Arc::into_inner(self.world) {
            Some(world) => world.stop(&self.state).await,
            None => Ok(()),
        }
    }
}
