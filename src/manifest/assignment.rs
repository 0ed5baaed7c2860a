//! `DeviceAssignment` documents to [`Assignment`]s, [`Selection`]s and [`Route`]s, and CSV files of any
//! kind.

mod form;

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::apple;
use super::csv::{self, Sheet, Wanted};
use super::document::Document;
use super::lower::Context;
use super::serial::Serials;
use super::value::{Item, Object, Read};
use crate::diag::{Diagnostic, Severity};
use crate::model::desired::{
    Assignment, Chosen, Desired, FamilyProfiles, NamedSerial, Route, RouteTo, Selection, SerialSource,
    TokenSelector, Where,
};
use crate::model::{Name, Place, Serial};

/// A CSV file that was read: where it lies in the folder, and what is in it.
pub struct File {
    /// The path within the folder.
    pub path: PathBuf,
    /// Its rows.
    pub sheet: Sheet,
}

impl File {
    fn place(&self, line: u32) -> Place {
        Place { file: self.path.to_string_lossy().into(), line, column: u32::from(line > 0) }
    }
}

/// What a document wishes of its devices.
struct Wishes {
    selector: Option<TokenSelector>,
    /// `token`
    token: Option<Name>,
    unassign: bool,
    profile: Option<Name>,
    profiles: Option<FamilyProfiles>,
    /// Whether it names devices outright.
    names_devices: bool,
    condition: Option<Where>,
    /// Whether `moveBy` stands there.
    moves_by: bool,
    /// Whether a column of its CSV names profiles.
    by_column: bool,
}

impl Wishes {
    fn of(spec: &Object, devices: &Object) -> Self {
        let token = spec.name("token").set().cloned();
        let selector = match (&token, spec.object("tokens")) {
            (Some(token), _) => Some(TokenSelector::Names(vec![token.clone()])),
            (_, Some(tokens)) => tokens.texts("matchLabels").map(TokenSelector::Labels),
            _ => None,
        };
        Self {
            selector,
            token,
            unassign: spec.bool("unassign").set() == Some(&true),
            profile: spec.name("profile").set().cloned(),
            profiles: apple::profiles(spec),
            names_devices: devices.items.contains_key("serials") || devices.items.contains_key("csv"),
            condition: apple::condition(devices),
            moves_by: spec.items.contains_key("moveBy"),
            by_column: form::by_column(devices),
        }
    }

    /// Where its devices shall be at Apple. Kept for a token without `apple` too where nothing else of
    /// the document would tell that nothing moves.
    fn route(&self, desired: &Desired) -> Option<RouteTo> {
        if self.unassign {
            return Some(RouteTo::Nowhere);
        }
        let token = self.token.as_ref()?;
        let gives_profiles = self.profile.is_some() || self.profiles.is_some() || self.by_column;
        let has_service = desired.tokens.get(token).is_some_and(|token| token.apple.is_some());
        (has_service || !gives_profiles || self.moves_by).then(|| RouteTo::Token(token.clone()))
    }

    /// The profiles of what only Apple's side can pick or tell apart.
    fn selection(&self) -> Option<FamilyProfiles> {
        match (&self.profiles, &self.condition, &self.profile) {
            (Some(profiles), _, _) => Some(profiles.clone()),
            (None, Some(_), Some(profile)) => Some(FamilyProfiles::all_of(profile)),
            _ => None,
        }
    }
}

/// All serials that a document names, in the order of their writing.
fn listed(devices: &Object, sheet: Option<&Sheet>) -> Vec<NamedSerial> {
    let written = serials_of(devices);
    let rows = sheet.map_or(&[][..], |sheet| sheet.serials.as_slice());
    let mut all = Vec::with_capacity(written.len() + rows.len());
    all.extend(written.iter().map(|row| named(row, SerialSource::Document)));
    all.extend(rows.iter().map(|row| named(row, SerialSource::Csv)));
    all
}

