//! Checked documents to the nouns of `model::desired`. References stay names here; [`super::resolve`]
//! follows them.

use std::path::{Path, PathBuf};

use super::document::Document;
use super::profile;
use super::serial::Serials;
use super::source::{BesideError, Source};
use super::value::{Object, Read};
use super::{Allow, csv};
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::model::desired::{
    Assignment, Connection, Credential, Desired, Endpoints, Fleet, Gates, Identity, LedgerRef, Limit,
    LimitKind, NamedSerial, Prune, SerialSource, State, Token, TokenSelector,
};
use crate::model::{Field, Kind, Place, SecretRef, Serial, screens};

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
        Kind::Connection => {
            if let Some(connection) = context.connection(document) {
                context.desired.connections.insert(name, connection);
            }
        }
        Kind::EnrollmentToken => {
            if let Some(token) = token(document) {
                context.desired.tokens.insert(name, token);
            }
        }
        Kind::EnrollmentProfile => {
            let profile = profile::lower(document, context);
            context.desired.profiles.insert(name, profile);
        }
        Kind::DeviceAssignment => {
            if let Some(assignment) = context.assignment(document) {
                context.desired.assignments.insert(name, assignment);
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
        places: std::mem::take(&mut document.places),
    }
}

fn token(mut document: Document) -> Option<Token> {
    let identity = identity(&mut document);
    let spec = &document.spec;
    let default_ios = spec.object("defaultProfiles").map_or(Field::Missing, |profiles| profiles.name("ios"));
    Some(Token {
        connection: spec.name("mdm").set().cloned()?,
        scope_tags: spec.text_list("scopeTags").map(|mut tags| {
            tags.sort();
            tags.dedup();
            tags
        }),
        default_ios,
        values: spec.texts("values").unwrap_or_default(),
        prune: match spec.word("prune").set() {
            Some(&"created") => Prune::Created,
            Some(&"all") => Prune::All,
            _ => Prune::Never,
        },
        identity,
    })
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
    fn refuse(&mut self, code: &'static str, place: &Place, message: String, next: impl Into<String>) {
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
    fn path(&mut self, object: &Object, name: &str) -> Option<PathBuf> {
        let path = PathBuf::from(object.text(name).set()?);
        let place = object.items.get(name).map(|item| item.place.clone()).unwrap_or_default();
        self.located(&path, &place)
    }

    fn located(&mut self, path: &Path, place: &Place) -> Option<PathBuf> {
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
        let gates = self.gates(&document);
        let expiry_warning = match spec.items.get("expiryWarning").map(|item| &item.read) {
            Some(Read::Duration(span)) => Some(*span),
            _ => None,
        };
        Fleet {
            name: Some(document.name),
            ledger,
            gates,
            expiry_warning,
            screens: edition,
            places: document.places,
        }
    }

    fn gates(&mut self, document: &Document) -> Gates {
        let mut gates = Gates::default();
        if let Some(Read::Map(limits)) = document.spec.items.get("limits").map(|item| &item.read) {
            for (kind, item) in limits {
                let kind = match kind.as_str() {
                    "create" => LimitKind::Create,
                    "update" => LimitKind::Update,
                    "delete" => LimitKind::Delete,
                    "assign" => LimitKind::Assign,
                    "reassign" => LimitKind::Reassign,
                    _ => continue,
                };
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
        let Some(protected) = document.spec.object("protected") else { return gates };
        let mut serials: Vec<Serial> = serials_of(protected).iter().map(|(serial, _)| *serial).collect();
        if let Some(sheet) = self.csv(protected) {
            serials.extend(sheet.1.iter().map(|(serial, _)| *serial));
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

    fn connection(&mut self, document: Document) -> Option<Connection> {
        let spec = &document.spec;
        let intune = spec.object("intune")?;
        let credential = self.credential(intune.object("credential")?);
        let endpoints = match spec.object("endpoints") {
            Some(endpoints) if !self.allow.endpoints => {
                let message = "`endpoints` sends credentials to other hosts, which the runner does not allow"
                    .to_owned();
                self.refuse(
                    "not-allowed",
                    &endpoints.place,
                    message,
                    "remove it, or let the runner allow it with ESPALIER_ALLOW=endpoints",
                );
                Endpoints::default()
            }
            Some(endpoints) => Endpoints { graph: url(endpoints, "graph"), login: url(endpoints, "login") },
            None => Endpoints::default(),
        };
        let batch = intune.int("assignBatch").set().and_then(|batch| usize::try_from(*batch).ok());
        Some(Connection {
            tenant_id: intune.text("tenantId").set()?.clone(),
            client_id: intune.text("clientId").set()?.clone(),
            credential: credential?,
            assign_batch: batch.unwrap_or(100),
            endpoints,
            places: document.places,
        })
    }

    fn credential(&mut self, credential: &Object) -> Option<Credential> {
        if let Some(Read::Secret(secret)) = credential.items.get("clientSecret").map(|item| &item.read) {
            let place =
                credential.items.get("clientSecret").map(|item| item.place.clone()).unwrap_or_default();
            return self.secret(secret.clone(), &place).map(Credential::ClientSecret);
        }
        self.path(credential, "federatedTokenFile").map(Credential::FederatedTokenFile)
    }

    fn secret(&mut self, secret: SecretRef, place: &Place) -> Option<SecretRef> {
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

    fn assignment(&mut self, mut document: Document) -> Option<Assignment> {
        let spec = &document.spec;
        let devices = spec.object("devices")?;
        let selector = match (spec.name("token"), spec.object("tokens")) {
            (Field::Set(token), _) => Some(TokenSelector::Names(vec![token])),
            (_, Some(tokens)) => tokens.texts("matchLabels").map(TokenSelector::Labels),
            _ => None,
        };
        if !document.broken && !devices.items.contains_key("serials") && !devices.items.contains_key("csv") {
            let message = "`devices` names no devices".to_owned();
            self.refuse(
                "missing-field",
                &devices.place,
                message,
                "add `serials: […]` or `csv: {file, column}`",
            );
        }
        let named = |source| {
            move |(serial, line): &(Serial, u32)| NamedSerial { serial: *serial, line: *line, source }
        };
        let mut list: Vec<NamedSerial> =
            serials_of(devices).iter().map(named(SerialSource::Document)).collect();
        if let Some((file, serials)) = self.csv(devices) {
            list.extend(serials.iter().map(named(SerialSource::Csv)));
            let place = Place { file: file.to_string_lossy().into(), line: 0, column: 0 };
            document.places.fields.insert("devices.csv.$path".to_owned(), place);
        }
        let spec = &document.spec;
        Some(Assignment {
            profile: spec.name("profile").set().cloned()?,
            name: document.name,
            selector,
            tokens: Vec::new(),
            devices: list,
            places: document.places,
        })
    }

    /// Reads the CSV of `devices` or `protected`. A bad one contributes nothing and is noted as
    /// unread, so that its serials count as unknown and not as "named by nobody".
    fn csv(&mut self, object: &Object) -> Option<(PathBuf, Serials)> {
        let csv = object.object("csv")?;
        let written = PathBuf::from(csv.text("file").set()?);
        let place = csv.items.get("file").map(|item| item.place.clone()).unwrap_or_default();
        let (file, bytes) = match self.source.read(&place.file, &written, self.allow) {
            Ok(read) => read,
            Err(error) => {
                self.unreadable(&place, &written, &error);
                self.desired.unread_files.push(written);
                return None;
            }
        };
        let column = csv.text("column").set()?.clone();
        let within = |line| Place { file: file.to_string_lossy().into(), line, column: u32::from(line > 0) };
        match csv::read(&bytes, &column) {
            Ok(sheet) => {
                let name = match sheet.delimiter {
                    '\t' => "tab".to_owned(),
                    other => format!("`{other}`"),
                };
                let message = format!(
                    "{} serial numbers read (delimiter {name}, {})",
                    sheet.serials.len(),
                    sheet.encoding
                );
                self.found.push(Diagnostic::new("csv-read", Severity::Note, within(0), message));
                if sheet.repeated > 0 {
                    let message =
                        format!("{} rows repeat a serial number of the same file (A-1)", sheet.repeated);
                    self.found.push(
                        Diagnostic::by_row("A-1", Severity::Warn, within(0), message)
                            .next("remove the repeated rows"),
                    );
                }
                Some((file, sheet.serials))
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let message = format!("{} (A-1); the file contributes nothing", mistake.message);
                    self.found.push(
                        Diagnostic::by_row("A-1", Severity::Refuse, within(mistake.line), message)
                            .next(mistake.next)
                            .and_at(place.clone()),
                    );
                }
                self.desired.unread_files.push(file);
                None
            }
        }
    }
}

fn serials_of(object: &Object) -> &[(Serial, u32)] {
    match object.items.get("serials").map(|item| &item.read) {
        Some(Read::Serials(serials)) => serials,
        _ => &[],
    }
}

fn url(object: &Object, name: &str) -> Option<url::Url> {
    match object.items.get(name).map(|item| &item.read) {
        Some(Read::Url(url)) => Some(url.clone()),
        _ => None,
    }
}
