//! One folder with its ledger over one simulator: runs as the commands make them, in this process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use espalier::apply::{ApplyReport, StepOutcome, StepResult};
use espalier::engine::{Narrowing, Observed, Session, Settings, WorldChoice};
use espalier::manifest::Allow;
use espalier::model::Serial;
use espalier::plan::Plan;
use espalier::progress::NoProgress;
use espalier::sim::world::OrganizationHistory;
use espalier::sim::{Options, Seed, Sim, World};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::fleet;
use crate::direct::stand::CERTIFICATE;

/// A folder, and the services that its runs meet.
pub struct Ground {
    root: TempDir,
    pub sim: Sim,
    pub wait: Duration,
}

/// What an apply of the first edition leaves behind.
struct Applied {
    world: Vec<u8>,
    state: Vec<(PathBuf, Vec<u8>)>,
}

/// Longer than what nobody can know of a lost answer, and than Intune lets pass between two syncs.
pub const HORIZON: Duration = Duration::from_secs(16 * 60);

/// How long a run waits in all.
const WAIT: Duration = Duration::from_secs(40 * 60);

impl Ground {
    /// Documents over a world, with nothing applied yet.
    pub async fn new(documents: &str, seed: &Seed, page_size: Option<usize>) -> Self {
        Self::over(documents, World::from_seed(seed), page_size).await
    }

    async fn over(documents: &str, world: World, page_size: Option<usize>) -> Self {
        let root = temporary_folder();
        let mut options = Options::new(world);
        options.page_size = page_size;
        let sim = Sim::start(options).await.expect("ports on loopback");
        fs::write(root.path().join("certificate.pem"), &*CERTIFICATE).expect("a file of the test's own");
        let ground = Self { root, sim, wait: WAIT };
        ground.write(documents);
        ground
    }

    /// The second edition, with the first one applied.
    pub async fn between_editions() -> Self {
        static APPLIED: OnceCell<Applied> = OnceCell::const_new();
        let applied = APPLIED.get_or_init(apply_first).await;
        let world = World::from_json(&applied.world).expect("a world that was just written");
        let ground = Self::over(&fleet::second(), world, Some(fleet::PAGE)).await;
        for (file, bytes) in &applied.state {
            let path = ground.folder().join(file);
            fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .and_then(|()| fs::write(path, bytes))
                .expect("a file in the test's own folder");
        }
        ground
    }

    /// The world and the folder's state that [`Ground::between_editions`] begins with, for processes.
    pub async fn beginning() -> (Value, Vec<(PathBuf, Vec<u8>)>) {
        let applied = apply_first().await;
        (serde_json::from_slice(&applied.world).expect("a world"), applied.state)
    }

