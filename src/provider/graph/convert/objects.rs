//! Live objects out of what lists and single reads show.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::super::wire::{
    Kept, ProfileRecord, PushCertificateRecord, ScopeTagRecord, TokenRecord, VppTokenRecord,
};
use super::sign_in::REQUIRES_USER;
use super::{SUPERVISED, fields_from};
use crate::model::live::{
    Cause, Complete, Fact, LiveProfile, LiveToken, ProfileKind, PushCertificate, ScopeTag, Unknown, VppToken,
};
use crate::model::{Platform, ProfileId, TokenId, Value};

/// The id by which a profile says that it has no VPP token.
const NO_VPP_TOKEN: &str = "00000000-0000-0000-0000-000000000000";

/// The display names of a tenant's VPP tokens by id; empty where they were not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VppNames(BTreeMap<String, String>);

impl VppNames {
    /// The names of these tokens.
    pub fn of(tokens: &Complete<VppToken>) -> Self {
        Self(tokens.iter().map(|token| (token.id.to_ascii_lowercase(), token.name.clone())).collect())
    }

    /// How documents speak of the token with this id: by its name; nothing for the zero id; `id …`
    /// for one whose name is not known.
    pub fn shown(&self, id: &str) -> Value {
        let id = id.trim();
        if id.is_empty() || id == NO_VPP_TOKEN {
            return Value::None;
        }
        match self.0.get(&id.to_ascii_lowercase()).filter(|name| !name.is_empty()) {
            Some(name) => Value::text(name.as_str()),
            None => Value::Text(format!("id {id}")),
        }
    }
}

/// The live profile that a list entry or a single object shows.
/// `names` are the display names of the tenant's VPP tokens.
pub fn profile(kept: Kept<ProfileRecord>, names: &VppNames) -> LiveProfile {
    let Kept { known: ProfileRecord { id, display_name, is_default }, members } = kept;
    let id = ProfileId(id);
    let kind = kind(&id, &members);
    let (fields, skip_keys) = match kind {
        ProfileKind::Classic(platform) => fields_from(platform, &members, names),
        ProfileKind::Mirror | ProfileKind::Other(_) | ProfileKind::Direct => Default::default(),
    };
    // Mirrors never say it rightly (reference section 9, quirk 2).
    let is_default = is_default.filter(|_| kind != ProfileKind::Mirror);
    LiveProfile { name: display_name.unwrap_or_default(), id, kind, is_default, fields, skip_keys, members }
}

/// What an entry of `enrollmentProfiles` is. Only what is clearly a classic profile is taken for one:
/// a mirror of a new-generation policy can carry a classic type with few of its members, or an id
/// that begins with `ECV2_`.
fn kind(id: &ProfileId, members: &Map<String, Json>) -> ProfileKind {
    let word = members.get("@odata.type").and_then(Json::as_str).unwrap_or_default();
    let word = word.trim_start_matches('#').trim_start_matches("microsoft.graph.");
    let holds = |wanted: &[&str]| {
        wanted.iter().all(|member| members.get(*member).is_some_and(|value| !value.is_null()))
    };
    let classic = !id.0.starts_with("ECV2_") && holds(&[REQUIRES_USER, SUPERVISED]);
    match word {
        "depIOSEnrollmentProfile" if classic && holds(&["iTunesPairingMode"]) => {
            ProfileKind::Classic(Platform::Ios)
        }
        "depMacOSEnrollmentProfile" if classic => ProfileKind::Classic(Platform::Macos),
        "depIOSEnrollmentProfile"
        | "depMacOSEnrollmentProfile"
        | "depTvOSEnrollmentProfile"
        | "depVisionOSEnrollmentProfile" => ProfileKind::Mirror,
        other => ProfileKind::Other(other.to_owned()),
    }
}

