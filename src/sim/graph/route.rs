//! Which operation a method and path ask for, under the names of the OpenAPI subset.

use crate::sim::calls::CallKind;
use crate::sim::device::ManagedAction;
use crate::sim::world::Platform;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Tokens,
    TokenCount,
    Token,
    PatchToken,
    DeleteToken,
    Default(Platform),
    Sync,
    EncryptionKey,
    GenerateEncryptionKey,
    UploadToken,
    Profiles,
    ProfileCount,
    CreateProfile,
    Profile,
    PatchProfile,
    DeleteProfile,
    SetDefault,
    Assign,
    Devices,
    DeviceCount,
    Device,
    ScopeTags,
    ScopeTagCount,
    ScopeTag,
    VppTokens,
    VppTokenCount,
    VppToken,
    VppLicenses,
    ExpiringVppTokens,
    PushCertificate,
    Managed,
    ManagedCount,
    ManagedDevice,
    DeleteManaged,
    Act(ManagedAction),
    Audits,
    Audit,
    Approvals,
    Approval,
    /// A path that is none; the segment at which that was seen.
    Unknown,
}

/// An operation with the ids of its path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    pub operation: Operation,
    /// The token's id, or the scope tag's or VPP token's, or the argument of a function.
    pub parent: String,
    /// The id below it.
    pub child: String,
    /// Whether the method changes things.
    pub kind: CallKind,
}

