//! One folder with its ledger over one simulator: runs as the commands make them, in this process.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use espalier::apply::ApplyReport;
use espalier::engine::{EngineError, Narrowing, Session, Settings, WorldChoice};
use espalier::manifest::Allow;
use espalier::plan::Plan;
use espalier::progress::NoProgress;
use espalier::sim::world::History;
use espalier::sim::{CallKind, Options, Sim, World};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::fleet::{self, ALL, DELETABLE, MAIN, OLD, OTHER, SECOND};
use crate::support::contract::Judge;

/// A folder, and the services that its runs meet.
pub struct Stand {
    root: TempDir,
    pub sim: Sim,
    pub wait: Duration,
    pub ledger: bool,
    pub narrowing: Narrowing,
}

/// What the first edition leaves behind once it is applied.
struct Applied {
    world: Vec<u8>,
    state: Vec<(PathBuf, Vec<u8>)>,
}

/// How long a run waits in all: as where there is no terminal.
const WAIT: Duration = Duration::from_secs(20 * 60);

impl Stand {
    /// Documents over a world, with nothing applied yet.
    pub async fn new(documents: &str, world: World, page_size: usize) -> Self {
        let root = temporary_folder();
        fs::create_dir(root.path().join("documents")).expect("a folder in a fresh one");
        let mut options = Options::new(world);
        options.page_size = Some(page_size);
        options.record = Judge::from_env().map(|_| root.path().join("exchanges.jsonl"));
        let sim = Sim::start(options).await.expect("ports on loopback");
        let stand = Self { root, sim, wait: WAIT, ledger: true, narrowing: Narrowing::Nothing };
        stand.write(documents);
        stand
    }

    /// The second edition, with the first one applied and a device on its way from Apple.
    pub async fn between_editions() -> Self {
        static APPLIED: OnceCell<Applied> = OnceCell::const_new();
        let applied = APPLIED.get_or_init(apply_first).await;
        let world = World::from_json(&applied.world).expect("a world that was just written");
        let stand = Self::new(&fleet::second(), world, fleet::PAGE).await;
        for (file, bytes) in &applied.state {
            let path = stand.folder().join(file);
            fs::create_dir_all(path.parent().expect("a file lies in a folder"))
                .and_then(|()| fs::write(path, bytes))
                .expect("a file in the test's own folder");
        }
        stand
    }

