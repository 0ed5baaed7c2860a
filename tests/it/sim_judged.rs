//! Everything that the simulator answers beside the profiles' fields, held to the contracts without
//! the client: VPP tokens, push certificate, scope tags, defaults, and a tenant made by hand.

use espalier::sim::portal::{self, Change};
use espalier::sim::vpp::VPP_SECRET;
use serde_json::{Value, json};

use crate::support::contract::Judge;
use crate::support::desk::{Desk, TENANT, TOKEN};
use crate::support::handmade::years_of_work;
use crate::support::wire;

/// Changes the world of a desk as a person would.
fn by_hand(desk: &Desk, changes: Value) {
    let changes: Vec<Change> = serde_json::from_value(changes).expect("changes of the portal");
    desk.sim.with_world(|world| {
        for change in changes {
            portal::change(world, change).expect("a possible change");
        }
    });
}

#[tokio::test]
async fn a_tenant_made_by_hand_is_read_as_it_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(|options| options.record = Some(recording.clone())).await;
    by_hand(&desk, years_of_work(TOKEN));
    by_hand(
        &desk,
        json!([
            {"do": "setDefault", "token": TOKEN, "profile": "Not mandatory"},
            {"do": "setDefault", "token": TOKEN, "profile": "Sign-in twice"},
        ]),
    );
    let token = desk.token().0;
    let base = format!("/deviceManagement/depOnboardingSettings/{token}");
    let (_, listed) = desk.ask(&format!("{base}/enrollmentProfiles")).await;
    let rows = listed["value"].as_array().expect("a list");
    assert!(rows.len() >= 42, "{}", rows.len());
    let named = |name: &str| rows.iter().filter(|row| row["displayName"] == name).collect::<Vec<_>>();
    assert_eq!(named("Twice").len(), 6);
    assert_eq!(named("Shared, awaiting")[0]["awaitDeviceConfiguredConfirmation"], true);
    assert_eq!(named("Old keys")[0]["enabledSkipKeys"], json!(["Privacy", "Registration", "AppStore"]));
    let accounts = named("Accounts that do not wait")[0];
    assert_eq!(accounts["waitForDeviceConfiguredConfirmation"], false, "nobody forces a hand-made one");
    assert_eq!(accounts["adminAccountPassword"], Value::Null);
    assert_eq!(named("Flat")[0]["macOSFileVaultDisabled"], true);

    // What an old profile breaks already it may go on breaking; new violations are refused.
    for name in ["Shared, awaiting", "Single app without VPP", "By certificate without one", "Both portals"] {
        let id = named(name)[0]["id"].as_str().expect("an id");
        let change =
            |member: &str, value: Value| json!({"@odata.type": named(name)[0]["@odata.type"], member: value});
        let (status, body) = desk.patch_profile(id, &change("supportDepartment", json!("IT"))).await;
        assert_eq!((status, &body["supportDepartment"]), (200, &json!("IT")), "{name}");
        let (status, body) = desk.patch_profile(id, &change("sharedIPadMaximumUserCount", json!(25))).await;
        assert_eq!(status, 400, "{name}: {body}");
    }

    // Both defaults in one request; then a policy's mirror takes over, and shows its prefix.
    let expand = "$expand=defaultIosEnrollmentProfile,defaultMacOsEnrollmentProfile";
    let (_, shown) = desk.ask(&format!("{base}?{expand}")).await;
    assert_eq!(shown["defaultIosEnrollmentProfile"]["displayName"], "Not mandatory");
    assert_eq!(shown["defaultMacOsEnrollmentProfile"]["displayName"], "Sign-in twice");
    let (_, shown) = desk.ask(&format!("/deviceManagement/depOnboardingSettings?{expand}")).await;
    assert_eq!(shown["value"][0]["defaultMacOsEnrollmentProfile"]["isDefault"], true);
    for (platform, member) in [
        ("IOS", "defaultIosEnrollmentProfile"),
        ("MacOS", "defaultMacOsEnrollmentProfile"),
        ("TvOS", "defaultTvOSEnrollmentProfile"),
        ("VisionOS", "defaultVisionOSEnrollmentProfile"),
    ] {
        let kind = format!("#microsoft.graph.dep{platform}EnrollmentProfile");
        let mirror = named("Twice").into_iter().rfind(|row| row["@odata.type"] == kind).expect("a mirror");
        let id = mirror["id"].as_str().expect("an id");
        assert!(id.starts_with(&format!("{token}_")), "{id}");
        assert_eq!(desk.set_default(id).await, 204);
        let (status, shown) = desk.ask(&format!("{base}/{member}")).await;
        assert_eq!((status, &shown["id"]), (200, &json!(format!("ECV2_{id}"))), "{shown}");
        let (_, expanded) = desk.ask(&format!("{base}?$expand={member}")).await;
        assert_eq!(expanded[member]["id"], shown["id"]);
        assert_ne!(shown["isDefault"], true, "a mirror never says so");
    }
    let (_, listed) = desk.ask(&format!("{base}/enrollmentProfiles")).await;
    assert!(listed["value"].as_array().expect("a list").iter().all(|row| row["isDefault"] != true));
    let text = desk.sim.with_world(|world| String::from_utf8(world.to_json()).expect("text"));
    assert!(!text.contains("hand-made"), "a password is in the world");
    judged(desk, &recording).await;
}

