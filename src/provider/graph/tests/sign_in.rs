//! Signing in: once, in time, and with words that help.

use super::*;
use crate::model::live::Cause;

fn empty_list(seen: &Seen) -> Reply {
    match seen.line.ends_with("token") {
        true => Reply::Empty(404),
        false => ok(json!({ "value": [] })),
    }
}

fn secret(text: &str) -> SignIn {
    SignIn::ClientSecret(Secret::new(text.into()))
}

/// The form of the first sign-in.
fn form(fixture: &Fixture) -> Vec<(String, String)> {
    let seen = fixture.seen.lock().unwrap();
    let sign_in = seen.iter().find(|seen| seen.line == "POST /tenant/oauth2/v2.0/token").unwrap();
    url::form_urlencoded::parse(sign_in.body.as_bytes()).into_owned().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
async fn calls_side_by_side_sign_in_once() {
    let fixture = Fixture::start_with(secret("s&cret"), |_| {}, |_, seen| empty_list(seen)).await;
    let observer = fixture.observer();
    let (a, b, c) = tokio::join!(observer.tokens(), observer.scope_tags(), observer.tokens());
    assert!(a.known().is_some() && b.known().is_some() && c.known().is_some());
    assert_eq!(fixture.sign_ins(), 1);
    let scope = "https://graph.microsoft.com/.default";
    assert_eq!(
        form(&fixture),
        pairs(&[
            ("grant_type", "client_credentials"),
            ("client_id", "app"),
            ("scope", scope),
            ("client_secret", "s&cret")
        ])
    );
}

#[tokio::test]
async fn a_bearer_is_renewed_five_minutes_before_its_end() {
    let fixture = Fixture::start(|_, seen| empty_list(seen)).await;
    let observer = fixture.observer();
    observer.tokens().await;
    fixture.clock.step(Duration::from_secs(54 * 60));
    observer.tokens().await;
    assert_eq!(fixture.sign_ins(), 1);
    fixture.clock.step(Duration::from_secs(61));
    observer.tokens().await;
    assert_eq!(fixture.sign_ins(), 2);
}

#[tokio::test]
async fn a_second_401_is_an_error_of_credentials() {
    let fixture = Fixture::start(in_turn(vec![refusal(401), refusal(401)])).await;
    let tags = fixture.observer().scope_tags().await;
    assert_eq!(tags.unknown().unwrap().cause, Cause::Credentials);
    assert_eq!((fixture.lines().len(), fixture.sign_ins()), (2, 2));
}

#[tokio::test]
async fn a_federated_token_is_read_at_each_sign_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").unwrap();
    let sign_in = SignIn::FederatedTokenFile(file.clone());
    let fixture = Fixture::start_with(sign_in, |_| {}, |_, seen| empty_list(seen)).await;
    fixture.observer().tokens().await;
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    assert_eq!(form(&fixture)[3..], pairs(&[("client_assertion_type", kind), ("client_assertion", "first")]));
    std::fs::write(&file, "second").unwrap();
    fixture.clock.step(Duration::from_secs(3600));
    fixture.seen.lock().unwrap().clear();
    fixture.observer().tokens().await;
    assert_eq!(form(&fixture)[4].1, "second");
    std::fs::remove_file(&file).unwrap();
    fixture.clock.step(Duration::from_secs(3600));
    let unknown = fixture.observer().tokens().await;
    assert_eq!(unknown.unknown().unwrap().cause, Cause::Credentials);
}

#[tokio::test]
async fn a_refused_sign_in_is_explained_and_not_repeated_by_each_call() {
    let body = json!({ "error": "invalid_client", "trace_id": "t-1",
        "error_description": "AADSTS7000222: The provided client secret keys are expired.\r\nTrace ID: t-1" });
    let fixture =
        Fixture::start_with(secret("planted"), |_| {}, move |_, _| Reply::Json(401, body.clone())).await;
    for _ in 0..3 {
        let unknown = fixture.observer().tokens().await;
        let unknown = unknown.unknown().unwrap();
        assert_eq!(unknown.cause, Cause::Credentials);
        assert!(unknown.reason.contains("AADSTS7000222") && unknown.reason.contains("t-1"), "{unknown}");
        assert!(unknown.next.contains("expired"), "{}", unknown.next);
    }
    assert_eq!(fixture.seen.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_faltering_token_service_is_asked_again() {
    let mut times = 0;
    let fixture = Fixture::start(move |_, seen| {
        times += 1;
        if times <= 3 { Reply::Empty(503) } else { empty_list(seen) }
    })
    .await;
    assert!(fixture.observer().tokens().await.known().is_some());
    assert_eq!(fixture.sign_ins(), 4);
}

#[tokio::test]
async fn a_simulated_sign_in_reaches_this_machine_only() {
    let real = Url::parse("https://login.microsoftonline.com").unwrap();
    let fixture =
        Fixture::start_with(SignIn::Simulated, |settings| settings.login = real, |_, seen| empty_list(seen))
            .await;
    let unknown = fixture.observer().tokens().await;
    assert_eq!(unknown.unknown().unwrap().cause, Cause::Credentials);
    assert_eq!(fixture.seen.lock().unwrap().len(), 0);
}

#[tokio::test]
async fn a_credential_does_not_travel_in_the_clear() {
    for at_login in [true, false] {
        let adjust = |settings: &mut GraphSettings| {
            let clear = Url::parse("http://graph.example").unwrap();
            if at_login { settings.login = clear } else { settings.graph = clear }
        };
        let fixture = Fixture::start_with(secret("planted"), adjust, |_, seen| empty_list(seen)).await;
        let unknown = fixture.observer().tokens().await;
        assert!(unknown.unknown().unwrap().reason.contains("not encrypted"));
        assert_eq!(fixture.seen.lock().unwrap().len(), 0);
    }
}
