//! A token that espalier holds itself, from the key pair to its renewal, against the simulated portal.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use serde_json::{Value, json};

use super::{certificate, find};
use crate::support::{Output, SimServer, TestEnv};

const FLEET: &str = "\
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: { name: lakeside }
spec:
  ledger: { id: 0d6b2f1c-94c3-4f0e-8e35-6a8f1f0f7b99, sqlite: { path: .espalier/ledger.db } }
";

fn token_document(name: &str, service: &str, direct: &str) -> String {
    format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: EnrollmentToken\nmetadata: {{ name: {name} }}\nspec:\n  displayName: {service}\n  direct: {direct}\n"
    )
}

const IN_FILES: &str =
    "{ privateKey: { file: keys/key.pem }, certificate: keys/cert.pem, serverToken: keys/token.p7m }";

/// A school and a laboratory, whose tokens are direct.
fn folder(direct: &str) -> TestEnv {
    let env = TestEnv::new();
    env.write("fleet.yaml", FLEET);
    env.write("school.yaml", &token_document("school", "Lakeside School", direct));
    let lab = "{ privateKey: { env: LAB_KEY }, certificate: lab.pem, serverToken: { env: LAB_TOKEN } }";
    env.write("lab.yaml", &token_document("lab", "Lakeside Lab", lab));
    env
}

fn upload(server: &SimServer, service: &str, pem: &str) {
    server.portal(&json!({"do": "uploadCertificate", "service": service, "pem": pem}));
}

/// What the portal gives: a file in the documents' folder.
fn download(env: &TestEnv, server: &SimServer, service: &str, file: &str, more: Value) {
    let mut change = json!({"do": "downloadToken", "service": service});
    change.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let answer = server.post_json("/portal", &change);
    let bytes = answer["files"][0]["base64"].as_str().expect("a file");
    let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).expect("base64");
    fs::write(env.documents().join(file), bytes).expect("a file in the test's own folder");
}

/// Every secret that the simulated Apple gave out.
fn secrets(server: &SimServer) -> Vec<String> {
    let all = server.get_json("/credentials");
    let members = ["consumer_key", "consumer_secret", "access_token", "access_secret"];
    let all = all.as_array().expect("a list").iter();
    all.flat_map(|one| members.map(|member| one["token"][member].as_str().expect("a text").to_owned()))
        .collect()
}

