//! Entra's directory as far as signing in goes: applications with their credentials, and those who
//! give proofs to programs (a workflow at GitHub, a managed identity of Azure). Plain data.
//!
//! All words in it are a simulator's, and secrets of nobody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use openssl::pkey::PKey;
use openssl::x509::X509;
use serde::{Deserialize, Serialize};

use super::portal::PortalError;
use super::world::{Tenant, World};
use crate::model::clock::Timestamp;

/// GitHub's issuer of id tokens (reference section 7).
pub const GITHUB_ISSUER: &str = "https://token.actions.githubusercontent.com";
/// What Entra wants tokens of other issuers to be made out to.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

/// An application that may sign in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// The application's client id.
    pub client_id: String,
    /// The only client secret accepted; `None`: none, or any for an application without credentials.
    pub secret: Option<String>,
    /// When the secret ends; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_expires: Option<Timestamp>,
    /// Certificates, base64 of their DER.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<String>,
    /// Federated credentials, at most 20 (reference section 7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub federated: Vec<FederatedCredential>,
}

/// Trust in another issuer's tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedCredential {
    /// `iss`, literally.
    pub issuer: String,
    /// `sub`, literally.
    pub subject: String,
    /// `aud`, literally.
    pub audience: String,
    /// The issuer's public RSA key, base64 of its DER; `None`: that of the simulated GitHub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// From when on Entra knows of it: it takes minutes to spread.
    pub works_from: Timestamp,
}

/// The workflow that runs at GitHub.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workflow {
    /// `iss` of its id tokens.
    pub issuer: String,
    /// `sub` of its id tokens: `repo:org/repo:ref:refs/heads/main`.
    pub subject: String,
    /// The bearer that asks for them.
    pub request_token: String,
}

/// An identity of the machine or app.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManagedIdentity {
    /// The tenant that it signs in to.
    pub tenant: String,
    /// Its client id.
    pub client_id: String,
    /// Whether it was made by a person, and not with the machine.
    pub user_assigned: bool,
}

/// A machine or app at Azure.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Machine {
    /// Its managed identities.
    pub identities: Vec<ManagedIdentity>,
    /// What the app's endpoint wants to see in `X-IDENTITY-HEADER`; `None`: there is no such endpoint.
    pub identity_header: Option<String>,
}

impl Client {
    /// Whether it was given no credential at all: then any is taken.
    pub fn takes_any(&self) -> bool {
        self.secret.is_none() && self.certificates.is_empty() && self.federated.is_empty()
    }

    /// Takes every credential away. What is left is a secret that nobody can show: an empty one.
    pub fn revoke(&mut self) {
        let client_id = std::mem::take(&mut self.client_id);
        *self = Self { client_id, secret: Some(String::new()), ..Self::default() };
    }
}

impl Tenant {
    /// The application, which is made where it is missing. From then on others are not known.
    pub fn client_mut(&mut self, client_id: &str) -> &mut Client {
        let at = self.clients.iter().position(|client| client.client_id.eq_ignore_ascii_case(client_id));
        let at = at.unwrap_or_else(|| {
            self.clients.push(Client { client_id: client_id.to_owned(), ..Client::default() });
            self.clients.len() - 1
        });
        &mut self.clients[at]
    }
}

impl Machine {
    /// Whether nothing was given to it.
    pub fn is_bare(&self) -> bool {
        self.identities.is_empty() && self.identity_header.is_none()
    }

    /// The identity that a request means: by its client id; without one that of the machine, else the
    /// only one.
    pub fn identity(&self, client_id: Option<&str>) -> Option<&ManagedIdentity> {
        match client_id {
            Some(id) => self.identities.iter().find(|identity| identity.client_id.eq_ignore_ascii_case(id)),
            None => self.identities.iter().find(|identity| !identity.user_assigned).or({
                match self.identities.as_slice() {
                    [only] => Some(only),
                    _ => None,
                }
            }),
        }
    }
}

impl World {
    /// An application of a tenant, which is made where it is missing.
    ///
    /// # Errors
    /// When there is no such tenant.
    pub fn client_mut(&mut self, tenant: &str, client_id: &str) -> Result<&mut Client, PortalError> {
        let found = self.tenant_mut(tenant).ok_or_else(|| PortalError::NoTenant(tenant.to_owned()))?;
        Ok(found.client_mut(client_id))
    }
}

/// Base64 of the DER of a certificate in PEM.
///
/// # Errors
/// When the text is none.
pub fn certificate(pem: &str) -> Result<String, PortalError> {
    let der = X509::from_pem(pem.as_bytes()).and_then(|certificate| certificate.to_der());
    der.map(|der| STANDARD.encode(der)).map_err(|_| PortalError::NotPem("a certificate"))
}

/// Base64 of the DER of a public key in PEM.
///
/// # Errors
/// When the text is none.
pub fn public_key(pem: &str) -> Result<String, PortalError> {
    let der = PKey::public_key_from_pem(pem.as_bytes()).and_then(|key| key.public_key_to_der());
    der.map(|der| STANDARD.encode(der)).map_err(|_| PortalError::NotPem("a public key"))
}
