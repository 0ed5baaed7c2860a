//! What a person can change.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::device::{
    ChangeDevice, ChangeDeviceBehaviour, ChangeRecord, DecideApproval, DuplicateRecord, EnterBypassCode,
    MoveToToken, RequestAction, SetDeviceLock, SetUpDevice,
};
use super::{
    ActivateDevices, AddDevices, AssignAtApple, AssignToService, BuyDevices, ChangeOrganization,
    ChangeOrganizationService, ChangeService, CreateOrganizationService, DefineProfile,
    DeleteOrganizationService, DownloadToken, MoveDevices, ReleaseFromOrganization, ReleaseSerials,
    RemoveProfile, ReplaceDevice, RevokeApiKey, RevokeToken, ScheduleMigration, SetActivationLock,
    SetMigration, UploadCertificate,
};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::push::PushMembers;
use crate::sim::vpp::VppMembers;
use crate::sim::world::Platform;

/// One change. `token` is a token's id or display name; `profile` a profile's id or display name.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(tag = "do", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// Makes a profile as it is given, also one that the service would refuse today, or of a type
    /// that nobody knows: nothing but the presence of `@odata.type` is checked. Members that are
    /// missing get what a bare create gives. `isDefault: true` makes it the default, `mirrored:
    /// true` the mirror of a new-generation policy, and `id` is kept.
    CreateProfile {
        /// The token.
        token: String,
        /// The members as Graph would return them.
        profile: Map<String, Value>,
    },
    /// Sets members of a profile; nothing of it is checked.
    PatchProfile {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
        /// The members to set.
        members: Map<String, Value>,
    },
    /// Gives a profile another display name.
    RenameProfile {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
        /// The new name.
        to: String,
    },
    /// Deletes a profile, in use or not.
    DeleteProfile {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
    },
    /// Makes a profile the default of its platform.
    SetDefault {
        /// The token.
        token: String,
        /// The profile.
        profile: String,
    },
    /// Takes the default of a platform away, which the service's API cannot do.
    ClearDefault {
        /// The token.
        token: String,
        /// The platform.
        platform: Platform,
    },
    /// Assigns a profile to devices, or none.
    Assign {
        /// The token.
        token: String,
        /// The profile; absent: none.
        #[serde(default)]
        profile: Option<String>,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Assigns devices to the token at Apple: the next sync brings them.
    AddSerials {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
        /// Their platform; absent: ios.
        #[serde(default)]
        platform: Option<Platform>,
    },
    /// Releases devices at Apple: they stay listed as deleted.
    ReleaseDevices {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Removes device records altogether, as Intune does some weeks after a release.
    PurgeDevices {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Enrolls devices: sets them up where their token has them.
    Enroll {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Erases devices in hand: they wait for their next activation, and nobody sets them up by himself.
    Wipe {
        /// The token.
        token: String,
        /// The devices.
        serials: Vec<Serial>,
    },
    /// Makes an enrollment policy of the new generation, of which the token's profiles show a
    /// mirror: read and assigned here, changed nowhere here.
    CreateMirror {
        /// The token.
        token: String,
        /// Its platform.
        platform: Platform,
        /// Its name.
        display_name: String,
        /// The policy's id; absent: derived. The mirror's id is `{tokenId}_{policyId}`.
        #[serde(default)]
        policy_id: Option<String>,
        /// Whether lists show the id with `ECV2_` in front.
        #[serde(default)]
        prefixed: bool,
    },
    /// Changes a token.
    #[serde(alias = "patchToken")]
    ChangeToken {
        /// The token.
        token: String,
        /// A new name.
        #[serde(default)]
        token_name: Option<String>,
        /// Names of its scope tags; those that are missing are made.
        #[serde(default)]
        scope_tags: Option<Vec<String>>,
        /// A new end.
        #[serde(default)]
        expires: Option<Timestamp>,
        /// Another Apple account, as after a renewal by somebody else.
        #[serde(default)]
        apple_id: Option<String>,
        /// Whether Apple's terms wait to be accepted, which makes syncs fail.
        #[serde(default)]
        terms_pending: Option<bool>,
    },
    /// Makes a scope tag, unless there is one of this name.
    AddScopeTag {
        /// The tenant's id.
        tenant: String,
        /// Its name.
        name: String,
    },
    /// Gives a scope tag another name; its id stays.
    RenameScopeTag {
        /// The tenant's id.
        tenant: String,
        /// Its name or id.
        scope_tag: String,
        /// The new name.
        to: String,
    },
    /// Removes a scope tag; what has no other one has the built-in one then.
    RemoveScopeTag {
        /// The tenant's id.
        tenant: String,
        /// Its name or id.
        scope_tag: String,
    },
    /// Adds a VPP token, also one of a name that is taken.
    AddVppToken {
        /// The tenant's id.
        tenant: String,
        /// Its name.
        name: String,
        /// Its id; absent: derived.
        #[serde(default)]
        id: Option<String>,
        /// What it is like; absent: good for a year, with licences of the Company Portal.
        #[serde(default)]
        members: VppMembers,
    },
    /// Changes a VPP token.
    PatchVppToken {
        /// The tenant's id.
        tenant: String,
        /// Its id or name.
        vpp_token: String,
        /// The members to set.
        members: VppMembers,
    },
    /// Removes a VPP token; profiles that name it go on naming it.
    RemoveVppToken {
        /// The tenant's id.
        tenant: String,
        /// Its id or name.
        vpp_token: String,
    },
    /// Changes the MDM push certificate, or makes one.
    PatchPushCertificate {
        /// The tenant's id.
        tenant: String,
        /// The members to set.
        members: PushMembers,
    },
    /// Takes the MDM push certificate away.
    RemovePushCertificate {
        /// The tenant's id.
        tenant: String,
    },
    /// Gives an application its client secret.
    AddClientSecret {
        /// The tenant's id.
        tenant: String,
        /// The application; it is made where it is missing, and from then on others are not known.
        client_id: String,
        /// The secret.
        secret: String,
        /// When it ends; absent: never.
        #[serde(default)]
        expires: Option<Timestamp>,
    },
    /// Uploads a certificate to an application.
    AddCertificate {
        /// The tenant's id.
        tenant: String,
        /// The application, as for `addClientSecret`.
        client_id: String,
        /// The certificate in PEM.
        pem: String,
    },
    /// Adds a federated credential to an application.
    AddFederatedCredential {
        /// The tenant's id.
        tenant: String,
        /// The application, as for `addClientSecret`.
        client_id: String,
        /// The issuer; absent: GitHub.
        #[serde(default)]
        issuer: Option<String>,
        /// The subject, e.g. `repo:org/repo:ref:refs/heads/main`.
        subject: String,
        /// The audience; absent: `api://AzureADTokenExchange`.
        #[serde(default)]
        audience: Option<String>,
        /// The issuer's public RSA key in PEM; absent: that of the simulated GitHub.
        #[serde(default)]
        public_key: Option<String>,
        /// Seconds of the world until Entra knows of it; absent: 0.
        #[serde(default)]
        after: Option<u32>,
    },
    /// Takes all credentials of an application away; it can sign in by none then.
    RevokeCredentials {
        /// The tenant's id.
        tenant: String,
        /// The application.
        client_id: String,
    },
    /// Lets a workflow run at GitHub, in the place of any that ran before.
    RunWorkflow {
        /// The subject of its id tokens.
        subject: String,
        /// The bearer with which it asks for them.
        request_token: String,
        /// Their issuer; absent: GitHub's.
        #[serde(default)]
        issuer: Option<String>,
    },
    /// Gives the machine or app that asks a managed identity.
    AssignManagedIdentity {
        /// The tenant that it signs in to.
        tenant: String,
        /// Its client id.
        client_id: String,
        /// Whether it is user-assigned; absent: it is the machine's own.
        #[serde(default)]
        user_assigned: bool,
        /// What the app's endpoint wants in `X-IDENTITY-HEADER`; absent: as it was.
        #[serde(default)]
        identity_header: Option<String>,
    },
    /// Uploads the certificate for whose key Apple encrypts server tokens.
    UploadCertificate(UploadCertificate),
    /// Downloads a new server token, which replaces the one in force. The answer has the file.
    DownloadToken(DownloadToken),
    /// Revokes the server token in force.
    RevokeToken(RevokeToken),
    /// Changes a service at Apple: its name, its token's end, terms that wait to be accepted.
    ChangeService(ChangeService),
    /// Adds new devices to a service at Apple, or to none.
    AddDevices(AddDevices),
    /// Moves devices to another service at Apple, or away from all.
    MoveDevices(MoveDevices),
    /// Releases devices from the organization at Apple.
    ReleaseSerials(ReleaseSerials),
    /// Activates devices of Apple's services, new or wiped: they fetch their profile. That a device
    /// was wiped Apple does not see before.
    ActivateDevices(ActivateDevices),
    /// Takes the profile of devices away at Apple: `removed`.
    RemoveProfile(RemoveProfile),
    /// Another device comes in the place of one that is repaired.
    ReplaceDevice(ReplaceDevice),
    /// Defines a profile at Apple as another program would, refusable or not.
    DefineProfile(DefineProfile),
    /// Assigns a profile at Apple as another program would.
    AssignAtApple(AssignAtApple),
    /// Plans the migration of devices to their service, or calls it off.
    ScheduleMigration(ScheduleMigration),
    /// Points devices of an organization at a service, or takes them off theirs.
    AssignToService(AssignToService),
    /// Releases devices from an organization.
    ReleaseFromOrganization(ReleaseFromOrganization),
    /// Buys devices: they come to the default service of their family.
    BuyDevices(BuyDevices),
    /// Makes a service in an organization.
    CreateOrganizationService(CreateOrganizationService),
    /// Renames a service of an organization, or changes its default families.
    ChangeOrganizationService(ChangeOrganizationService),
    /// Deletes a service of an organization; devices that it has are at none then.
    DeleteOrganizationService(DeleteOrganizationService),
    /// Locks devices, or unlocks them.
    SetActivationLock(SetActivationLock),
    /// Says whether devices can migrate to another MDM, and how far a migration is.
    SetMigration(SetMigration),
    /// Revokes the key of an API account, or puts it in force again.
    RevokeApiKey(RevokeApiKey),
    /// Changes how the API of an organization behaves.
    ChangeOrganization(ChangeOrganization),
    /// Changes a managed device, or how it is reached and behaves.
    ChangeDevice(ChangeDevice),
    /// A user opens or closes Find My, or an MDM locks: the Activation Lock at Apple.
    SetDeviceLock(SetDeviceLock),
    /// Types a bypass code in at a device that is locked; a wrong one is refused with 409.
    EnterBypassCode(EnterBypassCode),
    /// Sets a device up: a new epoch.
    SetUpDevice(SetUpDevice),
    /// A person asks for an action in the admin centre.
    RequestAction(RequestAction),
    /// A second record of a device, under the same serial.
    DuplicateRecord(DuplicateRecord),
    /// Lets a record show another serial, or other notes.
    ChangeRecord(ChangeRecord),
    /// Points devices at another token at Apple, also one of another tenant.
    MoveToToken(MoveToToken),
    /// Approves, rejects or takes back a request for approval.
    DecideApproval(DecideApproval),
    /// Changes what a tenant's Intune does about devices: quotas, approvals, spellings.
    ChangeDeviceBehaviour(ChangeDeviceBehaviour),
}
