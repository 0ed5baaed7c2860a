//! The folder's place in git, by the `git` program (crates.md: its configuration is the user's).

use std::path::Path;
use std::process::{Command, Stdio};

/// The commit that is checked out; `None` outside git, or where git is not installed.
pub fn head(folder: &Path) -> Option<String> {
    if !is_in_git(folder) {
        return None;
    }
    let output = git(folder).args(["rev-parse", "--verify", "HEAD"]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let commit = text.trim();
    (output.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}

/// Whether `older` is an ancestor of `newer`, and not the same. False where git cannot tell.
pub fn is_older(folder: &Path, older: &str, newer: &str) -> bool {
    older != newer
        && git(folder)
            .args(["merge-base", "--is-ancestor", older, newer])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

/// Whether git has a file of the folder in its index: a commit could then replace it. False outside
/// git.
pub fn tracks(folder: &Path, file: &Path) -> bool {
    is_in_git(folder)
        && git(folder)
            .args(["ls-files", "--error-unmatch", "--"])
            .arg(file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
}

fn is_in_git(folder: &Path) -> bool {
    folder.canonicalize().is_ok_and(|folder| folder.ancestors().any(|parent| parent.join(".git").exists()))
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).stdin(Stdio::null());
    command
}
