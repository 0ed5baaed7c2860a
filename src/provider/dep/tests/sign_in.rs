//! Sessions: taken, kept, replaced and renewed; what every request carries.

use futures_util::future::join_all;

use super::super::oauth;
use super::*;

fn account() -> Reply {
    ok(json!({ "server_name": "School" }))
}

#[tokio::test]
async fn every_request_carries_what_apple_demands() {
    let fixture = Fixture::start(in_turn(vec![account(), page(&[], "c", false)])).await;
    fixture.observer().account().await.unwrap();
    fixture.observer().fetch(&mut |_| {}, &mut |_| {}).await.unwrap();
    let all = fixture.all();
    assert_eq!(
        all.iter().map(|seen| &*seen.line).collect::<Vec<_>>(),
        ["GET /session", "GET /account", "POST /server/devices"]
    );
    for seen in &all {
        assert_eq!(seen.field("x-server-protocol-version"), "10");
        assert_eq!(seen.field("user-agent"), "espalier-test/1");
        assert_eq!(seen.field("content-type"), "application/json;charset=UTF8");
        assert_eq!(seen.field("accept"), "application/json;charset=UTF8");
        assert_eq!(seen.session(), if seen.is_sign_in() { "-" } else { "planted-session-1" });
        assert_eq!(seen.field("authorization") != "-", seen.is_sign_in());
    }
    assert_eq!(fixture.client.meter().calls(), (3, 0));
}

