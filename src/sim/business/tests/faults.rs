//! Every fault of these services does what its name says.

use super::*;

const PATH: &str = "/v1/orgDeviceActivities";

fn activities(desk: &Desk) -> u64 {
    desk.sim.with_world(|world| world.history.organizations.activities.values().sum())
}

#[tokio::test]
async fn the_answer_to_a_post_is_lost_before_or_after_the_effect() {
    let desk = Desk::new().await;
    let body = desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"]);
    for (created, when) in [(0, "before"), (1, "after")] {
        desk.fault(json!({"fault": "cut", "operation": "create activity", "when": when}));
        assert!(desk.try_ask("POST", PATH, Some(body.clone())).await.is_err());
        assert_eq!(activities(&desk), created, "{when}");
    }
    desk.fault(json!({"fault": "503", "operation": "create activity", "when": "after", "retryAfter": 5}));
    let told = desk.ask("POST", PATH, Some(body.clone())).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (503, Some("5")));
    assert_eq!(told.content_type.as_deref(), Some("text/html"), "a gateway answers pages");
    assert_eq!(activities(&desk), 2);
    desk.advance(12);
    assert_eq!(desk.linked("Alone").await, ["ALONE1", "FREE1"]);
}

#[tokio::test]
async fn pages_break_off() {
    let desk = Desk::new().await;
    desk.fault(json!({"fault": "page-error", "operation": "list devices", "page": 3, "status": 0}));
    let mut next = "/v1/orgDevices?limit=2".to_owned();
    for _ in 0..2 {
        next = desk.get(&next).await["links"]["next"].as_str().unwrap().to_owned();
    }
    assert!(desk.try_ask("GET", &next, None).await.is_err(), "the third page");
    assert_eq!(desk.get(&next).await["data"].as_array().unwrap().len(), 2, "and it can be had again");
    desk.fault(json!({"fault": "cut-body", "operation": "list linkages"}));
    let path = format!("/v1/mdmServers/{}/relationships/devices", desk.id("Direct"));
    assert!(desk.try_ask("GET", &path, None).await.is_err());
    desk.get(&path).await;
    desk.fault(json!({"fault": "garbage", "operation": "list devices"}));
    let told = desk.ask("GET", "/v1/orgDevices", None).await;
    assert!(told.status == 200 && serde_json::from_str::<Value>(&told.text).is_err());
    desk.fault(json!({"fault": "foreign-next"}));
    let page = desk.get("/v1/orgDevices?limit=2").await;
    let link = page["links"]["next"].as_str().unwrap();
    assert!(link.starts_with("https://api-business.elsewhere.example/v1/orgDevices?"), "{link}");
    let page = desk.get("/v1/orgDevices?limit=2").await;
    assert!(page["links"]["next"].as_str().unwrap().starts_with(desk.base()), "once");
}

#[tokio::test]
async fn it_is_asked_too_often_in_html_and_forbidden_by_role_and_terms() {
    let desk = Desk::new().await;
    desk.fault(json!({"fault": "html-429", "retryAfter": 7}));
    let told = desk.ask("GET", "/v1/mdmServers", None).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (429, Some("7")));
    assert!(told.text.starts_with("<html>") && told.content_type.as_deref() == Some("text/html"));
    desk.fault(json!({"fault": "429"}));
    assert_eq!(desk.refused("GET", "/v1/mdmServers", None).await.0, 429);
    for (fault, part) in [("403", "role"), ("terms", "terms and conditions")] {
        desk.fault(json!({"fault": fault, "within": ORGANIZATION}));
        for _ in 0..2 {
            let told = desk.ask("GET", "/v1/mdmServers", None).await;
            assert_eq!(told.refusal(), (403, "FORBIDDEN_ERROR".to_owned()));
            assert!(told.text.contains(part), "{told:?}");
        }
        desk.sim.clear_faults();
    }
    desk.fault(json!({"fault": "terms", "within": "Lakeside"}));
    desk.get("/v1/mdmServers").await;
}

