//! How long work tells how far it is. Those who work know only the trait; `cli` shows it.

use crate::model::TokenId;

/// Hears how far a run is. Calls come from several tasks at once and often; an implementation
/// decides what is worth showing.
pub trait Progress: Send + Sync {
    /// A token's device list is being read.
    ///
    /// `devices` is how many of this token have been read so far, `expected` how many the service
    /// says there are, where it says so.
    fn read(&self, token: &TokenId, devices: usize, expected: Option<u64>);

    /// Step `done` of `of` begins (`done` counts the steps that are finished); `what` is its id.
    fn step(&self, done: usize, of: usize, what: &str);
}

/// Hears nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn read(&self, _: &TokenId, _: usize, _: Option<u64>) {}
    fn step(&self, _: usize, _: usize, _: &str) {}
}
