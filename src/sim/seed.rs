//! What a world begins with, as plain data. The caller lowers documents to it.
//!
//! Tokens, serials, Apple's services, VPP tokens, scope tags and the push certificate of the seed exist from the
//! start; its documents' profiles and assignments do not, for they are what is rehearsed. Later
//! starts only add.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::apple::{SeedOrganization, SeedService};
use super::device::seed::SeedManagedDevice;
use super::device::{DeviceBehaviour, DeviceDesk};
use super::directory::Client;
use super::graph::members;
use super::push::PushMembers;
use super::vpp::VppMembers;
use super::world::{
    Device, EnrollmentState, Platform, Profile, ScopeTag, Tenant, Token, World, back, mix, mix_text,
};
use crate::model::Serial;
use crate::model::clock::Timestamp;

/// What a world begins with.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seed {
    /// Ids and chance follow from it.
    #[serde(default)]
    pub seed: u64,
    /// Where the clock starts; of no effect on a world that runs already.
    pub start: Timestamp,
    /// Whether each new token gets a fleet around the named serials: eight devices in different
    /// states, a default profile made in the portal, two mirrored policies.
    #[serde(default)]
    pub surroundings: bool,
    /// The tenants.
    #[serde(default)]
    pub tenants: Vec<SeedTenant>,
    /// Apple's device management services whose tokens no Intune holds.
    #[serde(default)]
    pub services: Vec<SeedService>,
    /// Organizations in Apple Business and Apple School. Their services are the other sides of the
    /// services and tokens above, or stand alone.
    #[serde(default)]
    pub organizations: Vec<SeedOrganization>,
}

/// A tenant to be there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedTenant {
    /// The tenant's id; the same id twice is one tenant.
    pub tenant_id: String,
    /// Applications that may sign in; empty: any.
    #[serde(default)]
    pub clients: Vec<SeedClient>,
    /// Names of role scope tags beside the built-in one.
    #[serde(default)]
    pub scope_tags: Vec<String>,
    /// Enrollment tokens.
    #[serde(default)]
    pub tokens: Vec<SeedToken>,
    /// VPP tokens.
    #[serde(default)]
    pub vpp_tokens: Vec<SeedVppToken>,
    /// Managed devices, beside those that follow from enrolled identities of the tokens.
    #[serde(default)]
    pub devices: Vec<SeedManagedDevice>,
    /// How its Intune behaves about devices; absent: the default. Of no effect on one that is there.
    #[serde(default)]
    pub device_behaviour: Option<DeviceBehaviour>,
    /// What the push certificate is like; absent: good for a year, as nothing enrolls without.
    #[serde(default)]
    pub push_certificate: Option<PushMembers>,
}

/// A VPP token to be there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedVppToken {
    /// Its display name.
    pub name: String,
    /// Its id; absent: derived. Two tokens of one name need theirs.
    #[serde(default)]
    pub id: Option<String>,
    /// What it is like; absent: good for a year, with licences of the Company Portal.
    #[serde(default)]
    pub members: VppMembers,
}

/// An application that may sign in.
#[derive(Clone, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedClient {
    /// The client id.
    pub client_id: String,
    /// The only client secret accepted; absent: any credential that is not empty, until the portal
    /// gives the application one.
    #[serde(default)]
    pub secret: Option<String>,
}

/// An enrollment token to be there.
#[derive(Clone, Debug, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedToken {
    /// Its display name.
    pub name: String,
    /// Its id; absent: derived from the name.
    #[serde(default)]
    pub id: Option<String>,
    /// `tokenType`; absent: `dep`.
    #[serde(default)]
    pub token_type: Option<String>,
    /// `appleIdentifier`: the Apple ID that made it; absent: one of the simulator's.
    #[serde(default)]
    pub apple_id: Option<String>,
    /// Names of its scope tags; empty: the built-in one.
    #[serde(default)]
    pub scope_tags: Vec<String>,
    /// Serials that it has.
    #[serde(default)]
    pub serials: Vec<Serial>,
    /// The platform of those serials that are not of iOS.
    #[serde(default)]
    pub platforms: BTreeMap<Serial, Platform>,
    /// Profiles that it has already, as Graph would return them; `@odata.type` is needed, `id` is
    /// kept where given, `mirrored: true` marks a new-generation policy.
    #[serde(default)]
    pub profiles: Vec<Map<String, Value>>,
    /// This many generated devices besides.
    #[serde(default)]
    pub devices: u32,
    /// Whether the generated devices are enrolled: each is a managed device then.
    #[serde(default)]
    pub enrolled: bool,
    /// This many generated classic iOS profiles besides, named `Profile 0001` and so on.
    #[serde(default)]
    pub generated_profiles: u32,
    /// Whether the generated devices are spread over the generated profiles.
    #[serde(default)]
    pub assigned: bool,
}

