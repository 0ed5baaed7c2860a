//! A simulator with two services at Apple, and a `depserver` that is told of the first.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use espalier::model::Serial;
use espalier::model::clock::Timestamp;
use espalier::sim::{Seed, SeedService, World};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{SimServer, TestEnv};

use super::programs::{DepServer, DepSyncer, Programs};

/// The name of the first service, at Apple and as NanoDEP's DEP name.
pub const SCHOOL: &str = "school";
/// The name of the other one.
pub const OTHER: &str = "other";

/// What a scenario stands on. Everything recorded is held to the contracts at its end.
pub struct Ground<'a> {
    /// NanoDEP's server, over [`Ground::storage`].
    pub server: DepServer,
    /// The simulator.
    pub sim: SimServer,
    /// The folder of the scenario.
    pub env: TestEnv,
    programs: &'a Programs,
}

impl<'a> Ground<'a> {
    /// With so many devices at the first service; NanoDEP has no token yet.
    pub fn new(programs: &'a Programs, devices: u32) -> Self {
        let service = |name: &str, devices| SeedService {
            name: name.to_owned(),
            devices,
            assigned: false,
            ..SeedService::default()
        };
        let seed = Seed {
            seed: 7,
            // NanoDEP signs with this machine's time.
            start: now(),
            surroundings: false,
            services: vec![service(SCHOOL, devices), service(OTHER, 1)],
            tenants: Vec::new(),
            ..Seed::default()
        };
        let world = serde_json::from_slice(&World::from_seed(&seed).to_json()).expect("a world is JSON");
        let env = TestEnv::new();
        let sim = env.serve_world(&world);
        let ground = Self { server: DepServer::start(programs, &storage(&env)), sim, env, programs };
        for name in [SCHOOL, OTHER] {
            let config = json!({ "base_url": ground.sim.address("dep") });
            ground.server.put(&format!("/v1/config/{name}"), &config.to_string());
        }
        ground
    }

    /// With a server token of the first service, which NanoDEP got as a person would give it.
    pub fn connected(programs: &'a Programs, devices: u32) -> Self {
        let ground = Self::new(programs, devices);
        ground.connect(SCHOOL);
        ground
    }

    /// Takes NanoDEP's certificate to the portal, and the portal's file to NanoDEP.
    pub fn connect(&self, name: &str) {
        self.upload(name, &self.certificate(name));
        let file = self.download(&json!({ "service": name }));
        self.server.put(&format!("/v1/tokenpki/{name}"), &file);
    }

    /// A certificate of a new key pair in `depserver`.
    pub fn certificate(&self, name: &str) -> String {
        self.server.get(&format!("/v1/tokenpki/{name}?cn=judge&validity_days=30"))
    }

    /// Uploads a certificate in the portal.
    pub fn upload(&self, service: &str, pem: &str) {
        self.sim.portal(&json!({ "do": "uploadCertificate", "service": service, "pem": pem }));
    }

    /// Downloads a new token in the portal: the text of the file.
    pub fn download(&self, wish: &Value) -> String {
        let mut change = wish.clone();
        change["do"] = json!("downloadToken");
        let answer = self.sim.post_json("/portal", &change);
        let base64 = answer["files"][0]["base64"].as_str().unwrap_or_else(|| panic!("no file in {answer}"));
        let bytes = base64::engine::general_purpose::STANDARD.decode(base64).expect("base64");
        String::from_utf8(bytes).expect("a file of this form is a text")
    }

    /// The server token in force, as the decrypted file states it.
    pub fn token(&self, service: &str) -> Value {
        let all = self.sim.get_json("/credentials");
        let all = all.as_array().expect("a list");
        let found = all.iter().find(|one| one["service"] == service);
        found.unwrap_or_else(|| panic!("no credentials of {service}"))["token"].clone()
    }

    /// A service of the world.
    pub fn service(&self, name: &str) -> Value {
        let world = self.sim.world();
        let services = world["services"].as_array().expect("the world has services");
        services.iter().find(|service| service["name"] == name).expect("a service of this name").clone()
    }

    /// The serials that a service has, sorted.
    pub fn serials(&self, name: &str) -> Vec<String> {
        let service = self.service(name);
        let rows = service["fleet"]["rows"].as_array().expect("the service has devices");
        let there = rows.iter().filter(|row| row["gone"] != true);
        let mut serials: Vec<String> =
            there.map(|row| row["serial"].as_str().expect("a serial").to_owned()).collect();
        serials.sort();
        serials
    }

    /// The row of a device in the world.
    pub fn row(&self, name: &str, serial: &str) -> Value {
        let service = self.service(name);
        let rows = service["fleet"]["rows"].as_array().expect("the service has devices");
        rows.iter().find(|row| row["serial"] == serial).expect("a device of this serial").clone()
    }

    /// Steps the world's clock; NanoDEP's stays, and its timestamps are taken all the same.
    pub fn step(&self, by: &str) {
        self.sim.fault(&json!({ "fault": "any-timestamp" }));
        self.sim.post_json("/clock", &json!({ "advance": by }));
    }

    /// How often an operation was asked for.
    pub fn asked(&self, operation: &str) -> u64 {
        let calls = self.sim.calls();
        let counted = calls.iter().filter(|call| call["operation"] == operation);
        counted.map(|call| call["count"].as_u64().expect("a count")).sum()
    }

    /// A call through `depserver`'s proxy, which must succeed.
    #[track_caller]
    pub fn proxy(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        self.server.proxy(method, &format!("{SCHOOL}{path}"), body)
    }

    /// Starts `depsyncer` for a service.
    pub fn syncer(&self, name: &str, limit: usize) -> DepSyncer {
        DepSyncer::start(self.programs, &storage(&self.env), name, limit)
    }

    /// Where NanoDEP keeps what it knows under a key.
    pub fn kept(&self, key: &str) -> PathBuf {
        storage(&self.env).join("dep_names").join(key)
    }
}

/// Serials that no seed makes.
pub fn fresh(count: u32) -> Vec<String> {
    let serials = (0..count).map(|number| format!("NEW{number:07}A"));
    let serials: Vec<String> = serials.collect();
    assert!(serials.iter().all(|serial| Serial::new(serial).is_some()), "{serials:?}");
    serials
}

fn storage(env: &TestEnv) -> PathBuf {
    env.home().join("nanodep")
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    Timestamp::from_second(since.as_secs() as i64).expect("an instant")
}
