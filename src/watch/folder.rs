//! The documents' folder as a source of events.
//!
//! The system's notices are hints and nothing more: they come several times, too early, or not at
//! all (network file systems). What counts is the *stamp* of the folder, taken when a flurry of
//! notices has come to rest and by a timer: which files there are, and what their inodes, sizes and
//! times are, links resolved. So an editor that renames over a file, and a mounted volume that swaps
//! one link, are changes like any other.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify_debouncer_full::notify::{self, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, NoCache, new_debouncer_opt};
use tokio::sync::mpsc;

/// How long the debouncer holds a notice to join it with its like. Rest is waited for apart from
/// that: [`super::settle`].
const JOIN: Duration = Duration::from_millis(100);

/// What a file or folder was when it was looked at: two that differ are a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    is_folder: bool,
    /// Device and inode: a file that was replaced is another one, whatever its time says.
    id: (u64, u64),
    length: u64,
    modified: Option<std::time::SystemTime>,
}

/// The state of everything in a folder that documents may be made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamp(BTreeMap<PathBuf, Look>);

impl Stamp {
    /// Looks at a folder. What cannot be read is not there; reading the documents says why.
    pub fn of(folder: &Path) -> Self {
        let mut stamp = Self::default();
        stamp.look(folder, &mut Vec::new());
        stamp
    }

    fn look(&mut self, folder: &Path, above: &mut Vec<(u64, u64)>) {
        let Some(look) = look_at(folder) else { return };
        // A link that leads back up has no end.
        if above.contains(&look.id) {
            return;
        }
        // The times of a folder say only what its list says as well.
        self.0.insert(folder.to_owned(), Look { length: 0, modified: None, ..look });
        above.push(look.id);
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if is_left_out(&entry.file_name().to_string_lossy()) {
                continue;
            }
            match look_at(&path) {
                Some(look) if look.is_folder => self.look(&path, above),
                Some(look) => drop(self.0.insert(path, look)),
                None => {}
            }
        }
        above.pop();
    }

    /// The paths at which two stamps differ.
    fn differences(&self, other: &Self) -> Vec<PathBuf> {
        let new = self.0.iter().filter(|(path, look)| other.0.get(*path) != Some(look));
        let gone = other.0.iter().filter(|(path, _)| !self.0.contains_key(*path));
        new.chain(gone).map(|(path, _)| path.clone()).collect()
    }

    fn folders(&self) -> impl Iterator<Item = (&PathBuf, (u64, u64))> {
        self.0.iter().filter(|(_, look)| look.is_folder).map(|(path, look)| (path, look.id))
    }
}

#[cfg(unix)]
fn look_at(path: &Path) -> Option<Look> {
    use std::os::unix::fs::MetadataExt as _;
    let about = path.metadata().ok()?;
    let (is_folder, id) = (about.is_dir(), (about.dev(), about.ino()));
    Some(Look { is_folder, id, length: about.len(), modified: about.modified().ok() })
}

#[cfg(not(unix))]
fn look_at(path: &Path) -> Option<Look> {
    let about = path.metadata().ok()?;
    Some(Look { is_folder: about.is_dir(), id: (0, 0), length: about.len(), modified: about.modified().ok() })
}

/// Whether the reader of documents passes a name over: state, git, builds, editors' own files.
fn is_left_out(name: &str) -> bool {
    name.starts_with('.') || matches!(name, "target" | "node_modules")
}

/// Whether a notice about a path below the folder can mean that documents changed. A mounted volume
/// swaps the link `..data`: two dots are no editor's.
fn concerns(folder: &Path, path: &Path) -> bool {
    let Ok(below) = path.strip_prefix(folder) else {
        // The folder's own parent is watched for the folder's own name only.
        return false;
    };
    below.components().all(|part| {
        let name = part.as_os_str().to_string_lossy();
        !is_left_out(&name) || name.starts_with("..")
    })
}

/// A folder that is being watched.
pub struct FolderSource {
    folder: PathBuf,
    debouncer: Option<Debouncer<RecommendedWatcher, NoCache>>,
    watched: BTreeMap<PathBuf, (u64, u64)>,
    stamp: Stamp,
}

