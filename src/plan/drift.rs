//! What moved outside: live facts against what was last applied, apart from what is newly wished.
//! PURE.
//!
//! The ledger remembers two things for this: the managed fields of each profile as they were last
//! applied, and per token the hashes of the wishes that were last seen in force as a whole, by parts:
//! the token itself, its default, each profile, the devices of each profile. Where the documents wish
//! the same as then, whatever differs has moved. Where they wish something else, profiles are held to
//! the fields that were applied; for the rest nobody remembers what was in force object by object, so
//! that drift and new wish cannot be told apart, and it is named so.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::build::{self, Input};
use super::file::sha256;
use super::{Action, AssignGroup, Plan, Reason, Relation, Step, order};
use crate::ledger::LedgerView;
use crate::model::desired::{Desired, Identity, Profile, Prune, State, Token, TokenSelector};
use crate::model::value::Fields;
use crate::model::{Address, Field, Name, Platform, Realm, Serial};

/// What moved outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    /// The plan that puts it back. Its gates are not judged yet: [`super::gates::evaluate`].
    pub plan: Plan,
    /// Ids of steps of the whole plan that may be drift or a new wish.
    pub undecided: Vec<String>,
}

impl Drift {
    /// Whether a step of the whole plan does nothing but put back what moved.
    pub fn covers(&self, step: &Step) -> bool {
        self.plan.step(&step.id).is_some_and(|ours| ours.action == step.action)
    }
}

/// The wishes on a token by parts, each as `sha256:` and hex; `None` for a token that no document
/// names.
pub type Wishes = BTreeMap<String, String>;

const TOKEN: &str = "token";

/// The defaults of a direct token, by family.
const FAMILIES: &str = "families";

const ACCOUNT_URL: &str = "accountDrivenEnrollmentUrl";

/// How the parts begin that speak of the devices of one profile.
const DEVICES: &str = "devices/";

fn default_part(platform: Platform) -> String {
    format!("default/{platform}")
}

fn profile_part(profile: &Name) -> String {
    format!("profile/{profile}")
}

fn devices_part(profile: &Name) -> String {
    format!("{DEVICES}{profile}")
}

/// Hashes everything that the documents wish on a token. Places, labels and the values of `${name}`
/// are left out: what they lead to stands in the fields.
pub fn wishes_on(desired: &Desired, name: &Name) -> Option<Wishes> {
    // Every field by name, so that a new one does not compile until somebody decides whether its
    // change is a new wish.
    let Token {
        identity,
        realm,
        // Another source of the same credentials is no other wish.
        direct: _,
        apple_id: _,
        consent_to_share_data: _,
        scope_tags,
        defaults,
        values: _,
        prune,
        account_driven_url,
    } = desired.tokens.get(name)?;
    let of = |identity: &Identity| {
        let Identity { labels: _, display_name, id, formerly: _, state, acknowledge: _, places: _ } =
            identity;
        json!([display_name, id, *state == State::Present])
    };
    let prune = match prune {
        Prune::Never => "never",
        Prune::Created => "created",
        Prune::All => "all",
    };
    let three = |field: Field<serde_json::Value>| match field {
        Field::Missing => json!([]),
        Field::Null => json!([null]),
        Field::Set(value) => json!([value]),
    };
    let tags = three(scope_tags.clone().map(|tags| json!(tags)));
    let mut parts = BTreeMap::from([(TOKEN.to_owned(), json!([of(identity), realm, tags, prune]))]);
    for platform in Platform::CLASSIC {
        let wished = defaults.of(platform).clone().map(|profile| json!(profile));
        parts.insert(default_part(platform), three(wished));
    }
    if realm.is_direct() {
        let defaults: BTreeMap<&str, &Name> = defaults.all().collect();
        parts.insert(FAMILIES.to_owned(), json!(defaults));
        let url = account_driven_url.clone().map(|url| json!(url.as_str()));
        parts.insert(ACCOUNT_URL.to_owned(), three(url));
    }
    for (profile, document) in &desired.profiles {
        if let Some(wished) = document.wished.get(name) {
            parts.insert(profile_part(profile), json!([of(&document.identity), wished]));
        }
    }
    let mut assigned: BTreeMap<&Name, Vec<Serial>> = BTreeMap::new();
    for assignment in desired.assignments.iter().filter(|all| all.tokens.contains(name)) {
        let serials = assignment.devices.iter().map(|device| device.serial);
        assigned.entry(&assignment.profile).or_default().extend(serials);
    }
    for (profile, mut serials) in assigned {
        serials.sort_unstable();
        parts.insert(devices_part(profile), json!(serials));
    }
    Some(parts.into_iter().map(|(part, wished)| (part, sha256(&wished.to_string()))).collect())
}

