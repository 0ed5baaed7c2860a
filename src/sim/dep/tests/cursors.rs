//! Full and delta reads: pages, cursors, and what happens between two of them.

use super::*;

fn invalid() -> (u16, String) {
    (400, "INVALID_CURSOR".to_owned())
}

#[tokio::test]
async fn a_full_read_is_exhausted_and_goes_on_as_a_delta() {
    let mut desk = Desk::new().await;
    let mut many = seed();
    many.services[0].devices = 120;
    desk.sim.with_world(|world| *world = World::from_seed(&many));
    let first = desk.post("/server/devices", json!({})).await;
    assert_eq!(first["devices"].as_array().unwrap().len(), 100, "where no limit is asked for");
    assert_eq!(first["more_to_follow"], true);
    let half = first["cursor"].clone();
    let sync = Some(json!({"cursor": half}));
    assert_eq!(desk.refused("POST", "/devices/sync", sync).await, invalid());
    let second = desk.post("/server/devices", json!({"cursor": half})).await;
    assert_eq!((&second["more_to_follow"], second["devices"].as_array().unwrap().len()), (&json!(false), 25));
    assert_eq!(
        desk.post("/server/devices", json!({"cursor": half})).await,
        second,
        "an answer that was lost"
    );
    let end = second["cursor"].as_str().unwrap().to_owned();
    let again = desk.refused("POST", "/server/devices", Some(json!({"cursor": end}))).await;
    assert_eq!(again, (400, "EXHAUSTED_CURSOR".to_owned()));
    let (rows, next) = desk.delta(&end).await;
    assert_eq!(rows.len(), 0);
    assert_ne!(next, end, "an empty delta has a new cursor");
    assert_ne!(desk.delta(&next).await.1, next);
}

#[tokio::test]
async fn a_delta_tells_every_operation_in_order() {
    let mut desk = Desk::new().await;
    let (_, cursor) = desk.read_all(1000).await;
    let (one, two) = (desk.define("one").await, desk.define("two").await);
    desk.assign(&one, &["DMPA1", "DMPA2"]).await;
    desk.advance(60);
    desk.assign(&two, &["DMPA1"]).await;
    desk.by_hand(json!([
        {"do": "activateDevices", "serials": ["DMPA1"]},
        {"do": "moveDevices", "serials": ["C02MAC"], "to": SOUTH},
        {"do": "moveDevices", "serials": ["TVTV"]},
        {"do": "addDevices", "service": NORTH, "serials": ["DMPA9"]},
    ]))
    .await;
    let (rows, end) = desk.delta(&cursor).await;
    let told: Vec<(&str, &str, &str)> = rows
        .iter()
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap();
            (text("serial_number"), text("op_type"), text("profile_status"))
        })
        .collect();
    assert_eq!(
        told,
        [
            ("DMPA1", "modified", "assigned"),
            ("DMPA2", "modified", "assigned"),
            ("DMPA1", "modified", "assigned"),
            ("DMPA1", "modified", "pushed"),
            ("C02MAC", "deleted", "empty"),
            ("TVTV", "deleted", "empty"),
            ("DMPA9", "added", "empty"),
        ]
    );
    assert_eq!((&rows[0]["profile_uuid"], &rows[2]["profile_uuid"]), (&json!(one), &json!(two)));
    assert_eq!(rows[0]["op_date"], "2026-11-02T08:00:00Z");
    assert_eq!(rows[3]["profile_push_time"], "2026-11-02T08:01:00Z");
    assert_eq!(rows[6]["op_date"], rows[6]["device_assigned_date"]);
    assert_eq!(desk.delta(&end).await.0.len(), 0);

    let mut paged = Vec::new();
    let mut at = json!(cursor);
    loop {
        let page = desk.post("/devices/sync", json!({"cursor": at, "limit": 3})).await;
        paged.extend(page["devices"].as_array().unwrap().clone());
        at = page["cursor"].clone();
        if page["more_to_follow"] == false {
            break;
        }
    }
    assert_eq!(paged, rows);
    assert_eq!(desk.sim.with_world(|world| world.service_of(&serial("C02MAC")).unwrap().name.clone()), SOUTH);
}

