//! Direct tokens, from what their documents name to what Apple's enrollment service holds in the end.
//!
//! The oracle is the simulator's world and its counters, never the program's own memory.

mod counting;
mod crash;
mod faults;
mod identity;
mod outcomes;
pub mod stand;
