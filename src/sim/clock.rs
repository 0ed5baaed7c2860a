//! The world's time: it stands still until it is stepped, and what falls due happens on the way.
//!
//! Syncs end, new devices appear, and the automatic sync of every 12 hours runs (reference
//! section 2.4). Nothing here looks at the machine's clock.

use std::time::Duration;

use super::world::{Arrival, Device, EnrollmentState, PendingChange, Token, World};
use crate::model::clock::{Timestamp, after};

/// The least time between two syncs that a person or program asks for.
pub const SYNC_WINDOW: Duration = Duration::from_secs(15 * 60);
/// The rhythm of automatic delta syncs.
const AUTOMATIC: Duration = Duration::from_secs(12 * 3600);
/// How long a sync takes at least; "minutes" (reference section 8.7).
const SYNC_TAKES: Duration = Duration::from_secs(120);
/// Devices that come over per minute (reference section 2.4).
const PER_MINUTE: usize = 3000;
/// The `lastSyncErrorCode` of a sync that Apple refused. The values are not published; any that
/// is not 0 says "failed".
const REFUSED_BY_APPLE: i32 = 7;
/// The least seconds between two full syncs (reference section 2.4).
const FULL_RHYTHM: i64 = 7 * 86_400;

impl World {
    /// Steps to `to`, and does what falls due until then. Never steps back.
    pub fn advance_to(&mut self, to: Timestamp) {
        if to <= self.now {
            return;
        }
        while let Some(at) = self.next_of_devices(to) {
            self.pass(at);
            self.let_devices_act();
        }
        self.pass(to);
    }

    /// Steps to an instant before which nothing falls due for a device.
    fn pass(&mut self, to: Timestamp) {
        if to <= self.now {
            return;
        }
        // What ends on the way is seen by the syncs that begin later.
        self.pass_time_of_organizations(to);
        self.keep_leaving_devices();
        for tenant in &mut self.tenants {
            for token in &mut tenant.tokens {
                if token.pass_time(to) {
                    token.bring_back(&mut tenant.device_desk.deleted);
                }
            }
        }
        self.services.iter_mut().for_each(|service| service.fleet.forget(to.as_second()));
        self.now = to;
    }

    /// Steps by `span`.
    pub fn advance(&mut self, span: Duration) {
        self.advance_to(after(self.now, span));
    }
}

impl Token {
    /// Begins a sync at `now`.
    pub fn begin_sync(&mut self, now: Timestamp) {
        self.sync.triggered = now;
        let coming = |change| matches!(change, PendingChange::Arrived { .. });
        let pending = self.pending.values().filter(|one| coming(one.change)).count();
        let minutes = ((self.at_apple.len() + pending) / PER_MINUTE) as u64;
        self.sync.ends = Some(after(now, SYNC_TAKES + Duration::from_secs(60 * minutes)));
    }

    /// Whether a sync may be asked for at `now`.
    pub fn may_sync(&self, now: Timestamp) -> bool {
        now >= after(self.sync.triggered, SYNC_WINDOW)
    }

    /// Whether a full sync ended on the way.
    fn pass_time(&mut self, to: Timestamp) -> bool {
        let full = self.sync.full;
        self.end_sync(to);
        // The first automatic sync brings everything; of those after it only the last is seen.
        for pick_last in [false, true] {
            let mut due = after(self.sync.triggered, AUTOMATIC);
            if due > to {
                break;
            }
            if pick_last {
                let spans = to.duration_since(due).as_secs() / AUTOMATIC.as_secs() as i64;
                due = after(due, AUTOMATIC.saturating_mul(u32::try_from(spans).unwrap_or(u32::MAX)));
            }
            self.begin_sync(due);
            self.end_sync(to);
        }
        self.sync.full.is_some() && self.sync.full != full
    }

    /// A full sync brings devices back for enrollment whose records were deleted (S-5).
    fn bring_back(&mut self, deleted: &mut std::collections::BTreeSet<crate::model::Serial>) {
        deleted.retain(|serial| {
            let Some(device) = self.device_mut(serial).filter(|device| !device.released) else { return true };
            if device.state == EnrollmentState::PendingReset {
                device.state = EnrollmentState::NotContacted;
            }
            device.state == EnrollmentState::Enrolled
        });
    }

    fn end_sync(&mut self, to: Timestamp) {
        let Some(ends) = self.sync.ends.filter(|ends| *ends <= to) else { return };
        self.sync.ends = None;
        if self.sync.terms_pending || self.expires <= ends {
            self.sync.error_code = REFUSED_BY_APPLE;
            // A failed delta makes the next one full.
            self.sync.full = None;
            return;
        }
        self.sync.error_code = 0;
        self.sync.succeeded = ends;
        if self.sync.full.is_none_or(|full| ends.duration_since(full).as_secs() >= FULL_RHYTHM) {
            self.sync.full = Some(ends);
        }
        let mut arrivals = std::mem::take(&mut self.at_apple);
        arrivals.extend(self.take_pending());
        for arrival in arrivals {
            let profile = self.defaults.get(&arrival.platform).copied().unwrap_or(0);
            let device = Device {
                serial: arrival.serial,
                profile,
                platform: arrival.platform,
                state: EnrollmentState::NotContacted,
                released: false,
                assigned: if profile == 0 { 0 } else { ends.as_second() },
                created: ends.as_second(),
                contacted: 0,
            };
            match self.device_mut(&arrival.serial) {
                // It was released and comes back: a new life.
                Some(known) if known.released => *known = device,
                Some(_) => {}
                None => self.add_device(device),
            }
        }
    }

    /// Takes what happened before the running sync began: lets devices go, and returns those that
    /// come.
    fn take_pending(&mut self) -> Vec<Arrival> {
        let begun = self.sync.triggered.as_second();
        let (seen, unseen) =
            std::mem::take(&mut self.pending).into_iter().partition(|(_, pending)| pending.at <= begun);
        self.pending = unseen;
        let seen: std::collections::BTreeMap<_, super::world::Pending> = seen;
        let mut arrivals = Vec::new();
        let mut left = Vec::new();
        for (serial, pending) in seen {
            match pending.change {
                PendingChange::Arrived { platform } => arrivals.push(Arrival { serial, platform }),
                PendingChange::Left => left.push(serial),
                PendingChange::Released => {
                    if let Some(device) = self.device_mut(&serial) {
                        device.released = true;
                    }
                }
            }
        }
        if !left.is_empty() {
            self.purge(&left);
        }
        arrivals
    }
}
