//! A simulator that runs in another process, seen through its control port.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use super::apple::{ApiKey, ServerToken};
use super::calls::Call;
use super::control::{AnyCredentials, ClockNow, ClockStep, Credentials};
use super::seed::Seed;
use super::{Addresses, SimError};
use crate::model::clock::{Clock, Timestamp, after};

/// The longest wait for the control port, in real time: it answers from memory.
const PATIENCE: Duration = Duration::from_secs(30);

/// A simulator that runs in another process.
#[derive(Clone, Debug)]
pub struct RemoteSim {
    addresses: Box<Addresses>,
    control: Control,
    now: Arc<Mutex<Timestamp>>,
}

#[derive(Clone, Debug)]
struct Control {
    client: reqwest::Client,
    address: String,
}

impl RemoteSim {
    /// Asks the control address for the services and the time.
    ///
    /// # Errors
    /// When no simulator answers there.
    pub async fn connect(address: &str) -> Result<Self, SimError> {
        let failed = |source| SimError::Remote { address: address.to_owned(), source };
        Self::connect_by(http().map_err(failed)?, address).await
    }

    /// Likewise, by a client that the caller has: each one costs the reading of the machine's
    /// certificate store.
    ///
    /// # Errors
    /// When no simulator answers there.
    pub async fn connect_by(client: reqwest::Client, address: &str) -> Result<Self, SimError> {
        let address = address.trim_end_matches('/').to_owned();
        let failed = |source| SimError::Remote { address: address.clone(), source };
        let control = Control { client, address: address.clone() };
        let addresses: Box<Addresses> = control.get("/services").await.map_err(failed)?;
        let clock: ClockNow = control.get("/clock").await.map_err(failed)?;
        Ok(Self { addresses, control, now: Arc::new(Mutex::new(clock.now)) })
    }

    /// Where the services are.
    pub fn services(&self) -> &Addresses {
        &self.addresses
    }

    /// The world's clock. `now` is what was last heard: at the connection, after each wait, and
    /// at [`RemoteSim::refresh`].
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }

    /// Asks for the time anew.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn refresh(&self) -> Result<Timestamp, SimError> {
        let clock: ClockNow = self.control.get("/clock").await.map_err(|source| self.lost(source))?;
        self.set_now(clock.now);
        Ok(clock.now)
    }

    /// Adds to the world what a seed names and the world lacks.
    ///
    /// # Errors
    /// When the simulator does not answer, or refuses.
    pub async fn add(&self, seed: &Seed) -> Result<(), SimError> {
        let url = format!("{}/world", self.control.address);
        let sent = self.control.client.post(url).timeout(PATIENCE).json(seed).send().await;
        sent.and_then(reqwest::Response::error_for_status).map(drop).map_err(|source| self.lost(source))
    }

    /// What was asked of the services.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn calls(&self) -> Result<Vec<Call>, SimError> {
        self.control.get("/calls").await.map_err(|source| self.lost(source))
    }

    /// The server token of a service by UUID or name; `None` where there is no such service.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn server_token(&self, service: &str) -> Result<Option<ServerToken>, SimError> {
        let all: Vec<AnyCredentials> =
            self.control.get("/credentials").await.map_err(|source| self.lost(source))?;
        let all = all.into_iter().filter_map(|one| match one {
            AnyCredentials::Service(one) => Some(one),
            AnyCredentials::Account(_) => None,
        });
        let of = |one: &Credentials| {
            one.server_uuid.eq_ignore_ascii_case(&service.replace('-', ""))
                || one.service == service
                || one.known_as.iter().any(|name| name == service)
        };
        let mut all = all;
        Ok(all.find(of).map(|one| one.token))
    }

    /// The private key of an API account by its client id, with what goes with it; `None` where there
    /// is no such account, or its key was given from outside.
    ///
    /// # Errors
    /// When the simulator does not answer.
    pub async fn api_key(&self, client_id: &str) -> Result<Option<ApiKey>, SimError> {
        let all: Vec<AnyCredentials> =
            self.control.get("/credentials").await.map_err(|source| self.lost(source))?;
        Ok(all.into_iter().find_map(|one| match one {
            AnyCredentials::Account(key) if key.client_id == client_id => Some(key),
            _ => None,
        }))
    }

    fn lost(&self, source: reqwest::Error) -> SimError {
        SimError::Remote { address: self.control.address.clone(), source }
    }

    fn set_now(&self, now: Timestamp) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }
}

/// The client of all control ports. Building one reads the machine's certificates, which takes
/// longer than all that is asked here.
fn http() -> Result<reqwest::Client, reqwest::Error> {
    static SHARED: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(shared) = SHARED.get() {
        return Ok(shared.clone());
    }
    let built = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    Ok(SHARED.get_or_init(|| built).clone())
}

impl Control {
    async fn get<T: serde::de::DeserializeOwned>(&self, path: &str) -> Result<T, reqwest::Error> {
        let url = format!("{}{path}", self.address);
        self.client.get(url).timeout(PATIENCE).send().await?.error_for_status()?.json().await
    }

    async fn step_to(&self, to: Timestamp) -> Result<ClockNow, reqwest::Error> {
        let url = format!("{}/clock", self.address);
        let answer = self.client.post(url).timeout(PATIENCE).json(&ClockStep::AdvanceTo(to)).send().await?;
        answer.error_for_status()?.json().await
    }
}

impl Clock for RemoteSim {
    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Steps the world to `span` after this call. A simulator that is gone does not hold anybody
    /// up: the time is taken as passed, and the next call to a service says that it is gone.
    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let until = after(self.now(), span);
        Box::pin(async move {
            let now = self.control.step_to(until).await.map_or(until, |clock| clock.now);
            self.set_now(now.max(self.now()));
        })
    }
}
