//! Worlds that begin with organizations, go on, and have many devices.

use super::*;
use crate::sim::world::FORMAT;

#[tokio::test]
async fn a_world_goes_on_from_its_text_and_later_starts_only_add() {
    let desk = Desk::new().await;
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1", "DIRECT1"])).await;
    desk.advance(6);
    let mut world = World::from_json(&desk.sim.world().to_json()).unwrap();
    let again = world.to_json();
    world.add(&seed());
    assert_eq!(world.to_json(), again, "the same documents add nothing");
    let mut more = seed();
    let device = json!({"serial": "MORE1", "service": "Direct", "orderNumber": "O-9"});
    more.organizations[0].devices.push(serde_json::from_value(device).unwrap());
    more.organizations[0].devices[0].service = Some("Alone".to_owned());
    more.services[0].serials.push(crate::model::Serial::new("MORE2").unwrap());
    world.add(&more);
    let desk = Desk::of(world, CLIENT).await;
    desk.advance(6);
    assert_eq!(desk.state(&id).await.1, "COMPLETED_WITH_SUCCESS");
    assert_eq!(desk.linked("Alone").await, ["ALONE1", "DIRECT1", "FREE1"]);
    assert_eq!(desk.linked("Direct").await, ["DIRECT2", "DIRECT9", "MORE1", "MORE2"]);
    let fleet = desk.sim.with_world(|world| world.service("Direct server").unwrap().fleet.len());
    assert_eq!(fleet, 4);
}

#[test]
fn a_world_without_organizations_is_written_as_before() {
    let seed: Seed = serde_json::from_value(json!({
        "seed": 7, "start": "2026-11-02T08:00:00Z", "surroundings": true,
        "tenants": [{"tenantId": TENANT, "tokens": [{"name": "Fleet", "serials": ["INTUNE9"]}]}],
        "services": [{"name": "Direct server", "serials": ["DIRECT9"]}],
    }))
    .unwrap();
    let world: Value = serde_json::from_slice(&World::from_seed(&seed).to_json()).unwrap();
    assert_eq!(world["format"], FORMAT);
    assert!(world.get("organizations").is_none());
    assert!(world["history"].get("organizations").is_none());
    assert!(world["tenants"][0]["tokens"][0].get("pending").is_none());
}

#[test]
fn deleted_services_do_not_come_back() {
    let mut world = World::from_seed(&seed());
    let names = |world: &World| -> Vec<String> {
        world.organizations[0].services.iter().map(|service| service.name.clone()).collect()
    };
    for name in ["Direct", "Alone"] {
        let at = world.organizations[0].position(name).unwrap();
        world.remove_device_service(0, at);
    }
    world.add(&seed());
    assert_eq!(names(&world), ["Intune", "Configurator", "Built-in"]);
}

#[tokio::test]
async fn an_organization_has_surroundings_that_no_document_names() {
    let mut seed = seed();
    seed.surroundings = true;
    let desk = Desk::with(&seed).await;
    desk.behave(json!({"getPerMinute": 0}));
    let rows = desk.all("/v1/orgDevices", 1000).await;
    let of = |family: &str, source: &str| {
        rows.iter().any(|row| {
            row["attributes"]["productFamily"] == family && row["attributes"]["purchaseSourceType"] == source
        })
    };
    assert!(of("Watch", "APPLE") && of("iPhone", "RESELLER") && of("iPad", "MANUALLY_ADDED"));
    assert_eq!(desk.linked("Apple Configurator 2").await.len(), 2);
    let released = desk.sim.with_world(|world| {
        world.organizations[0].roster.rows().iter().filter(|row| row.is_released()).count()
    });
    assert_eq!(released, 1);
}

#[tokio::test]
async fn many_devices_are_cheap() {
    let mut seed = seed();
    let bulk = json!([
        {"count": 30_000, "service": "Alone"},
        {"count": 10_000, "service": "Direct", "family": "Mac"},
        {"count": 10_000, "family": "iPhone", "orderNumber": "BIG-1"},
    ]);
    seed.organizations[0].generated = serde_json::from_value(bulk).unwrap();
    let desk = Desk::with(&seed).await;
    desk.behave(json!({"getPerMinute": 0, "postPerHour": 0}));
    let mut rows = 0;
    let mut next = Some("/v1/orgDevices?limit=1000".to_owned());
    let mut pages = 0;
    while let Some(path) = next {
        let page = desk.get(&path).await;
        rows += page["data"].as_array().unwrap().len();
        pages += 1;
        next = page["links"]["next"].as_str().map(str::to_owned);
    }
    assert_eq!((rows, pages), (50_009, 51));
    assert_eq!(desk.linked("Alone").await.len(), 30_001);
    let serials: Vec<String> = desk.linked("Alone").await.into_iter().take(1000).collect();
    let serials: Vec<&str> = serials.iter().map(String::as_str).collect();
    let body = desk.activity("ASSIGN_DEVICES", Some("Direct"), &serials);
    assert_eq!(desk.carry_out(body).await, "COMPLETED_WITH_SUCCESS");
    assert_eq!(desk.linked("Direct").await.len(), 11_003);
}
