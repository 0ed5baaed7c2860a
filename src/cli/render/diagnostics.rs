//! Findings: as text with the line that they speak of, and as JSON.

use std::fmt::Write as _;

use anstyle::Style;
use serde::Serialize;

use super::JSON_VERSION;
use super::alike::{self, Together};
use super::snippet::{Snippet, Snippets, Sources};
use super::text::{BOLD, ERROR, HINT, NOTE, QUIET, WARN, clean, count, labelled, paint, some_of};
use crate::diag::{Diagnostic, Diagnostics, Place, Severity};

/// How many tokens a refusal names.
const TOKENS_SHOWN: usize = 8;

/// How many further places are shown with their line.
const PLACES_SHOWN: usize = 3;

/// Shows findings, sorted by place, and what they come to: notes first and briefly, then refusals
/// and warnings with the lines that they speak of, so that the gravest stand next to the prompt.
/// Where anything is refused, notes are counted only. No findings, no text.
pub fn text(findings: &Diagnostics, sources: Sources<'_>) -> String {
    let findings = findings.clone().sorted();
    let refuses = findings.iter().any(|finding| finding.severity == Severity::Refuse);
    let mut lines = Snippets::new(sources);
    let (mut notes, mut out) = (String::new(), String::new());
    for group in alike::diagnostics(&findings) {
        match group.first().severity {
            Severity::Note if refuses => {}
            Severity::Note => note(&mut notes, &group),
            Severity::Refuse | Severity::Warn => one(&mut out, &group, &mut lines),
        }
    }
    if !notes.is_empty() {
        notes.push('\n');
    }
    if !findings.is_empty() {
        let _ = writeln!(out, "{}", summary(&findings));
    }
    notes + &out
}

/// How many findings of each gravity: `2 refused, 1 warning`.
fn summary(findings: &[Diagnostic]) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count() as u64;
    let (refused, warnings, notes) = (of(Severity::Refuse), of(Severity::Warn), of(Severity::Note));
    let mut parts = Vec::new();
    if refused > 0 {
        parts.push(paint(ERROR, format!("{refused} refused")).to_string());
    }
    if warnings > 0 {
        parts.push(paint(WARN, count(warnings, "warning")).to_string());
    }
    if notes > 0 {
        let left_out = if refused > 0 { ", shown once nothing is refused" } else { "" };
        parts.push(format!("{}{left_out}", count(notes, "note")));
    }
    parts.join(", ")
}

const fn word(severity: Severity) -> (&'static str, Style) {
    match severity {
        Severity::Refuse => ("refuse", ERROR),
        Severity::Warn => ("warn", WARN),
        Severity::Note => ("note", NOTE),
    }
}

/// An explanation: no line of the document, for nothing there has to be looked for.
fn note(out: &mut String, group: &Together<'_, Diagnostic>) {
    let Diagnostic { code, rule, message, next, place, tokens, severity: _, also: _ } = group.first();
    let row = rule.filter(|rule| rule != code).map_or(String::new(), |rule| format!(" {rule}"));
    let mut at = clean(&place.to_string()).into_owned();
    let others = others(group);
    for other in others.iter().take(PLACES_SHOWN) {
        let file = if other.file == place.file { "" } else { &*other.file };
        let _ = match (file, other.line) {
            ("", 0) => Ok(()),
            ("", line) => write!(at, ", {line}:{}", other.column),
            _ => write!(at, ", {}", clean(&other.to_string())),
        };
    }
    if let Some(more) = others.len().checked_sub(PLACES_SHOWN).filter(|more| *more > 0) {
        let _ = write!(at, " and {}", count(more as u64, "more place"));
    }
    let head = paint(NOTE, format_args!("note[{code}{row}]")).to_string();
    let _ = writeln!(out, "{}", if place.file.is_empty() { head } else { format!("{head} {at}") });
    labelled(out, 1, "", 0, &group.say(message));
    if tokens.len() > 1 {
        let on = format!("{}: {}", count(tokens.len() as u64, "token"), some_of(tokens.iter(), TOKENS_SHOWN));
        labelled(out, 2, "on", 4, &on);
    }
    if !next.is_empty() {
        labelled(out, 2, paint(HINT, "next"), 4, &group.say(next));
    }
}

