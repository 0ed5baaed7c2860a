//! The story of `examples/helpdesk`: every command in its README is run, and says what stands there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::copy_folder;

/// The folder of the example.
fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/helpdesk")
}

/// What a shell says to one line, in a folder: both outputs, and the exit code where it is not 0.
fn said(folder: &Path, path: &str, line: &str) -> String {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(line).current_dir(folder);
    // No setting of whoever runs the tests.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ESPALIER_")) {
        shell.env_remove(name);
    }
    let output = shell
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("COLUMNS", "80")
        .env("TZ", "UTC")
        .output()
        .expect("a shell");
    let mut text = String::from_utf8(output.stdout).expect("text");
    text.push_str(&String::from_utf8(output.stderr).expect("text"));
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    match output.status.code() {
        Some(0) => {}
        Some(code) => writeln!(text, "[exit {code}]").expect("a text takes everything"),
        None => text.push_str("[killed]\n"),
    }
    text
}

/// The README as it is when every command in its `console` blocks is run, one after the other.
fn played(readme: &str, folder: &Path, path: &str) -> String {
    let mut text = String::new();
    let mut in_block = false;
    let mut commands = 0;
    for line in readme.lines() {
        if in_block && line == "```" {
            in_block = false;
        }
        match line.strip_prefix("$ ") {
            Some(command) if in_block => {
                commands += 1;
                writeln!(text, "{line}").expect("a text takes everything");
                text.push_str(&said(folder, path, command));
            }
            _ if in_block => {}
            _ => writeln!(text, "{line}").expect("a text takes everything"),
        }
        if line == "```console" {
            in_block = true;
        }
    }
    assert!(commands > 10, "the story has {commands} commands");
    text
}

#[test]
fn the_story_of_the_help_desk_is_what_its_readme_says() {
    let scratch = tempfile::tempdir().expect("a folder");
    let folder = scratch.path().join("helpdesk");
    copy_folder(&example(), &folder);
    let _ = std::fs::remove_dir_all(folder.join(".espalier"));
    let binary = Path::new(env!("CARGO_BIN_EXE_espalier"));
    let programs = binary.parent().expect("a folder with the program");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap_or_default());

    let file = example().join("README.md");
    let readme = std::fs::read_to_string(&file).expect("the README");
    let now = played(&readme, &folder, &path);
    if std::env::var_os("ESPALIER_ACCEPT").is_some() {
        std::fs::write(&file, &now).expect("the README can be written");
        return;
    }
    if now != readme {
        let diff = similar::TextDiff::from_lines(readme.as_str(), now.as_str());
        panic!(
            "examples/helpdesk/README.md tells another story than the program; if the program is right, \
             `ESPALIER_ACCEPT=1 cargo test --test it the_story`\n{}",
            diff.unified_diff().header("README.md", "as played")
        );
    }
}
