//! The simulator: Entra's token endpoint and Microsoft Graph for Intune's Apple enrollment and devices, with the
//! services of GitHub and Azure that vouch for a program at Entra, Apple's enrollment service, and the
//! APIs of Apple Business and Apple School with their token endpoint and storage; on loopback, over
//! one seeded world with a clock that can be stepped (design section 8).
//!
//! It is written from the services' descriptions and not from a client: it imports nothing of
//! ours but identifiers and time, so that a mistake of the client is not repeated here. Key
//! invariant: an answer follows from the world, the request and the faults that are switched on,
//! never from the machine's clock.
//!
//! ```text
//!   client ──> graph ──┐
//!   client ──> dep ────┤
//!   client ──> business, school, account, storage
//!                      │
//!   client ──> login ──┼──> faults ──> World <── portal, clock, faults ──< control <── harness
//!   client ──> github, imds, identity ──┘
//! ```

#![warn(missing_docs)]

mod account;
pub mod apple;
mod business;
pub mod calls;
mod clock;
mod control;
mod dep;
pub mod device;
pub mod directory;
pub mod fault;
mod graph;
mod line;
mod login;
pub mod portal;
pub mod push;
mod record;
mod remote;
pub mod seed;
mod shared;
pub mod vpp;
pub mod world;

#[cfg(test)]
mod tests;

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use apple::organization::seed::{
    SeedApiAccount, SeedDeviceService, SeedGenerated, SeedIntuneLink, SeedOrganizationDevice,
};
pub use apple::{ApiKey, SeedOrganization, SeedService, ServerToken};
pub use calls::{Call, CallKind};
pub use control::schema as control_schema;
pub use device::seed::SeedManagedDevice;
pub use fault::{Fault, FaultName, When};
pub use remote::RemoteSim;
pub use seed::{Seed, SeedClient, SeedTenant, SeedToken, SeedVppToken};
pub use world::{World, WorldError};

use crate::model::clock::{Clock, Timestamp, after};
use line::{CuttableListener, Line};
use shared::Shared;

/// How a simulator is started.
#[derive(Debug)]
pub struct Options {
    /// The world to begin with.
    pub world: World,
    /// The first of the ports, in the order of [`Addresses`]; `None`: any free ones.
    pub ports_from: Option<u16>,
    /// Rows per page of every list; `None`: 1000.
    pub page_size: Option<usize>,
    /// Where every exchange is appended as a line of JSON; `None`: nowhere.
    pub record: Option<PathBuf>,
    /// Where the world is kept: written after each write request and at the end; only at the end
    /// for a world of more than 20,000 devices. `None`: nowhere.
    pub persist: Option<PathBuf>,
}

impl Options {
    /// Any ports, pages of 1000, nothing written to disk.
    pub fn new(world: World) -> Self {
        Self { world, ports_from: None, page_size: None, record: None, persist: None }
    }
}

/// Where the services of a simulator are: scheme, host and port, as the real hosts are rooted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Addresses {
    /// The control port.
    pub control: String,
    /// Microsoft Graph.
    pub graph: String,
    /// Entra's token service.
    pub login: String,
    /// GitHub's token service for workflows; `ACTIONS_ID_TOKEN_REQUEST_URL` is `/idtoken` there.
    pub github: String,
    /// Azure's metadata service (169.254.169.254), `AZURE_POD_IDENTITY_AUTHORITY_HOST`.
    pub imds: String,
    /// The endpoint at which an app asks for its identity; `IDENTITY_ENDPOINT` is any path there.
    pub identity: String,
    /// Apple's enrollment service.
    pub dep: String,
    /// The API of Apple Business.
    pub business: String,
    /// The API of Apple School.
    pub school: String,
    /// Apple's token endpoint for both.
    pub account: String,
    /// The host from which the logs of activities are downloaded.
    pub storage: String,
}

/// Why a simulator does not run, or cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// A port is not to be had.
    #[error("the simulator cannot listen on 127.0.0.1:{port}; choose others with --ports-from")]
    Listen {
        /// The port; 0 is any.
        port: u16,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The ports from the given one on go beyond 65535.
    #[error("there are not eleven ports from {from} on; choose a lower --ports-from")]
    NoPorts {
        /// The first port.
        from: u16,
    },
    /// The record cannot be opened.
    #[error("the record of exchanges {path} cannot be written")]
    Record {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The world cannot be kept.
    #[error("the simulator's world {path} cannot be written")]
    Persist {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// A simulator that should run elsewhere does not answer as one.
    #[error("no simulator answers at {address}")]
    Remote {
        /// Its control address.
        address: String,
        /// What went wrong.
        #[source]
        source: reqwest::Error,
    },
}

impl SimError {
    /// The stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Listen { .. } => "sim-port",
            Self::NoPorts { .. } => "sim-no-ports",
            Self::Record { .. } => "sim-record",
            Self::Persist { .. } => "sim-persist",
            Self::Remote { .. } => "sim-unreachable",
        }
    }
}

/// A running simulator. It ends when [`Sim::stop`] is called or the value is dropped.
#[derive(Debug)]
pub struct Sim {
    shared: Arc<Shared>,
    shutdown: watch::Sender<bool>,
}

