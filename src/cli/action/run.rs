//! `action run`: one document, applied alone.

use super::args::{RunArgs, WhichDevice};
use super::new::look;
use crate::cli::apply::stop_on_signals;
use crate::cli::args::{GlobalArgs, ReportFormat};
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::render::markdown::{self, DEFAULT_SIZE};
use crate::cli::render::plan as render;
use crate::cli::render::report;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::engine::{Session, Settings};
use crate::model::Name;
use crate::plan::file::SavedPlan;
use std::time::Duration;

/// Writes the document and applies it, after asking.
///
/// # Errors
/// As `action new` and `apply`; nobody to ask.
pub fn run(args: &RunArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    if !args.yes && !ui.is_terminal() {
        return Err(CommandError::new(ExitCode::Usage, "nobody can be asked here: this is no terminal")
            .coded("no-terminal")
            .hint("look at the device with `espalier devices`, then say --yes"));
    }
    let folder = args.folder.path();
    let settings = super::settings(global, folder, "action run")?;
    setup::block_on(async {
        let which = WhichDevice { serial: Some(args.serial.clone()), user: None, name: None };
        let seen = look(&settings, args.kind, &which, &args.ask, ui).await?;
        let question = format!("{} {}? ({})", args.kind, seen.found.words(), args.kind.class());
        if !args.yes && !ui.confirm(&question)? {
            return Err(CommandError::new(
                ExitCode::Stopped,
                "nothing was written or sent: the answer was no",
            )
            .coded("answered-no"));
        }
        let written = seen.write(&settings, &args.ask, ui)?;
        ui.say(format_args!("Wrote {}, for {}.", written.path.display(), written.device));
        let wait = Duration::from_secs(if ui.is_terminal() { 5 * 60 } else { 20 * 60 });
        let settings = Settings { changes_world: true, wait: args.wait.unwrap_or(wait), ..settings };
        let mut session = setup::open(settings, ui).await?;
        session.stop_by(stop_on_signals(*ui)?);
        session.only_act(&written.name);
        let outcome = apply(args, &session, &written.name, ui).await;
        let closed = session.close().await;
        let code = outcome?;
        closed?;
        Ok(code)
    })
}

async fn apply(args: &RunArgs, session: &Session, name: &Name, ui: &Ui) -> Result<ExitCode, CommandError> {
    let progress = ui.progress();
    let prepared = session.prepare(&*progress).await?;
    drop(progress);
    if !ui.is_quiet() {
        let mut saved = SavedPlan::new(&prepared.plan, None, session.clock().now());
        saved.acts.retain(|act| act.id.action == *name);
        ui.show(&render::acts_alone(&saved));
    }
    let digest = prepared.digest.clone();
    let progress = ui.progress();
    let report = session.execute(prepared, &*progress).await?;
    drop(progress);
    match args.format {
        ReportFormat::Json => ui.print(&report::json(&report, &digest))?,
        ReportFormat::Markdown => ui.print(&markdown::report::text(&report, &digest, DEFAULT_SIZE))?,
        ReportFormat::Text => ui.print_text(&report::text(&report))?,
    }
    Ok(ExitCode::of_apply(&report))
}
