//! Builds a plan out of wishes, live facts and the ledger's memory. PURE.
//!
//! One `Domain` per token document: a fault stays in it. What goes over several tokens
//! (where a serial is, which token takes a profile first) is decided here.

pub mod acts;
pub mod apple;
mod assign;
mod direct;
mod domain;
mod forecast;
mod judging;
mod known;
mod profile;
mod removal;
mod rollout;
mod serials;
mod vpp;
mod waiting;
mod whole;
mod write_only;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Blocked, Origin, Plan, gates, order};
use crate::approval;
use crate::diag::{Diagnostic, Diagnostics, Severity};
use crate::diff::identity::{self, By, Claim, Match};
use crate::ledger::LedgerView;
use crate::model::clock::{Timestamp, after};
use crate::model::desired::{Desired, State, Token};
use crate::model::live::{Cause, Complete, Devices, Fact, Live, LiveTenant, LiveToken};
use crate::model::{Address, Name, Realm, Scope, TokenId};
use crate::rules;
use apple::Apple;
use whole::Whole;

/// A write whose answer was lost is unknown for this long, because Graph shows writes late (design
/// section 3).
pub const HORIZON: Duration = Duration::from_secs(120);

/// A sync by hand is allowed at most once in this time (S-2).
pub const SYNC_EVERY: Duration = Duration::from_secs(15 * 60);

/// Apple hands over about this many devices a minute (S-7).
pub const DEVICES_PER_MINUTE: u64 = 3_000;

/// How long to wait between two syncs of a token with so many devices: what the first one brings
/// takes its time (S-2, S-7).
pub fn sync_pause(devices: u64) -> Duration {
    SYNC_EVERY.max(Duration::from_secs(devices * 60 / DEVICES_PER_MINUTE))
}

/// The service syncs by itself in this rhythm (S-1).
pub const SYNC_RHYTHM: Duration = Duration::from_secs(12 * 3600);

/// All that a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// The documents.
    pub desired: &'a Desired,
    /// What was read.
    pub live: &'a Live,
    /// What is ours; [`LedgerView::none`] with `--no-ledger`.
    pub ledger: &'a LedgerView,
    /// Findings over the documents alone; a refusal blocks its tokens.
    pub findings: &'a Diagnostics,
    /// The tokens that the run works on. What lies outside is not planned, and neither read nor taken
    /// for absent.
    pub scope: &'a Scope,
    /// Where the documents come from: acts run from the last applied commit or a descendant of it alone.
    pub origin: &'a Origin,
    /// The signatures that lie in the folder.
    pub offered: &'a [approval::Found],
    /// The present instant.
    pub now: Timestamp,
}

impl<'a> Input<'a> {
    /// The services that carry the tokens that the run works on, connections first.
    fn realms(&self) -> BTreeSet<&'a Realm> {
        let here = self.desired.tokens.iter().filter(|(name, _)| self.scope.holds(name));
        here.map(|(_, token)| &token.realm).collect()
    }

    /// Whether the run looks at every token of the folder: only then is a serial that no list shows
    /// on none of them.
    fn sees_every_token(&self) -> bool {
        self.desired.tokens.keys().all(|name| self.scope.holds(name))
    }
}

/// Which live token each document means, for the tokens where that is clear. The reader of the
/// services asks this after it has the list of tokens and before it reads what is under them.
pub fn matched_tokens(
    desired: &Desired,
    ledger: &LedgerView,
    connection: &Realm,
    tokens: &Complete<LiveToken>,
) -> BTreeMap<Name, TokenId> {
    desired
        .tokens_at(connection)
        .filter_map(|(name, token)| match match_token(name, token, ledger, tokens) {
            Match::Found { object, by: _ } => Some((name.clone(), object.id.clone())),
            Match::Absent { .. } | Match::Ambiguous(_) | Match::NoSuchId(_) => None,
        })
        .collect()
}

fn match_token<'a>(
    name: &Name,
    token: &Token,
    ledger: &LedgerView,
    live: &'a Complete<LiveToken>,
) -> Match<'a, LiveToken> {
    if token.realm.is_direct() {
        return match_direct(name, token, ledger, live);
    }
    let owned = ledger.owned.get(&Address::token(name)).map(|owned| &owned.token_id);
    identity::token(&token.identity, owned, live)
}

/// The credentials of a direct token lead to one server, whatever it is named. An `id` in the document
/// says which it shall be: the server's own, with or without dashes.
fn match_direct<'a>(
    name: &Name,
    token: &Token,
    ledger: &LedgerView,
    live: &'a Complete<LiveToken>,
) -> Match<'a, LiveToken> {
    let Some(object) = live.iter().next() else {
        return identity::token(&token.identity, None, live);
    };
    let Some(id) = &token.identity.id else { return Match::Found { object, by: By::Ledger } };
    let bare = |id: &str| id.replace('-', "").to_ascii_lowercase();
    let server = ledger.servers.get(name).filter(|server| server.token_id == object.id);
    let is_it =
        bare(&object.id.0) == bare(id) || server.is_some_and(|server| bare(&server.server) == bare(id));
    if is_it { Match::Found { object, by: By::Id } } else { Match::NoSuchId(id.clone()) }
}

