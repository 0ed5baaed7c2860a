//! `action …`: what is asked of devices, from its document to its end.
//!
//! ```text
//! find ── draft ─> actions/NAME.yaml ─┬─ git, plan, apply
//!                                     └─ run: this document alone
//! approve ─> approvals/…              list <─ ledger + documents
//! manifest::edit ─> cancel, archive              resolve ─> ledger
//! ```

pub mod args;

mod approve;
mod draft;
mod ending;
mod find;
mod list;
mod new;
mod run;

use std::path::{Path, PathBuf};

use args::{ActionArgs, ActionCommand};

use super::args::GlobalArgs;
use super::error::CommandError;
use super::exit::ExitCode;
use super::setup;
use super::ui::Ui;
use crate::engine::{self, Settings};
use crate::ledger::Holder;
use crate::manifest::{self, Loaded};
use crate::model::clock::Timestamp;
use crate::model::desired::DeviceAction;
use crate::model::{Name, Serial};

/// Does what is asked for.
///
/// # Errors
/// Documents, ledger or simulator that cannot be used; a device or a document that is not there.
pub fn run(args: &ActionArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match &args.command {
        ActionCommand::New(args) => new::run(args, global, ui),
        ActionCommand::Run(args) => run::run(args, global, ui),
        ActionCommand::Approve(args) => approve::run(args, global, ui),
        ActionCommand::List(args) => list::run(args, global, ui),
        ActionCommand::Cancel(args) => ending::cancel(args, global, ui),
        ActionCommand::Resolve(args) => ending::resolve(args, global, ui),
        ActionCommand::Archive(args) => ending::archive(args, global, ui),
    }
}

/// A serial number of the command line.
///
/// # Errors
/// [`ExitCode::Usage`] for a text that is none.
pub fn serial(text: &str) -> Result<Serial, CommandError> {
    text.trim().to_ascii_uppercase().parse().map_err(|error| {
        CommandError::from_error(ExitCode::Usage, &error)
            .coded("bad-serial-argument")
            .hint("a serial number is letters and digits, as the device shows it")
    })
}

/// A document's name of the command line.
///
/// # Errors
/// [`ExitCode::Usage`] for a text that is none.
pub fn name(text: &str) -> Result<Name, CommandError> {
    let text = text.strip_prefix("DeviceAction/").unwrap_or(text);
    Name::new(text).map_err(|error| {
        CommandError::from_error(ExitCode::Usage, &error)
            .coded("action-unknown")
            .hint("the name is that in `metadata.name`: small letters, digits and hyphens, at most 63")
    })
}

/// Who does it, for the record: `ada@desk-7`.
pub fn who() -> String {
    let holder = Holder::of_this_process("", uuid::Uuid::nil(), Timestamp::UNIX_EPOCH);
    let named = ["USER", "LOGNAME", "USERNAME"].iter().any(|name| std::env::var_os(name).is_some());
    let user = if named { None } else { asked("id", &["-un"]) };
    format!("{}@{}", user.unwrap_or(holder.user), holder.host)
}

/// What a program of the system says in one line; `None`: nothing.
fn asked(program: &str, args: &[&str]) -> Option<String> {
    let output = std::process::Command::new(program).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let line = text.lines().next().unwrap_or_default().trim();
    (output.status.success() && !line.is_empty()).then(|| line.to_owned())
}

/// A path below a folder, as people write it: nothing before it for the present one.
pub fn below(folder: &Path, path: &Path) -> PathBuf {
    if folder == Path::new(".") { path.to_owned() } else { folder.join(path) }
}

/// A reason of the command line.
///
/// # Errors
/// [`ExitCode::Usage`] for one that says nothing.
pub fn reason(text: &str) -> Result<String, CommandError> {
    let said = text.trim();
    if said.is_empty() {
        return Err(CommandError::new(ExitCode::Usage, "--reason says nothing")
            .coded("reason-missing")
            .hint("write why: it is recorded, and an auditor reads it"));
    }
    Ok(said.to_owned())
}

/// The folder as an argument of a next command, with a blank before it; empty for the present one.
pub fn as_argument(folder: &Path) -> String {
    if folder == Path::new(".") { String::new() } else { format!(" {}", folder.display()) }
}

/// As [`as_argument`], as `--folder`.
pub fn as_option(folder: &Path) -> String {
    if folder == Path::new(".") { String::new() } else { format!(" --folder {}", folder.display()) }
}

/// The documents of a folder, judged or not: what cannot be read is told.
///
/// # Errors
/// The folder cannot be read, or has no documents.
fn documents(settings: &Settings) -> Result<Loaded, CommandError> {
    Ok(engine::load(settings, Timestamp::now())?)
}

/// The document with this name.
///
/// # Errors
/// [`ExitCode::Usage`] where there is none, with the nearest one.
fn unknown_document(name: &Name, loaded: &Loaded) -> CommandError {
    let names = loaded.desired.actions.keys().map(Name::as_str);
    let hint = match manifest::nearest(name.as_str(), names) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`espalier action list` shows them".to_owned(),
    };
    CommandError::new(ExitCode::Usage, format!("there is no DeviceAction `{name}`"))
        .coded("action-unknown")
        .hint(hint)
}

/// Settings of a command that only reads documents and ledger.
pub fn settings(global: &GlobalArgs, folder: &Path, command: &str) -> Result<Settings, CommandError> {
    if !folder.is_dir() {
        return Err(CommandError::new(ExitCode::Manifests, format!("{} is no folder", folder.display()))
            .coded("folder-unreadable")
            .hint("name the folder with the documents"));
    }
    setup::settings(global, folder, command)
}

/// A document of a folder that is in order, or of which something is refused.
fn find<'l>(loaded: &'l Loaded, name: &Name) -> Option<&'l DeviceAction> {
    loaded.desired.actions.get(name).or_else(|| loaded.doubtful.actions.get(name))
}