#[tokio::test]
async fn each_attempt_to_sign_in_is_signed_anew_by_the_given_clock() {
    let mut failures = 2;
    let fixture = Fixture::start(move |seen| match seen.is_sign_in() && failures > 0 {
        true => {
            failures -= 1;
            bare(500, "")
        }
        false if seen.is_sign_in() => Reply::Usual,
        false => account(),
    })
    .await;
    let began = fixture.clock.now().as_second();
    fixture.observer().account().await.unwrap();
    let fields: Vec<String> = fixture
        .all()
        .iter()
        .filter(|seen| seen.is_sign_in())
        .map(|seen| seen.field("authorization").to_owned())
        .collect();
    assert_eq!(fields.len(), 3);
    let part = |field: &str, name: &str| {
        let (_, rest) = field.split_once(&format!("{name}=\"")).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let url = fixture.client.url(&["session"], None);
    let mut nonces = std::collections::HashSet::new();
    for field in &fields {
        let (nonce, timestamp) = (part(field, "oauth_nonce"), part(field, "oauth_timestamp"));
        let timestamp: i64 = timestamp.parse().unwrap();
        assert!((began..began + 10).contains(&timestamp), "{timestamp}");
        let token = server_token();
        let proof = oauth::Proof { token: &token, timestamp, nonce: &nonce };
        assert_eq!(oauth::authorization("GET", &url, "ADM", &proof).unwrap().reveal(), field);
        assert!(nonces.insert(nonce));
    }
}

#[tokio::test]
async fn several_callers_wait_for_one_sign_in() {
    let fixture = Fixture::start(|seen| if seen.is_sign_in() { Reply::Usual } else { account() }).await;
    let observer = fixture.observer();
    for end in join_all((0..16).map(|_| observer.account())).await {
        end.unwrap();
    }
    assert_eq!((fixture.sign_ins(), fixture.calls().len()), (1, 16));
}

#[tokio::test]
async fn any_answer_may_bring_a_new_session() {
    let second = vec![("X-ADM-Auth-Session", "planted-session-b".to_owned())];
    let fixture = Fixture::start(in_turn(vec![
        rotating(json!({}), "planted-session-a"),
        Reply::Answer(500, second, String::new()),
        account(),
        Reply::Answer(200, vec![("X-ADM-Auth-Session", String::new())], "{}".into()),
        account(),
    ]))
    .await;
    for _ in 0..4 {
        fixture.observer().account().await.unwrap();
    }
    let sessions: Vec<String> = fixture.calls().iter().map(|seen| seen.session().to_owned()).collect();
    assert_eq!(
        sessions,
        [
            "planted-session-1",
            "planted-session-a",
            "planted-session-b",
            "planted-session-b",
            "planted-session-b"
        ]
    );
    assert_eq!(fixture.sign_ins(), 1);
}

#[tokio::test]
async fn an_ended_session_is_renewed_once_and_the_request_sent_once_more() {
    for (status, body) in [(401, ""), (401, "UNAUTHORIZED"), (403, "FORBIDDEN"), (403, "\"FORBIDDEN\"")] {
        let fixture = Fixture::start(in_turn(vec![bare(status, body), account()])).await;
        fixture.observer().account().await.unwrap();
        let sessions: Vec<String> = fixture.calls().iter().map(|seen| seen.session().to_owned()).collect();
        assert_eq!(sessions, ["planted-session-1", "planted-session-2"], "{status} {body}");

        // For ever refused: no loop, and a write is known not to have been carried out.
        let replies = (0..9).map(|_| bare(status, body)).collect();
        let fixture = Fixture::start(in_turn(replies)).await;
        let Ended::NotSent(error) = fixture.actuator().assign("P", &serials(1)).await else { panic!() };
        assert_eq!(error.code(), "session-refused");
        assert_eq!((fixture.sign_ins(), fixture.calls().len()), (2, 2));
        assert!(fixture.clock.pauses().is_empty());
    }
}

#[tokio::test]
async fn calls_that_meet_the_end_of_a_session_together_sign_in_once() {
    let fixture = Fixture::start(|seen| match seen.session() {
        "-" => Reply::Usual,
        "planted-session-1" => bare(401, ""),
        _ => account(),
    })
    .await;
    let observer = fixture.observer();
    for end in join_all((0..4).map(|_| observer.account())).await {
        end.unwrap();
    }
    assert_eq!(fixture.sign_ins(), 2);
}

#[tokio::test]
async fn a_refusal_that_needs_a_person_renews_nothing() {
    for (body, code) in [
        ("T_C_NOT_SIGNED", "terms-not-signed"),
        ("ACCESS_DENIED", "access-denied"),
        ("token_rejected", "token-rejected"),
        ("signature_invalid", "signature-invalid"),
    ] {
        let fixture = Fixture::start(in_turn(vec![bare(403, body)])).await;
        let error = fixture.observer().account().await.unwrap_err();
        assert_eq!(error.code(), code);
        assert_eq!((fixture.sign_ins(), fixture.calls().len()), (1, 1), "{body}");
    }
}

#[tokio::test]
async fn a_refused_sign_in_is_not_asked_again_for_a_minute() {
    let fixture = Fixture::start(|_| bare(401, "token_rejected")).await;
    let observer = fixture.observer();
    for end in join_all((0..5).map(|_| observer.account())).await {
        assert_eq!(end.unwrap_err().code(), "token-rejected");
    }
    let Ended::NotSent(error) = fixture.actuator().remove(&serials(1)).await else { panic!() };
    assert_eq!(error.operation, Operation::SignIn);
    assert_eq!(fixture.all().len(), 1);
    fixture.clock.step(Duration::from_secs(61));
    observer.account().await.unwrap_err();
    assert_eq!(fixture.all().len(), 2);
}

#[tokio::test]
async fn t6_expired_and_skewed_are_told_apart_at_the_sign_in() {
    let early = date(StepClock::new().now() - jiff::SignedDuration::from_mins(3));
    let fixture = Fixture::start(move |_| {
        Reply::Answer(401, vec![("date", early.clone())], "signature_invalid".into())
    })
    .await;
    assert_eq!(fixture.observer().account().await.unwrap_err().code(), "clock-skew");
    let fixture = Fixture::start(|_| bare(401, "\"token_expired\"")).await;
    let error = fixture.observer().account().await.unwrap_err();
    assert_eq!(error.code(), "token-expired");
    assert!(error.message.contains("2027-07-01T22:18:53Z"), "{error}");
}

#[tokio::test]
async fn a_session_that_is_none_is_an_error() {
    for body in ["{}", r#"{"auth_session_token":""}"#, "planted-session", r#"{"auth_session_token":"a b"}"#] {
        let fixture = Fixture::start(move |_| bare(200, body)).await;
        let error = fixture.observer().account().await.unwrap_err();
        assert_eq!((error.code(), error.operation), ("answer-unreadable", Operation::SignIn), "{body}");
    }
}

#[tokio::test]
async fn redirects_are_never_followed() {
    let other = Fixture::start(|_| account()).await;
    let elsewhere = other.client.url(&["session"], None).to_string();
    for at_sign_in in [true, false] {
        let elsewhere = elsewhere.clone();
        let fixture = Fixture::start(move |seen| match seen.is_sign_in() && !at_sign_in {
            true => Reply::Usual,
            false => Reply::Answer(307, vec![("location", elsewhere.clone())], String::new()),
        })
        .await;
        assert_eq!(fixture.observer().account().await.unwrap_err().code(), "answer-unexpected");
    }
    assert!(other.all().is_empty());
}

#[tokio::test]
async fn nothing_goes_over_a_line_that_others_read() {
    let clock = StepClock::new();
    for base in ["http://mdmenrollment.example.com", "mailto:someone@example.com"] {
        let client = DepClient::new(settings(Url::parse(base).unwrap(), clock.clone()), HTTP.clone());
        let error = DepObserver::new(client.clone()).account().await.unwrap_err();
        assert_eq!(error.code(), "request-not-sendable", "{base}");
        assert_eq!(client.meter().calls(), (0, 0));
    }
}

#[tokio::test]
async fn an_endless_answer_is_not_read_to_its_end() {
    let fixture = Fixture::start(|seen| match seen.is_sign_in() {
        true => Reply::Usual,
        false => bare(200, &" ".repeat((4 << 20) + 1)),
    })
    .await;
    let error = fixture.observer().account().await.unwrap_err();
    assert_eq!(error.code(), "answer-unreadable");
    assert!(error.message.contains("longer than"), "{error}");
}

#[tokio::test]
async fn patience_is_shown_and_bounded() {
    let wait = || Reply::Answer(429, vec![("retry-after", "30".into())], String::new());
    let fixture = Fixture::start(in_turn(vec![wait(), wait(), account()])).await;
    fixture.observer().account().await.unwrap();
    assert_eq!(fixture.clock.pauses(), [Duration::from_secs(30); 2]);
    assert_eq!(fixture.client.meter().asked_until(), Some(fixture.clock.now()));

    let fixture = Fixture::start(in_turn((0..9).map(|_| wait()).collect())).await;
    let error = fixture.observer().account().await.unwrap_err();
    assert_eq!((error.code(), error.retry_after), ("apple-throttled", Some(Duration::from_secs(30))));
    assert_eq!(fixture.calls().len(), 5, "120 seconds of patience are four pauses");
}
