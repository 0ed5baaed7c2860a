//! Secrets are planted everywhere, and no output of any command holds one.

use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::http::Server;
use crate::support::{Output, TestEnv};

/// Every planted secret has this within.
pub const MARK: &str = "pl4nted";

/// A folder whose tenant is at the given addresses, with the fleet's ledger.
pub fn folder(graph: &str, login: &str, credential: &str) -> TestEnv {
    let env = TestEnv::with_example("small");
    env.replace("connection.yaml", "clientSecret: { env: INTUNE_CLIENT_SECRET }", credential);
    let endpoints = format!("  endpoints: {{ graph: \"{graph}\", login: \"{login}\" }}\n");
    env.write("connection.yaml", &(env.read("connection.yaml") + &endpoints));
    run(&env, &["ledger", "create"]).expect(0);
    env
}

fn run(env: &TestEnv, args: &[&str]) -> Output {
    run_with(env, args, &[])
}

/// As the runner that has these variables as well.
pub fn run_with(env: &TestEnv, args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = env.command(args);
    command
        .envs(variables.iter().copied())
        .env("ESPALIER_ALLOW", "endpoints,exec")
        .env("INTUNE_CLIENT_SECRET", format!("env-{MARK}"))
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LOG", "trace");
    Output::of(&mut command)
}

/// Runs every command that reads the documents, and searches what it printed.
fn every_command(env: &TestEnv) -> Vec<Output> {
    every_command_with(env, &[], &[MARK])
}

/// Likewise, as the runner that has these variables as well; no output may hold one of the texts.
pub fn every_command_with(env: &TestEnv, variables: &[(&str, &str)], hidden: &[&str]) -> Vec<Output> {
    let all: [&[&str]; 28] = [
        &["validate"],
        &["validate", "--format", "json"],
        &["validate", "--format", "sarif"],
        &["validate", "--format", "github"],
        &["validate", "--format", "gitlab"],
        &["plan", "--format", "markdown"],
        &["plan", "--format", "sarif"],
        &["plan", "-o", "plan.json"],
        &["plan", "--format", "json"],
        &["show", "plan.json"],
        &["show", "plan.json", "--format", "markdown"],
        &["apply", "plan.json", "--yes"],
        &["apply", "--yes"],
        &["apply", "--yes", "--format", "json"],
        &["apply", "--yes", "--format", "markdown"],
        &["status"],
        &["status", "--format", "json"],
        &["devices"],
        &["devices", "--format", "json"],
        &["action", "list", "--all"],
        &["action", "list", "--all", "--format", "json"],
        &["escrow", "list"],
        &["escrow", "list", "--format", "json"],
        &["journal"],
        &["journal", "--format", "json"],
        &["devices", "--format", "csv"],
        &["ledger", "check"],
        &["ledger", "journal"],
    ];
    all.iter()
        .map(|args| {
            let output = run_with(env, args, variables);
            for text in [&output.stdout, &output.stderr] {
                assert!(
                    !hidden.iter().any(|secret| text.contains(secret)),
                    "{args:?} prints a secret:\n{text}"
                );
                assert!(!text.contains("panicked"), "{args:?}:\n{text}");
            }
            output
        })
        .collect()
}

/// Searches every file that the commands wrote; `planted` are the test's own.
fn search(folder: &Path, planted: &[&str]) {
    search_for(folder, planted, &[MARK]);
}

/// Likewise, for these texts.
pub fn search_for(folder: &Path, planted: &[&str], hidden: &[&str]) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let path = entry.path();
        if path.is_dir() {
            search_for(&path, planted, hidden);
        } else if !planted.iter().any(|name| path.ends_with(name)) {
            let bytes = fs::read(&path).expect("a file");
            let holds = |text: &&str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
            assert!(!hidden.iter().any(holds), "{} holds a secret", path.display());
        }
    }
}

#[test]
fn a_secret_that_works_is_sent_and_shown_nowhere() {
    let graph = TestEnv::with_example("small");
    let server = graph.serve();
    let credentials = [
        "clientSecret: { env: INTUNE_CLIENT_SECRET }",
        "clientSecret: { file: secret.txt }",
        "clientSecret: { exec: [cat, secret.txt] }",
        "federatedTokenFile: secret.txt",
    ];
    for credential in credentials {
        let env = folder(server.address("graph"), server.address("login"), credential);
        env.write("secret.txt", &format!("file-{MARK}\n"));
        let outputs = every_command(&env);
        assert!(outputs.iter().all(|output| output.code == Some(0)), "{credential}: {outputs:#?}");
        search(&env.documents(), &["secret.txt"]);
        search(&env.home(), &[]);
    }
    let recorded = fs::read_to_string(graph.recording()).expect("the simulator records");
    assert!(recorded.contains("client_secret") && recorded.contains("client_assertion"));
    assert!(!recorded.contains(MARK), "the record holds a secret");
}

