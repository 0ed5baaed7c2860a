//! When a request may be sent again, and after which pause. PURE: attempts in, decision out.
//!
//! ```text
//! answer ─▶ Trouble ─▶ Attempts::after(trouble, kind of request) ─▶ pause, renew, or give up
//! ```
//!
//! Key invariant: a request that must not be repeated is sent again only after an answer that proves
//! that the service did not carry it out.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::clock;

/// Attempts that end without a useful answer, the first one included.
const MOST_BROKEN_ATTEMPTS: u32 = 4;
/// The pause after the first useless answer; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Pauses grow no longer than this, before jitter.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Services that say "after 0 seconds" would be asked in a tight loop.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How often a request may be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// It reads: any number of times.
    Read,
    /// It writes, and twice is the same as once.
    Idempotent,
    /// It writes, and twice is not the same as once.
    Never,
}

/// What stood in the way of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// 429: not carried out; the pause that the service asks for, if it names one.
    Throttled(Option<Duration>),
    /// 401: not carried out; the bearer is no longer good.
    Unauthorized,
    /// 408, 5xx, a cut line, no answer in time: may have been carried out.
    Broken(Option<Duration>),
    /// No connection: the service has seen nothing.
    Unreached,
    /// Any other refusal: not carried out, and sending again would not help.
    Refused,
}

/// What to do after an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Wait this long, then send again.
    Pause(Duration),
    /// Sign in anew, then send again.
    Renew,
    /// Do not send again.
    GiveUp(Effect),
}

/// What is known about the effect of a request that was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The service refused it: no effect.
    Refused,
    /// It was not carried out, for reasons that lie outside the request.
    NotSent,
    /// It may have had its effect.
    Unknown,
}

/// The attempts at one request so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attempts {
    throttled: u32,
    broken: u32,
    waited: Duration,
    renewed: bool,
    /// An earlier attempt may have had its effect.
    pub doubted: bool,
}

impl Attempts {
    /// Decides what follows `trouble`. `patience` bounds the sum of all pauses; `salt` spreads the
    /// pauses of clients that were throttled together, equal salts give equal pauses.
    pub fn after(&mut self, trouble: Trouble, repeat: Repeat, patience: Duration, salt: u64) -> Next {
        match trouble {
            Trouble::Throttled(asked) => {
                let pause = asked.unwrap_or_else(|| backoff(self.throttled, salt));
                self.throttled += 1;
                self.pause(pause, patience, Effect::NotSent)
            }
            Trouble::Unauthorized if !self.renewed => {
                self.renewed = true;
                Next::Renew
            }
            Trouble::Unauthorized => self.give_up(Effect::NotSent),
            Trouble::Broken(asked) => {
                self.doubted = true;
                self.broken += 1;
                if repeat == Repeat::Never || self.broken >= MOST_BROKEN_ATTEMPTS {
                    return self.give_up(Effect::Unknown);
                }
                let pause = asked.unwrap_or_else(|| backoff(self.broken - 1, salt));
                self.pause(pause, patience, Effect::Unknown)
            }
            Trouble::Unreached => {
                self.broken += 1;
                if self.broken >= MOST_BROKEN_ATTEMPTS {
                    return self.give_up(Effect::NotSent);
                }
                self.pause(backoff(self.broken - 1, salt), patience, Effect::NotSent)
            }
            Trouble::Refused => self.give_up(Effect::Refused),
        }
    }

    fn pause(&mut self, pause: Duration, patience: Duration, otherwise: Effect) -> Next {
        let pause = pause.max(SHORTEST_PAUSE);
        if self.waited + pause > patience {
            return self.give_up(otherwise);
        }
        self.waited += pause;
        Next::Pause(pause)
    }

    fn give_up(&self, effect: Effect) -> Next {
        Next::GiveUp(if self.doubted { Effect::Unknown } else { effect })
    }
}

