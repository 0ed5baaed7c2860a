//! `Connection.policy`: in force for its tenant, and remembered by the ledger.

use super::{made, stand, tokens, words};
use crate::support::tenants::Tenants;

#[tokio::test]
async fn a_policy_stops_its_own_tenant_and_no_commit_disarms_it() {
    let strict = Tenants {
        first_connection: "  policy: {limits: {create: {count: 0}}}\n".to_owned(),
        ..Tenants::new(3)
    };
    let stand = stand(&strict).await;
    let report = stand.apply().await;
    assert_eq!(words(&report), ["stopped", "skipped", "skipped"], "the first token proves: {report:#?}");
    assert!(report.stops[0].reason.contains("Connection/tenant-0 policy.limits"), "{:?}", report.stops);
    assert_eq!(report.exit_code(), 4);

    // Applied in full with a loose policy, then recorded strictly, then taken away.
    let loose = |count: u32| Tenants {
        first_connection: format!("  policy: {{limits: {{create: {{count: {count}}}}}}}\n"),
        ..strict.clone()
    };
    stand.write(&loose(1).documents());
    assert_eq!(stand.apply().await.exit_code(), 0);
    stand.write(&loose(0).documents());
    assert_eq!(stand.apply().await.exit_code(), 0, "nothing to do, and recorded");
    let without = Tenants { first_connection: String::new(), ..strict };
    let second = without.documents().split("---\n").last().expect("the profile").replace("kiosk", "second");
    stand.write(&(without.documents() + "---\n" + &second.replace("Kiosk", "Second")));
    let report = stand.apply().await;
    assert_eq!(words(&report), ["stopped", "skipped", "skipped"], "{report:#?}");
    assert!(report.stops[0].reason.contains("as last applied in full"), "{:?}", report.stops);
    assert_eq!(stand.sim.with_world(|world| made(world, "Kiosk")), tokens([0, 1, 2]));
    assert_eq!(stand.sim.with_world(|world| made(world, "Second")), [""; 0]);
}