/// How what the documents wish stands to what was last seen in force.
struct InForce<'a> {
    was: &'a BTreeMap<Name, Wishes>,
    is: BTreeMap<&'a Name, Wishes>,
}

/// How one part stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It was never seen in force.
    New,
    /// Something else was in force.
    Changed,
    /// It is wished as it was in force.
    Same,
}

impl<'a> InForce<'a> {
    fn of(desired: &'a Desired, ledger: &'a LedgerView) -> Self {
        let is = desired.tokens.keys().filter_map(|name| Some((name, wishes_on(desired, name)?)));
        Self { was: &ledger.in_force, is: is.collect() }
    }

    fn part(&self, token: &Name, part: &str) -> Standing {
        let was = self.was.get(token).and_then(|parts| parts.get(part));
        match (was, self.is.get(token).and_then(|parts| parts.get(part))) {
            (None, _) => Standing::New,
            (was, is) if was == is => Standing::Same,
            _ => Standing::Changed,
        }
    }

    /// Whether everything on a token is wished as it was.
    fn whole(&self, token: &Name) -> bool {
        self.was.contains_key(token) && self.was.get(token) == self.is.get(token)
    }

    /// How the part stands that a step is about, where the ledger remembers it as a part only.
    fn behind(&self, step: &Step) -> Standing {
        let token = step.address.domain();
        match &step.action {
            Action::UpdateToken { .. } => self.part(token, TOKEN),
            Action::SetDefault { .. } => match step.platform {
                Some(platform) => self.part(token, &default_part(platform)),
                None => Standing::New,
            },
            Action::Assign { groups, after_sync: false } if step.connection.is_direct() => {
                self.behind_direct(step, groups)
            }
            Action::Assign { after_sync: false, .. } => self.part(token, &devices_part(&step.address.name)),
            Action::SetAccountDrivenUrl { .. } => self.part(token, ACCOUNT_URL),
            // What goes was there while something else was wished: only a whole that is as it was shows
            // that it came back.
            Action::DeleteToken | Action::DeleteProfile | Action::Unassign { .. } if self.whole(token) => {
                Standing::Same
            }
            _ => Standing::New,
        }
    }

    /// As [`InForce::behind`], for devices of a direct token: which profile a device gets follows from
    /// everything that is said of the token's devices, and from the profile itself.
    fn behind_direct(&self, step: &Step, groups: &[AssignGroup]) -> Standing {
        let token = step.address.domain();
        let (Some(was), Some(is)) = (self.was.get(token), self.is.get(token)) else { return Standing::New };
        let is_same = |part: &str| was.get(part) == is.get(part);
        // Those who follow a document's own change are moved by nobody else.
        let follows = groups.iter().all(|group| group.relation == Relation::Earlier);
        if follows && !is_same(&profile_part(&step.address.name)) {
            return Standing::New;
        }
        let speaks_of_devices = |part: &&String| part.starts_with(DEVICES) || *part == FAMILIES;
        match was.keys().chain(is.keys()).filter(speaks_of_devices).all(|part| is_same(part)) {
            true => Standing::Same,
            false => Standing::Changed,
        }
    }
}

