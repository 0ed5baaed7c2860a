//! `acknowledge`: known warnings and grandfathered findings, folded until their date.
//!
//! A document's acknowledgements are for its own findings, the Fleet's for all, a Connection's for
//! those of its tokens and of what is on them. A finding belongs to the document in whose text, or
//! in whose CSV file, its place lies.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Needs, catalogue};
use crate::diag::{Diagnostic, Diagnostics, Severity, codes};
use crate::model::clock::Timestamp;
use crate::model::desired::{Acknowledgement, Desired, Places};
use crate::model::{Kind, Name, Place};

/// The code of what is said about acknowledgements themselves.
const CODE: &str = "acknowledgement";

/// An acknowledgement in force that folded something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Acknowledged {
    /// The requirement row or code.
    pub rule: String,
    /// Why it is accepted.
    pub reason: String,
    /// Until when.
    #[schemars(with = "String")]
    pub until: Timestamp,
    /// file:line:column of the acknowledgement.
    pub place: String,
    /// How many findings it folded.
    pub findings: u64,
}

/// What became of an acknowledgement.
struct Entry<'a> {
    given: &'a Acknowledgement,
    folded: u64,
    /// It would have folded something, had it not ended.
    ended: bool,
    /// It names something that refuses.
    refusal: bool,
}

/// Folds findings, one after the other.
pub struct Folding<'a> {
    now: Timestamp,
    desired: &'a Desired,
    entries: Vec<Entry<'a>>,
    fleet: Vec<usize>,
    by_document: BTreeMap<(Kind, &'a Name), Vec<usize>>,
    /// Where each document begins, by file and line.
    starts: BTreeMap<(&'a str, u32), (Kind, &'a Name)>,
    /// The documents whose CSV file this is.
    files: BTreeMap<&'a str, (Kind, &'a Name)>,
}

