//! The screens of Setup Assistant as classic profiles carry them (P-25): the rows of
//! [`crate::model::screens`] that a platform's classic profile has.
//!
//! A boolean member is true for hide. Whether a classic profile accepts the keys without a boolean
//! is unverified.

use crate::model::Platform;
use crate::model::screens::{SCREENS, Wire};

/// How a classic profile carries a screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// A boolean member of this name; true hides.
    Boolean(&'static str),
    /// Only the Apple key in `enabledSkipKeys`.
    SkipKey,
}

/// Keys that the service refuses in `enabledSkipKeys` (reference intune-graph section 3.4).
pub const REFUSED_KEYS: [&str; 2] = ["Privacy", "Registration"];

/// All screens of a platform's classic profile: name, member, Apple's skip key (`None`: the screen
/// has no key).
pub fn screens_of(platform: Platform) -> impl Iterator<Item = (&'static str, Member, Option<&'static str>)> {
    SCREENS.iter().filter_map(move |screen| {
        let member = match screen.wire(platform) {
            Wire::Member(member) => Member::Boolean(member),
            Wire::SkipKeys => Member::SkipKey,
            Wire::None => return None,
        };
        Some((screen.name, member, screen.key))
    })
}
