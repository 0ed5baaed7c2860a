//! One run at a time, and none without the fleet's ledger.

use std::process::Stdio;

use serde_json::json;

use crate::support::http::Server;
use crate::support::{Output, TestEnv};

#[test]
fn of_two_applies_one_works_and_the_other_says_who_holds_the_lock() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    server.fault(&json!({
        "id": "held", "fault": "hold", "kind": "write",
        "operation": "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post",
    }));
    let mut first = env.command(["apply", "--yes", &server.flag()]);
    let first = first.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    assert!(server.fault_struck("held"));

    let second = env.run(["apply", "--yes", &server.flag()]).expect(10);
    for part in ["another run holds the lock", "espalier apply", &first.id().to_string(), "hint: "] {
        assert!(second.stderr.contains(part), "no `{part}` in:\n{}", second.stderr);
    }
    // Looking needs no lock; what is under way is not known yet.
    let plan = env.run(["plan", &server.flag()]).expect(9);
    assert!(plan.stdout.contains("! EnrollmentProfile/kiosk@main"), "{}", plan.stdout);

    server.post_json("/faults/release", &json!({}));
    let first = first.wait_with_output().expect("it ends");
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(0);
}

#[test]
fn without_the_fleets_ledger_nothing_is_asked_of_anybody() {
    let env = TestEnv::with_example("small");
    let vendor = Server::start(|_| (500, "{}".to_owned()));
    let endpoints = format!("  endpoints: {{ graph: \"{0}\", login: \"{0}\" }}\n", vendor.url());
    env.write("connection.yaml", &(env.read("connection.yaml") + &endpoints));
    let run = |args: &[&str]| {
        let mut command = env.command(args);
        Output::of(command.env("ESPALIER_ALLOW", "endpoints").env("INTUNE_CLIENT_SECRET", "a secret"))
    };
    for args in [&["plan"][..], &["apply", "--yes"], &["status"], &["devices"], &["ledger", "check"]] {
        let output = run(args).expect(10);
        assert!(output.stderr.contains("there is no ledger"), "{args:?}: {}", output.stderr);
        assert!(output.stderr.contains("espalier ledger create"), "{args:?}: {}", output.stderr);
    }
    // A ledger, but of another fleet.
    run(&["ledger", "create"]).expect(0);
    env.replace("fleet.yaml", "6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40", "11111111-2222-4333-8444-555555555555");
    for args in [&["plan"][..], &["apply", "--yes"], &["ledger", "check"]] {
        let output = run(args).expect(10);
        assert!(output.stderr.contains("6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40"), "{}", output.stderr);
    }
    assert_eq!(vendor.asked(), 0);
}

#[test]
fn a_simulated_world_is_changed_by_one_process_at_a_time() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    for command in
        [&["apply", "--sim", "--yes"][..], &["sim", "step", "1h"], &["sim", "reset"], &["sim", "serve"]]
    {
        let held = env.run(command).expect(10);
        assert!(held.stderr.contains("`espalier sim serve`, process"), "{command:?}: {}", held.stderr);
    }
    // To look is allowed, and takes nothing away from the server.
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(2);
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    drop(server);
    env.run(["plan", "--sim", "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_ledger_that_git_tracks_is_refused() {
    let env = TestEnv::with_example("small");
    env.run(["ledger", "create"]).expect(0);
    let git = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        git.current_dir(env.documents()).env("HOME", env.home()).args(args);
        assert!(git.output().expect("git runs").status.success(), "{args:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "-f", ".espalier/ledger.db"]);
    let refused = env.run(["plan"]).expect(10);
    assert!(refused.stderr.contains("tracked by git"), "{}", refused.stderr);
    git(&["rm", "-q", "--cached", ".espalier/ledger.db"]);
    // Now only the secret is missing.
    env.run(["plan"]).expect(8);
}
