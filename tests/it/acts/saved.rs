//! Saved plans with acts: what was looked at is sent once, or nothing is.

use serde_json::{Value, json};

use super::ground::{self, IPAD, IPHONE, REQUESTED};
use crate::support::{Output, SimServer, TestEnv};

const LOST: &str = "lost";
const GONE: &str = "gone";

/// The tenant as its documents wish it; then a lock and a wipe are asked for.
fn asked() -> (TestEnv, SimServer) {
    let env = TestEnv::new();
    ground::documents(&env, "");
    let server = env.serve_world(&ground::beginning());
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    ask(&env, LOST, "lock", IPAD);
    ask(&env, GONE, "wipe", IPHONE);
    (env, server)
}

fn ask(env: &TestEnv, name: &str, action: &str, serial: &str) {
    env.write(&format!("{name}.yaml"), &ground::document(name, action, &[serial], REQUESTED, ""));
}

fn planned(env: &TestEnv, server: &SimServer) -> Value {
    env.run(["plan", &server.flag(), "-o", "plan.json"]).expect(0);
    serde_json::from_str(&env.read("plan.json")).expect("a plan file is JSON")
}

fn apply_saved(env: &TestEnv, server: &SimServer) -> Output {
    env.run(["apply", "plan.json", "--yes", "--wait", "10m", &server.flag()])
}

/// How many requests the service accepted for the two devices.
fn requests(server: &SimServer) -> (usize, usize) {
    let world = server.world();
    let of = |serial: &str, action: &str| {
        let all = world["history"]["devices"][serial]["requests"].as_array().cloned().unwrap_or_default();
        all.iter().filter(|one| one["action"] == action).count()
    };
    (of(IPAD, "remoteLock"), of(IPHONE, "wipe"))
}

/// The plan file has to be refused with exit 5 for `reason`, and nothing is written at a service.
#[track_caller]
fn refused(env: &TestEnv, server: &SimServer, reason: &str) {
    let before = requests(server);
    server.forget_calls();
    let output = apply_saved(env, server).expect(5);
    assert!(output.stderr.contains(reason), "no `{reason}` in:\n{}", output.stderr);
    assert!(output.stderr.contains("hint: "), "no next step in:\n{}", output.stderr);
    assert_eq!((server.count("write"), requests(server)), (0, before));
}

#[test]
fn a_saved_plan_sends_its_acts_once_and_nothing_when_it_is_applied_again() {
    let (env, server) = asked();
    let plan = planned(&env, &server);
    assert_eq!(plan["acts"].as_array().map(Vec::len), Some(2), "{plan:#}");
    server.forget_calls();
    let shown = env.run(["show", "plan.json"]).expect(0).stdout;
    assert!(shown.contains("DeviceAction/lost") && shown.contains("DeviceAction/gone"), "{shown}");
    assert_eq!(server.calls(), Vec::<Value>::new());
    server.post_json("/clock", &json!({ "advance": "30m" }));
    apply_saved(&env, &server).expect(0);
    assert_eq!(requests(&server), (1, 1));
    server.forget_calls();
    server.post_json("/clock", &json!({ "advance": "30s" }));
    let again = apply_saved(&env, &server).expect(0);
    assert_eq!((server.count("write"), requests(&server)), (0, (1, 1)), "{}", again.stdout);
    // And an apply without the file has nothing left to do either.
    server.post_json("/clock", &json!({ "advance": "4h" }));
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    assert_eq!(requests(&server), (1, 1));
}

#[test]
fn a_plan_with_a_wipe_is_too_old_after_an_hour() {
    let (env, server) = asked();
    planned(&env, &server);
    server.post_json("/clock", &json!({ "advance": "1h" }));
    refused(&env, &server, "the plan expired at");
}

#[test]
fn a_device_that_is_in_another_life_by_now_makes_the_plan_stale() {
    let (env, server) = asked();
    planned(&env, &server);
    server.portal(&json!([{ "do": "setUpDevice", "serial": IPHONE }]));
    refused(&env, &server, GONE);
}

#[test]
fn a_document_that_is_another_one_by_now_makes_the_plan_stale() {
    let (env, server) = asked();
    planned(&env, &server);
    env.replace("gone.yaml", "asked for by a test", "asked for by somebody else");
    refused(&env, &server, GONE);
    // So it is where it asks for another device.
    env.replace("gone.yaml", "asked for by somebody else", "asked for by a test");
    env.replace("lost.yaml", "action: lock", "action: restart");
    refused(&env, &server, LOST);
}

#[test]
fn what_was_asked_for_after_the_plan_is_not_sent_by_it() {
    let (env, server) = asked();
    std::fs::remove_file(env.documents().join("gone.yaml")).expect("a document");
    planned(&env, &server);
    ask(&env, GONE, "wipe", IPHONE);
    apply_saved(&env, &server).expect(0);
    assert_eq!(requests(&server), (1, 0), "the wipe was not looked at");
}

#[test]
fn what_another_run_did_since_is_not_done_again() {
    let (env, server) = asked();
    planned(&env, &server);
    env.run(["apply", "--yes", "--wait", "10m", &server.flag()]).expect(0);
    assert_eq!(requests(&server), (1, 1));
    let output = apply_saved(&env, &server);
    assert!(matches!(output.code, Some(0 | 5)), "{}\n{}", output.stdout, output.stderr);
    assert_eq!(requests(&server), (1, 1));
}

#[test]
fn another_ledger_or_one_that_was_restored_meanwhile_sends_nothing() {
    let (env, server) = asked();
    planned(&env, &server);
    let restored = env.run(["ledger", "restored", "--reason", "from the copy of Monday", &server.flag()]);
    restored.expect(0);
    server.forget_calls();
    let output = apply_saved(&env, &server);
    assert!(matches!(output.code, Some(4 | 5)), "{:?}\n{}\n{}", output.code, output.stdout, output.stderr);
    assert_eq!((server.count("write"), requests(&server)), (0, (0, 0)));

    let (env, server) = asked();
    planned(&env, &server);
    env.replace("fleet.yaml", "6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40", "11111111-2222-4333-8444-555555555555");
    std::fs::remove_dir_all(env.documents().join(".espalier")).expect("the simulator's state");
    refused(&env, &server, "the plan belongs to ledger 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40");
}
