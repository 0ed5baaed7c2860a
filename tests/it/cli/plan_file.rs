//! A saved plan is applied exactly, or refused with exit 5 and the reason.

use std::process::Command;

use serde_json::{Value, json};

use super::{TOKEN, portal_profile};
use crate::support::{Output, SimServer, TestEnv, schema, world};

/// A plan of the folder's documents in `plan.json`.
fn planned(env: &TestEnv, server: &SimServer) -> Value {
    env.run(["plan", &server.flag(), "-o", "plan.json"]).expect(0);
    serde_json::from_str(&env.read("plan.json")).expect("a plan file is JSON")
}

/// Applies the plan file, which has to be refused with exit 5 for `reason` without a write.
#[track_caller]
fn refused(env: &TestEnv, server: &SimServer, reason: &str) -> Output {
    let before = world::state_of(&server.world());
    server.forget_calls();
    let output = env.run(["apply", "plan.json", "--yes", &server.flag()]).expect(5);
    assert!(output.stderr.contains(reason), "no `{reason}` in:\n{}", output.stderr);
    assert!(output.stderr.contains("hint: "), "no next step in:\n{}", output.stderr);
    assert_eq!(server.count("write"), 0);
    assert_eq!(world::state_of(&server.world()), before);
    output
}

#[test]
fn a_saved_plan_is_shown_and_applied_later() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    let saved = planned(&env, &server);
    schema::holds("plan", &saved);
    server.forget_calls();
    let shown = env.run(["show", "plan.json"]).expect(0);
    for part in ["create EnrollmentProfile/kiosk@main", saved["digest"].as_str().expect("a digest")] {
        assert!(shown.stdout.contains(part), "no `{part}` in:\n{}", shown.stdout);
    }
    assert_eq!(env.run(["show", "plan.json", "--format", "json"]).expect(0).json(), saved);
    assert_eq!(server.calls(), Vec::<Value>::new(), "to show is not to ask");

    server.post_json("/clock", &json!({ "advance": "23h 59m" }));
    env.run(["apply", "plan.json", "--yes", &server.flag()]).expect(0);
    env.run(["plan", &server.flag(), "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_tampered_plan_is_refused() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    planned(&env, &server);
    env.replace("plan.json", "\"Kiosk\"", "\"Kiosc\"");
    refused(&env, &server, "the plan file was changed after it was made");
    env.run(["show", "plan.json"]).expect(5);
    env.write("plan.json", "{\"format\": 2}");
    refused(&env, &server, "format 2");
    env.write("plan.json", "kind: Fleet\n");
    refused(&env, &server, "no plan file");
}

#[test]
fn a_stale_plan_is_refused_with_the_names_of_what_changed() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    planned(&env, &server);
    server.portal(&portal_profile("Kiosk"));
    let output = refused(&env, &server, "the plan is stale");
    assert!(output.stderr.contains("EnrollmentProfile/kiosk@main"), "{}", output.stderr);
    assert!(!output.stderr.contains("EnrollmentProfile/shared-ipads@main (\""), "{}", output.stderr);
}

#[test]
fn a_plan_expires_after_a_day_and_with_deletions_after_an_hour() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    planned(&env, &server);
    server.post_json("/clock", &json!({ "advance": "24h" }));
    refused(&env, &server, "the plan expired at 2026-11-03T08:00:00Z");

    server.portal(&portal_profile("Former"));
    let text = env.read("profiles.yaml");
    let former = text.split("\n---\n").nth(2).expect("three profiles").replace("Kiosk", "Former");
    let former = former.replace("name: kiosk", "name: former").replace("spec:", "spec:\n  state: absent");
    env.write("former.yaml", &former);
    planned(&env, &server);
    server.post_json("/clock", &json!({ "advance": "59m" }));
    assert!(env.run(["show", "plan.json"]).expect(0).stdout.contains("delete EnrollmentProfile/former@main"));
    server.post_json("/clock", &json!({ "advance": "1m" }));
    refused(&env, &server, "the plan expired at 2026-11-03T09:00:00Z");
}

#[test]
fn a_plan_of_another_fleet_is_refused() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    planned(&env, &server);
    env.replace("fleet.yaml", "6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40", "11111111-2222-4333-8444-555555555555");
    std::fs::remove_dir_all(env.documents().join(".espalier")).expect("the simulator's state");
    refused(&env, &server, "the plan belongs to ledger 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40");
}

#[test]
fn a_plan_that_was_carried_out_already_does_nothing() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    planned(&env, &server);
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    let before = world::state_of(&server.world());
    server.forget_calls();
    let again = env.run(["apply", "plan.json", "--yes", &server.flag()]).expect(0);
    assert_eq!(server.count("write"), 0, "{}", again.stdout);
    assert_eq!(world::state_of(&server.world()), before);
}

#[test]
fn a_plan_is_applied_only_with_the_digest_that_was_looked_at() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    let digest = planned(&env, &server)["digest"].as_str().expect("a digest").to_owned();
    let other = format!("sha256:{}", "0".repeat(64));
    let refusal = env.run(["apply", "--yes", &server.flag(), "--expect-digest", &other]).expect(5);
    assert!(refusal.stderr.contains(&digest) && refusal.stderr.contains(&other), "{}", refusal.stderr);
    assert_eq!(server.count("write"), 0);

    server.portal(&portal_profile("Kiosk"));
    env.run(["apply", "--yes", &server.flag(), "--expect-digest", &digest]).expect(5);
    server.portal(&json!({ "do": "deleteProfile", "token": TOKEN, "profile": "Kiosk" }));
    assert_eq!(server.count("write"), 0);
    env.run(["apply", "--yes", &server.flag(), "--expect-digest", &digest]).expect(0);
}

#[test]
fn a_plan_of_an_older_commit_than_the_applied_one_is_refused() {
    let env = TestEnv::with_example("small");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(env.documents()).env("HOME", env.home()).env("GIT_CONFIG_NOSYSTEM", "1");
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
            command.env_remove(name);
        }
        command.args(["-c", "user.name=Anna", "-c", "user.email=anna@example.org"]).args(args);
        Output::of(&mut command).expect(0);
    };
    env.write(".gitignore", ".espalier/\nplan.json\n");
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "small"]);
    let server = env.serve();
    let plan = planned(&env, &server);
    assert_eq!(plan["commit"].as_str().map(str::len), Some(40));

    env.replace("profiles.yaml", "Trolleys of the training rooms", "Trolleys");
    git(&["commit", "--quiet", "--all", "-m", "shorter"]);
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    let refusal = refused(&env, &server, "a later one");
    assert!(refusal.stderr.contains(plan["commit"].as_str().expect("a commit")), "{}", refusal.stderr);
}
