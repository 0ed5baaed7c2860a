use std::time::Duration;

use super::super::{
    AllowedSigners, Approvals, Authors, Digest, Found, Refusal, Signed, Statement, Wanted, Why,
    count_approvals,
};
use super::forge::{Forger, Odd};
use super::{at, now, signers, statement};
use crate::model::clock::Timestamp;

const HOURS_72: Duration = Duration::from_secs(72 * 3600);

fn signed_as(file: &str, forger: &Forger, statement: &Statement) -> Found {
    let text = statement.to_text();
    let signature = forger.sign(text.as_bytes(), &Odd::default()).into_bytes();
    Found {
        file: format!("approvals/{file}.sig"),
        content: Ok(Signed { statement: text.into_bytes(), signature }),
    }
}

fn signed(file: &str, forger: &Forger) -> Found {
    signed_as(file, forger, &statement())
}

fn made_at(at: Timestamp) -> Statement {
    Statement::new(statement().ledger, statement().digest, statement().about(), at).unwrap()
}

fn count(signers: &AllowedSigners, found: &[Found], needed: u32, authors: &Authors) -> Approvals {
    let statement = statement();
    let wanted = Wanted {
        ledger: statement.ledger,
        digest: &statement.digest,
        about: Some(statement.about()),
        needed,
        valid_for: HOURS_72,
        authors,
    };
    count_approvals(signers, found, &wanted, now())
}

fn whys(approvals: &Approvals) -> Vec<&Why> {
    approvals.not_counted.iter().map(|one| &one.why).collect()
}

/// Three persons.
fn three() -> ([Forger; 3], AllowedSigners) {
    let all = [Forger::ed25519(), Forger::ed25519(), Forger::hardware_ed25519()];
    let [anna, bert, cleo] = &all;
    let text = format!(
        "anna@example.com {}\nbert@example.com,bert {}\ncleo@example.com {}\n",
        anna.public(),
        bert.public(),
        cleo.public()
    );
    (all, signers(&text))
}

#[test]
fn persons_are_counted_up_to_what_is_needed() {
    let ([anna, bert, cleo], signers) = three();
    let found = [signed("a", &anna), signed("b", &bert), signed("c", &cleo)];
    let nobody = Authors::nobody();
    for (count_of, needed, wanted) in [(0, 0, 0), (0, 1, 1), (1, 1, 0), (1, 2, 1), (3, 2, 0), (3, 4, 1)] {
        let approvals = count(&signers, &found[..count_of], needed, &nobody);
        assert_eq!(
            (approvals.missing(), approvals.is_enough()),
            (wanted, wanted == 0),
            "{count_of} of {needed}"
        );
        assert_eq!(approvals.counted.len(), count_of);
    }
    let shown = count(&signers, &found[..2], 2, &nobody).to_string();
    assert_eq!(shown, "2 of 2 approvals (anna@example.com; bert@example.com,bert)");
}

#[test]
fn a_person_counts_once_however_often_they_sign() {
    let ([anna, bert, _], signers) = three();
    let later = made_at(at("2026-11-22T08:45:00Z"));
    let found = [signed("a1", &anna), signed_as("a2", &anna, &later), signed("b", &bert)];
    let approvals = count(&signers, &found, 2, &Authors::nobody());
    assert!(approvals.is_enough());
    let [Why::SamePerson { other, .. }] = whys(&approvals)[..] else { panic!("{approvals}") };
    assert_eq!(other, "approvals/a1.sig");
    assert!(!count(&signers, &found[..2], 2, &Authors::nobody()).is_enough());
}

#[test]
fn two_keys_of_one_person_are_one_person() {
    let [old, new] = [Forger::ed25519(), Forger::rsa(2048)];
    let found = [signed("old", &old), signed("new", &new)];
    for text in [
        format!("anna {}\nanna {}\n", old.public(), new.public()),
        format!("anna {}\nANNA {}\n", old.public(), new.public()),
        format!("anna@example.com,anna {}\nanna,lee {}\n", old.public(), new.public()),
        // By another line each has a name that is the other's.
        format!("anna {0}\nlee {1}\nanna-lee {0}\nanna-lee {1}\n", old.public(), new.public()),
        // By a third key.
        format!("anna {}\nlee {}\nanna,lee {}\n", old.public(), new.public(), Forger::ed25519().public()),
        format!("anna {0}\nlee valid-before=\"20200101Z\" {0}\nlee {1}\n", old.public(), new.public()),
        format!("*@example.com {}\nanna@example.com {}\n", old.public(), new.public()),
        format!("*@example.com {}\nann?@example.org {}\n", old.public(), new.public()),
    ] {
        let approvals = count(&signers(&text), &found, 2, &Authors::nobody());
        assert_eq!(approvals.counted.len(), 1, "{text}");
        assert!(matches!(whys(&approvals)[..], [Why::SamePerson { .. }]), "{text}");
    }
    let two = format!("*@example.com {}\nanna@example.org {}\n", old.public(), new.public());
    assert!(count(&signers(&two), &found, 2, &Authors::nobody()).is_enough());
}

#[test]
fn a_signature_of_anybody_takes_no_place_from_persons_who_are_known() {
    let [any, anna, bert] = [Forger::ed25519(), Forger::ed25519(), Forger::ed25519()];
    let text = format!("* {}\nanna {}\nbert {}\n", any.public(), anna.public(), bert.public());
    let found = [signed("0", &any), signed("a", &anna), signed("b", &bert)];
    let approvals = count(&signers(&text), &found, 2, &Authors::nobody());
    assert!(approvals.is_enough(), "{approvals}");
    let files: Vec<&str> = approvals.counted.iter().map(|one| one.file.as_str()).collect();
    assert_eq!(files, ["approvals/a.sig", "approvals/b.sig"]);
}

