//! Secrets are planted everywhere, and every text that the client gives is searched for them.

use super::actuate::certificate;
use super::*;
use crate::model::ActivityId;
use crate::model::live::Unknown;

/// The bearers of the fixture, an assertion's first sign, and a log's address.
const PLANTED: [&str; 4] = ["planted-bearer", "eyJ", "planted-signature", "BEGIN EC"];

fn assert_clean(text: &str) {
    for secret in PLANTED {
        assert!(!text.contains(secret), "{secret} shows in {text}");
    }
}

/// What a service may put into an answer: what it was sent, and secrets of its own.
fn quoting(seen: &Seen, form: usize) -> String {
    let quoted = format!("{} {} Bearer planted-bearer-unknown", seen.field("authorization"), seen.body);
    match form {
        0 => quoted,
        1 => json!({ "errors": [{ "code": quoted, "detail": quoted, "title": quoted, "id": quoted,
                     "source": { "pointer": quoted } }] })
        .to_string(),
        2 => json!({ "error": quoted, "error_description": quoted }).to_string(),
        3 => json!({ "data": [quoted], "links": { "next": quoted } }).to_string(),
        4 => json!({ "data": { "id": [quoted], "attributes": quoted } }).to_string(),
        5 => json!({ "access_token": [quoted], "expires_in": quoted }).to_string(),
        6 => json!({ "data": [], "links": { "next": format!("https://x/{quoted}") } }).to_string(),
        _ => json!({ "data": { "id": "a", "attributes": { "status": quoted, "subStatus": quoted,
                     "downloadUrl": "https://x/?planted-signature" } } })
        .to_string(),
    }
}

async fn texts(fixture: &Fixture) -> Vec<String> {
    let (observer, actuator) = (fixture.observer(), fixture.actuator());
    let activity = observer.activity(&ActivityId("a".into())).await;
    let mut texts = vec![
        format!("{:?} {observer:#?} {actuator:?}", fixture.client),
        format!("{:?} {activity:?}", fixture.client.settings()),
    ];
    let new = NewService { name: "Lab".into(), certificate: certificate(), may_disown: None };
    let errors = vec![
        activity.err(),
        observer.services().await.err(),
        observer.service(&service("A")).await.err(),
        observer.devices(&mut |_, _| {}, &mut |_| {}).await.err(),
        observer.linkages(&service("A"), &mut |_| {}).await.err(),
        observer.device(&serial("A")).await.err(),
        observer.assigned_service(&serial("A")).await.err(),
        observer.activation_lock(&serial("A")).await.err(),
        actuator.begin(&Activity::CancelMigration, &[serial("A")]).await.map_failed(),
        actuator.create_service(&new).await.map_failed(),
        actuator.change_service(&service("A"), &ServiceChange::Name("B".into())).await.map_failed(),
        actuator.delete_service(&service("A")).await.map_failed(),
    ];
    for error in errors.into_iter().flatten() {
        texts.push(format!("{error} {error:?} {error:#?}"));
        texts.push(format!("{:?}", Unknown::from(error)));
    }
    texts
}

#[tokio::test]
async fn no_text_shows_a_secret() {
    for status in [200, 400, 401, 403, 404, 409, 500, 302] {
        for form in 0..8 {
            for at_sign_in in [true, false] {
                let fixture = Fixture::start(move |seen| match seen.is_bearer_wish() && !at_sign_in {
                    true => Reply::Usual,
                    false => {
                        let fields = vec![("X-Apple-Request-UUID", "planted-bearer-1".to_owned())];
                        Reply::Answer(status, fields, quoting(seen, form))
                    }
                })
                .await;
                let texts = texts(&fixture).await;
                if !matches!(status, 200 | 404) {
                    assert!(texts.len() > 20, "{status} {form}: everything fails");
                }
                texts.iter().for_each(|text| assert_clean(text));
            }
        }
    }
}

#[tokio::test]
async fn a_line_that_breaks_shows_no_secret() {
    let fixture = Fixture::start(|seen| if seen.is_bearer_wish() { Reply::Usual } else { Reply::Cut }).await;
    texts(&fixture).await.iter().for_each(|text| assert_clean(text));
}
