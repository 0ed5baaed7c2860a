//! When a flurry of changes has come to rest. PURE: instants of a steady clock in, an instant out.

use std::time::Duration;

/// Waits for quiet: the end of a save, of a checkout, of a copied folder.
#[derive(Clone, Copy, Debug)]
pub struct Settle {
    quiet: Duration,
    most: Duration,
    first: Option<Duration>,
    last: Duration,
}

impl Settle {
    /// Rest is `quiet` without a change. Somebody who never stops is not waited for longer than
    /// `most` after the first change.
    pub fn new(quiet: Duration, most: Duration) -> Self {
        Self { quiet, most, first: None, last: Duration::ZERO }
    }

    /// Something changed at `now`.
    pub fn touch(&mut self, now: Duration) {
        self.first.get_or_insert(now);
        self.last = now;
    }

    /// When it is at rest, if nothing more comes; `None`: nothing changed.
    pub fn rests_at(&self) -> Option<Duration> {
        let first = self.first?;
        Some((self.last + self.quiet).min(first + self.most))
    }

    /// Whether it has come to rest by `now`; if so, the next change begins a new flurry.
    pub fn take(&mut self, now: Duration) -> bool {
        let rests = self.rests_at().is_some_and(|at| at <= now);
        if rests {
            self.first = None;
        }
        rests
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_flurry_ends_once_after_its_last_change() {
        let mut settle = Settle::new(ms(300), ms(1000));
        assert!(!settle.take(ms(0)), "nothing changed");
        for at in [0, 100, 200] {
            settle.touch(ms(at));
        }
        assert!(!settle.take(ms(499)));
        assert!(settle.take(ms(500)));
        assert!(!settle.take(ms(2000)), "told once");
    }

    #[test]
    fn somebody_who_never_stops_is_not_waited_for_for_ever() {
        let mut settle = Settle::new(ms(300), ms(1000));
        for at in (0..=900).step_by(100) {
            settle.touch(ms(at));
            assert!(!settle.take(ms(at)));
        }
        assert_eq!(settle.rests_at(), Some(ms(1000)));
        settle.touch(ms(1000));
        assert!(settle.take(ms(1000)));
    }
}
