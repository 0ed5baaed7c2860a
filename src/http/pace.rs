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
