//! The exchange of a server token: a key of NanoDEP's, a file of the portal's or of OpenSSL's.

use std::fs;
use std::process::Command;

use espalier::model::Secret;
use espalier::server_token::{Envelope, KeyPair};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::Output;

use super::alone::alone;
use super::ground::{Ground, OTHER, SCHOOL};

const PUT: &str = "/v1/tokenpki/school";

/// The members of a token without its time, which NanoDEP writes in a form of its own.
fn keys(token: &Value) -> [Value; 4] {
    ["consumer_key", "consumer_secret", "access_token", "access_secret"].map(|name| token[name].clone())
}

fn kept(ground: &Ground<'_>) -> Value {
    serde_json::from_str(&ground.server.get("/v1/tokens/school")).expect("JSON")
}

#[test]
fn every_form_of_the_portals_file_is_taken() {
    alone("nanodep::exchange::every_form_of_the_portals_file_is_taken", |programs| {
        let ground = Ground::new(programs, 3);
        ground.upload(SCHOOL, &ground.certificate(SCHOOL));
        for form in [
            json!({}),
            json!({ "newline": "lf" }),
            json!({ "definite": true }),
            json!({ "withoutMarkers": true, "folded": true }),
            json!({ "cipher": "aes-256-cbc" }),
            json!({ "cipher": "des-ede3-cbc" }),
        ] {
            let file = ground.download(&json!({ "service": SCHOOL, "form": form }));
            let taken = ground.server.put(PUT, &file);
            let taken: Value = serde_json::from_str(&taken).expect("JSON");
            let token = ground.token(SCHOOL);
            assert_eq!(keys(&taken), keys(&token), "{form}");
            assert_eq!(taken["access_token_expiry"], token["access_token_expiry"], "{form}");
            // And it is the one that the service takes.
            let account = ground.proxy(Method::GET, "/account", None);
            assert_eq!(account["server_name"], SCHOOL, "{form}");
        }
    });
}

#[test]
fn a_file_made_by_openssl_is_taken_by_nanodep_and_by_us() {
    alone("nanodep::exchange::a_file_made_by_openssl_is_taken_by_nanodep_and_by_us", |programs| {
        let ground = Ground::new(programs, 3);
        let certificate = ground.env.home().join("certificate.pem");
        fs::write(&certificate, ground.certificate(SCHOOL)).expect("a file in the test's own folder");
        let token = ground.token(SCHOOL);
        let message = ground.env.home().join("message");
        let text = format!(
            "Content-Type: text/plain;charset=UTF-8\r\nContent-Transfer-Encoding: 7bit\r\n\r\n\
             -----BEGIN MESSAGE-----\r\n{token}\r\n-----END MESSAGE-----\r\n"
        );
        fs::write(&message, text).expect("a file in the test's own folder");
        for options in [&["-aes-128-cbc"][..], &["-aes-256-cbc", "-stream"], &["-des3"]] {
            let mut openssl = Command::new("openssl");
            openssl.args(["cms", "-encrypt", "-binary", "-in"]).arg(&message).args(options).arg(&certificate);
            let file = Output::of(&mut openssl).expect(0).stdout;
            let taken: Value = serde_json::from_str(&ground.server.put(PUT, &file)).expect("JSON");
            assert_eq!(keys(&taken), keys(&token), "{options:?}");
            let account = ground.proxy(Method::GET, "/account", None);
            assert_eq!(account["server_uuid"], ground.service(SCHOOL)["uuid"], "{options:?}");
            // NanoDEP's key opens the same file here.
            let kept = |key| fs::read_to_string(ground.kept(key)).expect("NanoDEP keeps the pair");
            let key = Secret::new(kept("key_staging.school"));
            let pair = KeyPair::read(&key, kept("cert_staging.school").as_bytes()).expect("NanoDEP's pair");
            let ours = Envelope::read(file.as_bytes()).expect("a token file").open(&pair).expect("a token");
            let ours = ours.secrets().map(|secret| json!(secret.reveal()));
            assert!(ours == keys(&token), "we read another token than NanoDEP ({options:?})");
        }
    });
}

#[test]
fn a_file_for_somebody_else_changes_nothing() {
    alone("nanodep::exchange::a_file_for_somebody_else_changes_nothing", |programs| {
        let ground = Ground::connected(programs, 3);
        let before = kept(&ground);
        let refused = |file: &str, word: &str| {
            let answer = ground.server.ask(Method::PUT, PUT, Some(file));
            assert!(!answer.status.is_success(), "{word}: {}", answer.text);
            assert!(answer.text.contains(word), "no {word} in {}", answer.text);
            assert_eq!(kept(&ground), before, "{word}");
        };
        // For the pair of another service; NanoDEP's certificates all have the number 1.
        ground.upload(OTHER, &ground.certificate(OTHER));
        refused(&ground.download(&json!({ "service": OTHER })), "error");
        // Of another service, encrypted for the right pair.
        ground.upload(OTHER, &ground.certificate(SCHOOL));
        refused(&ground.download(&json!({ "service": OTHER })), "mismatched consumer key");
        let half = ground.download(&json!({ "service": OTHER }));
        refused(&half[..half.len() / 2], "error");

        // Another person's renewal has another consumer key, and is good all the same.
        ground.upload(SCHOOL, &ground.certificate(SCHOOL));
        let renewed = ground.download(&json!({ "service": SCHOOL, "person": "second@example.org" }));
        refused(&renewed, "mismatched consumer key");
        // Meanwhile the old one is not good any more.
        let account = ground.server.ask(Method::GET, "/proxy/school/account", None);
        assert!(!account.status.is_success(), "{}", account.text);
        assert!(account.text.contains("signature_invalid"), "{}", account.text);
        ground.server.put(&format!("{PUT}?force=1"), &renewed);
        assert_eq!(keys(&kept(&ground)), keys(&ground.token(SCHOOL)));
        let account = ground.proxy(Method::GET, "/account", None);
        assert_eq!(account["admin_id"], "second@example.org");
    });
}

#[test]
fn deptokens_reads_the_portals_file() {
    alone("nanodep::exchange::deptokens_reads_the_portals_file", |programs| {
        let ground = Ground::new(programs, 1);
        let folder = ground.env.home();
        programs.deptokens(&folder, &["-cn", "judge"]).expect(0);
        let certificate = fs::read_to_string(folder.join("cert.pem")).expect("deptokens wrote it");
        ground.upload(SCHOOL, &certificate);
        let file = ground.download(&json!({ "service": SCHOOL }));
        fs::write(folder.join("token.p7m"), file).expect("a file in the test's own folder");
        let printed = programs.deptokens(&folder, &["-token", "token.p7m"]).expect(0).json();
        assert_eq!(keys(&printed), keys(&ground.token(SCHOOL)));
    });
}
