use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::model::live::Cause;

/// Every source file that is no test and not part of `explain`, up to its tests.
fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, all: &mut Vec<(PathBuf, String)>) {
        let mut entries: Vec<PathBuf> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                if name != "explain" && name != "tests" && name != "starter" {
                    walk(&path, all);
                }
            } else if name.ends_with(".rs") && !name.contains("tests") {
                let text = fs::read_to_string(&path).unwrap();
                let text = text.split("#[cfg(test)]\npub(in").next().unwrap();
                let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                all.push((path, text.to_owned()));
            }
        }
    }
    let mut all = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut all);
    assert!(all.len() > 50, "only {} source files", all.len());
    all
}

/// The literal at the beginning of a text, after white space.
fn literal(text: &str) -> Option<&str> {
    let (literal, _) = text.trim_start().strip_prefix('"')?.split_once('"')?;
    let is_code =
        literal.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (is_code && !literal.is_empty()).then_some(literal)
}

/// All literals of a text that look like codes.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('"').filter_map(|(at, _)| literal(&text[at..]))
}

/// Every code that a source gives to a finding or an error.
fn codes_of(text: &str) -> BTreeSet<&str> {
    let after = |pattern: &'static str| {
        text.match_indices(pattern).filter_map(move |(at, _)| literal(&text[at + pattern.len()..]))
    };
    let mut found: BTreeSet<&str> = BTreeSet::new();
    for pattern in ["Diagnostic::new(", "refuse(", ".coded(", "code: "] {
        found.extend(after(pattern));
    }
    for (begin, end) in [
        ("let code = ", ";"),
        ("fn code(&self) -> &'static str {", "\n    }"),
        ("fn error_code(self) -> &'static str {", "\n    }"),
    ] {
        for (at, _) in text.match_indices(begin) {
            let body = &text[at..];
            found.extend(literals(&body[..body.find(end).unwrap_or(body.len())]));
        }
    }
    found
}

#[test]
fn every_code_of_the_sources_is_explained_and_every_explained_one_is_used() {
    let sources = sources();
    let mut used: BTreeMap<&str, &Path> = BTreeMap::new();
    for (path, text) in &sources {
        for code in codes_of(text) {
            used.entry(code).or_insert(path);
        }
    }
    assert!(used.len() > 50, "the search finds only {used:?}");
    let missing: Vec<_> = used.iter().filter(|(code, _)| !all().any(|known| known.code == **code)).collect();
    assert!(missing.is_empty(), "not explained, add them to src/explain/codes: {missing:#?}");
    for code in all().filter(|code| code.group != Group::Plan) {
        assert!(used.contains_key(code.code), "`{}` is explained and nothing uses it", code.code);
    }
    for code in all().filter(|code| code.group == Group::Plan && code.code.contains('/')) {
        let begin: String = code
            .code
            .split_inclusive('/')
            .take_while(|part| part.ends_with('/') && part.starts_with(|c: char| c.is_lowercase()))
            .collect();
        let whole = format!("\"{}\"", code.code);
        assert!(
            sources.iter().any(|(_, text)| text.contains(&format!("\"{begin}{{")) || text.contains(&whole)),
            "nothing makes {}",
            code.code
        );
    }
}

#[test]
fn every_cause_is_explained() {
    for cause in [
        Cause::Credentials,
        Cause::Unavailable,
        Cause::Throttled,
        Cause::LostAnswer,
        Cause::Manifest,
        Cause::Refused,
    ] {
        let word = serde_json::to_value(cause).unwrap();
        let code = find(word.as_str().unwrap()).unwrap_or_else(|| panic!("{word} is not explained"));
        assert_eq!(code.group, Group::Plan);
    }
}

#[test]
fn codes_are_told_apart_and_say_what_to_do() {
    let mut seen = BTreeSet::new();
    for code in all() {
        assert!(seen.insert(code.code), "{} is there twice", code.code);
        assert!(code.means.ends_with('.') && code.means.len() > 20, "{}: {}", code.code, code.means);
        assert!(code.next.ends_with('.'), "{}: {}", code.code, code.next);
        assert!(!code.example.is_empty(), "{}", code.code);
        assert!(code.group != Group::Error || code.exit.is_some(), "{} ends a command", code.code);
        assert!(crate::explain::rows::find(code.code).is_none(), "{} is a row, too", code.code);
    }
}

#[test]
fn gates_are_found_by_the_names_that_plans_show() {
    for (name, code) in [
        ("limit/update/school", "limit/KIND/TOKEN"),
        ("protected/token/main", "protected/token/TOKEN"),
        ("protected/serial/DMPK1A01LMF5", "protected/serial/SERIAL"),
        ("limit/KIND/TOKEN", "limit/KIND/TOKEN"),
        ("approval/act/lost-ipad/DMPK1A01LMF5", "approval/act/ACTION/SERIAL"),
        ("approval/steps", "approval/steps"),
        ("window/destructive", "window/CLASS"),
        ("quota/wipe/contoso", "quota/KIND/CONNECTION"),
        ("UNKNOWN-FIELD", "unknown-field"),
    ] {
        assert_eq!(find(name).map(|code| code.code), Some(code), "{name}");
    }
    for name in ["limit", "limit/update", "limit/update/", "protected/other/x", ""] {
        assert!(find(name).is_none(), "{name}");
    }
}

#[test]
fn codes_of_findings_are_those_that_are_explained_as_such() {
    let explained: BTreeSet<&str> =
        all().filter(|code| code.group != Group::Error).map(|code| code.code).collect();
    let carried: BTreeSet<&str> = crate::diag::codes::CODES.iter().map(|code| code.code).collect();
    let missing: Vec<_> = carried.difference(&explained).collect();
    assert!(missing.is_empty(), "not explained, add them to src/explain/codes: {missing:?}");
    for code in all().filter(|code| code.group == Group::Document) {
        assert!(carried.contains(code.code), "`{}` has no gravity in src/diag/codes.rs", code.code);
    }
    assert_eq!(carried.len(), crate::diag::codes::CODES.len(), "one is there twice");
}
