//! Gates: what stops `apply`, never `plan` (design section 4).
//!
//! A gate that is exceeded stops all steps that it covers; the rest goes on. An override names one
//! gate and the plan's digest; there is no flag that opens all of them.

pub mod acts;
mod approvals;
pub mod services;
pub mod windows;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Action, Class, Relation, Step};
use crate::diag::words;
use crate::ledger::LedgerView;
use crate::model::desired::{Desired, Gates, Limit, LimitKind};
use crate::model::live::{Devices, EnrollmentState};
use crate::model::policy::{Policy, StatedGates};
use crate::model::{Name, ProfileId, Realm, Serial, TokenId};

/// The gates in force: those of the documents and those of the last commit that was applied in
/// full, each for the fleet and for its tenants. The stricter of all that are about a token holds.
#[derive(Clone, Debug)]
pub struct InForce {
    stated: StatedGates,
    applied: Option<StatedGates>,
    /// The tenant of each connection, as its document spells it.
    tenants: BTreeMap<Realm, String>,
    /// The tenants under which the ledger knows a token, as they were spelled then: a policy follows
    /// its tenant when a commit spells that otherwise.
    known_under: BTreeMap<TokenId, BTreeSet<String>>,
}

/// One statement of gates that is in force for a token.
#[derive(Clone, Copy, Debug)]
struct Statement<'a> {
    /// The connection whose policy it is; `None` for the Fleet's.
    policy: Option<&'a Name>,
    since: Since,
    gates: &'a Gates,
}

/// When a statement of gates was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    /// By the documents of this folder.
    Now,
    /// By those of the last full apply.
    Applied,
    /// By those that were applied when an act was seen for the first time.
    Seen,
}

impl Statement<'_> {
    /// The place in a document that says it, whenever that was read.
    fn place(&self, part: &str) -> String {
        match self.policy {
            None => format!("Fleet.{part}"),
            Some(connection) => format!("Connection/{connection} policy.{part}"),
        }
    }

    /// Where it stands: `part` is `limits` or `protected`, or something below.
    fn source(&self, part: &str) -> String {
        let whose = self.place(part);
        match self.since {
            Since::Now => whose,
            Since::Applied => format!("{whose} as last applied in full"),
            Since::Seen => format!("{whose} as it was applied when the act was seen first"),
        }
    }
}

impl InForce {
    /// The gates of a folder over a ledger.
    pub fn of(desired: &Desired, ledger: &LedgerView) -> Self {
        let mut known_under: BTreeMap<TokenId, BTreeSet<String>> = BTreeMap::new();
        for owned in ledger.owned.values() {
            known_under.entry(owned.token_id.clone()).or_default().insert(owned.tenant.clone());
        }
        for known in ledger.apple.services.values() {
            let service = TokenId(known.id.to_string());
            known_under.entry(service).or_default().insert(known.tenant.clone());
        }
        let tenants = desired.connections.iter();
        let organisations = desired.organisations.iter();
        Self {
            stated: StatedGates::of(desired),
            applied: ledger
                .gates
                .clone()
                .map(|fleet| StatedGates { fleet, policies: ledger.policies.clone() }),
            tenants: tenants
                .map(|(name, connection)| (Realm::Mdm(name.clone()), connection.tenant_id.clone()))
                .chain(organisations.map(|(name, one)| (Realm::Apple(name.clone()), one.client_id.clone())))
                .collect(),
            known_under,
        }
    }

    /// All gates, the stricter of both times: what holds where this folder's may not be recorded.
    pub fn merged(&self) -> StatedGates {
        match &self.applied {
            Some(applied) => self.stated.stricter(applied),
            None => self.stated.clone(),
        }
    }

