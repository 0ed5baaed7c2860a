//! The write half: one write at a time, or assignments in batches. An outcome says "no effect" only
//! where that is proven.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde_json::{Value as Json, json};
use url::Url;

use super::client::{Call, Failure, GraphClient, Success};
use super::convert::{Resolved, VppNames};
use super::wire::{self, ProfileRecord};
use super::{Operation, ServiceError, batch, convert};
use crate::http::retry::{Effect, Repeat};
use crate::model::live::{Cause, LiveProfile};
use crate::model::{Fields, Platform, ProfileId, Serial, TokenId};

/// `setDefaultProfile` answers 404 for some seconds after a create (reference section 3.2); others
/// ask 15 times, 4 seconds apart.
const DEFAULT_TRIES: u32 = 15;
const DEFAULT_PAUSE: Duration = Duration::from_secs(4);

/// Writes to a tenant.
#[derive(Clone, Debug)]
pub struct GraphActuator(GraphClient);

/// One write.
#[derive(Clone, Debug)]
pub enum Write {
    /// Changes a token's name, its scope tags, or both; `None` leaves it.
    UpdateToken {
        /// The token.
        token: TokenId,
        /// `tokenName`
        name: Option<String>,
        /// `roleScopeTagIds`, the whole list.
        scope_tag_ids: Option<Vec<String>>,
    },
    /// Deletes a token.
    DeleteToken {
        /// The token.
        token: TokenId,
    },
    /// Creates a classic profile.
    CreateProfile {
        /// The token.
        token: TokenId,
        /// The platform that the profile is for.
        platform: Platform,
        /// All fields to be sent.
        fields: Fields,
        /// What stands behind words in `fields`.
        resolved: Resolved,
    },
    /// Changes a classic profile.
    UpdateProfile {
        /// The token.
        token: TokenId,
        /// The profile, in the list's spelling.
        profile: ProfileId,
        /// The platform that it is for.
        platform: Platform,
        /// Only the fields to be changed, with their new values.
        changes: Fields,
        /// The whole canonical form as read.
        live: Fields,
        /// `enabledSkipKeys` as read.
        live_skip_keys: Vec<String>,
        /// What stands behind words in `changes`.
        resolved: Resolved,
    },
    /// Deletes a profile.
    DeleteProfile {
        /// The token.
        token: TokenId,
        /// The profile, in the list's spelling.
        profile: ProfileId,
    },
    /// Makes a profile the default of its token and platform.
    SetDefault {
        /// The token.
        token: TokenId,
        /// The profile, in the list's spelling.
        profile: ProfileId,
    },
    /// Gives devices a profile for their next activation.
    Assign {
        /// The token.
        token: TokenId,
        /// The profile, in the list's spelling.
        profile: ProfileId,
        /// The devices; any number.
        serials: Vec<Serial>,
    },
    /// Asks Intune to sync the token with Apple (S-2).
    Sync {
        /// The token.
        token: TokenId,
    },
}

/// What became of a write.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Carried out; the profile as the service returned it, where it did.
    Done(Option<LiveProfile>),
    /// Refused by the service: proven to have no effect.
    Refused(ServiceError),
    /// Not carried out (credentials, no connection, throttled beyond patience): proven to have no
    /// effect.
    NotSent(ServiceError),
    /// The answer was lost, or an assignment was carried out in part: may have had its effect.
    Lost(ServiceError),
}

/// How many requests a write takes, without faults. In a batch they travel 20 to a request.
pub fn requests_for(write: &Write, assign_batch: usize) -> usize {
    match write {
        Write::Assign { serials, .. } => serials.len().div_ceil(assign_batch.max(1)),
        Write::UpdateToken { name: None, scope_tag_ids: None, .. } => 0,
        _ => 1,
    }
}

impl GraphActuator {
    /// The write half of a connection.
    pub fn new(client: GraphClient) -> Self {
        Self(client)
    }

    pub(super) fn client(&self) -> &GraphClient {
        &self.0
    }

    /// How many serials one assignment request holds at most.
    pub fn assign_batch(&self) -> usize {
        self.0.settings().assign_batch.max(1)
    }

