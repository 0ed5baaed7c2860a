use std::path::{Path, PathBuf};

use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::extension::KeyUsage;

use super::super::{Recipient, RecipientError, Recipients, SealError, seal};
use super::{Person, at, code, ec, lost, now, open, people, recipients, rsa};
use crate::model::desired;

fn parse(bytes: &[u8]) -> Result<Recipient, RecipientError> {
    Recipient::parse(Path::new("escrow/one.pem"), bytes)
}

#[test]
fn a_certificate_is_known_by_its_fingerprint() {
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    let recipient = person.recipient();
    let digest = openssl::sha::sha256(&person.certificate.to_der().unwrap());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(recipient.fingerprint(), digits);
    assert_eq!(recipient.name(), "CN=bert");
    assert_eq!(recipient.not_after(), at("2027-01-01T00:00:00Z"));
    assert_eq!(parse(&person.certificate.to_der().unwrap()).unwrap(), recipient, "as DER");
}

#[test]
fn keys_that_are_strong_enough_are_taken() {
    for curve in [Nid::X9_62_PRIME256V1, Nid::SECP384R1, Nid::SECP521R1] {
        assert!(parse(&Person::ec("one", curve).pem()).is_ok());
    }
    assert!(parse(&Person::new("one", rsa(0)).pem()).is_ok());
}

#[test]
fn weak_and_strange_keys_are_refused() {
    let weak = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let strange = [
        (Person::new("weak", &weak), "an RSA key of 1024 bits"),
        (Person::ec("odd", Nid::SECP256K1), "on the elliptic curve secp256k1"),
        (Person::new("signer", &PKey::generate_ed25519().unwrap()), "one that can only sign"),
    ];
    for (person, wanted) in strange {
        let error = parse(&person.pem()).unwrap_err();
        let RecipientError::Key { what, name, file } = &error else { panic!("{error}") };
        assert_eq!((what.as_str(), name), (wanted, &format!("CN={}", person.name)));
        assert_eq!(file, Path::new("escrow/one.pem"));
        assert!(error.next().contains("2048"), "{}", error.next());
    }
}

#[test]
fn a_key_usage_that_leaves_sealing_out_is_refused() {
    let signing = || KeyUsage::new().digital_signature().build().unwrap();
    let enciphering = || KeyUsage::new().key_encipherment().build().unwrap();
    let agreeing = || KeyUsage::new().key_agreement().build().unwrap();
    let curve = ec(Nid::X9_62_PRIME256V1);
    let of = |key, usage| {
        let person = Person::with("one", key, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", Some(usage));
        parse(&person.pem())
    };
    assert!(of(rsa(0), enciphering()).is_ok() && of(&curve, agreeing()).is_ok());
    for (result, wanted) in [
        (of(rsa(0), signing()), "keyEncipherment"),
        (of(&curve, signing()), "keyAgreement"),
        (of(&curve, enciphering()), "keyAgreement"),
    ] {
        let error = result.unwrap_err();
        assert!(matches!(error, RecipientError::Usage { missing, .. } if missing == wanted), "{error}");
    }
}

#[test]
fn what_is_no_certificate_is_refused_with_its_file() {
    let [anna, bert, _] = people();
    let both = [anna.pem(), bert.pem()].concat();
    let with_key = [bert.pem(), bert.key.private_key_to_pem_pkcs8().unwrap()].concat();
    let public = bert.key.public_key_to_pem().unwrap();
    let cut = &bert.pem()[..200];
    let no = |file: PathBuf| RecipientError::NoCertificate { file };
    let file = || PathBuf::from("escrow/one.pem");
    for (bytes, wanted) in [
        (&b""[..], no(file())),
        (b"hello", no(file())),
        (&[0x30, 0x82, 0xff, 0xff], no(file())),
        (&public, no(file())),
        (cut, no(file())),
        (&both, RecipientError::Several { file: file() }),
        (&with_key, RecipientError::PrivateKey { file: file() }),
    ] {
        let error = parse(bytes).unwrap_err();
        assert_eq!(error, wanted);
        assert!(error.to_string().starts_with("escrow/one.pem: "), "{error}");
        assert!(!error.next().is_empty());
    }
}

#[test]
fn all_faults_are_shown_at_once_and_nobody_is_a_fault() {
    let files = [("a.pem", &b"no"[..]), ("b.pem", b"nor this")];
    let faults = Recipients::parse(files.map(|(file, bytes)| (Path::new(file), bytes))).unwrap_err();
    assert_eq!(faults.len(), 2);
    assert_eq!(Recipients::parse([]).unwrap_err(), [RecipientError::Nobody]);
}

#[test]
fn a_certificate_in_two_files_counts_once() {
    let person = Person::ec("bert", Nid::X9_62_PRIME256V1);
    assert_eq!(recipients([&person, &person]).fingerprints().len(), 1);
}

#[test]
fn nothing_is_sealed_where_one_recipient_expired_or_is_not_valid_yet() {
    let good = Person::ec("good", Nid::X9_62_PRIME256V1);
    let key = ec(Nid::X9_62_PRIME256V1);
    let old = Person::with("old", &key, "2025-01-01T00:00:00Z", "2026-11-22T08:59:59Z", None);
    let new = Person::with("new", &key, "2026-11-22T09:00:01Z", "2027-11-22T00:00:00Z", None);
    for (person, code_at, wanted) in [
        (&old, now(), "escrow/old.pem: the certificate of CN=old expired at 2026-11-22T08:59:59Z"),
        (&new, now(), "escrow/new.pem: the certificate of CN=new is not valid before 2026-11-22T09:00:01Z"),
    ] {
        let both = recipients([&good, person]);
        let error = seal(&both, &code(), &lost(), code_at).unwrap_err();
        assert!(error.to_string().ends_with(wanted), "{error}");
        assert_eq!(error.code(), "recipient-expired");
        assert!(error.next().contains("certificate"), "{}", error.next());
        let SealError::Recipient(inner) = error else { panic!() };
        assert_eq!(both.check(now()), Err(inner));
    }
    // The first and the last moment are within.
    assert!(seal(&recipients([&old]), &code(), &lost(), at("2026-11-22T08:59:59Z")).is_ok());
    assert!(seal(&recipients([&new]), &code(), &lost(), at("2026-11-22T09:00:01Z")).is_ok());
}

#[test]
fn an_expired_certificate_still_opens_what_was_sealed_to_it() {
    let old = Person::with("old", &ec(Nid::SECP384R1), "2025-01-01T00:00:00Z", "2026-11-01T00:00:00Z", None);
    let sealed = seal(&recipients([&old]), &code(), &lost(), at("2026-10-31T00:00:00Z")).unwrap();
    assert!(open(&sealed, &old.private_key(), Some(&old.recipient()), &lost()).is_ok());
}

#[test]
fn the_recipients_of_documents_are_read() {
    let people = people();
    let named = people
        .iter()
        .map(|person| desired::Recipient { file: person.file(), pem: person.recipient().to_pem().unwrap() });
    let named: Vec<desired::Recipient> = named.collect();
    assert_eq!(Recipients::of(&named).unwrap(), recipients(&people));
    assert_eq!(Recipients::of(&[]), Err(vec![RecipientError::Nobody]));
}
