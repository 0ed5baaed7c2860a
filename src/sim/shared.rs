//! What the services share: the world, the faults, the counters, the record.

use std::collections::{BTreeMap, HashSet};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::calls::Calls;
use super::dep::Sessions;
use super::fault::{Asked, Blow, Faults, Harm, Suffering};
use super::login::{Assertions, Issuer};
use super::record::{Exchange, Recorder};
use super::world::World;
use super::{Addresses, Options, SimError};

/// Rows per page unless told otherwise (reference section 8.3).
const PAGE_SIZE: usize = 1000;
/// Above so many devices the world is kept only at the end.
const SMALL_WORLD: usize = 20_000;

/// What the services share.
#[derive(Debug)]
pub(super) struct Shared {
    world: Mutex<World>,
    faults: Mutex<Faults>,
    calls: Mutex<Calls>,
    recorder: Mutex<Option<Recorder>>,
    record: Option<std::path::PathBuf>,
    revoked: Mutex<HashSet<String>>,
    failed: Mutex<Option<SimError>>,
    addresses: Addresses,
    page_size: usize,
    persist: Option<std::path::PathBuf>,
    // The hash of the world as it was at the start, where it is kept.
    beginning: Option<[u8; 32]>,
    hits: watch::Sender<u64>,
    releases: watch::Sender<Releases>,
    stopped: AtomicBool,
    numbers: AtomicU64,
    assertions: Assertions,
    issuer: Issuer,
    sessions: Sessions,
}

/// How often held answers were let go.
#[derive(Debug, Default)]
struct Releases {
    all: u64,
    of: BTreeMap<String, u64>,
}

impl Releases {
    fn count(&self, id: &str) -> u64 {
        self.all + self.of.get(id).copied().unwrap_or(0)
    }
}

/// The line is to be cut without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut;

/// What a blow leaves to be done by the one who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: go on.
    Nothing,
    /// Answer with this status.
    Status { status: u16, retry_after: Option<u32> },
    /// The bearer is not good any more.
    ExpireBearer,
    /// Break the JSON of the answer.
    Garbage,
    /// Refuse with this status and Apple's code.
    Told { status: u16, code: &'static str },
}

impl Shared {
    pub(super) fn new(options: Options, addresses: Addresses) -> Result<Self, SimError> {
        let recorder = match &options.record {
            None => None,
            Some(path) => {
                Some(Recorder::open(path).map_err(|source| SimError::Record { path: path.clone(), source })?)
            }
        };
        let beginning = options.persist.as_ref().map(|_| openssl::sha::sha256(&options.world.to_json()));
        Ok(Self {
            beginning,
            world: Mutex::new(options.world),
            faults: Mutex::default(),
            calls: Mutex::default(),
            recorder: Mutex::new(recorder),
            record: options.record,
            revoked: Mutex::default(),
            failed: Mutex::default(),
            addresses,
            page_size: options.page_size.unwrap_or(PAGE_SIZE).max(1),
            persist: options.persist,
            hits: watch::channel(0).0,
            releases: watch::channel(Releases::default()).0,
            stopped: AtomicBool::new(false),
            numbers: AtomicU64::new(0),
            assertions: Assertions::default(),
            issuer: Issuer::default(),
            sessions: Sessions::default(),
        })
    }