impl FolderSource {
    /// Watches a folder. A hint comes down the channel whenever something may have changed. Where
    /// the system gives no notices, the second value says why, and only looking finds changes.
    pub fn start(folder: &Path) -> (Self, mpsc::Receiver<()>, Option<String>) {
        // One hint is as good as many: what does not fit is not missed.
        let (hint, hints) = mpsc::channel(1);
        // Notices carry the path that was asked for, which has to be a whole one.
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let about = folder.clone();
        let heard = move |result: DebounceEventResult| {
            let matters = match result {
                Ok(events) => events.iter().any(|event| {
                    !event.kind.is_access() && event.paths.iter().any(|path| concerns(&about, path))
                }),
                // Lost notices are a reason to look.
                Err(_) => true,
            };
            if matters {
                let _ = hint.try_send(());
            }
        };
        let made = new_debouncer_opt(JOIN, None, heard, NoCache, notify::Config::default());
        let (debouncer, mut trouble) = match made {
            Ok(debouncer) => (Some(debouncer), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let stamp = Stamp::of(&folder);
        let mut source = Self { folder, debouncer, watched: BTreeMap::new(), stamp };
        trouble = source.watch_folders().or(trouble);
        // What came between the look and the watch would never be noticed.
        source.look();
        (source, hints, trouble)
    }

    /// Looks at the folder. Returns what is not as it was at the last look.
    pub fn look(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        // What comes into a new folder before it is watched is seen by looking once more. Somebody who
        // never stops is heard of again by the next notice.
        for _ in 0..5 {
            let now = Stamp::of(&self.folder);
            if now == self.stamp {
                break;
            }
            changed.extend(now.differences(&self.stamp));
            self.stamp = now;
            // What cannot be watched is found by looking; the start has told it.
            let _ = self.watch_folders();
        }
        changed.sort();
        changed.dedup();
        changed
    }

    /// Watches every folder that there is, each by itself: below the others there is nothing to be
    /// told of. Says why some cannot be watched.
    fn watch_folders(&mut self) -> Option<String> {
        let debouncer = self.debouncer.as_mut()?;
        let mut wanted: BTreeMap<PathBuf, (u64, u64)> =
            self.stamp.folders().map(|(path, id)| (path.clone(), id)).collect();
        // A folder that is itself a link is swapped in its parent.
        if let Some(parent) = self.folder.parent()
            && let Some(look) = look_at(parent)
        {
            wanted.insert(parent.to_owned(), look.id);
        }
        let gone: Vec<PathBuf> = self
            .watched
            .iter()
            .filter(|(path, id)| wanted.get(*path) != Some(id))
            .map(|(path, _)| path.clone())
            .collect();
        for path in gone {
            // Mostly it is gone, and the system has forgotten it.
            let _ = debouncer.unwatch(&path);
            self.watched.remove(&path);
        }
        let mut trouble = None;
        for (path, id) in wanted {
            if self.watched.contains_key(&path) {
                continue;
            }
            match debouncer.watch(&path, RecursiveMode::NonRecursive) {
                Ok(()) => drop(self.watched.insert(path, id)),
                Err(error) => trouble = trouble.or(Some(error.to_string())),
            }
        }
        trouble
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    /// A folder of its own within a temporary one, so that its parent is nobody else's.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().canonicalize().unwrap().join("documents");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("a.yaml"), "a: 1").unwrap();
        (root, folder)
    }

    #[test]
    fn only_what_documents_are_made_of_changes_the_stamp() {
        let (_root, folder) = folder();
        let before = Stamp::of(&folder);
        for (file, text) in [(".espalier/x", "1"), (".git/x", "1"), ("target/x", "1"), (".a.yaml.swp", "1")] {
            let path = folder.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        assert_eq!(Stamp::of(&folder), before);
        fs::create_dir(folder.join("sub")).unwrap();
        fs::write(folder.join("sub/devices.csv"), "Serial").unwrap();
        assert_ne!(Stamp::of(&folder), before);
    }

    #[test]
    fn a_file_that_is_renamed_over_another_is_a_change_even_with_its_time_and_length() {
        let (_root, folder) = folder();
        let before = Stamp::of(&folder);
        let time = fs::metadata(folder.join("a.yaml")).unwrap().modified().unwrap();
        fs::write(folder.join(".new"), "a: 2").unwrap();
        fs::File::options().write(true).open(folder.join(".new")).unwrap().set_modified(time).unwrap();
        fs::rename(folder.join(".new"), folder.join("a.yaml")).unwrap();
        assert_ne!(Stamp::of(&folder), before);
    }

    #[test]
    fn links_that_lead_back_up_have_an_end() {
        let (_root, folder) = folder();
        symlink(&folder, folder.join("again")).unwrap();
        assert!(Stamp::of(&folder).0.len() < 5);
    }

    #[test]
    fn notices_about_state_and_git_are_no_hints() {
        let folder = Path::new("/f");
        for path in ["/f", "/f/a.yaml", "/f/sub/x.csv", "/f/..data", "/f/..2026/a.yaml"] {
            assert!(concerns(folder, Path::new(path)), "{path}");
        }
        for path in ["/f/.espalier/cache", "/f/.git/index", "/f/target/x", "/f/a/node_modules/b", "/g/a.yaml"]
        {
            assert!(!concerns(folder, Path::new(path)), "{path}");
        }
    }

    /// Waits for hints until the stamp has changed.
    async fn changed(source: &mut FolderSource, hints: &mut mpsc::Receiver<()>) {
        let seen = async {
            loop {
                hints.recv().await.expect("the watch goes on");
                if !source.look().is_empty() {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), seen).await.expect("a notice of the change");
    }

    #[tokio::test]
    async fn a_swapped_link_a_new_folder_and_a_file_in_it_are_noticed() {
        let (_root, folder) = folder();
        for version in ["..1", "..2"] {
            fs::create_dir(folder.join(version)).unwrap();
            fs::write(folder.join(version).join("b.yaml"), version).unwrap();
        }
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/b.yaml", folder.join("b.yaml")).unwrap();
        let (mut source, mut hints, trouble) = FolderSource::start(&folder);
        assert_eq!(trouble, None);
        symlink("..2", folder.join("..data_tmp")).unwrap();
        fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
        changed(&mut source, &mut hints).await;
        fs::create_dir(folder.join("sub")).unwrap();
        changed(&mut source, &mut hints).await;
        fs::write(folder.join("sub/c.yaml"), "c: 1").unwrap();
        changed(&mut source, &mut hints).await;
    }

    #[tokio::test]
    async fn a_folder_that_is_a_link_itself_is_noticed_when_it_is_swapped() {
        let (root, first) = folder();
        let second = root.path().join("second");
        fs::create_dir(&second).unwrap();
        fs::write(second.join("a.yaml"), "a: 2").unwrap();
        let link = root.path().join("current");
        symlink(&first, &link).unwrap();
        let (mut source, mut hints, _) = FolderSource::start(&link);
        symlink(&second, root.path().join("next")).unwrap();
        fs::rename(root.path().join("next"), &link).unwrap();
        changed(&mut source, &mut hints).await;
        fs::write(second.join("a.yaml"), "a: 3").unwrap();
        changed(&mut source, &mut hints).await;
    }
}
