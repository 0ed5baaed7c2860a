//! What a look came to, token by token: how it went, what failed, and when to look again. PURE.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::backoff::Domain;
use super::metrics::Outcome;
use crate::apply::{ApplyReport, StepOutcome};
use crate::model::clock::{Timestamp, after};
use crate::model::live::Cause;
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

/// Judges a look at `tokens` (with their connections), and what was carried out after it.
pub fn assess(
    tokens: &BTreeMap<Name, Realm>,
    plan: &Plan,
    drift: &Drift,
    report: Option<&ApplyReport>,
    now: Timestamp,
) -> Assessment {
    let mut assessment = Assessment::default();
    for blocked in plan.blocked.iter().filter(|blocked| may_pass(blocked.cause)) {
        let domain = match &blocked.token {
            Some(token) => Domain::Token(token.clone()),
            None => Domain::Connection(blocked.connection.clone()),
        };
        let Blocked { reason, next, .. } = blocked.clone();
        assessment.failed.entry(domain).or_insert(Failure { reason, next });
    }
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut troubled: BTreeSet<&Name> = BTreeSet::new();
    let mut dues: BTreeMap<&Name, Timestamp> = BTreeMap::new();
    for step in report.iter().flat_map(|report| &report.steps) {
        let mut due = |at: Timestamp| {
            let known = dues.entry(&step.token).or_insert(at);
            *known = at.min(*known);
        };
        match &step.outcome {
            StepOutcome::Committed | StepOutcome::AlreadyAsWished => drop(done.insert(&step.id)),
            StepOutcome::Failed { cause, reason, next } => {
                troubled.insert(&step.token);
                if may_pass(*cause) {
                    let failure = Failure { reason: reason.clone(), next: next.clone() };
                    assessment.failed.entry(Domain::Token(step.token.clone())).or_insert(failure);
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
    use crate::plan::Waiting;

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
        assess(&tokens(), plan, &Drift::default(), report, at(0))
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
            profile: name("p"),
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
