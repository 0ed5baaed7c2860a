//! Reads organisations at Apple: their services, their devices with the service of each, the activities
//! of earlier runs, and Activation Lock where a command asks for it.
//!
//! ```text
//! young snapshot, where the run may rest on one ─┐
//! services ─ devices ─ lists of all services ────┴─ families ─ open activities ─ locks
//! ```
//!
//! Organisations are read side by side with tenants, each of them one call after the other. What cannot
//! be read to its end is unknown as a whole, and nothing of an earlier read takes its place.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::stream::{self, StreamExt as _};

use super::apple::{AppleClient, concerned, twin};
use super::reading::{Asks, Observed};
use super::{Session, Settings, Wants, written};
use crate::apply::SIDE_BY_SIDE;
use crate::cache::{Cache, KeptLock, KeptOrganisation, Organisations, TenantReads};
use crate::ledger::{Event, LedgerView};
use crate::model::clock::Timestamp;
use crate::model::desired::{Organisation, State};
use crate::model::live::{Cause, Complete, Fact, SeenLock, Unknown};
use crate::model::organisation::{
    ActivityId, ActivityState, Budget, LiveOrganisation, LiveService, OrgDevices, ProductFamily,
};
use crate::model::{Address, Name, Realm, Scope, Serial, ServiceId};
use crate::plan::build::apple::matched_services;
use crate::progress::{Pages, Progress};
use crate::provider::business::{Families, Snapshot, Spent, least_calls};

/// How often is told how far the reading of an organisation is: most of its time it waits for the next
/// minute's calls.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// Why something is not known that nobody asked for.
const UNASKED: &str = "nothing of it was asked for";

/// How the reason begins where something failed lately.
const LEFT_ALONE: &str = "it failed lately, and is left alone until";

/// What nobody asked for is not known, and that is no trouble.
fn unasked() -> Unknown {
    Unknown {
        cause: Cause::Unavailable,
        reason: UNASKED.to_owned(),
        next: "run a command that needs it".to_owned(),
    }
}

/// Why an organisation is not asked that failed lately.
fn left_alone(until: Timestamp) -> Unknown {
    Unknown {
        cause: Cause::Unavailable,
        reason: format!("{LEFT_ALONE} {}", until.strftime("%Y-%m-%d %H:%MZ")),
        next: "wait: it is tried again by itself".to_owned(),
    }
}

/// Whether something is unknown only because it is left alone for a while.
pub(super) fn is_left_alone(unknown: &Unknown) -> bool {
    unknown.reason.starts_with(LEFT_ALONE)
}

/// Whether something is unknown only because nobody asked for it.
pub(super) fn is_unasked(unknown: &Unknown) -> bool {
    unknown.reason == UNASKED
}

/// What was read of one organisation.
pub(super) struct ReadOrganisation {
    name: Name,
    live: LiveOrganisation,
    locks: BTreeMap<Serial, SeenLock>,
    news: Option<Event>,
    /// What the lists cost, where they were read to their end.
    cost: Option<TenantReads>,
}

/// What a run needs of an organisation.
#[derive(Clone, Copy, Debug)]
struct Need<'a> {
    scope: &'a Scope,
    wants: &'a Wants,
    devices: bool,
}

impl Session {
    /// Reads the organisations that a run over `scope` concerns, and those that a command shows.
    pub(super) async fn observe_organisations(
        &self,
        view: &LedgerView,
        scope: &Scope,
        asks: &Asks,
        progress: &dyn Progress,
    ) -> Vec<ReadOrganisation> {
        let wants = &asks.wants;
        let own = &self.wants;
        let concerned = concerned(&self.desired, scope);
        let shows = [wants, own].iter().any(|wants| wants.services || wants.devices);
        let lock_calls = AtomicU32::new(wants.lock_calls.max(own.lock_calls));
        let cache = self.state.cache();
        let reads: Vec<_> = self
            .organisations
            .iter()
            .filter_map(|(realm, client)| Some((realm.organisation()?, client)))
            .filter(|(name, _)| concerned.contains(*name) || (shows && scope.is_whole()))
            .filter_map(|(name, client)| Some((name, client, self.desired.organisations.get(name)?)))
            .map(|(name, client, document)| {
                let devices = concerned.contains(name) || wants.devices || own.devices;
                let need = Need { scope, wants, devices };
                let (lock_calls, cache) = (&lock_calls, &cache);
                async move {
                    match client {
                        Ok(client) => {
                            let reader = Reader { session: self, name, document, client, view, need };
                            reader.read(asks.reuse, lock_calls, cache, progress).await
                        }
                        Err(unknown) => unreadable(name, document, unknown, self.clock.now()),
                    }
                }
            })
            .collect();
        stream::iter(reads).buffer_unordered(SIDE_BY_SIDE).collect().await
    }

