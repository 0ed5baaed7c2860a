//! `plan`: what `apply` would do. Reads only.

use std::fs;

use super::args::{Format, GlobalArgs, PlanArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::plan::{self as render, AsWished, PlanView};
use super::setup;
use super::ui::Ui;
use crate::engine::{Observed, Session};
use crate::plan::Plan;
use crate::plan::file::SavedPlan;

/// Plans, shows the plan, and saves it where asked to.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used; a file that cannot be written.
pub fn run(args: &PlanArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let mut settings = setup::settings(global, &args.folder, "plan")?;
    settings.allow_empty = args.dangerous_allow_empty;
    setup::block_on(async {
        let session = setup::open(settings, ui).await?;
        let progress = ui.progress();
        let (plan, observed) = session.plan(&*progress).await?;
        drop(progress);
        let saved = SavedPlan::new(&plan, session.commit(), session.clock().now());
        if let Some(file) = &args.output {
            save(file, &saved)?;
            ui.say(format_args!("Saved to {}; it can be applied until {}.", file.display(), saved.expires));
        }
        match args.format {
            Format::Json => ui.print(&saved.to_json())?,
            Format::Text => {
                let view = PlanView {
                    show_unmanaged: args.show_unmanaged,
                    as_wished: Some(as_wished(&session, &plan, &observed)),
                    with_origin: false,
                };
                ui.print(&render::text(&saved, view))?;
            }
        }
        let refused = session.findings().refuse();
        let code = ExitCode::of_plan(&plan.blocked, refused, plan.has_changes(), args.detailed_exitcode);
        session.close().await?;
        Ok(code)
    })
}

/// Writes a plan for others to read as well: it holds no secret.
fn save(file: &std::path::Path, saved: &SavedPlan) -> Result<(), CommandError> {
    fs::write(file, saved.to_json()).map_err(|error| CommandError::file("write", file, &error))
}

/// How much is as the documents say already.
pub fn as_wished(session: &Session, plan: &Plan, observed: &Observed) -> AsWished {
    let desired = session.desired();
    let touched =
        |verbs: &[&str]| plan.steps.iter().filter(|step| verbs.contains(&step.action.verb())).count() as u64;
    let profiles = desired.profiles.values().map(|profile| {
        profile.tokens.iter().filter(|token| observed.tokens.contains_key(*token)).count() as u64
    });
    let objects = observed.tokens.len() as u64 + profiles.sum::<u64>();
    let mut serials: Vec<_> = desired
        .assignments
        .values()
        .filter(|assignment| assignment.tokens.iter().any(|token| observed.tokens.contains_key(token)))
        .flat_map(|assignment| assignment.devices.iter().map(|device| device.serial))
        .collect();
    serials.sort_unstable();
    serials.dedup();
    let waiting: usize = plan.waiting.iter().map(|waiting| waiting.serials.len()).sum();
    let assigned: usize = plan
        .steps
        .iter()
        .filter(|step| step.action.verb() == "assign")
        .map(|step| step.action.serials())
        .sum();
    let blocked = plan.blocked.iter().filter(|blocked| blocked.address.is_some()).count() as u64;
    AsWished {
        objects: objects.saturating_sub(touched(&["create", "update", "adopt"]) + blocked),
        devices: (serials.len() as u64).saturating_sub((waiting + assigned) as u64),
    }
}
