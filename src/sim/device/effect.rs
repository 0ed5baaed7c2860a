//! What an action does to a device that has received it (reference section 5.3; rows ).

use std::time::Duration;

use super::history::{AcceptedRequest, CodeRead, Deed, DeedKind, LockedMove};
use super::record::{Act, ActState};
use super::{Handset, ManagedAction};
use crate::model::Serial;
use crate::model::clock::{Timestamp, after};
use crate::sim::apple::Family;
use crate::sim::apple::organization::Lock;
use crate::sim::fault::When;
use crate::sim::world::{EnrollmentState, World};

/// How an action ends, and how long it takes.
pub(super) struct Effect {
    pub outcome: ActState,
    pub takes: Duration,
}

impl World {
    /// Lets an action do to the device what it does.
    pub(super) fn take_effect(
        &mut self,
        serial: &Serial,
        handset: &mut Handset,
        record: u32,
        number: u64,
    ) -> Effect {
        let Some(act) = handset.act_mut(record, number).cloned() else {
            return Effect { outcome: ActState::Failed, takes: Duration::ZERO };
        };
        let seconds = match act.action {
            ManagedAction::Wipe => 60,
            ManagedAction::RebootNow => 30,
            ManagedAction::Retire => 20,
            _ => 3,
        };
        let takes = Duration::from_secs(seconds);
        if !act.action.is_supported(handset) {
            return Effect { outcome: ActState::NotSupported, takes };
        }
        let fails = handset.habits.fails.get(&act.action).copied();
        if fails == Some(When::Before) || !can(handset, &act) {
            return Effect { outcome: ActState::Failed, takes };
        }
        let deed = self.deed(serial, handset, act.action.into(), Some((record, &act)));
        self.change(serial, handset, record, &act);
        self.history.devices.entry(*serial).or_default().deeds.push(deed);
        Effect { outcome: if fails.is_some() { ActState::Failed } else { ActState::Done }, takes }
    }

    fn change(&mut self, serial: &Serial, handset: &mut Handset, record: u32, act: &Act) {
        let now = self.now;
        match act.action {
            ManagedAction::SyncDevice
            | ManagedAction::PlayLostModeSound
            | ManagedAction::LocateDevice
            | ManagedAction::Delete => {}
            ManagedAction::RemoteLock if handset.family == Family::Mac => handset.pin = Some(act.number),
            ManagedAction::RemoteLock => handset.locked = true,
            ManagedAction::EnableLostMode => handset.lost = true,
            ManagedAction::DisableLostMode => handset.lost = false,
            ManagedAction::RebootNow => {
                // Before it is unlocked for the first time it does not know the network's password.
                handset.off = handset.locked && handset.passcode;
            }
            ManagedAction::ShutDown => handset.off = true,
            ManagedAction::SetDeviceName => {
                handset.name = act.particulars.name.clone().unwrap_or_default();
                handset.renamed = self.template_name(serial, handset).map(|_| now);
            }
            ManagedAction::LogoutSharedAppleDeviceActiveUser => handset.active_user = None,
            ManagedAction::DeleteUserFromSharedAppleDevice => {
                if let Some(user) = &act.particulars.user {
                    handset.users.retain(|known| !known.eq_ignore_ascii_case(user));
                }
            }
            ManagedAction::ResetPasscode => handset.passcode = false,
            ManagedAction::BypassActivationLock => {
                if self.lock_of(serial, handset) == Lock::User {
                    self.put_lock(serial, handset, Lock::None);
                    let reopens = handset.habits.reopens_find_my_after;
                    handset.reopens = reopens.map(|seconds| after(now, Duration::from_secs(seconds.into())));
                }
            }
            ManagedAction::Retire => {
                handset.managed = None;
                handset.check_in = None;
                if let Some(record) = handset.record_mut(record) {
                    record.cancel_others(act.number, now);
                }
            }
            ManagedAction::Wipe => {
                if let Some(record) = handset.record_mut(record) {
                    record.cancel_others(act.number, now);
                }
                self.erase(handset);
                let known = [EnrollmentState::Enrolled];
                self.identities_become(serial, &known, EnrollmentState::NotContacted);
            }
        }
    }

    /// What is remembered of something that happens to a device now.
    fn deed(&self, serial: &Serial, handset: &Handset, what: DeedKind, request: Option<(u32, &Act)>) -> Deed {
        let record = match request {
            Some((number, _)) => handset.record(number),
            None => handset.managing(),
        };
        Deed {
            what,
            at: self.now,
            request: request.map(|(_, act)| act.number),
            record: record.map(|record| record.id.clone()),
            enrolled: record.map(|record| record.enrolled),
            life: handset.life,
            lock: self.lock_of(serial, handset),
            code_read: self.history.code_was_read(serial, handset.life),
            supervised: handset.supervised,
            by_person: request.is_some_and(|(_, act)| act.by_person),
        }
    }

