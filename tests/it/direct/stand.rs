//! One folder of direct tokens over one simulator: runs as the commands make them, in this process.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::Duration;

use espalier::apply::ApplyReport;
use espalier::engine::{Host, Narrowing, Session, Settings, WorldChoice};
use espalier::manifest::Allow;
use espalier::model::Serial;
use espalier::plan::Plan;
use espalier::progress::NoProgress;
use espalier::server_token::KeyPair;
use espalier::sim::apple::{Defined, ProfileStatus, Row, Service};
use espalier::sim::{CallKind, Options, Seed, SeedService, Sim, World};
use serde_json::Value;
use tempfile::TempDir;

/// A certificate of a token, in PEM: with a simulator nobody asks for its key.
pub static CERTIFICATE: LazyLock<String> = LazyLock::new(|| {
    let name = espalier::model::Name::new("token").expect("a name");
    let pair = KeyPair::generate(&name, "2026-11-02T08:00:00Z".parse().expect("an instant")).expect("a pair");
    String::from_utf8(pair.certificate_pem().expect("PEM")).expect("text")
});

/// Rows per page.
pub const PAGE: usize = 4;

/// A folder, and the service that its runs meet.
pub struct Stand {
    root: TempDir,
    pub sim: Sim,
    pub wait: Duration,
}

/// The serial of device `number` of token `token`.
pub fn serial(token: usize, number: usize) -> Serial {
    Serial::new(&format!("DLXK{token:02}A{number:03}F5")).expect("a serial")
}

/// The fleet's document.
pub fn fleet() -> String {
    "apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: direct}
spec:
  ledger: {id: 0d6b2f1c-94c3-4f0e-8e35-6a8f1f0f7b21, sqlite: {path: .espalier/ledger.db}}
  limits:
    update: {count: 1000}
    reassign: {count: 1000}
    unassign: {count: 1000}
"
    .to_owned()
}

/// A document of a direct token; `rest` is more of its `spec`.
pub fn token(name: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: {name}}}
spec:
  displayName: {name}
  direct:
    privateKey: {{env: TOKEN_KEY}}
    certificate: certificate.pem
    serverToken: {{env: SERVER_TOKEN}}
{rest}"
    )
}

/// A document of a profile; `rest` is more of its `spec`.
pub fn profile(name: &str, tokens: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: {name}}}
spec:
  tokens: [{tokens}]
  platform: ios
  supervised: true
  lockedEnrollment: true
{rest}
  ade: {{url: 'https://mdm.example/enroll', orgMagic: example}}
"
    )
}

/// A document that gives a profile to devices.
pub fn assignment(name: &str, token: &str, profile: &str, serials: &[Serial]) -> String {
    let serials: Vec<String> = serials.iter().map(ToString::to_string).collect();
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {{name: {name}}}
spec:
  token: {token}
  profile: {profile}
  devices: {{serials: [{}]}}
",
        serials.join(", ")
    )
}

/// A service with devices.
pub fn service(name: &str, token: usize, devices: usize) -> SeedService {
    SeedService {
        name: name.to_owned(),
        serials: (0..devices).map(|number| serial(token, number)).collect(),
        ..SeedService::default()
    }
}

/// A world with these services and nothing else.
pub fn world(services: Vec<SeedService>) -> World {
    world_at("2026-11-02T08:00:00Z".parse().expect("an instant"), services)
}

/// The same at an instant: who signs by the machine's clock needs a world of its time.
pub fn world_at(start: jiff::Timestamp, services: Vec<SeedService>) -> World {
    World::from_seed(&Seed {
        seed: 11,
        start,
        surroundings: false,
        tenants: Vec::new(),
        services,
        ..Seed::default()
    })
}

/// The profile that a device has by its status, too.
pub fn held_by<'a>(service: &'a Service, row: &Row) -> Option<&'a Defined> {
    let in_force = matches!(row.status, ProfileStatus::Assigned | ProfileStatus::Pushed);
    service.profiles.get(&row.profile).filter(|_| in_force)
}

/// One token with devices, all of which get one profile.
pub async fn simple(devices: usize) -> Stand {
    let serials: Vec<Serial> = (0..devices).map(|number| serial(0, number)).collect();
    let documents = [
        fleet(),
        token("alpha", ""),
        profile("ipads", "alpha", ""),
        assignment("all", "alpha", "ipads", &serials),
    ];
    Stand::new(&documents.concat(), world(vec![service("alpha", 0, devices)])).await
}

