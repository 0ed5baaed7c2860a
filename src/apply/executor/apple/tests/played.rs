//! A played organisation, and a run over it: what is asked of it is counted, what it does is set
//! beforehand, and it can stop answering at any call.

#![allow(clippy::result_large_err, reason = "played, and never kept in numbers")]

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use uuid::Uuid;

use super::super::super::super::follow;
use super::super::super::super::journal::Scribe;
use super::super::super::super::report::{ItemCounts, StepOutcome};
use super::super::batch;
use super::super::door::{Door, Seen};
use super::super::life::{Activities, Patience};
use crate::ledger::{Holder, Lease, Ledger, LedgerView};
use crate::model::clock::{Clock, Timestamp, after};
use crate::model::live::{Cause, Complete, Fact};
use crate::model::organisation::{
    ActivityRow, ActivityState, LiveOrganisation, LiveService, OrgDevicesBuilder, OrgRow, ServiceKind,
};
use crate::model::{ActivityId, Address, Edition, Name, ProductFamily, Realm, Serial, ServiceId, TokenId};
use crate::plan::{Action, Class, Effect, MoveGroup, Reason, ServiceAction, Step};
use crate::progress::NoProgress;
use crate::provider::{self, AppleWrite, Done, Outcome};

/// What meets a POST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    Refused,
    /// The answer is lost, and it had its effect.
    LostAfter,
    /// The request is lost.
    LostBefore,
}

#[derive(Default)]
struct World {
    now: Timestamp,
    at: BTreeMap<Serial, ServiceId>,
    services: BTreeMap<ServiceId, LiveService>,
    activities: BTreeMap<ActivityId, Played1>,
    calls: Vec<String>,
    posts: Vec<Timestamp>,
    first_look: Option<Timestamp>,
    trouble: Vec<Trouble>,
    room: Option<usize>,
    polls: usize,
    lag: Duration,
    issues: BTreeMap<Serial, (String, bool)>,
    no_log: bool,
    broken_after: Option<usize>,
    unreadable: Option<ServiceId>,
    /// What the lists showed before the last activity took effect, and until when they do.
    late: Option<(Timestamp, BTreeMap<Serial, ServiceId>)>,
    /// The call at which it stops answering: before its effect, or after it.
    die: Option<(usize, bool)>,
    /// How often a device was moved.
    pub moves: BTreeMap<Serial, usize>,
}

/// One activity.
struct Played1 {
    serials: Vec<Serial>,
    left: usize,
    state: ActivityState,
    rows: Vec<ActivityRow>,
}

/// The organisation; clones share it.
#[derive(Clone)]
pub struct Played {
    world: Arc<Mutex<World>>,
    dead: Arc<Notify>,
}

impl Clock for Played {
    fn now(&self) -> Timestamp {
        self.world().now
    }

    fn sleep(&self, span: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        let mut world = self.world();
        world.now = after(world.now, span);
        Box::pin(async {})
    }
}

