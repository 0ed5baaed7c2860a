//! Secrets are planted everywhere, and every text that the client gives is searched for them.

use super::*;
use crate::model::live::Unknown;

const PLANTED: [&str; 6] =
    ["CK_planted", "CS_planted", "AT_planted", "AS_planted", "planted-session", "planted"];

fn assert_clean(text: &str) {
    for secret in PLANTED {
        assert!(!text.contains(secret), "{secret} shows in {text}");
    }
}

/// What a service may put into an answer: the credential of the request, and secrets of its own.
fn quoting(seen: &Seen, form: usize) -> String {
    let quoted = format!(
        "{} {} AS_planted0a4 CS_planted0a2 planted-unknown-1",
        seen.field("authorization"),
        seen.session()
    );
    match form {
        0 => quoted,
        1 => json!(quoted).to_string(),
        2 => json!({ "code": quoted, "error": quoted }).to_string(),
        3 => "AS_planted0a4".to_owned(),
        4 => json!({ "cursor": [quoted], "devices": quoted, "profile_uuid": 7 }).to_string(),
        5 => json!({ "devices": [{ "serial_number": [quoted] }], "cursor": "c" }).to_string(),
        6 => format!("{{\"auth_session_token\": {{\"{quoted}\": 1}}, \"profile_uuid\": \"{quoted}"),
        _ => "planted_unknown".replace('_', "-"),
    }
}

async fn texts(fixture: &Fixture) -> Vec<String> {
    let (observer, actuator) = (fixture.observer(), fixture.actuator());
    let mut errors = vec![
        observer.account().await.err(),
        observer.fetch(&mut |_| {}, &mut |_| {}).await.err(),
        observer.sync(&Cursor::new("c".into()).unwrap(), &mut |_| {}).await.err(),
        observer.details(&serials(1), &mut |_| {}).await.err(),
        observer.profile("P").await.err(),
        observer.account_driven_url().await.err(),
        observer.replacement(&serial("A")).await.err(),
    ];
    let body = serde_json::Map::new();
    let url = Url::parse("https://mdm.example.com/discover").unwrap();
    for end in [actuator.assign("P", &serials(1)).await, actuator.remove(&serials(1)).await] {
        errors.push(failed(end));
    }
    errors.push(failed(actuator.define(&body).await));
    errors.push(failed(actuator.set_account_driven_url(Some(&url)).await));
    let mut texts = vec![
        format!("{:?} {observer:#?} {actuator:?}", fixture.client),
        format!("{:?}", fixture.client.settings()),
    ];
    for error in errors.into_iter().flatten() {
        texts.push(format!("{error} {error:?} {error:#?}"));
        texts.push(format!("{:?}", Unknown::from(error)));
    }
    texts
}

fn failed<T>(end: Ended<T>) -> Option<DepError> {
    match end {
        Ended::Done(_) => None,
        Ended::Refused(error) | Ended::NotSent(error) | Ended::Lost(error) => Some(error),
    }
}

#[tokio::test]
async fn no_text_shows_a_secret() {
    for status in [200, 400, 401, 403, 404, 429, 500, 302] {
        for form in 0..8 {
            for at_sign_in in [true, false] {
                let fixture = Fixture::start(move |seen| match seen.is_sign_in() && !at_sign_in {
                    true => Reply::Usual,
                    false => {
                        let fields = vec![("X-ADM-Auth-Session", "planted-session-new".to_owned())];
                        Reply::Answer(status, fields, quoting(seen, form))
                    }
                })
                .await;
                let texts = texts(&fixture).await;
                if status != 200 {
                    assert!(texts.len() > 20, "{status} {form}: everything fails");
                }
                texts.iter().for_each(|text| assert_clean(text));
            }
        }
    }
}

#[tokio::test]
async fn a_line_that_breaks_shows_no_secret() {
    let fixture = Fixture::start(|seen| if seen.is_sign_in() { Reply::Usual } else { Reply::Cut }).await;
    texts(&fixture).await.iter().for_each(|text| assert_clean(text));
}
