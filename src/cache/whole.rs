//! Files that are either whole or none: a line that names the format, the SHA-256 of the rest, the rest.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::{CacheError, replace};

/// The body of a file; `None` where it is missing, cut, damaged, of another format, a link, or readable
/// by others: what somebody else may have put there is not what a run has read.
pub(super) fn read(path: &Path, magic: &[u8]) -> Option<Vec<u8>> {
    if !path.symlink_metadata().ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    // Of the file that was opened, so that nobody changes it in between.
    let about = file.metadata().ok()?;
    if !about.is_file() || !is_private(&about) {
        return None;
    }
    let mut bytes = Vec::with_capacity(usize::try_from(about.len()).ok()?);
    file.read_to_end(&mut bytes).ok()?;
    let (sum, body) = bytes.strip_prefix(magic)?.split_at_checked(32)?;
    if openssl::sha::sha256(body) != sum {
        return None;
    }
    let start = bytes.len() - body.len();
    bytes.drain(..start);
    Some(bytes)
}

/// Replaces a file in one step. Where that fails nothing is left of an older one, which others would go
/// by.
pub(super) fn write(folder: &Path, file: &str, magic: &[u8], body: &[u8]) -> Result<(), CacheError> {
    let sum = openssl::sha::sha256(body);
    let written = replace(folder, file, &[magic, &sum, body]);
    if written.is_err() {
        forget(&folder.join(file));
    }
    written
}

/// Drops a file.
pub(super) fn forget(path: &Path) {
    // What is not there needs no dropping; what cannot be dropped is replaced by the next run.
    let _ = std::fs::remove_file(path);
}

#[cfg(unix)]
fn is_private(about: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &std::fs::Metadata) -> bool {
    true
}
