//! Findings as SARIF 2.1.0, for hosts that show them beside the code and remember which are known.
//! PURE.
//!
//! Columns count in Unicode characters. A fingerprint rests on the code, the file and the message,
//! and not on lines: a finding keeps it when text above moves.

use std::collections::{BTreeMap, HashMap};

use openssl::sha::sha256;
use serde_json::{Value, json};

use super::alike::without;
use super::paths::Prefix;
use super::snippet::Snippets;
use crate::diag::{Diagnostic, Diagnostics, Place, Severity};

/// Where the schema of the format lies.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Stands for the root of the repository.
const ROOT: &str = "%SRCROOT%";

/// Returns what is known of a code beyond its findings; `None` for nothing.
pub type Help<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Shows findings as one run of SARIF, sorted by place.
pub fn json(findings: &Diagnostics, prefix: &Prefix, lines: &mut Snippets<'_>, help: Help<'_>) -> String {
    let findings = findings.clone().sorted();
    let mut rules: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    for finding in &findings {
        rules.entry(finding.code).or_default().push(finding);
    }
    let index: HashMap<&str, usize> = rules.keys().enumerate().map(|(at, code)| (*code, at)).collect();
    let prints = fingerprints(&findings, prefix);
    let results: Vec<Value> = findings
        .iter()
        .zip(prints)
        .map(|(finding, print)| result(finding, index[finding.code], &print, prefix, lines))
        .collect();
    let log = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "espalier",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|(code, of)| rule(code, of, help)).collect::<Vec<_>>(),
            } },
            "originalUriBaseIds": { ROOT: { "description": { "text": "The root of the repository." } } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    // A JSON value always has a text.
    serde_json::to_string_pretty(&log).unwrap_or_default() + "\n"
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Refuse => "error",
        Severity::Warn => "warning",
        Severity::Note => "note",
    }
}

/// What a code means: by its own explanation, else by the advice of its findings.
fn rule(code: &str, findings: &[&Diagnostic], help: Help<'_>) -> Value {
    let gravest = findings.iter().map(|finding| finding.severity).min().unwrap_or(Severity::Note);
    let advice = findings.iter().map(|finding| finding.next.as_str()).find(|next| !next.is_empty());
    let text = help(code).or_else(|| advice.map(str::to_owned)).unwrap_or_else(|| code.to_owned());
    let mut tags: Vec<&str> = findings.iter().filter_map(|finding| finding.rule).collect();
    tags.sort_unstable();
    tags.dedup();
    let words = code.replace('-', " ");
    let title = if tags.contains(&code) { format!("Requirement {code}") } else { words };
    json!({
        "id": code,
        "name": pascal(code),
        "shortDescription": { "text": title },
        "help": { "text": text },
        "defaultConfiguration": { "level": level(gravest) },
        "properties": { "tags": tags },
    })
}

