//! Account, devices and what the protocol version shows of them.

use super::*;

#[tokio::test]
async fn the_loop_of_a_client_closes() {
    let mut desk = Desk::new().await;
    let account = desk.get("/account").await;
    assert_eq!((&account["server_name"], &account["org_type"]), (&json!(NORTH), &json!("org")));
    assert_eq!(account["server_uuid"], desk.uuid(NORTH));
    let (rows, cursor) = desk.read_all(2).await;
    assert_eq!(serials(&rows), ["DMPA1", "DMPA2", "C02MAC", "FCHPHONE", "TVTV"]);
    let uuid = desk.define("iPads").await;
    let shown = desk.get(&format!("/profile?profile_uuid={uuid}")).await;
    assert_eq!((&shown["profile_name"], &shown["profile_uuid"]), (&json!("iPads"), &json!(uuid)));
    let results = desk.assign(&uuid, &["DMPA1", "DMPB1"]).await;
    assert_eq!(results["devices"], json!({"DMPA1": "SUCCESS", "DMPB1": "NOT_ACCESSIBLE"}));
    let (rows, _) = desk.delta(&cursor).await;
    assert_eq!(serials(&rows), ["DMPA1"]);
    assert_eq!((&rows[0]["op_type"], &rows[0]["profile_uuid"]), (&json!("modified"), &json!(uuid)));
}

#[tokio::test]
async fn the_protocol_version_decides_what_is_shown() {
    let mut desk = Desk::new().await;
    desk.by_hand(
        json!({"do": "scheduleMigration", "serials": ["DMPA1"], "deadline": "2026-12-01T00:00:00Z"}),
    )
    .await;
    let since = |version: &'static str| match version {
        "1" => (false, Value::Null, false, false),
        "2" => (true, json!("iOS"), false, false),
        "7" => (true, json!("iPadOS"), false, false),
        "8" | "9" => (true, json!("iPadOS"), true, false),
        _ => (true, json!("iPadOS"), true, true),
    };
    for version in ["1", "2", "7", "8", "9", "10"] {
        desk.version = version;
        let row = desk.device("DMPA1").await;
        let shown = (
            row["device_family"] == "iPad",
            row["os"].clone(),
            row["mdm_migration_deadline"] == "2026-12-01T00:00:00Z",
            row["wifi_mac_address"].is_string() && row["is_replacement_device"] == false,
        );
        assert_eq!(shown, since(version), "{version}: {row}");
        let account = desk.get("/account").await;
        let of_version_3 = ["org_id", "org_id_hash", "org_type", "org_version", "urls"];
        let expected = !["1", "2"].contains(&version);
        assert!(
            of_version_3.iter().all(|name| account.get(*name).is_some() == expected),
            "{version}: {account}"
        );
    }
    let (phone, mac, tv) =
        (desk.device("FCHPHONE").await, desk.device("C02MAC").await, desk.device("TVTV").await);
    assert_eq!(phone["imei"][0].as_str().unwrap().len(), 15);
    assert_eq!((phone["meid"][0].as_str().unwrap().len(), phone["eid"].as_str().unwrap().len()), (14, 32));
    assert_eq!((&mac["os"], mac.get("imei")), (&json!("OSX"), None));
    assert!(tv["os"] == "tvOS" && tv["ethernet_mac_address"].is_string());
}

#[tokio::test]
async fn details_answer_for_each_serial() {
    let mut desk = Desk::new().await;
    let asked = json!({"devices": ["DMPA1", "DMPB1", "no serial", "DMPA1"]});
    let answer = desk.post("/devices", asked).await;
    let devices = answer["devices"].as_object().unwrap();
    assert_eq!(devices.len(), 3);
    assert_eq!(devices["DMPA1"]["response_status"], "SUCCESS");
    assert_eq!(devices["DMPA1"]["profile_status"], "empty");
    for other in ["DMPB1", "no serial"] {
        assert_eq!(devices[other], json!({"response_status": "NOT_ACCESSIBLE"}));
    }
    for empty in [json!({}), json!({"devices": []})] {
        assert_eq!(
            desk.refused("POST", "/devices", Some(empty)).await,
            (400, "DEVICE_ID_REQUIRED".to_owned())
        );
    }
    let malformed = (400, "MALFORMED_REQUEST_BODY".to_owned());
    assert_eq!(desk.refused("POST", "/devices", Some(json!({"devices": "DMPA1"}))).await, malformed);
    assert_eq!(desk.refused("POST", "/devices", None).await, malformed);
}

