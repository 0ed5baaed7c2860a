//! Real services, or a simulated world: kept in the folder, given as a file, or running elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use url::Url;

use super::{EngineError, FolderState, Settings};
use crate::http::Reach;
use crate::model::clock::{Clock, SystemClock, Timestamp};
use crate::model::desired::Desired;
use crate::sim::{Options, RemoteSim, Seed, SeedTenant, SeedToken, Sim, SimError, World};

/// Where a run finds its services.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorldChoice {
    /// The vendors' own.
    Real,
    /// `--sim`: in this process, over the world that the folder keeps.
    Kept,
    /// `--sim=WORLD.json`: likewise, over a world that begins as the file says.
    From(PathBuf),
    /// `--sim=URL`: a running one, by its control address.
    At(Url),
}

impl WorldChoice {
    /// Whether it is not the real one.
    pub fn is_simulated(&self) -> bool {
        *self != WorldChoice::Real
    }
}

/// The services of a run.
pub(super) enum Running {
    Real,
    Here {
        sim: Box<Sim>,
        /// Held until the world is kept.
        _lock: Option<WorldLock>,
    },
    At {
        remote: RemoteSim,
        client: reqwest::Client,
    },
}

/// The file of [`WorldLock`].
const LOCK: &str = "world.lock";

/// The instant at which every simulated world begins.
const BEGINNING: &str = "2026-11-02T08:00:00Z";

impl Running {
    /// Starts, or finds, the services.
    pub async fn start(
        settings: &Settings,
        state: &FolderState,
        desired: &Desired,
    ) -> Result<Self, EngineError> {
        match &settings.world {
            WorldChoice::Real => return Ok(Running::Real),
            WorldChoice::At(url) => {
                let client = crate::http::client(Reach::Loopback)
                    .map_err(|source| SimError::Remote { address: url.to_string(), source })?;
                let remote = RemoteSim::connect_by(client.clone(), url.as_str()).await?;
                return Ok(Running::At { remote, client });
            }
            WorldChoice::Kept | WorldChoice::From(_) => {}
        };
        let lock =
            if settings.changes_world { Some(WorldLock::hold(state, &settings.command)?) } else { None };
        let world = match &settings.world {
            WorldChoice::From(path) => from_file(state, desired, path)?,
            _ => kept(state, desired)?,
        };
        let mut options = Options::new(world);
        options.record = settings.record.clone();
        // Who only reads keeps nothing, so that any number may look at once.
        options.persist = lock.is_some().then(|| state.world_file());
        let sim = Box::new(Sim::start(options).await?);
        Ok(Running::Here { sim, _lock: lock })
    }

    /// The clock of the services.
    pub fn clock(&self) -> Arc<dyn Clock> {
        match self {
            Running::Real => Arc::new(SystemClock),
            Running::Here { sim, .. } => sim.clock(),
            Running::At { remote, .. } => remote.clock(),
        }
    }

    /// Graph's and the token service's address; `None` for the vendors' own.
    pub fn addresses(&self) -> Option<(Url, Url)> {
        let addresses = match self {
            Running::Real => return None,
            Running::Here { sim, .. } => sim.addresses(),
            Running::At { remote, .. } => remote.services(),
        };
        Some((Url::parse(&addresses.graph).ok()?, Url::parse(&addresses.login).ok()?))
    }

    /// The HTTP client that found a simulator elsewhere: its services are called with it too.
    pub fn client(&self) -> Option<reqwest::Client> {
        match self {
            Running::At { client, .. } => Some(client.clone()),
            Running::Real | Running::Here { .. } => None,
        }
    }

    /// Ends the run: the world is kept, and what was asked of it written down.
    pub async fn stop(self, state: &FolderState) -> Result<(), EngineError> {
        let Running::Here { sim, _lock } = self else { return Ok(()) };
        let calls = serde_json::to_string_pretty(&sim.calls()).unwrap_or_default();
        write(&state.calls_file(), calls.as_bytes())?;
        sim.stop().await?;
        Ok(())
    }
}

/// The right to change the world that a folder keeps: two processes that did would each write over
/// what the other has done. The system frees it with the process.
#[derive(Debug)]
pub struct WorldLock(#[allow(dead_code, reason = "it is held, not read")] fs::File);

impl WorldLock {
    /// Takes the right; `command` is told to those who come later.
    ///
    /// # Errors
    /// [`EngineError::WorldHeld`], with who holds it; a file that cannot be made.
    pub fn hold(state: &FolderState, command: &str) -> Result<Self, EngineError> {
        prepare(state)?;
        let path = state.sim_dir().join(LOCK);
        let failed = |source| EngineError::State { path: path.clone(), source };
        let mut file = fs::File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let holder = fs::read_to_string(&path).unwrap_or_default();
                return Err(EngineError::WorldHeld(holder.trim().to_owned()));
            }
            Err(fs::TryLockError::Error(source)) => return Err(failed(source)),
        }
        file.set_len(0).map_err(failed)?;
        let holder = format!("`{command}`, process {}", std::process::id());
        std::io::Write::write_all(&mut file, holder.as_bytes()).map_err(failed)?;
        Ok(Self(file))
    }
}

