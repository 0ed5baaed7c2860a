//! The arguments of `action …`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::builder::TypedValueParser as _;
use clap::{Args, Subcommand, ValueEnum};

use crate::acts::ActState;
use crate::cli::duration;
use crate::cli::values::{Format, ReportFormat};
use crate::model::ActionKind;

/// `action`.
#[derive(Clone, Debug, Args)]
#[command(
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "\
An action is a document, a DeviceAction: it is done once to each of its devices, never again under \
its name. By pull request:
  espalier action new lock --user ada@contoso.com --reason \"left on the train\"
  espalier plan                       what it would do
  espalier apply                      do it, and follow it to its end
For the night, in one go:
  espalier action run lock DMPXK0A1 --reason \"left on the train\""
)]
pub struct ActionArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: ActionCommand,
}

/// `action …`.
#[derive(Clone, Debug, Subcommand)]
pub enum ActionCommand {
    /// Write a DeviceAction for one device, found by serial, user or name
    New(NewArgs),
    /// Write a DeviceAction for one device, and apply that document alone
    Run(RunArgs),
    /// Write what has to be signed, so that an act may go; and sign it
    Approve(ApproveArgs),
    /// List acts: where each stands, on what that rests, what comes next
    List(ListArgs),
    /// Remove a DeviceAction: what was not sent yet is cancelled, for good
    Cancel(CancelArgs),
    /// Say what came of an act that nobody else can tell
    Resolve(ResolveArgs),
    /// Remove documents all of whose acts have ended
    Archive(ArchiveArgs),
}

/// Where the documents are.
#[derive(Clone, Debug, Args)]
pub struct InFolder {
    /// The folder with the documents [default: .]
    #[arg(long = "folder", value_name = "DIR")]
    pub folder: Option<PathBuf>,
}

impl InFolder {
    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.as_deref().unwrap_or(Path::new("."))
    }
}

fn kinds() -> impl clap::builder::TypedValueParser<Value = ActionKind> {
    let words: Vec<&'static str> = ActionKind::ALL.iter().map(|kind| kind.word()).collect();
    // Every possible value is the word of a kind.
    PossibleValuesParser::new(words).map(|word| ActionKind::from_word(&word).unwrap_or(ActionKind::Sync))
}

/// What a document asks for beside the device.
#[derive(Clone, Debug, Args)]
pub struct AskArgs {
    /// Why: stands in the document and in the record; needed from class disruptive up
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The document's name [default: made of action, serial and day]
    #[arg(long = "name-document", value_name = "NAME")]
    pub document: Option<String>,
    /// An option of the action, like message="Please call"; may be repeated
    #[arg(long = "set", value_name = "OPTION=VALUE", value_parser = option)]
    pub options: Vec<(String, String)>,
    /// The device is in your hands: disableActivationLock and handOver ask for that (L-6)
    #[arg(long)]
    pub in_hand: bool,
    /// Why it may go where no Activation Lock bypass code can be had (L-4)
    #[arg(long, value_name = "TEXT")]
    pub accept_no_bypass_code: Option<String>,
    /// How long it may wait for its device [default: 7d]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub expires_after: Option<Duration>,
}

fn option(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => Ok((name.trim().to_owned(), value.to_owned())),
        _ => Err("write OPTION=VALUE, like name=cart-7".to_owned()),
    }
}

/// `action new`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "The device is looked up at the MDM: exactly one record must fit. What it is goes into `expect`, so that \
    a wrong serial stops the act. Nothing is sent, and no file is overwritten.\n\n\
    Examples:\n  espalier action new lock --serial DMPXK0A1 --reason \"left on the train\"\n  \
    espalier action new wipe --user ada@contoso.com --reason \"leaves the company\"\n  \
    espalier action new enableLostMode --name \"Front desk\" --reason lost \\\n    \
    --set message=\"Please call\" --set phoneNumber=\"+49 30 1234\""
)]
pub struct NewArgs {
    /// What is to be done
    #[arg(value_name = "ACTION", value_parser = kinds())]
    pub kind: ActionKind,
    /// The device
    #[command(flatten)]
    pub device: WhichDevice,
    /// What else it asks for.
    #[command(flatten)]
    pub ask: AskArgs,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}

/// How a device is named.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct WhichDevice {
    /// By its serial number
    #[arg(long, value_name = "SERIAL")]
    pub serial: Option<String>,
    /// By its user's principal name
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// By its name at the MDM
    #[arg(long = "name", value_name = "DEVICE")]
    pub name: Option<String>,
}

