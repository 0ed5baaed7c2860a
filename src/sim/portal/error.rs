//! Why a change by hand is not possible.

use crate::model::Serial;

/// Why a change is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortalError {
    /// No such tenant.
    #[error("the world has no tenant `{0}`")]
    NoTenant(String),
    /// No such token.
    #[error("the world has no token `{token}`; it has {}", several(.known))]
    NoToken {
        /// What was asked for.
        token: String,
        /// The names of the tokens that there are.
        known: Vec<String>,
    },
    /// No such profile.
    #[error("the token has no profile `{profile}`; it has {}", several(.known))]
    NoProfile {
        /// What was asked for.
        profile: String,
        /// The names of the profiles that there are.
        known: Vec<String>,
    },
    /// No such device.
    #[error("the token has no device `{0}`")]
    NoDevice(Serial),
    /// Nothing is known of the device.
    #[error("no token and no seed names the device `{0}`")]
    NoHandset(Serial),
    /// The device has no such record.
    #[error("no tenant has a record `{0}` of a managed device")]
    NoRecord(String),
    /// The code is not the device's.
    #[error("the code does not lift the lock of `{0}`")]
    WrongCode(Serial),
    /// The device cannot be set up.
    #[error("`{serial}` is not set up: {why}")]
    NotSetUp {
        /// The device.
        serial: Serial,
        /// Why not.
        why: crate::sim::device::NotSetUp,
    },
    /// No request for approval waits under this id.
    #[error("no request for approval waits as `{0}`")]
    NoApproval(String),
    /// No such VPP token.
    #[error("the tenant has no VPP token `{vpp_token}`; it has {}", several(.known))]
    NoVppToken {
        /// What was asked for.
        vpp_token: String,
        /// The names of the VPP tokens that there are.
        known: Vec<String>,
    },
    /// No such scope tag.
    #[error("the tenant has no scope tag `{scope_tag}`; it has {}", several(.known))]
    NoScopeTag {
        /// What was asked for.
        scope_tag: String,
        /// The names of the scope tags that there are.
        known: Vec<String>,
    },
    /// The built-in scope tag cannot be changed.
    #[error("`{0}` is the built-in scope tag, which stays as it is")]
    BuiltIn(String),
    /// A profile of no type.
    #[error("the profile has no `@odata.type`; write e.g. #microsoft.graph.depIOSEnrollmentProfile")]
    NoType,
    /// A profile without a platform cannot be a default.
    #[error("the profile `{0}` is of no single platform")]
    NoPlatform(String),
    /// No such service at Apple.
    #[error("Apple has no service `{service}`; it has {}", several(.known))]
    NoService {
        /// What was asked for.
        service: String,
        /// The names of the services that there are.
        known: Vec<String>,
    },
    /// No service at Apple has the device.
    #[error("no service at Apple has the device `{0}`")]
    NotAtApple(Serial),
    /// A device is under a token that Intune holds.
    #[error("the device `{serial}` is under the token `{token}`; release it there first")]
    HeldByToken {
        /// The device.
        serial: Serial,
        /// The token's name.
        token: String,
    },
    /// A device is there already.
    #[error("the device `{0}` is at Apple already; `moveDevices` moves it")]
    AtApple(Serial),
    /// No such organization.
    #[error("the world has no organization `{organization}`; it has {}", several(.known))]
    NoOrganization {
        /// What was asked for.
        organization: String,
        /// The names of the organizations that there are.
        known: Vec<String>,
    },
    /// No such service in an organization.
    #[error("the organization has no service `{service}`; it has {}", several(.known))]
    NoDeviceService {
        /// What was asked for.
        service: String,
        /// The names of the services that there are.
        known: Vec<String>,
    },
    /// The organization does not have the device.
    #[error("the organization does not have the device `{0}`")]
    NotOwned(Serial),
    /// The organization has the device already.
    #[error("the organization has the device `{0}` already; `assignToService` moves it")]
    Owned(Serial),
    /// No such API account.
    #[error("no organization has an API account `{0}`")]
    NoApiAccount(String),
    /// No such profile at a service.
    #[error("the service has no profile `{profile}`; it has {}", several(.known))]
    NotDefined {
        /// What was asked for.
        profile: String,
        /// The names of the profiles that there are.
        known: Vec<String>,
    },
    /// Nobody uploaded a certificate for the service.
    #[error("the service `{0}` has no certificate; `uploadCertificate` comes first")]
    NoCertificate(String),
    /// The certificate cannot be used to encrypt.
    #[error("the certificate of `{0}` cannot be encrypted for; upload one of an RSA key")]
    Encrypt(String),
    /// A text in PEM is not what it should be.
    #[error("the text is not {0} in PEM")]
    NotPem(&'static str),
}

/// Some of the names that there are.
fn several(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > shown.len() { " and others" } else { "" };
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") + more }
}