/// Builds the plan.
///
/// # Errors
/// [`order::Cycle`], which is a mistake of this program and not of the documents.
pub fn build(input: &Input<'_>) -> Result<Plan, order::Cycle> {
    let mut plan = Plan {
        ledger: (!input.ledger.is_none()).then_some(input.ledger.id),
        scope: input.scope.clone(),
        ..Plan::default()
    };
    let on_the_way = acts::hand_over::wished(input);
    let input = &Input { desired: &on_the_way, ..*input };
    let mut apple = match input.desired.organisations.is_empty() {
        true => Apple::plan(input, |_| false),
        false => {
            let refusals = Whole::of(input, None);
            Apple::plan(input, |token| refusals.refusal_for(token).is_some())
        }
    };
    let resolved = apple.resolve();
    let input = &Input { desired: &resolved, ..*input };
    let whole = Whole::of(input, Some(&apple));
    let mut domains = Vec::new();
    let claims = claims(input);
    for realm in input.realms() {
        match realm {
            Realm::Apple(_) => {}
            Realm::Mdm(connection) => {
                let Some(document) = input.desired.connections.get(connection) else { continue };
                plan.tenants.insert(realm.clone(), document.tenant_id.clone());
                open_domains(&whole, realm, &claims, &mut plan, &mut domains);
                judging::judge_tenant(input, realm, document, &mut plan.findings);
            }
            Realm::Direct(_) => {
                if let Some(tenant) = input.live.tenants.get(realm) {
                    plan.tenants.insert(realm.clone(), tenant.tenant_id.clone());
                }
                open_domains(&whole, realm, &claims, &mut plan, &mut domains);
            }
        }
    }

    apple::note_reused(input, &mut plan.findings);
    let mut serials = serials::Serials::gather(input.desired);
    for domain in &mut domains {
        domain.judge_token();
        domain.plan_token();
        if domain.connection.is_direct() {
            direct::plan(domain, &mut serials);
            continue;
        }
        domain.plan_profiles();
        domain.plan_defaults();
        assign::plan(domain, &mut serials);
    }
    let blocked_tokens: BTreeSet<&Name> = plan
        .blocked
        .iter()
        .filter(|blocked| blocked.address.is_none())
        .filter_map(|b| b.token.as_ref())
        .collect();
    let open: BTreeSet<&Name> = domains.iter().map(|domain| domain.name).collect();
    let unread = input
        .desired
        .tokens
        .keys()
        .filter(|name| blocked_tokens.contains(name) || !open.contains(name))
        .cloned()
        .collect();
    let before_moves = waiting::plan(&whole, &mut domains, &serials, &unread, &mut plan.waiting);
    let mut census = BTreeMap::new();
    let mut steps = Vec::new();
    let mut as_wished = BTreeSet::new();
    for mut domain in domains {
        if !domain.connection.is_direct() {
            removal::plan(&mut domain);
        }
        as_wished.extend(domain.as_wished().map(|profile| (profile, domain.name)));
        census.insert(domain.live.id.clone(), domain.census());
        domain.finish(&mut plan, &mut steps);
    }
    let held = rollout::order(input, &mut steps, &as_wished, &plan.blocked);
    let Whole { gates: in_force, .. } = whole;
    let picked = acts::pick(input, &apple);
    apple.finish(&mut plan, &mut steps, &before_moves);
    plan.steps = order::sort(steps)?;
    gates::services::count(&plan.steps, input.live, input.ledger, &mut census);
    plan.stops = gates::evaluate(&plan.steps, &in_force, &census, plan.ledger.is_some());
    plan.stops.extend(held);
    acts::plan(input, &mut plan, &picked);
    gates::acts::evaluate(input, &in_force, &mut plan);
    // Notes are explained beside the change that they speak of; `validate` shows them all.
    let concerns = |finding: &&Diagnostic| {
        finding.severity == Severity::Warn && finding.concerns(|token| input.scope.holds(token))
    };
    plan.findings.extend(input.findings.iter().filter(concerns).cloned());
    plan.forecast = forecast::of(&plan.steps, input, &census);
    forecast::add_acts(&plan.acts, &mut plan.forecast);
    note_what_is_gone(input, &mut plan);
    known::settle(input, &mut plan);
    Ok(plan)
}

