//! Two tokens of Intune and one direct, whose services are in one organisation; with services that do what
//! a plan says.

use std::collections::BTreeMap;

use crate::ledger::{AskedMigration, Ended, Intent, KnownActivity, KnownService};
use crate::model::desired::{
    AppleService, Assignment, Chosen, Desired, DirectToken, FamilyProfiles, MoveBy, NamedSerial,
    Organisation, Places, Route, RouteTo, Selection, SerialSource, ServerTokenSource, TokenSelector, Where,
};
use crate::model::live::{Complete, EnrollmentState, Fact, SeenLock};
use crate::model::organisation::{
    ActivationLock, Budget, Edition, LiveOrganisation, LiveService, Migration, MigrationStatus,
    OrgDevicesBuilder, OrgRow, ProductFamily, PurchaseSource, ServiceKind,
};
use crate::model::{
    ActivityId, Address, Field, Name, Place, Platform, Realm, SecretRef, Serial, ServiceId, TokenId,
};
use crate::plan::tests::world::{self, World, ago, name, profile_id, serial};
use crate::plan::{Action, Bookkeeping, Plan, ServiceAction, Step};

pub use super::reading::{rows, serials_of, waits};

pub const ORG: &str = "business";

pub fn client_id(org: &str) -> String {
    format!("BUSINESSAPI.{org}")
}

/// The id of a service, by its name.
pub fn service_id(name: &str) -> ServiceId {
    ServiceId::new(&world::guid(name))
}

/// A device of an organisation.
#[derive(Clone, Debug)]
pub struct Device {
    pub service: Option<ServiceId>,
    /// The list and the status contradict each other.
    pub unclear: bool,
    pub family: Option<ProductFamily>,
    pub source: PurchaseSource,
    pub order: &'static str,
    pub migration: Migration,
}

/// One organisation at Apple.
#[derive(Clone, Debug)]
pub struct Org {
    pub edition: Edition,
    pub services: Vec<LiveService>,
    pub devices: BTreeMap<Serial, Device>,
    pub unread: bool,
    pub posts_free: u32,
    pub reused: bool,
}

/// Documents, all services, ledger.
#[derive(Clone, Debug)]
pub struct Fleet {
    pub base: World,
    pub orgs: BTreeMap<Name, Org>,
    pub routes: Vec<Route>,
    pub selections: Vec<Selection>,
    pub assignments: Vec<Assignment>,
    /// The service of each token, by its name, and what it is the default of.
    pub apple: BTreeMap<Name, (Name, String)>,
    pub default_for: BTreeMap<Name, Vec<ProductFamily>>,
    pub direct: Vec<Name>,
    pub policy: Option<crate::model::desired::Gates>,
}

fn places(document: &str) -> Places {
    let place = |line| Place { file: format!("{document}.yaml").into(), line, column: 1 };
    Places { document: place(1), fields: BTreeMap::from([("devices.where".to_owned(), place(7))]) }
}

fn chosen(serials: &[&str]) -> Chosen {
    let device = |(text, line): (&&str, u32)| NamedSerial {
        serial: serial(text),
        line,
        source: SerialSource::Document,
    };
    Chosen { named: serials.iter().zip(1..).map(device).collect(), selected: None }
}

pub fn service(name: &str) -> LiveService {
    LiveService {
        id: service_id(name),
        name: name.to_owned(),
        kind: ServiceKind::Mdm,
        status: Some("ACTIVE".to_owned()),
        device_count: None,
        may_disown: None,
        default_for: Some(Fact::Known(Vec::new())),
        last_connected: None,
    }
}

impl Fleet {
    /// Tokens `school` and `office` with a profile each; their services `School` and `Office`, and one of
    /// nobody, `Jamf`. No device.
    pub fn new() -> Self {
        let mut base = World::new();
        base.token("office", "contoso", "");
        base.profile("main", "[school, office]", "").profile("kiosk", "[school, office]", "");
        let base = base.settled();
        let org = Org {
            edition: Edition::Business,
            services: ["School", "Office", "Jamf"].into_iter().map(service).collect(),
            devices: BTreeMap::new(),
            unread: false,
            posts_free: 10,
            reused: false,
        };
        let mut fleet = Self {
            base,
            orgs: BTreeMap::from([(name(ORG), org)]),
            routes: Vec::new(),
            selections: Vec::new(),
            assignments: Vec::new(),
            apple: BTreeMap::new(),
            default_for: BTreeMap::new(),
            direct: Vec::new(),
            policy: None,
        };
        fleet.seat("school", "School").seat("office", "Office");
        fleet.know("school", "School").know("office", "Office");
        fleet
    }

