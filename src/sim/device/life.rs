//! A device's lives: it is erased, leaves management, and is set up again as a new epoch.

use std::time::Duration;

use super::derive::{has_passcode, has_user, name_of, record_id, somebody};
use super::record::ManagementState;
use super::{Handset, Reach, Record, Standing, User};
use crate::model::Serial;
use crate::model::clock::{Timestamp, after};
use crate::sim::apple::organization::Lock;
use crate::sim::world::{EnrollmentState, World, back};

/// How long somebody waits who cannot set a device up, before trying again.
const TRIES_AGAIN: Duration = Duration::from_secs(6 * 3600);

/// How a device is set up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::sim) struct SetUp {
    /// Who signs in; `None`: whoever used it before.
    pub user: Option<User>,
    /// Whether the record keeps its id; `None`: as the device and its tenant are used to.
    pub same_record: Option<bool>,
    /// Whether the old record stays beside the new one; `None`: as the device is used to.
    pub keeps_old_record: Option<bool>,
}

/// Why a device is not set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSetUp {
    /// Its user's Activation Lock asks for an account that nobody here has.
    #[error("the device is locked by its user; `enterBypassCode` or `setDeviceLock` comes first")]
    Locked,
    /// Nothing enrolls it.
    #[error("no token has the device with a profile, so that it does not enroll")]
    NoProfile,
}

impl World {
    /// Erases a device: what was on it is no more, and its bypass code neither. A lock stays, for it is
    /// Apple's.
    pub(super) fn erase(&self, handset: &mut Handset) {
        handset.life += 1;
        handset.erased = true;
        handset.managed = None;
        handset.off = false;
        handset.passcode = false;
        handset.locked = false;
        handset.pin = None;
        handset.lost = false;
        handset.users.clear();
        handset.active_user = None;
        handset.check_in = None;
        handset.renamed = None;
        handset.reopens = None;
        handset.name = handset.family.as_str().to_owned();
    }

    /// A person erases a device in hand: the service does not hear of it, and its record stays until the
    /// device enrolls again.
    pub(in crate::sim) fn erase_by_hand(&mut self, serial: &Serial) -> bool {
        let erased = self.with_handset(serial, |world, handset| {
            world.erase(handset);
            handset.sets_up = None;
        });
        let all = [EnrollmentState::Enrolled, EnrollmentState::PendingReset];
        self.identities_become(serial, &all, EnrollmentState::NotContacted);
        erased.is_some()
    }

    /// A person says that a device is enrolled, whatever it takes: where it cannot be set up as usual,
    /// because its token gives it no profile, it enrolls all the same.
    pub(in crate::sim) fn enroll_by_hand(&mut self, serial: &Serial) {
        let in_use = self.handset(serial).is_some_and(|handset| handset.managed.is_some());
        if in_use {
            return;
        }
        self.with_handset(serial, |world, handset| {
            let place = world.enrolling_place(serial).or_else(|| world.place_of(serial));
            if let Some(place) = place {
                world.enroll(serial, handset, place, &SetUp::default());
            }
        });
    }

    /// When somebody sets a device up that a tenant had erased; `None`: nobody does, or somebody did.
    pub(super) fn sets_up_at(&self, handset: &Handset, tenant: &str) -> Option<Timestamp> {
        if !handset.erased {
            return None;
        }
        let usual = self.tenant(tenant).map_or(0, |here| here.device_desk.behaviour.set_up_after);
        let seconds = handset.habits.set_up_after.unwrap_or(usual);
        (seconds > 0).then(|| after(self.now, Duration::from_secs(seconds.into())))
    }

    /// Somebody sets the device up who planned to; where that is not possible, later.
    pub(super) fn try_to_set_up(&mut self, serial: &Serial, handset: &mut Handset) {
        handset.sets_up = None;
        if handset.erased && self.set_up(serial, handset, &SetUp::default()).is_err() {
            handset.sets_up = Some(after(self.now, TRIES_AGAIN));
        }
    }

    /// Sets a device up where Apple points it: it enrolls, which is a new epoch. One that is in use is
    /// erased first, by hand.
    pub(in crate::sim) fn set_up(
        &mut self,
        serial: &Serial,
        handset: &mut Handset,
        how: &SetUp,
    ) -> Result<(), NotSetUp> {
        if self.lock_of(serial, handset) == Lock::User {
            return Err(NotSetUp::Locked);
        }
        let place = self.enrolling_place(serial).ok_or(NotSetUp::NoProfile)?;
        self.enroll(serial, handset, place, how);
        Ok(())
    }

