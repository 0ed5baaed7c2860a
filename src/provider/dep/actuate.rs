//! The write half: one request per call. An end says "no effect" only where that is proven.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Map, Value, json};
use url::Url;

use super::client::{self, Call, DepClient, Failure, LONGEST_OTHER, Success, body_for};
use super::error::{DepError, Fault, Operation};
use super::wire::{self, DeviceResult};
use crate::http::retry::{Effect, Repeat};
use crate::model::Serial;
use crate::provider::ended;

/// Devices in one request at most (reference section 3.9).
pub const MOST_SERIALS: usize = 1_000;

/// Writes with one server token.
#[derive(Clone, Debug)]
pub struct DepActuator(DepClient);

/// What became of a write.
pub type Ended<T> = ended::Ended<T, DepError>;

/// A profile that was defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defined {
    /// `profile_uuid`: always a new one.
    pub profile_uuid: String,
    /// An earlier attempt's answer was lost: Apple may keep a twin whose UUID nobody knows. It does no
    /// harm, since no device carries it.
    pub may_have_twin: bool,
}

/// What became of the devices of one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Results {
    /// Each device that was asked for, in that order. What is not a success is not sent again here.
    pub devices: Vec<(Serial, DeviceResult)>,
    /// `retry_after_seconds`: how long to leave the throttled ones alone; `None`: not told.
    pub retry_after: Option<Duration>,
    /// An earlier attempt's answer was lost: the request may have been carried out twice, which counts
    /// towards Apple's limit per device.
    pub may_be_twice: bool,
}

/// The right to do what nobody can undo. Nothing makes one yet, so that nothing can disown a device.
#[derive(Debug)]
pub struct Irreversible(());

#[cfg(test)]
impl Irreversible {
    pub(super) fn for_tests() -> Self {
        Self(())
    }
}

impl DepActuator {
    /// The write half of a connection.
    pub fn new(client: DepClient) -> Self {
        Self(client)
    }

    /// Defines a profile, which assigns it to nobody. After a lost answer it is defined again: that
    /// leaves an unused profile behind at most.
    ///
    /// `body` is Apple's profile object. `devices` must not be in it, since it would make a repetition
    /// an assignment; nor `profile_uuid`, whose meaning there is not documented.
    ///
    /// Source: `POST /profile`, reference section 3.8.
    pub async fn define(&self, body: &Map<String, Value>) -> Ended<Defined> {
        let operation = Operation::DefineProfile;
        if let Some(member) =
            ["devices", "profile_uuid"].into_iter().find(|member| body.contains_key(*member))
        {
            let message = format!("a profile is defined without `{member}`");
            return Ended::NotSent(DepError::own(operation, Fault::NotSendable, message));
        }
        let call =
            self.call(operation, Method::POST, &["profile"], Some(client::json(body)), Repeat::Idempotent);
        ended(self.0.call(&call).await, operation, |success| {
            let profile_uuid = wire::read_defined(&success.body)?;
            Ok(Defined { profile_uuid, may_have_twin: success.doubted })
        })
    }

    /// Gives at most [`MOST_SERIALS`] devices a profile for their next activation. Whoever calls it has
    /// looked whether they have it already: a repeated assignment counts towards Apple's limit.
    ///
    /// Source: `POST /profile/devices`, reference section 3.9.
    pub async fn assign(&self, profile_uuid: &str, serials: &[Serial]) -> Ended<Results> {
        self.by_device(Operation::Assign, Method::POST, &["profile", "devices"], Some(profile_uuid), serials)
            .await
    }

    /// Takes whatever profile at most [`MOST_SERIALS`] devices have. Those that fetched it already keep
    /// it until they are erased.
    ///
    /// Source: `DELETE /profile/devices`, reference section 3.9.
    pub async fn remove(&self, serials: &[Serial]) -> Ended<Results> {
        self.by_device(Operation::Remove, Method::DELETE, &["profile", "devices"], None, serials).await
    }

    /// Gives at most [`MOST_SERIALS`] devices up: the organization loses them, and only the seller or
    /// Apple Configurator brings them back.
    ///
    /// Source: `POST /devices/disown`, reference section 3.7.
    pub async fn disown(&self, serials: &[Serial], _right: Irreversible) -> Ended<Results> {
        self.by_device(Operation::Disown, Method::POST, &["devices", "disown"], None, serials).await
    }

    /// Sets the URL of account-driven enrollment; `None` removes it.
    ///
    /// Source: `/account-driven-enrollment/profile`, reference section 3.13.
    pub async fn set_account_driven_url(&self, url: Option<&Url>) -> Ended<()> {
        let operation = Operation::SetAccountDrivenUrl;
        let (method, body) = match url {
            Some(url) => {
                (Method::POST, Some(client::json(&json!({ "mdm_service_discovery_url": url.as_str() }))))
            }
            None => (Method::DELETE, None),
        };
        let segments = ["account-driven-enrollment", "profile"];
        let call = self.call(operation, method, &segments, body, Repeat::Idempotent);
        match self.0.call(&call).await {
            // It is gone, by an earlier attempt or by somebody else.
            Err(Failure { error, .. })
                if url.is_none() && error.fault == Fault::NotFound && error.service_code.is_some() =>
            {
                Ended::Done(())
            }
            sent => ended(sent, operation, |_| Ok(())),
        }
    }

    async fn by_device(
        &self,
        operation: Operation,
        method: Method,
        segments: &[&str],
        profile_uuid: Option<&str>,
        serials: &[Serial],
    ) -> Ended<Results> {
        if serials.is_empty() {
            return Ended::Done(Results::default());
        }
        if serials.len() > MOST_SERIALS {
            let message =
                format!("{} devices in one request, and {MOST_SERIALS} are the most", serials.len());
            return Ended::NotSent(DepError::own(operation, Fault::NotSendable, message));
        }
        // What nobody can undo is not sent again on a doubt.
        let repeat = if operation == Operation::Disown { Repeat::Never } else { Repeat::Idempotent };
        let body = body_for(serials, profile_uuid);
        let mut call = self.call(operation, method, segments, Some(body), repeat);
        let mut sent = self.0.call(&call).await;
        if operation == Operation::Assign
            && let Err(Failure { error, effect: Effect::Refused }) = &sent
            && error.status == Some(405)
        {
            // Older services know the historic method alone; 405 proves that nothing was done.
            call.method = Method::PUT;
            sent = self.0.call(&call).await;
        }
        ended(sent, operation, |success| {
            let statuses = wire::read_statuses(&success.body)?;
            let result = |serial| statuses.devices.get(serial).copied().unwrap_or(DeviceResult::Missing);
            Ok(Results {
                devices: serials.iter().map(|serial| (*serial, result(serial))).collect(),
                retry_after: statuses.retry_after_seconds.map(Duration::from_secs),
                may_be_twice: success.doubted,
            })
        })
    }

    fn call(
        &self,
        operation: Operation,
        method: Method,
        segments: &[&str],
        body: Option<Bytes>,
        repeat: Repeat,
    ) -> Call {
        let url = self.0.url(segments, None);
        Call::new(operation, method, url, body, repeat).at_most(LONGEST_OTHER)
    }
}

fn ended<T>(
    sent: Result<Success, Failure>,
    operation: Operation,
    read: impl FnOnce(Success) -> Result<T, serde_json::Error>,
) -> Ended<T> {
    Ended::of(sent, |success| read(success).map_err(|error| DepError::unreadable(operation, &error)))
}
