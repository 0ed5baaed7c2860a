//! Exit codes (design section 6).

use std::process;

use crate::apply::ApplyReport;
use crate::apply::report::exit_of;
use crate::model::live::Cause;
use crate::plan::Blocked;

/// What the process says when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// 0: done; for `plan`: no changes, or changes without `--detailed-exitcode`.
    Done = 0,
    /// 1: an error that has no code of its own.
    Error = 1,
    /// 2: changes, only with `--detailed-exitcode`.
    Changes = 2,
    /// 3: invalid manifests.
    Manifests = 3,
    /// 4: stopped by a gate, a protection, or an answer at the prompt.
    Stopped = 4,
    /// 5: the plan is stale, expired, changed, or another one than expected.
    Stale = 5,
    /// 6: partly done: something committed, and something failed, is blocked or unknown.
    Partly = 6,
    /// 7: something that this run sent is not confirmed within `--wait`.
    Unconfirmed = 7,
    /// 8: credentials, permission, or Apple's terms.
    Credentials = 8,
    /// 9: a service unavailable or throttled, nothing written.
    Unavailable = 9,
    /// 10: another run holds the lock, or the ledger is missing or another one.
    Ledger = 10,
    /// 64: wrong command line.
    Usage = 64,
}

impl ExitCode {
    /// Every code, ascending.
    pub const ALL: [ExitCode; 12] = [
        ExitCode::Done,
        ExitCode::Error,
        ExitCode::Changes,
        ExitCode::Manifests,
        ExitCode::Stopped,
        ExitCode::Stale,
        ExitCode::Partly,
        ExitCode::Unconfirmed,
        ExitCode::Credentials,
        ExitCode::Unavailable,
        ExitCode::Ledger,
        ExitCode::Usage,
    ];

    /// The stable code of an error that has none of its own.
    pub const fn error_code(self) -> &'static str {
        match self {
            ExitCode::Manifests => "documents-refused",
            ExitCode::Stopped => "stopped",
            ExitCode::Stale => "plan-stale",
            ExitCode::Credentials => "not-signed-in",
            ExitCode::Unavailable => "service-unavailable",
            ExitCode::Ledger => "ledger-missing",
            ExitCode::Usage => "usage",
            ExitCode::Done
            | ExitCode::Error
            | ExitCode::Changes
            | ExitCode::Partly
            | ExitCode::Unconfirmed => "failed",
        }
    }

    /// The number that the process ends with.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The code with this number; [`ExitCode::Error`] for a number that is none.
    pub fn from_code(code: u8) -> Self {
        Self::ALL.into_iter().find(|known| known.code() == code).unwrap_or(ExitCode::Error)
    }

    /// The code of `apply`: see [`ApplyReport::exit_code`].
    pub fn of_apply(report: &ApplyReport) -> Self {
        Self::from_code(report.exit_code())
    }

    /// The code of `plan`: 8 or 9 for a domain that is blocked, else 3 for a refusal of a rule
    /// (`refused`: a rule refused something that is not in `blocked`), else 1 for anything else that is
    /// blocked, else 2 for changes where `detailed` asks for it. Waiting serials, warnings and what
    /// is left alone never change it.
    pub fn of_plan(blocked: &[Blocked], refused: bool, changes: bool, detailed: bool) -> Self {
        match Self::of_trouble(blocked.iter().map(|blocked| blocked.cause)) {
            Some(ExitCode::Error) if refused => ExitCode::Manifests,
            Some(code) => code,
            None if refused => ExitCode::Manifests,
            None if changes && detailed => ExitCode::Changes,
            None => ExitCode::Done,
        }
    }

    /// The code of several troubles while reading: the first that holds of 8, 9, 3, 1.
    pub fn of_trouble(causes: impl IntoIterator<Item = Cause>) -> Option<Self> {
        let rank = |code: &ExitCode| match code {
            ExitCode::Credentials => 0,
            ExitCode::Unavailable => 1,
            ExitCode::Manifests => 2,
            _ => 3,
        };
        causes.into_iter().map(|cause| Self::from_code(exit_of(cause))).min_by_key(rank)
    }
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        process::ExitCode::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Name, Realm};

    fn blocked(cause: Cause) -> Blocked {
        Blocked {
            connection: Realm::Mdm(Name::new("tenant").unwrap()),
            token: None,
            address: None,
            cause,
            rule: None,
            reason: String::new(),
            next: String::new(),
        }
    }

    #[test]
    fn numbers_read_back_and_unknown_ones_are_errors() {
        for code in ExitCode::ALL {
            assert_eq!(ExitCode::from_code(code.code()), code);
        }
        assert_eq!(ExitCode::from_code(42), ExitCode::Error);
        let numbers: Vec<u8> = ExitCode::ALL.iter().map(|code| code.code()).collect();
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 64]);
    }

    #[test]
    fn a_plan_says_the_gravest_trouble_first() {
        let both = [blocked(Cause::Manifest), blocked(Cause::Throttled), blocked(Cause::Credentials)];
        assert_eq!(ExitCode::of_plan(&both, false, true, true), ExitCode::Credentials);
        assert_eq!(ExitCode::of_plan(&both[..2], false, true, true), ExitCode::Unavailable);
        assert_eq!(ExitCode::of_plan(&both[..1], false, true, true), ExitCode::Manifests);
        assert_eq!(ExitCode::of_plan(&[blocked(Cause::Refused)], true, true, true), ExitCode::Manifests);
        assert_eq!(ExitCode::of_plan(&[], true, true, true), ExitCode::Manifests);
    }

    #[test]
    fn changes_are_told_only_when_asked_for() {
        assert_eq!(ExitCode::of_plan(&[], false, true, true), ExitCode::Changes);
        assert_eq!(ExitCode::of_plan(&[], false, true, false), ExitCode::Done);
        assert_eq!(ExitCode::of_plan(&[], false, false, true), ExitCode::Done);
    }
}
