//! Errors of what people do about acts on devices.

use super::{Code, Group};

const fn error(
    code: &'static str,
    exit: u8,
    means: &'static str,
    example: &'static str,
    next: &'static str,
) -> Code {
    Code { code, group: Group::Error, means, example, next, exit: Some(exit) }
}

/// Errors of `action resolve` and `cancel`, `escrow reveal` and `export`, `ledger restored`.
pub const ACTING: &[Code] = &[
    error(
        "act-no-ledger",
        10,
        "What a person says about an act is kept in the fleet's ledger, and this run has none.",
        "espalier action resolve lost-ipad DMPK1A01LMF5 --no-ledger",
        "Run it with the fleet's ledger.",
    ),
    error(
        "act-state",
        1,
        "A person says what came of an act only where nobody else can tell: it is unknown, a run that died left it, it was requested before the ledger's birth, the MDM wants it approved and named no request, or it is a hand-over whose time is over. What was sent is followed: were it called failed, the next wipe would be sent beside it. An end stays.",
        "error[act-state]: DeviceAction/lost-ipad DMPK1A01LMF5 is sent, and cannot be said to be failed",
        "See `espalier action list` for where it stands; `espalier apply` follows what was sent. To ask for the same once more after its end, write a document with a new name.",
    ),
    error(
        "act-not-sealed",
        1,
        "The ledger's entry holds no sealed secret of this device.",
        "error[act-not-sealed]: entry 12 holds no sealed secret of DMPK1A01LMF5",
        "See `espalier escrow list` for what was sealed, with the numbers of the entries.",
    ),
    error(
        "gate-not-opened",
        4,
        "An override opens limits and protections for one plan. It stands neither for a person who has to approve, nor for a change window, nor for the commit that has to be the newest.",
        "espalier apply --override approval/steps=sha256:…",
        "Have it approved, wait for the window, or apply the newest commit.",
    ),
    error(
        "act-nameless",
        1,
        "Who says what came of an act, or opens a sealed secret, is kept for good with the reason. One of them is empty.",
        "espalier escrow reveal DMPK1A01LMF5 --reason ''",
        "Name who, and say why.",
    ),
];
