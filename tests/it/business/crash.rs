//! A process that dies at any call to Apple or at any write to the ledger is followed by one that ends in
//! the same world, and no device is moved twice.
//!
//! At the ledger it dies before every other write and after those between; `ESPALIER_FAULT_RUNS` makes it
//! both at each.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::process::Stdio;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use espalier::sim::World;
use serde_json::{Value, json};

use super::fleet;
use super::ground::{Ground, is_thorough};
use crate::direct::stand::CERTIFICATE;
use crate::support::{Output, SimServer, TestEnv};

/// The write that the process dies at, in debug builds.
const DIE_AT: &str = "ESPALIER_TEST_DIE_AT_LEDGER_WRITE";

/// What an undisturbed run begins with and does.
struct Undisturbed {
    beginning: Value,
    /// What the folder holds besides the documents, by file.
    kept: Vec<(std::path::PathBuf, Vec<u8>)>,
    end: BTreeMap<String, String>,
    /// Each operation at Apple with the number of its requests, and each other write.
    calls: Vec<(String, u64)>,
}

static UNDISTURBED: LazyLock<Undisturbed> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (beginning, kept) = runtime.block_on(Ground::beginning());
    let mut undisturbed = Undisturbed { beginning, kept, end: BTreeMap::new(), calls: Vec::new() };
    let (env, server) = between_editions(&undisturbed);
    apply(&env, &server).expect(0);
    undisturbed.end = state(&server);
    let counted = |call: Value| {
        let text = |member: &str| call[member].as_str().expect("a text").to_owned();
        let is_ours = matches!(text("service").as_str(), "business" | "storage");
        let wanted = is_ours || call["kind"] == "write";
        wanted.then(|| (text("operation"), call["count"].as_u64().expect("a count")))
    };
    undisturbed.calls = server.calls().into_iter().filter_map(counted).collect();
    undisturbed
});

/// The second edition over a world in which the first one was applied, with what that left behind.
fn between_editions(undisturbed: &Undisturbed) -> (TestEnv, SimServer) {
    let env = TestEnv::new();
    env.write("certificate.pem", &CERTIFICATE);
    env.write("fleet.yaml", &fleet::second());
    for (file, bytes) in &undisturbed.kept {
        let path = env.documents().join(file);
        fs::create_dir_all(path.parent().expect("a file lies in a folder"))
            .and_then(|()| fs::write(path, bytes))
            .expect("a file in the test's own folder");
    }
    let server = env.serve_world(&undisturbed.beginning);
    (env, server)
}

fn apply(env: &TestEnv, server: &SimServer) -> Output {
    env.run(["apply", "--yes", "--wait=40m", &server.flag()])
}

fn world(server: &SimServer) -> World {
    World::from_json(server.world().to_string().as_bytes()).expect("the world")
}

fn state(server: &SimServer) -> BTreeMap<String, String> {
    fleet::state(&world(server))
}

/// Applies again once nobody can be in doubt any more, and holds what came of it to the undisturbed run.
fn recovers(env: &TestEnv, server: &SimServer) -> Result<(), String> {
    let advance = || server.post_json("/clock", &json!({"advance": "16m"}));
    let mut last = None;
    for _ in 0..2 {
        advance();
        let output = apply(env, server);
        let is_done = output.code == Some(0) && state(server) == UNDISTURBED.end;
        last = Some(output);
        if is_done {
            break;
        }
    }
    let last = last.expect("it ran");
    let world = world(server);
    let mut broken = fleet::difference(&fleet::state(&world), &UNDISTURBED.end);
    broken.extend(fleet::never(&world.history.organizations));
    if last.code != Some(0) {
        broken.push(format!("apply ended with {:?}", last.code));
    }
    if broken.is_empty() {
        let again = env.run(["plan", "--detailed-exitcode", &server.flag()]);
        if again.code != Some(0) {
            broken.push(format!("something is left to do ({:?}):\n{}", again.code, again.stdout));
        }
    }
    match broken.is_empty() {
        true => Ok(()),
        false => Err(format!("{}\n{}\n{}", broken.join("\n"), last.stdout, last.stderr)),
    }
}

/// Runs cases side by side, as many as there are cores. Ends with all that went wrong.
fn all<T: Sync + std::fmt::Debug>(cases: &[T], run: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = AtomicUsize::new(0);
    let workers = std::thread::available_parallelism().map_or(2, usize::from).min(4);
    let broken: Vec<String> = std::thread::scope(|scope| {
        let work = || {
            let mut broken = Vec::new();
            while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                broken.extend(run(case).err().map(|why| format!("{case:?}: {why}")));
            }
            broken
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("a worker")).collect()
    });
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// Dies while its request, or the answer to it, is on the way.
fn killed(operation: &str, nth: u64, when: &str) -> Result<(), String> {
    let (env, server) = between_editions(&UNDISTURBED);
    server.fault(&json!({"id": "death", "fault": "hold", "operation": operation, "nth": nth, "when": when}));
    let mut command = env.command(["apply", "--yes", "--wait=40m", &server.flag()]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().expect("it starts");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    let struck = std::thread::scope(|scope| {
        let over = scope.spawn(|| {
            let _ = stdout.read_to_string(&mut String::new());
            server.delete("/faults");
        });
        let struck = server.fault_struck("death");
        child.kill().and_then(|()| child.wait()).expect("it is a child of this process");
        over.join().expect("the faults are cleared");
        struck
    });
    match struck {
        true => recovers(&env, &server),
        false => Err("the call never came".to_owned()),
    }
}

#[test]
fn a_run_that_is_killed_at_any_call_to_apple_is_finished_by_the_next() {
    let mut cases = Vec::new();
    for (operation, count) in &UNDISTURBED.calls {
        let is_write = ["create", "update", "delete", "post", "patch"];
        let is_write = is_write.iter().any(|word| operation.contains(word));
        match is_write {
            true => {
                for nth in 1..=*count {
                    cases.extend(["before", "after"].map(|when| (operation.as_str(), nth, when)));
                }
            }
            // Reads of one kind differ in what was written before them: the last one is after most of it.
            false => cases.push((operation.as_str(), *count, "before")),
        }
    }
    assert!(cases.len() > 20, "{cases:?}");
    all(&cases, |(operation, nth, when)| killed(operation, *nth, when));
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "only debug builds can be told when to die")]
fn a_run_that_dies_at_any_write_to_the_ledger_is_finished_by_the_next() {
    let survivors = AtomicUsize::new(0);
    let both = (1..=80).flat_map(|write| ["before", "after"].map(|when| (write, when)));
    let is_other = |(write, when): &(u32, &str)| (write % 2 == 0) == (*when == "after");
    let cases: Vec<(u32, &str)> = both.filter(|case| is_thorough() || is_other(case)).collect();
    all(&cases, |&(write, when)| {
        if survivors.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let (env, server) = between_editions(&UNDISTURBED);
        let mut command = env.command(["apply", "--yes", "--wait=40m", &server.flag()]);
        let output = Output::of(command.env(DIE_AT, format!("{write}:{when}")));
        match output.code {
            None => recovers(&env, &server),
            Some(0) if write > 20 => {
                survivors.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            code => Err(format!("ended with {code:?}:\n{}\n{}", output.stdout, output.stderr)),
        }
    });
    assert!(survivors.into_inner() > 0, "a run makes more writes; raise the number");
}
