//! Everything that the simulator answers as Apple Business and Apple School, as their token endpoint and
//! as the storage of their logs, held to the contracts without the client.

use std::path::Path;
use std::time::Duration;

use espalier::http::{self, Reach};
use espalier::sim::Sim;
use espalier::sim::portal::{self, Change};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::support::business::{self, BUSINESS, SCHOOL, assertion, form};
use crate::support::contract::business::BusinessJudge;
use crate::support::contract::dep::Side;
use crate::support::wire::certificate;

/// The simulator, and a plain client that is signed in.
struct Desk {
    sim: Sim,
    http: reqwest::Client,
    client_id: &'static str,
    bearer: String,
}

impl Desk {
    async fn new(client_id: &'static str, recording: &Path) -> Self {
        let unlimited = business::unlimited();
        let seed = business::seed("2026-11-02T08:00:00Z", &unlimited, &unlimited);
        let sim = business::start(&seed, Some(recording)).await;
        let http = http::client(Reach::Loopback).expect("a client");
        let mut desk = Self { sim, http, client_id, bearer: String::new() };
        for path in ["/auth/oauth2/token", "/auth/oauth2/v2/token"] {
            let members = form(client_id, &assertion(&desk.sim, client_id));
            let (status, token) = desk.ask_token(path, &members).await;
            assert_eq!(status, 200, "{token}");
            desk.bearer = token["access_token"].as_str().expect("a bearer").to_owned();
        }
        desk
    }

    async fn ask_token(&self, path: &str, form: &[(&str, String)]) -> (u16, Value) {
        let url = format!("{}{path}", self.sim.addresses().account);
        told(self.http.post(url).form(form)).await
    }

    /// Status and body; a text that is no JSON is a text.
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let addresses = self.sim.addresses();
        let base = if self.client_id == SCHOOL { &addresses.school } else { &addresses.business };
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{base}{path}") };
        let request = self.http.request(method.parse().expect("a method"), url).bearer_auth(&self.bearer);
        let request = request.header(ACCEPT, "application/json");
        match body {
            Some(body) => told(request.header(CONTENT_TYPE, "application/json").body(body.to_string())).await,
            None => told(request).await,
        }
    }

    #[track_caller]
    fn good(answer: (u16, Value), wanted: u16) -> Value {
        assert_eq!(answer.0, wanted, "{}", answer.1);
        answer.1
    }

    async fn get(&self, path: &str) -> Value {
        Self::good(self.ask("GET", path, None).await, 200)
    }

    /// Every page of a list, with one row each.
    async fn walk(&self, path: &str) -> usize {
        let mut next = format!("{path}?limit=1");
        for pages in 1.. {
            let page = self.get(&next).await;
            match page["links"]["next"].as_str() {
                Some(link) => next = link.to_owned(),
                None => return pages,
            }
        }
        unreachable!("a list ends")
    }

    fn activity(&self, kind: &str, service: Option<&str>, serials: &[&str]) -> Value {
        let devices: Vec<Value> =
            serials.iter().map(|serial| json!({"type": "orgDevices", "id": serial})).collect();
        let mut body = json!({"data": {
            "type": "orgDeviceActivities", "attributes": {"activityType": kind},
            "relationships": {"devices": {"data": devices}},
        }});
        if let Some(name) = service {
            let id = business::service(&self.sim, self.client_id, name);
            body["data"]["relationships"]["mdmServer"] = json!({"data": {"type": "mdmServers", "id": id}});
        }
        if kind.ends_with("_DEADLINE") {
            body["data"]["attributes"]["activityTypeMetadata"] =
                json!({"mdmMigrationDeadlineDateTime": "2026-12-01T09:00:00Z"});
        }
        body
    }

    /// Begins an activity, looks at it until its end, and reads its log. Its sub-status.
    async fn carry_out(&self, body: Value) -> String {
        let begun = Self::good(self.ask("POST", "/v1/orgDeviceActivities", Some(body)).await, 201);
        let path = format!("/v1/orgDeviceActivities/{}", begun["data"]["id"].as_str().expect("an id"));
        for _ in 0..40 {
            let attributes = self.get(&path).await["data"]["attributes"].clone();
            if attributes["status"] != "IN_PROGRESS" {
                if let Some(url) = attributes["downloadUrl"].as_str() {
                    Self::good(told(self.http.get(url)).await, 200);
                }
                return attributes["subStatus"].as_str().expect("a text").to_owned();
            }
            self.sim.with_world(|world| world.advance(Duration::from_secs(2)));
        }
        panic!("the activity does not end");
    }

    fn fault(&self, fault: Value) {
        self.sim.add_fault(serde_json::from_value(fault).expect("a fault"));
    }

    fn by_hand(&self, changes: Value) {
        let changes: Vec<Change> = serde_json::from_value(changes).expect("changes of the portal");
        self.sim.with_world(|world| {
            for change in changes {
                portal::change(world, change).expect("a possible change");
            }
        });
    }

    /// Ends, and holds everything recorded to the contracts.
    async fn judged(self, recording: &Path, side: Side) {
        let bearer = self.bearer.clone();
        self.sim.stop().await.expect("the simulator stops");
        let text = std::fs::read_to_string(recording).expect("a recording");
        assert!(text.contains("[secret]") && !text.contains(&bearer), "the bearer is in the record");
        if let Some(judge) = BusinessJudge::from_env() {
            let faults = judge.file(recording, side);
            assert!(faults.is_empty(), "{faults:#?}");
        }
    }
}

