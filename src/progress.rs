//! How long work tells how far it is. Those who work know only the trait; `cli` shows it.

use std::time::Duration;

use crate::model::{Name, TokenId};

/// Hears how far a run is. Calls come from several tasks at once and often; an implementation
/// decides what is worth showing.
pub trait Progress: Send + Sync {
    /// A token's device list is being read.
    ///
    /// `devices` is how many of this token have been read so far, `expected` how many the service
    /// says there are, where it says so.
    fn read(&self, token: &TokenId, devices: usize, expected: Option<u64>);

    /// The lists of an organisation at Apple are being read, page by page: told once before the first
    /// call, and again after each page. `connection` is its document.
    fn pages(&self, connection: &Name, pages: Pages);

    /// Step `done` of `of` begins (`done` counts the steps that are finished); `what` is its id.
    fn step(&self, done: usize, of: usize, what: &str);
}

/// How far the reading of an organisation is. Few calls fit into a minute, so that it takes minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Pages read so far.
    pub read: u64,
    /// How many there will be, as the last read or the services' own counts tell; `None` where neither
    /// does yet.
    pub expected: Option<u64>,
    /// About how long the rest takes within the calls that a minute allows; zero where they fit at once,
    /// `None` where it is not known how many there are.
    pub left: Option<Duration>,
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn read(&self, _: &TokenId, _: usize, _: Option<u64>) {}
    fn pages(&self, _: &Name, _: Pages) {}
    fn step(&self, _: usize, _: usize, _: &str) {}
}
