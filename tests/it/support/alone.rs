//! Programs by other hands, let loose in a network that has loopback and nothing else: whatever they
//! try to reach beside the simulator, they cannot.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::Output;
use super::contract::REQUIRE_REAL;

/// Set for the second run of a test, the one in the network of its own: `1`. `shared` where there
/// is no such network to be had.
const INSIDE: &str = "ESPALIER_ALONE_INSIDE";

/// A project whose programs judge the simulator.
#[derive(Clone, Copy, Debug)]
pub struct Peer {
    /// Its name.
    pub name: &'static str,
    /// The variable that names the folder of its programs.
    pub variable: &'static str,
}

impl Peer {
    /// Runs the test named `name` (`module::function`) a second time in a network of its own, where it
    /// does what `scenario` says with the folder of the programs. Without them it says that it is
    /// skipped.
    ///
    /// # Panics
    ///
    /// Where the scenario fails, and where it would be skipped although `ESPALIER_REQUIRE_REAL=1`.
    pub fn alone(self, name: &str, scenario: impl FnOnce(PathBuf)) {
        let Some(folder) = self.folder() else { return };
        match std::env::var(INSIDE).ok().as_deref() {
            None => self.again(name),
            Some(network) => {
                if network == "1" {
                    assert_eq!(interfaces(), ["lo"], "the network is not one of its own");
                }
                scenario(folder);
            }
        }
    }

    fn folder(self) -> Option<PathBuf> {
        let Self { name, variable } = self;
        let folder = std::env::var_os(variable).filter(|folder| !folder.is_empty());
        if folder.is_none() {
            let required = std::env::var(REQUIRE_REAL).is_ok_and(|value| value == "1");
            assert!(
                !required,
                "{REQUIRE_REAL}=1, and {variable} is not set: {name} cannot judge the simulator"
            );
            say(&format!("skipped: {variable} is not set, so {name} does not judge the simulator"));
        }
        folder.map(PathBuf::from)
    }

    /// The same test in another process.
    fn again(self, name: &str) {
        let program = std::env::current_exe().expect("the path of this program");
        let why_not = no_network();
        let mut command = match why_not {
            None => {
                let mut command = Command::new("unshare");
                command.args(["--map-root-user", "--net", "sh", "-c"]);
                command.arg("ip link set lo up && exec \"$0\" \"$@\"").arg(&program);
                command
            }
            Some(why) => {
                say(&format!(
                    "{} runs in the network of this machine, with loopback addresses alone: \
                     a network of its own is not to be had ({why})",
                    self.name
                ));
                Command::new(&program)
            }
        };
        command.args(["--exact", name, "--nocapture", "--test-threads=1"]);
        command.env(INSIDE, if why_not.is_none() { "1" } else { "shared" });
        let output = Output::of(&mut command);
        assert!(
            output.code == Some(0) && output.stdout.contains("test result: ok. 1 passed"),
            "{name} ended with {:?}\n{}\n{}",
            output.code,
            output.stdout,
            output.stderr
        );
    }
}

/// Why no network of its own can be had; `None` where it can.
fn no_network() -> Option<&'static str> {
    static WHY: OnceLock<Option<String>> = OnceLock::new();
    let why = WHY.get_or_init(|| {
        let tried = Command::new("unshare")
            .args(["--map-root-user", "--net", "sh", "-c", "ip link set lo up"])
            .output();
        match tried {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Some(format!("unshare: {error}")),
        }
    });
    why.as_deref()
}

/// The names of all network interfaces.
fn interfaces() -> Vec<String> {
    let text = std::fs::read_to_string("/proc/net/dev").expect("the list of interfaces");
    let rows = text.lines().filter_map(|line| line.split_once(':'));
    rows.map(|(name, _)| name.trim().to_owned()).collect()
}

/// Says a line once per run, past the test runner's capture.
fn say(line: &str) {
    static SAID: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    if SAID.lock().unwrap_or_else(PoisonError::into_inner).insert(line.to_owned()) {
        // A closed stderr is no reason to fail a test.
        let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
    }
}
