//! One round: a look at some tokens, what follows from it, and what is told of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use super::assess::{self, Assessment};
use super::backoff::Domain;
use super::daemon::{Daemon, organisations_of};
use super::metrics::{ENROLLMENT_TOKEN, Of};
use super::queue::{Round, Why};
use super::told::Told;
use crate::apply::ApplyReport;
use crate::engine::{Allowed, Documents, EngineError, Look, Prepared, Session, organisations};
use crate::ledger::LedgerView;
use crate::model::desired::{OnCommit, OnDrift};
use crate::model::live::Fact;
use crate::model::{Name, Realm};
use crate::plan::Plan;
use crate::plan::file::{SavedPlan, sha256};

/// What was read of organisations at Apple is as good as new for so long where a look only tells: files
/// that are saved again and again shall not use up the calls of a minute each time. A full look reads it,
/// and so does everything that may be carried out.
const YOUNG: Duration = Duration::from_secs(10 * 60);

impl Daemon {
    /// Runs a round: by the newest documents, and by the last good ones where those are kept.
    ///
    /// # Errors
    /// See [`Daemon::run`].
    pub(super) async fn round(&mut self, round: Round) -> Result<(), EngineError> {
        let mut parts: Vec<(Documents, BTreeSet<Name>)> = Vec::new();
        for token in round.tokens {
            let documents = self.kept.get(&token).unwrap_or(&self.good);
            let same = |(known, _): &&mut (Documents, _)| Arc::ptr_eq(&known.desired, &documents.desired);
            match parts.iter_mut().find(same) {
                Some((_, tokens)) => drop(tokens.insert(token)),
                None => parts.push((documents.clone(), BTreeSet::from([token]))),
            }
        }
        let mut is_put_off = false;
        for (documents, tokens) in parts {
            let part = Round { tokens, why: round.why.clone() };
            match is_put_off {
                true => self.queue.put_back(part),
                false => is_put_off = !self.look(part, &documents).await?,
            }
        }
        Ok(())
    }

    /// Looks at some tokens, and does what the switches allow. False: it is put off.
    async fn look(&mut self, round: Round, documents: &Documents) -> Result<bool, EngineError> {
        let began = Instant::now();
        self.metrics.queue(self.queue.depth());
        self.say(Told::Looking { tokens: round.tokens.clone(), why: round.why.clone() });
        let mut session = match self.host.session(documents).await {
            Ok(session) => session,
            Err(error) => return self.put_off(round, error).map(|()| false),
        };
        session.stop_by(self.stop.clone());
        if self.invalid.is_some() {
            session.distrust("they cannot be read, or do not validate");
        }
        session.leave_alone(self.queue.left_alone(&round.why, self.host.clock().now()));
        if !round.why.contains(&Why::Start) && !round.why.contains(&Why::Resync) {
            session.reuse(YOUNG);
        }
        if round.tokens.len() < documents.desired.tokens.len() {
            session.confine(round.tokens.clone());
        }
        let switches = self.good.desired.fleet.watch;
        let allowed = Allowed {
            wishes: switches.on_commit == OnCommit::Apply,
            drift: switches.on_drift == OnDrift::Heal,
            acts: switches.actions,
        };
        let mut stop = self.stop.clone();
        let read = async {
            match allowed {
                // What was sent is followed, whoever sent it.
                Allowed { wishes: false, drift: false, acts: false } if !session.follows_acts() => {
                    Ok((session.look(&*self.health).await?, None))
                }
                _ => session.prepare_allowed(allowed, &*self.health).await,
            }
        };
        let read = tokio::select! {
            read = read => read,
            // Reading can be left at any point, and with it goes the lock.
            Ok(_) = stop.wait_for(|stop| *stop) => return Ok(true),
        };
        let (look, prepared) = match read {
            Ok(read) => read,
            Err(error) => return self.put_off(round, error).map(|()| false),
        };
        self.tell_look(&session, &look, &round, allowed);
        let report = match prepared {
            Some(prepared) => match self.apply(&session, prepared, allowed).await {
                Ok(report) => Some(report),
                Err(error) => return self.put_off(round, error).map(|()| false),
            },
            None => None,
        };
        let now = session.clock().now();
        let tokens = self.with_connections(&round.tokens);
        let at_apple = organisations_of(&self.good.desired);
        let mut assessment =
            assess::assess(&tokens, &at_apple, &look.plan, &look.drift, report.as_ref(), now);
        assessment.organisations(&look.observed.live.organisations);
        self.count(&session, &look, &assessment, began.elapsed());
        self.schedule(&session, &look, &assessment, &round);
        self.got_through();
        let sum = |of: fn(&assess::OfToken) -> usize| assessment.tokens.values().map(of).sum();
        self.say(Told::Looked {
            tokens: round.tokens,
            planned: sum(|of| of.planned),
            drift: sum(|of| of.drift),
            blocked: look.plan.blocked.len(),
            took: began.elapsed(),
            resync: self.queue.resync(),
        });
        Ok(true)
    }

    async fn apply(
        &mut self,
        session: &Session,
        prepared: Prepared,
        allowed: Allowed,
    ) -> Result<ApplyReport, EngineError> {
        let digest = prepared.digest.clone();
        let report = session.execute(prepared, &*self.health).await?;
        for step in &report.steps {
            if let Some(document) = self.good.desired.tokens.get(&step.token) {
                let of = Of { connection: &document.realm, token: &step.token };
                self.metrics.step(of, assess::word(&step.outcome));
            }
        }
        let has_acted = report.acts.iter().any(|act| act.sent || act.before != act.state);
        let says_anything =
            !report.steps.is_empty() || report.adopted > 0 || !report.stops.is_empty() || has_acted;
        if says_anything {
            self.say(Told::Applied { healed: !allowed.wishes, digest, report: report.clone() });
        }
        Ok(report)
    }

