//! The fault matrix: whatever the services do to a run, it creates and deletes nothing out of an
//! unknown, says how it ended, and a later run ends in the state that the documents wish.
//!
//! The oracle is the simulator's world and its counters, never the program's own memory.

mod chance;
mod counting;
mod fleet;
mod lock;
mod lost;
mod matrix;
pub mod stand;
mod sync;