impl Played {
    fn new() -> Self {
        let now = Timestamp::from_second(1_795_000_000).unwrap();
        let world = World { now, polls: 1, ..World::default() };
        Self { world: Arc::new(Mutex::new(world)), dead: Arc::new(Notify::new()) }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub fn put(&self, service: &str, serials: &[&str]) {
        let mut world = self.world();
        for serial in serials {
            world.at.insert(Serial::new(serial).unwrap(), ServiceId::new(service));
        }
    }

    pub fn add_service(&self, id: &str, name: &str, families: &[ProductFamily]) {
        let id = ServiceId::new(id);
        let service = LiveService {
            id: id.clone(),
            name: name.to_owned(),
            kind: ServiceKind::Mdm,
            status: Some("ACTIVE".to_owned()),
            device_count: None,
            may_disown: None,
            default_for: Some(Fact::Known(families.to_vec())),
            last_connected: None,
        };
        self.world().services.insert(id, service);
    }

    pub fn at(&self, service: &str) -> Vec<Serial> {
        let service = ServiceId::new(service);
        self.world().at.iter().filter(|(_, at)| **at == service).map(|(serial, _)| *serial).collect()
    }

    pub fn calls(&self) -> String {
        self.world().calls.join(" ")
    }

    pub fn posts(&self) -> usize {
        self.world().posts.len()
    }

    pub fn times_of_posts(&self) -> Vec<Timestamp> {
        self.world().posts.clone()
    }

    pub fn first_look(&self) -> Option<Timestamp> {
        self.world().first_look
    }

    pub fn most_moves(&self) -> usize {
        self.world().moves.values().copied().max().unwrap_or_default()
    }

    /// How many looks an activity needs until it has ended.
    pub fn polls(&self, polls: usize) {
        self.world().polls = polls;
    }

    /// For how many seconds lists stay as they were.
    pub fn lag(&self, seconds: u64) {
        self.world().lag = Duration::from_secs(seconds);
    }

    /// The log tells an issue of a device, which moves all the same or does not.
    pub fn issue(&self, serial: &str, words: &str, moves: bool) {
        self.world().issues.insert(Serial::new(serial).unwrap(), (words.to_owned(), moves));
    }

    pub fn no_log(&self) {
        self.world().no_log = true;
    }

    /// Activities are stopped after so many devices.
    pub fn break_off(&self, devices: usize) {
        self.world().broken_after = Some(devices);
    }

    /// What meets the next POSTs, in turn.
    pub fn trouble(&self, trouble: &[Trouble]) {
        self.world().trouble = trouble.to_vec();
    }

    pub fn room_for(&self, posts: usize) {
        self.world().room = Some(posts);
    }

    pub fn next_room(&self) -> Timestamp {
        Timestamp::from_second(1_795_003_600).unwrap()
    }

    pub fn unreadable(&self, service: &str) {
        self.world().unreadable = Some(ServiceId::new(service));
    }

    /// From call number `call` on (from 0) nothing is answered; that call has its effect, or has not.
    pub fn die_at(&self, call: usize, after_effect: bool) {
        self.world().die = Some((call, after_effect));
    }

    pub fn revive(&self) {
        self.world().die = None;
    }

    pub fn died(&self) -> Arc<Notify> {
        Arc::clone(&self.dead)
    }

    /// Counts a call and carries it out, unless this is the one at which everything ends.
    async fn call<T>(&self, name: String, effect: impl FnOnce(&mut World) -> T) -> T {
        let answer = {
            let mut world = self.world();
            let number = world.calls.len();
            world.calls.push(name);
            match world.die {
                Some((at, false)) if number >= at => None,
                Some((at, true)) if number >= at => {
                    let _ = effect(&mut world);
                    None
                }
                _ => Some(effect(&mut world)),
            }
        };
        match answer {
            Some(answer) => answer,
            None => {
                self.dead.notify_one();
                std::future::pending().await
            }
        }
    }

    /// The organisation as a later run reads it.
    pub fn live(&self) -> LiveOrganisation {
        let world = self.world();
        let mut builder = OrgDevicesBuilder::default();
        for serial in world.at.keys() {
            builder.push(serial.as_str(), &OrgRow::default());
        }
        for (serial, service) in &world.at {
            let service = builder.service(service);
            builder.link(service, serial.as_str());
        }
        LiveOrganisation {
            tenant: "org".to_owned(),
            edition: Edition::Business,
            services: Fact::Known(Complete::after_last_page(world.services.values().cloned().collect())),
            devices: Fact::Known(builder.after_last_page()),
            activities: BTreeMap::new(),
            read_at: world.now,
            reused: false,
            budget: crate::model::organisation::Budget {
                get_per_minute: 20,
                post_per_hour: 10,
                posts_free: 10,
                next_post: None,
            },
        }
    }
}

fn trouble(cause: Cause) -> provider::Trouble {
    provider::Trouble { cause, text: "a played trouble".to_owned(), ..provider::Trouble::misdirected() }
}

impl World {
    fn begin(&mut self, write: &AppleWrite, room_again: Timestamp) -> Outcome {
        self.posts.push(self.now);
        if let Some(room) = &mut self.room {
            if *room == 0 {
                let put_off = provider::Trouble { not_before: Some(room_again), ..trouble(Cause::Throttled) };
                return Outcome::NotSent(put_off);
            }
            *room -= 1;
        }
        let met = (!self.trouble.is_empty()).then(|| self.trouble.remove(0));
        match met {
            Some(Trouble::Refused) => return Outcome::Refused(trouble(Cause::Refused)),
            Some(Trouble::LostBefore) => return Outcome::Lost(trouble(Cause::LostAnswer)),
            Some(Trouble::LostAfter) | None => {}
        }
        let id = self.take_on(write);
        match met {
            Some(_) => Outcome::Lost(trouble(Cause::LostAnswer)),
            None => Outcome::Done(Done { activity: Some(id), ..Done::default() }),
        }
    }

