//! What the services showed: each fact present, absent with proof, or unknown with its reason.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::OnceLock;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::act::{ActionResult, RecordId, Records};
use super::{Family, Fields, Platform, ProfileId, Realm, Serial, TokenId};

/// A fact that was read, or the reason why it is not known. Unknown is not absent.
#[derive(Clone, Debug)]
pub enum Fact<T> {
    /// It was read in full.
    Known(T),
    /// It was not, or only in part.
    Unknown(Unknown),
}

impl<T> Fact<T> {
    /// The fact, if it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(fact) => Some(fact),
            Fact::Unknown(_) => None,
        }
    }

    /// The reason, if it is not known.
    pub fn unknown(&self) -> Option<&Unknown> {
        match self {
            Fact::Known(_) => None,
            Fact::Unknown(unknown) => Some(unknown),
        }
    }
}

/// Why a fact is not known, or why a domain is blocked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Unknown {
    /// The kind of trouble; decides the exit code.
    pub cause: Cause,
    /// What happened, for people, with the service's request id where it gave one.
    pub reason: String,
    /// What to do next.
    pub next: String,
}

/// The kinds of trouble in reading or writing.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    /// Credentials, permission, an expired or missing token: a person has to act (exit 8).
    Credentials,
    /// The service did not answer, or not usefully (exit 9).
    Unavailable,
    /// The service asked for patience and the wait allowed was used up (exit 9).
    Throttled,
    /// An earlier write's answer was lost and its horizon has not passed.
    LostAnswer,
    /// The documents have to change (exit 3).
    Manifest,
    /// The service refused a request that this program thought right (exit 1).
    Refused,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// A list that was read to its last page. Only adapters make one, after the last page; it alone
/// can prove that something is absent.
#[derive(Clone, Debug)]
pub struct Complete<T> {
    items: Vec<T>,
    /// Made when it is first asked: a folder with 1,000 profiles looks each of them up several times.
    index: OnceLock<Index>,
}

/// The positions of a list's items, in the order of their ids and in that of their names; equal
/// ones in the order of the service.
#[derive(Clone, Debug)]
struct Index {
    by_id: Vec<u32>,
    by_name: Vec<u32>,
}

/// A live object that is looked up by its id and by its name.
pub trait Named {
    /// The type of its id.
    type Id: Ord;

    /// Its id at the service.
    fn id(&self) -> &Self::Id;

    /// Its display name at the service.
    fn name(&self) -> &str;
}

impl<T> Default for Complete<T> {
    fn default() -> Self {
        Self::after_last_page(Vec::new())
    }
}

impl<T> Complete<T> {
    /// Declares `items` to be the whole list.
    pub fn after_last_page(items: Vec<T>) -> Self {
        Self { items, index: OnceLock::new() }
    }

    /// The items in the order of the service.
    pub fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}

/// Proof that a complete list does not hold an object. A step that creates demands one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Absence(());

impl<T> Complete<T> {
    /// The items that `is_it` picks, or the proof that there is none.
    pub fn pick(&self, mut is_it: impl FnMut(&T) -> bool) -> Result<Vec<&T>, Absence> {
        let found: Vec<&T> = self.items.iter().filter(|item| is_it(item)).collect();
        if found.is_empty() { Err(Absence(())) } else { Ok(found) }
    }
}

impl<T: Named> Complete<T> {
    /// The first item with this id, or the proof that there is none. As [`Complete::pick`], in time
    /// that does not grow with the list.
    pub fn by_id(&self, id: &T::Id) -> Result<&T, Absence> {
        let order = &self.index().by_id;
        let at = order.partition_point(|at| self.items[*at as usize].id() < id);
        let found = order.get(at).map(|at| &self.items[*at as usize]);
        found.filter(|item| item.id() == id).ok_or(Absence(()))
    }

    /// The items of this name that `is_it` picks, or the proof that there is none; likewise.
    pub fn named(&self, name: &str, is_it: impl Fn(&T) -> bool) -> Result<Vec<&T>, Absence> {
        let order = &self.index().by_name;
        let from = order.partition_point(|at| self.items[*at as usize].name() < name);
        let found: Vec<&T> = order[from..]
            .iter()
            .map(|at| &self.items[*at as usize])
            .take_while(|item| item.name() == name)
            .filter(|item| is_it(item))
            .collect();
        if found.is_empty() { Err(Absence(())) } else { Ok(found) }
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let in_order: Vec<u32> = (0..).take(self.items.len()).collect();
            let (mut by_id, mut by_name) = (in_order.clone(), in_order);
            by_id.sort_by(|a, b| self.items[*a as usize].id().cmp(self.items[*b as usize].id()));
            by_name.sort_by(|a, b| self.items[*a as usize].name().cmp(self.items[*b as usize].name()));
            Index { by_id, by_name }
        })
    }
}

