//! Nothing is ever sent twice: not after any status, not after silence, not when the line is cut.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;
use crate::model::live::Cause;
use crate::provider::ActAnswer;

const FAILURES: [u16; 16] = [301, 307, 400, 401, 403, 404, 408, 409, 410, 412, 429, 499, 500, 502, 503, 504];

#[tokio::test]
async fn no_status_has_a_request_sent_again() {
    for status in FAILURES {
        for call in every_call() {
            let kind = call.kind();
            let fixture = Fixture::start(in_turn(vec![
                Reply::With(
                    status,
                    "retry-after",
                    "0".into(),
                    json!({ "error": { "code": "C", "message": "m" } }),
                ),
                Reply::Empty(204),
            ]))
            .await;
            let answer = fixture.actuator().send_act(request(call)).await;
            assert!(matches!(answer, ActAnswer::Refused(_) | ActAnswer::Lost(_)), "{kind} {answer:?}");
            assert_eq!(fixture.lines().len(), 1, "{kind} after {status}");
            assert!(fixture.clock.pauses().is_empty(), "{kind} after {status}");
        }
    }
}

#[tokio::test]
async fn no_end_of_a_batch_has_it_sent_again() {
    let locks = || {
        let locks = ["r-1", "r-2"].map(|id| request_at(id, DeviceCall::Lock));
        ActBatch::new(locks.into()).unwrap()
    };
    for status in FAILURES {
        // The whole, and each of its parts.
        let parts =
            json!({ "responses": [{ "id": "0", "status": status }, { "id": "1", "status": status }] });
        for reply in [refusal(status), ok(parts)] {
            let fixture = Fixture::start(in_turn(vec![reply, Reply::Empty(204)])).await;
            let answers = fixture.actuator().send_acts(locks()).await;
            assert_eq!(answers.len(), 2);
            let is_clear = (400..500).contains(&status) && ![408, 499].contains(&status);
            for answer in answers {
                match answer {
                    ActAnswer::Refused(_) if is_clear => {}
                    ActAnswer::Lost(_) if !is_clear => {}
                    other => panic!("{status}: {other:?}"),
                }
            }
            assert_eq!(fixture.lines().len(), 1, "{status}");
        }
    }
    for reply in [Reply::Cut, ok(json!({})), ok(json!({ "responses": "planted" })), Reply::Empty(200)] {
        let fixture = Fixture::start(in_turn(vec![reply, Reply::Empty(204)])).await;
        let answers = fixture.actuator().send_acts(locks()).await;
        assert!(matches!(answers[..], [ActAnswer::Lost(_), ActAnswer::Lost(_)]), "{answers:?}");
        assert!(!format!("{answers:?}").contains("planted"));
        assert_eq!(fixture.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_cut_answer_is_lost() {
    for call in every_call() {
        let kind = call.kind();
        let fixture = Fixture::start(in_turn(vec![Reply::Cut, Reply::Empty(204)])).await;
        let ActAnswer::Lost(trouble) = fixture.actuator().send_act(request(call)).await else {
            panic!("{kind}")
        };
        assert_eq!((trouble.cause, trouble.status), (Cause::LostAnswer, None), "{kind}");
        assert_eq!(fixture.lines().len(), 1, "{kind}");
    }
}

/// A service that signs everybody in over connections that it keeps, and hangs up without a word on every
/// other request, which it counts.
async fn hangs_up(after_reading: bool) -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        while let Ok((mut line, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                loop {
                    let mut seen = Vec::new();
                    let mut buffer = [0; 4096];
                    // Heads and small bodies come in one piece on loopback, or the head first.
                    let whole = |seen: &[u8]| {
                        let text = String::from_utf8_lossy(seen).into_owned();
                        let (head, body) = text.split_once("\r\n\r\n")?;
                        let long = head.to_ascii_lowercase();
                        let long = long
                            .split_once("content-length: ")
                            .map_or("0", |(_, rest)| rest.split("\r\n").next().unwrap_or("0"));
                        (body.len() >= long.parse::<usize>().unwrap()).then(|| head.to_owned())
                    };
                    let head = loop {
                        match line.read(&mut buffer).await {
                            Ok(0) | Err(_) => return,
                            Ok(read) => seen.extend_from_slice(&buffer[..read]),
                        }
                        if !after_reading && !seen.starts_with(b"POST /tenant") {
                            break String::from_utf8_lossy(&seen).into_owned();
                        }
                        if let Some(head) = whole(&seen) {
                            break head;
                        }
                    };
                    if !head.starts_with("POST /tenant/oauth2/v2.0/token") {
                        counted.fetch_add(1, Ordering::SeqCst);
                        return;
                    }
                    let body = r#"{"token_type":"Bearer","access_token":"b","expires_in":3600}"#;
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    if line.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (base, count)
}

#[tokio::test]
async fn a_line_that_is_cut_without_a_word_leaves_it_lost_and_sent_once() {
    for after_reading in [true, false] {
        for call in every_call() {
            let kind = call.kind();
            let (base, count) = hangs_up(after_reading).await;
            let adjust = |settings: &mut GraphSettings| {
                settings.graph = base.clone();
                settings.login = base.clone();
            };
            // The connection that signed in is used again.
            let fixture = Fixture::start_with(SignIn::Simulated, adjust, |_, _| Reply::Empty(418)).await;
            let answer = fixture.actuator().send_act(request(call)).await;
            assert!(matches!(answer, ActAnswer::Lost(_)), "{kind}: {answer:?}");
            assert_eq!(count.load(Ordering::SeqCst), 1, "{kind}");
        }
    }
}

#[tokio::test]
async fn what_was_never_on_the_wire_is_told_so() {
    // No bearer.
    for status in [400, 401, 500] {
        let fixture = Fixture::start(move |_, _| refusal(status)).await;
        let answer = fixture.actuator().send_act(request(mac_wipe())).await;
        assert!(matches!(answer, ActAnswer::NotSent(_)), "{status}: {answer:?}");
        assert!(fixture.calls().is_empty());
        let locks = ["r-1", "r-2"].map(|id| request_at(id, DeviceCall::Lock));
        let answers = fixture.actuator().send_acts(ActBatch::new(locks.into()).unwrap()).await;
        assert!(matches!(answers[..], [ActAnswer::NotSent(_), ActAnswer::NotSent(_)]));
    }
    // Nobody listens where the requests go.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = Url::parse(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
    let adjust = |settings: &mut GraphSettings| settings.graph = closed.clone();
    let fixture = Fixture::start_with(SignIn::Simulated, adjust, |_, _| Reply::Empty(404)).await;
    let ActAnswer::NotSent(trouble) = fixture.actuator().send_act(request(mac_wipe())).await else {
        panic!()
    };
    assert!(trouble.text.contains("no connection"), "{trouble}");
    assert!(fixture.clock.pauses().is_empty(), "it is not tried again");
}

#[tokio::test]
async fn nothing_is_sent_after_its_time() {
    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => Reply::Empty(204),
    })
    .await;
    let now = fixture.clock.now();
    let at = |until| DeviceRequest::new(record("r-1"), DeviceCall::Retire, first(), until);
    assert!(matches!(fixture.actuator().send_act(at(now)).await, ActAnswer::NotSent(_)));
    let soon = clock::after(now, Duration::from_secs(1));
    assert!(matches!(fixture.actuator().send_act(at(soon)).await, ActAnswer::Accepted { .. }));
    // The earliest end of a batch is that of all.
    let batch = [("r-1", Timestamp::MAX), ("r-2", now)]
        .map(|(id, until)| DeviceRequest::new(record(id), DeviceCall::Sync, first(), until));
    let answers = fixture.actuator().send_acts(ActBatch::new(batch.into()).unwrap()).await;
    assert!(matches!(answers[..], [ActAnswer::NotSent(_), ActAnswer::NotSent(_)]));
    assert_eq!(fixture.lines().len(), 1);
}

#[tokio::test]
async fn waiting_for_the_limits_does_not_carry_a_request_beyond_its_time() {
    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("/oauth2/v2.0/token") {
        true => Reply::Empty(404),
        false => Reply::Empty(204),
    })
    .await;
    // 200 writes in 20 seconds, of which enrollment's are none.
    for at in 0..200 {
        let answer = fixture.actuator().send_act(request_at(&format!("r-{at}"), DeviceCall::Sync)).await;
        assert!(matches!(answer, ActAnswer::Accepted { .. }));
    }
    assert!(fixture.clock.pauses().is_empty());
    fixture.actuator().write(&Write::Sync { token: token("t") }).await;
    assert!(fixture.clock.pauses().is_empty());
    let until = clock::after(fixture.clock.now(), Duration::from_secs(10));
    let late = DeviceRequest::new(record("r-1"), DeviceCall::Retire, first(), until);
    assert!(matches!(fixture.actuator().send_act(late).await, ActAnswer::NotSent(_)));
    assert_eq!(fixture.clock.pauses(), [20.0]);
    assert_eq!(fixture.lines().len(), 201);
}

#[tokio::test]
async fn a_bearer_near_its_end_is_renewed_before_and_a_refused_one_after() {
    let fixture = Fixture::start(in_turn(vec![Reply::Empty(204), refusal(401), Reply::Empty(204)])).await;
    let lock = || request(DeviceCall::Lock);
    assert!(matches!(fixture.actuator().send_act(lock()).await, ActAnswer::Accepted { .. }));
    fixture.clock.step(Duration::from_secs(3600 - 240));
    assert!(matches!(fixture.actuator().send_act(lock()).await, ActAnswer::Refused(_)));
    assert_eq!((fixture.lines().len(), fixture.sign_ins()), (2, 2));
    assert!(matches!(fixture.actuator().send_act(lock()).await, ActAnswer::Accepted { .. }));
    assert_eq!((fixture.lines().len(), fixture.sign_ins()), (3, 3));
}
