//! Giving a device up for good: one device, one request, nothing of it ever twice.

use bytes::Bytes;
use reqwest::Method;

use super::actuate::{ACTIVITIES, BusinessActuator, Ended, activity_body, begun};
use super::client::{Call, LONGEST_OTHER};
use super::error::Operation;
use crate::http::retry::Repeat;
use crate::model::act::{Epoch, FreshLock, FreshOrgDevice};
use crate::model::clock::Timestamp;
use crate::model::organisation::{ActivationLock, ActivityId, ActivityKind};
use crate::model::{Edition, Serial};

/// The right to release one device, which nobody can undo. It cannot be copied, and sending uses it up.
#[derive(Debug)]
pub struct ReleasePermit(Serial);

/// Why a device must not be released.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseRefused {
    /// What was read is about two devices.
    #[error("the device {0} and the lock of {1} were read")]
    TwoDevices(Serial, Serial),
    /// The act is for another device, or for an earlier life of this one in the organisation.
    #[error(
        "{0} is not in the life that the release was asked for: it was removed and added again, or Apple does not tell when it was added"
    )]
    OtherEpoch(Serial),
    /// It is gone already.
    #[error("{0} was released at {1}")]
    Released(Serial, Timestamp),
    /// Whoever gets it could not use it.
    #[error("{0} has its Activation Lock on: lift it first (A-7)")]
    Locked(Serial),
}

impl ReleasePermit {
    /// The permit for a device, out of what Apple said of it for this release: it is still in the life that
    /// the act is bound to, and has no lock. Both reads are used up.
    ///
    /// There is one place that may call this: where the engine carries out an act of the kind `release`,
    /// after its checks, and with its intent and its receipt or proof in the ledger.
    ///
    /// # Errors
    /// See [`ReleaseRefused`].
    pub(crate) fn of(epoch: &Epoch, device: FreshOrgDevice, lock: FreshLock) -> Result<Self, ReleaseRefused> {
        let serial = device.serial();
        if lock.serial() != serial {
            return Err(ReleaseRefused::TwoDevices(serial, lock.serial()));
        }
        if let Some(at) = device.released() {
            return Err(ReleaseRefused::Released(serial, at));
        }
        if device.epoch().as_ref() != Some(epoch) {
            return Err(ReleaseRefused::OtherEpoch(serial));
        }
        match lock.lock() {
            ActivationLock::Off => Ok(Self(serial)),
            ActivationLock::ByMdm | ActivationLock::ByUser => Err(ReleaseRefused::Locked(serial)),
        }
    }

    /// The device.
    pub fn serial(&self) -> Serial {
        self.0
    }
}

/// Only [`crate::provider::Actuator`] calls this.
impl BusinessActuator {
    /// Releases a device, for good. It is sent once, whatever becomes of it, and not from `until` on. The id
    /// of the activity is to be kept before it is asked for; after [`Ended::Lost`] nobody knows it.
    ///
    /// Source: `POST /v1/orgDeviceActivities`, Business 2.4 and later, reference section 6.2.
    pub(in crate::provider) async fn release(
        &self,
        permit: ReleasePermit,
        until: Timestamp,
    ) -> Ended<ActivityId> {
        let operation = Operation::Release;
        if self.edition() == Edition::School {
            return self.not_in_school(operation);
        }
        let ReleasePermit(serial) = permit;
        let body = activity_body(ActivityKind::Release, None, None, &[serial]);
        let body = Some(Bytes::from(body.to_string()));
        let url = self.client().url(&[ACTIVITIES]);
        let call = Call::new(operation, Method::POST, url, body, Repeat::Never).at_most(LONGEST_OTHER);
        let sent = self.client().call_once(&call, until).await;
        match Ended::of(sent, |body| begun(operation, &body)) {
            Ended::Lost(mut error) => {
                error.next = "it is never sent again by itself: see in Apple's portal whether the device is still there, then say so with `espalier action resolve`";
                Ended::Lost(error)
            }
            ended => ended,
        }
    }
}
