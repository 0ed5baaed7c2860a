//! Managed identity: Azure itself answers for the machine or app, on an address near it.
//!
//! Two forms: the instance metadata service of virtual machines, and the endpoint that App Service,
//! Functions and Container Apps give by variables. Neither is ever asked through a proxy. Source:
//! reference intune-graph section 7, from general knowledge there.

use std::net::IpAddr;

use url::{Host, Url};

use crate::model::Secret;
use crate::model::desired::Cloud;
use crate::provider::graph::cloud;

/// The metadata service's host, the same in every cloud: a link-local address.
const METADATA: &str = "http://169.254.169.254";
/// The variable by which Azure's own libraries are led to another metadata service.
const METADATA_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
/// The variables of App Service, Functions and Container Apps.
const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const HEADER: &str = "IDENTITY_HEADER";

/// A managed identity, and where to ask for it.
#[derive(Clone, Debug)]
pub struct ManagedIdentity {
    client_id: Option<String>,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// The metadata service's token address.
    Metadata(Url),
    /// The endpoint of the app, and the header that proves that the app asks.
    Endpoint { url: Url, header: Secret },
}

/// Why a process has no managed identity to ask for.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// An address is none.
    #[error("{0} is no address")]
    NoAddress(&'static str),
    /// An address leads too far.
    #[error("{variable} leads to {host}, which is not near this machine")]
    Elsewhere {
        /// The variable.
        variable: &'static str,
        /// Where it leads.
        host: String,
    },
    /// A form of managed identity that is not spoken.
    #[error("this is {0}, whose form of managed identity espalier does not speak")]
    OtherForm(&'static str),
}

impl IdentityError {
    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            IdentityError::NoAddress(_) => "leave the variables as Azure sets them",
            IdentityError::Elsewhere { .. } => {
                "a managed identity is asked for on this machine, on link-local and on private addresses; let the runner allow others with ESPALIER_ALLOW=endpoints"
            }
            IdentityError::OtherForm(_) => "use `certificate` or `federatedTokenFile` there",
        }
    }
}

impl ManagedIdentity {
    /// Finds the form by the process's variables: the app's endpoint where both of its variables are
    /// set, else the metadata service. `anywhere` lets addresses lead to any host.
    ///
    /// # Errors
    /// See [`IdentityError`].
    pub fn from_variables(
        client_id: Option<String>,
        variable: &dyn Fn(&str) -> Option<String>,
        anywhere: bool,
    ) -> Result<Self, IdentityError> {
        let given = |name| variable(name).filter(|text| !text.trim().is_empty());
        if given("IDENTITY_SERVER_THUMBPRINT").is_some() {
            return Err(IdentityError::OtherForm("Service Fabric"));
        }
        let source = match (given(ENDPOINT), given(HEADER)) {
            (Some(url), Some(header)) => {
                let url = address(ENDPOINT, &url, anywhere, is_near)?;
                Source::Endpoint { url, header: Secret::new(header) }
            }
            (Some(_), None) if given("IMDS_ENDPOINT").is_some() => {
                return Err(IdentityError::OtherForm("Azure Arc"));
            }
            _ => {
                let host = given(METADATA_HOST).unwrap_or_else(|| METADATA.to_owned());
                let is_metadata = |url: &Url| url.origin().ascii_serialization() == METADATA;
                let mut url = address(METADATA_HOST, &host, anywhere, is_metadata)?;
                url.set_path("/metadata/identity/oauth2/token");
                Source::Metadata(url)
            }
        };
        Ok(Self { client_id, source })
    }

    /// The header that proves that the app asks, if the form has one.
    pub(super) fn header(&self) -> Option<&Secret> {
        match &self.source {
            Source::Endpoint { header, .. } => Some(header),
            Source::Metadata(_) => None,
        }
    }

    /// Who is asked, for messages.
    pub(super) fn whom(&self) -> &'static str {
        match &self.source {
            Source::Metadata(_) => "the metadata service",
            Source::Endpoint { .. } => "the app's identity endpoint",
        }
    }

    /// What to do where nobody answers.
    pub(super) fn next_when_silent(&self) -> &'static str {
        match &self.source {
            Source::Metadata(_) => {
                "only Azure's machines have a metadata service (169.254.169.254); elsewhere use another credential, and on App Service, Functions or Container Apps turn the managed identity on"
            }
            Source::Endpoint { .. } => "restart the app, and see whether its managed identity is on",
        }
    }

    /// The request for a bearer of the cloud's Graph. `http` must ask no proxy.
    pub(super) fn request(&self, http: &reqwest::Client, cloud: Cloud) -> reqwest::RequestBuilder {
        let (url, version) = match &self.source {
            Source::Metadata(url) => (url, "2018-02-01"),
            Source::Endpoint { url, .. } => (url, "2019-08-01"),
        };
        let mut url = url.clone();
        url.query_pairs_mut()
            .append_pair("api-version", version)
            .append_pair("resource", cloud::graph(cloud))
            .extend_pairs(self.client_id.iter().map(|id| ("client_id", id)));
        let request = http.get(url).header("accept", "application/json");
        match &self.source {
            Source::Metadata(_) => request.header("Metadata", "true"),
            Source::Endpoint { header, .. } => request.header("X-IDENTITY-HEADER", header.reveal()),
        }
    }
}