async fn told(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.expect("an answer");
    let status = answer.status().as_u16();
    let text = answer.text().await.expect("a text");
    (status, serde_json::from_str(&text).unwrap_or(Value::from(text)))
}

/// What both editions have.
async fn reads(desk: &Desk, serials: &[&str], services: &[&str]) {
    assert!(desk.walk("/v1/orgDevices").await > 1);
    assert!(desk.walk("/v1/mdmServers").await > 1);
    for ways in
        [json!(null), json!("text-members"), json!("list-members"), json!("source-uid"), json!("totals")]
    {
        if ways.is_string() {
            desk.fault(json!({"fault": ways}));
        }
        desk.get("/v1/orgDevices").await;
        desk.sim.clear_faults();
    }
    desk.get("/v1/orgDevices?fields%5BorgDevices%5D=serialNumber,status,assignedServer&limit=1000").await;
    let wanted = "status,deviceCount,defaultProductFamilies,lastConnectedDateTime,lastConnectedIp";
    desk.get(&format!("/v1/mdmServers?fields[mdmServers]={wanted}")).await;
    for serial in serials {
        desk.get(&format!("/v1/orgDevices/{serial}")).await;
        desk.get(&format!("/v1/orgDevices/{serial}?fields[orgDevices]=status")).await;
        desk.get(&format!("/v1/orgDevices/{serial}/appleCareCoverage")).await;
        for empty in [false, true] {
            if empty {
                desk.fault(json!({"fault": "empty-relationship"}));
            }
            for path in ["relationships/assignedServer", "assignedServer"] {
                let (status, body) = desk.ask("GET", &format!("/v1/orgDevices/{serial}/{path}"), None).await;
                assert!(status == 200 || (status == 404 && !empty), "{status} {body}");
            }
            desk.sim.clear_faults();
        }
    }
    for name in services {
        let id = business::service(&desk.sim, desk.client_id, name);
        desk.get(&format!("/v1/mdmServers/{id}")).await;
        desk.get(&format!("/v1/mdmServers/{id}?fields[mdmServers]={wanted}")).await;
        desk.walk(&format!("/v1/mdmServers/{id}/relationships/devices")).await;
    }
}

