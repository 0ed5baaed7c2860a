//! A row of the inventory: what is said of one device, and by whom.

use serde::Serialize;

use crate::model::act::Os;
use crate::model::clock::Timestamp;
use crate::model::live::EnrollmentState;
use crate::model::organisation::ActivationLock;
use crate::model::{Serial, ServiceId};

/// One device, as everybody who was asked knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeviceRow<'a> {
    /// The serial number.
    pub serial: Serial,
    /// The model as Apple words it; null where only Intune is read, which does not know it before a
    /// device is enrolled.
    pub model: Option<&'a str>,
    /// The product family in Apple's word, likewise.
    pub family: Option<&'a str>,
    /// Apple's side; null where nothing of Apple's that was read lists the device.
    pub apple: Option<AppleSide<'a>>,
    /// The MDM's side; null for a serial that it does not have.
    pub mdm: Option<MdmSide<'a>>,
    /// The name of the `EnrollmentToken` document on which the device is; null for a serial that is on
    /// none that was read.
    pub token: Option<&'a str>,
    /// The profile that the device has for its next activation; null for none.
    pub profile: Option<ProfileRef<'a>>,
    /// The name of the `EnrollmentProfile` document that an assignment wishes; null for a device
    /// that no document names.
    pub wished_profile: Option<&'a str>,
    /// A document names the serial and the service does not have it yet.
    pub waiting: bool,
    /// Until when it is left in peace, because Apple limits it or failed on it; null: it is not.
    #[schemars(with = "Option<String>")]
    pub cooling_until: Option<Timestamp>,
    /// Activation Lock (L-2); null where nobody was asked for it.
    pub lock: Option<LockSide>,
    /// Whether the bypass code of its present life is sealed; null where the MDM has no one record of it.
    pub bypass_code: Option<CodeState>,
}

impl DeviceRow<'_> {
    /// Whether the device cannot enroll for want of a profile (P-31): one that a token has and that was
    /// not released at Apple.
    pub fn lacks_a_profile(&self) -> bool {
        let is_on_a_token = self.token.is_some() || self.mdm.is_some();
        self.profile.is_none()
            && !self.waiting
            && self.mdm.is_none_or(|mdm| !mdm.released)
            && (is_on_a_token || self.apple.is_some_and(|apple| apple.organisation.is_none()))
    }

    /// Whether the organisation has it and no service does: it cannot reach any MDM.
    pub fn lacks_a_service(&self) -> bool {
        self.apple.is_some_and(|apple| apple.status == Some(AtApple::Unassigned))
    }
}

/// Whether a device belongs to a service, as the services' own lists tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AtApple {
    /// To the one named.
    Assigned,
    /// To none.
    Unassigned,
    /// The lists contradict each other, as they do for a while after a change.
    Unclear,
}

/// What Apple knows of a device: the organisation, where it was read, and the enrollment service, where
/// espalier holds the token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleSide<'a> {
    /// The `Connection` document of the organisation; null where only the enrollment service was read.
    pub organisation: Option<&'a str>,
    /// Another organisation that lists the serial as well, which only one of the two can hold.
    pub also_in: Option<&'a str>,
    /// The device management service ("MDM server") that it is assigned to; null for none, and where
    /// its name is not known.
    pub service: Option<&'a str>,
    /// The id of that service.
    #[schemars(with = "Option<String>")]
    pub service_id: Option<&'a ServiceId>,
    /// Whether it belongs to one.
    pub status: Option<AtApple>,
    /// `orderNumber`
    pub order_number: Option<&'a str>,
    /// `purchaseSourceType`, in the word of documents: `apple`, `reseller`, `manuallyAdded`.
    pub purchase_source: Option<&'a str>,
    /// `purchaseSourceId`
    pub purchase_source_id: Option<&'a str>,
    /// `productType`, e.g. `iPad14,1`.
    pub product_type: Option<&'a str>,
    /// `addedToOrgDateTime`
    #[schemars(with = "Option<String>")]
    pub added: Option<Timestamp>,
    /// A migration with a deadline; null where its record tells nothing of one.
    pub migration: Option<MigrationSide>,
    /// `profile_status` of the enrollment service in Apple's word: `empty`, `assigned`, `pushed`,
    /// `removed`; null for another, and where that service was not read.
    pub profile_status: Option<&'a str>,
    /// When the organisation was read; null where it was not.
    #[schemars(with = "Option<String>")]
    pub read_at: Option<Timestamp>,
    /// It was read by an earlier run (`--max-age`).
    pub reused: bool,
}

/// What a device's record says of a migration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MigrationSide {
    /// `isMdmMigrationCapable`; null where Apple does not tell.
    pub capable: Option<bool>,
    /// `mdmMigrationStatus`: `requested`, `started`, `success`, `failed`, `other`; null for none.
    pub status: Option<&'static str>,
    /// `mdmMigrationDeadlineDateTime`
    #[schemars(with = "Option<String>")]
    pub deadline: Option<Timestamp>,
}

/// What the MDM knows of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MdmSide<'a> {
    /// Where the device is on its way to being enrolled.
    pub state: EnrollmentState,
    /// Released at Apple, and listed for some weeks still (S-6).
    pub released: bool,
    /// Whether it is supervised.
    pub supervised: bool,
    /// Its record; null where it is not enrolled, where several carry the serial, and where the records were
    /// not read.
    pub record: Option<RecordSide<'a>>,
}

/// What the MDM's record of a device says: one life of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordSide<'a> {
    /// The record's id.
    pub id: &'a str,
    /// When this life of the device began; null where the MDM does not tell.
    #[schemars(with = "Option<String>")]
    pub enrolled: Option<Timestamp>,
    /// The device's name.
    pub name: &'a str,
    /// Its user's principal name; null for none.
    pub user: Option<&'a str>,
    /// What runs on it.
    pub os: Os,
    /// The version of that.
    pub os_version: &'a str,
    /// When it checked in last; null where the MDM does not tell.
    #[schemars(with = "Option<String>")]
    pub last_sync: Option<Timestamp>,
    /// Whether it is in lost mode; null where the MDM does not tell.
    pub lost_mode: Option<bool>,
}

/// Whether a device's Activation Lock bypass code can be had from the ledger (L-4). Never the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CodeState {
    /// One of its present life is sealed.
    Sealed,
    /// It is not supervised: the MDM knows none.
    None,
    /// None of its present life is sealed; whether there is one, nobody was asked.
    Unknown,
}

/// A live profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProfileRef<'a> {
    /// Its display name; null where the list of profiles does not have it.
    pub name: Option<&'a str>,
    /// Its id at the service.
    pub id: &'a str,
}

/// Activation Lock of a device (L-2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LockSide {
    /// What it is; null where who was asked could not tell.
    pub state: Option<ActivationLock>,
    /// Who told it.
    pub source: LockSource,
    /// When it was told.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// How long ago that is, in seconds.
    pub age_seconds: u64,
}

/// Who tells of Activation Lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LockSource {
    /// `activationLockStatus` of Apple Business or Apple School Manager.
    Apple,
}
