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

use serde_json::{Value as Json, json};

use super::{Action, Step, file};
use crate::diff;
use crate::model::live::{Complete, Devices, Fact, LiveProfile, LiveTenant, LiveToken, ProfileKind, Unknown};
use crate::model::{Fields, ProfileId, Serial, TokenId, Value};

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
    if is_done(step, tenant)? {
        return Ok(Standing::Done);
    }
    let same = file::fingerprint(&of(step, tenant)?) == step.fingerprint;
    Ok(if same { Standing::Same } else { Standing::Changed })
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
            let default = default_of(tenant, &step.token_id)?;
            let empty = devices.not_released() + devices.without_serial == 0;
            json!([here, under, empty, default.as_ref().map(key)])
        }
        Action::CreateProfile { .. } => {
            // A list that was not read proves nothing, and must not look like an empty one.
            if profiles(tenant, &step.token_id)?.is_none() {
                return Ok(Json::Null);
            }
            let mut named: Vec<String> =
                named(tenant, step)?.iter().map(|profile| key(&profile.id)).collect();
            named.sort();
            json!({ "named": named })
        }
        Action::UpdateProfile { .. } => {
            profile(tenant, step)?.map_or(Json::Null, |profile| json!([key(&profile.id), profile.fields]))
        }
        Action::DeleteProfile => match (profile(tenant, step)?, devices(tenant, &step.token_id)?) {
            // That nobody else has it, and that it is no default or no more one, allowed the step.
            (Some(profile), Some(devices)) => {
                let is_default = default_of(tenant, &step.token_id)?.as_ref() == Some(&profile.id);
                json!([key(&profile.id), profile.fields, is_default, held_by(devices, &profile.id)])
            }
            _ => Json::Null,
        },
        Action::SetDefault { .. } => match token(tenant, &step.token_id)? {
            Some(_) => json!([default_of(tenant, &step.token_id)?.as_ref().map(key)]),
            None => Json::Null,
        },
        Action::Assign { after_sync: true, .. } | Action::Sync { .. } => {
            token(tenant, &step.token_id)?.map_or(Json::Null, |token| json!([token.id]))
        }
        Action::Assign { .. } => match devices(tenant, &step.token_id)? {
            Some(devices) => assignment(&step.action, devices),
            None => Json::Null,
        },
    })
}

/// Each serial of an assignment with the profile that it has; null for one that is not there.
fn assignment(action: &Action, devices: &Devices) -> Json {
    let mut rows: Vec<(&str, Option<String>)> = file::assigned_rows(action)
        .map(|(serial, _)| {
            let device = devices.find(serial).filter(|device| !device.released && device.ios);
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
        Action::CreateProfile { fields } => {
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
            Some(wished) => default_of(tenant, &step.token_id)?.as_ref() == Some(wished),
            None => false,
        },
        Action::Assign { after_sync: false, .. } => {
            let Some(wished) = &step.object else { return Ok(false) };
            let Some(devices) = devices(tenant, &step.token_id)? else { return Ok(false) };
            file::assigned_rows(&step.action).all(|(serial, _)| {
                devices.find(serial).is_some_and(|device| devices.profile_of(device) == Some(wished))
            })
        }
        Action::Assign { after_sync: true, .. } | Action::Sync { .. } => false,
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

/// The classic iOS profiles that carry the step's name.
pub(crate) fn named<'a>(tenant: &'a LiveTenant, step: &Step) -> Result<Vec<&'a LiveProfile>, &'a Unknown> {
    let all = profiles(tenant, &step.token_id)?;
    let is_ios = |profile: &LiveProfile| profile.kind == ProfileKind::Ios;
    Ok(all.and_then(|profiles| profiles.named(&step.name, is_ios).ok()).unwrap_or_default())
}

/// The token's default profile for iPhones and iPads.
///
/// The expanded member of the token says it. Where the service left that out, a classic profile's
/// `isDefault` does, unless a mirrored policy is there: those never report it (reference
/// intune-graph section 0, fact 4).
///
/// # Errors
/// The reason, where neither tells.
pub fn default_of<'a>(tenant: &'a LiveTenant, id: &TokenId) -> Result<Option<ProfileId>, &'a Unknown> {
    let Some(token) = token(tenant, id)? else { return Ok(None) };
    match &token.default_ios {
        Fact::Known(default) => Ok(default.clone()),
        Fact::Unknown(unknown) => {
            let Some(profiles) = profiles(tenant, id)? else { return Err(unknown) };
            let flagged = profiles
                .iter()
                .find(|profile| profile.kind == ProfileKind::Ios && profile.is_default == Some(true));
            let silent = profiles.iter().any(|profile| match profile.kind {
                ProfileKind::Mirror | ProfileKind::Other(_) => true,
                ProfileKind::Ios => profile.is_default.is_none(),
                ProfileKind::Macos => false,
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