impl Context<'_> {
    /// Adds what a document wishes of its devices: assignments (one, or one for each profile that its
    /// CSV names), what only Apple's side can pick, and where devices shall be.
    pub fn assignments(&mut self, mut document: Document) {
        let Some(devices) = document.spec.object("devices") else { return };
        if !document.broken {
            form::check(&document, devices, self);
        }
        let wishes = Wishes::of(&document.spec, devices);
        let route = wishes.route(self.desired);
        let acknowledge = super::lower::acknowledge(&document.spec);
        let file = self.csv(devices);
        let mut by_profile: BTreeMap<Name, Vec<NamedSerial>> = BTreeMap::new();
        let mut first_lines: BTreeMap<Name, u32> = BTreeMap::new();
        if let Some(profile) = &wishes.profile
            && (wishes.names_devices || wishes.condition.is_none())
        {
            // There even without a device, so that its references are followed.
            by_profile.insert(profile.clone(), listed(devices, None));
        }
        let mut rows_count = true;
        if let Some(File { path: _, sheet }) = &file {
            match (&sheet.profiles, &wishes.profile) {
                (Some(_), _) => {
                    rows_count =
                        self.add_by_column(&file, &wishes.profile, &mut by_profile, &mut first_lines);
                }
                (None, Some(profile)) => {
                    by_profile.insert(profile.clone(), listed(devices, Some(sheet)));
                }
                (None, None) => {}
            }
        }
        if let Some(file) = &file {
            document.places.fields.insert("devices.csv.$path".to_owned(), file.place(0));
        }
        let sheet = file.as_ref().map(|file| &file.sheet).filter(|_| rows_count);
        if let Some(to) = route {
            let named = listed(devices, sheet);
            self.desired.routes.push(Route {
                name: document.name.clone(),
                to,
                devices: Chosen { named, selected: wishes.condition.clone() },
                move_by: apple::move_by(&document.spec),
                acknowledge: acknowledge.clone(),
                places: document.places.clone(),
            });
        }
        if wishes.unassign {
            return;
        }
        if let Some(profiles) = wishes.selection() {
            let named = if wishes.profiles.is_some() { listed(devices, sheet) } else { Vec::new() };
            self.desired.selections.push(Selection {
                name: document.name.clone(),
                devices: Chosen { named, selected: wishes.condition },
                profiles,
                one_for_all: wishes.profiles.is_none(),
                selector: wishes.selector.clone(),
                tokens: Vec::new(),
                acknowledge: acknowledge.clone(),
                places: document.places.clone(),
            });
        }
        for (one, devices) in by_profile {
            let mut places = document.places.clone();
            if let (Some(file), Some(line)) = (&file, first_lines.get(&one))
                && Some(&one) != wishes.profile.as_ref()
            {
                places.fields.insert("profile".to_owned(), file.place(*line));
            }
            self.desired.assignments.push(Assignment {
                name: document.name.clone(),
                profile: one,
                selector: wishes.selector.clone(),
                tokens: Vec::new(),
                devices,
                acknowledge: acknowledge.clone(),
                places,
            });
        }
    }

    /// Sorts the rows of a CSV by the profiles that its column names; `false` where it contributes
    /// nothing.
    fn add_by_column(
        &mut self,
        file: &Option<File>,
        fallback: &Option<Name>,
        by_profile: &mut BTreeMap<Name, Vec<NamedSerial>>,
        first_lines: &mut BTreeMap<Name, u32>,
    ) -> bool {
        let Some(file) = file else { return true };
        let Some(profiles) = &file.sheet.profiles else { return true };
        // Each cell's text is looked at once, however many rows hold it.
        let mut names: Vec<Option<Name>> = Vec::with_capacity(profiles.texts.len());
        for (text, line) in &profiles.texts {
            names.push(match (text.as_str(), fallback) {
                ("", Some(fallback)) => Some(fallback.clone()),
                ("", None) => {
                    let message = "the cell of `profileColumn` is empty, and the document has no `profile` (A-3); the file contributes nothing".to_owned();
                    self.bad_row(file, *line, message, "write the profile's name, or add `profile: …` for empty cells");
                    None
                }
                (text, _) => self.profile_cell(file, text, *line),
            });
        }
        if names.iter().any(Option::is_none) {
            self.desired.unread_files.push(file.path.clone());
            return false;
        }
        for (row, at) in file.sheet.serials.iter().zip(&profiles.of_rows) {
            let Some(Some(name)) = names.get(*at as usize) else { continue };
            first_lines.entry(name.clone()).or_insert(row.1);
            by_profile.entry(name.clone()).or_default().push(named(row, SerialSource::Csv));
        }
        true
    }

    fn profile_cell(&mut self, file: &File, text: &str, line: u32) -> Option<Name> {
        match Name::new(text) {
            Ok(name) => Some(name),
            Err(_) => {
                let shown = super::check::shortened(text);
                // Lists are often kept with the names that the portal shows.
                let near: String = text
                    .to_ascii_lowercase()
                    .chars()
                    .map(|one| if one.is_ascii_alphanumeric() { one } else { '-' })
                    .collect();
                let next = match Name::new(&near) {
                    Ok(near) if self.desired.profiles.contains_key(&near) => {
                        format!("did you mean `{near}`?")
                    }
                    _ => "write the `metadata.name` of an EnrollmentProfile, like `school-ipads`".to_owned(),
                };
                let message = format!(
                    "`{shown}` is no name of an EnrollmentProfile (A-3); the file contributes nothing"
                );
                self.bad_row(file, line, message, &next);
                None
            }
        }
    }

    fn bad_row(&mut self, file: &File, line: u32, message: String, next: &str) {
        self.found.push(Diagnostic::by_row("A-3", Severity::Refuse, file.place(line), message).next(next));
    }

    /// Reads the CSV of `devices` or `protected`. A bad one contributes nothing and is noted as
    /// unread, so that its serials count as unknown and not as "named by nobody".
    pub fn csv(&mut self, object: &Object) -> Option<File> {
        let csv = object.object("csv")?;
        let written = PathBuf::from(csv.text("file").set()?);
        let place = csv.items.get("file").map(|item| item.place.clone()).unwrap_or_default();
        let (path, bytes) = match self.source.read(&place.file, &written, self.allow) {
            Ok(read) => read,
            Err(error) => {
                self.unreadable(&place, &written, &error);
                self.desired.unread_files.push(written);
                return None;
            }
        };
        let rows = csv.texts("where").unwrap_or_default();
        let profile = csv.text("profileColumn").set().cloned();
        let column = csv.text("column").set()?.clone();
        let wanted = Wanted { column: &column, rows: &rows, profile_column: profile.as_deref() };
        match csv::read(&bytes, &wanted) {
            Ok(sheet) => {
                let file = File { path, sheet };
                self.tell_csv(&file, !rows.is_empty());
                Some(file)
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let message = format!("{} (A-1); the file contributes nothing", mistake.message);
                    let line = mistake.line;
                    let at = Place { file: path.to_string_lossy().into(), line, column: u32::from(line > 0) };
                    self.found.push(
                        Diagnostic::by_row("A-1", Severity::Refuse, at, message)
                            .next(mistake.next)
                            .and_at(place.clone()),
                    );
                }
                self.desired.unread_files.push(path);
                None
            }
        }
    }

    fn tell_csv(&mut self, file: &File, chosen: bool) {
        let sheet = &file.sheet;
        let delimiter = match sheet.delimiter {
            '\t' => "tab".to_owned(),
            other => format!("`{other}`"),
        };
        let passed = match chosen {
            true => format!("; {} rows passed over by `where`", sheet.passed_over),
            false => String::new(),
        };
        let message = format!(
            "{} serial numbers read (delimiter {delimiter}, {}{passed})",
            sheet.serials.len(),
            sheet.encoding
        );
        self.found.push(Diagnostic::new("csv-read", Severity::Note, file.place(0), message));
        if sheet.repeated > 0 {
            let message = format!("{} rows repeat a serial number of the same file (A-1)", sheet.repeated);
            self.found.push(
                Diagnostic::by_row("A-1", Severity::Warn, file.place(0), message)
                    .next("remove the repeated rows"),
            );
        }
        if sheet.serials.is_empty() {
            let message = "`where` passes over every row of the file (A-1)".to_owned();
            self.found.push(
                Diagnostic::by_row("A-1", Severity::Warn, file.place(0), message)
                    .next("compare the values of `where` with those of the file"),
            );
        }
    }
}

fn named((serial, line): &(Serial, u32), source: SerialSource) -> NamedSerial {
    NamedSerial { serial: *serial, line: *line, source }
}

/// The serials that an object lists itself.
pub fn serials_of(object: &Object) -> &Serials {
    const NONE: &Serials = &Serials::new();
    match object.items.get("serials") {
        Some(Item { read: Read::Serials(serials), .. }) => serials,
        _ => NONE,
    }
}