    fn about(&self, connection: &Realm, token: &TokenId) -> Vec<Statement<'_>> {
        let tenants: Vec<&str> = self
            .tenants
            .get(connection)
            .into_iter()
            .chain(self.known_under.get(token).into_iter().flatten())
            .map(String::as_str)
            .collect();
        let both = [(Since::Now, Some(&self.stated)), (Since::Applied, self.applied.as_ref())];
        let mut all = Vec::new();
        for (since, stated) in both.into_iter().filter_map(|(since, stated)| Some((since, stated?))) {
            all.extend(statements(since, stated, connection, &tenants));
        }
        all
    }

    /// The serials that are protected on a token.
    pub fn protected_serials(&self, connection: &Realm, token: &TokenId) -> Cow<'_, [Serial]> {
        let mut lists: Vec<&[Serial]> = self
            .about(connection, token)
            .into_iter()
            .map(|statement| statement.gates.protected_serials.as_slice())
            .filter(|serials| !serials.is_empty())
            .collect();
        lists.dedup();
        match lists.as_slice() {
            [] => Cow::Borrowed(&[]),
            [only] => Cow::Borrowed(only),
            several => {
                let all: BTreeSet<Serial> = several.iter().copied().flatten().copied().collect();
                Cow::Owned(all.into_iter().collect())
            }
        }
    }
}

/// What one source states about a service.
fn statements<'a>(
    since: Since,
    stated: &'a StatedGates,
    connection: &Realm,
    tenants: &[&str],
) -> Vec<Statement<'a>> {
    let mut all = vec![Statement { policy: None, since, gates: &stated.fleet }];
    let is_about = |policy: &&Policy| {
        // A direct token has no Connection that could narrow the Fleet.
        connection
            .connection()
            .or(connection.organisation())
            .is_some_and(|name| policy.is_about(name, tenants.iter().copied()))
    };
    all.extend(stated.policies.iter().filter(is_about).map(|policy| Statement {
        policy: Some(&policy.connection),
        since,
        gates: &policy.gates,
    }));
    all
}

/// An exceeded gate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Stop {
    /// The gate's name, for an override: `limit/update/school`, `protected/token/school`,
    /// `protected/serial/C02XYZ`, `rollout/kiosk`, `no-ledger`.
    pub gate: String,
    /// What was counted, what is allowed and who says so, in words.
    pub reason: String,
    /// What to do next.
    pub next: String,
    /// The steps that it covers.
    pub steps: Vec<String>,
}

impl Stop {
    /// Whether an override may open it: limits, protections of steps and rollouts. No override stands for a person
    /// who has to agree, for a window, for what the service takes in a day, or for an old commit; and acts heed
    /// overrides of limits alone, whatever is opened here.
    pub fn may_be_overridden(&self) -> bool {
        const SHUT: [&str; 6] = ["approval/", "window/", "quota/", "descent", "invalid", "no-ledger"];
        !SHUT.iter().any(|shut| self.gate.starts_with(shut))
    }
}

/// What the gates count against, per token: live objects, never wishes.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// The token's document. What is deleted under it may still carry the address of a former one.
    pub name: Option<Name>,
    /// Profiles under the token that are of a kind to be managed.
    pub profiles: u64,
    /// Devices of the token.
    pub devices: u64,
    /// What was destroyed in the last 24 hours, from the ledger.
    pub deleted_lately: Lately,
    /// Enrolled protected serials of the token, by the profile that they have.
    pub protected_holders: BTreeMap<ProfileId, Vec<Serial>>,
    /// All names under which the ledger knows the token: a protection follows it when its document
    /// is renamed.
    pub known_as: BTreeSet<Name>,
}

/// What was destroyed under a token in the last 24 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lately {
    /// Objects that were deleted.
    pub deleted: u64,
    /// Devices that a profile was taken off.
    pub unassigned: u64,
}

impl Lately {
    /// What counts for a limit besides the steps of the plan: objects, devices, and in words.
    fn counts_for(self, kind: LimitKind) -> (u64, u64, String) {
        let within = "within the last 24 hours";
        match kind {
            LimitKind::Delete if self.deleted > 0 => {
                (self.deleted, 0, format!(", {} of them already deleted {within}", self.deleted))
            }
            LimitKind::Unassign if self.unassigned > 0 => {
                (0, self.unassigned, format!(", {} of them already {within}", self.unassigned))
            }
            _ => (0, 0, String::new()),
        }
    }
}