fn address(
    variable: &'static str,
    text: &str,
    anywhere: bool,
    allowed: impl Fn(&Url) -> bool,
) -> Result<Url, IdentityError> {
    let url = Url::parse(text.trim()).map_err(|_| IdentityError::NoAddress(variable))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(IdentityError::NoAddress(variable));
    }
    match anywhere || allowed(&url) {
        true => Ok(url),
        false => Err(IdentityError::Elsewhere { variable, host: url.origin().ascii_serialization() }),
    }
}

/// Whether an address cannot lie beyond the machine's own network, so that what goes there in the
/// clear stays near.
fn is_near(url: &Url) -> bool {
    let ip = match url.host() {
        Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
        Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
        Some(Host::Domain(name)) => return name == "localhost",
        None => return false,
    };
    match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(set: &[(&str, &str)], anywhere: bool) -> Result<ManagedIdentity, IdentityError> {
        let set: Vec<(String, String)> =
            set.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let variable =
            |name: &str| set.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        ManagedIdentity::from_variables(None, &variable, anywhere)
    }

    fn asked(identity: &ManagedIdentity, cloud: Cloud) -> reqwest::Request {
        identity.request(&reqwest::Client::new(), cloud).build().unwrap()
    }

    #[test]
    fn a_machine_asks_its_metadata_service() {
        let mut identity = identity(&[], false).unwrap();
        let request = asked(&identity, Cloud::Global);
        assert_eq!(
            request.url().as_str(),
            "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fgraph.microsoft.com"
        );
        assert_eq!(request.headers()["metadata"], "true");
        identity.client_id = Some("c".to_owned());
        let query = asked(&identity, Cloud::China).url().query().unwrap().to_owned();
        assert!(
            query.ends_with("resource=https%3A%2F%2Fmicrosoftgraph.chinacloudapi.cn&client_id=c"),
            "{query}"
        );
    }

    #[test]
    fn an_app_asks_its_own_endpoint_where_both_variables_are_set() {
        let set = [(ENDPOINT, "http://169.254.129.3:8081/msi/token"), (HEADER, "planted")];
        let identity_of_app = identity(&set, false).unwrap();
        let request = asked(&identity_of_app, Cloud::UsGov);
        assert_eq!(
            request.url().as_str(),
            "http://169.254.129.3:8081/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fgraph.microsoft.us"
        );
        assert_eq!(request.headers()["x-identity-header"], "planted");
        assert!(!format!("{identity_of_app:?}").contains("planted"));
        let alone = identity(&set[..1], false).unwrap();
        assert_eq!(asked(&alone, Cloud::Global).url().host_str(), Some("169.254.169.254"));
    }

    #[test]
    fn what_is_asked_lies_near_unless_the_runner_allows_more() {
        for near in [
            "http://127.0.0.1:1/",
            "http://localhost:2/x",
            "http://10.1.2.3/",
            "http://[fe80::1]/",
            "http://[::1]:9/",
        ] {
            assert!(identity(&[(ENDPOINT, near), (HEADER, "h")], false).is_ok(), "{near}");
        }
        for far in [
            "http://8.8.8.8/",
            "https://example.com/msi",
            "http://localhost.example.com/",
            "http://[2001:db8::1]/",
        ] {
            let error = identity(&[(ENDPOINT, far), (HEADER, "planted")], false).unwrap_err();
            assert!(
                error.to_string().contains(ENDPOINT) && error.next().contains("ESPALIER_ALLOW"),
                "{error}"
            );
            assert!(!format!("{error} {error:?}").contains("planted"));
            assert!(identity(&[(ENDPOINT, far), (HEADER, "h")], true).is_ok());
        }
        for far in ["http://127.0.0.1:1", "http://169.254.169.254:8080", "https://169.254.169.254"] {
            assert!(identity(&[(METADATA_HOST, far)], false).is_err(), "{far}");
            assert!(identity(&[(METADATA_HOST, far)], true).is_ok());
        }
        assert!(identity(&[(METADATA_HOST, "http://169.254.169.254/")], false).is_ok());
        assert!(matches!(identity(&[(METADATA_HOST, "no")], true), Err(IdentityError::NoAddress(_))));
    }

    #[test]
    fn other_forms_are_named() {
        let arc = identity(
            &[(ENDPOINT, "http://localhost:40342/x"), ("IMDS_ENDPOINT", "http://localhost:40342")],
            false,
        );
        assert!(arc.unwrap_err().to_string().contains("Azure Arc"));
        let set = [(ENDPOINT, "https://localhost/x"), (HEADER, "h"), ("IDENTITY_SERVER_THUMBPRINT", "t")];
        assert!(identity(&set, false).unwrap_err().to_string().contains("Service Fabric"));
    }
}
