//! The simulator as a client sees it: plain HTTP over loopback.

use serde_json::{Value, json};

use super::*;

mod accounts;
mod control;
mod faults;
mod managed;
mod reads;
mod sign_in;
mod tenant;
mod writes;

const TENANT: &str = "7a4d3c1e-0000-4000-8000-000000000001";
const VPP: &str = "3f2c1b0a-1111-4222-8333-444455556666";

fn serial(text: &str) -> crate::model::Serial {
    crate::model::Serial::new(text).unwrap()
}

fn seed() -> Seed {
    Seed {
        seed: 7,
        start: "2026-11-02T08:00:00Z".parse().unwrap(),
        surroundings: false,
        services: Vec::new(),
        organizations: Vec::new(),
        tenants: vec![SeedTenant {
            tenant_id: TENANT.to_owned(),
            scope_tags: vec!["Berlin".to_owned()],
            tokens: vec![SeedToken {
                name: "School".to_owned(),
                serials: ["C02AAA", "C02BBB", "C02CCC", "C02DDD", "C02EEE"].map(serial).to_vec(),
                ..SeedToken::default()
            }],
            vpp_tokens: vec![SeedVppToken {
                name: "Field apps".to_owned(),
                id: Some(VPP.to_owned()),
                ..SeedVppToken::default()
            }],
            ..SeedTenant::default()
        }],
    }
}

/// A running simulator and a client that is signed in.
struct Desk {
    sim: Sim,
    http: reqwest::Client,
    bearer: String,
}

impl Desk {
    async fn new() -> Self {
        Self::with(Options::new(World::from_seed(&seed()))).await
    }

    async fn with(options: Options) -> Self {
        let sim = Sim::start(options).await.unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut desk = Self { sim, http, bearer: String::new() };
        desk.sign_in().await;
        desk
    }

    async fn sign_in(&mut self) {
        let (status, body) = self.login(TENANT, &[("client_secret", "s3cret")]).await;
        assert_eq!(status, 200, "{body}");
        self.bearer = body["access_token"].as_str().unwrap().to_owned();
    }

    async fn login(&self, tenant: &str, more: &[(&str, &str)]) -> (u16, Value) {
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", "app"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        for (name, value) in more {
            form.retain(|(there, _)| there != name);
            form.push((name, value));
        }
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.sim.addresses().login);
        let answer = self.http.post(url).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<reqwest::Response, reqwest::Error> {
        let url = match path.starts_with("http") {
            true => path.to_owned(),
            false => format!("{}/beta{path}", self.sim.addresses().graph),
        };
        let request = self.http.request(method.parse().unwrap(), url).bearer_auth(&self.bearer);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        request.send().await
    }

    /// Status and JSON; null for an empty body.
    async fn ask(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let answer = self.send(method, path, body).await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, None).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    async fn control(&self, method: &str, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("{}{path}", self.sim.addresses().control);
        let request = self.http.request(method.parse().unwrap(), url);
        let request = match body {
            Some(body) => request.json(&body),
            None => request,
        };
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    fn token(&self) -> String {
        self.sim.with_world(|world| world.tenants[0].tokens[0].id.clone())
    }

    fn below(&self, rest: &str) -> String {
        format!("/deviceManagement/depOnboardingSettings/{}{rest}", self.token())
    }

    async fn create(&self, name: &str) -> (u16, Value) {
        self.ask("POST", &self.below("/enrollmentProfiles"), Some(profile(name))).await
    }

    async fn created(&self, name: &str) -> String {
        let (status, body) = self.create(name).await;
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }

    fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).unwrap())
    }

    fn advance(&self, seconds: u64) {
        self.sim.with_world(|world| world.advance(Duration::from_secs(seconds)));
    }
}

fn profile(name: &str) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile",
        "displayName": name, "requiresUserAuthentication": false, "isMandatory": true,
    })
}

/// The text that Intune hides in a message.
fn told(body: &Value) -> String {
    let message = body["error"]["message"].as_str().unwrap();
    match serde_json::from_str::<Value>(message) {
        Ok(inner) => inner["Message"].as_str().unwrap().to_owned(),
        Err(_) => message.to_owned(),
    }
}
