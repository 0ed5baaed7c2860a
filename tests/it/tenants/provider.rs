//! Seventy tenants: one that is broken hinders nobody.

use serde_json::json;

use super::{made, stand};
use crate::support::TestEnv;
use crate::support::tenants::Tenants;

const ALL: usize = 70;

#[test]
fn one_broken_tenant_of_seventy_hinders_nobody() {
    let env = TestEnv::new();
    env.write("all.yaml", &Tenants { assigned: true, ..Tenants::new(ALL) }.documents());
    let server = env.serve();
    server.fault(&json!({
        "id": "broken", "fault": "401", "operation": "token", "within": Tenants::tenant(17), "times": 0,
    }));
    let plan = env.run(["plan", "--format", "json", &server.flag()]).expect(8).json();
    assert_eq!(plan["blocked"].as_array().map(Vec::len), Some(1), "{}", plan["blocked"]);
    assert_eq!(plan["blocked"][0]["connection"], "tenant-17");
    assert_eq!(plan["steps"].as_array().map(Vec::len), Some(2 * (ALL - 1)));
    env.run(["apply", "--yes", &server.flag()]).expect(6);
    let world = server.world();
    assert_eq!(crate::support::world::counted(&world, "profilesCreated")["Kiosk"], ALL as u64 - 1);
    // Once it is mended, it alone has something to do; then nobody has.
    server.delete("/faults");
    server.forget_calls();
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    assert_eq!(server.count("write"), 2);
    server.forget_calls();
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    assert_eq!(server.count("write"), 0);
    drop(server);
    env.finish();
}

#[tokio::test]
async fn a_throttled_tenant_holds_up_its_own_place_only() {
    let stand = stand(&Tenants::new(12)).await;
    let throttled = [2, 5, 9];
    for at in throttled {
        stand.fault(json!({
            "fault": "429", "kind": "read", "within": Tenants::token(at), "times": 0, "retryAfter": 30,
        }));
    }
    let plan = stand.plan().await;
    assert_eq!((plan.blocked.len(), plan.steps.len()), (3, 9), "{:#?}", plan.blocked);
    let report = stand.apply().await;
    assert_eq!(report.exit_code(), 6, "{report:#?}");
    let mut others = super::tokens((0..12).filter(|at| !throttled.contains(at)));
    // Names are told in the order of their letters.
    others.sort();
    assert_eq!(stand.sim.with_world(|world| made(world, "Kiosk")), others);
    stand.sim.clear_faults();
    assert_eq!(stand.apply().await.exit_code(), 0);
    assert_eq!(stand.nothing_to_apply().await, [""; 0]);
    assert_eq!(stand.judge(), [""; 0]);
}
