//! The arguments of `escrow …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::action::args::InFolder;
use crate::cli::values::Format;

/// `escrow`.
#[derive(Clone, Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
What devices' secrets were sealed for is in the ledger: Activation Lock bypass codes, unlock PINs, \
temporary passcodes, places. Only who has the key of a recipient (Fleet.escrow) can open them; espalier \
itself cannot."
)]
pub struct EscrowArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: EscrowCommand,
}

/// `escrow …`.
#[derive(Clone, Debug, Subcommand)]
pub enum EscrowCommand {
    /// List what is sealed, of which devices, for whom, and who opened it
    List(EscrowListArgs),
    /// Open one sealed secret and print it; recorded before it is shown
    Reveal(RevealArgs),
    /// Write sealed secrets as CMS files, which `openssl cms` opens; recorded
    Export(ExportArgs),
}

/// `escrow list`.
#[derive(Clone, Debug, Args)]
pub struct EscrowListArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Only of this device
    #[arg(long, value_name = "SERIAL")]
    pub serial: Option<String>,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `escrow reveal`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The newest of the device is opened, a bypass code before anything else; `--entry` picks another one of \
    `escrow list`. Nothing but the secret goes to standard output. A passphrase is asked for on a \
    terminal.\n\nExample:\n  espalier escrow reveal DMPXK0A1 --key recovery.pem --reason \"returned, locked\""
)]
pub struct RevealArgs {
    /// The device
    #[arg(value_name = "SERIAL")]
    pub serial: String,
    /// The private key of a recipient, in PEM
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The key's passphrase stands in this environment variable
    #[arg(long, value_name = "VARIABLE", conflicts_with = "passphrase_file")]
    pub passphrase_env: Option<String>,
    /// The key's passphrase is the first line of this file
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Why: recorded with your name
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// This entry of the ledger instead of the newest
    #[arg(long, value_name = "N")]
    pub entry: Option<i64>,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}

/// `escrow export`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Without SERIAL everything is written. The files are sealed as they are in the ledger, and nobody else \
    may read them (0600).\n\nExample:\n  espalier escrow export --to escrow-2026 --reason \"yearly copy\""
)]
pub struct ExportArgs {
    /// The devices
    #[arg(value_name = "SERIAL")]
    pub serials: Vec<String>,
    /// Write the files into this folder
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// Why: recorded with your name
    #[arg(long, value_name = "TEXT", default_value = "exported")]
    pub reason: String,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}
