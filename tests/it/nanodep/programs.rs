//! NanoDEP's programs as child processes: `depserver` with its API and its proxy, `depsyncer` with
//! its webhook, `deptokens`. All of them keep what they know in a folder of the test.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::support::http::Server;
use crate::support::{Answer, Output, ask};

/// Nothing here takes that long: a wait that does will never end.
const PATIENCE: Duration = Duration::from_secs(60);
/// What `depserver` wants to hear.
const KEY: &str = "only-for-this-test";
/// As this project's client and NanoDEP's send it.
const JSON: &str = "application/json;charset=UTF8";

/// The folder of the programs.
#[derive(Debug)]
pub struct Programs(PathBuf);

impl Programs {
    /// Those in `folder`.
    ///
    /// # Panics
    ///
    /// Where one of them is missing.
    pub fn at(folder: PathBuf) -> Self {
        for name in ["depserver", "depsyncer", "deptokens"] {
            assert!(folder.join(name).is_file(), "{} has no {name}", folder.display());
        }
        Self(folder)
    }

    /// One of them, with nothing of the caller's environment: a proxy there would be asked first.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(self.0.join(name));
        command.env_clear().stdin(Stdio::null());
        command
    }

    /// Runs `deptokens` to its end.
    pub fn deptokens(&self, folder: &Path, args: &[&str]) -> Output {
        Output::of(self.command("deptokens").args(args).current_dir(folder))
    }
}

/// A running `depserver`.
#[derive(Debug)]
pub struct DepServer {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl DepServer {
    /// Starts it over the storage in `folder`.
    pub fn start(programs: &Programs, folder: &Path) -> Self {
        // Its port has to be named: a free one, unless somebody else is quicker.
        for _ in 0..5 {
            let port =
                TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
            let listen = format!("127.0.0.1:{port}");
            let mut command = programs.command("depserver");
            command.args(["-debug", "-api", KEY, "-listen", &listen, "-storage", "filekv", "-storage-dsn"]);
            command.arg(folder).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let said = Arc::new(Mutex::new(Vec::new()));
            for stream in [
                Box::new(child.stdout.take().expect("piped")) as Box<dyn Read + Send>,
                Box::new(child.stderr.take().expect("piped")),
            ] {
                let said = Arc::clone(&said);
                lines(stream, move |line| said.lock().expect("no panic holds it").push(line));
            }
            let mut server = Self { child, said, url: format!("http://{listen}") };
            if server.listens(&listen) {
                return server;
            }
        }
        panic!("depserver finds no port")
    }

    /// Waits until it takes connections; false where it ended.
    fn listens(&mut self, address: &str) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.child.try_wait().expect("it is a child of this process").is_some() {
                return false;
            }
            if TcpStream::connect(address).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("depserver does not listen: {}", self.said())
    }

    /// What it printed.
    pub fn said(&self) -> String {
        self.said.lock().expect("no panic holds it").join("\n")
    }

    /// A request to its API or its proxy, with JSON or text.
    pub fn ask(&self, method: Method, path: &str, body: Option<&str>) -> Answer {
        ask(|client| {
            let request = client.request(method, format!("{}{path}", self.url));
            let request = request.basic_auth("depserver", Some(KEY));
            // The proxy passes on what it is given; without a name the service refuses the call.
            let request = request.header("User-Agent", "judge/1").header("Content-Type", JSON);
            match body {
                Some(body) => request.body(body.to_owned()),
                None => request,
            }
        })
    }

    /// As [`DepServer::ask`]; the text of an answer of status 200.
    #[track_caller]
    pub fn get(&self, path: &str) -> String {
        self.done(self.ask(Method::GET, path, None))
    }

    /// As [`DepServer::get`], with `PUT`.
    #[track_caller]
    pub fn put(&self, path: &str, body: &str) -> String {
        self.done(self.ask(Method::PUT, path, Some(body)))
    }

    #[track_caller]
    fn done(&self, answer: Answer) -> String {
        assert_eq!(answer.status, 200, "{}\n{}", answer.text, self.said());
        answer.text
    }

