//! The gates of acts: asked when a plan is made, and of each act once more right before it is sent. PURE.
//!
//! An act is judged by the strictest of three: this folder's gates, those of the last full apply, and those that were
//! applied when it was seen for the first time. Only limits can be overridden.

use std::collections::{BTreeMap, BTreeSet};

use super::approvals::{self, Agreed, Offer};
use super::windows::{self, Verdict};
use super::{InForce, Since, Statement, Stop, exceeded, statements};
use crate::acts::{ActState, Barrier, Rule, Standing};
use crate::diag::words::count;
use crate::ledger::{LIMIT_WINDOW, LedgerView};
use crate::model::clock::Timestamp;
use crate::model::desired::{Desired, Limit, LimitKind, Window};
use crate::model::policy::{Policy, StatedGates};
use crate::model::{ActionKind, Class, Name, Realm, TokenId};
use crate::plan::acts::{Descent, Origin};
use crate::plan::build::{Input, read_lists};
use crate::plan::{Plan, PlannedAct, Step, file};

/// What the service takes of one tenant in a day, over every way to it (intune-graph section 0).
pub const QUOTAS: [(ActionKind, u64); 3] =
    [(ActionKind::Wipe, 500), (ActionKind::Retire, 1_000), (ActionKind::DeleteRecord, 1_000)];

/// The gate of approvals of a plan's steps.
pub const APPROVAL_OF_STEPS: &str = "approval/steps";

/// What a statement about a plan's steps says that it is about.
pub const ABOUT_STEPS: &str = "grave steps of a plan";

/// What the gates say of one act at `input.now`. `still`: the other acts of the plan that are still to be sent: a
/// gate that is exceeded by all of them stops each. `overrides`: names of gates that a person opened for this plan;
/// only limits heed them.
pub fn standing(
    input: &Input<'_>,
    act: &PlannedAct,
    still: &[&PlannedAct],
    overrides: &BTreeSet<String>,
) -> Standing {
    judge(input, &InForce::of(input.desired, input.ledger), act, still, overrides)
}

fn judge(
    input: &Input<'_>,
    in_force: &InForce,
    act: &PlannedAct,
    still: &[&PlannedAct],
    overrides: &BTreeSet<String>,
) -> Standing {
    let mut standing = Standing::of(&act.id, input.now);
    standing.stops.extend(unfit(input.origin));
    let lists = Lists::of(input, act);
    let seen = seen_gates(input, act);
    let statements = of_act(in_force, seen.as_ref(), act, &lists);
    standing.stops.extend(protections(act, is_bound(input, act), &statements, &lists));
    let limit = limit(input, act, &statements, &lists, still);
    standing.stops.extend(limit.filter(|barrier| !overrides.contains(&barrier.gate)));
    standing.stops.extend(quotas(input, act, still));
    let about = act.step_id();
    let Agreed { missing, by } =
        approvals::agreed(&statements, act.class, &offer(input, &act.digest, &about, Some(&act.id.action)));
    (standing.approval, standing.approved_by) = (missing, by);
    standing.window = shut(&statements, act.class, input.now);
    standing
}

