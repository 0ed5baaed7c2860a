//! From arguments and environment to the settings of a run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{GlobalArgs, SimSource};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::diagnostics;
use super::ui::Ui;
use crate::engine::{EngineError, Session, Settings, WorldChoice};
use crate::manifest::Allow;

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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| CommandError::new(ExitCode::Error, "cannot start").because(&error))?;
    runtime.block_on(work)
}

/// Opens a session; findings that stop the folder are shown.
///
/// # Errors
/// Exit 3 for the documents; what ledger and simulator say.
pub async fn open(settings: Settings, ui: &Ui) -> Result<Session, CommandError> {
    match Session::open(settings).await {
        Ok(session) => Ok(session),
        Err(EngineError::Manifests { findings, sources }) => {
            ui.show(&diagnostics::text(&findings, &|file| sources.get(file).map(|text| text.to_string())));
            Err(CommandError::new(ExitCode::Manifests, "the documents are not in order; nothing was sent"))
        }
        Err(error) => Err(error.into()),
    }
}
