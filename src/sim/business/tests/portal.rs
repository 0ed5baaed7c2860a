//! What a person does in the portal of an organization.

use super::*;

#[tokio::test]
async fn a_newly_bought_device_goes_to_the_default_service_of_its_family() {
    let desk = Desk::new().await;
    let buy = |serial: &str, family: &str| {
        json!({
            "do": "buyDevices", "organization": ORGANIZATION, "serials": [serial], "family": family,
            "model": "Special", "orderNumber": "O-1", "source": "RESELLER", "sourceId": "R7",
        })
    };
    let done = desk.by_hand(json!([buy("NEW1", "Mac"), buy("NEW2", "iPad"), buy("NEW3", "AppleTV")])).await;
    assert_eq!(done.status, 204, "{done:?}");
    assert!(desk.linked("Direct").await.contains(&"NEW1".to_owned()));
    assert!(desk.linked("Intune").await.contains(&"NEW2".to_owned()));
    let one = desk.get("/v1/orgDevices/NEW3").await;
    let attributes = &one["data"]["attributes"];
    assert_eq!(attributes["status"], "UNASSIGNED");
    assert_eq!(
        ["deviceModel", "orderNumber", "purchaseSourceType", "purchaseSourceId"]
            .map(|name| &attributes[name]),
        ["Special", "O-1", "RESELLER", "R7"]
    );
    assert_eq!(attributes["addedToOrgDateTime"], "2026-11-02T08:00:00.000Z");
    assert!(desk.sim.with_world(|world| world.service("Direct server").unwrap().fleet.len()) == 4);
    assert_eq!(desk.by_hand(buy("NEW1", "Mac")).await.status, 409, "it is there already");
    // One that was released may be bought again.
    desk.by_hand(json!({"do": "releaseFromOrganization", "organization": ORGANIZATION, "serials": ["NEW1"]}))
        .await;
    assert!(!desk.linked("Direct").await.contains(&"NEW1".to_owned()));
    assert_eq!(desk.by_hand(buy("NEW1", "Mac")).await.status, 204);
    assert!(desk.linked("Direct").await.contains(&"NEW1".to_owned()));
}

#[tokio::test]
async fn services_are_made_renamed_and_deleted() {
    let desk = Desk::new().await;
    let made = json!({"do": "createOrganizationService", "organization": CLIENT, "name": "Lab"});
    assert_eq!(desk.by_hand(made).await.status, 204);
    let change = json!({
        "do": "changeOrganizationService", "organization": ORGANIZATION, "service": "Lab", "name": "Laboratory",
        "families": ["Mac"],
    });
    assert_eq!(desk.by_hand(change).await.status, 204);
    let path = |name: &str| format!("/v1/mdmServers/{}", desk.id(name));
    let lab = desk.get(&path("Laboratory")).await;
    assert_eq!(lab["data"]["attributes"]["serverName"], "Laboratory");
    assert_eq!(lab["data"]["attributes"]["defaultProductFamilies"], json!(["MAC"]));
    let direct = desk.get(&path("Direct")).await;
    assert_eq!(direct["data"]["attributes"]["defaultProductFamilies"], json!([]), "a family has one default");
    let assign = json!({
        "do": "assignToService", "organization": ORGANIZATION, "serials": ["FREE1"], "service": "Laboratory",
    });
    desk.by_hand(assign).await;
    assert_eq!(desk.linked("Laboratory").await, ["FREE1"]);
    let id = desk.id("Laboratory");
    desk.by_hand(
        json!({"do": "deleteOrganizationService", "organization": ORGANIZATION, "service": "Laboratory"}),
    )
    .await;
    assert_eq!(desk.refused("GET", &format!("/v1/mdmServers/{id}"), None).await.0, 404);
    let one = desk.get("/v1/orgDevices/FREE1").await;
    assert_eq!(one["data"]["attributes"]["status"], "UNASSIGNED");
    let history = desk.sim.with_world(|world| serde_json::to_value(&world.history).unwrap());
    assert!(history.get("organizations").is_none(), "nothing of it was done by a program");
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_and_changes_nothing() {
    let desk = Desk::new().await;
    let before = desk.sim.world().to_json();
    for (change, part) in [
        (
            json!({"do": "assignToService", "organization": "Nobody", "serials": []}),
            "it has `Acme`, `Lakeside`",
        ),
        (
            json!({"do": "assignToService", "organization": ORGANIZATION, "serials": ["FREE1"], "service": "No"}),
            "has no service `No`",
        ),
        (
            json!({"do": "assignToService", "organization": ORGANIZATION, "serials": ["FREE1", "X1"]}),
            "does not have the device `X1`",
        ),
        (json!({"do": "revokeApiKey", "clientId": "X"}), "API account `X`"),
        (json!({"do": "addDevices", "serials": ["FREE1"]}), "`FREE1` is at Apple already"),
    ] {
        let told = desk.by_hand(change.clone()).await;
        assert_eq!(told.status, 409, "{change}");
        assert!(told.text.contains(part), "{told:?}");
    }
    assert_eq!(desk.sim.world().to_json(), before);
}

#[tokio::test]
async fn locks_migrations_and_behaviour_are_set() {
    let desk = Desk::new().await;
    let done = desk
        .by_hand(json!([
            {"do": "setMigration", "organization": ORGANIZATION, "serials": ["DIRECT1"], "capable": true,
             "deadline": "2026-11-20T08:00:00Z", "status": "FAILED"},
            {"do": "changeOrganization", "organization": ORGANIZATION, "behaviour": {"activitySeconds": 60, "getPerMinute": 0}},
        ]))
        .await;
    assert_eq!(done.status, 204, "{done:?}");
    let one = desk.get("/v1/orgDevices/DIRECT1").await;
    assert_eq!(one["data"]["attributes"]["mdmMigrationStatus"], "FAILED");
    assert_eq!(one["data"]["attributes"]["mdmMigrationDeadlineDateTime"], "2026-11-20T08:00:00.000Z");
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"])).await;
    desk.advance(59);
    assert_eq!(desk.state(&id).await.0, "IN_PROGRESS");
    desk.advance(1);
    assert_eq!(desk.state(&id).await.0, "COMPLETED");
}
