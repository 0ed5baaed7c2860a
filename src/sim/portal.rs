//! Changes as a person makes them in the admin centre, in Apple Business, or with a device in hand.
//!
//! They take no part in [`super::world::History`]: what is counted there was done by a program.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::graph::members;
use super::world::{Arrival, EnrollmentState, Platform, Token, World};
use crate::model::Serial;
use crate::model::clock::Timestamp;

/// One change. `token` is a token's id or display name; `profile` a profile's id or display name.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// Makes a profile; nothing of it is checked. `@odata.type` is needed.
    CreateProfile {
        /// The token.
        token: String,
        /// The members as Graph would return them.
        profile: Map<String, Value>,
    },
    /// Sets members of a profile; nothing of it is checked.
    PatchProfile {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
        /// The members to set.
        members: Map<String, Value>,
    },
    /// Gives a profile another display name.
    RenameProfile {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
        /// The new name.
        to: String,
    },
    /// Deletes a profile, in use or not.
    DeleteProfile {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
    },
    /// Makes a profile the default of its platform.
    SetDefault {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
    },
    /// Takes the default of a platform away, which the service's API cannot do.
    ClearDefault {
        /// The token.
        token: String,
        /// The platform.
        platform: Platform,
    },
    /// Assigns a profile to devices, or none.
    Assign {
        /// The token.
        token: String,
        /// The profile; absent: none.
        #[serde(default)]
        profile: Option<String>,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Assigns devices to the token at Apple: the next sync brings them.
    AddSerials {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
        /// Their platform; absent: ios.
        #[serde(default)]
        platform: Option<Platform>,
    },
    /// Releases devices at Apple: they stay listed as deleted.
    ReleaseDevices {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Removes device records altogether, as Intune does some weeks after a release.
    PurgeDevices {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Enrolls devices.
    Enroll {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Wipes devices: they wait for their next activation.
    Wipe {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Changes a token.
    ChangeToken {
        /// The token.
        token: String,
        /// A new name.
        #[serde(default)]
        token_name: Option<String>,
        /// Names of its scope tags; those that are missing are made.
        #[serde(default)]
        scope_tags: Option<Vec<String>>,
        /// A new end.
        #[serde(default)]
        expires: Option<Timestamp>,
        /// Whether Apple's terms wait to be accepted, which makes syncs fail.
        #[serde(default)]
        terms_pending: Option<bool>,
    },
    /// Makes a scope tag.
    AddScopeTag {
        /// The tenant's id.
        tenant: String,
        /// Its name.
        name: String,
    },
}

/// Why a change is not possible.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PortalError {
    /// No such tenant.
    #[error("the world has no tenant `{0}`")]
    NoTenant(String),
    /// No such token.
    #[error("the world has no token `{token}`; it has {}", several(.known))]
    NoToken {
        /// What was asked for.
        token: String,
        /// The names of the tokens that there are.
        known: Vec<String>,
    },
    /// No such profile.
    #[error("the token has no profile `{profile}`; it has {}", several(.known))]
    NoProfile {
        /// What was asked for.
        profile: String,
        /// The names of the profiles that there are.
        known: Vec<String>,
    },
    /// No such device.
    #[error("the token has no device `{0}`")]
    NoDevice(Serial),
    /// A profile without a platform cannot be a default.
    #[error("the profile `{0}` is of no single platform")]
    NoPlatform(String),
}

/// Makes one change.
///
/// # Errors
/// When what it names is not there; nothing has been changed then.
pub fn change(world: &mut World, change: Change) -> Result<(), PortalError> {
    let now = world.now.as_second();
    match change {
        Change::CreateProfile { token, profile } => {
            let (tenant, at) = position(world, &token)?;
            world.add_profile(tenant, at, profile);
        }
        Change::PatchProfile { token, profile, members } => patch(world, &token, &profile, members)?,
        Change::RenameProfile { token, profile, to } => {
            let members = Map::from_iter([("displayName".to_owned(), Value::from(to))]);
            patch(world, &token, &profile, members)?;
        }
        Change::DeleteProfile { token, profile } => {
            let token = find(world, &token)?;
            let birth = birth(token, &profile)?;
            token.remove_profile(birth);
        }
        Change::SetDefault { token, profile } => {
            let token = find(world, &token)?;
            let birth = birth(token, &profile)?;
            let platform = token.profiles.get(&birth).and_then(|profile| profile.platform());
            token.defaults.insert(platform.ok_or(PortalError::NoPlatform(profile))?, birth);
        }
        Change::ClearDefault { token, platform } => {
            find(world, &token)?.defaults.remove(&platform);
        }
        Change::Assign { token, profile, serials } => {
            let token = find(world, &token)?;
            let birth = profile.map(|profile| birth(token, &profile)).transpose()?.unwrap_or(0);
            each(token, &serials, |device| {
                device.profile = birth;
                device.assigned = if birth == 0 { 0 } else { now };
            })?;
        }
        Change::AddSerials { token, serials, platform } => {
            let platform = platform.unwrap_or(Platform::Ios);
            let token = find(world, &token)?;
            for serial in serials {
                if !token.at_apple.iter().any(|arrival| arrival.serial == serial) {
                    token.at_apple.push(Arrival { serial, platform });
                }
            }
        }
        Change::ReleaseDevices { token, serials } => {
            each(find(world, &token)?, &serials, |device| device.released = true)?;
        }
        Change::PurgeDevices { token, serials } => {
            let token = find(world, &token)?;
            each(token, &serials, |_| {})?;
            token.purge(&serials);
        }
        Change::Enroll { token, serials } => each(find(world, &token)?, &serials, |device| {
            device.state = EnrollmentState::Enrolled;
            device.contacted = now;
        })?,
        Change::Wipe { token, serials } => each(find(world, &token)?, &serials, |device| {
            device.state = EnrollmentState::NotContacted;
        })?,
        Change::ChangeToken { token, token_name, scope_tags, expires, terms_pending } => {
            let (tenant, at) = position(world, &token)?;
            let tags = scope_tags.map(|names| {
                names.iter().map(|name| world.tenants[tenant].scope_tag(name)).collect::<Vec<_>>()
            });
            let token = &mut world.tenants[tenant].tokens[at];
            if let Some(name) = token_name {
                token.name = name;
            }
            if let Some(tags) = tags {
                token.scope_tag_ids = tags;
            }
            if let Some(expires) = expires {
                token.expires = expires;
            }
            if let Some(pending) = terms_pending {
                token.sync.terms_pending = pending;
            }
        }
        Change::AddScopeTag { tenant, name } => {
            world.tenant_mut(&tenant).ok_or(PortalError::NoTenant(tenant))?.scope_tag(&name);
        }
    }
    Ok(())
}

fn find<'a>(world: &'a mut World, token: &str) -> Result<&'a mut Token, PortalError> {
    let (tenant, at) = position(world, token)?;
    Ok(&mut world.tenants[tenant].tokens[at])
}

fn position(world: &World, token: &str) -> Result<(usize, usize), PortalError> {
    let places = world
        .tenants
        .iter()
        .enumerate()
        .flat_map(|(tenant, t)| t.tokens.iter().enumerate().map(move |(at, token)| (tenant, at, token)));
    places
        .into_iter()
        .find(|(_, _, found)| found.answers_to(token))
        .map(|(tenant, at, _)| (tenant, at))
        .ok_or_else(|| PortalError::NoToken {
            token: token.to_owned(),
            known: world.tenants.iter().flat_map(|t| &t.tokens).map(|token| token.name.clone()).collect(),
        })
}

/// Some of the names that there are.
fn several(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(5).map(|name| format!("`{name}`")).collect();
    let more = if names.len() > shown.len() { " and others" } else { "" };
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") + more }
}

fn birth(token: &Token, profile: &str) -> Result<u32, PortalError> {
    token.profile_by_name(profile).map(|profile| profile.birth).ok_or_else(|| PortalError::NoProfile {
        profile: profile.to_owned(),
        known: token.profiles.values().map(|profile| profile.display_name().to_owned()).collect(),
    })
}

fn patch(
    world: &mut World,
    token: &str,
    profile: &str,
    members: Map<String, Value>,
) -> Result<(), PortalError> {
    let token = find(world, token)?;
    let birth = birth(token, profile)?;
    if let Some(profile) = token.profiles.get_mut(&birth) {
        profile.members.extend(members);
        members::complete(&profile.kind, &mut profile.members);
    }
    Ok(())
}

/// Changes every device named, or none where one is not there.
fn each(
    token: &mut Token,
    serials: &[Serial],
    mut change: impl FnMut(&mut super::world::Device),
) -> Result<(), PortalError> {
    if let Some(missing) = serials.iter().find(|serial| token.device(serial).is_none()) {
        return Err(PortalError::NoDevice(*missing));
    }
    for serial in serials {
        if let Some(device) = token.device_mut(serial) {
            change(device);
        }
    }
    Ok(())
}
