//! The write half: what is sent, how often, and what is claimed about it.

use super::*;
use crate::model::live::Cause;

fn statuses(words: &[(&str, &str)]) -> Json {
    words
        .iter()
        .map(|(serial, word)| ((*serial).to_owned(), json!(word)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn body() -> serde_json::Map<String, Json> {
    json!({ "profile_name": "n", "url": "https://mdm.example.com/x", "is_mdm_removable": false })
        .as_object()
        .cloned()
        .unwrap()
}

fn done<T>(end: Ended<T>) -> T {
    match end {
        Ended::Done(done) => done,
        Ended::Refused(error) | Ended::NotSent(error) | Ended::Lost(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_profile_is_defined_as_it_stands() {
    let fixture = Fixture::start(in_turn(vec![ok(json!({ "profile_uuid": "P1", "devices": {} }))])).await;
    let defined = done(fixture.actuator().define(&body()).await);
    assert_eq!(defined, Defined { profile_uuid: "P1".into(), may_have_twin: false });
    assert_eq!(fixture.lines(), ["POST /profile"]);
    assert_eq!(fixture.calls()[0].json(), Json::Object(body()));
    assert_eq!(fixture.client.meter().calls(), (1, 1));
}

#[tokio::test]
async fn a_define_whose_answer_is_lost_is_sent_again_and_says_so() {
    for lost in [bare(500, ""), Reply::Cut] {
        let fixture = Fixture::start(in_turn(vec![lost, ok(json!({ "profile_uuid": "P2" }))])).await;
        assert!(done(fixture.actuator().define(&body()).await).may_have_twin);
        assert_eq!(fixture.calls().len(), 2);
    }
}

#[tokio::test]
async fn a_define_is_never_an_assignment() {
    for member in ["devices", "profile_uuid"] {
        let fixture = Fixture::start(in_turn(vec![])).await;
        let mut body = body();
        body.insert(member.into(), json!([]));
        let Ended::NotSent(error) = fixture.actuator().define(&body).await else { panic!() };
        assert_eq!(error.code(), "request-not-sendable");
        assert!(fixture.all().is_empty());
    }
}

#[tokio::test]
async fn every_device_has_its_result_and_none_is_sent_again() {
    let answer = json!({
        "profile_uuid": "P1", "retry_after_seconds": 3600,
        "devices": statuses(&[
            ("A", "SUCCESS"), ("B", "NOT_ACCESSIBLE"), ("C", "FAILED"), ("D", "THROTTLED"), ("X", "SUCCESS"),
        ]),
    });
    let fixture = Fixture::start(in_turn(vec![ok(answer)])).await;
    let asked = ["E", "D", "C", "B", "A"].map(serial);
    let results = done(fixture.actuator().assign("P1", &asked).await);
    assert_eq!(
        results.devices,
        [
            (serial("E"), DeviceResult::Missing),
            (serial("D"), DeviceResult::Throttled),
            (serial("C"), DeviceResult::Failed),
            (serial("B"), DeviceResult::NotAccessible),
            (serial("A"), DeviceResult::Success),
        ]
    );
    assert_eq!((results.retry_after, results.may_be_twice), (Some(Duration::from_secs(3600)), false));
    assert_eq!(fixture.lines(), ["POST /profile/devices"]);
    assert_eq!(
        fixture.calls()[0].json(),
        json!({ "profile_uuid": "P1", "devices": ["E", "D", "C", "B", "A"] })
    );
}

#[tokio::test]
async fn an_assignment_whose_answer_is_lost_is_sent_again_and_says_so() {
    let answer = ok(json!({ "devices": statuses(&[("A", "SUCCESS")]) }));
    let fixture = Fixture::start(in_turn(vec![Reply::Cut, answer])).await;
    let results = done(fixture.actuator().assign("P1", &[serial("A")]).await);
    assert!(results.may_be_twice);
    // Lost for good, and refused after a doubt: nothing is claimed.
    for last in [bare(500, ""), bare(404, "NOT_FOUND")] {
        let mut replies: Vec<Reply> = (0..3).map(|_| bare(500, "")).collect();
        replies.push(last);
        let fixture = Fixture::start(in_turn(replies)).await;
        let Ended::Lost(error) = fixture.actuator().assign("P1", &[serial("A")]).await else { panic!() };
        assert_eq!(error.cause, Cause::LostAnswer);
        assert_eq!(fixture.calls().len(), 4);
    }
}

#[tokio::test]
async fn ends_say_no_effect_only_with_proof() {
    async fn assign(reply: Reply) -> Ended<Results> {
        let fixture = Fixture::start(in_turn(vec![reply])).await;
        fixture.actuator().assign("P1", &[serial("A")]).await
    }
    let refused = assign(bare(404, "NOT_FOUND")).await;
    assert!(matches!(refused, Ended::Refused(error) if error.code() == "not-found-at-apple"));
    let refused = assign(bare(400, "DEVICE_ID_REQUIRED")).await;
    assert!(matches!(refused, Ended::Refused(error) if error.cause == Cause::Refused));
    let not_sent = assign(bare(403, "T_C_NOT_SIGNED")).await;
    assert!(matches!(not_sent, Ended::NotSent(error) if error.code() == "terms-not-signed"));
    let wait = vec![("retry-after", "9999".to_owned())];
    let not_sent = assign(Reply::Answer(429, wait, String::new())).await;
    assert!(matches!(not_sent, Ended::NotSent(error) if error.cause == Cause::Throttled));
    for unreadable in ["", "SUCCESS", r#"{"devices":[]}"#] {
        let lost = assign(bare(200, unreadable)).await;
        assert!(matches!(lost, Ended::Lost(error) if error.cause == Cause::LostAnswer), "{unreadable}");
    }
    let fixture = Fixture::start(in_turn(vec![ok(json!({ "devices": {} }))])).await;
    assert!(matches!(fixture.actuator().define(&body()).await, Ended::Lost(_)), "nobody knows its UUID");
    let fixture = Fixture::start(in_turn(vec![bare(400, "CONFIG_NAME_INVALID")])).await;
    let Ended::Refused(error) = fixture.actuator().define(&body()).await else { panic!() };
    assert_eq!((error.code(), error.cause), ("profile-refused", Cause::Manifest));
}

#[tokio::test]
async fn where_nothing_listens_nothing_was_sent() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let base = Url::parse(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
    let client = DepClient::new(settings(base, StepClock::new()), HTTP.clone());
    let Ended::NotSent(error) = DepActuator::new(client).remove(&serials(1)).await else { panic!() };
    assert_eq!((error.code(), error.cause), ("apple-unreachable", Cause::Unavailable));
}

#[tokio::test]
async fn a_service_that_knows_the_historic_method_alone_gets_it() {
    let answer = ok(json!({ "devices": statuses(&[("A", "SUCCESS")]) }));
    let fixture = Fixture::start(in_turn(vec![bare(405, ""), answer])).await;
    done(fixture.actuator().assign("P1", &[serial("A")]).await);
    assert_eq!(fixture.lines(), ["POST /profile/devices", "PUT /profile/devices"]);
    // Of the others there is no historic method.
    let fixture = Fixture::start(in_turn(vec![bare(405, "")])).await;
    assert!(matches!(fixture.actuator().remove(&[serial("A")]).await, Ended::Refused(_)));
    assert_eq!(fixture.lines(), ["DELETE /profile/devices"]);
}

#[tokio::test]
async fn a_removal_names_devices_alone() {
    let answer = json!({ "devices": statuses(&[("A", "SUCCESS"), ("B", "NOT_ACCESSIBLE")]) });
    let fixture = Fixture::start(in_turn(vec![ok(answer)])).await;
    let results = done(fixture.actuator().remove(&["A", "B"].map(serial)).await);
    assert_eq!(results.devices[1].1, DeviceResult::NotAccessible);
    assert_eq!(fixture.lines(), ["DELETE /profile/devices"]);
    assert_eq!(fixture.calls()[0].json(), json!({ "devices": ["A", "B"] }));
}

#[tokio::test]
async fn the_url_of_account_driven_enrollment_is_set_and_removed() {
    let fixture = Fixture::start(in_turn(vec![bare(200, ""), bare(500, ""), bare(404, "NOT_FOUND")])).await;
    let url = Url::parse("https://mdm.example.com/d").unwrap();
    done(fixture.actuator().set_account_driven_url(Some(&url)).await);
    // The first attempt removed it, and its answer was lost.
    done(fixture.actuator().set_account_driven_url(None).await);
    let path = "/account-driven-enrollment/profile";
    assert_eq!(fixture.lines(), [format!("POST {path}"), format!("DELETE {path}"), format!("DELETE {path}")]);
    assert_eq!(
        fixture.calls()[0].json(),
        json!({ "mdm_service_discovery_url": "https://mdm.example.com/d" })
    );
    assert_eq!(fixture.calls()[1].body, "");
    let fixture = Fixture::start(in_turn(vec![bare(400, "MDM_SERVICE_DISCOVERY_URL_NOT_VALID")])).await;
    let end = fixture.actuator().set_account_driven_url(Some(&url)).await;
    assert!(matches!(end, Ended::Refused(error) if error.code() == "account-driven-url-refused"));
}

#[tokio::test]
async fn what_nobody_can_undo_is_sent_once() {
    let answer = ok(json!({ "devices": statuses(&[("A", "SUCCESS")]) }));
    let fixture = Fixture::start(in_turn(vec![answer])).await;
    let results = done(fixture.actuator().disown(&[serial("A")], Irreversible::for_tests()).await);
    assert_eq!(results.devices, [(serial("A"), DeviceResult::Success)]);
    assert_eq!(fixture.lines(), ["POST /devices/disown"]);
    for lost in [Reply::Cut, bare(500, "")] {
        let fixture = Fixture::start(in_turn(vec![lost])).await;
        let end = fixture.actuator().disown(&[serial("A")], Irreversible::for_tests()).await;
        assert!(matches!(end, Ended::Lost(_)));
        assert_eq!(fixture.calls().len(), 1);
    }
}

#[tokio::test]
async fn a_request_holds_a_thousand_devices_and_never_none() {
    let fixture = Fixture::start(in_turn(vec![ok(json!({}))])).await;
    assert_eq!(done(fixture.actuator().assign("P1", &[]).await), Results::default());
    let Ended::NotSent(error) = fixture.actuator().assign("P1", &serials(1_001)).await else { panic!() };
    assert_eq!(error.code(), "request-not-sendable");
    assert!(fixture.all().is_empty());
    let results = done(fixture.actuator().assign("P1", &serials(1_000)).await);
    assert!(results.devices.iter().all(|(_, result)| *result == DeviceResult::Missing));
}
