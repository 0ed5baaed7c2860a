//! The worlds: one or two tenants of Intune with their tokens, an organisation at Apple or none, a few devices.

use std::collections::{BTreeMap, BTreeSet};

use espalier::model::Serial;
use espalier::sim::{Seed, World};
use serde_json::{Value, json};

use super::chance::Chance;
use super::paper::{Approvals, Fleet, Kind, Tree, Window};

/// When every story begins.
pub const START: &str = "2026-11-02T08:00:00Z";

/// The tenants.
pub const TENANTS: [&str; 2] =
    ["8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36", "2c7e90b4-61ad-4d35-9f02-7b8e1c5a3d94"];

/// The tokens: the name of the document, the display name, the tenant.
pub const TOKENS: [(&str, &str, usize); 3] =
    [("alpha", "Alpha", 0), ("beta", "Beta", 0), ("gamma", "Gamma", 1)];

const CLIENT: &str = "BUSINESSAPI.5d0c2b41-7f6e-4f2b-9a38-1b6c7d8e9f05";
const KEY: &str = "0f2d7a93-58b1-4c66-8e3d-6a4b9c1d2e7f";

/// The organisation's name in the simulator.
pub const ORGANISATION: &str = "School";

/// A device of a scene.
#[derive(Clone, Debug)]
pub struct Device {
    pub serial: Serial,
    /// `iPhone`, `iPad`, `Mac`
    pub family: &'static str,
    /// Its place among [`TOKENS`].
    pub token: usize,
    /// Whether its token gives it a profile when it comes back.
    pub profile: bool,
    pub supervised: bool,
    /// `NONE`, `MDM`, `USER`
    pub lock: &'static str,
    pub code: bool,
    /// `online`, `slow`, `offline`
    pub reach: &'static str,
    pub shared: bool,
    pub enrolled: bool,
    pub habits: Value,
}

/// A world before its story.
#[derive(Clone, Debug)]
pub struct Scene {
    pub seed: u64,
    pub tenants: usize,
    /// Whether there is an organisation at Apple that has all devices.
    pub apple: bool,
    pub devices: Vec<Device>,
    /// `DeviceBehaviour` of every tenant.
    pub behaviour: Value,
    pub fleet: Fleet,
    /// Whether the folder is in git.
    pub git: bool,
    /// Seconds that a run waits.
    pub wait: u64,
}

/// The serial of a device by its place.
pub fn serial(at: usize) -> Serial {
    Serial::new(&format!("DMPKA{at:03}LMF5")).expect("a serial")
}

/// The model that devices of a family have in all scenes.
pub fn model(family: &str) -> &'static str {
    match family {
        "iPhone" => "iPhone 16",
        "Mac" => "MacBook Air",
        _ => "iPad (A16)",
    }
}

/// Who uses a device.
pub fn user(at: usize) -> String {
    format!("pupil{at}@school.example")
}

/// What a device is called.
pub fn name(at: usize) -> String {
    format!("Device {at}")
}

impl Device {
    /// A supervised iPad at the first token that answers at once.
    pub fn plain(at: usize) -> Self {
        Self {
            serial: serial(at),
            family: "iPad",
            token: 0,
            profile: true,
            supervised: true,
            lock: "NONE",
            code: true,
            reach: "online",
            shared: false,
            enrolled: true,
            habits: json!({}),
        }
    }
}

impl Fleet {
    /// Ample limits, sealing, nothing protected, nobody asked.
    pub fn open() -> Self {
        let ample = [
            Kind::ClearPasscode,
            Kind::Retire,
            Kind::DeleteRecord,
            Kind::Wipe,
            Kind::HandOver,
            Kind::Release,
        ];
        Self {
            limits: ample.into_iter().map(|kind| (kind, 20)).collect(),
            serials: BTreeSet::new(),
            tokens: BTreeSet::new(),
            approvals: None,
            window: None,
            escrow: true,
            on_enrollment: false,
        }
    }
}

impl Scene {
    /// A scene with plain devices in which nothing is in the way.
    pub fn plain(devices: usize) -> Self {
        Self {
            seed: 1,
            tenants: 1,
            apple: false,
            devices: (0..devices).map(Device::plain).collect(),
            behaviour: json!({}),
            fleet: Fleet::open(),
            git: false,
            wait: 0,
        }
    }

