//! A simulator in this process with one token, seen by plain HTTP and by the client.

use std::time::Duration;

use espalier::http::{self, Reach};
use espalier::model::TokenId;
use espalier::provider::graph::{GraphActuator, GraphClient, GraphObserver, GraphSettings, SignIn};
use espalier::sim::{Options, Seed, SeedTenant, SeedToken, Sim, World};
use serde_json::Value;

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
    /// A world of one token without devices; `options` may be changed before the start.
    pub async fn new(adjust: impl FnOnce(&mut Options)) -> Self {
        let seed = Seed {
            seed: 11,
            start: "2026-11-02T08:00:00Z".parse().expect("an instant"),
            surroundings: false,
            tenants: vec![SeedTenant {
                tenant_id: TENANT.to_owned(),
                tokens: vec![SeedToken { name: TOKEN.to_owned(), ..SeedToken::default() }],
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