    /// Enters what was read of organisations, and refuses those that are one and the same.
    pub(super) fn enter_organisations(
        &self,
        read: Vec<ReadOrganisation>,
        observed: &mut Observed,
        cache: &mut Cache,
        view: &LedgerView,
    ) {
        for ReadOrganisation { name, live, locks, news, cost } in read {
            if let Some(cost) = cost {
                cache.remember(&reads_of(&live.tenant), cost);
            }
            for (serial, seen) in locks {
                // Of two organisations that tell of a serial the later word counts.
                match observed.live.locks.get(&serial) {
                    Some(known) if known.at >= seen.at => {}
                    _ => drop(observed.live.locks.insert(serial, seen)),
                }
            }
            observed.servers.extend(news);
            observed.live.organisations.insert(name, live);
        }
        refuse_twin_organisations(observed, view);
        self.enter_certificates(observed, view);
    }

    /// The certificates of the direct tokens whose service is not there: it may have to be made with
    /// them.
    fn enter_certificates(&self, observed: &mut Observed, view: &LedgerView) {
        for (name, live) in &observed.live.organisations {
            let Fact::Known(services) = &live.services else { continue };
            let there = matched_services(&self.desired, view, name, services);
            for (token, document, _) in self.desired.services_of(name) {
                if document.direct.is_none() || there.contains_key(token) || !self.scope.holds(token) {
                    continue;
                }
                let fact = match self.certificate(&Address::token(token)) {
                    Ok(certificate) => Fact::Known(certificate),
                    Err(unknown) => Fact::Unknown(unknown),
                };
                observed.live.certificates.insert(token.clone(), fact);
            }
        }
    }

    /// SHA-256 in hex over the DER of a direct token's certificate.
    fn certificate(&self, token: &Address) -> Result<String, Unknown> {
        let Settings { folder, allow, .. } = &self.settings;
        let found = written::certificate_of(&self.desired, token, folder, *allow, self.state.tokens_dir())?;
        let der = found.to_der().map_err(|error| Unknown {
            cause: Cause::Credentials,
            reason: format!("the certificate of {token} cannot be written as DER: {error}"),
            next: "make another one with `espalier token keygen`".to_owned(),
        })?;
        Ok(openssl::sha::sha256(&der).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Carries out what may change organisations: what was read of them says nothing of what is there
    /// from then on, and what is called meanwhile is kept for the next run, whatever becomes of this one.
    pub(super) async fn changing<'r, T>(
        &self,
        realms: impl Iterator<Item = &'r Realm>,
        work: impl Future<Output = T>,
    ) -> T {
        let kept = Organisations::new(self.state.devices_dir());
        for realm in realms {
            if let Some(Ok(client)) = self.organisations.get(realm) {
                kept.forget(&client.key);
            }
        }
        let keep = || {
            for client in self.organisations.values().flatten() {
                client.keep_calls(&kept, self.clock.now());
            }
        };
        let done = told_while(work, &keep).await;
        keep();
        done
    }
}

/// Under what name the cost of reading an organisation is remembered.
fn reads_of(tenant: &str) -> String {
    format!("apple:{tenant}")
}

/// An organisation that cannot be called at all.
fn unreadable(name: &Name, document: &Organisation, why: &Unknown, now: Timestamp) -> ReadOrganisation {
    let live = LiveOrganisation {
        tenant: document.client_id.clone(),
        edition: document.edition,
        services: Fact::Unknown(why.clone()),
        devices: Fact::Unknown(why.clone()),
        activities: BTreeMap::new(),
        read_at: now,
        reused: false,
        budget: Budget {
            get_per_minute: document.get_per_minute,
            post_per_hour: document.post_per_hour,
            posts_free: 0,
            next_post: None,
        },
    };
    ReadOrganisation { name: name.clone(), live, locks: BTreeMap::new(), news: None, cost: None }
}

/// Reads one organisation.
struct Reader<'a> {
    session: &'a Session,
    name: &'a Name,
    document: &'a Organisation,
    client: &'a AppleClient,
    view: &'a LedgerView,
    need: Need<'a>,
}

