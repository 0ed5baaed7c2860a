//! Signing in: once, in time, and with words that help.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

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

/// As a machine that finds its metadata service at the fixture's address.
fn by_identity(settings: &mut GraphSettings) {
    let host = settings.graph.to_string();
    let variable = |name: &str| (name == "AZURE_POD_IDENTITY_AUTHORITY_HOST").then(|| host.clone());
    settings.sign_in =
        SignIn::ManagedIdentity(ManagedIdentity::from_variables(None, &variable, true).unwrap());
}

#[tokio::test]
async fn a_metadata_service_that_is_being_updated_is_waited_for() {
    let mut answers = [404, 410, 410, 500, 429, 410, 410].into_iter();
    let fixture = Fixture::start_with(SignIn::Simulated, by_identity, move |_, seen| {
        if !seen.line.starts_with("GET /metadata/identity/oauth2/token?") {
            return ok(json!({ "value": [] }));
        }
        match answers.next() {
            Some(status) => Reply::Empty(status),
            None => ok(json!({ "access_token": "planted-bearer-1", "expires_in": "3600" })),
        }
    })
    .await;
    let tokens = fixture.observer().tokens().await;
    assert!(tokens.known().is_some(), "{:?}", tokens.unknown());
    let pauses = fixture.clock.pauses();
    assert_eq!(pauses.len(), 7);
    assert!(pauses[6] > pauses[0] * 4.0, "{pauses:?}");
}

#[tokio::test]
async fn a_machine_without_metadata_service_does_not_wait_for_one() {
    // Bound but not listening: the port refuses.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let nowhere = Url::parse(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
    let adjust = |settings: &mut GraphSettings| {
        settings.graph = nowhere;
        by_identity(settings);
    };
    let fixture = Fixture::start_with(SignIn::Simulated, adjust, |_, seen| empty_list(seen)).await;
    let tokens = fixture.observer().tokens().await;
    let unknown = tokens.unknown().unwrap();
    assert_eq!(unknown.cause, Cause::Credentials);
    assert!(unknown.reason.contains("the metadata service does not answer"), "{unknown}");
    assert!(unknown.next.contains("only Azure's machines"), "{}", unknown.next);
    assert!(fixture.clock.pauses().is_empty());
}

#[tokio::test]
async fn a_managed_identity_of_another_tenant_is_refused() {
    const OTHER: &str = "11111111-0000-4000-8000-000000000001";
    for (tenant, taken) in
        [("22222222-0000-4000-8000-000000000001", false), (OTHER, true), ("t.example", true)]
    {
        let adjust = |settings: &mut GraphSettings| {
            settings.tenant_id = tenant.to_owned();
            by_identity(settings);
        };
        let fixture = Fixture::start_with(SignIn::Simulated, adjust, |_, seen| {
            if !seen.line.starts_with("GET /metadata/") {
                return ok(json!({ "value": [] }));
            }
            let claims = URL_SAFE_NO_PAD.encode(json!({ "tid": OTHER }).to_string());
            ok(json!({ "access_token": format!("eyJ.{claims}.c2ln"), "expires_in": "3600" }))
        })
        .await;
        let tokens = fixture.observer().tokens().await;
        assert_eq!(tokens.known().is_some(), taken, "{tenant}: {:?}", tokens.unknown());
        if let Some(unknown) = tokens.unknown() {
            assert!(unknown.reason.contains(OTHER) && unknown.reason.contains(tenant), "{unknown}");
            assert!(fixture.lines().iter().all(|line| !line.contains("/beta/")), "{:?}", fixture.lines());
        }
    }
}
