//! What is put on the wire, and what an answer says.

use super::*;
use crate::model::live::Cause;
use crate::provider::ActAnswer;

#[tokio::test]
async fn every_request_has_its_path_its_body_and_nothing_else() {
    for (call, method, path, body) in calls() {
        let kind = call.kind();
        let fixture = Fixture::start(in_turn(vec![Reply::Empty(204)])).await;
        let answer = fixture.actuator().send_act(request(call)).await;
        assert_eq!(answer, ActAnswer::Accepted { at: fixture.clock.now() }, "{kind}");
        let calls = fixture.calls();
        assert_eq!(fixture.lines(), [format!("{method} {BASE}/r-1{path}")]);
        assert_eq!(calls[0].body.is_empty(), body.is_none(), "{kind}");
        assert_eq!(calls[0].json(), body.clone().unwrap_or_default(), "{kind}");
        assert_eq!(calls[0].field("content-type"), body.map(|_| "application/json"), "{kind}");
        assert_eq!(calls[0].authorization.as_deref(), Some("Bearer planted-bearer-1"));
        assert_eq!(fixture.client.meter().calls(), (1, 1), "{kind}: one sign-in, one write");
    }
}

#[tokio::test]
async fn why_goes_with_what_can_need_approval_and_the_code_with_the_same_request_again() {
    for (call, again) in every_call().into_iter().zip(every_call()) {
        let fixture = Fixture::start(in_turn(vec![Reply::Empty(204), Reply::Empty(204)])).await;
        let kind = call.kind();
        fixture.actuator().send_act(request(call)).await;
        let second =
            DeviceRequest::new(record("r-1"), again, ApprovalHeader::Again(code("c-1")), Timestamp::MAX);
        fixture.actuator().send_act(second).await;
        let calls = fixture.calls();
        let needs = [ActionKind::Wipe, ActionKind::Retire, ActionKind::DeleteRecord].contains(&kind);
        // "lost in the tram, Jürgen"
        let why = needs.then_some("bG9zdCBpbiB0aGUgdHJhbSwgSsO8cmdlbg==");
        assert_eq!(calls[0].field("x-msft-approval-justification"), why, "{kind}");
        assert_eq!(calls[0].field("x-msft-approval-code"), None);
        assert_eq!(calls[1].field("x-msft-approval-justification"), None);
        assert_eq!(calls[1].field("x-msft-approval-code"), Some("c-1"));
        assert_eq!((&calls[0].line, &calls[0].body), (&calls[1].line, &calls[1].body), "the identical one");
    }
}

#[tokio::test]
async fn a_justification_is_cut_and_never_empty() {
    use base64::Engine as _;
    let fixture = Fixture::start(in_turn(vec![Reply::Empty(204), Reply::Empty(204)])).await;
    for justification in ["ä".repeat(2_000), " \n".to_owned()] {
        let approval = ApprovalHeader::First { justification };
        let request = DeviceRequest::new(record("r-1"), DeviceCall::Retire, approval, Timestamp::MAX);
        fixture.actuator().send_act(request).await;
    }
    let calls = fixture.calls();
    let sent = calls[0].field("x-msft-approval-justification").unwrap();
    let sent = base64::engine::general_purpose::STANDARD.decode(sent).unwrap();
    assert_eq!(String::from_utf8(sent).unwrap(), "ä".repeat(1_024));
    assert_eq!(calls[1].field("x-msft-approval-justification"), None);
}

/// A demand for approval: with the header, the code word, or both.
fn demand(status: u16, header: Option<&str>, word: &str) -> Reply {
    let body = json!({ "error": { "code": word, "message": "approval" } });
    match header {
        Some(code) => Reply::With(status, "x-msft-approval-code", code.to_owned(), body),
        None => Reply::Json(status, body),
    }
}

