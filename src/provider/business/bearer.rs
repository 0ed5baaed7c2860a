//! The bearer of an API account, and where runs keep it for one another.
//!
//! The token endpoint is limited, and one bearer lives an hour: whoever finds a good one does not ask
//! for another (reference apple-business-api section 2.3).

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use openssl::sha::sha256;
use serde::{Deserialize, Serialize};

use crate::cache;
use crate::model::{Secret, clock};

/// A bearer is renewed this long before its end, so that none ends on its way.
const MARGIN: Duration = Duration::from_secs(5 * 60);
/// The longest file that can be one of ours, in bytes.
const LONGEST_FILE: u64 = 64 << 10;
/// The format of the file.
const FORMAT: u32 = 1;

/// Whose bearer is meant. One of another key is of no use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BearerKey {
    /// `clientId`
    pub client_id: String,
    /// `keyId`
    pub key_id: String,
    /// Scheme, host and port of the account service that gave it.
    pub account: String,
    /// What it is good for, e.g. `business.api`.
    pub scope: String,
}

/// A bearer and its end.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// What is sent.
    pub secret: Secret,
    /// When it was given.
    pub given: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl Bearer {
    /// Whether it is to be used at `now`: not in its last five minutes; one that lives less than that
    /// for half its life.
    pub fn is_good(&self, now: Timestamp) -> bool {
        let life = clock::between(self.given, self.expires);
        let use_for = life.saturating_sub(MARGIN).max(life / 2);
        // One that was given in the future is of a clock that was put back.
        self.given <= now && now < clock::after(self.given, use_for)
    }

    pub(super) fn is(&self, other: &Bearer) -> bool {
        self.secret.reveal() == other.secret.reveal()
    }
}

/// Whether a bearer may be asked for.
pub enum Turn {
    /// It is this process's turn while the value lives.
    Mine(Box<dyn Send>),
    /// Another process is asking.
    Busy,
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Turn::Mine(_) => "Mine",
            Turn::Busy => "Busy",
        })
    }
}

/// Where bearers are kept between runs. What cannot be kept costs one more sign-in and nothing else, so
/// nothing here fails.
pub trait BearerStore: fmt::Debug + Send + Sync {
    /// The bearer that is kept, however old; `None` where there is none, or one that is in doubt.
    fn load(&self, key: &BearerKey) -> Option<Bearer>;

    /// Keeps a bearer in place of any other of its key.
    fn save(&self, key: &BearerKey, bearer: &Bearer);

    /// Asks for the turn to ask for a bearer.
    fn turn(&self, key: &BearerKey) -> Turn;
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStore;

impl BearerStore for NoStore {
    fn load(&self, _: &BearerKey) -> Option<Bearer> {
        None
    }

    fn save(&self, _: &BearerKey, _: &Bearer) {}

    fn turn(&self, _: &BearerKey) -> Turn {
        Turn::Mine(Box::new(()))
    }
}

/// Keeps bearers in files of mode 0600 in a folder of mode 0700, each replaced in one step.
///
/// A file that is damaged, of another key, a link, or readable by others is none, and is replaced.
#[derive(Clone, Debug)]
pub struct BearerFiles {
    folder: PathBuf,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Kept {
    format: u32,
    key: BearerKey,
    given: Timestamp,
    expires: Timestamp,
    access_token: String,
}

impl BearerFiles {
    /// Files in `folder`, usually the cache's; it is made when something is kept.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The name says nothing of whose it is.
    fn name(key: &BearerKey, ending: &str) -> String {
        let BearerKey { client_id, key_id, account, scope } = key;
        let digest = sha256([client_id, key_id, account, scope].map(String::as_str).join("\n").as_bytes());
        let hex: String = digest[..12].iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{hex}.{ending}")
    }

    fn read(path: &Path) -> Option<Vec<u8>> {
        if !std::fs::symlink_metadata(path).ok()?.is_file() {
            return None;
        }
        let file = File::open(path).ok()?;
        // Of the file that was opened, so that nobody changes it in between.
        let about = file.metadata().ok()?;
        if !about.is_file() || about.len() > LONGEST_FILE || !is_private(&about) {
            return None;
        }
        let mut text = Vec::new();
        file.take(LONGEST_FILE).read_to_end(&mut text).ok()?;
        Some(text)
    }
}

#[cfg(unix)]
fn is_private(about: &std::fs::Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&about.permissions()) & 0o077 == 0
}

#[cfg(not(unix))]
fn is_private(_: &std::fs::Metadata) -> bool {
    true
}

impl BearerStore for BearerFiles {
    fn load(&self, key: &BearerKey) -> Option<Bearer> {
        let text = Self::read(&self.folder.join(Self::name(key, "bearer")))?;
        let kept: Kept = serde_json::from_slice(&text).ok()?;
        let is_ours = kept.format == FORMAT && kept.key == *key && is_bearer(&kept.access_token);
        is_ours.then(|| Bearer {
            secret: Secret::new(kept.access_token),
            given: kept.given,
            expires: kept.expires,
        })
    }

    fn save(&self, key: &BearerKey, bearer: &Bearer) {
        let kept = Kept {
            format: FORMAT,
            key: key.clone(),
            given: bearer.given,
            expires: bearer.expires,
            access_token: bearer.secret.reveal().to_owned(),
        };
        if let Ok(text) = serde_json::to_vec(&kept) {
            // What is not kept costs one sign-in.
            cache::replace(&self.folder, &Self::name(key, "bearer"), &[&text]).ok();
        }
    }

