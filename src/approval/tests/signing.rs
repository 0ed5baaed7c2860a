//! The file of allowed signers.

use super::super::Refusal;
use super::super::pattern::PatternList;
use super::{AllowedSigners, by, vector};

fn key() -> &'static str {
    vector("ed25519").0
}

/// What is wrong with one line.
fn fault(line: &str) -> String {
    let faults = AllowedSigners::parse(&format!("# signers\n\n{line}\n")).expect_err(line);
    assert_eq!((faults.len(), faults[0].line), (1, 3), "{line}");
    assert!(faults[0].to_string().starts_with("line 3 of the signers: "));
    faults[0].what.clone()
}

#[test]
fn lines_as_people_write_them_are_read() {
    let key = key();
    for line in [
        format!("anna@example.com {key}"),
        format!("anna@example.com {key} anna at work, 2026 \"quoted\""),
        format!("\tanna@example.com\t{key}\t\r"),
        format!("anna@example.com,anna@example.org {key}"),
        format!("\"anna@example.com\" {key}"),
        format!("\"anna lee,anna@example.com\" {key}"),
        format!("*@example.com {key}"),
        format!("ann?@example.com,!eve@example.com {key}"),
        format!("anna@example.com namespaces=\"espalier-approval@espalier.dev\" {key}"),
        format!("anna@example.com NameSpaces=\"file,espalier-*\",valid-after=\"20260101Z\" {key}"),
        format!("anna@example.com valid-before=\"20270101\",valid-after=\"202601011200\"   {key}"),
        format!("anna@example.com valid-before=\"20270101000000Z\" {key} comment"),
    ] {
        let text = format!("# first\n\n{line}\n   # last\n");
        assert!(by(&text, "ed25519").is_ok(), "{line}");
        assert!(!AllowedSigners::parse(&text).unwrap().is_empty());
    }
    assert!(AllowedSigners::parse("").unwrap().is_empty());
    let twice = format!("anna {key}\nbert {key}\ncleo {}\n", vector("rsa").0);
    assert_eq!(AllowedSigners::parse(&twice).unwrap().key_count(), 2);
}

#[test]
fn lines_that_cannot_be_taken_are_refused_with_their_number() {
    let key = key();
    for (line, wanted) in [
        (format!("anna@example.com cert-authority {key}"), "`cert-authority` is not in this version"),
        (format!("anna@example.com CERT-Authority,namespaces=\"file\" {key}"), "`cert-authority`"),
        (format!("anna@example.com no-touch-required {key}"), "`no-touch-required` is no option"),
        (format!("anna@example.com namespaces=file {key}"), "the value of `namespaces` is not in quotes"),
        (format!("anna@example.com namespaces {key}"), "`namespaces` needs a value"),
        (format!("anna@example.com namespaces=\"a\"namespaces=\"b\" {key}"), "more than an option"),
        (format!("anna@example.com namespaces=\"a\",namespaces=\"b\" {key}"), "`namespaces` stands twice"),
        (format!("anna@example.com namespaces=\"\" {key}"), "empty entry"),
        (format!("anna@example.com namespaces=\"a, {key}"), "does not end"),
        (format!("anna@example.com namespaces=\"a\", {key}"), "is no option"),
        (format!("anna@example.com valid-before=\"tomorrow\" {key}"), "`valid-before` is not a time"),
        (format!("anna@example.com valid-before=\"20271301Z\" {key}"), "`valid-before` is not a time"),
        (format!("anna@example.com valid-before=\"2027010\" {key}"), "`valid-before` is not a time"),
        (
            format!("anna@example.com valid-before=\"20260101Z\",valid-after=\"20270101Z\" {key}"),
            "the key would never be valid",
        ),
        (format!("anna@example.com,,bert@example.com {key}"), "empty entry"),
        (format!("\"anna@example.com {key}"), "does not end"),
        ("anna@example.com".to_owned(), "it has no key"),
        (key.to_owned(), "is no option"),
        ("anna@example.com ssh-ed25519 AAAA!".to_owned(), "is not base64"),
        ("anna@example.com ssh-ed25519 AAAA".to_owned(), "the key cannot be read"),
        (format!("anna@example.com {}", key.replace("ssh-ed25519 ", "ssh-rsa ")), "its key is `ssh-ed25519`"),
        ("anna@example.com ssh-dss AAAAB3NzaC1kc3M=".to_owned(), "`ssh-dss` are not taken"),
        (
            "anna@example.com ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29t".to_owned(),
            "certificates are not in this version",
        ),
    ] {
        let found = fault(&line);
        assert!(found.contains(wanted), "{line}: {found}");
    }
    let faults = AllowedSigners::parse("anna\nbert\n").unwrap_err();
    assert_eq!(faults.len(), 2, "all are shown at once");
    assert!(!faults[0].next().is_empty());
}

