//! The write half of a direct token.

use url::Url;

use super::DirectActuator;
use crate::model::{Fields, Platform, ProfileId, Serial};
use crate::provider::dep;
use crate::provider::outcome::{Done, Items, Outcome};

/// One write with a direct token; each is one request.
#[derive(Clone, Debug)]
pub enum Write {
    /// Defines a profile, which nobody has yet.
    Define {
        /// The platform that its document is for.
        platform: Platform,
        /// All its fields, the name among them.
        fields: Fields,
    },
    /// Gives at most [`dep::MOST_SERIALS`] devices a profile for their next activation.
    Assign {
        /// The profile.
        profile: ProfileId,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Takes whatever profile they have from at most [`dep::MOST_SERIALS`] devices.
    Remove {
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Sets the URL of account-driven enrollment, or takes it away.
    SetAccountDrivenUrl {
        /// As it shall be; `None`: none.
        url: Option<Url>,
    },
}

impl DirectActuator {
    /// Carries out one write.
    pub async fn write(&self, write: &Write) -> Outcome {
        match write {
            Write::Define { platform, fields } => {
                let body = dep::convert::body(*platform, fields);
                Outcome::of_ended(self.0.define(&body).await, |defined| Done {
                    object: Some(ProfileId(defined.profile_uuid)),
                    ..Done::default()
                })
            }
            Write::Assign { profile, serials } => {
                Outcome::of_ended(self.0.assign(&profile.0, serials).await, by_device)
            }
            Write::Remove { serials } => Outcome::of_ended(self.0.remove(serials).await, by_device),
            Write::SetAccountDrivenUrl { url } => {
                Outcome::of_ended(self.0.set_account_driven_url(url.as_ref()).await, |()| Done::default())
            }
        }
    }
}

fn by_device(results: dep::Results) -> Done {
    Done { items: Some(Items::from(results)), ..Done::default() }
}