/// No output shows a secret.
#[track_caller]
fn quiet(output: Output, secrets: &[String]) -> Output {
    for text in [&output.stdout, &output.stderr] {
        for secret in secrets {
            assert!(!text.contains(secret.as_str()), "a secret is shown:\n{text}");
        }
        assert!(!text.contains("-----BEGIN") && !text.contains("panicked"), "{text}");
    }
    output
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn t1_from_the_key_pair_to_a_token_that_signs_in() {
    let env = folder(IN_FILES);
    let server = env.serve();
    let sim = server.flag();
    let first = env.run(["token", "keygen", "school", &sim]).expect(0);
    for part in ["Lakeside School", "T-8", "T-13", "espalier token import school FILE.p7m", "mode 0600"] {
        assert!(first.stdout.contains(part), "{part}: {}", first.stdout);
    }
    upload(&server, "Lakeside School", &certificate(&env, &first));
    download(&env, &server, "Lakeside School", "first.p7m", json!({}));
    // Another pair destroys none, and the older one's file finds it (T-2).
    let second = env.run(["token", "keygen", "school", &sim]).expect(0);
    assert!(second.stdout.contains("1 other pair"), "{}", second.stdout);
    assert_ne!(certificate(&env, &first), certificate(&env, &second));
    let hidden = secrets(&server);
    let shown = quiet(env.run(["token", "inspect", "first.p7m", &sim]), &hidden).expect(0);
    assert!(
        shown.stdout.contains("AES-128-CBC") && shown.stdout.contains("issuer CN=school"),
        "{}",
        shown.stdout
    );
    let output = quiet(env.run(["token", "import", "school", "first.p7m", &sim]), &hidden).expect(0);
    for part in ["it signs in at Apple", "\"Lakeside School\"", "in 365 days", "made by"] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let journal = quiet(env.run(["ledger", "journal", &sim]), &hidden).expect(0);
    assert!(journal.stdout.contains("is the token of server \"Lakeside School\""), "{}", journal.stdout);
    assert!(journal.stdout.contains("EnrollmentToken/school renewed"), "{}", journal.stdout);
    assert!(!env.documents().join("keys").exists(), "a simulated run writes no document's file");

    // The portal's other forms, one after the other; another person has another consumer key.
    let forms = [
        json!({"form": {"cipher": "aes-256-gcm", "newline": "lf"}}),
        json!({"form": {"cipher": "des-ede3-cbc", "container": "base64", "withoutMarkers": true}}),
        json!({"form": {"cipher": "aes-256-cbc", "container": "binary", "folded": true}}),
        json!({"form": {"byteOrderMark": true, "definite": true}, "person": "other@lakeside.example"}),
    ];
    for form in forms {
        download(&env, &server, "Lakeside School", "next.p7m", form.clone());
        let hidden = secrets(&server);
        let output = quiet(env.run(["token", "import", "school", "next.p7m", &sim]), &hidden).expect(0);
        assert_eq!(output.stderr.contains("T-4"), form.get("person").is_some(), "{form}: {}", output.stderr);
    }
    let renew = quiet(env.run(["token", "renew", "school", &sim]), &secrets(&server)).expect(0);
    for part in ["held by espalier", "in 365 days", "Lakeside School", "other@lakeside.example", "waits    "]
    {
        assert!(renew.stdout.contains(part), "{part}: {}", renew.stdout);
    }
    #[cfg(unix)]
    for file in find(&env.documents().join(".espalier/sim/tokens"), "") {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    drop(server);
    env.finish();
}

#[test]
fn t2_another_servers_token_replaces_nothing() {
    let env = folder(IN_FILES);
    let server = env.serve();
    let sim = server.flag();
    let made = env.run(["token", "keygen", "school", &sim]).expect(0);
    for service in ["Lakeside School", "Lakeside Lab"] {
        upload(&server, service, &certificate(&env, &made));
    }
    download(&env, &server, "Lakeside School", "school.p7m", json!({}));
    env.run(["token", "import", "school", "school.p7m", &sim]).expect(0);
    let held = || {
        let found = find(&env.documents().join(".espalier/sim/tokens"), "server-token.p7m");
        fs::read(found.first().expect("the imported token")).unwrap()
    };
    let before = held();
    download(&env, &server, "Lakeside Lab", "lab.p7m", json!({}));
    let output =
        quiet(env.run(["token", "import", "school", "lab.p7m", "--yes", &sim]), &secrets(&server)).expect(8);
    assert!(output.stderr.starts_with("error[token-other-server]: "), "{}", output.stderr);
    assert!(output.stderr.contains("\"Lakeside Lab\""), "{}", output.stderr);

    // A newer download made this file's token invalid (T-8).
    fs::copy(env.documents().join("school.p7m"), env.documents().join("older.p7m")).unwrap();
    download(&env, &server, "Lakeside School", "newer.p7m", json!({}));
    let output = env.run(["token", "import", "school", "older.p7m", &sim]).expect(8);
    assert!(
        output.stderr.contains("the former one was left") && output.stderr.contains("T-8"),
        "{}",
        output.stderr
    );
    // Terms that wait for a person.
    server.portal(&json!({"do": "changeService", "service": "Lakeside School", "termsPending": true}));
    let output = env.run(["token", "import", "school", "newer.p7m", &sim]).expect(8);
    assert!(output.stderr.starts_with("error[terms-not-signed]: "), "{}", output.stderr);
    server.portal(&json!({"do": "changeService", "service": "Lakeside School", "termsPending": false}));
    // A year that is over.
    download(&env, &server, "Lakeside School", "over.p7m", json!({"expires": "2026-01-01T00:00:00Z"}));
    let output = env.run(["token", "import", "school", "over.p7m", &sim]).expect(8);
    assert!(output.stderr.starts_with("error[token-expired]: "), "{}", output.stderr);
    // For a pair that nobody has here.
    upload(&server, "Lakeside School", &super::PAIR.certificate());
    download(&env, &server, "Lakeside School", "foreign.p7m", json!({}));
    let output = env.run(["token", "import", "school", "foreign.p7m", &sim]).expect(8);
    assert!(output.stderr.starts_with("error[token-other-certificate]: "), "{}", output.stderr);
    assert_eq!(held(), before, "something was replaced");
}

/// A run against the simulated Apple in the real one's place.
fn real(env: &TestEnv, server: &SimServer, arguments: &[&str]) -> Output {
    let mut command = env.command(arguments);
    command.env("ESPALIER_ALLOW", "endpoints").env("ESPALIER_DEP_URL", server.address("dep"));
    Output::of(&mut command)
}

/// A simulator whose clock is this machine's.
fn serve_now(env: &TestEnv) -> SimServer {
    let mut world = env.serve().world();
    world["now"] = json!(jiff::Timestamp::now());
    env.serve_world(&world)
}

#[cfg(unix)]
#[test]
fn t7_files_that_the_document_names_are_replaced_together() {
    let env = folder(IN_FILES);
    let server = serve_now(&env);
    let run = |arguments: &[&str]| real(&env, &server, arguments);
    run(&["ledger", "create"]).expect(0);
    let made = run(&["token", "keygen", "school"]).expect(0);
    upload(&server, "Lakeside School", &certificate(&env, &made));
    download(&env, &server, "Lakeside School", "first.p7m", json!({}));
    let output = quiet(run(&["token", "import", "school", "first.p7m"]), &secrets(&server)).expect(0);
    assert!(output.stdout.contains("written  keys/token.p7m"), "{}", output.stdout);
    let keys = env.documents().join("keys");
    let names = || {
        let mut names: Vec<_> = fs::read_dir(&keys)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(), ["cert.pem", "key.pem", "token.p7m"]);
    for name in names() {
        assert_eq!(mode(&keys.join(name)), 0o600);
    }
    assert_eq!(env.read("keys/cert.pem"), certificate_text(&env, &made));
    assert!(
        find(&env.documents().join(".espalier/tokens"), "private-key.pem").is_empty(),
        "the pair is settled"
    );

    // A renewal without a new key; then one with a new one.
    let key = env.read("keys/key.pem");
    download(&env, &server, "Lakeside School", "second.p7m", json!({}));
    quiet(run(&["token", "import", "school", "second.p7m"]), &secrets(&server)).expect(0);
    assert_eq!(env.read("keys/key.pem"), key);
    let shown = quiet(run(&["token", "inspect", "keys/token.p7m"]), &secrets(&server)).expect(0);
    assert!(shown.stdout.contains("EnrollmentToken/school"), "{}", shown.stdout);
    let made = run(&["token", "keygen", "school"]).expect(0);
    upload(&server, "Lakeside School", &certificate(&env, &made));
    download(&env, &server, "Lakeside School", "third.p7m", json!({}));
    quiet(run(&["token", "import", "school", "third.p7m", "--output", "plain.json"]), &secrets(&server))
        .expect(0);
    assert_ne!(env.read("keys/key.pem"), key);
    assert_eq!(names(), ["cert.pem", "key.pem", "token.p7m"]);
    assert_eq!(mode(&env.documents().join("plain.json")), 0o600);
    assert!(env.read("plain.json").contains("consumer_secret"));

    // A document cannot have anything else written over.
    env.replace("school.yaml", "serverToken: keys/token.p7m", "serverToken: fleet.yaml");
    let output = run(&["token", "import", "school", "third.p7m"]).expect(1);
    assert!(output.stderr.contains("error[token-place-taken]"), "{}", output.stderr);
    assert_eq!(env.read("fleet.yaml"), FLEET);
    // Nothing secret is in the ledger, nor in what it left.
    let secrets = secrets(&server);
    for file in find(&env.documents().join(".espalier"), "ledger.db") {
        let bytes = fs::read(file).unwrap();
        assert!(
            !secrets.iter().any(|secret| bytes.windows(secret.len()).any(|part| part == secret.as_bytes()))
        );
    }
}

fn certificate_text(env: &TestEnv, output: &Output) -> String {
    let line = output.stdout.lines().find_map(|line| line.strip_prefix("  certificate  ")).unwrap();
    let gone = env.documents().join(line);
    assert!(!gone.exists(), "the pair waits still in {line}");
    let token = env.read("keys/cert.pem");
    assert!(token.starts_with("-----BEGIN CERTIFICATE-----"));
    token
}

#[test]
fn t1_what_is_kept_elsewhere_is_said_and_not_shown() {
    let elsewhere =
        "{ privateKey: { env: SCHOOL_KEY }, certificate: cert.pem, serverToken: { env: SCHOOL_TOKEN } }";
    let env = folder(elsewhere);
    let server = serve_now(&env);
    real(&env, &server, &["ledger", "create"]).expect(0);
    let made = real(&env, &server, &["token", "keygen", "school"]).expect(0);
    upload(&server, "Lakeside School", &certificate(&env, &made));
    download(&env, &server, "Lakeside School", "first.p7m", json!({}));
    let hidden = secrets(&server);
    let output = quiet(real(&env, &server, &["token", "import", "school", "first.p7m"]), &hidden).expect(0);
    for part in [
        "store the text of first.p7m as `direct.serverToken` (env SCHOOL_TOKEN)",
        "private-key.pem as `direct.privateKey` (env SCHOOL_KEY)",
        "written  cert.pem",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let waiting = find(&env.documents().join(".espalier/tokens"), "private-key.pem");
    assert_eq!(waiting.len(), 1, "the pair waits until the runner has it");
    // With the token in its place the run signs in by the pair that waits, and then by its own.
    let token = env.read("first.p7m");
    let key = fs::read_to_string(&waiting[0]).unwrap();
    for key in [None, Some(&key)] {
        let mut command = env.command(["token", "renew", "school"]);
        command
            .env("ESPALIER_ALLOW", "endpoints")
            .env("ESPALIER_DEP_URL", server.address("dep"))
            .env("SCHOOL_TOKEN", &token);
        if let Some(key) = key {
            command.env("SCHOOL_KEY", key);
        }
        let output = quiet(Output::of(&mut command), &hidden).expect(0);
        assert!(output.stdout.contains("in 36"), "{}", output.stdout);
    }
}
