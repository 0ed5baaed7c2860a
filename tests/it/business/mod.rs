//! Devices on their way through Apple Business and School Manager: from the documents to the service, the
//! token and the profile that each of them has in the end.
//!
//! The oracle is the simulator's world and its counters, never the program's own memory.

mod chance;
mod counting;
mod crash;
mod faults;
mod fleet;
mod ground;
mod outcomes;
mod portal;
