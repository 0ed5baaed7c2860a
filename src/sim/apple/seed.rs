//! Services of a seed: what Apple holds at the beginning.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::fleet::ProfileStatus;
use super::hardware::{self, Family};
use super::{Discovery, OrgType, OrgVersion, ServerToken, Service};
use crate::model::Serial;
use crate::model::clock::Timestamp;
use crate::sim::directory;
use crate::sim::seed::generated_serial;
use crate::sim::world::{World, back, mix_text};

/// A device management service to be there, with a server token in force.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedService {
    /// Its name.
    pub name: String,
    /// `server_uuid`; absent: derived from the name.
    #[serde(default)]
    pub server_uuid: Option<String>,
    /// `org_type`; absent: `org`.
    #[serde(default)]
    pub org_type: Option<OrgType>,
    /// `org_version`; absent: `v2`. An organization of the old programs knows neither Activation Lock
    /// nor account-driven enrollment.
    #[serde(default)]
    pub org_version: Option<OrgVersion>,
    /// `org_name`; absent: one of the simulator's.
    #[serde(default)]
    pub org_name: Option<String>,
    /// `org_id`; absent: derived.
    #[serde(default)]
    pub org_id: Option<String>,
    /// The Apple Account of who downloaded the token; absent: one of the simulator's.
    #[serde(default)]
    pub admin_id: Option<String>,
    /// The server token; absent: derived from the seed (`GET /credentials` tells it).
    #[serde(default)]
    pub credentials: Option<ServerToken>,
    /// When a derived token ends; absent: a year after the beginning.
    #[serde(default)]
    pub token_expires: Option<Timestamp>,
    /// The uploaded certificate in PEM; absent, or no such text: none.
    #[serde(default)]
    pub certificate: Option<String>,
    /// Whether Apple's terms wait for a person.
    #[serde(default)]
    pub terms_pending: bool,
    /// Serials that it has.
    #[serde(default)]
    pub serials: Vec<Serial>,
    /// The family of those serials that are no iPads.
    #[serde(default)]
    pub families: BTreeMap<Serial, Family>,
    /// `model` of those serials that have one of their own.
    #[serde(default)]
    pub models: BTreeMap<Serial, String>,
    /// Profiles that were defined already, as `POST /profile` takes them: `profile_uuid` is kept
    /// where given, and `devices` carry the profile.
    #[serde(default)]
    pub profiles: Vec<Map<String, Value>>,
    /// Devices that have fetched their profile.
    #[serde(default)]
    pub pushed: Vec<Serial>,
    /// This many generated devices besides.
    #[serde(default)]
    pub devices: u32,
    /// Their family; absent: iPad.
    #[serde(default)]
    pub generated_family: Option<Family>,
    /// Whether the generated devices are spread over the profiles.
    #[serde(default)]
    pub assigned: bool,
    /// The account-driven discovery URL; absent: none is set.
    #[serde(default)]
    pub discovery_url: Option<String>,
}

impl World {
    /// Adds a service of a seed, or to one that is there the serials that it lacks.
    pub(in crate::sim) fn add_service(
        &mut self,
        wish: &SeedService,
        surroundings: bool,
        placed: &mut HashSet<Serial>,
    ) {
        let key = wish.server_uuid.as_deref().unwrap_or(&wish.name);
        if self.organizations.iter().any(|organization| organization.deleted.contains(key)) {
            return;
        }
        let known = self.services.iter().position(|service| service.answers_to(key));
        let at = match known {
            Some(at) => at,
            None => {
                let service = self.new_service(wish, surroundings, placed);
                self.services.push(service);
                self.services.len() - 1
            }
        };
        let now = self.now.as_second();
        let service = &mut self.services[at];
        service.known_as.insert(wish.name.clone());
        let long_ago = back(self.now, 24 * 30).as_second();
        for serial in &wish.serials {
            if !placed.insert(*serial) {
                continue;
            }
            let family = wish.families.get(serial).copied().unwrap_or_default();
            let model = hardware::model_of(family, serial);
            // Who asked for changes before has to hear of what is added later.
            if service.fleet.next_operation() == 0 {
                service.fleet.place(*serial, model, long_ago);
            } else {
                service.fleet.add(*serial, model, now);
            }
            if let Some(name) = wish.models.get(serial) {
                service.fleet.extras_mut(serial).model = Some(name.clone());
            }
        }
        if known.is_none() {
            for profile in &wish.profiles {
                service.seed_profile(self.seed, self.now, profile);
            }
            for serial in &wish.pushed {
                service.fleet.set(serial, |row| {
                    row.status = ProfileStatus::Pushed;
                    row.profile_pushed = now - 1800;
                });
            }
            service.generate(self.seed, long_ago, wish);
        }
    }

