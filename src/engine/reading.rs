//! Reads everything that the documents need: tokens first, then what is under the ones meant.

use std::collections::{BTreeMap, HashMap};

use futures_util::future::{join, join_all};

use super::Session;
use crate::apply::Service;
use crate::cache::{TenantReads, TokenReads};
use crate::ledger::LedgerView;
use crate::model::live::{Fact, Live, LiveTenant, Unknown};
use crate::model::value::Field;
use crate::model::{Name, TokenId};
use crate::plan::build::matched_tokens;
use crate::progress::Progress;

/// What one run has read.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The facts.
    pub live: Live,
    /// The live tokens that documents mean, where that is clear.
    pub tokens: BTreeMap<Name, TokenId>,
}

/// The page size that Graph is seen to use (reference intune-graph section 8.3); only for guesses.
const PAGE: u64 = 1000;

impl Session {
    /// Reads the services, connections side by side.
    pub async fn observe(&self, view: &LedgerView, progress: &dyn Progress) -> Observed {
        let mut cache = self.state.cache();
        let expected = expected(&cache, self);
        let progress = Expecting { inner: progress, expected };
        let reads =
            self.services.iter().map(|(name, service)| self.observe_one(name, service, view, &progress));
        let mut observed = Observed::default();
        for (name, tenant, tokens) in join_all(reads).await {
            cache.remember(&tenant.tenant_id, cost(&tenant));
            observed.live.tenants.insert(name, tenant);
            observed.tokens.extend(tokens);
        }
        // Losing it costs a guess.
        let _ = cache.save();
        observed
    }

    async fn observe_one(
        &self,
        name: &Name,
        service: &Result<Service, Unknown>,
        view: &LedgerView,
        progress: &dyn Progress,
    ) -> (Name, LiveTenant, BTreeMap<Name, TokenId>) {
        let tenant_id = self
            .desired
            .connections
            .get(name)
            .map(|connection| connection.tenant_id.clone())
            .unwrap_or_default();
        let mut tenant = LiveTenant {
            tenant_id,
            tokens: Fact::Unknown(Unknown {
                cause: crate::model::live::Cause::Unavailable,
                reason: String::new(),
                next: String::new(),
            }),
            scope_tags: None,
            profiles: BTreeMap::new(),
            devices: BTreeMap::new(),
        };
        let service = match service {
            Ok(service) => service,
            Err(unknown) => {
                tenant.tokens = Fact::Unknown(unknown.clone());
                return (name.clone(), tenant, BTreeMap::new());
            }
        };
        let tags_matter = self
            .desired
            .tokens
            .values()
            .any(|token| token.connection == *name && !matches!(token.scope_tags, Field::Missing));
        let scope_tags = async {
            match tags_matter {
                true => Some(service.observer.scope_tags().await),
                false => None,
            }
        };
        let (tokens, tags) = join(service.observer.tokens(), scope_tags).await;
        tenant.scope_tags = tags;
        let matched = match &tokens {
            Fact::Known(known) => matched_tokens(&self.desired, view, name, known),
            Fact::Unknown(_) => BTreeMap::new(),
        };
        tenant.tokens = tokens;
        let mut ids: Vec<TokenId> = matched.values().cloned().collect();
        ids.sort();
        ids.dedup();
        if !ids.is_empty() {
            let (profiles, devices) =
                join(service.observer.profiles(&ids), service.observer.devices(&ids, progress)).await;
            tenant.profiles = profiles;
            tenant.devices = devices;
        }
        (name.clone(), tenant, matched)
    }
}

/// What the last full read cost, for the next run's guesses.
fn cost(tenant: &LiveTenant) -> TenantReads {
    let devices =
        tenant.devices.iter().filter_map(|(token, devices)| Some((token, devices.known()?.len() as u64)));
    let tokens = devices
        .map(|(token, devices)| (token.clone(), TokenReads { devices, pages: devices.div_ceil(PAGE).max(1) }))
        .collect();
    TenantReads { lists: BTreeMap::new(), tokens }
}

fn expected(cache: &crate::cache::Cache, session: &Session) -> HashMap<TokenId, u64> {
    session
        .desired
        .connections
        .values()
        .filter_map(|connection| cache.tenant(&connection.tenant_id))
        .flat_map(|reads| reads.tokens.iter().map(|(token, reads)| (token.clone(), reads.devices)))
        .collect()
}

/// Adds how many devices the last run saw, where the service does not say how many there are.
struct Expecting<'a> {
    inner: &'a dyn Progress,
    expected: HashMap<TokenId, u64>,
}

impl Progress for Expecting<'_> {
    fn read(&self, token: &TokenId, devices: usize, expected: Option<u64>) {
        self.inner.read(token, devices, expected.or_else(|| self.expected.get(token).copied()));
    }

    fn step(&self, done: usize, of: usize, what: &str) {
        self.inner.step(done, of, what);
    }
}