#[test]
fn servers_that_say_secrets_aloud_are_not_repeated() {
    // A sign-in that answers with everything that it was sent.
    let refusing = Server::start(|request| {
        let said = format!("no: {} {}", request.body, request.head.replace("\r\n", " "));
        (401, json!({ "error": "invalid_client", "error_description": said }).to_string())
    });
    let env = folder(refusing.url(), refusing.url(), "clientSecret: { env: INTUNE_CLIENT_SECRET }");
    let outputs = every_command(&env);
    assert!(outputs.iter().any(|output| output.code == Some(8)));
    search(&env.documents(), &[]);

    // One that grants a bearer, and a service that repeats it in its refusal.
    let heard = Arc::new(Mutex::new(false));
    let seen = Arc::clone(&heard);
    let service = Server::start(move |request| {
        if request.head.starts_with("POST") {
            let token = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": format!("bearer-{MARK}") });
            return (200, token.to_string());
        }
        *seen.lock().expect("no test panics here") |= request.head.contains(MARK);
        let said = format!("no: {}", request.head.replace("\r\n", " "));
        (403, json!({ "error": { "code": "Forbidden", "message": said } }).to_string())
    });
    let env = folder(service.url(), service.url(), "clientSecret: { env: INTUNE_CLIENT_SECRET }");
    let outputs = every_command(&env);
    assert!(outputs.iter().any(|output| output.code == Some(8)), "{outputs:#?}");
    assert!(*heard.lock().expect("no test panics here"), "the bearer was sent");
    search(&env.documents(), &[]);
}

#[test]
fn a_secret_written_into_a_document_is_refused_and_not_repeated() {
    let lines = [
        format!("clientSecret: {MARK}"),
        format!("clientSecret: \"{MARK}\""),
        format!("clientSecret: [{MARK}]"),
        format!("clientSecret: {{ value: {MARK} }}"),
        format!("clientSecret: {{ env: NAME, value: {MARK} }}"),
        format!("clientSecret: {{ env: \"{MARK}! no name\" }}"),
        format!("clientsecret: {MARK}"),
        format!("clientSecret: {{ {MARK}: env }}"),
        format!("password: {MARK}"),
        format!("clientSecret: |\n        {MARK}\n        {MARK}"),
        format!("clientSecret: &anchor {MARK}"),
        format!("clientSecret: !!binary {MARK}"),
        // Syntax errors on the secret's own line.
        format!("clientSecret: \"{MARK}"),
        format!("clientSecret: {{ env: {MARK}"),
        format!("clientSecret: {MARK}: {MARK}"),
        format!("clientSecret: *{MARK}"),
        format!("\tclientSecret: {MARK}"),
        format!("clientSecret: @{MARK}"),
        format!("clientSecret: {{ env: A }}\n      clientSecret: {MARK}"),
    ];
    let mut told = Vec::new();
    for line in &lines {
        let env = TestEnv::with_example("small");
        env.replace("connection.yaml", "clientSecret: { env: INTUNE_CLIENT_SECRET }", line);
        for args in [
            &["validate"][..],
            &["validate", "--format", "json"],
            &["validate", "--format", "sarif"],
            &["validate", "--format", "github"],
            &["validate", "--format", "gitlab"],
            &["plan", "--sim", "--format", "sarif"],
            &["plan", "--sim"],
            &["plan", "--sim", "-o", "plan.json"],
            &["apply", "--sim", "--yes"],
            &["ledger", "create"],
        ] {
            let output = run(&env, args);
            let text = format!("{}{}", output.stdout, output.stderr);
            if text.contains(MARK) || text.contains("panicked") {
                told.push(format!("{line:?}, {args:?}:\n{text}"));
            }
            if args[0] != "ledger" && output.code != Some(3) {
                told.push(format!("{line:?}, {args:?} ended with {:?}:\n{text}", output.code));
            }
        }
        search(&env.documents(), &["connection.yaml"]);
    }
    assert!(told.is_empty(), "{} outputs:\n{}", told.len(), told.join("\n\n"));
}
