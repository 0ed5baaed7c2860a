//! Documents of direct tokens, Apple's side, and a ledger; with a service that does what a plan says.

use std::collections::BTreeMap;

use crate::diag::Diagnostics;
use crate::ledger::{Cooling, DefinedProfile, How, LedgerView, Ownership};
use crate::model::clock::Timestamp;
use crate::model::desired::{
    Assignment, Desired, DirectToken, Identity, NamedSerial, Places, Profile, ProfileSettings, Prune,
    SerialSource, ServerTokenSource, State, Token, TokenSelector,
};
use crate::model::live::{
    Complete, DevicesBuilder, EnrollmentState, Fact, Live, LiveProfile, LiveTenant, LiveToken, ProfileKind,
};
use crate::model::{
    Address, Family, Field, FieldName, Fields, Name, Platform, ProfileId, Realm, Scope, SecretRef, Serial,
    TokenId, Value, canonical,
};
use crate::plan::build::{Input, build};
use crate::plan::tests::world::{ago, name, now, serial};
use crate::plan::{Action, Bookkeeping, Plan, content};

/// A device at Apple.
#[derive(Clone, Debug)]
pub struct Device {
    pub serial: Serial,
    /// What its record names, in force or not.
    pub profile: Option<ProfileId>,
    pub state: EnrollmentState,
    pub family: Option<Family>,
}

/// One direct token at Apple.
#[derive(Clone, Debug, Default)]
pub struct Server {
    pub devices: Vec<Device>,
    pub url: Option<String>,
    pub expires: Option<Timestamp>,
}

/// Documents, Apple, ledger.
#[derive(Clone, Debug)]
pub struct World {
    pub desired: Desired,
    pub servers: BTreeMap<Name, Server>,
    /// Every profile that Apple ever defined, by its id.
    pub profiles: BTreeMap<ProfileId, Fields>,
    pub ledger: LedgerView,
    pub findings: Diagnostics,
    pub scope: Scope,
    pub now: Timestamp,
}

/// Outside git.
static NOWHERE: crate::plan::Origin = crate::plan::Origin {
    commit: None,
    descent: crate::plan::Descent::Outside,
    authors: Vec::new(),
    authors_of: BTreeMap::new(),
    unattributed: None,
    invalid: None,
};

pub fn id_of(token: &str) -> TokenId {
    TokenId(format!("SERVER-{}", token.to_uppercase()))
}

pub fn uuid(number: usize) -> ProfileId {
    ProfileId(format!("{number:032X}"))
}