#[tokio::test]
async fn a_disowned_device_is_gone() {
    let mut desk = Desk::new().await;
    let (_, cursor) = desk.read_all(1000).await;
    let answer = desk.post("/devices/disown", json!({"devices": ["DMPA1", "DMPB1"]})).await;
    assert_eq!(answer["devices"], json!({"DMPA1": "SUCCESS", "DMPB1": "NOT_ACCESSIBLE"}));
    let (rows, _) = desk.delta(&cursor).await;
    assert_eq!((serials(&rows), &rows[0]["op_type"]), (vec!["DMPA1"], &json!("deleted")));
    assert_eq!(desk.read_all(1000).await.0.len(), 4);
    assert_eq!(desk.sim.world().history.apple.disowned, [serial("DMPA1")]);
    let none = json!({"devices": []});
    assert_eq!(desk.refused("POST", "/devices/disown", Some(none)).await.1, "DEVICE_ID_REQUIRED");
}

#[tokio::test]
async fn the_account_driven_url_is_set_shown_and_taken_away() {
    let mut desk = Desk::new().await;
    let path = "/account-driven-enrollment/profile";
    assert_eq!(desk.refused("GET", path, None).await, (404, "NOT_FOUND".to_owned()));
    for (body, code) in [
        (json!({}), "MDM_SERVICE_DISCOVERY_URL_REQUIRED"),
        (json!({"mdm_service_discovery_url": ""}), "MDM_SERVICE_DISCOVERY_URL_REQUIRED"),
        (json!({"mdm_service_discovery_url": "http://mdm.example"}), "MDM_SERVICE_DISCOVERY_URL_NOT_VALID"),
        (json!({"mdm_service_discovery_url": "https://"}), "MDM_SERVICE_DISCOVERY_URL_NOT_VALID"),
        (json!({"mdm_service_discovery_url": "https://a b"}), "MDM_SERVICE_DISCOVERY_URL_NOT_VALID"),
    ] {
        assert_eq!(desk.refused("POST", path, Some(body)).await, (400, code.to_owned()));
    }
    desk.advance(60);
    let url = "https://mdm.example/.well-known/com.apple.remotemanagement";
    let told = desk.ask("POST", path, Some(json!({"mdm_service_discovery_url": url}))).await;
    assert_eq!((told.status, told.text.as_str()), (200, ""));
    let shown = json!({"mdm_service_discovery_url": url, "last_updated_timestamp": "2026-11-02T08:01:00Z"});
    assert_eq!(desk.get(path).await, shown);
    assert_eq!(desk.ask("DELETE", path, None).await.status, 200);
    assert_eq!(desk.refused("GET", path, None).await.0, 404);
    assert_eq!(desk.sim.world().history.apple.discovery_changes[&desk.uuid(NORTH)], 2);
}

#[tokio::test]
async fn an_organization_of_the_old_programs_lacks_what_is_new() {
    use crate::sim::apple::{OrgType, OrgVersion};
    let mut old = seed();
    old.services[0].org_version = Some(OrgVersion::V1);
    old.services[0].org_type = Some(OrgType::Edu);
    let mut desk = Desk::with(&old).await;
    let account = desk.get("/account").await;
    assert_eq!((&account["org_version"], &account["org_type"]), (&json!("v1"), &json!("edu")));
    let url = json!({"mdm_service_discovery_url": "https://mdm.example"});
    for (method, body) in [("GET", None), ("POST", Some(url)), ("DELETE", None)] {
        let refused = desk.refused(method, "/account-driven-enrollment/profile", body).await;
        assert_eq!(refused, (400, "ORG_NOT_SUPPORTED".to_owned()), "{method}");
    }
    let answer = desk.post("/device/activationlock", json!({"device": "DMPA1"})).await;
    assert_eq!(answer["response_status"], "ORG_NOT_SUPPORTED");
}

