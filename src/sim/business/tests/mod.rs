//! The APIs of Apple Business and Apple School as a client sees them: plain HTTP over loopback.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::PKey;
use openssl::sha::sha256;
use serde_json::{Value, json};

use crate::sim::{Options, Seed, Sim, World};

mod activities;
mod described;
mod faults;
mod lags;
mod limits;
mod one_truth;
mod pages;
mod portal;
mod reads;
mod seeds;
mod services;

pub(in crate::sim) const CLIENT: &str = "BUSINESSAPI.11111111-2222-4333-8444-555555555555";
pub(in crate::sim) const PUPIL: &str = "SCHOOLAPI.99999999-2222-4333-8444-555555555555";
const ORGANIZATION: &str = "Acme";
const TENANT: &str = "7a4d3c1e-0000-4000-8000-000000000001";

/// An organization with three services: one of a direct token, one of Intune's, one that stands
/// alone; and a school.
pub(in crate::sim) fn seed() -> Seed {
    let devices: Vec<Value> = [
        ("DIRECT1", "iPad", Some("Direct")),
        ("DIRECT2", "Mac", Some("Direct")),
        ("INTUNE1", "iPhone", Some("Intune")),
        ("ALONE1", "iPad", Some("Alone")),
        ("FREE1", "iPad", None),
        ("FREE2", "Mac", None),
        ("WATCH1", "Watch", None),
    ]
    .into_iter()
    .map(|(serial, family, service)| json!({"serial": serial, "family": family, "service": service}))
    .collect();
    let seed = json!({
        "seed": 7, "start": "2026-11-02T08:00:00Z",
        "tenants": [{"tenantId": TENANT, "tokens": [{"name": "Fleet", "serials": ["INTUNE9"]}]}],
        "services": [{"name": "Direct server", "serials": ["DIRECT9"]}],
        "organizations": [
            {
                "name": ORGANIZATION, "edition": "business",
                "accounts": [{"clientId": CLIENT, "keyId": "11111111-0000-4000-8000-000000000000"}],
                "services": [
                    {"name": "Direct", "direct": "Direct server", "families": ["Mac"]},
                    {"name": "Intune", "intune": {"tenant": TENANT, "token": "Fleet"}, "families": ["iPad", "iPhone"]},
                    {"name": "Alone"},
                    {"name": "Configurator", "type": "APPLE_CONFIGURATOR"},
                    {"name": "Built-in", "type": "APPLE_MDM"},
                ],
                "devices": devices,
            },
            {
                "name": "Lakeside", "edition": "school",
                "accounts": [{"clientId": PUPIL, "keyId": "22222222-0000-4000-8000-000000000000"}],
                "services": [{"name": "Pupils"}, {"name": "Staff"}],
                "devices": [{"serial": "PUPIL1", "service": "Pupils"}, {"serial": "PUPIL2"}],
            },
        ],
    });
    serde_json::from_value(seed).unwrap()
}

/// A running simulator and a client that is signed in.
pub(in crate::sim) struct Desk {
    pub sim: Sim,
    pub http: reqwest::Client,
    pub client: &'static str,
    pub bearer: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub(in crate::sim) struct Told {
    pub status: u16,
    pub text: String,
    pub retry_after: Option<String>,
    pub content_type: Option<String>,
}

impl Told {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Status and code of a refusal.
    pub fn refusal(&self) -> (u16, String) {
        let code = &self.json()["errors"][0]["code"];
        (self.status, code.as_str().unwrap_or_else(|| panic!("no refusal: {self:?}")).to_owned())
    }
}

impl Desk {
    /// Without limits, which have tests of their own.
    pub async fn new() -> Self {
        let desk = Self::with(&seed()).await;
        desk.behave(json!({"getPerMinute": 0, "postPerHour": 0}));
        desk
    }

    pub async fn with(seed: &Seed) -> Self {
        Self::of(World::from_seed(seed), CLIENT).await
    }

