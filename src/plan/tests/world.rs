//! Documents, a live state that matches them, and a ledger that owns it all; each side can be
//! changed on its own.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::ledger::{How, Intent, IntentState, LedgerView, Ownership};
use crate::manifest::load_text;
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, State};
use crate::model::live::{
    Cause, Complete, DevicesBuilder, EnrollmentState, Fact, Live, LiveProfile, LiveTenant, LiveToken,
    ProfileKind, ScopeTag, Unknown,
};
use crate::model::{
    Address, FieldName, Fields, Name, Platform, ProfileId, Realm, Scope, Serial, TokenId, Value,
};
use crate::plan::build::{Input, build};
use crate::plan::{Blocked, Plan, Step};

pub const TENANT: &str = "8d1f6a52-0c3e-4f7b-b8a4-2e9d5c7f1a36";

const FLEET: &str = "
apiVersion: espalier.dev/v1alpha1
kind: Fleet
metadata: {name: contoso}
spec:
  ledger: {id: 6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40, sqlite: {path: .espalier/ledger.db}}
";

/// The present instant of all tests.
pub fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

pub fn ago(seconds: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - seconds).unwrap()
}

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn serial(text: &str) -> Serial {
    Serial::new(text).unwrap()
}

/// An id in the form of a GUID, the same for the same words.
pub fn guid(words: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, words.as_bytes()).to_string()
}

pub fn token_id(token: &str) -> TokenId {
    TokenId(guid(token))
}

/// The id that [`World::settled`] gives to a document's live profile.
pub fn profile_id(profile: &str, token: &str) -> ProfileId {
    ProfileId(format!("{}_{}", guid(token), guid(&format!("{profile}@{token}"))))
}

pub fn at(profile: &str, token: &str) -> Address {
    Address::profile(&name(profile), &name(token))
}

pub fn unknown(cause: Cause) -> Unknown {
    Unknown { cause, reason: "it did not answer".to_owned(), next: "wait".to_owned() }
}

/// A live device as a test writes it.
#[derive(Clone, Debug)]
pub struct Device {
    pub serial: String,
    pub profile: Option<ProfileId>,
    pub state: EnrollmentState,
    pub released: bool,
    pub platform: Option<Platform>,
}

/// One side each: documents, live facts, ledger.
#[derive(Clone, Debug)]
pub struct World {
    pub documents: BTreeMap<String, String>,
    pub live: Live,
    pub ledger: LedgerView,
    pub findings: Diagnostics,
    pub scope: Scope,
    pub origin: crate::plan::Origin,
    pub offered: Vec<crate::approval::Found>,
    pub now: Timestamp,
    devices: BTreeMap<TokenId, Vec<Device>>,
}

impl World {
    /// One connection `contoso` and one token `school`, nothing under it.
    pub fn new() -> Self {
        let mut world = Self {
            documents: BTreeMap::from([("fleet".to_owned(), FLEET.to_owned())]),
            live: Live::default(),
            ledger: LedgerView {
                id: "6f0c1f3e-5b0a-4b6e-9a55-3d2b8f1c7e40".parse().unwrap(),
                born: ago(1_000_000),
                ..LedgerView::none()
            },
            findings: Diagnostics::default(),
            scope: Scope::whole(),
            origin: crate::plan::Origin::default(),
            offered: Vec::new(),
            now: now(),
            devices: BTreeMap::new(),
        };
        world.connection("contoso", TENANT);
        world.token("school", "contoso", "");
        world
    }

    /// Writes a document anew; `spec` holds lines at no indentation.
    pub fn document(&mut self, kind: &str, document: &str, spec: &str) -> &mut Self {
        self.labelled(kind, document, "", spec)
    }

    pub fn labelled(&mut self, kind: &str, document: &str, labels: &str, spec: &str) -> &mut Self {
        let spec: String = spec.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!(
            "apiVersion: espalier.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {document}, labels: {{{labels}}}}}\nspec:\n{spec}"
        );
        self.documents.insert(format!("{kind}/{document}"), text);
        self
    }

    pub fn remove(&mut self, kind: &str, document: &str) -> &mut Self {
        assert!(self.documents.remove(&format!("{kind}/{document}")).is_some(), "no such document");
        self
    }

    /// Replaces `old` by `new` in a document.
    pub fn edit(&mut self, key: &str, old: &str, new: &str) -> &mut Self {
        let text = self.documents.get_mut(key).unwrap();
        assert!(text.contains(old), "{text} does not hold {old}");
        *text = text.replace(old, new);
        self
    }

    pub fn connection(&mut self, connection: &str, tenant: &str) -> &mut Self {
        let spec = format!(
            "intune: {{tenantId: {tenant}, clientId: 3b7e9c04-6d5a-4812-9f0e-c1a2b3d4e5f6, credential: {{clientSecret: {{env: S}}}}}}"
        );
        self.document("Connection", connection, &spec)
    }