#[tokio::test]
async fn a_seed_gives_profiles_models_and_a_fleet_around() {
    let mut rich = seed();
    rich.surroundings = true;
    let mut profile = profile("Known");
    profile["profile_uuid"] = json!("0123456789ABCDEF0123456789ABCDEF");
    profile["devices"] = json!(["DMPA1", "C02MAC"]);
    let north = &mut rich.services[0];
    north.profiles = vec![profile.as_object().unwrap().clone()];
    north.pushed = vec![serial("C02MAC")];
    north.models = [(serial("C02MAC"), "MacBook \"Pro\"".to_owned())].into();
    north.devices = 6;
    north.assigned = true;
    let mut desk = Desk::with(&rich).await;
    let (rows, _) = desk.read_all(1000).await;
    assert_eq!(rows.len(), 8 + 5 + 6);
    let statuses: std::collections::BTreeSet<&str> =
        rows[..8].iter().map(|row| row["profile_status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["assigned", "empty", "pushed", "removed"].into());
    let row = desk.device("C02MAC").await;
    assert_eq!((&row["model"], &row["profile_status"]), (&json!("MacBook \"Pro\""), &json!("pushed")));
    assert_eq!(desk.device("DMPA1").await["profile_uuid"], "0123456789ABCDEF0123456789ABCDEF");
    assert!(rows[13..].iter().all(|row| row["profile_status"] == "assigned"));
    desk.sim.with_world(|world| world.add(&rich));
    assert_eq!(desk.read_all(1000).await.0, rows, "the same seed adds nothing");
}

#[tokio::test]
async fn beta_tokens_are_of_the_organization() {
    let mut desk = Desk::new().await;
    let answer = desk.get("/os-beta-enrollment/tokens").await;
    assert_eq!(answer["betaEnrollmentTokens"], answer["seedBuildTokens"]);
    assert!(answer["betaEnrollmentTokens"].as_array().unwrap().len() > 2);
    desk.by_hand(json!({"do": "changeService", "service": NORTH, "seedForIt": false})).await;
    let refused = desk.refused("GET", "/os-beta-enrollment/tokens", None).await;
    assert_eq!(refused, (403, "APPLE_SEED_FOR_IT_TURNED_OFF".to_owned()));
}

#[tokio::test]
async fn a_lock_is_set_once() {
    let mut desk = Desk::new().await;
    let path = "/device/activationlock";
    let key = "30a3449822ae82b94f1839ee0248a9e2350247d4b325071e6deb84285a6bfb34";
    for (device, status) in [
        ("DMPA1", "SUCCESS"),
        ("DMPA1", "DEVICE_ALREADY_LOCKED"),
        ("C02MAC", "DEVICE_NOT_SUPPORTED"),
        ("DMPB1", "NOT_ACCESSIBLE"),
    ] {
        let answer = desk.post(path, json!({"device": device, "escrow_key": key})).await;
        assert_eq!(answer, json!({"serial_number": device, "response_status": status}));
    }
    for body in [json!({}), json!({"device": "DMPA2", "escrow_key": "abc"}), json!([])] {
        assert_eq!(desk.refused("POST", path, Some(body)).await, (400, "MALFORMED_REQUEST_BODY".to_owned()));
    }
    let world = desk.sim.world();
    assert_eq!(world.history.apple.locks, [(serial("DMPA1"), 1)].into());
    assert!(!String::from_utf8(world.to_json()).unwrap().contains(key), "a key is in the world");
}

#[tokio::test]
async fn a_replacement_tells_whom_it_replaces() {
    let mut desk = Desk::new().await;
    let (_, cursor) = desk.read_all(1000).await;
    desk.by_hand(json!({"do": "replaceDevice", "serial": "DMPA1", "by": "DMPNEW"})).await;
    let (rows, _) = desk.delta(&cursor).await;
    assert_eq!(serials(&rows), ["DMPA1", "DMPNEW"]);
    assert_eq!((&rows[0]["op_type"], &rows[0]["released_by_replacement"]), (&json!("deleted"), &json!(true)));
    assert_eq!((&rows[1]["op_type"], &rows[1]["is_replacement_device"]), (&json!("added"), &json!(true)));
    let path = "/device/replacementDetails";
    let shown = desk.get(&format!("{path}?device=DMPNEW")).await;
    let expected = json!({
        "serial_number": "DMPNEW", "original_device_serial_number": "DMPA1", "replacement_date": "2026-11-02",
    });
    assert_eq!(shown, expected);
    let unknown = (404, "DEVICE_NOT_FOUND".to_owned());
    for device in ["DMPA1", "DMPA2", "DMPB1", "-"] {
        assert_eq!(desk.refused("GET", &format!("{path}?device={device}"), None).await, unknown);
    }
    assert_eq!(desk.refused("GET", path, None).await, (400, "DEVICE_ID_REQUIRED".to_owned()));
    desk.version = "9";
    assert_eq!(desk.refused("GET", &format!("{path}?device=DMPNEW"), None).await.1, "NOT_FOUND");
}

#[tokio::test]
async fn many_devices_are_told_in_pages() {
    let mut many = seed();
    many.services[0].devices = 3000;
    let mut desk = Desk::with(&many).await;
    let (rows, _) = desk.read_all(5000).await;
    assert_eq!(rows.len(), 3005);
    let serials: std::collections::HashSet<&str> = serials(&rows).into_iter().collect();
    assert_eq!(serials.len(), 3005);
    let calls = desk.sim.calls();
    let pages = calls.iter().find(|call| call.operation == "server.devices.post").unwrap();
    assert_eq!(pages.count, 4, "a page has no more than a thousand rows");
    assert_eq!(desk.sim.world().device_count(), 3006);
}
