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
    let write = WRITES.fetch_add(1, Ordering::SeqCst) + 1;
    if fate() == Some((write, false)) {
        std::process::abort();
    }
    write
}

/// Says that write number `write` is committed.
pub(super) fn after_write(write: u64) {
    if fate() == Some((write, true)) {
        std::process::abort();
    }
}

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
