//! A simulator with an organisation at Business and one at School, a tunnel to it from Apple's hosts,
//! and NanoAXM behind that.

use std::path::Path;

use espalier::model::clock::Timestamp;
use espalier::sim::{ApiKey, World};
use openssl::pkey::PKey;
use serde_json::{Value, json};

use crate::support::alone::Peer;
use crate::support::business::{self, BUSINESS, SCHOOL};
use crate::support::{SimServer, TestEnv};

use super::program::NanoAxm;
use super::tunnel::Tunnel;

/// The variable names the folder with `nanoaxm`.
const NANOAXM: Peer = Peer { name: "NanoAXM", variable: "ESPALIER_NANOAXM" };

/// An account of the organisation at Business whose id is one of School's.
pub const ODD: &str = "SCHOOLAPI.77777777-2222-4333-8444-555555555555";

/// Runs the test named `name` (`nanoaxm::file::function`) as [`Peer::alone`] does, on the usual ground.
pub fn alone(name: &str, scenario: impl FnOnce(&Ground)) {
    on(name, &json!({}), scenario);
}

/// Likewise, with these members of the organisation at Business, in the words of the seed. At its end
/// everything recorded is held to the contracts, and no host was asked for but Apple's.
pub fn on(name: &str, business: &Value, scenario: impl FnOnce(&Ground)) {
    NANOAXM.alone(name, |folder| {
        let ground = Ground::new(&folder, business);
        scenario(&ground);
        let Ground { server, sim, tunnel, env, .. } = ground;
        assert_eq!(tunnel.refused(), Vec::<String>::new(), "it goes elsewhere");
        let told: Vec<_> =
            tunnel.passed().into_iter().filter(|one| one.host == ACCOUNT && one.authorized).collect();
        assert!(told.is_empty(), "the token endpoint is given an authorization: {told:?}");
        drop(server);
        drop(sim);
        env.finish();
    });
}

const ACCOUNT: &str = "account.apple.com";

/// What a scenario stands on.
pub struct Ground {
    /// NanoAXM, which knows no account yet.
    pub server: NanoAxm,
    /// The simulator.
    pub sim: SimServer,
    /// Between the two.
    pub tunnel: Tunnel,
    env: TestEnv,
    world: World,
}

impl Ground {
    fn new(folder: &Path, members: &Value) -> Self {
        let mut at_business = json!({
            "behaviour": {"getPerMinute": 0, "postPerHour": 0},
            "accounts": [
                {"clientId": BUSINESS, "keyId": "11111111-0000-4000-8000-000000000000"},
                {"clientId": ODD, "keyId": "77777777-0000-4000-8000-000000000000"},
            ],
        });
        for (name, value) in members.as_object().into_iter().flatten() {
            at_business[name] = value.clone();
        }
        // NanoAXM signs with this machine's time.
        let seed = business::seed(&Timestamp::now().to_string(), &at_business, &business::unlimited());
        let world = World::from_seed(&seed);
        let env = TestEnv::new();
        let sim = env.serve_world(&serde_json::from_slice(&world.to_json()).expect("a world is JSON"));
        let plain = |service: &str| {
            let address = sim.address(service);
            address.strip_prefix("http://").expect("a plain port").to_owned()
        };
        let hosts = [
            ("api-business.apple.com", plain("business")),
            ("api-school.apple.com", plain("school")),
            (ACCOUNT, plain("account")),
        ];
        let tunnel = Tunnel::start(hosts.map(|(host, address)| (host.to_owned(), address)).into());
        let authority = env.home().join("authority.pem");
        std::fs::write(&authority, tunnel.authority()).expect("a file in the test's own folder");
        let server = NanoAxm::start(folder, &tunnel, &authority);
        Self { server, sim, tunnel, env, world }
    }

    /// With both accounts told: `business/acme` and `school/lakeside`.
    pub fn connect(&self) {
        self.learn("acme", BUSINESS);
        self.learn("lakeside", SCHOOL);
    }

    /// Tells NanoAXM an account under a name.
    pub fn learn(&self, name: &str, client_id: &str) {
        let key = self.key(client_id);
        self.server.learn(name, client_id, &key.key_id, &sec1(&key.private_key));
    }

    /// An account with its key.
    pub fn key(&self, client_id: &str) -> ApiKey {
        self.world.api_key(client_id).expect("an account")
    }

    /// The id of a service.
    pub fn service(&self, organisation: &str, name: &str) -> String {
        let here = self.world.organization(organisation).expect("an organisation");
        here.services[here.position(name).expect("a service")].id.clone()
    }

    /// How often an operation was asked for.
    pub fn asked(&self, service: &str, operation: &str) -> u64 {
        let calls = self.sim.calls();
        let counted =
            calls.iter().filter(|call| call["service"] == service && call["operation"] == operation);
        counted.map(|call| call["count"].as_u64().expect("a count")).sum()
    }

    /// An organisation as it is now.
    pub fn organisation(&self, name: &str) -> World {
        let world = self.sim.world().to_string();
        let world = World::from_json(world.as_bytes()).expect("a world");
        assert!(world.organization(name).is_some(), "there is no {name}");
        world
    }

    /// The service that has a device now; `None`: none has.
    pub fn at(&self, organisation: &str, serial: &str) -> Option<String> {
        let world = self.organisation(organisation);
        let here = world.organization(organisation).expect("it is there");
        let serial = espalier::model::Serial::new(serial).expect("a serial");
        let row = here.roster.row(&serial).expect("a device");
        here.service(row.service).map(|service| service.name.clone())
    }

    /// Steps the world's clock; NanoAXM's stays.
    pub fn step(&self, by: &str) {
        self.sim.post_json("/clock", &json!({ "advance": by }));
    }
}

/// A key as the portal gives it: NanoAXM reads no block of another name.
pub fn sec1(pem: &str) -> String {
    let key = PKey::private_key_from_pem(pem.as_bytes()).expect("a key").ec_key().expect("a key of a curve");
    String::from_utf8(key.private_key_to_pem().expect("PEM")).expect("PEM is text")
}
