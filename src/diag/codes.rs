//! The codes of findings that serve no requirement row, with their gravity. PURE.

use super::Severity;

/// A code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub code: &'static str,
    /// The gravest finding that carries it.
    pub severity: Severity,
}

const fn refuse(code: &'static str) -> Code {
    Code { code, severity: Severity::Refuse }
}

const fn note(code: &'static str) -> Code {
    Code { code, severity: Severity::Note }
}

/// Every code, in the order in which a folder is read.
pub const CODES: &[Code] = &[
    refuse("not-utf8"),
    refuse("yaml-syntax"),
    refuse("yaml-limit"),
    refuse("duplicate-key"),
    refuse("no-document"),
    refuse("unknown-version"),
    refuse("unknown-kind"),
    refuse("kind-after-spec"),
    refuse("unknown-field"),
    refuse("missing-field"),
    refuse("not-in-this-version"),
    refuse("bad-value"),
    refuse("unknown-word"),
    refuse("bad-serial"),
    refuse("plain-secret"),
    refuse("not-allowed"),
    refuse("file"),
    note("csv-read"),
    refuse("same-name"),
    refuse("two-fleets"),
    refuse("no-fleet"),
    refuse("unknown-reference"),
    refuse("wrong-connection"),
    Code { code: "selects-no-token", severity: Severity::Warn },
    refuse("rollout-elsewhere"),
    refuse("policy-elsewhere"),
    note("unused-value"),
    refuse("missing-value"),
    refuse("same-display-name"),
    refuse("unknown-rule"),
    refuse("requested-ahead"),
    note("act-expired"),
    Code { code: "act-on-protected", severity: Severity::Warn },
    Code { code: "acts-collide", severity: Severity::Warn },
    Code { code: "acknowledgement", severity: Severity::Warn },
    note("no-longer-managed"),
    note("write-only"),
    note("snapshot-reused"),
];
