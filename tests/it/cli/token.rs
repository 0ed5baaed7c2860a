//! `token keygen`, `inspect`, `import`, `renew`: files and keys as they come from Apple's portal, a
//! token that Intune holds, and one that espalier holds.

mod direct;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use base64::Engine as _;
use openssl::cms::{CMSOptions, CmsContentInfo};
use openssl::stack::Stack;
use openssl::symm::Cipher;
use openssl::x509::X509;
use serde_json::{Value, json};

use crate::support::keys::KeyPair;
use crate::support::{Output, SimServer, TestEnv, schema};

/// What every planted secret has within.
const MARK: &str = "pl4nted";

/// A pair that is made once.
static PAIR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new("2026-11-01T00:00:00Z".parse().unwrap(), 30));
static OTHER: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::new("2026-11-01T00:00:00Z".parse().unwrap(), 30));

/// A token that ends then.
fn token(expires: &str) -> String {
    let json = json!({
        "consumer_key": format!("CK_{MARK}1"), "consumer_secret": format!("CS_{MARK}2"),
        "access_token": format!("AT_{MARK}3"), "access_secret": format!("AS_{MARK}4"),
        "access_token_expiry": expires,
    });
    format!(
        "Content-Type: text/plain;charset=UTF-8\r\n\r\n-----BEGIN MESSAGE-----\r\n{json}\r\n-----END MESSAGE-----\r\n"
    )
}

/// A token file for a certificate, as OpenSSL's own `cms` makes it.
fn p7m(certificate: &str, content: &str) -> String {
    let mut to = Stack::new().unwrap();
    to.push(X509::from_pem(certificate.as_bytes()).expect("a certificate")).unwrap();
    let cms = CmsContentInfo::encrypt(&to, content.as_bytes(), Cipher::aes_256_cbc(), CMSOptions::BINARY);
    let digits = base64::engine::general_purpose::STANDARD.encode(cms.unwrap().to_der().unwrap());
    let lines: Vec<&str> =
        digits.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "Content-Type: application/pkcs7-mime; name=\"smime.p7m\"; smime-type=enveloped-data\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
        lines.join("\r\n")
    )
}

