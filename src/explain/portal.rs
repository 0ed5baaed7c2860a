//! From the portal's settings to fields and members at the service. PURE.
//!
//! Settings of profiles stand in `model::settings`, screens in `model::screens`. Those of tokens
//! and assignments are few and stand here; sources: reference intune-graph sections 2.1, 2.2, 3.2.

use crate::model::settings::{AppleMember, Member, Preset, SETTINGS, Setting, setting};
use crate::model::{Kind, Platform, screens};

use super::fields::{At, Entry};

/// A setting that is no setting of a profile.
#[derive(Clone, Copy, Debug)]
pub struct Other {
    /// The field's path.
    pub path: &'static str,
    /// Its label in the portal.
    pub portal: &'static str,
    /// Graph's type.
    pub resource: &'static str,
    /// The member of that type, or the action that sets it.
    pub member: &'static str,
}

const fn token(path: &'static str, portal: &'static str, member: &'static str) -> Other {
    Other { path, portal, resource: "depOnboardingSetting", member }
}

/// The settings of tokens and assignments.
pub const OTHERS: &[Other] = &[
    token("EnrollmentToken.displayName", "Token name", "tokenName"),
    token("EnrollmentToken.appleId", "Apple ID", "appleIdentifier"),
    token(
        "EnrollmentToken.consentToShareData",
        "I agree (to send data to Apple)",
        "dataSharingConsentGranted",
    ),
    token("EnrollmentToken.scopeTags", "Scope tags", "roleScopeTagIds"),
    token(
        "EnrollmentToken.defaultProfiles.ios",
        "Default profile, iOS/iPadOS",
        "defaultIosEnrollmentProfile",
    ),
    token("EnrollmentToken.defaultProfiles.macos", "Default profile, macOS", "defaultMacOsEnrollmentProfile"),
    Other {
        path: "DeviceAssignment.profile",
        portal: "Assign profile",
        resource: "enrollmentProfile",
        member: "updateDeviceProfileAssignment",
    },
    Other {
        path: "DeviceAssignment.devices.serials",
        portal: "Serial number",
        resource: "importedAppleDeviceIdentity",
        member: "serialNumber",
    },
];

/// What the portal and the service call a field.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// The portal's label.
    pub portal: Option<&'static str>,
    /// The platforms whose classic profiles have it; empty: not told apart by platform.
    pub platforms: Vec<Platform>,
    /// The members at the service.
    pub members: Vec<Named>,
    /// The members of Apple's profile; empty: it has none.
    pub apple: Vec<AppleNamed>,
    /// The default in words.
    pub default: Option<String>,
}

/// A member at the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// The platform; `None`: any.
    pub platform: Option<Platform>,
    /// Graph's type.
    pub resource: &'static str,
    /// The member, with dots for nesting.
    pub member: &'static str,
    /// Whether true means the opposite there.
    pub inverted: bool,
}

/// A member of Apple's profile, which a direct token has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppleNamed {
    /// The member.
    pub member: &'static str,
    /// Whether true means the opposite there.
    pub inverted: bool,
    /// The platforms whose profiles send it.
    pub platforms: &'static [Platform],
}

/// Graph's type of a platform's classic profile; `None`: there is none.
pub const fn classic_type(platform: Platform) -> Option<&'static str> {
    match platform {
        Platform::Ios => Some("depIOSEnrollmentProfile"),
        Platform::Macos => Some("depMacOSEnrollmentProfile"),
        Platform::Tvos | Platform::Visionos => None,
    }
}

/// What the portal and the service call the field at this place.
pub fn names(at: &At) -> Names {
    if let Some(other) = OTHERS.iter().find(|other| other.path == at.path) {
        let Other { portal, resource, member, .. } = *other;
        let member = Named { platform: None, resource, member, inverted: false };
        return Names { portal: Some(portal), members: vec![member], ..Names::default() };
    }
    if at.kind != Kind::EnrollmentProfile {
        return Names::default();
    }
    match setting(at.below_kind()) {
        Some(setting) => of_setting(setting),
        None => Names { platforms: of_parts(at), ..Names::default() },
    }
}

