//! The world behind the services: what Intune holds and what Apple has ([`super::apple`]), at one
//! instant. Plain data.
//!
//! It may import identifiers and time only. Key invariant: everything in it follows from the seed
//! and the requests, never from the machine's clock or its randomness; ids are UUIDs of version 5.
//! It is the oracle of safety tests: [`History`] counts what was done, whatever a client believes.

mod chance;
mod history;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::apple::Service;
use super::apple::organization::Organization;
use super::device::{DeviceDesk, Handsets};
use super::directory::{Client, Machine, Workflow};
use super::push::PushCertificate;
use super::vpp::VppToken;
use crate::model::Serial;
use crate::model::clock::Timestamp;
pub use chance::{derive_id, mix, mix_text};
pub use history::{AppleHistory, History, OrganizationHistory};

/// The version of the world's JSON form.
pub const FORMAT: u32 = 1;

/// Everything the simulated services hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct World {
    /// [`FORMAT`] of the writer.
    pub format: u32,
    /// The seed that ids and chance follow from.
    pub seed: u64,
    /// The present instant of the world.
    pub now: Timestamp,
    /// The tenants, in the order of their making.
    pub tenants: Vec<Tenant>,
    /// Apple's device management services whose tokens no Intune holds, in the order of their making.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Service>,
    /// Devices of Apple's organizations that no service has, with their model's number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub unassigned: BTreeMap<Serial, u8>,
    /// Organizations in Apple Business and Apple School, in the order of their making.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<Organization>,
    /// The workflow that runs at GitHub; `None`: none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflow: Option<Workflow>,
    /// The machine or app at Azure that asks for its identity.
    #[serde(default, skip_serializing_if = "Machine::is_bare")]
    pub machine: Machine,
    /// Devices of which more is to be said than their identity at a token says.
    #[serde(default, skip_serializing_if = "Handsets::is_empty")]
    pub handsets: Handsets,
    /// The birth number of the newest profile; the first one has 1.
    pub births: u32,
    /// What was done through the services' APIs since the world began.
    pub history: History,
}

/// An Entra tenant with its Intune.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tenant {
    /// The tenant's id as the seed wrote it; compared without regard to case.
    pub id: String,
    /// Applications that may sign in; empty: any.
    pub clients: Vec<Client>,
    /// Role scope tags; the first one is the built-in `0`.
    pub scope_tags: Vec<ScopeTag>,
    /// Enrollment tokens, in the order of their making.
    pub tokens: Vec<Token>,
    /// VPP tokens, in the order of their numbers.
    #[serde(default)]
    pub vpp_tokens: Vec<VppToken>,
    /// Names and ids under which removed VPP tokens were known, as in `deleted_tokens`.
    #[serde(default)]
    pub removed_vpp_tokens: BTreeSet<String>,
    /// The MDM push certificate; `None`: the tenant has none.
    #[serde(default)]
    pub push_certificate: Option<PushCertificate>,
    /// Whether it was taken away, so that a later start does not bring it back.
    #[serde(default)]
    pub push_certificate_removed: bool,
    /// What it keeps about device actions.
    #[serde(default, skip_serializing_if = "DeviceDesk::is_bare")]
    pub device_desk: DeviceDesk,
    /// Names and ids under which deleted tokens were known, so that a later start does not bring
    /// them back.
    pub deleted_tokens: BTreeSet<String>,
}

/// A role scope tag.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScopeTag {
    /// A small number as text, as Intune gives them.
    pub id: String,
    /// The name.
    pub display_name: String,
    /// True for `0` alone.
    pub is_built_in: bool,
}

/// An enrollment token (`depOnboardingSetting`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Token {
    /// A GUID.
    pub id: String,
    /// `tokenName`.
    pub name: String,
    /// Every name under which a seed named it.
    pub known_as: BTreeSet<String>,
    /// `appleIdentifier`.
    pub apple_identifier: String,
    /// `tokenType`: `none`, `dep`, `appleSchoolManager`.
    pub token_type: String,
    /// `roleScopeTagIds`.
    pub scope_tag_ids: Vec<String>,
    /// `tokenExpirationDateTime`.
    pub expires: Timestamp,
    /// `lastModifiedDateTime`.
    pub modified: Timestamp,
    /// The key that Apple has to encrypt the token for.
    #[serde(default)]
    pub key: TokenKey,
    /// What is known about syncs with Apple.
    pub sync: Sync,
    /// Profiles by birth number, mirrored policies among them.
    pub profiles: BTreeMap<u32, Profile>,
    /// Birth number of the default profile per platform.
    pub defaults: BTreeMap<Platform, u32>,
    /// Device identities; the position is the order of lists and never changes.
    pub devices: Vec<Device>,
    /// What Apple has for this token and Intune has not seen yet.
    pub at_apple: Vec<Arrival>,
    /// What an organization did with devices since Intune heard of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pending: BTreeMap<Serial, Pending>,
    #[serde(skip)]
    positions: HashMap<Serial, u32>,
}

