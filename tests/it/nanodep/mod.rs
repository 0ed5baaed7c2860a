//! NanoDEP, which somebody else wrote against the real service, is let loose on our simulator: what
//! it cannot work with is wrong here.
//!
//! Each test runs itself once more in a network that has loopback and nothing else ([`alone`]), and
//! NanoDEP is told the simulator's address before its first call. `ESPALIER_NANODEP` names the folder
//! of its programs, which `.ci/run` installs.

mod alone;
mod exchange;
mod ground;
mod profiles;
mod programs;
mod session;
mod sync;
