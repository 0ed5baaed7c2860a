//! The commands as users run them, against `sim serve` with real sign-in: no `--sim`, the machine's
//! clock, secrets from where documents say. None of them shows anywhere.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::secrets::{MARK, every_command_with, folder, run_with, search_for};
use crate::support::http::Server;
use crate::support::keys::KeyPair;
use crate::support::{SimServer, TestEnv};

const TENANT: &str = "8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36";
const APP: &str = "3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6";
const MAIN: &str = "repo:contoso/fleet:ref:refs/heads/main";

/// The beginning of every JWT: an id token or an assertion.
const JWT: &str = "eyJ";

/// A simulator whose clock shows the machine's time, since that is what the commands go by.
fn serve_now(env: &TestEnv) -> SimServer {
    let mut world = env.serve().world();
    world["now"] = json!(Timestamp::now());
    env.serve_world(&world)
}

/// The secret lines of a PEM text.
fn lines(pem: &str) -> Vec<&str> {
    pem.lines().filter(|line| !line.starts_with('-') && line.len() > 20).collect()
}

fn sign_ins(server: &SimServer, service: &str) -> u64 {
    let calls = server.calls();
    calls
        .iter()
        .filter(|call| call["service"] == service)
        .map(|call| call["count"].as_u64().unwrap_or(0))
        .sum()
}

/// Runs everything with a credential; each command that needs the service signs in once.
fn plays(ground: &TestEnv, credential: &str, asked: &str, rig: impl FnOnce(&SimServer, &TestEnv) -> Rig) {
    let server = serve_now(ground);
    let env = folder(server.address("graph"), server.address("login"), credential);
    let rig = rig(&server, &env);
    for change in rig.portal {
        server.portal(&change);
    }
    let variables: Vec<(&str, &str)> = rig.variables.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut hidden: Vec<&str> = rig.hidden.iter().flat_map(|pem| lines(pem)).collect();
    hidden.extend([MARK, JWT]);
    for args in [&["plan"][..], &["apply", "--yes"], &["plan", "--detailed-exitcode"]] {
        server.forget_calls();
        let output = run_with(&env, args, &variables).expect(0);
        assert!(!output.stderr.contains("panicked"), "{credential}: {output:?}");
        for service in ["login", "github", "imds", "identity"] {
            let expected = u64::from(asked.contains(service));
            assert_eq!(sign_ins(&server, service), expected, "{credential}: {args:?} asked {service}");
        }
    }
    let outputs = every_command_with(&env, &variables, &hidden);
    assert!(outputs.iter().all(|output| output.code == Some(0)), "{credential}: {outputs:#?}");
    search_for(&env.documents(), &["key.pem"], &hidden);
    search_for(&env.home(), &[], &hidden);
    let recorded = std::fs::read(ground.recording()).expect("the simulator records");
    let recorded = String::from_utf8(recorded).expect("JSON is text");
    assert!(!hidden.iter().any(|secret| recorded.contains(secret)), "the record holds a secret");
}

/// What a flow needs around it.
#[derive(Default)]
struct Rig {
    portal: Vec<Value>,
    variables: Vec<(&'static str, String)>,
    /// PEM texts no line of which may show.
    hidden: Vec<String>,
}

#[test]
fn a_certificate_plans_and_applies() {
    let ground = TestEnv::with_example("small");
    let keys = KeyPair::new(Timestamp::now(), 90);
    let add =
        || json!({ "do": "addCertificate", "tenant": TENANT, "clientId": APP, "pem": keys.certificate() });
    plays(&ground, "certificate: { pem: { env: INTUNE_PEM } }", "login", |_, _| Rig {
        portal: vec![add()],
        variables: vec![("INTUNE_PEM", keys.pem())],
        hidden: vec![keys.private_key()],
    });
    plays(&ground, "certificate: { pem: { file: key.pem } }", "login", |_, env| {
        env.write("key.pem", &keys.pem());
        Rig { portal: vec![add()], hidden: vec![keys.private_key()], ..Rig::default() }
    });
}

#[test]
fn a_github_workflow_plans_and_applies() {
    let ground = TestEnv::with_example("small");
    plays(&ground, "githubOidc: {}", "login github", |server, _| Rig {
        portal: vec![
            json!({ "do": "runWorkflow", "subject": MAIN, "requestToken": format!("request-{MARK}") }),
            json!({ "do": "addFederatedCredential", "tenant": TENANT, "clientId": APP, "subject": MAIN }),
        ],
        variables: vec![
            ("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/idtoken?api-version=2.0", server.address("github"))),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", format!("request-{MARK}")),
        ],
        ..Rig::default()
    });
}

