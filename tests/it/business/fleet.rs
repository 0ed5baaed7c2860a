//! The fleet of the fault tests: an organisation whose services are those of two tokens of Intune and of a
//! direct one, and documents in two editions. Going from the first to the second takes nearly every write
//! to Apple that there is, a sync and profiles on both sides.
//!
//! | service | what the second edition changes |
//! |---|---|
//! | `Alpha` (Intune) | gives devices to both others, takes new ones and a foreign one; loses a default family |
//! | `Beta` (Intune) | gets devices and that family, with and without a deadline; loses one to nobody |
//! | `Gamma` (direct) | gets devices, and another name |
//! | `Gone` (Intune) | is deleted with its token |
//! | `Foreign` (nobody's) | loses a device that is named, and those that migrate |

use std::collections::{BTreeMap, BTreeSet};

use espalier::model::Serial;
use espalier::sim::apple::ProfileStatus;
use espalier::sim::world::{OrganizationHistory, World};
use espalier::sim::{Seed, SeedService};
use serde_json::{Value, json};

/// The API account.
pub const CLIENT: &str = "BUSINESSAPI.5d0c2b41-7f6e-4f2b-9a38-1b6c7d8e9f05";
/// Its key.
pub const KEY: &str = "0f2d7a93-58b1-4c66-8e3d-6a4b9c1d2e7f";
/// The organisation's name in the simulator.
pub const ORGANISATION: &str = "Company";
/// The tenant of Intune.
pub const TENANT: &str = "8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36";
/// Rows per page.
pub const PAGE: usize = 6;
/// Until when devices have to migrate, in the second edition.
pub const DEADLINE: &str = "2026-12-15T09:00:00Z";

/// The serial of device `number` of those that begin at `place`.
pub fn serial(place: char, number: usize) -> Serial {
    Serial::new(&format!("DMPK{place}{number:03}LMF5")).expect("a serial")
}

/// Several of them.
pub fn serials(place: char, numbers: std::ops::Range<usize>) -> Vec<Serial> {
    numbers.map(|number| serial(place, number)).collect()
}

/// Devices in the words of a seed.
pub fn devices(all: &[Serial], family: &str, service: Option<&str>) -> Vec<Value> {
    let of = |serial: &Serial| {
        let mut device = json!({"serial": serial, "family": family});
        if let Some(service) = service {
            device["service"] = json!(service);
        }
        device
    };
    all.iter().map(of).collect()
}

/// A seed with one organisation. `tokens` are Intune's, each with its service; `direct` are services with a
/// direct token; `more` are members of the organisation in the words of the seed.
pub fn seed_of(tokens: &[&str], direct: &[&str], more: &Value) -> Seed {
    let mut organization = json!({
        "name": ORGANISATION,
        "accounts": [{"clientId": CLIENT, "keyId": KEY}],
        "behaviour": {"getPerMinute": 0, "postPerHour": 0},
    });
    let mut services: Vec<Value> = tokens
        .iter()
        .map(|name| json!({"name": name, "intune": {"tenant": TENANT, "token": name}}))
        .chain(direct.iter().map(|name| json!({"name": name, "direct": name})))
        .collect();
    services.extend(more["services"].as_array().into_iter().flatten().cloned());
    for service in &mut services {
        let named = service["name"].as_str().and_then(|name| more["families"].get(name)).cloned();
        service["families"] = named.unwrap_or_else(|| json!([]));
    }
    for (name, value) in more.as_object().into_iter().flatten() {
        if !["services", "families"].contains(&name.as_str()) {
            organization[name] = value.clone();
        }
    }
    organization["services"] = json!(services);
    let of_intune: Vec<Value> = tokens.iter().map(|name| json!({"name": name})).collect();
    let seed = json!({
        "seed": 5, "start": "2026-11-02T08:00:00Z", "organizations": [organization],
        "tenants": [{"tenantId": TENANT, "tokens": of_intune}],
    });
    let mut seed: Seed = serde_json::from_value(seed).expect("a seed");
    let service = |name: &&str| SeedService { name: (*name).to_owned(), ..SeedService::default() };
    seed.services = direct.iter().map(service).collect();
    seed
}

