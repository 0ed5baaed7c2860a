//! Apple Business and Apple School Manager: which service each device shall belong to.
//!
//! | room | purpose |
//! |---|---|
//! | `services` | which service each token means: there already, renamed, to be made, to be deleted |
//! | `busy` | which devices an activity has, or may have, so that nothing is planned for them |
//! | `past` | what earlier activities did with a device |
//! | `stands` | where a device is at Apple, and where this plan takes it |
//! | `routes` | named and selected devices, and what the documents wish of each |
//! | `moves` | the steps that come of that |
//! | `migration` | deadlines: given, changed, taken back |
//! | `resolve` | selections become assignments of serials |
//! | `families` | the default service of product families, in two ordered steps |
//! | `orphans` | what is there and no document names |
//!
//! All of it is planned before the tokens' own domains, which ask where a device stands.

mod busy;
mod families;
mod migration;
mod moves;
mod orphans;
mod past;
mod resolve;
mod routes;
mod services;
mod stands;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use super::super::{
    Action, Blocked, Bookkeeping, Class, Effect, LeftAlone, Plan, Reason, ServiceAction, Step, Waiting,
    before, file,
};
use super::acts::hand_over;
use super::{Input, match_token};
use crate::diag::words::count;
use crate::diag::{Diagnostic, Severity};
use crate::diff::identity::Match;
use crate::model::clock::between;
use crate::model::desired::Desired;
use crate::model::live::{Cause, Complete, Devices, EnrollmentState, Fact, LiveTenant, LiveToken};
use crate::model::organisation::{LiveOrganisation, LiveService, OrgDevice, OrgDevices, ProductFamily};
use crate::model::{Address, Name, Realm, Serial, ServiceId, TokenId};

pub(super) use moves::BY_HAND;
pub(super) use services::is_proven_gone;
pub use services::matched as matched_services;
pub(super) use stands::Stands;

/// A write at Apple whose answer was lost is unknown for this long, and so long may a service's list lag
/// behind an activity that ended (design section 3).
pub const ACTIVITY_HORIZON: Duration = Duration::from_secs(15 * 60);

/// Devices in one activity. Apple documents no figure (reference apple-business-api section 6.5).
pub const DEVICES_PER_ACTIVITY: usize = 1_000;

/// Apple's side of a plan.
pub(super) struct Apple<'a> {
    input: Input<'a>,
    /// The organisations whose services could be read.
    orgs: BTreeMap<&'a Name, Org<'a>>,
    /// What each token's `apple` leads to.
    seats: BTreeMap<&'a Name, Seat<'a>>,
    /// The devices at the holder of each token with `apple`, where they could be read.
    held: BTreeMap<&'a Name, &'a Devices>,
    /// The tokens that a rule refuses: nothing is planned for them.
    refused: BTreeSet<&'a Name>,
    /// Where this plan takes a device.
    going: BTreeMap<Serial, Going<'a>>,
    /// Devices that a route speaks of and that wait or are blocked: that is said.
    held_up: BTreeSet<Serial>,
    past: past::Past<'a>,
    /// Devices of hand-overs on their way: each reads and lifts the lock itself, before its wipe.
    handed_over: HashSet<Serial>,
    /// What was planned.
    pub out: Out,
}

/// What planning gives.
#[derive(Default)]
pub(super) struct Out {
    pub steps: Vec<Step>,
    pub blocked: Vec<Blocked>,
    pub waiting: Vec<Waiting>,
    pub left_alone: Vec<LeftAlone>,
    pub findings: Vec<Diagnostic>,
    pub bookkeeping: Vec<Bookkeeping>,
}

/// An organisation.
struct Org<'a> {
    name: &'a Name,
    live: &'a LiveOrganisation,
    services: &'a Complete<LiveService>,
    /// `None`: not known, which is said.
    devices: Option<&'a OrgDevices>,
    /// How many of them each service has; those of none are not in it.
    counts: BTreeMap<&'a ServiceId, u64>,
    /// The token that each service belongs to.
    tokens: BTreeMap<&'a ServiceId, &'a Name>,
    busy: busy::Busy<'a>,
}