impl Sim {
    /// Starts every service on a loopback port of its own.
    ///
    /// # Errors
    /// When a port or the record cannot be had.
    pub async fn start(options: Options) -> Result<Sim, SimError> {
        let mut listeners = Vec::new();
        for offset in 0..11u16 {
            let port = match options.ports_from {
                None => 0,
                Some(from) => from.checked_add(offset).ok_or(SimError::NoPorts { from })?,
            };
            let refused = |source| SimError::Listen { port, source };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(refused)?;
            let address = listener.local_addr().map_err(refused)?;
            listeners.push((listener, address));
        }
        let url = |at: usize| listeners.get(at).map(|(_, a): &(_, SocketAddr)| format!("http://{a}"));
        let addresses = Addresses {
            control: url(0).unwrap_or_default(),
            graph: url(1).unwrap_or_default(),
            login: url(2).unwrap_or_default(),
            github: url(3).unwrap_or_default(),
            imds: url(4).unwrap_or_default(),
            identity: url(5).unwrap_or_default(),
            dep: url(6).unwrap_or_default(),
            business: url(7).unwrap_or_default(),
            school: url(8).unwrap_or_default(),
            account: url(9).unwrap_or_default(),
            storage: url(10).unwrap_or_default(),
        };
        let shared = Arc::new(Shared::new(options, addresses)?);
        let routers = [
            control::router(Arc::clone(&shared)),
            Router::new().fallback(graph::serve).with_state(Arc::clone(&shared)),
            Router::new().fallback(login::serve).with_state(Arc::clone(&shared)),
            Router::new().fallback(login::serve_github).with_state(Arc::clone(&shared)),
            Router::new().fallback(login::serve_metadata).with_state(Arc::clone(&shared)),
            Router::new().fallback(login::serve_identity).with_state(Arc::clone(&shared)),
            Router::new().fallback(dep::serve).with_state(Arc::clone(&shared)),
            Router::new().fallback(business::serve_business).with_state(Arc::clone(&shared)),
            Router::new().fallback(business::serve_school).with_state(Arc::clone(&shared)),
            Router::new().fallback(account::serve).with_state(Arc::clone(&shared)),
            Router::new().fallback(business::storage::serve).with_state(Arc::clone(&shared)),
        ];
        let (shutdown, _) = watch::channel(false);
        for ((listener, _), router) in listeners.into_iter().zip(routers) {
            let mut over = shutdown.subscribe();
            let service = router.into_make_service_with_connect_info::<Line>();
            let server =
                axum::serve(CuttableListener(listener), service).with_graceful_shutdown(async move {
                    // A sender that is gone means the same as a word from it.
                    let _ = over.changed().await;
                });
            tokio::spawn(async move {
                // `axum::serve` returns only after the shutdown, and then without an error.
                let _ = server.await;
            });
        }
        Ok(Sim { shared, shutdown })
    }

    /// Where the services are.
    pub fn addresses(&self) -> &Addresses {
        self.shared.addresses()
    }

    /// The world's clock: waiting on it steps it.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(WorldClock(Arc::clone(&self.shared)))
    }

    /// A copy of the world as it is.
    pub fn world(&self) -> World {
        self.shared.world().clone()
    }

    /// Looks at the world, or changes it, without a copy. Nothing is served meanwhile.
    pub fn with_world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.shared.world())
    }

    /// The server token of a service by UUID or name, as `GET /credentials` tells it; `None` where
    /// there is no such service.
    pub fn server_token(&self, service: &str) -> Option<ServerToken> {
        self.shared.world().server_token(service)
    }

    /// The private key of an API account with what goes with it, as `GET /credentials` tells it; `None`
    /// where no organization has the account, or its key was given from outside.
    pub fn api_key(&self, client_id: &str) -> Option<ApiKey> {
        self.shared.world().api_key(client_id)
    }

    /// What was asked of the services since the start or since [`Sim::forget_calls`].
    pub fn calls(&self) -> Vec<Call> {
        self.shared.calls().list()
    }

    /// Forgets the calls, as `DELETE /calls` does.
    pub fn forget_calls(&self) {
        self.shared.calls().clear();
    }

    /// Switches a fault on, as `POST /faults` does. Returns its id.
    pub fn add_fault(&self, fault: Fault) -> String {
        self.shared.faults().add(fault)
    }

    /// Switches all faults off, as `DELETE /faults` does.
    pub fn clear_faults(&self) {
        self.shared.faults().clear();
        self.shared.faults_changed();
    }

    /// How often a fault has struck; `None` for one that is not there.
    pub fn fault_hits(&self, id: &str) -> Option<u64> {
        self.shared.faults().hits(id)
    }

    /// Returns once the fault has struck so many times; at once for one that is not there.
    pub async fn fault_hit(&self, id: &str, hits: u64) {
        self.shared.wait_for_hits(id, hits).await;
    }

    /// Stops every service, cuts what is still being answered, and keeps the world.
    ///
    /// # Errors
    /// When the world could not be kept, or the record not be written to the end.
    pub async fn stop(self) -> Result<(), SimError> {
        self.shared.stop();
        self.shutdown.send_replace(true);
        self.shared.keep_at_end()
    }
}

/// The clock of a world in this process.
struct WorldClock(Arc<Shared>);

impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.0.world().now
    }

    /// Steps the world to `span` after this call, so that waits side by side do not add up.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = after(self.now(), span);
        Box::pin(async move {
            // Others that wait as well get to name their instant first.
            tokio::task::yield_now().await;
            self.0.world().advance_to(until);
        })
    }
}
