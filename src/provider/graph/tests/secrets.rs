//! Secrets are planted everywhere, and every text that the client gives is searched for them.

use super::*;

const PLANTED: [&str; 3] = ["planted-client-secret", "planted-assertion", "planted-bearer-"];

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

#[tokio::test]
async fn an_unreadable_token_answer_does_not_show_the_bearer() {
    let fixture =
        Fixture::start(|_, _| ok(json!({ "access_token": [PLANTED[2]], "expires_in": PLANTED[2] }))).await;
    let unknown = fixture.observer().tokens().await;
    assert_clean(&format!("{:?}", unknown.unknown().unwrap()));
}