/// What a token's `apple` leads to.
#[derive(Clone, Copy)]
enum Seat<'a> {
    /// A service that is there.
    Service { org: &'a Name, live: &'a LiveService },
    /// This plan makes it.
    Making { org: &'a Name },
    /// Nobody knows, or it may not be: that is said.
    Unknown { org: &'a Name },
}

impl<'a> Seat<'a> {
    fn org(&self) -> &'a Name {
        match self {
            Seat::Service { org, .. } | Seat::Making { org } | Seat::Unknown { org } => org,
        }
    }
}

/// Where this plan takes a device.
#[derive(Clone)]
struct Going<'a> {
    /// The token whose service it gets; `None` for none.
    to: Option<&'a Name>,
    /// The step.
    step: Rc<str>,
}

impl<'a> Apple<'a> {
    /// Plans Apple's side. `is_refused` tells the tokens that a rule stops.
    pub fn plan(input: &Input<'a>, is_refused: impl Fn(&Name) -> bool) -> Self {
        let mut apple = Self {
            input: *input,
            orgs: BTreeMap::new(),
            seats: BTreeMap::new(),
            held: BTreeMap::new(),
            refused: BTreeSet::new(),
            going: BTreeMap::new(),
            held_up: BTreeSet::new(),
            past: past::Past::of(input.ledger),
            handed_over: hand_over::on_their_way(input)
                .into_iter()
                .flat_map(|(_, serials)| serials)
                .collect(),
            out: Out::default(),
        };
        if input.desired.organisations.is_empty() {
            return apple;
        }
        let with_apple = input.desired.tokens.iter().filter(|(_, token)| token.apple.is_some());
        for (name, _) in with_apple {
            if is_refused(name) {
                apple.refused.insert(name);
            }
            if let Some(devices) = held_devices(input, name) {
                apple.held.insert(name, devices);
            }
        }
        for name in input.desired.organisations.keys() {
            apple.open(name);
        }
        services::plan(&mut apple);
        families::plan(&mut apple);
        let wishes = routes::gather(&mut apple);
        moves::plan(&mut apple, &wishes);
        migration::take_back(&mut apple, &wishes);
        services::plan_deletions(&mut apple);
        orphans::tell(&mut apple);
        apple
    }

    /// Whether the run looks at an organisation at all.
    fn is_concerned(&self, organisation: &Name) -> bool {
        self.input.scope.is_whole()
            || self.input.desired.services_of(organisation).any(|(token, ..)| self.input.scope.holds(token))
    }

    /// Opens an organisation, or says why that cannot be.
    fn open(&mut self, name: &'a Name) {
        let is_concerned = self.is_concerned(name);
        let unread = |cause: Cause, reason: String, next: &str| Blocked {
            connection: Realm::Apple(name.clone()),
            token: None,
            address: None,
            cause,
            rule: None,
            reason,
            next: next.to_owned(),
        };
        let Some(live) = self.input.live.organisations.get(name) else {
            if is_concerned && self.input.desired.services_of(name).next().is_some() {
                let reason = format!("the organisation of Connection/{name} was not asked for");
                self.out.blocked.push(unread(Cause::Unavailable, reason, "run it again"));
            }
            return;
        };
        let services = match &live.services {
            Fact::Known(services) => services,
            Fact::Unknown(why) => {
                let reason = format!("the services of Connection/{name} could not be read: {}", why.reason);
                self.out.blocked.push(unread(why.cause, reason, &why.next));
                return;
            }
        };
        let devices = match &live.devices {
            Fact::Known(devices) => Some(devices),
            Fact::Unknown(why) => {
                let reason = format!(
                    "the devices of Connection/{name} could not be read in full, so that no device is moved: {}",
                    why.reason
                );
                self.out.blocked.push(unread(why.cause, reason, &why.next));
                None
            }
        };
        let busy = busy::Busy::of(self.input.ledger, live, self.input.now);
        let counts = devices.map(OrgDevices::count_by_service).unwrap_or_default();
        let org = Org { name, live, services, devices, counts, tokens: BTreeMap::new(), busy };
        self.orgs.insert(name, org);
    }

    /// Whether this run plans anything about a token.
    fn works_on(&self, token: &Name) -> bool {
        self.input.scope.holds(token) && !self.refused.contains(token)
    }

