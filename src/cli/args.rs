//! The command line: clap types, and what follows from one command's arguments alone.
//!
//! [`Command`] holds what this binary can do. The arguments of all commands of this version are
//! described here; a variant joins [`Command`] when there is code behind it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use super::action::args::ActionArgs;
pub use super::devices_args::DevicesArgs;
pub use super::doctor::DoctorArgs;
use super::duration;
use super::error::CommandError;
pub use super::escrow::args::EscrowArgs;
use super::exit::ExitCode;
pub use super::journal::JournalArgs;
use super::render::markdown::DEFAULT_SIZE;
pub use super::sim_args::{SimArgs, SimCommand, SimServeArgs, SimStepArgs};
pub use super::token::args::TokenArgs;
pub use super::values::{
    ColorWhen, FindingsFormat, Format, InvalidDigest, Override, PageFormat, PlanFormat, ReportFormat,
    SimSource, TableFormat,
};
use super::values::{parse_digest, parse_size};
use crate::engine::{LabelTerm, Narrowing, Selection};

/// GitOps for Apple device enrollment: documents to plan to apply.
#[derive(Debug, Parser)]
#[command(
    name = "espalier",
    bin_name = "espalier",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Exit codes: 0 done, 2 changes (plan --detailed-exitcode), 3 invalid documents, 4 stopped by a gate, \
5 plan stale, 6 partly done, 7 not confirmed yet, 8 credentials, 9 service unavailable, 10 ledger or \
lock, 64 wrong command line, 1 anything else.",
    after_long_help = "\
Examples:
  espalier init fleet                  write a starter folder
  espalier validate fleet              check it, offline
  espalier plan fleet --sim            rehearse against the simulator
  espalier plan fleet -o plan.json     make a plan and save it
  espalier apply plan.json             do exactly that
  espalier action run lock SERIAL --reason lost

Exit codes:
  0   done; for plan: no changes, or changes without --detailed-exitcode
  1   an error that has no code of its own
  2   changes, only with --detailed-exitcode
  3   invalid documents
  4   stopped by a gate, a protection, a window, a missing approval, or the answer at the prompt
  5   the plan is stale, expired, changed, or another one than expected
  6   partly done: something committed, and something failed, is blocked or unknown
  7   something that this run sent is not confirmed within --wait, or waits for approval elsewhere
  8   credentials, permission, or Apple's terms
  9   a service unavailable or throttled, nothing written
  10  another run holds the lock, or the ledger is missing or another one
  64  wrong command line"
)]
pub struct Cli {
    /// What holds for every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What holds for every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Work on a simulated tenant: a world kept in the folder, one from a file, or a running one
    #[arg(
        long,
        global = true,
        value_name = "WORLD.json|URL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "",
        long_help = "Work on a simulated tenant instead of the real one.\n\n\
            --sim             a world made from the documents, kept in FOLDER/.espalier/sim\n\
            --sim=WORLD.json  a given world, as GET /world of a simulator returns it\n\
            --sim=URL         a running simulator, by its control address\n\n\
            No secret is resolved, and the real ledger is not touched."
    )]
    pub sim: Option<SimSource>,
    /// Work without the ledger: safe steps only, nothing is deleted
    #[arg(long, global = true)]
    pub no_ledger: bool,
    /// When to colour
    #[arg(long, global = true, value_enum, value_name = "WHEN", default_value_t = ColorWhen::Auto)]
    pub color: ColorWhen,
    /// Say only results, warnings and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// What narrows a command to a part of the fleet.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Narrowing (what lies outside is neither read nor touched)")]
pub struct NarrowArgs {
    /// Only tokens of this Connection; may be repeated, or several parted by commas
    #[arg(long = "connection", value_name = "NAME", value_delimiter = ',')]
    pub connections: Vec<String>,
    /// Only this EnrollmentToken; may be repeated, or several parted by commas
    #[arg(long = "token", value_name = "NAME", value_delimiter = ',')]
    pub tokens: Vec<String>,
    /// Only tokens with these labels, like region=north,stage!=pilot
    #[arg(short = 'l', long = "label", value_name = "KEY=VALUE", value_delimiter = ',')]
    pub labels: Vec<LabelTerm>,
}

