//! Where documents and the files beside them come from: a folder, or memory.
//!
//! A manifest cannot make the reader leave its folder: paths are resolved, links included, and
//! what lies outside needs the runner's word (`ESPALIER_ALLOW=files`).

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::Allow;

/// The texts of all document files by path relative to the folder, for snippets.
pub type Sources = BTreeMap<Arc<str>, Arc<str>>;

/// A document file: its path relative to the folder, and its contents.
pub type File = (Arc<str>, Vec<u8>);

/// The largest file beside the documents that is read (a CSV, a certificate), in bytes.
const MAX_BESIDE: u64 = 64 * 1024 * 1024;

/// The folder cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not there, or not a folder.
    #[error("the documents' folder {} cannot be read", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A folder or file within cannot be listed: what it holds is unknown.
    #[error("{} cannot be read", path.display())]
    Within {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A link leads to documents outside, and the runner does not allow that. They are unknown, not
    /// absent.
    #[error(
        "{} is a link out of the documents' folder, which the runner does not allow; put here what it leads to, or set ESPALIER_ALLOW=files",
        .0.display()
    )]
    Outside(PathBuf),
}

impl LoadError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Folder { .. } => "folder-unreadable",
            Self::Within { .. } => "folder-part-unreadable",
            Self::Outside(_) => "folder-link-outside",
        }
    }
}

/// Why a file beside the documents is not read.
#[derive(Debug, thiserror::Error)]
pub enum BesideError {
    /// It lies outside the folder.
    #[error("the path leads out of the documents' folder")]
    Outside,
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// It is a folder, a device, a pipe.
    #[error("it is not a regular file")]
    NotAFile,
    /// It is too large.
    #[error("it is larger than {} MiB", MAX_BESIDE / 1024 / 1024)]
    TooLarge,
    /// Reading failed.
    #[error("it cannot be read: {0}")]
    Io(std::io::Error),
}

/// A folder of documents, or its image in memory.
pub enum Source<'a> {
    /// A folder, its path resolved.
    Folder(PathBuf),
    /// Paths and texts.
    Memory(&'a [(&'a str, &'a str)]),
}

impl Source<'_> {
    /// Opens a folder.
    pub fn folder(folder: &Path) -> Result<Self, LoadError> {
        let fail = |source| LoadError::Folder { folder: folder.to_owned(), source };
        let root = folder.canonicalize().map_err(fail)?;
        if !root.is_dir() {
            return Err(fail(std::io::ErrorKind::NotADirectory.into()));
        }
        Ok(Self::Folder(root))
    }

    /// Paths and contents of all YAML files, sorted by path.
    pub fn documents(&self, allow: Allow) -> Result<Vec<File>, LoadError> {
        match self {
            Source::Memory(files) => {
                let mut all: Vec<_> = files
                    .iter()
                    .filter(|(path, _)| is_yaml(Path::new(path)))
                    .map(|(p, t)| (Arc::from(*p), t.as_bytes().to_vec()))
                    .collect();
                all.sort();
                Ok(all)
            }
            Source::Folder(root) => {
                let mut paths = Vec::new();
                walk(root, root, allow, &mut vec![root.clone()], &mut paths)?;
                paths.sort();
                paths
                    .into_iter()
                    .map(|path| {
                        // One byte more than the reader takes, so that it can tell "too large".
                        let bytes = read_up_to(&path, super::yaml::MAX_BYTES as u64 + 1)
                            .map_err(|source| LoadError::Within { path: path.clone(), source })?;
                        Ok((relative(root, &path), bytes))
                    })
                    .collect()
            }
        }
    }

    /// Resolves a path that a document names: relative to the folder, absolute where it lies
    /// outside and that is allowed. The file need not exist.
    pub fn locate(&self, document: &str, path: &Path, allow: Allow) -> Result<PathBuf, BesideError> {
        let base = Path::new(document).parent().unwrap_or(Path::new(""));
        let Some(within) = normal(&base.join(path)) else {
            return if allow.files { Ok(base.join(path)) } else { Err(BesideError::Outside) };
        };
        if let Source::Folder(root) = self
            && !allow.files
        {
            // Links count: the nearest existing ancestor has to lie within.
            let full = root.join(&within);
            let existing = full.ancestors().find_map(|path| path.canonicalize().ok());
            if !existing.is_some_and(|path| path.starts_with(root)) {
                return Err(BesideError::Outside);
            }
        }
        Ok(within)
    }

    /// Reads a file that a document names. Returns its path relative to the folder, and its bytes.
    pub fn read(&self, document: &str, path: &Path, allow: Allow) -> Result<(PathBuf, Vec<u8>), BesideError> {
        let within = self.locate(document, path, allow)?;
        match self {
            Source::Memory(files) => {
                let found = files.iter().find(|(name, _)| Path::new(name) == within);
                let (_, text) = found.ok_or(BesideError::NotFound)?;
                Ok((within, text.as_bytes().to_vec()))
            }
            Source::Folder(root) => {
                let full = root.join(&within);
                let about = std::fs::metadata(&full).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => BesideError::NotFound,
                    _ => BesideError::Io(error),
                })?;
                if !about.is_file() {
                    return Err(BesideError::NotAFile);
                }
                let bytes = read_up_to(&full, MAX_BESIDE + 1).map_err(BesideError::Io)?;
                if bytes.len() as u64 > MAX_BESIDE {
                    return Err(BesideError::TooLarge);
                }
                Ok((within, bytes))
            }
        }
    }
}

