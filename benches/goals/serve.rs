//! The simulator as a child process.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Stdio};

use serde::Deserialize;

use crate::Failure;
use crate::fleet::{Fleet, espalier};

/// A running `sim serve`, ended when dropped.
pub struct Server {
    child: Child,
    /// Where it is.
    pub addresses: Addresses,
    /// Kept open: a process whose reader is gone dies of its next line.
    _stdout: BufReader<ChildStdout>,
}

/// What `sim serve` prints.
#[derive(Clone, Debug, Deserialize)]
pub struct Addresses {
    /// The control port.
    pub control: String,
    /// Graph.
    pub graph: String,
    /// Entra's token service.
    pub login: String,
    /// Apple's enrollment service.
    pub dep: String,
    /// The API of Apple Business.
    pub business: String,
    /// Apple's token endpoint.
    pub account: String,
}

/// Calls by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that read, signing in among them.
    pub reads: u64,
    /// Calls that write.
    pub writes: u64,
}

#[derive(Deserialize)]
struct Call {
    service: String,
    operation: String,
    kind: String,
    count: u64,
}

impl Server {
    /// Serves a fleet's world from its beginning.
    pub fn start(fleet: &Fleet) -> Result<Self, Failure> {
        fleet.forget_state()?;
        Self::start_world(&fleet.world(), &fleet.documents())
    }

    /// Serves a world for a folder.
    pub fn start_world(world: &Path, documents: &Path) -> Result<Self, Failure> {
        let mut command = espalier();
        command.args(["sim", "serve", "--world"]).arg(world).arg(documents);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or("its output is piped")?;
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let addresses = serde_json::from_str(&line).map_err(|error| format!("{line:?}: {error}"));
        match addresses {
            Ok(addresses) => Ok(Self { child, addresses, _stdout: stdout }),
            Err(error) => {
                end(&mut child);
                Err(error.into())
            }
        }
    }

    /// The argument that points the program here.
    pub fn flag(&self) -> String {
        format!("--sim={}", self.addresses.control)
    }

    /// Tells the calls so far, and forgets them.
    pub fn take_counts(&self) -> Result<Counts, Failure> {
        let calls: Vec<Call> = serde_json::from_str(&self.ask("GET", "calls", None)?)?;
        self.ask("DELETE", "calls", None)?;
        let of = |kind| calls.iter().filter(|call| call.kind == kind).map(|call| call.count).sum();
        Ok(Counts { reads: of("read"), writes: of("write") })
    }

    /// Tells the calls of some services so far, and forgets all.
    pub fn take_counts_of(&self, services: &[&str]) -> Result<Counts, Failure> {
        let calls: Vec<Call> = serde_json::from_str(&self.ask("GET", "calls", None)?)?;
        self.ask("DELETE", "calls", None)?;
        let meant = || calls.iter().filter(|call| services.contains(&call.service.as_str()));
        let of = |kind| meant().filter(|call| call.kind == kind).map(|call| call.count).sum();
        Ok(Counts { reads: of("read"), writes: of("write") })
    }

    /// How often one operation was called.
    pub fn count_of(&self, service: &str, operation: &str) -> Result<u64, Failure> {
        let calls: Vec<Call> = serde_json::from_str(&self.ask("GET", "calls", None)?)?;
        let is_meant = |call: &&Call| call.service == service && call.operation == operation;
        Ok(calls.iter().filter(is_meant).map(|call| call.count).sum())
    }

    /// Tells the control port something.
    pub fn post(&self, path: &str, body: &serde_json::Value) -> Result<(), Failure> {
        self.ask("POST", path, Some(body.to_string())).map(drop)
    }

    /// The server token of a service at Apple, as JSON.
    pub fn credentials(&self, service: &str) -> Result<String, Failure> {
        let all: serde_json::Value = serde_json::from_str(&self.ask("GET", "credentials", None)?)?;
        let is_meant = |one: &&serde_json::Value| one["service"] == service;
        let found = all.as_array().into_iter().flatten().find(is_meant).ok_or("no such service")?;
        Ok(found["token"].to_string())
    }

    /// The private key of an API account of an organisation, in PEM.
    pub fn api_key(&self, client: &str) -> Result<String, Failure> {
        let all: serde_json::Value = serde_json::from_str(&self.ask("GET", "credentials", None)?)?;
        let is_meant = |one: &&serde_json::Value| one["clientId"] == client;
        let found = all.as_array().into_iter().flatten().find(is_meant).ok_or("no such account")?;
        Ok(found["privateKey"].as_str().ok_or("it has no key")?.to_owned())
    }

    /// The world's instant, in Unix seconds.
    pub fn clock(&self) -> Result<i64, Failure> {
        let clock: serde_json::Value = serde_json::from_str(&self.ask("GET", "clock", None)?)?;
        let now: jiff::Timestamp = clock["now"].as_str().unwrap_or_default().parse()?;
        Ok(now.as_second())
    }

    fn ask(&self, method: &str, path: &str, body: Option<String>) -> Result<String, Failure> {
        let url = format!("{}/{path}", self.addresses.control.trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let text = runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build()?;
            let mut request = client.request(method.parse().unwrap_or_default(), &url);
            if let Some(body) = body {
                request = request.header("Content-Type", "application/json").body(body);
            }
            request.send().await?.error_for_status()?.text().await
        })?;
        Ok(text)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills and reaps; one that is already gone is as good.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