    /// A step with everything that is the same for all steps at Apple. `service`: `None` where there is
    /// none.
    fn step(
        &self,
        org: &Org<'a>,
        address: Address,
        service: Option<&ServiceId>,
        name: &str,
        action: ServiceAction,
        reason: Reason,
    ) -> Step {
        let mut step = Step {
            id: format!("{} {address}", action.verb()),
            address,
            connection: Realm::Apple(org.name.clone()),
            token_id: TokenId(service.map(ToString::to_string).unwrap_or_default()),
            object: None,
            name: name.to_owned(),
            platform: None,
            action: Action::Service(action),
            reason,
            class: Class::Safe,
            effect: Effect::default(),
            needs: Vec::new(),
            prove_first: false,
            not_before: None,
            notes: Vec::new(),
            fingerprint: String::new(),
        };
        // What it rests on was read, else it would not be planned.
        let before = before::service::of(&step, org.live).unwrap_or(serde_json::Value::Null);
        step.fingerprint = file::fingerprint(&before);
        step
    }

    /// Says that nothing can be planned for a token's side at Apple, or for devices of it.
    fn block(&mut self, org: &Name, about: Address, cause: Cause, rule: &str, reason: String, next: String) {
        let token = (about.kind == crate::model::Kind::EnrollmentToken).then(|| about.name.clone());
        self.out.blocked.push(Blocked {
            connection: Realm::Apple(org.clone()),
            token,
            address: Some(about),
            cause,
            rule: (!rule.is_empty()).then(|| rule.to_owned()),
            reason,
            next,
        });
    }

    /// Blocks what a token wishes at Apple while an earlier write's answer is lost. True: it is blocked.
    fn blocked_by_lost_answer(&mut self, org: &'a Name, token: &Name) -> bool {
        let Some(opened) = self.orgs.get(org) else { return false };
        let Some(until) = opened.busy.lost_at(&Address::token(token)) else { return false };
        let wait = between(self.input.now, until).as_secs().div_ceil(60);
        let reason = format!(
            "an earlier write at Apple has no answer yet, or its answer was lost; what it did may show up to {} minutes late",
            ACTIVITY_HORIZON.as_secs() / 60
        );
        let next = format!("run it again in {wait} min, after {until}");
        self.block(org, Address::token(token), Cause::LostAnswer, "", reason, next);
        true
    }

    /// The family of a device, as Apple's side tells it; `None` where it does not.
    pub fn family_of(&self, serial: &Serial) -> Option<ProductFamily> {
        self.find(serial).and_then(|(_, device)| device.family)
    }

    /// How many of these devices were added by hand (P-13).
    pub fn added_by_hand<'s>(&self, serials: impl Iterator<Item = &'s Serial>) -> usize {
        let by_hand = |serial: &&Serial| {
            let source = self.find(serial).and_then(|(_, device)| device.source);
            source == Some(crate::model::organisation::PurchaseSource::ManuallyAdded)
        };
        if self.orgs.is_empty() { 0 } else { serials.filter(by_hand).count() }
    }

    /// The organisation that lists a device, and its row; `None` where none does, or more than one.
    fn find(&self, serial: &Serial) -> Option<(&Org<'a>, &'a OrgDevice)> {
        let mut all = self.orgs.values().filter_map(|org| Some((org, org.devices?.find(serial)?)));
        let first = all.next()?;
        all.next().is_none().then_some(first)
    }

    /// What the holder of a token knows of a device: `None` where its list is not known, or does not
    /// show it.
    fn state_at(&self, token: &Name, serial: &Serial) -> Option<EnrollmentState> {
        Some(self.held.get(token)?.find(serial)?.state)
    }

    /// Whether the holder of a token was read: the token itself, and of its profiles and devices what was
    /// asked for. A device that goes where that is not known may find no profile.
    fn is_holder_read(&self, name: &Name) -> bool {
        let Some((tenant, token)) = holder(&self.input, name) else { return false };
        !matches!(tenant.profiles.get(&token.id), Some(Fact::Unknown(_)))
            && !matches!(tenant.devices.get(&token.id), Some(Fact::Unknown(_)))
    }

    /// Whether it is said already why a device does not come.
    pub fn is_held_up(&self, serial: &Serial) -> bool {
        self.held_up.contains(serial)
    }

    /// Adds what the tokens' domains found: `after` names steps at Apple with what has to be there first.
    pub fn finish(mut self, plan: &mut Plan, steps: &mut Vec<Step>, after: &[(String, String)]) {
        let mut needed: HashMap<&str, Vec<&String>> = HashMap::new();
        for (step, needs) in after {
            needed.entry(step).or_default().push(needs);
        }
        for step in &mut self.out.steps {
            step.needs.extend(needed.remove(step.id.as_str()).into_iter().flatten().cloned());
        }
        for (name, document) in &self.input.desired.organisations {
            if self.is_concerned(name) {
                plan.tenants.insert(Realm::Apple(name.clone()), document.client_id.clone());
            }
        }
        steps.extend(self.out.steps);
        plan.blocked.extend(self.out.blocked);
        plan.waiting.extend(self.out.waiting);
        plan.left_alone.extend(self.out.left_alone);
        plan.findings.extend(self.out.findings);
        plan.bookkeeping.extend(self.out.bookkeeping);
    }
}