/// Where a path that documents name leads: within their folder, links resolved, unless the runner
/// allows files outside. The file need not exist.
///
/// # Errors
/// [`BesideError::Outside`]; a folder that cannot be read.
pub fn beside(folder: &Path, path: &Path, allow: Allow) -> Result<PathBuf, BesideError> {
    let root = folder.canonicalize().map_err(BesideError::Io)?;
    let within = Source::Folder(root.clone()).locate("", path, allow)?;
    Ok(root.join(within))
}

fn read_up_to(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The path without `.` and `..`; `None` where it is absolute or climbs out.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(part) => clean.push(part),
            Component::CurDir => {}
            Component::ParentDir => {
                if !clean.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(clean)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "yaml" || end == "yml")
}

fn relative(root: &Path, path: &Path) -> Arc<str> {
    let path = path.strip_prefix(root).unwrap_or(path);
    Arc::from(path.to_string_lossy().replace('\\', "/"))
}

/// Collects YAML files. `above` holds the resolved folders on the way here, against link cycles.
fn walk(
    root: &Path,
    folder: &Path,
    allow: Allow,
    above: &mut Vec<PathBuf>,
    found: &mut Vec<PathBuf>,
) -> Result<(), LoadError> {
    let fail = |source| LoadError::Within { path: folder.to_owned(), source };
    for entry in std::fs::read_dir(folder).map_err(fail)? {
        let path = entry.map_err(fail)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        // What a link hides is unknown: passed over, its documents would look like removed ones.
        let real = match path.canonicalize() {
            Ok(real) => real,
            Err(source) if is_yaml(&path) || path.extension().is_none() => {
                return Err(LoadError::Within { path, source });
            }
            Err(_) => continue,
        };
        let is_folder = real.is_dir();
        let may_hold =
            if is_folder { !matches!(name.as_str(), "target" | "node_modules") } else { is_yaml(&path) };
        if !may_hold {
            continue;
        }
        if !real.starts_with(root) && !allow.files {
            return Err(LoadError::Outside(path));
        }
        if !is_folder {
            if !real.is_file() {
                let source = std::io::Error::new(std::io::ErrorKind::InvalidInput, "it is no regular file");
                return Err(LoadError::Within { path, source });
            }
            found.push(path);
        } else if !above.contains(&real) {
            above.push(real);
            walk(root, &path, allow, above, found)?;
            above.pop();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Allow = Allow { exec: false, files: false, endpoints: false };

    #[test]
    fn paths_are_relative_to_the_document_and_stay_inside() {
        let source = Source::Memory(&[]);
        let locate = |document, path| source.locate(document, Path::new(path), NOTHING);
        assert_eq!(locate("a/b.yaml", "c.csv").unwrap(), Path::new("a/c.csv"));
        assert_eq!(locate("a/b.yaml", "../c.csv").unwrap(), Path::new("c.csv"));
        assert!(matches!(locate("a/b.yaml", "../../c.csv"), Err(BesideError::Outside)));
        assert!(matches!(locate("b.yaml", "/etc/passwd"), Err(BesideError::Outside)));
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_folder_are_not_followed() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret.txt"), "x").unwrap();
        std::fs::write(outside.path().join("far.yaml"), "a: 1").unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join(".git")).unwrap();
        std::fs::create_dir_all(folder.path().join("sub")).unwrap();
        for file in ["b.yaml", "a.yml", "sub/c.yaml", ".git/d.yaml", "e.txt"] {
            std::fs::write(folder.path().join(file), "a: 1").unwrap();
        }
        std::os::unix::fs::symlink(outside.path(), folder.path().join("link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("sub/cycle")).unwrap();
        let source = Source::folder(folder.path()).unwrap();
        let names = |allow| -> Vec<String> {
            source.documents(allow).unwrap().into_iter().map(|(name, _)| name.to_string()).collect()
        };
        assert!(matches!(source.documents(NOTHING), Err(LoadError::Outside(path)) if path.ends_with("link")));
        assert_eq!(
            names(Allow { files: true, ..NOTHING }),
            ["a.yml", "b.yaml", "link/far.yaml", "sub/c.yaml"]
        );
        let read = source.read("a.yml", Path::new("link/secret.txt"), NOTHING);
        assert!(matches!(read, Err(BesideError::Outside)));
    }

    #[cfg(unix)]
    #[test]
    fn documents_behind_a_link_are_never_passed_over_in_silence() {
        use std::os::unix::fs::symlink;
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("far.yaml"), "a: 1").unwrap();
        std::fs::write(outside.path().join("far.txt"), "x").unwrap();
        let documents = |name: &str, to: &Path| {
            let folder = tempfile::tempdir().unwrap();
            symlink(to, folder.path().join(name)).unwrap();
            Source::folder(folder.path()).unwrap().documents(NOTHING).map(|files| files.len())
        };
        let far = outside.path().join("far.yaml");
        assert!(matches!(documents("one.yaml", &far), Err(LoadError::Outside(_))));
        assert!(matches!(documents("more", outside.path()), Err(LoadError::Outside(_))));
        assert!(matches!(documents("one.yaml", Path::new("gone.yaml")), Err(LoadError::Within { .. })));
        assert!(matches!(documents("more", Path::new("gone")), Err(LoadError::Within { .. })));
        assert!(matches!(documents("one.yaml", Path::new("/dev/null")), Err(LoadError::Outside(_))));
        // What can hold no documents is nobody's business.
        for (name, to) in [(".hidden", outside.path()), ("note.txt", &outside.path().join("far.txt"))] {
            assert_eq!(documents(name, to).unwrap(), 0);
        }
        assert_eq!(documents("note.txt", Path::new("gone")).unwrap(), 0);
    }
}