#[test]
fn a_key_counts_only_in_its_time_and_for_its_namespaces() {
    let line = |options: &str| by(&format!("anna {options} {}", key()), "ed25519");
    for options in [
        "valid-before=\"20261122090000Z\"",
        "valid-after=\"20261122090000Z\"",
        "valid-after=\"202611220859Z\",valid-before=\"202611220901Z\"",
        "namespaces=\"*\"",
        "namespaces=\"file,espalier-approval@*\"",
    ] {
        assert!(line(options).is_ok(), "{options}");
    }
    assert!(matches!(line("valid-before=\"20261122085959Z\""), Err(Refusal::KeyExpired { .. })));
    assert!(matches!(line("valid-after=\"20261122090001Z\""), Err(Refusal::KeyNotYetValid { .. })));
    for namespaces in ["file", "espalier-approval", "*,!espalier-*", "ESPALIER-APPROVAL@ESPALIER.DEV"] {
        let refusal = line(&format!("namespaces=\"{namespaces}\"")).unwrap_err();
        assert!(matches!(refusal, Refusal::KeyNamespace(_)), "{namespaces}: {refusal}");
    }
}

#[test]
fn a_time_without_a_zone_is_taken_where_it_is_shortest() {
    let line = |options: &str| by(&format!("anna {options} {}", key()), "ed25519").is_ok();
    // 09:00 on the 22nd: on the 22nd it begins to be valid everywhere at noon of that day in UTC.
    assert!(!line("valid-after=\"20261122\"") && line("valid-after=\"20261121\""));
    // It ceases to be valid somewhere at 10:00 of the day before.
    assert!(!line("valid-before=\"20261122\"") && line("valid-before=\"20261123\""));
}

#[test]
fn one_of_several_lines_of_a_key_is_enough() {
    let key = key();
    let text = format!(
        "old@example.com valid-before=\"20200101Z\" {key}\nnew@example.com {key}\nnew@example.com {key}"
    );
    assert_eq!(by(&text, "ed25519").unwrap().principal, "new@example.com");
}

#[test]
fn patterns_match_as_in_openssh() {
    for (list, name, wanted) in [
        ("anna@example.com", "anna@example.com", true),
        ("anna@example.com", "Anna@example.com", false),
        ("*@example.com", "anna@example.com", true),
        ("*@example.com", "anna@example.com.evil.org", false),
        ("a*a@*", "anna@example.com", true),
        ("*", "", true),
        ("?", "", false),
        ("ann?", "anna", true),
        ("a**b", "ab", true),
        ("*a*b*c", "xxaxxbxxc", true),
        ("*a*b*c", "xxaxxbxx", false),
        ("!anna,*", "anna", false),
        ("*,!anna", "anna", false),
        ("*,!anna", "bert", true),
        ("!anna", "bert", false),
    ] {
        assert_eq!(PatternList::parse(list).unwrap().matches(name), wanted, "{list} {name}");
    }
    let long = format!("{}b", "*a".repeat(400));
    assert!(!PatternList::parse(&long).unwrap().matches(&"a".repeat(5000)), "and takes no time");
}
