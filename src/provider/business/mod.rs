//! Apple Business and Apple School Manager: which device management service has which device.
//!
//! ```text
//! BusinessObserver ─┐            ┌─ account   signs in: key (ES256), bearer (shared between runs)
//!                   ├─▶ client ──┼─ budget    calls per minute and per hour
//! BusinessActuator ─┘     │      └─ http      transport, retry, redaction
//!            wire, device (what answers say) ─▶ convert ─▶ model::organisation
//!            refusal (what they mean when they refuse) ─▶ error
//! LogReader ─▶ http: the log of an activity, from another host and without the bearer
//! ```
//!
//! Key invariants: a list is either whole or an error; a POST is sent again only after an answer that
//! proves that it had no effect, and not at all where the hour has no room for it; bearer and key go to
//! the configured hosts only, and no text shows them.
//!
//! Facts about the service: reference apple-business-api.

mod account;
mod actuate;
mod bearer;
mod budget;
mod client;
pub mod convert;
mod device;
mod error;
mod key;
mod log;
mod observe;
mod refusal;
mod release;
mod snapshot;
mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use actuate::{Activity, BusinessActuator, Ended, NewService, ServiceChange, ServiceMade};
pub use bearer::{Bearer, BearerFiles, BearerKey, BearerStore, NoStore, Turn};
pub use budget::{CallBudget, PastCalls, Spent};
pub use client::BusinessClient;
pub use device::{Look, SingleDevice};
pub use error::{BusinessError, Fault, Operation};
pub use key::{AUDIENCE, ApiKey, ApiKeyError};
pub use log::{ActivityLog, LogReader};
pub use observe::{ActivityLook, BusinessObserver, read_devices};
pub use refusal::read_refusal;
pub use release::{ReleasePermit, ReleaseRefused};
pub use snapshot::{Families, Snapshot, least_calls};
pub use wire::{LogAddress, Paging};

use crate::model::Edition;
use crate::model::clock::Clock;

/// Devices or linkages on one page: Apple's maximum (reference section 3).
pub const PAGE_LIMIT: u32 = 1_000;

/// Devices in one activity. Apple names no maximum; this is a cautious one (reference section 6.5).
pub const MOST_SERIALS: usize = 1_000;

/// The account service's address in the world.
pub const ACCOUNT: &str = "https://account.apple.com";

/// The API's address in the world.
pub const fn api(edition: Edition) -> &'static str {
    match edition {
        Edition::Business => "https://api-business.apple.com",
        Edition::School => "https://api-school.apple.com",
    }
}

/// What a bearer is asked for.
pub const fn scope(edition: Edition) -> &'static str {
    match edition {
        Edition::Business => "business.api",
        Edition::School => "school.api",
    }
}

/// How a connection signs in.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// With the private key of the API account.
    Key(ApiKey),
    /// No credential: for the simulator. Refused unless both hosts are this machine.
    Simulated,
}

/// How a certificate is written into the request that makes a service: sources contradict each other
/// (reference section 5.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CertificateForm {
    /// Base64 of the DER.
    #[default]
    Der,
    /// Base64 of the PEM text.
    Pem,
    /// The PEM text itself.
    PemText,
}

/// What a [`BusinessClient`] needs to know.
#[derive(Clone)]
pub struct BusinessSettings {
    /// Business or School: decides the scope, and what can be asked for.
    pub edition: Edition,
    /// The API's scheme and host, [`api`] in the world; anything but https goes to this machine only.
    pub api: Url,
    /// The account service's scheme and host, [`ACCOUNT`] in the world; likewise.
    pub account: Url,
    /// The name under which bearers of the account service are kept; `None`: its address. A simulated one
    /// has other ports with every run.
    pub account_name: Option<String>,
    /// `clientId`
    pub client_id: String,
    /// `keyId`
    pub key_id: String,
    /// Whether the assertion's header carries the key id. Apple documents it as required; one report
    /// says that it was refused.
    pub send_key_id: bool,
    /// How to sign in.
    pub sign_in: SignIn,
    /// Where bearers are kept between runs.
    pub bearers: Arc<dyn BearerStore>,
    /// The calls that may be made, and were.
    pub budget: CallBudget,
    /// Devices in one activity at most; usually [`MOST_SERIALS`].
    pub most_serials: usize,
    /// How certificates are written.
    pub certificate: CertificateForm,
    /// The clock for signatures, pauses and budgets.
    pub clock: Arc<dyn Clock>,
    /// The `User-Agent` field.
    pub user_agent: String,
    /// The sum of all pauses after useless answers that one call may take before it is given up.
    /// Waiting for the budget does not count.
    pub patience: Duration,
}

impl fmt::Debug for BusinessSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every field by name, so that a new one does not compile until somebody decides whether it
        // may be shown.
        let Self {
            edition,
            api,
            account,
            account_name,
            client_id,
            key_id,
            send_key_id,
            sign_in,
            bearers,
            budget,
            most_serials,
            certificate,
            clock: _,
            user_agent,
            patience,
        } = self;
        f.debug_struct("BusinessSettings")
            .field("edition", edition)
            .field("api", &api.as_str())
            .field("account", &account.as_str())
            .field("account_name", account_name)
            .field("client_id", client_id)
            .field("key_id", key_id)
            .field("send_key_id", send_key_id)
            .field("sign_in", sign_in)
            .field("bearers", bearers)
            .field("budget", budget)
            .field("most_serials", most_serials)
            .field("certificate", certificate)
            .field("user_agent", user_agent)
            .field("patience", patience)
            .finish_non_exhaustive()
    }
}