/// The key of a token, which the service keeps; what it is follows from its number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TokenKey {
    /// How many were made before it by request.
    pub number: u32,
    /// When it was made; `None`: with the token.
    pub made: Option<Timestamp>,
}

/// A token's syncs with Apple.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sync {
    /// `lastSyncTriggeredDateTime`.
    pub triggered: Timestamp,
    /// `lastSuccessfulSyncDateTime`.
    pub succeeded: Timestamp,
    /// `lastSyncErrorCode`; 0 is none.
    pub error_code: i32,
    /// When the running sync ends; `None` while none runs.
    pub ends: Option<Timestamp>,
    /// When the last full sync ended; `None`: the next one is full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Timestamp>,
    /// Apple's terms wait for a person: syncs fail.
    pub terms_pending: bool,
}

/// The platform of a profile or device.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum Platform {
    /// iOS and iPadOS.
    #[serde(rename = "ios")]
    Ios,
    /// macOS.
    #[serde(rename = "macOS")]
    MacOs,
    /// tvOS.
    #[serde(rename = "tvOS")]
    TvOs,
    /// visionOS.
    #[serde(rename = "visionOS")]
    VisionOs,
}

impl Platform {
    const ALL: [Platform; 4] = [Platform::Ios, Platform::MacOs, Platform::TvOs, Platform::VisionOs];

    /// The bare type of its profiles.
    pub fn profile_type(self) -> &'static str {
        match self {
            Platform::Ios => "depIOSEnrollmentProfile",
            Platform::MacOs => "depMacOSEnrollmentProfile",
            Platform::TvOs => "depTvOSEnrollmentProfile",
            Platform::VisionOs => "depVisionOSEnrollmentProfile",
        }
    }
}

/// An enrollment profile under a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// `{tokenId}_{guid}`; some mirrors carry `ECV2_` in front.
    pub id: String,
    /// Its number in the order of all profiles ever made in this world.
    pub birth: u32,
    /// The bare type: `depIOSEnrollmentProfile`.
    pub kind: String,
    /// A mirror of a new-generation enrollment policy: it never reports itself as the default
    /// and is not written here.
    pub mirrored: bool,
    /// All members but `id`, `@odata.type` and `isDefault`.
    pub members: Map<String, Value>,
    /// A digest of `adminAccountPassword`, which is never shown again; `None`: none is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin_password: Option<String>,
    /// From when on requests for it by id find it.
    pub found_from: Timestamp,
    /// From when on lists show it.
    pub listed_from: Timestamp,
}

/// `enrollmentState` of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum EnrollmentState {
    /// `unknown`
    Unknown,
    /// `enrolled`
    Enrolled,
    /// `pendingReset`
    PendingReset,
    /// `failed`
    Failed,
    /// `notContacted`
    NotContacted,
    /// `blocked`
    Blocked,
}

/// A device identity, 56 bytes; what can be computed from the serial is not kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Device {
    /// `serialNumber`.
    pub serial: Serial,
    /// Birth number of the requested profile; 0 is none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub profile: u32,
    /// `platform`.
    pub platform: Platform,
    /// `enrollmentState`.
    pub state: EnrollmentState,
    /// `isDeleted`: released at Apple.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub released: bool,
    /// `requestedEnrollmentProfileAssignmentDateTime`, Unix seconds; 0 is never.
    #[serde(default, skip_serializing_if = "is_zero_time")]
    pub assigned: i64,
    /// `createdDateTime`, Unix seconds.
    pub created: i64,
    /// `lastContactedDateTime`, Unix seconds; 0 is never.
    #[serde(default, skip_serializing_if = "is_zero_time")]
    pub contacted: i64,
}

/// A device at Apple that the next sync brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Arrival {
    /// Its serial.
    pub serial: Serial,
    /// Its platform.
    pub platform: Platform,
}

/// What a sync that begins later brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pending {
    /// When it happened at Apple, Unix seconds.
    pub at: i64,
    /// What happened.
    pub change: PendingChange,
}

/// What happened to a device at Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PendingChange {
    /// It came to the token's service.
    Arrived {
        /// Its platform.
        platform: Platform,
    },
    /// It left for another service, or none: Intune forgets it.
    Left,
    /// It left the organization: Intune shows it as deleted.
    Released,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

