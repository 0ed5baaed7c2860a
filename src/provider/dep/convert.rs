//! Profiles between the canonical form and Apple's JSON. PURE.
//!
//! | member | canonical |
//! |---|---|
//! | one that stands for one field | by the table [`crate::model::settings::SETTINGS`] |
//! | `allow_pairing` with `supervising_host_certs` | `pairing.mode` and `pairing.certificates` |
//! | `skip_setup_items` | one field for each screen of the platform: hidden where its key is listed |
//! | `profile_uuid`, `devices` | nothing: neither is content of a profile |
//! | what espalier does not know, or the platform does not have | itself, under Apple's name, so that such a profile equals none of ours |
//!
//! Key invariants: a body is a whole object, with every truth value of the platform spelt out, since
//! Apple's default for two of them is true; what is nothing is left out, since an empty text is
//! refused. `fields_from(body(fields))` is `fields` for every form that
//! [`crate::model::canonical::whole`] makes.
//!
//! Facts: reference apple-enrollment-api sections 3.8, 3.10 and 3.14.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};

use crate::model::screens::SCREENS;
use crate::model::settings::{AppleMember, SETTINGS, Setting};
use crate::model::{Fields, Platform, Value};

const SKIP_KEYS: &str = "skip_setup_items";
const ALLOW_PAIRING: &str = "allow_pairing";
const HOST_CERTIFICATES: &str = "supervising_host_certs";
const MODE: &str = "pairing.mode";

/// Members of an answer that are no content of a profile.
const NO_CONTENT: [&str; 2] = ["profile_uuid", "devices"];

/// What Apple takes for a truth value that is not sent.
fn apple_default(member: &str) -> bool {
    matches!(member, ALLOW_PAIRING | "is_mdm_removable")
}

/// The body of `POST /profile` for a whole profile. What `fields` does not know has its default.
pub fn body(platform: Platform, fields: &Fields) -> Map<String, Json> {
    let mut body = Map::new();
    for setting in SETTINGS {
        let value = fields.get(setting.field);
        match setting.apple_member(platform) {
            AppleMember::None => {}
            AppleMember::Text(member) => {
                if let Some(text) = value.and_then(Value::as_text) {
                    body.insert(member.to_owned(), text.into());
                }
            }
            AppleMember::Bool(member) => {
                body.insert(member.to_owned(), truth(setting, value).into());
            }
            AppleMember::Not(member) => {
                body.insert(member.to_owned(), (!truth(setting, value)).into());
            }
            // Exceptions need something to be excepted from.
            AppleMember::Certificates(HOST_CERTIFICATES) if mode(fields) != "allowByCertificate" => {}
            AppleMember::Certificates(member) => {
                if let Some(Value::List(list)) = value
                    && !list.is_empty()
                {
                    body.insert(member.to_owned(), list.clone().into());
                }
            }
            AppleMember::Own(_) => {
                body.insert(ALLOW_PAIRING.to_owned(), (mode(fields) == "allowAll").into());
            }
        }
    }
    let hidden = |name: &str| fields.get(format!("setupAssistant.{name}").as_str()).and_then(Value::as_text);
    let keys: BTreeSet<&str> = SCREENS
        .iter()
        .filter(|screen| hidden(screen.name) == Some("hide"))
        .filter_map(|screen| screen.apple_key(platform))
        .collect();
    body.insert(SKIP_KEYS.to_owned(), keys.into_iter().collect());
    body
}

fn truth(setting: &Setting, value: Option<&Value>) -> bool {
    let preset = || setting.preset.value().and_then(|preset| preset.as_bool());
    value.and_then(Value::as_bool).or_else(preset).unwrap_or_default()
}

fn mode(fields: &Fields) -> &str {
    fields.get(MODE).and_then(Value::as_text).unwrap_or("allowAll")
}

/// The canonical form of what Apple's service holds: what is not there has Apple's default. Every
/// setting and screen of the platform is in it; of other platforms, and of what is not known at all,
/// only what is not at its default.
pub fn fields_from(platform: Platform, members: &Map<String, Json>) -> Fields {
    let mut fields = Fields::new();
    let mut known: BTreeSet<&str> = BTreeSet::from(NO_CONTENT);
    known.insert(SKIP_KEYS);
    for setting in SETTINGS {
        known.extend(setting.apple.0.names());
        let (value, is_default) = read(setting.apple.0, members);
        if let Some(value) = value
            && (setting.is_on_direct(platform) || !is_default)
        {
            fields.insert(setting.field.into(), value);
        }
    }
    for (member, value) in members.iter().filter(|(member, _)| !known.contains(member.as_str())) {
        if !is_nothing(value) {
            fields.insert(member.clone().into(), Value::Text(value.to_string()));
        }
    }
    skip_keys(platform, members, &mut fields);
    fields
}

