//! Keeps a client below a published limit: at most so many requests in any window. PURE.

use std::collections::VecDeque;
use std::time::Duration;

use crate::model::clock::{Timestamp, after, between};

/// A sliding window over the requests that were sent.
#[derive(Clone, Debug)]
pub struct Pace {
    most: u32,
    window: Duration,
    sent: VecDeque<(Timestamp, u32)>,
    count: u32,
}

impl Pace {
    /// At most `most` requests in any `window`.
    pub fn new(most: u32, window: Duration) -> Self {
        Self { most, window, sent: VecDeque::new(), count: 0 }
    }

    /// How long to wait before `weight` requests fit; `None`: they fit now. More than the limit at
    /// once fits alone: it cannot be cut here.
    pub fn wait_for(&mut self, now: Timestamp, weight: u32) -> Option<Duration> {
        while let Some((at, earlier)) = self.sent.front().copied()
            && after(at, self.window) <= now
        {
            self.sent.pop_front();
            self.count -= earlier;
        }
        if self.count == 0 || self.count + weight <= self.most {
            return None;
        }
        let mut free = self.most.saturating_sub(self.count);
        for (at, earlier) in &self.sent {
            free += earlier;
            if free >= weight {
                return Some(between(now, after(*at, self.window)));
            }
        }
        Some(self.window)
    }

    /// The window of requests that were sent before this value was made, the oldest first. Those that
    /// `now` has not reached are of a clock that was put back: they count as sent now.
    pub fn resumed(most: u32, window: Duration, past: &[Timestamp], now: Timestamp) -> Self {
        let mut pace = Self::new(most, window);
        let mut past: Vec<Timestamp> = past.iter().map(|at| (*at).min(now)).collect();
        past.sort_unstable();
        past.into_iter().for_each(|at| pace.enter(at, 1));
        pace
    }

    /// When the requests were sent that the window still holds, the oldest first.
    pub fn past(&self, now: Timestamp) -> Vec<Timestamp> {
        let held = self.sent.iter().filter(|(at, _)| after(*at, self.window) > now);
        held.flat_map(|(at, weight)| std::iter::repeat_n(*at, *weight as usize)).collect()
    }

    /// How many requests fit now.
    pub fn free(&self, now: Timestamp) -> u32 {
        self.most.saturating_sub(u32::try_from(self.past(now).len()).unwrap_or(u32::MAX))
    }

    /// How long it takes until the last of `count` further requests is sent, if each is sent as soon as
    /// it fits; zero for none.
    pub fn time_for(&self, count: u32, now: Timestamp) -> Duration {
        let mut starts = self.past(now);
        let most = self.most.max(1) as usize;
        let mut last = now;
        for _ in 0..count {
            if let Some(at) = starts.len().checked_sub(most) {
                last = last.max(after(starts[at], self.window));
            }
            starts.push(last);
        }
        between(now, last)
    }

    /// Enters `weight` requests that are sent at `now`.
    pub fn enter(&mut self, now: Timestamp, weight: u32) {
        self.sent.push_back((now, weight));
        self.count += weight;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn no_window_ever_holds_more_than_the_limit() {
        let mut pace = Pace::new(100, Duration::from_secs(20));
        let mut sent: Vec<i64> = Vec::new();
        let mut now = 0;
        while sent.len() < 450 {
            match pace.wait_for(at(now), 1) {
                Some(wait) => now += wait.as_secs().max(1) as i64,
                None => {
                    pace.enter(at(now), 1);
                    sent.push(now);
                }
            }
        }
        for start in 0..=now {
            assert!(sent.iter().filter(|second| (start..start + 20).contains(*second)).count() <= 100);
        }
        // The limit is used up, not stayed below: 450 requests take four full windows.
        assert_eq!(now, 80);
    }

    #[test]
    fn what_is_free_and_how_long_more_takes_is_told() {
        let minute = Duration::from_secs(60);
        let mut pace = Pace::new(20, minute);
        assert_eq!((pace.free(at(0)), pace.time_for(20, at(0))), (20, Duration::ZERO));
        assert_eq!(pace.time_for(0, at(0)), Duration::ZERO);
        // Reference apple-business-api section 15: 116 calls take five whole windows.
        assert_eq!(pace.time_for(116, at(0)), minute * 5);
        (0..20).for_each(|second| pace.enter(at(second), 1));
        assert_eq!((pace.free(at(30)), pace.time_for(1, at(30))), (0, Duration::from_secs(30)));
        assert_eq!(pace.time_for(2, at(30)), Duration::from_secs(31));
        assert_eq!(pace.time_for(21, at(30)), Duration::from_secs(90));
        assert_eq!((pace.free(at(65)), pace.past(at(65)).len()), (6, 14));
        // The same after a pause between two runs, and none is later than now.
        let resumed = Pace::resumed(20, minute, &pace.past(at(30)), at(30));
        assert_eq!(resumed.time_for(21, at(30)), Duration::from_secs(90));
        let early = Pace::resumed(20, minute, &pace.past(at(19)), at(5));
        assert_eq!((early.free(at(5)), early.free(at(65))), (0, 20));
    }

    #[test]
    fn a_batch_counts_with_all_its_requests() {
        let mut pace = Pace::new(100, Duration::from_secs(20));
        pace.enter(at(0), 90);
        assert_eq!(pace.wait_for(at(5), 20), Some(Duration::from_secs(15)));
        assert_eq!(pace.wait_for(at(5), 10), None);
        pace.enter(at(5), 10);
        assert_eq!(pace.wait_for(at(20), 20), None);
        let mut narrow = Pace::new(10, Duration::from_secs(20));
        assert_eq!(narrow.wait_for(at(0), 20), None, "more than the limit fits alone");
        narrow.enter(at(0), 20);
        assert!(narrow.wait_for(at(1), 1).is_some());
    }
}
