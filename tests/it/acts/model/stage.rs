//! Where a story is played: a simulator, a folder with its ledger, git where the scene has it.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use espalier::apply::ApplyReport;
use espalier::engine::{EngineError, Narrowing, Session, Settings, WorldChoice};
use espalier::ledger::Dying;
use espalier::manifest::Allow;
use espalier::model::clock::Timestamp;
use espalier::plan::file::SavedPlan;
use espalier::progress::NoProgress;
use espalier::sim::{Fault, Options, Sim, portal};
use futures_util::FutureExt as _;
use serde_json::Value;
use tempfile::TempDir;

use super::op::Death;
use super::paper::Tree;
use super::people;
use super::scene::Scene;

/// The stage of one story.
pub struct Stage {
    root: TempDir,
    pub sim: Sim,
    fixed: String,
    git: bool,
    wait: Duration,
    /// The gates that were opened in the last run.
    opened: RefCell<BTreeSet<String>>,
}

/// What is applied.
pub enum Way {
    /// The documents.
    Plain,
    /// The documents, with every limit on acts opened: `--override GATE=DIGEST`.
    Overridden,
    /// A plan that was saved.
    Saved(String),
}

/// How an apply came out.
pub enum Outcome {
    Report(Box<ApplyReport>),
    Refused(Box<EngineError>),
    Died,
}

impl Stage {
    pub async fn of(scene: &Scene) -> Self {
        let root =
            tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a temporary folder");
        let sim = Sim::start(Options::new(scene.world())).await.expect("ports on loopback");
        let wait = Duration::from_secs(scene.wait);
        let stage =
            Self { root, sim, fixed: scene.fixed(), git: scene.git, wait, opened: RefCell::default() };
        fs::create_dir_all(stage.folder().join("acts")).expect("a folder in a fresh one");
        if stage.git {
            fs::write(stage.folder().join(".gitignore"), ".espalier/\napprovals/\n").expect("a file");
            stage.git(&["init", "-q", "-b", "main"]);
            stage.git(&["config", "user.name", "Runner"]);
            stage.git(&["config", "user.email", "runner@school.example"]);
        }
        stage
    }

