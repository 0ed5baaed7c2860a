//! Broken documents, one folder per mistake: each says what it expects to be told.
//!
//! A folder of `tests/broken` holds documents and `expected.txt`; what it leaves out of a small
//! fleet comes from `tests/broken/_base`. `expected.txt` begins with its conditions (`alone: yes`:
//! nothing comes from the base; `by: plan`: the documents are in order, and what would be made of
//! them is not) and tells every refusal in order: the start of the rule's summary, code, place, the
//! first words of the message, the next step. With `ESPALIER_ACCEPT=1` the last four are written
//! anew. The folders `csv-…` hold one mishap of a CSV file each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use espalier::diag::{Severity, codes};
use espalier::manifest::{Allow, load};
use espalier::rules::{self, Needs, RuleEntry, catalogue};
use serde_json::Value;

use crate::support::{TestEnv, copy_folder};

/// Rules that refuse documents and that documents alone cannot break.
const NOT_BY_DOCUMENTS: &[(&str, &str, &str)] = &[
    ("P-3", "`userAffinity: user` needs `authentication`", "a live profile has to be without a sign-in"),
    ("P-15", "`sharedIpad.maximumCachedUsers` has", "the field takes no other number: bad-value"),
    ("P-16", "`sharedIpad.passwordAfterLockSeconds` has", "the field takes no other number: bad-value"),
    ("P-32", "`localAdmin.rotateEveryDays` has", "the field takes no other number: bad-value-macs"),
    ("P-32", "`localAdmin.rotateAfterRetrievalHours` has", "the field takes no other number: bad-value-macs"),
];

/// What an example is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Refusal {
    /// The start of the rule's summary; empty for a code.
    rule: String,
    code: String,
    place: String,
    message: String,
    next: String,
}

/// One broken folder.
struct Example {
    name: String,
    folder: PathBuf,
    is_alone: bool,
    by_plan: bool,
    expected: Vec<Refusal>,
}

fn broken() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken")
}

fn examples() -> Vec<Example> {
    let mut examples: Vec<Example> = fs::read_dir(broken())
        .expect("tests/broken")
        .map(|entry| entry.expect("an entry of tests/broken").path())
        .filter(|folder| {
            let name = folder.file_name().expect("a name").to_string_lossy();
            !name.starts_with('_')
        })
        .map(|folder| Example::read(&folder))
        .collect();
    examples.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(examples.len() > 50, "only {} examples", examples.len());
    examples
}

impl Example {
    fn read(folder: &Path) -> Self {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let file = folder.join("expected.txt");
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut example = Self {
            name,
            folder: folder.to_owned(),
            is_alone: false,
            by_plan: false,
            expected: vec![Refusal::default()],
        };
        for line in text.lines() {
            let Some((key, value)) = line.split_once(": ").or_else(|| line.split_once(':')) else {
                assert!(line.is_empty(), "{}: {line:?}", example.name);
                example.expected.push(Refusal::default());
                continue;
            };
            let value = value.to_owned();
            let last = example.expected.last_mut().expect("never empty");
            match key {
                "alone" => example.is_alone = true,
                "by" => example.by_plan = value == "plan",
                "rule" => last.rule = value,
                "code" => last.code = value,
                "place" => last.place = value,
                "message" => last.message = value,
                "next" => last.next = value,
                other => panic!("{}: {other:?} is no key", example.name),
            }
        }
        example
    }

    /// Its folder with what it leaves out.
    fn laid_out(&self) -> TestEnv {
        let env = TestEnv::new();
        if !self.is_alone {
            copy_folder(&broken().join("_base"), &env.documents());
        }
        copy_folder(&self.folder, &env.documents());
        fs::remove_file(env.documents().join("expected.txt")).expect("the copy of expected.txt");
        env
    }

