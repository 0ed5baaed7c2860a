//! The token endpoint as a client sees it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::bn::BigNum;
use openssl::ecdsa::EcdsaSig;
use serde_json::{Value, json};

use crate::sim::business::tests::{CLIENT, Desk, PUPIL, seed, told};

/// The error of a refusal with its status.
async fn refused(desk: &Desk, form: &[(&'static str, String)]) -> (u16, String) {
    let told = desk.ask_token(form).await;
    (told.status, told.json()["error"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_good_assertion_gives_a_bearer_for_an_hour_at_both_addresses() {
    let desk = Desk::with(&seed()).await;
    let assertion = desk.assertion(&json!({}), &json!({}));
    for path in ["/auth/oauth2/token", "/auth/oauth2/v2/token"] {
        let url = format!("{}{path}", desk.sim.addresses().account);
        let told = told(desk.http.post(url).form(&desk.form(&assertion))).await.unwrap();
        assert_eq!(told.status, 200, "the same assertion may be shown again: {told:?}");
        let body = told.json();
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["expires_in"], 3600);
        assert_eq!(body["scope"], "business.api");
        assert!(body.get("refresh_token").is_none());
    }
    // An assertion may be without a type, and for half a year.
    let claims = json!({"exp": desk.now() + 180 * 86_400});
    let told = desk.ask_token(&desk.form(&desk.assertion(&json!({"typ": null}), &claims))).await;
    assert_eq!(told.status, 200, "{told:?}");
    let url = format!("{}/auth/oauth2/v3/token", desk.sim.addresses().account);
    assert_eq!(super::tests::told(desk.http.post(url)).await.unwrap().status, 404);
}

#[tokio::test]
async fn every_claim_and_member_of_the_header_is_checked() {
    let desk = Desk::with(&seed()).await;
    let now = desk.now();
    let none = json!({});
    for (header, claims) in [
        (json!({"alg": "ES384"}), none.clone()),
        (json!({"alg": "none"}), none.clone()),
        (json!({"kid": "another"}), none.clone()),
        (json!({"kid": null}), none.clone()),
        (json!({"typ": "at+jwt"}), none.clone()),
        (none.clone(), json!({"iss": "somebody"})),
        (none.clone(), json!({"sub": "somebody"})),
        (none.clone(), json!({"aud": "https://account.apple.com/auth/oauth2/token"})),
        (none.clone(), json!({"aud": null})),
        (none.clone(), json!({"jti": null})),
        (none.clone(), json!({"iat": now + 301})),
        (none.clone(), json!({"iat": null})),
        (none.clone(), json!({"exp": now})),
        (none.clone(), json!({"exp": now + 180 * 86_400 + 1})),
    ] {
        let form = desk.form(&desk.assertion(&header, &claims));
        assert_eq!(refused(&desk, &form).await, (400, "invalid_client".to_owned()), "{header} {claims}");
    }
    let told = desk.ask_token(&desk.form(&desk.assertion(&none, &json!({"iat": now + 300})))).await;
    assert_eq!(told.status, 200, "clocks may differ by five minutes: {told:?}");
}

#[tokio::test]
async fn only_64_bytes_of_the_accounts_own_key_are_a_signature() {
    let desk = Desk::with(&seed()).await;
    let signed = desk.signed_part(&json!({}), &json!({}));
    let raw = desk.signature(signed.as_bytes());
    let (r, s) = raw.split_at(32);
    let der =
        EcdsaSig::from_private_components(BigNum::from_slice(r).unwrap(), BigNum::from_slice(s).unwrap())
            .unwrap()
            .to_der()
            .unwrap();
    let of_another_text = desk.signature(b"another text");
    let mut flipped = raw.clone();
    flipped[5] ^= 1;
    for signature in [der, of_another_text, flipped, raw[..63].to_vec(), vec![0; 64], Vec::new()] {
        let assertion = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(&signature));
        assert_eq!(refused(&desk, &desk.form(&assertion)).await, (400, "invalid_client".to_owned()));
    }
    let assertion = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(raw));
    assert_eq!(desk.ask_token(&desk.form(&assertion)).await.status, 200);
    assert_eq!(refused(&desk, &desk.form("no.jwt")).await, (400, "invalid_client".to_owned()));
}

#[tokio::test]
async fn a_form_has_to_be_whole_and_its_scope_that_of_the_client() {
    let desk = Desk::with(&seed()).await;
    let good = desk.form(&desk.assertion(&json!({}), &json!({})));
    for (name, value, error) in [
        ("grant_type", "authorization_code", "unsupported_grant_type"),
        ("grant_type", "", "invalid_request"),
        ("client_id", "", "invalid_request"),
        ("client_id", "BUSINESSAPI.unknown", "invalid_client"),
        ("client_id", PUPIL, "invalid_client"),
        ("client_assertion_type", "jwt", "invalid_request"),
        ("client_assertion", "", "invalid_request"),
        ("scope", "", "invalid_request"),
        ("scope", "school.api", "invalid_scope"),
        ("scope", "business.api openid", "invalid_scope"),
    ] {
        let mut form = good.clone();
        form.iter_mut().find(|(known, _)| *known == name).unwrap().1 = value.to_owned();
        assert_eq!(refused(&desk, &form).await, (400, error.to_owned()), "{name}={value}");
    }
    let school = Desk::school().await;
    let mut form = school.form(&school.assertion(&json!({}), &json!({})));
    form[4].1 = "business.api".to_owned();
    assert_eq!(refused(&school, &form).await, (400, "invalid_scope".to_owned()));
}

#[tokio::test]
async fn a_bearer_ends_after_an_hour_and_with_its_key() {
    let mut desk = Desk::new().await;
    desk.get("/v1/mdmServers").await;
    desk.advance(3599);
    desk.get("/v1/mdmServers").await;
    desk.advance(1);
    assert_eq!(desk.refused("GET", "/v1/mdmServers", None).await.0, 401);
    desk.sign_in().await;
    desk.get("/v1/mdmServers").await;
    desk.fault(json!({"fault": "expired-bearer"}));
    for _ in 0..2 {
        assert_eq!(desk.refused("GET", "/v1/mdmServers", None).await.0, 401, "ended early, and for good");
    }
    desk.sign_in().await;
    let told = desk.by_hand(json!({"do": "revokeApiKey", "clientId": CLIENT})).await;
    assert_eq!(told.status, 204, "{told:?}");
    assert_eq!(desk.refused("GET", "/v1/mdmServers", None).await.0, 401);
    let form = desk.form(&desk.assertion(&json!({}), &json!({})));
    assert_eq!(refused(&desk, &form).await, (400, "invalid_client".to_owned()));
    // Who gets the new key is in again.
    desk.by_hand(json!({"do": "revokeApiKey", "clientId": CLIENT, "newKeyId": "new"})).await;
    assert_eq!(refused(&desk, &form).await, (400, "invalid_client".to_owned()));
    desk.sign_in().await;
    desk.get("/v1/mdmServers").await;
    for bearer in ["", "nonsense", "a.b.c.d"] {
        desk.bearer = bearer.to_owned();
        assert_eq!(desk.refused("GET", "/v1/mdmServers", None).await.0, 401);
    }
}

#[tokio::test]
async fn bearers_are_limited_by_429_or_400_and_the_kid_may_be_refused() {
    let desk = Desk::new().await;
    let form = desk.form(&desk.assertion(&json!({}), &json!({})));
    desk.behave(json!({"bearersPerMinute": 2}));
    // One was given when the desk was opened.
    assert_eq!(desk.ask_token(&form).await.status, 200);
    let told = desk.ask_token(&form).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (429, Some("60")), "{told:?}");
    desk.behave(json!({"bearersPerMinute": 2, "bearerLimitStatus": 400, "retryAfter": false}));
    let told = desk.ask_token(&form).await;
    assert_eq!((told.status, told.retry_after.as_deref()), (400, None), "{told:?}");
    desk.advance(60);
    assert_eq!(desk.ask_token(&form).await.status, 200);
    desk.behave(json!({}));

    for (fault, status) in
        [(json!({"fault": "token-limit"}), 429), (json!({"fault": "token-limit", "status": 400}), 400)]
    {
        desk.fault(fault);
        assert_eq!(desk.ask_token(&form).await.status, status);
        assert_eq!(desk.ask_token(&form).await.status, 200, "once");
    }
    desk.fault(json!({"fault": "kid-refused", "within": CLIENT}));
    assert_eq!(refused(&desk, &form).await, (400, "invalid_client".to_owned()));
    let bare = desk.form(&desk.assertion(&json!({"kid": null}), &json!({})));
    assert_eq!(desk.ask_token(&bare).await.status, 200);
}

#[tokio::test]
async fn the_control_port_hands_out_the_private_keys() {
    let desk = Desk::new().await;
    let url = format!("{}/credentials", desk.sim.addresses().control);
    let all = told(desk.http.get(url)).await.unwrap().json();
    let all = all.as_array().unwrap();
    assert_eq!(all[0]["service"], "Direct server", "what was there before stands as it did");
    let key = all.iter().find(|one| one["clientId"] == CLIENT).unwrap();
    assert_eq!(key["edition"], "business");
    assert_eq!(key["privateKey"], Value::from(desk.sim.api_key(CLIENT).unwrap().private_key));
    let remote = crate::sim::RemoteSim::connect(&desk.sim.addresses().control).await.unwrap();
    assert_eq!(remote.api_key(CLIENT).await.unwrap(), desk.sim.api_key(CLIENT));
    assert_eq!(remote.api_key("BUSINESSAPI.unknown").await.unwrap(), None);
    assert!(remote.server_token("Direct server").await.unwrap().is_some());
    let text = String::from_utf8(desk.sim.world().to_json()).unwrap();
    assert!(!text.contains("PRIVATE KEY"), "the world keeps none");
}
