//! The settings of an enrollment profile as data: one row per field of `EnrollmentProfile`, with the
//! platforms that have it, what `null` means, the portal's label, Graph's members, Apple's members and
//! the rows. Screens have a table of their own, [`super::screens`]. PURE.
//!
//! Read by the canonical form (defaults), by the adapters (members that stand for one field), by
//! `explain` and by the README's table.
//!
//! Sources: reference intune-graph sections 3.3 to 3.7 (members, labels); reference
//! apple-enrollment-api section 3.10 (Apple's members); manifests.md, "`EnrollmentProfile`" (fields,
//! defaults).

use super::{Platform, Realm, Value};

/// What carries a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// A classic profile of Intune, on a token that an MDM holds.
    Classic,
    /// A profile of Apple's enrollment service, on a token that espalier holds itself.
    Direct,
}

impl Side {
    /// Both.
    pub const ALL: [Side; 2] = [Side::Classic, Side::Direct];

    /// What carries the profiles of a token with this holder.
    pub const fn of(realm: &Realm) -> Self {
        if realm.is_direct() { Self::Direct } else { Self::Classic }
    }

    /// Whether it has profiles for a platform.
    pub fn has(self, platform: Platform) -> bool {
        self == Side::Direct || Platform::CLASSIC.contains(&platform)
    }
}

/// What `null` means, and what a create sends for a missing field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// There is no default: `null` is refused, and a create sends nothing.
    Unset,
    /// None: an empty text or list.
    Nothing,
    /// A truth value.
    Bool(bool),
    /// A number.
    Int(i64),
    /// A word of an enum.
    Word(&'static str),
}

impl Preset {
    /// The canonical value; `None` for [`Preset::Unset`].
    pub fn value(self) -> Option<Value> {
        match self {
            Preset::Unset => None,
            Preset::Nothing => Some(Value::None),
            Preset::Bool(value) => Some(Value::Bool(value)),
            Preset::Int(value) => Some(Value::Int(value)),
            Preset::Word(word) => Some(Value::Text(word.to_owned())),
        }
    }
}

/// How a classic profile carries a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// The platform's classic profile does not have it.
    None,
    /// A text member; nothing is null.
    Text(&'static str),
    /// A truth value of equal polarity.
    Bool(&'static str),
    /// A truth value of inverse polarity.
    Not(&'static str),
    /// A number, and whether it may be null.
    Int(&'static str, bool),
    /// Members that carry it in a way of their own: several, an enum, a list or a nested object
    /// (with dots).
    Own(&'static [&'static str]),
}

impl Member {
    /// The members' names.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Member::None => Vec::new(),
            Member::Text(name) | Member::Bool(name) | Member::Not(name) | Member::Int(name, _) => vec![name],
            Member::Own(names) => names.to_vec(),
        }
    }
}

/// How a profile of Apple's enrollment service carries a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AppleMember {
    /// It does not.
    None,
    /// A text member; nothing is left out, for an empty text is refused.
    Text(&'static str),
    /// A truth value of equal polarity, always sent.
    Bool(&'static str),
    /// A truth value of inverse polarity, always sent.
    Not(&'static str),
    /// A list of certificates, base64 of their DER; nothing is left out.
    Certificates(&'static str),
    /// Members that carry it together with another setting.
    Own(&'static [&'static str]),
}

impl AppleMember {
    /// The members' names.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::None => Vec::new(),
            Self::Text(name) | Self::Bool(name) | Self::Not(name) | Self::Certificates(name) => vec![name],
            Self::Own(names) => names.to_vec(),
        }
    }
}

/// One setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The field below `spec`, with dots for nesting: the name in the canonical form.
    pub field: &'static str,
    /// What `null` means.
    pub preset: Preset,
    /// The label in the portal.
    pub portal: &'static str,
    /// How an iOS and iPadOS profile carries it.
    pub ios: Member,
    /// How a macOS profile carries it.
    pub macos: Member,
    /// How Apple's profile carries it, and for which platforms.
    pub apple: (AppleMember, &'static [Platform]),
    /// The requirement rows; empty where no row speaks of it.
    pub rows: &'static [&'static str],
}

