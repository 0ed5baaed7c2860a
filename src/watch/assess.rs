//! What a look came to, token by token: how it went, what failed, and when to look again. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::backoff::Domain;
use super::metrics::Outcome;
use crate::apply::{ApplyReport, StepOutcome};
use crate::engine::organisations;
use crate::model::clock::{Timestamp, after};
use crate::model::live::{Cause, Unknown};
use crate::model::organisation::LiveOrganisation;
use crate::model::{Name, Realm};
use crate::plan::build::HORIZON;
use crate::plan::drift::Drift;
use crate::plan::{Blocked, Plan};

/// What was sent and not seen yet is looked for after this long.
const UNCONFIRMED: Duration = Duration::from_secs(60);

/// What waits for something that has no time is looked after in this rhythm.
const PENDING: Duration = Duration::from_secs(5 * 60);

/// What a look came to for one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfToken {
    /// How it went.
    pub outcome: Outcome,
    /// Steps that are planned and not done.
    pub planned: usize,
    /// Steps among them that would put back what moved outside.
    pub drift: usize,
    /// Something is due then.
    pub due: Option<Timestamp>,
}

/// Why a domain failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened.
    pub reason: String,
    /// What to do.
    pub next: String,
}

/// What a look came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assessment {
    /// By token.
    pub tokens: BTreeMap<Name, OfToken>,
    /// The domains whose service failed, each with its first failure.
    pub failed: BTreeMap<Domain, Failure>,
}

/// Whether trying again later may help without anybody changing the documents.
const fn may_pass(cause: Cause) -> bool {
    match cause {
        Cause::Credentials | Cause::Unavailable | Cause::Throttled => true,
        Cause::LostAnswer | Cause::Manifest | Cause::Refused => false,
    }
}

/// The label of what came of a step.
pub const fn word(outcome: &StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Committed => "committed",
        StepOutcome::AlreadyAsWished => "asWished",
        StepOutcome::Failed { .. } => "failed",
        StepOutcome::Unknown { .. } => "unknown",
        StepOutcome::Unconfirmed { .. } => "unconfirmed",
        StepOutcome::Skipped { .. } | StepOutcome::HeldBack { .. } => "skipped",
        StepOutcome::Pending { .. } => "pending",
        StepOutcome::Stopped { .. } => "stopped",
    }
}

/// The domain to which a trouble belongs: what Apple's API refuses or does not answer concerns the
/// organisation, and never keeps a token's own service from being looked at.
fn domain_of(connection: Option<&Realm>, token: Option<&Name>) -> Option<Domain> {
    match (connection, token) {
        (Some(realm @ Realm::Apple(_)), _) => Some(Domain::Connection(realm.clone())),
        (_, Some(token)) => Some(Domain::Token(token.clone())),
        (Some(realm), None) => Some(Domain::Connection(realm.clone())),
        (None, None) => None,
    }
}

impl Assessment {
    /// Adds the organisations of which something could not be read; one that was left alone has not
    /// failed again.
    pub fn organisations(&mut self, read: &BTreeMap<Name, LiveOrganisation>) {
        for (name, live) in read {
            let domain = Domain::Connection(Realm::Apple(name.clone()));
            match organisations::failure(live) {
                Some(unknown) if may_pass(unknown.cause) => {
                    let Unknown { reason, next, .. } = unknown.clone();
                    self.failed.entry(domain).or_insert(Failure { reason, next });
                }
                _ if organisations::is_left_alone(live) => drop(self.failed.remove(&domain)),
                _ => {}
            }
        }
    }
}

