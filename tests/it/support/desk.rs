//! A simulator in this process with one token, seen by plain HTTP and by the client.

use std::collections::BTreeMap;
use std::time::Duration;

use espalier::http::{self, Reach};
use espalier::model::TokenId;
use espalier::provider::graph::{GraphActuator, GraphClient, GraphObserver, GraphSettings, SignIn};
use espalier::sim::{Options, Seed, SeedTenant, SeedToken, SeedVppToken, Sim, World};
use serde_json::Value;

use super::wire;

/// The tenant of the desk.
pub const TENANT: &str = "7a4d3c1e-0000-4000-8000-000000000001";
/// The name of its only token.
pub const TOKEN: &str = "main";

/// The simulator, and a plain client that is signed in.
pub struct Desk {
    /// The simulator.
    pub sim: Sim,
    http: reqwest::Client,
    bearer: String,
}

impl Desk {
    /// A world of one token without devices and the VPP token of the field table; `options` may be changed before the start.
    pub async fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        let seed = Seed {
            seed: 11,
            start: "2026-11-02T08:00:00Z".parse().expect("an instant"),
            surroundings: false,
            services: Vec::new(),
            organizations: Vec::new(),
            tenants: vec![SeedTenant {
                tenant_id: TENANT.to_owned(),
                tokens: vec![SeedToken { name: TOKEN.to_owned(), ..SeedToken::default() }],
                vpp_tokens: vec![SeedVppToken {
                    name: wire::VPP_TOKEN.0.to_owned(),
                    id: Some(wire::VPP_TOKEN.1.to_owned()),
                    ..SeedVppToken::default()
                }],
                ..SeedTenant::default()
            }],
        };
        let mut options = Options::new(World::from_seed(&seed));
        adjust(&mut options);
        let sim = Sim::start(options).await.expect("a simulator on free ports");
        let http = http::client(Reach::Loopback).expect("a client");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", "app"),
            ("client_secret", "any"),
            ("scope", "https://graph.microsoft.com/.default"),
        ];
        let url = format!("{}/{TENANT}/oauth2/v2.0/token", sim.addresses().login);
        let answer = http.post(url).form(&form).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        let bearer = answer["access_token"].as_str().expect("a bearer").to_owned();
        Self { sim, http, bearer }
    }

    /// The id of the token.
    pub fn token(&self) -> TokenId {
        TokenId(self.sim.with_world(|world| world.tenants[0].tokens[0].id.clone()))
    }

    /// Creates a profile by plain HTTP; the status and the answer.
    pub async fn post_profile(&self, body: &Value) -> (u16, Value) {
        let request = self.http.post(self.url("")).json(body);
        self.answer(request).await
    }

    /// Reads a profile by plain HTTP.
    pub async fn get_profile(&self, id: &str) -> Value {
        let (status, body) = self.answer(self.http.get(self.url(&format!("/{id}")))).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Changes a profile by plain HTTP; the status and the answer.
    pub async fn patch_profile(&self, id: &str, body: &Value) -> (u16, Value) {
        self.answer(self.http.patch(self.url(&format!("/{id}"))).json(body)).await
    }

    /// Makes a profile the default by plain HTTP; the status.
    pub async fn set_default(&self, id: &str) -> u16 {
        let request = self.http.post(self.url(&format!("/{id}/setDefaultProfile")));
        let answer = request.bearer_auth(&self.bearer).send().await.expect("an answer");
        answer.status().as_u16()
    }

    /// Asks for any path below the version by plain HTTP; the status and the answer.
    pub async fn ask(&self, path: &str) -> (u16, Value) {
        let url = format!("{}/beta{path}", self.sim.addresses().graph);
        self.answer(self.http.get(url)).await
    }

    /// Sends a `$batch` by plain HTTP; the answers by their ids.
    pub async fn batch(&self, requests: Value) -> BTreeMap<String, Value> {
        let url = format!("{}/beta/$batch", self.sim.addresses().graph);
        let body = serde_json::json!({ "requests": requests });
        let (status, mut answers) = self.answer(self.http.post(url).json(&body)).await;
        assert_eq!(status, 200, "{answers}");
        let Value::Array(answers) = answers["responses"].take() else { panic!("no list of answers") };
        let id = |answer: &Value| answer["id"].as_str().expect("an id").to_owned();
        answers.into_iter().map(|answer| (id(&answer), answer)).collect()
    }

    async fn answer(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.bearer_auth(&self.bearer).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    fn url(&self, below: &str) -> String {
        let graph = &self.sim.addresses().graph;
        let token = self.token().0;
        format!("{graph}/beta/deviceManagement/depOnboardingSettings/{token}/enrollmentProfiles{below}")
    }

    /// Both halves of the product's client.
    pub fn client(&self) -> (GraphObserver, GraphActuator) {
        let url = |text: &str| text.parse().expect("an address");
        let settings = GraphSettings {
            tenant_id: TENANT.to_owned(),
            client_id: "app".to_owned(),
            sign_in: SignIn::Simulated,
            cloud: espalier::model::desired::Cloud::Global,
            graph: url(&self.sim.addresses().graph),
            login: url(&self.sim.addresses().login),
            assign_batch: 100,
            clock: self.sim.clock(),
            user_agent: "espalier/test".to_owned(),
            patience: Duration::from_secs(60),
        };
        let client = GraphClient::new(settings, self.http.clone());
        (GraphObserver::new(client.clone()), GraphActuator::new(client))
    }
}
