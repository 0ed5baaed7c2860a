//! What the last full read cost, so that the next plan can say beforehand how many calls it will
//! take, and a progress bar has a total.
//!
//! Nothing is decided by the cache and losing it costs nothing: whatever is doubtful about the
//! file (unreadable, another version) reads as an empty cache.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{CacheError, replace};
use crate::model::TokenId;

/// The version of the file. Another one is dropped.
const VERSION: u32 = 1;

const FILE: &str = "reads.json";

/// What reading one token's devices took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenReads {
    /// Devices in the list.
    pub devices: u64,
    /// Pages, which is calls.
    pub pages: u64,
}

/// What reading one tenant took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantReads {
    /// Pages of each list that belongs to the tenant, by the list's name.
    pub lists: BTreeMap<String, u64>,
    /// The device lists by token.
    pub tokens: BTreeMap<TokenId, TokenReads>,
}

impl TenantReads {
    /// All calls together.
    pub fn pages(&self) -> u64 {
        self.lists.values().sum::<u64>() + self.tokens.values().map(|token| token.pages).sum::<u64>()
    }
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    tenants: BTreeMap<String, TenantReads>,
}

/// The cache of a folder of documents.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    tenants: BTreeMap<String, TenantReads>,
    changed: bool,
}

impl Cache {
    /// Reads the cache in `folder` (`.espalier/cache`); empty where there is none, or a doubtful one.
    pub fn load(folder: &Path) -> Self {
        let tenants = std::fs::read(folder.join(FILE))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok())
            .filter(|content| content.version == VERSION)
            .map(|content| content.tenants)
            .unwrap_or_default();
        Self { folder: folder.to_owned(), tenants, changed: false }
    }

    /// What the last full read of a tenant took; `None` where none is known.
    pub fn tenant(&self, tenant_id: &str) -> Option<&TenantReads> {
        self.tenants.get(tenant_id)
    }

    /// Remembers what a full read of a tenant took, in place of what was known.
    pub fn remember(&mut self, tenant_id: &str, reads: TenantReads) {
        if self.tenants.get(tenant_id) != Some(&reads) {
            self.tenants.insert(tenant_id.to_owned(), reads);
            self.changed = true;
        }
    }

    /// Replaces the file (mode 0600, in a folder of mode 0700) in one step, if anything changed.
    ///
    /// # Errors
    /// The file system refuses. Callers may ignore it.
    pub fn save(&mut self) -> Result<(), CacheError> {
        if self.changed {
            let content = Content { version: VERSION, tenants: self.tenants.clone() };
            // Plain values only: this cannot fail.
            let bytes = serde_json::to_vec(&content).unwrap_or_default();
            replace(&self.folder, FILE, &[&bytes])?;
            self.changed = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(devices: u64) -> TenantReads {
        TenantReads {
            lists: BTreeMap::from([("profiles".to_owned(), 2)]),
            tokens: BTreeMap::from([(TokenId("token".to_owned()), TokenReads { devices, pages: 3 })]),
        }
    }

    #[test]
    fn what_is_remembered_is_there_next_time() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".espalier/cache");
        let mut cache = Cache::load(&folder);
        assert_eq!(cache.tenant("tenant"), None);
        cache.save().unwrap();
        assert!(!folder.exists(), "nothing to say, nothing written");
        cache.remember("tenant", reads(2500));
        cache.save().unwrap();
        let again = Cache::load(&folder);
        assert_eq!(again.tenant("tenant"), Some(&reads(2500)));
        assert_eq!(again.tenant("other"), None);
        assert_eq!(reads(0).pages(), 5);
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1);
    }

    #[test]
    fn a_doubtful_file_is_an_empty_cache() {
        let home = tempfile::tempdir().unwrap();
        let mut cache = Cache::load(home.path());
        cache.remember("tenant", reads(1));
        cache.save().unwrap();
        let file = home.path().join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        for doubtful in [
            text.replace("\"version\":1", "\"version\":2"),
            text.replace("\"version\":1", "\"version\":1,\"more\":0"),
            text[..text.len() / 2].to_owned(),
            String::new(),
        ] {
            assert_ne!(doubtful, text);
            std::fs::write(&file, doubtful).unwrap();
            assert_eq!(Cache::load(home.path()).tenant("tenant"), None);
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("cache");
        let mut cache = Cache::load(&folder);
        cache.remember("tenant", reads(1));
        cache.save().unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(FILE))), (0o700, 0o600));
    }
}
