//! What the organization does is what the enrollment service and Intune have, and the other way round.

use super::*;
use crate::model::Serial;
use crate::sim::apple::Op;

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

/// Serials that Intune lists for its token, sorted; released ones with a mark.
fn at_intune(desk: &Desk) -> Vec<String> {
    desk.sim.with_world(|world| {
        let devices = &world.token("Fleet").unwrap().devices;
        let mut serials: Vec<String> = devices
            .iter()
            .map(|device| format!("{}{}", device.serial, if device.released { " released" } else { "" }))
            .collect();
        serials.sort();
        serials
    })
}

fn sync(desk: &Desk) {
    desk.sim.with_world(|world| {
        let now = world.now;
        let token = world.token_mut("Fleet").unwrap();
        assert!(token.may_sync(now));
        token.begin_sync(now);
    });
}

#[tokio::test]
async fn the_enrollment_service_tells_of_comings_and_goings_in_its_delta() {
    let desk = Desk::new().await;
    let before = desk.sim.with_world(|world| world.service("Direct server").unwrap().fleet.next_operation());
    let body = desk.activity("ASSIGN_DEVICES", Some("Direct"), &["FREE1", "INTUNE1", "WATCH1"]);
    desk.carry_out(body).await;
    let body = desk.activity("UNASSIGN_DEVICES", Some("Direct"), &["DIRECT1"]);
    desk.carry_out(body).await;
    let (told, present) = desk.sim.with_world(|world| {
        let fleet = &world.service("Direct server").unwrap().fleet;
        let told: Vec<(Op, String, i64)> =
            fleet.since(before).0.map(|one| (one.op, one.row.serial.to_string(), one.at)).collect();
        (told, fleet.present().count())
    });
    let at = |second: i64| 1_793_606_400 + second;
    assert_eq!(
        told,
        [
            (Op::Added, "FREE1".to_owned(), at(12)),
            (Op::Added, "INTUNE1".to_owned(), at(12)),
            (Op::Deleted, "DIRECT1".to_owned(), at(24)),
        ],
        "a watch does not enroll there"
    );
    assert_eq!(present, 4);
    assert_eq!(
        desk.id("Direct"),
        desk.sim.with_world(|world| world.service("Direct server").unwrap().uuid.clone())
    );
}

#[tokio::test]
async fn intune_sees_it_only_after_a_sync_that_began_later() {
    let desk = Desk::new().await;
    assert_eq!(at_intune(&desk), ["INTUNE1", "INTUNE9"]);
    // A sync that runs already does not see it.
    sync(&desk);
    let body = desk.activity("ASSIGN_DEVICES", Some("Intune"), &["FREE2", "DIRECT1"]);
    desk.carry_out(body).await;
    let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["INTUNE9"]);
    desk.carry_out(body).await;
    desk.advance(900);
    assert_eq!(at_intune(&desk), ["INTUNE1", "INTUNE9"]);
    sync(&desk);
    desk.advance(119);
    assert_eq!(at_intune(&desk), ["INTUNE1", "INTUNE9"]);
    desk.advance(1);
    assert_eq!(at_intune(&desk), ["DIRECT1", "FREE2", "INTUNE1"]);
    let platform = desk.sim.with_world(|world| {
        world.token("Fleet").unwrap().device(&serial("FREE2")).map(|device| device.platform)
    });
    assert_eq!(platform, Some(crate::sim::world::Platform::MacOs));
    // The automatic one does as well.
    let body = desk.activity("RELEASE_DEVICES", None, &["INTUNE1"]);
    desk.carry_out(body).await;
    desk.advance(12 * 3600);
    assert_eq!(at_intune(&desk), ["DIRECT1", "FREE2", "INTUNE1 released"]);
}

#[tokio::test]
async fn what_went_and_came_back_between_two_syncs_was_never_away() {
    let desk = Desk::new().await;
    for service in ["Alone", "Intune"] {
        let body = desk.activity("ASSIGN_DEVICES", Some(service), &["INTUNE1"]);
        desk.carry_out(body).await;
    }
    for service in ["Intune", "Alone"] {
        let body = desk.activity("ASSIGN_DEVICES", Some(service), &["FREE1"]);
        desk.carry_out(body).await;
    }
    sync(&desk);
    desk.advance(3600);
    assert_eq!(at_intune(&desk), ["INTUNE1", "INTUNE9"]);
}

#[tokio::test]
async fn what_is_disowned_at_the_enrollment_service_left_the_organization() {
    let sim = Sim::start(Options::new(World::from_seed(&seed()))).await.unwrap();
    let mut server = crate::sim::dep::tests::Desk::at(sim, "Direct server").await;
    let told = server.post("/devices/disown", json!({"devices": ["DIRECT2", "ALONE1"]})).await;
    assert_eq!(told["devices"], json!({"DIRECT2": "SUCCESS", "ALONE1": "NOT_ACCESSIBLE"}));
    let desk = Desk::of(server.sim.world(), CLIENT).await;
    assert_eq!(desk.linked("Direct").await, ["DIRECT1", "DIRECT9"]);
    let one = desk.get("/v1/orgDevices/DIRECT2").await;
    assert_eq!(one["data"]["attributes"]["releaserEntityType"], "MDM");
    assert_eq!(desk.linked("Alone").await, ["ALONE1"]);
}

#[tokio::test]
async fn what_is_done_to_servers_and_tokens_by_hand_is_done_to_the_organization() {
    let desk = Desk::new().await;
    let done = desk
        .by_hand(json!([
            {"do": "addDevices", "service": "Direct server", "serials": ["ADDED1"], "family": "Mac"},
            {"do": "moveDevices", "serials": ["FREE1", "INTUNE1"], "to": "Direct server"},
            {"do": "moveDevices", "serials": ["DIRECT1"]},
            {"do": "releaseSerials", "serials": ["DIRECT2", "FREE2"]},
            {"do": "addSerials", "token": "Fleet", "serials": ["ALONE1", "ADDED2"]},
            {"do": "releaseDevices", "token": "Fleet", "serials": ["INTUNE9"]},
            {"do": "replaceDevice", "serial": "DIRECT9", "by": "DIRECT8"},
        ]))
        .await;
    assert_eq!(done.status, 204, "{done:?}");
    assert_eq!(desk.linked("Direct").await, ["ADDED1", "DIRECT8", "FREE1", "INTUNE1"]);
    assert_eq!(desk.linked("Intune").await, ["ADDED2", "ALONE1"]);
    let rows = desk.all("/v1/orgDevices", 100).await;
    let mut known = ids(&rows);
    known.sort_unstable();
    assert_eq!(known, ["ADDED1", "ADDED2", "ALONE1", "DIRECT1", "DIRECT8", "FREE1", "INTUNE1", "WATCH1"]);
    let fleet: Vec<String> = desk.sim.with_world(|world| {
        let mut there: Vec<String> = world
            .service("Direct server")
            .unwrap()
            .fleet
            .present()
            .map(|row| row.serial.to_string())
            .collect();
        there.sort();
        there
    });
    assert_eq!(fleet, ["ADDED1", "DIRECT8", "FREE1", "INTUNE1"]);
    desk.advance(15 * 60);
    sync(&desk);
    desk.advance(120);
    assert_eq!(at_intune(&desk), ["ADDED2", "ALONE1", "INTUNE9 released"]);
}
