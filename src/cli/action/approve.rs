//! `action approve`: what somebody agrees to, and their signature.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::args::ApproveArgs;
use crate::approval::{self, AllowedSigners, Digest, NAMESPACE, Statement};
use crate::cli::args::GlobalArgs;
use crate::cli::error::CommandError;
use crate::cli::exit::ExitCode;
use crate::cli::render::acts::{actions, known_of};
use crate::cli::render::text::on_one_line;
use crate::cli::ui::Ui;
use crate::cli::{setup, show};
use crate::engine::{EngineError, Session};
use crate::manifest;
use crate::model::clock::Timestamp;
use crate::model::desired::Desired;
use crate::plan::gates::acts::{ABOUT_STEPS, destructive_digest};
use crate::plan::{Plan, PlannedAct};

/// What gates that ask for approvals begin with.
const GATE: &str = "approval/act/";

/// Writes statements, and signs them or tells how.
///
/// # Errors
/// No such document; nothing that needs an approval; files that cannot be written; a key that `ssh-keygen` does
/// not take.
pub fn run(args: &ApproveArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = args.folder.path();
    let settings = super::settings(global, folder, "action approve")?;
    if let Some(key) = &args.key
        && !key.exists()
    {
        let missing = std::io::Error::from(ErrorKind::NotFound);
        return Err(CommandError::file("read", key, &missing));
    }
    setup::block_on(async {
        let Agreed { outcome, signers, now } = match &args.plan {
            // A plan carries all that is agreed to: neither a ledger nor a service is asked.
            Some(file) if global.sim.is_none() => {
                let now = Timestamp::now();
                let loaded = manifest::load(&settings.folder, settings.allow).map_err(EngineError::Folder)?;
                Agreed { outcome: of_plan(file, args, now, ui), signers: signers(&loaded.desired), now }
            }
            _ => {
                let session = setup::open(settings, ui).await?;
                let now = session.clock().now();
                let outcome = match &args.plan {
                    Some(file) => of_plan(file, args, now, ui),
                    None => of_acts(args, &session, ui).await,
                };
                let signers = signers(session.desired());
                session.close().await?;
                Agreed { outcome, signers, now }
            }
        };
        let statements = outcome?;
        for statement in &statements {
            let written = write(folder, statement, global.sim.is_some())?;
            ui.print(&format!("{}\n", written.path.display()))?;
            ui.say(format_args!("{}", on_one_line(statement.about())));
            match &args.key {
                Some(key) => sign(key, &written, statement, signers.as_deref(), now, ui)?,
                None => {
                    let command = approval::sign_command(&written.path.display().to_string());
                    ui.say(format_args!("Sign it: {command}"));
                }
            }
        }
        let signed =
            if args.key.is_some() { "Commit both files of each" } else { "Then commit both files of each" };
        ui.say(format_args!("{signed}: an approval counts once it is in the folder that is applied."));
        Ok(ExitCode::Done)
    })
}

/// What somebody agrees to, who may by the folder, and when.
struct Agreed {
    outcome: Result<Vec<Statement>, CommandError>,
    signers: Option<String>,
    now: Timestamp,
}

fn signers(desired: &Desired) -> Option<String> {
    desired.fleet.gates.approvals.as_ref().map(|one| one.signers.clone())
}

/// The statements of a document's acts that wait for approval, as the services show them now.
async fn of_acts(args: &ApproveArgs, session: &Session, ui: &Ui) -> Result<Vec<Statement>, CommandError> {
    let progress = ui.progress();
    let (plan, _) = session.plan(&*progress).await?;
    drop(progress);
    among(&plan, args, session.clock().now(), ui)
}

/// The statements of those acts of a plan that the arguments name and that wait for approval.
fn among(plan: &Plan, args: &ApproveArgs, now: Timestamp, ui: &Ui) -> Result<Vec<Statement>, CommandError> {
    let name = super::name(args.name.as_deref().unwrap_or_default())?;
    let serial = args.serial.as_deref().map(super::serial).transpose()?;
    let is_named =
        |act: &&PlannedAct| act.id.action == name && serial.is_none_or(|serial| act.id.serial == serial);
    let acts: Vec<&PlannedAct> = plan.acts.iter().filter(is_named).collect();
    if acts.is_empty() {
        let what =
            serial.map_or(format!("DeviceAction/{name}"), |serial| format!("DeviceAction/{name} {serial}"));
        return Err(CommandError::new(ExitCode::Usage, format!("the plan has no act of {what}"))
            .coded("action-unknown")
            .hint("`espalier action list` shows what there is, `espalier plan` what stands in its way"));
    }
    let ledger = plan.ledger.ok_or_else(no_ledger)?;
    let waiting: Vec<&PlannedAct> = acts.iter().copied().filter(|act| waits(plan, act)).collect();
    if waiting.is_empty() {
        return Err(CommandError::new(
            ExitCode::Stopped,
            format!(
                "{} of DeviceAction/{name}, and none waits for an approval here",
                actions(acts.len() as u64)
            ),
        )
        .coded("approval-not-needed")
        .hint("`espalier plan` says what stands in its way; `Fleet.approvals` says what needs approval"));
    }
    for act in &waiting {
        ui.say(format_args!("{}: {}", act.id, on_one_line(&known_of(act))));
    }
    waiting.into_iter().map(|act| statement(ledger, &act.digest, &act.step_id(), now)).collect()
}

