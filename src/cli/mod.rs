//! The command line: the only module that reads arguments or prints.
//!
//! ```text
//! args ─ Cli ─> run ─ one function per command ─> Result<ExitCode, CommandError>
//!                                   │
//!                                   └─ render (pure) ─> Ui ─> stdout: results, stderr: the rest
//! ```
//!
//! Nothing here makes a runtime or an HTTP client before a command needs one: a start must not be
//! felt.

pub mod args;
pub mod devices_args;
pub mod duration;
pub mod error;
pub mod exit;
pub mod progress;
pub mod render;
pub mod ui;
pub mod values;

pub mod action;
pub mod apply;
pub mod demo;
pub mod devices;
pub mod doctor;
pub mod drift;
pub mod escrow;
pub mod explain;
pub mod filter;
pub mod findings;
pub mod init;
pub mod journal;
pub mod ledger;
pub mod pages;
pub mod permissions;
pub mod plan;
pub mod schemas;
pub mod setup;
pub mod show;
pub mod sim;
pub mod sim_args;
pub mod status;
pub mod token;
pub mod validate;
pub mod watch;

use std::ffi::OsString;

use clap::Parser as _;

use args::{Cli, Command, GlobalArgs};
use error::CommandError;
use exit::ExitCode;
use ui::Ui;

/// Does what a command line says, and returns what the process ends with.
pub fn run<A>(args: impl IntoIterator<Item = A>) -> ExitCode
where
    A: Into<OsString> + Clone,
{
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => return answered_by_clap(&error),
    };
    let ui = Ui::new(&cli.global);
    dispatch(cli.command, &cli.global, &ui).unwrap_or_else(|error| {
        ui.error(&error);
        error.code
    })
}

fn dispatch(command: Command, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match command {
        Command::Demo(args) => demo::run(&args, global, ui),
        Command::Validate(args) => validate::run(&args, global, ui),
        Command::Plan(args) => plan::run(&args, global, ui),
        Command::Apply(args) => apply::run(&args, global, ui),
        Command::Drift(args) => drift::run(&args, global, ui),
        Command::Watch(args) => watch::run(&args, global, ui),
        Command::Status(args) => status::run(&args, global, ui),
        Command::Doctor(args) => doctor::run(&args, global, ui),
        Command::Devices(args) => devices::run(&args, global, ui),
        Command::Sim(args) => sim::run(&args, global, ui),
        Command::Token(args) => token::run(&args, global, ui),
        Command::Action(args) => action::run(&args, global, ui),
        Command::Escrow(args) => escrow::run(&args, global, ui),
        Command::Journal(args) => journal::run(&args, global, ui),
        Command::Ledger(args) => ledger::run(&args, global, ui),
        Command::Init(args) => init::run(&args, &all_schemas(), ui),
        Command::Show(args) => show::run(&args, ui),
        Command::Explain(args) => explain::run(&args, ui),
        Command::Schema(args) => schemas::run(&args, &all_schemas(), ui),
        Command::Completions(args) => pages::completions(&args, ui),
        Command::Man(args) => pages::man(&args, ui),
    }
}

/// Every schema that this version has.
fn all_schemas() -> Vec<schemas::Named> {
    let mut all = schemas::of_documents();
    all.extend(schemas::of_outputs());
    all.push(("sim-control.json".to_owned(), crate::sim::control_schema()));
    all
}

/// Shows help, version, or what is wrong with the command line: with the code that errors carry.
fn answered_by_clap(error: &clap::Error) -> ExitCode {
    let code = code_of(error);
    // A reader that went away is no error, and nobody is left to be told of another one.
    let _ = match code {
        ExitCode::Usage if error.to_string().starts_with("error:") => {
            let text = error.render().ansi().to_string();
            let text = text.replacen("error:", &format!("error[{}]:", code.error_code()), 1);
            std::io::Write::write_all(&mut anstream::stderr(), text.as_bytes())
        }
        _ => error.print(),
    };
    code
}

/// Help and version are answers, everything else is a wrong command line.
fn code_of(error: &clap::Error) -> ExitCode {
    if error.use_stderr() { ExitCode::Usage } else { ExitCode::Done }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(line: &[&str]) -> Option<ExitCode> {
        Cli::try_parse_from(line).err().as_ref().map(code_of)
    }

    #[test]
    fn schemas_are_those_in_the_repository() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for (name, ours) in all_schemas() {
            let path = folder.join(&name);
            if std::env::var_os("ESPALIER_ACCEPT").is_some() {
                std::fs::write(&path, schemas::file_text(&ours)).unwrap();
            }
            let theirs = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(
                theirs == schemas::file_text(&ours),
                "{name} is out of date: run this test with ESPALIER_ACCEPT=1"
            );
        }
        let known = all_schemas().len();
        assert_eq!(
            std::fs::read_dir(&folder).unwrap().count(),
            known,
            "schemas/ holds a file that nothing writes"
        );
    }

    #[test]
    fn help_and_version_are_answers_and_a_wrong_line_is_64() {
        assert_eq!(code(&["espalier", "--version"]), Some(ExitCode::Done));
        assert_eq!(code(&["espalier", "--help"]), Some(ExitCode::Done));
        assert_eq!(code(&["espalier", "init", "--help"]), Some(ExitCode::Done));
        assert_eq!(code(&["espalier"]), Some(ExitCode::Usage));
        assert_eq!(code(&["espalier", "grow"]), Some(ExitCode::Usage));
        assert_eq!(code(&["espalier", "init", "--folder"]), Some(ExitCode::Usage));
        assert_eq!(code(&["espalier", "init", "-q"]), None);
    }

    #[test]
    fn what_a_command_cannot_do_has_its_code() {
        let does = |line: &[&str]| {
            let cli = Cli::try_parse_from(line).unwrap();
            dispatch(cli.command, &cli.global, &Ui::new(&cli.global)).map_err(|error| error.code)
        };
        assert_eq!(does(&["espalier", "schema", "nonsense"]), Err(ExitCode::Usage));
        assert_eq!(does(&["espalier", "explain", "nonsense"]), Err(ExitCode::Usage));
        assert_eq!(does(&["espalier", "show", "/nonexistent/plan.json"]), Err(ExitCode::Error));
    }
}