    fn take_on(&mut self, write: &AppleWrite) -> ActivityId {
        let (serials, to) = match write {
            AppleWrite::Assign { to, serials, .. } => (serials, Some(Some(to))),
            AppleWrite::Unassign { serials, .. } => (serials, Some(None)),
            AppleWrite::UpdateDeadline { serials, .. } | AppleWrite::CancelMigration { serials } => {
                (serials, None)
            }
            other => panic!("{other:?}"),
        };
        assert!(serials.len() <= 1000 && serials.is_sorted());
        let open: BTreeSet<Serial> = self
            .activities
            .values()
            .filter(|one| one.left > 0)
            .flat_map(|one| one.serials.iter().copied())
            .collect();
        assert!(serials.iter().all(|serial| !open.contains(serial)), "two open activities share a device");
        if self.lag > Duration::ZERO {
            self.late = Some((after(self.now, self.lag), self.at.clone()));
        }
        let done = self.broken_after.unwrap_or(serials.len());
        let mut rows = Vec::new();
        for serial in &serials[..done.min(serials.len())] {
            let issue = self.issues.get(serial).cloned();
            let moves = issue.as_ref().is_none_or(|(_, moves)| *moves);
            rows.push(ActivityRow { serial: *serial, issue: issue.map(|(words, _)| words) });
            match to.filter(|_| moves) {
                Some(Some(to)) => drop(self.at.insert(*serial, to.clone())),
                Some(None) => drop(self.at.remove(serial)),
                None => continue,
            }
            *self.moves.entry(*serial).or_default() += 1;
        }
        let state = match (self.broken_after, rows.iter().any(|row| row.issue.is_some())) {
            (Some(_), _) => ActivityState::Broken("STOPPED, STOPPING".to_owned()),
            (None, true) => ActivityState::EndedWithIssues("COMPLETED_WITH_FAILURE".to_owned()),
            (None, false) => ActivityState::Succeeded,
        };
        let id = ActivityId(format!("activity-{}", self.activities.len()));
        let serials = serials.clone();
        self.activities.insert(id.clone(), Played1 { serials, left: self.polls, state, rows });
        id
    }

    fn look(&mut self, id: &ActivityId) -> Seen {
        let (now, no_log) = (self.now, self.no_log || self.broken_after.is_some());
        self.first_look.get_or_insert(now);
        let Some(one) = self.activities.get_mut(id) else {
            return Seen { state: ActivityState::Forgotten, rows: None };
        };
        one.left = one.left.saturating_sub(1);
        match one.left {
            0 => Seen { state: one.state.clone(), rows: (!no_log).then(|| one.rows.clone()) },
            _ => Seen { state: ActivityState::Running("PROCESSING".to_owned()), rows: None },
        }
    }

    fn linkage(&self, service: &ServiceId) -> Result<HashSet<Serial>, provider::Trouble> {
        if self.unreadable.as_ref() == Some(service) {
            return Err(trouble(Cause::Unavailable));
        }
        let late = self.late.as_ref().filter(|(until, _)| *until > self.now);
        let at = late.map_or(&self.at, |(_, at)| at);
        Ok(at.iter().filter(|(_, at)| *at == service).map(|(serial, _)| *serial).collect())
    }