fn no_ledger() -> CommandError {
    CommandError::new(ExitCode::Ledger, "an approval belongs to a fleet's ledger, and there is none")
        .hint("approve where the fleet's ledger is, or what its plan says: `espalier plan -o FILE` there, `espalier action approve NAME --plan FILE` here")
}

fn waits(plan: &Plan, act: &PlannedAct) -> bool {
    let id = act.step_id();
    plan.stops.iter().any(|stop| stop.gate.starts_with(GATE) && stop.steps.contains(&id))
        || act.state == crate::acts::ActState::NeedsApproval
}

/// The statements over a saved plan's acts that were named, or the one over its destructive steps.
fn of_plan(file: &Path, args: &ApproveArgs, now: Timestamp, ui: &Ui) -> Result<Vec<Statement>, CommandError> {
    let plan = show::read(file)?.into_plan();
    if args.name.is_some() {
        return among(&plan, args, now, ui);
    }
    let ledger = plan.ledger.ok_or_else(no_ledger)?;
    let digest = destructive_digest(&plan).ok_or_else(|| {
        CommandError::new(ExitCode::Stopped, format!("{} has no destructive step", file.display()))
            .coded("approval-not-needed")
            .hint("acts are approved one by one: `espalier action approve NAME`, with or without --plan FILE")
    })?;
    Ok(vec![statement(ledger, &digest, ABOUT_STEPS, now)?])
}

fn statement(
    ledger: uuid::Uuid,
    digest: &str,
    about: &str,
    at: Timestamp,
) -> Result<Statement, CommandError> {
    let cannot = |error: &dyn std::error::Error| {
        CommandError::new(ExitCode::Error, "cannot make a statement of it").because(error)
    };
    let digest = Digest::try_from(digest.to_owned()).map_err(|error| cannot(&error))?;
    Statement::new(ledger, digest, about, at).map_err(|error| cannot(&error))
}

/// A statement's file, and whether this made it.
struct Written {
    path: PathBuf,
    is_new: bool,
}

/// Writes a statement. One that stands there word for word, and that nobody has signed, is taken as it is.
fn write(folder: &Path, statement: &Statement, is_simulated: bool) -> Result<Written, CommandError> {
    let path = super::below(folder, &Path::new(approval::folder::FOLDER).join(statement.file_name()));
    let failed = |error: &std::io::Error| CommandError::file("write", &path, error);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| failed(&error))?;
    }
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            file.write_all(statement.to_text().as_bytes()).map_err(|error| failed(&error))?;
            Ok(Written { path, is_new: true })
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let is_same = fs::read(&path).is_ok_and(|bytes| bytes == statement.to_text().as_bytes());
            if is_same && !signature_of(&path).exists() {
                return Ok(Written { path, is_new: false });
            }
            Err(CommandError::new(ExitCode::Usage, format!("{} is there already", path.display()))
                .coded("file-exists")
                .hint(match is_simulated {
                    true => "each signer has a file of their own, named by the time: `espalier sim step 1s`, then do this again",
                    false => "each signer has a file of their own, named by the time: do this again in a second",
                }))
        }
        Err(error) => Err(failed(&error)),
    }
}

fn signature_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

/// Has `ssh-keygen` sign it, which asks for a passphrase by itself.
fn sign(
    key: &Path,
    written: &Written,
    statement: &Statement,
    signers: Option<&str>,
    now: Timestamp,
    ui: &Ui,
) -> Result<(), CommandError> {
    let file = written.path.as_path();
    let failed = |message: String| {
        // What nobody signed is of no use to anybody.
        if written.is_new {
            let _ = fs::remove_file(file);
        }
        CommandError::new(ExitCode::Error, message).coded("not-signed")
    };
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", NAMESPACE, "-f"]).arg(key).arg(file).stdout(Stdio::null());
    let status = command.status().map_err(|error| {
        failed("cannot run ssh-keygen".to_owned())
            .because(&error)
            .hint("install OpenSSH, or leave --key out and sign elsewhere")
    })?;
    if !status.success() {
        return Err(failed(format!("ssh-keygen did not sign with {}", key.display())).hint(
            "see what it says above; --key takes a private key, or a public one whose key an agent holds",
        ));
    }
    let signature = signature_of(file);
    let armor = fs::read(&signature).map_err(|error| CommandError::file("read", &signature, &error))?;
    ui.print(&format!("{}\n", signature.display()))?;
    // What will be asked is what was applied; what the folder says is the best that can be told here.
    let Some(signers) = signers else { return Ok(()) };
    match AllowedSigners::parse(signers) {
        Ok(signers) => match approval::verify(&signers, statement.to_text().as_bytes(), &armor, now) {
            Ok(approved) => ui.say(format_args!("Signed by {}.", on_one_line(&approved.principal))),
            Err(refusal) => ui.warn(&format!("by the folder's signers this would not count: {refusal}")),
        },
        Err(_) => ui.warn("the folder's signers cannot be read; `espalier validate` says why"),
    }
    Ok(())
}
