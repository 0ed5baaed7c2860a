//! Profiles and the account through `depserver`'s proxy, and `depsyncer`'s own assignments.

use reqwest::Method;
use serde_json::{Value, json};

use super::alone::alone;
use super::ground::{Ground, OTHER, SCHOOL, fresh};

fn profile(name: &str) -> Value {
    json!({
        "profile_name": name, "url": "https://mdm.example.org/enroll", "org_magic": "6ab8",
        "is_supervised": true, "is_mdm_removable": false, "department": "IT Ä",
        "skip_setup_items": ["AppleID", "Siri"],
    })
}

fn define(ground: &Ground<'_>, name: &str) -> String {
    let answer = ground.proxy(Method::POST, "/profile", Some(&profile(name)));
    answer["profile_uuid"].as_str().unwrap_or_else(|| panic!("no profile_uuid in {answer}")).to_owned()
}

/// Profile and state of a device in the world.
fn has(ground: &Ground<'_>, serial: &str) -> (String, String) {
    let row = ground.row(SCHOOL, serial);
    let service = ground.service(SCHOOL);
    let uuid = |birth: &Value| {
        service["profiles"][birth.to_string()]["uuid"].as_str().unwrap_or_default().to_owned()
    };
    (uuid(&row["profile"]), row["status"].as_str().unwrap_or("empty").to_owned())
}

#[test]
fn the_account_is_the_worlds() {
    alone("nanodep::profiles::the_account_is_the_worlds", |programs| {
        let ground = Ground::connected(programs, 1);
        let account = ground.proxy(Method::GET, "/account", None);
        let service = ground.service(SCHOOL);
        assert_eq!(account["server_name"], service["name"]);
        assert_eq!(account["server_uuid"], service["uuid"]);
        assert_eq!(account["admin_id"], service["issued"][1]["person"]);
        for (member, of) in [
            ("org_name", "name"),
            ("org_id", "id"),
            ("org_id_hash", "idHash"),
            ("org_type", "kind"),
            ("org_email", "email"),
            ("org_phone", "phone"),
            ("org_address", "address"),
        ] {
            assert!(account[member].is_string(), "{member} in {account}");
            assert_eq!(account[member], service["organization"][of], "{member}");
        }
        let uris: Vec<&str> =
            account["urls"].as_array().expect("urls").iter().filter_map(|url| url["uri"].as_str()).collect();
        for uri in [
            "/session",
            "/account",
            "/server/devices",
            "/devices/sync",
            "/devices",
            "/profile",
            "/profile/devices",
        ] {
            assert!(uris.contains(&uri), "{uri} in {uris:?}");
        }
    });
}

#[test]
fn a_profile_is_defined_read_assigned_and_removed() {
    alone("nanodep::profiles::a_profile_is_defined_read_assigned_and_removed", |programs| {
        let ground = Ground::connected(programs, 4);
        let serials = ground.serials(SCHOOL);
        let uuid = define(&ground, "Standard");
        let read = ground.proxy(Method::GET, &format!("/profile?profile_uuid={uuid}"), None);
        for (member, value) in profile("Standard").as_object().expect("an object") {
            assert_eq!(&read[member], value, "{member}");
        }
        assert_eq!((&read["profile_uuid"], &read["allow_pairing"]), (&json!(uuid), &json!(true)));
        assert_eq!(read["is_mdm_removable"], false);
        assert_ne!(define(&ground, "Standard"), uuid, "every definition is a new one");

        let body = json!({ "profile_uuid": uuid, "devices": [serials[0], serials[1], "NOTHERE00001"] });
        let answer = ground.proxy(Method::PUT, "/profile/devices", Some(&body));
        assert_eq!(answer["devices"][&serials[0]], "SUCCESS");
        assert_eq!(answer["devices"]["NOTHERE00001"], "NOT_ACCESSIBLE");
        assert_eq!(has(&ground, &serials[0]), (uuid.clone(), "assigned".to_owned()));
        assert_eq!(has(&ground, &serials[1]), (uuid.clone(), "assigned".to_owned()));
        assert_eq!(has(&ground, &serials[2]), (String::new(), "empty".to_owned()));
        let body = json!({ "profile_uuid": uuid, "devices": [serials[2]] });
        ground.proxy(Method::POST, "/profile/devices", Some(&body));
        assert_eq!(has(&ground, &serials[2]).1, "assigned", "POST means the same");

        let body = json!({ "devices": [serials[0], "NOTHERE00001"] });
        let details = ground.proxy(Method::POST, "/devices", Some(&body));
        assert_eq!(details["devices"][&serials[0]]["profile_uuid"], json!(uuid));
        assert_eq!(details["devices"]["NOTHERE00001"]["response_status"], "NOT_ACCESSIBLE");

        let body = json!({ "devices": [serials[0]] });
        let answer = ground.proxy(Method::DELETE, "/profile/devices", Some(&body));
        assert_eq!(answer["devices"], json!({ &serials[0]: "SUCCESS" }));
        assert_eq!(has(&ground, &serials[0]).1, "removed");
    });
}

