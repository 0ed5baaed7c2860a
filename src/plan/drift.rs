//! What moved outside: live facts against what was last applied, apart from what is newly wished.
//! PURE.
//!
//! The ledger remembers two things for this: the managed fields of each profile as they were last
//! applied, and per token the hashes of the wishes that were last seen in force as a whole, by parts:
//! the token itself, its default, each profile, the devices of each profile. Where the documents wish
//! the same as then, whatever differs has moved. Where they wish something else, profiles are held to
//! the fields that were applied; for the rest nobody remembers what was in force object by object, so
//! that drift and new wish cannot be told apart, and it is named so.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::build::{self, Input};
use super::wishes::{
    ACCOUNT_URL, DEFAULT_FOR, DEVICES, FAMILIES, NOWHERE, ROUTE, SERVICE, TOKEN, Wished, Wishes,
    default_part, devices_part, profile_part,
};
use super::{Action, AssignGroup, Plan, Reason, Relation, ServiceAction, Step, order};
use crate::ledger::LedgerView;
use crate::model::desired::{Desired, Profile, RouteTo, State, TokenSelector};
use crate::model::value::Fields;
use crate::model::{Address, Name, Realm};

/// What moved outside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    /// The plan that puts it back. Its gates are not judged yet: [`super::gates::evaluate`].
    pub plan: Plan,
    /// Ids of steps of the whole plan that may be drift or a new wish.
    pub undecided: Vec<String>,
}

impl Drift {
    /// Whether steps of the whole plan do nothing but put back what moved, all of them.
    pub fn covers(&self, steps: &[Step]) -> bool {
        let ours = by_id(&self.plan.steps);
        steps.iter().all(|step| is_among(&ours, step))
    }
}

fn by_id(steps: &[Step]) -> HashMap<&str, &Step> {
    steps.iter().map(|step| (step.id.as_str(), step)).collect()
}

/// Whether steps hold one with the same id that does the same.
fn is_among(steps: &HashMap<&str, &Step>, step: &Step) -> bool {
    steps.get(step.id.as_str()).is_some_and(|ours| ours.action == step.action)
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
        let mut wished = Wished::of(desired);
        let is = desired.tokens.keys().filter_map(|name| Some((name, wished.on(name)?)));
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
            Action::Service(action) => match action {
                ServiceAction::Assign { .. }
                | ServiceAction::UpdateDeadline { .. }
                | ServiceAction::CancelMigration { .. } => self.part(token, ROUTE),
                ServiceAction::Unassign { .. } => self.part(token, NOWHERE),
                ServiceAction::DropFamilies { .. } | ServiceAction::TakeFamilies { .. } => {
                    self.part(token, DEFAULT_FOR)
                }
                ServiceAction::Rename { .. } => self.part(token, SERVICE),
                ServiceAction::Create { .. } | ServiceAction::Delete { .. } if self.whole(token) => {
                    Standing::Same
                }
                ServiceAction::Create { .. } | ServiceAction::Delete { .. } => Standing::New,
            },
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
    let (profiles_before, profiles_now) = (profiles_by_token(old), profiles_by_token(new));
    let (mut wished_before, mut wished_now) = (Wished::of(old), Wished::of(new));
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
        let organisation = |desired: &Desired| {
            let apple = desired.tokens.get(*token)?.apple.as_ref()?;
            // Of a key only its source is in here.
            Some(format!("{:?}", desired.organisations.get(&apple.connection)?))
        };
        let moved_by = |desired: &Desired| {
            let here = desired.routes.iter().filter(|one| one.to == RouteTo::Token((*token).clone()));
            here.map(|one| format!("{:?} {:?}", one.name, one.acknowledge)).collect::<Vec<_>>()
        };
        wished_before.on(token) != wished_now.on(token)
            || organisation(old) != organisation(new)
            || moved_by(old) != moved_by(new)
            || connection(old) != connection(new)
            || direct(old) != direct(new)
            || in_words(&profiles_before, token) != in_words(&profiles_now, token)
    };
    new.tokens.keys().filter(concerned).cloned().collect()
}

/// The profile documents that select each token.
fn profiles_by_token(desired: &Desired) -> BTreeMap<&Name, Vec<(&Name, &Profile)>> {
    let mut by_token = BTreeMap::<_, Vec<_>>::new();
    for (name, profile) in &desired.profiles {
        for token in profile.tokens.iter().collect::<BTreeSet<_>>() {
            by_token.entry(token).or_default().push((name, profile));
        }
    }
    by_token
}

/// Everything of the profiles on a token but where it is written.
fn in_words(profiles: &BTreeMap<&Name, Vec<(&Name, &Profile)>>, token: &Name) -> Vec<String> {
    let all = profiles.get(token).into_iter().flatten();
    let in_words = |(name, profile): &(&Name, &Profile)| {
        let Profile { identity, platform, rollout_first, selector, tokens: _, settings, wished, created } =
            profile;
        let selected = matches!(selector, TokenSelector::Labels(_));
        let state = identity.state == State::Present;
        let names = (&identity.display_name, &identity.id, &identity.formerly, state);
        let fields = (wished.get(token), created.get(token));
        format!(
            "{name} {platform} {rollout_first:?} {names:?} {selected} {fields:?} {settings:?} {:?}",
            identity.acknowledge
        )
    };
    all.map(in_words).collect()
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
    let drifted = by_id(&drift.plan.steps);
    for step in &mut plan.steps {
        let Some(Step { action: Action::UpdateProfile { changes: moved, .. }, .. }) =
            drifted.get(step.id.as_str())
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
        _ => !is_among(&drifted, step),
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
    let blocked: BTreeSet<&Name> = plan.blocked.iter().filter_map(|one| one.token.as_ref()).collect();
    // Devices that Apple wants left in peace are there and have not got what is wished: given later, it
    // is no drift.
    let is_direct = |token: &&Name| plan.tenants.contains_key(&Realm::Direct((*token).clone()));
    let waiting = plan.waiting.iter().filter(|one| one.until.is_some());
    let put_off: BTreeSet<&Name> = waiting.filter_map(|one| one.token.as_ref()).filter(is_direct).collect();
    let at_rest = |token: &&Name| [&open, &blocked, &put_off].iter().all(|some| !some.contains(*token));
    tokens.filter(at_rest).collect()
}

#[cfg(test)]
#[path = "tests/drift.rs"]
mod tests;
