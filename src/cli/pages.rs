//! `completions` and `man`: both come from the definition of the command line.

use std::fs;

use clap::CommandFactory as _;

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::ui::Ui;

/// Writes the completions of a shell to standard output.
///
/// # Errors
/// Those of standard output.
pub fn completions(args: &CompletionsArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    // Into memory first: the generator panics on a stream that ends early.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "espalier", &mut script);
    ui.result(|out| out.write_all(&script))?;
    Ok(ExitCode::Done)
}

/// Writes the manual page of the program to standard output, or a page per command to a folder.
///
/// # Errors
/// Those of standard output; files that cannot be written.
pub fn man(args: &ManArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match &args.output {
        None => ui.result(|out| clap_mangen::Man::new(Cli::command()).render(out))?,
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|error| CommandError::file("make", folder, &error))?;
            clap_mangen::generate_to(Cli::command(), folder)
                .map_err(|error| CommandError::file("write the pages into", folder, &error))?;
            ui.say(format_args!("manual pages in {}", folder.display()));
        }
    }
    Ok(ExitCode::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::GlobalArgs;

    #[test]
    fn a_page_per_command() {
        let folder = tempfile::tempdir().unwrap();
        let global = GlobalArgs {
            sim: None,
            no_ledger: false,
            color: crate::cli::args::ColorWhen::Never,
            quiet: true,
        };
        let args = ManArgs { output: Some(folder.path().join("man1")) };
        assert_eq!(man(&args, &Ui::new(&global)), Ok(ExitCode::Done));
        let page = fs::read_to_string(folder.path().join("man1/espalier-init.1")).unwrap();
        assert!(page.contains("starter folder"), "{page}");
        assert!(folder.path().join("man1/espalier.1").exists());
    }
}
