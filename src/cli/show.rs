//! `show`: a saved plan, for anyone, later.

use std::fs;
use std::path::Path;

use super::args::{ReportFormat, ShowArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::markdown::plan::{self as markdown, MarkdownView};
use super::render::plan::{self, PlanView};
use super::ui::Ui;
use crate::plan::file::SavedPlan;

/// Shows a plan file that is whole. An expired one is shown as well: looking is not applying.
///
/// # Errors
/// [`ExitCode::Stale`] for a file that is no plan or was changed; a file that cannot be read.
pub fn run(args: &ShowArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let saved = read(&args.file)?;
    match args.format {
        ReportFormat::Json => ui.print(&saved.to_json())?,
        ReportFormat::Markdown => {
            let view = MarkdownView {
                show_unmanaged: args.show_unmanaged,
                as_wished: None,
                limit: args.max_size,
                see: "`espalier show` shows all of this plan's file.",
            };
            ui.print(&markdown::text(&saved, view))?;
        }
        ReportFormat::Text => {
            let view = PlanView { show_unmanaged: args.show_unmanaged, with_origin: true, as_wished: None };
            ui.print(&plan::text(&saved, view))?;
        }
    }
    Ok(ExitCode::Done)
}

/// Reads a plan file and checks that it is whole, not that it can be applied now.
///
/// # Errors
/// As [`run`].
pub fn read(file: &Path) -> Result<SavedPlan, CommandError> {
    let text = fs::read_to_string(file).map_err(|error| {
        let error = CommandError::file("read", file, &error);
        if file.is_dir() {
            error.hint("name a file saved with `espalier plan -o FILE`, not a folder")
        } else if file.exists() {
            error
        } else {
            error.hint("name a file saved with `espalier plan -o FILE`")
        }
    })?;
    Ok(SavedPlan::from_json(&text)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::Timestamp;
    use crate::plan::Plan;

    #[test]
    fn a_plan_reads_back_and_a_changed_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.json");
        let saved = SavedPlan::new(&Plan::default(), None, Timestamp::UNIX_EPOCH);
        fs::write(&file, saved.to_json()).unwrap();
        assert_eq!(read(&file), Ok(saved.clone()));

        fs::write(&file, saved.to_json().replace("1970-01-01", "1970-01-03")).unwrap();
        assert_eq!(read(&file).unwrap_err().code, ExitCode::Stale);
        fs::write(&file, "{}").unwrap();
        assert_eq!(read(&file).unwrap_err().code, ExitCode::Stale);
        assert_eq!(read(folder.path()).unwrap_err().code, ExitCode::Error);
        let hints = read(folder.path()).unwrap_err().hints;
        assert!(hints.iter().any(|hint| hint.contains("not a folder")), "{hints:?}");
    }
}
