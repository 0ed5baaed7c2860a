//! Who may write: one run at a time, and it says who it is.
//!
//! Two things make it safe. The *exclusion* (for SQLite an advisory lock of the system on a file
//! beside the ledger) is held for the life of the process, so that a killed run frees it at once.
//! The *fence* is a number that grows with every lease; every write carries it, so that a run
//! whose exclusion was lost without its knowing cannot write any more.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::model::clock::Timestamp;

/// Who holds a lease.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Holder {
    /// The machine's name.
    pub host: String,
    /// The process.
    pub pid: u32,
    /// The user's name.
    pub user: String,
    /// The command line, without secrets: `apply examples/small`.
    pub command: String,
    /// The run.
    pub run: Uuid,
    /// Since when.
    pub since: Timestamp,
}

impl Holder {
    /// This process, about to do `command` as `run`.
    pub fn of_this_process(command: impl Into<String>, run: Uuid, since: Timestamp) -> Self {
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| env(name));
        Self {
            host: host_name().unwrap_or_else(|| "unknown host".to_owned()),
            pid: std::process::id(),
            user: user.unwrap_or_else(|| "unknown user".to_owned()),
            command: command.into(),
            run,
            since,
        }
    }
}

fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}

fn host_name() -> Option<String> {
    let trimmed = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .and_then(trimmed)
        .or_else(|| env("HOSTNAME"))
        .or_else(|| env("COMPUTERNAME"))
        // Only where the kernel shows no file: one process more is nothing beside an apply.
        .or_else(|| {
            let output = std::process::Command::new("uname").arg("-n").output().ok()?;
            String::from_utf8(output.stdout).ok().and_then(trimmed)
        })
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, pid, user, command, run: _, since } = self;
        write!(f, "`{command}` by {user} on {host}, process {pid}, since {since:.0}")
    }
}

/// What keeps others out while it lives; dropping it lets them in.
pub struct Exclusion(Box<dyn Send + Sync>);

impl Exclusion {
    /// Keeps `guard` for as long as the exclusion lives.
    pub fn new(guard: impl Send + Sync + 'static) -> Self {
        Self(Box::new(guard))
    }
}

impl fmt::Debug for Exclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The guard itself has nothing to say.
        let Self(_guard) = self;
        f.write_str("Exclusion")
    }
}

/// The right to write, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    pub(super) fence: i64,
    pub(super) holder: Holder,
    pub(super) _exclusion: Exclusion,
}

impl Lease {
    /// Its number: greater than that of every lease before.
    pub fn fence(&self) -> i64 {
        self.fence
    }

    /// Who holds it.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }
}
