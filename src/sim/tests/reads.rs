//! Sign-in, lists and single objects.

use super::*;

#[tokio::test]
async fn the_bearer_is_good_for_an_hour_of_the_world() {
    let mut desk = Desk::new().await;
    desk.get("/deviceManagement/depOnboardingSettings").await;
    desk.advance(3601);
    let (status, body) = desk.ask("GET", "/deviceManagement/depOnboardingSettings", None).await;
    assert_eq!((status, &body["error"]["code"]), (401, &json!("InvalidAuthenticationToken")));
    desk.sign_in().await;
    desk.get("/deviceManagement/depOnboardingSettings").await;
    desk.bearer.push('x');
    assert_eq!(desk.ask("GET", "/deviceManagement/roleScopeTags", None).await.0, 401);
}

#[tokio::test]
async fn sign_in_checks_tenant_client_scope_and_proof() {
    let mut seed = seed();
    seed.tenants[0].clients = vec![SeedClient { client_id: "app".into(), secret: Some("s3cret".into()) }];
    let desk = Desk::with(Options::new(World::from_seed(&seed))).await;
    for (tenant, change, status, code) in [
        ("nobody", ("client_secret", "s3cret"), 400, "AADSTS90002"),
        (TENANT, ("client_secret", "wrong"), 401, "AADSTS7000215"),
        (TENANT, ("client_secret", ""), 401, "AADSTS7000218"),
        (TENANT, ("client_id", "other"), 400, "AADSTS700016"),
        (TENANT, ("scope", "https://vault.azure.net/.default"), 400, "AADSTS1002012"),
        (TENANT, ("grant_type", "password"), 400, "AADSTS70003"),
        (TENANT, ("client_assertion", "jwt"), 400, "AADSTS900144"),
    ] {
        let (found, body) = desk.login(tenant, &[change]).await;
        let text = body["error_description"].as_str().unwrap();
        assert!(found == status && text.starts_with(code), "{change:?}: {found} {text}");
    }
    assert_eq!(desk.login(TENANT, &[("client_secret", "s3cret")]).await.0, 200);
    // An application without any credential takes what it is shown.
    let desk = Desk::new().await;
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!(desk.login(TENANT, &[("client_assertion", "anything"), kind]).await.0, 200);
}