    // --- documents ---

    pub fn seat(&mut self, token: &str, service: &str) -> &mut Self {
        self.apple.insert(name(token), (name(ORG), service.to_owned()));
        self
    }

    /// A direct token, without anything at its server.
    pub fn direct(&mut self, token: &str, service: &str) -> &mut Self {
        self.direct.push(name(token));
        self.seat(token, service)
    }

    /// Where serials shall be; `to` a token, or empty for no service.
    pub fn route(&mut self, document: &str, to: &str, serials: &[&str]) -> &mut Self {
        self.routes.retain(|one| one.name != name(document));
        self.routes.push(Route {
            name: name(document),
            to: if to.is_empty() { RouteTo::Nowhere } else { RouteTo::Token(name(to)) },
            devices: chosen(serials),
            move_by: None,
            acknowledge: Vec::new(),
            places: places(document),
        });
        self
    }

    pub fn edit_route(&mut self, document: &str) -> &mut Route {
        self.routes.iter_mut().find(|one| one.name == name(document)).unwrap()
    }

    pub fn move_by(&mut self, document: &str, deadline: Option<&str>) -> &mut Self {
        let move_by = |text: &str| MoveBy { deadline: text.parse().unwrap(), place: Place::default() };
        self.edit_route(document).move_by = deadline.map(move_by);
        self
    }

    /// Named serials get a profile on a token, and go there.
    pub fn bring(&mut self, document: &str, profile: &str, token: &str, serials: &[&str]) -> &mut Self {
        self.assign(document, profile, &[token], serials);
        self.route(document, token, serials)
    }

    pub fn assign(&mut self, document: &str, profile: &str, tokens: &[&str], serials: &[&str]) -> &mut Self {
        self.assignments.retain(|one| one.name != name(document));
        let tokens: Vec<Name> = tokens.iter().map(|token| name(token)).collect();
        self.assignments.push(Assignment {
            name: name(document),
            profile: name(profile),
            selector: Some(TokenSelector::Names(tokens.clone())),
            tokens,
            devices: chosen(serials).named,
            acknowledge: Vec::new(),
            places: places(document),
        });
        self
    }

    /// Selected devices go to a token, and get one profile there.
    pub fn select(&mut self, document: &str, profile: &str, token: &str, conditions: Where) -> &mut Self {
        self.selection(document, FamilyProfiles::all_of(&name(profile)), &[token], Chosen::default());
        let selection = self.selections.last_mut().unwrap();
        (selection.one_for_all, selection.devices.selected) = (true, Some(conditions.clone()));
        self.route(document, token, &[]);
        self.edit_route(document).devices.selected = Some(conditions);
        self
    }

    pub fn selection(
        &mut self,
        document: &str,
        profiles: FamilyProfiles,
        tokens: &[&str],
        devices: Chosen,
    ) -> &mut Self {
        let tokens: Vec<Name> = tokens.iter().map(|token| name(token)).collect();
        self.selections.push(Selection {
            name: name(document),
            devices,
            profiles,
            one_for_all: false,
            selector: Some(TokenSelector::Names(tokens.clone())),
            tokens,
            acknowledge: Vec::new(),
            places: places(document),
        });
        self
    }

