use super::super::{Digest, Statement, StatementError};
use super::{at, statement, vectors};

fn digest() -> Digest {
    Digest::of(b"wipe C02XYZ")
}

#[test]
fn a_statement_has_one_text() {
    let ledger = statement().ledger;
    let made =
        Statement::new(ledger, digest(), "DeviceAction/lost-ipad C02XYZ", at("2026-11-22T10:00:00.75Z"));
    let made = made.unwrap();
    assert_eq!(
        made.to_text(),
        format!(
            "espalier approval v1\nledger: 3f0c2f1e-7c1d-4d8e-9d7c-0a4b5c6d7e8f\ndigest: {}\nabout: DeviceAction/lost-ipad C02XYZ\nat: 2026-11-22T10:00:00Z\n",
            digest()
        )
    );
    assert_eq!(Statement::parse(made.to_text().as_bytes()), Ok(made.clone()));
    assert_eq!(made.file_name(), format!("{}-20261122T100000Z", digest().short()));
    assert_eq!(statement().to_text(), vectors::STATEMENT);
}

#[test]
fn any_other_spelling_is_refused_with_its_line() {
    let text = vectors::STATEMENT;
    let line = |error: StatementError| match error {
        StatementError::Line { line, .. } => line.to_owned(),
        other => format!("{other:?}"),
    };
    let cases = [
        (text.replace("v1", "v2"), "Head"),
        (text.replace("espalier approval", "Espalier approval"), "Head"),
        (format!("\u{feff}{text}"), "Head"),
        (format!("\n{text}"), "Head"),
        (text.replace('\n', "\r\n"), "Head"),
        (String::new(), "Head"),
        (text.replace("3f0c2f1e-", "3F0C2F1E-"), "ledger"),
        (text.replace("3f0c2f1e-7c1d", "3f0c2f1e7c1d"), "ledger"),
        (text.replace("ledger: ", "ledger:"), "ledger"),
        (text.replace("ledger: ", "ledger:  "), "ledger"),
        (text.replace("ledger: ", "ledger: {").replace("\ndigest", "}\ndigest"), "ledger"),
        (text.replace("sha256:5b", "sha256:5B"), "digest"),
        (text.replace("sha256:5b", "sha256:b"), "digest"),
        (text.replace("sha256:", "sha512:"), "digest"),
        (text.replace("DeviceAction/lost-ipad C02XYZ", ""), "about"),
        (text.replace("C02XYZ", "C02XYZ "), "about"),
        (text.replace("C02XYZ", "C02\u{202e}XYZ"), "about"),
        (text.replace("C02XYZ", "C02\u{200b}XYZ"), "about"),
        (text.replace("C02XYZ", "C02\u{7}XYZ"), "about"),
        (text.replace("C02XYZ", &"X".repeat(200)), "about"),
        (text.replace("08:30:00Z", "08:30:00+00:00"), "at"),
        (text.replace("08:30:00Z", "08:30:00.5Z"), "at"),
        (text.replace("08:30:00Z", "08:30Z"), "at"),
        (text.replace("T08", " 08"), "at"),
        (text.trim_end().to_owned(), "End"),
        (format!("{text}\n"), "End"),
        (format!("{text}note: x\n"), "End"),
        (text.replace("\nabout:", "\nnote: x\nabout:"), "about"),
        ("x".repeat(10_000), "TooLong"),
    ];
    for (changed, wanted) in cases {
        assert_ne!(changed, text, "{wanted}");
        let error = Statement::parse(changed.as_bytes()).expect_err(&changed);
        assert_eq!(line(error), wanted, "{changed}");
    }
    assert!(Statement::parse(&[0xff, 0xfe]).is_err());
}

#[test]
fn a_line_of_200_characters_is_the_longest() {
    for (length, taken) in [(0, false), (1, true), (200, true), (201, false)] {
        let made =
            Statement::new(statement().ledger, digest(), &"ä".repeat(length), at("2026-11-22T10:00:00Z"));
        assert_eq!(made.is_ok(), taken, "{length}");
    }
}

#[test]
fn a_digest_is_64_lower_case_digits() {
    assert_eq!(Digest::parse(digest().as_str()), Some(digest()));
    for text in ["", "sha256:", "sha256:xyz", &digest().as_str().to_uppercase(), &digest().as_str()[1..]] {
        assert_eq!(Digest::parse(text), None, "{text}");
        assert!(serde_json::from_value::<Digest>(text.into()).is_err());
    }
    assert_eq!(digest().short().len(), 12);
}