#[test]
fn refusals_come_through_as_they_are() {
    alone("nanodep::profiles::refusals_come_through_as_they_are", |programs| {
        let ground = Ground::connected(programs, 1);
        let serial = ground.serials(SCHOOL).remove(0);
        let mut removable = profile("Removable");
        removable["is_supervised"] = json!(false);
        let unknown = json!({ "profile_uuid": "0".repeat(32), "devices": [serial] });
        for (method, path, body, status, code) in [
            (Method::POST, "/profile", Some(removable), 400, "FLAGS_INVALID"),
            (Method::PUT, "/profile/devices", Some(unknown), 404, "NOT_FOUND"),
            (Method::POST, "/devices", Some(json!({ "devices": [] })), 400, "DEVICE_ID_REQUIRED"),
            (Method::GET, "/profile?profile_uuid=0", None, 400, "NOT_FOUND"),
        ] {
            let body = body.map(|body| body.to_string());
            let answer = ground.server.ask(method, &format!("/proxy/{SCHOOL}{path}"), body.as_deref());
            assert_eq!((answer.status.as_u16(), answer.text.as_str()), (status, code), "{path}");
        }
    });
}

#[test]
fn devices_of_another_service_are_out_of_reach() {
    alone("nanodep::profiles::devices_of_another_service_are_out_of_reach", |programs| {
        let ground = Ground::connected(programs, 1);
        let foreign = ground.serials(OTHER).remove(0);
        let uuid = define(&ground, "Standard");
        let body = json!({ "profile_uuid": uuid, "devices": [foreign] });
        let answer = ground.proxy(Method::PUT, "/profile/devices", Some(&body));
        assert_eq!(answer["devices"], json!({ &foreign: "NOT_ACCESSIBLE" }));
        assert_eq!(ground.row(OTHER, &foreign)["profile"], Value::Null);
    });
}

#[test]
fn what_depsyncer_assigns_by_itself_is_in_the_world() {
    alone("nanodep::profiles::what_depsyncer_assigns_by_itself_is_in_the_world", |programs| {
        let ground = Ground::connected(programs, 3);
        let old = ground.serials(SCHOOL);
        let uuid = define(&ground, "Standard");
        ground.server.put(&format!("/v1/assigner/{SCHOOL}?profile_uuid={uuid}"), "");
        let mut syncer = ground.syncer(SCHOOL, 10);
        syncer.cycle();
        let new = fresh(2);
        ground.sim.portal(&json!({ "do": "addDevices", "service": SCHOOL, "serials": new }));
        let cycle = syncer.again();
        assert_eq!(cycle.told().len(), 2);
        if !cycle.says(&["msg=profile assigned", "success=2"]) {
            syncer.says(&["msg=profile assigned", "success=2"]);
        }
        for serial in &new {
            assert_eq!(has(&ground, serial), (uuid.clone(), "assigned".to_owned()));
        }
        assert_eq!(has(&ground, &old[0]).1, "empty", "it assigns to those that were added");
        // Our own assignment comes back as a change.
        let mut told = syncer.again().told();
        told.sort();
        let modified = |serial: &String| (serial.clone(), "modified".to_owned());
        assert_eq!(told, new.iter().map(modified).collect::<Vec<_>>());
    });
}
