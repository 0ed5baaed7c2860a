//! Change windows: when which classes may run (design section 4). PURE.
//!
//! `deny` wins. Where an `allow` names a class, that class runs only within one; a class that no window
//! names is free.
//!
//! A window begins on the clocks of its zone and lasts in absolute time. Where the hour of its beginning is
//! skipped it begins when clocks have been put forward; where it is repeated it begins the first time. One
//! that begins in every hour begins in every hour that there really is.

use std::collections::BTreeSet;
use std::iter::Peekable;

use jiff::SignedDuration;
use jiff::civil::{Date, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};

use crate::model::Class;
use crate::model::clock::{Timestamp, after};
use crate::model::desired::{Window, WindowKind};

/// How far ahead an opening is looked for: the 29th of February comes again within eight years.
const HORIZON: SignedDuration = SignedDuration::from_hours(24 * (8 * 366 + 1));

/// Farther than any clock is ahead of UTC, so that it shows a day before that begins there.
const FARTHEST_OFFSET: SignedDuration = SignedDuration::from_hours(26);

/// Whether a class may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may.
    Open,
    /// It may not.
    Closed {
        /// The first instant from which it may again; `None`: none within eight years.
        until: Option<Timestamp>,
        /// Which window keeps it, in words.
        why: String,
    },
}

impl Verdict {
    /// Whether it may run.
    pub fn is_open(&self) -> bool {
        matches!(self, Self::Open)
    }
}

/// Whether a class may run now by one statement of windows.
pub fn verdict(windows: &[Window], class: Class, now: Timestamp) -> Verdict {
    verdict_of_all(&[windows], class, now)
}

/// Whether a class may run now by several statements, as those of this folder, of the tenant and of what was
/// last applied: by each of them. What one allows opens nothing that another keeps shut.
pub fn verdict_of_all(statements: &[&[Window]], class: Class, now: Timestamp) -> Verdict {
    let mut statements: Vec<Statement<'_>> =
        statements.iter().map(|windows| Statement::of(windows, class, now)).collect();
    let Some(why) = statements.iter_mut().find_map(|one| one.shut(now).map(|shut| shut.why(class))) else {
        return Verdict::Open;
    };
    let horizon = now.checked_add(HORIZON).unwrap_or(Timestamp::MAX);
    let mut at = now;
    loop {
        // Until then one of them is shut throughout, so that there is no opening before.
        match statements.iter_mut().filter_map(|one| one.shut(at)).next() {
            None => return Verdict::Closed { until: Some(at), why },
            Some(shut) => match shut.until.filter(|until| *until <= horizon) {
                Some(until) => at = until,
                None => return Verdict::Closed { until: None, why },
            },
        }
    }
}

/// The windows of one statement that are about a class.
struct Statement<'w> {
    deny: Vec<Occurrences<'w>>,
    allow: Vec<Occurrences<'w>>,
}

/// That a statement keeps a class.
struct Shut<'w> {
    /// It does so throughout, up to this instant; `None`: for ever, as far as one can look.
    until: Option<Timestamp>,
    /// The window that denies; `None`: none allows.
    by: Option<&'w Window>,
}

impl Shut<'_> {
    fn why(&self, class: Class) -> String {
        match self.by {
            Some(window) => format!("{class} is kept by the window {window}"),
            None => format!("{class} runs only within a window that allows it, and none is open"),
        }
    }
}

impl<'w> Statement<'w> {
    fn of(windows: &'w [Window], class: Class, now: Timestamp) -> Self {
        let of = |kind: WindowKind| {
            let about = windows.iter().filter(|one| one.kind() == kind && one.classes().contains(&class));
            about.map(|window| Occurrences::from(window, now)).collect()
        };
        Self { deny: of(WindowKind::Deny), allow: of(WindowKind::Allow) }
    }

    /// Whether it keeps the class at an instant; instants are asked for in ascending order.
    fn shut(&mut self, at: Timestamp) -> Option<Shut<'w>> {
        let denied = self.deny.iter_mut().filter_map(|one| {
            let end = one.running(at)?;
            Some((end, one.window))
        });
        if let Some((end, window)) = denied.max_by_key(|(end, _)| *end) {
            return Some(Shut { until: Some(end), by: Some(window) });
        }
        if self.allow.is_empty() || self.allow.iter_mut().any(|one| one.running(at).is_some()) {
            return None;
        }
        let begins = self.allow.iter_mut().filter_map(Occurrences::next_begin);
        Some(Shut { until: begins.min(), by: None })
    }
}

/// The times of a window, from an instant on and up to the horizon.
struct Occurrences<'w> {
    window: &'w Window,
    days: Peekable<Days<'w>>,
    /// The latest end of what has begun by the instant that was asked for last.
    end: Option<Timestamp>,
}

impl<'w> Occurrences<'w> {
    fn from(window: &'w Window, now: Timestamp) -> Self {
        Self { window, days: Days::from(window, now).peekable(), end: None }
    }

    /// The end of what runs at an instant, as far as it has begun by then.
    fn running(&mut self, at: Timestamp) -> Option<Timestamp> {
        while let Some(begun) = self.days.next_if(|one| one.begin <= at) {
            self.end = self.end.max(Some(begun.end));
        }
        self.end.filter(|end| *end > at)
    }

    /// The next beginning after the instant that was asked for last.
    fn next_begin(&mut self) -> Option<Timestamp> {
        self.days.peek().map(|next| next.begin)
    }
}

/// A time during which a window runs without a break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Run {
    begin: Timestamp,
    /// The first instant after it.
    end: Timestamp,
}

