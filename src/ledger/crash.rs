//! Makes the process die at a chosen write, for the crash matrix. Not in release builds.
//!
//! `ESPALIER_TEST_DIE_AT_LEDGER_WRITE=N[:before|:after]` aborts at the Nth write of the process,
//! counted from 1, before (as it stands alone) or after its commit.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

const VARIABLE: &str = "ESPALIER_TEST_DIE_AT_LEDGER_WRITE";

static WRITES: AtomicU64 = AtomicU64::new(0);

/// The write to die at, and whether after its commit.
fn fate() -> Option<(u64, bool)> {
    static FATE: OnceLock<Option<(u64, bool)>> = OnceLock::new();
    *FATE.get_or_init(|| parse(&std::env::var(VARIABLE).ok()?))
}

fn parse(text: &str) -> Option<(u64, bool)> {
    let (number, when) = text.split_once(':').unwrap_or((text, "before"));
    match when {
        "before" => Some((number.parse().ok()?, false)),
        "after" => Some((number.parse().ok()?, true)),
        _ => None,
    }
}

/// Counts a write that is about to be committed, and returns its number.
pub(super) fn before_write() -> u64 {
    dying::before();
    let write = WRITES.fetch_add(1, Ordering::SeqCst) + 1;
    if fate() == Some((write, false)) {
        std::process::abort();
    }
    write
}

/// Says that write number `write` is committed.
pub(super) fn after_write(write: u64) {
    dying::after();
    if fate() == Some((write, true)) {
        std::process::abort();
    }
}

mod dying {
    use std::cell::Cell;

    thread_local! {
        /// Writes until death, and whether after the last one's commit.
        static DYING: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
    }

    /// Makes a run of this thread die at a write to its ledger, by a panic that nothing in it catches, until
    /// the value is dropped: a crash, for those who hold several runs in one process.
    #[derive(Debug)]
    pub struct Dying(());

    impl Dying {
        /// At the `nth` write from now on, counted from 1, before its commit or `after` it.
        pub fn at(nth: u64, after: bool) -> Self {
            DYING.set(Some((nth, after)));
            Self(())
        }
    }

    impl Drop for Dying {
        fn drop(&mut self) {
            DYING.set(None);
        }
    }

    fn is_due(after: bool) -> bool {
        DYING.get() == Some((1, after))
    }

    pub(super) fn before() {
        if is_due(false) {
            die();
        }
    }

    pub(super) fn after() {
        if is_due(true) {
            die();
        }
        DYING.set(DYING.get().map(|(left, after)| (left.saturating_sub(1), after)));
    }

    /// Without the hook that prints: who asked for it catches it.
    fn die() -> ! {
        DYING.set(None);
        std::panic::resume_unwind(Box::new("died at a write to the ledger"))
    }
}

pub use dying::Dying;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_moment_of_death_is_read() {
        assert_eq!(parse("3"), Some((3, false)));
        assert_eq!(parse("3:before"), Some((3, false)));
        assert_eq!(parse("12:after"), Some((12, true)));
        assert_eq!(parse("3:later"), None);
        assert_eq!(parse("x"), None);
    }
}