/// The live token that a list entry or a single object shows; `None` for the pseudo token that owns
/// Apple Configurator profiles.
pub fn token(kept: Kept<TokenRecord>) -> Option<LiveToken> {
    let Kept { known, members } = kept;
    let TokenRecord {
        id,
        token_name,
        token_type,
        apple_identifier,
        token_expiration_date_time,
        last_sync_triggered_date_time,
        last_successful_sync_date_time,
        last_sync_error_code,
        synced_device_count,
        role_scope_tag_ids,
    } = known;
    if token_type.as_deref() == Some("none") {
        return None;
    }
    let mut scope_tag_ids = role_scope_tag_ids.unwrap_or_default();
    scope_tag_ids.sort();
    Some(LiveToken {
        id: TokenId(id),
        name: token_name.unwrap_or_default(),
        apple_id: apple_identifier.filter(|text| !text.is_empty()),
        expires: instant(token_expiration_date_time),
        last_sync_triggered: instant(last_sync_triggered_date_time),
        last_sync_done: instant(last_successful_sync_date_time),
        last_sync_error: last_sync_error_code.unwrap_or(0),
        synced_devices: synced_device_count.unwrap_or(0),
        scope_tag_ids,
        default_ios: default_profile(&members, DEFAULTS[0]),
        default_macos: default_profile(&members, DEFAULTS[1]),
    })
}

/// The members of a token that hold default profiles, as far as they are asked for.
const DEFAULTS: [&str; 2] = ["defaultIosEnrollmentProfile", "defaultMacOsEnrollmentProfile"];

/// The default profile out of the expanded navigation member: null or an object without an id is
/// none. So is one that is left out of an object that shows the default of another platform: there
/// the service did expand, and leaves out what is not set. Where it shows none at all it has not
/// answered the question; whoever also reads the token's profiles may find the answer in their
/// `isDefault`.
fn default_profile(members: &Map<String, Json>, member: &str) -> Fact<Option<ProfileId>> {
    let expands = || DEFAULTS.iter().any(|other| matches!(members.get(*other), Some(Json::Object(_))));
    match members.get(member) {
        Some(Json::Object(profile)) => {
            let id = profile.get("id").and_then(Json::as_str).filter(|id| !id.is_empty());
            Fact::Known(id.map(|id| ProfileId(id.to_owned())))
        }
        Some(Json::Null) => Fact::Known(None),
        None if expands() => Fact::Known(None),
        _ => Fact::Unknown(Unknown {
            cause: Cause::Unavailable,
            reason: "the service did not say which profile is the token's default (P-30)".to_owned(),
            next: "look in the Intune portal, or run again later".to_owned(),
        }),
    }
}

/// The scope tag that a list entry shows.
pub fn scope_tag(kept: Kept<ScopeTagRecord>) -> ScopeTag {
    ScopeTag { id: kept.known.id, name: kept.known.display_name.unwrap_or_default() }
}

/// The VPP token that a list entry shows.
pub fn vpp_token(record: VppTokenRecord) -> VppToken {
    VppToken {
        id: record.id,
        name: record.display_name.unwrap_or_default(),
        expires: instant(record.expiration_date_time),
        state: record.state.unwrap_or_else(|| "unknown".to_owned()),
        updates_apps: record.automatically_update_apps,
        apple_id: record.apple_id.filter(|text| !text.is_empty()),
    }
}

/// The push certificate that the tenant shows; `None` for an object that says nothing, as a tenant
/// shows that never had one.
pub fn push_certificate(record: PushCertificateRecord) -> Option<PushCertificate> {
    let text = |text: Option<String>| text.filter(|text| !text.is_empty());
    let certificate = PushCertificate {
        apple_id: text(record.apple_identifier),
        topic: text(record.topic_identifier),
        expires: instant(record.expiration_date_time),
    };
    let PushCertificate { apple_id, topic, expires } = &certificate;
    let says_something = apple_id.is_some() || topic.is_some() || expires.is_some();
    says_something.then_some(certificate)
}

/// An instant; `None` for null, for what is no instant, and for the year 1, which is how the service
/// writes "never".
fn instant(text: Option<String>) -> Option<Timestamp> {
    let instant: Timestamp = text?.parse().ok()?;
    let never: Timestamp = Timestamp::from_second(-62_135_510_400).ok()?; // 0001-01-02
    (instant > never).then_some(instant)
}
