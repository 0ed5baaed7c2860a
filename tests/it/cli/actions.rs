//! `action …` as people use it: with the real binary, on a kept world.

mod asking;
mod clock;
mod commits;
mod ending;
mod gates;

use std::path::Path;

use serde_json::Value;

use crate::support::{Output, TestEnv};

/// `examples/small`, applied in its own kept world, with somebody who can open what is sealed.
pub fn fleet() -> TestEnv {
    let env = TestEnv::with_example("small");
    let fleet = env.read("fleet.yaml");
    env.write("fleet.yaml", &format!("{fleet}  escrow: {{ recipients: [recovery.pem] }}\n"));
    recipient(&env, "recovery");
    env.run(["apply", "--yes", "--sim"]).expect(0);
    env
}

/// A key pair: `NAME.pem` to seal to, `NAME.key` to open with.
pub fn recipient(env: &TestEnv, name: &str) {
    let token = espalier::model::Name::new(name).expect("a name");
    // Before the worlds of the examples begin.
    let now = "2026-11-01T00:00:00Z".parse().expect("an instant");
    let pair = espalier::server_token::KeyPair::generate(&token, now).expect("a key pair");
    let pem = String::from_utf8(pair.certificate_pem().expect("PEM")).expect("text");
    env.write(&format!("{name}.pem"), &pem);
    env.write(&format!("{name}.key"), pair.key_pem().expect("PEM").reveal());
}

/// The devices with a record, as `devices --sim` tells them.
pub fn enrolled(env: &TestEnv) -> Vec<Value> {
    let all = env.run(["devices", "--sim", "--format", "json"]).expect(0).json();
    let devices = all["devices"].as_array().expect("devices").clone();
    let found: Vec<Value> = devices
        .into_iter()
        .filter(|one| {
            !one["mdm"]["record"].is_null()
                && one["mdm"]["record"]["os"] == "ipados"
                && !one["profile"].is_null()
        })
        .collect();
    assert!(found.len() > 1, "no two iPads are enrolled");
    found
}

/// The serial of the first of them.
pub fn a_device(env: &TestEnv) -> String {
    text(&enrolled(env)[0]["serial"])
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Asks for something by a document of this name.
pub fn ask(env: &TestEnv, kind: &str, serial: &str, name: &str) -> Output {
    env.run([
        "action",
        "new",
        kind,
        "--serial",
        serial,
        "--name-document",
        name,
        "--reason",
        "a test",
        "--sim",
    ])
}

/// What the device underwent, in the world's own record.
pub fn deeds(env: &TestEnv, serial: &str, what: &str) -> usize {
    let folder = env.documents().join(".espalier/sim");
    let world = std::fs::read_to_string(world_file(&folder)).expect("a kept world");
    let world: Value = serde_json::from_str(&world).expect("a world");
    let deeds = world["history"]["devices"][serial]["deeds"].as_array().cloned().unwrap_or_default();
    deeds.iter().filter(|deed| deed["what"] == what).count()
}

fn world_file(folder: &Path) -> std::path::PathBuf {
    folder.join("world.json")
}

/// The states of a document's acts, by `action list`.
pub fn states(env: &TestEnv, name: &str) -> Vec<String> {
    let all = env.run(["action", "list", "--all", "--sim", "--format", "json"]).expect(0).json();
    let acts = all["acts"].as_array().expect("acts").clone();
    acts.iter().filter(|act| act["action"] == name).map(|act| text(&act["state"])).collect()
}