impl World {
    /// Makes a world of a seed.
    pub fn from_seed(seed: &Seed) -> Self {
        let mut world = Self::empty(seed.seed, seed.start);
        world.add(seed);
        world
    }

    /// Adds what the seed names and the world lacks. What exists stays as it is; a token that was
    /// deleted does not come back.
    pub fn add(&mut self, seed: &Seed) {
        let enrolled = self.enrolled_devices(seed);
        // A serial is in one place only: where it is now, or else where the seed names it first.
        let tokens = self.tenants.iter().flat_map(|tenant| &tenant.tokens);
        let mut placed: HashSet<Serial> =
            tokens.flat_map(|token| &token.devices).map(|device| device.serial).collect();
        let at_apple = self.services.iter().flat_map(|service| service.fleet.present());
        placed.extend(at_apple.map(|row| row.serial));
        let owned = self.organizations.iter().flat_map(|organization| organization.roster.rows());
        placed.extend(owned.map(|row| row.serial));
        for tenant in &seed.tenants {
            let at = match self.tenants.iter().position(|t| t.id.eq_ignore_ascii_case(&tenant.tenant_id)) {
                Some(at) => at,
                None => {
                    self.tenants.push(Tenant {
                        id: tenant.tenant_id.clone(),
                        clients: Vec::new(),
                        scope_tags: vec![ScopeTag {
                            id: "0".to_owned(),
                            display_name: "Default".to_owned(),
                            is_built_in: true,
                        }],
                        tokens: Vec::new(),
                        deleted_tokens: Default::default(),
                        vpp_tokens: Vec::new(),
                        removed_vpp_tokens: Default::default(),
                        push_certificate: None,
                        push_certificate_removed: false,
                        device_desk: DeviceDesk::new(tenant.device_behaviour.clone()),
                    });
                    self.tenants.len() - 1
                }
            };
            for client in &tenant.clients {
                let known = &mut self.tenants[at].clients;
                if !known.iter().any(|c| c.client_id.eq_ignore_ascii_case(&client.client_id)) {
                    known.push(Client {
                        client_id: client.client_id.clone(),
                        secret: client.secret.clone(),
                        ..Client::default()
                    });
                }
            }
            for name in tenant.scope_tags.iter().chain(tenant.tokens.iter().flat_map(|t| &t.scope_tags)) {
                self.tenants[at].scope_tag(name);
            }
            let (chance, now) = (self.seed, self.now);
            for token in &tenant.vpp_tokens {
                self.tenants[at].seed_vpp_token(chance, now, token);
            }
            self.tenants[at].seed_push_certificate(chance, now, tenant.push_certificate.as_ref());
            for token in &tenant.tokens {
                self.add_token(at, token, seed.surroundings, &mut placed);
            }
        }
        for service in &seed.services {
            self.add_service(service, seed.surroundings, &mut placed);
        }
        for organization in &seed.organizations {
            self.add_organization(organization, seed.surroundings, &mut placed);
        }
        // What a token or service got above is its organization's too.
        self.adopt_linked();
        let position = |id: &str| self.tenants.iter().position(|one| one.id.eq_ignore_ascii_case(id));
        let devices: Vec<_> = seed
            .tenants
            .iter()
            .filter_map(|tenant| Some((position(&tenant.tenant_id)?, &tenant.devices)))
            .flat_map(|(at, devices)| devices.iter().map(move |device| (at, device)))
            .filter(|(_, device)| !enrolled.contains(&device.serial))
            .collect();
        if !devices.is_empty() {
            self.seed_managed_devices(&devices);
        }
    }