/// Everything that one run has read, by service.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// One entry per service that was asked.
    pub tenants: BTreeMap<Realm, LiveTenant>,
    /// One entry per organisation at Apple that was asked, by its connection.
    pub organisations: BTreeMap<super::Name, super::organisation::LiveOrganisation>,
    /// The records of all devices, by Intune tenant; only of those that were asked, because an act or a command
    /// needs them.
    pub records: BTreeMap<Realm, Fact<Records>>,
    /// What tenants remember of actions, beside the records that it outlives; only of those that were asked.
    pub audits: BTreeMap<Realm, Fact<BTreeMap<RecordId, Vec<ActionResult>>>>,
    /// Activation Lock of the devices for which Apple was asked, now or lately.
    pub locks: BTreeMap<Serial, SeenLock>,
    /// By direct token with `apple`: SHA-256 in hex over the DER of its certificate. Asked for only where
    /// a service may have to be made with it.
    pub certificates: BTreeMap<super::Name, Fact<String>>,
}

/// Activation Lock of a device, as it was seen.
#[derive(Clone, Debug)]
pub struct SeenLock {
    /// What Apple told. Unknown also where the device is in a state of Apple's own.
    pub lock: Fact<super::organisation::ActivationLock>,
    /// When it told so.
    pub at: Timestamp,
}

/// What one Intune tenant showed; or one direct token, which is a tenant of its own with that token
/// alone.
#[derive(Clone, Debug)]
pub struct LiveTenant {
    /// `Connection.intune.tenantId`; of a direct token the id of the token.
    pub tenant_id: String,
    /// Its enrollment tokens, pseudo tokens (`tokenType` none) left out.
    pub tokens: Fact<Complete<LiveToken>>,
    /// Its scope tags; not asked for unless a document names one, then `None`.
    pub scope_tags: Option<Fact<Complete<ScopeTag>>>,
    /// Its VPP tokens; not asked for unless a document or a command needs them, then `None`.
    pub vpp_tokens: Option<Fact<Complete<VppToken>>>,
    /// Its Apple MDM push certificate; not asked for unless a command needs it, then `None`.
    /// `Known(None)`: the tenant has none.
    pub push_certificate: Option<Fact<Option<PushCertificate>>>,
    /// Profiles by token, for the tokens that documents name.
    pub profiles: BTreeMap<TokenId, Fact<Complete<LiveProfile>>>,
    /// Device identities by token, likewise.
    pub devices: BTreeMap<TokenId, Fact<Devices>>,
    /// The URL for account-driven enrollment of a direct token; not asked for unless its document
    /// states one, then `None`. `Known(None)`: there is none.
    pub account_driven_url: Option<Fact<Option<String>>>,
}

/// An enrollment token at Intune (`depOnboardingSetting`, reference intune-graph section 2).
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// `id`
    pub id: TokenId,
    /// `tokenName`
    pub name: String,
    /// `appleIdentifier` (T-4)
    pub apple_id: Option<String>,
    /// `tokenExpirationDateTime` (T-6)
    pub expires: Option<Timestamp>,
    /// `lastSyncTriggeredDateTime`: when Intune last asked Apple (S-2)
    pub last_sync_triggered: Option<Timestamp>,
    /// `lastSuccessfulSyncDateTime`
    pub last_sync_done: Option<Timestamp>,
    /// `lastSyncErrorCode`; 0 is none
    pub last_sync_error: i64,
    /// `syncedDeviceCount`
    pub synced_devices: i64,
    /// `roleScopeTagIds`, sorted (T-5)
    pub scope_tag_ids: Vec<String>,
    /// The default profile of iPhones and iPads (P-30). `Known(None)`: none is set.
    pub default_ios: Fact<Option<ProfileId>>,
    /// The default profile of Macs, likewise.
    pub default_macos: Fact<Option<ProfileId>>,
}

impl LiveToken {
    /// The default profile of a platform; Intune's tokens have one for the classic platforms only.
    pub fn default_of(&self, platform: Platform) -> Option<&Fact<Option<ProfileId>>> {
        match platform {
            Platform::Ios => Some(&self.default_ios),
            Platform::Macos => Some(&self.default_macos),
            Platform::Tvos | Platform::Visionos => None,
        }
    }
}

impl Named for LiveToken {
    type Id = TokenId;

    fn id(&self) -> &TokenId {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// `roleScopeTag`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScopeTag {
    /// `id`, a number as text; "0" is `Default`
    pub id: String,
    /// `displayName`
    pub name: String,
}

/// `vppToken` (reference intune-graph section 6). Its secret `token` is never read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VppToken {
    /// `id`
    pub id: String,
    /// `displayName`
    pub name: String,
    /// `expirationDateTime`
    pub expires: Option<Timestamp>,
    /// `state`, in the service's word: `valid`, `expired`, `invalid`, `assignedToExternalMDM`,
    /// `duplicateLocationId`, `unknown`.
    pub state: String,
    /// `automaticallyUpdateApps` (P-34)
    pub updates_apps: Option<bool>,
    /// `appleId`
    pub apple_id: Option<String>,
}