/// The pause before attempt `tries + 2`: exponential, between half and the whole of its step.
fn backoff(tries: u32, salt: u64) -> Duration {
    let step = FIRST_PAUSE.saturating_mul(1 << tries.min(16)).min(LONGEST_PAUSE);
    let spread = scramble(salt.wrapping_add(u64::from(tries))) % 1000;
    let half = step / 2;
    half + half.mul_f64(spread as f64 / 1000.0)
}

/// SplitMix64's finalizer: neighbouring salts give unrelated numbers.
fn scramble(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Reads a `Retry-After` field: whole seconds, or an HTTP date relative to `now`. `None` for
/// anything else, so that the client's own pause applies.
pub fn retry_after(field: Option<&str>, now: Timestamp) -> Option<Duration> {
    let field = field?.trim();
    if let Ok(seconds) = field.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(field).ok()?;
    Some(clock::between(now, date.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(300);

    fn pauses(trouble: Trouble, repeat: Repeat) -> (usize, Next) {
        let mut attempts = Attempts::default();
        for count in 0.. {
            match attempts.after(trouble, repeat, PATIENCE, 7) {
                Next::Pause(_) | Next::Renew => {}
                end @ Next::GiveUp(_) => return (count, end),
            }
        }
        unreachable!()
    }

    #[test]
    fn a_read_is_tried_four_times_and_a_create_once() {
        assert_eq!(pauses(Trouble::Broken(None), Repeat::Read).0, 3);
        assert_eq!(pauses(Trouble::Broken(None), Repeat::Idempotent), (3, Next::GiveUp(Effect::Unknown)));
        assert_eq!(pauses(Trouble::Broken(None), Repeat::Never), (0, Next::GiveUp(Effect::Unknown)));
        assert_eq!(pauses(Trouble::Unreached, Repeat::Never), (3, Next::GiveUp(Effect::NotSent)));
    }

    #[test]
    fn throttling_ends_with_patience_and_proves_that_nothing_happened() {
        let asked = Trouble::Throttled(Some(Duration::from_secs(100)));
        assert_eq!(pauses(asked, Repeat::Never), (3, Next::GiveUp(Effect::NotSent)));
        // "After 0 seconds" for ever must end too.
        let (count, end) = pauses(Trouble::Throttled(Some(Duration::ZERO)), Repeat::Never);
        assert_eq!((count, end), (300, Next::GiveUp(Effect::NotSent)));
    }

    #[test]
    fn a_bearer_is_renewed_once() {
        assert_eq!(pauses(Trouble::Unauthorized, Repeat::Never), (1, Next::GiveUp(Effect::NotSent)));
    }

    #[test]
    fn a_refusal_after_a_doubtful_attempt_proves_nothing() {
        let mut attempts = Attempts::default();
        let next = attempts.after(Trouble::Broken(None), Repeat::Idempotent, PATIENCE, 1);
        assert!(matches!(next, Next::Pause(_)));
        let next = attempts.after(Trouble::Refused, Repeat::Idempotent, PATIENCE, 1);
        assert_eq!(next, Next::GiveUp(Effect::Unknown));
    }

    #[test]
    fn pauses_grow_and_are_spread() {
        for tries in 0..10 {
            let step = FIRST_PAUSE.saturating_mul(1 << tries).min(LONGEST_PAUSE);
            for salt in 0..50 {
                let pause = backoff(tries, salt);
                assert!(pause >= step / 2 && pause <= step, "{tries} {salt} {pause:?}");
            }
        }
        assert_ne!(backoff(3, 1), backoff(3, 2));
        assert_eq!(backoff(3, 1), backoff(3, 1));
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_date() {
        let now: Timestamp = "2026-11-06T08:49:00Z".parse().unwrap();
        assert_eq!(retry_after(Some("17"), now), Some(Duration::from_secs(17)));
        let date = Some("Fri, 06 Nov 2026 08:49:37 GMT");
        assert_eq!(retry_after(date, now), Some(Duration::from_secs(37)));
        let past = Some("Fri, 06 Nov 2026 08:48:00 GMT");
        assert_eq!(retry_after(past, now), Some(Duration::ZERO));
        assert_eq!(retry_after(Some("soon"), now), None);
        assert_eq!(retry_after(None, now), None);
    }
}
