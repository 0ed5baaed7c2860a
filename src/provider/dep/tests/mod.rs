//! The client against small hand-written services on loopback, and against documents by others.

mod actuate;
mod convert;
mod device;
mod observe;
mod secrets;
mod sign_in;

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::*;
use crate::model::Serial;
use crate::provider::loopback::{HTTP, Reply, Seen, StepClock, bare, date, ok, serve};

impl Seen {
    fn session(&self) -> &str {
        self.field("x-adm-auth-session")
    }

    fn is_sign_in(&self) -> bool {
        self.line == "GET /session"
    }
}

fn rotating(body: Json, session: &str) -> Reply {
    Reply::Answer(200, vec![("X-ADM-Auth-Session", session.to_owned())], body.to_string())
}

/// A service on loopback and a client for it.
struct Fixture {
    clock: Arc<StepClock>,
    seen: Arc<Mutex<Vec<Seen>>>,
    client: DepClient,
}

fn server_token() -> ServerToken {
    let text = json!({
        "consumer_key": "CK_planted0a1", "consumer_secret": "CS_planted0a2",
        "access_token": "AT_planted0a3", "access_secret": "AS_planted0a4",
        "access_token_expiry": "2027-07-01T22:18:53Z",
    });
    ServerToken::from_json(&text.to_string()).unwrap()
}

fn settings(base: Url, clock: Arc<StepClock>) -> DepSettings {
    DepSettings {
        base,
        token: server_token(),
        clock,
        user_agent: "espalier-test/1".into(),
        patience: Duration::from_secs(120),
        page_limit: PAGE_LIMIT,
    }
}

impl Fixture {
    /// Starts a service that answers by `script`, and gives a session where that says [`Reply::Usual`].
    async fn start(mut script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        let (clock, mut sign_ins) = (StepClock::new(), 0);
        let answer = move |request: &Seen| match script(request) {
            Reply::Usual if request.is_sign_in() => {
                sign_ins += 1;
                ok(json!({ "auth_session_token": format!("planted-session-{sign_ins}") }))
            }
            reply => reply,
        };
        let (base, seen) = serve(clock.clone(), answer).await;
        let client = DepClient::new(settings(base, clock.clone()), HTTP.clone());
        Self { clock, seen, client }
    }

    fn observer(&self) -> DepObserver {
        DepObserver::new(self.client.clone())
    }

    fn actuator(&self) -> DepActuator {
        DepActuator::new(self.client.clone())
    }

    fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// All requests but sign-ins.
    fn calls(&self) -> Vec<Seen> {
        self.all().into_iter().filter(|seen| !seen.is_sign_in()).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|seen| seen.line).collect()
    }

    fn sign_ins(&self) -> usize {
        self.all().iter().filter(|seen| seen.is_sign_in()).count()
    }
}

/// Answers that go by, one per call; sign-ins are answered by the fixture. Afterwards 418.
fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Seen) -> Reply + Send + 'static {
    let mut replies = replies.into_iter();
    move |seen| match seen.is_sign_in() {
        true => Reply::Usual,
        false => replies.next().unwrap_or(bare(418, "")),
    }
}

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

fn serials(count: usize) -> Vec<Serial> {
    (0..count).map(|number| serial(&format!("SN{number:06}"))).collect()
}

/// A page as Apple orders its members: the cursor comes last.
fn page(devices: &[&str], cursor: &str, more: bool) -> Reply {
    let devices: Vec<Json> =
        devices.iter().map(|serial| json!({ "serial_number": serial, "model": "iPad" })).collect();
    let devices = Json::Array(devices);
    bare(
        200,
        &format!(
            r#"{{"devices":{devices},"fetched_until":"2018-09-08T17:28:18Z","more_to_follow":{more},"cursor":"{cursor}"}}"#
        ),
    )
}
