//! The profiles of others that devices of a direct token carry. Apple's profiles never change, so each
//! is asked for once; what is ours stands in the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::snapshot::{Key, Snapshots};
use super::{CacheError, replace};

/// The version of the file. Another one is dropped.
const VERSION: u32 = 1;

/// Profiles as Apple showed them, by their UUID.
pub type Profiles = BTreeMap<String, Map<String, Value>>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    key: Key,
    profiles: Profiles,
}

impl Snapshots {
    /// The profiles that are kept for a token; none where the file is doubtful.
    pub fn profiles(&self, key: &Key) -> Profiles {
        let content = std::fs::read(self.profiles_path(key)).ok();
        content
            .and_then(|bytes| serde_json::from_slice::<Content>(&bytes).ok())
            .filter(|content| content.version == VERSION && key.takes(&content.key))
            .map(|content| content.profiles)
            .unwrap_or_default()
    }

    /// Keeps profiles in place of those that were kept for the token.
    ///
    /// # Errors
    /// The file system refuses. Callers may ignore it.
    pub fn save_profiles(&self, key: &Key, profiles: Profiles) -> Result<(), CacheError> {
        let content = Content { version: VERSION, key: key.clone(), profiles };
        // Plain values only: this cannot fail.
        let bytes = serde_json::to_vec(&content).unwrap_or_default();
        let path = self.profiles_path(key);
        let (Some(folder), Some(file)) = (path.parent(), path.file_name().and_then(|name| name.to_str()))
        else {
            return Ok(());
        };
        replace(folder, file, &[&bytes])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TokenId;

    #[test]
    fn profiles_are_kept_for_their_server() {
        let home = tempfile::tempdir().unwrap();
        let kept = Snapshots::new(home.path().join("cache"));
        let key = |server: &str| Key {
            service: "s".to_owned(),
            token: TokenId("token".to_owned()),
            server: Some(server.to_owned()),
            protocol: "10".to_owned(),
        };
        assert!(kept.profiles(&key("A")).is_empty());
        let profile = Map::from_iter([("profile_name".to_owned(), Value::from("Other"))]);
        let profiles = Profiles::from([("AB".to_owned(), profile)]);
        kept.save_profiles(&key("A"), profiles.clone()).unwrap();
        assert_eq!(kept.profiles(&key("A")), profiles);
        assert!(kept.profiles(&key("B")).is_empty());
        std::fs::write(kept.profiles_path(&key("A")), "{\"version\":1").unwrap();
        assert!(kept.profiles(&key("A")).is_empty());
    }
}
