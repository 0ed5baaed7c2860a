//! The last chapters of the tour: an iPad is lost, put into lost mode, and wiped with its code sealed.

use std::fs;

use super::super::action::{self, args as asked};
use super::super::error::CommandError;
use super::super::escrow::{self, args as sealed};
use super::super::exit::ExitCode;
use super::super::setup;
use super::super::values::Format;
use super::{Tour, went_well};
use crate::model::clock::Timestamp;
use crate::model::live::{EnrollmentState, Fact};
use crate::model::{ActionKind, Name, Serial};
use crate::server_token::KeyPair;

/// Who can open what is sealed: a certificate in the folder, and its key, which has no business in git.
const CERTIFICATE: &str = "recovery.pem";
const KEY: &str = "recovery.key";

/// Plays them.
pub(super) fn chapters(tour: &Tour<'_>) -> Result<(), CommandError> {
    let (serial, now) = somebodys(tour)?;
    recipients(tour, now)?;
    let new = |kind: &str, more: &str| {
        format!(
            "espalier action new {kind} --sim --serial {serial} \\\n    --reason \"left on the train\"{more}"
        )
    };
    tour.chapter(
        "9. An iPad was left on a train. It is asked for by a document of its own.",
        &new("enableLostMode", " \\\n    --set message=\"Please call\" --set phoneNumber=\"+49 30 1234\""),
    )?;
    let options = [("message", "Please call"), ("phoneNumber", "+49 30 1234")];
    let options = options.map(|(name, value)| (name.to_owned(), value.to_owned()));
    ask(tour, ActionKind::EnableLostMode, serial, options.to_vec())?;
    tour.chapter(
        "10. Lost mode: done once to this device, in this life of it.",
        "espalier apply --sim --yes",
    )?;
    tour.apply()?;
    tour.chapter(
        "11. Nobody found it. A wipe first seals the code that lifts its Activation Lock.",
        &new("wipe", ""),
    )?;
    ask(tour, ActionKind::Wipe, serial, Vec::new())?;
    tour.say("")?;
    tour.command("espalier plan --sim")?;
    tour.plan()?;
    tour.say("")?;
    tour.command("espalier apply --sim --yes")?;
    tour.apply()?;
    tour.chapter("12. Once more: an act is never done twice.", "espalier apply --sim --yes")?;
    tour.apply()?;
    tour.chapter(
        "13. It came back, locked. Who has the key opens the code; that is recorded.",
        &format!("espalier escrow reveal {serial} --sim --key {KEY} --reason \"it is back\""),
    )?;
    reveal(tour, serial)
}

/// Has the fleet seal codes to a key that was made for the tour, at its world's time.
fn recipients(tour: &Tour<'_>, now: Timestamp) -> Result<(), CommandError> {
    let astray =
        |error: &dyn std::error::Error| CommandError::from_error(ExitCode::Error, error).coded("internal");
    let write = |name: &str, bytes: &[u8]| {
        let path = tour.folder.join(name);
        crate::server_token::store::write_private(&path, bytes)
            .map_err(|error| CommandError::file("write", &path, &error))
    };
    let name = Name::new("recovery").map_err(|error| astray(&error))?;
    let pair = KeyPair::generate(&name, now).map_err(|error| astray(&error))?;
    write(CERTIFICATE, &pair.certificate_pem().map_err(|error| astray(&error))?)?;
    write(KEY, pair.key_pem().map_err(|error| astray(&error))?.reveal().as_bytes())?;
    let path = tour.folder.join("fleet.yaml");
    let text = fs::read_to_string(&path).map_err(|error| CommandError::file("read", &path, &error))?;
    let text = format!("{text}  escrow: {{ recipients: [{CERTIFICATE}] }}\n");
    fs::write(&path, text).map_err(|error| CommandError::file("write", &path, &error))
}

/// The first enrolled device that has its profile, and the time in its world.
fn somebodys(tour: &Tour<'_>) -> Result<(Serial, Timestamp), CommandError> {
    let settings = setup::settings(tour.global, tour.folder, "demo")?;
    setup::block_on(async {
        let session = setup::open(settings, &tour.ui.silent()).await?;
        let progress = tour.ui.silent().progress();
        let (_, observed) = session.plan(&*progress).await?;
        let lists = observed.live.tenants.values().flat_map(|tenant| tenant.devices.values());
        let serial = lists.filter_map(Fact::known).find_map(|devices| {
            devices
                .iter()
                .find(|device| device.state == EnrollmentState::Enrolled && device.supervised)
                .filter(|device| devices.profile_of(device).is_some())
                .map(|device| device.serial)
        });
        let now = session.clock().now();
        session.close().await?;
        serial.map(|serial| (serial, now)).ok_or_else(|| {
            CommandError::new(ExitCode::Error, "no device of the tour is enrolled").coded("internal")
        })
    })
}

fn here(tour: &Tour<'_>) -> asked::InFolder {
    asked::InFolder { folder: Some(tour.folder.to_owned()) }
}

fn ask(
    tour: &Tour<'_>,
    kind: ActionKind,
    serial: Serial,
    options: Vec<(String, String)>,
) -> Result<(), CommandError> {
    let args = asked::NewArgs {
        kind,
        device: asked::WhichDevice { serial: Some(serial.to_string()), user: None, name: None },
        ask: asked::AskArgs {
            reason: Some("left on the train".to_owned()),
            document: None,
            options,
            in_hand: false,
            accept_no_bypass_code: None,
            expires_after: None,
        },
        folder: here(tour),
    };
    let args = asked::ActionArgs { command: asked::ActionCommand::New(args) };
    went_well(action::run(&args, tour.global, &tour.ui.silent())?)
}

fn reveal(tour: &Tour<'_>, serial: Serial) -> Result<(), CommandError> {
    let args = sealed::RevealArgs {
        serial: serial.to_string(),
        key: tour.folder.join(KEY),
        passphrase_env: None,
        passphrase_file: None,
        reason: "it is back".to_owned(),
        entry: None,
        folder: here(tour),
    };
    let args = sealed::EscrowArgs { command: sealed::EscrowCommand::Reveal(args) };
    went_well(escrow::run(&args, tour.global, tour.ui)?)?;
    tour.say("")?;
    tour.command("espalier escrow list --sim")?;
    let args = sealed::EscrowListArgs { folder: tour.folder.to_owned(), serial: None, format: Format::Text };
    let args = sealed::EscrowArgs { command: sealed::EscrowCommand::List(args) };
    went_well(escrow::run(&args, tour.global, tour.ui)?)
}
