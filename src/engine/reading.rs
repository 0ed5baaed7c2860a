//! Reads everything that the documents need: tokens first, then what is under the ones meant.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures_util::future::{join, join3, join4};
use futures_util::stream::{self, StreamExt as _};

use super::Session;
use crate::apply::{SIDE_BY_SIDE, Service};
use crate::approval::Found;
use crate::cache::{TenantReads, TokenReads};
use crate::ledger::{Event, LedgerView};
use crate::model::desired::Token;
use crate::model::live::{Cause, Fact, Live, LiveTenant, Unknown};
use crate::model::value::Field;
use crate::model::{Name, Realm, Scope, Serial, TokenId};
use crate::plan::Origin;
use crate::plan::build::matched_tokens;
use crate::progress::{Pages, Progress};
use crate::provider::Observer;
use crate::provider::direct::Asking;

/// What one run has read.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// The facts.
    pub live: Live,
    /// The live tokens that documents mean, where that is clear.
    pub tokens: BTreeMap<Name, TokenId>,
    /// What was asked about the servers of direct tokens, and of API keys that are used for the first
    /// time, for the ledger.
    pub servers: Vec<Event>,
    /// The direct tokens of whose devices only the changes were read: that proves no absence.
    pub by_changes: BTreeSet<Realm>,
    /// Where the documents come from, as far as acts ask.
    pub origin: Origin,
    /// The approvals that lie with the documents.
    pub offered: Vec<Found>,
}

/// How much a run reads.
#[derive(Clone, Debug)]
pub(super) struct Asks {
    /// What it rests on beyond the documents.
    pub wants: Wants,
    /// How much is asked about direct tokens that the ledger does not know.
    pub asking: Asking,
    /// How old what is known of organisations at Apple may be; `None`: it is read.
    pub reuse: Option<Duration>,
}

impl Default for Asks {
    fn default() -> Self {
        Self { wants: Wants::default(), asking: Asking::Spare, reuse: None }
    }
}

/// What a command shows of services beyond what its documents need.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// The VPP tokens, with what they tell of their expiry and updates.
    pub vpp_tokens: bool,
    /// The Apple MDM push certificate.
    pub push_certificate: bool,
    /// The services of the organisations at Apple, whatever the documents ask.
    pub services: bool,
    /// Their devices, with the service of each.
    pub devices: bool,
    /// The families that each service is the default of: one call per service.
    pub families: bool,
    /// Activation Lock of these devices (L-2): one call per device, those first of which it was seen
    /// longest ago; empty: of all devices of the organisations.
    pub locks: Vec<Serial>,
    /// The records of all devices at Intune, one list for each tenant, whatever the documents ask.
    pub records: bool,
    /// The most calls that may be spent on `locks`, over all organisations; what does not fit is told as
    /// it was seen last, or not at all.
    pub lock_calls: u32,
}

/// The page size that Graph is seen to use (reference intune-graph section 8.3); only for guesses.
const PAGE: u64 = 1000;

impl Session {
    /// Reads the services, connections side by side. Only what lies within `scope` is asked for. Where
    /// [`Session::reuse`] allows it, organisations at Apple are as an earlier run read them: what is
    /// carried out must not rest on that.
    pub async fn observe(&self, view: &LedgerView, scope: &Scope, progress: &dyn Progress) -> Observed {
        let asks = Asks { reuse: self.max_age, ..Asks::default() };
        self.observe_with(view, scope, asks, progress).await
    }

    /// As [`Session::observe`], for a plan that rests on more than the documents ask for.
    pub(super) async fn observe_with(
        &self,
        view: &LedgerView,
        scope: &Scope,
        asks: Asks,
        progress: &dyn Progress,
    ) -> Observed {
        let asks = self.with_acts(view, scope, asks);
        let mut cache = self.state.cache();
        let expected = expected(&cache, self);
        let progress = Expecting { inner: progress, expected };
        let reads: Vec<_> = self
            .services
            .iter()
            .filter(|(name, _)| self.tokens_of(name, scope).next().is_some())
            .map(|(realm, service)| async {
                match realm {
                    Realm::Mdm(_) => {
                        let read = self.observe_one(realm, service, view, (scope, &asks.wants), &progress);
                        Read::from(read.await)
                    }
                    Realm::Direct(token) => {
                        self.observe_direct(token, service, view, asks.asking, &progress).await
                    }
                    // It holds no token, and is no service of tokens.
                    Realm::Apple(_) => Read::from((realm.clone(), unread(String::new()), BTreeMap::new())),
                }
            })
            .collect();
        let mut observed = Observed::default();
        let (read, organisations, acts): (Vec<_>, _, _) = join3(
            stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect(),
            self.observe_organisations(view, scope, &asks, &progress),
            self.observe_acts(view, &asks),
        )
        .await;
        (observed.live.records, observed.live.audits) = (acts.records, acts.audits);
        observed.origin = self.origin(view);
        observed.offered = self.offered();
        for Read { realm, tenant, tokens, news, by_changes } in read {
            let mut cost = cost(&tenant);
            if !scope.is_whole()
                && let Some(before) = cache.tenant(&tenant.tenant_id)
            {
                // What was not asked for this time still costs what it did.
                let unasked = before.tokens.iter().filter(|(token, _)| !tenant.devices.contains_key(*token));
                cost.tokens.extend(unasked.map(|(token, reads)| (token.clone(), *reads)));
            }
            cache.remember(&tenant.tenant_id, cost);
            if by_changes {
                observed.by_changes.insert(realm.clone());
            }
            observed.servers.extend(news);
            observed.live.tenants.insert(realm, tenant);
            observed.tokens.extend(tokens);
        }
        self.refuse_twins(&mut observed, view);
        self.enter_organisations(organisations, &mut observed, &mut cache, view);
        // Losing it costs a guess.
        let _ = cache.save();
        observed
    }

