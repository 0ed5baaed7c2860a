//! One token: its document, its live object, and everything under it.

use std::collections::{BTreeMap, BTreeSet};

use super::super::effect::{Holders, When, holders};
use super::super::gates::{self, Census};
use super::super::{
    Action, Adoption, Blocked, Bookkeeping, Class, Effect, FieldChange, Grandfathered, LeftAlone, Note, Plan,
    Reason, Step, Waiting, before, file,
};
use super::profile::display_name_of;
use super::whole::Whole;
use super::{HORIZON, Input, lost_until};
use crate::diag::Diagnostic;
use crate::model::clock::between;
use crate::model::desired::{Profile, State, Token};
use crate::model::live::{Cause, Complete, Devices, Fact, LiveProfile, LiveTenant, LiveToken, ProfileKind};
use crate::model::{Address, Field, Fields, Name, Platform, ProfileId, Realm, Value};

/// The planning of one token.
pub(super) struct Domain<'a> {
    pub input: Input<'a>,
    pub whole: &'a Whole<'a>,
    pub connection: &'a Realm,
    pub name: &'a Name,
    pub document: &'a Token,
    pub tenant: &'a LiveTenant,
    pub live: &'a LiveToken,
    pub profiles: &'a Complete<LiveProfile>,
    pub devices: &'a Devices,
    pub holders: BTreeMap<&'a ProfileId, Holders>,
    /// What the profile documents on this token mean.
    pub targets: BTreeMap<&'a Name, Target>,
    /// The live profiles that documents with `state: absent` mean.
    pub doomed: BTreeMap<&'a ProfileId, &'a Name>,
    /// The live profiles that a blocked document means or may mean: nothing is done to them.
    pub held: BTreeSet<&'a ProfileId>,
    pub steps: Vec<Step>,
    pub blocked: Vec<Blocked>,
    pub waiting: Vec<Waiting>,
    pub adopted: Vec<Adoption>,
    pub left_alone: Vec<LeftAlone>,
    pub findings: Vec<Diagnostic>,
    pub grandfathered: Vec<Grandfathered>,
    pub bookkeeping: Vec<Bookkeeping>,
    /// A rule refuses the resulting state: no step of this token is planned.
    pub refused: bool,
}

/// The live object of a profile document, as far as it is or will be there.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its id; `None` while it has to be made.
    pub id: Option<ProfileId>,
    /// Its display name as it will be.
    pub display_name: String,
    /// The step that makes or changes it.
    pub step: Option<String>,
}

impl<'a> Domain<'a> {
    /// Opens the domain, if everything under the token could be read.
    pub fn open(
        whole: &'a Whole<'a>,
        connection: &'a Realm,
        name: &'a Name,
        document: &'a Token,
        tenant: &'a LiveTenant,
        live: &'a LiveToken,
    ) -> Result<Self, Box<Blocked>> {
        let unread = |what: &str, cause: Cause, reason: &str, next: &str| {
            Box::new(Blocked {
                connection: connection.clone(),
                token: Some(name.clone()),
                address: None,
                cause,
                rule: None,
                reason: format!("the {what} of token {:?} could not be read in full: {reason}", live.name),
                next: next.to_owned(),
            })
        };
        let not_asked = "they were not asked for";
        let again = "run it again";
        let profiles = match tenant.profiles.get(&live.id) {
            Some(Fact::Known(profiles)) => profiles,
            Some(Fact::Unknown(why)) => return Err(unread("profiles", why.cause, &why.reason, &why.next)),
            None => return Err(unread("profiles", Cause::Unavailable, not_asked, again)),
        };
        let devices = match tenant.devices.get(&live.id) {
            Some(Fact::Known(devices)) => devices,
            Some(Fact::Unknown(why)) => return Err(unread("devices", why.cause, &why.reason, &why.next)),
            None => return Err(unread("devices", Cause::Unavailable, not_asked, again)),
        };
        Ok(Self {
            input: whole.input,
            whole,
            connection,
            name,
            document,
            tenant,
            live,
            profiles,
            devices,
            holders: holders(devices),
            targets: BTreeMap::new(),
            doomed: BTreeMap::new(),
            held: BTreeSet::new(),
            steps: Vec::new(),
            blocked: Vec::new(),
            waiting: Vec::new(),
            adopted: Vec::new(),
            left_alone: Vec::new(),
            findings: Vec::new(),
            grandfathered: Vec::new(),
            bookkeeping: Vec::new(),
            refused: false,
        })
    }

