//! `action new`: a document for one device.

use std::collections::BTreeSet;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::args::{AskArgs, NewArgs, WhichDevice};
use super::draft::{Draft, name_of};
use super::find::{self, Found, find};
use super::{as_argument, as_option, below, reason};
use crate::cli::args::{FindingsFormat, GlobalArgs};
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::findings;
use crate::cli::setup;
use crate::cli::ui::Ui;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::engine::inventory::Inventory;
use crate::engine::{self, Session, Settings, Wants};
use crate::model::clock::Timestamp;
use crate::model::{ActionKind, Class, Name, Serial};

/// The folder below the documents' into which documents are written.
const FOLDER: &str = "actions";

/// Writes the document, and says what comes next.
///
/// # Errors
/// No device, or several; a document that `validate` would refuse; a file that cannot be written.
pub fn run(args: &NewArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = args.folder.path();
    let settings = super::settings(global, folder, "action new")?;
    setup::block_on(async {
        let written =
            look(&settings, args.kind, &args.device, &args.ask, ui).await?.write(&settings, &args.ask, ui)?;
        ui.print(&written.text)?;
        ui.say(format_args!("Wrote {}, for {}.", written.path.display(), written.device));
        ui.say(format_args!("{}", next(args.kind, &written.name, folder)));
        Ok(ExitCode::Done)
    })
}

fn next(kind: ActionKind, name: &Name, folder: &Path) -> String {
    let plan = format!("Next: commit it; `espalier plan{}` shows what it would do", as_argument(folder));
    match kind.class() >= Class::Destructive {
        true => format!(
            "{plan}, and where approvals are asked for, `espalier action approve {name}{}` is for another person.",
            as_option(folder)
        ),
        false => format!("{plan}."),
    }
}

/// A device that was found, and when it was asked for.
pub(super) struct Seen {
    kind: ActionKind,
    pub found: Found,
    at: Timestamp,
    /// Names that documents have, or that the ledger knows: an identity is for ever.
    taken: BTreeSet<Name>,
}

/// A document that was written.
pub(super) struct Written {
    pub name: Name,
    pub path: PathBuf,
    pub text: String,
    pub device: String,
}

/// Looks the device up, and nothing else.
///
/// # Errors
/// See [`run`].
pub(super) async fn look(
    settings: &Settings,
    kind: ActionKind,
    which: &WhichDevice,
    ask: &AskArgs,
    ui: &Ui,
) -> Result<Seen, CommandError> {
    check(kind, ask)?;
    let mut session = setup::open(settings.clone(), ui).await?;
    let seen = seen(&mut session, kind, which, ui).await;
    session.close().await?;
    seen
}

async fn seen(
    session: &mut Session,
    kind: ActionKind,
    which: &WhichDevice,
    ui: &Ui,
) -> Result<Seen, CommandError> {
    let progress = ui.progress();
    let records = session.records().await;
    drop(progress);
    let records = records?;
    let protected = find::protected(session.desired());
    let found = match find(kind, which, &records, &protected) {
        Err(error) if error.name == find::UNKNOWN => match &which.serial {
            Some(text) => Err(listed(session, super::serial(text)?, ui).await?.unwrap_or(error)),
            None => Err(error),
        },
        found => found,
    }?;
    let mut taken: BTreeSet<Name> = session.desired().actions.keys().cloned().collect();
    taken.extend(session.view()?.acts.actions().map(|(name, _)| name.clone()));
    Ok(Seen { kind, found, at: session.clock().now(), taken })
}

/// What lists know of a serial number of which there is no record; `None`: nothing.
async fn listed(
    session: &mut Session,
    serial: Serial,
    ui: &Ui,
) -> Result<Option<CommandError>, CommandError> {
    session.also_read(Wants { services: true, devices: true, records: true, ..Wants::default() });
    let progress = ui.progress();
    let read = session.plan(&*progress).await;
    drop(progress);
    let (plan, observed) = read?;
    let inventory = Inventory::of(session, &plan, &observed);
    let rows = || inventory.rows().filter(|row| row.serial == serial);
    // Several lists may have it: the one of its token says most.
    let row = rows().find(|row| row.mdm.is_some_and(|mdm| !mdm.released)).or_else(|| rows().next());
    Ok(row.map(|row| find::not_enrolled(serial, &row)))
}

/// What is wrong whatever the device is.
fn check(kind: ActionKind, ask: &AskArgs) -> Result<(), CommandError> {
    match &ask.reason {
        Some(text) => drop(reason(text)?),
        None if kind.class() > Class::Safe => {
            return Err(CommandError::new(
                ExitCode::Usage,
                format!("--reason is missing: `{kind}` is of class {}, and says why", kind.class()),
            )
            .coded("reason-missing")
            .hint("write why: --reason TEXT"));
        }
        None => {}
    }
    let is_reference = |value: &str| value.trim().starts_with('{');
    if ask.options.iter().any(|(name, value)| name == "pin" && !is_reference(value)) {
        return Err(CommandError::new(
            ExitCode::Usage,
            "a PIN is a secret: a document says where it is, and never holds it",
        )
        .coded("plain-secret-argument")
        .hint("write where it is: --set pin='{env: WIPE_PIN}'"));
    }
    Ok(())
}

