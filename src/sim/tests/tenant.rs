//! What a tenant has beside its tokens, as seeds make it, people change it, and worlds keep it.

use super::vpp::{VPP_SECRET, VppMembers, VppState};
use super::*;

async fn by_hand(desk: &Desk, changes: Value) -> (u16, Value) {
    desk.control("POST", "/portal", Some(changes)).await
}

async fn vpp_tokens(desk: &Desk) -> Vec<Value> {
    desk.get("/deviceAppManagement/vppTokens").await["value"].as_array().unwrap().clone()
}

const PUSH: &str = "/deviceManagement/applePushNotificationCertificate";

#[tokio::test]
async fn a_seed_brings_vpp_tokens_a_push_certificate_and_macs() {
    let mut seed = seed();
    let tenant = &mut seed.tenants[0];
    tenant.vpp_tokens.push(SeedVppToken {
        name: "Field apps".into(),
        id: Some("3f2c1b0a-2222-4222-8333-444455556666".into()),
        members: VppMembers {
            scope_tags: Some(vec!["Berlin".into(), "Bonn".into()]),
            ..VppMembers::default()
        },
    });
    tenant.vpp_tokens.push(SeedVppToken { name: "Headquarters".into(), ..SeedVppToken::default() });
    tenant.tokens[0].platforms.insert(serial("C02BBB"), world::Platform::MacOs);
    let desk = Desk::with(Options::new(World::from_seed(&seed))).await;
    let rows = vpp_tokens(&desk).await;
    let names: Vec<&Value> = rows.iter().map(|row| &row["displayName"]).collect();
    assert_eq!(names, ["Field apps", "Field apps", "Headquarters"]);
    assert_eq!((&rows[0]["id"], &rows[1]["roleScopeTagIds"]), (&json!(VPP), &json!(["1", "2"])));
    assert_eq!(rows[0]["token"], format!("{VPP_SECRET}{VPP}"));
    assert_eq!((&rows[2]["state"], &rows[2]["automaticallyUpdateApps"]), (&json!("valid"), &json!(true)));
    assert_eq!(desk.get(PUSH).await["expirationDateTime"], "2027-11-02T08:00:00Z");
    let devices = desk.get(&desk.below("/importedAppleDeviceIdentities")).await;
    let platforms: Vec<&Value> =
        devices["value"].as_array().unwrap().iter().map(|row| &row["platform"]).collect();
    assert_eq!(platforms, ["ios", "macOS", "ios", "ios", "ios"]);
    let before = desk.sim.world().to_json();
    desk.sim.with_world(|world| world.add(&seed));
    assert_eq!(desk.sim.world().to_json(), before, "a second start adds nothing");
    assert!(!String::from_utf8(before).unwrap().contains(VPP_SECRET), "the world keeps no secret");
}

#[tokio::test]
async fn what_people_took_away_stays_away() {
    let desk = Desk::new().await;
    let (status, body) = by_hand(&desk, json!([
        {"do": "addVppToken", "tenant": TENANT, "name": "Headquarters"},
        {"do": "patchVppToken", "tenant": TENANT, "vppToken": "Headquarters", "members": {"displayName": "HQ"}},
        {"do": "removeVppToken", "tenant": TENANT, "vppToken": VPP},
        {"do": "removePushCertificate", "tenant": TENANT},
    ])).await;
    assert_eq!(status, 204, "{body}");
    desk.sim.with_world(|world| {
        let mut seed = seed();
        // A seed that names it as it was called finds it under its new name.
        seed.tenants[0]
            .vpp_tokens
            .push(SeedVppToken { name: "Headquarters".into(), ..SeedVppToken::default() });
        world.add(&seed);
    });
    let rows = vpp_tokens(&desk).await;
    assert_eq!((rows.len(), &rows[0]["displayName"]), (1, &json!("HQ")));
    assert_eq!(desk.ask("GET", PUSH, None).await.0, 404);
    let set = json!({"do": "patchPushCertificate", "tenant": TENANT, "members": {"appleIdentifier": "a@b.example"}});
    assert_eq!(by_hand(&desk, set).await.0, 204);
    assert_eq!(desk.get(PUSH).await["appleIdentifier"], "a@b.example");
}

#[tokio::test]
async fn a_vpp_token_expires_with_the_worlds_time() {
    let desk = Desk::new().await;
    let patch = |members: Value| json!({"do": "patchVppToken", "tenant": TENANT, "vppToken": "Field apps", "members": members});
    by_hand(
        &desk,
        patch(json!({"expirationDateTime": "2026-11-02T09:00:00Z", "automaticallyUpdateApps": false,
                                "lastSyncStatus": "failed", "appleId": "other@sim.example"})),
    )
    .await;
    assert_eq!(vpp_tokens(&desk).await[0]["state"], "valid");
    desk.advance(3600);
    let path = format!("/deviceAppManagement/vppTokens/{VPP}");
    let read = async || {
        // A bearer is good for an hour.
        let mut fresh = Desk {
            sim: Sim::start(Options::new(desk.sim.world())).await.unwrap(),
            http: desk.http.clone(),
            bearer: String::new(),
        };
        fresh.sign_in().await;
        fresh.get(&path).await
    };
    let row = read().await;
    assert_eq!((&row["state"], &row["automaticallyUpdateApps"]), (&json!("expired"), &json!(false)));
    assert_eq!((&row["lastSyncStatus"], &row["appleId"]), (&json!("failed"), &json!("other@sim.example")));
    by_hand(&desk, patch(json!({"state": "duplicateLocationId"}))).await;
    assert_eq!(read().await["state"], "duplicateLocationId");
    let state = desk.sim.with_world(|world| world.tenants[0].vpp_tokens[0].state_at(world.now));
    assert_eq!(state, VppState::DuplicateLocationId);
}