/// The canonical value of a member, and whether it is Apple's default; `None`: no setting has it.
fn read(member: AppleMember, members: &Map<String, Json>) -> (Option<Value>, bool) {
    let truth = |name: &str| members.get(name).and_then(Json::as_bool).unwrap_or(apple_default(name));
    match member {
        AppleMember::None => (None, true),
        AppleMember::Text(name) => {
            let text = members.get(name).and_then(Json::as_str).unwrap_or_default();
            (Some(Value::text(text)), text.is_empty())
        }
        AppleMember::Bool(name) => (Some(Value::Bool(truth(name))), truth(name) == apple_default(name)),
        AppleMember::Not(name) => (Some(Value::Bool(!truth(name))), truth(name) == apple_default(name)),
        AppleMember::Certificates(name) => {
            let list = certificates(members.get(name));
            let is_default = list.is_empty();
            (Some(if is_default { Value::None } else { Value::List(list) }), is_default)
        }
        AppleMember::Own(_) => {
            let has_hosts = !certificates(members.get(HOST_CERTIFICATES)).is_empty();
            let mode = match (truth(ALLOW_PAIRING), has_hosts) {
                (true, _) => "allowAll",
                (false, false) => "denyAll",
                (false, true) => "allowByCertificate",
            };
            (Some(Value::text(mode)), truth(ALLOW_PAIRING))
        }
    }
}

/// Certificates as a set, each without the line breaks that some writers put in.
fn certificates(list: Option<&Json>) -> Vec<String> {
    let texts = list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let plain = |text: &str| text.chars().filter(|sign| !sign.is_whitespace()).collect::<String>();
    let set: BTreeSet<String> = texts.map(plain).filter(|text| !text.is_empty()).collect();
    set.into_iter().collect()
}

fn skip_keys(platform: Platform, members: &Map<String, Json>, fields: &mut Fields) {
    for screen in SCREENS.iter().filter(|screen| screen.apple_key(platform).is_some()) {
        fields.insert(format!("setupAssistant.{}", screen.name).into(), Value::text("show"));
    }
    for key in strings(members.get(SKIP_KEYS)) {
        // Apple's keys are case-sensitive.
        let field = match SCREENS.iter().find(|screen| screen.key == Some(key)) {
            Some(screen) => format!("setupAssistant.{}", screen.name),
            None => format!("{SKIP_KEYS}.{key}"),
        };
        fields.insert(field.into(), Value::text("hide"));
    }
}

fn strings(list: Option<&Json>) -> BTreeSet<&str> {
    list.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str).collect()
}

/// What says no more than a member that is left out, as far as nobody knows the member.
fn is_nothing(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(value) => !value,
        Json::String(text) => text.is_empty(),
        Json::Array(items) => items.is_empty(),
        Json::Object(members) => members.is_empty(),
        Json::Number(_) => false,
    }
}

/// The content of a profile as one text, the same for the body that defines it and for the answer
/// that shows it: for a hash that stands for the content. Members at Apple's default, empty ones,
/// `profile_uuid` and `devices` are not in it, lists are sets, and members stand in the order of their
/// names.
pub fn content(members: &Map<String, Json>) -> String {
    let mut content = Map::new();
    for (member, value) in members.iter().filter(|(member, _)| !NO_CONTENT.contains(&member.as_str())) {
        let plain = match member.as_str() {
            SKIP_KEYS => strings(Some(value)).into_iter().collect(),
            HOST_CERTIFICATES | "anchor_certs" => certificates(Some(value)).into(),
            _ => value.clone(),
        };
        let is_default = match &plain {
            Json::Bool(value) => *value == apple_default(member),
            other => is_nothing(other),
        };
        if !is_default {
            content.insert(member.clone(), plain);
        }
    }
    content.sort_keys();
    Json::Object(content).to_string()
}
