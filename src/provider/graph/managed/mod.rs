//! Managed devices: their records, what stands in them that is secret, and what is asked of them.
//!
//! ```text
//! observe ─▶ wire ─▶ Record, FreshRecord, CodeRead, HeldSecret        (model::act)
//! request ─▶ send ─▶ ActAnswer
//! ```
//!
//! Key invariants: a request to a device is put on the wire once, whatever becomes of it; what comes back
//! beside a secret names the device that was asked about, or the secret is not believed; a secret goes from
//! the answer into [`crate::model::Secret`], and the texts of errors are without it.
//!
//! Facts: reference intune-graph sections 5 and 8.

mod observe;
mod request;
mod send;
mod wire;

pub use request::{ApprovalHeader, DeviceCall, DeviceRequest, UnlockCode, WipeBody, WipeBodyError};
pub use send::{ActBatch, ActBatchError};
