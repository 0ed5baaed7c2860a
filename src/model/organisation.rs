//! What an organisation in Apple Business or Apple School Manager holds: its device management
//! services, and which of them each device belongs to (reference apple-business-api).

mod activity;
mod builder;
mod stored;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::clock::Timestamp;
use super::live::{Complete, Fact, Named};
use super::{Family, Platform, Serial};

pub use activity::{ActivityId, ActivityKind, ActivityRow, ActivityState};
pub use builder::{OrgDevicesBuilder, OrgRow};
pub use stored::{OrgRecord, OrgTables};

/// Which of the two portals an organisation is in. Both have one API on two hosts.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Edition {
    /// Apple Business.
    Business,
    /// Apple School Manager.
    School,
}

impl Edition {
    /// Apple's name of the portal, for people.
    pub const fn words(self) -> &'static str {
        match self {
            Edition::Business => "Apple Business",
            Edition::School => "Apple School Manager",
        }
    }

    /// Whether services can be made, renamed and deleted through the API (reference section 12).
    pub const fn changes_services(self) -> bool {
        matches!(self, Edition::Business)
    }
}

/// The id of a device management service: 32 upper-case hex digits. Compared without regard to case
/// and dashes, for the enrollment service spells the same id its own way.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ServiceId(String);

impl ServiceId {
    /// From any spelling.
    pub fn new(text: &str) -> Self {
        Self(text.chars().filter(|one| *one != '-').map(|one| one.to_ascii_uppercase()).collect())
    }

    /// The spelling that Apple uses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for ServiceId {
    fn from(text: String) -> Self {
        Self::new(&text)
    }
}

impl From<ServiceId> for String {
    fn from(id: ServiceId) -> Self {
        id.0
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `productFamily` of a device, and the families that a service is the default of. Devices spell it
/// `AppleTV`, services `APPLE_TV`: one here.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum ProductFamily {
    /// `iPhone`, `IPHONE`
    Iphone,
    /// `iPad`, `IPAD`
    Ipad,
    /// `IPOD`: services only.
    Ipod,
    /// `Mac`, `MAC`
    Mac,
    /// `AppleTV`, `APPLE_TV`
    AppleTv,
    /// `Watch`, `WATCH`: it has no enrollment profile of its own.
    Watch,
    /// `Vision`, `VISION`
    Vision,
}

impl ProductFamily {
    /// Every family.
    pub const ALL: [ProductFamily; 7] = [
        ProductFamily::Iphone,
        ProductFamily::Ipad,
        ProductFamily::Ipod,
        ProductFamily::Mac,
        ProductFamily::AppleTv,
        ProductFamily::Watch,
        ProductFamily::Vision,
    ];

    /// The word of documents.
    pub const fn word(self) -> &'static str {
        match self {
            ProductFamily::Iphone => "iphone",
            ProductFamily::Ipad => "ipad",
            ProductFamily::Ipod => "ipod",
            ProductFamily::Mac => "mac",
            ProductFamily::AppleTv => "appleTv",
            ProductFamily::Watch => "watch",
            ProductFamily::Vision => "vision",
        }
    }

    /// From either spelling of Apple's, or the word of documents; `None` for one that this version
    /// does not know.
    pub fn from_apple(text: &str) -> Option<Self> {
        let plain = |text: &str| -> String {
            text.chars().filter(|one| *one != '_').map(|one| one.to_ascii_lowercase()).collect()
        };
        let text = plain(text);
        Self::ALL.into_iter().find(|family| plain(family.word()) == text)
    }

    /// The family of enrollment; `None` for a watch.
    pub const fn family(self) -> Option<Family> {
        match self {
            ProductFamily::Iphone => Some(Family::Iphone),
            ProductFamily::Ipad => Some(Family::Ipad),
            ProductFamily::Ipod => Some(Family::Ipod),
            ProductFamily::Mac => Some(Family::Mac),
            ProductFamily::AppleTv => Some(Family::AppleTv),
            ProductFamily::Vision => Some(Family::Vision),
            ProductFamily::Watch => None,
        }
    }

    /// The platform of its profiles; `None` for a watch.
    pub fn platform(self) -> Option<Platform> {
        self.family().map(Family::platform)
    }
}

impl fmt::Display for ProductFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// `serverType` of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ServiceKind {
    /// `MDM`
    Mdm,
    /// `APPLE_CONFIGURATOR`: no destination for a move.
    Configurator,
    /// `APPLE_MDM`: the device management that Apple brings along; no destination for a move.
    BuiltIn,
    /// A word that this version does not know.
    Other,
}

/// A device management service ("MDM server").
#[derive(Clone, Debug)]
pub struct LiveService {
    /// `id`
    pub id: ServiceId,
    /// `serverName`
    pub name: String,
    /// `serverType`
    pub kind: ServiceKind,
    /// `status`, as Apple words it; `None` where it does not tell.
    pub status: Option<String>,
    /// `deviceCount`, which lags; `None` where Apple does not tell. Never what a decision rests on.
    pub device_count: Option<u64>,
    /// `enableMdmDisownFlag`
    pub may_disown: Option<bool>,
    /// `defaultProductFamilies`, ascending: read one service at a time, and only where documents or a
    /// command need it, else `None`.
    pub default_for: Option<Fact<Vec<ProductFamily>>>,
    /// `lastConnectedDateTime`
    pub last_connected: Option<Timestamp>,
}

