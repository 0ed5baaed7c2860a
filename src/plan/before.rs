//! The canonical *before* of a step, read from the live state: at planning for the fingerprint, at
//! applying to see whether it still holds. One source for both. PURE.
//!
//! Members that are in no *before*, because they change by themselves and decide nothing:
//!
//! | of | members |
//! |---|---|
//! | token | `lastSyncTriggeredDateTime`, `lastSuccessfulSyncDateTime`, `lastSyncErrorCode`, `syncedDeviceCount`, `lastModifiedDateTime`, `tokenExpirationDateTime` |
//! | profile | every member that this version does not know |
//! | device | `enrollmentState`, `isSupervised`, `lastContactedDateTime`, `requestedEnrollmentProfileAssignmentDateTime` |

pub mod service;

use serde_json::{Value as Json, json};

use super::{Action, Step, content, file};
use crate::diff;
use crate::model::live::{
    Complete, Devices, Fact, Live, LiveProfile, LiveTenant, LiveToken, ProfileKind, Unknown,
};
use crate::model::{Fields, Platform, ProfileId, Realm, Serial, TokenId, Value, settings};

/// The field whose value is a name that a step resolves.
pub(crate) const VPP_TOKEN: &str = "companyPortal.vppToken";

/// How a step relates to what is live now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// As it was when the step was planned.
    Same,
    /// Already as wished.
    Done,
    /// Otherwise than both.
    Changed,
}

/// Compares a step of a saved plan with what is live now.
///
/// # Errors
/// The reason, where what the step rests on could not be read.
pub fn standing<'a>(step: &Step, tenant: &'a LiveTenant) -> Result<Standing, &'a Unknown> {
    // What never comes back cannot be seen to be done.
    if is_done(step, tenant)? && !writes_only(step) {
        return Ok(Standing::Done);
    }
    let same = file::fingerprint(&of(step, tenant)?) == step.fingerprint;
    Ok(if same { Standing::Same } else { Standing::Changed })
}

/// As [`standing`], wherever the step is carried out; `tenant` is the one that the plan was made for.
/// `None`: its service leads elsewhere now, or was not read.
pub fn standing_in<'a>(
    step: &Step,
    tenant: Option<&String>,
    live: &'a Live,
) -> Option<Result<Standing, &'a Unknown>> {
    match &step.connection {
        Realm::Apple(name) => {
            let organisation = live.organisations.get(name).filter(|one| Some(&one.tenant) == tenant)?;
            Some(service::standing(step, organisation))
        }
        realm => {
            let here = live.tenants.get(realm).filter(|one| Some(&one.tenant_id) == tenant)?;
            Some(standing(step, here))
        }
    }
}

/// Whether a step changes what never comes back.
fn writes_only(step: &Step) -> bool {
    match &step.action {
        Action::UpdateProfile { changes, .. } => {
            changes.iter().any(|change| settings::WRITE_ONLY.contains(&change.field.as_ref()))
        }
        _ => false,
    }
}