    /// The documents' folder.
    pub fn folder(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    /// Replaces the documents.
    pub fn write(&self, documents: &str) {
        fs::write(self.root.path().join("fleet.yaml"), documents).expect("a file of the test's own");
    }

    /// Switches a fault on. Returns its id.
    pub fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).expect("a fault"))
    }

    /// Whether a fault has struck.
    pub fn struck(&self, id: &str) -> bool {
        self.sim.fault_hits(id).unwrap_or(0) > 0
    }

    /// Changes as a person makes them in the portals. Returns what the portal answers.
    pub async fn portal(&self, changes: &Value) -> String {
        let url = format!("{}/portal", self.sim.addresses().control.trim_end_matches('/'));
        let answer = reqwest::Client::builder().no_proxy().build().expect("a client").post(url).json(changes);
        let answer = answer.send().await.expect("the control port answers");
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{status}: {text}");
        text
    }

    /// The settings of a run.
    pub fn settings(&self, command: &str) -> Settings {
        Settings {
            folder: self.folder(),
            allow: Allow::default(),
            world: WorldChoice::At(self.sim.addresses().control.parse().expect("a URL")),
            ledger: true,
            wait: self.wait,
            allow_empty: false,
            command: command.to_owned(),
            changes_world: false,
            record: None,
            narrowing: Narrowing::Nothing,
        }
    }

    /// A run of `command`, open.
    pub async fn session(&self, command: &str) -> Session {
        Session::open(self.settings(command)).await.expect("documents in order")
    }

    /// `espalier apply`.
    pub async fn apply(&self) -> ApplyReport {
        let session = self.session("espalier apply").await;
        let prepared = session.prepare(&NoProgress).await.expect("the lock");
        session.execute(prepared, &NoProgress).await.expect("a ledger that can be written")
    }

    /// `espalier plan`, and what it read.
    pub async fn observe(&self) -> (Plan, Observed) {
        let session = self.session("espalier plan").await;
        session.plan(&NoProgress).await.expect("a plan")
    }

    /// `espalier plan`.
    pub async fn plan(&self) -> Plan {
        self.observe().await.0
    }

    /// `espalier plan --max-age`.
    pub async fn plan_with_max_age(&self, age: Duration) -> (Plan, Observed) {
        let mut session = self.session("espalier plan").await;
        session.reuse(age);
        session.plan(&NoProgress).await.expect("a plan")
    }

    /// Lets the world's time pass.
    pub async fn pass(&self, time: Duration) {
        self.sim.clock().sleep(time).await;
    }

    /// The calls to Apple Business, its token endpoint and its storage since they were last forgotten.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let calls = self.sim.calls().into_iter();
        let ours = calls.filter(|call| ["business", "account", "storage"].contains(&call.service.as_str()));
        ours.map(|call| (call.operation, call.count)).collect()
    }

    /// How often an operation was asked for.
    pub fn asked(&self, operation: &str) -> u64 {
        self.calls().get(operation).copied().unwrap_or(0)
    }

    /// All calls that may have written.
    pub fn writes(&self) -> BTreeMap<String, u64> {
        let calls = self.sim.calls().into_iter();
        let writes = calls.filter(|call| call.kind == espalier::sim::CallKind::Write);
        writes.map(|call| (format!("{} {}", call.service, call.operation), call.count)).collect()
    }

    /// What was done through the API of Apple Business.
    pub fn history(&self) -> OrganizationHistory {
        self.sim.with_world(|world| world.history.organizations.clone())
    }

    /// The name of the service that has a device; empty where none has.
    pub fn service_of(&self, serial: &Serial) -> String {
        self.sim.with_world(|world| {
            let here = world.organization(fleet::ORGANISATION).expect("an organisation");
            let number = here.roster.device(serial).map_or(0, |row| row.service);
            here.service(number).map_or(String::new(), |service| service.name.clone())
        })
    }

    /// What the world is like, in words that two runs can share.
    pub fn state(&self) -> BTreeMap<String, String> {
        self.sim.with_world(|world| fleet::state(world))
    }

    /// Without faults, as often as needed but at most four times with time in between, until nothing is left
    /// to do and a run writes nothing to anybody. Says what is wrong.
    pub async fn converges(&self, wished: &BTreeMap<String, String>) -> Vec<String> {
        self.sim.clear_faults();
        let mut tried = Vec::new();
        for _ in 0..4 {
            self.pass(HORIZON).await;
            let busy = self.rests().await;
            if busy.is_empty() && self.state() == *wished {
                return self.never();
            }
            tried.extend(busy);
        }
        let mut broken = fleet::difference(&self.state(), wished);
        broken.extend(self.never());
        broken.push(format!("without faults it does not come to rest: {tried:#?}"));
        broken
    }

    /// What must never be, whatever happened: devices moved to and fro, or to where they were.
    pub fn never(&self) -> Vec<String> {
        self.sim.with_world(|world| fleet::never(&world.history.organizations))
    }

    /// A further apply writes nothing to anybody.
    pub async fn rests(&self) -> Vec<String> {
        self.sim.forget_calls();
        let report = self.apply().await;
        let mut writes = self.writes();
        writes.remove("account token");
        if report.exit_code() == 0 && writes.is_empty() && report.steps.is_empty() {
            return Vec::new();
        }
        vec![format!("a further apply is not idle: {writes:?} {report:?}")]
    }
}

/// The result of the only step whose id begins so.
pub fn step<'r>(report: &'r ApplyReport, id: &str) -> &'r StepResult {
    let mut found = report.steps.iter().filter(|step| step.id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(one), None) => one,
        _ => panic!("not one step {id}: {report:#?}"),
    }
}

/// Whether whole matrices are run, and not only as much of them as takes little time.
pub fn is_thorough() -> bool {
    std::env::var_os("ESPALIER_FAULT_RUNS").is_some()
}

/// Steps that are not done, in words.
pub fn open(report: &ApplyReport) -> Vec<String> {
    let open = report.steps.iter().filter(|step| !step.outcome.is_done());
    open.map(|step| format!("{}: {:?}", step.id, step.outcome)).collect()
}

/// Whether a step waits for a later run.
pub fn is_pending(step: &StepResult) -> bool {
    matches!(step.outcome, StepOutcome::Pending { .. })
}

/// In memory where the system has such a folder: what a crash leaves on a disk is no matter here,
/// and the ledger waits for the disk at every entry.
pub fn temporary_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// Applies the first edition to the seeded world.
async fn apply_first() -> Applied {
    let ground = Ground::new(&fleet::first(), &fleet::seed(), Some(fleet::PAGE)).await;
    let report = ground.apply().await;
    assert!(report.exit_code() == 0 && report.is_complete(), "{report:#?}");
    let kept = ground.folder().join(".espalier");
    let state = files_below(&kept).into_iter().map(|path| {
        let bytes = fs::read(&path).expect("a file that was just listed");
        (path.strip_prefix(ground.folder()).expect("it lies below").to_owned(), bytes)
    });
    let state = state.collect();
    ground.sim.with_world(|world| world.history = Default::default());
    Applied { world: ground.sim.world().to_json(), state }
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the test's own");
    entries
        .flat_map(|entry| {
            let path = entry.expect("an entry").path();
            if path.is_dir() { files_below(&path) } else { vec![path] }
        })
        .collect()
}
