//! `--connection`, `--token`, `-l`: what lies outside is neither read nor touched nor missed.

use std::time::Duration;

use espalier::engine::{Narrowing, Selection};
use serde_json::{Value, json};

use crate::faults::stand::Stand;
use crate::support::tenants::Tenants;
use crate::support::{SimServer, TestEnv};

fn served(tenants: &Tenants) -> (TestEnv, SimServer) {
    let env = TestEnv::new();
    env.write("all.yaml", &tenants.documents());
    let server = env.serve();
    (env, server)
}

/// The display names of the tokens that have the profile.
fn with_profile(server: &SimServer) -> Vec<String> {
    let state = crate::support::world::state_of(&server.world());
    let has = |(_, state): &(&String, &Value)| state["profiles"].to_string().contains("\"Kiosk\"");
    state.iter().filter(has).map(|(name, _)| name.clone()).collect()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[test]
fn a_narrowed_plan_reads_only_what_it_needs() {
    let (env, server) = served(&Tenants::new(6));
    // Each tenant: a sign-in, the tokens, the profiles and the devices of the one token.
    for (narrowing, tenants) in [
        (vec![], 6),
        (vec!["--connection", "tenant-2"], 1),
        (vec!["--token", "token-1,token-4"], 2),
        (vec!["--token", "token-1", "--token", "token-4"], 2),
        (vec!["-l", "region=north"], 3),
        (vec!["-l", "region!=north,baseline=yes", "--connection", "tenant-1,tenant-2"], 1),
    ] {
        server.forget_calls();
        let flag = server.flag();
        let line = ["plan", "--format", "json", &flag].into_iter().chain(narrowing.iter().copied());
        let plan = env.run(line).expect(0).json();
        assert_eq!(server.count("read"), 4 * tenants, "{narrowing:?}");
        assert_eq!(plan["steps"].as_array().map(Vec::len), Some(tenants as usize), "{narrowing:?}");
        assert_eq!(strings(&plan["scope"]).len(), if tenants == 6 { 0 } else { tenants as usize });
    }
}

#[test]
fn a_narrowed_apply_writes_inside_and_records_nothing_of_the_whole() {
    let (env, server) = served(&Tenants::new(4));
    let flag = server.flag();
    let told = env.run(["apply", "--yes", "-l", "region=south", &flag]).expect(0);
    assert!(told.stderr.contains("Narrowed to 2 of 4 tokens: token-1, token-3."), "{}", told.stderr);
    assert_eq!(with_profile(&server), ["Token 1", "Token 3"]);
    server.forget_calls();
    env.run(["apply", "--yes", "-l", "region=south", &flag]).expect(0);
    assert_eq!(server.count("write"), 0);
    let journal = |env: &TestEnv| env.run(["ledger", "journal", &flag]).expect(0).stdout;
    assert!(!journal(&env).contains("applied in full") && !journal(&env).contains("gates recorded"));
    // The rest still is to be done, and only the whole is recorded as such.
    env.run(["apply", "--yes", &flag]).expect(0);
    assert_eq!(with_profile(&server).len(), 4);
    assert!(journal(&env).contains("applied in full") && journal(&env).contains("gates recorded"));
    // Taken out of the documents, it goes where one looks, and nowhere else.
    let text = env.read("all.yaml");
    let (documents, _) = text.rsplit_once("---\n").expect("several documents");
    env.write("all.yaml", documents);
    let plan = env.run(["plan", "--format", "json", "--token", "token-2", &flag]).expect(0).json();
    assert_eq!(plan["steps"][0]["id"], "delete EnrollmentProfile/kiosk@token-2");
    assert_eq!(plan["steps"].as_array().map(Vec::len), Some(1));
    assert!(!plan["leftAlone"].to_string().contains("token-1"));
    drop(server);
    env.finish();
}

#[test]
fn a_saved_plan_keeps_its_narrowing() {
    let (env, server) = served(&Tenants::new(4));
    let flag = server.flag();
    env.run(["plan", "-o", "plan.json", "--connection", "tenant-3", &flag]).expect(0);
    let refused = env.run(["apply", "plan.json", "--yes", "--token", "token-1", &flag]).expect(64);
    assert!(refused.stderr.contains("applied as it was made"), "{}", refused.stderr);
    server.forget_calls();
    env.run(["apply", "plan.json", "--yes", &flag]).expect(0);
    assert_eq!(with_profile(&server), ["Token 3"]);
    // One sign-in, tokens, profiles and devices; the write; the profiles read back.
    assert_eq!((server.count("read"), server.count("write")), (5, 1));
    let text = env.read("plan.json");
    env.write("plan.json", &text.replace("    \"token-3\"\n  ],", "    \"token-1\"\n  ],"));
    env.run(["apply", "plan.json", "--yes", &flag]).expect(5);
    // Another narrowing, another digest.
    let digest = |narrowing: &str| {
        env.run(["plan", "--format", "json", narrowing, &flag]).expect(0).json()["digest"].to_string()
    };
    assert_ne!(digest("--token=token-0"), digest("-lregion=north"));
}

#[test]
fn every_command_that_looks_at_tokens_can_be_narrowed() {
    let (env, server) = served(&Tenants::new(3));
    let flag = server.flag();
    let status = env.run(["status", "--format", "json", "--token", "token-1", &flag]).expect(0).json();
    assert!(status.to_string().contains("token-1") && !status.to_string().contains("token-2"), "{status}");
    let devices = env.run(["devices", "--format", "json", "-l", "region=south", &flag]).expect(0).json();
    let rows = devices["devices"].as_array().expect("a list");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["token"] == "token-1"), "{devices}");
    // `validate`: what concerns others is left out, and the whole folder's is not.
    let text = env.read("all.yaml").replace("values: {site: Site 2}", "values: {sight: Site 2}");
    env.write("all.yaml", &text);
    env.run(["validate"]).expect(3);
    env.run(["validate", "--token", "token-2"]).expect(3);
    let told = env.run(["validate", "--connection", "tenant-1"]).expect(0);
    assert!(told.stderr.contains("about other tokens left out"), "{}", told.stderr);
    // A refusal elsewhere is no trouble of this part.
    env.run(["plan", &flag]).expect(3);
    env.run(["plan", "--token", "token-0", &flag]).expect(0);
    env.write("more.yaml", "apiVersion: espalier.dev/v1alpha1\nkind: Nonsense\n");
    env.run(["validate", "--connection", "tenant-1"]).expect(3);
    // Nobody knows what a file that cannot be read would have had.
    let told = env.run(["validate", "--token", "token-9"]).expect(3);
    assert!(told.stdout.contains("Nonsense"), "{}", told.stdout);
}

