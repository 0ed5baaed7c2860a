//! `validate`: offline, everything that needs no live state.

use super::args::{Format, GlobalArgs, ValidateArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::diagnostics;
use super::render::text::count;
use super::setup;
use super::ui::Ui;
use crate::engine;
use crate::model::clock::Timestamp;

/// Judges a folder. Exit 3 if anything is refused, for the folder or for one token.
///
/// # Errors
/// A folder that cannot be read or has no documents.
pub fn run(args: &ValidateArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = setup::settings(global, &args.folder, "validate")?;
    let loaded = engine::load(&settings, Timestamp::now())?;
    let findings = &loaded.diagnostics;
    match args.format {
        Format::Json => ui.print(&diagnostics::json(findings))?,
        Format::Text => {
            ui.print(&diagnostics::text(findings, &|file| {
                loaded.sources.get(file).map(|text| text.to_string())
            }))?;
            if !findings.refuse() {
                ui.print(&format!("{} in order.\n", count(loaded.documents as u64, "document")))?;
            }
        }
    }
    Ok(if findings.refuse() { ExitCode::Manifests } else { ExitCode::Done })
}