    fn add_token(
        &mut self,
        tenant: usize,
        wish: &SeedToken,
        surroundings: bool,
        placed: &mut HashSet<Serial>,
    ) {
        let here = &self.tenants[tenant];
        let gone = &here.deleted_tokens;
        if gone.contains(&wish.name) || wish.id.as_ref().is_some_and(|id| gone.contains(id)) {
            return;
        }
        let known = here.tokens.iter().position(|token| match &wish.id {
            Some(id) => token.id.eq_ignore_ascii_case(id),
            None => token.answers_to(&wish.name),
        });
        let at = match known {
            Some(at) => at,
            None => {
                let id = wish.id.clone().unwrap_or_else(|| {
                    self.derive_id(&format!("{}/token/{}", here.id.to_lowercase(), wish.name)).to_string()
                });
                let mut token = Token::new(id, wish.name.clone(), self.now);
                if let Some(token_type) = &wish.token_type {
                    token.token_type.clone_from(token_type);
                }
                if let Some(apple_id) = &wish.apple_id {
                    token.apple_identifier.clone_from(apple_id);
                }
                let tags: Vec<String> =
                    wish.scope_tags.iter().map(|name| self.tenants[tenant].scope_tag(name)).collect();
                if !tags.is_empty() {
                    token.scope_tag_ids = tags;
                }
                self.tenants[tenant].tokens.push(token);
                let at = self.tenants[tenant].tokens.len() - 1;
                if surroundings {
                    self.surround(tenant, at);
                }
                for profile in &wish.profiles {
                    self.add_profile(tenant, at, profile.clone());
                }
                self.generate(tenant, at, wish);
                at
            }
        };
        self.tenants[tenant].tokens[at].known_as.insert(wish.name.clone());
        let now = self.now;
        for (order, serial) in wish.serials.iter().enumerate() {
            if placed.insert(*serial) {
                // Every fifth serial of the documents is in use already.
                let state = match order % 5 {
                    4 => EnrollmentState::Enrolled,
                    _ => EnrollmentState::NotContacted,
                };
                let platform = wish.platforms.get(serial).copied().unwrap_or(Platform::Ios);
                self.tenants[tenant].tokens[at].add_device(device(*serial, state, platform, now));
            }
        }
    }

    /// Puts a profile there without asking whether the service would take it. Returns its birth
    /// number.
    pub(super) fn add_profile(
        &mut self,
        tenant: usize,
        token: usize,
        mut members: Map<String, Value>,
    ) -> u32 {
        let birth = self.next_birth();
        let token_id = self.tenants[tenant].tokens[token].id.clone();
        let id = match members.remove("id") {
            Some(Value::String(id)) => id,
            _ => format!("{token_id}_{}", self.derive_id(&format!("profile/{birth}"))),
        };
        let mirrored = members.remove("mirrored").and_then(|value| value.as_bool()).unwrap_or(false);
        let is_default = members.remove("isDefault").and_then(|value| value.as_bool()).unwrap_or(false);
        let kind = match members.remove("@odata.type") {
            Some(Value::String(kind)) => members::bare_type(&kind).to_owned(),
            _ => "depIOSEnrollmentProfile".to_owned(),
        };
        let password = members::take_password(&mut members).flatten();
        members::complete(&kind, &mut members);
        let mut profile = Profile {
            id,
            birth,
            kind,
            mirrored,
            members,
            admin_password: None,
            found_from: Timestamp::MIN,
            listed_from: Timestamp::MIN,
        };
        profile.set_admin_password(password.as_deref());
        let here = &mut self.tenants[tenant].tokens[token];
        if let Some(platform) = profile.platform().filter(|_| is_default) {
            here.defaults.insert(platform, birth);
        }
        here.profiles.insert(birth, profile);
        birth
    }

    /// Puts the mirror of a new-generation policy there (reference section 3.1). `policy` absent:
    /// its id is derived.
    pub(super) fn add_mirror(
        &mut self,
        tenant: usize,
        token: usize,
        platform: Platform,
        name: &str,
        policy: Option<String>,
        prefixed: bool,
    ) -> u32 {
        let id = &self.tenants[tenant].tokens[token].id;
        let next = self.births + 1;
        let policy = policy.unwrap_or_else(|| self.derive_id(&format!("{id}/policy/{next}")).to_string());
        let prefix = if prefixed { "ECV2_" } else { "" };
        let profile = serde_json::json!({
            "@odata.type": format!("#microsoft.graph.{}", platform.profile_type()),
            "displayName": name, "id": format!("{prefix}{id}_{policy}"), "mirrored": true,
            "requiresUserAuthentication": matches!(platform, Platform::Ios | Platform::MacOs),
        });
        self.add_profile(tenant, token, object(profile))
    }