impl Named for VppToken {
    type Id = String;

    fn id(&self) -> &String {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// `applePushNotificationCertificate` (T-12).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushCertificate {
    /// `appleIdentifier`: the Apple account that has to renew it.
    pub apple_id: Option<String>,
    /// `topicIdentifier`
    pub topic: Option<String>,
    /// `expirationDateTime`
    pub expires: Option<Timestamp>,
}

/// What kind of enrollment profile a live object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileKind {
    /// A classic `depIOSEnrollmentProfile` or `depMacOSEnrollmentProfile`: ours to manage.
    Classic(Platform),
    /// A mirror of a new-generation enrollment policy (section 3.8): left alone.
    Mirror,
    /// Any other `@odata.type`: left alone.
    Other(String),
    /// A profile at Apple's enrollment service, which is for no platform in particular and never
    /// changes.
    Direct,
}

impl ProfileKind {
    /// The platform of a classic profile; `None` for what is not ours to manage.
    pub fn platform(&self) -> Option<Platform> {
        match self {
            ProfileKind::Classic(platform) => Some(*platform),
            ProfileKind::Mirror | ProfileKind::Other(_) | ProfileKind::Direct => None,
        }
    }
}

/// An enrollment profile under a token.
#[derive(Clone, Debug)]
pub struct LiveProfile {
    /// `id` in the list's spelling.
    pub id: ProfileId,
    /// `displayName`
    pub name: String,
    /// By `@odata.type` and id.
    pub kind: ProfileKind,
    /// `isDefault`, where the service says it (never for a mirror).
    pub is_default: Option<bool>,
    /// The canonical form; empty unless `kind` is classic.
    pub fields: Fields,
    /// `enabledSkipKeys` as read: an update that touches it sends it whole.
    pub skip_keys: Vec<String>,
    /// Every member as the service sent it. Never sent back.
    pub members: serde_json::Map<String, serde_json::Value>,
}

impl Named for LiveProfile {
    type Id = ProfileId;

    fn id(&self) -> &ProfileId {
        &self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// `enrollmentState` of a device identity; of a direct token's device what its `profile_status` tells:
/// `empty` and `assigned` are [`EnrollmentState::NotContacted`], `pushed` (the device took its profile
/// while it was activated) is [`EnrollmentState::Enrolled`].
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum EnrollmentState {
    /// `unknown`, or a word that this version does not know.
    Unknown,
    /// `enrolled`: keeps what it has until it is wiped (P-28, A-4).
    Enrolled,
    /// `pendingReset`
    PendingReset,
    /// `failed`
    Failed,
    /// `notContacted`: takes its profile at first activation.
    NotContacted,
    /// `blocked`
    Blocked,
    /// Direct tokens only: the profile was taken off the device's record (`profile_status` `removed`),
    /// although the record may still name it.
    Removed,
}

/// One device identity, 28 bytes.
#[derive(Clone, Copy, Debug)]
pub struct LiveDevice {
    /// `serialNumber`
    pub serial: Serial,
    /// `requestedEnrollmentProfileId`, as index into [`Devices::profiles`].
    profile: u32,
    /// `enrollmentState`
    pub state: EnrollmentState,
    /// `isDeleted`: released at Apple, listed for 30 to 45 days still (S-6).
    pub released: bool,
    /// `isSupervised`
    pub supervised: bool,
    /// `platform` (iPads count as ios); `None` for what no Apple token brings.
    pub platform: Option<Platform>,
    /// Its family, where the service tells it: direct tokens only.
    pub family: Option<Family>,
    /// Its model, as index into [`Devices::models`].
    model: u16,
}

/// The device identities of one token, read in full, sorted by serial.
#[derive(Clone, Debug, Default)]
pub struct Devices {
    rows: Vec<LiveDevice>,
    profiles: Vec<ProfileId>,
    models: Vec<String>,
    /// Records without a well-formed serial: counted, never matched.
    pub without_serial: usize,
}

const NO_PROFILE: u32 = u32::MAX;

const NO_MODEL: u16 = u16::MAX;

impl Devices {
    /// All devices, by ascending serial.
    pub fn iter(&self) -> std::slice::Iter<'_, LiveDevice> {
        self.rows.iter()
    }

    /// How many devices there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none, not even released ones or records without a serial.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.without_serial == 0
    }

    /// How many devices are still the organisation's: those released at Apple are only listed for
    /// a while (S-6).
    pub fn not_released(&self) -> usize {
        self.rows.iter().filter(|device| !device.released).count()
    }

