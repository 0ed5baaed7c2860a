//! Checked documents to the nouns of `model::desired`. References stay names here; [`super::resolve`]
//! follows them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::assignment::serials_of;
use super::document::Document;
use super::profile;
use super::source::{BesideError, Source};
use super::token;
use super::value::{Item, Object, Read};
use super::{Allow, action, connection};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{
    Acknowledgement, Desired, Fleet, Gates, Identity, LedgerRef, Limit, LimitKind, OnCommit, OnDrift, State,
    Watch,
};
use crate::model::{Field, Kind, Place, SecretRef, Serial, screens};

/// A resync reads everything: more often is the services' own rhythm, not ours.
const LEAST_RESYNC: Duration = Duration::from_secs(60);

/// What lowering needs besides the document.
pub struct Context<'a> {
    /// Where files beside the documents come from.
    pub source: &'a Source<'a>,
    /// What the runner allows.
    pub allow: Allow,
    /// Where findings go.
    pub found: &'a mut Diagnostics,
    /// What was lowered so far.
    pub desired: &'a mut Desired,
}

/// Adds one document to the wishes. What was refused in it counts as missing.
pub fn lower(document: Document, context: &mut Context) {
    let name = document.name.clone();
    match document.kind {
        Kind::Fleet => context.desired.fleet = context.fleet(document),
        Kind::Connection => connection::lower(document, context),
        Kind::EnrollmentToken => {
            if let Some(token) = token::lower(document, context) {
                context.desired.tokens.insert(name, token);
            }
        }
        Kind::EnrollmentProfile => {
            let profile = profile::lower(document, context);
            context.desired.profiles.insert(name, profile);
        }
        Kind::DeviceAssignment => {
            context.assignments(document);
        }
        Kind::DeviceAction => {
            if let Some(action) = action::lower(document, context) {
                context.desired.actions.insert(name, action);
            }
        }
    }
}

/// The shared fields.
pub fn identity(document: &mut Document) -> Identity {
    let spec = &document.spec;
    Identity {
        labels: std::mem::take(&mut document.labels),
        display_name: spec.text("displayName").set().cloned().unwrap_or_else(|| document.name.to_string()),
        id: spec.text("id").set().cloned(),
        formerly: spec.text_list("formerly").set().cloned().unwrap_or_default(),
        state: if spec.word("state").set() == Some(&"absent") { State::Absent } else { State::Present },
        acknowledge: acknowledge(spec),
        places: std::mem::take(&mut document.places),
    }
}

/// `acknowledge`; an entry with a refused field counts as missing.
pub fn acknowledge(spec: &Object) -> Vec<Acknowledgement> {
    let entry = |item: &Item| {
        let Read::Object(object) = &item.read else { return None };
        let until = match object.items.get("until").map(|item| &item.read) {
            Some(Read::Time(until)) => *until,
            _ => return None,
        };
        Some(Acknowledgement {
            rule: object.text("rule").set()?.clone(),
            reason: object.text("reason").set()?.clone(),
            until,
            place: item.place.clone(),
        })
    };
    spec.list("acknowledge").set().copied().unwrap_or_default().iter().filter_map(entry).collect()
}

/// Who else writes at a path of the folder: a ledger there would not last.
fn taken_by(path: &Path) -> Option<&'static str> {
    let mut parts = path.components().map(|part| part.as_os_str().to_string_lossy().to_ascii_lowercase());
    match (parts.next()?.as_str(), parts.next()?.as_str()) {
        (".espalier", "sim") => Some("the simulator keeps its own, which `sim reset` discards"),
        (".espalier", "reads.json") => Some("the cache is, which is replaced at every run"),
        _ => None,
    }
}

