//! The canonical form out of the members of a classic profile.

use serde_json::{Map, Value as Json};

use super::objects::VppNames;
use super::{
    CERTIFICATES, MODE, PAIRING_MODES, SHARED_IPAD, VPP_TOKEN, VPP_TOKEN_ID, accounts, is_of_shared_ipad,
    is_on, name, screens, sign_in,
};
use crate::model::settings::{Member, Preset, SETTINGS, Setting};
use crate::model::{Fields, Platform, Value};

/// Reads the canonical form out of a classic profile, and `enabledSkipKeys` as it came. `names` are
/// the display names of the tenant's VPP tokens, as far as they were read.
///
/// A text that is missing, null or empty is nothing; a switch that is null is off, if off is its
/// default. Any other member that is missing, or of a type that the service does not document, leaves
/// its field out: it is not known.
pub fn fields_from(
    platform: Platform,
    members: &Map<String, Json>,
    names: &VppNames,
) -> (Fields, Vec<String>) {
    let mut fields = Fields::new();
    let (of_shared_ipad, plain): (Vec<&Setting>, Vec<&Setting>) =
        SETTINGS.iter().partition(|setting| is_of_shared_ipad(setting.field));
    for setting in plain {
        read_one(&mut fields, setting, platform, members);
    }
    if is_on(&fields, SHARED_IPAD) {
        for setting in of_shared_ipad {
            read_one(&mut fields, setting, platform, members);
        }
    }
    sign_in::read(&mut fields, members, platform);
    match platform {
        Platform::Ios => {
            read_vpp_token(&mut fields, members, names);
            read_pairing(&mut fields, members);
        }
        Platform::Macos => accounts::read(&mut fields, members),
        Platform::Tvos | Platform::Visionos => {}
    }
    let keys = screens::read(&mut fields, members, platform);
    (fields, keys)
}

/// Reads a member that stands for one field.
fn read_one(fields: &mut Fields, setting: &Setting, platform: Platform, members: &Map<String, Json>) {
    let off = (setting.preset == Preset::Bool(false)).then_some(Value::Bool(false));
    let value = match setting.member(platform) {
        Member::Text(member) => match members.get(member) {
            None | Some(Json::Null) => Some(Value::None),
            Some(Json::String(text)) => Some(Value::text(text.as_str())),
            Some(_) => None,
        },
        Member::Bool(member) => match members.get(member) {
            Some(Json::Bool(value)) => Some(Value::Bool(*value)),
            Some(Json::Null) => off,
            _ => None,
        },
        Member::Not(member) => match members.get(member) {
            Some(Json::Bool(value)) => Some(Value::Bool(!value)),
            Some(Json::Null) => off,
            _ => None,
        },
        Member::Int(member, _) => match members.get(member) {
            Some(Json::Null) => Some(Value::None),
            number => number.and_then(Json::as_i64).map(Value::Int),
        },
        Member::Own(_) | Member::None => None,
    };
    if let Some(value) = value {
        fields.insert(name(setting.field), value);
    }
}

fn read_vpp_token(fields: &mut Fields, members: &Map<String, Json>, names: &VppNames) {
    match members.get(VPP_TOKEN_ID) {
        Some(Json::Null) => drop(fields.insert(name(VPP_TOKEN), Value::None)),
        Some(Json::String(id)) => drop(fields.insert(name(VPP_TOKEN), names.shown(id))),
        _ => {}
    }
}

fn read_pairing(fields: &mut Fields, members: &Map<String, Json>) {
    if let Some(word) = members.get("iTunesPairingMode").and_then(Json::as_str)
        && let Some((mode, _)) = PAIRING_MODES.iter().find(|(_, theirs)| *theirs == word)
    {
        fields.insert(name(MODE), Value::text(*mode));
    }
    let certificates = match members.get("managementCertificates") {
        Some(Json::Array(list)) => list.as_slice(),
        Some(Json::Null) => &[],
        _ => return,
    };
    let mut ders: Vec<String> = certificates
        .iter()
        .filter_map(|certificate| certificate.get("certificate")?.as_str().map(str::to_owned))
        .collect();
    ders.sort();
    fields.insert(name(CERTIFICATES), Value::List(ders));
}
