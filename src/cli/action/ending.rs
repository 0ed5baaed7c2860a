//! `action cancel`, `resolve`, `archive`: how acts and their documents end.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::args::{ArchiveArgs, CancelArgs, ResolveArgs};
use super::{as_argument, documents, name, reason, serial, unknown_document, who};
use crate::acts::{ActBook, ActState};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::render::acts::actions;
use crate::cli::ui::Ui;
use crate::cli::{ledger, setup};
use crate::engine::{self, Settings};
use crate::ledger::LedgerView;
use crate::manifest::edit;
use crate::model::clock::Timestamp;
use crate::model::desired::DeviceAction;
use crate::model::{ActId, Kind, Name};

/// Cancels for good what a document asks for and was not sent, removes the document, and says what becomes of its
/// acts.
///
/// # Errors
/// No such document and no such act; a ledger that cannot be read; a file that cannot be written.
pub fn cancel(args: &CancelArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = args.folder.path();
    let settings = super::settings(global, folder, "action cancel")?;
    let name = name(&args.name)?;
    let loaded = documents(&settings)?;
    let view = ledger::look(&settings, &loaded.desired, Timestamp::MAX)?;
    let document = super::find(&loaded, &name);
    if document.is_none() && view.acts.action(&name).is_none() {
        return Err(unknown_document(&name, &loaded));
    }
    // The ledger first: what it calls cancelled is not sent, whatever becomes of the file.
    let why = reason(args.reason.as_deref().unwrap_or("its document was removed"))?;
    let written = match settings.ledger {
        true => setup::block_on(write(&settings, &name, document, &why, ui)),
        false => Ok(LedgerView::none()),
    };
    match document {
        Some(document) => remove(&settings, &[document], ui)?,
        None => ui.say(format_args!("DeviceAction/{name} has no document any more.")),
    }
    let after = match written {
        Ok(after) => after,
        Err(error) => {
            ui.warn(&format!("the ledger was not written, and nothing is cancelled yet: {}", error.message));
            view
        }
    };
    tell(&after.acts, &name, folder, ui)?;
    Ok(ExitCode::Done)
}

/// Writes down that what was not sent is cancelled; returns the ledger after that.
async fn write(
    settings: &Settings,
    name: &Name,
    document: Option<&DeviceAction>,
    why: &str,
    ui: &Ui,
) -> Result<LedgerView, CommandError> {
    let session = setup::open(Settings { changes_world: true, ..settings.clone() }, &ui.silent()).await?;
    let outcome = session.cancel_acts(name, document, &who(), why);
    let after = session.view();
    session.close().await?;
    outcome?;
    Ok(after?)
}

/// What becomes of the acts of a document that is gone.
fn tell(book: &ActBook, name: &Name, folder: &Path, ui: &Ui) -> Result<(), CommandError> {
    let of_document = || book.acts().filter(|(id, _)| id.action == *name);
    let unsent = of_document().filter(|(_, act)| {
        !act.state.has_ended() && !act.state.is_under_way() && act.state != ActState::ApprovalElsewhere
    });
    let argument = as_argument(folder);
    match unsent.count() as u64 {
        0 if of_document().next().is_none() => {
            ui.print(&format!(
                "DeviceAction/{name}: no apply has seen it, and the ledger knows nothing of it: whoever brings the document back asks for it anew.\n"
            ))?;
        }
        0 => {}
        many => ui.print(&format!(
            "DeviceAction/{name}: {} not sent; commit the removal, and `espalier apply{argument}` writes down that they are cancelled, for good.\n",
            actions(many)
        ))?,
    }
    for (id, act) in of_document() {
        if act.state.has_ended() {
            ui.print(&format!("{id} has ended: {} since {}.\n", act.state, act.since))?;
        } else if act.state == ActState::ApprovalElsewhere {
            ui.print(&format!("{id} waits for approval elsewhere: it is not sent again once the removal is applied; reject it there, too.\n"))?;
        } else if act.state.is_under_way() {
            ui.print(&format!(
                "{id} was sent and cannot be called back ({} since {}): it is followed to its end.\n",
                act.state, act.since
            ))?;
        }
    }
    Ok(())
}

/// Records what a person knows of an act.
///
/// # Errors
/// An act that the ledger does not know, or that is not open to it.
pub fn resolve(args: &ResolveArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let settings = super::settings(global, args.folder.path(), "action resolve")?;
    let act = ActId { action: name(&args.name)?, serial: serial(&args.serial)? };
    let why = reason(&args.reason)?;
    setup::block_on(async {
        let session = setup::open(Settings { changes_world: true, ..settings }, ui).await?;
        let outcome = session.resolve_act(&act, args.state.state(), &who(), &why);
        session.close().await?;
        outcome?;
        ui.print(&format!("{act} is {} from now on: {why}.\n", args.state.state()))?;
        Ok(ExitCode::Done)
    })
}