impl Context<'_> {
    /// Refuses something.
    pub fn refuse(&mut self, code: &'static str, place: &Place, message: String, next: impl Into<String>) {
        self.found.push(Diagnostic::new(code, Severity::Refuse, place.clone(), message).next(next));
    }

    /// Says why a file beside a document is not read.
    pub fn unreadable(&mut self, place: &Place, path: &Path, error: &BesideError) {
        let next = match error {
            BesideError::Outside => {
                "put the file into the folder, or let the runner allow it with ESPALIER_ALLOW=files"
            }
            BesideError::NotFound => "paths are relative to the document that names them; correct the path",
            _ => "make it a readable file",
        };
        let code = if matches!(error, BesideError::Outside) { "not-allowed" } else { "file" };
        self.refuse(code, place, format!("{} is not read: {error}", path.display()), next);
    }

    /// A path that a document names, relative to the folder.
    pub fn path(&mut self, object: &Object, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(object.text(name).set()?);
        let place = object.items.get(name).map(|item| item.place.clone()).unwrap_or_default();
        self.located(&path, &place)
    }

    /// The same of a path that stands at a place.
    pub fn located(&mut self, path: &Path, place: &Place) -> Option<PathBuf> {
        match self.source.locate(&place.file, path, self.allow) {
            Ok(path) => Some(path),
            Err(error) => {
                self.unreadable(place, path, &error);
                None
            }
        }
    }

    fn fleet(&mut self, document: Document) -> Fleet {
        let spec = &document.spec;
        let ledger = spec.object("ledger").and_then(|ledger| {
            let id = match ledger.items.get("id").map(|item| &item.read) {
                Some(Read::Uuid(id)) => *id,
                _ => return None,
            };
            let sqlite = ledger.object("sqlite")?;
            let path = self.path(sqlite, "path")?;
            if let Some(whose) = taken_by(&path) {
                let place = sqlite.items.get("path").map(|item| item.place.clone()).unwrap_or_default();
                let message = format!("`ledger.sqlite.path` lies where {whose}");
                self.refuse("bad-value", &place, message, "keep it at `.espalier/ledger.db`");
                return None;
            }
            Some(LedgerRef { id, sqlite: path })
        });
        let edition = spec.text("screens").set().cloned();
        if let Some(edition) = &edition
            && !screens::EDITIONS.contains(&edition.as_str())
        {
            let message = format!("the catalogue edition {edition:?} is not known (P-25)");
            let next = format!("known editions: {}", screens::EDITIONS.join(", "));
            self.found.push(
                Diagnostic::by_row("P-25", Severity::Refuse, document.places.at("screens").clone(), message)
                    .next(next),
            );
        }
        let gates = self.gates(&document.spec, Gates::default());
        let acknowledge = acknowledge(&document.spec);
        let expiry_warning = match spec.items.get("expiryWarning").map(|item| &item.read) {
            Some(Read::Duration(span)) => Some(*span),
            _ => None,
        };
        let watch = self.watch(&document);
        let escrow = self.escrow(&document.spec);
        Fleet {
            name: Some(document.name),
            ledger,
            gates,
            escrow,
            expiry_warning,
            screens: edition,
            acknowledge,
            watch,
            places: document.places,
        }
    }

    fn watch(&mut self, document: &Document) -> Watch {
        let mut watch = Watch::default();
        let Some(written) = document.spec.object("watch") else { return watch };
        if written.word("onCommit").set() == Some(&"apply") {
            watch.on_commit = OnCommit::Apply;
        }
        watch.actions = written.word("actions").set() == Some(&"approved");
        if written.word("onDrift").set() == Some(&"heal") {
            watch.on_drift = OnDrift::Heal;
        }
        if let Some(item) = written.items.get("resync")
            && let Read::Duration(span) = item.read
        {
            if span < LEAST_RESYNC {
                let message = "`watch.resync` is shorter than a minute".to_owned();
                let next = "write 1m or more: each resync reads every list of every token";
                self.refuse("bad-value", &item.place, message, next);
            } else {
                watch.resync = span;
            }
        }
        watch
    }

    /// `limits`, `approvals`, `windows` and `protected` of an object, over what is in force without them.
    pub fn gates(&mut self, object: &Object, mut gates: Gates) -> Gates {
        if let Some(Read::Map(limits)) = object.items.get("limits").map(|item| &item.read) {
            for (kind, item) in limits {
                let Some(kind) = LimitKind::from_word(kind) else { continue };
                if let Read::Object(limit) = &item.read {
                    // A kind that is written is written whole: the figure left out is unbounded.
                    let figure = |name| limit.int(name).set().copied();
                    let percent = figure("percent").and_then(|percent| u32::try_from(percent).ok());
                    let count = figure("count").and_then(|count| u64::try_from(count).ok());
                    if limit.items.is_empty() {
                        let message = "a limit without `percent` and `count` bounds nothing".to_owned();
                        self.refuse("bad-value", &item.place, message, "write at least one of the two");
                    }
                    gates.limits.insert(kind, Limit { percent, count });
                }
            }
        }
        gates.approvals = self.approvals(object);
        gates.windows.extend(Some(self.windows(object)).filter(|windows| !windows.is_empty()));
        let Some(protected) = object.object("protected") else { return gates };
        let mut serials: Vec<Serial> = serials_of(protected).iter().map(|(serial, _)| *serial).collect();
        if let Some(file) = self.csv(protected) {
            serials.extend(file.sheet.serials.iter().map(|(serial, _)| *serial));
        }
        serials.sort_unstable();
        serials.dedup();
        gates.protected_serials = serials;
        if let Field::Set(items) = protected.list("tokens") {
            let name = |item: &super::value::Item| match &item.read {
                Read::Name(name) => Some(name.clone()),
                _ => None,
            };
            gates.protected_tokens = items.iter().filter_map(name).collect();
            gates.protected_tokens.sort();
            gates.protected_tokens.dedup();
        }
        gates
    }

    /// A reference to a secret, if the runner allows its way.
    pub fn secret(&mut self, secret: SecretRef, place: &Place) -> Option<SecretRef> {
        match secret {
            SecretRef::File(path) => self.located(&path, place).map(SecretRef::File),
            SecretRef::Sops { path, key } => {
                self.located(&path, place).map(|path| SecretRef::Sops { path, key })
            }
            SecretRef::Exec(_) if !self.allow.exec => {
                let message =
                    "a secret comes from a program (`exec`), which the runner does not allow".to_owned();
                let next =
                    "refer to {env: NAME} instead, or let the runner allow it with ESPALIER_ALLOW=exec";
                self.refuse("not-allowed", place, message, next);
                None
            }
            secret => Some(secret),
        }
    }
}
