//! Documents: text to [`Desired`]. Imports `model` and `diag` only.
//!
//! ```text
//! source ── text ──> yaml ── nodes ──> check (tables in kinds) ── checked values ──> lower ──> resolve
//! ```
//!
//! Every room collects findings and goes on: one run tells everything that is wrong. A document
//! with a refused part contributes nothing, the others are still checked against each other.

mod acknowledge;
mod action;
mod apple;
mod approvals;
mod assignment;
mod certificate;
mod check;
mod conflict;
mod connection;
mod csv;
mod document;
pub mod edit;
mod escrow;
pub mod export;
pub mod kinds;
mod lower;
mod profile;
mod resolve;
mod schema;
pub mod secrets;
mod serial;
pub mod shape;
mod sides;
mod source;
pub(crate) mod suggest;
mod token;
mod value;
mod windows;
mod yaml;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{Desired, Fleet, RouteTo};
use crate::model::{Kind, Name, Place};
pub use action::options_of;
use document::Document;
pub use schema::{schema, schema_all};
pub use secrets::SecretError;
use source::Source;
pub use source::{BesideError, LoadError, Sources, beside};
pub(crate) use suggest::nearest;

/// What the runner allows documents to do (`ESPALIER_ALLOW=exec,files,endpoints`); a document
/// cannot allow it to itself. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Secrets from programs.
    pub exec: bool,
    /// Files outside the documents' folder, links included.
    pub files: bool,
    /// Other hosts for the services.
    pub endpoints: bool,
}

/// A word of `ESPALIER_ALLOW` that means nothing.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is nothing that can be allowed: ESPALIER_ALLOW takes exec, files and endpoints, parted by commas"
)]
pub struct UnknownAllowance(String);

impl std::str::FromStr for Allow {
    type Err = UnknownAllowance;

    /// Reads the value of `ESPALIER_ALLOW`; the empty text allows nothing.
    fn from_str(text: &str) -> Result<Self, UnknownAllowance> {
        let mut allow = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match word {
                "exec" => allow.exec = true,
                "files" => allow.files = true,
                "endpoints" => allow.endpoints = true,
                other => return Err(UnknownAllowance(other.to_owned())),
            }
        }
        Ok(allow)
    }
}

/// What was made of a folder.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The wishes of all documents that are in order.
    pub desired: Desired,
    /// The documents of which something was refused, as far as they could be read. Nothing may be
    /// built on them; judging them too ([`crate::rules::check_documents`]) tells all mistakes of a
    /// document at once.
    pub doubtful: Desired,
    /// Every finding. Rules over documents are apart: [`crate::rules::check_documents`].
    pub diagnostics: Diagnostics,
    /// How many documents there are, broken ones included. Zero: the caller refuses.
    pub documents: usize,
    /// The texts, for snippets.
    pub sources: Sources,
}

/// Reads a folder and everything below it.
///
/// # Errors
///
/// Only where the folder, or something within it, cannot be read at all: what it wishes is then
/// unknown, not empty. Everything else is a diagnostic.
pub fn load(folder: &Path, allow: Allow) -> Result<Loaded, LoadError> {
    let source = Source::folder(folder)?;
    let files = source.documents(allow)?;
    Ok(load_files(&source, files, allow))
}

/// Reads documents from memory: pairs of path and text. CSV files and certificates are found
/// among the pairs too. Nothing is allowed.
pub fn load_text(files: &[(&str, &str)]) -> Loaded {
    let source = Source::Memory(files);
    // Memory has nothing that could fail to be listed.
    let documents = source.documents(Allow::default()).unwrap_or_default();
    load_files(&source, documents, Allow::default())
}

