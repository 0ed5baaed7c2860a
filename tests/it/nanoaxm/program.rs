//! NanoAXM's server as a child process.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::Value;

use crate::support::{Answer, ask};

use super::tunnel::Tunnel;

/// Nothing here takes that long: a wait that does will never end.
const PATIENCE: Duration = Duration::from_secs(60);
/// What it wants to hear.
const KEY: &str = "only-for-this-test";

/// A running server, which keeps what it knows in its memory.
#[derive(Debug)]
pub struct NanoAxm {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
    url: String,
}

impl NanoAxm {
    /// Starts the program in `folder`; it reaches other hosts through the tunnel alone, whose
    /// authority it is told in the file `authority`.
    pub fn start(folder: &Path, tunnel: &Tunnel, authority: &Path) -> Self {
        let program = folder.join("nanoaxm");
        assert!(program.is_file(), "{} has no nanoaxm", folder.display());
        // Its port has to be named: a free one, unless somebody else is quicker.
        for _ in 0..5 {
            let port =
                TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port();
            let listen = format!("127.0.0.1:{port}");
            let mut command = Command::new(&program);
            command.args(["-debug", "-api", KEY, "-listen", &listen, "-storage", "inmem"]);
            // Nothing of the caller's environment: a proxy there would be asked first.
            command.env_clear().env("HTTPS_PROXY", tunnel.url()).env("HTTP_PROXY", tunnel.url());
            command.env("SSL_CERT_FILE", authority).env("SSL_CERT_DIR", authority.with_extension("none"));
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
            let said = Arc::new(Mutex::new(Vec::new()));
            for stream in [
                Box::new(child.stdout.take().expect("piped")) as Box<dyn Read + Send>,
                Box::new(child.stderr.take().expect("piped")),
            ] {
                let said = Arc::clone(&said);
                let lines = BufReader::new(stream).lines().map_while(Result::ok);
                std::thread::spawn(move || {
                    lines.for_each(|line| said.lock().expect("no panic holds it").push(line));
                });
            }
            let mut server = Self { child, said, url: format!("http://{listen}") };
            if server.listens(&listen) {
                return server;
            }
        }
        panic!("nanoaxm finds no port")
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
        panic!("nanoaxm does not listen: {}", self.said())
    }

    /// What it printed.
    pub fn said(&self) -> String {
        self.said.lock().expect("no panic holds it").join("\n")
    }

    /// Waits until it has said a word.
    #[track_caller]
    pub fn says(&self, word: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.said().contains(word) {
            assert!(Instant::now() < end, "it does not say {word:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Tells it an account under a name, as its form does.
    #[track_caller]
    pub fn learn(&self, name: &str, client_id: &str, key_id: &str, pem: &str) {
        let answer = self.teach(name, client_id, key_id, pem);
        assert_eq!(answer.status, 200, "{}\n{}", answer.text, self.said());
    }

    /// As [`NanoAxm::learn`], whatever it answers.
    pub fn teach(&self, name: &str, client_id: &str, key_id: &str, pem: &str) -> Answer {
        const BETWEEN: &str = "between-the-parts";
        let mut body = String::new();
        for (field, value) in [("axm_name", name), ("client_id", client_id), ("key_id", key_id)] {
            body += &format!(
                "--{BETWEEN}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n"
            );
        }
        body += &format!(
            "--{BETWEEN}\r\nContent-Disposition: form-data; name=\"private_key\"; filename=\"key.pem\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n{pem}\r\n--{BETWEEN}--\r\n"
        );
        ask(|client| {
            let request = client.post(format!("{}/authcreds", self.url)).basic_auth("nanoaxm", Some(KEY));
            request.header("Content-Type", format!("multipart/form-data; boundary={BETWEEN}")).body(body)
        })
    }

    /// A request through one of its proxies: `path` is `business/NAME/v1/…` or `school/NAME/v1/…`.
    pub fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        ask(|client| {
            let request = client.request(method, format!("{}/proxy/{path}", self.url));
            let request = request.basic_auth("nanoaxm", Some(KEY));
            let request = request.header("Accept", "application/json").header("User-Agent", "judge/1");
            match body {
                Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
                None => request,
            }
        })
    }

    /// The JSON of an answer with this status.
    #[track_caller]
    pub fn json(&self, method: Method, path: &str, body: Option<&Value>, status: u16) -> Value {
        let answer = self.ask(method, path, body);
        assert_eq!(answer.status, status, "{path}: {}\n{}", answer.text, self.said());
        serde_json::from_str(&answer.text).unwrap_or_else(|error| panic!("{path}: {error}: {}", answer.text))
    }

    /// The JSON of a read.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        self.json(Method::GET, path, None, 200)
    }
}

impl Drop for NanoAxm {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