#[test]
fn the_author_does_not_approve_their_own_commit() {
    let ([anna, bert, _], signers) = three();
    let found = [signed("a", &anna), signed("b", &bert)];
    for (names, excluded) in [
        (vec!["Anna Lee", "anna@example.com"], "approvals/a.sig"),
        (vec!["Anna Lee", "  ANNA@Example.COM "], "approvals/a.sig"),
        (vec!["BERT", "someone@example.com"], "approvals/b.sig"),
    ] {
        let approvals = count(&signers, &found, 1, &Authors::of(names));
        assert_eq!(approvals.counted.len(), 1);
        let [refused] = &approvals.not_counted[..] else { panic!("{approvals}") };
        assert!(refused.file == excluded && matches!(refused.why, Why::Author { .. }), "{refused}");
    }
    let both = Authors::of(["anna@example.com", "bert@example.com"]);
    assert!(!count(&signers, &found, 1, &both).is_enough());
    assert_eq!(count(&signers, &found, 2, &Authors::of(["", "  "])).missing(), 0);
}

#[test]
fn the_author_is_known_by_every_line_of_the_key() {
    let key = Forger::ed25519();
    let found = [signed("a", &key)];
    let anna = Authors::of(["anna@example.com"]);
    for (text, counts) in [
        (format!("release {0}\nanna@example.com {0}\n", key.public()), false),
        (format!("release {0}\nanna@example.com valid-before=\"20200101Z\" {0}\n", key.public()), false),
        (format!("release {0}\nanna@example.com namespaces=\"git\" {0}\n", key.public()), false),
        (format!("*@example.com {}\n", key.public()), false),
        (format!("*@example.com,!anna@example.com {}\n", key.public()), true),
        (format!("release {}\n", key.public()), true),
    ] {
        assert_eq!(count(&signers(&text), &found, 1, &anna).is_enough(), counts, "{text}");
    }
}

#[test]
fn a_signature_is_good_for_its_time() {
    let ([anna, ..], signers) = three();
    let judged = |at: Timestamp| {
        let approvals = count(&signers, &[signed_as("a", &anna, &made_at(at))], 1, &Authors::nobody());
        approvals.not_counted.into_iter().next().map(|one| one.why)
    };
    assert_eq!(judged(at("2026-11-19T09:00:00Z")), None, "72 hours and not a second more");
    let too_old = judged(at("2026-11-19T08:59:59Z"));
    assert!(matches!(&too_old, Some(Why::TooOld { .. })), "{too_old:?}");
    assert!(too_old.unwrap().to_string().ends_with("good until 2026-11-22T08:59:59Z: sign again"));
    assert_eq!(judged(at("2026-11-22T09:05:00Z")), None, "five minutes ahead");
    assert_eq!(judged(at("2026-11-22T09:05:01Z")), Some(Why::Future(at("2026-11-22T09:05:01Z"))));
}

#[test]
fn what_is_for_another_fleet_or_says_something_else_does_not_count() {
    let ([anna, ..], signers) = three();
    let nobody = Authors::nobody();
    let (mut other_fleet, mut other_act) = (statement(), statement());
    other_fleet.ledger = uuid::Uuid::nil();
    other_act.digest = Digest::of(b"another");
    let softened =
        Statement::new(statement().ledger, statement().digest, "DeviceAction/sync C02XYZ", statement().at());
    let approvals = count(&signers, &[signed_as("a", &anna, &other_fleet)], 1, &nobody);
    assert!(matches!(whys(&approvals)[..], [Why::OtherLedger(_)]));
    let approvals = count(&signers, &[signed_as("a", &anna, &softened.unwrap())], 1, &nobody);
    assert!(matches!(whys(&approvals)[..], [Why::OtherAbout { .. }]));
    let approvals = count(&signers, &[signed_as("a", &anna, &other_act)], 1, &nobody);
    assert_eq!((approvals.others, approvals.not_counted.len(), approvals.missing()), (1, 0, 1));
}

#[test]
fn what_is_broken_says_why() {
    let ([anna, ..], signers) = three();
    let stranger = Forger::ed25519();
    let text = statement().to_text().into_bytes();
    let content = |statement: &[u8], signature: &[u8]| {
        Ok(Signed { statement: statement.to_vec(), signature: signature.to_vec() })
    };
    let bert_signed = anna.sign(b"something else", &Odd::default());
    let found: Vec<Found> = [
        Err("the signature is missing".to_owned()),
        content(b"hello", b""),
        content(&text, b"hello"),
        content(&text, bert_signed.as_bytes()),
        signed("x", &stranger).content,
    ]
    .into_iter()
    .enumerate()
    .map(|(number, content)| Found { file: format!("approvals/{number}.sig"), content })
    .collect();
    let approvals = count(&signers, &found, 1, &Authors::nobody());
    assert_eq!(approvals.missing(), 1);
    let [a, b, c, d, e] = whys(&approvals)[..] else { panic!("{approvals}") };
    assert!(matches!(a, Why::Unreadable(_)) && matches!(b, Why::NoStatement(_)));
    assert!(matches!(c, Why::Refused(Refusal::NoSignature(_))));
    assert!(matches!(d, Why::Refused(Refusal::Mismatch(_))));
    assert!(matches!(e, Why::Refused(Refusal::UnknownKey(_))));
    let shown = approvals.to_string();
    assert!(shown.starts_with("0 of 1 approval; approvals/0.sig: the signature is missing; "), "{shown}");
    assert_eq!(shown.matches("approvals/").count(), 5, "each has its reason: {shown}");
}
