//! `escrow export`: sealed secrets as files that `openssl cms` opens.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::args::ExportArgs;
use super::nothing;
use crate::cli::action::{self, reason, who};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::render::text::count;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::engine::Settings;
use crate::escrow::to_der;
use crate::model::{SealedKind, Serial};

/// Writes the files, each after it was recorded, and how to open them.
///
/// # Errors
/// Nothing sealed; a file that is there already or cannot be written; a ledger that cannot be written.
pub fn run(args: &ExportArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = action::settings(global, args.folder.path(), "escrow export")?;
    let why = reason(&args.reason)?;
    let wanted: Vec<Serial> =
        args.serials.iter().map(|text| action::serial(text)).collect::<Result<_, _>>()?;
    setup::block_on(async {
        let session = setup::open(Settings { changes_world: true, ..settings }, &ui.silent()).await?;
        let outcome = async {
            let view = session.view()?;
            if let Some(missing) = wanted.iter().find(|serial| view.acts.sealed_of(serial).is_empty()) {
                return Err(nothing(*missing));
            }
            let mut all: Vec<(Serial, i64)> = view
                .acts
                .sealed()
                .filter(|(serial, _)| wanted.is_empty() || wanted.contains(serial))
                .map(|(serial, row)| (*serial, row.row))
                .collect();
            all.sort_unstable();
            folder(&args.to)?;
            for (serial, row) in &all {
                let kind = view.acts.sealed_of(serial).iter().find(|one| one.row == *row);
                let kind = kind.map_or(SealedKind::BypassCode, |one| one.sealed.kind);
                let name = format!("{serial}-{}-{row}.p7m", word(kind));
                // What cannot be written is not recorded as written.
                let mut file = new_file(&args.to.join(&name))?;
                let sealed = session.reveal(serial, *row, &who(), &format!("export: {why}"))?;
                let der = to_der(&sealed.sealed).ok_or_else(|| {
                    CommandError::new(ExitCode::Error, format!("entry {row} of {serial} is damaged"))
                        .coded("sealed-damaged")
                        .hint("`espalier ledger check` looks at everything; restore the ledger from a copy")
                })?;
                file.write_all(&der)
                    .map_err(|error| CommandError::file("write", &args.to.join(&name), &error))?;
                ui.print(&format!("{}\n", args.to.join(&name).display()))?;
            }
            Ok(all.len())
        }
        .await;
        session.close().await?;
        let written = outcome?;
        ui.say(format_args!(
            "{} written and recorded. Who has a recipient's key opens one with:\n  openssl cms -decrypt -inform DER -in FILE -inkey KEY",
            count(written as u64, "file")
        ));
        Ok(ExitCode::Done)
    })
}

const fn word(kind: SealedKind) -> &'static str {
    match kind {
        SealedKind::BypassCode => "bypass-code",
        SealedKind::UnlockPin => "unlock-pin",
        SealedKind::Passcode => "passcode",
        SealedKind::Location => "location",
    }
}

fn folder(path: &Path) -> Result<(), CommandError> {
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) => Err(CommandError::file("write", path, &error)),
    }
}

fn new_file(path: &Path) -> Result<File, CommandError> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return CommandError::new(ExitCode::Usage, format!("{} is there already", path.display()))
                .coded("file-exists")
                .hint("nothing is overwritten: name another folder with --to");
        }
        CommandError::file("write", path, &error)
    })
}