    fn at_service(&mut self, write: &AppleWrite) -> Outcome {
        let met = (!self.trouble.is_empty()).then(|| self.trouble.remove(0));
        match met {
            Some(Trouble::Refused) => return Outcome::Refused(trouble(Cause::Refused)),
            Some(Trouble::LostBefore) => return Outcome::Lost(trouble(Cause::LostAnswer)),
            Some(Trouble::LostAfter) | None => {}
        }
        let mut done = Done::default();
        match write {
            AppleWrite::RenameService { id, name } => {
                self.services.get_mut(id).unwrap().name.clone_from(name);
            }
            AppleWrite::SetFamilies { id, has, shall_have } => {
                let service = self.services.get_mut(id).unwrap();
                let Some(Fact::Known(known)) = &service.default_for else { panic!() };
                assert_eq!(known, has, "what it has is what was read");
                service.default_for = Some(Fact::Known(shall_have.clone()));
            }
            AppleWrite::DeleteService { id } => drop(self.services.remove(id)),
            AppleWrite::CreateService { name, .. } => {
                let id = ServiceId::new(&format!("{:032X}", self.services.len() + 1));
                let service = LiveService {
                    id: id.clone(),
                    name: name.clone(),
                    kind: ServiceKind::Mdm,
                    status: Some("ACTIVE".to_owned()),
                    device_count: Some(0),
                    may_disown: Some(false),
                    default_for: None,
                    last_connected: None,
                };
                self.services.insert(id.clone(), service);
                done.service = Some(id);
            }
            other => panic!("{other:?}"),
        }
        match met {
            Some(_) => Outcome::Lost(trouble(Cause::LostAnswer)),
            None => Outcome::Done(done),
        }
    }
}

impl Door for Played {
    async fn write(&self, write: &AppleWrite) -> Outcome {
        let is_activity = matches!(
            write,
            AppleWrite::Assign { .. }
                | AppleWrite::Unassign { .. }
                | AppleWrite::UpdateDeadline { .. }
                | AppleWrite::CancelMigration { .. }
        );
        let room = self.next_room();
        match is_activity {
            true => self.call("begin".to_owned(), |world| world.begin(write, room)).await,
            false => self.call("write".to_owned(), |world| world.at_service(write)).await,
        }
    }

    async fn look(&self, activity: &ActivityId) -> Result<Seen, provider::Trouble> {
        Ok(self.call("look".to_owned(), |world| world.look(activity)).await)
    }

    async fn linkage(&self, service: &ServiceId) -> Result<HashSet<Serial>, provider::Trouble> {
        self.call(format!("linkage:{service}"), |world| world.linkage(service)).await
    }

    async fn services(&self) -> Result<Complete<LiveService>, provider::Trouble> {
        let all = |world: &mut World| Complete::after_last_page(world.services.values().cloned().collect());
        Ok(self.call("services".to_owned(), all).await)
    }

    async fn service(&self, id: &ServiceId) -> Result<Option<LiveService>, provider::Trouble> {
        Ok(self.call("service".to_owned(), |world| world.services.get(id).cloned()).await)
    }
}

/// An organisation, a ledger, and runs.
pub struct Ground {
    pub org: Played,
    pub ledger: Ledger,
    pub wait: Duration,
    pub realm: Realm,
    lease: Option<Lease>,
    stop: (watch::Sender<bool>, watch::Receiver<bool>),
}

impl Ground {
    pub fn new() -> Self {
        let org = Played::new();
        let ledger = Ledger::in_memory(Uuid::from_u128(7), org.now()).unwrap();
        let lease = Some(ledger.lock(Holder::of_this_process("apply", Uuid::new_v4(), org.now())).unwrap());
        let realm = Realm::Apple(Name::new("acme").unwrap());
        Self { org, ledger, wait: Duration::from_secs(2400), realm, lease, stop: watch::channel(false) }
    }

