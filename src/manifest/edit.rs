//! Changes of documents' texts, which leave everything else byte for byte as it is. PURE.

use super::document;
use super::yaml::{self, Piece};
use crate::diag::Diagnostics;
use crate::model::{Kind, Name};

/// A file without one of its documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Without {
    /// What is left of the file.
    pub text: String,
    /// The document that was taken out, as it stood there, with its `---` if it had one.
    pub removed: String,
    /// How many documents are left. None: only comments can be, and the file may go.
    pub documents: usize,
}

/// Why a document was not taken out of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// It is not there, or could not be read.
    #[error("the file does not hold that document")]
    Missing,
    /// It is there several times, and which is meant is not said.
    #[error("the file holds that document several times")]
    Several,
    /// What would be left would not be read as before.
    #[error("the document cannot be taken out of its file without changing the others")]
    Entangled,
}

/// Takes the document of this kind and name out of a file that may hold several. Comments that stand before
/// it apart from it, or between it and the next document, stay.
///
/// # Errors
/// See [`EditError`]; nothing is changed then.
pub fn without(text: &str, kind: Kind, name: &Name) -> Result<Without, EditError> {
    let pieces = yaml::split(text);
    let identities: Vec<_> = pieces.iter().map(identity).collect();
    let is_meant = |one: &Identity| *one == Some((kind, name.clone()));
    let mut meant = pieces.iter().zip(&identities).filter(|(_, one)| is_meant(one));
    let (piece, _) = meant.next().ok_or(EditError::Missing)?;
    if meant.next().is_some() {
        return Err(EditError::Several);
    }
    let offset =
        (piece.text.as_ptr() as usize).checked_sub(text.as_ptr() as usize).ok_or(EditError::Entangled)?;
    let (start, end) = body(piece.text);
    let cut = |from: usize, to: usize| text.get(from..to).ok_or(EditError::Entangled);
    let before = cut(0, offset + start)?;
    let removed = cut(offset + start, offset + end)?;
    let after = cut(offset + end, text.len())?;
    let left = format!("{before}{after}");
    let still: Vec<_> = yaml::split(&left).iter().map(identity).collect();
    let others: Vec<_> = identities.into_iter().filter(|one| !is_meant(one)).collect();
    if still != others {
        return Err(EditError::Entangled);
    }
    Ok(Without { removed: removed.to_owned(), documents: still.len(), text: left })
}

type Identity = Option<(Kind, Name)>;

fn identity(piece: &Piece) -> Identity {
    let root = yaml::parse(piece, &yaml::Allowance::default()).ok()?;
    let (kind, name) = document::check(&root, &"".into(), &mut Diagnostics::default()).identity;
    Some((kind?, name?.0))
}

/// What of a piece is the document: without the comments above it that an empty line parts from it, and
/// without those below it.
fn body(text: &str) -> (usize, usize) {
    let is_blank = |line: &str| line.trim().is_empty();
    let is_comment = |line: &str| line.trim_start_matches('\u{feff}').starts_with('#');
    let (mut start, mut offset) = (0, 0);
    for line in text.split_inclusive('\n') {
        offset += line.len();
        if is_blank(line) {
            start = offset;
        } else if !is_comment(line) {
            break;
        }
    }
    // An empty line alone above a document goes with it.
    if text[..start].trim().is_empty() {
        start = 0;
    }
    let (mut end, mut offset) = (text.len(), text.len());
    for line in text.split_inclusive('\n').rev() {
        offset -= line.len();
        if is_comment(line) {
            end = offset;
        } else if !is_blank(line) {
            break;
        }
    }
    if end <= start { (start, text.len()) } else { (start, end) }
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
