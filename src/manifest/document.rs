//! The envelope of a document: `apiVersion`, `kind`, `metadata`, `spec`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Checker, shortened};
use super::kinds;
use super::suggest;
use super::value::Object;
use super::yaml::{Entry, Node, Yaml};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::Places;
use crate::model::{Field, Kind, Name, Place};

/// A document that could be told apart.
#[derive(Debug)]
pub struct Document {
    /// `kind`.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// `spec`, checked.
    pub spec: Object,
    /// Where everything stands.
    pub places: Places,
    /// Whether anything in it was refused: it contributes nothing.
    pub broken: bool,
}

/// What was made of one document.
pub struct Outcome {
    /// The document, if its kind, name and spec could be read.
    pub document: Option<Document>,
    /// Its kind and name as far as they could be read, so that a reference to it is not reported
    /// as dangling; with the place of the name.
    pub identity: (Option<Kind>, Option<(Name, Place)>),
}

/// Checks one document against the tables.
pub fn check(root: &Node, file: &Arc<str>, found: &mut Diagnostics) -> Outcome {
    let mut checker = Checker::new(file.clone(), found);
    let place = checker.place(root);
    let Some(entries) = checker.entries(root, "") else {
        return Outcome { document: None, identity: (None, None) };
    };
    let at = |name: &str| entries.iter().position(|(key, _)| *key == name);
    let value = |name: &str| at(name).map(|at| &entries[at].1.value);

    if value("apiVersion").is_none() && value("kind").is_none() {
        let message = "this is no espalier document: it has neither `apiVersion` nor `kind`";
        checker.refuse(Diagnostic::new("no-document", Severity::Refuse, place, message).next(
            "add both, or move the file out of the folder; hidden folders, target and node_modules are not read",
        ));
        return Outcome { document: None, identity: (None, None) };
    }
    for (key, entry) in &entries {
        if !["apiVersion", "kind", "metadata", "spec"].contains(key) {
            unknown(&mut checker, key, entry);
        }
    }
    api_version(&mut checker, root, value("apiVersion"));
    let kind = kind_of(&mut checker, root, value("kind"));
    if let (Some(kind_at), Some(spec_at)) = (at("kind"), at("spec"))
        && spec_at < kind_at
    {
        let place = checker.place(&entries[spec_at].1.key);
        checker.refuse(
            Diagnostic::new("kind-after-spec", Severity::Refuse, place, "`spec` stands before `kind`")
                .next("put kind before spec"),
        );
    }
    let mut places = Places { document: place, fields: BTreeMap::new() };
    let (name, labels) = metadata(&mut checker, root, value("metadata"), &mut places);
    let spec = match (kind, value("spec")) {
        (Some(kind), Some(spec)) => Some(checker.object(spec, kinds::spec_of(kind), "")),
        (_, Some(_)) => None,
        (_, None) => {
            missing(&mut checker, root, "spec", "add `spec:` with the document's fields");
            None
        }
    };
    let broken = checker.broken;
    let identity = (kind, name.clone().map(|name| (name, places.at("metadata.name").clone())));
    let document = match (kind, name, spec) {
        (Some(kind), Some(name), Some(spec)) => {
            spec.note_places("", &mut places);
            Some(Document { kind, name, labels, spec, places, broken })
        }
        _ => None,
    };
    Outcome { document, identity }
}

fn unknown(checker: &mut Checker, key: &str, entry: &Entry) {
    const KNOWN: [&str; 4] = ["apiVersion", "kind", "metadata", "spec"];
    let in_spec = Kind::ALL.iter().any(|kind| kinds::spec_of(*kind).field(key).is_some());
    let next = match suggest::nearest(key, KNOWN) {
        Some(near) => format!("did you mean `{near}`?"),
        None if in_spec => format!("put `{key}` below `spec`"),
        None => "a document holds apiVersion, kind, metadata and spec".to_owned(),
    };
    let place = checker.place(&entry.key);
    let message = format!("there is no field `{}` beside `spec`", shortened(key));
    checker.refuse(Diagnostic::new("unknown-field", Severity::Refuse, place, message).next(next));
}

fn missing(checker: &mut Checker, root: &Node, name: &str, next: &str) {
    let place = checker.place(root);
    let message = format!("the document has no `{name}`");
    checker.refuse(Diagnostic::new("missing-field", Severity::Refuse, place, message).next(next));
}

fn api_version(checker: &mut Checker, root: &Node, node: Option<&Node>) {
    let next = format!("write `apiVersion: {}`", kinds::API_VERSION);
    match node {
        None => missing(checker, root, "apiVersion", &next),
        Some(Node { value: Yaml::Text(text), .. }) if text == kinds::API_VERSION => {}
        Some(node) => {
            let place = checker.place(node);
            let message = "this `apiVersion` is not known to this version of espalier";
            checker.refuse(Diagnostic::new("unknown-version", Severity::Refuse, place, message).next(next));
        }
    }
}

fn kind_of(checker: &mut Checker, root: &Node, node: Option<&Node>) -> Option<Kind> {
    let all = || Kind::ALL.iter().map(|kind| kind.as_str());
    let list = || all().collect::<Vec<_>>().join(", ");
    let Some(node) = node else {
        missing(checker, root, "kind", &format!("write `kind:` with one of {}", list()));
        return None;
    };
    let text = match &node.value {
        Yaml::Text(text) | Yaml::Bare(text) => text.as_ref(),
        _ => "",
    };
    if let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.as_str() == text) {
        return Some(kind);
    }
    let next = match suggest::nearest(text, all()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("write one of {}", list()),
    };
    let place = checker.place(node);
    let message = format!("there is no kind `{}`", shortened(text));
    checker.refuse(Diagnostic::new("unknown-kind", Severity::Refuse, place, message).next(next));
    None
}

fn metadata(
    checker: &mut Checker,
    root: &Node,
    node: Option<&Node>,
    places: &mut Places,
) -> (Option<Name>, BTreeMap<String, String>) {
    let Some(node) = node else {
        missing(checker, root, "metadata", "add `metadata: {name: …}`");
        return (None, BTreeMap::new());
    };
    let object = checker.object(node, &kinds::METADATA, "metadata");
    object.note_places("metadata", places);
    let name = match object.name("name") {
        Field::Set(name) => Some(name),
        Field::Missing | Field::Null => None,
    };
    (name, object.texts("labels").unwrap_or_default())
}

/// Guesses kind and name of a document whose text is no YAML, line by line.
pub fn guess(text: &str) -> (Option<Kind>, Option<Name>) {
    let word = |rest: &str| {
        let rest = rest.trim().trim_matches(['"', '\'']);
        rest.split([',', '}', ' ', '#']).next().unwrap_or_default().to_owned()
    };
    let kind = text.lines().find_map(|line| line.strip_prefix("kind:")).map(word);
    let name = text
        .lines()
        .skip_while(|line| !line.starts_with("metadata:"))
        .find_map(|line| {
            line.split_once("name:").filter(|(before, _)| before.is_empty() || before.ends_with([' ', '{']))
        })
        .map(|(_, rest)| word(rest));
    (
        kind.and_then(|kind| Kind::ALL.into_iter().find(|known| known.as_str() == kind)),
        name.and_then(|name| Name::new(&name).ok()),
    )
}