/// Why a change window keeps a class from running now, and from when on it may.
fn shut(statements: &[Statement<'_>], class: Class, now: Timestamp) -> Option<(String, Option<Timestamp>)> {
    let all: Vec<&[Window]> =
        statements.iter().flat_map(|one| &one.gates.windows).map(Vec::as_slice).collect();
    match windows::verdict_of_all(&all, class, now) {
        Verdict::Open => None,
        Verdict::Closed { until, why } => Some((why, until)),
    }
}

/// `action`: the act's document; `None` for a plan's steps.
fn offer<'a>(input: &'a Input<'_>, digest: &'a str, about: &'a str, action: Option<&Name>) -> Offer<'a> {
    let Origin { authors, authors_of, unattributed, .. } = input.origin;
    let authors = action.and_then(|action| authors_of.get(action)).unwrap_or(authors);
    let unattributed = unattributed.as_deref();
    Offer {
        ledger: input.ledger.id,
        digest,
        about,
        found: input.offered,
        authors,
        unattributed,
        now: input.now,
    }
}

/// What keeps a folder from sending acts at all, and from cancelling any: its commit, or its state.
pub fn unfit(origin: &Origin) -> Option<Barrier> {
    let barrier = |gate: &str, rule: Rule, reason: String, next: &str| {
        let (gate, next) = (gate.to_owned(), next.to_owned());
        rule.in_force().then_some(Barrier { gate, rule, reason, next })
    };
    if let Some(why) = &origin.invalid {
        let reason = format!("the newest commit is not valid: {why}");
        let found = barrier(
            "invalid",
            Rule::Validity,
            reason,
            "check the newest commit out, in order: `espalier validate`",
        );
        if found.is_some() {
            return found;
        }
    }
    let (reason, next) = match &origin.descent {
        Descent::Outside | Descent::First | Descent::Forward => return None,
        Descent::Older { applied } => (
            format!("this commit is older than {applied}, which was applied last"),
            "check out the newest commit, or apply a descendant of the applied one",
        ),
        Descent::Elsewhere { applied } => (
            format!("this commit does not descend from {applied}, which was applied last"),
            "merge what was applied into this branch",
        ),
        Descent::Unknown { why } => (
            format!("whether this commit descends from the one that was applied last is not known: {why}"),
            "fetch the whole history (in CI: a checkout of full depth), and run it again",
        ),
    };
    barrier("descent", Rule::Descent, reason, next)
}

/// The gates that were applied when the act was seen for the first time.
fn seen_gates(input: &Input<'_>, act: &PlannedAct) -> Option<StatedGates> {
    let row = input.ledger.acts.action(&act.id.action)?.gates?;
    let (fleet, policies) = input.ledger.gates_of_acts.get(&row)?;
    Some(StatedGates { fleet: fleet.clone(), policies: policies.clone() })
}

/// How many persons have to agree to an act before it is sent, as far as documents and ledger tell: nobody says here
/// which service has the device, so that the policy of a connection counts only where it is the only one. 0: none.
pub fn approvals_needed(desired: &Desired, ledger: &LedgerView, action: &Name, class: Class) -> u32 {
    if !Rule::Approval.in_force() {
        return 0;
    }
    let mut all = vec![StatedGates::of(desired)];
    all.extend(ledger.gates.clone().map(|fleet| StatedGates { fleet, policies: ledger.policies.clone() }));
    let seen = ledger.acts.action(action).and_then(|bound| ledger.gates_of_acts.get(&bound.gates?));
    all.extend(
        seen.map(|(fleet, policies)| StatedGates { fleet: fleet.clone(), policies: policies.clone() }),
    );
    let only = match desired.connections.iter().collect::<Vec<_>>().as_slice() {
        [(name, connection)] => Some((*name, connection.tenant_id.as_str())),
        _ => None,
    };
    let holds = |policy: &&Policy| only.is_some_and(|(name, tenant)| policy.is_about(name, [tenant]));
    let demands = all.iter().flat_map(|one| {
        std::iter::once(&one.fleet).chain(one.policies.iter().filter(holds).map(|policy| &policy.gates))
    });
    let demands = demands.filter_map(|gates| gates.approvals.as_ref());
    demands.filter(|one| one.classes.contains(&class)).map(|one| one.count.max(1)).max().unwrap_or(0)
}

/// Every statement that is about an act.
fn of_act<'a>(
    in_force: &'a InForce,
    seen: Option<&'a StatedGates>,
    act: &'a PlannedAct,
    lists: &Lists<'_>,
) -> Vec<Statement<'a>> {
    let nobody;
    let connection = match &act.connection {
        Some(connection) => connection,
        // The Fleet's hold for what nobody has.
        None => {
            nobody = Realm::Direct(act.id.action.clone());
            &nobody
        }
    };
    let mut tenants: BTreeSet<&str> = act.tenant.as_deref().into_iter().collect();
    tenants.extend(in_force.tenants.get(connection).map(String::as_str));
    for (_, token) in &lists.here {
        tenants.extend(in_force.known_under.get(*token).into_iter().flatten().map(String::as_str));
    }
    let tenants: Vec<&str> = tenants.into_iter().collect();
    let all = [
        (Since::Now, Some(&in_force.stated)),
        (Since::Applied, in_force.applied.as_ref()),
        (Since::Seen, seen),
    ];
    let holds = |since: Since| since == Since::Now || Rule::Gates.in_force();
    all.into_iter()
        .filter(|(since, _)| holds(*since))
        .filter_map(|(since, stated)| Some(statements(since, stated?, connection, &tenants)))
        .flatten()
        .collect()
}

/// The tokens whose lists show a device.
struct Lists<'a> {
    here: Vec<(&'a Name, &'a TokenId)>,
    /// Every name under which one of them is known.
    names: BTreeSet<Name>,
    /// The names of all tokens that were read.
    read: BTreeSet<Name>,
    /// How many devices the act's own token lists; the tenant's records where no token does.
    devices: u64,
}

