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
    /// Its stable code, e.g. `ledger-missing`; `espalier explain` tells more of it.
    pub name: &'static str,
    /// What happened, in one sentence without a final period.
    pub message: String,
    /// Its causes, nearest first.
    pub causes: Vec<String>,
    /// What to do next, one advice each.
    pub hints: Vec<String>,
}

impl CommandError {
    /// An error without causes and hints. Its stable code is the general one of the exit code:
    /// see [`CommandError::coded`].
    pub fn new(code: ExitCode, message: impl Into<String>) -> Self {
        let name = code.error_code();
        Self { code, name, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// Gives it a stable code of its own. Each stands in `explain::codes`.
    #[must_use]
    pub fn coded(self, name: &'static str) -> Self {
        Self { name, ..self }
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
        let this = Self::new(ExitCode::Error, format!("cannot {doing} {}", path.display()))
            .coded("file-io")
            .because(error);
        match (doing, error.kind()) {
            ("write", io::ErrorKind::NotFound) => this.hint("make the folder first, or name another file"),
            ("read", io::ErrorKind::NotFound) => this.hint("see whether the path is right"),
            (_, io::ErrorKind::PermissionDenied) => this.hint(format!("see who may {doing} there")),
            (_, io::ErrorKind::StorageFull) => this.hint("make room on the disk"),
            _ => this.hint("look at the cause, and try again or name another place"),
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
            PlanFileError::Unreadable(_) => {
                "name a file saved with `espalier plan -o FILE`, or the folder with the documents"
            }
            _ => "make a new one: espalier plan -o FILE",
        };
        Self::from_error(ExitCode::Stale, &error).coded(error.code()).hint(hint)
    }
}

impl From<EngineError> for CommandError {
    fn from(error: EngineError) -> Self {
        let hint = error.next();
        let code = ExitCode::from_code(error.exit_code());
        let command = Self::from_error(code, &error).coded(error.code());
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
        let head = format_args!("error[{}]", self.name);
        writeln!(f, "{}: {}", paint(ERROR, head), paint(BOLD, clean(&self.message)))?;
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
        writeln!(f)?;
        // Nobody is left without a next step.
        if self.hints.is_empty() {
            writeln!(f, "{}: `espalier explain {}` says what to do", paint(HINT, "hint"), self.name)?;
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
        error[ledger-missing]: the ledger is missing
          caused by: no such file

        hint: espalier ledger create
        ");
        error.causes.push("the disk is gone".to_owned());
        error.hints.clear();
        insta::assert_snapshot!(plain(&error.to_string()), @r"
        error[ledger-missing]: the ledger is missing
          caused by:
            1. no such file
            2. the disk is gone

        hint: `espalier explain ledger-missing` says what to do
        ");
    }

    #[test]
    fn every_general_code_is_explained_with_its_exit_code() {
        for exit in ExitCode::ALL {
            let name = CommandError::new(exit, "").name;
            let code = crate::explain::codes::find(name).unwrap_or_else(|| panic!("{name} is not explained"));
            if name != "failed" {
                assert_eq!(code.exit, Some(exit.code()), "{name}");
            }
        }
    }

    #[test]
    fn errors_of_the_engine_have_the_exit_codes_that_are_explained_and_a_next_step() {
        use crate::manifest::LoadError;
        use crate::sim::SimError;
        use std::path::PathBuf;

        let io = || io::Error::from(io::ErrorKind::PermissionDenied);
        let path = || PathBuf::from("there");
        let errors: Vec<EngineError> = vec![
            LoadError::Folder { folder: path(), source: io() }.into(),
            LoadError::Within { path: path(), source: io() }.into(),
            LoadError::Outside(path()).into(),
            EngineError::Empty(path()),
            EngineError::TrackedLedger(path()),
            EngineError::WorldHeld("by 1".to_owned()),
            EngineError::World { path: path(), reason: "no".to_owned() },
            EngineError::State { path: path(), source: io() },
            EngineError::Stale(vec!["a".to_owned()]),
            EngineError::OtherDigest { found: "a".to_owned(), expected: "b".to_owned() },
            EngineError::OlderThanApplied { plan: "a".to_owned(), applied: "b".to_owned() },
            crate::plan::order::Cycle(vec!["a".to_owned()]).into(),
            SimError::Listen { port: 80, source: io() }.into(),
            SimError::NoPorts { from: 65_535 }.into(),
            SimError::Record { path: path(), source: io() }.into(),
            SimError::Persist { path: path(), source: io() }.into(),
            PlanFileError::Tampered.into(),
            PlanFileError::OtherFormat(9).into(),
            LedgerError::Missing { path: path() }.into(),
            LedgerError::Exists { path: path() }.into(),
            LedgerError::NilId.into(),
            LedgerError::NotALedger { path: path() }.into(),
            LedgerError::TooNew { path: path(), found: 9, known: 1 }.into(),
            LedgerError::Damaged { place: "there".to_owned(), seq: 1, why: "no".to_owned() }.into(),
            LedgerError::Held { holder: None }.into(),
            LedgerError::Late.into(),
            LedgerError::ReadOnly { place: "there".to_owned() }.into(),
            LedgerError::Busy { place: "there".to_owned() }.into(),
            LedgerError::Io { path: path(), doing: "read", source: io() }.into(),
        ];
        for error in errors {
            let error = CommandError::from(error);
            let code = crate::explain::codes::find(error.name)
                .unwrap_or_else(|| panic!("{} is not explained", error.name));
            assert_eq!(code.exit, Some(error.code.code()), "{}", error.name);
            assert!(error.hints.iter().all(|hint| !hint.is_empty()) && !error.hints.is_empty(), "{error}");
            assert!(plain(&error.to_string()).starts_with(&format!("error[{}]: ", error.name)), "{error}");
        }
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
