//! Records in lists and by their id.

use super::*;

#[tokio::test]
async fn an_enrolled_identity_is_a_managed_device_and_nothing_is_kept_of_it() {
    let desk = Desk::new().await;
    let page = desk.get(BASE).await;
    let rows = page["value"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "{rows:#?}");
    let row = &rows[0];
    assert_eq!((&row["serialNumber"], &row["isSupervised"]), (&json!("C02EEE"), &json!(true)));
    assert_eq!(row["managedDeviceOwnerType"], "company");
    assert_eq!((&row["managementState"], &row["lostModeState"]), (&json!("managed"), &json!("disabled")));
    assert!(row["userPrincipalName"].as_str().unwrap().ends_with("@sim.example"));
    let at = |name: &str| row[name].as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(at("enrolledDateTime") < at("lastSyncDateTime") && at("lastSyncDateTime") <= desk.instant());
    assert_eq!(row["deviceActionResults"], json!([]));
    let one = desk.get(&format!("{BASE}/{}", row["id"].as_str().unwrap())).await;
    assert_eq!((&one["id"], &one["serialNumber"]), (&row["id"], &row["serialNumber"]));
    let count = desk.send("GET", &format!("{BASE}/$count"), None).await.unwrap().text().await.unwrap();
    assert_eq!(count, "1");
    assert!(desk.sim.with_world(|world| world.handsets.is_empty()), "reading keeps nothing");
    assert_eq!(desk.ask("GET", &format!("{BASE}/{}", uuid::Uuid::nil()), None).await.0, 404);
    assert_eq!(desk.ask("GET", &format!("{BASE}/nobody"), None).await.0, 404);
}

#[tokio::test]
async fn secrets_come_by_id_and_by_name_only() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    let names = "id,activationLockBypassCode,udid,notes,iccid,hardwareInformation";
    for path in [format!("{BASE}?$select={names}"), BASE.to_owned()] {
        let page = desk.get(&path).await;
        for row in page["value"].as_array().unwrap() {
            for name in ["activationLockBypassCode", "udid", "notes", "iccid"] {
                assert_eq!(row[name], Value::Null, "{name} in {path}");
            }
        }
    }
    let plain = desk.get(&format!("{BASE}/{id}")).await;
    assert_eq!(plain["activationLockBypassCode"], Value::Null);
    assert!(desk.past(PHONE).code_reads.is_empty());
    let told = desk.get(&format!("{BASE}/{id}?$select={names}")).await;
    let code = desk.sim.with_world(|world| world.bypass_code(&serial(PHONE))).unwrap();
    assert_eq!(told["activationLockBypassCode"], code);
    assert_eq!((code.len(), told["udid"].as_str().unwrap().len()), (31, 36));
    assert_eq!(told["hardwareInformation"]["isSharedDevice"], false);
    assert_eq!(desk.past(PHONE).code_reads.len(), 1);
    // An Apple TV has no lock, and what is not allowed has no code (L-7).
    let screen = desk.record(SCREEN).await;
    assert_eq!(desk.code(&screen).await, Value::Null);
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "codeAvailable": false})).await;
    assert_eq!(desk.code(&id).await, Value::Null);
    desk.by_hand(json!({"do": "changeDevice", "serial": PHONE, "codeAvailable": true, "supervised": false}))
        .await;
    assert_eq!(desk.code(&id).await, Value::Null);
    let text = String::from_utf8(desk.sim.with_world(|world| world.to_json())).unwrap();
    assert!(!text.contains(&code), "a world keeps no code");
}

#[tokio::test]
async fn a_code_that_nobody_got_was_not_read() {
    let desk = Desk::of_fleet().await;
    let id = desk.record(PHONE).await;
    let path = format!("{BASE}/{id}?$select=activationLockBypassCode");
    desk.fault(json!({"fault": "cut", "when": "after"}));
    assert!(desk.send("GET", &path, None).await.is_err());
    desk.fault(json!({"fault": "500", "when": "after"}));
    assert_eq!(desk.ask("GET", &path, None).await.0, 500);
    assert!(desk.past(PHONE).code_reads.is_empty());
    let requests = json!([{"id": "1", "method": "GET", "url": path}]);
    let (_, answer) = desk.ask("POST", "/$batch", Some(json!({"requests": requests}))).await;
    assert!(answer["responses"][0]["body"]["activationLockBypassCode"].is_string(), "{answer}");
    assert_eq!(desk.past(PHONE).code_reads.len(), 1);
}

