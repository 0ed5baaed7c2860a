//! An organization in Apple Business or Apple School: its API accounts, its device management
//! services and all its devices. Plain data, as [`crate::sim::world`].
//!
//! Which service has which serial is kept here once, in the [`Roster`]. A service may be the
//! organization's side of a server of the enrollment service, or of a token that Intune holds: what
//! those two have follows from what is done here, at once for the former, by a sync for the latter
//! ([`assign`]).

pub mod activity;
pub mod assign;
mod follow;
pub mod key;
pub mod migration;
pub mod roster;
pub mod seed;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

pub use activity::{Activity, ActivityType, Fate};
pub use key::ApiKey;
pub use roster::{Extras, Lock, Migration, MigrationStatus, Order, Roster, Row, Source};
pub use seed::SeedOrganization;

use super::Family;
use super::hex_id;
use crate::model::clock::Timestamp;
use crate::sim::world::World;

/// An organization.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Organization {
    /// Its name.
    pub name: String,
    /// Which of the two APIs it has.
    pub edition: Edition,
    /// The accounts that may use the API.
    pub accounts: Vec<ApiAccount>,
    /// Device management services, in the order of their making.
    pub services: Vec<DeviceService>,
    /// The number of the service that was made last; the first one has 1.
    pub numbers: u16,
    /// The devices.
    pub roster: Roster,
    /// Activities by id, for 30 days.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub activities: BTreeMap<String, Activity>,
    /// How many activities were ever created.
    #[serde(default)]
    pub activities_made: u64,
    /// How the service behaves where its description leaves it open.
    #[serde(default)]
    pub behaviour: Behaviour,
    /// Ids and names of services that were deleted, so that a later start does not bring them back.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub deleted: BTreeSet<String>,
}

/// Which API an organization has.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Edition {
    /// Apple Business.
    #[default]
    Business,
    /// Apple School Manager.
    School,
}

impl Edition {
    /// What client ids of its accounts begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Edition::Business => "BUSINESSAPI.",
            Edition::School => "SCHOOLAPI.",
        }
    }

    /// The scope of its bearers.
    pub fn scope(self) -> &'static str {
        match self {
            Edition::Business => "business.api",
            Edition::School => "school.api",
        }
    }

    /// As calls and the record name its API.
    pub fn service(self) -> &'static str {
        match self {
            Edition::Business => "business",
            Edition::School => "school",
        }
    }
}

/// An API account.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ApiAccount {
    /// The client id.
    pub client_id: String,
    /// The key id.
    pub key_id: String,
    /// The public key in PEM, where it was given; `None`: the key follows from the world's seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Whether its key was revoked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revoked: bool,
    /// When its latest reads were taken, Unix milliseconds, as far back as limits look.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub reads: VecDeque<i64>,
    /// Likewise its writes.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub writes: VecDeque<i64>,
    /// Likewise the bearers that it asked for.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub sign_ins: VecDeque<i64>,
}

/// A device management service: an `mdmServers` resource.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeviceService {
    /// Its number within the organization, which rows name; never 0.
    pub number: u16,
    /// 32 upper-case hex digits.
    pub id: String,
    /// `serverName`
    pub name: String,
    /// Every name under which a seed named it.
    pub known_as: BTreeSet<String>,
    /// `serverType`
    #[serde(rename = "type")]
    pub kind: ServiceType,
    /// `status`
    pub status: ServiceStatus,
    /// `defaultProductFamilies`
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub families: BTreeSet<Family>,
    /// `enableMdmDisownFlag`
    #[serde(default)]
    pub disowns: bool,
    /// SHA-256 of its certificate's DER in hex; `None`: none was uploaded through the API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Who holds its server token.
    #[serde(default, skip_serializing_if = "Backing::is_none")]
    pub backing: Backing,
    /// `createdDateTime`
    pub created: Timestamp,
    /// `updatedDateTime`
    pub updated: Timestamp,
    /// `lastConnectedDateTime`; `None`: nothing ever connected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected: Option<Timestamp>,
}

/// Who holds the server token of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Backing {
    /// Nobody whom this world knows.
    #[default]
    None,
    /// Whoever uses the enrollment service: [`super::Service`] with the same id.
    Direct,
    /// Intune.
    Intune {
        /// The tenant's id.
        tenant: String,
        /// The token's id.
        token: String,
    },
}

impl Backing {
    fn is_none(&self) -> bool {
        *self == Backing::None
    }
}

/// `serverType`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub enum ServiceType {
    /// An MDM's.
    #[serde(rename = "MDM")]
    #[default]
    Mdm,
    /// Devices that were added by hand wait there.
    #[serde(rename = "APPLE_CONFIGURATOR")]
    AppleConfigurator,
    /// Apple's own, built-in device management.
    #[serde(rename = "APPLE_MDM")]
    AppleMdm,
}

impl ServiceType {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceType::Mdm => "MDM",
            ServiceType::AppleConfigurator => "APPLE_CONFIGURATOR",
            ServiceType::AppleMdm => "APPLE_MDM",
        }
    }
}

/// `status` of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum ServiceStatus {
    /// In use.
    #[default]
    Active,
    /// Not in use.
    Inactive,
}

impl ServiceStatus {
    /// As it is on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            ServiceStatus::Active => "ACTIVE",
            ServiceStatus::Inactive => "INACTIVE",
        }
    }
}