impl Reader<'_> {
    async fn read(
        &self,
        reuse: Option<Duration>,
        lock_calls: &AtomicU32,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> ReadOrganisation {
        let session = self.session;
        let store = Organisations::new(session.state.devices_dir());
        let now = session.clock.now();
        let tenant = &self.document.client_id;
        let young = reuse
            .and_then(|max_age| store.load(&self.client.key, now, max_age))
            .filter(|kept| self.serves(kept));
        let reused = young.is_some();
        if let (false, Some(until)) = (reused, session.left_alone.get(self.name)) {
            return unreadable(self.name, self.document, &left_alone(*until), now);
        }
        let (services, devices, read_at, cost) = match young {
            Some(KeptOrganisation { services, devices, read_at }) => {
                (Fact::Known(services), Fact::Known(devices), read_at, None)
            }
            None => self.read_lists(&store, cache, progress).await,
        };
        let activities = self.activities().await;
        let locks = self.locks(&store, &devices, lock_calls).await;
        let now = session.clock.now();
        self.client.keep_calls(&store, now);
        let is_new_key = |keys: &BTreeMap<String, Timestamp>| keys.contains_key(&self.document.key_id);
        // Apple took the key: from now on it is known how long it has been in use.
        let news = (!reused
            && services.known().is_some()
            && !self.view.apple.keys.get(tenant).is_some_and(is_new_key))
        .then(|| Event::KeyKnown { tenant: tenant.clone(), key: self.document.key_id.clone() });
        let live = LiveOrganisation {
            tenant: tenant.clone(),
            edition: self.document.edition,
            services,
            devices,
            activities,
            read_at,
            reused,
            budget: self.client.observer.budget().summary(now),
        };
        ReadOrganisation { name: self.name.clone(), live, locks, news, cost }
    }

    /// Whether an earlier read tells all that this run needs: it knows the families that matter, and
    /// nothing was changed there since, as far as the ledger knows.
    fn serves(&self, kept: &KeptOrganisation) -> bool {
        let apple = &self.view.apple;
        let tenant = &self.document.client_id;
        let changed = apple.activities.values().filter(|one| one.tenant == *tenant).any(|one| {
            one.accepted >= kept.read_at || one.ended.as_ref().is_some_and(|ended| ended.at >= kept.read_at)
        }) || self.view.unsettled.iter().any(|intent| intent.tenant == *tenant);
        let first = self.families_of(&kept.services);
        let mut more = families_missing(&first, &kept.services);
        more.extend(first.into_iter().map(|(id, _)| id));
        if self.all_families() {
            more.extend(kept.services.iter().map(|service| service.id.clone()));
        }
        let is_told = |id: &ServiceId| kept.services.by_id(id).is_ok_and(|one| one.default_for.is_some());
        !changed && more.iter().all(is_told)
    }

    fn all_families(&self) -> bool {
        self.need.wants.families || self.session.wants.families
    }

    /// The services of tokens that speak of families, or that go, with the families that they wish.
    fn families_of(&self, services: &Complete<LiveService>) -> Vec<(ServiceId, Vec<ProductFamily>)> {
        let desired = &self.session.desired;
        let mut found = Vec::new();
        let meant = matched_services(desired, self.view, self.name, services);
        for (token, document, _) in desired.services_of(self.name) {
            let is_absent = document.identity.state == State::Absent;
            let wished = match desired.families_of(token) {
                _ if is_absent => &[],
                Some(families) => families,
                None => continue,
            };
            if !self.need.scope.holds(token) {
                continue;
            }
            found.extend(meant.get(token).map(|id| (id.clone(), wished.to_vec())));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Services, devices and lists, then the families that matter; kept for others where all of it is
    /// known.
    async fn read_lists(
        &self,
        store: &Organisations,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> (Fact<Complete<LiveService>>, Fact<OrgDevices>, Timestamp, Option<TenantReads>) {
        let observer = &self.client.observer;
        let expected = cache.tenant(&reads_of(&self.document.client_id)).map(TenantReads::pages);
        let before = observer.meter().calls().0;
        let tell = || {
            let read = observer.meter().calls().0.saturating_sub(before);
            let left = expected.map(|expected| {
                let calls = u32::try_from(expected.saturating_sub(read)).unwrap_or(u32::MAX);
                observer.budget().time_for(Spent::Minute, calls, self.session.clock.now())
            });
            // More than the last read took, and nobody knows how many.
            let known = expected.filter(|expected| *expected >= read);
            progress
                .pages(self.name, Pages { read, expected: known, left: left.filter(|_| known.is_some()) });
        };
        tell();
        let Snapshot { services, devices, read_at } = told_while(self.snapshot(), &tell).await;
        let services = match services {
            Fact::Known(services) => services,
            unknown => return (unknown, devices, read_at, None),
        };
        let services = told_while(self.with_families(services), &tell).await;
        let cost = devices.known().map(|devices| cost(&services, devices));
        if let Fact::Known(devices) = &devices {
            let kept = KeptOrganisation { services: services.clone(), devices: devices.clone(), read_at };
            // What is not kept is read again.
            let _ = store.save(&self.client.key, &kept);
        }
        (Fact::Known(services), devices, read_at, cost)
    }

    async fn snapshot(&self) -> Snapshot {
        let observer = &self.client.observer;
        if self.need.devices {
            return observer.snapshot(&Families::None, &mut |_| {}).await;
        }
        let read_at = self.session.clock.now();
        match observer.services().await {
            Ok(services) => {
                Snapshot { services: Fact::Known(services), devices: Fact::Unknown(unasked()), read_at }
            }
            Err(error) => {
                let unknown = Unknown::from(error);
                Snapshot {
                    services: Fact::Unknown(unknown.clone()),
                    devices: Fact::Unknown(unknown),
                    read_at,
                }
            }
        }
    }

    /// Reads the families that matter, one service after the other: those of the tokens that speak of
    /// families, and, where one of them lacks a family that it shall have, of others until its holder is
    /// found.
    async fn with_families(&self, services: Complete<LiveService>) -> Complete<LiveService> {
        let observer = &self.client.observer;
        let mut all: Vec<LiveService> = services.iter().cloned().collect();
        let wishes = self.families_of(&services);
        let every = self.all_families();
        for service in &mut all {
            if every || wishes.iter().any(|(id, _)| *id == service.id) {
                service.default_for = Some(observer.default_families(&service.id).await);
            }
        }
        for at in 0..all.len() {
            let missing = missing(&wishes, &all);
            if all[at].default_for.is_none() && !missing.is_empty() {
                all[at].default_for = Some(observer.default_families(&all[at].id).await);
            }
        }
        Complete::after_last_page(all)
    }

    /// How far the activities of earlier runs are that nobody has seen end: one call each.
    async fn activities(&self) -> BTreeMap<ActivityId, Fact<ActivityState>> {
        let mut states = BTreeMap::new();
        for (id, _) in self.view.apple.open_activities(&self.document.client_id) {
            let state = match self.client.observer.activity(id).await {
                Ok(look) => Fact::Known(look.state),
                Err(error) => Fact::Unknown(error.into()),
            };
            states.insert(id.clone(), state);
        }
        states
    }

    /// The locks that were seen lately, and those that a command asks for, as far as its calls go: first
    /// those that nobody has seen yet, then those that were seen longest ago.
    async fn locks(
        &self,
        store: &Organisations,
        devices: &Fact<OrgDevices>,
        calls: &AtomicU32,
    ) -> BTreeMap<Serial, SeenLock> {
        let session = self.session;
        let kept = store.locks(&self.client.key, session.clock.now());
        let mut wanted: Vec<Serial> =
            self.need.wants.locks.iter().chain(&session.wants.locks).copied().collect();
        match devices.known() {
            _ if calls.load(Ordering::Relaxed) == 0 => wanted.clear(),
            Some(devices) if wanted.is_empty() => wanted.extend(devices.iter().map(|device| device.serial)),
            Some(devices) => wanted.retain(|serial| devices.find(serial).is_some()),
            None => {}
        }
        wanted.sort_unstable();
        wanted.dedup();
        wanted.sort_by_key(|serial| kept.get(serial).map(|kept| kept.at));
        let mut fresh: BTreeMap<Serial, KeptLock> = BTreeMap::new();
        let mut locks: BTreeMap<Serial, SeenLock> = kept
            .into_iter()
            .map(|(serial, kept)| (serial, SeenLock { lock: Fact::Known(kept.lock), at: kept.at }))
            .collect();
        for serial in wanted {
            let take = |left: u32| left.checked_sub(1);
            if calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
                break;
            }
            let told = self.client.observer.activation_lock(&serial).await;
            let at = session.clock.now();
            let lock = match told {
                Ok(lock) => {
                    fresh.insert(serial, KeptLock { lock, at });
                    Fact::Known(lock)
                }
                Err(error) => {
                    let unknown = Unknown::from(error);
                    // What keeps one call from being answered keeps the others from it.
                    let is_over = matches!(unknown.cause, Cause::Credentials | Cause::Throttled);
                    locks.insert(serial, SeenLock { lock: Fact::Unknown(unknown), at });
                    if is_over {
                        break;
                    }
                    continue;
                }
            };
            locks.insert(serial, SeenLock { lock, at });
        }
        if !fresh.is_empty() {
            // What is not kept is asked for again.
            let _ = store.save_locks(&self.client.key, &fresh, session.clock.now());
        }
        locks
    }
}

/// The families that services shall have and lack, and of which no holder is known yet.
fn missing(wishes: &[(ServiceId, Vec<ProductFamily>)], services: &[LiveService]) -> BTreeSet<ProductFamily> {
    let of = |id: &ServiceId| services.iter().find(|service| service.id == *id);
    let mut missing: BTreeSet<ProductFamily> = BTreeSet::new();
    for (id, wished) in wishes {
        // Where it is not known what it has, nothing can be planned, and nobody else need be asked.
        let Some(Fact::Known(_)) = of(id).and_then(|service| service.default_for.as_ref()) else { continue };
        missing.extend(wished);
    }
    for service in services {
        if let Some(Fact::Known(families)) = &service.default_for {
            missing.retain(|family| !families.contains(family));
        }
    }
    missing
}

/// The services that would have to be asked besides, by what is kept of them.
fn families_missing(
    wishes: &[(ServiceId, Vec<ProductFamily>)],
    services: &Complete<LiveService>,
) -> Vec<ServiceId> {
    let all: Vec<LiveService> = services.iter().cloned().collect();
    match missing(wishes, &all).is_empty() {
        true => Vec::new(),
        false => all.into_iter().map(|service| service.id).collect(),
    }
}

/// Tells how far something is, at once and from time to time, until it is done.
pub(super) async fn told_while<T>(work: impl Future<Output = T>, tell: &(dyn Fn() + Sync)) -> T {
    let mut work = std::pin::pin!(work);
    let mut every = tokio::time::interval(TELL_EVERY);
    every.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = every.tick() => tell(),
        }
    }
}