#[tokio::test]
async fn what_changes_while_a_full_read_goes_on_is_in_the_delta_after_it() {
    let mut desk = Desk::new().await;
    let first = desk.post("/server/devices", json!({"limit": 2})).await;
    desk.by_hand(json!([
        {"do": "moveDevices", "serials": ["DMPA1", "C02MAC"]},
        {"do": "addDevices", "service": NORTH, "serials": ["DMPA9"]},
    ]))
    .await;
    let rest = desk.post("/server/devices", json!({"limit": 10, "cursor": first["cursor"]})).await;
    assert_eq!(serials(rest["devices"].as_array().unwrap()), ["FCHPHONE", "TVTV", "DMPA9"]);
    let (rows, _) = desk.delta(rest["cursor"].as_str().unwrap()).await;
    let told: std::collections::BTreeSet<&str> = serials(&rows).into_iter().collect();
    assert_eq!(told, ["C02MAC", "DMPA1", "DMPA9"].into());
}

#[tokio::test]
async fn a_cursor_is_of_one_service_and_seven_days() {
    let mut desk = Desk::new().await;
    let (_, cursor) = desk.read_all(1000).await;
    for (body, code) in [
        (json!({}), "CURSOR_REQUIRED"),
        (json!({"cursor": ""}), "CURSOR_REQUIRED"),
        (json!({"cursor": "MDowOjE"}), "INVALID_CURSOR"),
        (json!({"cursor": format!("M{cursor}")}), "INVALID_CURSOR"),
        (json!({"cursor": "x".repeat(1001)}), "INVALID_CURSOR"),
        (json!({"cursor": 1}), "MALFORMED_REQUEST_BODY"),
    ] {
        let refused = desk.refused("POST", "/devices/sync", Some(body.clone())).await;
        assert_eq!(refused, (400, code.to_owned()), "{body}");
    }
    assert_eq!(desk.refused("POST", "/server/devices", Some(json!({"cursor": "x"}))).await, invalid());
    desk.token = desk.sim.server_token(SOUTH).unwrap();
    desk.sign_in().await;
    assert_eq!(desk.refused("POST", "/devices/sync", Some(json!({"cursor": cursor}))).await, invalid());
    desk.token = desk.sim.server_token(NORTH).unwrap();
    desk.advance(7 * 86_400);
    desk.sign_in().await;
    let (_, fresh) = desk.delta(&cursor).await;
    desk.advance(1);
    let expired = desk.refused("POST", "/devices/sync", Some(json!({"cursor": cursor}))).await;
    assert_eq!(expired, (400, "EXPIRED_CURSOR".to_owned()));
    desk.delta(&fresh).await;
}

#[tokio::test]
async fn a_kept_world_goes_on_where_it_was() {
    let mut desk = Desk::new().await;
    let (_, cursor) = desk.read_all(1000).await;
    let uuid = desk.define("iPads").await;
    desk.assign(&uuid, &["DMPA1"]).await;
    desk.by_hand(json!({"do": "moveDevices", "serials": ["TVTV"]})).await;
    let text = desk.sim.world().to_json();
    let world = World::from_json(&text).unwrap();
    assert_eq!(world.to_json(), text);
    let mut later = Desk::at(Sim::start(Options::new(world)).await.unwrap(), NORTH).await;
    assert_eq!(serials(&later.delta(&cursor).await.0), ["DMPA1", "TVTV"]);
    assert_eq!(later.device("DMPA1").await["profile_uuid"], json!(uuid));
    let text = String::from_utf8(text).unwrap();
    assert!(!text.contains(crate::sim::apple::credentials::TOKEN_SECRET), "a secret is in the world");
    let old = r#"{"format":1,"seed":1,"now":"2026-11-02T08:00:00Z","tenants":[],"births":0,"history":{}}"#;
    assert!(World::from_json(old.as_bytes()).unwrap().services.is_empty());
}

#[tokio::test]
async fn a_later_seed_adds_and_tells_of_it() {
    let mut desk = Desk::new().await;
    let (_, cursor) = desk.read_all(1000).await;
    let mut more = seed();
    more.services[0].serials.push(serial("DMPA7"));
    // One that is elsewhere already stays there.
    more.services[0].serials.push(serial("DMPB1"));
    let uuid = desk.define("x").await;
    desk.assign(&uuid, &["DMPA1"]).await;
    desk.sim.with_world(|world| world.add(&more));
    assert_eq!(serials(&desk.delta(&cursor).await.0), ["DMPA1", "DMPA7"]);
}