    pub fn desired(&self) -> Desired {
        let mut desired = self.base.desired();
        for (org, live) in &self.orgs {
            desired.organisations.insert(
                org.clone(),
                Organisation {
                    edition: live.edition,
                    client_id: client_id(org.as_str()),
                    key_id: "key".to_owned(),
                    private_key: SecretRef::Env("KEY".to_owned()),
                    get_per_minute: 20,
                    post_per_hour: 10,
                    send_key_id: true,
                    api: None,
                    account: None,
                    policy: self.policy.clone(),
                    escrow: None,
                    acknowledge: Vec::new(),
                    places: places("organisation"),
                },
            );
        }
        for token in &self.direct {
            let mut document = desired.tokens[&name("school")].clone();
            document.identity.display_name = token.to_string();
            document.realm = Realm::Direct(token.clone());
            document.direct = Some(DirectToken {
                private_key: SecretRef::Env("KEY".to_owned()),
                certificate: "token.pem".into(),
                server_token: ServerTokenSource::File("token.p7m".into()),
            });
            desired.tokens.insert(token.clone(), document);
        }
        for (token, (org, service)) in &self.apple {
            if let Some(document) = desired.tokens.get_mut(token) {
                document.apple = Some(AppleService { connection: org.clone(), service: service.clone() });
            }
        }
        for (token, families) in &self.default_for {
            desired.tokens.get_mut(token).unwrap().default_for = Field::Set(families.clone());
        }
        desired.routes = self.routes.clone();
        desired.selections = self.selections.clone();
        desired.assignments.extend(self.assignments.iter().cloned());
        desired
    }

    // --- Apple ---

    pub fn org(&mut self) -> &mut Org {
        self.orgs.get_mut(&name(ORG)).unwrap()
    }

    /// An iPad at a service, or at none where that is empty.
    pub fn ipad(&mut self, one: &str, at: &str) -> &mut Self {
        let device = Device {
            service: (!at.is_empty()).then(|| service_id(at)),
            unclear: false,
            family: Some(ProductFamily::Ipad),
            source: PurchaseSource::Apple,
            order: "ORDER1",
            migration: Migration::default(),
        };
        self.org().devices.insert(serial(one), device);
        self
    }

    /// An iPad at the service of a token that Intune has, too, in a state and with `main`.
    pub fn held(&mut self, one: &str, at: &str, state: EnrollmentState) -> &mut Self {
        self.ipad(one, at);
        let token = at.to_lowercase();
        self.base.device(&token, one, Some(profile_id("main", &token)));
        self.base.edit_device(&token, one, |device| device.state = state);
        self
    }

    pub fn device(&mut self, one: &str) -> &mut Device {
        self.org().devices.get_mut(&serial(one)).unwrap()
    }

    pub fn service(&mut self, called: &str) -> &mut LiveService {
        self.org().services.iter_mut().find(|one| one.name == called).unwrap()
    }

    pub fn defaults(&mut self, called: &str, families: &[ProductFamily]) -> &mut Self {
        self.service(called).default_for = Some(Fact::Known(families.to_vec()));
        self
    }

    pub fn lock(&mut self, one: &str, lock: ActivationLock) -> &mut Self {
        let seen = SeenLock { lock: Fact::Known(lock), at: ago(3 * 3600) };
        self.base.live.locks.insert(serial(one), seen);
        self
    }

    // --- ledger ---

    pub fn know(&mut self, token: &str, service: &str) -> &mut Self {
        let known = KnownService {
            tenant: client_id(ORG),
            id: service_id(service),
            name: service.to_owned(),
            made: false,
        };
        self.base.ledger.apple.services.insert(name(token), known);
        self
    }

    /// An activity of the past: `ended` seconds ago, or not seen to end.
    pub fn activity(
        &mut self,
        id: &str,
        write: &str,
        at: &str,
        serials: &[&str],
        ended: Option<i64>,
    ) -> &mut Self {
        let known = KnownActivity {
            tenant: client_id(ORG),
            address: Address::token(&name("school")),
            write: write.to_owned(),
            service: Some(service_id(at)),
            serials: serials.iter().map(|one| serial(one)).collect(),
            accepted: ago(ended.unwrap_or(60) + 30),
            ended: ended.map(|seconds| Ended {
                at: ago(seconds),
                state: "COMPLETED COMPLETED_WITH_SUCCESS".to_owned(),
                issues: Vec::new(),
            }),
        };
        self.base.ledger.apple.activities.insert(ActivityId(id.to_owned()), known);
        self
    }