impl Setting {
    /// How a platform's classic profile carries it.
    pub fn member(&self, platform: Platform) -> Member {
        match platform {
            Platform::Ios => self.ios,
            Platform::Macos => self.macos,
            Platform::Tvos | Platform::Visionos => Member::None,
        }
    }

    /// Whether a platform's classic profile has it.
    pub fn is_on(&self, platform: Platform) -> bool {
        self.member(platform) != Member::None
    }

    /// How Apple's profile carries it for a platform's devices.
    pub fn apple_member(&self, platform: Platform) -> AppleMember {
        if self.apple.1.contains(&platform) { self.apple.0 } else { AppleMember::None }
    }

    /// Whether the profiles of a direct token have it on a platform.
    pub fn is_on_direct(&self, platform: Platform) -> bool {
        self.apple_member(platform) != AppleMember::None
    }

    /// Whether a side's profiles have it on a platform.
    pub fn is_carried(&self, side: Side, platform: Platform) -> bool {
        match side {
            Side::Classic => self.is_on(platform),
            Side::Direct => self.is_on_direct(platform),
        }
    }

    /// The object that the field is in: `sharedIpad` of `sharedIpad.maximumCachedUsers`.
    pub fn parent(&self) -> Option<&'static str> {
        self.field.rsplit_once('.').map(|(parent, _)| parent)
    }
}

/// The row of a field.
pub fn setting(field: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.field == field)
}

/// The default of a field: what `null` means. `None`: it has none.
pub fn preset(field: &str) -> Option<Value> {
    setting(field)?.preset.value()
}

/// Fields that are sent and never come back: compared with what was applied last, not with what is
/// live.
pub const WRITE_ONLY: &[&str] = &["localAdmin.password"];

/// Whether a field is a setting of a Mac's accounts. The service may reset some of them when others
/// change (reference intune-graph section 3.6), so they are sent and read back together.
pub fn is_account(field: &str) -> bool {
    field == "localAdmin" || field.starts_with("localAdmin.") || field.starts_with("primaryAccount.")
}

const fn row(
    field: &'static str,
    preset: Preset,
    portal: &'static str,
    (ios, macos): (Member, Member),
    rows: &'static [&'static str],
) -> Setting {
    Setting { field, preset, portal, ios, macos, apple: (AppleMember::None, NOWHERE), rows }
}

impl Setting {
    /// The same, carried by Apple's profile on these platforms.
    const fn at_apple(self, platforms: &'static [Platform], member: AppleMember) -> Self {
        Self { apple: (member, platforms), ..self }
    }
}

/// A member of Apple's that has no other name, and no label in the portal.
const fn ade(
    field: &'static str,
    preset: Preset,
    platforms: &'static [Platform],
    member: AppleMember,
    rows: &'static [&'static str],
) -> Setting {
    row(field, preset, "", (Member::None, Member::None), rows).at_apple(platforms, member)
}

const NOWHERE: &[Platform] = &[];
const ALL: &[Platform] = &Platform::ALL;
const IPAD: &[Platform] = &[Platform::Ios];
const HOSTS: &[Platform] = &[Platform::Ios, Platform::Macos];
const FEW_INPUTS: &[Platform] = &[Platform::Macos, Platform::Tvos];
const BACKUPS: &[Platform] = &[Platform::Ios, Platform::Visionos];

const fn both(member: Member) -> (Member, Member) {
    (member, member)
}

const fn ios(member: Member) -> (Member, Member) {
    (member, Member::None)
}

const fn macos(member: Member) -> (Member, Member) {
    (Member::None, member)
}

use Member::{Bool as B, Int as I, Not, Own, Text as T};
use Preset::{Bool, Int, Nothing, Unset, Word};

/// What carries how devices pair with computers: deny with exceptions is what the portal calls
/// "by certificate".
const PAIRING: AppleMember = AppleMember::Own(&["allow_pairing", "supervising_host_certs"]);

