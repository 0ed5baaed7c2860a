//! The signatures of a documents' folder: the one place of this room that reads files.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;

use super::count::{Found, Signed};
use super::{signature, statement};

/// The folder below the documents' folder.
pub const FOLDER: &str = "approvals";

/// How many signatures are looked at; what is older than they are good for may be deleted.
const MOST: usize = 2000;

/// Reads every `*.sig` of `approvals/` with the statement beside it, which has the same name without
/// `.sig`. By name; empty where the folder is missing. What cannot be read is told as such: nothing of it
/// ever makes this fail.
///
/// Only plain files are read, and no links: documents are untrusted input.
pub fn read(documents: &Path) -> Vec<Found> {
    let folder = documents.join(FOLDER);
    let broken = |reason: &str| vec![Found { file: FOLDER.to_owned(), content: Err(reason.to_owned()) }];
    match fs::symlink_metadata(&folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(_) => return broken("the folder cannot be read"),
        Ok(is) if !is.is_dir() => return broken("it is no folder, and links are not followed"),
        Ok(_) => {}
    }
    let Ok(entries) = fs::read_dir(&folder) else { return broken("the folder cannot be read") };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.retain(|name| Path::new(name).extension().is_some_and(|end| end == "sig"));
    names.sort();
    let beyond = names.len().saturating_sub(MOST);
    names.truncate(MOST);
    let mut found: Vec<Found> = names
        .iter()
        .map(|name| {
            let path = folder.join(name);
            let file = format!("{FOLDER}/{}", shown(&name.to_string_lossy()));
            Found { file, content: signed(&path) }
        })
        .collect();
    if beyond > 0 {
        found.extend(broken(&format!(
            "{beyond} signatures are not looked at: {MOST} are, by name; delete those that are no longer good"
        )));
    }
    found
}

fn signed(path: &Path) -> Result<Signed, String> {
    let signature = plain(path, signature::LONGEST).map_err(|fault| format!("the signature {fault}"))?;
    let statement = plain(&path.with_extension(""), statement::LONGEST)
        .map_err(|fault| format!("the statement beside it {fault}"))?;
    Ok(Signed { statement, signature })
}

/// A plain file of bounded size.
fn plain(path: &Path, longest: usize) -> Result<Vec<u8>, String> {
    let cannot = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => "is missing".to_owned(),
        kind => format!("cannot be read: {kind}"),
    };
    let is = fs::symlink_metadata(path).map_err(cannot)?;
    if !is.is_file() {
        return Err("is no plain file, and links are not followed".to_owned());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(cannot)?;
    file.take(longest as u64 + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() > longest {
        return Err(format!("is longer than {longest} bytes"));
    }
    Ok(bytes)
}

/// A file's name for people.
fn shown(name: &str) -> String {
    name.chars().map(|char| if char.is_control() { '?' } else { char }).take(120).collect()
}