/// What was destroyed in the last 24 hours, by the name of its token.
#[derive(Clone, Debug, Default)]
pub struct Destroyed<'a>(BTreeMap<&'a Name, Lately>);

impl<'a> Destroyed<'a> {
    /// Counts what the ledger remembers.
    pub fn of(ledger: &'a LedgerView) -> Self {
        let mut by_name = BTreeMap::<_, Lately>::new();
        for (_, token, kind, count) in &ledger.destroyed {
            let lately = by_name.entry(token).or_default();
            match kind {
                LimitKind::Delete => lately.deleted += count,
                LimitKind::Unassign => lately.unassigned += count,
                LimitKind::Create
                | LimitKind::Update
                | LimitKind::Assign
                | LimitKind::Reassign
                // Acts have their own history in the ledger.
                | LimitKind::Act(_) => {}
            }
        }
        Self(by_name)
    }

    /// What was destroyed under a token, under any of its names.
    pub fn under(&self, name: &Name, known_as: &BTreeSet<Name>) -> Lately {
        let former = known_as.iter().filter(|former| *former != name);
        let counts = std::iter::once(name).chain(former).filter_map(|name| self.0.get(name));
        counts.fold(Lately::default(), |sum, one| Lately {
            deleted: sum.deleted + one.deleted,
            unassigned: sum.unassigned + one.unassigned,
        })
    }
}

/// The protected serials that are enrolled, by the profile that they have.
pub fn protected_holders(serials: &[Serial], devices: &Devices) -> BTreeMap<ProfileId, Vec<Serial>> {
    let mut holders: BTreeMap<ProfileId, Vec<Serial>> = BTreeMap::new();
    for serial in serials {
        let Some(device) = devices.find(serial) else { continue };
        let Some(profile) = devices.profile_of(device) else { continue };
        if device.state == EnrollmentState::Enrolled {
            holders.entry(profile.clone()).or_default().push(*serial);
        }
    }
    holders
}

/// How the names of gates begin that hold a rollout back.
pub const ROLLOUT: &str = "rollout/";

/// From how many live objects on a percentage is looked at.
const PERCENT_FROM: u64 = 10;

/// Evaluates all gates. `census` has an entry for every token with a step.
pub fn evaluate(
    steps: &[Step],
    in_force: &InForce,
    census: &BTreeMap<TokenId, Census>,
    with_ledger: bool,
) -> Vec<Stop> {
    let mut stops = Vec::new();
    let nothing = Census::default();
    let mut by_token: BTreeMap<&TokenId, Vec<&Step>> = BTreeMap::new();
    let (at_apple, at_holders): (Vec<&Step>, Vec<&Step>) =
        steps.iter().partition(|step| step.connection.organisation().is_some());
    for step in at_holders {
        by_token.entry(&step.token_id).or_default().push(step);
    }
    let mut tokens: Vec<(&Name, &Census, Vec<&Step>)> = by_token
        .into_iter()
        .map(|(id, here)| {
            let census = census.get(id).unwrap_or(&nothing);
            (census.name.as_ref().unwrap_or(here[0].address.domain()), census, here)
        })
        .collect();
    tokens.sort_by_key(|(token, ..)| *token);
    for (token, census, here) in tokens {
        let gates = in_force.about(&here[0].connection, &here[0].token_id);
        let kinds: BTreeSet<LimitKind> =
            gates.iter().flat_map(|statement| statement.gates.limits.keys().copied()).collect();
        for kind in kinds {
            stops.extend(limit_stop(kind, &gates, token, &here, census));
        }
        stops.extend(protected_token_stop(token, &gates, &here, census));
        stops.extend(protected_serial_stops(&here, &gates, census));
    }
    stops.extend(services::evaluate(&at_apple, in_force, census));
    if !with_ledger {
        stops.extend(no_ledger_stop(steps));
    }
    stops
}