    pub fn lost(&mut self, write: &str, at: &str, serials: &[&str], seconds: i64) -> &mut Self {
        let intent = Intent {
            tenant: client_id(ORG),
            service: Some(service_id(at)),
            serials: serials.iter().map(|one| serial(one)).collect(),
            ..world::intent(Address::token(&name("school")), write, ago(seconds))
        };
        self.base.ledger.unsettled.push(intent);
        self
    }

    // --- the plan ---

    pub fn lay_out(&mut self) {
        for (org, state) in &self.orgs {
            let mut builder = OrgDevicesBuilder::default();
            for (serial, device) in &state.devices {
                let row = OrgRow {
                    order: Some(device.order),
                    model: Some("iPad Air"),
                    product_type: Some("iPad14,1"),
                    family: device.family,
                    source: Some(device.source),
                    assigned: Some(device.service.is_some() != device.unclear),
                    migration: device.migration,
                    ..OrgRow::default()
                };
                builder.push(serial.as_str(), &row);
            }
            for one in &state.services {
                let at = builder.service(&one.id);
                for (serial, _) in
                    state.devices.iter().filter(|(_, device)| device.service.as_ref() == Some(&one.id))
                {
                    builder.link(at, serial.as_str());
                }
            }
            let devices = match state.unread {
                true => Fact::Unknown(world::unknown(crate::model::live::Cause::Unavailable)),
                false => Fact::Known(builder.after_last_page()),
            };
            let live = LiveOrganisation {
                tenant: client_id(org.as_str()),
                edition: state.edition,
                services: Fact::Known(Complete::after_last_page(state.services.clone())),
                devices,
                activities: BTreeMap::new(),
                read_at: if state.reused { ago(600) } else { self.base.now },
                reused: state.reused,
                budget: Budget {
                    get_per_minute: 20,
                    post_per_hour: 10,
                    posts_free: state.posts_free,
                    next_post: None,
                },
            };
            self.base.live.organisations.insert(org.clone(), live);
        }
    }

    pub fn plan(&mut self) -> Plan {
        self.lay_out();
        let desired = self.desired();
        self.base.plan_of(&desired)
    }

    // --- what follows from a plan ---

    /// Carries a plan out, as services do that do what they are told, and writes down what came of it.
    pub fn apply(&mut self, plan: &Plan) {
        for step in &plan.steps {
            self.carry_out(step);
        }
        for entry in &plan.bookkeeping {
            match entry {
                Bookkeeping::ServiceKnown { token, tenant, service, name } => {
                    let known = KnownService {
                        tenant: tenant.clone(),
                        id: service.clone(),
                        name: name.clone(),
                        made: false,
                    };
                    self.base.ledger.apple.services.insert(token.name.clone(), known);
                }
                Bookkeeping::MigrationOver { tenant, serials } => {
                    let of = self.base.ledger.apple.migrations.get_mut(tenant).unwrap();
                    serials.iter().for_each(|serial| drop(of.remove(serial)));
                }
                Bookkeeping::NotWaiting { token_id, serials, .. } => {
                    let of = self.base.ledger.sync_asked.get_mut(token_id).unwrap();
                    of.retain(|serial| !serials.contains(serial));
                }
                _ => {}
            }
        }
    }

    fn carry_out(&mut self, step: &Step) {
        let token = step.address.domain().to_string();
        match &step.action {
            Action::Service(action) => self.at_apple(step, action),
            Action::Sync { serials } => {
                self.sync(&token, &step.token_id);
                let asked = self.base.ledger.sync_asked.entry(step.token_id.clone()).or_default();
                asked.extend(serials);
                asked.sort_unstable();
                asked.dedup();
            }
            Action::Assign { groups, .. } => {
                let object = profile_id(step.address.name.as_str(), &token);
                for serial in groups.iter().flat_map(|group| &group.serials) {
                    self.base
                        .edit_device(&token, serial.as_str(), |device| device.profile = Some(object.clone()));
                }
            }
            other => panic!("{other:?} is nothing for this world"),
        }
    }