impl Seen {
    /// Writes the document for it.
    ///
    /// # Errors
    /// See [`run`].
    pub(super) fn write(self, settings: &Settings, ask: &AskArgs, ui: &Ui) -> Result<Written, CommandError> {
        let name = self.name(ask)?;
        let draft = Draft {
            name: &name,
            kind: self.kind,
            serial: self.found.serial,
            expect: self.found.expect(),
            requested_at: self.at,
            expires_after: ask.expires_after.map(|span| written(span.as_secs())),
            reason: ask.reason.as_deref().map(str::trim),
            in_hand: ask.in_hand,
            accept_no_bypass_code: ask.accept_no_bypass_code.as_deref(),
            options: &ask.options,
        };
        let text = draft.text();
        let path = below(&settings.folder, &Path::new(FOLDER).join(format!("{name}.yaml")));
        let before = refusals(settings, self.at)?;
        create(&path, &text)?;
        let judged = judge(settings, self.at, &before, &path, ui);
        if judged.is_err() {
            // What is refused is not left behind, and what was there before was never touched.
            let _ = fs::remove_file(&path);
        }
        judged?;
        Ok(Written { name, path, text, device: self.found.words() })
    }

    fn name(&self, ask: &AskArgs) -> Result<Name, CommandError> {
        if let Some(wished) = &ask.document {
            let wished = super::name(wished)?;
            if self.taken.contains(&wished) {
                return Err(CommandError::new(
                    ExitCode::Usage,
                    format!("the name DeviceAction/{wished} is taken; an act has its name for ever"),
                )
                .coded("action-name-taken")
                .hint("give another one, or leave --name-document out"));
            }
            return Ok(wished);
        }
        let stem = name_of(self.kind, self.found.serial, self.at);
        let numbered = (2_u32..).map(|number| format!("{stem}-{number}"));
        std::iter::once(stem.clone())
            .chain(numbered)
            .filter_map(|name| Name::new(&name).ok())
            .find(|name| !self.taken.contains(name))
            .ok_or_else(|| CommandError::new(ExitCode::Error, format!("no name is free like {stem}")))
    }
}

/// A duration as documents write it.
fn written(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let exact = units.into_iter().find(|(worth, _)| seconds > 0 && seconds.is_multiple_of(*worth));
    exact.map_or_else(|| format!("{seconds}s"), |(worth, unit)| format!("{}{unit}", seconds / worth))
}

/// Writes a new file, and makes its folder; nothing that is there is touched, links included.
fn create(path: &Path, text: &str) -> Result<(), CommandError> {
    let failed = |error: &std::io::Error| CommandError::file("write", path, error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
        let is_own = fs::symlink_metadata(parent).map_err(|error| failed(&error))?.is_dir();
        if !is_own {
            return Err(CommandError::new(
                ExitCode::Error,
                format!("{} is a link, and documents are not written through one", parent.display()),
            )
            .coded("file-io")
            .hint("make it a folder of the documents"));
        }
    }
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(|error| {
        if error.kind() == ErrorKind::AlreadyExists {
            return CommandError::new(ExitCode::Usage, format!("{} is there already", path.display()))
                .coded("file-exists")
                .hint("nothing is overwritten: give another name with --name-document");
        }
        failed(&error)
    })?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&error))
}

fn identity(finding: &Diagnostic) -> String {
    format!("{} {} {}", finding.code, finding.place, finding.message)
}

fn refusals(settings: &Settings, now: Timestamp) -> Result<BTreeSet<String>, CommandError> {
    let loaded = engine::load(settings, now)?;
    let refused = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Refuse);
    Ok(refused.map(identity).collect())
}

/// Whether the folder is in order with the new document in it.
fn judge(
    settings: &Settings,
    now: Timestamp,
    before: &BTreeSet<String>,
    path: &Path,
    ui: &Ui,
) -> Result<(), CommandError> {
    let loaded = engine::load(settings, now)?;
    let mut found = Diagnostics::default();
    let new = loaded.diagnostics.iter().filter(|one| one.severity == Severity::Refuse);
    for finding in new.filter(|one| !before.contains(&identity(one))) {
        found.push(finding.clone());
    }
    if !found.refuse() {
        return Ok(());
    }
    ui.show(&findings::shown(&found, &loaded.sources, &settings.folder, FindingsFormat::Text));
    let mut error = CommandError::new(
        ExitCode::Manifests,
        format!("{} would be refused, and was not written", path.display()),
    );
    let mut flags: Vec<String> = found.iter().filter_map(flag).collect();
    flags.dedup();
    if !flags.is_empty() {
        error = error.hint(format!("on this command line: {}", flags.join(" ")));
    }
    Err(error
        .hint("say it otherwise, with what is told above; `espalier explain DeviceAction` lists the fields"))
}

/// The argument by which this command writes the field that a finding misses.
fn flag(finding: &Diagnostic) -> Option<String> {
    if finding.message.contains("`physicallyInHand: true`") {
        return Some("--in-hand".to_owned());
    }
    let (_, rest) = finding.message.split_once("`options.")?;
    let (option, rest) = rest.split_once('`')?;
    rest.starts_with(" is missing").then(|| format!("--set {option}=…"))
}
