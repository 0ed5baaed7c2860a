//! The client against small hand-written services on loopback, and its bodies against Apple's schemas.

mod actuate;
mod contract;
mod observe;
mod release;
mod secrets;
mod sign_in;

use std::sync::{Arc, Mutex};

use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use serde_json::{Value as Json, json};

use super::*;
use crate::model::{Secret, Serial, ServiceId};
use crate::provider::loopback::{HTTP, Reply, Seen, StepClock, bare, ok, serve};

impl Seen {
    fn is_bearer_wish(&self) -> bool {
        self.line.starts_with("POST /auth/oauth2/")
    }
}

/// A private key, whose PEM holds the curve's parameters before it.
fn api_key() -> ApiKey {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let pem = EcKey::generate(&group).unwrap().private_key_to_pem().unwrap();
    ApiKey::from_pem(&Secret::new(String::from_utf8(pem).unwrap())).unwrap()
}

fn settings(base: &Url, clock: Arc<StepClock>) -> BusinessSettings {
    BusinessSettings {
        edition: Edition::Business,
        api: base.clone(),
        account: base.clone(),
        account_name: None,
        client_id: "BUSINESSAPI.1".into(),
        key_id: "K-1".into(),
        send_key_id: true,
        sign_in: SignIn::Key(api_key()),
        bearers: Arc::new(NoStore),
        budget: CallBudget::new(1_000, 1_000, &PastCalls::default(), clock.now()),
        most_serials: MOST_SERIALS,
        certificate: CertificateForm::Der,
        clock,
        user_agent: "espalier-test/1".into(),
        patience: Duration::from_secs(120),
    }
}

/// A service on loopback, which plays API and account service at once, and a client for it.
struct Fixture {
    clock: Arc<StepClock>,
    seen: Arc<Mutex<Vec<Seen>>>,
    base: Url,
    client: BusinessClient,
}

impl Fixture {
    async fn start(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        Self::start_with(|_| {}, script).await
    }

    /// Starts a service that answers by `script`, and gives a bearer where that says [`Reply::Usual`].
    async fn start_with(
        adjust: impl FnOnce(&mut BusinessSettings),
        mut script: impl FnMut(&Seen) -> Reply + Send + 'static,
    ) -> Self {
        let (clock, mut sign_ins) = (StepClock::new(), 0);
        let answer = move |request: &Seen| match script(request) {
            Reply::Usual if request.is_bearer_wish() => {
                sign_ins += 1;
                let bearer = format!("planted-bearer-{sign_ins}");
                ok(json!({ "access_token": bearer, "token_type": "Bearer", "expires_in": 3600 }))
            }
            reply => reply,
        };
        let (base, seen) = serve(clock.clone(), answer).await;
        let mut settings = settings(&base, clock.clone());
        adjust(&mut settings);
        let client = BusinessClient::new(settings, HTTP.clone());
        Self { clock, seen, base, client }
    }

    fn observer(&self) -> BusinessObserver {
        BusinessObserver::new(self.client.clone())
    }

    fn actuator(&self) -> BusinessActuator {
        BusinessActuator::new(self.client.clone())
    }

    fn all(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// All requests but sign-ins.
    fn calls(&self) -> Vec<Seen> {
        self.all().into_iter().filter(|seen| !seen.is_bearer_wish()).collect()
    }

    fn lines(&self) -> Vec<String> {
        self.calls().into_iter().map(|seen| seen.line).collect()
    }

    fn sign_ins(&self) -> usize {
        self.all().iter().filter(|seen| seen.is_bearer_wish()).count()
    }
}

/// Answers that go by, one per call; sign-ins are answered by the fixture. Afterwards 418.
fn in_turn(replies: Vec<Reply>) -> impl FnMut(&Seen) -> Reply + Send + 'static {
    let mut replies = replies.into_iter();
    move |seen| match seen.is_bearer_wish() {
        true => Reply::Usual,
        false => replies.next().unwrap_or(bare(418, "")),
    }
}

/// Answers by the line of the request; what has none is 404 of the API.
fn by_line(table: Vec<(&'static str, Json)>) -> impl FnMut(&Seen) -> Reply + Send + 'static {
    move |seen| match table.iter().find(|(line, _)| *line == seen.line) {
        _ if seen.is_bearer_wish() => Reply::Usual,
        Some((_, body)) => ok(body.clone()),
        None => refusal(404, "NOT_FOUND", "no such thing"),
    }
}

fn refusal(status: u16, code: &str, detail: &str) -> Reply {
    let body =
        json!({ "errors": [{ "status": status.to_string(), "code": code, "title": "T", "detail": detail }] });
    let fields = vec![("X-Apple-Request-UUID", "1d0a2f6e-0000-4000-8000-000000000001".to_owned())];
    Reply::Answer(status, fields, body.to_string())
}

fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

fn service(text: &str) -> ServiceId {
    ServiceId::new(text)
}

/// The last page of a list.
fn last(data: Json) -> Json {
    json!({ "data": data, "links": { "self": "x" }, "meta": { "paging": { "limit": 1000 } } })
}

fn device(serial: &str, status: &str) -> Json {
    json!({ "type": "orgDevices", "id": serial, "attributes": { "serialNumber": serial, "status": status,
            "deviceModel": "iPad", "productFamily": "iPad" } })
}

fn linkage(serial: &str) -> Json {
    json!({ "type": "orgDevices", "id": serial })
}

fn server(id: &str, name: &str) -> Json {
    json!({ "type": "mdmServers", "id": id, "attributes": { "serverName": name, "serverType": "MDM",
            "status": "ACTIVE", "deviceCount": 1 } })
}
