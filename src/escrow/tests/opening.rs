use openssl::nid::Nid;
use openssl::symm::Cipher;

use super::super::{OpenError, PrivateKey, SealError, fingerprint, seal, to_der};
use super::{CODE, Person, about, code, lost, now, of_der, open, people, recipients, rsa, sealed};
use crate::model::act::RecordId;
use crate::model::sealed::{Sealed, SealedKind};
use crate::model::{Secret, Serial};

#[test]
fn each_recipient_opens_it_alone() {
    let people = people();
    let sealed = sealed(&people);
    for person in &people {
        for certificate in [None, Some(person.recipient())] {
            let opened = open(&sealed, &person.private_key(), certificate.as_ref(), &lost()).unwrap();
            assert_eq!(opened.value.reveal(), CODE, "{}", person.name);
            assert_eq!(opened.about, lost());
        }
    }
    assert_eq!(sealed.recipients, recipients(&people).fingerprints());
    assert_eq!(sealed.kind, SealedKind::BypassCode);
    assert_eq!(sealed.fingerprint, fingerprint(sealed.kind, lost().serial, &code()));
}

#[test]
fn the_ledgers_text_is_read_back() {
    let person = Person::ec("bert", Nid::SECP384R1);
    let sealed = sealed([&person]);
    let text = serde_json::to_string(&sealed).unwrap();
    let read: Sealed = serde_json::from_str(&text).unwrap();
    assert_eq!(read, sealed);
    assert!(text.starts_with(r#"{"kind":"bypassCode","cms":""#), "{text}");
    assert!(open(&read, &person.private_key(), None, &lost()).is_ok());
}

#[test]
fn a_value_of_any_characters_comes_out_as_it_went_in() {
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let recipients = recipients([&person]);
    let long = "\u{1}ä\r\n\"\\".repeat(2000);
    for value in ["482913", "a\r\nb\nc\u{0}d", "\"}{\\", "ß\u{1F511}", &long] {
        let sealed = seal(&recipients, &Secret::new(value.to_owned()), &lost(), now()).unwrap();
        let opened = open(&sealed, &person.private_key(), None, &lost()).unwrap();
        assert_eq!(opened.value.reveal(), value);
    }
}

#[test]
fn l4_a_strangers_key_opens_nothing() {
    let [anna, bert, cleo] = people();
    let sealed = sealed([&anna, &bert]);
    for stranger in [&cleo, &Person::new("rita", rsa(1)), &Person::ec("paul", Nid::X9_62_PRIME256V1)] {
        let error = open(&sealed, &stranger.private_key(), None, &lost()).unwrap_err();
        assert!(matches!(error, OpenError::Refused { .. }), "{error}");
        let own = stranger.recipient();
        let error = open(&sealed, &stranger.private_key(), Some(&own), &lost()).unwrap_err();
        assert!(matches!(error, OpenError::OtherRecipient { .. }), "{error}");
        let error = open(&sealed, &stranger.private_key(), Some(&bert.recipient()), &lost()).unwrap_err();
        assert!(matches!(error, OpenError::KeyMismatch(_)), "{error}");
        assert!(!error.next().is_empty());
    }
}

#[test]
fn l4_another_devices_code_is_not_shown_in_this_row() {
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let sealed = sealed([&person]);
    let mut other_record = lost();
    other_record.record = RecordId("6f9bd1c8-1f0e-4b56-8f2c-000000000002".to_owned());
    let mut other_kind = sealed.clone();
    other_kind.kind = SealedKind::Passcode;
    let cases = [
        (&sealed, about("C02FOUND0002"), "serial"),
        (&sealed, other_record, "record"),
        (&other_kind, lost(), "kind"),
    ];
    for (sealed, row, wanted) in cases {
        let error = open(sealed, &person.private_key(), None, &row).unwrap_err();
        let OpenError::OtherDevice { member, .. } = &error else { panic!("{error}") };
        assert_eq!(*member, wanted);
        assert_eq!(error.code(), "open-other-device");
    }
}

#[test]
fn any_changed_byte_is_noticed() {
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let key = person.private_key();
    let der = to_der(&sealed([&person])).unwrap();
    assert!(open(&of_der(&der), &key, None, &lost()).is_ok());
    // What names the recipient, or how the key agreement is written, is no part of the content: a change
    // there that leaves the content as it was is none. Whatever opens holds the whole truth.
    let mut refused = 0;
    for at in 0..der.len() {
        for flip in [0x01, 0x80] {
            let mut changed = der.clone();
            changed[at] ^= flip;
            match open(&of_der(&changed), &key, None, &lost()) {
                Ok(opened) => assert_eq!((opened.value.reveal(), opened.about), (CODE, lost()), "byte {at}"),
                Err(OpenError::Unreadable | OpenError::Refused { .. }) => refused += 1,
                Err(other) => panic!("byte {at}: {other}"),
            }
        }
    }
    // The content, its tag and the wrapped key are more than half of it.
    assert!(refused > der.len(), "{refused} of {}", 2 * der.len());
    for end in 0..der.len() {
        assert!(open(&of_der(&der[..end]), &key, None, &lost()).is_err(), "cut at {end}");
    }
    for at in der.len() - 16..der.len() {
        let mut changed = der.clone();
        changed[at] ^= 1;
        assert!(open(&of_der(&changed), &key, None, &lost()).is_err(), "the tag, byte {at}");
    }
}

#[test]
fn a_message_whose_writer_cannot_be_told_is_not_opened() {
    // Anyone can write one with CBC, and change what another wrote.
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let content = br#"{"serial":"C02LOST00001","record":"6f9bd1c8-1f0e-4b56-8f2c-000000000001","kind":"bypassCode","readAt":"2026-11-22T08:59:30Z","value":"x"}"#;
    for (cipher, opens) in
        [(Cipher::aes_256_cbc(), false), (Cipher::aes_128_gcm(), false), (Cipher::aes_256_gcm(), true)]
    {
        let mut stack = openssl::stack::Stack::new().unwrap();
        stack.push(person.certificate.clone()).unwrap();
        let options = openssl::cms::CMSOptions::BINARY;
        let message = openssl::cms::CmsContentInfo::encrypt(&stack, content, cipher, options).unwrap();
        let sealed = of_der(&message.to_der().unwrap());
        let opened = open(&sealed, &person.private_key(), None, &lost());
        assert_eq!(opened.is_ok(), opens, "{opened:?}");
        if !opens {
            assert_eq!(opened.unwrap_err(), OpenError::Unreadable);
        }
    }
}

#[test]
fn l7_an_empty_code_is_unknown_and_not_sealed() {
    let recipients = recipients([&Person::ec("bert", Nid::X9_62_PRIME256V1)]);
    for empty in ["", " ", "\n"] {
        let error = seal(&recipients, &Secret::new(empty.to_owned()), &lost(), now()).unwrap_err();
        assert!(matches!(error, SealError::Empty { .. }), "{error}");
        assert!(error.to_string().contains("C02LOST00001"), "{error}");
    }
}

#[test]
fn an_encrypted_key_needs_its_passphrase() {
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let pkcs8 = person.key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"right").unwrap();
    let traditional =
        person.key.ec_key().unwrap().private_key_to_pem_passphrase(Cipher::aes_128_cbc(), b"right");
    for pem in [pkcs8, traditional.unwrap()] {
        let pem = Secret::new(String::from_utf8(pem).unwrap());
        let with = |phrase: &str| PrivateKey::parse(&pem, Some(&Secret::new(phrase.to_owned())));
        assert!(open(&sealed([&person]), &with("right").unwrap(), None, &lost()).is_ok());
        assert_eq!(with("wrong").unwrap_err(), OpenError::WrongPassphrase);
        assert_eq!(with("").unwrap_err(), OpenError::WrongPassphrase);
        assert_eq!(with(&"long".repeat(5000)).unwrap_err(), OpenError::WrongPassphrase);
        assert_eq!(PrivateKey::parse(&pem, None).unwrap_err(), OpenError::NeedsPassphrase);
    }
    let certificate = Secret::new(String::from_utf8(person.pem()).unwrap());
    assert_eq!(PrivateKey::parse(&certificate, None).unwrap_err(), OpenError::NoKey);
}

#[test]
fn the_same_code_of_the_same_device_is_told_without_opening() {
    let of = |serial: &str, code: &str| {
        let serial = Serial::new(serial).unwrap();
        fingerprint(SealedKind::BypassCode, serial, &Secret::new(code.to_owned()))
    };
    let first = of("C02LOST00001", CODE).unwrap();
    assert_eq!(of("C02LOST00001", CODE), Some(first.clone()));
    assert_ne!(of("C02FOUND0002", CODE), Some(first.clone()));
    assert_ne!(of("C02LOST00001", &CODE.replace('Q', "P")), Some(first.clone()));
    assert!(first.len() == 64 && first.bytes().all(|digit| digit.is_ascii_hexdigit()));
    // Codes as Apple makes them (reference apple-enrollment-api, 4.3).
    for code in ["3UM43-PUYVY-QYD1-UVCC-HEHJ-FKA4", "1QJHC-8K0K3-Y59E-HYUZ-MY75-C9Z3"] {
        assert!(of("C02LOST00001", code).is_some(), "{code}");
    }
}

#[test]
fn of_what_can_be_guessed_there_is_no_fingerprint() {
    for kind in [SealedKind::UnlockPin, SealedKind::Passcode, SealedKind::Location] {
        assert_eq!(fingerprint(kind, lost().serial, &code()), None, "{kind:?}");
    }
    for short in ["482913", "FQ2V8-LMWJ3-R7C9-KXTN", "AAAAA-AAAAA-AAAA-AAAA-AAAA-AAAA", &"-".repeat(32)] {
        let short = Secret::new(short.to_owned());
        assert_eq!(fingerprint(SealedKind::BypassCode, lost().serial, &short), None);
    }
    let pin = super::About { kind: SealedKind::UnlockPin, ..lost() };
    let recipients = recipients([&Person::ec("bert", Nid::X9_62_PRIME256V1)]);
    let sealed = seal(&recipients, &Secret::new("482913".to_owned()), &pin, now()).unwrap();
    assert_eq!(sealed.fingerprint, None);
}
