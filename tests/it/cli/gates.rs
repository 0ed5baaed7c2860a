//! Gates stop what they cover, and nothing else.

use serde_json::{Value, json};

use super::TOKEN;
use crate::support::{TestEnv, schema, world};

/// The example with limits of one, applied; then two profiles are changed, one is added, and the
/// kiosks are to become shared iPads.
fn two_exceeded() -> (TestEnv, crate::support::SimServer) {
    let env = TestEnv::with_example("small");
    env.replace("fleet.yaml", "update: { percent: 20, count: 10 }", "update: { count: 1 }");
    env.replace("fleet.yaml", "reassign: { percent: 10, count: 20 }", "reassign: { count: 1 }");
    let server = env.serve();
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    env.replace("profiles.yaml", "Trolleys of the training rooms", "Trolleys");
    env.replace("profiles.yaml", "Visitors' check-in and digital signs", "Signs");
    env.replace("assignments.yaml", "profile: kiosk", "profile: shared-ipads");
    let text = env.read("profiles.yaml");
    let kiosk = text.split("\n---\n").nth(2).expect("three profiles");
    env.write(
        "stand.yaml",
        &kiosk
            .replace("name: kiosk", "name: stand")
            .replace("Kiosk", "Stand")
            .replace("Signs", "At the door"),
    );
    server.forget_calls();
    (env, server)
}

fn describes(world: &Value, text: &str) -> bool {
    world::state_of(world)[TOKEN]["profiles"].to_string().contains(text)
}

#[test]
fn an_exceeded_limit_stops_its_steps_and_the_rest_goes_on() {
    let (env, server) = two_exceeded();
    // A plan is never stopped, and says what would be.
    let plan = env.run(["plan", &server.flag(), "--format", "json"]).expect(0).json();
    let gates: Vec<&Value> =
        plan["stops"].as_array().into_iter().flatten().map(|stop| &stop["gate"]).collect();
    assert_eq!(gates, ["limit/update/main", "limit/reassign/main"]);

    let report = env.run(["apply", &server.flag(), "--yes", "--format", "json"]).expect(4).json();
    schema::holds("apply-report", &report);
    let world = server.world();
    assert_eq!(world::counted(&world, "profilesCreated").get("Stand"), Some(&1));
    assert!(!describes(&world, "\"Trolleys\"") && !describes(&world, "\"Signs\""));
    assert_eq!(world::state_of(&world)[TOKEN]["devices"]["DMPK1A01LMF5"], "Kiosk");
}

#[test]
fn an_override_opens_one_gate_for_one_plan() {
    let (env, server) = two_exceeded();
    let gate = |digest: &str| format!("--override=limit/update/main={digest}");
    let other = format!("sha256:{}", "0".repeat(64));
    env.run(["apply", &server.flag(), "--yes", &gate(&other)]).expect(5);
    assert_eq!(server.count("write"), 0);

    let plan = env.run(["plan", &server.flag(), "--format", "json"]).expect(0).json();
    let digest = plan["digest"].as_str().expect("a digest");
    let output = env.run(["apply", &server.flag(), "--yes", &gate(digest)]).expect(4);
    assert!(output.stdout.contains("limit/reassign/main"), "{}", output.stdout);
    let world = server.world();
    assert!(describes(&world, "\"Trolleys\"") && describes(&world, "\"Signs\""));
    assert_eq!(world::state_of(&world)[TOKEN]["devices"]["DMPK1A01LMF5"], "Kiosk");

    // The override was for that plan.
    env.run(["apply", &server.flag(), "--yes", &gate(digest)]).expect(5);
}

#[test]
fn a_limit_that_a_commit_lifts_is_still_in_force_for_that_commit() {
    let (env, server) = two_exceeded();
    env.replace("fleet.yaml", "update: { count: 1 }", "update: { count: 50 }");
    env.replace("fleet.yaml", "reassign: { count: 1 }", "reassign: { count: 50 }");
    let output = env.run(["apply", &server.flag(), "--yes"]).expect(4);
    assert!(output.stdout.contains("limit/update/main"), "{}", output.stdout);
}

