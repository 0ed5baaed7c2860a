//! Key, bearer and the signed address of a log are in no text, no error, no log and no file, but for
//! the bearer's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use espalier::model::{Serial, ServiceId};
use espalier::provider::business::{
    Activity, BearerFiles, BusinessActuator, BusinessObserver, Ended, Families,
};
use serde_json::{Value, json};

use super::Stand;
use super::signing_in::bearer_files;
use crate::support::business::{self, BUSINESS};
use crate::support::{SimServer, TestEnv};

/// The lines of a key in PEM that say something.
fn lines_of(pem: &str) -> Vec<String> {
    pem.lines().filter(|line| !line.starts_with("-----") && line.len() > 16).map(str::to_owned).collect()
}

fn bearer_in(file: &Path) -> String {
    let kept: Value = serde_json::from_slice(&fs::read(file).expect("the bearer's file")).expect("JSON");
    kept["accessToken"].as_str().expect("a bearer").to_owned()
}

#[tokio::test]
async fn nothing_that_is_said_of_a_call_has_a_secret() {
    let stand = Stand::unlimited().await;
    let cache = stand.folder.path().join("cache");
    let mut settings = stand.settings();
    settings.bearers = Arc::new(BearerFiles::new(cache.clone()));
    let mut said = vec![format!("{settings:?}")];
    let client = business::client(settings);
    let (observer, actuator) = (BusinessObserver::new(client.clone()), BusinessActuator::new(client.clone()));
    let to = ServiceId::new(&business::service(&stand.sim, "Acme", "Desks"));
    let serials = ["MAC2", "TV1"].map(|text| Serial::new(text).expect("a serial"));
    let begin = async || match actuator.begin(&Activity::Assign { to: to.clone() }, &serials).await {
        Ended::Done(id) => Ok(id),
        Ended::Refused(error) | Ended::NotSent(error) | Ended::Lost(error) => Err(error),
    };
    let activity = begin().await.expect("an activity");
    stand.sim.with_world(|world| world.advance(std::time::Duration::from_secs(60)));
    let look = observer.activity(&activity).await.expect("an answer");
    said.push(format!("{look:?}"));
    let address = look.log.expect("a log");
    for fault in ["log-gone", "log-expired", "500", "503", "cut", "cut-body", "garbage"] {
        stand.fault(json!({"fault": fault, "operation": "download log", "times": 0, "when": "before"}));
        if let Err(error) = business::logs(&stand.sim).fetch(&address).await {
            said.push(format!("{error:?} {error}"));
        }
        stand.sim.clear_faults();
    }
    for fault in ["401", "403", "429", "500", "502", "503", "cut", "garbage", "terms", "html-429"] {
        for operation in ["list devices", "create activity", "read activity", "token"] {
            stand.fault(json!({"fault": fault, "operation": operation, "times": 0}));
            said.push(format!("{:?}", observer.snapshot(&Families::All, &mut |_| {}).await));
            said.push(format!("{:?}", begin().await));
            said.push(format!("{:?}", observer.activity(&activity).await));
            stand.sim.clear_faults();
        }
    }
    said.push(format!("{client:?} {observer:?} {actuator:?}"));
    observer.services().await.expect("a bearer");
    let bearer = bearer_in(&bearer_files(&cache)[0]);
    let mut secrets = lines_of(&stand.sim.api_key(BUSINESS).expect("an account").private_key);
    secrets.extend([bearer, "Signature=".to_owned()]);
    assert!(
        said.iter().filter(|text| text.contains("Business")).count() > 10,
        "there is something to search"
    );
    for secret in &secrets {
        let holds: Vec<&String> = said.iter().filter(|text| text.contains(secret.as_str())).collect();
        assert!(holds.is_empty(), "{secret}: {holds:#?}");
    }
}

const DOCUMENTS: &str = "apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: apple}
spec:
  ledger: {id: 0d6b2f1c-94c3-4f0e-8e35-6a8f1f0f7b21, sqlite: {path: .espalier/ledger.db}}