/// What reading an organisation took, for the next run's estimate.
fn cost(services: &Complete<LiveService>, devices: &OrgDevices) -> TenantReads {
    let counts = devices.count_by_service();
    let each: Vec<u64> =
        services.iter().map(|service| counts.get(&service.id).copied().unwrap_or_default()).collect();
    let families = services.iter().filter(|service| service.default_for.is_some()).count() as u64;
    let all = least_calls(devices.len() as u64, &each, families);
    TenantReads { lists: BTreeMap::from([("organisation".to_owned(), all)]), tokens: BTreeMap::new() }
}

/// Two connections into one organisation would spend each other's budget and undo each other's work: the
/// one whose account the ledger knows is right, and if it knows both or neither, none is. Their clients
/// differ, and their services are the same.
fn refuse_twin_organisations(observed: &mut Observed, view: &LedgerView) {
    let known = |tenant: &str| view.apple.services.values().any(|service| service.tenant == tenant);
    let seen: Vec<(Name, String, BTreeSet<ServiceId>)> = observed
        .live
        .organisations
        .iter()
        .filter_map(|(name, live)| {
            let services = live.services.known()?;
            let ids = services.iter().map(|service| service.id.clone()).collect();
            Some((name.clone(), live.tenant.clone(), ids))
        })
        .collect();
    for (name, tenant, services) in &seen {
        let is_same =
            |other: &&(Name, String, BTreeSet<ServiceId>)| other.0 != *name && !other.2.is_disjoint(services);
        let Some((other, others, _)) = seen.iter().find(is_same) else { continue };
        if known(tenant) && !known(others) {
            continue;
        }
        let why = twin("the same organisation at Apple: its services are the same", other);
        if let Some(live) = observed.live.organisations.get_mut(name) {
            (live.services, live.devices) = (Fact::Unknown(why.clone()), Fact::Unknown(why));
        }
        observed.servers.retain(|event| !matches!(event, Event::KeyKnown { tenant: of, .. } if of == tenant));
    }
}

#[cfg(test)]
mod tests;
