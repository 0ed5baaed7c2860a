//! Lists and refusals through its proxies.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::ground::{alone, on};

/// Path and query of an address of the simulator, which does not know by which name it is called.
fn below(link: &str) -> String {
    let url = url::Url::parse(link).expect("a whole address");
    format!("{}?{}", url.path(), url.query().unwrap_or_default())
}

#[test]
fn services_and_devices_are_those_of_the_world() {
    alone("nanoaxm::reads::services_and_devices_are_those_of_the_world", |ground| {
        ground.connect();
        let list = ground.server.get("business/acme/v1/mdmServers?limit=1000");
        let ids: BTreeSet<&str> =
            list["data"].as_array().expect("rows").iter().filter_map(|row| row["id"].as_str()).collect();
        let names = ["Tablets", "Desks", "Configurator", "Built-in"];
        let own: Vec<String> = names.map(|name| ground.service("Acme", name)).into();
        assert_eq!(ids, own.iter().map(String::as_str).collect());
        let one = ground.server.get(&format!("business/acme/v1/mdmServers/{}", own[0]));
        assert_eq!(one["data"]["attributes"]["defaultProductFamilies"], json!(["IPAD"]));
        let device = ground.server.get("business/acme/v1/orgDevices/PAD1");
        assert_eq!(device["data"]["attributes"]["status"], "ASSIGNED");
        let linkage = ground.server.get("business/acme/v1/orgDevices/PAD1/relationships/assignedServer");
        assert_eq!(linkage["data"]["id"], own[0].as_str());
        let pupil = ground.server.get("school/lakeside/v1/orgDevices/PUPIL1");
        assert_eq!(pupil["data"]["id"], "PUPIL1");
    });
}

#[test]
fn linkages_are_paged_to_their_end() {
    let fleet = json!({
        "services": [{"name": "All"}], "devices": [],
        "generated": [{"count": 2345, "service": "All"}, {"count": 7}],
    });
    on("nanoaxm::reads::linkages_are_paged_to_their_end", &fleet, |ground| {
        ground.connect();
        let list = format!("/v1/mdmServers/{}/relationships/devices", ground.service("Acme", "All"));
        for (path, wanted, pages) in [(list, 2345, 3), ("/v1/orgDevices".to_owned(), 2352, 3)] {
            let mut next = Some(format!("{path}?limit=1000"));
            let (mut ids, mut read) = (Vec::new(), 0);
            while let Some(path) = next {
                let page = ground.server.get(&format!("business/acme{path}"));
                let rows = page["data"].as_array().expect("rows");
                ids.extend(rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()));
                next = page["links"]["next"].as_str().map(below);
                read += 1;
            }
            assert_eq!((ids.len(), read), (wanted, pages), "{path}");
            assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), wanted, "{path}: each once");
        }
    });
}

#[test]
fn refusals_come_through_as_they_are() {
    alone("nanoaxm::reads::refusals_come_through_as_they_are", |ground| {
        ground.connect();
        let refused = |method: Method, path: &str, body: Option<&Value>, status: u16| {
            let body = ground.server.json(method, &format!("business/acme{path}"), body, status);
            body["errors"][0]["code"].as_str().expect("a code").to_owned()
        };
        assert_eq!(refused(Method::GET, "/v1/orgDevices/NOBODY", None, 404), "NOT_FOUND");
        let tablets = format!("/v1/mdmServers/{}", ground.service("Acme", "Tablets"));
        assert_eq!(refused(Method::DELETE, &tablets, None, 409), "FAILED_PRECONDITION");
        let unassigned = "/v1/orgDevices/PHONE1/relationships/assignedServer";
        assert_eq!(refused(Method::GET, unassigned, None, 404), "NOT_FOUND");
        ground.sim.fault(&json!({"fault": "terms", "times": 1}));
        assert_eq!(refused(Method::GET, "/v1/mdmServers", None, 403), "FORBIDDEN_ERROR");
        ground.sim.delete("/faults");
        ground.sim.fault(&json!({"fault": "429", "retryAfter": 5, "operation": "list services"}));
        assert_eq!(refused(Method::GET, "/v1/mdmServers", None, 429), "RATE_LIMIT_EXCEEDED");
        for (fault, status) in [("html-429", 429), ("502", 502), ("503", 503)] {
            ground.sim.fault(&json!({"fault": fault, "operation": "list services"}));
            let answer = ground.server.ask(Method::GET, "business/acme/v1/mdmServers", None);
            assert_eq!(answer.status, status, "{fault}");
            assert!(answer.text.contains("<html>"), "{fault}: {}", answer.text);
        }
        ground.server.get("business/acme/v1/mdmServers");
    });
}