/// What a step counts as: its kind, in objects and in devices that feel it.
fn weight(step: &Step, kind: LimitKind) -> Option<(u64, u64)> {
    match (&step.action, kind) {
        (Action::CreateProfile { .. } | Action::Define { replaces: None, .. }, LimitKind::Create) => {
            Some((1, 0))
        }
        (Action::Define { replaces: Some(_), .. }, LimitKind::Update) => Some((1, step.effect.feel)),
        (Action::Unassign { serials }, LimitKind::Unassign) => Some((0, serials.len() as u64)),
        (Action::UpdateProfile { .. } | Action::UpdateToken { .. }, LimitKind::Update) => {
            Some((1, step.effect.feel))
        }
        (Action::DeleteProfile | Action::DeleteToken, LimitKind::Delete) => Some((1, 0)),
        (Action::Assign { groups, .. }, LimitKind::Assign | LimitKind::Reassign) => {
            let wants_former = kind == LimitKind::Reassign;
            // Who follows a document's own change is no reassignment: its update counts.
            let count: usize = groups
                .iter()
                .filter(|group| group.relation != Relation::Earlier && group.from.is_some() == wants_former)
                .map(|group| group.serials.len())
                .sum();
            (count > 0).then_some((0, count as u64))
        }
        _ => None,
    }
}

fn limit_stop(
    kind: LimitKind,
    gates: &[Statement<'_>],
    token: &Name,
    steps: &[&Step],
    census: &Census,
) -> Option<Stop> {
    let covered: Vec<(&Step, (u64, u64))> =
        steps.iter().filter_map(|step| Some((*step, weight(step, kind)?))).collect();
    if covered.is_empty() {
        return None;
    }
    let is_token = |(step, _): &(&Step, (u64, u64))| step.address.token.is_none();
    let objects_are = if covered.iter().any(is_token) { "object" } else { "profile" };
    limit_stop_of(kind, gates, token.as_str(), objects_are, covered, census)
}

/// The gate of a kind of step that is exceeded by what is covered; `token` is its name for people and for
/// an override.
fn limit_stop_of(
    kind: LimitKind,
    gates: &[Statement<'_>],
    token: &str,
    objects_are: &str,
    covered: Vec<(&Step, (u64, u64))>,
    census: &Census,
) -> Option<Stop> {
    let (objects_lately, devices_lately, lately) = census.deleted_lately.counts_for(kind);
    let objects: u64 = covered.iter().map(|(_, (objects, _))| objects).sum::<u64>() + objects_lately;
    let devices: u64 = covered.iter().map(|(_, (_, devices))| devices).sum::<u64>() + devices_lately;
    let limits: Vec<(&Statement<'_>, Limit)> =
        gates.iter().filter_map(|one| Some((one, *one.gates.limits.get(&kind)?))).collect();
    let exceeded = exceeded(&limits, objects, census.profiles, objects_are)
        .or_else(|| exceeded(&limits, devices, census.devices, "device"))?;
    let word = kind.word();
    let source = exceeded.by.source("limits");
    let raise = exceeded.by.source(&format!("limits.{word}"));
    Some(Stop {
        gate: format!("limit/{word}/{token}"),
        reason: format!("{word} on {token}: {} by {source}{lately}", exceeded.words),
        next: format!(
            "apply in smaller parts, raise {raise} in a commit of its own, or allow this one plan with `--override limit/{word}/{token}=DIGEST`"
        ),
        steps: covered.iter().map(|(step, _)| step.id.clone()).collect(),
    })
}

/// A figure that is exceeded, and who states it.
struct Exceeded<'a> {
    words: String,
    by: &'a Statement<'a>,
}

/// The strictest number, else the strictest percentage, that `count` exceeds.
fn exceeded<'a>(
    limits: &[(&'a Statement<'a>, Limit)],
    count: u64,
    base: u64,
    what: &str,
) -> Option<Exceeded<'a>> {
    let numbers = limits.iter().filter_map(|(by, limit)| Some((*by, limit.count?)));
    // Of equal ones the first: the documents' own before what was applied earlier.
    if let Some((by, most)) = numbers.min_by_key(|(_, most)| *most).filter(|(_, most)| count > *most) {
        let words = format!("{}, at most {most} allowed", words::count(count, what));
        return Some(Exceeded { words, by });
    }
    let shares = limits.iter().filter_map(|(by, limit)| Some((*by, limit.percent?)));
    let (by, percent) = shares.min_by_key(|(_, percent)| *percent)?;
    let too_many = base >= PERCENT_FROM && count * 100 > base * u64::from(percent);
    too_many.then(|| Exceeded {
        words: format!("{count} of {}, at most {percent} % allowed", words::count(base, what)),
        by,
    })
}