    /// A scene by chance.
    pub fn by_chance(seed: u64) -> Self {
        let mut chance = Chance::of(seed, "scene");
        let tenants = if chance.percent(30) { 2 } else { 1 };
        let apple = chance.percent(65);
        let count = chance.within(3, 6) as usize;
        let devices = (0..count).map(|at| device(&mut chance, at, tenants)).collect();
        let mut behaviour = json!({});
        if chance.percent(15) {
            let all = ["deviceWipe", "deviceRetire", "deviceDelete"];
            behaviour["approvals"] = json!(all[..chance.below(3) + 1]);
            behaviour["approvalStatus"] = json!(chance.of_all(&[403, 412, 400]));
        }
        if chance.percent(25) {
            behaviour["actionNames"] = json!("route");
        }
        if chance.percent(25) {
            behaviour["sameRecord"] = json!(true);
        }
        if chance.percent(10) {
            behaviour["wipesPerDay"] = json!(1);
        }
        let fleet = fleet(&mut chance, count);
        let (git, wait) = (chance.percent(35), if chance.percent(20) { 1200 } else { 0 });
        Self { seed, tenants, apple, devices, behaviour, fleet, git, wait }
    }

    /// The tokens of the scene.
    pub fn tokens(&self) -> impl Iterator<Item = (&'static str, &'static str, usize)> {
        let tenants = self.tenants;
        TOKENS.into_iter().filter(move |(_, _, tenant)| *tenant < tenants)
    }

    /// The device at a place, counted round.
    pub fn device(&self, at: usize) -> &Device {
        &self.devices[at % self.devices.len()]
    }

    /// The documents that no story changes.
    pub fn fixed(&self) -> String {
        let mut all = Vec::new();
        for (at, tenant) in TENANTS.iter().enumerate().take(self.tenants) {
            all.push(format!(
                "apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: tenant{at}}}
spec:
  intune:
    tenantId: {tenant}
    clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    credential: {{clientSecret: {{env: NOBODY_READS_IT}}}}
"
            ));
        }
        if self.apple {
            all.push(format!(
                "apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: apple}}
spec:
  appleBusiness:
    clientId: {CLIENT}
    keyId: {KEY}
    privateKey: {{env: NOBODY_READS_IT}}
    getPerMinute: 1000
    postPerHour: 1000
"
            ));
        }
        for (name, display, tenant) in self.tokens() {
            let apple = if self.apple {
                format!("  apple: {{connection: apple, service: {display}}}\n")
            } else {
                String::new()
            };
            all.push(format!(
                "apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: {name}}}
spec:
  displayName: {display}
  mdm: tenant{tenant}
{apple}"
            ));
        }
        if self.apple {
            let tokens: Vec<&str> =
                self.tokens().map(|(name, ..)| name).filter(|name| *name != "alpha").collect();
            all.push(format!(
                "apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: phones}}
spec:
  displayName: Phones
  tokens: [{}]
  platform: ios
  userAffinity: none
  supervised: true
  lockedEnrollment: true
",
                tokens.join(", ")
            ));
        }
        all.join("---\n")
    }

    /// The folder before the story.
    pub fn tree(&self) -> Tree {
        Tree { fleet: self.fleet.clone(), acts: BTreeMap::new(), broken: false }
    }

    /// The world before the story.
    pub fn world(&self) -> World {
        let profiles = json!([
            {"@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": "Portal",
             "requiresUserAuthentication": false, "isMandatory": true, "supervisedModeEnabled": true},
            {"@odata.type": "#microsoft.graph.depMacOSEnrollmentProfile", "displayName": "Portal for Macs",
             "requiresUserAuthentication": false, "isMandatory": true},
        ]);
        let tenants: Vec<Value> = TENANTS
            .iter()
            .enumerate()
            .take(self.tenants)
            .map(|(tenant, id)| {
                let tokens = TOKENS.iter().filter(|(_, _, of)| *of == tenant);
                let tokens: Vec<Value> =
                    tokens.map(|(_, name, _)| json!({"name": name, "profiles": profiles})).collect();
                let devices =
                    self.devices.iter().enumerate().filter(|(_, one)| TOKENS[one.token].2 == tenant);
                let devices: Vec<Value> = devices.map(|(at, one)| managed(at, one)).collect();
                json!({
                    "tenantId": id, "tokens": tokens, "devices": devices, "deviceBehaviour": self.behaviour,
                })
            })
            .collect();
        let mut seed = json!({"seed": self.seed, "start": START, "tenants": tenants});
        if self.apple {
            let services: Vec<Value> = self
                .tokens()
                .map(|(_, name, tenant)| {
                    json!({"name": name, "intune": {"tenant": TENANTS[tenant], "token": name}})
                })
                .collect();
            let devices: Vec<Value> = self
                .devices
                .iter()
                .map(|one| {
                    json!({"serial": one.serial, "family": one.family, "model": model(one.family),
                           "service": TOKENS[one.token].1, "lock": one.lock})
                })
                .collect();
            seed["organizations"] = json!([{
                "name": ORGANISATION, "accounts": [{"clientId": CLIENT, "keyId": KEY}],
                "behaviour": {"getPerMinute": 0, "postPerHour": 0},
                "services": services, "devices": devices,
            }]);
        }
        let seed: Seed = serde_json::from_value(seed).expect("a seed");
        World::from_seed(&seed)
    }
}

