//! Changes as a person makes them in the admin centre, in Apple Business, or with a device in hand.
//!
//! They take no part in [`super::world::History`]: what is counted there was done by a program.

mod apple;
mod error;
mod tenant;

pub use apple::{
    ActivateDevices, AddDevices, AssignAtApple, ChangeService, DefineProfile, DownloadToken, MoveDevices,
    ReleaseSerials, RemoveProfile, ReplaceDevice, RevokeToken, ScheduleMigration, UploadCertificate,
};
pub use error::PortalError;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::apple::TokenFile;
use super::directory::{self, FederatedCredential, ManagedIdentity, Workflow};
use super::graph::members;
use super::push::PushMembers;
use super::vpp::VppMembers;
use super::world::{Arrival, EnrollmentState, Platform, Token, World};
use crate::model::Serial;
use crate::model::clock::{Timestamp, after};

/// One change. `token` is a token's id or display name; `profile` a profile's id or display name.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// Makes a profile as it is given, also one that the service would refuse today, or of a type
    /// that nobody knows: nothing but the presence of `@odata.type` is checked. Members that are
    /// missing get what a bare create gives. `isDefault: true` makes it the default, `mirrored:
    /// true` the mirror of a new-generation policy, and `id` is kept.
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
    /// Makes an enrollment policy of the new generation, of which the token's profiles show a
    /// mirror: read and assigned here, changed nowhere here.
    CreateMirror {
        /// The token.
        token: String,
        /// Its platform.
        platform: Platform,
        /// Its name.
        display_name: String,
        /// The policy's id; absent: derived. The mirror's id is `{tokenId}_{policyId}`.
        #[serde(default)]
        policy_id: Option<String>,
        /// Whether lists show the id with `ECV2_` in front.
        #[serde(default)]
        prefixed: bool,
    },
    /// Changes a token.
    #[serde(alias = "patchToken")]
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
        /// Another Apple account, as after a renewal by somebody else.
        #[serde(default)]
        apple_id: Option<String>,
        /// Whether Apple's terms wait to be accepted, which makes syncs fail.
        #[serde(default)]
        terms_pending: Option<bool>,
    },
    /// Makes a scope tag, unless there is one of this name.
    AddScopeTag {
        /// The tenant's id.
        tenant: String,
        /// Its name.
        name: String,
    },
    /// Gives a scope tag another name; its id stays.
    RenameScopeTag {
        /// The tenant's id.
        tenant: String,
        /// Its name or id.
        scope_tag: String,
        /// The new name.
        to: String,
    },
    /// Removes a scope tag; what has no other one has the built-in one then.
    RemoveScopeTag {
        /// The tenant's id.
        tenant: String,
        /// Its name or id.
        scope_tag: String,
    },
    /// Adds a VPP token, also one of a name that is taken.
    AddVppToken {
        /// The tenant's id.
        tenant: String,
        /// Its name.
        name: String,
        /// Its id; absent: derived.
        #[serde(default)]
        id: Option<String>,
        /// What it is like; absent: good for a year, with licences of the Company Portal.
        #[serde(default)]
        members: VppMembers,
    },
    /// Changes a VPP token.
    PatchVppToken {
        /// The tenant's id.
        tenant: String,
        /// Its id or name.
        vpp_token: String,
        /// The members to set.
        members: VppMembers,
    },
    /// Removes a VPP token; profiles that name it go on naming it.
    RemoveVppToken {
        /// The tenant's id.
        tenant: String,
        /// Its id or name.
        vpp_token: String,
    },
    /// Changes the MDM push certificate, or makes one.
    PatchPushCertificate {
        /// The tenant's id.
        tenant: String,
        /// The members to set.
        members: PushMembers,
    },
    /// Takes the MDM push certificate away.
    RemovePushCertificate {
        /// The tenant's id.
        tenant: String,
    },
    /// Gives an application its client secret.
    AddClientSecret {
        /// The tenant's id.
        tenant: String,
        /// The application; it is made where it is missing, and from then on others are not known.
        client_id: String,
        /// The secret.
        secret: String,
        /// When it ends; absent: never.
        #[serde(default)]
        expires: Option<Timestamp>,
    },
    /// Uploads a certificate to an application.
    AddCertificate {
        /// The tenant's id.
        tenant: String,
        /// The application, as for `addClientSecret`.
        client_id: String,
        /// The certificate in PEM.
        pem: String,
    },
    /// Adds a federated credential to an application.
    AddFederatedCredential {
        /// The tenant's id.
        tenant: String,
        /// The application, as for `addClientSecret`.
        client_id: String,
        /// The issuer; absent: GitHub.
        #[serde(default)]
        issuer: Option<String>,
        /// The subject, e.g. `repo:org/repo:ref:refs/heads/main`.
        subject: String,
        /// The audience; absent: `api://AzureADTokenExchange`.
        #[serde(default)]
        audience: Option<String>,
        /// The issuer's public RSA key in PEM; absent: that of the simulated GitHub.
        #[serde(default)]
        public_key: Option<String>,
        /// Seconds of the world until Entra knows of it; absent: 0.
        #[serde(default)]
        after: Option<u32>,
    },
    /// Takes all credentials of an application away; it can sign in by none then.
    RevokeCredentials {
        /// The tenant's id.
        tenant: String,
        /// The application.
        client_id: String,
    },
    /// Lets a workflow run at GitHub, in the place of any that ran before.
    RunWorkflow {
        /// The subject of its id tokens.
        subject: String,
        /// The bearer with which it asks for them.
        request_token: String,
        /// Their issuer; absent: GitHub's.
        #[serde(default)]
        issuer: Option<String>,
    },
    /// Gives the machine or app that asks a managed identity.
    AssignManagedIdentity {
        /// The tenant that it signs in to.
        tenant: String,
        /// Its client id.
        client_id: String,
        /// Whether it is user-assigned; absent: it is the machine's own.
        #[serde(default)]
        user_assigned: bool,
        /// What the app's endpoint wants in `X-IDENTITY-HEADER`; absent: as it was.
        #[serde(default)]
        identity_header: Option<String>,
    },
    /// Uploads the certificate for whose key Apple encrypts server tokens.
    UploadCertificate(UploadCertificate),
    /// Downloads a new server token, which replaces the one in force. The answer has the file.
    DownloadToken(DownloadToken),
    /// Revokes the server token in force.
    RevokeToken(RevokeToken),
    /// Changes a service at Apple: its name, its token's end, terms that wait to be accepted.
    ChangeService(ChangeService),
    /// Adds new devices to a service at Apple, or to none.
    AddDevices(AddDevices),
    /// Moves devices to another service at Apple, or away from all.
    MoveDevices(MoveDevices),
    /// Releases devices from the organization at Apple.
    ReleaseSerials(ReleaseSerials),
    /// Activates devices of Apple's services, new or wiped: they fetch their profile. That a device
    /// was wiped Apple does not see before.
    ActivateDevices(ActivateDevices),
    /// Takes the profile of devices away at Apple: `removed`.
    RemoveProfile(RemoveProfile),
    /// Another device comes in the place of one that is repaired.
    ReplaceDevice(ReplaceDevice),
    /// Defines a profile at Apple as another program would, refusable or not.
    DefineProfile(DefineProfile),
    /// Assigns a profile at Apple as another program would.
    AssignAtApple(AssignAtApple),
    /// Plans the migration of devices to their service, or calls it off.
    ScheduleMigration(ScheduleMigration),
}

