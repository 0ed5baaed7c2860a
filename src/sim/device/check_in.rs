//! A device reaches the service: what waits for it is handed over in order, and what it began ends.

use std::time::Duration;

use super::derive::{RHYTHM, name_of, regular_contact, template};
use super::effect::Effect;
use super::record::{ActState, ManagementState, Standing};
use super::{Handset, ManagedAction, Reach};
use crate::model::Serial;
use crate::model::clock::{Timestamp, after};
use crate::sim::apple::organization::Lock;
use crate::sim::world::{EnrollmentState, Profile, World, mix, mix_text};

impl World {
    /// The next instant, not after `to`, at which something falls due for a device.
    pub(in crate::sim) fn next_of_devices(&self, to: Timestamp) -> Option<Timestamp> {
        self.handsets.agenda.first().map(|(at, _)| *at).filter(|at| *at <= to)
    }

    /// Lets everything happen that is due for devices now.
    pub(in crate::sim) fn let_devices_act(&mut self) {
        while let Some((at, serial)) = self.handsets.agenda.first().copied() {
            if at > self.now {
                return;
            }
            self.handsets.agenda.pop_first();
            self.with_handset(&serial, |world, handset| world.wake(&serial, handset));
        }
    }

    fn wake(&mut self, serial: &Serial, handset: &mut Handset) {
        let now = self.now;
        let is_due = |due: Option<Timestamp>| due.is_some_and(|due| due <= now);
        self.end_acts(serial, handset);
        for record in &mut handset.records {
            if record.standing == Standing::Live && is_due(record.leaves) {
                record.standing = Standing::Gone;
            }
        }
        if is_due(handset.reopens) {
            handset.reopens = None;
            if !handset.erased {
                self.put_lock(serial, handset, Lock::User);
            }
        }
        if is_due(handset.sets_up) {
            self.try_to_set_up(serial, handset);
        }
        if is_due(handset.check_in) {
            handset.check_in = None;
            if handset.is_reachable() {
                self.check_in(serial, handset);
            }
        }
    }

    /// The latest contact of a device that nobody asked for.
    pub(in crate::sim) fn regular_contact(&self, serial: &Serial) -> Timestamp {
        Timestamp::from_second(regular_contact(serial, self.now.as_second())).unwrap_or(self.now)
    }

    /// When a device reaches the service that is called now; `None`: not by itself.
    pub(super) fn answers_at(&self, serial: &Serial, handset: &Handset) -> Option<Timestamp> {
        if handset.off || handset.managed.is_none() {
            return None;
        }
        let chance = mix(mix_text(self.seed ^ 0x6369, serial.as_str()) ^ self.handsets.numbers);
        let seconds = match handset.reach {
            Reach::Online => 2 + chance % 19,
            Reach::Slow => 600 + chance % 10_200,
            Reach::Offline => return None,
        };
        Some(after(self.now, Duration::from_secs(seconds)))
    }

    /// Calls a device for what waits for it.
    pub(in crate::sim) fn call(&self, serial: &Serial, handset: &mut Handset) {
        let at = self.answers_at(serial, handset);
        handset.check_in = match (handset.check_in, at) {
            (Some(known), Some(at)) => Some(known.min(at)),
            (known, at) => known.or(at),
        };
    }

    /// How a device is reached changed: what waits for it may come now.
    pub(in crate::sim) fn reach_changed(&self, serial: &Serial, handset: &mut Handset) {
        handset.check_in = None;
        if !handset.is_reachable() {
            return;
        }
        let waits = |record: &super::Record| record.acts.iter().any(|act| act.state == ActState::Pending);
        if handset.managing().is_some_and(waits) || handset.renamed.is_some() {
            self.call(serial, handset);
        }
    }

