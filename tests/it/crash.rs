//! The crash matrix: a process that dies at any write, to a service or to the ledger, is followed by
//! one that ends in the same world, with no object doubled.

use std::collections::BTreeMap;
use std::io::Read;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

use serde_json::{Value, json};

use crate::support::{Output, SimServer, TestEnv, world};

pub const FLEET: &str = "every-write";
const TOKEN: &str = "Contoso Apple Business";
const TENANT: &str = "5e0d3b7a-91c2-4c6f-8f1d-60a7b2c9d4e3";

/// At Apple, and not at Intune before a sync.
const ARRIVING: &str = "DMPK2B04LMF5";

/// The write that the process dies at, in debug builds.
const DIE_AT: &str = "ESPALIER_TEST_DIE_AT_LEDGER_WRITE";

/// Most of a run is waiting for the disk, so that more runs than cores are no waste.
const WORKERS: usize = 4;

/// What an undisturbed run does.
struct Undisturbed {
    /// The world that each run begins with.
    beginning: Value,
    /// What the world holds in the end.
    end: BTreeMap<String, Value>,
    created: BTreeMap<String, u64>,
    deleted: BTreeMap<String, u64>,
    /// Each write operation with the number of its requests.
    writes: Vec<(String, u64)>,
}

static UNDISTURBED: LazyLock<Undisturbed> = LazyLock::new(|| {
    let beginning = beginning();
    let env = TestEnv::with_fleet(FLEET);
    let server = env.serve_world(&beginning);
    apply(&env, &server).expect(0);
    let writes = writes(&server.calls());
    let after = server.world();
    assert_ne!(world::state_of(&beginning), world::state_of(&after));
    Undisturbed {
        beginning,
        end: world::state_of(&after),
        created: world::counted(&after, "profilesCreated"),
        deleted: world::counted(&after, "profilesDeleted"),
        writes,
    }
});

/// A world in which the fleet's wishes need every kind of write.
pub fn beginning() -> Value {
    let env = TestEnv::with_fleet(FLEET);
    env.replace("assignments.yaml", &format!("      - {ARRIVING}\n"), "");
    let server = env.serve();
    let profile = |name: &str| {
        json!({ "do": "createProfile", "token": TOKEN, "profile": {
            "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": name,
            "requiresUserAuthentication": false, "isMandatory": true, "supportDepartment": "Elsewhere",
        } })
    };
    server.portal(&json!([
        profile("Standard"),
        profile("Former"),
        { "do": "assign", "token": TOKEN, "profile": "Former", "serials": ["DMPK1A04LMF5"] },
        { "do": "addSerials", "token": TOKEN, "serials": [ARRIVING] },
        { "do": "addScopeTag", "tenant": TENANT, "name": "Berlin" },
    ]));
    server.world()
}

/// Every write operation of a run with its count; those of a batch and the batch itself.
fn writes(calls: &[Value]) -> Vec<(String, u64)> {
    let mut writes = Vec::new();
    let parts = calls.iter().flat_map(|call| call["parts"].as_array().into_iter().flatten());
    for call in calls.iter().chain(parts).filter(|call| call["kind"] == "write") {
        let operation = call["operation"].as_str().expect("an operation").to_owned();
        let count = call["count"].as_u64().expect("a count");
        match writes.iter_mut().find(|(known, _)| *known == operation) {
            Some((_, sum)) => *sum += count,
            None => writes.push((operation, count)),
        }
    }
    writes
}

fn apply(env: &TestEnv, server: &SimServer) -> Output {
    env.run(["apply", "--yes", &server.flag()])
}

