//! What Apple holds for organizations: device management services, each with its server token, its
//! devices and the enrollment profiles defined for them. Plain data, as [`super::world`].
//!
//! The texts, codes and states follow the reference of Apple's enrollment service, sections 1 to 3.

pub mod credentials;
pub mod fleet;
pub mod hardware;
mod indefinite;
pub mod organization;
pub mod seed;
pub mod token_file;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

pub use credentials::{Issued, ServerToken};
pub use fleet::{Fleet, Op, ProfileStatus, Row};
pub use hardware::Family;
pub use organization::{ApiKey, SeedOrganization};
pub use seed::SeedService;
pub use token_file::{TokenFile, TokenFileForm};

use super::world::{World, derive_id};
use crate::model::Serial;
use crate::model::clock::Timestamp;

/// A device management service (an "MDM server") of Apple's portal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Service {
    /// `server_uuid`: 32 upper-case hex digits.
    pub uuid: String,
    /// `server_name`.
    pub name: String,
    /// Every name under which a seed named it.
    pub known_as: BTreeSet<String>,
    /// The organization that it belongs to.
    pub organization: Organization,
    /// The uploaded certificate, base64 of its DER; `None`: nobody uploaded one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Server tokens in the order of their download; only the last one can be in force.
    pub issued: Vec<Issued>,
    /// Apple's terms wait for a person: every call is refused.
    #[serde(default)]
    pub terms_pending: bool,
    /// Whether the organization takes part in AppleSeed for IT.
    #[serde(default)]
    pub seed_for_it: bool,
    /// The birth number of the newest profile; the first one has 1.
    pub births: u32,
    /// Enrollment profiles by birth number. None is ever changed or deleted.
    pub profiles: BTreeMap<u32, Defined>,
    /// The devices, and what happened to them.
    pub fleet: Fleet,
    /// Where account-driven enrollment is sent to; `None`: nowhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovery: Option<Discovery>,
}

/// An organization as `GET /account` tells of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// `org_name`
    pub name: String,
    /// `org_id`
    pub id: String,
    /// `org_id_hash`
    pub id_hash: String,
    /// `org_type`
    pub kind: OrgType,
    /// `org_version`
    #[serde(default)]
    pub version: OrgVersion,
    /// `org_email`
    pub email: String,
    /// `org_phone`
    pub phone: String,
    /// `org_address`
    pub address: String,
}

/// `org_type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrgType {
    /// Apple School Manager.
    Edu,
    /// Apple Business Manager.
    #[default]
    Org,
}

impl OrgType {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            OrgType::Edu => "edu",
            OrgType::Org => "org",
        }
    }
}

/// `org_version`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OrgVersion {
    /// The old deployment programs.
    V1,
    /// Apple School Manager and Apple Business Manager.
    #[default]
    V2,
}

impl OrgVersion {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            OrgVersion::V1 => "v1",
            OrgVersion::V2 => "v2",
        }
    }
}

/// An enrollment profile as it was defined.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Defined {
    /// `profile_uuid`: 32 upper-case hex digits.
    pub uuid: String,
    /// All members that `GET /profile` returns but `profile_uuid`: every boolean, and of the rest
    /// what was sent.
    pub members: Map<String, Value>,
    /// When it was defined.
    pub defined: Timestamp,
}

impl Defined {
    /// `profile_name`; empty where it has none.
    pub fn name(&self) -> &str {
        self.members.get("profile_name").and_then(Value::as_str).unwrap_or_default()
    }
}

/// The account-driven enrollment of a service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Discovery {
    /// `mdm_service_discovery_url`
    pub url: String,
    /// `last_updated_timestamp`
    pub updated: Timestamp,
}

/// A boolean of a profile, and what it is where it was not sent.
pub const BOOLEANS: [(&str, bool); 9] = [
    ("allow_pairing", true),
    ("is_supervised", false),
    ("is_mandatory", false),
    ("is_mdm_removable", true),
    ("await_device_configured", false),
    ("is_multi_user", false),
    ("auto_advance_setup", false),
    ("is_return_to_service", false),
    ("do_not_use_profile_from_backup", false),
];

/// 32 upper-case hex digits that follow from the seed and a path of words.
pub fn hex_id(seed: u64, path: &str) -> String {
    derive_id(seed, path).simple().to_string().to_uppercase()
}

impl Service {
    /// A service of this name, without devices and without a server token.
    pub fn new(seed: u64, name: &str, now: Timestamp) -> Self {
        let organization = Organization {
            name: "Sim Organization".to_owned(),
            id: (seed % 9_000_000 + 1_000_000).to_string(),
            id_hash: credentials::hex(seed, "organization", 64),
            kind: OrgType::Org,
            version: OrgVersion::V2,
            email: "apple.services@sim.example".to_owned(),
            phone: "+49 30 0000000".to_owned(),
            address: "Beispielweg 1, 10115 Berlin".to_owned(),
        };
        Self {
            uuid: hex_id(seed, &format!("service/{name}")),
            name: name.to_owned(),
            known_as: BTreeSet::from([name.to_owned()]),
            organization,
            certificate: None,
            issued: Vec::new(),
            terms_pending: false,
            seed_for_it: true,
            births: 0,
            profiles: BTreeMap::new(),
            fleet: Fleet::new(now),
            discovery: None,
        }
    }

    /// Whether this is its UUID (dashes and case set aside), its name, or a name that a seed used.
    pub fn answers_to(&self, key: &str) -> bool {
        key.replace('-', "").eq_ignore_ascii_case(&self.uuid)
            || self.name == key
            || self.known_as.contains(key)
    }

    /// Puts a profile there, completed as Apple would return it. Returns its birth number.
    pub fn define(&mut self, seed: u64, now: Timestamp, mut members: Map<String, Value>) -> u32 {
        self.births += 1;
        let uuid = match members.remove("profile_uuid") {
            Some(Value::String(uuid)) => uuid,
            _ => hex_id(seed, &format!("{}/profile/{}", self.uuid, self.births)),
        };
        members.remove("devices");
        for (name, default) in BOOLEANS {
            members.entry(name).or_insert(json!(default));
        }
        self.profiles.insert(self.births, Defined { uuid, members, defined: now });
        self.births
    }

    /// The birth number of the profile with this UUID, in any case.
    pub fn profile(&self, uuid: &str) -> Option<u32> {
        let found = self.profiles.iter().rfind(|(_, profile)| profile.uuid.eq_ignore_ascii_case(uuid));
        found.map(|(birth, _)| *birth)
    }

    /// The birth number of the profile with this UUID or, failing that, the newest of this name.
    pub fn profile_by_name(&self, key: &str) -> Option<u32> {
        self.profile(key).or_else(|| {
            self.profiles.iter().rfind(|(_, profile)| profile.name() == key).map(|(birth, _)| *birth)
        })
    }

    /// `admin_id`: the person who downloaded the token in force.
    pub fn admin_id(&self) -> &str {
        self.issued.last().map_or("", |issued| issued.person.as_str())
    }
}

impl World {
    /// A service by UUID, name or a name that a seed used.
    pub fn service(&self, key: &str) -> Option<&Service> {
        self.services.iter().find(|service| service.answers_to(key))
    }

    /// As [`World::service`], to be changed.
    pub fn service_mut(&mut self, key: &str) -> Option<&mut Service> {
        self.services.iter_mut().find(|service| service.answers_to(key))
    }

    /// The service that has this device.
    pub fn service_of(&self, serial: &Serial) -> Option<&Service> {
        self.services.iter().find(|service| service.fleet.row(serial).is_some())
    }
}