    /// The JSON that the proxy hands on, of status 200.
    #[track_caller]
    pub fn proxy(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let text = body.map(Value::to_string);
        let text = self.done(self.ask(method, &format!("/proxy/{path}"), text.as_deref()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }
}

impl Drop for DepServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A page that `depsyncer` handed on.
#[derive(Clone, Debug)]
pub struct Page {
    /// From a full read, not from a delta.
    pub is_fetch: bool,
    /// As NanoDEP understood the answer, and wrote it again.
    pub response: Value,
}

impl Page {
    /// Its devices.
    pub fn devices(&self) -> &[Value] {
        self.response["devices"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// From one wait of `depsyncer` to the next.
#[derive(Debug, Default)]
pub struct Cycle {
    /// In the order in which they were asked for.
    pub pages: Vec<Page>,
    /// What it printed.
    pub said: Vec<String>,
}

impl Cycle {
    /// The devices of all full pages, or of all deltas, in order.
    pub fn devices(&self, is_fetch: bool) -> impl Iterator<Item = &Value> {
        self.pages.iter().filter(move |page| page.is_fetch == is_fetch).flat_map(Page::devices)
    }

    /// `serial_number` and `op_type` of what the deltas told.
    pub fn told(&self) -> Vec<(String, String)> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.devices(false).map(|device| (text(&device["serial_number"]), text(&device["op_type"]))).collect()
    }

    /// Whether it printed a line with all these words.
    pub fn says(&self, words: &[&str]) -> bool {
        self.said.iter().any(|line| words.iter().all(|word| line.contains(word)))
    }
}

/// A running `depsyncer` in its continuous mode: each cycle is asked for.
#[derive(Debug)]
pub struct DepSyncer {
    child: Child,
    lines: Receiver<String>,
    pages: Receiver<Page>,
    cursor: PathBuf,
    _webhook: Server,
}

impl DepSyncer {
    /// Starts it for the DEP name `name` over the storage in `folder`; its first cycle begins.
    pub fn start(programs: &Programs, folder: &Path, name: &str, limit: usize) -> Self {
        let (tell, pages) = channel();
        let webhook = webhook(tell);
        let mut command = programs.command("depsyncer");
        command.args(["-debug", "-debug-syncer", "-debug-assigner", "-duration", "86400"]);
        command.args(["-limit", &limit.to_string(), "-webhook-url", webhook.url()]);
        command.args(["-storage", "filekv", "-storage-dsn"]).arg(folder).arg(name);
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (say, said) = channel();
        lines(child.stderr.take().expect("stderr is piped"), move |line| {
            // Nobody hears it any more when the test is over.
            let _ = say.send(line);
        });
        let cursor = folder.join("dep_names").join(format!("cursor.{name}"));
        Self { child, lines: said, pages, cursor, _webhook: webhook }
    }

    /// Asks for a cycle, and waits for its end.
    #[track_caller]
    pub fn again(&mut self) -> Cycle {
        let id = i32::try_from(self.child.id()).expect("a process id");
        // SAFETY: the child is not reaped before `self` ends, so the id is its own.
        let sent = unsafe { libc::kill(id, libc::SIGHUP) };
        assert_eq!(sent, 0, "depsyncer is there");
        self.cycle()
    }

    /// Waits for the end of the cycle under way: its last delta, whose cursor is kept, or its first error.
    #[track_caller]
    pub fn cycle(&mut self) -> Cycle {
        let mut cycle = Cycle::default();
        let mut cursors = Vec::new();
        loop {
            let line = self.line(&cycle);
            let done = line.contains("msg=device sync phase=");
            if done {
                cursors.push(word(&line, "cursor").to_owned());
            }
            let over = done && word(&line, "phase") == "sync" && word(&line, "more") == "false";
            let over = over || line.contains("msg=error syncing");
            cycle.said.push(line);
            if over {
                break;
            }
        }
        // The webhook is called beside the syncer, in any order.
        let mut pages = Vec::new();
        while pages.len() < cursors.len() {
            let page = self.pages.recv_timeout(PATIENCE);
            pages.push(
                page.unwrap_or_else(|error| panic!("a page is not handed on ({error}): {:#?}", cycle.said)),
            );
        }
        for cursor in &cursors {
            let at = pages.iter().position(|page| page.response["cursor"] == cursor.as_str());
            cycle.pages.push(pages.remove(at.unwrap_or_else(|| panic!("no page with the cursor {cursor}"))));
        }
        if let Some(last) = cursors.last() {
            self.keeps(last);
        }
        cycle
    }

    /// Waits until a cursor is in its file, which is told by nothing else: who is killed before it has
    /// none the next time.
    #[track_caller]
    fn keeps(&self, cursor: &str) {
        let begun = Instant::now();
        while std::fs::read(&self.cursor).ok().as_deref() != Some(cursor.as_bytes()) {
            assert!(begun.elapsed() < PATIENCE, "depsyncer does not keep the cursor {cursor}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for a line that says all these words, printed after the last cycle.
    #[track_caller]
    pub fn says(&mut self, words: &[&str]) -> String {
        let mut heard = Cycle::default();
        loop {
            let line = self.line(&heard);
            if words.iter().all(|word| line.contains(word)) {
                return line;
            }
            heard.said.push(line);
        }
    }

    #[track_caller]
    fn line(&self, before: &Cycle) -> String {
        let line = self.lines.recv_timeout(PATIENCE);
        line.unwrap_or_else(|error| panic!("depsyncer says no more ({error}) after {:#?}", before.said))
    }
}

impl Drop for DepSyncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The value of `name=…` in a line; empty without one.
fn word<'a>(line: &'a str, name: &str) -> &'a str {
    let pairs = line.split(' ').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(found, _)| *found == name).map(|(_, value)| value).next().unwrap_or_default()
}

fn webhook(tell: Sender<Page>) -> Server {
    let tell = Mutex::new(tell);
    Server::start(move |request| {
        let event: Value = serde_json::from_str(&request.body).expect("the webhook's body is JSON");
        let response = event["device_response_event"]["device_response"].clone();
        let page = Page { is_fetch: event["topic"] == "dep.FetchDevices", response };
        // Nobody hears it any more when the test is over.
        let _ = tell.lock().expect("no panic holds it").send(page);
        (200, "{}".to_owned())
    })
}

fn lines(from: impl Read + Send + 'static, mut tell: impl FnMut(String) + Send + 'static) {
    std::thread::spawn(move || BufReader::new(from).lines().map_while(Result::ok).for_each(&mut tell));
}