    /// Compares what was told, or writes it down.
    fn hold(&self, told: &[Refusal], faults: &mut Vec<String>) {
        let fits = |(wanted, told): (&Refusal, &Refusal)| {
            wanted.code == told.code
                && wanted.place == told.place
                && !wanted.message.is_empty()
                && told.message.starts_with(&wanted.message)
                && wanted.next == told.next
                && !told.next.is_empty()
        };
        let all = told.len() == self.expected.len() && self.expected.iter().zip(told).all(fits);
        if !all {
            faults.push(format!("{}:\nexpected {:#?}\ntold {told:#?}", self.name, self.expected));
        }
    }

    fn accept(&self, told: &[Refusal]) {
        let mut text = String::new();
        if self.is_alone {
            text.push_str("alone: yes\n");
        }
        if self.by_plan {
            text.push_str("by: plan\n");
        }
        for (at, one) in told.iter().enumerate() {
            if at > 0 {
                text.push('\n');
            }
            let rule = self.expected.get(at).map_or("", |expected| expected.rule.as_str());
            if !rule.is_empty() {
                text.push_str(&format!("rule: {rule}\n"));
            }
            let Refusal { rule: _, code, place, message, next } = one;
            text.push_str(&format!("code: {code}\nplace: {place}\nmessage: {message}\nnext: {next}\n"));
        }
        fs::write(self.folder.join("expected.txt"), text).expect("expected.txt");
    }
}

/// What the library tells: the refusals of `validate`, or of the rules over what a create would send.
fn by_library(example: &Example) -> Vec<Refusal> {
    let env = example.laid_out();
    let loaded = load(&env.documents(), Allow::default()).expect("a folder that can be read");
    let now = "2026-11-21T12:00:00Z".parse().expect("an instant");
    let mut found = loaded.diagnostics;
    found.extend(rules::check_documents(&loaded.desired, now));
    found.extend(rules::check_documents(&loaded.doubtful, now));
    let refusals: Vec<Refusal> = found
        .sorted()
        .into_iter()
        .filter(|one| one.severity == Severity::Refuse)
        .map(|one| Refusal {
            rule: String::new(),
            code: one.code.to_owned(),
            place: one.place.to_string(),
            message: one.message,
            next: one.next,
        })
        .collect();
    if !example.by_plan {
        return refusals;
    }
    assert_eq!(refusals, [], "{}: the documents themselves are to be in order", example.name);
    let mut created = Vec::new();
    for profile in loaded.desired.profiles.values() {
        for fields in profile.created.values() {
            let findings = rules::required_on_create(profile.platform, fields)
                .into_iter()
                .chain(rules::judge(profile.platform, fields))
                .filter(|finding| finding.severity == Severity::Refuse);
            created.extend(findings.map(|finding| Refusal {
                rule: String::new(),
                code: finding.rule.to_owned(),
                place: profile.identity.places.at(finding.fields[0]).to_string(),
                message: finding.message,
                next: finding.next,
            }));
        }
    }
    created
}