    fn turn(&self, key: &BearerKey) -> Turn {
        let path = self.folder.join(Self::name(key, "lock"));
        // Without a folder nothing is kept, and there is nothing to be held up by.
        if !self.folder.is_dir() && cache::replace(&self.folder, &Self::name(key, "lock"), &[]).is_err() {
            return Turn::Mine(Box::new(()));
        }
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let Ok(file) = options.open(path) else {
            return Turn::Mine(Box::new(()));
        };
        match file.try_lock() {
            Ok(()) => Turn::Mine(Box::new(file)),
            Err(std::fs::TryLockError::WouldBlock) => Turn::Busy,
            Err(std::fs::TryLockError::Error(_)) => Turn::Mine(Box::new(())),
        }
    }
}

/// Whether a text can be a bearer: visible ASCII, of a bounded length.
pub(super) fn is_bearer(text: &str) -> bool {
    (1..=32 << 10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn key(client: &str) -> BearerKey {
        BearerKey {
            client_id: client.into(),
            key_id: "K".into(),
            account: "https://account.apple.com".into(),
            scope: "business.api".into(),
        }
    }

    fn bearer(text: &str) -> Bearer {
        let given: Timestamp = "2026-11-06T08:00:00Z".parse().unwrap();
        Bearer {
            secret: Secret::new(text.into()),
            given,
            expires: clock::after(given, Duration::from_secs(3_600)),
        }
    }

    fn loaded(store: &BearerFiles, key: &BearerKey) -> Option<String> {
        store.load(key).map(|bearer| bearer.secret.reveal().to_owned())
    }

    fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
        let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        all.filter(|path| path.extension().is_some_and(|end| end == ending)).collect()
    }

    #[test]
    fn a_bearer_is_kept_for_its_key_alone_and_readable_by_nobody_else() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = temporary.path().join("cache");
        let store = BearerFiles::new(folder.clone());
        assert!(store.load(&key("A")).is_none());
        store.save(&key("A"), &bearer("planted-1"));
        store.save(&key("B"), &bearer("planted-2"));
        store.save(&key("A"), &bearer("planted-3"));
        assert_eq!(loaded(&store, &key("A")).as_deref(), Some("planted-3"));
        assert_eq!(loaded(&store, &key("B")).as_deref(), Some("planted-2"));
        let back = store.load(&key("A")).unwrap();
        assert_eq!((back.given, back.expires), (bearer("").given, bearer("").expires));
        for change in [
            BearerKey { key_id: "L".into(), ..key("A") },
            BearerKey { account: "http://127.0.0.1:1".into(), ..key("A") },
            BearerKey { scope: "school.api".into(), ..key("A") },
        ] {
            assert!(store.load(&change).is_none(), "{change:?}");
        }
        let kept = files(&folder, "bearer");
        assert_eq!(kept.len(), 2, "{kept:?}");
        for path in kept {
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(!format!("{store:?} {back:?}").contains("planted"));
    }

    #[test]
    fn a_file_in_doubt_is_none_and_is_replaced() {
        let temporary = tempfile::tempdir().unwrap();
        let store = BearerFiles::new(temporary.path().to_owned());
        type Spoil = fn(&Path);
        let spoil: [(&str, Spoil); 6] = [
            ("cut", |path| {
                let text = std::fs::read(path).unwrap();
                std::fs::write(path, &text[..text.len() / 2]).unwrap();
            }),
            ("empty", |path| std::fs::write(path, "").unwrap()),
            ("readable", |path| {
                std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
            }),
            ("another's", |path| {
                let text = std::fs::read_to_string(path).unwrap();
                std::fs::write(path, text.replace("\"clientId\":\"A\"", "\"clientId\":\"X\"")).unwrap();
            }),
            ("a link", |path| {
                let elsewhere = path.with_extension("elsewhere");
                std::fs::rename(path, &elsewhere).unwrap();
                std::os::unix::fs::symlink(&elsewhere, path).unwrap();
            }),
            ("no header field", |path| {
                let text = std::fs::read_to_string(path).unwrap();
                std::fs::write(path, text.replace("planted-1", "planted\\r\\nX: 1")).unwrap();
            }),
        ];
        for (what, spoil) in spoil {
            store.save(&key("A"), &bearer("planted-1"));
            assert!(store.load(&key("A")).is_some(), "before it is {what}");
            spoil(&files(temporary.path(), "bearer")[0]);
            assert!(store.load(&key("A")).is_none(), "{what}");
            store.save(&key("A"), &bearer("planted-2"));
            assert_eq!(loaded(&store, &key("A")).as_deref(), Some("planted-2"), "{what}");
        }
    }

    #[test]
    fn one_at_a_time_asks_for_a_bearer() {
        let temporary = tempfile::tempdir().unwrap();
        let stores = [(); 2].map(|()| BearerFiles::new(temporary.path().join("cache")));
        let turn = stores[0].turn(&key("A"));
        assert!(matches!(turn, Turn::Mine(_)));
        assert!(matches!(stores[1].turn(&key("A")), Turn::Busy));
        assert!(matches!(stores[1].turn(&key("B")), Turn::Mine(_)), "of another key");
        drop(turn);
        assert!(matches!(stores[1].turn(&key("A")), Turn::Mine(_)));
        assert_eq!(format!("{:?}", Turn::Busy), "Busy");
    }

    #[test]
    fn a_bearer_is_renewed_five_minutes_early() {
        let bearer = bearer("x");
        let at = |second| clock::after(bearer.given, Duration::from_secs(second));
        assert!(bearer.is_good(at(0)) && bearer.is_good(at(3_299)));
        assert!(!bearer.is_good(at(3_300)) && !bearer.is_good(at(9_999)));
        let short = Bearer { expires: at(60), ..bearer.clone() };
        assert!(short.is_good(at(29)) && !short.is_good(at(30)));
        let before = Bearer { given: at(10), ..bearer.clone() };
        assert!(!before.is_good(at(9)));
    }
}