/// A device in the words of the seed.
fn managed(at: usize, one: &Device) -> Value {
    let profile = if one.family == "Mac" { "Portal for Macs" } else { "Portal" };
    let mut seed = json!({
        "serial": one.serial, "token": TOKENS[one.token].1, "family": one.family, "model": model(one.family),
        "supervised": one.supervised, "user": user(at), "name": name(at), "reach": one.reach, "lock": one.lock,
        "codeAvailable": one.code, "enrolled": one.enrolled, "habits": one.habits,
    });
    if one.profile {
        seed["profile"] = json!(profile);
    }
    if one.shared {
        seed["shared"] = json!(true);
        seed["users"] = json!(["guest@school.example", "pupil@school.example"]);
    }
    seed
}

fn device(chance: &mut Chance, at: usize, tenants: usize) -> Device {
    let family = chance.weighed(&[(6, "iPad"), (3, "iPhone"), (3, "Mac")]);
    let tokens = TOKENS.iter().filter(|(_, _, tenant)| *tenant < tenants).count();
    let mut habits = json!({});
    if chance.percent(25) {
        habits["results"] = json!(chance.of_all(&["empty", "stale", "withoutSecrets"]));
    }
    if chance.percent(8) {
        let what = *chance.of_all(&["wipe", "retire", "remoteLock", "resetPasscode", "bypassActivationLock"]);
        habits["fails"] = json!({what: chance.of_all(&["before", "after"])});
    }
    if chance.percent(15) {
        habits["reopensFindMyAfter"] = json!(chance.of_all(&[1, 300, 3600]));
    }
    if chance.percent(30) {
        habits["setUpAfter"] = json!(chance.of_all(&[0, 600, 90_000]));
    }
    if chance.percent(25) {
        habits["sameRecord"] = json!(chance.percent(50));
    }
    if chance.percent(15) {
        habits["keepsOldRecord"] = json!(true);
    }
    if chance.percent(5) {
        habits["unlockTokenBroken"] = json!(true);
    }
    Device {
        serial: serial(at),
        family,
        token: chance.below(tokens),
        profile: chance.percent(93),
        supervised: family == "Mac" || chance.percent(80),
        lock: chance.weighed(&[(7, "NONE"), (1, "MDM"), (3, "USER")]),
        code: chance.percent(85),
        reach: chance.weighed(&[(7, "online"), (2, "slow"), (1, "offline")]),
        shared: family == "iPad" && chance.percent(30),
        enrolled: chance.percent(95),
        habits,
    }
}

fn fleet(chance: &mut Chance, devices: usize) -> Fleet {
    let mut fleet = Fleet::open();
    for (kind, number) in fleet.limits.iter_mut() {
        if chance.percent(if *kind == Kind::Wipe { 40 } else { 12 }) {
            *number = if chance.percent(20) { 0 } else { chance.within(1, 2) as u64 };
        }
    }
    for at in 0..devices {
        if chance.percent(6) {
            fleet.serials.insert(serial(at));
        }
    }
    if chance.percent(8) {
        fleet.tokens.insert("beta".to_owned());
    }
    if chance.percent(20) {
        let signers = (0..4).filter(|_| chance.percent(65)).collect::<BTreeSet<usize>>();
        let signers = if signers.len() < 2 { BTreeSet::from([1, 2]) } else { signers };
        fleet.approvals = Some(Approvals { signers, count: if chance.percent(30) { 2 } else { 1 } });
    }
    if chance.percent(12) {
        fleet.window = Some(Window { from: chance.within(0, 20), hours: chance.within(2, 6) });
    }
    fleet.escrow = chance.percent(92);
    fleet.on_enrollment = fleet.escrow && chance.percent(30);
    fleet
}
