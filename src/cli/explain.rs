//! `explain`: rows, fields, screens and codes in words.

use super::args::{ExplainArgs, PageFormat};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::explain::{self as render, ExplainJson};
use super::ui::Ui;
use crate::explain::{self, Unknown};

/// Explains a word; without one, lists what can be explained.
///
/// # Errors
/// [`ExitCode::Usage`] for a word that nothing is called by, with the nearest one.
pub fn run(args: &ExplainArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    ui.print(&shown(args)?)?;
    Ok(ExitCode::Done)
}

fn shown(args: &ExplainArgs) -> Result<String, CommandError> {
    if args.rows {
        let rows = ExplainJson::all_rows();
        return Ok(match args.format {
            PageFormat::Text => render::rows_text(&rows),
            PageFormat::Json => rows.json(),
            PageFormat::Markdown => render::markdown(&rows),
        });
    }
    if args.settings {
        let settings = ExplainJson::all_settings();
        return Ok(match args.format {
            PageFormat::Text => render::settings_text(&settings),
            PageFormat::Json => settings.json(),
            PageFormat::Markdown => render::settings_markdown(&settings),
        });
    }
    let found = match args.words.as_slice() {
        [] if args.format == PageFormat::Text => return Ok(render::overview(&explain::overview())),
        [] => ExplainJson::everything(),
        words => {
            let mut found = ExplainJson::new();
            explain::find(&words.join(" ")).map_err(unknown)?.iter().for_each(|topic| found.add(topic));
            found
        }
    };
    Ok(match args.format {
        PageFormat::Text => render::text(&found),
        PageFormat::Json => found.json(),
        PageFormat::Markdown => render::markdown(&found),
    })
}

fn unknown(error: Unknown) -> CommandError {
    let message = error.to_string();
    let error = match error.near {
        Some(near) => CommandError::new(ExitCode::Usage, message).hint(format!("did you mean `{near}`?")),
        None => CommandError::new(ExitCode::Usage, message),
    };
    error.coded("unknown-topic").hint("`espalier explain` lists what can be explained")
}