#[tokio::test]
async fn tags_tokens_and_types_are_changed_by_hand() {
    let desk = Desk::new().await;
    let (status, body) = by_hand(&desk, json!([
        {"do": "renameScopeTag", "tenant": TENANT, "scopeTag": "Berlin", "to": "Bonn"},
        {"do": "changeToken", "token": "School", "scopeTags": ["Bonn"], "appleId": "new@sim.example"},
        {"do": "patchToken", "token": "School", "expires": "2026-12-01T00:00:00Z"},
        {"do": "createProfile", "token": "School", "profile":
            {"@odata.type": "#microsoft.graph.depEnrollmentProfile", "displayName": "Flat", "enableSharedIPad": true}},
        {"do": "createProfile", "token": "School", "profile":
            {"@odata.type": "#microsoft.graph.depWatchEnrollmentProfile", "displayName": "Watches", "strapColour": "red"}},
        {"do": "createMirror", "token": "School", "platform": "visionOS", "displayName": "Visions",
         "policyId": "11111111-2222-4333-8444-555566667777", "prefixed": true},
        {"do": "setDefault", "token": "School", "profile": "Visions"},
    ])).await;
    assert_eq!(status, 204, "{body}");
    let token =
        desk.get(&desk.below("?$expand=defaultVisionOSEnrollmentProfile,defaultTvOSEnrollmentProfile")).await;
    assert_eq!(
        (&token["appleIdentifier"], &token["roleScopeTagIds"]),
        (&json!("new@sim.example"), &json!(["1"]))
    );
    assert_eq!(token["tokenExpirationDateTime"], "2026-12-01T00:00:00Z");
    let id = format!("ECV2_{}_11111111-2222-4333-8444-555566667777", desk.token());
    assert_eq!(token["defaultVisionOSEnrollmentProfile"]["id"], id);
    assert!(token.get("defaultTvOSEnrollmentProfile").is_none());
    let rows = desk.get(&desk.below("/enrollmentProfiles")).await;
    assert_eq!(
        (&rows["value"][0]["enableSharedIPad"], &rows["value"][0]["isDefault"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        (&rows["value"][1]["strapColour"], &rows["value"][1]["@odata.type"]),
        (&json!("red"), &json!("#microsoft.graph.depWatchEnrollmentProfile"))
    );
    by_hand(&desk, json!({"do": "removeScopeTag", "tenant": TENANT, "scopeTag": "Bonn"})).await;
    assert_eq!(desk.get(&desk.below("")).await["roleScopeTagIds"], json!(["0"]));
    for (wrong, word) in [
        (json!({"do": "removeScopeTag", "tenant": TENANT, "scopeTag": "Default"}), "built-in"),
        (
            json!({"do": "renameScopeTag", "tenant": TENANT, "scopeTag": "Bonn", "to": "x"}),
            "it has `Default`",
        ),
        (
            json!({"do": "patchVppToken", "tenant": TENANT, "vppToken": "x", "members": {}}),
            "it has `Field apps`",
        ),
        (json!({"do": "createProfile", "token": "School", "profile": {"displayName": "x"}}), "@odata.type"),
        (json!({"do": "removePushCertificate", "tenant": "nobody"}), "no tenant"),
    ] {
        let (status, body) = by_hand(&desk, wrong.clone()).await;
        assert!(status == 409 && body["error"].as_str().unwrap().contains(word), "{wrong}: {body}");
    }
}

#[test]
fn a_world_of_before_still_reads() {
    let mut world: Value = serde_json::from_slice(&World::from_seed(&seed()).to_json()).unwrap();
    let tenant = world["tenants"][0].as_object_mut().unwrap();
    for member in ["vppTokens", "removedVppTokens", "pushCertificate", "pushCertificateRemoved"] {
        assert!(tenant.remove(member).is_some(), "{member}");
    }
    assert!(world["history"].as_object_mut().unwrap().remove("passwordsSet").is_some());
    let mut world = World::from_json(world.to_string().as_bytes()).unwrap();
    assert!(world.tenants[0].vpp_tokens.is_empty() && world.tenants[0].push_certificate.is_none());
    world.add(&seed());
    assert_eq!(world.to_json(), World::from_seed(&seed()).to_json(), "the next start adds what it lacks");
}
