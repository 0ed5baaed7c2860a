//! `drift`: what moved outside, apart from what is newly wished. Reads only.

use super::args::{DriftArgs, GlobalArgs, StreamFormat};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::drift as render;
use super::render::plan::blocked_section;
use super::setup;
use super::ui::Ui;

/// Compares what is live with what was last applied.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used.
pub fn run(args: &DriftArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    if global.no_ledger {
        let message = "without the ledger nobody remembers what was applied, so that nothing can have moved";
        return Err(CommandError::new(ExitCode::Usage, message).hint("see `espalier plan --no-ledger`"));
    }
    let settings = setup::settings(global, &args.folder, "drift")?;
    setup::block_on(async {
        let mut session = setup::open(settings, ui).await?;
        if let Some(age) = args.max_age {
            session.reuse(age);
        }
        let progress = ui.progress();
        let look = session.look(&*progress).await?;
        drop(progress);
        let drift = &look.drift;
        match args.format {
            StreamFormat::Json => ui.print(&render::json(drift))?,
            StreamFormat::Text => {
                ui.print_text(&render::text(drift, &blocked_section(&drift.plan.blocked)))?
            }
        }
        let moved = !drift.plan.steps.is_empty();
        let refused = session.refuses(&drift.plan);
        let code = ExitCode::of_plan(&drift.plan.blocked, refused, moved, args.detailed_exitcode);
        session.close().await?;
        Ok(code)
    })
}
