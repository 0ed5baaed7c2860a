//! Writes: what is sent, how often, and what the outcome may claim.

use super::*;
use crate::model::live::Cause;
use crate::model::{Fields, Platform, Serial, Value};

fn serials(count: usize) -> Vec<Serial> {
    (0..count).map(|at| Serial::new(&format!("SN{at}")).unwrap()).collect()
}

fn assign(count: usize) -> Write {
    Write::Assign { token: token("t"), profile: profile("t_p"), serials: serials(count) }
}

fn create() -> Write {
    let fields = Fields::from([
        ("displayName".into(), Value::text("iPads")),
        ("supervised".into(), Value::Bool(false)),
    ]);
    Write::CreateProfile { token: token("t"), platform: Platform::Ios, fields, resolved: Resolved::default() }
}

fn rename() -> Write {
    Write::UpdateProfile {
        token: token("t"),
        profile: profile("t_p"),
        platform: Platform::Ios,
        changes: Fields::from([("displayName".into(), Value::text("new"))]),
        live: Fields::from([("supervised".into(), Value::Bool(true))]),
        live_skip_keys: vec!["Siri".into()],
        resolved: Resolved::default(),
    }
}

const PROFILES: &str = "/beta/deviceManagement/depOnboardingSettings/t/enrollmentProfiles";

#[tokio::test]
async fn a_created_profile_comes_back_with_all_its_members() {
    let fixture = Fixture::start(in_turn(vec![Reply::Json(201, ios_profile("t_p"))])).await;
    let Outcome::Done(Some(made)) = fixture.actuator().write(&create()).await else { panic!() };
    assert_eq!(made.id.0, "t_p");
    assert_eq!(made.members["futureMember"], json!({ "kept": true }));
    let calls = fixture.calls();
    assert_eq!(calls[0].line, format!("POST {PROFILES}"));
    let body =
        json!({ "@odata.type": convert::IOS_TYPE, "displayName": "iPads", "supervisedModeEnabled": false });
    assert_eq!(calls[0].json(), body);
}

#[tokio::test]
async fn a_patch_is_done_with_a_body_and_without() {
    let fixture = Fixture::start(in_turn(vec![ok(ios_profile("t_p")), Reply::Empty(204)])).await;
    assert!(matches!(fixture.actuator().write(&rename()).await, Outcome::Done(Some(_))));
    assert!(matches!(fixture.actuator().write(&rename()).await, Outcome::Done(None)));
    assert_eq!(fixture.lines()[0], format!("PATCH {PROFILES}/t_p"));
    assert_eq!(fixture.calls()[0].json(), json!({ "@odata.type": convert::IOS_TYPE, "displayName": "new" }));
}

#[tokio::test]
async fn a_token_is_patched_with_what_changes_only() {
    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("token") {
        true => Reply::Empty(404),
        false => Reply::Empty(204),
    })
    .await;
    let write = |name: Option<&str>, tags: Option<&[&str]>| Write::UpdateToken {
        token: token("t"),
        name: name.map(str::to_owned),
        scope_tag_ids: tags.map(|tags| tags.iter().map(|tag| (*tag).to_owned()).collect()),
    };
    for update in [write(Some("n"), None), write(None, Some(&["0", "4"])), write(None, None)] {
        assert!(matches!(fixture.actuator().write(&update).await, Outcome::Done(None)));
    }
    let bodies: Vec<_> = fixture.calls().iter().map(Seen::json).collect();
    let kind = "#microsoft.graph.depOnboardingSetting";
    assert_eq!(
        bodies,
        [
            json!({ "@odata.type": kind, "tokenName": "n" }),
            json!({ "@odata.type": kind, "roleScopeTagIds": ["0", "4"] })
        ]
    );
}

#[tokio::test]
async fn create_and_sync_are_never_sent_again_after_an_ambiguous_answer() {
    for write in [create(), Write::Sync { token: token("t") }] {
        for trouble in [|| refusal(500), || refusal(504), || Reply::Cut] {
            let fixture = Fixture::start(in_turn(vec![trouble()])).await;
            let Outcome::Lost(error) = fixture.actuator().write(&write).await else { panic!("{write:?}") };
            assert_eq!(error.cause, Cause::LostAnswer);
            assert_eq!(fixture.lines().len(), 1);
        }
    }
}