/// The tokens on which two sets of documents do not wish the same, or are not judged the same;
/// all of `new` where the fleet's own settings or the connection differ.
pub fn concerned(old: &Desired, new: &Desired) -> BTreeSet<Name> {
    // Places move with every line: a document that only moved is judged anew, which costs a look.
    let same = |a: &dyn std::fmt::Debug, b: &dyn std::fmt::Debug| format!("{a:?}") == format!("{b:?}");
    if !same(&old.fleet, &new.fleet) || old.unread_files != new.unread_files {
        return new.tokens.keys().cloned().collect();
    }
    let profiles_on = |desired: &Desired, token: &Name| {
        let all = desired.profiles.iter().filter(|(_, profile)| profile.tokens.contains(token));
        let all =
            all.map(|(name, profile)| {
                let Profile {
                    identity,
                    platform,
                    rollout_first,
                    selector,
                    tokens: _,
                    settings,
                    wished,
                    created,
                } = profile;
                let selected = matches!(selector, TokenSelector::Labels(_));
                let state = identity.state == State::Present;
                let names = (&identity.display_name, &identity.id, &identity.formerly, state);
                let fields = (wished.get(token), created.get(token));
                format!(
                    "{name} {platform} {rollout_first:?} {names:?} {selected} {fields:?} {settings:?} {:?}",
                    identity.acknowledge
                )
            });
        all.collect::<Vec<String>>()
    };
    let concerned = |token: &&Name| {
        let direct = |desired: &Desired| {
            let token = desired.tokens.get(*token)?;
            let source = token.direct.as_ref()?;
            let identity = (&token.identity.formerly, &token.identity.acknowledge);
            Some(format!("{identity:?} {:?} {:?} {source:?}", token.apple_id, token.consent_to_share_data))
        };
        let connection = |desired: &Desired| {
            let token = desired.tokens.get(*token)?;
            let connection = desired.connections.get(token.realm.connection()?)?;
            Some(format!(
                "{:?} {:?} {:?} {:?} {} {} {:?} {:?} {} {:?} {:?} {:?}",
                token.identity.formerly,
                token.identity.acknowledge,
                token.apple_id,
                token.consent_to_share_data,
                connection.tenant_id,
                connection.client_id,
                connection.credential,
                connection.cloud,
                connection.assign_batch,
                connection.endpoints,
                connection.policy,
                connection.acknowledge
            ))
        };
        wishes_on(old, token) != wishes_on(new, token)
            || connection(old) != connection(new)
            || direct(old) != direct(new)
            || profiles_on(old, token) != profiles_on(new, token)
    };
    new.tokens.keys().filter(concerned).cloned().collect()
}

/// What moved outside. `whole` is the plan of the documents over the same facts.
///
/// # Errors
/// [`order::Cycle`], which is a mistake of this program.
pub fn drift(input: &Input<'_>, whole: &Plan) -> Result<Drift, order::Cycle> {
    let in_force = InForce::of(input.desired, input.ledger);
    let applied = put_back_all(input.desired, input.ledger, &in_force);
    let mut plan = build::build(&Input { desired: &applied, ..*input })?;
    let moved = |step: &Step| match &step.action {
        // Serials that wait are no drift: nobody moved them.
        Action::Sync { .. } | Action::Assign { after_sync: true, .. } => false,
        Action::CreateProfile { .. } => step.reason == Reason::DeletedOutside,
        // Nobody can change a profile at Apple, nor take one away.
        Action::Define { .. } => false,
        Action::UpdateProfile { adopt, .. } => !adopt,
        _ => in_force.behind(step) == Standing::Same,
    };
    keep(&mut plan, moved);
    // A run that puts things back takes nothing over and gives nothing up.
    plan.adopted.clear();
    plan.bookkeeping.clear();
    plan.waiting.clear();
    let undecided = whole.steps.iter().filter(|step| in_force.behind(step) == Standing::Changed);
    Ok(Drift { undecided: undecided.map(|step| step.id.clone()).collect(), plan })
}

/// The documents with the fields of profiles as they were last applied, where they are not wished as
/// they were. What was never applied is left out.
pub fn as_applied(desired: &Desired, ledger: &LedgerView) -> Desired {
    put_back_all(desired, ledger, &InForce::of(desired, ledger))
}