#[test]
fn a_protected_token_gets_nothing_disruptive() {
    let env = TestEnv::with_example("small");
    env.replace("fleet.yaml", "serials: [DMPZ0PRTCTD1]", "tokens: [main]");
    let server = env.serve();
    let output = env.run(["apply", &server.flag(), "--yes"]).expect(4);
    assert!(output.stdout.contains("protected/token/main"), "{}", output.stdout);
    let state = &world::state_of(&server.world())[TOKEN];
    assert_eq!(state["scopeTags"], json!(["Default"]), "the token was not written");
    assert_eq!(state["devices"]["DMPK1A01LMF5"], "Kiosk", "what is safe went on");
}

#[test]
fn a_protected_device_stops_the_change_that_it_would_feel() {
    let env = TestEnv::with_example("small");
    env.replace("assignments.yaml", "      - DMPK1A01LMF5\n", "      - DMPK1A01LMF5\n      - DMPZ0PRTCTD1\n");
    let server = env.serve();
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    server.portal(&json!({ "do": "enroll", "token": TOKEN, "serials": ["DMPZ0PRTCTD1"] }));
    // Both are felt by enrolled devices; the protected one has the first profile only.
    env.replace("profiles.yaml", "KIOSK-{{SERIAL}}", "K-{{SERIAL}}");
    env.replace("profiles.yaml", "Trolleys of the training rooms", "Trolleys");
    server.forget_calls();
    let plan = env.run(["plan", &server.flag()]).expect(0);
    let output = env.run(["apply", &server.flag(), "--yes"]);
    assert!(output.stdout.contains("protected/serial/DMPZ0PRTCTD1"), "{}\n{}", plan.stdout, output.stdout);
    assert_eq!(output.code, Some(4));
    let world = server.world();
    assert!(describes(&world, "KIOSK-{{SERIAL}}") && describes(&world, "\"Trolleys\""));
}

#[test]
fn a_saved_plan_counts_the_devices_that_feel_it_when_it_is_applied() {
    let env = TestEnv::with_example("small");
    env.replace("fleet.yaml", "update: { percent: 20, count: 10 }", "update: { count: 1 }");
    let server = env.serve();
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    env.replace("profiles.yaml", "KIOSK-{{SERIAL}}", "K-{{SERIAL}}");
    let plan = env.run(["plan", &server.flag(), "-o", "plan.json", "--format", "json"]).expect(0).json();
    assert_eq!((&plan["steps"][0]["effect"]["feel"], plan.get("stops")), (&json!(0), None));
    // They were not enrolled when the plan was made.
    let serials = ["DMPK1A01LMF5", "DMPK1A02LMF5", "DMPK1A03LMF5"];
    server.portal(&json!({ "do": "enroll", "token": TOKEN, "serials": serials }));
    let output = env.run(["apply", "plan.json", &server.flag(), "--yes"]).expect(4);
    assert!(output.stdout.contains("limit/update/main"), "{}", output.stdout);
    assert!(describes(&server.world(), "KIOSK-{{SERIAL}}"));
}

#[test]
fn a_saved_plan_does_not_put_the_gates_of_other_documents_into_force() {
    let env = TestEnv::with_example("small");
    env.replace("fleet.yaml", "update: { percent: 20, count: 10 }", "update: { count: 1 }");
    let server = env.serve();
    env.run(["apply", &server.flag(), "--yes"]).expect(0);
    env.run(["plan", &server.flag(), "-o", "plan.json"]).expect(0);
    env.replace("fleet.yaml", "update: { count: 1 }", "update: { count: 50 }");
    env.replace("profiles.yaml", "Trolleys of the training rooms", "Trolleys");
    env.replace("profiles.yaml", "Visitors' check-in and digital signs", "Signs");
    env.run(["apply", "plan.json", &server.flag(), "--yes"]).expect(0);
    let output = env.run(["apply", &server.flag(), "--yes"]).expect(4);
    assert!(output.stdout.contains("limit/update/main"), "{}", output.stdout);
}