    fn check_in(&mut self, serial: &Serial, handset: &mut Handset) {
        let now = self.now;
        let Some(number) = handset.managed else { return };
        handset.contact = Some(now);
        if handset.renamed.is_some_and(|at| at < now) {
            handset.renamed = None;
            if let Some(name) = self.template_name(serial, handset) {
                handset.name = name;
            }
        }
        loop {
            // One after the other, for each may be the last: an erased device takes no more.
            let Some(record) = handset.record_mut(number) else { return };
            let Some(act) = record.acts.iter_mut().find(|act| act.state == ActState::Pending) else { break };
            act.becomes(ActState::Active, now);
            let (act_number, action) = (act.number, act.action);
            match action {
                ManagedAction::Wipe => record.state = ManagementState::WipeIssued,
                ManagedAction::Retire if record.standing == Standing::Live => {
                    record.state = ManagementState::RetireIssued;
                }
                _ => {}
            }
            let Effect { outcome, takes } = self.take_effect(serial, handset, number, act_number);
            if let Some(act) = handset.act_mut(number, act_number) {
                act.ends = Some(after(now, takes));
                act.outcome = Some(outcome);
            }
            if handset.managed != Some(number) || handset.off {
                break;
            }
        }
        if handset.renamed.is_some() && handset.check_in.is_none() {
            let next = regular_contact(serial, now.as_second()) + RHYTHM;
            handset.check_in = Timestamp::from_second(next).ok();
        }
    }

    /// The name that the profile's template gives a device now; `None`: there is no template.
    pub(super) fn template_name(&self, serial: &Serial, handset: &Handset) -> Option<String> {
        let profile = self.profile_of(serial, handset);
        template(profile).map(|_| name_of(profile, handset.family, serial))
    }

    fn profile_of(&self, serial: &Serial, handset: &Handset) -> Option<&Profile> {
        let tenant = self.tenant(&handset.managing()?.tenant)?;
        tenant.tokens.iter().find_map(|token| token.profiles.get(&token.device(serial)?.profile))
    }

    fn end_acts(&mut self, serial: &Serial, handset: &mut Handset) {
        let now = self.now;
        let mut ended = Vec::new();
        for record in &mut handset.records {
            for act in record.acts.iter_mut().filter(|act| act.ends.is_some_and(|ends| ends <= now)) {
                let outcome = act.outcome.take().unwrap_or(ActState::Failed);
                let ended_at = act.ends.take().unwrap_or(now);
                act.becomes(outcome, ended_at);
                ended.push((record.number, act.action, outcome));
            }
        }
        for (number, action, outcome) in ended {
            self.act_ended(serial, handset, number, action, outcome);
        }
    }

    /// What the service does about a record once the device has answered.
    fn act_ended(
        &mut self,
        serial: &Serial,
        handset: &mut Handset,
        number: u32,
        action: ManagedAction,
        outcome: ActState,
    ) {
        let now = self.now;
        let managed = handset.managed == Some(number);
        let Some(record) = handset.record_mut(number) else { return };
        let stays = self.tenant(&record.tenant).map_or(0, |here| here.device_desk.behaviour.record_stays);
        match (action, outcome) {
            (ManagedAction::Wipe | ManagedAction::Retire, ActState::Done) if !managed => {
                if record.standing == Standing::Hidden {
                    record.standing = Standing::Gone;
                } else if record.standing == Standing::Live {
                    record.leaves = Some(after(now, Duration::from_secs(stays.into())));
                }
                if action == ManagedAction::Wipe {
                    let tenant = record.tenant.clone();
                    handset.sets_up = self.sets_up_at(handset, &tenant);
                } else if handset.managed.is_none() {
                    let known = [EnrollmentState::Enrolled];
                    self.identities_become(serial, &known, EnrollmentState::PendingReset);
                }
            }
            (ManagedAction::Wipe, ActState::Failed) => {
                record.state = ManagementState::WipeFailed;
                if !managed {
                    // It erased itself all the same, and the service does not know.
                    let tenant = record.tenant.clone();
                    handset.sets_up = self.sets_up_at(handset, &tenant);
                }
            }
            (ManagedAction::Retire, ActState::Failed) => record.state = ManagementState::RetireFailed,
            _ => {}
        }
    }
}

impl Handset {
    pub(super) fn act_mut(&mut self, record: u32, number: u64) -> Option<&mut super::Act> {
        self.record_mut(record)?.acts.iter_mut().find(|act| act.number == number)
    }
}
