//! What users see of each command: output, exit code, and what became of the world.

pub mod actions;
mod ci_examples;
mod demo;
mod documents;
mod examples;
mod exit_codes;
mod explain;
mod gates;
mod handmade;
mod known;
mod lock;
mod nothing_lost;
mod outputs;
mod plan_file;
mod properties;
pub mod secrets;
mod small;
mod story;
mod token;
mod watch;

use serde_json::{Value, json};

use crate::support::{SimServer, TestEnv};

/// The token of `examples/small` by its name in the portal.
const TOKEN: &str = "Contoso Apple Business";

/// `examples/small`, applied once, with the simulator that holds it.
fn applied() -> (TestEnv, SimServer) {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    env.run(["apply", "--yes", &server.flag()]).expect(0);
    server.forget_calls();
    (env, server)
}

/// The operations that were called, with their counts.
fn operations(calls: &[Value]) -> Vec<(String, u64)> {
    calls
        .iter()
        .map(|call| {
            let operation = call["operation"].as_str().expect("an operation");
            (operation.to_owned(), call["count"].as_u64().expect("a count"))
        })
        .collect()
}

/// A profile made in the portal.
fn portal_profile(name: &str) -> Value {
    json!({ "do": "createProfile", "token": TOKEN, "profile": {
        "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": name,
        "requiresUserAuthentication": false, "isMandatory": true,
    } })
}