fn put_back_all(desired: &Desired, ledger: &LedgerView, in_force: &InForce<'_>) -> Desired {
    let mut applied = desired.clone();
    for (name, profile) in &mut applied.profiles {
        let part = profile_part(name);
        let is_same = |token: &Name| in_force.part(token, &part) == Standing::Same;
        if profile.identity.state == State::Absent && !profile.tokens.iter().any(is_same) {
            profile.identity.state = State::Present;
        }
        let changed: Vec<Name> = profile.wished.keys().filter(|token| !is_same(token)).cloned().collect();
        for token in changed {
            let owned = ledger.owned.get(&Address::profile(name, &token));
            match owned.map(|owned| &owned.applied).filter(|fields| !fields.is_empty()) {
                Some(fields) => put_back(profile, &token, fields),
                None => {
                    profile.wished.remove(&token);
                    profile.created.remove(&token);
                    profile.tokens.retain(|on| *on != token);
                }
            }
        }
    }
    applied
}

fn put_back(profile: &mut Profile, token: &Name, applied: &Fields) {
    let wished = profile.wished.insert(token.clone(), applied.clone()).unwrap_or_default();
    let created = profile.created.entry(token.clone()).or_default();
    created.retain(|field, _| !wished.contains_key(field));
    created.extend(applied.iter().map(|(field, value)| (field.clone(), value.clone())));
}

/// Takes the changes of fields that moved outside out of a plan, and with them the steps that have
/// none left: what remains is newly wished.
pub fn without_drift(plan: &mut Plan, drift: &Drift) {
    for step in &mut plan.steps {
        let Some(Step { action: Action::UpdateProfile { changes: moved, .. }, .. }) =
            drift.plan.step(&step.id)
        else {
            continue;
        };
        if let Action::UpdateProfile { changes, .. } = &mut step.action {
            changes.retain(|change| {
                !moved.iter().any(|other| other.field == change.field && other.after == change.after)
            });
        }
    }
    let is_new = |step: &Step| match &step.action {
        Action::UpdateProfile { changes, .. } => !changes.is_empty(),
        _ => !drift.covers(step),
    };
    keep(plan, is_new);
}

/// Keeps the steps that `wanted` picks and whose needs are kept as well, or are none of the plan's.
/// What is said of gates speaks of the steps that were there: it has to be judged anew.
fn keep(plan: &mut Plan, wanted: impl Fn(&Step) -> bool) {
    let mut gone: BTreeSet<String> = BTreeSet::new();
    // Steps stand in an order in which what is needed comes first.
    plan.steps.retain(|step| {
        let stays = wanted(step) && !step.needs.iter().any(|need| gone.contains(need));
        if !stays {
            gone.insert(step.id.clone());
        }
        stays
    });
}

/// The tokens on which nothing is left to do but to wait for serials. `done` says which steps of the
/// plan are done.
pub fn come_to_rest<'t>(
    plan: &Plan,
    tokens: impl Iterator<Item = &'t Name>,
    done: impl Fn(&Step) -> bool,
) -> Vec<&'t Name> {
    let is_open = |step: &&Step| {
        !done(step) && !matches!(step.action, Action::Sync { .. } | Action::Assign { after_sync: true, .. })
    };
    let open: BTreeSet<&Name> = plan.steps.iter().filter(is_open).map(|step| step.address.domain()).collect();
    let blocked = |token: &Name| plan.blocked.iter().any(|one| one.token.as_ref() == Some(token));
    // Devices that Apple wants left in peace are there and have not got what is wished: given later, it
    // is no drift.
    let put_off = |token: &Name| {
        let is_direct = plan.tenants.contains_key(&Realm::Direct(token.clone()));
        is_direct && plan.waiting.iter().any(|one| one.token.as_ref() == Some(token) && one.until.is_some())
    };
    tokens.filter(|token| !open.contains(token) && !blocked(token) && !put_off(token)).collect()
}

#[cfg(test)]
#[path = "tests/drift.rs"]
mod tests;
