//! Between Graph's members and the canonical form. PURE.
//!
//! | what | rule |
//! |---|---|
//! | `false` | sent as `false`, never left out |
//! | nothing ([`Value::None`]) | a text is sent as null; null and "" are read as nothing |
//! | members that this version does not know | kept in the live object, never sent |
//! | `isDefault`, `configurationEndpointUrl` | never sent: an action, and the service's own |
//!
//! Source: reference intune-graph sections 3.3 to 3.7; polarity of screens and pairing words: field
//! table `graph-classic.tsv`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value as Json, json};

use super::screens::{self, Member, ios_screens};
use super::wire::{Kept, ProfileRecord, ScopeTagRecord, TokenRecord};
use crate::model::live::{Cause, Fact, LiveProfile, LiveToken, ProfileKind, ScopeTag, Unknown};
use crate::model::{FieldName, Fields, ProfileId, TokenId, Value};

/// The type of the classic iOS and iPadOS profile, on POST and PATCH.
pub const IOS_TYPE: &str = "#microsoft.graph.depIOSEnrollmentProfile";

/// Texts: field, member. Nothing is null on the wire.
const TEXTS: &[(&str, &str)] = &[
    ("displayName", "displayName"),
    ("description", "description"),
    ("deviceNameTemplate", "deviceNameTemplate"),
    ("department", "supportDepartment"),
    ("departmentPhone", "supportPhoneNumber"),
];

/// Truth values of equal polarity: field, member.
const BOOLS: &[(&str, &str)] = &[
    ("supervised", "supervisedModeEnabled"),
    ("lockedEnrollment", "profileRemovalDisabled"),
    // The iOS spelling; `waitForDeviceConfiguredConfirmation` of the base type is for macOS.
    ("awaitConfiguration", "awaitDeviceConfiguredConfirmation"),
    (SHARED_IPAD, "enableSharedIPad"),
];

const SHARED_IPAD: &str = "sharedIpad";
const TEMPORARY_ONLY: (&str, &str) = ("sharedIpad.temporarySessionOnly", "forceTemporarySession");

/// Numbers of Shared iPad: field, member, whether the member may be null.
const SHARED_NUMBERS: &[(&str, &str, bool)] = &[
    ("sharedIpad.maximumCachedUsers", "sharedIPadMaximumUserCount", false),
    ("sharedIpad.passwordAfterLockSeconds", "passcodeLockGracePeriodInSeconds", true),
    ("sharedIpad.userSessionTimeoutSeconds", "userSessionTimeoutInSeconds", false),
    ("sharedIpad.temporarySessionTimeoutSeconds", "temporarySessionTimeoutInSeconds", false),
];

const PAIRING_MODES: &[(&str, &str)] =
    &[("allowAll", "allow"), ("denyAll", "disallow"), ("allowByCertificate", "requiresCertificate")];

const AFFINITY: &str = "userAffinity";
const AUTHENTICATION: &str = "authentication";
const MODE: &str = "pairing.mode";
const CERTIFICATES: &str = "pairing.certificates";

const REQUIRES_USER: &str = "requiresUserAuthentication";
const VIA_PORTAL: &str = "enableAuthenticationViaCompanyPortal";
const PORTAL_REQUIRED: &str = "requireCompanyPortalOnSetupAssistantEnrolledDevices";
// A boolean in spite of its name.
const WEB_SIGN_IN: &str = "configurationWebUrl";
const SHARED_MODE: &str = "userlessSharedAadModeEnabled";
const MANDATORY: &str = "isMandatory";
const SKIP_KEYS: &str = "enabledSkipKeys";

/// The body that creates a classic iOS profile with these fields. Fields that are not given are left
/// to the service, but for the members of the sign-in matrix, which always go together.
pub fn create_body(fields: &Fields) -> Map<String, Json> {
    let mut body = plain_members(fields, is_on(fields, SHARED_IPAD));
    if let Some(sign_in) = SignInMethod::of(fields) {
        sign_in.write(&mut body, Purpose::Create);
    }
    if screens_by_key(fields).next().is_some() {
        body.insert(SKIP_KEYS.into(), json!(skip_keys(&Fields::new(), fields, &[])));
    }
    body
}