#[tokio::test]
async fn what_surrounds_the_tokens_is_answered_as_described() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(|options| {
        options.record = Some(recording.clone());
        options.page_size = Some(2);
    })
    .await;
    by_hand(
        &desk,
        json!([
            {"do": "addVppToken", "tenant": TENANT, "name": "Expired",
             "members": {"expirationDateTime": "2026-10-01T00:00:00Z", "automaticallyUpdateApps": false,
                         "licenses": {"com.microsoft.CompanyPortal": {"available": 0, "used": 25}}}},
            {"do": "addVppToken", "tenant": TENANT, "name": "Elsewhere",
             "members": {"state": "assignedToExternalMDM", "licenses": {}, "scopeTags": ["Berlin"]}},
            {"do": "addScopeTag", "tenant": TENANT, "name": "Bonn"},
            {"do": "addScopeTag", "tenant": TENANT, "name": "Jena"},
        ]),
    );
    let names = |page: &Value| -> Vec<String> {
        let rows = page["value"].as_array().expect("a list").iter();
        rows.map(|row| row["displayName"].as_str().expect("a name").to_owned()).collect()
    };
    let next = |page: &Value| page["@odata.nextLink"].as_str().map(|link| below_version(link).to_owned());

    let (_, first) = desk.ask("/deviceAppManagement/vppTokens").await;
    assert_eq!(names(&first), [wire::VPP_TOKEN.0, "Expired"]);
    let (_, second) = desk.ask(&next(&first).expect("a next page")).await;
    assert_eq!((names(&second), next(&second)), (vec!["Elsewhere".to_owned()], None));
    let rows: Vec<&Value> =
        [&first, &second].into_iter().flat_map(|page| page["value"].as_array().expect("a list")).collect();
    let states: Vec<&Value> = rows.iter().map(|row| &row["state"]).collect();
    assert_eq!(states, ["valid", "expired", "assignedToExternalMDM"]);
    assert!(rows.iter().all(|row| row["token"].as_str().expect("a secret").starts_with(VPP_SECRET)));
    let item = format!("/deviceAppManagement/vppTokens/{}", wire::VPP_TOKEN.1);
    let (_, one) = desk.ask(&format!("{item}?$select=id,displayName,expirationDateTime")).await;
    assert_eq!((&one["displayName"], one.get("token")), (&json!(wire::VPP_TOKEN.0), None));
    assert_eq!(desk.ask("/deviceAppManagement/vppTokens/nobody").await.0, 404);
    assert_eq!(desk.ask("/deviceAppManagement/vppTokens/$count").await.1, json!(3));
    let licenses = "/deviceAppManagement/vppTokens/getLicensesForApp(bundleId='com.microsoft.CompanyPortal')";
    let (_, counted) = desk.ask(licenses).await;
    let counts: Vec<(&Value, &Value)> = counted["value"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| (&row["availableLicenseCount"], &row["usedLicenseCount"]))
        .collect();
    assert_eq!(counts, [(&json!(1000), &json!(0)), (&json!(0), &json!(25))]);
    let expiring = |before: &str| {
        format!(
            "/deviceManagement/depOnboardingSettings/getExpiringVppTokenCount(expiringBeforeDateTime='{before}')"
        )
    };
    assert_eq!(desk.ask(&expiring("2026-11-02T08:00:00Z")).await.1["value"], 1);
    assert_eq!(desk.ask(&expiring("2028-01-01T00:00:00Z")).await.1["value"], 3);
    assert_eq!(desk.ask(&expiring("soon")).await.0, 400);

    let mut tags = Vec::new();
    let mut link = Some("/deviceManagement/roleScopeTags".to_owned());
    while let Some(at) = link {
        let (_, page) = desk.ask(&at).await;
        tags.extend(names(&page));
        link = next(&page);
        // A tag that goes between two pages takes no other one with it.
        if tags.len() == 2 {
            by_hand(&desk, json!([{"do": "removeScopeTag", "tenant": TENANT, "scopeTag": "Berlin"}]));
        }
    }
    assert_eq!(tags, ["Default", "Berlin", "Bonn", "Jena"]);
    assert_eq!(desk.ask(&next(&first).expect("a page")).await.1["value"][0]["roleScopeTagIds"], json!(["0"]));

    let push = "/deviceManagement/applePushNotificationCertificate";
    by_hand(
        &desk,
        json!([
            {"do": "patchPushCertificate", "tenant": TENANT, "members": {"expirationDateTime": "2026-11-20T00:00:00Z"}},
        ]),
    );
    let (_, shown) = desk.ask(push).await;
    assert_eq!(shown["expirationDateTime"], "2026-11-20T00:00:00Z");
    let request = |id: &str, url: &str| json!({"id": id, "method": "GET", "url": url});
    let forbidden =
        json!({"fault": "403", "operation": "deviceManagement.applePushNotificationCertificate.get"});
    let fault = desk.sim.add_fault(serde_json::from_value(forbidden).expect("a fault"));
    let answers = desk
        .batch(json!([
            request("vpp", "/deviceAppManagement/vppTokens"),
            request("push", push),
            request("licenses", licenses),
            request("expiring", &expiring("2026-11-02T08:00:00Z")),
        ]))
        .await;
    let statuses =
        ["vpp", "push", "licenses", "expiring"].map(|id| answers[id]["status"].as_u64().expect("a status"));
    assert_eq!(statuses, [200, 403, 200, 200]);
    let message = answers["push"]["body"]["error"]["message"].as_str().expect("a message");
    assert!(message.contains("DeviceManagementManagedDevices.Read.All"), "{message}");
    assert_eq!(desk.ask(push).await.0, 403, "a permission that lacks goes on lacking");
    assert_eq!(desk.sim.fault_hits(&fault), Some(2));
    desk.sim.clear_faults();
    by_hand(&desk, json!([{"do": "removePushCertificate", "tenant": TENANT}]));
    assert_eq!(desk.ask(push).await.0, 404);
    let text = std::fs::read_to_string(&recording).expect("a recording");
    assert!(text.contains("[secret]") && !text.contains(VPP_SECRET), "a secret is in the record");
    judged(desk, &recording).await;
}

/// The path and query of a link, below the version.
fn below_version(link: &str) -> &str {
    link.split_once("/beta").map(|(_, rest)| rest).expect("a link of this version")
}

async fn judged(desk: Desk, recording: &std::path::Path) {
    desk.sim.stop().await.expect("the simulator stops");
    if let Some(judge) = Judge::from_env() {
        let faults = judge.file(recording);
        assert!(faults.is_empty(), "{faults:#?}");
    }
}
