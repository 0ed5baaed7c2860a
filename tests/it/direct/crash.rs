//! A process that dies at any write, to Apple or to the ledger, is followed by one that ends in the same
//! world.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::faults::editions;
use super::stand::{self, PAGE};
use crate::support::{Output, SimServer, TestEnv};

/// The write that the process dies at, in debug builds.
const DIE_AT: &str = "ESPALIER_TEST_DIE_AT_LEDGER_WRITE";

/// The second edition over a world in which the first one was applied, with what that left behind.
fn between_editions() -> (TestEnv, SimServer) {
    let (first, second) = editions();
    let env = TestEnv::new();
    env.write("certificate.pem", &stand::CERTIFICATE);
    env.write("fleet.yaml", &first);
    let world = stand::world(vec![stand::service("alpha", 0, 2 * PAGE + 1)]);
    let server = env.serve_world(&serde_json::from_slice(&world.to_json()).expect("a world"));
    apply(&env, &server).expect(0);
    env.write("fleet.yaml", &second);
    server.forget_calls();
    (env, server)
}

fn apply(env: &TestEnv, server: &SimServer) -> Output {
    env.run(["apply", "--yes", &server.flag()])
}

/// Which profile each device has, by content and without its id, and the URL.
fn state(world: &Value) -> BTreeMap<String, Value> {
    let service = &world["services"][0];
    let mut state = BTreeMap::from([("url".to_owned(), service["discovery"]["url"].clone())]);
    for row in service["fleet"]["rows"].as_array().expect("rows") {
        let mut profile = service["profiles"][row["profile"].to_string()]["members"].clone();
        if !matches!(row["status"].as_str(), Some("assigned" | "pushed")) {
            profile = Value::Null;
        }
        state.insert(row["serial"].as_str().expect("a serial").to_owned(), profile);
    }
    state
}

/// Applies again, twice at most, and compares. Says what is wrong.
fn recovers(env: &TestEnv, server: &SimServer, wished: &BTreeMap<String, Value>) -> Result<(), String> {
    let mut last = apply(env, server);
    if last.code != Some(0) {
        last = apply(env, server);
    }
    if last.code != Some(0) {
        return Err(format!("apply ended with {:?}:\n{}\n{}", last.code, last.stdout, last.stderr));
    }
    let is = state(&server.world());
    if is != *wished {
        return Err(format!("the world is {is:#?}"));
    }
    let again = env.run(["plan", "--detailed-exitcode", &server.flag()]);
    if again.code != Some(0) {
        return Err(format!("something is left to do ({:?}):\n{}", again.code, again.stdout));
    }
    Ok(())
}

/// What an undisturbed run leaves, and its writes with their counts.
fn undisturbed() -> (BTreeMap<String, Value>, Vec<(String, u64)>) {
    let (env, server) = between_editions();
    apply(&env, &server).expect(0);
    let writes = server.calls().into_iter().filter(|call| call["kind"] == "write").map(|call| {
        let operation = call["operation"].as_str().expect("an operation").to_owned();
        (operation, call["count"].as_u64().expect("a count"))
    });
    (state(&server.world()), writes.collect())
}

#[test]
fn a_run_that_is_killed_at_any_write_to_apple_is_finished_by_the_next() {
    let (wished, writes) = undisturbed();
    assert!(writes.len() >= 4, "every kind of write is needed: {writes:?}");
    let mut wrong = Vec::new();
    for (operation, count) in &writes {
        for nth in 1..=*count {
            for (fault, when) in [("hold", "before"), ("hold", "after")] {
                let (env, server) = between_editions();
                let case = format!("{operation} {nth} {fault} {when}");
                server.fault(&json!({
                    "id": "death", "fault": fault, "operation": operation, "nth": nth, "when": when,
                }));
                let mut command = env.command(["apply", "--yes", &server.flag()]);
                command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
                let mut child = command.spawn().expect("it starts");
                let mut stdout = child.stdout.take().expect("stdout is piped");
                let struck = std::thread::scope(|scope| {
                    let over = scope.spawn(|| {
                        let mut text = String::new();
                        let _ = stdout.read_to_string(&mut text);
                        server.delete("/faults");
                    });
                    let struck = server.fault_struck("death");
                    child.kill().and_then(|()| child.wait()).expect("it is a child of this process");
                    over.join().expect("the faults are cleared");
                    struck
                });
                if !struck {
                    wrong.push(format!("{case}: the write never came"));
                } else if let Err(why) = recovers(&env, &server, &wished) {
                    wrong.push(format!("{case}: {why}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only debug builds can be told when to die")]
fn a_run_that_dies_at_any_write_to_the_ledger_is_finished_by_the_next() {
    let (wished, _) = undisturbed();
    let mut wrong = Vec::new();
    for write in 1.. {
        let mut has_died = false;
        for when in ["before", "after"] {
            let (env, server) = between_editions();
            let mut command = env.command(["apply", "--yes", &server.flag()]);
            let output = Output::of(command.env(DIE_AT, format!("{write}:{when}")));
            match output.code {
                None => {
                    has_died = true;
                    if let Err(why) = recovers(&env, &server, &wished) {
                        wrong.push(format!("{write} {when}: {why}"));
                    }
                }
                Some(0) => {}
                code => wrong.push(format!("{write} {when}: ended with {code:?}:\n{}", output.stderr)),
            }
        }
        if !has_died {
            assert!(write > 8, "a run writes more often than {write} times");
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