    /// Enrolls a device at a token of a tenant.
    fn enroll(
        &mut self,
        serial: &Serial,
        handset: &mut Handset,
        (tenant, token): (usize, usize),
        how: &SetUp,
    ) {
        if !handset.erased {
            self.erase(handset);
        }
        let now = self.now;
        let here = &mut self.tenants[tenant];
        let behaviour = &here.device_desk.behaviour;
        let last = handset.records.iter().rev().find(|one| one.is_of(here) && one.serial.is_none());
        let same = how.same_record.or(handset.habits.same_record).unwrap_or(behaviour.same_record);
        let same = last.filter(|_| same).map(|record| record.id.clone());
        let number = handset.next_number();
        let id = same.unwrap_or_else(|| record_id(self.seed, &here.id, serial, number).to_string());
        let keeps = how.keeps_old_record.unwrap_or(handset.habits.keeps_old_record);
        for old in &mut handset.records {
            // The device has one life: what waits for it from another one never reaches it.
            old.cancel_others(0, now);
            // Another tenant hears nothing of it, and keeps what it has.
            let replaced = old.is_of(here) && (!keeps || old.id == id);
            if old.standing == Standing::Hidden || replaced {
                old.standing = Standing::Gone;
                old.leaves = None;
            }
        }
        let here_token = &mut here.tokens[token];
        let profile = here_token.device(serial).map_or(0, |device| device.profile);
        if let Some(device) = here_token.device_mut(serial) {
            device.state = EnrollmentState::Enrolled;
            device.contacted = now.as_second();
        }
        let profile = here_token.profiles.get(&profile);
        handset.name = name_of(profile, handset.family, serial);
        handset.user = match has_user(profile) {
            false => None,
            true => how.user.clone().or_else(|| handset.user.take()).or_else(|| Some(somebody(serial))),
        };
        handset.records.push(Record {
            number,
            tenant: here.id.clone(),
            id,
            enrolled: now,
            profile: profile.map(|profile| profile.display_name().to_owned()).unwrap_or_default(),
            serial: None,
            life: handset.life,
            standing: Standing::Live,
            state: ManagementState::Managed,
            notes: None,
            leaves: None,
            acts: Vec::new(),
        });
        here.device_desk.deleted.remove(serial);
        handset.managed = Some(number);
        handset.erased = false;
        handset.off = false;
        handset.passcode = has_passcode(handset.family);
        handset.contact = Some(now);
        handset.sets_up = None;
        if handset.reach == Reach::Offline {
            // Nobody enrolls without a network.
            handset.reach = Reach::Online;
        }
    }

    /// As [`World::set_up`], of a device by its serial. `None`: there is none.
    pub(in crate::sim) fn set_up_now(
        &mut self,
        serial: &Serial,
        how: &SetUp,
    ) -> Option<Result<(), NotSetUp>> {
        self.with_handset(serial, |world, handset| world.set_up(serial, handset, how))
    }

    /// A code is typed in at a device that waits in Setup Assistant. Whether it was the right one: that of
    /// the life before, or any earlier one since the lock came on.
    pub(in crate::sim) fn enter_bypass_code(&mut self, serial: &Serial, code: &str) -> Option<bool> {
        let seed = self.seed;
        self.with_handset(serial, |world, handset| {
            let lives = 0..=handset.life;
            let right = lives.into_iter().any(|life| super::derive::bypass_code(seed, serial, life) == code);
            if right {
                world.put_lock(serial, handset, Lock::None);
            }
            right
        })
    }

    /// The code that would lift the lock of a device now, which its record shows where it may; for
    /// tests that look for it.
    pub fn bypass_code(&self, serial: &Serial) -> Option<String> {
        let handset = self.handset(serial)?;
        Some(super::derive::bypass_code(self.seed, serial, handset.life))
    }

    /// The PIN that a request for a lock made on a Mac, by the request's number.
    pub fn unlock_pin(&self, serial: &Serial, number: u64) -> String {
        super::derive::unlock_pin(self.seed, serial, number)
    }
}

impl World {
    /// Puts a second record beside the newest one of a device, some weeks older and nobody's: what is
    /// asked under it waits for ever. `false`: it has none.
    pub(in crate::sim) fn duplicate_record(&mut self, serial: &Serial, id: Option<String>) -> bool {
        let seed = self.seed;
        let made = self.with_handset(serial, |_, handset| {
            let number = handset.next_number();
            let live = handset.records.iter().rev().find(|record| record.standing == Standing::Live)?;
            let id = id.unwrap_or_else(|| record_id(seed, &live.tenant, serial, number).to_string());
            let enrolled = back(live.enrolled, 24 * 40);
            let ghost = Record { number, id, enrolled, acts: Vec::new(), leaves: None, ..live.clone() };
            handset.records.push(ghost);
            Some(())
        });
        made.flatten().is_some()
    }
}

impl Handset {
    /// The number of its next record.
    pub(super) fn next_number(&self) -> u32 {
        self.records.iter().map(|record| record.number + 1).max().unwrap_or(0)
    }
}
