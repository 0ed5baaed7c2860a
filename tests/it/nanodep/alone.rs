//! A scenario in a network of its own.

use crate::support::alone::Peer;

use super::programs::Programs;

/// The variable names the folder with `depserver`, `depsyncer` and `deptokens`.
const NANODEP: Peer = Peer { name: "NanoDEP", variable: "ESPALIER_NANODEP" };

/// Runs the test named `name` (`nanodep::file::function`) as [`Peer::alone`] does.
pub fn alone(name: &str, scenario: impl FnOnce(&Programs)) {
    NANODEP.alone(name, |folder| scenario(&Programs::at(folder)));
}