/// Every setting, in the order of manifests.md.
#[rustfmt::skip]
pub const SETTINGS: &[Setting] = &[
    row("displayName", Unset, "Name", both(T("displayName")), &["P-1"]).at_apple(ALL, AppleMember::Text("profile_name")),
    row("description", Nothing, "Description", both(T("description")), &["P-1"]),
    row("userAffinity", Unset, "User affinity", (Own(&["requiresUserAuthentication", "userlessSharedAadModeEnabled", "isMandatory"]), Own(&["requiresUserAuthentication", "isMandatory"])), &["P-2", "P-35"]),
    row("authentication", Unset, "Authentication method", both(Own(&["enableAuthenticationViaCompanyPortal", "configurationWebUrl", "requireCompanyPortalOnSetupAssistantEnrolledDevices"])), &["P-3", "P-6", "P-7", "P-33"]),
    row("companyPortal.install", Bool(false), "Install Company Portal", ios(Own(&["requireCompanyPortalOnSetupAssistantEnrolledDevices"])), &["P-4", "P-34"]),
    row("companyPortal.vppToken", Nothing, "Install Company Portal with VPP", ios(Own(&["companyPortalVppTokenId"])), &["P-4", "P-34"]),
    row("companyPortal.singleAppMode", Bool(false), "Run Company Portal in Single App Mode until authentication", ios(B("enableSingleAppEnrollmentMode")), &["P-5", "P-6", "P-38"]),
    row("supervised", Bool(true), "Supervised", ios(B("supervisedModeEnabled")), &["P-9", "P-10", "P-11"]).at_apple(ALL, AppleMember::Bool("is_supervised")),
    row("lockedEnrollment", Bool(false), "Locked enrollment", both(B("profileRemovalDisabled")), &["P-12"]).at_apple(ALL, AppleMember::Not("is_mdm_removable")),
    row("awaitConfiguration", Bool(true), "Await final configuration", (B("awaitDeviceConfiguredConfirmation"), B("waitForDeviceConfiguredConfirmation")), &["P-14"]).at_apple(ALL, AppleMember::Bool("await_device_configured")),
    row("sharedIpad", Bool(false), "Shared iPad", ios(B("enableSharedIPad")), &["P-14"]).at_apple(IPAD, AppleMember::Bool("is_multi_user")),
    row("sharedIpad.maximumCachedUsers", Unset, "Maximum cached users", ios(I("sharedIPadMaximumUserCount", false)), &["P-15", "P-18"]),
    row("sharedIpad.passwordAfterLockSeconds", Nothing, "Maximum seconds after screen lock before password is required", ios(I("passcodeLockGracePeriodInSeconds", true)), &["P-16", "P-18"]),
    row("sharedIpad.userSessionTimeoutSeconds", Int(0), "Maximum seconds of inactivity until user session logs out", ios(I("userSessionTimeoutInSeconds", false)), &["P-17", "P-18"]),
    row("sharedIpad.temporarySessionOnly", Bool(false), "Require Shared iPad temporary session only", ios(B("forceTemporarySession")), &["P-18", "P-20"]),
    row("sharedIpad.temporarySessionTimeoutSeconds", Int(0), "Maximum seconds of inactivity until temporary session logs out", ios(I("temporarySessionTimeoutInSeconds", false)), &["P-19"]),
    row("pairing.mode", Word("allowAll"), "Sync with computers", ios(Own(&["iTunesPairingMode"])), &["P-21"]).at_apple(HOSTS, PAIRING),
    row("pairing.certificates", Nothing, "Apple Configurator certificates", ios(Own(&["managementCertificates"])), &["P-21"]).at_apple(HOSTS, AppleMember::Certificates("supervising_host_certs")),
    row("deviceNameTemplate", Nothing, "Device name template", both(T("deviceNameTemplate")), &["P-22", "P-28"]),
    row("cellularActivationUrl", Nothing, "Carrier activation server URL", ios(T("carrierActivationUrl")), &["P-23", "P-39"]),
    row("department", Nothing, "Department", both(T("supportDepartment")), &["P-24"]).at_apple(ALL, AppleMember::Text("department")),
    row("departmentPhone", Nothing, "Department phone", both(T("supportPhoneNumber")), &["P-24"]).at_apple(ALL, AppleMember::Text("support_phone_number")),
    row("localAdmin", Bool(false), "Create a local admin account", macos(Own(&["adminAccountUserName"])), &[]),
    row("localAdmin.userName", Nothing, "Admin account username", macos(Own(&["adminAccountUserName"])), &[]),
    row("localAdmin.fullName", Nothing, "Admin account full name", macos(Own(&["adminAccountFullName"])), &[]),
    row("localAdmin.password", Unset, "Admin account password", macos(Own(&["adminAccountPassword"])), &[]),
    row("localAdmin.hidden", Bool(false), "Hide in Users & Groups", macos(Own(&["hideAdminAccount"])), &[]),
    row("localAdmin.rotateEveryDays", Nothing, "Admin account password rotation period in days", macos(Own(&["depProfileAdminAccountPasswordRotationSetting.autoRotationPeriodInDays"])), &[]),
    row("localAdmin.rotateAfterRetrievalHours", Nothing, "Rotate the password after its retrieval, in hours", macos(Own(&["depProfileAdminAccountPasswordRotationSetting.depProfileDelayAutoRotationSetting.onRetrievalAutoRotatePasswordEnabled", "depProfileAdminAccountPasswordRotationSetting.depProfileDelayAutoRotationSetting.onRetrievalDelayAutoRotatePasswordInHours"])), &[]),
    row("primaryAccount.create", Bool(true), "Create a local primary account", macos(Not("skipPrimarySetupAccountCreation")), &[]),
    row("primaryAccount.standardUser", Bool(false), "Account type: standard", macos(B("setPrimarySetupAccountAsRegularUser")), &[]),
    row("primaryAccount.prefill", Bool(false), "Prefill account info", macos(Not("dontAutoPopulatePrimaryAccountInfo")), &[]),
    row("primaryAccount.userName", Nothing, "Primary account name", macos(T("primaryAccountUserName")), &[]),
    row("primaryAccount.fullName", Nothing, "Primary account full name", macos(T("primaryAccountFullName")), &[]),
    row("primaryAccount.restrictEditing", Bool(true), "Restrict editing", macos(B("enableRestrictEditing")), &[]),
    row("platformSso", Bool(false), "Platform SSO in Setup Assistant", macos(B("usePlatformSSODuringSetupAssistant")), &[]),
    row("autoAdvance", Bool(false), "Auto advance", macos(B("autoAdvanceSetupEnabled")), &[]).at_apple(FEW_INPUTS, AppleMember::Bool("auto_advance_setup")),
    row("networkTether", Bool(false), "Network tether required", macos(B("requestRequiresNetworkTether")), &[]),
    ade("ade.url", Unset, ALL, AppleMember::Text("url"), &["P-32"]),
    ade("ade.orgMagic", Unset, ALL, AppleMember::Text("org_magic"), &["P-32"]),
    ade("ade.configurationWebUrl", Nothing, HOSTS, AppleMember::Text("configuration_web_url"), &["P-32"]),
    ade("ade.mandatory", Bool(false), ALL, AppleMember::Bool("is_mandatory"), &["P-32"]),
    ade("ade.supportEmail", Nothing, ALL, AppleMember::Text("support_email_address"), &["P-32"]),
    ade("ade.language", Nothing, FEW_INPUTS, AppleMember::Text("language"), &["P-32"]),
    ade("ade.region", Nothing, FEW_INPUTS, AppleMember::Text("region"), &["P-32"]),
    ade("ade.anchorCertificates", Nothing, ALL, AppleMember::Certificates("anchor_certs"), &["P-32"]),
    ade("ade.returnToService", Bool(false), BACKUPS, AppleMember::Bool("is_return_to_service"), &["P-32"]),
    ade("ade.ignoreProfileFromBackup", Bool(false), BACKUPS, AppleMember::Bool("do_not_use_profile_from_backup"), &["P-32"]),
];

/// The nested object of a Mac's local administrator that holds the rotation.
pub const ROTATION_MEMBER: &str = "depProfileAdminAccountPasswordRotationSetting";
