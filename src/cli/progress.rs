//! The two faces of [`Progress`]: a bar on a terminal, a line now and then elsewhere.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::render::text::{clean, clip, number};
use super::ui::Ui;
use crate::model::TokenId;
use crate::progress::Progress;

/// How often a line is written where no bar can be drawn.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// How long a step's id may be in the bar.
const STEP_WIDTH: usize = 60;

/// Devices read so far, over all tokens: they are read side by side.
#[derive(Debug, Default)]
struct Totals {
    by_token: HashMap<TokenId, (u64, Option<u64>)>,
}

impl Totals {
    /// Takes a token's numbers in; returns devices read and expected over all tokens seen so far.
    /// Expected is `None` until every one of them has said how many it has.
    fn read(&mut self, token: &TokenId, devices: usize, expected: Option<u64>) -> (u64, Option<u64>) {
        let devices = devices as u64;
        // A list that grew while it was read is at least as long as what has come.
        self.by_token.insert(token.clone(), (devices, expected.map(|expected| expected.max(devices))));
        let read = self.by_token.values().map(|(read, _)| read).sum();
        let expected = self.by_token.values().map(|(_, expected)| *expected).sum();
        (read, expected)
    }
}

fn reading(read: u64, expected: Option<u64>) -> String {
    match expected {
        Some(expected) => format!("read {} of {} devices", number(read), number(expected)),
        None => format!("read {} devices", number(read)),
    }
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
    fn devices_add_up_over_tokens() {
        let (a, b) = (TokenId("a".to_owned()), TokenId("b".to_owned()));
        let mut totals = Totals::default();
        assert_eq!(totals.read(&a, 10, Some(100)), (10, Some(100)));
        assert_eq!(totals.read(&b, 5, None), (15, None));
        assert_eq!(totals.read(&b, 50, Some(40)), (60, Some(150)));
        assert_eq!(totals.read(&a, 100, Some(100)), (150, Some(150)));
        assert_eq!(reading(150, Some(12_500)), "read 150 of 12,500 devices");
    }
}
