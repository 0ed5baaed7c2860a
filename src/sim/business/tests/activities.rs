//! Activities: what is taken, how they go on, what comes of them.

use super::*;

const PATH: &str = "/v1/orgDeviceActivities";

#[tokio::test]
async fn an_activity_goes_through_its_states_by_the_clock() {
    let desk = Desk::new().await;
    let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1", "DIRECT1"]);
    let told = desk.ask("POST", PATH, Some(body)).await;
    assert_eq!(told.status, 201, "{told:?}");
    let created = told.json();
    let attributes = &created["data"]["attributes"];
    assert_eq!(
        (&attributes["status"], &attributes["subStatus"]),
        (&json!("IN_PROGRESS"), &json!("SUBMITTED"))
    );
    let id = created["data"]["id"].as_str().unwrap();
    assert_eq!(created["links"]["self"], format!("{}{PATH}/{id}", desk.base()));
    for expected in ["PRE_PROCESSING", "PENDING", "PROCESSING", "POST_PROCESSING"] {
        assert_eq!(desk.state(id).await, ("IN_PROGRESS".to_owned(), expected.to_owned()));
        let one = desk.get(&format!("{PATH}/{id}")).await;
        assert!(one["data"]["attributes"].get("downloadUrl").is_none());
        assert_eq!(desk.linked("Alone").await, ["ALONE1"], "nothing is done yet");
        desk.advance(3);
    }
    assert_eq!(desk.state(id).await, ("COMPLETED".to_owned(), "COMPLETED_WITH_SUCCESS".to_owned()));
    let one = desk.get(&format!("{PATH}/{id}")).await;
    assert_eq!(one["data"]["attributes"]["completedDateTime"], "2026-11-02T08:00:12.000Z");
    assert_eq!(desk.linked("Alone").await, ["ALONE1", "DIRECT1", "FREE1"], "a direct move too");
    assert_eq!(desk.linked("Direct").await, ["DIRECT2", "DIRECT9"]);
}

#[tokio::test]
async fn or_by_being_read_so_often() {
    let desk = Desk::new().await;
    desk.behave(json!({"activityPolls": 3, "getPerMinute": 0}));
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"])).await;
    assert_eq!(desk.state(&id).await.0, "IN_PROGRESS");
    assert_eq!(desk.state(&id).await.0, "IN_PROGRESS");
    assert_eq!(desk.state(&id).await.1, "COMPLETED_WITH_SUCCESS");
    // One that nobody reads ends as well.
    desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE2"])).await;
    desk.advance(300);
    assert_eq!(desk.linked("Alone").await, ["ALONE1", "FREE1", "FREE2"]);
}

#[tokio::test]
async fn devices_that_cannot_be_done_are_in_the_log_and_the_rest_is_done() {
    let desk = Desk::new().await;
    let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["ALONE1", "FREE1", "FREE1"]);
    let id = desk.begin(body).await;
    desk.advance(12);
    assert_eq!(desk.state(&id).await, ("COMPLETED".to_owned(), "COMPLETED_WITH_ERROR".to_owned()));
    assert_eq!(desk.linked("Alone").await, ["ALONE1", "FREE1"]);
    let log = desk.log(&id).await;
    let lines: Vec<&str> = log.split("\r\n").collect();
    assert_eq!(lines[0], "OPERATION,ASSIGN_DEVICES");
    assert_eq!(lines[1], format!("ACTIVITY_ID,{id}"));
    assert_eq!(lines[5], "SUB_STATUS,COMPLETED_WITH_ERROR");
    assert_eq!(lines[6], "");
    let columns: Vec<&str> = lines[7].split(',').collect();
    assert!(
        ["serial_number", "operation_status", "operation_substatus"]
            .iter()
            .all(|name| columns.contains(name))
    );
    assert!(lines[8].starts_with("ALONE1,") && lines[8].ends_with("ISSUE,ALREADY_ASSIGNED"), "{log}");
    assert!(lines[9].starts_with("FREE1,") && lines[9].contains(",SUCCESS,"), "{log}");
    assert_eq!(lines[10..], [""], "each device once");
    let fields = |line: &str| line.split(',').count();
    assert_ne!(fields(lines[8]), fields(lines[9]), "rows differ in width");
    let history = desk.sim.with_world(|world| world.history.organizations.clone());
    let serial = |text: &str| crate::model::Serial::new(text).unwrap();
    assert_eq!(history.repeated, [(serial("ALONE1"), 1)].into());
    assert_eq!(history.assignments, [(serial("FREE1"), [(desk.id("Alone"), 1)].into())].into());
}

