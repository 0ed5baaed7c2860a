//! The accounts of a Mac: the local administrator with its password's rotation, and what belongs to
//! both accounts. Members of the primary account stand for one field each, by the table of settings.
//!
//! A change may silently reset account members to null (reference intune-graph section 3.6): they are
//! sent together, and whoever reads back compares them all.

use serde_json::{Map, Value as Json, json};

use super::bodies::Resolved;
use super::sign_in::Purpose;
use super::{is_on, name, write_bool, write_text};
use crate::model::settings::{self, ROTATION_MEMBER};
use crate::model::{FieldName, Fields, Platform, Value};

const LOCAL_ADMIN: &str = "localAdmin";
const USER_NAME: &str = "localAdmin.userName";
const FULL_NAME: &str = "localAdmin.fullName";
const HIDDEN: &str = "localAdmin.hidden";
const EVERY_DAYS: &str = "localAdmin.rotateEveryDays";
const AFTER_HOURS: &str = "localAdmin.rotateAfterRetrievalHours";

const ADMIN_USER_NAME: &str = "adminAccountUserName";
const ADMIN_FULL_NAME: &str = "adminAccountFullName";
const ADMIN_PASSWORD: &str = "adminAccountPassword";
const HIDE_ADMIN: &str = "hideAdminAccount";
const DAYS: &str = "autoRotationPeriodInDays";
const DELAY: &str = "depProfileDelayAutoRotationSetting";
const ENABLED: &str = "onRetrievalAutoRotatePasswordEnabled";
const HOURS: &str = "onRetrievalDelayAutoRotatePasswordInHours";
const AWAITS: &str = "waitForDeviceConfiguredConfirmation";

/// The account settings among fields, but for what never comes back.
pub(super) fn of(fields: &Fields) -> impl Iterator<Item = (FieldName, Value)> {
    fields
        .iter()
        .filter(|(field, _)| settings::is_account(field) && !settings::WRITE_ONLY.contains(&field.as_ref()))
        .map(|(field, value)| (field.clone(), value.clone()))
}

/// Writes the administrator, and what the service forces on beside any account.
pub(super) fn write(
    body: &mut Map<String, Json>,
    platform: Platform,
    fields: &Fields,
    resolved: &Resolved,
    purpose: Purpose,
) {
    if platform != Platform::Macos {
        return;
    }
    match fields.get(LOCAL_ADMIN) {
        Some(Value::Bool(false)) => {
            for member in [ADMIN_USER_NAME, ADMIN_FULL_NAME, ROTATION_MEMBER] {
                body.insert(member.into(), Json::Null);
            }
            // A new profile has none to be cleared.
            if purpose == Purpose::Update {
                body.insert(ADMIN_PASSWORD.into(), Json::Null);
            }
        }
        Some(Value::Bool(true)) => {
            write_text(body, ADMIN_USER_NAME, fields.get(USER_NAME));
            write_text(body, ADMIN_FULL_NAME, fields.get(FULL_NAME));
            write_bool(body, HIDE_ADMIN, fields.get(HIDDEN));
            if let Some(password) = &resolved.password {
                body.insert(ADMIN_PASSWORD.into(), json!(password.reveal()));
            }
            if let Some(rotation) = rotation(fields) {
                body.insert(ROTATION_MEMBER.into(), rotation);
            }
        }
        _ => {}
    }
    if has_accounts(fields, purpose) {
        body.entry(AWAITS).or_insert(Json::Bool(true));
    }
}

/// Whether the fields ask for an account. What an update sends beside its changes are the account
/// settings that are live, and those of a profile without any are the portal's defaults.
fn has_accounts(fields: &Fields, purpose: Purpose) -> bool {
    is_on(fields, LOCAL_ADMIN)
        || (purpose == Purpose::Create && is_on(fields, "primaryAccount.create"))
        || fields.iter().any(|(field, value)| {
            field.starts_with("primaryAccount.") && settings::preset(field).as_ref() != Some(value)
        })
}

/// The rotation, always in full: what a part of it would leave behind is not known.
fn rotation(fields: &Fields) -> Option<Json> {
    let (days, hours) = (fields.get(EVERY_DAYS), fields.get(AFTER_HOURS));
    if days.is_none() && hours.is_none() {
        return None;
    }
    let (days, hours) = (days.and_then(Value::as_int), hours.and_then(Value::as_int));
    Some(json!({ DAYS: days, DELAY: { ENABLED: hours.is_some(), HOURS: hours } }))
}

/// Reads the administrator: there is one where it has a user name.
pub(super) fn read(fields: &mut Fields, members: &Map<String, Json>) {
    let user_name = match members.get(ADMIN_USER_NAME) {
        Some(Json::String(text)) => text.as_str(),
        Some(Json::Null) => "",
        _ => return,
    };
    fields.insert(name(LOCAL_ADMIN), Value::Bool(!user_name.is_empty()));
    if user_name.is_empty() {
        return;
    }
    fields.insert(name(USER_NAME), Value::text(user_name));
    match members.get(ADMIN_FULL_NAME) {
        None | Some(Json::Null) => drop(fields.insert(name(FULL_NAME), Value::None)),
        Some(Json::String(text)) => drop(fields.insert(name(FULL_NAME), Value::text(text.as_str()))),
        Some(_) => {}
    }
    match members.get(HIDE_ADMIN) {
        Some(Json::Bool(hidden)) => drop(fields.insert(name(HIDDEN), Value::Bool(*hidden))),
        Some(Json::Null) => drop(fields.insert(name(HIDDEN), Value::Bool(false))),
        _ => {}
    }
    let rotation = members.get(ROTATION_MEMBER);
    if let Some(days) = number(rotation, |rotation| rotation.get(DAYS)) {
        fields.insert(name(EVERY_DAYS), days);
    }
    let delay = match rotation {
        Some(Json::Object(rotation)) => rotation.get(DELAY).or(Some(&Json::Null)),
        other => other,
    };
    let enabled = delay.and_then(|delay| delay.get(ENABLED)).and_then(Json::as_bool);
    let hours = match enabled {
        Some(true) => delay.and_then(|delay| delay.get(HOURS)).and_then(Json::as_i64).map(Value::Int),
        // Off in any of its spellings; a rotation that did not come is not known.
        Some(false) | None => delay.map(|_| Value::None),
    };
    if let Some(hours) = hours {
        fields.insert(name(AFTER_HOURS), hours);
    }
}

/// A number within an object: nothing where either is null or the number is missing, `None` where
/// the object did not come or the number is none.
fn number<'j>(
    object: Option<&'j Json>,
    of: impl Fn(&'j Map<String, Json>) -> Option<&'j Json>,
) -> Option<Value> {
    match object? {
        Json::Null => Some(Value::None),
        Json::Object(members) => match of(members) {
            None | Some(Json::Null) => Some(Value::None),
            Some(number) => number.as_i64().map(Value::Int),
        },
        _ => None,
    }
}
