//! `rollout.first`: applied there and read back before the others start.

use espalier::engine::{Narrowing, Selection};
use serde_json::json;

use super::{made, stand, tokens, words};
use crate::support::TestEnv;
use crate::support::tenants::Tenants;

fn rolled_out(count: usize, first: &str) -> Tenants {
    Tenants { profile: format!("  rollout: {{first: [{first}]}}\n"), ..Tenants::new(count) }
}

#[test]
fn the_first_tokens_are_written_and_read_back_before_the_others() {
    let env = TestEnv::new();
    env.write("all.yaml", &rolled_out(5, "token-3, token-1").documents());
    let server = env.serve();
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    let world = server.world();
    let id_of = |at: usize| {
        let tokens =
            world["tenants"].as_array().into_iter().flatten().flat_map(|one| one["tokens"].as_array());
        let name = format!("Token {at}");
        let token = tokens.flatten().find(|token| token["name"] == name.as_str()).expect("a token");
        token["id"].as_str().expect("an id").to_owned()
    };
    // What was said about profiles on the wire, in its order: who wrote or read where.
    let recording = std::fs::read_to_string(env.recording()).expect("a recording");
    let of_profiles: Vec<(String, usize)> = recording
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"))
        .filter(|exchange| exchange["service"] == "graph")
        .filter_map(|exchange| {
            let path = exchange["path"].as_str()?;
            let about = path.ends_with("/enrollmentProfiles").then_some(path)?;
            let at = (0..5).find(|at| about.contains(&id_of(*at)))?;
            Some((exchange["method"].as_str()?.to_owned(), at))
        })
        .collect();
    let first_write = of_profiles.iter().position(|(method, _)| method == "POST").expect("a write");
    let told: Vec<String> =
        of_profiles[first_write..].iter().map(|(how, at)| format!("{how} {at}")).collect();
    assert_eq!(told[..7], ["POST 3", "GET 3", "POST 1", "GET 1", "POST 0", "POST 2", "POST 4"], "{told:?}");
    drop(server);
    env.finish();
}

#[tokio::test]
async fn a_first_token_that_fails_stops_the_others() {
    let stand = stand(&rolled_out(4, "token-2")).await;
    let fault = stand.fault(json!({
        "fault": "429", "kind": "write", "within": Tenants::token(2), "times": 0, "retryAfter": 60,
    }));
    let report = stand.apply().await;
    assert_eq!(words(&report), ["failed", "skipped", "skipped", "skipped"], "{report:#?}");
    assert_eq!(report.exit_code(), 9);
    assert_eq!(stand.sim.with_world(|world| made(world, "Kiosk")), [""; 0]);
    drop(fault);
    stand.sim.clear_faults();
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(stand.sim.with_world(|world| made(world, "Kiosk")), tokens([2, 0, 1, 3]));
    assert_eq!(stand.nothing_to_apply().await, [""; 0]);
    assert_eq!(stand.judge(), [""; 0]);
}

#[tokio::test]
async fn behind_a_first_tenant_that_cannot_be_read_nobody_starts() {
    let stand = stand(&rolled_out(3, "token-1")).await;
    stand.fault(json!({
        "fault": "401", "operation": "token", "within": Tenants::tenant(1), "times": 0,
    }));
    let report = stand.apply().await;
    assert_eq!(words(&report), ["stopped", "stopped"], "{report:#?}");
    assert_eq!(report.stops[0].gate, "rollout/kiosk");
    assert_eq!(stand.sim.with_world(|world| made(world, "Kiosk")), [""; 0]);
    // One may go on without it, for this plan.
    let session = stand.session("espalier apply").await.expect("documents in order");
    let mut prepared = session.prepare(&espalier::progress::NoProgress).await.expect("the lock");
    let digest = prepared.digest.clone();
    prepared.open_gate("rollout/kiosk", &digest).expect("its own digest");
    let report = session.execute(prepared, &espalier::progress::NoProgress).await.expect("a ledger");
    assert_eq!(report.exit_code(), 6);
    assert_eq!(stand.sim.with_world(|world| made(world, "Kiosk")), tokens([0, 2]));
}

#[tokio::test]
async fn a_narrowing_does_not_go_round_the_rollout() {
    let mut stand = stand(&rolled_out(3, "token-1")).await;
    let to = |tokens: &[&str]| {
        let tokens = tokens.iter().map(|one| (*one).to_owned()).collect();
        Narrowing::To(Selection { tokens, ..Selection::default() })
    };
    stand.narrowing = to(&["token-2"]);
    let report = stand.apply().await;
    assert_eq!((words(&report), report.exit_code()), (vec!["stopped"], 4), "{report:#?}");
    stand.narrowing = to(&["token-1", "token-2"]);
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(stand.sim.with_world(|world| made(world, "Kiosk")), tokens([1, 2]));
}