    /// Remembers that the service accepted a request.
    pub(super) fn note_request(&mut self, serial: &Serial, handset: &Handset, record: u32, act: &Act) {
        let Some(record) = handset.record(record) else { return };
        let code_read = self.history.code_was_read(serial, handset.life);
        self.history.devices.entry(*serial).or_default().requests.push(AcceptedRequest {
            number: act.number,
            action: act.action,
            at: act.requested,
            record: record.id.clone(),
            enrolled: record.enrolled,
            life: handset.life,
            code_read,
            by_person: act.by_person,
        });
    }

    /// Remembers that the service accepted a request for a record behind which there is no device.
    pub(super) fn note_lost_request(
        &mut self,
        serial: &Serial,
        beside: u32,
        id: &str,
        number: u64,
        action: ManagedAction,
    ) {
        let Some(handset) = self.handset(serial) else { return };
        let Some(record) = handset.record(beside) else { return };
        let request = AcceptedRequest {
            number,
            action,
            at: self.now,
            record: id.to_owned(),
            enrolled: record.enrolled,
            life: handset.life,
            code_read: self.history.code_was_read(serial, handset.life),
            by_person: false,
        };
        self.history.devices.entry(*serial).or_default().requests.push(request);
    }

    /// Remembers a deed that needs no device: its record was deleted.
    pub(super) fn note_deletion(&mut self, serial: &Serial, handset: &Handset, record: u32, act: &Act) {
        let deed = self.deed(serial, handset, DeedKind::Deleted, Some((record, act)));
        self.history.devices.entry(*serial).or_default().deeds.push(deed);
    }

    /// Remembers that a program released devices, at a Unix second.
    pub(in crate::sim) fn note_releases(&mut self, serials: &[Serial], at: i64) {
        for serial in serials {
            let handset = self.handset(serial).map(std::borrow::Cow::into_owned);
            let handset = handset.unwrap_or_else(|| super::derive::plain(Family::default(), String::new()));
            let mut deed = self.deed(serial, &handset, DeedKind::Released, None);
            deed.at = Timestamp::from_second(at).unwrap_or(self.now);
            self.history.devices.entry(*serial).or_default().deeds.push(deed);
        }
    }

    /// Remembers those among devices that a program points elsewhere while a lock is on.
    pub(in crate::sim) fn note_moves(&mut self, serials: &[Serial], to: Option<&str>, at: i64) {
        for serial in serials {
            let lock = self.activation_lock(serial);
            if lock != Lock::None {
                let at = Timestamp::from_second(at).unwrap_or(self.now);
                let moved = LockedMove { at, lock, to: to.map(str::to_owned) };
                self.history.devices.entry(*serial).or_default().moves_under_lock.push(moved);
            }
        }
    }

    /// Remembers that an answer left with a device's bypass code.
    pub(in crate::sim) fn note_code_read(&mut self, serial: &Serial, record: u32) {
        let read = self.handset(serial).and_then(|handset| {
            Some(CodeRead { at: self.now, record: handset.record(record)?.id.clone(), life: handset.life })
        });
        if let Some(read) = read {
            self.history.devices.entry(*serial).or_default().code_reads.push(read);
        }
    }
}

impl crate::sim::world::History {
    fn code_was_read(&self, serial: &Serial, life: u32) -> bool {
        self.device(serial).is_some_and(|device| device.code_was_read(life))
    }
}

/// Whether the device, which can do it in principle, can do it as it is now.
fn can(handset: &Handset, act: &Act) -> bool {
    match act.action {
        // R-1; a Mac locks by a PIN, and only once until that is used (quirk 15).
        ManagedAction::RemoteLock if handset.family == Family::Mac => handset.pin.is_none(),
        ManagedAction::RemoteLock => handset.passcode,
        ManagedAction::PlayLostModeSound | ManagedAction::LocateDevice | ManagedAction::DisableLostMode => {
            handset.lost
        }
        ManagedAction::ResetPasscode => !handset.habits.unlock_token_broken,
        ManagedAction::BypassActivationLock => handset.code_available,
        ManagedAction::LogoutSharedAppleDeviceActiveUser => handset.active_user.is_some(),
        ManagedAction::DeleteUserFromSharedAppleDevice => {
            let named = act.particulars.user.as_deref().unwrap_or_default();
            let is = |user: &String| user.eq_ignore_ascii_case(named);
            handset.users.iter().any(is) && !handset.active_user.as_ref().is_some_and(is)
        }
        _ => true,
    }
}