impl Named for LiveService {
    type Id = ServiceId;

    fn id(&self) -> &ServiceId {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// `purchaseSourceType`
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum PurchaseSource {
    /// `APPLE`
    Apple,
    /// `RESELLER`
    Reseller,
    /// `MANUALLY_ADDED`: with Apple Configurator; its user can leave for 30 days (P-13).
    ManuallyAdded,
}

impl PurchaseSource {
    /// Every source.
    pub const ALL: [PurchaseSource; 3] =
        [PurchaseSource::Apple, PurchaseSource::Reseller, PurchaseSource::ManuallyAdded];

    /// The word of documents.
    pub const fn word(self) -> &'static str {
        match self {
            PurchaseSource::Apple => "apple",
            PurchaseSource::Reseller => "reseller",
            PurchaseSource::ManuallyAdded => "manuallyAdded",
        }
    }

    /// From Apple's word; `None` for one that this version does not know.
    pub fn from_apple(text: &str) -> Option<Self> {
        match text {
            "APPLE" => Some(PurchaseSource::Apple),
            "RESELLER" => Some(PurchaseSource::Reseller),
            "MANUALLY_ADDED" => Some(PurchaseSource::ManuallyAdded),
            _ => None,
        }
    }
}

/// `mdmMigrationStatus`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum MigrationStatus {
    /// `REQUESTED`: it can still be cancelled.
    Requested,
    /// `STARTED`
    Started,
    /// `SUCCESS`
    Success,
    /// `FAILED`
    Failed,
    /// A word that this version does not know.
    Other,
}

impl MigrationStatus {
    /// From Apple's word.
    pub fn from_apple(text: &str) -> Self {
        match text {
            "REQUESTED" => MigrationStatus::Requested,
            "STARTED" => MigrationStatus::Started,
            "SUCCESS" => MigrationStatus::Success,
            "FAILED" => MigrationStatus::Failed,
            _ => MigrationStatus::Other,
        }
    }
}

/// What a device's record says of a migration with a deadline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Migration {
    /// `isMdmMigrationCapable`; `None` where Apple does not tell. It lags, and is never true for a
    /// device without a service.
    pub capable: Option<bool>,
    /// `mdmMigrationStatus`
    pub status: Option<MigrationStatus>,
    /// `mdmMigrationDeadlineDateTime`
    pub deadline: Option<Timestamp>,
}

/// The service that a device belongs to, as the services' own lists tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Belongs<'a> {
    /// To this service.
    To(&'a ServiceId),
    /// To none: `UNASSIGNED`, and no service lists it.
    ToNone,
    /// The lists contradict each other, as they do for a while after a change: what it belongs to is
    /// unknown.
    Unclear,
}

/// One device of an organisation, 56 bytes.
#[derive(Clone, Copy, Debug)]
pub struct OrgDevice {
    /// `serialNumber`
    pub serial: Serial,
    service: u16,
    model: u16,
    product_type: u16,
    source_id: u16,
    order: u32,
    /// `productFamily`; `None` for a word that this version does not know.
    pub family: Option<ProductFamily>,
    /// `purchaseSourceType`
    pub source: Option<PurchaseSource>,
    /// `addedToOrgDateTime`, seconds since the epoch; 0 where Apple does not tell.
    pub added: i64,
    /// Index into the migrations; most devices have none.
    migration: u32,
}

/// The devices of an organisation, read in full with the lists of all services, sorted by serial.
#[derive(Clone, Debug, Default)]
pub struct OrgDevices {
    rows: Vec<OrgDevice>,
    services: Vec<ServiceId>,
    texts: Vec<String>,
    orders: Vec<String>,
    migrations: Vec<Migration>,
    /// Rows without a well-formed serial: counted, never matched.
    pub without_serial: usize,
}

const NONE: u16 = u16::MAX;
const UNCLEAR: u16 = u16::MAX - 1;
const NO_ORDER: u32 = u32::MAX;

impl OrgDevices {
    /// All devices, by ascending serial.
    pub fn iter(&self) -> std::slice::Iter<'_, OrgDevice> {
        self.rows.iter()
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The device with this serial; `None` is proof that the organisation does not list it.
    pub fn find(&self, serial: &Serial) -> Option<&OrgDevice> {
        self.rows.binary_search_by(|row| row.serial.cmp(serial)).ok().map(|at| &self.rows[at])
    }

