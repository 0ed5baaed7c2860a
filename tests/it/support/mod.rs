//! What the integration tests stand on: a folder and a home of their own, the binary, a simulator
//! as a child process, and judges that see every exchange.

pub mod alone;
pub mod business;
pub mod contract;
pub mod desk;
pub mod fields;
pub mod folder;
pub mod handmade;
pub mod http;
pub mod keys;
pub mod schema;
mod server;
pub mod tenants;
mod watching;
pub mod wire;
pub mod world;

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use contract::Judge;
use contract::business::BusinessJudge;
use contract::dep::{DepJudge, Side};
pub use server::{Answer, SimServer, ask, exchange};
pub use watching::{Control, Watching};

/// Names the file to which the simulator appends every exchange, one JSON object per line.
pub const RECORD: &str = "ESPALIER_SIM_RECORD";

/// Variables of the caller that would change what a command does; matched by their beginning.
const FOREIGN: [&str; 12] = [
    "ESPALIER_",
    "XDG_",
    "GIT_",
    "INTUNE_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "CLICOLOR",
    "ACTIONS_",
    "IDENTITY_",
    "IMDS_",
    "AZURE_",
];

/// A documents' folder and a home that belong to one test.
///
/// Guarantees: when the test ends well, everything that a simulator recorded has been held to the
/// contracts, by [`TestEnv::finish`] or by the drop. Caveat: drop a [`SimServer`] first; declared
/// after the environment it is.
#[derive(Debug)]
pub struct TestEnv {
    root: TempDir,
    is_judged: bool,
}

/// What a command printed and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
}

impl TestEnv {
    /// With an empty documents' folder.
    pub fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder");
        let env = Self { root, is_judged: false };
        for folder in [env.documents(), env.home()] {
            fs::create_dir(folder).expect("a folder in a fresh one");
        }
        env
    }

    /// With a copy of `examples/NAME` as the documents' folder.
    pub fn with_example(name: &str) -> Self {
        let env = Self::new();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name);
        copy_folder(&example, &env.documents());
        env
    }

    /// The documents' folder, in which commands run.
    pub fn documents(&self) -> PathBuf {
        self.root.path().join("documents")
    }

    /// The home of the commands.
    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// The file of recorded exchanges; it exists once a simulator answered something.
    pub fn recording(&self) -> PathBuf {
        self.root.path().join("exchanges.jsonl")
    }

    /// Writes a file below the documents' folder, with the folders on its way.
    pub fn write(&self, file: &str, text: &str) {
        let path = self.documents().join(file);
        let parent = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .expect("a file in the test's own folder");
    }

    /// The text of a file below the documents' folder.
    pub fn read(&self, file: &str) -> String {
        let path = self.documents().join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Replaces `old`, which must be there, by `new` in a file below the documents' folder.
    pub fn replace(&self, file: &str, old: &str, new: &str) {
        let text = self.read(file);
        assert!(text.contains(old), "{file} does not hold {old:?}");
        self.write(file, &text.replace(old, new));
    }

    /// The binary with `args`, not yet started: in the documents' folder, with the test's home and
    /// without the caller's settings.
    pub fn command<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_espalier"));
        command.args(args).current_dir(self.documents());
        for (name, _) in std::env::vars_os() {
            let upper = name.to_string_lossy().to_ascii_uppercase();
            if FOREIGN.iter().any(|foreign| upper.starts_with(foreign)) {
                command.env_remove(&name);
            }
        }
        command.env("HOME", self.home()).env("NO_COLOR", "1").env("TZ", "UTC").env(RECORD, self.recording());
        command
    }

    /// Runs the binary with `args` to its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        Output::of(&mut self.command(args))
    }

    /// With a copy of `tests/it/fleets/NAME` as the documents' folder.
    pub fn with_fleet(name: &str) -> Self {
        let env = Self::new();
        let fleets = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fleets");
        copy_folder(&fleets.join(name), &env.documents());
        env
    }

    /// Starts `sim serve` over a given world, and waits for its addresses.
    pub fn serve_world(&self, world: &Value) -> SimServer {
        let file = self.root.path().join("world.json");
        fs::write(&file, world.to_string()).expect("a file in the test's own folder");
        let mut command = self.command(["sim", "serve", "--world"]);
        command.arg(file);
        SimServer::start(command)
    }

    /// Starts `sim serve` over the documents' folder, and waits for its addresses.
    pub fn serve(&self) -> SimServer {
        let documents = self.documents();
        SimServer::start(self.command(["sim".as_ref(), "serve".as_ref(), documents.as_os_str()]))
    }

    /// Holds everything recorded to the contracts.
    ///
    /// # Panics
    ///
    /// With every violation.
    pub fn finish(mut self) {
        self.judge();
    }

    fn judge(&mut self) {
        self.is_judged = true;
        let recording = self.recording();
        if !recording.exists() {
            return;
        }
        let (Some(graph), Some(dep)) = (Judge::from_env(), DepJudge::from_env()) else { return };
        let Some(business) = BusinessJudge::from_env() else { return };
        let mut faults = graph.file(&recording);
        faults.extend(dep.file(&recording, Side::Both));
        faults.extend(business.file(&recording, Side::Both));
        assert!(faults.is_empty(), "exchanges that break the contracts:\n{}", faults.join("\n"));
    }
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        if !self.is_judged && !std::thread::panicking() {
            self.judge();
        }
    }
}

impl Output {
    /// Runs `command` to its end.
    pub fn of(command: &mut Command) -> Self {
        let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("commands print UTF-8");
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Itself, if it ended with `code`.
    ///
    /// # Panics
    ///
    /// With all output, where it ended otherwise.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}; stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr))
    }
}

/// Copies a folder, except the state that a run leaves in it.
pub fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap_or_else(|error| panic!("{}: {error}", to.display()));
    for entry in fs::read_dir(from).unwrap_or_else(|error| panic!("{}: {error}", from.display())) {
        let entry = entry.unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        let target = to.join(entry.file_name());
        if entry.file_name() == ".espalier" {
            continue;
        }
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap_or_else(|error| panic!("{}: {error}", target.display()));
        }
    }
}