#[tokio::test]
async fn lists_are_paged_filtered_and_selected() {
    let mut options = Options::new(World::from_seed(&fleet()));
    options.page_size = Some(2);
    let desk = Desk::lasting(options).await;
    let mut serials = Vec::new();
    let mut link = format!("{BASE}?$select=serialNumber");
    loop {
        let page = desk.get(&link).await;
        for row in page["value"].as_array().unwrap() {
            assert_eq!(row.as_object().unwrap().len(), 1);
            serials.push(row["serialNumber"].as_str().unwrap().to_owned());
        }
        // What is touched between two pages stays where it is.
        desk.by_hand(json!({"do": "changeDevice", "serial": "C02EEE", "reach": "slow"})).await;
        match page["@odata.nextLink"].as_str() {
            Some(next) => link = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(serials, ["C02EEE", PHONE, PAD, MAC, SCREEN]);
    let found = async |filter: &str| {
        let page = desk.get(&format!("{BASE}?$top=50&$filter={filter}")).await;
        page["value"].as_array().unwrap().len()
    };
    assert_eq!(found("deviceName eq 'iphone-of-ada'").await, 1);
    assert_eq!(found("contains(deviceName,'-of-')").await, 2, "a page");
    assert_eq!(found("contains(deviceName,'AppleTV')").await, 1);
    assert_eq!(found("serialNumber eq 'PHONE001' and operatingSystem eq 'iOS'").await, 1);
    assert_eq!(found("serialNumber eq 'PHONE001' and operatingSystem eq 'macOS'").await, 0);
    assert_eq!(found("userPrincipalName eq 'ada@sim.example' or operatingSystem eq 'macOS'").await, 2);
    assert_eq!(found("lastSyncDateTime gt 2027-01-01T00:00:00Z").await, 0);
    assert_eq!(found("enrolledDateTime lt 2026-10-20T00:00:00Z").await, 2);
    for wrong in [
        "notes eq 'x'",
        "lastSyncDateTime eq 'x'",
        "serialNumber",
        "contains(serialNumber)",
        "deviceName eq 'open",
    ] {
        let (status, body) = desk.ask("GET", &format!("{BASE}?$filter={wrong}"), None).await;
        assert_eq!(status, 400, "{wrong}: {body}");
    }
    assert_eq!(desk.ask("GET", &format!("{BASE}?$select=nothing"), None).await.0, 400);
    assert_eq!(desk.ask("GET", "/deviceManagement/roleScopeTags?$filter=id eq '0'", None).await.0, 400);
}

#[tokio::test]
async fn two_hundred_thousand_devices_are_cheap() {
    let mut seed = seed();
    seed.tenants[0].tokens[0].devices = 200_000;
    seed.tenants[0].tokens[0].enrolled = true;
    let desk = Desk::lasting(Options::new(World::from_seed(&seed))).await;
    let page = desk.get(&format!("{BASE}?$select=id,serialNumber")).await;
    assert_eq!(page["value"].as_array().unwrap().len(), 1000);
    let last = desk.sim.with_world(|world| world.tenants[0].tokens[0].devices[199_999].serial);
    let id = desk.record(last.as_str()).await;
    assert_eq!(desk.get(&format!("{BASE}/{id}")).await["serialNumber"], last.as_str());
    assert!(desk.sim.with_world(|world| world.handsets.is_empty()));
    desk.acted(last.as_str(), "syncDevice", None).await;
    assert_eq!(desk.sim.with_world(|world| world.handsets.iter().count()), 1);
}

#[tokio::test]
async fn an_older_world_goes_on() {
    let desk = Desk::new().await;
    let text = desk.sim.with_world(|world| world.to_json());
    let mut world: Value = serde_json::from_slice(&text).unwrap();
    assert!(world.get("handsets").is_none() && world["tenants"][0].get("deviceDesk").is_none());
    assert!(world["history"].get("devices").is_none());
    world["tenants"][0]["tokens"][0]["sync"].as_object_mut().unwrap().remove("full");
    let world = World::from_json(world.to_string().as_bytes()).unwrap();
    let other = Desk::lasting(Options::new(world)).await;
    assert_eq!(other.record("C02EEE").await, desk.record("C02EEE").await);
}

#[tokio::test]
async fn a_later_seed_does_not_change_a_device_that_is_enrolled() {
    let desk = Desk::new().await;
    let before = desk.rows("C02EEE").await.remove(0);
    let mut seed = seed();
    let wish = |text: &str| SeedManagedDevice {
        enrolled_at: Some("2026-11-01T00:00:00Z".parse().unwrap()),
        user: Some("late@sim.example".to_owned()),
        ..SeedManagedDevice::new(serial(text))
    };
    seed.tenants[0].devices = vec![wish("C02EEE"), wish("C02AAA")];
    desk.sim.with_world(|world| world.add(&seed));
    assert_eq!(desk.rows("C02EEE").await[0], before);
    let added = desk.rows("C02AAA").await.remove(0);
    assert_eq!(added["enrolledDateTime"], "2026-11-01T00:00:00Z");
    desk.sim.with_world(|world| world.add(&seed));
    assert_eq!(desk.rows("C02AAA").await[0], added);
    let world = World::from_seed(&seed);
    let one = world.handset(&serial("C02EEE")).unwrap();
    assert_eq!(one.user.as_ref().unwrap().principal_name, "late@sim.example", "at the first start it counts");
}