pub fn fields(pairs: &[(&'static str, Value)]) -> Fields {
    pairs.iter().map(|(field, value)| (FieldName::Borrowed(field), value.clone())).collect()
}

/// What every profile at Apple has.
fn required() -> Fields {
    fields(&[("ade.url", Value::text("https://mdm.example/enroll")), ("ade.orgMagic", Value::text("school"))])
}

fn identity(document: &str) -> Identity {
    Identity { display_name: document.to_owned(), ..Identity::default() }
}

impl World {
    /// One direct token `school` and nothing on it.
    pub fn new() -> Self {
        let ledger = LedgerView {
            id: "0d6b2f1c-94c3-4f0e-8e35-6a8f1f0f7b21".parse().unwrap(),
            born: ago(1_000_000),
            ..LedgerView::none()
        };
        let mut world = Self {
            desired: Desired::default(),
            servers: BTreeMap::new(),
            profiles: BTreeMap::new(),
            ledger,
            findings: Diagnostics::default(),
            scope: Scope::whole(),
            now: now(),
        };
        world.token("school");
        world
    }

    // --- documents ---

    pub fn token(&mut self, token: &str) -> &mut Self {
        let direct = DirectToken {
            private_key: SecretRef::Env("KEY".to_owned()),
            certificate: "token.pem".into(),
            server_token: ServerTokenSource::File("token.p7m".into()),
        };
        let document = Token {
            identity: identity(token),
            realm: Realm::Direct(name(token)),
            direct: Some(direct),
            scope_tags: Field::Missing,
            apple_id: Field::Missing,
            consent_to_share_data: Field::Missing,
            apple: None,
            default_for: Field::Missing,
            defaults: Default::default(),
            values: BTreeMap::new(),
            account_driven_url: Field::Missing,
            prune: Prune::Never,
        };
        self.desired.tokens.insert(name(token), document);
        self.servers.entry(name(token)).or_default();
        self
    }

    pub fn document(&mut self, token: &str) -> &mut Token {
        self.desired.tokens.get_mut(&name(token)).unwrap()
    }

    /// A profile document for iPhones and iPads on tokens; what it states besides its name.
    pub fn profile(&mut self, profile: &str, tokens: &[&str], stated: &[(&'static str, Value)]) -> &mut Self {
        let mut wished = fields(stated);
        wished.entry("displayName".into()).or_insert_with(|| Value::text(profile));
        wished.extend(required());
        let created = canonical::whole(Platform::Ios, &Fields::new(), &wished);
        let tokens: Vec<Name> = tokens.iter().map(|token| name(token)).collect();
        let mut identity = identity(profile);
        identity.display_name = wished["displayName"].as_text().unwrap().to_owned();
        let document = Profile {
            identity,
            platform: Platform::Ios,
            rollout_first: Vec::new(),
            selector: TokenSelector::Names(tokens.clone()),
            settings: ProfileSettings::default(),
            wished: tokens.iter().map(|token| (token.clone(), wished.clone())).collect(),
            created: tokens.iter().map(|token| (token.clone(), created.clone())).collect(),
            tokens,
        };
        self.desired.profiles.insert(name(profile), document);
        self
    }

    pub fn edit(&mut self, profile: &str) -> &mut Profile {
        self.desired.profiles.get_mut(&name(profile)).unwrap()
    }

    /// States a field of a profile on all its tokens.
    pub fn state(&mut self, profile: &str, field: &'static str, value: Value) -> &mut Self {
        let document = self.edit(profile);
        for fields in document.wished.values_mut().chain(document.created.values_mut()) {
            fields.insert(FieldName::Borrowed(field), value.clone());
        }
        self
    }

    /// Names serials on a token.
    pub fn assign(&mut self, assignment: &str, profile: &str, token: &str, serials: &[&str]) -> &mut Self {
        self.desired.assignments.retain(|one| one.name != name(assignment));
        let devices = serials.iter().zip(1..).map(|(one, line)| NamedSerial {
            serial: serial(one),
            line,
            source: SerialSource::Document,
        });
        self.desired.assignments.push(Assignment {
            name: name(assignment),
            profile: name(profile),
            selector: Some(TokenSelector::Names(vec![name(token)])),
            tokens: vec![name(token)],
            devices: devices.collect(),
            acknowledge: Vec::new(),
            places: Places::default(),
        });
        self
    }

    /// The default of iPads.
    pub fn default_ipad(&mut self, token: &str, profile: &str) -> &mut Self {
        self.document(token).defaults.ipad = Field::Set(name(profile));
        self
    }

    // --- Apple ---

    pub fn server(&mut self, token: &str) -> &mut Server {
        self.servers.get_mut(&name(token)).unwrap()
    }

    /// An iPad with a profile, not activated yet.
    pub fn ipad(&mut self, token: &str, one: &str, profile: Option<ProfileId>) -> &mut Self {
        let device = Device {
            serial: serial(one),
            profile,
            state: EnrollmentState::NotContacted,
            family: Some(Family::Ipad),
        };
        self.server(token).devices.push(device);
        self
    }

    pub fn ipads(
        &mut self,
        token: &str,
        prefix: &str,
        count: usize,
        profile: Option<&ProfileId>,
    ) -> &mut Self {
        for at in 1..=count {
            self.ipad(token, &format!("{prefix}{at:06}"), profile.cloned());
        }
        self
    }

    pub fn device(&mut self, token: &str, one: &str) -> &mut Device {
        self.server(token).devices.iter_mut().find(|device| device.serial == serial(one)).unwrap()
    }

    /// A profile that somebody else defined.
    pub fn stranger(&mut self, display_name: &str, more: &[(&'static str, Value)]) -> ProfileId {
        let id = uuid(0xF000 + self.profiles.len());
        let mut all = fields(&[
            ("displayName", Value::text(display_name)),
            ("supervised", Value::Bool(true)),
            ("awaitConfiguration", Value::Bool(true)),
        ]);
        all.extend(required());
        all.extend(fields(more));
        self.profiles.insert(id.clone(), all);
        id
    }

    // --- what is read ---

    pub fn live(&self) -> Live {
        let tenants = self.servers.iter().map(|(token, server)| {
            let id = id_of(token.as_str());
            let mut builder = DevicesBuilder::default();
            for device in &server.devices {
                let in_force = device.profile.as_ref().filter(|_| device.state != EnrollmentState::Removed);
                builder.push_direct(
                    device.serial,
                    in_force.map(|id| id.0.as_str()),
                    device.state,
                    device.family,
                    None,
                );
            }
            let devices = builder.after_last_page();
            let owned = self.ledger.owned.values().filter(|owned| owned.token_id == id);
            let mut all: BTreeMap<ProfileId, Fields> =
                owned.filter_map(|owned| Some((owned.object.clone()?, owned.applied.clone()))).collect();
            for carried in devices.profiles() {
                if let Some(fields) = self.profiles.get(carried) {
                    all.entry(carried.clone()).or_insert_with(|| fields.clone());
                }
            }
            let profiles = all.into_iter().map(|(id, fields)| LiveProfile {
                id,
                name: fields["displayName"].as_text().unwrap().to_owned(),
                kind: ProfileKind::Direct,
                is_default: None,
                fields,
                skip_keys: Vec::new(),
                members: serde_json::Map::new(),
            });
            let live = LiveToken {
                id: id.clone(),
                name: format!("Server of {token}"),
                apple_id: None,
                expires: server.expires,
                last_sync_triggered: None,
                last_sync_done: None,
                last_sync_error: 0,
                synced_devices: devices.len() as i64,
                scope_tag_ids: Vec::new(),
                default_ios: Fact::Known(None),
                default_macos: Fact::Known(None),
            };
            let tenant = LiveTenant {
                tenant_id: id.0.clone(),
                tokens: Fact::Known(Complete::after_last_page(vec![live])),
                scope_tags: None,
                vpp_tokens: None,
                push_certificate: None,
                profiles: BTreeMap::from([(
                    id.clone(),
                    Fact::Known(Complete::after_last_page(profiles.collect())),
                )]),
                devices: BTreeMap::from([(id, Fact::Known(devices))]),
                account_driven_url: Some(Fact::Known(server.url.clone())),
            };
            (Realm::Direct(token.clone()), tenant)
        });
        Live { tenants: tenants.collect(), ..Live::default() }
    }

    pub fn plan(&self) -> Plan {
        self.plan_over(&self.live())
    }

    pub fn plan_over(&self, live: &Live) -> Plan {
        build(&self.input(live)).unwrap()
    }

    pub fn input<'a>(&'a self, live: &'a Live) -> Input<'a> {
        Input {
            desired: &self.desired,
            live,
            ledger: &self.ledger,
            findings: &self.findings,
            scope: &self.scope,
            origin: &NOWHERE,
            offered: &[],
            now: self.now,
        }
    }

    // --- what follows from a plan ---

    /// Carries a plan out and writes down what came of it.
    pub fn apply(&mut self, plan: &Plan) {
        for step in &plan.steps {
            self.carry_out(plan, &step.id);
        }
        self.keep_books(plan);
    }

    /// Carries one step out, with what the ledger hears of it.
    pub fn carry_out(&mut self, plan: &Plan, step: &str) {
        let step = plan.step(step).unwrap();
        let token = step.address.domain().clone();
        match &step.action {
            Action::Define { fields, content, replaces, changes, adopt } => {
                let id = uuid(1 + self.profiles.len());
                self.profiles.insert(id.clone(), fields.clone());
                if let (true, Some(former)) = (adopt, replaces) {
                    self.know(&step.address, former, &step.name, content::former_hash(fields, changes));
                }
                self.know(&step.address, &id, &step.name, content.clone());
                self.own(&step.address, Some(id), fields.clone());
            }
            Action::Assign { groups, after_sync: false } => {
                let object = step.object.clone();
                let object = object.or_else(|| self.ledger.owned[&step.address].object.clone()).unwrap();
                for serial in groups.iter().flat_map(|group| &group.serials) {
                    let device = self.device(token.as_str(), serial.as_str());
                    (device.profile, device.state) = (Some(object.clone()), EnrollmentState::NotContacted);
                }
            }
            Action::Unassign { serials } => {
                for serial in serials {
                    let device = self.device(token.as_str(), serial.as_str());
                    (device.profile, device.state) = (None, EnrollmentState::NotContacted);
                }
            }
            Action::SetAccountDrivenUrl { from: _, to } => self.server(token.as_str()).url = to.clone(),
            other => panic!("{other:?} is nothing for a direct token"),
        }
    }

    /// Writes down what a plan wants remembered.
    pub fn keep_books(&mut self, plan: &Plan) {
        for adoption in &plan.adopted {
            if let Some(object) = &adoption.object {
                let content = content::hash(&adoption.fields);
                self.know(&adoption.address, object, &adoption.name, content);
            }
            self.own(&adoption.address, adoption.object.clone(), adoption.fields.clone());
        }
        for entry in &plan.bookkeeping {
            match entry {
                Bookkeeping::Resumed { address, object, fields, .. } => {
                    self.own(address, Some(object.clone()), fields.clone());
                }
                Bookkeeping::Gone { address, .. } => drop(self.ledger.owned.remove(address)),
                Bookkeeping::Cooled { token_id, serials } => {
                    let token = self.ledger.cooling.get_mut(token_id).unwrap();
                    serials.iter().for_each(|serial| assert!(token.remove(serial).is_some()));
                }
                other => panic!("{other:?} is nothing for a direct token"),
            }
        }
    }

    pub fn own(&mut self, address: &Address, object: Option<ProfileId>, applied: Fields) {
        let token_id = id_of(address.domain().as_str());
        let (tenant, how, name) = (token_id.0.clone(), How::Created, address.name.to_string());
        self.ledger.owned.insert(address.clone(), Ownership { tenant, token_id, object, how, name, applied });
    }

    fn know(&mut self, address: &Address, id: &ProfileId, name: &str, content: String) {
        let token = self.ledger.defined.entry(id_of(address.domain().as_str())).or_default();
        let (address, name) = (address.clone(), name.to_owned());
        token.insert(id.clone(), DefinedProfile { address, name, content });
    }

    /// Applies until nothing is left to do.
    pub fn settled(mut self) -> Self {
        let plan = self.plan();
        assert!(plan.blocked.is_empty(), "{:#?}", plan.blocked);
        self.apply(&plan);
        let again = self.plan();
        assert!(again.steps.is_empty() && again.adopted.is_empty(), "{:#?}", again.steps);
        self
    }

    /// The profile of a document, as the ledger knows it.
    pub fn object(&self, profile: &str, token: &str) -> ProfileId {
        self.ledger.owned[&crate::plan::tests::world::at(profile, token)].object.clone().unwrap()
    }

    pub fn cool(&mut self, one: &str, profile: &ProfileId, why: &str, seconds: i64, times: u32) -> &mut Self {
        let until = ago(-seconds);
        let cooling = Cooling { profile: profile.clone(), why: why.to_owned(), until, times };
        self.ledger.cooling.entry(id_of("school")).or_default().insert(serial(one), cooling);
        self
    }

    pub fn absent(&mut self, profile: &str) -> &mut Self {
        self.edit(profile).identity.state = State::Absent;
        self
    }
}

/// The serials of a step by the relation of their profile and whether they have one.
pub fn serials_of(plan: &Plan, step: &str) -> Vec<String> {
    let step = crate::plan::tests::world::step(plan, step);
    let mut all: Vec<String> = match &step.action {
        Action::Assign { groups, .. } => {
            groups.iter().flat_map(|group| &group.serials).map(Serial::to_string).collect()
        }
        Action::Unassign { serials } => serials.iter().map(Serial::to_string).collect(),
        other => panic!("{other:?}"),
    };
    all.sort();
    all
}
