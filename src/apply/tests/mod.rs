//! The pure parts of applying: what an earlier run left open, what reading back shows, and what a
//! run's outcomes amount to. The executor itself is tested against the simulator.

mod acts;
mod recover;
mod recover_apple;
mod report;
mod verify;
