//! Lives of devices of which the MDM showed no bypass code: they are asked again after a day (L-4, L-7).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{CacheError, replace};
use crate::model::Epoch;
use crate::model::clock::{Timestamp, between};

/// How long a device that shows no code is left alone.
const A_DAY: Duration = Duration::from_secs(24 * 3600);

const FILE: &str = "codeless.json";

/// The lives that were asked within the last day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codeless(BTreeMap<Epoch, Timestamp>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    epoch: Epoch,
    at: Timestamp,
}

impl Codeless {
    /// What was asked within a day before `now`; nothing where the file is missing or doubtful.
    pub fn load(folder: &Path, now: Timestamp) -> Self {
        let text = std::fs::read(folder.join(FILE)).unwrap_or_default();
        let all: Vec<Asked> = serde_json::from_slice(&text).unwrap_or_default();
        // One from the future is of another clock.
        let is_young = |asked: &Asked| asked.at <= now && between(asked.at, now) < A_DAY;
        Self(all.into_iter().filter(is_young).map(|asked| (asked.epoch, asked.at)).collect())
    }

    /// The lives.
    pub fn epochs(&self) -> BTreeSet<Epoch> {
        self.0.keys().cloned().collect()
    }

    /// Adds those that were asked now.
    pub fn extend(&mut self, epochs: &[Epoch], now: Timestamp) {
        self.0.extend(epochs.iter().map(|epoch| (epoch.clone(), now)));
    }

    /// Keeps it.
    ///
    /// # Errors
    /// Where the file cannot be written: then devices are asked again.
    pub fn save(&self, folder: &Path) -> Result<(), CacheError> {
        let all: Vec<Asked> =
            self.0.iter().map(|(epoch, at)| Asked { epoch: epoch.clone(), at: *at }).collect();
        let text = serde_json::to_vec(&all).unwrap_or_default();
        replace(folder, FILE, &[&text])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::act::RecordId;

    #[test]
    fn a_device_without_a_code_is_left_alone_for_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let at = |hour: i64| Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap();
        let epoch = Epoch { record: RecordId("a".to_owned()), enrolled: at(0) };
        let mut asked = Codeless::load(folder.path(), at(1));
        assert!(asked.epochs().is_empty());
        asked.extend(std::slice::from_ref(&epoch), at(1));
        asked.save(folder.path()).unwrap();
        assert!(Codeless::load(folder.path(), at(24)).epochs().contains(&epoch));
        assert!(Codeless::load(folder.path(), at(25)).epochs().is_empty(), "asked again");
        assert!(Codeless::load(folder.path(), at(0)).epochs().is_empty(), "another clock");
        std::fs::write(folder.path().join(FILE), "[{").unwrap();
        assert_eq!(Codeless::load(folder.path(), at(2)), Codeless::default());
    }
}
