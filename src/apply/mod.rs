//! Applies a plan: intents before effects, every write read back, an outcome per item.
//!
//! ```text
//! plan ─> for each step in order: intent (ledger) ─> write (service) ─> outcome (ledger)
//!                                          lost answer ─> wait for the horizon ─> look
//!      ─> read each list concerned once ─> committed, or not
//! ```
//!
//! Nothing here decides what should be: the plan has no choices left.

pub mod acts;
mod executor;
pub mod follow;
mod journal;
pub mod recover;
pub mod report;
#[cfg(test)]
mod tests;
mod verify;

pub use acts::{ActResult, ActStop, ActWait};
pub use executor::{Certificates, Executor, Migrations, SIDE_BY_SIDE, Secrets, Service};
pub use report::{ApplyReport, ItemCounts, StepOutcome, StepResult};