/// By live token, the documents that mean it.
type Claims<'a> = BTreeMap<&'a TokenId, Vec<(&'a Name, Claim)>>;

/// Opens a domain for each token document of a connection, or says why there is none.
fn open_domains<'a>(
    whole: &'a Whole<'a>,
    connection: &'a Realm,
    claims: &Claims<'a>,
    plan: &mut Plan,
    domains: &mut Vec<domain::Domain<'a>>,
) {
    let input = &whole.input;
    let documents = input.desired.tokens_at(connection).filter(|(name, _)| input.scope.holds(name));
    let Some(tenant) = input.live.tenants.get(connection) else {
        plan.blocked.push(Blocked {
            connection: connection.clone(),
            token: direct_token(connection),
            address: None,
            cause: Cause::Unavailable,
            rule: None,
            reason: format!("the tokens of {connection} were not asked for"),
            next: "run it again".to_owned(),
        });
        return;
    };
    let tokens = match &tenant.tokens {
        Fact::Known(tokens) => tokens,
        Fact::Unknown(_)
            if direct_token(connection).is_some_and(|token| apple::is_proven_gone(input, &token)) =>
        {
            return;
        }
        Fact::Unknown(unknown) => {
            plan.blocked.push(Blocked {
                connection: connection.clone(),
                token: direct_token(connection),
                address: None,
                cause: unknown.cause,
                rule: None,
                reason: match connection.is_direct() {
                    true => unknown.reason.clone(),
                    false => format!("the tokens of {connection} could not be read: {}", unknown.reason),
                },
                next: unknown.next.clone(),
            });
            return;
        }
    };
    let documents: Vec<(&Name, &Token, Match<'a, LiveToken>)> = documents
        .map(|(name, document)| (name, document, match_token(name, document, input.ledger, tokens)))
        .collect();
    for (name, document, found) in documents {
        let block = |cause: Cause, rule: Option<&str>, reason: String, next: String| Blocked {
            connection: connection.clone(),
            token: Some(name.clone()),
            address: None,
            cause,
            rule: rule.map(str::to_owned),
            reason,
            next,
        };
        if let Some(refusal) = whole.refusal_for(name) {
            plan.blocked.push(block(Cause::Manifest, None, refusal, "see `espalier validate`".to_owned()));
            continue;
        }
        let live = match found {
            Match::Found { object, by: _ } => object,
            // What is to be gone and is proven gone is as wished.
            Match::Absent { .. } | Match::NoSuchId(_) if document.identity.state == State::Absent => continue,
            Match::Absent { .. } => {
                plan.blocked.push(block(
                    Cause::Credentials,
                    Some("T-1"),
                    format!("the tenant has no enrollment token named {:?}", document.identity.display_name),
                    "make it in the portal (Devices > Enrollment > Apple > Enrollment program tokens), or correct `displayName` or `id`; no program can make one through Graph".to_owned(),
                ));
                continue;
            }
            Match::Ambiguous(ids) => {
                plan.blocked.push(block(
                    Cause::Manifest,
                    None,
                    format!(
                        "{} tokens are named {:?}: {}",
                        ids.len(),
                        document.identity.display_name,
                        ids.join(", ")
                    ),
                    "write the `id` of the one that is meant into the document".to_owned(),
                ));
                continue;
            }
            Match::NoSuchId(id) if connection.is_direct() => {
                plan.blocked.push(block(
                    Cause::Manifest,
                    Some("T-2"),
                    format!("the server token belongs to another server than the one with the id {id}"),
                    "put the server token of that server in its place, or correct `id`".to_owned(),
                ));
                continue;
            }
            Match::NoSuchId(id) => {
                plan.blocked.push(block(
                    Cause::Manifest,
                    None,
                    format!("the tenant has no enrollment token with the id {id}"),
                    "correct `id`, or leave it out to go by the name".to_owned(),
                ));
                continue;
            }
        };
        let claims = claims.get(&live.id).map_or(&[][..], Vec::as_slice);
        let all: Vec<Claim> = claims.iter().map(|(_, claim)| *claim).collect();
        let holder = identity::holder(&all).and_then(|at| claims.get(at)).map(|(holder, _)| *holder);
        if holder != Some(name) {
            let others: Vec<String> = claims
                .iter()
                .filter(|(other, _)| *other != name)
                .map(|(other, _)| format!("EnrollmentToken/{other}"))
                .collect();
            plan.blocked.push(block(
                Cause::Manifest,
                None,
                format!("{} means the same token {:?} ({})", others.join(" and "), live.name, live.id),
                "keep one of these documents".to_owned(),
            ));
            continue;
        }
        // Without Apple there is nothing to be read or written at a direct token.
        // Where Apple refuses the sign-in, its reason is the better one: by a wrong clock, too, a good
        // token looks expired, and to renew it would end it (T-8).
        let is_refused = tenant.devices.get(&live.id).and_then(Fact::unknown);
        let is_refused = is_refused.is_some_and(|unknown| unknown.cause == Cause::Credentials);
        if connection.is_direct() && !is_refused && rules::has_expired(live.expires, input.now) {
            plan.blocked.push(block(
                Cause::Credentials,
                Some("T-6"),
                match live.expires {
                    Some(expired) => format!("the server token expired at {expired} [token-expired]"),
                    None => "the server token has expired [token-expired]".to_owned(),
                },
                format!("renew it: `espalier token renew {name}` (T-7, T-8)"),
            ));
            continue;
        }
        match domain::Domain::open(whole, connection, name, document, tenant, live) {
            Ok(domain) => domains.push(domain),
            Err(blocked) => plan.blocked.push(*blocked),
        }
    }
}

/// The token that a service is about, where it is about one alone.
fn direct_token(realm: &Realm) -> Option<Name> {
    match realm {
        Realm::Direct(token) => Some(token.clone()),
        Realm::Mdm(_) | Realm::Apple(_) => None,
    }
}

/// The tokens of the folder whose lists of devices were read, with their ids.
pub(super) fn read_lists<'a>(input: &Input<'a>) -> Vec<(&'a Name, &'a LiveTenant, &'a TokenId, &'a Devices)> {
    let rows = input.desired.tokens.iter().filter_map(|(name, document)| {
        let tenant = input.live.tenants.get(&document.realm)?;
        let found = match_token(name, document, input.ledger, tenant.tokens.known()?);
        let Match::Found { object, by: _ } = found else { return None };
        Some((name, tenant, &object.id, tenant.devices.get(&object.id)?.known()?))
    });
    rows.collect()
}

