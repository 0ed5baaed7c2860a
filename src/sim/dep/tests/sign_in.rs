//! Signing in, sessions, user agents, and what ends a server token.

use super::*;

async fn refusal(desk: &Desk, token: &ServerToken) -> (u16, String) {
    let told = desk.try_sign_in(token).await;
    (told.status, told.text)
}

fn is(found: (u16, String), status: u16, code: &str) {
    assert_eq!((found.0, found.1.as_str()), (status, code));
}

#[tokio::test]
async fn a_signature_is_judged() {
    let desk = Desk::new().await;
    let wrong = |change: &dyn Fn(&mut ServerToken)| {
        let mut token = desk.token.clone();
        change(&mut token);
        token
    };
    is(refusal(&desk, &wrong(&|token| token.consumer_secret.push('0'))).await, 401, "signature_invalid");
    is(refusal(&desk, &wrong(&|token| token.access_secret.push('0'))).await, 401, "signature_invalid");
    is(refusal(&desk, &wrong(&|token| token.access_token.push('0'))).await, 401, "token_rejected");
    is(refusal(&desk, &wrong(&|token| token.consumer_key.push('0'))).await, 401, "consumer_key_unknown");
    let south = desk.sim.server_token(SOUTH).unwrap();
    let mixed = wrong(&|token| token.access_token.clone_from(&south.access_token));
    is(refusal(&desk, &mixed).await, 401, "token_rejected");
    assert_eq!(refusal(&desk, &south).await.0, 200);
    let with_realm = desk.header(&desk.token, &desk.nonce(), desk.now(), "HMAC-SHA1");
    let with_realm = with_realm.replacen("OAuth ", "OAuth realm=\"ADM\", ", 1);
    assert_eq!(desk.sign_in_by(&with_realm).await.status, 200);
}

#[tokio::test]
async fn a_nonce_is_good_once_and_a_timestamp_near_the_worlds_clock() {
    let desk = Desk::new().await;
    let header = |nonce: &str, off: i64| desk.header(&desk.token, nonce, desk.now() + off, "HMAC-SHA1");
    for (nonce, off, status, code) in [
        ("one", 0, 200, ""),
        ("one", 0, 401, "nonce_used"),
        ("one", 1, 401, "nonce_used"),
        ("two", 300, 200, ""),
        ("three", -300, 200, ""),
        ("four", 301, 401, "timestamp_refused"),
        ("five", -301, 401, "timestamp_refused"),
    ] {
        let told = desk.sign_in_by(&header(nonce, off)).await;
        assert_eq!(told.status, status, "{nonce} {off}: {told:?}");
        assert!(status == 200 || told.text == code, "{nonce} {off}: {told:?}");
    }
    desk.advance(3600);
    assert_eq!(desk.sign_in_by(&header("one", 0)).await.status, 200, "it is forgotten in time");
}

#[tokio::test]
async fn what_is_no_request_of_oauth_is_a_bad_one() {
    let desk = Desk::new().await;
    let good = desk.header(&desk.token, "n", desk.now(), "HMAC-SHA1");
    let nonce = "oauth_nonce=\"n\"";
    for (header, code) in [
        (desk.header(&desk.token, "n", desk.now(), "PLAINTEXT"), "signature_method_rejected"),
        (good.replace(&format!("{nonce}, "), ""), "parameter_absent"),
        (good.replace(nonce, &format!("{nonce}, {nonce}")), "parameter_rejected"),
        (good.replace("oauth_version=\"1.0\"", "oauth_version=\"2.0\""), "version_rejected"),
        (good.replace("OAuth ", "Bearer "), "parameter_rejected"),
        (good.replace(nonce, "oauth_nonce=n"), "parameter_rejected"),
        (good.replace(nonce, "oauth_nonce=\"%zz\""), "parameter_rejected"),
    ] {
        let told = desk.sign_in_by(&header).await;
        assert_eq!((told.status, told.text.as_str()), (400, code), "{header}");
    }
    let url = format!("{}/session", desk.sim.addresses().dep);
    let bare = answer(desk.http.get(url)).await.unwrap();
    assert_eq!((bare.status, bare.text.as_str()), (400, "parameter_absent"));
    assert_eq!(desk.sign_in_by(&good).await.status, 200);
}

