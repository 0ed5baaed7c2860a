//! `ledger create`, `check`, `restored`.

use std::path::{Path, PathBuf};

use super::action::{self, reason, who};
use super::args::{Format, GlobalArgs, LedgerArgs, LedgerCheckArgs, LedgerCommand, RestoredArgs};
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::text::count;
use super::ui::Ui;
use super::{journal, setup};
use crate::engine::{EngineError, FolderState, Settings};
use crate::ledger::{CheckReport, Ledger, LedgerError, LedgerView};
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, LedgerRef};

/// Makes, checks or shows the folder's ledger; with `--sim` the simulator's.
///
/// # Errors
/// A folder without a readable `Fleet`; what the ledger says (exit 10).
pub fn run(args: &LedgerArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    match &args.command {
        LedgerCommand::Create(args) => create(&args.folder, global, ui),
        LedgerCommand::Check(args) => check(args, global, ui),
        LedgerCommand::Restored(args) => restored(args, global, ui),
        LedgerCommand::Journal(args) => journal::run(args, global, ui),
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

fn restored(args: &RestoredArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = action::settings(global, &args.folder, "ledger restored")?;
    let why = reason(&args.reason)?;
    setup::block_on(async {
        let session = setup::open(Settings { changes_world: true, ..settings }, &ui.silent()).await?;
        let outcome = session.ledger_restored(&who(), &why, args.history_rewritten);
        let now = session.clock().now();
        let acts = session.view().map(|view| view.acts.open().count());
        session.close().await?;
        outcome?;
        ui.print(&format!("The ledger counts as born {now}: {why}.\n"))?;
        let open = acts?;
        if open > 0 {
            ui.print_text(&format!(
                "{} open; what was requested before now needs `espalier action resolve`, see `espalier action list --open`.\n",
                count(open as u64, "action")
            ))?;
        }
        Ok(ExitCode::Done)
    })
}

/// The ledger of a folder for reading; a simulator's, before its first apply, is `None`.
///
/// # Errors
/// What the ledger says (exit 10); a folder without a readable `Fleet`.
pub fn open(settings: &Settings, desired: &Desired) -> Result<Option<Ledger>, CommandError> {
    let Some(named) = &desired.fleet.ledger else { return Err(unnamed(&settings.folder)) };
    if settings.world.is_simulated() {
        let path = FolderState::of(settings).sim_ledger();
        return match Ledger::open_read_only(&path, named.id) {
            Err(LedgerError::Missing { .. }) => Ok(None),
            opened => Ok(Some(opened?)),
        };
    }
    Ok(Some(Ledger::open_read_only(&settings.folder.join(&named.sqlite), named.id)?))
}

/// What a folder's ledger says, without asking any service; with `--no-ledger` nothing.
///
/// # Errors
/// As [`open`].
pub fn look(settings: &Settings, desired: &Desired, now: Timestamp) -> Result<LedgerView, CommandError> {
    let opened = if settings.ledger { open(settings, desired)? } else { None };
    opened.map_or_else(|| Ok(LedgerView::none()), |ledger| Ok(ledger.view(now)?))
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
    let Some(named) = loaded.desired.fleet.ledger else { return Err(unnamed(folder)) };
    let path = match global.sim {
        Some(_) => FolderState::of(&settings).sim_ledger(),
        None => folder.join(&named.sqlite),
    };
    Ok((path, named))
}

fn unnamed(folder: &Path) -> CommandError {
    CommandError::new(
        ExitCode::Manifests,
        format!("no Fleet document in {} names a ledger", folder.display()),
    )
    .coded("ledger-unnamed")
    .hint("write `ledger: {id: …, sqlite: {path: .espalier/ledger.db}}` into it; `espalier init` makes one")
}