#[tokio::test]
async fn every_answer_of_business_is_as_described() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(BUSINESS, &recording).await;
    let services = ["Tablets", "Desks", "Configurator", "Built-in"];
    reads(&desk, &["PAD1", "PHONE1", "MAC1", "MAC2", "TV1"], &services).await;
    for lock in ["MDM", "USER"] {
        desk.by_hand(json!([{
            "do": "setActivationLock", "organization": "Acme", "serials": ["PAD1"], "lock": lock,
        }]));
        desk.get("/v1/orgDevices/PAD1/activationLockStatus").await;
    }
    desk.get("/v1/orgDevices/MAC1/activationLockStatus").await;
    desk.get("/v1/mdmDevices").await;
    desk.get("/v1/mdmDevices/OWN1/details").await;

    let done =
        async |kind, service, serials: &[&str]| desk.carry_out(desk.activity(kind, service, serials)).await;
    assert_eq!(done("ASSIGN_DEVICES", Some("Tablets"), &["PHONE1"]).await, "COMPLETED_WITH_SUCCESS");
    assert_eq!(done("ASSIGN_DEVICES", Some("Tablets"), &["PHONE1"]).await, "COMPLETED_WITH_ERROR");
    assert_eq!(done("UNASSIGN_DEVICES", Some("Tablets"), &["PHONE1"]).await, "COMPLETED_WITH_SUCCESS");
    for (fault, sub_status) in [
        ("activity-stopped", "STOPPING"),
        ("activity-failed", "PROCESSING"),
        ("activity-failure", "COMPLETED_WITH_FAILURE"),
        ("activity-lie", "COMPLETED_WITH_SUCCESS"),
        ("activity-post-processing", "COMPLETED_POST_PROCESSING_FAILED"),
    ] {
        desk.fault(json!({"fault": fault}));
        let ended = done("ASSIGN_DEVICES", Some("Desks"), &["MAC2", "TV1"]).await;
        assert_eq!(ended, sub_status, "{fault}");
        desk.sim.clear_faults();
    }
    desk.by_hand(json!([{
        "do": "setMigration", "organization": "Acme", "serials": ["PAD1", "PAD2"], "capable": true,
    }]));
    desk.sim.with_world(|world| world.advance(Duration::from_secs(120)));
    let deadline = "ASSIGN_DEVICES_WITH_MDM_MIGRATION_DEADLINE";
    assert_eq!(done(deadline, Some("Desks"), &["PAD1", "PAD2"]).await, "COMPLETED_WITH_SUCCESS");
    desk.get("/v1/orgDevices/PAD1").await;
    assert_eq!(done("UPDATE_MDM_MIGRATION_DEADLINE", None, &["PAD1"]).await, "COMPLETED_WITH_SUCCESS");
    assert_eq!(done("CANCEL_MDM_MIGRATION", None, &["PAD1"]).await, "COMPLETED_WITH_SUCCESS");
    assert_eq!(done("RELEASE_DEVICES", None, &["TV1"]).await, "COMPLETED_WITH_SUCCESS");
    let released = desk.get("/v1/orgDevices/TV1").await;
    assert!(released["data"]["attributes"]["releasedFromOrgDateTime"].is_string(), "{released}");

    let certificate = json!({"name": "lab.pem", "data": certificate().base64});
    let body = json!({"data": {"type": "mdmServers", "attributes": {
        "serverName": "Lab", "serverCertificate": certificate, "enableMdmDisownFlag": true,
    }}});
    let made = Desk::good(desk.ask("POST", "/v1/mdmServers", Some(body)).await, 201);
    let id = made["data"]["id"].as_str().expect("an id").to_owned();
    let path = format!("/v1/mdmServers/{id}");
    for attributes in [
        json!({"serverName": "Laboratory"}),
        json!({"enableMdmDisownFlag": false}),
        json!({"defaultProductFamilies": ["WATCH"]}),
        json!({"defaultProductFamilies": []}),
        json!({"serverCertificate": certificate}),
    ] {
        let body = json!({"data": {"type": "mdmServers", "id": id, "attributes": attributes}});
        Desk::good(desk.ask("PATCH", &path, Some(body)).await, 200);
    }
    let taken = json!({"data": {"type": "mdmServers", "id": id,
        "attributes": {"defaultProductFamilies": ["IPAD"]}}});
    assert_eq!(desk.ask("PATCH", &path, Some(taken)).await.0, 409, "another service has it");
    let tablets = business::service(&desk.sim, BUSINESS, "Tablets");
    assert_eq!(desk.ask("DELETE", &format!("/v1/mdmServers/{tablets}"), None).await.0, 409);
    assert_eq!(desk.ask("DELETE", &path, None).await, (204, json!("")));
    for path in [path.as_str(), "/v1/orgDevices/NOBODY", "/v1/orgDeviceActivities/none"] {
        assert_eq!(desk.ask("GET", path, None).await.0, 404, "{path}");
    }
    for status in ["429", "html-429", "500", "503", "terms"] {
        desk.fault(json!({"fault": status, "times": 1}));
        assert!(desk.ask("GET", "/v1/orgDevices", None).await.0 >= 403, "{status}");
    }
    desk.judged(&recording, Side::Own).await;
}