/// Says that a plan rests on what an earlier run read.
pub(super) fn note_reused(input: &Input<'_>, findings: &mut Vec<Diagnostic>) {
    let reused = input.live.organisations.iter().filter(|(_, live)| live.reused);
    for (name, live) in reused {
        let Some(document) = input.desired.organisations.get(name) else { continue };
        let minutes = between(live.read_at, input.now).as_secs() / 60;
        let message = format!(
            "what Connection/{name} has was read {} ago by an earlier run ({})",
            count(minutes, "minute"),
            live.read_at
        );
        findings.push(
            Diagnostic::new("snapshot-reused", Severity::Note, document.places.document.clone(), message)
                .next("`apply` reads anew, and refuses a saved plan whose devices have changed since; leave `--max-age` out to see them as they are now"),
        );
    }
}

/// The devices whose Activation Lock a plan asks about and nobody has looked at: those that go from one
/// service to another and may have been activated. Ascending. Those that a hand-over moves are not among them:
/// it reads and lifts the lock itself, before its wipe.
pub fn locks_to_ask(input: &Input<'_>) -> Vec<Serial> {
    let apple = Apple::plan(input, |_| false);
    let moved = apple.out.steps.iter().filter_map(|step| match &step.action {
        Action::Service(ServiceAction::Assign { deadline: None, groups, .. }) => Some(groups),
        _ => None,
    });
    let leaving = moved.flatten().filter(|group| group.from.is_some()).flat_map(|group| &group.serials);
    let wanted = |serial: &&Serial| {
        !input.live.locks.contains_key(serial)
            && !apple.handed_over.contains(serial)
            && !apple.never_activated(serial)
    };
    let mut serials: Vec<Serial> = leaving.filter(wanted).copied().collect();
    serials.sort_unstable();
    serials
}

/// The holder of a token and the token there; `None` where it is not known, or not there.
fn holder<'a>(input: &Input<'a>, name: &Name) -> Option<(&'a LiveTenant, &'a LiveToken)> {
    let token = input.desired.tokens.get(name)?;
    let tenant = input.live.tenants.get(&token.realm)?;
    match match_token(name, token, input.ledger, tenant.tokens.known()?) {
        Match::Found { object, by: _ } => Some((tenant, object)),
        _ => None,
    }
}

/// The devices at the holder of a token, where they were read.
fn held_devices<'a>(input: &Input<'a>, name: &Name) -> Option<&'a Devices> {
    let (tenant, token) = holder(input, name)?;
    tenant.devices.get(&token.id)?.known()
}

/// Whether an intent is about an organisation at Apple.
pub(super) fn is_at_apple(desired: &Desired, tenant: &str) -> bool {
    desired.organisations.values().any(|one| one.client_id == tenant)
}

/// The first serials, and how many more.
pub(super) fn some(serials: &[Serial]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<&str> = serials.iter().take(SHOWN).map(Serial::as_str).collect();
    match serials.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
