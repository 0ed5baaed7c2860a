//! The loop: waits for whatever comes first, and runs one round after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::backoff::OF_LEDGER;
use super::folder::FolderSource;
use super::health::Health;
use super::metrics::{Exposition, Metrics, Of};
use super::queue::{Queue, Round, Why};
use super::settle::Settle;
use super::told::Told;
use crate::diag::Severity;
use crate::engine::{Documents, EngineError, Host, Settings};
use crate::ledger::LedgerError;
use crate::model::clock::{Timestamp, between};
use crate::model::desired::Desired;
use crate::model::{Name, Realm, Serial};
use crate::plan::drift;
use crate::rules;

/// A save is over when nothing has changed for so long.
const QUIET: Duration = Duration::from_millis(300);
/// Somebody who never stops saving is not waited for any longer.
const MOST: Duration = Duration::from_secs(1);
/// Notices get lost: the folder is looked at in this rhythm without any.
const RESCAN: Duration = Duration::from_secs(30);
/// The shortest wait for an instant of the services' clock.
const LEAST: Duration = Duration::from_millis(500);
/// How often a simulator's clock is looked at: in this process, and elsewhere.
const SIM_CLOCK: Duration = Duration::from_millis(50);
const SIM_CLOCK_ELSEWHERE: Duration = Duration::from_secs(1);
/// How long a run waits for what is expected: short, for what takes longer comes back by itself, and
/// other tokens wait meanwhile.
const WAIT: Duration = Duration::from_secs(30);

/// A folder that is being watched.
pub struct Daemon {
    pub(super) host: Host,
    /// The last documents that nothing stopped as a whole.
    pub(super) good: Documents,
    /// For tokens that a rule refuses there: the last documents in which none did.
    pub(super) kept: BTreeMap<Name, Documents>,
    /// The tokens that a rule refuses in the newest documents.
    refused: BTreeSet<Name>,
    pub(super) queue: Queue,
    pub(super) health: Arc<Health>,
    pub(super) metrics: Metrics,
    pub(super) stop: watch::Receiver<bool>,
    /// What was told last of each token: the hashes of plan and drift.
    pub(super) shown: BTreeMap<Name, (String, String)>,
    tell: Box<dyn Fn(Told)>,
    source: FolderSource,
    hints: mpsc::Receiver<()>,
    deaf: Option<String>,
    settle: Settle,
    began: Instant,
    rescan: Duration,
    retry: Option<Retry>,
    /// What was said of documents that are not in order.
    pub(super) invalid: Option<String>,
    seed: u64,
}

/// The ledger could not be used.
#[derive(Clone, Copy, Debug)]
struct Retry {
    failures: u32,
    at: Duration,
}

impl Daemon {
    /// Reads the folder, starts or finds the services, and begins to watch. `stop` ends it between
    /// two requests; `tell` hears everything that happens.
    ///
    /// # Errors
    /// Documents that are not in order: there are no good ones to go on with. What a simulator says.
    pub async fn start(
        settings: Settings,
        stop: watch::Receiver<bool>,
        tell: Box<dyn Fn(Told)>,
    ) -> Result<Self, EngineError> {
        let settings = Settings { wait: WAIT, ..settings };
        // Watched before it is read: what changes meanwhile is a change.
        let (source, hints, deaf) = FolderSource::start(&settings.folder);
        let (host, good) = Host::start(settings).await?;
        let now = host.clock().now();
        // Several daemons, or one that is started again and again, shall not come back together.
        let seed = u64::from(std::process::id()) ^ now.as_nanosecond() as u64;
        let refused = refused_in(&good, now);
        let mut queue = Queue::new(tokens_of(&good.desired), good.desired.fleet.watch.resync, seed, now);
        queue.learn_organisations(organisations_of(&good.desired));
        Ok(Self {
            host,
            good,
            kept: BTreeMap::new(),
            refused,
            queue,
            health: Arc::default(),
            metrics: Metrics::default(),
            stop,
            shown: BTreeMap::new(),
            tell,
            source,
            hints,
            deaf,
            settle: Settle::new(QUIET, MOST),
            began: Instant::now(),
            rescan: RESCAN,
            retry: None,
            invalid: None,
            seed,
        })
    }

    /// What is served about it.
    pub fn health(&self) -> (Arc<Health>, Exposition) {
        (Arc::clone(&self.health), self.metrics.exposition())
    }

    /// The control address of the simulator; `None` for the vendors' own services.
    pub fn control(&self) -> Option<String> {
        self.host.control()
    }

