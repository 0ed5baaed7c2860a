//! `init`: a starter folder. Nothing that exists is overwritten.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::args::InitArgs;
use super::error::CommandError;
use super::exit::ExitCode;
use super::render::text::{BOLD, CREATE, QUIET, clean, paint};
use super::schemas::{self, Named};
use super::ui::Ui;

/// The files, by their path in the new folder.
const FILES: [(&str, &str); 17] = [
    ("README.md", include_str!("starter/README.md")),
    ("fleet.yaml", include_str!("starter/fleet.yaml")),
    ("connection.yaml", include_str!("starter/connection.yaml")),
    ("token.yaml", include_str!("starter/token.yaml")),
    ("profiles.yaml", include_str!("starter/profiles.yaml")),
    ("assignments.yaml", include_str!("starter/assignments.yaml")),
    ("devices.csv", include_str!("starter/devices.csv")),
    (".gitignore", include_str!("starter/gitignore")),
    (".vscode/settings.json", include_str!("starter/vscode-settings.json")),
    (".github/workflows/espalier.yml", include_str!("../../examples/ci/github/espalier.yml")),
    (".gitlab-ci.yml", include_str!("../../examples/ci/gitlab/.gitlab-ci.yml")),
    ("ci/apply.sh", include_str!("../../examples/ci/scripts/apply.sh")),
    ("ci/comment.sh", include_str!("../../examples/ci/scripts/comment.sh")),
    ("ci/install.sh", include_str!("../../examples/ci/scripts/install.sh")),
    ("ci/log.sh", include_str!("../../examples/ci/scripts/log.sh")),
    ("ci/plan.sh", include_str!("../../examples/ci/scripts/plan.sh")),
    ("ci/validate.sh", include_str!("../../examples/ci/scripts/validate.sh")),
];

/// The schema that editors hold documents to.
const EDITOR_SCHEMA: &str = "document.schema.json";

/// Stands in `fleet.yaml` for the new ledger's id.
const LEDGER_ID: &str = "LEDGER_ID";

/// What came of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was written.
    Written(PathBuf),
    /// It was there already, and is as it was.
    Kept(PathBuf),
}

/// Writes a starter folder and tells what to do next.
///
/// # Errors
/// A folder or file that cannot be made. What was written before stays.
pub fn run(args: &InitArgs, all_schemas: &[Named], ui: &Ui) -> Result<ExitCode, CommandError> {
    let folder = &args.folder;
    let outcomes = write(folder, uuid::Uuid::new_v4(), all_schemas)?;
    let mut kept = 0;
    for outcome in &outcomes {
        match outcome {
            Outcome::Written(path) => ui.say(format_args!("  {} {}", paint(CREATE, "+"), path.display())),
            Outcome::Kept(path) => {
                kept += 1;
                ui.say(paint(QUIET, format_args!("  = {}  kept as it is", path.display())));
            }
        }
    }
    if kept == outcomes.len() {
        ui.say("Everything was there already; nothing was written.");
        return Ok(ExitCode::Done);
    }
    let folder = clean(&folder.to_string_lossy()).into_owned();
    // The commands take the present folder when none is named.
    let folder = if folder == "." { String::new() } else { format!(" {folder}") };
    ui.say(format_args!(
        "\n{}\n  espalier validate{folder}\n  espalier plan{folder} --sim\n\
         Then put your tenant into connection.yaml and your token into token.yaml.",
        paint(BOLD, "Next:"),
    ));
    Ok(ExitCode::Done)
}

/// Writes the files that are not there yet. `ledger` is the id for a new `fleet.yaml`.
///
/// # Errors
/// As [`run`].
pub fn write(folder: &Path, ledger: uuid::Uuid, all_schemas: &[Named]) -> Result<Vec<Outcome>, CommandError> {
    let mut outcomes = Vec::new();
    for (path, text) in FILES {
        outcomes.push(write_one(folder, path, &text.replace(LEDGER_ID, &ledger.to_string()))?);
    }
    for (name, schema) in all_schemas.iter().filter(|(name, _)| name == EDITOR_SCHEMA) {
        outcomes.push(write_one(folder, &format!("schemas/{name}"), &schemas::file_text(schema))?);
    }
    Ok(outcomes)
}

fn write_one(folder: &Path, name: &str, text: &str) -> Result<Outcome, CommandError> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| CommandError::file("make", parent, &error))?;
    }
    // Looking first and writing then would leave a moment for another writer between the two.
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(mut file) => {
            file.write_all(text.as_bytes()).map_err(|error| CommandError::file("write", &path, &error))?;
            Ok(Outcome::Written(path))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Outcome::Kept(path)),
        Err(error) => Err(CommandError::file("write", &path, &error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_init_writes_nothing_and_overwrites_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token.yaml");
        fs::write(&token, "mine").unwrap();
        let schemas = [
            (EDITOR_SCHEMA.to_owned(), serde_json::json!({})),
            ("plan.schema.json".to_owned(), serde_json::json!({})),
        ];

        let first = write(folder.path(), uuid::Uuid::nil(), &schemas).unwrap();
        assert_eq!(first.len(), FILES.len() + 1);
        let kept: Vec<&Outcome> =
            first.iter().filter(|outcome| matches!(outcome, Outcome::Kept(_))).collect();
        assert_eq!(kept, [&Outcome::Kept(token.clone())]);
        assert_eq!(fs::read_to_string(&token).unwrap(), "mine");

        let fleet = folder.path().join("fleet.yaml");
        let before = fs::read_to_string(&fleet).unwrap();
        assert!(before.contains("id: 00000000-0000-0000-0000-000000000000"), "{before}");
        let second = write(folder.path(), uuid::Uuid::max(), &schemas).unwrap();
        assert!(second.iter().all(|outcome| matches!(outcome, Outcome::Kept(_))), "{second:?}");
        assert_eq!(fs::read_to_string(&fleet).unwrap(), before);
    }

    #[test]
    fn the_editor_settings_name_the_schema_that_is_written() {
        let settings = FILES.iter().find(|(path, _)| *path == ".vscode/settings.json").unwrap().1;
        let settings: serde_json::Value = serde_json::from_str(settings).unwrap();
        assert_eq!(settings["yaml.schemas"][format!("./schemas/{EDITOR_SCHEMA}")], "*.yaml");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let error = write(&file, uuid::Uuid::nil(), &[]).unwrap_err();
        assert!(error.message.contains("file"), "{error:?}");
    }
}