/// The world that the folder keeps, made from the documents at first; later documents only add.
pub fn kept(state: &FolderState, desired: &Desired) -> Result<World, EngineError> {
    let seed = seed(desired);
    let path = state.world_file();
    if path.exists() {
        let mut world = read_world(&path)?;
        world.add(&seed);
        return Ok(world);
    }
    prepare(state)?;
    Ok(World::from_seed(&seed))
}

/// A world that begins as a file says. The folder keeps what becomes of it apart from every other
/// world, so that a later run with the same file goes on.
fn from_file(state: &FolderState, desired: &Desired, path: &Path) -> Result<World, EngineError> {
    let mut world = match state.world_file().exists() {
        true => read_world(&state.world_file())?,
        false => read_world(path)?,
    };
    world.add(&seed(desired));
    prepare(state)?;
    Ok(world)
}

/// Discards the simulator's world, ledger and cache (`sim reset`).
///
/// # Errors
/// Where the files cannot be removed.
pub fn forget(state: &FolderState) -> Result<(), EngineError> {
    let dir = state.sim_dir();
    let failed = |source| EngineError::State { path: dir.clone(), source };
    let entries = match fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(source) if source.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(source) => return Err(failed(source)),
    };
    for entry in entries {
        let entry = entry.map_err(failed)?;
        // Taken away under its holder, the lock would be another one for those who come next.
        if entry.file_name() == LOCK {
            continue;
        }
        let is_folder = entry.file_type().map_err(failed)?.is_dir();
        let removed =
            if is_folder { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        removed.map_err(failed)?;
    }
    Ok(())
}

fn read_world(path: &Path) -> Result<World, EngineError> {
    let text =
        fs::read_to_string(path).map_err(|source| EngineError::State { path: path.to_owned(), source })?;
    World::from_json(text.as_bytes())
        .map_err(|error| EngineError::World { path: path.to_owned(), reason: error.to_string() })
}

fn prepare(state: &FolderState) -> Result<(), EngineError> {
    let dir = state.sim_dir();
    fs::create_dir_all(&dir).map_err(|source| EngineError::State { path: dir, source })
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), EngineError> {
    let state = |source| EngineError::State { path: path.to_owned(), source };
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(state)?;
    let mut file = tempfile::NamedTempFile::new_in(dir).map_err(state)?;
    std::io::Write::write_all(&mut file, bytes).map_err(state)?;
    file.persist(path).map_err(|error| state(error.error))?;
    Ok(())
}

/// Lowers documents to what a world begins with: their tokens, serials and scope tags exist, with
/// a fleet around them; their profiles and assignments do not.
pub fn seed(desired: &Desired) -> Seed {
    let mut tenants: Vec<SeedTenant> = Vec::new();
    for (name, token) in &desired.tokens {
        let Some(connection) = desired.connections.get(&token.connection) else { continue };
        let at = match tenants.iter().position(|tenant| tenant.tenant_id == connection.tenant_id) {
            Some(at) => at,
            None => {
                tenants.push(SeedTenant { tenant_id: connection.tenant_id.clone(), ..SeedTenant::default() });
                tenants.len() - 1
            }
        };
        let tags = token.scope_tags.set().cloned().unwrap_or_default();
        tenants[at].scope_tags.extend(tags.iter().filter(|tag| *tag != "Default").cloned());
        // A serial with several possible tokens is on the first of them.
        let serials = desired
            .assignments
            .values()
            .filter(|assignment| assignment.tokens.first() == Some(name))
            .flat_map(|assignment| assignment.devices.iter().map(|device| device.serial))
            .collect();
        tenants[at].tokens.push(SeedToken {
            name: token.identity.display_name.clone(),
            id: token.identity.id.clone(),
            serials,
            ..SeedToken::default()
        });
    }
    let text = tenants.iter().map(|tenant| tenant.tenant_id.as_str()).collect::<Vec<_>>().join(" ");
    let hash = openssl::sha::sha256(text.as_bytes());
    Seed {
        seed: u64::from_le_bytes(hash[..8].try_into().unwrap_or_default()),
        start: BEGINNING.parse().unwrap_or(Timestamp::UNIX_EPOCH),
        surroundings: true,
        tenants,
    }
}
