//! The services that espalier talks to: one module each, with a read half and a write half, and the
//! words that are the same for all of them.
//!
//! A planner is given an [`Observer`] and never an [`Actuator`].

pub mod business;
pub mod dep;
pub mod direct;
mod ended;
pub mod graph;
#[cfg(test)]
mod loopback;
mod member;
mod outcome;
mod pem;
mod service;

pub use ended::Ended;
pub use outcome::{ActAnswer, Done, Items, Outcome, Trouble};
pub use service::{
    Actuator, AppleObserver, AppleWrite, Observer, Write, digest_of_release, digest_of_request,
};