impl<'a> Lists<'a> {
    fn of(input: &Input<'a>, act: &PlannedAct) -> Self {
        let known = input.ledger.token_names();
        let mut lists = Self { here: Vec::new(), names: BTreeSet::new(), read: BTreeSet::new(), devices: 0 };
        for (name, _, id, devices) in read_lists(input) {
            let names: Vec<Name> =
                std::iter::once(name).chain(known.get(id).into_iter().flatten()).cloned().collect();
            lists.read.extend(names.iter().cloned());
            let is_here = devices.find(&act.id.serial).is_some_and(|device| !device.released);
            if is_here {
                lists.here.push((name, id));
                lists.names.extend(names);
            }
            if act.token.as_ref() == Some(name) {
                lists.devices = devices.not_released() as u64;
            }
        }
        if act.token.is_none() {
            let records = act.connection.as_ref().and_then(|realm| input.live.records.get(realm)?.known());
            lists.devices = records.map_or(0, |records| records.all().iter().len() as u64);
        }
        lists
    }
}

/// Protected serials and tokens: nothing disruptive or graver is done to them, and no override opens that.
fn protections(
    act: &PlannedAct,
    is_bound: bool,
    statements: &[Statement<'_>],
    lists: &Lists<'_>,
) -> Vec<Barrier> {
    if act.class < Class::Disruptive {
        return Vec::new();
    }
    let barrier = |gate: String, Protected { reason, place, since_seen }: Protected| {
        let way = match (since_seen, is_bound) {
            // What was protected when the act was seen first is protected from it for good.
            (true, _) => format!("take it out of {place}, apply that, and ask under a new name"),
            (false, true) => format!("take it out of {place} and apply that"),
            (false, false) => format!("take it out of {place} and apply that before this document is there"),
        };
        let next = format!("{way}; no override opens this for an act");
        Barrier { gate, rule: Rule::Protection, reason, next }
    };
    let mut all: BTreeMap<String, Protected> = BTreeMap::new();
    let mut enter = |gate: String, reason: String, place: String, one: &Statement<'_>| {
        let since_seen = one.since == Since::Seen;
        let known = all.entry(gate).or_insert(Protected { reason, place, since_seen });
        known.since_seen |= since_seen;
    };
    for one in statements {
        if one.gates.protected_serials.binary_search(&act.id.serial).is_ok() {
            let (serial, source) = (act.id.serial, one.source("protected"));
            let reason = format!("{serial} is protected by {source}");
            enter(format!("protected/serial/{serial}"), reason, one.place("protected"), one);
        }
        for token in &one.gates.protected_tokens {
            let source = one.source("protected.tokens");
            let reason = if lists.names.contains(token) {
                format!("{token}, which has the device, is protected by {source}")
            } else if lists.here.is_empty() && !lists.read.contains(token) {
                format!(
                    "whether the device is on {token}, which is protected by {source}, is not known: no list of it was read"
                )
            } else {
                continue;
            };
            enter(format!("protected/token/{token}"), reason, one.place("protected.tokens"), one);
        }
    }
    all.into_iter().map(|(gate, protected)| barrier(gate, protected)).collect()
}

/// That something is protected.
struct Protected {
    reason: String,
    /// Where documents say so.
    place: String,
    /// It was so when the act was seen first.
    since_seen: bool,
}

/// For what a limit counts: the token, or where none lists the device the connection.
fn domain(act: &PlannedAct) -> String {
    let connection = || act.connection.as_ref().map(ToString::to_string);
    act.token.as_ref().map(ToString::to_string).or_else(connection).unwrap_or_else(|| "unknown".to_owned())
}

/// Whether it is the beginning of an act: of a hand-over the later requests were counted with the first.
fn begins(act: &PlannedAct) -> bool {
    !matches!(act.state, ActState::Sent | ActState::Acknowledged)
}

/// Whether a run has seen it: the gates that were applied then hold for it for good.
fn is_bound(input: &Input<'_>, act: &PlannedAct) -> bool {
    input.ledger.acts.act(&act.id).is_some()
}

