//! From arguments and environment to the settings of a run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{GlobalArgs, SimSource};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::diagnostics;
use super::render::text::count;
use super::ui::Ui;
use crate::diag::Diagnostics;
use crate::engine::{EngineError, Narrowing, Session, Settings, WorldChoice};
use crate::manifest::{Allow, Sources};
use crate::model::Name;

/// What the runner allows documents to do.
const ALLOW: &str = "ESPALIER_ALLOW";

/// Where a simulator in this process records its exchanges; the record holds no secret.
const RECORD: &str = "ESPALIER_SIM_RECORD";

/// The settings of a run over a folder.
///
/// # Errors
/// [`ExitCode::Usage`] for an address or a word that is none.
pub fn settings(global: &GlobalArgs, folder: &Path, command: &str) -> Result<Settings, CommandError> {
    let world = match &global.sim {
        None => WorldChoice::Real,
        Some(SimSource::Folder) => WorldChoice::Kept,
        Some(SimSource::World(path)) => WorldChoice::From(path.clone()),
        Some(SimSource::Url(text)) => WorldChoice::At(text.parse().map_err(|error| {
            CommandError::new(ExitCode::Usage, format!("`{text}` is no address: {error}"))
                .coded("bad-address")
                .hint("name the control address that `espalier sim serve` prints")
        })?),
    };
    Ok(Settings {
        folder: folder.to_owned(),
        allow: allow()?,
        world,
        ledger: !global.no_ledger,
        wait: Duration::ZERO,
        allow_empty: false,
        changes_world: false,
        command: format!("espalier {command}"),
        record: std::env::var_os(RECORD).map(PathBuf::from),
        narrowing: Narrowing::Nothing,
    })
}

/// What `ESPALIER_ALLOW` allows: words parted by commas.
///
/// # Errors
/// [`ExitCode::Usage`] for a word that is none: a typo must not look like a permission.
pub fn allow() -> Result<Allow, CommandError> {
    let mut allow = Allow::default();
    for word in
        std::env::var(ALLOW).unwrap_or_default().split(',').map(str::trim).filter(|word| !word.is_empty())
    {
        match word {
            "exec" => allow.exec = true,
            "files" => allow.files = true,
            "endpoints" => allow.endpoints = true,
            other => {
                return Err(CommandError::new(
                    ExitCode::Usage,
                    format!("{ALLOW} has `{other}`, which is no permission"),
                )
                .coded("bad-allowance")
                .hint("there are: exec, files, endpoints"));
            }
        }
    }
    Ok(allow)
}

/// Runs a future to its end on a runtime that is made only now.
///
/// # Errors
/// What the future says; that no runtime can be had.
pub fn block_on<T>(work: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(
            |error| CommandError::new(ExitCode::Error, "cannot start").coded("system").because(&error),
        )?;
    runtime.block_on(work)
}

/// What a run is narrowed to, in words.
pub fn narrowed(tokens: &BTreeSet<Name>, of: usize) -> String {
    let shown: Vec<&str> = tokens.iter().take(10).map(Name::as_str).collect();
    let more = tokens.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("Narrowed to {} of {}: {}{more}.", tokens.len(), count(of as u64, "token"), shown.join(", "))
}

/// Opens a session; findings that stop the folder are shown, and what the run is narrowed to.
///
/// # Errors
/// Exit 3 for the documents; what ledger and simulator say.
pub async fn open(settings: Settings, ui: &Ui) -> Result<Session, CommandError> {
    open_or(settings, ui, |findings, sources| {
        ui.show(&diagnostics::text(findings, &|file| sources.get(file).map(|text| text.to_string())));
        Ok(())
    })
    .await
}

/// Opens a session; `show` is given findings that stop the folder.
///
/// # Errors
/// As [`open`]; what `show` says.
pub async fn open_or(
    settings: Settings,
    ui: &Ui,
    show: impl FnOnce(&Diagnostics, &Sources) -> Result<(), CommandError>,
) -> Result<Session, CommandError> {
    match Session::open(settings).await {
        Ok(session) => {
            if let Some(tokens) = session.scope().tokens() {
                ui.say(format_args!("{}", narrowed(tokens, session.desired().tokens.len())));
            }
            Ok(session)
        }
        Err(EngineError::Manifests { findings, sources }) => {
            show(&findings, &sources)?;
            Err(CommandError::new(ExitCode::Manifests, "the documents are not in order; nothing was sent")
                .hint("mend what is refused above; `espalier validate` shows it again"))
        }
        Err(error) => Err(error.into()),
    }
}