    pub fn token(&mut self, token: &str, connection: &str, more: &str) -> &mut Self {
        self.document("EnrollmentToken", token, &format!("mdm: {connection}\n{more}"))
    }

    /// A profile on tokens (a YAML list or selector) that no rule has anything against.
    pub fn profile(&mut self, profile: &str, tokens: &str, more: &str) -> &mut Self {
        let spec = format!("tokens: {tokens}\nplatform: ios\nuserAffinity: none\nsupervised: true\n{more}");
        self.document("EnrollmentProfile", profile, &spec)
    }

    pub fn assignment(&mut self, assignment: &str, profile: &str, serials: &str, more: &str) -> &mut Self {
        let spec = format!("devices: {{serials: [{serials}]}}\nprofile: {profile}\n{more}");
        self.document("DeviceAssignment", assignment, &spec)
    }

    pub fn desired(&self) -> Desired {
        let files: Vec<(String, &str)> = self
            .documents
            .iter()
            .map(|(key, text)| (format!("{}.yaml", key.replace('/', "-")), text.as_str()))
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        let loaded = load_text(&files);
        // What needs Apple's side is judged by the planner as well: tokens get theirs after this, or never.
        let needs_apple =
            |one: &Diagnostic| matches!(one.rule, Some("A-1" | "A-2")) && one.message.contains("`apple`");
        let refused = || loaded.diagnostics.iter().filter(|one| one.severity == Severity::Refuse);
        let stops = loaded.diagnostics.stop_the_folder() && !refused().all(needs_apple);
        assert!(!stops, "{:#?}", loaded.diagnostics);
        loaded.desired
    }

    /// Makes live state and ledger agree with the documents: everything is there, and ours as
    /// created; named serials have their profile and were never activated.
    pub fn settled(mut self) -> Self {
        let desired = self.desired();
        for (connection, document) in &desired.connections {
            let tenant =
                self.live.tenants.entry(Realm::Mdm(connection.clone())).or_insert_with(|| LiveTenant {
                    tenant_id: document.tenant_id.clone(),
                    tokens: Fact::Known(Complete::after_last_page(Vec::new())),
                    scope_tags: Some(Fact::Known(Complete::after_last_page(vec![
                        ScopeTag { id: "0".to_owned(), name: "Default".to_owned() },
                        ScopeTag { id: "7".to_owned(), name: "Berlin".to_owned() },
                    ]))),
                    vpp_tokens: None,
                    push_certificate: None,
                    profiles: BTreeMap::new(),
                    devices: BTreeMap::new(),
                    account_driven_url: None,
                });
            let mut tokens = Vec::new();
            for (token, document) in
                desired.tokens.iter().filter(|(_, token)| token.realm.connection() == Some(connection))
            {
                let id = token_id(token.as_str());
                let default = document.defaults.ios.set().map(|one| profile_id(one.as_str(), token.as_str()));
                tokens.push(live_token(token, &document.identity.display_name, default));
                let here = desired.profiles.iter().filter(|(_, profile)| {
                    profile.tokens.contains(token) && profile.identity.state == State::Present
                });
                let profiles = here.map(|(profile, document)| {
                    let id = profile_id(profile.as_str(), token.as_str());
                    LiveProfile {
                        kind: ProfileKind::Classic(document.platform),
                        ..live_profile(id, document.created[token].clone())
                    }
                });
                tenant
                    .profiles
                    .insert(id.clone(), Fact::Known(Complete::after_last_page(profiles.collect())));
            }
            tenant.tokens = Fact::Known(Complete::after_last_page(tokens));
        }
        for (token, document) in &desired.tokens {
            let tenant = desired.connections[document.realm.connection().unwrap()].tenant_id.clone();
            let id = token_id(token.as_str());
            self.own(Address::token(token), &tenant, &id, None, Fields::new());
            for (profile, document) in &desired.profiles {
                if document.identity.state == State::Present
                    && let Some(wished) = document.wished.get(token)
                {
                    let object = profile_id(profile.as_str(), token.as_str());
                    self.own(Address::profile(profile, token), &tenant, &id, Some(object), wished.clone());
                }
            }
            self.devices.entry(id).or_default();
        }
        for assignment in &desired.assignments {
            let Some(token) = assignment.tokens.first() else { continue };
            let profile = profile_id(assignment.profile.as_str(), token.as_str());
            for device in &assignment.devices {
                self.device(token.as_str(), device.serial.as_str(), Some(profile.clone()));
            }
        }
        self.lay_out_devices();
        self
    }

