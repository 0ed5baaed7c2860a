//! What applying asks of an organisation at Apple: few words, so that its logic can be held against
//! played answers.

use std::collections::HashSet;
use std::future::Future;

use super::super::Service;
use crate::model::live::Complete;
use crate::model::organisation::{ActivityRow, ActivityState, LiveService};
use crate::model::{ActivityId, Serial, ServiceId};
use crate::provider::{AppleWrite, Observer, Outcome, Trouble, Write};

/// How far an activity was, and what its log told if it had ended.
#[derive(Clone, Debug)]
pub(in crate::apply) struct Seen {
    /// How far.
    pub state: ActivityState,
    /// The rows of the log, by ascending serial; `None`: there is none, or it could not be had.
    pub rows: Option<Vec<ActivityRow>>,
}

/// An organisation. Every read is whole, or an error.
pub(in crate::apply) trait Door {
    /// Carries out one write.
    fn write(&self, write: &AppleWrite) -> impl Future<Output = Outcome> + Send;

    /// Looks at an activity once; of one that ended the log is fetched at once, for it is not kept long.
    fn look(&self, activity: &ActivityId) -> impl Future<Output = Result<Seen, Trouble>> + Send;

    /// The devices of a service.
    fn linkage(&self, service: &ServiceId) -> impl Future<Output = Result<HashSet<Serial>, Trouble>> + Send;

    /// All services, without their default families.
    fn services(&self) -> impl Future<Output = Result<Complete<LiveService>, Trouble>> + Send;

    /// One service with its default families; `None`: there is none of this id.
    fn service(&self, id: &ServiceId) -> impl Future<Output = Result<Option<LiveService>, Trouble>> + Send;
}

/// The organisation behind a connection.
#[derive(Clone, Copy)]
pub(in crate::apply) struct Real<'s>(pub &'s Service);

impl Door for Real<'_> {
    async fn write(&self, write: &AppleWrite) -> Outcome {
        self.0.actuator.write(&Write::Apple(write.clone())).await
    }

    async fn look(&self, activity: &ActivityId) -> Result<Seen, Trouble> {
        let Observer::Apple(apple) = &self.0.observer else { return Err(Trouble::misdirected()) };
        let look = apple.api.activity(activity).await?;
        // Whatever is the matter with the log, the services' own lists tell what became of the devices.
        let rows = match &look.log {
            Some(address) => apple.logs.fetch(address).await.ok().map(|log| log.rows),
            None => None,
        };
        Ok(Seen { state: look.state, rows })
    }

    async fn linkage(&self, service: &ServiceId) -> Result<HashSet<Serial>, Trouble> {
        let Observer::Apple(apple) = &self.0.observer else { return Err(Trouble::misdirected()) };
        let mut serials = HashSet::new();
        apple.api.linkages(service, &mut |serial| serials.extend(Serial::new(serial))).await?;
        Ok(serials)
    }

    async fn services(&self) -> Result<Complete<LiveService>, Trouble> {
        let Observer::Apple(apple) = &self.0.observer else { return Err(Trouble::misdirected()) };
        Ok(apple.api.services().await?)
    }

    async fn service(&self, id: &ServiceId) -> Result<Option<LiveService>, Trouble> {
        let Observer::Apple(apple) = &self.0.observer else { return Err(Trouble::misdirected()) };
        Ok(apple.api.service(id).await?)
    }
}