    pub async fn school() -> Self {
        Self::of(World::from_seed(&seed()), PUPIL).await
    }

    pub async fn of(world: World, client: &'static str) -> Self {
        let sim = Sim::start(Options::new(world)).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut desk = Self { sim, http, client, bearer: String::new() };
        desk.sign_in().await;
        desk
    }

    pub async fn sign_in(&mut self) {
        let told = self.ask_token(&self.form(&self.assertion(&json!({}), &json!({})))).await;
        assert_eq!(told.status, 200, "{told:?}");
        self.bearer = told.json()["access_token"].as_str().unwrap().to_owned();
    }

    fn scope(&self) -> &'static str {
        if self.client == PUPIL { "school.api" } else { "business.api" }
    }

    /// The members of a request for a bearer.
    pub fn form(&self, assertion: &str) -> Vec<(&'static str, String)> {
        vec![
            ("grant_type", "client_credentials".to_owned()),
            ("client_id", self.client.to_owned()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
            ("client_assertion", assertion.to_owned()),
            ("scope", self.scope().to_owned()),
        ]
    }

    pub async fn ask_token(&self, form: &[(&'static str, String)]) -> Told {
        let url = format!("{}/auth/oauth2/token", self.sim.addresses().account);
        told(self.http.post(url).form(form)).await.unwrap()
    }

    /// A signed assertion, with members of the header and claims in the place of the right ones; null
    /// leaves one out.
    pub fn assertion(&self, header: &Value, claims: &Value) -> String {
        let signed = self.signed_part(header, claims);
        let signature = self.signature(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn signed_part(&self, header: &Value, claims: &Value) -> String {
        let key = self.sim.api_key(self.client).unwrap();
        let now = self.now();
        let with = |mut right: Value, other: &Value| {
            for (name, value) in other.as_object().unwrap() {
                match value {
                    Value::Null => right.as_object_mut().unwrap().remove(name),
                    value => right.as_object_mut().unwrap().insert(name.clone(), value.clone()),
                };
            }
            URL_SAFE_NO_PAD.encode(right.to_string())
        };
        let header = with(json!({"alg": "ES256", "kid": key.key_id, "typ": "JWT"}), header);
        let right = json!({
            "iss": self.client, "sub": self.client, "jti": "one",
            "aud": "https://account.apple.com/auth/oauth2/v2/token", "iat": now, "exp": now + 1200,
        });
        format!("{header}.{}", with(right, claims))
    }

    /// R and S, 32 bytes each.
    pub fn signature(&self, text: &[u8]) -> Vec<u8> {
        let pem = self.sim.api_key(self.client).unwrap().private_key;
        let key = PKey::private_key_from_pem(pem.as_bytes()).unwrap().ec_key().unwrap();
        let signature = EcdsaSig::sign(&sha256(text), &key).unwrap();
        [signature.r().to_vec_padded(32).unwrap(), signature.s().to_vec_padded(32).unwrap()].concat()
    }

    pub fn now(&self) -> i64 {
        self.sim.with_world(|world| world.now.as_second())
    }

    fn base(&self) -> &str {
        let addresses = self.sim.addresses();
        if self.client == PUPIL { &addresses.school } else { &addresses.business }
    }

    pub async fn try_ask(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Told, reqwest::Error> {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base()) };
        let mut request = self
            .http
            .request(method.parse().unwrap(), url)
            .bearer_auth(&self.bearer)
            .header("Accept", "application/json");
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        told(request).await
    }

    pub async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> Told {
        self.try_ask(method, path, body).await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Value {
        let told = self.ask("GET", path, None).await;
        assert_eq!(told.status, 200, "{path}: {told:?}");
        told.json()
    }

    pub async fn refused(&self, method: &str, path: &str, body: Option<Value>) -> (u16, String) {
        self.ask(method, path, body).await.refusal()
    }

    /// All pages of a list: their rows.
    pub async fn all(&self, path: &str, limit: u32) -> Vec<Value> {
        let mark = if path.contains('?') { '&' } else { '?' };
        let mut next = format!("{path}{mark}limit={limit}");
        let mut rows = Vec::new();
        loop {
            let page = self.get(&next).await;
            rows.extend(page["data"].as_array().unwrap().clone());
            match page["links"]["next"].as_str() {
                Some(link) => next = link.to_owned(),
                None => return rows,
            }
        }
    }

    /// The id of a service by its name.
    pub fn id(&self, service: &str) -> String {
        self.sim.with_world(|world| {
            let here = world.organization(self.client).unwrap();
            here.services[here.position(service).unwrap()].id.clone()
        })
    }

    /// Serials that a service's linkages name, sorted.
    pub async fn linked(&self, service: &str) -> Vec<String> {
        let rows =
            self.all(&format!("/v1/mdmServers/{}/relationships/devices", self.id(service)), 1000).await;
        let mut serials: Vec<String> =
            rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        serials.sort();
        serials
    }

    pub fn activity(&self, kind: &str, service: Option<&str>, serials: &[&str]) -> Value {
        let devices: Vec<Value> =
            serials.iter().map(|serial| json!({"type": "orgDevices", "id": serial})).collect();
        let mut body = json!({"data": {
            "type": "orgDeviceActivities", "attributes": {"activityType": kind},
            "relationships": {"devices": {"data": devices}},
        }});
        if let Some(service) = service {
            body["data"]["relationships"]["mdmServer"] =
                json!({"data": {"type": "mdmServers", "id": self.id(service)}});
        }
        body
    }

    /// Creates an activity. Returns its id.
    pub async fn begin(&self, body: Value) -> String {
        let told = self.ask("POST", "/v1/orgDeviceActivities", Some(body)).await;
        assert_eq!(told.status, 201, "{told:?}");
        told.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Status and sub-status of an activity.
    pub async fn state(&self, id: &str) -> (String, String) {
        let attributes = &self.get(&format!("/v1/orgDeviceActivities/{id}")).await["data"]["attributes"];
        let text = |name: &str| attributes[name].as_str().unwrap().to_owned();
        (text("status"), text("subStatus"))
    }

    /// Creates an activity, waits for its end, and returns its sub-status.
    pub async fn carry_out(&self, body: Value) -> String {
        let id = self.begin(body).await;
        self.advance(12);
        self.state(&id).await.1
    }

    /// The log of an activity.
    pub async fn log(&self, id: &str) -> String {
        let activity = self.get(&format!("/v1/orgDeviceActivities/{id}")).await;
        let url = activity["data"]["attributes"]["downloadUrl"].as_str().unwrap().to_owned();
        let told = told(self.http.get(url)).await.unwrap();
        assert_eq!((told.status, told.content_type.as_deref()), (200, Some("text/csv")), "{told:?}");
        told.text
    }

    pub fn advance(&self, seconds: u64) {
        self.sim.with_world(|world| world.advance(Duration::from_secs(seconds)));
    }

    pub fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).unwrap())
    }

    /// Changes how the API of the client's organization behaves.
    pub fn behave(&self, behaviour: Value) {
        self.sim.with_world(|world| {
            let at = world.organization_at(self.client).unwrap();
            world.organizations[at].behaviour = serde_json::from_value(behaviour).unwrap();
        });
    }

    pub async fn by_hand(&self, changes: Value) -> Told {
        let url = format!("{}/portal", self.sim.addresses().control);
        told(self.http.post(url).body(changes.to_string())).await.unwrap()
    }
}

pub(in crate::sim) async fn told(request: reqwest::RequestBuilder) -> Result<Told, reqwest::Error> {
    let answer = request.send().await?;
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, content_type) = (header("retry-after"), header("content-type"));
    let status = answer.status().as_u16();
    Ok(Told { status, text: answer.text().await?, retry_after, content_type })
}

fn ids(rows: &[Value]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}