// Writing to a String does not fail.
fn one(out: &mut String, group: &Together<'_, Diagnostic>, lines: &mut Snippets<'_>) {
    let Diagnostic { code, rule, severity, message, next, place, also: _, tokens } = group.first();
    let (word, style) = word(*severity);
    let row = rule.filter(|rule| rule != code).map_or(String::new(), |rule| format!(" {rule}"));
    let _ = writeln!(
        out,
        "{}: {}",
        paint(style, format_args!("{word}[{code}{row}]")),
        paint(BOLD, indented(&group.say(message), 2)),
    );
    let others = others(group);
    let lowest = others.iter().take(PLACES_SHOWN).chain([&place]).map(|place| place.line).max();
    let margin = lowest.unwrap_or_default().to_string().len();
    if !place.file.is_empty() {
        let _ = writeln!(out, "{:margin$}{} {}", "", paint(QUIET, "-->"), clean(&place.to_string()));
        snippet(out, lines.of(place, code), place, style, margin);
    }
    for other in others.iter().take(PLACES_SHOWN) {
        let _ = writeln!(out, "{:margin$} {} also: {}", "", paint(QUIET, "="), clean(&other.to_string()));
        snippet(out, lines.of(other, code), other, NOTE, margin);
    }
    if let Some(more) = others.len().checked_sub(PLACES_SHOWN).filter(|more| *more > 0) {
        let _ =
            writeln!(out, "{:margin$} {} also: {}", "", paint(QUIET, "="), count(more as u64, "more place"));
    }
    let tokens = match tokens.as_slice() {
        [_] if !group.is_one() => group.on(),
        [] => String::new(),
        tokens if *severity == Severity::Refuse => {
            format!("stops only: {}", some_of(tokens.iter(), TOKENS_SHOWN))
        }
        [_] => String::new(),
        tokens => {
            format!("{}: {}", count(tokens.len() as u64, "token"), some_of(tokens.iter(), TOKENS_SHOWN))
        }
    };
    if !tokens.is_empty() {
        let _ = writeln!(out, "{:margin$} {} {tokens}", "", paint(QUIET, "="));
    }
    if !next.is_empty() {
        let next = indented(&group.say(next), margin + 3);
        let _ = writeln!(out, "{:margin$} {} {}: {next}", "", paint(QUIET, "="), paint(HINT, "next"));
    }
    out.push('\n');
}

/// Every place beside the first, each once.
fn others<'a>(group: &Together<'a, Diagnostic>) -> Vec<&'a Place> {
    let first = &group.first().place;
    let mut places: Vec<&Place> = Vec::new();
    for finding in &group.all {
        places.extend([&finding.place].into_iter().chain(&finding.also).filter(|place| *place != first));
    }
    places.dedup();
    places
}

fn snippet(out: &mut String, shown: Option<Snippet>, place: &Place, style: Style, margin: usize) {
    let Some(Snippet { text, mark }) = shown else { return };
    let bar = paint(QUIET, "|").to_string();
    let _ = writeln!(out, "{:margin$} {bar}", "");
    let _ = writeln!(out, "{:margin$} {bar} {text}", paint(QUIET, format!("{:>margin$}", place.line)));
    if let Some((before, width)) = mark {
        let _ = writeln!(out, "{:margin$} {bar} {:before$}{}", "", "", paint(style, "^".repeat(width)));
    }
}

/// A text whose further lines stand `indent` columns to the right.
fn indented(text: &str, indent: usize) -> String {
    clean(text.trim_end()).replace('\n', &format!("\n{:indent$}", ""))
}

/// Findings as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosticsJson<'a> {
    /// The version of this shape.
    pub version: u32,
    /// How many refuse.
    pub refused: usize,
    /// The findings, sorted by place.
    pub diagnostics: Vec<DiagnosticJson<'a>>,
}

/// A finding as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DiagnosticJson<'a> {
    /// The stable code.
    pub code: &'a str,
    /// The requirement row; null for a finding without one.
    pub rule: Option<&'a str>,
    /// How grave.
    pub severity: SeverityJson,
    /// What is wrong and why.
    pub message: &'a str,
    /// What to do next; empty for nothing.
    pub next: &'a str,
    /// Where.
    pub place: PlaceJson<'a>,
    /// Further places.
    pub also: Vec<PlaceJson<'a>>,
    /// The tokens that a refusal stops; empty: the whole folder.
    pub tokens: Vec<&'a str>,
}

