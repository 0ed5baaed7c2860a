//! Secrets are planted everywhere, and every text that the client gives is searched for them.

use super::*;

const PLANTED: [&str; 4] =
    ["planted-client-secret", "planted-assertion", "planted-bearer-", "planted-password"];

fn assert_clean(text: &str) {
    for secret in PLANTED {
        assert!(!text.contains(secret), "{secret} shows in {text}");
    }
}

/// A service that quotes in its refusals whatever it was given, and the credential.
fn quoting(
    status: u16,
    at_sign_in: bool,
    credential: &'static str,
) -> impl FnMut(&Url, &Seen) -> Reply + Send + 'static {
    move |_, seen| {
        let is_sign_in = seen.line.ends_with("/oauth2/v2.0/token");
        if is_sign_in && !at_sign_in {
            return Reply::Empty(404);
        }
        let quoted = format!("{credential} {} {}", seen.authorization.as_deref().unwrap_or("-"), seen.body);
        Reply::Json(
            status,
            json!({ "error_description": quoted, "trace_id": quoted,
                    "error": { "code": quoted, "message": quoted, "innerError": { "request-id": quoted } } }),
        )
    }
}

async fn texts(fixture: &Fixture) -> Vec<String> {
    let tokens = fixture.observer().tokens().await;
    let unknown = tokens.unknown().unwrap();
    let write = Write::Sync { token: token("t") };
    let outcome = fixture.actuator().write(&write).await;
    let (Outcome::Refused(error) | Outcome::NotSent(error) | Outcome::Lost(error)) = &outcome else {
        panic!()
    };
    vec![
        format!("{unknown} {unknown:?} {}", serde_json::to_string(unknown).unwrap()),
        format!("{outcome:?} {error} {error:#?}"),
        format!("{:?} {:?} {:#?}", fixture.client, fixture.observer(), fixture.actuator()),
        format!("{:?} {:#?}", fixture.client.settings(), fixture.client.redactor()),
    ]
}

#[tokio::test]
async fn no_text_shows_a_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, PLANTED[1]).unwrap();
    for (status, at_sign_in) in [(400, true), (401, true), (400, false), (401, false), (500, false)] {
        for credential in [PLANTED[0], PLANTED[1]] {
            let sign_in = match credential == PLANTED[1] {
                true => SignIn::FederatedTokenFile(file.clone()),
                false => SignIn::ClientSecret(Secret::new(credential.into())),
            };
            let script = quoting(status, at_sign_in, credential);
            let fixture = Fixture::start_with(sign_in, |_| {}, script).await;
            for text in texts(&fixture).await {
                assert_clean(&text);
            }
        }
    }
}

/// A create with an administrator, at a service that quotes the body back.
#[tokio::test]
async fn no_text_shows_the_password_of_an_account() {
    let fields = crate::model::Fields::from([
        ("localAdmin".into(), crate::model::Value::Bool(true)),
        ("localAdmin.password".into(), crate::model::Value::text("env ADMIN")),
    ]);
    for status in [400, 403, 500] {
        let sign_in = SignIn::ClientSecret(Secret::new(PLANTED[0].into()));
        let fixture = Fixture::start_with(sign_in, |_| {}, quoting(status, false, "-")).await;
        let resolved = Resolved { password: Some(Secret::new(PLANTED[3].into())), vpp_token: None };
        let platform = crate::model::Platform::Macos;
        let write = Write::CreateProfile { token: token("t"), platform, fields: fields.clone(), resolved };
        assert_clean(&format!("{write:?}"));
        let outcome = fixture.actuator().write(&write).await;
        let (Outcome::Refused(error) | Outcome::NotSent(error) | Outcome::Lost(error)) = &outcome else {
            panic!("{outcome:?}")
        };
        assert!(error.message.contains("[secret]"), "it was quoted: {}", error.message);
        assert_clean(&format!("{outcome:?} {error} {error:#?} {:?}", fixture.client));
        assert_eq!(fixture.calls()[0].json()["adminAccountPassword"], json!(PLANTED[3]));
    }
}

#[tokio::test]
async fn the_secrets_of_a_runner_show_nowhere_either() {
    for (status, at_sign_in) in [(400, true), (401, true), (500, true), (401, false)] {
        for form in ["github", "app"] {
            let adjust = |settings: &mut GraphSettings| {
                let at = |path: &str| Some(settings.graph.join(path).unwrap().to_string());
                let variable = |name: &str| match name {
                    "ACTIONS_ID_TOKEN_REQUEST_URL" => at("idtoken"),
                    "IDENTITY_ENDPOINT" => at("msi"),
                    "ACTIONS_ID_TOKEN_REQUEST_TOKEN" | "IDENTITY_HEADER" => Some(PLANTED[0].to_owned()),
                    _ => None,
                };
                settings.sign_in = match form {
                    "github" => SignIn::GithubOidc(GithubRunner::from_variables(&variable, true).unwrap()),
                    _ => SignIn::ManagedIdentity(
                        ManagedIdentity::from_variables(None, &variable, true).unwrap(),
                    ),
                };
            };
            let mut quote = quoting(status, at_sign_in, PLANTED[0]);
            let script = move |base: &Url, seen: &Seen| match seen.line.as_str() {
                line if line.starts_with("GET /idtoken?") && !at_sign_in => {
                    ok(json!({ "value": PLANTED[1] }))
                }
                line if line.starts_with("GET /msi?") && !at_sign_in => {
                    ok(json!({ "access_token": "planted-bearer-1", "expires_in": 3600 }))
                }
                _ => quote(base, seen),
            };
            let fixture = Fixture::start_with(SignIn::Simulated, adjust, script).await;
            for text in texts(&fixture).await {
                assert_clean(&text);
            }
            if form == "github" && !at_sign_in {
                let seen = fixture.seen.lock().unwrap();
                assert!(
                    seen.iter().any(|seen| seen.body.contains(PLANTED[1])),
                    "Entra was shown the id token"
                );
            }
        }
    }
}

#[tokio::test]
async fn an_unreadable_token_answer_does_not_show_the_bearer() {
    let fixture =
        Fixture::start(|_, _| ok(json!({ "access_token": [PLANTED[2]], "expires_in": PLANTED[2] }))).await;
    let unknown = fixture.observer().tokens().await;
    assert_clean(&format!("{:?}", unknown.unknown().unwrap()));
}