impl Stand {
    /// Documents over a world, with nothing applied yet.
    pub async fn new(documents: &str, world: World) -> Self {
        let root = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let mut options = Options::new(world);
        options.page_size = Some(PAGE);
        let sim = Sim::start(options).await.expect("ports on loopback");
        fs::write(root.path().join("certificate.pem"), &*CERTIFICATE).expect("a file of the test's own");
        let stand = Self { root, sim, wait: Duration::from_secs(20 * 60) };
        stand.write(documents);
        stand
    }

    /// The documents' folder.
    pub fn folder(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    /// Replaces the documents.
    pub fn write(&self, documents: &str) {
        fs::write(self.root.path().join("fleet.yaml"), documents).expect("a file of the test's own");
    }

    /// Switches a fault on. Returns its id.
    pub fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).expect("a fault"))
    }

    /// Changes as a person makes them in Apple's portal.
    pub async fn portal(&self, changes: &Value) {
        let url = format!("{}/portal", self.sim.addresses().control.trim_end_matches('/'));
        let answer = reqwest::Client::builder().no_proxy().build().expect("a client").post(url).json(changes);
        let answer = answer.send().await.expect("the control port answers");
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap_or_default());
    }

    fn settings(&self, command: &str) -> Settings {
        Settings {
            folder: self.folder(),
            allow: Allow::default(),
            world: WorldChoice::At(self.sim.addresses().control.parse().expect("a URL")),
            ledger: true,
            wait: self.wait,
            allow_empty: false,
            command: command.to_owned(),
            changes_world: false,
            record: None,
            narrowing: Narrowing::Nothing,
        }
    }

    /// A run of `command`, open.
    pub async fn session(&self, command: &str) -> Session {
        Session::open(self.settings(command)).await.expect("documents in order")
    }

    /// Runs that share their services, as the daemon's do.
    pub async fn host(&self) -> (Host, espalier::engine::Documents) {
        Host::start(self.settings("espalier watch")).await.expect("documents in order")
    }

    /// `espalier apply`.
    pub async fn apply(&self) -> ApplyReport {
        let session = self.session("espalier apply").await;
        let prepared = session.prepare(&NoProgress).await.expect("the lock");
        session.execute(prepared, &NoProgress).await.expect("a ledger that can be written")
    }

    /// `espalier plan`.
    pub async fn plan(&self) -> Plan {
        let session = self.session("espalier plan").await;
        session.plan(&NoProgress).await.expect("a plan").0
    }

    /// The calls since they were last forgotten, by operation.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.sim.calls().into_iter().map(|call| (call.operation, call.count)).collect()
    }

    /// How many of them were writes.
    pub fn writes(&self) -> u64 {
        let calls = self.sim.calls();
        calls.iter().filter(|call| call.kind == CallKind::Write).map(|call| call.count).sum()
    }

    /// Lets the world's time pass.
    pub async fn pass(&self, time: Duration) {
        self.sim.clock().sleep(time).await;
    }

    /// The name of the profile that each device of a service has; none where its status denies it.
    pub fn profiles_of(&self, service: &str) -> BTreeMap<Serial, String> {
        self.sim.with_world(|world| {
            let service = world.services.iter().find(|one| one.name == service).expect("a service");
            let held =
                |row: &Row| held_by(service, row).map(|profile| (row.serial, profile.name().to_owned()));
            service.fleet.present().filter_map(held).collect()
        })
    }

    /// No device was ever given what it had already.
    pub fn nothing_repeated(&self) -> bool {
        self.sim.with_world(|world| world.history.apple.repeated.is_empty())
    }

    /// A further apply writes nothing, neither to Apple nor to the ledger.
    pub async fn rests(&self) -> Vec<String> {
        self.sim.forget_calls();
        let ledger = self.folder().join(".espalier/sim/ledger.db");
        let before = fs::read(&ledger).expect("the ledger");
        let report = self.apply().await;
        let mut broken = Vec::new();
        if report.exit_code() != 0 || self.writes() > 0 {
            broken.push(format!("a further apply wrote: {report:?} {:?}", self.calls()));
        }
        if fs::read(&ledger).expect("the ledger").len() != before.len() {
            broken.push("the ledger grew".to_owned());
        }
        broken
    }
}
