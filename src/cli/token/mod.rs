//! `token keygen`, `inspect`, `import`, `renew` (T-1 to T-4, T-6 to T-8, T-13).
//!
//! ```text
//! keygen ── certificate ─> Apple's portal ── .p7m ─> import ── tried, compared ─> in place of the old one
//!   └─ a direct token: a pair that waits in the folder       └─ uploaded, where Intune holds the token
//!   └─ a token at Intune: Intune's own key
//! ```
//!
//! A plan never does any of this: a person does.

pub mod args;
mod direct;
mod import;
pub mod inspect;
mod keygen;
mod mdm;
mod renew;
mod words;

use std::path::Path;

use args::{TokenArgs, TokenCommand};

use super::args::GlobalArgs;
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::diagnostics;
use super::setup;
use super::ui::Ui;
use crate::apply::report::exit_of;
use crate::engine::{EngineError, FolderState, Narrowing, Selection, Session, Settings, TrialError};
use crate::manifest::{self, BesideError};
use crate::model::Name;
use crate::model::desired::{Desired, Token};
use crate::model::live::Unknown;
use crate::server_token::held::{self, HeldError};
use crate::server_token::store::{Store, StoreError};
use crate::server_token::{PairError, TokenFileError, p7m};

/// Does what the subcommand says.
///
/// # Errors
/// Documents, files, keys or services that cannot be used; see each file of this room.
pub fn run(args: &TokenArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match &args.command {
        TokenCommand::Keygen(args) => keygen::run(args, global, ui),
        TokenCommand::Inspect(args) => inspect::run(args, global, ui),
        TokenCommand::Import(args) => import::run(args, global, ui),
        TokenCommand::Renew(args) => renew::run(args, global, ui),
    }
}

/// The documents of a folder, read without asking any service and without resolving any secret.
struct Folder {
    settings: Settings,
    desired: Desired,
    store: Store,
}

impl Folder {
    /// Reads it.
    ///
    /// # Errors
    /// Exit 3 with the findings shown, where they stop the folder.
    fn read(folder: &Path, global: &GlobalArgs, command: &str, ui: &Ui) -> Result<Self, CommandError> {
        let settings = setup::settings(global, folder, command)?;
        let state = FolderState::of(&settings);
        state.stays_within(settings.allow)?;
        let loaded = manifest::load(folder, settings.allow).map_err(EngineError::Folder)?;
        if loaded.documents == 0 {
            return Err(EngineError::Empty(folder.to_owned()).into());
        }
        if loaded.diagnostics.stop_the_folder() {
            let text = |file: &str| loaded.sources.get(file).map(|text| text.to_string());
            ui.show(&diagnostics::text(&loaded.diagnostics, &text));
            return Err(CommandError::new(ExitCode::Manifests, "the documents are not in order")
                .hint("mend what is refused above; `espalier validate` shows it again"));
        }
        Ok(Self { settings, desired: loaded.desired, store: Store::new(state.tokens_dir()) })
    }

    /// A token's name and document.
    ///
    /// # Errors
    /// [`ExitCode::Usage`] for a name that no document has.
    fn token(&self, name: &str) -> Result<(Name, &Token), CommandError> {
        let known = self.desired.tokens.iter().find(|(known, _)| known.as_str() == name);
        known.map(|(name, token)| (name.clone(), token)).ok_or_else(|| {
            let near = manifest::nearest(name, self.desired.tokens.keys().map(Name::as_str));
            let hint = match near {
                Some(near) => format!("did you mean `{near}`?"),
                None => "the name is that in `metadata.name` of an EnrollmentToken".to_owned(),
            };
            CommandError::new(ExitCode::Usage, format!("there is no EnrollmentToken `{name}`"))
                .coded("token-unknown")
                .hint(hint)
        })
    }

    /// Opens the services of this token alone.
    ///
    /// # Errors
    /// See [`setup::open`].
    async fn open(self, name: &Name, changes_world: bool, ui: &Ui) -> Result<Session, CommandError> {
        let mut settings = self.settings;
        let tokens = vec![name.as_str().to_owned()];
        settings.narrowing = Narrowing::To(Selection { tokens, ..Selection::default() });
        settings.changes_world = changes_world && settings.world.is_simulated();
        setup::open(settings, &ui.silent()).await
    }
}

/// Reads a token file that the command line names.
fn read_file(path: &Path) -> Result<Vec<u8>, CommandError> {
    let bytes = held::read_file(path).map_err(|error| match error {
        BesideError::Io(error) => CommandError::file("read", path, &error),
        other => CommandError::new(ExitCode::Error, format!("cannot read {}", path.display()))
            .coded("file-io")
            .because(&other)
            .hint("see whether the path is right"),
    })?;
    if bytes.len() > p7m::LONGEST { Err(TokenFileError::TooLarge(bytes.len()).into()) } else { Ok(bytes) }
}

impl From<TokenFileError> for CommandError {
    /// A key that does not fit is a matter of credentials (exit 8), a file that is none is not.
    fn from(error: TokenFileError) -> Self {
        let exit = match &error {
            TokenFileError::OtherCertificate { .. }
            | TokenFileError::KeyMismatch(_)
            | TokenFileError::Undecryptable(_) => ExitCode::Credentials,
            _ => ExitCode::Error,
        };
        Self::from_error(exit, &error).coded(error.code()).hint(error.next())
    }
}

impl From<PairError> for CommandError {
    fn from(error: PairError) -> Self {
        let exit = match &error {
            PairError::Make(_) => ExitCode::Error,
            _ => ExitCode::Credentials,
        };
        Self::from_error(exit, &error).coded(error.code()).hint(error.next())
    }
}

impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        Self::from_error(ExitCode::Error, &error).coded("state-io").hint("see who may read and write there")
    }
}

impl From<TrialError> for CommandError {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::Refused(error) => {
                let (cause, code, next) = (error.cause, error.code(), error.next.clone());
                let message =
                    format!("the new token does not sign in at Apple; the former one was left: {error}");
                Self::new(ExitCode::from_code(exit_of(cause)), message).coded(code).hint(next)
            }
            TrialError::Unreached(unknown) => not_reached(&unknown),
        }
    }
}

/// The error for a pair or token of a document that cannot be had.
fn not_held(error: &HeldError, token: &Name) -> CommandError {
    CommandError::from_error(ExitCode::Credentials, error).hint(error.next(token))
}

/// The error for a service that cannot be used.
fn not_reached(unknown: &Unknown) -> CommandError {
    CommandError::new(ExitCode::from_code(exit_of(unknown.cause)), unknown.reason.clone())
        .hint(unknown.next.clone())
}