impl NarrowArgs {
    /// What the run is narrowed to.
    pub fn narrowing(&self) -> Narrowing {
        let Self { connections, tokens, labels } = self.clone();
        let selection = Selection { connections, tokens, labels };
        if selection == Selection::default() { Narrowing::Nothing } else { Narrowing::To(selection) }
    }
}

/// The commands of this binary.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take the two-minute tour on the embedded simulator
    Demo(DemoArgs),
    /// Write a starter folder: documents, CI files, editor settings
    Init(InitArgs),
    /// Judge the documents, offline
    Validate(ValidateArgs),
    /// Show what apply would do
    Plan(PlanArgs),
    /// Show a saved plan
    Show(ShowArgs),
    /// Carry a plan out: one made now, or a saved one
    Apply(ApplyArgs),
    /// Show what moved outside since the last apply
    Drift(DriftArgs),
    /// Plan, and where the Fleet allows it apply, whenever something changes
    Watch(WatchArgs),
    /// Show how each token is, worst first
    Status(StatusArgs),
    /// List the devices of all tokens
    Devices(DevicesArgs),
    /// Check sign-in, and tell which permissions the documents need
    Doctor(DoctorArgs),
    /// Rehearse: serve, step or discard a simulated tenant
    Sim(SimArgs),
    /// Ask devices for something, once: write, run, approve, list, cancel, resolve, archive
    Action(ActionArgs),
    /// List, open and export what was sealed of devices
    Escrow(EscrowArgs),
    /// Show what was done, in words, newest last
    Journal(JournalArgs),
    /// Make or check the ledger, or say that it was put back from a copy
    Ledger(LedgerArgs),
    /// Make, look at and renew server tokens from Apple
    Token(TokenArgs),
    /// Explain a requirement row, a field, a screen, or a code
    Explain(ExplainArgs),
    /// Write the JSON Schemas of documents and outputs
    Schema(SchemaArgs),
    /// Write completions for a shell to standard output
    Completions(CompletionsArgs),
    /// Write the manual page to standard output, or all pages to a folder
    Man(ManArgs),
}

/// `demo`.
#[derive(Clone, Debug, Args)]
pub struct DemoArgs {
    /// Keep the folder here instead of in a temporary place
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
}

/// `init`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Nothing that exists is overwritten.\n\nExample:\n  espalier init fleet && espalier plan fleet --sim"
)]
pub struct InitArgs {
    /// The folder; it is made if need be
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
}

/// `validate`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Offline: nothing is read from or sent to any service. Exit 3 if anything is refused.\n\n\
    Paths in sarif, github and gitlab are relative to the root of the git repository.\n\n\
    Example:\n  espalier validate fleet --format github"
)]
pub struct ValidateArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// How to show the findings
    #[arg(long, value_enum, default_value_t)]
    pub format: FindingsFormat,
    /// Which part of the fleet.
    #[command(flatten)]
    pub narrow: NarrowArgs,
}

/// `plan`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Reads only. What the plan says can be applied as it is with `espalier apply FILE`.\n\n\
    Examples:\n  espalier plan fleet --sim\n  espalier plan fleet -o plan.json --detailed-exitcode"
)]
pub struct PlanArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Save the plan to this file
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// How to show the plan
    #[arg(long, value_enum, default_value_t)]
    pub format: PlanFormat,
    /// With markdown: the most characters that it may have, for GitLab 1000000
    #[arg(long, value_name = "N", value_parser = parse_size, default_value_t = DEFAULT_SIZE)]
    pub max_size: usize,
    /// End with 2 if there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// List what is left alone, one by one
    #[arg(long)]
    pub show_unmanaged: bool,
    /// Rest on what an earlier run read of Apple Business or School, if it is no older than this
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max_age: Option<Duration>,
    /// Take a folder without documents for a wish to manage nothing
    #[arg(long)]
    pub dangerous_allow_empty: bool,
    /// Which part of the fleet.
    #[command(flatten)]
    pub narrow: NarrowArgs,
}

