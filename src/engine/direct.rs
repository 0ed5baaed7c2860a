//! Direct tokens: from what their documents name to services that stay as long as the process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use url::Url;

use super::services::Lasting;
use super::{FolderState, Settings, worlds};
use crate::apply::Service;
use crate::model::clock::Clock;
use crate::model::desired::{DirectToken, Token};
use crate::model::live::{Cause, Unknown};
use crate::model::{Name, ServerToken};
use crate::provider::dep::{self, DepClient, DepSettings};
use crate::provider::direct::{self, Credentials, DirectSettings};
use crate::provider::{Actuator, Observer};
use crate::server_token::held::{Held, HeldError};
use crate::server_token::store::Store;

/// Where the runner puts another service in Apple's place; needs `ESPALIER_ALLOW=endpoints`.
pub const ELSEWHERE: &str = "ESPALIER_DEP_URL";

/// The services of direct tokens, which keep their sessions and what they read from one run to the next.
#[derive(Debug, Default)]
pub(super) struct DirectServices(Mutex<BTreeMap<Name, Kept>>);

#[derive(Debug)]
struct Kept {
    credentials: Credentials,
    base: Url,
    display_name: String,
    service: Service,
}

/// What the services at Apple are made of.
pub(super) struct Maker<'a> {
    pub settings: &'a Settings,
    pub state: &'a FolderState,
    pub world: &'a worlds::Running,
    pub clock: &'a Arc<dyn Clock>,
    pub patience: Duration,
    pub kept: &'a Lasting,
}

impl Maker<'_> {
    /// The service of a direct token; the one of an earlier run where nothing about it has changed.
    ///
    /// # Errors
    /// What its document names cannot be had, each with its code; no connection can be made.
    pub async fn service(
        &self,
        name: &Name,
        document: &Token,
        named: &DirectToken,
        http: impl FnOnce() -> Result<reqwest::Client, Unknown>,
    ) -> Result<Service, Unknown> {
        let token = self.server_token(name, document, named).await?;
        let base = self.base(&|variable| std::env::var(variable).ok())?;
        let credentials = Credentials::from(&token);
        let display_name = document.identity.display_name.clone();
        let kept = || self.kept.direct.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = kept().get(name)
            && (&before.credentials, &before.base, &before.display_name)
                == (&credentials, &base, &display_name)
        {
            return Ok(before.service.clone());
        }
        let client = DepClient::new(
            DepSettings {
                base: base.clone(),
                token,
                clock: Arc::clone(self.clock),
                user_agent: format!("espalier/{}", env!("CARGO_PKG_VERSION")),
                patience: self.patience,
                page_limit: dep::PAGE_LIMIT,
            },
            http()?,
        );
        let (observer, actuator) = direct::halves(
            DirectSettings {
                name: name.clone(),
                display_name: display_name.clone(),
                credentials: credentials.clone(),
                cache: self.state.devices_dir(),
                service: self.world.dep_name().unwrap_or_else(|| base.to_string()),
                clock: Arc::clone(self.clock),
            },
            client,
        );
        let service = Service { observer: Observer::Direct(observer), actuator: Actuator::Direct(actuator) };
        kept().insert(name.clone(), Kept { credentials, base, display_name, service: service.clone() });
        Ok(service)
    }

    /// The credentials: what the document names, or those of a simulated service.
    async fn server_token(
        &self,
        name: &Name,
        document: &Token,
        named: &DirectToken,
    ) -> Result<ServerToken, Unknown> {
        if self.world.dep().is_none() {
            let store = Store::new(self.state.tokens_dir());
            let Settings { folder, allow, .. } = self.settings;
            let held = Held { folder, allow: *allow, store: &store, token: name, direct: named };
            return held.server_token().map_err(|error| lacking(&error, name));
        }
        let service = document.identity.id.as_ref().unwrap_or(&document.identity.display_name);
        match self.world.server_token(service).await {
            Ok(Some(token)) => Ok(token),
            Ok(None) => Err(Unknown {
                cause: Cause::Manifest,
                reason: format!("the simulated world has no service {service:?} [token-unknown]"),
                next: "correct `id` or `displayName`, or add the service to the world".to_owned(),
            }),
            Err(error) => Err(Unknown {
                cause: Cause::Unavailable,
                reason: format!("the simulator does not tell its credentials: {error}"),
                next: "see whether the simulator runs".to_owned(),
            }),
        }
    }

    /// Where the service is.
    fn base(&self, variable: super::credentials::Variables<'_>) -> Result<Url, Unknown> {
        if let Some(simulated) = self.world.dep() {
            return Ok(simulated);
        }
        elsewhere(variable(ELSEWHERE), self.settings.allow.endpoints)
    }
}

/// Apple's address, or the one that the runner puts in its place.
pub(super) fn elsewhere(told: Option<String>, allowed: bool) -> Result<Url, Unknown> {
    let fail = |reason: String, next: &str| Unknown {
        cause: Cause::Manifest,
        reason: format!("{reason} [not-allowed]"),
        next: next.to_owned(),
    };
    let told = told.filter(|told| !told.is_empty());
    // Set and not allowed is a mistake of the runner; to call Apple instead would be the worst answer.
    if told.is_some() && !allowed {
        let reason = format!("{ELSEWHERE} is set, and the runner does not allow other services");
        return Err(fail(reason, "set ESPALIER_ALLOW=endpoints too, or leave the variable out"));
    }
    let text = told.as_deref().unwrap_or(dep::BASE);
    Url::parse(text).ok().filter(Url::has_host).ok_or_else(|| {
        fail(format!("{ELSEWHERE} is no URL"), "write scheme and host, e.g. http://127.0.0.1:9999")
    })
}

fn lacking(error: &HeldError, token: &Name) -> Unknown {
    Unknown {
        cause: Cause::Credentials,
        reason: format!("the server token cannot be had: {error} [{}]", error.code()),
        next: error.next(token),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apples_address_is_replaced_only_where_the_runner_allows_it() {
        let at = |told: Option<&str>, allowed| elsewhere(told.map(str::to_owned), allowed);
        assert_eq!(at(None, false).unwrap().as_str(), "https://mdmenrollment.apple.com/");
        assert_eq!(at(Some(""), false).unwrap().as_str(), "https://mdmenrollment.apple.com/");
        assert_eq!(at(Some("http://127.0.0.1:1"), true).unwrap().as_str(), "http://127.0.0.1:1/");
        let refused = at(Some("http://127.0.0.1:1"), false).unwrap_err();
        assert!(refused.reason.contains(ELSEWHERE) && refused.next.contains("ESPALIER_ALLOW"), "{refused:?}");
        assert!(at(Some("mdmenrollment"), true).is_err());
    }
}
