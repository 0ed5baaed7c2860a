//! The calls that an API account has: reads in any minute, activities in any hour. PURE.
//!
//! Apple publishes no figures; those of the connection are what others found by trial (reference
//! apple-business-api section 15). A read waits for its turn. A POST that does not fit is not sent, and
//! says when it will.
//!
//! | call | counts as |
//! |---|---|
//! | GET | one of the minute |
//! | POST | one of the hour |
//! | PATCH, DELETE | one of the minute: no figure is known for them, and they are rare |

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::http::pace::Pace;
use crate::model::clock::after;
use crate::model::organisation::Budget;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// What a call counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spent {
    /// One of the minute.
    Minute,
    /// One of the hour.
    Hour,
}

/// Calls of earlier runs, to be kept between them. Times alone: no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PastCalls {
    /// When calls of the minute were sent, the oldest first; none older than a minute.
    pub minute: Vec<Timestamp>,
    /// When calls of the hour were sent, likewise.
    pub hour: Vec<Timestamp>,
}

/// What was called and what may be called.
#[derive(Clone, Debug)]
pub struct CallBudget {
    get_per_minute: u32,
    post_per_hour: u32,
    minute: Pace,
    hour: Pace,
}

impl CallBudget {
    /// `getPerMinute` and `postPerHour` of the connection (0 is taken as 1), and what earlier runs
    /// called.
    pub fn new(get_per_minute: u32, post_per_hour: u32, past: &PastCalls, now: Timestamp) -> Self {
        let (get_per_minute, post_per_hour) = (get_per_minute.max(1), post_per_hour.max(1));
        Self {
            get_per_minute,
            post_per_hour,
            minute: Pace::resumed(get_per_minute, MINUTE, &past.minute, now),
            hour: Pace::resumed(post_per_hour, HOUR, &past.hour, now),
        }
    }

    fn pace(&self, spent: Spent) -> &Pace {
        match spent {
            Spent::Minute => &self.minute,
            Spent::Hour => &self.hour,
        }
    }

    /// What to keep for the next run.
    pub fn past(&self, now: Timestamp) -> PastCalls {
        PastCalls { minute: self.minute.past(now), hour: self.hour.past(now) }
    }

    /// How many calls fit now.
    pub fn free(&self, spent: Spent, now: Timestamp) -> u32 {
        self.pace(spent).free(now)
    }

    /// When the next call fits; `now` where one does.
    pub fn next_free(&self, spent: Spent, now: Timestamp) -> Timestamp {
        after(now, self.pace(spent).time_for(1, now))
    }

    /// How long it takes until the last of so many further calls is sent.
    pub fn time_for(&self, spent: Spent, calls: u32, now: Timestamp) -> Duration {
        self.pace(spent).time_for(calls, now)
    }

    /// The budget as a plan shows it.
    pub fn summary(&self, now: Timestamp) -> Budget {
        let posts_free = self.free(Spent::Hour, now);
        Budget {
            get_per_minute: self.get_per_minute,
            post_per_hour: self.post_per_hour,
            posts_free,
            next_post: (posts_free == 0).then(|| self.next_free(Spent::Hour, now)),
        }
    }

    /// Enters a call that is sent now, or says how long to wait before it fits.
    pub(super) fn spend(&mut self, spent: Spent, now: Timestamp) -> Result<(), Duration> {
        let pace = match spent {
            Spent::Minute => &mut self.minute,
            Spent::Hour => &mut self.hour,
        };
        match pace.wait_for(now, 1) {
            Some(wait) => Err(wait),
            None => {
                pace.enter(now, 1);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn a_second_run_knows_what_the_first_spent() {
        let mut budget = CallBudget::new(20, 10, &PastCalls::default(), at(0));
        for call in 0..10 {
            assert_eq!(budget.free(Spent::Hour, at(call)), 10 - call as u32);
            assert_eq!(budget.spend(Spent::Hour, at(call)), Ok(()));
        }
        assert_eq!(budget.spend(Spent::Hour, at(100)), Err(Duration::from_secs(3_500)));
        let kept = serde_json::to_string(&budget.past(at(100))).unwrap();
        let past: PastCalls = serde_json::from_str(&kept).unwrap();
        let later = CallBudget::new(20, 10, &past, at(1_800));
        assert_eq!((later.free(Spent::Hour, at(1_800)), later.free(Spent::Minute, at(1_800))), (0, 20));
        assert_eq!(later.next_free(Spent::Hour, at(1_800)), at(3_600));
        let summary = later.summary(at(1_800));
        assert_eq!((summary.posts_free, summary.next_post), (0, Some(at(3_600))));
        assert_eq!(later.summary(at(3_605)).posts_free, 6);
        assert_eq!(later.summary(at(3_605)).next_post, None);
        assert_eq!(later.past(at(3_700)), PastCalls::default());
    }

    #[test]
    fn the_sums_are_those_of_the_reference() {
        // (devices, services) to calls and minutes, by section 15.
        let budget = CallBudget::new(20, 10, &PastCalls::default(), at(0));
        for (calls, minutes) in [(8, 0), (28, 1), (116, 5), (216, 10)] {
            assert_eq!(budget.time_for(Spent::Minute, calls, at(0)), MINUTE * minutes, "{calls}");
        }
        assert_eq!(budget.time_for(Spent::Hour, 25, at(0)), HOUR * 2);
        assert_eq!(CallBudget::new(0, 0, &PastCalls::default(), at(0)).free(Spent::Minute, at(0)), 1);
    }
}
