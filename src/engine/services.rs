//! The services of a run, one per connection. A credential that cannot be had stops its
//! connection only.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{Settings, worlds};
use crate::apply::Service;
use crate::http::Reach;
use crate::manifest::secrets;
use crate::model::Name;
use crate::model::clock::Clock;
use crate::model::desired::{Connection, Credential, Desired};
use crate::model::live::{Cause, Unknown};
use crate::provider::graph::{GraphActuator, GraphClient, GraphObserver, GraphSettings, SignIn};

/// Graph's host in the global cloud (reference intune-graph section 1).
const GRAPH: &str = "https://graph.microsoft.com";

/// Entra's token service in the global cloud.
const LOGIN: &str = "https://login.microsoftonline.com";

/// How long the pauses of one call may be in all: the service's throttling windows are 20 seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// Builds the services that token documents need.
pub(super) fn of(
    settings: &Settings,
    desired: &Desired,
    world: &worlds::Running,
    clock: &Arc<dyn Clock>,
) -> BTreeMap<Name, Result<Service, Unknown>> {
    let mut http = world.client();
    desired
        .connections
        .iter()
        .filter(|(name, _)| desired.tokens.values().any(|token| token.connection == **name))
        .map(|(name, connection)| {
            let service = client(settings, connection, world, clock, &mut http);
            (name.clone(), service)
        })
        .collect()
}

fn client(
    settings: &Settings,
    connection: &Connection,
    world: &worlds::Running,
    clock: &Arc<dyn Clock>,
    http: &mut Option<reqwest::Client>,
) -> Result<Service, Unknown> {
    let (graph, login, sign_in) = match world.addresses() {
        Some((graph, login)) => (graph, login, SignIn::Simulated),
        None => {
            let host = |own: &Option<Url>, vendors: &str| match own {
                Some(url) => Ok(url.clone()),
                None => Url::parse(vendors).map_err(|error| unusable(&error)),
            };
            let graph = host(&connection.endpoints.graph, GRAPH)?;
            let login = host(&connection.endpoints.login, LOGIN)?;
            (graph, login, sign_in(settings, connection)?)
        }
    };
    let reach = if world.addresses().is_some() { Reach::Loopback } else { Reach::World };
    let http = match http {
        Some(http) => http.clone(),
        None => http.insert(crate::http::client(reach).map_err(|error| unusable(&error))?).clone(),
    };
    let client = GraphClient::new(
        GraphSettings {
            tenant_id: connection.tenant_id.clone(),
            client_id: connection.client_id.clone(),
            sign_in,
            graph,
            login,
            assign_batch: connection.assign_batch,
            clock: Arc::clone(clock),
            user_agent: format!("espalier/{}", env!("CARGO_PKG_VERSION")),
            patience: PATIENCE,
        },
        http,
    );
    Ok(Service { observer: GraphObserver::new(client.clone()), actuator: GraphActuator::new(client) })
}

fn sign_in(settings: &Settings, connection: &Connection) -> Result<SignIn, Unknown> {
    match &connection.credential {
        Credential::ClientSecret(secret) => secrets::resolve(secret, &settings.folder, settings.allow)
            .map(SignIn::ClientSecret)
            .map_err(|error| Unknown {
                cause: Cause::Credentials,
                reason: format!("the client secret cannot be had: {error}"),
                next: "give the runner the secret that Connection.intune.credential names".to_owned(),
            }),
        Credential::FederatedTokenFile(path) => Ok(SignIn::FederatedTokenFile(settings.folder.join(path))),
    }
}

fn unusable(error: &dyn std::error::Error) -> Unknown {
    Unknown {
        cause: Cause::Unavailable,
        reason: format!("no connection can be made: {error}"),
        next: "see the runner's TLS set-up".to_owned(),
    }
}