/// Finds the route of a path below the version, e.g. `/deviceManagement/roleScopeTags`.
pub(super) fn route(method: &str, path: &str) -> Route {
    let segments: Vec<String> = path.split('/').filter(|segment| !segment.is_empty()).map(decode).collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let kind = if method == "GET" { CallKind::Read } else { CallKind::Write };
    let at = |operation, parent: &str, child: &str| Route {
        operation,
        parent: parent.to_owned(),
        child: child.to_owned(),
        kind,
    };
    let unknown = || at(Operation::Unknown, segments.last().unwrap_or(&""), "");
    use Operation as O;
    let (collection, rest) = match segments.as_slice() {
        ["deviceManagement", collection, rest @ ..] => (collection, rest),
        ["deviceAppManagement", "vppTokens", rest @ ..] => {
            return match (method, rest) {
                ("GET", []) => at(O::VppTokens, "", ""),
                ("GET", ["$count"]) => at(O::VppTokenCount, "", ""),
                ("GET", [segment]) => match argument(segment, "getLicensesForApp", "bundleId") {
                    Some(bundle) => at(O::VppLicenses, &bundle, ""),
                    None => at(O::VppToken, segment, ""),
                },
                _ => unknown(),
            };
        }
        _ => return unknown(),
    };
    match (*collection, method, rest) {
        ("applePushNotificationCertificate", "GET", []) => at(O::PushCertificate, "", ""),
        ("roleScopeTags", "GET", []) => at(O::ScopeTags, "", ""),
        ("roleScopeTags", "GET", ["$count"]) => at(O::ScopeTagCount, "", ""),
        ("roleScopeTags", "GET", [tag]) => at(O::ScopeTag, tag, ""),
        ("managedDevices", "GET", []) => at(O::Managed, "", ""),
        ("managedDevices", "GET", ["$count"]) => at(O::ManagedCount, "", ""),
        ("managedDevices", "GET", [device]) => at(O::ManagedDevice, device, ""),
        ("managedDevices", "DELETE", [device]) => at(O::DeleteManaged, device, ""),
        ("managedDevices", "POST", [device, name]) => {
            let named = ManagedAction::ROUTES.into_iter().find(|action| action.route() == *name);
            named.map_or_else(unknown, |action| at(O::Act(action), device, ""))
        }
        ("remoteActionAudits", "GET", []) => at(O::Audits, "", ""),
        ("remoteActionAudits", "GET", [audit]) => at(O::Audit, audit, ""),
        ("operationApprovalRequests", "GET", []) => at(O::Approvals, "", ""),
        ("operationApprovalRequests", "GET", [request]) => at(O::Approval, request, ""),
        ("depOnboardingSettings", "GET", []) => at(O::Tokens, "", ""),
        ("depOnboardingSettings", "GET", ["$count"]) => at(O::TokenCount, "", ""),
        ("depOnboardingSettings", "GET", [segment]) => {
            match argument(segment, "getExpiringVppTokenCount", "expiringBeforeDateTime") {
                Some(instant) => at(O::ExpiringVppTokens, &instant, ""),
                None => at(O::Token, segment, ""),
            }
        }
        ("depOnboardingSettings", "PATCH", [token]) => at(O::PatchToken, token, ""),
        ("depOnboardingSettings", "DELETE", [token]) => at(O::DeleteToken, token, ""),
        ("depOnboardingSettings", method, [token, below @ ..]) => match (method, below) {
            ("POST", ["syncWithAppleDeviceEnrollmentProgram"]) => at(O::Sync, token, ""),
            ("GET", ["getEncryptionPublicKey()"]) => at(O::EncryptionKey, token, ""),
            ("POST", ["generateEncryptionPublicKey"]) => at(O::GenerateEncryptionKey, token, ""),
            ("POST", ["uploadDepToken"]) => at(O::UploadToken, token, ""),
            ("GET", [name]) if default_platform(name).is_some() => {
                at(default_platform(name).map_or(O::Unknown, O::Default), token, "")
            }
            ("GET", ["enrollmentProfiles"]) => at(O::Profiles, token, ""),
            ("POST", ["enrollmentProfiles"]) => at(O::CreateProfile, token, ""),
            ("GET", ["enrollmentProfiles", "$count"]) => at(O::ProfileCount, token, ""),
            ("GET", ["enrollmentProfiles", profile]) => at(O::Profile, token, profile),
            ("PATCH", ["enrollmentProfiles", profile]) => at(O::PatchProfile, token, profile),
            ("DELETE", ["enrollmentProfiles", profile]) => at(O::DeleteProfile, token, profile),
            ("POST", ["enrollmentProfiles", profile, "setDefaultProfile"]) => {
                at(O::SetDefault, token, profile)
            }
            ("POST", ["enrollmentProfiles", profile, "updateDeviceProfileAssignment"]) => {
                at(O::Assign, token, profile)
            }
            ("GET", ["importedAppleDeviceIdentities"]) => at(O::Devices, token, ""),
            ("GET", ["importedAppleDeviceIdentities", "$count"]) => at(O::DeviceCount, token, ""),
            ("GET", ["importedAppleDeviceIdentities", device]) => at(O::Device, token, device),
            _ => unknown(),
        },
        _ => unknown(),
    }
}

/// The argument of `function(parameter='argument')`, with or without the quotes; `None` for any
/// other segment.
fn argument(segment: &str, function: &str, parameter: &str) -> Option<String> {
    let inner = segment.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')')?;
    let value = inner.strip_prefix(parameter)?.strip_prefix('=')?;
    let text = value.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    Some(text.map_or_else(|| value.to_owned(), |text| text.replace("''", "'")))
}

/// A path segment with its `%xx` undone; what is no such escape stays.
fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'%').then(|| after.get(..2)).flatten();
        let escaped = escaped.and_then(|hex| std::str::from_utf8(hex).ok());
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The platform of `default{…}EnrollmentProfile`; the spelling is the service's.
pub(super) fn default_platform(member: &str) -> Option<Platform> {
    DEFAULTS.iter().find(|(name, _)| *name == member).map(|(_, platform)| *platform)
}

/// The navigation members for default profiles.
pub(super) const DEFAULTS: [(&str, Platform); 4] = [
    ("defaultIosEnrollmentProfile", Platform::Ios),
    ("defaultMacOsEnrollmentProfile", Platform::MacOs),
    ("defaultTvOSEnrollmentProfile", Platform::TvOs),
    ("defaultVisionOSEnrollmentProfile", Platform::VisionOs),
];