/// How the service behaves where its description leaves it open. Ways to answer that need no
/// memory are faults.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Behaviour {
    /// Seconds of the world that an activity takes; absent: 12, about what Apple's sample took.
    pub activity_seconds: u32,
    /// An activity ends when it was read so often, and after five minutes in any case; absent: it
    /// ends by the clock alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activity_polls: Option<u32>,
    /// Seconds until a device that was assigned is known to be able to migrate; absent: 30.
    pub migration_seconds: u32,
    /// Reads per sliding minute and API account; 0: any number. Absent: 20, as was found by trying.
    pub get_per_minute: u32,
    /// Writes per sliding hour and API account, whatever their method; 0: any number. Absent: 10,
    /// as was found by trying.
    pub post_per_hour: u32,
    /// Bearers per sliding minute and API account; 0: any number. Absent: 60, which nobody measured.
    pub bearers_per_minute: u32,
    /// Whether a refusal by these limits says in `Retry-After` when to come again; absent: yes.
    pub retry_after: bool,
    /// Whether the body of such a refusal is a page of HTML; absent: no, it is JSON. What the real
    /// one is nobody wrote down.
    pub html_limit: bool,
    /// Status of such a refusal by the token endpoint: 429, or 400; absent: 429.
    pub bearer_limit_status: u16,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            activity_seconds: 12,
            activity_polls: None,
            migration_seconds: 30,
            get_per_minute: 20,
            post_per_hour: 10,
            bearers_per_minute: 60,
            retry_after: true,
            html_limit: false,
            bearer_limit_status: 429,
        }
    }
}

impl Organization {
    /// A service by its number.
    pub fn service(&self, number: u16) -> Option<&DeviceService> {
        self.services.iter().find(|service| service.number == number)
    }

    /// A service by its id, exactly.
    pub fn service_by_id(&self, id: &str) -> Option<&DeviceService> {
        self.services.iter().find(|service| service.id == id)
    }

    /// The position of a service by id, name or a name that a seed used.
    pub fn position(&self, key: &str) -> Option<usize> {
        self.services.iter().position(|service| service.answers_to(key))
    }

    /// The number of the service that newly bought devices of a family go to; 0: none.
    pub fn default_of(&self, family: Family) -> u16 {
        let of = |service: &&DeviceService| service.families.contains(&family);
        self.services.iter().find(of).map_or(0, |service| service.number)
    }

    /// Whether this is its name, or the client id of one of its accounts.
    pub fn answers_to(&self, key: &str) -> bool {
        self.name == key || self.account(key).is_some()
    }

    /// The account with this client id.
    pub fn account(&self, client_id: &str) -> Option<&ApiAccount> {
        self.accounts.iter().find(|account| account.client_id == client_id)
    }

    /// Makes a service. Returns its number.
    pub fn add_service(&mut self, seed: u64, now: Timestamp, name: &str, kind: ServiceType) -> u16 {
        self.numbers += 1;
        let mut path = format!("organization/{}/service/{name}", self.name);
        while self.services.iter().any(|known| known.id == hex_id(seed, &path))
            || self.deleted.contains(&hex_id(seed, &path))
        {
            path.push('+');
        }
        self.services.push(DeviceService {
            number: self.numbers,
            id: hex_id(seed, &path),
            name: name.to_owned(),
            known_as: BTreeSet::from([name.to_owned()]),
            kind,
            status: ServiceStatus::Active,
            families: BTreeSet::new(),
            disowns: false,
            certificate: None,
            backing: Backing::None,
            created: now,
            updated: now,
            connected: None,
        });
        self.numbers
    }
}

impl DeviceService {
    /// Whether this is its id, in any case and with or without dashes, its name, or a name that a
    /// seed used.
    pub fn answers_to(&self, key: &str) -> bool {
        key.replace('-', "").eq_ignore_ascii_case(&self.id) || self.name == key || self.known_as.contains(key)
    }
}

impl World {
    /// The position of an organization by its name or the client id of an account.
    pub fn organization_at(&self, key: &str) -> Option<usize> {
        self.organizations.iter().position(|organization| organization.answers_to(key))
    }

    /// An organization by its name or the client id of an account.
    pub fn organization(&self, key: &str) -> Option<&Organization> {
        self.organizations.iter().find(|organization| organization.answers_to(key))
    }

    /// Removes a service, and its server at the enrollment service. Devices it still has are at none
    /// from then on.
    pub(in crate::sim) fn remove_device_service(&mut self, organization: usize, position: usize) {
        let Some(here) = self.organizations.get(organization) else { return };
        let Some((number, id)) = here.services.get(position).map(|one| (one.number, one.id.clone())) else {
            return;
        };
        let left: Vec<_> =
            here.roster.present().filter(|row| row.service == number).map(|row| row.serial).collect();
        self.point_devices(organization, &left, 0, self.now.as_second());
        let here = &mut self.organizations[organization];
        let gone = here.services.remove(position);
        here.deleted.extend(gone.known_as);
        here.deleted.extend([gone.name, id.clone()]);
        if gone.backing == Backing::Direct {
            self.services.retain(|server| server.uuid != id);
        }
    }

    /// The private key of an API account with what goes with it; `None` where no organization has
    /// the account, or its key was given from outside.
    pub fn api_key(&self, client_id: &str) -> Option<ApiKey> {
        let organization = self.organization(client_id)?;
        ApiKey::of(self.seed, organization, organization.account(client_id)?)
    }
}
