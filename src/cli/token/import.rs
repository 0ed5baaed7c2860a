//! `token import`: what Apple's portal gave takes the place of the old token.

use super::args::ImportArgs;
use super::{Folder, direct, mdm, read_file};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::ui::Ui;
use crate::server_token::Envelope;

/// Imports a file: a direct token's into the places that its document names, one of Intune's by
/// uploading it.
///
/// # Errors
/// The file is none, or for another key; the new token does not sign in, or is another server's; what
/// the service says. The old token is as it was then.
pub(super) fn run(args: &ImportArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = Folder::read(&args.folder, global, "token import", ui)?;
    let (name, document) = folder.token(&args.token)?;
    let held = document.direct.clone();
    let envelope = Envelope::read(&read_file(&args.file)?)?;
    match held {
        Some(held) => direct::import(folder, &name, &held, &envelope, args, ui),
        None => mdm::import(folder, &name, &envelope, args, ui),
    }
}

/// Asks, unless the answer was given.
///
/// # Errors
/// [`ExitCode::Stopped`] for a no; [`ExitCode::Usage`] where nobody can be asked.
pub(super) fn ask(question: &str, yes: bool, ui: &Ui) -> Result<(), CommandError> {
    if yes {
        return Ok(());
    }
    if !ui.is_terminal() {
        return Err(CommandError::new(
            ExitCode::Usage,
            format!("this has to be asked, and this is no terminal: {question}"),
        )
        .coded("no-terminal")
        .hint("say --yes if the answer is yes"));
    }
    if ui.confirm(question)? {
        return Ok(());
    }
    Err(CommandError::new(ExitCode::Stopped, "not done: the answer was no")
        .coded("answered-no")
        .hint("nothing was changed"))
}