    /// A small fleet that no document names.
    fn surround(&mut self, tenant: usize, token: usize) {
        let id = self.tenants[tenant].tokens[token].id.clone();
        let policy = |world: &World, word: &str| world.derive_id(&format!("{id}/policy/{word}")).to_string();
        let (ios, tv) = (policy(self, "ios"), policy(self, "tv"));
        let default = self.add_profile(
            tenant,
            token,
            object(serde_json::json!({
                "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": "Portal default",
                "description": "", "supportDepartment": "", "supportPhoneNumber": "",
                "deviceNameTemplate": "", "requiresUserAuthentication": true,
                "supervisedModeEnabled": true, "configurationWebUrl": true, "iTunesPairingMode": "allow",
                "awaitDeviceConfiguredConfirmation": true, "isDefault": true,
                "companyPortalVppTokenId": "00000000-0000-0000-0000-000000000000",
            })),
        );
        self.add_profile(
            tenant,
            token,
            object(serde_json::json!({
                "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile", "displayName": "New iPads",
                "requiresUserAuthentication": true, "id": format!("ECV2_{id}_{ios}"), "mirrored": true,
            })),
        );
        self.add_profile(
            tenant,
            token,
            object(serde_json::json!({
                "@odata.type": "#microsoft.graph.depTvOSEnrollmentProfile", "displayName": "Signage",
                "id": format!("{id}_{tv}"), "mirrored": true,
            })),
        );
        let now = self.now;
        use EnrollmentState::{Blocked, Enrolled, Failed, NotContacted, PendingReset, Unknown};
        let fleet = [
            (Enrolled, Platform::Ios),
            (NotContacted, Platform::Ios),
            (PendingReset, Platform::Ios),
            (Failed, Platform::Ios),
            (Blocked, Platform::Ios),
            (Unknown, Platform::Ios),
            (Enrolled, Platform::MacOs),
            (Enrolled, Platform::Ios),
        ];
        let chance = mix_text(self.seed, &id);
        let here = &mut self.tenants[tenant].tokens[token];
        for (at, (state, platform)) in fleet.into_iter().enumerate() {
            let Some(serial) = generated_serial(chance, 'S', at as u32) else { continue };
            let mut one = device(serial, state, platform, now);
            if platform == Platform::Ios && at % 2 == 0 {
                one.profile = default;
                one.assigned = one.created;
            }
            one.released = at == 7;
            here.add_device(one);
        }
    }

    /// Devices and profiles in bulk, for measuring.
    fn generate(&mut self, tenant: usize, token: usize, wish: &SeedToken) {
        let births: Vec<u32> = (1..=wish.generated_profiles)
            .map(|number| {
                let profile = serde_json::json!({
                    "@odata.type": "#microsoft.graph.depIOSEnrollmentProfile",
                    "displayName": format!("Profile {number:04}"), "isMandatory": true,
                });
                self.add_profile(tenant, token, object(profile))
            })
            .collect();
        let now = self.now;
        let chance = mix_text(self.seed, &self.tenants[tenant].tokens[token].id);
        let here = &mut self.tenants[tenant].tokens[token];
        here.devices.reserve(wish.devices as usize);
        for number in 0..wish.devices {
            let Some(serial) = generated_serial(chance, 'G', number) else { continue };
            let state = if wish.enrolled { EnrollmentState::Enrolled } else { EnrollmentState::NotContacted };
            let mut one = device(serial, state, Platform::Ios, now);
            if wish.assigned && !births.is_empty() {
                one.profile = births[number as usize % births.len()];
                one.assigned = one.created;
            }
            here.add_device(one);
        }
    }
}

impl Tenant {
    /// The id of the scope tag with this name, which is made where it is missing.
    pub fn scope_tag(&mut self, name: &str) -> String {
        if let Some(tag) = self.scope_tags.iter().find(|tag| tag.display_name == name) {
            return tag.id.clone();
        }
        let next = self.scope_tags.iter().filter_map(|tag| tag.id.parse::<u32>().ok()).max().unwrap_or(0) + 1;
        self.scope_tags.push(ScopeTag {
            id: next.to_string(),
            display_name: name.to_owned(),
            is_built_in: false,
        });
        next.to_string()
    }
}

/// The serial of a generated device: letter, four characters of chance, seven of the number, so
/// that no two are equal within a token. `Seed` users reach it to name generated devices.
pub fn generated_serial(chance: u64, letter: char, number: u32) -> Option<Serial> {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKLMNPQRSTVWXY";
    let mut text = String::from(letter);
    let spread = mix(chance);
    for place in 0..4 {
        text.push(char::from(ALPHABET[(spread >> (5 * place)) as usize % 32]));
    }
    for place in (0..7).rev() {
        text.push(char::from(ALPHABET[(u64::from(number) >> (5 * place)) as usize % 32]));
    }
    Serial::new(&text)
}

/// A device that Intune knows already.
pub(super) fn device(serial: Serial, state: EnrollmentState, platform: Platform, now: Timestamp) -> Device {
    let created = back(now, 24 * 30).as_second();
    let contacted = match state {
        EnrollmentState::NotContacted | EnrollmentState::Unknown => 0,
        _ => back(now, 24).as_second(),
    };
    Device { serial, profile: 0, platform, state, released: false, assigned: 0, created, contacted }
}

/// The members of a JSON object; nothing for any other value.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
