//! The promise of a request to a device, and the permit that comes of it.

use super::error::LedgerError;
use super::event::{Entry, Event};
use super::{Lease, Ledger};
use crate::acts::{ActEvent, Cleared, Leg};
use crate::model::clock::Timestamp;
use crate::model::{ActId, Epoch, Name};

/// What is about to be sent, apart from the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The tenant that gets it.
    pub tenant: String,
    /// The token whose limit it counts for; `None` where no token of the folder has the serial.
    pub token: Option<Name>,
    /// `sha256:` and hex over the request: method, path and body, secrets as their references.
    pub digest: String,
    /// The approval elsewhere under which the same request is sent again.
    pub approved_elsewhere: Option<String>,
}

/// The right to send one request to one device, once. Only the ledger gives one, after the promise is durable,
/// and whatever sends uses it up: it cannot be copied, kept for later, or made by hand.
#[derive(Debug)]
pub struct Permit {
    row: i64,
    act: ActId,
    leg: Leg,
    epoch: Epoch,
    request: Request,
}

impl Permit {
    /// The number of the promise.
    pub fn row(&self) -> i64 {
        self.row
    }

    /// The act.
    pub fn act(&self) -> &ActId {
        &self.act
    }

    /// Which request of it.
    pub fn leg(&self) -> Leg {
        self.leg
    }

    /// The life of the device that it is for.
    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// What was promised.
    pub fn request(&self) -> &Request {
        &self.request
    }
}

/// The act that an event promises: such events are written by [`Ledger::promise`] alone.
pub(super) fn promised(event: &Event) -> Option<ActId> {
    match event {
        Event::Act(ActEvent::Promised { act, .. }) => Some(act.clone()),
        _ => None,
    }
}

impl Ledger {
    /// Promises a request to a device, with the sealed code that it rests on, in one durable entry.
    ///
    /// # Errors
    /// [`LedgerError::Illegal`] where the act was sent before, has ended, is sent again as another request, or
    /// where another destructive act of the device is under way; [`LedgerError::Late`] where another run wrote
    /// meanwhile. Nothing may be sent then.
    pub fn promise(
        &self,
        lease: &Lease,
        at: Timestamp,
        cleared: Cleared,
        request: Request,
    ) -> Result<Permit, LedgerError> {
        let (act, leg, epoch, safeguard, sealed, approved_by) = cleared.into_parts();
        let event = ActEvent::Promised {
            act: act.clone(),
            leg,
            tenant: request.tenant.clone(),
            token: request.token.clone(),
            epoch: epoch.clone(),
            safeguard,
            sealed,
            request: request.digest.clone(),
            approved_elsewhere: request.approved_elsewhere.clone(),
            approved_by,
        };
        let rows = self.write(lease, at, vec![Entry::Event(Event::Act(event))])?;
        match rows.as_slice() {
            [row] => Ok(Permit { row: *row, act, leg, epoch, request }),
            _ => Err(LedgerError::Unchecked { act }),
        }
    }
}
