//! Screens of Setup Assistant on the wire (P-25): booleans, and keys in `enabledSkipKeys`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::super::screens::{Member, REFUSED_KEYS, screens_of};
use crate::model::{FieldName, Fields, Platform, Value};

pub(super) const SKIP_KEYS: &str = "enabledSkipKeys";

pub(super) fn field_of(screen: &str) -> FieldName {
    Cow::Owned(format!("setupAssistant.{screen}"))
}

/// Whether the fields hide a screen; `None` if they do not speak of it.
fn hides(fields: &Fields, screen: &str) -> Option<bool> {
    match fields.get(&field_of(screen))?.as_text()? {
        "hide" => Some(true),
        "show" => Some(false),
        _ => None,
    }
}

/// Writes the booleans of the screens in `fields`.
pub(super) fn write(body: &mut Map<String, Json>, platform: Platform, fields: &Fields) {
    for (screen, member, _) in screens_of(platform) {
        if let (Member::Boolean(member), Some(hidden)) = (member, hides(fields, screen)) {
            body.insert(member.into(), json!(hidden));
        }
    }
}

/// The screens in `fields` that only `enabledSkipKeys` carries.
pub(super) fn by_key(platform: Platform, fields: &Fields) -> impl Iterator<Item = &'static str> {
    screens_of(platform)
        .filter(|(screen, member, _)| *member == Member::SkipKey && hides(fields, screen).is_some())
        .map(|(screen, _, _)| screen)
}

/// The whole of `enabledSkipKeys` after `changes`: the live keys, plus and minus what changes, in
/// agreement with the booleans as they will be, without the keys that the service refuses. Keys that
/// this version does not know stay. Sorted.
pub(super) fn skip_keys(
    platform: Platform,
    live: &Fields,
    changes: &Fields,
    live_keys: &[String],
) -> Vec<String> {
    let mut keys: BTreeSet<&str> = live_keys.iter().map(String::as_str).collect();
    for (screen, _, key) in screens_of(platform) {
        let Some(key) = key else { continue };
        match hides(changes, screen).or_else(|| hides(live, screen)) {
            Some(true) => keys.insert(key),
            Some(false) => keys.remove(key),
            None => false,
        };
    }
    for refused in REFUSED_KEYS {
        keys.remove(refused);
    }
    keys.into_iter().map(str::to_owned).collect()
}

/// Reads every screen, and returns the keys as they came.
pub(super) fn read(fields: &mut Fields, members: &Map<String, Json>, platform: Platform) -> Vec<String> {
    let keys: Option<Vec<String>> = match members.get(SKIP_KEYS) {
        Some(Json::Array(list)) => {
            Some(list.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect())
        }
        Some(Json::Null) => Some(Vec::new()),
        _ => None,
    };
    for (screen, member, key) in screens_of(platform) {
        let hidden = match member {
            Member::Boolean(member) => members.get(member).and_then(Json::as_bool),
            Member::SkipKey => match (&keys, key) {
                (Some(keys), Some(key)) => Some(keys.iter().any(|other| other == key)),
                _ => None,
            },
        };
        if let Some(hidden) = hidden {
            fields.insert(field_of(screen), Value::text(if hidden { "hide" } else { "show" }));
        }
    }
    keys.unwrap_or_default()
}
