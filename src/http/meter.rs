//! What a connection was asked, and what it asked for: counted beside the calls, for those who
//! watch a service over a long time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use super::retry::Repeat;

/// The count of one connection's calls.
#[derive(Debug, Default)]
pub struct Meter {
    reads: AtomicU64,
    writes: AtomicU64,
    asked_until: Mutex<Option<Timestamp>>,
}

impl Meter {
    /// Counts a request by what it does.
    pub fn count(&self, repeat: Repeat) {
        match repeat {
            Repeat::Read => self.read(),
            Repeat::Idempotent | Repeat::Never => self.write(),
        }
    }

    /// Counts a request that reads, or one of signing in.
    pub fn read(&self) {
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that writes.
    pub fn write(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests sent so far, repeated ones included: reads, then writes.
    pub fn calls(&self) -> (u64, u64) {
        (self.reads.load(Ordering::Relaxed), self.writes.load(Ordering::Relaxed))
    }

    /// The service asked for patience until an instant (`Retry-After`).
    pub fn asked(&self, until: Timestamp) {
        let mut asked = self.asked_until.lock().unwrap_or_else(PoisonError::into_inner);
        *asked = (*asked).max(Some(until));
    }

    /// The last instant before which the service asked not to be called; `None`: it never did.
    pub fn asked_until(&self) -> Option<Timestamp> {
        *self.asked_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_wish_for_patience_counts() {
        let meter = Meter::default();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(meter.asked_until(), None);
        meter.asked(at(20));
        meter.asked(at(10));
        assert_eq!(meter.asked_until(), Some(at(20)));
        meter.read();
        meter.write();
        meter.read();
        assert_eq!(meter.calls(), (2, 1));
    }
}
