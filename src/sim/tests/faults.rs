//! Every fault does what its name says, on its side of the effect.

use super::*;

const CREATE: &str = "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post";

fn made(desk: &Desk) -> u64 {
    desk.sim.with_world(|world| world.history.profiles_created.values().flat_map(|m| m.values()).sum())
}

#[tokio::test]
async fn status_and_cut_strike_before_or_after_the_effect() {
    let desk = Desk::new().await;
    let mut expected = 0;
    for when in ["before", "after"] {
        for name in ["401", "429", "500", "502", "503", "504"] {
            desk.fault(json!({"fault": name, "operation": CREATE, "when": when}));
            let (status, body) = desk.create("a").await;
            assert_eq!(status.to_string(), name, "{body}");
            expected += u64::from(when == "after");
            assert_eq!(made(&desk), expected, "{name} {when}");
        }
        desk.fault(json!({"fault": "cut", "operation": CREATE, "when": when}));
        let path = desk.below("/enrollmentProfiles");
        assert!(desk.send("POST", &path, Some(profile("a"))).await.is_err());
        expected += u64::from(when == "after");
        assert_eq!(made(&desk), expected, "cut {when}");
    }
    desk.created("a").await;
}

#[tokio::test]
async fn throttling_says_how_long_where_it_is_told_to() {
    let desk = Desk::new().await;
    desk.fault(json!({"fault": "429", "nth": 2, "times": 1, "kind": "read", "retryAfter": 17}));
    desk.fault(json!({"fault": "429", "operation": "token"}));
    let path = "/deviceManagement/roleScopeTags";
    assert_eq!(desk.send("GET", path, None).await.unwrap().status(), 200);
    let answer = desk.send("GET", path, None).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"17".parse().unwrap()));
    assert_eq!(desk.send("GET", path, None).await.unwrap().status(), 200);
    let (status, body) = desk.login(TENANT, &[("client_secret", "x")]).await;
    assert_eq!((status, &body["error"]), (429, &json!("temporarily_unavailable")));
}

#[tokio::test]
async fn an_expired_bearer_stays_expired() {
    let mut desk = Desk::new().await;
    desk.fault(json!({"fault": "expired-bearer"}));
    for _ in 0..2 {
        assert_eq!(desk.ask("GET", "/deviceManagement/roleScopeTags", None).await.0, 401);
    }
    desk.sign_in().await;
    desk.get("/deviceManagement/roleScopeTags").await;
}

#[tokio::test]
async fn a_held_answer_waits_until_it_is_let_go() {
    let desk = Desk::new().await;
    let id = desk.fault(json!({"id": "kill-here", "fault": "hold", "operation": CREATE, "when": "after"}));
    let harness = async {
        desk.sim.fault_hit(&id, 1).await;
        assert_eq!(made(&desk), 1, "the effect has taken place");
        let (status, hits) = desk.control("GET", "/faults/wait?id=kill-here", None).await;
        assert_eq!((status, &hits["hits"]), (200, &json!(1)));
        assert_eq!(desk.control("POST", "/faults/release", Some(json!({"id": "other"}))).await.0, 204);
        assert_eq!(desk.control("POST", "/faults/release", Some(json!({"id": "kill-here"}))).await.0, 204);
    };
    let ((status, _), ()) = tokio::join!(desk.create("a"), harness);
    assert_eq!(status, 201);
}

#[tokio::test]
async fn stopping_cuts_held_answers() {
    let desk = Desk::new().await;
    let id = desk.fault(json!({"fault": "hold", "operation": CREATE}));
    let path = desk.below("/enrollmentProfiles");
    let url = format!("{}/beta{path}", desk.sim.addresses().graph);
    let request = desk.http.post(url).bearer_auth(&desk.bearer).json(&profile("a")).send();
    let stopping = async {
        desk.sim.fault_hit(&id, 1).await;
        desk.sim.stop().await
    };
    let (answer, stopped) = tokio::join!(request, stopping);
    assert!(answer.is_err() && stopped.is_ok());
}

