//! The services that espalier talks to: one module each, with a read half and a write half, and the
//! words that are the same for all of them.
//!
//! A planner is given an [`Observer`] and never an [`Actuator`].

pub mod dep;
pub mod direct;
pub mod graph;
mod outcome;
mod service;

pub use outcome::{Done, Items, Outcome, Trouble};
pub use service::{Actuator, Observer, Write};
