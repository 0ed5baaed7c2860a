use std::collections::BTreeMap;

use super::*;
use crate::diag::Severity;

#[test]
fn rows_are_numbered_without_a_gap_within_their_sections() {
    let mut next: BTreeMap<char, u32> = BTreeMap::new();
    let mut sections = Vec::new();
    for row in all() {
        let number = next.entry(row.section()).or_insert(1);
        assert_eq!(row.id, format!("{}-{number}", row.section()));
        *number += 1;
        sections.push(row.section());
    }
    sections.dedup();
    assert_eq!(sections, SECTIONS.iter().map(|section| section.letter).collect::<Vec<_>>());
}

#[test]
fn every_row_says_what_why_and_where() {
    for row in all() {
        for text in [row.title, row.fact, row.does] {
            assert!(text.len() > 5 && text.trim() == text, "{}: {text:?}", row.id);
        }
        assert!(
            !row.title.ends_with('.') && row.fact.ends_with('.') && row.does.ends_with('.'),
            "{}",
            row.id
        );
        assert!(!row.served.is_empty(), "{} is served by nothing", row.id);
        for served in row.served {
            if let Served::Documentation(text) = served {
                assert!(text.len() > 60 && text.ends_with('.'), "{}: {text}", row.id);
            }
        }
    }
}

#[test]
fn rows_are_found_however_they_are_written() {
    for word in ["P-14", "p-14", "P14", "p14", " P-14 "] {
        assert_eq!(find(word).map(|row| row.id), Some("P-14"), "{word}");
    }
    assert!(find("P-99").is_none() && find("P").is_none() && find("").is_none());
}

#[test]
fn rules_and_rows_know_each_other() {
    for rule in rules::catalogue() {
        assert!(find(rule.row).is_some(), "{} is no row", rule.row);
    }
    for row in all().filter(|row| row.served.contains(&Served::Rule)) {
        assert!(row.rules().next().is_some(), "{} says that a rule serves it, and none does", row.id);
    }
    for rule in rules::table() {
        let row = find(rule.entry.row).unwrap();
        assert!(row.served.contains(&Served::Rule), "{} has a rule and does not say so", row.id);
    }
    // Rules over live facts and over whole documents are among them.
    for (row, level) in [("T-6", Severity::Refuse), ("T-12", Severity::Warn), ("A-9", Severity::Refuse)] {
        let found = find(row).unwrap().rules().any(|rule| rule.severity == level);
        assert!(found, "{row} has no rule of the level {level:?}");
    }
}

#[test]
fn fields_of_rules_are_fields_of_documents() {
    for rule in rules::catalogue() {
        for field in rule.fields {
            let of = |kind: &crate::model::Kind| {
                crate::explain::fields::find(&format!("{kind}.{field}")).is_some()
            };
            assert!(crate::model::Kind::ALL.iter().any(of), "{}: {field}", rule.row);
        }
    }
}

#[test]
fn fields_of_rows_are_fields_of_documents() {
    for row in all() {
        for field in row.fields {
            assert!(crate::explain::fields::find(field).is_some(), "{}: there is no field {field}", row.id);
        }
    }
}

/// Cuts a table of the page into id and fact.
fn rows_of_page(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" | ").next())
        .map(str::trim)
        .filter(|id| {
            id.split_once('-').is_some_and(|(letter, number)| {
                letter.len() == 1
                    && letter.chars().all(|c| c.is_ascii_uppercase())
                    && number.parse::<u32>().is_ok()
            })
        })
        .map(str::to_owned)
        .collect()
}

#[test]
fn rows_are_those_of_the_page() {
    let Some(contracts) = std::env::var_os("ESPALIER_CONTRACTS") else {
        eprintln!("skipped: ESPALIER_CONTRACTS is not set");
        return;
    };
    let page = std::path::Path::new(&contracts).join("../spec/requirements.md");
    let Ok(text) = std::fs::read_to_string(&page) else {
        eprintln!("skipped: there is no {}", page.display());
        return;
    };
    let theirs = rows_of_page(&text);
    assert!(theirs.len() > 80, "the page has only {} rows", theirs.len());
    let ours: Vec<String> = all().map(|row| row.id.to_owned()).collect();
    assert_eq!(ours, theirs);
}