    /// The token documents of a connection within a scope.
    fn tokens_of<'s>(&'s self, connection: &Realm, scope: &Scope) -> impl Iterator<Item = &'s Token> {
        self.desired.tokens_at(connection).filter(|(name, _)| scope.holds(name)).map(|(_, token)| token)
    }

    async fn observe_one(
        &self,
        name: &Realm,
        service: &Result<Service, Unknown>,
        view: &LedgerView,
        (scope, wants): (&Scope, &Wants),
        progress: &dyn Progress,
    ) -> (Realm, LiveTenant, BTreeMap<Name, TokenId>) {
        let tenant_id = name
            .connection()
            .and_then(|name| self.desired.connections.get(name))
            .map(|connection| connection.tenant_id.clone())
            .unwrap_or_default();
        let mut tenant = unread(tenant_id);
        let observer = match service {
            Ok(Service { observer: Observer::Graph(observer), .. }) => observer,
            // A direct token is no connection.
            Ok(_) => return (name.clone(), tenant, BTreeMap::new()),
            Err(unknown) => {
                tenant.tokens = Fact::Unknown(unknown.clone());
                return (name.clone(), tenant, BTreeMap::new());
            }
        };
        let names_vpp_token = self.wants.vpp_tokens || self.names_vpp_token(name) || wants.vpp_tokens;
        // It takes a permission of its own: only a Fleet that says when to warn asks for it (T-12).
        let asks_for_push = self.wants.push_certificate
            || wants.push_certificate
            || self.desired.fleet.expiry_warning.is_some();
        let tags_matter =
            self.tokens_of(name, scope).any(|token| !matches!(token.scope_tags, Field::Missing));
        // Profiles are read after the VPP tokens, whose names they show.
        let (tokens, tags, vpp_tokens, push_certificate) = join4(
            observer.tokens(),
            when(tags_matter, || observer.scope_tags()),
            when(names_vpp_token, || observer.vpp_tokens()),
            when(asks_for_push, || observer.push_certificate()),
        )
        .await;
        tenant.scope_tags = tags;
        tenant.vpp_tokens = vpp_tokens;
        tenant.push_certificate = push_certificate;
        let mut matched = match &tokens {
            Fact::Known(known) => matched_tokens(&self.desired, view, name, known),
            Fact::Unknown(_) => BTreeMap::new(),
        };
        matched.retain(|token, _| scope.holds(token));
        tenant.tokens = tokens;
        let mut ids: Vec<TokenId> = matched.values().cloned().collect();
        ids.sort();
        ids.dedup();
        if !ids.is_empty() {
            let (profiles, devices) = join(observer.profiles(&ids), observer.devices(&ids, progress)).await;
            tenant.profiles = profiles;
            tenant.devices = devices;
        }
        (name.clone(), tenant, matched)
    }

    /// Whether a profile that goes to a token of this connection names a VPP token.
    fn names_vpp_token(&self, connection: &Realm) -> bool {
        let is_here =
            |token: &Name| self.desired.tokens.get(token).is_some_and(|token| token.realm == *connection);
        self.desired.profiles.values().any(|profile| {
            let portal = profile.settings.company_portal.set();
            portal.is_some_and(|portal| portal.vpp_token.set().is_some())
                && profile.tokens.iter().any(is_here)
        })
    }
}

/// What was read of one service.
pub(super) struct Read {
    pub realm: Realm,
    pub tenant: LiveTenant,
    /// The live tokens that documents mean.
    pub tokens: BTreeMap<Name, TokenId>,
    /// What was asked about the server of a direct token.
    pub news: Option<Event>,
    /// Only the changes of its devices were read.
    pub by_changes: bool,
}

impl From<(Realm, LiveTenant, BTreeMap<Name, TokenId>)> for Read {
    fn from((realm, tenant, tokens): (Realm, LiveTenant, BTreeMap<Name, TokenId>)) -> Self {
        Self { realm, tenant, tokens, news: None, by_changes: false }
    }
}

/// A service of which nothing was read.
pub(super) fn unread(tenant_id: String) -> LiveTenant {
    LiveTenant {
        tenant_id,
        tokens: Fact::Unknown(Unknown {
            cause: Cause::Unavailable,
            reason: "nothing was asked for".to_owned(),
            next: "run it again".to_owned(),
        }),
        scope_tags: None,
        vpp_tokens: None,
        push_certificate: None,
        profiles: BTreeMap::new(),
        devices: BTreeMap::new(),
        account_driven_url: None,
    }
}

/// Asks only where the answer matters.
pub(super) async fn when<F: Future>(matters: bool, ask: impl FnOnce() -> F) -> Option<F::Output> {
    match matters {
        true => Some(ask().await),
        false => None,
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
    let tenants = session.desired.connections.values().map(|connection| &connection.tenant_id);
    let direct = session.services.values().filter_map(|service| match &service.as_ref().ok()?.observer {
        Observer::Direct(direct) => Some(direct.token_id().0),
        Observer::Graph(_) | Observer::Apple(_) => None,
    });
    tenants
        .cloned()
        .chain(direct)
        .filter_map(|tenant| cache.tenant(&tenant))
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

    fn pages(&self, connection: &Name, pages: Pages) {
        self.inner.pages(connection, pages);
    }

    fn step(&self, done: usize, of: usize, what: &str) {
        self.inner.step(done, of, what);
    }
}
