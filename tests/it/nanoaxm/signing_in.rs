//! Bearers: asked for with NanoAXM's own assertions, kept, and asked for again.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::business::{BUSINESS, SCHOOL};

use super::ground::{Ground, ODD, alone, sec1};

#[test]
fn both_editions_take_its_assertions() {
    alone("nanoaxm::signing_in::both_editions_take_its_assertions", |ground| {
        ground.connect();
        for (path, services) in [("business/acme", 4), ("school/lakeside", 2)] {
            for _ in 0..3 {
                let list = ground.server.get(&format!("{path}/v1/mdmServers"));
                assert_eq!(list["data"].as_array().map(Vec::len), Some(services), "{list}");
            }
        }
        assert_eq!(ground.asked("account", "token"), 2, "a bearer is used again");
        assert_eq!(ground.tunnel.passed()[0].line, "POST /auth/oauth2/v2/token");
        let hosts: Vec<String> = ground.tunnel.passed().into_iter().map(|one| one.host).collect();
        assert_eq!(hosts[..2], ["account.apple.com", "api-business.apple.com"]);
        assert!(hosts.contains(&"api-school.apple.com".to_owned()), "{hosts:?}");
    });
}

#[test]
fn a_key_under_the_portals_odd_marker_is_one() {
    alone("nanoaxm::signing_in::a_key_under_the_portals_odd_marker_is_one", |ground| {
        // PKCS #8 within a block that says SEC 1, as keys of the portal were seen.
        let key = ground.key(BUSINESS);
        let odd = key.private_key.replace("PRIVATE KEY", "EC PRIVATE KEY");
        ground.server.learn("acme", BUSINESS, &key.key_id, &odd);
        ground.server.get("business/acme/v1/mdmServers");
    });
}

/// No answer of the API comes through, and NanoAXM says why.
#[track_caller]
fn refused(ground: &Ground, path: &str, word: &str) {
    let answer = ground.server.ask(Method::GET, &format!("{path}/v1/mdmServers"), None);
    assert_eq!(answer.status, 502, "{}", answer.text);
    ground.server.says(word);
}

#[test]
fn a_wrong_key_and_a_wrong_key_id_are_refused() {
    alone("nanoaxm::signing_in::a_wrong_key_and_a_wrong_key_id_are_refused", |ground| {
        let (own, other) = (ground.key(BUSINESS), ground.key(SCHOOL));
        ground.server.learn("key", BUSINESS, &own.key_id, &sec1(&other.private_key));
        refused(
            ground,
            "business/key",
            "invalid_client; The signature of the client assertion is not valid.",
        );
        ground.server.learn("id", BUSINESS, &other.key_id, &sec1(&own.private_key));
        refused(ground, "business/id", "invalid_client; The kid is not a key of the client.");
        let nobody = "BUSINESSAPI.00000000-2222-4333-8444-555555555555";
        ground.server.learn("nobody", nobody, &own.key_id, &sec1(&own.private_key));
        refused(ground, "business/nobody", "invalid_client; The client is not known.");
        assert_eq!(ground.asked("business", "list services"), 0);
        ground.sim.portal(&json!([{"do": "revokeApiKey", "clientId": BUSINESS}]));
        ground.learn("revoked", BUSINESS);
        refused(ground, "business/revoked", "invalid_client; The key of the client was revoked.");
    });
}

#[test]
fn a_scope_of_the_other_edition_is_refused() {
    alone("nanoaxm::signing_in::a_scope_of_the_other_edition_is_refused", |ground| {
        // It asks for what the beginning of the id says.
        ground.learn("odd", ODD);
        refused(ground, "business/odd", "invalid_scope");
        // A bearer of one edition is none for the other's API.
        ground.connect();
        let answer = ground.server.ask(Method::GET, "school/acme/v1/mdmServers", None);
        assert_eq!(answer.status, 401, "{}", answer.text);
        let body: Value = serde_json::from_str(&answer.text).expect("JSON");
        assert_eq!(body["errors"][0]["status"], "401");
        assert_eq!(ground.asked("school", "list services"), 2, "with the second bearer once more");
    });
}

#[test]
fn a_bearer_that_has_ended_is_replaced() {
    alone("nanoaxm::signing_in::a_bearer_that_has_ended_is_replaced", |ground| {
        ground.connect();
        let read = || drop(ground.server.get("business/acme/v1/mdmServers"));
        read();
        // Its own clock says that the bearer is good.
        ground.step("59m");
        read();
        assert_eq!(ground.asked("account", "token"), 1);
        ground.step("2m");
        read();
        assert_eq!((ground.asked("account", "token"), ground.asked("business", "list services")), (2, 4));
        ground.sim.fault(&json!({"fault": "expired-bearer", "operation": "list services"}));
        read();
        assert_eq!(ground.asked("account", "token"), 3);
        // It asks too often, and hears so.
        ground.step("2h");
        ground.sim.fault(&json!({"fault": "token-limit", "status": 429, "retryAfter": 30}));
        let answer = ground.server.ask(Method::GET, "business/acme/v1/mdmServers", None);
        assert_eq!(answer.status, 502);
        assert!(answer.text.contains("slow_down"), "{}", answer.text);
        read();
    });
}