/// The canonical *before* of a step.
///
/// # Errors
/// The reason, where what the step rests on could not be read.
pub fn of<'a>(step: &Step, tenant: &'a LiveTenant) -> Result<Json, &'a Unknown> {
    Ok(match &step.action {
        Action::UpdateToken { .. } => token(tenant, &step.token_id)?
            .map_or(Json::Null, |token| json!([token.id, token.name, token.scope_tag_ids])),
        Action::DeleteToken => {
            let here = token(tenant, &step.token_id)?.is_some();
            let (Some(profiles), Some(devices)) =
                (profiles(tenant, &step.token_id)?, devices(tenant, &step.token_id)?)
            else {
                return Ok(Json::Null);
            };
            // Profiles that the same plan deletes first are among them.
            let mut under: Vec<String> = profiles.iter().map(|profile| key(&profile.id)).collect();
            under.sort();
            let mut defaults = Vec::new();
            for platform in Platform::CLASSIC {
                defaults.push(default_of(tenant, &step.token_id, platform)?.as_ref().map(key));
            }
            let empty = devices.not_released() + devices.without_serial == 0;
            json!([here, under, empty, defaults])
        }
        Action::CreateProfile { .. } => {
            // A list that was not read proves nothing, and must not look like an empty one.
            if profiles(tenant, &step.token_id)?.is_none() {
                return Ok(Json::Null);
            }
            let mut named: Vec<String> =
                named(tenant, step)?.iter().map(|profile| key(&profile.id)).collect();
            named.sort();
            match vpp_tokens(step, tenant)? {
                None => json!({ "named": named }),
                Some(ids) => json!({ "named": named, "vppTokens": ids }),
            }
        }
        Action::UpdateProfile { .. } => match (profile(tenant, step)?, vpp_tokens(step, tenant)?) {
            (None, _) => Json::Null,
            (Some(profile), None) => json!([key(&profile.id), profile.fields]),
            (Some(profile), Some(ids)) => json!([key(&profile.id), profile.fields, ids]),
        },
        Action::DeleteProfile => match (profile(tenant, step)?, devices(tenant, &step.token_id)?) {
            // That nobody else has it, and that it is no default or no more one, allowed the step.
            (Some(profile), Some(devices)) => {
                let default = step_default(step, tenant)?;
                let is_default = default.as_ref() == Some(&profile.id);
                json!([key(&profile.id), profile.fields, is_default, held_by(devices, &profile.id)])
            }
            _ => Json::Null,
        },
        Action::SetDefault { .. } => match token(tenant, &step.token_id)? {
            Some(_) => json!([step_default(step, tenant)?.as_ref().map(key)]),
            None => Json::Null,
        },
        // A profile there never changes: what a successor rests on is its own id. What nobody is known to
        // have defined rests on the names, too: one of that name could be taken over instead.
        Action::Define { replaces, adopt, .. } => match token(tenant, &step.token_id)? {
            Some(token) if replaces.is_some() && !adopt => json!([token.id, replaces.as_ref().map(key)]),
            Some(token) => {
                let mut named: Vec<String> =
                    defined(tenant, step)?.iter().map(|profile| key(&profile.id)).collect();
                named.sort();
                json!([token.id, replaces.as_ref().map(key), named])
            }
            None => Json::Null,
        },
        Action::Unassign { serials } => match devices(tenant, &step.token_id)? {
            Some(devices) => {
                let held = |serial: &&Serial| {
                    devices.find(serial).and_then(|device| devices.profile_of(device)).map(key)
                };
                json!(serials.iter().map(|serial| (serial.as_str(), held(&serial))).collect::<Vec<_>>())
            }
            None => Json::Null,
        },
        Action::SetAccountDrivenUrl { .. } => match &tenant.account_driven_url {
            Some(Fact::Known(url)) => json!([url]),
            Some(Fact::Unknown(unknown)) => return Err(unknown),
            None => Json::Null,
        },
        // What it rests on is the organisation's, and in no tenant.
        Action::Service(_) => Json::Null,
        Action::Assign { after_sync: true, .. } | Action::Sync { .. } => {
            token(tenant, &step.token_id)?.map_or(Json::Null, |token| json!([token.id]))
        }
        Action::Assign { .. } => match devices(tenant, &step.token_id)? {
            Some(devices) => assignment(&step.action, step.platform, devices),
            None => Json::Null,
        },
    })
}

/// The ids of the VPP tokens that carry the name which the step puts into a profile, sorted: another
/// token of that name is another wish. `None` for a step without one.
fn vpp_tokens<'a>(step: &Step, tenant: &'a LiveTenant) -> Result<Option<Vec<&'a str>>, &'a Unknown> {
    if step.action.vpp_token().is_none() {
        return Ok(None);
    }
    let wished = match &step.action {
        Action::CreateProfile { fields, .. } => fields.get(VPP_TOKEN),
        Action::UpdateProfile { changes, .. } => {
            changes.iter().find(|change| change.field == VPP_TOKEN).map(|change| &change.after)
        }
        _ => None,
    };
    let name = wished.and_then(Value::as_text).unwrap_or_default();
    let mut ids: Vec<&str> = match &tenant.vpp_tokens {
        Some(Fact::Known(tokens)) => {
            let named = tokens.named(name, |_| true).unwrap_or_default();
            named.into_iter().map(|token| token.id.as_str()).collect()
        }
        Some(Fact::Unknown(unknown)) => return Err(unknown),
        None => Vec::new(),
    };
    ids.sort_unstable();
    Ok(Some(ids))
}

/// The default profile of the step's platform.
fn step_default<'a>(step: &Step, tenant: &'a LiveTenant) -> Result<Option<ProfileId>, &'a Unknown> {
    match step.platform {
        Some(platform) => default_of(tenant, &step.token_id, platform),
        None => Ok(None),
    }
}

/// Each serial of an assignment with the profile that it has; null for one that is not there.
fn assignment(action: &Action, platform: Option<Platform>, devices: &Devices) -> Json {
    let mut rows: Vec<(&str, Option<String>)> = file::assigned_rows(action)
        .map(|(serial, _)| {
            let device =
                devices.find(serial).filter(|device| !device.released && device.platform == platform);
            (serial.as_str(), device.map(|device| devices.profile_of(device).map(key).unwrap_or_default()))
        })
        .collect();
    rows.sort();
    json!(rows)
}