#[tokio::test]
async fn unassigning_needs_no_service_but_not_a_wrong_one() {
    let desk = Desk::new().await;
    let body = desk.activity("UNASSIGN_DEVICES", Some("Direct"), &["DIRECT1"]);
    assert_eq!(desk.carry_out(body).await, "COMPLETED_WITH_SUCCESS");
    let body = desk.activity("UNASSIGN_DEVICES", None, &["DIRECT2"]);
    assert_eq!(desk.carry_out(body).await, "COMPLETED_WITH_SUCCESS");
    assert_eq!(desk.linked("Direct").await, ["DIRECT9"]);
    let body = desk.activity("UNASSIGN_DEVICES", Some("Direct"), &["ALONE1", "FREE1"]);
    let id = desk.begin(body).await;
    desk.advance(12);
    assert_eq!(desk.log(&id).await.matches("ISSUE,NOT_ASSIGNED").count(), 2);
    assert_eq!(desk.linked("Alone").await, ["ALONE1"]);
}

#[tokio::test]
async fn what_is_not_right_is_refused_whole() {
    let desk = Desk::new().await;
    let good = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"]);
    let with = |pointer: &str, value: Value| {
        let mut body = good.clone();
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let device = |id: &str| json!([{"type": "orgDevices", "id": "FREE2"}, {"type": "orgDevices", "id": id}]);
    let attribute = (409, "ENTITY_ERROR.ATTRIBUTE.INVALID");
    let relationship = (409, "ENTITY_ERROR.RELATIONSHIP.INVALID");
    let devices = "/data/relationships/devices/data";
    for (body, expected, pointer) in [
        (json!([]), (422, "ENTITY_UNPROCESSABLE"), ""),
        (json!({}), (422, "ENTITY_UNPROCESSABLE"), "/data"),
        (with("/data/type", json!("orgDevices")), (422, "ENTITY_UNPROCESSABLE"), "/data/type"),
        (with("/data/attributes", json!({})), attribute, "/data/attributes/activityType"),
        (with("/data/attributes/activityType", json!("WIPE")), attribute, "/data/attributes/activityType"),
        (with("/data/relationships/mdmServer", Value::Null), relationship, "/data/relationships/mdmServer"),
        (
            with("/data/relationships/mdmServer/data/id", json!("ABC")),
            relationship,
            "/data/relationships/mdmServer",
        ),
        (with(devices, json!([])), relationship, "/data/relationships/devices"),
        (with(devices, device("NOBODY")), relationship, "/data/relationships/devices/data/1"),
        (with(devices, device("lower case")), relationship, "/data/relationships/devices/data/1"),
        (
            desk.activity("ASSIGN_DEVICES", Some("Configurator"), &["FREE1"]),
            relationship,
            "/data/relationships/mdmServer",
        ),
        (
            desk.activity("CANCEL_MDM_MIGRATION", Some("Alone"), &["FREE1"]),
            relationship,
            "/data/relationships/mdmServer",
        ),
        (
            desk.activity("ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE", Some("Alone"), &["FREE1"]),
            attribute,
            "/data/attributes/activityTypeMetadata/mdmMigrationDeadlineDateTime",
        ),
    ] {
        let told = desk.ask("POST", PATH, Some(body.clone())).await;
        let (status, code) = told.refusal();
        assert_eq!((status, code.as_str()), expected, "{body}");
        assert_eq!(told.json()["errors"][0]["source"]["pointer"], pointer, "{body}");
    }
    let url = format!("{}{PATH}", desk.base());
    let post = desk.http.post(url).bearer_auth(&desk.bearer).header("Accept", "application/json");
    let post = post.header("Content-Type", "application/json").body("{");
    assert_eq!(told(post).await.unwrap().status, 400);
    assert!(desk.sim.with_world(|world| world.history.organizations.activities.is_empty()));
    assert_eq!(desk.linked("Alone").await, ["ALONE1"]);
}

#[tokio::test]
async fn an_unknown_serial_may_be_passed_over_in_silence() {
    let desk = Desk::new().await;
    desk.fault(json!({"fault": "silent-serials"}));
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["NOBODY", "FREE1"])).await;
    desk.advance(12);
    assert_eq!(desk.state(&id).await.1, "COMPLETED_WITH_SUCCESS");
    assert!(!desk.log(&id).await.contains("NOBODY"));
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["NOBODY"])).await;
    desk.advance(12);
    assert_eq!(desk.state(&id).await.1, "COMPLETED_WITH_SUCCESS");
    assert_eq!(desk.linked("Alone").await, ["ALONE1", "FREE1"]);
}