    /// The device with this serial; `None` is proof that the token does not have it.
    pub fn find(&self, serial: &Serial) -> Option<&LiveDevice> {
        self.rows.binary_search_by(|row| row.serial.cmp(serial)).ok().map(|at| &self.rows[at])
    }

    /// The profile that a device has for its next activation; `None` if none.
    pub fn profile_of(&self, device: &LiveDevice) -> Option<&ProfileId> {
        self.profiles.get(device.profile as usize)
    }

    /// The model of a device, as the service words it (`iPhone 15`); `None` where it does not tell.
    pub fn model_of(&self, device: &LiveDevice) -> Option<&str> {
        self.models.get(usize::from(device.model)).map(String::as_str)
    }

    /// The profiles that devices have, each in one spelling, in the order of their first device.
    pub fn profiles(&self) -> &[ProfileId] {
        &self.profiles
    }

    /// The place of a device's profile in [`Devices::profiles`]; `None` if it has none. Comparing
    /// places instead of ids is what makes 200,000 devices cheap.
    pub fn place_of(&self, device: &LiveDevice) -> Option<usize> {
        (device.profile != NO_PROFILE).then_some(device.profile as usize)
    }
}

/// Collects device identities page by page, interning profile ids.
#[derive(Debug, Default)]
pub struct DevicesBuilder {
    devices: Devices,
    /// Places in the list of profiles, by the spelling met.
    by_spelling: HashMap<String, u32>,
    /// The same by the id itself, whose spellings are several.
    by_id: HashMap<ProfileId, u32>,
    models: HashMap<String, u16>,
}

impl DevicesBuilder {
    /// Makes room for about `devices` rows.
    pub fn with_capacity(devices: usize) -> Self {
        let mut builder = Self::default();
        builder.devices.rows.reserve(devices);
        builder
    }

    /// Adds a record. `serial` is the service's text; one that is no serial is only counted.
    /// `profile` is the wire id; the empty text and none are the same.
    pub fn push(
        &mut self,
        serial: Option<&str>,
        profile: Option<&str>,
        state: EnrollmentState,
        released: bool,
        supervised: bool,
        platform: Option<Platform>,
    ) {
        let Some(serial) = serial.and_then(Serial::new) else {
            self.devices.without_serial += 1;
            return;
        };
        let profile = match profile {
            None | Some("") | Some("00000000-0000-0000-0000-000000000000") => NO_PROFILE,
            Some(id) => match self.by_spelling.get(id) {
                Some(at) => *at,
                None => self.intern(id),
            },
        };
        let (family, model) = (None, NO_MODEL);
        let row = LiveDevice { serial, profile, state, released, supervised, platform, family, model };
        self.devices.rows.push(row);
    }

    /// Adds a device of a direct token. `profile` is `None` unless it is in force: a profile that was
    /// removed from the device's record is none.
    pub fn push_direct(
        &mut self,
        serial: Serial,
        profile: Option<&str>,
        state: EnrollmentState,
        family: Option<Family>,
        model: Option<&str>,
    ) {
        let profile = match profile {
            None => NO_PROFILE,
            Some(id) => match self.by_spelling.get(id) {
                Some(at) => *at,
                None => self.intern(id),
            },
        };
        let model = model.map_or(NO_MODEL, |model| self.intern_model(model));
        let platform = family.map(Family::platform);
        let (released, supervised) = (false, false);
        let row = LiveDevice { serial, profile, state, released, supervised, platform, family, model };
        self.devices.rows.push(row);
    }

    fn intern_model(&mut self, model: &str) -> u16 {
        if let Some(at) = self.models.get(model) {
            return *at;
        }
        // Beyond so many models the last ones are not told.
        let Ok(at) = u16::try_from(self.devices.models.len()) else { return NO_MODEL };
        if at != NO_MODEL {
            self.devices.models.push(model.to_owned());
            self.models.insert(model.to_owned(), at);
        }
        at
    }

    /// The place of an id that was not met in this spelling before.
    fn intern(&mut self, spelling: &str) -> u32 {
        let id = ProfileId(spelling.to_owned());
        let profiles = &mut self.devices.profiles;
        let at = *self.by_id.entry(id).or_insert_with_key(|id| {
            profiles.push(id.clone());
            u32::try_from(profiles.len() - 1).unwrap_or(NO_PROFILE)
        });
        self.by_spelling.insert(spelling.to_owned(), at);
        at
    }

    /// Declares the list complete. Services repeat rows when a list changes between two pages:
    /// the last one of a serial wins.
    pub fn after_last_page(mut self) -> Devices {
        self.devices.rows.reverse();
        self.devices.rows.sort_by_key(|row| row.serial);
        self.devices.rows.dedup_by_key(|row| row.serial);
        self.devices
    }
}