fn protected_token_stop(
    token: &Name,
    gates: &[Statement<'_>],
    steps: &[&Step],
    census: &Census,
) -> Option<Stop> {
    let protects = |one: &&Statement<'_>| {
        let is_protected = |name: &Name| one.gates.protected_tokens.contains(name);
        is_protected(token) || census.known_as.iter().any(is_protected)
    };
    let source = gates.iter().find(protects)?.source("protected.tokens");
    let covered: Vec<String> =
        steps.iter().filter(|step| step.class >= Class::Disruptive).map(|step| step.id.clone()).collect();
    (!covered.is_empty()).then(|| Stop {
        gate: format!("protected/token/{token}"),
        reason: format!("{token} is protected by {source}: nothing disruptive or graver is done to it"),
        next: format!(
            "take it out of {source} in a commit of its own, or allow this one plan with `--override protected/token/{token}=DIGEST`"
        ),
        steps: covered,
    })
}

fn protected_serial_stops(steps: &[&Step], gates: &[Statement<'_>], census: &Census) -> Vec<Stop> {
    let mut by_serial: BTreeMap<Serial, Vec<String>> = BTreeMap::new();
    for step in steps.iter().filter(|step| step.class >= Class::Disruptive && step.effect.feel > 0) {
        let holders = step.object.as_ref().and_then(|profile| census.protected_holders.get(profile));
        for serial in holders.into_iter().flatten() {
            by_serial.entry(*serial).or_default().push(step.id.clone());
        }
    }
    for step in steps {
        let Action::Unassign { serials } = &step.action else { continue };
        // Without a profile it cannot enroll any more, whether it is enrolled now or not.
        let taken = gates.iter().flat_map(|one| &one.gates.protected_serials);
        for serial in taken.filter(|serial| serials.binary_search(serial).is_ok()).collect::<BTreeSet<_>>() {
            by_serial.entry(*serial).or_default().push(step.id.clone());
        }
    }
    by_serial
        .into_iter()
        .map(|(serial, steps)| {
            let source = gates
                .iter()
                .find(|one| one.gates.protected_serials.binary_search(&serial).is_ok())
                .map(|one| format!(" ({})", one.source("protected")))
                .unwrap_or_default();
            Stop {
                gate: format!("protected/serial/{serial}"),
                reason: format!("the protected device {serial} would feel it{source}"),
                next: format!(
                    "give that device another profile first, or allow this one plan with `--override protected/serial/{serial}=DIGEST`"
                ),
                steps,
            }
        })
        .collect()
}

fn no_ledger_stop(steps: &[Step]) -> Option<Stop> {
    // Apple lists no profiles: one whose id nobody remembers is lost, and every run would define it anew.
    let is_covered = |step: &&Step| step.class > Class::Safe || matches!(step.action, Action::Define { .. });
    let covered: Vec<String> = steps.iter().filter(is_covered).map(|step| step.id.clone()).collect();
    let defines = steps.iter().any(|step| matches!(step.action, Action::Define { .. }));
    let remembered = if defines { ", and no profile is defined whose id nobody would remember" } else { "" };
    (!covered.is_empty()).then(|| Stop {
        gate: "no-ledger".to_owned(),
        reason: format!("without a ledger only safe steps are done, and nothing is deleted{remembered}"),
        next: "run `espalier ledger create` and apply without --no-ledger".to_owned(),
        steps: covered,
    })
}
