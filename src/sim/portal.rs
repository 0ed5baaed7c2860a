//! Changes as a person makes them in the admin centre, in Apple Business, or with a device in hand.
//!
//! They take no part in [`super::world::History`]: what is counted there was done by a program.

mod apple;
mod change;
mod device;
mod error;
mod organization;
mod tenant;

pub use apple::{
    ActivateDevices, AddDevices, AssignAtApple, ChangeService, DefineProfile, DownloadToken, MoveDevices,
    ReleaseSerials, RemoveProfile, ReplaceDevice, RevokeToken, ScheduleMigration, UploadCertificate,
};
pub use change::Change;
pub use device::{
    ChangeDevice, ChangeDeviceBehaviour, ChangeRecord, DecideApproval, Decision, DuplicateRecord,
    EnterBypassCode, MoveToToken, RequestAction, SetDeviceLock, SetUpDevice,
};
pub use error::PortalError;
pub use organization::{
    AssignToService, BuyDevices, ChangeOrganization, ChangeOrganizationService, CreateOrganizationService,
    DeleteOrganizationService, ReleaseFromOrganization, RevokeApiKey, SetActivationLock, SetMigration,
};

use serde_json::{Map, Value};

use super::apple::TokenFile;
use super::directory::{self, FederatedCredential, ManagedIdentity, Workflow};
use super::graph::members;
use super::world::{Arrival, EnrollmentState, Platform, Token, World};
use crate::model::Serial;
use crate::model::clock::after;

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
            let id = find(world, &token)?.id.clone();
            let (known, new) = organization::split(world, &id, serials);
            if let Some((organization, service)) = world.organization_of_token(&id) {
                world.point_devices(organization, &known, service, now);
            }
            let token = find(world, &token)?;
            for serial in new {
                if !token.at_apple.iter().any(|arrival| arrival.serial == serial) {
                    token.at_apple.push(Arrival { serial, platform });
                }
            }
            world.adopt_linked();
        }
        Change::ReleaseDevices { token, serials } => {
            let token = find(world, &token)?;
            each(token, &serials, |device| device.released = true)?;
            let id = token.id.clone();
            if let Some((organization, _)) = world.organization_of_token(&id) {
                world.release_devices(organization, &serials, now, ("USER", "portal"));
            }
        }
        Change::PurgeDevices { token, serials } => {
            each(find(world, &token)?, &serials, |_| {})?;
            for serial in &serials {
                world.touch(serial);
            }
            find(world, &token)?.purge(&serials);
        }
        Change::Enroll { token, serials } => {
            each(find(world, &token)?, &serials, |_| {})?;
            serials.iter().for_each(|serial| world.enroll_by_hand(serial));
            each(find(world, &token)?, &serials, |device| {
                device.state = EnrollmentState::Enrolled;
                device.contacted = now;
            })?;
        }
        Change::Wipe { token, serials } => {
            each(find(world, &token)?, &serials, |_| {})?;
            for serial in &serials {
                world.erase_by_hand(serial);
            }
            each(find(world, &token)?, &serials, |device| {
                device.state = EnrollmentState::NotContacted;
            })?;
        }
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
        Change::AssignToService(wish) => wish.make(world)?,
        Change::ReleaseFromOrganization(wish) => wish.make(world)?,
        Change::BuyDevices(wish) => wish.make(world)?,
        Change::CreateOrganizationService(wish) => wish.make(world)?,
        Change::ChangeOrganizationService(wish) => wish.make(world)?,
        Change::DeleteOrganizationService(wish) => wish.make(world)?,
        Change::SetActivationLock(wish) => wish.make(world)?,
        Change::SetMigration(wish) => wish.make(world)?,
        Change::RevokeApiKey(wish) => wish.make(world)?,
        Change::ChangeOrganization(wish) => wish.make(world)?,
        Change::ChangeDevice(wish) => wish.make(world)?,
        Change::SetDeviceLock(wish) => wish.make(world)?,
        Change::EnterBypassCode(wish) => wish.make(world)?,
        Change::SetUpDevice(wish) => wish.make(world)?,
        Change::RequestAction(wish) => wish.make(world)?,
        Change::DuplicateRecord(wish) => wish.make(world)?,
        Change::ChangeRecord(wish) => wish.make(world)?,
        Change::MoveToToken(wish) => wish.make(world)?,
        Change::DecideApproval(wish) => wish.make(world)?,
        Change::ChangeDeviceBehaviour(wish) => wish.make(world)?,
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