/// `unknown-field` is `UnknownField`.
fn pascal(code: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map_or(String::new(), |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    code.split('-').map(capital).collect()
}

fn result(
    finding: &Diagnostic,
    rule_index: usize,
    print: &str,
    prefix: &Prefix,
    lines: &mut Snippets<'_>,
) -> Value {
    let Diagnostic { code, rule: _, severity, message, next, place, also, tokens } = finding;
    let mut result = json!({
        "ruleId": code,
        "ruleIndex": rule_index,
        "level": level(*severity),
        "message": { "text": with_advice(message, next) },
        // Hosts take no finding without a file; the folder stands for one.
        "locations": [{ "physicalLocation": physical(place, prefix, lines) }],
        "partialFingerprints": { "espalierFinding/v1": print },
    });
    if !also.is_empty() {
        let related = also.iter().enumerate().map(|(id, place)| {
            json!({
                "id": id + 1,
                "message": { "text": "also here" },
                "physicalLocation": physical(place, prefix, lines),
            })
        });
        result["relatedLocations"] = related.collect();
    }
    if !tokens.is_empty() {
        result["properties"] = json!({ "tokens": tokens });
    }
    result
}

/// What is wrong, and what to do next.
pub fn with_advice(message: &str, next: &str) -> String {
    if next.is_empty() { message.to_owned() } else { format!("{message}\nNext: {next}") }
}

fn physical(place: &Place, prefix: &Prefix, lines: &mut Snippets<'_>) -> Value {
    let mut region = json!({ "startLine": place.line.max(1) });
    if place.line > 0 && place.column > 0 {
        region["startColumn"] = place.column.into();
        if let Some(end) = lines.end_column(place) {
            region["endColumn"] = end.into();
        }
    }
    json!({
        "artifactLocation": { "uri": prefix.uri(&place.file), "uriBaseId": ROOT },
        "region": region,
    })
}

/// A fingerprint of each finding, in their order: hex of SHA-256 over code, file and message, and a
/// number that tells equal ones apart. No line and no column is in it.
pub fn fingerprints(findings: &[Diagnostic], prefix: &Prefix) -> Vec<String> {
    let mut seen: HashMap<String, u32> = HashMap::new();
    let print = |finding: &Diagnostic| {
        let message = without_places(&finding.message, finding);
        let text = json!([finding.code, prefix.path(&finding.place.file), message]).to_string();
        let hex: String = sha256(text.as_bytes())[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        let number = seen.entry(hex.clone()).or_default();
        *number += 1;
        format!("{hex}:{number}")
    };
    findings.iter().map(print).collect()
}

/// The message without the places in it: `profiles.yaml:12:3` moves with every line above.
fn without_places(message: &str, finding: &Diagnostic) -> String {
    let mut message = message.to_owned();
    for place in finding.also.iter().chain([&finding.place]).filter(|place| !place.file.is_empty()) {
        message = message.replace(&place.to_string(), &place.file);
        if place.line > 0 {
            message = without(&message, &format!("line {}", place.line)).into_owned();
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::super::diagnostics::tests::findings;
    use super::*;

    const SOURCE: &str = "spec:\n  departmnt: IT\n\tsharedIpad: {}\n";

    fn log(all: &Diagnostics) -> Value {
        let sources = |file: &str| (file == "profiles.yaml").then(|| SOURCE.to_owned());
        let help = |code: &str| (code == "P-14").then(|| "All of P-14.".to_owned());
        let text = json(all, &Prefix::new("my fleet"), &mut Snippets::new(&sources), &help);
        serde_json::from_str(&text).expect("JSON")
    }

    /// The members that the format requires, and those that hosts ask for besides.
    fn assert_is_sarif(log: &Value) {
        assert_eq!(log["version"], "2.1.0");
        let runs = log["runs"].as_array().expect("runs");
        for run in runs {
            let driver = &run["tool"]["driver"];
            assert!(driver["name"].is_string());
            let rules = driver["rules"].as_array().expect("rules");
            let mut ids = std::collections::BTreeSet::new();
            for rule in rules {
                assert!(ids.insert(rule["id"].as_str().expect("an id")), "ids are unique");
                for text in ["shortDescription", "help"] {
                    assert!(!rule[text]["text"].as_str().expect("a text").is_empty(), "{rule}");
                }
                let level = rule["defaultConfiguration"]["level"].as_str().expect("a level");
                assert!(["error", "warning", "note"].contains(&level));
            }
            for result in run["results"].as_array().expect("results") {
                let index = usize::try_from(result["ruleIndex"].as_u64().expect("an index")).unwrap();
                assert_eq!(rules[index]["id"], result["ruleId"]);
                assert!(!result["message"]["text"].as_str().expect("a text").is_empty());
                assert!(result["partialFingerprints"]["espalierFinding/v1"].is_string());
                let locations = result["locations"].as_array().expect("locations");
                assert_eq!(locations.len(), 1);
                let related = result["relatedLocations"].as_array().into_iter().flatten();
                for location in locations.iter().chain(related) {
                    let physical = &location["physicalLocation"];
                    let uri = physical["artifactLocation"]["uri"].as_str().expect("a URI");
                    assert!(!uri.starts_with('/') && !uri.contains([' ', '\\', '#']), "{uri}");
                    assert_eq!(physical["artifactLocation"]["uriBaseId"], ROOT);
                    let region = &physical["region"];
                    assert!(region["startLine"].as_u64().expect("a line") >= 1);
                    if let (Some(start), Some(end)) =
                        (region["startColumn"].as_u64(), region["endColumn"].as_u64())
                    {
                        assert!(start >= 1 && end > start, "{region}");
                    }
                }
            }
            assert!(run["originalUriBaseIds"][ROOT].is_object());
        }
    }

    #[test]
    fn the_log_has_what_the_format_requires() {
        let log = log(&findings());
        assert_is_sarif(&log);
        let run = &log["runs"][0];
        let result = run["results"].as_array().unwrap().iter().find(|one| one["ruleId"] == "P-14").unwrap();
        assert_eq!(result["level"], "error");
        assert_eq!(
            result["locations"][0]["physicalLocation"],
            json!({
                "artifactLocation": { "uri": "my%20fleet/profiles.yaml", "uriBaseId": "%SRCROOT%" },
                "region": { "startLine": 3, "startColumn": 3, "endColumn": 12 },
            })
        );
        assert_eq!(result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 2);
        assert_eq!(result["properties"]["tokens"], json!(["school"]));
        let rule =
            &run["tool"]["driver"]["rules"][usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(
            (&rule["help"]["text"], &rule["properties"]["tags"]),
            (&json!("All of P-14."), &json!(["P-14"]))
        );
        assert_is_sarif(&self::log(&Diagnostics::default()));
    }

    #[test]
    fn a_fingerprint_stays_when_lines_move_and_tells_equal_findings_apart() {
        let at = |line: u32| Place { file: "a.yaml".into(), line, column: 3 };
        let finding = |line: u32, first: u32| {
            let message = format!("`kiosk` stands at {} already, on line {line}", at(first));
            Diagnostic::new("same-name", Severity::Refuse, at(line), message).and_at(at(first))
        };
        let prefix = Prefix::new("fleet");
        let before = fingerprints(&[finding(9, 2), finding(20, 2)], &prefix);
        let after = fingerprints(&[finding(12, 5), finding(23, 5)], &prefix);
        assert_eq!(before, after);
        assert_ne!(before[0], before[1]);
        assert_ne!(before, fingerprints(&[finding(9, 2), finding(20, 2)], &Prefix::new("other")));
    }
}
