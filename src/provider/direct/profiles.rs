//! The profiles of a token: Apple has no list of them, so they are those that devices carry and those
//! that the ledger remembers. They never change, so each is asked for once at most.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt as _};
use serde_json::Value as Json;

use super::DirectObserver;
use crate::cache::Profiles;
use crate::model::live::{Complete, Devices, Fact, LiveProfile, ProfileKind};
use crate::model::{Fields, Platform, ProfileId};
use crate::provider::dep::{self, DepError};
use crate::provider::outcome::unknown;

/// How many profiles are asked for at once.
const SIDE_BY_SIDE: usize = 8;

/// The profiles whose content the ledger knows: name and all fields.
pub type KnownProfiles = BTreeMap<ProfileId, (String, Fields)>;

/// Profiles that Apple was asked for, by this process and by earlier ones.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<Option<Profiles>>);

impl DirectObserver {
    /// The profiles that devices carry, and those that are known. One that Apple does not know is not
    /// among them.
    pub async fn profiles(&self, devices: &Devices, known: &KnownProfiles) -> Fact<Complete<LiveProfile>> {
        let wanted = devices.profiles().iter().filter(|id| !known.contains_key(*id));
        let platforms = platforms(devices);
        let asks = wanted.map(|id| self.profile(id, platforms.get(id).copied().unwrap_or(Platform::Ios)));
        let before = self.asked(|asked| asked.len());
        let read: Vec<_> = stream::iter(asks).buffered(SIDE_BY_SIDE).collect().await;
        self.keep_profiles(devices, before);
        let mut profiles: Vec<LiveProfile> =
            known.iter().map(|(id, (name, fields))| live(id, name, fields.clone())).collect();
        for profile in read {
            match profile {
                Ok(profile) => profiles.extend(profile),
                Err(error) => return Fact::Unknown(unknown(&error)),
            }
        }
        Fact::Known(Complete::after_last_page(profiles))
    }

    /// One profile, read as one for a platform: Apple's are for none in particular. `None`: Apple does
    /// not know it.
    ///
    /// # Errors
    /// It could not be read.
    pub async fn profile(&self, id: &ProfileId, platform: Platform) -> Result<Option<LiveProfile>, DepError> {
        let members = match self.asked(|asked| asked.get(&id.0).cloned()) {
            Some(members) => members,
            None => match self.0.dep.profile(&id.0).await? {
                Some(record) => record.members,
                None => return Ok(None),
            },
        };
        let name = members.get("profile_name").and_then(Json::as_str).unwrap_or_default();
        let profile = live(id, name, dep::convert::fields_from(platform, &members));
        self.asked(|asked| drop(asked.insert(id.0.clone(), members.clone())));
        Ok(Some(LiveProfile { members, ..profile }))
    }

    /// Looks at the profiles that were asked for, those of earlier processes included.
    fn asked<T>(&self, look: impl FnOnce(&mut Profiles) -> T) -> T {
        let mut asked = self.0.profiles.0.lock().unwrap_or_else(PoisonError::into_inner);
        look(asked.get_or_insert_with(|| self.0.snapshots.profiles(&self.key())))
    }

    /// Keeps the profiles that devices carry, where more are known than `before`.
    fn keep_profiles(&self, devices: &Devices, before: usize) {
        let carried = self.asked(|asked| {
            if asked.len() == before {
                return None;
            }
            let carried = devices.profiles().iter().filter_map(|id| asked.get_key_value(&id.0));
            Some(carried.map(|(id, members)| (id.clone(), members.clone())).collect())
        });
        if let Some(carried) = carried {
            // Losing them costs a call for each.
            let _ = self.0.snapshots.save_profiles(&self.key(), carried);
        }
    }
}

/// The platform of the first device that carries each profile.
fn platforms(devices: &Devices) -> BTreeMap<&ProfileId, Platform> {
    let ids = devices.profiles();
    let mut found: Vec<Option<Platform>> = vec![None; ids.len()];
    for device in devices.iter() {
        if let Some(at) = devices.place_of(device)
            && found[at].is_none()
        {
            found[at] = device.platform;
        }
    }
    ids.iter().zip(found).filter_map(|(id, platform)| Some((id, platform?))).collect()
}

fn live(id: &ProfileId, name: &str, fields: Fields) -> LiveProfile {
    LiveProfile {
        id: id.clone(),
        name: name.to_owned(),
        kind: ProfileKind::Direct,
        is_default: None,
        fields,
        skip_keys: Vec::new(),
        members: serde_json::Map::new(),
    }
}
