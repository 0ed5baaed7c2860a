//! Secrets are planted in every answer and request, and every text is searched for them.

use super::*;
use crate::provider::ActAnswer;

const PLANTED: [&str; 6] = ["PLANTED-CODE", "314159", "PLANTED-PASS", "52.5200066", "13.4049540", "271828"];

fn assert_clean(text: &str) {
    for secret in PLANTED {
        assert!(!text.contains(secret), "{secret} shows in {text}");
    }
}

/// A device with everything that is secret in it.
fn device() -> Json {
    json!({ "id": "r-1", "serialNumber": "SN1", "activationLockBypassCode": PLANTED[0], "deviceActionResults": [
        { "actionName": "remoteLock", "actionState": "done", "unlockPin": PLANTED[1] },
        { "actionName": "resetPasscode", "actionState": "done", "passcode": PLANTED[2] },
        { "actionName": "locateDevice", "actionState": "done",
          "deviceLocation": { "latitude": 52.520_006_6, "longitude": 13.404_954_0 } },
    ]})
}

/// Refusals quote a whole device and the request, bare, in a text and in the JSON of a text.
fn quoting(status: u16) -> impl FnMut(&Url, &Seen) -> Reply + Send + 'static {
    move |_, seen| {
        if seen.line.ends_with("/oauth2/v2.0/token") {
            return Reply::Empty(404);
        }
        let quoted = format!("{} {} unlockPin: {}", device(), seen.body, PLANTED[1]);
        let nested = json!({ "_version": 3, "Message": quoted }).to_string();
        let message = if status == 400 { nested } else { quoted.clone() };
        Reply::Json(
            status,
            json!({ "error": { "code": quoted, "message": message, "innerError": { "request-id": quoted } } }),
        )
    }
}

#[tokio::test]
async fn no_refusal_shows_a_secret_of_a_device() {
    for status in [400, 403, 404, 409, 500] {
        let fixture = Fixture::start(quoting(status)).await;
        let (observer, id, serial) = (fixture.observer(), record("r-1"), serial("SN1"));
        assert_clean(&format!("{:?}", unknown(observer.records().await)));
        assert_clean(&format!("{:?}", unknown(observer.bypass_code(&id, &serial).await)));
        assert_clean(&format!("{:?}", unknown(observer.action_secrets(&id, &serial).await)));
        assert_clean(&format!("{:?}", unknown(observer.fresh(&id, &serial).await)));
        assert_clean(&format!("{:?}", unknown(observer.audits(Timestamp::MIN).await)));
        assert_clean(&format!("{:?}", unknown(observer.approval(&code("c")).await)));
        for call in every_call() {
            let request = request(call);
            assert_clean(&format!("{request:?} {request:#?}"));
            let answer = fixture.actuator().send_act(request).await;
            let (ActAnswer::Refused(trouble) | ActAnswer::Lost(trouble)) = &answer else {
                panic!("{answer:?}")
            };
            assert!(trouble.message.contains("[secret]"), "it was quoted: {}", trouble.message);
            assert_clean(&format!("{answer:?} {trouble} {}", trouble.next));
        }
        assert_clean(&format!("{:?} {:?} {:?}", fixture.client, observer, fixture.actuator()));
        assert_clean(&format!("{:?}", fixture.client.redactor()));
    }
}

#[tokio::test]
async fn what_was_read_shows_no_secret_and_is_not_quoted_later() {
    let fixture = Fixture::start(move |_, seen| match seen.line.as_str() {
        line if line.ends_with("/oauth2/v2.0/token") => Reply::Empty(404),
        line if line.starts_with("GET") && line.contains("managedDevices/") => ok(device()),
        line if line.starts_with("GET") => ok(json!({ "value": [device()] })),
        // Bare, where no name of a member stands before it.
        _ => Reply::Json(400, json!({ "error": { "code": "C", "message": PLANTED[..3].join(" and ") } })),
    })
    .await;
    let (observer, id, serial) = (fixture.observer(), record("r-1"), serial("SN1"));
    assert_clean(&format!("{:?}", known(observer.records().await)));
    assert_clean(&format!("{:?}", observer.bypass_code(&id, &serial).await));
    assert_clean(&format!("{:?}", observer.action_secrets(&id, &serial).await));
    let answer = fixture.actuator().send_act(request(DeviceCall::Lock)).await;
    assert_clean(&format!("{answer:?}"));
}

#[tokio::test]
async fn answers_of_another_shape_are_not_quoted() {
    let secret = PLANTED[0];
    for body in [
        json!({ "id": "r-1", "serialNumber": "SN1", "activationLockBypassCode": { "x": secret } }),
        json!({ "id": [secret], "serialNumber": "SN1" }),
        json!({ "id": "r-1", "serialNumber": { secret: 1 }, "deviceActionResults": secret }),
        json!([secret]),
        json!(secret),
        json!({ "value": [{ "id": { secret: secret } }] }),
        json!({ "responses": [{ "id": secret, "status": secret }] }),
        json!({ "responses": secret }),
    ] {
        let fixture = Fixture::start(move |_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
            true => Reply::Empty(404),
            false => ok(body.clone()),
        })
        .await;
        let (observer, id, serial) = (fixture.observer(), record("r-1"), serial("SN1"));
        let two = [(id.clone(), serial), (record("r-2"), serial)];
        for text in [
            format!("{:?}", observer.records().await),
            format!("{:?}", observer.bypass_code(&id, &serial).await),
            format!("{:?}", observer.bypass_codes(&two).await),
            format!("{:?}", observer.action_secrets(&id, &serial).await),
            format!("{:?}", observer.fresh(&id, &serial).await),
            format!("{:?}", observer.audits(Timestamp::MIN).await),
            format!("{:?}", observer.approval(&code("c")).await),
        ] {
            assert_clean(&text);
        }
        let locks = ["r-1", "r-2"].map(|id| request_at(id, DeviceCall::Lock));
        let answers = fixture.actuator().send_acts(ActBatch::new(locks.into()).unwrap()).await;
        assert_clean(&format!("{answers:?}"));
    }
}

#[test]
fn the_code_of_a_mac_shows_in_its_body_alone() {
    let request = request(mac_wipe());
    assert_clean(&format!("{request:?} {request:#?} {:?}", request.call()));
}