#[tokio::test]
async fn create_is_sent_again_where_nothing_can_have_happened() {
    let throttled = Reply::With(429, "retry-after", "3".into(), json!({}));
    let fixture =
        Fixture::start(in_turn(vec![throttled, refusal(401), Reply::Json(201, ios_profile("t_p"))])).await;
    assert!(matches!(fixture.actuator().write(&create()).await, Outcome::Done(Some(_))));
    assert_eq!((fixture.lines().len(), fixture.sign_ins()), (3, 2));
    assert_eq!(fixture.clock.pauses(), [3.0]);
    let bearers: Vec<_> = fixture.calls().into_iter().filter_map(|seen| seen.authorization).collect();
    assert_eq!(bearers[1..], ["Bearer planted-bearer-1", "Bearer planted-bearer-2"]);
}

#[tokio::test]
async fn repeatable_writes_are_sent_again_and_lost_in_the_end() {
    let delete = Write::DeleteProfile { token: token("t"), profile: profile("t_p") };
    let default = Write::SetDefault { token: token("t"), profile: profile("t_p") };
    for write in [rename(), delete, default, assign(1)] {
        let fixture = Fixture::start(in_turn(vec![Reply::Cut, refusal(500), Reply::Empty(204)])).await;
        assert!(matches!(fixture.actuator().write(&write).await, Outcome::Done(_)), "{write:?}");
        let troubles = vec![refusal(500), refusal(502), Reply::Cut, refusal(503), Reply::Empty(204)];
        let fixture = Fixture::start(in_turn(troubles)).await;
        assert!(matches!(fixture.actuator().write(&write).await, Outcome::Lost(_)), "{write:?}");
        assert_eq!(fixture.lines().len(), 4);
    }
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_is_no_proof() {
    let fixture = Fixture::start(in_turn(vec![refusal(500), refusal(400)])).await;
    assert!(matches!(fixture.actuator().write(&rename()).await, Outcome::Lost(_)));
    let fixture = Fixture::start(in_turn(vec![refusal(400)])).await;
    let Outcome::Refused(error) = fixture.actuator().write(&rename()).await else { panic!() };
    assert_eq!(error.cause, Cause::Manifest);
    let fixture = Fixture::start(in_turn(vec![refusal(403)])).await;
    let Outcome::NotSent(error) = fixture.actuator().write(&rename()).await else { panic!() };
    assert!(error.next.contains("DeviceManagementServiceConfig.ReadWrite.All"));
}

#[tokio::test]
async fn a_delete_that_finds_nothing_after_a_lost_answer_is_done() {
    for write in [
        Write::DeleteProfile { token: token("t"), profile: profile("t_p") },
        Write::DeleteToken { token: token("t") },
    ] {
        let fixture = Fixture::start(in_turn(vec![Reply::Cut, refusal(404)])).await;
        assert!(matches!(fixture.actuator().write(&write).await, Outcome::Done(None)));
        let fixture = Fixture::start(in_turn(vec![refusal(404)])).await;
        assert!(matches!(fixture.actuator().write(&write).await, Outcome::Refused(_)));
    }
}

#[tokio::test]
async fn set_default_waits_until_a_new_profile_is_visible() {
    let default = Write::SetDefault { token: token("t"), profile: profile("t_p") };
    let fixture = Fixture::start(in_turn(vec![refusal(404), refusal(404), Reply::Empty(204)])).await;
    assert!(matches!(fixture.actuator().write(&default).await, Outcome::Done(None)));
    assert_eq!(fixture.clock.pauses(), [4.0, 4.0]);
    assert_eq!(fixture.lines()[0], format!("POST {PROFILES}/t_p/setDefaultProfile"));
    assert_eq!(fixture.calls()[0].body, "");

    let fixture = Fixture::start(|_, seen| match seen.line.ends_with("token") {
        true => Reply::Empty(404),
        false => refusal(404),
    })
    .await;
    assert!(matches!(fixture.actuator().write(&default).await, Outcome::Refused(_)));
    assert_eq!(fixture.clock.pauses().iter().sum::<f64>(), 60.0);
}

#[tokio::test]
async fn a_refused_connection_is_not_sent() {
    // Bound but not listening: the port refuses, and nobody else can get it.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed = Url::parse(&format!("http://{}", socket.local_addr().unwrap())).unwrap();
    let script = in_turn(vec![]);
    let fixture = Fixture::start_with(SignIn::Simulated, |settings| settings.graph = closed, script).await;
    let Outcome::NotSent(error) = fixture.actuator().write(&create()).await else { panic!() };
    assert_eq!((error.cause, error.status), (Cause::Unavailable, None));
}

#[tokio::test]
async fn assignments_travel_in_batches_of_batches() {
    let fixture = Fixture::start(|_, seen| match &seen.line {
        line if line.ends_with("token") => Reply::Empty(404),
        line if line.ends_with("$batch") => batch_of(seen, |_| Some((204, json!({}), Json::Null))),
        _ => Reply::Empty(204),
    })
    .await;
    let writes = [assign(39), assign(3), assign(0)];
    let requests: usize = writes.iter().map(|write| requests_for(write, 2)).sum();
    assert_eq!(requests, 22);
    let outcomes = fixture.actuator().write_batch(&writes).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done(None))), "{outcomes:?}");
    let calls = fixture.calls();
    let sizes: Vec<_> =
        calls.iter().map(|seen| seen.json()["requests"].as_array().map_or(1, Vec::len)).collect();
    assert_eq!(sizes, [20, 2]);
    assert_eq!(
        calls[1].json()["requests"][0],
        json!({ "id": "0", "method": "POST", "headers": { "Content-Type": "application/json" },
                "url": "/deviceManagement/depOnboardingSettings/t/enrollmentProfiles/t_p/updateDeviceProfileAssignment",
                "body": { "deviceIds": ["SN0", "SN1"] } })
    );
    // A single request is sent plainly.
    assert!(matches!(fixture.actuator().write(&assign(1)).await, Outcome::Done(None)));
    let last = fixture.calls().pop().unwrap();
    assert_eq!(last.line, format!("POST {PROFILES}/t_p/updateDeviceProfileAssignment"));
    assert_eq!(last.json(), json!({ "deviceIds": ["SN0"] }));
}