    fn new_service(&self, wish: &SeedService, surroundings: bool, placed: &mut HashSet<Serial>) -> Service {
        let mut service = Service::new(self.seed, &wish.name, self.now);
        if let Some(uuid) = &wish.server_uuid {
            service.uuid.clone_from(uuid);
        }
        let organization = &mut service.organization;
        organization.kind = wish.org_type.unwrap_or_default();
        organization.version = wish.org_version.unwrap_or_default();
        if let Some(name) = &wish.org_name {
            organization.name.clone_from(name);
        }
        if let Some(id) = &wish.org_id {
            organization.id.clone_from(id);
        }
        let person = wish.admin_id.as_deref().unwrap_or("apple.services@sim.example");
        match &wish.credentials {
            Some(token) => service.issue_as(person, token),
            None => {
                service.issue(self.seed, self.now, person, wish.token_expires);
            }
        }
        service.certificate = wish.certificate.as_deref().and_then(|pem| directory::certificate(pem).ok());
        service.terms_pending = wish.terms_pending;
        service.discovery =
            wish.discovery_url.as_ref().map(|url| Discovery { url: url.clone(), updated: self.now });
        if surroundings {
            service.surround(self.seed, self.now, placed);
        }
        service
    }
}

impl Service {
    fn seed_profile(&mut self, seed: u64, now: Timestamp, profile: &Map<String, Value>) {
        let devices: Vec<Serial> = profile
            .get("devices")
            .and_then(Value::as_array)
            .map(|serials| serials.iter().filter_map(Value::as_str).filter_map(Serial::new).collect())
            .unwrap_or_default();
        let birth = self.define(seed, now, profile.clone());
        for serial in devices {
            self.fleet.set(&serial, |row| {
                row.profile = birth;
                row.status = ProfileStatus::Assigned;
                row.profile_assigned = now.as_second() - 3600;
            });
        }
    }

    /// Eight devices that no document names, in different states, some with a profile of another
    /// program.
    fn surround(&mut self, seed: u64, now: Timestamp, placed: &mut HashSet<Serial>) {
        let foreign = json!({
            "profile_name": "Other program", "url": "https://mdm.sim.example/enroll",
            "org_magic": "other-program", "is_supervised": true, "skip_setup_items": ["AppleID", "Siri"],
        });
        let Value::Object(foreign) = foreign else { return };
        let birth = self.define(seed, now, foreign);
        let chance = mix_text(seed, &self.uuid);
        use Family::{AppleTv, IPad, IPhone, Mac, Vision};
        use ProfileStatus::{Assigned, Empty, Pushed, Removed};
        let fleet = [
            (IPad, Empty),
            (IPad, Assigned),
            (IPhone, Pushed),
            (Mac, Pushed),
            (Mac, Empty),
            (AppleTv, Assigned),
            (Vision, Empty),
            (IPad, Removed),
        ];
        let long_ago = back(now, 24 * 60).as_second();
        for (number, (family, status)) in fleet.into_iter().enumerate() {
            let Some(serial) = generated_serial(chance, 'D', number as u32) else { continue };
            if !placed.insert(serial) {
                continue;
            }
            self.fleet.place(serial, hardware::model_of(family, &serial), long_ago);
            self.fleet.set(&serial, |row| {
                row.status = status;
                if status != Empty {
                    row.profile = birth;
                    row.profile_assigned = long_ago + 3600;
                }
                if status == Pushed {
                    row.profile_pushed = long_ago + 7200;
                }
            });
        }
    }

    /// Devices in bulk, for measuring.
    fn generate(&mut self, seed: u64, at: i64, wish: &SeedService) {
        let chance = mix_text(seed, &self.uuid);
        let births = if wish.assigned { self.births } else { 0 };
        self.fleet.reserve(wish.devices as usize);
        for number in 0..wish.devices {
            let Some(serial) = generated_serial(chance, 'F', number) else { continue };
            let family = wish.generated_family.unwrap_or_default();
            self.fleet.place(serial, hardware::model_of(family, &serial), at);
            if births > 0 {
                self.fleet.set(&serial, |row| {
                    row.profile = number % births + 1;
                    row.status = ProfileStatus::Assigned;
                    row.profile_assigned = at + 3600;
                });
            }
        }
    }
}
