use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::super::Refusal;
use super::super::signature::Signature;
use super::{at, by, now, signers, statement, vector, vectors, verify};

#[test]
fn signatures_of_every_kind_of_key_are_approvals() {
    for (kind, key, _) in vectors::SIGNED {
        let approved =
            by(&format!("anna@example.com {key}\n"), kind).unwrap_or_else(|why| panic!("{kind}: {why}"));
        assert_eq!(approved.principal, "anna@example.com");
        assert_eq!(approved.statement, statement());
        assert_eq!(approved.at(), at("2026-11-22T08:30:00Z"));
        assert!(approved.key.as_str().starts_with("SHA256:") && approved.key.as_str().len() == 50);
    }
}

#[test]
fn a_fingerprint_is_what_ssh_keygen_shows() {
    let (key, _) = vector("ed25519");
    let approved = by(&format!("anna {key}"), "ed25519").unwrap();
    assert_eq!(approved.key.as_str(), FINGERPRINT);
}

#[test]
fn a_signature_of_another_key_is_none() {
    for (kind, ..) in vectors::SIGNED {
        let other = vectors::SIGNED.into_iter().find(|(other, ..)| *other != kind).unwrap().1;
        assert!(matches!(by(&format!("anna {other}"), kind), Err(Refusal::UnknownKey(_))), "{kind}");
        assert!(matches!(by("", kind), Err(Refusal::UnknownKey(_))), "nobody may sign");
    }
}

#[test]
fn every_changed_byte_of_a_statement_is_noticed() {
    for (kind, key, armor) in vectors::SIGNED {
        let signers = signers(&format!("anna {key}"));
        for place in 0..vectors::STATEMENT.len() {
            let mut changed = vectors::STATEMENT.as_bytes().to_vec();
            changed[place] ^= 1;
            let refusal = verify(&signers, &changed, armor.as_bytes(), now()).unwrap_err();
            assert!(matches!(refusal, Refusal::Mismatch(_)), "{kind}, {place}: {refusal}");
        }
        for changed in [&vectors::STATEMENT[1..], &format!("{}\n", vectors::STATEMENT), ""] {
            assert!(verify(&signers, changed.as_bytes(), armor.as_bytes(), now()).is_err(), "{kind}");
        }
    }
}

#[test]
fn every_changed_or_missing_byte_of_a_signature_is_noticed() {
    for (kind, key, armor) in vectors::SIGNED {
        let signers = signers(&format!("anna {key}"));
        let body: String = armor.lines().filter(|line| !line.starts_with('-')).collect();
        let blob = STANDARD.decode(body).unwrap();
        let armored = |blob: &[u8]| {
            let digits = STANDARD.encode(blob);
            format!("-----BEGIN SSH SIGNATURE-----\n{digits}\n-----END SSH SIGNATURE-----\n")
        };
        let verdict =
            |blob: &[u8]| verify(&signers, vectors::STATEMENT.as_bytes(), armored(blob).as_bytes(), now());
        assert!(verdict(&blob).is_ok(), "{kind}: in one line, too");
        for place in 0..blob.len() {
            for flip in [0x01, 0x80] {
                let mut changed = blob.clone();
                changed[place] ^= flip;
                assert!(verdict(&changed).is_err(), "{kind}: byte {place}");
            }
            assert!(verdict(&blob[..place]).is_err(), "{kind}: cut at {place}");
        }
        assert!(verdict(&[&blob[..], &[0]].concat()).is_err(), "{kind}: a byte more");
    }
}

#[test]
fn armour_is_read_alone_and_whole() {
    let (key, armor) = vector("ed25519");
    let signers = signers(&format!("anna {key}"));
    let verdict =
        |armor: &str| verify(&signers, vectors::STATEMENT.as_bytes(), armor.as_bytes(), now()).is_ok();
    assert!(verdict(armor));
    assert!(verdict(&armor.replace('\n', "\r\n")), "as an editor of Windows saves it");
    assert!(verdict(armor.trim_end()), "without its last line feed");
    for broken in [
        armor.replace("-----BEGIN", "----BEGIN"),
        armor.replace("-----END SSH SIGNATURE-----", ""),
        armor.replace("SSH SIGNATURE", "PGP SIGNATURE"),
        format!("{armor}{armor}"),
        format!("see below\n{armor}"),
        format!("{armor}more"),
        armor.replacen("U1NIU0lH", "U1NIU0l!", 1),
        armor.replacen("SIGNATURE-----\n", "SIGNATURE-----", 1),
        String::new(),
        "x".repeat(1 << 20),
    ] {
        assert!(!verdict(&broken), "{}", &broken[..broken.len().min(200)]);
    }
}

#[test]
fn inputs_by_chance_make_nothing_panic() {
    use proptest::prelude::*;
    let (key, armor) = vector("ecdsa256");
    let signers = signers(&format!("anna {key}"));
    let body: String = armor.lines().filter(|line| !line.starts_with('-')).collect();
    let blob = STANDARD.decode(body).unwrap();
    let changes = proptest::collection::vec((0..blob.len(), any::<u8>()), 1..12);
    proptest!(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() },
        |(changes in changes, noise in proptest::collection::vec(any::<u8>(), 0..400))| {
        let mut changed = blob.clone();
        for (place, byte) in changes {
            changed[place] = byte;
        }
        let armored = |blob: &[u8]| {
            let digits = STANDARD.encode(blob);
            format!("-----BEGIN SSH SIGNATURE-----\n{digits}\n-----END SSH SIGNATURE-----\n")
        };
        prop_assume!(changed != blob);
        prop_assert!(
            verify(&signers, vectors::STATEMENT.as_bytes(), armored(&changed).as_bytes(), now()).is_err()
        );
        prop_assert!(Signature::parse(armored(&noise).as_bytes()).is_err());
        prop_assert!(Signature::parse(&noise).is_err());
        prop_assert!(super::Statement::parse(&noise).is_err());
        let _ = super::AllowedSigners::parse(&String::from_utf8_lossy(&noise));
    });
}

/// `ssh-keygen -l` of the Ed25519 key.
const FINGERPRINT: &str = "SHA256:BoA40gmjEgChp3ia5pqk0SuDbrZzAuoKLz7RUFxprOo";
