//! The one error that meets the user, and how it is printed.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use super::exit::ExitCode;
use super::render::text::{BOLD, ERROR, HINT, clean, paint};
use crate::engine::EngineError;
use crate::ledger::LedgerError;
use crate::plan::file::PlanFileError;

/// Why a command ended: what happened, what caused it, and what to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// What the process ends with.
    pub code: ExitCode,
    /// What happened, in one sentence without a final period.
    pub message: String,
    /// Its causes, nearest first.
    pub causes: Vec<String>,
    /// What to do next, one advice each.
    pub hints: Vec<String>,
}

impl CommandError {
    /// An error without causes and hints.
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// An error with the message and the causes of another one.
    pub fn from_error(code: ExitCode, error: &dyn Error) -> Self {
        Self { causes: causes(error.source()), ..Self::new(code, error.to_string()) }
    }

    /// Adds an error, and what caused it, as causes.
    #[must_use]
    pub fn because(mut self, error: &dyn Error) -> Self {
        self.causes.extend(causes(Some(error)));
        self
    }

    /// Adds an advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// A file that could not be read or written; `doing` is `read` or `write`.
    pub fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        let this = Self::new(ExitCode::Error, format!("cannot {doing} {}", path.display())).because(error);
        match (doing, error.kind()) {
            ("write", io::ErrorKind::NotFound) => this.hint("make the folder first, or name another file"),
            (_, io::ErrorKind::PermissionDenied) => this.hint(format!("see who may {doing} there")),
            _ => this,
        }
    }
}

fn causes(mut error: Option<&dyn Error>) -> Vec<String> {
    let mut causes = Vec::new();
    while let Some(cause) = error {
        causes.push(cause.to_string());
        error = cause.source();
    }
    causes
}

impl From<PlanFileError> for CommandError {
    fn from(error: PlanFileError) -> Self {
        let hint = match &error {
            PlanFileError::OtherLedger { .. } => "name the plan's folder with --folder DIR",
            _ => "make a new one: espalier plan -o FILE",
        };
        Self::from_error(ExitCode::Stale, &error).hint(hint)
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let hint = error.next();
        let code = ExitCode::from_code(error.exit_code());
        let command = Self::from_error(code, &error);
        if hint.is_empty() { command } else { command.hint(hint) }
    }
}

impl From<LedgerError> for CommandError {
    fn from(error: LedgerError) -> Self {
        EngineError::Ledger(error).into()
    }
}

impl fmt::Display for CommandError {
    /// With colours; streams strip them where they do not belong.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", paint(ERROR, "error"), paint(BOLD, clean(&self.message)))?;
        match self.causes.as_slice() {
            [] => {}
            [cause] => writeln!(f, "  caused by: {}", clean(cause))?,
            causes => {
                writeln!(f, "  caused by:")?;
                for (number, cause) in (1..).zip(causes) {
                    writeln!(f, "    {number}. {}", clean(cause))?;
                }
            }
        }
        if !self.hints.is_empty() {
            writeln!(f)?;
        }
        for hint in &self.hints {
            writeln!(f, "{}: {}", paint(HINT, "hint"), clean(hint))?;
        }
        Ok(())
    }
}

impl Error for CommandError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::text::plain;

    #[test]
    fn causes_are_numbered_when_there_are_several_and_hints_stand_apart() {
        let mut error =
            CommandError::new(ExitCode::Ledger, "the ledger is missing").hint("espalier ledger create");
        error.causes = vec!["no such file".to_owned()];
        insta::assert_snapshot!(plain(&error.to_string()), @r"
        error: the ledger is missing
          caused by: no such file

        hint: espalier ledger create
        ");
        error.causes.push("the disk is gone".to_owned());
        error.hints.clear();
        insta::assert_snapshot!(plain(&error.to_string()), @r"
        error: the ledger is missing
          caused by:
            1. no such file
            2. the disk is gone
        ");
    }

    #[test]
    fn a_refused_plan_file_is_exit_5() {
        for error in [
            PlanFileError::Tampered,
            PlanFileError::OtherFormat(9),
            PlanFileError::OtherLedger { plan: "a".to_owned(), folder: "b".to_owned() },
        ] {
            let error = CommandError::from(error);
            assert_eq!(error.code, ExitCode::Stale);
            assert_eq!(error.hints.len(), 1);
        }
    }
}
