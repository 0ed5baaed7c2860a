//! The services of a run, one per connection and one per direct token. A credential that cannot be had
//! stops its service only; one that will soon be none is warned of.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::apple::{AppleClient, AppleServices, concerned};
use super::direct::{DirectServices, Maker};
use super::{Settings, credentials, worlds};
use crate::apply::Service;
use crate::diag::Diagnostics;
use crate::http::Reach;
use crate::model::clock::Clock;
use crate::model::desired::{Connection, Desired};
use crate::model::live::{Cause, Unknown};
use crate::model::{Name, Realm, Scope};
use crate::provider::graph::{GraphActuator, GraphClient, GraphObserver, GraphSettings, SignIn, cloud};
use crate::provider::{Actuator, Observer};

/// How long the pauses of one call may be in all: the service's throttling windows are 20 seconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// What stays between the runs of a process.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    /// Sessions and devices of direct tokens.
    pub direct: DirectServices,
    /// Bearers and budgets of organisations.
    pub apple: AppleServices,
}

/// The services of a run.
pub(super) struct Services {
    /// Of tokens: one per connection and one per direct token.
    pub tokens: BTreeMap<Realm, Result<Service, Unknown>>,
    /// Organisations at Apple, by their connection.
    pub organisations: BTreeMap<Realm, Result<AppleClient, Unknown>>,
}

/// Builds the services that token documents need, and finds what is to be said about credentials.
/// `patience` bounds the pauses of one call; `also` are organisations that a command shows besides.
pub(super) async fn of(
    desired: &Desired,
    scope: &Scope,
    also: &BTreeSet<Name>,
    direct: &Maker<'_>,
    found: &mut Diagnostics,
) -> Services {
    let Maker { settings, world, clock, patience, .. } = *direct;
    let mut builder = Builder {
        settings,
        world,
        clock,
        horizon: desired.fleet.expiry_warning,
        patience,
        http: world.client(),
        found,
    };
    let mut services: BTreeMap<Realm, Result<Service, Unknown>> = desired
        .connections
        .iter()
        .filter(|(name, _)| {
            desired
                .tokens
                .iter()
                .any(|(token, one)| one.realm.connection() == Some(name) && scope.holds(token))
        })
        .map(|(name, connection)| (Realm::Mdm(name.clone()), builder.service(connection)))
        .collect();
    for (name, token) in desired.tokens.iter().filter(|(name, _)| scope.holds(name)) {
        if let (Realm::Direct(_), Some(named)) = (&token.realm, &token.direct) {
            let service = direct.service(name, token, named, || builder.http()).await;
            services.insert(token.realm.clone(), service);
        }
    }
    let mut organisations = BTreeMap::new();
    for name in concerned(desired, scope).union(also) {
        let client = direct.organisation(desired, name, || builder.http()).await;
        organisations.insert(Realm::Apple(name.clone()), client);
    }
    Services { tokens: services, organisations }
}

/// What the services of a run have in common.
struct Builder<'a> {
    settings: &'a Settings,
    world: &'a worlds::Running,
    clock: &'a Arc<dyn Clock>,
    /// `Fleet.expiryWarning`.
    horizon: Option<Duration>,
    patience: Duration,
    /// One for all services, made when the first of them needs it.
    http: Option<reqwest::Client>,
    found: &'a mut Diagnostics,
}

impl Builder<'_> {
    fn service(&mut self, connection: &Connection) -> Result<Service, Unknown> {
        let (graph, login, sign_in) = match self.world.addresses() {
            Some((graph, login)) => (graph, login, SignIn::Simulated),
            None => {
                let host = |own: &Option<Url>, vendors: &str| match own {
                    Some(url) => Ok(url.clone()),
                    None => Url::parse(vendors).map_err(|error| unusable(&error)),
                };
                let graph = host(&connection.endpoints.graph, cloud::graph(connection.cloud))?;
                let login = host(&connection.endpoints.login, cloud::login(connection.cloud))?;
                let variable = |name: &str| std::env::var(name).ok();
                let sign_in = credentials::sign_in(self.settings, &connection.credential, &variable)?;
                let now = self.clock.now();
                self.found.extend(credentials::expiry(&sign_in, connection, self.horizon, now));
                (graph, login, sign_in)
            }
        };
        let settings = GraphSettings {
            tenant_id: connection.tenant_id.clone(),
            client_id: connection.client_id.clone(),
            sign_in,
            cloud: connection.cloud,
            graph,
            login,
            assign_batch: connection.assign_batch,
            clock: Arc::clone(self.clock),
            user_agent: format!("espalier/{}", env!("CARGO_PKG_VERSION")),
            patience: self.patience,
        };
        let client = GraphClient::new(settings, self.http()?);
        Ok(Service {
            observer: Observer::Graph(GraphObserver::new(client.clone())),
            actuator: Actuator::Graph(GraphActuator::new(client)),
        })
    }

    fn http(&mut self) -> Result<reqwest::Client, Unknown> {
        if let Some(http) = &self.http {
            return Ok(http.clone());
        }
        let reach = if self.world.addresses().is_some() { Reach::Loopback } else { Reach::World };
        let built = crate::http::client(reach).map_err(|error| unusable(&error))?;
        self.world.keep_client(&built);
        Ok(self.http.insert(built).clone())
    }
}

fn unusable(error: &dyn std::error::Error) -> Unknown {
    Unknown {
        cause: Cause::Unavailable,
        reason: format!("no connection can be made: {error}"),
        next: "see the runner's TLS set-up".to_owned(),
    }
}
