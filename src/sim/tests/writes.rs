//! Profiles, assignments, defaults, syncs, tokens.

use super::*;

#[tokio::test]
async fn what_a_create_sets_a_read_returns() {
    let desk = Desk::new().await;
    let mut body = profile("Ward iPads");
    body["siriDisabled"] = json!(true);
    body["enabledSkipKeys"] = json!(["Siri", "Passcode", "AppStore"]);
    body["managementCertificates"] = json!([{"certificate": "AAAA"}]);
    let (status, made) = desk.ask("POST", &desk.below("/enrollmentProfiles"), Some(body.clone())).await;
    assert_eq!(status, 201, "{made}");
    let id = made["id"].as_str().unwrap();
    assert!(id.starts_with(&format!("{}_", desk.token())));
    let read = desk.get(&desk.below(&format!("/enrollmentProfiles/{id}"))).await;
    for (name, value) in body.as_object().unwrap().iter().filter(|(name, _)| *name != "enabledSkipKeys") {
        assert_eq!(&read[name], value, "{name}");
    }
    // Siri by its boolean, AppStore because it has none, Passcode not: its boolean says no.
    assert_eq!(read["enabledSkipKeys"], json!(["Siri", "AppStore"]));
    assert_eq!((&read["isDefault"], &read["supportDepartment"]), (&json!(false), &Value::Null));
    let other = desk.below(&format!("/enrollmentProfiles/{id}"));
    let change = json!({"@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "siriDisabled": false});
    let (status, read) = desk.ask("PATCH", &other, Some(change)).await;
    assert_eq!((status, &read["enabledSkipKeys"]), (200, &json!(["AppStore"])));
    assert_eq!(read["displayName"], "Ward iPads");
}

#[tokio::test]
async fn bodies_that_break_a_rule_are_refused() {
    let desk = Desk::new().await;
    let path = desk.below("/enrollmentProfiles");
    let changes = [
        json!({"@odata.type": null}),
        json!({"@odata.type": "#microsoft.graph.depVisionOSEnrollmentProfile"}),
        json!({"misspelled": true}),
        json!({"isDefault": true}),
        json!({"configurationEndpointUrl": "https://x.example"}),
        json!({"isMandatory": false}),
        json!({"isMandatory": "yes"}),
        json!({"configurationWebUrl": "https://x.example"}),
        json!({"sharedIPadMaximumUserCount": null}),
        json!({"iTunesPairingMode": "maybe"}),
        json!({"enabledSkipKeys": ["Privacy"]}),
        json!({"enabledSkipKeys": ["Registration"]}),
        json!({"deviceNameTemplate": "x".repeat(64)}),
        json!({"displayName": " "}),
        json!({"enableAuthenticationViaCompanyPortal": true,
               "requireCompanyPortalOnSetupAssistantEnrolledDevices": true}),
        json!({"managementCertificates": [{"cert": "AAAA"}]}),
        json!({"accessibilityScreenDisabled": true}),
        json!({"iTunesPairingMode": "requiresCertificate"}),
        json!({"managementCertificates": vec![json!({"certificate": "AAAA"}); 11]}),
        json!({"carrierActivationUrl": "carrier.example"}),
        json!({"enableSharedIPad": true}),
        json!({"enableSharedIPad": true, "supervisedModeEnabled": true, "requiresUserAuthentication": true}),
        json!({"enableSharedIPad": true, "supervisedModeEnabled": true, "awaitDeviceConfiguredConfirmation": true}),
        json!({"sharedIPadMaximumUserCount": 25}),
        json!({"userSessionTimeoutInSeconds": 29}),
        json!({"temporarySessionTimeoutInSeconds": -1}),
        json!({"passcodeLockGracePeriodInSeconds": 14401}),
        json!({"enableSingleAppEnrollmentMode": true, "enableAuthenticationViaCompanyPortal": true}),
        json!({"companyPortalVppTokenId": VPP}),
        json!({"companyPortalVppTokenId": "3f2c1b0a-0000-4000-8000-000000000000",
               "enableAuthenticationViaCompanyPortal": true}),
        json!({"adminAccountUserName": "ladmin"}),
    ];
    for change in changes {
        let mut body = profile("x");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = desk.ask("POST", &path, Some(body)).await;
        assert_eq!(status, 400, "{change}: {answer}");
    }
    assert!(desk.sim.with_world(|world| world.history.profiles_created.is_empty()));
    // With all that they need the same members are taken.
    for change in [
        json!({"companyPortalVppTokenId": VPP, "enableSingleAppEnrollmentMode": true,
               "requiresUserAuthentication": true, "enableAuthenticationViaCompanyPortal": true}),
        json!({"companyPortalVppTokenId": VPP, "enableSingleAppEnrollmentMode": true,
               "requiresUserAuthentication": true, "requireCompanyPortalOnSetupAssistantEnrolledDevices": true}),
        json!({"companyPortalVppTokenId": "00000000-0000-0000-0000-000000000000"}),
        json!({"companyPortalVppTokenId": ""}),
        json!({"enableSharedIPad": true, "supervisedModeEnabled": true, "sharedIPadMaximumUserCount": 24}),
        json!({"iTunesPairingMode": "requiresCertificate", "managementCertificates": [{"certificate": "AAAA"}]}),
        json!({"carrierActivationUrl": "https://carrier.example/activate"}),
    ] {
        let mut body = profile("x");
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let (status, answer) = desk.ask("POST", &path, Some(body)).await;
        assert_eq!(status, 201, "{change}: {answer}");
    }
    let answer = desk.send("POST", &path, Some(json!({"@odata.type": 1}))).await.unwrap();
    let header = answer.headers()["request-id"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"]["innerError"]["request-id"], header);
}

#[tokio::test]
async fn assignment_takes_an_array_of_serials_and_says_nothing_of_each() {
    let desk = Desk::new().await;
    let id = desk.created("a").await;
    let path = desk.below(&format!("/enrollmentProfiles/{id}/updateDeviceProfileAssignment"));
    let (status, body) = desk.ask("POST", &path, Some(json!({"deviceIds": "C02AAA"}))).await;
    assert_eq!((status, told(&body).as_str()), (400, "Invalid ODataActionParameter 'deviceIds'"));
    assert_eq!(desk.ask("POST", &path, Some(json!({"serials": []}))).await.0, 400);
    let serials = json!({"deviceIds": ["C02AAA", "NOBODY", "C02BBB"]});
    assert_eq!(desk.ask("POST", &path, Some(serials)).await, (204, Value::Null));
    let devices = desk.get(&desk.below("/importedAppleDeviceIdentities")).await;
    let with = |row: &&Value| row["requestedEnrollmentProfileId"] == id.as_str();
    assert_eq!(devices["value"].as_array().unwrap().iter().filter(with).count(), 2);
    let history = desk.sim.with_world(|world| world.history.clone());
    assert_eq!(history.assignments.len(), 2);
    // In use: not deleted.
    let (status, body) = desk.ask("DELETE", &desk.below(&format!("/enrollmentProfiles/{id}")), None).await;
    assert!(status == 400 && told(&body).contains("2 devices"), "{body}");
}

#[tokio::test]
async fn a_default_is_replaced_and_not_unset() {
    let desk = Desk::new().await;
    let (a, b) = (desk.created("a").await, desk.created("b").await);
    let set = |id: &str| desk.below(&format!("/enrollmentProfiles/{id}/setDefaultProfile"));
    assert_eq!(desk.ask("POST", &set(&a), None).await.0, 204);
    assert_eq!(desk.ask("DELETE", &desk.below(&format!("/enrollmentProfiles/{a}")), None).await.0, 400);
    assert_eq!(desk.ask("POST", &set(&format!("ECV2_{b}")), None).await.0, 204);
    let token = desk.get(&desk.below("?$expand=defaultIosEnrollmentProfile")).await;
    assert_eq!(token["defaultIosEnrollmentProfile"]["id"], b.as_str());
    let read = desk.get(&desk.below("/defaultIosEnrollmentProfile")).await;
    assert_eq!(read["displayName"], "b");
    assert_eq!(desk.ask("DELETE", &desk.below(&format!("/enrollmentProfiles/{a}")), None).await.0, 204);
    assert_eq!(desk.ask("POST", &set(&a), None).await.0, 404);
}

#[tokio::test]
async fn t9_a_token_goes_last() {
    let desk = Desk::new().await;
    let id = desk.created("a").await;
    let profile = desk.below(&format!("/enrollmentProfiles/{id}"));
    desk.ask("POST", &format!("{profile}/setDefaultProfile"), None).await;
    let refused = |body: &Value, word: &str| assert!(told(body).contains(word), "{body}");
    let (status, body) = desk.ask("DELETE", &desk.below(""), None).await;
    assert_eq!(status, 400);
    refused(&body, "5 devices");
    let serials = ["C02AAA", "C02BBB", "C02CCC", "C02DDD", "C02EEE"].map(serial).to_vec();
    let release = portal::Change::ReleaseDevices { token: "School".into(), serials };
    desk.sim.with_world(|world| portal::change(world, release)).unwrap();
    refused(&desk.ask("DELETE", &desk.below(""), None).await.1, "default");
    assert_eq!(desk.ask("DELETE", &profile, None).await.0, 204);
    let path = desk.below("");
    assert_eq!(desk.ask("DELETE", &path, None).await.0, 204);
    assert_eq!(desk.ask("GET", &path, None).await.0, 404);
    desk.sim.with_world(|world| world.add(&seed()));
    assert!(desk.sim.world().tenants[0].tokens.is_empty(), "a later start does not bring it back");
}

#[tokio::test]
async fn s2_a_sync_is_asked_for_once_in_fifteen_minutes_and_takes_its_time() {
    let desk = Desk::new().await;
    let added = portal::Change::AddSerials {
        token: "School".into(),
        serials: vec![serial("F99NEW")],
        platform: None,
    };
    desk.sim.with_world(|world| portal::change(world, added)).unwrap();
    let path = desk.below("/syncWithAppleDeviceEnrollmentProgram");
    let count = async || {
        desk.get(&desk.below("/importedAppleDeviceIdentities")).await["value"].as_array().unwrap().len()
    };
    assert_eq!(desk.ask("POST", &path, None).await.0, 204);
    assert_eq!(desk.ask("POST", &path, None).await.0, 400);
    assert_eq!(count().await, 5);
    desk.sim.clock().sleep(Duration::from_secs(180)).await;
    assert_eq!(count().await, 6);
    assert_eq!(desk.ask("POST", &path, None).await.0, 400);
    desk.sim.clock().sleep(Duration::from_secs(720)).await;
    assert_eq!(desk.ask("POST", &path, None).await.0, 204);
    let syncs = desk.sim.with_world(|world| world.history.syncs.clone());
    assert_eq!(syncs.values().copied().collect::<Vec<_>>(), [2]);
}

#[test]
fn an_automatic_sync_brings_what_waits_and_fails_while_terms_are_pending() {
    let mut world = World::from_seed(&seed());
    let add =
        |serial| portal::Change::AddSerials { token: "School".into(), serials: vec![serial], platform: None };
    portal::change(&mut world, add(serial("F99NEW"))).unwrap();
    portal::change(&mut world, add(serial("C02EEE"))).unwrap();
    world.advance(Duration::from_secs(24 * 3600));
    assert_eq!(world.tenants[0].tokens[0].devices.len(), 6);
    let known = world.tenants[0].tokens[0].device(&serial("C02EEE")).unwrap();
    assert_eq!(known.state, world::EnrollmentState::Enrolled, "what is there already stays as it is");
    world.tenants[0].tokens[0].sync.terms_pending = true;
    portal::change(&mut world, add(serial("F99NEWER"))).unwrap();
    world.advance(Duration::from_secs(24 * 3600));
    let token = &world.tenants[0].tokens[0];
    assert_eq!((token.devices.len(), token.sync.error_code != 0), (6, true));
}

#[tokio::test]
async fn a_token_takes_name_and_known_scope_tags() {
    let desk = Desk::new().await;
    let change = json!({"tokenName": "Schools", "roleScopeTagIds": ["0", "1"]});
    let (status, body) = desk.ask("PATCH", &desk.below(""), Some(change)).await;
    assert_eq!((status, &body["tokenName"]), (200, &json!("Schools")));
    assert_eq!(body["roleScopeTagIds"], json!(["0", "1"]));
    for change in [
        json!({"roleScopeTagIds": ["77"]}),
        json!({"roleScopeTagIds": "0"}),
        json!({"tokenName": ""}),
        json!({"tokenType": "dep"}),
        json!({"nothing": 1}),
    ] {
        assert_eq!(desk.ask("PATCH", &desk.below(""), Some(change.clone())).await.0, 400, "{change}");
    }
}

#[tokio::test]
async fn t10_a_token_has_room_for_a_thousand_profiles() {
    let mut seed = seed();
    seed.tenants[0].tokens[0].generated_profiles = 999;
    let desk = Desk::with(Options::new(World::from_seed(&seed))).await;
    desk.created("the last").await;
    assert_eq!(desk.create("one more").await.0, 400);
}

#[tokio::test]
async fn a_batch_answers_each_request_and_honours_dependencies() {
    let desk = Desk::new().await;
    let json_headers = json!({"Content-Type": "application/json"});
    let requests: Vec<Value> = (0..12)
        .map(|n| json!({"id": n.to_string(), "method": "GET", "url": "/deviceManagement/roleScopeTags"}))
        .chain([
            json!({"id": "bad", "method": "POST", "url": desk.below("/enrollmentProfiles"), "headers": json_headers, "body": {}}),
            json!({"id": "after", "method": "GET", "url": "/deviceManagement/roleScopeTags", "dependsOn": ["bad"]}),
            json!({"id": "bare", "method": "POST", "url": desk.below("/enrollmentProfiles"), "body": profile("x")}),
            json!({"id": "good", "method": "POST", "url": desk.below("/enrollmentProfiles"), "headers": json_headers, "body": profile("x")}),
        ])
        .collect();
    let (status, body) = desk.ask("POST", "/$batch", Some(json!({"requests": requests}))).await;
    assert_eq!(status, 200, "{body}");
    let answers = body["responses"].as_array().unwrap();
    let status_of = |id: &str| answers.iter().find(|a| a["id"] == id).unwrap()["status"].as_u64().unwrap();
    assert_eq!(["0", "bad", "after", "bare", "good"].map(status_of), [200, 400, 424, 400, 201]);
    let order: Vec<&str> = answers.iter().map(|answer| answer["id"].as_str().unwrap()).collect();
    let asked: Vec<&str> = requests.iter().map(|request| request["id"].as_str().unwrap()).collect();
    assert_ne!(order, asked, "answers come in another order");
    for requests in [
        json!([]),
        json!([{"id": "1", "method": "GET", "url": "/x"}, {"id": "1", "method": "GET", "url": "/x"}]),
        json!([{"id": "1", "method": "GET", "url": "https://graph.microsoft.com/beta/x"}]),
        Value::from(vec![json!({"id": "1", "method": "GET", "url": "/x"}); 21]),
    ] {
        assert_eq!(desk.ask("POST", "/$batch", Some(json!({"requests": requests}))).await.0, 400);
    }
    let calls = desk.sim.calls();
    let batch = calls.iter().find(|c| c.operation == "$batch" && c.kind == CallKind::Write).unwrap();
    assert_eq!(batch.count, 1);
    assert_eq!(batch.parts.iter().map(|part| part.count).sum::<u64>(), 16);
    assert_eq!(calls.iter().filter(|call| call.service == "graph").map(|call| call.count).sum::<u64>(), 5);
}