#[tokio::test]
async fn a_lost_answer_outside_stays_open_until_somebody_looks_there() {
    let mut stand = super::stand(&Tenants::new(3)).await;
    stand.wait = Duration::ZERO;
    stand.fault(json!({ "fault": "cut", "when": "after", "kind": "write", "within": Tenants::token(0) }));
    assert_ne!(stand.apply().await.exit_code(), 0);
    let open = async |stand: &Stand| {
        let session = stand.session("espalier status").await.expect("documents in order");
        session.view().expect("a ledger").unsettled.len()
    };
    assert_eq!(open(&stand).await, 1);
    stand.narrowing = Narrowing::To(Selection { tokens: vec!["token-2".to_owned()], ..Selection::default() });
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(open(&stand).await, 1, "nobody looked");
    stand.narrowing = Narrowing::Nothing;
    stand.wait = Duration::from_secs(300);
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(open(&stand).await, 0);
    assert_eq!(stand.history().profiles_created[&Tenants::token(0)]["Kiosk"], 1, "found, not doubled");
    assert_eq!(stand.nothing_to_apply().await, [""; 0]);
}

#[test]
fn a_choice_of_nothing_is_a_wrong_command_line() {
    let (env, server) = served(&Tenants::new(3));
    let flag = server.flag();
    for (narrowing, hint) in [
        (["--token", "tokn-1"], "did you mean `token-1`?"),
        (["--connection", "tenant-9"], "did you mean `tenant-"),
        (["-l", "region=west"], "values of `region`: north, south"),
        (["-l", "regoin=north"], "did you mean `region`?"),
    ] {
        for command in ["plan", "apply", "status", "devices", "validate"] {
            let mut line = vec![command, narrowing[0], narrowing[1]];
            line.extend((command != "validate").then_some(flag.as_str()));
            line.extend((command == "apply").then_some("--yes"));
            let told = env.run(line).expect(64);
            assert!(told.stderr.contains(hint), "{command}: {}", told.stderr);
        }
    }
    env.run(["plan", "-l", "region", &flag]).expect(64);
    let both = env.run(["plan", "--token", "token-0", "--connection", "tenant-1", &flag]).expect(64);
    assert!(both.stderr.contains("exclude each other"), "{}", both.stderr);
    // Where it has no meaning there is no such option.
    env.run(["init", "x", "--token", "token-0"]).expect(64);
    env.run(["show", "plan.json", "--token", "token-0"]).expect(64);
}