    /// Watches until told to end.
    ///
    /// # Errors
    /// A ledger that cannot be used at the very first look, a mistake of this program, and a
    /// simulated world that cannot be kept at the end. Everything else is told and tried again.
    pub async fn run(mut self) -> Result<(), EngineError> {
        (self.tell)(Told::Started {
            tokens: self.good.desired.tokens.len(),
            switches: self.good.desired.fleet.watch,
            deaf: self.deaf.take(),
        });
        let (good, refused) = (self.good.clone(), self.refused.clone());
        self.refuse_in_part(&good, &refused, self.host.clock().now(), true);
        self.health.set_valid(self.refused.is_empty());
        self.metrics.documents(self.refused.is_empty(), self.refused.len());
        let outcome = self.turn().await;
        let stopped = self.host.stop().await;
        outcome.and(stopped)
    }

    async fn turn(&mut self) -> Result<(), EngineError> {
        while !*self.stop.borrow() {
            self.health.beat();
            let elapsed = self.began.elapsed();
            let at_rest = self.settle.take(elapsed);
            if at_rest || elapsed >= self.rescan {
                self.rescan = elapsed + RESCAN;
                let changed = self.source.look();
                if !changed.is_empty() {
                    self.read(&changed);
                }
            }
            // A simulator that is away for a moment is missed by the next call to a service.
            let _ = self.host.refresh_clock().await;
            let now = self.host.clock().now();
            if self.queue.tick(now) {
                // Files beside the folder are not watched.
                self.read(&[]);
            }
            self.metrics.queue(self.queue.depth());
            if self.retry.is_none_or(|retry| retry.at <= elapsed)
                && let Some(round) = self.queue.take(now)
            {
                self.round(round).await?;
                continue;
            }
            self.sleep(elapsed, now).await;
        }
        (self.tell)(Told::Stopping);
        Ok(())
    }

    /// Waits for a notice, for the switch, or for the next instant at which something is due.
    async fn sleep(&mut self, elapsed: Duration, now: Timestamp) {
        let by_services = match (self.host.is_real(), self.host.control_is_here()) {
            // What waits for something else as well may have been due for long.
            (true, _) => between(now, self.queue.next()).max(LEAST),
            (false, true) => SIM_CLOCK,
            (false, false) => SIM_CLOCK_ELSEWHERE,
        };
        let instants = [Some(self.rescan), self.settle.rests_at(), self.retry.map(|retry| retry.at)];
        let by_machine = instants.into_iter().flatten().filter(|at| *at > elapsed).min();
        let wait = by_machine.map_or(RESCAN, |at| at - elapsed).min(by_services);
        tokio::select! {
            hint = self.hints.recv() => match hint {
                Some(()) => self.settle.touch(self.began.elapsed()),
                // The source is gone; looking by the timer remains.
                None => tokio::time::sleep(wait).await,
            },
            // A switch whose holder is gone is never used.
            Ok(_) = self.stop.wait_for(|stop| *stop) => {}
            () = tokio::time::sleep(wait) => {}
        }
    }

    pub(super) fn say(&self, told: Told) {
        (self.tell)(told);
    }

    /// Reads the documents anew. Good ones are in force from now on; otherwise the last good ones
    /// stay so. `changed` are the paths that are not as they were; none at a full look.
    fn read(&mut self, changed: &[PathBuf]) {
        let is_document = |path: &PathBuf| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let new = match self.host.read() {
            Ok(new) => new,
            Err(error) => return self.refuse(error, changed.iter().any(is_document)),
        };
        let now = self.host.clock().now();
        let refused = refused_in(&new, now);
        let was_valid = self.health.set_valid(refused.is_empty());
        let is_mended = !was_valid && refused.is_empty();
        self.keep_good(&refused, &new);
        let mut concerned = drift::concerned(&self.good.desired, &new.desired);
        // Acts are looked at over the whole folder only.
        if asks(&self.good.desired) != asks(&new.desired) {
            concerned = new.desired.tokens.keys().cloned().collect();
        }
        // Somebody saved a document and wants to see what it comes to, if only a comment.
        if concerned.is_empty() && (is_mended || changed.iter().any(is_document)) {
            concerned = new.desired.tokens.keys().cloned().collect();
        }
        let tokens = tokens_of(&new.desired);
        for (token, connection) in tokens_of(&self.good.desired) {
            if tokens.get(&token) != Some(&connection) {
                self.metrics.forget(Of { connection: &connection, token: &token });
                self.shown.remove(&token);
            }
        }
        let organisations = organisations_of(&new.desired);
        for gone in organisations_of(&self.good.desired).values() {
            if !organisations.values().any(|realm| realm == gone) {
                self.metrics.forget_organisation(gone);
            }
        }
        self.metrics.documents(refused.is_empty(), refused.len());
        // What stays in force there did not change.
        concerned.retain(|token| !self.kept.contains_key(token));
        self.refuse_in_part(&new, &refused, now, changed.iter().any(is_document));
        (self.good, self.refused) = (new, refused);
        self.queue.learn(tokens, self.good.desired.fleet.watch.resync, now);
        self.queue.learn_organisations(organisations);
        if !concerned.is_empty() {
            self.queue.want(Why::Documents, concerned.iter().cloned());
            self.say(Told::Documents { concerned });
        }
    }