impl Operation {
    /// The operation's id in the OpenAPI subset.
    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::Tokens => "deviceManagement.depOnboardingSettings.get",
            Operation::TokenCount => "deviceManagement.depOnboardingSettings.count.get",
            Operation::Token => "deviceManagement.depOnboardingSettings.item.get",
            Operation::PatchToken => "deviceManagement.depOnboardingSettings.item.patch",
            Operation::DeleteToken => "deviceManagement.depOnboardingSettings.item.delete",
            Operation::Default(Platform::Ios) => {
                "deviceManagement.depOnboardingSettings.item.defaultIosEnrollmentProfile.get"
            }
            Operation::Default(Platform::MacOs) => {
                "deviceManagement.depOnboardingSettings.item.defaultMacOsEnrollmentProfile.get"
            }
            Operation::Default(Platform::TvOs) => {
                "deviceManagement.depOnboardingSettings.item.defaultTvOSEnrollmentProfile.get"
            }
            Operation::Default(Platform::VisionOs) => {
                "deviceManagement.depOnboardingSettings.item.defaultVisionOSEnrollmentProfile.get"
            }
            Operation::Sync => {
                "deviceManagement.depOnboardingSettings.item.syncWithAppleDeviceEnrollmentProgram.post"
            }
            Operation::EncryptionKey => {
                "deviceManagement.depOnboardingSettings.item.getEncryptionPublicKey_.get"
            }
            Operation::GenerateEncryptionKey => {
                "deviceManagement.depOnboardingSettings.item.generateEncryptionPublicKey.post"
            }
            Operation::UploadToken => "deviceManagement.depOnboardingSettings.item.uploadDepToken.post",
            Operation::Profiles => "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.get",
            Operation::ProfileCount => {
                "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.count.get"
            }
            Operation::CreateProfile => "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.post",
            Operation::Profile => "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.item.get",
            Operation::PatchProfile => {
                "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.item.patch"
            }
            Operation::DeleteProfile => {
                "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.item.delete"
            }
            Operation::SetDefault => {
                "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.item.setDefaultProfile.post"
            }
            Operation::Assign => {
                "deviceManagement.depOnboardingSettings.item.enrollmentProfiles.item.updateDeviceProfileAssignment.post"
            }
            Operation::Devices => {
                "deviceManagement.depOnboardingSettings.item.importedAppleDeviceIdentities.get"
            }
            Operation::DeviceCount => {
                "deviceManagement.depOnboardingSettings.item.importedAppleDeviceIdentities.count.get"
            }
            Operation::Device => {
                "deviceManagement.depOnboardingSettings.item.importedAppleDeviceIdentities.item.get"
            }
            Operation::ScopeTags => "deviceManagement.roleScopeTags.get",
            Operation::ScopeTagCount => "deviceManagement.roleScopeTags.count.get",
            Operation::ScopeTag => "deviceManagement.roleScopeTags.item.get",
            Operation::VppTokens => "deviceAppManagement.vppTokens.get",
            Operation::VppTokenCount => "deviceAppManagement.vppTokens.count.get",
            Operation::VppToken => "deviceAppManagement.vppTokens.item.get",
            Operation::VppLicenses => "deviceAppManagement.vppTokens.getLicensesForApp_bundleId.get",
            Operation::ExpiringVppTokens => {
                "deviceManagement.depOnboardingSettings.getExpiringVppTokenCount_expiringBeforeDateTime.get"
            }
            Operation::PushCertificate => "deviceManagement.applePushNotificationCertificate.get",
            Operation::Managed => "deviceManagement.managedDevices.get",
            Operation::ManagedCount => "deviceManagement.managedDevices.count.get",
            Operation::ManagedDevice => "deviceManagement.managedDevices.item.get",
            Operation::DeleteManaged => "deviceManagement.managedDevices.item.delete",
            Operation::Act(action) => of_action(action),
            Operation::Audits => "deviceManagement.remoteActionAudits.get",
            Operation::Audit => "deviceManagement.remoteActionAudits.item.get",
            Operation::Approvals => "deviceManagement.operationApprovalRequests.get",
            Operation::Approval => "deviceManagement.operationApprovalRequests.item.get",
            Operation::Unknown => "unknown",
        }
    }

    /// The segment below `deviceManagement` or `deviceAppManagement`.
    pub(super) fn collection(self) -> &'static str {
        self.name().split('.').nth(1).unwrap_or_default()
    }

    /// Whether it answers with pages.
    pub(super) fn is_list(self) -> bool {
        use Operation as O;
        matches!(
            self,
            O::Tokens
                | O::Profiles
                | O::Devices
                | O::ScopeTags
                | O::VppTokens
                | O::VppLicenses
                | O::Managed
                | O::Audits
                | O::Approvals
        )
    }

    /// The least application permission for it (reference section 7.1).
    pub(super) fn permission(self, kind: CallKind) -> &'static str {
        use Operation as O;
        match (self, kind) {
            (O::Act(_), _) => "DeviceManagementManagedDevices.PrivilegedOperations.All",
            (O::DeleteManaged, _) => "DeviceManagementManagedDevices.ReadWrite.All",
            (
                O::PushCertificate | O::Managed | O::ManagedCount | O::ManagedDevice | O::Audits | O::Audit,
                _,
            ) => "DeviceManagementManagedDevices.Read.All",
            (O::Approvals | O::Approval, _) => "DeviceManagementConfiguration.Read.All",
            (O::ScopeTags | O::ScopeTagCount | O::ScopeTag, _) => "DeviceManagementRBAC.Read.All",
            (_, CallKind::Read) => "DeviceManagementServiceConfig.Read.All",
            (_, CallKind::Write) => "DeviceManagementServiceConfig.ReadWrite.All",
        }
    }
}

