//! The rules by name, and a switch for tests that breaks one of them: a rule whose breaking no test notices is
//! no rule. The switch exists in debug builds only and holds for the thread that turned it.

/// A rule that stands between a document and a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// One send per identity.
    Once,
    /// Changed content under a known name is refused.
    Content,
    /// Serials may be removed and not added.
    Serials,
    /// The record has the epoch that the act was bound to.
    Epoch,
    /// `requestedAt` lies within the device's present life.
    Life,
    /// What was requested before the ledger's birth is unknown history.
    Birth,
    /// Nothing is sent once `expiresAfter` has passed.
    Expiry,
    /// `requestedAt` is not in the future.
    Future,
    /// The record has the serial of the act.
    Serial,
    /// Exactly one live record has the serial.
    Unambiguous,
    /// The device is what the document expects.
    Expect,
    /// Protected serials and tokens are not touched.
    Protection,
    /// Supervision is known where an escrow hangs on it.
    Supervision,
    /// A sealed code, a proof or a waiver comes first.
    Safeguard,
    /// What a removed document asked for never runs.
    Tombstone,
    /// Acts run only from the last applied commit or a descendant of it.
    Descent,
    /// No act is sent while the newest commit cannot be read or does not validate.
    Validity,
    /// The gates of the last applied commit hold beside the folder's.
    Gates,
    /// Signers come from what was applied, not from the folder.
    Signers,
    /// Enough persons have agreed, none of them the author, within the time.
    Approval,
    /// Change windows.
    Window,
    /// Limits over a rolling 24 hours.
    Limit,
    /// Nothing destructive is sent while an earlier one of the device is under way or unknown.
    Overlap,
    /// A wiped device comes back to a token with a profile.
    NextLife,
    /// The lock is off when a hand-over wipes, and was read within ten minutes.
    LockOff,
    /// A request that waits for approval elsewhere is sent again identically.
    Identical,
    /// An error answer to what erases or removes is unknown.
    ErrorIsUnknown,
    /// The action is one that the device can do.
    Support,
    /// The old record is removed only where a second one with another id exists.
    SecondRecord,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 29] = [
        Rule::Once,
        Rule::Content,
        Rule::Serials,
        Rule::Epoch,
        Rule::Life,
        Rule::Birth,
        Rule::Expiry,
        Rule::Future,
        Rule::Serial,
        Rule::Unambiguous,
        Rule::Expect,
        Rule::Protection,
        Rule::Supervision,
        Rule::Safeguard,
        Rule::Tombstone,
        Rule::Descent,
        Rule::Validity,
        Rule::Gates,
        Rule::Signers,
        Rule::Approval,
        Rule::Window,
        Rule::Limit,
        Rule::Overlap,
        Rule::NextLife,
        Rule::LockOff,
        Rule::Identical,
        Rule::ErrorIsUnknown,
        Rule::Support,
        Rule::SecondRecord,
    ];

    /// Whether the rule is in force: always, outside of a test that broke it.
    #[inline]
    pub fn in_force(self) -> bool {
        #[cfg(any(test, debug_assertions))]
        {
            !broken::holds(self)
        }
        #[cfg(not(any(test, debug_assertions)))]
        {
            true
        }
    }

    /// Whether `violated` stands in the way: not where the rule is broken on purpose.
    #[inline]
    pub fn stops(self, violated: bool) -> bool {
        violated && self.in_force()
    }
}

#[cfg(any(test, debug_assertions))]
mod broken {
    use super::Rule;
    use std::cell::Cell;

    thread_local! {
        /// One bit per rule.
        static BROKEN: Cell<u64> = const { Cell::new(0) };
    }

    const fn bit(rule: Rule) -> u64 {
        1 << rule as u64
    }

    pub(super) fn holds(rule: Rule) -> bool {
        BROKEN.get() & bit(rule) != 0
    }

    /// Breaks rules on this thread until the value is dropped.
    #[derive(Debug)]
    pub struct Broken(u64);

    impl Broken {
        /// Breaks `rule`, and those that are broken already.
        pub fn rule(rule: Rule) -> Self {
            Self::rules(&[rule])
        }

        /// Breaks several at once: where one of them stands behind another.
        pub fn rules(rules: &[Rule]) -> Self {
            let all = rules.iter().fold(BROKEN.get(), |all, rule| all | bit(*rule));
            Self(BROKEN.replace(all))
        }
    }

    impl Drop for Broken {
        fn drop(&mut self) {
            BROKEN.set(self.0);
        }
    }
}

#[cfg(any(test, debug_assertions))]
pub use broken::Broken;