/// Makes one change.
///
/// # Errors
/// When what it names is not there; nothing has been changed then.
pub fn change(world: &mut World, change: Change) -> Result<(), PortalError> {
    perform(world, change).map(drop)
}

/// Makes one change. Returns the file, where one is downloaded.
///
/// # Errors
/// As [`change`].
pub fn perform(world: &mut World, change: Change) -> Result<Option<TokenFile>, PortalError> {
    let now = world.now.as_second();
    match change {
        Change::CreateProfile { token, profile } => {
            let (tenant, at) = position(world, &token)?;
            if !profile.get("@odata.type").is_some_and(Value::is_string) {
                return Err(PortalError::NoType);
            }
            world.add_profile(tenant, at, profile);
        }
        Change::CreateMirror { token, platform, display_name, policy_id, prefixed } => {
            let (tenant, at) = position(world, &token)?;
            world.add_mirror(tenant, at, platform, &display_name, policy_id, prefixed);
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
        Change::ChangeToken { token, token_name, scope_tags, expires, apple_id, terms_pending } => {
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
            if let Some(account) = apple_id {
                token.apple_identifier = account;
            }
            if let Some(pending) = terms_pending {
                token.sync.terms_pending = pending;
            }
        }
        Change::AddScopeTag { tenant, name } => {
            tenant::find(world, tenant)?.scope_tag(&name);
        }
        Change::RenameScopeTag { tenant, scope_tag, to } => {
            tenant::rename_scope_tag(tenant::find(world, tenant)?, &scope_tag, to)?;
        }
        Change::RemoveScopeTag { tenant, scope_tag } => {
            tenant::remove_scope_tag(tenant::find(world, tenant)?, &scope_tag)?;
        }
        Change::AddVppToken { tenant, name, id, members } => {
            let (seed, now) = (world.seed, world.now);
            tenant::find(world, tenant)?.add_vpp_token(seed, now, &name, id.as_deref(), members);
        }
        Change::PatchVppToken { tenant, vpp_token, members } => {
            let now = world.now;
            let tenant = tenant::find(world, tenant)?;
            let at = tenant::vpp_token(tenant, &vpp_token)?;
            tenant.change_vpp_token(at, now, members);
        }
        Change::RemoveVppToken { tenant, vpp_token } => {
            let tenant = tenant::find(world, tenant)?;
            let at = tenant::vpp_token(tenant, &vpp_token)?;
            tenant.remove_vpp_token(at);
        }
        Change::PatchPushCertificate { tenant, members } => {
            let (seed, now) = (world.seed, world.now);
            tenant::find(world, tenant)?.set_push_certificate(seed, now, members);
        }
        Change::RemovePushCertificate { tenant } => tenant::find(world, tenant)?.remove_push_certificate(),
        Change::AddClientSecret { tenant, client_id, secret, expires } => {
            let client = world.client_mut(&tenant, &client_id)?;
            client.secret = Some(secret);
            client.secret_expires = expires;
        }
        Change::AddCertificate { tenant, client_id, pem } => {
            let certificate = directory::certificate(&pem)?;
            world.client_mut(&tenant, &client_id)?.certificates.push(certificate);
        }
        Change::AddFederatedCredential {
            tenant,
            client_id,
            issuer,
            subject,
            audience,
            public_key,
            after: delay,
        } => {
            let public_key = public_key.as_deref().map(directory::public_key).transpose()?;
            let delay = std::time::Duration::from_secs(delay.unwrap_or(0).into());
            let works_from = after(world.now, delay);
            world.client_mut(&tenant, &client_id)?.federated.push(FederatedCredential {
                issuer: issuer.unwrap_or_else(|| directory::GITHUB_ISSUER.to_owned()),
                subject,
                audience: audience.unwrap_or_else(|| directory::AUDIENCE.to_owned()),
                public_key,
                works_from,
            });
        }
        Change::RevokeCredentials { tenant, client_id } => {
            world.client_mut(&tenant, &client_id)?.revoke();
        }
        Change::RunWorkflow { subject, request_token, issuer } => {
            let issuer = issuer.unwrap_or_else(|| directory::GITHUB_ISSUER.to_owned());
            world.workflow = Some(Workflow { issuer, subject, request_token });
        }
        Change::AssignManagedIdentity { tenant, client_id, user_assigned, identity_header } => {
            if world.tenant(&tenant).is_none() {
                return Err(PortalError::NoTenant(tenant));
            }
            world.machine.identities.push(ManagedIdentity { tenant, client_id, user_assigned });
            if identity_header.is_some() {
                world.machine.identity_header = identity_header;
            }
        }
        Change::DownloadToken(wish) => return wish.make(world).map(Some),
        Change::UploadCertificate(wish) => wish.make(world)?,
        Change::RevokeToken(wish) => wish.make(world)?,
        Change::ChangeService(wish) => wish.make(world)?,
        Change::AddDevices(wish) => wish.make(world)?,
        Change::MoveDevices(wish) => wish.make(world)?,
        Change::ReleaseSerials(wish) => wish.make(world)?,
        Change::ActivateDevices(wish) => wish.make(world)?,
        Change::RemoveProfile(wish) => wish.make(world)?,
        Change::ReplaceDevice(wish) => wish.make(world)?,
        Change::DefineProfile(wish) => wish.make(world)?,
        Change::AssignAtApple(wish) => wish.make(world)?,
        Change::ScheduleMigration(wish) => wish.make(world)?,
    }
    Ok(None)
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
    mut members: Map<String, Value>,
) -> Result<(), PortalError> {
    let token = find(world, token)?;
    let birth = birth(token, profile)?;
    if let Some(profile) = token.profiles.get_mut(&birth) {
        if let Some(password) = members::take_password(&mut members) {
            profile.set_admin_password(password.as_deref());
        }
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