/// No output shows a secret.
#[track_caller]
fn quiet(output: Output) -> Output {
    for text in [&output.stdout, &output.stderr] {
        assert!(!text.contains(MARK) && !text.contains("PRIVATE KEY"), "a secret is shown:\n{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    output
}

/// Files of this name below a folder.
fn find(folder: &Path, name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(find(&path, name));
        } else if path.file_name().is_some_and(|own| own.to_string_lossy().ends_with(name)) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The certificate that a command's output names.
fn certificate(env: &TestEnv, output: &Output) -> String {
    let line = output.stdout.lines().find_map(|line| line.strip_prefix("  certificate  "));
    env.read(line.unwrap_or_else(|| panic!("no certificate in {}", output.stdout)))
}

#[test]
fn inspect_shows_what_for_whom_and_until_when_and_no_secret() {
    let env = TestEnv::new();
    env.write("key.pem", &PAIR.private_key());
    env.write("cert.pem", &PAIR.certificate());
    env.write("token.p7m", &p7m(&PAIR.certificate(), &token("2125-01-02T03:04:05Z")));
    let arguments = ["token", "inspect", "token.p7m", "--key", "key.pem", "--cert", "cert.pem"];
    let output = quiet(env.run(arguments)).expect(0);
    for part in [
        "issuer without a name",
        "AES-256-CBC",
        "2125-01-02 03:04 UTC",
        "consumer_key     CK_…, 11 characters",
        "access_secret    AS_…, 11 characters",
    ] {
        assert!(output.stdout.contains(part), "{part}: {}", output.stdout);
    }
    let output = quiet(env.run(arguments.into_iter().chain(["--format", "json"]))).expect(0);
    let shown: Value = serde_json::from_str(&output.stdout).expect("JSON");
    schema::holds("server-token", &shown);
    assert_eq!(shown["expires"], "2125-01-02T03:04:05Z");
    assert_eq!(shown["secrets"]["accessToken"], json!({"prefix": "AT_", "length": 11}));
}

#[test]
fn inspect_tells_each_mishap_apart() {
    let env = TestEnv::new();
    env.write("key.pem", &PAIR.private_key());
    env.write("cert.pem", &PAIR.certificate());
    env.write("other-key.pem", &OTHER.private_key());
    env.write("other-cert.pem", &OTHER.certificate());
    let file = p7m(&PAIR.certificate(), &token("2125-01-02T03:04:05Z"));
    env.write("token.p7m", &file);
    env.write("cut.p7m", &file[..file.len() * 2 / 3]);
    env.write("garbage.p7m", &format!("{MARK} is no token"));
    env.write("decrypted.p7m", &token("2125-01-02T03:04:05Z"));
    env.write(
        "empty.p7m",
        &p7m(&PAIR.certificate(), &token("2125-01-02T03:04:05Z").replace(&format!("CS_{MARK}2"), "")),
    );
    env.write("note.p7m", &p7m(&PAIR.certificate(), &format!("Dear {MARK}")));
    let inspect = |file: &str, key: &str, cert: &str| {
        quiet(env.run(["token", "inspect", file, "--key", key, "--cert", cert]))
    };
    let cases = [
        ("token.p7m", "other-key.pem", "cert.pem", 8, "token-key-mismatch"),
        ("cut.p7m", "key.pem", "cert.pem", 1, "token-file-truncated"),
        ("garbage.p7m", "key.pem", "cert.pem", 1, "token-file-other"),
        ("decrypted.p7m", "key.pem", "cert.pem", 1, "token-file-other"),
        ("empty.p7m", "key.pem", "cert.pem", 1, "token-content"),
        ("note.p7m", "key.pem", "cert.pem", 1, "token-content"),
        ("cert.pem", "key.pem", "cert.pem", 1, "token-file-other"),
        ("token.p7m", "cert.pem", "cert.pem", 8, "token-key-unusable"),
        ("token.p7m", "key.pem", "key.pem", 8, "token-certificate-unusable"),
        ("nowhere.p7m", "key.pem", "cert.pem", 1, "file-io"),
    ];
    for (file, key, cert, code, name) in cases {
        let output = inspect(file, key, cert).expect(code);
        assert!(output.stderr.starts_with(&format!("error[{name}]: ")), "{file} {key}: {}", output.stderr);
        assert!(output.stderr.contains("hint: "), "{}", output.stderr);
    }
    // The pairs of these tests have neither name nor number of their own, so that only the key tells.
    let output = inspect("token.p7m", "other-key.pem", "other-cert.pem");
    assert!(matches!(output.code, Some(1 | 8)), "{output:?}");
    // A key alone says nothing.
    env.run(["token", "inspect", "token.p7m", "--key", "key.pem"]).expect(64);
}

/// `examples/small` whose token consents, and a simulator that holds it.
fn intune() -> (TestEnv, SimServer) {
    let env = TestEnv::with_example("small");
    env.replace("token.yaml", "  mdm: contoso\n", "  mdm: contoso\n  consentToShareData: true\n");
    let server = env.serve();
    (env, server)
}

fn writes(server: &SimServer) -> Vec<String> {
    let calls = server.calls();
    let writes = calls.iter().filter(|call| call["kind"] == "write");
    writes.map(|call| call["operation"].as_str().unwrap().rsplit('.').nth(1).unwrap().to_owned()).collect()
}

#[test]
fn t7_a_token_at_intune_is_renewed_in_place() {
    let (env, server) = intune();
    let sim = server.flag();
    // Nobody can be asked: nothing is made.
    let output = env.run(["token", "keygen", "main", &sim]).expect(64);
    assert!(output.stderr.contains("no-terminal") && output.stderr.contains("T-2"), "{}", output.stderr);
    let current = env.run(["token", "keygen", "main", "--current", &sim]).expect(0);
    assert_eq!(writes(&server), Vec::<String>::new(), "looking writes nothing");
    let made = env.run(["token", "keygen", "main", "--yes", &sim]).expect(0);
    for part in ["T-8", "T-13", "T-4", "espalier token import main FILE.p7m", "apple.services@sim.example"] {
        assert!(made.stdout.contains(part), "{part}: {}", made.stdout);
    }
    assert_eq!(writes(&server), ["generateEncryptionPublicKey"]);
    let (old, new) = (certificate(&env, &current), certificate(&env, &made));
    assert_ne!(old, new);

    // A file for the key that is no more.
    env.write("old.p7m", &p7m(&old, &token("2027-10-01T00:00:00Z")));
    let output = quiet(env.run(["token", "import", "main", "old.p7m", "--yes", &sim])).expect(8);
    assert!(output.stderr.starts_with("error[token-other-certificate]: "), "{}", output.stderr);
    assert_eq!(writes(&server).len(), 1, "nothing was uploaded");

    env.write("new.p7m", &p7m(&new, &token("2027-10-01T00:00:00Z")));
    let output = env.run(["token", "import", "main", "new.p7m", &sim]).expect(64);
    assert!(output.stderr.contains("no-terminal"), "{}", output.stderr);
    let output = quiet(env.run(["token", "import", "main", "new.p7m", "--yes", &sim])).expect(0);
    assert!(output.stdout.contains("expires  2027-10-01 00:00 UTC"), "{}", output.stdout);
    let world = server.world();
    let held = &world["tenants"][0]["tokens"][0];
    assert_eq!(held["expires"], "2027-10-01T00:00:00Z");
    assert_eq!(world["history"]["tokensUploaded"][held["id"].as_str().unwrap()], 1);
    // What is known of it afterwards, and nothing more.
    let journal = quiet(env.run(["ledger", "journal", &sim])).expect(0);
    assert!(
        journal.stdout.contains("EnrollmentToken/main renewed, expires 2027-10-01"),
        "{}",
        journal.stdout
    );
    for file in find(&env.documents().join(".espalier"), "") {
        let bytes = std::fs::read(&file).unwrap();
        let holds = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        assert!(!holds(MARK) && !holds("PRIVATE KEY"), "{} holds a secret", file.display());
    }
    let renew = quiet(env.run(["token", "renew", "main", &sim])).expect(0);
    for part in
        ["held by Connection/contoso", "expires  2027-10-01", "espalier token keygen main", "T-8", "T-13"]
    {
        assert!(renew.stdout.contains(part), "{part}: {}", renew.stdout);
    }
    drop(server);
    env.finish();
}

#[test]
fn t3_without_consent_nothing_is_uploaded() {
    let env = TestEnv::with_example("small");
    let server = env.serve();
    let made = env.run(["token", "keygen", "main", "--yes", &server.flag()]).expect(0);
    env.write("new.p7m", &p7m(&certificate(&env, &made), &token("2027-10-01T00:00:00Z")));
    for consent in ["", "  consentToShareData: false\n"] {
        env.replace("token.yaml", "  mdm: contoso\n", &format!("  mdm: contoso\n{consent}"));
        let output = env.run(["token", "import", "main", "new.p7m", "--yes", &server.flag()]).expect(3);
        assert!(output.stderr.contains("error[token-no-consent]"), "{}", output.stderr);
        assert!(output.stderr.contains("(T-3)"), "{}", output.stderr);
    }
    assert_eq!(writes(&server), ["generateEncryptionPublicKey"]);
}

#[test]
fn t4_another_apple_id_is_warned_of() {
    let (env, server) = intune();
    env.replace("token.yaml", "  mdm: contoso\n", "  mdm: contoso\n  appleId: other@contoso.example\n");
    let made = env.run(["token", "keygen", "main", "--yes", &server.flag()]).expect(0);
    env.write("new.p7m", &p7m(&certificate(&env, &made), &token("2027-10-01T00:00:00Z")));
    let output = env.run(["token", "import", "main", "new.p7m", "--yes", &server.flag()]).expect(0);
    assert!(output.stderr.contains("T-4"), "{}", output.stderr);
    assert_eq!(server.world()["tenants"][0]["tokens"][0]["appleIdentifier"], "other@contoso.example");
}

#[test]
fn what_intune_refuses_is_told_and_recorded_nowhere() {
    let (env, server) = intune();
    let made = env.run(["token", "keygen", "main", "--yes", &server.flag()]).expect(0);
    // It opens there and is no token.
    env.write("note.p7m", &p7m(&certificate(&env, &made), "hello"));
    let output = env.run(["token", "import", "main", "note.p7m", "--yes", &server.flag()]);
    assert!(matches!(output.code, Some(1 | 9)), "{output:?}");
    assert!(
        output.stderr.contains("uploading the renewed token failed with status 400"),
        "{}",
        output.stderr
    );
    let journal = env.run(["ledger", "journal", &server.flag()]).expect(0);
    assert!(!journal.stdout.contains("renewed"), "{}", journal.stdout);
}

#[test]
fn a_token_that_no_document_names_is_a_wrong_command_line() {
    let env = TestEnv::with_example("small");
    for arguments in [
        &["token", "keygen", "mian", "--sim"][..],
        &["token", "renew", "mian", "--sim"],
        &["token", "import", "mian", "token.p7m", "--sim"],
    ] {
        let output = env.run(arguments).expect(64);
        assert!(output.stderr.contains("did you mean `main`?"), "{}", output.stderr);
    }
}
