//! Microsoft Intune through Microsoft Graph (beta): enrollment tokens, classic profiles, device
//! identities, scope tags, VPP tokens, the push certificate.
//!
//! ```text
//! GraphObserver ─┐                      ┌─ auth    one bearer, renewed in time
//!                ├─▶ client ── batch ───┤
//! GraphActuator ─┘     │       pages    └─ http    transport, retry, redaction
//!                    wire ─▶ convert ─▶ model
//! ```
//!
//! Key invariants: a list is either whole or unknown; a write's outcome claims "no effect" only with
//! proof; the bearer goes to the configured Graph origin and nowhere else.
//!
//! Facts about the service: reference intune-graph, sections 1 to 4, 7 and 8.

mod actuate;
mod auth;
mod batch;
mod client;
pub mod cloud;
pub mod convert;
mod error;
mod keys;
mod managed;
mod observe;
mod pages;
mod quoted;
pub mod screens;
pub mod wire;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

pub use actuate::{GraphActuator, Outcome, Write, requests_for};
pub use auth::certificate::{CertificateError, SigningCertificate};
pub use auth::github::{GithubError, GithubRunner};
pub use auth::identity::{IdentityError, ManagedIdentity};
pub use client::GraphClient;
pub use convert::Resolved;
pub use error::{Operation, ServiceError};
pub use managed::{
    ActBatch, ActBatchError, ApprovalHeader, DeviceCall, DeviceRequest, UnlockCode, WipeBody, WipeBodyError,
};
pub use observe::GraphObserver;

use crate::model::Secret;
use crate::model::clock::Clock;
use crate::model::desired::Cloud;

/// How the client proves who it is.
#[derive(Clone, Debug)]
pub enum SignIn {
    /// A client secret of the app registration.
    ClientSecret(Secret),
    /// A certificate of the app registration: each sign-in shows an assertion that its key signed.
    Certificate(SigningCertificate),
    /// A file whose text is a token of another issuer (GitHub, Kubernetes); it is read at each
    /// sign-in, because others renew it.
    FederatedTokenFile(PathBuf),
    /// The id token of the GitHub workflow, asked for at each sign-in.
    GithubOidc(GithubRunner),
    /// The managed identity of the machine or app: Azure gives the bearer, Entra is not asked.
    ManagedIdentity(ManagedIdentity),
    /// No credential: for the simulator. Refused unless both hosts are this machine.
    Simulated,
}

/// What a [`GraphClient`] needs to know.
#[derive(Clone)]
pub struct GraphSettings {
    /// The Entra tenant: a GUID or a domain name.
    pub tenant_id: String,
    /// The app registration.
    pub client_id: String,
    /// How to sign in.
    pub sign_in: SignIn,
    /// The tenant's cloud: what the bearer is for, and whom an assertion is made out to.
    pub cloud: Cloud,
    /// Graph's scheme and host, e.g. `https://graph.microsoft.com`.
    pub graph: Url,
    /// The token service's scheme and host, e.g. `https://login.microsoftonline.com`.
    pub login: Url,
    /// Serials in one assignment request; at least 1.
    pub assign_batch: usize,
    /// The clock for expiry and pauses.
    pub clock: Arc<dyn Clock>,
    /// The `User-Agent` field.
    pub user_agent: String,
    /// The sum of all pauses that one call may take before it is given up.
    pub patience: Duration,
}

impl fmt::Debug for GraphSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Every field by name, so that a new one does not compile until somebody decides whether it
        // may be shown.
        let Self {
            tenant_id,
            client_id,
            sign_in,
            cloud,
            graph,
            login,
            assign_batch,
            clock: _,
            user_agent,
            patience,
        } = self;
        f.debug_struct("GraphSettings")
            .field("tenant_id", tenant_id)
            .field("client_id", client_id)
            .field("sign_in", sign_in)
            .field("cloud", cloud)
            .field("graph", &graph.as_str())
            .field("login", &login.as_str())
            .field("assign_batch", assign_batch)
            .field("user_agent", user_agent)
            .field("patience", patience)
            .finish_non_exhaustive()
    }
}
