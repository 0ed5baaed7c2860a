//! What happens in a story, one thing after the other. Every operation names what it is about by numbers that
//! are counted round, so that a story is still one when some of its operations are left out.

use serde_json::Value;

use super::paper::Kind;

/// What a change of a document touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Reason,
    /// `requestedAt` becomes now.
    Requested,
    /// `expiresAfter`, in hours.
    Expires(i64),
    Waiver,
    Expect,
    /// `options.keepDataPlan` of a wipe becomes false.
    DropDataPlan,
}

/// What a change of the Fleet touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Limit(Kind, u64),
    Protect(usize),
    Unprotect(usize),
    ProtectToken(usize),
    UnprotectTokens,
    /// Nobody is asked any more.
    DropApprovals,
    /// These people are asked, so many of them.
    Ask(u8, u32),
    /// Another person may sign.
    AddSigner(usize),
    RemoveSigner(usize),
    DropWindow,
    /// Open from this hour on, for so many hours.
    Window(i64, i64),
    Escrow(bool),
    OnEnrollment(bool),
}

/// How right what a document expects is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    Nothing,
    Right,
    WrongModel,
    WrongUser,
    WrongName,
}

/// A document to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Draft {
    pub kind: Kind,
    /// The first device, and how many from there on.
    pub device: usize,
    pub devices: usize,
    /// `requestedAt`, in seconds from now.
    pub from_now: i64,
    pub expires_after: i64,
    pub expected: Expected,
    pub waiver: bool,
    /// The token to which a hand-over leads.
    pub to: usize,
    /// Conditions pick the devices, where the kind allows that: those of the first one's family.
    pub picks: bool,
    /// A wipe of a Mac leaves a PIN behind.
    pub pin: bool,
}

/// Where a run dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Nobody hears of it any more while its nth write to a service is under way, before or after the effect.
    Write { nth: u64, after: bool },
    /// At the nth entry of the ledger, before or after it is durable.
    Ledger { nth: u64, after: bool },
}

/// One thing that happens.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A document is written, under a name of its own.
    Write(Draft),
    /// A document that is there is removed.
    Remove(usize),
    /// A document that was removed is put back as it was.
    PutBack(usize),
    /// A document is copied under another name.
    Copy(usize),
    Change(usize, Change),
    AddSerial(usize, usize),
    DropSerial(usize),
    Fleet(Gate),
    /// A document that cannot be read comes among the others, or goes.
    Break(bool),
    /// By this person.
    Commit(usize),
    /// Git fetches a newer commit of the branch, which nobody checks out.
    Fetch,
    /// A commit of the past is checked out, counted from the newest.
    Checkout(usize),
    /// An apply, with a fault of the simulator switched on before and off afterwards.
    Apply {
        death: Option<Death>,
        fault: Option<Value>,
    },
    /// An apply in which a person opens every limit that stops an act.
    ApplyOverridden,
    /// A plan is made and saved.
    SavePlan,
    /// The plan that was saved last is applied, however old it is.
    ApplySaved {
        death: Option<Death>,
    },
    /// A person cancels what a removed document asked for.
    Cancel(usize),
    /// An apply that is narrowed to the first token.
    ApplyNarrowed,
    /// This person signs an act of the plan; `ago`: how many seconds ago, by what the statement says.
    Sign {
        person: usize,
        act: usize,
        ago: i64,
    },
    /// A person says what came of an act that nobody can tell.
    Resolve(usize),
    /// Requests that wait at Intune are approved, rejected or taken back.
    Decide(&'static str),
    /// So many seconds pass.
    Pass(i64),
    /// Something happens in the portal or to a device.
    Portal(Value),
    /// The same, of what only the moment of playing tells: a record's id.
    ShowOtherSerial(usize),
    /// The ledger is copied away.
    KeepCopy,
    /// The newest copy of the ledger is put in its place; `declared`: by `ledger restored`.
    PutCopyBack {
        declared: bool,
    },
    /// A run with another fleet's ledger in its place.
    OtherLedger,
}