/// Judges a look at `tokens` (with their connections), and what was carried out after it. `at_apple` are
/// the organisations of those that name one.
pub fn assess(
    tokens: &BTreeMap<Name, Realm>,
    at_apple: &BTreeMap<Name, Realm>,
    plan: &Plan,
    drift: &Drift,
    report: Option<&ApplyReport>,
    now: Timestamp,
) -> Assessment {
    let mut assessment = Assessment::default();
    for blocked in plan.blocked.iter().filter(|blocked| may_pass(blocked.cause)) {
        let Some(domain) = domain_of(Some(&blocked.connection), blocked.token.as_ref()) else { continue };
        let Blocked { reason, next, .. } = blocked.clone();
        assessment.failed.entry(domain).or_insert(Failure { reason, next });
    }
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut troubled: BTreeSet<&Name> = BTreeSet::new();
    let mut dues: BTreeMap<&Name, Timestamp> = BTreeMap::new();
    for step in report.iter().flat_map(|report| &report.steps) {
        let connection = || plan.steps.iter().find(|one| one.id == step.id).map(|one| &one.connection);
        let mut due = |at: Timestamp| {
            // What is done for an assignment alone is looked at with a token of its organisation.
            let with = match tokens.contains_key(&step.token) {
                true => Some(&step.token),
                false => {
                    let connection = connection();
                    at_apple.iter().find(|(_, realm)| Some(*realm) == connection).map(|(token, _)| token)
                }
            };
            let Some(with) = with else { return };
            let known = dues.entry(with).or_insert(at);
            *known = at.min(*known);
        };
        match &step.outcome {
            StepOutcome::Committed | StepOutcome::AlreadyAsWished => drop(done.insert(&step.id)),
            StepOutcome::Failed { cause, reason, next } => {
                troubled.insert(&step.token);
                if may_pass(*cause) {
                    let failure = Failure { reason: reason.clone(), next: next.clone() };
                    if let Some(domain) = domain_of(connection(), Some(&step.token)) {
                        assessment.failed.entry(domain).or_insert(failure);
                    }
                }
            }
            StepOutcome::Unknown { until, .. } => {
                troubled.insert(&step.token);
                due(*until);
            }
            StepOutcome::Unconfirmed { .. } => due(after(now, UNCONFIRMED)),
            StepOutcome::Pending { until, .. } => due(until.unwrap_or(after(now, PENDING))),
            StepOutcome::Skipped { .. } | StepOutcome::HeldBack { .. } | StepOutcome::Stopped { .. } => {}
        }
    }
    for blocked in plan.blocked.iter().filter(|blocked| blocked.cause == Cause::LostAnswer) {
        if let Some(token) = &blocked.token {
            let at = dues.entry(token).or_insert(after(now, HORIZON));
            *at = (*at).min(after(now, HORIZON));
        }
    }
    for waiting in &plan.waiting {
        if let (Some(token), Some(until)) = (&waiting.token, waiting.until.filter(|until| *until > now)) {
            let at = dues.entry(token).or_insert(until);
            *at = until.min(*at);
        }
    }
    for (token, connection) in tokens {
        let of = |plan: &Plan| {
            let open = plan.steps.iter().filter(|step| step.address.domain() == token);
            open.filter(|step| !done.contains(step.id.as_str())).count()
        };
        let blocked = plan.blocked.iter().any(|blocked| match &blocked.token {
            Some(on) => on == token,
            None => blocked.connection == *connection,
        });
        let outcome = match (blocked, troubled.contains(token)) {
            (true, _) => Outcome::Blocked,
            (false, true) => Outcome::Failed,
            (false, false) => Outcome::Ok,
        };
        let (planned, drift) = (of(plan), of(&drift.plan));
        let due = dues.get(token).copied();
        assessment.tokens.insert(token.clone(), OfToken { outcome, planned, drift, due });
    }
    assessment
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::StepResult;
    use crate::model::{Address, ServiceId, TokenId};
    use crate::plan::{Action, Class, Effect, Reason, ServiceAction, Step, Waiting};

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn blocked(token: Option<&str>, cause: Cause) -> Blocked {
        Blocked {
            connection: Realm::Mdm(name("one")),
            token: token.map(name),
            address: None,
            cause,
            rule: None,
            reason: "it did not answer".to_owned(),
            next: "wait".to_owned(),
        }
    }

    fn tokens() -> BTreeMap<Name, Realm> {
        BTreeMap::from([(name("a"), Realm::Mdm(name("one"))), (name("b"), Realm::Mdm(name("two")))])
    }

    fn judged(plan: &Plan, report: Option<&ApplyReport>) -> Assessment {
        assess(&tokens(), &at_apple(), plan, &Drift::default(), report, at(0))
    }

    fn apple() -> Realm {
        Realm::Apple(name("apple"))
    }

    fn at_apple() -> BTreeMap<Name, Realm> {
        BTreeMap::from([(name("b"), apple())])
    }

    #[test]
    fn what_fails_at_apple_holds_the_organisation_and_no_token() {
        let of_apple = |token| Blocked { connection: apple(), ..blocked(token, Cause::Throttled) };
        let plan = Plan { blocked: vec![of_apple(Some("b")), of_apple(None)], ..Plan::default() };
        let found = judged(&plan, None);
        assert_eq!(found.failed.keys().collect::<Vec<_>>(), [&Domain::Connection(apple())]);
        let outcomes: Vec<Outcome> = found.tokens.values().map(|of| of.outcome).collect();
        assert_eq!(outcomes, [Outcome::Ok, Outcome::Blocked], "that something of it is blocked is told");

        let step = Step {
            id: "take-off DeviceAssignment/away".to_owned(),
            address: Address::token(&name("away")),
            connection: apple(),
            token_id: TokenId(String::new()),
            object: None,
            name: "away".to_owned(),
            platform: None,
            action: Action::Service(ServiceAction::Unassign {
                id: ServiceId::new("AA"),
                serials: Vec::new(),
            }),
            reason: Reason::Unassigned,
            class: Class::Disruptive,
            effect: Effect::default(),
            needs: Vec::new(),
            prove_first: false,
            not_before: None,
            notes: Vec::new(),
            fingerprint: String::new(),
        };
        let result = |outcome| StepResult {
            id: step.id.clone(),
            token: name("away"),
            outcome,
            items: None,
            not_taken: Vec::new(),
            next: None,
        };
        let plan = Plan { steps: vec![step.clone()], ..Plan::default() };
        let pending = StepOutcome::Pending { reason: String::new(), until: Some(at(90)) };
        let report = ApplyReport { steps: vec![result(pending)], ..ApplyReport::default() };
        assert_eq!(judged(&plan, Some(&report)).tokens[&name("b")].due, Some(at(90)));
        let failed = StepOutcome::Failed {
            cause: Cause::Unavailable,
            reason: "no".to_owned(),
            next: "wait".to_owned(),
        };
        let report = ApplyReport { steps: vec![result(failed)], ..ApplyReport::default() };
        let found = judged(&plan, Some(&report));
        assert_eq!(found.failed.keys().collect::<Vec<_>>(), [&Domain::Connection(apple())]);
    }

    #[test]
    fn a_connection_that_fails_fails_as_one_and_the_others_do_well() {
        let plan = Plan { blocked: vec![blocked(None, Cause::Throttled)], ..Plan::default() };
        let found = judged(&plan, None);
        assert_eq!(found.failed.keys().collect::<Vec<_>>(), [&Domain::Connection(Realm::Mdm(name("one")))]);
        let outcomes: Vec<Outcome> = found.tokens.values().map(|of| of.outcome).collect();
        assert_eq!(outcomes, [Outcome::Blocked, Outcome::Ok]);
    }

    #[test]
    fn what_only_the_documents_can_mend_is_blocked_and_not_tried_again() {
        let plan = Plan { blocked: vec![blocked(Some("a"), Cause::Manifest)], ..Plan::default() };
        let found = judged(&plan, None);
        assert_eq!((found.failed.len(), found.tokens[&name("a")].outcome), (0, Outcome::Blocked));
    }

    #[test]
    fn what_is_open_is_due_at_its_time_and_the_earliest_counts() {
        let result = |id: &str, outcome| StepResult {
            id: id.to_owned(),
            token: name("a"),
            outcome,
            items: None,
            not_taken: Vec::new(),
            next: None,
        };
        let unknown = StepOutcome::Unknown { reason: String::new(), until: at(120) };
        let pending = StepOutcome::Pending { reason: String::new(), until: Some(at(90)) };
        let report =
            ApplyReport { steps: vec![result("x", unknown), result("y", pending)], ..ApplyReport::default() };
        let found = judged(&Plan::default(), Some(&report));
        let of = found.tokens[&name("a")];
        assert_eq!((of.outcome, of.due), (Outcome::Failed, Some(at(90))));
        assert_eq!(found.tokens[&name("b")].due, None);

        let waiting = Waiting {
            token: Some(name("b")),
            profile: Some(name("p")),
            assignment: None,
            serials: Vec::new(),
            reason: String::new(),
            until: Some(at(50)),
        };
        let plan = Plan {
            waiting: vec![waiting],
            blocked: vec![blocked(Some("a"), Cause::LostAnswer)],
            ..Plan::default()
        };
        let found = judged(&plan, None);
        let due: Vec<Option<Timestamp>> = found.tokens.values().map(|of| of.due).collect();
        assert_eq!(due, [Some(at(120)), Some(at(50))]);
        assert!(found.failed.is_empty(), "a lost answer is waited for, not backed off from");
    }
}
