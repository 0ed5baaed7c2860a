//! `espalier watch` as a child process, and the events that it tells.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};

use super::server::exchange;

/// Nothing here takes that long: a wait that does will never end.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running `watch --format json`, killed when dropped.
#[derive(Debug)]
pub struct Watching {
    child: Child,
    events: Receiver<Value>,
    asides: Receiver<String>,
    /// Everything that was told, for the message of a failure.
    heard: Vec<Value>,
    said: Vec<String>,
}

impl Watching {
    /// Starts `command` with `--format json`.
    pub fn start(mut command: Command) -> Self {
        command.args(["--format", "json"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let events = lines(child.stdout.take().expect("stdout is piped"), |line| {
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?} is no event: {error}"))
        });
        let asides = lines(child.stderr.take().expect("stderr is piped"), |line| line);
        Self { child, events, asides, heard: Vec::new(), said: Vec::new() }
    }

    /// The next event of this kind.
    ///
    /// # Panics
    ///
    /// Where it does not come; with everything that came instead.
    #[track_caller]
    pub fn event(&mut self, kind: &str) -> Value {
        loop {
            match self.events.recv_timeout(PATIENCE) {
                Ok(event) => {
                    self.heard.push(event.clone());
                    if event["event"] == kind {
                        return event;
                    }
                }
                Err(error) => panic!("no {kind} ({error}) after {:#?}\n{}", self.names(), self.all_said()),
            }
        }
    }

    fn names(&self) -> Vec<&Value> {
        self.heard.iter().map(|event| &event["event"]).collect()
    }

    /// The events that came so far, without waiting.
    pub fn so_far(&mut self) -> Vec<Value> {
        let more: Vec<Value> = self.events.try_iter().collect();
        self.heard.extend(more.iter().cloned());
        more
    }

    /// The rest of a line on standard error that begins so.
    ///
    /// # Panics
    ///
    /// Where it does not come.
    #[track_caller]
    pub fn said(&mut self, beginning: &str) -> String {
        loop {
            match self.asides.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if let Some(rest) = line.strip_prefix(beginning) {
                        return rest.to_owned();
                    }
                }
                Err(error) => panic!("no {beginning:?} ({error}) among\n{}", self.all_said()),
            }
        }
    }

    fn all_said(&self) -> String {
        self.said.iter().cloned().chain(self.asides.try_iter()).collect::<Vec<_>>().join("\n")
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: i32) {
        let id = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: the child is not reaped before `self` ends, so the id is its own.
        let sent = unsafe { libc::kill(id, signal) };
        assert_eq!(sent, 0, "the process is there");
    }

    /// Waits for the end, and returns the exit code.
    pub fn end(mut self) -> Option<i32> {
        self.child.wait().expect("it is a child of this process").code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn lines<T: Send + 'static>(
    from: impl Read + Send + 'static,
    read: impl Fn(String) -> T + Send + 'static,
) -> Receiver<T> {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if tell.send(read(line)).is_err() {
                return;
            }
        }
    });
    told
}

/// The control port of a simulator that a watch holds in its own process.
#[derive(Clone, Debug)]
pub struct Control(pub String);

impl Control {
    /// Changes made as a person makes them in the portal.
    pub fn portal(&self, change: &Value) {
        self.post("/portal", change);
    }

    /// Lets time pass.
    pub fn advance(&self, span: &str) {
        self.post("/clock", &json!({ "advance": span }));
    }

    /// Posts to a path, which has to be taken.
    pub fn post(&self, path: &str, body: &Value) {
        let (status, text) = exchange(reqwest::Method::POST, &format!("{}{path}", self.0), Some(body));
        assert!(status.is_success(), "POST {path} answered {status}: {text}");
    }

    /// The answer of a path.
    pub fn get(&self, path: &str) -> Value {
        let (status, text) = exchange(reqwest::Method::GET, &format!("{}{path}", self.0), None);
        assert!(status.is_success(), "GET {path} answered {status}: {text}");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    /// The argument that points a command to this simulator.
    pub fn flag(&self) -> String {
        format!("--sim={}", self.0)
    }
}