#[tokio::test]
async fn approval_is_known_by_header_or_word_and_not_by_status() {
    let with = |text: &str| ActAnswer::ApprovalNeeded { code: ApprovalCode::new(text) };
    for (reply, expected) in [
        (demand(403, Some("c-1"), "ApprovalRequired"), with("c-1")),
        (demand(412, Some("c-2"), "BadRequest"), with("c-2")),
        (demand(400, Some("c-3"), "BadRequest"), with("c-3")),
        (demand(409, Some("c-4"), "Conflict"), with("c-4")),
        (demand(403, None, "ApprovalRequired"), ActAnswer::ApprovalNeeded { code: None }),
        (demand(403, Some("no code' or 1"), "Forbidden"), ActAnswer::ApprovalNeeded { code: None }),
    ] {
        let fixture = Fixture::start(in_turn(vec![reply])).await;
        assert_eq!(fixture.actuator().send_act(request(mac_wipe())).await, expected);
        assert_eq!(fixture.lines().len(), 1);
    }
    // An approved one that is taken may say its code once more.
    let fixture =
        Fixture::start(in_turn(vec![Reply::With(204, "x-msft-approval-code", "c".into(), Json::Null)])).await;
    assert!(matches!(fixture.actuator().send_act(request(mac_wipe())).await, ActAnswer::Accepted { .. }));
    // A failure proves nothing, whatever it carries.
    let fixture = Fixture::start(in_turn(vec![demand(500, Some("c-1"), "ApprovalRequired")])).await;
    assert!(matches!(fixture.actuator().send_act(request(mac_wipe())).await, ActAnswer::Lost(_)));
}

#[tokio::test]
async fn only_a_clear_refusal_is_one() {
    let clear = [400, 401, 403, 404, 405, 409, 410, 412, 422, 424, 429];
    let doubtful = [301, 302, 304, 307, 408, 499, 500, 502, 503, 504, 599];
    for status in clear.into_iter().chain(doubtful) {
        let fixture = Fixture::start(in_turn(vec![refusal(status), Reply::Empty(204)])).await;
        let answer = fixture.actuator().send_act(request(DeviceCall::Retire)).await;
        match &answer {
            ActAnswer::Refused(trouble) if clear.contains(&status) => {
                assert_eq!(trouble.status, Some(status));
                let cause = match status {
                    401 | 403 => Cause::Credentials,
                    429 => Cause::Throttled,
                    _ => Cause::Unavailable,
                };
                assert_eq!(trouble.cause, cause, "{status}");
            }
            ActAnswer::Lost(trouble) if doubtful.contains(&status) => {
                assert_eq!((trouble.status, trouble.cause), (Some(status), Cause::LostAnswer));
                assert!(trouble.next.contains("action resolve"), "{}", trouble.next);
            }
            _ => panic!("{status}: {answer:?}"),
        }
    }
}

#[tokio::test]
async fn a_refusal_names_the_permission_and_throttling_its_end() {
    for (call, permission) in [
        (DeviceCall::Lock, "DeviceManagementManagedDevices.PrivilegedOperations.All"),
        (mac_wipe(), "DeviceManagementManagedDevices.PrivilegedOperations.All"),
        (DeviceCall::DeleteRecord, "DeviceManagementManagedDevices.ReadWrite.All"),
    ] {
        let fixture = Fixture::start(in_turn(vec![refusal(403)])).await;
        let ActAnswer::Refused(trouble) = fixture.actuator().send_act(request(call)).await else { panic!() };
        assert!(trouble.next.contains(permission), "{}", trouble.next);
    }
    let throttled = Reply::With(429, "retry-after", "17".into(), json!({}));
    let fixture = Fixture::start(in_turn(vec![throttled])).await;
    let ActAnswer::Refused(trouble) = fixture.actuator().send_act(request(DeviceCall::Lock)).await else {
        panic!()
    };
    let until = clock::after(fixture.clock.now(), Duration::from_secs(17));
    assert_eq!(trouble.not_before, Some(until));
    assert_eq!(fixture.client.meter().asked_until(), Some(until));
}

#[tokio::test]
async fn what_is_no_id_never_becomes_a_path() {
    let fixture = Fixture::start(|_, _| Reply::Empty(204)).await;
    for id in ["", ".", "..", "a/b", "a?b", "a b", "ä"] {
        let answer = fixture.actuator().send_act(request_at(id, DeviceCall::DeleteRecord)).await;
        assert!(matches!(answer, ActAnswer::NotSent(_)), "{id}: {answer:?}");
        let locks = ["r-1", id].map(|id| request_at(id, DeviceCall::Lock));
        let answers = fixture.actuator().send_acts(ActBatch::new(locks.into()).unwrap()).await;
        assert!(answers.iter().all(|answer| matches!(answer, ActAnswer::NotSent(_))), "{id}");
        assert!(fixture.observer().fresh(&record(id), &serial("A")).await.unknown().is_some(), "{id}");
        assert!(fixture.observer().bypass_code(&record(id), &serial("A")).await.unknown().is_some());
        assert!(fixture.observer().action_secrets(&record(id), &serial("A")).await.unknown().is_some());
    }
    assert!(fixture.calls().is_empty());
}