/// The body that changes a classic iOS profile: `@odata.type`, the members of `changes` (new values),
/// and the members that belong together with them.
///
/// Where nobody signs in, `isMandatory` goes along as true.
///
/// `live` is the canonical form as read, `live_skip_keys` the keys as read: `enabledSkipKeys` is sent
/// whole, and only when a screen changes that has no member of its own.
pub fn update_body(changes: &Fields, live: &Fields, live_skip_keys: &[String]) -> Map<String, Json> {
    let shared = changes.get(SHARED_IPAD).or_else(|| live.get(SHARED_IPAD)) == Some(&Value::Bool(true));
    let mut body = plain_members(changes, shared);
    if changes.contains_key(AFFINITY) || changes.contains_key(AUTHENTICATION) {
        let mut wished = live.clone();
        wished.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
        if let Some(sign_in) = SignInMethod::of(&wished) {
            sign_in.write(&mut body, Purpose::Update);
        }
    }
    if screens_by_key(changes).next().is_some() {
        body.insert(SKIP_KEYS.into(), json!(skip_keys(live, changes, live_skip_keys)));
    }
    // The service refuses any change of a profile without a user that is not mandatory (quirk 7), and a
    // profile made by others may not be.
    let affinity = changes.get(AFFINITY).or_else(|| live.get(AFFINITY)).and_then(Value::as_text);
    if matches!(affinity, Some("none" | "entraShared")) {
        body.insert(MANDATORY.into(), Json::Bool(true));
    }
    body
}

/// Reads the canonical form out of a classic iOS profile, and `enabledSkipKeys` as it came.
///
/// A text that is missing, null or empty is nothing. Any other member that is missing, or of a type
/// that the service does not document, leaves its field out: it is not known.
pub fn fields_from(members: &Map<String, Json>) -> (Fields, Vec<String>) {
    let mut fields = Fields::new();
    for (field, member) in TEXTS {
        match members.get(*member) {
            None | Some(Json::Null) => fields.insert(name(field), Value::None),
            Some(Json::String(text)) => fields.insert(name(field), Value::text(text.as_str())),
            Some(_) => None,
        };
    }
    for (field, member) in BOOLS {
        read_bool(&mut fields, field, members, member);
    }
    read_sign_in(&mut fields, members);
    if is_on(&fields, SHARED_IPAD) {
        read_shared_ipad(&mut fields, members);
    }
    read_pairing(&mut fields, members);
    let keys = read_screens(&mut fields, members);
    (fields, keys)
}

fn name(field: &'static str) -> FieldName {
    Cow::Borrowed(field)
}

fn screen_field(screen: &str) -> FieldName {
    Cow::Owned(format!("setupAssistant.{screen}"))
}

fn is_on(fields: &Fields, field: &str) -> bool {
    fields.get(field) == Some(&Value::Bool(true))
}

/// All members that stand for one field each.
fn plain_members(fields: &Fields, shared_ipad: bool) -> Map<String, Json> {
    let mut body = Map::new();
    body.insert("@odata.type".into(), json!(IOS_TYPE));
    for (field, member) in TEXTS {
        match fields.get(*field) {
            Some(Value::Text(text)) => body.insert((*member).into(), json!(text)),
            Some(Value::None) => body.insert((*member).into(), Json::Null),
            _ => None,
        };
    }
    for (field, member) in BOOLS {
        write_bool(&mut body, member, fields.get(*field));
    }
    // Members of Shared iPad mean nothing while it is off, and the service may refuse them.
    if shared_ipad {
        write_bool(&mut body, TEMPORARY_ONLY.1, fields.get(TEMPORARY_ONLY.0));
        for (field, member, nullable) in SHARED_NUMBERS {
            match fields.get(*field) {
                Some(Value::Int(number)) => body.insert((*member).into(), json!(number)),
                Some(Value::None) if *nullable => body.insert((*member).into(), Json::Null),
                _ => None,
            };
        }
    }
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
    for (screen, member, _) in ios_screens() {
        if let (Member::Boolean(member), Some(hidden)) = (member, hides(fields, screen)) {
            body.insert(member.into(), json!(hidden));
        }
    }
    body
}