/// The fleet's document, with limits that nothing here exceeds, and the connections. `budget` is more of the
/// connection to Apple.
pub fn head(budget: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {{name: company}}
spec:
  ledger: {{id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {{path: .espalier/ledger.db}}}}
  limits:
    update: {{count: 5000}}
    delete: {{count: 100}}
    reassign: {{count: 5000}}
    unassign: {{count: 5000}}
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: tenant}}
spec:
  intune:
    tenantId: {TENANT}
    clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6
    credential: {{clientSecret: {{env: NOBODY_READS_IT}}}}
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {{name: company}}
spec:
  appleBusiness:
    clientId: {CLIENT}
    keyId: {KEY}
    privateKey: {{env: NOBODY_READS_IT}}
{budget}"
    )
}

/// A budget that nothing here exhausts.
pub const AMPLE: &str = "    getPerMinute: 1000\n    postPerHour: 1000\n";

/// A document of a token of Intune; `rest` is more of its `spec`.
pub fn token(name: &str, display_name: &str, service: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: {name}}}
spec:
  displayName: {display_name}
  mdm: tenant
  apple: {{connection: company, service: {service}}}
{rest}"
    )
}

/// A document of a direct token.
pub fn direct(name: &str, display_name: &str, service: &str, rest: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentToken
metadata: {{name: {name}}}
spec:
  displayName: {display_name}
  apple: {{connection: company, service: {service}}}
  direct:
    privateKey: {{env: TOKEN_KEY}}
    certificate: certificate.pem
    serverToken: {{env: SERVER_TOKEN}}
{rest}"
    )
}

/// A document of a profile of Intune.
pub fn profile(name: &str, tokens: &str) -> String {
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: EnrollmentProfile
metadata: {{name: {name}}}
spec:
  tokens: [{tokens}]
  platform: ios
  userAffinity: none
  supervised: true
  lockedEnrollment: true
"
    )
}

/// A document of a profile of direct tokens.
pub fn direct_profile(name: &str, tokens: &str) -> String {
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
  ade: {{url: 'https://mdm.example/enroll', orgMagic: example}}
"
    )
}

/// A document that says something of devices: `rest` is its `spec` without them.
pub fn assignment(name: &str, rest: &str, serials: &[Serial]) -> String {
    let serials: Vec<String> = serials.iter().map(ToString::to_string).collect();
    format!(
        "---
apiVersion: espalier.dev/v1alpha1
kind: DeviceAssignment
metadata: {{name: {name}}}
spec:
{rest}  devices: {{serials: [{}]}}
",
        serials.join(", ")
    )
}

/// Devices that a token shall have, with a profile.
pub fn given(token: &str, profile: &str, serials: &[Serial]) -> String {
    assignment(&format!("{profile}-{token}"), &format!("  token: {token}\n  profile: {profile}\n"), serials)
}

/// The world before the first edition.
pub fn seed() -> Seed {
    let at = |place: char, count: usize, service: Option<&str>| {
        devices(&serials(place, 0..count), "iPad", service)
    };
    let mut all = [
        at('A', 6, Some("Alpha")),
        at('B', 3, Some("Beta")),
        at('C', 2, Some("Gamma")),
        at('F', 2, Some("Foreign")),
        at('M', 2, Some("Foreign")),
        at('N', 4, None),
    ]
    .concat();
    for device in &mut all {
        if device["serial"].as_str().is_some_and(|serial| serial.starts_with("DMPKM")) {
            device["migrates"] = json!(true);
        }
    }
    seed_of(
        &["Alpha", "Beta", "Gone"],
        &["Gamma"],
        &json!({
            "services": [{"name": "Foreign"}], "devices": all,
            "families": {"Alpha": ["iPad", "iPhone"]},
        }),
    )
}

/// The first edition.
pub fn first() -> String {
    [
        head(AMPLE),
        token("alpha", "Alpha", "Alpha", "  defaultFor: [ipad, iphone]\n"),
        token("beta", "Beta", "Beta", "  defaultFor: []\n"),
        token("gone", "Gone", "Gone", ""),
        direct("gamma", "Gamma", "Gamma", ""),
        profile("pads", "alpha, beta"),
        direct_profile("lone", "gamma"),
        given("alpha", "pads", &serials('A', 0..5)),
        given("beta", "pads", &serials('B', 0..3)),
        given("gamma", "lone", &serials('C', 0..2)),
    ]
    .concat()
}

