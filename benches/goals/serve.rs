//! The simulator as a child process.

use std::io::{BufRead, BufReader};
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
    kind: String,
    count: u64,
}

impl Server {
    /// Serves a fleet's world from its beginning.
    pub fn start(fleet: &Fleet) -> Result<Self, Failure> {
        fleet.forget_state()?;
        let mut command = espalier();
        command.args(["sim", "serve", "--world"]).arg(fleet.world()).arg(fleet.documents());
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
        let url = format!("{}/calls", self.addresses.control.trim_end_matches('/'));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let calls: Vec<Call> = runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build()?;
            let calls = client.get(&url).send().await?.error_for_status()?.json().await?;
            client.delete(&url).send().await?.error_for_status()?;
            Ok::<_, reqwest::Error>(calls)
        })?;
        let of = |kind| calls.iter().filter(|call| call.kind == kind).map(|call| call.count).sum();
        Ok(Counts { reads: of("read"), writes: of("write") })
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