#[tokio::test]
async fn releasing_is_for_good_and_counted() {
    let desk = Desk::new().await;
    let body = desk.activity("RELEASE_DEVICES", None, &["DIRECT1", "FREE1"]);
    assert_eq!(desk.carry_out(body).await, "COMPLETED_WITH_SUCCESS");
    let rows = desk.all("/v1/orgDevices", 100).await;
    assert!(!ids(&rows).contains(&"DIRECT1") && !ids(&rows).contains(&"FREE1"));
    assert_eq!(desk.linked("Direct").await, ["DIRECT2", "DIRECT9"]);
    let one = desk.get("/v1/orgDevices/DIRECT1").await;
    let attributes = &one["data"]["attributes"];
    assert_eq!(attributes["releasedFromOrgDateTime"], "2026-11-02T08:00:12.000Z");
    assert_eq!(attributes["releaserEntityType"], "API");
    assert_eq!(desk.refused("GET", "/v1/orgDevices/DIRECT1/assignedServer", None).await.0, 404);
    let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["DIRECT1"]);
    assert_eq!(desk.refused("POST", PATH, Some(body)).await.0, 409);
    let releases = desk.sim.with_world(|world| world.history.organizations.releases.clone());
    assert_eq!(releases.values().copied().collect::<Vec<_>>(), [1, 1]);
}

#[tokio::test]
async fn an_activity_is_kept_for_thirty_days_and_its_log_is_open_for_an_hour() {
    let mut desk = Desk::new().await;
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"])).await;
    desk.advance(12);
    let one = desk.get(&format!("{PATH}/{id}")).await;
    let url = one["data"]["attributes"]["downloadUrl"].as_str().unwrap().to_owned();
    assert!(url.starts_with(&desk.sim.addresses().storage), "{url}");
    assert!(url.contains("/ABM-ActivityLog_Nov-2-2026_8-0-12.csv?"), "{url}");
    let with_bearer = told(desk.http.get(&url).bearer_auth(&desk.bearer)).await.unwrap();
    assert_eq!(with_bearer.status, 400, "the storage wants no bearer");
    assert_eq!(told(desk.http.get(format!("{url}0"))).await.unwrap().status, 403, "nor another signature");
    desk.advance(3599);
    assert_eq!(told(desk.http.get(&url)).await.unwrap().status, 200);
    desk.advance(1);
    assert_eq!(told(desk.http.get(&url)).await.unwrap().status, 403);
    desk.advance(30 * 86_400 - 3612 - 1);
    desk.sign_in().await;
    desk.get(&format!("{PATH}/{id}")).await;
    desk.advance(1);
    assert_eq!(desk.refused("GET", &format!("{PATH}/{id}"), None).await, (404, "NOT_FOUND".to_owned()));
}