    fn own(
        &mut self,
        address: Address,
        tenant: &str,
        token_id: &TokenId,
        object: Option<ProfileId>,
        applied: Fields,
    ) {
        let name = address.name.to_string();
        let (tenant, token_id, how) = (tenant.to_owned(), token_id.clone(), How::Created);
        self.ledger.owned.insert(address, Ownership { tenant, token_id, object, how, name, applied });
    }

    fn lay_out_devices(&mut self) {
        for (token, devices) in &self.devices {
            let mut builder = DevicesBuilder::default();
            for device in devices {
                let profile = device.profile.as_ref().map(|id| id.0.as_str());
                builder.push(
                    Some(&device.serial),
                    profile,
                    device.state,
                    device.released,
                    true,
                    device.platform,
                );
            }
            let devices = builder.after_last_page();
            for tenant in self.live.tenants.values_mut() {
                if tenant.tokens.known().is_some_and(|all| all.iter().any(|one| one.id == *token)) {
                    tenant.devices.insert(token.clone(), Fact::Known(devices.clone()));
                }
            }
        }
    }

    // --- the live side ---

    pub fn device(&mut self, token: &str, serial: &str, profile: Option<ProfileId>) -> &mut Self {
        self.devices.entry(token_id(token)).or_default().push(Device {
            serial: serial.to_owned(),
            profile,
            state: EnrollmentState::NotContacted,
            released: false,
            platform: Some(Platform::Ios),
        });
        self.lay_out_devices();
        self
    }

    /// `count` devices `{prefix}0001`… with one profile.
    pub fn devices(
        &mut self,
        token: &str,
        prefix: &str,
        count: usize,
        profile: Option<&ProfileId>,
    ) -> &mut Self {
        let rows = (1..=count).map(|at| Device {
            serial: format!("{prefix}{at:06}"),
            profile: profile.cloned(),
            state: EnrollmentState::NotContacted,
            released: false,
            platform: Some(Platform::Ios),
        });
        self.devices.entry(token_id(token)).or_default().extend(rows);
        self.lay_out_devices();
        self
    }

    pub fn edit_devices(&mut self, token: &str, edit: impl FnOnce(&mut Vec<Device>)) -> &mut Self {
        edit(self.devices.entry(token_id(token)).or_default());
        self.lay_out_devices();
        self
    }

    pub fn edit_device(&mut self, token: &str, serial: &str, edit: impl FnOnce(&mut Device)) -> &mut Self {
        self.edit_devices(token, |all| edit(all.iter_mut().find(|one| one.serial == serial).unwrap()))
    }

    pub fn tenant(&mut self) -> &mut LiveTenant {
        self.live.tenants.get_mut(&Realm::Mdm(name("contoso"))).unwrap()
    }

    pub fn edit_tokens(&mut self, edit: impl FnOnce(&mut Vec<LiveToken>)) -> &mut Self {
        let tokens = &mut self.tenant().tokens;
        let mut all: Vec<LiveToken> = tokens.known().unwrap().iter().cloned().collect();
        edit(&mut all);
        *tokens = Fact::Known(Complete::after_last_page(all));
        self
    }

    pub fn edit_token(&mut self, token: &str, edit: impl FnOnce(&mut LiveToken)) -> &mut Self {
        let id = token_id(token);
        self.edit_tokens(|all| edit(all.iter_mut().find(|one| one.id == id).unwrap()))
    }

    pub fn edit_profiles(&mut self, token: &str, edit: impl FnOnce(&mut Vec<LiveProfile>)) -> &mut Self {
        let profiles = self.tenant().profiles.get_mut(&token_id(token)).unwrap();
        let mut all: Vec<LiveProfile> = profiles.known().unwrap().iter().cloned().collect();
        edit(&mut all);
        *profiles = Fact::Known(Complete::after_last_page(all));
        self
    }

    pub fn edit_profile(
        &mut self,
        profile: &str,
        token: &str,
        edit: impl FnOnce(&mut LiveProfile),
    ) -> &mut Self {
        let id = profile_id(profile, token);
        self.edit_profiles(token, |all| edit(all.iter_mut().find(|one| one.id == id).unwrap()))
    }

    /// Sets a field of a live profile, as a person in the portal would.
    pub fn set(&mut self, profile: &str, token: &str, field: &'static str, value: Value) -> &mut Self {
        self.edit_profile(profile, token, |live| {
            if let ("displayName", Some(name)) = (field, value.as_text()) {
                live.name = name.to_owned();
            }
            live.fields.insert(FieldName::Borrowed(field), value);
        })
    }

    /// Deletes a live profile outside.
    pub fn delete(&mut self, profile: &str, token: &str) -> &mut Self {
        let id = profile_id(profile, token);
        self.edit_profiles(token, |all| all.retain(|one| one.id != id))
    }

    // --- the ledger's side ---

