//! Acts in a plan: where the device is, what is in the way, which gates hold.

mod approvals;
mod at_apple;
mod finding;
mod gates;
mod hand_over;
mod properties;
mod saved;
mod world;
