//! `journal`: what was done, in words, oldest first.

use std::collections::HashMap;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use super::action;
use super::args::GlobalArgs;
use super::error::CommandError;
use super::exit::ExitCode;
use super::ledger;
use super::render::JSON_VERSION;
use super::render::text::on_one_line;
use super::ui::Ui;
use super::values::Format;
use crate::acts::ActEvent;
use crate::engine::EngineError;
use crate::ledger::{Entry, Event, JournalRow};
use crate::model::clock::Timestamp;
use crate::model::{ActId, Name, Serial};

/// `journal`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Every entry of the ledger in words: runs, writes and what came of them, acts, who approved, who opened \
    what. Nothing is ever taken out of it.\n\n\
    Examples:\n  espalier journal --last 20\n  espalier journal --act lost-ipad\n  \
    espalier journal --serial DMPXK0A1 --format json"
)]
pub struct JournalArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Only the last N of those that are chosen
    #[arg(long, value_name = "N")]
    pub last: Option<usize>,
    /// Only of this DeviceAction
    #[arg(long, value_name = "NAME")]
    pub act: Option<String>,
    /// Only of this device
    #[arg(long, value_name = "SERIAL")]
    pub serial: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// Entries as JSON.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JournalJson {
    /// The version of this shape.
    pub version: u32,
    /// The entries, oldest first.
    pub entries: Vec<EntryJson>,
}

/// One entry.
#[derive(Clone, Debug, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryJson {
    /// Its number.
    pub seq: i64,
    /// When it was written.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// What it says, for people.
    pub text: String,
    /// The act, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act: Option<ActId>,
    /// What it says, member by member, as the ledger has it; of what is sealed without the sealed text.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    pub entry: serde_json::Value,
}

/// Shows the entries.
///
/// # Errors
/// A folder without a readable `Fleet`; what the ledger says (exit 10).
pub fn run(args: &JournalArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = action::settings(global, &args.folder, "journal")?;
    let loaded = crate::manifest::load(&settings.folder, settings.allow).map_err(EngineError::Folder)?;
    let name = args.act.as_deref().map(action::name).transpose()?;
    let serial = args.serial.as_deref().map(action::serial).transpose()?;
    let last = args.last.unwrap_or(usize::MAX);
    let ledger = ledger::open(&settings, &loaded.desired)?;
    let mut rows = match ledger {
        Some(ledger) => in_words(ledger.journal(usize::MAX)?),
        None => Vec::new(),
    };
    rows.retain(|row| concerns(&row.entry, name.as_ref(), serial));
    let rows = &rows[rows.len().saturating_sub(last)..];
    match args.format {
        Format::Json => ui.print(&json(rows))?,
        Format::Text => text(rows, ui)?,
    }
    Ok(ExitCode::Done)
}

/// What came of an intent is told with what it was about.
fn in_words(mut rows: Vec<JournalRow>) -> Vec<JournalRow> {
    let mut about: HashMap<i64, String> = HashMap::new();
    for row in &mut rows {
        match &row.entry {
            Entry::Intended { intent, .. } => {
                about.insert(row.seq, format!("{} {}", intent.write, intent.address));
            }
            Entry::Outcome { intent, .. } => {
                if let Some(what) = about.get(intent) {
                    row.text = row.text.replacen(
                        &format!("intent {intent}"),
                        &format!("intent {intent} ({what})"),
                        1,
                    );
                }
            }
            Entry::Event(_) => {}
        }
    }
    rows
}

/// Writes entries for people.
///
/// # Errors
/// Standard output cannot be written to.
pub fn text(rows: &[JournalRow], ui: &Ui) -> Result<(), CommandError> {
    ui.result(|out| {
        rows.iter()
            .try_for_each(|row| writeln!(out, "{:>6}  {}  {}", row.seq, row.at, on_one_line(&row.text)))
    })
}

/// Entries as JSON.
pub fn json(rows: &[JournalRow]) -> String {
    let entries = rows.iter().map(|row| {
        // Entries are plain values.
        let mut entry = serde_json::to_value(&row.entry).unwrap_or_default();
        without_cms(&mut entry);
        EntryJson { seq: row.seq, at: row.at, text: row.text.clone(), act: act(&row.entry).cloned(), entry }
    });
    let all = JournalJson { version: JSON_VERSION, entries: entries.collect() };
    serde_json::to_string_pretty(&all).unwrap_or_default() + "\n"
}

/// What is sealed is long, and nobody reads it here: `escrow export` writes it.
fn without_cms(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(members) => {
            members.remove("cms");
            members.values_mut().for_each(without_cms);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(without_cms),
        _ => {}
    }
}

fn act(entry: &Entry) -> Option<&ActId> {
    let Entry::Event(Event::Act(event)) = entry else { return None };
    match event {
        ActEvent::Promised { act, .. } | ActEvent::Moved { act, .. } | ActEvent::Resolved { act, .. } => {
            Some(act)
        }
        ActEvent::Sealed { act, .. } => act.as_ref(),
        _ => None,
    }
}

/// Whether an entry is about this document and this device; absent: whatever it is about.
fn concerns(entry: &Entry, name: Option<&Name>, serial: Option<Serial>) -> bool {
    if name.is_none() && serial.is_none() {
        return true;
    }
    let Entry::Event(event) = entry else { return false };
    let Event::Act(event) = event else { return false };
    let is_named = |action: &Name| name.is_none_or(|name| name == action);
    let is_of = |device: &Serial| serial.is_none_or(|serial| serial == *device);
    match event {
        ActEvent::Bound { action, serials, .. } => {
            is_named(action) && (serial.is_none() || serials.iter().any(is_of))
        }
        ActEvent::Sealed { serial: device, act, .. } => {
            is_of(device) && (name.is_none() || act.as_ref().is_some_and(|act| is_named(&act.action)))
        }
        ActEvent::Revealed { serial: device, .. } => name.is_none() && is_of(device),
        ActEvent::Restored { .. } => false,
        _ => act(entry).is_some_and(|act| is_named(&act.action) && is_of(&act.serial)),
    }
}
