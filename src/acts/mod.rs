//! Device actions: what may be sent, what it rests on, and what came of it (design section 5). PURE.
//!
//! ```text
//! document + record + ledger ── judge ──> Hold (waits, stops, ends) or nothing in the way
//! FreshRecord + Safeguard ───── clear ──> Cleared ── Ledger::promise ──> Permit ── the wire
//! results, records, audits ──── evidence ──> the next ActState
//! ```
//!
//! The types are the order: a request to a device is made of a `Permit`, which only the ledger gives, in the same
//! transaction in which it stores the promise; the ledger takes nothing but a [`Cleared`]; and that is made of a
//! record that was read right before ([`crate::model::act::FreshRecord`]) and of a [`Safeguard`], which cannot be
//! had without a sealed code, a proof, or the document's own waiver.

pub mod book;
pub mod check;
pub mod digest;
pub mod event;
pub mod evidence;
pub mod mutation;
pub mod next_life;
pub mod safeguard;
pub mod standing;
pub mod state;
pub mod support;
#[cfg(test)]
pub(crate) mod tests;

pub use book::{ActBook, ActRecord, BoundAction, Promise, SealedRow};
pub use check::{
    Case, Cleared, Hold, clear, clear_lift, clear_old_record, clear_release, clear_wipe, judge,
    judge_document, judge_release,
};
pub use event::{ActEvent, Leg};
pub use mutation::Rule;
pub use safeguard::{Safeguard, SafeguardKind};
pub use standing::{Barrier, Standing};
pub use state::ActState;