/// `show`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  espalier plan -o plan.json && espalier show plan.json")]
pub struct ShowArgs {
    /// A plan saved with `plan -o`
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
    /// With markdown: the most characters that it may have, for GitLab 1000000
    #[arg(long, value_name = "N", value_parser = parse_size, default_value_t = DEFAULT_SIZE)]
    pub max_size: usize,
    /// List what is left alone, one by one
    #[arg(long)]
    pub show_unmanaged: bool,
}

/// `apply`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Asks on a terminal; elsewhere --yes is needed. What is not finished within --wait is pending, \
    and any later apply goes on. Gates that stop something, and how to --override them, are shown by \
    `espalier plan`.\n\n\
    Examples:\n  espalier apply fleet\n  espalier apply plan.json --folder fleet --yes\n  \
    espalier apply fleet --yes --expect-digest sha256:…\n  \
    espalier apply fleet --override limit/update/school=sha256:…"
)]
pub struct ApplyArgs {
    /// The folder with the documents, or a plan saved with `plan -o`
    #[arg(value_name = "FOLDER|FILE", default_value = ".")]
    pub target: PathBuf,
    /// With FILE: the folder that the plan belongs to [default: .]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,
    /// Answer the prompt with yes; opens no gate
    #[arg(short, long)]
    pub yes: bool,
    /// How long to wait for what takes a while [default: 5m on a terminal, 20m elsewhere]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub wait: Option<Duration>,
    /// Go on only if the plan has this digest
    #[arg(long, value_name = "DIGEST", value_parser = parse_digest)]
    pub expect_digest: Option<String>,
    /// Open one gate for the plan with this digest; may be repeated
    #[arg(long = "override", value_name = "GATE=DIGEST")]
    pub overrides: Vec<Override>,
    /// How to show the outcome
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
    /// With markdown: the most characters that it may have, for GitLab 1000000
    #[arg(long, value_name = "N", value_parser = parse_size, default_value_t = DEFAULT_SIZE)]
    pub max_size: usize,
    /// Take a folder without documents for a wish to manage nothing
    #[arg(long)]
    pub dangerous_allow_empty: bool,
    /// Which part of the fleet.
    #[command(flatten)]
    pub narrow: NarrowArgs,
}

/// What `apply` works from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplySource {
    /// The documents of this folder: plan first, then apply.
    Folder(PathBuf),
    /// A saved plan, and the folder that it belongs to.
    Plan {
        /// The plan's file.
        file: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
}

impl ApplyArgs {
    /// Tells a folder from a plan's file; the one look at the disk that takes.
    ///
    /// # Errors
    /// [`ExitCode::Usage`] for `--folder` beside a folder, and for a narrowing beside a file.
    pub fn source(&self) -> Result<ApplySource, CommandError> {
        match (&self.folder, self.target.is_dir()) {
            (None, true) => Ok(ApplySource::Folder(self.target.clone())),
            (_, false) if self.narrow.narrowing() != Narrowing::Nothing => Err(CommandError::new(
                ExitCode::Usage,
                "a saved plan is applied as it was made: it is not narrowed any more",
            )
            .hint("narrow the plan: espalier plan --token NAME -o FILE")),
            (Some(_), true) => Err(CommandError::new(
                ExitCode::Usage,
                "--folder belongs to a plan's file, and this is a folder",
            )
            .hint(format!("espalier apply {}", self.target.display()))),
            (folder, false) => Ok(ApplySource::Plan {
                file: self.target.clone(),
                folder: folder.clone().unwrap_or_else(|| PathBuf::from(".")),
            }),
        }
    }

    /// How long to wait: as asked for, else 5 minutes where somebody sits (`talks`), else 20.
    pub fn wait(&self, talks: bool) -> Duration {
        self.wait.unwrap_or(Duration::from_secs(if talks { 5 * 60 } else { 20 * 60 }))
    }
}

/// `--format` of `watch` and `drift`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StreamFormat {
    /// For people
    #[default]
    Text,
    /// For programs; `espalier schema` has its shape
    Json,
}

/// `drift`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Reads only. What the documents newly wish is not shown; `espalier plan` shows both.\n\n\
    Example:\n  espalier drift fleet --detailed-exitcode"
)]
pub struct DriftArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: StreamFormat,
    /// End with 2 if anything moved
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Rest on what an earlier run read of Apple Business or School, if it is no older than this
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max_age: Option<Duration>,
}