#[test]
fn a_batch_takes_what_is_not_destructive_and_each_device_once() {
    for call in every_call() {
        let (kind, may) = (call.kind(), call.may_be_batched());
        let batch = ActBatch::new(vec![request(call)]);
        assert_eq!(batch.is_ok(), may, "{kind}");
        assert_eq!(may, kind.class() <= crate::model::class::Class::Disruptive, "{kind}");
        if let Err(error) = batch {
            assert_eq!(error, ActBatchError::Alone(kind));
        }
    }
    let many = |count: usize| {
        ActBatch::new((0..count).map(|at| request_at(&format!("r-{at}"), DeviceCall::Sync)).collect())
    };
    assert_eq!(many(0).unwrap_err(), ActBatchError::Number(0));
    assert_eq!(many(20).unwrap().len(), 20);
    assert_eq!(many(21).unwrap_err(), ActBatchError::Number(21));
    let twice = vec![request_at("r-a", DeviceCall::Lock), request_at("R-A", DeviceCall::Restart)];
    assert_eq!(ActBatch::new(twice).unwrap_err(), ActBatchError::SameDevice("R-A".into()));
}

#[tokio::test]
async fn a_batch_is_one_call_and_each_gets_its_own_answer() {
    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => batch_of(seen, |request| {
            let error = json!({ "error": { "code": "C", "message": "m" } });
            let status = match request["url"].as_str().unwrap() {
                "/deviceManagement/managedDevices/r-0/setDeviceName" => 204,
                "/deviceManagement/managedDevices/r-1/rebootNow" => 404,
                "/deviceManagement/managedDevices/r-2/rebootNow" => {
                    return Some((429, json!({ "Retry-After": "9" }), error));
                }
                "/deviceManagement/managedDevices/r-3/rebootNow" => 503,
                "/deviceManagement/managedDevices/r-4/rebootNow" => return None,
                other => panic!("{other}"),
            };
            Some((status, json!({}), if status == 204 { Json::Null } else { error }))
        }),
    })
    .await;
    let mut requests = vec![request_at("r-0", DeviceCall::Rename { name: "n".into() })];
    requests.extend((1..5).map(|at| request_at(&format!("r-{at}"), DeviceCall::Restart)));
    let answers = fixture.actuator().send_acts(ActBatch::new(requests).unwrap()).await;
    assert!(matches!(&answers[0], ActAnswer::Accepted { .. }), "{answers:?}");
    assert!(matches!(&answers[1], ActAnswer::Refused(trouble) if trouble.status == Some(404)));
    let until = Some(clock::after(fixture.clock.now(), Duration::from_secs(9)));
    assert!(matches!(&answers[2], ActAnswer::Refused(trouble)
        if trouble.cause == Cause::Throttled && trouble.not_before == until));
    assert!(matches!(&answers[3], ActAnswer::Lost(_)));
    assert!(matches!(&answers[4], ActAnswer::Lost(_)), "one that is not mentioned may have been done");
    assert_eq!(fixture.lines(), ["POST /beta/$batch"]);
    let sent = fixture.calls()[0].json();
    assert_eq!(
        sent["requests"][0],
        json!({ "id": "0", "method": "POST", "url": "/deviceManagement/managedDevices/r-0/setDeviceName",
                "headers": { "Content-Type": "application/json" }, "body": { "deviceName": "n" } })
    );
    assert_eq!(
        sent["requests"][1],
        json!({ "id": "1", "method": "POST", "url": "/deviceManagement/managedDevices/r-1/rebootNow" })
    );
}

#[tokio::test]
async fn a_batch_of_one_is_sent_plainly() {
    let fixture = Fixture::start(in_turn(vec![Reply::Empty(204)])).await;
    let batch = ActBatch::new(vec![request(DeviceCall::Sync)]).unwrap();
    assert!(matches!(fixture.actuator().send_acts(batch).await[..], [ActAnswer::Accepted { .. }]));
    assert_eq!(fixture.lines(), [format!("POST {BASE}/r-1/syncDevice")]);
}

#[tokio::test]
async fn two_answers_to_one_request_of_a_batch_are_none() {
    let twice = ok(json!({ "responses": [
        { "id": "0", "status": 204 }, { "id": "0", "status": 404, "body": {} }, { "id": "1", "status": 204 }
    ] }));
    let fixture = Fixture::start(in_turn(vec![twice])).await;
    let locks = ["r-1", "r-2"].map(|id| request_at(id, DeviceCall::Lock));
    let answers = fixture.actuator().send_acts(ActBatch::new(locks.into()).unwrap()).await;
    assert!(matches!(answers[..], [ActAnswer::Lost(_), ActAnswer::Accepted { .. }]), "{answers:?}");
}
