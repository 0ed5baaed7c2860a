//! The arguments of `token …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::values::Format;

/// `token`.
#[derive(Clone, Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
A token lasts a year. To renew it (`espalier token renew` leads through it):
  espalier token keygen school              a key pair; its certificate goes to Apple's portal
  espalier token import school token.p7m    what the portal gave for it"
)]
pub struct TokenArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: TokenCommand,
}

/// `token …`.
#[derive(Clone, Debug, Subcommand)]
pub enum TokenCommand {
    /// Make the key pair whose certificate goes to Apple's portal
    Keygen(KeygenArgs),
    /// Show what is in a .p7m, for whom, and until when; never a secret
    Inspect(InspectArgs),
    /// Take up what Apple's portal gave: try it, see that it is the same server's, replace the old one
    Import(ImportArgs),
    /// Lead through a renewal
    Renew(RenewArgs),
}

/// `token keygen`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "A further key pair destroys none that waits. For a token that Intune holds the key is made by \
    Intune; that invalidates a renewal that somebody has begun in its portal, so it asks first.\n\n\
    Examples:\n  espalier token keygen school\n  espalier token keygen main --current    Intune's present key"
)]
pub struct KeygenArgs {
    /// The EnrollmentToken
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Give the certificate that is in use, and make none
    #[arg(long)]
    pub current: bool,
    /// Write the certificate to this file as well
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Answer the question with yes
    #[arg(short, long)]
    pub yes: bool,
}

/// `token inspect`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Offline. Without --key the pairs are tried that wait in the folder, and those that its documents \
    name.\n\n\
    Example:\n  espalier token inspect token.p7m --key private-key.pem --cert certificate.pem"
)]
pub struct InspectArgs {
    /// The file from Apple's portal
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The private key, as PEM
    #[arg(long, value_name = "KEY.pem", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Its certificate, as PEM or DER
    #[arg(long, value_name = "CERT.pem", requires = "key")]
    pub cert: Option<PathBuf>,
    /// The folder with the documents
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `token import`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Nothing is replaced before the new token has signed in at Apple and has shown itself to be the same \
    server's. For a token that Intune holds, the file is uploaded there; that asks first.\n\n\
    Example:\n  espalier token import school ~/Downloads/school_Token.p7m"
)]
pub struct ImportArgs {
    /// The EnrollmentToken
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// The file from Apple's portal
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Write the decrypted token to this file, mode 0600, for a store of secrets
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Answer questions with yes
    #[arg(short, long)]
    pub yes: bool,
}

/// `token renew`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "On a terminal it asks and does it step by step; elsewhere it says the commands.\n\n\
    Example:\n  espalier token renew school")]
pub struct RenewArgs {
    /// The EnrollmentToken
    #[arg(value_name = "TOKEN")]
    pub token: String,
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
}
