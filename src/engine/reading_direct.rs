//! Reads what the documents need of a direct token: which server it is, its devices, and the profiles
//! that they carry.

use std::collections::BTreeMap;

use futures_util::future::join;

use super::reading::{Observed, Read, unread};
use super::{Session, reading::when};
use crate::apply::Service;
use crate::ledger::{Event, LedgerView};
use crate::model::live::{Cause, Fact, LiveTenant, Unknown};
use crate::model::value::Field;
use crate::model::{Address, Name, Realm, TokenId};
use crate::progress::Progress;
use crate::provider::Observer;
use crate::provider::direct::{Asking, DirectObserver, Doubt, How, Identity, KnownProfiles, is_same_server};

impl Session {
    pub(super) async fn observe_direct(
        &self,
        token: &Name,
        service: &Result<Service, Unknown>,
        view: &LedgerView,
        asking: Asking,
        progress: &dyn Progress,
    ) -> Read {
        let id = view.servers.get(token).map(|server| server.token_id.0.clone()).unwrap_or_default();
        let mut read = Read {
            realm: Realm::Direct(token.clone()),
            tenant: unread(id),
            tokens: BTreeMap::new(),
            news: None,
            by_changes: false,
        };
        let observer = match service {
            Ok(Service { observer: Observer::Direct(observer), .. }) => observer,
            // An MDM holds no direct token.
            Ok(_) => return read,
            Err(unknown) => {
                read.tenant.tokens = Fact::Unknown(unknown.clone());
                return read;
            }
        };
        let document = self.desired.tokens.get(token);
        let stated = document.and_then(|document| document.identity.id.as_deref());
        let identity = match observer.identify(view.servers.get(token), stated, asking).await {
            Ok(identity) => identity,
            Err(unknown) => {
                read.tenant.tokens = Fact::Unknown(unknown);
                return read;
            }
        };
        read.news = news(token, &identity, observer);
        let Identity { token_id, .. } = identity;
        read.tenant.tenant_id = token_id.0.clone();
        read.tokens.insert(token.clone(), token_id.clone());
        let states_url = document.is_some_and(|one| !matches!(one.account_driven_url, Field::Missing));
        let (devices, url) = join(
            observer.devices(How::Cheapest, progress),
            when(states_url, || observer.account_driven_url()),
        )
        .await;
        read.by_changes = !devices.in_full;
        let count = devices.devices.known().map_or(0, |devices| devices.len());
        read.tenant.tokens = Fact::Known(observer.tokens(devices.at, count));
        read.tenant.account_driven_url = url;
        self.enter_devices(&mut read.tenant, &token_id, devices.devices, observer, view).await;
        read
    }

    /// Enters devices and reads the profiles that go with them.
    async fn enter_devices(
        &self,
        tenant: &mut LiveTenant,
        token_id: &TokenId,
        devices: Fact<crate::model::live::Devices>,
        observer: &DirectObserver,
        view: &LedgerView,
    ) {
        let profiles = match &devices {
            Fact::Known(devices) => observer.profiles(devices, &known_profiles(view, token_id)).await,
            Fact::Unknown(unknown) => Fact::Unknown(unknown.clone()),
        };
        tenant.devices.insert(token_id.clone(), devices);
        tenant.profiles.insert(token_id.clone(), profiles);
    }

    /// Reads all devices of direct tokens of which only the changes were read.
    pub(super) async fn read_in_full(
        &self,
        realms: impl Iterator<Item = Realm>,
        observed: &mut Observed,
        view: &LedgerView,
        progress: &dyn Progress,
    ) {
        for realm in realms {
            let Some(Ok(Service { observer: Observer::Direct(observer), .. })) = self.services.get(&realm)
            else {
                continue;
            };
            let Some(tenant) = observed.live.tenants.get_mut(&realm) else { continue };
            let read = observer.devices(How::InFull, progress).await;
            if read.in_full {
                observed.by_changes.remove(&realm);
            }
            self.enter_devices(tenant, &observer.token_id(), read.devices, observer, view).await;
        }
    }

    /// Two documents that mean one server at Apple would undo each other's work: the one that the ledger
    /// knows is right, and if it knows neither, none is.
    pub(super) fn refuse_twins(&self, observed: &mut Observed, view: &LedgerView) {
        let direct: Vec<(&Name, String, Option<String>)> = self
            .desired
            .tokens
            .keys()
            .filter_map(|name| {
                let Ok(Service { observer: Observer::Direct(observer), .. }) =
                    self.services.get(&Realm::Direct(name.clone()))?
                else {
                    return None;
                };
                let known = view.servers.get(name);
                let identity = observer.identity();
                let id = known.map_or(identity.token_id.0, |known| known.token_id.0.clone());
                Some((name, id, identity.server.or_else(|| known.map(|known| known.server.clone()))))
            })
            .collect();
        for (name, id, server) in &direct {
            let same = |other: &&(&Name, String, Option<String>)| {
                let same_server = server.as_ref().zip(other.2.as_ref());
                other.0 != *name
                    && (other.1 == *id || same_server.is_some_and(|(one, two)| is_same_server(one, two)))
            };
            let Some((other, ..)) = direct.iter().find(same) else { continue };
            if view.servers.contains_key(*name) && !view.servers.contains_key(*other) {
                continue;
            }
            let realm = Realm::Direct((*name).clone());
            let Some(tenant) = observed.live.tenants.get_mut(&realm) else { continue };
            tenant.tokens = Fact::Unknown(Unknown {
                cause: Cause::Manifest,
                reason: format!(
                    "EnrollmentToken/{other} has a token of the same server at Apple [{}]",
                    Doubt::SameServer.code()
                ),
                next: "keep one of the two documents, or give each the token of a server of its own"
                    .to_owned(),
            });
            observed.tokens.remove(*name);
            observed.servers.retain(|event| !is_about(event, name));
        }
    }
}

fn is_about(event: &Event, name: &Name) -> bool {
    matches!(event, Event::ServerKnown { token, .. } if token.name == *name)
}

fn news(token: &Name, identity: &Identity, observer: &DirectObserver) -> Option<Event> {
    let Identity { token_id, server: Some(server), name, org, apple_id, is_news: true } = identity.clone()
    else {
        return None;
    };
    Some(Event::ServerKnown {
        token: Address::token(token),
        token_id,
        server,
        name,
        org,
        apple_id,
        credentials: observer.credentials().exact.clone(),
    })
}

/// The profiles whose content the ledger knows.
fn known_profiles(view: &LedgerView, token: &TokenId) -> KnownProfiles {
    let owned = view.owned.values().filter(|owned| owned.token_id == *token && !owned.applied.is_empty());
    owned
        .filter_map(|owned| Some((owned.object.clone()?, (owned.name.clone(), owned.applied.clone()))))
        .collect()
}