#[tokio::test]
async fn every_answer_of_school_is_as_described() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let recording = folder.path().join("exchanges.jsonl");
    let desk = Desk::new(SCHOOL, &recording).await;
    reads(&desk, &["PUPIL1", "PUPIL2"], &["Pupils", "Staff"]).await;
    let done =
        async |kind, service, serials: &[&str]| desk.carry_out(desk.activity(kind, service, serials)).await;
    assert_eq!(done("ASSIGN_DEVICES", Some("Staff"), &["PUPIL1", "PUPIL2"]).await, "COMPLETED_WITH_SUCCESS");
    assert_eq!(done("UNASSIGN_DEVICES", Some("Staff"), &["PUPIL1"]).await, "COMPLETED_WITH_SUCCESS");
    desk.judged(&recording, Side::Own).await;
}

/// Requests that are wrong on purpose: only what is answered is judged.
#[tokio::test]
async fn every_refusal_is_as_described() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for client_id in [BUSINESS, SCHOOL] {
        let recording = folder.path().join(client_id);
        let desk = Desk::new(client_id, &recording).await;
        let service = if client_id == SCHOOL { "Pupils" } else { "Tablets" };
        let serial = if client_id == SCHOOL { "PUPIL1" } else { "PAD1" };
        let assign = |kind: &str, serials: &[&str]| Some(desk.activity(kind, Some(service), serials));
        let id = business::service(&desk.sim, client_id, service);
        let far = || {
            let mut body = desk.activity("UPDATE_MDM_MIGRATION_DEADLINE", None, &[serial]);
            body["data"]["attributes"]["activityTypeMetadata"]["mdmMigrationDeadlineDateTime"] =
                json!("2027-11-02T08:00:00Z");
            Some(body)
        };
        for (method, path, body, status) in [
            ("GET", "/v1/orgDevices?limit=0".to_owned(), None, 400),
            ("GET", "/v1/orgDevices?limit=1001".to_owned(), None, 400),
            ("GET", "/v1/orgDevices?limit=5&limit=5".to_owned(), None, 400),
            ("GET", "/v1/orgDevices?cursor=abc".to_owned(), None, 400),
            ("GET", "/v1/orgDevices?fields[orgDevices]=isMdmMigrationCapable".to_owned(), None, 400),
            ("GET", "/v1/orgDevices/NOBODY".to_owned(), None, 404),
            ("GET", "/v1/nothing".to_owned(), None, 404),
            ("GET", format!("/v1/mdmServers/{id}/devices"), None, 403),
            ("DELETE", format!("/v1/orgDevices/{serial}"), None, 403),
            ("GET", "/v1/orgDeviceActivities".to_owned(), None, 403),
            ("POST", "/v1/orgDeviceActivities".to_owned(), assign("WIPE_DEVICES", &[serial]), 409),
            ("POST", "/v1/orgDeviceActivities".to_owned(), assign("ASSIGN_DEVICES", &["NOBODY"]), 409),
            ("POST", "/v1/orgDeviceActivities".to_owned(), assign("ASSIGN_DEVICES", &[]), 409),
            (
                "POST",
                "/v1/orgDeviceActivities".to_owned(),
                Some(desk.activity("ASSIGN_DEVICES", None, &[serial])),
                409,
            ),
            ("POST", "/v1/orgDeviceActivities".to_owned(), far(), 409),
        ] {
            let (told, answer) = desk.ask(method, &path, body).await;
            assert_eq!(told, status, "{method} {path}: {answer}");
        }
        let url = format!(
            "{}/v1/orgDevices",
            match client_id {
                SCHOOL => &desk.sim.addresses().school,
                _ => &desk.sim.addresses().business,
            }
        );
        let html = desk.http.get(&url).bearer_auth(&desk.bearer).header(ACCEPT, "text/html");
        assert_eq!(told(html).await.0, 406);
        let json = desk.http.get(&url).header(ACCEPT, "application/json");
        assert_eq!(told(json).await.0, 401);
        let json = desk.http.get(&url).header(ACCEPT, "application/json").bearer_auth("x");
        assert_eq!(told(json).await.0, 401);

        let right = form(client_id, &assertion(&desk.sim, client_id));
        for (name, value) in [
            ("scope", "other.api"),
            ("client_assertion", "a.b.c"),
            ("client_id", "BUSINESSAPI.0"),
            ("grant_type", "password"),
        ] {
            let wrong: Vec<(&str, String)> = right
                .iter()
                .map(|(known, old)| (*known, if *known == name { value.to_owned() } else { old.clone() }))
                .collect();
            let (status, body) = desk.ask_token("/auth/oauth2/token", &wrong).await;
            assert_eq!(status, 400, "{name}: {body}");
        }
        desk.judged(&recording, Side::Answers).await;
    }
}