#[tokio::test]
async fn a_token_ends_by_replacement_revocation_expiry_and_terms() {
    let mut desk = Desk::new().await;
    let old = desk.token.clone();
    let pem = certificate().0;
    let download = json!({"do": "downloadToken", "service": NORTH});
    desk.by_hand(json!([{"do": "uploadCertificate", "service": NORTH, "pem": pem}, download])).await;
    is(refusal(&desk, &old).await, 403, "token_rejected");
    // Its session is over, and says no more than that: the new token may be at hand already.
    is(desk.refused("GET", "/account", None).await, 401, "UNAUTHORIZED");
    let renewed = desk.sim.server_token(NORTH).unwrap();
    assert_eq!(renewed.consumer_key, old.consumer_key);
    assert_ne!(renewed.access_token, old.access_token);
    desk.by_hand(json!({"do": "downloadToken", "service": NORTH, "person": "other@sim.example"})).await;
    is(refusal(&desk, &renewed).await, 403, "signature_invalid");
    desk.token = desk.sim.server_token(NORTH).unwrap();
    assert_ne!(desk.token.consumer_key, old.consumer_key);
    desk.sign_in().await;
    assert_eq!(desk.get("/account").await["admin_id"], "other@sim.example");

    desk.by_hand(json!({"do": "changeService", "service": NORTH, "termsPending": true})).await;
    is(refusal(&desk, &desk.token).await, 403, "T_C_NOT_SIGNED");
    is(desk.refused("POST", "/server/devices", Some(json!({}))).await, 403, "T_C_NOT_SIGNED");
    desk.by_hand(json!({"do": "changeService", "service": NORTH, "termsPending": false})).await;
    desk.get("/account").await;

    desk.by_hand(json!({"do": "changeService", "service": NORTH, "tokenExpires": "2026-11-02T08:00:00Z"}))
        .await;
    is(refusal(&desk, &desk.token).await, 401, "token_expired");
    is(desk.refused("GET", "/account", None).await, 401, "token_expired");
    desk.by_hand(json!([{"do": "downloadToken", "service": NORTH}, {"do": "revokeToken", "service": NORTH}]))
        .await;
    desk.token = desk.sim.server_token(NORTH).unwrap();
    is(refusal(&desk, &desk.token).await, 403, "token_rejected");
    assert_eq!(refusal(&desk, &desk.sim.server_token(SOUTH).unwrap()).await.0, 200, "the other one goes on");
}

#[tokio::test]
async fn a_session_ends_and_is_replaced() {
    let mut desk = Desk::new().await;
    let first = desk.session.clone();
    let mut answers = 0;
    while desk.session == first {
        desk.get("/account").await;
        answers += 1;
        assert!(answers <= 32, "it is replaced some time");
    }
    desk.get("/account").await;
    let second = std::mem::replace(&mut desk.session, first);
    is(desk.refused("GET", "/account", None).await, 401, "UNAUTHORIZED");
    desk.session = second;
    desk.advance(3600);
    is(desk.refused("GET", "/account", None).await, 401, "UNAUTHORIZED");
    desk.session = String::new();
    is(desk.refused("GET", "/account", None).await, 401, "UNAUTHORIZED");
    desk.sign_in().await;
    let other = desk.session.clone();
    desk.sign_in().await;
    desk.get("/account").await;
    desk.session = other;
    desk.get("/account").await;
}

#[tokio::test]
async fn a_user_agent_is_named() {
    let mut desk = Desk::new().await;
    for (agent, version, code) in [
        ("", "10", "USER_AGENT_MISSING"),
        ("Go-http-client/1.1", "10", "USER_AGENT_INVALID"),
        ("Go-http-client/1.1", "7", ""),
        ("desk/2", "10", ""),
    ] {
        desk.http = reqwest::Client::builder().no_proxy().user_agent(agent).build().unwrap();
        desk.version = version;
        let (status, text) = desk.refused("GET", "/account", None).await;
        assert_eq!(status, if code.is_empty() { 200 } else { 400 }, "{agent}: {text}");
        assert!(code.is_empty() || text == code, "{agent}: {text}");
    }
    desk.http = reqwest::Client::builder().no_proxy().build().unwrap();
    is(desk.refused("GET", "/account", None).await, 400, "USER_AGENT_MISSING");
    is(refusal(&desk, &desk.token).await, 400, "USER_AGENT_MISSING");
}

#[tokio::test]
async fn paths_and_methods_that_there_are_not() {
    let mut desk = Desk::new().await;
    is(desk.refused("GET", "/profiles", None).await, 404, "NOT_FOUND");
    is(desk.refused("PATCH", "/profile", Some(json!({}))).await, 405, "METHOD_NOT_ALLOWED");
    desk.sim.forget_calls();
    desk.get("/account").await;
    let calls = serde_json::to_value(desk.sim.calls()).unwrap();
    assert_eq!(calls, json!([{"service": "dep", "operation": "account.get", "kind": "read", "count": 1}]));
}