fn is_zero_time(value: &i64) -> bool {
    *value == 0
}

/// A world that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// Not JSON of a world's shape.
    #[error("this is not a simulator's world")]
    Shape(#[source] serde_json::Error),
    /// Written by another version.
    #[error(
        "the world has format {found}, this version reads format {FORMAT}; `espalier sim reset` makes a new one"
    )]
    Format {
        /// What the document says.
        found: u32,
    },
}

impl World {
    /// A world without tenants.
    pub fn empty(seed: u64, now: Timestamp) -> Self {
        Self {
            format: FORMAT,
            seed,
            now,
            tenants: Vec::new(),
            services: Vec::new(),
            unassigned: BTreeMap::new(),
            organizations: Vec::new(),
            workflow: None,
            machine: Machine::default(),
            handsets: Handsets::default(),
            births: 0,
            history: History::default(),
        }
    }

    /// Writes the whole world as JSON, which is what `GET /world` returns.
    pub fn to_json(&self) -> Vec<u8> {
        // A value made of texts, numbers and string-keyed maps has no way to fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a world back.
    ///
    /// # Errors
    /// When the text is no world, or one of another format.
    pub fn from_json(text: &[u8]) -> Result<Self, WorldError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_slice(text).map_err(WorldError::Shape)?;
        if head.format != FORMAT {
            return Err(WorldError::Format { found: head.format });
        }
        let mut world: World = serde_json::from_slice(text).map_err(WorldError::Shape)?;
        for token in world.tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens) {
            token.index();
        }
        world.services.iter_mut().for_each(|service| service.fleet.index());
        world.organizations.iter_mut().for_each(|organization| organization.roster.index());
        Ok(world)
    }

    /// The tenant with this id, in any case.
    pub fn tenant(&self, id: &str) -> Option<&Tenant> {
        self.tenants.iter().find(|tenant| tenant.id.eq_ignore_ascii_case(id))
    }

    /// The tenant with this id, to be changed.
    pub fn tenant_mut(&mut self, id: &str) -> Option<&mut Tenant> {
        self.tenants.iter_mut().find(|tenant| tenant.id.eq_ignore_ascii_case(id))
    }

    /// A token of any tenant by id, name or a name that a seed used.
    pub fn token(&self, key: &str) -> Option<&Token> {
        self.tenants.iter().flat_map(|tenant| &tenant.tokens).find(|token| token.answers_to(key))
    }

    /// As [`World::token`], to be changed.
    pub fn token_mut(&mut self, key: &str) -> Option<&mut Token> {
        self.tenants.iter_mut().flat_map(|tenant| &mut tenant.tokens).find(|token| token.answers_to(key))
    }

    /// How many devices all tokens and organizations have, at Intune and at Apple.
    pub fn device_count(&self) -> usize {
        let tokens = self.tenants.iter().flat_map(|tenant| &tenant.tokens);
        let at_apple: usize = self.services.iter().map(|service| service.fleet.len()).sum();
        let owned: usize = self.organizations.iter().map(|one| one.roster.len()).sum();
        tokens.map(|token| token.devices.len()).sum::<usize>() + at_apple + owned
    }

    /// The next birth number.
    pub fn next_birth(&mut self) -> u32 {
        self.births += 1;
        self.births
    }

    /// The id that follows from the seed and a path of words.
    pub fn derive_id(&self, path: &str) -> Uuid {
        derive_id(self.seed, path)
    }
}

impl Token {
    /// A token without profiles and devices, made at `now`, good for a year.
    pub fn new(id: String, name: String, now: Timestamp) -> Self {
        let an_hour_ago = back(now, 1);
        Self {
            known_as: BTreeSet::from([name.clone()]),
            apple_identifier: "apple.services@sim.example".to_owned(),
            token_type: "dep".to_owned(),
            scope_tag_ids: vec!["0".to_owned()],
            expires: crate::model::clock::after(now, std::time::Duration::from_secs(365 * 86_400)),
            modified: now,
            key: TokenKey::default(),
            sync: Sync {
                triggered: an_hour_ago,
                succeeded: an_hour_ago,
                error_code: 0,
                ends: None,
                full: Some(an_hour_ago),
                terms_pending: false,
            },
            profiles: BTreeMap::new(),
            defaults: BTreeMap::new(),
            devices: Vec::new(),
            at_apple: Vec::new(),
            pending: BTreeMap::new(),
            positions: HashMap::new(),
            id,
            name,
        }
    }