/// Removes documents all of whose acts have ended.
///
/// # Errors
/// A document that is not there, or has an act that has not ended (exit 4).
pub fn archive(args: &ArchiveArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = args.folder.path();
    let settings = super::settings(global, folder, "action archive")?;
    let loaded = documents(&settings)?;
    let view = ledger::look(&settings, &loaded.desired, Timestamp::MAX)?;
    let now = setup::block_on(async { Ok(engine::time(&settings, &loaded).await?) })?;
    let mut chosen: Vec<&DeviceAction> = Vec::new();
    if args.ended {
        chosen.extend(
            loaded.desired.actions.values().filter(|document| open(&view.acts, document, now).is_none()),
        );
    }
    for text in &args.names {
        let name = name(text)?;
        let document = loaded.desired.actions.get(&name).ok_or_else(|| unknown_document(&name, &loaded))?;
        if let Some(why) = open(&view.acts, document, now) {
            return Err(CommandError::new(ExitCode::Stopped, format!("DeviceAction/{name} has not ended: {why}"))
                .coded("action-open")
                .hint(format!(
                    "`espalier action list --open{}` says what comes next; `espalier action cancel {name}` gives it up",
                    as_argument(folder)
                )));
        }
        if !chosen.iter().any(|one| one.name == document.name) {
            chosen.push(document);
        }
    }
    if chosen.is_empty() {
        ui.print("No document has only acts that have ended.\n")?;
        return Ok(ExitCode::Done);
    }
    remove(&settings, &chosen, ui)?;
    let documents = if chosen.len() == 1 { "document" } else { "documents" };
    ui.say(format_args!(
        "{} {documents} removed; git keeps them, and the ledger keeps the names: none is done again.",
        chosen.len()
    ));
    Ok(ExitCode::Done)
}

/// Why a document's acts have not all ended. Of what no apply has seen before its time was over nothing will
/// ever be sent.
fn open(book: &ActBook, document: &DeviceAction, now: Timestamp) -> Option<String> {
    let is_over = document.content.expires <= now;
    let Some(bound) = book.action(&document.name) else {
        return (!is_over).then(|| "no apply has seen it yet".to_owned());
    };
    let serials = bound.serials.iter().copied().chain(document.devices.iter().map(|device| device.serial));
    serials.map(|serial| document.act(serial)).find_map(|id| match book.act(&id) {
        None if is_over => None,
        None => Some(format!("{} was never bound", id.serial)),
        Some(act) if !act.state.has_ended() => Some(format!("{} is {}", id.serial, act.state)),
        Some(_) => None,
    })
}

/// Takes documents out of their files; what is left of each reads as before.
fn remove(settings: &Settings, chosen: &[&DeviceAction], ui: &Ui) -> Result<(), CommandError> {
    let mut files: BTreeMap<&str, Vec<&Name>> = BTreeMap::new();
    for one in chosen {
        files.entry(&one.places.document.file).or_default().push(&one.name);
    }
    for (file, names) in files {
        let path = super::below(&settings.folder, Path::new(file));
        let before = fs::read(&path).map_err(|error| CommandError::file("read", &path, &error))?;
        let mut rest = String::from_utf8(before).map_err(|error| not_cut(&path).because(&error))?;
        let mut documents = 0;
        for name in names {
            let without = edit::without(&rest, Kind::DeviceAction, name)
                .map_err(|error| not_cut(&path).because(&error))?;
            (rest, documents) = (without.text, without.documents);
        }
        if documents == 0 {
            rest.clear();
        }
        let verb = if rest.is_empty() { "deleted" } else { "changed" };
        replace(&path, &rest)?;
        ui.print(&format!("{verb} {}\n", path.display()))?;
    }
    Ok(())
}

fn not_cut(path: &Path) -> CommandError {
    CommandError::new(
        ExitCode::Error,
        format!("cannot tell the document from the rest of {}", path.display()),
    )
    .coded("document-not-cut")
    .hint("remove it by hand")
}

/// Puts a file in the place of another one, whole or not at all; an empty one is deleted.
fn replace(path: &Path, text: &str) -> Result<(), CommandError> {
    let failed = |error: &std::io::Error| CommandError::file("write", path, error);
    if text.is_empty() {
        return fs::remove_file(path).map_err(|error| failed(&error));
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    let permissions = fs::metadata(path).map_err(|error| failed(&error))?.permissions();
    let mut file =
        tempfile::Builder::new().prefix(".espalier-").tempfile_in(folder).map_err(|error| failed(&error))?;
    file.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
    file.as_file().set_permissions(permissions).map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}
