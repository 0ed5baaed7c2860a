//! The settings of an `EnrollmentProfile`, as users write them.

use std::path::PathBuf;

use crate::model::{Field, SecretRef};

/// The settings of an `EnrollmentProfile` as written: three states each. The row ids stand in
/// manifests.md.
#[derive(Clone, Debug, Default)]
pub struct ProfileSettings {
    /// `description` (P-1).
    pub description: Field<String>,
    /// `userAffinity` (P-2).
    pub user_affinity: Field<UserAffinity>,
    /// `authentication` (P-3).
    pub authentication: Field<Authentication>,
    /// `companyPortal` (P-4, P-5, P-34); iOS and iPadOS.
    pub company_portal: Field<CompanyPortal>,
    /// `supervised` (P-9); on classic profiles iOS and iPadOS only.
    pub supervised: Field<bool>,
    /// `lockedEnrollment` (P-12).
    pub locked_enrollment: Field<bool>,
    /// `awaitConfiguration`.
    pub await_configuration: Field<bool>,
    /// `sharedIpad` (P-14 to P-20); null is off.
    pub shared_ipad: Field<SharedIpad>,
    /// `pairing` (P-21).
    pub pairing: Field<Pairing>,
    /// `deviceNameTemplate` (P-22).
    pub device_name_template: Field<String>,
    /// `cellularActivationUrl` (P-23); iOS and iPadOS.
    pub cellular_activation_url: Field<String>,
    /// `department` (P-24).
    pub department: Field<String>,
    /// `departmentPhone` (P-24).
    pub department_phone: Field<String>,
    /// `setupAssistant` (P-25).
    pub setup_assistant: Field<SetupAssistant>,
    /// `localAdmin`; macOS. Null is off.
    pub local_admin: Field<LocalAdmin>,
    /// `primaryAccount`; macOS.
    pub primary_account: Field<PrimaryAccount>,
    /// `platformSso`; macOS.
    pub platform_sso: Field<bool>,
    /// `autoAdvance`; macOS, and tvOS on direct tokens.
    pub auto_advance: Field<bool>,
    /// `networkTether`; macOS.
    pub network_tether: Field<bool>,
    /// `ade`; direct tokens only.
    pub ade: Field<Ade>,
    /// The settings that the document gives a value, by their names in
    /// [`crate::model::settings::SETTINGS`] and in its order; `null` is none. An object counts where it
    /// is a setting itself.
    pub stated: Vec<&'static str>,
}

/// `ade`: Apple's members that have no name among the other settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ade {
    /// `url`: where devices ask for their enrollment.
    pub url: Field<String>,
    /// `orgMagic`: ties the services of one organisation together.
    pub org_magic: Field<String>,
    /// `configurationWebUrl`: a sign-in in a web view instead.
    pub configuration_web_url: Field<String>,
    /// `mandatory`
    pub mandatory: Field<bool>,
    /// `supportEmail`
    pub support_email: Field<String>,
    /// `language`: ISO 639.
    pub language: Field<String>,
    /// `region`: ISO 3166-1, two letters.
    pub region: Field<String>,
    /// `anchorCertificates`: trusted for the connection to `url`, read from their files.
    pub anchor_certificates: Field<Vec<Certificate>>,
    /// `supervisingHostCertificates`: Apple's name for what `pairing.certificates` holds beside
    /// `pairing.mode: denyAll`; the canonical form knows the latter only.
    pub supervising_host_certificates: Field<Vec<Certificate>>,
    /// `returnToService`
    pub return_to_service: Field<bool>,
    /// `ignoreProfileFromBackup`
    pub ignore_profile_from_backup: Field<bool>,
}

/// `companyPortal`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CompanyPortal {
    /// `install` (P-4).
    pub install: Field<bool>,
    /// `vppToken`: the display name of a VPP token (P-4).
    pub vpp_token: Field<String>,
    /// `singleAppMode` (P-5).
    pub single_app_mode: Field<bool>,
}

/// `localAdmin`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocalAdmin {
    /// `userName`
    pub user_name: Field<String>,
    /// `fullName`
    pub full_name: Field<String>,
    /// `password`: where it is to be found.
    pub password: Field<SecretRef>,
    /// `hidden`
    pub hidden: Field<bool>,
    /// `rotateEveryDays`, 1 to 180; null is never.
    pub rotate_every_days: Field<i64>,
    /// `rotateAfterRetrievalHours`, 1 to 24; null is never.
    pub rotate_after_retrieval_hours: Field<i64>,
}

/// `primaryAccount`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrimaryAccount {
    /// `create`
    pub create: Field<bool>,
    /// `standardUser`
    pub standard_user: Field<bool>,
    /// `prefill`
    pub prefill: Field<bool>,
    /// `userName`
    pub user_name: Field<String>,
    /// `fullName`
    pub full_name: Field<String>,
    /// `restrictEditing`
    pub restrict_editing: Field<bool>,
}

/// `userAffinity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserAffinity {
    /// `none`
    None,
    /// `user`
    User,
    /// `entraShared`
    EntraShared,
}

/// `authentication`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// `setupAssistantModern`
    SetupAssistantModern,
    /// `setupAssistantLegacy`
    SetupAssistantLegacy,
    /// `companyPortal`
    CompanyPortal,
}

/// `sharedIpad`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedIpad {
    /// `maximumCachedUsers`, 1 to 24 (P-15).
    pub maximum_cached_users: Field<i64>,
    /// `passwordAfterLockSeconds` (P-16).
    pub password_after_lock_seconds: Field<i64>,
    /// `userSessionTimeoutSeconds`; 0 is never (P-17).
    pub user_session_timeout_seconds: Field<i64>,
    /// `temporarySessionOnly` (P-18).
    pub temporary_session_only: Field<bool>,
    /// `temporarySessionTimeoutSeconds`; 0 is never (P-19).
    pub temporary_session_timeout_seconds: Field<i64>,
}

/// `pairing`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairing {
    /// `mode`.
    pub mode: Field<PairingMode>,
    /// `certificates`, read from their files.
    pub certificates: Field<Vec<Certificate>>,
}

/// `pairing.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairingMode {
    /// `allowAll`
    AllowAll,
    /// `denyAll`
    DenyAll,
    /// `allowByCertificate`
    AllowByCertificate,
}

/// An X.509 certificate from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The file, as written in the document.
    pub file: PathBuf,
    /// Base64 of the DER.
    pub der_base64: String,
    /// The subject, for messages.
    pub subject: String,
    /// The end of its validity.
    pub not_after: jiff::Timestamp,
}

/// `setupAssistant`: screens by name, see [`crate::model::screens`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetupAssistant {
    /// `hide`
    pub hide: Field<Vec<&'static str>>,
    /// `show`
    pub show: Field<Vec<&'static str>>,
    /// `otherwise`: true hides; without it unlisted screens are unmanaged.
    pub otherwise_hide: Field<bool>,
}
