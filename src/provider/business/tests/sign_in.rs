//! Bearers: how one is asked for, shared, renewed and refused.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::*;
use crate::model::ActivityId;
use crate::model::live::Cause;

fn form(seen: &Seen) -> std::collections::HashMap<String, String> {
    url::form_urlencoded::parse(seen.body.as_bytes()).into_owned().collect()
}

fn part(assertion: &str, at: usize) -> Json {
    let text = assertion.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

fn nothing_but_empty_lists(seen: &Seen) -> Reply {
    if seen.is_bearer_wish() { Reply::Usual } else { ok(last(json!([]))) }
}

#[tokio::test]
async fn a_bearer_is_asked_for_once_as_documented_and_goes_with_every_call() {
    for (send_key_id, edition, scope) in
        [(true, Edition::Business, "business.api"), (false, Edition::School, "school.api")]
    {
        let adjust = |settings: &mut BusinessSettings| {
            (settings.send_key_id, settings.edition) = (send_key_id, edition);
        };
        let fixture = Fixture::start_with(adjust, nothing_but_empty_lists).await;
        fixture.observer().services().await.unwrap();
        fixture.observer().services().await.unwrap();
        assert_eq!(fixture.sign_ins(), 1);
        let wish = &fixture.all()[0];
        assert_eq!(wish.line, "POST /auth/oauth2/token");
        assert_eq!(wish.field("content-type"), "application/x-www-form-urlencoded");
        assert_eq!((wish.field("accept"), wish.field("authorization")), ("application/json", "-"));
        let form = form(wish);
        assert_eq!(form["grant_type"], "client_credentials");
        assert_eq!(form["client_id"], "BUSINESSAPI.1");
        assert_eq!(form["scope"], scope);
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        let header = part(&form["client_assertion"], 0);
        assert_eq!(header.get("kid"), send_key_id.then(|| json!("K-1")).as_ref());
        let now = fixture.clock.now().as_second();
        assert_eq!(part(&form["client_assertion"], 1)["exp"], now + 1_200);
        for call in fixture.calls() {
            assert_eq!(call.field("authorization"), "Bearer planted-bearer-1");
            assert_eq!((call.field("accept"), call.field("content-type")), ("application/json", "-"));
            assert_eq!(call.field("user-agent"), "espalier-test/1");
        }
        assert_eq!(fixture.client.meter().calls(), (3, 0));
    }
}

#[tokio::test]
async fn a_bearer_is_renewed_five_minutes_early() {
    let fixture = Fixture::start(nothing_but_empty_lists).await;
    fixture.observer().services().await.unwrap();
    fixture.clock.step(Duration::from_secs(3_299));
    fixture.observer().services().await.unwrap();
    assert_eq!(fixture.sign_ins(), 1);
    fixture.clock.step(Duration::from_secs(1));
    fixture.observer().services().await.unwrap();
    assert_eq!(fixture.sign_ins(), 2);
    assert_eq!(fixture.calls()[2].field("authorization"), "Bearer planted-bearer-2");
}

#[tokio::test]
async fn a_refused_bearer_is_replaced_once_for_reads_and_writes() {
    let script = |seen: &Seen| match seen.field("authorization") {
        _ if seen.is_bearer_wish() => Reply::Usual,
        "Bearer planted-bearer-1" => refusal(401, "UNAUTHORIZED", "over"),
        _ => ok(json!({ "data": { "id": "a-1" }, "links": {} })),
    };
    let fixture = Fixture::start(script).await;
    fixture.observer().activity(&ActivityId("a-1".into())).await.unwrap();
    assert_eq!((fixture.sign_ins(), fixture.calls().len()), (2, 2));
    let fixture = Fixture::start(script).await;
    let end = fixture.actuator().begin(&Activity::CancelMigration, &[serial("A")]).await;
    assert!(matches!(end, Ended::Done(_)), "401 proves that nothing was done");
    assert_eq!((fixture.sign_ins(), fixture.calls().len()), (2, 2));
    // Twice is enough.
    let fixture = Fixture::start(|seen| {
        if seen.is_bearer_wish() { Reply::Usual } else { refusal(401, "UNAUTHORIZED", "over") }
    })
    .await;
    let error = fixture.observer().services().await.unwrap_err();
    assert_eq!((error.code(), error.cause), ("bearer-refused", Cause::Credentials));
    assert_eq!((fixture.sign_ins(), fixture.calls().len()), (2, 2));
    let fixture = Fixture::start(in_turn(vec![bare(401, ""), bare(401, "")])).await;
    let end = fixture.actuator().begin(&Activity::CancelMigration, &[serial("A")]).await;
    assert!(matches!(end, Ended::NotSent(_)));
}

#[tokio::test]
async fn runs_share_one_bearer_and_a_refused_one_is_not_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(BearerFiles::new(folder.path().join("cache")));
    let shared = store.clone();
    let first = Fixture::start_with(|settings| settings.bearers = shared, nothing_but_empty_lists).await;
    first.observer().services().await.unwrap();
    let again =
        |settings: BusinessSettings| BusinessObserver::new(BusinessClient::new(settings, HTTP.clone()));
    let mut other = settings(&first.base, first.clock.clone());
    other.bearers = store.clone();
    again(other.clone()).services().await.unwrap();
    assert_eq!(first.sign_ins(), 1, "the second run finds the bearer of the first");
    assert_eq!(first.calls()[1].field("authorization"), "Bearer planted-bearer-1");
    let stranger = BusinessSettings { client_id: "BUSINESSAPI.2".into(), ..other.clone() };
    again(stranger).services().await.unwrap();
    assert_eq!(first.sign_ins(), 2, "another account has its own");
    // The API refuses the kept one: it is replaced in the store, too.
    let script = |seen: &Seen| match seen.field("authorization") {
        _ if seen.is_bearer_wish() => Reply::Usual,
        "Bearer spoilt" => refusal(401, "UNAUTHORIZED", "over"),
        _ => ok(last(json!([]))),
    };
    let keep = store.clone();
    let fixture = Fixture::start_with(
        |settings| {
            let key = BearerKey {
                client_id: settings.client_id.clone(),
                key_id: settings.key_id.clone(),
                account: settings.account.origin().ascii_serialization(),
                scope: "business.api".into(),
            };
            let given = settings.clock.now();
            let expires = crate::model::clock::after(given, Duration::from_secs(3_600));
            keep.save(&key, &Bearer { secret: Secret::new("spoilt".into()), given, expires });
            settings.bearers = keep;
        },
        script,
    )
    .await;
    fixture.observer().services().await.unwrap();
    assert_eq!((fixture.sign_ins(), fixture.calls().len()), (1, 2));
    let mut next = settings(&fixture.base, fixture.clock.clone());
    next.bearers = store;
    again(next).services().await.unwrap();
    assert_eq!((fixture.sign_ins(), fixture.calls().len()), (1, 3));
}

