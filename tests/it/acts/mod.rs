//! Acts on devices, from the document to what the device underwent.
//!
//! The oracle is the simulator's world: how often a device was wiped in which life, and not the ledger.

mod counted;
mod crash;
mod daemon;
mod departments;
mod elsewhere;
mod ends;
mod enrolling;
mod ground;
mod hand_over;
mod lost_mode;
mod model;
mod old_record;
mod refused_twice;
mod retiring;
mod saved;
mod sealing;
mod told;
