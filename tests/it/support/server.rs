//! A simulator as a child process, and the calls to its control port.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// One for all tests: a client reads the system's certificates when it is made.
static CLIENT: LazyLock<reqwest::Client> =
    LazyLock::new(|| reqwest::Client::builder().no_proxy().build().expect("a client"));

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

/// A running `sim serve`, ended when dropped.
#[derive(Debug)]
pub struct SimServer {
    child: Child,
    addresses: BTreeMap<String, String>,
    /// Kept open: a process whose reader is gone dies of its next line.
    _stdout: BufReader<ChildStdout>,
}

impl SimServer {
    /// Starts `command` and waits for its first line, the addresses by service.
    ///
    /// # Panics
    ///
    /// Where it does not start, or its first line is not a JSON object of texts.
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut stdout = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        let addresses = match stdout.read_line(&mut line) {
            Ok(_) => serde_json::from_str(&line).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match addresses {
            Ok(addresses) => Self { child, addresses, _stdout: stdout },
            Err(error) => {
                end(&mut child);
                panic!("{command:?} printed {line:?} instead of its addresses: {error}");
            }
        }
    }

    /// The base URL of a service (`control`, `graph`, `login`).
    pub fn address(&self, service: &str) -> &str {
        let address = self.addresses.get(service);
        address.unwrap_or_else(|| panic!("no {service} among {:?}", self.addresses)).trim_end_matches('/')
    }

    /// The argument that points a command to this simulator.
    pub fn flag(&self) -> String {
        format!("--sim={}", self.address("control"))
    }

    /// The answer of `GET` on the control port.
    pub fn get_json(&self, path: &str) -> Value {
        self.call(reqwest::Method::GET, path, None)
    }

    /// The answer of `POST` on the control port; `null` where it has no body.
    pub fn post_json(&self, path: &str, body: &Value) -> Value {
        self.call(reqwest::Method::POST, path, Some(body))
    }

    /// `DELETE` on the control port.
    pub fn delete(&self, path: &str) {
        self.call(reqwest::Method::DELETE, path, None);
    }

    /// The calls since the last [`SimServer::forget_calls`].
    pub fn calls(&self) -> Vec<Value> {
        match self.get_json("/calls") {
            Value::Array(calls) => calls,
            other => panic!("GET /calls answered {other}, not a list"),
        }
    }

    /// How many calls of `kind` (`read`, `write`) were made.
    pub fn count(&self, kind: &str) -> u64 {
        let calls = self.calls();
        calls
            .iter()
            .filter(|call| call["kind"] == kind)
            .map(|call| call["count"].as_u64().expect("a count"))
            .sum()
    }

    /// Empties the list of calls.
    pub fn forget_calls(&self) {
        self.delete("/calls");
    }

    /// Switches a fault on, in the words of `schemas/sim-control.json`.
    pub fn fault(&self, fault: &Value) {
        self.post_json("/faults", fault);
    }

    /// Waits until the fault has struck. False once faults are cleared before that.
    pub fn fault_struck(&self, id: &str) -> bool {
        let (status, text) = self.send(reqwest::Method::GET, &format!("/faults/wait?id={id}"), None);
        assert!(status.is_success() || status == 404, "waiting for the fault {id} answered {status}: {text}");
        status.is_success()
    }

    /// The whole world.
    pub fn world(&self) -> Value {
        self.get_json("/world")
    }

    /// Changes made as a person makes them in the portal.
    pub fn portal(&self, changes: &Value) {
        self.post_json("/portal", changes);
    }

    fn call(&self, method: reqwest::Method, path: &str, body: Option<&Value>) -> Value {
        let (status, text) = self.send(method.clone(), path, body);
        assert!(status.is_success(), "{method} {path} answered {status}: {text}");
        if text.is_empty() {
            return Value::Null;
        }
        serde_json::from_str(&text)
            .unwrap_or_else(|error| panic!("{method} {path} answered {text:?}: {error}"))
    }

    fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<&Value>,
    ) -> (reqwest::StatusCode, String) {
        exchange(method, &format!("{}{path}", self.address("control")), body)
    }
}

/// Asks a server on this machine.
///
/// # Panics
///
/// Where it does not answer.
pub fn exchange(method: reqwest::Method, url: &str, body: Option<&Value>) -> (reqwest::StatusCode, String) {
    let answer = ask(|client| {
        let request = client.request(method, url);
        match body {
            Some(body) => request.json(body),
            None => request,
        }
    });
    (answer.status, answer.text)
}

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: reqwest::StatusCode,
    /// The body.
    pub text: String,
}

/// Sends any request to a server on this machine.
///
/// # Panics
///
/// Where it does not answer.
pub fn ask(make: impl FnOnce(&reqwest::Client) -> reqwest::RequestBuilder) -> Answer {
    let answer = RUNTIME.block_on(async {
        let response = make(&CLIENT).send().await?;
        let status = response.status();
        Ok::<_, reqwest::Error>(Answer { status, text: response.text().await? })
    });
    answer.unwrap_or_else(|error| panic!("{error}"))
}

impl Drop for SimServer {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// Kills and reaps; one that is already gone is as good.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}
