//! One folder with its ledger over one simulated tenant: runs as the commands make them, in this process.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use espalier::acts::{ActBook, ActState};
use espalier::apply::{ActResult, ApplyReport};
use espalier::engine::{EngineError, Narrowing, Prepared, Session, Settings, WorldChoice};
use espalier::ledger::Ledger;
use espalier::manifest::Allow;
use espalier::model::clock::Timestamp;
use espalier::model::{ActId, Name, Serial};
use espalier::progress::NoProgress;
use espalier::sim::apple::organization::SeedOrganization;
use espalier::sim::{Options, Seed, SeedManagedDevice, SeedTenant, SeedToken, Sim, World};
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::TestEnv;

pub const TENANT: &str = "7a4d3c1e-0000-4000-8000-000000000001";

/// An iPad and an iPhone, both supervised and enrolled.
pub const IPAD: &str = "DMPAAAAAAA01";
pub const IPHONE: &str = "DMPAAAAAAA02";
pub const MAC: &str = "C02AAAAAAA03";
pub const SHARED: &str = "DMPAAAAAAA04";

/// When the world begins; acts are asked for an hour before.
const START: &str = "2026-11-20T09:00:00Z";
pub const REQUESTED: &str = "2026-11-20T08:00:00Z";

/// The key and the certificate of those who may open what is sealed.
pub static RECIPIENT: LazyLock<(PKey<Private>, X509)> = LazyLock::new(recipient);

pub struct Ground {
    root: TempDir,
    pub sim: Sim,
    pub wait: Duration,
}

impl Ground {
    /// Four devices of one token, which is as its documents wish.
    pub async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// As [`Ground::new`], with a tenant that is changed before the world begins.
    pub async fn with(adjust: impl FnOnce(&mut SeedTenant)) -> Self {
        Self::over(adjust, Vec::new()).await
    }

    /// As [`Ground::with`], with organisations at Apple.
    pub async fn over(adjust: impl FnOnce(&mut SeedTenant), organizations: Vec<SeedOrganization>) -> Self {
        let seed = seed(adjust, organizations);
        let sim = Sim::start(Options::new(World::from_seed(&seed))).await.expect("ports on loopback");
        let ground = Self { root: temporary(), sim, wait: Duration::from_secs(10 * 60) };
        let certificate = RECIPIENT.1.to_pem().expect("a PEM");
        ground.put("escrow.pem", &String::from_utf8(certificate).expect("a text"));
        ground.fleet("  escrow: {recipients: [escrow.pem]}\n");
        ground
    }

    pub fn folder(&self) -> PathBuf {
        self.root.path().to_owned()
    }

    pub fn put(&self, file: &str, text: &str) {
        fs::write(self.root.path().join(file), text).expect("a file of the test's own");
    }

    pub fn remove(&self, file: &str) {
        fs::remove_file(self.root.path().join(file)).expect("a file of the test's own");
    }

    /// The fleet with these lines in the `spec` of `Fleet`.
    pub fn fleet(&self, more: &str) {
        self.put("fleet.yaml", &fleet(more));
    }

    /// Writes the document `name`; `more` are further lines of its `spec`.
    pub fn asks(&self, name: &str, action: &str, serials: &[&str], more: &str) {
        self.put(&format!("{name}.yaml"), &document(name, action, serials, REQUESTED, more));
    }

    pub fn settings(&self) -> Settings {
        Settings {
            folder: self.folder(),
            allow: Allow::default(),
            world: WorldChoice::At(self.sim.addresses().control.parse().expect("a URL")),
            ledger: true,
            wait: self.wait,
            allow_empty: false,
            command: "espalier apply".to_owned(),
            changes_world: false,
            record: None,
            narrowing: Narrowing::Nothing,
        }
    }

    pub async fn session(&self) -> Session {
        match Session::open(self.settings()).await {
            Ok(session) => session,
            Err(EngineError::Manifests { findings, .. }) => panic!("{findings:#?}"),
            Err(error) => panic!("{error}"),
        }
    }

    pub async fn prepare(&self) -> (Session, Prepared) {
        let session = self.session().await;
        let prepared = session.prepare(&NoProgress).await.expect("the lock");
        (session, prepared)
    }

    pub async fn apply(&self) -> ApplyReport {
        let (session, prepared) = self.prepare().await;
        session.execute(prepared, &NoProgress).await.expect("a ledger that can be written")
    }