    /// Another run takes over.
    pub fn next_run(&mut self) {
        self.lease = None;
        let holder = Holder::of_this_process("apply", Uuid::new_v4(), self.org.now());
        self.lease = Some(self.ledger.lock(holder).unwrap());
    }

    pub fn stop(&self) {
        self.stop.0.send_replace(true);
    }

    pub fn view(&self) -> LedgerView {
        self.ledger.view(self.org.now()).unwrap()
    }

    pub fn lease(&self) -> &Lease {
        self.lease.as_ref().unwrap()
    }

    /// The token whose service this is: F2 is that of `two`.
    fn token(service: &str) -> Address {
        let words = ["zero", "one", "two", "three", "four", "five", "six"];
        let at: usize = service.trim_start_matches('F').parse().unwrap_or_default();
        Address::token(&Name::new(words[at]).unwrap())
    }

    pub fn assign(&self, to: &str, from: &[(&str, &[&str])], deadline: &str) -> Step {
        let groups = from.iter().map(|(from, serials)| MoveGroup {
            from: Some(ServiceId::new(from)),
            from_name: None,
            foreign: false,
            serials: super::serials(serials),
        });
        let action = ServiceAction::Assign {
            id: ServiceId::new(to),
            groups: groups.collect(),
            deadline: deadline.parse().ok(),
        };
        Step { address: Self::token(to), ..self.step(action) }
    }

    pub fn step(&self, action: ServiceAction) -> Step {
        let address = Self::token("F1");
        Step {
            id: format!("{} {address} {}", action.verb(), uuid::Uuid::new_v4()),
            address,
            connection: self.realm.clone(),
            token_id: TokenId(String::new()),
            object: None,
            name: "Lab".to_owned(),
            platform: None,
            action: Action::Service(action),
            reason: Reason::Elsewhere,
            class: Class::Safe,
            effect: Effect::default(),
            needs: Vec::new(),
            prove_first: false,
            not_before: None,
            notes: Vec::new(),
            fingerprint: String::new(),
        }
    }

    pub fn patience(&self) -> Patience<'_> {
        let deadline = after(self.org.now(), self.wait);
        Patience { clock: &self.org, deadline, stop: self.stop.1.clone() }
    }

    pub fn scribe(&self) -> Scribe<'_> {
        Scribe { ledger: Some((&self.ledger, self.lease())), clock: &self.org }
    }

    pub async fn run(&self, steps: &[&Step]) -> Vec<(StepOutcome, ItemCounts)> {
        let (batches, shares) =
            batch::cut(steps, |_| "org".to_owned(), |_| Name::new("kiosks").ok(), &self.view());
        let mut activities = Activities {
            doors: BTreeMap::from([(&self.realm, self.org.clone())]),
            scribe: self.scribe(),
            patience: self.patience(),
            progress: &NoProgress,
            batches,
            lists: BTreeMap::new(),
        };
        activities.carry_out().await.unwrap();
        let judge = |step: &&Step| {
            let (outcome, counts, arrived) = activities.judge(&shares[step.id.as_str()]);
            assert_eq!(arrived.len(), counts.committed);
            (outcome, counts)
        };
        steps.iter().map(judge).collect()
    }

    pub async fn run_one(&self, step: &Step) -> (StepOutcome, ItemCounts) {
        self.run(&[step]).await.remove(0)
    }

    /// What a later run does first: it follows what is open.
    pub async fn follow(&self) -> bool {
        let (services, tenants) = (BTreeMap::new(), BTreeMap::new());
        let follower = follow::Follower {
            services: &services,
            tenants: &tenants,
            ledger: (&self.ledger, self.lease()),
            clock: &self.org,
            deadline: after(self.org.now(), self.wait),
            stop: self.stop.1.clone(),
            progress: &NoProgress,
        };
        let doors = BTreeMap::from([("org", self.org.clone())]);
        follower.follow_through(&self.view(), &doors).await.unwrap()
    }
}