fn write_bool(body: &mut Map<String, Json>, member: &str, value: Option<&Value>) {
    if let Some(Value::Bool(value)) = value {
        body.insert(member.into(), json!(value));
    }
}

fn read_bool(fields: &mut Fields, field: &'static str, members: &Map<String, Json>, member: &str) {
    if let Some(value) = members.get(member).and_then(Json::as_bool) {
        fields.insert(name(field), Value::Bool(value));
    }
}

fn read_shared_ipad(fields: &mut Fields, members: &Map<String, Json>) {
    read_bool(fields, TEMPORARY_ONLY.0, members, TEMPORARY_ONLY.1);
    for (field, member, _) in SHARED_NUMBERS {
        match members.get(*member) {
            Some(Json::Null) => fields.insert(name(field), Value::None),
            Some(value) => value.as_i64().and_then(|number| fields.insert(name(field), Value::Int(number))),
            None => None,
        };
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

// --- sign-in: reference section 3.7 ---

/// The rows of the sign-in matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SignInMethod {
    NoUser,
    EntraShared,
    CompanyPortal,
    Legacy,
    Modern,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Create,
    Update,
}

impl SignInMethod {
    /// The row that the fields name; `None` if they name none, as for a user without a method, which
    /// the rules refuse (P-3).
    fn of(fields: &Fields) -> Option<Self> {
        match fields.get(AFFINITY)?.as_text()? {
            "none" => Some(Self::NoUser),
            "entraShared" => Some(Self::EntraShared),
            "user" => match fields.get(AUTHENTICATION)?.as_text()? {
                "companyPortal" => Some(Self::CompanyPortal),
                "setupAssistantLegacy" => Some(Self::Legacy),
                "setupAssistantModern" => Some(Self::Modern),
                _ => None,
            },
            _ => None,
        }
    }

    fn write(self, body: &mut Map<String, Json>, purpose: Purpose) {
        let create = purpose == Purpose::Create;
        let mut set = |member: &str, value: bool| body.insert(member.into(), json!(value));
        set(REQUIRES_USER, matches!(self, Self::CompanyPortal | Self::Legacy | Self::Modern));
        set(WEB_SIGN_IN, self == Self::Modern);
        set(SHARED_MODE, self == Self::EntraShared);
        // With modern sign-in the sources disagree about both Company Portal members. A new profile
        // gets false; what a portal-made one has is not touched.
        if self != Self::Modern || create {
            set(VIA_PORTAL, self == Self::CompanyPortal);
        }
        // With legacy sign-in this is "Install Company Portal", a field that this version does not
        // carry: a new profile gets false, a live value stays. Beside Company Portal sign-in it must
        // be false, for the service refuses both.
        if !matches!(self, Self::Modern | Self::Legacy) || create {
            set(PORTAL_REQUIRED, false);
        }
        // Without a user the service demands a mandatory profile (seen on macOS).
        if matches!(self, Self::NoUser | Self::EntraShared) {
            set(MANDATORY, true);
        }
    }
}

fn read_sign_in(fields: &mut Fields, members: &Map<String, Json>) {
    let member = |name: &str| members.get(name).and_then(Json::as_bool);
    let Some(with_user) = member(REQUIRES_USER) else { return };
    let (affinity, method) = match with_user {
        false if member(SHARED_MODE) == Some(true) => ("entraShared", Value::None),
        false => ("none", Value::None),
        // Web sign-in decides first: beside it the two others may have any value.
        true if member(WEB_SIGN_IN) == Some(true) => ("user", Value::text("setupAssistantModern")),
        true if member(VIA_PORTAL) == Some(true) => ("user", Value::text("companyPortal")),
        true => ("user", Value::text("setupAssistantLegacy")),
    };
    fields.insert(name(AFFINITY), Value::text(affinity));
    fields.insert(name(AUTHENTICATION), method);
}

// --- screens: P-25 ---

/// Whether the fields hide a screen; `None` if they do not speak of it.
fn hides(fields: &Fields, screen: &str) -> Option<bool> {
    match fields.get(&screen_field(screen))?.as_text()? {
        "hide" => Some(true),
        "show" => Some(false),
        _ => None,
    }
}

/// The screens in `fields` that only `enabledSkipKeys` carries.
fn screens_by_key(fields: &Fields) -> impl Iterator<Item = &'static str> {
    ios_screens()
        .filter(|(screen, member, _)| *member == Member::SkipKey && hides(fields, screen).is_some())
        .map(|(screen, _, _)| screen)
}

