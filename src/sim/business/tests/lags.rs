//! Readers who learn of a change too late.

use super::*;

#[tokio::test]
async fn every_view_of_a_change_has_a_lag_of_its_own() {
    let desk = Desk::new().await;
    for (fault, seconds) in
        [("status-lag", 10), ("linkage-lag", 20), ("count-lag", 30), ("relationship-lag", 40)]
    {
        desk.fault(json!({"fault": fault, "seconds": seconds}));
    }
    let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"]);
    assert_eq!(desk.carry_out(body).await, "COMPLETED_WITH_SUCCESS");
    for seen in 0..=4u32 {
        let status = desk.get("/v1/orgDevices/FREE1").await["data"]["attributes"]["status"].clone();
        assert_eq!(status, if seen < 1 { "UNASSIGNED" } else { "ASSIGNED" }, "{seen}");
        assert_eq!(desk.linked("Alone").await.len(), if seen < 2 { 1 } else { 2 }, "{seen}");
        let count = desk.get(&format!("/v1/mdmServers/{}", desk.id("Alone"))).await;
        assert_eq!(count["data"]["attributes"]["deviceCount"], if seen < 3 { 1 } else { 2 }, "{seen}");
        let told = desk.ask("GET", "/v1/orgDevices/FREE1/relationships/assignedServer", None).await;
        assert_eq!(told.status, if seen < 4 { 404 } else { 200 }, "{seen}");
        desk.advance(10);
    }
}

#[tokio::test]
async fn what_moved_away_is_still_seen_where_it_was() {
    let desk = Desk::new().await;
    desk.fault(json!({"fault": "linkage-lag"}));
    let move_it = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["DIRECT1"]);
    desk.carry_out(move_it).await;
    let release = desk.activity("RELEASE_DEVICES", None, &["DIRECT2"]);
    desk.carry_out(release).await;
    assert_eq!(desk.linked("Direct").await, ["DIRECT1", "DIRECT2", "DIRECT9"]);
    assert_eq!(desk.linked("Alone").await, ["ALONE1"]);
    desk.advance(30);
    assert_eq!(desk.linked("Direct").await, ["DIRECT9"]);
    assert_eq!(desk.linked("Alone").await, ["ALONE1", "DIRECT1"]);
}