fn load_files(source: &Source, files: Vec<source::File>, allow: Allow) -> Loaded {
    let mut reader = Reader::default();
    for (path, bytes) in files {
        reader.file(path, bytes);
    }
    reader.names_are_unique();
    reader.one_fleet();
    let Reader { mut loaded, mut documents, seen, .. } = reader;
    // What a CSV says of profiles is compared with those that there are.
    documents.sort_by_key(|document| document.kind == Kind::DeviceAssignment);
    let mut broken = BTreeSet::new();
    for document in documents {
        let key = (document.kind, document.name.clone());
        let mut context =
            lower::Context { source, allow, found: &mut loaded.diagnostics, desired: &mut loaded.desired };
        let was_broken = document.broken;
        let told = context.found.len();
        let is_act = document.kind == Kind::DeviceAction;
        lower::lower(document, &mut context);
        // What is done to devices is read whole or not at all.
        let is_refused =
            is_act && loaded.diagnostics.iter().skip(told).any(|found| found.severity == Severity::Refuse);
        if was_broken || is_refused {
            broken.insert(key);
        }
    }
    let present = seen.into_iter().map(|(kind, name, _)| (kind, name)).collect();
    resolve::resolve(&mut loaded.desired, &present, &broken, &mut loaded.diagnostics);
    conflict::check(&loaded.desired, &mut loaded.diagnostics);
    acknowledge::check(&loaded.desired, &mut loaded.diagnostics);
    loaded.doubtful = set_apart(&mut loaded.desired, &broken);
    loaded
}

/// Takes broken documents out of the wishes, and everything that others build on them.
fn set_apart(desired: &mut Desired, broken: &BTreeSet<(Kind, Name)>) -> Desired {
    fn take<T>(all: &mut BTreeMap<Name, T>, is_broken: impl Fn(&Name) -> bool) -> BTreeMap<Name, T> {
        all.extract_if(.., |name, _| is_broken(name)).collect()
    }
    let of = |kind| move |name: &Name| broken.contains(&(kind, name.clone()));
    if desired.fleet.name.as_ref().is_some_and(of(Kind::Fleet)) {
        desired.fleet = Fleet::default();
    }
    let is_token = of(Kind::EnrollmentToken);
    let is_assignment = of(Kind::DeviceAssignment);
    let doubtful = Desired {
        connections: take(&mut desired.connections, of(Kind::Connection)),
        organisations: take(&mut desired.organisations, of(Kind::Connection)),
        tokens: take(&mut desired.tokens, is_token),
        profiles: take(&mut desired.profiles, of(Kind::EnrollmentProfile)),
        assignments: desired.assignments.extract_if(.., |one| is_assignment(&one.name)).collect(),
        selections: desired.selections.extract_if(.., |one| is_assignment(&one.name)).collect(),
        routes: desired.routes.extract_if(.., |one| is_assignment(&one.name)).collect(),
        actions: take(&mut desired.actions, of(Kind::DeviceAction)),
        ..Desired::default()
    };
    for profile in desired.profiles.values_mut() {
        profile.tokens.retain(|token| !is_token(token));
        profile.wished.retain(|token, _| !is_token(token));
        profile.created.retain(|token, _| !is_token(token));
    }
    for assignment in &mut desired.assignments {
        assignment.tokens.retain(|token| !is_token(token));
    }
    for selection in &mut desired.selections {
        selection.tokens.retain(|token| !is_token(token));
    }
    desired.routes.retain(|route| !matches!(&route.to, RouteTo::Token(token) if is_token(token)));
    doubtful
}

/// Reads file after file.
#[derive(Default)]
struct Reader {
    loaded: Loaded,
    documents: Vec<Document>,
    /// Kind, name and place of everything that has them, broken documents included.
    seen: Vec<(Kind, Name, Place)>,
    /// Documents that may be a Fleet without a name to be read.
    maybe_fleets: usize,
}

impl Reader {
    fn refuse(&mut self, code: &'static str, place: Place, message: String, next: &str) {
        self.loaded.diagnostics.push(Diagnostic::new(code, Severity::Refuse, place, message).next(next));
    }

