//! How often an account may ask.

use super::*;

#[tokio::test]
async fn twenty_reads_a_minute_and_ten_writes_an_hour() {
    let mut desk = Desk::with(&seed()).await;
    for _ in 0..20 {
        desk.get("/v1/mdmServers").await;
    }
    let told = desk.ask("GET", "/v1/mdmServers", None).await;
    assert_eq!(told.refusal(), (429, "RATE_LIMIT_EXCEEDED".to_owned()));
    assert_eq!(told.retry_after.as_deref(), Some("60"));
    desk.advance(59);
    assert_eq!(desk.ask("GET", "/v1/mdmServers", None).await.retry_after.as_deref(), Some("1"));
    // Writes have a bucket of their own, and refused requests fill none.
    for _ in 0..10 {
        let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"]);
        desk.begin(body).await;
    }
    let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"]);
    let told = desk.ask("POST", "/v1/orgDeviceActivities", Some(body.clone())).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (429, Some("3600")));
    desk.advance(1);
    desk.get("/v1/mdmServers").await;
    desk.advance(3599);
    desk.sign_in().await;
    desk.begin(body).await;
    let created = desk.sim.with_world(|world| world.history.organizations.activities.clone());
    assert_eq!(created, [("ASSIGN_DEVICES".to_owned(), 11)].into());
}

#[tokio::test]
async fn the_window_slides_and_goes_on_in_a_kept_world() {
    let desk = Desk::with(&seed()).await;
    for _ in 0..10 {
        desk.get("/v1/mdmServers").await;
    }
    desk.advance(30);
    for _ in 0..10 {
        desk.get("/v1/mdmServers").await;
    }
    let world = World::from_json(&desk.sim.world().to_json()).unwrap();
    let desk = Desk::of(world, CLIENT).await;
    let told = desk.ask("GET", "/v1/mdmServers", None).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (429, Some("30")));
    desk.advance(30);
    for _ in 0..10 {
        desk.get("/v1/mdmServers").await;
    }
    assert_eq!(desk.refused("GET", "/v1/mdmServers", None).await.0, 429);
}

#[tokio::test]
async fn limits_are_of_an_account_and_may_be_lifted() {
    let mut seed = seed();
    let other = "BUSINESSAPI.22222222-2222-4333-8444-555555555555";
    let account = serde_json::from_value(json!({"clientId": other, "keyId": "k2"})).unwrap();
    seed.organizations[0].accounts.push(account);
    let mut desk = Desk::with(&seed).await;
    desk.behave(json!({"getPerMinute": 2, "retryAfter": false, "htmlLimit": true}));
    desk.get("/v1/mdmServers").await;
    desk.get("/v1/mdmServers").await;
    let told = desk.ask("GET", "/v1/mdmServers", None).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (429, None));
    assert!(told.text.starts_with("<html>") && told.content_type.as_deref() == Some("text/html"));
    desk.fault(json!({"fault": "lift-limits", "times": 1}));
    desk.get("/v1/mdmServers").await;
    assert_eq!(desk.ask("GET", "/v1/mdmServers", None).await.status, 429);
    desk.client = other;
    desk.sign_in().await;
    desk.get("/v1/mdmServers").await;
}
