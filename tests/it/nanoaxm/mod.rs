//! NanoAXM, which somebody else wrote against the real API, is let loose on our simulator: it signs in
//! with its own code, and what it cannot work with is wrong here.
//!
//! It goes to Apple's hosts and to no others. Each test runs itself once more in a network that has
//! loopback and nothing else, and tells NanoAXM of a [`tunnel`] that ends the connections to these three
//! hosts here and leads them to the simulator's ports; any other host is refused there, and is a
//! failure. `ESPALIER_NANOAXM` names the folder of its program, which `.ci/run` installs.

mod ground;
mod program;
mod reads;
mod signing_in;
mod tunnel;
mod writes;
