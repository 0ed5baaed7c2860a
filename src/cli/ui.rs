//! What the user sees: results on standard output, everything else on standard error.
//!
//! This is the only place that writes to either, and a reader that went away is no error.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::sync::Arc;

use anstream::{AutoStream, ColorChoice};

use super::args::{ColorWhen, GlobalArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::progress::{Bars, Lines};
use super::render::text::{WARN, clean, paint, with_flag};
use crate::model::Secret;
use crate::progress::{NoProgress, Progress};

/// The streams and how to use them.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    color: ColorChoice,
    quiet: bool,
    /// Somebody sits there: both ends of the talk are terminals.
    talks: bool,
    err_is_terminal: bool,
    /// What next steps have to carry that are told in a run of the simulator: `--sim`.
    sim: Option<&'static str>,
}

impl Ui {
    /// The streams of this process, as the command line asks for them.
    pub fn new(global: &GlobalArgs) -> Self {
        let err_is_terminal = io::stderr().is_terminal();
        Self {
            color: match global.color {
                ColorWhen::Auto => ColorChoice::Auto,
                ColorWhen::Always => ColorChoice::Always,
                ColorWhen::Never => ColorChoice::Never,
            },
            quiet: global.quiet,
            talks: err_is_terminal && io::stdin().is_terminal(),
            err_is_terminal,
            // One for the life of the process, so that everybody may hold it.
            sim: global.sim.as_ref().map(|sim| &*Box::leak(sim.flag().into_boxed_str())),
        }
    }

    /// The same streams, silent beside results, warnings and errors: no plan before its application
    /// and no progress.
    pub const fn silent(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Whether only results, warnings and errors are shown.
    pub const fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether a person can be asked. `--wait` is shorter then.
    pub const fn is_terminal(&self) -> bool {
        self.talks
    }

    /// Writes the result of a command to standard output, buffered. A reader that went away ends
    /// the writing and nothing else.
    ///
    /// # Errors
    /// Any other failure of standard output, e.g. a full disk behind it.
    pub fn result(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), CommandError> {
        let stream = AutoStream::new(io::stdout().lock(), self.color);
        let mut out = BufWriter::with_capacity(1 << 16, stream);
        match write(&mut out).and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(CommandError::new(ExitCode::Error, "cannot write to standard output")
                    .coded("stdout")
                    .because(&error))
            }
            _ => Ok(()),
        }
    }

    /// Writes a result that is ready.
    ///
    /// # Errors
    /// See [`Ui::result`].
    pub fn print(&self, text: &str) -> Result<(), CommandError> {
        self.result(|out| out.write_all(text.as_bytes()))
    }

    /// Writes a result for people: next steps in it carry `--sim` where this run does.
    ///
    /// # Errors
    /// See [`Ui::result`].
    pub fn print_text(&self, text: &str) -> Result<(), CommandError> {
        self.print(&self.in_this_world(text))
    }

    fn in_this_world<'t>(&self, text: &'t str) -> Cow<'t, str> {
        match self.sim {
            Some(flag) => with_flag(text, flag),
            None => Cow::Borrowed(text),
        }
    }

    /// Says something beside the result, unless `--quiet`.
    pub fn say(&self, text: impl Display) {
        if !self.quiet {
            self.tell(format_args!("{text}\n"));
        }
    }

    /// Warns, also with `--quiet`.
    pub fn warn(&self, text: &str) {
        self.tell(format_args!("{}: {}\n", paint(WARN, "warning"), clean(text)));
    }

    /// Shows a text beside the result as it is, also with `--quiet`: findings, or a plan before
    /// its application.
    pub fn show(&self, text: &str) {
        self.tell(text);
    }

    /// Tells why the command ended.
    pub fn error(&self, error: &CommandError) {
        self.tell(error);
    }

    fn tell(&self, text: impl Display) {
        // Nobody is left to be told of a failure here.
        let text = text.to_string();
        let _ = write!(AutoStream::new(io::stderr().lock(), self.color), "{}", self.in_this_world(&text));
    }

    /// Asks a question that `no` answers by default.
    ///
    /// # Errors
    /// [`ExitCode::Usage`] where nobody can be asked, with the hint to say `--yes`.
    pub fn confirm(&self, question: &str) -> Result<bool, CommandError> {
        if !self.talks {
            return Err(CommandError::new(ExitCode::Usage, "nobody can be asked here: this is no terminal")
                .coded("no-terminal")
                .hint("look at `espalier plan`, then say --yes"));
        }
        let theme: &dyn dialoguer::theme::Theme = &dialoguer::theme::SimpleTheme;
        dialoguer::Confirm::with_theme(theme)
            .with_prompt(question)
            .default(false)
            .interact()
            .map_err(|dialoguer::Error::IO(error)| unanswered(&error))
    }

    /// Asks for a line of text, which may be empty.
    ///
    /// # Errors
    /// [`ExitCode::Usage`] where nobody can be asked.
    pub fn ask(&self, prompt: &str) -> Result<String, CommandError> {
        if !self.talks {
            return Err(CommandError::new(ExitCode::Usage, "nobody can be asked here: this is no terminal")
                .coded("no-terminal")
                .hint("give it as an argument"));
        }
        let theme: &dyn dialoguer::theme::Theme = &dialoguer::theme::SimpleTheme;
        dialoguer::Input::<String>::with_theme(theme)
            .with_prompt(prompt)
            .allow_empty(true)
            .interact_text()
            .map_err(|dialoguer::Error::IO(error)| unanswered(&error))
    }

    /// Asks for a secret, which is not shown while it is typed.
    ///
    /// # Errors
    /// [`ExitCode::Usage`] where nobody can be asked.
    pub fn ask_hidden(&self, prompt: &str) -> Result<Secret, CommandError> {
        if !self.talks {
            return Err(CommandError::new(ExitCode::Usage, "nobody can be asked here: this is no terminal")
                .coded("no-terminal")
                .hint("give it as an argument"));
        }
        self.tell(format_args!("{prompt}: "));
        let typed = dialoguer::console::Term::stderr().read_secure_line();
        typed.map(Secret::new).map_err(|error| unanswered(&error))
    }

    /// Shows how far long work is: a bar on a terminal, a line each 30 seconds elsewhere, nothing
    /// with `--quiet`. The bar goes with the last reference to it: drop that before asking or
    /// printing anything.
    pub fn progress(&self) -> Arc<dyn Progress> {
        match (self.quiet, self.err_is_terminal) {
            (true, _) => Arc::new(NoProgress),
            (false, true) => Arc::new(Bars::new()),
            (false, false) => Arc::new(Lines::new(*self)),
        }
    }
}

/// Why a question has no answer. Who interrupts it has answered no.
fn unanswered(error: &io::Error) -> CommandError {
    match error.kind() {
        io::ErrorKind::Interrupted => {
            CommandError::new(ExitCode::Stopped, "interrupted at the prompt: nothing was done")
                .coded("answered-no")
                .hint("run it again when you know")
        }
        _ => CommandError::new(ExitCode::Error, "cannot read the answer").coded("system").because(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_at_the_prompt_is_a_no_and_no_failure() {
        let error = unanswered(&io::Error::from(io::ErrorKind::Interrupted));
        assert_eq!((error.code, error.name), (ExitCode::Stopped, "answered-no"));
        assert!(error.message.contains("nothing was done") && error.causes.is_empty(), "{error:?}");
        let error = unanswered(&io::Error::from(io::ErrorKind::UnexpectedEof));
        assert_eq!((error.code, error.name), (ExitCode::Error, "system"));
    }
}
