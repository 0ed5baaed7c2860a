//! `DeviceAssignment` documents to [`Assignment`]s, and CSV files of any kind.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::csv::{self, Sheet, Wanted};
use super::document::Document;
use super::lower::Context;
use super::serial::Serials;
use super::value::{Item, Object, Read};
use crate::diag::{Diagnostic, Severity};
use crate::model::desired::{Assignment, NamedSerial, SerialSource, TokenSelector};
use crate::model::{Field, Name, Place, Serial};

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

impl Context<'_> {
    /// Adds a document's assignments: one, or one for each profile that its CSV names.
    pub fn assignments(&mut self, mut document: Document) {
        let Some(devices) = document.spec.object("devices") else { return };
        let selector = match (document.spec.name("token"), document.spec.object("tokens")) {
            (Field::Set(token), _) => Some(TokenSelector::Names(vec![token])),
            (_, Some(tokens)) => tokens.texts("matchLabels").map(TokenSelector::Labels),
            _ => None,
        };
        let profile = document.spec.name("profile").set().cloned();
        let by_column = devices.object("csv").is_some_and(|csv| csv.items.contains_key("profileColumn"));
        if !document.broken {
            self.names_devices_and_profiles(&document, devices, profile.is_some(), by_column);
        }
        let listed = serials_of(devices).iter().map(|row| named(row, SerialSource::Document));
        let mut by_profile: BTreeMap<Name, Vec<NamedSerial>> = BTreeMap::new();
        if let Some(profile) = &profile {
            // There even without a device, so that its references are followed.
            by_profile.entry(profile.clone()).or_default().extend(listed);
        }
        let acknowledge = super::lower::acknowledge(&document.spec);
        let file = self.csv(devices);
        let mut first_lines: BTreeMap<Name, u32> = BTreeMap::new();
        if let Some(File { path: _, sheet }) = &file {
            match (&sheet.profiles, &profile) {
                (Some(_), _) => self.add_by_column(&file, &profile, &mut by_profile, &mut first_lines),
                (None, Some(profile)) => {
                    let rows = sheet.serials.iter().map(|row| named(row, SerialSource::Csv));
                    by_profile.entry(profile.clone()).or_default().extend(rows);
                }
                (None, None) => {}
            }
        }
        if let Some(file) = &file {
            document.places.fields.insert("devices.csv.$path".to_owned(), file.place(0));
        }
        for (one, devices) in by_profile {
            let mut places = document.places.clone();
            if let (Some(file), Some(line)) = (&file, first_lines.get(&one))
                && Some(&one) != profile.as_ref()
            {
                places.fields.insert("profile".to_owned(), file.place(*line));
            }
            self.desired.assignments.push(Assignment {
                name: document.name.clone(),
                profile: one,
                selector: selector.clone(),
                tokens: Vec::new(),
                devices,
                acknowledge: acknowledge.clone(),
                places,
            });
        }
    }

    /// What no table can say: at least one way to name devices, and a profile for each of them.
    fn names_devices_and_profiles(
        &mut self,
        document: &Document,
        devices: &Object,
        has_profile: bool,
        by_column: bool,
    ) {
        let lists = devices.items.contains_key("serials");
        if !lists && !devices.items.contains_key("csv") {
            let message = "`devices` names no devices".to_owned();
            self.refuse(
                "missing-field",
                &devices.place,
                message,
                "add `serials: […]` or `csv: {file, column}`",
            );
        }
        if has_profile || document.spec.items.contains_key("profile") {
            return;
        }
        let (message, next) = match (by_column, lists) {
            (true, false) => return,
            (true, true) => (
                "`devices.serials` have no profile: `profileColumn` names one for the rows of the CSV only",
                "add `profile: …` for them, or put them into the CSV",
            ),
            (false, _) => ("`spec` needs `profile`", "add `profile: …`, or `profileColumn` to the CSV"),
        };
        let place = document.places.document.clone();
        self.refuse("missing-field", &place, message.to_owned(), next);
    }

    /// Sorts the rows of a CSV by the profiles that its column names.
    fn add_by_column(
        &mut self,
        file: &Option<File>,
        fallback: &Option<Name>,
        by_profile: &mut BTreeMap<Name, Vec<NamedSerial>>,
        first_lines: &mut BTreeMap<Name, u32>,
    ) {
        let Some(file) = file else { return };
        let Some(profiles) = &file.sheet.profiles else { return };
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
            return;
        }
        for (row, at) in file.sheet.serials.iter().zip(&profiles.of_rows) {
            let Some(Some(name)) = names.get(*at as usize) else { continue };
            first_lines.entry(name.clone()).or_insert(row.1);
            by_profile.entry(name.clone()).or_default().push(named(row, SerialSource::Csv));
        }
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