fn limit(
    input: &Input<'_>,
    act: &PlannedAct,
    statements: &[Statement<'_>],
    lists: &Lists<'_>,
    still: &[&PlannedAct],
) -> Option<Barrier> {
    if !begins(act) {
        return None;
    }
    let kind = LimitKind::Act(act.kind);
    let limits: Vec<(&Statement<'_>, Limit)> =
        statements.iter().filter_map(|one| Some((one, *one.gates.limits.get(&kind)?))).collect();
    let same = |other: &&&PlannedAct| {
        other.kind == act.kind && other.id != act.id && begins(other) && domain(other) == domain(act)
    };
    let planned = 1 + still.iter().filter(same).count() as u64;
    let lately = if act.class >= Class::Destructive { lately(input, act, lists) } else { 0 };
    let exceeded = exceeded(&limits, planned + lately, lists.devices, "device")?;
    let (word, domain) = (act.kind.word(), domain(act));
    let source = exceeded.by.source("limits");
    let place = exceeded.by.place(&format!("limits.{word}"));
    let before = match lately {
        0 => String::new(),
        lately => format!(", {lately} of them already sent within the last 24 hours"),
    };
    Some(Barrier {
        gate: format!("limit/{word}/{domain}"),
        rule: Rule::Limit,
        reason: format!("{word} on {domain}: {} by {source}{before}", exceeded.words),
        next: {
            // A limit that was in force when an act was seen first holds for it for good.
            let raise = match is_bound(input, act) {
                true => format!("ask under a new name once a raised {place} was applied"),
                false => format!("apply a raised {place} before this document is there"),
            };
            let fewer = (planned > 1).then_some("take devices out of its document");
            let later = (lately > 0).then_some("wait until fewer were sent within 24 hours");
            let ways: Vec<&str> = fewer.into_iter().chain(later).chain([raise.as_str()]).collect();
            let ways = ways.join(", ");
            format!("{ways}, or allow this one plan with `--override limit/{word}/{domain}=DIGEST`")
        },
    })
}

/// What the ledger sent of this kind, for the same token, within 24 hours.
fn lately(input: &Input<'_>, act: &PlannedAct, lists: &Lists<'_>) -> u64 {
    let since = ago(input.now);
    let counts = input.ledger.acts.promised_since(since).filter(|(id, kind, promise)| {
        let same_domain = match (&act.token, &promise.token) {
            (Some(ours), Some(theirs)) => ours == theirs || lists.names.contains(theirs),
            // Nobody knew, or nobody knows, which token it was: it counts at its tenant.
            _ => act.tenant.as_deref().is_some_and(|ours| ours.eq_ignore_ascii_case(&promise.tenant)),
        };
        *kind == act.kind && **id != act.id && same_domain
    });
    counts.count() as u64
}

fn ago(now: Timestamp) -> Timestamp {
    jiff::SignedDuration::try_from(LIMIT_WINDOW)
        .ok()
        .and_then(|window| now.checked_sub(window).ok())
        .unwrap_or(Timestamp::MIN)
}

/// The service's own quotas, summed over everything that the ledger sent to the tenant.
fn quotas(input: &Input<'_>, act: &PlannedAct, still: &[&PlannedAct]) -> Vec<Barrier> {
    let Some(tenant) = act.tenant.as_deref() else { return Vec::new() };
    let does = |kind: ActionKind, quota: ActionKind| {
        kind == quota
            || (kind == ActionKind::HandOver && matches!(quota, ActionKind::Wipe | ActionKind::DeleteRecord))
    };
    let same_tenant = |other: &PlannedAct| {
        other.tenant.as_deref().is_some_and(|theirs| theirs.eq_ignore_ascii_case(tenant))
    };
    let mut all = Vec::new();
    for (quota, most) in QUOTAS.into_iter().filter(|(quota, _)| does(act.kind, *quota)) {
        let planned =
            still.iter().filter(|one| one.id != act.id && does(one.kind, quota) && same_tenant(one));
        let planned = 1 + planned.count() as u64;
        let sent = input.ledger.acts.requests_since(tenant, ago(input.now));
        let sent = sent.filter(|(id, kind, _)| *kind == quota && **id != act.id).count() as u64;
        if planned + sent > most {
            let connection = act.connection.as_ref().map(ToString::to_string).unwrap_or_default();
            all.push(Barrier {
                gate: format!("quota/{quota}/{connection}"),
                rule: Rule::Limit,
                reason: format!(
                    "{quota} at {connection}: {}, {sent} of them already sent within the last 24 hours; the service takes {most} of a tenant in a day",
                    count(usize::try_from(planned + sent).unwrap_or(usize::MAX), "device")
                ),
                next: "do it in smaller parts, a day apart; no override raises what the service takes".to_owned(),
            });
        }
    }
    all
}

/// Asks the gates of all acts that would be sent, and those of approval of the steps.
pub(crate) fn evaluate(input: &Input<'_>, in_force: &InForce, plan: &mut Plan) {
    let nobody = BTreeSet::new();
    let sent: Vec<&PlannedAct> = plan.acts.iter().filter(|act| act.is_sent()).collect();
    let mut stops: BTreeMap<String, Stop> = BTreeMap::new();
    let mut needs_approval = BTreeSet::new();
    for act in &sent {
        let standing = judge(input, in_force, act, &sent, &nobody);
        let mut enter = |gate: String, reason: String, next: String| {
            let entry = stops.entry(gate.clone());
            let stop = entry.or_insert_with(|| Stop { gate, reason, next, steps: Vec::new() });
            stop.steps.push(act.step_id());
        };
        for Barrier { gate, rule, reason, next } in standing.stops {
            if rule.in_force() {
                enter(gate, reason, next);
            }
        }
        if let Some(missing) = standing.approval.filter(|_| Rule::Approval.in_force()) {
            let gate = format!("approval/act/{}/{}", act.id.action, act.id.serial);
            let next = format!(
                "`espalier action approve {} {}`; no override stands for a person",
                act.id.action, act.id.serial
            );
            enter(gate, missing, next);
            needs_approval.insert(act.id.clone());
        }
        if let Some((why, until)) = standing.window.filter(|_| Rule::Window.in_force()) {
            let next = match until {
                Some(at) => format!("the first run from {at} on sends what nothing else stops"),
                None => "no such window opens within eight years: correct `windows`".to_owned(),
            };
            enter(format!("window/{}", act.class), why, next);
        }
    }
    for act in plan.acts.iter_mut().filter(|act| needs_approval.contains(&act.id)) {
        if act.state == ActState::Waiting {
            act.state = ActState::NeedsApproval;
        }
    }
    plan.stops.extend(stops.into_values());
    let stop = approval_of_steps(input, in_force, plan);
    plan.stops.extend(stop);
    let shut = windows_of_steps(input, in_force, plan);
    plan.stops.extend(shut);
}

/// The change windows of the steps, by class.
fn windows_of_steps(input: &Input<'_>, in_force: &InForce, plan: &Plan) -> Vec<Stop> {
    let mut stops: BTreeMap<(Class, String), Stop> = BTreeMap::new();
    for step in plan.steps.iter().filter(|_| Rule::Window.in_force()) {
        let statements = in_force.about(&step.connection, &step.token_id);
        let Some((why, until)) = shut(&statements, step.class, input.now) else { continue };
        let stop = stops.entry((step.class, why.clone())).or_insert_with(|| {
            let until = until.map_or_else(|| "the window opens".to_owned(), |at| at.to_string());
            Stop {
                gate: format!("window/{}", step.class),
                reason: why,
                next: format!("apply it after {until}; no override opens a window"),
                steps: Vec::new(),
            }
        });
        stop.steps.push(step.id.clone());
    }
    stops.into_values().collect()
}

/// The gate of the grave steps: approvals over their digest.
fn approval_of_steps(input: &Input<'_>, in_force: &InForce, plan: &Plan) -> Option<Stop> {
    let wants =
        |step: &&Step| approvals::wanted(&in_force.about(&step.connection, &step.token_id), step.class);
    let covered: Vec<&Step> = plan.steps.iter().filter(wants).collect();
    if covered.is_empty() || !Rule::Approval.in_force() {
        return None;
    }
    let digest = digest_of(plan, &covered);
    // Every statement about any of them has to be satisfied.
    let missing = covered.iter().find_map(|step| {
        let statements = in_force.about(&step.connection, &step.token_id);
        approvals::agreed(&statements, step.class, &offer(input, &digest, ABOUT_STEPS, None)).missing
    })?;
    Some(Stop {
        gate: APPROVAL_OF_STEPS.to_owned(),
        reason: missing,
        next: "have them signed: `espalier plan -o plan.json`, then `espalier action approve --plan plan.json`; no override stands for a person".to_owned(),
        steps: covered.iter().map(|step| step.id.clone()).collect(),
    })
}

fn digest_of(plan: &Plan, steps: &[&Step]) -> String {
    let steps: Vec<Step> = steps.iter().map(|step| (*step).clone()).collect();
    file::digest(plan.ledger, &plan.scope, &plan.tenants, &steps, &[])
}

/// What is signed for the gate [`APPROVAL_OF_STEPS`]: the steps that it stops, else those of class destructive and
/// graver; `None` where there are none.
pub fn destructive_digest(plan: &Plan) -> Option<String> {
    let stop = plan.stops.iter().find(|stop| stop.gate == APPROVAL_OF_STEPS);
    let is_covered = |step: &&Step| match stop {
        Some(stop) => stop.steps.contains(&step.id),
        None => step.class >= Class::Destructive,
    };
    let covered: Vec<&Step> = plan.steps.iter().filter(is_covered).collect();
    (!covered.is_empty()).then(|| digest_of(plan, &covered))
}