/// The serials that have a profile, ascending. Released devices do not count (S-6).
fn held_by<'a>(devices: &'a Devices, profile: &ProfileId) -> Vec<&'a Serial> {
    devices
        .iter()
        .filter(|device| !device.released && devices.profile_of(device) == Some(profile))
        .map(|device| &device.serial)
        .collect()
}

/// The spelling of a profile's id that all lists share.
fn key(id: &ProfileId) -> String {
    id.key().to_ascii_lowercase()
}

/// Whether the live state already is what the step wishes.
pub(crate) fn is_done<'a>(step: &Step, tenant: &'a LiveTenant) -> Result<bool, &'a Unknown> {
    Ok(match &step.action {
        Action::UpdateToken { changes, scope_tag_ids } => {
            token(tenant, &step.token_id)?.is_some_and(|token| {
                let name = changes.iter().find(|change| change.field == "displayName");
                name.is_none_or(|change| change.after.as_text() == Some(&token.name))
                    && scope_tag_ids.as_ref().is_none_or(|ids| *ids == token.scope_tag_ids)
            })
        }
        Action::DeleteToken => token(tenant, &step.token_id)?.is_none(),
        Action::CreateProfile { fields, .. } => {
            let named = named(tenant, step)?;
            named.len() == 1 && diff::compare(fields, &named[0].fields).is_empty()
        }
        Action::UpdateProfile { changes, .. } => {
            let wished: Fields =
                changes.iter().map(|change| (change.field.clone(), change.after.clone())).collect();
            profile(tenant, step)?.is_some_and(|profile| diff::compare(&wished, &profile.fields).is_empty())
        }
        // Only a list that was read proves that something is gone.
        Action::DeleteProfile => profiles(tenant, &step.token_id)?
            .is_some_and(|all| all.pick(|profile| Some(&profile.id) == step.object.as_ref()).is_err()),
        Action::SetDefault { .. } => match &step.object {
            Some(wished) => step_default(step, tenant)?.as_ref() == Some(wished),
            None => false,
        },
        Action::Assign { after_sync: false, .. } => {
            let Some(wished) = &step.object else { return Ok(false) };
            let Some(devices) = devices(tenant, &step.token_id)? else { return Ok(false) };
            file::assigned_rows(&step.action).all(|(serial, _)| {
                devices.find(serial).is_some_and(|device| devices.profile_of(device) == Some(wished))
            })
        }
        Action::Define { .. } => defined_as(step, tenant)?.is_some(),
        Action::Unassign { serials } => match devices(tenant, &step.token_id)? {
            Some(devices) => serials
                .iter()
                .all(|serial| devices.find(serial).is_none_or(|device| devices.profile_of(device).is_none())),
            None => false,
        },
        Action::SetAccountDrivenUrl { to, .. } => match &tenant.account_driven_url {
            Some(Fact::Known(url)) => url == to,
            Some(Fact::Unknown(unknown)) => return Err(unknown),
            None => false,
        },
        Action::Assign { after_sync: true, .. } => {
            let made: Vec<&ProfileId> = match &step.object {
                Some(wished) => vec![wished],
                None if step.connection.is_direct() => {
                    defined(tenant, step)?.iter().map(|one| &one.id).collect()
                }
                None => named(tenant, step)?.iter().map(|one| &one.id).collect(),
            };
            let ([wished], Some(devices)) = (made.as_slice(), devices(tenant, &step.token_id)?) else {
                return Ok(false);
            };
            file::assigned_rows(&step.action).all(|(serial, _)| {
                devices.find(serial).is_some_and(|device| devices.profile_of(device) == Some(*wished))
            })
        }
        // A sync is for serials that are not listed yet.
        Action::Sync { serials } => match devices(tenant, &step.token_id)? {
            Some(devices) => {
                serials.iter().all(|serial| devices.find(serial).is_some_and(|device| !device.released))
            }
            None => false,
        },
        Action::Service(_) => false,
    })
}

/// The live token with this id.
///
/// # Errors
/// The reason, where the list could not be read.
pub fn token<'a>(tenant: &'a LiveTenant, id: &TokenId) -> Result<Option<&'a LiveToken>, &'a Unknown> {
    match &tenant.tokens {
        Fact::Known(tokens) => Ok(tokens.by_id(id).ok()),
        Fact::Unknown(unknown) => Err(unknown),
    }
}

