//! Connections: the tenant, its cloud, and every way to sign in.

use super::super::schema;
use super::*;
use crate::manifest::Allow;
use crate::model::desired::{Cloud, Connection, Credential};
use crate::model::{Kind, SecretRef};

const APP: &str = "66666666-7777-8888-9999-000000000000";

/// The documents of a folder whose connection signs in so.
fn load_connection(tenant: &str, client: &str, rest: &str) -> Loaded {
    let text = format!(
        "apiVersion: espalier.dev/v1alpha1\nkind: Connection\nmetadata: {{name: tenant}}\nspec:\n  intune:\n    tenantId: {tenant}\n    clientId: {client}\n    {rest}\n"
    );
    load_text(&[("fleet.yaml", FLEET), ("x.yaml", &text)])
}

fn connection(rest: &str) -> Connection {
    let loaded = load_connection("contoso.example", APP, rest);
    assert_eq!(told(&loaded), [""; 0], "{rest}");
    loaded.desired.connections.into_values().next().unwrap()
}

#[test]
fn every_credential_is_read() {
    let env = |name: &str| SecretRef::Env(name.to_owned());
    let user = "3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6";
    for (text, credential) in [
        ("clientSecret: {env: S}", Credential::ClientSecret(env("S"))),
        ("certificate: {pem: {env: PEM}}", Credential::Certificate(env("PEM"))),
        ("certificate: {pem: {file: a/x.pem}}", Credential::Certificate(SecretRef::File("a/x.pem".into()))),
        ("federatedTokenFile: token", Credential::FederatedTokenFile("token".into())),
        ("githubOidc: {}", Credential::GithubOidc),
        ("managedIdentity: {}", Credential::ManagedIdentity { client_id: None }),
        (
            "managedIdentity: {clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6}",
            Credential::ManagedIdentity { client_id: Some(user.to_owned()) },
        ),
    ] {
        assert_eq!(connection(&format!("credential: {{{text}}}")).credential, credential);
    }
}

#[test]
fn every_cloud_is_read() {
    for (word, cloud) in
        [("global", Cloud::Global), ("usGov", Cloud::UsGov), ("usDod", Cloud::UsDod), ("china", Cloud::China)]
    {
        assert_eq!(connection(&format!("cloud: {word}\n    credential: {{githubOidc: {{}}}}")).cloud, cloud);
    }
    assert_eq!(connection("credential: {githubOidc: {}}").cloud, Cloud::Global);
}

#[test]
fn what_is_wrong_with_a_credential_is_said_at_its_place() {
    for (text, code, words) in [
        ("certificate: {}", "missing-field", "`intune.credential.certificate.pem` is missing"),
        ("certificate: {pem: planted}", "plain-secret", "only ever referred to"),
        ("certificate: {pem: {exec: [cat, x]}}", "not-allowed", "(`exec`)"),
        ("certificate: {pem: {file: ../x.pem}}", "not-allowed", "out of the documents' folder"),
        ("certificate: {pem: {env: A}, password: {env: B}}", "unknown-field", "certificate.password"),
        ("certificate: null", "bad-value", "cannot be null"),
        ("githubOidc: null", "bad-value", "cannot be null"),
        ("githubOidc: {audience: x}", "unknown-field", "githubOidc.audience"),
        ("githubOidc: {}, managedIdentity: {}", "bad-value", "exclude each other"),
        ("managedIdentity: {clientId: mine}", "bad-value", "it is not a GUID"),
        ("managedIdentity: {clientId: null}", "bad-value", "cannot be null"),
    ] {
        let loaded = load_connection("contoso.example", APP, &format!("credential: {{{text}}}"));
        let found = only(&loaded);
        assert!(found.code == code && found.message.contains(words), "{text}: {found:?}");
        assert_eq!(found.place.line, 8, "{text}");
        assert!(!found.next.is_empty() && !format!("{found:?}").contains("planted"), "{text}");
        assert!(loaded.desired.connections.is_empty(), "{text}");
    }
}

#[test]
fn tenant_and_application_have_a_form() {
    let found = |tenant: &str, client: &str| {
        let found = only(&load_connection(tenant, client, "credential: {githubOidc: {}}"));
        (found.code, found.place.line, found.message, found.next)
    };
    let (code, line, message, next) = found("contoso", APP);
    assert_eq!((code, line), ("bad-value", 6));
    assert!(
        message.contains("neither a GUID nor a domain name") && next.contains("onmicrosoft.com"),
        "{message}"
    );
    assert!(found("organizations", APP).2.contains("many tenants"));
    let (code, line, message, next) = found("contoso.example", "my-app");
    assert_eq!((code, line), ("bad-value", 7));
    assert!(message.contains("not a GUID") && next.contains("client id"), "{message}");
}

#[test]
fn a_secret_of_a_certificate_may_come_from_where_the_runner_allows() {
    let folder = tempfile::tempdir().unwrap();
    let text = CONNECTION.replace("clientSecret: {env: SECRET}", "certificate: {pem: {exec: [cat, x]}}");
    std::fs::write(folder.path().join("fleet.yaml"), FLEET).unwrap();
    std::fs::write(folder.path().join("x.yaml"), text).unwrap();
    let loaded = crate::manifest::load(folder.path(), Allow { exec: true, ..Allow::default() }).unwrap();
    let found = loaded.desired.connections.into_values().next().unwrap();
    assert!(matches!(found.credential, Credential::Certificate(SecretRef::Exec(argv)) if argv.len() == 2));
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let validator = jsonschema::validator_for(&schema(Kind::Connection)).unwrap();
    let document = |tenant: &str, client: &str, credential: serde_json::Value| {
        serde_json::json!({ "apiVersion": "espalier.dev/v1alpha1", "kind": "Connection",
            "metadata": { "name": "t" },
            "spec": { "intune": { "tenantId": tenant, "clientId": client, "credential": credential } } })
    };
    for credential in [
        serde_json::json!({ "certificate": { "pem": { "env": "PEM" } } }),
        serde_json::json!({ "githubOidc": {} }),
        serde_json::json!({ "managedIdentity": {} }),
        serde_json::json!({ "managedIdentity": { "clientId": APP } }),
    ] {
        for tenant in ["contoso.onmicrosoft.com", "11111111-2222-3333-4444-555555555555"] {
            let document = document(tenant, APP, credential.clone());
            assert!(validator.is_valid(&document), "{document}");
        }
    }
    let wrong = serde_json::json!({ "certificate": { "pem": "text" } });
    assert!(!validator.is_valid(&document("contoso.example", APP, wrong)));
    assert!(!validator.is_valid(&document("contoso", APP, serde_json::json!({ "githubOidc": {} }))));
    assert!(!validator.is_valid(&document(
        "contoso.example",
        "app",
        serde_json::json!({ "githubOidc": {} })
    )));
    let twice = serde_json::json!({ "githubOidc": {}, "managedIdentity": {} });
    assert!(!validator.is_valid(&document("contoso.example", APP, twice)));
}
