//! `demo`: the two-minute tour on the embedded simulator. It runs the very commands that it names.

mod lost;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::args::{
    ApplyArgs, DemoArgs, GlobalArgs, NarrowArgs, PlanArgs, PlanFormat, ReportFormat, SimSource,
};
use super::devices_args::DevicesArgs;
use super::error::CommandError;
use super::exit::ExitCode;
use super::filter::InvalidCondition;
use super::render::markdown::DEFAULT_SIZE;
use super::render::text::{BOLD, QUIET, paint};
use super::ui::Ui;
use super::values::TableFormat;
use super::{apply, devices, plan, setup};
use crate::engine::FolderState;
use crate::sim::World;
use crate::sim::portal::{self, Change};

/// The fleet of the tour: `examples/small`, in this binary.
const FILES: [(&str, &str); 6] = [
    ("fleet.yaml", include_str!("../../examples/small/fleet.yaml")),
    ("connection.yaml", include_str!("../../examples/small/connection.yaml")),
    ("token.yaml", include_str!("../../examples/small/token.yaml")),
    ("profiles.yaml", include_str!("../../examples/small/profiles.yaml")),
    ("assignments.yaml", include_str!("../../examples/small/assignments.yaml")),
    ("devices/shared-ipads.csv", include_str!("../../examples/small/devices/shared-ipads.csv")),
];

/// What comes in the last chapter: the organisation at Apple, and an order of devices.
const AT_APPLE: [(&str, &str); 2] =
    [("apple.yaml", include_str!("demo/apple.yaml")), ("order.yaml", include_str!("demo/order.yaml"))];

/// The line of the token's document behind which its service at Apple is written, and that line.
const SERVICE: (&str, &str) =
    ("  mdm: contoso\n", "  apple: { connection: contoso-apple, service: Intune }\n");

/// Shows plan, apply, no changes, a change made in the portal, the plan that sees it, and the way of
/// newly bought devices from Apple to their profile, and what is asked of a lost one. Leaves the folder to play with.
///
/// # Errors
/// A folder that cannot be made or is not empty; what the commands say.
pub fn run(args: &DemoArgs, global: &GlobalArgs, ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = folder(args.keep.as_deref())?;
    write_files(&folder)?;
    let global = GlobalArgs { sim: Some(SimSource::Folder), ..global.clone() };
    let tour = Tour { folder: &folder, global: &global, ui };

    tour.say(&format!(
        "A small fleet: one Intune tenant, one enrollment token, three profiles, 29\ndevices by serial number. Its documents are in {}.\nThe tenant is a simulator in this process: nothing leaves this machine.",
        folder.display()
    ))?;
    tour.chapter("1. What would happen?", "espalier plan --sim")?;
    tour.plan()?;
    tour.chapter("2. Do it.", "espalier apply --sim --yes")?;
    tour.apply()?;
    tour.chapter("3. Once more: nothing is left to do, and nothing is sent.", "espalier plan --sim")?;
    tour.plan()?;
    tour.chapter(
        "4. Somebody in the portal unlocks the kiosk profile and renames its devices.",
        "espalier plan --sim",
    )?;
    somebody_in_the_portal(&folder, &global)?;
    tour.plan()?;
    tour.chapter("5. Back into shape.", "espalier apply --sim --yes")?;
    tour.apply()?;
    at_apple(&folder)?;
    tour.say(&format!(
        "\n{}\napple.yaml says how to reach Apple Business, token.yaml which service there is Intune's,\nand order.yaml that whatever comes with order W1203944871 belongs to the training rooms.",
        paint(BOLD, "6. Three iPads were bought. Apple has them, at no service.")
    ))?;
    tour.command("espalier devices --sim --where order=W1203944871")?;
    tour.bought()?;
    tour.chapter(
        "7. One plan: the service at Apple, a sync of Intune, then the profile.",
        "espalier apply --sim --yes",
    )?;
    tour.apply()?;
    tour.chapter(
        "8. Assigned: the profile waits for their first activation.",
        "espalier devices --sim --where order=W1203944871",
    )?;
    tour.bought()?;

    lost::chapters(&tour)?;

    let path = path_of_this();
    let folder = folder.display();
    tour.say(&format!(
        "\n{}\n\n{path}  cd {folder}\n  espalier devices --sim\n  $EDITOR profiles.yaml && espalier plan --sim\n  espalier sim serve            # the same tenant for other programs",
        paint(BOLD, "The folder stays, to play with:"),
    ))?;
    Ok(ExitCode::Done)
}

/// A line that makes `espalier` a command, where it is none yet.
fn path_of_this() -> String {
    let here = std::env::current_exe().ok().and_then(|file| file.parent().map(Path::to_owned));
    let paths = std::env::var_os("PATH").unwrap_or_default();
    match here {
        Some(here) if !std::env::split_paths(&paths).any(|path| path == here) => {
            format!("  PATH=\"$PATH:{}\"\n", here.display())
        }
        _ => String::new(),
    }
}

struct Tour<'a> {
    folder: &'a Path,
    global: &'a GlobalArgs,
    ui: &'a Ui,
}

