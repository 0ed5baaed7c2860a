//! Putting a new token, and the pair that it came with, into the places of the old ones. Effects:
//! files.
//!
//! The token goes first: it is what runs need, and the old one is invalid since the new one was
//! downloaded (T-8). The pair follows, and it stays among those that wait until its files are in
//! place; so an import that dies anywhere can be run again.

use std::io;
use std::path::{Path, PathBuf};

use super::store::{Pending, make_private_folder, parent, write_private};
use crate::model::Secret;

/// What a former file is called until the new one is in place.
const FORMER: &str = "former";

/// One file and what it shall hold.
#[derive(Clone, Debug)]
pub struct Place {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub content: Secret,
}

/// One step. Each leaves every file whole, whatever comes after it.
#[derive(Clone, Debug)]
pub enum Step {
    /// Keeps what is there beside it, as `NAME.former`.
    Keep(PathBuf),
    /// Puts the new content there, mode 0600.
    Put(Place),
    /// Removes what was kept of a former file.
    Drop(PathBuf),
    /// Removes a pair from those that wait.
    Settle(PathBuf),
}

/// The steps, in their order, for a token and the pair that it came with: `pair` is the places of its
/// key and its certificate where they are files that change, and `pending` the pair where it is one
/// that waits and whose halves are kept in those places from now on.
pub fn steps(token: Option<Place>, pair: Vec<Place>, pending: Option<&Pending>) -> Vec<Step> {
    let paths: Vec<PathBuf> = token.iter().chain(&pair).map(|place| place.path.clone()).collect();
    let mut steps: Vec<Step> = paths.iter().cloned().map(Step::Keep).collect();
    steps.extend(token.into_iter().chain(pair).map(Step::Put));
    steps.extend(pending.map(|pending| Step::Settle(pending.folder.clone())));
    steps.extend(paths.into_iter().map(Step::Drop));
    steps
}

impl Step {
    /// The file that it is about.
    pub fn path(&self) -> &Path {
        match self {
            Step::Keep(path) | Step::Drop(path) | Step::Settle(path) | Step::Put(Place { path, .. }) => path,
        }
    }

    /// Does it. Doing it again does no harm.
    ///
    /// # Errors
    /// What the file system says.
    pub fn perform(&self) -> io::Result<()> {
        match self {
            Step::Keep(path) => match std::fs::read(path) {
                Ok(content) => write_private(&former(path), &content),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(error),
            },
            Step::Put(Place { path, content }) => {
                make_private_folder(parent(path))?;
                write_private(path, content.reveal().as_bytes())
            }
            Step::Drop(path) => gone(std::fs::remove_file(former(path))),
            Step::Settle(folder) => gone(std::fs::remove_dir_all(folder)),
        }
    }
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// `NAME.former` beside a file.
fn former(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(FORMER);
    path.with_file_name(name)
}