#[test]
fn a_managed_identity_plans_and_applies_in_both_forms() {
    let ground = TestEnv::with_example("small");
    let identity = "5f0c2f0a-1111-4222-8333-444455556666";
    let assign = || {
        json!({ "do": "assignManagedIdentity", "tenant": TENANT, "clientId": identity, "userAssigned": true,
            "identityHeader": format!("header-{MARK}") })
    };
    plays(&ground, "managedIdentity: {}", "imds", |server, _| Rig {
        portal: vec![assign()],
        variables: vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", server.address("imds").to_owned())],
        ..Rig::default()
    });
    let named = format!("managedIdentity: {{ clientId: {identity} }}");
    plays(&ground, &named, "identity", |server, _| Rig {
        portal: vec![assign()],
        variables: vec![
            ("IDENTITY_ENDPOINT", format!("{}/msi/token", server.address("identity"))),
            ("IDENTITY_HEADER", format!("header-{MARK}")),
        ],
        ..Rig::default()
    });
}

#[test]
fn a_certificate_that_ends_soon_is_warned_of_and_one_that_has_ended_stops_its_tenant() {
    let ground = TestEnv::with_example("small");
    let server = serve_now(&ground);
    let credential = "certificate: { pem: { env: INTUNE_PEM } }";
    let env = folder(server.address("graph"), server.address("login"), credential);
    let plan = |days: i64| {
        let keys = KeyPair::new(Timestamp::now(), days);
        server.portal(
            &json!({ "do": "addCertificate", "tenant": TENANT, "clientId": APP, "pem": keys.certificate() }),
        );
        run_with(&env, &["plan"], &[("INTUNE_PEM", &keys.pem())])
    };
    let soon = plan(10).expect(0);
    let told = format!("{}{}", soon.stdout, soon.stderr);
    assert!(told.contains("T-12") && told.contains("expires in 9 days"), "{told}");
    let over = plan(0).expect(8);
    let told = format!("{}{}", over.stdout, over.stderr);
    assert!(
        told.contains("CN=espalier test expired on") && told.contains("make a new certificate"),
        "{told}"
    );
}

#[test]
fn what_the_runner_lacks_stops_its_tenant_with_the_way_out() {
    let dead = Server::start(|_| (500, "{}".to_owned()));
    for (credential, variables, words) in [
        ("githubOidc: {}", vec![], "`permissions: id-token: write`"),
        ("certificate: { pem: { env: INTUNE_PEM } }", vec![("INTUNE_PEM", "pl4nted")], "no PEM text"),
        ("certificate: { pem: { env: INTUNE_PEM } }", vec![], "INTUNE_PEM is not set"),
    ] {
        let env = folder(dead.url(), dead.url(), credential);
        for output in every_command_with(&env, &variables, &[MARK]) {
            assert!(matches!(output.code, Some(0 | 3 | 8)), "{credential}: {output:?}");
        }
        let output = run_with(&env, &["plan"], &variables).expect(8);
        let told =
            format!("{}{}", output.stdout, output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(told.contains(words), "{credential}: {told}");
    }
    assert_eq!(dead.asked(), 0, "nobody was asked");
}

#[test]
fn other_hosts_are_asked_only_where_the_runner_allows_it() {
    let far = Server::start(|_| {
        (200, json!({ "value": "eyJ", "access_token": "x", "expires_in": 60 }).to_string())
    });
    let url = format!("{}/idtoken", far.url());
    let variables = [
        ("ESPALIER_ALLOW", ""),
        ("ACTIONS_ID_TOKEN_REQUEST_URL", url.as_str()),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "request-pl4nted"),
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", far.url()),
    ];
    for credential in ["githubOidc: {}", "managedIdentity: {}"] {
        let env = TestEnv::with_example("small");
        env.replace("connection.yaml", "clientSecret: { env: INTUNE_CLIENT_SECRET }", credential);
        env.run(["ledger", "create"]).expect(0);
        let mut command = env.command(["plan"]);
        command.envs(variables);
        let output = crate::support::Output::of(&mut command).expect(8);
        let told = format!("{}{}", output.stdout, output.stderr);
        assert!(told.contains("ESPALIER_ALLOW=endpoints") && !told.contains(MARK), "{told}");
    }
    assert_eq!(far.asked(), 0, "nobody was asked");
}