/// How grave a finding is.
#[derive(Clone, Copy, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SeverityJson {
    /// Nothing is sent for the tokens concerned, or for the folder.
    Refuse,
    /// Shown, never a failure.
    Warn,
    /// An explanation.
    Note,
}

/// A place as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PlaceJson<'a> {
    /// The path relative to the folder; empty for the folder itself.
    pub file: &'a str,
    /// The line, from 1; 0 for none.
    pub line: u32,
    /// The column in characters, from 1; 0 for none.
    pub column: u32,
}

impl<'a> From<&'a Place> for PlaceJson<'a> {
    fn from(place: &'a Place) -> Self {
        let Place { file, line, column } = place;
        Self { file, line: *line, column: *column }
    }
}

impl<'a> From<&'a Diagnostic> for DiagnosticJson<'a> {
    fn from(finding: &'a Diagnostic) -> Self {
        let Diagnostic { code, rule, severity, message, next, place, also, tokens } = finding;
        Self {
            code,
            rule: *rule,
            severity: match severity {
                Severity::Refuse => SeverityJson::Refuse,
                Severity::Warn => SeverityJson::Warn,
                Severity::Note => SeverityJson::Note,
            },
            message,
            next,
            place: place.into(),
            also: also.iter().map(PlaceJson::from).collect(),
            tokens: tokens.iter().map(|token| token.as_str()).collect(),
        }
    }
}

/// Shows findings as JSON, sorted by place.
pub fn json(findings: &Diagnostics) -> String {
    let findings = findings.clone().sorted();
    let list = DiagnosticsJson {
        version: JSON_VERSION,
        refused: findings.iter().filter(|finding| finding.severity == Severity::Refuse).count(),
        diagnostics: findings.iter().map(DiagnosticJson::from).collect(),
    };
    // Plain values only: this cannot fail.
    serde_json::to_string_pretty(&list).unwrap_or_default() + "\n"
}

#[cfg(test)]
pub(in crate::cli) mod tests {
    use super::super::text::plain;
    use super::*;
    use crate::model::Name;

    fn place(line: u32, column: u32) -> Place {
        Place { file: "profiles.yaml".into(), line, column }
    }

    pub(in crate::cli) fn findings() -> Diagnostics {
        let mut all = Diagnostics::default();
        let token = Name::new("school").unwrap();
        all.push(
            Diagnostic::by_row("P-14", Severity::Refuse, place(3, 3), "Shared iPad needs userAffinity: none")
                .next("set userAffinity: none, or remove sharedIpad")
                .and_at(place(2, 1))
                .for_tokens([token]),
        );
        all.push(
            Diagnostic::new("unknown-field", Severity::Refuse, place(2, 3), "there is no field `departmnt`")
                .next("did you mean `department`?"),
        );
        all.push(Diagnostic::new("no-line", Severity::Warn, place(99, 1), "a line that is not there"));
        all.push(Diagnostic::new("folder", Severity::Note, Place::default(), "two lines\nin one"));
        all
    }

    const SOURCE: &str = "spec:\n  departmnt: IT\n\tsharedIpad: {}\n";