    pub(super) fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.faults)
    }

    pub(super) fn calls(&self) -> MutexGuard<'_, Calls> {
        lock(&self.calls)
    }

    pub(super) fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The ids of assertions that Entra has taken.
    pub(super) fn assertions(&self) -> &Assertions {
        &self.assertions
    }

    /// The key of the simulated GitHub.
    pub(super) fn issuer(&self) -> &Issuer {
        &self.issuer
    }

    /// The sessions at Apple's enrollment service, and the nonces that it has seen.
    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    pub(super) fn page_size(&self) -> usize {
        self.page_size
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    /// From now on nothing is answered.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.release(None);
    }

    /// A number that was not given out before.
    pub(super) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Takes a bearer's validity away.
    pub(super) fn revoke(&self, bearer: &str) {
        lock(&self.revoked).insert(bearer.to_owned());
    }

    pub(super) fn is_revoked(&self, bearer: &str) -> bool {
        lock(&self.revoked).contains(bearer)
    }

    /// Decides what a request has to suffer.
    pub(super) fn strike(&self, asked: Asked<'_>) -> Suffering {
        let suffering = self.faults().strike(asked);
        if suffering.ways != Default::default() || !suffering.devices.is_empty() {
            self.hits.send_modify(|count| *count += 1);
        }
        suffering
    }

    /// Lets a blow fall: waits where it says so, and says what is left to be done.
    pub(super) async fn suffer(&self, blow: Option<&Blow>) -> Result<Left, Cut> {
        let Some(Blow { fault_id, harm }) = blow else { return Ok(Left::Nothing) };
        let released = self.releases.subscribe();
        let before = released.borrow().count(fault_id);
        self.faults().hit(fault_id);
        self.hits.send_modify(|count| *count += 1);
        match harm {
            Harm::Status { status, retry_after } => {
                Ok(Left::Status { status: *status, retry_after: *retry_after })
            }
            Harm::ExpireBearer => Ok(Left::ExpireBearer),
            Harm::Garbage => Ok(Left::Garbage),
            Harm::Told { status, code } => Ok(Left::Told { status: *status, code }),
            Harm::Cut => Err(Cut),
            Harm::Hold => self.hold(released, fault_id, before).await,
            Harm::Slow { delay_ms, seconds } => {
                tokio::time::sleep(Duration::from_millis(*delay_ms)).await;
                self.world().advance(Duration::from_secs(u64::from(*seconds)));
                Ok(Left::Nothing)
            }
        }
    }

    async fn hold(
        &self,
        mut released: watch::Receiver<Releases>,
        fault_id: &str,
        before: u64,
    ) -> Result<Left, Cut> {
        let over = released.wait_for(|releases| releases.count(fault_id) != before || self.is_stopped());
        if over.await.is_err() || self.is_stopped() {
            return Err(Cut);
        }
        Ok(Left::Nothing)
    }

    /// Lets held answers go: those of one fault, or all.
    pub(super) fn release(&self, id: Option<&str>) {
        self.releases.send_modify(|releases| match id {
            None => releases.all += 1,
            Some(id) => *releases.of.entry(id.to_owned()).or_default() += 1,
        });
    }

    /// Waits until a fault has struck so often. Returns the hits; `None` for a fault that is not
    /// there.
    pub(super) async fn wait_for_hits(&self, id: &str, hits: u64) -> Option<u64> {
        let mut changed = self.hits.subscribe();
        loop {
            let found = self.faults().hits(id)?;
            if found >= hits {
                return Some(found);
            }
            if changed.changed().await.is_err() || self.is_stopped() {
                return Some(found);
            }
        }
    }

    /// Wakes those who wait for hits: the faults changed.
    pub(super) fn faults_changed(&self) {
        self.hits.send_modify(|count| *count += 1);
    }

    /// Appends to the record, where there is one.
    pub(super) fn record<'a>(&self, exchange: impl FnOnce() -> Exchange<'a>) {
        let mut recorder = lock(&self.recorder);
        let Some(open) = recorder.as_mut() else { return };
        if let Err(source) = open.write(&exchange()) {
            *recorder = None;
            let path = self.record.clone().unwrap_or_default();
            lock(&self.failed).get_or_insert(SimError::Record { path, source });
        }
    }

    /// Keeps a small world after a write.
    pub(super) fn keep_after_write(&self, world: &World) {
        if let Some(path) = &self.persist
            && world.device_count() <= SMALL_WORLD
            && let Err(source) = replace(path, &world.to_json())
        {
            lock(&self.failed).get_or_insert(SimError::Persist { path: path.clone(), source });
        }
    }

    /// Keeps the world for good, and tells the first failure to write anything.
    ///
    /// A run that changed nothing writes nothing: another one may be at work on the same file.
    pub(super) fn keep_at_end(&self) -> Result<(), SimError> {
        if let Some(path) = &self.persist {
            let json = self.world().to_json();
            if self.beginning == Some(openssl::sha::sha256(&json)) && path.exists() {
                return lock(&self.failed).take().map_or(Ok(()), Err);
            }
            replace(path, &json).map_err(|source| SimError::Persist { path: path.clone(), source })?;
        }
        lock(&self.failed).take().map_or(Ok(()), Err)
    }
}

/// A lock that a panic of another holder does not take from the rest.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a file in place at once or not at all.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