    /// Carries out one write.
    ///
    /// Requests that may be repeated (update, assign, set default, delete) are sent again after a lost
    /// answer; create and sync never are.
    pub async fn write(&self, write: &Write) -> Outcome {
        if let Write::CreateProfile { resolved, .. } | Write::UpdateProfile { resolved, .. } = write
            && let Some(password) = &resolved.password
        {
            // A service may quote what it refuses.
            self.0.redactor().learn(password);
        }
        let object = |ended| outcome_with_object(ended, &self.0.vpp_names());
        match write {
            Write::Assign { .. } => {
                let mut outcomes = self.write_batch(std::slice::from_ref(write)).await;
                outcomes.pop().unwrap_or(Outcome::Done(None))
            }
            Write::UpdateToken { name: None, scope_tag_ids: None, .. } => Outcome::Done(None),
            Write::SetDefault { token, profile } => self.set_default(token, profile).await,
            Write::DeleteToken { .. } | Write::DeleteProfile { .. } => {
                match self.0.call(&self.call(write)).await {
                    // An earlier attempt, whose answer was lost, has deleted it.
                    Err(Failure { error, effect: Effect::Unknown }) if error.status == Some(404) => {
                        Outcome::Done(None)
                    }
                    ended => outcome(ended),
                }
            }
            Write::CreateProfile { .. } => match object(self.0.call(&self.call(write)).await) {
                // Nobody knows its id: it has to be looked for, as after a lost answer.
                Outcome::Done(None) => {
                    let detail = "the new profile is not in it";
                    let error = ServiceError::unreadable(Operation::CreateProfile, detail, self.0.redactor());
                    Outcome::Lost(lost(error))
                }
                ended => ended,
            },
            Write::UpdateProfile { .. } => object(self.0.call(&self.call(write)).await),
            Write::UpdateToken { .. } | Write::Sync { .. } => outcome(self.0.call(&self.call(write)).await),
        }
    }

    /// Carries out assignments, their requests 20 to a `$batch`; one outcome per write, the worst of
    /// its requests. Other writes are carried out one by one, in their place.
    pub async fn write_batch(&self, writes: &[Write]) -> Vec<Outcome> {
        let mut calls = Vec::new();
        let mut owners = Vec::new();
        for (at, write) in writes.iter().enumerate() {
            if let Write::Assign { token, profile, serials } = write {
                for chunk in serials.chunks(self.assign_batch()) {
                    calls.push(self.assign(token, profile, chunk));
                    owners.push(at);
                }
            }
        }
        let mut ends = Vec::with_capacity(calls.len());
        for chunk in calls.chunks(batch::MOST) {
            ends.extend(self.0.batch(chunk).await);
        }
        let mut tallies: Vec<Tally> = writes.iter().map(|_| Tally::default()).collect();
        for (owner, end) in owners.into_iter().zip(ends) {
            tallies[owner].add(end);
        }
        let mut outcomes = Vec::with_capacity(writes.len());
        for (write, tally) in writes.iter().zip(tallies) {
            outcomes.push(match write {
                Write::Assign { .. } => tally.outcome(),
                // Boxed, since the two functions call each other.
                other => Box::pin(self.write(other)).await,
            });
        }
        outcomes
    }

    async fn set_default(&self, token: &TokenId, profile: &ProfileId) -> Outcome {
        let url = self.profile_url(token, profile, Some("setDefaultProfile"));
        let call = Call::new(Operation::SetDefault, Method::POST, url, None, Repeat::Idempotent);
        let mut tries = 0;
        loop {
            let ended = self.0.call(&call).await;
            tries += 1;
            match ended {
                Err(failure) if failure.error.status == Some(404) && tries <= DEFAULT_TRIES => {
                    self.0.settings().clock.sleep(DEFAULT_PAUSE).await;
                }
                ended => return outcome(ended),
            }
        }
    }

    fn assign(&self, token: &TokenId, profile: &ProfileId, serials: &[Serial]) -> Call {
        let url = self.profile_url(token, profile, Some("updateDeviceProfileAssignment"));
        // Serial numbers in spite of the name, and an array even for one (reference section 3.2).
        let body = json_body(json!({ "deviceIds": serials }));
        Call::new(Operation::Assign, Method::POST, url, body, Repeat::Idempotent)
    }

