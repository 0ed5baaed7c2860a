//! Key pairs that wait for their `.p7m`. Effects: files below the folder's state.
//!
//! ```text
//! .espalier/tokens/NAME/FINGERPRINT/private-key.pem    0600, folders 0700
//!                                   certificate.pem
//! ```
//!
//! One folder per certificate, so that a further key pair destroys none (T-2). A folder appears with
//! both files in it or not at all.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::pair::{KeyPair, PairError};
use crate::model::{Name, Secret};

/// The private key's file.
const KEY: &str = "private-key.pem";
/// The certificate's file.
const CERTIFICATE: &str = "certificate.pem";
/// How much of a fingerprint names a folder, in hexadecimal digits.
const NAME_LENGTH: usize = 16;
/// The longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The file system refuses.
    #[error("the key pairs in {} cannot be read or written", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A pair cannot be written as text.
    #[error(transparent)]
    Pair(#[from] PairError),
}

/// The pairs of a folder of documents.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// A pair that waits.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The pair.
    pub pair: KeyPair,
    /// Its folder.
    pub folder: PathBuf,
}

impl Pending {
    /// The certificate's file, which goes to the portal.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join(CERTIFICATE)
    }

    /// The private key's file.
    pub fn private_key(&self) -> PathBuf {
        self.folder.join(KEY)
    }
}

/// The pairs of a token, and what lies among them and cannot be read.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// In the order of their fingerprints.
    pub pending: Vec<Pending>,
    /// Folders that hold no pair.
    pub damaged: Vec<PathBuf>,
}

impl Store {
    /// The store in this folder (`.espalier/tokens`), which need not be there.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// Where the pairs of a token are.
    pub fn folder(&self, token: &Name) -> PathBuf {
        self.root.join(token.as_str())
    }

    /// Adds a pair beside those that wait already.
    ///
    /// # Errors
    /// See [`StoreError`]; nothing is left then.
    pub fn add(&self, token: &Name, pair: KeyPair) -> Result<Pending, StoreError> {
        let own = self.folder(token);
        let fingerprint = pair.fingerprint();
        let folder = own.join(fingerprint.get(..NAME_LENGTH).unwrap_or(&fingerprint));
        let (key, certificate) = (pair.key_pem()?, pair.certificate_pem()?);
        let io = |source| StoreError::Io { path: own.clone(), source };
        make_private_folder(&own).map_err(io)?;
        keep_out_of_git(&self.root).map_err(io)?;
        // Both files stand before the folder has its name.
        let making = making_folder(&own).map_err(io)?;
        write_private(&making.path().join(KEY), key.reveal().as_bytes()).map_err(io)?;
        write_private(&making.path().join(CERTIFICATE), &certificate).map_err(io)?;
        std::fs::rename(making.path(), &folder).map_err(io)?;
        // It has another name now, and is not to be deleted.
        let _ = making.keep();
        sync_folder(&own).map_err(io)?;
        Ok(Pending { pair, folder })
    }

    /// The pairs of a token that wait.
    ///
    /// # Errors
    /// [`StoreError::Io`] where the folder is there and cannot be read.
    pub fn pending(&self, token: &Name) -> Result<Found, StoreError> {
        let own = self.folder(token);
        let mut found = Found::default();
        for folder in folders(&own)? {
            match read(&folder) {
                Some(pair) => found.pending.push(Pending { pair, folder }),
                None => found.damaged.push(folder),
            }
        }
        Ok(found)
    }

    /// The pairs of all tokens that wait, with the tokens' names.
    ///
    /// # Errors
    /// See [`Store::pending`].
    pub fn all(&self) -> Result<Vec<(Name, Pending)>, StoreError> {
        let mut all = Vec::new();
        for folder in folders(&self.root)? {
            let name = folder.file_name().and_then(|name| name.to_str()).map(Name::new);
            if let Some(Ok(name)) = name {
                let found = self.pending(&name)?;
                all.extend(found.pending.into_iter().map(|pending| (name.clone(), pending)));
            }
        }
        Ok(all)
    }

    /// Removes a pair whose halves are kept elsewhere now.
    ///
    /// # Errors
    /// [`StoreError::Io`]
    pub fn remove(&self, pending: &Pending) -> Result<(), StoreError> {
        let io = |source| StoreError::Io { path: pending.folder.clone(), source };
        match std::fs::remove_dir_all(&pending.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io(error)),
            _ => Ok(()),
        }
    }
}

/// The folders in a folder, sorted, without hidden ones and links; none where there is no folder.
fn folders(within: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let io = |source| StoreError::Io { path: within.to_owned(), source };
    let entries = match std::fs::read_dir(within) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(io)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(io)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        // A link's own type is neither file nor folder.
        if !hidden && entry.file_type().map_err(io)?.is_dir() {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

fn read(folder: &Path) -> Option<KeyPair> {
    let text = |name: &str| {
        let path = folder.join(name);
        let length = std::fs::symlink_metadata(&path).ok().filter(std::fs::Metadata::is_file)?.len();
        (length <= LONGEST).then(|| std::fs::read(path).ok()).flatten()
    };
    let key = Secret::new(String::from_utf8(text(KEY)?).ok()?);
    KeyPair::read(&key, &text(CERTIFICATE)?).ok()
}

/// Tells git to leave the folder alone, whatever the one around it says.
fn keep_out_of_git(root: &Path) -> io::Result<()> {
    let path = root.join(".gitignore");
    if path.exists() { Ok(()) } else { write_private(&path, b"*\n") }
}

/// A folder of mode 0700 with a name that nothing looks for.
fn making_folder(within: &Path) -> io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".new-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir_in(within)
}

/// Makes a folder of mode 0700, and those above it that are missing.
pub fn make_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Writes a file of mode 0600 in one step: it has the whole content or is what it was before.
///
/// # Errors
/// What the file system says.
pub fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = parent(path);
    // A temporary file has mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|refused| refused.error)?;
    sync_folder(folder)
}

/// The folder of a file.
pub(super) fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes names durable, where the system has a way.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { std::fs::File::open(folder)?.sync_all() } else { Ok(()) }
}
