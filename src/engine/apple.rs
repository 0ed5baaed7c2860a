//! Organisations at Apple: from what their `Connection` documents name to clients that stay as long as
//! the process, so that one sign-in and one budget serve all its runs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;

use super::direct::Maker;
use crate::apply::Service;
use crate::cache::{KeptCalls, OrganisationKey, Organisations};
use crate::manifest::secrets;
use crate::model::desired::{Desired, Organisation, RouteTo};
use crate::model::live::{Cause, Unknown};
use crate::model::{Edition, Name, Scope, Secret};
use crate::plan::file::sha256;
use crate::provider::business::{
    ACCOUNT, ApiKey, BearerFiles, BusinessActuator, BusinessClient, BusinessObserver, BusinessSettings,
    CallBudget, CertificateForm, LogReader, MOST_SERIALS, PastCalls, SignIn, api,
};
use crate::provider::{Actuator, AppleObserver, Observer};

/// The clients of organisations, which keep bearer and budget from one run to the next.
#[derive(Debug, Default)]
pub(super) struct AppleServices(Mutex<BTreeMap<Name, Kept>>);

#[derive(Debug)]
struct Kept {
    stated: Stated,
    client: AppleClient,
}

/// What a client was made of: another one is made where any of it has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stated {
    edition: Edition,
    api: Url,
    account: Url,
    client_id: String,
    key_id: String,
    send_key_id: bool,
    limits: (u32, u32),
    /// The hash of the key's text.
    key: String,
}

/// An organisation that can be called. Cloning is cheap; clones share bearer and budget.
#[derive(Clone, Debug)]
pub(super) struct AppleClient {
    /// Reads.
    pub observer: BusinessObserver,
    /// Writes.
    pub actuator: BusinessActuator,
    /// Reads the logs of activities, without the bearer.
    pub logs: LogReader,
    /// Whose it is, in the cache.
    pub key: OrganisationKey,
}

impl AppleClient {
    /// Both halves, as a run carries its plan out with them.
    pub fn service(&self) -> Service {
        let Self { observer, actuator, logs, key: _ } = self.clone();
        Service {
            observer: Observer::Apple(AppleObserver { api: observer, logs }),
            actuator: Actuator::Apple(actuator),
        }
    }

    /// Keeps for the next run what was called: Apple's limits do not end with this one.
    pub fn keep_calls(&self, kept: &Organisations, now: crate::model::clock::Timestamp) {
        let PastCalls { minute, hour } = self.observer.budget().past(now);
        // What is lost is told by the service, with a pause.
        let _ = kept.save_calls(&self.key, &KeptCalls { minute, hour }, now);
    }
}

/// The organisations that a run over `scope` concerns: those that its tokens name, and those among whose
/// devices its documents pick.
pub(super) fn concerned(desired: &Desired, scope: &Scope) -> BTreeSet<Name> {
    let of_token = |token: &Name| {
        let apple = desired.tokens.get(token)?.apple.as_ref()?;
        Some(apple.connection.clone())
    };
    let all = || desired.organisations.keys().cloned();
    let mut found: BTreeSet<Name> =
        desired.tokens.keys().filter(|token| scope.holds(token)).filter_map(of_token).collect();
    for selection in &desired.selections {
        let inside: Vec<&Name> = selection.tokens.iter().filter(|token| scope.holds(token)).collect();
        // Nothing says in which organisation devices are that any token may have.
        if !inside.is_empty() && inside.iter().any(|token| of_token(token).is_none()) {
            found.extend(all());
        }
    }
    // A device that is to have no service may be in any organisation. Which token it leaves is seen
    // there, so that a narrowed run cannot tell whether it is concerned.
    let leaves = |to: &RouteTo| matches!(to, RouteTo::Nowhere);
    if scope.is_whole() && desired.routes.iter().any(|route| leaves(&route.to)) {
        found.extend(all());
    }
    found.retain(|name| desired.organisations.contains_key(name));
    found
}

/// Two connections of one API account would spend each other's budget and undo each other's work.
pub(super) fn same_account<'d>(desired: &'d Desired, name: &Name) -> Option<&'d Name> {
    let own = desired.organisations.get(name)?;
    let same = |other: &&(&'d Name, &Organisation)| other.0 != name && other.1.client_id == own.client_id;
    desired.organisations.iter().collect::<Vec<_>>().iter().find(same).map(|(other, _)| *other)
}

/// Why a connection is not called whose organisation another one has.
pub(super) fn twin(what: &str, other: &Name) -> Unknown {
    Unknown {
        cause: Cause::Manifest,
        reason: format!("Connection/{other} has {what} [organisation-named-twice]"),
        next: "keep one of the two documents, and let all tokens name that one".to_owned(),
    }
}