#[test]
fn services_that_say_a_proof_aloud_are_not_repeated() {
    // Each answers with everything that it was sent.
    let said = |request: &crate::support::http::Request| {
        format!("no: {} {}", request.body, request.head.replace("\r\n", " "))
    };
    let entra = Server::start(move |request| {
        (401, json!({ "error": "invalid_client", "error_description": said(request) }).to_string())
    });
    let near = Server::start(move |request| (401, json!({ "message": said(request) }).to_string()));
    let keys = KeyPair::new(Timestamp::now(), 90);
    let github = Server::start(|_| (200, json!({ "value": format!("eyJ{MARK}.{MARK}.{MARK}") }).to_string()));
    let (pem, given, refused) =
        (keys.pem(), format!("{}/idtoken", github.url()), format!("{}/idtoken", near.url()));
    let request_token = "request-pl4nted";
    for (credential, variables) in [
        ("certificate: { pem: { env: INTUNE_PEM } }", vec![("INTUNE_PEM", pem.as_str())]),
        (
            "githubOidc: {}",
            vec![
                ("ACTIONS_ID_TOKEN_REQUEST_URL", given.as_str()),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", request_token),
            ],
        ),
        (
            "githubOidc: {}",
            vec![
                ("ACTIONS_ID_TOKEN_REQUEST_URL", refused.as_str()),
                ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", request_token),
            ],
        ),
        (
            "managedIdentity: {}",
            vec![("IDENTITY_ENDPOINT", near.url()), ("IDENTITY_HEADER", "header-pl4nted")],
        ),
    ] {
        let env = folder(entra.url(), entra.url(), credential);
        let outputs = every_command_with(&env, &variables, &[MARK, JWT]);
        assert!(outputs.iter().any(|output| output.code == Some(8)), "{credential}: {outputs:#?}");
        search_for(&env.documents(), &[], &[MARK, JWT]);
    }
    assert!(entra.asked() > 0 && near.asked() > 0 && github.asked() > 0);
}

#[test]
fn a_managed_identity_is_never_asked_for_through_a_proxy() {
    let ground = TestEnv::with_example("small");
    let server = serve_now(&ground);
    server.portal(&json!({ "do": "assignManagedIdentity", "tenant": TENANT, "clientId": "i" }));
    let env = folder(server.address("graph"), server.address("login"), "managedIdentity: {}");
    let proxied = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let heads = std::sync::Arc::clone(&proxied);
    let proxy = Server::start(move |request| {
        heads.lock().expect("no test panics here").push(request.head.clone());
        (400, "{}".to_owned())
    });
    let imds = server.address("imds").to_owned();
    let variables = [
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", imds.as_str()),
        ("http_proxy", proxy.url()),
        ("HTTP_PROXY", proxy.url()),
        ("ALL_PROXY", proxy.url()),
    ];
    run_with(&env, &["plan"], &variables);
    assert_eq!(sign_ins(&server, "imds"), 1);
    let proxied = proxied.lock().expect("no test panics here");
    assert!(proxied.iter().all(|head| !head.contains("/metadata/identity")), "{proxied:?}");
}