    /// The ledger's acts.
    pub fn book(&self) -> ActBook {
        let ledger = Ledger::inspect(&self.folder().join(".espalier/sim/ledger.db")).expect("a ledger");
        (*ledger.view(Timestamp::MAX).expect("a sound ledger").acts).clone()
    }

    pub fn state(&self, action: &str, serial: &str) -> ActState {
        self.book().act(&act(action, serial)).expect("an act").state
    }

    pub fn deeds(&self, serial: &str, what: &str) -> usize {
        self.history(serial, "deeds", "what", what)
    }

    /// How many requests of an action the service accepted for a device.
    pub fn requests(&self, serial: &str, action: &str) -> usize {
        self.history(serial, "requests", "action", action)
    }

    fn history(&self, serial: &str, list: &str, member: &str, word: &str) -> usize {
        let world = self.world();
        let of = &world["history"]["devices"][serial][list];
        of.as_array().map_or(0, |all| all.iter().filter(|one| one[member] == word).count())
    }

    pub fn world(&self) -> Value {
        self.sim
            .with_world(|world| serde_json::from_str(&String::from_utf8_lossy(world.to_json().as_ref())))
            .expect("a world is JSON")
    }

    pub fn fault(&self, fault: Value) -> String {
        self.sim.add_fault(serde_json::from_value(fault).expect("a fault"))
    }

    pub async fn portal(&self, changes: &Value) {
        let url = format!("{}/portal", self.sim.addresses().control.trim_end_matches('/'));
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        let answer = client.post(url).json(changes).send().await.expect("the control port answers");
        let status = answer.status();
        let text = answer.text().await.unwrap_or_default();
        assert!(status.is_success(), "{status}: {text}");
    }

    pub async fn pass(&self, time: Duration) {
        self.sim.clock().sleep(time).await;
    }

    /// Forgets what was asked of the services so far.
    pub fn forget_calls(&self) {
        self.sim.forget_calls();
    }

    /// What was asked of the services since [`Ground::forget_calls`]: how often each operation, and below
    /// `$batch/…` what was asked within batches.
    pub fn calls(&self) -> BTreeMap<String, i64> {
        let mut all: BTreeMap<String, i64> = BTreeMap::new();
        let named =
            |operation: &str| operation.replace("deviceManagement.", "").replace("managedDevices", "records");
        let count = |count: u64| i64::try_from(count).expect("some calls");
        for call in self.sim.calls() {
            *all.entry(named(&call.operation)).or_default() += count(call.count);
            for part in &call.parts {
                *all.entry(format!("$batch/{}", named(&part.operation))).or_default() += count(part.count);
            }
        }
        all
    }

    /// Every file of the folder that holds a text.
    pub fn holding(&self, text: &str) -> Vec<PathBuf> {
        let mut found = Vec::new();
        look_for(self.root.path(), text.as_bytes(), &mut found);
        found
    }
}

/// An enrolled device of the token `main`.
pub fn device(serial: &str, family: &str, model: &str) -> SeedManagedDevice {
    let mut device = SeedManagedDevice::new(Serial::new(serial).expect("a serial"));
    device.token = Some("main".to_owned());
    device.family = Some(serde_json::from_value(family.into()).expect("a family"));
    device.model = Some(model.to_owned());
    device.enrolled_at = Some("2026-11-01T08:00:00Z".parse().expect("an instant"));
    device
}

fn seed(adjust: impl FnOnce(&mut SeedTenant), organizations: Vec<SeedOrganization>) -> Seed {
    let mut shared = device(SHARED, "iPad", "iPad (10th generation)");
    shared.shared = Some(true);
    shared.users = vec!["anna@school.example".to_owned()];
    let mut tenant = SeedTenant {
        tenant_id: TENANT.to_owned(),
        tokens: vec![SeedToken { name: "main".to_owned(), ..SeedToken::default() }],
        devices: vec![
            device(IPAD, "iPad", "iPad (10th generation)"),
            device(IPHONE, "iPhone", "iPhone 15"),
            device(MAC, "Mac", "MacBook Air"),
            shared,
        ],
        ..SeedTenant::default()
    };
    adjust(&mut tenant);
    Seed {
        seed: 7,
        start: START.parse().expect("an instant"),
        surroundings: false,
        services: Vec::new(),
        organizations,
        tenants: vec![tenant],
    }
}