    /// The documents' folder.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join("documents")
    }

    /// The ledger's file.
    pub fn ledger(&self) -> PathBuf {
        self.folder().join(".espalier").join("sim").join("ledger.db")
    }

    pub fn now(&self) -> Timestamp {
        self.sim.clock().now()
    }

    /// Writes the documents as they are by now.
    pub fn write(&self, tree: &Tree) {
        let folder = self.folder();
        for (name, text) in tree.files(&self.fixed) {
            put(&folder.join(name), &text);
        }
        let acts = folder.join("acts");
        for entry in fs::read_dir(&acts).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !tree.acts.contains_key(name.trim_end_matches(".yaml")) {
                fs::remove_file(entry.path()).expect("a file of the test's own");
            }
        }
        fs::create_dir_all(&acts).expect("a folder of the test's own");
        for (name, text) in tree.act_files() {
            put(&acts.join(format!("{name}.yaml")), &text);
        }
    }

    fn git(&self, arguments: &[&str]) -> String {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.folder()).args(arguments).stdin(Stdio::null());
        let output = command.output().expect("git is installed");
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Commits what lies in the folder. Returns the commit.
    pub fn commit(&self, author: usize) -> String {
        self.git(&["add", "-A"]);
        let (name, mail) = (people::PEOPLE[author % people::PEOPLE.len()], people::address(author));
        let who = [format!("user.name={name}"), format!("user.email={mail}")];
        self.git(&[
            "-c",
            &who[0],
            "-c",
            &who[1],
            "-c",
            "commit.gpgsign=false",
            "commit",
            "-q",
            "--allow-empty",
            "-m",
            "Change",
        ]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// A newer commit of the branch comes, as `git fetch` brings it.
    pub fn fetch_newer(&self) {
        let here = self.git(&["rev-parse", "HEAD"]);
        self.commit(0);
        self.git(&["branch", "-q", "-f", "upstream", "HEAD"]);
        self.git(&["reset", "-q", "--hard", &here]);
        self.git(&["config", "branch.main.remote", "."]);
        self.git(&["config", "branch.main.merge", "refs/heads/upstream"]);
    }

    /// Checks a commit out, whatever lies in the folder.
    pub fn checkout(&self, commit: &str) {
        self.git(&["checkout", "-q", "-f", "--detach", commit]);
    }

    fn settings(&self, narrowing: Narrowing) -> Settings {
        Settings {
            folder: self.folder(),
            allow: Allow::default(),
            world: WorldChoice::At(self.sim.addresses().control.parse().expect("a URL")),
            ledger: true,
            wait: self.wait,
            allow_empty: false,
            command: "espalier apply".to_owned(),
            changes_world: false,
            record: None,
            narrowing,
        }
    }

    /// A run that is open.
    pub async fn session(&self, narrowing: Narrowing) -> Result<Session, EngineError> {
        Session::open(self.settings(narrowing)).await
    }

    async fn run(&self, narrowing: Narrowing, way: &Way) -> Result<ApplyReport, EngineError> {
        let session = self.session(narrowing).await?;
        let mut prepared = match way {
            Way::Plain | Way::Overridden => session.prepare(&NoProgress).await?,
            Way::Saved(text) => {
                let saved = SavedPlan::from_json(text).expect("the file is as it was written");
                session.prepare_saved(saved, &NoProgress).await?
            }
        };
        if matches!(way, Way::Overridden) {
            let digest = prepared.digest.clone();
            let gates: BTreeSet<String> = prepared.plan.stops.iter().map(|stop| stop.gate.clone()).collect();
            for gate in gates {
                // What only a person or an hour opens is asked for as well, and refused.
                if prepared.open_gate(&gate, &digest).is_ok() {
                    self.opened.borrow_mut().insert(gate);
                }
            }
        }
        session.execute(prepared, &NoProgress).await
    }

    /// The gates that were opened in the last run.
    pub fn opened(&self) -> BTreeSet<String> {
        self.opened.borrow().clone()
    }

    /// `espalier apply`, which may die in the middle.
    pub async fn apply(&self, narrowing: Narrowing, way: &Way, death: Option<Death>) -> Outcome {
        self.opened.borrow_mut().clear();
        let ended = match death {
            None => Some(self.run(narrowing, way).await),
            Some(Death::Ledger { nth, after }) => {
                let _dying = Dying::at(nth, after);
                AssertUnwindSafe(self.run(narrowing, way)).catch_unwind().await.ok()
            }
            Some(Death::Write { nth, after }) => {
                let when = if after { "after" } else { "before" };
                let id = self.fault(&serde_json::json!({
                    "id": "death", "fault": "hold", "kind": "write", "nth": nth, "when": when,
                }));
                let ended = tokio::select! {
                    ended = self.run(narrowing, way) => Some(ended),
                    () = self.sim.fault_hit(&id, 1) => None,
                };
                self.sim.clear_faults();
                // What the services were at is done before anything else happens.
                for _ in 0..20 {
                    tokio::task::yield_now().await;
                }
                ended
            }
        };
        match ended {
            None => Outcome::Died,
            Some(Ok(report)) => Outcome::Report(Box::new(report)),
            Some(Err(error)) => Outcome::Refused(Box::new(error)),
        }
    }

    /// Switches a fault on. Returns its id.
    pub fn fault(&self, fault: &Value) -> String {
        let fault: Fault = serde_json::from_value(fault.clone()).expect("a fault");
        self.sim.add_fault(fault)
    }

    /// A change as a person makes it. False where that is not possible as things are.
    pub fn portal(&self, change: &Value) -> bool {
        let change: portal::Change = serde_json::from_value(change.clone()).expect("a change");
        self.sim.with_world(|world| portal::perform(world, change).is_ok())
    }

    /// Lets time pass.
    pub async fn pass(&self, seconds: u64) {
        self.sim.clock().sleep(Duration::from_secs(seconds)).await;
    }

    /// Every file that runs leave behind, with its content.
    pub fn left_behind(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut all = Vec::new();
        collect(&self.folder().join(".espalier"), &mut all);
        all
    }
}

fn put(path: &Path, text: &str) {
    // Git compares by time and size; what did not change is not written again.
    if fs::read_to_string(path).is_ok_and(|there| there == text) {
        return;
    }
    fs::write(path, text).expect("a file of the test's own");
}

fn collect(path: &Path, all: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => collect(&path, all),
            path => all.push((path.clone(), fs::read(&path).unwrap_or_default())),
        }
    }
}
