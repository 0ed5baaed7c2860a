//! `watch`: what it notices, what follows, and how it ends.

mod drift;
mod files;
mod service;
mod stop;

use serde_json::Value;

use crate::support::{Control, TestEnv, Watching, exchange};

/// `examples/small`, watched with a simulator in the same process, after its first look.
fn watched() -> (TestEnv, Watching, Control) {
    let env = TestEnv::with_example("small");
    let (watching, control) = watch_here(&env);
    (env, watching, control)
}

/// Watches the documents with a simulator in the same process; returns after the first look.
fn watch_here(env: &TestEnv) -> (Watching, Control) {
    let mut watching = Watching::start(env.command(["watch", "--sim"]));
    let control = Control(watching.said("Simulator: control "));
    watching.event("looked");
    (watching, control)
}

/// Adds switches to the Fleet.
fn switch(env: &TestEnv, switches: &str) {
    env.write("fleet.yaml", &(env.read("fleet.yaml") + &format!("  watch: {switches}\n")));
}

/// The ids of an event's steps.
fn ids(steps: &Value) -> Vec<&str> {
    steps.as_array().expect("steps").iter().map(|step| step["id"].as_str().expect("an id")).collect()
}

/// What a watch serves at a path.
fn served(address: &str, path: &str) -> (u16, String) {
    let (status, text) = exchange(reqwest::Method::GET, &format!("http://{address}{path}"), None);
    (status.as_u16(), text)
}