    /// The request of a write that takes exactly one.
    fn call(&self, write: &Write) -> Call {
        let call = Call::new;
        match write {
            Write::UpdateToken { token, name, scope_tag_ids } => {
                let mut body = serde_json::Map::new();
                body.insert("@odata.type".into(), json!("#microsoft.graph.depOnboardingSetting"));
                if let Some(name) = name {
                    body.insert("tokenName".into(), json!(name));
                }
                if let Some(ids) = scope_tag_ids {
                    body.insert("roleScopeTagIds".into(), json!(ids));
                }
                let url = self.token_url(token, &[]);
                let body = json_body(Json::Object(body));
                call(Operation::UpdateToken, Method::PATCH, url, body, Repeat::Idempotent)
            }
            Write::DeleteToken { token } => {
                let url = self.token_url(token, &[]);
                call(Operation::DeleteToken, Method::DELETE, url, None, Repeat::Idempotent)
            }
            Write::CreateProfile { token, platform, fields, resolved } => {
                let url = self.token_url(token, &["enrollmentProfiles"]);
                let body = json_body(Json::Object(convert::create_body(*platform, fields, resolved)));
                call(Operation::CreateProfile, Method::POST, url, body, Repeat::Never)
            }
            Write::UpdateProfile { token, profile, platform, changes, live, live_skip_keys, resolved } => {
                let url = self.profile_url(token, profile, None);
                let body = convert::update_body(*platform, changes, live, live_skip_keys, resolved);
                let body = json_body(Json::Object(body));
                call(Operation::UpdateProfile, Method::PATCH, url, body, Repeat::Idempotent)
            }
            Write::DeleteProfile { token, profile } => {
                let url = self.profile_url(token, profile, None);
                call(Operation::DeleteProfile, Method::DELETE, url, None, Repeat::Idempotent)
            }
            Write::SetDefault { token, profile } => {
                let url = self.profile_url(token, profile, Some("setDefaultProfile"));
                call(Operation::SetDefault, Method::POST, url, None, Repeat::Idempotent)
            }
            Write::Assign { token, profile, serials } => self.assign(token, profile, serials),
            Write::Sync { token } => {
                let url = self.token_url(token, &["syncWithAppleDeviceEnrollmentProgram"]);
                call(Operation::Sync, Method::POST, url, None, Repeat::Never)
            }
        }
    }

    pub(super) fn token_url(&self, token: &TokenId, below: &[&str]) -> Url {
        let mut segments = vec!["deviceManagement", "depOnboardingSettings", &token.0];
        segments.extend(below);
        self.0.url(&segments, None)
    }

    fn profile_url(&self, token: &TokenId, profile: &ProfileId, action: Option<&str>) -> Url {
        let mut below = vec!["enrollmentProfiles", &profile.0];
        below.extend(action);
        self.token_url(token, &below)
    }
}

fn json_body(body: Json) -> Option<Bytes> {
    Some(Bytes::from(body.to_string()))
}

/// 200 and 201 bring the profile, 204 brings nothing, and all are success.
fn outcome_with_object(ended: Result<Success, Failure>, names: &VppNames) -> Outcome {
    match ended {
        Ok(success) => {
            let object = wire::read_one::<ProfileRecord>(&success.answer.body).ok();
            Outcome::Done(object.map(|kept| convert::profile(kept, names)))
        }
        failed => outcome(failed),
    }
}

fn outcome(ended: Result<Success, Failure>) -> Outcome {
    match ended {
        Ok(_) => Outcome::Done(None),
        Err(Failure { error, effect: Effect::Unknown }) => Outcome::Lost(lost(error)),
        Err(Failure { error, .. }) if matches!(error.cause, Cause::Credentials | Cause::Throttled) => {
            Outcome::NotSent(error)
        }
        Err(Failure { error, effect: Effect::NotSent }) => Outcome::NotSent(error),
        Err(Failure { error, effect: Effect::Refused }) => Outcome::Refused(error),
    }
}

fn lost(mut error: ServiceError) -> ServiceError {
    error.cause = Cause::LostAnswer;
    error.next = "run again: what the request did is read back first".to_owned();
    error
}

/// The ends of one write's requests.
#[derive(Default)]
struct Tally {
    done: usize,
    all: usize,
    worst: Option<Outcome>,
}

impl Tally {
    fn add(&mut self, ended: Result<Success, Failure>) {
        self.all += 1;
        match (outcome(ended), &self.worst) {
            (Outcome::Done(_), _) => self.done += 1,
            (lost @ Outcome::Lost(_), _) => self.worst = Some(lost),
            (_, Some(_)) => {}
            (other, None) => self.worst = Some(other),
        }
    }

    /// Where some requests were carried out and some were not, "no effect" would be false.
    fn outcome(self) -> Outcome {
        match self.worst {
            None => Outcome::Done(None),
            Some(Outcome::Refused(error) | Outcome::NotSent(error)) if self.done > 0 => {
                let message =
                    format!("{} of {} requests were carried out; {}", self.done, self.all, error.message);
                Outcome::Lost(ServiceError { message, ..error })
            }
            Some(worst) => worst,
        }
    }
}
