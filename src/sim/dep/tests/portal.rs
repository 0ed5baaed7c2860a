//! What persons do at Apple: files of server tokens, devices that move, changes that are refused.

use openssl::cms::CmsContentInfo;
use openssl::pkey::{PKey, Private};

use super::*;
use crate::sim::portal::{self, Change};

fn change(world: &mut World, change: Value) -> Result<(), String> {
    let change: Change = serde_json::from_value(change).unwrap();
    portal::change(world, change).map_err(|error| error.to_string())
}

/// The bytes of the encrypted message within a file.
fn sealed(file: &Value) -> Vec<u8> {
    let bytes = STANDARD.decode(file["base64"].as_str().unwrap()).unwrap();
    let Some(text) = file["text"].as_str() else { return bytes };
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let body = text.split_once("\n\n").map_or(text.as_str(), |(_, body)| body);
    STANDARD.decode(body.replace('\n', "")).unwrap()
}

/// What OpenSSL's program makes of a message: it reads indefinite lengths.
fn opened(message: &[u8], key: &PKey<Private>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (file, key_file) = (folder.path().join("m.ber"), folder.path().join("key.pem"));
    std::fs::write(&file, message).unwrap();
    std::fs::write(&key_file, key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    let mut command = std::process::Command::new("openssl");
    command.args(["cms", "-decrypt", "-inform", "DER", "-in"]).arg(&file).arg("-inkey").arg(&key_file);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_token_file_is_opened_by_the_key_in_every_form() {
    let desk = Desk::new().await;
    let (pem, key) = certificate();
    desk.by_hand(json!({"do": "uploadCertificate", "service": NORTH, "pem": pem})).await;
    for form in [
        json!({}),
        json!({"cipher": "aes-256-cbc", "newline": "lf"}),
        json!({"cipher": "des-ede3-cbc", "withoutMarkers": true}),
        json!({"cipher": "aes-128-gcm", "folded": true}),
        json!({"cipher": "aes-256-gcm", "container": "base64"}),
        json!({"container": "binary"}),
        json!({"container": "binary", "definite": true}),
        json!({"byteOrderMark": true}),
    ] {
        let answer = desk.by_hand(json!({"do": "downloadToken", "service": NORTH, "form": form})).await;
        let file = &answer["files"][0];
        let message = sealed(file);
        if form["definite"] != true {
            assert_eq!(message[..2], [0x30, 0x80], "{form}");
            // After the content of authenticated data comes what proves it.
            let ends =
                if form["cipher"].as_str().is_some_and(|cipher| cipher.ends_with("gcm")) { 6 } else { 10 };
            assert!(message.ends_with(&[0; 10][..ends]), "{form}");
            assert!(CmsContentInfo::from_der(&message).is_ok());
        } else {
            assert_ne!(message[1], 0x80);
        }
        let text = opened(&message, &key);
        let line = if form["newline"] == "lf" { "\n" } else { "\r\n" };
        let head = format!(
            "Content-Type: text/plain;charset=UTF-8{line}Content-Transfer-Encoding: 7bit{line}{line}"
        );
        let body = text.strip_prefix(&head).unwrap_or_else(|| panic!("{form}: {text}"));
        assert_eq!(body.contains("-----BEGIN MESSAGE-----"), form["withoutMarkers"] != true, "{form}");
        assert_eq!(body.lines().count() > 3, form["folded"] == true, "{form}");
        let body = body.replace("-----BEGIN MESSAGE-----", "").replace("-----END MESSAGE-----", "");
        let token: ServerToken = serde_json::from_str(&body).unwrap();
        assert_eq!(Some(&token), desk.sim.server_token(NORTH).as_ref(), "{form}");
        assert_eq!(desk.try_sign_in(&token).await.status, 200, "{form}");
        let text = file["text"].as_str();
        assert_eq!(text.is_none(), form["container"] == "binary", "{form}");
        assert!(
            text.is_none_or(|text| text.lines().all(|line| line.len() <= 76 || line.contains(':'))),
            "{form}"
        );
        let has_head = text.is_some_and(|text| text.contains("smime-type=enveloped-data"));
        assert_eq!(has_head, form.get("container").is_none(), "{form}");
    }
    let (_, elsewhere) = certificate();
    assert!(
        CmsContentInfo::from_der(&message_of(&desk).await)
            .unwrap()
            .decrypt_without_cert_check(&elsewhere)
            .is_err()
    );
}

async fn message_of(desk: &Desk) -> Vec<u8> {
    let answer = desk
        .by_hand(json!({"do": "downloadToken", "service": NORTH, "form": {"cipher": "aes-128-gcm"}}))
        .await;
    sealed(&answer["files"][0])
}

#[test]
fn what_cannot_be_done_by_hand_is_refused_and_changes_nothing() {
    let mut seed = seed();
    seed.tenants = vec![crate::sim::SeedTenant {
        tenant_id: "t".to_owned(),
        tokens: vec![crate::sim::SeedToken {
            name: "Intune".to_owned(),
            serials: vec![serial("DMPI1"), serial("DMPB1")],
            ..crate::sim::SeedToken::default()
        }],
        ..crate::sim::SeedTenant::default()
    }];
    let mut world = World::from_seed(&seed);
    assert!(world.service(SOUTH).unwrap().fleet.is_empty(), "a device is in one place only");
    let before = world.to_json();
    for (wish, part) in [
        (json!({"do": "downloadToken", "service": NORTH}), "no certificate"),
        (json!({"do": "revokeToken", "service": "West"}), "it has `North`, `South`"),
        (json!({"do": "uploadCertificate", "service": NORTH, "pem": "x"}), "not a certificate"),
        (
            json!({"do": "addDevices", "service": NORTH, "serials": ["NEW", "DMPI1"]}),
            "release it there first",
        ),
        (json!({"do": "addDevices", "service": SOUTH, "serials": ["DMPA1"]}), "at Apple already"),
        (
            json!({"do": "moveDevices", "serials": ["DMPA1", "NOBODY"], "to": SOUTH}),
            "no service at Apple has",
        ),
        (json!({"do": "releaseSerials", "serials": ["DMPA1", "NOBODY"]}), "no service at Apple has"),
        (json!({"do": "activateDevices", "serials": ["NOBODY"]}), "no service at Apple has"),
        (json!({"do": "replaceDevice", "serial": "DMPA1", "by": "DMPA2"}), "at Apple already"),
        (
            json!({"do": "assignAtApple", "service": NORTH, "profile": "x", "serials": ["DMPA1"]}),
            "it has none",
        ),
    ] {
        let error = change(&mut world, wish.clone()).expect_err(&wish.to_string());
        assert!(error.contains(part), "{wish}: {error}");
        assert!(world.to_json() == before, "{wish}");
    }
    change(&mut world, json!({"do": "releaseDevices", "token": "Intune", "serials": ["DMPI1"]})).unwrap();
    change(&mut world, json!({"do": "addDevices", "service": NORTH, "serials": ["DMPI1"]})).unwrap();
    assert_eq!(world.service_of(&serial("DMPI1")).unwrap().name, NORTH);
}

#[tokio::test]
async fn persons_and_devices_change_the_world() {
    let mut desk = Desk::new().await;
    desk.by_hand(json!([
        {"do": "defineProfile", "service": NORTH, "profile": {"profile_name": "By hand", "url": ""}},
        {"do": "assignAtApple", "service": NORTH, "profile": "By hand", "serials": ["DMPA1", "DMPA2"]},
        {"do": "activateDevices", "serials": ["DMPA1", "C02MAC"]},
        {"do": "addDevices", "serials": ["SPARE"], "family": "Mac"},
        {"do": "moveDevices", "serials": ["SPARE", "TVTV"], "to": NORTH},
        {"do": "releaseSerials", "serials": ["FCHPHONE"]},
        {"do": "changeService", "service": NORTH, "name": "Northern", "orgName": "Schools"},
    ]))
    .await;
    let row = desk.device("DMPA1").await;
    assert_eq!(
        (&row["profile_status"], &row["profile_push_time"]),
        (&json!("pushed"), &json!("2026-11-02T08:00:00Z"))
    );
    assert_eq!(desk.device("DMPA2").await["profile_status"], "assigned");
    assert_eq!(desk.device("C02MAC").await["profile_status"], "empty");
    assert_eq!(desk.device("SPARE").await["device_family"], "Mac");
    assert_eq!(desk.device("FCHPHONE").await["response_status"], "NOT_ACCESSIBLE");
    desk.by_hand(json!({"do": "removeProfile", "serials": ["DMPA1", "C02MAC"]})).await;
    let row = desk.device("DMPA1").await;
    assert_eq!(row["profile_status"], "removed");
    assert!(row["profile_uuid"].is_string(), "only the status tells");
    let account = desk.get("/account").await;
    assert_eq!((&account["server_name"], &account["org_name"]), (&json!("Northern"), &json!("Schools")));
    assert_eq!(desk.sim.server_token(NORTH).as_ref(), Some(&desk.token), "the seed's name goes on");
    assert!(desk.sim.world().history.apple.assignments.is_empty(), "a person's work is not a program's");
}

#[tokio::test]
async fn credentials_are_told_by_the_control_port() {
    let mut fixed = seed();
    let token = ServerToken {
        consumer_key: "CK_1".to_owned(),
        consumer_secret: "CS_1".to_owned(),
        access_token: "AT_1".to_owned(),
        access_secret: "AS_1".to_owned(),
        access_token_expiry: "2027-05-01T00:00:00Z".parse().unwrap(),
    };
    fixed.services[0].credentials = Some(token.clone());
    let desk = Desk::with(&fixed).await;
    assert_eq!(desk.token, token);
    let remote = crate::sim::RemoteSim::connect(&desk.sim.addresses().control).await.unwrap();
    assert_eq!(remote.server_token(NORTH).await.unwrap(), Some(token.clone()));
    assert_eq!(
        remote.server_token(&desk.uuid(SOUTH).to_lowercase()).await.unwrap(),
        desk.sim.server_token(SOUTH)
    );
    assert_eq!(remote.server_token("West").await.unwrap(), None);
    let (pem, _) = certificate();
    let download = json!({"do": "downloadToken", "service": NORTH});
    desk.by_hand(json!([{"do": "uploadCertificate", "service": NORTH, "pem": pem}, download])).await;
    let renewed = remote.server_token(NORTH).await.unwrap().unwrap();
    assert_eq!(
        (&renewed.consumer_key, &renewed.consumer_secret),
        (&token.consumer_key, &token.consumer_secret)
    );
    assert_ne!(renewed.access_secret, token.access_secret);
    assert_eq!(desk.try_sign_in(&renewed).await.status, 200);
    assert!(!format!("{token:?}").contains("CS_1"), "a secret is in a debug text");
}
