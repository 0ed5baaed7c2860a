//! Findings: as text with the line that they speak of, and as JSON.

use std::collections::HashMap;
use std::fmt::Write as _;

use anstyle::Style;
use serde::Serialize;

use super::JSON_VERSION;
use super::text::{BOLD, ERROR, HINT, NOTE, QUIET, WARN, clean, count, paint, some_of};
use crate::diag::{Diagnostic, Diagnostics, Place, Severity};

/// Returns the text of a file of the folder by the path that places carry; `None` shows no line.
pub type Sources<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The widest source line that is shown, in characters.
const LINE_WIDTH: usize = 120;

/// How many tokens a refusal names.
const TOKENS_SHOWN: usize = 8;

/// Shows findings, sorted by place, with the lines that they speak of, and what they come to.
/// No findings, no text.
pub fn text(findings: &Diagnostics, sources: Sources<'_>) -> String {
    let findings = findings.clone().sorted();
    let mut lines = Lines::new(sources);
    let mut out = String::new();
    for finding in &findings {
        one(&mut out, finding, &mut lines);
    }
    if !findings.is_empty() {
        let _ = writeln!(out, "{}", summary(&findings));
    }
    out
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
        parts.push(count(notes, "note"));
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

// Writing to a String does not fail.
fn one(out: &mut String, finding: &Diagnostic, lines: &mut Lines<'_>) {
    let Diagnostic { code, rule, severity, message, next, place, also, tokens } = finding;
    let (word, style) = word(*severity);
    let row = rule.filter(|rule| rule != code).map_or(String::new(), |rule| format!(" {rule}"));
    let _ = writeln!(
        out,
        "{}: {}",
        paint(style, format_args!("{word}[{code}{row}]")),
        paint(BOLD, indented(message, 2)),
    );
    let margin = if place.line > 0 { place.line.to_string().len() } else { 1 };
    if !place.file.is_empty() {
        let _ = writeln!(out, "{:margin$}{} {}", "", paint(QUIET, "-->"), clean(&place.to_string()));
        snippet(out, place, code, style, margin, lines);
    }
    for other in also {
        let _ = writeln!(out, "{:margin$} {} also: {}", "", paint(QUIET, "="), clean(&other.to_string()));
    }
    if !tokens.is_empty() && *severity == Severity::Refuse {
        let tokens = some_of(tokens.iter(), TOKENS_SHOWN);
        let _ = writeln!(out, "{:margin$} {} stops only: {tokens}", "", paint(QUIET, "="));
    }
    if !next.is_empty() {
        let next = indented(next, margin + 3);
        let _ = writeln!(out, "{:margin$} {} {}: {next}", "", paint(QUIET, "="), paint(HINT, "next"));
    }
    out.push('\n');
}

/// A text whose further lines stand `indent` columns to the right.
fn indented(text: &str, indent: usize) -> String {
    clean(text.trim_end()).replace('\n', &format!("\n{:indent$}", ""))
}

fn snippet(out: &mut String, place: &Place, code: &str, style: Style, margin: usize, lines: &mut Lines<'_>) {
    if lines.may_hold_a_secret(place) {
        return;
    }
    let Some(line) = lines.of(place) else { return };
    let masked;
    let line = match line.split_once(':') {
        // What stands behind a name that nobody knows may be anything.
        Some((name, _)) if VALUE_HIDDEN.contains(&code) => {
            masked = format!("{name}: …");
            masked.as_str()
        }
        _ => line,
    };
    let column = place.column.max(1) as usize;
    if line.chars().count().max(column) > LINE_WIDTH {
        return;
    }
    // A tab counts as one column and is shown as one space, so that the mark stands below its place.
    let line = line.replace('\t', " ");
    let bar = paint(QUIET, "|").to_string();
    let _ = writeln!(out, "{:margin$} {bar}", "");
    let _ = writeln!(out, "{} {bar} {}", paint(QUIET, place.line), clean(&line));
    // A value that is hidden has no place to point at.
    if place.column > 0 && column <= line.chars().count() + 1 {
        let _ =
            writeln!(out, "{:margin$} {bar} {:before$}{}", "", "", paint(style, "^"), before = column - 1);
    }
}

/// Findings whose line is shown without its value.
const VALUE_HIDDEN: [&str; 3] = ["unknown-field", "not-in-this-version", "duplicate-key"];

/// Words that tell of a secret, in the key of a line or of anything above it.
const SECRET_WORDS: [&str; 7] =
    ["secret", "passw", "passphrase", "credential", "privatekey", "apikey", "assertion"];

/// The lines of files, each file fetched once.
struct Lines<'a> {
    sources: Sources<'a>,
    files: HashMap<std::sync::Arc<str>, Option<File>>,
}

/// A file and where its lines begin: a file with many findings is gone through once, not for each.
struct File {
    text: String,
    starts: Vec<usize>,
    /// By line: whether it, or anything that it lies within by indentation, speaks of a secret.
    secret: Vec<bool>,
}

impl File {
    fn new(text: String) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(ends).collect();
        let mut file = Self { text, starts, secret: Vec::new() };
        // What the present line lies within: indentation, and whether it or its own parents tell.
        let mut within: Vec<(usize, bool)> = Vec::new();
        file.secret = (0..file.starts.len())
            .map(|at| {
                let line = file.line(at).unwrap_or_default();
                let inherited = |within: &[(usize, bool)]| within.last().is_some_and(|(_, tells)| *tells);
                if line.trim().is_empty() {
                    return inherited(&within);
                }
                let indent = line.len() - line.trim_start().len();
                within.truncate(within.partition_point(|(outer, _)| *outer < indent));
                let text = line.to_ascii_lowercase();
                let tells = inherited(&within) || SECRET_WORDS.iter().any(|word| text.contains(word));
                within.push((indent, tells));
                tells
            })
            .collect();
        file
    }

    fn line(&self, at: usize) -> Option<&str> {
        self.text[*self.starts.get(at)?..].lines().next()
    }
}

impl<'a> Lines<'a> {
    fn new(sources: Sources<'a>) -> Self {
        Self { sources, files: HashMap::new() }
    }

    fn file(&mut self, place: &Place) -> Option<&File> {
        let sources = self.sources;
        let file = self.files.entry(place.file.clone());
        file.or_insert_with(|| sources(&place.file).map(File::new)).as_ref()
    }

    /// Whether the line, or anything that it lies within by indentation, speaks of a secret: such a
    /// line is never shown, whatever stands in it.
    fn may_hold_a_secret(&mut self, place: &Place) -> bool {
        let at = (place.line as usize).saturating_sub(1);
        self.file(place).is_some_and(|file| file.secret.get(at).copied().unwrap_or(false))
    }

    fn of(&mut self, place: &Place) -> Option<&str> {
        let at = (place.line as usize).checked_sub(1)?;
        self.file(place)?.line(at)
    }
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
        note[folder]: two lines
          in one

        refuse[unknown-field]: there is no field `departmnt`
         --> profiles.yaml:2:3
          |
        2 |   departmnt: …
          |   ^
          = next: did you mean `department`?

        refuse[P-14]: Shared iPad needs userAffinity: none
         --> profiles.yaml:3:3
          |
        3 |  sharedIpad: {}
          |   ^
          = also: profiles.yaml:2:1
          = stops only: school
          = next: set userAffinity: none, or remove sharedIpad

        warn[no-line]: a line that is not there
          --> profiles.yaml:99:1

        2 refused, 1 warning, 1 note
        "#);
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