    /// The documents' folder.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join("documents")
    }

    /// Replaces the documents.
    pub fn write(&self, documents: &str) {
        fs::write(self.folder().join("fleet.yaml"), documents).expect("a file in the test's own folder");
    }

    /// Switches a fault on. Returns its id.
    pub fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).expect("a fault"))
    }

    /// A run of `command`, open.
    pub async fn session(&self, command: &str) -> Result<Session, EngineError> {
        let control = self.sim.addresses().control.parse().expect("a URL");
        Session::open(Settings {
            folder: self.folder(),
            allow: Allow::default(),
            world: WorldChoice::At(control),
            ledger: self.ledger,
            wait: self.wait,
            allow_empty: false,
            command: command.to_owned(),
            changes_world: false,
            record: None,
            narrowing: self.narrowing.clone(),
        })
        .await
    }

    /// `espalier apply`.
    pub async fn apply(&self) -> ApplyReport {
        let session = self.session("espalier apply").await.expect("documents in order");
        let prepared = session.prepare(&NoProgress).await.expect("the lock");
        session.execute(prepared, &NoProgress).await.expect("a ledger that can be written")
    }

    /// `espalier plan`.
    pub async fn plan(&self) -> Plan {
        let session = self.session("espalier plan").await.expect("documents in order");
        session.plan(&NoProgress).await.expect("a plan").0
    }

    /// What was done through the services' APIs.
    pub fn history(&self) -> History {
        self.sim.with_world(|world| world.history.clone())
    }

    /// How many calls of a kind were made since they were last forgotten; those within a `$batch`
    /// are not counted again.
    pub fn calls(&self, kind: CallKind) -> u64 {
        self.sim.calls().iter().filter(|call| call.kind == kind).map(|call| call.count).sum()
    }

    /// How the world differs from the second edition on these tokens.
    pub fn differences(&self, tokens: &[&str]) -> Vec<String> {
        self.sim.with_world(|world| tokens.iter().flat_map(|id| fleet::differences(world, id)).collect())
    }

    /// What must never be, whatever happened: doubles, deletions that nobody planned, a device
    /// that was given what no document gives it.
    pub fn never(&self) -> Vec<String> {
        let history = self.history();
        let mut broken = Vec::new();
        for (token, created) in &history.profiles_created {
            for (name, count) in created.iter().filter(|(name, count)| **count > 1 || *name != "Kiosk") {
                broken.push(format!("{name:?} was made {count} times under {token}"));
            }
        }
        for (token, deleted) in &history.profiles_deleted {
            let allowed = DELETABLE.iter().find(|(id, _)| id == token).map_or(&[][..], |(_, names)| *names);
            for (name, count) in deleted {
                if *count > 1 || !allowed.contains(&name.as_str()) {
                    broken.push(format!("{name:?} was deleted {count} times under {token}"));
                }
            }
        }
        if history.tokens_deleted.iter().any(|id| id != OLD) || history.tokens_deleted.len() > 1 {
            broken.push(format!("tokens deleted: {:?}", history.tokens_deleted));
        }
        if history.syncs.iter().any(|(id, count)| id != MAIN || *count > 1) {
            broken.push(format!("syncs asked for: {:?}", history.syncs));
        }
        broken
    }

    /// Whether anything was written under a token.
    pub fn is_untouched(&self, token: &str) -> bool {
        let history = self.history();
        let profiles = |id: &String| id.contains(token);
        !history.profiles_created.contains_key(token)
            && !history.profiles_deleted.contains_key(token)
            && !history.profiles_updated.keys().any(profiles)
            && !history.defaults_set.contains_key(token)
            && !history.tokens_updated.contains_key(token)
            && !history.syncs.contains_key(token)
            && !history.tokens_deleted.iter().any(|id| id == token)
            && self.sim.with_world(|world| {
                let devices = world.token(token).map_or(&[][..], |token| &token.devices);
                !devices.iter().any(|device| history.assignments.contains_key(&device.serial))
            })
    }

    /// Holds every exchange to the contracts, where they are.
    pub fn judge(&self) -> Vec<String> {
        let recording = self.root.path().join("exchanges.jsonl");
        match Judge::from_env() {
            Some(judge) if recording.exists() => judge.file(&recording),
            _ => Vec::new(),
        }
    }

    /// Without faults, as often as needed but at most three times, until all is as wished; then a
    /// plan finds nothing to do.
    pub async fn converge(&self) -> Vec<String> {
        self.sim.clear_faults();
        let mut codes = Vec::new();
        for _ in 0..3 {
            codes.push(self.apply().await.exit_code());
            if codes.last() == Some(&0) && self.differences(&ALL).is_empty() {
                break;
            }
        }
        let mut broken = self.differences(&ALL);
        broken.extend(self.never());
        if codes.last() != Some(&0) {
            broken.push(format!("without faults the runs ended with {codes:?}"));
        }
        broken.extend(self.nothing_to_plan().await);
        broken
    }

    /// A plan finds nothing to do.
    pub async fn nothing_to_plan(&self) -> Vec<String> {
        let plan = self.plan().await;
        if !plan.has_changes() && plan.blocked.is_empty() {
            return Vec::new();
        }
        let steps: Vec<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
        vec![format!("a further plan has {steps:?}, blocked: {:?}", plan.blocked)]
    }

    /// A further apply writes nothing.
    pub async fn nothing_to_apply(&self) -> Vec<String> {
        self.sim.forget_calls();
        let report = self.apply().await;
        if report.exit_code() == 0 && self.calls(CallKind::Write) == 0 {
            return Vec::new();
        }
        vec![format!("a further apply wrote: {report:?}")]
    }
}

/// Everything under a token that could not be read is as it was.
pub fn written_although_unknown(stand: &Stand, report: &ApplyReport) -> Vec<String> {
    let mut broken = Vec::new();
    for blocked in report.blocked.iter().filter(|blocked| blocked.address.is_none()) {
        let token = blocked.token.as_ref().map(|name| name.as_str());
        let tokens: &[&str] = match (token, blocked.connection.to_string().as_str()) {
            (Some("main"), _) => &[MAIN],
            (Some("second"), _) => &[SECOND],
            (Some("old"), _) => &[OLD],
            (Some(_), _) | (None, "two") => &[OTHER],
            (None, _) => &[MAIN, SECOND, OLD],
        };
        let written = tokens.iter().filter(|token| !stand.is_untouched(token));
        broken.extend(written.map(|token| format!("{token} was written to, and yet: {}", blocked.reason)));
    }
    broken
}

/// In memory where the system has such a folder: what a crash leaves on a disk is no matter here,
/// and the ledger waits for the disk at every entry.
fn temporary_folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder")
}

/// Applies the first edition to the seeded tenants.
async fn apply_first() -> Applied {
    let stand = Stand::new(&fleet::first(), World::from_seed(&fleet::seed()), fleet::PAGE).await;
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 0, "{report:#?}");
    let state = files_below(&stand.folder().join(".espalier"));
    let state = state
        .into_iter()
        .map(|path| {
            let bytes = fs::read(&path).expect("a file that was just listed");
            (path.strip_prefix(stand.folder()).expect("it lies below").to_owned(), bytes)
        })
        .collect();
    stand.sim.with_world(|world| {
        world.history = History::default();
        let main = world.token_mut(MAIN).expect("a seeded token");
        main.at_apple.push(espalier::sim::world::Arrival {
            serial: fleet::serial(1, 20),
            platform: espalier::sim::world::Platform::Ios,
        });
    });
    Applied { world: stand.sim.world().to_json(), state }
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