/// The profiles of a token; `None` where they were not asked for.
///
/// # Errors
/// The reason, where the list could not be read.
pub fn profiles<'a>(
    tenant: &'a LiveTenant,
    token: &TokenId,
) -> Result<Option<&'a Complete<LiveProfile>>, &'a Unknown> {
    match tenant.profiles.get(token) {
        Some(Fact::Known(profiles)) => Ok(Some(profiles)),
        Some(Fact::Unknown(unknown)) => Err(unknown),
        None => Ok(None),
    }
}

/// The devices of a token; `None` where they were not asked for.
///
/// # Errors
/// The reason, where the list could not be read.
pub fn devices<'a>(tenant: &'a LiveTenant, token: &TokenId) -> Result<Option<&'a Devices>, &'a Unknown> {
    match tenant.devices.get(token) {
        Some(Fact::Known(devices)) => Ok(Some(devices)),
        Some(Fact::Unknown(unknown)) => Err(unknown),
        None => Ok(None),
    }
}

/// The live profile that a step is about.
pub(crate) fn profile<'a>(
    tenant: &'a LiveTenant,
    step: &Step,
) -> Result<Option<&'a LiveProfile>, &'a Unknown> {
    let all = profiles(tenant, &step.token_id)?;
    Ok(all.zip(step.object.as_ref()).and_then(|(profiles, id)| profiles.by_id(id).ok()))
}

/// The classic profiles of the step's platform that carry the step's name.
pub(crate) fn named<'a>(tenant: &'a LiveTenant, step: &Step) -> Result<Vec<&'a LiveProfile>, &'a Unknown> {
    let all = profiles(tenant, &step.token_id)?;
    let is_meant =
        |profile: &LiveProfile| step.platform.is_some_and(|one| profile.kind == ProfileKind::Classic(one));
    Ok(all.and_then(|profiles| profiles.named(&step.name, is_meant).ok()).unwrap_or_default())
}

/// The profiles at Apple's enrollment service that carry the step's name: those that devices have or
/// the ledger owns.
fn defined<'a>(tenant: &'a LiveTenant, step: &Step) -> Result<Vec<&'a LiveProfile>, &'a Unknown> {
    let all = profiles(tenant, &step.token_id)?;
    let is_meant = |profile: &LiveProfile| profile.kind == ProfileKind::Direct;
    Ok(all.and_then(|profiles| profiles.named(&step.name, is_meant).ok()).unwrap_or_default())
}

/// The profile that says what the step would define: it was defined already, and the steps that need
/// it go by its id.
///
/// # Errors
/// The reason, where the list could not be read.
pub fn defined_as<'a>(step: &Step, tenant: &'a LiveTenant) -> Result<Option<&'a LiveProfile>, &'a Unknown> {
    let Action::Define { content: wished, .. } = &step.action else { return Ok(None) };
    // The name is a part of the content.
    let named = defined(tenant, step)?;
    Ok(named.into_iter().find(|profile| content::hash(&profile.fields) == *wished))
}

/// The token's default profile for a platform.
///
/// The expanded member of the token says it. Where the service left that out, a classic profile's
/// `isDefault` does, unless a mirrored policy is there: those never report it (reference
/// intune-graph section 0, fact 4).
///
/// # Errors
/// The reason, where neither tells.
pub fn default_of<'a>(
    tenant: &'a LiveTenant,
    id: &TokenId,
    platform: Platform,
) -> Result<Option<ProfileId>, &'a Unknown> {
    let Some(token) = token(tenant, id)? else { return Ok(None) };
    let Some(default) = token.default_of(platform) else { return Ok(None) };
    match default {
        Fact::Known(default) => Ok(default.clone()),
        Fact::Unknown(unknown) => {
            let Some(profiles) = profiles(tenant, id)? else { return Err(unknown) };
            let flagged = profiles.iter().find(|profile| {
                profile.kind == ProfileKind::Classic(platform) && profile.is_default == Some(true)
            });
            let silent = profiles.iter().any(|profile| match profile.kind {
                ProfileKind::Mirror | ProfileKind::Other(_) | ProfileKind::Direct => true,
                ProfileKind::Classic(one) => one == platform && profile.is_default.is_none(),
            });
            match flagged {
                Some(profile) => Ok(Some(profile.id.clone())),
                None if silent => Err(unknown),
                None => Ok(None),
            }
        }
    }
}

/// The value of a field, or nothing.
pub(crate) fn value<'a>(fields: &'a Fields, field: &str) -> &'a Value {
    fields.get(field).unwrap_or(&Value::None)
}
