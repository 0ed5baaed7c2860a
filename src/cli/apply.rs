//! `apply`: carries a plan out, made now or saved before.

use std::collections::BTreeMap;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::args::{ApplyArgs, ApplySource, GlobalArgs, ReportFormat};
use super::error::CommandError;
use super::exit::ExitCode;
use super::plan::as_wished;
use super::render::acts::actions;
use super::render::markdown;
use super::render::plan::{self as render, PlanView};
use super::render::report;
use super::render::text::count;
use super::ui::Ui;
use super::{setup, show};
use crate::engine::{Narrowing, Prepared, Readiness, Session};
use crate::model::Class;
use crate::plan::file::SavedPlan;

/// Applies, after asking.
///
/// # Errors
/// Documents, ledger, simulator or plan file that cannot be used; nobody to ask.
pub fn run(args: &ApplyArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let (folder, saved) = match args.source()? {
        ApplySource::Folder(folder) => (folder, None),
        ApplySource::Plan { file, folder } => {
            let saved = show::read(&file).map_err(|error| {
                if file.exists() { error } else { error.hint("or name the folder with the documents") }
            })?;
            (folder, Some(saved))
        }
    };
    let mut settings = setup::settings(global, &folder, "apply")?;
    settings.allow_empty = args.dangerous_allow_empty;
    settings.changes_world = true;
    settings.narrowing = match &saved {
        Some(saved) if !saved.scope.is_whole() => Narrowing::As(saved.scope.clone()),
        Some(_) => Narrowing::Nothing,
        None => args.narrow.narrowing(),
    };
    settings.wait = args.wait(ui.is_terminal());
    setup::block_on(async {
        let mut session = setup::open(settings, ui).await?;
        session.stop_by(stop_on_signals(*ui)?);
        let outcome = apply(args, &session, saved, ui).await;
        // The world is kept whatever became of the plan.
        let closed = session.close().await;
        let code = outcome?;
        closed?;
        Ok(code)
    })
}

/// The first interrupt or termination ends the run between two requests, the second one at once.
pub(super) fn stop_on_signals(ui: Ui) -> Result<watch::Receiver<bool>, CommandError> {
    let cannot = |error| {
        CommandError::new(ExitCode::Error, "cannot listen for signals").coded("system").because(&error)
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    let (switch, stop) = watch::channel(false);
    tokio::spawn(async move {
        for round in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round == 0 {
                ui.warn("stopping after the request that is under way; once more to end at once");
                switch.send_replace(true);
            }
        }
        ui.warn("ended at once; what came of the last request, the next run finds out");
        std::process::exit(130);
    });
    Ok(stop)
}

async fn apply(
    args: &ApplyArgs,
    session: &Session,
    saved: Option<SavedPlan>,
    ui: &Ui,
) -> Result<ExitCode, CommandError> {
    let progress = ui.progress();
    let is_saved = saved.is_some();
    let mut prepared = match saved {
        Some(saved) => session.prepare_saved(saved, &*progress).await?,
        None => session.prepare(&*progress).await?,
    };
    drop(progress);
    if let Some(digest) = &args.expect_digest {
        prepared.expect_digest(digest)?;
    }
    for gate in &args.overrides {
        if prepared.open_gate(&gate.gate, &gate.digest)? == Readiness::NotExceeded {
            ui.warn(&format!(
                "the gate {} stops nothing in this plan; the override has no effect",
                gate.gate
            ));
        }
    }
    if !(ui.is_quiet() && args.yes) {
        show_plan(session, &prepared, is_saved, ui);
    }
    if let Some(question) = question(&prepared).filter(|_| !args.yes)
        && !ui.confirm(&question)?
    {
        return Err(
            CommandError::new(ExitCode::Stopped, "not applied: the answer was no").coded("answered-no")
        );
    }
    let digest = prepared.digest.clone();
    let progress = ui.progress();
    let report = session.execute(prepared, &*progress).await?;
    drop(progress);
    match args.format {
        ReportFormat::Json => ui.print(&report::json(&report, &digest))?,
        ReportFormat::Markdown => ui.print(&markdown::report::text(&report, &digest, args.max_size))?,
        ReportFormat::Text => ui.print_text(&report::text(&report))?,
    }
    Ok(ExitCode::of_apply(&report))
}

/// What is asked before anything is written or sent; `None`: nothing would be.
fn question(prepared: &Prepared) -> Option<String> {
    let steps = prepared.open_steps().count() as u64;
    let mut by_class: BTreeMap<Class, u64> = BTreeMap::new();
    for act in prepared.open_acts() {
        *by_class.entry(act.class).or_default() += 1;
    }
    let sent: u64 = by_class.values().sum();
    let grave = by_class.iter().rev().filter(|(class, _)| **class >= Class::Destructive);
    let grave: Vec<String> = grave.map(|(class, many)| format!("{many} {class}")).collect();
    let grave = if grave.is_empty() { String::new() } else { format!(" ({})", grave.join(", ")) };
    match (steps, sent) {
        (0, 0) => None,
        (_, 0) => Some(format!("Apply {}?", count(steps, "step"))),
        (0, _) => Some(format!("Send {}{grave}?", actions(sent))),
        _ => Some(format!("Apply {} and send {}{grave}?", count(steps, "step"), actions(sent))),
    }
}

/// What is about to be done, beside the result.
fn show_plan(session: &Session, prepared: &Prepared, is_saved: bool, ui: &Ui) {
    let saved = SavedPlan::new(&prepared.plan, None, session.clock().now());
    let as_wished = (!is_saved).then(|| as_wished(session, &prepared.plan, prepared.observed()));
    ui.show(&render::text(&saved, PlanView { show_unmanaged: false, as_wished, with_origin: false }));
}
