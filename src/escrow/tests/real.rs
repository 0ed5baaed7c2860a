//! The program `openssl` opens what is sealed here: nobody needs this program to read a code.

use std::fs;
use std::path::Path;
use std::process::Command;

use openssl::nid::Nid;

use super::super::{to_der, to_pem};
use super::{CODE, Person, lost, of_der, open, people, sealed};
use crate::model::sealed::Sealed;

fn cms(folder: &Path, arguments: &[&str]) -> (bool, Vec<u8>) {
    let output = Command::new("openssl").arg("cms").args(arguments).current_dir(folder).output().unwrap();
    (output.status.success(), output.stdout)
}

fn written(sealed: &Sealed, people: &[&Person]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("code.der"), to_der(sealed).unwrap()).unwrap();
    fs::write(folder.path().join("code.pem"), to_pem(sealed)).unwrap();
    for person in people {
        fs::write(folder.path().join(format!("{}.key", person.name)), person.key_pem().reveal()).unwrap();
        fs::write(folder.path().join(format!("{}.crt", person.name)), person.pem()).unwrap();
    }
    folder
}

#[test]
fn l4_openssl_cms_opens_it_with_any_recipients_key() {
    let [anna, bert, cleo] = people();
    let dora = Person::ec("dora", Nid::SECP384R1);
    let all = [&anna, &bert, &cleo, &dora];
    let sealed = sealed(all);
    let folder = written(&sealed, &all);
    for person in all {
        let (key, certificate) = (format!("{}.key", person.name), format!("{}.crt", person.name));
        let der = ["-decrypt", "-inform", "DER", "-in", "code.der", "-inkey", &key];
        let pem = ["-decrypt", "-inform", "PEM", "-in", "code.pem", "-inkey", &key];
        let named = [&der[..], &["-recip", &certificate]].concat();
        for arguments in [&der[..], &pem, &named] {
            let (done, plain) = cms(folder.path(), arguments);
            assert!(done, "{}: {arguments:?}", person.name);
            let json: serde_json::Value = serde_json::from_slice(&plain).unwrap();
            assert_eq!(
                json,
                serde_json::json!({
                    "serial": "C02LOST00001",
                    "record": "6f9bd1c8-1f0e-4b56-8f2c-000000000001",
                    "kind": "bypassCode",
                    "readAt": "2026-11-22T08:59:30Z",
                    "value": CODE,
                })
            );
        }
    }
}

#[test]
fn openssl_cms_sees_an_authenticated_message_with_aes_256_gcm() {
    let bert = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let folder = written(&sealed([&bert]), &[]);
    let (done, text) =
        cms(folder.path(), &["-cmsout", "-print", "-noout", "-inform", "DER", "-in", "code.der"]);
    let text = String::from_utf8(text).unwrap();
    assert!(done && text.contains("id-smime-ct-authEnvelopedData") && text.contains("aes-256-gcm"), "{text}");
}

#[test]
fn openssl_cms_refuses_it_to_strangers_and_when_changed() {
    let [anna, bert, cleo] = people();
    let sealed = sealed([&anna, &bert]);
    let folder = written(&sealed, &[&bert, &cleo]);
    let opened = |file: &str, key: &str| {
        cms(folder.path(), &["-decrypt", "-inform", "DER", "-in", file, "-inkey", key])
    };
    assert!(opened("code.der", "bert.key").0);
    assert!(!opened("code.der", "cleo.key").0);
    let mut changed = to_der(&sealed).unwrap();
    *changed.last_mut().unwrap() ^= 1;
    fs::write(folder.path().join("changed.der"), changed).unwrap();
    assert!(!opened("changed.der", "bert.key").0);
}

#[test]
fn what_openssl_cms_seals_in_this_form_opens_here() {
    let bert = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let folder = written(&sealed([&bert]), &[&bert]);
    let content = r#"{"kind":"bypassCode","value":"by hand","serial":"C02LOST00001","record":"6f9bd1c8-1f0e-4b56-8f2c-000000000001","readAt":"2026-11-22T08:00:00Z"}"#;
    fs::write(folder.path().join("plain"), content).unwrap();
    let (done, der) = cms(
        folder.path(),
        &["-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER", "-in", "plain", "bert.crt"],
    );
    assert!(done);
    let sealed = of_der(&der);
    let opened = open(&sealed, &bert.private_key(), None, &lost()).unwrap();
    assert_eq!(opened.value.reveal(), "by hand");
}
