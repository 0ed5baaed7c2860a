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

/// How two commits stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinship {
    /// They are the same.
    Same,
    /// The first is an ancestor of the second.
    Older,
    /// The second is an ancestor of the first.
    Newer,
    /// Neither.
    Strangers,
}

/// How `commit` stands to `other`.
///
/// # Errors
/// Where git cannot tell, in words: it is not installed, or does not have one of them (a shallow clone).
pub fn kinship(folder: &Path, commit: &str, other: &str) -> Result<Kinship, String> {
    if commit == other {
        return Ok(Kinship::Same);
    }
    if is_ancestor(folder, other, commit)? {
        return Ok(Kinship::Newer);
    }
    match is_ancestor(folder, commit, other)? {
        true => Ok(Kinship::Older),
        false => Ok(Kinship::Strangers),
    }
}

fn is_ancestor(folder: &Path, older: &str, newer: &str) -> Result<bool, String> {
    if [older, newer].iter().any(|commit| commit.starts_with('-')) {
        return Err("this is no commit".to_owned());
    }
    let asked = git(folder)
        .args(["merge-base", "--is-ancestor", older, newer])
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("git cannot be asked: {error}"))?;
    match asked.status.code() {
        Some(0) => Ok(true),
        Some(1) => Ok(false),
        _ => {
            let why = String::from_utf8_lossy(&asked.stderr);
            let why = why.lines().next().unwrap_or("it does not say why").trim();
            Err(format!("git does not know how {} stands to {}: {why}", short(older), short(newer)))
        }
    }
}

/// The first characters of a commit, for people.
pub fn short(commit: &str) -> &str {
    commit.get(..12).unwrap_or(commit)
}

/// Whether git tells who wrote what lies in a folder.
///
/// # Errors
/// Why not, in words: git is not installed, refuses the folder (it belongs to another user), or has a part of the
/// history alone.
pub fn tells_authors(folder: &Path) -> Result<(), String> {
    answers(folder)?;
    let shallow = text_of(git(folder).args(["rev-parse", "--is-shallow-repository"]));
    match shallow.as_deref() {
        Some("false") => Ok(()),
        _ => {
            Err("this is a shallow clone: fetch the whole history (in CI: a checkout of full depth)"
                .to_owned())
        }
    }
}

/// Whether git answers for a folder at all; one without a commit yet is in order.
///
/// # Errors
/// Why not, in words.
pub fn answers(folder: &Path) -> Result<(), String> {
    let asked = git(folder)
        .args(["rev-parse", "--git-dir"])
        .stdout(Stdio::null())
        .output()
        .map_err(|error| format!("git cannot be asked: {error}"))?;
    if asked.status.success() {
        return Ok(());
    }
    let why = String::from_utf8_lossy(&asked.stderr);
    let why = why.lines().next().unwrap_or("it does not say why").trim();
    Err(format!("git does not answer for this folder: {why}"))
}

/// Names and mail addresses of authors and committers of all commits up to `head` that `since` does not have, those
/// of approvals alone left out. `since` `None`: of all. What no commit has counts as the work of the one whom git
/// would name.
///
/// # Errors
/// Where git cannot tell, in words.
pub fn people_since(folder: &Path, since: Option<&str>, head: &str) -> Result<Vec<String>, String> {
    if [Some(head), since].into_iter().flatten().any(|commit| commit.starts_with('-')) {
        return Err("this is no commit".to_owned());
    }
    let range = since.map_or_else(|| head.to_owned(), |since| format!("{since}..{head}"));
    let mut log = git(folder);
    let here: Vec<&str> = std::iter::once(".").chain(APPROVALS).collect();
    log.args(["log", "--full-history", PEOPLE, &range, "--"]).args(&here);
    let mut all = people(&mut log)?;
    all.extend(whose_changes(folder, &here));
    Ok(sorted(all))
}

/// Names and mail addresses of those who wrote a file in any commit, under its former names too, and of those whose
/// commits brought or took away a line with one of `words`, wherever it stood: what was moved keeps its author.
/// What no commit has counts as above.
///
/// # Errors
/// Where git cannot tell, in words.
pub fn people_of_file(folder: &Path, file: &Path, words: &[String]) -> Result<Vec<String>, String> {
    let mut all = people(git(folder).args(["log", "--follow", PEOPLE, "--"]).arg(file))?;
    let words: Vec<String> = words.iter().map(|word| word.replace('.', "\\.")).collect();
    if !words.is_empty() {
        let any = format!("-G(^|[^A-Za-z0-9_-])({})($|[^A-Za-z0-9_-])", words.join("|"));
        let mut log = git(folder);
        log.args(["log", "--full-history", PEOPLE, &any, "--", ":(top)"]).args(APPROVALS);
        all.extend(people(&mut log)?);
    }
    all.extend(whose_changes(folder, &[&file.to_string_lossy()]));
    Ok(sorted(all))
}

/// What leaves approvals out: statements and their signatures say nothing of who wrote a document.
const APPROVALS: [&str; 2] =
    [":(top,exclude,glob)**/approvals/*.sig", ":(top,exclude,glob)**/approvals/*-????????T??????Z"];

/// The one whom git would name for what no commit has; nobody where there is nothing.
fn whose_changes(folder: &Path, of: &[&str]) -> Vec<String> {
    let changed = git(folder)
        .args(["status", "--porcelain", "--untracked-files=all", "--"])
        .args(of)
        .stderr(Stdio::null())
        .output();
    if changed.is_ok_and(|output| output.status.success() && output.stdout.is_empty()) {
        return Vec::new();
    }
    let who = ["user.name", "user.email"];
    who.into_iter().filter_map(|who| text_of(git(folder).args(["config", "--get", who]))).collect()
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all.dedup();
    all
}

/// The newest commit that git knows of the branch which the folder is on, where that is newer than the one
/// checked out: fetched, and not merged. `None`: there is none, no branch, or no upstream.
pub fn newer_upstream(folder: &Path, head: &str) -> Option<String> {
    let upstream = text_of(git(folder).args(["rev-parse", "--verify", "--quiet", "@{upstream}^{commit}"]))?;
    matches!(kinship(folder, &upstream, head), Ok(Kinship::Newer)).then_some(upstream)
}

/// Author and committer of a commit, each on a line of its own.
const PEOPLE: &str = "--format=%an%n%ae%n%cn%n%ce";

/// Whether a folder lies in a git repository.
pub fn is_in_git(folder: &Path) -> bool {
    folder.canonicalize().is_ok_and(|folder| folder.ancestors().any(|parent| parent.join(".git").exists()))
}

fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).stdin(Stdio::null());
    command
}

fn people(command: &mut Command) -> Result<Vec<String>, String> {
    let output = command.output().map_err(|error| format!("git cannot be asked: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "git cannot tell: {}",
            why.lines().next().unwrap_or("it does not say why").trim()
        ));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

fn text_of(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (output.status.success() && !text.is_empty()).then(|| text.to_owned())
}