/// Applies again, twice at most, and holds what came of it to the undisturbed run. Says what is
/// wrong, if anything is.
fn recovers(env: &TestEnv, server: &SimServer) -> Result<(), String> {
    let mut last = apply(env, server);
    // A sync that the dead run had asked for and noted is not asked for again: its serials wait, and
    // the run after it goes on.
    let waits = server.world()["tenants"][0]["tokens"][0]["atApple"] != json!([]);
    if waits {
        server.post_json("/clock", &json!({ "advance": "15m" }));
    }
    if waits || last.code != Some(0) {
        last = apply(env, server);
    }
    if last.code != Some(0) {
        return Err(format!("apply ended with {:?}:\n{}\n{}", last.code, last.stdout, last.stderr));
    }
    let expected = &*UNDISTURBED;
    let after = server.world();
    same("the world", &world::state_of(&after), &expected.end)?;
    same("profiles created", &world::counted(&after, "profilesCreated"), &expected.created)?;
    same("profiles deleted", &world::counted(&after, "profilesDeleted"), &expected.deleted)?;
    let again = env.run(["plan", "--detailed-exitcode", &server.flag()]);
    if again.code != Some(0) {
        return Err(format!("something is left to do ({:?}):\n{}", again.code, again.stdout));
    }
    Ok(())
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), String> {
    let lines = |value: &T| format!("{value:#?}");
    let diff = || similar_lines(&lines(should), &lines(is));
    if is == should {
        Ok(())
    } else {
        Err(format!("{what}, as it should be (-) and as it is (+):\n{}", diff()))
    }
}

/// The lines in which two texts differ.
fn similar_lines(old: &str, new: &str) -> String {
    let diff = similar::TextDiff::from_lines(old, new);
    diff.unified_diff().context_radius(2).to_string()
}

/// Runs every case on a few threads.
///
/// # Panics
///
/// With all cases that went wrong.
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

/// A process is killed while the answer to a write is held back, or right after its line was cut.
#[test]
fn a_run_that_is_killed_at_any_write_to_the_service_is_finished_by_the_next() {
    let mut cases = Vec::new();
    for (operation, count) in &UNDISTURBED.writes {
        for nth in 1..=*count {
            for fault in ["hold", "cut"] {
                for when in ["before", "after"] {
                    cases.push((operation.as_str(), nth, fault, when));
                }
            }
        }
    }
    assert!(cases.len() >= 4 * 12, "the fleet needs every kind of write: {:?}", UNDISTURBED.writes);
    all(&cases, |&(operation, nth, fault, when)| {
        let env = TestEnv::with_fleet(FLEET);
        let server = env.serve_world(&UNDISTURBED.beginning);
        server.fault(&json!({
            "id": "death", "fault": fault, "operation": operation, "nth": nth, "when": when, "kind": "write",
        }));
        if !killed_at(&env, &server, "death") {
            return Err("the write never came".to_owned());
        }
        recovers(&env, &server)
    });
}

/// Applies, and kills the process as soon as the fault has struck. False where it never did.
fn killed_at(env: &TestEnv, server: &SimServer, fault: &str) -> bool {
    let mut command = env.command(["apply", "--yes", &server.flag()]);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
    let mut stdout = child.stdout.take().expect("stdout is piped");
    std::thread::scope(|scope| {
        // The end of its output is the end of the process: a wait for a fault that can no longer
        // strike has to end with it, and a held answer is let go.
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

/// A process dies before and after each of its commits to the ledger.
#[test]
#[cfg_attr(not(debug_assertions), ignore = "only debug builds can be told when to die")]
fn a_run_that_dies_at_any_write_to_the_ledger_is_finished_by_the_next() {
    let survivors = AtomicUsize::new(0);
    // More than a run makes; that the last ones survive shows that none is left out.
    let cases: Vec<(u64, &str)> =
        (1..=40).flat_map(|write| ["before", "after"].map(|when| (write, when))).collect();
    all(&cases, |&(write, when)| {
        if survivors.load(Ordering::Relaxed) > 0 {
            return Ok(());
        }
        let env = TestEnv::with_fleet(FLEET);
        let server = env.serve_world(&UNDISTURBED.beginning);
        let mut command = env.command(["apply", "--yes", &server.flag()]);
        let output = Output::of(command.env(DIE_AT, format!("{write}:{when}")));
        match output.code {
            None => recovers(&env, &server),
            Some(0) if write > 10 => {
                survivors.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            code => Err(format!("ended with {code:?}:\n{}\n{}", output.stdout, output.stderr)),
        }
    });
    assert!(survivors.into_inner() > 0, "a run makes more than 40 writes; raise the number");
}
