//! Defining, assigning, removing, and the codes of refusals.

use super::*;

#[tokio::test]
async fn what_breaks_a_rule_has_its_code() {
    let mut desk = Desk::new().await;
    let long = |count: usize| json!("ä".repeat(count));
    let url = |count: usize| json!(format!("https://m.example/{}", "a".repeat(count - 18)));
    for (member, value, code) in [
        ("profile_name", Value::Null, "CONFIG_NAME_REQUIRED"),
        ("profile_name", json!(""), "CONFIG_NAME_INVALID"),
        ("profile_name", long(125), ""),
        ("profile_name", long(126), "CONFIG_NAME_INVALID"),
        ("url", Value::Null, "CONFIG_URL_REQUIRED"),
        ("url", json!(""), "CONFIG_URL_INVALID"),
        ("url", json!("mdm.example"), "CONFIG_URL_INVALID"),
        ("url", json!("https://mdm.example/a b"), "CONFIG_URL_INVALID"),
        ("url", json!("https://mdm.example/%zz"), "CONFIG_URL_INVALID"),
        ("url", json!("https://[::1]/x"), ""),
        ("url", url(2000), ""),
        ("url", url(2001), "CONFIG_URL_INVALID"),
        ("url", json!(format!("https://m.example/{}", "ä".repeat(331))), "CONFIG_URL_INVALID"),
        ("department", json!(""), "DEPARTMENT_INVALID"),
        ("department", long(125), ""),
        ("department", long(126), "DEPARTMENT_INVALID"),
        ("support_phone_number", json!(""), "SUPPORT_PHONE_INVALID"),
        ("support_phone_number", long(50), ""),
        ("support_phone_number", long(51), "SUPPORT_PHONE_INVALID"),
        ("support_email_address", json!(""), "SUPPORT_EMAIL_INVALID"),
        ("support_email_address", long(250), ""),
        ("support_email_address", long(251), "SUPPORT_EMAIL_INVALID"),
        ("org_magic", json!(""), "MAGIC_INVALID"),
        ("org_magic", long(256), ""),
        ("org_magic", long(257), "MAGIC_INVALID"),
        ("is_supervised", json!(false), "FLAGS_INVALID"),
        ("is_supervised", Value::Null, "FLAGS_INVALID"),
        ("is_mdm_removable", json!(true), ""),
        ("is_mdm_removable", json!("no"), "MALFORMED_REQUEST_BODY"),
        ("language", json!("de"), ""),
        ("language", json!("deu"), ""),
        ("language", json!("xx"), "LOCALE_INVALID"),
        ("language", json!("DE"), "LOCALE_INVALID"),
        ("region", json!("DE"), ""),
        ("region", json!("de"), "LOCALE_INVALID"),
        ("region", json!("QQ"), "LOCALE_INVALID"),
        ("skip_setup_items", json!(["NobodyKnowsThis"]), ""),
        ("skip_setup_items", json!([1]), "MALFORMED_REQUEST_BODY"),
        ("anchor_certs", json!("abc"), "MALFORMED_REQUEST_BODY"),
        ("nobody_knows_this", json!({}), ""),
    ] {
        let mut body = profile("Rules");
        body[member] = value.clone();
        let (status, text) = desk.refused("POST", "/profile", Some(body)).await;
        assert_eq!(status, if code.is_empty() { 200 } else { 400 }, "{member} {value}: {text}");
        assert!(code.is_empty() || text == code, "{member} {value}: {text}");
    }
    assert_eq!(desk.refused("POST", "/profile", Some(json!([]))).await.1, "MALFORMED_REQUEST_BODY");
}

#[tokio::test]
async fn a_defined_profile_is_shown_whole_and_never_changes() {
    let mut desk = Desk::new().await;
    let mut body = profile("iPads");
    body["profile_uuid"] = json!("0123456789ABCDEF0123456789ABCDEF");
    body["devices"] = json!(["DMPA1", "DMPB1"]);
    body["unknown"] = json!(1);
    let answer = desk.post("/profile", body.clone()).await;
    let uuid = answer["profile_uuid"].as_str().unwrap().to_owned();
    assert_ne!(body["profile_uuid"], uuid, "every define gives a new one");
    assert!(uuid.len() == 32 && uuid.bytes().all(|byte| b"0123456789ABCDEF".contains(&byte)), "{uuid}");
    assert_eq!(answer["devices"], json!({"DMPA1": "SUCCESS", "DMPB1": "NOT_ACCESSIBLE"}));
    let shown = desk.get(&format!("/profile?profile_uuid={uuid}")).await;
    let expected = json!({
        "profile_uuid": uuid, "profile_name": "iPads", "url": "https://mdm.example/enroll", "org_magic": "magic",
        "is_supervised": true, "is_mdm_removable": false, "allow_pairing": true, "is_mandatory": false,
        "await_device_configured": false, "is_multi_user": false, "auto_advance_setup": false,
        "is_return_to_service": false, "do_not_use_profile_from_backup": false, "skip_setup_items": ["Siri"],
    });
    assert_eq!(shown, expected);
    let second = desk.post("/profile", profile("iPads")).await;
    assert_ne!(second["profile_uuid"], json!(uuid));
    assert_eq!(desk.device("DMPA1").await["profile_uuid"], json!(uuid));
    assert_eq!(desk.refused("GET", "/profile", None).await, (400, "PROFILE_UUID_REQUIRED".to_owned()));
    assert_eq!(desk.refused("GET", "/profile?profile_uuid=", None).await.1, "PROFILE_UUID_REQUIRED");
    assert_eq!(desk.refused("GET", "/profile?profile_uuid=ABC", None).await, (400, "NOT_FOUND".to_owned()));
    desk.token = desk.sim.server_token(SOUTH).unwrap();
    desk.sign_in().await;
    let elsewhere = desk.refused("GET", &format!("/profile?profile_uuid={uuid}"), None).await;
    assert_eq!(elsewhere.1, "NOT_FOUND", "it is the other service's");
    assert_eq!(desk.sim.world().history.apple.profiles_defined[&desk.uuid(NORTH)]["iPads"], 2);
    desk.version = "1";
    let old = desk.define("Old").await;
    let shown = desk.get(&format!("/profile?profile_uuid={old}")).await;
    assert_eq!((shown.get("is_multi_user"), shown.get("is_mandatory")), (None, Some(&json!(false))));
}

