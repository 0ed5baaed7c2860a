//! Activities and services through its proxies.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::wire::certificate;

use super::ground::{Ground, alone};

fn activity(kind: &str, service: &str, serials: &[&str]) -> Value {
    let devices: Vec<Value> =
        serials.iter().map(|serial| json!({"type": "orgDevices", "id": serial})).collect();
    json!({"data": {
        "type": "orgDeviceActivities", "attributes": {"activityType": kind},
        "relationships": {
            "mdmServer": {"data": {"type": "mdmServers", "id": service}}, "devices": {"data": devices},
        },
    }})
}

/// Begins an activity, steps the world to its end, and returns its detail.
fn carry_out(ground: &Ground, of: &str, body: &Value) -> String {
    let begun = ground.server.json(Method::POST, &format!("{of}/v1/orgDeviceActivities"), Some(body), 201);
    let id = begun["data"]["id"].as_str().expect("an id");
    let path = format!("{of}/v1/orgDeviceActivities/{id}");
    let early = ground.server.get(&path);
    assert_eq!(early["data"]["attributes"]["status"], "IN_PROGRESS");
    ground.step("30s");
    let ended = ground.server.get(&path);
    let attributes = &ended["data"]["attributes"];
    assert_eq!(attributes["status"], "COMPLETED", "{ended}");
    assert!(attributes["downloadUrl"].is_string(), "{ended}");
    attributes["subStatus"].as_str().expect("a detail").to_owned()
}

#[test]
fn an_assignment_shows_in_the_world() {
    alone("nanoaxm::writes::an_assignment_shows_in_the_world", |ground| {
        ground.connect();
        let desks = ground.service("Acme", "Desks");
        assert_eq!(ground.at("Acme", "MAC2"), None);
        let assign = activity("ASSIGN_DEVICES", &desks, &["MAC2", "PAD1"]);
        assert_eq!(carry_out(ground, "business/acme", &assign), "COMPLETED_WITH_SUCCESS");
        assert_eq!(ground.at("Acme", "MAC2").as_deref(), Some("Desks"));
        assert_eq!(ground.at("Acme", "PAD1").as_deref(), Some("Desks"), "it was moved");
        assert_eq!(carry_out(ground, "business/acme", &assign), "COMPLETED_WITH_ERROR", "they are there");
        let unassign = activity("UNASSIGN_DEVICES", &desks, &["MAC2"]);
        assert_eq!(carry_out(ground, "business/acme", &unassign), "COMPLETED_WITH_SUCCESS");
        assert_eq!(ground.at("Acme", "MAC2"), None);
        let staff = ground.service("Lakeside", "Staff");
        let of_school = activity("ASSIGN_DEVICES", &staff, &["PUPIL2"]);
        assert_eq!(carry_out(ground, "school/lakeside", &of_school), "COMPLETED_WITH_SUCCESS");
        assert_eq!(ground.at("Lakeside", "PUPIL2").as_deref(), Some("Staff"));
        // Who is not in the organization is nobody's.
        let stranger = activity("ASSIGN_DEVICES", &desks, &["PUPIL1"]);
        let path = "business/acme/v1/orgDeviceActivities";
        let refused = ground.server.json(Method::POST, path, Some(&stranger), 409);
        assert_eq!(refused["errors"][0]["code"], "ENTITY_ERROR.RELATIONSHIP.INVALID");
    });
}

#[test]
fn a_service_is_made_renamed_and_deleted() {
    alone("nanoaxm::writes::a_service_is_made_renamed_and_deleted", |ground| {
        ground.connect();
        let body = json!({"data": {"type": "mdmServers", "attributes": {
            "serverName": "Lab", "serverCertificate": {"name": "lab.pem", "data": certificate().base64},
        }}});
        let made = ground.server.json(Method::POST, "business/acme/v1/mdmServers", Some(&body), 201);
        let id = made["data"]["id"].as_str().expect("an id").to_owned();
        let path = format!("business/acme/v1/mdmServers/{id}");
        let rename =
            json!({"data": {"type": "mdmServers", "id": id, "attributes": {"serverName": "Laboratory"}}});
        ground.server.json(Method::PATCH, &path, Some(&rename), 200);
        let names = || -> Vec<String> {
            let world = ground.organisation("Acme");
            let here = world.organization("Acme").expect("it is there");
            here.services.iter().map(|service| service.name.clone()).collect()
        };
        assert!(names().contains(&"Laboratory".to_owned()));
        let answer = ground.server.ask(Method::DELETE, &path, None);
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""));
        assert!(!names().contains(&"Laboratory".to_owned()));
    });
}