/// The documents of all connections by what they mean: two connections can lead to one tenant,
/// whose id can be spelled in several ways, while a token's id is the same through both. Documents
/// outside of a narrowing claim all the same: the list that they are in was read.
fn claims<'a>(input: &Input<'a>) -> Claims<'a> {
    let mut claims = Claims::new();
    let tenant_id =
        |realm: &Realm| input.desired.connections.get(realm.connection()?).map(|one| &one.tenant_id);
    for (name, document) in &input.desired.tokens {
        // A narrowed run reads a tenant through the connections concerned only.
        let same_tenant = || {
            let wanted = tenant_id(&document.realm)?;
            input.live.tenants.values().find(|tenant| tenant.tenant_id.eq_ignore_ascii_case(wanted))
        };
        let tenant = input.live.tenants.get(&document.realm).or_else(same_tenant);
        let Some(tokens) = tenant.and_then(|tenant| tenant.tokens.known()) else { continue };
        if let Match::Found { object, by } = match_token(name, document, input.ledger, tokens) {
            let claim = Claim { by, state: document.identity.state };
            claims.entry(&object.id).or_default().push((name, claim));
        }
    }
    claims
}

/// What the ledger has and nobody asks for any more is taken out of it once it is proven gone.
fn note_what_is_gone(input: &Input<'_>, plan: &mut Plan) {
    let touched: BTreeSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
    let mut tenants: BTreeMap<&str, (&Realm, &LiveTenant)> = BTreeMap::new();
    for (realm, tenant) in &input.live.tenants {
        tenants.entry(&tenant.tenant_id).or_insert((realm, tenant));
    }
    let mut entries = Vec::new();
    for (address, owned) in &input.ledger.owned {
        if !input.scope.holds(address.domain()) {
            continue;
        }
        let Some((realm, tenant)) = tenants.get(owned.tenant.as_str()) else { continue };
        // Apple lists no profiles, so no list shows that one is gone.
        if realm.is_direct() {
            continue;
        }
        // What was under a token goes with it.
        let token_gone = tenant.tokens.known().is_some_and(|tokens| tokens.by_id(&owned.token_id).is_err());
        let gone = match &owned.object {
            None => token_gone,
            Some(_) if token_gone => true,
            Some(object) => tenant
                .profiles
                .get(&owned.token_id)
                .and_then(Fact::known)
                .is_some_and(|profiles| profiles.by_id(object).is_err()),
        };
        if gone && !touched.contains(address) {
            entries.push(super::Bookkeeping::Gone {
                address: address.clone(),
                why: "a complete read does not show it any more".to_owned(),
            });
        }
    }
    plan.bookkeeping.extend(entries);
}

/// Until when a lost answer at an address stays unknown.
fn lost_until(
    desired: &Desired,
    ledger: &LedgerView,
    address: &Address,
    now: Timestamp,
) -> Option<Timestamp> {
    ledger
        .unsettled
        .iter()
        // What was sent to Apple Business about a token says nothing of the token at its holder.
        .filter(|intent| intent.address == *address && !apple::is_at_apple(desired, &intent.tenant))
        .map(|intent| after(intent.since, HORIZON))
        .filter(|until| *until > now)
        .max()
}
