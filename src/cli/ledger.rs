//! `ledger create`, `check`, `journal`.

use std::path::{Path, PathBuf};

use super::args::{Format, GlobalArgs, LedgerArgs, LedgerCheckArgs, LedgerCommand};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::text::count;
use super::setup;
use super::ui::Ui;
use crate::engine::{EngineError, FolderState};
use crate::ledger::{CheckReport, Ledger};
use crate::model::clock::Timestamp;
use crate::model::desired::LedgerRef;

/// Makes, checks or shows the folder's ledger; with `--sim` the simulator's.
///
/// # Errors
/// A folder without a readable `Fleet`; what the ledger says (exit 10).
pub fn run(args: &LedgerArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match &args.command {
        LedgerCommand::Create(args) => create(&args.folder, global, ui),
        LedgerCommand::Check(args) => check(args, global, ui),
        LedgerCommand::Journal(args) => {
            let (path, named) = find(&args.folder, global)?;
            let ledger = Ledger::open_read_only(&path, named.id)?;
            let rows = ledger.journal(args.last.unwrap_or(usize::MAX))?;
            ui.result(|out| {
                rows.iter().try_for_each(|row| writeln!(out, "{:>6}  {}  {}", row.seq, row.at, row.text))
            })?;
            Ok(ExitCode::Done)
        }
    }
}

fn create(folder: &Path, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    if global.sim.is_some() {
        return Err(CommandError::new(ExitCode::Usage, "a simulator's ledger makes itself")
            .coded("ledger-of-simulator")
            .hint("`ledger create` without --sim makes the fleet's own"));
    }
    let (path, named) = find(folder, global)?;
    let ledger = Ledger::create(&path, Some(named.id), Timestamp::now())?;
    ui.print(&format!("Made ledger {} in {}, born {}.\n", ledger.id(), path.display(), ledger.born()))?;
    Ok(ExitCode::Done)
}

fn check(args: &LedgerCheckArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let (path, named) = find(&args.folder, global)?;
    let ledger = Ledger::open_read_only(&path, named.id)?;
    let report = ledger.check()?;
    match args.format {
        Format::Json => ui.print(&(serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"))?,
        Format::Text => ui.print(&words(&report))?,
    }
    Ok(if report.problems.is_empty() { ExitCode::Done } else { ExitCode::Error })
}

fn words(report: &CheckReport) -> String {
    let mut text = format!(
        "{}\n  ledger   {}\n  born     {}\n  holds    {}, {}, {} owned\n",
        report.place,
        report.id,
        report.born,
        entries(report.entries.unsigned_abs()),
        count(report.runs, "run"),
        count(report.owned as u64, "object"),
    );
    for intent in &report.unsettled {
        text += &format!(
            "  open     {} {} since {}: the next apply looks it up\n",
            intent.write, intent.address, intent.since
        );
    }
    for problem in &report.problems {
        text += &format!("  wrong    {problem}\n");
    }
    text += if report.problems.is_empty() { "It is whole.\n" } else { "It is not sound.\n" };
    text
}

fn entries(number: u64) -> String {
    if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") }
}

/// The ledger that the folder's `Fleet` names.
fn find(folder: &Path, global: &GlobalArgs) -> Result<(PathBuf, LedgerRef), CommandError> {
    let settings = setup::settings(global, folder, "ledger")?;
    let loaded = crate::manifest::load(folder, settings.allow).map_err(EngineError::Folder)?;
    let Some(named) = loaded.desired.fleet.ledger else {
        return Err(CommandError::new(
            ExitCode::Manifests,
            format!("no Fleet document in {} names a ledger", folder.display()),
        )
        .coded("ledger-unnamed")
        .hint(
            "write `ledger: {id: …, sqlite: {path: .espalier/ledger.db}}` into it; `espalier init` makes one",
        ));
    };
    let path = match global.sim {
        Some(_) => FolderState::of(&settings).sim_ledger(),
        None => folder.join(&named.sqlite),
    };
    Ok((path, named))
}