    /// The service that a device belongs to.
    pub fn service_of(&self, device: &OrgDevice) -> Belongs<'_> {
        match device.service {
            NONE => Belongs::ToNone,
            UNCLEAR => Belongs::Unclear,
            at => self.services.get(usize::from(at)).map_or(Belongs::Unclear, Belongs::To),
        }
    }

    /// `deviceModel`, the marketing name; `None` where Apple does not tell.
    pub fn model_of(&self, device: &OrgDevice) -> Option<&str> {
        self.texts.get(usize::from(device.model)).map(String::as_str)
    }

    /// `productType`, e.g. `iPad14,1`.
    pub fn product_type_of(&self, device: &OrgDevice) -> Option<&str> {
        self.texts.get(usize::from(device.product_type)).map(String::as_str)
    }

    /// `purchaseSourceId`
    pub fn source_id_of(&self, device: &OrgDevice) -> Option<&str> {
        self.texts.get(usize::from(device.source_id)).map(String::as_str)
    }

    /// `orderNumber`
    pub fn order_of(&self, device: &OrgDevice) -> Option<&str> {
        self.orders.get(device.order as usize).map(String::as_str)
    }

    /// What the record says of a migration.
    pub fn migration_of(&self, device: &OrgDevice) -> Migration {
        self.migrations.get(device.migration as usize).copied().unwrap_or_default()
    }

    /// How many devices each service has; those of none are not in it.
    pub fn count_by_service(&self) -> BTreeMap<&ServiceId, u64> {
        let mut counts = vec![0_u64; self.services.len()];
        for row in &self.rows {
            if let Some(count) = counts.get_mut(usize::from(row.service)) {
                *count += 1;
            }
        }
        self.services.iter().zip(counts).filter(|(_, count)| *count > 0).collect()
    }
}

/// Activation Lock, as Apple's own status tells (reference section 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ActivationLock {
    /// No lock.
    Off,
    /// Locked by the organisation's device management.
    ByMdm,
    /// Locked by a person's Apple Account.
    ByUser,
}

/// Everything that was read of one organisation.
#[derive(Clone, Debug)]
pub struct LiveOrganisation {
    /// `clientId` of its connection: under this name the ledger knows it.
    pub tenant: String,
    /// Business or School.
    pub edition: Edition,
    /// Its services.
    pub services: Fact<Complete<LiveService>>,
    /// Its devices with the service of each: unknown as a whole where one list could not be read to its
    /// end.
    pub devices: Fact<OrgDevices>,
    /// The activities that earlier runs began and that have not been seen to end.
    pub activities: BTreeMap<ActivityId, Fact<ActivityState>>,
    /// When services and devices were read: now, or earlier where a plan was allowed to reuse them.
    pub read_at: Timestamp,
    /// They were read by an earlier run (`plan --max-age`). `apply` never rests on that.
    pub reused: bool,
    /// What the API allows from now on.
    pub budget: Budget,
}

/// What an organisation's API account has left of its calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// `getPerMinute`
    pub get_per_minute: u32,
    /// `postPerHour`
    pub post_per_hour: u32,
    /// Writes that fit now.
    pub posts_free: u32,
    /// When the next write fits, where none does now.
    pub next_post: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serial(text: &str) -> Serial {
        Serial::new(text).unwrap()
    }

    #[test]
    fn a_device_belongs_where_all_lists_agree_and_else_nobody_knows() {
        let mut builder = OrgDevicesBuilder::default();
        let row = |assigned| OrgRow { assigned, ..OrgRow::default() };
        builder.push("C02AAAAAAAA2", &row(Some(true)));
        builder.push("C02AAAAAAAA1", &row(Some(true)));
        builder.push("C02AAAAAAAA3", &row(Some(false)));
        builder.push("C02AAAAAAAA4", &row(Some(false)));
        builder.push("C02AAAAAAAA5", &row(Some(true)));
        builder.push("C02AAAAAAAA6", &row(None));
        let (lab, stores) = (ServiceId::new("1f-AB"), ServiceId::new("2f"));
        let one = builder.service(&lab);
        for each in ["C02AAAAAAAA1", "C02AAAAAAAA2", "C02AAAAAAAA4", "C02AAAAAAAA9"] {
            builder.link(one, each);
        }
        let two = builder.service(&stores);
        builder.link(two, "C02AAAAAAAA2");
        let devices = builder.after_last_page();
        let of = |text| devices.find(&serial(text)).map(|device| devices.service_of(device));
        assert_eq!(of("C02AAAAAAAA1"), Some(Belongs::To(&ServiceId::new("1FAB"))));
        assert_eq!(of("C02AAAAAAAA2"), Some(Belongs::Unclear), "two services list it");
        assert_eq!(of("C02AAAAAAAA3"), Some(Belongs::ToNone));
        assert_eq!(of("C02AAAAAAAA4"), Some(Belongs::Unclear), "UNASSIGNED, and a service lists it");
        assert_eq!(of("C02AAAAAAAA5"), Some(Belongs::Unclear), "ASSIGNED, and no service lists it");
        assert_eq!(of("C02AAAAAAAA6"), Some(Belongs::ToNone), "all lists are complete");
        assert_eq!(of("C02AAAAAAAA9"), Some(Belongs::Unclear), "the device list missed its row");
        assert_eq!(of("C02AAAAAAAA8"), None);
        assert_eq!(devices.len(), 7);
    }
}