/// The id of the operation that asks a device for something.
fn of_action(action: ManagedAction) -> &'static str {
    match action {
        ManagedAction::SyncDevice => "deviceManagement.managedDevices.item.syncDevice.post",
        ManagedAction::PlayLostModeSound => "deviceManagement.managedDevices.item.playLostModeSound.post",
        ManagedAction::LocateDevice => "deviceManagement.managedDevices.item.locateDevice.post",
        ManagedAction::RemoteLock => "deviceManagement.managedDevices.item.remoteLock.post",
        ManagedAction::EnableLostMode => "deviceManagement.managedDevices.item.enableLostMode.post",
        ManagedAction::DisableLostMode => "deviceManagement.managedDevices.item.disableLostMode.post",
        ManagedAction::RebootNow => "deviceManagement.managedDevices.item.rebootNow.post",
        ManagedAction::ShutDown => "deviceManagement.managedDevices.item.shutDown.post",
        ManagedAction::SetDeviceName => "deviceManagement.managedDevices.item.setDeviceName.post",
        ManagedAction::LogoutSharedAppleDeviceActiveUser => {
            "deviceManagement.managedDevices.item.logoutSharedAppleDeviceActiveUser.post"
        }
        ManagedAction::ResetPasscode => "deviceManagement.managedDevices.item.resetPasscode.post",
        ManagedAction::BypassActivationLock => {
            "deviceManagement.managedDevices.item.bypassActivationLock.post"
        }
        ManagedAction::Retire => "deviceManagement.managedDevices.item.retire.post",
        ManagedAction::Wipe => "deviceManagement.managedDevices.item.wipe.post",
        ManagedAction::DeleteUserFromSharedAppleDevice => {
            "deviceManagement.managedDevices.item.deleteUserFromSharedAppleDevice.post"
        }
        ManagedAction::Delete => "deviceManagement.managedDevices.item.delete",
    }
}