#[tokio::test]
async fn late_visibility_ends_with_the_worlds_time() {
    let desk = Desk::new().await;
    desk.fault(json!({"fault": "late-visibility", "seconds": 40, "hidden": 10, "times": 1}));
    let id = desk.created("a").await;
    let default = desk.below(&format!("/enrollmentProfiles/{id}/setDefaultProfile"));
    let list = async || desk.get(&desk.below("/enrollmentProfiles")).await["value"].as_array().unwrap().len();
    assert_eq!(list().await, 0);
    desk.advance(10);
    assert_eq!(list().await, 1);
    let (status, body) = desk.ask("POST", &default, None).await;
    assert!(status == 404 && told(&body).starts_with("Profile not found"), "{body}");
    desk.advance(30);
    assert_eq!(desk.ask("POST", &default, None).await.0, 204);
}

#[tokio::test]
async fn ways_to_answer_last_until_they_are_switched_off() {
    let desk = Desk::new().await;
    let id = desk.created("a").await;
    let path = desk.below(&format!("/enrollmentProfiles/{id}"));
    desk.ask("POST", &format!("{path}/setDefaultProfile"), None).await;
    for fault in ["patch-204", "ecv2", "unknown-members"] {
        desk.fault(json!({"fault": fault}));
    }
    let change = json!({"@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "description": "new"});
    assert_eq!(desk.ask("PATCH", &path, Some(change)).await, (204, Value::Null));
    let read = desk.get(&path).await;
    assert_eq!((&read["description"], &read["addedNextYear"]), (&json!("new"), &json!(true)));
    let token = desk.get(&desk.below("?$expand=defaultIosEnrollmentProfile")).await;
    assert_eq!(token["defaultIosEnrollmentProfile"]["id"], format!("ECV2_{id}"));
    assert_eq!(desk.control("DELETE", "/faults", None).await.0, 204);
    assert!(desk.get(&path).await.get("addedNextYear").is_none());
}

#[tokio::test]
async fn pages_fail_repeat_rows_and_break_off() {
    let mut options = Options::new(World::from_seed(&seed()));
    options.page_size = Some(2);
    let desk = Desk::with(options).await;
    let path = desk.below("/importedAppleDeviceIdentities");
    desk.fault(json!({"fault": "page-error", "page": 2}));
    desk.fault(json!({"fault": "page-error", "page": 3, "status": 0}));
    let first = desk.get(&path).await;
    let link = first["@odata.nextLink"].as_str().unwrap();
    assert_eq!(desk.ask("GET", link, None).await.0, 500);
    let second = desk.get(link).await;
    let third = second["@odata.nextLink"].as_str().unwrap();
    assert!(desk.send("GET", third, None).await.is_err());
    assert_eq!(desk.get(third).await["value"].as_array().unwrap().len(), 1);
    desk.fault(json!({"fault": "duplicate-rows"}));
    let again = desk.get(link).await;
    assert_eq!(again["value"][0], first["value"][1]);
    assert_eq!(again["value"][1], second["value"][0]);
    desk.fault(json!({"fault": "garbage"}));
    let broken = desk.send("GET", &path, None).await.unwrap();
    assert_eq!(broken.status(), 200);
    assert!(serde_json::from_str::<Value>(&broken.text().await.unwrap()).is_err());
}

#[tokio::test]
async fn within_a_batch_the_requests_are_matched() {
    let desk = Desk::new().await;
    let request = |id: &str, name: &str| {
        json!({"id": id, "method": "POST", "url": desk.below("/enrollmentProfiles"),
               "headers": {"Content-Type": "application/json"}, "body": profile(name)})
    };
    let batch = json!({"requests": [request("1", "a"), request("2", "b"), request("3", "c")]});
    desk.fault(json!({"fault": "batch-item-429", "nth": 2, "retryAfter": 5}));
    let (_, body) = desk.ask("POST", "/$batch", Some(batch.clone())).await;
    let answers = body["responses"].as_array().unwrap();
    let throttled: Vec<&Value> = answers.iter().filter(|answer| answer["status"] == 429).collect();
    assert_eq!((throttled.len(), &throttled[0]["id"]), (1, &json!("2")));
    assert_eq!(throttled[0]["headers"]["Retry-After"], "5");
    assert_eq!(made(&desk), 2);
    // The line is cut after the second request took place: the third one does not.
    desk.fault(json!({"fault": "cut", "operation": CREATE, "nth": 2, "when": "after"}));
    assert!(desk.send("POST", "/$batch", Some(batch.clone())).await.is_err());
    assert_eq!(made(&desk), 4);
    desk.fault(json!({"fault": "503", "operation": "$batch"}));
    assert_eq!(desk.ask("POST", "/$batch", Some(batch)).await.0, 503);
    assert_eq!(made(&desk), 4);
}

#[tokio::test]
async fn slowness_may_pass_the_worlds_time() {
    let desk = Desk::new().await;
    let before = desk.sim.clock().now();
    desk.fault(json!({"fault": "slow", "seconds": 90}));
    desk.get("/deviceManagement/roleScopeTags").await;
    assert_eq!(desk.sim.clock().now(), after(before, Duration::from_secs(90)));
}

#[tokio::test]
async fn chance_follows_from_its_seed() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let desk = Desk::new().await;
        desk.fault(json!({"fault": "random", "seed": seed, "rate": 0.5, "kinds": ["500", "429"]}));
        let mut run = Vec::new();
        for _ in 0..40 {
            run.push(desk.ask("GET", "/deviceManagement/roleScopeTags", None).await.0);
        }
        runs.push(run);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    assert!(runs[0].contains(&200) && runs[0].contains(&500) && runs[0].contains(&429));
}

#[tokio::test]
async fn a_client_that_goes_away_while_held_before_the_effect_leaves_none() {
    use tokio::io::AsyncWriteExt;
    let desk = Desk::new().await;
    let id = desk.fault(json!({"fault": "hold", "operation": CREATE}));
    let address = desk.sim.addresses().graph.strip_prefix("http://").unwrap().to_owned();
    let mut line = tokio::net::TcpStream::connect(&address).await.unwrap();
    let body = profile("a").to_string();
    let request = format!(
        "POST /beta{} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        desk.below("/enrollmentProfiles"),
        desk.bearer,
        body.len()
    );
    line.write_all(request.as_bytes()).await.unwrap();
    desk.sim.fault_hit(&id, 1).await;
    drop(line);
    assert_eq!(desk.control("DELETE", "/faults", None).await.0, 204);
    desk.created("b").await;
    assert_eq!(made(&desk), 1);
}

#[tokio::test]
async fn skip_keys_without_a_boolean_may_be_dropped_without_a_word() {
    let desk = Desk::new().await;
    let write = |keys: Value| {
        let mut body = profile("a");
        body["siriDisabled"] = json!(true);
        body["enabledSkipKeys"] = keys;
        Some(body)
    };
    let list = desk.below("/enrollmentProfiles");
    let (_, kept) = desk.ask("POST", &list, write(json!(["Intelligence"]))).await;
    assert_eq!(kept["enabledSkipKeys"], json!(["Siri", "Intelligence"]));
    desk.fault(json!({"fault": "drop-skip-keys"}));
    let (status, dropped) = desk.ask("POST", &list, write(json!(["Intelligence"]))).await;
    assert_eq!((status, &dropped["enabledSkipKeys"]), (201, &json!(["Siri"])));
    let item = format!("{list}/{}", kept["id"].as_str().unwrap());
    let (status, dropped) = desk.ask("PATCH", &item, write(json!(["Intelligence", "Keyboard"]))).await;
    assert_eq!((status, &dropped["enabledSkipKeys"]), (200, &json!(["Siri"])));
    assert_eq!(desk.get(&item).await["enabledSkipKeys"], json!(["Siri"]));
}

#[tokio::test]
async fn what_a_tenant_lacks_it_goes_on_lacking() {
    let desk = Desk::new().await;
    let list = "/deviceManagement/depOnboardingSettings";
    desk.fault(json!({"fault": "no-segment", "operation": "deviceManagement.depOnboardingSettings.get"}));
    desk.fault(json!({"fault": "403", "kind": "write"}));
    for _ in 0..2 {
        let (status, body) = desk.ask("GET", list, None).await;
        let text = "Resource not found for the segment 'depOnboardingSettings'.";
        assert_eq!((status, told(&body).as_str()), (400, text));
        let (status, body) = desk.create("a").await;
        assert_eq!((status, &body["error"]["code"]), (403, &json!("Forbidden")));
        assert!(told(&body).contains("DeviceManagementServiceConfig.ReadWrite.All"), "{body}");
    }
    assert_eq!(made(&desk), 0);
    desk.get(&desk.below("")).await;
}