---
apiVersion: espalier.dev/v1alpha1
kind: Connection
metadata: {name: acme-apple}
spec:
  appleBusiness:
    clientId: BUSINESSAPI.11111111-2222-4333-8444-555555555555
    keyId: 11111111-0000-4000-8000-000000000000
    privateKey: {env: APPLE_KEY}
    getPerMinute: 500
    postPerHour: 100
  endpoints: {business: \"BUSINESS\", account: \"ACCOUNT\"}
";

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.expect("an entry").path();
        match path.is_dir() && !path.is_symlink() {
            true => files(&path, found),
            false => found.push(path),
        }
    }
}

fn serve(env: &TestEnv) -> (SimServer, String) {
    // The commands sign with this machine's time.
    let now = espalier::model::clock::Timestamp::now().to_string();
    let seed = business::seed(&now, &business::unlimited(), &business::unlimited());
    let world = espalier::sim::World::from_seed(&seed);
    let key = world.api_key(BUSINESS).expect("an account").private_key;
    let world = serde_json::from_slice(&world.to_json()).expect("a world is JSON");
    (env.serve_world(&world), key)
}

#[test]
fn no_command_shows_a_secret_or_writes_one_but_the_bearer_to_its_own_file() {
    let env = TestEnv::new();
    let (sim, key) = serve(&env);
    let text = DOCUMENTS.replace("BUSINESS\"", &format!("{}\"", sim.address("business")));
    let text = text.replace("ACCOUNT\"", &format!("{}\"", sim.address("account")));
    env.write("fleet.yaml", &text);
    let mut secrets = lines_of(&key);
    assert!(!secrets.is_empty());
    secrets.push("Signature=".to_owned());
    let run = |args: &[&str]| {
        let mut command = env.command(args);
        let command = command
            .env("ESPALIER_ALLOW", "endpoints")
            .env("APPLE_KEY", &key)
            .env("RUST_BACKTRACE", "full")
            .env("RUST_LOG", "trace");
        crate::support::Output::of(command)
    };
    run(&["ledger", "create"]).expect(0);
    let mut outputs = Vec::new();
    let all: [&[&str]; 10] = [
        &["validate"],
        &["plan"],
        &["plan", "--format", "json"],
        &["plan", "-o", "plan.json"],
        &["apply", "--yes", "--format", "json"],
        &["status"],
        &["status", "--format", "json"],
        &["devices"],
        &["devices", "--format", "json"],
        &["ledger", "journal"],
    ];
    for args in all {
        outputs.push((args.join(" "), run(args)));
    }
    let calls = sim.calls();
    let count = |operation: &str| {
        let of = calls.iter().find(|call| call["operation"] == operation);
        of.map_or(0, |call| call["count"].as_u64().expect("a count"))
    };
    assert!(count("list services") > 0, "nothing was read: {outputs:#?}");
    assert_eq!(count("token"), 1, "the runs share one bearer: {calls:?}");

    let mut there = Vec::new();
    files(&env.documents(), &mut there);
    files(&env.home(), &mut there);
    let bearers: Vec<&PathBuf> =
        there.iter().filter(|path| path.extension().is_some_and(|end| end == "bearer")).collect();
    assert_eq!(bearers.len(), 1, "{there:#?}");
    let mut all = secrets.clone();
    all.push(bearer_in(bearers[0]));
    for secret in &all {
        for (args, output) in &outputs {
            assert!(
                !output.stdout.contains(secret) && !output.stderr.contains(secret),
                "{args}: {output:#?}"
            );
        }
        for path in there.iter().filter(|path| *path != bearers[0]) {
            let bytes = fs::read(path).expect("the test's own file");
            let holds = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!holds, "{} holds a secret", path.display());
        }
    }
    for path in bearers {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
        let text = fs::read_to_string(path).expect("a text");
        assert!(!secrets.iter().any(|secret| text.contains(secret)), "the key is beside the bearer");
    }
    drop(sim);
    env.finish();
}