impl Tour<'_> {
    fn say(&self, text: &str) -> Result<(), CommandError> {
        self.ui.print(&format!("{text}\n"))
    }

    fn chapter(&self, title: &str, command: &str) -> Result<(), CommandError> {
        self.say(&format!("\n{}\n{}\n", paint(BOLD, title), paint(QUIET, format_args!("$ {command}"))))
    }

    fn command(&self, command: &str) -> Result<(), CommandError> {
        self.say(&format!("{}\n", paint(QUIET, format_args!("$ {command}"))))
    }

    fn bought(&self) -> Result<(), CommandError> {
        let order = "order=W1203944871".parse().map_err(|error: InvalidCondition| {
            CommandError::from_error(ExitCode::Error, &error).coded("internal")
        })?;
        let args = DevicesArgs {
            folder: self.folder.to_owned(),
            unassigned: false,
            conditions: vec![order],
            activation_lock: None,
            calls: None,
            max_age: None,
            format: TableFormat::Text,
            narrow: NarrowArgs::default(),
        };
        went_well(devices::run(&args, self.global, &self.ui.silent())?)
    }

    fn plan(&self) -> Result<(), CommandError> {
        let args = PlanArgs {
            folder: self.folder.to_owned(),
            output: None,
            format: PlanFormat::Text,
            max_size: DEFAULT_SIZE,
            detailed_exitcode: false,
            show_unmanaged: false,
            max_age: None,
            dangerous_allow_empty: false,
            narrow: NarrowArgs::default(),
        };
        went_well(plan::run(&args, self.global, self.ui)?)
    }

    fn apply(&self) -> Result<(), CommandError> {
        let args = ApplyArgs {
            target: self.folder.to_owned(),
            folder: None,
            yes: true,
            wait: None,
            expect_digest: None,
            overrides: Vec::new(),
            format: ReportFormat::Text,
            max_size: DEFAULT_SIZE,
            dangerous_allow_empty: false,
            narrow: NarrowArgs::default(),
        };
        went_well(apply::run(&args, self.global, &self.ui.silent())?)
    }
}

fn went_well(code: ExitCode) -> Result<(), CommandError> {
    match code {
        ExitCode::Done => Ok(()),
        code => Err(CommandError::new(code, "the tour went astray: this is a mistake of espalier")
            .coded("internal")
            .hint("report it with what was shown above")),
    }
}

/// A new folder: the one that was asked for, or one among the temporary ones.
fn folder(keep: Option<&Path>) -> Result<PathBuf, CommandError> {
    match keep {
        None => match tempfile::Builder::new().prefix("espalier-demo-").tempdir() {
            Ok(folder) => Ok(folder.keep()),
            Err(error) => Err(CommandError::file("make", &std::env::temp_dir(), &error)),
        },
        Some(folder) => {
            fs::create_dir_all(folder).map_err(|error| CommandError::file("make", folder, &error))?;
            let mut entries =
                fs::read_dir(folder).map_err(|error| CommandError::file("read", folder, &error))?;
            if entries.next().is_some() {
                return Err(CommandError::new(ExitCode::Usage, format!("{} is not empty", folder.display()))
                    .coded("folder-not-empty")
                    .hint("name a new folder: nothing of yours is overwritten"));
            }
            Ok(folder.to_owned())
        }
    }
}

fn write_files(folder: &Path) -> Result<(), CommandError> {
    for (name, text) in FILES {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).map_err(|error| CommandError::file("make", parent, &error))?;
        // The schemas that editors are pointed to lie in the repository only.
        let text: String =
            text.split_inclusive('\n').filter(|line| !line.starts_with("# yaml-language-server")).collect();
        fs::write(&path, text).map_err(|error| CommandError::file("write", &path, &error))?;
    }
    Ok(())
}

/// Adds Apple's side to the documents.
fn at_apple(folder: &Path) -> Result<(), CommandError> {
    for (name, text) in AT_APPLE {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|error| CommandError::file("write", &path, &error))?;
    }
    let path = folder.join("token.yaml");
    let text = fs::read_to_string(&path).map_err(|error| CommandError::file("read", &path, &error))?;
    let (mdm, service) = SERVICE;
    let text = text.replacen(mdm, &format!("{mdm}{service}"), 1);
    fs::write(&path, text).map_err(|error| CommandError::file("write", &path, &error))
}

/// Changes the kept world as a person in the portal would.
fn somebody_in_the_portal(folder: &Path, global: &GlobalArgs) -> Result<(), CommandError> {
    let path = FolderState::of(&setup::settings(global, folder, "demo")?).world_file();
    let bytes = fs::read(&path).map_err(|error| CommandError::file("read", &path, &error))?;
    let astray =
        |error: &dyn std::error::Error| CommandError::from_error(ExitCode::Error, error).coded("internal");
    let mut world = World::from_json(&bytes).map_err(|error| astray(&error))?;
    let members = json!({ "profileRemovalDisabled": false, "deviceNameTemplate": "LOBBY-{{SERIAL}}" });
    let change = Change::PatchProfile {
        token: "Contoso Apple Business".to_owned(),
        profile: "Kiosk".to_owned(),
        members: members.as_object().cloned().unwrap_or_default(),
    };
    portal::change(&mut world, change).map_err(|error| astray(&error))?;
    fs::write(&path, world.to_json()).map_err(|error| CommandError::file("write", &path, &error))
}
