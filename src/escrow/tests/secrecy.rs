//! No text of this room holds any part of a value, a key or a passphrase.

use openssl::nid::Nid;

use super::super::{PrivateKey, seal, to_der, to_pem};
use super::{CODE, Person, about, code, lost, now, of_der, open, people, recipients, sealed};
use crate::model::Secret;

/// The code with and without its hyphens, and every part of it.
fn assert_silent(text: &str) {
    assert!(!text.contains(&CODE.replace('-', "")), "{text}");
    for part in CODE.split('-').filter(|part| part.len() > 4) {
        assert!(!text.contains(part), "{text}");
    }
    assert!(!text.contains("PRIVATE KEY") && !text.contains("passphrase-of-bert"), "{text}");
}

#[test]
fn no_debug_or_ledger_text_shows_a_value() {
    let people = people();
    let recipients = recipients(&people);
    let sealed = sealed(&people);
    let key = people[1].private_key();
    let opened = open(&sealed, &key, None, &lost()).unwrap();
    assert_eq!(opened.value.reveal(), CODE, "there is something to hide");
    for text in [
        format!("{sealed:?} {sealed:#?}"),
        format!("{key:?} {key:#?}"),
        format!("{opened:?} {opened:#?}"),
        format!("{recipients:?} {:?}", lost()),
        serde_json::to_string(&sealed).unwrap(),
        to_pem(&sealed),
        String::from_utf8_lossy(&to_der(&sealed).unwrap()).into_owned(),
    ] {
        assert_silent(&text);
    }
    assert!(!format!("{sealed:?}").contains(&sealed.cms[..8]), "not even what is sealed");
}

#[test]
fn no_error_shows_a_value_a_key_or_a_passphrase() {
    let [anna, bert, cleo] = people();
    let sealed_to_bert = sealed([&bert]);
    let phrase = Secret::new("passphrase-of-bert".to_owned());
    let encrypted = bert
        .key
        .private_key_to_pem_pkcs8_passphrase(openssl::symm::Cipher::aes_256_cbc(), b"another")
        .unwrap();
    let encrypted = Secret::new(String::from_utf8(encrypted).unwrap());
    let mut errors: Vec<Box<dyn std::error::Error>> = vec![
        Box::new(open(&sealed_to_bert, &cleo.private_key(), None, &lost()).unwrap_err()),
        Box::new(open(&sealed_to_bert, &anna.private_key(), Some(&bert.recipient()), &lost()).unwrap_err()),
        Box::new(open(&sealed_to_bert, &bert.private_key(), None, &about("C02OTHER0003")).unwrap_err()),
        Box::new(PrivateKey::parse(&encrypted, Some(&phrase)).unwrap_err()),
        Box::new(PrivateKey::parse(&encrypted, None).unwrap_err()),
        Box::new(PrivateKey::parse(&code(), None).unwrap_err()),
    ];
    let old = Person::with("old", &bert.key, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", None);
    errors.push(Box::new(seal(&recipients([&old]), &code(), &lost(), now()).unwrap_err()));
    // A content that is nearly right: the parser's own words would quote the value.
    let content = format!(r#"{{"serial":"{CODE}","value":"{CODE}"}}"#);
    let mut stack = openssl::stack::Stack::new().unwrap();
    stack.push(bert.certificate.clone()).unwrap();
    let message = openssl::cms::CmsContentInfo::encrypt(
        &stack,
        content.as_bytes(),
        openssl::symm::Cipher::aes_256_gcm(),
        openssl::cms::CMSOptions::BINARY,
    );
    let strange = of_der(&message.unwrap().to_der().unwrap());
    errors.push(Box::new(open(&strange, &bert.private_key(), None, &lost()).unwrap_err()));
    for error in errors {
        let mut text = format!("{error} {error:?} {error:#?}");
        let mut cause = error.source();
        while let Some(one) = cause {
            text += &format!(" {one} {one:?}");
            cause = one.source();
        }
        assert_silent(&text);
    }
}

#[test]
fn a_pin_is_not_to_be_found_in_what_is_sealed() {
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let recipients = recipients([&person]);
    let pin = Secret::new("482913".to_owned());
    let [one, two] = [0, 1].map(|_| seal(&recipients, &pin, &lost(), now()).unwrap());
    assert_ne!(one, two, "sealing is not repeatable: equal values cannot be told from what is sealed");
    assert!(!to_der(&one).unwrap().windows(6).any(|window| window == b"482913"));
}