    fn file(&mut self, path: Arc<str>, bytes: Vec<u8>) {
        let at = |line| Place { file: path.clone(), line, column: u32::from(line > 0) };
        if bytes.len() > yaml::MAX_BYTES {
            let message = format!("the file is larger than {} MiB", yaml::MAX_BYTES / 1024 / 1024);
            self.loaded.documents += 1;
            self.maybe_fleets += 1;
            return self.refuse(
                "yaml-limit",
                at(0),
                message,
                "split it; long lists of serial numbers fit into a CSV file",
            );
        }
        let text: Arc<str> = match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(error) => {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
                let message = "the file is not UTF-8 text".to_owned();
                self.loaded.documents += 1;
                self.maybe_fleets += 1;
                return self.refuse(
                    "not-utf8",
                    at(u32::try_from(line).unwrap_or(0)),
                    message,
                    "save it as UTF-8",
                );
            }
        };
        self.loaded.sources.insert(path.clone(), text.clone());
        let pieces = yaml::split(&text);
        self.loaded.documents += pieces.len();
        if pieces.len() > yaml::MAX_DOCUMENTS {
            let message = format!("the file holds more than {} documents", yaml::MAX_DOCUMENTS);
            return self.refuse("yaml-limit", at(0), message, "split it into several files");
        }
        let allowance = yaml::Allowance::default();
        for piece in &pieces {
            self.piece(piece, &path, &allowance);
        }
    }

    fn piece(&mut self, piece: &yaml::Piece, path: &Arc<str>, allowance: &yaml::Allowance) {
        let (kind, name) = match yaml::parse(piece, allowance) {
            Ok(root) => {
                let outcome = document::check(&root, path, &mut self.loaded.diagnostics);
                self.documents.extend(outcome.document);
                outcome.identity
            }
            Err(fault) => {
                let place = Place { file: path.clone(), line: fault.line, column: fault.column };
                self.refuse(fault.code, place, fault.message, fault.next);
                let (kind, name) = document::guess(piece.text);
                let place = Place { file: path.clone(), line: piece.line, column: 1 };
                (kind, name.map(|name| (name, place)))
            }
        };
        match (kind, name) {
            (Some(kind), Some((name, place))) => self.seen.push((kind, name, place)),
            (None | Some(Kind::Fleet), _) => self.maybe_fleets += 1,
            (Some(_), None) => {}
        }
    }

    /// Refuses names that a kind has twice. Neither document contributes: which one is meant is
    /// unknown.
    fn names_are_unique(&mut self) {
        let mut places: BTreeMap<(Kind, &Name), Vec<&Place>> = BTreeMap::new();
        for (kind, name, place) in &self.seen {
            places.entry((*kind, name)).or_default().push(place);
        }
        let twice: Vec<(Kind, Name, Vec<Place>)> = places
            .into_iter()
            .filter(|(_, places)| places.len() > 1)
            .map(|((kind, name), places)| (kind, name.clone(), places.into_iter().cloned().collect()))
            .collect();
        let meant: BTreeSet<(Kind, &Name)> = twice.iter().map(|(kind, name, _)| (*kind, name)).collect();
        self.documents.retain(|document| !meant.contains(&(document.kind, &document.name)));
        for (kind, name, places) in twice {
            let message = format!("the {kind} `{name}` is described {} times", places.len());
            let mut places = places.into_iter();
            let first = places.next().unwrap_or_default();
            let mut diagnostic =
                Diagnostic::new("same-name", Severity::Refuse, places.next().unwrap_or_default(), message)
                    .next("names are unique per kind: rename one, or remove it")
                    .and_at(first);
            diagnostic.also.extend(places);
            self.loaded.diagnostics.push(diagnostic);
        }
    }

    fn one_fleet(&mut self) {
        let mut fleets: Vec<(&Name, &Place)> = self
            .seen
            .iter()
            .filter(|(kind, ..)| *kind == Kind::Fleet)
            .map(|(_, name, place)| (name, place))
            .collect();
        let any = !fleets.is_empty() || self.maybe_fleets > 0;
        // The same name twice is told already.
        fleets.dedup_by_key(|(name, _)| *name);
        if fleets.len() > 1 {
            let places: Vec<Place> = fleets.into_iter().map(|(_, place)| place.clone()).collect();
            let message = format!("there are {} Fleet documents, but a folder has exactly one", places.len());
            let mut diagnostic = Diagnostic::new("two-fleets", Severity::Refuse, places[1].clone(), message)
                .next("keep one of them")
                .and_at(places[0].clone());
            diagnostic.also.extend(places.into_iter().skip(2));
            self.loaded.diagnostics.push(diagnostic);
            self.documents.retain(|document| document.kind != Kind::Fleet);
        } else if !any && self.loaded.documents > 0 {
            let message = "no document is a Fleet, but a folder has exactly one".to_owned();
            self.refuse(
                "no-fleet",
                Place::default(),
                message,
                "run `espalier init` for a starter folder, or add a Fleet document with its ledger",
            );
        }
    }
}