    pub fn disown(&mut self, address: &Address) -> &mut Self {
        assert!(self.ledger.owned.remove(address).is_some(), "{address} is not owned");
        self
    }

    pub fn owned(&mut self, address: &Address) -> &mut Ownership {
        self.ledger.owned.get_mut(address).unwrap()
    }

    // --- the plan ---

    pub fn plan(&self) -> Plan {
        let desired = self.desired();
        self.plan_of(&desired)
    }

    pub fn plan_of(&self, desired: &Desired) -> Plan {
        let input = Input {
            desired,
            live: &self.live,
            ledger: &self.ledger,
            findings: &self.findings,
            scope: &self.scope,
            origin: &self.origin,
            offered: &self.offered,
            now: self.now,
        };
        build(&input).unwrap()
    }
}

/// A world whose plan has a step of nearly every kind.
pub fn everything() -> World {
    let mut world = World::new();
    world.token("school", "contoso", "prune: created\ndefaultProfiles: {ios: old}");
    world.profile("old", "[school]", "").profile("main", "[school]", "");
    let mut world = world.settled();
    world.device("school", "C02A0001", Some(profile_id("old", "school")));
    world.remove("EnrollmentProfile", "old").profile("new", "[school]", "");
    let spec = "displayName: School\nformerly: [school]\nprune: created\ndefaultProfiles: {ios: new}";
    world.token("school", "contoso", spec);
    world.set("main", "school", "department", Value::text("x"));
    world.profile("main", "[school]", "department: y");
    world.assignment("carts", "new", "C02A0001, C02NEW01", "");
    world
}

pub fn live_token(token: &Name, display_name: &str, default: Option<ProfileId>) -> LiveToken {
    LiveToken {
        id: token_id(token.as_str()),
        name: display_name.to_owned(),
        apple_id: None,
        expires: None,
        last_sync_triggered: None,
        last_sync_done: Some(ago(3600)),
        last_sync_error: 0,
        synced_devices: 0,
        scope_tag_ids: vec!["0".to_owned()],
        default_ios: Fact::Known(default),
        default_macos: Fact::Known(None),
    }
}

pub fn live_profile(id: ProfileId, fields: Fields) -> LiveProfile {
    LiveProfile {
        name: fields["displayName"].as_text().unwrap().to_owned(),
        id,
        kind: ProfileKind::Classic(Platform::Ios),
        is_default: Some(false),
        fields,
        skip_keys: Vec::new(),
        members: serde_json::Map::new(),
    }
}

/// A live profile of nobody.
pub fn stranger(token: &str, display_name: &str) -> LiveProfile {
    let id = ProfileId(format!("{}_{}", guid(token), guid(&format!("stranger {display_name}"))));
    let fields = Fields::from([("displayName".into(), Value::text(display_name))]);
    live_profile(id, fields)
}

pub fn intent(address: Address, write: &str, since: Timestamp) -> Intent {
    Intent {
        id: 5,
        run: Uuid::nil(),
        at: since,
        since,
        address,
        tenant: TENANT.to_owned(),
        write: write.to_owned(),
        part: 0,
        name: None,
        object: None,
        platform: None,
        items: 1,
        service: None,
        serials: Vec::new(),
        state: IntentState::Unknown,
        note: String::new(),
    }
}

/// The ids of the steps in their order.
pub fn ids(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.id.as_str()).collect()
}

/// The step with this id.
pub fn step<'p>(plan: &'p Plan, id: &str) -> &'p Step {
    plan.step(id).unwrap_or_else(|| panic!("no step {id} in {:?}; blocked: {:#?}", ids(plan), plan.blocked))
}

/// The only thing that is blocked.
pub fn blocked(plan: &Plan) -> &Blocked {
    match plan.blocked.as_slice() {
        [only] => only,
        other => panic!("{} are blocked: {other:#?}", other.len()),
    }
}

/// What is left alone of profiles: name and reason.
pub fn left<'p>(plan: &'p Plan, display_name: &str) -> &'p str {
    let found: Vec<&str> = plan
        .left_alone
        .iter()
        .filter(|left| left.name == display_name)
        .map(|left| left.why.as_str())
        .collect();
    match found.as_slice() {
        [only] => only,
        other => panic!("{display_name} is told {} times: {:#?}", other.len(), plan.left_alone),
    }
}

/// The steps in words, for snapshots: id, reason, class, needs.
pub fn lines(plan: &Plan) -> String {
    let line = |step: &Step| {
        let needs = if step.needs.is_empty() {
            String::new()
        } else {
            format!(", after {}", step.needs.join(" and "))
        };
        let proves = if step.prove_first { ", proves" } else { "" };
        format!("{}: {:?}, {}{needs}{proves}\n", step.id, step.reason, step.class)
    };
    plan.steps.iter().map(line).collect()
}
