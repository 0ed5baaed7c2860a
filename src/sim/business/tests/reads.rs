//! Devices and services, read.

use super::*;

#[tokio::test]
async fn a_device_has_what_it_was_bought_as_and_not_where_it_is() {
    let desk = Desk::new().await;
    let rows = desk.all("/v1/orgDevices", 1000).await;
    let mut known = ids(&rows);
    known.sort_unstable();
    let all = ["ALONE1", "DIRECT1", "DIRECT2", "DIRECT9", "FREE1", "FREE2", "INTUNE1", "INTUNE9", "WATCH1"];
    assert_eq!(known, all, "what the linked server and token have is the organization's");
    let of = |serial: &str| rows.iter().find(|row| row["id"] == serial).unwrap();
    let one = &of("DIRECT1")["attributes"];
    assert_eq!(of("DIRECT1")["type"], "orgDevices");
    assert_eq!((&one["serialNumber"], &one["productFamily"]), (&json!("DIRECT1"), &json!("iPad")));
    assert_eq!((&one["status"], &one["purchaseSourceType"]), (&json!("ASSIGNED"), &json!("APPLE")));
    assert!(one["productType"].as_str().unwrap().starts_with("iPad"));
    assert!(one["orderNumber"].is_string() && one["purchaseSourceId"].is_string());
    assert_eq!(one["addedToOrgDateTime"].as_str().unwrap().len(), "2026-11-02T08:00:00.000Z".len());
    assert_eq!(of("FREE1")["attributes"]["status"], "UNASSIGNED");
    assert_eq!(of("WATCH1")["attributes"]["productFamily"], "Watch");
    let text = of("DIRECT1").to_string();
    assert!(!text.contains(&desk.id("Direct")), "the list does not say which service has it");
    assert!(!text.contains("releasedFromOrgDateTime"));
    let links = &of("DIRECT1")["relationships"]["assignedServer"]["links"];
    assert_eq!(links["self"], format!("{}/v1/orgDevices/DIRECT1/relationships/assignedServer", desk.base()));
    let single = desk.get("/v1/orgDevices/DIRECT1").await;
    assert_eq!(single["data"]["attributes"]["releasedFromOrgDateTime"], Value::Null);
    assert_eq!(desk.refused("GET", "/v1/orgDevices/NOBODY", None).await, (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn the_relationship_says_which_service_has_a_device() {
    let desk = Desk::new().await;
    let linkage = desk.get("/v1/orgDevices/DIRECT1/relationships/assignedServer").await;
    assert_eq!(linkage["data"], json!({"type": "mdmServers", "id": desk.id("Direct")}));
    let service = desk.get("/v1/orgDevices/INTUNE1/assignedServer?fields%5BmdmServers%5D=serverName").await;
    assert_eq!(service["data"]["attributes"], json!({"serverName": "Intune"}));
    for path in ["relationships/assignedServer", "assignedServer"] {
        let path = format!("/v1/orgDevices/FREE1/{path}");
        assert_eq!(desk.refused("GET", &path, None).await.0, 404);
        desk.fault(json!({"fault": "empty-relationship"}));
        assert_eq!(desk.get(&path).await["data"], Value::Null);
        desk.sim.clear_faults();
    }
    let coverage = desk.get("/v1/orgDevices/DIRECT1/appleCareCoverage").await;
    assert_eq!(coverage["data"][0]["id"], "DIRECT1");
}

#[tokio::test]
async fn the_families_of_a_service_are_told_by_the_single_read_alone() {
    let desk = Desk::new().await;
    let rows = desk.all("/v1/mdmServers", 100).await;
    let names: Vec<&str> = rows.iter().map(|row| row["attributes"]["serverName"].as_str().unwrap()).collect();
    assert_eq!(names, ["Direct", "Intune", "Alone", "Configurator", "Built-in"]);
    assert_eq!(rows[3]["attributes"]["serverType"], "APPLE_CONFIGURATOR");
    assert_eq!(rows[0]["attributes"]["deviceCount"], 3);
    assert!(rows.iter().all(|row| row["attributes"].get("defaultProductFamilies").is_none()));
    let asked = desk.all("/v1/mdmServers?fields[mdmServers]=defaultProductFamilies,serverName", 100).await;
    assert_eq!(asked[1]["attributes"], json!({"serverName": "Intune"}));
    let id = desk.id("Intune");
    let one = desk.get(&format!("/v1/mdmServers/{id}")).await;
    assert_eq!(one["data"]["attributes"]["defaultProductFamilies"], json!(["IPAD", "IPHONE"]));
    assert!(one["data"]["attributes"].get("lastConnectedDateTime").is_none());
    let asked = desk.get(&format!("/v1/mdmServers/{id}?fields[mdmServers]=lastConnectedDateTime")).await;
    assert!(asked["data"]["attributes"]["lastConnectedDateTime"].is_string());
    desk.fault(json!({"fault": "no-instance"}));
    let told = desk.ask("GET", &format!("/v1/mdmServers/{id}"), None).await;
    assert_eq!(told.refusal(), (403, "FORBIDDEN_ERROR".to_owned()));
    assert!(told.text.contains("GET_INSTANCE"), "{told:?}");
}

#[tokio::test]
async fn linkages_invert_to_the_service_of_every_device() {
    let desk = Desk::new().await;
    assert_eq!(desk.linked("Direct").await, ["DIRECT1", "DIRECT2", "DIRECT9"]);
    assert_eq!(desk.linked("Intune").await, ["INTUNE1", "INTUNE9"]);
    assert_eq!(desk.linked("Configurator").await, [""; 0]);
    let path = format!("/v1/mdmServers/{}/relationships/devices", desk.id("Alone"));
    let page = desk.get(&path).await;
    assert_eq!(page["data"], json!([{"type": "orgDevices", "id": "ALONE1"}]));
    assert_eq!(desk.refused("GET", "/v1/mdmServers/ABC/relationships/devices", None).await.0, 404);
    // The related form is not there.
    let told = desk.ask("GET", &format!("/v1/mdmServers/{}/devices", desk.id("Alone")), None).await;
    assert_eq!(told.refusal(), (403, "FORBIDDEN_ERROR".to_owned()));
}

#[tokio::test]
async fn resources_allow_what_they_allow() {
    let desk = Desk::new().await;
    let body = Some(json!({"data": {"type": "orgDevices"}}));
    let cases = [
        ("POST", "/v1/orgDevices", "'CREATE'. Allowed operations are: GET_COLLECTION, GET_INSTANCE"),
        ("PATCH", "/v1/orgDevices/FREE1", "'UPDATE'"),
        ("DELETE", "/v1/orgDevices/FREE1", "'DELETE'"),
        ("GET", "/v1/orgDeviceActivities", "'GET_COLLECTION'. Allowed operations are: CREATE, GET_INSTANCE"),
        ("POST", "/v1/orgDevices/FREE1/relationships/assignedServer", "'CREATE'"),
    ];
    for (method, path, part) in cases {
        let told = desk.ask(method, path, body.clone()).await;
        assert_eq!(told.refusal(), (403, "FORBIDDEN_ERROR".to_owned()), "{method} {path}");
        assert!(told.text.contains(part), "{method} {path}: {told:?}");
    }
    for path in ["/", "/v1", "/v1/nothing", "/v2/orgDevices", "/v1/orgDevices/", "/v1/orgDevices/FREE1/color"]
    {
        assert_eq!(desk.refused("GET", path, None).await.0, 404, "{path}");
    }
}

#[tokio::test]
async fn an_answer_has_to_be_acceptable_and_a_body_json() {
    let desk = Desk::new().await;
    let url = format!("{}/v1/mdmServers", desk.base());
    // What the HTTP library accepts by itself would do.
    let with = |accept: &str| desk.http.get(&url).bearer_auth(&desk.bearer).header("Accept", accept);
    assert_eq!(told(with("text/html")).await.unwrap().status, 406);
    assert_eq!(told(with("")).await.unwrap().status, 406);
    assert_eq!(told(with("text/html, application/json;q=0.5")).await.unwrap().status, 200);
    let url = format!("{}/v1/orgDeviceActivities", desk.base());
    let post = desk.http.post(url).bearer_auth(&desk.bearer).header("Accept", "application/json");
    assert_eq!(told(post.body("{}")).await.unwrap().status, 415);
    // Who is not known is not told what would be acceptable.
    let url = format!("{}/v1/mdmServers", desk.base());
    assert_eq!(told(desk.http.get(url).header("Accept", "text/html")).await.unwrap().status, 401);
}

#[tokio::test]
async fn school_is_a_host_of_its_own_and_has_less() {
    let mut desk = Desk::school().await;
    desk.behave(json!({"getPerMinute": 0, "postPerHour": 0}));
    assert_eq!(ids(&desk.all("/v1/orgDevices", 100).await), ["PUPIL1", "PUPIL2"]);
    assert_eq!(desk.linked("Pupils").await, ["PUPIL1"]);
    let id = desk.id("Pupils");
    desk.get(&format!("/v1/mdmServers/{id}")).await;
    let body = Some(json!({"data": {"type": "mdmServers", "attributes": {"serverName": "New"}}}));
    for (method, path) in [
        ("POST", "/v1/mdmServers".to_owned()),
        ("PATCH", format!("/v1/mdmServers/{id}")),
        ("DELETE", format!("/v1/mdmServers/{id}")),
    ] {
        let told = desk.ask(method, &path, body.clone()).await;
        assert_eq!(told.refusal(), (403, "FORBIDDEN_ERROR".to_owned()), "{method}");
        assert!(told.text.contains("Allowed operations are: GET_COLLECTION, GET_INSTANCE"), "{told:?}");
    }
    for path in ["/v1/mdmDevices", "/v1/orgDevices/PUPIL1/activationLockStatus"] {
        assert_eq!(desk.refused("GET", path, None).await.0, 404, "{path}");
    }
    let release = desk.activity("RELEASE_DEVICES", None, &["PUPIL1"]);
    let told = desk.refused("POST", "/v1/orgDeviceActivities", Some(release)).await;
    assert_eq!(told, (409, "ENTITY_ERROR.ATTRIBUTE.INVALID".to_owned()));
    let assign = desk.activity("ASSIGN_DEVICES", Some("Staff"), &["PUPIL2"]);
    assert_eq!(desk.carry_out(assign).await, "COMPLETED_WITH_SUCCESS");
    // Its bearer is of no use at the other host.
    desk.client = CLIENT;
    assert_eq!(desk.refused("GET", "/v1/mdmServers", None).await.0, 401);
}

#[tokio::test]
async fn a_lock_is_told_one_device_at_a_time() {
    let desk = Desk::new().await;
    let lock = |told: Value| told["data"]["attributes"].clone();
    let path = "/v1/orgDevices/DIRECT1/activationLockStatus";
    assert_eq!(lock(desk.get(path).await), json!({"isLocked": false, "lockType": "NONE"}));
    let change = json!({
        "do": "setActivationLock", "organization": ORGANIZATION, "serials": ["DIRECT1"], "lock": "USER",
    });
    desk.by_hand(change).await;
    assert_eq!(lock(desk.get(path).await), json!({"isLocked": true, "lockType": "USER"}));
    // One that its MDM set through the enrollment service is the same lock.
    desk.sim.with_world(|world| {
        let service = world.service_mut("Direct server").unwrap();
        service.fleet.extras_mut(&crate::model::Serial::new("DIRECT2").unwrap()).lock = Some(String::new());
    });
    let told = desk.get("/v1/orgDevices/DIRECT2/activationLockStatus").await;
    assert_eq!(lock(told), json!({"isLocked": true, "lockType": "MDM"}));
    desk.fault(json!({"fault": "500", "operation": "read activation lock"}));
    assert_eq!(desk.refused("GET", path, None).await, (500, "UNEXPECTED_ERROR".to_owned()));
}

#[tokio::test]
async fn members_come_as_text_and_as_list_and_under_another_name() {
    let desk = Desk::new().await;
    let path = "/v1/orgDevices/INTUNE1";
    let attributes = |one: Value| one["data"]["attributes"].clone();
    let one = attributes(desk.get(path).await);
    assert!(one["imei"].is_array() && one["meid"].is_array() && one["eid"].is_string(), "{one}");
    assert!(one["wifiMacAddress"].is_string());
    desk.fault(json!({"fault": "text-members"}));
    desk.fault(json!({"fault": "list-members"}));
    desk.fault(json!({"fault": "source-uid"}));
    desk.fault(json!({"fault": "unknown-members"}));
    let other = attributes(desk.get(path).await);
    assert_eq!(other["imei"], one["imei"][0]);
    assert_eq!(other["wifiMacAddress"][0], one["wifiMacAddress"]);
    assert!(other["purchaseSourceUid"].as_str().unwrap().starts_with('-'), "{other}");
    assert!(other.get("purchaseSourceId").is_none());
    assert!(other["addedNextYear"].is_object());
}

#[tokio::test]
async fn calls_are_counted_by_operation() {
    let desk = Desk::new().await;
    desk.sim.forget_calls();
    desk.all("/v1/orgDevices", 5).await;
    desk.all("/v1/mdmServers", 100).await;
    desk.linked("Direct").await;
    desk.get("/v1/orgDevices/FREE1/activationLockStatus").await;
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"])).await;
    desk.advance(12);
    desk.log(&id).await;
    let counted: Vec<(String, String, String, u64)> = desk
        .sim
        .calls()
        .into_iter()
        .map(|call| {
            let kind = serde_json::to_value(call.kind).unwrap().as_str().unwrap().to_owned();
            (call.service, call.operation, kind, call.count)
        })
        .collect();
    let expected = [
        ("business", "create activity", "write", 1),
        ("business", "list devices", "read", 2),
        ("business", "list linkages", "read", 1),
        ("business", "list services", "read", 1),
        ("business", "read activation lock", "read", 1),
        ("business", "read activity", "read", 1),
        ("storage", "download log", "read", 1),
    ]
    .map(|(service, operation, kind, count)| {
        (service.to_owned(), operation.to_owned(), kind.to_owned(), count)
    });
    assert_eq!(counted, expected);
}
