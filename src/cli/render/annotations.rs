//! Findings for the pages of pull and merge requests: workflow commands of GitHub, and the code
//! quality report of GitLab. PURE.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::json;

use super::alike;
use super::paths::Prefix;
use super::sarif::{fingerprints, with_advice};
use super::snippet::Snippets;
use super::text::{clean, clean_to_encode, count};
use crate::diag::{Diagnostics, Severity};

/// Shows findings as workflow commands of GitHub, a line each: an annotation at its place. What is
/// said of many tokens is one annotation.
pub fn github(findings: &Diagnostics, prefix: &Prefix, lines: &mut Snippets<'_>) -> String {
    let findings = findings.clone().sorted();
    let mut out = String::new();
    for group in alike::diagnostics(&findings) {
        let finding = group.first();
        let place = &finding.place;
        let command = match finding.severity {
            Severity::Refuse => "error",
            Severity::Warn => "warning",
            Severity::Note => "notice",
        };
        let mut properties = Vec::new();
        if !place.file.is_empty() {
            properties.push(format!("file={}", property(&prefix.path(&place.file))));
        }
        if place.line > 0 {
            properties.push(format!("line={}", place.line));
            if place.column > 0 {
                properties.push(format!("col={}", place.column));
                if let Some(end) = lines.end_column(place) {
                    // The last column, and not the one behind it.
                    properties.push(format!("endColumn={}", end - 1));
                }
            }
        }
        let row = finding
            .rule
            .filter(|rule| *rule != finding.code)
            .map_or(String::new(), |rule| format!(" {rule}"));
        properties.push(format!("title={}", property(&format!("{}{row}", finding.code))));
        let mut message = with_advice(&group.say(&finding.message), &group.say(&finding.next));
        for place in &finding.also {
            let _ = write!(message, "\nAlso: {}", prefix.path(&place.to_string()));
        }
        if !group.is_one() {
            let _ = write!(message, "\nOn {}", group.on());
        } else if finding.severity == Severity::Refuse && !finding.tokens.is_empty() {
            let _ = write!(message, "\nStops only {}", count(finding.tokens.len() as u64, "token"));
        }
        // Writing to a String does not fail.
        let _ = writeln!(out, "::{command} {}::{}", properties.join(","), data(&message));
    }
    out
}

/// The message of a workflow command.
fn data(text: &str) -> String {
    clean_to_encode(&text.replace("\r\n", "\n")).replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command: colons and commas part those.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Shows findings as a code quality report of GitLab.
pub fn gitlab(findings: &Diagnostics, prefix: &Prefix) -> String {
    let findings = findings.clone().sorted();
    let report: Vec<_> = findings
        .iter()
        .zip(fingerprints(&findings, prefix))
        .map(|(finding, fingerprint)| {
            json!({
                "description": clean(&with_advice(&finding.message, &finding.next)).replace('\n', " "),
                "check_name": finding.code,
                "fingerprint": fingerprint,
                "severity": match finding.severity {
                    Severity::Refuse => "blocker",
                    Severity::Warn => "minor",
                    Severity::Note => "info",
                },
                "location": {
                    "path": Cow::from(prefix.path(&finding.place.file)),
                    "lines": { "begin": finding.place.line.max(1) },
                },
            })
        })
        .collect();
    // A JSON value always has a text.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::diagnostics::tests::findings;
    use super::*;
    use crate::diag::{Diagnostic, Place};

    #[test]
    fn each_finding_is_one_line_at_its_place_below_the_root() {
        let sources = |_: &str| Some("spec:\n  departmnt: IT\n\tsharedIpad: {}\n".to_owned());
        let text = github(&findings(), &Prefix::new("fleet"), &mut Snippets::new(&sources));
        insta::assert_snapshot!(text, @r#"
    ::notice title=folder::two lines%0Ain one
    ::error file=fleet/profiles.yaml,line=2,col=3,endColumn=11,title=unknown-field::there is no field `departmnt`%0ANext: did you mean `department`?
    ::error file=fleet/profiles.yaml,line=3,col=3,endColumn=11,title=P-14::Shared iPad needs userAffinity: none%0ANext: set userAffinity: none, or remove sharedIpad%0AAlso: fleet/profiles.yaml:2:1%0AStops only 1 token
    ::warning file=fleet/profiles.yaml,line=99,col=1,title=no-line::a line that is not there
    "#);
    }

    #[test]
    fn nothing_in_a_finding_is_a_command_or_a_property() {
        let place = Place { file: "a,b:c%.yaml".into(), line: 1, column: 0 };
        let mut all = Diagnostics::default();
        all.push(Diagnostic::new(
            "code",
            Severity::Warn,
            place,
            "100 %\r\n::error::x\n::stop-commands::y\x1b[0m",
        ));
        let text = github(&all, &Prefix::default(), &mut Snippets::new(&|_| None));
        assert_eq!(
            text,
            "::warning file=a%2Cb%3Ac%25.yaml,line=1,title=code::100 %25%0A::error::x%0A::stop-commands::y\\u{1b}[0m\n"
        );
    }

    #[test]
    fn one_warning_over_many_tokens_is_one_annotation() {
        let mut all = Diagnostics::default();
        for line in 1..=70 {
            let token = crate::model::Name::new(&format!("t{line}")).unwrap();
            let place = Place { file: "tokens.yaml".into(), line, column: 1 };
            let message = format!("the token t{line} expires soon");
            all.push(Diagnostic::by_row("T-6", Severity::Warn, place, message).for_tokens([token]));
        }
        let text = github(&all, &Prefix::default(), &mut Snippets::new(&|_| None));
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.contains("the token TOKEN expires soon%0AOn 70 tokens: t1, "), "{text}");
    }

    #[test]
    fn the_code_quality_report_has_what_gitlab_asks_for() {
        let text = gitlab(&findings(), &Prefix::new("fleet"));
        let report: serde_json::Value = serde_json::from_str(&text).unwrap();
        let entries = report.as_array().unwrap();
        assert_eq!(entries.len(), 4);
        let mut prints = std::collections::BTreeSet::new();
        for entry in entries {
            assert!(prints.insert(entry["fingerprint"].as_str().unwrap()));
            assert!(entry["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
            assert!(["blocker", "minor", "info"].contains(&entry["severity"].as_str().unwrap()));
            assert!(entry["location"]["path"].as_str().unwrap().starts_with("fleet"));
        }
        assert_eq!(entries[2]["check_name"], "P-14");
    }
}