#[tokio::test]
async fn a_refused_sign_in_is_not_repeated_for_every_call() {
    let script = |seen: &Seen| match seen.is_bearer_wish() {
        true => bare(400, r#"{"error":"invalid_client"}"#),
        false => bare(418, ""),
    };
    let fixture = Fixture::start(script).await;
    for _ in 0..3 {
        let error = fixture.observer().services().await.unwrap_err();
        assert_eq!((error.code(), error.cause), ("api-account-refused", Cause::Credentials));
    }
    assert_eq!((fixture.sign_ins(), fixture.calls().len()), (1, 0));
    fixture.clock.step(Duration::from_secs(60));
    fixture.observer().services().await.unwrap_err();
    assert_eq!(fixture.sign_ins(), 2);
    let end = fixture.actuator().begin(&Activity::CancelMigration, &[serial("A")]).await;
    assert!(matches!(end, Ended::NotSent(error) if error.code() == "api-account-refused"));
}

#[tokio::test]
async fn a_busy_account_service_is_asked_again_within_bounds() {
    let mut count = 0;
    let fixture = Fixture::start(move |seen| {
        count += 1;
        match count {
            1 => Reply::Answer(429, vec![("Retry-After", "17".into())], String::new()),
            2 => bare(503, "<html>"),
            _ => nothing_but_empty_lists(seen),
        }
    })
    .await;
    fixture.observer().services().await.unwrap();
    assert_eq!(fixture.sign_ins(), 3);
    assert_eq!(fixture.clock.pauses()[0], Duration::from_secs(17));
    let forms: Vec<_> = fixture.all()[..3].iter().map(form).collect();
    assert_ne!(forms[0]["client_assertion"], forms[1]["client_assertion"], "each attempt has its own");
}

#[tokio::test]
async fn credentials_go_nowhere_without_tls() {
    let plain = Url::parse("http://api-business.example").unwrap();
    for account in [true, false] {
        let fixture = Fixture::start_with(
            |settings| match account {
                true => settings.account = plain.clone(),
                false => settings.api = plain.clone(),
            },
            nothing_but_empty_lists,
        )
        .await;
        let error = fixture.observer().services().await.unwrap_err();
        assert_eq!((error.code(), error.cause), ("api-request-not-sendable", Cause::Refused));
        assert!(fixture.all().is_empty());
    }
    // Without a credential only this machine is called.
    let far = Url::parse("https://api-business.example").unwrap();
    let adjust = |settings: &mut BusinessSettings| {
        (settings.sign_in, settings.api) = (SignIn::Simulated, far);
    };
    let fixture = Fixture::start_with(adjust, nothing_but_empty_lists).await;
    assert_eq!(fixture.observer().services().await.unwrap_err().code(), "api-request-not-sendable");
    assert!(fixture.all().is_empty());
    let fixture =
        Fixture::start_with(|settings| settings.sign_in = SignIn::Simulated, nothing_but_empty_lists).await;
    fixture.observer().services().await.unwrap();
    assert_eq!(form(&fixture.all()[0])["client_secret"], "simulated");
}