#[tokio::test]
async fn activities_come_to_a_bad_end() {
    let cases = [
        ("activity-stopped", "STOPPED", "STOPPING", false),
        ("activity-failed", "FAILED", "PROCESSING", false),
        ("activity-failure", "COMPLETED", "COMPLETED_WITH_FAILURE", false),
        ("activity-lie", "COMPLETED", "COMPLETED_WITH_SUCCESS", false),
        ("activity-post-processing", "COMPLETED", "COMPLETED_POST_PROCESSING_FAILED", true),
        ("activity-stuck", "IN_PROGRESS", "POST_PROCESSING", false),
    ];
    for (fault, status, sub_status, done) in cases {
        for (serials, when) in [(json!([]), "before"), (json!(["FREE1"]), "before"), (json!([]), "after")] {
            let desk = Desk::new().await;
            let id = desk.fault(json!({"fault": fault, "serials": serials, "when": when}));
            let activity =
                desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1", "FREE2"])).await;
            assert_eq!(desk.sim.fault_hits(&id), Some(1));
            desk.advance(12);
            let told = desk.state(&activity).await;
            assert_eq!(told, (status.to_owned(), sub_status.to_owned()), "{fault} {serials} {when}");
            let mut expected = vec!["ALONE1"];
            let stuck = fault == "activity-stuck";
            if done || (when == "after" && !stuck) {
                expected.extend(["FREE1", "FREE2"]);
            } else if serials != json!([]) && !stuck {
                expected.push("FREE2");
            }
            assert_eq!(desk.linked("Alone").await, expected, "{fault} {serials} {when}");
            let one = desk.get(&format!("{PATH}/{activity}")).await;
            let has_log = one["data"]["attributes"].get("downloadUrl").is_some();
            assert_eq!(has_log, status == "COMPLETED", "{fault}");
            if fault == "activity-failure" {
                let log = desk.log(&activity).await;
                let failed = if serials == json!([]) { 2 } else { 1 };
                assert_eq!(log.matches("ISSUE,INTERNAL_ERROR").count(), failed, "{log}");
            }
            // The next one is in order again.
            let rest = desk.activity("ASSIGN_DEVICES", Some("Direct"), &["ALONE1"]);
            assert_eq!(desk.carry_out(rest).await, "COMPLETED_WITH_SUCCESS");
        }
    }
}

#[tokio::test]
async fn activities_and_logs_are_gone() {
    let desk = Desk::new().await;
    let id = desk.begin(desk.activity("ASSIGN_DEVICES", Some("Alone"), &["FREE1"])).await;
    desk.advance(12);
    desk.fault(json!({"fault": "activity-gone", "nth": 2}));
    let one = desk.get(&format!("{PATH}/{id}")).await;
    assert_eq!(desk.refused("GET", &format!("{PATH}/{id}"), None).await, (404, "NOT_FOUND".to_owned()));
    let url = one["data"]["attributes"]["downloadUrl"].as_str().unwrap();
    for (fault, status) in [
        ("log-gone", Some(404)),
        ("log-expired", Some(403)),
        ("503", Some(503)),
        ("cut-body", None),
        ("cut", None),
    ] {
        desk.fault(json!({"fault": fault, "operation": "download log"}));
        let answer = told(desk.http.get(url)).await;
        assert_eq!(answer.ok().map(|told| told.status), status, "{fault}");
    }
    assert_eq!(told(desk.http.get(url)).await.unwrap().status, 200);
}

#[tokio::test]
async fn faults_of_one_service_do_not_strike_another() {
    let desk = Desk::new().await;
    for fault in
        ["expire-session", "same-cursor", "access-denied", "ecv2", "no-segment", "clock-skew", "depsim"]
    {
        let id = desk.fault(json!({"fault": fault}));
        desk.get("/v1/mdmServers").await;
        assert_eq!(desk.sim.fault_hits(&id), Some(0), "{fault}");
    }
    desk.sim.clear_faults();
    // By chance, only what a retry may overcome.
    desk.fault(json!({"fault": "random", "seed": 3, "rate": 0.5}));
    let mut good = 0;
    for _ in 0..40 {
        let told = desk.try_ask("GET", "/v1/mdmServers", None).await;
        good += u32::from(told.is_ok_and(|told| told.status == 200));
    }
    assert!((5..35).contains(&good), "{good}");
}
