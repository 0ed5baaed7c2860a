//! Diagnostics: findings about the user's files and fleet, as data. PURE.
//!
//! They are collected, sorted by place, deduplicated, and shown by `cli` in every format.

pub mod codes;
pub mod words;

use serde::Serialize;

use crate::model::Name;
pub use crate::model::place::Place;

/// How grave a finding is; the words of requirements.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Severity {
    /// Nothing is sent for the tokens concerned, or for the folder.
    Refuse,
    /// Shown in every format, never a failure.
    Warn,
    /// An explanation.
    Note,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Diagnostic {
    /// The stable code, e.g. `unknown-field`; or the row for a rule, e.g. `P-14`.
    pub code: &'static str,
    /// The requirement row that is served, e.g. `P-14`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<&'static str>,
    /// How grave.
    pub severity: Severity,
    /// What is wrong and why, in one or two sentences.
    pub message: String,
    /// What to do next.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub next: String,
    /// Where.
    pub place: Place,
    /// Further places: the other document of a conflict.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<Place>,
    /// The tokens that a refusal stops; empty: the whole folder.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<Name>,
}

impl Diagnostic {
    /// A finding without a row.
    pub fn new(code: &'static str, severity: Severity, place: Place, message: impl Into<String>) -> Self {
        Self {
            code,
            rule: None,
            severity,
            message: message.into(),
            next: String::new(),
            place,
            also: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// A finding by a requirement row; its code is the row.
    pub fn by_row(row: &'static str, severity: Severity, place: Place, message: impl Into<String>) -> Self {
        Self { rule: Some(row), ..Self::new(row, severity, place, message) }
    }

    /// Says what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = next.into();
        self
    }

    /// Names a further place.
    #[must_use]
    pub fn and_at(mut self, place: Place) -> Self {
        self.also.push(place);
        self
    }

    /// Whether it is about the folder as a whole, or about one of the tokens that `is_meant` picks.
    pub fn concerns(&self, is_meant: impl Fn(&Name) -> bool) -> bool {
        self.tokens.is_empty() || self.tokens.iter().any(is_meant)
    }

    /// Confines a refusal to these tokens.
    #[must_use]
    pub fn for_tokens(mut self, tokens: impl IntoIterator<Item = Name>) -> Self {
        self.tokens.extend(tokens);
        self
    }
}

impl From<Vec<Diagnostic>> for Diagnostics {
    fn from(findings: Vec<Diagnostic>) -> Self {
        Self(findings)
    }
}

/// A collection of findings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// Adds one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    /// Adds all of another collection.
    pub fn extend(&mut self, other: Diagnostics) {
        self.0.extend(other.0);
    }

    /// All findings, sorted by place, then gravity; equal ones once.
    pub fn sorted(mut self) -> Vec<Diagnostic> {
        self.0.sort_by(|a, b| {
            (&a.place, a.severity, a.code, &a.message).cmp(&(&b.place, b.severity, b.code, &b.message))
        });
        self.0.dedup();
        self.0
    }

    /// The findings in the order of their making.
    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.0.iter()
    }

    /// The findings themselves, in the order of their making.
    pub fn into_vec(self) -> Vec<Diagnostic> {
        self.0
    }

    /// Whether any finding stops the whole folder.
    pub fn stop_the_folder(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Refuse && d.tokens.is_empty())
    }

    /// Whether any finding refuses anything.
    pub fn refuse(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Refuse)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}