/// The world that every folder begins with.
pub fn beginning() -> Value {
    world_of(|_| {}, Vec::new())
}

/// The same with a tenant that is changed before, and with organisations at Apple.
pub fn world_of(adjust: impl FnOnce(&mut SeedTenant), organizations: Vec<SeedOrganization>) -> Value {
    let world = World::from_seed(&seed(adjust, organizations));
    serde_json::from_slice(world.to_json().as_ref()).expect("a world is JSON")
}

/// The documents of a fleet with four devices; `more` are lines of the `spec` of `Fleet`.
pub fn fleet(more: &str) -> String {
    format!(
        "
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {{name: fleet}}
spec:
  ledger: {{id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {{path: ledger.db}}}}
{more}---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: tenant}}
spec:
  intune: {{tenantId: {TENANT}, clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, credential: {{clientSecret: {{env: SECRET}}}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: main}}
spec: {{mdm: tenant}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: mobile}}
spec: {{tokens: [main], platform: ios, userAffinity: none}}
---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: macs}}
spec: {{tokens: [main], platform: macos, userAffinity: none}}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {{name: mobile}}
spec: {{profile: mobile, devices: {{serials: [{IPAD}, {IPHONE}, {SHARED}]}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {{name: macs}}
spec: {{profile: macs, devices: {{serials: [{MAC}]}}}}
"
        )
}

/// Writes the documents of the fleet where the program itself is run, with somebody to seal to.
pub fn documents(env: &TestEnv, more: &str) {
    let certificate = RECIPIENT.1.to_pem().expect("a PEM");
    env.write("escrow.pem", &String::from_utf8(certificate).expect("a text"));
    env.write("fleet.yaml", &fleet(&format!("  escrow: {{recipients: [escrow.pem]}}\n{more}")));
}

/// The document of an action.
pub fn document(name: &str, action: &str, serials: &[&str], at: &str, more: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: DeviceAction\nmetadata: {{name: {name}}}\nspec:\n  action: {action}\n  devices: {{serials: [{}]}}\n  requestedAt: {at}\n  reason: asked for by a test\n{more}",
        serials.join(", ")
    )
}

pub fn act(action: &str, serial: &str) -> ActId {
    ActId { action: Name::new(action).expect("a name"), serial: Serial::new(serial).expect("a serial") }
}

/// The result of an act.
#[track_caller]
pub fn of<'r>(report: &'r ApplyReport, action: &str, serial: &str) -> &'r ActResult {
    let id = act(action, serial);
    report.acts.iter().find(|one| one.id == id).unwrap_or_else(|| panic!("no {id} in {:#?}", report.acts))
}

fn look_for(path: &Path, text: &[u8], found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("the folder") {
            look_for(&entry.expect("a file").path(), text, found);
        }
        return;
    }
    let bytes = fs::read(path).unwrap_or_default();
    if bytes.windows(text.len()).any(|window| window == text) {
        found.push(path.to_owned());
    }
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub fn recipient() -> (PKey<Private>, X509) {
    use openssl::asn1::Asn1Time;
    use openssl::bn::BigNum;
    use openssl::hash::MessageDigest;
    use openssl::rsa::Rsa;
    let key = PKey::from_rsa(Rsa::generate(2048).expect("a key")).expect("a key");
    let mut name = openssl::x509::X509NameBuilder::new().expect("a name");
    name.append_entry_by_text("CN", "escrow").expect("a name");
    let name = name.build();
    let mut builder = X509::builder().expect("a certificate");
    builder.set_version(2).expect("a version");
    let number = BigNum::from_u32(1).and_then(|one| one.to_asn1_integer()).expect("a number");
    builder.set_serial_number(&number).expect("a number");
    builder.set_subject_name(&name).expect("a name");
    builder.set_issuer_name(&name).expect("a name");
    builder.set_pubkey(&key).expect("a key");
    let at = |text: &str| Asn1Time::from_str(text).expect("an instant");
    builder.set_not_before(&at("20250101000000Z")).expect("an instant");
    builder.set_not_after(&at("20350101000000Z")).expect("an instant");
    builder.sign(&key, MessageDigest::sha256()).expect("a signature");
    (key, builder.build())
}
