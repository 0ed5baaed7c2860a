//! Real services, or a simulated world: kept in the folder, given as a file, or running elsewhere.

mod apple;
mod devices;

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use url::Url;

use super::{EngineError, FolderState, Settings};
use crate::http::Reach;
use crate::model::clock::{Clock, SystemClock, Timestamp};
use crate::model::desired::Desired;
use crate::model::platform::Platform;
use crate::model::value::Value;
use crate::model::{Edition, Name, Secret, Serial, ServerToken};
use crate::sim::apple::hardware::Family as SimFamily;
use crate::sim::world::Platform as SimPlatform;
use crate::sim::{
    Options, RemoteSim, Seed, SeedService, SeedTenant, SeedToken, SeedVppToken, Sim, SimError, World,
};

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
    Real {
        /// The HTTP client, once one was built: each costs the reading of the machine's certificates.
        client: OnceLock<reqwest::Client>,
    },
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

/// The instant at which simulated worlds begin whose folders ask for no act.
const BEGINNING: &str = "2026-11-02T08:00:00Z";

impl Running {
    /// Starts, or finds, the services.
    pub async fn start(
        settings: &Settings,
        state: &FolderState,
        desired: &Desired,
    ) -> Result<Self, EngineError> {
        match &settings.world {
            WorldChoice::Real => return Ok(Running::Real { client: OnceLock::new() }),
            WorldChoice::At(url) => {
                let client = crate::http::client(Reach::Loopback)
                    .map_err(|source| SimError::Remote { address: url.to_string(), source })?;
                let remote = RemoteSim::connect_by(client.clone(), url.as_str()).await?;
                return Ok(Running::At { remote, client });
            }
            WorldChoice::Kept | WorldChoice::From(_) => {}
        };
        if let WorldChoice::From(path) = &settings.world {
            // Else a file that is not there would pass for an empty one, whose world may be kept.
            let unread = |source| EngineError::State { path: path.clone(), source };
            fs::File::open(path).map_err(unread)?;
        }
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
            Running::Real { .. } => Arc::new(SystemClock),
            Running::Here { sim, .. } => sim.clock(),
            Running::At { remote, .. } => remote.clock(),
        }
    }

    /// Graph's and the token service's address; `None` for the vendors' own.
    pub fn addresses(&self) -> Option<(Url, Url)> {
        let addresses = match self {
            Running::Real { .. } => return None,
            Running::Here { sim, .. } => sim.addresses(),
            Running::At { remote, .. } => remote.services(),
        };
        Some((Url::parse(&addresses.graph).ok()?, Url::parse(&addresses.login).ok()?))
    }

    /// The address of Apple's enrollment service; `None` for the vendor's own.
    pub fn dep(&self) -> Option<Url> {
        let addresses = match self {
            Running::Real { .. } => return None,
            Running::Here { sim, .. } => sim.addresses(),
            Running::At { remote, .. } => remote.services(),
        };
        Url::parse(&addresses.dep).ok()
    }

    /// A name for Apple's enrollment service in a simulated world: what was read of one world is of no
    /// use in another. `None` for the vendor's own.
    pub fn dep_name(&self) -> Option<String> {
        match self {
            Running::Real { .. } => None,
            // Its ports change with every run; the folder keeps one such world.
            Running::Here { .. } => Some("simulated".to_owned()),
            Running::At { remote, .. } => Some(remote.services().dep.clone()),
        }
    }

    /// A name for the services of a world in this process, whose ports change with every run; `None` for
    /// the vendors' own and for a simulator elsewhere.
    pub fn here_name(&self) -> Option<String> {
        matches!(self, Running::Here { .. }).then(|| "simulated".to_owned())
    }

    /// The addresses of Apple's API for an edition and of its account service; `None` for the vendor's
    /// own.
    pub fn apple(&self, edition: Edition) -> Option<(Url, Url)> {
        let addresses = match self {
            Running::Real { .. } => return None,
            Running::Here { sim, .. } => sim.addresses(),
            Running::At { remote, .. } => remote.services(),
        };
        let api = match edition {
            Edition::Business => &addresses.business,
            Edition::School => &addresses.school,
        };
        Some((Url::parse(api).ok()?, Url::parse(&addresses.account).ok()?))
    }

    /// The private key of a simulated API account in PEM; `None` where there is no such account, or its
    /// key was given from outside.
    pub async fn api_key(&self, client_id: &str) -> Result<Option<Secret>, SimError> {
        let key = match self {
            Running::Real { .. } => None,
            Running::Here { sim, .. } => sim.api_key(client_id),
            Running::At { remote, .. } => remote.api_key(client_id).await?,
        };
        Ok(key.map(|key| Secret::new(key.private_key)))
    }

    /// The server token of a simulated service, by its UUID or name; `None` where there is none.
    pub async fn server_token(&self, service: &str) -> Result<Option<ServerToken>, SimError> {
        let token = match self {
            Running::Real { .. } => None,
            Running::Here { sim, .. } => sim.server_token(service),
            Running::At { remote, .. } => remote.server_token(service).await?,
        };
        Ok(token.map(|token| ServerToken {
            consumer_key: Secret::new(token.consumer_key),
            consumer_secret: Secret::new(token.consumer_secret),
            access_token: Secret::new(token.access_token),
            access_secret: Secret::new(token.access_secret),
            expires: Some(token.access_token_expiry),
        }))
    }

    /// The HTTP client that was built before, or that found a simulator elsewhere: its services are
    /// called with it too.
    pub fn client(&self) -> Option<reqwest::Client> {
        match self {
            Running::At { client, .. } => Some(client.clone()),
            Running::Real { client } => client.get().cloned(),
            // The one for this machine is shared by the whole process.
            Running::Here { .. } => None,
        }
    }

    /// Keeps a client for the runs to come.
    pub fn keep_client(&self, built: &reqwest::Client) {
        if let Running::Real { client } = self {
            // One that is there already is as good.
            let _ = client.set(built.clone());
        }
    }

    /// The simulator's control address; `None` for the vendors' own services.
    pub fn control(&self) -> Option<String> {
        match self {
            Running::Real { .. } => None,
            Running::Here { sim, .. } => Some(sim.addresses().control.clone()),
            Running::At { remote, .. } => Some(remote.services().control.clone()),
        }
    }

    /// Asks a simulator elsewhere for the time; others know theirs.
    pub async fn refresh(&self) -> Result<(), EngineError> {
        if let Running::At { remote, .. } = self {
            remote.refresh().await?;
        }
        Ok(())
    }

    /// Adds to a world in this process what new documents name; one elsewhere is somebody else's.
    pub fn add(&self, desired: &Desired) {
        if let Running::Here { sim, .. } = self {
            sim.with_world(|world| world.add(&additions(desired)));
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
    let path = state.world_file();
    if path.exists() {
        let mut world = read_world(&path)?;
        world.add(&additions(desired));
        return Ok(world);
    }
    prepare(state)?;
    Ok(World::from_seed(&seed(desired)))
}

/// A world that begins as a file says. The folder keeps what becomes of it apart from every other
/// world, so that a later run with the same file goes on.
fn from_file(state: &FolderState, desired: &Desired, path: &Path) -> Result<World, EngineError> {
    let mut world = match state.world_file().exists() {
        true => read_world(&state.world_file())?,
        false => read_world(path)?,
    };
    world.add(&additions(desired));
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

/// When a world begins: the folder fixes it, by the newest act that it asks for.
fn beginning(desired: &Desired) -> Timestamp {
    let newest = super::acts::requested(desired).map(|(_, newest)| newest);
    newest.unwrap_or_else(at_the_beginning)
}

/// What of a kept world tells the time; the rest, which may be large, is passed over.
#[derive(serde::Deserialize)]
struct Hands {
    now: Timestamp,
}

/// What time it is for a run, without a world being started: the machine's, or that of the simulated world, which
/// is the one it would begin with where it was not made yet.
///
/// # Errors
/// A world that cannot be read; a simulator that does not answer.
pub(super) async fn time(
    settings: &Settings,
    state: &FolderState,
    documents: &[&Desired],
) -> Result<Timestamp, EngineError> {
    let file = match &settings.world {
        WorldChoice::Real => return Ok(Timestamp::now()),
        WorldChoice::At(url) => {
            let client = crate::http::client(Reach::Loopback)
                .map_err(|source| SimError::Remote { address: url.to_string(), source })?;
            return Ok(RemoteSim::connect_by(client, url.as_str()).await?.clock().now());
        }
        WorldChoice::Kept | WorldChoice::From(_) if state.world_file().exists() => state.world_file(),
        WorldChoice::From(path) => path.clone(),
        WorldChoice::Kept => {
            let newest =
                documents.iter().filter_map(|one| super::acts::requested(one)).map(|(_, at)| at).max();
            return Ok(newest.unwrap_or_else(at_the_beginning));
        }
    };
    let text =
        fs::read_to_string(&file).map_err(|source| EngineError::State { path: file.clone(), source })?;
    let hands: Hands = serde_json::from_str(&text)
        .map_err(|error| EngineError::World { path: file, reason: error.to_string() })?;
    Ok(hands.now)
}

fn at_the_beginning() -> Timestamp {
    BEGINNING.parse().unwrap_or(Timestamp::UNIX_EPOCH)
}

/// What documents add to a world that is there already. A serial that only an act names is not made: a wrong one
/// would become a device.
fn additions(desired: &Desired) -> Seed {
    lowered(desired, false)
}

/// Lowers documents to what a world begins with: their tokens, serials, VPP tokens and scope tags
/// exist, with a fleet around them; their profiles and assignments do not.
pub fn seed(desired: &Desired) -> Seed {
    lowered(desired, true)
}

fn lowered(desired: &Desired, with_acts: bool) -> Seed {
    let mut tenants: Vec<SeedTenant> = Vec::new();
    let mut services: Vec<SeedService> = Vec::new();
    // What documents lead somewhere at Apple is not there yet.
    let routed = apple::routed(desired);
    for (name, token) in &desired.tokens {
        if token.realm.is_direct() {
            services.push(service(desired, name, &routed));
            continue;
        }
        let connection = token.realm.connection().and_then(|name| desired.connections.get(name));
        let Some(connection) = connection else { continue };
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
        let mut serials = Vec::new();
        let mut platforms = BTreeMap::new();
        for assignment in desired.assignments.iter().filter(|one| one.tokens.first() == Some(name)) {
            let platform = desired.profiles.get(&assignment.profile).map(|profile| profile.platform);
            for device in assignment.devices.iter().filter(|one| !routed.contains(&one.serial)) {
                serials.push(device.serial);
                if let Some(platform) = platform.and_then(not_ios) {
                    platforms.insert(device.serial, platform);
                }
            }
        }
        let named = desired.profiles.values().filter_map(|profile| {
            match profile.wished.get(name)?.get("companyPortal.vppToken")? {
                Value::Text(name) => Some(name),
                _ => None,
            }
        });
        for vpp_token in named {
            let known = &mut tenants[at].vpp_tokens;
            if !known.iter().any(|one| one.name == *vpp_token) {
                known.push(SeedVppToken { name: vpp_token.clone(), ..SeedVppToken::default() });
            }
        }
        tenants[at].tokens.push(SeedToken {
            name: token.identity.display_name.clone(),
            id: token.identity.id.clone(),
            apple_id: token.apple_id.set().cloned(),
            serials,
            platforms,
            ..SeedToken::default()
        });
    }
    if with_acts {
        devices::add(desired, &mut tenants);
    }
    let text = tenants.iter().map(|tenant| tenant.tenant_id.as_str()).collect::<Vec<_>>().join(" ");
    let hash = openssl::sha::sha256(text.as_bytes());
    Seed {
        seed: u64::from_le_bytes(hash[..8].try_into().unwrap_or_default()),
        start: beginning(desired),
        surroundings: true,
        services,
        tenants,
        organizations: apple::organizations(desired),
    }
}

/// What the world knows the service of a direct token by.
fn direct_key(desired: &Desired, name: &Name) -> Option<String> {
    let identity = &desired.tokens.get(name)?.identity;
    Some(identity.id.clone().unwrap_or_else(|| identity.display_name.clone()))
}

/// The service at Apple of a direct token, with the serials that documents give it.
fn service(desired: &Desired, name: &Name, routed: &HashSet<Serial>) -> SeedService {
    let Some(token) = desired.tokens.get(name) else { return SeedService::default() };
    let mut service = SeedService {
        name: token.identity.display_name.clone(),
        server_uuid: token.identity.id.clone(),
        admin_id: token.apple_id.set().cloned(),
        ..SeedService::default()
    };
    // A serial with several possible tokens is on the first of them.
    for assignment in desired.assignments.iter().filter(|one| one.tokens.first() == Some(name)) {
        let platform = desired.profiles.get(&assignment.profile).map(|profile| profile.platform);
        let family = match platform {
            None | Some(Platform::Ios) => None,
            Some(Platform::Macos) => Some(SimFamily::Mac),
            Some(Platform::Tvos) => Some(SimFamily::AppleTv),
            Some(Platform::Visionos) => Some(SimFamily::Vision),
        };
        for device in assignment.devices.iter().filter(|one| !routed.contains(&one.serial)) {
            service.serials.push(device.serial);
            service.families.extend(family.map(|family| (device.serial, family)));
        }
    }
    service
}

/// The simulator's word for a platform; `None` for iOS, which its devices are of anyway.
fn not_ios(platform: Platform) -> Option<SimPlatform> {
    match platform {
        Platform::Ios => None,
        Platform::Macos => Some(SimPlatform::MacOs),
        Platform::Tvos => Some(SimPlatform::TvOs),
        Platform::Visionos => Some(SimPlatform::VisionOs),
    }
}

#[cfg(test)]
mod tests;