/// The runs of a window by their beginning.
struct Days<'w> {
    window: &'w Window,
    zone: &'w TimeZone,
    /// The first day that is not in `runs`.
    date: Option<Date>,
    last: Date,
    /// Runs of an ordinary day, in minutes from its midnight, with their length.
    ordinary: Vec<(u16, SignedDuration)>,
    /// Those of days that were looked at.
    runs: BTreeSet<Run>,
}

impl<'w> Days<'w> {
    /// From the first day whose windows may still run at `now`.
    fn from(window: &'w Window, now: Timestamp) -> Self {
        let zone = window.timezone().time_zone();
        let lasts = SignedDuration::try_from(window.lasts()).unwrap_or(SignedDuration::ZERO);
        let day_of = |at: Timestamp| zone.to_datetime(at).date();
        let begin = day_of(now.checked_sub(lasts).unwrap_or(Timestamp::MIN));
        let end = day_of(now.checked_add(HORIZON).unwrap_or(Timestamp::MAX));
        Self {
            window,
            zone,
            // Clocks that are put back over midnight bring the day before once more.
            date: Some(begin.yesterday().unwrap_or(begin)),
            last: end.tomorrow().unwrap_or(end),
            ordinary: ordinary(window, lasts),
            runs: BTreeSet::new(),
        }
    }

    /// An instant before which no run of a day begins, whatever its clocks.
    fn earliest(date: Date) -> Timestamp {
        let midnight = TimeZone::UTC.to_timestamp(date.to_datetime(Time::midnight()));
        let earliest = midnight.and_then(|midnight| midnight.checked_sub(FARTHEST_OFFSET));
        earliest.unwrap_or(Timestamp::MIN)
    }

    /// All runs that begin on a day.
    fn of(&self, date: Date) -> Vec<Run> {
        match self.ordinary_midnight(date) {
            Some(midnight) => self.ordinary_runs(midnight),
            None => self.runs_of_odd_day(date),
        }
    }

    /// The midnight that a day begins with, where clocks are left alone all that day.
    fn ordinary_midnight(&self, date: Date) -> Option<Timestamp> {
        let begin = self.unambiguous(date)?;
        let end = self.unambiguous(date.tomorrow().ok()?)?;
        let touched = self.zone.following(begin).next().is_some_and(|next| next.timestamp() < end);
        (!touched && end.duration_since(begin) == SignedDuration::from_hours(24)).then_some(begin)
    }

    fn unambiguous(&self, date: Date) -> Option<Timestamp> {
        self.zone.to_ambiguous_timestamp(date.to_datetime(Time::midnight())).unambiguous().ok()
    }

    fn ordinary_runs(&self, midnight: Timestamp) -> Vec<Run> {
        let run = |(minute, lasts): &(u16, SignedDuration)| {
            let begin = midnight.checked_add(SignedDuration::from_mins(i64::from(*minute))).ok()?;
            Some(Run { begin, end: begin.checked_add(*lasts).ok()? })
        };
        self.ordinary.iter().filter_map(run).collect()
    }

    fn runs_of_odd_day(&self, date: Date) -> Vec<Run> {
        let cron = self.window.cron();
        let begins = cron.minutes().iter().flat_map(|minute| self.begins(date, *minute, cron.is_hourly()));
        begins.map(|begin| Run { begin, end: after(begin, self.window.lasts()) }).collect()
    }

    /// The instants at which a minute of a day begins that is asked for: at most two.
    fn begins(&self, date: Date, minute: u16, is_hourly: bool) -> Vec<Timestamp> {
        // A day has 1,440 minutes, and a minute of it is a time.
        let Ok(time) = Time::new((minute / 60) as i8, (minute % 60) as i8, 0, 0) else { return Vec::new() };
        let local = self.zone.to_ambiguous_timestamp(date.to_datetime(time));
        let at = |offset: jiff::tz::Offset| offset.to_timestamp(date.to_datetime(time)).ok();
        match local.offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset).into_iter().collect(),
            AmbiguousOffset::Gap { .. } if is_hourly => Vec::new(),
            AmbiguousOffset::Gap { after, .. } => {
                // By the later clocks it is before they are put forward: what follows is that moment.
                let before = at(after);
                before
                    .and_then(|before| self.zone.following(before).next())
                    .map(|transition| transition.timestamp())
                    .into_iter()
                    .collect()
            }
            AmbiguousOffset::Fold { before, after } if is_hourly => {
                at(before).into_iter().chain(at(after)).collect()
            }
            AmbiguousOffset::Fold { before, .. } => at(before).into_iter().collect(),
        }
    }
}

impl Iterator for Days<'_> {
    type Item = Run;

    fn next(&mut self) -> Option<Run> {
        while let Some(date) = self.date.filter(|date| *date <= self.last)
            && self.runs.first().is_none_or(|run| run.begin >= Self::earliest(date))
        {
            self.date = date.tomorrow().ok();
            if self.window.cron().is_on(date) {
                let runs = self.of(date);
                self.runs.extend(runs);
            }
        }
        self.runs.pop_first()
    }
}

/// The runs of an ordinary day: what overlaps or follows at once is one.
fn ordinary(window: &Window, lasts: SignedDuration) -> Vec<(u16, SignedDuration)> {
    let mut runs: Vec<(u16, SignedDuration)> = Vec::new();
    for minute in window.cron().minutes() {
        match runs.last_mut() {
            Some((begin, length)) if SignedDuration::from_mins(i64::from(minute - *begin)) <= *length => {
                *length = SignedDuration::from_mins(i64::from(minute - *begin)) + lasts;
            }
            _ => runs.push((*minute, lasts)),
        }
    }
    runs
}

#[cfg(test)]
mod tests;
