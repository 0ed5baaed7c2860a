//! The bodies of writes: what creates a profile, and what changes one.

use serde_json::{Map, Value as Json, json};

use super::sign_in::{Purpose, SignInMethod};
use super::{
    AFFINITY, AUTHENTICATION, AUTO_ADVANCE, CERTIFICATES, INSTALL, LOCKED, MANDATORY, MODE, PAIRING_MODES,
    SHARED_IPAD, SUPERVISED, VPP_TOKEN, VPP_TOKEN_ID, accounts, is_of_shared_ipad, is_on, screens, type_of,
    write_bool, write_text,
};
use crate::diff::overlay;
use crate::model::settings::{self, Member, SETTINGS};
use crate::model::{Fields, Platform, Secret, Value};

/// What a body needs besides canonical fields, for they name things by words: found by others, sent
/// and not kept.
#[derive(Clone, Debug, Default)]
pub struct Resolved {
    /// The id of the VPP token whose display name `companyPortal.vppToken` is. Without one the member
    /// is left out.
    pub vpp_token: Option<String>,
    /// The text that `localAdmin.password` refers to. Without one the member is left out.
    pub password: Option<Secret>,
}

/// The body that creates a classic profile with these fields. Fields that are not given are left
/// to the service, but for the members of the sign-in matrix, which always go together.
pub fn create_body(platform: Platform, fields: &Fields, resolved: &Resolved) -> Map<String, Json> {
    let mut body = plain_members(platform, fields, is_on(fields, SHARED_IPAD), resolved);
    if let Some(sign_in) = SignInMethod::of(fields) {
        sign_in.write(&mut body, platform, Purpose::Create, fields.get(INSTALL).and_then(Value::as_bool));
    }
    accounts::write(&mut body, platform, fields, resolved, Purpose::Create);
    if screens::by_key(platform, fields).next().is_some() {
        let keys = screens::skip_keys(platform, &Fields::new(), fields, &[]);
        body.insert(screens::SKIP_KEYS.into(), json!(keys));
    }
    imply(&mut body, platform, fields, fields);
    body
}

/// The body that changes a classic profile: `@odata.type`, the members of `changes` (new values),
/// and the members that belong together with them.
///
/// Where nobody signs in, or a Mac advances by itself, `isMandatory` goes along as true. Where an
/// account setting of a Mac changes, all of them go along as they shall be.
///
/// `live` is the canonical form as read, `live_skip_keys` the keys as read: `enabledSkipKeys` is sent
/// whole, and only when a screen changes that has no member of its own.
pub fn update_body(
    platform: Platform,
    changes: &Fields,
    live: &Fields,
    live_skip_keys: &[String],
    resolved: &Resolved,
) -> Map<String, Json> {
    let result = overlay(live, changes);
    let mut sent = changes.clone();
    if platform == Platform::Macos && changes.keys().any(|field| settings::is_account(field)) {
        sent.extend(accounts::of(&result));
    }
    let mut body = plain_members(platform, &sent, is_on(&result, SHARED_IPAD), resolved);
    let signs_in_otherwise = changes.contains_key(AFFINITY) || changes.contains_key(AUTHENTICATION);
    if let Some(sign_in) = SignInMethod::of(&result) {
        let install = result.get(INSTALL).and_then(Value::as_bool);
        if signs_in_otherwise {
            sign_in.write(&mut body, platform, Purpose::Update, install);
        } else if changes.contains_key(INSTALL) {
            sign_in.write_install(&mut body, platform, install);
        }
    }
    accounts::write(&mut body, platform, &sent, resolved, Purpose::Update);
    if screens::by_key(platform, changes).next().is_some() {
        let keys = screens::skip_keys(platform, live, changes, live_skip_keys);
        body.insert(screens::SKIP_KEYS.into(), json!(keys));
    }
    imply(&mut body, platform, &sent, &result);
    body
}

/// The members that have to go along, though the field is another.
fn imply(body: &mut Map<String, Json>, platform: Platform, sent: &Fields, result: &Fields) {
    // The service refuses any change of a profile without a user, or that advances by itself, that is
    // not mandatory (quirk 7), and a profile made by others may not be.
    let affinity = result.get(AFFINITY).and_then(Value::as_text);
    if matches!(affinity, Some("none" | "entraShared")) || is_on(result, AUTO_ADVANCE) {
        body.insert(MANDATORY.into(), Json::Bool(true));
    }
    // On macOS supervision is no setting, and Apple locks only what is supervised. That the service
    // wants to be told is unverified; one that works does so.
    if platform == Platform::Macos && is_on(sent, LOCKED) {
        body.insert(SUPERVISED.into(), Json::Bool(true));
    }
}

/// All members that stand for one field each, and those of pairing.
fn plain_members(
    platform: Platform,
    fields: &Fields,
    shared_ipad: bool,
    resolved: &Resolved,
) -> Map<String, Json> {
    let mut body = Map::new();
    body.insert("@odata.type".into(), json!(type_of(platform)));
    // Members of Shared iPad mean nothing while it is off, and the service may refuse them.
    for setting in SETTINGS.iter().filter(|setting| shared_ipad || !is_of_shared_ipad(setting.field)) {
        let value = fields.get(setting.field);
        match (setting.member(platform), value) {
            (Member::Text(member), value) => write_text(&mut body, member, value),
            (Member::Bool(member), value) => write_bool(&mut body, member, value),
            (Member::Not(member), Some(Value::Bool(value))) => {
                body.insert(member.into(), json!(!value));
            }
            (Member::Int(member, _), Some(Value::Int(number))) => {
                body.insert(member.into(), json!(number));
            }
            (Member::Int(member, true), Some(Value::None)) => {
                body.insert(member.into(), Json::Null);
            }
            (Member::Not(_) | Member::Int(..) | Member::Own(_) | Member::None, _) => {}
        }
    }
    if platform == Platform::Ios {
        write_vpp_token(&mut body, fields, resolved);
        write_pairing(&mut body, fields);
    }
    screens::write(&mut body, platform, fields);
    body
}

fn write_vpp_token(body: &mut Map<String, Json>, fields: &Fields, resolved: &Resolved) {
    match (fields.get(VPP_TOKEN), &resolved.vpp_token) {
        (Some(Value::Text(_)), Some(id)) => drop(body.insert(VPP_TOKEN_ID.into(), json!(id))),
        // Whether null or the zero id says none is unverified; both are read as none.
        (Some(Value::None), _) => drop(body.insert(VPP_TOKEN_ID.into(), Json::Null)),
        _ => {}
    }
}

fn write_pairing(body: &mut Map<String, Json>, fields: &Fields) {
    if let Some(mode) = fields.get(MODE).and_then(Value::as_text)
        && let Some((_, word)) = PAIRING_MODES.iter().find(|(ours, _)| *ours == mode)
    {
        body.insert("iTunesPairingMode".into(), json!(word));
    }
    match fields.get(CERTIFICATES) {
        // Who fills `thumbprint`, and with which hash, is unverified; the service knows the bytes.
        Some(Value::List(certificates)) => {
            let list: Vec<_> = certificates.iter().map(|der| json!({ "certificate": der })).collect();
            body.insert("managementCertificates".into(), Json::Array(list));
        }
        Some(Value::None) => {
            body.insert("managementCertificates".into(), json!([]));
        }
        _ => {}
    }
}
