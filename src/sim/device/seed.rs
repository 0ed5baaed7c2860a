//! Managed devices of a seed.

use std::collections::{BTreeSet, HashSet};

use serde::{Deserialize, Serialize};

use super::derive::{has_user, name_of, plain, record_id, somebody};
use super::record::{ManagementState, Record, Standing};
use super::{Habits, Ownership, Reach, User};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::apple::organization::Lock;
use crate::sim::apple::{Family, hardware};
use crate::sim::seed::{Seed, device};
use crate::sim::world::{EnrollmentState, Platform, World, back};

/// A managed device to be there. What is absent follows from its identity at the token, or from its
/// serial.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedManagedDevice {
    /// Its serial. Of no effect on one that is enrolled already, or that something was said of.
    pub serial: Serial,
    /// The token that has it: id or name. Absent: the one that names it elsewhere, or none (a device
    /// that no token brought).
    #[serde(default)]
    pub token: Option<String>,
    /// The profile at that token that it gets at its next enrollment: id or name; absent: as it is, or the
    /// default of the platform.
    #[serde(default)]
    pub profile: Option<String>,
    /// Its family; absent: iPad, or one of the token's platform.
    #[serde(default)]
    pub family: Option<Family>,
    /// `model`
    #[serde(default)]
    pub model: Option<String>,
    /// `osVersion`
    #[serde(default)]
    pub os_version: Option<String>,
    /// `isSupervised`; absent: yes.
    #[serde(default)]
    pub supervised: Option<bool>,
    /// `managedDeviceOwnerType`; absent: company.
    #[serde(default)]
    pub ownership: Option<Ownership>,
    /// `userPrincipalName`; empty: nobody's.
    #[serde(default)]
    pub user: Option<String>,
    /// `userDisplayName`; absent: the principal name.
    #[serde(default)]
    pub user_display_name: Option<String>,
    /// `deviceName`
    #[serde(default)]
    pub name: Option<String>,
    /// `notes`
    #[serde(default)]
    pub notes: Option<String>,
    /// Whether it is a Shared iPad.
    #[serde(default)]
    pub shared: Option<bool>,
    /// Users with data on a Shared iPad; the first one is signed in.
    #[serde(default)]
    pub users: Vec<String>,
    /// How the service reaches it; absent: online.
    #[serde(default)]
    pub reach: Reach,
    /// Whether it has a passcode; absent: iPhones and iPads have.
    #[serde(default)]
    pub passcode: Option<bool>,
    /// Its Activation Lock; absent: as its organization knows it.
    #[serde(default)]
    pub lock: Option<Lock>,
    /// Whether a bypass code exists (L-7); absent: where Activation Lock does.
    #[serde(default)]
    pub code_available: Option<bool>,
    /// Whether it is enrolled; absent: yes. Otherwise it waits in Setup Assistant.
    #[serde(default)]
    pub enrolled: Option<bool>,
    /// `enrolledDateTime`; absent: some weeks before the seed's start.
    #[serde(default)]
    pub enrolled_at: Option<Timestamp>,
    /// The record's `id`; absent: derived.
    #[serde(default)]
    pub record: Option<String>,
    /// How it behaves.
    #[serde(default)]
    pub habits: Habits,
}

impl SeedManagedDevice {
    /// A device of which nothing but the serial is said.
    pub fn new(serial: Serial) -> Self {
        Self {
            serial,
            token: None,
            profile: None,
            family: None,
            model: None,
            os_version: None,
            supervised: None,
            ownership: None,
            user: None,
            user_display_name: None,
            name: None,
            notes: None,
            shared: None,
            users: Vec::new(),
            reach: Reach::default(),
            passcode: None,
            lock: None,
            code_available: None,
            enrolled: None,
            enrolled_at: None,
            record: None,
            habits: Habits::default(),
        }
    }
}

impl World {
    /// Those managed devices of a seed that are enrolled already: they keep their epoch and all else.
    pub(in crate::sim) fn enrolled_devices(&self, seed: &Seed) -> HashSet<Serial> {
        let wishes = seed.tenants.iter().flat_map(|tenant| &tenant.devices).map(|device| device.serial);
        wishes
            .filter(|serial| self.handset(serial).is_some_and(|handset| handset.managed.is_some()))
            .collect()
    }

    /// Puts managed devices of tenants there, but for those of which something was said already.
    pub(in crate::sim) fn seed_managed_devices(&mut self, wishes: &[(usize, &SeedManagedDevice)]) {
        let mut locks = Vec::new();
        for (tenant, wish) in wishes {
            if self.handsets.get(&wish.serial).is_none() {
                self.seed_managed_device(*tenant, wish);
                locks.extend(wish.lock.map(|lock| (wish.serial, lock)));
            }
        }
        // What is at a token that is linked is its organization's, and so is the lock.
        self.adopt_linked();
        for (serial, lock) in locks {
            self.set_activation_lock(&serial, lock);
        }
    }