    /// Tells plan and drift: in full where they are new or somebody has just changed the documents.
    fn tell_look(&mut self, session: &Session, look: &Look, round: &Round, allowed: Allowed) {
        let mut repeated = (true, true);
        for token in &round.tokens {
            let now = (words(&look.plan, token), words(&look.drift.plan, token));
            let before = self.shown.insert(token.clone(), now.clone());
            let before = before.unwrap_or_default();
            repeated.0 &= before.0 == now.0;
            repeated.1 &= before.1 == now.1;
        }
        let asked = round.why.contains(&Why::Documents) || round.why.contains(&Why::Start);
        let plan = SavedPlan::new(&look.plan, session.commit(), session.clock().now());
        let moved = !look.drift.plan.steps.is_empty();
        let only_moved = moved && look.drift.covers(&look.plan.steps);
        // What only moved outside is told as that, once.
        if asked || !(only_moved && look.plan.blocked.is_empty()) {
            self.say(Told::Plan { plan: Box::new(plan), repeated: repeated.0 && !asked });
        }
        if moved {
            self.say(Told::Drift {
                steps: look.drift.plan.steps.clone(),
                undecided: look.drift.undecided.clone(),
                heals: allowed.drift,
                repeated: repeated.1,
            });
        }
    }

    fn count(&self, session: &Session, look: &Look, assessment: &Assessment, took: Duration) {
        let now = session.clock().now();
        let tokens = &self.good.desired.tokens;
        let connections: BTreeSet<&Realm> =
            assessment.tokens.keys().filter_map(|token| Some(&tokens.get(token)?.realm)).collect();
        for (token, of) in &assessment.tokens {
            let Some(document) = tokens.get(token) else { continue };
            let labels = Of { connection: &document.realm, token };
            self.metrics.looked(labels, of.outcome, of.drift, of.planned, now);
            let tenant = look.observed.live.tenants.get(&document.realm);
            let live = tenant
                .zip(look.observed.tokens.get(token))
                .and_then(|(tenant, id)| tenant.tokens.known().and_then(|all| all.by_id(id).ok()));
            if let Some(expires) = live.and_then(|live| live.expires) {
                self.metrics.expires(ENROLLMENT_TOKEN, &document.realm, token.as_str(), expires);
            }
        }
        for (connection, tenant) in &look.observed.live.tenants {
            let push = tenant.push_certificate.as_ref().and_then(Fact::known).and_then(Option::as_ref);
            if let Some(expires) = push.and_then(|push| push.expires) {
                self.metrics.expires("pushCertificate", connection, &connection.to_string(), expires);
            }
            let named =
                connection.connection().map(|name| session.desired().vpp_tokens_of(name)).unwrap_or_default();
            let found = tenant.vpp_tokens.as_ref().and_then(Fact::known);
            for token in found.into_iter().flat_map(|all| all.iter()) {
                if let Some(expires) = token.expires.filter(|_| named.contains(token.name.as_str())) {
                    self.metrics.expires("vppToken", connection, &token.name, expires);
                }
            }
        }
        // Without the ledger nothing is known of a key's age, and the rest is told all the same.
        let view = session.view().unwrap_or_else(|_| LedgerView::none());
        for status in organisations::statuses(session, &look.observed, &view) {
            self.metrics.organisation(&status);
        }
        for (connection, meter) in session.meters() {
            let (reads, writes) = meter.calls();
            self.metrics.calls(connection, reads, writes);
        }
        for connection in connections {
            self.metrics.took(connection, took);
        }
    }

    /// Holds what failed, lets go what did well, and notes what is due.
    fn schedule(&mut self, session: &Session, look: &Look, assessment: &Assessment, round: &Round) {
        let now = session.clock().now();
        let tokens = self.with_connections(&round.tokens);
        for (domain, failure) in &assessment.failed {
            let connection = match domain {
                Domain::Connection(connection) => Some(connection),
                Domain::Token(token) => tokens.get(token),
            };
            let asked = session
                .meters()
                .filter(|(name, _)| Some(*name) == connection)
                .find_map(|(_, meter)| meter.asked_until());
            let hold = self.queue.failed(domain.clone(), now, asked);
            self.say(Told::Held {
                domain: domain.clone(),
                reason: failure.reason.clone(),
                next: failure.next.clone(),
                until: hold.until,
            });
        }
        for (name, live) in &look.observed.live.organisations {
            let domain = Domain::Connection(Realm::Apple(name.clone()));
            // What was left alone, or told by an earlier read, proves nothing.
            if live.services.known().is_some() && !live.reused && !assessment.failed.contains_key(&domain) {
                self.queue.succeeded(&domain);
            }
        }
        for (token, connection) in tokens {
            for domain in [Domain::Connection(connection), Domain::Token(token.clone())] {
                if !assessment.failed.contains_key(&domain) {
                    self.queue.succeeded(&domain);
                }
            }
            if let Some(due) = assessment.tokens.get(&token).and_then(|of| of.due) {
                self.queue.due_at(token, due);
            }
        }
    }
}

/// A hash of what a plan says of a token.
fn words(plan: &Plan, token: &Name) -> String {
    let steps: Vec<_> = plan
        .steps
        .iter()
        .filter(|step| step.address.domain() == token)
        .map(|step| json!([step.id, step.action]))
        .collect();
    let blocked: Vec<_> = plan
        .blocked
        .iter()
        .filter(|blocked| blocked.token.as_ref().is_none_or(|on| on == token))
        .map(|blocked| json!([blocked.connection, blocked.address, blocked.cause]))
        .collect();
    sha256(&json!([steps, blocked]).to_string())
}