/// The second edition.
pub fn second() -> String {
    let moving = format!("  token: beta\n  profile: pads\n  moveBy: {{deadline: '{DEADLINE}'}}\n");
    [
        head(AMPLE),
        token("alpha", "Alpha", "Alpha", "  defaultFor: [iphone]\n"),
        token("beta", "Beta", "Beta", "  defaultFor: [ipad]\n"),
        token("gone", "Gone", "Gone", "  state: absent\n"),
        direct("gamma", "Gamma", "Delta", ""),
        profile("pads", "alpha, beta"),
        direct_profile("lone", "gamma"),
        given("alpha", "pads", &[serials('A', 0..2), serials('N', 0..2), serials('F', 0..1)].concat()),
        given("beta", "pads", &[serials('A', 2..4), serials('B', 0..2)].concat()),
        given("gamma", "lone", &[serials('A', 4..5), serials('C', 0..2), serials('N', 2..3)].concat()),
        assignment("sold", "  unassign: true\n", &serials('B', 2..3)),
        assignment("moving", &moving, &serials('M', 0..2)),
    ]
    .concat()
}

/// What the world is like, in words that two runs can share: where each device is, which profile it has
/// there, what becomes of its migration, and what services are there.
pub fn state(world: &World) -> BTreeMap<String, String> {
    let mut state = BTreeMap::new();
    let here = world.organization(ORGANISATION).expect("an organisation");
    for row in here.roster.present() {
        let service = here.service(row.service).map_or("none", |service| service.name.as_str());
        let deadline = here.roster.extras(&row.serial).and_then(|extras| extras.migration);
        let deadline = deadline.map_or(String::new(), |one| format!(" by {}", one.deadline));
        state.insert(format!("device {}", row.serial), format!("at {service}{deadline}"));
    }
    for service in &here.services {
        let families: BTreeSet<String> = service.families.iter().map(|one| format!("{one:?}")).collect();
        state.insert(format!("service {}", service.name), format!("default for {families:?}"));
    }
    for token in world.tenants.iter().flat_map(|tenant| &tenant.tokens) {
        state.insert(format!("token {}", token.name), String::new());
        // What left a token shows there until its next sync, which nobody has to ask for.
        let is_here = |serial: &Serial| {
            let row = here.roster.device(serial);
            let service = row.and_then(|row| here.service(row.service));
            service.is_some_and(|service| service.name == token.name)
        };
        for device in token.devices.iter().filter(|one| !one.released && is_here(&one.serial)) {
            let profile = token.profiles.get(&device.profile).map_or("none", |one| one.display_name());
            state.insert(format!("{} at Intune's {}", device.serial, token.name), profile.to_owned());
        }
    }
    for (number, service) in world.services.iter().enumerate() {
        for row in service.fleet.present() {
            let in_force = matches!(row.status, ProfileStatus::Assigned | ProfileStatus::Pushed);
            let profile = service.profiles.get(&row.profile).filter(|_| in_force);
            let profile = profile.map_or("none", |one| one.name());
            state.insert(format!("{} at server {number}", row.serial), profile.to_owned());
        }
    }
    state
}

/// What of a state is not as wished.
pub fn difference(is: &BTreeMap<String, String>, wished: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = is.keys().chain(wished.keys()).collect();
    let differs = names.into_iter().filter(|name| is.get(*name) != wished.get(*name));
    differs.map(|name| format!("{name}: {:?}, not {:?}", is.get(name), wished.get(name))).collect()
}

/// What must never have been done through the API, whatever happened on the way.
pub fn never(history: &OrganizationHistory) -> Vec<String> {
    let mut broken = Vec::new();
    if !history.repeated.is_empty() {
        broken.push(format!("pointed at the service that they were at: {:?}", history.repeated));
    }
    for (serial, to) in &history.assignments {
        if to.len() > 1 || to.values().any(|count| *count > 1) {
            broken.push(format!("{serial} was assigned more than once: {to:?}"));
        }
    }
    let sums = [
        ("unassigned", &history.unassignments),
        ("given another deadline", &history.deadlines_changed),
        ("called off", &history.migrations_cancelled),
    ];
    for (what, counts) in sums {
        let twice = counts.iter().filter(|(_, count)| **count > 1);
        broken.extend(twice.map(|(serial, count)| format!("{serial} was {what} {count} times")));
    }
    if !history.releases.is_empty() {
        broken.push(format!("devices were released: {:?}", history.releases));
    }
    if history.services_deleted.len() > 1 || history.services_renamed.values().any(|count| *count > 1) {
        broken.push(format!("services changed more than once: {history:?}"));
    }
    if let Some(twice) = history.services_created.values().find(|count| **count > 1) {
        broken.push(format!("a service was made {twice} times"));
    }
    broken
}