fn of_setting(setting: &Setting) -> Names {
    let platforms: Vec<Platform> = on(setting).collect();
    let members = platforms.iter().flat_map(|platform| members(setting, *platform)).collect();
    let is_object = SETTINGS.iter().any(|other| other.parent() == Some(setting.field));
    let default = match setting.preset {
        Preset::Unset => None,
        Preset::Nothing => Some("none".to_owned()),
        Preset::Bool(value) if is_object => Some(if value { "on" } else { "off" }.to_owned()),
        Preset::Bool(value) => Some(value.to_string()),
        Preset::Int(number) => Some(number.to_string()),
        Preset::Word(word) => Some(word.to_owned()),
    };
    let portal = Some(setting.portal).filter(|label| !label.is_empty());
    Names { portal, platforms, members, apple: apple(setting), default }
}

/// A setting's members in Apple's profile.
fn apple(setting: &Setting) -> Vec<AppleNamed> {
    let (member, platforms) = setting.apple;
    let inverted = matches!(member, AppleMember::Not(_));
    member.names().into_iter().map(|member| AppleNamed { member, inverted, platforms }).collect()
}

/// The platforms whose classic profiles have it; those of Apple's where none has.
fn on(setting: &Setting) -> impl Iterator<Item = Platform> {
    let is_classic = Platform::CLASSIC.iter().any(|platform| setting.is_on(*platform));
    Platform::ALL.into_iter().filter(move |platform| {
        if is_classic { setting.is_on(*platform) } else { setting.is_on_direct(*platform) }
    })
}

/// The platforms of an object that is no setting itself, by what it holds.
fn of_parts(at: &At) -> Vec<Platform> {
    let within = |setting: &&Setting| setting.parent() == Some(at.below_kind());
    let parts: Vec<Platform> = SETTINGS.iter().filter(within).flat_map(on).collect();
    Platform::ALL.into_iter().filter(|platform| parts.contains(platform)).collect()
}

/// A setting's members in a platform's classic profile.
pub fn members(setting: &Setting, platform: Platform) -> Vec<Named> {
    let Some(resource) = classic_type(platform) else { return Vec::new() };
    let member = setting.member(platform);
    let inverted = matches!(member, Member::Not(_));
    let named = |member| Named { platform: Some(platform), resource, member, inverted };
    member.names().into_iter().map(named).collect()
}

/// The fields that the portal or the service calls so; case does not matter. Screens are found by
/// `model::screens`, and here by their members.
pub fn called(word: &str) -> Vec<Entry> {
    let is = |name: &str| name.eq_ignore_ascii_case(word) || ends_with_part(name, word);
    let mut paths: Vec<String> = SETTINGS
        .iter()
        .filter(|setting| {
            let has_label = !setting.portal.is_empty() && is(setting.portal);
            has_label || members_of(setting).any(is)
        })
        .map(|setting| format!("{}.{}", Kind::EnrollmentProfile, setting.field))
        .collect();
    paths.extend(
        OTHERS.iter().filter(|other| is(other.portal) || is(other.member)).map(|other| other.path.to_owned()),
    );
    let mut found: Vec<Entry> = paths.iter().filter_map(|path| super::fields::find(path)).collect();
    let wired = |wire: screens::Wire| matches!(wire, screens::Wire::Member(member) if is(member));
    found.extend(
        screens::SCREENS.iter().filter(|screen| wired(screen.ios) || wired(screen.macos)).map(Entry::Screen),
    );
    found
}

fn members_of(setting: &Setting) -> impl Iterator<Item = &'static str> {
    setting.ios.names().into_iter().chain(setting.macos.names()).chain(setting.apple.0.names())
}

/// Whether `name` is nested and its last part is `word`.
fn ends_with_part(name: &str, word: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case(word))
}