#[tokio::test]
async fn an_enrolled_device_migrates_by_a_deadline() {
    let desk = Desk::new().await;
    let kind = "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE";
    let by = |kind: &str, service: Option<&str>, serial: &str, deadline: &str| {
        let mut body = desk.activity(kind, service, &[serial]);
        body["data"]["attributes"]["activityTypeMetadata"] =
            json!({"mdmMigrationDeadlineDateTime": deadline});
        body
    };
    for deadline in ["2027-01-31T08:00:01Z", "2026-11-02T08:00:00Z", "tomorrow"] {
        let told = desk.refused("POST", PATH, Some(by(kind, Some("Alone"), "DIRECT1", deadline))).await;
        assert_eq!(told.0, 409, "{deadline}");
    }
    // What cannot migrate is an issue of its row.
    let deadline = "2026-12-01T09:00:00Z";
    let body = by(kind, Some("Intune"), "DIRECT1", deadline);
    assert_eq!(desk.carry_out(body.clone()).await, "COMPLETED_WITH_ERROR");
    let capable = json!({
        "do": "setMigration", "organization": ORGANIZATION, "serials": ["DIRECT1", "ALONE1"], "capable": true,
    });
    desk.by_hand(capable).await;
    let attributes = async |serial: &str| {
        desk.get(&format!("/v1/orgDevices/{serial}")).await["data"]["attributes"].clone()
    };
    assert_eq!(attributes("DIRECT1").await["isMdmMigrationCapable"], true);
    assert_eq!(attributes("FREE1").await["isMdmMigrationCapable"], false, "never of an unassigned one");
    assert_eq!(desk.carry_out(by(kind, Some("Direct"), "ALONE1", deadline)).await, "COMPLETED_WITH_SUCCESS");
    let one = attributes("ALONE1").await;
    assert_eq!(one["mdmMigrationStatus"], "REQUESTED");
    assert_eq!(one["mdmMigrationDeadlineDateTime"], "2026-12-01T09:00:00.000Z");
    assert_eq!(one["isMdmMigrationCapable"], false, "that is known a while later");
    desk.advance(30);
    assert_eq!(attributes("ALONE1").await["isMdmMigrationCapable"], true);
    // The enrollment service shows the deadline of what it has.
    let shown = desk.sim.with_world(|world| {
        let serial = crate::model::Serial::new("ALONE1").unwrap();
        world
            .service("Direct server")
            .unwrap()
            .fleet
            .extras(&serial)
            .and_then(|extras| extras.migration_deadline)
    });
    assert_eq!(shown, Some(1_796_115_600));
    // An update may be due at once; then it cannot be called off any more.
    let update = by("UPDATE_MDM_MIGRATION_DEADLINE", None, "ALONE1", "2026-11-02T00:00:00Z");
    assert_eq!(desk.carry_out(update).await, "COMPLETED_WITH_SUCCESS");
    assert_eq!(attributes("ALONE1").await["mdmMigrationStatus"], "STARTED");
    let cancel = desk.activity("CANCEL_MDM_MIGRATION", None, &["ALONE1"]);
    assert_eq!(desk.carry_out(cancel).await, "COMPLETED_WITH_ERROR");
    desk.advance(600);
    assert_eq!(attributes("ALONE1").await["mdmMigrationStatus"], "SUCCESS");
    // One that only waits can be called off, and one that does not even wait not.
    assert_eq!(desk.carry_out(body).await, "COMPLETED_WITH_SUCCESS");
    let cancel = desk.activity("CANCEL_MDM_MIGRATION", None, &["DIRECT1"]);
    assert_eq!(desk.carry_out(cancel.clone()).await, "COMPLETED_WITH_SUCCESS");
    assert!(attributes("DIRECT1").await.get("mdmMigrationStatus").is_none());
    assert_eq!(desk.carry_out(cancel).await, "COMPLETED_WITH_ERROR");
}
