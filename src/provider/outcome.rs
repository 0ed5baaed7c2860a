//! What became of a write, in the same words for every service.

use std::fmt;
use std::time::Duration;

use super::{business, dep, ended, graph};
use crate::model::act::ApprovalCode;
use crate::model::clock::Timestamp;
use crate::model::live::{Cause, LiveProfile, Unknown};
use crate::model::{ActivityId, ProfileId, Serial, ServiceId};

/// What became of a write.
#[allow(clippy::large_enum_variant, reason = "one for each request, and never kept in numbers")]
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Carried out; what the service told of it.
    Done(Done),
    /// Refused by the service: proven to have no effect.
    Refused(Trouble),
    /// Not carried out (credentials, no connection, throttled beyond patience): proven to have no
    /// effect.
    NotSent(Trouble),
    /// The answer was lost, or an assignment was carried out in part: may have had its effect.
    Lost(Trouble),
}

/// What a service told of a write that it carried out.
#[derive(Clone, Debug, Default)]
pub struct Done {
    /// The profile as the service returned it, where it did.
    pub profile: Option<LiveProfile>,
    /// The id of the profile that was made or changed, where the service told it.
    pub object: Option<ProfileId>,
    /// What became of single devices, where the service tells that.
    pub items: Option<Items>,
    /// The activity at Apple that was begun: it tells later what became of the devices.
    pub activity: Option<ActivityId>,
    /// The device management service at Apple that was made.
    pub service: Option<ServiceId>,
}

impl Done {
    /// With the profile that the service returned.
    pub fn with_profile(profile: Option<LiveProfile>) -> Self {
        Self { object: profile.as_ref().map(|profile| profile.id.clone()), profile, ..Self::default() }
    }
}

/// What became of the devices of one request. A device is in exactly one of the lists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// `SUCCESS`
    pub done: Vec<Serial>,
    /// `THROTTLED`: Apple limits these very devices.
    pub throttled: Vec<Serial>,
    /// `FAILED`, for reasons that Apple keeps to itself.
    pub failed: Vec<Serial>,
    /// Left out of the answer: to be taken as failed.
    pub missing: Vec<Serial>,
    /// `NOT_ACCESSIBLE`: not on this server.
    pub not_accessible: Vec<Serial>,
    /// How long to leave the throttled ones in peace; `None`: not told.
    pub retry_after: Option<Duration>,
}

impl From<dep::Results> for Items {
    fn from(results: dep::Results) -> Self {
        let mut items = Items { retry_after: results.retry_after, ..Items::default() };
        for (serial, result) in results.devices {
            let list = match result {
                dep::DeviceResult::Success => &mut items.done,
                dep::DeviceResult::NotAccessible => &mut items.not_accessible,
                dep::DeviceResult::Failed => &mut items.failed,
                dep::DeviceResult::Throttled => &mut items.throttled,
                dep::DeviceResult::Missing => &mut items.missing,
            };
            list.push(serial);
        }
        items
    }
}

/// What became of a request to a device, which is never sent twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActAnswer {
    /// The service took it; what the device does is seen later.
    Accepted {
        /// When the answer came.
        at: Timestamp,
    },
    /// It was not carried out: a second person at the service has to approve first. The identical request
    /// may be sent again after that.
    ApprovalNeeded {
        /// Under which it waits there; `None`: the service did not tell.
        code: Option<ApprovalCode>,
    },
    /// The service clearly refused it.
    Refused(Trouble),
    /// It was never put on the wire.
    NotSent(Trouble),
    /// The answer was lost or proves nothing: it may have been carried out.
    Lost(Trouble),
}

/// A write that did not go as wished. No text in it holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What was being done, in words.
    pub operation: String,
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// The HTTP status; `None` if there was no answer.
    pub status: Option<u16>,
    /// The service's own code, or ours; `None` where there is none.
    pub code: Option<String>,
    /// The service's words alone.
    pub message: String,
    /// All of it in one sentence.
    pub text: String,
    /// What to do next.
    pub next: String,
    /// The instant before which the same would meet the same: a budget that is used up, or what the
    /// service asked for. `None`: it is not known, or any time will do.
    pub not_before: Option<Timestamp>,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Trouble {
    /// A write that was handed to another kind of service than it is for: nothing was sent.
    pub(crate) fn misdirected() -> Self {
        let text = "the write is for another kind of service, and was not sent".to_owned();
        Self {
            operation: "writing".to_owned(),
            cause: Cause::Refused,
            status: None,
            code: None,
            message: text.clone(),
            text,
            next: "this is a mistake of espalier: report it with your plan".to_owned(),
            not_before: None,
        }
    }
}

impl From<graph::ServiceError> for Trouble {
    fn from(error: graph::ServiceError) -> Self {
        Self {
            operation: error.operation.to_string(),
            cause: error.cause,
            status: error.status,
            text: error.to_string(),
            code: error.code,
            message: error.message,
            next: error.next,
            not_before: None,
        }
    }
}

impl From<dep::DepError> for Trouble {
    fn from(error: dep::DepError) -> Self {
        let Unknown { cause, reason, next } = unknown(&error);
        Self {
            operation: error.operation.to_string(),
            cause,
            status: error.status,
            code: Some(error.code().to_owned()),
            message: error.message,
            text: reason,
            next,
            not_before: None,
        }
    }
}

impl From<business::BusinessError> for Trouble {
    fn from(error: business::BusinessError) -> Self {
        let (operation, status, not_before) = (error.operation.to_string(), error.status, error.not_before);
        let (code, message) = (Some(error.code().to_owned()), error.message.clone());
        let Unknown { cause, reason, next } = error.into();
        Self { operation, cause, status, code, message, text: reason, next, not_before }
    }
}

/// Why a fact at Apple's enrollment service is not known; the stable code stands behind the words.
pub(crate) fn unknown(error: &dep::DepError) -> Unknown {
    let reason = format!("{error} [{}]", error.code());
    Unknown { cause: error.cause, reason, next: error.next.clone() }
}

impl From<graph::Outcome> for Outcome {
    fn from(outcome: graph::Outcome) -> Self {
        match outcome {
            graph::Outcome::Done(profile) => Outcome::Done(Done::with_profile(profile)),
            graph::Outcome::Refused(error) => Outcome::Refused(error.into()),
            graph::Outcome::NotSent(error) => Outcome::NotSent(error.into()),
            graph::Outcome::Lost(error) => Outcome::Lost(error.into()),
        }
    }
}

impl Outcome {
    /// From what became of a write at one of Apple's services; `done` reads what it answered.
    pub(super) fn of_ended<T, E: Into<Trouble>>(
        ended: ended::Ended<T, E>,
        done: impl FnOnce(T) -> Done,
    ) -> Self {
        match ended {
            ended::Ended::Done(answer) => Outcome::Done(done(answer)),
            ended::Ended::Refused(error) => Outcome::Refused(error.into()),
            ended::Ended::NotSent(error) => Outcome::NotSent(error.into()),
            ended::Ended::Lost(error) => Outcome::Lost(error.into()),
        }
    }
}