    #[test]
    fn each_finding_says_where_why_and_what_next() {
        let sources = |file: &str| (file == "profiles.yaml").then(|| SOURCE.to_owned());
        insta::assert_snapshot!(plain(&text(&findings(), &sources)), @r#"
        refuse[unknown-field]: there is no field `departmnt`
         --> profiles.yaml:2:3
          |
        2 |   departmnt: …
          |   ^^^^^^^^^
          = next: did you mean `department`?

        refuse[P-14]: Shared iPad needs userAffinity: none
         --> profiles.yaml:3:3
          |
        3 |     sharedIpad: {}
          |      ^^^^^^^^^
          = also: profiles.yaml:2:1
          |
        2 |   departmnt: IT
          = stops only: school
          = next: set userAffinity: none, or remove sharedIpad

        warn[no-line]: a line that is not there
          --> profiles.yaml:99:1

        2 refused, 1 warning, 1 note, shown once nothing is refused
        "#);
    }

    #[test]
    fn notes_are_brief_and_stand_before_what_is_graver() {
        let mut all = Diagnostics::default();
        all.push(Diagnostic::new("no-line", Severity::Warn, place(1, 1), "look here").next("mend it"));
        let tokens = ["school", "office"].map(|name| Name::new(name).unwrap());
        let words = "a text that is longer than a line may be, for it goes on and on and on";
        let note = Diagnostic::by_row("P-21", Severity::Note, place(2, 3), words).next("nothing");
        all.push(note.and_at(place(3, 1)).for_tokens(tokens));
        all.push(Diagnostic::new("folder", Severity::Note, Place::default(), "two lines\nin one"));
        insta::assert_snapshot!(plain(&text(&all, &|_| Some(SOURCE.to_owned()))), @"
        note[folder]
          two lines
          in one
        note[P-21] profiles.yaml:2:3, 3:1
          a text that is longer than a line may be, for it goes on and on and on
          on   2 tokens: school, office
          next nothing

        warn[no-line]: look here
         --> profiles.yaml:1:1
          |
        1 | spec:
          | ^^^^
          = next: mend it

        1 warning, 2 notes
        ");
    }

    #[test]
    fn without_sources_the_places_remain() {
        let text = plain(&text(&findings(), &|_| None));
        assert!(text.contains("--> profiles.yaml:2:3"), "{text}");
        assert!(!text.contains("departmnt: IT"), "{text}");
    }

    #[test]
    fn a_file_is_fetched_once() {
        let fetched = std::cell::Cell::new(0);
        let sources = |_: &str| {
            fetched.set(fetched.get() + 1);
            Some(SOURCE.to_owned())
        };
        text(&findings(), &sources);
        assert_eq!(fetched.get(), 1);
    }

    #[test]
    fn no_findings_no_text_but_json() {
        assert_eq!(text(&Diagnostics::default(), &|_| None), "");
        let read: serde_json::Value = serde_json::from_str(&json(&Diagnostics::default())).unwrap();
        assert_eq!(read, serde_json::json!({"version": 1, "refused": 0, "diagnostics": []}));
    }

    #[test]
    fn the_same_warning_over_many_tokens_is_one_line_and_a_refusal_stands_at_its_place() {
        let mut all = Diagnostics::default();
        for line in 1..=70 {
            let token = Name::new(&format!("t{line}")).unwrap();
            let expires = format!("the token t{line} expires soon");
            let warning = Diagnostic::by_row("T-6", Severity::Warn, place(line, 3), expires);
            all.push(warning.next("renew it").for_tokens([token.clone()]));
            let refusal = Diagnostic::new("same-name", Severity::Refuse, place(line, 5), "the name is taken");
            all.push(refusal.for_tokens([token]));
        }
        let text = plain(&text(&all, &|_| None));
        assert_eq!(text.matches("warn[T-6]: the token TOKEN expires soon\n").count(), 1, "{text}");
        assert!(text.contains("= 70 tokens: t1, t10, t11, t12, t13 and 65 more\n"), "{text}");
        assert!(text.contains("= also: 66 more places\n"), "{text}");
        assert_eq!(text.matches("refuse[same-name]").count(), 70);
        assert!(text.ends_with("70 refused, 70 warnings\n"), "{text}");
    }

    #[test]
    fn what_stands_in_a_document_does_not_steer_the_terminal() {
        let mut all = Diagnostics::default();
        let evil = "\x1b]0;title\x07\u{202e}";
        let place = Place { file: format!("a{evil}.yaml").into(), line: 1, column: 3 };
        all.push(Diagnostic::new("bad-value", Severity::Refuse, place, evil).next(evil));
        let text = text(&all, &|_| Some(format!("a: {evil}\n")));
        assert!(!text.contains("\x1b]") && !text.contains(['\x07', '\u{202e}']), "{text:?}");
    }

    #[test]
    fn json_carries_places_in_parts() {
        let read: serde_json::Value = serde_json::from_str(&json(&findings())).unwrap();
        assert_eq!(read["refused"], 2);
        assert_eq!(
            read["diagnostics"][2],
            serde_json::json!({
                "code": "P-14", "rule": "P-14", "severity": "refuse",
                "message": "Shared iPad needs userAffinity: none",
                "next": "set userAffinity: none, or remove sharedIpad",
                "place": {"file": "profiles.yaml", "line": 3, "column": 3},
                "also": [{"file": "profiles.yaml", "line": 2, "column": 1}],
                "tokens": ["school"],
            })
        );
    }
}