#[tokio::test]
async fn pages_join_to_the_whole_list_in_a_stable_order() {
    let mut seed = seed();
    seed.tenants[0].tokens[0].devices = 20_000;
    let desk = Desk::with(Options::new(World::from_seed(&seed))).await;
    let mut link = desk.below("/importedAppleDeviceIdentities?$select=serialNumber");
    let mut serials = Vec::new();
    let mut pages = 0;
    loop {
        let page = desk.get(&link).await;
        let rows = page["value"].as_array().unwrap();
        serials.extend(rows.iter().map(|row| row["serialNumber"].as_str().unwrap().to_owned()));
        pages += 1;
        match page["@odata.nextLink"].as_str() {
            Some(next) => link = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(pages, 21);
    let expected: Vec<String> = desk.sim.with_world(|world| {
        world.tenants[0].tokens[0].devices.iter().map(|device| device.serial.to_string()).collect()
    });
    assert_eq!(serials, expected);
    serials.sort();
    serials.dedup();
    assert_eq!(serials.len(), 20_005);
}

#[tokio::test]
async fn a_list_that_loses_a_row_between_two_pages_skips_none() {
    let mut options = Options::new(World::from_seed(&seed()));
    options.page_size = Some(2);
    let desk = Desk::with(options).await;
    let mut ids = Vec::new();
    for name in ["a", "b", "c", "d"] {
        ids.push(desk.created(name).await);
    }
    let first = desk.get(&desk.below("/enrollmentProfiles")).await;
    let gone = desk.below(&format!("/enrollmentProfiles/{}", ids[0]));
    assert_eq!(desk.ask("DELETE", &gone, None).await.0, 204);
    let second = desk.get(first["@odata.nextLink"].as_str().unwrap()).await;
    let rest: Vec<&Value> = second["value"].as_array().unwrap().iter().map(|row| &row["id"]).collect();
    assert_eq!(rest, [&ids[2], &ids[3]]);
}

#[tokio::test]
async fn unknown_options_and_members_are_refused() {
    let desk = Desk::new().await;
    for query in ["$filter=id eq 'x'", "$select=nothing", "$expand=nothing", "$top=0", "$skiptoken=x"] {
        let (status, body) =
            desk.ask("GET", &format!("/deviceManagement/depOnboardingSettings?{query}"), None).await;
        assert_eq!(status, 400, "{query}: {body}");
    }
    assert_eq!(desk.ask("GET", "/deviceManagement/nothing", None).await.0, 400);
    let url = format!("{}/v1.0/deviceManagement/depOnboardingSettings", desk.sim.addresses().graph);
    let (status, body) = desk.ask("GET", &url, None).await;
    assert_eq!((status, &body["error"]["code"]), (404, &json!("ResourceNotFound")));
}

#[tokio::test]
async fn the_surroundings_hold_a_default_and_mirrors() {
    let mut seed = seed();
    seed.surroundings = true;
    let desk = Desk::with(Options::new(World::from_seed(&seed))).await;
    let expand = "?$expand=defaultIosEnrollmentProfile,defaultMacOsEnrollmentProfile";
    let token = desk.get(&desk.below(expand)).await;
    assert_eq!(token["defaultIosEnrollmentProfile"]["displayName"], "Portal default");
    assert!(token.get("defaultMacOsEnrollmentProfile").is_none());
    let profiles = desk.get(&desk.below("/enrollmentProfiles")).await;
    let rows = profiles["value"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows.iter().filter(|row| row["isDefault"] == true).count(), 1);
    let mirror = rows.iter().find(|row| row["displayName"] == "New iPads").unwrap();
    assert!(mirror["id"].as_str().unwrap().starts_with("ECV2_"));
    let path = desk.below(&format!("/enrollmentProfiles/{}", mirror["id"].as_str().unwrap()));
    assert_eq!(desk.ask("DELETE", &path, None).await.0, 400);
    let devices = desk.get(&desk.below("/importedAppleDeviceIdentities")).await;
    let rows = devices["value"].as_array().unwrap();
    assert_eq!(rows.len(), 13);
    assert_eq!(rows.iter().filter(|row| row["isDeleted"] == true).count(), 1);
    let named = rows.iter().filter(|row| row["serialNumber"].as_str().unwrap().starts_with("C02"));
    let states: Vec<&Value> = named.map(|row| &row["enrollmentState"]).collect();
    assert_eq!(states, ["notContacted", "notContacted", "notContacted", "notContacted", "enrolled"]);
    let tags = desk.get("/deviceManagement/roleScopeTags").await;
    assert_eq!(tags["value"][1]["displayName"], "Berlin");
}

#[tokio::test]
async fn a_bearer_sees_its_own_tenant_only() {
    let mut seed = seed();
    seed.tenants.push(SeedTenant { tenant_id: "other".into(), ..SeedTenant::default() });
    let mut desk = Desk::with(Options::new(World::from_seed(&seed))).await;
    let (_, body) = desk.login("other", &[("client_secret", "x")]).await;
    desk.bearer = body["access_token"].as_str().unwrap().to_owned();
    let tokens = desk.get("/deviceManagement/depOnboardingSettings").await;
    assert_eq!(tokens["value"], json!([]));
    assert_eq!(desk.ask("GET", &desk.below(""), None).await.0, 404);
}

#[test]
fn a_world_reads_back_and_follows_from_its_seed() {
    let mut seed = seed();
    seed.surroundings = true;
    let world = World::from_seed(&seed);
    let json = world.to_json();
    assert_eq!(json, World::from_seed(&seed).to_json());
    let mut again = World::from_json(&json).unwrap();
    assert_eq!(again.to_json(), json);
    again.add(&seed);
    assert_eq!(again.to_json(), json, "a second start adds nothing");
    assert!(again.tenants[0].tokens[0].device(&serial("C02AAA")).is_some());
    let newer = String::from_utf8(json).unwrap().replacen("\"format\":1", "\"format\":9", 1);
    assert!(matches!(World::from_json(newer.as_bytes()), Err(WorldError::Format { found: 9 })));
    assert!(matches!(World::from_json(b"{}"), Err(WorldError::Shape(_))));
}