    /// What Intune has of a token becomes what Apple has at its service.
    pub fn sync(&mut self, token: &str, _: &TokenId) {
        let Some((org, called)) = self.apple.get(&name(token)) else { return };
        let org = &self.orgs[org];
        let id = org.services.iter().find(|one| one.name == *called).unwrap().id.clone();
        let here: Vec<Serial> = org
            .devices
            .iter()
            .filter(|(_, device)| device.service.as_ref() == Some(&id))
            .map(|(serial, _)| *serial)
            .collect();
        self.base.edit_devices(token, |all| all.retain(|one| here.contains(&serial(&one.serial))));
        for one in here {
            let mut is_there = false;
            self.base.edit_devices(token, |all| is_there = all.iter().any(|two| two.serial == one.as_str()));
            if !is_there {
                self.base.device(token, one.as_str(), None);
                self.base.edit_device(token, one.as_str(), |device| device.platform = Some(Platform::Ios));
            }
        }
        let now = self.base.now;
        self.base.edit_token(token, |live| {
            (live.last_sync_triggered, live.last_sync_done) = (Some(now), Some(now));
        });
    }

    fn at_apple(&mut self, step: &Step, action: &ServiceAction) {
        let token = step.address.name.clone();
        let now = self.base.now;
        let org = self.org();
        match action {
            ServiceAction::Assign { id, groups, deadline } => {
                for group in groups {
                    for one in &group.serials {
                        let device = org.devices.get_mut(one).unwrap();
                        assert_eq!(device.service, group.from, "{one} is elsewhere");
                        device.service = Some(id.clone());
                        if deadline.is_some() {
                            device.migration.status = Some(MigrationStatus::Requested);
                            device.migration.deadline = *deadline;
                        }
                    }
                }
                if let Some(deadline) = deadline {
                    let asked = AskedMigration { assignment: name("carts"), deadline: *deadline };
                    let of = self.base.ledger.apple.migrations.entry(client_id(ORG)).or_default();
                    of.extend(action.serials().map(|serial| (*serial, asked.clone())));
                }
                let known = KnownActivity {
                    tenant: client_id(ORG),
                    address: step.address.clone(),
                    write: if deadline.is_some() { "migrate" } else { "assignService" }.to_owned(),
                    service: Some(id.clone()),
                    serials: {
                        let mut all: Vec<Serial> = action.serials().copied().collect();
                        all.sort_unstable();
                        all
                    },
                    accepted: now,
                    ended: Some(Ended {
                        at: now,
                        state: "COMPLETED COMPLETED_WITH_SUCCESS".to_owned(),
                        issues: Vec::new(),
                    }),
                };
                self.base.ledger.apple.activities.insert(ActivityId(step.id.clone()), known);
            }
            ServiceAction::Unassign { id, serials } => {
                for one in serials {
                    let device = org.devices.get_mut(one).unwrap();
                    assert_eq!(device.service.as_ref(), Some(id));
                    device.service = None;
                }
            }
            ServiceAction::UpdateDeadline { deadline, serials } => {
                for one in serials {
                    org.devices.get_mut(one).unwrap().migration.deadline = Some(*deadline);
                }
            }
            ServiceAction::CancelMigration { serials } => {
                for one in serials {
                    org.devices.get_mut(one).unwrap().migration = Migration::default();
                }
            }
            ServiceAction::DropFamilies { id, keeps: has, .. }
            | ServiceAction::TakeFamilies { id, has, .. } => {
                let is_held = |one: &&LiveService| {
                    let held = one.default_for.as_ref().and_then(Fact::known);
                    one.id != *id && held.is_some_and(|held| held.iter().any(|family| has.contains(family)))
                };
                assert!(org.services.iter().find(is_held).is_none(), "Apple refuses a family that is held");
                let service = org.services.iter_mut().find(|one| one.id == *id).unwrap();
                service.default_for = Some(Fact::Known(has.clone()));
            }
            ServiceAction::Create { .. } => {
                org.services.push(service(&step.name));
                self.know(token.as_str(), &step.name);
            }
            ServiceAction::Rename { id, from } => {
                let service = org.services.iter_mut().find(|one| one.id == *id).unwrap();
                assert_eq!(service.name, *from);
                service.name = step.name.clone();
                self.base.ledger.apple.services.get_mut(&token).unwrap().name = step.name.clone();
            }
            ServiceAction::Delete { id } => {
                assert!(org.devices.values().all(|device| device.service.as_ref() != Some(id)));
                org.services.retain(|one| one.id != *id);
            }
        }
    }
}