    /// Whether this is its id, its name, or a name that a seed used.
    pub fn answers_to(&self, key: &str) -> bool {
        self.id.eq_ignore_ascii_case(key) || self.name == key || self.known_as.contains(key)
    }

    /// Adds a device at the end of the list, unless the serial is there.
    pub fn add_device(&mut self, device: Device) {
        let position = self.devices.len() as u32;
        if let std::collections::hash_map::Entry::Vacant(entry) = self.positions.entry(device.serial) {
            entry.insert(position);
            self.devices.push(device);
        }
    }

    /// The device with this serial.
    pub fn device(&self, serial: &Serial) -> Option<&Device> {
        self.positions.get(serial).and_then(|at| self.devices.get(*at as usize))
    }

    /// The device with this serial, to be changed.
    pub fn device_mut(&mut self, serial: &Serial) -> Option<&mut Device> {
        self.positions.get(serial).and_then(|at| self.devices.get_mut(*at as usize))
    }

    /// The profile with this id in any of its spellings that carry the token's id.
    pub fn profile(&self, id: &str) -> Option<&Profile> {
        let plain = without_prefix(id);
        self.profiles.values().find(|profile| without_prefix(&profile.id).eq_ignore_ascii_case(plain))
    }

    /// The profile with this id or, failing that, display name.
    pub fn profile_by_name(&self, key: &str) -> Option<&Profile> {
        self.profile(key).or_else(|| {
            self.profiles.values().find(|profile| {
                profile.members.get("displayName").and_then(Value::as_str).is_some_and(|name| name == key)
            })
        })
    }

    /// Devices that Apple still has for this token.
    pub fn live_devices(&self) -> usize {
        self.devices.iter().filter(|device| !device.released).count()
    }

    /// Removes a profile; devices and defaults that name it name none from then on.
    pub fn remove_profile(&mut self, birth: u32) {
        self.profiles.remove(&birth);
        self.defaults.retain(|_, default| *default != birth);
        for device in self.devices.iter_mut().filter(|device| device.profile == birth) {
            device.profile = 0;
        }
    }

    /// Removes device records.
    pub fn purge(&mut self, serials: &[Serial]) {
        let gone: HashSet<&Serial> = serials.iter().collect();
        self.devices.retain(|device| !gone.contains(&device.serial));
        self.index();
    }

    /// A device came to the token's service at Apple, at this Unix second.
    pub fn arrives(&mut self, serial: Serial, platform: Platform, at: i64) {
        if self.device(&serial).is_some_and(|device| !device.released) {
            // It was away and is back before Intune heard of it.
            self.pending.remove(&serial);
        } else {
            self.pending.insert(serial, Pending { at, change: PendingChange::Arrived { platform } });
        }
    }

    /// A device left the token's service at Apple, at this Unix second.
    pub fn leaves(&mut self, serial: &Serial, at: i64, released: bool) {
        self.at_apple.retain(|arrival| arrival.serial != *serial);
        if self.device(serial).is_some_and(|device| !device.released) {
            let change = if released { PendingChange::Released } else { PendingChange::Left };
            self.pending.insert(*serial, Pending { at, change });
        } else {
            self.pending.remove(serial);
        }
    }

    fn index(&mut self) {
        self.positions =
            self.devices.iter().enumerate().map(|(at, device)| (device.serial, at as u32)).collect();
    }
}

impl Profile {
    /// The platform, by type; `None` for one of no single platform.
    pub fn platform(&self) -> Option<Platform> {
        Platform::ALL.into_iter().find(|platform| platform.profile_type() == self.kind)
    }

    /// Sets the administrator's password, or takes it away. Only its digest is kept.
    pub fn set_admin_password(&mut self, password: Option<&str>) {
        self.admin_password = password.map(|password| digest(&self.id, password));
    }

    /// Whether this is the administrator's password.
    pub fn has_admin_password(&self, password: &str) -> bool {
        self.admin_password.as_ref() == Some(&digest(&self.id, password))
    }

    /// The display name; empty where it has none.
    pub fn display_name(&self) -> &str {
        self.members.get("displayName").and_then(Value::as_str).unwrap_or_default()
    }
}

/// What is kept of a password of the profile with this id.
fn digest(id: &str, password: &str) -> String {
    let hash = openssl::sha::sha256(format!("{id}/{password}").as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An id without the `ECV2_` that some reads put in front (reference section 3.1).
pub fn without_prefix(id: &str) -> &str {
    id.strip_prefix("ECV2_").unwrap_or(id)
}

/// `hours` before `now`; the beginning of time where there is no such instant.
pub fn back(now: Timestamp, hours: i64) -> Timestamp {
    now.checked_sub(jiff::SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN)
}