#[tokio::test]
async fn each_assignment_has_the_worst_end_of_its_requests() {
    let fixture = Fixture::start(|_, seen| {
        if seen.line.ends_with("token") {
            return Reply::Empty(404);
        }
        batch_of(seen, |request| {
            let refused = json!({ "error": { "code": "BadRequest", "message": "no" } });
            match request["id"].as_str().unwrap() {
                "2" | "4" => Some((400, json!({}), refused)),
                "3" => Some((400, json!({}), refused)),
                "6" => None,
                _ => Some((204, json!({}), Json::Null)),
            }
        })
    })
    .await;
    // Two requests each: done + done, refused + refused, refused + done, lost + done.
    let outcomes = fixture.actuator().write_batch(&[assign(3), assign(4), assign(4), assign(4)]).await;
    let [Outcome::Done(None), Outcome::Refused(_), Outcome::Lost(part), Outcome::Lost(lost)] = &outcomes[..]
    else {
        panic!("{outcomes:?}")
    };
    assert!(part.message.starts_with("1 of 2 requests were carried out"), "{}", part.message);
    assert_eq!(lost.cause, Cause::LostAnswer);
    assert_eq!(fixture.lines().len(), 1);
}

#[tokio::test]
async fn a_batch_whose_answer_is_lost_is_sent_again_and_an_expired_bearer_renewed() {
    let mut rounds = 0;
    let fixture = Fixture::start(move |_, seen| {
        if seen.line.ends_with("token") {
            return Reply::Empty(404);
        }
        rounds += 1;
        match rounds {
            1 => Reply::Cut,
            2 => refusal(401),
            3 => batch_of(seen, |_| Some((401, json!({}), json!({})))),
            _ => batch_of(seen, |_| Some((204, json!({}), Json::Null))),
        }
    })
    .await;
    let outcomes = fixture.actuator().write_batch(&[assign(4)]).await;
    assert!(matches!(outcomes[..], [Outcome::Done(None)]), "{outcomes:?}");
    assert_eq!((fixture.lines().len(), fixture.sign_ins()), (4, 3));
}