/// `action run`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Asks on a terminal, naming the device; elsewhere --yes is needed. Gates, approvals, windows and \
    protection hold as for `apply`. The document stays: commit it.\n\n\
    Example:\n  espalier action run lock DMPXK0A1 --reason \"left on the train\" --wait 10m"
)]
pub struct RunArgs {
    /// What is to be done
    #[arg(value_name = "ACTION", value_parser = kinds())]
    pub kind: ActionKind,
    /// The device
    #[arg(value_name = "SERIAL")]
    pub serial: String,
    /// What else it asks for.
    #[command(flatten)]
    pub ask: AskArgs,
    /// Answer the prompt with yes; opens no gate
    #[arg(short, long)]
    pub yes: bool,
    /// How long to wait for its end [default: 5m on a terminal, 20m elsewhere]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub wait: Option<Duration>,
    /// How to show the outcome
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}

/// `action approve`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Writes a statement for each act into `approvals/`. With --key it is signed by `ssh-keygen`, which asks \
    for the key's passphrase itself; without it the command to sign is told. Commit both files. \
    Who wrote an act's document cannot approve it.\n\n\
    With --plan nothing is asked of ledger and services: approve on your own machine what \
    `espalier plan -o FILE` showed where the ledger is. Without NAME the plan's destructive \
    steps are approved.\n\n\
    Examples:\n  espalier action approve lost-ipad --key ~/.ssh/id_ed25519\n  \
    espalier action approve lost-ipad --plan plan.json --key ~/.ssh/id_ed25519\n  \
    espalier action approve --plan plan.json"
)]
#[command(group(clap::ArgGroup::new("what").args(["name", "plan"]).multiple(true).required(true)))]
pub struct ApproveArgs {
    /// The DeviceAction
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// Only for this device
    #[arg(value_name = "SERIAL", requires = "name")]
    pub serial: Option<String>,
    /// What this saved plan says: of NAME, or of its destructive steps
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Sign with this SSH key: a private key, or the public half of one that an agent holds
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}

/// `action list`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Shows what the ledger knows and what documents ask for; no service is asked. `espalier plan` asks, and \
    says what `apply` would do.\n\nExample:\n  espalier action list --open"
)]
pub struct ListArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Only those that have not ended
    #[arg(long, conflicts_with = "all")]
    pub open: bool,
    /// Also those that ended and whose documents are gone
    #[arg(long)]
    pub all: bool,
    /// How to show them
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `action cancel`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Writes into the ledger that what was not sent is cancelled, so that no commit brings it \
    back, and removes the document; the other documents of its file stay as they are. What \
    was sent cannot be called back: it is followed to its end.\n\n\
    Example:\n  espalier action cancel lost-ipad --reason \"it turned up\""
)]
pub struct CancelArgs {
    /// The DeviceAction
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Why: recorded with your name
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}

/// As what a person resolves an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ResolveAs {
    /// It took place
    Done,
    /// It did not take place
    Failed,
    /// Nobody can tell any more
    Lost,
}

impl ResolveAs {
    /// The state.
    pub const fn state(self) -> ActState {
        match self {
            Self::Done => ActState::Done,
            Self::Failed => ActState::Failed,
            Self::Lost => ActState::Lost,
        }
    }
}

/// `action resolve`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Only for what nobody else can tell: an act that is unknown, or left by a run that died; one that was \
    requested before this ledger's birth; one that the MDM wants approved and named no request for; a \
    hand-over whose time is over. What was sent is followed to its end by `espalier apply`. \
    Look at the device first. It is recorded with your name, and the act ends with it: a new document may \
    then ask the same of the device again.\n\n\
    Example:\n  espalier action resolve lost-ipad DMPXK0A1 --as done --reason \"it is back, and empty\""
)]
pub struct ResolveArgs {
    /// The DeviceAction
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The device
    #[arg(value_name = "SERIAL")]
    pub serial: String,
    /// What came of it
    #[arg(long = "as", value_enum, value_name = "WHAT")]
    pub state: ResolveAs,
    /// How you know
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}

/// `action archive`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Git keeps the documents, the ledger the identity of their acts: neither is done again. Everything else in \
    a file stays byte for byte; a file that holds nothing more is deleted.\n\n\
    Examples:\n  espalier action archive lost-ipad\n  espalier action archive --ended"
)]
#[command(group(clap::ArgGroup::new("which").args(["names", "ended"]).required(true)))]
pub struct ArchiveArgs {
    /// The DeviceActions
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// All of them whose acts have ended
    #[arg(long)]
    pub ended: bool,
    /// The folder.
    #[command(flatten)]
    pub folder: InFolder,
}