    fn seed_managed_device(&mut self, tenant: usize, wish: &SeedManagedDevice) {
        let serial = wish.serial;
        let enrolled = wish.enrolled.unwrap_or(true);
        let token = self.place_identity(tenant, &serial, wish, enrolled);
        let known = token.and_then(|at| {
            let token = &self.tenants[tenant].tokens[at];
            Some(self.of_identity(&self.tenants[tenant], token, token.device(&serial)?))
        });
        let mut handset = known.unwrap_or_else(|| {
            let family = wish.family.unwrap_or_default();
            plain(family, hardware::at(hardware::model_of(family, &serial)).model.to_owned())
        });
        if let Some(family) = wish.family.filter(|family| *family != handset.family) {
            handset = plain(family, hardware::at(hardware::model_of(family, &serial)).model.to_owned());
        }
        let now = self.now;
        let here = &self.tenants[tenant];
        let profile = token.and_then(|at| {
            let token = &here.tokens[at];
            token.profiles.get(&token.device(&serial)?.profile)
        });
        handset.name = wish.name.clone().unwrap_or_else(|| name_of(profile, handset.family, &serial));
        handset.user = match &wish.user {
            None => has_user(profile).then(|| somebody(&serial)),
            Some(user) if user.is_empty() => None,
            Some(user) => Some(User {
                principal_name: user.clone(),
                display_name: wish.user_display_name.clone().unwrap_or_else(|| user.clone()),
            }),
        };
        let record = Record {
            number: 0,
            tenant: here.id.clone(),
            id: wish.record.clone().unwrap_or_else(|| record_id(self.seed, &here.id, &serial, 0).to_string()),
            enrolled: wish.enrolled_at.unwrap_or_else(|| back(now, 24 * 20)),
            profile: profile.map(|profile| profile.display_name().to_owned()).unwrap_or_default(),
            serial: None,
            life: 0,
            standing: Standing::Live,
            state: ManagementState::Managed,
            notes: wish.notes.clone(),
            leaves: None,
            acts: Vec::new(),
        };
        handset.records = if enrolled { vec![record] } else { Vec::new() };
        handset.managed = enrolled.then_some(0);
        handset.erased = !enrolled;
        handset.contact = enrolled.then(|| back(now, 12));
        if let Some(model) = &wish.model {
            handset.model.clone_from(model);
        }
        if let Some(version) = &wish.os_version {
            handset.os_version.clone_from(version);
        }
        handset.supervised = wish.supervised.unwrap_or(handset.supervised);
        handset.ownership = wish.ownership.unwrap_or(handset.ownership);
        handset.shared = wish.shared.unwrap_or(handset.shared || !wish.users.is_empty());
        handset.users = BTreeSet::from_iter(wish.users.iter().cloned());
        handset.active_user = wish.users.first().cloned();
        handset.reach = wish.reach;
        handset.passcode = wish.passcode.unwrap_or(handset.passcode);
        handset.code_available = wish.code_available.unwrap_or(handset.code_available);
        handset.habits = wish.habits.clone();
        self.put_handset(serial, handset);
    }

    /// Puts the identity of a seed's device at its token. Returns the token's position.
    fn place_identity(
        &mut self,
        tenant: usize,
        serial: &Serial,
        wish: &SeedManagedDevice,
        enrolled: bool,
    ) -> Option<usize> {
        let now = self.now;
        let tokens = &mut self.tenants[tenant].tokens;
        let named = wish.token.as_ref().and_then(|key| tokens.iter().position(|token| token.answers_to(key)));
        let at = named.or_else(|| tokens.iter().position(|token| token.device(serial).is_some()))?;
        let token = &mut tokens[at];
        let platform = wish.family.and_then(Family::platform).unwrap_or(Platform::Ios);
        let state = if enrolled { EnrollmentState::Enrolled } else { EnrollmentState::NotContacted };
        let is_new = token.device(serial).is_none();
        token.add_device(device(*serial, state, platform, now));
        let profile = match &wish.profile {
            Some(key) => token.profile_by_name(key).map(|profile| profile.birth),
            None if is_new => token.defaults.get(&platform).copied(),
            None => None,
        };
        if let Some(device) = token.device_mut(serial) {
            device.state = state;
            if wish.family.is_some() {
                device.platform = platform;
            }
            if let Some(profile) = profile {
                device.profile = profile;
                device.assigned = device.created;
            }
        }
        Some(at)
    }
}