#[test]
fn every_broken_example_is_refused_by_the_library_as_it_expects() {
    let accept = std::env::var("ESPALIER_ACCEPT").as_deref() == Ok("1");
    let mut faults = Vec::new();
    for example in examples() {
        let told = by_library(&example);
        // That a certificate would be newly uploaded shows only against what is live.
        if example.by_plan && example.name.starts_with("p21-") {
            assert_eq!(told, []);
        } else if accept {
            example.accept(&told);
        } else {
            example.hold(&told, &mut faults);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

#[test]
fn every_broken_example_is_refused_by_the_program_as_it_expects() {
    let mut faults = Vec::new();
    for example in examples() {
        let env = example.laid_out();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let told = if example.by_plan {
            env.run(["validate"]).expect(0);
            let plan = env.run(["plan", "--sim", "--format", "json"]).expect(3).json();
            let blocked = plan["blocked"].as_array().cloned().unwrap_or_default();
            let refusal = |one: &Value| {
                // `PLACE: ADDRESS would …: MESSAGE`
                let reason = text(&one["reason"]);
                let (place, rest) = reason.split_once(": ").unwrap_or_default();
                let message = rest.split_once(" would be refused: ").map_or(rest, |(_, message)| message);
                Refusal {
                    rule: String::new(),
                    code: text(&one["rule"]),
                    place: place.to_owned(),
                    message: message.to_owned(),
                    next: text(&one["next"]),
                }
            };
            blocked.iter().map(refusal).collect::<Vec<_>>()
        } else {
            let report = env.run(["validate", "--format", "json"]).expect(3).json();
            let refusal = |one: &Value| Refusal {
                rule: String::new(),
                code: text(&one["code"]),
                place: place(&one["place"]),
                message: text(&one["message"]),
                next: text(&one["next"]),
            };
            let all = report["diagnostics"].as_array().cloned().unwrap_or_default();
            all.iter().filter(|one| one["severity"] == "refuse").map(refusal).collect()
        };
        example.hold(&told, &mut faults);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n\n"));
}

/// A place in JSON as it is printed.
fn place(place: &Value) -> String {
    let number = |name: &str| place[name].as_u64().unwrap_or_default();
    let file = place["file"].as_str().unwrap_or_default();
    match (number("line"), number("column")) {
        (0, _) => file.to_owned(),
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}

#[test]
fn every_rule_and_code_that_refuses_documents_has_a_broken_example() {
    let examples = examples();
    let expected: Vec<&Refusal> = examples.iter().flat_map(|example| &example.expected).collect();
    let is_meant = |entry: &RuleEntry, row: &str, rule: &str| {
        entry.row == row && !rule.is_empty() && entry.summary.starts_with(rule)
    };
    let refusing: Vec<RuleEntry> = catalogue()
        .filter(|entry| entry.severity == Severity::Refuse && !matches!(entry.needs, Needs::Live(_)))
        .collect();
    let mut missing = Vec::new();
    for entry in &refusing {
        let shown = expected.iter().any(|one| is_meant(entry, &one.code, &one.rule));
        let excepted = NOT_BY_DOCUMENTS.iter().any(|(row, rule, _)| is_meant(entry, row, rule));
        if shown == excepted {
            missing.push(format!("{} {} (shown: {shown}, excepted: {excepted})", entry.row, entry.summary));
        }
    }
    let by_code: BTreeMap<&str, &&Refusal> = expected.iter().map(|one| (one.code.as_str(), one)).collect();
    for code in codes::CODES.iter().filter(|code| code.severity == Severity::Refuse) {
        if !by_code.contains_key(code.code) {
            missing.push(code.code.to_owned());
        }
    }
    for one in expected.iter().filter(|one| !one.rule.is_empty()) {
        if !refusing.iter().any(|entry| is_meant(entry, &one.code, &one.rule)) {
            missing.push(format!("no rule of {} begins with {:?}", one.code, one.rule));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The codes that a source file gives to findings.
fn codes_in(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for call in ["Diagnostic::new(", ".refuse("] {
        for (at, _) in source.match_indices(call) {
            let rest = source[at + call.len()..].trim_start();
            if let Some((code, _)) = rest.strip_prefix('"').and_then(|rest| rest.split_once('"')) {
                found.push(code.to_owned());
            }
        }
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let is_test = path.to_string_lossy().contains("tests");
        // Printing makes findings of what is none, for other programs.
        if path.ends_with("src/cli") {
            continue;
        }
        if path.is_dir() && !is_test {
            sources(&path, found);
        } else if path.extension().is_some_and(|one| one == "rs") && !is_test {
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            found.push((path, code));
        }
    }
}

#[test]
fn every_code_of_a_finding_is_in_the_table_of_codes() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut given = 0;
    for (file, source) in &files {
        for code in codes_in(source) {
            given += 1;
            let known = codes::CODES.iter().any(|known| known.code == code);
            assert!(known, "{}: {code} is not in src/diag/codes.rs", file.display());
        }
    }
    assert!(given > 20, "only {given} codes were found");
}