    /// The devices that have a profile.
    pub fn holders_of(&self, profile: &ProfileId) -> Holders {
        self.holders.get(profile).copied().unwrap_or_default()
    }

    /// The display name of a profile, where the service or the ledger tells it.
    pub fn name_of_profile(&self, id: &ProfileId) -> Option<String> {
        let live = self.profiles.by_id(id).ok().map(|live| &live.name);
        let defined = || Some(&self.input.ledger.defined.get(&self.live.id)?.get(id)?.name);
        live.or_else(defined).cloned()
    }

    /// The display name that a profile document wishes on the token.
    pub fn display_name_of(&self, document: &'a Profile) -> &'a str {
        let wished = document.wished.get(self.name);
        wished.map_or(&document.identity.display_name, |wished| display_name_of(wished, document))
    }

    /// Whether the document wishes the token away.
    pub fn is_absent(&self) -> bool {
        self.document.identity.state == State::Absent
    }

    /// A step with everything that is the same for all steps of the domain.
    pub fn step(
        &self,
        address: Address,
        object: Option<ProfileId>,
        name: &str,
        action: Action,
        reason: Reason,
    ) -> Step {
        let platform = self.platform_of(&address, object.as_ref());
        let mut step = Step {
            id: format!("{} {address}", action.verb()),
            address,
            connection: self.connection.clone(),
            token_id: self.live.id.clone(),
            object,
            name: name.to_owned(),
            platform,
            action,
            reason,
            class: Class::Safe,
            effect: Effect::default(),
            needs: Vec::new(),
            prove_first: false,
            not_before: None,
            notes: Vec::new(),
            fingerprint: String::new(),
        };
        // What the domain rests on was read, else it would not have been opened; only the default
        // can still be unknown, and its step is not planned then.
        let before = before::of(&step, self.tenant).unwrap_or(serde_json::Value::Null);
        step.fingerprint = file::fingerprint(&before);
        step
    }

    /// The platform of the profile that a step is about: of the live one, else of its document.
    fn platform_of(&self, address: &Address, object: Option<&ProfileId>) -> Option<Platform> {
        address.token.as_ref()?;
        let live = object.and_then(|id| self.profiles.by_id(id).ok()).and_then(|live| live.kind.platform());
        live.or_else(|| Some(self.input.desired.profiles.get(&address.name)?.platform))
    }

    /// Says that nothing can be planned for an object.
    pub fn block(
        &mut self,
        address: Option<Address>,
        cause: Cause,
        rule: Option<&str>,
        reason: String,
        next: String,
    ) {
        let blocked = Blocked {
            connection: self.connection.clone(),
            token: Some(self.name.clone()),
            address,
            cause,
            rule: rule.map(str::to_owned),
            reason,
            next,
        };
        // A token is asked about twice: for itself and for its sync.
        if !self.blocked.contains(&blocked) {
            self.blocked.push(blocked);
        }
    }

    /// Blocks an object whose last write's answer was lost a moment ago. True: it is blocked.
    pub fn blocked_by_lost_answer(&mut self, address: &Address) -> bool {
        let Some(until) = lost_until(self.input.desired, self.input.ledger, address, self.input.now) else {
            return false;
        };
        let wait = between(self.input.now, until).as_secs();
        self.block(
            Some(address.clone()),
            Cause::LostAnswer,
            None,
            format!(
                "an earlier write has no answer yet, or its answer was lost; services show writes up to {} s late",
                HORIZON.as_secs()
            ),
            format!("run it again in {wait} s, after {until}"),
        );
        true
    }

    /// Name and scope tags of the token itself.
    pub fn plan_token(&mut self) {
        let address = Address::token(self.name);
        if self.is_absent() || self.blocked_by_lost_answer(&address) {
            return;
        }
        let identity = &self.document.identity;
        let mut changes = Vec::new();
        // Recognised by id and without a wished name, the name is nobody's business.
        let name_is_wished = identity.id.is_none() || identity.places.fields.contains_key("displayName");
        // Nothing names a server at Apple but its portal.
        let can_be_named = !self.connection.is_direct();
        if can_be_named && name_is_wished && identity.display_name != self.live.name {
            changes.push(FieldChange {
                field: "displayName".into(),
                before: Value::text(&self.live.name),
                after: Value::text(&identity.display_name),
            });
        }
        let scope_tag_ids = self.scope_tag_change(&address, &mut changes);
        let owned = self.input.ledger.owned.get(&address).filter(|owned| owned.token_id == self.live.id);
        if changes.is_empty() {
            if owned.is_none() {
                self.adopted.push(Adoption {
                    address,
                    connection: self.connection.clone(),
                    token_id: self.live.id.clone(),
                    object: None,
                    name: self.live.name.clone(),
                    fields: Fields::new(),
                });
            }
            return;
        }
        let name = changes
            .iter()
            .find(|change| change.field == "displayName")
            .map_or_else(|| self.live.name.clone(), |_| identity.display_name.clone());
        let reason = if owned.is_some() { Reason::Differs } else { Reason::Adopted };
        let tags_change = scope_tag_ids.is_some();
        let mut step =
            self.step(address, None, &name, Action::UpdateToken { changes, scope_tag_ids }, reason);
        step.class = if owned.is_some() { Class::Safe } else { Class::Disruptive };
        if tags_change {
            step.notes
                .push(Note::new("T-5", "profiles and synced devices of the token inherit its scope tags"));
            // "0" is the built-in tag `Default` (reference intune-graph section 6).
            if matches!(&step.action, Action::UpdateToken { scope_tag_ids: Some(ids), .. } if !ids.iter().any(|id| id == "0"))
            {
                step.notes.push(Note::new(
                    "T-5",
                    "without `Default`, administrators of other scope tags no longer see the token and its devices",
                ));
            }
        }
        self.steps.push(step);
    }

    fn scope_tag_change(&mut self, address: &Address, changes: &mut Vec<FieldChange>) -> Option<Vec<String>> {
        let wished: Vec<String> = match &self.document.scope_tags {
            Field::Missing => return None,
            Field::Null => vec!["Default".to_owned()],
            Field::Set(names) => names.clone(),
        };
        let known = match &self.tenant.scope_tags {
            Some(Fact::Known(tags)) => tags,
            Some(Fact::Unknown(why)) => {
                let (cause, reason, next) = (why.cause, why.reason.clone(), why.next.clone());
                self.block(
                    Some(address.clone()),
                    cause,
                    Some("T-5"),
                    format!("the scope tags could not be read: {reason}"),
                    next,
                );
                return None;
            }
            None => {
                let reason = "the scope tags were not asked for".to_owned();
                let next = "run it again".to_owned();
                self.block(Some(address.clone()), Cause::Unavailable, Some("T-5"), reason, next);
                return None;
            }
        };
        let mut ids = Vec::new();
        for name in &wished {
            match known.pick(|tag| tag.name == *name) {
                Ok(found) if found.len() == 1 => ids.push(found[0].id.clone()),
                Ok(found) => {
                    let all: Vec<&str> = found.iter().map(|tag| tag.id.as_str()).collect();
                    let reason = format!("{} scope tags are named {name:?}: {}", found.len(), all.join(", "));
                    self.block(
                        Some(address.clone()),
                        Cause::Manifest,
                        Some("T-5"),
                        reason,
                        "rename one of them in the portal".to_owned(),
                    );
                    return None;
                }
                Err(_) => {
                    let reason = format!("the tenant has no scope tag named {name:?}");
                    self.block(Some(address.clone()), Cause::Manifest, Some("T-5"), reason, "make it in the portal (Tenant administration > Roles > Scope tags), or correct the name".to_owned());
                    return None;
                }
            }
        }
        ids.sort();
        ids.dedup();
        if ids == self.live.scope_tag_ids {
            return None;
        }
        let name_of = |id: &String| {
            known.iter().find(|tag| tag.id == *id).map_or_else(|| format!("id {id}"), |tag| tag.name.clone())
        };
        let list = |ids: &[String]| {
            let mut names: Vec<String> = ids.iter().map(name_of).collect();
            names.sort();
            Value::List(names)
        };
        changes.push(FieldChange {
            field: "scopeTags".into(),
            before: list(&self.live.scope_tag_ids),
            after: list(&ids),
        });
        Some(ids)
    }

    /// The default profiles (P-30).
    pub fn plan_defaults(&mut self) {
        if self.is_absent() {
            return;
        }
        for (platform, profile) in self.document.defaults.written() {
            self.plan_default(platform, profile);
        }
    }

    fn plan_default(&mut self, platform: Platform, profile: &'a Name) {
        let address = Address::profile(profile, self.name);
        let Some(target) = self.targets.get(profile).cloned() else {
            // The profile is blocked itself, and says why.
            return;
        };
        let current = match before::default_of(self.tenant, &self.live.id, platform) {
            Ok(current) => current,
            Err(why) => {
                let (cause, reason, next) = (why.cause, why.reason.clone(), why.next.clone());
                self.block(
                    Some(address),
                    cause,
                    Some("P-30"),
                    format!("the default profile is not known: {reason}"),
                    next,
                );
                return;
            }
        };
        if current.is_some() && current == target.id {
            return;
        }
        let from_name =
            current.as_ref().and_then(|id| self.profiles.by_id(id).ok()).map(|profile| profile.name.clone());
        let action = Action::SetDefault { from: current, from_name };
        let reason = Reason::Differs;
        let mut step = self.step(address, target.id, &target.display_name, action, reason);
        step.effect.when = When::NextSync;
        step.needs.extend(target.step);
        step.notes.push(Note::new(
            "P-30",
            format!(
                "only devices that sync from now on get it; the token's {} that have synced keep what they have",
                self.devices.iter().filter(|device| device.platform == Some(platform)).count()
            ),
        ));
        self.steps.push(step);
    }

    /// What the gates count against.
    pub fn census(&self) -> Census {
        let known_as = self.whole.names_of(&self.live.id);
        let protected = self.whole.gates.protected_serials(self.connection, &self.live.id);
        let is_managed =
            |profile: &&LiveProfile| matches!(profile.kind, ProfileKind::Classic(_) | ProfileKind::Direct);
        Census {
            name: Some(self.name.clone()),
            profiles: self.profiles.iter().filter(is_managed).count() as u64,
            devices: self.devices.not_released() as u64,
            deleted_lately: self.whole.destroyed.under(self.name, &known_as),
            protected_holders: gates::protected_holders(&protected, self.devices),
            known_as,
        }
    }

    /// The profile documents that are on this token as they are wished.
    pub fn as_wished(&self) -> impl Iterator<Item = &'a Name> {
        let settled = self.targets.iter().filter(|(_, target)| !self.refused && target.step.is_none());
        settled.map(|(name, _)| *name)
    }

    /// Hands over what was planned. A token that a rule refuses keeps its findings only.
    pub fn finish(self, plan: &mut Plan, steps: &mut Vec<Step>) {
        plan.blocked.extend(self.blocked);
        plan.waiting.extend(self.waiting);
        plan.left_alone.extend(self.left_alone);
        plan.findings.extend(self.findings);
        plan.grandfathered.extend(self.grandfathered);
        if !self.refused {
            steps.extend(self.steps);
            plan.adopted.extend(self.adopted);
            plan.bookkeeping.extend(self.bookkeeping);
        }
    }
}