    /// Keeps, for tokens that a rule refuses now, the documents in which none did.
    fn keep_good(&mut self, refused: &BTreeSet<Name>, new: &Documents) {
        let before = std::mem::take(&mut self.kept);
        for token in refused.iter().filter(|token| new.desired.tokens.contains_key(*token)) {
            let good = match before.get(token) {
                Some(kept) => Some(kept),
                None if self.refused.contains(token) => None,
                None => Some(&self.good),
            };
            if let Some(good) = good.filter(|good| good.desired.tokens.contains_key(token)) {
                self.kept.insert(token.clone(), good.clone());
            }
        }
    }

    /// Rules refuse something in the newest documents that concerns some tokens only.
    fn refuse_in_part(&mut self, new: &Documents, refused: &BTreeSet<Name>, now: Timestamp, is_new: bool) {
        if refused.is_empty() {
            self.invalid = None;
            return;
        }
        let mut findings = new.findings.clone();
        findings.extend(rules::check_documents(&new.desired, now));
        let words = Some(format!("{findings:?}"));
        if self.invalid == words && !is_new {
            return;
        }
        self.invalid = words;
        let sources = (*new.sources).clone();
        self.say(Told::Invalid { tokens: refused.clone(), findings, sources });
    }

    /// The newest documents are not in order.
    fn refuse(&mut self, error: EngineError, is_new: bool) {
        self.health.set_valid(false);
        self.metrics.documents(false, self.refused.len());
        let words = match &error {
            EngineError::Manifests { findings, .. } => format!("{findings:?}"),
            other => other.to_string(),
        };
        let is_known = self.invalid.as_ref() == Some(&words);
        self.invalid = Some(words);
        // Neither a full look nor another file, such as the log of this very watch, says again what
        // was said when the document was saved.
        if is_known && !is_new {
            return;
        }
        self.say(match error {
            EngineError::Manifests { findings, sources } => {
                Told::Invalid { tokens: BTreeSet::new(), findings, sources }
            }
            error => Told::Unreadable { error },
        });
    }

    /// A round could not run at all: it is put back, told, and tried again.
    pub(super) fn put_off(&mut self, round: Round, error: EngineError) -> Result<(), EngineError> {
        let is_held = matches!(
            error,
            EngineError::Ledger(LedgerError::Held { .. } | LedgerError::Busy { .. } | LedgerError::Late)
        );
        // At the start somebody stands by who can mend it.
        if !is_held && !self.health.is_ready() {
            return Err(error);
        }
        let failures = self.retry.map_or(0, |retry| retry.failures).saturating_add(1);
        let pause = OF_LEDGER.pause(failures, self.seed);
        self.retry = Some(Retry { failures, at: self.began.elapsed() + pause });
        self.queue.put_back(round);
        self.metrics.retried();
        self.say(Told::Retry { error, after: pause });
        Ok(())
    }

    /// A round ran.
    pub(super) fn got_through(&mut self) {
        self.retry = None;
        self.health.set_ready();
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.host.settings().folder
    }

    /// The tokens of a round with their connections.
    pub(super) fn with_connections(&self, tokens: &BTreeSet<Name>) -> BTreeMap<Name, Realm> {
        let mut all = tokens_of(&self.good.desired);
        all.retain(|token, _| tokens.contains(token));
        all
    }
}

/// The tokens that a rule refuses, the others untouched.
fn refused_in(documents: &Documents, now: Timestamp) -> BTreeSet<Name> {
    let by_rules = rules::check_documents(&documents.desired, now);
    let all = documents.findings.iter().chain(by_rules.iter());
    all.filter(|finding| finding.severity == Severity::Refuse)
        .flat_map(|finding| finding.tokens.iter().cloned())
        .collect()
}

/// The organisation at Apple of each token that names one.
pub(super) fn organisations_of(desired: &Desired) -> BTreeMap<Name, Realm> {
    let tokens = desired.tokens.iter();
    tokens
        .filter_map(|(name, token)| {
            Some((name.clone(), Realm::Apple(token.apple.as_ref()?.connection.clone())))
        })
        .collect()
}

fn tokens_of(desired: &Desired) -> BTreeMap<Name, Realm> {
    desired.tokens.iter().map(|(name, token)| (name.clone(), token.realm.clone())).collect()
}

/// What documents ask of devices, to be compared.
fn asks(desired: &Desired) -> Vec<(Name, String, Vec<Serial>)> {
    let all = desired.actions.values();
    all.map(|one| {
        let serials = one.devices.iter().map(|device| device.serial).collect();
        (one.name.clone(), one.content.canonical(), serials)
    })
    .collect()
}
