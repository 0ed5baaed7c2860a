//! Where Microsoft's clouds have their hosts. They share nothing: a tenant is in one of them, and
//! its bearers are good there alone.
//!
//! Source: reference intune-graph section 1. China's second authority, login.chinacloudapi.cn, is the
//! older name of the same service.

use crate::model::desired::Cloud;

/// Microsoft Graph's scheme and host.
pub const fn graph(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Global => "https://graph.microsoft.com",
        Cloud::UsGov => "https://graph.microsoft.us",
        Cloud::UsDod => "https://dod-graph.microsoft.us",
        Cloud::China => "https://microsoftgraph.chinacloudapi.cn",
    }
}

/// The scheme and host of Entra's token service.
pub const fn login(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Global => "https://login.microsoftonline.com",
        Cloud::UsGov | Cloud::UsDod => "https://login.microsoftonline.us",
        Cloud::China => "https://login.partner.microsoftonline.cn",
    }
}

/// The scope of a sign-in for application permissions. It names the cloud's Graph also where
/// `endpoints` leads elsewhere: a bearer is for a service, not for the way to it.
pub fn scope(cloud: Cloud) -> String {
    format!("{}/.default", graph(cloud))
}

/// The tenant's token endpoint, which an assertion is made out to.
pub fn token_endpoint(cloud: Cloud, tenant: &str) -> String {
    format!("{}/{tenant}/oauth2/v2.0/token", login(cloud))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_hosts_of_its_own_top_level() {
        for (cloud, end) in
            [(Cloud::Global, ".com"), (Cloud::UsGov, ".us"), (Cloud::UsDod, ".us"), (Cloud::China, ".cn")]
        {
            for host in [graph(cloud), login(cloud)] {
                let url = url::Url::parse(host).unwrap();
                assert!(
                    url.scheme() == "https" && url.host_str().unwrap().ends_with(end),
                    "{cloud:?} {host}"
                );
                assert_eq!(url.origin().ascii_serialization(), host);
            }
        }
        assert_eq!(scope(Cloud::UsDod), "https://dod-graph.microsoft.us/.default");
        assert_eq!(
            token_endpoint(Cloud::China, "t.example"),
            "https://login.partner.microsoftonline.cn/t.example/oauth2/v2.0/token"
        );
    }
}
