//! `escrow …`: what was sealed of devices; opened by who has a recipient's key, never by espalier itself.

pub mod args;

mod export;
mod reveal;

use args::{EscrowArgs, EscrowCommand, EscrowListArgs};

use super::action;
use super::args::{Format, GlobalArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::ledger;
use super::render::escrow as render;
use super::ui::Ui;
use crate::acts::SealedRow;
use crate::engine::EngineError;
use crate::escrow::{OpenError, RecipientError};
use crate::model::clock::Timestamp;
use crate::model::{SealedKind, Serial};

/// Does what is asked for.
///
/// # Errors
/// Documents or a ledger that cannot be used; a device of which nothing is sealed; a key that does not fit.
pub fn run(args: &EscrowArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match &args.command {
        EscrowCommand::List(args) => list(args, global, ui),
        EscrowCommand::Reveal(args) => reveal::run(args, global, ui),
        EscrowCommand::Export(args) => export::run(args, global, ui),
    }
}

fn list(args: &EscrowListArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = action::settings(global, &args.folder, "escrow list")?;
    let only = args.serial.as_deref().map(action::serial).transpose()?;
    let loaded = crate::manifest::load(&settings.folder, settings.allow).map_err(EngineError::Folder)?;
    let view = ledger::look(&settings, &loaded.desired, Timestamp::MAX)?;
    let mut rows: Vec<(&Serial, &SealedRow)> =
        view.acts.sealed().filter(|(serial, _)| only.is_none_or(|only| only == **serial)).collect();
    rows.sort_by_key(|(serial, row)| (**serial, row.row));
    let names = render::recipients(&loaded.desired);
    match args.format {
        Format::Json => ui.print(&render::json(&rows, &names))?,
        Format::Text => ui.print_text(&render::text(&rows, &names))?,
    }
    Ok(ExitCode::Done)
}

/// Nothing is sealed of a device.
fn nothing(serial: Serial) -> CommandError {
    CommandError::new(ExitCode::Usage, format!("nothing of {serial} is sealed in this ledger"))
        .coded("nothing-sealed")
        .hint(format!(
            "`escrowBypassCode` seals its code, or `Fleet.escrow.onEnrollment` every device's; `espalier action new escrowBypassCode --serial {serial}` (L-7: without device restrictions that allow Activation Lock there is none)"
        ))
}

/// The newest of a device, a bypass code before anything else; or the one of an entry.
fn choose(serial: Serial, rows: &[SealedRow], entry: Option<i64>) -> Result<&SealedRow, CommandError> {
    if rows.is_empty() {
        return Err(nothing(serial));
    }
    let newest = |kind: Option<SealedKind>| {
        rows.iter().rev().find(|row| kind.is_none_or(|kind| row.sealed.kind == kind))
    };
    match entry {
        Some(entry) => rows.iter().find(|row| row.row == entry).ok_or_else(|| {
            CommandError::new(ExitCode::Usage, format!("entry {entry} holds nothing sealed of {serial}"))
                .coded("nothing-sealed")
                .hint(format!("`espalier escrow list --serial {serial}` shows the entries"))
        }),
        None => newest(Some(SealedKind::BypassCode)).or_else(|| newest(None)).ok_or_else(|| nothing(serial)),
    }
}

impl From<OpenError> for CommandError {
    /// A key that does not fit is a matter of credentials (exit 8).
    fn from(error: OpenError) -> Self {
        let next = error.next();
        Self::from_error(ExitCode::Credentials, &error).coded(error.code()).hint(next)
    }
}

impl From<RecipientError> for CommandError {
    fn from(error: RecipientError) -> Self {
        let next = error.next();
        Self::from_error(ExitCode::Manifests, &error).coded(error.code()).hint(next)
    }
}