impl<'a> Folding<'a> {
    /// Gathers the acknowledgements of all documents.
    pub fn of(desired: &'a Desired, now: Timestamp) -> Self {
        let mut folding = Self {
            now,
            desired,
            entries: Vec::new(),
            fleet: Vec::new(),
            by_document: BTreeMap::new(),
            starts: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        folding.fleet = folding.take_in(&desired.fleet.acknowledge);
        for (name, one) in &desired.connections {
            folding.document(Kind::Connection, name, &one.acknowledge, &one.places);
        }
        for (name, one) in &desired.organisations {
            folding.document(Kind::Connection, name, &one.acknowledge, &one.places);
        }
        for (name, one) in &desired.tokens {
            let (given, places) = (&one.identity.acknowledge, &one.identity.places);
            folding.document(Kind::EnrollmentToken, name, given, places);
        }
        for (name, one) in &desired.profiles {
            let (given, places) = (&one.identity.acknowledge, &one.identity.places);
            folding.document(Kind::EnrollmentProfile, name, given, places);
        }
        let assignments = desired.assignments.iter().map(|one| (&one.name, &one.acknowledge, &one.places));
        let selections = desired.selections.iter().map(|one| (&one.name, &one.acknowledge, &one.places));
        let routes = desired.routes.iter().map(|one| (&one.name, &one.acknowledge, &one.places));
        let mut seen = BTreeSet::new();
        for (name, given, places) in assignments.chain(selections).chain(routes) {
            // One document may be several wishes.
            if seen.insert(name) {
                folding.document(Kind::DeviceAssignment, name, given, places);
            }
            if let Some(place) = places.fields.get("devices.csv.$path") {
                folding.files.insert(&place.file, (Kind::DeviceAssignment, name));
            }
        }
        for (name, one) in &desired.actions {
            folding.document(Kind::DeviceAction, name, &one.acknowledge, &one.places);
        }
        if let Some(name) = &desired.fleet.name {
            let place = &desired.fleet.places.document;
            folding.starts.insert((&place.file, place.line), (Kind::Fleet, name));
        }
        folding
    }

    fn document(&mut self, kind: Kind, name: &'a Name, given: &'a [Acknowledgement], places: &'a Places) {
        self.starts.insert((&places.document.file, places.document.line), (kind, name));
        let entries = self.take_in(given);
        if !entries.is_empty() {
            self.by_document.insert((kind, name), entries);
        }
    }

    fn take_in(&mut self, given: &'a [Acknowledgement]) -> Vec<usize> {
        let from = self.entries.len();
        let entry = |given| Entry { given, folded: 0, ended: false, refusal: false };
        self.entries.extend(given.iter().map(entry));
        (from..self.entries.len()).collect()
    }

    fn owner(&self, place: &Place) -> Option<(Kind, &'a Name)> {
        if let Some(owner) = self.files.get(&*place.file) {
            return Some(*owner);
        }
        let (start, owner) = self.starts.range(..=(&*place.file, place.line)).next_back()?;
        (start.0 == &*place.file).then_some(*owner)
    }

    /// The acknowledgements of a document, and the Fleet's.
    fn near(&self, document: Option<(Kind, &Name)>) -> Vec<usize> {
        let own = document.and_then(|(kind, name)| self.by_document.get(&(kind, name)));
        own.into_iter().flatten().chain(&self.fleet).copied().collect()
    }

    /// The acknowledgements of the connections of a token: that of its holder, and that of its service.
    fn connections(&self, token: &Name) -> Vec<usize> {
        let Some(token) = self.desired.tokens.get(token) else { return Vec::new() };
        let at_apple = token.apple.as_ref().map(|apple| &apple.connection);
        let of = |connection| self.by_document.get(&(Kind::Connection, connection));
        token.realm.connection().into_iter().chain(at_apple).filter_map(of).flatten().copied().collect()
    }

    /// The first of these acknowledgements that is in force for a finding. Those that have ended are
    /// noted.
    fn in_force(&mut self, among: Vec<usize>, called: [&str; 2]) -> Option<usize> {
        let now = self.now;
        let mut found = None;
        for at in among {
            let entry = &mut self.entries[at];
            if called.contains(&entry.given.rule.as_str()) {
                if entry.given.until > now {
                    found = found.or(Some(at));
                } else {
                    entry.ended = true;
                }
            }
        }
        found
    }

    /// Takes a finding: nothing, where it is folded; with fewer tokens, where it is for some.
    pub fn take(&mut self, mut finding: Diagnostic) -> Option<Diagnostic> {
        if self.entries.is_empty() || finding.code == CODE {
            return Some(finding);
        }
        let called = [finding.code, finding.rule.unwrap_or(finding.code)];
        let owner = self.owner(&finding.place);
        let mut near = self.near(owner);
        match owner {
            Some((Kind::EnrollmentToken, name)) => near.extend(self.connections(name)),
            _ => {
                if finding.severity == Severity::Refuse {
                    let far: Vec<usize> =
                        finding.tokens.iter().flat_map(|token| self.connections(token)).collect();
                    near.extend(far);
                }
            }
        }
        if finding.severity == Severity::Refuse {
            for at in near {
                let entry = &mut self.entries[at];
                entry.refusal |= called.contains(&entry.given.rule.as_str());
            }
            return Some(finding);
        }
        if let Some(at) = self.in_force(near, called) {
            self.entries[at].folded += 1;
            return None;
        }
        let mut by = None;
        let tokens = std::mem::take(&mut finding.tokens);
        let before = tokens.len();
        for token in tokens {
            let far = self.connections(&token);
            match self.in_force(far, called) {
                Some(at) => by = by.or(Some(at)),
                None => finding.tokens.push(token),
            }
        }
        if let Some(at) = by {
            self.entries[at].folded += 1;
        }
        (before == 0 || !finding.tokens.is_empty()).then_some(finding)
    }

    /// Whether a grandfathered finding of a document on a token is folded.
    pub fn folds(&mut self, rule: &str, document: (Kind, &Name), token: Option<&Name>) -> bool {
        let mut among = self.near(Some(document));
        among.extend(token.map(|token| self.connections(token)).unwrap_or_default());
        let found = self.in_force(among, [rule, rule]);
        if let Some(at) = found {
            self.entries[at].folded += 1;
        }
        found.is_some()
    }

    /// What was folded, and what there is to say about the acknowledgements themselves. `is_settled`
    /// tells whether everything that a rule could have found was looked at.
    pub fn finish(self, is_settled: impl Fn(&str) -> bool) -> (Vec<Acknowledged>, Vec<Diagnostic>) {
        let (mut folded, mut said) = (Vec::new(), Vec::new());
        for Entry { given, folded: findings, ended, refusal } in self.entries {
            let Acknowledgement { rule, reason, until, place } = given;
            let day = last_day(*until);
            let mut say = |severity, message: String, next: &str| {
                said.push(Diagnostic::new(CODE, severity, place.clone(), message).next(next));
            };
            if findings > 0 {
                let (rule, reason) = (rule.clone(), reason.clone());
                let place = place.to_string();
                folded.push(Acknowledged { rule, reason, until: *until, place, findings });
            }
            if refusal {
                let message = format!("{rule} refuses something here: a refusal cannot be acknowledged");
                say(Severity::Warn, message, "correct what is refused; the acknowledgement has no effect");
            } else if ended {
                let message =
                    format!("the acknowledgement of {rule} ended on {day} ({reason}); it is told again");
                say(Severity::Note, message, "correct what it is about, or give it a later date");
            } else if findings == 0 && is_settled(rule) {
                let message = format!("the acknowledgement of {rule} folds nothing");
                say(Severity::Note, message, "remove it, if the matter is settled");
            }
        }
        (folded, said)
    }
}

/// Whether documents alone tell everything that could be folded under this name: nothing live warns
/// under it, and nothing of it can be grandfathered.
fn is_of_documents(rule: &str) -> bool {
    catalogue()
        .filter(|entry| entry.row == rule)
        .all(|entry| entry.severity != Severity::Refuse && !matches!(entry.needs, Needs::Live(_)))
        && codes::CODES.iter().all(|code| code.code != rule || code.severity != Severity::Refuse)
}

/// Folds the findings over documents, for who sees nothing else: what is folded is counted by a
/// note.
pub fn fold_documents(findings: Diagnostics, desired: &Desired, now: Timestamp) -> Diagnostics {
    let mut folding = Folding::of(desired, now);
    let mut kept: Vec<Diagnostic> =
        findings.into_vec().into_iter().filter_map(|finding| folding.take(finding)).collect();
    let (folded, said) = folding.finish(is_of_documents);
    kept.extend(said);
    if let Some(message) = counted(&folded) {
        let place = desired.fleet.places.document.clone();
        kept.push(Diagnostic::new(CODE, Severity::Note, place, message).next("nothing until then"));
    }
    kept.into()
}

/// `2 acknowledged, next until 2027-01-31 (P-6, P-9)`; nothing for none.
pub fn counted(folded: &[Acknowledged]) -> Option<String> {
    let next = folded.iter().map(|one| one.until).min()?;
    let count: u64 = folded.iter().map(|one| one.findings).sum();
    let mut rules: Vec<&str> = folded.iter().map(|one| one.rule.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    Some(format!("{count} acknowledged, next until {} ({})", last_day(next), rules.join(", ")))
}

/// The day on which something is in force for the last time: a date in a document means its end,
/// which is the beginning of the next one.
fn last_day(until: Timestamp) -> String {
    let last = until.checked_sub(std::time::Duration::from_nanos(1)).unwrap_or(until);
    last.strftime("%Y-%m-%d").to_string()
}
