//! The tests' own ground: foreign settings stay out, and a broken contract fails the test.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use serde_json::json;

use crate::support::contract::Judge;
use crate::support::{Output, RECORD, SimServer, TestEnv};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

#[test]
fn commands_run_in_their_own_folder_and_home() {
    let env = TestEnv::new();
    let command = env.command(["plan"]);
    let set = |name: &str| command.get_envs().find(|(known, _)| *known == name).and_then(|(_, value)| value);
    assert_eq!(set("HOME"), Some(env.home().as_os_str()));
    assert_eq!(set(RECORD), Some(env.recording().as_os_str()));
    assert_eq!(set("NO_COLOR"), Some(OsStr::new("1")));
    assert_eq!(command.get_current_dir(), Some(env.documents().as_path()));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ESPALIER_")) {
        assert!(name == RECORD || command.get_envs().any(|(known, value)| known == name && value.is_none()));
    }
}

#[test]
fn an_example_is_copied_with_its_folders() {
    let env = TestEnv::with_example("small");
    assert!(env.read("fleet.yaml").contains("kind: Fleet"));
    env.replace("fleet.yaml", "kind: Fleet", "kind: Flett");
    assert!(env.read("fleet.yaml").contains("kind: Flett"));
    assert!(env.read("devices/shared-ipads.csv").lines().count() > 20);
}

#[test]
fn an_exit_code_other_than_expected_fails_with_the_output() {
    let output = Output::of(&mut shell("echo out; echo err >&2; exit 3")).expect(3);
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("out\n", "err\n"));
    assert!(catch_unwind(AssertUnwindSafe(|| output.clone().expect(0))).is_err());
}

#[test]
fn a_recorded_exchange_that_breaks_the_contract_fails_the_test() {
    if Judge::from_env().is_none() {
        return;
    }
    let recorded = |path: &str| {
        let env = TestEnv::new();
        let line = json!({ "service": "graph", "method": "GET", "path": path, "status": 200, "responseBody": { "value": [] } });
        std::fs::write(env.recording(), format!("{line}\n")).expect("a recording");
        env
    };
    recorded("/beta/deviceManagement/roleScopeTags").finish();
    for end in [TestEnv::finish, drop::<TestEnv>] {
        let env = recorded("/beta/deviceManagement/roleScopeTag");
        assert!(catch_unwind(AssertUnwindSafe(|| end(env))).is_err());
    }
}

#[test]
fn a_simulator_that_prints_no_addresses_fails_at_once() {
    assert!(catch_unwind(|| SimServer::start(shell("exit 1"))).is_err());
    assert!(catch_unwind(|| SimServer::start(shell("echo starting; exec cat"))).is_err());
}

#[test]
fn the_control_port_is_called_with_json() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let control = format!("http://{}/", listener.local_addr().expect("its address"));
    let answers = std::thread::spawn(move || {
        let bodies =
            [r#"[{"kind":"read","count":2},{"kind":"write","count":1},{"kind":"read","count":3}]"#, "", "{}"];
        bodies.map(|body| answer(&listener, body))
    });
    let server = SimServer::start(shell(&format!("echo '{{\"control\":\"{control}\"}}'; exec sleep 600")));
    assert_eq!(server.count("read"), 5);
    server.forget_calls();
    assert_eq!(server.post_json("/clock", &json!({ "advance": "15m" })), json!({}));
    let requests = answers.join().expect("three requests came");
    assert_eq!(requests, ["GET /calls ", "DELETE /calls ", r#"POST /clock {"advance":"15m"}"#]);
    assert_eq!(server.flag(), format!("--sim={}", control.trim_end_matches('/')));
}

/// Answers one request with `body`, and tells the request's method, path and body.
fn answer(listener: &TcpListener, body: &str) -> String {
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header line");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
        if head.is_empty() {
            head = line.trim_end().trim_end_matches("HTTP/1.1").to_owned();
        }
    }
    let mut sent = vec![0; length];
    reader.read_exact(&mut sent).expect("the body");
    let answer =
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
    reader.into_inner().write_all(answer.as_bytes()).expect("an answer");
    head + &String::from_utf8_lossy(&sent)
}