impl Maker<'_> {
    /// The client of an organisation; the one of an earlier run where nothing about it has changed.
    ///
    /// # Errors
    /// Its key cannot be had; another connection has the same account; no connection can be made.
    pub async fn organisation(
        &self,
        desired: &Desired,
        name: &Name,
        http: impl FnOnce() -> Result<reqwest::Client, Unknown>,
    ) -> Result<AppleClient, Unknown> {
        let Some(document) = desired.organisations.get(name) else {
            return Err(lacking(name, "no document describes it", "write a Connection"));
        };
        if let Some(other) = same_account(desired, name) {
            return Err(twin("the same API account (`clientId`)", other));
        }
        let (api, account) = self.hosts(document)?;
        let pem = self.private_key(name, document).await?;
        let stated = Stated {
            edition: document.edition,
            api: api.clone(),
            account: account.clone(),
            client_id: document.client_id.clone(),
            key_id: document.key_id.clone(),
            send_key_id: document.send_key_id,
            limits: (document.get_per_minute, document.post_per_hour),
            key: sha256(pem.reveal()),
        };
        let kept = || self.kept.apple.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = kept().get(name)
            && before.stated == stated
        {
            return Ok(before.client.clone());
        }
        let key = ApiKey::from_pem(&pem).map_err(|error| {
            let next = "give `privateKey` the PEM text that the portal gave when the key was made";
            lacking(name, &format!("its API key cannot be used: {error}"), next)
        })?;
        let whose = OrganisationKey { client_id: document.client_id.clone(), api: self.api_name(&api) };
        let organisations = Organisations::new(self.state.devices_dir());
        let KeptCalls { minute, hour } = organisations.calls(&whose);
        let budget = CallBudget::new(
            document.get_per_minute,
            document.post_per_hour,
            &PastCalls { minute, hour },
            self.clock.now(),
        );
        let user_agent = format!("espalier/{}", env!("CARGO_PKG_VERSION"));
        let http = http()?;
        let logs =
            LogReader::new(http.clone(), &api, Arc::clone(self.clock), user_agent.clone(), self.patience);
        let client = BusinessClient::new(
            BusinessSettings {
                edition: document.edition,
                api,
                account,
                account_name: self.world.here_name(),
                client_id: document.client_id.clone(),
                key_id: document.key_id.clone(),
                send_key_id: document.send_key_id,
                sign_in: SignIn::Key(key),
                bearers: Arc::new(BearerFiles::new(self.state.devices_dir())),
                budget,
                most_serials: MOST_SERIALS,
                certificate: CertificateForm::default(),
                clock: Arc::clone(self.clock),
                user_agent,
                patience: self.patience,
            },
            http,
        );
        let client = AppleClient {
            observer: BusinessObserver::new(client.clone()),
            actuator: BusinessActuator::new(client),
            logs,
            key: whose,
        };
        kept().insert(name.clone(), Kept { stated, client: client.clone() });
        Ok(client)
    }

    /// The private key: what the document names, or that of a simulated account.
    async fn private_key(&self, name: &Name, document: &Organisation) -> Result<Secret, Unknown> {
        if !self.settings.world.is_simulated() {
            let secret = secrets::resolve(&document.private_key, &self.settings.folder, self.settings.allow);
            return secret.map_err(|error| {
                let next = "give the runner the secret that `privateKey` names";
                lacking(name, &format!("its API key cannot be had: {error}"), next)
            });
        }
        match self.world.api_key(&document.client_id).await {
            Ok(Some(pem)) => Ok(pem),
            Ok(None) => Err(Unknown {
                cause: Cause::Manifest,
                reason: format!(
                    "the simulated world has no API account {:?} whose key it could tell [organisation-not-simulated]",
                    document.client_id
                ),
                next: "correct `clientId`, or add the organization and its account to the world".to_owned(),
            }),
            Err(error) => Err(Unknown {
                cause: Cause::Unavailable,
                reason: format!("the simulator does not tell its credentials: {error}"),
                next: "see whether the simulator runs".to_owned(),
            }),
        }
    }

    /// The addresses of the API and of the account service.
    fn hosts(&self, document: &Organisation) -> Result<(Url, Url), Unknown> {
        if self.settings.world.is_simulated() {
            return self.world.apple(document.edition).ok_or_else(|| Unknown {
                cause: Cause::Unavailable,
                reason: format!("the simulator has no {}", document.edition.words()),
                next: "start a simulator of this version with `espalier sim serve`".to_owned(),
            });
        }
        hosts(document, self.settings.allow.endpoints)
    }

    /// A name for the API: what was read of one simulated world is of no use in another.
    fn api_name(&self, api: &Url) -> String {
        self.world.here_name().unwrap_or_else(|| api.origin().ascii_serialization())
    }
}

/// Apple's addresses, or those that the document puts in their place where the runner allows it.
fn hosts(document: &Organisation, allowed: bool) -> Result<(Url, Url), Unknown> {
    let fail = |reason: &str, next: &str| Unknown {
        cause: Cause::Manifest,
        reason: format!("{reason} [not-allowed]"),
        next: next.to_owned(),
    };
    if !allowed && (document.api.is_some() || document.account.is_some()) {
        return Err(fail(
            "`endpoints` sends the API key's signature and the bearer to other hosts, which the runner does not allow",
            "remove it, or let the runner allow it with ESPALIER_ALLOW=endpoints",
        ));
    }
    let host = |own: &Option<Url>, apples: &str| match own {
        Some(url) => Ok(url.clone()),
        None => Url::parse(apples).map_err(|_| fail("Apple's address is no URL", "report it")),
    };
    Ok((host(&document.api, api(document.edition))?, host(&document.account, ACCOUNT)?))
}

fn lacking(name: &Name, reason: &str, next: &str) -> Unknown {
    Unknown {
        cause: Cause::Credentials,
        reason: format!("Connection/{name}: {reason} [organisation-key-lacks]"),
        next: next.to_owned(),
    }
}
