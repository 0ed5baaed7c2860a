//! Renewing tokens: what the `token` commands need of a folder, its ledger and its services.

use std::sync::Arc;

use uuid::Uuid;

use super::direct::{ELSEWHERE, elsewhere};
use super::{EngineError, Session};
use crate::apply::Service;
use crate::diff::identity::{self, Match};
use crate::http::Reach;
use crate::ledger::{Event, Holder, Lease, Ledger, LedgerView};
use crate::model::clock::Clock;
use crate::model::desired::Token;
use crate::model::live::{Cause, Fact, LiveToken, Unknown};
use crate::model::{Name, ServerToken};
use crate::provider::dep::{self, Account, DepClient, DepError, DepObserver, DepSettings};
use crate::provider::graph::{GraphActuator, GraphObserver};
use crate::provider::{Actuator, Observer};
use crate::server_token::store::Store;

impl Session {
    /// The document of a token; `None`: there is none.
    pub fn token_document(&self, name: &Name) -> Option<&Token> {
        self.desired.tokens.get(name)
    }

    /// The key pairs of the folder that wait for their `.p7m`.
    pub fn token_store(&self) -> Store {
        Store::new(self.state.tokens_dir())
    }

    /// Whether the services are simulated ones.
    pub fn is_simulated(&self) -> bool {
        self.settings.world.is_simulated()
    }

    /// What documents may do and where they are.
    pub fn settings(&self) -> &super::Settings {
        &self.settings
    }

    /// The service that carries the requests about a token.
    ///
    /// # Errors
    /// Why there is none: credentials that cannot be had.
    pub fn service_of(&self, document: &Token) -> Result<&Service, Unknown> {
        match self.services.get(&document.realm) {
            Some(service) => service.as_ref().map_err(Clone::clone),
            None => Err(Unknown {
                cause: Cause::Manifest,
                reason: format!("no service is there for the token of {}", document.realm.document()),
                next: "see whether its document is the one that is meant".to_owned(),
            }),
        }
    }

    /// Intune, which carries the requests about a token.
    ///
    /// # Errors
    /// Why there is no such service: credentials that cannot be had, or a token that no MDM holds.
    pub fn intune_of(&self, document: &Token) -> Result<Intune, Unknown> {
        match self.service_of(document)?.clone() {
            Service { observer: Observer::Graph(observer), actuator: Actuator::Graph(actuator) } => {
                Ok(Intune { observer, actuator })
            }
            _ => Err(Unknown {
                cause: Cause::Manifest,
                reason: format!("{} has `direct`: no MDM holds its token", document.realm.document()),
                next: "name a token that has `mdm`".to_owned(),
            }),
        }
    }

    /// The token at the MDM that a document means.
    ///
    /// # Errors
    /// It cannot be read, is not there, or several carry its name.
    pub async fn find_token(
        &self,
        name: &Name,
        document: &Token,
        view: &LedgerView,
    ) -> Result<LiveToken, Unknown> {
        let service = self.service_of(document)?;
        let live = match service.observer.tokens().await {
            Fact::Known(live) => live,
            Fact::Unknown(unknown) => return Err(unknown),
        };
        let owned = view.owned.get(&crate::model::Address::token(name)).map(|ownership| &ownership.token_id);
        let wanted = &document.identity.display_name;
        let manifest = |reason: String, next: &str| {
            Err(Unknown { cause: Cause::Manifest, reason, next: next.to_owned() })
        };
        match identity::token(&document.identity, owned, &live) {
            Match::Found { object, .. } => Ok(object.clone()),
            Match::Absent { .. } => manifest(
                format!("there is no token {wanted:?} at {}", document.realm.document()),
                "make it in the portal of the MDM first, or correct `displayName`: no source knows how to make one through Graph (T-1)",
            ),
            Match::Ambiguous(ids) => manifest(
                format!("several tokens are called {wanted:?}: {}", ids.join(", ")),
                "write the `id` of the one that is meant into its document",
            ),
            Match::NoSuchId(id) => {
                manifest(format!("there is no token with the id {id}"), "correct the `id` in its document")
            }
        }
    }

    /// Takes the right to write into the ledger; `None` where the run has none. Taken before anything
    /// is sent, it sees to it that what was done can be written down.
    ///
    /// # Errors
    /// What the ledger says: missing, held by another run (exit 10).
    pub fn recorder(&self) -> Result<Option<Recorder>, EngineError> {
        let Some(ledger) = self.state.open(&self.desired, &self.clock)? else { return Ok(None) };
        let holder = Holder::of_this_process(self.settings.command.clone(), Uuid::new_v4(), self.clock.now());
        let lease = ledger.lock(holder)?;
        Ok(Some(Recorder { ledger, lease, clock: Arc::clone(&self.clock) }))
    }

    /// Signs in at Apple with a token that may not be in use yet, and reads what it acts for. The
    /// former one is not touched by that.
    ///
    /// # Errors
    /// Why it does not sign in, or cannot be tried.
    pub async fn account_of(&self, token: &ServerToken) -> Result<Account, TrialError> {
        let unusable = |reason: String| {
            let next = "see the runner's TLS set-up".to_owned();
            TrialError::Unreached(Unknown { cause: Cause::Unavailable, reason, next })
        };
        let simulated = self.world.dep();
        let reach = if simulated.is_some() { Reach::Loopback } else { Reach::World };
        let base = match simulated {
            Some(url) => url,
            None => elsewhere(std::env::var(ELSEWHERE).ok(), self.settings.allow.endpoints)
                .map_err(TrialError::Unreached)?,
        };
        let http = match self.world.client() {
            Some(client) => client,
            None => crate::http::client(reach).map_err(|error| unusable(error.to_string()))?,
        };
        let settings = DepSettings {
            base,
            token: token.clone(),
            clock: Arc::clone(&self.clock),
            user_agent: format!("espalier/{}", env!("CARGO_PKG_VERSION")),
            patience: super::services::PATIENCE,
            page_limit: dep::PAGE_LIMIT,
        };
        Ok(DepObserver::new(DepClient::new(settings, http)).account().await?)
    }
}

/// Both halves of an Intune tenant.
#[derive(Clone, Debug)]
pub struct Intune {
    /// Reads.
    pub observer: GraphObserver,
    /// Writes.
    pub actuator: GraphActuator,
}

/// Why a token could not be tried at Apple.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Apple refused it, or did not answer.
    #[error(transparent)]
    Refused(#[from] DepError),
    /// It could not be tried.
    #[error("{0}")]
    Unreached(Unknown),
}

/// The right to write into the ledger, for facts that a person made true.
pub struct Recorder {
    ledger: Ledger,
    lease: Lease,
    clock: Arc<dyn Clock>,
}

impl Recorder {
    /// Writes facts down.
    ///
    /// # Errors
    /// What the ledger says.
    pub fn record(&self, events: &[Event]) -> Result<(), EngineError> {
        Ok(self.ledger.append(&self.lease, self.clock.now(), events)?)
    }
}
