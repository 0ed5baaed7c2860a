//! A process that dies at any write, to a device or to the ledger: no device ever gets a second request, and
//! every act comes to an end that the world confirms, or is left to a person.

use std::io::Read;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::ground::{self, IPAD, IPHONE};
use crate::support::{Output, SimServer, TestEnv};

/// The write that the process dies at, in debug builds.
const DIE_AT: &str = "ESPALIER_TEST_DIE_AT_LEDGER_WRITE";

/// Each action with the device that gets it, and the words of request and deed.
const ACTS: [(&str, &str, &str, &str); 2] =
    [("wipe", IPAD, "wipe", "wiped"), ("clearPasscode", IPHONE, "resetPasscode", "passcodeCleared")];

const WORKERS: usize = 2;

fn folder() -> TestEnv {
    let env = TestEnv::new();
    ground::documents(&env, "");
    for (action, serial, ..) in ACTS {
        let name = action.to_lowercase();
        env.write(
            &format!("{name}.yaml"),
            &ground::document(&name, action, &[serial], ground::REQUESTED, ""),
        );
    }
    env
}

fn apply(env: &TestEnv, server: &SimServer) -> Output {
    env.run(["apply", "--yes", "--wait", "10m", &server.flag()])
}

/// Applies until nothing more can come, and holds the world to it.
fn recovers(env: &TestEnv, server: &SimServer) -> Result<(), String> {
    let mut last = apply(env, server);
    for _ in 0..2 {
        server.post_json("/clock", &json!({ "advance": "4h" }));
        last = apply(env, server);
    }
    let world = server.world();
    for (action, serial, request, deed) in ACTS {
        let of = &world["history"]["devices"][serial];
        let count = |list: &str, member: &str, word: &str| {
            of[list]
                .as_array()
                .map_or(0, |all: &Vec<Value>| all.iter().filter(|one| one[member] == word).count())
        };
        let (requests, deeds) = (count("requests", "action", request), count("deeds", "what", deed));
        if requests > 1 || deeds > 1 {
            return Err(format!("{action}: {requests} requests, {deeds} deeds"));
        }
        let journal = env.run(["journal", &server.flag()]).stdout;
        let promised =
            journal.contains(&format!("DeviceAction/{} {serial} request promised", action.to_lowercase()));
        if !promised {
            return Err(format!("{action} was never promised:\n{}\n{}\n{journal}", last.stdout, last.stderr));
        }
    }
    Ok(())
}

fn all<T: Sync + std::fmt::Debug>(cases: &[T], run: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = run(case) {
                        wrong.lock().expect("no thread panics here").push(format!("{case:?}: {why}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no thread panicked");
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only debug builds can be told when to die")]
fn a_run_that_dies_at_any_write_to_the_ledger_sends_nothing_twice() {
    let beginning = ground::beginning();
    let survivors = AtomicUsize::new(0);
    let cases: Vec<(u64, &str)> =
        (1..=40).flat_map(|write| ["before", "after"].map(|when| (write, when))).collect();
    all(&cases, |&(write, when)| {
        if survivors.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let env = folder();
        let server = env.serve_world(&beginning);
        let mut command = env.command(["apply", "--yes", "--wait", "10m", &server.flag()]);
        let output = Output::of(command.env(DIE_AT, format!("{write}:{when}")));
        match output.code {
            None => recovers(&env, &server),
            Some(_) if write > 8 => {
                survivors.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            code => Err(format!("ended with {code:?}:\n{}\n{}", output.stdout, output.stderr)),
        }
    });
    assert!(survivors.into_inner() > 0, "a run makes more than 40 writes; raise the number");
}

#[test]
fn a_run_that_is_killed_at_any_request_to_a_device_sends_it_once() {
    let beginning = ground::beginning();
    let mut cases = Vec::new();
    for (_, _, request, _) in ACTS {
        for fault in ["hold", "cut"] {
            for when in ["before", "after"] {
                cases.push((request, fault, when));
            }
        }
    }
    all(&cases, |&(request, fault, when)| {
        let env = folder();
        let server = env.serve_world(&beginning);
        server.fault(&json!({
            "id": "death", "fault": fault, "when": when, "kind": "write",
            "operation": format!("deviceManagement.managedDevices.item.{request}.post"),
        }));
        if !killed_at(&env, &server, "death") {
            return Err("the request never came".to_owned());
        }
        recovers(&env, &server)
    });
}

/// Applies, and kills the process as soon as the fault has struck. False where it never did.
fn killed_at(env: &TestEnv, server: &SimServer, fault: &str) -> bool {
    let mut command = env.command(["apply", "--yes", "--wait", "10m", &server.flag()]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    std::thread::scope(|scope| {
        let over = scope.spawn(move || {
            let mut text = String::new();
            let _ = stdout.read_to_string(&mut text);
            server.delete("/faults");
        });
        let struck = server.fault_struck(fault);
        child.kill().and_then(|()| child.wait()).expect("it is a child of this process");
        over.join().expect("the faults are cleared");
        struck
    })
}