/// The whole of `enabledSkipKeys` after `changes`: the live keys, plus and minus what changes, in
/// agreement with the booleans as they will be, without the keys that the service refuses. Keys that
/// this version does not know stay. Sorted.
fn skip_keys(live: &Fields, changes: &Fields, live_keys: &[String]) -> Vec<String> {
    let mut keys: BTreeSet<&str> = live_keys.iter().map(String::as_str).collect();
    for (screen, _, key) in ios_screens() {
        let Some(key) = key else { continue };
        match hides(changes, screen).or_else(|| hides(live, screen)) {
            Some(true) => keys.insert(key),
            Some(false) => keys.remove(key),
            None => false,
        };
    }
    for refused in screens::REFUSED_KEYS {
        keys.remove(refused);
    }
    keys.into_iter().map(str::to_owned).collect()
}

/// Reads every screen, and returns the keys as they came.
fn read_screens(fields: &mut Fields, members: &Map<String, Json>) -> Vec<String> {
    let keys: Option<Vec<String>> = match members.get(SKIP_KEYS) {
        Some(Json::Array(list)) => {
            Some(list.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect())
        }
        Some(Json::Null) => Some(Vec::new()),
        _ => None,
    };
    for (screen, member, key) in ios_screens() {
        let hidden = match member {
            Member::Boolean(member) => members.get(member).and_then(Json::as_bool),
            Member::SkipKey => match (&keys, key) {
                (Some(keys), Some(key)) => Some(keys.iter().any(|other| other == key)),
                _ => None,
            },
        };
        if let Some(hidden) = hidden {
            fields.insert(screen_field(screen), Value::text(if hidden { "hide" } else { "show" }));
        }
    }
    keys.unwrap_or_default()
}

// --- live objects ---

/// The live profile that a list entry or a single object shows.
pub fn profile(kept: Kept<ProfileRecord>) -> LiveProfile {
    let Kept { known: ProfileRecord { id, display_name, is_default }, members } = kept;
    let id = ProfileId(id);
    let kind = kind(&id, &members);
    let (fields, skip_keys) = match kind {
        ProfileKind::Ios => fields_from(&members),
        ProfileKind::Macos | ProfileKind::Mirror | ProfileKind::Other(_) => Default::default(),
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
    let classic = !id.0.starts_with("ECV2_") && holds(&[REQUIRES_USER, "supervisedModeEnabled"]);
    match word {
        "depIOSEnrollmentProfile" if classic && holds(&["iTunesPairingMode"]) => ProfileKind::Ios,
        "depMacOSEnrollmentProfile" if classic => ProfileKind::Macos,
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
        default_ios: default_profile(&members),
    })
}

/// The default profile out of the expanded navigation member: null or an object without an id is
/// none. A service that leaves the member out has not answered the question; whoever also reads the
/// token's profiles may find the answer in their `isDefault`.
fn default_profile(members: &Map<String, Json>) -> Fact<Option<ProfileId>> {
    match members.get("defaultIosEnrollmentProfile") {
        Some(Json::Object(profile)) => {
            let id = profile.get("id").and_then(Json::as_str).filter(|id| !id.is_empty());
            Fact::Known(id.map(|id| ProfileId(id.to_owned())))
        }
        Some(Json::Null) => Fact::Known(None),
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

/// An instant; `None` for null, for what is no instant, and for the year 1, which is how the service
/// writes "never".
fn instant(text: Option<String>) -> Option<Timestamp> {
    let instant: Timestamp = text?.parse().ok()?;
    let never: Timestamp = Timestamp::from_second(-62_135_510_400).ok()?; // 0001-01-02
    (instant > never).then_some(instant)
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
