//! Apple's enrollment service (DEP): devices of a direct token, profiles and their assignment.
//!
//! ```text
//! DepObserver ─┐            ┌─ session   one per token, replaced by any answer; oauth signs in
//!              ├─▶ client ──┤
//! DepActuator ─┘     │      └─ http      transport, retry, redaction
//!            wire, device (what answers say) · refusal (what they mean when they refuse) ─▶ error
//! ```
//!
//! Key invariants: a list is either whole or an error; a write's end claims "no effect" only with
//! proof; what was answered device by device is never sent again; signature and session go to the
//! configured host only, and no text shows them.
//!
//! Facts about the service: reference apple-enrollment-api, sections 1 to 3.

mod actuate;
mod client;
pub mod convert;
mod device;
mod error;
mod oauth;
mod observe;
mod refusal;
mod session;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use actuate::{Defined, DepActuator, Ended, Irreversible, MOST_SERIALS, Results};
pub use client::{DepClient, PROTOCOL_VERSION};
pub use device::{DeviceOs, DeviceRow, OpType, Page, ProfileStatus, Sink, read_details, read_page};
pub use error::{DepError, Fault, Operation};
pub use observe::{Cursor, CursorLost, DepObserver, Synced};
pub use refusal::read_refusal;
pub use wire::{
    Account, AccountDrivenUrl, AccountLimit, AccountUrl, DeviceResult, ProfileRecord, Replacement,
    read_session,
};

use crate::model::ServerToken;
use crate::model::clock::Clock;

/// The service's address in the world.
pub const BASE: &str = "https://mdmenrollment.apple.com";

/// Devices on one page at most, and what espalier asks for (reference section 3.3).
pub const PAGE_LIMIT: u32 = 1_000;

/// What a [`DepClient`] needs to know.
#[derive(Clone)]
pub struct DepSettings {
    /// Scheme and host, [`BASE`] in the world; anything but https goes to this machine only.
    pub base: Url,
    /// Whom to sign in as.
    pub token: ServerToken,
    /// The clock for signatures and pauses.
    pub clock: Arc<dyn Clock>,
    /// The `User-Agent` field; Apple refuses an empty one and those of some libraries.
    pub user_agent: String,
    /// The sum of all pauses that one call may take before it is given up.
    pub patience: Duration,
    /// Devices to ask for on one page, 1 to 1,000; usually [`PAGE_LIMIT`].
    pub page_limit: u32,
}

impl fmt::Debug for DepSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every field by name, so that a new one does not compile until somebody decides whether it
        // may be shown.
        let Self { base, token, clock: _, user_agent, patience, page_limit } = self;
        f.debug_struct("DepSettings")
            .field("base", &base.as_str())
            .field("token", token)
            .field("user_agent", user_agent)
            .field("patience", patience)
            .field("page_limit", page_limit)
            .finish_non_exhaustive()
    }
}