/// `watch`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "What it may do by itself, `Fleet.watch` says: by default it plans when documents change and \
    reports what moved outside. Gates hold as for `apply --yes`. It ends with SIGTERM or Ctrl-C, \
    after the request that is under way.\n\n\
    Examples:\n  espalier watch fleet --listen 127.0.0.1:9464\n  espalier watch fleet --sim --format json"
)]
pub struct WatchArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Serve /healthz, /readyz and /metrics here, e.g. 127.0.0.1:9464 [default: not at all]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<std::net::SocketAddr>,
    /// How to show what happens; json is one object per line
    #[arg(long, value_enum, default_value_t)]
    pub format: StreamFormat,
}

/// `status`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "One line per token, and one per organisation at Apple, worst first.\n\nExample:\n  espalier status fleet --exit-code"
)]
pub struct StatusArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
    /// End with 2 if anything expires soon or is open
    #[arg(long)]
    pub exit_code: bool,
    /// Rest on what an earlier run read of Apple Business or School, if it is no older than this
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub max_age: Option<Duration>,
    /// Which part of the fleet.
    #[command(flatten)]
    pub narrow: NarrowArgs,
}

/// `explain`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Without WORD, what can be explained is listed.\n\n\
    Examples:\n  espalier explain P-14\n  espalier explain EnrollmentProfile.sharedIpad\n  \
    espalier explain unknown-field\n  espalier explain profileRemovalDisabled")]
pub struct ExplainArgs {
    /// A row, a kind, a field by its path or name, a screen, a code, a portal label, or a Graph member
    #[arg(value_name = "WORD", conflicts_with_all = ["rows", "settings"])]
    pub words: Vec<String>,
    /// List all rows: what about, how grave, where served
    #[arg(long, conflicts_with = "settings")]
    pub rows: bool,
    /// List the portal's settings with their fields and Graph members
    #[arg(long)]
    pub settings: bool,
    /// How to show it
    #[arg(long, value_enum, default_value_t)]
    pub format: PageFormat,
}

/// `schema`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Without KIND and without --output the names are listed.\n\n\
    Examples:\n  espalier schema EnrollmentProfile\n  espalier schema plan\n  espalier schema --output schemas")]
pub struct SchemaArgs {
    /// A kind of document, or an output: plan, apply-report, drift, watch-event, status, devices, actions, escrow, journal, doctor, diagnostics, sim-control
    #[arg(value_name = "KIND")]
    pub kind: Option<String>,
    /// Write the schemas into this folder, one file each
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

/// A command that takes the folder only.
#[derive(Clone, Debug, Args)]
pub struct FolderArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
}

/// `ledger`.
#[derive(Clone, Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct LedgerArgs {
    /// What to do with the ledger.
    #[command(subcommand)]
    pub command: LedgerCommand,
}

/// `ledger …`.
#[derive(Clone, Debug, Subcommand)]
pub enum LedgerCommand {
    /// Make the ledger that the Fleet document names, once
    Create(FolderArgs),
    /// Check that the ledger is there, whole, and the Fleet's
    Check(LedgerCheckArgs),
    /// Say that the ledger was put back from a copy: what it does not know may have happened
    Restored(RestoredArgs),
    /// Show what was done, newest last: `espalier journal`
    #[command(hide = true)]
    Journal(JournalArgs),
}

/// `ledger check`.
#[derive(Clone, Debug, Args)]
pub struct LedgerCheckArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// How to show what was found
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `ledger restored`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Acts that were requested before this moment, and that the ledger does not show as ended, are unknown \
    history from now on: each needs `action resolve`, or a new document.\n\n\
    Example:\n  espalier ledger restored --reason \"disk lost; copy of 2026-11-20\""
)]
pub struct RestoredArgs {
    /// The folder with the documents
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub folder: PathBuf,
    /// Why: recorded with your name
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// The repository's history was rewritten too: acts may run from any commit next
    #[arg(long)]
    pub history_rewritten: bool,
}

/// `completions`.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Example:\n  espalier completions bash > ~/.local/share/bash-completion/completions/espalier"
)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `man`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example:\n  espalier man --output ~/.local/share/man/man1")]
pub struct ManArgs {
    /// Write the pages of all commands into this folder
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