#[tokio::test]
async fn assignment_answers_for_each_device() {
    let mut desk = Desk::new().await;
    let uuid = desk.define("iPads").await;
    for method in ["POST", "PUT"] {
        let body = json!({"profile_uuid": uuid, "devices": ["DMPA1", "DMPB1", "typo!"]});
        let told = desk.ask(method, "/profile/devices", Some(body)).await;
        let expected = json!({"profile_uuid": uuid, "devices":
            {"DMPA1": "SUCCESS", "DMPB1": "NOT_ACCESSIBLE", "typo!": "NOT_ACCESSIBLE"}});
        assert_eq!((told.status, told.json()), (200, expected));
    }
    for (body, status, code) in [
        (json!({"profile_uuid": uuid}), 400, "DEVICE_ID_REQUIRED"),
        (json!({"profile_uuid": uuid, "devices": []}), 400, "DEVICE_ID_REQUIRED"),
        (json!({"devices": ["DMPA1"]}), 400, "PROFILE_UUID_REQUIRED"),
        (json!({"profile_uuid": "ABC", "devices": ["DMPA1"]}), 404, "NOT_FOUND"),
        (json!({"profile_uuid": 1, "devices": ["DMPA1"]}), 400, "MALFORMED_REQUEST_BODY"),
    ] {
        let refused = desk.refused("POST", "/profile/devices", Some(body)).await;
        assert_eq!(refused, (status, code.to_owned()));
    }
    let row = desk.device("DMPA1").await;
    assert_eq!(
        (&row["profile_status"], &row["profile_assign_time"]),
        (&json!("assigned"), &json!("2026-11-02T08:00:00Z"))
    );
    assert_eq!(row.get("profile_push_time"), None);
    let history = desk.sim.world().history.apple;
    assert_eq!((history.assignments[&serial("DMPA1")], history.repeated[&serial("DMPA1")]), (2, 1));
}

#[tokio::test]
async fn what_is_assigned_again_and_again_is_throttled() {
    let mut desk = Desk::new().await;
    let (one, two) = (desk.define("one").await, desk.define("two").await);
    for _ in 0..4 {
        assert_eq!(desk.assign(&one, &["DMPA1"]).await["devices"]["DMPA1"], "SUCCESS");
    }
    let told = desk.assign(&one, &["DMPA1", "DMPA2"]).await;
    assert_eq!(told["devices"], json!({"DMPA1": "THROTTLED", "DMPA2": "SUCCESS"}));
    assert_eq!(told["retry_after_seconds"], 86_400);
    desk.advance(3000);
    desk.version = "9";
    let told = desk.assign(&two, &["DMPA1"]).await;
    assert_eq!((&told["devices"]["DMPA1"], told.get("retry_after_seconds")), (&json!("THROTTLED"), None));
    desk.version = "8";
    assert_eq!(desk.assign(&two, &["DMPA1"]).await["devices"]["DMPA1"], "FAILED");
    let mut body = profile("three");
    body["devices"] = json!(["DMPA1"]);
    desk.version = "10";
    assert_eq!(desk.post("/profile", body).await["devices"]["DMPA1"], "FAILED");
    assert_eq!(desk.device("DMPA1").await["profile_uuid"], json!(one));
    desk.advance(86_400 - 3000);
    desk.sign_in().await;
    assert_eq!(desk.assign(&two, &["DMPA1"]).await["devices"]["DMPA1"], "SUCCESS");
    // Now and then is no crime.
    for _ in 0..5 {
        desk.advance(86_400);
        desk.sign_in().await;
        assert_eq!(desk.assign(&two, &["DMPA1"]).await["devices"]["DMPA1"], "SUCCESS");
    }
}

#[tokio::test]
async fn a_profile_is_taken_away() {
    let mut desk = Desk::new().await;
    let uuid = desk.define("iPads").await;
    desk.assign(&uuid, &["DMPA1", "DMPA2"]).await;
    let (_, cursor) = desk.read_all(1000).await;
    let body = json!({"devices": ["DMPA1", "C02MAC", "DMPB1"], "profile_uuid": "whatever"});
    let told = desk.ask("DELETE", "/profile/devices", Some(body)).await.json();
    assert_eq!(told["devices"], json!({"DMPA1": "SUCCESS", "C02MAC": "SUCCESS", "DMPB1": "NOT_ACCESSIBLE"}));
    assert_eq!(desk.device("DMPA1").await["profile_status"], "removed");
    assert_eq!(desk.device("C02MAC").await["profile_status"], "empty");
    let (rows, _) = desk.delta(&cursor).await;
    assert_eq!(serials(&rows), ["DMPA1", "C02MAC"], "each is a change");
    let told = desk.refused("DELETE", "/profile/devices", Some(json!({}))).await;
    assert_eq!(told, (400, "DEVICE_ID_REQUIRED".to_owned()));
    assert_eq!(desk.assign(&uuid, &["DMPA1"]).await["devices"]["DMPA1"], "SUCCESS");
    assert_eq!(desk.sim.world().history.apple.repeated.len(), 0, "what was removed is not repeated");
}
