//! `escrow reveal`: one secret in the clear, on standard output alone.

use std::fs;
use std::path::Path;

use super::args::RevealArgs;
use super::choose;
use crate::cli::action::{self, reason, who};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::engine::Settings;
use crate::escrow::{OpenError, PrivateKey, open};
use crate::model::{SealedKind, Secret};

/// The longest key file that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// Opens it, records that, and prints it: in this order, so that nothing is seen unrecorded.
///
/// # Errors
/// Nothing sealed, a key that does not open it (exit 8), a ledger that cannot be written (exit 10).
pub fn run(args: &RevealArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = action::settings(global, args.folder.path(), "escrow reveal")?;
    let serial = action::serial(&args.serial)?;
    let why = reason(&args.reason)?;
    let key = key(args, ui)?;
    setup::block_on(async {
        let session = setup::open(Settings { changes_world: true, ..settings }, &ui.silent()).await?;
        let outcome = async {
            let view = session.view()?;
            let row = choose(serial, view.acts.sealed_of(&serial), args.entry)?;
            let opened = open(&row.sealed, &key, None, serial, &row.epoch.record)?;
            session.reveal(&serial, row.row, &who(), &why)?;
            Ok::<_, CommandError>((opened, row.clone()))
        }
        .await;
        session.close().await?;
        let (opened, row) = outcome?;
        ui.print(&format!("{}\n", opened.value.reveal()))?;
        let kind = row.sealed.kind;
        ui.say(format_args!(
            "The {} of {serial}, read {}, of {}. Recorded.",
            kind.words(),
            opened.about.read_at,
            row.epoch
        ));
        match kind {
            SealedKind::BypassCode => ui.say(
                "On the device, once it is wiped: leave the Apple Account (user name) empty, and enter the code as the password (L-5).",
            ),
            SealedKind::UnlockPin => ui.say("Enter it on the locked Mac."),
            SealedKind::Passcode => ui.say("It is the device's passcode until its user sets another one (R-3)."),
            SealedKind::Location => {}
        }
        Ok(ExitCode::Done)
    })
}

/// The private key; its passphrase from where the command line says, or asked for on a terminal.
fn key(args: &RevealArgs, ui: &Ui) -> Result<PrivateKey, CommandError> {
    let pem = Secret::new(read(&args.key)?);
    let passphrase = match (&args.passphrase_env, &args.passphrase_file) {
        (Some(variable), _) => Some(std::env::var(variable).map(Secret::new).map_err(|_| {
            CommandError::new(ExitCode::Usage, format!("the variable {variable} is not set, or is no text"))
                .coded("passphrase-missing")
                .hint("set it, or say --passphrase-file FILE")
        })?),
        (None, Some(file)) => {
            let text = read(file)?;
            Some(Secret::new(text.lines().next().unwrap_or_default().to_owned()))
        }
        (None, None) => None,
    };
    match PrivateKey::parse(&pem, passphrase.as_ref()) {
        Err(OpenError::NeedsPassphrase) if ui.is_terminal() => {
            let typed = ui.ask_hidden(&format!("Passphrase of {}", args.key.display()))?;
            Ok(PrivateKey::parse(&pem, Some(&typed))?)
        }
        parsed => Ok(parsed?),
    }
}

fn read(path: &Path) -> Result<String, CommandError> {
    let failed = |error: &std::io::Error| CommandError::file("read", path, error);
    let size = fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > LONGEST {
        let error = std::io::Error::other(format!("it has {size} bytes, and a key has at most {LONGEST}"));
        return Err(failed(&error));
    }
    fs::read_to_string(path).map_err(|error| failed(&error))
}
