//! The two faces of [`Progress`]: a bar on a terminal, a line now and then elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::render::text::{clean, clip, number};
use super::ui::Ui;
use crate::model::{Name, TokenId};
use crate::progress::{Pages, Progress};

/// How often a line is written where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// How long a step's id may be in the bar.
const STEP_WIDTH: usize = 60;

/// Devices read so far, over all tokens: they are read side by side.
#[derive(Debug, Default)]
struct Totals {
    by_token: HashMap<TokenId, (u64, Option<u64>)>,
    read: u64,
    expected: u64,
    /// Tokens that have not said how many they have.
    unsaid: usize,
}

impl Totals {
    /// Takes a token's numbers in; returns devices read and expected over all tokens seen so far.
    /// Expected is `None` until every one of them has said how many it has.
    fn read(&mut self, token: &TokenId, devices: usize, expected: Option<u64>) -> (u64, Option<u64>) {
        let devices = devices as u64;
        // A list that grew while it was read is at least as long as what has come.
        let expected = expected.map(|expected| expected.max(devices));
        let before = self.by_token.insert(token.clone(), (devices, expected));
        let (read_before, expected_before) = before.unwrap_or((0, Some(0)));
        self.read = self.read - read_before + devices;
        self.expected = self.expected - expected_before.unwrap_or(0) + expected.unwrap_or(0);
        self.unsaid = self.unsaid - usize::from(expected_before.is_none()) + usize::from(expected.is_none());
        (self.read, (self.unsaid == 0).then_some(self.expected))
    }
}

fn reading(read: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!("read {} of {} devices", number(read), number(expected)),
        None => format!("read {} devices", number(read)),
    }
}

fn reading_pages(connection: &Name, pages: Pages) -> String {
    let Pages { read, expected, left } = pages;
    let of = expected.map_or(String::new(), |expected| format!(" of about {}", number(expected)));
    let left = match left.map(|left| left.as_secs().div_ceil(60)) {
        Some(minutes) if minutes > 0 => format!(", about {minutes} min left within the calls of a minute"),
        _ => String::new(),
    };
    format!("{connection}: read {}{of} pages{left}", number(read))
}

/// A bar, gone when the work is done.
#[derive(Debug)]
pub struct Bars {
    bar: ProgressBar,
    totals: Mutex<Totals>,
}

impl Bars {
    /// A bar that is not drawn before there is something to tell.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        Self { bar, totals: Mutex::default() }
    }

    fn show(&self, at: u64, of: Option<u64>, text: String) {
        match of {
            Some(of) => {
                self.bar.set_length(of);
                self.bar.set_style(style("{bar:24.green} {percent:>3} % {msg}"));
            }
            None => self.bar.set_style(style("{spinner:.green} {msg}")),
        }
        self.bar.set_message(text);
        self.bar.set_position(at);
    }
}

impl Default for Bars {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The templates are ours; one that indicatif does not take falls back to its own.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸ ")
}

impl Progress for Bars {
    fn read(&self, token: &TokenId, devices: usize, expected: Option<u64>) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, expected) = totals.read(token, devices, expected);
        drop(totals);
        self.show(read, expected, reading(read, expected));
    }

    fn pages(&self, connection: &Name, pages: Pages) {
        self.show(pages.read, pages.expected, reading_pages(connection, pages));
    }

    fn step(&self, done: usize, of: usize, what: &str) {
        self.show(done as u64, Some(of as u64), format!("{done}/{of} {}", clip(&clean(what), STEP_WIDTH)));
    }
}

/// A line each 30 seconds.
#[derive(Debug)]
pub struct Lines {
    ui: Ui,
    state: Mutex<(Pace, Totals)>,
}

impl Lines {
    /// The first line comes 30 seconds from now.
    pub fn new(ui: Ui) -> Self {
        Self { ui, state: Mutex::new((Pace::from(Instant::now()), Totals::default())) }
    }
}

impl Progress for Lines {
    fn read(&self, token: &TokenId, devices: usize, expected: Option<u64>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let (read, expected) = state.1.read(token, devices, expected);
        if state.0.is_due(Instant::now()) {
            self.ui.say(reading(read, expected));
        }
    }

    fn pages(&self, connection: &Name, pages: Pages) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // The estimate of what takes a while is worth a line before it begins.
        let is_long = pages.read == 0 && pages.left.is_some_and(|left| left >= LINE_EVERY);
        if is_long || state.0.is_due(Instant::now()) {
            self.ui.say(reading_pages(connection, pages));
        }
    }

    fn step(&self, done: usize, of: usize, what: &str) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0.is_due(Instant::now()) {
            self.ui.say(format_args!("step {} of {of}: {}", done + 1, clean(what)));
        }
    }
}

/// Lets something through once in [`LINE_EVERY`].
#[derive(Debug)]
struct Pace {
    last: Instant,
}

impl Pace {
    fn from(start: Instant) -> Self {
        Self { last: start }
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let due = now.duration_since(self.last) >= LINE_EVERY;
        if due {
            self.last = now;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_once_in_thirty_seconds() {
        let start = Instant::now();
        let mut pace = Pace::from(start);
        let due: Vec<u64> =
            (0..100).filter(|second| pace.is_due(start + Duration::from_secs(*second))).collect();
        assert_eq!(due, [30, 60, 90]);
    }

    #[test]
    fn pages_come_with_the_minutes_that_are_left() {
        let apple = Name::new("apple").unwrap();
        let pages = |read, expected, left| Pages { read, expected, left };
        let minutes = |minutes: u64| Some(Duration::from_secs(minutes * 60));
        assert_eq!(
            reading_pages(&apple, pages(0, Some(116), minutes(6))),
            "apple: read 0 of about 116 pages, about 6 min left within the calls of a minute"
        );
        assert_eq!(reading_pages(&apple, pages(7, None, None)), "apple: read 7 pages");
        assert_eq!(reading_pages(&apple, pages(3, Some(8), minutes(0))), "apple: read 3 of about 8 pages");
    }

    #[test]
    fn devices_add_up_over_tokens() {
        let (a, b) = (TokenId("a".to_owned()), TokenId("b".to_owned()));
        let mut totals = Totals::default();
        assert_eq!(totals.read(&a, 10, Some(100)), (10, Some(100)));
        assert_eq!(totals.read(&b, 5, None), (15, None));
        assert_eq!(totals.read(&b, 50, Some(40)), (60, Some(150)));
        assert_eq!(totals.read(&a, 100, Some(100)), (150, Some(150)));
        assert_eq!(totals.read(&b, 60, None), (160, None), "it says no more how many there are");
        assert_eq!(totals.read(&b, 5, Some(5)), (105, Some(105)), "it is read anew");
        assert_eq!(reading(150, Some(12_500)), "read 150 of 12,500 devices");
    }
}
