//! `validate`: offline, everything that needs no live state.

use std::collections::BTreeSet;

use super::args::{FindingsFormat, GlobalArgs, ValidateArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::findings;
use super::render::text::count;
use super::setup;
use super::ui::Ui;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::engine::{self, EngineError};
use crate::model::Scope;

/// Judges a folder. Exit 3 if anything is refused, for the folder or for one token; narrowed, only
/// what concerns the folder as a whole or one of the tokens chosen is shown and counts.
///
/// # Errors
/// A folder that cannot be read or has no documents; a narrowing that chooses nothing.
pub fn run(args: &ValidateArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = setup::settings(global, &args.folder, "validate")?;
    let loaded = setup::block_on(async { Ok(engine::load_by_its_clock(&settings).await?) })?;
    let scope = args.narrow.narrowing().scope(&[&loaded.desired, &loaded.doubtful]);
    let scope = match scope {
        Ok(scope) => scope,
        // What cannot be read may be what was chosen: the reason says more than a wrong name would.
        Err(_) if loaded.diagnostics.stop_the_folder() => Scope::of([]),
        Err(error) => return Err(EngineError::from(error).into()),
    };
    let mut findings = Diagnostics::default();
    let concerns = |finding: &&Diagnostic| finding.concerns(|token| scope.holds(token));
    let elsewhere = loaded.diagnostics.iter().filter(|finding| !concerns(finding)).count();
    // For programs the findings are the result; a person who wants quiet has no use for notes.
    let hides_notes = ui.is_quiet() && args.format == FindingsFormat::Text;
    let is_shown = |finding: &&Diagnostic| !hides_notes || finding.severity != Severity::Note;
    for finding in loaded.diagnostics.iter().filter(concerns).filter(is_shown) {
        findings.push(finding.clone());
    }
    let findings = &findings;
    if let Some(tokens) = scope.tokens() {
        let all = loaded.desired.tokens.keys().chain(loaded.doubtful.tokens.keys()).collect::<BTreeSet<_>>();
        ui.say(format_args!("{}", setup::narrowed(tokens, all.len())));
        if elsewhere > 0 {
            ui.say(format_args!("{} about other tokens left out.", count(elsewhere as u64, "finding")));
        }
    }
    ui.print(&findings::shown(findings, &loaded.sources, &args.folder, args.format))?;
    if args.format == FindingsFormat::Text && !findings.refuse() {
        ui.print(&format!("{} in order.\n", count(loaded.documents as u64, "document")))?;
    }
    Ok(if findings.refuse() { ExitCode::Manifests } else { ExitCode::Done })
}
